"""Roofline bounds, devices, and bottlenecks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cnncalc import RequestError, SpecError, devices, network
from cnncalc.costs.bottleneck import class_name
from cnncalc.costs.roofline import Bound

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
    for name in devices.names():
        device = devices.load(name)
        assert device.source
        assert device.flops["float32"] >= device.flops["float64"]
        assert 5 < device.ridge("float32") < 100
    assert len(devices.names()) == 7


def test_bounds_by_hand(toy: str) -> None:
    net = network("lenet5")
    costs = net.analyze(2)
    result = costs.roofline(toy)
    assert len(result.bounds) == len(costs.layers) == len(costs.memory.layers)
    for row, layer in zip(costs.layers, costs.memory.layers, strict=True):
        bound = result.of(row)
        assert bound.flops == row.flops
        assert bound.bytes == layer.read + layer.written
        assert bound.seconds == max(row.flops / 1e9, bound.bytes / 1e8)
        assert bound.limit in ("arithmetic", "memory", "")
        if bound.limit:
            assert (bound.limit == "arithmetic") == (bound.intensity >= 10)
    together = result.together(costs.layers)
    assert together.seconds == pytest.approx(result.seconds)
    assert result.fits
    assert not net.analyze(100).roofline(toy).fits


def test_half_precision_moves_half(toy: str) -> None:
    costs = network("lenet5").analyze()
    whole, half = (costs.roofline(toy, dtype) for dtype in ("float32", "float16"))
    assert half.seconds == pytest.approx(whole.seconds / 2)
    with pytest.raises(RequestError, match="bfloat16"):
        costs.roofline(toy, dtype="bfloat16")


def test_a_device_can_be_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(devices.text(devices.load("a100")))
    assert devices.load(str(path)) == devices.load("a100")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        ("[", "not-yaml"),
        ("title: x", "another-file"),
        (TOY.replace("1e8", "-1"), "unfit-value"),
        (TOY.replace("bandwidth", "bandwith"), "unknown-key"),
        (TOY + "more: 1", "unknown-key"),
        (TOY.replace("source", "# source"), "missing-key"),
        ("\x00", "not-yaml"),
        ("a: !!x", "another-file"),
    ],
)
def test_files_that_are_no_device(tmp_path: Path, text: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("own.yaml")
    path.write_text(text)
    with pytest.raises(SpecError) as caught:
        devices.load(str(path))
    assert caught.value.code == code
    assert "own.yaml:" in caught.value.render()
    assert "'layers:'" not in caught.value.render()


@pytest.mark.parametrize("name", ["h1000", "", "nowhere/own.yaml", "."])
def test_no_such_device(name: str) -> None:
    with pytest.raises(RequestError):
        devices.load(name)


def test_bottlenecks_of_nin() -> None:
    """Document 001 asks where NiN's memory and work are, and whether 1x1 convolutions use the bandwidth well."""
    found = network("nin_d2l").analyze(batch=128).bottlenecks()
    first = {ranking.quantity: ranking.layers[0][0].name for ranking in found.rankings}
    assert first["MACs"] == "block2.conv1"  # the 5x5 convolution, not a 1x1 one
    assert first["Parameters"] == "block3.conv1"
    memory_line, work, bandwidth = found.answers()
    assert "activations (98% at batch 128)" in memory_line
    assert "block2.conv1" in work
    assert "conv 1x1" in bandwidth
    intensity = {group.name: group.intensity for group in found.classes}
    assert intensity["conv 1x1"] < intensity["conv 3x3"] < intensity["conv 5x5"]


def test_classes_and_rankings_sum() -> None:
    costs = network("resnet50").analyze(batch=2)
    found = costs.bottlenecks(top=5)
    assert sum(group.params for group in found.classes) == costs.params
    assert sum(group.flops for group in found.classes) == costs.flops
    assert sum(group.bytes for group in found.classes) == costs.memory.traffic
    assert sum(group.saved for group in found.classes) == costs.memory.saved
    assert [ranking.total for ranking in found.rankings[:2]] == [costs.params, costs.macs]
    assert all(len(ranking.layers) == 5 for ranking in found.rankings)


