"""The zoo against its sources: every published value exactly, and the layers of the documents' networks by hand."""

from __future__ import annotations

import pytest

import cnncalc
from cnncalc import Analysis, Network, load
from cnncalc.costs.analysis import Row
from cnncalc.zoo import index as zoo

COUNTED = ("params", "macs", "flops", "buffers", "activations")
NAMES = zoo.names()


def network(name: str, training: bool = False, **variables: object) -> Network:
    return cnncalc.network(name, vars=variables, training=training)


def analysis(name: str, training: bool = False, **variables: object) -> Analysis:
    return network(name, training, **variables).analyze()


def costs(name: str, training: bool = False, **variables: object) -> dict[str, Row]:
    """Each layer's costs by its name."""
    return {row.name: row for row in analysis(name, training, **variables).layers}


def shapes(name: str, training: bool = False) -> dict[str, tuple[int, ...]]:
    return {layer.name: layer.output for layer in network(name, training).layers}


def params(name: str) -> dict[str, int]:
    """The parameters of the layers that have any."""
    return {layer: cost.params for layer, cost in costs(name).items() if cost.params}


def grouped(name: str, quantity: str = "params") -> dict[str, int]:
    """A quantity summed over the first part of the layers' names."""
    sums: dict[str, int] = {}
    for layer, cost in costs(name).items():
        group = layer.split(".")[0]
        sums[group] = sums.get(group, 0) + getattr(cost, quantity)
    return {group: total for group, total in sums.items() if total}


# Every spec -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_spec_says_what_it_is_and_expands(name: str) -> None:
    spec = load(name)
    assert all((spec.title, spec.source, spec.family, spec.year, spec.inputs)), name
    for training in (False, True):
        net = network(name, training)
        assert net.layers
        assert all(size > 0 for layer in net.layers for size in layer.output)
        assert len({layer.name for layer in net.layers}) == len(net.layers)


@pytest.mark.parametrize(
    ("name", "number"), [(name, number) for name in NAMES for number in range(len(load(name).published))]
)
def test_published_values_are_met_exactly(name: str, number: int) -> None:
    spec = load(name)
    entry = spec.published[number]
    net = cnncalc.network(spec, entry.input, vars=dict(entry.variables), training=entry.training)
    costs = net.analyze()
    stated = {quantity: value for quantity, value in entry.values.items() if quantity in COUNTED}
    assert {quantity: getattr(costs, quantity) for quantity in stated} == stated, entry.source


# The figures that the zoo was asked to meet, kept apart from the specs so that no slip in one hides in the other.
# (network, parameters, MACs or None, in training, where the figures stand)
TOTALS = [
    ("lenet5", 60_000, None, False, "LeCun et al. 1998"),
    ("lenet_d2l", 61_706, None, False, "Dive into Deep Learning"),
    ("alexnet", 60_964_224, None, False, "the lecture slides"),
    ("alexnet_two_gpu", 60_965_224, None, False, "Krizhevsky et al. 2012"),
    ("alexnet_one_gpu", 62_378_344, None, False, "the same without groups"),
    ("alexnet_torchvision", 61_100_840, 714_188_480, False, "torchvision"),
    ("vgg11", 132_863_336, 7_609_090_048, False, "torchvision"),
    ("vgg11_lrn", 132_863_336, 7_609_090_048, False, "Simonyan, Zisserman 2014"),
    ("vgg13", 133_047_848, 11_308_466_176, False, "torchvision"),
    ("vgg16", 138_357_544, 15_470_264_320, False, "torchvision"),
    ("vgg16_c", 133_638_952, None, False, "Simonyan, Zisserman 2014"),
    ("vgg19", 143_667_240, 19_632_062_464, False, "torchvision"),
    ("vgg11_bn", 132_868_840, 7_609_090_048, False, "torchvision"),
    ("vgg13_bn", 133_053_736, 11_308_466_176, False, "torchvision"),
    ("vgg16_bn", 138_365_992, 15_470_264_320, False, "torchvision"),
    ("vgg19_bn", 143_678_248, 19_632_062_464, False, "torchvision"),
    ("nin", 7_595_176, None, False, "Caffe model zoo"),
    ("nin_d2l", 1_992_166, None, False, "Dive into Deep Learning"),
    ("googlenet", 6_998_552, None, False, "Szegedy et al. 2014"),
    ("googlenet", 13_378_280, None, True, "Szegedy et al. 2014"),
    ("googlenet_torchvision", 6_624_904, 1_498_376_192, False, "torchvision"),
    ("googlenet_torchvision", 13_004_888, None, True, "torchvision"),
    ("inception_v3", 23_834_568, 5_713_216_096, False, "torchvision"),
    ("inception_v3", 27_161_264, None, True, "torchvision"),
    ("inception_v4", 42_679_816, 12_253_974_624, False, "timm"),
    ("inception_resnet_v2", 55_843_464, 13_155_794_016, False, "timm"),
    ("resnet18", 11_689_512, 1_814_073_344, False, "torchvision"),
    ("resnet34", 21_797_672, 3_663_761_408, False, "torchvision"),
    ("resnet18_torchvision", 11_689_512, 1_814_073_344, False, "torchvision"),
    ("resnet34_torchvision", 21_797_672, 3_663_761_408, False, "torchvision"),
    ("resnet50_torchvision", 25_557_032, 4_089_184_256, False, "torchvision"),
    ("resnet101_torchvision", 44_549_160, 7_801_405_440, False, "torchvision"),
    ("resnet152_torchvision", 60_192_808, 11_513_626_624, False, "torchvision"),
    ("resnext50_32x4d", 25_028_904, 4_230_479_872, False, "torchvision"),
    ("densenet121", 7_978_856, 2_834_161_664, False, "torchvision"),
    ("densenet161", 28_681_000, 7_727_907_072, False, "torchvision"),
    ("densenet169", 14_149_480, 3_359_843_328, False, "torchvision"),
    ("densenet201", 20_013_928, 4_291_365_888, False, "torchvision"),
    ("mobilenet_v1", 4_231_976, 568_740_352, False, "Howard et al. 2017"),
]


