"""Ops one by one against PyTorch: shapes, parameters, MACs, bytes saved, every tool's count, what each unit sees; and
the modules of those that `torch.nn` does not have against slow independent arithmetic."""

from __future__ import annotations

import itertools
import random
import warnings
from fractions import Fraction
from math import prod
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from cnncalc import ops  # noqa: E402
from cnncalc.costs.amount import AtLeast  # noqa: E402
from cnncalc.costs.layout import alike, channels_last, contiguous, is_last, steps_first  # noqa: E402
from cnncalc.costs.memory import Memory  # noqa: E402
from cnncalc.errors import OpError, RequestError  # noqa: E402
from cnncalc.ops.base import Op, Shape, Site  # noqa: E402
from cnncalc.ops.sight import UNKNOWN, WHOLE, Folded, Reach, Resampled, Sliding, Spread  # noqa: E402
from cnncalc.pytorch.build import build, build_op  # noqa: E402
from tests.examples_of_kinds import PLACES, SAYING, everywhere  # noqa: E402
from tests.oracles.memory import peak_by_pytorch  # noqa: E402
from tests.oracles.one_op import differences, graph_of  # noqa: E402

IMAGE = (4, 6, 5)
ANYWHERE = ((4,), (4, 9), IMAGE, (2, 4, 3, 5))
SPATIAL = ANYWHERE[1:]


def on(op: Op, *inputs: Any) -> list[tuple[Op, tuple[Shape, ...]]]:
    """The op on each of some shapes; on several at once where one of them is a list of shapes."""
    return [(op, tuple(shapes) if isinstance(shapes, list) else (shapes,)) for shapes in inputs]


def _cases() -> list[tuple[Op, tuple[Shape, ...]]]:
    found = []
    for op in (
        *(ops.ELU(), ops.ELU(0.5), ops.SELU(), ops.CELU(0.5), ops.Mish(), ops.Softplus(), ops.Softsign()),
        *(ops.HardTanh(), ops.HardTanh(0, 6), ops.Softmax(), ops.LogSoftmax()),
        *(ops.LayerNorm(over="last"), ops.LayerNorm(affine=False, over="last"), ops.PositionEmbedding()),
        *(ops.RMSNorm(over=over, affine=affine) for over in ("channels", "last", "all") for affine in (True, False)),
        *(
            ops.Power(),
            ops.Power(2),
            ops.Power(-1),
            ops.Power(0.5, factor=2),
            ops.Power(1, 2, 3),
            ops.Power(3, shift=1),
        ),
        *(ops.Apply(function) for function in ops.Apply.words["function"]),
        ops.Parameter((3, 4)),
    ):
        found += on(op, *ANYWHERE)
    for op in (ops.InstanceNorm(), ops.InstanceNorm(affine=True), ops.Roll(1), ops.Roll(0), ops.Softmax(axis=1)):
        found += on(op, *SPATIAL)
    for shape, mode in itertools.product(SPATIAL, ("reflect", "replicate", "circular")):
        for padding in (1, 0, ((0, 1),) * (len(shape) - 1)):
            found += on(ops.Pad(padding, mode=mode), shape)
    for reduction, axes in itertools.product((ops.Mean, ops.Sum, ops.Max), (0, 1, (1, 2), (0, 2), (0, 1, 2))):
        found += on(reduction(axes, keep=True), IMAGE)
        if axes != (0, 1, 2):
            found += on(reduction(axes), IMAGE)
    found += on(ops.Permute((1, 0)), (4, 6)) + on(ops.Permute((2, 0, 1)), IMAGE) + on(ops.Permute((0, 1)), (4, 6))
    found += on(ops.Reshape((2, -1)), IMAGE) + on(ops.Reshape((120,)), IMAGE) + on(ops.Reshape((4, 6, 5)), IMAGE)
    found += on(ops.PixelShuffle(2), IMAGE) + on(ops.PixelShuffle(1), IMAGE)
    found += on(ops.PixelUnshuffle(2), (3, 4, 6)) + on(ops.PixelUnshuffle(1), (3, 4, 6))
    found += on(ops.Slice((1, 4), axis=1), IMAGE) + on(ops.Slice((0, 5), axis=2, step=2), IMAGE)
    found += on(ops.Slice((0, 4), step=3), IMAGE)
    found += on(ops.Upsample(2, mode="cubic"), IMAGE) + on(ops.Upsample(size=(3, 9), mode="cubic"), IMAGE)
    found += on(ops.Upsample(2, mode="linear", align_corners=True), IMAGE)
    found += on(ops.Upsample(size=(9, 3), mode="cubic", align_corners=True), IMAGE)
    for bias in (True, False):
        found += on(ops.Linear(3, bias=bias), (4,), (5, 4)) + on(ops.Linear(3, bias=bias, over="last"), IMAGE)
    found += on(ops.Embedding(6, count=10), (7,)) + on(ops.ClassToken(), (5, 6)) + on(ops.ClassToken(2), (5, 6))
    for merge in (ops.Add(), ops.Multiply(), ops.Maximum(), ops.Minimum(), ops.Subtract(), ops.Divide()):
        found += on(merge, [IMAGE, IMAGE], [IMAGE, (4, 1, 1)], [(1, 6, 5), IMAGE], [(1, 6, 1), (4, 1, 5)])
        if merge.arity is None:
            found += on(merge, [IMAGE] * 3, [(4, 1, 1), (1, 6, 5), IMAGE], [IMAGE, (4, 1, 1), (1, 6, 5)], [IMAGE])
    found += on(ops.Concat(axis=1), [IMAGE, (4, 2, 5)], [IMAGE]) + on(ops.Concat(axis=2), [IMAGE] * 3)
    found += on(ops.Stack(), [IMAGE] * 2) + on(ops.Stack(2), [(4, 6)] * 3)
    found += on(ops.MatMul(), [(4, 6), (6, 3)], [(2, 4, 6), (2, 6, 3)], [(2, 2, 4, 6), (2, 2, 6, 3)])
    return found + _sums_of_products() + _attentions() + _recurrent_and_sampling()


