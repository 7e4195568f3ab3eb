"""The JSON Schema of the documents that commands print with `--format json`.

It is written from the records that the documents are made of. `python -m cnncalc.views.schema` prints
`docs/document.schema.json`; a test holds the file to it. Fields may be added to a document within a schema number,
so that further ones are allowed.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from cnncalc.render.json import SCHEMA
from cnncalc.views.catalogue import CatalogueDocument
from cnncalc.views.check import CheckDocument
from cnncalc.views.compare import ComparisonDocument
from cnncalc.views.records import NetworkDocument
from cnncalc.views.sweep import SweepDocument
from cnncalc.views.verdicts import PublishedDocument, TablesDocument
from cnncalc.views.verify import VerifyDocument

DOCUMENTS: dict[str, type[msgspec.Struct]] = {
    "check": CheckDocument,
    "compare": ComparisonDocument,
    "list": CatalogueDocument,
    "sweep": SweepDocument,
    "published": PublishedDocument,
    "tables": TablesDocument,
    "verify": VerifyDocument,
}
"""The documents of commands that are not about one network."""


def document_schema() -> dict[str, Any]:
    """The schema of all documents (JSON Schema, draft 2020-12): one of them, each also by its record's name.

    >>> document_schema()["$defs"]["NetworkDocument"]["properties"]["schema"]
    {'const': 2}
    """
    kinds: tuple[type[msgspec.Struct], ...] = (NetworkDocument, *DOCUMENTS.values())
    choices, records = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    for kind in kinds:
        records[kind.__name__]["properties"]["schema"] = {"const": SCHEMA}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A document of cnncalc",
        "description": "What the commands print with --format json. Counts and bytes are for the whole batch.",
        "anyOf": list(choices),
        "$defs": records,
    }


if __name__ == "__main__":
    print(json.dumps(document_schema(), indent=1))
