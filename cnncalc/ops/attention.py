"""Attention (Vaswani et al. 2017): the bare product, multi-head with its projections, and in windows of an image.

Symbols: h heads, of d features in queries and keys and dv in values; t queries, s keys; c features of the tokens; qkv
features of all queries, keys and values, att = h * dv those attended to; e features of the tokens after the projection
back; n windows; bias and the like on or off.
A causal mask and the mask of shifted windows hide scores that are worked out all the same, and counted.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from cnncalc.errors import OpError
from cnncalc.formula import Formula, Switch, anywhere, ceil_div, prod
from cnncalc.ops.base import (
    HALF,
    OF_COPY,
    OF_INPUTS,
    OF_PARAMETERS,
    Casts,
    Costs,
    Extra,
    Op,
    Saved,
    Shape,
    Words,
    count,
    per_dimension,
    show,
)
from cnncalc.ops.sight import POINT, UNKNOWN, WHOLE, Sight
from cnncalc.ops.window import Natural, Positive, Sizes

# mypy: disable-error-code="no-untyped-def"

SINGLE = 4
"""Bytes of a number in single precision, in which PyTorch keeps the logarithms of attention's sums."""


@Formula
def product_macs(h, t, s, d, dv):
    """Each query with each key, then each score with each value, in each head."""
    return h * t * s * (d + dv)


@Formula
def scores(h, t, s):
    """One for each score: a query, a key, a head."""
    return h * t * s


@Formula
def scores_compares(h, t, s):
    """The largest score of each query."""
    return h * t * (s - 1)


@Formula
def scores_adds(h, t, s):
    """The subtraction of the largest score, and the sum of the exponentials."""
    return h * t * s + h * t * (s - 1)


def check_heads(heads: int, kv_heads: int | None) -> int:
    """The heads of keys and values, which those of the queries share out.

    Raises:
        OpError: they do not share them out evenly.
    """
    shared = heads if kv_heads is None else kv_heads
    if heads % shared:
        raise OpError(
            "kv_heads must divide heads",
            option="kv_heads",
            label=f"{count(heads, 'head')} share {shared}",
        )
    return shared


def share(features: int, heads: int, what: str) -> int:
    """The features of each head.

    Raises:
        OpError: the heads do not divide them.
    """
    if anywhere(features % heads != 0):
        raise OpError(
            f"the heads must divide the features of the {what}", label=f"{features} in {count(heads, 'head')}"
        )
    return features // heads


