"""For each op of cnncalc, the operators of ONNX that compute what its PyTorch module does at inference.

A writing takes a `Place`, adds operators to it, and gives the name of the tensor that they make. Tensors have the batch
first: an axis of an op is one further here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod
from string import ascii_letters
from typing import TYPE_CHECKING, Any

import numpy as np

from cnncalc.errors import RequestError
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
from cnncalc.ops.base import Op, per_dimension
from cnncalc.ops.sight import Sliding
from cnncalc.ops.window import averaged, reached

if TYPE_CHECKING:
    from cnncalc.onnx.write import Place

Writing = Callable[["Place"], str]


def unwritten(place: Place, why: str) -> RequestError:
    """The error of an op in a form that ONNX has no operator for."""
    return RequestError(f"'{place.node.name}' cannot be written as ONNX", hint=why, code="not-in-onnx")


# Convolutions


def _pads(pairs: Sequence[tuple[int, int]]) -> list[int]:
    """[before, after] of each dimension as ONNX has it: all before, then all after."""
    return [before for before, _ in pairs] + [after for _, after in pairs]


def _convolve(place: Place, x: str, op: Any, windows: Sequence[Sliding], sizes: Sequence[int], key: str = "") -> str:
    """A convolution with weights [out, in / groups, *kernel] under a prefix; `sizes` are channels in and out."""
    kernel = [window.kernel for window in windows]
    inputs = [x, place.weight(f"{key}weight", sizes[1], sizes[0] // op.groups, *kernel)]
    if op.bias:
        inputs.append(place.weight(f"{key}bias", sizes[1], fill=0))
    return place.add(
        "Conv",
        *inputs,
        kernel_shape=kernel,
        strides=[window.stride for window in windows],
        dilations=[window.dilation for window in windows],
        pads=_pads([(window.before, window.after) for window in windows]),
        group=op.groups,
    )


def _conv(place: Place) -> str:
    op = place.op
    windows = op.slides(place.shapes[0])
    if op.connections is None:
        return _convolve(place, place.x, op, windows, (place.channels, op.out_channels))
    parts, order = [], []
    for width in sorted({len(row) for row in op.connections}):
        rows = [index for index, row in enumerate(op.connections) if len(row) == width]
        order += rows
        reads = place.add("Gather", place.x, place.numbers(*[c for row in rows for c in op.connections[row]]), axis=1)
        plain = conv.Conv(len(rows), kernel=op.kernel, groups=len(rows), bias=op.bias)
        parts.append(_convolve(place, reads, plain, windows, (width * len(rows), len(rows)), f"inputs{width}."))
    joined = place.add("Concat", *parts, axis=1)
    return place.add("Gather", joined, place.numbers(*[order.index(c) for c in range(len(order))]), axis=1)


def _depthwise(place: Place) -> str:
    op = place.op.conv(place.channels)
    return _convolve(place, place.x, op, op.slides(place.shapes[0]), (place.channels, op.out_channels))


def _separable(place: Place) -> str:
    op, c = place.op, place.channels
    depthwise = conv.Conv(c * op.multiplier, kernel=op.kernel, groups=c, bias=False)
    x = _convolve(place, place.x, depthwise, op.slides(place.shapes[0]), (c, c * op.multiplier), "depthwise.")
    point = [Sliding()] * place.dimensions
    pointwise = conv.Conv(op.out_channels, kernel=1, bias=op.bias)
    return _convolve(place, x, pointwise, point, (c * op.multiplier, op.out_channels), "pointwise.")


def _conv_transpose(place: Place) -> str:
    op, d = place.op, place.dimensions
    kernel = list(per_dimension(op.kernel, d, "kernel"))
    padding = list(per_dimension(op.padding, d, "padding"))
    inputs = [place.x, place.weight("weight", place.channels, op.out_channels // op.groups, *kernel)]
    if op.bias:
        inputs.append(place.weight("bias", op.out_channels, fill=0))
    return place.add(
        "ConvTranspose",
        *inputs,
        kernel_shape=kernel,
        strides=list(per_dimension(op.stride, d, "stride")),
        dilations=list(per_dimension(op.dilation, d, "dilation")),
        pads=padding + padding,
        output_padding=list(per_dimension(op.output_padding, d, "output_padding")),
        group=op.groups,
    )


# Products


def _linear(place: Place) -> str:
    return _project(place, place.x, place.shapes[0][-1], place.op.out_features, place.op.bias, len(place.shapes[0]))


def _project(place: Place, x: str, features: int, out: int, bias: bool, rank: int, key: str = "") -> str:
    """A linear layer on the last axis of [N, *sizes], with weights under a prefix."""
    kernel = place.weight(f"{key}weight", out, features)
    shift = [place.weight(f"{key}bias", out, fill=0)] if bias else []
    if rank == 1:
        return place.add("Gemm", x, kernel, *shift, transB=1)
    y = place.add("MatMul", x, place.add("Transpose", kernel, perm=[1, 0]))
    return place.add("Add", y, *shift) if bias else y


def _einsum(place: Place) -> str:
    """The equation with a letter for the batch, which stands first."""
    equation = place.op.equation.replace(" ", "")
    batch = next(letter for letter in ascii_letters if letter not in equation)
    inputs, _, output = equation.partition("->")
    terms = ",".join(batch + term for term in inputs.split(","))
    return place.add("Einsum", *place.inputs, equation=f"{terms}->{batch}{output}")


def _bilinear(place: Place) -> str:
    x = place.reshaped(place.x, place.channels, -1)
    return place.add("Flatten", place.add("MatMul", x, place.add("Transpose", x, perm=[0, 2, 1])))


# Pooling


def _fill(place: Place, x: str, pairs: Sequence[tuple[int, int]], value: float) -> str:
    """A number around the image."""
    if not any(before or after for before, after in pairs):
        return x
    pads = _pads([(0, 0), (0, 0), *pairs])
    return place.add("Pad", x, place.numbers(*pads), place.number(value))


def _maxpool(place: Place) -> str:
    windows = place.op.slides(place.shapes[0])
    pads = [(max(before, 0), max(after, 0)) for before, after in reached(windows, place.shapes[0], place.node.output)]
    x = place.x
    if any(max(pair) >= window.kernel for pair, window in zip(pads, windows, strict=True)):
        x, pads = _fill(place, x, pads, float("-inf")), [(0, 0)] * len(pads)
    return _pooled(place, "MaxPool", x, windows, pads=_pads(pads), dilations=[w.dilation for w in windows])


def _pooled(place: Place, kind: str, x: str, windows: Sequence[Sliding], **options: Any) -> str:
    kernel, strides = [window.kernel for window in windows], [window.stride for window in windows]
    return place.add(kind, x, kernel_shape=kernel, strides=strides, **options)


def _avgpool(place: Place) -> str:
    op = place.op
    windows, sizes = op.slides(place.shapes[0]), place.shapes[0][1:]
    counted = op.count_include_pad and not isinstance(op.padding, str)
    pads = reached(windows, place.shapes[0], place.node.output)
    if not op.ceil and counted:  # rows behind the last window are cut off
        counts = [[window.kernel] * m for window, m in zip(windows, place.node.output[1:], strict=True)]
    else:
        outputs = zip(windows, sizes, place.node.output[1:], strict=True)
        counts = [averaged(window, n, m, counted) for window, n, m in outputs]
    y = _pooled(place, "AveragePool", _fill(place, place.x, pads, 0), windows)
    if all(set(row) == {window.kernel} for row, window in zip(counts, windows, strict=True)):
        return y
    seen = np.ones((), np.float32)
    for row in counts:
        seen = seen[..., None] * np.asarray(row, np.float32)
    factor = np.float32(prod(window.kernel for window in windows)) / seen
    return place.add("Mul", y, place.writer.constant(factor.astype(np.float32)))


def _lppool(place: Place) -> str:
    if place.op.p % 2:
        raise unwritten(place, f"ONNX has no mean of powers of {place.op.p:g}")
    windows = place.op.slides(place.shapes[0])
    x = _fill(place, place.x, reached(windows, place.shapes[0], place.node.output), 0)
    return _pooled(place, "LpPool", x, windows, p=int(place.op.p))


def _stochastic(place: Place) -> str:
    """What PyTorch's module gives at inference: the mean of each window's elements, weighted by their size."""
    windows = place.op.slides(place.shapes[0])
    x = _fill(place, place.add("Relu", place.x), reached(windows, place.shapes[0], place.node.output), 0)
    mean = _pooled(place, "AveragePool", x, windows)
    squares = _pooled(place, "AveragePool", place.add("Mul", x, x), windows)
    positive = place.add("Greater", mean, place.number(0))
    return place.add("Where", positive, place.add("Div", squares, mean), mean)


def _adaptive(kind: str) -> Writing:
    def writing(place: Place) -> str:
        x = place.x
        for axis, (n, m) in enumerate(zip(place.shapes[0][1:], place.node.output[1:], strict=True), start=2):
            axes = place.numbers(axis)
            parts = []
            for number in range(m):
                ends = place.numbers(number * n // m), place.numbers(-(-(number + 1) * n // m))
                part = place.add("Slice", x, *ends, axes)
                parts.append(place.add(kind, part, axes, keepdims=1))
            x = place.add("Concat", *parts, axis=axis) if m > 1 else parts[0]
        return x

    return writing


def _attention_pool(place: Place) -> str:
    c, ones = place.channels, (1,) * place.dimensions
    x = place.reshaped(place.x, c, -1)
    scores = place.add("Conv", x, place.weight("score.weight", 1, c, 1), place.weight("score.bias", 1, fill=0))
    shares = place.add("Transpose", place.add("Softmax", scores, axis=-1), perm=[0, 2, 1])
    return place.reshaped(place.add("MatMul", x, shares), c, *ones)


# Normalisation


def _ones(place: Place, *sizes: int) -> str:
    return place.writer.constant(np.ones(sizes, np.float32))


def _zeros(place: Place, *sizes: int) -> str:
    return place.writer.constant(np.zeros(sizes, np.float32))


def _affine(place: Place, affine: bool, *sizes: int) -> tuple[str, str]:
    """Scale and shift, learnt or none."""
    if affine:
        return place.weight("weight", *sizes, fill=1), place.weight("bias", *sizes, fill=0)
    return _ones(place, *sizes), _zeros(place, *sizes)


def _batchnorm(place: Place) -> str:
    c = place.channels
    scale, shift = _affine(place, place.op.affine, c)
    running = place.weight("running_mean", c, fill=0), place.weight("running_var", c, fill=1)
    return place.add("BatchNormalization", place.x, scale, shift, *running, epsilon=place.op.eps)


def _instancenorm(place: Place) -> str:
    scale, shift = _affine(place, place.op.affine, place.channels)
    return place.add("InstanceNormalization", place.x, scale, shift, epsilon=place.op.eps)


def _groupnorm(place: Place) -> str:
    scale, shift = _affine(place, place.op.affine, place.channels)
    return place.add("GroupNormalization", place.x, scale, shift, num_groups=place.op.groups, epsilon=place.op.eps)


def _channels_last(place: Place, make: Callable[[str], str]) -> str:
    """What a function makes of the input with its channels moved to the end, moved back."""
    rank = len(place.shapes[0]) + 1
    there, back = [0, *range(2, rank), 1], [0, rank - 1, *range(1, rank - 1)]
    return place.add("Transpose", make(place.add("Transpose", place.x, perm=there)), perm=back)


def _layernorm(place: Place) -> str:
    op, sizes = place.op, place.shapes[0]
    whole, channels = op.over == "all", op.over == "channels" and place.dimensions > 0
    over = sizes if whole else sizes[:1] if channels else sizes[-1:]

    def normalised(x: str) -> str:
        scale, shift = _affine(place, op.affine, *over)
        return place.add("LayerNormalization", x, scale, shift, axis=1 if whole else -1, epsilon=op.eps)

    return _channels_last(place, normalised) if channels else normalised(place.x)


def _rmsnorm(place: Place) -> str:
    op, sizes = place.op, place.shapes[0]
    whole, channels = op.over == "all", op.over == "channels" and place.dimensions > 0
    over = sizes if whole else sizes[:1] if channels else sizes[-1:]
    axes = range(1, len(sizes) + 1) if whole else [1] if channels else [len(sizes)]

    squares = place.add("ReduceMean", place.add("Mul", place.x, place.x), place.numbers(*axes), keepdims=1)
    root = place.add("Sqrt", place.add("Add", squares, place.number(op.eps)))
    y = place.add("Div", place.x, root)
    if not op.affine:
        return y
    scale = place.weight("weight", *over, fill=1)
    return place.add("Mul", y, _by_channel(place, scale) if channels else scale)


def _by_channel(place: Place, vector: str) -> str:
    """A number a channel, in a shape that meets the image."""
    if not place.dimensions:
        return vector
    return place.add("Unsqueeze", vector, place.numbers(*range(1, place.dimensions + 1)))


def _lrn(place: Place) -> str:
    op = place.op
    if op.size % 2 == 0:  # of an even number ONNX takes the one more behind, PyTorch before
        return _even_lrn(place)
    return place.add("LRN", place.x, size=op.size, alpha=op.alpha * op.size, beta=op.beta, bias=op.k)


def _even_lrn(place: Place) -> str:
    """Each element divided by (k + alpha * the sum of the squares of channels around it) ^ beta."""
    op, size, axes = place.op, place.op.size, place.numbers(1)
    rest = [(0, 0)] * place.dimensions
    pads = place.numbers(*_pads([(0, 0), (size // 2, (size - 1) // 2), *rest]))
    squares = place.add("Pad", place.add("Mul", place.x, place.x), pads)
    parts = [
        place.add("Slice", squares, place.numbers(start), place.numbers(start + place.channels), axes)
        for start in range(size)
    ]
    scaled = place.add("Mul", place.add("Sum", *parts), place.number(op.alpha))
    divisor = place.add("Pow", place.add("Add", scaled, place.number(op.k)), place.number(op.beta))
    return place.add("Div", place.x, divisor)


def _l2norm(place: Place) -> str:
    length = place.add("ReduceL2", place.x, place.numbers(1), keepdims=1)
    return place.add("Div", place.x, place.add("Max", length, place.number(place.op.eps)))


# Activations and arithmetic


def one(kind: str, **attributes: Callable[[Any], Any]) -> Writing:
    """The writing of an op that is one operator, with attributes made of the op."""

    def writing(place: Place) -> str:
        return place.add(kind, place.x, **{name: make(place.op) for name, make in attributes.items()})

    return writing


def _clip(low: Callable[[Any], float], high: Callable[[Any], float]) -> Writing:
    return lambda place: place.add("Clip", place.x, place.number(low(place.op)), place.number(high(place.op)))


def _prelu(place: Place) -> str:
    if not place.op.per_channel:
        return place.add("PRelu", place.x, place.weight("weight", 1, fill=0.25))
    slope = place.weight("weight", place.channels, fill=0.25)
    return place.add("PRelu", place.x, _by_channel(place, slope))


def _softplus(place: Place) -> str:
    beta = place.op.beta
    if beta == 1:
        return place.add("Softplus", place.x)
    scaled = place.add("Softplus", place.add("Mul", place.x, place.number(beta)))
    return place.add("Div", scaled, place.number(beta))


def _dropout(place: Place) -> str:
    return place.add("Dropout", place.x, place.number(place.op.p))


def _power(place: Place) -> str:
    x, op = place.x, place.op
    if op.factor != 1:
        x = place.add("Mul", x, place.number(op.factor))
    if op.shift != 0:
        x = place.add("Add", x, place.number(op.shift))
    return x if op.power == 1 else place.add("Pow", x, place.number(op.power))


def _apply(place: Place) -> str:
    function = place.op.function
    if function == "rsqrt":
        return place.add("Reciprocal", place.add("Sqrt", place.x))
    if function == "square":
        return place.add("Mul", place.x, place.x)
    return place.add(function.capitalize(), place.x)


def _reduce(kind: str) -> Writing:
    def writing(place: Place) -> str:
        axes = place.numbers(*[1 + axis for axis in place.op.reduced_axes()])
        return place.add(kind, place.x, axes, keepdims=int(place.op.keep))

    return writing


def _several(kind: str) -> Writing:
    """An operator on two tensors, from the first branch to the last."""

    def writing(place: Place) -> str:
        total, *others = place.inputs
        for other in others:
            total = place.add(kind, total, other)
        return total

    return writing


def _concat(place: Place) -> str:
    return place.add("Concat", *place.inputs, axis=1 + place.op.axis)


def _stack(place: Place) -> str:
    axis = 1 + place.op.axis
    parts = [place.add("Unsqueeze", x, place.numbers(axis)) for x in place.inputs]
    return place.add("Concat", *parts, axis=axis)


def _scale(place: Place) -> str:
    y = place.add("Mul", place.x, _by_channel(place, place.weight("weight", place.channels, fill=1)))
    if not place.op.bias:
        return y
    return place.add("Add", y, _by_channel(place, place.weight("bias", place.channels, fill=0)))


# Shapes


_MODES = {"zero": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _pad(place: Place) -> str:
    op = place.op
    channels = op.channels if op.mode == "zero" else (0, 0)
    pads = _pads([(0, 0), channels, *op.pads(place.shapes[0])])
    value = [place.number(op.value)] if op.value else []
    return place.add("Pad", place.x, place.numbers(*pads), *value, mode=_MODES[op.mode])


def _slice(place: Place) -> str:
    op = place.op
    ends = place.numbers(op.channels[0]), place.numbers(op.channels[1])
    return place.add("Slice", place.x, *ends, place.numbers(1 + op.axis), place.numbers(op.step))


def _shuffle(place: Place) -> str:
    c, *sizes = place.shapes[0]
    groups = place.reshaped(place.x, place.op.groups, c // place.op.groups, *sizes)
    turned = place.add("Transpose", groups, perm=[0, 2, 1, *range(3, 3 + len(sizes))])
    return place.reshaped(turned, c, *sizes)


_RESIZED: dict[str, dict[str, Any]] = {
    "nearest": {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    "linear": {"coordinate_transformation_mode": "half_pixel"},
    "cubic": {"coordinate_transformation_mode": "half_pixel", "cubic_coeff_a": -0.75},
}


def _upsample(place: Place) -> str:
    sizes = place.node.output[1:]
    options: dict[str, Any] = dict(_RESIZED[place.op.mode])
    if place.op.align_corners:
        options["coordinate_transformation_mode"] = "align_corners"
    axes = list(range(2, 2 + len(sizes)))
    return place.add("Resize", place.x, "", "", place.numbers(*sizes), mode=place.op.mode, axes=axes, **options)


def _roll(place: Place) -> str:
    return _rolled(place, place.x, place.op.shifts(place.shapes[0]), place.shapes[0][1:])


def _rolled(place: Place, x: str, shifts: Sequence[int], sizes: Sequence[int]) -> str:
    """An image whose positions are moved on; what leaves at one end comes back at the other."""
    for axis, (shift, size) in enumerate(zip(shifts, sizes, strict=True), start=2):
        cut = (-shift) % size
        if cut:
            axes = place.numbers(axis)
            back = place.add("Slice", x, place.numbers(cut), place.numbers(size), axes)
            front = place.add("Slice", x, place.numbers(0), place.numbers(cut), axes)
            x = place.add("Concat", back, front, axis=axis)
    return x


def _pixel_unshuffle(place: Place) -> str:
    (c, h, w), r = place.shapes[0], place.op.factor
    blocks = place.reshaped(place.x, c, h // r, r, w // r, r)
    turned = place.add("Transpose", blocks, perm=[0, 1, 3, 5, 2, 4])
    return place.reshaped(turned, *place.node.output)


# Learnt tensors


def _for_each_sample(place: Place, tensor: str, *sizes: int) -> str:
    """A stored tensor once for each sample: [N, *sizes]."""
    batch = place.add("Shape", place.x, start=0, end=1)
    full = place.add("Concat", batch, place.numbers(*sizes), axis=0)
    return place.add("Expand", tensor, full)


def _embedding(place: Place) -> str:
    from onnx import TensorProto

    words = place.add("Cast", place.x, to=TensorProto.INT64)
    return place.add("Gather", place.weight("weight", place.op.count, place.op.features), words, axis=0)


def _class_token(place: Place) -> str:
    sizes = place.op.count, place.shapes[0][1]
    tokens = _for_each_sample(place, place.weight("tokens", *sizes), *sizes)
    return place.add("Concat", tokens, place.x, axis=1)


def _position(place: Place) -> str:
    return place.add("Add", place.x, place.weight("embedding", *place.shapes[0]))


def _parameter(place: Place) -> str:
    return _for_each_sample(place, place.weight("value", *place.op.shape), *place.op.shape)


# Attention and recurrence


def _attended(
    place: Place,
    q: str,
    k: str,
    v: str,
    sizes: tuple[int, int, int, int],
    op: Any,
    shifted: Callable[[str], str] = lambda scores: scores,
) -> str:
    """Attention of [N, T, heads * d], [N, S, kv * d] and [N, S, kv * dv]; `sizes` are T, S, d and dv. `shifted` adds to
    the scores [N, heads, T, S]."""
    t, s, d, dv = sizes
    heads, kv = op.heads, op.kv_heads or op.heads
    q = place.add("Transpose", place.reshaped(q, t, heads, d), perm=[0, 2, 1, 3])
    k = _spread(place, place.add("Transpose", place.reshaped(k, s, kv, d), perm=[0, 2, 3, 1]), heads, kv, d, s)
    v = _spread(place, place.add("Transpose", place.reshaped(v, s, kv, dv), perm=[0, 2, 1, 3]), heads, kv, s, dv)
    factor = getattr(op, "factor", None)
    scale = place.number(d**-0.5 if factor is None else factor)
    scores = shifted(place.add("MatMul", place.add("Mul", q, scale), k))
    if getattr(op, "causal", False):
        hidden = np.triu(np.full((t, s), float("-inf"), np.float32), 1)
        scores = place.add("Add", scores, place.writer.constant(hidden))
    y = place.add("MatMul", place.add("Softmax", scores, axis=-1), v)
    return place.reshaped(place.add("Transpose", y, perm=[0, 2, 1, 3]), t, heads * dv)


def _spread(place: Place, x: str, heads: int, kv: int, *sizes: int) -> str:
    """[N, kv, *sizes] for as many heads, each several times."""
    if heads == kv:
        return x
    parts = place.add("Unsqueeze", x, place.numbers(2))
    repeated = place.add("Tile", parts, place.numbers(1, 1, heads // kv, 1, 1))
    return place.reshaped(repeated, heads, *sizes)


def _attention(place: Place) -> str:
    op, (q, k, v) = place.op, place.shapes
    kv = op.kv_heads or op.heads
    queries, keys, values = place.inputs
    return _attended(place, queries, keys, values, (q[0], k[0], q[1] // op.heads, v[1] // kv), op)


def _multihead(place: Place) -> str:
    t, features = place.shapes[0]
    return _self_attention(place, place.x, t, features)


def _self_attention(
    place: Place, x: str, t: int, features: int, shifted: Callable[[str], str] = lambda scores: scores
) -> str:
    """Attention of [N, T, C] to itself, with its projections."""
    op = place.op
    kv, d, dv = op.sizes(features)
    widths = [op.heads * d, kv * d, kv * dv]
    joined = _project(place, x, features, sum(widths), op.bias, 2, "qkv.")
    ends = np.cumsum([0, *widths])
    axes = place.numbers(2)
    parts = [
        place.add("Slice", joined, place.numbers(int(start)), place.numbers(int(end)), axes)
        for start, end in pairwise(ends)
    ]
    y = _attended(place, parts[0], parts[1], parts[2], (t, t, d, dv), op, shifted)
    return _project(place, y, op.heads * dv, features, op.out_bias, 2, "proj.")


def _window_attention(place: Place) -> str:
    """Attention within windows of an image: padded, rolled, cut into windows, and all of it back."""
    op, (c, *sizes) = place.op, place.shapes[0]
    window, counts, shifts = op.window_sizes(), op.counts(place.shapes[0]), op.shifts(place.shapes[0])
    padded = list(op.padded(place.shapes[0])[1:])
    t, windows = prod(window), prod(counts)
    x = _fill(place, place.x, [(0, big - n) for big, n in zip(padded, sizes, strict=True)], 0)
    x = _rolled(place, x, [-shift for shift in shifts], padded)
    # As rows of windows and columns of windows; on a grid, the positions of a window lie apart.
    (rows, columns), (height, width) = counts, window
    split = (height, rows, width, columns) if op.grid else (rows, height, columns, width)
    there, back = ((0, 3, 5, 2, 4, 1), (0, 5, 3, 1, 4, 2)) if op.grid else ((0, 2, 4, 3, 5, 1), (0, 5, 1, 3, 2, 4))
    parts = place.add("Transpose", place.reshaped(x, c, *split), perm=list(there))
    tokens = place.add("Reshape", parts, place.numbers(-1, t, c))

    def shifted(scores: str) -> str:
        if op.relative:
            index = place.numbers(*_relative_index(window).reshape(-1).tolist())
            found = place.add("Gather", place.weight("offsets", op.offsets(), op.heads), index, axis=0)
            by_head = place.add("Transpose", found, perm=[1, 0])
            scores = place.add("Add", scores, place.add("Reshape", by_head, place.numbers(op.heads, t, t)))
        if any(shifts):
            hidden = place.writer.constant(_hidden(counts, window, shifts, op.grid)[:, None])
            apart = place.add("Reshape", scores, place.numbers(-1, windows, op.heads, t, t))
            scores = place.add("Reshape", place.add("Add", apart, hidden), place.numbers(-1, op.heads, t, t))
        return scores

    y = _self_attention(place, tokens, t, c, shifted)
    parts = place.add("Reshape", y, place.numbers(-1, rows, columns, height, width, c))
    image = place.reshaped(place.add("Transpose", parts, perm=list(back)), c, *padded)
    image = _rolled(place, image, shifts, padded)
    if padded == sizes:
        return image
    return place.add("Slice", image, place.numbers(0, 0), place.numbers(*sizes), place.numbers(2, 3))


def _relative_index(window: Sequence[int]) -> Any:
    """For each pair of a window's positions, the number of their relative position: [T, T]."""
    height, width = window
    places = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij")).reshape(2, -1)
    apart = places[:, :, None] - places[:, None, :]
    return (apart[0] + height - 1) * (2 * width - 1) + apart[1] + width - 1


