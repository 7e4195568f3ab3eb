"""Activations, element by element (softmax: across the channels), and dropout.

Symbols: n elements, c channels, m positions, training 0 or 1. The operations are those of the textbook
formula in each docstring.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from cnncalc.formula import Formula, prod
from cnncalc.ops.base import Extra, Kept, Op, Shape, each

# mypy: disable-error-code="no-untyped-def"


@Formula
def two_each(n):
    """Two for each element."""
    return 2 * n


@Formula
def three_each(n):
    """Three for each element."""
    return 3 * n


class ReLU(Op, frozen=True):
    """max(0, x). Any shape, kept.

    >>> ReLU().output_shape((96, 55, 55))
    (96, 55, 55)
    """

    name: ClassVar[str] = "relu"
    costs: ClassVar[Mapping[str, Formula]] = {"compare": each}
    keeps: ClassVar[Kept] = Kept(output=True)
    in_place: ClassVar[str] = "output"


class ReLU6(Op, frozen=True):
    """min(6, max(0, x)). Any shape, kept."""

    name: ClassVar[str] = "relu6"
    costs: ClassVar[Mapping[str, Formula]] = {"compare": two_each}
    keeps: ClassVar[Kept] = Kept((0,))
    in_place: ClassVar[str] = "copy"


class LeakyReLU(Op, frozen=True):
    """x, or slope * x where x < 0. Any shape, kept."""

    slope: float = 0.01

    name: ClassVar[str] = "leaky_relu"
    main: ClassVar[str | None] = "slope"
    costs: ClassVar[Mapping[str, Formula]] = {"compare": each, "mul": each}
    keeps: ClassVar[Kept] = Kept((0,))
    in_place: ClassVar[str] = "output"


@Formula
def slopes(c, per_channel):
    """One learnt slope, or one a channel."""
    return c * per_channel + (1 - per_channel)


class PReLU(Op, frozen=True):
    """x, or a learnt slope times x where x < 0 (He et al. 2015). Any shape, kept."""

    per_channel: bool = False

    name: ClassVar[str] = "prelu"
    costs: ClassVar[Mapping[str, Formula]] = {"params": slopes, "compare": each, "mul": each}
    keeps: ClassVar[Kept] = Kept((0,))

    def values(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"c": output[0], "n": prod(output), "per_channel": int(self.per_channel)}


class Sigmoid(Op, frozen=True):
    """1 / (1 + exp(-x)). Any shape, kept."""

    name: ClassVar[str] = "sigmoid"
    costs: ClassVar[Mapping[str, Formula]] = {"exp": each, "add": each, "div": each}
    keeps: ClassVar[Kept] = Kept(output=True)


class Tanh(Op, frozen=True):
    """(exp(2x) - 1) / (exp(2x) + 1). Any shape, kept."""

    name: ClassVar[str] = "tanh"
    costs: ClassVar[Mapping[str, Formula]] = {"exp": each, "mul": each, "add": two_each, "div": each}
    keeps: ClassVar[Kept] = Kept(output=True)


class SiLU(Op, frozen=True):
    """x * sigmoid(x), also called swish. Any shape, kept."""

    name: ClassVar[str] = "silu"
    costs: ClassVar[Mapping[str, Formula]] = {"exp": each, "add": each, "div": each, "mul": each}
    keeps: ClassVar[Kept] = Kept((0,))
    in_place: ClassVar[str] = "copy"


class GELU(Op, frozen=True):
    """x/2 * (1 + erf(x / sqrt(2))) (Hendrycks and Gimpel 2016). Any shape, kept."""

    name: ClassVar[str] = "gelu"
    costs: ClassVar[Mapping[str, Formula]] = {"exp": each, "add": each, "mul": three_each}
    keeps: ClassVar[Kept] = Kept((0,))


class HardSwish(Op, frozen=True):
    """x * relu6(x + 3) / 6 (Howard et al. 2019). Any shape, kept."""

    name: ClassVar[str] = "hardswish"
    costs: ClassVar[Mapping[str, Formula]] = {"add": each, "compare": two_each, "mul": each, "div": each}
    keeps: ClassVar[Kept] = Kept((0,))
    in_place: ClassVar[str] = "copy"


class HardSigmoid(Op, frozen=True):
    """relu6(x + 3) / 6. Any shape, kept."""

    name: ClassVar[str] = "hardsigmoid"
    costs: ClassVar[Mapping[str, Formula]] = {"add": each, "compare": two_each, "div": each}
    keeps: ClassVar[Kept] = Kept((0,))
    in_place: ClassVar[str] = "copy"


@Formula
def softmax_compares(n, m):
    """The largest of the channels at each position."""
    return n - m


@Formula
def softmax_adds(n, m):
    """The subtraction of the largest, and the sum of the exponentials."""
    return n + n - m


@Formula
def log_softmax_adds(n, m):
    """The subtraction of the largest and of the logarithm, and the sum of the exponentials."""
    return 2 * n + n - m


@Formula
def log_softmax_exps(n, m):
    """The exponentials, and one logarithm a position."""
    return n + m


class _AcrossChannels(Op, frozen=True):
    """What softmax and its logarithm share: n elements at m positions."""

    def values(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"n": prod(output), "m": prod(output[1:])}


class Softmax(_AcrossChannels, frozen=True):
    """exp(x - max) / sum of exp(x - max), across the channels. Any shape, kept."""

    name: ClassVar[str] = "softmax"
    costs: ClassVar[Mapping[str, Formula]] = {
        "compare": softmax_compares,
        "add": softmax_adds,
        "exp": each,
        "div": each,
    }
    keeps: ClassVar[Kept] = Kept(output=True)


class LogSoftmax(_AcrossChannels, frozen=True):
    """x - max - log(sum of exp(x - max)), across the channels. Any shape, kept."""

    name: ClassVar[str] = "log_softmax"
    costs: ClassVar[Mapping[str, Formula]] = {
        "compare": softmax_compares,
        "add": log_softmax_adds,
        "exp": log_softmax_exps,
    }
    keeps: ClassVar[Kept] = Kept(output=True)


@Formula
def dropout_muls(n, training):
    """In training, the product with the scaled mask; nothing at inference."""
    return n * training


class Dropout(Op, frozen=True):
    """Drops an element with probability p in training; nothing at inference. Any shape, kept."""

    p: Annotated[float, Meta(ge=0, le=1)] = 0.5

    name: ClassVar[str] = "dropout"
    main: ClassVar[str | None] = "p"
    costs: ClassVar[Mapping[str, Formula]] = {"mul": dropout_muls}

    def aliases(self, *inputs: Shape, training: bool = False) -> bool:
        return not training or self.p == 0

    def kept(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Kept:
        if self.p == 0:
            return Kept()
        return Kept(extra=(Extra("zero", 1, each=False) if self.p == 1 else Extra("mask", prod(output)),))


KINDS = (
    ReLU,
    ReLU6,
    LeakyReLU,
    PReLU,
    Sigmoid,
    Tanh,
    SiLU,
    GELU,
    HardSwish,
    HardSigmoid,
    Softmax,
    LogSoftmax,
    Dropout,
)
