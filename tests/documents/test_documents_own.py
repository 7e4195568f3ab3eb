"""Tables of a user's own, as YAML and as CSV: read, matched, judged; and what is wrong in them said at its place."""

import csv
import io
import json
from pathlib import Path

import pytest

from cnncalc.cli.app import app
from cnncalc.documents.check import check_table
from cnncalc.documents.csv_table import Request, read_shape, table_from_csv
from cnncalc.documents.matching import match_rows
from cnncalc.documents.networks import view
from cnncalc.documents.published import check as check_published
from cnncalc.documents.reading import MAX_BYTES, table_of
from cnncalc.documents.schema import FILE, table_schema
from cnncalc.documents.titles import read_title
from cnncalc.errors import CnncalcError

YAML = """\
name: mine
title: Two networks
columns:
  - {column: Params, compute: "params({row})", unit: parameters}
  - {column: FLOPs, compute: "flops({row})", unit: FLOPs}
rows:
  - {row: ResNet-18, of: resnet18_torchvision, cells: [11.7M, 1.82 G]}
  - {row: ResNet-50, of: resnet50_torchvision, cells: [25.6M, 4.11 G]}
"""
ALEXNET = """\
Layer,Output size,#Params,FLOPs (M)
Conv 1,55x55x96,34.9K,105.4
Max pool,27x27x96,0,
Conv 2,27x27x256,"614,656",448
C3,13x13x384,"885,120",150
C4,13x13x384,"1,327,488",224
C5,13x13x256,"884,992",150
FC6,4096,37.8M,37.7
FC7,4096,16.8M,16.8
FC8,1000,4.1M,4.1
Total,,62.4M,"1,135"
"""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def run(*words: str, **files: str) -> tuple[int, str, str]:
        monkeypatch.setenv("COLUMNS", "100")
        monkeypatch.chdir(tmp_path)
        for name, text in files.items():
            (tmp_path / name.replace("__", ".")).write_text(text, encoding="utf-8")
        with pytest.raises(SystemExit) as exit:
            app(["tables", *words], prog_name="cnncalc")
        captured = capsys.readouterr()
        return int(exit.value.code or 0), captured.out, captured.err

    return run


def test_a_table_in_yaml(run) -> None:
    status, out, _ = run("mine.yaml", mine__yaml=YAML)
    assert status == 0
    assert "11.7M ≈ 11,689,512" in out
    assert "fvcore's count" in out


def test_numbers_keep_the_digits_that_are_written() -> None:
    """4.10 has three digits, though YAML's number has two."""
    table = table_of("{name: a, title: A, cells: [{id: b, printed: 4.10, compute: macs(resnet50)}]}")
    assert table.cells[0].printed == "4.10"


def test_a_csv_table_end_to_end(run) -> None:
    status, out, _ = run("--csv", "a.csv", "--network", "alexnet_one_gpu", "--strict", a__csv=ALEXNET)
    assert status == 0
    assert "Matched: 10 of 10 rows." in out
    assert "multiply-accumulates of convolutions" in out


@pytest.mark.parametrize("form", ["markdown", "latex", "json", "csv"])
def test_reports_in_other_forms(run, form: str) -> None:
    status, out, _ = run("--csv", "a.csv", "-n", "alexnet_one_gpu", "-f", form, a__csv=ALEXNET)
    assert status == 0
    if form == "json":
        (table,) = json.loads(out)["tables"]
        cell = next(cell for cell in table["cells"] if cell["id"] == "conv-1.flops-m")
        assert cell["alternative"]["computed"] == 105_415_200
        assert cell["alternative"]["tried"] > 10
    elif form == "csv":
        assert len(list(csv.DictReader(io.StringIO(out)))) > 20
    else:
        assert "885,120" in out


def test_strict_fails_for_what_has_no_cause(run) -> None:
    wrong = ALEXNET.replace("885,120", "886,176")
    status, _, err = run("--csv", "a.csv", "-n", "alexnet_one_gpu", "--strict", a__csv=wrong)
    assert status == 1
    assert "c3.params" in err


