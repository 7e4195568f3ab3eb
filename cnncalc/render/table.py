"""Tables for the terminal, by rich; plain text where the output is a pipe, a file, or NO_COLOR is set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TextIO

import rich.table
from rich.box import Box
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from cnncalc.render import Part, Table

# A line under the header and one over the totals; nothing else.
_BOX = Box("    \n    \n ── \n    \n    \n ── \n    \n    \n")
_GAP = 2  # spaces between columns


def write(parts: Sequence[Part], file: TextIO) -> None:
    """Print tables and text, an empty line between two."""
    console = _console(parts, file)
    with console.capture() as capture:
        for number, part in enumerate(parts):
            if number:
                console.print()
            if isinstance(part, Table):
                _print(part, console)
            else:
                console.print(Text(part), soft_wrap=True)
    file.writelines(line.rstrip() + "\n" for line in capture.get().splitlines())


def _console(parts: Sequence[Part], file: TextIO) -> Console:
    """A console as wide as the terminal; as wide as its tables where no terminal sets a limit."""
    width = None
    if not file.isatty() and not os.environ.get("COLUMNS", "").isdigit():
        width = max([80, *(sum(_widths(part)) for part in parts if isinstance(part, Table))])
    colour = None if os.environ.get("NO_COLOR") else "auto"
    return Console(file=file, width=width, color_system=colour, highlight=False, markup=False, emoji=False)  # type: ignore[arg-type]


def _widths(table: Table) -> list[int]:
    """The width that each column needs, with the gap to its neighbour."""
    rows = [[column.title for column in table.columns], *table.texts()]
    return [max(map(_width, column)) + _GAP for column in zip(*rows, strict=True)]


def _width(text: str) -> int:
    """The columns that a text needs, whose lines stand under each other."""
    return max(map(cell_len, text.split("\n")))


def _print(table: Table, console: Console) -> None:
    kept, dropped = _fit(table, console.width)
    totals = table.texts()[-1] if table.total is not None else [""] * len(table.columns)
    grid = rich.table.Table(
        box=_BOX,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        show_footer=table.total is not None,
        header_style="bold",
        footer_style="bold",
    )
    for index in kept:
        right = table.numeric(index)
        grid.add_column(
            table.columns[index].title,
            Text(totals[index]),
            justify="right" if right else "left",
            no_wrap=right,
            overflow="fold",
        )
    for row in table.texts()[: len(table.rows)]:
        grid.add_row(*(_cell(row[index]) for index in kept))
    if table.title:
        console.print(Text(table.title, style="bold"))
        console.print()
    console.print(grid)
    notes = list(table.notes)
    if dropped:
        names = ", ".join(table.columns[index].title for index in dropped)
        notes.append(f"Not shown in {console.width} columns: {names}.")
    if notes:
        console.print()
    for note in notes:
        console.print(Text(note, style="dim"))


def _cell(text: str) -> Text:
    return Text(text, style="dim" if text in ("0", "0.0", "0.00") else "")


def _fit(table: Table, width: int) -> tuple[list[int], list[int]]:
    """The columns that fit the terminal, and the optional ones that do not."""
    widths = _widths(table)
    kept = list(range(len(table.columns)))
    dropped: list[int] = []
    for index in reversed(range(len(table.columns))):
        if sum(widths[i] for i in kept) - _GAP <= width:
            break
        if table.columns[index].optional:
            kept.remove(index)
            dropped.insert(0, index)
    return kept, dropped
