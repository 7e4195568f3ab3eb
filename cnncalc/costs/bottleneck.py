"""Bottlenecks: which layers hold most of the parameters, the work, the memory and the traffic.

One page for three questions: what fills the memory, what takes the time, and is the memory's bandwidth used well
(the arithmetic intensity of each class of layers).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cnncalc.costs.amount import total
from cnncalc.costs.analysis import Costs, Row
from cnncalc.ops import FAMILIES, conv, linear
from cnncalc.ops.base import Op, per_dimension, show

TOP = 3
"""So many layers are named for each quantity."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The layers that have most of a quantity, with their amounts, the largest first, and the whole."""

    quantity: str
    total: int
    layers: tuple[tuple[Row, int], ...]

    @property
    def shares(self) -> tuple[float, ...]:
        """Each layer's share of the whole, in percent."""
        return tuple(100 * amount / self.total for _, amount in self.layers)


@dataclass(frozen=True, slots=True)
class Class:
    """Layers of one class, such as all 1x1 convolutions, together; `bytes` are those moved, `saved` those that
    autograd saves."""

    name: str
    layers: int
    params: int
    macs: int
    flops: int
    bytes: int
    saved: int

    @property
    def intensity(self) -> float:
        """FLOPs per byte moved."""
        return self.flops / self.bytes if self.bytes else 0.0


@dataclass
class Bottlenecks:
    """Where a network's costs are, for a batch."""

    costs: Costs
    rankings: list[Ranking]
    classes: list[Class]

    def answers(self) -> list[str]:
        """The three questions, answered in words."""
        return [line for line in (self._memory(), self._work(), self._bandwidth()) if line]

    def _memory(self) -> str:
        """What fills the memory."""
        step = self.costs.memory.training()
        stored = step.params + step.gradients
        batches = self.costs.batch
        each = step.saved // batches
        if not each:
            return ""
        larger = "activations" if step.saved > stored else "parameters"
        batch = stored // each + 1
        share = 100 * max(step.saved, stored) / (step.saved + stored)
        turn = "at any batch" if batch == 1 else f"from a batch of {batch:,} on"
        return (
            f"Memory in training: {larger} ({share:.0f}% at batch {batches:,}). What autograd saves, "
            f"{each:,} bytes per image, outweighs parameters and gradients, {stored:,} bytes, {turn}."
        )

    def _work(self) -> str:
        """What takes the time."""
        ranking = next(ranking for ranking in self.rankings if ranking.quantity == "MACs")
        if not ranking.layers:
            return ""
        name = ranking.layers[0][0].name
        most = max(self.classes, key=lambda group: group.macs)
        share = 100 * most.macs / ranking.total
        together = "" if most.layers == 1 else f"; the {most.layers:,} layers of {most.name} together do {share:.0f}%"
        return f"Work: {name} does most multiply-accumulates of all layers, {ranking.shares[0]:.0f}%{together}."

    def _bandwidth(self) -> str:
        """How well the memory's bandwidth is used."""
        busy = [group for group in self.classes if group.macs]
        if not busy:
            return ""
        texts = [f"{group.name} {group.intensity:.1f}" for group in sorted(busy, key=lambda group: -group.intensity)]
        rest = [group for group in self.classes if not group.macs and group.bytes]
        moved = 100 * sum(group.bytes for group in rest) / max(self.costs.memory.traffic, 1)
        return (
            f"Bandwidth: FLOPs for each byte moved: {', '.join(texts)}. Layers without multiply-accumulates move "
            f"{moved:.0f}% of all bytes."
        )


QUANTITIES: dict[str, Callable[[Row], int | None]] = {
    "Parameters": lambda row: row.params,
    "MACs": lambda row: row.macs,
    "Activation bytes": lambda row: row.output_bytes,
    "Bytes saved for backward": lambda row: row.saved_bytes,
    "Bytes read and written": lambda row: None if row.read_bytes is None else row.read_bytes + row.written_bytes,
}
"""What the layers are ranked by."""


def bottlenecks(costs: Costs, top: int = TOP) -> Bottlenecks:
    """Where a network's costs are. What a layer does not say is left out of its ranking.

    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.zoo import load
    >>> found = bottlenecks(Costs(expand(load("alexnet"))))
    >>> [row.name for row, _ in found.rankings[0].layers]
    ['fc6', 'fc7', 'fc8']
    """
    rankings = [_ranking(quantity, costs.layers, amount, top) for quantity, amount in QUANTITIES.items()]
    return Bottlenecks(costs, rankings, _classes(costs))


def _ranking(quantity: str, rows: list[Row], amount: Callable[[Row], int | None], top: int) -> Ranking:
    """The layers with most of a quantity, the first ones where they are equal."""
    having = [(row, value) for row in rows if (value := amount(row))]
    best = sorted(having, key=lambda pair: -pair[1])[:top]
    return Ranking(quantity, sum(value for _, value in having), tuple(best))


def _classes(costs: Costs) -> list[Class]:
    """The layers by class, the one with most FLOPs first."""
    members: dict[str, list[Row]] = {}
    for row in costs.layers:
        members.setdefault(class_name(row.op, len(row.output) - 1), []).append(row)
    classes = [
        Class(
            name,
            layers=len(rows),
            params=total(row.params for row in rows),
            macs=total(row.macs for row in rows),
            flops=total(row.flops for row in rows),
            bytes=total(amount for row in rows for amount in (row.read_bytes, row.written_bytes)),
            saved=total(row.saved_bytes for row in rows),
        )
        for name, rows in members.items()
    ]
    return sorted(classes, key=lambda group: (-group.flops, -group.bytes))


def class_name(op: Op, dimensions: int = 2) -> str:
    """What a layer is, as far as its costs go: a convolution with its kernel, or its family.

    >>> class_name(conv.Conv(96, kernel=11))
    'conv 11x11'
    >>> class_name(conv.Conv(64, kernel=3), dimensions=3)
    'conv 3x3x3'
    >>> class_name(linear.Linear(10))
    'linear'
    """
    if isinstance(op, (conv.Conv, conv.ConvTranspose, conv.Depthwise, conv.Separable)):
        size: Any = op.kernel
        groups = " grouped" if isinstance(op, conv.Conv) and op.groups > 1 else ""
        return f"{op.kind}{groups} {show(per_dimension(size, dimensions, 'kernel'))}"
    if isinstance(op, linear.Linear):
        return op.kind
    return next((family.lower() for family, kinds in FAMILIES.items() if type(op) in kinds), op.kind)
