"""The networks of the zoo, with their counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from cnncalc.ops.base import show
from cnncalc.render.choice import unknown_column
from cnncalc.render.json import SCHEMA
from cnncalc.render.table import Column, Table
from cnncalc.views import View
from cnncalc.zoo.catalogue import Entry, natural

DEFAULT = ("name", "family", "year", "input", "params", "macs", "top1")

# Of the columns shown by default the input is the first to go on a narrow terminal.
COLUMNS = {
    column.name: column
    for column in (
        Column("Network", "name"),
        Column("Title", "title"),
        Column("Family", "family", optional=True),
        Column("Year", "year", format="d", optional=True),
        Column("Input", "input", optional=True),
        Column("Layers", "layers", format=",d"),
        Column("Parameters", "params"),
        Column("Buffers", "buffers"),
        Column("MACs", "macs"),
        Column("FLOPs", "flops"),
        Column("Activations", "activations"),
        Column("Top-1", "top1", format=".2f"),
        Column("Top-5", "top5", format=".2f"),
        Column("Source", "source"),
        Column("Accuracy from", "accuracy_source"),
    )
}


class CatalogueDocument(Struct):
    """The document of a list of networks."""

    schema: int
    networks: list[Entry]


def view(found: Sequence[Entry], columns: Sequence[str] = DEFAULT, hidden: int = 0) -> View:
    """Some entries of the catalogue.

    Args:
        columns: the names of the columns to show.
        hidden: how many fragments are not among them.

    Raises:
        RequestError: there is no such column.
    """
    shown = [column(name) for name in columns]
    notes = ["Counts at the input shown, for inference. MACs: multiply-accumulates, which many papers call FLOPs."]
    if any(entry.top1 is not None for entry in found) and "top1" in columns:
        notes.append("Top-1: percent, as published; --columns name,top1,accuracy_source tells by whom.")
    if hidden:
        notes.append(f"{hidden} fragments, parts of networks, are not shown; --fragments adds them.")
    title = "1 network" if len(found) == 1 else f"{len(found)} networks"
    table = Table(title, shown, [[cell(entry, column.name) for column in shown] for entry in found], notes=notes)
    return View((table,), lambda: CatalogueDocument(SCHEMA, [*found]))


def cell(entry: Entry, column: str) -> Any:
    """What a table shows of an entry: of the input, the shape, or those of several, equal ones together."""
    if column != "input" or len(entry.inputs) == 1:
        return getattr(entry, column)
    numbers = Counter(map(show, entry.inputs.values()))
    return " and ".join(shape if number == 1 else f"{number} of {shape}" for shape, number in numbers.items())


def column(name: str) -> Column:
    """The column of a name.

    Raises:
        RequestError: there is none.
    """
    if name not in COLUMNS:
        raise unknown_column(name, list(COLUMNS))
    return COLUMNS[name]


def ordered(found: Sequence[Entry], by: str, reverse: bool = False) -> list[Entry]:
    """The entries sorted by a column; those without a value come last, equal ones by name.

    Raises:
        RequestError: there is no such column.
    """
    name = column(by).name

    def key(entry: Entry) -> Any:
        value = getattr(entry, name)
        return natural(value) if isinstance(value, str) else value

    having = [entry for entry in found if getattr(entry, name) not in (None, "")]
    without = [entry for entry in found if getattr(entry, name) in (None, "")]
    return sorted(having, key=key, reverse=reverse) + without
