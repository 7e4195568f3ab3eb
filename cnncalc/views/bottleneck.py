"""The layers that hold most of the costs, and the costs of each class of layers."""

from __future__ import annotations

from cnncalc.costs.bottleneck import Bottlenecks, Ranking
from cnncalc.render.table import Cell, Column, Table
from cnncalc.views import Detail, View
from cnncalc.views.common import heading, unknown_notes, unknown_reasons
from cnncalc.views.records import AmountRecord, ClassRecord, RankingRecord, network_document
from cnncalc.views.rows import percent


def view(found: Bottlenecks, detail: Detail) -> View:
    """The layers with most of each quantity, the classes of layers, and three questions answered in words."""
    answers = found.answers()
    return View(
        (_rankings(found, heading(found.costs, detail)), _classes(found), "\n".join(answers)),
        lambda: network_document(
            found.costs,
            bottlenecks=[_ranking_record(ranking) for ranking in found.rankings],
            classes=[
                ClassRecord(
                    group.name,
                    group.layers,
                    int(group.params),
                    int(group.macs),
                    int(group.flops),
                    int(group.bytes),
                    int(group.saved),
                    group.intensity,
                )
                for group in found.classes
            ],
            answers=answers,
        ),
        unknown=unknown_reasons(found.costs),
    )


def _ranking_record(ranking: Ranking) -> RankingRecord:
    layers = [AmountRecord(row.name, amount) for row, amount in ranking.layers]
    return RankingRecord(ranking.quantity, ranking.total, layers)


def _rankings(found: Bottlenecks, heading: str) -> Table:
    """The layers with most of each quantity."""
    rows: list[list[Cell]] = [
        [ranking.quantity, row.name, row.op.kind, row.output, amount, percent(amount, ranking.total)]
        for ranking in found.rankings
        for row, amount in ranking.layers
    ]
    columns = [Column(title) for title in ("Most", "Layer", "Kind", "Output", "Amount")]
    notes = [
        f"%: of the whole network. Bytes are those of {found.costs.dtype}; each layer reads and writes each tensor "
        "once.",
        *unknown_notes(found.costs),
    ]
    return Table(heading, [*columns, Column("%", key="percent", format=".1f")], rows, None, notes)


def _classes(found: Bottlenecks) -> Table:
    """The classes of layers."""
    costs = found.costs
    rows: list[list[Cell]] = [
        [
            group.name,
            group.layers,
            percent(group.params, costs.params),
            percent(group.macs, costs.macs),
            percent(group.bytes, costs.memory.traffic),
            percent(group.saved, costs.memory.saved),
            group.intensity,
        ]
        for group in found.classes
    ]
    columns = [Column("Class"), Column("Layers", format=",d")]
    columns += [Column(f"{title} %", format=".1f") for title in ("Parameters", "MACs", "Traffic", "Saved")]
    notes = ["FLOPs/byte: arithmetic intensity, 2 x MACs and other operations per byte moved."]
    return Table("By class of layer", [*columns, Column("FLOPs/byte", "intensity", format=".2f")], rows, None, notes)
