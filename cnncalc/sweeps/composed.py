"""The counts of many variants of a spec at once: parameters, buffers, MACs, FLOPs, activations, layers, and what is
alive at once at the peak of inference.

A spec is walked as it is expanded, with sizes and options that are arrays where the variants differ; the ops' own
shapes and formulas take them. No node and no name is made. A block is worked out once for each combination of arguments
and input shape, and a repeat that no longer changes its input is multiplied. So a variant costs what is new in it.

What needs the layers' names (`from`, `share`, `outputs`) or has unknown counts is not composed: `unfit` says why, and
the full expansion is asked instead. The same holds for single variants that an op or an expression refuses: they are
told by `Totals.refused`, and the full expansion finds the words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnncalc.errors import OpError
from cnncalc.formula import is_array
from cnncalc.language.expand import MAX_LAYERS, Size, full_shapes, input_shapes
from cnncalc.language.expressions import Expression
from cnncalc.language.model import (
    Block,
    BlockItem,
    GroupItem,
    HeadItem,
    Item,
    LayerItem,
    MergeItem,
    Spec,
    Word,
    evaluate,
    given_value,
    names_of,
)
from cnncalc.ops.base import Op
from cnncalc.ops.options import make
from cnncalc.sweeps.amounts import LARGEST, Count, Counts, add, counted, counts_of, plus, product, times_of
from cnncalc.sweeps.items import fits_memory, read_condition, read_times, unfit_of, values_of, walk
from cnncalc.sweeps.many import Codes, Many, Mask, Whole, combined, many, taken
from cnncalc.sweeps.parts import (
    Here,
    Refused,
    Result,
    Shape,
    Variables,
    as_dimension,
    as_number,
    as_numbers,
    dimension_of,
    each_of,
    joined,
    numbers_of,
    one_combination,
    refuse_beyond,
    refuse_clashes,
    same_shapes,
    sizes_of,
    spread,
    spread_values,
)
from cnncalc.sweeps.vector import evaluated

QUANTITIES = ("params", "buffers", "macs", "flops", "activations", "layers")
"""What is composed."""

MANY = 256
"""As many combinations of values are worked out as arrays, where that is exact."""
FEWEST = 64
"""Fewer variants than these are worked out as they are."""
MOST_KNOWN = 100_000
"""So many layers' counts are kept."""
MOST_ROUNDS = 10_000
"""So often a repeat is worked out whose output is never its input; beyond, the variants are expanded in full."""
WORTH = 0.6
"""A block is worked out for its combinations where they are fewer than so much of the variants."""
ARRAYS = frozenset({"out_channels", "out_features", "groups"})
"""The options that may be arrays; variants that differ in others are parted."""


@dataclass(frozen=True)
class Totals:
    """The counts of variants by quantity, and which of them were refused: their counts mean nothing."""

    counts: Mapping[str, Whole]
    refused: Mask


