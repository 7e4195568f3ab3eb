"""Verification: what it compares, what it says of a difference, and its command."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("fvcore")

from torch import nn  # noqa: E402

from cnncalc import AtLeast, Builder, RequestError, load, load_text, network  # noqa: E402
from cnncalc.formula import Formula  # noqa: E402
from cnncalc.graph import Graph  # noqa: E402
from cnncalc.ops import Concat, Conv, ReLU  # noqa: E402
from cnncalc.ops.base import Op  # noqa: E402
from cnncalc.ops.conv import conv_macs, conv_params, conv_weights  # noqa: E402
from cnncalc.ops.norm import BatchNorm  # noqa: E402
from cnncalc.ops.sight import Sliding  # noqa: E402
from cnncalc.pytorch import register_builder, verify  # noqa: E402
from cnncalc.pytorch.build import BUILDERS  # noqa: E402
from cnncalc.pytorch.verify import (  # noqa: E402
    FLOP_COUNTER,
    FVCORE,
    PYTORCH,
    NotSaid,
    all_ways,
    compare_published,
    summed_gaps,
    verify_specs,
)
from cnncalc.views.records import builtins  # noqa: E402
from cnncalc.views.verify import view  # noqa: E402

module = sys.modules["cnncalc.pytorch.verify"]  # the package's `verify` is the function

EVERYTHING = """
input: [4, 17, 18]
layers:
  - {conv: 6, kernel: 3, padding: same, stride: 2, bias: false}
  - batchnorm
  - {depthwise: 3, padding: 1}
  - {separable: 8, kernel: 3, dilation: 2, padding: 2}
  - {conv: 3, kernel: 1, connections: [[0], [1, 2], [3, 4, 5, 6, 7]]}
  - {conv_transpose: 8, kernel: 2, stride: 2}
  - {groupnorm: 2}
  - {prelu: , per_channel: true}
  - {multiply: [[], [global_avgpool, {conv: 8, kernel: 1}, hardsigmoid]]}
  - {concat: [[{maxpool: 3, stride: 2, ceil: true}], [{lppool: 3, stride: 2, ceil: true}]]}
  - {head: attention, layers: [attention_pool, flatten, {linear: 3}]}
  - layernorm
  - {scale: , bias: true}
  - bilinear_pool
  - {linear: 5}