class Attention(Op, frozen=True):
    """Attention of three inputs, queries, keys and values: softmax(q * k / sqrt(d)) * v in each head, PyTorch's
    `scaled_dot_product_attention`. `factor` stands for another than 1 / sqrt(d). With `kv_heads` several heads share
    keys and values (grouped queries).

    Inputs [T, heads * d], [S, kv_heads * d] and [S, kv_heads * dv], output [T, heads * dv].

    >>> Attention(heads=8).output_shape((49, 256), (100, 256), (100, 512))
    (49, 512)
    """

    heads: Positive = 1
    kv_heads: Positive | None = None
    causal: bool = False
    factor: float | None = None

    kind: ClassVar[str] = "attention"
    casts: ClassVar[Casts | None] = HALF
    arity: ClassVar[int | None] = 3
    costs: ClassVar[Costs] = {
        "mac": product_macs,
        "mul": scores,
        "compare": scores_compares,
        "add": scores_adds,
        "exp": scores,
        "div": scores,
    }

    def output_shape(self, *inputs: Shape) -> Shape:
        q, k, v = inputs
        shared = check_heads(self.heads, self.kv_heads)
        if not len(q) == len(k) == len(v) == 2:
            shapes = ", ".join(map(show, inputs))
            raise OpError("attention needs sequences [T, C]", label=shapes, hint="reshape and permute make one")
        d = share(q[1], self.heads, "queries")
        if anywhere(share(k[1], shared, "keys") != d):
            label = f"{d} in a head of the queries, {k[1] // shared} of the keys"
            raise OpError("queries and keys must have the same features in a head", label=label)
        if anywhere(k[0] != v[0]):
            raise OpError("there is a value for each key", label=f"{k[0]} keys, {v[0]} values")
        return (q[0], self.heads * share(v[1], shared, "values"))

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        q, k, _ = inputs
        h = self.heads
        return {"h": h, "t": q[0], "s": k[0], "d": q[1] // h, "dv": output[1] // h, "elements": prod(output)}

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        scored: Sight = WHOLE if self.heads == 1 else UNKNOWN
        return scored, scored, (POINT,) if self.heads == check_heads(self.heads, self.kv_heads) else UNKNOWN

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        sizes = self.symbols(inputs, output)
        h, t, s, d, dv = (sizes[name] for name in ("h", "t", "s", "d", "dv"))
        if is_fused(d, dv):
            return Saved((0, 1, 2), output=True, extra=(Extra("logarithms of sums", h * t, SINGLE),))
        # Step by step, on copies in the order of the heads.
        q, k, _ = needed
        copies = (("queries", h * t * d, k), ("keys", h * s * d, q), ("values", h * s * dv, q or k))
        extra = [Extra(what, elements) for what, elements, kept in copies if kept]
        return Saved(extra=(*extra, Extra("weights", h * t * s)))


def is_fused(d: int, dv: int, relative: bool = False) -> bool:
    """Whether PyTorch runs an attention in one step, in which no score is stored: one without learnt biases, and with
    as many features in values as in keys."""
    return not relative and not anywhere(d != dv)


@Formula
def attention_params(c, qkv, att, e, h, offsets, bias, out_bias):
    """The projection to queries, keys and values, the one back, their biases, and those of relative positions."""
    return c * qkv + qkv * bias + att * e + e * out_bias + h * offsets


@Formula
def attention_weights(c, qkv, att, e):
    """The weights of the two projections."""
    return c * qkv + att * e


@Formula
def attention_macs(n, t, c, qkv, att, e, h, d, dv):
    """The projections of each token; and, in each head, each query with each key and each score with each value."""
    return n * t * (c * qkv + att * e) + n * h * t * t * (d + dv)


@Formula
def window_scores(n, h, t):
    """One for each score: a query, a key, a head, a window."""
    return n * h * t * t


@Formula
def window_compares(n, h, t):
    """The largest score of each query."""
    return n * h * t * (t - 1)


@Formula
def attention_adds(n, t, qkv, e, h, bias, out_bias, relative):
    """The projections' biases; in each softmax the subtraction of the largest and the sum; and the biases of relative
    positions, if learnt."""
    return n * t * qkv * bias + n * t * e * out_bias + n * h * t * t + n * h * t * (t - 1) + n * h * t * t * relative


class _SelfAttention(Op, frozen=True):
    """What the attentions with projections share. Tokens are projected to queries, keys and values in one step, and
    what is attended to back to the tokens' features."""

    heads: Positive
    head_size: Positive | None = None
    value_size: Positive | None = None
    kv_heads: Positive | None = None
    features: Positive | None = None
    bias: bool = True
    out_bias: bool = True

    main: ClassVar[str | None] = "heads"
    costs: ClassVar[Costs] = {
        "params": attention_params,
        "weights": attention_weights,
        "mac": attention_macs,
        "mul": window_scores,
        "compare": window_compares,
        "add": attention_adds,
        "exp": window_scores,
        "div": window_scores,
    }

    def tokens(self, x: Shape) -> tuple[int, int, int]:
        """Windows, tokens in each, and the features of a token."""
        raise TypeError(f"{type(self).__name__} does not say what its tokens are")

    def offsets(self) -> int:
        """Learnt biases of relative positions, in each head."""
        return 0

    def sizes(self, c: int) -> tuple[int, int, int]:
        """Heads of keys and values, features of a head in queries and keys, and in values."""
        shared = check_heads(self.heads, self.kv_heads)
        d = self.head_size or share(c, self.heads, "tokens")
        return shared, d, self.value_size or d

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        n, t, c = self.tokens(inputs[0])
        shared, d, dv = self.sizes(c)
        offsets = self.offsets()
        return {
            "n": n if anywhere(n != 1) else Switch(1),
            "t": t,
            "c": c,
            "e": self.features or c,
            "h": self.heads,
            "d": d,
            "dv": dv,
            "qkv": self.heads * d + shared * (d + dv),
            "att": self.heads * dv,
            "offsets": offsets or Switch(0),
            "relative": Switch(offsets > 0),
            "bias": Switch(self.bias),
            "out_bias": Switch(self.out_bias),
            "elements": prod(output),
        }

    def fused(self, c: int) -> bool:
        """Whether no score is stored."""
        _, d, dv = self.sizes(c)
        return is_fused(d, dv, self.offsets() > 0)

    def inner(self, *inputs: Shape) -> int:
        s = self.symbols(inputs, inputs[0])
        between: int = s["n"] * s["t"] * (s["qkv"] + s["att"])
        return between if self.fused(s["c"]) else between + s["n"] * s["h"] * s["t"] * s["t"]

    def attended(self, inputs: tuple[Shape, ...]) -> tuple[Extra, ...]:
        """What autograd saves of what lies between the projections, and of the projection back."""
        s = self.symbols(inputs, inputs[0])
        n, t, h = s["n"], s["t"], s["h"]
        back = Extra("attended", n * t * s["att"])
        if self.fused(s["c"]):
            return (
                Extra("queries, keys and values", n * t * s["qkv"]),
                Extra("logarithms of sums", n * h * t, SINGLE),
                back,
            )
        moved = h * n * t * (2 * s["d"] + s["dv"])
        # What is added to the scores is of the parameters' type, so that their softmax is.
        added = self.adds_to_scores(inputs[0])
        weights = (OF_PARAMETERS, OF_COPY) if added else (OF_INPUTS,)
        scored = [Extra("weights", n * h * t * t, itemsize) for itemsize in weights]
        return (Extra("queries, keys and values", moved), *scored, back)

    def adds_to_scores(self, x: Shape) -> bool:
        """Whether something of the parameters' type is added to the scores."""
        return False


class MultiheadAttention(_SelfAttention, frozen=True):
    """Multi-head self-attention with its projections, as in a transformer's block. `head_size` is the features of a
    head, the tokens' over the heads unless said; `value_size` those of its values. With `kv_heads` several heads share
    keys and values. `features` are those of the tokens that it gives, as many as before unless said. `bias` is that of
    queries, keys and values, `out_bias` that of the projection to the tokens.

    Input [T, C], output [T, features].

    >>> MultiheadAttention(12).output_shape((197, 768))
    (197, 768)
    """

    causal: bool = False

    kind: ClassVar[str] = "multihead_attention"
    casts: ClassVar[Casts | None] = HALF

    def tokens(self, x: Shape) -> tuple[int, int, int]:
        return 1, x[0], x[1]

    def output_shape(self, *inputs: Shape) -> Shape:
        x = inputs[0]
        if len(x) != 2:
            raise OpError(
                "multihead_attention needs a sequence [T, C]",
                label=f"the input here is {show(x)}",
                hint="reshape and permute make one of an image; window_attention takes the image itself",
            )
        self.sizes(x[1])
        return (x[0], self.features or x[1])

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return (WHOLE,)

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        s = self.symbols(inputs, output)
        back = s["att"] * s["e"]  # a product's weights are saved for the gradient of what they are multiplied with
        return Saved((0,), extra=self.attended(inputs), weights=None if needed[0] else back)


class WindowAttention(_SelfAttention, frozen=True):
    """Multi-head self-attention within windows of an image (Liu et al. 2021, Swin), with learnt biases of relative
    positions. The image is padded to whole windows. `shift` moves the windows on; where there is one window alone it
    does nothing. `grid` puts positions at even distances into a window, and not neighbours (MaxViT's grid attention).
    `relative: distance` learns a bias for how far apart two positions are in each dimension, in whichever direction
    (LeViT, EfficientFormer).

    Input [C, H, W], output [features, H, W].

    >>> WindowAttention(3, window=7).output_shape((96, 56, 56))
    (96, 56, 56)
    >>> WindowAttention(3, window=7, features=192).output_shape((96, 56, 56))
    (192, 56, 56)
    """

    window: Sizes = 7
    shift: Natural | tuple[Natural, ...] = 0
    grid: bool = False
    relative: bool | Literal["distance"] = True

    kind: ClassVar[str] = "window_attention"
    casts: ClassVar[Casts | None] = HALF
    words: ClassVar[Words] = {"relative": ("distance",)}

    def window_sizes(self) -> tuple[int, ...]:
        """Height and width of a window."""
        return per_dimension(self.window, 2, "window")

    def counts(self, x: Shape) -> tuple[int, ...]:
        """Windows in height and width."""
        return tuple(ceil_div(n, w) for n, w in zip(x[1:], self.window_sizes(), strict=True))

    def shifts(self, x: Shape) -> tuple[int, ...]:
        """By how much the windows are moved on in height and width."""
        shifts = per_dimension(self.shift, 2, "shift")
        return tuple(shift * (number > 1) for shift, number in zip(shifts, self.counts(x), strict=True))

    def padded(self, x: Shape) -> Shape:
        """The image padded to whole windows."""
        return (x[0], *(number * w for number, w in zip(self.counts(x), self.window_sizes(), strict=True)))

    def tokens(self, x: Shape) -> tuple[int, int, int]:
        return prod(self.counts(x)), prod(self.window_sizes()), x[0]

    def offsets(self) -> int:
        sizes = self.window_sizes()
        if self.relative == "distance":
            return int(prod(sizes))
        return int(prod([2 * w - 1 for w in sizes])) if self.relative else 0

    def output_shape(self, *inputs: Shape) -> Shape:
        x = inputs[0]
        if len(x) != 3:
            raise OpError(
                "window_attention works on images [C, H, W]",
                label=f"the input here is {show(x)}",
                hint="multihead_attention takes sequences [T, C]",
            )
        self.sizes(x[0])
        for shift, w in zip(per_dimension(self.shift, 2, "shift"), self.window_sizes(), strict=True):
            if shift >= w:
                label = f"{shift} of {w}"
                raise OpError("the shift is smaller than the window", option="shift", label=label)
        if self.grid and any(per_dimension(self.shift, 2, "shift")):
            raise OpError("a grid is not shifted", option="shift", hint="leave out shift or grid")
        return (self.features or x[0], *x[1:])

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return (UNKNOWN if anywhere(prod(self.counts(inputs[0])) != 1) else WHOLE,)

    def fused(self, c: int) -> bool:
        return False  # step by step, for the masks and biases

    def adds_to_scores(self, x: Shape) -> bool:
        return self.offsets() > 0 or any(anywhere(shift != 0) for shift in self.shifts(x))

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        n, t, c = self.tokens(inputs[0])
        s = self.symbols(inputs, output)
        windows = Extra("windows", n * t * c)
        return Saved(extra=(windows, *self.attended(inputs)), weights=None if needed[0] else s["att"] * s["e"])


KINDS: tuple[type[Op], ...] = (Attention, MultiheadAttention, WindowAttention)
