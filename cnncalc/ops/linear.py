"""The fully connected layer. Symbols: c_in, c_out features; positions it is applied at; bias on or off."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from cnncalc.errors import OpError
from cnncalc.formula import Formula, Switch, prod
from cnncalc.ops.base import HALF, Casts, Costs, Op, Saved, Shape, Words, show
from cnncalc.ops.sight import POINT, WHOLE, Sight, Spread
from cnncalc.ops.window import Positive

# mypy: disable-error-code="no-untyped-def"


@Formula
def linear_params(c_in, c_out, bias):
    """A weight for each pair of input and output, and the biases."""
    return c_in * c_out + c_out * bias


@Formula
def linear_weights(c_in, c_out):
    """The weights alone: what the products read."""
    return c_in * c_out


@Formula
def linear_macs(c_in, c_out, positions):
    """Each output is the weighted sum of all inputs, at each position."""
    return c_in * c_out * positions


@Formula
def linear_adds(c_out, bias, positions):
    """One addition for each output, where there is a bias."""
    return c_out * bias * positions


class Linear(Op, frozen=True):
    """Fully connected layer, PyTorch's `Linear`.

    Input [C_in], output [out_features]; or a sequence [T, C_in], output [T, out_features], the same layer at each
    position. `over: last` applies it to the last axis of any shape.

    >>> Linear(4096).output_shape((9216,))
    (4096,)
    >>> Linear(3072).output_shape((197, 768))
    (197, 3072)
    """

    out_features: Positive
    bias: bool = True
    over: Literal["last"] | None = None

    kind: ClassVar[str] = "linear"
    main: ClassVar[str | None] = "out_features"
    words: ClassVar[Words] = {"over": ("last",)}
    costs: ClassVar[Costs] = {
        "params": linear_params,
        "weights": linear_weights,
        "mac": linear_macs,
        "add": linear_adds,
    }
    casts: ClassVar[Casts | None] = HALF

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) > 2 and self.over is None:
            raise OpError(
                "linear needs a flat input or a sequence [T, C]",
                label=f"the input here is {show(inputs[0])}",
                hint=f"add flatten before it; or {{conv: {self.out_features}, kernel: 1}}, the same weights at each "
                "position of a map; or over: last, for the last axis",
            )
        return (*inputs[0][:-1], self.out_features)

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        positions: Any = prod(output[:-1]) if len(output) > 1 else Switch(1)
        return {"c_in": inputs[0][-1], "c_out": self.out_features, "positions": positions, "bias": Switch(self.bias)}

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        # A matrix product saves each factor for the other's gradient.
        return Saved((0,), weights=None if needed[0] else 0)

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        dimensions = len(inputs[0]) - 1
        return ((*(POINT,) * (dimensions - 1), Spread()) if dimensions else WHOLE,)


KINDS: tuple[type[Op], ...] = (Linear,)
