"""YAML text -> a tree of nodes that know where they stand.

The parser is libyaml through PyYAML's C loader, read event by event: nothing is constructed but the nodes
below, scalars follow the YAML 1.2 core schema, and size, depth, numbers and aliases are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import yaml

from cnncalc.errors import Place, Source, SpecError, did_you_mean, shorten

MAX_BYTES = 250_000
MAX_DEPTH = 64
MAX_NODES = 50_000
MAX_NUMBER = 10**18
"""The bound of every number that is read: far beyond any network, and within what machine integers hold."""

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Scalar:
    """A plain or quoted value: None, bool, int, float or str."""

    place: Place
    value: Any
    size: int = 1
    height: int = 0
    expression: Any = None  # the value as an expression, once it was read as one: aliases share it


@dataclass(slots=True)
class Sequence:
    """A list of nodes."""

    place: Place
    items: list[Node]
    size: int = 1
    height: int = 1


@dataclass(slots=True)
class Mapping:
    """Keys and values in the order of the text; keys are distinct words."""

    place: Place
    entries: list[tuple[Scalar, Node]]
    size: int = 1
    height: int = 1

    def keys(self) -> list[str]:
        """The keys, in the order of the text."""
        return [key.value for key, _ in self.entries]

    def get(self, key: str) -> Node | None:
        """The value of a key, or None."""
        return next((value for found, value in self.entries if found.value == key), None)


# `size` counts a node and all in it, `height` the levels below it; both with aliases written out.
Node = Scalar | Sequence | Mapping


def parse(source: Source) -> Node:
    """The node tree of a YAML text.

    Raises:
        SpecError: not YAML, or beyond the bounds.
    """
    start = Place(source, 0, 0)
    if len(source.text) > MAX_BYTES or len(source.text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise SpecError(f"the spec is larger than {MAX_BYTES:,} bytes", start, hint=_SHORTER, code="too-large")
    try:
        return _Composer(source).document()
    except yaml.MarkedYAMLError as error:
        raise _unreadable(source, error) from None
    except (yaml.YAMLError, UnicodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else "unreadable text"
        raise _not_yaml(reason, start, "is it a text file?") from None


_SHORTER = "use 'repeat' or a block"

# The codes of messages that say words of the text.
_TELLING = frozenset({"tag", "unknown-anchor", "anchor-in-itself", "given-twice"})


def parse_mapping(source: Source, what: str, keys: Collection[str], marks: tuple[str, ...]) -> Mapping:
    """The mapping of a YAML text that should be `what`, such as "a spec", and so have some of these keys.

    Whoever names the wrong file gets no line of it on a screen or into a log: messages show lines and words only
    of a text that is what it should be. That is a mapping of whose keys at least half are among `keys`, and one
    among `marks`, the keys that other files hardly have. Of a text that is not YAML, the words that begin a line
    and have a colon after them are taken for its keys.

    Raises:
        SpecError: not YAML, beyond the bounds, or something else.
    """
    seemly = len(source.text) <= MAX_BYTES and _is_meant(_KEY.findall(source.text), keys, marks)
    source = replace(source, quoted=seemly)
    try:
        root = parse(source)
    except SpecError as error:
        if seemly:
            raise
        if error.code in _TELLING:
            raise _no_such(what, error.place, keys) from None
        if error.code == "empty":
            error.message = f"the {what.removeprefix('a ')} is empty"
            error.hint = f"{what} has keys such as {_listed(marks[:2])}"
        if error.code == "not-yaml":
            error.hint = f"the keys of {what} are {', '.join(keys)}"
        raise
    if isinstance(root, Mapping) and _is_meant(root.keys(), keys, marks):
        if not seemly:  # keys that stand in one line: now that they are known, messages may show it
            root = parse(replace(source, quoted=True))
            assert isinstance(root, Mapping)
        return root
    start = Place(replace(source, quoted=False), 0, 0)
    if not isinstance(root, Mapping):
        shown = "a list" if isinstance(root, Sequence) else "a text"
        raise SpecError(
            f"{what} is a mapping of keys such as {_listed(marks[:2])}",
            start,
            label=f"this is {shown}",
            hint="each key stands with a colon at the start of its line",
            code="another-file",
        )
    hint = next((hint for key in root.keys()[:20] if (hint := did_you_mean(key, keys))), None)
    raise _no_such(what, start, keys, hint)


def check_keys(node: Mapping, known: Collection[str], what: str) -> None:
    """No key of a mapping but the known ones.

    Raises:
        SpecError: at the first unknown key.
    """
    for key, _ in node.entries:
        if key.value not in known:
            hint = did_you_mean(key.value, known) or "the keys are " + ", ".join(known)
            raise SpecError(f"{what} has no key '{shorten(key.value)}'", key.place, hint=hint, code="unknown-key")


# A word with a colon at the start of a line, after a brace if any.
_KEY = re.compile(r"""^(?:\{[ ]*)?["']?([\w-]{1,100})["']?[ ]*:(?=\s|$)""", re.MULTILINE)


def _is_meant(found: list[str], keys: Collection[str], marks: tuple[str, ...]) -> bool:
    """Whether the keys of a text are those of what it should be."""
    return 2 * sum(key in keys for key in found) >= len(found) and any(key in marks for key in found)


def _no_such(what: str, place: Place, keys: Collection[str], hint: str | None = None) -> SpecError:
    message = f"this is not {what}: its keys are others"
    return SpecError(message, place, hint=hint or f"the keys of {what} are {', '.join(keys)}", code="another-file")


def _listed(words: tuple[str, ...]) -> str:
    return " and ".join(f"'{word}'" for word in words)


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
        return _not_yaml("a tab", tab, "YAML indents with spaces: write spaces for the tab")
    indexed = re.search(r"\w$", line[: place.column]) and line[place.column : place.column + 1] == "["
    if opened and opened.line < place.line and not indexed:
        # The parser notices far below that something was never closed.
        start = source.place(opened.line, opened.column)
        bracket = source.line(start.line)[start.column : start.column + 1]
        if bracket in _OPENERS:
            return _not_yaml("what begins here is not closed", start, f"close it with {_OPENERS[bracket]}")
    if re.match(r"\s*-[^\s-]", line):
        return _not_yaml(problem, place, "a dash wants a space after it: - relu")
    hint = next((mend for words, mend in _MENDS.items() if words in problem), _MEND)
    return _not_yaml(problem, place, hint)


def _not_yaml(problem: str, place: Place, hint: str) -> SpecError:
    return SpecError(f"this is not YAML: {problem}", place, hint=hint, code="not-yaml")


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
                "the text is empty",
                Place(self.source, 0, 0),
                code="empty",
            )
        node = self.node(event, 0)
        next(self.events)  # the document's end
        event = next(self.events)
        if not isinstance(event, yaml.StreamEndEvent):
            hint = "remove the '---' and what follows"
            raise SpecError("a spec is one YAML document", self.place(event), hint=hint, code="several-documents")
        return node

    def place(self, event: Any) -> Place:
        start, end = event.start_mark, event.end_mark
        width = end.column - start.column if end.line == start.line else 1
        return Place(self.source, start.line, start.column, max(1, width))

    def node(self, event: Any, depth: int) -> Node:
        """The node that starts with this event."""
        place = self.place(event)
        if isinstance(event, yaml.AliasEvent):
            return self.alias(str(event.anchor), place, depth)
        if event.tag is not None and event.tag != "!":
            raise SpecError(
                "tags are not part of the spec language",
                place,
                label=shorten(str(event.tag), 60),
                hint="leave it out: numbers, words, lists and mappings need no tag",
                code="tag",
            )
        self.count(1, place)
        if event.anchor is not None:
            self.anchors[event.anchor] = None  # open: an alias inside would contain itself
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            plain = event.style is None or event.style == "" or event.implicit[0]
            node = Scalar(place, _resolve(event.value, place) if plain else event.value)
        else:
            # Recursion follows the nesting, which is bounded here.
            self.check_depth(depth + 1, place)
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
            hint = _SHORTER + "; what an alias stands for counts each time"
            raise SpecError(f"the spec holds more than {MAX_NODES:,} values", place, hint=hint, code="too-many-values")

    def check_depth(self, depth: int, place: Place) -> None:
        if depth > MAX_DEPTH:
            hint = "use blocks in place of lists in lists; what an alias stands for counts as if it were written out"
            raise SpecError(f"the spec is nested deeper than {MAX_DEPTH} levels", place, hint=hint, code="too-deep")

    def alias(self, anchor: str, place: Place, depth: int) -> Node:
        """The node of an anchor; it counts as if it were written out."""
        if anchor not in self.anchors:
            hint = f"an anchor stands before its alias: &{shorten(anchor)}; quotes make '*' a part of a text"
            raise SpecError(f"unknown anchor '{shorten(anchor)}'", place, hint=hint, code="unknown-anchor")
        node = self.anchors[anchor]
        if node is None:
            hint = "write out what the alias stands for"
            raise SpecError(f"anchor '{shorten(anchor)}' contains itself", place, hint=hint, code="anchor-in-itself")
        self.count(node.size, place)
        self.check_depth(depth + node.height, place)
        return node

    def sequence(self, place: Place, depth: int) -> Sequence:
        items = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(event, depth))
        return Sequence(place, items, 1 + sum(item.size for item in items), _height(items))

    def mapping(self, place: Place, depth: int) -> Mapping:
        entries: list[tuple[Scalar, Node]] = []
        seen: set[str] = set()
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.node(event, depth)
            value = self.node(next(self.events), depth)
            key = self.key(key)
            if key.value in seen:
                hint = "leave one of them out"
                raise SpecError(f"'{shorten(key.value)}' is given twice", key.place, hint=hint, code="given-twice")
            seen.add(key.value)
            entries.append((key, value))
        size = 1 + sum(1 + value.size for _, value in entries)
        return Mapping(place, entries, size, _height(value for _, value in entries))

    def key(self, key: Node) -> Scalar:
        """A key must be a word; merge keys are refused."""
        if not isinstance(key, Scalar):
            hint = "a list or a mapping cannot be a key; an expression with brackets needs quotes"
            raise SpecError("a key must be a word", key.place, hint=hint, code="key-no-word")
        if key.value == "<<":
            hint = "use a block with variables"
            raise SpecError("merge keys are not part of the spec language", key.place, hint=hint, code="merge-key")
        if not isinstance(key.value, str):
            return Scalar(key.place, str(key.value))
        return key


def _height(nodes: Iterable[Node]) -> int:
    """The levels of a list or mapping of these nodes."""
    return 1 + max((node.height for node in nodes), default=0)


_INT = re.compile(r"[-+]?[0-9]+")
_BASED = {re.compile(r"0o[0-7]+"): 8, re.compile(r"0x[0-9a-fA-F]+"): 16}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_MOST_DIGITS = 25  # enough for what is within the bound, in any base
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
        return _integer(text.lstrip("+-"), 10, place) * (-1 if text[0] == "-" else 1)
    for pattern, base in _BASED.items():
        if pattern.fullmatch(text):
            return _integer(text[2:], base, place)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if abs(number) > MAX_NUMBER:
            raise _beyond(place)
        return number
    return text


def _integer(digits: str, base: int, place: Place) -> int:
    """The number of these digits, which may be many thousands."""
    digits = digits.lstrip("0") or "0"
    if len(digits) > _MOST_DIGITS or (number := int(digits, base)) > MAX_NUMBER:
        raise _beyond(place)
    return number


def _beyond(place: Place) -> SpecError:
    hint = "numbers lie between -10^18 and 10^18; a text of digits needs quotes"
    return SpecError("a number is beyond 10^18", place, hint=hint, code="number-too-large")
