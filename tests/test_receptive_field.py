"""Receptive fields: known values, the edges of their definition, and every construct against gradients through the
PyTorch network. Random graphs are in test_receptive_field_random.py."""

from __future__ import annotations

import random
import sys
from fractions import Fraction
from typing import Any, ClassVar

import pytest

from cnncalc import RequestError, load, load_text
from cnncalc.costs.receptive_field import (
    ReceptiveField,
    Seen,
    UnknownField,
    field_steps,
    receptive_fields,
    seen_by,
)
from cnncalc.graph import Builder, Graph, Node
from cnncalc.language.expand import expand
from cnncalc.ops import (
    AdaptiveAvgPool,
    Add,
    AvgPool,
    BatchNorm,
    Concat,
    Conv,
    ConvTranspose,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool,
    Multiply,
    Pad,
    ReLU,
    Sigmoid,
    Upsample,
)
from cnncalc.ops.base import Op
from cnncalc.ops.sight import WHOLE
from tests.oracles.work import Work


def network(layers: str, size: str = "[2, 17, 17]") -> Graph:
    return expand(load_text(f"input: {size}\nlayers:\n{layers}", name="test", origin="<test>"))


def chain(*ops: Op, size: tuple[int, ...] = (1, 17, 17)) -> Graph:
    builder = Builder()
    node = builder.input(*size)
    for op in ops:
        node = builder.add(op, node)
    return builder.graph(node)


def last(graph: Graph) -> ReceptiveField:
    field = receptive_fields(graph)[-1]
    assert isinstance(field, ReceptiveField)
    return field


def test_alexnet_by_hand() -> None:
    net = expand(load("alexnet"))
    fields = dict(zip([node.name for node in net.nodes], receptive_fields(net), strict=True))
    assert [fields[name].size[0] for name in ("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5")] == [
        11, 19, 51, 67, 99, 131, 163,
    ]  # fmt: skip
    assert fields["pool5"] == ReceptiveField(
        (195, 195), (32, 32), (64, 64), (33, 33), regular=(True, True), input="input"
    )
    assert fields["input"] == ReceptiveField((1, 1), (1, 1), (0, 0), (0, 0), regular=(True, True), input="input")


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
    field = last(chain(Conv(3, 3, stride=4), GlobalAvgPool(), size=(1, 16, 16)))
    assert field == ReceptiveField(
        (15, 15), (None, None), (0, 0), (7, 7), whole=True, regular=(False, False), input="input"
    )


def test_a_layer_that_sees_all_counts_no_padding() -> None:
    assert last(chain(Conv(3, 5, padding=2), GlobalAvgPool())).size == (17, 17)
    assert last(chain(Conv(3, 5, padding=2), Conv(3, 17))).size == (21, 21)  # a window is not "all"


def test_upsampling_gives_a_fractional_stride() -> None:
    field = last(chain(Conv(2, 3, padding=1), Upsample(2)))
    assert field.stride == (Fraction(1, 2), Fraction(1, 2))
    assert field.size == (3, 3)
    assert not any(field.regular)


def test_alignment_of_branches() -> None:
    even = network("  - add: [[{conv: 2, kernel: 3, padding: 1}], []]")
    assert last(even).aligned
    shifted = network("  - add: [[{conv: 2, kernel: 2, padding: [[0, 1], [0, 1]]}], []]")
    assert not last(shifted).aligned
    upsampled = network(
        "  - add: [[{conv: 2, kernel: 2, stride: 2}, {conv_transpose: 2, kernel: 2, stride: 2}], []]", "[2, 16, 16]"
    )
    assert last(upsampled).aligned
    along_one_axis = network("  - add: [[{pad: [[0, 0], [1, -1]]}], []]")
    assert not last(along_one_axis).aligned
    after_it = network("  - add: [[{pad: [[0, 0], [1, -1]]}], []]\n  - relu")
    assert last(after_it).aligned  # no branches meet there


def test_a_gate_has_no_place_and_so_is_aligned() -> None:
    gate = "  - {conv: 2, kernel: 3, stride: 4}\n  - multiply: [[], [global_avgpool]]"
    assert last(network(gate)).aligned


