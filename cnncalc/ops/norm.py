"""Normalisations. Symbols: c channels, n elements, m means taken, affine and training 0 or 1.

At inference batch normalisation is one multiplication and one addition an element: the stored statistics
and the learnt scale and shift fold into one factor and one offset a channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from cnncalc.errors import LayerError
from cnncalc.formula import Formula, prod
from cnncalc.ops.base import OF_PARAMETERS, Extra, Kept, Op, Shape, Window, count, each, spatial
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
def batchnorm_adds(n, training):
    """The offset; in training also the sums for the mean and for the variance, and the centring."""
    return n + 3 * n * training


@Formula
def batchnorm_muls(n, training):
    """The factor; in training also the squares for the variance."""
    return n + n * training


@Formula
def batchnorm_divs(c, training):
    """In training, the two means and the reciprocal a channel, once for the batch."""
    return 3 * c * training


@Formula
def batchnorm_roots(c, training):
    """In training, the standard deviation a channel, once for the batch."""
    return c * training


@Formula
def moments_adds(n, affine):
    """The sum for the mean, the centring, the sum for the variance; and the shift, if learnt."""
    return 3 * n + n * affine


@Formula
def moments_muls(n, affine):
    """The squares and the division by the deviation; and the scale, if learnt."""
    return 2 * n + n * affine


@Formula
def moments_divs(m):
    """For each group that is normalised: its mean, its variance, the reciprocal of its deviation."""
    return 3 * m


@Formula
def moments_roots(m):
    """One square root for each group that is normalised."""
    return m


MOMENTS: Mapping[str, Formula] = {
    "params": affine_params,
    "add": moments_adds,
    "mul": moments_muls,
    "div": moments_divs,
    "exp": moments_roots,
}


class BatchNorm(Op, frozen=True):
    """Batch normalisation (Ioffe and Szegedy 2015), PyTorch's `BatchNorm2d` and so on.

    Any shape, kept. Learnt: scale and shift a channel; stored: running mean and variance.

    >>> BatchNorm().output_shape((64, 56, 56))
    (64, 56, 56)
    """

    affine: bool = True
    eps: Epsilon = 1e-5

    name: ClassVar[str] = "batchnorm"
    costs: ClassVar[Mapping[str, Formula]] = {
        "params": affine_params,
        "buffers": running_statistics,
        "add": batchnorm_adds,
        "mul": batchnorm_muls,
        "div": batchnorm_divs,
        "exp": batchnorm_roots,
    }
    once: ClassVar[frozenset[str]] = frozenset({"div", "exp"})

    def values(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"c": output[0], "n": prod(output), "affine": self.affine}

    def kept(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Kept:
        return Kept((0,), extra=(Extra("mean and deviation", 2 * output[0], OF_PARAMETERS, each=False),))


class LayerNorm(Op, frozen=True):
    """Layer normalisation (Ba, Kiros and Hinton 2016).

    Any shape, kept. `over: channels` normalises the channels of each position (ConvNeXt), with a scale and a
    shift a channel; `over: all` normalises the whole sample, with a scale and a shift an element.

    >>> LayerNorm().output_shape((96, 56, 56))
    (96, 56, 56)
    """

    affine: bool = True
    over: Literal["channels", "all"] = "channels"
    eps: Epsilon = 1e-6

    name: ClassVar[str] = "layernorm"
    words: ClassVar[Mapping[str, tuple[str, ...]]] = {"over": ("channels", "all")}
    costs: ClassVar[Mapping[str, Formula]] = MOMENTS

    def values(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        n = prod(output)
        c, m = (output[0], prod(output[1:])) if self.over == "channels" else (n, 1)
        return {"c": c, "n": n, "m": m, "affine": self.affine}

    def windows(self, *inputs: Shape) -> tuple[Window, ...] | None:
        return None if self.over == "all" else super().windows(*inputs)

    def kept(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Kept:
        return Kept((0,), extra=(Extra("mean and deviation", 2 * self.values(inputs, output)["m"], OF_PARAMETERS),))


class GroupNorm(Op, frozen=True):
    """Group normalisation (Wu and He 2018), PyTorch's `GroupNorm`.

    Shape [C, *spatial], kept; each group of channels is normalised over all its positions.

    >>> GroupNorm(32).output_shape((64, 56, 56))
    (64, 56, 56)
    """

    groups: Positive
    affine: bool = True

    name: ClassVar[str] = "groupnorm"
    main: ClassVar[str | None] = "groups"
    costs: ClassVar[Mapping[str, Formula]] = MOMENTS

    def output_shape(self, *inputs: Shape) -> Shape:
        if inputs[0][0] % self.groups:
            raise LayerError(
                "groups must divide the channels",
                option="groups",
                label=f"{count(inputs[0][0], 'channel')} in {count(self.groups, 'group')}",
            )
        return inputs[0]

    def values(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"c": output[0], "n": prod(output), "m": self.groups, "affine": self.affine}

    def windows(self, *inputs: Shape) -> None:
        return None

    def kept(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Kept:
        return Kept((0,), extra=(Extra("mean and deviation", 2 * self.groups, OF_PARAMETERS),))


@Formula
def lrn_adds(n, size):
    """The sum of the squares over neighbouring channels, and the constant k."""
    return n * (size - 1) + n


@Formula
def lrn_muls(n):
    """The square, and the factor alpha."""
    return 2 * n


class LRN(Op, frozen=True):
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

    name: ClassVar[str] = "lrn"
    main: ClassVar[str | None] = "size"
    costs: ClassVar[Mapping[str, Formula]] = {"add": lrn_adds, "mul": lrn_muls, "div": each, "exp": each}

    def output_shape(self, *inputs: Shape) -> Shape:
        spatial(inputs[0], self.name)
        return inputs[0]

    def values(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"n": prod(output), "size": self.size}

    def kept(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Kept:
        n, padded = prod(output), (output[0] + self.size - 1) * prod(output[1:])
        return Kept((0,), extra=(Extra("squares", padded), Extra("sums and powers", 2 * n)))


@Formula
def norm_adds(n, m):
    """The sum of the squares over the channels of each position."""
    return n - m


@Formula
def one_a_position(m):
    """One for each position."""
    return m


class L2Norm(Op, frozen=True):
    """Division of each position's channels by their Euclidean norm (Liu et al. 2015, ParseNet; SSD's conv4_3).

    Any shape, kept: y = x / max(norm of x over the channels, eps). A learnt factor is a `scale` after it.

    >>> L2Norm().output_shape((512, 38, 38))
    (512, 38, 38)
    """

    eps: Epsilon = 1e-12

    name: ClassVar[str] = "l2norm"
    costs: ClassVar[Mapping[str, Formula]] = {
        "mul": each,
        "add": norm_adds,
        "exp": one_a_position,
        "compare": one_a_position,
        "div": each,
    }

    def values(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"n": prod(output), "m": prod(output[1:])}

    def kept(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Kept:
        m = prod(output[1:])
        return Kept((0,), extra=(Extra("norms", m), Extra("norms from eps on", m)))


KINDS = (BatchNorm, LayerNorm, GroupNorm, LRN, L2Norm)
