"""What a spec says, once read and checked: items, branches, blocks, variables.

A value is a number, a word, a bool, None, a list of values (`Values`), or an `Expression` still to be evaluated
where the item stands in the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import index
from typing import Any

from cnncalc.errors import Place, RequestError, Source, SpecError, shorten
from cnncalc.language.expressions import Expression, Scope, parse_expression, place_of
from cnncalc.language.nodes import MAX_DEPTH, MAX_NODES, MAX_NUMBER
from cnncalc.ops import Op

Value = Any

MAX_VALUES = MAX_NODES
"""The numbers and lists in one value, those of lists that it shares with others included."""


class Values(tuple[Any, ...]):
    """A list of values, bounded as it is built.

    A variable can stand in a list twice, and that list in another twice: a value that takes no memory and yet has
    no end for whoever walks it. So each list knows what it holds, and none is built that holds too much or is
    nested too deep.

    >>> Values([1, Values([2, 3])]).size
    5
    """

    place: Place | None
    size: int
    """The values and lists in it, itself included."""
    work: int
    """The same with more for a long expression: what it takes to evaluate or copy it."""
    depth: int
    waits: bool
    """Whether an expression in it must wait for the network."""

    def __new__(cls, parts: Iterable[Any], place: Place | None = None) -> Values:
        """The list of these parts.

        Raises:
            SpecError: it holds too much; RequestError if it stands at no place.
        """
        self = super().__new__(cls, [Values(part) if type(part) in (tuple, list) else part for part in parts])
        inner = [part for part in self if isinstance(part, Values)]
        self.place = place
        self.size = 1 + len(self) - len(inner) + sum(part.size for part in inner)
        self.work = 1 + sum(map(work_of, self))
        self.depth = 1 + max((part.depth for part in inner), default=0)
        self.waits = any(map(has_expression, self))
        if self.size > MAX_VALUES:
            hint = "what a variable stands for counts each time"
            raise _refused(f"a list holds more than {MAX_VALUES:,} values", place, hint, code="too-many-values")
        if self.depth > MAX_DEPTH:
            raise _refused(
                f"a list is nested deeper than {MAX_DEPTH} levels", place, "make it flatter", code="too-deep"
            )
        return self


def _refused(message: str, place: Place | None, hint: str, *, code: str) -> SpecError | RequestError:
    if place is None:
        return RequestError(message, hint=hint, code=code)
    return SpecError(message, place, hint=hint, code=code)


def evaluate(value: Value, scope: Scope) -> Any:
    """A value with its expressions worked out. A list without any is given back as it is.

    Raises:
        SpecError: an expression has no value, or the list that comes of it holds too much.

    >>> evaluate(Values([1, 2]), {})
    (1, 2)
    """
    if isinstance(value, Expression):
        return value(scope)
    if isinstance(value, tuple):
        value = _counted(value)
        return Values([evaluate(part, scope) for part in value], value.place) if value.waits else value
    return value


def _counted(value: tuple[Any, ...]) -> Values:
    """A list that knows what it holds; one that comes from elsewhere is counted."""
    return value if isinstance(value, Values) else Values(value)


def work_of(value: Value) -> int:
    """How much work it is to copy or to evaluate a value: one for each number and list in it, and more for a long
    expression; never less than one. It is known, not counted.

    >>> work_of(Values([Values([1, 2]), Values([3])])), work_of(Values([])), work_of(5)
    (6, 1, 1)
    """
    if isinstance(value, tuple):
        return _counted(value).work
    return value.work if isinstance(value, Expression) else 1


def has_expression(value: Value) -> bool:
    """Whether a value must wait for the network."""
    return _counted(value).waits if isinstance(value, tuple) else isinstance(value, Expression)


def given_value(value: Any, name: str) -> Value:
    """A variable's value that is given from Python: what `vars` in a spec may hold, lists and tuples as lists, a
    string as an expression. `name` is what messages call the variable.

    Raises:
        RequestError: it is nothing that a variable can be.
        SpecError: a string is no expression.

    >>> given_value([3, 4, (6, 3.5)], "depths")
    (3, 4, (6, 3.5))
    """
    return _given(value, f"the variable '{shorten(name)}'", 1)


def _given(value: Any, what: str, depth: int) -> Value:
    if isinstance(value, (Values, Expression)):
        return value  # read by the reader, which has checked it
    if isinstance(value, (list, tuple)):
        if depth > MAX_DEPTH:
            hint = "make it flatter"
            raise RequestError(f"{what} is nested deeper than {MAX_DEPTH} levels", hint=hint, code="too-deep")
        return Values([_given(part, what, depth + 1) for part in value])
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return parse_expression(value, place_of(value))
    if not isinstance(value, float):
        try:
            value = index(value)  # also of numpy's integers
        except TypeError:
            hint = f"give a number, true or false, a list, or an expression, and no {type(value).__name__}"
            raise RequestError(f"{what} has a value that no variable can have", hint=hint, code="wrong-type") from None
    if -MAX_NUMBER <= value <= MAX_NUMBER:  # which no nan is
        return value
    hint = "numbers lie between -10^18 and 10^18"
    raise RequestError(f"{what} is beyond 10^18", hint=hint, code="number-too-large")


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


@dataclass(frozen=True, slots=True)
class Word:
    """A word alone that a block is given: a variable, or else the name of an earlier layer. One with dots can only be
    a name, and has no expression."""

    name: str
    place: Place
    expression: Expression | None


@dataclass(slots=True)
class Item:
    """What every item has. One of the subclasses below says what it is.

    A name may have dots: it opens scopes in each other. `numbers` is what a name such as `conv1..` says, which
    numbers the repetitions: what stands before the number, and that of the first.
    """

    place: Place
    name: str | None = None
    numbers: tuple[str, int] | None = None
    name_place: Place | None = None
    repeat: Option | None = None
    when: Option | None = None
    start: Option | None = None  # `from`
    share: Option | None = None


@dataclass(slots=True)
class LayerItem(Item):
    """One layer. `ready` is the layer itself where no option waits for the network; else `last` is the layer made
    last, and of which values."""

    kind: type[Op] = Op
    options: dict[str, Option] = field(default_factory=dict)
    ready: Op | None = None
    last: tuple[Mapping[str, Any], Op] | None = field(default=None, compare=False, repr=False)


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
class MergeItem(LayerItem):
    """A layer of several inputs: the branches that end in them, in order, and its options."""

    branches: list[GroupItem] = field(default_factory=list)
    options: dict[str, Option] = field(default_factory=dict)


@dataclass(slots=True)
class Block:
    """A named, parameterised list of items. The first variable is the main argument."""

    name: str
    place: Place
    variables: dict[str, Variable]
    items: list[Item] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class OutputName:
    """An output of the network: the layer's name, and what the output is called, the same if that is None."""

    layer: Option
    name: str | None = None


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
    inputs: dict[str, Option] = field(default_factory=dict)  # by name; one that is given as `input` is called so
    variables: dict[str, Variable] = field(default_factory=dict)
    blocks: dict[str, Block] = field(default_factory=dict)
    layers: list[Item] | None = None
    outputs: list[OutputName] | None = None  # None for the trunk's end and the heads
    published: list[Published] = field(default_factory=list)
    gathers: bool = False  # whether a name has a *
    names: frozenset[str] = frozenset()  # every name that an item is given, which automatic names avoid
    numbered: dict[str, range] = field(default_factory=dict)  # the numbers in such as conv1.., by what is before them
    extends: str | None = None


def names_of(value: Any) -> tuple[str, ...]:
    """The variables that a value's expressions speak of."""
    if isinstance(value, Expression):
        return value.variables
    if isinstance(value, Word):
        return value.expression.variables if value.expression is not None else ()
    if isinstance(value, tuple):
        return tuple(dict.fromkeys(name for part in value for name in names_of(part)))
    return ()


def options_of(item: Item) -> Iterator[Any]:
    """The values of a layer's options, or of a block's arguments."""
    if isinstance(item, LayerItem):
        yield from (option.value for option in item.options.values())
    if isinstance(item, BlockItem):
        yield from (option.value for option in item.arguments.values())


def inside(item: Item) -> Sequence[Item]:
    """The items of a group or head, or the branches of a merge; not those of the block that is called."""
    if isinstance(item, GroupItem):
        return item.items
    return item.branches if isinstance(item, MergeItem) else ()
