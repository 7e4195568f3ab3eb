"""Written items -> the text of a spec: one item per line, and nothing that a name or title says can change the YAML."""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import msgspec
import yaml

from cnncalc.errors import RequestError
from cnncalc.graph import Node
from cnncalc.language.nodes import MAX_NUMBER
from cnncalc.language.reader import RESERVED
from cnncalc.ops import KINDS, Op
from cnncalc.ops.base import Shape

WIDTH = 100
"""Characters of a line that holds items inside an item."""
_INDENT = "  "
_PLAIN = re.compile(r"[A-Za-z0-9_(][A-Za-z0-9_+\-*/%=!<>(). ]*")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_+\-.]*")
_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)+")
_FROM = re.compile(r"[0-9]+(\.[0-9]+)*\.\.")
_YAML_1_1 = yaml.resolver.Resolver()  # what other readers than ours take a plain word for


@dataclass(frozen=True, slots=True)
class Code:
    """An expression of the language as an option's value."""

    text: str


@dataclass(frozen=True, slots=True)
class Layer:
    """The name of an earlier layer, which a block can be given; `index` is that of its node."""

    word: str
    index: int = field(default=0, compare=False)


@dataclass(slots=True)
class Written:
    """An item as it is written.

    Attributes:
        head: the kind, the block, `layers` for a group or branch, `head` for a head.
        options: the options given, the main argument among them.
        name: its name, if it is given one.
        start: the word of its `from`; an expression where it is a variable of a block.
        source: the layer that it means.
        called: a word for that as an argument of a block, if there is one.
        first: the index of the first layer in it.
        repeat: how often, if it is repeated; None for an ordinary item.
        when: its condition.
        items: the items inside; of a merge, its branches.
        node: the layer that it writes; None for a group, and in a block.
        entries: the shape of the tensor before it, at each place that it stands for.
        share: the word of its `share`.
    """

    head: str
    options: dict[str, Any] = field(default_factory=dict)
    name: str | None = None
    start: str | Code | None = None
    repeat: Any = None
    when: Any = None
    items: list[Written] = field(default_factory=list)
    node: Node | None = None
    entries: list[Shape] = field(default_factory=list)
    share: str | None = None
    source: Node | None = None
    called: str | None = None
    first: int = 0


def clone(item: Written) -> Written:
    """An item and the items inside it, to be changed apart from the first."""
    return replace(item, options=dict(item.options), items=list(map(clone, item.items)), entries=list(item.entries))


@cache
def option_defaults(kind: type[Op]) -> dict[str, Any]:
    """The options of a kind in their order, each with its default; `msgspec.NODEFAULT` for those that must be given.

    >>> from cnncalc.ops import Dropout
    >>> option_defaults(Dropout)
    {'p': 0.5}
    """
    return {option.name: option.default for option in msgspec.structs.fields(kind)}


def same(value: Any, other: Any) -> bool:
    """Whether two values are one, true and 1 apart.

    >>> same(1, 1), same(1, True), same(1, 1.0)
    (True, False, False)
    """
    return type(value) is type(other) and bool(value == other)


def takes_branches(head: str) -> bool:
    """Whether a word is a kind that takes a list of branches, one for each input.

    >>> takes_branches("subtract"), takes_branches("relu")
    (True, False)
    """
    return head in KINDS and KINDS[head].arity != 1


def is_argument(word: str) -> bool:
    """Whether a layer's name can be an argument of a block.

    >>> is_argument("enc4"), is_argument("2"), is_argument("features.2"), is_argument("channels"), is_argument("if")
    (True, False, True, False, False)
    """
    return _ARGUMENT.fullmatch(word) is not None and word not in RESERVED and not keyword.iskeyword(word)


@dataclass(slots=True)
class WrittenBlock:
    """A block: its variables with their defaults, None for those that must be given, and its items."""

    variables: dict[str, Any]
    items: list[Written]


@dataclass(slots=True)
class Document:
    """A spec as it is written."""

    title: str
    notes: str
    inputs: Mapping[str, Shape]
    blocks: dict[str, WrittenBlock]
    items: list[Written]
    outputs: Mapping[str, str] | None = None


def document(spec: Document) -> str:
    """The text of a spec."""
    lines = [f"{key}: {text(value)}" for key, value in (("title", spec.title), ("notes", spec.notes)) if value]
    if list(spec.inputs) == ["input"]:
        lines.append(f"input: {value_text(spec.inputs['input'])}")
    else:
        lines.append("inputs:")
        lines += [f"{_INDENT}{word_text(name)}: {value_text(shape)}" for name, shape in spec.inputs.items()]
    writer = Text({name: next(iter(block.variables), None) for name, block in spec.blocks.items()})
    if spec.blocks:
        lines.append("blocks:")
        for name, block in spec.blocks.items():
            lines += writer.block(name, block)
    lines += writer.listed("layers", spec.items, "")
    if spec.outputs is not None and all(name == layer for name, layer in spec.outputs.items()):
        lines.append(f"outputs: [{', '.join(map(word_text, spec.outputs))}]")
    elif spec.outputs is not None:
        lines.append("outputs:")
        lines += [f"{_INDENT}{word_text(name)}: {word_text(layer)}" for name, layer in spec.outputs.items()]
    return "\n".join(lines) + "\n"