def test_a_bound_of_what_is_known_in_part_is_unknown() -> None:
    for flops, moved in ((None, 8), (8, None), (None, None)):
        bound = Bound(flops, moved, None if flops is None else 1.0, None if moved is None else 1.0)
        assert bound.intensity is bound.seconds is None
        assert bound.limit == ""
    assert (Bound(8, 4, 2.0, 1.0).intensity, Bound(8, 4, 2.0, 1.0).limit) == (2, "arithmetic")
    assert (Bound(8, 4, 2.0, 1.0).seconds, Bound(8, 4, 2.0, 1.0, several=True).seconds) == (2, 3)
    assert (Bound(0, 0, 0.0, 0.0).intensity, Bound(0, 0, 0.0, 0.0).limit) == (0, "")


def test_shares_are_percent_of_the_whole() -> None:
    costs = network("lenet5").analyze(batch=3)
    for ranking in costs.bottlenecks(top=len(costs.layers)).rankings:
        assert sum(ranking.shares) == pytest.approx(100)
        assert list(ranking.shares) == sorted(ranking.shares, reverse=True)
    moved = costs.bottlenecks(top=100).rankings[-1]
    assert moved.total == costs.memory.traffic
    assert {row.name: amount for row, amount in moved.layers} == {
        row.name: row.read_bytes + row.written_bytes for row in costs.layers if row.read_bytes + row.written_bytes
    }


@pytest.mark.parametrize("name", ["lenet5", "vgg16", "nin_d2l", "mobilenet_v2"])
@pytest.mark.parametrize("batch", [1, 4, 7])
def test_the_answers_are_so(name: str, batch: int) -> None:
    """Each number of the three sentences, found otherwise: by analysing at other batches, or row by row."""
    net = network(name)
    costs = net.analyze(batch=batch)
    memory, work, bandwidth = costs.bottlenecks().answers()

    def outweighs(images: int) -> bool:
        step = net.analyze(batch=images).memory.training()
        return step.saved > step.params + step.gradients

    said = re.search(r": (\w+) \((\d+)% at batch (\d+)\).* (from a batch of ([\d,]+) on|at any batch)", memory)
    assert said
    step = costs.memory.training()
    most = step.saved if outweighs(batch) else step.params + step.gradients
    assert said[1] == ("activations" if outweighs(batch) else "parameters")
    assert int(said[2]) == round(100 * most / (step.saved + step.params + step.gradients))
    assert int(said[3]) == batch
    first = int(said[5].replace(",", "")) if said[5] else 1
    assert outweighs(first)
    assert first == 1 or not outweighs(first - 1)

    best = max(costs.layers, key=lambda row: row.macs)
    assert f"Work: {best.name} does" in work
    assert f"layers, {100 * best.macs / costs.macs:.0f}%" in work
    if together := re.search(r"the (\d+) layers of ([\w ]+) together do (\d+)%", work):
        alike = [row for row in costs.layers if class_name(row.op) == together[2]]
        assert int(together[1]) == len(alike) > 1
        assert int(together[3]) == round(100 * sum(row.macs for row in alike) / costs.macs)
    else:
        assert [row for row in costs.layers if class_name(row.op) == class_name(best.op)] == [best]

    idle = [group for group in costs.bottlenecks().classes if not group.macs]
    moved = 100 * sum(group.bytes for group in idle) / costs.memory.traffic
    assert f"move {moved:.0f}% of all bytes" in bandwidth


def test_a_network_without_parameters_has_nothing_to_answer() -> None:
    """Without a layer that learns nothing is saved, and without products nothing is ranked."""
    found = network("input: [3, 4, 4]\nlayers: [relu]\n").analyze().bottlenecks()
    assert found.answers() == []
    assert [len(ranking.layers) for ranking in found.rankings] == [0, 0, 1, 0, 1]
