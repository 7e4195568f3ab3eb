"""CSV (RFC 4180): a header and the rows, numbers ungrouped, no totals, so that a program can add them up."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import TextIO

from cnncalc.render.table import Cell, Part, Table, Unknown


def write(parts: Sequence[Part], file: TextIO) -> None:
    """Print the tables, an empty line between two; text is left out."""
    writer = csv.writer(file, lineterminator="\n")
    for number, table in enumerate(part for part in parts if isinstance(part, Table)):
        if number:
            file.write("\n")
        writer.writerow([column.name for column in table.columns])
        writer.writerows([_raw(cell) for cell in row] for row in table.rows)


def _raw(cell: Cell) -> Cell:
    """A cell as programs read it; an unknown number is empty, which no program takes for zero."""
    if isinstance(cell, Unknown):
        return None
    return "x".join(map(str, cell)) if isinstance(cell, tuple) else cell
