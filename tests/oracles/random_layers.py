"""Random layers, and what PyTorch itself says of them.

`layers()` draws a kind, options as a spec would give them, and input shapes; one in some is meant to be
wrong. `ORACLE` gives those raw options to `torch.nn` directly, with none of the calculator's code, so that
the two can disagree. `check` compares them, and then the built module's parameters and MACs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from cnncalc.errors import OpError
from cnncalc.ops import KINDS
from cnncalc.ops.base import Site, cost_steps
from cnncalc.ops.options import make
from cnncalc.pytorch.build import build_op
from tests.oracles.one_op import counted_kernels

BATCH = 2

Shape = tuple[int, ...]
Options = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A layer to try: the word of its kind, its options, and the shapes of its inputs, without the batch."""

    kind: str
    options: Options
    inputs: tuple[Shape, ...]


class Refused(Exception):
    """PyTorch's layer does not take these options, though its function may not notice."""


# What is drawn


@st.composite
def shapes(draw: Any, flat: bool = False) -> Shape:
    """[C] if flat may be, or [C, *spatial] in one to three dimensions."""
    d = draw(st.integers(0 if flat else 1, 3))
    largest = 14 if d < 3 else 7
    return (draw(st.integers(1, 12)), *(draw(st.integers(1, largest)) for _ in range(d)))


@st.composite
def sizes(draw: Any, d: int, low: int, high: int) -> Any:
    """One number or one a dimension; now and then too small, or for too many dimensions."""
    form = draw(st.integers(0, 39))
    if form == 39:
        return draw(st.integers(low - 2, low - 1))
    if form == 38:
        return tuple(draw(st.integers(low, high)) for _ in range(d + 1))
    if form < 20 or d == 0:
        return draw(st.integers(low, high))
    return tuple(draw(st.integers(low, high)) for _ in range(d))


@st.composite
def paddings(draw: Any, d: int, high: int) -> Any:
    """Padding in any of its forms."""
    form = draw(st.integers(0, 9))
    if form == 0:
        return draw(st.sampled_from(["same", "valid"]))
    if form <= 2:
        return tuple((draw(st.integers(0, high)), draw(st.integers(0, high))) for _ in range(d))
    if form <= 4:
        return 0
    return draw(sizes(d, 0, high))


def _some(draw: Any, options: Options, **choices: Any) -> Options:
    """The options, and some of the choices."""
    return {**options, **{key: draw(value) for key, value in choices.items() if draw(st.booleans())}}


def _channels_and_groups(draw: Any, c_in: int) -> tuple[int, int]:
    """Output channels and groups; mostly groups that fit."""
    if draw(st.integers(0, 2)):
        return draw(st.integers(0 if draw(st.integers(0, 19)) == 0 else 1, 12)), 1
    fitting = [g for g in range(1, c_in + 1) if c_in % g == 0]
    groups = draw(st.sampled_from(fitting)) if draw(st.integers(0, 5)) else draw(st.integers(0, 5))
    outputs = groups * draw(st.integers(1, 3)) if draw(st.integers(0, 5)) else draw(st.integers(1, 12))
    return outputs, groups


def _window(draw: Any, d: int, options: Options, **more: Any) -> Options:
    return _some(
        draw,
        {**options, "kernel": draw(sizes(d, 1, 5))},
        stride=sizes(d, 1, 4),
        padding=paddings(d, 3),
        dilation=sizes(d, 1, 3),
        **more,
    )


def _conv(draw: Any, x: Shape) -> Options:
    outputs, groups = _channels_and_groups(draw, x[0])
    options = _window(draw, len(x) - 1, {"out_channels": outputs}, bias=st.booleans())
    if draw(st.integers(0, 5)) == 0 and outputs > 0:
        row = st.lists(st.integers(0, x[0] - 1), min_size=1, max_size=x[0], unique=True)
        return {**options, "connections": tuple(tuple(draw(row)) for _ in range(outputs))}
    return {**options, "groups": groups} if groups != 1 else options


def _conv_transpose(draw: Any, x: Shape) -> Options:
    d = len(x) - 1
    outputs, groups = _channels_and_groups(draw, x[0])
    return _some(
        draw,
        {"out_channels": outputs, "kernel": draw(sizes(d, 1, 5)), "groups": groups},
        stride=sizes(d, 1, 4),
        padding=sizes(d, 0, 2),
        output_padding=sizes(d, 0, 2),
        dilation=sizes(d, 1, 3),
        bias=st.booleans(),
    )


def _depthwise(draw: Any, x: Shape) -> Options:
    return _window(draw, len(x) - 1, {}, bias=st.booleans(), multiplier=st.integers(1, 3))


def _separable(draw: Any, x: Shape) -> Options:
    return {**_depthwise(draw, x), "out_channels": draw(st.integers(1, 8))}


def _pool(draw: Any, x: Shape, *, dilation: bool = False, padding: bool = True, **more: Any) -> Options:
    d = len(x) - 1
    choices: Options = {"stride": sizes(d, 1, 4), "ceil": st.booleans(), **more}
    if padding:
        choices["padding"] = paddings(d, 2)
    if dilation:
        choices["dilation"] = sizes(d, 1, 3)
    return _some(draw, {"kernel": draw(sizes(d, 1, 5))}, **choices)


def _upsample(draw: Any, x: Shape) -> Options:
    d = len(x) - 1
    target = {"factor": draw(sizes(d, 1, 3))} if draw(st.booleans()) else {"size": draw(sizes(d, 1, 12))}
    return _some(draw, target, mode=st.sampled_from(["nearest", "linear", "cubic"]), align_corners=st.booleans())


