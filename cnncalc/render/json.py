"""JSON: a document with one line for each element of its lists, so that it can be read and searched by line.

It is written as it is made: a list may stand for a million records that are never in memory together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TextIO

import msgspec

SCHEMA = 2
"""The schema number of every JSON document."""


def write_json(document: Any, file: TextIO) -> None:
    """Print a document: a record, or a dict of plain values.

    >>> import sys
    >>> write_json({"schema": 2, "layers": [{"name": "a"}, {"name": "b"}]}, sys.stdout)
    {"schema": 2,
     "layers": [
      {"name": "a"},
      {"name": "b"}]}
    """
    opening = "{"
    for key, value in _fields(document):
        file.write(f"{opening}{_text(key)}: ")
        if isinstance(value, Iterable) and not isinstance(value, (str, dict, tuple)):
            _write_list(value, file)
        else:
            file.write(_text(value))
        opening = ",\n "
    file.write("}\n" if opening != "{" else "{}\n")


def _fields(document: Any) -> Iterator[tuple[str, Any]]:
    """The fields of a record that are set, or the items of a dict."""
    if isinstance(document, dict):
        yield from document.items()
        return
    for name in document.__struct_fields__:
        value = getattr(document, name)
        if value is not msgspec.UNSET:
            yield name, value


def _write_list(values: Iterable[Any], file: TextIO) -> None:
    """A list: records one per line, anything else in one line."""
    opening = "["
    for value in values:
        record = isinstance(value, (dict, msgspec.Struct))
        separator = "\n  " if record else ""
        comma = "" if opening == "[" else "," if record else ", "
        file.write(f"{'[' if opening == '[' else ''}{comma}{separator}{_text(value)}")
        opening = ""
    file.write("[]" if opening else "]")


def _text(value: Any) -> str:
    """A value in JSON, with a space after each comma and colon. Characters that drive terminals or turn the text
    round are escaped, whoever gave the names."""
    return escaped(json_text(value))


def json_text(value: Any) -> str:
    """A value in JSON."""
    import json

    return json.dumps(msgspec.to_builtins(value), ensure_ascii=False)


def escaped(text: str) -> str:
    r"""JSON whose unprintable characters are written as escapes.

    >>> escaped('"a\u202eb"')
    '"a\\u202eb"'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(ord(c)) for c in text)


def _escape(code: int) -> str:
    """The escape of a character; of one beyond the basic plane, as two surrogates."""
    if code > 0xFFFF:
        high, low = divmod(code - 0x10000, 0x400)
        return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
    return f"\\u{code:04x}"
