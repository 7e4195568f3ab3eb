"""One chunk of a sweep: the variants of some numbers, their quantities, and which of them meet the conditions.

What is cheap comes first: conditions on variables, then counts composed for all, then the conditions on these; only
what is left is expanded in full, where a quantity needs it. A random part of what is composed is always expanded in
full and compared: a difference is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from cnncalc.costs.analysis import Costs
from cnncalc.costs.memory import DTYPES
from cnncalc.errors import CnncalcError, SpecError
from cnncalc.language.expand import expand
from cnncalc.language.expressions import Expression
from cnncalc.sources import is_onnx, read_module, read_onnx, refuse_for_onnx
from cnncalc.sweeps.composed import QUANTITIES as COMPOSED
from cnncalc.sweeps.composed import Composer
from cnncalc.sweeps.declare import Declaration
from cnncalc.sweeps.many import Codes, Many, Mask, combined, many, mapped, taken
from cnncalc.sweeps.quantities import QUANTITIES, Conditions
from cnncalc.sweeps.space import Space

SPECIAL = ("input", "batch")
"""What can be varied that is no variable of the network."""
EXACT = 2.0**53
"""Whole numbers from here on are not all floating-point numbers."""

Column: TypeAlias = Any
"""The values of some variants: `Many`, an array, or a list where some are missing."""


@dataclass(frozen=True)
class Task:
    """Everything that says what a sweep is, as it is sent to workers.

    Attributes:
        source: the text of the spec; or what names a PyTorch module.
        name, origin: what the spec is called, and where messages say that it stands.
        module: whether the source names a PyTorch module.
        declaration: what is varied.
        fixed: values for other variables of the network.
        input: the input's sizes, where they are not varied.
        conditions: under which variants are counted.
        quantities: what is wanted of each variant.
        check: which part of what is composed is expanded in full too.
    """

    source: str
    declaration: Declaration
    name: str = "network"
    origin: str = "<text>"
    module: bool = False
    fixed: Mapping[str, Any] = field(default_factory=dict)
    input: Any = None
    conditions: Conditions = field(default_factory=Conditions)
    quantities: tuple[str, ...] = ()
    check: float = 0.0

    @property
    def needed(self) -> tuple[str, ...]:
        """The quantities to work out: those wanted, and those that conditions speak of."""
        asked = [name for part in self.declaration.where for name in part.variables if name in QUANTITIES]
        return tuple(dict.fromkeys([*self.quantities, *asked]))


@dataclass
class Chunk:
    """What came of the variants from `start` to `stop`.

    Attributes:
        numbers: the variants that are kept: those that meet the conditions, and those that have an error.
        columns: the values of variables and quantities of these; None where one is unknown.
        errors: why a variant has no quantities, by its position among those that are kept.
        checked: how many composed variants were expanded in full too.
        composed: how many were composed.
    """

    start: int
    stop: int
    numbers: Any
    columns: dict[str, Column]
    errors: dict[int, str]
    checked: int = 0
    composed: int = 0

    def __len__(self) -> int:
        return len(self.numbers)

    def lists(self) -> dict[str, list[Any]]:
        """The columns as lists of Python's values."""
        return {name: listed(column) for name, column in self.columns.items()}


class CheckError(CnncalcError):
    """What was composed differs from the full expansion: a fault of cnncalc."""

    exit_status = 1
    code = "sweep-check"


