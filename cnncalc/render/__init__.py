"""The forms in which tables and texts are printed: terminal, JSON, CSV, Markdown, LaTeX with or without
siunitx, HTML; one file each."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TextIO

from cnncalc.render.table import Part

FORMATS = {
    "table": "terminal",
    "json": "json",
    "csv": "csv",
    "markdown": "markdown",
    "latex": "latex",
    "siunitx": "siunitx",
    "html": "html",
}
"""The formats, and the module that writes each."""
SUFFIXES = {".json": "json", ".csv": "csv", ".md": "markdown", ".tex": "latex", ".html": "html"}


def write(parts: Sequence[Part], form: str, file: TextIO) -> None:
    """Print tables and texts to a file in one of `FORMATS`, JSON apart."""
    import_module(f"cnncalc.render.{FORMATS[form]}").write(parts, file)