def _hidden(counts: Sequence[int], window: Sequence[int], shifts: Sequence[int], grid: bool) -> Any:
    """What hides from each other what a shift has put into one window from two sides: [windows, T, T]."""
    regions = np.zeros([number * size for number, size in zip(counts, window, strict=True)], np.int64)
    for axis, (size, shift) in enumerate(zip(window, shifts, strict=True)):
        if shift:
            line = np.arange(regions.shape[axis])
            mark = (line >= line.size - size) * 1 + (line >= line.size - shift) * 1
            regions = regions + 10**axis * (mark[:, None] if axis == 0 else mark[None, :])
    (rows, columns), (height, width) = counts, window
    if grid:
        cut = regions.reshape(height, rows, width, columns).transpose(1, 3, 0, 2)
    else:
        cut = regions.reshape(rows, height, columns, width).transpose(0, 2, 1, 3)
    tokens = cut.reshape(rows * columns, height * width)
    return np.where(tokens[:, :, None] == tokens[:, None, :], 0, -100).astype(np.float32)


# Reading between positions


def _deformable(place: Place) -> str:
    op = place.op
    windows = op.conv().slides(place.shapes[0])
    kernel = [window.kernel for window in windows]
    x, offsets, *mask = place.inputs
    bias = place.weight("bias", op.out_channels, fill=0) if op.bias else ""
    weights = place.weight("weight", op.out_channels, place.channels // op.groups, *kernel)
    return place.add(
        "DeformConv",
        *(x, weights, offsets),
        *([bias, *mask] if bias or mask else []),
        kernel_shape=kernel,
        strides=[window.stride for window in windows],
        dilations=[window.dilation for window in windows],
        pads=_pads([(window.before, window.after) for window in windows]),
        group=op.groups,
        offset_group=op.offset_groups,
    )


def _recurrent(kind: str, order: Sequence[int]) -> Writing:
    """A stack of recurrent layers; `order` tells which of PyTorch's gates ONNX has in each place."""

    def writing(place: Place) -> str:
        op, (t, c) = place.op, place.shapes[0]
        h, directions, gates = op.hidden, op.directions, len(order)
        x = place.add("Transpose", place.x, perm=[1, 0, 2])
        for layer in range(op.depth):
            width = c if layer == 0 else h * directions
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (gates * h, width), "weight_hh": (gates * h, h)}
            if op.bias:
                shapes |= {"bias_ih": (gates * h,), "bias_hh": (gates * h,)}
            found = {}
            for name, sizes in shapes.items():
                sides = []
                for suffix in ("", "_reverse")[:directions]:
                    stored = place.weight(f"cells.{name}_l{layer}{suffix}", *sizes)
                    parts = place.add("Split", stored, outputs=gates, axis=0, num_outputs=gates)
                    pieces = [f"{parts[: -len('_0')]}_{gate}" for gate in order]
                    sides.append(place.add("Unsqueeze", place.add("Concat", *pieces, axis=0), place.numbers(0)))
                found[name] = place.add("Concat", *sides, axis=0) if directions == 2 else sides[0]
            bias = [place.add("Concat", found["bias_ih"], found["bias_hh"], axis=1)] if op.bias else []
            more = {"linear_before_reset": 1} if kind == "GRU" else {}
            direction = "bidirectional" if directions == 2 else "forward"
            y = place.add(
                kind, x, found["weight_ih"], found["weight_hh"], *bias, hidden_size=h, direction=direction, **more
            )
            turned = place.add("Transpose", y, perm=[0, 2, 1, 3])
            x = place.add("Reshape", turned, place.numbers(t, -1, h * directions))
        return place.add("Transpose", x, perm=[1, 0, 2])

    return writing


