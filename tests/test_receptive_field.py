"""Receptive fields: known values, and every construct against gradients through the PyTorch network."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import pytest

from cnncalc import Network, RequestError, analyse, expand, load, load_text
from cnncalc.costs.receptive_field import Seen, receptive_fields, seen_by


def network(layers: str, size: str = "[2, 17, 17]") -> Network:
    return expand(load_text(f"input: {size}\nlayers:\n{layers}", name="test", origin="<test>"))


def test_alexnet_by_hand() -> None:
    net = expand(load("alexnet"))
    fields = {layer.name: field for layer, field in zip(net.layers, receptive_fields(net), strict=True)}
    assert [fields[name].size[0] for name in ("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5")] == [
        11, 19, 51, 67, 99, 131, 163,
    ]  # fmt: skip
    assert fields["pool5"].size == (195, 195)
    assert fields["pool5"].stride == (32, 32)
    assert fields["pool5"].padding == (64, 64)
    assert fields["pool5"].centre == (33, 33)


# Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks", Distill 2019: the sizes
# of the last convolutional features.
PUBLISHED = {
    "alexnet_torchvision": 195,
    "vgg16": 212,
    "resnet50": 483,
    "resnet101": 1027,
    "resnet152": 1507,
    "inception_v2": 699,
    "inception_v3": 1311,
    "inception_v4": 2071,
    "inception_resnet_v2": 3039,
    "mobilenet_v1": 315,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sizes(name: str) -> None:
    fields = receptive_fields(expand(load(name)))
    assert max(field.size[0] for field in fields if not field.whole) == PUBLISHED[name]


def test_a_layer_that_sees_all_does_not_see_pixels_that_no_window_covers() -> None:
    net = network("  - {conv: 3, kernel: 3, stride: 4}\n  - global_avgpool", "[1, 16, 16]")
    last = receptive_fields(net)[-1]
    assert last.whole
    assert last.size == (15, 15)
    assert last.stride == (None, None)


def test_upsampling_gives_a_fractional_stride() -> None:
    net = network("  - {conv: 2, kernel: 3, padding: 1}\n  - {upsample: 2}")
    field = receptive_fields(net)[-1]
    assert field.stride == (Fraction(1, 2), Fraction(1, 2))
    assert field.size == (3, 3)
    assert field.as_json()["stride"] == [0.5, 0.5]


def test_alignment_of_branches() -> None:
    even = network("  - add: [[{conv: 2, kernel: 3, padding: 1}], []]")
    assert receptive_fields(even)[-1].aligned
    shifted = network("  - add: [[{conv: 2, kernel: 2, padding: [[0, 1], [0, 1]]}], []]")
    assert not receptive_fields(shifted)[-1].aligned
    upsampled = network(
        "  - add: [[{conv: 2, kernel: 2, stride: 2}, {conv_transpose: 2, kernel: 2, stride: 2}], []]", "[2, 16, 16]"
    )
    assert receptive_fields(upsampled)[-1].aligned


def test_branches_of_different_strides_have_no_stride() -> None:
    net = network("  - add: [[{conv: 2, kernel: 1, stride: 2}], [{pad: [[-4, -4], [-4, -4]]}]]")
    field = receptive_fields(net)[-1]
    assert field.stride == (None, None)
    assert not field.aligned
    assert field.size == (5, 5)  # unit 0 sees pixels 0 and 4, unit 8 sees 12 and 16


def test_flat_input_has_no_fields() -> None:
    net = network("  - {linear: 3}", "[7]")
    assert receptive_fields(net)[0].size == ()
    assert seen_by(net, 0) == ()


def test_one_and_three_dimensions() -> None:
    net = network("  - {conv: 2, kernel: [3, 5, 1], stride: [1, 2, 1]}\n  - {maxpool: 2}", "[1, 8, 20, 4]")
    assert receptive_fields(net)[-1].size == (4, 7, 2)
    assert receptive_fields(network("  - {conv: 2, kernel: 9}", "[1, 40]"))[0].size == (9,)


def test_unknown_units_are_errors() -> None:
    net = expand(load("alexnet"))
    for unit in ((27, 0), (0,), (-1, 0), ()):
        with pytest.raises(RequestError):
            seen_by(net, "conv2", unit)
    with pytest.raises(RequestError):
        seen_by(net, "conv22", (0, 0))


def test_fields_agree_with_the_walk_back_on_the_zoo() -> None:
    """Inside the image, and where no layer leaves pixels out, both must give the same."""
    pick = random.Random(1)
    for name in ("resnet50", "googlenet", "densenet121", "mobilenet_v3_large", "inception_v3", "hrnet_w18"):
        net = expand(load(name))
        fields = receptive_fields(net)
        for index in pick.sample(range(len(net.layers)), 8):
            field = fields[index]
            if field.whole or None in field.stride or any(stride.denominator > 1 for stride in field.stride):
                continue
            unit = tuple(pick.randrange(n) for n in net.layers[index].output[1:])
            for axis, seen in enumerate(seen_by(net, index, unit)):
                low = unit[axis] * int(field.stride[axis]) - field.padding[axis]
                high = low + field.size[axis] - 1
                assert (seen.first, seen.last) == (max(low, 0), min(high, net.input[1 + axis] - 1))


def test_the_document_has_the_fields() -> None:
    from cnncalc.document import document

    layer = document(analyse(expand(load("alexnet"))))["layers"][0]
    assert layer["receptive_field"] == {"size": [11, 11], "stride": [4, 4], "padding": [0, 0]}


CONSTRUCTS = {
    "conv": "  - {conv: 3, kernel: 3, stride: 2, padding: 1}\n  - {conv: 2, kernel: 5, padding: 2}",
    "conv cut": "  - {conv: 3, kernel: 3, stride: 4}\n  - {conv: 2, kernel: 3, padding: 1}",
    "conv same": "  - {conv: 3, kernel: 4, stride: 3, padding: same}\n  - {conv: 2, kernel: 2, padding: same}",
    "conv uneven": "  - {conv: 3, kernel: [3, 2], padding: [[0, 2], [1, 0]]}",
    "dilated": "  - {conv: 2, kernel: 3, dilation: 2, padding: 2}\n  - {conv: 2, kernel: 2, dilation: 5, padding: 3}",
    "dilated edge": "  - {conv: 2, kernel: 3, dilation: 4, padding: 3}\n  - {conv: 2, kernel: 1, stride: 3}",
    "grouped": "  - {conv: 4, kernel: 3, groups: 2}\n  - {depthwise: 3, padding: 1}\n  - {separable: 3, kernel: 3}",
    "transposed": "  - {conv: 2, kernel: 3, stride: 2}\n  - {conv_transpose: 2, kernel: 4, stride: 2, padding: 1}",
    "transposed with gaps": "  - {conv: 2, kernel: 3, stride: 3}\n"
    "  - {conv_transpose: 2, kernel: 2, stride: 3}\n  - {conv: 2, kernel: 2}",
    "transposed dilated": "  - {conv: 2, kernel: 3, stride: 2}\n"
    "  - {conv_transpose: 2, kernel: 3, stride: 2, dilation: 2, output_padding: 1}\n"
    "  - {conv: 2, kernel: 2, dilation: 3}",
    "pools": "  - {maxpool: 3, stride: 2, padding: 1}\n  - {avgpool: 2}\n  - {lppool: 2, stride: 1}",
    "pool ceil": "  - {maxpool: 3, stride: 2, ceil: true}\n  - {avgpool: 3, stride: 2, ceil: true}",
    "pool dilated": "  - {maxpool: 3, stride: 1, dilation: 2, padding: 1}",
    "adaptive": "  - {conv: 2, kernel: 3}\n  - {adaptive_avgpool: [4, 6]}\n  - {conv: 2, kernel: 2}",
    "adaptive larger": "  - {maxpool: 4}\n  - {adaptive_maxpool: 7}",
    "adaptive one": "  - {conv: 2, kernel: 3, stride: 4}\n  - {adaptive_avgpool: [1, 3]}",
    "global": "  - {conv: 2, kernel: 3, stride: 4}\n  - global_avgpool\n  - {conv: 2, kernel: 1}\n  - flatten\n"
    "  - {linear: 3}",
    "nearest": "  - {maxpool: 3}\n  - {upsample: 3}\n  - {conv: 2, kernel: 2, stride: 2}",
    "nearest uneven": "  - {conv: 2, kernel: 3, stride: 3}\n  - {upsample: , size: [8, 12]}\n  - {conv: 2, kernel: 3}",
    "linear": "  - {maxpool: 3}\n  - {upsample: 2, mode: linear}\n  - {conv: 2, kernel: 2}",
    "linear uneven": "  - {conv: 2, kernel: 3, stride: 3}\n  - {upsample: , size: [8, 12], mode: linear}",
    "pad and crop": "  - {pad: -4}\n  - {conv: 2, kernel: 3, padding: 1}\n  - {pad: [[1, 2], [0, 3]]}\n"
    "  - {maxpool: 3}",
    "crop and global": "  - {pad: -4}\n  - {conv: 2, kernel: 3, padding: 1}\n  - global_avgpool",
    "norms": "  - {conv: 4, kernel: 2}\n  - batchnorm\n  - {lrn: 3}\n  - layernorm\n  - {conv: 2, kernel: 2}",
    "groupnorm": "  - {conv: 4, kernel: 2, stride: 3}\n  - {groupnorm: 2}\n  - {conv: 2, kernel: 1}",
    "activations": "  - {conv: 2, kernel: 2}\n  - relu\n  - sigmoid\n  - gelu\n  - softmax\n  - prelu\n"
    "  - {dropout: 0.5}",
    "channels": "  - {conv: 4, kernel: 2}\n  - {channel_shuffle: 2}\n  - {slice: [1, 3]}\n  - {scale: , bias: true}",
    "residual": "  - {conv: 2, kernel: 3, stride: 2, padding: 1}\n"
    "  - add: [[{conv: 2, kernel: 3, padding: 1}], []]\n  - {maxpool: 2}",
    "inception": "  - concat: [[{conv: 1, kernel: 1}], [{conv: 1, kernel: 5, padding: 2}],"
    " [{maxpool: 3, stride: 1, padding: 1}]]\n  - {conv: 2, kernel: 2, stride: 2}",
    "strides differ": "  - add: [[{conv: 2, kernel: 1, stride: 2}], [{pad: -4}]]\n  - {conv: 2, kernel: 2}",
    "squeeze and excitation": "  - {conv: 2, kernel: 3, stride: 5}\n"
    "  - multiply: [[], [global_avgpool, {conv: 2, kernel: 1}]]\n  - {conv: 2, kernel: 2}",
    "spread branch": "  - {conv: 2, kernel: 3, stride: 5}\n"
    "  - multiply: [[], [{avgpool: 3}, {conv: 2, kernel: 1}]]\n  - {conv: 2, kernel: 2}",
    "unet": "  - {conv: 2, kernel: 3, name: a}\n  - {maxpool: 2}\n  - {conv: 2, kernel: 3, padding: 1}\n"
    "  - concat: [{from: a, layers: [{pad: [[-1, 0], [-1, 0]]}]}, [{conv_transpose: 2, kernel: 2, stride: 2}]]\n"
    "  - {conv: 2, kernel: 3}",
    "attention": "  - {conv: 2, kernel: 3, stride: 4}\n  - attention_pool",
    "bilinear": "  - {conv: 2, kernel: 3, stride: 4}\n  - bilinear_pool",
    "connections": "  - {conv: 3, kernel: 3}\n  - {conv: 2, kernel: 2, connections: [[0, 1], [2]]}",
}


@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_against_gradients(construct: str) -> None:
    """A unit sees the pixels on which it has a gradient, when all weights and inputs are positive."""
    torch = pytest.importorskip("torch")
    square = construct in ("unet", "strides differ")
    net = network(CONSTRUCTS[construct], "[2, 17, 17]" if square else "[2, 17, 19]")
    model = positive_model(torch, net)
    pick = random.Random(construct)
    output = net.layers[-1].output
    units = {tuple(pick.randrange(n) for n in output[1:]) for _ in range(6)} | {tuple(0 for _ in output[1:])}
    units.add(tuple(n - 1 for n in output[1:]))
    for unit in units:
        assert list(seen_by(net, len(net.layers) - 1, unit)) == pixels_with_gradient(torch, model, net.input, unit)
    check_summary(net)


def check_summary(net: Network) -> None:
    """The composed field of the last layer is the largest extent of its units, up to the edges."""
    field = receptive_fields(net)[-1]
    output = net.layers[-1].output[1:]
    for axis, size in enumerate(field.size):
        units = [tuple(u if a == axis else 0 for a in range(len(output))) for u in range(output[axis] if output else 1)]
        extents = [
            seen[axis].last - seen[axis].first + 1 for seen in (seen_by(net, len(net.layers) - 1, u) for u in units)
        ]
        assert max(extents) <= size
        if field.whole:
            assert {*extents} == {size}


def positive_model(torch: Any, net: Network) -> Any:
    """The network in double precision, at inference, all weights positive; max pools sum their windows instead,
    since a maximum has a gradient on one element alone."""
    from cnncalc.pytorch.build import build

    torch.manual_seed(0)
    model = build(net).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.rand_like(parameter) + 0.1)
    for module in model.modules():
        if "MaxPool" in type(module).__name__:
            module.forward = sum_windows(torch, module)
    return model


def sum_windows(torch: Any, pool: Any) -> Any:
    """In place of a max pool, the sum over each of its windows. An input belongs to the windows that it wins
    where it alone is large."""
    maximum = type(pool).forward

    def forward(x: Any) -> Any:
        spikes = torch.eye(x.shape[2] * x.shape[3], dtype=x.dtype).view(-1, 1, *x.shape[2:])
        wins = maximum(pool, spikes) > 0.5
        return (x.flatten(2) @ wins.flatten(1).to(x.dtype)).view(*x.shape[:2], *wins.shape[2:])

    return forward


def pixels_with_gradient(torch: Any, model: Any, shape: tuple[int, ...], unit: tuple[int, ...]) -> list[Seen]:
    """The pixels on which a unit, all its channels summed, has a gradient: along each dimension the first, the
    last, and how many."""
    x = (torch.rand(1, *shape, dtype=torch.float64) + 0.5).requires_grad_()
    y = model(x)
    weights = torch.rand(y.shape[1], dtype=torch.float64) + 0.5
    (y[(0, slice(None), *unit)] * weights).sum().backward()
    touched = (x.grad[0] != 0).any(0)
    seen = []
    for axis in range(touched.dim()):
        others = [a for a in range(touched.dim()) if a != axis]
        line = touched.any(others[0]) if others else touched
        hits = line.nonzero().flatten().tolist()
        seen.append(Seen(hits[0], hits[-1], len(hits)) if hits else Seen(0, -1, 0))
    return seen


def test_explanations_calculate_what_was_composed() -> None:
    from cnncalc.explain_further import explain_further

    net = expand(load("vgg16"))
    lines = explain_further(net, range(len(net.layers)))
    fields = receptive_fields(net)
    for index, layer in enumerate(net.layers):
        if layer.kind.name in ("conv", "maxpool"):
            size, stride, padding = lines[index][:3]
            assert (size.value, stride.value, padding.value) == (
                fields[index].size[0],
                fields[index].stride[0],
                fields[index].padding[0],
            )
            assert size.calculation
    assert [line.quantity for line in lines[1]] == [
        "Bytes read",
        "Bytes written",
        "Bytes kept",
    ]  # a ReLU keeps the field
