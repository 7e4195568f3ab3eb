"""The JSON Schema of tables, for editors. `python -m cnncalc.documents.schema` writes `docs/tables.schema.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from cnncalc.documents.model import Table

FILE = Path(__file__).resolve().parents[2] / "docs" / "tables.schema.json"

_SAID = {
    "name": "what commands call the table",
    "title": "what stands over it",
    "document": "the document or paper that it is of; empty for your own",
    "place": "where it stands in the document",
    "source": "what it was read from",
    "columns": "the columns of the grid; a row has one cell for each",
    "rows": "the rows of the grid",
    "cells": "figures and statements besides the grid",
    "networks": "specs of the table's own networks, by name",
    "note": "what is to be said of it",
    "printed": "the figure or statement as it is printed: 2.7K, 3.8x10^9, 0.16 M, ~60M, 55x55x96",
    "compute": "what to hold it against, such as params(alexnet/conv1); {row} and {column} stand for `of`",
    "of": "what {row} or {column} stands for in every `compute`",
    "unit": "the unit of what is computed",
    "scale": "the worth of 1 where a figure names no unit: 1000000 for millions",
    "alternatives": "something else that may have been counted, shown only if it gives the figure",
    "what": "the alternative in words",
    "claim": "the statement in words",
    "id": "a name that no other cell of the table has",
    "optional": "left out where a terminal is too narrow",
    "row": "the label of the row",
    "column": "the label of the column",
}


def table_schema() -> dict[str, Any]:
    """The schema of a table (JSON Schema, draft 2020-12).

    >>> sorted(table_schema()["$defs"])
    ['Alternative', 'Cell', 'Column', 'Row', 'Table']
    """
    schema = msgspec.json.schema(Table)
    for definition in schema["$defs"].values():
        definition.pop("description", None)
        for key, value in definition["properties"].items():
            if key in _SAID:
                definition["properties"][key] = {"description": _SAID[key], **value}
            if key in ("printed", "of", "unit", "row", "column", "id", "claim"):  # numbers may stand unquoted
                value = definition["properties"][key]
                value["type"] = ["string", "number"]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A table for cnncalc tables"}
    whole: dict[str, Any] = json.loads(json.dumps({**head, **schema}))
    return whole


def main() -> None:
    """Write the file."""
    FILE.write_text(json.dumps(table_schema(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
