"""Tables as data: plain numbers, shapes and words under columns. How they look is decided by each form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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


AMOUNT = ","
"""The format of an amount: a whole number, grouped by thousands, that may also be shown in a unit such as M. A number
of things that is never shown so, as of layers, has the format ",d"."""
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
    out, the last one first, where the terminal is too narrow for all. `unit` is what its amounts are shown in: a prefix
    such as M, or auto; exactly if there is none.
    """

    title: str
    key: str = ""
    format: str = AMOUNT
    optional: bool = False
    unit: str = ""

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
        if isinstance(cell, Unknown):
            return str(cell.value)
        if self.unit and isinstance(cell, int):
            from cnncalc.render.prefixes import AUTO, readable, scaled

            return readable(cell) if self.unit == AUTO else scaled(cell, self.unit)
        return format(cell, self.format)


@dataclass(frozen=True, slots=True)
class Table:
    """A table: rows of cells under columns, perhaps a row of totals, and notes that say what is counted. The rows may
    be read more than once. `label` is what LaTeX refers to it by."""

    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Cell]]
    total: Sequence[Cell] | None = None
    notes: Sequence[str] = ()
    label: str = ""

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

    def picked(self, names: Sequence[str]) -> Table | None:
        """The table with these columns only, in this order; None if it lacks one.

        >>> Table("", [Column("Layer"), Column("Parameters", "params")], [["conv1", 34944]]).picked(["params"]).rows
        [[34944]]
        """
        places = {column.name: index for index, column in enumerate(self.columns)}
        if not all(name in places for name in names):
            return None
        chosen = [places[name] for name in names]
        total = None if self.total is None else [self.total[index] for index in chosen]
        rows = [[row[index] for index in chosen] for row in self.rows]
        return replace(self, columns=[self.columns[index] for index in chosen], rows=rows, total=total)


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
