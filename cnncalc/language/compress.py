"""A written spec made short: what repeats becomes blocks with variables, and equal neighbours `repeat`.

From the inside outwards: lists of items that look alike, as the layers of residual blocks do, are laid over each other
in columns (`cnncalc.language.columns`), and a block is made of them (`cnncalc.language.blocks`). Its calls are then
items as others are, of which the next lists outside are made.
"""

from __future__ import annotations

import copy
import keyword
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from cnncalc.graph import automatic_stem
from cnncalc.language.blocks import Known, Made, Maker, Unfit, word_of
from cnncalc.language.columns import (
    Column,
    Place,
    absorb,
    aligned,
    alternatives,
    columns_of,
    equal,
    optional,
    overlay,
    same_items,
    skeleton,
    walk,
)
from cnncalc.language.reader import ITEM_KEYS, RESERVED
from cnncalc.language.text import (
    Code,
    Document,
    Text,
    Written,
    WrittenBlock,
    clone,
    option_defaults,
    takes_branches,
    value_text,
)
from cnncalc.language.values import of_index
from cnncalc.ops import KINDS

ITEMS_PER_ALTERNATIVE = 20
"""A block of so many items may have one in place of another."""
MAX_PERIOD = 12
"""Items that are repeated together without being a group."""
MAX_RUN = 1000
"""Items with numbered names that are written as one."""
MAX_DIGITS = 8
"""Digits of a number in a name from which what follows is numbered."""
MAX_PAIRS = 200_000
"""Items of two lists that are held against each other."""
MAX_CLASSES = 60
"""Lists that look different, of one level; of more none are joined."""
_LEVEL_PASSES = 5
_AUTOMATIC = {automatic_stem(kind) for kind in KINDS}
_MEANINGLESS = {"first", "rest", "last", "main"}


def compress(spec: Document) -> Document:
    """The same network in fewer lines."""
    return _Compressor(spec).compressed()


