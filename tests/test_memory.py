"""Memory: liveness by hand, and what autograd keeps, to the byte, against PyTorch."""

from __future__ import annotations

import pytest

from cnncalc import Network, RequestError, analyse, expand, load, load_text
from cnncalc.costs.memory import Held, largest_batch, memory, parse_bytes, peak_memory
from cnncalc.zoo import index as zoo
from tests.oracles.memory import kept_by_pytorch, peak_by_pytorch


def network(layers: str, size: str = "[2, 8, 8]") -> Network:
    return expand(load_text(f"input: {size}\nlayers:\n{layers}", name="test", origin="<test>"))


def test_peak_of_a_chain_by_hand() -> None:
    net = network("  - {conv: 4, kernel: 1, bias: false}\n  - {maxpool: 2}\n  - flatten\n  - {linear: 3, bias: false}")
    result = memory(net)
    # input 128, conv 256, pool 64 (flatten is the same memory), linear 3 elements
    assert [layer.alive for layer in result.layers] == [4 * n for n in (128 + 256, 256 + 64, 64, 64 + 3)]
    assert result.peak == 4 * (8 + 192 + 384)
    assert result.alive == (Held("input", 512), Held("conv1", 1024))
    assert net.layers[result.peak_layer].name == "conv1"


def test_a_shortcut_stays_alive() -> None:
    net = network("  - add: [[{conv: 2, kernel: 1}, {conv: 8, kernel: 1}, {conv: 2, kernel: 1}], []]")
    result = memory(net)
    assert net.layers[result.peak_layer].name in ("conv2", "conv3")
    assert {held.what for held in result.alive} >= {"input"}
    assert [layer.alive // 512 for layer in result.layers] == [2, 1 + 1 + 4, 1 + 4 + 1, 3]


def test_outputs_stay_alive() -> None:
    net = network("  - {head: a, layers: [{conv: 8, kernel: 1}]}\n  - {conv: 2, kernel: 1}\n  - {conv: 2, kernel: 1}")
    assert [layer.alive // 512 for layer in memory(net).layers] == [1 + 4, 4 + 1 + 1, 4 + 1 + 1]


def test_views_and_in_place_make_no_tensor() -> None:
    net = network("  - {conv: 4, kernel: 1}\n  - relu\n  - {dropout: 0.5}\n  - {slice: [0, 2]}\n  - flatten")
    plain, inplace = memory(net), memory(net, inplace=True)
    assert [layer.output for layer in plain.layers] == [1024, 1024, 0, 0, 0]
    assert [layer.output for layer in inplace.layers] == [1024, 0, 0, 0, 0]
    assert [layer.alive for layer in plain.layers] == [512 + 1024, 2048, 1024, 1024, 1024]
    assert [layer.alive for layer in inplace.layers] == [512 + 1024, 1024, 1024, 1024, 1024]
    assert plain.layers[1].read == inplace.layers[1].read == 1024
    assert plain.layers[2].read == plain.layers[4].written == 0


def test_separable_has_a_tensor_inside() -> None:
    result = memory(network("  - {separable: 3, kernel: 3, padding: 1, multiplier: 2}"))
    assert result.layers[0].alive == 4 * 64 * (2 + 4 + 3)


def test_batch_and_dtype_scale() -> None:
    net = expand(load("resnet18"))
    one, eight = memory(net), memory(net, 8)
    assert eight.peak - eight.params - eight.buffers == 8 * (one.peak - one.params - one.buffers)
    assert memory(net, dtype="float16").peak * 2 == one.peak
    assert analyse(net, 8).totals.peak_memory_bytes == eight.peak == peak_memory(net, 8)


def test_training_adds_up() -> None:
    net = expand(load("alexnet"))
    step = memory(net, optimizer="adam").training
    assert step.params == step.gradients == 4 * 60_964_224
    assert step.optimizer == 2 * step.params
    assert step.total == step.kept + 4 * step.params + step.buffers
    mixed = memory(net, optimizer="adam", mixed=True).training
    assert mixed.half_weights == 2 * (60_964_224 - 96 - 256 - 384 - 384 - 256 - 4096 - 4096)
    assert mixed.params == step.params


def test_largest_batch_is_the_largest() -> None:
    net = expand(load("resnet18"))
    budget = parse_bytes("2GiB")
    for training in (True, False):
        batch = largest_batch(net, budget, training=training)

        def need(batch: int, training: bool = training) -> int:
            result = memory(net, batch)
            return result.training.total if training else result.peak

        assert need(batch) <= budget < need(batch + 1)
    assert largest_batch(net, 1000) == 0


@pytest.mark.parametrize(("text", "amount"), [("24GiB", 24 * 2**30), ("512 mb", 512_000_000), ("1e3", 1000), ("0", 0)])
def test_amounts(text: str, amount: int) -> None:
    assert parse_bytes(text) == amount


@pytest.mark.parametrize("text", ["", "GiB", "3 x", "-1", "inf", "nan", "1e400GB"])
def test_no_amounts(text: str) -> None:
    with pytest.raises(RequestError):
        parse_bytes(text)


def test_unknown_words() -> None:
    net = network("  - relu")
    for options in ({"dtype": "float31"}, {"optimizer": "addam"}):
        with pytest.raises(RequestError):
            memory(net, **options)  # type: ignore[arg-type]


def test_a_network_without_layers() -> None:
    net = expand(load_text("input: [3]\nlayers: []", name="test", origin="<test>"))
    assert memory(net).peak == peak_memory(net) == 12


KINDS = {
    "convolutions": "  - {conv: 4, kernel: 3}\n  - {depthwise: 3}\n  - {separable: 3, kernel: 3}\n"
    "  - {conv_transpose: 2, kernel: 3, stride: 2}",
    "same": "  - {conv: 4, kernel: 3, stride: 2, padding: same}\n  - {separable: 3, kernel: 2, padding: same}\n"
    "  - {maxpool: 2, stride: 1, padding: same}\n  - {avgpool: 2, stride: 1, padding: same}",
    "connections": "  - {conv: 3, kernel: 1}\n  - {conv: 3, kernel: 3, connections: [[0, 1], [1, 2], [0]]}",
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


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("construct", KINDS)
def test_kept_of_every_kind(construct: str, inplace: bool) -> None:
    net = network(KINDS[construct])
    assert memory(net, 3, inplace=inplace).kept == kept_by_pytorch(net, 3, inplace)


# Small inputs, so that the whole zoo can be run; the same layers keep the same tensors at any size.
ZOO = ("lenet5", "alexnet", "vgg11", "nin", "googlenet", "resnet18", "shufflenet_v2_x0_5", "squeezenet1_1", "mlp")


@pytest.mark.parametrize("name", ZOO)
def test_kept_of_the_zoo(name: str) -> None:
    net = expand(load(name), training=True)
    assert memory(net, 2, inplace=True).kept == kept_by_pytorch(net, 2, True)


def test_every_network_of_the_zoo_has_a_peak() -> None:
    for name in zoo.names():
        net = expand(load(name))
        result = memory(net)
        assert result.peak == result.params + result.buffers + max(layer.alive for layer in result.layers)
        assert result.peak >= memory(net, inplace=True).peak


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "squeezenet1_1"])
def test_kept_in_other_precisions(name: str) -> None:
    net = expand(load(name))
    for dtype in ("float64", "bfloat16"):
        assert memory(net, 2, dtype).kept == kept_by_pytorch(net, 2, False, dtype)
    step = memory(net, 2, mixed=True).training
    assert step.kept + step.half_weights == kept_by_pytorch(net, 2, False, mixed=True)


@pytest.mark.parametrize("construct", KINDS)
def test_overwriting_spares_what_the_backward_pass_needs(construct: str) -> None:
    """Each kind with a ReLU after it: autograd refuses a tensor that was overwritten after it was kept."""
    torch = pytest.importorskip("torch")
    from cnncalc.pytorch.build import build

    net = network(KINDS[construct].replace("\n", "\n  - relu\n") + "\n  - relu")
    model = build(net, inplace=True)
    for training in (True, False):
        model.train(training)
        model(torch.rand(3, *net.input)).sum().backward()
    assert memory(net, 3, inplace=True).kept == kept_by_pytorch(net, 3, True)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize(
    "name", ["vgg11", "resnet18", "squeezenet1_1", "mobilenet_v2", "densenet121", "shufflenet_v2_x0_5", "seresnet50"]
)
def test_peak_of_inference(name: str, inplace: bool) -> None:
    """PyTorch's caller holds the input to the end, and its max pooling also writes indices of 8 bytes."""
    net = expand(load(name))
    result = memory(net, 2, inplace=inplace)
    last = max(index for index, layer in enumerate(net.layers) if -1 in layer.inputs)
    held = [layer.alive + (result.input if index > last else 0) for index, layer in enumerate(result.layers)]
    indices = [2 * layer.output if net.layers[i].kind.name == "maxpool" else 0 for i, layer in enumerate(result.layers)]
    assert max(map(sum, zip(held, indices, strict=True))) == peak_by_pytorch(net, 2, inplace)
