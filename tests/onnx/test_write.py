"""Networks written as ONNX: every file is checked in full, runs to what PyTorch's module gives, and is read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnncalc as cc
from cnncalc import ops
from cnncalc.cli.app import app
from cnncalc.errors import RequestError
from cnncalc.graph import Graph
from cnncalc.onnx import model, read, write
from cnncalc.ops import KINDS, Op
from cnncalc.ops.base import Shape
from tests.examples_of_kinds import places

onnx = pytest.importorskip("onnx")
torch = pytest.importorskip("torch")
runtime = pytest.importorskip("onnxruntime")

UNWRITTEN = {"opaque", "roi_align"}

MORE: list[tuple[Op, tuple[Shape, ...]]] = [
    (ops.Conv(6, kernel=(3, 2), stride=2, padding=((1, 0), (0, 1)), dilation=(1, 2), groups=2), ((4, 9, 7),)),
    (ops.Conv(6, kernel=3, padding="same", stride=2, bias=False), ((4, 9, 8),)),
    (ops.Conv(2, kernel=3, connections=((0, 1), (1, 2, 3))), ((4, 9, 7),)),
    (ops.ConvTranspose(6, kernel=3, stride=2, padding=1, output_padding=1, groups=2), ((4, 5, 7),)),
    (ops.Separable(6, kernel=3, padding=1, multiplier=2), ((4, 9, 7),)),
    (ops.MaxPool(3, stride=2, padding=1, ceil=True), ((4, 9, 8),)),
    (ops.MaxPool(3, stride=2, padding="same", dilation=2), ((4, 9, 8),)),
    (ops.AvgPool(3, stride=2, padding=1), ((4, 9, 8),)),
    (ops.AvgPool(3, stride=2, padding=1, count_include_pad=False), ((4, 9, 8),)),
    (ops.AvgPool(3, stride=2, padding=1, ceil=True), ((4, 9, 8),)),
    (ops.AvgPool(2, stride=2, padding="same"), ((4, 9, 7),)),
    (ops.AdaptiveAvgPool((3, 2)), ((4, 9, 7),)),
    (ops.AdaptiveMaxPool(4), ((4, 9, 7),)),
    (ops.LayerNorm(over="all"), ((4, 9, 7),)),
    (ops.LayerNorm(over="last", affine=False), ((9, 8),)),
    (ops.RMSNorm(over="all"), ((4, 9, 7),)),
    (ops.RMSNorm(over="last"), ((9, 8),)),
    (ops.BatchNorm(affine=False), ((4, 9, 7),)),
    (ops.InstanceNorm(affine=True), ((4, 9, 7),)),
    (ops.LRN(3), ((8, 9, 7),)),
    (ops.PReLU(per_channel=True), ((4, 9, 7),)),
    (ops.Softplus(2.0), ((4, 9),)),
    (ops.HardTanh(-0.5, 0.25), ((4, 9),)),
    (ops.LeakyReLU(0.3), ((4, 9),)),
    (ops.Softmax(1), ((4, 9),)),
    (ops.Linear(5, over="last"), ((4, 9, 7),)),
    (ops.Linear(5, bias=False), ((9, 7),)),
    (ops.Pad((1, (2, 0)), channels=(1, 2)), ((4, 9, 7),)),
    (ops.Pad((-1, (2, -3))), ((4, 9, 7),)),
    (ops.Pad(2, mode="reflect"), ((4, 9, 7),)),
    (ops.Pad((1, 2), mode="replicate"), ((4, 9, 7),)),
    (ops.Pad((1, 2), mode="circular"), ((4, 9, 7),)),
    (ops.Slice((1, 6), axis=1, step=2), ((4, 9, 7),)),
    (ops.Upsample(size=(13, 5)), ((4, 9, 7),)),
    (ops.Upsample(2, mode="linear"), ((4, 9, 7),)),
    (ops.Upsample(size=(20, 5), mode="linear"), ((4, 9, 7),)),
    (ops.Upsample(2, mode="linear"), ((4, 9),)),
    (ops.Upsample(2, mode="cubic"), ((4, 9, 7),)),
    (ops.Upsample(size=(20, 5), mode="linear", align_corners=True), ((4, 9, 7),)),
    (ops.Upsample(2, mode="cubic", align_corners=True), ((4, 9, 7),)),
    (ops.GELU("tanh"), ((4, 9),)),
    (ops.Pad(2, value=-1.5), ((4, 9, 7),)),
    (ops.GroupNorm(2, eps=0.01), ((4, 9, 7),)),
    (ops.Roll((2, -1)), ((4, 9, 7),)),
    (ops.Scale(bias=True), ((4, 9, 7),)),
    (ops.Power(2, factor=0.5, shift=1.5), ((4, 9),)),
    *[(ops.Apply(name), ((4, 9),)) for name in ("abs", "cos", "erf", "exp", "neg", "sign", "sin", "square")],
    (ops.Mean((1, 2), keep=True), ((4, 9, 7),)),
    (ops.Max(0), ((4, 9, 7),)),
    (ops.Multiply(), ((4, 9, 7), (4, 1, 1))),
    (ops.Concat(axis=1), ((4, 9), (4, 3))),
    (ops.Stack(axis=2), ((4, 9), (4, 9))),
    (ops.Attention(heads=4, kv_heads=2, causal=True), ((5, 16), (5, 8), (5, 12))),
    (ops.Attention(heads=2, factor=0.3), ((5, 16), (7, 16), (7, 12))),
    (ops.MultiheadAttention(4, kv_heads=2, causal=True, bias=False), ((5, 16),)),
    (ops.WindowAttention(2, window=4), ((8, 8, 12),)),
    (ops.WindowAttention(2, window=4, shift=2), ((8, 8, 12),)),
    (ops.WindowAttention(2, window=(3, 4), shift=(1, 2), bias=False), ((8, 7, 9),)),
    (ops.WindowAttention(2, window=4, grid=True, relative=False), ((8, 8, 12),)),
    (ops.DeformableConv(4, kernel=3, stride=2, padding=1, groups=2), ((4, 9, 7), (18, 5, 4))),
    (ops.DeformableConv(4, kernel=3, bias=False, offset_groups=2), ((4, 9, 7), (36, 7, 5), (18, 7, 5))),
    (ops.LSTM(5, depth=2, bidirectional=True), ((6, 4),)),
    (ops.LSTM(5, bias=False), ((6, 4),)),
    (ops.GRU(5, depth=2, bidirectional=True), ((6, 4),)),
]


def network_of(op: Op, shapes: tuple[Shape, ...]) -> Graph:
    """A network of one op on inputs."""
    builder = cc.Builder()
    sources = [builder.input(*shape, name=f"input{number}") for number, shape in enumerate(shapes)]
    return builder.network(builder.add(op, *sources, name="op"))


def randomised(built: Any) -> Any:
    """A module at inference whose weights and statistics are random."""
    torch.manual_seed(0)
    with torch.no_grad():
        for tensor in built.state_dict().values():
            if tensor.is_floating_point():
                span = (6 / max(tensor[0].numel(), 1)) ** 0.5 if tensor.dim() > 1 else 1  # keeps activations in range
                tensor.uniform_(0.2, 0.9) if tensor.dim() < 2 else tensor.uniform_(-span, span)
    return built.eval()


def check(graph: Graph, least: float = -2.0) -> Any:
    """Write, check and run a network; the model."""
    from cnncalc.pytorch import build

    built = randomised(build(graph))
    made = model(graph, built.state_dict())
    onnx.checker.check_model(made, full_check=True)
    session = runtime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    whole = any(isinstance(node.op, ops.Embedding) for node in graph.nodes)
    inputs = [torch.empty(3, *node.output).uniform_(least, 2) for node in graph.inputs]
    inputs = [torch.randint(0, 2, x.shape).float() if whole else x for x in inputs]
    with torch.no_grad():
        expected = built(*inputs)
    feeds = {node.name: x.numpy() for node, x in zip(graph.inputs, inputs, strict=True)}
    names = list(expected) if isinstance(expected, dict) else ["output"]
    tensors = list(expected.values()) if isinstance(expected, dict) else [expected]
    assert [output.name for output in session.get_outputs()] == names
    for found, tensor in zip(session.run(None, feeds), tensors, strict=True):
        assert found.shape == tuple(tensor.shape)
        np.testing.assert_allclose(found, tensor.numpy(), rtol=1e-4, atol=1e-4)
    return made


@pytest.mark.parametrize("kind", sorted(set(KINDS) - UNWRITTEN))
def test_every_kind(kind: str) -> None:
    for op, shapes in places(KINDS[kind]):
        if len(shapes[0]) <= 4:
            positive = kind in ("apply", "lppool", "divide", "power")
            check(network_of(op, shapes), 0.1 if positive else -2.0)


@pytest.mark.parametrize("case", MORE, ids=[f"{number}-{op.kind}" for number, (op, _) in enumerate(MORE)])
def test_other_options(case: tuple[Op, tuple[Shape, ...]]) -> None:
    check(network_of(*case))


@pytest.mark.parametrize("kind", sorted(UNWRITTEN))
def test_what_cannot_be_written_is_told(kind: str) -> None:
    graph = network_of(ops.Opaque((3,)), ((3,),)) if kind == "opaque" else network_of(*places(KINDS[kind])[0])
    with pytest.raises(RequestError, match="'op' cannot be written as ONNX") as caught:
        model(graph)
    assert caught.value.code == "not-in-onnx"


@pytest.mark.parametrize("name", ["lenet5", "googlenet", "resnet18", "mobilenet_v2", "shufflenet_v2_x0_5"])
def test_the_zoo(name: str) -> None:
    net = cc.network(name) if name == "lenet5" else cc.network(name, input=64)
    made = check(net)
    Path("net.onnx").write_bytes(made.SerializeToString())
    again, own = cc.network("net.onnx").analyze(), net.analyze()
    assert (again.params, again.buffers, again.macs) == (own.params, own.buffers, own.macs)
    if name != "lenet5":  # whose convolution with a table of connections is several
        assert {node.name for node in net.layers} == {node.name for node in again.network.layers}
    shapes = {
        info.name: [size.dim_value for size in info.type.tensor_type.shape.dim][1:] for info in made.graph.value_info
    }
    assert shapes == {node.name: list(node.output) for node in net.layers[:-1]}  # the last is the output


def test_several_inputs_and_outputs_and_shared_weights() -> None:
    text = """
    inputs: {left: [3, 16, 16], right: [3, 16, 16]}
    layers:
      - {conv: 4, kernel: 3, name: first, from: left}
      - {conv: 4, kernel: 3, name: second, from: right, share: first}
      - {add: , from: [first, second], name: both}
    outputs: {sum: both, one: first}
    """
    try:
        net = cc.network(text)
    except cc.SpecError:
        builder = cc.Builder()
        left, right = builder.input(3, 16, 16, name="left"), builder.input(3, 16, 16, name="right")
        first = builder.add(ops.Conv(4, kernel=3), left, name="first")
        second = builder.add(ops.Conv(4, kernel=3), right, name="second", shares=first)
        both = builder.add(ops.Add(), first, second, name="both")
        net = builder.network({"sum": both, "one": first})
    made = check(net)
    assert [tensor.name for tensor in made.graph.initializer] == ["first.weight", "first.bias"]


def test_weights_are_the_same_for_a_seed() -> None:
    net = cc.network("lenet5")
    assert model(net) == model(net)
    assert model(net) != model(net, seed=1)
    torch.manual_seed(7)
    state = torch.get_rng_state()
    assert model(net, "torch", 3) == model(net, "torch", 3)
    assert torch.equal(torch.get_rng_state(), state)


def test_random_weights_keep_activations_in_range() -> None:
    net = cc.network("resnet18", input=64)
    session = runtime.InferenceSession(model(net).SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.run(None, {"input": np.random.default_rng(0).standard_normal((2, 3, 64, 64), np.float32)})[0]
    assert 1e-3 < np.abs(found).mean() < 1e4


def test_without_weights_they_are_inputs() -> None:
    made = model(cc.network("vgg16"), "none")
    onnx.checker.check_model(made, full_check=True)
    assert made.ByteSize() < 50_000
    assert [info.name for info in made.graph.input][:2] == ["input", "block1.conv1.weight"]


def test_what_is_refused() -> None:
    net = cc.network("lenet5")
    with pytest.raises(RequestError, match="there are no weights 'trained'"):
        model(net, "trained")
    with pytest.raises(RequestError, match=r"no weight 'C1\.weight' is given") as caught:
        model(net, {})
    assert caught.value.code == "no-weights"
    with pytest.raises(RequestError, match="has another shape"):
        model(net, {"C1.weight": np.zeros(3, np.float32)})
    large = cc.network("{input: [100000], layers: [{linear: 100000}]}")
    with pytest.raises(RequestError, match=r"take 37\.3 GiB, and an ONNX file holds 2 GiB") as caught:
        model(large)
    assert "--weights none" in str(caught.value.hint)


def test_a_file_is_replaced_when_it_is_complete() -> None:
    Path("net.onnx").write_bytes(b"old")
    with pytest.raises(RequestError):
        write(cc.network("lenet5"), "net.onnx", "trained")
    assert Path("net.onnx").read_bytes() == b"old"
    write(cc.network("lenet5"), "net.onnx")
    assert read("net.onnx").input == (1, 32, 32)
    assert [path.name for path in Path().iterdir()] == ["net.onnx"]


def run(capsys: Any, *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        app(list(words))
    captured = capsys.readouterr()
    return int(caught.value.code or 0), captured.out, captured.err


def test_the_command(capsys: Any) -> None:
    assert run(capsys, "export", "lenet5", "-o", "net.onnx", "--input", "1x32x32", "--seed", "2")[0] == 0
    assert Path("net.onnx").read_bytes() == model(cc.network("lenet5"), seed=2).SerializeToString()
    status, out, err = run(capsys, "export", "vgg11", "-o", "again.onnx", "--weights", "none")
    assert (status, out) == (0, "")
    assert err.startswith("again.onnx: VGG-11 ")
    for words, message in (
        (["-o", "net.pb"], "'net.pb' is no name of an ONNX file"),
        (["-o", "net.onnx", "--batch", "2"], "the batch stays open"),
        (["-o", "net.onnx", "--weights", "rnd"], "there are no weights 'rnd'"),
        (["-o", "none/net.onnx"], "cannot be written"),
        ([], "missing option"),
    ):
        status, out, err = run(capsys, "export", "lenet5", *words)
        assert (status, out) == (2, "")
        assert message.lower() in err.lower(), err
