"""The columns that any table of layers can show: `--columns layer,kind,params,saved`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cnncalc.costs.analysis import Costs, Row
from cnncalc.ops.base import show
from cnncalc.render.choice import unknown_column
from cnncalc.render.table import UNKNOWN, Cell, Column, number
from cnncalc.views.rows import AnyRow, describe, kind_text, percent

RowCells = Callable[[AnyRow], list[Cell]]


@dataclass(frozen=True, slots=True)
class LayerColumn:
    """A column of a table of layers: its cell for a layer or group, and its total, if it has one."""

    column: Column
    cell: Callable[[AnyRow, Costs], Cell]
    total: Callable[[Costs], Cell] = lambda costs: None


def _options(row: AnyRow) -> str:
    """A layer's kind with its options; of a group, how many layers it has."""
    return describe(row.nodes[0].op) if isinstance(row, Row) or len(row.nodes) == 1 else kind_text(row)


def _field(row: AnyRow) -> Cell:
    """The size of the receptive field along each dimension."""
    from cnncalc.costs.receptive_field import UnknownField  # most tables have no such column

    field = row.receptive_field
    return UNKNOWN if isinstance(field, UnknownField) else field.size or None


_ALL = (
    LayerColumn(Column("Layer"), lambda row, _: row.name, lambda _: "Total"),
    LayerColumn(Column("Kind"), lambda row, _: kind_text(row)),
    LayerColumn(Column("Options"), lambda row, _: _options(row)),
    LayerColumn(Column("Input"), lambda row, _: ", ".join(dict.fromkeys(map(show, row.nodes[0].input_shapes)))),
    LayerColumn(Column("Reads"), lambda row, _: ", ".join(node.name for node in row.nodes[0].inputs)),
    LayerColumn(Column("Output"), lambda row, _: row.output),
    LayerColumn(Column("Activations"), lambda row, _: row.activations, lambda costs: costs.activations),
    LayerColumn(Column("Parameters", "params"), lambda row, _: number(row.params), lambda costs: costs.params),
    LayerColumn(
        Column("% of parameters", "params_percent", ".2f"),
        lambda row, costs: percent(row.params, costs.params),
        lambda costs: percent(costs.params, costs.params),
    ),
    LayerColumn(Column("Buffers"), lambda row, _: number(row.buffers), lambda costs: costs.buffers),
    LayerColumn(Column("MACs"), lambda row, _: number(row.macs), lambda costs: costs.macs),
    LayerColumn(
        Column("% of MACs", "macs_percent", ".2f"),
        lambda row, costs: percent(row.macs, costs.macs),
        lambda costs: percent(costs.macs, costs.macs),
    ),
    LayerColumn(Column("FLOPs"), lambda row, _: number(row.flops), lambda costs: costs.flops),
    LayerColumn(
        Column("% of FLOPs", "flops_percent", ".2f"),
        lambda row, costs: percent(row.flops, costs.flops),
        lambda costs: percent(costs.flops, costs.flops),
    ),
    LayerColumn(
        Column("Stored bytes", "stored"),
        lambda row, _: number(row.stored_bytes),
        lambda costs: costs.memory.params + costs.memory.buffers,
    ),
    LayerColumn(
        Column("Read bytes", "read"),
        lambda row, _: number(row.read_bytes),
        lambda costs: sum(layer.read or 0 for layer in costs.memory.layers),
    ),
    LayerColumn(
        Column("Written bytes", "written"),
        lambda row, _: row.written_bytes,
        lambda costs: sum(layer.written for layer in costs.memory.layers),
    ),
    LayerColumn(Column("Alive bytes", "alive"), lambda row, _: row.alive_bytes),
    LayerColumn(
        Column("Saved bytes", "saved"), lambda row, _: number(row.saved_bytes), lambda costs: costs.memory.saved
    ),
    LayerColumn(Column("Receptive field", "field"), lambda row, _: _field(row)),
)
COLUMNS = {found.column.name: found for found in _ALL}


def chosen(
    costs: Costs,
    names: Sequence[str],
    own: Sequence[Column],
    row: RowCells,
    total: Sequence[Cell] | None,
) -> tuple[list[Column], RowCells, list[Cell] | None]:
    """The columns of these names, with what makes their rows and their totals: the table's own, or any of `COLUMNS`.

    Raises:
        RequestError: there is no such column.
    """
    places = {column.name: index for index, column in enumerate(own)}
    known = [*dict.fromkeys([*places, *COLUMNS])]
    for name in names:
        if name not in known:
            raise unknown_column(name, known)

    def cells(found: AnyRow) -> list[Cell]:
        mine = row(found) if any(name in places for name in names) else []
        return [mine[places[name]] if name in places else COLUMNS[name].cell(found, costs) for name in names]

    columns = [own[places[name]] if name in places else COLUMNS[name].column for name in names]
    if total is None and any(name in places for name in names):
        return columns, cells, None
    sums = [
        (total[places[name]] if total else None) if name in places else COLUMNS[name].total(costs) for name in names
    ]
    return columns, cells, sums if any(isinstance(cell, int | float) for cell in sums) else None
