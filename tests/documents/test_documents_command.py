"""`cnncalc tables`: what it prints, in which forms, and with which status."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from cnncalc.cli.app import app
from cnncalc.documents.check import check_all
from cnncalc.documents.errata import FILE, render
from cnncalc.documents.figures import Verdict
from cnncalc.documents.model import document_tables, tables


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    def run(*words: str, columns: int = 80) -> tuple[int, str, str]:
        monkeypatch.setenv("COLUMNS", str(columns) if columns else "")
        with pytest.raises(SystemExit) as exit:
            app(["tables", *words], prog_name="cnncalc")
        captured = capsys.readouterr()
        return int(exit.value.code or 0), captured.out, captured.err

    return run


def test_the_list_has_every_table_and_its_counts(run) -> None:
    status, out, _ = run()
    assert status == 0
    for name in (table.name for table in document_tables()):
        assert f"\n{name} " in out
    cells = sum(len(table.cells) for table in check_all())
    assert f"Total {cells}".split() == out[out.index("Total") :].split()[:2]


@pytest.mark.parametrize("columns", [80, 160])
@pytest.mark.parametrize("name", list(tables()))
def test_every_table_fits_its_terminal(run, name: str, columns: int) -> None:
    status, out, _ = run(name, columns=columns)
    assert status == 0
    assert max(len(line) for line in out.splitlines()) <= columns
    assert "\x1b" not in out


@pytest.mark.parametrize("name", list(tables()))
def test_a_pipe_gets_lines_that_can_be_read(run, name: str) -> None:
    status, out, _ = run(name, columns=0)
    assert status == 0
    assert max(len(line) for line in out.splitlines()) <= 140


def test_a_table_shows_computed_beside_printed_and_explains(run) -> None:
    _, out, _ = run("googlenet", columns=160)
    assert "159K ≈ 163,328" in out
    assert "2.7K ≠ 9,408" in out
    assert "a separable convolution" in out
    assert "No cause was found." in out


def test_only_some_cells(run) -> None:
    _, out, _ = run("--only", "unexplained", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {row["verdict"] for row in rows} == {"differs"}
    assert not any(row["alternative"] for row in rows)
    _, out, _ = run("cs231n", "--only", "differs")
    assert "printed 3.58亿, computed 271,351,808 MACs" in out
    assert "printed 8.54" not in out
    status, _, err = run("--only", "wrong")
    assert status == 2
    assert "the verdicts are" in err


def test_strict(run) -> None:
    status, _, err = run("--strict")
    assert status == 1
    assert "googlenet inception-4a.params" in err
    assert run("savings", "--strict")[0] == 0
    assert run("cs231n", "--strict")[0] == 0  # it differs, and the cause is known


def test_the_json_document(run) -> None:
    status, out, _ = run("--format", "json")
    assert status == 0
    document = json.loads(out)
    assert document["schema"] == 2
    assert [table["name"] for table in document["tables"]] == [table.name for table in document_tables()]
    for table in document["tables"]:
        assert {"name", "document", "title", "cells"} <= table.keys()
        for cell in table["cells"]:
            assert {"id", "claim", "printed", "computed", "unit", "verdict", "alternative", "note"} <= cell.keys()
            assert isinstance(cell["computed"], int | float | bool)
            assert cell["verdict"] in list(Verdict)
            if cell["alternative"]:
                assert {"what", "computed", "verdict"} <= set(cell["alternative"])
    (one,) = json.loads(run("alexnet-params", "--format", "json")[1])["tables"]
    total = next(cell for cell in one["cells"] if cell["id"] == "total")
    assert total["alternative"]["computed"] == 60_964_224


@pytest.mark.parametrize("form", ["markdown", "latex"])
def test_other_forms(run, form: str) -> None:
    status, out, _ = run("alexnet-params", "--format", form)
    assert status == 0
    assert "885,120" in out


def test_all_prints_every_table(run) -> None:
    _, out, _ = run("--all")
    for table in document_tables():
        assert f"{table.title} (document {table.document})" in out


def test_an_unknown_table(run) -> None:
    status, out, err = run("gogglenet")
    assert status == 2
    assert out == ""
    assert "did you mean 'googlenet'?" in err


def test_no_torch_is_needed() -> None:
    code = "import sys; import cnncalc.documents.errata; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_the_errata_are_current() -> None:
    assert FILE.read_text(encoding="utf-8") == render(check_all(), check_all(papers=True)), (
        "run python -m cnncalc.documents.errata"
    )
