"""Tables for the terminal; plain text where the output is a pipe, a file, or NO_COLOR is set.

Our own layout, because a number must never be cut or wrapped, columns give way in an order of our choice,
and a table library would be a fifth of the time that a command takes.
"""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from typing import TextIO

from cnncalc.render.table import AMOUNT, Cell, Column, Part, Table, printable

_GAP = 2  # spaces between columns
_NARROWEST = 8  # what a column of words shrinks to at most
_NARROW = 60  # a terminal of as many columns never overflows; in fewer, numbers come first
_PAGE = 80  # the width of notes where no terminal tells one
_BOLD, _DIM = "1", "2"  # ANSI's numbers


def write(parts: Sequence[Part], file: TextIO) -> None:
    """Print tables and text, an empty line between two."""
    grids = [Grid(part, readable=file.isatty()) if isinstance(part, Table) else part for part in parts]
    tables = [grid for grid in grids if isinstance(grid, Grid)]
    width = _terminal_width(file) or max([_PAGE, *(sum(grid.widths) + _GAP * len(grid.widths) for grid in tables)])
    look = Look(file, width)
    for number, grid in enumerate(grids):
        if number:
            file.write("\n")
        lines = grid.lines(look) if isinstance(grid, Grid) else look.text(grid)
        file.writelines(line.rstrip() + "\n" for line in lines)
    dropped = dict.fromkeys(grid.table.columns[index].title for grid in tables for index in grid.dropped(width))
    if dropped:
        last = parts[-1]
        if not (isinstance(last, Table) and last.notes):
            file.write("\n")
        for line in look.note(f"Not shown in {width} columns: {', '.join(dropped)}."):
            file.write(line + "\n")


def _terminal_width(file: TextIO) -> int | None:
    """The width of the terminal, or the one that COLUMNS asks for; None where nothing sets a limit."""
    if file.isatty() or os.environ.get("COLUMNS", "").isdigit():
        return max(shutil.get_terminal_size().columns, 20)
    return None


class Look:
    """What an output can show: how wide it is, whether it has styles, and how it draws a line."""

    def __init__(self, file: TextIO, width: int) -> None:
        dumb = os.environ.get("TERM") == "dumb" or (os.name == "nt" and "WT_SESSION" not in os.environ)
        self.styled = file.isatty() and not os.environ.get("NO_COLOR") and not dumb
        self.width = width
        try:
            "\N{BOX DRAWINGS LIGHT HORIZONTAL}".encode(file.encoding or "ascii")
            self.rule = "\N{BOX DRAWINGS LIGHT HORIZONTAL}"
        except (UnicodeEncodeError, LookupError):
            self.rule = "-"

    def style(self, text: str, style: str) -> str:
        """The text in a style, where there are styles."""
        return f"\033[{style}m{text}\033[0m" if self.styled and style and text else text

    def text(self, text: str) -> list[str]:
        """Text with its own line breaks, and more where a line is wider than the terminal."""
        lines = text.split("\n")
        return [part for line in lines for part in ([line] if _text_width(line) <= self.width else self._wrap(line))]

    def _wrap(self, line: str) -> list[str]:
        return textwrap.wrap(line, self.width, break_on_hyphens=False)

    def note(self, text: str) -> list[str]:
        """A note, wrapped."""
        return [self.style(line, _DIM) for line in self._wrap(printable(text))]