WRITINGS: dict[type[Op], Writing] = {
    conv.Conv: _conv,
    conv.ConvTranspose: _conv_transpose,
    conv.Depthwise: _depthwise,
    conv.Separable: _separable,
    linear.Linear: _linear,
    einsum.Einsum: _einsum,
    pool.MaxPool: _maxpool,
    pool.AvgPool: _avgpool,
    pool.LPPool: _lppool,
    pool.StochasticPool: _stochastic,
    pool.AdaptiveAvgPool: _adaptive("ReduceMean"),
    pool.AdaptiveMaxPool: _adaptive("ReduceMax"),
    pool.GlobalAvgPool: one("GlobalAveragePool"),
    pool.GlobalMaxPool: one("GlobalMaxPool"),
    pool.AttentionPool: _attention_pool,
    pool.BilinearPool: _bilinear,
    norm.BatchNorm: _batchnorm,
    norm.LayerNorm: _layernorm,
    norm.RMSNorm: _rmsnorm,
    norm.InstanceNorm: _instancenorm,
    norm.GroupNorm: _groupnorm,
    norm.LRN: _lrn,
    norm.L2Norm: _l2norm,
    activation.ReLU: one("Relu"),
    activation.ReLU6: _clip(lambda op: 0, lambda op: 6),
    activation.LeakyReLU: one("LeakyRelu", alpha=lambda op: op.slope),
    activation.PReLU: _prelu,
    activation.Sigmoid: one("Sigmoid"),
    activation.Tanh: one("Tanh"),
    activation.SiLU: lambda place: place.add("Mul", place.x, place.add("Sigmoid", place.x)),
    activation.GELU: one("Gelu", approximate=lambda op: op.approximate),
    activation.HardSwish: one("HardSwish"),
    activation.HardSigmoid: one("HardSigmoid", alpha=lambda op: 1 / 6, beta=lambda op: 0.5),
    activation.ELU: one("Elu", alpha=lambda op: op.alpha),
    activation.SELU: one("Selu"),
    activation.CELU: one("Celu", alpha=lambda op: op.alpha),
    activation.Mish: one("Mish"),
    activation.Softplus: _softplus,
    activation.Softsign: one("Softsign"),
    activation.HardTanh: _clip(lambda op: op.low, lambda op: op.high),
    activation.Softmax: one("Softmax", axis=lambda op: 1 + op.axis),
    activation.LogSoftmax: one("LogSoftmax", axis=lambda op: 1 + op.axis),
    activation.Dropout: _dropout,
    merge.Add: _several("Add"),
    merge.Multiply: _several("Mul"),
    merge.Subtract: _several("Sub"),
    merge.Divide: _several("Div"),
    merge.Maximum: _several("Max"),
    merge.Minimum: _several("Min"),
    merge.Concat: _concat,
    merge.Stack: _stack,
    merge.MatMul: _several("MatMul"),
    shape.Flatten: one("Flatten"),
    shape.Pad: _pad,
    shape.Slice: _slice,
    shape.ChannelShuffle: _shuffle,
    shape.Upsample: _upsample,
    shape.Identity: one("Identity"),
    shape.Scale: _scale,
    rearrange.Permute: one("Transpose", perm=lambda op: [0, *(1 + axis for axis in op.order)]),
    rearrange.Reshape: lambda place: place.reshaped(place.x, *place.node.output),
    rearrange.Roll: _roll,
    rearrange.PixelShuffle: one("DepthToSpace", blocksize=lambda op: op.factor, mode=lambda op: "CRD"),
    rearrange.PixelUnshuffle: _pixel_unshuffle,
    arithmetic.Power: _power,
    arithmetic.Apply: _apply,
    arithmetic.Mean: _reduce("ReduceMean"),
    arithmetic.Sum: _reduce("ReduceSum"),
    arithmetic.Max: _reduce("ReduceMax"),
    learnt.Embedding: _embedding,
    learnt.ClassToken: _class_token,
    learnt.PositionEmbedding: _position,
    learnt.Parameter: _parameter,
    attention.Attention: _attention,
    attention.MultiheadAttention: _multihead,
    attention.WindowAttention: _window_attention,
    sampling.DeformableConv: _deformable,
    recurrent.LSTM: _recurrent("LSTM", (0, 3, 1, 2)),
    recurrent.GRU: _recurrent("GRU", (1, 0, 2)),
}
"""What writes each op. Those that are not here have no ONNX."""
