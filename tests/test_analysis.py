"""Costs, against a count that shares no code: loops that touch every multiplication one at a time."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnncalc import network, ops
from cnncalc.costs.analysis import Row
from cnncalc.costs.compare import Comparison, intensity
from cnncalc.ops.base import Site
from cnncalc.ops.sight import Sliding
from cnncalc.ops.window import averaged, dimension_names
from tests.oracles.loops import slow_convolution
from tests.oracles.random_graphs import random_graph


def costs_of(layer: str, shape: tuple[int, ...], batch: int = 1) -> Row:
    return network(f"input: {list(shape)}\nlayers: [{layer}]\n").analyze(batch).layers[0]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_convolutions_against_a_direct_count(data):
    draw = data.draw
    dimensions = draw(st.integers(1, 3))
    k, s, d = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    p, groups = draw(st.integers(0, 2)), draw(st.integers(1, 3))
    c_in, c_out = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    sizes = tuple(draw(st.integers(d * (k - 1) + 1, 7)) for _ in range(dimensions))
    bias = draw(st.booleans())
    outputs, weights, multiplications = slow_convolution(c_in, c_out, sizes, k, s, p, d, groups)
    layer = (
        f"{{conv: {c_out}, kernel: {k}, stride: {s}, padding: {p}, dilation: {d}, groups: {groups},"
        f" bias: {str(bias).lower()}}}"
    )
    costs = costs_of(layer, (c_in, *sizes))
    assert costs.activations == outputs
    assert costs.macs == multiplications
    assert costs.params == weights + (c_out if bias else 0)
    assert costs.flops == 2 * multiplications + (outputs if bias else 0)


# Each layer on 4 channels of 6x6: what is done to it, written out.
ELEMENTS, PIXELS = 4 * 36, 36


@pytest.mark.parametrize(
    ("layer", "operations"),
    [
        ("relu", {"compare": ELEMENTS}),
        ("relu6", {"compare": 2 * ELEMENTS}),
        ("sigmoid", {"exp": ELEMENTS, "add": ELEMENTS, "div": ELEMENTS}),
        ("batchnorm", {"add": ELEMENTS, "mul": ELEMENTS}),
        ("{maxpool: 2}", {"compare": 4 * 9 * 3}),
        ("{avgpool: 2}", {"add": 4 * 9 * 3, "div": 4 * 9}),
        ("{lppool: 2}", {"mul": ELEMENTS, "add": 4 * 9 * 3, "exp": 4 * 9}),
        ("{lppool: 2, p: 3}", {"add": 4 * 9 * 3, "exp": ELEMENTS + 4 * 9}),
        ("global_avgpool", {"add": 4 * 35, "div": 4}),
        ("{adaptive_avgpool: 4}", {"add": 4 * (64 - 16), "div": 4 * 16}),
        ("{lrn: 5}", {"add": 5 * ELEMENTS, "mul": 2 * ELEMENTS, "div": ELEMENTS, "exp": ELEMENTS}),
        ("l2norm", {"mul": ELEMENTS, "add": 3 * PIXELS, "exp": PIXELS, "compare": PIXELS, "div": ELEMENTS}),
        ("softmax", {"compare": 3 * PIXELS, "add": ELEMENTS + 3 * PIXELS, "exp": ELEMENTS, "div": ELEMENTS}),
        ("{scale: , bias: true}", {"mul": ELEMENTS, "add": ELEMENTS}),
        ("dropout", {}),
        ("flatten", {}),
        ("{upsample: 2}", {}),
        ("{upsample: 2, mode: linear}", {"mul": 16 * ELEMENTS, "add": 12 * ELEMENTS}),
        ("{add: [[], [relu], []]}", {"add": 2 * ELEMENTS}),
        ("bilinear_pool", {"mac": 16 * 36}),
        ("attention_pool", {"mac": 2 * 4 * 36, "compare": 35, "add": 36 + 36 + 35, "exp": 36, "div": 36}),
    ],
)
def test_operations_by_class(layer, operations):
    costs = network(f"input: [4, 6, 6]\nlayers: [{layer}]\n").analyze().layers[-1]
    assert costs.operations == operations
    assert costs.flops == sum(operations.values()) + operations.get("mac", 0)


def test_batch_multiplies_work_but_not_weights():
    net = network("alexnet")
    one, many = net.analyze(), net.analyze(batch=64)
    assert many.params == one.params
    assert many.macs == 64 * one.macs
    assert many.flops == 64 * one.flops
    assert many.activations == 64 * one.activations


def test_training_counts_the_statistics_of_a_batch_and_the_masks():
    net = network("input: [4, 6, 6]\nlayers: [batchnorm, dropout]\n", training=True)
    norm, mask = net.analyze().layers
    assert norm.operations == {"add": 4 * ELEMENTS, "mul": 2 * ELEMENTS, "div": 12, "exp": 4}
    assert mask.operations == {"mul": ELEMENTS}
    norm, mask = net.analyze(batch=8).layers  # the statistics are of the whole batch
    assert norm.operations == {"add": 32 * ELEMENTS, "mul": 16 * ELEMENTS, "div": 12, "exp": 4}
    assert mask.operations == {"mul": 8 * ELEMENTS}


def test_groups_sum_to_the_totals():
    analysis = network("resnet50").analyze()
    groups = analysis.groups()
    assert [group.name for group in groups][:6] == ["conv1", "bn1", "relu1", "pool1", "conv2_x", "conv3_x"]
    for quantity in ("params", "macs", "flops", "activations", "buffers"):
        assert sum(getattr(group, quantity) for group in groups) == getattr(analysis, quantity)
    assert sum(len(group.rows) for group in analysis.groups(depth=2)) == len(analysis.layers)


def test_two_networks_are_compared_group_by_group():
    small, large = network("resnet18"), network("resnet34")
    comparison = Comparison([small.analyze(), large.analyze()])
    groups = comparison.groups()
    assert groups == comparison.groups(depth=1)
    for side, net in (("first", small), ("second", large)):
        counts = {pair.name: getattr(pair, side) for pair in groups if getattr(pair, side)}
        assert list(counts) == [group.name for group in net.analyze().groups()]
        assert (
            sum(count.macs for count in counts.values()) == getattr(comparison.whole, side).macs == net.analyze().macs
        )
    assert intensity(net.analyze(2)) * net.analyze(2).memory.traffic == pytest.approx(net.analyze(2).flops)


def test_flops_are_twice_the_macs_and_the_rest():
    analysis = network("googlenet").analyze()
    operations = analysis.operations
    rest = sum(number for operation, number in operations.items() if operation != "mac")
    assert analysis.flops == 2 * analysis.macs + rest
    assert analysis.macs == operations["mac"]


@given(st.integers(1, 40), st.integers(1, 12))
def test_adaptive_pools_touch_each_window_s_elements(size, output):
    windows = [range(i * size // output, -(-(i + 1) * size // output)) for i in range(output)]
    taps = sum(map(len, windows))
    costs = costs_of(f"{{adaptive_avgpool: {output}}}", (1, size))
    assert costs.operations.get("add", 0) == taps - output


def test_the_arithmetic_of_the_sizes_gives_the_sizes() -> None:
    for seed in range(200):
        for node in random_graph(random.Random(seed), 25).layers:
            names = dimension_names(len(node.output) - 1)
            shown = [step.value for step in node.op.steps(*node.input_shapes) if step.label in names]
            assert shown in ([], list(node.output[1:])), node


def test_sizes_have_names_and_their_arithmetic_only_where_there_is_any() -> None:
    assert [dimension_names(n) for n in (1, 2, 3)] == [("length",), ("height", "width"), ("depth", "height", "width")]
    assert dimension_names(4) == ("size 1", "size 2", "size 3", "size 4")
    assert ops.Slice((1, 8)).steps((9, 4)) == []
    assert [(step.label, step.value) for step in ops.Slice((1, 8), step=2).steps((9, 4))] == [("size", 4)]


@given(st.data())
def test_averages_are_over_the_elements_that_are_there(data):
    draw = data.draw
    kernel, stride, size = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(st.integers(1, 12))
    before, after = draw(st.integers(0, kernel // 2)), draw(st.integers(0, kernel // 2))
    window = Sliding(kernel, stride, before, after)
    output = max(0, size + before + after - kernel) // stride + 1
    for padding, there in ((False, range(size)), (True, range(-before, size + after))):
        seen = [range(unit * stride - before, unit * stride - before + kernel) for unit in range(output)]
        expected = [max(1, sum(place in there for place in places)) for places in seen]
        assert averaged(window, size, output, padding) == expected


def test_defaults_and_stored_numbers() -> None:
    for pool in (ops.MaxPool, ops.AvgPool, ops.LPPool, ops.StochasticPool):
        assert pool(2).output_shape((1, 5, 5)) == (1, 2, 2)
    assert ops.Pad(3).output_shape((1, 4, 5)) == (1, 10, 11)
    assert Site(ops.BatchNorm(), ((7, 4),), (7, 4)).count("buffers") == 14


def test_a_group_ends_where_others_read_it():
    """And not with the head that stands last in it."""
    head = "{head: classes, layers: [{conv: 5, kernel: 3}]}"
    items = f"{{layers: [{{conv: 16, kernel: 3, padding: 1}}, {head}], name: a}}, {{conv: 8, kernel: 1}}"
    analysis = network(f"input: [3, 32, 32]\nlayers: [{items}]").analyze()
    assert analysis["a"].output == (16, 32, 32)
    assert analysis["a"].receptive_field.size == (3, 3)
    assert analysis["a.classes"].output == (5, 30, 30)
