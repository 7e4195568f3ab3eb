"""A network as another tool counts it."""

from __future__ import annotations

from cnncalc.costs.amount import total
from cnncalc.costs.analysis import Costs, Row
from cnncalc.costs.conventions import CLASSES, ToolCount
from cnncalc.render.table import Cell, Column, number
from cnncalc.views import Detail, View
from cnncalc.views.common import Listing
from cnncalc.views.records import ConventionRecord, network_document
from cnncalc.views.rows import AnyRow, kind_text, percent


def view(costs: Costs, found: ToolCount, detail: Detail) -> View:
    """What the tool counts of each layer and in total."""
    listing = Listing(costs, detail)
    tool = found.convention

    def counted(row: AnyRow) -> int | None:
        if isinstance(row, Row):
            return found.layer(row.node)
        return total(found.layer(node) for node in row.nodes)

    def row(row: AnyRow) -> list[Cell]:
        amount = counted(row)
        return [row.name, kind_text(row), row.output, number(amount), percent(amount, found.total)]

    columns = [Column("Layer"), Column("Kind"), Column("Output"), Column("Count"), Column("%", "percent", ".2f")]
    texts = [f"As {tool.name} counts: {tool.meaning}."]
    if tool.per_image and costs.batch > 1:
        texts.append("It runs one image, whatever the batch.")
    texts += [f"{amount:,}: {CLASSES[part]}." for part, amount in found.classes.items()]
    if found.reason:
        texts.append(f"Unknown: {found.reason}.")
    sums: list[Cell] = ["Total", None, None, found.total, percent(found.total, found.total)]
    table = listing.table(columns, row, sums, listing.notes(*texts), f"{listing.heading}; as {tool.name}")
    return View(
        (table,),
        lambda: network_document(
            costs, lambda row: {"convention": found.nodes[row.node.index]}, convention=record(found)
        ),
        unknown=[found.reason] if found.reason else [],
    )


def record(found: ToolCount) -> ConventionRecord:
    """The record of what a tool counts."""
    return ConventionRecord(found.convention.name, int(found.total), found.status, found.classes)
