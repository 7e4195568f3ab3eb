"""The command line: what each command prints, in every format, and how it fails."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from cnncalc import __version__, network
from cnncalc.cli.app import COMMANDS, app

ROOT = Path(__file__).parent.parent
TINY = """\
title: Tiny
input: [3, 8, 8]
vars: {width: 4, classes: 2}
layers:
  - {conv: width, kernel: 3, padding: 1, name: conv1}
  - relu
  - {layers: [{conv: width, kernel: 1}, {conv: width, kernel: 3}], name: stage}
  - flatten
  - {linear: classes, name: fc}
notes: A note of the spec.
"""


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    file = tmp_path / "tiny.yaml"
    file.write_text(TINY)
    return str(file)


def run(*words: str, status: int = 0, columns: int | None = None, input: str | bytes | None = None) -> Result:
    """Run a command line; it ends with the status expected, and never with a traceback."""
    env = {"COLUMNS": str(columns)} if columns else None
    result = CliRunner().invoke(app, list(words), env=env, input=input)
    assert not result.exception or isinstance(result.exception, SystemExit), result.exc_info
    assert "Traceback" not in result.output
    assert result.exit_code == status, result.output
    return result


def document(*words: str) -> dict[str, Any]:
    return dict(json.loads(run(*words, "--format", "json").stdout))


# The commands


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    text = run(name, "--help").stdout
    assert f"Example: cnncalc {name}" in text
    assert "--format" in text or name in ("import", "export")  # which write YAML and ONNX alone


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    assert f"\n## cnncalc {name}\n" in (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


EXAMPLES = re.findall(r"^cnncalc .+$", (ROOT / "docs" / "cli.md").read_text(encoding="utf-8"), re.MULTILINE)

FAIL = {"cnncalc check resnet50 --object 64 --strict"}  # the checks that find something


@pytest.mark.parametrize("line", EXAMPLES)
def test_examples_of_the_documentation_run(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(line)[1:]
    if words[0] in ("verify", "profile") or ">" in words:
        pytest.skip("needs PyTorch or a shell")
    monkeypatch.setattr("shellingham.detect_shell", lambda: ("bash", "/bin/bash"))  # whoever runs the tests
    Path("my-net.yaml").write_text(TINY)  # the reader's own, in the folder of the test
    run(*words, status=1 if line in FAIL else 0)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_installed_in_the_home_folder(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shellingham.detect_shell", lambda: (shell, f"/bin/{shell}"))
    assert list(Path.home().iterdir()) == []
    run("--install-completion")
    written = [file.read_text() for file in Path.home().rglob("*") if file.is_file()]
    assert any("_COMPLETE" in text for text in written)


def test_help_lists_every_command() -> None:
    text = run().stdout
    assert text == run("--help").stdout
    for name in COMMANDS:
        assert re.search(rf"^  {name} +\w.*[^.]\.$", text, re.MULTILINE), "a short first sentence fits its line"


def test_version() -> None:
    assert run("--version").stdout == f"cnncalc {__version__}\n"


# Tables about one network


def test_params() -> None:
    text = run("params", "alexnet").stdout
    assert text.startswith("AlexNet: input 3x227x227\n\nLayer ")
    assert re.search(r"^conv1 +conv +96x55x55 +34,944 +0\.06$", text, re.MULTILINE)
    assert re.search(r"^Total +60,964,224 +100\.00$", text, re.MULTILINE)
    assert "243,856,896 bytes in float32" in text
    assert "Total as in the lecture slides" in " ".join(text.split())


def test_flops_state_the_convention() -> None:
    text = run("flops", "googlenet", "--input", "224").stdout
    assert re.search(r"^Total +1,582,671,872 +3,190,412,360 +100\.00$", text, re.MULTILINE)
    assert "FLOPs = 2 x MACs + all other operations" in text


def test_flops_by_class() -> None:
    text = run("flops", "alexnet", "--operations").stdout
    assert re.search(r"Add +Mul +Div +Compare +Exp\n", text)
    totals = network("alexnet").analyze().operations
    assert all(f"{number:,}" in text for number in totals.values())


def test_shapes_tell_options_and_inputs() -> None:
    text = run("shapes", "alexnet").stdout
    assert re.search(r"conv2 +conv 256, kernel 5, padding 2, groups 2 +256x27x27 +186,624 +96x27x27\n", text)


def test_many_layers_are_grouped_by_name() -> None:
    text = run("params", "resnet50").stdout
    assert re.search(r"^conv2_x +32 layers +256x56x56 +215,808 ", text, re.MULTILINE)
    assert "175 layers in 11 groups by name" in text
    assert len(text.splitlines()) < 40


def test_depth_and_all() -> None:
    by_block = run("params", "resnet50", "--depth", "2").stdout
    assert re.search(r"^conv2_x\.1 +12 layers", by_block, re.MULTILINE)
    assert "in 11 groups" not in by_block
    each = run("params", "resnet50", "--all").stdout
    assert sum(line.startswith("conv") for line in each.splitlines()) > 160


def test_the_middle_of_a_long_chain_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "chain.yaml"
    file.write_text("{input: [1, 4, 4], layers: [{conv: 1, kernel: 1, repeat: 500}]}")
    text = run("params", str(file)).stdout
    assert "460 of 500 rows are not shown; --all shows each." in text
    assert re.search(r"^Total +1,000 ", text, re.MULTILINE)
    assert len(run("params", str(file), "--all").stdout.splitlines()) > 500


def test_a_network_without_parameters(tmp_path: Path) -> None:
    file = tmp_path / "pool.yaml"
    file.write_text("{input: [3, 8, 8], layers: [{identity: }]}")
    for command in ("params", "flops", "shapes", "explain", "compare"):
        run(command, str(file))


# What a request may say


def test_own_file_standard_input_and_name_give_the_same(tiny: str) -> None:
    text = run("params", tiny).stdout
    assert text.startswith("Tiny: input 3x8x8\n")
    assert text.endswith("Note: A note of the spec.\n")
    assert run("params", "-", input=TINY).stdout == text
    by_name = run("show", tiny, "--format", "json").stdout
    assert run("show", "-", "--format", "json", input=TINY).stdout == by_name.replace('"tiny"', '"stdin"')


@pytest.mark.parametrize(
    ("size", "shape"), [("16", [3, 16, 16]), ("16x12", [3, 16, 12]), ("3x16x12", [3, 16, 12]), ("3X9X9", [3, 9, 9])]
)
def test_input_sizes(tiny: str, size: str, shape: list[int]) -> None:
    assert document("shapes", tiny, "--input", size)["input"] == shape


def test_inputs_by_name(tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text("inputs: {a: [3, 8, 8], b: [3, 4, 4]}\nlayers: [{conv: 4, kernel: 3}, {relu: , from: b}]")
    for words, shapes in (("a=16", [[3, 16, 16], [3, 4, 4]]), ("b=1x9x7, a=6x5", [[3, 6, 5], [1, 9, 7]])):
        assert [one["shape"] for one in document("shapes", str(file), "--input", words)["inputs"]] == shapes
    for words, message in (
        ("c=4", "the network has no input 'c'"),
        ("a=4,a=5", "--input gives 'a' twice"),
        ("a=4,5", "'5' does not say an input's size"),
        ("=4", "'=4' does not say an input's size"),
        ("a=", "'' is not an input size"),
        ("a=0", "'0' is not an input size"),
    ):
        assert message in run("shapes", str(file), "--input", words, status=2).stderr


def test_a_whole_input_for_a_spec_that_has_none(tmp_path: Path) -> None:
    file = tmp_path / "part.yaml"
    file.write_text("layers: [{conv: 4, kernel: 3}]")
    assert document("shapes", str(file), "--input", "3x8x8")["layers"][0]["output"] == [4, 6, 6]
    assert "the spec has no 'input'" in run("shapes", str(file), status=2).stderr


def test_variables_and_classes(tiny: str) -> None:
    found = document("params", tiny, "--set", "width=2 * 8", "--classes", "7")
    outputs = {layer["name"]: layer["output"] for layer in found["layers"]}
    assert outputs["conv1"] == [16, 8, 8]
    assert outputs["fc"] == [7]
    assert run("params", tiny, "--set", "width=16", "--classes", "7").stdout.startswith(
        "Tiny: input 3x8x8, width=16, classes=7\n"
    )


def test_a_variable_s_value_is_read_as_in_a_spec(tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(
        "input: [3, 8, 8]\nvars: {base: 2, w: [1]}\nlayers: [{conv: 'w[1]', kernel: 1}, {conv: 'w[0]', kernel: 1}]"
    )
    found = document("shapes", str(file), "--set", "w=[0x10, 3 * base]")["layers"]
    assert [layer["output"][0] for layer in found] == [6, 16]


def test_shapes_names_every_output(tmp_path: Path) -> None:
    file = tmp_path / "heads.yaml"
    file.write_text("input: [3, 8, 8]\nlayers:\n  - {head: a, layers: [flatten]}\n  - {conv: 2, kernel: 3}\n")
    assert "Outputs of the network: output 2x6x6 (conv1), a 192 (a.flatten1)." in run("shapes", str(file)).stdout
    assert "Outputs of" not in run("shapes", "alexnet").stdout


def test_batch_multiplies_operations_and_activations(tiny: str) -> None:
    one, four = document("flops", tiny)["totals"], document("flops", tiny, "--batch", "4")["totals"]
    assert four["params"] == one["params"]
    for quantity in ("macs", "flops", "activations"):
        assert four[quantity] == 4 * one[quantity]


def test_training_adds_the_auxiliary_heads() -> None:
    assert document("params", "googlenet")["totals"]["params"] == 6_998_552
    training = document("params", "googlenet", "--training")
    assert training["totals"]["params"] == 13_378_280
    assert training["training"] is True
    assert len(training["outputs"]) == 3


# JSON, the contract


@pytest.mark.parametrize("command", ["params", "flops", "shapes", "show"])
def test_every_single_network_command_gives_the_same_document(command: str, tiny: str) -> None:
    assert document(command, tiny) == document("params", tiny)


def test_the_json_contract(tiny: str) -> None:
    found = document("params", tiny)
    assert found["schema"] == 2
    assert found["network"] == "tiny"
    assert found["input"] == [3, 8, 8]
    assert found["inputs"] == [{"name": "input", "shape": [3, 8, 8]}]
    assert found["outputs"] == {"output": "fc"}
    assert found["batch"] == 1
    assert found["dtype"] == "float32"
    assert found["at_least"] == []
    wanted = {"params", "buffers", "macs", "flops", "activations", "param_bytes", "peak_memory_bytes"}
    assert wanted | {"traffic_bytes", "saved_bytes"} == set(found["totals"])
    first = found["layers"][0]
    assert first == {
        "name": "conv1",
        "kind": "conv",
        "options": {
            "out_channels": 4,
            "kernel": 3,
            "stride": 1,
            "padding": 1,
            "dilation": 1,
            "groups": 1,
            "bias": True,
            "connections": None,
        },
        "inputs": ["input"],
        "input_shapes": [[3, 8, 8]],
        "output": [4, 8, 8],
        "params": 112,
        "buffers": 0,
        "macs": 6912,
        "flops": 14080,
        "operations": {"mac": 6912, "add": 256},
        "activations": 256,
        "read_bytes": 4 * (192 + 112),
        "written_bytes": 4 * 256,
        "saved_bytes": 4 * 192,
        "receptive_field": {"size": [3, 3], "stride": [1, 1], "padding": [1, 1]},
    }
    for quantity in ("params", "buffers", "macs", "flops", "activations"):
        assert found["totals"][quantity] == sum(layer[quantity] for layer in found["layers"])


def test_comparison_as_json() -> None:
    found = document("compare", "vgg16", "nin", "lenet5")
    assert [network["name"] for network in found["networks"]] == ["vgg16", "nin", "lenet5"]
    assert found["networks"][0]["params"] == 138_357_544
    assert found["networks"][0]["peak_memory_bytes"] > found["networks"][0]["param_bytes"]


def test_list_as_json() -> None:
    by_name = {network["name"]: network for network in document("list")["networks"]}
    assert by_name["resnet18"]["params"] == 11_689_512
    assert by_name["resnet18"]["input"] == [3, 224, 224]
    assert by_name["resnet50_torchvision"]["top1"] == 76.13
    assert "torchvision" in by_name["resnet50_torchvision"]["accuracy_source"]


# Other formats, and files


def test_csv_has_every_layer_and_raw_numbers() -> None:
    rows = list(csv.DictReader(io.StringIO(run("params", "resnet50", "--format", "csv").stdout)))
    assert len(rows) == len(network("resnet50").layers)
    assert sum(int(row["params"]) for row in rows) == 25_557_032
    grouped = run("params", "resnet50", "--format", "csv", "--depth", "1").stdout
    assert len(grouped.splitlines()) == 12


@pytest.mark.parametrize(
    "words",
    [
        "compare vgg16 nin",
        "compare vgg16 nin --depth 1",
        "reconcile lenet5",
        "bottleneck lenet5",
        "memory lenet5 --fits 1GiB",
        "explain lenet5",
        "explain lenet5 C1",
        "flops lenet5 --device h100",
        "flops lenet5 --as fvcore",
        "tables",
        "list vgg",
        "rf lenet5 C3 --unit 1,1",
    ],
)
def test_csv_is_one_table(words: str) -> None:
    header, *rows = csv.reader(io.StringIO(run(*words.split(), "--format", "csv").stdout))
    assert rows
    assert len(set(header)) == len(header)
    assert {len(row) for row in rows} == {len(header)}


def test_rf_of_one_layer_has_no_notes_on_the_rest() -> None:
    text = run("rf", "alexnet", "conv5").stdout
    assert "163" in text
    assert "groups by name" not in text
    assert "in 1 group" not in text


def test_csv_of_compare_has_all_totals() -> None:
    first, second = csv.DictReader(io.StringIO(run("compare", "vgg16", "nin", "--format", "csv").stdout))
    totals = document("params", "nin")["totals"]
    assert float(first["macs_ratio"]) == 1
    assert int(second["params"]) == totals["params"]
    assert int(second["peak_bytes"]) == totals["peak_memory_bytes"]
    assert int(second["saved_bytes"]) == totals["saved_bytes"]


@pytest.mark.parametrize(
    ("name", "start"),
    [("a.csv", "layer,"), ("a.json", "{"), ("a.md", "**"), ("a.tex", "% needs"), ("a.txt", "Tiny")],
)
def test_the_files_name_tells_the_format(tiny: str, tmp_path: Path, name: str, start: str) -> None:
    file = tmp_path / name
    assert run("params", tiny, "--output", str(file)).stdout == ""
    assert file.read_text(encoding="utf-8").startswith(start)


def test_format_prevails_over_the_files_name(tiny: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    run("params", tiny, "--output", str(file), "--format", "json")
    assert json.loads(file.read_text(encoding="utf-8"))["network"] == "tiny"


# compare


def test_compare_gives_ratios_to_the_first() -> None:
    text = run("compare", "vgg16", "nin").stdout
    assert re.search(r"^vgg16 +138,357,544 +1\.000 ", text, re.MULTILINE)
    assert re.search(r"^nin +7,595,176 +0\.055 ", text, re.MULTILINE)


def test_compare_matches_two_networks_group_by_group() -> None:
    text = run("compare", "resnet50", "resnet50_torchvision").stdout
    assert re.search(r"^conv3_x +1,219,584 +1,219,584 +1\.000 +950,534,144 +1,027,604,480 +1\.081$", text, re.MULTILINE)
    assert "Group by group" not in run("compare", "resnet18", "resnet34", "resnet50").stdout


def test_compare_leaves_out_the_groups_where_no_name_meets() -> None:
    assert "Group by group" not in run("compare", "lenet5", "nin").stdout


# explain


def test_explain_a_layer_with_the_numbers_filled_in() -> None:
    text = run("explain", "alexnet", "conv1").stdout
    for line in (
        "(227 - 11 + 2*0) / 4 + 1 = 55",
        "11*11*3*96 + 96 = 34,944",
        "11*11*3*96*55*55 = 105,415,200",
        "2*105,415,200 + 290,400 = 211,120,800",
    ):
        assert line in text


def test_explain_the_totals() -> None:
    text = run("explain", "alexnet").stdout
    assert re.search(r"^fc6 +9216\*4096 \+ 4096 +37,752,832$", text, re.MULTILINE)
    assert re.search(r"^Total +60,964,224$", text, re.MULTILINE)
    assert re.search(r"^Total +1,455,403,104$", text, re.MULTILINE)
    grouped = run("explain", "resnet50").stdout
    assert "12,845,056 + 3*115,605,504 + 6*51,380,224" in grouped


def test_explain_a_group_and_all_layers() -> None:
    assert "conv2_x.1.downsample.bn: batchnorm" in run("explain", "resnet50", "conv2_x.1").stdout
    assert run("explain", "lenet5", "--all").stdout.count("Quantity") == len(network("lenet5").layers)


def test_explain_names_the_nearest_layer() -> None:
    assert "did you mean 'conv1'?" in run("explain", "alexnet", "cnv1", status=2).stderr


def test_explain_as_data_agrees_with_the_document() -> None:
    found = document("explain", "alexnet")
    lines = {(line["layer"], line["quantity"]): line["value"] for line in found["explanations"]}
    for layer in found["layers"]:
        for key, quantity in (("params", "Parameters"), ("macs", "MACs"), ("flops", "FLOPs")):
            assert lines.get((layer["name"], quantity), 0) == layer[key]
    rows = list(csv.DictReader(io.StringIO(run("explain", "alexnet", "conv1", "--format", "csv").stdout)))
    assert rows[2]["formula"] == "prod(k)*(c_in/groups)*c_out + c_out"


def test_explain_says_what_a_batch_does() -> None:
    one, eight = (run("explain", "alexnet", "--batch", n).stdout for n in ("1", "8"))
    assert "The batch of 8 multiplies operations and activations" in eight
    assert re.findall(r"^Total .*$", one, re.MULTILINE) == re.findall(r"^Total .*$", eight, re.MULTILINE)
    one, eight = (run("explain", "resnet20", "--training", "--batch", n).stdout for n in ("1", "8"))
    assert re.findall(r"^(?:Total|Divisions) .*$", one, re.MULTILINE) == re.findall(
        r"^(?:Total|Divisions) .*$", eight, re.MULTILINE
    )


# list and show


def test_list_filters_sorts_and_picks_columns() -> None:
    text = run("list", "resnet", "--sort", "macs", "--columns", "name,macs", "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    counts = [int(row["macs"]) for row in rows]
    assert counts == sorted(counts)
    assert {"resnet20", "resnet152"} <= {row["name"] for row in rows}
    largest = run("list", "--sort", "params", "--reverse", "--columns", "name,params", "--format", "csv").stdout
    counts = [int(line.split(",")[1]) for line in largest.splitlines()[1:]]
    assert counts == sorted(counts, reverse=True)


def test_list_orders_names_as_people_do() -> None:
    names = [network["name"] for network in document("list", "resnet")["networks"]]
    assert names.index("resnet18") < names.index("resnet50") < names.index("resnet110") < names.index("resnet1202")


def test_list_shows_fragments_when_asked() -> None:
    assert "inception_3a" not in run("list").stdout
    assert "inception_3a" in run("list", "--fragments").stdout
    assert "inception_3a" in run("list", "inception_3a").stdout


def test_names_of_files_are_printable(tmp_path: Path) -> None:
    told = run("page", "lenet5", "--output", str(tmp_path / "a\x7f\x1b[2J.html")).stderr
    assert told.startswith(f"{tmp_path}/a??[2J.html: ")


def test_list_of_nothing() -> None:
    assert "No network has 'quux'" in run("list", "quux").stdout
    assert "'a?[2J?b'" in run("list", "a\x1b[2J\u202eb").stdout
    assert "quux" not in run("list", "quux", "--format", "markdown").stdout
    assert document("list", "quux")["networks"] == []


def test_show_prints_the_spec_as_it_stands_in_its_file(tiny: str) -> None:
    assert run("show", tiny).stdout == TINY
    assert run("show", "resnet50").stdout == (ROOT / "specs" / "resnet50.yaml").read_text(encoding="utf-8")


def test_show_what_a_spec_extends() -> None:
    text = run("show", "resnet50", "--family").stdout
    assert text.index("# specs/families/resnet.yaml") < text.index("# specs/resnet50.yaml")
    assert "bottleneck:" in text


def test_show_expanded() -> None:
    text = run("show", "lenet5", "--expanded").stdout
    assert re.search(r"^C3 +conv 16, kernel 5, 60 connections +S2\.tanh1 +16x10x10$", text, re.MULTILINE)


# The terminal


@pytest.mark.parametrize("columns", [60, 80, 160])
@pytest.mark.parametrize(
    "words",
    [
        "list",
        "list --fragments",
        "params inception_resnet_v2",
        "params resnet1202",
        "flops googlenet",
        "flops inception_v4 --depth 2 --operations",
        "shapes inception_v3 --depth 2",
        "compare vgg16 nin",
        "compare vgg19_bn inception_resnet_v2 efficientnet_b0",
        "explain googlenet norm1",
        "explain resnet50",
        "show googlenet --expanded",
    ],
)
def test_no_line_is_wider_than_the_terminal(words: str, columns: int) -> None:
    text = run(*words.split(), columns=columns).stdout
    assert max(map(len, text.splitlines())) <= columns
    assert text.rstrip()


def test_no_number_is_cut_even_where_the_terminal_is_narrow() -> None:
    for columns in (30, 60):
        text = run("flops", "vgg16", columns=columns).stdout
        assert "15,470,264,320" in text
        assert "30,972,232,168" in text


def test_completion() -> None:
    def complete(words: str, at: int) -> list[str]:
        env = {"_CNNCALC_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(at)}
        return CliRunner().invoke(app, env=env, prog_name="cnncalc").stdout.split()

    assert complete("cnncalc par", 1) == ["params"]
    assert complete("cnncalc params resnet1", 2)[:2] == ["resnet101", "resnet101_torchvision"]
    assert complete("cnncalc explain alexnet conv", 3) == ["conv1", "conv2", "conv3", "conv4", "conv5"]
    assert complete("cnncalc params alexnet --format j", 4) == ["json"]
    assert complete("cnncalc flops alexnet --device h", 4) == ["h100", "h200"]
    assert complete("cnncalc flops alexnet --as to", 4) == ["torch", "torchinfo"]
    assert complete("cnncalc memory alexnet --optimizer ad", 4) == ["adam", "adamw"]


# Wrong requests: status 2, a message, no traceback. Wrong specs are tested with the reader.


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("parms alexnet", "did you mean 'params'?"),
        ("quux", "lists the commands"),
        ("params", "missing argument 'NETWORK'"),
        ("params alxnet", "did you mean 'alexnet'?"),
        ("params alexnet vgg16", "too many words: (vgg16)"),
        ("params alexnet --output a.pdf", "no format writes '.pdf' files"),
        ("params alexnet --input 227x227x3", "channels come first: 3x227x227"),
        ("alexnet", "it is a network: `cnncalc params alexnet`"),
        ("explain resnet50 conv2_x.9", "did you mean 'conv2_x."),
        ("params families/resnet", "a family has none: its members, which extend it, do"),
        ("params no/such/file.yaml", "there is no file"),
        ("params .", ""),
        ("params ''", ""),
        ("params alexnet --quux", "no such option: --quux"),
        ("params alexnet --inptu 3", "--input"),
        ("params alexnet --batch", "requires an argument"),
        ("params alexnet --batch 0", "0 is not in the range"),
        ("params alexnet --batch two", "'two' is not a whole number"),
        ("params alexnet --depth 0", "0 is not in the range"),
        ("params alexnet --input 0", "'0' is not an input size"),
        ("params alexnet --input -3", "'-3' is not an input size"),
        ("params alexnet --input axb", "'axb' is not an input size"),
        ("params alexnet --input 3x", "'3x' is not an input size"),
        ("params alexnet --input 99999999999999999999", "is not an input size"),
        ("params alexnet --input 10000000000", "10^9"),
        ("params alexnet --input 3x224x224x224", "this network's input is 3x227x227"),
        ("params alexnet --input 8", "kernel"),
        ("params alexnet --set classes", "write --set VAR=VALUE"),
        ("params alexnet --set =3", "write --set VAR=VALUE"),
        ("params alexnet --set clases=3", "did you mean 'classes'?"),
        ("params alexnet --set classes=[1", "--> --set classes:1"),
        ("params alexnet --set classes=nan", "unknown variable 'nan'"),
        ("params alexnet --set classes=1e999", "beyond 10^18"),
        ("params alexnet --set classes=" + 5000 * "9", "beyond 10^18"),
        ("params alexnet --set classes=~", "this is nothing"),
        ("params alexnet --set classes=3 --set classes=4", "--set gives 'classes' twice"),
        ("params alexnet --set classes=3 --classes 4", "both give 'classes'"),
        ("params alexnet --set classes=x.y", "error["),
        ("params alexnet --set classes=-1", "error["),
        ("params alexnet --classes 0", "0 is not in the range"),
        ("params vgg_block --classes 3", "error["),
        ("params alexnet --format yaml", "the formats are table"),
        ("params alexnet --format jsn", "did you mean 'json'?"),
        ("params alexnet --output no/such/folder/a.txt", "cannot be written"),
        ("compare", "missing argument 'NETWORK...'"),
        ("compare - -", "standard input can be read once"),
        ("compare alexnet nin --device cuda", "add --profile"),
        ("flops alexnet --dtype float16", "--device h100"),
        ("flops alexnet --as torch --device h100", "ask for one"),
        ("compare alexnet alxnet", "did you mean 'alexnet'?"),
        ("explain alexnet quux", "has no layer 'quux'"),
        ("list --sort parms", "did you mean 'params'?"),
        ("list --columns name,quux", "the columns are name, title"),
        ("show alxnet", "did you mean 'alexnet'?"),
    ],
)
def test_wrong_requests(words: str, message: str) -> None:
    result = run(*words.replace("''", "").split(" "), status=2)
    assert result.stderr.startswith("error[")
    assert message in result.stderr
    assert result.stdout == ""


def test_a_wrong_spec_is_shown_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text("input: [3, 8, 8]\nlayers:\n  - {conv: 4, kernal: 3}\n")
    text = run("params", str(file), status=2).stderr
    assert "my.yaml:3:" in text
    assert "did you mean 'kernel'?" in text


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00binary", b"a: [1, 2", b"- 1\n", b"x" * 2_000_000])
def test_junk_on_standard_input(data: bytes) -> None:
    assert run("params", "-", status=2, input=data).stderr.startswith("error[")


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(lambda word: not word.startswith("-"))
NUMBERS = st.one_of(st.integers(), st.floats()).map(str)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(
        [
            ["params"],
            ["params", "lenet5", "--input"],
            ["params", "lenet5", "--batch"],
            ["params", "lenet5", "--depth"],
            ["params", "lenet5", "--format"],
            ["params", "nin_d2l", "--classes"],
            ["params", "nin_d2l", "--set"],
            ["compare", "lenet5"],
            ["explain", "lenet5"],
            ["list", "--sort"],
            ["list", "--columns"],
            ["list"],
            [],
        ]
    ),
    st.one_of(WORDS, NUMBERS, NUMBERS.map("classes={}".format), WORDS.map("classes={}".format)),
)
def test_any_word_is_answered_or_refused(words: list[str], word: str) -> None:
    result = CliRunner().invoke(app, [*words, word])
    assert not result.exception or isinstance(result.exception, SystemExit), result.exc_info
    assert result.exit_code == 0 or (result.exit_code == 2 and result.stderr.startswith("error["))


# In a process of its own


def python(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], text=True, capture_output=True, cwd=ROOT, **options)


def test_a_command_imports_only_what_it_needs() -> None:
    code = (
        "import sys\nfrom cnncalc.cli.app import app\n"
        "try: app(['params', 'alexnet'])\nexcept SystemExit: pass\n"
        "print(*(name for name in sys.modules))"
    )
    loaded = set(python("-c", code).stdout.splitlines()[-1].split())
    assert "cnncalc.cli.params" in loaded
    for name in ("rich", "torch", "numpy", "json", "csv", "cnncalc.cli.flops", "cnncalc.costs.receptive_field"):
        assert name not in loaded


def test_a_reader_who_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m cnncalc show resnet1202 --expanded | head -1; echo ${{PIPESTATUS[0]}}"
    done = python("-c", f"import subprocess; subprocess.run(['bash', '-c', {command!r}])")
    assert done.stdout.splitlines()[-1] == "141"
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_an_error_without_a_traceback() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cnncalc", "params", "alexnet"], stdout=full, stderr=subprocess.PIPE, cwd=ROOT
        )
    assert done.returncode == 2
    assert done.stderr.decode().startswith("error[request]: standard output:")


def test_output_without_unicode() -> None:
    import os

    done = python("-m", "cnncalc", "params", "alexnet", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "-----" in done.stdout


def test_channels_last_is_pointed_out(tmp_path):
    spec = tmp_path / "last.yaml"
    spec.write_text("input: [224, 224, 3]\nlayers: [{conv: 8, kernel: 1}]\n")
    assert "224 channels of 224x3: channels come first" in " ".join(run("params", str(spec)).stdout.split())


def test_operations_are_a_table_of_their_own():
    result = run("flops", "alexnet", "--operations", "--device", "h100", status=2)
    assert "--operations" in result.stderr


def test_memory_says_when_nothing_fits():
    assert "not even one image fits" in " ".join(run("memory", "alexnet", "--fits", "1MB").stdout.split())


def test_the_pixels_of_a_unit_as_json():
    document = json.loads(run("rf", "lenet5", "C1", "--unit", "1,2", "--format", "json").stdout)
    assert document["network"] == "lenet5"
    assert [axis["first"] for axis in document["unit"]["sees"]] == [1, 2]