def count_lines(spec: Document) -> int:
    """How many lines a spec takes."""
    return document(spec).count("\n")


def text(words: str) -> str:
    """A title or another text as a scalar, in quotes unless it is a harmless word or more.

    >>> print(text("ResNet-50"), text("on"), text("1e3"), text("a: b"), text("# no"))
    ResNet-50 "on" "1e3" "a: b" "# no"
    """
    harmless = re.fullmatch(r"[A-Za-z][A-Za-z0-9_+\-. ()]*[A-Za-z0-9_)]|[A-Za-z]", words)
    return words if harmless and _is_string(words) else _quoted(words)


def word_text(word: str) -> str:
    """A name as a scalar: plain where no reader takes it for something else.

    >>> print(word_text("conv1"), word_text("1"), word_text("010"), word_text("yes"), word_text("0.."))
    conv1 1 "010" "yes" 0..
    """
    if word.isascii() and word.isdigit() and len(word) < 20 and str(int(word)) == word and int(word) <= MAX_NUMBER:
        return word
    return word if (_WORD.fullmatch(word) or _FROM.fullmatch(word)) and _is_string(word) else _quoted(word)


def _is_string(plain: str) -> bool:
    """Whether YAML, 1.1 or 1.2, takes a plain scalar for a string."""
    tag = _YAML_1_1.resolve(yaml.ScalarNode, plain, (True, False))  # type: ignore[no-untyped-call]
    number = re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0[xo][0-9a-fA-F]+", plain)
    return bool(tag == "tag:yaml.org,2002:str") and not number and plain.lower() not in ("y", "n", "null", "~")


