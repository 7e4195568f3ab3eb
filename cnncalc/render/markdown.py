"""Markdown tables, as GitHub reads them, and aligned so that the source can be read too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from cnncalc.render.table import Part, Table, printable


def write(parts: Sequence[Part], file: TextIO) -> None:
    """Print tables and text, an empty line between two."""
    file.write("\n".join(_table(part) if isinstance(part, Table) else _paragraphs(part) for part in parts))


def _paragraphs(text: str) -> str:
    """Lines of text, each a paragraph: Markdown would join them."""
    return text.replace("\n", "\n\n") + "\n"


def _table(table: Table) -> str:
    header = [_escape(column.title) for column in table.columns]
    rows = [[_escape(text) for text in row] for row in table.texts()]
    if table.total is not None:
        rows[-1] = [f"**{text}**" if text else "" for text in rows[-1]]
    widths = [max(3, *(len(row[i]) for row in [header, *rows])) for i in range(len(header))]
    right = [table.numeric(i) for i in range(len(header))]

    def line(row: Sequence[str]) -> str:
        cells = [
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(row, widths, right, strict=True)
        ]
        return "| " + " | ".join(cells) + " |"

    rule = ["-" * (width - 1) + (":" if number else "-") for width, number in zip(widths, right, strict=True)]
    lines = [f"**{_escape(table.title)}**", ""] if table.title else []
    lines += [line(header), line(rule), *map(line, rows)]
    for note in table.notes:
        lines += ["", _escape(note)]
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    text = printable(text)
    for special in "\\|*_`<[":
        text = text.replace(special, "\\" + special)
    return text.replace("\n", " ")