def test_other_inputs_and_variables(run) -> None:
    text = "Layer,MACs\nTotal,418M\n"
    status, out, _ = run("--csv", "a.csv", "-n", "mobilenet_v1", "--input", "192", "--strict", a__csv=text)
    assert status == 0, out
    text = "Layer,MACs\nTotal,325M\n"
    assert run("--csv", "a.csv", "-n", "mobilenet_v1", "--set", "width=0.75", "--strict", a__csv=text)[0] == 0


def test_a_network_of_the_users_own(run) -> None:
    spec = "{input: [3, 8, 8], layers: [{conv: 4, kernel: 3, name: a}]}"
    status, out, _ = run("--csv", "t.csv", "-n", "./n.yaml", "--strict", t__csv="Layer,Params\na,112\n", n__yaml=spec)
    assert status == 0, out


@pytest.mark.parametrize(
    ("change", "place", "mend"),
    [
        (("columns:", "colums:"), "mine.yaml:4:3", "did you mean 'columns'?"),
        (("unit: parameters", "units: parameters"), "mine.yaml:4:", "did you mean 'unit'?"),
        (("[11.7M, 1.82 G]", "[11.7M]"), "mine.yaml:7:", "one cell a column"),
        (("title: Two networks\n", ""), "mine.yaml:1:1", "add title"),
        (("4.11 G", "four"), "cell 'resnet-50.flops'", "such as 2.7K"),
        (("resnet18_torchvision", "resnet18_torchvison"), "cell 'resnet-18.params'", "did you mean"),
        (("params({row})", "parms({row})"), "cell 'resnet-18.params'", ""),
        (("name: mine", "- name"), "mine.yaml:", ""),
    ],
)
def test_mistakes_in_yaml(run, change: tuple[str, str], place: str, mend: str) -> None:
    status, out, err = run("mine.yaml", mine__yaml=YAML.replace(*change))
    assert (status, out) == (2, "")
    assert place in err
    assert mend in err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Layer,Params\nconv1,34,944\n", "a figure with commas stands in quotes"),
        ("Layer,Accuracy\nconv1,3\n", "its titles are"),
        ("Layer,Params\nzzz,3\nqqq,4\n", "its layers are called"),
        ("Layer,Params\n", "has no rows"),
        ("", "has no rows"),
        ("Layer,Params\nconv1,\0\n", "not text"),
        ("Layer,Params\n" + "conv1,1\n" * 3000, "at most 2,000"),
        ("Layer,Params\nconv1," + "9" * 300 + "\n", "more than 200 characters"),
        ("Params,FLOPs\n1,2\n", "no column that names the layers"),
        ('Layer,Params\n"conv1,1\n', ""),
    ],
)
def test_mistakes_in_csv(run, text: str, said: str) -> None:
    status, out, err = run("--csv", "a.csv", "-n", "alexnet", a__csv=text)
    assert (status, out) == (2, "")
    assert err.startswith("error[")
    assert said in err


