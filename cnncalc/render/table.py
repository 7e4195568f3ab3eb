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
_NARROWEST = 8  # what a column of words shrinks to at most


def write(parts: Sequence[Part], file: TextIO) -> None:
    """Print tables and text, an empty line between two."""
    console = _console(parts, file)
    dropped: dict[str, None] = {}
    with console.capture() as capture:
        for number, part in enumerate(parts):
            if number:
                console.print()
            if isinstance(part, Table):
                dropped |= dict.fromkeys(_print(part, console))
            else:
                console.print(Text(part), soft_wrap=True)
        if dropped:
            text = f"Not shown in {console.width} columns: {', '.join(dropped)}."
            console.print("" if _has_notes(parts[-1]) else "\n", Text(text, style="dim"), sep="", end="\n")
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
    """The columns that a text needs, its lines one under the other."""
    return max(map(cell_len, text.split("\n")))


def _has_notes(part: Part) -> bool:
    return isinstance(part, Table) and bool(part.notes)


def _print(table: Table, console: Console) -> list[str]:
    """Print a table; the titles of the columns that did not fit."""
    kept, dropped = _fit(table, console.width)
    widths = _shrink(table, kept, console.width)
    *rows, totals = [*table.texts(), []] if table.total is None else table.texts()
    grid = rich.table.Table(
        box=_BOX,
        show_edge=False,
        pad_edge=False,
        padding=(0, _GAP - 1, 0, 0),
        show_footer=table.total is not None,
        header_style="bold",
        footer_style="bold",
    )
    for index in kept:
        grid.add_column(
            table.columns[index].title,
            Text(totals[index] if totals else ""),
            justify="right" if table.numeric(index) else "left",
            width=widths[index] - _GAP,
            overflow="fold",
        )
    for row in rows:
        grid.add_row(*(_cell(row[index]) for index in kept))
    if table.title:
        console.print(Text(table.title, style="bold"))
        console.print()
    # A table that cannot be as narrow as the terminal is printed whole: a number is never cut.
    terminal = console.width
    console.width = max(terminal, sum(widths.values()))
    console.print(grid)
    console.width = terminal
    if table.notes:
        console.print()
    for note in table.notes:
        console.print(Text(note, style="dim"))
    return [table.columns[index].title for index in dropped]


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


def _shrink(table: Table, kept: list[int], width: int) -> dict[int, int]:
    """The widths of the columns kept: where they do not fit, the widest words give way, and no number."""
    widths = dict(enumerate(_widths(table)))
    needed = {index: widths[index] for index in kept}
    words = [index for index in kept if not table.numeric(index)]
    for _ in range(sum(needed.values()) - _GAP - width):
        widest = max(words, key=needed.__getitem__, default=None)
        if widest is None or needed[widest] <= _NARROWEST + _GAP:
            break
        needed[widest] -= 1
    return needed
