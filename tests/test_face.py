"""The public face: its names, what a notebook shows, and that Python refuses what the command line refuses."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import cnncalc as cc
from cnncalc import Builder, CnncalcError, OpError, RequestError, SpecError, ops
from cnncalc.cli.app import app
from cnncalc.zoo import index as zoo

NAMES = [
    "Analysis",
    "AtLeast",
    "Builder",
    "CnncalcError",
    "Comparison",
    "Graph",
    "Network",
    "Node",
    "OpError",
    "RequestError",
    "SpecError",
    "Sweep",
    "__version__",
    "compare",
    "load",
    "load_text",
    "network",
    "onnx",
    "ops",
    "pytorch",
    "sweep",
]


# Names


def test_dir_shows_the_names() -> None:
    assert dir(cc) == sorted(cc.__all__) == NAMES
    for name in NAMES:
        if name not in ("onnx", "pytorch"):
            assert getattr(cc, name) is not None


EVERYTHING = """
import cnncalc, importlib, pkgutil, types
for found in pkgutil.walk_packages(cnncalc.__path__, "cnncalc."):
    if not found.name.startswith(("cnncalc.pytorch", "cnncalc.__main__", "cnncalc.onnx", "cnncalc.sweep")):
        importlib.import_module(found.name)
modules = {name for name, value in vars(cnncalc).items() if isinstance(value, types.ModuleType)}
print(sorted((modules & set(cnncalc.__all__)) - {"onnx", "ops", "pytorch"}))
print(hasattr(cnncalc, "memory"), callable(cnncalc.network), callable(cnncalc.compare))
"""


def test_no_module_takes_the_place_of_a_name() -> None:
    """`cnncalc.memory` was now a module and now an AttributeError, by what had been imported."""
    run = subprocess.run([sys.executable, "-c", EVERYTHING], capture_output=True, text=True)
    assert run.stdout.splitlines() == ["[]", "False True True"], run.stderr
    with pytest.raises(AttributeError, match="no attribute 'analyse'"):
        _ = cc.analyse  # type: ignore[attr-defined]


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, cnncalc; print([m for m in ('torch', 'numpy', 'rich', 'typer', 'yaml') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


PUBLIC = [cc.network, cc.compare, cc.load, cc.load_text, cc.Builder, cc.Network, cc.Analysis, cc.Comparison]


@pytest.mark.parametrize("thing", PUBLIC, ids=lambda thing: thing.__name__)
def test_public_things_are_typed_and_say_what_they_are(thing: Any) -> None:
    members = [thing]
    if isinstance(thing, type):
        members += [member for name, member in vars(thing).items() if not name.startswith("_") and callable(member)]
    for member in members:
        assert member.__doc__, member
        if not isinstance(member, type):
            hints = member.__annotations__
            assert "return" in hints, member


# In a notebook


@pytest.mark.parametrize("name", zoo.names())
def test_repr_is_one_line(name: str) -> None:
    text = repr(cc.network(name))
    assert "\n" not in text
    assert len(text) < 200
    assert " -> " in text


def test_reprs() -> None:
    net = cc.network("resnet50", input=320, classes=10)
    assert repr(net) == "ResNet-50: 175 layers, 3x320x320 -> 10"
    assert repr(net["conv1"]) == "Node('conv1', conv, 64x160x160)"
    costs = net.analyze(batch=8)
    for thing in (costs, costs["conv1"], costs["conv3_x"], costs.count_as("torch"), costs.layers[0]):
        assert "\n" not in repr(thing)
        assert len(repr(thing)) < 200
    several = cc.network("googlenet", training=True)
    assert repr(several).count(" and ") == 2


class Balanced(HTMLParser):
    """Counts the elements that are opened and closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in ("br", "hr", "meta", "col"):
            self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize(
    "make",
    [
        lambda: cc.network("lenet5"),
        lambda: cc.network("lenet5").analyze(),
        lambda: cc.network("lenet5").analyze().explain("C1"),
        lambda: cc.compare("lenet5", "nin"),
        lambda: cc.network("{title: '<script>a&b', input: [3, 4, 4], layers: [relu]}"),
    ],
)
def test_html_is_a_table(make: Callable[[], Any]) -> None:
    html = make()._repr_html_()
    parser = Balanced()
    parser.feed(html)
    assert parser.open == []
    assert "table" in parser.seen
    assert "tr" in parser.seen
    assert "script" not in parser.seen


# A network is what describes it


def test_sources_of_a_network(tmp_path: Path) -> None:
    text = "input: [3, 8, 8]\nlayers: [{conv: 4, kernel: 3}]\n"
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    sources = (
        text,
        file,
        str(file),
        cc.load_text(text),
        cc.load(file),
        "{input: [3, 8, 8], layers: [{conv: 4, kernel: 3}]}",
    )
    for source in sources:
        assert cc.network(source).analyze().params == 112
    net = cc.network(text)
    assert cc.network(net) is net
    assert isinstance(cc.network(cc.Graph(net.name, net.nodes, net.outputs)), cc.Network)


