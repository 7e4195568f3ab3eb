"""Arithmetic on one input: with constants, functions of each element, and sums and the like over chosen axes.

Symbols: elements of the output; taps those of the input, where they are others.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from cnncalc.errors import OpError
from cnncalc.formula import Formula, prod
from cnncalc.ops.base import (
    AS_GIVEN,
    UNKNOWN_COSTS,
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
    show,
)
from cnncalc.ops.sight import POINT, UNKNOWN, WHOLE, Sight, Spread

# mypy: disable-error-code="no-untyped-def"


@Formula
def shift_adds(elements, shifted):
    """One for each element, if there is a shift."""
    return elements * shifted


@Formula
def scale_muls(elements, factors):
    """One for each element for the factor, if there is one; and for the square, if that is the power."""
    return elements * factors


@Formula
def power_divs(elements, inverse):
    """One for each element, if the power is -1."""
    return elements * inverse


@Formula
def power_exps(elements, powers):
    """One for each element, if the power is no other than 1, 2 and -1."""
    return elements * powers


class Power(Elementwise, frozen=True):
    """(shift + factor * x) ^ power, with constants, Caffe's `Power` layer. Any shape, kept.

    >>> Power(0.5).output_shape((64, 56, 56))
    (64, 56, 56)
    """

    power: float = 1.0
    factor: float = 1.0
    shift: float = 0.0

    kind: ClassVar[str] = "power"
    casts: ClassVar[Casts | None] = AS_GIVEN
    main: ClassVar[str | None] = "power"
    costs: ClassVar[Costs] = {"add": shift_adds, "mul": scale_muls, "div": power_divs, "exp": power_exps}

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {
            "elements": prod(output),
            "shifted": int(self.shift != 0),
            "factors": int(self.factor != 1) + int(self.power == 2),
            "inverse": int(self.power == -1),
            "powers": int(self.power not in (1, 2, -1)),
        }

    def is_view(self, *inputs: Shape, training: bool = False) -> bool:
        return self.power == 1 and self.factor == 1 and self.shift == 0

    def temporaries(self, inputs: tuple[Shape, ...], output: Shape) -> int:
        steps = (self.factor != 1) + (self.shift != 0) + (self.power != 1)
        return int(prod(output)) if steps > 1 else 0  # what one step gives the next

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        if self.power == 1:
            return Saved()
        if self.factor == 1 and self.shift == 0:
            return Saved((0,))
        return Saved(extra=(Extra("the base", prod(output)),))


Function = Literal["abs", "cos", "erf", "exp", "log", "neg", "reciprocal", "rsqrt", "sign", "sin", "sqrt", "square"]

_FUNCTIONS: dict[str, tuple[str, Saved]] = {
    "abs": ("compare", Saved((0,))),
    "cos": ("exp", Saved((0,))),
    "erf": ("exp", Saved((0,))),
    "exp": ("exp", Saved(output=True)),
    "log": ("exp", Saved((0,))),
    "neg": ("mul", Saved()),
    "reciprocal": ("div", Saved(output=True)),
    "rsqrt": ("exp", Saved(output=True)),
    "sign": ("compare", Saved()),
    "sin": ("exp", Saved((0,))),
    "sqrt": ("exp", Saved(output=True)),
    "square": ("mul", Saved((0,))),
}
"""For each function the class of its operation, one for each element, and what autograd saves."""


class Apply(Elementwise, frozen=True):
    """A function of each element. Any shape, kept. One operation for each element, of the function's class: `abs` and
    `sign` compare, `neg` and `square` multiply, `reciprocal` divides; `cos`, `erf`, `exp`, `log`, `rsqrt`, `sin` and
    `sqrt` are transcendental.

    >>> Apply("sqrt").output_shape((64, 56, 56))
    (64, 56, 56)
    """

    function: Function

    kind: ClassVar[str] = "apply"
    casts: ClassVar[Casts | None] = AS_GIVEN
    main: ClassVar[str | None] = "function"
    words: ClassVar[Words] = {"function": tuple(_FUNCTIONS)}
    costs: ClassVar[Costs] = {"compare": each, "mul": each, "div": each, "exp": each}

    def formulas(self) -> Costs:
        return {_FUNCTIONS[self.function][0]: each}

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        return _FUNCTIONS[self.function][1]


@Formula
def reduced(taps, elements):
    """One fewer than elements that each output is made of."""
    return taps - elements


class _Reduction(Op, frozen=True):
    """What the reductions share."""

    axes: AxisNumber | tuple[AxisNumber, ...]
    keep: bool = False

    main: ClassVar[str | None] = "axes"
    costs: ClassVar[Costs] = UNKNOWN_COSTS

    def reduced_axes(self) -> tuple[int, ...]:
        """The axes, in order."""
        return tuple(sorted(self.axes)) if isinstance(self.axes, tuple) else (self.axes,)

    def output_shape(self, *inputs: Shape) -> Shape:
        axes = self.reduced_axes()
        for axis in axes:
            check_axis(axis, inputs[0], "axes")
        if not axes or len(set(axes)) != len(axes):
            raise OpError(f"{self.kind} lists each axis once", option="axes", label=f"got {list(axes)}")
        if self.keep:
            return tuple(1 if axis in axes else n for axis, n in enumerate(inputs[0]))
        left = tuple(n for axis, n in enumerate(inputs[0]) if axis not in axes)
        if not left:
            raise OpError(
                f"{self.kind} leaves no axis",
                option="axes",
                label=f"{list(axes)} of {show(inputs[0])}",
                hint="with keep: true sizes of 1 are left",
            )
        return left

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"taps": prod(inputs[0]), "elements": prod(output)}

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        axes, dimensions = self.reduced_axes(), len(inputs[0])
        if self.keep:
            return (tuple(Spread() if axis in axes else POINT for axis in range(1, dimensions)),)
        return (WHOLE if axes == tuple(range(1, dimensions)) else UNKNOWN,)


class Mean(_Reduction, frozen=True):
    """The mean over chosen axes; 0 is the channels. `keep` leaves sizes of 1 in their place (CBAM's spatial attention).

    >>> Mean(0, keep=True).output_shape((64, 56, 56))
    (1, 56, 56)
    >>> Mean((1, 2)).output_shape((2048, 7, 7))
    (2048,)
    """

    kind: ClassVar[str] = "mean"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {"add": reduced, "div": each}
    saves: ClassVar[Saved | None] = Saved()


class Sum(_Reduction, frozen=True):
    """The sum over chosen axes; 0 is the channels. `keep` leaves sizes of 1 in their place.

    >>> Sum(1).output_shape((64, 100))
    (64,)
    """

    kind: ClassVar[str] = "sum"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {"add": reduced}
    saves: ClassVar[Saved | None] = Saved()


class Max(_Reduction, frozen=True):
    """The largest over chosen axes, PyTorch's `amax`; 0 is the channels. `keep` leaves sizes of 1 in their place.

    >>> Max(0, keep=True).output_shape((64, 56, 56))
    (1, 56, 56)
    """

    kind: ClassVar[str] = "max"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {"compare": reduced}
    saves: ClassVar[Saved | None] = Saved((0,), output=True)


KINDS: tuple[type[Op], ...] = (Power, Apply, Mean, Sum, Max)