class Evaluator:
    """Works out chunks of a task."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.space = Space(task.declaration)
        self.composer: Composer | None = None
        if not task.module:
            from cnncalc.zoo.index import load_text

            self.spec = load_text(task.source, task.name, task.origin)
            composer = Composer(self.spec, task.conditions.training, "peak" in task.needed)
            self.composer = composer if composer.unfit is None else None
        self.vary = task.declaration.vary
        self.quantities = task.needed
        memory = ("peak",) if self.composer is not None and self.composer.memory else ()
        self.counted = (*COMPOSED, *memory)  # what is composed, and compared
        self.full = [
            name
            for name in self.quantities
            if self.composer is None or (QUANTITIES[name].full and name not in self.counted)
        ]
        self.composed = [name for name in self.quantities if name not in self.full]

    def chunk(self, start: int, stop: int) -> Chunk:
        """What comes of the variants of some numbers.

        Raises:
            CheckError: what was composed differs from the full expansion.
            SpecError: a condition has no value.
        """
        where = self.task.declaration.where
        return self._worked_out(_State(start, stop, self.space.columns(start, stop)), where)

    def variants(self, columns: dict[str, Many], count: int, start: int = 0) -> Chunk:
        """What comes of variants with these values; all are kept, whether or not they meet the conditions.

        Raises:
            CheckError: what was composed differs from the full expansion.
        """
        return self._worked_out(_State(start, start + count, self.space.completed(columns, count)), ())

    def first(self) -> Any:
        """The analysis of the first variant.

        Raises:
            CnncalcError: it does not expand.
        """
        columns = self.space.columns(0, 1)
        return self._analysis({name: columns[name].at(0) for name in self.vary})

    def _worked_out(self, state: _State, where: Sequence[Expression]) -> Chunk:
        """What comes of some variants; those that do not meet the conditions are left out."""
        state.hold([part for part in where if not set(part.variables) & QUANTITIES.keys()])
        checked = composed = 0
        if self.composer is not None and len(state):
            composed = len(state)
            counts, checked = self._compose(state, state.start == 0)
            state.columns.update(counts)
            cheap = [part for part in where if set(part.variables) & QUANTITIES.keys()]
            state.hold([part for part in cheap if not set(part.variables) & set(self.full)])
        if self.full and len(state):
            self._expand(state)
            state.hold([part for part in where if set(part.variables) & set(self.full)])
        names = [*self.task.declaration.names, *self.task.quantities]
        columns = {name: state.columns[name] if name in state.columns else [None] * len(state) for name in names}
        return Chunk(state.start, state.stop, state.numbers, columns, state.errors, checked, composed)

    def _compose(self, state: _State, first: bool) -> tuple[dict[str, Any], int]:
        """The counts of the variants, and how many were checked. Those that cannot be composed are expanded."""
        assert self.composer is not None
        given = {**self.task.fixed, **{name: state.columns[name] for name in self.vary if name not in SPECIAL}}
        input = state.columns["input"] if "input" in self.vary else self.task.input
        batch = state.columns["batch"] if "batch" in self.vary else self.task.conditions.batch
        totals = self.composer.totals(len(state), given, input, batch)
        size = DTYPES[self.task.conditions.dtype]
        counts: dict[str, Any] = {name: totals.counts[name] for name in COMPOSED}
        if "peak" in totals.counts:
            counts["peak"] = _peak(
                totals.counts, batch.array if isinstance(batch, Many) else batch, size, totals.refused
            )
        generator = np.random.default_rng([self.task.declaration.seed, state.start])
        chosen = generator.random(len(state)) < self.task.check
        chosen[0] |= first and self.task.check > 0
        chosen &= ~totals.refused
        self._compare(state, np.flatnonzero(chosen), counts)
        refused = np.flatnonzero(totals.refused)
        if len(refused):
            found = self._each(state, refused, self.counted)
            for name in self.counted:
                counts[name] = _replaced(counts[name], refused, found[name])
        if "param_bytes" in self.composed:
            params = counts["params"]
            whole = isinstance(params, np.ndarray)
            counts["param_bytes"] = params * size if whole else [n if n is None else n * size for n in params]
        return {name: counts[name] for name in self.composed}, int(chosen.sum())

    def _compare(self, state: _State, places: Codes, counts: Mapping[str, Any]) -> None:
        """Expand some variants in full, and compare.

        Raises:
            CheckError: they differ.
        """
        for place in places.tolist():
            values = state.values(place, self.vary)
            try:
                analysis = self._analysis(values)
                expanded = {name: QUANTITIES[name].of(analysis, self.task.conditions) for name in self.counted}
            except CnncalcError as error:
                expanded = {"error": _text(error)}  # type: ignore[dict-item]
            composed = {name: int(counts[name][place]) for name in self.counted}
            if composed != expanded:
                different = [name for name in self.counted if composed[name] != expanded.get(name)]
                raise CheckError(
                    f"composed counts differ from the full expansion's at {values}: "
                    f"{ {name: composed[name] for name in different} } and {expanded}",
                    hint="please report it, with the spec; --check 1 and the full expansion are right",
                )

    def _expand(self, state: _State) -> None:
        """The quantities of the variants that need the expanded network. Those with an error are left out."""
        places = np.array([n for n in range(len(state)) if n not in state.errors], np.intp)
        found = self._each(state, places, self.full)
        for name in self.full:
            state.columns[name] = _replaced([None] * len(state), places, found[name])

    def _each(self, state: _State, places: Codes, names: Sequence[str]) -> dict[str, list[Any]]:
        """Quantities of some variants, each combination expanded once; None where the variant has an error, which is
        noted."""
        columns = [state.columns[name].take(places) for name in self.vary]
        codes, firsts = combined(columns) if columns else (np.zeros(len(places), np.intp), np.zeros(1, np.intp))
        found: dict[str, list[Any]] = {name: [] for name in names}
        errors: dict[int, str] = {}
        for code, first in enumerate(firsts.tolist() if len(places) else []):
            try:
                analysis = self._analysis(
                    {name: column.at(first) for name, column in zip(self.vary, columns, strict=True)}
                )
                values = [QUANTITIES[name].of(analysis, self.task.conditions) for name in names]
                if any(isinstance(value, int) and value >= 2**63 for value in values):
                    raise SpecError("a count is beyond 64 bits", self.spec.place)
            except CnncalcError as error:
                errors[code] = _text(error)
                values = [None] * len(names)
            for name, value in zip(names, values, strict=True):
                found[name].append(value)
        for place, code in zip(places.tolist(), codes.tolist(), strict=True):
            if code in errors:
                state.errors[place] = errors[code]
        return {name: [values[code] for code in codes.tolist()] for name, values in found.items()}

    def _analysis(self, values: Mapping[str, Any]) -> Costs:
        """The costs of the network with these values."""
        task = self.task
        given = {**task.fixed, **{name: value for name, value in values.items() if name not in SPECIAL}}
        input, training = values.get("input", task.input), task.conditions.training
        if task.module and is_onnx(task.source):
            refuse_for_onnx(set=given, training=training)
            graph = read_onnx(task.source, input)
        elif task.module:
            graph = read_module(task.source, input, given, training=training).graph
        else:
            graph = expand(self.spec, input, given, training)
        return Costs(graph, values.get("batch", task.conditions.batch), task.conditions.dtype)


class _State:
    """The variants of a chunk that are still in question, with what is known of them."""

    def __init__(self, start: int, stop: int, columns: Mapping[str, Many]) -> None:
        self.start = start
        self.stop = stop
        self.numbers = np.arange(start, stop, dtype=np.int64)
        self.columns: dict[str, Column] = dict(columns)
        self.errors: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self.numbers)

    def values(self, place: int, names: Sequence[str] | Mapping[str, Any]) -> dict[str, Any]:
        """The values of a variant's variables."""
        return {name: self.columns[name].at(place) for name in names}

    def hold(self, parts: Sequence[Expression]) -> None:
        """Keep the variants that meet some conditions, and those with an error."""
        for part in parts:
            if not len(self):
                return
            wanted = holding(part, self.columns, len(self))
            wanted[list(self.errors)] = True
            if wanted.all():
                continue
            places = np.flatnonzero(wanted)
            self.numbers = self.numbers[places]
            self.columns = {name: chosen(column, places) for name, column in self.columns.items()}
            moved = {place: number for number, place in enumerate(places.tolist())} if self.errors else {}
            self.errors = {moved[place]: error for place, error in self.errors.items()}


