"""A search among variants where a grid is too large: Optuna chooses what is tried next by what was found so far.

The declaration is that of a sweep. Conditions are constraints: by how much a variant misses them tells where to go on.
The trials can stand in a file, from which a later search goes on.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cnncalc.errors import RequestError, shorten
from cnncalc.language.expressions import Expression
from cnncalc.sweeps.declare import Choices, Span
from cnncalc.sweeps.found import Found, Wanted, objective
from cnncalc.sweeps.many import Many, many

if TYPE_CHECKING:
    from cnncalc.sweeps.evaluate import Chunk
    from cnncalc.sweeps.run import Variants

TOGETHER = 16
"""Trials that are chosen and worked out together."""
VIOLATIONS = "violations"
RECORD = "record"
TASK = "sweep"


def search(sweep: Variants, objectives: Sequence[str], storage: Path | None = None, resume: bool = False) -> Found:
    """The trials that meet the conditions: the best first, or the Pareto front of several objectives.

    Args:
        sweep: what is varied, its sample the number of trials.
        objectives: the columns that are to be small; with `max:` before them, large.
        storage: the file of the trials; in memory only if None.
        resume: whether to go on with the trials that are there.

    Raises:
        RequestError: Optuna is not installed; there are trials already, or those of another search.
    """
    optuna = _optuna()
    names = [objective(each)[0] for each in objectives]
    study = _study(optuna, sweep, objectives, storage, resume)
    done = len(study.trials)
    sweep.begin(done)
    free = sweep.evaluator.space.free
    while done < sweep.size:
        count = min(TOGETHER, sweep.size - done)
        trials = [study.ask() for _ in range(count)]
        chosen = {name: [_suggested(trial, name, axis) for trial in trials] for name, axis in free.items()}
        columns = {name: _column(values, count) for name, values in chosen.items()}
        chunk = sweep.evaluator.variants(columns, count, done)
        for place, trial in enumerate(trials):
            _tell(optuna, study, trial, chunk, place, names, sweep.task.declaration.where)
        done += count
        if sweep.progress is not None:
            sweep.progress(count, len(chunk.errors))
    return _found(study, sweep, objectives)


def _study(optuna: Any, sweep: Variants, objectives: Sequence[str], storage: Path | None, resume: bool) -> Any:
    """Optuna's study: a new one, or that of a file."""
    from cnncalc.sweeps.dataset import manifest

    made = {key: value for key, value in manifest(sweep).items() if key not in ("sample", "chunk")}
    task = json.dumps({**made, "objectives": list(objectives)}, sort_keys=True)
    backend = None
    if storage is not None:
        shown = shorten(str(storage), 80)
        if storage.exists() and not resume:
            raise RequestError(f"'{shown}' has trials already", hint="go on with --resume, or remove it")
        try:
            storage.parent.joinpath(storage.name).open("ab").close()
        except OSError as error:
            from cnncalc.sweeps.store import cannot_write

            raise cannot_write(storage, error) from None
        journal = optuna.storages.journal
        backend = optuna.storages.JournalStorage(journal.JournalFileBackend(str(storage)))
    directions = ["minimize" if objective(each)[1] > 0 else "maximize" for each in objectives]
    try:
        study = optuna.create_study(storage=backend, directions=directions, study_name="sweep", load_if_exists=True)
        known = study.user_attrs.get(TASK)
    except Exception as error:  # whatever a file that is none of Optuna's gives
        raise RequestError(f"the trials of '{storage}' cannot be read: {error}", hint="name another file") from None
    if known is None:
        study.set_user_attr(TASK, task)
    elif known != task:
        raise RequestError(f"'{storage}' has the trials of another search", hint="name another", code="another-sweep")
    seed = sweep.task.declaration.seed + len(study.trials)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # constraints are "experimental"
        study.sampler = optuna.samplers.TPESampler(seed=seed, constraints_func=_violations)
    return study