def _sums_of_products() -> list[tuple[Op, tuple[Shape, ...]]]:
    found = on(ops.Einsum("tc,sc->ts"), [(5, 4), (7, 4)], [(5, 1), (7, 1)])
    found += on(ops.Einsum("htd, hsd -> hts"), [(2, 5, 4), (2, 7, 4)]) + on(ops.Einsum("ts,sc->ct"), [(5, 7), (7, 4)])
    found += on(ops.Einsum("chw,co->ohw"), [IMAGE, (4, 3)]) + on(ops.Einsum("chw,hk->ckw"), [IMAGE, (6, 3)])
    found += on(ops.Einsum("abc,cab->b"), [(2, 3, 4), (4, 2, 3)]) + on(ops.Einsum("a,b->ba"), [(5,), (3,)])
    return (
        found + on(ops.Einsum("abc,abc->abc"), [IMAGE, IMAGE]) + on(ops.Einsum("abcd,bd->ac"), [(2, 3, 4, 5), (3, 5)])
    )


def _attentions() -> list[tuple[Op, tuple[Shape, ...]]]:
    found = on(ops.Attention(), [(5, 8)] * 3) + on(ops.Attention(2), [(5, 8), (7, 8), (7, 8)])
    found += on(ops.Attention(2, causal=True), [(5, 8)] * 3, [(5, 8), (5, 8), (5, 4)])
    found += on(ops.Attention(4, kv_heads=2), [(5, 8), (7, 4), (7, 4)], [(5, 8), (7, 4), (7, 6)])
    found += on(ops.Attention(1), [(5, 8), (7, 8), (7, 6)]) + on(ops.Attention(2, factor=0.5), [(5, 8)] * 3)
    for options in (
        *({"heads": 1}, {"heads": 2}, {"heads": 2, "bias": False}, {"heads": 2, "out_bias": False}),
        *({"heads": 4, "kv_heads": 2}, {"heads": 2, "head_size": 3}, {"heads": 2, "value_size": 6}),
        *({"heads": 2, "causal": True}, {"heads": 4, "kv_heads": 1, "value_size": 3}, {"heads": 2, "features": 5}),
    ):
        found += on(ops.MultiheadAttention(**options), (5, 8), (1, 8))
    for options in (
        *({"heads": 2, "window": 3}, {"heads": 1, "window": 3}, {"heads": 2, "window": 3, "shift": 1}),
        *({"heads": 2, "window": (2, 3), "shift": (1, 0)}, {"heads": 2, "window": 2, "grid": True}),
        *({"heads": 2, "window": 3, "relative": False}, {"heads": 2, "window": 8, "shift": 2}),
        *({"heads": 2, "window": 3, "relative": False, "shift": 1}, {"heads": 4, "window": 2, "kv_heads": 2}),
        *({"heads": 2, "window": 2, "value_size": 6, "head_size": 3}, {"heads": 2, "window": 2, "features": 5}),
        *({"heads": 2, "window": (2, 3), "relative": "distance"}, {"heads": 2, "window": 3, "relative": "distance"}),
    ):
        found += on(ops.WindowAttention(**options), (8, 6, 5), (8, 6, 6))
    return found