def test_branches_of_different_strides_have_no_stride() -> None:
    net = network("  - add: [[{conv: 2, kernel: 1, stride: 2}], [{pad: [[-4, -4], [-4, -4]]}]]")
    field = last(net)
    assert field.stride == (None, None)
    assert not field.aligned
    assert field.size == (5, 5)  # unit 0 sees pixels 0 and 4, unit 8 sees 12 and 16


def test_branches_of_one_stride_along_one_axis_alone() -> None:
    builder = Builder()
    x = builder.input(1, 9, 9)
    rows = builder.add(Conv(1, (1, 1), stride=(1, 2)), x)
    cut = builder.add(Pad(((0, 0), (-2, -2))), x)
    field = last(builder.graph(builder.add(Add(), rows, cut)))
    assert field.stride == (1, None)
    assert field.regular == (True, False)
    assert field.size == (1, 3)


def test_flat_input_has_no_fields() -> None:
    net = network("  - {linear: 3}", "[7]")
    assert last(net) == ReceptiveField((), (), (), (), input="input")
    assert seen_by(net, net.layers[0]) == ()


def test_one_and_three_dimensions() -> None:
    net = network("  - {conv: 2, kernel: [3, 5, 1], stride: [1, 2, 1]}\n  - {maxpool: 2}", "[1, 8, 20, 4]")
    assert last(net).size == (4, 7, 2)
    assert last(network("  - {conv: 2, kernel: 9}", "[1, 40]")).size == (9,)


def test_unknown_units_are_errors() -> None:
    net = expand(load("alexnet"))
    for unit in ((27, 0), (0,), (-1, 0), ()):
        with pytest.raises(RequestError, match="conv2 has no unit"):
            seen_by(net, "conv2", unit)
    with pytest.raises(RequestError):
        seen_by(net, "conv22", (0, 0))
    with pytest.raises(RequestError, match="fc6 has no unit 3") as error:
        seen_by(net, "fc6", (3,))
    assert error.value.hint == "its output is flat: give no unit"


# Units that see more than the next one, or nothing.


def test_fields_that_are_not_in_the_order_of_the_units() -> None:
    """Units 1 to 6 of the transposed convolution see pixels 0, 1, 0, 1, 2 and 1."""
    net = chain(ConvTranspose(1, 3, stride=3, padding=1, dilation=2), AvgPool(2), AvgPool(2), size=(1, 40))
    assert [field.size for field in receptive_fields(net)] == [(1,), (1,), (2,), (3,)]
    assert [seen_by(net, "conv_transpose1", (unit,))[0].first for unit in range(1, 7)] == [0, 1, 0, 1, 2, 1]
    assert seen_by(net, "avgpool2", (3,)) == (Seen(3, 5, 3),)


def test_units_that_see_nothing_have_no_field() -> None:
    """Every other unit of a transposed convolution of kernel 1 and stride 2 sees nothing."""
    field = last(chain(ConvTranspose(1, 1, stride=2), size=(1, 5)))
    assert (field.size, field.stride, field.padding, field.centre) == ((1,), (Fraction(1, 2),), (0,), (0,))
    first_sees_nothing = last(chain(ConvTranspose(1, 1, stride=2), Pad(((-1, 0),)), size=(1, 5)))
    assert (first_sees_nothing.size, first_sees_nothing.padding, first_sees_nothing.centre) == ((1,), (None,), (None,))
    none_sees = last(chain(ConvTranspose(1, 1, stride=2), MaxPool(1, stride=2), Pad(((-4, 0),)), size=(1, 5)))
    assert none_sees.size == (1,)
    odd = chain(ConvTranspose(1, 1, stride=2), Pad(((-1, 0),)), MaxPool(1, stride=2), size=(1, 5))
    assert last(odd) == ReceptiveField((0,), (None,), (None,), (None,), regular=(False,), input="input")
    assert seen_by(odd, "maxpool1", (2,)) == (Seen(0, -1, 0),)
    assert field_steps(odd, receptive_fields(odd), odd["maxpool1"])[0].reason == "No unit of the layer sees a pixel."


