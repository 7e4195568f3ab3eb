"""A written spec made short: what repeats becomes blocks with variables, and equal neighbours `repeat`.

From the inside outwards: lists of items that look alike, as the layers of residual blocks do, are laid over each other
in columns (`_Column`). What is the same in all of a column stays; what differs becomes an expression that gives the
right value at each place (`channels // 2`, `4 * width`, `channels != 4 * width`), or else a variable of the block.
The block's calls are then items as others are, of which the next lists outside are made. Nothing here is a guess: an
expression is taken only where it gives the very value of every place.
"""

from __future__ import annotations

import copy
import keyword
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from cnncalc.graph import automatic_stem
from cnncalc.language.reader import ITEM_KEYS, RESERVED
from cnncalc.language.text import (
    Code,
    Document,
    Layer,
    Text,
    Written,
    WrittenBlock,
    clone,
    option_defaults,
    same,
    takes_branches,
    value_text,
)
from cnncalc.ops import KINDS, Opaque
from cnncalc.ops.base import Shape

MAX_VARIABLES = 8
ITEMS_PER_VARIABLE = 6
"""Variables of a block that is still readable: so many, or one for each so many items."""
ITEMS_PER_ALTERNATIVE = 20
"""A block of so many items may have one in place of another."""
_LEVEL_PASSES = 5
MAX_PERIOD = 12
"""Items that are repeated together without being a group."""
MAX_CLASSES = 60
"""Lists that look different, of one level; of more none are joined."""
_FACTORS = (2, 3, 4, 6, 8)

_SIZES = ("size", "channels", "features")
# What an option measures: only like things are expressed by each other.
_MEASURES: dict[Any, str] = {
    "out_channels": "channels",
    "out_features": "features",
    "groups": "channels",
    "reduction": "channels",
    "shape": "size",
    "output": "size",
    ("slice", "channels"): "size",
    **{("opaque", option): "count" for option in option_defaults(Opaque) if option not in ("output", "others")},
}
_LIKE = {"channels": {"channels", "features"}, "features": {"features", "channels"}, "size": {*_SIZES}}
"""What is measured alike: such variables give each other's values."""
_MOST_TIMES = 64
"""A size is at most so many times another that gives it."""
_AUTOMATIC = {automatic_stem(kind) for kind in KINDS}
_MEANINGLESS = {"first", "rest", "last", "main"}
# What a variable is called, by the option that it gives.
_VARIABLE_NAMES = {
    "out_channels": "width",
    "out_features": "features",
    "channels": "range",
    "repeat": "depth",
    "size": "to",
    "k": "offset",
    "shape": "size",
    "from": "skip",
}


def compress(spec: Document) -> Document:
    """The same network in fewer lines."""
    return _Compressor(spec).compressed()


