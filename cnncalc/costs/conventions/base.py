"""What the tables of all tools are made of: classes of counts, rules, and rules that several tools share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from cnncalc.formula import prod
from cnncalc.ops import (
    activation,
    arithmetic,
    attention,
    conv,
    einsum,
    learnt,
    linear,
    merge,
    norm,
    pool,
    rearrange,
    recurrent,
    sampling,
    shape,
)
from cnncalc.ops.attention import is_fused
from cnncalc.ops.base import Op, Site
from cnncalc.ops.window import even

CLASSES: Mapping[str, str] = {
    "convolutions": "one for each multiply-accumulate of convolutions",
    "linear": "one for each multiply-accumulate of linear layers",
    "recurrent": "one for each multiply-accumulate of recurrent layers",
    "products": "one for each multiply-accumulate of the matrix products inside attention and bilinear pooling",
    "additions": "the additions of the multiply-accumulates once more: two operations for each",
    "missed": "layers that the tool does not know, though it counts their kind: subclasses, functions",
    "output size": "transposed convolutions counted as if each output saw the whole kernel",
    "positions": "linear layers on sequences counted at one position alone",
    "bias": "biases: one addition for each output",
    "bias once": "biases: one for each parameter",
    "gates": "the gates of recurrent layers, element by element",
    "normalisation": "normalisation layers, element by element",
    "parameters": "one for each parameter of normalisation and scaling layers",
    "activation": "activations and softmax, element by element",
    "pooling": "poolings",
    "upsampling": "upsampling, by the elements of its output",
    "twice": "what a module and the function that it calls both count",
}
"""What a count is made of, in words."""


class Each(NamedTuple):
    """A count of so much for each of some elements of a sample, where the tool multiplies the two in floating point and
    then cuts."""

    rate: float
    elements: int


Counts: TypeAlias = Mapping[str, float | Each]


Rule: TypeAlias = Callable[[Site], Counts]
"""What a tool counts of an op where it stands, for one sample, by class."""

Rules: TypeAlias = Mapping[type[Op], Rule]


@dataclass(frozen=True, slots=True)
class Convention:
    """A way to count: what it is called, what its number is, and what it counts of each kind of op.

    `rules` say what is counted; of the kinds in `nothing` nothing is. Of any other op the count is unknown, unless
    its class says it (`Op.tools`). `reasons` tell why a class is counted, or what is wrong with it.
    """

    name: str
    meaning: str
    rules: Rules
    nothing: frozenset[type[Op]] = frozenset()
    reasons: Mapping[str, str] = field(default_factory=dict)
    per_image: bool = False  # the tool runs one image, whatever the batch


CONVOLUTIONS = (conv.Conv, conv.Depthwise, conv.Separable, conv.ConvTranspose)
PRODUCTS: tuple[type[Op], ...] = (
    pool.AttentionPool,
    pool.BilinearPool,
    merge.MatMul,
    einsum.Einsum,
    *attention.KINDS,
    *recurrent.KINDS,
    sampling.DeformableConv,
)


PROJECTED = (attention.MultiheadAttention, attention.WindowAttention)


def tokens(site: Site) -> int:
    """The tokens of an attention with projections."""
    windows, each, _ = site.op.tokens(site.inputs[0])
    return int(windows * each)


def projected(site: Site) -> int:
    """The multiply-accumulates of its projections."""
    return tokens(site) * site.count("weights")


def projection_biases(site: Site) -> int:
    """The additions of its projections' biases."""
    sizes = site.symbols
    return tokens(site) * int(sizes["qkv"] * sizes["bias"] + sizes["e"] * sizes["out_bias"])


def unseen_products(site: Site) -> dict[str, float]:
    """Multiply-accumulates of a tool that sees the projections of an attention, and not its products."""
    counts = macs(site)
    return {**counts, "missed": -counts["products"]}


def seen_step_by_step(site: Site) -> dict[str, float]:
    """Multiply-accumulates of a tool that does not know an attention that PyTorch runs in one step."""
    sizes = site.symbols
    fused = site.op.fused(sizes["c"]) if isinstance(site.op, PROJECTED) else is_fused(sizes["d"], sizes["dv"])
    return unseen_products(site) if fused else macs(site)


def macs(site: Site) -> dict[str, float]:
    """The multiply-accumulates, under what makes them."""
    if isinstance(site.op, recurrent.KINDS):
        return {"recurrent": site.count("mac")}
    if isinstance(site.op, (*CONVOLUTIONS, sampling.DeformableConv)):
        return {"convolutions": site.count("mac")}
    if isinstance(site.op, PROJECTED):
        return {"linear": projected(site), "products": site.count("mac") - projected(site)}
    return {"linear" if isinstance(site.op, linear.Linear) else "products": site.count("mac")}