def _violations(trial: Any) -> Sequence[float]:
    """By how much a trial misses each condition; 0 where it meets it."""
    return tuple(trial.user_attrs.get(VIOLATIONS, ()))


def _suggested(trial: Any, name: str, axis: Choices | Span) -> Any:
    """The value that a trial is to try. Numbers in order are searched as such, anything else as a choice."""
    if isinstance(axis, Span):
        suggest = trial.suggest_int if axis.whole else trial.suggest_float
        return suggest(name, axis.low, axis.high, log=axis.log)
    values = axis.values
    if len(values) == 1:
        return values[0]
    if all(type(value) in (int, float) for value in values) and list(values) == sorted(values):
        return values[trial.suggest_int(name, 0, len(values) - 1)]
    return values[trial.suggest_categorical(name, list(range(len(values))))]


def _column(values: list[Any], count: int) -> Many:
    found = many(values, np.arange(count))
    return found if isinstance(found, Many) else Many([found], np.zeros(count, np.intp))


def _tell(
    optuna: Any, study: Any, trial: Any, chunk: Chunk, place: int, names: Sequence[str], where: Sequence[Expression]
) -> None:
    """Tell Optuna what came of a trial. One that does not expand, or of which an objective is unknown, has failed."""
    columns = chunk.lists()
    record = {name: values[place] for name, values in columns.items()}
    error = chunk.errors.get(place)
    trial.set_user_attr(RECORD, record if error is None else {**record, "error": error})
    values = [record[name] for name in names]
    if error is not None or any(value is None for value in values):
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return
    trial.set_user_attr(VIOLATIONS, [violation(part, record) for part in where])
    study.tell(trial, [float(value) for value in values])


def violation(condition: Expression, record: dict[str, Any]) -> float:
    """By how much a condition is missed: 0 if it is met; as a part of its bound, if it compares with a number; or 1.

    >>> from cnncalc.sweeps.declare import conditions
    >>> violation(conditions(["macs < 100"])[0], {"macs": 150})
    0.5
    """
    known: dict[str, Any] = {name: record.get(name) for name in condition.variables}
    if any(value is None for value in known.values()):
        return 1.0
    if condition(known):
        return 0.0
    simple = condition.comparison
    if simple is None:
        return 1.0
    name, _, bound = simple
    return float(max(abs(known[name] - bound) / max(abs(bound), 1e-12), 1e-9))


def _found(study: Any, sweep: Variants, objectives: Sequence[str]) -> Found:
    """The trials that meet the conditions, each variant once; the best first, or those of a Pareto front."""
    from cnncalc.sweeps.evaluate import Chunk

    name, sign = objective(objectives[0])
    wanted = Wanted(sort=name, reverse=sign < 0, pareto=tuple(objectives) if len(objectives) > 1 else (), top=None)
    found = Found(sweep.names, wanted)
    seen = set()
    for trial in study.trials:
        record = trial.user_attrs.get(RECORD)
        if record is None:
            continue
        values = {key: record.get(key) for key in sweep.names}
        error = record.get("error")
        kept = error is not None or not any(trial.user_attrs.get(VIOLATIONS, (1,)))
        key = repr([values[each] for each in sweep.task.declaration.vary])
        numbers = [trial.number] if kept and key not in seen else []
        seen.add(key)
        errors = {0: error} if error is not None and numbers else {}
        columns = {each: [value] if numbers else [] for each, value in values.items()}
        found.add(Chunk(trial.number, trial.number + 1, np.array(numbers, np.int64), columns, errors))
    top = sweep.wanted.top
    found.finish()
    if top is not None:
        found.first(top)
    return found


def _optuna() -> Any:
    """The library that searches.

    Raises:
        RequestError: it is not installed.
    """
    try:
        import optuna
    except ImportError:
        hint = "pip install 'cnncalc[sweep]'"
        raise RequestError("a search needs Optuna", hint=hint, code="not-installed") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
