"""Layers that give the same elements in another order or shape."""

from __future__ import annotations

from typing import Any, ClassVar

from cnncalc.errors import OpError
from cnncalc.formula import Formula, Step, anywhere, prod
from cnncalc.ops.base import AS_GIVEN, AxisNumber, Casts, Costs, Op, Saved, Shape, count, per_dimension, show, spatial
from cnncalc.ops.sight import POINT, UNKNOWN, WHOLE, Resampled, Sight, Sliding
from cnncalc.ops.window import Positive, Whole, dimension_names

# mypy: disable-error-code="no-untyped-def"


class _Rearrangement(Op, frozen=True):
    """What they share: nothing is computed, and autograd saves nothing."""

    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {}
    saves: ClassVar[Saved | None] = Saved()


class Permute(_Rearrangement, frozen=True):
    """The axes in another order; 0 is the channels, the batch stays first. The output is a tensor of its own, not a
    view, in whose order what follows can read it.

    >>> Permute((1, 0)).output_shape((768, 196))
    (196, 768)
    """

    order: tuple[AxisNumber, ...]

    kind: ClassVar[str] = "permute"
    main: ClassVar[str | None] = "order"

    def output_shape(self, *inputs: Shape) -> Shape:
        axes = len(inputs[0])
        if sorted(self.order) != list(range(axes)):
            raise OpError(
                "permute lists each axis once",
                option="order",
                label=f"{list(self.order)} for {show(inputs[0])}",
                hint=f"it has the axes 0 to {axes - 1}",
            )
        return tuple(inputs[0][axis] for axis in self.order)

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return ((POINT,) * (len(inputs[0]) - 1) if self._moves_nothing else UNKNOWN,)

    @property
    def _moves_nothing(self) -> bool:
        return self.order == tuple(range(len(self.order)))

    def is_view(self, *inputs: Shape, training: bool = False) -> bool:
        # Axes of size 1 lie anywhere.
        large = [axis for axis in self.order if inputs[0][axis] != 1]
        return large == sorted(large)


@Formula
def size_left(elements, others):
    """The size that is left open: the elements over the product of the other sizes."""
    return elements // others


