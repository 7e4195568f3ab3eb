"""A sweep's results as a folder of Parquet files, which any number of runs fill, one after the other.

`_sweep.json` says of what sweep they are. Each file has the variants of one range of numbers, and stands there only
once it is complete; so a run that is killed loses what is not yet in a file, and another goes on from there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnncalc.errors import RequestError, shorten
from cnncalc.sweeps.declare import text_of
from cnncalc.sweeps.store import ParquetFile, arrow, cannot_write
from cnncalc.version import __version__

if TYPE_CHECKING:
    from cnncalc.sweeps.found import Found
    from cnncalc.sweeps.run import Variants

MANIFEST = "_sweep.json"
"""With a line before its name, which readers of folders of Parquet files pass over."""

CHUNKS_IN_FILE = 16
COUNTS = ("tried", "met", "failed", "checked", "composed")


class Dataset:
    """The folder of a sweep's results.

    Args:
        folder: where it is, or will be.
        sweep: the sweep.
        resume: whether to go on with what is there.

    Raises:
        RequestError: there are results already; or they are of another sweep.
    """

    def __init__(self, folder: Path, sweep: Variants, resume: bool = False) -> None:
        from cnncalc.sweeps.store import schema_of

        self.folder = folder
        self.sweep = sweep
        self.schema = schema_of(sweep.task.declaration, sweep.task.quantities)
        self.part = sweep.chunk_size * CHUNKS_IN_FILE
        made = manifest(sweep)
        try:
            folder.mkdir(exist_ok=True)
            self._check(made, resume)
            (folder / MANIFEST).write_text(json.dumps(made, indent=1) + "\n", "utf-8")
            for draft in folder.glob(".variants-*"):
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(folder, error) from None

    def _check(self, made: dict[str, Any], resume: bool) -> None:
        """Refuse to write over the results of another sweep."""
        file = self.folder / MANIFEST
        shown = shorten(str(self.folder), 80)
        if not file.exists():
            if any(self.folder.iterdir()):
                raise RequestError(f"'{shown}' is a folder with something else in it", hint="name another")
            return
        try:
            found = json.loads(file.read_text("utf-8"))
        except ValueError:
            raise RequestError(f"'{shown}/{MANIFEST}' is not what a sweep writes", hint="name another folder") from None
        different = [key for key in made if found.get(key) != made[key]]
        if different:
            message = f"'{shown}' has the results of another sweep: its {', '.join(different)} differ"
            raise RequestError(message, hint="name another folder", code="another-sweep")
        if not resume:
            raise RequestError(f"'{shown}' has results already", hint="go on with --resume, or name another folder")

    def file(self, start: int) -> Path:
        """The file of the variants from a number on."""
        return self.folder / f"variants-{start:015d}.parquet"

    def parts(self) -> Iterator[tuple[int, int]]:
        """The first and last numbers of the files, in order."""
        for start in range(0, self.sweep.size, self.part):
            yield start, min(start + self.part, self.sweep.size)

    def missing(self) -> Iterator[tuple[int, int]]:
        """The ranges of the chunks that are in no file, in order."""
        for start, stop in self.parts():
            if not self.file(start).exists():
                for first in range(start, stop, self.sweep.chunk_size):
                    yield first, min(first + self.sweep.chunk_size, stop)

    def fill(self) -> Found:
        """Work out what is missing, file by file; what is given back has the numbers of all variants."""
        from cnncalc.sweeps.found import Found

        whole = Found(self.sweep.names)
        for start, _ in self.parts():
            if self.file(start).exists():
                self._add(whole, start)
        self.sweep.begin(whole.tried)
        file: ParquetFile | None = None
        found = Found(self.sweep.names)
        try:
            for chunk in self.sweep.chunks(self.missing()):
                if file is None:
                    file, found = (
                        ParquetFile(self.file(chunk.start // self.part * self.part), self.schema),
                        Found(self.sweep.names),
                    )
                file.add(chunk)
                found.count(chunk)
                whole.count(chunk)
                if chunk.stop % self.part == 0 or chunk.stop == self.sweep.size:
                    file.close({name: str(getattr(found, name)) for name in COUNTS})
                    file = None
        finally:
            if file is not None:
                file.discard()
        return whole

    def _add(self, whole: Found, start: int) -> None:
        """Add the numbers of variants of a file that is there."""
        pa = arrow()
        try:
            metadata = pa.parquet.read_metadata(self.file(start)).metadata or {}
            for name in COUNTS:
                setattr(whole, name, getattr(whole, name) + int(metadata[name.encode()]))
        except (OSError, KeyError, ValueError, pa.ArrowInvalid):
            shown = shorten(str(self.file(start)), 80)
            raise RequestError(f"'{shown}' is broken", hint="remove it, and --resume works it out again") from None


def manifest(sweep: Variants) -> dict[str, Any]:
    """What says which sweep it is: two with the same have the same results."""
    task = sweep.task
    declaration = task.declaration
    exact = {name: repr(axis) if not hasattr(axis, "text") else axis.text for name, axis in declaration.axes.items()}
    digest = hashlib.sha256(repr(exact).encode()).hexdigest()
    return {
        "cnncalc": __version__,
        "network": hashlib.sha256(task.source.encode()).hexdigest(),
        "name": task.name,
        "variables": {name: text_of(axis) for name, axis in declaration.axes.items()},
        "values": digest,
        "fixed": repr(dict(task.fixed)),
        "input": repr(task.input),
        "where": [part.text for part in declaration.where],
        "sample": declaration.sample,
        "seed": declaration.seed,
        "conditions": repr(task.conditions),
        "quantities": list(task.quantities),
        "chunk": sweep.chunk_size,
    }
