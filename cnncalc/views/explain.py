"""The arithmetic behind a layer, every layer, or the totals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cnncalc.costs.analysis import Costs, GroupRow, Row
from cnncalc.explain import FLOPS, QUANTITIES, Line, explain_layer, explain_total, flops_line, grouped
from cnncalc.ops.base import show
from cnncalc.render.table import Cell, Column, Table, number
from cnncalc.views import Detail, View
from cnncalc.views.common import Listing, heading
from cnncalc.views.records import Each, LineRecord, network_document
from cnncalc.views.rows import describe


def view(costs: Costs, detail: Detail, layer: str | None = None, stacked: bool = True) -> View:
    """The arithmetic of a layer or group, of every layer, or of the totals; for one image, as the formulas are.

    Args:
        stacked: formulas above their numbers, which fits narrow terminals, rather than beside them.

    Raises:
        RequestError: the network has no such layer.
    """
    one = costs if costs.batch == 1 else Costs(costs.graph, 1, costs.dtype, costs.mixed, costs.inplace)
    batch = _batch(costs)
    if layer is None and not detail.all and not detail.data:
        return View((*_totals(costs, one, detail), *batch), lambda: network_document(costs))
    rows = one.layers if layer is None else _rows(one, layer)
    if detail.data:
        lines = _Lines(rows)
        table = Table("", _COLUMNS, Each(_cells, lines))
        return View((table,), lambda: network_document(costs, explanations=Each(_record, lines)))
    return View((*(_layer(row, stacked) for row in rows), *batch), lambda: network_document(costs))


def _rows(costs: Costs, name: str) -> Sequence[Row]:
    """The layer of a name, or the layers of a group."""
    found = costs[name]
    return found.rows if isinstance(found, GroupRow) else [found]


_COLUMNS = [Column(title) for title in ("Layer", "Quantity", "Formula", "Calculation", "Value", "Meaning")]


class _Lines:
    """The arithmetic of several layers, one after the other, made as it is read: there may be a million."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = rows

    def __iter__(self) -> Iterator[Line]:
        for row in self.rows:
            yield from explain_layer(row)


def _cells(line: Line) -> list[Cell]:
    return [line.layer, line.quantity, line.formula, line.calculation, number(line.value), line.meaning]


def _record(line: Line) -> LineRecord:
    return LineRecord(line.layer, line.quantity, line.formula, line.calculation, line.value, line.meaning)


def _layer(row: Row, stacked: bool) -> Table:
    """One layer's arithmetic."""
    inputs = ", ".join(map(show, row.node.input_shapes))
    title = f"{row.name}: {describe(row.op)}; {inputs} -> {show(row.output)}"
    lines = explain_layer(row)
    if stacked:
        columns = [Column("Quantity"), Column("Formula, and with numbers"), Column("Meaning", optional=True)]
        rows: list[list[Cell]] = [
            [line.quantity, f"{line.formula}\n{line.text}" if line.formula else line.text, line.meaning]
            for line in lines
        ]
    else:
        columns = [Column(title) for title in ("Quantity", "Formula", "Calculation", "Meaning")]
        rows = [[line.quantity, line.formula, line.text, line.meaning] for line in lines]
    return Table(title, columns, rows)


def _totals(costs: Costs, one: Costs, detail: Detail) -> list[Table | str]:
    """The network's totals for one image: a table each for parameters, MACs and FLOPs."""
    groups = Listing(one, detail).found
    parts: list[Table | str] = [heading(costs, detail)]
    for quantity, whole in (("params", one.params), ("mac", one.macs)):
        columns = [Column("Layer"), Column("Calculation"), Column(QUANTITIES[quantity])]
        rows: list[list[Cell]] = [
            [line.layer, grouped(line.calculation), number(line.value)] for line in explain_total(one, groups, quantity)
        ]
        parts.append(Table("", columns, rows, ["Total", None, whole]))
    rows = [
        [f"2 x {QUANTITIES[key]}" if key == "mac" else QUANTITIES[key], number(_doubled(key, value))]
        for key, value in one.operations.items()
    ]
    total = flops_line("", one.operations).value
    name = groups[0].name if groups else "LAYER"
    notes = [f"`cnncalc explain {costs.graph.name} {name}` shows every number of a layer, or of a group of layers."]
    parts.append(Table("", [Column("Operations"), Column(FLOPS)], rows, ["Total", number(total)], notes))
    return parts


def _doubled(key: str, value: int | None) -> int | None:
    """Two for a multiply-accumulate."""
    return value if value is None or key != "mac" else 2 * value


def _batch(costs: Costs) -> list[str]:
    if costs.batch == 1:
        return []
    return [f"For one image. The batch of {costs.batch:,} multiplies operations and activations."]