def holding(condition: Expression, columns: Mapping[str, Column], count: int) -> Mask:
    """Of which variants a condition holds. What is unknown meets no condition.

    Raises:
        SpecError: it has no value for one of them.
    """
    simple = condition.comparison
    if simple is not None:
        name, compare, number = simple
        column = columns[name]
        if isinstance(column, np.ndarray) and (abs(number) < EXACT and float(number).is_integer()):
            return np.asarray(compare(column, int(number)))
    given = [_many(columns[name], count) for name in condition.variables]

    def holds(*values: Any) -> bool:
        if any(value is None for value in values):
            return False
        found = condition(dict(zip(condition.variables, values, strict=True)))
        if not isinstance(found, (bool, int, float)):
            raise SpecError("a condition is true or false", condition.place, code="unfit-condition")
        return bool(found)

    found = mapped(holds, given)
    if not isinstance(found, Many):
        return np.full(count, bool(found))
    return np.array(found.values, np.bool_)[found.codes]


def _many(column: Column, count: int) -> Many:
    """A column as distinct values."""
    if isinstance(column, Many):
        return column
    if isinstance(column, np.ndarray) and column.dtype.kind == "i":
        return Many.of(column)
    found = many(listed(column), np.arange(count))
    return found if isinstance(found, Many) else Many([found], np.zeros(count, np.intp))


def chosen(column: Column, places: Codes) -> Column:
    """The values of some of the variants."""
    if isinstance(column, list):
        return [column[place] for place in places.tolist()]
    return column[places] if isinstance(column, np.ndarray) else taken(column, places)


def listed(column: Column) -> list[Any]:
    """A column as a list of Python's values.

    >>> listed(Many(["a", "b"], np.array([1, 0]))), listed(np.array([1, 2]))
    (['b', 'a'], [1, 2])
    """
    if isinstance(column, Many):
        return column.list()
    return list(column.tolist()) if isinstance(column, np.ndarray) else column


def _peak(counts: Mapping[str, Any], batch: Any, size: int, refused: Mask) -> Any:
    """The bytes at the peak of inference: what is stored, and the elements alive at once of each sample. A variant
    whose bytes are beyond 64 bits is refused."""
    rough = (counts["params"] + counts["buffers"] + counts["peak"] * np.asarray(batch, np.float64)) * size
    refused |= rough >= 2.0**62
    return (counts["params"] + counts["buffers"] + counts["peak"] * batch) * size


def _replaced(column: Column, places: Codes, values: Sequence[Any]) -> Column:
    """A column with other values at some places; an array where none is missing and all are whole."""
    found = listed(column)
    for place, value in zip(places.tolist(), values, strict=True):
        found[place] = value
    if any(type(value) is not int for value in found):
        return found
    return np.array(found, np.int64)


def _text(error: CnncalcError) -> str:
    """An error in one line."""
    label = getattr(error, "label", None)
    return f"{error.message} ({label})" if label else error.message


@lru_cache(maxsize=4)
def _evaluator(data: bytes) -> Evaluator:
    import pickle

    return Evaluator(pickle.loads(data))


def chunk_of(data: bytes, start: int, stop: int) -> Chunk:
    """A chunk of a pickled task: what workers run. Each makes the task's evaluator once."""
    return _evaluator(data).chunk(start, stop)


Run: TypeAlias = Callable[[int, int], Chunk]
