"""Recurrent layers over sequences [T, C].

Symbols: t steps; c features of a step; h hidden features; layers above each other, of directions each; bias on or off.
"""

from __future__ import annotations

from typing import Any, ClassVar

from cnncalc.errors import OpError
from cnncalc.formula import Formula, Switch, prod
from cnncalc.ops.base import HALF, Casts, Costs, Op, Shape, show
from cnncalc.ops.sight import WHOLE, Sight
from cnncalc.ops.window import Positive

# mypy: disable-error-code="no-untyped-def, no-untyped-call"


def _weights(gates):
    """The formula of the weights of so many gates, in each layer and direction."""

    def weights(c, h, layers, directions):
        return directions * gates * h * (c + h) + (layers - 1) * directions * gates * h * (directions * h + h)

    weights.__doc__ = f"Of {gates} gates, each from a step's features and from the hidden ones."
    return weights


def _costs(gates, exps, adds, muls, what):
    """The formulas of a cell of so many gates, which adds, multiplies and so on so often for each hidden feature."""
    weights = _weights(gates)

    def params(c, h, layers, directions, bias):
        return weights(c, h, layers, directions) + 2 * layers * directions * gates * h * bias

    def macs(c, h, layers, directions, t):
        return t * weights(c, h, layers, directions)

    def of_each(times):
        def operations(h, layers, directions, t):
            return t * layers * directions * times * h

        return operations

    def additions(h, layers, directions, t, bias):
        return t * layers * directions * (adds * h + 2 * gates * h * bias)

    params.__doc__ = f"{weights.__doc__} Two biases for each, as PyTorch has them."
    macs.__doc__ = "Every weight once for each step."
    additions.__doc__ = f"In each step {what}; and the biases."
    exponentials, divisions, products = of_each(exps), of_each(exps), of_each(muls)
    exponentials.__doc__ = "In each step one for each sigmoid and tanh."
    divisions.__doc__ = "In each step one for each sigmoid and tanh."
    products.__doc__ = "In each step those of tanh, and of gates with what they gate."
    return {
        "params": Formula(params),
        "weights": Formula(weights),
        "mac": Formula(macs),
        "add": Formula(additions),
        "mul": Formula(products),
        "div": Formula(divisions),
        "exp": Formula(exponentials),
    }


class _Recurrent(Op, frozen=True):
    """What the recurrent layers share. What autograd saves of them depends on the library that runs them (cuDNN's
    and oneDNN's own work space), and so is unknown. `depth` layers stand above each other."""

    hidden: Positive
    depth: Positive = 1
    bidirectional: bool = False
    bias: bool = True

    main: ClassVar[str | None] = "hidden"
    steps_first: ClassVar[bool] = True
    gates: ClassVar[int]

    @property
    def directions(self) -> int:
        """1, or 2 if it also reads backwards."""
        return 1 + self.bidirectional

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) != 2:
            raise OpError(
                f"{self.kind} needs a sequence [T, C]",
                label=f"the input here is {show(inputs[0])}",
                hint="reshape and permute make one",
            )
        return (inputs[0][0], self.directions * self.hidden)

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {
            "t": inputs[0][0],
            "c": inputs[0][1],
            "h": self.hidden,
            "layers": self.depth,
            "directions": self.directions,
            "bias": Switch(self.bias),
            "elements": prod(output),
        }

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return (WHOLE,)


class LSTM(_Recurrent, frozen=True):
    """Long short-term memory (Hochreiter and Schmidhuber 1997), PyTorch's `LSTM`: the hidden features of each step.

    Input [T, C], output [T, hidden], or [T, 2 * hidden] if bidirectional.

    >>> LSTM(256, bidirectional=True).output_shape((26, 512))
    (26, 512)
    """

    kind: ClassVar[str] = "lstm"
    casts: ClassVar[Casts | None] = HALF
    gates: ClassVar[int] = 4
    # three sigmoids, two tanhs; f * c + i * g, o * tanh(c)
    costs: ClassVar[Costs] = _costs(4, 5, 12, 5, "the sums of both products, those of sigmoid and tanh, the new memory")


class GRU(_Recurrent, frozen=True):
    """Gated recurrent unit (Cho et al. 2014), PyTorch's `GRU`: the hidden features of each step.

    Input [T, C], output [T, hidden], or [T, 2 * hidden] if bidirectional.

    >>> GRU(256).output_shape((26, 512))
    (26, 256)
    """

    kind: ClassVar[str] = "gru"
    casts: ClassVar[Casts | None] = Casts("half", "given")
    gates: ClassVar[int] = 3
    # two sigmoids, one tanh; r * (W h), (1 - z) * n + z * h
    costs: ClassVar[Costs] = _costs(
        3, 3, 9, 4, "the sums of both products, those of sigmoid and tanh, the new features"
    )


KINDS: tuple[type[Op], ...] = (LSTM, GRU)