def _recurrent_and_sampling() -> list[tuple[Op, tuple[Shape, ...]]]:
    found = []
    for layer, layers, bidirectional, bias in itertools.product((ops.LSTM, ops.GRU), (1, 2), (0, 1), (0, 1)):
        found += on(layer(4, depth=layers, bidirectional=bool(bidirectional), bias=bool(bias)), (5, 3))
    deformable = ops.DeformableConv(6, kernel=3, padding=1)
    found += on(deformable, [IMAGE, (18, 6, 5)], [IMAGE, (18, 6, 5), (9, 6, 5)])
    grouped = ops.DeformableConv(6, kernel=(2, 3), groups=2, offset_groups=2, stride=2, dilation=1, bias=False)
    found += on(grouped, [IMAGE, (24, 3, 2), (12, 3, 2)])
    found += on(ops.RoIAlign(3), [IMAGE, (7, 4)])
    return found + on(ops.RoIAlign((2, 3), samples=1, spatial_scale=0.5, aligned=True), [IMAGE, (7, 4)])


def _by_kind() -> dict[str, list[tuple[Op, tuple[Shape, ...]]]]:
    found: dict[str, list[tuple[Op, tuple[Shape, ...]]]] = {}
    for op, shapes in _cases():
        found.setdefault(op.kind, []).append((op, shapes))
    return found


CASES = _by_kind()


