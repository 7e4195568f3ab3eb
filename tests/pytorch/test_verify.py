"""Verification: what it compares, what it says of a difference, and its command."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("fvcore")

from cnncalc import RequestError, expand, load, load_text  # noqa: E402
from cnncalc.ops import Window  # noqa: E402
from cnncalc.ops.conv import Conv, conv_macs, conv_params  # noqa: E402
from cnncalc.ops.norm import BatchNorm  # noqa: E402
from cnncalc.pytorch import verify  # noqa: E402
from cnncalc.pytorch.verify import (  # noqa: E402
    FLOP_COUNTER,
    FVCORE,
    all_conditions,
    compare_published,
    summed_gaps,
    verify_specs,
)

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
    report = verify(expand(load_text(EVERYTHING)), batch=2)
    assert report.equal, report.differences
    assert report.counted == {FLOP_COUNTER: report.macs, FVCORE: report.macs}
    assert report.batch_counts == 1
    gaps = {(gap.counter, gap.kind): gap for gap in report.gaps}
    assert gaps[FLOP_COUNTER, "maxpool"].counted == 0 < gaps[FLOP_COUNTER, "maxpool"].operations
    assert gaps[FVCORE, "batchnorm"].counted > 0


@pytest.mark.parametrize("name", ["lenet5", "googlenet", "inception_3a"])
def test_all_conditions_of_a_spec(name):
    spec = load(name)
    ways = all_conditions(spec)
    reports = list(verify_specs([(spec, ways)], device="meta"))
    assert all(report.equal for report in reports)
    assert reports[0].published == sum(
        len({"params", "macs", "flops", "buffers", "activations"} & set(entry.values)) for entry in spec.published
    )
    assert any("input" in way.text for way in ways)
    assert ("training" in [way.text for way in ways]) == (name == "googlenet")


def test_a_wrong_formula_is_found_in_its_layer(monkeypatch):
    class Wrong:
        """A formula that is one too many."""

        def __init__(self, formula):
            self.formula = formula

        def __call__(self, **values):
            return self.formula(**values) + 1

    monkeypatch.setattr(Conv, "costs", {"params": Wrong(conv_params), "mac": Wrong(conv_macs)})
    network = expand(load_text("{input: [1, 4, 4], layers: [{conv: 2, kernel: 1, bias: false, name: c}, relu]}"))
    found = {(d.layer, d.quantity, d.source): (d.cnncalc, d.other) for d in verify(network).differences}
    assert found == {
        ("c", "params", "PyTorch"): (3, 2),
        ("", "params", "PyTorch"): (3, 2),
        ("c", "macs", FLOP_COUNTER): (33, 32),
        ("", "macs", FLOP_COUNTER): (33, 32),
        ("c", "macs", FVCORE): (33, 32),
        ("", "macs", FVCORE): (33, 32),
    }


def test_a_wrong_shape_or_buffer_is_found(monkeypatch):
    network = expand(load_text("{input: [3, 4, 4], layers: [{batchnorm: , name: bn}]}"))
    network.layers[0].output = (3, 4, 5)
    monkeypatch.setattr(BatchNorm, "costs", {})
    found = {(d.layer, d.quantity) for d in verify(network, device="meta").differences}
    assert found == {
        ("bn", "output"),
        ("bn", "params"),
        ("bn", "buffers"),
        ("", "params"),
        ("", "buffers"),
        ("", "outputs"),
    }


def test_a_layer_that_pytorch_cannot_run_is_a_difference(monkeypatch):
    network = expand(load_text("{input: [3, 4, 4], layers: [{conv: 2, kernel: 3}]}"))
    monkeypatch.setattr(Conv, "windows", lambda kind, x: (Window(kernel=7),) * 2)
    (difference,) = verify(network).differences
    assert (difference.quantity, difference.cnncalc) == ("forward pass", "runs")
    assert "Kernel size" in difference.other


def test_published_values_are_compared_exactly():
    spec = load_text(
        "{input: [3, 4, 4], layers: [{conv: 2, kernel: 1}], published: ["
        "{params: 8, macs: 96, source: right}, {params: 8000, top1: 70, source: wrong}, "
        "{macs: 384, input: [3, 8, 8], source: another input}]}"
    )
    report = verify(expand(spec), device="meta")
    compare_published(spec, report)
    assert report.published == 4
    assert [(d.quantity, d.cnncalc, d.other, d.source) for d in report.differences] == [("params", 8, 8000, "wrong")]


def test_gaps_are_summed():
    network = expand(load_text("{input: [3, 4, 4], layers: [{conv: 2, kernel: 1}, relu]}"))
    once, twice = summed_gaps([verify(network)]), summed_gaps([verify(network), verify(network)])
    assert [(gap.kind, 2 * gap.operations) for gap in once] == [(gap.kind, gap.operations) for gap in twice]


def test_devices_that_are_not_there():
    network = expand(load("lenet5"))
    with pytest.raises(RequestError, match="no device 'gpu'"):
        verify(network, device="gpu")
    if not torch.cuda.is_available():
        with pytest.raises(RequestError, match=r"no usable GPU: PyTorch .*\n.*--device cpu"):
            verify(network, device="cuda")


def cnncalc(*words):
    return subprocess.run([sys.executable, "-m", "cnncalc", *words], capture_output=True, text=True, check=False)


def test_the_command_says_equal(tmp_path):
    run = cnncalc("verify", "lenet5", "--device", "meta", "--format", "json")
    document = json.loads(run.stdout)
    assert (run.returncode, document["schema"], document["equal"]) == (0, 1, True)
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
