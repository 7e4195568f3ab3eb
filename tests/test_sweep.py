"""Sweeps: what is declared, which variants are kept, and what is written of them."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import cnncalc as cc
from tests.test_cli import document, run

np = pytest.importorskip("numpy")

from cnncalc.sweeps import evaluate  # noqa: E402
from cnncalc.sweeps import run as runner  # noqa: E402
from cnncalc.sweeps.declare import Choices, Span, given_values, read_values  # noqa: E402
from cnncalc.sweeps.front import front  # noqa: E402
from cnncalc.sweeps.many import Many, combined  # noqa: E402

# What is declared


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.1:0.4:0.1", (0.1, 0.2, 0.3, 0.4)),
        ("1:4", (1, 2, 3, 4)),
        ("8:64:x2", (8, 16, 32, 64)),
        ("1:3:0.5", (1.0, 1.5, 2.0, 2.5, 3.0)),
        ("128:200:32", (128, 160, 192)),
        ("[0.5, 2]", (0.5, 2)),
        ("[[2, 2], [3, 4]]", ((2, 2), (3, 4))),
        ("[true, false]", (True, False)),
        ("7", (7,)),
    ],
)
def test_values(text: str, values: tuple[Any, ...]) -> None:
    found = read_values(text, "a")
    assert found == Choices(values)
    assert [type(value) for value in found.values] == [type(value) for value in values]


def test_ranges_without_steps() -> None:
    assert read_values("0.5:2", "a") == Span(0.5, 2.0)
    assert read_values("8:512:log", "a") == Span(8, 512, True, True)


def test_values_from_python() -> None:
    assert given_values(range(1, 4), "a") == given_values(np.arange(1, 4), "a") == Choices((1, 2, 3))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--vary", "widht=1:2"], "did you mean 'width'?"),
        (["--vary", "q=1:2"], "its variables are classes, width, input, batch"),
        (["--vary", "width=2:1:0.5"], "the range of 'width' is empty"),
        (["--vary", "width=[]"], "'width' has no values"),
        (["--vary", "width"], "'width' varies nothing"),
        (["--vary", "width=0.5:2"], "has no step"),
        (["--vary", "width=1:2:0.00000001"], "has 100,000,001 values"),
        (["--vary", "width=1.2 ** phi"], "which the sweep does not have"),
        (["--vary", "width=width + 1"], "is an expression over itself"),
        (["--vary", "width=1:2", "--vary", "width=3"], "--vary gives 'width' twice"),
        (["--vary", "width=1:2", "--set", "width=3"], "'width' is set and varied"),
        (["--vary", "input=64:96:32", "--input", "32"], "'input' is set and varied"),
        (["--vary", "width=1:2", "--where", "mcas < 3"], "did you mean 'macs'?"),
        (["--vary", "width=1:2", "--where", "macs <"], "not an expression"),
        (["--vary", "width=1:2", "--where", "macs / (params - params) < 3"], "division by zero"),
        (["--vary", "width=1:2", "--sort", "weight"], "there is no column 'weight'"),
        (["--vary", "width=1:2", "--pareto", "least:macs"], "is no objective"),
        (["--vary", "width=1:2", "--columns", "param"], "did you mean 'params'?"),
        (["--vary", "width=1:2", "--columns", "time"], "a time is of a device"),
        (["--vary", "width=1:2", "--columns", "train", "--optimizer", "adm"], "adam"),
        (["--vary", "width=1:2", "--let", "classes=3"], "is no name for a variable of the sweep"),
        ([], "nothing is varied"),
        (["--vary", "width=1:2", "--format", "parquet"], "a Parquet file is no text"),
    ],
)
def test_wrong_sweeps(words: list[str], message: str) -> None:
    assert message in run("sweep", "mobilenet_v1", *words, status=2).stderr


# Which variants there are


def test_a_grid_has_every_variant_once() -> None:
    records = list(cc.sweep("mobilenet_v1", {"width": "0.25:1:0.25", "input": [96, 128, 160]}))
    assert [(record["width"], record["input"]) for record in records] == [
        (width, size) for width in (0.25, 0.5, 0.75, 1.0) for size in (96, 128, 160)
    ]
    for record in records:
        costs = cc.network("mobilenet_v1", record["input"], vars={"width": record["width"]}).analyze()
        assert [record[name] for name in ("params", "macs", "flops", "activations")] == [
            costs.params,
            costs.macs,
            costs.flops,
            costs.activations,
        ]


def test_expressions_over_other_variables() -> None:
    table = cc.sweep(
        "efficientnet_b0",
        {"width": "1.1 ** phi", "depth": "1.2 ** phi", "input": "8 * base"},
        let={"phi": "0:2", "base": [4]},
    ).table
    assert table.columns["width"] == [1.0, 1.1, 1.1**2]
    assert table.columns["input"] == [32, 32, 32]


def test_samples_depend_on_the_seed_and_the_number_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    vary = {"width": "0.25:2", "input": "32:224", "classes": "[10, 100, 1000]"}
    whole = cc.sweep("mobilenet_v1", vary, sample=3000, seed=7).to_records()
    monkeypatch.setattr(runner, "CHUNK", 700)
    assert cc.sweep("mobilenet_v1", vary, sample=3000, seed=7).to_records() == whole
    assert cc.sweep("mobilenet_v1", vary, sample=2000, seed=7).to_records() == whole[:2000]
    assert cc.sweep("mobilenet_v1", vary, sample=3000, seed=8).to_records() != whole
    widths = [record["width"] for record in whole]
    assert 0.25 <= min(widths) < 0.3 < 1.9 < max(widths) <= 2
    assert abs(np.mean(widths) - 1.125) < 0.03


def test_a_logarithmic_sample() -> None:
    table = cc.sweep("mobilenet_v1", {"classes": "1:1000000:log"}, sample=20_000).table
    classes = np.array(table.columns["classes"])
    assert abs(np.median(np.log10(classes)) - 3) < 0.1
    assert classes.dtype.kind == "i"


def test_conditions_on_variables_and_quantities() -> None:
    vary = {"width": "0.25:2:0.25", "input": "96:224:32"}
    everything = cc.sweep("mobilenet_v1", vary, columns=["params", "macs", "peak"]).to_records()
    where = "macs < 300e6 and params < 4e6 and input * width > 50 and peak > 2 * params or input == 96 and width == 2"
    found = cc.sweep("mobilenet_v1", vary, columns=["params", "macs", "peak"], where=where).to_records()
    assert found == [each for each in everything if eval(where, {}, each)]
    assert 0 < len(found) < len(everything)
    parts = ["macs < 300e6", "params < 4e6"]
    both = cc.sweep("mobilenet_v1", vary, where=parts).table
    assert both.columns == cc.sweep("mobilenet_v1", vary, where=" and ".join(parts)).table.columns
    assert both.tried == 40


def test_every_quantity_is_that_of_the_analysis() -> None:
    from cnncalc.costs.compare import intensity, largest_field
    from cnncalc.sweeps.quantities import QUANTITIES

    (record,) = cc.sweep(
        "resnet18", {"input": [96]}, columns=list(QUANTITIES), device="a100", batch=4, optimizer="adam"
    )
    analysis = cc.network("resnet18", 96).analyze(4)
    field = largest_field(analysis)
    assert field
    memory = analysis.memory
    expected = {
        "params": analysis.params,
        "buffers": analysis.buffers,
        "macs": analysis.macs,
        "flops": analysis.flops,
        "activations": analysis.activations,
        "layers": len(analysis.layers),
        "param_bytes": analysis.param_bytes,
        "peak": memory.peak,
        "saved": memory.saved,
        "train": memory.training("adam").total,
        "traffic": memory.traffic,
        "intensity": intensity(analysis),
        "field": max(field),
        "time": analysis.roofline("a100").seconds,
    }
    assert {name: record[name] for name in QUANTITIES} == expected


def test_the_batch_is_varied_too() -> None:
    table = cc.sweep("resnet18", {"batch": [1, 8]}, columns=["macs", "params", "train"]).table
    one, eight = (cc.network("resnet18").analyze(batch) for batch in (1, 8))
    assert table.columns["macs"] == [one.macs, eight.macs]
    assert table.columns["train"] == [one.memory.training().total, eight.memory.training().total]


def test_variants_that_do_not_expand_are_kept_with_their_error() -> None:
    sweep = cc.sweep("vgg16", {"input": "16:64:16"}, where="macs < 1e9", columns=["macs", "field"])
    records = sweep.to_records()
    assert [record["input"] for record in records] == [16, 32, 48]
    assert "maxpool's kernel is larger than its input" in records[0]["error"]
    assert records[0]["macs"] is None
    assert "error" not in records[1]
    assert (sweep.table.failed, sweep.table.met) == (1, 2)
    text = run("sweep", "vgg16", "--vary", "input=16:64:16").stdout
    assert "1 variant does not expand" in text
    message = run("sweep", "vgg16", "--vary", "input=16:64:16", "--strict", status=2).stderr
    assert "error[variant]: the variant input=16 does not expand" in message


def test_networks_that_are_read_by_name_are_expanded() -> None:
    table = cc.sweep("unet", {"input": [572, 188]}, columns=["macs"]).table
    assert table.composed == 0
    assert table.columns["macs"] == [cc.network("unet", size).analyze().macs for size in (572, 188)]
    assert "expanded in full" in run("sweep", "unet", "--vary", "input=[572]").stdout


def test_unknown_counts_are_none() -> None:
    text = "{input: [3, 8, 8], vars: {w: 1}, layers: [{conv: w, kernel: 1}, {opaque: [[]], output: [4, 8, 8]}]}"
    table = cc.sweep(text, {"w": [1, 2]}, columns=["params", "activations"]).table
    assert table.columns["params"] == [None, None]
    assert table.failed == 0
    assert cc.sweep(text, {"w": [1, 2]}, where="params < 10**9").table.met == 0


# The check


def test_a_wrong_composition_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*arguments: Any) -> Any:
        totals = real(*arguments)
        totals.counts["macs"][:] += totals.counts["macs"] > 10**9
        return totals

    real = evaluate.Composer.totals
    monkeypatch.setattr(evaluate.Composer, "totals", wrong)
    vary = {"width": "0.25:2:0.05", "input": "96:256:8"}
    assert cc.sweep("mobilenet_v1", vary, check=0).table.checked == 0
    with pytest.raises(cc.CnncalcError, match="differ from the full expansion") as error:
        cc.sweep("mobilenet_v1", vary, check=0.2).to_records()
    assert error.value.exit_status == 1


def test_a_part_is_checked() -> None:
    table = cc.sweep("mobilenet_v1", {"width": "0.25:2:0.05", "input": "96:256:8"}, check=0.1).table
    assert table.composed == table.tried == 36 * 21
    assert 40 < table.checked < 120


# The best


def test_a_front_has_what_no_other_dominates() -> None:
    points = np.random.default_rng(0).integers(0, 12, (300, 3)).astype(float)
    points[5, 1] = np.nan
    expected = [
        not np.isnan(point).any() and not any((other <= point).all() and (other < point).any() for other in points)
        for point in points
    ]
    assert front(points).tolist() == expected


def test_pareto_sort_and_top(monkeypatch: pytest.MonkeyPatch) -> None:
    vary = {"width": "0.25:2:0.25", "input": "96:224:32"}
    everything = cc.sweep("mobilenet_v1", vary, columns=["params", "macs", "activations"]).to_records()

    def best(record: dict[str, Any]) -> bool:
        return not any(
            other["macs"] <= record["macs"]
            and other["activations"] >= record["activations"]
            and (other["macs"], other["activations"]) != (record["macs"], record["activations"])
            for other in everything
        )

    expected = sorted(filter(best, everything), key=lambda record: -record["macs"])
    for chunk, slack in ((16_384, 20_000), (7, 3)):  # kept as they come, or cut down on the way
        monkeypatch.setattr(runner, "CHUNK", chunk)
        monkeypatch.setattr("cnncalc.sweeps.found.SLACK", slack)
        options = {"columns": ["params", "macs", "activations"], "sort": "macs", "reverse": True}
        pareto = cc.sweep("mobilenet_v1", vary, pareto=["macs", "max:activations"], **options)
        assert pareto.to_records() == expected
        top = cc.sweep("mobilenet_v1", vary, top=4, **options).to_records()
        assert top == sorted(everything, key=lambda record: -record["macs"])[:4]
        assert cc.sweep("mobilenet_v1", vary, top=3, columns=options["columns"]).to_records() == everything[:3]
    assert 1 < len(expected) < len(everything)


# What is written

WORDS = ("sweep", "mobilenet_v1", "--vary", "width=[0.5, 1]", "--vary", "input=[96, 128]")


def test_the_table_on_a_terminal() -> None:
    text = run(*WORDS).stdout
    assert text.startswith("MobileNet (v1): 4 variants\n\nwidth  input  Parameters")
    assert "4,231,976" in text


def test_many_variants_are_cut_on_a_terminal() -> None:
    words = ("sweep", "mobilenet_v1", "--vary", "classes=1:100")
    assert "60 more are not shown" in run(*words).stdout
    assert len(run(*words, "--all").stdout.splitlines()) > 100
    assert len(run(*words, "--top", "5").stdout.splitlines()) < 12


def test_json_csv_and_parquet_have_the_same_variants(tmp_path: Path) -> None:
    found = document(*WORDS)
    assert found["sweep"]["variables"] == {"width": "[0.5, 1]", "input": "[96, 128]"}
    rows = list(csv.DictReader(io.StringIO(run(*WORDS, "--format", "csv").stdout)))
    records = [{key: float(value) for key, value in row.items() if value} for row in rows]
    assert records == found["variants"]
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    file = tmp_path / "out.parquet"
    assert "4 variants" in run(*WORDS, "--output", str(file)).stderr
    table = parquet.read_table(file)
    assert [{k: v for k, v in row.items() if v is not None} for row in table.to_pylist()] == found["variants"]
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]


def test_parquet_has_lists_errors_and_the_order_asked_for(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    file = tmp_path / "out.parquet"
    depths = "depths=[[1, 1, 1, 1], [1, 2, 7, 12]]"
    words = (
        "sweep",
        "regnet_x_400mf",
        "--vary",
        depths,
        "--vary",
        "group_width=[16, 5]",
        "--sort",
        "params",
        "--reverse",
    )
    run(*words, "--output", str(file))
    rows = parquet.read_table(file).to_pylist()
    assert [(row["depths"], row["group_width"], row["params"] is None) for row in rows] == [
        ([1, 2, 7, 12], 16, False),
        ([1, 1, 1, 1], 16, False),
        ([1, 1, 1, 1], 5, True),
        ([1, 2, 7, 12], 5, True),
    ]
    assert "groups must divide" in rows[2]["error"]


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    assert "cannot be written" in run(*WORDS, "--output", str(tmp_path / "no" / "out.parquet"), status=2).stderr
    words = ("sweep", "vgg16", "--vary", "input=[32, 16]", "--strict", "--output", str(tmp_path / "out.parquet"))
    run(*words, status=2)
    assert list(tmp_path.iterdir()) == []


def test_without_pyarrow_and_without_numpy(tmp_path: Path) -> None:
    code = "import sys; sys.modules[%r] = None; from cnncalc.__main__ import main; sys.argv[1:] = %r; main()"
    for module, words in (("pyarrow", [*WORDS, "-o", "out.parquet"]), ("numpy", list(WORDS))):
        command = [sys.executable, "-c", code % (module, words)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert "pip install 'cnncalc[sweep]'" in done.stderr
        assert "Traceback" not in done.stderr


# A file

FILE = """
network: mobilenet_v1
sweep:
  vary:
    width: 0.25:1:0.25
    input: [96, 128]
  where: macs < 100e6
  columns: [width, params, macs]
  sort: macs
