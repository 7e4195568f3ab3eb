"""HTML: tables as notebooks and pages show them. Every text is escaped: names and titles come from strangers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TextIO

from cnncalc.render.table import Part, Table, printable

_STYLE = (
    "<style>.cnncalc{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    ".cnncalc caption{text-align:left;font-weight:bold;padding:.3em 0}"
    ".cnncalc th,.cnncalc td{padding:.15em .6em;text-align:left}"
    ".cnncalc .n{text-align:right}"
    ".cnncalc thead th,.cnncalc tbody{border-bottom:1px solid}"
    ".cnncalc-note{margin:.3em 0;max-width:60em}</style>"
)


def write(parts: Sequence[Part], file: TextIO) -> None:
    """Print tables and texts as a fragment of HTML."""
    file.write(_STYLE + "\n")
    for part in parts:
        file.write(_table(part) if isinstance(part, Table) else _paragraphs(part))


def _table(table: Table) -> str:
    """A table with its notes under it."""
    right = [table.numeric(index) for index in range(len(table.columns))]
    rows = table.texts()
    total = [rows.pop()] if table.total is not None else []
    caption = f"<caption>{_safe(table.title)}</caption>" if table.title else ""
    lines = [
        f'<table class="cnncalc">{caption}',
        f"<thead>{_row([column.title for column in table.columns], right, 'th')}</thead>",
        "<tbody>",
        *(_row(row, right) for row in rows),
        "</tbody>",
        *(f"<tfoot>{_row(row, right, 'th')}</tfoot>" for row in total),
        "</table>",
        *(f'<p class="cnncalc-note">{_safe(note)}</p>' for note in table.notes),
    ]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str], right: Sequence[bool], tag: str = "td") -> str:
    """A row of cells; numbers stand on the right."""
    texts = []
    for cell, number in zip(cells, right, strict=True):
        mine = tag if cell else "td"  # a heading without a text heads nothing
        texts.append(f"<{mine}{' class=n' if number else ''}>{_safe(cell)}</{mine}>")
    return f"<tr>{''.join(texts)}</tr>"


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_safe(line)}</p>\n" for line in text.splitlines())


def _safe(text: str) -> str:
    """Text that can be no markup.

    >>> _safe("<script>")
    '&lt;script&gt;'
    """
    return escape(printable(text)).replace("\n", "<br>")
