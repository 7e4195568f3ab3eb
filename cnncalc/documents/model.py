"""The documents' tables as they are written down in `tables/*.yaml`: what is printed, and what to compute."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec
import yaml

from cnncalc.errors import RequestError, did_you_mean, shorten

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
    scale: int = 1  # the worth of 1 where the figure itself names none: 1000000 under a title "Params (M)"
    alternatives: tuple[Alternative, ...] = ()
    note: str = ""


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A column of a grid. `of` takes the place of {column} in every `compute`."""

    column: str
    of: str = ""
    compute: str = ""
    unit: str = ""
    scale: int = 1
    optional: bool = False  # left out where a terminal is too narrow for all columns


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A row of a grid: its label and a cell for each column, null where the document has none."""

    row: str
    cells: list[str | int | Cell | None]
    of: str = ""  # takes the place of {row} in every `compute`
    compute: str = ""
    unit: str = ""
    scale: int = 1


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of a document, a grid, or a list of what it claims, or both."""

    name: str
    title: str
    document: str = ""  # the number of a document, or the key of a paper; empty for a table of the user's
    place: str = ""  # where it stands in the document
    source: str = ""  # of a paper's table: what it was read from
    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    cells: tuple[Cell, ...] = ()
    networks: dict[str, str] = {}  # small specs of networks that only this table speaks of
    note: str = ""

    @property
    def paper(self) -> bool:
        """Whether it is a table of a paper rather than of one of the documents."""
        return self.document not in DOCUMENTS


def document_tables() -> list[Table]:
    """The tables of the documents, in their order."""
    return _folder("tables")


def paper_tables() -> list[Table]:
    """The tables of the papers, by year."""
    return _folder("papers")


@cache
def tables() -> dict[str, Table]:
    """Every table by its name: those of the documents in their order, then those of the papers by year."""
    return {table.name: table for folder in ("tables", "papers") for table in _folder(folder)}


@cache
def _folder(name: str) -> list[Table]:
    """The tables of a folder, in the order of their files."""
    folder = sorted(files(__package__).joinpath(name).iterdir(), key=lambda file: file.name)
    return [
        msgspec.convert(yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader), Table)
        for file in folder
        if file.name.endswith(".yaml")
    ]


def table(name: str) -> Table:
    """The table with this name.

    Raises RequestError, with the nearest name, if there is none.
    """
    try:
        return next(each for each in _folder("tables") if each.name == name)
    except StopIteration:
        pass
    try:
        return tables()[name]
    except KeyError:
        hint = did_you_mean(name, tables()) or "`cnncalc tables` lists them; a file of your own ends in .yaml"
        raise RequestError(f"there is no table '{shorten(name)}'", hint=hint) from None
