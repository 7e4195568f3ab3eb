"""Values of many variants at once: the distinct values, and which of them each variant has.

What depends on a few of them is worked out once for each combination that there is, however many variants share it.

>>> import numpy as np
>>> width = Many([0.5, 1.0], np.array([0, 0, 1, 1]))
>>> depth = Many([1, 2], np.array([0, 1, 0, 1]))
>>> codes, places = combined([width, depth])
>>> codes.tolist(), places.tolist()
([0, 1, 2, 3], [0, 1, 2, 3])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Codes: TypeAlias = npt.NDArray[np.intp]
Whole: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

MOST_SLOTS = 2**31
"""Combinations of codes beyond these are numbered anew before more are combined."""


class Many:
    """A value for each of many variants. `values` are the distinct ones, `codes` says which of them each variant has.

    Made of an array of whole numbers (`Many.of`), it finds its values when first asked.
    """

    __slots__ = ("_array", "_codes", "_values")

    def __init__(self, values: list[Any] | None, codes: Codes | None, array: Whole | None = None) -> None:
        self._values = values
        self._codes = codes
        self._array = array

    @classmethod
    def of(cls, array: Whole) -> Many:
        """The values of an array."""
        return cls(None, None, array)

    def _find(self) -> None:
        values, codes = np.unique(self.array, return_inverse=True)
        self._values, self._codes = values.tolist(), codes

    @property
    def values(self) -> list[Any]:
        """The distinct values; some may be of no variant."""
        if self._values is None:
            self._find()
        return self._values  # type: ignore[return-value]

    @property
    def codes(self) -> Codes:
        """The number of each variant's value."""
        if self._codes is None:
            self._find()
        return self._codes  # type: ignore[return-value]

    @property
    def array(self) -> Whole:
        """The variants' values, whole numbers.

        Raises:
            OverflowError: one is beyond 64 bits.
        """
        if self._array is None:
            self._array = np.array(self.values, np.int64)[self.codes]
        return self._array

    @property
    def numbers(self) -> Any:
        """The variants' values as an array, if they are all whole or all decimals; None otherwise."""
        if self._array is not None:
            return self._array
        kinds = {*map(type, self.values)}
        if kinds == {int}:
            return self.array
        return np.array(self.values, np.float64)[self.codes] if kinds == {float} else None

    def take(self, places: Codes) -> Many:
        """The values of some variants, or of others made of them: that at each place."""
        codes = None if self._codes is None else self._codes[places]
        return Many(self._values, codes, self._array[places] if codes is None and self._array is not None else None)

    def at(self, number: int) -> Any:
        """A variant's value."""
        return self._array[number].item() if self._values is None else self._values[self._codes[number]]  # type: ignore[index]

    def __len__(self) -> int:
        return len(self._array if self._codes is None else self._codes)  # type: ignore[arg-type]

    def list(self) -> list[Any]:
        """The variants' values."""
        if self._values is None:
            return list(self.array.tolist())
        values = self._values
        return [values[code] for code in self.codes.tolist()]


def combined(columns: Sequence[Many]) -> tuple[Codes, Codes]:
    """The combinations of values that variants have: the number of each variant's, and for each combination the place
    of one variant that has it."""
    key = columns[0].codes
    slots = len(columns[0].values)
    for column in columns[1:]:
        if slots * len(column.values) > MOST_SLOTS:
            places, key = np.unique(key, return_inverse=True)
            slots = len(places)
        key = key * len(column.values) + column.codes
        slots *= len(column.values)
    return numbered(key, slots)


def numbered(key: Codes, slots: int) -> tuple[Codes, Codes]:
    """Keys from 0 to `slots` numbered without gaps: each one's number, and a place at which each number stands."""
    if slots > 8 * len(key) + 1024:
        _, places, codes = np.unique(key, return_index=True, return_inverse=True)
        return codes, places
    place = np.full(slots, -1, np.intp)
    place[key[::-1]] = np.arange(len(key) - 1, -1, -1)
    present = np.flatnonzero(place >= 0)
    number = np.empty(slots, np.intp)
    number[present] = np.arange(len(present))
    return number[key], place[present]


def exact(value: Any) -> Any:
    """A key that tells 1, 1.0 and true apart."""
    if isinstance(value, tuple):
        return tuple(map(exact, value))
    return (type(value), value)


def many(results: Iterable[Any], codes: Codes) -> Any:
    """The values of variants, given those of their combinations; the one value if all have the same."""
    index: dict[Any, int] = {}
    values: list[Any] = []
    numbers: list[int] = []
    for result in results:
        key = exact(result)
        number = index.get(key)
        if number is None:
            number = index[key] = len(values)
            values.append(result)
        numbers.append(number)
    if len(values) == 1:
        return values[0]
    return Many(values, np.array(numbers, np.intp)[codes])


def taken(value: Any, places: Codes) -> Any:
    """A value of some variants; what is the same for all stays."""
    return value.take(places) if isinstance(value, Many) else value


def mapped(function: Callable[..., Any], columns: Sequence[Any]) -> Any:
    """A function of values, worked out once for each combination that variants have."""
    varied = [number for number, column in enumerate(columns) if isinstance(column, Many)]
    if not varied:
        return function(*columns)
    codes, places = combined([columns[number] for number in varied])
    arguments = list(columns)
    results = []
    for place in places.tolist():
        for number in varied:
            arguments[number] = columns[number].at(place)
        results.append(function(*arguments))
    return many(results, codes)
