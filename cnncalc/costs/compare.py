"""Networks side by side: their totals as ratios to the first, and two networks group by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cnncalc.costs.analysis import Analysis, LayerCosts


@dataclass(frozen=True, slots=True)
class Pair:
    """A group of layers that stands in two networks under one name, or in one of them only."""

    name: str
    first: LayerCosts | None
    second: LayerCosts | None

    @property
    def counts(self) -> bool:
        """Whether there are parameters or MACs in either network."""
        return any(costs and (costs.params or costs.macs) for costs in (self.first, self.second))


def ratio(value: int, base: int) -> float | None:
    """How many times the base a value is; None of a base of 0."""
    return value / base if base else None


def pairs(first: Analysis, second: Analysis, depth: int = 1) -> list[Pair]:
    """Two networks' groups of layers, matched by name, in the order of both.

    Groups that only the second has stand after the group that comes before them there.
    """
    left = {group.name: group.costs for group in first.groups(depth)}
    right = {group.name: group.costs for group in second.groups(depth)}
    return [Pair(name, left.get(name), right.get(name)) for name in _merged(list(left), list(right))]


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


@dataclass(frozen=True, slots=True)
class Further:
    """What a network costs beyond its counts: the peak of inference and what autograd keeps in training, the bytes
    that all layers move, FLOPs for each of these, and the largest receptive field before one that is everything."""

    peak_bytes: int
    kept_bytes: int
    traffic_bytes: int
    intensity: float
    receptive_field: list[int]


def further(analysis: Analysis) -> Further:
    """A network's memory, traffic and receptive field, in float32.

    >>> from cnncalc import analyse, expand, load
    >>> further(analyse(expand(load("resnet50")))).receptive_field
    [483, 483]
    """
    from cnncalc.costs.memory import memory

    account = memory(analysis.network, analysis.batch)
    local = [field.size for field in analysis.receptive_fields if not field.whole]
    return Further(
        account.peak,
        account.kept,
        account.traffic,
        analysis.totals.flops / account.traffic if account.traffic else 0.0,
        [max(sizes) for sizes in zip(*local, strict=True)],
    )


def document(analyses: Sequence[Analysis]) -> dict[str, Any]:
    """The JSON document of a comparison: each network's totals, with its name."""
    return {
        "schema": 1,
        "networks": [
            {
                "name": analysis.network.name,
                "title": analysis.network.spec.title,
                "input": list(analysis.network.input),
                "batch": analysis.batch,
                "training": analysis.network.training,
                "layers": len(analysis.layers),
                **asdict(analysis.totals),
                **_without_peak(further(analysis)),
            }
            for analysis in analyses
        ],
    }


def _without_peak(costs: Further) -> dict[str, Any]:
    """What the totals do not have yet."""
    return {key: value for key, value in asdict(costs).items() if key != "peak_bytes"}
