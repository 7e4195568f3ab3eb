"""The views of checked tables: the overview, a table as its document has it, a line a cell, and JSON.

Nothing is computed here.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import groupby

from cnncalc.documents import model as documents
from cnncalc.documents.causes import odds
from cnncalc.documents.checked import Checked, CheckedTable, Explanation
from cnncalc.documents.figures import Number, Verdict, difference, parse_figure
from cnncalc.render.json import SCHEMA
from cnncalc.render.table import Cell, Column, Table
from cnncalc.views.verdicts import CellRecord, ExplanationRecord, TableRecord, TablesDocument

LEGEND = (
    "A number alone: printed and computed are the same. ≈ agrees in the printed digits, rounded or cut off, "
    "1K perhaps 1,024. ≠ differs."
)


class Only(StrEnum):
    """Which cells are shown."""

    DIFFERS = "differs"
    UNEXPLAINED = "unexplained"
    EXACT = "exact"
    ROUNDED = "rounded"
    CUT_OFF = "cut-off"
    HOLDS = "holds"


def matches(cell: Checked, only: Only) -> bool:
    """Whether a cell is among those wanted; a statement that does not hold differs."""
    if only is Only.DIFFERS:
        return not cell.verdict.agrees
    if only is Only.UNEXPLAINED:
        return cell.unexplained
    return cell.verdict.agrees and cell.verdict.value.startswith(only.value.replace("-", " "))


def overview(tables: Sequence[CheckedTable]) -> Table:
    """Every table with its verdicts counted."""
    documents_only = not any(table.table.paper for table in tables)
    columns = [
        Column("Table", "name"),
        Column("Doc." if documents_only else "Paper", "document"),
        Column("Cells"),
        *(Column(only.value.capitalize().replace("-", " "), only.value) for only in _COUNTED),
        Column("No cause", "unexplained"),
        Column("What it is", "title", optional=True),
    ]
    rows: list[list[Cell]] = []
    for table in tables:
        counts = [_count(table.cells, only) for only in (*_COUNTED, Only.UNEXPLAINED)]
        rows.append([table.table.name, table.table.document, len(table.cells), *counts, table.table.title])
    total: list[Cell] = ["Total", None, *(sum(int(str(row[i])) for row in rows) for i in range(2, 9)), None]
    notes = (
        "Differs: also statements that do not hold. No cause: those of them where nothing was found that gives "
        "what is printed.",
        "cnncalc tables NAME shows a table.",
    )
    whose = "documents" if documents_only else "papers"
    return Table(f"Figures and statements of the {whose}, recomputed", columns, rows, total, notes)


_COUNTED = (Only.EXACT, Only.ROUNDED, Only.CUT_OFF, Only.HOLDS, Only.DIFFERS)


def _count(cells: Iterable[Checked], only: Only) -> int:
    return sum(matches(cell, only) for cell in cells)


def view(checked: CheckedTable, stacked: bool = True) -> list[Table]:
    """A table as its document has it, computed beside printed, then what it claims besides.

    `stacked` sets several lines in a cell, which only a terminal can print.
    """
    grid = [cell for cell in checked.cells if cell.column]
    claims = [cell for cell in checked.cells if not cell.column]
    title = heading(checked.table)
    note = [checked.table.note] if checked.table.note else []
    views = []
    if grid:
        views.append(_grid(checked, grid, title, [LEGEND, *note, *checked.notes, *explanations(grid, checked.notes)]))
    if claims:
        notes = [*([] if grid else note), *explanations(claims)]
        views.append((listing if stacked else flat_listing)(claims, "" if grid else title, notes))
    return views


def heading(table: documents.Table) -> str:
    """A table's title, and the document or paper that it is of."""
    if not table.document:
        return table.title
    return f"{table.title} ({'' if table.paper else 'document '}{table.document})"


def cells_of(checked: Iterable[Checked]) -> list[list[Checked]]:
    """The numbers of each printed cell together: a shape has several, anything else one."""
    return [list(parts) for _, parts in groupby(checked, key=lambda cell: cell.cell)]


