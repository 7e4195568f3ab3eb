"""LaTeX tables for papers, in the style of the booktabs package."""

from __future__ import annotations

import re
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


def write(parts: Sequence[Part], file: TextIO, numbers: bool = False) -> None:
    """Print the tables; text becomes comments.

    Args:
        numbers: columns of numbers are those of the siunitx package.
    """
    text = "\n".join(_table(part, numbers) if isinstance(part, Table) else _comment(part) for part in parts)
    file.write(f"% needs \\usepackage{{booktabs{',siunitx' if numbers else ''}}}\n")
    if any(ord(c) > 0x24F for c in text):  # beyond the Latin letters
        file.write("% needs XeLaTeX or LuaLaTeX, and a font for every script in it\n")
    file.write(text)


def _table(table: Table, numbers: bool) -> str:
    columns = [_Column(table, index, numbers) for index in range(len(table.columns))]
    cells = [column.cells() for column in columns]
    rows = [_row(row) for row in zip(*cells, strict=True)]
    total = [rows.pop()] if table.total is not None else []
    label = rf"\label{{{_label(table.label)}}}" if table.label else ""
    lines = [
        r"\begin{table}",
        r"\centering",
        *([rf"\caption{{{_escape(table.title)}}}{label}"] if table.title or label else []),
        rf"\begin{{tabular}}{{{''.join(column.letter for column in columns)}}}",
        r"\toprule",
        _row([column.title for column in columns]),
        r"\midrule",
        *rows,
        *([r"\midrule", *total] if total else []),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\footnotesize {_escape(note)}" for note in table.notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


_NUMBER = re.compile(r"-?\d+(?:\.(\d+))?")


class _Column:
    """A column in LaTeX: its letter, its title and its cells, the totals' last."""

    def __init__(self, table: Table, index: int, numbers: bool) -> None:
        self.column = table.columns[index]
        rows = [*table.rows, table.total] if table.total is not None else table.rows
        self.values = [row[index] for row in rows]
        self.letter = "r" if table.numeric(index) else "l"
        self.texts = [self.column.text(value).replace(",", "") for value in self.values]
        plain = [found for text in self.texts if (found := _NUMBER.fullmatch(text))]
        self.aligned = numbers and self.letter == "r" and bool(plain)
        if self.aligned:
            whole = max(len(found[0].partition(".")[0]) for found in plain)
            self.letter = f"S[table-format={whole}.{max(len(found[1] or '') for found in plain)}]"

    @property
    def title(self) -> str:
        """The title; in braces where numbers are aligned, which tells siunitx that it is none."""
        text = _escape(self.column.title)
        return f"{{{text}}}" if self.aligned else text

    def cells(self) -> list[str]:
        """The cells in LaTeX."""
        if self.column.format == BAR:
            return [_bar(value) for value in self.values]
        if not self.aligned:
            return [_escape(self.column.text(value)) for value in self.values]
        return [text if not text or _NUMBER.fullmatch(text) else f"{{{_escape(text)}}}" for text in self.texts]


def _label(name: str) -> str:
    """A label that LaTeX takes: letters, digits and -:. only.

    >>> _label("tab:my networks_2")
    'tab:my-networks-2'
    """
    return "".join(c if c.isascii() and (c.isalnum() or c in "-:.") else "-" for c in name)


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