def test_a_skip_around_a_transposed_convolution_with_gaps() -> None:
    builder = Builder()
    x = builder.input(1, 16)
    up = builder.add(ConvTranspose(1, 1, stride=2), x)  # unit u sees u / 2 if it is even
    skip = builder.add(Pad(((7, 8),)), x)  # and here u - 7
    both = builder.add(Add(), up, skip)
    wide = builder.add(Conv(1, 3), both)
    net = builder.graph(wide)
    field = last(net)
    assert (field.padding, field.centre) == ((7,), (-3,))  # units 0, 1 and 2 see 0 and 1, and -7 to -5
    # Unit 28 sees 14, and 21 to 23; 0 sees -7 to 1. Between them lie units that see less: unit 7 sees 4, and 0 to 2.
    assert field.size == (10,)
    assert field.stride == (None,)
    assert seen_by(net, wide, (7,)) == (Seen(0, 4, 4),)


def test_nothing_along_one_axis_is_nothing() -> None:
    """What is on padding along the width adds nothing to the height: the rows of the first branch at columns 0 to 2
    are padding, and the crop's rows are others."""
    builder = Builder()
    padded = builder.add(Pad(3), builder.input(1, 10, 10))
    point = builder.add(Conv(1, 1), padded)
    shifted = builder.add(Pad(((4, -4), (-3, 3))), padded)
    both = builder.add(Concat(), point, shifted)
    net = builder.graph(both)
    assert seen_by(net, both, (8, 1)) == (Seen(1, 1, 1), Seen(1, 1, 1))  # the crop's alone
    assert seen_by(net, both, (8, 8)) == (Seen(1, 5, 2), Seen(5, 8, 2))
    field = last(net)
    assert (field.size, field.padding) == ((5, 4), (7, 3))


def test_gaps_along_one_axis_leave_the_others_out() -> None:
    """At odd columns only the second branch says anything, and its rows are lower."""
    builder = Builder()
    x = builder.input(1, 8, 8)
    gaps = builder.add(ConvTranspose(1, 1, stride=(1, 2)), x)
    other = builder.add(Upsample(size=(8, 15)), builder.add(Pad(((-2, 2), (0, 0))), x))
    net = builder.graph(builder.add(Pad(((0, 0), (-1, -13))), builder.add(Add(), gaps, other)))
    field = last(net)
    assert net.nodes[-1].output == (1, 8, 1)
    assert (field.size, field.padding) == ((1, 1), (-2, 0))


def test_the_walk_and_the_field_agree_far_from_the_edges_of_long_periods() -> None:
    net = chain(Upsample(size=70), AdaptiveAvgPool(30), Conv(1, 3), size=(1, 50))
    field = last(net)
    sizes = [seen_by(net, "conv1", (unit,))[0].pixels for unit in range(28)]
    assert max(sizes) == field.size[0]
    assert field.stride == (Fraction(50, 30),)


# Seeing everything.


def gated(size: int, blocks: int, stride: int = 4) -> Graph:
    """Residual blocks with squeeze-and-excitation gates."""
    builder = Builder()
    y = builder.add(Conv(3, 3, stride=stride), builder.input(3, size, size))
    for _ in range(blocks):
        z = builder.add(BatchNorm(), builder.add(Conv(3, 3, padding=1), y))
        gate = builder.add(Sigmoid(), builder.add(Conv(3, 1), builder.add(GlobalAvgPool(), z)))
        y = builder.add(Add(), builder.add(Multiply(), z, gate), y)
    return builder.graph(y)


def test_a_gate_makes_the_field_the_whole_image() -> None:
    fields = receptive_fields(gated(35, 2))
    assert [field.whole for field in fields] == [False] * 4 + [True] * 5 + [True] * 7
    assert fields[-1].size == (35, 35)


def test_a_gate_that_leaves_a_pixel_out_does_so_too() -> None:
    """With a stride of 4 the last pixel of 36 is seen by no unit: 0 to 34 is all that there is."""
    fields = receptive_fields(gated(36, 2))
    assert fields[-1].whole
    assert fields[-1].size == (35, 35)


def test_a_branch_that_sees_more_than_the_gate_keeps_its_place() -> None:
    builder = Builder()
    x = builder.input(1, 20)
    part = builder.add(GlobalAvgPool(), builder.add(Pad(((0, -15),)), x))  # pixels 0 to 4
    net = builder.graph(builder.add(Multiply(), x, part))
    field = last(net)
    assert not field.whole
    assert (field.size, field.stride, field.padding) == ((20,), (None,), (0,))
    cut = chain_on(builder, net.nodes[-1], Pad(((0, -15),)), GlobalAvgPool())
    assert last(builder.graph(cut)).size == (5,)