def _pad(draw: Any, x: Shape) -> Options:
    size = st.integers(-3, 3)
    d = len(x) - 1
    whole = draw(st.booleans())
    options: Options = {"padding": draw(size) if whole else tuple((draw(size), draw(size)) for _ in range(d))}
    return _some(
        draw,
        options,
        mode=st.sampled_from(["zero", "reflect", "replicate", "circular"]),
        value=st.sampled_from([0.0, -1.5]),
    )


def _slice(draw: Any, x: Shape) -> Options:
    axis = draw(st.integers(0, len(x)))
    n = x[axis] if axis < len(x) else 3
    options = _some(draw, {"channels": (draw(st.integers(0, n)), draw(st.integers(0, n)))}, step=st.integers(1, 3))
    return {**options, "axis": axis} if axis else options


def _groups(draw: Any, x: Shape) -> Options:
    return {"groups": draw(st.integers(0, 6))}


_OVER = st.sampled_from(["channels", "last", "all"])


def _permute(draw: Any, x: Shape) -> Options:
    order = draw(st.permutations(range(len(x))))
    return {"order": tuple(order) if draw(st.integers(0, 9)) else tuple(order[:-1] or [0, 1])}


def _reshape(draw: Any, x: Shape) -> Options:
    elements = 1
    for n in x:
        elements *= n
    first = draw(st.sampled_from([n for n in range(1, elements + 1) if elements % n == 0]))
    right = ((first, elements // first), (first, -1), (-1,), (elements,), (elements // first, first, 1))
    return {"shape": draw(st.sampled_from([*right, *right, (first + 1, -1), (-1, -1), (0, 3), (first + 1, first)]))}


def _reduction(draw: Any, x: Shape) -> Options:
    axis = st.integers(0, len(x) if draw(st.integers(0, 9)) == 0 else len(x) - 1)
    axes = draw(axis) if draw(st.booleans()) else tuple(draw(st.lists(axis, min_size=1, max_size=3, unique=True)))
    return _some(draw, {"axes": axes}, keep=st.booleans())


def _power(draw: Any, x: Shape) -> Options:
    return _some(
        draw,
        {},
        power=st.sampled_from([0, 0.5, 1, 2, -1, 3]),
        factor=st.sampled_from([1, 2, 0.5]),
        shift=st.integers(0, 2),
    )


def _axis(draw: Any, x: Shape) -> Options:
    return _some(draw, {}, axis=st.integers(0, len(x)))


def _heads(draw: Any, x: Shape) -> Options:
    c = x[1] if len(x) == 2 else x[0]
    fitting = [h for h in range(1, c + 1) if c % h == 0]
    heads = draw(st.sampled_from(fitting)) if draw(st.integers(0, 5)) else draw(st.integers(0, 5))
    options = _some(
        draw,
        {"heads": heads},
        bias=st.booleans(),
        out_bias=st.booleans(),
        head_size=st.integers(1, 4),
        value_size=st.integers(1, 4),
        features=st.integers(1, 6),
    )
    shares = [h for h in range(1, heads + 1) if heads % h == 0] or [1]
    return _some(draw, options, kv_heads=st.sampled_from(shares) if draw(st.integers(0, 5)) else st.integers(1, 5))


def _window_attention(draw: Any, x: Shape) -> Options:
    return _some(
        draw,
        {**_heads(draw, x), "window": draw(sizes(2, 1, 5))},
        shift=sizes(2, 0, 3),
        grid=st.booleans(),
        relative=st.sampled_from([True, False, "distance"]),
    )


def _recurrent(draw: Any, x: Shape) -> Options:
    return _some(
        draw,
        {"hidden": draw(st.integers(0, 6))},
        depth=st.integers(1, 3),
        bidirectional=st.booleans(),
        bias=st.booleans(),
    )


# Each kind: whether its input may be flat, and how its options are drawn.
DRAWN: dict[str, tuple[bool, Callable[[Any, Shape], Options]]] = {
    "conv": (False, _conv),
    "conv_transpose": (False, _conv_transpose),
    "depthwise": (False, _depthwise),
    "separable": (False, _separable),
    "maxpool": (False, lambda draw, x: _pool(draw, x, dilation=True)),
    "avgpool": (False, lambda draw, x: _pool(draw, x, count_include_pad=st.booleans())),
    "lppool": (False, lambda draw, x: _pool(draw, x, padding=False, p=st.sampled_from([1, 2, 2.5]))),
    "stochastic_pool": (False, lambda draw, x: _pool(draw, x, padding=False)),
    "adaptive_avgpool": (False, lambda draw, x: {"output": draw(sizes(len(x) - 1, 1, 9))}),
    "adaptive_maxpool": (False, lambda draw, x: {"output": draw(sizes(len(x) - 1, 1, 9))}),
    "linear": (
        True,
        lambda draw, x: _some(
            draw, {"out_features": draw(st.integers(0, 20))}, bias=st.booleans(), over=st.just("last")
        ),
    ),
    "batchnorm": (True, lambda draw, x: _some(draw, {}, affine=st.booleans())),
    "layernorm": (True, lambda draw, x: _some(draw, {}, affine=st.booleans(), over=_OVER)),
    "rmsnorm": (True, lambda draw, x: _some(draw, {}, affine=st.booleans(), over=_OVER)),
    "instancenorm": (False, lambda draw, x: _some(draw, {}, affine=st.booleans())),
    "elu": (True, lambda draw, x: _some(draw, {}, alpha=st.floats(0, 2))),
    "celu": (True, lambda draw, x: _some(draw, {}, alpha=st.floats(-0.25, 2))),
    "softplus": (True, lambda draw, x: _some(draw, {}, beta=st.sampled_from([0.5, 1, 2]))),
    "hardtanh": (True, lambda draw, x: _some(draw, {}, low=st.floats(-2, 1.5), high=st.floats(-1, 2))),
    "softmax": (True, _axis),
    "log_softmax": (True, _axis),
    "permute": (True, _permute),
    "reshape": (True, _reshape),
    "roll": (False, lambda draw, x: {"shift": draw(sizes(len(x) - 1, -7, 7))}),
    "pixel_shuffle": (False, lambda draw, x: {"factor": draw(st.integers(0, 3))}),
    "pixel_unshuffle": (False, lambda draw, x: {"factor": draw(st.integers(0, 3))}),
    "power": (True, _power),
    "apply": (True, lambda draw, x: {"function": draw(st.sampled_from(KINDS["apply"].words["function"]))}),
    "mean": (True, _reduction),
    "sum": (True, _reduction),
    "max": (True, _reduction),
    "multihead_attention": (True, lambda draw, x: _some(draw, _heads(draw, x), causal=st.booleans())),
    "window_attention": (False, _window_attention),
    "lstm": (True, _recurrent),
    "gru": (True, _recurrent),
    "embedding": (True, lambda draw, x: {"features": draw(st.integers(0, 8)), "count": draw(st.integers(2, 9))}),
    "class_token": (True, lambda draw, x: _some(draw, {}, count=st.integers(0, 3))),
    "parameter": (True, lambda draw, x: {"shape": tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))}),
    "groupnorm": (True, lambda draw, x: _some(draw, _groups(draw, x), affine=st.booleans())),
    "lrn": (True, lambda draw, x: {"size": draw(st.integers(0, 7))}),
    "prelu": (True, lambda draw, x: _some(draw, {}, per_channel=st.booleans())),
    "leaky_relu": (True, lambda draw, x: _some(draw, {}, slope=st.floats(-1, 1))),
    "dropout": (True, lambda draw, x: _some(draw, {}, p=st.sampled_from([-0.5, 0, 0.3, 1, 1.5]))),
    "scale": (True, lambda draw, x: _some(draw, {}, bias=st.booleans())),
    "pad": (False, _pad),
    "slice": (True, _slice),
    "channel_shuffle": (True, _groups),
    "upsample": (False, _upsample),
}

