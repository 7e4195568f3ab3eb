"""The fully connected layer. Symbols: c_in, c_out features; bias on or off."""

from __future__ import annotations

from typing import Any, ClassVar

from cnncalc.errors import OpError
from cnncalc.formula import Formula, Switch
from cnncalc.ops.base import HALF, Casts, Costs, Op, Saved, Shape, show
from cnncalc.ops.sight import WHOLE, Sight
from cnncalc.ops.window import Positive

# mypy: disable-error-code="no-untyped-def"


@Formula
def linear_params(c_in, c_out, bias):
    """A weight for each pair of input and output, and the biases."""
    return c_in * c_out + c_out * bias


@Formula
def linear_macs(c_in, c_out):
    """Each output is the weighted sum of all inputs."""
    return c_in * c_out


@Formula
def linear_adds(c_out, bias):
    """One addition for each output, where there is a bias."""
    return c_out * bias


class Linear(Op, frozen=True):
    """Fully connected layer, PyTorch's `Linear`.

    Input [C_in], output [out_features].

    >>> Linear(4096).output_shape((9216,))
    (4096,)
    """

    out_features: Positive
    bias: bool = True

    kind: ClassVar[str] = "linear"
    main: ClassVar[str | None] = "out_features"
    costs: ClassVar[Costs] = {
        "params": linear_params,
        "weights": linear_macs,
        "mac": linear_macs,
        "add": linear_adds,
    }
    casts: ClassVar[Casts | None] = HALF

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) != 1:
            raise OpError(
                "linear needs a flat input",
                label=f"the input here is {show(inputs[0])}",
                hint="add flatten before it",
            )
        return (self.out_features,)

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"c_in": inputs[0][0], "c_out": self.out_features, "bias": Switch(self.bias)}

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        return Saved((0,), weights=needed[0])  # a matrix product saves each factor for the other's gradient

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return (WHOLE,)


KINDS: tuple[type[Op], ...] = (Linear,)