def chain_on(builder: Builder, node: Node, *ops: Op) -> Node:
    for op in ops:
        node = builder.add(op, node)
    return node


def test_seeing_all_along_one_axis() -> None:
    """Strip pooling: the columns are seen through windows, of the rows all that are in the image."""
    net = chain(Conv(1, 3, padding=1), AdaptiveAvgPool((1, 15)), Conv(1, 3, padding=1), size=(1, 20, 15))
    field = last(net)
    assert field.size == (20, 5)
    assert field.stride == (None, 1)
    assert field.regular == (False, True)
    assert not field.whole


def test_two_strips_see_the_whole_image() -> None:
    builder = Builder()
    x = builder.input(1, 12, 10)
    rows, columns = builder.add(AdaptiveAvgPool((12, 1)), x), builder.add(AdaptiveAvgPool((1, 10)), x)
    field = last(builder.graph(builder.add(Multiply(), builder.add(Multiply(), x, rows), columns)))
    assert field.whole
    assert field.size == (12, 10)


def test_an_image_again_after_a_flat_layer() -> None:
    class Image(Op, frozen=True):
        kind: ClassVar[str] = "image"

        def output_shape(self, *inputs: tuple[int, ...]) -> tuple[int, ...]:
            return (1, 4)

        def windows(self, *inputs: tuple[int, ...]) -> Any:
            from cnncalc.ops.sight import WHOLE

            return (WHOLE,)

    net = chain(Pad(-2), Flatten(), Linear(4), Image(), ConvTranspose(1, 1, stride=3), size=(1, 9, 8))
    field = last(net)
    assert (field.size, field.padding, field.whole) == ((5, 4), (-2, -2), True)
    assert seen_by(net, "conv_transpose1", (3,)) == (Seen(2, 6, 5), Seen(2, 5, 4))
    assert seen_by(net, "conv_transpose1", (4,)) == (Seen(0, -1, 0), Seen(0, -1, 0))


# Several inputs, and what is not known.


def two_inputs() -> tuple[Graph, dict[str, Node]]:
    builder = Builder()
    flag = builder.input(4, name="flag")
    left, right = builder.input(1, 12, 12, name="left"), builder.input(1, 31, 31, name="right")
    a = builder.add(Conv(1, 3, padding=1), left, name="a")
    b = builder.add(Conv(1, 5, stride=2), right, name="b")
    both = builder.add(Concat(), a, builder.add(Pad(-1), b), builder.add(ReLU(), a), name="both")
    flat = builder.add(Linear(3), flag, name="flat")
    return builder.graph({"both": both, "flat": flat}), {node.name: node for node in builder.nodes}


def test_a_field_is_in_the_first_input_that_it_depends_on() -> None:
    net, nodes = two_inputs()
    fields = receptive_fields(net)
    found = {name: fields[node.index] for name, node in nodes.items()}
    assert {name: field.input for name, field in found.items()} == {
        "flag": "flag", "left": "left", "right": "right", "a": "left", "b": "right", "relu1": "left",
        "pad1": "right", "both": "left", "flat": "flag",
    }  # fmt: skip
    assert found["both"].size == (3, 3)
    assert found["both"].aligned
    assert found["flat"].size == ()
    in_right = receptive_fields(net, nodes["right"])
    assert in_right[nodes["both"].index].size == (5, 5)
    assert in_right[nodes["both"].index].padding == (-2, -2)
    assert in_right[nodes["a"].index] == ReceptiveField((), (), (), ())
    assert in_right[nodes["flat"].index].input is None


def test_units_of_a_layer_with_several_inputs() -> None:
    net, nodes = two_inputs()
    assert seen_by(net, "both", (0, 11)) == (Seen(0, 1, 2), Seen(10, 11, 2))
    assert seen_by(net, "both", (0, 11), nodes["right"]) == (Seen(2, 6, 5), Seen(24, 28, 5))
    assert seen_by(net, "a", (0, 0), nodes["right"]) == ()
    assert seen_by(net, "flat", ()) == ()


