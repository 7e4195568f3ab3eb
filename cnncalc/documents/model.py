"""The documents' tables as they are written down in `tables/*.yaml`: what is printed, and what to compute."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec
import yaml

from cnncalc.errors import RequestError, did_you_mean

DOCUMENTS = {
    "000": "a blog's notes on Dive into Deep Learning",
    "001": "a recruitment exercise on the theory of CNNs",
    "003": "lecture slides on the development of CNNs",
    "004": "notes on CS231n, lecture 9",
}
"""The documents by number."""


class Alternative(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something else that may have been counted. It is computed too, and shown only if it gives the figure."""

    what: str
    compute: str


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One figure or statement of a document. What a cell of a grid leaves out comes from its row or column."""

    printed: str = ""  # as the document has it; ~ before a figure stands for "about"
    compute: str = ""  # in the language of quantities.py
    id: str = ""
    claim: str = ""
    unit: str = ""
    alternatives: tuple[Alternative, ...] = ()
    note: str = ""


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A column of a grid. `of` takes the place of {column} in every `compute`."""

    column: str
    of: str = ""
    compute: str = ""
    unit: str = ""
    optional: bool = False  # left out where a terminal is too narrow for all columns


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A row of a grid: its label and a cell for each column, null where the document has none."""

    row: str
    cells: list[str | int | Cell | None]
    of: str = ""  # takes the place of {row} in every `compute`
    compute: str = ""
    unit: str = ""


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of a document, a grid, or a list of what it claims, or both."""

    name: str
    document: str
    title: str
    place: str  # where it stands in the document
    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    cells: tuple[Cell, ...] = ()
    networks: dict[str, str] = {}  # small specs of networks that only this table speaks of
    note: str = ""


@cache
def tables() -> dict[str, Table]:
    """Every table by its name, in the order of the documents."""
    found = {}
    for file in sorted(files(__package__).joinpath("tables").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml"):
            data = yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)
            table = msgspec.convert(data, Table)
            found[table.name] = table
    return found


def table(name: str) -> Table:
    """The table with this name.

    Raises RequestError, with the nearest name, if there is none.
    """
    try:
        return tables()[name]
    except KeyError:
        hint = did_you_mean(name, tables()) or "`cnncalc tables` lists them"
        raise RequestError(f"the documents have no table {name!r}", hint=hint) from None
