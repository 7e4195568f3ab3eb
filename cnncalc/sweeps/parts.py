"""Shapes and results of many variants at once, in parts and together, and those that are refused among them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from cnncalc.errors import CnncalcError
from cnncalc.formula import is_array
from cnncalc.sweeps.amounts import Amount, Counts
from cnncalc.sweeps.many import Codes, Many, Mask, combined, many, taken

Dimension: TypeAlias = int | Many
Variables: TypeAlias = dict[str, Any]


class Refused(Exception):
    """Some of the variants at hand cannot be composed: those of `mask`."""

    def __init__(self, mask: Mask) -> None:
        super().__init__("variants that cannot be composed")
        self.mask = mask


class Shape(tuple[Dimension, ...]):
    """The sizes of a tensor; `own` are the elements of the memory that it lies in, 0 where that is counted already."""

    own: Dimension

    def __new__(cls, sizes: Iterable[Dimension], own: Dimension = 0) -> Shape:
        self = super().__new__(cls, tuple(sizes))
        self.own = own
        return self

    def part(self, places: Codes) -> Shape:
        """That of some of the variants."""
        return Shape([taken(size, places) for size in self], taken(self.own, places))


class Result(NamedTuple):
    """What an item gives: the shape after it, and what it counts."""

    shape: Shape
    counts: Counts


class Here:
    """Where items stand: the number of variants at hand, the spec's own variables, those that hold here, the batch,
    and the names that are watched because a spec gives them twice in one scope."""

    __slots__ = ("batch", "count", "top", "variables", "watched")

    def __init__(self, count: int, top: Variables, variables: Variables, batch: int | Many) -> None:
        self.count = count
        self.top = top
        self.variables = variables
        self.batch = batch
        self.watched: frozenset[str] = frozenset()

    def part(self, places: Codes) -> Here:
        """The same for some of the variants."""
        top = {name: taken(value, places) for name, value in self.top.items()}
        variables = {name: taken(value, places) for name, value in self.variables.items()}
        inner = Here(len(places), top, variables, taken(self.batch, places))
        inner.watched = self.watched
        return inner

    def all(self) -> Refused:
        """What says that all variants at hand are refused."""
        return Refused(np.ones(self.count, np.bool_))


def joined(here: Here, parts: Sequence[tuple[Codes, Result]]) -> Result:
    """What was worked out for parts of the variants, together."""
    shapes = [result.shape for _, result in parts]
    if len({len(shape) for shape in shapes}) > 1:
        raise here.all()
    sizes = []
    for axis in range(len(shapes[0])):
        values = [(places, shape[axis]) for (places, _), shape in zip(parts, shapes, strict=True)]
        sizes.append(_filled(here.count, values))
    own = _filled(here.count, [(places, result.shape.own) for places, result in parts])
    counts: Counts = {}
    for key in dict.fromkeys(key for _, result in parts for key in result.counts):
        numbers = np.zeros(here.count, np.int64)
        for places, result in parts:
            numbers[places] = result.counts.get(key, 0)
        counts[key] = numbers
    return Result(Shape(sizes, own), counts)


def _filled(count: int, values: Sequence[tuple[Codes, Dimension]]) -> Dimension:
    first = values[0][1]
    if not isinstance(first, Many) and all(not isinstance(size, Many) and size == first for _, size in values):
        return first
    array = np.empty(count, np.int64)
    for places, size in values:
        array[places] = size.array if isinstance(size, Many) else size
    return Many.of(array)


def spread(result: Result, codes: Codes) -> Result:
    """What was worked out for combinations, for the variants that have them."""
    sizes = [_spread_dimension(size, codes) for size in result.shape]
    counts = {key: number[codes] if is_array(number) else number for key, number in result.counts.items()}  # type: ignore[index]
    return Result(Shape(sizes, _spread_dimension(result.shape.own, codes)), counts)


def _spread_dimension(size: Dimension, codes: Codes) -> Dimension:
    return Many(size.values, size.codes).take(codes) if isinstance(size, Many) else size


def as_numbers(shape: Shape) -> list[Any]:
    """The sizes as numbers and arrays."""
    return [as_number(size) for size in shape]


def as_number(size: Dimension) -> Any:
    """A size as a number, or an array of one for each variant."""
    return size.array if isinstance(size, Many) else size


def as_dimension(number: Any) -> Dimension:
    """A number, or an array of one for each variant, as a size."""
    return dimension_of(number, {}) if is_array(number) else int(number)


def dimension_of(size: Any, sources: Mapping[int, Many]) -> Dimension:
    """A size of an op's output; one that it was given keeps what is known of it."""
    if not is_array(size):
        return int(size)
    known = sources.get(id(size))
    if known is not None:
        return known
    first = int(size[0])
    return first if (size == first).all() else Many.of(size)


def numbers_of(value: Any, places: Codes) -> Any:
    """The numbers of a variable at some places, as an array if they are all whole or all decimals."""
    if not isinstance(value, Many):
        return value
    return value.take(places).numbers


def spread_values(found: Any, codes: Codes) -> Any:
    """Values of combinations, for the variants that have them; one where all are the same."""
    values, numbers = np.unique(found, return_inverse=True)
    if len(values) == 1:
        return values[0].item()
    return Many(values.tolist(), numbers[codes])


def sizes_of(shape: Shape) -> Any:
    """The variable `sizes`: the spatial sizes of a shape, as a list."""
    columns = [size for size in shape[1:] if isinstance(size, Many)]
    if not columns:
        return tuple(shape[1:])
    codes, places = combined(columns)
    found = [tuple(n.at(p) if isinstance(n, Many) else n for n in shape[1:]) for p in places.tolist()]
    return many(found, codes)


def same_shapes(a: Shape, b: Shape) -> bool | Mask:
    """Whether two shapes are the same: one answer, or one for each variant."""
    if len(a) != len(b):
        return False
    found: bool | Mask = True
    for n, m in zip((*a, a.own), (*b, b.own), strict=True):
        if n is m:
            continue
        if isinstance(n, Many) or isinstance(m, Many):
            left, right = (size.array if isinstance(size, Many) else size for size in (n, m))
            found = found & (left == right)
        elif n != m:
            return False
    return found


def each_of(function: Callable[[int], Any], numbers: Iterable[int], codes: Codes) -> list[Any]:
    """A function of some numbers. `codes` says, for each variant, which of the results is its own.

    Raises:
        Refused: it fails for some of the variants.
    """
    found, wrong = [], []
    for position, number in enumerate(numbers):
        try:
            found.append(function(number))
        except CnncalcError:
            found.append(None)
            wrong.append(position)
    if wrong:
        mask = np.isin(codes, wrong)
        if mask.any():
            raise Refused(mask)
    return found


def one_combination(count: int) -> tuple[Codes, Codes]:
    """The one combination of what is the same for all variants."""
    return np.zeros(count, np.intp), np.zeros(1, np.intp)


def refuse_beyond(number: Amount, most: int, here: Here) -> None:
    """Refuse variants of which there is too much."""
    beyond = np.broadcast_to(np.asarray(number) > most, here.count)
    if beyond.any():
        raise Refused(beyond.copy())


def refuse_clashes(counts: Counts, here: Here) -> None:
    """Refuse variants that give a name twice in a scope that ends here."""
    for key in [key for key in counts if isinstance(key, tuple)]:
        refuse_beyond(counts.pop(key), 1, here)
