"""Sweeps by several processes, on clusters, and after a crash: the same results, nothing lost and nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import cnncalc as cc
from tests.test_cli import run

pytest.importorskip("numpy")
pytest.importorskip("joblib")
parquet = pytest.importorskip("pyarrow.parquet")

from cnncalc.sweeps import run as runner  # noqa: E402
from cnncalc.sweeps import workers  # noqa: E402
from cnncalc.sweeps.workers import work  # noqa: E402

VARY = {"width": "0.25:2:0.05", "input": "16:256:16"}
WHERE = "macs < 600e6"
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray")
needs_dask = pytest.mark.skipif(find_spec("distributed") is None, reason="needs Dask")


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "CHUNK", 50)


@pytest.fixture
def expected() -> list[dict[str, Any]]:
    return cc.sweep("mobilenet_v1", VARY, where=WHERE).to_records()


def dying(flag: str, data: bytes, start: int, stop: int) -> Any:
    """Work, but kill the first process that comes to the third chunk."""
    if start == 100 and not os.path.exists(flag):
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return work(data, start, stop)


def doomed(data: bytes, start: int, stop: int) -> Any:
    """Kill every process that comes to the third chunk."""
    if start == 100:
        os.kill(os.getpid(), signal.SIGKILL)
    return work(data, start, stop)


def test_several_processes(expected: list[dict[str, Any]]) -> None:
    assert cc.sweep("mobilenet_v1", VARY, where=WHERE, jobs=2).to_records() == expected


def test_a_worker_is_killed(expected: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(workers, "work", partial(dying, str(tmp_path / "flag")))
    sweep = cc.sweep("mobilenet_v1", VARY, where=WHERE, jobs=2)
    assert sweep.to_records() == expected
    assert (tmp_path / "flag").exists()
    assert sweep.table.tried == sweep.size


def test_workers_that_die_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "work", doomed)
    monkeypatch.setattr(workers, "MOST_DEATHS", 2)
    with pytest.raises(cc.RequestError, match="workers die again and again"):
        cc.sweep("mobilenet_v1", VARY, jobs=2).to_records()


def test_what_a_worker_refuses_is_an_error() -> None:
    with pytest.raises(cc.RequestError, match="division by zero"):
        cc.sweep("mobilenet_v1", VARY, where="macs / (input - 96) > 3", jobs=2).to_records()


@needs_dask
def test_dask(expected: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cluster of this machine, one worker of which is killed."""
    monkeypatch.setattr(workers, "work", partial(dying, str(tmp_path / "flag")))
    sweep = cc.sweep("mobilenet_v1", VARY, where=WHERE, jobs=2, backend="dask")
    assert sweep.to_records() == expected
    assert (tmp_path / "flag").exists()


@needs_dask
def test_dask_at_an_address(expected: list[dict[str, Any]]) -> None:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
        address = cluster.scheduler_address
        assert cc.sweep("mobilenet_v1", VARY, where=WHERE, backend="dask", address=address).to_records() == expected


RAY = """
import json, os, sys, tempfile
from functools import partial
import cnncalc as cc
from cnncalc.sweeps import run, workers
from tests.test_sweep_workers import VARY, WHERE, dying

run.CHUNK = 50
workers.work = partial(dying, sys.argv[1])
with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as folder:
    os.environ.update(RAY_TMPDIR=folder, RAY_USAGE_STATS_ENABLED="0")
    print(json.dumps(cc.sweep("mobilenet_v1", VARY, where=WHERE, jobs=2, backend="ray").to_records()))
"""


@needs_ray
@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
def test_ray(expected: list[dict[str, Any]], tmp_path: Path) -> None:
    """A cluster of this machine, one worker of which is killed. In a process of its own: Ray writes into a folder whose
    path has to be short, for sockets stand there."""
    flag = tmp_path / "flag"
    command = [sys.executable, "-c", RAY, str(flag)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == expected
    assert flag.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--backend", "dusk"], "did you mean 'dask'?"),
        (["--address", "tcp://127.0.0.1:1"], "add --backend ray or --backend dask"),
        (["--backend", "dask", "--address", "nowhere"], "there is no cluster at nowhere"),
        (["--resume"], "name it: --output results"),
        (["--output", "results", "--top", "3"], "a folder has every variant"),
    ],
)
def test_wrong_requests(words: list[str], message: str) -> None:
    if "--address" in words and "dask" in words:
        pytest.importorskip("distributed")
    assert message in run("sweep", "lenet5", "--vary", "input=28:32", *words, status=2).stderr


# Folders


def rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of all files of a folder, in the order of their names."""
    return [row for file in sorted(folder.glob("*.parquet")) for row in parquet.read_table(file).to_pylist()]


def test_a_folder_has_the_variants_of_a_file(tmp_path: Path) -> None:
    sweep = cc.sweep("vgg16", {"input": "16:512:1", "classes": [10, 1000, 7]}, where="macs < 6e9", check=0)
    found = sweep.to_folder(tmp_path / "results")
    assert found.tried == sweep.size > 2 * 50 * 16 - 200
    assert found.failed == 16 * 3
    assert len(list((tmp_path / "results").glob("*.parquet"))) == 2
    table = sweep.table
    assert [row["variant"] for row in rows(tmp_path / "results")] == table.numbers
    assert [row["error"] for row in rows(tmp_path / "results")] == table.errors
    pandas = pytest.importorskip("pandas")
    assert pandas.read_parquet(tmp_path / "results")["macs"].sum() == sum(filter(None, table.columns["macs"]))


def test_only_what_is_missing_is_worked_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    vary = {"width": "0.25:2:0.05", "input": "16:256:2"}
    first = cc.sweep("mobilenet_v1", vary).to_folder(whole)
    cc.sweep("mobilenet_v1", vary).to_folder(broken)
    files = sorted(broken.glob("*.parquet"))
    assert len(files) == 6
    for file in (files[0], files[3], files[5]):
        file.unlink()
    (broken / ".variants-000.parquet.xyz").write_bytes(b"half a file")
    kept = files[1].stat().st_mtime_ns
    sweep = cc.sweep("mobilenet_v1", vary)
    done: list[int] = []
    sweep.progress = lambda variants, failed: done.append(variants)
    again = sweep.to_folder(broken, resume=True)
    assert done[0] == 3 * 50 * 16
    assert sum(done) == sweep.size
    assert vars(again) == vars(first)
    assert files[1].stat().st_mtime_ns == kept
    assert rows(broken) == rows(whole)
    assert sorted(file.name for file in broken.iterdir()) == sorted(file.name for file in whole.iterdir())


def test_folders_of_something_else(tmp_path: Path) -> None:
    sweep = cc.sweep("mobilenet_v1", VARY)
    sweep.to_folder(tmp_path / "results")
    with pytest.raises(cc.RequestError, match="has results already"):
        sweep.to_folder(tmp_path / "results")
    with pytest.raises(cc.RequestError, match="another sweep: its where differ"):
        cc.sweep("mobilenet_v1", VARY, where="macs < 3").to_folder(tmp_path / "results", resume=True)
    (tmp_path / "results" / "variants-000000000000000.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(cc.RequestError, match="is broken"):
        sweep.to_folder(tmp_path / "results", resume=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(cc.RequestError, match="something else in it"):
        sweep.to_folder(tmp_path / "mine")


TINY = "{input: [3, 8, 8], vars: {w: 1, c: 10}, layers: [{conv: w, kernel: 3}, relu, flatten, {linear: c}]}"


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_is_killed_goes_on(tmp_path: Path, jobs: int) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    words = [
        "sweep",
        str(tmp_path / "tiny.yaml"),
        "--vary",
        "w=1:64",
        "--vary",
        "c=1:100",
        "--columns",
        "w,c,params,saved",
    ]
    words += ["--jobs", str(jobs), "--output"]
    folder = tmp_path / "results"
    command = [sys.executable, "-m", "cnncalc", *words, str(folder)]
    running = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 100
    while not list(folder.glob("variants-*")) and running.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    before = len(list(folder.glob("variants-*")))
    assert 0 < before < 7, "killed in the middle"
    text = run(*words, str(folder), "--resume").stderr
    assert text == "6,400 variants\n"
    found = rows(folder)
    assert [row["variant"] for row in found] == list(range(6400))
    assert all(row["params"] == row["w"] * 28 + row["c"] * (36 * row["w"] + 1) for row in found)
    assert json.loads((folder / "_sweep.json").read_text())["chunk"] == 64


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The third file does not fit; what is there stays, and the next run goes on."""
    from cnncalc.sweeps.store import ParquetFile

    real, count = ParquetFile.add, 0

    def full(file: ParquetFile, chunk: Any) -> None:
        nonlocal count
        count += 1
        if count == 40:
            with open("/dev/full", "wb", buffering=0) as device:
                file._try(lambda: device.write(b"x"))
        real(file, chunk)

    monkeypatch.setattr(ParquetFile, "add", full)
    vary = {"width": "0.25:2:0.05", "input": "16:256:2"}
    folder = tmp_path / "results"
    with pytest.raises(cc.RequestError, match="No space left on device"):
        cc.sweep("mobilenet_v1", vary).to_folder(folder)
    assert len(list(folder.iterdir())) == 3
    cc.sweep("mobilenet_v1", vary).to_folder(folder, resume=True)
    cc.sweep("mobilenet_v1", vary).to_folder(tmp_path / "whole")
    assert rows(folder) == rows(tmp_path / "whole")