def _grid(checked: CheckedTable, cells: list[Checked], title: str, notes: Sequence[str]) -> Table:
    texts = {(parts[0].row, parts[0].column): _side_by_side(parts) for parts in cells_of(cells)}
    columns = [Column(""), *(Column(column.column, optional=column.optional) for column in checked.table.columns)]
    rows = [
        [row.row, *(texts.get((row.row, column.column), "") for column in checked.table.columns)]
        for row in checked.table.rows
    ]
    return Table(title, columns, rows, notes=notes)


def _side_by_side(parts: Sequence[Checked]) -> str:
    """What is printed, and beside it what is computed unless the two are the same."""
    printed = _stacked(printed_text(parts))
    if all(part.verdict in (Verdict.EXACT, Verdict.HOLDS) for part in parts):
        return printed
    sign = "≈" if all(part.verdict.agrees for part in parts) else "≠"
    computed = _stacked(parts[0].evidence) if isinstance(parts[0].computed, bool) else computed_text(parts)
    between = " " if len(printed) + len(computed) < 20 else "\n"
    return f"{printed}{between}{sign} {computed}"


def _stacked(text: str) -> str:
    """Convolutions one under the other, as papers print them."""
    return re.sub(r" (?=conv\d|\dx\d)", "\n", text)


def printed_text(parts: Sequence[Checked]) -> str:
    """A cell as the document prints it."""
    return "x".join(part.printed for part in parts)


def computed_text(parts: Sequence[Checked]) -> str:
    """What is computed for a cell, as people read it."""
    return "x".join(number(part.computed) for part in parts)


def selection(checked: CheckedTable, cells: Sequence[Checked], stacked: bool = True) -> Table:
    """Some cells of a table, one under the other."""
    title = f"{checked.table.name}: {heading(checked.table)}"
    notes = [*checked.notes, *explanations(cells, checked.notes)]
    return (listing if stacked else flat_listing)(cells, title, notes)


_WIDTH = 60


def listing(cells: Sequence[Checked], title: str, notes: Sequence[str] = ()) -> Table:
    """Claims with their verdicts; under each claim what is printed and computed, or the evidence."""
    rows: list[list[Cell]] = []
    for parts in cells_of(cells):
        first = parts[0]
        claim = textwrap.wrap(first.claim, _WIDTH)
        if isinstance(first.computed, bool):
            under = _wrapped(first.evidence.split("; ")) if first.evidence else []
        else:
            unit = f" {first.unit}" if len(parts) == 1 else ""
            computed = f"computed {computed_text(parts)}{unit}"
            under = _wrapped([f"printed {printed_text(parts)}", computed])
        rows.append(["\n".join([*claim, *(f"  {line}" for line in under)]), _worst(parts)])
    return Table(title, [Column("Claim"), Column("Verdict")], rows, notes=notes)


def flat_listing(cells: Sequence[Checked], title: str, notes: Sequence[str] = ()) -> Table:
    """The same in four columns, one line a claim."""
    rows: list[list[Cell]] = []
    for parts in cells_of(cells):
        first = parts[0]
        computed = first.evidence if isinstance(first.computed, bool) else computed_text(parts)
        rows.append([first.claim, printed_text(parts), computed, _worst(parts)])
    columns = [Column(name) for name in ("Claim", "Printed", "Computed", "Verdict")]
    return Table(title, columns, rows, notes=notes)


def _worst(parts: Sequence[Checked]) -> str:
    """The verdict on a whole cell."""
    return max((part.verdict for part in parts), key=list(Verdict).index).value


def _wrapped(items: Sequence[str]) -> list[str]:
    """Items on as few lines as they fit on, none of them broken."""
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + len(item) + 2 <= _WIDTH - 2:
            lines[-1] += f", {item}"
        else:
            lines.append(item)
    return lines


def cell_list(cells: Iterable[tuple[str, Checked]]) -> Table:
    """Every cell with all that is known of it, by the name of its table: for CSV and for reading by line."""
    columns = [Column(title) for title in ("Table", "Id", "Printed", "Computed", "Verdict")]
    optional = ("Unit", "Claim", "Alternative", "Alternative computed", "Alternative verdict", "Note")
    columns += [Column(title, optional=True) for title in optional]
    rows: list[list[Cell]] = []
    for name, cell in cells:
        other = cell.alternative
        found = [other.what, plain(other.computed), other.verdict.value] if other else ["", None, ""]
        head = [name, cell.id, cell.printed, plain(cell.computed), cell.verdict.value]
        rows.append([*head, cell.unit, cell.claim, *found, cell.note])
    return Table("", columns, rows)


