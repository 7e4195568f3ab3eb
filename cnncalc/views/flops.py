"""The operations of each layer and in total."""

from __future__ import annotations

from cnncalc.costs.analysis import Costs
from cnncalc.ops.base import OPERATIONS
from cnncalc.render.table import Cell, Column, number
from cnncalc.views import Detail, View
from cnncalc.views.common import Listing, plain_document, unknown_reasons
from cnncalc.views.rows import AnyRow, kind_text, percent


def view(costs: Costs, detail: Detail, operations: bool = False) -> View:
    """MACs and FLOPs, and the other operations by class if they are asked for."""
    listing = Listing(costs, detail)
    others = [name for name in OPERATIONS if name != "mac" and (name in costs.operations or detail.data)]
    shown = others if operations else []

    def row(found: AnyRow) -> list[Cell]:
        cells: list[Cell] = [found.name, kind_text(found), found.output]
        cells += [number(found.macs), number(found.flops), percent(found.flops, costs.flops)]
        return cells + [number(found.operations.get(name, 0)) for name in shown]

    columns = [
        Column("Layer"),
        Column("Kind"),
        Column("Output"),
        Column("MACs"),
        Column("FLOPs"),
        Column("%", key="percent", format=".2f"),
        *(Column(name.capitalize(), key=name, optional=True) for name in shown),
    ]
    sums: list[Cell] = ["Total", None, None, costs.macs, costs.flops, percent(costs.flops, costs.flops)]
    sums += [costs.operations.get(name, 0) for name in shown]
    table = listing.table(columns, row, sums, listing.notes(*counted(costs)))
    return View((table,), plain_document(costs), unknown=unknown_reasons(costs))


def counted(costs: Costs) -> list[str]:
    """What MACs and FLOPs count, in words."""
    others = [name for name in OPERATIONS if name != "mac" and name in costs.operations]
    amounts = ", ".join(f"{costs.operations[name]:,} {name}" for name in others)
    return [
        "MACs: multiply-accumulates of convolutions and linear layers; many papers call these FLOPs.",
        f"FLOPs = 2 x MACs + all other operations ({amounts or 'none here'}).",
    ]
