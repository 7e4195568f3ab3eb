"""What a sweep found, kept as far as it is asked for: all variants, the first so many, the best, or a Pareto front.

Only what is kept is in memory, however many variants go by.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnncalc.errors import RequestError
from cnncalc.sweeps.declare import check_names
from cnncalc.sweeps.evaluate import Chunk
from cnncalc.sweeps.front import front, objectives

SLACK = 20_000
"""So many rows more than are wanted are gathered before the worse are dropped."""


@dataclass(frozen=True)
class Wanted:
    """Which variants are wanted, and in which order.

    Attributes:
        sort: the column to sort by; None for the order of the variants.
        reverse: largest first.
        pareto: the columns of a Pareto front; those with `max:` before them are to be large.
        top: so many at most; None for all.
    """

    sort: str | None = None
    reverse: bool = False
    pareto: tuple[str, ...] = ()
    top: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it speaks of."""
        return (*(objective(text)[0] for text in self.pareto), *([self.sort] if self.sort else []))


def objective(text: str) -> tuple[str, int]:
    """The column of an objective, and its sign: -1 for what is to be large.

    >>> objective("params"), objective("max:field")
    (('params', 1), ('field', -1))
    """
    word, colon, name = text.strip().rpartition(":")
    if colon and word not in ("min", "max"):
        raise RequestError(f"'{text[:40]}' is no objective", hint="write params, min:params or max:field")
    return name, -1 if word == "max" else 1


class Found:
    """The variants that are kept, a column each for their numbers, variables and quantities.

    Attributes:
        numbers: of the variants.
        columns: their values by name; None where one is unknown, or the variant has an error.
        errors: the variants' errors; None where there is none.
        tried: how many variants there were.
        met: how many of them met the conditions.
        failed: how many could not be expanded.
        checked: how many composed variants were expanded in full too.
        composed: how many were composed.
    """

    def __init__(self, names: Sequence[str], wanted: Wanted | None = None) -> None:
        self.wanted = wanted or Wanted()
        check_names(self.wanted.names, list(names), "column")
        self.numbers: list[int] = []
        self.columns: dict[str, list[Any]] = {name: [] for name in names}
        self.errors: list[str | None] = []
        self.tried = self.met = self.failed = self.checked = self.composed = 0
        self.examples: list[str] = []

    def __len__(self) -> int:
        return len(self.numbers)

    def add(self, chunk: Chunk) -> None:
        """Take what is wanted of a chunk; the chunks come in order."""
        self.count(chunk)
        self.take(chunk)

    def count(self, chunk: Chunk) -> None:
        """Count a chunk's variants, and keep none."""
        self.tried += chunk.stop - chunk.start
        self.failed += len(chunk.errors)
        self.met += len(chunk) - len(chunk.errors)
        self.checked += chunk.checked
        self.composed += chunk.composed
        for error in chunk.errors.values():
            if error not in self.examples and len(self.examples) < 3:
                self.examples.append(error)

    def take(self, chunk: Chunk) -> None:
        """Keep what is wanted of a chunk."""
        top = self.wanted.top
        if top is not None and not self.wanted.sort and not self.wanted.pareto and len(self) >= top:
            return
        self.numbers += chunk.numbers.tolist()
        for name, values in chunk.lists().items():
            self.columns[name] += values
        self.errors += [chunk.errors.get(place) for place in range(len(chunk))]
        self.trim(SLACK)

    def trim(self, slack: int = 0) -> None:
        """Drop what is not wanted, once it is more than so many rows."""
        if self.wanted.pareto:
            if len(self) > slack:
                self._front()
        elif self.wanted.top is not None and len(self) > self.wanted.top + slack:
            if self.wanted.sort:
                self._sort()
            self._keep(range(self.wanted.top))

    def finish(self) -> Found:
        """What is wanted, in order."""
        if self.wanted.pareto:
            self._front()
        if self.wanted.sort:
            self._sort()
        if self.wanted.top is not None:
            self.first(self.wanted.top)
        return self

    def first(self, number: int) -> None:
        """Keep the first so many."""
        self._keep(range(min(number, len(self))))

    def _front(self) -> None:
        names, signs = zip(*map(objective, self.wanted.pareto), strict=True)
        best = front(objectives([self.columns[name] for name in names], signs))
        self._keep([place for place, is_best in enumerate(best.tolist()) if is_best])

    def _sort(self) -> None:
        assert self.wanted.sort is not None
        values = self.columns[self.wanted.sort]
        known = [place for place, value in enumerate(values) if value is not None]
        unknown = [place for place, value in enumerate(values) if value is None]
        try:
            known.sort(key=lambda place: values[place], reverse=self.wanted.reverse)
        except TypeError:
            raise RequestError(f"'{self.wanted.sort}' has no order", hint="sort by a number") from None
        self._keep(known + unknown)

    def _keep(self, places: Iterable[int]) -> None:
        places = list(places)
        self.numbers = [self.numbers[place] for place in places]
        self.errors = [self.errors[place] for place in places]
        self.columns = {name: [values[place] for place in places] for name, values in self.columns.items()}

    def chunk(self) -> Chunk:
        """What is kept, as a chunk."""
        errors = {place: error for place, error in enumerate(self.errors) if error is not None}
        return Chunk(0, self.tried, np.array(self.numbers, np.int64), dict(self.columns), errors)

    def to_records(self) -> list[dict[str, Any]]:
        """A record per variant, as data frames take them."""
        return [self.record(place) for place in range(len(self))]

    def record(self, place: int) -> dict[str, Any]:
        """The record of the variant at a place; `error` only if it has one."""
        record = {"variant": self.numbers[place], **{name: values[place] for name, values in self.columns.items()}}
        if self.errors[place] is not None:
            record["error"] = self.errors[place]
        return record


def records(chunk: Chunk) -> Iterable[dict[str, Any]]:
    """A record per variant of a chunk; every one has an `error`, mostly None."""
    columns: Mapping[str, list[Any]] = chunk.lists()
    for place, values in enumerate(zip(chunk.numbers.tolist(), *columns.values(), strict=True)):
        yield {**dict(zip(("variant", *columns), values, strict=True)), "error": chunk.errors.get(place)}
