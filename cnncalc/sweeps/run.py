"""The variants of a network that a declaration makes, worked out chunk by chunk."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from cnncalc.errors import CnncalcError, RequestError, did_you_mean, shorten
from cnncalc.language.model import Spec
from cnncalc.sources import is_spec
from cnncalc.sweeps.declare import Choices, Declaration, check_names
from cnncalc.sweeps.evaluate import SPECIAL, Chunk, Evaluator, Task
from cnncalc.sweeps.found import Found, Wanted, records
from cnncalc.sweeps.quantities import DEFAULT, QUANTITIES, Conditions
from cnncalc.zoo.index import spec_of

Progress: TypeAlias = Callable[[int, int], None]
"""What is told of each chunk: how many variants it had, and how many of them did not expand."""

CHUNK = 16_384
"""Variants that are worked out together, where all that is asked of them is composed."""
SMALL_CHUNK = 64
"""The same where each is expanded in full."""


class Variants:
    """The variants of a network. Iterating works them out and gives a record of each that meets the conditions;
    `table` has those that are wanted, in order.

    Raises:
        RequestError: a variable that the network does not have, an empty grid, an unknown column.
    """

    def __init__(
        self,
        task: Task,
        wanted: Wanted | None = None,
        strict: bool = False,
        jobs: int = 1,
        backend: str | None = None,
        address: str | None = None,
    ) -> None:
        self.wanted = wanted or Wanted()
        self.strict = strict
        self.jobs = jobs
        self.backend = backend
        self.address = address
        self.progress: Progress | None = None
        if jobs != 1 or backend is not None or address is not None:
            from cnncalc.sweeps.workers import checked_backend

            checked_backend(backend or "loky", address)
        names = [*task.declaration.names, *task.quantities]
        more = [name for name in self.wanted.names if name in QUANTITIES and name not in task.quantities]
        if more:
            task = replace(task, quantities=(*task.quantities, *dict.fromkeys(more)))
        self.task = task
        self.names = [*task.declaration.names, *task.quantities]
        check_names(self.wanted.names, [*names, *QUANTITIES], "column")
        self.evaluator = Evaluator(task)
        self._check()

    def _check(self) -> None:
        """Refuse what no variant can be right with."""
        task = self.task
        known = list(self.evaluator.spec.variables) if not task.module else []
        for name in task.declaration.vary:
            if name in QUANTITIES:
                raise RequestError(f"'{name}' is the name of a quantity", hint="call the variable otherwise")
            if name not in known and name not in SPECIAL and not task.module:
                here = f"its variables are {', '.join([*known, *SPECIAL])}"
                hint = did_you_mean(name, [*known, *SPECIAL]) or here
                message = f"{self.evaluator.spec.name} has no variable '{shorten(name)}'"
                raise RequestError(message, hint=hint, code="unknown-variable")
            axis = task.declaration.vary[name]
            own = None if task.module or name in SPECIAL else self.evaluator.spec.variables[name].value
            if isinstance(own, tuple) and isinstance(axis, Choices) and not any(map(_is_list, axis.values)):
                hint = f"a list of lists has several: {name}=[[...], [...]]"
                raise RequestError(f"'{shorten(name)}' is a list, and is given numbers", hint=hint, code="unfit-values")
            if name in task.fixed or (name == "input" and task.input is not None):
                raise RequestError(f"'{shorten(name)}' is set and varied", hint="leave one of them out")
        for name in task.declaration.let:
            if name in known or name in SPECIAL or name in QUANTITIES:
                raise RequestError(
                    f"'{shorten(name)}' is no name for a variable of the sweep", hint="call it otherwise"
                )
        if task.module:
            self._check_arguments()
        check_names([*task.quantities], list(QUANTITIES), "quantity")
        columns = [*task.declaration.names, *QUANTITIES]
        for part in task.declaration.where:
            check_names(part.variables, columns, "column")
        if "time" in task.needed:
            from cnncalc.devices import load

            if task.conditions.device is None:
                raise RequestError("a time is of a device", hint="name one: --device h100")
            load(task.conditions.device).peak(task.conditions.dtype)
        if "train" in task.needed:
            from cnncalc.costs.memory import OPTIMIZERS
            from cnncalc.costs.memory import known as checked

            checked(OPTIMIZERS, task.conditions.optimizer, "optimizer")

    def _check_arguments(self) -> None:
        """Refuse arguments that what makes a PyTorch module does not take: no variant can be right with them."""
        try:
            self.evaluator.first()
        except CnncalcError as error:
            if error.code in ("unfit-argument", "not-installed", "no-module"):
                raise

    @property
    def name(self) -> str:
        """The network's name."""
        return self.task.name

    @property
    def title(self) -> str:
        """What people call the network."""
        return self.task.name if self.task.module else self.evaluator.spec.title or self.task.name

    @property
    def size(self) -> int:
        """How many variants there are, whether or not they meet the conditions."""
        return self.evaluator.space.size

    @property
    def chunk_size(self) -> int:
        """How many variants are worked out together."""
        return SMALL_CHUNK if self.evaluator.full else CHUNK

    @cached_property
    def data(self) -> bytes:
        """The task as workers are sent it."""
        return pickle.dumps(self.task)

    def ranges(self) -> Iterator[tuple[int, int]]:
        """The first and last numbers of the chunks, in order."""
        for start in range(0, self.size, self.chunk_size):
            yield start, min(start + self.chunk_size, self.size)

    def begin(self, done: int) -> None:
        """Say that so many variants were done before."""
        if self.progress is not None:
            self.progress(done, 0)

    def chunks(self, ranges: Iterable[tuple[int, int]] | None = None) -> Iterator[Chunk]:
        """What comes of the variants, chunk by chunk, in order; of some ranges if they are given.

        Raises:
            RequestError: a variant cannot be expanded, and the sweep is strict.
        """
        ranges = self.ranges() if ranges is None else ranges
        if self.jobs == 1 and self.backend is None:
            found: Iterable[Chunk] = (self.evaluator.chunk(start, stop) for start, stop in ranges)
        else:
            from cnncalc.sweeps import workers

            found = workers.chunks(self.data, ranges, self.jobs, self.backend, self.address)
        for chunk in found:
            if self.strict and chunk.errors:
                raise self._failed(chunk)
            if self.progress is not None:
                self.progress(chunk.stop - chunk.start, len(chunk.errors))
            yield chunk

    def _failed(self, chunk: Chunk) -> RequestError:
        """The error of a variant that does not expand."""
        place, error = next(iter(chunk.errors.items()))
        columns = chunk.lists()
        said = ", ".join(f"{name}={columns[name][place]}" for name in self.task.declaration.names)
        return RequestError(f"the variant {said} does not expand: {error}", code="variant")

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """A record per variant that meets the conditions or has an error."""
        for chunk in self.chunks():
            yield from records(chunk)

    def each(self, use: Callable[[Chunk], Any]) -> Found:
        """Work all out and let each chunk be used as it comes, or if an order, a front or a number is wanted, what is
        wanted at the end. What is given back has the numbers of variants."""
        if self.wanted == Wanted():
            found = Found(self.names)
            for chunk in self.chunks():
                found.count(chunk)
                use(chunk)
            return found
        use(self.table.chunk())
        return self.table

    @cached_property
    def table(self) -> Found:
        """The variants that are wanted, in order."""
        found = Found(self.names, self.wanted)
        for chunk in self.chunks():
            found.add(chunk)
        return found.finish()


def _is_list(value: Any) -> bool:
    return isinstance(value, tuple)


def task_of(
    network: str | Path | Spec,
    declaration: Declaration,
    settings: Conditions,
    quantities: Sequence[str] = DEFAULT,
    input: Any = None,
    fixed: Mapping[str, Any] | None = None,
    check: float = 0.001,
) -> Task:
    """The task of a network's sweep: its spec as text, so that any worker can read it."""
    quantities = tuple(dict.fromkeys(quantities))
    given = dict(fixed or {})
    if isinstance(network, str) and "\n" not in network and not is_spec(network):
        return Task(network, declaration, network, "", True, given, input, settings, quantities, 0.0)
    spec = spec_of(network)
    source = spec.source_text
    return Task(source.text, declaration, spec.name, source.name, False, given, input, settings, quantities, check)
