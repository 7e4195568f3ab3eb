"""`cnncalc flops --as`: a network as another tool counts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnncalc.cli.options import Grouping, Output, Request
    from cnncalc.costs.analysis import Group
    from cnncalc.render import Cell, Table


def convention_table(request: Request, grouping: Grouping, output: Output, name: str) -> tuple[Table, dict[str, Any]]:
    """A network as a tool counts it: the table, and the document with the counts added."""
    from cnncalc.cli import view
    from cnncalc.costs.conventions import CLASSES, class_counts, convention, layer_counts
    from cnncalc.document import document
    from cnncalc.render import Column, Table

    chosen = convention(name)
    analysis = request.analysis()
    counts = layer_counts(analysis.network, name, request.batch)
    parts = class_counts(analysis.network, name, request.batch)
    total = sum(parts.values())
    found = view.groups(analysis, grouping, output)

    def row(group: Group) -> list[Cell]:
        number = sum(sum(counts[index].values()) for index in group.layers)
        shape = view.output_shape(analysis.network, group)
        kind = view.kind_text(analysis.network, group)
        return [group.name, kind, shape, number, view.percent(number, total)]

    columns = [Column("Layer"), Column("Kind"), Column("Output"), Column("Count"), Column("%", "percent", ".2f")]
    texts = [f"As {name} counts: {chosen.meaning}."]
    if chosen.per_image and request.batch > 1:
        texts.append("It runs one image, whatever the batch.")
    texts += [f"{number:,}: {CLASSES[part]}." for part, number in parts.items()]
    sums: list[Cell] = ["Total", None, None, total, 100.0 if total else None]
    rows = view.rows(found, grouping, output, row)
    notes = view.notes(analysis, found, grouping, output, *texts)
    table = Table(f"{view.heading(request, analysis.network)}; as {name}", columns, rows, sums, notes)
    whole = document(analysis)
    for entry, parts_of_layer in zip(whole["layers"], counts, strict=True):
        entry["convention"] = parts_of_layer
    layers = whole.pop("layers")
    return table, {**whole, "convention": {"name": name, "total": total, "classes": parts}, "layers": layers}