def test_an_input_without_pixels_comes_last() -> None:
    builder = Builder()
    step, image = builder.input(8, name="step"), builder.input(8, 5, 5, name="image")

    class Shift(Op, frozen=True):
        kind: ClassVar[str] = "shift"
        arity: ClassVar[int | None] = 2

        def output_shape(self, *inputs: tuple[int, ...]) -> tuple[int, ...]:
            return inputs[0]

        def windows(self, *inputs: tuple[int, ...]) -> Any:
            from cnncalc.ops.sight import POINT, WHOLE

            return ((POINT, POINT), WHOLE)

    net = builder.graph(builder.add(Shift(), builder.add(Conv(8, 3), image), step))
    assert last(net) == ReceptiveField((3, 3), (1, 1), (0, 0), (1, 1), regular=(True, True), input="image")


class Riddle(Op, frozen=True):
    """An op that says nothing of its windows."""

    kind: ClassVar[str] = "riddle"
    arity: ClassVar[int | None] = None

    def output_shape(self, *inputs: tuple[int, ...]) -> tuple[int, ...]:
        return inputs[0]


def test_what_an_op_does_not_say_is_unknown_from_there_on() -> None:
    builder = Builder()
    x = builder.input(1, 9, 9)
    riddle = builder.add(Riddle(), builder.add(Conv(1, 3, padding=1), x), name="sphinx")
    both = builder.add(Add(), x, builder.add(ReLU(), riddle))
    end = builder.add(Linear(2), builder.add(Flatten(), builder.add(GlobalAvgPool(), both)))
    net = builder.graph(end)
    fields = receptive_fields(net)
    assert fields[1].size == (3, 3)
    assert fields[2:] == [UnknownField("sphinx does not say what its units see")] * 6
    assert field_steps(net, fields, end) == []
    with pytest.raises(RequestError, match="what add1 sees is unknown: sphinx does not say"):
        seen_by(net, both, (0, 0))
    assert seen_by(net, "conv1", (0, 0)) == (Seen(0, 1, 2), Seen(0, 1, 2))


def test_a_riddle_on_another_input_is_no_matter() -> None:
    builder = Builder()
    left, right = builder.input(1, 9, name="left"), builder.input(1, 9, name="right")
    riddle = builder.add(Riddle(), right)
    net = builder.graph(builder.add(Add(), riddle, builder.add(ReLU(), left)))
    fields = receptive_fields(net)
    assert fields[2] == UnknownField("riddle1 does not say what its units see")
    assert fields[-1].size == (1,)
    assert receptive_fields(net, right)[-1] == UnknownField("riddle1 does not say what its units see")
    assert seen_by(net, "add1", (4,)) == (Seen(4, 4, 1),)
    with pytest.raises(RequestError, match="riddle1 does not say"):
        seen_by(net, "add1", (4,), right)


def test_an_op_whose_windows_do_not_fit_is_an_error() -> None:
    class Wrong(Riddle, frozen=True):
        def windows(self, *inputs: tuple[int, ...]) -> Any:
            from cnncalc.ops.sight import POINT

            return ((POINT,),)

    class Less(Riddle, frozen=True):
        def windows(self, *inputs: tuple[int, ...]) -> Any:
            return ()

    with pytest.raises(RequestError, match="riddle1: riddle gives 1 window for 2 spatial dimensions in and 2 out"):
        receptive_fields(chain(Wrong(), size=(1, 4, 4)))
    with pytest.raises(RequestError, match="riddle1: riddle gives 0 sights for 1 input"):
        receptive_fields(chain(Less(), size=(1, 4, 4)))


# The formulas.


def texts(graph: Graph, name: str) -> list[str]:
    return [step.text for step in field_steps(graph, receptive_fields(graph), graph.node(name))]


def test_the_formulas_of_sliding_windows() -> None:
    net = chain(Conv(1, 3, stride=2, padding=1), MaxPool(2), Conv(1, 3, dilation=4, padding=3))
    assert texts(net, "conv1") == ["1 + (3 - 1)*1 = 3", "1*2 = 2", "0 + 1*1 = 1"]
    assert texts(net, "maxpool1") == ["3 + (2 - 1)*2 = 5", "2*2 = 4", "1 + 0*2 = 1"]
    assert texts(net, "conv2") == ["5 + 4*(3 - 1)*4 = 37", "4*1 = 4", "1 + 3*4 = 13"]


def test_a_point_on_the_input_is_explained_and_later_ones_keep_the_field() -> None:
    net = chain(Conv(1, 1), Conv(1, 1), ReLU())
    assert texts(net, "conv1") == ["1 + (1 - 1)*1 = 1", "1*1 = 1", "0 + 0*1 = 0"]
    assert texts(net, "conv2") == texts(net, "relu1") == texts(net, "input") == []


