"""What a page about networks shows, as plain data: layers with all their numbers, the drawing, charts, notes.

The numbers are those of the JSON document, exact: those beyond 2^53, which JavaScript would round, are texts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cnncalc.costs.analysis import Costs, Row
from cnncalc.costs.compare import Comparison
from cnncalc.costs.receptive_field import Field, ReceptiveField, UnknownField
from cnncalc.explain import explain_layer
from cnncalc.graph import Graph, Node
from cnncalc.ops.base import show
from cnncalc.render.table import Table
from cnncalc.views import Detail, charts, compare, flops
from cnncalc.views.common import heading
from cnncalc.views.drawing import Drawing, drawing
from cnncalc.views.rows import describe

if TYPE_CHECKING:
    from cnncalc.costs.roofline import Roofline
    from cnncalc.zoo.catalogue import Accuracy

MOST_FORMULAS = 800_000
"""Characters of formulas; beyond these the page names the command that prints them."""
MOST_BARS = 400
"""A chart of more layers than these shows groups."""
EXACT = 2**53


def data(
    networks: Sequence[Costs],
    detail: Detail,
    rooflines: Sequence[Roofline],
    published: Mapping[Graph, Accuracy],
) -> dict[str, Any]:
    """The data of a page.

    Args:
        rooflines: of each network, on one device.
        published: the accuracies that are known.
    """
    found: dict[str, Any] = {
        "networks": [_network(costs, detail, result) for costs, result in zip(networks, rooflines, strict=True)]
    }
    if len(networks) > 1:
        parts = compare.view(Comparison(list(networks)), detail).parts
        found["compared"] = [_table(part) for part in parts if isinstance(part, Table)]
        found["scatter"] = _chart(charts.scatter(networks, published))
    return found


def _network(costs: Costs, detail: Detail, result: Roofline) -> dict[str, Any]:
    """One network."""
    graph = costs.graph
    memory = costs.memory
    found = [charts.depth(costs, _chart_detail(costs), result), charts.memory(costs)]
    if any(result.of(row).seconds and row.flops for row in costs.layers):
        found.append(charts.roofline(result))
    if any(known_field(row.receptive_field).size for row in costs.layers):
        found.append(charts.field(costs))
    table = next(part for part in flops.view(costs, Detail(depth=1, changed=detail.changed)).parts)
    assert isinstance(table, Table)
    many = len(costs.layers) > 2000
    return {
        "name": graph.name,
        "title": graph.title or graph.name,
        "heading": heading(costs, detail),
        "device": f"{result.device.title}, {result.dtype}",
        "input": list(graph.input),
        "totals": [
            ["Parameters", exact(costs.params)],
            ["MACs", exact(costs.macs)],
            ["FLOPs", exact(costs.flops)],
            ["Peak memory, bytes", exact(memory.peak)],
            ["Saved for backward, bytes", exact(memory.saved)],
            ["Bytes moved", exact(memory.traffic)],
            ["Layers", len(costs.layers)],
        ],
        "notes": list(table.notes),
        "first": costs.layers[0].node.index if costs.layers else 0,
        **_layers(costs, result),
        "drawing": _drawing(drawing(graph, 1_000_000, fold=False)),
        "charts": [] if many else [_chart(chart) for chart in found],
        **_formulas(costs),
    }


def _chart_detail(costs: Costs) -> Detail:
    """Each layer where there are few enough, otherwise groups."""
    return Detail(all=True) if len(costs.layers) <= MOST_BARS else Detail(depth=1)


def exact(amount: int | None) -> int | str | None:
    """A number that JavaScript reads as it is: beyond 2^53, and where it is known in part, as text.

    >>> exact(5), exact(2**60), exact(None)
    (5, '1,152,921,504,606,846,976', None)
    """
    if amount is None or (type(amount) is int and amount < EXACT):
        return amount
    return f"{amount:,}"


def _layers(costs: Costs, result: Roofline) -> dict[str, Any]:
    """Every node as [name, inputs, record], and the records, which many share; their fields are those of `F` in
    page.js. Inputs of the network have the first three alone."""
    rows = {row.node: row for row in costs.layers}
    regular = regular_nodes(costs)
    records: dict[str, int] = {}
    layers = []
    for node in costs.graph.nodes:
        if node in rows:
            record = _record(rows[node], result, regular[node.index])
        else:
            record = ["input", "input", list(node.output)]
        text = json.dumps(record)
        layers.append([node.name, [source.index for source in node.inputs], records.setdefault(text, len(records))])
    return {"layers": layers, "records": [json.loads(text) for text in records]}


def _record(row: Row, result: Roofline, regular: bool) -> list[Any]:
    """A layer's fields, without its name and its inputs."""
    field = known_field(row.receptive_field)
    seconds = result.of(row).seconds
    return [
        row.op.kind,
        describe(row.op),
        list(row.output),
        exact(row.params),
        exact(row.macs),
        exact(row.flops),
        exact(row.activations),
        exact(row.read_bytes),
        exact(row.written_bytes),
        exact(row.alive_bytes),
        exact(row.saved_bytes),
        seconds,
        list(field.size),
        [None if stride is None else float(stride) for stride in field.stride],
        list(field.padding),
        1 if field.whole else 2 if regular else 0,
    ]


