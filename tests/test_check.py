"""Warnings: each rule speaks where it should and is silent beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cnncalc import Builder, network, ops
from cnncalc.check.page import page
from cnncalc.check.rules import MOST_LAYERS, RULES, check, count_warnings
from cnncalc.cli.app import app
from cnncalc.language.expand import expand
from cnncalc.zoo import load, load_text, names

BOTH = "[{conv: 8, kernel: 1, stride: 2}], [{conv: 8, kernel: 3, stride: 2, padding: 1}]"
CASES = {
    "unread": ["{conv: 8, kernel: 1}", "{relu: , from: input}"],
    "bias-before-norm": ["{conv: 8, kernel: 1}", "batchnorm", "relu"],
    "rank": ["{conv: 64, kernel: 1, bias: false}", "batchnorm", "{conv: 8, kernel: 1}"],
    "idle": ["{dropout: 0}"],
    "pad-before-conv": ["{pad: 1}", "{conv: 8, kernel: 3}"],
    "unseen": ["{conv: 8, kernel: 1, stride: 2}"],
    "dead-weights": ["{maxpool: 16}", "{conv: 8, kernel: 3, padding: 1}"],
    "misaligned": ["add: [[{conv: 8, kernel: 3, padding: [[0, 2], [0, 2]]}], []]"],
    "ragged-channels": ["{conv: 12, kernel: 1}", "relu", "{conv: 20, kernel: 1}", "relu", "{conv: 8, kernel: 1}"],
}
SILENT = [
    ["{head: h, layers: [relu]}", "{relu: , name: t}"],
    ["{conv: 8, kernel: 1, bias: false}", "batchnorm"],
    ["{conv: 64, kernel: 1}", "relu", "{conv: 8, kernel: 1}"],
    ["{conv: 64, kernel: 1}", "{conv: 8, kernel: 3}"],
    ["{conv: 8, kernel: 1, name: c}", "{head: raw, layers: []}", "batchnorm"],
    ["{pad: -1}", "{conv: 8, kernel: 3}"],
    [f"add: [{BOTH}]"],
    ["{conv: 8, kernel: 2, stride: 2}"],
    ["{maxpool: 8}", "{conv: 8, kernel: 3, padding: 1}"],
    ["add: [[{conv: 8, kernel: 3, padding: 1}], []]"],
    ["{conv: 16, kernel: 1}", "relu", "{conv: 16, kernel: 1}"],
]


def spec(items, top="input: [8, 16, 16]"):
    """The spec of some items."""
    return load_text(f"{top}\nlayers:\n" + "".join(f"  - {item}\n" for item in items))


def codes(items, **options):
    """The rules that speak of some items."""
    found = spec(items)
    return [warned.code for warned in check(expand(found), found, **options)]


@pytest.mark.parametrize("code", CASES)
def test_a_rule_speaks(code):
    assert code in codes(CASES[code])


@pytest.mark.parametrize("items", SILENT)
def test_a_rule_is_silent(items):
    assert codes(items) == []


def test_every_rule_is_tested():
    others = {"unread-input", "field", "when-on-merge", "when-again", "two-indices", "sequence-axis"}
    assert {rule.code for rule in RULES} == {*CASES, *others}


def test_inputs_that_nobody_reads():
    found = spec(["relu"], "inputs: {a: [3], b: [3]}")
    assert [warned.message for warned in check(expand(found))] == ["nothing reads the input 'b'"]


def test_objects_larger_than_the_field():
    items = ["{conv: 8, kernel: 3}", "relu", "{conv: 8, kernel: 3}"]
    assert codes(items, object_size=5) == []
    assert codes(items, object_size=6) == ["field"]


WHEN = "add: [[{conv: channels, kernel: 1}], []]\n    when: channels == 5"


def test_a_condition_on_a_merge():
    assert codes([WHEN, "relu"]) == ["when-on-merge"]
    assert codes([WHEN, "{relu: , when: not channels == 5}"]) == []


def test_a_condition_on_a_merge_and_its_contrary_in_other_words():
    both = WHEN.replace("channels == 5", "width == 5 and deep")
    vars_ = "vars: {width: 5, deep: false}\ninput: [8, 16, 16]"
    for contrary, found in (("not (width == 5 and deep)", []), ("not width == 5 and deep", ["when-on-merge"])):
        text = spec([both, f"{{relu: , when: {contrary}}}"], vars_)
        assert [warned.code for warned in check(expand(text), text)] == found


INVERTED = """
input: [3, 32, 32]
blocks:
  inv:
    vars: {w: , fits: channels == w}
    layers: [FIRST, SECOND]