def test_strange_files(run, tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(b"Layer,Params\nconv\xe91,3\n")
    (tmp_path / "large.csv").write_bytes(b"x" * (MAX_BYTES + 1))
    (tmp_path / "folder.csv").mkdir()
    for name, said in (("latin", "UTF-8"), ("large", "larger"), ("folder", "a folder"), ("none", "there is no file")):
        status, _, err = run("--csv", f"{name}.csv", "-n", "alexnet")
        assert status == 2
        assert said in err


def test_control_characters_do_not_reach_the_terminal(run) -> None:
    text = 'Layer,Params\n"\x1b[31mconv1",34944\nconv2,307456\n"=1+1",3\n'
    for form in ("table", "json", "csv", "markdown", "latex"):
        status, out, _ = run("--csv", "a.csv", "-n", "alexnet", "-f", form, a__csv=text)
        assert status == 0
        assert "\x1b" not in out


def test_options_that_exclude_each_other(run) -> None:
    assert "exclude each other" in run("googlenet", "--papers")[2]
    assert "go with --csv" in run("googlenet", "--network", "alexnet")[2]
    assert "add --network" in run("--csv", "a.csv", a__csv=ALEXNET)[2]


def test_layers_are_matched_by_name_order_and_shape() -> None:
    labels = ["Conv2d-1", "ReLU-2", "MaxPool2d-3", "Conv2d-4", "ReLU-5", "MaxPool2d-6", "Linear-7", "Total params"]
    assert match_rows(view("alexnet_torchvision"), labels, [None] * 8)[:2] == ["conv1", "relu1"]
    table = ["type", "convolution", "max pool", "convolution", "max pool", "inception (3a)", "inception (3b)", "linear"]
    shapes = [None, (112, 112, 64), (56, 56, 64), (56, 56, 192), (28, 28, 192), (28, 28, 256), (28, 28, 480), None]
    found = match_rows(view("googlenet"), table[1:], shapes[1:])
    assert found[1] == "pool1"
    assert found[3:6] == ["pool2", "inception_3a", "inception_3b"]
    assert found[6] == "fc"


@pytest.mark.parametrize(
    ("text", "quantity", "scale"),
    [
        ("#Params", "params", 1), ("Params (M)", "params", 10**6), ("# parameters [K]", "params", 1000),
        ("GFLOPs", "flops", 10**9), ("FLOPs (G)", "flops", 10**9), ("MACs", "macs", 1), ("MMACs", "macs", 10**6),
        ("Mult-Adds (Millions)", "macs", 10**6), ("MAdds", "macs", 1), ("Output Shape", "shape", 1),
        ("Memory (MB)", "bytes", 10**6), ("Memory (MiB)", "bytes", 2**20), ("Param #", "params", 1),
        ("FLOPs (x10^9)", "flops", 10**9),
    ],
)  # fmt: skip
def test_titles(text: str, quantity: str, scale: int) -> None:
    assert read_title(text) == (quantity, scale)


@pytest.mark.parametrize("text", ["top-1", "accuracy", "latency (ms)", "year", ""])
def test_other_titles_are_left_alone(text: str) -> None:
    assert read_title(text) is None


@pytest.mark.parametrize(
    ("text", "shape"),
    [("55x55x96", (55, 55, 96)), ("(1, 96, 55, 55)", (96, 55, 55)), ("112\N{MULTIPLICATION SIGN}112", (112, 112)),
     ("[-1, 4096]", (4096,)), ("abc", None), ("1" * 80, None)],
)  # fmt: skip
def test_shapes(text: str, shape: tuple[int, ...] | None) -> None:
    assert read_shape(text) == shape


def test_published_values_without_pytorch(run) -> None:
    found = check_published("alexnet")
    assert found
    assert all(each.equal for each in found)
    status, out, _ = run("--published", "resnet50", "--strict")
    assert status == 0
    assert "25,557,032" in out
    assert run("--published", "resnet5000")[0] == 2


def test_the_schema_is_current_and_takes_the_built_in_tables() -> None:
    assert json.loads(FILE.read_text("utf-8")) == table_schema(), "run python -m cnncalc.documents.schema"


def test_a_table_cannot_ask_of_layers_without_end() -> None:
    text = """\
name: a
title: A
networks:
  big: "{input: [1], vars: {n: 1}, layers: [{linear: 1, repeat: 900000 + n}]}"
cells:
"""
    text += "".join(f'  - {{id: c{n}, printed: "1", compute: "params(big, set.n={n})"}}\n' for n in range(8))
    with pytest.raises(CnncalcError, match="layers"):
        check_table(table_of(text))


def test_a_cell_of_a_grid_may_be_empty() -> None:
    table = table_from_csv("Layer,Params,MACs\nconv1,-,105415200\nfc8,4097000,n/a\n", "t", Request("alexnet"))
    assert [row.cells for row in table.rows] == [[None, "105415200"], ["4097000", None]]
