"""What must hold for any spec whatever: right numbers or one error with its place, in bounded time and memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnncalc import Analysis, AtLeast, Network
from cnncalc.costs.analysis import Row
from cnncalc.costs.receptive_field import UnknownField, seen_by
from cnncalc.errors import CnncalcError, RequestError, SpecError
from cnncalc.explain import explain_layer
from cnncalc.graph import Graph
from cnncalc.language.expand import expand
from cnncalc.language.least import Least
from cnncalc.language.model import Spec
from cnncalc.ops.base import cost_steps
from cnncalc.views.records import builtins, network_document
from cnncalc.zoo import index as zoo

from .limits import Finding, check_error, check_message, time_limit

MAX_LAYERS = 20_000
EXPLAINED = 60  # layers of a network whose every formula is written out


def check_text(text: str, **request: Any) -> str:
    """Read, expand and analyse a spec; how far it came: `refused`, `read` or `analysed`.

    Raises:
        Finding: an error that is none of the user's, without a place, too late or too large; a wrong number.
    """
    try:
        with time_limit("reading"):
            spec = zoo.load_text(text, name="fuzzed", origin="fuzzed.yaml")
    except SpecError as error:
        check_error(error, text)
        return "refused"
    except Exception as error:
        raise Finding(f"reading raises {_named(error)}") from error
    return _check_spec(spec, text, request)


def check_file(file: Path) -> str:
    """The same for a file of any bytes."""
    try:
        text = zoo.read_file(file)
    except RequestError as error:
        check_message(error)
        return "refused"
    except Exception as error:
        raise Finding(f"opening raises {_named(error)}") from error
    return check_text(text)


def _check_spec(spec: Spec, text: str, request: Mapping[str, Any]) -> str:
    try:
        with time_limit("expanding"):
            network = Network.of(expand(spec, max_layers=MAX_LAYERS, **request))
        with time_limit("analysing"):
            analysis = network.analyze()
    except SpecError as error:
        check_error(error, text)
        return "read"
    except RequestError as error:
        check_message(error)
        if not request:
            raise Finding(f"a wrong spec is called a wrong request: {error.message[:200]}") from error
        return "read"
    except Exception as error:
        raise Finding(f"expanding raises {_named(error)}") from error
    _check_published(spec, text)
    least = Least(spec.blocks).several(spec.layers or [])
    if least > len(network.layers):
        raise Finding(f"{least} layers at the least, and there are {len(network.layers)}")
    try:
        _check_network(network)
        _check_analysis(analysis)
        _check_views(analysis)
    except Finding:
        raise
    except Exception as error:
        raise Finding(f"a view raises {_named(error)}") from error
    return "analysed"


def _check_published(spec: Spec, text: str) -> None:
    """The conditions under which a value is published can be asked for."""
    for entry in spec.published[:3]:
        if entry.input is None and not entry.variables:
            continue
        try:
            with time_limit("expanding as published"):
                expand(spec, entry.input, entry.variables, entry.training, max_layers=MAX_LAYERS)
        except CnncalcError as error:
            check_message(error)
            if isinstance(error, SpecError):
                check_error(error, text)
        except Exception as error:
            raise Finding(f"expanding as published raises {_named(error)}") from error


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"


def _check_network(network: Graph) -> None:
    """Every number is a whole one, every name is given once, every tensor is made before it is used."""
    names = set()
    for index, node in enumerate(network.nodes):
        if not node.output or any(type(size) is not int or size < 1 for size in node.output):
            raise Finding(f"{node.name} has the shape {node.output}")
        if node.index != index:
            raise Finding(f"{node.name} stands at {index} and says {node.index}")
        if not all(source.index < index and network.nodes[source.index] is source for source in node.inputs):
            raise Finding(f"{node.name} reads a tensor that is not yet there")
        names.add(node.name)
    if len(names) != len(network.nodes):
        raise Finding("two layers have one name")
    if not all(network.nodes[node.index] is node for node in network.outputs.values()):
        raise Finding("an output is no tensor")


def _check_analysis(analysis: Analysis) -> None:
    """Counts are whole, none is negative, and they add up. Only an opaque layer may leave some out."""
    if [row.node for row in analysis.layers] != list(analysis.network.layers):
        raise Finding("a layer is not counted")
    for name, rows in analysis.unknown.items():
        if any(row.op.kind != "opaque" for row in rows):
            raise Finding(f"the {name} of {rows[0].op.kind} is unknown")
    for row in analysis.layers:
        costs = row.counts
        if row.op.kind == "opaque":
            continue
        numbers = (costs.params, costs.weights, costs.buffers, costs.macs, costs.flops, costs.activations)
        if any(type(number) is not int or number < 0 for number in (*numbers, *costs.operations.values())):
            raise Finding(f"{row.op.kind} {row.name} counts {costs}"[:300])
        if row.flops != sum(number or 0 for number in row.operations.values()) + (row.macs or 0):
            raise Finding(f"{row.name}'s operations do not add up")


def _check_views(analysis: Analysis) -> None:
    network = analysis.network
    with time_limit("the totals"):
        numbers = (analysis.params, analysis.macs, analysis.flops, analysis.activations, analysis.param_bytes)
        if any(type(number) not in (int, AtLeast) or int(number) < 0 for number in numbers):
            raise Finding(f"the totals are {numbers}")
    with time_limit("grouping"):
        groups = analysis.groups()
        if sum(group.params or 0 for group in groups) != analysis.params:
            raise Finding("the groups do not add up")
    with time_limit("the memory"):
        memory = analysis.memory
        amounts = (memory.peak, memory.traffic, memory.saved, memory.training("adam").total)
        # What a recurrent layer saves is unknown, and its totals are what there is at least.
        if any(type(number) not in (int, AtLeast) or int(number) < 0 for number in amounts):
            raise Finding(f"the amounts of memory are {amounts}")
    try:
        with time_limit("the receptive fields"):
            fields = analysis.receptive_fields
        with time_limit("what one unit sees"):
            for index in {0, len(network.layers) // 2, len(network.layers) - 1} if network.layers else ():
                node = network.layers[index]
                seen_by(network, node, tuple(size // 2 for size in node.output[1:]))
        with time_limit("the document"):
            json.dumps(builtins(network_document(analysis)))
    except RequestError as error:  # sizes that share no divisor
        check_message(error)
        explained = analysis.layers[:0]
    else:
        explained = analysis.layers[:EXPLAINED]
        if len(fields) != len(network.nodes):
            raise Finding("a layer has no receptive field")
        for field in fields:
            if isinstance(field, UnknownField):  # too irregular, or through an op that does not say
                continue
            if len(field.size) != len(network.input) - 1 or any(size < 0 for size in field.size):
                raise Finding(f"a receptive field is {field}")
    with time_limit("explaining"):
        for row in analysis.layers[:EXPLAINED]:
            if row.op.kind != "opaque":
                _check_explanation(row)
        for row in explained:
            explain_layer(row)


def _check_explanation(row: Row) -> None:
    """What `explain` writes ends in the number that is counted."""
    inputs, counts = row.node.input_shapes, row.counts
    steps = cost_steps(row.op, inputs, row.output, row.analysis.graph.training)
    counted = {"params": counts.params, "weights": counts.weights, "buffers": counts.buffers, **counts.operations}
    for step in (*row.op.steps(*inputs), *steps.values()):
        if step is None:
            raise Finding(f"{row.op.kind} does not say all its costs")
        if not step.text.endswith(f"{step.value:,}"):
            raise Finding(f"{row.name}'s {step.label} is explained as {step.text}"[:300])
        if row.node.shares is not None and step.label in ("params", "weights", "buffers"):
            continue  # counted where they are first
        if step.label in steps and step.value != counted.get(step.label, 0):
            raise Finding(f"{row.name}'s {step.label} is explained otherwise")
