"""LaTeX tables for papers, in the style of the booktabs package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from cnncalc.render.table import BAR, Cell, Part, Table, printable

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{MINUS SIGN}": r"$-$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "\n": " ",
} | {c: "\\" + c for c in "&%$#_{}"}


def write(parts: Sequence[Part], file: TextIO) -> None:
    """Print the tables; text becomes comments."""
    text = "\n".join(_table(part) if isinstance(part, Table) else _comment(part) for part in parts)
    file.write("% needs \\usepackage{booktabs}\n")
    if any(ord(c) > 0x24F for c in text):  # beyond the Latin letters
        file.write("% needs XeLaTeX or LuaLaTeX, and a font for every script in it\n")
    file.write(text)


def _table(table: Table) -> str:
    letters = "".join("r" if table.numeric(i) else "l" for i in range(len(table.columns)))
    rows = [_row(row) for row in _cells(table)]
    total = [rows.pop()] if table.total is not None else []
    lines = [
        r"\begin{table}",
        r"\centering",
        *([rf"\caption{{{_escape(table.title)}}}"] if table.title else []),
        rf"\begin{{tabular}}{{{letters}}}",
        r"\toprule",
        _row([_escape(column.title) for column in table.columns]),
        r"\midrule",
        *rows,
        *([r"\midrule", *total] if total else []),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\footnotesize {_escape(note)}" for note in table.notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _cells(table: Table) -> list[list[str]]:
    """The rows in LaTeX; the totals, if any, come last."""
    rows = [*table.rows, table.total] if table.total is not None else table.rows
    return [
        [_bar(cell) if column.format == BAR else _escape(column.text(cell)) for column, cell in pairs]
        for pairs in (zip(table.columns, row, strict=True) for row in rows)
    ]


def _bar(part: Cell) -> str:
    """A bar as a rule: every LaTeX draws it, in any font."""
    return rf"\rule{{{4 * part:.3f}em}}{{0.6em}}" if isinstance(part, float) else ""


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _comment(text: str) -> str:
    return "".join(f"% {line}\n" for line in text.splitlines())


def _escape(text: str) -> str:
    """Text with LaTeX's special characters written so that they print.

    >>> print(_escape("conv2_x, 50%"))
    conv2\\_x, 50\\%
    """
    return "".join(_SPECIAL.get(c, c) for c in printable(text))