@pytest.mark.parametrize(("name", "parameters", "macs", "training", "source"), TOTALS)
def test_totals_asked_for(name: str, parameters: int, macs: int | None, training: bool, source: str) -> None:
    costs = analysis(name, training)
    assert costs.params == parameters, source
    if macs is not None:
        assert costs.macs == macs, source


# LeNet and AlexNet ----------------------------------------------------------------------------------------


def test_lenet5_layers_as_in_lecun_1998() -> None:
    assert grouped("lenet5") == {"C1": 156, "S2": 12, "C3": 1_516, "S4": 32, "C5": 48_120, "F6": 10_164}
    found = shapes("lenet5")
    assert [found[layer] for layer in ("C1", "S2.pool", "C3", "S4.pool", "C5", "F6")] == [
        (6, 28, 28),
        (6, 14, 14),
        (16, 10, 10),
        (16, 5, 5),
        (120, 1, 1),
        (84,),
    ]
    # "122,304 connections" of C1 and "151,600" of C3 are their MACs and one for the bias of each unit.
    macs = {layer: cost.macs for layer, cost in costs("lenet5").items()}
    assert macs["C1"] + 6 * 28 * 28 == 122_304
    assert macs["C3"] + 16 * 10 * 10 == 151_600


ONE_GPU = {
    "conv1": 34_944,
    "conv2": 614_656,
    "conv3": 885_120,  # the slides have 886,176
    "conv4": 1_327_488,
    "conv5": 884_992,  # the slides have 885,952
    "fc6": 37_752_832,
    "fc7": 16_781_312,
    "fc8": 4_097_000,
}


def test_alexnet_rows_of_the_slides_are_those_without_groups() -> None:
    assert params("alexnet_one_gpu") == ONE_GPU


def test_alexnet_total_of_the_slides_is_two_gpus_without_the_last_biases() -> None:
    halved = {"conv2": 307_456, "conv4": 663_936, "conv5": 442_624}
    assert params("alexnet_two_gpu") == ONE_GPU | halved
    assert params("alexnet") == ONE_GPU | halved | {"fc8": 4_096_000}


def test_alexnet_shapes_of_the_slides() -> None:
    found = shapes("alexnet")
    expected = {
        "conv1": (96, 55, 55),
        "pool1": (96, 27, 27),
        "conv2": (256, 27, 27),
        "pool2": (256, 13, 13),
        "conv3": (384, 13, 13),
        "conv4": (384, 13, 13),
        "conv5": (256, 13, 13),
        "pool5": (256, 6, 6),
        "fc6": (4096,),
        "fc7": (4096,),
        "fc8": (1000,),
    }
    assert {layer: found[layer] for layer in expected} == expected