@pytest.mark.parametrize("kind", CASES)
def test_against_pytorch_and_every_tool(kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrong = [difference for op, shapes in CASES[kind] for difference in differences(op, shapes)]
    assert not wrong


# How outputs lie in memory


def in_order(shape: Shape, last: bool) -> Any:
    """Two samples of a shape; `last`: their channels lie last in memory."""
    x = torch.rand(2, *shape)
    if last:
        x = x.movedim(1, -1).contiguous().movedim(-1, 1)
    return x.requires_grad_()


def trivial(op: Op, x: Shape) -> bool:
    """What PyTorch does in another way, for nothing is to be done, or little: rolls by nothing; kernels of volumes with
    one place in height and width."""
    if op.kind in ("conv", "conv_transpose", "depthwise"):
        return len(x) == 4 and op.kernel == 1
    return op.kind == "roll" and op.shift == 0


def test_how_channels_lie_in_memory() -> None:
    """On one thread: on several, convolutions of volumes differ."""
    torch.set_num_threads(1)
    alike = [case for kind in SAYING.values() if kind.kind not in PLACES for case in everywhere(kind)]
    compared = set()
    for op, shapes in [*(case for cases in CASES.values() for case in cases), *alike]:
        output = op.output_shape(*shapes)
        # Of one channel, or of one position, there are no two orders.
        if any(len(shape) < 2 or shape[0] == 1 or prod(shape[1:]) == 1 for shape in (output, *shapes)):
            continue
        if op.is_view(*shapes, training=True) or trivial(op, shapes[0]) or op.kind == "embedding":
            continue
        module = build_op(op, Site(op, shapes, output)).train()
        for last in (True, False):
            y = module(*(in_order(shape, last) for shape in shapes))
            theirs = y.movedim(1, -1).is_contiguous()
            if theirs != y.is_contiguous():
                assert op.gives_last(shapes, (last,) * len(shapes)) == theirs, (op, shapes, last)
                compared.add((op.kind, len(output) - 1))
    assert len(compared) > 150
    assert {dimensions for kind, dimensions in compared if kind == "conv"} == {1, 2, 3}


def orders(axes: int) -> list[tuple[int, ...]]:
    """Ways in which axes lie in memory: in order, channels last, channels inside the first, the batch inside all."""
    inner = tuple(range(1, axes))
    return [(0, *inner), (0, *inner[1:], 1), (0, *reversed(inner)), (0, 2, 1, *inner[2:]), (*inner, 0)]


def test_how_outputs_lie_whatever_the_order_of_the_input() -> None:
    torch.set_num_threads(1)
    alike_kinds = [case for kind in SAYING.values() if kind.kind not in PLACES for case in everywhere(kind)]
    kept, compared = set(), 0
    for op, shapes in [*(case for cases in CASES.values() for case in cases), *alike_kinds]:
        x = shapes[0]
        if len(shapes) > 1 or len(x) < 2 or op.is_view(x, training=True) or trivial(op, x) or op.kind == "permute":
            continue
        module = build_op(op, Site(op, shapes, op.output_shape(x))).train()
        for order in orders(len(x) + 1):
            if op.kind == "lrn" and len(x) == 4:  # PyTorch's own takes volumes in few orders
                continue
            back = [order.index(axis) for axis in range(len(order))]
            given = torch.rand(2, *x).permute(order).contiguous().permute(back).requires_grad_()
            y = module(given)
            sizes, strides = tuple(y.shape), tuple(given.stride())
            last = is_last(tuple(given.shape), strides)
            if op.steps_first:
                ours = steps_first(sizes)
            elif op.keeps_order:
                ours = alike(sizes, strides)
                kept.add(op.kind)
            else:
                ours = channels_last(sizes) if op.gives_last(shapes, (last,)) else contiguous(sizes)
            lies = zip(sizes, ours, y.stride(), strict=True)
            assert all(mine == theirs for size, mine, theirs in lies if size > 1), (op, x, order)
            compared += 1
    assert len(kept) > 20
    assert compared > 1000


# What is alive at once


# Several steps in PyTorch, whose tensors are not all counted, as docs/memory.md says.
STEP_BY_STEP = (
    *("embedding", "gru", "instancenorm", "layernorm", "lstm", "rmsnorm", "window_attention"),
    "multihead_attention",  # where values have other sizes than keys
)


@pytest.mark.parametrize("kind", [kind for kind, cases in CASES.items() if len(cases[0][1]) == 1])
def test_what_is_alive_at_inference(kind: str) -> None:
    for op, shapes in CASES[kind]:
        if len(shapes) == 1:
            graph = graph_of(op, shapes, learnt=False)
            ours, theirs = Memory(graph, 2).layers[0].alive, peak_by_pytorch(graph, 2, inplace=False)
            fused = kind == "multihead_attention" and op.fused(shapes[0][1])
            assert ours == theirs or (kind in STEP_BY_STEP and not fused and ours < theirs), (op, shapes)


@pytest.mark.parametrize(
    "op", [ops.MultiheadAttention(2, value_size=6), ops.WindowAttention(2, window=16)], ids=lambda op: op.kind
)
def test_scores_that_are_stored_are_most_of_a_long_attention(op: Op) -> None:
    shape = (8, 16, 16) if op.kind == "window_attention" else (256, 8)
    graph = graph_of(op, (shape,), learnt=False)
    assert Memory(graph, 2).layers[0].alive > peak_by_pytorch(graph, 2, inplace=False) / 3
    assert Memory(graph, 2).layers[0].alive > 2 * 4 * 2 * 256 * 256


# What units see


def seen_along(window: Any, unit: int, n: int, m: int) -> set[int]:
    """Which of n positions unit `unit` of m sees, by the words of `cnncalc.ops.sight`."""
    if isinstance(window, Sliding):
        places = [unit * window.stride - window.before + window.dilation * t for t in range(window.kernel)]
        return {place for place in places if 0 <= place < n}
    if isinstance(window, Folded):
        return {window.position(unit, n)}
    if isinstance(window, Spread):
        return set(range(n))
    assert isinstance(window, Resampled)
    if not window.linear and not window.cubic:
        return {unit * n // m}
    middle = Fraction((2 * unit + 1) * n - m, 2 * m)
    if window.corners:
        middle = Fraction(unit * (n - 1), m - 1) if m > 1 else Fraction(0)
    low = int(middle // 1)
    if middle == low:
        return {low}
    around = range(low - 1, low + 3) if window.cubic else range(low, low + 2)
    return {min(max(place, 0), n - 1) for place in around}


SELECTING = ("max", "maximum", "minimum")  # a gradient on one element alone
FLAT_GRADIENT = ("embedding", "parameter")
STEPS = ("sign",)


@pytest.mark.parametrize("kind", [kind for kind in CASES if kind not in (*SELECTING, *FLAT_GRADIENT)])
def test_what_units_see_by_gradients(kind: str) -> None:
    pick = random.Random(kind)
    torch.manual_seed(0)
    for op, shapes in CASES[kind]:
        if getattr(op, "function", None) in STEPS:
            continue
        output = op.output_shape(*shapes)
        sights = op.windows(*shapes)
        if all(isinstance(sight, Reach) and sight is not WHOLE for sight in sights):
            continue
        module = build_op(op, Site(op, shapes, output)).double().eval()
        for parameter in module.parameters():
            nn.init.uniform_(parameter, 0.5, 1.5)
        for _ in range(3):
            unit = tuple(pick.randrange(n) for n in output[1:])
            inputs = [(torch.rand(1, *shape, dtype=torch.float64) * 0.5 + 0.2).requires_grad_() for shape in shapes]
            y = module(*inputs)[(0, slice(None), *unit)]
            (y * torch.rand_like(y)).sum().backward()
            for x, shape, sight in zip(inputs, shapes, sights, strict=True):
                if isinstance(sight, Reach) and sight is not WHOLE:
                    continue
                touched = {tuple(place) for place in (x.grad[0] != 0).reshape(shape).any(0).nonzero().tolist()}
                if sight is WHOLE:
                    expected = set(itertools.product(*map(range, shape[1:])))
                else:
                    rows = zip(sight, unit, shape[1:], output[1:], strict=True)
                    expected = set(itertools.product(*(seen_along(*row) for row in rows)))
                assert touched == expected, f"{op} on {shapes}, unit {unit}"


@pytest.mark.parametrize("kind", [ops.Mean, ops.Sum, ops.Max])
def test_reductions_that_leave_the_channels_see_all(kind: Any) -> None:
    for shape in SPATIAL:
        everywhere = tuple(range(1, len(shape)))
        assert kind(everywhere).windows(shape) == kind(everywhere[::-1]).windows(shape) == (WHOLE,)
        for axes in ((0,), everywhere[1:], everywhere[:-1]):
            if axes:
                assert kind(axes).windows(shape) == (UNKNOWN,)


# Modules against slow arithmetic


def module_of(op: Op, *shapes: Shape) -> Any:
    torch.manual_seed(0)
    return build_op(op, Site(op, shapes, op.output_shape(*shapes))).eval()


@torch.no_grad()
def test_multihead_attention_is_pytorchs() -> None:
    mine, theirs = module_of(ops.MultiheadAttention(4), (7, 12)), nn.MultiheadAttention(12, 4, batch_first=True)
    theirs.in_proj_weight.copy_(mine.qkv.weight)
    theirs.in_proj_bias.copy_(mine.qkv.bias)
    theirs.out_proj.load_state_dict(mine.proj.state_dict())
    x = torch.randn(3, 7, 12)
    assert torch.allclose(mine(x), theirs.eval()(x, x, x)[0], atol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dv", [3, 5])
@torch.no_grad()
def test_grouped_attention_by_hand(causal: bool, dv: int) -> None:
    """Values of as many features as keys run in one step, others step by step."""
    op = ops.Attention(4, kv_heads=2, causal=causal)
    shapes = (6, 12), (6, 6), (6, 2 * dv)
    q, k, v = (torch.randn(1, *shape) for shape in shapes)
    y = module_of(op, *shapes)(q, k, v)
    for head, i in itertools.product(range(4), range(6)):
        query, shared = q[0, i, head * 3 : head * 3 + 3], head // 2
        seen = i + 1 if causal else 6
        keys, values = k[0, :seen, shared * 3 : shared * 3 + 3], v[0, :seen, shared * dv : shared * dv + dv]
        expected = (keys @ query / 3**0.5).softmax(0) @ values
        assert torch.allclose(y[0, i, head * dv : head * dv + dv], expected, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"shift": 1},
        {"shift": (2, 0)},
        {"grid": True},
        {"window": (3, 2)},
        {"window": (3, 2), "relative": "distance"},
    ],
)
@torch.no_grad()
def test_window_attention_by_hand(options: dict[str, Any]) -> None:
    """Position by position: those in one window, or at even distances, attend to each other."""
    height, width = 6, 6
    op = ops.WindowAttention(2, **{"window": 3, **options})
    module = module_of(op, (4, height, width))
    nn.init.normal_(module.offsets)
    (high, wide), (down, across) = op.window_sizes(), op.shifts((4, height, width))
    x = torch.randn(1, 4, height, width)
    y = module(x)[0]
    tokens = {place: x[0][:, place[0], place[1]] for place in itertools.product(range(height), range(width))}
    qkv = {place: module.qkv(token).view(3, 2, 2) for place, token in tokens.items()}
    rows, columns = height // high, width // wide

    def lies(place: tuple[int, int]) -> tuple[Any, tuple[int, int]]:
        """The window of a position, and its place in it. Shifted, what comes from two sides is apart."""
        if op.grid:
            return (place[0] % rows, place[1] % columns), (place[0] // rows, place[1] // columns)
        i, j = (place[0] - down) % height, (place[1] - across) % width
        apart = (place[0] < down, place[1] < across)
        return (i // high, j // wide, apart), (i % high, j % wide)

    for place in tokens:
        window, mine = lies(place)
        others = [other for other in tokens if lies(other)[0] == window]
        heads = []
        for head in range(2):
            scores = []
            for other in others:
                theirs = lies(other)[1]
                apart = mine[0] - theirs[0], mine[1] - theirs[1]
                index = (apart[0] + high - 1) * (2 * wide - 1) + apart[1] + wide - 1
                if op.relative == "distance":
                    index = abs(apart[0]) * wide + abs(apart[1])
                scores.append(qkv[place][0, head] @ qkv[other][1, head] / 2**0.5 + module.offsets[index, head])
            weights = torch.stack(scores).softmax(0)
            heads.append(sum(w * qkv[other][2, head] for w, other in zip(weights, others, strict=True)))
        assert torch.allclose(y[:, place[0], place[1]], module.proj(torch.cat(heads)), atol=1e-5)


@torch.no_grad()
def test_deformable_convolution_moves_what_it_reads() -> None:
    """Offsets of whole positions read what a shifted image has there; a mask of ones changes nothing; half-way lies the
    mean."""
    op = ops.DeformableConv(3, kernel=3, padding=1, stride=2)
    shapes = (2, 8, 8), (18, 4, 4), (9, 4, 4)
    module = module_of(op, *shapes)
    x = torch.randn(1, 2, 8, 8)
    offsets = torch.zeros(1, 18, 4, 4)
    conv = lambda x: F.conv2d(x, module.weight, module.bias, stride=2, padding=1)  # noqa: E731
    assert torch.allclose(module(x, offsets), conv(x), atol=1e-5)
    assert torch.allclose(module(x, offsets, torch.ones(1, 9, 4, 4)), conv(x), atol=1e-5)
    offsets[:, 0::2] = 1
    down = F.pad(x[:, :, 1:], (0, 0, 0, 1))
    inside = (slice(None), slice(None), slice(1, 3), slice(1, 3))
    assert torch.allclose(module(x, offsets)[inside], conv(down)[inside], atol=1e-5)
    offsets[:, 0::2], offsets[:, 1::2] = 0, 0.5
    right = F.pad(x[:, :, :, 1:], (0, 1))
    assert torch.allclose(module(x, offsets)[inside], conv((x + right) / 2)[inside], atol=1e-5)


def test_deformable_convolution_has_the_gradients_of_its_arithmetic() -> None:
    op = ops.DeformableConv(2, kernel=2)
    shapes = (2, 4, 4), (8, 3, 3), (4, 3, 3)
    module = module_of(op, *shapes).double()
    inputs = [torch.rand(1, *shape, dtype=torch.float64).mul(0.4).add(0.1).requires_grad_() for shape in shapes]
    assert torch.autograd.gradcheck(module, inputs)
    y = module(*inputs)
    y.sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


@torch.no_grad()
def test_roi_align_of_a_ramp_is_the_middle_of_each_bin() -> None:
    """On a plane every mean is the value at the bin's middle."""
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(20.0), indexing="ij")
    x = torch.stack([rows, columns])[None]
    box = torch.tensor([[[4.0, 6.0, 24.0, 22.0]]])  # left, top, right, bottom
    for aligned in (False, True):
        y = module_of(ops.RoIAlign((4, 5), spatial_scale=0.5, aligned=aligned), (2, 16, 20), (1, 4))(x, box)[0, 0]
        shift = 0.5 if aligned else 0
        assert torch.allclose(y[0, :, 0], torch.tensor([3 + 2 * (i + 0.5) - shift for i in range(4)]))
        assert torch.allclose(y[1, 0], torch.tensor([2 + 2 * (j + 0.5) - shift for j in range(5)]))


@torch.no_grad()
def test_recurrent_layers_give_the_hidden_features_of_each_step() -> None:
    module = module_of(ops.GRU(4, bidirectional=True), (5, 3))
    x = torch.randn(2, 5, 3)
    assert torch.equal(module(x), module.cells(x)[0])


# Bounds and messages


def test_opaque_counts_are_those_given_or_unknown() -> None:
    graph = graph_of(ops.Opaque((2, 3), params=7, macs=12), (IMAGE, (4,)), learnt=False)
    from cnncalc.costs.analysis import Costs

    costs = Costs(graph)
    assert (graph["op"].output, costs.params, costs.macs) == ((2, 3), 7, 12)
    assert isinstance(costs.flops, AtLeast)
    with pytest.raises(RequestError, match="cannot be built"):
        build(graph)


REFUSED = [
    (ops.Permute((0, 2)), (IMAGE,), "lists each axis once"),
    (ops.Permute((0, 0, 1)), (IMAGE,), "lists each axis once"),
    (ops.Reshape((7, -1)), (IMAGE,), "keeps the number of elements"),
    (ops.Reshape((-1, -1)), (IMAGE,), "1 to 6 sizes"),
    (ops.Reshape((0, 3)), (IMAGE,), "1 to 6 sizes"),
    (ops.PixelShuffle(3), (IMAGE,), "divide the channels"),
    (ops.PixelUnshuffle(2), (IMAGE,), "divide height and width"),
    (ops.PixelShuffle(2), ((4, 6),), "images"),
    (ops.Slice((0, 9), axis=1), (IMAGE,), "within the axis"),
    (ops.Slice((0, 1), axis=3), (IMAGE,), "no axis 3"),
    (ops.Pad(6, mode="reflect"), (IMAGE,), "larger than what it repeats"),
    (ops.Pad(-1, mode="circular"), (IMAGE,), "does not crop"),
    (ops.Upsample(2, mode="cubic"), ((4, 6),), "images"),
    (ops.Mean(3), (IMAGE,), "no axis 3"),
    (ops.Mean((0, 1, 2)), (IMAGE,), "leaves no axis"),
    (ops.Sum((1, 1)), (IMAGE,), "each axis once"),
    (ops.Max(()), (IMAGE,), "each axis once"),
    (ops.Softmax(axis=3), (IMAGE,), "no axis 3"),
    (ops.Linear(3), (IMAGE,), "needs a flat input"),
    (ops.InstanceNorm(), ((4, 1, 1),), "more than one position"),
    (ops.HardTanh(2, 1), (IMAGE,), "low to high"),
    (ops.Embedding(4, count=9), (IMAGE,), "list of numbers"),
    (ops.ClassToken(), (IMAGE,), "needs a sequence"),
    (ops.Add(), (IMAGE, (4, 6)), "do not meet"),
    (ops.Add(), (IMAGE, (2, 6, 5)), "do not meet"),
    (ops.Concat(axis=1), (IMAGE, (3, 6, 5)), "do not meet"),
    (ops.Stack(), (IMAGE, (3, 6, 5)), "do not meet"),
    (ops.MatMul(), ((4, 6), (4, 6)), "do not meet"),
    (ops.MatMul(), ((4,), (4,)), "do not meet"),
    (ops.Einsum("ab,cb->ac"), ((4, 5), (4, 6)), "'b' stands for two sizes"),
    (ops.Einsum("ab,cb->ac"), ((4, 5), (4,)), "a letter for each axis"),
    (ops.Attention(3), ((5, 8), (5, 8), (5, 8)), "divide the features"),
    (ops.Attention(2), ((5, 8), (5, 4), (5, 4)), "same features in a head"),
    (ops.Attention(2), ((5, 8), (5, 8), (6, 8)), "a value for each key"),
    (ops.Attention(4, kv_heads=3), ((5, 8), (5, 8), (5, 8)), "must divide heads"),
    (ops.MultiheadAttention(2), (IMAGE,), "needs a sequence"),
    (ops.WindowAttention(2), ((5, 8),), "images"),
    (ops.WindowAttention(2, window=3, shift=3), (IMAGE,), "smaller than the window"),
    (ops.WindowAttention(2, window=3, shift=1, grid=True), (IMAGE,), "not shifted"),
    (ops.LSTM(4), (IMAGE,), "needs a sequence"),
    (ops.DeformableConv(4, kernel=3), (IMAGE, (17, 4, 3)), "do not fit"),
    (ops.DeformableConv(4, kernel=3), (IMAGE,), "offsets"),
    (ops.DeformableConv(4, kernel=2, padding="same"), (IMAGE, (8, 6, 5)), "both sides alike"),
    (ops.RoIAlign(7), (IMAGE, (5, 3)), "boxes"),
]


@pytest.mark.parametrize(("op", "shapes", "message"), REFUSED)
def test_what_does_not_fit_is_refused(op: Op, shapes: tuple[Shape, ...], message: str) -> None:
    with pytest.raises(OpError, match=message):
        op.output_shape(*shapes)


@pytest.mark.parametrize(
    ("equation", "message"),
    [
        ("ab,bc", "is no equation"),
        ("...a,ab->b", "is no equation"),
        ("ab->ba", "is no equation"),
        ("aa,ab->b", "a letter twice"),
        ("ab,bc->ad", "no input has the 'd'"),
        ("ab,bc->a", "'c' is summed over, and one input alone"),
        ("ab,ab->", "is no equation"),
    ],
)
def test_an_equation_that_is_none(equation: str, message: str) -> None:
    with pytest.raises(OpError, match=message):
        ops.Einsum(equation)


@torch.no_grad()
def test_einsum_is_pytorchs() -> None:
    for op, shapes in CASES["einsum"]:
        first, second, output = ("Z" + part for part in op.equation.replace(" ", "").replace("->", ",").split(","))
        inputs = [torch.randn(3, *shape) for shape in shapes]
        found = module_of(op, *shapes)(*inputs)
        with FlopCounterMode(display=False) as counter:
            expected = torch.einsum(f"{first},{second}->{output}", *inputs)
        assert torch.allclose(found, expected, atol=1e-6), op
        assert counter.get_total_flops() == 2 * 3 * Site(op, shapes, op.output_shape(*shapes)).count("mac"), op


def test_sizes_may_be_arrays_of_many_variants() -> None:
    """Shapes and counts of many sizes at once are those of each."""
    numpy = pytest.importorskip("numpy")
    sizes = numpy.array([6, 12, 18])
    wrong, compared = [], set()
    for op, shapes in _cases():
        # The last size varies; with several inputs, where it is the same of all, or the sums' length (matmul).
        variants = [[(*shape[:-1], int(n)) for shape in shapes] for n in sizes]
        many = tuple((*shape[:-1], sizes) for shape in shapes)
        if op.kind == "matmul":
            variants = [[shapes[0], (*shapes[1][:-1], int(n))] for n in sizes]
            many = (shapes[0], (*shapes[1][:-1], sizes))
        try:
            expected = [op.output_shape(*variant) for variant in variants]
        except OpError:
            continue
        compared.add(op.kind)
        found = op.output_shape(*many)
        counts = {name: formula(**op.symbols(many, found), training=0) for name, formula in op.formulas().items()}
        for index, (variant, one) in enumerate(zip(variants, expected, strict=True)):
            if tuple(_pick(n, index) for n in found) != one:
                wrong.append(f"{op} on {many}: {found}, not {one}")
            values = {**op.symbols(tuple(variant), one), "training": 0}
            for name, formula in op.formulas().items():
                if _pick(counts[name], index) != int(formula(**values)):
                    wrong.append(f"{op} on {many}: {name}")
    assert not wrong
    assert set(CASES) - compared == {"roi_align"}  # whose boxes have 4 sides


def _pick(number: Any, index: int) -> int:
    """One of an array's numbers, or the number itself."""
    return int(number[index]) if getattr(number, "ndim", 0) else int(number)


def test_no_option_is_called_as_what_an_item_can_be() -> None:
    """`{power: 2, scale: 3}` would be two things."""
    reserved = {*ops.KINDS, "layers", "head", "name", "repeat", "when", "from"}
    for word, kind in ops.KINDS.items():
        assert not {name for name in kind.__struct_fields__ if name != kind.main} & reserved, word
