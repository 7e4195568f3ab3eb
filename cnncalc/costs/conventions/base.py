"""What the tables of all tools are made of: classes of counts, rules, and rules that several tools share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from cnncalc.formula import prod
from cnncalc.ops import activation, conv, linear, merge, norm, pool, shape
from cnncalc.ops.base import Op, Site
from cnncalc.ops.window import even

CLASSES: Mapping[str, str] = {
    "convolutions": "one for each multiply-accumulate of convolutions",
    "linear": "one for each multiply-accumulate of linear layers",
    "products": "one for each multiply-accumulate of the matrix products inside attention and bilinear pooling",
    "additions": "the additions of the multiply-accumulates once more: two operations for each",
    "missed": "layers that the tool does not know, though it counts their kind: subclasses, functions",
    "output size": "transposed convolutions counted as if each output saw the whole kernel",
    "bias": "biases: one addition for each output",
    "bias once": "biases: one for each parameter",
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
PRODUCTS = (pool.AttentionPool, pool.BilinearPool)


def macs(site: Site) -> dict[str, float]:
    """The multiply-accumulates, under what makes them."""
    if isinstance(site.op, CONVOLUTIONS):
        return {"convolutions": site.count("mac")}
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
    }
)
"""The kinds that the tools' sources were read for. Of any other kind a tool's count is unknown until it stands here."""


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
