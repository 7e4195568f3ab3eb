"""YAML text -> a tree of nodes that know where they stand.

The parser is libyaml through PyYAML's C loader, read event by event: nothing is constructed but the nodes
below, scalars follow the YAML 1.2 core schema, and size, depth and aliases are bounded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from cnncalc.errors import Place, Source, SpecError

MAX_BYTES = 250_000
MAX_DEPTH = 64
MAX_NODES = 50_000
MAX_DIGITS = 18

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Scalar:
    """A plain or quoted value: None, bool, int, float or str."""

    place: Place
    value: Any
    size: int = 1
    expression: Any = None  # the value as an expression, once it was read as one: aliases share it


@dataclass(slots=True)
class Sequence:
    """A list of nodes."""

    place: Place
    items: list[Node]
    size: int = 1


@dataclass(slots=True)
class Mapping:
    """Keys and values in the order of the text; keys are distinct words."""

    place: Place
    entries: list[tuple[Scalar, Node]]
    size: int = 1

    def keys(self) -> list[str]:
        """The keys, in the order of the text."""
        return [key.value for key, _ in self.entries]

    def get(self, key: str) -> Node | None:
        """The value of a key, or None."""
        return next((value for found, value in self.entries if found.value == key), None)


Node = Scalar | Sequence | Mapping


def parse(source: Source) -> Node:
    """The node tree of a YAML text.

    Raises:
        SpecError: not YAML, or beyond the bounds.
    """
    start = Place(source, 0, 0)
    if len(source.text) > MAX_BYTES or len(source.text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise SpecError(f"the spec is larger than {MAX_BYTES:,} bytes", start)
    try:
        return _Composer(source).document()
    except yaml.MarkedYAMLError as error:
        raise _unreadable(source, error) from None
    except (yaml.YAMLError, UnicodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else "unreadable text"
        raise SpecError(f"this is not YAML: {reason}", start, hint="is it a text file?") from None


# What libyaml says, and what usually mends it.
_MENDS = {
    "mapping values are not allowed": "the keys of one item stand in one column; a text with ': ' in it needs quotes",
    "did not find expected '-' indicator": "the dashes of one list stand in one column",
    "did not find expected key": "the keys of one mapping stand in one column",
    "cannot start any token": "put the text in quotes",
}
_MEND = "check quotes, brackets and indentation; inside { } an expression with brackets or commas needs quotes"
_OPENERS = {"{": "}", "[": "]", "'": "'", '"': '"'}


def _unreadable(source: Source, error: yaml.MarkedYAMLError) -> SpecError:
    """The parser's complaint at the place where the mistake is likely to be, with what would mend it."""
    mark, opened = error.problem_mark or error.context_mark, error.context_mark
    place = source.place(mark.line, mark.column) if mark else Place(source, 0, 0)
    line, problem = source.line(place.line), error.problem or error.context or "unreadable"
    blanks = line[: len(line) - len(line.lstrip())]
    if "\t" in blanks:
        tab = Place(source, place.line, blanks.index("\t"))
        return SpecError("this is not YAML: a tab", tab, hint="YAML indents with spaces: write spaces for the tab")
    indexed = re.search(r"\w$", line[: place.column]) and line[place.column : place.column + 1] == "["
    if opened and opened.line < place.line and not indexed:
        # The parser notices far below that something was never closed.
        start = source.place(opened.line, opened.column)
        bracket = source.line(start.line)[start.column : start.column + 1]
        if bracket in _OPENERS:
            hint = f"close it with {_OPENERS[bracket]}"
            return SpecError("this is not YAML: what begins here is not closed", start, hint=hint)
    if re.match(r"\s*-[^\s-]", line):
        return SpecError(f"this is not YAML: {problem}", place, hint="a dash wants a space after it: - relu")
    hint = next((mend for words, mend in _MENDS.items() if words in problem), _MEND)
    return SpecError(f"this is not YAML: {problem}", place, hint=hint)