def known_field(field: Field) -> ReceptiveField:
    """A receptive field; of one that is unknown, one without dimensions."""
    return ReceptiveField((), (), (), (), aligned=False) if isinstance(field, UnknownField) else field


_UNEVEN = ("upsample", "transpose", "adaptive", "resize", "pixel", "roll", "permute", "reshape")


def regular_nodes(costs: Costs) -> list[bool]:
    """Whether the units of each node see windows that all have one size and one whole stride, so that position, size,
    stride and padding say what a unit sees."""
    found: list[bool] = []
    fields = costs.receptive_fields
    for node in costs.graph.nodes:
        field = known_field(fields[node.index])
        even = all(stride is not None and stride.denominator == 1 for stride in field.stride)
        plain = not any(word in node.op.kind for word in _UNEVEN) and len(node.output) == len(costs.graph.input)
        plain = plain and bool(field.size)
        found.append(even and plain and field.aligned and all(found[source.index] for source in node.inputs))
    return found


def _formulas(costs: Costs) -> dict[str, Any]:
    """The lines of `explain` for each layer, each text once; none where they would fill the page."""
    texts: dict[str, int] = {}
    lines: list[list[int]] = []
    size = 0
    one = costs if costs.batch == 1 else Costs(costs.graph, 1, costs.dtype, costs.mixed, costs.inplace)
    for row in one.layers:
        mine: list[int] = []
        for line in explain_layer(row):
            for text in (line.quantity, line.formula, line.text, line.meaning):
                if text not in texts:
                    texts[text] = len(texts)
                    size += len(text) + 4
                mine.append(texts[text])
        size += 5 * len(mine)
        lines.append(mine)
        if size > MOST_FORMULAS:
            return {"texts": [], "lines": []}
    return {"texts": list(texts), "lines": lines}


def _drawing(found: Drawing) -> dict[str, Any]:
    """A drawing: a layer's box as its index, a group's as [name, label, what, nodes, inside]; edges as [from, to], with
    the shape where it is not that of the box they come from; rows of boxes, a lane as -2 - box."""
    return {
        "b": [
            box.nodes[0].index
            if box.inside is None
            else [box.name, box.label, box.what, _indexes(box.nodes), _drawing(box.inside)]
            for box in found.boxes
        ],
        "e": [
            [edge.source, edge.target]
            if edge.source >= 0 and found.boxes[edge.source].output == edge.shape
            else [edge.source, edge.target, show(edge.shape)]
            for edge in found.edges
        ],
        "r": [[-2 - slot.box if slot.lane else slot.box for slot in row] for row in found.rows],
    }


def _indexes(nodes: Sequence[Node]) -> list[int]:
    """The nodes' indexes as runs: first, how many, first, how many ..."""
    found: list[int] = []
    for node in nodes:
        if found and found[-2] + found[-1] == node.index:
            found[-1] += 1
        else:
            found += [node.index, 1]
    return found


def _chart(chart: charts.Chart) -> dict[str, Any]:
    return {"kind": chart.kind, "title": chart.title, "panels": list(chart.panels)}


def _table(table: Table) -> dict[str, Any]:
    """A small table as texts."""
    return {
        "title": table.title,
        "columns": [column.title for column in table.columns],
        "right": [table.numeric(index) for index in range(len(table.columns))],
        "rows": table.texts(),
        "notes": list(table.notes),
    }
