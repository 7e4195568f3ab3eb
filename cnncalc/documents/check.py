"""Holding the documents against the calculator: a verdict for every cell."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from cnncalc.documents.checked import Checked, CheckedTable, Explanation, series_of
from cnncalc.documents.figures import (
    RULES,
    Figure,
    Number,
    Verdict,
    fits,
    judge,
    one_rule,
    parse_figure,
    parse_figures,
    parse_layout,
)
from cnncalc.documents.model import Alternative, Cell, Column, Row, Table, document_tables, paper_tables, table
from cnncalc.documents.quantities import Calculator, Result
from cnncalc.errors import CnncalcError, shorten


class DocumentError(CnncalcError):
    """A table's own data is wrong."""


def check(name: str) -> CheckedTable:
    """Compute every cell of a table, and search for what was counted in those that differ.

    >>> check("last-layers").counts[Verdict.EXACT]
    1
    """
    return check_table(table(name))


def check_all(papers: bool = False) -> list[CheckedTable]:
    """Compute every cell of every table of the documents, or of the papers.

    The documents' tables say themselves what was counted where that is known; the search finds no more in them (a
    test holds it to that), and is left out here for the time that it takes.
    """
    return [check_table(each, search=papers) for each in (paper_tables() if papers else document_tables())]


def check_table(data: Table, search: bool = True) -> CheckedTable:
    """Compute every cell of a table that has been read, and search for what was counted in those that differ."""
    calculator = Calculator(data.networks)
    cells: list[Checked] = []
    for cell, row, column in _cells(data):
        try:
            cells += _check_cell(calculator, cell, row, column)
        except DocumentError:
            raise
        except CnncalcError as error:
            raise DocumentError(f"cell '{shorten(cell.id)}': {error.message}", hint=error.hint) from None
    repeated = [name for name, count in Counter(cell.id for cell in cells).items() if count > 1]
    if repeated:
        raise DocumentError(f"table {data.name} has more than one cell {repeated[0]!r}")
    cells, notes = judged_alike(data, cells)
    if search and any(cell.unexplained for cell in cells):
        from cnncalc.documents.causes import explained

        cells, found = explained(calculator, data, cells)
        notes += found
    return CheckedTable(data, tuple(cells), tuple(notes))


def judged_alike(data: Table, cells: list[Checked]) -> tuple[list[Checked], list[str]]:
    """The cells with the figures of a row or column judged by one rule, where one fits all that agree; and a note on
    each row or column that no one rule fits.

    A figure such as 1.8x10^9 for 1,814,073,344 is rounded and cut off at once. Which, its neighbours tell.
    """
    notes = []
    agreeing = (Verdict.EXACT, Verdict.EXACT_1024, *RULES)
    for label, every in series_of(data, cells).items():
        members = [i for i in every if cells[i].verdict in agreeing]
        pairs = [(parse_figure(cells[i].printed, cells[i].scale), cells[i].computed) for i in members]
        inexact = [(i, pair) for i, pair in zip(members, pairs, strict=True) if cells[i].verdict in RULES]
        if not inexact:
            continue
        rule = one_rule(pairs)
        if rule is None:
            notes.append(_no_one_rule(label, [(cells[i].claim, *pair) for i, pair in inexact]))
            continue
        for i, (figure, _) in inexact:
            cells[i] = cells[i]._replace(verdict=rule if figure.thousands else _IN_THOUSANDS.get(rule, rule))
    return cells, notes


_IN_THOUSANDS = {Verdict.ROUNDED_1024: Verdict.ROUNDED, Verdict.CUT_OFF_1024: Verdict.CUT_OFF}


def _no_one_rule(label: str, figures: list[tuple[str, Figure, Number]]) -> str:
    """What a row or column is told whose figures agree only by different rules."""
    only: dict[str, list[str]] = {}
    for claim, figure, number in figures:
        rules = [rule for rule in RULES if fits(figure, number, rule)]
        if len({_IN_THOUSANDS.get(rule, rule) for rule in rules}) == 1:
            only.setdefault(_IN_THOUSANDS.get(rules[0], rules[0]).value, []).append(f"{figure.text} ({claim})")
    parts = "; ".join(f"only if {rule}: {', '.join(names)}" for rule, names in only.items())
    return f"{label}: the figures that agree do not follow one rule. {parts[:1].upper()}{parts[1:]}."


