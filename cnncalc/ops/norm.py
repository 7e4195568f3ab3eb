"""Normalisations. Symbols: c channels, elements, m means taken; affine and training on or off.

At inference batch normalisation is one multiplication and one addition an element: the stored statistics
and the learnt scale and shift fold into one factor and one offset a channel.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from cnncalc.errors import OpError
from cnncalc.formula import Formula, Switch, anywhere, prod
from cnncalc.ops.base import (
    AS_GIVEN,
    OF_INPUTS,
    OF_OUTPUT,
    OF_PARAMETERS,
    WIDENED,
    Casts,
    Costs,
    Elementwise,
    Extra,
    Op,
    Saved,
    Shape,
    Words,
    count,
    each,
    none_of_them,
    show,
    spatial,
)
from cnncalc.ops.sight import POINT, WHOLE, Sight, Spread
from cnncalc.ops.window import Positive

# mypy: disable-error-code="no-untyped-def"

Epsilon = Annotated[float, Meta(gt=0)]


@Formula
def affine_params(c, affine):
    """A scale and a shift a channel."""
    return 2 * c * affine


@Formula
def running_statistics(c):
    """A running mean and a running variance a channel. PyTorch also stores one count of batches a layer."""
    return 2 * c


@Formula
def batchnorm_adds(elements, training):
    """The offset; in training also the sums for the mean and for the variance, and the centring."""
    return elements + 3 * elements * training


@Formula
def batchnorm_muls(elements, training):
    """The factor; in training also the squares for the variance."""
    return elements + elements * training


@Formula
def batchnorm_divs(c, training):
    """In training, the two means and the reciprocal a channel, once for the batch."""
    return 3 * c * training


@Formula
def batchnorm_roots(c, training):
    """In training, the standard deviation a channel, once for the batch."""
    return c * training


@Formula
def moments_adds(elements, m, affine):
    """The sums for the mean and the variance of each group, the centring, the small constant eps; and the shift, if
    learnt."""
    return 3 * elements - m + elements * affine


@Formula
def moments_muls(elements, affine):
    """The squares and the division by the deviation; and the scale, if learnt."""
    return 2 * elements + elements * affine


@Formula
def moments_divs(m):
    """For each group that is normalised: its mean, its variance, the reciprocal of its deviation."""
    return 3 * m


@Formula
def moments_roots(m):
    """One square root for each mean that is taken."""
    return m


MOMENTS: Costs = {
    "params": affine_params,
    "weights": none_of_them,
    "add": moments_adds,
    "mul": moments_muls,
    "div": moments_divs,
    "exp": moments_roots,
}


class BatchNorm(Elementwise, frozen=True):
    """Batch normalisation (Ioffe and Szegedy 2015), PyTorch's `BatchNorm2d` and so on.

    Any shape, kept. Learnt: scale and shift a channel; stored: running mean and variance.

    >>> BatchNorm().output_shape((64, 56, 56))
    (64, 56, 56)
    """

    affine: bool = True
    eps: Epsilon = 1e-5

    kind: ClassVar[str] = "batchnorm"
    keeps_order: ClassVar[bool] = False
    keeps_last: ClassVar[frozenset[int]] = frozenset({2, 3})
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {
        "params": affine_params,
        "weights": none_of_them,
        "buffers": running_statistics,
        "add": batchnorm_adds,
        "mul": batchnorm_muls,
        "div": batchnorm_divs,
        "exp": batchnorm_roots,
    }
    once: ClassVar[frozenset[str]] = frozenset({"div", "exp"})

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"c": output[0], "elements": prod(output), "affine": Switch(self.affine)}

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        return Saved((0,), extra=(Extra("mean and deviation", 2 * output[0], OF_PARAMETERS, per_sample=False),))


Over = Literal["channels", "last", "all"]
"""What a mean is taken over: the channels of each position, the last axis, or the whole sample."""

OVER_WORDS: Words = {"over": ("channels", "last", "all")}


def normalised(over: str, x: Shape) -> tuple[int, int]:
    """How many elements a mean is taken over, and how many means are taken."""
    if over == "all":
        return prod(x), 1
    return (x[0], prod(x[1:])) if over == "channels" else (x[-1], prod(x[:-1]))


def seen_over(over: str, x: Shape) -> Sight:
    """What a unit sees of the input of a normalisation."""
    if over == "all":
        return WHOLE
    last = len(x) - 1 if over == "last" else 0
    return tuple(Spread() if axis == last else POINT for axis in range(1, len(x)))


def _moments(number: int, affine: bool) -> Extra:
    """The mean and the deviation of each group, of the type of scale and shift, or else of the input."""
    return Extra("mean and deviation", 2 * number, OF_PARAMETERS if affine else OF_INPUTS)


class LayerNorm(Elementwise, frozen=True):
    """Layer normalisation (Ba, Kiros and Hinton 2016).

    Any shape, kept. `over: channels` normalises the channels of each position (ConvNeXt), with a scale and a
    shift a channel; `over: last` the last axis (sequences [T, C]), with a scale and a shift an element of it;
    `over: all` the whole sample, with a scale and a shift an element.

    >>> LayerNorm().output_shape((96, 56, 56))
    (96, 56, 56)
    """

    affine: bool = True
    over: Over = "channels"
    eps: Epsilon = 1e-6

    kind: ClassVar[str] = "layernorm"
    keeps_order: ClassVar[bool] = False
    casts: ClassVar[Casts | None] = AS_GIVEN
    words: ClassVar[Words] = OVER_WORDS
    costs: ClassVar[Costs] = MOMENTS

    def weights_by(self, x: Shape) -> Shape | int | None:
        return x if self.affine and self.over == "all" else None

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        c, m = normalised(self.over, output)
        return {"c": c, "elements": prod(output), "m": m, "affine": Switch(self.affine)}

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return (seen_over(self.over, inputs[0]),)

    def gives_last(self, inputs: tuple[Shape, ...], last: tuple[bool, ...]) -> bool:
        return self.over == "channels" and len(inputs[0]) > 1  # it is computed with the channels last

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        return Saved((0,), extra=(_moments(self.symbols(inputs, output)["m"], self.affine),))


class InstanceNorm(Elementwise, frozen=True):
    """Instance normalisation (Ulyanov, Vedaldi and Lempitsky 2016), PyTorch's `InstanceNorm2d` and so on.

    Shape [C, *spatial], kept; each channel of a sample is normalised over its positions.

    >>> InstanceNorm().output_shape((64, 56, 56))
    (64, 56, 56)
    """

    affine: bool = False
    eps: Epsilon = 1e-5

    kind: ClassVar[str] = "instancenorm"
    keeps_order: ClassVar[bool] = False
    gathers: ClassVar[bool] = True
    keeps_last: ClassVar[frozenset[int]] = frozenset()
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = MOMENTS

    def output_shape(self, *inputs: Shape) -> Shape:
        if not anywhere(prod(spatial(inputs[0], self.kind)) != 1):
            raise OpError(
                "instancenorm needs more than one position",
                label=f"the input here is {show(inputs[0])}",
                hint="layernorm normalises over the channels",
            )
        return inputs[0]

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"c": output[0], "elements": prod(output), "m": output[0], "affine": Switch(self.affine)}

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return (WHOLE,)

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        extra = [Extra("mean and deviation", 2 * output[0], OF_PARAMETERS if self.affine else OF_INPUTS)]
        if self.affine:  # PyTorch repeats the scales for each sample
            extra.append(Extra("scales", output[0], OF_PARAMETERS))
        return Saved((0,), extra=tuple(extra))


@Formula
def rms_params(c, affine):
    """A scale for each element that a mean is taken over."""
    return c * affine


@Formula
def rms_adds(elements):
    """The sum of the squares, and the small constant eps."""
    return elements


@Formula
def rms_muls(elements, affine):
    """The squares, and the division by the root as a multiplication; and the scale, if learnt."""
    return 2 * elements + elements * affine


@Formula
def rms_divs(m):
    """For each mean: the division, and the reciprocal of its root."""
    return 2 * m


class RMSNorm(Elementwise, frozen=True):
    """Root mean square normalisation (Zhang and Sennrich 2019): layer normalisation without mean and shift.

    Any shape, kept: y = x / sqrt(mean of x ^ 2 + eps), over the channels of each position, the last axis (sequences
    [T, C]), or the whole sample; with a learnt scale.

    >>> RMSNorm().output_shape((96, 56, 56))
    (96, 56, 56)
    """

    affine: bool = True
    over: Over = "channels"
    eps: Epsilon = 1e-6

    kind: ClassVar[str] = "rmsnorm"
    keeps_order: ClassVar[bool] = False
    keeps_last: ClassVar[frozenset[int]] = frozenset({2, 3})
    casts: ClassVar[Casts | None] = Casts("float32", "given")
    words: ClassVar[Words] = OVER_WORDS
    costs: ClassVar[Costs] = {
        "params": rms_params,
        "weights": none_of_them,
        "add": rms_adds,
        "mul": rms_muls,
        "div": rms_divs,
        "exp": moments_roots,
    }

    def weights_by(self, x: Shape) -> Shape | int | None:
        return x if self.affine and self.over == "all" else None

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        c, m = normalised(self.over, output)
        return {"c": c, "elements": prod(output), "m": m, "affine": Switch(self.affine)}

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return (seen_over(self.over, inputs[0]),)

    def gives_last(self, inputs: tuple[Shape, ...], last: tuple[bool, ...]) -> bool:
        if self.over == "channels":
            return len(inputs[0]) > 1  # it is computed with the channels last
        return super().gives_last(inputs, last)

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        # As PyTorch composes it on a processor: x times the reciprocal roots, then times the scale.
        roots = (Extra("reciprocal roots", self.symbols(inputs, output)["m"], OF_PARAMETERS),) * needed[0]
        normal = (Extra("normalised input", prod(output)),) * self.affine
        return Saved((0,) * needed[0], extra=(*roots, *normal))


class GroupNorm(Elementwise, frozen=True):
    """Group normalisation (Wu and He 2018), PyTorch's `GroupNorm`.

    Shape [C, *spatial], kept; each group of channels is normalised over all its positions.

    >>> GroupNorm(32).output_shape((64, 56, 56))
    (64, 56, 56)
    """

    groups: Positive
    affine: bool = True
    eps: Epsilon = 1e-5

    kind: ClassVar[str] = "groupnorm"
    keeps_order: ClassVar[bool] = False
    gathers: ClassVar[bool] = True
    keeps_last: ClassVar[frozenset[int]] = frozenset({2, 3})
    casts: ClassVar[Casts | None] = AS_GIVEN
    main: ClassVar[str | None] = "groups"
    costs: ClassVar[Costs] = MOMENTS

    def output_shape(self, *inputs: Shape) -> Shape:
        if anywhere(inputs[0][0] % self.groups != 0):
            raise OpError(
                "groups must divide the channels",
                option="groups",
                label=f"{count(inputs[0][0], 'channel')} in {count(self.groups, 'group')}",
            )
        return inputs[0]

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"c": output[0], "elements": prod(output), "m": self.groups, "affine": Switch(self.affine)}

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return (WHOLE,)

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        return Saved((0,), extra=(_moments(self.groups, self.affine),))


@Formula
def lrn_adds(elements, size):
    """The sum of the squares over neighbouring channels, and the constant k."""
    return elements * (size - 1) + elements


@Formula
def lrn_muls(elements):
    """The square, and the factor alpha."""
    return 2 * elements


class LRN(Elementwise, frozen=True):
    """Local response normalisation across `size` neighbouring channels (Krizhevsky et al. 2012).

    Shape [C, *spatial], kept: y = x / (k + alpha * sum of squares) ^ beta. PyTorch's `LocalResponseNorm`
    divides alpha by the size.

    >>> LRN(5).output_shape((96, 55, 55))
    (96, 55, 55)
    """

    size: Positive
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 2.0

    kind: ClassVar[str] = "lrn"
    main: ClassVar[str | None] = "size"
    costs: ClassVar[Costs] = {"add": lrn_adds, "mul": lrn_muls, "div": each, "exp": each}

    def output_shape(self, *inputs: Shape) -> Shape:
        spatial(inputs[0], self.kind)
        return inputs[0]

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"elements": prod(output), "size": self.size}

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        n, padded = prod(output), (output[0] + self.size - 1) * prod(output[1:])
        return Saved((0,), extra=(Extra("squares", padded, OF_OUTPUT), Extra("sums and powers", 2 * n, OF_OUTPUT)))

    def temporaries(self, inputs: tuple[Shape, ...], output: Shape) -> int:
        # The squares and their padded copy; then the sums and what two further steps make of them.
        return int(max((output[0] + self.size - 1) * prod(output[1:]), 2 * prod(output)))

    def autocast(self, *inputs: Shape) -> Casts | None:
        # The sum over the channels is PyTorch's avg_pool3d, which works in float32; in one dimension avg_pool2d.
        return AS_GIVEN if len(inputs[0]) == 2 else WIDENED


@Formula
def norm_adds(elements, m):
    """The sum of the squares over the channels of each position."""
    return elements - m


@Formula
def one_a_position(m):
    """One for each position."""
    return m


class L2Norm(Elementwise, frozen=True):
    """Division of each position's channels by their Euclidean norm (Liu et al. 2015, ParseNet; SSD's conv4_3).

    Any shape, kept: y = x / max(norm of x over the channels, eps). A learnt factor is a `scale` after it.

    >>> L2Norm().output_shape((512, 38, 38))
    (512, 38, 38)
    """

    eps: Epsilon = 1e-12

    kind: ClassVar[str] = "l2norm"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {
        "mul": each,
        "add": norm_adds,
        "exp": one_a_position,
        "compare": one_a_position,
        "div": each,
    }

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"elements": prod(output), "m": prod(output[1:])}

    def temporaries(self, inputs: tuple[Shape, ...], output: Shape) -> int:
        return int(prod(output[1:]))  # the norms

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        m = prod(output[1:])
        return Saved((0,), extra=(Extra("norms", m), Extra("norms from eps on", m)))


KINDS: tuple[type[Op], ...] = (BatchNorm, LayerNorm, RMSNorm, GroupNorm, InstanceNorm, LRN, L2Norm)
