"""JSON: a document with one line for each element of its lists, so that it can be read and searched by line."""

from __future__ import annotations

import json
from typing import Any, TextIO


def write_json(document: Any, file: TextIO) -> None:
    """Print a document.

    >>> import sys
    >>> write_json({"schema": 1, "layers": [{"name": "a"}, {"name": "b"}]}, sys.stdout)
    {"schema": 1,
     "layers": [
      {"name": "a"},
      {"name": "b"}]}
    """
    encode = json.JSONEncoder(ensure_ascii=False).encode
    if not isinstance(document, dict):
        file.write(encode(document) + "\n")
        return
    opening = "{"
    for key, value in document.items():
        file.write(f"{opening}{encode(key)}: ")
        if isinstance(value, list) and value and isinstance(value[0], dict):
            file.write("[\n  " + ",\n  ".join(map(encode, value)) + "]")
        else:
            file.write(encode(value))
        opening = ",\n "
    file.write("}\n" if document else "{}\n")