def test_steps_per_dimension() -> None:
    net = chain(Conv(1, (3, 5)), AdaptiveAvgPool((5, 1)))
    steps = field_steps(net, receptive_fields(net), net["conv1"])
    assert [(step.label, step.value) for step in steps] == [
        ("receptive field, height", 3), ("effective stride, height", 1), ("effective padding, height", 0),
        ("receptive field, width", 5), ("effective stride, width", 1), ("effective padding, width", 0),
    ]  # fmt: skip
    steps = field_steps(net, receptive_fields(net), net["adaptive_avgpool1"])
    assert [(step.label, step.text) for step in steps] == [
        ("receptive field, height", "3 + (3 - 1)*1 = 5"),
        ("effective stride, height", "1*3 = 3"),
        ("effective padding, height", "0 + 0*1 = 0"),
        ("receptive field, width", "17"),
        ("effective padding, width", "0"),
    ]
    assert steps[-1].reason == "Each unit sees all that the layer before sees, within the image."


def test_what_no_formula_gives_is_said_in_words() -> None:
    net = network("  - add: [[{conv: 2, kernel: 3, padding: 1}], []]\n  - {upsample: 2}\n  - global_avgpool")
    steps = {
        node.name: [(step.label, step.value, step.reason) for step in field_steps(net, receptive_fields(net), node)]
        for node in net.layers[1:]
    }
    hull, worked = "The hull of the branches.", "Worked out from the units' intervals."
    everything = "Each unit sees all that the layer before sees, within the image."
    assert list(steps.values()) == [
        [("receptive field", 3, hull), ("effective stride", 1, hull), ("effective padding", 1, hull)],
        [("receptive field", 3, worked), ("effective padding", 1, worked)],
        [("receptive field", 17, everything), ("effective padding", 0, everything)],
    ]


@pytest.mark.parametrize("name", ["vgg16", "resnet50", "inception_v3", "densenet121", "deeplabv3_resnet50", "unet"])
def test_the_formulas_give_the_fields(name: str) -> None:
    """What `explain` prints is what was composed, and a sliding window after a field of one stride has formulas."""
    net = expand(load(name))
    fields = receptive_fields(net)
    slid = 0
    for node in net.layers:
        field = fields[node.index]
        assert isinstance(field, ReceptiveField)
        for step in field_steps(net, fields, node):
            axis = 1 if step.label.endswith("width") else 0
            kind = step.label.split(",")[0]
            figures = {
                "receptive field": field.size,
                "effective stride": field.stride,
                "effective padding": field.padding,
            }
            assert step.value == figures[kind][axis]
        if node.op.kind == "conv" and len(field.size) and all(fields[node.inputs[0].index].regular):
            steps = field_steps(net, fields, node)
            keeps = node.op.kernel in (1, (1, 1)) and node.op.stride in (1, (1, 1)) and not node.inputs[0].is_input
            assert keeps or all(step.formula for step in steps)
            slid += not keeps
    assert slid


# Limits.


def test_fields_beyond_the_bounds_are_refused() -> None:
    strides = [MaxPool(1, stride=10**9), Pad(((0, 10**9 - 1),))] * 3
    with pytest.raises(RequestError, match="beyond 10\\^18 pixels"):
        receptive_fields(chain(*strides, size=(1, 10**9)))
    with pytest.raises(RequestError, match="beyond 10\\^18 pixels"):
        receptive_fields(chain(*strides[:3], Pad(((2, 0),)), size=(1, 10**9)))
    large = last(chain(*strides[:3], size=(1, 10**9)))
    assert large.stride == (10**18,)


@pytest.mark.parametrize(
    "ops",
    [
        [Upsample(size=999_983), Conv(1, 3)],
        [AdaptiveAvgPool(999_983), AdaptiveAvgPool(999_979)],
        [ConvTranspose(1, 3, stride=999_983)],
        [Conv(1, 3, dilation=3 + 2 * i, stride=2 + i % 3) for i in range(9)] + [GlobalAvgPool()],
    ],
    ids=["upsampling", "bins", "zeros", "holes"],
)
def test_what_is_too_irregular_is_refused_soon(ops: list[Op]) -> None:
    with Work() as work, pytest.raises(RequestError, match="too irregular"):
        receptive_fields(chain(*ops, size=(1, 1000 if isinstance(ops[0], ConvTranspose) else 10**8 + 7)))
    assert work.done < 200