def test_an_analysis_computes_each_thing_once() -> None:
    costs = cc.network("resnet18").analyze()
    assert costs.memory is costs.memory
    assert costs.receptive_fields is costs.receptive_fields
    assert costs.roofline("h100") is costs.roofline("h100", "float32")
    assert costs.count_as("thop") is costs.count_as("thop")
    assert costs.reconciliation is costs.reconciliation
    assert costs["conv1"] is costs.layers[0]


def test_json_and_records() -> None:
    costs = cc.network("lenet5").analyze(batch=2)
    printed = CliRunner().invoke(app, ["params", "lenet5", "--batch", "2", "--format", "json"]).stdout
    assert costs.to_json() == printed
    records = costs.to_records()
    assert [record["name"] for record in records] == [row.name for row in costs.layers]
    assert sum(record["macs"] for record in records) == costs.macs
    json.dumps(records)


def test_networks_are_built_from_ops() -> None:
    builder = Builder("two", title="Two inputs")
    left, right = builder.input(3, 8, 8, name="left"), builder.input(3, 8, 8, name="right")
    with builder.scope("stem"):
        left = builder.add(ops.Conv(4, kernel=3), left)
        right = builder.add(ops.Conv(4, kernel=3), right)
    net = builder.network({"sum": builder.add(ops.Add(), left, right), "left": left})
    assert [node.name for node in net.nodes] == ["left", "right", "stem.conv1", "stem.conv2", "add1"]
    assert repr(net) == "Two inputs: 3 layers, 3x8x8 and 3x8x8 -> 4x6x6 and 4x6x6"
    assert net.analyze()["stem"].params == 2 * 112
    assert net["stem"].nodes == net.nodes[2:4]
    assert [group.name for group in net.groups()] == ["stem", "add1"]


# Python refuses what the command line refuses


def told(*words: str) -> str:
    """The command line's message."""
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 2
    return result.stderr.strip()


REFUSED: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "an unknown network": (lambda: cc.network("alxnet"), ["params", "alxnet"]),
    "too many sizes": (
        lambda: cc.network("alexnet", input=(3, 224, 224, 224)),
        ["params", "alexnet", "--input", "3x224x224x224"],
    ),
    "channels last": (
        lambda: cc.network("alexnet", input=(227, 227, 3)),
        ["params", "alexnet", "--input", "227x227x3"],
    ),
    "a size beyond the bound": (
        lambda: cc.network("alexnet", input=10**10),
        ["params", "alexnet", "--input", "10000000000"],
    ),
    "too small an input": (lambda: cc.network("alexnet", input=8), ["params", "alexnet", "--input", "8"]),
    "an unknown variable": (
        lambda: cc.network("alexnet", vars={"clases": 3}),
        ["params", "alexnet", "--set", "clases=3"],
    ),
    "no classes": (lambda: cc.network("vgg_block", classes=3), ["params", "vgg_block", "--classes", "3"]),
    "an unknown layer": (
        lambda: cc.network("alexnet").analyze().explain("cnv1"),
        ["explain", "alexnet", "cnv1"],
    ),
    "an unknown tool": (
        lambda: cc.network("alexnet").analyze().count_as("fvcor"),
        ["flops", "alexnet", "--as", "fvcor"],
    ),
    "an unknown device": (
        lambda: cc.network("alexnet").analyze().roofline("h1000"),
        ["flops", "alexnet", "--device", "h1000"],
    ),
    "a type that a device has not": (
        lambda: cc.network("alexnet").analyze().roofline("gtx580", "bfloat16"),
        ["flops", "alexnet", "--device", "gtx580", "--dtype", "bfloat16"],
    ),
    "an unknown type": (
        lambda: cc.network("alexnet").analyze(dtype="float31"),
        ["memory", "alexnet", "--dtype", "float31"],
    ),
    "an unknown optimizer": (
        lambda: cc.network("alexnet").analyze().memory.training("addam"),
        ["memory", "alexnet", "--optimizer", "addam"],
    ),
    "no amount of memory": (
        lambda: cc.network("alexnet").analyze().memory.largest_batch("much"),
        ["memory", "alexnet", "--fits", "much"],
    ),
}


@pytest.mark.parametrize(("python", "words"), REFUSED.values(), ids=REFUSED)
def test_the_same_message(python: Callable[[], Any], words: list[str]) -> None:
    with pytest.raises(CnncalcError) as caught:
        python()
    assert caught.value.render() == told(*words)


def test_too_few_sizes_are_the_spatial_ones_as_on_the_command_line() -> None:
    """`expand(load("resnet50"), input=(320, 320))` silently answered for a network of one dimension."""
    net = cc.network("resnet50", input=(320, 320))
    assert net.input == (3, 320, 320)
    assert net.analyze().params == 25_557_032
    assert cc.network("resnet50", input=320).input == (3, 320, 320)
    assert cc.network("resnet50", input=[320, 256]).input == (3, 320, 256)


