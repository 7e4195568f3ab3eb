"""Every operation that is counted, against layers that do them one at a time."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import pytest

from cnncalc import ops
from cnncalc.ops.base import OPERATIONS, Op, Shape, Site
from tests.oracles import scalars
from tests.oracles.scalars import counted


def ours(op: Op, *inputs: Shape) -> dict[str, int]:
    site = Site(op, inputs, op.output_shape(*inputs))
    return {name: site.count(name) for name in OPERATIONS if name in op.formulas() and site.count(name)}


def each(layer: Any, times: int, *arguments: Any) -> dict[str, int]:
    """A layer's operations, so many times."""
    return {name: times * number for name, number in counted(layer, *arguments).items()}


@pytest.mark.parametrize(("h", "t", "s", "d", "dv"), [(1, 5, 7, 8, 6), (4, 3, 2, 2, 2), (2, 1, 1, 3, 5)])
def test_attention(h: int, t: int, s: int, d: int, dv: int) -> None:
    expected = counted(scalars.attention, t, s, h, d, dv)
    assert ours(ops.Attention(h), (t, h * d), (s, h * d), (s, h * dv)) == expected
    if h == 4:  # those that share keys and values are multiplied with them all the same
        assert ours(ops.Attention(h, kv_heads=2), (t, h * d), (s, 2 * d), (s, 2 * dv)) == expected


BIASES = list(product((True, False), repeat=2))


@pytest.mark.parametrize(("bias", "out_bias"), BIASES)
def test_multihead_attention(bias: bool, out_bias: bool) -> None:
    options = {"bias": bias, "out_bias": out_bias}
    expected = counted(scalars.self_attention, 1, 5, 8, 2, 4, 4, 2, 8, (bias, out_bias, False))
    assert ours(ops.MultiheadAttention(2, **options), (5, 8)) == expected
    more = {"head_size": 3, "value_size": 5, "kv_heads": 2, "features": 7, **options}
    expected = counted(scalars.self_attention, 1, 5, 6, 4, 3, 5, 2, 7, (bias, out_bias, False))
    assert ours(ops.MultiheadAttention(4, **more), (5, 6)) == expected


@pytest.mark.parametrize(("bias", "out_bias"), BIASES)
@pytest.mark.parametrize("relative", [True, False, "distance"])
def test_window_attention(bias: bool, out_bias: bool, relative: Any) -> None:
    """2 x 3 windows of 3 x 2 positions, the lowest of them padded."""
    op = ops.WindowAttention(2, window=(3, 2), features=5, bias=bias, out_bias=out_bias, relative=relative)
    expected = counted(scalars.self_attention, 6, 6, 4, 2, 2, 2, 2, 5, (bias, out_bias, bool(relative)))
    assert ours(op, (4, 5, 6)) == expected


@pytest.mark.parametrize("kind", [ops.LSTM, ops.GRU])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("depth", "directions"), [(1, 1), (1, 2), (3, 1), (3, 2)])
def test_recurrent_layers(kind: Any, bias: bool, depth: int, directions: int) -> None:
    step = scalars.lstm if kind is ops.LSTM else scalars.gru
    expected = counted(scalars.recurrent, step, 5, 3, 4, depth, directions, bias)
    assert ours(kind(4, depth=depth, bidirectional=directions == 2, bias=bias), (5, 3)) == expected


def test_recurrent_layers_are_one_layer_in_one_direction_unless_said() -> None:
    for kind, step, gates in ((ops.LSTM, scalars.lstm, 4), (ops.GRU, scalars.gru, 3)):
        assert ours(kind(4), (5, 3)) == counted(scalars.recurrent, step, 5, 3, 4, 1, 1, True)
        assert Site(kind(4), ((5, 3),), (5, 4)).count("params") == gates * (4 * 3 + 4 * 4 + 2 * 4)
        assert kind.gates == gates


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_softmax(axis: int) -> None:
    x = (4, 5, 6)
    rows = 120 // x[axis]
    assert ours(ops.Softmax(axis), x) == each(scalars.softmax, rows, scalars.row(x[axis]))
    assert ours(ops.LogSoftmax(axis), x) == each(scalars.log_softmax, rows, scalars.row(x[axis]))