def test_first_dense_layers_of_the_slides() -> None:
    """The slides' curse of the last layers: 16*5*5*120, 256*5*5*4096 and 512*7*7*4096 weights."""
    assert costs("lenet_d2l")["fc1"].macs == 16 * 5 * 5 * 120
    assert costs("alexnet_d2l")["fc6"].macs == 256 * 5 * 5 * 4096
    assert costs("vgg16")["fc6"].macs == 512 * 7 * 7 * 4096


# VGG and NiN ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "depth"),
    [("vgg11", 11), ("vgg11_lrn", 11), ("vgg13", 13), ("vgg16", 16), ("vgg16_c", 16), ("vgg19", 19)],
)
def test_vgg_weight_layers(name: str, depth: int) -> None:
    assert len(params(name)) == depth


def test_vgg_blocks_halve_the_resolution() -> None:
    found = shapes("vgg16")
    assert [found[f"block{n}.pool"] for n in range(1, 6)] == [
        (64, 112, 112),
        (128, 56, 56),
        (256, 28, 28),
        (512, 14, 14),
        (512, 7, 7),
    ]


def test_nin_has_no_linear_layer_and_as_many_maps_as_classes() -> None:
    for name, classes in (("nin", 1000), ("nin_d2l", 10)):
        net = network(name)
        assert "linear" not in {layer.op.kind for layer in net.layers}
        assert net.layers[-1].output == (classes,)


# GoogLeNet and Inception ----------------------------------------------------------------------------------

# (row, weights, MACs): what the columns of the paper's table 1 make, where the table's own figures agree with them.
# Its params of the other rows do not, and its K is 1,024 except in the first row.
GOOGLENET_ROWS = [
    ("conv1", 2_712, 34_019_328),  # 2.7K, 34M
    ("conv2", 114_688, 359_661_568),  # 112K, 360M
    ("inception_3a", 163_328, 128_049_152),  # 159K, 128M
    ("inception_4e", 867_328, 169_996_288),  # (840K), 170M
    ("fc", 1_024_000, 1_024_000),  # 1000K, 1M
]


def test_googlenet_rows_of_the_table() -> None:
    weights, macs = grouped("googlenet_table"), grouped("googlenet_table", "macs")
    weights["conv2"] += weights["conv2_reduce"]
    macs["conv2"] += macs["conv2_reduce"]
    for row, row_weights, row_macs in GOOGLENET_ROWS:
        assert (row, weights[row], macs[row]) == (row, row_weights, row_macs)


def test_googlenet_shapes_of_the_table() -> None:
    found = shapes("googlenet", training=True)
    expected = {
        "conv1.conv": (64, 112, 112),
        "pool1": (64, 56, 56),
        "conv2.conv": (192, 56, 56),
        "pool2": (192, 28, 28),
        "inception_3a.concat": (256, 28, 28),
        "inception_3b.concat": (480, 28, 28),
        "pool3": (480, 14, 14),
        "inception_4a.concat": (512, 14, 14),
        "inception_4d.concat": (528, 14, 14),
        "inception_4e.concat": (832, 14, 14),
        "pool4": (832, 7, 7),
        "inception_5a.concat": (832, 7, 7),
        "inception_5b.concat": (1024, 7, 7),
        "avgpool": (1024, 1, 1),
        "aux1.pool": (512, 4, 4),
        "aux2.pool": (528, 4, 4),
    }
    assert {layer: found[layer] for layer in expected} == expected


def test_inception_v2_has_the_weights_of_tf_slim() -> None:
    """TF-Slim's test of inception_v2_base counts 10,173,112 variables: the convolutions' weights, three numbers a
    channel of batch normalisation (it has no scale), and for the first layer a bias in their place."""
    net, found = network("inception_v2"), costs("inception_v2")
    weights = sum(found[layer.name].params for layer in net.layers if layer.op.kind in ("conv", "separable"))
    normed = sum(layer.output[0] for layer in net.layers if layer.op.kind == "batchnorm")
    assert weights + 3 * (normed - 64) + 64 == 10_173_112


def test_inception_v3_grids() -> None:
    found = shapes("inception_v3")
    expected = {"Mixed_5d": (288, 35, 35), "Mixed_6e": (768, 17, 17), "Mixed_7c": (2048, 8, 8)}
    assert {name: found[f"{name}.concat"] for name in expected} == expected