def explanations(cells: Iterable[Checked], said: Sequence[str] = ()) -> list[str]:
    """What became of each cell that differs, and the notes on the others; what is said of a whole row or column
    already is left out."""
    texts = []
    for parts in cells_of(cells):
        first = parts[0]
        if covered(parts, said) or all(part.verdict.agrees for part in parts):
            texts += [f"{first.claim}: {first.note}"] if first.note else []
        elif isinstance(first.computed, bool):
            texts.append(f"≠ {first.claim}: does not hold. {cause(parts)}")
        else:
            texts.append(f"≠ {first.claim}: {verdict_text(parts)}. {cause(parts)}")
    return texts


def covered(parts: Sequence[Checked], notes: Sequence[str]) -> bool:
    """Whether what was found for a cell is said in the notes on its whole row or column."""
    other = next((part.alternative for part in parts if part.alternative is not None), None)
    return other is not None and other.tried > 0 and any(f": {other.what}. This gives" in note for note in notes)


def verdict_text(parts: Sequence[Checked]) -> str:
    """What is printed and what is right, and by how much they differ.

    The numbers of a shape are left to speak for themselves.
    """
    text = f"printed {printed_text(parts)}, computed {computed_text(parts)}"
    if len(parts) > 1:
        return text
    return f"{text} {parts[0].unit} ({difference(parse_figure(parts[0].printed, parts[0].scale), parts[0].computed)})"


def cause(parts: Sequence[Checked]) -> str:
    """How what is printed came about, as far as that is known."""
    wrong = next(part for part in parts if not part.verdict.agrees)
    other = wrong.alternative
    if other is None:
        found = _no_cause(wrong)
    elif isinstance(other.computed, bool):
        found = f"What holds: {other.what}."
    else:
        value = "x".join(number(part.alternative.computed if part.alternative else part.computed) for part in parts)
        searched = f" ({odds(other.tried, other.chance)})" if other.tried else ""
        found = f"What gives the printed figure: {other.what}: {value}, {other.verdict.value}{searched}."
    return f"{found} {wrong.note}".strip()


def _no_cause(cell: Checked) -> str:
    """What is said of a cell for which nothing was found, or nothing that could not be chance."""
    if cell.near:
        return f"No cause was found; perhaps a slip, for the rest is counted so that it would be {cell.near}."
    if cell.possible is None:
        return "No cause was found."
    maybe = cell.possible
    return f"No cause was found. Possible, but perhaps by chance: {maybe.what} ({odds(maybe.tried, maybe.chance)})."


def number(value: Number | bool) -> str:
    """A number for people to read.

    >>> number(60964224), number(1016.0870666), number(True)
    ('60,964,224', '1,016.09', 'yes')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}".rstrip("0").rstrip(".")


def plain(value: Number | bool) -> Cell:
    """A value for programs to read: true and false are words."""
    return str(value).lower() if isinstance(value, bool) else value


def document(tables: Iterable[tuple[CheckedTable, Sequence[Checked]]]) -> TablesDocument:
    """The JSON document: tables, each with those of its cells that are wanted."""
    return TablesDocument(SCHEMA, [_table_record(table, cells) for table, cells in tables])


def _table_record(table: CheckedTable, cells: Sequence[Checked]) -> TableRecord:
    data = table.table
    notes = [note for note in (data.note, *table.notes) if note]
    return TableRecord(data.name, data.document, data.title, notes, [_cell_record(cell) for cell in cells])


def _cell_record(cell: Checked) -> CellRecord:
    return CellRecord(
        cell.id,
        cell.claim,
        cell.printed,
        cell.computed,
        cell.unit,
        cell.verdict.value,
        _explanation_record(cell.alternative) if cell.alternative else None,
        _explanation_record(cell.possible) if cell.possible else None,
        cell.near or None,
        cell.note,
        cell.evidence,
    )


def _explanation_record(found: Explanation) -> ExplanationRecord:
    record = ExplanationRecord(found.what, found.computed, found.verdict.value)
    if found.tried:
        record.tried, record.chance = found.tried, found.chance
    return record
