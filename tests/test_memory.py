"""Memory: liveness by hand, and what autograd saves, to the byte, against PyTorch."""

from __future__ import annotations

import random

import pytest

import cnncalc
from cnncalc import Network, OpError, RequestError
from cnncalc.costs.analysis import Costs
from cnncalc.costs.memory import OPTIMIZERS, Held, Memory, parse_bytes
from cnncalc.zoo import index as zoo
from tests.oracles.memory import disagreement, peak_by_pytorch, saved_by_pytorch
from tests.oracles.random_graphs import random_graph, told


def network(layers: str, size: str = "[2, 8, 8]") -> Network:
    return cnncalc.network(f"input: {size}\nlayers:\n{layers}")


def test_peak_of_a_chain_by_hand() -> None:
    net = network("  - {conv: 4, kernel: 1, bias: false}\n  - {maxpool: 2}\n  - flatten\n  - {linear: 3, bias: false}")
    result = net.analyze().memory
    # input 128, conv 256, pool 64 (flatten is the same memory), linear 3 elements
    assert [layer.alive for layer in result.layers] == [4 * n for n in (128 + 256, 256 + 64, 64, 64 + 3)]
    assert result.peak == 4 * (8 + 192 + 384)
    assert result.alive == (Held("input", 512), Held("conv1", 1024))
    assert result.peak_node is net["conv1"]


