"""Lists of items laid over each other in columns: what stands at the same point of each, and what some lack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cnncalc.language.text import Layer, Written, option_defaults, same, takes_branches
from cnncalc.ops import KINDS


@dataclass(slots=True)
class Place:
    """A list of items that may become a call: the item that holds it, the run of numbered siblings that this one is
    of, and whether it is the first of them."""

    holder: Written
    branch: bool
    run: int
    first: bool

    @property
    def items(self) -> list[Written]:
        return self.holder.items


@dataclass(slots=True)
class Column:
    """Items that stand at the same point of several lists, by the number of the list; a list may lack it."""

    key: tuple[Any, ...]
    cells: dict[int, Written]
    inner: list[Column] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Items in it, itself included."""
        return 1 + sum(column.size for column in self.inner)


def key_of(item: Written, first: int) -> tuple[Any, ...]:
    """What must be the same in a column, as no expression can give it. `first` is the index of the first layer of the
    list: a layer before it can be an argument of a block."""
    kind = KINDS.get(item.head)
    fixed: list[tuple[str, Any]] = [
        (name, value) for name, value in item.options.items() if isinstance(value, Layer) and value.index >= first
    ]
    start = "" if is_outer_layer(item, first) else item.start
    if kind is not None:
        for option, default in option_defaults(kind).items():
            value = item.options.get(option, default)
            if value is None or isinstance(value, str):
                fixed.append((option, value))
    merged = takes_branches(item.head) and (KINDS[item.head].arity or -1)
    return (item.head, item.name, start, item.share, item.repeat is None, item.when is None, tuple(fixed), merged)


def is_outer_layer(item: Written, first: int) -> bool:
    """Whether an item starts from a layer before the first of a list, whose name a block can be given."""
    return item.called is not None and item.source is not None and item.source.index < first


def columns_of(number: int, items: Sequence[Written], first: int) -> list[Column]:
    """The columns of one list alone."""
    return [Column(key_of(item, first), {number: item}, columns_of(number, item.items, first)) for item in items]


def skeleton(items: Sequence[Written], first: int) -> tuple[Any, ...]:
    """What two lists share if their columns all match."""
    return tuple((key_of(item, first), skeleton(item.items, first)) for item in items)


def _matched(one: Column, other: Column) -> Column | None:
    """Two columns as one, if they can be."""
    if one.key != other.key:
        return None
    if not one.key[-1] or (one.key[-1] < 0 and len(one.inner) != len(other.inner)):
        inner = aligned(one.inner, other.inner)
    else:
        branches = [_matched(a, b) for a, b in zip(one.inner, other.inner, strict=True)]
        inner = None if None in branches else [branch for branch in branches if branch is not None]
    return None if inner is None else Column(one.key, {**one.cells, **other.cells}, inner)


def aligned(one: Sequence[Column], other: Sequence[Column]) -> list[Column] | None:
    """Two lists of columns as one: as many as can be matched, in their order; the others stand for themselves. None
    if nothing in two lists that are not empty matches."""
    if not one or not other:
        return [*one, *other]
    pairs = {(i, j): _matched(a, b) for i, a in enumerate(one) for j, b in enumerate(other)}
    best: dict[tuple[int, int], int] = defaultdict(int)
    for i in range(len(one) - 1, -1, -1):
        for j in range(len(other) - 1, -1, -1):
            pair = pairs[i, j]
            here = pair.size + best[i + 1, j + 1] if pair else 0
            best[i, j] = max(here, best[i + 1, j], best[i, j + 1])
    if not best[0, 0]:
        return None
    found: list[Column] = []
    i = j = 0
    while i < len(one) and j < len(other):
        pair = pairs[i, j]
        if pair and best[i, j] == pair.size + best[i + 1, j + 1]:
            found.append(pair)
            i, j = i + 1, j + 1
        elif best[i, j] == best[i + 1, j]:
            found.append(one[i])
            i += 1
        else:
            found.append(other[j])
            j += 1
    return [*found, *one[i:], *other[j:]]


def overlay(columns: Sequence[Column], others: Sequence[Column]) -> None:
    """Lay columns over others of the same skeleton."""
    for column, other in zip(columns, others, strict=True):
        column.cells.update(other.cells)
        overlay(column.inner, other.inner)


def optional(columns: Sequence[Column], numbers: frozenset[int]) -> int:
    """Items that some of the lists lack."""
    lacking = 0
    for column in columns:
        here = frozenset(column.cells)
        lacking += column.size if here != numbers else optional(column.inner, here)
    return lacking


def alternatives(columns: Sequence[Column]) -> int:
    """How many items bear a name that others have, so that each list has one of them."""
    names = [item.name for column in columns for item in [next(iter(column.cells.values()))] if item.name]
    return len(names) - len(set(names)) + sum(alternatives(column.inner) for column in columns)


def equal(one: Written, other: Written, named: bool = True) -> bool:
    """Whether two items are written alike; their names apart, if these are not `named`."""
    return (
        one.head == other.head
        and (one.name == other.name or not named)
        and one.start == other.start
        and one.share == other.share
        and same(one.repeat, other.repeat)
        and same(one.when, other.when)
        and one.options.keys() == other.options.keys()
        and all(same(value, other.options[key]) for key, value in one.options.items())
        and len(one.items) == len(other.items)
        and all(map(equal, one.items, other.items))
    )


def same_items(one: Sequence[Written], other: Sequence[Written]) -> bool:
    """Whether two lists of items are written alike."""
    return len(one) == len(other) and all(map(equal, one, other))


def absorb(one: Written, other: Written) -> None:
    """Let an item stand for another too, which is written alike."""
    one.entries = one.entries + other.entries
    for inner, twin in zip(one.items, other.items, strict=True):
        absorb(inner, twin)


def walk(items: Sequence[Written]) -> Iterator[Written]:
    """All items, those inside included."""
    for item in items:
        yield item
        yield from walk(item.items)


def count_items(item: Written) -> int:
    """The items in an item, itself included."""
    return 1 + sum(map(count_items, item.items))