layers: [{inv: 16}]
"""
WIDENS = "{conv: w, kernel: 3, padding: 1, when: not CONDITION}"
ADDS = "{add: [[{conv: w, kernel: 3, padding: 1}], []], when: CONDITION}"


def test_a_condition_that_is_asked_again():
    """The convolution makes the channels fit, and the sum is there as well."""

    def told(first, second, condition):
        text = INVERTED.replace("FIRST", first).replace("SECOND", second).replace("CONDITION", condition)
        found = load_text(text)
        graph = expand(found)
        return [warned.code for warned in check(graph, found)], len(graph.layers)

    assert told(WIDENS, ADDS, "channels == w") == (["when-again"], 3)
    assert told(ADDS, WIDENS, "channels == w") == ([], 1)  # a sum with the identity keeps the channels
    assert told(WIDENS, ADDS, "fits") == ([], 1)


STAGES = """
vars: {widths: [8, 16], depths: [1, 2]}
input: [3, 32, 32]
blocks: {stage: {vars: {width: , depth: }, layers: [{conv: width, kernel: 1, repeat: depth}]}}
layers: [{layers: [ITEM], repeat: 2}]
"""


@pytest.mark.parametrize(
    ("item", "found"),
    [
        ('{conv: "widths[index]", kernel: 1, repeat: "depths[index]"}', ["two-indices"]),
        ('{layers: [{conv: "widths[index]", kernel: 1}], repeat: "depths[index]"}', ["two-indices"]),
        ('{conv: 8, kernel: 1, repeat: "depths[index]"}', []),
        ('{conv: "widths[index]", kernel: 1, repeat: 2}', []),
        ('{stage: "widths[index]", depth: "depths[index]"}', []),
    ],
)
def test_two_numbers_of_one_name(item, found):
    text = load_text(STAGES.replace("ITEM", item))
    told = [warned.code for warned in check(expand(text), text)]
    assert [code for code in told if code != "rank"] == found


@pytest.mark.parametrize(
    ("item", "found"),
    [
        ("layernorm", ["sequence-axis"]),
        ("{layernorm: , over: last}", []),
        ("scale", ["sequence-axis"]),
        ("batchnorm", ["sequence-axis"]),
        ("{permute: [1, 0]}, batchnorm, {permute: [1, 0]}", []),
    ],
)
def test_the_channels_of_a_sequence(item, found):
    """Before a layer that reads a sequence, and after one that gives it."""
    for items in (f"[{item}, gelu, {{multihead_attention: 4}}]", f"[{{multihead_attention: 4}}, gelu, {item}]"):
        told = check(network(f"input: [49, 64]\nlayers: {items}"))
        assert [warned.code for warned in told if warned.code != "misaligned"] == found


def test_the_mean_of_a_sequence():
    for pooling, found in (("global_avgpool", ["sequence-axis"]), ("{mean: 0}", [])):
        told = check(network(f"input: [49, 64]\nlayers: [{{multihead_attention: 4}}, {pooling}]"))
        assert [warned.code for warned in told] == found


def test_a_shortcut_that_exists_only_where_shapes_agree():
    """The sum of one branch is there for the other calls of the block."""
    block = "{add: [[{conv: w, kernel: 1}], {layers: [], when: channels == w}]}"
    calls = "[{b: 16}, {b: 16}]"
    text = load_text(f"input: [3, 8, 8]\nblocks: {{b: {{vars: {{w: }}, layers: [{block}]}}}}\nlayers: {calls}")
    assert "idle" not in [warned.code for warned in check(expand(text), text)]
    text = load_text(f"input: [3, 8, 8]\nblocks: {{b: {{vars: {{w: }}, layers: [{block}]}}}}\nlayers: [{{b: 16}}]")
    assert "idle" in [warned.code for warned in check(expand(text), text)]


def test_the_channels_of_a_linear_layer_on_a_sequence_are_its_last_axis():
    items = "[{linear: 512}, relu, {linear: 512}, relu, {linear: 64}]"
    assert check(network(f"input: [10, 512]\nlayers: {items}")) == []
    found = check(network("input: [196, 384]\nlayers: [{linear: 1536}, {linear: 64}]"))
    assert [warned.message for warned in found] == ["'linear1' has 1,536 channels, of which 'linear2' can use 64"]


def test_positions_that_no_layer_reads():
    found = spec(["{maxpool: 3, stride: 2}"])
    assert [warned.message for warned in check(expand(found))] == [
        "no layer reads the last 1 of 16 positions of 'input' along its height"
    ]


def test_one_warning_for_all_layers_of_a_place():
    items = ", ".join(CASES["bias-before-norm"])
    found = check(network(f"input: [8, 16, 16]\nlayers: [{{layers: [{items}], repeat: 5}}]"))
    assert [(warned.code, len(warned.layers)) for warned in found] == [("bias-before-norm", 5)]
    assert "so at 5 layers: conv1, conv2, conv3 and 2 more" in found[0].render()
    assert re.match(r"warning\[bias-before-norm\]: .*\n +--> <text>:2:\d+\n", found[0].render())


def test_a_network_that_is_no_spec():
    builder = Builder()
    x = builder.input(8, 8, 8)
    builder.add(ops.ReLU(), x)
    found = check(builder.network(output=builder.add(ops.Sigmoid(), x)))
    assert found[0].render().startswith("warning[unread]: nothing reads the output of 'relu1'\n   = 8x8x8")


def test_the_cheap_count_is_that_of_the_warnings():
    for name in ("resnet50", "vgg16_bn", "lenet5"):
        cheap = {rule.code for rule in RULES if rule.cheap and rule.severity == "warning"}
        found = load(name)
        graph = expand(found)
        assert count_warnings(graph) == sum(warned.code in cheap for warned in check(graph))
    assert (
        count_warnings(network(f"input: [4]\nlayers: [{{relu: , repeat: {MOST_LAYERS}}}, {{relu: , from: input}}]"))
        == 0
    )


def test_the_page_is_current_and_every_warning_of_the_zoo_is_explained():
    written = Path(__file__).parent.parent / "docs" / "check.md"
    assert written.read_text("utf-8") == page(), "run: python -m cnncalc.check.page > docs/check.md"


def test_every_network_can_be_checked():
    for name in names()[::7]:
        found = load(name)
        for warned in check(expand(found), found, 64):
            assert warned.message
            assert warned.place is not None or warned.code == "field"


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown", "latex", "html"])
def test_the_command(form, tmp_path):
    result = CliRunner().invoke(app, ["check", "resnet50", "--format", form])
    assert result.exit_code == 0
    assert "unseen" in result.stdout
    if form == "json":
        (warning,) = json.loads(result.stdout)["warnings"]
        assert (warning["code"], warning["file"], len(warning["layers"])) == ("unseen", "specs/families/resnet.yaml", 3)


def test_strict_fails():
    assert CliRunner().invoke(app, ["check", "resnet50", "--strict"]).exit_code == 1
    assert CliRunner().invoke(app, ["check", "vgg16", "--strict"]).exit_code == 0


def test_counting_commands_tell_how_many():
    assert "1 warning: `cnncalc check` tells which." in CliRunner().invoke(app, ["params", "resnet50"]).stdout
    assert "warning" not in CliRunner().invoke(app, ["params", "vgg16"]).stdout