def test_a_shortcut_stays_alive() -> None:
    net = network("  - add: [[{conv: 2, kernel: 1}, {conv: 8, kernel: 1}, {conv: 2, kernel: 1}], []]")
    result = net.analyze().memory
    assert result.peak_node in (net["conv2"], net["conv3"])
    assert {held.what for held in result.alive} >= {"input"}
    assert [layer.alive // 512 for layer in result.layers] == [2, 1 + 1 + 4, 1 + 4 + 1, 3]


def test_outputs_stay_alive() -> None:
    net = network("  - {head: a, layers: [{conv: 8, kernel: 1}]}\n  - {conv: 2, kernel: 1}\n  - {conv: 2, kernel: 1}")
    assert [layer.alive // 512 for layer in net.analyze().memory.layers] == [1 + 4, 4 + 1 + 1, 4 + 1 + 1]


def test_views_and_in_place_make_no_tensor() -> None:
    net = network("  - {conv: 4, kernel: 1}\n  - relu\n  - {dropout: 0.5}\n  - {slice: [0, 2]}\n  - flatten")
    plain, inplace = net.analyze().memory, net.analyze(inplace=True).memory
    assert [layer.output for layer in plain.layers] == [1024, 1024, 0, 0, 0]
    assert [layer.output for layer in inplace.layers] == [1024, 0, 0, 0, 0]
    assert [layer.alive for layer in plain.layers] == [512 + 1024, 2048, 1024, 1024, 1024]
    assert [layer.alive for layer in inplace.layers] == [512 + 1024, 1024, 1024, 1024, 1024]
    assert plain.layers[1].read == inplace.layers[1].read == 1024
    assert plain.layers[2].read == plain.layers[4].written == 0


def test_separable_has_a_tensor_inside() -> None:
    result = network("  - {separable: 3, kernel: 3, padding: 1, multiplier: 2}").analyze().memory
    assert result.layers[0].alive == 4 * 64 * (2 + 4 + 3)


def test_batch_and_dtype_scale() -> None:
    net = cnncalc.network("resnet18")
    one, eight = net.analyze().memory, net.analyze(8).memory
    assert eight.peak - eight.params - eight.buffers == 8 * (one.peak - one.params - one.buffers)
    assert net.analyze(dtype="float16").memory.peak * 2 == one.peak


def test_training_adds_up() -> None:
    net = cnncalc.network("alexnet")
    step = net.analyze().memory.training("adam")
    assert step.params == step.gradients == 4 * 60_964_224
    assert step.optimizer == 2 * step.params
    assert step.total == step.saved + 4 * step.params + step.buffers
    mixed = net.analyze(mixed=True).memory.training("adam")
    assert mixed.half_weights == 2 * (60_964_224 - 96 - 256 - 384 - 384 - 256 - 4096 - 4096)
    assert mixed.params == step.params


def test_largest_batch_is_the_largest() -> None:
    net = cnncalc.network("resnet18")
    budget = parse_bytes("2GiB")
    for training in (True, False):
        batch = net.analyze().memory.largest_batch(budget, training=training)
        assert batch
        assert net.analyze(7).memory.largest_batch("2GiB", training=training) == batch

        def need(batch: int, training: bool = training) -> int:
            result = net.analyze(batch).memory
            return result.training().total if training else result.peak

        assert need(batch) <= budget < need(batch + 1)
    assert net.analyze().memory.largest_batch(1000) == 0


@pytest.mark.parametrize(
    ("text", "amount"),
    [("24GiB", 24 * 2**30), ("512 mb", 512_000_000), ("1e3", 1000), ("0", 0), ("2TB", 2 * 10**12), ("1 KiB", 1024)],
)
def test_amounts(text: str, amount: int) -> None:
    assert parse_bytes(text) == amount


@pytest.mark.parametrize("number", [1, 2.5, 24])
def test_units_of_memory(number: float) -> None:
    for power, prefix in enumerate("KMGT", 1):
        assert parse_bytes(f"{number}{prefix}B") == number * 1000**power
        assert parse_bytes(f"{number} {prefix.lower()}ib") == number * 1024**power
    assert parse_bytes(f"{number}e3 B") == number * 1000


def test_what_optimizers_remember() -> None:
    """Numbers for each parameter, in PyTorch's optimizers after a step; their counters of steps apart."""
    torch = pytest.importorskip("torch")
    net = network("  - {conv: 4, kernel: 3}")
    step = net.analyze().memory.training
    made = {
        "sgd": lambda found: torch.optim.SGD(found, lr=0.1),
        "momentum": lambda found: torch.optim.SGD(found, lr=0.1, momentum=0.9),
        "rmsprop": torch.optim.RMSprop,
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
    }
    assert set(made) == set(OPTIMIZERS)
    for name, make in made.items():
        weight = torch.ones(100, requires_grad=True)
        optimizer = make([weight])
        weight.sum().backward()
        optimizer.step()
        state = [value for value in optimizer.state[weight].values() if getattr(value, "ndim", 0)]
        assert step(name).optimizer == step(name).params * sum(value.numel() for value in state) // 100


@pytest.mark.parametrize("mixed", [False, True])
def test_a_batch_moves_its_samples_and_the_weights_once(mixed: bool) -> None:
    for seed in range(20):
        graph = random_graph(random.Random(seed), 12)
        for one, many in zip(*(Memory(graph, batch, mixed=mixed).layers for batch in (1, 5)), strict=True):
            assert many.written == 5 * one.written
            if many.written:
                sizes = [row.counts for row in Costs(graph).layers if row.node is one.node]
                stored = 4 * (sizes[0].params + sizes[0].buffers)
                assert many.read - stored == 5 * (one.read - stored)


@pytest.mark.parametrize("text", ["", "GiB", "3 x", "-1", "inf", "nan", "1e400GB"])
def test_no_amounts(text: str) -> None:
    with pytest.raises(RequestError):
        parse_bytes(text)


def test_unknown_words() -> None:
    net = network("  - relu")
    with pytest.raises(RequestError, match="float32"):
        net.analyze(dtype="float31")
    with pytest.raises(RequestError, match="adam"):
        net.analyze().memory.training("addam")
    with pytest.raises(RequestError, match="adam"):
        net.analyze().memory.largest_batch("1GiB", optimizer="addam")


def test_a_network_without_layers() -> None:
    assert cnncalc.network("input: [3]\nlayers: []").analyze().memory.peak == 12


KINDS = {
    "convolutions": "  - {conv: 4, kernel: 3}\n  - {depthwise: 3}\n  - {separable: 3, kernel: 3}\n"
    "  - {conv_transpose: 2, kernel: 3, stride: 2}",
    "same": "  - {conv: 4, kernel: 3, stride: 2, padding: same}\n  - {separable: 3, kernel: 2, padding: same}\n"
    "  - {maxpool: 2, stride: 1, padding: same}\n  - {avgpool: 2, stride: 1, padding: same}",
    "connections": "  - {conv: 3, kernel: 1}\n  - {conv: 3, kernel: 3, connections: [[0, 1], [1, 2], [0]]}\n"
    "  - {conv: 2, kernel: 3, padding: 1, connections: [[0, 1], [1, 2]]}\n"
    "  - {conv: 2, kernel: 2, padding: same, connections: [[0, 1], [1]]}",
    "channels last": "  - {conv: 4, kernel: 1}\n  - layernorm\n  - relu\n"
    "  - {slice: [1, 4]}\n  - flatten\n  - {linear: 3}",
    "gathered": "  - {conv: 4, kernel: 1}\n  - {slice: [0, 2]}\n  - {groupnorm: 2}\n  - layernorm\n  - {groupnorm: 1}",
    "gathered later": "  - {conv: 4, kernel: 1}\n  - {slice: [0, 2]}\n  - identity\n  - {groupnorm: 2}",
    "one position": "  - {conv: 4, kernel: 1}\n  - global_avgpool\n  - layernorm\n  - flatten\n"
    "  - {reshape: [2, 2, 1]}\n  - sigmoid\n  - flatten\n  - {linear: 3}",
    "rounded up": "  - {conv: 3, kernel: 1}\n"
    "  - {lppool: 3, stride: 3, ceil: true}\n  - {stochastic_pool: 2, ceil: true}",
    "pools": "  - {conv: 3, kernel: 1}\n  - {maxpool: 3, stride: 1, padding: 1}\n  - {avgpool: 3, stride: 1}\n"
    "  - {lppool: 2, stride: 1}\n  - {stochastic_pool: 2, stride: 1}\n  - {adaptive_avgpool: 3}\n"
    "  - {adaptive_maxpool: 2}",
    "global": "  - {conv: 3, kernel: 1}\n  - multiply: [[], [global_avgpool], [global_maxpool]]\n  - attention_pool",
    "bilinear": "  - {conv: 3, kernel: 1}\n  - bilinear_pool\n  - {linear: 4}\n  - batchnorm",
    "norms": "  - {conv: 4, kernel: 1}\n  - batchnorm\n  - layernorm\n  - {layernorm: , over: all}\n"
    "  - {groupnorm: 2}\n"
    "  - {lrn: 3}\n  - {batchnorm: , affine: false}\n  - {groupnorm: 2, affine: false}",
    "activations": "  - {conv: 4, kernel: 1}\n  - relu\n  - relu6\n  - leaky_relu\n  - prelu\n  - sigmoid\n  - tanh\n"
    "  - silu\n  - gelu\n  - hardswish\n  - hardsigmoid\n  - softmax\n  - log_softmax\n  - {dropout: 0.5}\n"
    "  - {dropout: 0}",
    "in place": "".join(
        f"  - {{conv: 4, kernel: 1}}\n  - {kind}\n"
        for kind in ("relu", "relu6", "leaky_relu", "silu", "hardswish", "hardsigmoid")
    ),
    "without gradient": "  - {maxpool: 2, stride: 1}\n  - relu\n  - {batchnorm: , affine: false}\n  - {dropout: 0.5}\n"
    "  - multiply: [[], [{conv: 2, kernel: 1}]]",
    "merges": "  - {conv: 4, kernel: 1}\n  - add: [[], [relu], [{conv: 4, kernel: 1}]]\n  - concat: [[], [relu]]\n"
    "  - multiply: [[sigmoid], [tanh], [relu], []]",
    "shapes": "  - {conv: 4, kernel: 1}\n  - {channel_shuffle: 2}\n  - {pad: 1}\n  - {slice: [1, 3]}\n"
    "  - {upsample: 2}\n"
    "  - {upsample: 2, mode: linear}\n  - {scale: , bias: true}\n  - identity\n  - flatten\n  - {linear: 3}\n  - relu",
}


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("size", ["[2, 9]", "[2, 8, 8]", "[2, 8, 8, 8]"])
@pytest.mark.parametrize("construct", KINDS)
def test_saved_of_every_kind(construct: str, size: str, inplace: bool, mixed: bool) -> None:
    try:
        net = network(KINDS[construct], size)
    except OpError:
        pytest.skip("does not fit")
    assert disagreement(net, 3, inplace, mixed) is None


VIEWS_OF_LAST = (63654, 65356, 67313, 71865, 73021, 74244)
"""Networks in which a tensor with its channels last in memory is seen in another shape without a copy."""


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("inplace", [False, True])
def test_saved_of_random_networks(inplace: bool, mixed: bool) -> None:
    """`python -m benchmarks.saved_memory` draws more of them."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    for seed in (*range(60), *VIEWS_OF_LAST):
        graph = random_graph(random.Random(seed), 25)
        found = disagreement(graph, 2, inplace, mixed)
        assert found is None, f"seed {seed}: {found}\n{told(graph)}"


# Small inputs, so that the whole zoo can be run; the same layers save the same tensors at any size.
ZOO = ("lenet5", "alexnet", "vgg11", "nin", "googlenet", "resnet18", "shufflenet_v2_x0_5", "squeezenet1_1", "mlp")


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("name", ZOO)
def test_saved_of_the_zoo(name: str, mixed: bool) -> None:
    net = cnncalc.network(name, training=True)
    step = net.analyze(2, inplace=True, mixed=mixed).memory.training()
    assert step.saved + step.half_weights == saved_by_pytorch(net, 2, True, mixed=mixed)


# Networks with attention and shared weights, on smaller images.
SMALLER = {"swin_t": 64, "mobilevit_s": 64, "cbam_resnet50": 64, "fpn_resnet50": 64}


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("name", SMALLER)
def test_saved_of_newer_networks(name: str, mixed: bool) -> None:
    net = cnncalc.network(name, input=SMALLER[name], training=True)
    step = net.analyze(2, inplace=True, mixed=mixed).memory.training()
    assert step.saved + step.half_weights == saved_by_pytorch(net, 2, True, mixed=mixed)


def test_every_network_of_the_zoo_has_a_peak() -> None:
    for name in zoo.names():
        net = cnncalc.network(name)
        result = net.analyze().memory
        assert result.peak == result.params + result.buffers + max(layer.alive for layer in result.layers)
        assert result.peak >= net.analyze(inplace=True).memory.peak


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "squeezenet1_1"])
def test_saved_in_other_precisions(name: str) -> None:
    net = cnncalc.network(name)
    for dtype in ("float64", "bfloat16"):
        assert net.analyze(2, dtype).memory.saved == saved_by_pytorch(net, 2, False, dtype)
    for dtype in ("float32", "float64"):  # autocast leaves double precision as it is
        step = net.analyze(2, dtype, mixed=True).memory.training()
        assert step.saved + step.half_weights == saved_by_pytorch(net, 2, False, dtype, mixed=True)


@pytest.mark.parametrize("construct", KINDS)
def test_overwriting_spares_what_the_backward_pass_needs(construct: str) -> None:
    """Each kind with a ReLU after it: autograd refuses a tensor that was overwritten after it was saved."""
    torch = pytest.importorskip("torch")
    from cnncalc.pytorch.build import build

    net = network(KINDS[construct].replace("\n", "\n  - relu\n") + "\n  - relu")
    model = build(net, inplace=True)
    for training in (True, False):
        model.train(training)
        model(torch.rand(3, *net.input)).sum().backward()
    assert net.analyze(3, inplace=True).memory.saved == saved_by_pytorch(net, 3, True)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize(
    "name", ["vgg11", "resnet18", "squeezenet1_1", "mobilenet_v2", "densenet121", "shufflenet_v2_x0_5", "seresnet50"]
)
def test_peak_of_inference(name: str, inplace: bool) -> None:
    """PyTorch's caller holds the input to the end, and its max pooling also writes indices of 8 bytes."""
    net = cnncalc.network(name)
    result = net.analyze(2, inplace=inplace).memory
    last = max(node.index for node in net.nodes if net.inputs[0] in node.inputs)
    held = [layer.alive + (result.input if layer.node.index > last else 0) for layer in result.layers]
    indices = [2 * layer.output if layer.node.op.kind == "maxpool" else 0 for layer in result.layers]
    assert max(map(sum, zip(held, indices, strict=True))) == peak_by_pytorch(net, 2, inplace)


@pytest.mark.parametrize("size", ["[5, 9]", "[5, 8, 8]", "[2, 6, 6, 6]"])
@pytest.mark.parametrize(
    "layer",
    ["{lrn: 3}", "{lrn: 9}", "l2norm", "{scale: , bias: true}", "scale", "attention_pool", "{lppool: 2}", "{lppool: 1}",
     "{lppool: 3, ceil: true}", "{stochastic_pool: [3], stride: 1}"],
)  # fmt: skip
def test_tensors_inside_a_layer_at_inference(layer: str, size: str) -> None:
    if "[3]" in layer and size != "[5, 9]":
        pytest.skip("one dimension")
    net = network(f"  - {layer}", size)
    masks = 2 * 35 if "stochastic" in layer else 0  # of one byte an element
    assert net.analyze(2).memory.layers[0].alive + masks == peak_by_pytorch(net, 2, False)


def test_flatten_copies_what_has_its_steps_outside_the_batch() -> None:
    net = network("  - {lstm: 4}\n  - flatten", "[5, 3]")
    assert [net.analyze(batch).memory.layers[1].output for batch in (1, 2)] == [0, 2 * 4 * 20]


def test_flatten_copies_what_has_its_channels_last() -> None:
    net = network("  - {conv: 4, kernel: 1}\n  - layernorm\n  - flatten\n  - {linear: 2}", "[4, 6, 6]")
    row = net.analyze(2).memory
    assert row.layers[2].output == row.layers[1].output == 4 * 2 * 4 * 36
    assert network("  - {conv: 4, kernel: 1}\n  - flatten").analyze().memory.layers[1].output == 0


def test_what_mixed_precision_does_with_types_is_unknown_where_an_op_does_not_say() -> None:
    class Odd(cnncalc.ops.Elementwise, frozen=True):
        kind = "odd"
        costs = {}
        saves = cnncalc.ops.Saved((0,))

    builder = cnncalc.Builder()
    x = builder.add(cnncalc.ops.Conv(4, kernel=1), builder.input(2, 4, 4))
    net = builder.network(builder.add(Odd(), x))
    assert net.analyze(mixed=True).memory.layers[1].saved is None
    assert isinstance(net.analyze(mixed=True).memory.saved, cnncalc.AtLeast)
    assert net.analyze().memory.layers[1].saved_bytes == 4 * 64


@pytest.mark.parametrize(("values", "scores"), [(4, 0), (3, 2 * 5 * 5)])
def test_traffic_between_the_steps_of_attention(values: int, scores: int) -> None:
    """Two heads of queries and keys of 4 and of values, what they attend to, and the scores where they are stored."""
    net = network(f"  - {{multihead_attention: 2, head_size: 4, value_size: {values}}}", "[5, 8]")
    row = net.analyze().layers[0]
    layer = net.analyze().memory.layers[0]
    between = 5 * 2 * (4 + 4 + values) + 5 * 2 * values + scores
    assert layer.written == 4 * (5 * 8 + between)
    assert layer.read == 4 * (row.counts.params + 5 * 8 + between)
