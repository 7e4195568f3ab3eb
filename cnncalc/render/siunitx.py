"""LaTeX tables whose numbers the siunitx package sets: aligned at the decimal point, grouped as it groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from cnncalc.render import latex
from cnncalc.render.table import Part


def write(parts: Sequence[Part], file: TextIO) -> None:
    """Print the tables; text becomes comments."""
    latex.write(parts, file, numbers=True)
