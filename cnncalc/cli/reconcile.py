"""`cnncalc reconcile`: why counting tools disagree about a network."""

from __future__ import annotations

from cnncalc.cli.options import Output, Request, command


@command
def reconcile(request: Request, output: Output) -> None:
    """What other tools count, and every difference down to zero.

    Example: cnncalc reconcile resnet50
    """
    from dataclasses import asdict

    from cnncalc.cli import view
    from cnncalc.costs.conventions import CLASSES, CONVENTIONS
    from cnncalc.costs.conventions import reconcile as account
    from cnncalc.document import document
    from cnncalc.render import Cell, Column, Table

    analysis = request.analysis()
    network = analysis.network
    counts, differences = account(network, request.batch)
    parts = [part for part in CLASSES if any(part in found for found in counts.values())]
    rows: list[list[Cell]] = [[part, *(found.get(part, 0) for found in counts.values())] for part in parts]
    totals = [sum(found.values()) for found in counts.values()]
    classes = Table(
        view.heading(request, network),
        [Column("Counted"), *(Column(name, optional=name != "paper") for name in CONVENTIONS)],
        rows,
        ["Total", *totals],
        [f"{part}: {CLASSES[part]}." for part in parts],
    )
    paper = totals[0]
    lines: list[list[Cell]] = []
    for name, total in zip(CONVENTIONS, totals, strict=True):
        found = [difference for difference in differences if difference.convention == name]
        lines += [[name, difference.part, difference.amount, difference.reason] for difference in found]
        left = total - paper - sum(difference.amount for difference in found)
        if found:
            lines.append([name, "left to explain", left, ""])
    columns = [Column("Tool"), Column("Counted"), Column("More than paper"), Column("Because")]
    meanings = [f"{name}: {convention.meaning}." for name, convention in CONVENTIONS.items()]
    output.write(
        classes,
        Table("Differences from the papers' count", columns, lines, None, meanings),
        document=lambda: {
            **document(analysis),
            "conventions": [
                {"name": name, "total": total, "classes": found}
                for (name, found), total in zip(counts.items(), totals, strict=True)
            ],
            "differences": [asdict(difference) for difference in differences],
        },
    )
