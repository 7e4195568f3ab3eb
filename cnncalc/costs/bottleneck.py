"""Bottlenecks: which layers hold most of the parameters, the work, the memory and the traffic.

One page for three questions: what fills the memory, what takes the time, and is the memory's bandwidth used well
(the arithmetic intensity of each class of layers).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cnncalc.costs.analysis import Analysis, analyse
from cnncalc.costs.memory import Memory, memory
from cnncalc.language.expand import Network
from cnncalc.ops import FAMILIES, Op, conv, linear
from cnncalc.ops.base import show

TOP = 3
"""So many layers are named for each quantity."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The layers that have most of a quantity: indices and amounts, the largest first, and the whole."""

    quantity: str
    total: int
    layers: tuple[tuple[int, int], ...]

    @property
    def shares(self) -> tuple[float, ...]:
        """Each layer's share of the whole, in percent."""
        return tuple(100 * amount / self.total for _, amount in self.layers)


@dataclass(frozen=True, slots=True)
class Class:
    """Layers of one class, such as all 1x1 convolutions, together; bytes are those moved, kept those of training."""

    name: str
    layers: int
    params: int
    macs: int
    flops: int
    bytes: int
    kept: int

    @property
    def intensity(self) -> float:
        """FLOPs a byte moved."""
        return self.flops / self.bytes if self.bytes else 0.0


@dataclass
class Bottlenecks:
    """Where a network's costs are, for a batch."""

    analysis: Analysis
    memory: Memory
    rankings: list[Ranking]
    classes: list[Class]

    def answers(self) -> list[str]:
        """The three questions, answered in words."""
        return [line for line in (self._memory(), self._work(), self._bandwidth()) if line]

    def _memory(self) -> str:
        """What fills the memory."""
        step = self.memory.training
        stored = step.params + step.gradients
        each = step.kept // self.memory.batch
        if not each:
            return ""
        larger = "activations" if step.kept > stored else "parameters"
        batch = stored // each + 1
        share = 100 * max(step.kept, stored) / (step.kept + stored)
        turn = "at any batch" if batch == 1 else f"from a batch of {batch:,} on"
        return (
            f"Memory in training: {larger} ({share:.0f}% at batch {self.memory.batch:,}). What autograd keeps, "
            f"{each:,} bytes an image, outweighs parameters and gradients, {stored:,} bytes, {turn}."
        )

    def _work(self) -> str:
        """What takes the time."""
        ranking = next(ranking for ranking in self.rankings if ranking.quantity == "MACs")
        if not ranking.layers:
            return ""
        name = self.analysis.network.layers[ranking.layers[0][0]].name
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
        moved = 100 * sum(group.bytes for group in rest) / max(self.memory.traffic, 1)
        return (
            f"Bandwidth: FLOPs for each byte moved: {', '.join(texts)}. Layers without multiply-accumulates move "
            f"{moved:.0f}% of all bytes."
        )


def bottlenecks(network: Network, batch: int = 1, inplace: bool = False, top: int = TOP) -> Bottlenecks:
    """Where a network's costs are.

    >>> from cnncalc import expand, load
    >>> found = bottlenecks(expand(load("alexnet")))
    >>> [found.analysis.network.layers[index].name for index, _ in found.rankings[0].layers]
    ['fc6', 'fc7', 'fc8']
    """
    analysis = analyse(network, batch)
    account = memory(network, batch, inplace=inplace)
    costs, held = analysis.layers, account.layers
    columns: dict[str, Sequence[int]] = {
        "Parameters": [layer.params for layer in costs],
        "MACs": [layer.macs for layer in costs],
        "Activation bytes": [layer.output for layer in held],
        "Bytes kept for training": [layer.kept_bytes for layer in held],
        "Bytes read and written": [layer.read + layer.written for layer in held],
    }
    rankings = [_ranking(quantity, column, top) for quantity, column in columns.items()]
    return Bottlenecks(analysis, account, rankings, _classes(analysis, account))


def _ranking(quantity: str, column: Sequence[int], top: int) -> Ranking:
    """The layers with most of a quantity, the first ones where they are equal."""
    best = sorted((index for index, amount in enumerate(column) if amount), key=lambda index: -column[index])
    return Ranking(quantity, sum(column), tuple((index, column[index]) for index in best[:top]))


def _classes(analysis: Analysis, account: Memory) -> list[Class]:
    """The layers by class, the one with most FLOPs first."""
    members: dict[str, list[int]] = {}
    for index, layer in enumerate(analysis.network.layers):
        members.setdefault(class_name(layer.kind), []).append(index)
    classes = []
    for name, indices in members.items():
        costs = [analysis.layers[index] for index in indices]
        held = [account.layers[index] for index in indices]
        classes.append(
            Class(
                name,
                layers=len(indices),
                params=sum(layer.params for layer in costs),
                macs=sum(layer.macs for layer in costs),
                flops=sum(layer.flops for layer in costs),
                bytes=sum(layer.read + layer.written for layer in held),
                kept=sum(layer.kept_bytes for layer in held),
            )
        )
    return sorted(classes, key=lambda group: (-group.flops, -group.bytes))


def class_name(kind: Op) -> str:
    """What a layer is, as far as its costs go: a convolution with its kernel, or its family.

    >>> class_name(conv.Conv(96, kernel=11))
    'conv 11x11'
    >>> class_name(linear.Linear(10))
    'linear'
    """
    if isinstance(kind, (conv.Conv, conv.ConvTranspose, conv.Depthwise, conv.Separable)):
        size: Any = kind.kernel
        groups = " grouped" if isinstance(kind, conv.Conv) and kind.groups > 1 else ""
        return f"{kind.name}{groups} {show(size) if isinstance(size, tuple) else f'{size}x{size}'}"
    if isinstance(kind, linear.Linear):
        return kind.name
    return next((family.lower() for family, kinds in FAMILIES.items() if type(kind) in kinds), kind.name)
