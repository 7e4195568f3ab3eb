"""What a spec says, once read and checked: items, branches, blocks, variables.

A value is a number, a word, a bool, None, a tuple of values, or an `Expression` still to be evaluated where
the item stands in the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cnncalc.errors import Place, Source
from cnncalc.language.expressions import Expression, Scope
from cnncalc.ops import Op

Value = Any


def evaluate(value: Value, scope: Scope) -> Any:
    """A value with its expressions worked out.

    >>> evaluate((1, 2), {})
    (1, 2)
    """
    if isinstance(value, Expression):
        return value(scope)
    if isinstance(value, tuple):
        return tuple(evaluate(part, scope) for part in value)
    return value


def work_of(value: Value) -> int:
    """How much work a value is to evaluate: one for each number, and more for a long expression.

    >>> work_of(((1, 2), (3,))), work_of(5)
    (3, 1)
    """
    if isinstance(value, tuple):
        return sum(map(work_of, value))
    return 1 + len(value.text) // 16 if isinstance(value, Expression) else 1


def has_expression(value: Value) -> bool:
    """Whether a value must wait for the network."""
    if isinstance(value, tuple):
        return any(map(has_expression, value))
    return isinstance(value, Expression)


@dataclass(slots=True)
class Variable:
    """A variable of a spec or a block; without a value it must be given."""

    name: str
    place: Place
    value: Value = None
    required: bool = False


@dataclass(slots=True)
class Option:
    """A value that an item gives, and where."""

    value: Value
    place: Place


@dataclass(slots=True)
class Item:
    """What every item has. One of the subclasses below says what it is."""

    place: Place
    name: str | None = None
    name_place: Place | None = None
    repeat: Option | None = None
    when: Option | None = None
    start: Option | None = None  # `from`


@dataclass(slots=True)
class LayerItem(Item):
    """One layer. `ready` is the layer itself where no option waits for the network."""

    kind: type[Op] = Op
    options: dict[str, Option] = field(default_factory=dict)
    ready: Op | None = None


@dataclass(slots=True)
class BlockItem(Item):
    """A call of a block with its arguments."""

    block: str = ""
    arguments: dict[str, Option] = field(default_factory=dict)


@dataclass(slots=True)
class GroupItem(Item):
    """A list of items: a group, a branch, or a head."""

    items: list[Item] = field(default_factory=list)


@dataclass(slots=True)
class HeadItem(GroupItem):
    """One more output of the network, named, on the current tensor."""


@dataclass(slots=True)
class MergeItem(Item):
    """Branches that meet again in a merge layer."""

    kind: type[Op] = Op
    branches: list[GroupItem] = field(default_factory=list)


@dataclass(slots=True)
class Block:
    """A named, parameterised list of items. The first variable is the main argument."""

    name: str
    place: Place
    variables: dict[str, Variable]
    items: list[Item] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Published:
    """Values that a source states for the network, under the given conditions."""

    values: Mapping[str, float]  # params, macs, flops, buffers, activations, top1, top5
    source: str
    training: bool = False
    input: tuple[int, ...] | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Spec:
    """A network's spec, with what it extends taken in."""

    name: str
    source_text: Source
    place: Place
    title: str = ""
    source: str = ""
    family: str = ""
    year: int | None = None
    notes: str = ""
    input: Option | None = None
    variables: dict[str, Variable] = field(default_factory=dict)
    blocks: dict[str, Block] = field(default_factory=dict)
    layers: list[Item] | None = None
    published: list[Published] = field(default_factory=list)
    names: frozenset[str] = frozenset()  # every name that an item is given, which automatic names avoid
    extends: str | None = None