def _cells(data: Table) -> Iterator[tuple[Cell, str, str]]:
    """Each cell, with the labels of its row and column if it stands in the grid."""
    for row in data.rows:
        if len(row.cells) != len(data.columns):
            raise DocumentError(f"table {data.name}, row {row.row!r}: not one cell a column")
        for column, written in zip(data.columns, row.cells, strict=True):
            if written is not None:
                yield _completed(written, row, column), row.row, column.column
    for cell in data.cells:
        yield cell, "", ""


def _completed(written: str | int | Cell, row: Row, column: Column) -> Cell:
    """A cell of the grid with all that it takes over from its row and column."""
    cell = written if isinstance(written, Cell) else Cell(printed=str(written))

    def filled(compute: str) -> str:
        return compute.replace("{row}", row.of).replace("{column}", column.of)

    return msgspec.structs.replace(
        cell,
        id=cell.id or f"{_slug(row.row)}.{_slug(column.column)}",
        claim=cell.claim or f"{row.row}: {column.column}",
        compute=filled(cell.compute or row.compute or column.compute or ""),
        unit=cell.unit or row.unit or column.unit,
        scale=cell.scale if cell.scale != 1 else column.scale if column.scale != 1 else row.scale,
        alternatives=tuple(Alternative(other.what, filled(other.compute)) for other in cell.alternatives),
    )


def _slug(label: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")


# What a printed shape's numbers are called, and their units.
_SIZES = ((".height", "pixels"), (".width", "pixels"))
_PARTS = {2: _SIZES, 3: (*_SIZES, (".channels", "channels"))}


def _check_cell(calculator: Calculator, cell: Cell, row: str, column: str) -> list[Checked]:
    """The verdicts on a cell; a printed shape gives one for each of its numbers."""
    if not cell.compute:
        raise DocumentError(f"cell {cell.id!r} has nothing to compute")
    result = calculator.compute(cell.compute)
    statement = isinstance(result.value, bool) or cell.compute.startswith("layout(")
    figures = () if statement else parse_figures(cell.printed, cell.scale)
    checked = []
    for i, (part, unit) in enumerate(_PARTS.get(len(figures), (("", cell.unit),))):
        printed = figures[i].text if figures else cell.printed
        computed, verdict = _verdict(printed, _part(result, i), cell.scale)
        checked.append(
            Checked(
                id=cell.id + part,
                claim=cell.claim,
                printed=printed,
                computed=computed,
                unit=unit,
                verdict=verdict,
                alternative=None if verdict.agrees else _explain(calculator, cell, printed, i),
                note=cell.note,
                evidence=_evidence(result),
                row=row,
                column=column,
                cell=cell.id,
                compute=cell.compute,
                scale=cell.scale,
            )
        )
    return checked


def _part(result: Result, index: int) -> Any:
    """One of the numbers of a shape; anything else as it is."""
    several = isinstance(result.value, tuple) and isinstance(result.value[0], int)
    return result.value[index] if several else result.value  # type: ignore[index]


def _verdict(printed: str, value: Any, scale: int) -> tuple[Number | bool, Verdict]:
    """What is reported as computed, and the verdict. A layout is a statement: it is as printed or it is not."""
    if isinstance(value, tuple):
        value = value == parse_layout(printed)
    if isinstance(value, bool):
        return value, Verdict.HOLDS if value else Verdict.DOES_NOT_HOLD
    return value, judge(parse_figures(printed, scale)[0], value)


def _explain(calculator: Calculator, cell: Cell, printed: str, index: int) -> Explanation | None:
    """The first alternative that gives what is printed."""
    for alternative in cell.alternatives:
        computed, verdict = _verdict(printed, _part(calculator.compute(alternative.compute), index), cell.scale)
        if verdict.agrees:
            return Explanation(alternative.what, computed, verdict)
    return None


def _evidence(result: Result) -> str:
    """The quantities behind a value, each with its number."""
    if isinstance(result.value, tuple) and result.value and isinstance(result.value[0], tuple):
        return " ".join(f"{kernel}x{kernel},{channels}" for kernel, channels in result.value)
    return "; ".join(f"{text} = {number:,}" for text, number in result.evidence.items())
