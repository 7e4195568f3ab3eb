"""The JSON document of a network: one contract, the same from every command about a single network.

Fields may be added; none changes its meaning within a schema number.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnncalc.costs.analysis import Analysis, LayerCosts
    from cnncalc.language.expand import Network

SCHEMA = 1


def document(analysis: Analysis) -> dict[str, Any]:
    """A network with all its costs, as plain JSON values. Counts are for the whole batch, bytes for float32: those
    that a layer reads and writes, and those that autograd keeps of it in training.

    >>> from cnncalc import analyse, expand, load
    >>> lenet = document(analyse(expand(load("lenet5"))))
    >>> lenet["input"], lenet["layers"][0]["name"], lenet["layers"][0]["params"]
    ([1, 32, 32], 'C1', 156)
    """
    from cnncalc.costs.memory import memory

    network = analysis.network
    account = memory(network, analysis.batch)
    totals = {**asdict(analysis.totals), "traffic_bytes": account.traffic, "kept_bytes": account.kept}
    return {
        "schema": SCHEMA,
        "network": network.name,
        "title": network.spec.title,
        "input": list(network.input),
        "batch": analysis.batch,
        "training": network.training,
        "totals": totals,
        "outputs": {name: _tensor(network, tensor) for name, tensor in network.outputs.items()},
        "layers": [
            {
                **layer_entry(network, index, costs),
                "read_bytes": held.read,
                "written_bytes": held.written,
                "kept_bytes": held.kept_bytes,
                "receptive_field": field.as_json(),
            }
            for index, (costs, held, field) in enumerate(
                zip(analysis.layers, account.layers, analysis.receptive_fields, strict=True)
            )
        ],
    }


def layer_entry(network: Network, index: int, costs: LayerCosts) -> dict[str, Any]:
    """A layer with its costs."""
    layer = network.layers[index]
    return {
        "name": layer.name,
        "kind": layer.kind.name,
        "inputs": network.input_names(layer),
        "output": list(layer.output),
        "params": costs.params,
        "buffers": costs.buffers,
        "macs": costs.macs,
        "flops": costs.flops,
        "operations": dict(costs.operations),
        "activations": costs.activations,
    }


def _tensor(network: Network, tensor: int) -> str:
    return "input" if tensor < 0 else network.layers[tensor].name
