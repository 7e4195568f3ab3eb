"""The variants of a sweep, in a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from cnncalc.render.json import SCHEMA
from cnncalc.render.table import AMOUNT, UNKNOWN, Cell, Column, Table
from cnncalc.sweeps.declare import plain, text_of
from cnncalc.views import View

if TYPE_CHECKING:
    from cnncalc.sweeps.evaluate import Chunk
    from cnncalc.sweeps.found import Found
    from cnncalc.sweeps.run import Variants

MOST_ROWS = 40
"""More variants than these are shown only if all are asked for."""


class SweepRecord(Struct):
    """What was asked: the network, the variables with what they can be, the conditions; and how many variants there
    were, met the conditions, could not be expanded, were composed, and were checked by a full expansion."""

    network: str
    variables: dict[str, str]
    where: list[str]
    sample: int | None
    seed: int
    batch: int
    dtype: str
    tried: int
    met: int
    failed: int
    composed: int
    checked: int


class SweepDocument(Struct):
    """The document of a sweep: a record per variant, with its number, its variables, its quantities (null where one is
    unknown), and its error if it does not expand."""

    schema: int
    sweep: SweepRecord
    variants: list[dict[str, Any]]


def view(sweep: Variants, found: Found, every: bool = False, names: Sequence[str] = (), title: str = "") -> View:
    """The variants that are wanted.

    Args:
        every: all of them, however many.
        names: the columns to show; all if there are none.
        title: what the table is about; if there is none, what the sweep is.
    """
    shown = len(found) if every else min(len(found), MOST_ROWS)
    names = names or sweep.names
    columns = [_column(name, found.columns[name][:shown]) for name in names]
    if any(error is not None for error in found.errors):
        columns.append(Column("Error", "error"))
    notes = notes_of(sweep, found)
    hidden = (len(found) if found.wanted.pareto else found.met + found.failed) - shown
    if hidden > 0 and shown >= MOST_ROWS:  # fewer are what was asked for
        notes.insert(0, f"{hidden:,} more are not shown; --top and --sort choose, --all shows each.")
    title = title or heading(sweep, found)
    parts = (Table(title, columns, [_row(found, names, place, len(columns)) for place in range(shown)], notes=notes),)
    csv = Table(title, columns, _Rows(found, names, len(columns)))
    return View(parts, lambda: document(sweep, found), csv)


def searched(sweep: Variants, found: Found, every: bool = False, names: Sequence[str] = ()) -> View:
    """What a search found, as `view` shows a sweep."""
    trials = f"{found.tried:,} trials, {found.met:,} different ones meet the conditions"
    front = found.wanted.pareto
    title = f"{sweep.title}: {trials}" + (f"; a Pareto front in {', '.join(front)}" if front else "")
    return view(sweep, found, every, names or list(found.columns), title)


def heading(sweep: Variants, found: Found) -> str:
    """What the table is about."""
    graph = sweep.title
    if sweep.wanted.pareto:
        return (
            f"{graph}: {len(found):,} of {found.tried:,} variants, a Pareto front in {', '.join(sweep.wanted.pareto)}"
        )
    kept = found.met + found.failed
    which = f"{kept:,} of {found.tried:,} variants" if kept < found.tried else f"{found.tried:,} variants"
    if len(found) < kept:
        which += f", the first {len(found):,}"
    return f"{graph}: {which}" if found.tried != 1 else f"{graph}: 1 variant"


def notes_of(sweep: Variants, found: Found) -> list[str]:
    """What is to be said of the whole."""
    notes = []
    if found.failed:
        of_them = "1 variant does" if found.failed == 1 else f"{found.failed:,} variants do"
        notes.append(f"{of_them} not expand: {'; '.join(found.examples)}.")
    if found.wanted.pareto:
        notes.append("Pareto front: no other variant is as good in all of these and better in one.")
    if sweep.evaluator.composer is None and not sweep.task.module:
        from cnncalc.sweeps.items import unfit_of

        notes.append(f"Each variant is expanded in full: {unfit_of(sweep.evaluator.spec)}.")
    from cnncalc.sweeps.quantities import QUANTITIES

    unknown = [name for name, values in found.columns.items() if None in values and name in QUANTITIES]
    if unknown and not found.failed:
        notes.append(f"Unknown for some variants: {', '.join(unknown)}. What is unknown meets no condition.")
    return notes


def document(sweep: Variants, found: Found) -> SweepDocument:
    """The document for programs."""
    task = sweep.task
    record = SweepRecord(
        network=sweep.name,
        variables={name: text_of(axis) for name, axis in task.declaration.axes.items()},
        where=[part.text for part in task.declaration.where],
        sample=task.declaration.sample,
        seed=task.declaration.seed,
        batch=task.conditions.batch,
        dtype=task.conditions.dtype,
        tried=found.tried,
        met=found.met,
        failed=found.failed,
        composed=found.composed,
        checked=found.checked,
    )
    return SweepDocument(SCHEMA, record, _Records(found))  # type: ignore[arg-type]


def csv_rows(chunk: Chunk, names: Sequence[str]) -> Iterator[list[Any]]:
    """A chunk's rows in CSV: number, some columns, error; what is unknown is empty."""
    lists = chunk.lists()
    columns = [
        [plain(value) if isinstance(value, bool | tuple | list) else value for value in lists[name]] for name in names
    ]
    for place, (number, *values) in enumerate(zip(chunk.numbers.tolist(), *columns, strict=True)):
        yield [number, *values, chunk.errors.get(place)]


def summary(found: Found) -> str:
    """What came of it, in a sentence."""
    text = f"{found.tried:,} variants"
    if found.met + found.failed < found.tried:
        text += f", {found.met:,} of which meet the conditions"
    if found.failed:
        text += f"; {found.failed:,} do not expand: {'; '.join(found.examples)}"
    return text


def _column(name: str, values: Sequence[Any]) -> Column:
    """A column; numbers that are not whole are shown to six digits."""
    from cnncalc.sweeps.quantities import QUANTITIES

    title = QUANTITIES[name].title if name in QUANTITIES else name
    return Column(title, name, ".6g" if any(isinstance(value, float) for value in values) else AMOUNT)


def _row(found: Found, names: Sequence[str], place: int, width: int) -> list[Cell]:
    """A variant's cells."""
    from cnncalc.sweeps.quantities import QUANTITIES

    failed = found.errors[place] is not None
    row = [_cell(found.columns[name][place], name in QUANTITIES and not failed) for name in names]
    return [*row, found.errors[place]] if width > len(names) else row


def _cell(value: Any, unknown: bool) -> Cell:
    if value is None:
        return UNKNOWN if unknown else None
    return value if isinstance(value, int | float | str) and not isinstance(value, bool) else plain(value)


class _Rows:
    """Rows made one by one, as often as they are read."""

    def __init__(self, found: Found, names: Sequence[str], width: int) -> None:
        self.found, self.names, self.width = found, names, width

    def __iter__(self) -> Iterator[list[Cell]]:
        return (_row(self.found, self.names, place, self.width) for place in range(len(self.found)))


class _Records:
    """Records made one by one, as often as they are read."""

    def __init__(self, found: Found) -> None:
        self.found = found

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self.found.record, range(len(self.found)))
