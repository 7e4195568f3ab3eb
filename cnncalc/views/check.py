"""The warnings of a network."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from cnncalc.check.rule import WARNING, Warned
from cnncalc.graph import Graph
from cnncalc.ops.base import count
from cnncalc.render.json import SCHEMA
from cnncalc.render.table import Cell, Column, Table, printable
from cnncalc.views import View


class WarningRecord(Struct):
    """A warning: where it stands in the spec, from line and column 1, if it stands in one."""

    code: str
    severity: str
    message: str
    cause: str
    mend: str
    layers: tuple[str, ...]
    file: str | None
    line: int | None
    column: int | None


class CheckDocument(Struct):
    """The document of `cnncalc check`."""

    schema: int
    network: str
    title: str
    warnings: list[WarningRecord]


def view(graph: Graph, found: Sequence[Warned]) -> View:
    """The warnings, one a row."""
    rows: list[list[Cell]] = [
        [each.code, each.severity, str(each.place or ""), count(len(each.layers), "layer"), each.message, each.hint]
        for each in found
    ]
    columns = [Column(title) for title in ("Rule", "Severity", "Place", "Layers", "Message", "Mend")]
    table = Table(f"{printable(graph.title or graph.name)}: {summary(found)}", columns, rows)
    return View((table,), lambda: CheckDocument(SCHEMA, graph.name, graph.title, [*map(_record, found)]))


def summary(found: Sequence[Warned]) -> str:
    """How many there are, in words.

    >>> summary([])
    'no warnings'
    """
    warnings = sum(each.severity == WARNING for each in found)
    advice = len(found) - warnings
    told = [count(warnings, "warning")] if warnings or not found else []
    told += [f"{advice:,} of advice" if warnings else count(advice, "piece") + " of advice"] if advice else []
    return " and ".join(told) if found else "no warnings"


def _record(found: Warned) -> WarningRecord:
    place = found.place
    return WarningRecord(
        found.code,
        found.severity,
        found.message,
        found.label,
        found.hint,
        found.layers,
        file=place.source.name if place else None,
        line=place.line + 1 if place else None,
        column=place.column + 1 if place else None,
    )