class Reshape(_Rearrangement, frozen=True):
    """The same elements in another shape, without the batch; one size may be left open as -1.

    >>> Reshape((256, -1)).output_shape((256, 14, 14))
    (256, 196)
    """

    shape: tuple[Whole, ...]

    kind: ClassVar[str] = "reshape"
    gathers: ClassVar[bool] = True
    main: ClassVar[str | None] = "shape"

    def output_shape(self, *inputs: Shape) -> Shape:
        wrong = [size for size in self.shape if size < 1 and size != -1]
        if wrong or not 1 <= len(self.shape) <= 6 or self.shape.count(-1) > 1:
            raise OpError(
                "reshape takes 1 to 6 sizes from 1, one of which may be -1",
                option="shape",
                label=f"got {list(self.shape)}",
                hint="such as {reshape: [256, -1]}",
            )
        elements, others = prod(inputs[0]), self._others()
        fits = elements % others == 0 if -1 in self.shape else elements == others
        if not fits if isinstance(fits, bool) else not fits.all():
            raise OpError(
                "reshape keeps the number of elements",
                option="shape",
                label=f"{show(inputs[0])} has {count(int(_first(elements)), 'element')}, not {others:,}",
                hint="-1 stands for the size that is left",
            )
        return tuple(elements // others if size == -1 else size for size in self.shape)

    def _others(self) -> int:
        """The product of the sizes that are given."""
        return int(prod([size for size in self.shape if size != -1]))

    def steps(self, *inputs: Shape) -> list[Step]:
        if -1 not in self.shape:
            return []
        return [Step("size left open", size_left, {"elements": prod(inputs[0]), "others": self._others()})]

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        if len(self.shape) == 1:
            return (WHOLE,)
        output = self.output_shape(*inputs)
        same = len(output) == len(inputs[0]) and not any(
            anywhere(n != m) for n, m in zip(output, inputs[0], strict=True)
        )
        return ((POINT,) * (len(output) - 1) if same else UNKNOWN,)

    def is_view(self, *inputs: Shape, training: bool = False) -> bool:
        return True


def _first(number: Any) -> Any:
    """A number, or the first of an array."""
    return number.flat[0] if hasattr(number, "flat") else number


class Roll(_Rearrangement, frozen=True):
    """Moves all positions on, one number or one per spatial dimension; what leaves at one end comes back at the other
    (Swin's shifted windows). PyTorch's `roll`.

    Shape [C, *spatial], kept.

    >>> Roll(-3).output_shape((96, 56, 56))
    (96, 56, 56)
    """

    shift: Whole | tuple[Whole, ...]

    kind: ClassVar[str] = "roll"
    keeps_last: ClassVar[frozenset[int]] = frozenset({2, 3})
    main: ClassVar[str | None] = "shift"

    def shifts(self, x: Shape) -> tuple[int, ...]:
        """The shift of each spatial dimension."""
        return per_dimension(self.shift, len(spatial(x, self.kind)), "shift")

    def output_shape(self, *inputs: Shape) -> Shape:
        self.shifts(inputs[0])
        return inputs[0]

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        shifts = self.shifts(inputs[0])
        still = not any(anywhere(shift % n != 0) for shift, n in zip(shifts, inputs[0][1:], strict=True))
        return ((POINT,) * len(shifts) if still else UNKNOWN,)


class PixelShuffle(_Rearrangement, frozen=True):
    """Deals channels out over space (Shi et al. 2016, sub-pixel convolution), PyTorch's `PixelShuffle`.

    Input [C * factor^2, H, W], output [C, H * factor, W * factor].

    >>> PixelShuffle(2).output_shape((256, 24, 24))
    (64, 48, 48)
    """

    factor: Positive

    kind: ClassVar[str] = "pixel_shuffle"
    keeps_last: ClassVar[frozenset[int]] = frozenset({2})
    main: ClassVar[str | None] = "factor"

    def output_shape(self, *inputs: Shape) -> Shape:
        c, *sizes = _image(inputs[0], self.kind)
        if anywhere(c % self.factor**2 != 0):
            raise OpError(
                "the factor's square must divide the channels",
                option="factor",
                label=f"{count(int(_first(c)), 'channel')}, {self.factor}^2 = {self.factor**2:,}",
            )
        return (c // self.factor**2, *(n * self.factor for n in sizes))

    def steps(self, *inputs: Shape) -> list[Step]:
        rows = zip(dimension_names(2), inputs[0][1:], strict=True)
        return [Step(label, spread_size, {"n": n, "f": self.factor}) for label, n in rows]

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return (tuple(Resampled(n * self.factor) for n in inputs[0][1:]),)


@Formula
def spread_size(n, f):
    """The size times the factor."""
    return n * f


@Formula
def gathered_size(n, f):
    """The size over the factor."""
    return n // f


class PixelUnshuffle(_Rearrangement, frozen=True):
    """Gathers space in channels, the reverse of `pixel_shuffle` (YOLOv2's reorg, space to depth), PyTorch's
    `PixelUnshuffle`.

    Input [C, H, W], output [C * factor^2, H / factor, W / factor].

    >>> PixelUnshuffle(2).output_shape((64, 26, 26))
    (256, 13, 13)
    """

    factor: Positive

    kind: ClassVar[str] = "pixel_unshuffle"
    keeps_last: ClassVar[frozenset[int]] = frozenset({2})
    main: ClassVar[str | None] = "factor"

    def output_shape(self, *inputs: Shape) -> Shape:
        c, *sizes = _image(inputs[0], self.kind)
        if any(anywhere(n % self.factor != 0) for n in sizes):
            raise OpError(
                "the factor must divide height and width",
                option="factor",
                label=f"{show(inputs[0])} by {self.factor}",
                hint="pad first",
            )
        return (c * self.factor**2, *(n // self.factor for n in sizes))

    def steps(self, *inputs: Shape) -> list[Step]:
        rows = zip(dimension_names(2), inputs[0][1:], strict=True)
        return [Step(label, gathered_size, {"n": n, "f": self.factor}) for label, n in rows]

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return ((Sliding(self.factor, self.factor),) * 2,)


def _image(x: Shape, kind: str) -> Shape:
    """A shape [C, H, W]; an error for any other.

    Raises:
        OpError: it is none.
    """
    if len(x) != 3:
        raise OpError(f"{kind} works on images [C, H, W]", label=f"the input here is {show(x)}")
    return x


KINDS: tuple[type[Op], ...] = (Permute, Reshape, Roll, PixelShuffle, PixelUnshuffle)
