"""What counting tools print for a module that was read, beside what they count of the network in cnncalc's layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from cnncalc.costs.analysis import Costs
from cnncalc.costs.conventions import CONVENTIONS, ToolCount
from cnncalc.render.table import Cell, Column, Table
from cnncalc.views import Detail, View
from cnncalc.views.common import heading
from cnncalc.views.records import ModuleLineRecord, ModuleToolRecord, network_document

MOST_NAMED = 2
"""Modules that a line names."""


class Printed(Protocol):
    """What a tool prints for the module: a number, or the reason why there is none."""

    @property
    def tool(self) -> str: ...
    @property
    def number(self) -> int | None: ...
    @property
    def reason(self) -> str: ...


class Line(Protocol):
    """A part of what a tool prints."""

    @property
    def modules(self) -> tuple[str, ...]: ...
    @property
    def what(self) -> str: ...
    @property
    def kinds(self) -> tuple[str, ...]: ...
    @property
    def tool(self) -> int: ...
    @property
    def layers(self) -> int: ...
    @property
    def because(self) -> str: ...


def view(
    costs: Costs,
    printed: Sequence[Printed],
    counts: Mapping[str, ToolCount],
    lines: Mapping[str, Sequence[Line]],
    detail: Detail,
) -> View:
    """Of each tool what it prints for the module itself, and what its rules count of the layers; and, line by line,
    where the two differ, which is how the module is written: functions that hooks do not see above all."""
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
    tables = [Table(heading(costs, detail), columns, rows, None, notes)]
    if any(line.because for found in printed for line in lines[found.tool]):
        tables.append(_lines(printed, lines))
    return View(
        tuple(tables), lambda: network_document(costs, module_tools=_records(printed, counts, lines)), unknown=unknown
    )


def _lines(printed: Sequence[Printed], lines: Mapping[str, Sequence[Line]]) -> Table:
    """The lines of every tool that differs."""
    rows: list[list[Cell]] = []
    for found in printed:
        own = lines[found.tool]
        if not any(line.because for line in own):
            continue
        for line in own:
            difference = line.tool - line.layers
            rows.append(
                [found.tool, _where(line), ", ".join(line.kinds), line.tool, line.layers, difference, line.because]
            )
        sums = [sum(line.tool for line in own), sum(line.layers for line in own)]
        rows.append([found.tool, "all", "", *sums, sums[0] - sums[1], ""])
    columns = [
        *(Column("Tool"), Column("In"), Column("Layers", optional=True), Column("Counts"), Column("Of these layers")),
        *(Column("Difference"), Column("Because")),
    ]
    notes = ["The lines of a tool sum to what it prints. Modules of one class with like layers stand in one line."]
    return Table("What each tool counts, module by module", columns, rows, None, notes)


def _where(line: Line) -> str:
    """The modules of a line in words."""
    if not line.modules:
        return f"{line.what}, counted alike" if not line.because else line.what
    names = ", ".join(path or "the module itself" for path in line.modules[:MOST_NAMED])
    more = len(line.modules) - MOST_NAMED
    return f"{line.what}: {names}" + (f" and {more:,} more" if more > 0 else "")


def _records(
    printed: Sequence[Printed], counts: Mapping[str, ToolCount], lines: Mapping[str, Sequence[Line]]
) -> list[ModuleToolRecord]:
    """The records of the tools."""
    found = []
    for tool in printed:
        count = counts[tool.tool]
        parts = [
            ModuleLineRecord(list(line.modules), line.what, list(line.kinds), line.tool, line.layers, line.because)
            for line in lines[tool.tool]
        ]
        found.append(ModuleToolRecord(tool.tool, tool.number, tool.reason, int(count.total), count.status, parts))
    return found
