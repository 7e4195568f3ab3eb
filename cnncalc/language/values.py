"""What gives the values of an option at several places: the sizes of the tensor there, or the number of a repetition.
Nothing is a guess: an expression is taken only where it gives the very value of every place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import prod
from typing import Any

from cnncalc.language.text import Code, option_defaults, same
from cnncalc.ops import Opaque
from cnncalc.ops.base import Shape

FACTORS = (2, 3, 4, 6, 8)
"""Numbers of channels are so many times others, in expressions that read well."""
TIMES = range(2, 65)
"""A size is at most so many times another that gives it."""
SIZES = ("size", "channels", "features")
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
LIKE = {"channels": {"channels", "features"}, "features": {"features", "channels"}, "size": {*SIZES}}
"""What is measured alike: such variables give each other's values."""


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
        found = times_of([(value, shape[0]) for value, shape in pairs], FACTORS)
        return found and found.format("channels")
    rank = len(pairs[0][1])
    if measure == "features" and (rank == 1) is (min(len(shape) for _, shape in pairs) == 1):
        found = times_of([(value, shape[-1]) for value, shape in pairs], FACTORS)
        return found and found.format("channels" if rank == 1 else "sizes[-1]")
    if any(len(shape) != rank for _, shape in pairs) or measure == "features":
        return None
    order = [*([first] if first is not None and first < rank else []), *range(rank)]
    for factors in ((), TIMES):
        for axis in order:
            found = times_of([(value, shape[axis]) for value, shape in pairs], factors)
            if found:
                return found.format(_size(axis))
    products = [range(start, stop) for start in range(rank) for stop in range(start + 2, rank + 1)]
    squares = [(axis, axis) for axis in range(rank)] if measure == "count" else []
    for axes in (*products, *squares):
        factors = TIMES if measure == "count" else ()
        found = times_of([(value, prod(shape[axis] for axis in axes)) for value, shape in pairs], factors)
        if found:
            return found.format(" * ".join(map(_size, axes)))
    return None


def _size(axis: int) -> str:
    """A size of the tensor before an item, as expressions call it."""
    return f"sizes[{axis - 1}]" if axis else "channels"


def times_of(pairs: Sequence[tuple[int, int]], factors: Collection[int] = TIMES) -> str | None:
    """How each value comes of a number, with a {} for it: as it is, or one of these multiples or parts of it.

    >>> times_of([(6, 3), (8, 4)]), times_of([(1, 7), (2, 14)]), times_of([(6, 3), (8, 5)]), times_of([(6, 3)], ())
    ('2 * {}', '{} // 7', None, None)
    """
    if all(value == number for value, number in pairs):
        return "{}"
    value, number = pairs[0]
    if not value or not number:
        return None
    factor = value // number
    if factor in factors and all(value == factor * number for value, number in pairs):
        return f"{factor} * {{}}"
    factor = number // value
    if factor in factors and all(factor * value == number for value, number in pairs):
        return f"{{}} // {factor}"
    return None


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
