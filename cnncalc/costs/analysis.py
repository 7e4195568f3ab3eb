"""The costs of a network: of each layer, in total, and by groups of layers.

Counts are exact integers for the whole batch. FLOPs = 2 x MACs + all other operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from cnncalc.formula import prod
from cnncalc.language.expand import Layer, Network
from cnncalc.ops import Op, Shape, explain_costs

if TYPE_CHECKING:
    from cnncalc.costs.receptive_field import ReceptiveField

BYTES_PER_ELEMENT = 4
"""float32"""


class LayerCosts(NamedTuple):
    """The costs of one layer, for the whole batch. Activations are the elements of its output."""

    params: int
    buffers: int
    macs: int
    flops: int
    operations: Mapping[str, int]
    activations: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The costs of a whole network, for the whole batch; bytes are those of float32."""

    params: int
    buffers: int
    macs: int
    flops: int
    activations: int
    param_bytes: int
    peak_memory_bytes: int


@dataclass(frozen=True, slots=True)
class Group:
    """Layers whose names begin alike, in order; their costs summed. A layer alone is a group of one."""

    name: str
    layers: tuple[int, ...]
    costs: LayerCosts


@dataclass
class Analysis:
    """A network with its costs. `layers[i]` are the costs of `network.layers[i]`."""

    network: Network
    batch: int
    layers: list[LayerCosts]

    @cached_property
    def totals(self) -> Totals:
        """The sums over the layers, and the peak of memory at inference."""
        from cnncalc.costs.memory import peak_memory

        total = total_costs(self.layers)
        return Totals(
            params=total.params,
            buffers=total.buffers,
            macs=total.macs,
            flops=total.flops,
            activations=total.activations,
            param_bytes=total.params * BYTES_PER_ELEMENT,
            peak_memory_bytes=peak_memory(self.network, self.batch, BYTES_PER_ELEMENT),
        )

    @cached_property
    def operations(self) -> dict[str, int]:
        """The network's operations by class."""
        return dict(total_costs(self.layers).operations)

    @cached_property
    def receptive_fields(self) -> list[ReceptiveField]:
        """What a unit of each layer sees of the input."""
        from cnncalc.costs.receptive_field import receptive_fields

        return receptive_fields(self.network)

    def groups(self, depth: int = 1) -> list[Group]:
        """The layers grouped by the first `depth` parts of their names, in order of first appearance."""
        members: dict[str, list[int]] = {}
        for index, layer in enumerate(self.network.layers):
            members.setdefault(".".join(layer.name.split(".")[:depth]), []).append(index)
        return [
            Group(
                name,
                tuple(indices),
                self.layers[indices[0]] if len(indices) == 1 else total_costs([self.layers[i] for i in indices]),
            )
            for name, indices in members.items()
        ]


def total_costs(layers: list[LayerCosts]) -> LayerCosts:
    """The sum of some layers' costs."""
    operations: dict[str, int] = {}
    for costs in layers:
        for operation, number in costs.operations.items():
            operations[operation] = operations.get(operation, 0) + number
    return LayerCosts(
        params=sum(costs.params for costs in layers),
        buffers=sum(costs.buffers for costs in layers),
        macs=sum(costs.macs for costs in layers),
        flops=sum(costs.flops for costs in layers),
        operations=operations,
        activations=sum(costs.activations for costs in layers),
    )


def analyse(network: Network, batch: int = 1) -> Analysis:
    """The costs of a network for a batch.

    Equal layers on equal inputs are computed once.

    >>> from cnncalc.zoo.index import load
    >>> from cnncalc.language.expand import expand
    >>> analysis = analyse(expand(load("alexnet")))
    >>> analysis.layers[0].params
    34944
    """
    known: dict[tuple[Op, tuple[Shape, ...]], LayerCosts] = {}
    layers = []
    for layer in network.layers:
        shapes = tuple([network.shape(tensor) for tensor in layer.inputs])
        costs = known.get((layer.kind, shapes))
        if costs is None:
            costs = known[layer.kind, shapes] = layer_costs(layer, shapes, batch, network.training)
        layers.append(costs)
    return Analysis(network, batch, layers)


def layer_costs(layer: Layer, inputs: tuple[Shape, ...], batch: int, training: bool) -> LayerCosts:
    """The costs of one layer, by its kind's formulas."""
    steps = explain_costs(layer.kind, inputs, layer.output, training)
    counts = {quantity: step.value for quantity, step in steps.items()}
    params, buffers = counts.pop("params", 0), counts.pop("buffers", 0)
    once = layer.kind.once
    operations = {key: number * (1 if key in once else batch) for key, number in counts.items() if number}
    macs = operations.get("mac", 0)
    return LayerCosts(
        params=params,
        buffers=buffers,
        macs=macs,
        flops=sum(operations.values()) + macs,
        operations=operations,
        activations=prod(layer.output) * batch,
    )