# Windows have the most rules; they are drawn more often.
_WEIGHTED = [
    *(word for word in KINDS if word != "opaque"),  # of which there is nothing to run
    *("conv", "conv", "conv", "conv", "conv_transpose", "conv_transpose", "depthwise", "separable"),
    *("maxpool", "maxpool", "maxpool", "avgpool", "avgpool", "avgpool", "lppool", "stochastic_pool", "upsample"),
]


@st.composite
def layers(draw: Any) -> Case:
    """A random layer with inputs for it."""
    name = draw(st.sampled_from(_WEIGHTED))
    if KINDS[name].arity != 1:
        return DRAWN_BRANCHES.get(name, _merge)(draw, name)
    flat, options = DRAWN.get(name, (not issubclass(KINDS[name], _NEEDS_SPACE), lambda draw, x: {}))
    x = draw(shapes(flat=flat))
    if name in SHAPED and draw(st.integers(0, 9)):
        x = draw(st.tuples(*(st.integers(1, 9) for _ in range(SHAPED[name]))))
    if name == "pixel_shuffle" and draw(st.booleans()):
        x = (4 * x[0], *x[1:])
    return Case(name, options(draw, x), (x,))


# How many sizes the inputs of some kinds have.
SHAPED = {
    **dict.fromkeys(("pixel_shuffle", "pixel_unshuffle", "window_attention"), 3),
    **dict.fromkeys(("multihead_attention", "lstm", "gru", "class_token"), 2),
    "embedding": 1,
}


_NEEDS_SPACE = tuple(KINDS[name] for name in ("global_avgpool", "global_maxpool", "attention_pool", "bilinear_pool"))


def _merge(draw: Any, name: str) -> Case:
    """A layer without options where branches meet."""
    return Case(name, {}, _branches(draw, KINDS[name].arity))


def _merge_along(draw: Any, name: str) -> Case:
    inputs = _branches(draw, None)
    return Case(name, _axis(draw, inputs[0]), inputs)


def _matmul(draw: Any, name: str) -> Case:
    """Matrices, or stacks of them, that mostly fit."""
    n, k, m = (draw(st.integers(1, 6)) for _ in range(3))
    stack = tuple(draw(st.lists(st.integers(1, 4), max_size=2)))
    second = (*stack, k if draw(st.integers(0, 5)) else k + 1, m)
    return Case(name, {}, ((*stack, n, k), second if draw(st.integers(0, 5)) else second[1:] or (3,)))


def _einsum(draw: Any, name: str) -> Case:
    """An equation of few letters, mostly one that is right, and sizes that mostly fit."""
    letters = draw(st.permutations("abcde"))[: draw(st.integers(2, 5))]
    places = {letter: draw(st.sampled_from(["first", "second", "both", "summed"])) for letter in letters}
    first = [letter for letter in letters if places[letter] != "second"]
    second = draw(st.permutations([letter for letter in letters if places[letter] != "first"]))
    output = draw(st.permutations([letter for letter in letters if places[letter] != "summed"]))
    if draw(st.integers(0, 9)) == 0:
        output = output[1:] + draw(st.lists(st.sampled_from("abf"), max_size=1))
    sizes = {letter: draw(st.integers(1, 5)) for letter in "abcdef"}
    shapes = [tuple(sizes[letter] for letter in part) or (2,) for part in (first, second)]
    if draw(st.integers(0, 9)) == 0:
        shapes[1] = (*shapes[1], draw(st.integers(1, 3)))
    arrow = draw(st.sampled_from(["->", " -> "]))
    return Case(name, {"equation": f"{''.join(first)},{''.join(second)}{arrow}{''.join(output)}"}, tuple(shapes))


