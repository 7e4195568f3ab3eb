"""Files that PyTorch writes, in all its ways: what is counted is what the module itself has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from torch import Tensor, nn  # noqa: E402

import cnncalc as cc  # noqa: E402
from benchmarks.onnx_round_trip import WAYS, export, randomised  # noqa: E402
from cnncalc import onnx, pytorch  # noqa: E402
from tests.oracles.torchvision_cpu import import_or_skip  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


class Mixed(nn.Module):
    """Normalisations, gates, attention, views and several forms of padding in one."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.SiLU())
        self.depth = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8)
        self.norm = nn.GroupNorm(2, 8)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 2, 1), nn.ReLU(), nn.Conv2d(2, 4, 1))
        self.tokens = nn.Linear(4, 12)
        self.attention = nn.MultiheadAttention(12, 3, batch_first=True)
        self.layer_norm = nn.LayerNorm(12)
        self.head = nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x + torch.nn.functional.hardswish(self.norm(self.depth(x)))
        x = self.up(torch.nn.functional.pad(x, (1, 1, 0, 0)))
        x = x * self.squeeze(x).sigmoid()
        left, right = torch.nn.functional.max_pool2d(x, 3, 2, 1, ceil_mode=True).chunk(2, 1)
        x = torch.cat([right, left], 1).flatten(2).transpose(1, 2)
        x = self.tokens(x)
        x = self.layer_norm(x + self.attention(x, x, x, need_weights=False)[0])
        return self.head(torch.nn.functional.gelu(x).mean(1))


@pytest.mark.parametrize("way", WAYS)
def test_a_module_of_many_ops(way: str) -> None:
    check(Mixed(), (3, 16, 16), way)


@pytest.mark.parametrize(
    ("name", "way"),
    [("squeezenet1_1", "traced"), ("mnasnet0_5", "traced, folded"), ("shufflenet_v2_x0_5", "exported, folded")],
)
def test_torchvision(name: str, way: str) -> None:
    check(import_or_skip("torchvision").models.get_model(name), (3, 64, 64), way)


def check(module: nn.Module, size: tuple[int, ...], way: str) -> None:
    """Parameters, buffers, MACs, and the names of what has weights."""
    module = randomised(module)
    own = cc.network(module, input=size)
    if way.endswith("folded"):
        own = own.fold_batchnorm()
    program = None
    if way.startswith("exported"):
        program = torch.export.export(module, (torch.zeros(1, *size),), strict=False)
    export(module, program, size, way, Path("net.onnx"))
    reading = onnx.reading("net.onnx")
    read, expected = cc.Network.of(reading.graph).analyze(), own.analyze()
    assert reading.unknown == {}
    assert (read.params, read.buffers, read.macs) == (expected.params, expected.buffers, expected.macs)
    assert weighted(read) == weighted(expected)


def weighted(analysis: Any) -> list[tuple[str, int, int]]:
    """Kinds, parameters and MACs of the layers that have both, as they come."""
    return sorted((row.op.kind, row.params, row.macs) for row in analysis.layers if row.params and row.macs)


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "mobilenet_v3_small"])
def test_what_is_read_computes_the_same(name: str) -> None:
    """The network that is read, built anew with the module's weights, gives the module's outputs."""
    module = randomised(import_or_skip("torchvision").models.get_model(name))
    export(module, None, (3, 64, 64), "traced", Path("net.onnx"))
    module = module.double()
    graph = onnx.read("net.onnx")
    built = pytorch.build(graph).double().eval()
    built.load_state_dict(pytorch.weights(module, graph))
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(built(x), module(x), rtol=1e-6, atol=1e-8)


def test_names_are_the_modules() -> None:
    module = randomised(import_or_skip("torchvision").models.get_model("resnet18"))
    own = {node.name for node in pytorch.read(module, (3, 64, 64)).layers}
    program = torch.export.export(module, (torch.zeros(1, 3, 64, 64),), strict=False)
    export(module, program, (3, 64, 64), "exported", Path("net.onnx"))
    assert {node.name for node in onnx.read("net.onnx").layers} == own
    export(module, program, (3, 64, 64), "traced", Path("net.onnx"))
    # The old exporter counts the calls of a module from 0.
    assert {node.name.replace("relu_1", "relu_2") for node in onnx.read("net.onnx").layers} == own


def test_a_batch_that_is_left_open() -> None:
    module = randomised(Mixed())
    x = torch.zeros(2, 3, 16, 16)
    torch.onnx.export(module, (x,), "net.onnx", dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "n"}})
    reading = onnx.reading("net.onnx")
    assert reading.batch == 211
    expected = cc.network(module, input=(3, 16, 16)).fold_batchnorm().analyze()
    assert cc.Network.of(reading.graph).analyze().macs == expected.macs


def test_reading_needs_no_torch() -> None:
    torch.onnx.export(nn.Conv2d(3, 8, 3), (torch.zeros(1, 3, 8, 8),), "net.onnx", dynamo=False)
    code = "import sys, cnncalc; n = cnncalc.network('net.onnx'); assert 'torch' not in sys.modules; print(n)"
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment)
    assert (run.returncode, run.stdout) == (0, "net: 1 layer, 3x8x8 -> 8x6x6\n") or "net: 1" in run.stdout, run.stderr
