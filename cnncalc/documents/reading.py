"""Reading a table of the user's own, in the form of the built-in ones: YAML, with the place of every mistake."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from cnncalc.documents.model import Cell, Column, Row, Table
from cnncalc.errors import Place, RequestError, Source, SpecError, did_you_mean, shorten
from cnncalc.language.nodes import Mapping, Node, Sequence, parse

MAX_BYTES = 250_000
MAX_CELLS = 5_000
MAX_NETWORKS = 50

_NUMBER = re.compile(r"[-+]?[0-9.][0-9.eE+-]*")


def read_text(file: Path, what: str = "table") -> str:
    """The text of a file that a user names.

    Raises:
        RequestError: it cannot be read, is no file, is not UTF-8, or is too large.
    """
    shown = shorten(str(file), 80)
    try:
        if not file.is_file():
            kind = "a folder" if file.is_dir() else "no ordinary file" if file.exists() else ""
            if kind:
                raise RequestError(f"'{shown}' is {kind}", hint=f"name a file with the {what}")
            raise RequestError(f"there is no file '{shown}'")
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise RequestError(f"'{shown}' cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > MAX_BYTES:
        raise RequestError(f"'{shown}' is larger than {MAX_BYTES:,} bytes: no {what} is")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        hint = f"line {line}: byte {error.start} is not UTF-8; save it as UTF-8"
        raise RequestError(f"'{shown}' is not UTF-8 text", hint=hint) from None


def read_table(file: Path) -> Table:
    """A user's table.

    Raises:
        RequestError: the file cannot be read.
        SpecError: what is wrong in it, and where.
    """
    return table_of(read_text(file), shorten(str(file), 80))


def table_of(text: str, origin: str = "<text>") -> Table:
    """The table in a YAML text; `origin` is what messages call the text.

    >>> table_of("{name: a, title: A, cells: [{id: b, printed: 61.0 M, compute: params(alexnet)}]}").name
    'a'
    """
    root = parse(Source(origin, text))
    if not isinstance(root, Mapping):
        raise SpecError("a table is a mapping", root.place, hint="it begins with name: and title:")
    places: dict[str, Place] = {}
    data = _plain(root, "$", places)
    try:
        table = msgspec.convert(data, Table)
    except msgspec.ValidationError as error:
        raise _misfit(str(error), root, places) from None
    _check(table, root, places)
    return table


def _plain(node: Node, path: str, places: dict[str, Place]) -> Any:
    """A node as plain values, numbers as they are written: 4.10 has three digits. Notes where each stands."""
    places[path] = node.place
    if isinstance(node, Mapping):
        return {key.value: _plain(value, f"{path}.{key.value}", places) for key, value in node.entries}
    if isinstance(node, Sequence):
        return [_plain(item, f"{path}[{i}]", places) for i, item in enumerate(node.items)]
    if isinstance(node.value, bool):
        return node.value
    if isinstance(node.value, int | float) and not path.endswith(".scale"):
        line = node.place.source.line(node.place.line)
        written = _NUMBER.match(line, node.place.column)
        return written[0] if written else str(node.value)
    return node.value


_KEYS: dict[str, type[msgspec.Struct]] = {"columns": Column, "rows": Row, "cells": Cell}


def _misfit(message: str, root: Node, places: dict[str, Place]) -> SpecError:
    """What msgspec says of a table that does not fit, at the place that it speaks of."""
    what, _, path = message.partition(" - at `")
    path = path.rstrip("`") or "$"
    while path not in places and path != "$":
        path = re.sub(r"(\.[^.\[]+|\[[^\]]*\])$", "", path) if "." in path or "[" in path else "$"
    place = places.get(path, root.place)
    unknown = re.search(r"unknown field `(.*)`", what)
    missing = re.search(r"missing required field `(.*)`", what)
    if unknown:
        known = _fields(path)
        hint = did_you_mean(unknown[1], known) or f"the keys are {', '.join(known)}"
        return SpecError(
            f"there is no key '{shorten(unknown[1])}' here", places.get(f"{path}.{unknown[1]}", place), hint=hint
        )
    if missing:
        return SpecError(f"'{missing[1]}' is missing", place, hint=f"add {missing[1]}: ...")
    return SpecError(what[:1].lower() + what[1:].replace("`", "'"), place, hint="docs/tables.md has the form")


def _fields(path: str) -> list[str]:
    """The keys that the mapping at a path may have."""
    named = [_KEYS[key] for key in re.findall(r"\.(\w+)\[", path) if key in _KEYS]
    kind: type[msgspec.Struct] = (
        Cell if path.count("cells[") and path.startswith("$.rows") else named[-1] if named else Table
    )
    if "alternatives[" in path:
        return ["what", "compute"]
    return list(kind.__struct_fields__)


def _check(table: Table, root: Mapping, places: dict[str, Place]) -> None:
    """The bounds, and a cell for each column."""
    count = sum(len(row.cells) for row in table.rows) + len(table.cells)
    if count > MAX_CELLS:
        raise SpecError(f"the table has {count:,} cells", root.place, hint=f"at most {MAX_CELLS:,}: make it several")
    if not count:
        raise SpecError("the table has no cells", root.place, hint="give it 'columns' and 'rows', or 'cells'")
    if len(table.networks) > MAX_NETWORKS:
        raise SpecError(f"the table has more than {MAX_NETWORKS} networks of its own", places["$.networks"])
    for i, row in enumerate(table.rows):
        if len(row.cells) != len(table.columns):
            raise SpecError(
                f"row '{shorten(row.row)}' has {len(row.cells)} cells for {len(table.columns)} columns",
                places.get(f"$.rows[{i}].cells", root.place),
                hint="one cell a column; null where there is nothing printed",
            )


__all__ = ["MAX_BYTES", "read_table", "read_text", "table_of"]
