"""The modules that `build` makes: numbers against slow independent arithmetic, names, outputs, memory, training."""

from __future__ import annotations

import copy
import io
import itertools
import weakref

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from cnncalc import Builder, RequestError, load, load_text  # noqa: E402
from cnncalc.costs.memory import overwriting_nodes  # noqa: E402
from cnncalc.language.expand import expand  # noqa: E402
from cnncalc.ops import KINDS, Add, Concat, Conv, Linear, ReLU  # noqa: E402
from cnncalc.ops.base import Elementwise, Op, Saved, Site  # noqa: E402
from cnncalc.pytorch import register_builder  # noqa: E402
from cnncalc.pytorch.build import BUILDERS, build, build_op, example_inputs  # noqa: E402


def network(text: str, **options):
    return expand(load_text(text), **options)


def built(text: str, **options):
    torch.manual_seed(0)
    return build(network(text, **options)).eval()


def run(model, x):
    with torch.no_grad():
        return model(x)


def only(model):
    """The one layer of a module."""
    return next(iter(model.layers.values()))


def test_every_kind_has_a_builder():
    assert set(KINDS.values()) <= set(BUILDERS)


def test_names_read_like_the_spec():
    model = built(
        """
input: [3, 8, 8]
blocks:
  unit:
    vars: {width: }
    layers: [{conv: width, kernel: 3, padding: 1, name: conv}, {batchnorm: , name: bn}]
layers:
  - {unit: 4, repeat: 2, name: stage}
  - {separable: 5, kernel: 3, name: train}
"""
    )
    assert [name for name, _ in model.named_parameters()] == [
        "stage.1.conv.weight",
        "stage.1.conv.bias",
        "stage.1.bn.weight",
        "stage.1.bn.bias",
        "stage.2.conv.weight",
        "stage.2.conv.bias",
        "stage.2.bn.weight",
        "stage.2.bn.bias",
        "train.depthwise.weight",
        "train.pointwise.weight",
        "train.pointwise.bias",
    ]
    assert model.train() is model  # a layer called as a method of modules does not hide it


def windows_of(x, kernel, stride, before, sizes):
    """Every window of a [C, H, W] image, position by position; None stands for padding."""
    c, height, width = x.shape
    for channel, i, j in itertools.product(range(c), range(sizes[0]), range(sizes[1])):
        seen = []
        for u, v in itertools.product(range(kernel), range(kernel)):
            row, column = i * stride - before[0] + u, j * stride - before[1] + v
            inside = 0 <= row < height and 0 <= column < width
            seen.append(float(x[channel, row, column]) if inside else None)
        yield (channel, i, j), seen


@pytest.mark.parametrize("size", [(7, 8), (9, 6)])
@pytest.mark.parametrize(
    ("options", "before"),
    [
        ("kernel: 3, stride: 2, padding: [[0, 1], [1, 0]]", (0, 1)),
        ("kernel: 3, stride: 2, padding: [[1, 0], [0, 1]], ceil: true", (1, 0)),
        ("kernel: 2, stride: 3, ceil: true", (0, 0)),
    ],
)
def test_uneven_and_rounded_up_pools_see_their_windows(size, options, before):
    head, rest = options.split(",", 1)
    kernel, stride = int(head.split()[1]), int(rest.split(",")[0].split()[1])
    for kind, take in (("maxpool", max), ("avgpool", lambda seen: sum(seen) / len(seen))):
        model = built(f"{{input: [2, {size[0]}, {size[1]}], layers: [{{{kind}: {kernel},{rest}}}]}}")
        x = torch.randn(1, 2, *size)
        y = run(model, x)[0]
        for place, seen in windows_of(x[0], kernel, stride, before, y.shape[1:]):
            real = [value for value in seen if value is not None]
            assert float(y[place]) == pytest.approx(take(real), abs=1e-6)