class Grid:
    """A table laid out: its texts, and the width that each column needs."""

    def __init__(self, table: Table, readable: bool = False) -> None:
        self.table = table
        self.titles = [column.title for column in table.columns]
        self.rows = table.texts()
        self.totals = 0 if table.total is None else 1
        if readable and table.total is not None and (line := _readable(table.columns, table.total)):
            self.rows.append(line)
            self.totals = 2
        self.right = [table.numeric(index) for index in range(len(self.titles))]
        columns = zip(self.titles, *self.rows, strict=True)
        self.widths = [max(map(_text_width, column)) for column in columns]

    def dropped(self, width: int) -> list[int]:
        """The columns that do not fit: of the optional ones the last first; then, where texts can give way no
        further, the last of the others, but for the first."""
        optional = [index for index, column in enumerate(self.table.columns) if column.optional]
        shown = list(range(len(self.widths)))
        while optional and self._natural(shown) > width:
            shown.remove(optional.pop())
        while len(shown) > 1 and self._least(shown) > max(width, _NARROW):
            shown.pop()
        return [index for index in range(len(self.widths)) if index not in shown]

    def _natural(self, shown: Sequence[int]) -> int:
        """The width of some columns as they are."""
        return sum(self.widths[index] for index in shown) + _GAP * (len(shown) - 1)

    def _least(self, shown: Sequence[int]) -> int:
        """The width of some columns with the texts wrapped."""
        least = (self.widths[i] if self.right[i] else min(self.widths[i], _NARROWEST) for i in shown)
        return sum(least) + _GAP * (len(shown) - 1)

    def shrunk(self, kept: Sequence[int], width: int) -> dict[int, int]:
        """The widths of the columns kept: where they do not fit, texts are wrapped, the widest first; numbers
        never. Words are broken only where that makes the table fit."""
        natural = {index: self.widths[index] for index in kept}
        too_wide = self._natural(kept) - width
        if too_wide <= 0:
            return natural
        texts = [index for index in kept if not self.right[index]]
        whole = {index: min(natural[index], max(_NARROWEST, self._longest_word(index))) for index in texts}
        broken = {index: min(natural[index], _NARROWEST) for index in texts}
        for floors in (whole, broken):
            if sum(natural[index] - floors[index] for index in texts) >= too_wide:
                return _narrowed(natural, floors, too_wide)
        return natural | whole

    def _longest_word(self, index: int) -> int:
        """The width of the longest word of a column."""
        texts = [self.titles[index], *(row[index] for row in self.rows)]
        return max((_text_width(word) for text in texts for word in text.split()), default=0)

    def lines(self, look: Look) -> Iterator[str]:
        """The table as lines of text."""
        gone = self.dropped(look.width)
        widths = self.shrunk([i for i in range(len(self.titles)) if i not in gone], look.width)
        rule = look.rule * (sum(widths.values()) + _GAP * (len(widths) - 1))
        if self.table.title:
            for line in textwrap.wrap(printable(self.table.title), look.width):
                yield look.style(line, _BOLD)
            yield ""
        yield from self.row(self.titles, widths, look, _BOLD)
        yield rule
        body = len(self.rows) - self.totals
        for row in self.rows[:body]:
            yield from self.row(row, widths, look, "")
        for number, row in enumerate(self.rows[body:]):
            if number == 0:
                yield rule
            yield from self.row(row, widths, look, _BOLD if number == 0 else _DIM)
        if self.table.notes:
            yield ""
        for note in self.table.notes:
            yield from look.note(note)

    def row(self, row: Sequence[str], widths: dict[int, int], look: Look, style: str) -> Iterator[str]:
        """A row: one line, or more where a cell is wrapped."""
        cells = [_wrapped(row[index], width) for index, width in widths.items()]
        for number in range(max(map(len, cells), default=0)):
            parts = []
            for (index, width), cell in zip(widths.items(), cells, strict=True):
                text = cell[number] if number < len(cell) else ""
                space = " " * (width - _text_width(text))
                text = look.style(text, style or (_DIM if text in ("0", "0.0", "0.00") else ""))
                parts.append(space + text if self.right[index] else text + space)
            yield (" " * _GAP).join(parts)


def _readable(columns: Sequence[Column], total: Sequence[Cell]) -> list[str]:
    """The totals as people say them, 25.6 M, to stand under the exact ones; empty if none is so large."""
    from cnncalc.render.prefixes import readable

    line = [
        readable(cell) if isinstance(cell, int) and column.format == AMOUNT and not column.unit and cell >= 1000 else ""
        for column, cell in zip(columns, total, strict=True)
    ]
    return line if any(line) else []


def _narrowed(widths: dict[int, int], floors: dict[int, int], by: int) -> dict[int, int]:
    """Widths narrowed by some columns in all, always the widest that may still give way."""
    widths = dict(widths)
    for _ in range(by):
        widest = max((index for index in floors if widths[index] > floors[index]), key=widths.__getitem__)
        widths[widest] -= 1
    return widths


def _wrapped(text: str, width: int) -> list[str]:
    """The lines of a cell: its own, each wrapped to the column's width."""
    if "\n" not in text and _text_width(text) <= width:
        return [text]
    return [part for line in text.split("\n") for part in textwrap.wrap(line, width, break_on_hyphens=False) or [""]]


def _text_width(text: str) -> int:
    """The terminal columns that a text takes, its lines one under the other; East Asian characters take two.

    >>> _text_width("conv1"), _text_width("\u5377\u7a4d")
    (5, 4)
    """
    if "\n" in text:
        return max(map(_text_width, text.split("\n")))
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)
