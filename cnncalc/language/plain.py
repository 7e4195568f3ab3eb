"""Small YAML files that are no specs, such as those of devices, read as specs are: the scalars of YAML 1.2, no tags
and no merge keys, every key once, bounded in size, depth and numbers, and every error at its place.

>>> from cnncalc.errors import Source
>>> text = "title: my board\\nbandwidth: 34e9"
>>> read_plain(Source("board.yaml", text), "a device", ("title", "bandwidth"), marks=("bandwidth",)).data
{'title': 'my board', 'bandwidth': 34000000000.0}
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from cnncalc.errors import Place, Source, SpecError
from cnncalc.language.nodes import Mapping, Node, Scalar, check_keys, parse_mapping

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plain:
    """What a file says as plain data, and where each of its values stands."""

    data: dict[str, Any]
    node: Mapping

    def place(self, *keys: str) -> Place:
        """Where the value of a key stands, or of a key in the mapping of a key; where the file is silent, the place
        of what is around it."""
        node: Node = self.node
        for key in keys:
            inner = node.get(key) if isinstance(node, Mapping) else None
            if inner is None:
                break
            node = inner
        return node.place


def read_plain(source: Source, what: str, keys: Collection[str], marks: tuple[str, ...]) -> Plain:
    """The mapping in a YAML text that should be `what`, such as "a device": it has these keys and no others.
    `marks` are those that hardly any other file has: messages show no line of a file without.

    Raises:
        SpecError: not YAML, beyond the bounds, an unknown key or one given twice, or another kind of file.
    """
    node = parse_mapping(source, what, keys, marks)
    check_keys(node, keys, what)
    return Plain({key.value: _data(value) for key, value in node.entries}, node)


def read_as(source: Source, kind: type[T], what: str, marks: tuple[str, ...]) -> T:
    """The msgspec struct that a YAML text describes; its fields are the keys.

    Raises:
        SpecError: as `read_plain`; or a value is missing or is none of its field's type.

    >>> class Board(msgspec.Struct):
    ...     bandwidth: float
    >>> read_as(Source("board.yaml", "bandwidth: 34e9"), Board, "a board", marks=("bandwidth",)).bandwidth
    34000000000.0
    """
    keys = tuple(field.encode_name for field in msgspec.structs.fields(kind))  # type: ignore[arg-type]
    plain = read_plain(source, what, keys, marks)
    try:
        return msgspec.convert(plain.data, kind)
    except msgspec.ValidationError as error:
        raise _unfit(plain, what, str(error)) from None


def _unfit(plain: Plain, what: str, message: str) -> SpecError:
    """msgspec's complaint at the place of the value."""
    missing = re.search(r"missing required field `(\w+)`", message)
    if missing:
        return SpecError(f"{what} needs '{missing[1]}'", plain.place(), hint="add it", code="missing-key")
    complaint, _, path = message.partition(" - at ")
    key = next(iter(re.findall(r"\$\.(\w+)", path)), "")
    complaint = complaint.replace("`", "").replace("Expected", "expected")
    return SpecError(f"'{key}' of {what} has an unfit value", plain.place(key), label=complaint, code="unfit-value")


def _data(node: Node) -> Any:
    """The plain data of a node: its depth and its size are bounded."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Mapping):
        return {key.value: _data(value) for key, value in node.entries}
    return [_data(item) for item in node.items]
