"""The fully connected layer. Symbols: c_in, c_out features; bias 0 or 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from cnncalc.errors import LayerError
from cnncalc.formula import Formula
from cnncalc.ops.base import Kept, Op, Shape, show
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

    name: ClassVar[str] = "linear"
    main: ClassVar[str | None] = "out_features"
    costs: ClassVar[Mapping[str, Formula]] = {"params": linear_params, "mac": linear_macs, "add": linear_adds}
    keeps: ClassVar[Kept] = Kept((0,))

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) != 1:
            raise LayerError(
                "linear needs a flat input",
                label=f"the input here is {show(inputs[0])}",
                hint="add flatten before it",
            )
        return (self.out_features,)

    def values(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"c_in": inputs[0][0], "c_out": self.out_features, "bias": self.bias}

    def windows(self, *inputs: Shape) -> None:
        return None


KINDS = (Linear,)