def _sequence(draw: Any, c: Any = None) -> Shape:
    return (draw(st.integers(1, 7)), draw(st.integers(1, 12)) if c is None else c)


def _attention(draw: Any, name: str) -> Case:
    """Queries, keys and values that mostly fit."""
    shared, group, d, dv = (draw(st.integers(1, 3)) for _ in range(4))
    heads = shared * group
    q, k = _sequence(draw, heads * d), _sequence(draw, shared * d)
    v = (k[0], shared * (d if draw(st.booleans()) else dv))
    if draw(st.integers(0, 9)) == 0:
        q, k, v = (_sequence(draw), _sequence(draw), _sequence(draw))
    options = _some(draw, {"heads": heads}, causal=st.booleans(), factor=st.sampled_from([0.5, 1]))
    if group > 1 or draw(st.booleans()):
        options["kv_heads"] = shared
    return Case(name, options, (q, k, v))


def _deformable_conv(draw: Any, name: str) -> Case:
    """An image, offsets, and perhaps a mask, that mostly fit."""
    x = (draw(st.integers(1, 8)), draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    outputs, groups = _channels_and_groups(draw, x[0])
    options = _window(draw, 2, {"out_channels": outputs}, bias=st.booleans(), offset_groups=st.integers(1, 2))
    options = {**options, "groups": groups} if groups != 1 else options
    try:
        with torch.no_grad():
            sizes = tuple(_torch_conv(torch.zeros(1, *x), **_without_offsets(options)).shape[2:])
    except (Refused, RuntimeError, ValueError, TypeError):
        sizes = x[1:]
    area = options.get("offset_groups", 1)
    for k in _all(options["kernel"], 2)[:2]:
        area *= max(k, 1)
    wrong = draw(st.integers(0, 9)) == 0
    offsets, mask = (2 * area + wrong, *sizes), (area, *sizes)
    return Case(name, options, (x, offsets, mask) if draw(st.booleans()) else (x, offsets))


def _without_offsets(options: Options) -> Options:
    return {key: value for key, value in options.items() if key != "offset_groups"}


def _roi_align(draw: Any, name: str) -> Case:
    x = draw(shapes()) if draw(st.integers(0, 9)) == 0 else (*_sequence(draw), draw(st.integers(1, 9)))
    boxes = _sequence(draw, 4 if draw(st.integers(0, 9)) else 5)
    options = {"output": draw(sizes(2, 1, 4))}
    return Case(name, _some(draw, options, samples=st.integers(1, 2), aligned=st.booleans()), (x, boxes))


DRAWN_BRANCHES: dict[str, Callable[[Any, str], Case]] = {
    "concat": _merge_along,
    "stack": _merge_along,
    "matmul": _matmul,
    "einsum": _einsum,
    "attention": _attention,
    "deformable_conv": _deformable_conv,
    "roi_align": _roi_align,
}


def _branches(draw: Any, number: int | None) -> tuple[Shape, ...]:
    """Shapes that mostly meet: equal ones, of which some are changed."""
    x = draw(shapes(flat=True))
    branches = []
    for _ in range(number or draw(st.integers(1, 4))):
        change = draw(st.integers(0, 5))
        if change == 0:
            branches.append((draw(st.integers(1, 12)), *x[1:]))
        elif change == 1:
            branches.append((x[0], *(1 for _ in x[1:])))
        elif change == 3:
            branches.append(tuple(1 if draw(st.booleans()) else n for n in x))
        elif change == 2 and draw(st.booleans()):
            branches.append(draw(shapes(flat=True)))
        else:
            branches.append(x)
    return tuple(branches)


# What PyTorch says


def _nd(name: str, x: torch.Tensor) -> Any:
    """The class of `torch.nn` for the dimensions of [N, C, *spatial]."""
    return getattr(nn, f"{name}{x.dim() - 2}d")


def _pairs(padding: Any) -> bool:
    return isinstance(padding, tuple) and any(isinstance(pair, tuple) for pair in padding)


def _flat_pairs(x: torch.Tensor, padding: Any) -> list[int]:
    """[before, after] a dimension, in the order of `functional.pad`."""
    if len(padding) != x.dim() - 2:
        raise Refused("padding for other dimensions")
    flat: list[int] = []
    for before, after in padding:
        flat = [before, after, *flat]
    return flat


def _all(value: Any, d: int) -> tuple[int, ...]:
    return (value,) * d if isinstance(value, int) else value


def _tensorflow_same(x: torch.Tensor, kernel: Any, stride: Any, dilation: Any, fill: float = 0.0) -> torch.Tensor:
    """The padding of tf.nn: pad_along = max((ceil(n / s) - 1) * s + extent - n, 0), the larger part last."""
    d = x.dim() - 2
    flat: list[int] = []
    for n, k, s, e in zip(x.shape[2:], _all(kernel, d), _all(stride, d), _all(dilation, d), strict=True):
        extent = (k - 1) * e + 1
        along = max(extent - s, 0) if n % s == 0 else max(extent - n % s, 0)
        flat = [along // 2, along - along // 2, *flat]
    return F.pad(x, flat, value=fill)


def _torch_conv(x: torch.Tensor, out_channels: int, **options: Any) -> torch.Tensor:
    padding = options.pop("padding", 0)
    kernel, stride, dilation = options.pop("kernel"), options.get("stride", 1), options.get("dilation", 1)
    table = options.pop("connections", None)
    if table is not None and len(table) != out_channels:
        raise Refused("a row for each output")
    if _pairs(padding):
        x, padding = F.pad(x, _flat_pairs(x, padding)), 0
    elif padding == "same":
        d = x.dim() - 2
        if max(_all(stride, d)) > 1:
            x, padding = _tensorflow_same(x, kernel, stride, dilation), 0
    y: torch.Tensor = _nd("Conv", x)(x.shape[1], out_channels, kernel, padding=padding, **options)(x)
    return y


def _torch_conv_transpose(x: torch.Tensor, out_channels: int, kernel: Any, **options: Any) -> torch.Tensor:
    y: torch.Tensor = _nd("ConvTranspose", x)(x.shape[1], out_channels, kernel, **options)(x)
    return y


def _torch_depthwise(x: torch.Tensor, multiplier: int = 1, **options: Any) -> torch.Tensor:
    return _torch_conv(x, x.shape[1] * multiplier, groups=x.shape[1], **options)


def _torch_separable(x: torch.Tensor, out_channels: int, bias: bool = True, **options: Any) -> torch.Tensor:
    return _torch_conv(_torch_depthwise(x, bias=False, **options), out_channels, kernel=1, bias=bias)


def _torch_pool(name: str, fill: float) -> Callable[..., torch.Tensor]:
    def pool(x: torch.Tensor, kernel: Any, **options: Any) -> torch.Tensor:
        options["ceil_mode"] = options.pop("ceil", False)
        padding = options.pop("padding", 0)
        stride, dilation = options.pop("stride", kernel), options.get("dilation", 1)
        limits = x.shape[2:]
        if padding == "same":
            # Not by PyTorch's own ceil mode: nothing is left to round.
            x, padding = _tensorflow_same(x, kernel, stride, dilation, fill), 0
            options["ceil_mode"] = False
        elif padding == "valid":
            padding, options["ceil_mode"] = 0, False
        elif _pairs(padding):
            flat = _flat_pairs(x, padding)
            limits = tuple(n + before for n, (before, _) in zip(limits, padding, strict=True))
            x, padding = F.pad(x, flat, value=fill), 0
            y: torch.Tensor = _nd(name, x)(kernel, stride, padding, **options)(x)
            for d, (limit, s) in enumerate(zip(limits, _all(stride, len(limits)), strict=True)):
                # The last window starts inside the input or the padding before it.
                y = y.narrow(2 + d, 0, min(y.shape[2 + d], -(-limit // s))) if options["ceil_mode"] else y
            return y
        z: torch.Tensor = _nd(name, x)(kernel, stride, padding, **options)(x)
        return z

    return pool


def _torch_lppool(x: torch.Tensor, kernel: Any, p: float = 2, stride: Any = None, ceil: bool = False) -> torch.Tensor:
    if x.dim() == 3:
        for value in (kernel, stride):
            if isinstance(value, tuple) and len(value) != 1:
                raise Refused("LPPool1d takes one number")
        kernel = kernel[0] if isinstance(kernel, tuple) else kernel
        stride = stride[0] if isinstance(stride, tuple) else stride
    y: torch.Tensor = _nd("LPPool", x)(p, kernel, stride, ceil_mode=ceil)(x)
    return y


def _torch_batchnorm(x: torch.Tensor, affine: bool = True) -> torch.Tensor:
    y: torch.Tensor = getattr(nn, f"BatchNorm{max(x.dim() - 2, 1)}d")(x.shape[1], affine=affine)(x)
    return y


def _torch_scale(x: torch.Tensor, bias: bool = False) -> torch.Tensor:
    return x * torch.ones(x.shape[1]).view(-1, *(1,) * (x.dim() - 2))


def _torch_pad(x: torch.Tensor, padding: Any, mode: str = "zero", value: float = 0.0) -> torch.Tensor:
    flat = [padding] * 2 * (x.dim() - 2) if isinstance(padding, int) else _flat_pairs(x, padding)
    return F.pad(x, flat, "constant" if mode == "zero" else mode, value or None)


def _torch_upsample(
    x: torch.Tensor, factor: Any = None, size: Any = None, mode: str = "nearest", align_corners: bool = False
) -> torch.Tensor:
    if mode == "linear":
        mode = ("linear", "bilinear", "trilinear")[x.dim() - 3]
    elif mode == "cubic":
        mode = "bicubic"
    return F.interpolate(x, size=size, scale_factor=factor, mode=mode, align_corners=align_corners or None)


def _torch_shuffle(x: torch.Tensor, groups: int) -> torch.Tensor:
    return nn.ChannelShuffle(groups)(x if x.dim() > 2 else x.unsqueeze(-1)).view(x.shape)


def _torch_over(norm: Callable[[Any], nn.Module]) -> Callable[..., torch.Tensor]:
    def layer(x: torch.Tensor, affine: bool = True, over: str = "channels") -> torch.Tensor:
        if over == "channels":
            y: torch.Tensor = norm(x.shape[1])(x.movedim(1, -1)).movedim(-1, 1)
            return y
        z: torch.Tensor = norm(x.shape[1:] if over == "all" else x.shape[-1])(x)
        return z

    return layer


def _torch_instancenorm(x: torch.Tensor, affine: bool = False) -> torch.Tensor:
    y: torch.Tensor = _nd("InstanceNorm", x)(x.shape[1], affine=affine)(x)
    return y


def _torch_slice(x: torch.Tensor, channels: tuple[int, int], axis: int = 0, step: int = 1) -> torch.Tensor:
    start, stop = channels
    if stop > x.shape[1 + axis]:
        raise Refused("beyond the end")
    return x.index_select(1 + axis, torch.arange(start, stop, step))


def _torch_roll(x: torch.Tensor, shift: Any) -> torch.Tensor:
    return torch.roll(x, _all(shift, x.dim() - 2), tuple(range(2, x.dim())))


def _torch_reduction(name: str) -> Callable[..., torch.Tensor]:
    def reduce(x: torch.Tensor, axes: Any, keep: bool = False) -> torch.Tensor:
        for axis in sorted(_all(axes, 1), reverse=True):
            x = getattr(x, name)(1 + axis, keepdim=keep)
        if x.dim() == 1:
            raise Refused("no axis is left")
        return x

    return reduce


def _torch_hardtanh(x: torch.Tensor, low: float = -1.0, high: float = 1.0) -> torch.Tensor:
    if low == high:
        raise Refused("a constant")
    y: torch.Tensor = nn.Hardtanh(low, high)(x)
    return y


def _image(x: torch.Tensor) -> torch.Tensor:
    if x.dim() != 4:
        raise Refused("PyTorch takes any number of axes before the image's")
    return x


def _torch_class_token(x: torch.Tensor, count: int = 1) -> torch.Tensor:
    if x.dim() != 3:
        raise Refused("no sequence")
    return torch.cat([torch.zeros(1, count, x.shape[2]).expand(x.shape[0], -1, -1), x], 1)


def _torch_embedding(x: torch.Tensor, features: int, count: int) -> torch.Tensor:
    if x.dim() != 2:
        raise Refused("no list")
    y: torch.Tensor = nn.Embedding(count, features)(x.long())
    return y


def _equal_branches(*xs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    if len({x.dim() for x in xs}) > 1:
        raise Refused("PyTorch broadcasts what has fewer axes")
    return xs


def _torch_matmul(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    if a.dim() < 3 or a.dim() != b.dim():
        raise Refused("no two stacks of matrices")
    return a @ b


def _plain(name: str, *arguments: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda x: getattr(nn, name)(*arguments)(x)


def _by_dimensions(name: str) -> Callable[..., torch.Tensor]:
    def layer(x: torch.Tensor, output: Any = 1) -> torch.Tensor:
        y: torch.Tensor = _nd(name, x)(output)(x)
        return y

    return layer


def _torch_attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    heads: int = 1,
    kv_heads: int | None = None,
    causal: bool = False,
    factor: float | None = None,
) -> torch.Tensor:
    shared = kv_heads or heads
    if heads % shared:
        raise Refused("heads that are not shared out")
    q, k, v = (x.unflatten(2, (h, -1)).transpose(1, 2) for x, h in ((q, heads), (k, shared), (v, shared)))
    k, v = (x.repeat_interleave(heads // shared, 1) for x in (k, v))
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=factor).transpose(1, 2).flatten(2)


def _torch_einsum(first: torch.Tensor, second: torch.Tensor, equation: str) -> torch.Tensor:
    inputs, output = equation.replace(" ", "").split("->")
    one, two = inputs.split(",")
    if not (one and two and output):
        raise Refused("no axis")
    if (set(one) ^ set(two)) - set(output):
        raise Refused("a sum over a letter of one input, which PyTorch would take first")
    if any(n != m for a, n in zip(one, first.shape[1:]) for b, m in zip(two, second.shape[1:]) if a == b):  # noqa: B905
        raise Refused("sizes that differ, which PyTorch would spread")
    y: torch.Tensor = torch.einsum(f"Z{one},Z{two}->Z{output}", first, second)
    return y


def _torch_projected(x: torch.Tensor, options: Options) -> None:
    """Refuse tokens [N, T, C] that the heads cannot share out."""
    if x.dim() != 3:
        raise Refused("no sequence")
    heads = options["heads"]
    if heads < 1 or heads % (options.get("kv_heads") or heads):
        raise Refused("heads that are not shared out")
    if "head_size" not in options:
        nn.MultiheadAttention(x.shape[2], heads, batch_first=True)(x, x, x)


def _torch_multihead(x: torch.Tensor, **options: Any) -> torch.Tensor:
    _torch_projected(x, options)
    return x.new_zeros(*x.shape[:2], options.get("features") or x.shape[2])


def _torch_window_attention(x: torch.Tensor, window: Any, **options: Any) -> torch.Tensor:
    if x.dim() != 4:
        raise Refused("no image")
    _torch_projected(x.flatten(2).transpose(1, 2), options)
    window, shift = _all(window, 2), _all(options.get("shift", 0), 2)
    if len(window) != 2 or len(shift) != 2 or min(window) < 1 or min(shift) < 0:
        raise Refused("no window")
    if any(s >= w for s, w in zip(shift, window, strict=True)) or (options.get("grid") and any(shift)):
        raise Refused("shifted too far, or a grid")
    return x.new_zeros(x.shape[0], options.get("features") or x.shape[1], *x.shape[2:])


def _torch_recurrent(name: str) -> Callable[..., torch.Tensor]:
    def layer(x: torch.Tensor, hidden: int, depth: int = 1, **options: Any) -> torch.Tensor:
        if x.dim() != 3:
            raise Refused("no sequence")
        y: torch.Tensor = getattr(nn, name)(x.shape[2], hidden, depth, batch_first=True, **options)(x)[0]
        return y

    return layer


def _torch_deformable_conv(x: torch.Tensor, offsets: torch.Tensor, *mask: torch.Tensor, **options: Any) -> torch.Tensor:
    y = _torch_conv(x, **_without_offsets(options))
    groups, area = options.get("offset_groups", 1), 1
    for k in _all(options["kernel"], 2):
        area *= k
    padding = options.get("padding", 0)
    uneven = _pairs(padding) and any(before != after for before, after in padding)
    if uneven or groups < 1 or x.shape[1] % groups:
        raise Refused("torchvision's does not pad so, or has no such groups")
    for given, numbers in zip((offsets, *mask), (2, 1), strict=False):
        if given.shape[1:] != (numbers * groups * area, *y.shape[2:]):
            raise Refused("offsets or mask that do not fit")
    return y


def _torch_roi_align(x: torch.Tensor, boxes: torch.Tensor, output: Any, **options: Any) -> torch.Tensor:
    if x.dim() != 4 or boxes.shape[2] != 4 or len(_all(output, 2)) != 2:
        raise Refused("no features, boxes or size")
    return torch.zeros(x.shape[0], boxes.shape[1], x.shape[1], *_all(output, 2))


def _refuse(why: str) -> Any:
    raise Refused(why)


ORACLE: dict[str, Callable[..., torch.Tensor]] = {
    "conv": _torch_conv,
    "conv_transpose": _torch_conv_transpose,
    "depthwise": _torch_depthwise,
    "separable": _torch_separable,
    "linear": lambda x, out_features, bias=True, over=None: nn.Linear(x.shape[-1], out_features, bias)(x),
    "maxpool": _torch_pool("MaxPool", float("-inf")),
    "avgpool": _torch_pool("AvgPool", 0.0),
    "lppool": _torch_lppool,
    "stochastic_pool": _torch_pool("AvgPool", 0.0),
    "adaptive_avgpool": _by_dimensions("AdaptiveAvgPool"),
    "adaptive_maxpool": _by_dimensions("AdaptiveMaxPool"),
    "global_avgpool": _by_dimensions("AdaptiveAvgPool"),
    "global_maxpool": _by_dimensions("AdaptiveMaxPool"),
    "attention_pool": _by_dimensions("AdaptiveAvgPool"),
    "bilinear_pool": lambda x: torch.einsum("ncp,ndp->ncd", x.flatten(2), x.flatten(2)).flatten(1),
    "batchnorm": _torch_batchnorm,
    "layernorm": _torch_over(nn.LayerNorm),
    "rmsnorm": _torch_over(nn.RMSNorm),
    "instancenorm": _torch_instancenorm,
    "groupnorm": lambda x, groups, affine=True: nn.GroupNorm(groups, x.shape[1], affine=affine)(x),
    "lrn": lambda x, size: nn.LocalResponseNorm(size)(x),
    "l2norm": lambda x: x / x.square().sum(1, keepdim=True).sqrt(),
    "relu": _plain("ReLU"),
    "relu6": _plain("ReLU6"),
    "leaky_relu": lambda x, slope=0.01: nn.LeakyReLU(slope)(x),
    "prelu": lambda x, per_channel=False: nn.PReLU(x.shape[1] if per_channel else 1)(x),
    "sigmoid": _plain("Sigmoid"),
    "tanh": _plain("Tanh"),
    "silu": _plain("SiLU"),
    "gelu": _plain("GELU"),
    "hardswish": _plain("Hardswish"),
    "hardsigmoid": _plain("Hardsigmoid"),
    "elu": lambda x, alpha=1.0: nn.ELU(alpha)(x),
    "selu": _plain("SELU"),
    "celu": lambda x, alpha=1.0: nn.CELU(alpha)(x) if alpha > 0 else _refuse("no division by alpha"),
    "mish": _plain("Mish"),
    "softplus": lambda x, beta=1.0: nn.Softplus(beta)(x),
    "softsign": _plain("Softsign"),
    "hardtanh": _torch_hardtanh,
    "softmax": lambda x, axis=0: nn.Softmax(1 + axis)(x),
    "log_softmax": lambda x, axis=0: nn.LogSoftmax(1 + axis)(x),
    "dropout": lambda x, p=0.5: nn.Dropout(p)(x),
    "flatten": _plain("Flatten"),
    "pad": _torch_pad,
    "slice": _torch_slice,
    "permute": lambda x, order: x.permute(0, *(1 + axis for axis in order)),
    "reshape": lambda x, shape: x.reshape(BATCH, *shape),
    "roll": _torch_roll,
    "pixel_shuffle": lambda x, factor: F.pixel_shuffle(_image(x), factor),
    "pixel_unshuffle": lambda x, factor: F.pixel_unshuffle(_image(x), factor),
    "power": lambda x, power=1.0, factor=1.0, shift=0.0: (shift + factor * x) ** power,
    "apply": lambda x, function: getattr(torch, function)(x),
    "mean": _torch_reduction("mean"),
    "sum": _torch_reduction("sum"),
    "max": _torch_reduction("amax"),
    "embedding": _torch_embedding,
    "class_token": _torch_class_token,
    "position_embedding": lambda x: x + torch.zeros(x.shape[1:]),
    "parameter": lambda x, shape: torch.zeros(shape).expand(x.shape[0], *shape),
    "channel_shuffle": _torch_shuffle,
    "upsample": _torch_upsample,
    "identity": _plain("Identity"),
    "scale": _torch_scale,
    "add": lambda *xs: reduce(torch.add, _equal_branches(*xs)),
    "subtract": lambda *xs: reduce(torch.sub, _equal_branches(*xs)),
    "multiply": lambda *xs: reduce(torch.mul, _equal_branches(*xs)),
    "divide": lambda *xs: reduce(torch.div, _equal_branches(*xs)),
    "maximum": lambda *xs: reduce(torch.maximum, _equal_branches(*xs)),
    "minimum": lambda *xs: reduce(torch.minimum, _equal_branches(*xs)),
    "concat": lambda *xs, axis=0: torch.cat(xs, 1 + axis),
    "stack": lambda *xs, axis=0: torch.stack(xs, 1 + axis),
    "matmul": _torch_matmul,
    "einsum": _torch_einsum,
    "attention": _torch_attention,
    "multihead_attention": _torch_multihead,
    "window_attention": _torch_window_attention,
    "lstm": _torch_recurrent("LSTM"),
    "gru": _torch_recurrent("GRU"),
    "deformable_conv": _torch_deformable_conv,
    "roi_align": _torch_roi_align,
}


def pytorch_says(case: Case) -> Shape | None:
    """The output shape without the batch, by PyTorch alone; None if PyTorch refuses the layer."""
    xs = [torch.zeros(BATCH, *shape) for shape in case.inputs]
    try:
        with torch.no_grad():
            return tuple(ORACLE[case.kind](*xs, **case.options).shape[1:])
    except (Refused, RuntimeError, ValueError, TypeError, IndexError, AssertionError, ZeroDivisionError):
        return None


def cnncalc_says(case: Case) -> tuple[Any, Shape] | str:
    """The op and the output shape by the calculator, or why it refuses the layer."""
    try:
        op = make(KINDS[case.kind], case.options)
        return op, op.output_shape(*case.inputs)
    except OpError as error:
        return str(error)


# What cnncalc refuses though PyTorch would take it, and why. Every other refusal must be PyTorch's too.


_SIZES = (
    *("out_channels", "out_features", "kernel", "stride", "dilation", "groups", "size", "factor", "output"),
    *("features", "count"),
)


def stricter(case: Case, shape: Shape) -> str | None:
    """Why cnncalc may refuse a layer for which PyTorch gives a shape; None if it may not."""
    options = case.options
    asked = [size for key in _SIZES if key in options for size in _all(options[key], 1)]
    if 0 in shape or min(asked, default=1) < 1:
        return "nothing is left, or a size of nothing is asked for"
    if case.kind == "linear":
        return "PyTorch applies Linear to the last dimension of anything"
    if case.kind == "pad" and options.get("mode", "zero") != "zero":
        return "PyTorch crops by circular and replicate padding too"
    if case.kind == "deformable_conv" and options.get("padding") == "same":
        return "padding that happens to be even"
    if case.kind == "instancenorm" and all(n == 1 for n in case.inputs[0][1:]):
        return "PyTorch refuses one position in training alone"
    if case.kind in ("maxpool", "avgpool") and _pairs(options.get("padding")):
        return "uneven padding too is at most half the kernel"
    if case.kind == "celu" and options.get("alpha", 1) < 1e-37:
        return "an alpha below 0 turns the curve around, and one so small has no inverse in float32"
    return None


def quirk(case: Case) -> str | None:
    """Why PyTorch's own layer refuses what the calculator takes, and the built module runs; None if it may not."""
    x = case.inputs[0]
    if case.kind in ("avgpool", "lppool", "stochastic_pool") and len(x) == 4:
        kernel = _all(case.options["kernel"], 3)
        if any(k > n for k, n in zip(kernel, x[1:], strict=True)):
            return "AvgPool3d compares the kernel with the image before it is padded or rounded up"
    return None


def parameters(module: nn.Module) -> int:
    """Trainable numbers."""
    return sum(parameter.numel() for parameter in module.parameters())


def buffers(module: nn.Module) -> int:
    """Stored numbers that are not trained, without PyTorch's count of batches."""
    trained = {name for name, _ in module.named_parameters()}
    stored = module.state_dict().items()
    return sum(t.numel() for name, t in stored if name not in trained and not name.endswith("num_batches_tracked"))


def check(case: Case) -> str:
    """Compare the calculator with PyTorch on one layer; what came of it: `equal`, `refused` or `stricter`.

    Raises:
        AssertionError: they differ.
    """
    theirs = pytorch_says(case)
    ours = cnncalc_says(case)
    if isinstance(ours, str):
        if theirs is None:
            return "refused"
        assert stricter(case, theirs), f"PyTorch gives {theirs}, cnncalc refuses: {ours}"
        return "stricter"
    op, shape = ours
    if theirs is None:
        assert quirk(case), f"cnncalc gives {shape}, PyTorch refuses"
    else:
        assert shape == theirs, f"cnncalc gives {shape}, PyTorch {theirs}"
    module = build_op(op, Site(op, case.inputs, shape)).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter, counted_kernels():
        y = module(*[torch.rand(BATCH, *x) for x in case.inputs])
    assert tuple(y.shape[1:]) == shape, f"the built module gives {tuple(y.shape[1:])}, not {shape}"
    counts = {quantity: step.value for quantity, step in cost_steps(op, case.inputs, shape).items()}
    assert counts.get("params", 0) == parameters(module), "parameters"
    assert counts.get("buffers", 0) == buffers(module), "buffers"
    assert 2 * BATCH * counts.get("mac", 0) == counter.get_total_flops(), "MACs"
    assert min(counts.values(), default=0) >= 0, "a negative count"
    return "equal"