def equal(one: Written, other: Written) -> bool:
    """Whether two items are written alike."""
    return (
        one.head == other.head
        and one.name == other.name
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


def of_index(values: Sequence[Any]) -> Any:
    """What gives the values one after the other in a repeated item: themselves, or an expression of `index`; None if
    there is none.

    >>> [of_index(values) for values in ([3, 3], [1, 5, 2], [True, False, False], [1, 2, 3])]
    [3, None, Code(text='index == 0'), Code(text='index + 1')]
    """
    first = values[0]
    if all(same(value, first) for value in values):
        return first
    if len(values) < 3 or any(type(value) not in (bool, int) for value in values):
        return None
    rest = values[1]
    if isinstance(first, bool):
        start, parity = ("index == 0", "index % 2 == 0") if first else ("index > 0", "index % 2 == 1")
        if all(value is not first for value in values[1:]):
            return Code(start)
        return Code(parity) if all(value is values[i % 2] for i, value in enumerate(values)) else None
    if len(values) > 3 and all(same(value, rest) for value in values[1:]):
        return Code(f"{first} if index == 0 else {rest}")
    step = rest - first
    if all(value == first + step * i for i, value in enumerate(values)):
        times = "index" if step == 1 else f"{step} * index"
        return Code(f"{times} + {first}" if first else times)
    if all(value == values[i % 2] for i, value in enumerate(values)):
        times = "index % 2" if abs(step) == 1 else f"{abs(step)} * (index % 2)"
        return Code(f"{first} - {times}" if step < 0 else f"{first} + {times}" if first else times)
    return None


def absorb(one: Written, other: Written) -> None:
    """Let an item stand for another too, which is written alike."""
    one.entries = one.entries + other.entries
    for inner, twin in zip(one.items, other.items, strict=True):
        absorb(inner, twin)


class _Unfit(Exception):
    """Lists of items that no block of the language covers."""


@dataclass(slots=True)
class _Place:
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
class _Column:
    """Items that stand at the same point of several lists, by the number of the list; a list may lack it."""

    key: tuple[Any, ...]
    cells: dict[int, Written]
    inner: list[_Column] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Items in it, itself included."""
        return 1 + sum(column.size for column in self.inner)


def _key(item: Written, first: int) -> tuple[Any, ...]:
    """What must be the same in a column, as no expression can give it. `first` is the index of the first layer of the
    list: a layer before it can be an argument of a block."""
    kind = KINDS.get(item.head)
    fixed: list[tuple[str, Any]] = [
        (name, value) for name, value in item.options.items() if isinstance(value, Layer) and value.index >= first
    ]
    start = "" if _outer_layer(item, first) else item.start
    if kind is not None:
        for option, default in option_defaults(kind).items():
            value = item.options.get(option, default)
            if value is None or isinstance(value, str):
                fixed.append((option, value))
    merged = takes_branches(item.head) and (KINDS[item.head].arity or -1)
    return (item.head, item.name, start, item.share, item.repeat is None, item.when is None, tuple(fixed), merged)


def _outer_layer(item: Written, first: int) -> bool:
    """Whether an item starts from a layer before the first of a list, whose name a block can be given."""
    return item.called is not None and item.source is not None and item.source.index < first


def _columns(number: int, items: Sequence[Written], first: int) -> list[_Column]:
    """The columns of one list alone."""
    return [_Column(_key(item, first), {number: item}, _columns(number, item.items, first)) for item in items]


def _skeleton(items: Sequence[Written], first: int) -> tuple[Any, ...]:
    """What two lists share if their columns all match."""
    return tuple((_key(item, first), _skeleton(item.items, first)) for item in items)


def _matched(one: _Column, other: _Column) -> _Column | None:
    """Two columns as one, if they can be."""
    if one.key != other.key:
        return None
    if not one.key[-1] or (one.key[-1] < 0 and len(one.inner) != len(other.inner)):
        inner = _aligned(one.inner, other.inner)
    else:
        branches = [_matched(a, b) for a, b in zip(one.inner, other.inner, strict=True)]
        inner = None if None in branches else [branch for branch in branches if branch is not None]
    return None if inner is None else _Column(one.key, {**one.cells, **other.cells}, inner)


def _aligned(one: Sequence[_Column], other: Sequence[_Column]) -> list[_Column] | None:
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
    found: list[_Column] = []
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


def _optional(columns: Sequence[_Column], numbers: frozenset[int]) -> int:
    """Items that some of the lists lack."""
    lacking = 0
    for column in columns:
        here = frozenset(column.cells)
        lacking += column.size if here != numbers else _optional(column.inner, here)
    return lacking


def _alternatives(columns: Sequence[_Column]) -> int:
    """How many items bear a name that others have, so that each list has one of them."""
    names = [item.name for column in columns for item in [next(iter(column.cells.values()))] if item.name]
    return len(names) - len(set(names)) + sum(_alternatives(column.inner) for column in columns)


class _Compressor:
    """Makes blocks, level by level."""

    def __init__(self, spec: Document) -> None:
        self.spec = spec
        self.items = list(map(clone, spec.items))
        self.blocks: dict[str, WrittenBlock] = {}
        self.measures: dict[tuple[str, str], str] = {}  # what the variables of the blocks measure
        # The names that `from` and the like speak of: a variable so called would be taken for them.
        said = [word for item in _walk(self.items) for word in (item.start, item.called, item.share) if word]
        self.used = {part for word in (*said, *(spec.outputs or {}).values()) for part in str(word).split(".")}
        self.words_of_kinds: set[str] = {*KINDS, *ITEM_KEYS, *RESERVED, "layers", "head", "vars"}
        for kind in KINDS.values():
            self.words_of_kinds.update(kind.__struct_fields__)
        self.words = set(self.words_of_kinds)

    def compressed(self) -> Document:
        """The spec with its blocks."""
        levels = self.levels()
        for level in sorted(levels):
            places = levels[level]
            for place in places:
                self.fold(place.items)
                self.fold_numbered(place.holder)
            alone = self.runs_of_one(places)
            self.make_blocks([place for place in places if place.items])
            for item in alone:
                if item.repeat == 1:
                    item.repeat, item.name = None, str(item.name).removesuffix("..")
        self.fold(self.items)
        self.inline_single_calls()
        self.renumber()
        return replace(self.spec, blocks=self.blocks, items=self.items)

    def levels(self) -> dict[int, list[_Place]]:
        """The lists of items by how deep lists lie in them. Numbered siblings are of one level, and so are lists that
        look alike."""
        looks = {id(item): _skeleton(item.items, item.first) for item in _walk(self.items) if item.items}
        least: dict[Any, int] = {}
        for _ in range(_LEVEL_PASSES):
            found = self.levelled(looks, least)
            highest = {
                looks[id(place.holder)]: level for level in sorted(found) for place in found[level] if place.items
            }
            if all(
                level == highest[looks[id(place.holder)]]
                for level, places in found.items()
                for place in places
                if place.items
            ):
                return found
            least = highest
        return self.levelled(looks, {})  # such as lists beside those that have their like inside

    def levelled(self, looks: Mapping[int, Any], least: Mapping[Any, int]) -> dict[int, list[_Place]]:
        """The lists of items by level, each at least of the level of its looks."""
        found: dict[int, list[_Place]] = defaultdict(list)
        runs = 0

        def visit(items: Sequence[Written], branches: bool) -> int:
            nonlocal runs
            runs += 1
            run = runs
            inner = [
                (item, max(visit(item.items, takes_branches(item.head)), least.get(looks.get(id(item)), 0)))
                for item in items
            ]
            numbered = max((level for item, level in inner if item.name and item.name.isdigit()), default=0)
            first = True
            for item, level in inner:
                if item.head not in ("layers", "head"):
                    continue
                is_numbered = bool(item.name and item.name.isdigit())
                level = max(level, numbered) if is_numbered else level
                found[level].append(_Place(item, branches, run if is_numbered else 0, is_numbered and first))
                first = first and not is_numbered
            return 1 + max((level for _, level in inner), default=-1) if items else 0

        visit(self.items, False)
        return found

    # Repeats.

    def runs_of_one(self, places: Sequence[_Place]) -> list[Written]:
        """Write items as repeated once, where other lists have several such; those items."""
        wanted = {(item.head, item.name) for place in places for item in place.items if item.repeat is not None}
        found: list[Written] = []
        for place in places:
            for item in place.items:
                plain = item.start is None and item.share is None and item.when is None and item.repeat is None
                if plain and item.name and (item.head, f"{item.name}..") in wanted:
                    item.repeat, item.name = 1, f"{item.name}.."
                    found.append(item)
        return found

    def fold(self, items: list[Written]) -> None:
        """Write equal neighbours once, with `repeat`."""
        self.fold_named(items)
        position = 0
        while position < len(items):
            period, times = self.period(items, position)
            if times > 1:
                group = items[position : position + period]
                for twin in range(1, times):
                    for one, other in zip(group, items[position + twin * period :], strict=False):
                        absorb(one, other)
                items[position : position + period * times] = [self.repeated(group, times)]
            position += 1

    def fold_named(self, items: list[Written]) -> None:
        """Write neighbours whose names end in one number after the other once, if they are equal or differ by what
        their number says."""
        position = 0
        while position < len(items):
            run = self.run(items[position:])
            while len(run) > 1 and not self.numbered(run):
                run.pop()
            if len(run) > 1:
                del items[position + 1 : position + len(run)]
            position += 1

    def run(self, items: Sequence[Written]) -> list[Written]:
        """The items at the beginning that are called alike but for their numbers, which follow each other."""
        first = items[0]
        stem = (first.name or "").rstrip("0123456789")
        number = (first.name or "")[len(stem) :]
        if str(int(number or -1)) != number or first.head == "head" or stem.rpartition(".")[2] in _AUTOMATIC:
            return []
        found: list[Written] = []
        for item in items:
            alone = item.start is None and item.share is None and item.when is None and item.repeat is None
            if not alone or item.name != f"{stem}{int(number) + len(found)}" or item.head != first.head:
                break
            found.append(item)
        return found

    def numbered(self, run: Sequence[Written]) -> bool:
        """Let the first of a run stand for all, if it can."""
        first = run[0]
        if not all(same_items(first.items, item.items) for item in run):
            return False
        keys = {key: None for item in run for key in item.options}
        options = {}
        for key in keys:
            values = [item.options.get(key, self.default(item.head, key)) for item in run]
            value = of_index(values)
            if value is None:
                return False
            options[key] = value
        if sum(isinstance(value, Code) and "index" in value.text for value in options.values()) > 1:
            return False
        assert first.name is not None
        first.options = options
        first.repeat, first.name = len(run), f"{first.name}.."
        for item in run[1:]:
            first.entries = first.entries + item.entries
            for inner, twin in zip(first.items, item.items, strict=True):
                absorb(inner, twin)
        return True

    def default(self, head: str, option: str) -> Any:
        """The default of an option of a kind or block."""
        if head in KINDS:
            return option_defaults(KINDS[head])[option]
        return self.blocks[head].variables[option] if head in self.blocks else None

    def period(self, items: list[Written], start: int) -> tuple[int, int]:
        """How many items from here on are repeated, and how often: what saves most."""
        best, saved = (1, 1), 0
        for period in range(1, min(MAX_PERIOD, (len(items) - start) // 2) + 1):
            group = items[start : start + period]
            if any(item.name or item.start or item.head == "head" for item in group):
                break
            times = 1
            while all(map(equal, group, items[start + times * period : start + (times + 1) * period])) and (
                start + (times + 1) * period <= len(items)
            ):
                times += 1
            if times > 1:
                lines = self.lines(group)
                gain = times * lines - self.lines([self.repeated(group, times)])
                if gain > saved:
                    best, saved = (period, times), gain
        return best

    def repeated(self, group: list[Written], times: int) -> Written:
        """Items that are repeated as one item."""
        if len(group) == 1 and group[0].repeat is None and group[0].when is None:
            item = copy.copy(group[0])
            item.repeat = times
            return item
        return Written("layers", repeat=times, items=group, entries=group[0].entries)

    def fold_numbered(self, parent: Written) -> None:
        """Write a group of nothing but groups that are repeated as these: with its name where they are numbered from
        1, as the language does by itself, or else with its name before theirs, if nobody reads what ends it."""
        if parent.head != "layers" or not parent.name or parent.repeat is not None or len(parent.items) != 1:
            return
        (only,) = parent.items
        if only.node is not None or only.name is None or only.repeat is None or not only.name.endswith(".."):
            return
        if only.name != "1..":
            if parent.name in self.used or "." in only.name.removesuffix(".."):
                return
            parent.name = f"{parent.name}.{only.name}"
        parent.head, parent.options, parent.items = only.head, only.options, only.items
        parent.entries, parent.repeat = only.entries, only.repeat

    def text(self, items: Sequence[Written]) -> tuple[str, ...]:
        """The lines of items."""
        text = Text({name: next(iter(block.variables), None) for name, block in self.blocks.items()})
        return tuple(line for item in items for line in text.item(item, ""))

    def lines(self, items: Sequence[Written]) -> int:
        """How many lines items take."""
        return len(self.text(items))

    # Blocks.

    def make_blocks(self, places: list[_Place]) -> None:
        """Make blocks of the lists of a level that look alike."""
        classes: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for number, place in enumerate(places):
            classes[_skeleton(place.items, place.holder.first)].append(number)
        groups = [self.overlaid(numbers, places) for numbers in classes.values()]
        for columns in self.joined(groups, places):
            numbers = sorted({number for column in columns for number in column.cells})
            self.make_block(columns, numbers, places)

    def make_block(self, columns: list[_Column], numbers: Sequence[int], places: Sequence[_Place]) -> None:
        """Make a block of columns; of those that no block covers, of such as read like shapes, or are equal."""
        if len(numbers) < 2 or all(places[number].branch for number in numbers):
            return
        own = {number: places[number] for number in numbers}
        try:
            made = _Maker(self, columns, own).made()
        except _Unfit:
            for part in self.parts(own):
                self.make_block(self.overlaid(part, places), part, places)
            return
        if self.gain(made, list(own.values())) > 0:
            self.call(made, own)

    def parts(self, places: Mapping[int, _Place]) -> list[list[int]]:
        """Lists of a class in smaller ones: by their items and the shapes before them, or those that are equal."""
        for key in (
            lambda place: (_skeleton(place.items, place.holder.first), tuple(place.holder.entries)),
            lambda place: self.text(place.items),
        ):
            found: dict[Any, list[int]] = defaultdict(list)
            for number, place in places.items():
                found[key(place)].append(number)
            if len(found) > 1:
                return list(found.values())
        return []

    def overlaid(self, numbers: Sequence[int], places: Sequence[_Place]) -> list[_Column]:
        """The columns of lists of one skeleton."""
        each = [_columns(number, places[number].items, places[number].holder.first) for number in numbers]
        columns = each[0]
        for other in each[1:]:
            _overlay(columns, other)
        return columns

    def joined(self, groups: list[list[_Column]], places: Sequence[_Place]) -> list[list[_Column]]:
        """Classes joined where one has a few items more than the other, if that takes fewer lines."""
        if len(groups) > MAX_CLASSES:
            return groups
        groups = sorted(groups, key=lambda columns: -sum(column.size for column in columns))
        position = 0
        while position < len(groups):
            other = position + 1
            while other < len(groups):
                both = self.join(groups[position], groups[other], places)
                if both is None:
                    other += 1
                else:
                    groups[position] = both
                    del groups[other]
                    other = position + 1
            position += 1
        return groups

    def join(self, one: list[_Column], other: list[_Column], places: Sequence[_Place]) -> list[_Column] | None:
        """Two classes as one, if that is worth it."""
        both = _aligned(one, other)
        if both is None:
            return None
        numbers = frozenset(number for column in both for number in column.cells)
        size = sum(column.size for column in both)
        if _optional(both, numbers) * 2 > size or _alternatives(both) * ITEMS_PER_ALTERNATIVE > size:
            return None  # such are better two blocks
        parts = [self.cost(columns, places) for columns in (one, other)]
        return both if self.cost(both, places) < sum(parts) else None

    def cost(self, columns: list[_Column], places: Sequence[_Place]) -> int:
        """The lines that the lists of a class take, as calls of a block if that is better."""
        numbers = sorted({number for column in columns for number in column.cells})
        own = [places[number] for number in numbers]
        plain = sum(self.lines([place.holder]) for place in own)
        if len(numbers) < 2 or all(place.branch for place in own):
            return plain
        try:
            made = _Maker(self, columns, {number: places[number] for number in numbers}).made()
        except _Unfit:
            return plain
        # Numbered siblings that are called alike become one line.
        calls = {
            (place.run or -number, repr(made.arguments[number])) for number, place in zip(numbers, own, strict=True)
        }
        return min(plain, self.block_lines(made) + len(calls))

    def block_lines(self, made: _Made) -> int:
        return 2 + bool(made.block.variables) + self.lines(made.block.items)

    def gain(self, made: _Made, places: Sequence[_Place]) -> int:
        """The lines that a block saves."""
        before = sum(self.lines([place.holder]) for place in places)
        return before - self.block_lines(made) - len(places)

    def call(self, made: _Made, places: Mapping[int, _Place]) -> None:
        """Take a block in, and call it."""
        name = self.block_name(made, places)
        self.blocks[name] = made.block
        for variable, measure in made.measures.items():
            self.measures[name, variable] = measure
        self.words.update(made.block.variables)
        self.words.add(name)
        for number, place in places.items():
            holder = place.holder
            arguments = made.arguments[number]
            if place.branch or holder.head == "head":
                holder.items = [Written(name, arguments, entries=holder.entries)]
            else:
                holder.head, holder.options, holder.items = name, arguments, []

    def block_name(self, made: _Made, places: Mapping[int, _Place]) -> str:
        """What a block is called: as the groups are that become its calls, or by what is in it."""
        names = Counter(_letters(place.holder.name or "") for place in places.values())
        name, times = names.most_common(1)[0]
        if len(name) < 3 or name in _MEANINGLESS or times * 2 < len(places) or name in KINDS:
            name = _described(made.block.items)
        name = f"{name}_block" if keyword.iskeyword(name) or name in self.words - set(self.blocks) else name
        number, base = 1, name
        while name in self.words:
            number += 1
            name = f"{base}{number}"
        return name

    def inline_single_calls(self) -> None:
        """Write the items of a block that is called once where it is called."""
        again = True
        while again:
            again = False
            for name in list(self.blocks):
                calls = [
                    (items, position)
                    for items in self.all_lists()
                    for position, item in enumerate(items)
                    if item.head == name
                ]
                if not calls:
                    del self.blocks[name]
                elif len(calls) == 1 and self.inline(name, *calls[0]):
                    again = True

    def renumber(self) -> None:
        """Take the number off a block's name where none is left that bears the name alone."""
        taken = {*self.words_of_kinds, *(variable for block in self.blocks.values() for variable in block.variables)}
        names: dict[str, str] = {}
        for name in self.blocks:
            base = name.rstrip("0123456789")
            free = base not in taken and base not in self.blocks and base not in names.values()
            names[name] = base if free and not keyword.iskeyword(base) else name
        self.blocks = {names[name]: block for name, block in self.blocks.items()}
        for items in self.all_lists():
            for item in items:
                item.head = names.get(item.head, item.head)

    def all_lists(self) -> Iterator[list[Written]]:
        """Every list of items, in blocks and outside."""
        stack = [self.items, *(block.items for block in self.blocks.values())]
        while stack:
            items = stack.pop()
            yield items
            stack += [item.items for item in items if item.items]

    def inline(self, name: str, items: list[Written], position: int) -> bool:
        """Put a block's items in the place of its one call, if its variables' values can stand for them there."""
        block, call = self.blocks[name], items[position]
        values = {**block.variables, **call.options}
        if any(re.search(r"\b(channels|sizes)\b", value_text(value)) for value in values.values()):
            return False
        try:
            inner = [_substituted(item, values) for item in block.items]
        except _Unfit:
            return False
        del self.blocks[name]
        if (
            call.name is None
            and call.repeat is None
            and call.when is None
            and call.start is None
            and call.share is None
        ):
            items[position : position + 1] = inner
        else:
            call.head, call.options, call.items = "layers", {}, inner
        return True


def _items(item: Written) -> int:
    """The items in an item, itself included."""
    return 1 + sum(map(_items, item.items))


def _walk(items: Sequence[Written]) -> Iterator[Written]:
    """All items, those inside included."""
    for item in items:
        yield item
        yield from _walk(item.items)


def _overlay(columns: Sequence[_Column], others: Sequence[_Column]) -> None:
    """Lay columns over others of the same skeleton."""
    for column, other in zip(columns, others, strict=True):
        column.cells.update(other.cells)
        _overlay(column.inner, other.inner)


def _word(value: Layer | Code) -> str | Code:
    """The word of a `from`."""
    return value.word if isinstance(value, Layer) else value


def _has_words(value: Any) -> bool:
    """Whether a value is a word or an expression, or a list with one."""
    return any(map(_has_words, value)) if isinstance(value, tuple) else isinstance(value, (Code, str))


def _letters(name: str) -> str:
    """The words in a name, without its numbers: what numbered siblings have in common."""
    return "_".join(word for word in re.findall(r"[A-Za-z]+", name.lower()) if len(word) > 1)


def _described(items: Sequence[Written]) -> str:
    """A name for a block by what is in it."""
    merges = {"add": "residual", "multiply": "gate", "concat": "branches"}
    short = {"batchnorm": "bn", "layernorm": "ln"}
    for item in items:
        if item.head in merges:
            return merges[item.head]
    names = [_letters(item.name or "") or short.get(item.head, item.head) for item in items]
    words = dict.fromkeys(word for name in names for word in name.split("_") if name != "layers")
    return "_".join(list(words)[:3]) or "block"


def _substituted(item: Written, values: Mapping[str, Any]) -> Written:
    """An item with values in the place of variables."""

    def value_of(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(value_of, value))
        if not isinstance(value, Code):
            return value
        if value.text in values:
            return values[value.text]

        def part(match: re.Match[str]) -> str:
            if match[0] not in values:
                return match[0]
            found = values[match[0]]
            if isinstance(found, Code):
                return found.text if re.fullmatch(r"\w+", found.text) else f"({found.text})"
            if isinstance(found, (bool, int, float)):
                return str(found).lower()
            raise _Unfit

        text = re.sub(r"[A-Za-z_]\w*", part, value.text)
        if len(text) > 60:
            raise _Unfit
        return Code(text)

    start = item.start
    if isinstance(start, Code):
        start = _word(value_of(start))
    when = value_of(item.when)
    if isinstance(when, bool):
        raise _Unfit
    return Written(
        item.head,
        {key: value_of(value) for key, value in item.options.items()},
        item.name,
        start,
        value_of(item.repeat),
        when,
        [_substituted(inner, values) for inner in item.items],
        item.node,
        item.entries,
        item.share,
        item.source,
        item.called,
        item.first,
    )


@dataclass(slots=True)
class _Made:
    """A block, and the arguments with which it gives each of the lists."""

    block: WrittenBlock
    arguments: dict[int, dict[str, Any]]
    measures: dict[str, str]


@dataclass(slots=True)
class _Variable:
    """A variable to be: its value at each place, and the expression that gives it, if there is one."""

    name: str
    measure: str
    values: dict[int, Any]
    code: str | None = None


_Slot = Callable[[Any], None]


class _Maker:
    """Makes a block of columns."""

    def __init__(self, compressor: _Compressor, columns: Sequence[_Column], places: Mapping[int, _Place]) -> None:
        self.compressor = compressor
        self.columns = columns
        self.places = places
        self.variables: list[_Variable] = []
        self.numbers = list(places)
        # The shapes before the block, at each place; several if a place is repeated.
        self.before = {number: place.holder.entries for number, place in places.items()}
        self.differing: list[tuple[str, str, dict[int, Any], dict[int, Written], _Slot]] = []
        self.lacking: list[tuple[_Column, list[int], Written]] = []

    def made(self) -> _Made:
        """The block and its calls.

        Raises:
            _Unfit: there is none, or none that is readable.
        """
        items = [self.item(column, self.numbers) for column in self.columns]
        # Channels first: conditions speak of them, and the other options of conditions. What stands in all lists before
        # what some lack, whose values elsewhere do not matter.
        self.differing.sort(key=lambda slot: -len(slot[2]))
        for channels in (True, False):
            if not channels:
                for column, numbers, item in self.lacking:
                    self.condition(column, numbers, item)
            for option, measure, values, cells, put in self.differing:
                same_word = option == "from" and len({cell.start for cell in cells.values()}) == 1
                if same_word and not self.of_variables(measure, values):
                    continue
                if (measure in ("channels", "features")) is channels:
                    put(
                        self.elements(option, measure, values, cells) or self.expression(option, measure, values, cells)
                    )
        if any(len(variable.values) < len(self.numbers) for variable in self.variables):
            raise _Unfit
        if len(self.variables) > max(MAX_VARIABLES, sum(map(_items, items)) // ITEMS_PER_VARIABLE):
            raise _Unfit
        return self.result(items)

    def item(self, column: _Column, numbers: list[int]) -> Written:
        """The item of a column in the block; what differs in it is put off."""
        cells = column.cells
        first = next(iter(cells.values()))
        item = Written(first.head, {}, first.name, first.start, None, first.when, share=first.share)
        absent = [number for number in numbers if number not in cells]
        alike = all(cell.start == first.start for cell in cells.values())
        if alike:
            item.source, item.called = first.source, first.called
        outer = all(_outer_layer(cell, self.places[number].holder.first) for number, cell in cells.items())
        if not alike or (absent and outer):
            starts = {n: Layer(cell.called or "", cell.source.index) for n, cell in cells.items() if cell.source}
            self.differing.append(
                ("from", "layer", starts, dict(cells), lambda value: setattr(item, "start", _word(value)))
            )
        if any(not same(cell.when, first.when) for cell in cells.values()):
            raise _Unfit
        if first.repeat is not None:
            repeats = {number: cells[number].repeat if number in cells else 0 for number in numbers}
            self.slot("repeat", "repeat", repeats, cells, lambda value: setattr(item, "repeat", value))
        elif absent:
            self.lacking.append((column, numbers, item))
        self.options(item, cells)
        here = [number for number in numbers if number in cells]
        item.items = [self.item(inner, here) for inner in column.inner]
        return item

    def options(self, item: Written, cells: Mapping[int, Written]) -> None:
        """The options of a column's item: what all give alike, and what differs."""
        defaults = self.defaults(item.head)
        for option in defaults:
            given = {number: cell.options.get(option, defaults[option]) for number, cell in cells.items()}
            if all(option not in cell.options for cell in cells.values()):
                continue
            if (
                any(value is None or _has_words(value) for value in given.values())
                and len(set(map(repr, given.values()))) > 1
            ):
                raise _Unfit
            item.options[option] = None  # keeps the order
            measure = self.compressor.measures.get((item.head, option)) or measure_of(item.head, option)
            self.slot(option, measure, given, dict(cells), lambda value, key=option: item.options.update({key: value}))

    def defaults(self, head: str) -> dict[str, Any]:
        """The options of a kind or block, with their defaults."""
        if head in KINDS:
            return option_defaults(KINDS[head])
        block = self.compressor.blocks.get(head)
        return dict(block.variables) if block else {}

    def slot(
        self, option: str, measure: str, values: dict[int, Any], cells: Mapping[int, Written], put: Callable[..., None]
    ) -> None:
        """Settle an option that is the same everywhere; put one that differs off."""
        first = next(iter(values.values()))
        if all(same(value, first) for value in values.values()):
            put(first)
        else:
            self.differing.append((option, measure, values, dict(cells), put))

    def elements(
        self, option: str, measure: str, values: dict[int, Any], cells: Mapping[int, Written]
    ) -> tuple[Any, ...] | None:
        """A list of sizes with an expression for each that differs, if at most one of them is a new variable."""
        lists = list(values.values())
        if measure != "size" or not all(type(value) is tuple and len(value) == len(lists[0]) for value in lists):
            return None
        each = [{number: value[place] for number, value in values.items()} for place in range(len(lists[0]))]
        if not all(type(value) is int for part in each for value in part.values()):
            return None
        fixed = {place for place, part in enumerate(each) if len(set(part.values())) == 1}
        found = {
            place: self.known(measure, part, cells, place) for place, part in enumerate(each) if place not in fixed
        }
        unknown = [place for place, code in found.items() if code is None]
        if unknown:
            if len({repr(each[place]) for place in unknown}) > 1:
                return None
            part = each[unknown[0]]
            word = self.base(part) or self.variable("shape", measure, part, self.outer(measure, part)).name
            found.update(dict.fromkeys(unknown, word))
        return tuple(lists[0][place] if place in fixed else Code(str(found[place])) for place in range(len(lists[0])))

    def known(
        self, measure: str, values: Mapping[int, Any], cells: Mapping[int, Written], place: int | None = None
    ) -> str | None:
        """A value as what is known already: a variable, or the sizes of the tensor that the item reads."""
        found = self.of_variables(measure, values)
        if found is None and measure in (*_SIZES, "count"):
            found = of_tensor(measure, {n: (value, cells[n].entries) for n, value in values.items()}, place)
        return found

    def outer(self, measure: str, values: Mapping[int, Any]) -> str | None:
        """A value as the sizes of the tensor before the block."""
        if measure not in _SIZES:
            return None
        return of_tensor(measure, {n: (value, self.before[n]) for n, value in values.items()})

    def base(self, values: Mapping[int, Any]) -> str | None:
        """Values as multiples or parts of a size before the block, which becomes a variable."""
        code = self.outer("size", values)
        if code is None or len(values) < len(self.numbers) or " * " in re.sub(r"^\d+ \* ", "", code):
            return None
        word = re.sub(r"^\d+ \* | // \d+$", "", code)
        axis = 0 if word == "channels" else int(word[6:-1]) + 1
        sizes = {number: {shape[axis] for shape in shapes} for number, shapes in self.before.items()}
        if word == code or any(len(found) > 1 for found in sizes.values()):
            return None
        self.variable("shape", "size", {number: found.pop() for number, found in sizes.items()}, word)
        return self.of_variables("size", values)

    def expression(self, option: str, measure: str, values: dict[int, Any], cells: Mapping[int, Written]) -> Code:
        """The expression that gives an option its value at every place; a new variable if there is no other."""
        found = self.known(measure, values, cells)
        if found:
            return Code(found)
        outer = self.outer(measure, values)
        if outer:
            return Code(self.variable(option, measure, values, outer).name)
        found = self.of_condition(option, measure, values)
        return Code(found or self.variable(option, measure, values).name)

    def of_variables(self, measure: str, values: Mapping[int, Any]) -> str | None:
        """A value as one of the variables, or a multiple or part of one."""
        for variable in self.variables:
            if measure == variable.measure == "layer":
                if all(same(variable.values.get(n, value), value) for n, value in values.items()):
                    variable.values.update(values)  # what some lists lack may stand for another in the others
                    return variable.name
            elif variable.measure in _LIKE.get(measure, {measure}) and all(
                same(variable.values[n], value) for n, value in values.items()
            ):
                return variable.name
        if not all(type(value) is int for value in values.values()):
            return None
        for variable in self.variables:
            if variable.measure == "layer":
                continue
            mine = {number: variable.values[number] for number in values}
            if not all(type(value) is int for value in mine.values()):
                continue
            of_kernel = measure == "padding" and variable.measure == "kernel"
            if of_kernel and all(value == mine[number] // 2 for number, value in values.items()):
                return f"{variable.name} // 2"
            if measure != "size" and variable.measure in _LIKE.get(measure, ()):
                for factor in _FACTORS:
                    if all(value == factor * mine[number] for number, value in values.items()):
                        return f"{factor} * {variable.name}"
                    if all(factor * value == mine[number] for number, value in values.items()):
                        return f"{variable.name} // {factor}"
            if measure == "size" and variable.measure in _SIZES:
                found = _times([(value, mine[number]) for number, value in values.items()])
                if found:
                    return found.format(variable.name)
        return None

    def of_condition(self, option: str, measure: str, values: dict[int, Any]) -> str | None:
        """A value that only the first of numbered siblings has, as a choice."""
        runs: dict[int, Any] = {}
        for number, value in values.items():
            place = self.places[number]
            if place.first:
                runs[place.run] = value
        rest = {repr(v): v for n, v in values.items() if self.places[n].run and not self.places[n].first}
        if len(rest) != 1 or any(self.places[number].run not in runs for number in values):
            return None
        (other,) = rest.values()
        if isinstance(other, tuple):
            return None
        firsts = {number: runs[self.places[number].run] for number in values}
        for test, truth in self.tests():
            if all(same(values[n], firsts[n] if truth[n] else other) for n in values):
                wanted = {n: firsts[n] for n in values}
                if len(set(map(repr, wanted.values()))) == 1:
                    one = next(iter(wanted.values()))
                    return None if isinstance(one, tuple) else f"{one} if {test} else {other}".replace("True", "true")
                full = {number: wanted.get(number, other) for number in self.numbers}
                name = self.of_variables(measure, full) or self.variable(option, measure, full).name
                return f"{name} if {test} else {other}"
        return None

    def tests(self) -> Iterator[tuple[str, dict[int, bool]]]:
        """Conditions before the block, with their truth at each place: first those that are variables already."""
        for variable in list(self.variables):
            if variable.measure == "condition":
                yield variable.name, variable.values
        for variable in list(self.variables):
            if variable.measure not in ("channels", "features") or variable.code:
                continue
            for factor, text in [(1, variable.name), *((f, f"{f} * {variable.name}") for f in _FACTORS)]:
                yield from self.test(f"channels != {text}", variable, lambda c, v, f=factor: c != f * v)
                yield from self.test(f"channels == {text}", variable, lambda c, v, f=factor: c == f * v)
        for variable in list(self.variables):
            if variable.measure == "stride":
                ones = {number: variable.values[number] != 1 for number in self.numbers}
                yield f"{variable.name} != 1", ones
                yield f"{variable.name} == 1", {number: not truth for number, truth in ones.items()}

    def test(self, text: str, variable: _Variable, holds: Callable[..., bool]) -> Iterator[tuple[str, dict[int, bool]]]:
        """A condition of the channels, if it has one truth at each place."""
        truths = {n: {bool(holds(shape[0], variable.values[n])) for shape in self.before[n]} for n in self.numbers}
        if all(len(truth) == 1 for truth in truths.values()):
            yield text, {n: truth.pop() for n, truth in truths.items()}

    def condition(self, column: _Column, numbers: Sequence[int], item: Written) -> None:
        """When an item stands that some of the lists lack."""
        present = {number: number in column.cells for number in numbers}
        in_runs = {self.places[number].run for number, there in present.items() if not there} & {
            self.places[number].run for number, there in present.items() if there
        }
        for test, truth in self.tests():
            if not re.fullmatch(r"\w+", test) and not in_runs - {0}:
                break  # where it is a property of each call, the calls say so
            if all(truth[number] is there for number, there in present.items()):
                if re.fullmatch(r"\w+", test):
                    item.when = Code(test)
                else:
                    name = f"with_{item.name or item.head}"
                    item.when = Code(self.variable(name, "condition", present, test, truth).name)
                return
            if all(truth[number] is not there for number, there in present.items()) and re.fullmatch(r"\w+", test):
                item.when = Code(f"not {test}")
                return
        option = f"with_{item.name or item.head}"
        item.when = Code(self.variable(option, "condition", present).name)

    def variable(
        self,
        option: str,
        measure: str,
        values: Mapping[int, Any],
        code: str | None = None,
        full: dict[int, Any] | None = None,
    ) -> _Variable:
        """A new variable. Where the item is lacking, its value does not matter, but a layer has to be one."""
        name = re.sub(r"(?<=[a-z])[0-9]+$", "", re.sub(r"\W", "_", _VARIABLE_NAMES.get(option, option)))
        taken = {variable.name for variable in self.variables}
        forbidden = {*KINDS, *ITEM_KEYS, *RESERVED, *self.compressor.blocks, *self.compressor.used, "layers", "head"}
        base, number = name, 1
        while name in taken or name in forbidden or keyword.iskeyword(name):
            number += 1
            name = f"{base}{number}"
        most = Counter(map(repr, values.values())).most_common(1)[0][0]
        usual = next(value for value in values.values() if repr(value) == most)
        of_run = {self.places[number].run: value for number, value in values.items() if self.places[number].run}
        everywhere = full or {n: values.get(n, of_run.get(self.places[n].run, usual)) for n in self.numbers}
        if measure == "layer":
            everywhere = dict(values)
        if code is not None and len(everywhere) > len(values) and full is None:
            code = None  # it was seen to hold only where the item stands; elsewhere it may have no value
        variable = _Variable(name, measure, everywhere, code)
        self.variables.append(variable)
        return variable

    def result(self, items: list[Written]) -> _Made:
        """The block with the defaults of its variables, and the arguments of each call."""
        defaults: dict[str, Any] = {}
        arguments: dict[int, dict[str, Any]] = {number: {} for number in self.numbers}
        for position, variable in enumerate(self.variables):
            if variable.code is not None:
                defaults[variable.name] = Code(variable.code)
                continue
            shown, times = Counter(map(repr, variable.values.values())).most_common(1)[0]
            usual = next(value for value in variable.values.values() if repr(value) == shown)
            if variable.measure == "stride" and any(same(value, 1) for value in variable.values.values()):
                usual, times = 1, len(self.numbers)
            has_default = (
                variable.measure != "layer"
                and times * 2 > len(self.numbers)
                and (position or variable.measure not in ("channels", "features"))
            )
            defaults[variable.name] = usual if has_default else None
            for number in self.numbers:
                if not has_default or not same(variable.values[number], usual):
                    arguments[number][variable.name] = variable.values[number]
        for item in items:
            self.gather(item)
        measures = {variable.name: variable.measure for variable in self.variables}
        return _Made(WrittenBlock(defaults, items), arguments, measures)

    def gather(self, item: Written) -> None:
        """Leave out what equals its default."""
        defaults = self.defaults(item.head)
        item.options = {key: value for key, value in item.options.items() if not same(value, defaults[key])}
        for inner in item.items:
            self.gather(inner)


def measure_of(head: str, option: str) -> str:
    """What an option measures.

    >>> measure_of("conv", "out_channels"), measure_of("slice", "channels"), measure_of("linear", "out_features")
    ('channels', 'size', 'features')
    """
    return _MEASURES.get((head, option)) or _MEASURES.get(option, option)


def of_tensor(measure: str, places: Mapping[int, tuple[Any, Sequence[Shape]]], first: int | None = None) -> str | None:
    """An expression of the sizes of the tensor before an item that gives each value from each of its shapes. Of sizes
    that give it alike the `first` is taken, if it is one of them.

    >>> of_tensor("size", {1: (192, [(7, 7, 96)]), 2: (384, [(7, 7, 192)])}), of_tensor("channels", {1: (8, [(32, 5)])})
    ('2 * sizes[1]', 'channels // 4')
    """
    pairs = [(value, shape) for value, shapes in places.values() for shape in shapes]
    if not pairs or not all(type(value) is int and shapes for value, shapes in places.values()):
        return None
    if measure == "channels":
        return _multiple("channels", [(value, shape[0]) for value, shape in pairs])
    rank = len(pairs[0][1])
    if measure == "features" and (rank == 1) is (min(len(shape) for _, shape in pairs) == 1):
        return _multiple("channels" if rank == 1 else "sizes[-1]", [(value, shape[-1]) for value, shape in pairs])
    if any(len(shape) != rank for _, shape in pairs) or measure == "features":
        return None
    order = [*([first] if first is not None and first < rank else []), *range(rank)]
    for factor in (False, True):
        for axis in order:
            found = _times([(value, shape[axis]) for value, shape in pairs], factor)
            if found:
                return found.format(_size(axis))
    products = [range(start, stop) for start in range(rank) for stop in range(start + 2, rank + 1)]
    squares = [(axis, axis) for axis in range(rank)] if measure == "count" else []
    for axes in (*products, *squares):
        found = _times([(value, prod(shape[axis] for axis in axes)) for value, shape in pairs], measure == "count")
        if found:
            return found.format(" * ".join(map(_size, axes)))
    return None


def _size(axis: int) -> str:
    """A size of the tensor before an item, as expressions call it."""
    return f"sizes[{axis - 1}]" if axis else "channels"


def _times(pairs: Sequence[tuple[int, int]], factors: bool = True) -> str | None:
    """How each value comes of a number, with a {} for it: as it is, or a multiple or part of it.

    >>> _times([(6, 3), (8, 4)]), _times([(1, 7), (2, 14)]), _times([(6, 3), (8, 5)])
    ('2 * {}', '{} // 7', None)
    """
    if all(value == number for value, number in pairs):
        return "{}"
    value, number = pairs[0]
    if not factors or not value or not number:
        return None
    factor, rest = divmod(value, number)
    if not rest and 1 < factor <= _MOST_TIMES and all(value == factor * number for value, number in pairs):
        return f"{factor} * {{}}"
    factor, rest = divmod(number, value)
    if not rest and 1 < factor <= _MOST_TIMES and all(factor * value == number for value, number in pairs):
        return f"{{}} // {factor}"
    return None


def _multiple(word: str, pairs: Sequence[tuple[int, int]]) -> str | None:
    """A word such as `channels`, or a multiple or part of it, that gives each value from each number of channels."""
    if all(value == number for value, number in pairs):
        return word
    for factor in _FACTORS:
        if all(value == factor * number for value, number in pairs):
            return f"{factor} * {word}"
        if all(factor * value == number for value, number in pairs):
            return f"{word} // {factor}"
    return None
