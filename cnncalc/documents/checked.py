"""What is found of a document's numbers: the verdict on a cell, and those of a table."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from cnncalc.documents.figures import Number, Verdict
from cnncalc.documents.model import Table


class Explanation(NamedTuple):
    """What was counted instead: an alternative that gives the printed figure.

    `tried` and `chance` are of one that was searched for: how many ways of counting were tried, and how likely one of
    them was to give random figures of as many digits.
    """

    what: str
    computed: Number | bool
    verdict: Verdict
    tried: int = 0
    chance: float = 0.0


class Checked(NamedTuple):
    """One number or statement of a document, and how it stands to the calculation."""

    id: str
    claim: str
    printed: str
    computed: Number | bool
    unit: str
    verdict: Verdict
    alternative: Explanation | None
    note: str
    evidence: str  # the quantities behind the computed value
    row: str  # where it stands in the grid; empty for what stands under it
    column: str
    cell: str  # the id that the numbers of one shape share
    compute: str = ""  # in the language of quantities.py
    scale: int = 1  # the worth of 1 where the figure names none
    possible: Explanation | None = None  # gives the figure too, but may well do so by chance
    near: str = ""  # what it may be a slip of, where the rest of its row or column is explained

    @property
    def unexplained(self) -> bool:
        """It disagrees, and nothing was found that gives what is printed."""
        return not self.verdict.agrees and self.alternative is None


class CheckedTable(NamedTuple):
    """A table of a document with its verdicts."""

    table: Table
    cells: tuple[Checked, ...]
    notes: tuple[str, ...] = ()  # what was found of whole rows and columns

    @property
    def counts(self) -> Counter[Verdict]:
        return Counter(cell.verdict for cell in self.cells)

    @property
    def unexplained(self) -> list[Checked]:
        return [cell for cell in self.cells if cell.unexplained]


def series_of(data: Table, cells: list[Checked]) -> dict[str, list[int]]:
    """The cells of a grid that belong together, by the label of their column, or of a row that says itself what it
    computes."""
    across = {row.row for row in data.rows if row.compute}
    series: dict[str, list[int]] = {}
    for i, cell in enumerate(cells):
        if cell.column and not isinstance(cell.computed, bool):
            series.setdefault(cell.row if cell.row in across else cell.column, []).append(i)
    return series