@pytest.mark.parametrize(("over", "n"), [("channels", 4), ("last", 6), ("all", 120)])
def test_norms(over: Any, n: int) -> None:
    x = (4, 5, 6)
    for affine in (True, False):
        expected = each(scalars.rms_norm, 120 // n, scalars.row(n), affine)
        assert ours(ops.RMSNorm(affine, over), x) == expected
    assert ours(ops.L2Norm(), x) == each(scalars.l2_norm, 30, scalars.row(4))
    for size in (1, 3, 5):
        assert ours(ops.LRN(size), x) == counted(scalars.response_norm, 4, size, 30)


@pytest.mark.parametrize("bias", [True, False])
def test_linear(bias: bool) -> None:
    for x in ((6,), (5, 6), (4, 5, 6)):
        op = ops.Linear(3, bias=bias, over="last" if len(x) > 2 else None)
        assert ours(op, x) == each(scalars.linear, prod(x[:-1]), scalars.row(6), 3, bias)


def test_einsum() -> None:
    """A sum of products, or a product for each output where nothing is summed."""
    for equation, shapes in (
        ("ab,cb->ac", ((5, 4), (7, 4))),
        ("ab,ab->ab", ((5, 4), (5, 4))),
        ("a,b->ab", ((5,), (4,))),
    ):
        first, second, output = equation.replace("->", ",").split(",")
        sizes = dict(zip(first + second, (*shapes[0], *shapes[1]), strict=True))
        summed = prod(size for letter, size in sizes.items() if letter not in output)
        outputs = prod(sizes[letter] for letter in output)
        alone = set(first + second) == set(output)
        assert ours(ops.Einsum(equation), *shapes) == ({"mul": outputs} if alone else {"mac": outputs * summed})


@pytest.mark.parametrize("affine", [True, False])
def test_norms_by_mean_and_deviation(affine: bool) -> None:
    x = (4, 5, 6)
    for op, groups in (
        *((ops.LayerNorm(affine, over), 120 // n) for over, n in (("channels", 4), ("last", 6), ("all", 120))),
        *((ops.InstanceNorm(affine), 4), (ops.GroupNorm(2, affine), 2), (ops.GroupNorm(1, affine), 1)),
    ):
        assert ours(op, x) == each(scalars.normalised, groups, scalars.row(120 // groups), affine)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("groups", [1, 2])
def test_layers_that_interpolate(bias: bool, groups: int) -> None:
    op = ops.DeformableConv(6, kernel=(3, 2), groups=groups, bias=bias)
    places = [(4, 5, 6), (12, 3, 5), (6, 3, 5)]
    for mask in (False, True):
        expected = counted(scalars.deformed, 4, 6, 6, 15, groups, mask, bias)
        assert ours(op, *places[: 2 + mask]) == expected
    for samples in (1, 2, 3):
        expected = counted(scalars.roi_align, 7 * 4 * 6, samples)
        assert ours(ops.RoIAlign((2, 3), samples=samples), (4, 9, 9), (7, 4)) == expected


def test_pools() -> None:
    assert ours(ops.AttentionPool(), (4, 5, 6)) == counted(scalars.attention_pool, 4, 30)
    for p in (2.0, 3.0):
        assert ours(ops.LPPool((3, 2), stride=1, p=p), (4, 5, 6)) == counted(scalars.lp_pool, 4 * 15, 6, p)
    assert ours(ops.StochasticPool((3, 2), stride=1), (4, 5, 6)) == counted(scalars.stochastic_pool, 4 * 15, 6)


@pytest.mark.parametrize("b", [1, 2, 3, 4])
def test_merges(b: int) -> None:
    shapes = ((4, 5, 6),) * (b - 1) + ((4, 1, 1),) if b > 1 else ((4, 5, 6),)
    for kind, name in ((ops.Add, "add"), (ops.Multiply, "mul"), (ops.Maximum, "compare"), (ops.Minimum, "compare")):
        assert ours(kind(), *shapes) == ({name: 120 * (b - 1)} if b > 1 else {})


@pytest.mark.parametrize("power", [1.0, 2.0, -1.0, 0.5, 3.0])
def test_powers(power: float) -> None:
    """(shift + factor * x) ^ power: a square is a product, a reciprocal a division, and no factor of 1 is one."""
    for factor, shift in product((1.0, 2.0), (0.0, 3.0)):
        expected = {
            "mul": 20 * ((factor != 1) + (power == 2)),
            "add": 20 * (shift != 0),
            "div": 20 * (power == -1),
            "exp": 20 * (power in (0.5, 3.0)),
        }
        op = ops.Power(power, factor, shift)
        assert ours(op, (4, 5)) == {name: number for name, number in expected.items() if number}
        assert op.is_view((4, 5)) == (not any(expected.values()))
