"""Networks side by side: their totals as ratios to the first, and two networks group by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from cnncalc.costs.analysis import Costs, Counts, total_counts
from cnncalc.costs.receptive_field import ReceptiveField, UnknownField
from cnncalc.formula import prod


@dataclass(frozen=True, slots=True)
class Pair:
    """A group of layers that stands in two networks under one name, or in one of them only."""

    name: str
    first: Counts | None
    second: Counts | None

    @property
    def counting(self) -> bool:
        """Whether there are parameters or MACs in either network."""
        return any(counts and (counts.params != 0 or counts.macs != 0) for counts in (self.first, self.second))


def ratio(value: float | None, base: float | None) -> float | None:
    """How many times the base a value is; None of a base of 0, or of what is unknown.

    >>> ratio(3, 2), ratio(3, 0)
    (1.5, None)
    """
    return value / base if base and value is not None else None


@dataclass
class Comparison:
    """Networks side by side; the first is what the others are compared with."""

    networks: Sequence[Costs]

    def groups(self, depth: int = 1) -> list[Pair]:
        """Two networks' groups of layers, matched by name, in the order of both; of the first two networks.

        Groups that only the second has stand after the group that comes before them there.
        """
        first, second = self.networks[:2]
        left = {group.name: group.counts for group in first.groups(depth)}
        right = {group.name: group.counts for group in second.groups(depth)}
        return [Pair(name, left.get(name), right.get(name)) for name in _merged(list(left), list(right))]

    @cached_property
    def whole(self) -> Pair:
        """The first two networks as a whole."""
        return Pair("Total", *(total_counts(row.counts for row in costs.layers) for costs in self.networks[:2]))


def largest_field(costs: Costs) -> tuple[int, ...] | UnknownField | None:
    """The largest receptive field of a layer that does not see the whole image, along each dimension of the first
    input; None where the last layer with more than one unit sees all of it, as after squeeze and excitation. Where a
    layer's field is unknown, so is the largest.

    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.zoo import load
    >>> largest_field(Costs(expand(load("resnet50"))))
    (483, 483)
    """
    fields = []
    for row in costs.layers:
        field = row.receptive_field
        if isinstance(field, UnknownField):
            return field
        fields.append(field)
    spread = [row for row in costs.layers if prod(row.output[1:]) > 1]
    last = spread[-1].receptive_field if spread else None
    if isinstance(last, ReceptiveField) and last.whole:
        return None
    local = [field.size for field in fields if field.size and not field.whole]
    return tuple(max(sizes) for sizes in zip(*local, strict=True))


def intensity(costs: Costs) -> float:
    """FLOPs per byte that all layers move; 0 where nothing is moved."""
    return costs.flops / costs.memory.traffic if costs.memory.traffic else 0.0


def _merged(left: Sequence[str], right: Sequence[str]) -> list[str]:
    """The names of both lists, each once.

    >>> _merged(["a", "b", "d"], ["a", "x", "d", "y"])
    ['a', 'x', 'b', 'd', 'y']
    """
    known = set(left)
    after: dict[str | None, list[str]] = {}
    anchor: str | None = None
    for name in right:
        if name in known:
            anchor = name
        else:
            after.setdefault(anchor, []).append(name)
    return after.get(None, []) + [found for name in left for found in (name, *after.get(name, ()))]
