"""Sweeps: a declaration with a network, run chunk by chunk.

>>> found = sweep("mobilenet_v1", vary={"width": "0.25:1:0.25", "input": [128, 224]}, where="macs < 200e6").table
>>> found.tried, found.met, found.columns["macs"][0]
(8, 5, 13647744)
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from cnncalc.errors import CnncalcError, RequestError, did_you_mean, shorten
from cnncalc.language.model import Spec
from cnncalc.sweeps.declare import Choices, Declaration, check_names, conditions, given_values
from cnncalc.sweeps.evaluate import SPECIAL, Chunk, Evaluator, Task
from cnncalc.sweeps.found import Found, Wanted, objective, records
from cnncalc.sweeps.quantities import DEFAULT, QUANTITIES, Conditions

if TYPE_CHECKING:
    from cnncalc.render.chart import Chart
    from cnncalc.views import View

Progress: TypeAlias = Callable[[int, int], None]
"""What is told of each chunk: how many variants it had, and how many of them did not expand."""

CHUNK = 16_384
"""Variants that are worked out together, where all that is asked of them is composed."""
SMALL_CHUNK = 64
"""The same where each is expanded in full."""


class Sweep:
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

    def chart(self, kind: str, *names: str, title: str = "") -> Chart:
        """A chart of the variants that are wanted, as data; a notebook draws it.

        Args:
            kind: distribution, pareto, scatter or parallel.
            names: the columns: of a distribution any number, of a scatter two and one for the colour, of a Pareto front
                two, of parallel coordinates two or more.

        Raises:
            RequestError: no such kind or column, or too few of them.
        """
        from cnncalc.views.sweep_charts import chart

        return chart(kind, self.table.columns, names, title)

    def to_folder(self, folder: str | Path, resume: bool = False) -> Found:
        """Write the variants that meet the conditions to a folder of Parquet files; what is given back has their
        numbers. With `resume` only what is missing there is worked out.

        Raises:
            RequestError: the folder has results already, or those of another sweep; it cannot be written; pyarrow is
                not installed; an order or a front is wanted.
        """
        from cnncalc.sweeps.dataset import Dataset

        if self.wanted != Wanted():
            hint = "name a file, such as variants.parquet; or leave --sort, --pareto and --top out"
            raise RequestError("a folder has every variant, in no other order", hint=hint)
        return Dataset(Path(folder), self, resume).fill()

    def search(
        self,
        minimise: str | Sequence[str] = (),
        maximise: str | Sequence[str] = (),
        storage: str | Path | None = None,
        resume: bool = False,
    ) -> Found:
        """Search for the best variants: `sample` of them are tried, each chosen by what was found before.

        Args:
            minimise, maximise: the columns that are to be small, or large.
            storage: a file for the trials, with which a later search goes on if it is to `resume`.

        Returns:
            The variants that meet the conditions: the best first, or the Pareto front of several objectives.

        Raises:
            RequestError: no objective, no sample; Optuna is not installed; there are trials already, or those of
                another search.

        >>> found = sweep("mobilenet_v1", {"width": "0.25:2"}, where="macs < 300e6", sample=40).search(maximise="macs")
        >>> 280e6 < found.columns["macs"][0] < 300e6
        True
        """
        from cnncalc.sweeps.search import search

        small = [minimise] if isinstance(minimise, str) else minimise
        large = [maximise] if isinstance(maximise, str) else maximise
        objectives = [*small, *(f"max:{name}" for name in large)]
        if not objectives:
            raise RequestError("a search has something to find", hint="such as --minimise macs or --maximise field")
        if self.task.declaration.sample is None:
            raise RequestError("a search has a number of trials", hint="such as sample=1000")
        conditions = [name for part in self.task.declaration.where for name in part.variables]
        names = [objective(each)[0] for each in objectives] + [name for name in conditions if name in QUANTITIES]
        check_names(names, [*self.task.declaration.names, *QUANTITIES], "column")
        more = tuple(dict.fromkeys(name for name in names if name in QUANTITIES and name not in self.task.quantities))
        task = replace(self.task, quantities=(*self.task.quantities, *more))
        made = Sweep(task, Wanted(top=self.wanted.top)) if more else self
        made.progress = self.progress
        self.names = made.names
        return search(made, objectives, Path(storage) if storage is not None else None, resume)

    def to_records(self) -> list[dict[str, Any]]:
        """A record per variant that is wanted: `pandas.DataFrame(sweep.to_records())`."""
        return self.table.to_records()

    @property
    def view(self) -> View:
        """What is shown of it."""
        from cnncalc.views.sweep import view

        return view(self, self.table)

    def __repr__(self) -> str:
        from cnncalc.face import _text

        return _text(self.view)

    def _repr_html_(self) -> str:
        from cnncalc.face import _html

        return _html(self.view)


def _is_list(value: Any) -> bool:
    return isinstance(value, tuple)


def sweep(
    network: str | Path | Spec,
    vary: Mapping[str, Any] | None = None,
    *,
    let: Mapping[str, Any] | None = None,
    where: str | Sequence[str] = (),
    columns: Sequence[str] = DEFAULT,
    sample: int | None = None,
    seed: int = 0,
    sort: str | None = None,
    reverse: bool = False,
    pareto: Sequence[str] = (),
    top: int | None = None,
    input: Any = None,
    batch: int = 1,
    vars: Mapping[str, Any] | None = None,
    training: bool = False,
    dtype: str = "float32",
    optimizer: str = "sgd",
    device: str | None = None,
    check: float = 0.001,
    strict: bool = False,
    jobs: int = 1,
    backend: str | None = None,
    address: str | None = None,
) -> Sweep:
    """The variants of a network: an iterator of records, and a table.

    Args:
        network: a name of the zoo, the path or text of a spec, or a `Spec`; or what names a PyTorch module or an ONNX
            file.
        vary: the values of the network's variables, of `input` and of `batch`: lists, or texts as the command line
            takes them, such as "0.25:2:0.25".
        let: variables of the sweep alone, over which the others may be expressions.
        where: conditions on variables and quantities.
        columns: the quantities wanted.
        sample: so many variants drawn at random, in place of the whole grid; `seed` says which.
        sort, reverse, top: the order of the table, and how many it has at most.
        pareto: the table has only what is not worse in all of these quantities than another; `max:NAME` is to be large.
        input, batch, vars, training, dtype, optimizer, device: what does not vary.
        check: which part of what is composed is also expanded in full, and compared.
        strict: whether a variant that does not expand is an error.
        jobs: how many processes work; -1 for one on each processor.
        backend: loky, or ray or dask for a cluster at `address`.

    Raises:
        RequestError: a variable that the network does not have, an empty grid, an unknown column.
        SpecError: the spec is wrong, or an expression is.

    >>> table = sweep("mobilenet_v1", {"width": [0.5, 1.0]}).table
    >>> table.columns["params"]
    [1331592, 4231976]
    """
    declaration = Declaration(
        {name: given_values(values, name) for name, values in (vary or {}).items()},
        {name: given_values(values, name) for name, values in (let or {}).items()},
        conditions([where] if isinstance(where, str) else where),
        sample,
        seed,
    )
    settings = Conditions(batch, training, dtype, optimizer, device)
    task = task_of(network, declaration, settings, tuple(columns), input, vars or {}, check)
    return Sweep(task, Wanted(sort, reverse, tuple(pareto), top), strict, jobs, backend, address)


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
    from cnncalc.sources import is_spec

    quantities = tuple(dict.fromkeys(quantities))
    given = dict(fixed or {})
    if isinstance(network, str) and "\n" not in network and not is_spec(network):
        return Task(network, declaration, network, "", True, given, input, settings, quantities, 0.0)
    from cnncalc.face import _spec

    spec = network if isinstance(network, Spec) else _spec(network)
    source = spec.source_text
    return Task(source.text, declaration, spec.name, source.name, False, given, input, settings, quantities, check)
