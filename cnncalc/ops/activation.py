"""Activations, element by element (softmax: along an axis), and dropout.

Symbols: elements; c channels, m sums along the axis, training on or off. The operations are those of the textbook
formula in each docstring.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from cnncalc.errors import OpError
from cnncalc.formula import Formula, prod
from cnncalc.ops.base import (
    AS_GIVEN,
    HALF,
    AxisNumber,
    Casts,
    Costs,
    Elementwise,
    Extra,
    Op,
    Saved,
    Shape,
    Words,
    check_axis,
    each,
)
from cnncalc.ops.sight import POINT, Sight, Spread

# mypy: disable-error-code="no-untyped-def"


@Formula
def two_each(elements):
    """Two for each element."""
    return 2 * elements


@Formula
def three_each(elements):
    """Three for each element."""
    return 3 * elements


class ReLU(Elementwise, frozen=True):
    """max(0, x). Any shape, kept.

    >>> ReLU().output_shape((96, 55, 55))
    (96, 55, 55)
    """

    kind: ClassVar[str] = "relu"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {"compare": each}
    saves: ClassVar[Saved | None] = Saved(output=True)
    in_place: ClassVar[str] = "output"


class ReLU6(Elementwise, frozen=True):
    """min(6, max(0, x)). Any shape, kept."""

    kind: ClassVar[str] = "relu6"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {"compare": two_each}
    saves: ClassVar[Saved | None] = Saved((0,))
    in_place: ClassVar[str] = "copy"


class LeakyReLU(Elementwise, frozen=True):
    """x, or slope * x where x < 0. Any shape, kept."""

    slope: float = 0.01

    kind: ClassVar[str] = "leaky_relu"
    casts: ClassVar[Casts | None] = AS_GIVEN
    main: ClassVar[str | None] = "slope"
    costs: ClassVar[Costs] = {"compare": each, "mul": each}
    saves: ClassVar[Saved | None] = Saved((0,))
    in_place: ClassVar[str] = "output"


@Formula
def slopes(c, per_channel):
    """One learnt slope, or one a channel."""
    return c * per_channel + (1 - per_channel)


class PReLU(Elementwise, frozen=True):
    """x, or a learnt slope times x where x < 0 (He et al. 2015). Any shape, kept."""

    per_channel: bool = False

    kind: ClassVar[str] = "prelu"
    casts: ClassVar[Casts | None] = HALF
    costs: ClassVar[Costs] = {"params": slopes, "weights": slopes, "compare": each, "mul": each}
    saves: ClassVar[Saved | None] = Saved((0,))

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"c": output[0], "elements": prod(output), "per_channel": int(self.per_channel)}


class Sigmoid(Elementwise, frozen=True):
    """1 / (1 + exp(-x)). Any shape, kept."""

    kind: ClassVar[str] = "sigmoid"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {"exp": each, "add": each, "div": each}
    saves: ClassVar[Saved | None] = Saved(output=True)


class Tanh(Elementwise, frozen=True):
    """(exp(2x) - 1) / (exp(2x) + 1). Any shape, kept."""

    kind: ClassVar[str] = "tanh"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {"exp": each, "mul": each, "add": two_each, "div": each}
    saves: ClassVar[Saved | None] = Saved(output=True)


class SiLU(Elementwise, frozen=True):
    """x * sigmoid(x), also called swish. Any shape, kept."""

    kind: ClassVar[str] = "silu"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {"exp": each, "add": each, "div": each, "mul": each}
    saves: ClassVar[Saved | None] = Saved((0,))
    in_place: ClassVar[str] = "copy"


@Formula
def gelu_adds(elements):
    """The sum with the cube, that of 1, and two of tanh."""
    return 4 * elements


@Formula
def gelu_muls(elements):
    """Two for the cube, its factor, that of the sum, tanh's, and the two at the end."""
    return 7 * elements


_GELU_BY_TANH: Costs = {"exp": each, "div": each, "add": gelu_adds, "mul": gelu_muls}