@pytest.mark.parametrize(("n", "k", "s"), [(7, 3, 2), (8, 3, 2), (8, 2, 2), (5, 4, 1), (6, 5, 3), (4, 3, 5)])
def test_same_padding_is_tensorflows(n, k, s):
    """TensorFlow: ceil(n / s) outputs, the total padding shared out, the odd element at the end."""
    model = built(f"{{input: [1, {n}], layers: [{{conv: 1, kernel: {k}, stride: {s}, padding: same, bias: false}}]}}")
    x, weight = torch.randn(n), only(model).weight[0, 0].detach()
    outputs = -(-n // s)
    total = max((outputs - 1) * s + k - n, 0)
    padded = [0.0] * (total // 2) + x.tolist() + [0.0] * (total - total // 2)
    expected = [sum(float(weight[t]) * padded[i * s + t] for t in range(k)) for i in range(outputs)]
    assert run(model, x.view(1, 1, n)).flatten().tolist() == pytest.approx(expected, abs=1e-5)


def test_same_average_pool_leaves_padding_out():
    model = built("{input: [1, 3, 3], layers: [{avgpool: 3, stride: 1, padding: same}]}")
    assert torch.allclose(run(model, torch.ones(1, 1, 3, 3)), torch.ones(1, 1, 3, 3))


def test_sparse_connections_are_a_convolution_with_zeros():
    table = [[0, 1], [2], [1, 2], [0, 1, 2], [0]]
    model = built(f"{{input: [3, 6, 6], layers: [{{conv: 5, kernel: 3, connections: {table}, name: C3}}]}}")
    names = [name for name, _ in model.named_parameters()]
    assert names[:2] == ["C3.inputs1.weight", "C3.inputs1.bias"]
    assert sum(p.numel() for p in model.parameters()) == 9 * 9 + 5
    dense = torch.nn.Conv2d(3, 5, 3)
    taken = dict.fromkeys((1, 2, 3), 0)
    with torch.no_grad():
        dense.weight.zero_()
        for output, row in enumerate(table):
            part = getattr(only(model), f"inputs{len(row)}")
            index = taken[len(row)]
            taken[len(row)] += 1
            dense.weight[output, row] = part.weight[index]
            dense.bias[output] = part.bias[index]
    x = torch.randn(2, 3, 6, 6)
    assert torch.allclose(run(model, x), run(dense, x), atol=1e-6)


def test_lrn_is_the_papers():
    model = built("{input: [6, 2, 2], layers: [{lrn: 3, alpha: 0.1, beta: 0.5, k: 1.5}]}")
    x = torch.randn(1, 6, 2, 2)
    y = run(model, x)
    for c in range(6):
        squares = sum(x[0, n] ** 2 for n in range(max(c - 1, 0), min(c + 2, 6)))
        assert torch.allclose(y[0, c], x[0, c] / (1.5 + 0.1 * squares) ** 0.5, atol=1e-5)


def test_l2norm_makes_each_position_a_unit():
    x = torch.randn(2, 6, 3, 4)
    y = run(built("{input: [6, 3, 4], layers: [l2norm]}"), x)
    assert torch.allclose(y.square().sum(1), torch.ones(2, 3, 4), atol=1e-5)
    assert torch.allclose(y[0, :, 1, 2], x[0, :, 1, 2] / x[0, :, 1, 2].norm(), atol=1e-6)


def test_stochastic_pool_weighs_and_draws():
    model = built("{input: [1, 2, 2], layers: [{stochastic_pool: 2}]}")
    x = torch.tensor([[[[1.0, 2.0], [0.0, 1.0]]]])
    assert run(model, x).item() == pytest.approx((1 + 4 + 0 + 1) / 4)
    drawn = [run(model.train(), x).item() for _ in range(200)]
    assert set(drawn) == {1.0, 2.0}
    assert 0.3 < drawn.count(2.0) / 200 < 0.7
    assert run(model.eval(), torch.zeros(1, 1, 2, 2)).item() == 0


def test_attention_and_bilinear_pools():
    x = torch.randn(2, 3, 4, 5)
    attention = built("{input: [3, 4, 5], layers: [attention_pool]}")
    score = only(attention).score
    weights = (torch.einsum("nchw,c->nhw", x, score.weight[0, :, 0]) + score.bias).flatten(1).softmax(1)
    expected = torch.einsum("ncp,np->nc", x.flatten(2), weights)
    assert torch.allclose(run(attention, x).flatten(1), expected, atol=1e-6)
    assert sum(p.numel() for p in attention.parameters()) == 4
    bilinear = built("{input: [3, 4, 5], layers: [bilinear_pool]}")
    assert torch.allclose(run(bilinear, x), torch.einsum("nchw,ndhw->ncd", x, x).flatten(1), atol=1e-5)


def test_layer_norm_over_channels_and_all():
    x = torch.randn(2, 4, 3, 3)
    channels = run(built("{input: [4, 3, 3], layers: [layernorm]}"), x)
    assert torch.allclose(channels.mean(1), torch.zeros(2, 3, 3), atol=1e-5)
    everything = run(built("{input: [4, 3, 3], layers: [{layernorm: , over: all}]}"), x)
    assert torch.allclose(everything.flatten(1).mean(1), torch.zeros(2), atol=1e-5)


def test_channel_shuffle_and_pad_of_channels():
    x = torch.arange(6.0).view(1, 6)
    assert run(built("{input: [6], layers: [{channel_shuffle: 2}]}"), x).tolist() == [[0, 3, 1, 4, 2, 5]]
    padded = run(built("{input: [2, 3], layers: [{pad: 0, channels: [1, 2]}]}"), torch.ones(1, 2, 3))
    assert padded[0, :, 0].tolist() == [0, 1, 1, 0, 0]


HEADS = """
input: [2, 4, 4]
layers:
  - {conv: 3, kernel: 1, name: stem}
  - {head: early, when: training, layers: [global_avgpool, flatten, {linear: 5, name: fc}]}
  - relu
"""


def test_heads_are_outputs_by_name():
    x = torch.randn(2, 2, 4, 4)
    assert run(built(HEADS), x).shape == (2, 3, 4, 4)
    outputs = run(built(HEADS, training=True), x)
    assert {name: tuple(y.shape) for name, y in outputs.items()} == {"output": (2, 3, 4, 4), "early": (2, 5)}


def test_tensors_are_let_go_after_their_last_use():
    model = built("{input: [1, 4], layers: [relu, sigmoid, tanh, {add: [[relu], []]}, silu]}")
    made, alive = [], []

    def note(module, inputs, output):
        made.append(weakref.ref(output))
        alive.append(sum(reference() is not None for reference in made))

    for module in model.layers.values():
        module.register_forward_hook(note)
    run(model, torch.randn(1, 1, 4))
    # relu, sigmoid and its input, tanh and its input, relu in the branch, add and both inputs, silu and its input
    assert alive == [1, 2, 2, 2, 3, 2]


def test_in_place_changes_memory_and_no_number():
    for name in ("vgg11", "resnet18", "mobilenet_v2", "densenet121"):
        spec = load(name)
        small = expand(spec, input=(3, 64, 64)) if name != "vgg11" else expand(spec)
        torch.manual_seed(0)
        plain = build(small)
        overwriting = build(small, inplace=True)
        overwriting.load_state_dict(plain.state_dict())
        assert overwriting_nodes(small)
        x = torch.randn(2, *small.input)
        plain.eval(), overwriting.eval()
        y = overwriting(x)
        assert torch.equal(y, plain(x))
        y.sum().backward()  # autograd refuses what was overwritten wrongly


def test_in_place_spares_what_others_read():
    conv = "{conv: 1, kernel: 1}"
    text = f"{{input: [1, 4], layers: [{conv}, {{add: [[relu], []]}}, flatten, relu, {{head: h, layers: []}}, silu]}}"
    assert not overwriting_nodes(network(text))


def test_it_copies_saves_and_compiles():
    model = built("{input: [3, 8, 8], layers: [{conv: 4, kernel: 3, padding: same, stride: 2}, relu]}")
    x = torch.randn(1, 3, 8, 8)
    expected = run(model, x)
    assert torch.equal(run(copy.deepcopy(model), x), expected)
    stream = io.BytesIO()
    torch.save(model, stream)
    stream.seek(0)
    assert torch.equal(run(torch.load(stream, weights_only=False), x), expected)
    assert torch.allclose(run(torch.compile(model, backend="eager"), x), expected)


def test_another_input_size_is_refused():
    with pytest.raises(ValueError, match="built for an input of 3x8x8, not 3x9x9"):
        built("{input: [3, 8, 8], layers: [relu]}")(torch.randn(1, 3, 9, 9))


def test_four_dimensions_are_refused_clearly():
    with pytest.raises(RequestError, match="PyTorch has no Conv3d for 4 spatial dimensions"):
        built("{input: [1, 4, 4, 4, 4], layers: [{conv: 2, kernel: 3}]}")


# Several inputs and outputs, and ops of one's own


def two_inputs():
    builder = Builder("siamese")
    left, right = builder.input(2, 8, 8, name="left"), builder.input(3, 8, 8, name="right")
    joined = builder.add(Concat(), left, builder.add(ReLU(), right), name="joined")
    return builder.network({"sum": builder.add(Conv(4, kernel=3), joined, name="conv"), "joined": joined})


def test_several_inputs_and_named_outputs():
    model = build(two_inputs()).eval()
    assert list(model.layers) == ["relu1", "joined", "conv"]
    left, right = example_inputs(two_inputs(), 5)
    outputs = run(lambda pair: model(*pair), (left, right))
    assert {name: tuple(y.shape) for name, y in outputs.items()} == {"sum": (5, 4, 6, 6), "joined": (5, 5, 8, 8)}
    assert torch.equal(outputs["joined"], torch.cat([left, right.clamp(min=0)], 1))


def test_inputs_that_are_not_the_networks():
    model = build(two_inputs())
    with pytest.raises(ValueError, match=r"2 inputs \(left, right\), not 1"):
        model(torch.randn(1, 2, 8, 8))
    with pytest.raises(ValueError, match="an input 'right' of 3x8x8, not 2x8x8"):
        model(torch.randn(1, 2, 8, 8), torch.randn(1, 2, 8, 8))


def test_an_input_that_is_an_output_and_one_that_nobody_reads():
    builder = Builder()
    x, _ = builder.input(2, 4), builder.input(3, name="unread")
    assert torch.equal(build(builder.network(x))(torch.ones(1, 2, 4), torch.ones(1, 3)), torch.ones(1, 2, 4))


def test_a_layer_and_a_group_cannot_share_a_name():
    for inside_first in (True, False):
        builder = Builder()
        y = builder.input(2, 4)
        for inside in (inside_first, not inside_first):
            if inside:
                with builder.scope("block"):
                    y = builder.add(ReLU(), y)
            else:
                y = builder.add(ReLU(), y, name="block")
        with pytest.raises(RequestError, match="cannot share a name"):
            build(builder.network(y))


class Twice(Elementwise, frozen=True):
    kind = "twice"
    costs = {"mul": lambda elements: elements}
    saves = Saved()
    in_place = "output"


class TwiceModule(nn.Module):
    inplace = False

    def forward(self, x):
        return x.mul_(2) if self.inplace else 2 * x


class NoBuilder(Op, frozen=True):
    kind = "no_builder"

    def output_shape(self, *inputs):
        return inputs[0]


def test_an_op_of_ones_own(monkeypatch):
    monkeypatch.delitem(BUILDERS, Twice, raising=False)
    builder = Builder()
    y = builder.add(Linear(3), builder.input(4), name="fc")
    graph = builder.network(builder.add(Twice(), y, name="twice"))
    with pytest.raises(
        RequestError, match=r"nothing says how 'twice' is built.*\n.*register_builder\(Twice, function\)"
    ):
        build(graph)
    monkeypatch.setitem(BUILDERS, Twice, None)  # so that it is taken out again
    register_builder(Twice, lambda op, site: TwiceModule())
    for inplace in (False, True):
        model = build(graph, inplace=inplace)
        assert model.layers["twice"].inplace is inplace
        x = torch.randn(2, 4)
        assert torch.equal(model(x), 2 * model.layers["fc"](x))
    register_builder(Twice, lambda op, site: lambda x: x)
    with pytest.raises(RequestError, match=r"gives no torch\.nn\.Module"):
        build(graph)
    register_builder(Twice, lambda op, site: nn.Identity())
    with pytest.raises(RequestError, match="no attribute 'inplace'"):
        build(graph, inplace=True)


def test_an_op_that_says_nothing():
    op = NoBuilder()
    with pytest.raises(RequestError, match="nothing says how 'no_builder' is built"):
        build_op(op, Site(op, ((3, 4),), (3, 4)))


def test_a_copy_does_not_hold_the_graph():
    builder = Builder()
    y = builder.input(1, 4)
    for _ in range(3_000):
        y = builder.add(ReLU(), y)
    y = builder.add(Add(), y, builder.add(ReLU(), y))
    model = copy.deepcopy(build(builder.network(y)))
    assert len(model.layers) == 3_002
    assert next(iter(model.layers.values())) is model.get_submodule("relu1")
