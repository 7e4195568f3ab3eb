"""YAML as a tree that can be changed freely and written again: also into what no YAML library would write.

Scalars keep their text as it stands in the file, so that quotes, numbers and junk survive. A mapping is a
list of pairs, so that a key can stand twice. An anchor wraps a node; an alias is a scalar such as `*a1`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import yaml

MOST_SLOTS = 50_000
MOST_CHARACTERS = 400_000  # beyond what a spec may hold, and so refused

Node = Any
"""A scalar (`str`), a sequence (`list`), a `Pairs` or an `Anchor`."""


class Pair(list[Node]):
    """A key and its value."""


@dataclass
class Pairs:
    """A mapping: keys and values in order."""

    items: list[Any]

    def __post_init__(self) -> None:
        self.items = [Pair(pair) for pair in self.items]

    def get(self, key: str) -> Node | None:
        return next((value for found, value in self.items if found == key), None)

    def put(self, key: str, value: Node) -> None:
        """Set a key's value, or add the key."""
        for pair in self.items:
            if pair[0] == key:
                pair[1] = value
                return
        self.items.append(Pair((key, value)))


@dataclass
class Anchor:
    """A node with a name that aliases can take."""

    name: str
    node: Node


def read(text: str) -> Node:
    """The tree of a YAML text of the zoo."""
    events = iter(yaml.parse(text, Loader=yaml.CSafeLoader))

    def node(event: Any) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            if event.style in ("'", '"', "|", ">"):
                return "'" + event.value.replace("'", "''").replace("\n", " ") + "'"
            return event.value
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(event := next(events), yaml.SequenceEndEvent):
                items.append(node(event))
            return items
        pairs = []
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            pairs.append([node(event), node(next(events))])
        return Pairs(pairs)

    event = next(events)
    while isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent)):
        event = next(events)
    return node(event)


def write(node: Node, block_levels: int = 2) -> str:
    """The text of a tree: the outer levels as blocks, the inner ones in brackets."""
    return _block(node, block_levels, "")


def _block(node: Node, levels: int, indent: str) -> str:
    if levels and isinstance(node, Pairs) and node.items:
        return "".join(f"{indent}{_flow(key)}:{_below(value, levels, indent)}" for key, value in node.items)
    if levels and isinstance(node, list) and node:
        return "".join(f"{indent}-{_below(item, levels, indent)}" for item in node)
    return f"{indent}{_flow(node)}\n"


def _below(node: Node, levels: int, indent: str) -> str:
    if levels > 1 and isinstance(node, (Pairs, list)) and (node.items if isinstance(node, Pairs) else node):
        return "\n" + _block(node, levels - 1, indent + "  ")
    return f" {_flow(node)}\n"


def _flow(node: Node) -> str:
    """A node in brackets. It is written without recursion, since a mutation may nest without end."""
    parts: list[str] = []
    stack: list[Any] = [node]
    length = 0
    while stack and length < MOST_CHARACTERS:
        node = stack.pop()
        if isinstance(node, (str, _Text)):
            parts.append(node if isinstance(node, str) else node.text)
            length += len(parts[-1])
        elif isinstance(node, Anchor):
            parts.append(f"&{node.name} ")
            stack.append(node.node)
        elif isinstance(node, Pairs):
            stack.append(_Text("}"))
            for key, value in reversed(node.items):
                stack += [_Text(", "), value, _Text(": "), key]
            stack.append(_Text("{"))
        else:
            stack.append(_Text("]"))
            for item in reversed(node):
                stack += [_Text(", "), item]
            stack.append(_Text("["))
    return "".join(parts)


@dataclass
class _Text:
    """A piece of punctuation on its way out."""

    text: str


def slots(root: Node) -> Iterator[tuple[Any, int]]:
    """Every place of a tree that holds a node, as a list and an index: values, items and keys; of a tree that
    mutations have made very large, as many as are worth a look."""
    return islice(_slots(root), MOST_SLOTS)


def _slots(root: Node) -> Iterator[tuple[Any, int]]:
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, Anchor):
            stack.append(node.node)
        elif isinstance(node, Pairs):
            for pair in node.items:
                yield pair, 1
                yield pair, 0
                stack.append(pair[1])
        elif isinstance(node, list):
            for index, item in enumerate(node):
                yield node, index
                stack.append(item)
