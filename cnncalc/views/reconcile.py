"""Why counting tools disagree about a network."""

from __future__ import annotations

from cnncalc.costs.analysis import Costs
from cnncalc.costs.conventions import CLASSES, CONVENTIONS, Reconciliation
from cnncalc.render.table import Cell, Column, Table
from cnncalc.views import Detail, View
from cnncalc.views.common import heading
from cnncalc.views.records import DeviationRecord, network_document
from cnncalc.views.tool import record


def view(costs: Costs, found: Reconciliation, detail: Detail) -> View:
    """What every tool counts by class, and every deviation from the papers' count."""
    counts = found.counts
    parts = [part for part in CLASSES if any(part in count.classes for count in counts.values())]
    rows: list[list[Cell]] = [[part, *(count.classes.get(part, 0) for count in counts.values())] for part in parts]
    unknown = [count.reason for count in counts.values() if count.reason]
    notes = [f"{part}: {CLASSES[part]}." for part in parts]
    notes += [f"Unknown: {'; '.join(unknown)}."] if unknown else []
    classes = Table(
        heading(costs, detail),
        [Column("Counted"), *(Column(name, optional=name != "paper") for name in CONVENTIONS)],
        rows,
        ["Total", *(count.total for count in counts.values())],
        notes,
    )
    lines: list[list[Cell]] = []
    for name in CONVENTIONS:
        deviations = [deviation for deviation in found.deviations if deviation.convention == name]
        lines += [[name, deviation.part, deviation.amount, deviation.reason] for deviation in deviations]
        if deviations:
            lines.append([name, "left to explain", found.unexplained(name), ""])
    columns = [Column("Tool"), Column("Counted"), Column("More than paper"), Column("Because")]
    meanings = [f"{name}: {convention.meaning}." for name, convention in CONVENTIONS.items()]
    return View(
        (classes, Table("Differences from the papers' count", columns, lines, None, meanings)),
        lambda: network_document(
            costs,
            conventions=[record(count) for count in counts.values()],
            differences=[DeviationRecord(d.convention, d.part, d.amount, d.reason) for d in found.deviations],
        ),
        unknown=unknown,
    )