def _quoted(words: str) -> str:
    """A text between double quotes; what cannot be printed is escaped."""
    return '"' + "".join(map(_escaped, words)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"  # half of a pair: no text holds it
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def value_text(value: Any) -> str:
    """An option's value.

    >>> value_text((1, 7)), value_text(True), value_text(1e-05), value_text(Code("max(1, n)"))
    ('[1, 7]', 'true', '1.0e-05', '"max(1, n)"')
    """
    if isinstance(value, Code):
        return value.text if _PLAIN.fullmatch(value.text) and _is_string(value.text) else _quoted(value.text)
    if isinstance(value, Layer):
        return word_text(value.word)
    if isinstance(value, tuple):
        return "[" + ", ".join(map(value_text, value)) + "]"
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _decimal(value)
    return word_text(str(value))


def _decimal(value: float) -> str:
    """A decimal that every YAML reader takes for one."""
    if not math.isfinite(value):
        raise RequestError(f"a spec has no number {value}", code="not-in-language")
    shown = repr(value)
    mantissa, exponent, power = shown.partition("e")
    return shown if not exponent or "." in mantissa else f"{mantissa}.0e{power}"


class Text:
    """Prints items. `mains` is the main variable of each block."""

    def __init__(self, mains: Mapping[str, str | None]) -> None:
        self.mains = mains

    def block(self, name: str, block: WrittenBlock) -> list[str]:
        """The lines of a block."""
        lines = [f"{_INDENT}{name}:"]
        if block.variables:
            variables = ", ".join(f"{key}: {value_text(value)}" for key, value in block.variables.items())
            lines.append(f"{_INDENT * 2}vars: {{{variables}}}")
        return lines + self.listed("layers", block.items, _INDENT * 2)

    def listed(self, key: str, items: Sequence[Written], indent: str) -> list[str]:
        """A key with a list of items, one per line; numbered items in rows."""
        if not items:
            return [f"{indent}{key}: []"]
        if indent and self.are_rows(items, WIDTH - len(f"{indent}{key}: []")):
            return self.rows(f"{indent}{key}: [", items, indent + _INDENT)
        return [f"{indent}{key}:", *(line for item in items for line in self.item(item, indent + _INDENT))]

    def are_rows(self, items: Sequence[Written], width: int) -> bool:
        """Whether the items have numbers for names, as in PyTorch's sequences, or are blocks with numbered names, and
        each reads well on a part of a line; or there is one alone, with items inside, that fits on one of a width."""
        if not all(not item.items or self.is_short(item) for item in items):
            return False
        if len(items) == 1:
            return bool(items[0].items) and len(self.flow(items[0])) <= width
        numbered = [item for item in items if self.is_numbered(item)]
        rows = len(items) > 2 and len(numbered) >= len(items) - 1
        return rows and all(len(self.flow(item)) <= WIDTH * 3 // 4 for item in items)

    def is_numbered(self, item: Written) -> bool:
        """Whether an item has a number for a name, or is a block with a number at its name's end."""
        name = (item.name or "").removesuffix("..")
        if not name:
            return False
        return name.isdigit() or (name[-1].isdigit() and item.head not in {*KINDS, "layers", "head"})

    def rows(self, start: str, items: Sequence[Written], indent: str) -> list[str]:
        """A list in rows: what multiplies begins one, and what follows stands beside it, as far as there is room."""
        lines, last = [start], ""
        for number, item in enumerate(items):
            words = self.flow(item) + ("]" if number == len(items) - 1 else ",")
            begins = item.head not in KINDS or "mac" in KINDS[item.head].costs
            room = len(lines[-1]) + 1 + len(words) <= WIDTH
            if number and (not room or (begins and item.head != last)):
                lines.append(indent + words)
            else:
                lines[-1] += words if lines[-1].endswith("[") and not number else f" {words}"
            last = item.head
        return lines

    def item(self, item: Written, indent: str) -> list[str]:
        """The lines of an item of a list."""
        flow = self.flow(item)
        plain = takes_branches(item.head) and not self.common(item) and not item.options
        bare = flow[1:-1] if plain else flow
        if not self.has_inside(item) or (len(flow) <= WIDTH - len(indent) and self.is_short(item)):
            return [f"{indent}- {bare}"]
        inner = indent + _INDENT
        if takes_branches(item.head):
            lines = [f"{inner}{item.head}:"]
            for branch in item.items:
                lines += self.branch(branch, inner + _INDENT)
            lines += [f"{inner}{key}" for key in (*self.options(item), *self.common(item))]
        else:
            lines = [f"{inner}{key}" for key in self.common(item)]
            lines += self.listed("layers", item.items, inner)
        return [f"{indent}- {lines[0].lstrip()}", *lines[1:]]

    def has_inside(self, item: Written) -> bool:
        """Whether there are items inside an item; a merge of a few tensors that stand elsewhere has none."""
        if takes_branches(item.head) and len(item.items) <= 3:
            return any(branch.items for branch in item.items)
        return bool(item.items)

    def is_short(self, item: Written) -> bool:
        """Whether an item with items inside reads well on one line: one layer in each branch, two in a group."""
        if takes_branches(item.head):
            return all(len(branch.items) <= 1 and not any(one.items for one in branch.items) for branch in item.items)
        return len(item.items) <= 2 and not any(one.items for one in item.items)

    def branch(self, branch: Written, indent: str) -> list[str]:
        """The lines of a branch."""
        flow = self.branch_flow(branch)
        if len(flow) <= WIDTH - len(indent) and (self.is_short(branch) and len(branch.items) < 2):
            return [f"{indent}- {flow}"]
        if self.common(branch):
            return self.item(branch, indent)
        lines = [line for item in branch.items for line in self.item(item, indent + _INDENT)]
        return [f"{indent}- {lines[0].lstrip()}", *lines[1:]]

    def branch_flow(self, branch: Written) -> str:
        """A branch on one line: a list, or a mapping if it has a name or starts elsewhere."""
        common = self.common(branch)
        if not common:
            return "[" + ", ".join(map(self.flow, branch.items)) + "]"
        layers = [f"layers: [{', '.join(map(self.flow, branch.items))}]"] if branch.items else []
        return "{" + ", ".join([*common, *layers]) + "}"

    def common(self, item: Written) -> list[str]:
        """The keys that every item takes."""
        found = []
        if item.head == "head" and item.name is not None:
            found.append(f"head: {word_text(item.name)}")
        if item.start is not None:
            word = item.start.text if isinstance(item.start, Code) else item.start
            found.append(f"from: {word_text(word)}")
        if item.when is not None:
            found.append(f"when: {value_text(item.when)}")
        if item.repeat is not None:
            found.append(f"repeat: {value_text(item.repeat)}")
        if item.head != "head" and item.name is not None:
            found.append(f"name: {word_text(item.name)}")
        if item.share is not None:
            found.append(f"share: {word_text(item.share)}")
        return found

    def options(self, item: Written, main: str | None = None) -> list[str]:
        """The options of an item but its main argument."""
        return [f"{key}: {value_text(value)}" for key, value in item.options.items() if key != main]

    def flow(self, item: Written) -> str:
        """An item on one line."""
        common = self.common(item)
        if item.head in ("layers", "head"):
            return "{" + ", ".join([*common, f"layers: [{', '.join(map(self.flow, item.items))}]"]) + "}"
        if takes_branches(item.head):
            branches = f"{item.head}: [{', '.join(map(self.branch_flow, item.items))}]"
            return "{" + ", ".join([branches, *self.options(item), *common]) + "}"
        main = KINDS[item.head].main if item.head in KINDS else self.mains.get(item.head)
        options = self.options(item, main)
        if main not in item.options and not options and not common:
            return item.head
        argument = value_text(item.options[main]) if main in item.options else ""
        return "{" + ", ".join([f"{item.head}: {argument}", *options, *common]) + "}"
