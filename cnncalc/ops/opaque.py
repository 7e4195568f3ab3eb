"""An op of which only the output is known, and what one says of it."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec

from cnncalc.errors import OpError
from cnncalc.formula import Formula
from cnncalc.ops.base import OPERATIONS, QUANTITIES, UNKNOWN_COSTS, Costs, Op, Shape
from cnncalc.ops.window import Natural, Positive

# mypy: disable-error-code="no-untyped-def"


@Formula
def as_given(given):
    """As the spec gives it."""
    return given


class Opaque(Op, frozen=True):
    """An op of which only the output shape is known. It has any number of inputs. Its counts for one sample are those
    that are given, 0 among them; the others are unknown, and so are the bytes that autograd saves. With `others: 0`
    those that are not given are 0.

    >>> Opaque((100, 4)).output_shape((1000, 4), (1000,))
    (100, 4)
    >>> moved = Opaque((100, 4), others=0)
    >>> moved.macs, moved.params, moved.others
    (0, 0, None)
    """

    output: tuple[Positive, ...]
    params: Natural | None = None
    weights: Natural | None = None
    buffers: Natural | None = None
    macs: Natural | None = None
    adds: Natural | None = None
    muls: Natural | None = None
    divs: Natural | None = None
    compares: Natural | None = None
    exps: Natural | None = None
    others: Literal[0] | None = None

    kind: ClassVar[str] = "opaque"
    arity: ClassVar[int | None] = None
    costs: ClassVar[Costs] = UNKNOWN_COSTS

    def __post_init__(self) -> None:
        """Check the options; `others` is said of each that is not given, so that the same counts are the same op."""
        super().__post_init__()
        if self.others is not None:
            for option in _OPTIONS.values():
                if getattr(self, option) is None:
                    msgspec.structs.force_setattr(self, option, 0)
            msgspec.structs.force_setattr(self, "others", None)

    def output_shape(self, *inputs: Shape) -> Shape:
        if not 1 <= len(self.output) <= 6:
            raise OpError("an output has 1 to 6 sizes", option="output", label=f"got {list(self.output)}")
        return self.output

    def formulas(self) -> Costs:
        return {
            quantity: None if getattr(self, option) is None else as_given.renamed(given=option)
            for quantity, option in _OPTIONS.items()
        }

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {option: getattr(self, option) for option in _OPTIONS.values()}


_OPTIONS = {quantity: f"{quantity}s" if quantity in OPERATIONS else quantity for quantity in QUANTITIES}
"""The option that gives each quantity."""

KINDS: tuple[type[Op], ...] = (Opaque,)
