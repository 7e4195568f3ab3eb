"""What every test stands on: a home, a cache, a folder for temporary files and a working folder of its own.

Nothing of who runs the tests reaches them: of the environment only what `KEPT` names, no shell, no terminal. And
nothing of theirs reaches who runs them: a test that writes elsewhere fails.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import configuration, settings

ROOT = Path(__file__).resolve().parent
# The variables that a test sees of those that the run was started with: where programs and libraries lie, on what
# they run, and what belongs to the runner.
KEPT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "OMP_NUM_THREADS", "PYTHONDONTWRITEBYTECODE")
KEPT_PREFIXES = ("CUDA_", "PYTEST_", "COV_")

# This checkout first, from whatever folder.
PYTHONPATH = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))

# Every run is the same: examples follow from the test's own text, and those of earlier runs are not kept. With
# `--hypothesis-profile search` a run looks at others, and prints how to repeat what it finds.
# No test judges a time, and other workers share the processor: no deadline.
settings.register_profile("cnncalc", database=None, deadline=None, print_blob=True, derandomize=True)
settings.register_profile("search", settings.get_profile("cnncalc"), derandomize=False)
settings.load_profile("cnncalc")
pytest.register_assert_rewrite("tests.oracles")

# Parallel workers share the processors; set before anything imports torch.
if count := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(count))))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """The workers of `-n auto`: one per processor that this process may use, with 4 GB of memory for each."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(ValueError, OSError, AttributeError):
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return max(1, min(processors, memory // (4 * 10**9)))
    return processors


def folders(base: Path) -> dict[str, str]:
    """The environment whose folders are made in this one."""
    places = {name: str(base / name) for name in ("home", "cache", "config", "data", "state", "temporary", "work")}
    for place in places.values():
        os.mkdir(place)
    return {
        **dict.fromkeys(("HOME", "USERPROFILE"), places["home"]),
        **dict.fromkeys(("XDG_CACHE_HOME", "LOCALAPPDATA"), places["cache"]),
        "XDG_CONFIG_HOME": places["config"],
        "XDG_DATA_HOME": places["data"],
        "XDG_STATE_HOME": places["state"],
        **dict.fromkeys(("TMPDIR", "TMP", "TEMP"), places["temporary"]),
    }


def replace_environment(patch: pytest.MonkeyPatch, base: Path) -> None:
    """Let this process and those that it starts see an environment and a working folder in `base` only."""
    for name in list(os.environ):
        if name not in KEPT and not name.startswith(KEPT_PREFIXES):
            patch.delenv(name)
    for name, value in folders(base).items():
        patch.setenv(name, value)
    patch.setenv("PYTHONPATH", PYTHONPATH)
    patch.setattr(tempfile, "tempdir", None)  # it is looked up once, and kept
    patch.chdir(base / "work")


@pytest.fixture(scope="session", autouse=True)
def _own_environment_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """For fixtures of modules, which are made before those of a test."""
    with pytest.MonkeyPatch.context() as patch:
        base = tmp_path_factory.mktemp("session")
        WATCH.allowed += (os.path.realpath(tmp_path_factory.getbasetemp()) + os.sep,)
        replace_environment(patch, base)
        configuration.set_hypothesis_home_dir(base / "hypothesis")
        yield base


@pytest.fixture(autouse=True)
def _own_environment(_own_environment_of_the_session: Path) -> Iterator[None]:
    """Each test's own folders; they are empty when it begins, and are gone after it."""
    base = Path(tempfile.mkdtemp(dir=_own_environment_of_the_session))
    with pytest.MonkeyPatch.context() as patch:
        replace_environment(patch, base)
        WATCH.written.clear()
        WATCH.running = True
        yield
        WATCH.running = False
    shutil.rmtree(base, ignore_errors=True)
    assert not WATCH.written, f"a test wrote outside its own folders: {sorted(WATCH.written)}"


class Watch:
    """An audit hook that notes where this process writes, outside the folders of the run."""

    WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.truncate")

    def __init__(self) -> None:
        self.running = False
        self.allowed: tuple[str, ...] = ("/dev/", "/proc/self/")
        self.written: set[str] = set()

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.running:
            return
        if event in self.CHANGES or (event == "open" and arguments[2] & self.WRITES):
            self.note(arguments[0])

    def note(self, place: Any) -> None:
        """Note a place that is changed, unless it may be. A number is of a file that was opened before."""
        if isinstance(place, int):
            return
        path = os.path.realpath(os.fsdecode(place))
        if not path.startswith(self.allowed) and "__pycache__" not in path:
            self.written.add(path)


WATCH = Watch()
sys.addaudithook(WATCH)