"""


def test_every_layer_of_everything_is_equal():
    report = verify(network(EVERYTHING), batch=2)
    assert report.equal, report.mismatches
    assert report.counted == {FLOP_COUNTER: report.macs, FVCORE: report.macs}
    assert report.batch_counts == 1
    gaps = {gap.kind: gap for gap in report.gaps}
    assert gaps["maxpool"].counted == {FLOP_COUNTER: 0, FVCORE: 0}
    assert gaps["maxpool"].operations > 0
    assert gaps["batchnorm"].counted[FVCORE] > 0


@pytest.mark.parametrize("name", ["lenet5", "googlenet", "inception_3a"])
def test_all_ways_of_a_spec(name):
    spec = load(name)
    ways = all_ways(spec)
    reports = list(verify_specs([(spec, ways)], device="meta"))
    assert all(report.equal for report in reports)
    assert reports[0].published == sum(
        len({"params", "macs", "flops", "buffers", "activations"} & set(entry.values)) for entry in spec.published
    )
    assert any("input" in way.text for way in ways)
    assert ("training" in [way.text for way in ways]) == (name == "googlenet")


def test_a_wrong_formula_is_found_in_its_layer(monkeypatch):
    @Formula
    def macs(c_in, c_out, groups, k, out):
        """One too many."""
        return conv_macs(c_in=c_in, c_out=c_out, groups=groups, k=k, out=out) + 1

    @Formula
    def params(c_in, c_out, groups, k, bias):
        """One too many."""
        return conv_params(c_in=c_in, c_out=c_out, groups=groups, k=k, bias=bias) + 1

    monkeypatch.setattr(Conv, "costs", {"params": params, "weights": conv_weights, "mac": macs})
    net = network("{input: [1, 4, 4], layers: [{conv: 2, kernel: 1, bias: false, name: c}, relu]}")
    found = {(d.layer, d.quantity, d.source): (d.cnncalc, d.other) for d in verify(net).mismatches}
    assert found == {
        ("c", "params", PYTORCH): (3, 2),
        ("", "params", PYTORCH): (3, 2),
        ("c", "macs", FLOP_COUNTER): (33, 32),
        ("", "macs", FLOP_COUNTER): (33, 32),
        ("c", "macs", FVCORE): (33, 32),
        ("", "macs", FVCORE): (33, 32),
    }


def test_a_wrong_shape_or_buffer_is_found(monkeypatch):
    monkeypatch.setattr(BatchNorm, "output_shape", lambda op, x: (*x[:-1], x[-1] + 1))
    monkeypatch.setattr(BatchNorm, "costs", {})
    net = network("{input: [3, 4, 4], layers: [{batchnorm: , name: bn}]}")
    found = {(d.layer, d.quantity) for d in verify(net, device="meta").mismatches}
    assert found == {
        ("bn", "output"),
        ("bn", "params"),
        ("bn", "buffers"),
        ("", "params"),
        ("", "buffers"),
        ("", "outputs"),
    }


def test_a_layer_that_pytorch_cannot_run_is_a_difference(monkeypatch):
    net = network("{input: [3, 4, 4], layers: [{conv: 2, kernel: 3}]}")
    monkeypatch.setattr(Conv, "slides", lambda op, x: (Sliding(kernel=7),) * 2)
    (mismatch,) = verify(net).mismatches
    assert (mismatch.quantity, mismatch.cnncalc) == ("forward pass", "runs")
    assert "Kernel size" in mismatch.other


def two_inputs() -> Graph:
    builder = Builder("siamese")
    left, right = builder.input(2, 8, 8, name="left"), builder.input(3, 8, 8, name="right")
    joined = builder.add(Concat(), left, builder.add(Conv(3, kernel=1), right, name="conv"), name="joined")
    return builder.network({"relu": builder.add(ReLU(), joined), "joined": joined})


def test_several_inputs_and_outputs():
    for device in ("cpu", "meta"):
        report = verify(two_inputs(), device=device, batch=2)
        assert report.equal, report.mismatches
        assert report.inputs == {"left": (2, 8, 8), "right": (3, 8, 8)}
        assert report.macs == 2 * 9 * 64
    document = builtins(view([report], summed_gaps([report])).document())
    assert document["networks"][0]["inputs"][1] == {"name": "right", "shape": (3, 8, 8)}


def test_a_layer_that_nobody_reads_is_no_difference():
    """fvcore traces, and a trace leaves out what no output depends on."""
    unread = "{conv: 5, kernel: 3, name: unread}, {from: a, conv: 2, kernel: 3}"
    report = verify(network(f"{{input: [3, 8, 8], layers: [{{conv: 3, kernel: 1, name: a}}, {unread}]}}"))
    assert report.equal, report.mismatches
    assert report.counted == {FLOP_COUNTER: report.macs, FVCORE: report.macs}


def test_upsampling_to_the_nearest_has_a_gap_in_fvcore_alone():
    report = verify(network("{input: [3, 4, 4], layers: [{upsample: 2}]}"))
    (gap,) = report.gaps
    assert (gap.kind, gap.operations, gap.counted[FLOP_COUNTER]) == ("upsample", 0, 0)
    assert gap.counted[FVCORE] > 0
    (_, table) = view([report], summed_gaps([report])).parts
    assert table.rows == [["upsample", 0, 0, gap.counted[FVCORE]]]


class Gram(Op, frozen=True):
    """An op that says its shape alone."""

    kind = "gram"

    def output_shape(self, *inputs):
        return (inputs[0][0] ** 2,)


class GramModule(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x):
        x = x.flatten(2) * self.weight[:, None]
        return torch.bmm(x, x.transpose(1, 2)).flatten(1)


def gram() -> Graph:
    builder = Builder("mine")
    return builder.network(builder.add(Gram(), builder.add(Conv(4, kernel=1), builder.input(3, 8, 8)), name="gram"))


def test_what_an_op_does_not_say_is_unknown_and_no_difference(monkeypatch):
    with pytest.raises(RequestError, match="nothing says how 'gram' is built"):
        verify(gram())
    monkeypatch.setitem(BUILDERS, Gram, None)
    register_builder(Gram, lambda op, site: GramModule(site.inputs[0][0]))
    report = verify(gram())
    assert report.equal
    assert isinstance(report.params, AtLeast)
    assert NotSaid("gram", "params", 4, PYTORCH) in report.not_said
    assert NotSaid("gram", "macs", 16 * 64, FVCORE) in report.not_said
    shown = view([report], summed_gaps([report]))
    assert shown.unknown == ["mine does not say params, buffers, macs of gram"]
    assert shown.parts[0].rows[0][-1] == "equal, 4 unknown"
    document = builtins(shown.document())["networks"][0]
    assert document["at_least"] == ["params", "buffers", "macs"]
    assert document["params"] == 16
    json.dumps(document)


def test_a_total_below_what_is_known_is_a_difference(monkeypatch):
    monkeypatch.setitem(BUILDERS, Gram, None)
    register_builder(Gram, lambda op, site: nn.Sequential(nn.Flatten(), nn.LazyLinear(16, bias=False)))
    report = verify(gram())
    assert report.not_said
    report.compare("", "params", AtLeast(10), 9, PYTORCH)
    report.compare("", "params", AtLeast(10), 11, PYTORCH)
    assert [mismatch.other for mismatch in report.mismatches] == [9]


def test_a_module_that_fails_is_a_finding(monkeypatch):
    class Failing(nn.Module):
        def forward(self, x):
            raise KeyError("weights")

    monkeypatch.setitem(BUILDERS, Gram, None)
    register_builder(Gram, lambda op, site: Failing())
    (mismatch,) = verify(gram()).mismatches
    assert (mismatch.quantity, mismatch.other, mismatch.source) == ("forward pass", "'weights'", PYTORCH)


def test_memory_is_looked_at_before_anything_is_built(monkeypatch):
    monkeypatch.setattr(module, "build", lambda *_, **__: pytest.fail("it was built"))
    with pytest.raises(RequestError, match=r"does not fit the memory of cpu: about .* GiB.*\n.*largest batch"):
        verify(network("vgg16"), batch=10**7)
    with pytest.raises(RequestError, match=r"from 1 to 10\^12"):
        verify(network("lenet5"), batch=10**20)
    monkeypatch.undo()
    with pytest.raises(RequestError, match="a tensor too large for PyTorch"):
        verify(network("vgg16"), batch=10**12, device="meta")


def test_published_values_are_compared_exactly():
    spec = load_text(
        "{input: [3, 4, 4], layers: [{conv: 2, kernel: 1}], published: ["
        "{params: 8, macs: 96, source: right}, {params: 8000, top1: 70, source: wrong}, "
        "{macs: 384, input: [3, 8, 8], source: another input}]}"
    )
    report = verify(network(spec), device="meta")
    compare_published(spec, report)
    assert report.published == 4
    assert [(d.quantity, d.cnncalc, d.other, d.source) for d in report.mismatches] == [("params", 8, 8000, "wrong")]


def test_gaps_are_summed():
    net = network("{input: [3, 4, 4], layers: [{conv: 2, kernel: 1}, relu]}")
    once, twice = summed_gaps([verify(net)]), summed_gaps([verify(net), verify(net)])
    assert [(gap.kind, 2 * gap.operations) for gap in once] == [(gap.kind, gap.operations) for gap in twice]


@pytest.mark.parametrize(
    "device", ["cpu:1", "meta:1", "cpu:x", "cpu:", "cuda:\N{SUPERSCRIPT TWO}", "cuda:" + "9" * 5000]
)
def test_devices_with_a_number_that_is_not_there(device):
    with pytest.raises(RequestError, match=r"there is no device|no usable GPU"):
        verify(network("lenet5"), device=device)


def test_devices_with_a_number():
    assert verify(network("lenet5"), device="cpu:0").device == "cpu"
    assert verify(network("lenet5"), device="meta:0").device == "meta"


def test_devices_that_are_not_there():
    net = network("lenet5")
    with pytest.raises(RequestError, match="no device 'gpu'"):
        verify(net, device="gpu")
    if not torch.cuda.is_available():
        with pytest.raises(RequestError, match=r"no usable GPU: PyTorch .*\n.*--device cpu"):
            verify(net, device="cuda")


def cnncalc(*words):
    return subprocess.run([sys.executable, "-m", "cnncalc", *words], capture_output=True, text=True, check=False)


def test_the_command_says_equal(tmp_path):
    run = cnncalc("verify", "lenet5", "--device", "meta", "--format", "json")
    document = json.loads(run.stdout)
    assert (run.returncode, document["schema"], document["equal"]) == (0, 2, True)
    assert document["networks"][0]["counted"] == {FLOP_COUNTER: 325680, FVCORE: None}


def test_the_command_fails_on_a_difference(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("{input: [3, 4, 4], layers: [{conv: 2, kernel: 1}], published: [{params: 9, source: a typo}]}")
    run = cnncalc("verify", str(file))
    assert run.returncode == 1
    assert "1 differ" in run.stdout
    assert "a typo" in run.stdout


def test_all_ways_of_the_named_networks():
    document = json.loads(cnncalc("verify", "googlenet", "--all", "--device", "meta", "--format", "json").stdout)
    assert {report["network"] for report in document["networks"]} == {"googlenet"}
    assert {"", "training"} < {report["conditions"] for report in document["networks"]}


def test_the_command_needs_a_network():
    run = cnncalc("verify")
    assert (run.returncode, run.stdout) == (2, "")
    assert "--all" in run.stderr


@pytest.mark.parametrize("layer", ["{multihead_attention: 2}", "{lstm: 4, bidirectional: true}", "{gru: 4}"])
def test_what_runs_in_one_step_is_compared_all_the_same(layer: str) -> None:
    """On a processor PyTorch's fastest attention and LSTM are no products that the counters know."""
    report = verify(network(f"input: [6, 8]\nlayers: [{{linear: 8}}, {layer}, {{linear: 3}}]\n"))
    assert report.equal, report.mismatches
    assert len(report.unseen) == 1
    assert report.counted["torch.utils.flop_counter"] == report.macs
