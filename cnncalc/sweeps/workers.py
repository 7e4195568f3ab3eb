"""Chunks worked out by several processes: of this machine by joblib's loky, of a cluster by Ray or Dask.

A chunk depends on the task and its numbers alone. So when a worker dies, what it had not given back is asked for again,
and nothing is counted twice.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from cnncalc.errors import CnncalcError, RequestError, did_you_mean
from cnncalc.sweeps.evaluate import CheckError, Chunk, chunk_of

BACKENDS = ("loky", "ray", "dask")
MOST_DEATHS = 5
"""Workers that may die one after the other, with no chunk finished between, before it is an error."""
WAVE = 4
"""Chunks for each worker at a time, where a backend gives results back only together."""

Ranges = Iterable[tuple[int, int]]


class Failure(NamedTuple):
    """An error of ours, as a worker sends it."""

    message: str
    hint: str | None
    code: str
    check: bool


def work(data: bytes, start: int, stop: int) -> Chunk | Failure:
    """What a worker does: one chunk of a pickled task, or the error that it is."""
    try:
        return chunk_of(data, start, stop)
    except CnncalcError as error:
        return Failure(error.message, error.hint, error.code, isinstance(error, CheckError))


def checked_backend(backend: str | None, address: str | None) -> None:
    """Refuse a backend that there is not, or an address that nobody asks.

    Raises:
        RequestError: as said, or what it needs is not installed.
    """
    if backend is not None and backend not in BACKENDS:
        hint = did_you_mean(backend, BACKENDS) or f"the backends are {', '.join(BACKENDS)}"
        raise RequestError(f"there is no backend '{backend[:40]}'", hint=hint, code="unknown-word")
    if address is not None and backend not in ("ray", "dask"):
        raise RequestError("--address is of a cluster", hint="add --backend ray or --backend dask")
    if backend is not None:
        _library("joblib", "sweep")
    if backend in ("ray", "dask"):
        _library("ray" if backend == "ray" else "distributed", backend)


def chunks(
    data: bytes, ranges: Ranges, jobs: int, backend: str | None = None, address: str | None = None
) -> Iterator[Chunk]:
    """The chunks of some ranges, in order.

    Args:
        data: the pickled task.
        jobs: how many processes; -1 for as many as there are processors, of the machine or the cluster.
        backend: loky, ray or dask.
        address: of the cluster; one is started here if None.

    Raises:
        RequestError: workers die again and again; or what a chunk raises.
    """
    joblib = _library("joblib", "sweep")
    checked_backend(backend, address)
    with _cluster(backend or "loky", jobs, address):
        yield from _in_order(joblib, data, iter(ranges), jobs, backend or "loky")


def _in_order(joblib: Any, data: bytes, ranges: Iterator[tuple[int, int]], jobs: int, backend: str) -> Iterator[Chunk]:
    """The chunks, those of workers that died asked for anew."""
    deaths = 0
    for wave in _waves(ranges, jobs, backend):
        source = _Remembered(iter(wave))
        while True:
            try:
                for found in _run(joblib, data, source, jobs, backend):
                    source.done()
                    deaths = 0
                    if isinstance(found, Failure):
                        kind = CheckError if found.check else RequestError
                        raise kind(found.message, hint=found.hint, code=found.code)
                    yield found
                break
            except _deaths(backend) as error:
                deaths += 1
                if deaths >= MOST_DEATHS:
                    why = type(error).__name__
                    hint = "too little memory for so many, perhaps: fewer --jobs; --resume goes on with what is written"
                    raise RequestError(f"workers die again and again ({why})", hint=hint, code="workers") from None
                source.again()


class _Remembered:
    """Ranges that are given out once, and again if they were not done."""

    def __init__(self, ranges: Iterator[tuple[int, int]]) -> None:
        self.ranges = ranges
        self.out: list[tuple[int, int]] = []
        self.waiting: list[tuple[int, int]] = []

    def __iter__(self) -> Iterator[tuple[int, int]]:
        while True:
            if self.waiting:
                found = self.waiting.pop(0)
            else:
                try:
                    found = next(self.ranges)
                except StopIteration:
                    return
            self.out.append(found)
            yield found

    def done(self) -> None:
        """The first that is out came back."""
        self.out.pop(0)

    def again(self) -> None:
        """What is out is to be given out again."""
        self.waiting = self.out + self.waiting
        self.out = []


def _waves(ranges: Iterator[tuple[int, int]], jobs: int, backend: str) -> Iterator[Ranges]:
    """The ranges, all at once where results come back one by one, or some for each worker at a time."""
    if backend != "ray":
        yield ranges
        return
    while wave := list(islice(ranges, WAVE * _workers(jobs, backend))):
        yield wave


def _workers(jobs: int, backend: str) -> int:
    if jobs > 0:
        return jobs
    if backend == "ray":
        import ray

        return int(ray.cluster_resources().get("CPU", 1))  # type: ignore[no-untyped-call]
    import os

    return os.cpu_count() or 1


def _run(joblib: Any, data: bytes, ranges: Iterable[tuple[int, int]], jobs: int, backend: str) -> Iterator[Any]:
    """Work some ranges out; the results in order."""
    together = backend == "ray"
    with joblib.parallel_config(backend=backend, n_jobs=jobs):
        parallel = joblib.Parallel(batch_size=1, pre_dispatch="2*n_jobs", return_as="list" if together else "generator")
    results = parallel(joblib.delayed(work)(data, start, stop) for start, stop in ranges)
    try:
        for found in results:  # noqa: UP028 (`yield from` would close it before what follows)
            yield found
    finally:
        if not together:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what is still under way when an error ends it
                results.close()


def _deaths(backend: str) -> tuple[type[BaseException], ...]:
    """The exceptions that say that a worker died."""
    if backend == "ray":
        import ray

        return (ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError)
    if backend == "dask":
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        return (KilledWorker, FutureCancelledError)
    from joblib.externals.loky.process_executor import BrokenProcessPool

    return (BrokenProcessPool,)


@contextlib.contextmanager
def _cluster(backend: str, jobs: int, address: str | None) -> Iterator[None]:
    """A connection to the cluster at an address; or one of this machine, which ends with the sweep."""
    if backend == "ray":
        import logging

        import ray
        from ray.util.joblib import register_ray

        own = not ray.is_initialized()
        if own:
            options: dict[str, Any] = {"address": address} if address else {"include_dashboard": False}
            if not address and jobs > 0:
                options["num_cpus"] = jobs
            _connected(lambda: ray.init(logging_level=logging.ERROR, log_to_driver=False, **options), address)
        register_ray()  # type: ignore[no-untyped-call]
        try:
            yield
        finally:
            if own:
                ray.shutdown()
        return
    if backend == "dask":
        from distributed import Client

        client = _connected(lambda: _dask_client(Client, jobs, address), address)
        try:
            yield
        finally:
            client.close()
            if address is None:
                client.cluster.close()
        return
    yield


def _dask_client(client: Any, jobs: int, address: str | None) -> Any:
    if address:
        return client(address, timeout=10)
    import distributed

    make: Any = distributed.LocalCluster
    count = jobs if jobs > 0 else None
    return client(make(n_workers=count, threads_per_worker=1, dashboard_address=None, silence_logs=50))


def _connected(connect: Callable[[], Any], address: str | None) -> Any:
    """What a connection gives.

    Raises:
        RequestError: there is nobody at the address.
    """
    try:
        return connect()
    except (OSError, ConnectionError, TimeoutError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        where = f" at {address}" if address else ""
        raise RequestError(
            f"there is no cluster{where}: {reason[:200]}", hint="is it running?", code="workers"
        ) from None


def _library(name: str, extra: str) -> Any:
    """A library that an extra installs.

    Raises:
        RequestError: it is not installed.
    """
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        hint = f"pip install 'cnncalc[{extra}]'"
        raise RequestError(f"this needs {name}", hint=hint, code="not-installed") from None
