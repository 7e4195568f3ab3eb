"""Searches: what they find is near the best of the grid, meets the conditions, and goes on where it stopped."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest

import cnncalc as cc
from tests.test_cli import document, run

pytest.importorskip("numpy")
pytest.importorskip("optuna")

from cnncalc.sweeps.declare import conditions
from cnncalc.sweeps.search import violation

VARY = {"width": "0.25:1.5:0.05", "input": "96:256:8"}
WHERE = "macs < 300e6 and params < 3e6"


def test_a_search_comes_near_the_best_of_the_grid() -> None:
    best = cc.sweep(
        "mobilenet_v1", VARY, where=WHERE, columns=["macs", "activations"], sort="activations", reverse=True
    )
    most = best.table.columns["activations"][0]
    found = cc.sweep("mobilenet_v1", VARY, where=WHERE, sample=80).search(maximise="activations")
    assert found.tried == 80
    assert found.columns["activations"][0] > 0.9 * most
    for place in range(len(found)):
        record = found.record(place)
        assert record["macs"] < 300e6
        costs = cc.network("mobilenet_v1", record["input"], vars={"width": record["width"]}).analyze()
        assert (costs.macs, costs.params, costs.activations) == (
            record["macs"],
            record["params"],
            record["activations"],
        )
    values = found.columns["activations"]
    assert values == sorted(values, reverse=True)


def test_several_objectives_give_a_front() -> None:
    found = cc.sweep("mobilenet_v1", VARY, sample=60).search(minimise=["params"], maximise=["activations"])
    pairs = list(zip(found.columns["params"], found.columns["activations"], strict=True))
    assert len(pairs) > 2
    for params, activations in pairs:
        assert not any(p <= params and a >= activations and (p, a) != (params, activations) for p, a in pairs)


def test_variants_that_do_not_expand_and_choices_of_lists() -> None:
    vary = {"depths": [[1, 1, 1, 1], [1, 2, 7, 12]], "group_width": [16, 5], "input": "64:128"}
    found = cc.sweep("regnet_x_400mf", vary, sample=40).search("macs")
    assert 0 < found.failed < 40
    assert all(found.record(place)["group_width"] == 5 for place in range(len(found)) if found.errors[place])
    assert found.columns["depths"][0] == (1, 1, 1, 1)


def test_a_search_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "best.trials"
    sweep = cc.sweep("mobilenet_v1", VARY, sample=20)
    assert sweep.search("macs", storage=file).tried == 20
    with pytest.raises(cc.RequestError, match="has trials already"):
        sweep.search("macs", storage=file)
    again = cc.sweep("mobilenet_v1", VARY, sample=35).search("macs", storage=file, resume=True)
    assert again.tried == 35
    with pytest.raises(cc.RequestError, match="another search"):
        cc.sweep("mobilenet_v1", VARY, sample=35).search("params", storage=file, resume=True)
    (tmp_path / "other").write_text("no trials\n")
    with pytest.raises(cc.RequestError):
        sweep.search("macs", storage=tmp_path / "other", resume=True)


def test_the_command(tmp_path: Path) -> None:
    words = ["sweep", "mobilenet_v1", "--vary", "width=0.25:1.5", "--maximise", "macs", "--subject-to", "macs < 300e6"]
    out = tmp_path / "best.csv"
    run(*words, "--search", "16", "--output", str(out))
    assert out.with_name("best.csv.trials").exists()
    run(*words, "--search", "24", "--output", str(out), "--resume")
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert 0 < len(rows) <= 24
    assert all(int(row["macs"]) < 300e6 for row in rows)
    assert document(*words, "--search", "16")["sweep"]["tried"] == 16
    assert "16 trials" in run(*words, "--search", "16").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--search", "10"], "a search has something to find"),
        (["--minimise", "macs"], "add --search N"),
        (["--search", "10", "--minimise", "mcas"], "did you mean 'macs'?"),
        (["--search", "10", "--minimise", "macs", "--pareto", "macs,params"], "a search has no --pareto"),
        (["--search", "10", "--minimise", "macs", "--resume"], "name the results"),
        (["--search", "10", "--minimise", "macs", "--subject-to", "mcas < 3"], "did you mean 'macs'?"),
    ],
)
def test_wrong_searches(words: list[str], message: str) -> None:
    assert message in run("sweep", "lenet5", "--vary", "input=28:64", *words, status=2).stderr


@pytest.mark.parametrize(
    ("text", "expected"), [("a < 10", 0.5), ("a > 10", 0), ("a * 2 < 10", 1), ("a < b", 1), ("a <= 15", 0)]
)
def test_by_how_much_a_condition_is_missed(text: str, expected: float) -> None:
    (part,) = conditions([text])
    assert violation(part, {"a": 15, "b": 15}) == expected


def test_without_optuna(tmp_path: Path) -> None:
    code = "import sys; sys.modules['optuna'] = None; from cnncalc.__main__ import main; sys.argv[1:] = %r; main()"
    words = ["sweep", "lenet5", "--vary", "input=28:64", "--search", "9", "--minimise", "macs"]
    done = subprocess.run([sys.executable, "-c", code % words], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert "pip install 'cnncalc[sweep]'" in done.stderr