class Composer:
    """What composes the counts of a spec's variants.

    Args:
        spec: the spec.
        training: whether the network is the one as it is trained.
        memory: whether `peak` is composed too: the most elements of a sample that are alive at once, at inference.

    Attributes:
        unfit: why the spec cannot be composed; None if it can.

    >>> from cnncalc.zoo import load
    >>> composer = Composer(load("resnet18"))
    >>> width = Many([10, 1000], np.array([0, 1]))
    >>> composer.totals(2, {"classes": width}).counts["params"].tolist()
    [11181642, 11689512]
    """

    def __init__(self, spec: Spec, training: bool = False, memory: bool = False) -> None:
        self.spec = spec
        self.training = training
        self.memory = memory and fits_memory(spec)
        self.unfit = unfit_of(spec)
        self.quantities = (*QUANTITIES, "peak") if self.memory else QUANTITIES
        self._used: dict[str, frozenset[str]] = {}
        self._watched: dict[tuple[int, bool], frozenset[str]] = {}
        self._indexed: dict[int, bool] = {}
        self._known: dict[tuple[Op, tuple[tuple[int, ...], ...]], tuple[tuple[int, ...], Count]] = {}
        self._by_type: dict[type[Item], Callable[[Any, Shape, Here], Result]] = {
            LayerItem: self._layer,
            BlockItem: self._block,
            GroupItem: self._group,
            HeadItem: self._head,
            MergeItem: self._merge,
        }

    def totals(
        self, count: int, given: Mapping[str, Any], input: Size | Many | None = None, batch: int | Many = 1
    ) -> Totals:
        """The counts of so many variants.

        Args:
            count: how many.
            given: values for variables of the spec, in place of its own; those that differ are `Many`.
            input: the input's sizes, as `expand` takes them.
            batch: samples at once.
        """
        found = {name: np.zeros(count, np.int64) for name in self.quantities}
        refused = np.zeros(count, np.bool_)
        waiting = [np.arange(count)]
        while waiting:
            places = waiting.pop()
            values = {name: taken(value, places) for name, value in given.items()}
            try:
                counts = self._network(len(places), values, taken(input, places), taken(batch, places))
                for name in self.quantities:
                    found[name][places] = counts.get(name, 0)
            except Refused as error:
                refused[places[error.mask]] = True
                waiting += [rest] if len(rest := places[~error.mask]) else []
            except OverflowError:  # somewhere among them
                if len(places) == 1:
                    refused[places] = True
                else:
                    waiting += np.array_split(places, 2)
        return Totals(found, refused)

    def _network(self, count: int, given: Variables, input: Any, batch: int | Many) -> Counts:
        """The counts of variants, all of which can be composed."""
        here = Here(count, {}, {"training": self.training}, batch)
        for variable in self.spec.variables.values():
            own = given.get(variable.name)
            if own is None:
                if variable.required:
                    raise here.all()
                own = variable.value
            elif not isinstance(own, Many):
                own = given_value(own, variable.name)
            here.variables[variable.name] = own if isinstance(own, Many) else self._value(own, Shape(()), here)
        here.top = dict(here.variables)
        here.watched = self._watch((0, False), self.spec.layers or [])
        shape = self._input(here, input)
        if self.memory:
            shape = Shape(shape, as_dimension(product(as_numbers(shape))))
        counts = self._items(self.spec.layers or [], shape, here).counts
        add(counts, {"peak": as_number(shape.own)})  # without a layer the input is there
        refuse_beyond(counts.get("layers", 0), MAX_LAYERS, here)
        refuse_clashes(counts, here)
        return counts

    def _input(self, here: Here, input: Any) -> Shape:
        """The shape of the first input, where the trunk starts."""
        names = [name for option in self.spec.inputs.values() for name in names_of(option.value)]
        varied = [name for name in dict.fromkeys(names) if isinstance(here.variables.get(name), Many)]
        columns = [*(here.variables[name] for name in varied), *([input] if isinstance(input, Many) else [])]

        def shape(place: int) -> tuple[int, ...]:
            values = {**here.variables, **{name: here.variables[name].at(place) for name in varied}}
            own = input_shapes(self.spec, values)
            size = input.at(place) if isinstance(input, Many) else input
            return next(iter((own if size is None else full_shapes(size, own)).values()))

        codes, places = combined(columns) if columns else one_combination(here.count)
        found = each_of(shape, places.tolist(), codes)
        if len({len(each) for each in found}) > 1:
            raise here.all()
        return Shape(many(sizes, codes) for sizes in zip(*found, strict=True))

    # Values

    def _value(self, value: Any, shape: Shape, here: Here) -> Any:
        """A value worked out where it stands: `Many` where the variants differ in it."""
        if not isinstance(value, (Expression, tuple)):
            return value
        names = names_of(value)
        variables = here.variables
        if shape and "channels" in names:
            variables["channels"] = shape[0]
        if shape and "sizes" in names:
            variables["sizes"] = sizes_of(shape)
        columns = [name for name in names if isinstance(variables.get(name), Many)]
        scope = dict(variables) if columns else variables

        def at(place: int) -> Any:
            for name in columns:
                scope[name] = variables[name].at(place)
            return evaluate(value, scope)

        codes, places = combined([variables[name] for name in columns]) if columns else one_combination(here.count)
        if len(places) >= MANY and isinstance(value, Expression):
            found = evaluated(value.text, {name: numbers_of(variables.get(name), places) for name in names})
            if found is not None:
                return spread_values(found, codes)
        return many(each_of(at, places.tolist(), codes), codes)

    def _whole(self, value: Any, read: Callable[[Any], Any], here: Here) -> Any:
        """A value read as what it should be: one answer, or an array of one for each variant."""
        if not isinstance(value, Many):
            return each_of(lambda _: read(value), [0], np.zeros(here.count, np.intp))[0]
        found = each_of(lambda number: read(value.values[number]), range(len(value.values)), value.codes)
        return np.array([False if each is None else each for each in found])[value.codes]

    # Items

    def _items(self, items: Sequence[Item], shape: Shape, here: Here) -> Result:
        """A list of items on a shape."""
        counts: Counts = {}
        for item in items:
            shape, found = self._item(item, shape, here)
            add(counts, found)
        return Result(shape, counts)

    def _item(self, item: Item, shape: Shape, here: Here) -> Result:
        """An item, for the variants whose condition holds; for the others it is not there."""
        present = self._present(item, shape, here)
        if present is True:
            return self._repeated(item, shape, here)
        if present is False:
            return Result(shape, {})
        places = np.flatnonzero(present)
        others = np.flatnonzero(~present)
        found = self._part(places, shape, here, lambda inner, part: self._repeated(item, inner, part))
        absent = Result(shape.part(others), {})
        return joined(here, [(places, found), (others, absent)])

    def _present(self, item: Item, shape: Shape, here: Here) -> bool | Mask:
        """Whether an item's condition holds: one answer, or one for each variant."""
        if item.when is None:
            return True
        holds = self._whole(self._value(item.when.value, shape, here), read_condition, here)
        if is_array(holds) and holds.all() == holds.any():
            return bool(holds[0])
        return holds  # type: ignore[no-any-return]

    def _part(self, places: Codes, shape: Shape, here: Here, run: Callable[[Shape, Here], Result]) -> Result:
        """What is worked out for some of the variants."""
        try:
            return run(shape.part(places), here.part(places))
        except Refused as error:
            mask = np.zeros(here.count, np.bool_)
            mask[places[error.mask]] = True
            raise Refused(mask) from None

    def _repeated(self, item: Item, shape: Shape, here: Here) -> Result:
        """An item as often as it is repeated."""
        if item.repeat is None:
            return self._scoped(item, shape, here)
        times = self._whole(self._value(item.repeat.value, shape, here), read_times, here)
        watched = here.watched
        if item.name is not None:
            inside = item.branches if isinstance(item, MergeItem) else []  # whose layers are named beside each other
            here.watched = self._watch((id(item), True), [*inside, *inside])
        result = self._rounds(item, shape, here, np.broadcast_to(times, here.count))
        here.watched = watched
        if item.name is not None:
            refuse_clashes(result.counts, here)
            self._named(item.name, result, here)
        return result

    def _named(self, name: str, result: Result, here: Here) -> None:
        """Note that a name is given, if it is watched."""
        if name in here.watched:
            add(result.counts, {("name", name): 1})

    def _rounds(self, item: Item, shape: Shape, here: Here, times: Whole) -> Result:
        """The rounds of a repeated item, each variant as many times as it asks for. Once a round gives the shape that
        it was given, all that follow are like it."""
        counts: Counts = {}
        indexed = self._reads_index(item)
        outer = here.variables.get("index")
        for index in range(MOST_ROUNDS):
            left = times - index
            active = left > 0
            if not active.any():
                break
            here.variables["index"] = index
            if active.all():
                found = self._scoped(item, shape, here)
            else:
                places, others = np.flatnonzero(active), np.flatnonzero(~active)
                part = self._part(places, shape, here, lambda inner, part: self._scoped(item, inner, part))
                rest = Result(shape.part(others), {})
                found = joined(here, [(places, part), (others, rest)])
            still = False if indexed else same_shapes(shape, found.shape)
            if still is True or (still is not False and still.all()):
                least, most = int(left.min()), int(left.max())
                rounds = least if least == most else np.maximum(left, 1)  # the counts of variants that are done are 0
                several = {key: n if key == "peak" else times_of(n, rounds) for key, n in found.counts.items()}
                add(counts, several)
                break
            add(counts, found.counts)
            shape = found.shape
        else:
            raise Refused(times > MOST_ROUNDS)
        here.variables.pop("index", None)
        if outer is not None:
            here.variables["index"] = outer
        return Result(shape, counts)

    def _scoped(self, item: Item, shape: Shape, here: Here) -> Result:
        """An item once. What a block or group with a name names inside is its own."""
        if item.name is None or not isinstance(item, (BlockItem, GroupItem)):
            result = self._by_type[type(item)](item, shape, here)
        else:
            watched = here.watched
            inside = self.spec.blocks[item.block].items if isinstance(item, BlockItem) else item.items
            here.watched = self._watch((id(item), False), inside)
            result = self._by_type[type(item)](item, shape, here)
            here.watched = watched
            refuse_clashes(result.counts, here)
        if item.name is not None and item.repeat is None:
            self._named(item.name, result, here)
        return result

    def _group(self, item: GroupItem, shape: Shape, here: Here) -> Result:
        return self._items(item.items, shape, here)

    def _head(self, item: HeadItem, shape: Shape, here: Here) -> Result:
        return Result(shape, self._items(item.items, shape, here).counts)

    def _block(self, item: BlockItem, shape: Shape, here: Here) -> Result:
        """A block's items, once for each combination of arguments and shape, if these are fewer than the variants."""
        block = self.spec.blocks[item.block]
        arguments: Variables = {}
        for key, option in item.arguments.items():
            value = option.value.expression if isinstance(option.value, Word) else option.value
            arguments[key] = self._value(value, shape, here)
        read = [value for name, value in here.top.items() if name in self._reads(block)]
        given = (*arguments.values(), *read, *shape, shape.own, here.batch)
        columns = [value for value in given if isinstance(value, Many)]
        inner = Here(here.count, here.top, dict(here.top), here.batch)
        inner.watched = here.watched
        if here.count < FEWEST or not columns:
            return self._called(block, arguments, shape, inner)
        codes, places = combined(columns)
        if len(places) > WORTH * here.count:
            return self._called(block, arguments, shape, inner)
        few = {key: taken(value, places) for key, value in arguments.items()}
        try:
            found = self._called(block, few, shape.part(places), inner.part(places))
        except Refused as error:
            raise Refused(error.mask[codes]) from None
        return spread(found, codes)

    def _called(self, block: Block, arguments: Variables, shape: Shape, here: Here) -> Result:
        """A block's items with these arguments."""
        for variable in block.variables.values():
            if variable.name in arguments:
                here.variables[variable.name] = arguments[variable.name]
            else:
                here.variables[variable.name] = self._value(variable.value, shape, here)
        return self._items(block.items, shape, here)

    def _merge(self, item: MergeItem, shape: Shape, here: Here) -> Result:
        """The branches that are present, and what they meet in. Variants with other branches are worked out apart."""
        present = [self._present(branch, shape, here) for branch in item.branches]
        varied = [Many.of(holds.astype(np.int64)) for holds in present if is_array(holds)]  # type: ignore[union-attr]
        if not varied:
            return self._meet(
                item, [branch for branch, holds in zip(item.branches, present, strict=True) if holds], shape, here
            )
        codes, firsts = combined(varied)
        parts = []
        for number, first in enumerate(firsts.tolist()):
            places = np.flatnonzero(codes == number)
            branches = [
                branch
                for branch, holds in zip(item.branches, present, strict=True)
                if (holds[first] if is_array(holds) else holds)  # type: ignore[index]
            ]

            def run(inner: Shape, part: Here, branches: list[GroupItem] = branches) -> Result:
                return self._meet(item, branches, inner, part)

            parts.append((places, self._part(places, shape, here, run)))
        return joined(here, parts)

    def _meet(self, item: MergeItem, branches: Sequence[GroupItem], shape: Shape, here: Here) -> Result:
        """Some branches, and what they meet in."""
        if not branches:
            raise here.all()
        if self.memory:
            return self._meet_in_memory(item, branches, shape, here)
        counts: Counts = {}
        ends = []
        for branch in branches:
            end, found = self._repeated(branch, shape, here)
            ends.append(end)
            add(counts, found)
        result = self._place(item, shape, ends, here)
        add(counts, result.counts)
        return Result(result.shape, counts)

    def _meet_in_memory(self, item: MergeItem, branches: Sequence[GroupItem], shape: Shape, here: Here) -> Result:
        """The same with what is alive. The tensor on which branches stand is kept for those that follow, and until they
        meet where one of them is that tensor itself; so are the ends of those that are done."""
        counts: Counts = {}
        ends: list[Shape] = []
        own = as_number(shape.own)
        ended: Any = 0
        itself: Any = np.zeros(here.count, np.bool_)
        for number, branch in enumerate(branches):
            last = number == len(branches) - 1
            kept = own * itself if last else own
            start = Shape(shape, as_dimension(own - kept))
            end, found = self._repeated(branch, start, here)
            if "peak" in found:
                found["peak"] = plus(found["peak"], plus(kept, ended))
            add(counts, found)
            ends.append(end)
            if not last:
                itself = itself | (np.asarray(as_number(end.own)) == 0)
            ended = plus(ended, as_number(end.own))
        result = self._place(item, shape, ends, here)
        result.counts["peak"] = plus(result.counts["peak"], own * itself)
        add(counts, result.counts)
        return Result(result.shape, counts)

    def _layer(self, item: LayerItem, shape: Shape, here: Here) -> Result:
        return self._place(item, shape, [shape], here)

    # Layers

    def _place(self, item: LayerItem, shape: Shape, inputs: Sequence[Shape], here: Here) -> Result:
        """A layer on some inputs; `shape` is the tensor of which its options may speak."""
        if item.ready is not None:
            return self._apply(item.ready, {}, inputs, here)
        options = {key: self._value(option.value, shape, here) for key, option in item.options.items()}
        varied = [key for key, value in options.items() if isinstance(value, Many)]
        if not varied:
            op = each_of(lambda _: make(item.kind, options), [0], np.zeros(here.count, np.intp))[0]
            return self._apply(op, {}, inputs, here)
        codes, places = combined([options[key] for key in varied])
        fixed = {key: value for key, value in options.items() if key not in varied}

        def made(place: int) -> Op:
            return make(item.kind, {**fixed, **{key: options[key].at(place) for key in varied}})  # type: ignore[no-any-return]

        ops = each_of(made, places.tolist(), codes)
        arrays = {
            key: many([getattr(op, key) for op in ops], codes)
            for key in varied
            if key in ARRAYS and all(type(getattr(op, key)) is int for op in ops)
        }
        apart = [key for key in varied if key not in arrays]
        if not apart:
            return self._apply(ops[0], arrays, inputs, here)
        groups, firsts = combined([options[key] for key in apart])
        parts = []
        for number, first in enumerate(firsts.tolist()):
            chosen = np.flatnonzero(groups == number)
            op = ops[codes[first]]
            part = here.part(chosen)
            some = {key: taken(value, chosen) for key, value in arrays.items()}
            try:
                found = self._apply(op, some, [each.part(chosen) for each in inputs], part)
            except Refused as error:
                mask = np.zeros(here.count, np.bool_)
                mask[chosen[error.mask]] = True
                raise Refused(mask) from None
            parts.append((chosen, found))
        return joined(here, parts)

    def _apply(self, op: Op, options: Mapping[str, Any], inputs: Sequence[Shape], here: Here) -> Result:
        """An op, some of whose options may be arrays, on some inputs: its output shape and its counts."""
        options = {key: value for key, value in options.items() if isinstance(value, Many)}
        columns = [*options.values(), *(size for shape in inputs for size in shape if isinstance(size, Many))]
        if not columns:
            output, count = self._plain(op, tuple(map(tuple, inputs)), here)  # type: ignore[arg-type]
            return self._alive(op, inputs, Result(Shape(output), counts_of(count, here.batch)))
        sources = {id(column.array): column for column in columns}
        shapes = tuple(tuple(size.array if isinstance(size, Many) else size for size in shape) for shape in inputs)
        try:
            varied = op
            if options:
                arrays = {key: value.array for key, value in options.items()}
                varied = type(op)(**{**op.named(), **arrays})
            found, count = counted(varied, shapes, self.training)
            counts = counts_of(count, here.batch)
        except (OpError, OverflowError):
            raise self._misfits(op, options, inputs, columns, here) from None
        return self._alive(op, inputs, Result(Shape(dimension_of(size, sources) for size in found), counts))

    def _alive(self, op: Op, inputs: Sequence[Shape], result: Result) -> Result:
        """What is alive while an op runs: its inputs, what it makes on the way, and its output, if that is not its
        input's memory."""
        if not self.memory:
            return result
        shapes = [tuple(as_numbers(shape)) for shape in inputs]
        output = tuple(as_numbers(result.shape))
        alive: Any = op.temporaries(tuple(shapes), output)
        for shape in inputs:
            alive = plus(alive, as_number(shape.own))
        if op.is_view(*shapes):
            return Result(Shape(result.shape, inputs[0].own), {**result.counts, "peak": alive})
        made = product(output)
        return Result(Shape(result.shape, as_dimension(made)), {**result.counts, "peak": plus(alive, made)})

    def _plain(self, op: Op, shapes: tuple[tuple[int, ...], ...], here: Here) -> tuple[tuple[int, ...], Count]:
        """The output shape and the counts of an op that is the same for all variants."""
        key = (op, shapes)
        known = self._known.get(key)
        if known is None:
            known = each_of(lambda _: counted(op, shapes, self.training), [0], np.zeros(here.count, np.intp))[0]
            if len(self._known) < MOST_KNOWN:
                self._known[key] = known
        return known

    def _misfits(
        self, op: Op, options: Mapping[str, Many], inputs: Sequence[Shape], columns: Sequence[Many], here: Here
    ) -> Refused:
        """Which variants an op refuses, or count beyond 64 bits: each combination is tried alone."""
        codes, places = combined(columns)
        wrong = np.zeros(len(places), np.bool_)
        for number, place in enumerate(places.tolist()):
            values = {key: value.at(place) for key, value in options.items()}
            shapes = tuple(tuple(n.at(place) if isinstance(n, Many) else n for n in shape) for shape in inputs)
            try:
                single = type(op)(**{**op.named(), **values}) if values else op
                _, count = counted(single, shapes, self.training)
                wrong[number] = sum(count.each.values()) + sum(count.once.values()) > LARGEST
            except OpError:
                wrong[number] = True
        mask = wrong[codes]
        return Refused(mask) if mask.any() else here.all()  # too large with its batch, or in all

    # What is known of the spec

    def _reads(self, block: Block) -> frozenset[str]:
        """The names that a block's items may read, with those of the blocks in it."""
        found = self._used.get(block.name)
        if found is None:
            names: set[str] = set()
            for variable in block.variables.values():
                names.update(names_of(variable.value))
            for item in walk(block.items):
                for value in values_of(item):
                    names.update(names_of(value))
                if isinstance(item, BlockItem):
                    names.update(self._reads(self.spec.blocks[item.block]))
            found = self._used[block.name] = frozenset(names)
        return found

    def _reads_index(self, item: Item) -> bool:
        """Whether what is repeated depends on the number of the round."""
        found = self._indexed.get(id(item))
        if found is None:
            found = any("index" in names_of(value) for each in walk([item]) for value in values_of(each))
            self._indexed[id(item)] = found
        return found

    def _watch(self, key: tuple[int, bool], items: Sequence[Item]) -> frozenset[str]:
        """The names that some items may give twice in one scope, as their conditions will have it."""
        found = self._watched.get(key)
        if found is None:
            given = self._given(items)
            found = self._watched[key] = frozenset(name for name, number in given.items() if number > 1)
        return found

    def _given(self, items: Iterable[Item]) -> Counter[str]:
        """How often items may give each name in the scope where they stand."""
        found: Counter[str] = Counter()
        for item in items:
            names: Counter[str] = Counter()
            if isinstance(item, MergeItem):
                names = self._given(item.branches)
            elif isinstance(item, GroupItem) and item.name is None:
                names = self._given(item.items)
            elif isinstance(item, BlockItem) and item.name is None:
                names = self._given(self.spec.blocks[item.block].items)
            if item.repeat is not None and item.name is not None:
                names = Counter()
            found.update(names)
            if item.repeat is not None:
                found.update(names)
            if item.name is not None:
                found[item.name] += 1
        return found