class GELU(Elementwise, frozen=True):
    """x/2 * (1 + erf(x / sqrt(2))) (Hendrycks and Gimpel 2016); with `approximate: tanh`,
    x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))). Any shape, kept."""

    approximate: Literal["none", "tanh"] = "none"

    kind: ClassVar[str] = "gelu"
    casts: ClassVar[Casts | None] = AS_GIVEN
    words: ClassVar[Words] = {"approximate": ("none", "tanh")}
    costs: ClassVar[Costs] = {"exp": each, "add": each, "mul": three_each}
    saves: ClassVar[Saved | None] = Saved((0,))

    def formulas(self) -> Costs:
        return self.costs if self.approximate == "none" else _GELU_BY_TANH


class HardSwish(Elementwise, frozen=True):
    """x * relu6(x + 3) / 6 (Howard et al. 2019). Any shape, kept."""

    kind: ClassVar[str] = "hardswish"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {"add": each, "compare": two_each, "mul": each, "div": each}
    saves: ClassVar[Saved | None] = Saved((0,))
    in_place: ClassVar[str] = "copy"


class HardSigmoid(Elementwise, frozen=True):
    """relu6(x + 3) / 6. Any shape, kept."""

    kind: ClassVar[str] = "hardsigmoid"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {"add": each, "compare": two_each, "div": each}
    saves: ClassVar[Saved | None] = Saved((0,))
    in_place: ClassVar[str] = "copy"


class ELU(Elementwise, frozen=True):
    """x, or alpha * (exp(x) - 1) where x < 0 (Clevert, Unterthiner and Hochreiter 2016). Any shape, kept."""

    alpha: float = 1.0

    kind: ClassVar[str] = "elu"
    casts: ClassVar[Casts | None] = AS_GIVEN
    main: ClassVar[str | None] = "alpha"
    costs: ClassVar[Costs] = {"compare": each, "exp": each, "add": each, "mul": each}
    saves: ClassVar[Saved | None] = Saved((0,))
    in_place: ClassVar[str] = "output"


class SELU(Elementwise, frozen=True):
    """scale * elu(x) with the fixed scale and alpha that keep mean and variance (Klambauer et al. 2017). Any shape,
    kept."""

    kind: ClassVar[str] = "selu"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {"compare": each, "exp": each, "add": each, "mul": two_each}
    saves: ClassVar[Saved | None] = Saved((0,))
    in_place: ClassVar[str] = "output"


class CELU(Elementwise, frozen=True):
    """x, or alpha * (exp(x / alpha) - 1) where x < 0 (Barron 2017). Any shape, kept."""

    # 1 / alpha must be a number in float32.
    alpha: Annotated[float, Meta(ge=1e-37)] = 1.0

    kind: ClassVar[str] = "celu"
    casts: ClassVar[Casts | None] = AS_GIVEN
    main: ClassVar[str | None] = "alpha"
    costs: ClassVar[Costs] = {"compare": each, "exp": each, "add": each, "mul": two_each}
    saves: ClassVar[Saved | None] = Saved((0,))
    in_place: ClassVar[str] = "output"


class Mish(Elementwise, frozen=True):
    """x * tanh(log(1 + exp(x))) (Misra 2020). Any shape, kept."""

    kind: ClassVar[str] = "mish"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {"exp": three_each, "add": three_each, "mul": two_each, "div": each}
    saves: ClassVar[Saved | None] = Saved((0,))
    in_place: ClassVar[str] = "copy"


class Softplus(Elementwise, frozen=True):
    """log(1 + exp(beta * x)) / beta; x itself where beta * x is above the threshold. Any shape, kept."""

    beta: Annotated[float, Meta(gt=0)] = 1.0
    threshold: float = 20.0

    kind: ClassVar[str] = "softplus"
    casts: ClassVar[Casts | None] = AS_GIVEN
    main: ClassVar[str | None] = "beta"
    costs: ClassVar[Costs] = {"compare": each, "exp": two_each, "add": each, "mul": each, "div": each}
    saves: ClassVar[Saved | None] = Saved((0,))


