"""The parameters of each layer and in total."""

from __future__ import annotations

from cnncalc.costs.analysis import Costs
from cnncalc.render.table import Cell, Column, number
from cnncalc.views import Detail, View
from cnncalc.views.common import Listing, plain_document, unknown_reasons
from cnncalc.views.rows import AnyRow, kind_text, percent


def view(costs: Costs, detail: Detail) -> View:
    """The parameters, and the buffers where there are any."""
    listing = Listing(costs, detail)

    def row(found: AnyRow) -> list[Cell]:
        cells: list[Cell] = [found.name, kind_text(found), found.output]
        cells += [number(found.params), percent(found.params, costs.params)]
        return [*cells, number(found.buffers)] if costs.buffers else cells

    columns = [
        Column("Layer"),
        Column("Kind"),
        Column("Output"),
        Column("Parameters", key="params"),
        Column("%", key="percent", format=".2f"),
    ]
    sums: list[Cell] = ["Total", None, None, costs.params, percent(costs.params, costs.params)]
    texts = [f"{costs.params:,} parameters are {costs.param_bytes:,} bytes in {costs.dtype}."]
    if costs.buffers:
        columns.append(Column("Buffers"))
        sums.append(costs.buffers)
        texts.append("Parameters are trainable. Buffers are stored and not trained: running means and variances.")
    table = listing.table(columns, row, sums, listing.notes(*texts))
    return View((table,), plain_document(costs), unknown=unknown_reasons(costs))
