"""What counting tools print for a module that was read, beside what they count of the network in cnncalc's layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from cnncalc.costs.analysis import Costs
from cnncalc.costs.conventions import CONVENTIONS, ToolCount
from cnncalc.render.table import Cell, Column, Table
from cnncalc.views import Detail, View
from cnncalc.views.common import heading
from cnncalc.views.records import network_document


class Printed(Protocol):
    """What a tool prints for the module: a number, or the reason why there is none."""

    @property
    def tool(self) -> str: ...
    @property
    def number(self) -> int | None: ...
    @property
    def reason(self) -> str: ...


def view(costs: Costs, printed: Sequence[Printed], counts: Mapping[str, ToolCount], detail: Detail) -> View:
    """Of each tool what it prints for the module itself, and what its rules count of the layers; and the difference,
    which is how the module is written: functions that hooks do not see, poolings that stand elsewhere."""
    rows: list[list[Cell]] = []
    for found in printed:
        layers = counts[found.tool]
        known = found.number is not None and not layers.unknown
        difference = found.number - layers.total if known and found.number is not None else None
        rows.append([found.tool, found.number, layers.total, difference, found.reason or layers.reason])
    notes = [f"{found.tool}: {CONVENTIONS[found.tool].meaning}." for found in printed]
    notes.append("The tool was run on the module itself, with a batch of one.")
    columns = [
        *(Column("Tool"), Column("Prints for the module"), Column("Of these layers"), Column("Difference")),
        Column("Because"),
    ]
    unknown = [f"{found.tool}: {found.reason}" for found in printed if found.number is None]
    table = Table(heading(costs, detail), columns, rows, None, notes)
    return View((table,), lambda: _document(costs, printed), unknown=unknown)


def _document(costs: Costs, printed: Sequence[Printed]) -> Any:
    return network_document(costs)