# ResNet ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depth", "low", "high"),
    [(18, 1.8e9, 1.9e9), (34, 3.6e9, 3.7e9), (50, 3.8e9, 3.9e9), (101, 7.5e9, 7.7e9), (152, 11.2e9, 11.4e9)],
)
def test_resnet_flops_of_the_paper(depth: int, low: float, high: float) -> None:
    """Table 1 of the paper: 1.8, 3.6, 3.8, 7.6 and 11.3 times 10^9 multiply-adds."""
    assert low <= analysis(f"resnet{depth}").macs < high


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
def test_resnet_stages(depth: int) -> None:
    net = network(f"resnet{depth}")
    last = {layer.name.split(".")[0]: layer.output for layer in net.layers}
    expansion = 1 if depth < 50 else 4
    assert last["pool1"] == (64, 56, 56)
    assert [last[f"conv{n}_x"] for n in range(2, 6)] == [
        (width * expansion, size, size) for width, size in ((64, 56), (128, 28), (256, 14), (512, 7))
    ]
    # The depth in the name: the convolutions outside the projections, and the linear layer.
    weighty = [layer for layer in net.layers if layer.op.kind in ("conv", "linear")]
    assert len([layer for layer in weighty if "downsample" not in layer.name]) == depth


def test_stride_in_the_3x3_moves_work_but_no_weights() -> None:
    paper, torchvision = analysis("resnet50"), analysis("resnet50_torchvision")
    assert paper.params == torchvision.params
    assert paper.macs < torchvision.macs


@pytest.mark.parametrize("depth", [20, 56, 110, 1202])
def test_cifar_resnet_shortcuts_have_no_parameters(depth: int) -> None:
    net = network(f"resnet{depth}")
    weighty = [layer for layer in net.layers if layer.op.kind in ("conv", "linear")]
    assert len(weighty) == depth
    assert net.layers[-1].output == (10,)


# DenseNet, MobileNet, U-Net -------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [121, 161, 169, 201])
def test_densenet_weight_layers(depth: int) -> None:
    net = network(f"densenet{depth}")
    assert len([layer for layer in net.layers if layer.op.kind in ("conv", "linear")]) == depth


def test_mobilenet_v1_at_half_width() -> None:
    """Howard et al. 2017, table 6: 0.5 MobileNet-224 has 1.3 million parameters and 149 million multiply-adds."""
    costs = analysis("mobilenet_v1", width=0.5)
    assert round(costs.params / 1e5) == 13
    assert round(costs.macs / 1e6) == 149


def test_unet_shapes_of_figure_1() -> None:
    net = network("unet")
    found = {layer.name: layer.output for layer in net.layers}
    expected = {
        "down1.conv2": (64, 568, 568),
        "down4.conv2": (512, 64, 64),
        "bottom.conv2": (1024, 28, 28),
        "concat4": (1024, 56, 56),
        "concat3": (512, 104, 104),
        "concat2": (256, 200, 200),
        "concat1": (128, 392, 392),
        "output": (2, 388, 388),
    }
    assert {layer: found[layer] for layer in expected} == expected
    assert sum(layer.op.kind in ("conv", "conv_transpose") for layer in net.layers) == 23


# Fragments ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [3, 64, 256])
def test_stacks_of_small_kernels(channels: int) -> None:
    """Three 3x3 convolutions have 27 C^2 weights and one 7x7 has 49 C^2; two 3x3 have 18 C^2 and one 5x5 has 25 C^2."""
    factors = {"stack_3x3x2": 18, "stack_3x3x3": 27, "conv5x5": 25, "conv7x7": 49}
    for name, factor in factors.items():
        net = cnncalc.network(name, (channels, 28, 28))
        assert net.analyze().params == factor * channels**2
        assert net.layers[-1].output == (channels, 28, 28)


def test_inception_with_reduction_is_271_million_and_not_358() -> None:
    """CS231n prints 358 million operations. That is the sum of its list with the 3x3 convolution counted twice."""
    found = costs("inception_reduced")
    total = sum(cost.macs for cost in found.values())
    assert total == 271_351_808
    twice = next(cost.macs for layer, cost in found.items() if layer.endswith("3x3"))
    assert total + twice == 358_055_936


def test_fragments_keep_the_shape_of_what_they_stand_for() -> None:
    block = network("inception_3a")
    for name in ("inception_3a_as_conv3x3", "inception_3a_as_conv5x5"):
        other = network(name)
        assert other.input == block.input
        assert other.layers[-1].output == block.layers[-1].output
