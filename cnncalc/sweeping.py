"""Sweeps as people ask for them in Python: many variants of a network, their table, charts, a search. docs/sweep.md
shows them at work.

>>> found = sweep("mobilenet_v1", vary={"width": "0.25:1:0.25", "input": [128, 224]}, where="macs < 200e6").table
>>> found.tried, found.met, found.columns["macs"][0]
(8, 6, 13570048)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnncalc.errors import RequestError
from cnncalc.face import as_html, as_text
from cnncalc.language.model import Spec
from cnncalc.sweeps.declare import Declaration, check_names, conditions, given_values
from cnncalc.sweeps.found import Found, Wanted, objective
from cnncalc.sweeps.quantities import DEFAULT, QUANTITIES, Conditions
from cnncalc.sweeps.run import Variants, task_of

if TYPE_CHECKING:
    from cnncalc.render.chart import Chart
    from cnncalc.views import View


class Sweep(Variants):
    """The variants of a network. Iterating works them out and gives a record of each that meets the conditions;
    `table` has those that are wanted, in order.

    Raises:
        RequestError: a variable that the network does not have, an empty grid, an unknown column.
    """

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
        return as_text(self.view)

    def _repr_html_(self) -> str:
        return as_html(self.view)


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
