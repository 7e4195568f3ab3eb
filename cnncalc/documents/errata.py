"""`docs/errata.md`: what is wrong or contradictory in the documents, for a teacher to read.

Written from the same data as `cnncalc tables`, by `python -m cnncalc.documents.errata`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from cnncalc.documents.check import check_all
from cnncalc.documents.checked import Checked, CheckedTable
from cnncalc.documents.figures import Verdict
from cnncalc.documents.model import DOCUMENTS
from cnncalc.documents.report import cause, cells_of, computed_text, covered, printed_text, verdict_text

FILE = Path(__file__).resolve().parents[2] / "docs" / "errata.md"


def render(tables: Sequence[CheckedTable], papers: Sequence[CheckedTable] = ()) -> str:
    """The page, in Markdown: the documents, then the papers."""
    lines = [
        "# Errata of the documents",
        "",
        "<!-- Written by `python -m cnncalc.documents.errata`. Do not edit. -->",
        "",
        *_introduction(tables),
    ]
    for document, group in groupby(tables, key=lambda table: table.table.document):
        entries = [line for table in group for line in _table(table)]
        lines += ["", f"## Document {document}: {DOCUMENTS[document]}", *(entries or ["", "Nothing was found."])]
    if papers:
        lines += ["", *_papers(papers)]
    lines += ["", *_loose([*tables, *papers])]
    every = [*tables, *papers]
    notes = [
        f"- {_text(table.table.title)}. {_text(note)}" for table in every for note in table.notes if "one rule" in note
    ]
    if notes:
        lines += ["", "In some rows and columns no one rule gives all the figures that agree:", "", *notes]
    return "\n".join(lines) + "\n"


def _introduction(tables: Sequence[CheckedTable]) -> list[str]:
    cells = [cell for table in tables for cell in table.cells]
    wrong = [cell for cell in cells if not cell.verdict.agrees]
    unexplained = sum(cell.unexplained for cell in wrong)
    return [
        f"cnncalc recomputed {len(cells)} figures and statements of the documents. {len(cells) - len(wrong)} agree in "
        f"the digits that are printed; {len(wrong)} do not. For {len(wrong) - unexplained} of these something else was "
        f"found that gives what is printed; for {unexplained} nothing was.",
        "",
        "Each entry says what is printed, what is right, and how the printed figure came about. "
        "`cnncalc tables NAME` shows the whole table beside the calculation.",
    ]


def _papers(papers: Sequence[CheckedTable]) -> list[str]:
    """What the tables of papers have, with where they were read."""
    cells = [cell for table in papers for cell in table.cells]
    wrong = [cell for cell in cells if not cell.verdict.agrees]
    unexplained = sum(cell.unexplained for cell in wrong)
    lines = [
        "## Tables of papers",
        "",
        f"{len(cells)} figures of {len(papers)} tables. {len(cells) - len(wrong)} agree; {len(wrong)} do not, of which "
        f"{len(wrong) - unexplained} are given by another way of counting, and {unexplained} by none that was found. "
        "`cnncalc tables --papers` lists them. A figure that could not be had with certainty is left out.",
    ]
    for table in papers:
        lines += _table(table) or ["", *_heading(table), "Nothing was found."]
    return lines


def _heading(checked: CheckedTable) -> list[str]:
    """What stands over a table's entries."""
    table = checked.table
    title = f"{table.document}: {table.title}" if table.paper else table.title
    source = f" {_text(' '.join(table.source.split()))}." if table.source else ""
    return [f"### {title}", "", f"`{table.name}`. {table.place[0].upper()}{table.place[1:]}.{source}", ""]


def _table(checked: CheckedTable) -> list[str]:
    """The entries of a table; none if nothing in it differs."""
    found = [note for note in checked.notes if ". This gives" in note]
    entries = [_text(note) for note in found]
    entries += [
        _entry(parts)
        for parts in cells_of(checked.cells)
        if not all(part.verdict.agrees for part in parts) and not covered(parts, found)
    ]
    if not entries:
        return []
    return ["", *_heading(checked), *(f"{number}. {entry}" for number, entry in enumerate(entries, 1))]


def _entry(parts: Sequence[Checked]) -> str:
    first = parts[0]
    claim = f"**{_text(first.claim)}.**"
    if not isinstance(first.computed, bool):
        wrong = verdict_text(parts)
        return f"{claim} {_text(wrong[0].upper() + wrong[1:])}. {_text(cause(parts))}"
    evidence = f" Computed: `{first.evidence}`." if first.evidence else ""
    return f"{claim} Printed: {_text(first.printed)}. This does not hold.{evidence} {_text(cause(parts))}"


def _loose(tables: Sequence[CheckedTable]) -> list[str]:
    """Figures that agree, but not by rounding in thousands: a reader who rounds may get another digit."""
    lines = [
        "## Right, but not rounded",
        "",
        "These agree where the rest of the number is cut off, or 1K is 1,024. A row or column is judged "
        "by one rule where one fits all of them.",
        "",
        "| Table | Figure | Printed | Computed | Agrees |",
        "| --- | --- | ---: | ---: | --- |",
    ]
    for checked in tables:
        for parts in cells_of(_not_rounded(checked.cells)):
            first = parts[0]
            cells = (checked.table.title, first.claim, printed_text(parts), computed_text(parts), first.verdict.value)
            lines.append("| " + " | ".join(map(_text, cells)) + " |")
    return lines


def _not_rounded(cells: Iterable[Checked]) -> list[Checked]:
    plain = (Verdict.EXACT, Verdict.ROUNDED, Verdict.HOLDS)
    return [cell for cell in cells if cell.verdict.agrees and cell.verdict not in plain]


def _text(text: str) -> str:
    """Text in which Markdown sees no marks of its own."""
    for special in "*_|<#":
        text = text.replace(special, "\\" + special)
    return text


def main() -> None:
    """Write the page."""
    FILE.write_text(render(check_all(), check_all(papers=True)), encoding="utf-8")


if __name__ == "__main__":
    main()