def test_thousands_of_layers_from_a_long_period() -> None:
    """The period is written down once for equal layers; different ones are refused before they take long."""
    builder = Builder()
    up = builder.add(Upsample(size=100_000), builder.input(1, 7))
    for _ in range(4000):
        end = builder.add(Conv(1, 3), up)
    with Work() as work:
        assert last(builder.graph(end)).size == (2,)
        for size in range(4, 400):
            end = builder.add(Conv(1, size), up)
        with pytest.raises(RequestError, match="too irregular"):
            receptive_fields(builder.graph(end))
    assert work.done < 400


def test_holes_in_a_long_input_are_ranges() -> None:
    net = chain(Conv(1, 3, stride=4), Conv(1, 3, stride=5), Conv(1, 2, dilation=7), GlobalAvgPool(), size=(1, 10**9))
    assert last(net).size == (999_999_991,)


@pytest.mark.parametrize("blocks", [150, 600])
def test_gates_do_not_each_walk_back(blocks: int) -> None:
    """With a pixel left over by the first stride no gate sees the whole image, and each is a layer that sees all."""
    net = gated(1024, blocks)
    with Work() as work:
        assert last(net).whole
    assert work.done < 100


def test_many_heads_on_one_trunk_are_walked_once() -> None:
    builder = Builder()
    y = builder.add(Conv(1, 3, stride=4), builder.input(1, 1000))
    for _ in range(3000):
        z = builder.add(Conv(1, 3, padding=1), y)
        head = builder.add(GlobalAvgPool(), builder.add(Conv(1, 1, stride=2), z))
        y = builder.add(Add(), z, y)
    with Work() as work:
        assert receptive_fields(builder.graph(head))[head.index].size == (999,)
    assert work.done < 200


def test_a_long_chain_takes_linear_work() -> None:
    def calls(layers: int) -> int:
        """The functions called for a chain of so many layers: a count, which is no one's machine's."""
        net = chain(*[Conv(1, 3, padding=1), ReLU()] * (layers // 2), size=(1, 64))
        count = 0

        def note(frame: object, event: str, argument: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(note)
        try:
            receptive_fields(net)
        finally:
            sys.setprofile(before)
        return count

    calls(100)
    assert calls(8000) < 4.1 * calls(2000)


# Every construct of the language.


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
        assert list(seen_by(net, net.layers[-1], unit)) == pixels_with_gradient(torch, model, net.input, unit)


def positive_model(torch: Any, net: Graph) -> Any:
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


class Sequence(Op, frozen=True):
    """Units along one axis, each of which sees all of an image."""

    length: int

    kind: ClassVar[str] = "sequence"

    def output_shape(self, *inputs: Any) -> Any:
        return (inputs[0][0], self.length)

    def windows(self, *inputs: Any) -> Any:
        return (WHOLE,)


def test_units_of_other_axes_than_the_images() -> None:
    """Vectors of two parts of an image see the hull of both; so do units along one axis, some of them by one way
    alone."""
    builder = Builder()
    image = builder.input(1, 9, 9)
    top, corner = (builder.add(Pad(pads), image) for pads in (((0, -5), (-1, 0)), ((-6, 0), (0, -2))))
    for first, second in ((top, corner), (corner, top)):
        vectors = [builder.add(Linear(4), builder.add(Flatten(), part)) for part in (first, second)]
        both = builder.add(Add(), *vectors)
        field = receptive_fields(builder.graph(both))[both.index]
        assert (field.size, field.padding, field.whole) == ((9, 9), (0, 0), True)
        field = receptive_fields(builder.graph(vectors[0]))[vectors[0].index]
        assert (field.size, field.padding) == (((4, 8), (0, -1)) if first is top else ((3, 7), (-6, 0)))
    whole = builder.add(Sequence(9), top)
    sparse = builder.add(ConvTranspose(1, kernel=1, stride=2), builder.add(Sequence(5), top))
    for inputs in ((whole, sparse), (sparse, whole), (sparse, sparse)):
        both = builder.add(Add(), *inputs)
        field = receptive_fields(builder.graph(both))[both.index]
        assert (field.size, field.padding) == ((4, 8), (0, -1))