def uneven(site: Site) -> bool:
    """Whether a convolution is padded unevenly, which makes it a subclass of PyTorch's."""
    return not even(site.op.slides(site.inputs[0]))


def per_element(name: str, times: int = 1, of: str = "y") -> Rule:
    """So many for each element of the output (y) or the input (x)."""
    return lambda site: {name: times * getattr(site, of)}


def affine(name: str, learnt: int, plain: int) -> Rule:
    """So many for each element, by whether scale and shift are learnt."""
    return lambda site: {name: (learnt if site.op.affine else plain) * site.y}


def only_2d(rule: Rule) -> Rule:
    """Counted for images alone, not in one or three dimensions."""
    return lambda site: rule(site) if site.dimensions == 2 else {}


READ_FOR: frozenset[type[Op]] = frozenset(
    {
        conv.Conv,
        conv.ConvTranspose,
        conv.Depthwise,
        conv.Separable,
        pool.MaxPool,
        pool.AvgPool,
        pool.LPPool,
        pool.StochasticPool,
        pool.AdaptiveAvgPool,
        pool.AdaptiveMaxPool,
        pool.GlobalAvgPool,
        pool.GlobalMaxPool,
        pool.AttentionPool,
        pool.BilinearPool,
        linear.Linear,
        norm.BatchNorm,
        norm.LayerNorm,
        norm.GroupNorm,
        norm.LRN,
        norm.L2Norm,
        norm.RMSNorm,
        norm.InstanceNorm,
        activation.ReLU,
        activation.ReLU6,
        activation.LeakyReLU,
        activation.PReLU,
        activation.Sigmoid,
        activation.Tanh,
        activation.SiLU,
        activation.GELU,
        activation.HardSwish,
        activation.HardSigmoid,
        activation.ELU,
        activation.SELU,
        activation.CELU,
        activation.Mish,
        activation.Softplus,
        activation.Softsign,
        activation.HardTanh,
        activation.Softmax,
        activation.LogSoftmax,
        activation.Dropout,
        merge.Add,
        merge.Concat,
        merge.Multiply,
        shape.Flatten,
        shape.Pad,
        shape.Slice,
        shape.ChannelShuffle,
        shape.Upsample,
        shape.Identity,
        shape.Scale,
        merge.Subtract,
        merge.Divide,
        merge.Maximum,
        merge.Minimum,
        merge.Stack,
        merge.MatMul,
        einsum.Einsum,
        *rearrange.KINDS,
        *arithmetic.KINDS,
        *learnt.KINDS,
        *attention.KINDS,
        *recurrent.KINDS,
        *sampling.KINDS,
    }
)
"""The kinds that the tools' sources were read for. Of any other kind a tool's count is unknown until it stands here."""


def unseen(site: Site) -> dict[str, float]:
    """Of a tool that does not know this kind of product."""
    return {**macs(site), "missed": -site.count("mac")}


def cells(site: Site) -> int:
    """The hidden features that a recurrent layer works out, of all layers, directions and steps."""
    op = site.op
    return int(site.inputs[0][0] * op.depth * op.directions * op.hidden)


def recurrent_by_gates(lstm: int, gru: int) -> Rule:
    """The products of a recurrent layer, two biases a gate, and so many operations for each hidden feature."""

    def rule(site: Site) -> Counts:
        gates = lstm if isinstance(site.op, recurrent.LSTM) else gru
        biases = 2 * site.op.gates * cells(site) * site.op.bias
        return {**macs(site), "bias": biases, "gates": gates * cells(site)}

    return rule


def rest(rules: Rules) -> frozenset[type[Op]]:
    """The kinds of which a tool with these rules counts nothing."""
    return READ_FOR - frozenset(rules)


def modules_macs(site: Site) -> dict[str, float]:
    """Multiply-accumulates of a tool that finds modules by their exact class: it misses the subclasses that pad
    unevenly; of a separable convolution the depthwise half."""
    counts = macs(site)
    if isinstance(site.op, conv.ConvTranspose) or not uneven(site):
        return counts
    missed = site.count("mac")
    if isinstance(site.op, conv.Separable):
        k, sizes = site.symbols["k"], site.output[1:]
        missed = prod(k) * site.inputs[0][0] * site.op.multiplier * prod(sizes)
    return {**counts, "missed": -missed}