"""


def test_a_declaration_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "family.yaml"
    file.write_text(FILE)
    found = document("sweep", str(file))
    vary = {"width": "0.25:1:0.25", "input": [96, 128]}
    expected = cc.sweep("mobilenet_v1", vary, where="macs < 100e6", columns=["params", "macs"], sort="macs")
    assert found["variants"] == expected.to_records()
    more = document("sweep", str(file), "--vary", "width=[0.25]", "--where", "input > 100", "--set", "classes=10")
    assert [record["width"] for record in more["variants"]] == [0.25]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("where:", "were:"), "did you mean 'where'?"),
        (("sort: macs", "sort: [macs]"), "'sort' of a sweep has an unfit value"),
        (("network:", "netwerk:"), "netwerk"),
        (("mobilenet_v1", "3"), "names no network"),
        (("width: 0.25:1:0.25", "width: 1:0.25:0.25"), "the range of 'width' is empty"),
    ],
)
def test_wrong_files(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    file = tmp_path / "family.yaml"
    file.write_text(FILE.replace(*change))
    assert message in run("sweep", str(file), status=2).stderr


def test_a_network_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text("{input: [3, 8, 8], vars: {w: 1}, layers: [{conv: w, kernel: 1}]}")
    (tmp_path / "family.yaml").write_text("network: net.yaml\nsweep: {vary: {w: [1, 2]}}")
    assert [record["params"] for record in document("sweep", str(tmp_path / "family.yaml"))["variants"]] == [4, 8]


# Columns


def test_combinations_of_many_values() -> None:
    """Beyond the slots that a table has, too."""
    r = np.random.default_rng(1)
    columns = [Many(list(range(60_000)), r.integers(0, 60_000, 500)) for _ in range(5)]
    columns.append(Many.of(r.integers(0, 3, 500)))
    codes, places = combined([*columns, *columns])
    rows = [tuple(column.at(n) for column in columns) for n in range(500)]
    assert len(set(rows)) == len(places)
    assert [rows[places[code]] for code in codes] == rows


def test_a_spec_on_standard_input() -> None:
    spec = "{input: [3, 8, 8], vars: {w: 1}, layers: [{conv: w, kernel: 1}]}"
    text = run("sweep", "-", "--vary", "w=[1, 2]", "--format", "json", input=spec).stdout
    assert [record["params"] for record in json.loads(text)["variants"]] == [4, 8]


# Pictures

FAMILY = ("sweep", "mobilenet_v1", "--vary", "width=0.25:2:0.25", "--vary", "input=96:224:32")


def test_a_distribution_says_which_part_has_at_most_so_much() -> None:
    chart = cc.sweep("mobilenet_v1", {"classes": "1:1000"}).chart("distribution", "params")
    params = sorted(cc.sweep("mobilenet_v1", {"classes": "1:1000"}).table.columns["params"])
    assert len(chart.values) <= 502
    for point in chart.values:
        assert sum(value <= point["value"] for value in params) / 1000 == point["part"]
    assert chart.values[-1]["part"] == 1


def test_the_front_that_is_drawn_is_that_of_the_table() -> None:
    vary = {"width": "0.25:2:0.25", "input": "96:224:32"}
    front = cc.sweep("mobilenet_v1", vary, pareto=["params", "max:activations"]).table
    chart = cc.sweep("mobilenet_v1", vary).chart("pareto", "params", "max:activations")
    drawn = [(value["params"], value["activations"]) for value in chart.values]
    assert sorted(drawn) == sorted(zip(front.columns["params"], front.columns["activations"], strict=True))


def test_charts_as_data() -> None:
    for kind, of in (("scatter", "params,macs,input"), ("parallel", "width,input,macs"), ("pareto", "params,max:macs")):
        found = json.loads(run(*FAMILY, "--plot", kind, "--of", of, "--format", "vegalite").stdout)
        assert found["$schema"].endswith("v5.json")
    lines = found["layer"][0]["data"]["values"]
    assert len(lines) == 40


def test_of_many_variants_a_part_is_drawn() -> None:
    chart = cc.sweep("mobilenet_v1", {"classes": "1:6000"}).chart("scatter", "classes", "params")
    assert len(chart.values) == 5000
    assert "5,000 of 6,000 are drawn" in chart.title


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--plot", "pareta"], "did you mean 'pareto'?"),
        (["--plot", "scatter", "--of", "macs"], "is of two columns"),
        (["--plot", "scatter", "--of", "macs,mcas"], "did you mean 'macs'?"),
        (["--plot", "parallel", "--of", "macs"], "of two columns or more"),
        (["--of", "macs"], "add --plot"),
        (["--plot", "distribution", "--of", "macs", "--where", "macs < 1"], "there is no number in 'macs'"),
    ],
)
def test_wrong_figures(words: list[str], message: str) -> None:
    assert message in run(*FAMILY, *words, status=2).stderr


def test_figures_are_files(tmp_path: Path) -> None:
    pytest.importorskip("vl_convert")
    for kind, of in (("distribution", "macs,params"), ("parallel", "width,input,macs")):
        for form in ("svg", "pdf", "png"):
            file = tmp_path / f"{kind}.{form}"
            run(*FAMILY, "--plot", kind, "--of", of, "--output", str(file), "--width", "84mm")
            assert file.stat().st_size > 1000


def test_a_page_has_the_figures_and_the_table(tmp_path: Path) -> None:
    pytest.importorskip("vl_convert")
    file = tmp_path / "family.html"
    run(*FAMILY, "--vary", "classes=[10, 1000]", "--plot", "page", "--output", str(file))
    text = file.read_text("utf-8")
    assert text.count("<figure><svg") == 3
    assert text.count("<tr>") > 40
    assert "default-src &#x27;none&#x27;" in text
    assert "<script" not in text
    assert "a page is HTML" in run(*FAMILY, "--plot", "page", "--format", "csv", status=2).stderr


def test_arguments_of_a_module_are_variables(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "net.py").write_text(
        "from torch import nn\n"
        "def make(width=8, depth=1):\n"
        "    return nn.Sequential(*[nn.Conv2d(3, 3, width, padding='same') for _ in range(depth)])\n"
    )
    words = ("sweep", f"{tmp_path / 'net.py'}:make", "--input", "3x9x9")
    found = document(*words, "--vary", "width=[1, 3]", "--vary", "depth=[1, 2]", "--columns", "params,peak")
    assert [record["params"] for record in found["variants"]] == [12, 24, 84, 168]
    assert "unexpected keyword argument 'widht'" in run(*words, "--vary", "widht=[1, 3]", status=2).stderr


def test_a_list_is_given_as_a_list_of_lists() -> None:
    family = str(Path(__file__).parent.parent / "examples" / "resnet_family.yaml")
    assert "[[...], [...]]" in run("sweep", family, "--vary", "depths=[2, 2, 2, 2]", status=2).stderr
    assert "2 variants" in run("sweep", family, "--vary", "depths=[[1,1,1,1],[2,2,2,2]]", "--columns", "params").stdout


def test_csv_has_the_columns_asked_for() -> None:
    text = run(*FAMILY, "--columns", "input,macs", "--where", "macs < 10e6", "--format", "csv").stdout
    assert text.splitlines()[0] == "variant,input,macs,error"
    assert len(text.splitlines()) > 1
