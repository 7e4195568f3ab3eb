"""What a page about networks shows, as plain data: layers with all their numbers, the drawing, charts, notes.

The numbers are those of the JSON document, exact: those beyond 2^53, which JavaScript would round, are texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cnncalc.check.rule import Warned
from cnncalc.costs.analysis import Costs, Row
from cnncalc.costs.compare import Comparison
from cnncalc.costs.receptive_field import Field, ReceptiveField, UnknownField
from cnncalc.explain import explain_layer
from cnncalc.graph import Graph, Node
from cnncalc.ops.base import show
from cnncalc.render.chart import Chart
from cnncalc.render.drawing import Drawing
from cnncalc.render.table import Table
from cnncalc.views import Detail, charts, compare, flops
from cnncalc.views.common import heading, sharing_notes, unknown_notes
from cnncalc.views.drawing import drawing
from cnncalc.views.rows import describe

if TYPE_CHECKING:
    from cnncalc.costs.roofline import Roofline
    from cnncalc.views.times import Times
    from cnncalc.zoo.catalogue import Accuracy

MOST_FORMULAS = 800_000
"""Characters of formulas; beyond these the page names the command that prints them."""
MOST_EXPLAINED = 5_000
"""Layers: of more there would be too many formulas, whatever they are."""
MOST_CHARTED = 2_000
"""Layers: the charts of more have more marks than a screen has pixels."""
MOST_BARS = 400
"""A chart of more layers than these shows groups."""
MOST_WARNED = 200
"""A warning names so many layers."""
EXACT = 2**53


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A network to look at, and what is known of it beside its costs.

    Attributes:
        roofline: on the device that the page is about.
        accuracy: what is published of it, if anything.
        warnings: what `cnncalc check` says of it; None if it was not asked.
        times: the measured times of its layers, if there are any.
    """

    costs: Costs
    roofline: Roofline
    accuracy: Accuracy | None = None
    warnings: Sequence[Warned] | None = None
    times: Times | None = None


def data(subjects: Sequence[Subject], detail: Detail) -> dict[str, Any]:
    """The data of a page."""
    found: dict[str, Any] = {"networks": [_network(subject, detail) for subject in subjects]}
    if len(subjects) > 1:
        networks = [subject.costs for subject in subjects]
        published = {subject.costs.graph: subject.accuracy for subject in subjects if subject.accuracy}
        parts = compare.view(Comparison(networks), detail).parts
        found["compared"] = [_table(part) for part in parts if isinstance(part, Table)]
        rooflines = [subject.roofline for subject in subjects]
        known = any(accuracy.top1 is not None for accuracy in published.values())
        found["scatter"] = [
            _chart(charts.scatter(networks, published, against, rooflines))
            for against in (("macs", "params", "seconds") if known else ("macs",))
        ]
    return found


def _network(subject: Subject, detail: Detail) -> dict[str, Any]:
    """One network."""
    costs, result, times = subject.costs, subject.roofline, subject.times
    graph, memory = costs.graph, costs.memory
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
        "notes": _notes(costs, detail),
        "warnings": None if subject.warnings is None else [_warning(graph, each) for each in subject.warnings],
        "first": costs.layers[0].node.index if costs.layers else 0,
        **_layers(costs, result),
        "measured": times and {"what": times.what, "seconds": [times.of(node) for node in graph.nodes]},
        "drawing": _drawing(drawing(graph, 1_000_000, fold=False)),
        "charts": [_chart(chart) for chart in _charts(subject)],
        **_formulas(costs),
    }


def _notes(costs: Costs, detail: Detail) -> list[str]:
    """What is counted, what is unknown, and the network's own note."""
    own = f"Note: {costs.graph.notes.strip()}" if costs.graph.notes and not detail.changed else ""
    notes = [*flops.counted(costs), *unknown_notes(costs), *sharing_notes(costs), own]
    return [note for note in notes if note]


def _warning(graph: Graph, found: Warned) -> dict[str, Any]:
    """A warning: its layers by their indexes."""
    return {
        "code": found.code,
        "severity": found.severity,
        "message": found.message,
        "cause": found.label,
        "mend": found.hint,
        "place": str(found.place or ""),
        "layers": [graph.node(name).index for name in found.layers[:MOST_WARNED]],
        "more": max(0, len(found.layers) - MOST_WARNED),
    }


def _charts(subject: Subject) -> list[Chart]:
    """The charts of a network; none of a very large one."""
    costs, result = subject.costs, subject.roofline
    if len(costs.layers) > MOST_CHARTED:
        return []
    found = [charts.depth(costs, _chart_detail(costs), result, subject.times), charts.memory(costs)]
    if any(result.of(row).seconds and row.flops for row in costs.layers):
        found.append(charts.roofline(result))
    if any(known_field(row.receptive_field).size for row in costs.layers):
        found.append(charts.field(costs))
    return found


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
    """Every node as [name, inputs, record, field], the latter two by their places in lists of what many share; their
    parts are those of `F` in page.js. An input of the network has no field."""
    rows = {row.node: row for row in costs.layers}
    regular = regular_nodes(costs)
    records: dict[tuple[Any, ...], int] = {}
    fields: dict[tuple[Any, ...], int] = {}
    layers = []
    for node in costs.graph.nodes:
        layer: list[Any] = [node.name, [source.index for source in node.inputs]]
        if node in rows:
            row = rows[node]
            layer.append(records.setdefault(_record(row, result), len(records)))
            layer.append(fields.setdefault(_field(row, regular[node.index]), len(fields)))
        else:
            layer.append(records.setdefault(("input", "input", node.output), len(records)))
        layers.append(layer)
    return {"layers": layers, "records": list(records), "fields": list(fields)}


def _record(row: Row, result: Roofline) -> tuple[Any, ...]:
    """What a layer is and what it costs."""
    op, counts, memory = row.op, row.counts, row.memory
    return (
        op.kind,
        describe(op),
        row.output,
        exact(counts.params),
        exact(counts.macs),
        exact(counts.flops),
        exact(counts.activations),
        exact(memory.read),
        exact(memory.written),
        exact(memory.alive),
        exact(memory.saved_bytes),
        result.bounds[row.node].seconds,
    )


def _field(row: Row, regular: bool) -> tuple[Any, ...]:
    """What the units of a layer see: size, stride and padding, and 1 where it is the whole image, 2 where these tell
    what each unit sees, otherwise 0."""
    field = known_field(row.receptive_field)
    strides = tuple(None if stride is None else _number(stride) for stride in field.stride)
    return field.size, strides, field.padding, 1 if field.whole else 2 if regular else 0


def _number(stride: Any) -> int | float:
    """A stride as JSON has it."""
    return int(stride) if stride.denominator == 1 else float(stride)


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
    if len(costs.layers) > MOST_EXPLAINED:
        return {"texts": [], "lines": []}
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


def _chart(chart: Chart) -> dict[str, Any]:
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