class Softsign(Elementwise, frozen=True):
    """x / (1 + |x|). Any shape, kept. The absolute value is counted as a comparison."""

    kind: ClassVar[str] = "softsign"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {"compare": each, "add": each, "div": each}

    def temporaries(self, inputs: tuple[Shape, ...], output: Shape) -> int:
        return int(prod(output))  # |x|, then 1 + |x|

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        return Saved((0,), extra=(Extra("1 + |x|", prod(output)),))


class HardTanh(Elementwise, frozen=True):
    """min(high, max(low, x)), also called clamp or clip. Any shape, kept."""

    low: float = -1.0
    high: float = 1.0

    kind: ClassVar[str] = "hardtanh"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {"compare": two_each}
    saves: ClassVar[Saved | None] = Saved((0,))
    in_place: ClassVar[str] = "copy"

    def output_shape(self, *inputs: Shape) -> Shape:
        if not self.low < self.high:
            raise OpError("hardtanh cuts from low to high", option="low", label=f"{self.low} and {self.high}")
        return inputs[0]


@Formula
def softmax_compares(elements, m):
    """The largest along the axis, at each of m places."""
    return elements - m


@Formula
def softmax_adds(elements, m):
    """The subtraction of the largest, and the sum of the exponentials."""
    return elements + elements - m


@Formula
def log_softmax_adds(elements, m):
    """The subtraction of the largest and of the logarithm, and the sum of the exponentials."""
    return 2 * elements + elements - m


@Formula
def log_softmax_exps(elements, m):
    """The exponentials, and one logarithm for each sum."""
    return elements + m


class _AlongAxis(Elementwise, frozen=True):
    """What softmax and its logarithm share: sums along an axis, m of them."""

    axis: AxisNumber = 0

    def output_shape(self, *inputs: Shape) -> Shape:
        check_axis(self.axis, inputs[0])
        return inputs[0]

    keeps_last: ClassVar[frozenset[int]] = frozenset()
    keeps_order: ClassVar[bool] = False

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"elements": prod(output), "m": prod(output[: self.axis] + output[self.axis + 1 :])}

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return (tuple(Spread() if axis == self.axis else POINT for axis in range(1, len(inputs[0]))),)


class Softmax(_AlongAxis, frozen=True):
    """exp(x - max) / sum of exp(x - max), across the channels or along another `axis`. Any shape, kept."""

    kind: ClassVar[str] = "softmax"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {
        "compare": softmax_compares,
        "add": softmax_adds,
        "exp": each,
        "div": each,
    }
    saves: ClassVar[Saved | None] = Saved(output=True)


class LogSoftmax(_AlongAxis, frozen=True):
    """x - max - log(sum of exp(x - max)), across the channels or
    along another `axis`. Any shape, kept."""

    kind: ClassVar[str] = "log_softmax"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {
        "compare": softmax_compares,
        "add": log_softmax_adds,
        "exp": log_softmax_exps,
    }
    saves: ClassVar[Saved | None] = Saved(output=True)


@Formula
def dropout_muls(elements, training):
    """In training, the product with the scaled mask; nothing at inference."""
    return elements * training


class Dropout(Elementwise, frozen=True):
    """Drops an element with probability p in training; nothing at inference. Any shape, kept."""

    p: Annotated[float, Meta(ge=0, le=1)] = 0.5

    kind: ClassVar[str] = "dropout"
    casts: ClassVar[Casts | None] = AS_GIVEN
    main: ClassVar[str | None] = "p"
    costs: ClassVar[Costs] = {"mul": dropout_muls}

    def is_view(self, *inputs: Shape, training: bool = False) -> bool:
        return not training or self.p == 0

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        if self.p == 0:
            return Saved()
        return Saved(extra=(Extra("zero", 1, per_sample=False) if self.p == 1 else Extra("mask", prod(output)),))


KINDS: tuple[type[Op], ...] = (
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
    ELU,
    SELU,
    CELU,
    Mish,
    Softplus,
    Softsign,
    HardTanh,
    Softmax,
    LogSoftmax,
    Dropout,
)
