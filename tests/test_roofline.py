"""Roofline bounds, devices, and bottlenecks."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnncalc import RequestError, analyse, expand, load
from cnncalc.costs.bottleneck import bottlenecks
from cnncalc.costs.memory import memory
from cnncalc.costs.roofline import device_text, devices, load_device, roofline

TOY = """
title: a toy
source: made up
flops: {float32: 1e9, float16: 2e9}
bandwidth: 1e8
memory: 1e6
"""


@pytest.fixture
def toy(tmp_path: Path) -> str:
    path = tmp_path / "toy.yaml"
    path.write_text(TOY)
    return str(path)


def test_devices_that_come_along() -> None:
    for name in devices():
        device = load_device(name)
        assert device.source
        assert device.flops["float32"] >= device.flops["float64"]
        assert 5 < device.ridge("float32") < 100
    assert len(devices()) == 7


def test_bounds_by_hand(toy: str) -> None:
    net = expand(load("lenet5"))
    result = roofline(net, load_device(toy), batch=2)
    costs, moved = analyse(net, 2).layers, memory(net, 2).layers
    for bound, cost, layer in zip(result.layers, costs, moved, strict=True):
        assert bound.flops == cost.flops
        assert bound.bytes == layer.read + layer.written
        assert bound.seconds == max(cost.flops / 1e9, bound.bytes / 1e8)
        assert bound.limit in ("arithmetic", "memory", "")
        if bound.limit:
            assert (bound.limit == "arithmetic") == (bound.intensity >= 10)
    together = result.together(tuple(range(len(net.layers))))
    assert together.seconds == pytest.approx(result.seconds)
    assert result.fits
    assert not roofline(net, load_device(toy), batch=100).fits


def test_half_precision_moves_half(toy: str) -> None:
    net = expand(load("lenet5"))
    whole, half = (roofline(net, load_device(toy), dtype=dtype) for dtype in ("float32", "float16"))
    assert half.seconds == pytest.approx(whole.seconds / 2)
    with pytest.raises(RequestError, match="bfloat16"):
        roofline(net, load_device(toy), dtype="bfloat16")


def test_a_device_can_be_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(device_text(load_device("a100")))
    assert load_device(str(path)) == load_device("a100")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "title: x",
        TOY.replace("1e8", "-1"),
        TOY.replace("bandwidth", "bandwith"),
        TOY + "more: 1",
        "\x00",
        "a: !!x",
    ],
)
def test_files_that_are_no_device(tmp_path: Path, text: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(RequestError):
        load_device(str(path))


@pytest.mark.parametrize("name", ["h1000", "", "nowhere/own.yaml", "."])
def test_no_such_device(name: str) -> None:
    with pytest.raises(RequestError):
        load_device(name)


def test_bottlenecks_of_nin() -> None:
    """Document 001 asks where NiN's memory and work are, and whether 1x1 convolutions use the bandwidth well."""
    found = bottlenecks(expand(load("nin_d2l")), batch=128)
    layers = found.analysis.network.layers
    first = {ranking.quantity: layers[ranking.layers[0][0]].name for ranking in found.rankings}
    assert first["MACs"] == "block2.conv1"  # the 5x5 convolution, not a 1x1 one
    assert first["Parameters"] == "block3.conv1"
    memory_line, work, bandwidth = found.answers()
    assert "activations (98% at batch 128)" in memory_line
    assert "block2.conv1" in work
    assert "conv 1x1" in bandwidth
    intensity = {group.name: group.intensity for group in found.classes}
    assert intensity["conv 1x1"] < intensity["conv 3x3"] < intensity["conv 5x5"]


def test_classes_and_rankings_sum() -> None:
    found = bottlenecks(expand(load("resnet50")), batch=2, top=5)
    totals = found.analysis.totals
    assert sum(group.params for group in found.classes) == totals.params
    assert sum(group.flops for group in found.classes) == totals.flops
    assert sum(group.bytes for group in found.classes) == found.memory.traffic
    assert sum(group.kept for group in found.classes) == found.memory.kept
    assert [ranking.total for ranking in found.rankings[:2]] == [totals.params, totals.macs]
    assert all(len(ranking.layers) == 5 for ranking in found.rankings)
