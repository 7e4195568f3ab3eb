"""A block of columns: what is the same in all of a column stays; what differs becomes an expression that gives the
right value at each place (`channels // 2`, `4 * width`, `channels != 4 * width`), or else a variable of the block."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cnncalc.language.columns import Column, Place, count_items, is_outer_layer
from cnncalc.language.reader import ITEM_KEYS, RESERVED
from cnncalc.language.text import Code, Layer, Written, WrittenBlock, option_defaults, same
from cnncalc.language.values import FACTORS, LIKE, SIZES, measure_of, of_tensor, times_of
from cnncalc.ops import KINDS

MAX_VARIABLES = 8
ITEMS_PER_VARIABLE = 6
"""Variables of a block that is still readable: so many, or one for each so many items."""
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


class Unfit(Exception):
    """Lists of items that no block of the language covers."""


@dataclass(slots=True)
class Made:
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


@dataclass(slots=True)
class Known:
    """What is known of a spec while its blocks are made: these, what their variables measure, and the names that `from`
    and the like speak of, for which a variable so called would be taken."""

    blocks: dict[str, WrittenBlock]
    measures: dict[tuple[str, str], str]
    used: Collection[str]


class Maker:
    """Makes a block of columns."""

    def __init__(self, known: Known, columns: Sequence[Column], places: Mapping[int, Place]) -> None:
        self.spec = known
        self.columns = columns
        self.places = places
        self.variables: list[_Variable] = []
        self.numbers = list(places)
        # The shapes before the block, at each place; several if a place is repeated.
        self.before = {number: place.holder.entries for number, place in places.items()}
        self.differing: list[tuple[str, str, dict[int, Any], dict[int, Written], _Slot]] = []
        self.lacking: list[tuple[Column, list[int], Written]] = []

    def made(self) -> Made:
        """The block and its calls.

        Raises:
            Unfit: there is none, or none that is readable.
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
            raise Unfit
        if len(self.variables) > max(MAX_VARIABLES, sum(map(count_items, items)) // ITEMS_PER_VARIABLE):
            raise Unfit
        return self.result(items)

    def item(self, column: Column, numbers: list[int]) -> Written:
        """The item of a column in the block; what differs in it is put off."""
        cells = column.cells
        first = next(iter(cells.values()))
        item = Written(first.head, {}, first.name, first.start, None, first.when, share=first.share)
        absent = [number for number in numbers if number not in cells]
        alike = all(cell.start == first.start for cell in cells.values())
        if alike:
            item.source, item.called = first.source, first.called
        outer = all(is_outer_layer(cell, self.places[number].holder.first) for number, cell in cells.items())
        if not alike or (absent and outer):
            starts = {n: Layer(cell.called or "", cell.source.index) for n, cell in cells.items() if cell.source}
            self.differing.append(
                ("from", "layer", starts, dict(cells), lambda value: setattr(item, "start", word_of(value)))
            )
        if any(not same(cell.when, first.when) for cell in cells.values()):
            raise Unfit
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
                raise Unfit
            item.options[option] = None  # keeps the order
            measure = self.spec.measures.get((item.head, option)) or measure_of(item.head, option)
            self.slot(option, measure, given, dict(cells), lambda value, key=option: item.options.update({key: value}))

    def defaults(self, head: str) -> dict[str, Any]:
        """The options of a kind or block, with their defaults."""
        if head in KINDS:
            return option_defaults(KINDS[head])
        block = self.spec.blocks.get(head)
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
        if found is None and measure in (*SIZES, "count"):
            found = of_tensor(measure, {n: (value, cells[n].entries) for n, value in values.items()}, place)
        return found

    def outer(self, measure: str, values: Mapping[int, Any]) -> str | None:
        """A value as the sizes of the tensor before the block."""
        if measure not in SIZES:
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
            elif variable.measure in LIKE.get(measure, {measure}) and all(
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
            if measure != "size" and variable.measure in LIKE.get(measure, ()):
                found = times_of([(value, mine[number]) for number, value in values.items()], FACTORS)
                if found and found != "{}":
                    return found.format(variable.name)
            if measure == "size" and variable.measure in SIZES:
                found = times_of([(value, mine[number]) for number, value in values.items()])
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
            for factor, text in [(1, variable.name), *((f, f"{f} * {variable.name}") for f in FACTORS)]:
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

    def condition(self, column: Column, numbers: Sequence[int], item: Written) -> None:
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
        forbidden = {*KINDS, *ITEM_KEYS, *RESERVED, *self.spec.blocks, *self.spec.used, "layers", "head"}
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

    def result(self, items: list[Written]) -> Made:
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
        return Made(WrittenBlock(defaults, items), arguments, measures)

    def gather(self, item: Written) -> None:
        """Leave out what equals its default."""
        defaults = self.defaults(item.head)
        item.options = {key: value for key, value in item.options.items() if not same(value, defaults[key])}
        for inner in item.items:
            self.gather(inner)


def word_of(value: Layer | Code) -> str | Code:
    """The word of a `from`."""
    return value.word if isinstance(value, Layer) else value


def _has_words(value: Any) -> bool:
    """Whether a value is a word or an expression, or a list with one."""
    return any(map(_has_words, value)) if isinstance(value, tuple) else isinstance(value, (Code, str))