@pytest.mark.parametrize(
    "size", [0, -3, 2.5, "224", True, (), (3, 0, 224), (3, 224.5, 224), (3, math.nan, 3), object()]
)
def test_inputs_that_are_none(size: Any) -> None:
    with pytest.raises(RequestError, match="input"):
        cc.network("alexnet", input=size)
    with pytest.raises(RequestError, match="input"):
        cc.network("layers: [relu]\n", input=size)
    with pytest.raises(RequestError, match="input"):
        Builder().input(*(size if isinstance(size, tuple) else (size,)))


@pytest.mark.parametrize("batch", [0, -3, 2.5, "8", True, None, math.nan, 10**13, (1,)])
def test_batches_that_are_none(batch: Any) -> None:
    with pytest.raises(RequestError, match="a batch is a whole number from 1"):
        cc.network("lenet5").analyze(batch=batch)
    with pytest.raises(RequestError, match="a batch is a whole number from 1"):
        cc.compare("lenet5", batch=batch)


@pytest.mark.parametrize("classes", [0, -1, 2.5, "x", True, None.__class__])
def test_classes_that_are_none(classes: Any) -> None:
    with pytest.raises(CnncalcError):
        cc.network("nin_d2l", classes=classes)


OPTIONS: dict[str, tuple[Callable[[], Any], str]] = {
    "kernel": (lambda: ops.Conv(4, kernel=0), "{conv: 4, kernel: 0}"),
    "stride": (lambda: ops.Conv(4, kernel=1, stride=0), "{conv: 4, kernel: 1, stride: 0}"),
    "channels": (lambda: ops.Conv(0, kernel=1), "{conv: 0, kernel: 1}"),
    "padding": (lambda: ops.Conv(4, kernel=1, padding=-1), "{conv: 4, kernel: 1, padding: -1}"),
    "dilation": (lambda: ops.Conv(4, kernel=1, dilation=0), "{conv: 4, kernel: 1, dilation: 0}"),
    "groups": (lambda: ops.Conv(4, kernel=1, groups=0), "{conv: 4, kernel: 1, groups: 0}"),
    "half a channel": (lambda: ops.Conv(4.5, kernel=1), "{conv: 4.5, kernel: 1}"),  # type: ignore[arg-type]
    "a truth value": (lambda: ops.Conv(True, kernel=1), "{conv: true, kernel: 1}"),
    "a number for a truth value": (
        lambda: ops.Conv(4, kernel=1, bias=2),  # type: ignore[arg-type]
        "{conv: 4, kernel: 1, bias: 2}",
    ),
    "a pool": (lambda: ops.MaxPool(0), "{maxpool: 0}"),
    "features": (lambda: ops.Linear(-1), "{linear: -1}"),
    "a probability": (lambda: ops.Dropout(1.5), "{dropout: 1.5}"),
    "a kernel of nothing": (lambda: ops.Conv(4, kernel=[0, 3]), "{conv: 4, kernel: [0, 3]}"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("python", "item"), OPTIONS.values(), ids=OPTIONS)
def test_options_that_are_none(python: Callable[[], Any], item: str) -> None:
    with pytest.raises(OpError) as ours:
        python()
    with pytest.raises(SpecError) as theirs:
        cc.network(f"input: [4, 8, 8]\nlayers: [{item}]\n")
    assert ours.value.message == theirs.value.message
    assert ours.value.label == theirs.value.label
    assert ours.value.code == theirs.value.code


def test_ops_that_do_not_fit() -> None:
    builder = Builder()
    x = builder.input(3, 8, 8)
    for op, message in (
        (ops.Conv(4, kernel=9), "larger than its input"),
        (ops.Conv(4, kernel=1, groups=2), "groups must divide"),
        (ops.Linear(4), "needs a flat input"),
    ):
        with pytest.raises(OpError, match=message):
            builder.add(op, x)
    with pytest.raises(OpError, match="1 input, not 2"):
        builder.add(ops.ReLU(), x, x)
    with pytest.raises(OpError, match="input"):
        builder.add(ops.Add())
    builder.add(ops.ReLU(), x, name="a")
    with pytest.raises(RequestError, match="twice"):
        builder.add(ops.ReLU(), x, name="a")
    with pytest.raises(RequestError, match="has an input"):
        Builder().network(x)
    with pytest.raises(RequestError, match="describes no network"):
        cc.network(3)
    with pytest.raises(RequestError, match="nothing to compare"):
        cc.compare()


def test_nodes_of_another_network() -> None:
    other = Builder().input(3, 8, 8)
    builder = Builder()
    x = builder.input(3, 8, 8)
    with pytest.raises(RequestError, match="another"):
        builder.add(ops.Add(), x, other)
    with pytest.raises(RequestError, match="another"):
        builder.network(other)