class _Composer:
    """Builds nodes from events. `depth` is the nesting, `nodes` what the document holds with its aliases
    written out: both are bounded, so that no text can take long or grow large."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.events: Iterator[Any] = yaml.parse(source.text, Loader=_Loader)
        self.anchors: dict[str, Node | None] = {}
        self.nodes = 0

    def document(self) -> Node:
        """The one document of the text."""
        event = next(self.events)
        while isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent)):
            event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            raise SpecError(
                "the spec is empty",
                Place(self.source, 0, 0),
                hint="a spec needs at least 'input:' and 'layers:'",
            )
        node = self.node(event, 0)
        next(self.events)  # the document's end
        event = next(self.events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise SpecError("a spec is one YAML document", self.place(event), hint="remove the '---' and what follows")
        return node

    def place(self, event: Any) -> Place:
        start, end = event.start_mark, event.end_mark
        width = end.column - start.column if end.line == start.line else 1
        return Place(self.source, start.line, start.column, max(1, width))

    def node(self, event: Any, depth: int) -> Node:
        """The node that starts with this event."""
        place = self.place(event)
        if isinstance(event, yaml.AliasEvent):
            return self.alias(str(event.anchor), place)
        if event.tag is not None and event.tag != "!":
            raise SpecError("tags are not part of the spec language", place, label=str(event.tag)[:60])
        self.count(1, place)
        if event.anchor is not None:
            self.anchors[event.anchor] = None  # open: an alias inside would contain itself
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            plain = event.style is None or event.style == "" or event.implicit[0]
            node = Scalar(place, _resolve(event.value, place) if plain else event.value)
        else:
            # Recursion follows the nesting, which is bounded here.
            if depth >= MAX_DEPTH:
                raise SpecError(f"the spec is nested deeper than {MAX_DEPTH} levels", place)
            if isinstance(event, yaml.SequenceStartEvent):
                node = self.sequence(place, depth + 1)
            else:
                node = self.mapping(place, depth + 1)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def count(self, size: int, place: Place) -> None:
        self.nodes += size
        if self.nodes > MAX_NODES:
            raise SpecError(f"the spec holds more than {MAX_NODES:,} values", place, hint="use 'repeat' or a block")

    def alias(self, anchor: str, place: Place) -> Node:
        """The node of an anchor; it counts as if it were written out."""
        if anchor not in self.anchors:
            raise SpecError(f"unknown anchor '{anchor}'", place)
        node = self.anchors[anchor]
        if node is None:
            raise SpecError(f"anchor '{anchor}' contains itself", place)
        self.count(node.size, place)
        return node

    def sequence(self, place: Place, depth: int) -> Sequence:
        items = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(event, depth))
        return Sequence(place, items, 1 + sum(item.size for item in items))

    def mapping(self, place: Place, depth: int) -> Mapping:
        entries: list[tuple[Scalar, Node]] = []
        seen: set[str] = set()
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.node(event, depth)
            value = self.node(next(self.events), depth)
            key = self.key(key)
            if key.value in seen:
                raise SpecError(f"'{key.value}' is given twice", key.place)
            seen.add(key.value)
            entries.append((key, value))
        return Mapping(place, entries, 1 + sum(1 + value.size for _, value in entries))

    def key(self, key: Node) -> Scalar:
        """A key must be a word; merge keys are refused."""
        if not isinstance(key, Scalar):
            raise SpecError("a key must be a word", key.place)
        if key.value == "<<":
            raise SpecError(
                "merge keys are not part of the spec language", key.place, hint="use a block with variables"
            )
        if not isinstance(key.value, str):
            return Scalar(key.place, str(key.value))
        return key


_INT = re.compile(r"[-+]?[0-9]+")
_BASED = {re.compile(r"0o[0-7]+"): 8, re.compile(r"0x[0-9a-fA-F]+"): 16}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def _resolve(text: str, place: Place) -> Any:
    """A plain scalar by the YAML 1.2 core schema, but without its infinities and its not-a-number."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise SpecError(f"a number has at most {MAX_DIGITS} digits", place)
        return int(text)
    for pattern, base in _BASED.items():
        if pattern.fullmatch(text):
            if len(text) > MAX_DIGITS:
                raise SpecError(f"a number has at most {MAX_DIGITS} digits", place)
            return int(text[2:], base)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise SpecError("a number is too large", place)
        return number
    return text