class _Compressor:
    """Makes blocks, level by level."""

    def __init__(self, spec: Document) -> None:
        self.spec = spec
        self.items = list(map(clone, spec.items))
        self.blocks: dict[str, WrittenBlock] = {}
        said = [word for item in walk(self.items) for word in (item.start, item.called, item.share) if word]
        used = {part for word in (*said, *(spec.outputs or {}).values()) for part in str(word).split(".")}
        self.known = Known(self.blocks, {}, used)
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

    def levels(self) -> dict[int, list[Place]]:
        """The lists of items by how deep lists lie in them. Numbered siblings are of one level, and so are lists that
        look alike."""
        looks = {id(item): skeleton(item.items, item.first) for item in walk(self.items) if item.items}
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

    def levelled(self, looks: Mapping[int, Any], least: Mapping[Any, int]) -> dict[int, list[Place]]:
        """The lists of items by level, each at least of the level of its looks."""
        found: dict[int, list[Place]] = defaultdict(list)
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
                found[level].append(Place(item, branches, run if is_numbered else 0, is_numbered and first))
                first = first and not is_numbered
            return 1 + max((level for _, level in inner), default=-1) if items else 0

        visit(self.items, False)
        return found

    # Repeats.

    def runs_of_one(self, places: Sequence[Place]) -> list[Written]:
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
            run = self.run(items, position)
            others = (number for number, item in enumerate(run) if not equal(run[0], item, named=False))
            alike = run[: next(others, len(run))]
            found = next((part for part in (run, alike) if len(part) > 1 and self.numbered(part)), [])
            del items[position + 1 : position + len(found)]
            position += 1

    def run(self, items: Sequence[Written], position: int) -> list[Written]:
        """The items from a position on that are called alike but for their numbers, which follow each other, and have
        the same items inside."""
        first = items[position]
        stem = (first.name or "").rstrip("0123456789")
        number = (first.name or "")[len(stem) :]
        if (
            str(int(number or -1)) != number
            or len(number) > MAX_DIGITS
            or first.head == "head"
            or stem.rpartition(".")[2] in _AUTOMATIC
        ):
            return []
        found: list[Written] = []
        for item in islice(items, position, position + MAX_RUN):
            alone = item.start is None and item.share is None and item.when is None and item.repeat is None
            if not alone or item.name != f"{stem}{int(number) + len(found)}" or item.head != first.head:
                break
            if not same_items(first.items, item.items):
                break
            found.append(item)
        return found

    def numbered(self, run: Sequence[Written]) -> bool:
        """Let the first of a run stand for all, if it can."""
        first = run[0]
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
            if parent.name in self.known.used or "." in only.name.removesuffix(".."):
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

    def make_blocks(self, places: list[Place]) -> None:
        """Make blocks of the lists of a level that look alike."""
        classes: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for number, place in enumerate(places):
            classes[skeleton(place.items, place.holder.first)].append(number)
        groups = [self.overlaid(numbers, places) for numbers in classes.values()]
        for columns in self.joined(groups, places):
            numbers = sorted({number for column in columns for number in column.cells})
            self.make_block(columns, numbers, places)

    def make_block(self, columns: list[Column], numbers: Sequence[int], places: Sequence[Place]) -> None:
        """Make a block of columns; of those that no block covers, of such as read like shapes, or are equal."""
        if len(numbers) < 2 or all(places[number].branch for number in numbers):
            return
        own = {number: places[number] for number in numbers}
        try:
            made = Maker(self.known, columns, own).made()
        except Unfit:
            for part in self.parts(own):
                self.make_block(self.overlaid(part, places), part, places)
            return
        if self.gain(made, list(own.values())) > 0:
            self.call(made, own)

    def parts(self, places: Mapping[int, Place]) -> list[list[int]]:
        """Lists of a class in smaller ones: by their items and the shapes before them, or those that are equal."""
        for key in (
            lambda place: (skeleton(place.items, place.holder.first), tuple(place.holder.entries)),
            lambda place: self.text(place.items),
        ):
            found: dict[Any, list[int]] = defaultdict(list)
            for number, place in places.items():
                found[key(place)].append(number)
            if len(found) > 1:
                return list(found.values())
        return []

    def overlaid(self, numbers: Sequence[int], places: Sequence[Place]) -> list[Column]:
        """The columns of lists of one skeleton."""
        each = [columns_of(number, places[number].items, places[number].holder.first) for number in numbers]
        columns = each[0]
        for other in each[1:]:
            overlay(columns, other)
        return columns

    def joined(self, groups: list[list[Column]], places: Sequence[Place]) -> list[list[Column]]:
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

    def join(self, one: list[Column], other: list[Column], places: Sequence[Place]) -> list[Column] | None:
        """Two classes as one, if that is worth it."""
        both = aligned(one, other) if len(one) * len(other) <= MAX_PAIRS else None
        if both is None:
            return None
        numbers = frozenset(number for column in both for number in column.cells)
        size = sum(column.size for column in both)
        if optional(both, numbers) * 2 > size or alternatives(both) * ITEMS_PER_ALTERNATIVE > size:
            return None  # such are better two blocks
        parts = [self.cost(columns, places) for columns in (one, other)]
        return both if self.cost(both, places) < sum(parts) else None

    def cost(self, columns: list[Column], places: Sequence[Place]) -> int:
        """The lines that the lists of a class take, as calls of a block if that is better."""
        numbers = sorted({number for column in columns for number in column.cells})
        own = [places[number] for number in numbers]
        plain = sum(self.lines([place.holder]) for place in own)
        if len(numbers) < 2 or all(place.branch for place in own):
            return plain
        try:
            made = Maker(self.known, columns, {number: places[number] for number in numbers}).made()
        except Unfit:
            return plain
        # Numbered siblings that are called alike become one line.
        calls = {
            (place.run or -number, repr(made.arguments[number])) for number, place in zip(numbers, own, strict=True)
        }
        return min(plain, self.block_lines(made) + len(calls))

    def block_lines(self, made: Made) -> int:
        return 2 + bool(made.block.variables) + self.lines(made.block.items)

    def gain(self, made: Made, places: Sequence[Place]) -> int:
        """The lines that a block saves."""
        before = sum(self.lines([place.holder]) for place in places)
        return before - self.block_lines(made) - len(places)

    def call(self, made: Made, places: Mapping[int, Place]) -> None:
        """Take a block in, and call it."""
        name = self.block_name(made, places)
        self.blocks[name] = made.block
        for variable, measure in made.measures.items():
            self.known.measures[name, variable] = measure
        self.words.update(made.block.variables)
        self.words.add(name)
        for number, place in places.items():
            holder = place.holder
            arguments = made.arguments[number]
            if place.branch or holder.head == "head":
                holder.items = [Written(name, arguments, entries=holder.entries)]
            else:
                holder.head, holder.options, holder.items = name, arguments, []

    def block_name(self, made: Made, places: Mapping[int, Place]) -> str:
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
        self.blocks = {names[name]: block for name, block in self.blocks.items()}  # nothing is made after this
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
        indexed = any(re.search(r"\bindex\b", value_text(value)) for value in call.options.values())
        if indexed and any(item.repeat is not None for item in walk(block.items)):
            return False  # in which it would be another number
        try:
            inner = [_substituted(item, values) for item in block.items]
        except Unfit:
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
            raise Unfit

        text = re.sub(r"[A-Za-z_]\w*", part, value.text)
        if len(text) > 60:
            raise Unfit
        return Code(text)

    start = item.start
    if isinstance(start, Code):
        start = word_of(value_of(start))
    when = value_of(item.when)
    if isinstance(when, bool):
        raise Unfit
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
