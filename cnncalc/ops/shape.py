"""Layers that move, cut, stretch or scale what they are given. Symbols: elements of the output, c channels."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from cnncalc.errors import OpError
from cnncalc.formula import Formula, Step, Switch, anywhere, ceil_div, prod
from cnncalc.ops.base import (
    AS_GIVEN,
    FLOAT32,
    WIDENED,
    AxisNumber,
    Casts,
    Costs,
    Elementwise,
    Op,
    Saved,
    Shape,
    Words,
    check_axis,
    count,
    each,
    none_of_them,
    per_dimension,
    show,
    spatial,
)
from cnncalc.ops.sight import POINT, WHOLE, Folded, Resampled, Sight, Sliding
from cnncalc.ops.window import Positive, Sizes, Whole, dimension_names, pairs

# mypy: disable-error-code="no-untyped-def"


class Flatten(Op, frozen=True):
    """All elements in one row, PyTorch's `Flatten`.

    Input [C, *spatial], output [C * product of spatial].

    >>> Flatten().output_shape((256, 6, 6))
    (9216,)
    """

    kind: ClassVar[str] = "flatten"
    gathers: ClassVar[bool] = True
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {}
    saves: ClassVar[Saved | None] = Saved()

    def steps(self, *inputs: Shape) -> list[Step]:
        return [Step("features", flat_size, {"input": inputs[0]})]

    def output_shape(self, *inputs: Shape) -> Shape:
        return (prod(inputs[0]),)

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return (WHOLE,)

    def is_view(self, *inputs: Shape, training: bool = False) -> bool:
        return True


@Formula
def flat_size(input):
    """The product of all sizes."""
    return prod(input)


@Formula
def padded_size(n, before, after):
    """Zeros before and after; negative ones cut."""
    return n + before + after


class Pad(Op, frozen=True):
    """Zeros around the image; negative padding crops it. PyTorch's `functional.pad`.

    Input [C, *spatial], output [C', *spatial']. `channels` also adds channels of zeros, [before, after]: the
    shortcut without parameters of He et al. 2015 (CIFAR ResNets). `mode` puts something else than zeros around it:
    its mirror image without the border (`reflect`), its border again (`replicate`), or its other end (`circular`);
    `value` another number in place of the zeros.

    >>> Pad(((0, 1), (0, 1))).output_shape((64, 112, 112))
    (64, 113, 113)
    >>> Pad(-4).output_shape((64, 64, 64))
    (64, 56, 56)
    >>> Pad(0, channels=(8, 8)).output_shape((16, 16, 16))
    (32, 16, 16)
    """

    padding: Whole | tuple[Whole | tuple[Whole, ...], ...]
    channels: tuple[Whole, Whole] = (0, 0)
    mode: Literal["zero", "reflect", "replicate", "circular"] = "zero"
    value: float = 0.0

    kind: ClassVar[str] = "pad"
    keeps_last: ClassVar[frozenset[int]] = frozenset({2, 3})
    words: ClassVar[Words] = {"mode": ("zero", "reflect", "replicate", "circular")}
    costs: ClassVar[Costs] = {}
    main: ClassVar[str | None] = "padding"

    def gives_last(self, inputs: tuple[Shape, ...], last: tuple[bool, ...]) -> bool:
        return self.mode != "circular" and super().gives_last(inputs, last)

    def pads(self, x: Shape) -> tuple[tuple[int, int], ...]:
        """[before, after] of each spatial dimension."""
        d = len(spatial(x, self.kind))
        return pairs(self.padding if isinstance(self.padding, tuple) else (self.padding,) * d, d)

    def steps(self, *inputs: Shape) -> list[Step]:
        rows = zip(dimension_names(len(inputs[0]) - 1), inputs[0][1:], self.pads(inputs[0]), strict=True)
        return [
            Step(label, padded_size, {"n": n, "before": before, "after": after}) for label, n, (before, after) in rows
        ]

    def output_shape(self, *inputs: Shape) -> Shape:
        pads = self.pads(inputs[0])
        for n, (before, after) in zip(inputs[0][1:], pads, strict=True):
            if anywhere((n + before + after < 1) | (before < -n) | (after < -n)):
                raise OpError(
                    "the crop leaves nothing", option="padding", label=f"size {n}, padding {before} and {after}"
                )
        sizes = [n + before + after for n, (before, after) in zip(inputs[0][1:], pads, strict=True)]
        if min(self.channels) < 0:
            raise OpError(
                "pad only adds channels",
                option="channels",
                label=f"{self.channels[0]} and {self.channels[1]}",
                hint="slice takes a range of the channels",
            )
        if self.mode != "zero":
            if self.value:
                raise OpError(f"{self.mode} padding has no value", option="value", hint="leave out mode, or value")
            self._check_mode(inputs[0], pads)
        return (inputs[0][0] + sum(self.channels), *sizes)

    def autocast(self, *inputs: Shape) -> Casts | None:
        # Of PyTorch's paddings those with the border or its mirror image work in float32, the latter not of volumes.
        single = self.mode == "replicate" or (self.mode == "reflect" and len(inputs[0]) < 4)
        return FLOAT32 if single else AS_GIVEN

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        return Saved((0,)) if self.mode in ("reflect", "replicate") else Saved()

    def _check_mode(self, x: Shape, pads: tuple[tuple[int, int], ...]) -> None:
        """What is mirrored or comes again must be there."""
        if any(self.channels):
            raise OpError("only zeros are added as channels", option="channels", hint="leave out mode")
        for n, (before, after) in zip(x[1:], pads, strict=True):
            room = {"reflect": n - 1, "circular": n}.get(self.mode)
            if min(before, after) < 0:
                raise OpError(f"{self.mode} padding does not crop", option="padding", label=f"{before} and {after}")
            if room is not None and anywhere(room < max(before, after)):
                raise OpError(
                    f"{self.mode} padding is larger than what it repeats",
                    option="padding",
                    label=f"size {n}, padding {before} and {after}",
                )

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        pads = self.pads(inputs[0])
        if self.mode == "zero":
            return (tuple(Sliding(1, 1, before, after) for before, after in pads),)
        return (tuple(Folded(before, after, self.mode) if before or after else POINT for before, after in pads),)


@Formula
def sliced_size(start, stop, step):
    """The positions from start on, before stop, a step apart."""
    return ceil_div(stop - start, step)


class Slice(Elementwise, frozen=True):
    """A range of the channels, or of another `axis`: start included, stop not, every `step`th.

    Input [C, *spatial], output [stop - start, *spatial]. A range of neighbouring channels is a view; any other is
    copied.

    >>> Slice((0, 58)).output_shape((116, 28, 28))
    (58, 28, 28)
    >>> Slice((1, 56), axis=2, step=2).output_shape((64, 56, 56))
    (64, 56, 28)
    """

    channels: tuple[Whole, Whole]
    axis: AxisNumber = 0
    step: Positive = 1

    kind: ClassVar[str] = "slice"
    keeps_order: ClassVar[bool] = False
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {}
    saves: ClassVar[Saved | None] = Saved()
    main: ClassVar[str | None] = "channels"

    def output_shape(self, *inputs: Shape) -> Shape:
        start, stop = self.channels
        x = inputs[0]
        check_axis(self.axis, x)
        if not 0 <= start < stop or anywhere(stop > x[self.axis]):
            size = (
                f"of {count(x[0], 'channel')}" if self.axis == 0 else f"of the size {x[self.axis]} of axis {self.axis}"
            )
            where = "the channels" if self.axis == 0 else "the axis"
            raise OpError(
                f"slice takes [start, stop] within {where}", option="channels", label=f"{start} to {stop} {size}"
            )
        size = sliced_size(start=start, stop=stop, step=self.step)
        return (*x[: self.axis], size, *x[self.axis + 1 :])

    def steps(self, *inputs: Shape) -> list[Step]:
        if self.step == 1:
            return []
        start, stop = self.channels
        return [Step("size", sliced_size, {"start": start, "stop": stop, "step": self.step})]

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        start, stop = self.channels
        x = inputs[0]
        cut = Sliding(1, self.step, -start, stop - x[self.axis])
        return (tuple(cut if axis == self.axis else POINT for axis in range(1, len(x))),)

    def is_view(self, *inputs: Shape, training: bool = False) -> bool:
        return self.axis == 0 and self.step == 1

    def gives_last(self, inputs: tuple[Shape, ...], last: tuple[bool, ...]) -> bool:
        return False  # a range of another axis is copied


class ChannelShuffle(Elementwise, frozen=True):
    """Deals the channels of the groups out in turn (Zhang et al. 2018, ShuffleNet).

    Shape [C, *spatial], kept.

    >>> ChannelShuffle(2).output_shape((116, 28, 28))
    (116, 28, 28)
    """

    groups: Positive

    kind: ClassVar[str] = "channel_shuffle"
    keeps_order: ClassVar[bool] = False
    keeps_last: ClassVar[frozenset[int]] = frozenset()
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {}
    saves: ClassVar[Saved | None] = Saved()
    main: ClassVar[str | None] = "groups"

    def output_shape(self, *inputs: Shape) -> Shape:
        if anywhere(inputs[0][0] % self.groups != 0):
            raise OpError(
                "groups must divide the channels",
                option="groups",
                label=f"{count(inputs[0][0], 'channel')} in {count(self.groups, 'group')}",
            )
        return inputs[0]

    def is_view(self, *inputs: Shape, training: bool = False) -> bool:
        return self.groups == 1 or not anywhere(inputs[0][0] != self.groups)


@Formula
def stretched_size(n, f):
    """The size times the factor."""
    return n * f


@Formula
def interpolation_muls(elements, taps):
    """Each output weighs its neighbours: 2^d, or 4^d if cubic."""
    return elements * taps


@Formula
def interpolation_adds(elements, taps):
    """Each output sums its neighbours."""
    return elements * (taps - 1)


class Upsample(Op, frozen=True):
    """Upsampling by a factor or to a size, PyTorch's `Upsample`.

    Input [C, *spatial], output [C, *spatial * factor]. `nearest` repeats elements, `linear` interpolates
    between the 2^d nearest, `cubic` between the 4^2 nearest of an image; with `align_corners` the first and last
    elements of input and output lie upon each other, else their outer edges.

    >>> Upsample(2).output_shape((256, 13, 13))
    (256, 26, 26)
    """

    factor: Sizes | None = None
    size: Sizes | None = None
    mode: Literal["nearest", "linear", "cubic"] = "nearest"
    align_corners: bool = False

    kind: ClassVar[str] = "upsample"
    keeps_last: ClassVar[frozenset[int]] = frozenset({2, 3})
    casts: ClassVar[Casts | None] = AS_GIVEN
    saves: ClassVar[Saved | None] = Saved()
    main: ClassVar[str | None] = "factor"
    words: ClassVar[Words] = {"mode": ("nearest", "linear", "cubic")}
    costs: ClassVar[Costs] = {"mul": interpolation_muls, "add": interpolation_adds}

    def formulas(self) -> Costs:
        return {} if self.mode == "nearest" else self.costs

    def _sizes(self, x: Shape) -> tuple[int, ...]:
        sizes = spatial(x, self.kind)
        if (self.factor is None) == (self.size is None):
            raise OpError("upsample needs a factor or a size", hint="such as {upsample: 2}")
        if self.size is not None:
            return per_dimension(self.size, len(sizes), "size")
        assert self.factor is not None
        factors = per_dimension(self.factor, len(sizes), "factor")
        return tuple(n * f for n, f in zip(sizes, factors, strict=True))

    def steps(self, *inputs: Shape) -> list[Step]:
        if self.factor is None:
            return []
        factors = per_dimension(self.factor, len(inputs[0]) - 1, "factor")
        rows = zip(dimension_names(len(factors)), inputs[0][1:], factors, strict=True)
        return [Step(label, stretched_size, {"n": n, "f": f}) for label, n, f in rows]

    def output_shape(self, *inputs: Shape) -> Shape:
        sizes = self._sizes(inputs[0])
        if self.mode == "linear" and len(sizes) > 3:
            raise OpError("linear upsampling works in 1 to 3 dimensions", option="mode", label=show(inputs[0]))
        if self.mode == "cubic" and len(sizes) != 2:
            raise OpError("cubic upsampling works on images [C, H, W]", option="mode", label=show(inputs[0]))
        if self.align_corners and self.mode == "nearest":
            raise OpError("nearest upsampling has no corners to align", option="align_corners", hint="leave it out")
        return (inputs[0][0], *sizes)

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"elements": prod(output), "taps": (4 if self.mode == "cubic" else 2) ** (len(output) - 1)}

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        linear, cubic = self.mode == "linear", self.mode == "cubic"
        return (tuple(Resampled(m, linear, cubic, self.align_corners) for m in self._sizes(inputs[0])),)


class Identity(Elementwise, frozen=True):
    """The input, unchanged. Any shape."""

    kind: ClassVar[str] = "identity"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {}
    saves: ClassVar[Saved | None] = Saved()

    def is_view(self, *inputs: Shape, training: bool = False) -> bool:
        return True


@Formula
def scale_params(c, bias):
    """A factor a channel, and an offset a channel if there is a bias."""
    return c + c * bias


@Formula
def scale_adds(elements, bias):
    """One for each element, if there is a bias."""
    return elements * bias


class Scale(Elementwise, frozen=True):
    """A learnt factor a channel, and optionally a learnt offset (LeNet-5's subsampling, ConvNeXt's layer scale).

    Shape [C, *spatial], kept.

    >>> Scale(bias=True).output_shape((6, 14, 14))
    (6, 14, 14)
    """

    bias: bool = False

    kind: ClassVar[str] = "scale"
    casts: ClassVar[Casts | None] = WIDENED
    costs: ClassVar[Costs] = {
        "params": scale_params,
        "weights": none_of_them,
        "mul": each,
        "add": scale_adds,
    }
    saves: ClassVar[Saved | None] = Saved((0,))

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"c": output[0], "elements": prod(output), "bias": Switch(self.bias)}

    def temporaries(self, inputs: tuple[Shape, ...], output: Shape) -> int:
        return prod(output) if self.bias else 0  # the product, to which the offset is added


KINDS: tuple[type[Op], ...] = (Flatten, Pad, Slice, ChannelShuffle, Upsample, Identity, Scale)
