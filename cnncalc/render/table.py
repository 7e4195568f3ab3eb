"""Tables as data: plain numbers, shapes and words under columns. How they look is decided by each form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class Unknown(Enum):
    """A number that nobody knows; it is no zero, and no empty cell."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN

Cell: TypeAlias = str | int | float | tuple[int, ...] | Unknown | None
"""A word, a number, a shape, a number that is unknown, or nothing."""


def number(amount: float | None) -> Cell:
    """The cell of a number that may be unknown.

    >>> number(3), number(None)
    (3, <Unknown.UNKNOWN: 'unknown'>)
    """
    return UNKNOWN if amount is None else amount


def printable(text: str) -> str:
    """The text without control characters: a title or note of someone's spec must not drive the terminal.

    >>> printable("a\\x1b[31mb")
    'a?[31mb'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else " " if c == "\t" else "?" for c in text)


BAR = "bar"
"""The format of a number from 0 to 1 that is drawn: as so much of a bar."""
BAR_WIDTH = 16


def bar(part: float) -> str:
    """A bar in characters.

    >>> bar(0.5) == "\N{FULL BLOCK}" * 8
    True
    """
    whole, eighths = divmod(round(8 * BAR_WIDTH * part), 8)
    return "\N{FULL BLOCK}" * whole + " ▏▎▍▌▋▊▉"[eighths].strip()


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title for people, its key for programs, and how its numbers are written.

    `format` is for the numbers of the column (Python's format language, or `BAR`). A column that is `optional` is left
    out, the last one first, where the terminal is too narrow for all.
    """

    title: str
    key: str = ""
    format: str = ","
    optional: bool = False

    @property
    def name(self) -> str:
        """What CSV and JSON call the column.

        >>> Column("Receptive field").name
        'receptive_field'
        """
        return self.key or self.title.lower().replace(" ", "_")

    def text(self, cell: Cell) -> str:
        """The cell as people read it.

        >>> Column("Parameters").text(60964224), Column("Output").text((96, 55, 55))
        ('60,964,224', '96x55x55')
        """
        if cell is None:
            return ""
        if self.format == BAR and isinstance(cell, float):
            return bar(cell)
        if isinstance(cell, str):
            return printable(cell)
        if isinstance(cell, tuple):
            return "x".join(map(str, cell))
        return cell.value if isinstance(cell, Unknown) else format(cell, self.format)


@dataclass(frozen=True, slots=True)
class Table:
    """A table: rows of cells under columns, perhaps a row of totals, and notes that say what is counted. The rows may
    be read more than once."""

    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Cell]]
    total: Sequence[Cell] | None = None
    notes: Sequence[str] = ()

    def texts(self) -> list[list[str]]:
        """The rows as people read them; the totals, if any, come last."""
        rows = [*self.rows, self.total] if self.total is not None else self.rows
        return [[column.text(cell) for column, cell in zip(self.columns, row, strict=True)] for row in rows]

    def numeric(self, index: int) -> bool:
        """Whether a column holds numbers, which stand on the right; bars do not."""
        if self.columns[index].format == BAR:
            return False
        cells = [row[index] for row in self.rows if row[index] is not None]
        return bool(cells) and not any(isinstance(cell, str | tuple) for cell in cells)

    def records(self) -> list[dict[str, Cell]]:
        """The rows as programs read them: numbers as they are, unknown ones None, by the columns' names; without the
        totals.

        >>> Table("", [Column("Layer"), Column("Parameters")], [["conv1", 34944]]).records()
        [{'layer': 'conv1', 'parameters': 34944}]
        """
        names = [column.name for column in self.columns]
        rows = ([None if isinstance(cell, Unknown) else cell for cell in row] for row in self.rows)
        return [dict(zip(names, row, strict=True)) for row in rows]


def beside(tables: Sequence[Table]) -> Table:
    """Tables with the same rows as one; a column that several have stands once.

    >>> ab = Table("", [Column("Name"), Column("A")], [["x", 1]]), Table("", [Column("Name"), Column("B")], [["x", 2]])
    >>> beside(ab).records()
    [{'name': 'x', 'a': 1, 'b': 2}]
    """
    columns: dict[str, Column] = {}
    rows: list[dict[str, Cell]] = [{} for _ in tables[0].rows]
    for table in tables:
        for column in table.columns:
            columns.setdefault(column.name, column)
        for row, record in zip(rows, table.records(), strict=True):
            row.update(record)
    return Table(tables[0].title, list(columns.values()), [[row[name] for name in columns] for row in rows])


Part: TypeAlias = Table | str
"""What is printed: a table, or lines of text."""
