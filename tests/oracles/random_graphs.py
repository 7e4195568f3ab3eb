"""Random small networks as graphs, dense in kinds: what one layer makes of a tensor's type, layout and memory is met
by every other kind.

Specs drawn at random (`random_networks`) test the language too; here a graph is grown node by node from any earlier
tensors, so that tensors are read more than once, merged with their like, and left unread.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from cnncalc import ops
from cnncalc.errors import OpError
from cnncalc.graph import Builder, Graph, Node
from cnncalc.ops.base import Op, Shape

LARGEST = 3000  # elements of a tensor

Rng = random.Random


def _sizes(rng: Rng, d: int, low: int, high: int) -> Any:
    return rng.randint(low, high) if rng.random() < 0.5 else tuple(rng.randint(low, high) for _ in range(d))


def _padding(rng: Rng, d: int, high: int) -> Any:
    return rng.choice(
        [
            0,
            "same",
            "valid",
            rng.randint(0, high),
            tuple((rng.randint(0, high), rng.randint(0, high)) for _ in range(d)),
        ]
    )


def _window(rng: Rng, d: int) -> dict[str, Any]:
    return {
        "kernel": _sizes(rng, d, 1, 3),
        "stride": _sizes(rng, d, 1, 3),
        "padding": _padding(rng, d, 2),
        "dilation": _sizes(rng, d, 1, 2),
        "bias": rng.random() < 0.5,
    }


def _pool(rng: Rng, d: int) -> dict[str, Any]:
    return {
        "kernel": _sizes(rng, d, 1, 4),
        "stride": rng.choice([None, _sizes(rng, d, 1, 3)]),
        "ceil": rng.random() < 0.5,
    }


def _divisor(rng: Rng, n: int) -> int:
    return rng.choice([k for k in range(1, n + 1) if n % k == 0])


def _conv(rng: Rng, x: Shape) -> Op:
    groups = _divisor(rng, x[0])
    return ops.Conv(groups * rng.randint(1, 3), groups=groups, **_window(rng, len(x) - 1))


def _sparse(rng: Rng, x: Shape) -> Op:
    table = tuple(tuple(rng.sample(range(x[0]), rng.randint(1, x[0]))) for _ in range(rng.randint(1, 4)))
    return ops.Conv(len(table), connections=table, **_window(rng, len(x) - 1))


def _slice(rng: Rng, x: Shape) -> Op:
    start = rng.randrange(x[0])
    return ops.Slice((start, rng.randint(start + 1, x[0])))


def _pad(rng: Rng, x: Shape) -> Op:
    pads = tuple((rng.randint(-1, 2), rng.randint(-1, 2)) for _ in x[1:])
    return ops.Pad(pads, channels=rng.choice([(0, 0), (0, 0), (1, 2)]))


def _lppool(rng: Rng, x: Shape) -> Op:
    return ops.LPPool(p=rng.choice([1.0, 2.0, 2.5]), **_pool(rng, len(x) - 1))


def _transposed(rng: Rng, x: Shape) -> Op:
    groups = _divisor(rng, x[0])
    return ops.ConvTranspose(
        groups * rng.randint(1, 2),
        kernel=_sizes(rng, len(x) - 1, 1, 3),
        stride=_sizes(rng, len(x) - 1, 1, 2),
        padding=rng.randint(0, 1),
        groups=groups,
    )


def _flip(rng: Rng) -> bool:
    return rng.random() < 0.5


SPATIAL: tuple[Callable[[Rng, Shape], Op], ...] = (
    _conv,
    _conv,
    _sparse,
    _transposed,
    lambda rng, x: ops.Depthwise(multiplier=rng.randint(1, 2), **_window(rng, len(x) - 1)),
    lambda rng, x: ops.Separable(rng.randint(1, 4), multiplier=rng.randint(1, 2), **_window(rng, len(x) - 1)),
    lambda rng, x: ops.MaxPool(
        padding=_padding(rng, len(x) - 1, 1), dilation=_sizes(rng, len(x) - 1, 1, 2), **_pool(rng, len(x) - 1)
    ),
    lambda rng, x: ops.AvgPool(
        padding=_padding(rng, len(x) - 1, 1), count_include_pad=_flip(rng), **_pool(rng, len(x) - 1)
    ),
    _lppool,
    lambda rng, x: ops.StochasticPool(**_pool(rng, len(x) - 1)),
    lambda rng, x: ops.AdaptiveAvgPool(_sizes(rng, len(x) - 1, 1, 4)),
    lambda rng, x: ops.AdaptiveMaxPool(_sizes(rng, len(x) - 1, 1, 4)),
    lambda rng, x: ops.GlobalAvgPool(),
    lambda rng, x: ops.GlobalMaxPool(),
    lambda rng, x: ops.AttentionPool(),
    lambda rng, x: ops.BilinearPool(),
    lambda rng, x: ops.LRN(rng.randint(1, 5)),
    lambda rng, x: ops.Upsample(_sizes(rng, len(x) - 1, 1, 2), mode=rng.choice(["nearest", "linear"])),
    _pad,
)
"""Ops for [C, *spatial]."""

ANYWHERE: tuple[Callable[[Rng, Shape], Op], ...] = (
    lambda rng, x: ops.BatchNorm(affine=_flip(rng)),
    lambda rng, x: ops.LayerNorm(affine=_flip(rng)),
    lambda rng, x: ops.LayerNorm(affine=_flip(rng), over=rng.choice(["channels", "all"])),
    lambda rng, x: ops.GroupNorm(_divisor(rng, x[0]), affine=_flip(rng)),
    lambda rng, x: ops.L2Norm(),
    lambda rng, x: rng.choice([ops.ReLU, ops.ReLU6, ops.LeakyReLU, ops.Sigmoid, ops.Tanh, ops.SiLU])(),
    lambda rng, x: rng.choice([ops.GELU, ops.HardSwish, ops.HardSigmoid, ops.Softmax, ops.LogSoftmax])(),
    lambda rng, x: ops.PReLU(per_channel=_flip(rng)),
    lambda rng, x: ops.Dropout(rng.choice([0.0, 0.3, 1.0])),
    lambda rng, x: ops.Scale(bias=_flip(rng)),
    lambda rng, x: ops.ChannelShuffle(_divisor(rng, x[0])),
    lambda rng, x: ops.Flatten(),
    lambda rng, x: ops.Identity(),
    _slice,
)
"""Ops for any shape."""

NEWER: tuple[Callable[[Rng, Shape], Op], ...] = (
    lambda rng, x: rng.choice([ops.ELU, ops.SELU, ops.CELU, ops.Mish, ops.Softplus, ops.Softsign, ops.HardTanh])(),
    lambda rng, x: ops.RMSNorm(affine=_flip(rng), over=rng.choice(["channels", "all", "last"])),
    lambda rng, x: ops.LayerNorm(affine=_flip(rng), over="last"),
    lambda rng, x: ops.InstanceNorm(affine=_flip(rng)),
    lambda rng, x: ops.Softmax(axis=rng.randrange(len(x))),
    lambda rng, x: ops.Apply(rng.choice(["abs", "cos", "neg", "sin", "square", "erf"])),
    lambda rng, x: ops.Power(rng.choice([1.0, 2.0]), factor=rng.choice([1.0, 0.5]), shift=rng.choice([0.0, 0.5])),
    lambda rng, x: rng.choice([ops.Mean, ops.Sum, ops.Max])(rng.randrange(len(x)), keep=True),
    lambda rng, x: ops.PositionEmbedding(),
    lambda rng, x: ops.Reshape((x[-1], -1) if len(x) == 1 else (-1, x[-1])),
    lambda rng, x: ops.Roll(rng.randint(-2, 2)),
    lambda rng, x: ops.Pad(1, mode=rng.choice(["reflect", "replicate", "circular"])),
    lambda rng, x: ops.PixelUnshuffle(rng.randint(1, 2)),
    lambda rng, x: ops.WindowAttention(
        _divisor(rng, x[0]), window=rng.randint(2, 3), shift=rng.randint(0, 1), relative=_flip(rng)
    ),
    lambda rng, x: ops.ClassToken(),
)
"""Kinds beyond convolutional networks."""


def random_op(rng: Rng, x: Shape) -> Op:
    """An op with random options that may fit a tensor."""
    if len(x) == 1:
        families: tuple[Any, ...] = (ANYWHERE, (lambda rng, x: ops.Linear(rng.randint(1, 9), bias=_flip(rng)),))
    else:
        families = (SPATIAL, SPATIAL, ANYWHERE, ANYWHERE, NEWER)
    return rng.choice(rng.choice(families))(rng, x)  # type: ignore[no-any-return]


OTHER_MERGES = (ops.Subtract, ops.Maximum, ops.Minimum)


def _merge(rng: Rng, builder: Builder, x: Node) -> Node:
    """A merge of a tensor with others like it, of any age."""
    like = [node for node in builder.nodes if node.output == x.output]
    spread = [node for node in builder.nodes if node.output == (x.output[0], *(1 for _ in x.output[1:]))]
    kind = rng.choice([ops.Add, ops.Add, ops.Multiply, ops.Multiply, ops.Concat, *OTHER_MERGES])
    others = like + (spread if kind not in (ops.Concat, ops.Stack) else [])
    number = 1 if kind.arity == 2 else rng.randint(0, 2)
    return builder.add(kind(), *[rng.choice(others) for _ in range(number)], x)


def random_graph(rng: Rng, most: int = 12) -> Graph:
    """A random network of some layers, in 1 to 3 dimensions, that is right."""
    d = rng.choice([1, 2, 2, 3])
    builder = Builder()
    node = builder.input(rng.randint(1, 6), *(rng.randint(1, 9 if d < 3 else 5) for _ in range(d)))
    if rng.random() < 0.7:  # so that a gradient flows from the start
        node = builder.add(ops.Conv(rng.randint(1, 6), kernel=1), node)
    for _ in range(rng.randint(1, most)):
        x = node if rng.random() < 0.7 else rng.choice(builder.nodes)
        try:
            made = _merge(rng, builder, x) if rng.random() < 0.15 else builder.add(random_op(rng, x.output), x)
        except OpError:
            continue
        elements = 1
        for size in made.output:
            elements *= size
        if elements > LARGEST:
            builder.nodes.pop()
            del builder.names[made.name]
            continue
        node = made
    if node.is_input:
        node = builder.add(ops.ReLU(), node)
    outputs = {"output": node}
    if rng.random() < 0.2:
        outputs["other"] = rng.choice(builder.nodes[1:])
    graph = builder.graph(outputs)
    return Graph(graph.name, graph.nodes, graph.outputs, training=True)


def told(graph: Graph) -> str:
    """A network in one line a node, for a message."""
    rows = [f"{node.name}({', '.join(x.name for x in node.inputs)}): {node.op}" for node in graph.nodes]
    return "\n".join([*rows, f"outputs: {', '.join(node.name for node in graph.outputs.values())}"])


def read_only(graph: Graph) -> Graph:
    """The network without what its first output does not depend on."""
    needed = {next(iter(graph.outputs.values()))}
    for node in reversed(graph.nodes):
        if node in needed:
            needed.update(node.inputs)
    builder = Builder()
    made: dict[Node, Node] = {}
    for node in graph.nodes:
        if node.is_input:
            made[node] = builder.input(*node.output)
        elif node in needed:
            made[node] = builder.add(node.op, *[made[source] for source in node.inputs], name=node.name)
    return builder.graph(made[next(iter(graph.outputs.values()))])
