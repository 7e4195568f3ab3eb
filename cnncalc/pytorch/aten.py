"""The table: for each op that PyTorch's programs are made of, what it is in cnncalc.

An entry takes a `Step` and gives the tensor, or the tensors, that it makes. It raises `Unread` for a form that it does
not know; the op is then opaque, and nothing of it is dropped. The names are those of `torch.ops.aten`, without
overload, and without the underscore of working in place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from cnncalc import ops
from cnncalc.ops.base import Op, cost_numbers
from cnncalc.pytorch.aten_recurrent import RECURRENT
from cnncalc.pytorch.walk import Step
from cnncalc.reading.drafts import Value
from cnncalc.reading.forms import (
    each_image,
    joined,
    merged,
    one_each,
    padded,
    padding_of,
    part,
    permuted,
    plain,
    reduced,
    same_axis,
    seen_anew,
    short,
    spread,
    weight,
)
from cnncalc.reading.letters import macs_of, product_by_letters, spelt_out
from cnncalc.reading.steps import NOTHING, Result, Unread, entries

Entry = Callable[[Step], Result]
TABLE: dict[str, Entry] = {**RECURRENT}
entry = entries(TABLE)


# Convolutions


@entry("conv1d", "conv2d", "conv3d")
def convolution(step: Step) -> Result:
    """A convolution; one whose weights are computed is opaque, its multiply-accumulates known."""
    x, kernel, bias = step["input"], step["weight"], step["bias"]
    try:
        plain(x), weight(kernel), bias and weight(bias)
    except Unread:
        return _computed_convolution(step)
    if kernel.source not in step.walk.trained:
        return _computed_convolution(step)
    return step.emit(_conv(step, x, kernel, bias), x, owns=[kernel, bias])


def _conv(step: Step, x: Value, kernel: Value, bias: Value | None) -> Op:
    """The convolution's op."""
    sizes, dilation = kernel.shape[2:], list(step["dilation"])
    dilation = dilation * (len(sizes) // len(dilation))
    padding = step["padding"]
    if isinstance(padding, str):
        spans = [d * (k - 1) if padding == "same" else 0 for d, k in zip(dilation, sizes, strict=True)]
        padding = padding_of([(span // 2, span - span // 2) for span in spans])
    elif not isinstance(padding, int):
        padding = short(tuple(padding) * (len(sizes) // len(padding)))
    options: dict[str, Any] = {
        "kernel": short(sizes),
        "stride": short(step["stride"]),
        "padding": padding,
        "dilation": short(dilation),
        "bias": bias is not None,
    }
    c_in, c_out, groups = x.sizes[0], kernel.shape[0], step["groups"]
    if groups > 1 and groups == c_in and c_out % c_in == 0:
        return ops.Depthwise(multiplier=c_out // c_in, **options)
    return ops.Conv(c_out, groups=groups, **options)


def _computed_convolution(step: Step) -> Result:
    bias = step["bias"]
    owns = [value for value in (step["weight"], bias) if value is not None and value.draft is None]
    added = 0 if bias is None else step.value(None).elements
    return step.opaque(owns, mac=step.macs(), add=added, mul=0, div=0, compare=0, exp=0)


@entry("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def transposed(step: Step) -> Result:
    """A transposed convolution."""
    x, kernel, bias = step["input"], weight(step["weight"]), step["bias"]
    op = ops.ConvTranspose(
        kernel.shape[1] * step["groups"],
        kernel=short(kernel.shape[2:]),
        stride=short(step["stride"]),
        padding=short(step["padding"]),
        output_padding=short(step["output_padding"]),
        dilation=short(step["dilation"]),
        groups=step["groups"],
        bias=bias is not None,
    )
    return each_image(step, op, x, owns=[kernel, bias])


# Products


@entry("linear")
def linear(step: Step) -> Result:
    """A fully connected layer, on the last axis."""
    x, kernel, bias = step["input"], step["weight"], step["bias"]
    if kernel.source not in step.walk.trained or (bias is not None and bias.source is None) or x.place(-1) is None:
        return _computed_convolution(step)
    many = len(x.sizes) > 2
    op = ops.Linear(kernel.shape[0], bias=bias is not None, over="last" if many else None)
    return step.emit(op, x, owns=[kernel, bias])


@entry("matmul", "mm", "bmm")
def matmul(step: Step) -> Result:
    """A matrix product: of two tensors, or with a learnt one."""
    first, second = step.tensors
    if first.axis is not None and first.axis == second.axis and first.folded == second.folded:
        a, b = first.sizes, second.sizes
        if len(a) >= 2 and len(a) == len(b) and a[:-2] == b[:-2] and first.axis < len(first.shape) - 2:
            return step.emit(ops.MatMul(), first, second)
    return _product(step)


@entry("einsum")
def einsum(step: Step) -> Result:
    """A sum of products over letters: a fully connected layer, products of two tensors each, or a product in another
    form, as PyTorch makes it."""
    values = step["tensors"]
    terms, result = spelt_out(step["equation"], [len(value.shape) for value in values])
    if len(values) == 2 and values[1].source in step.walk.trained and values[1].draft is None:
        x, kernel = values
        last, new = terms[0][-1:], result[-1:]
        alike = terms[1] == new + last and result[:-1] == terms[0][:-1] and new not in terms[0]
        if alike and x.place(-1) is not None and len(x.sizes) > 1:
            return step.emit(ops.Linear(kernel.shape[0], bias=False, over="last"), x, owns=[kernel])

    def by_letters() -> Value:
        before = len(step.walk.drafts)
        found = product_by_letters(step, step["equation"], values)
        if macs_of(step.walk.drafts[before:]) != step.macs():
            raise Unread  # PyTorch takes the operands in another order
        return found

    found = step.walk.tried(by_letters)
    if found is None and len(values) == 1:  # such as a diagonal
        sizes = dict(zip(terms[0], values[0].shape, strict=True))
        inner = prod(size for letter, size in sizes.items() if letter not in result)
        return step.opaque((), **{**NOTHING, "add": step.value(None).elements * (inner - 1)})
    return found or _product(step)


@entry("addmm", "baddbmm", "addbmm", "inner", "mv", "dot", "vdot", "tensordot", "chain_matmul", "addmv")
def _product(step: Step) -> Result:
    """A product in another form: opaque, its multiply-accumulates known."""
    owns = [value for value in step.tensors if value.draft is None and value.source in step.walk.trained]
    n, macs = step.value(None).elements, step.macs()
    if not macs and _summed(step):  # with a vector: PyTorch's counter does not know these
        macs = n * (_summed(step) or 0)
    added = n if step.name in ("addmm", "baddbmm", "addbmm", "addmv") else 0
    muls = 0 if macs else n * (len(step.tensors) - 1)  # nothing is summed
    return step.opaque(owns, mac=macs, add=added, mul=muls, div=0, compare=0, exp=0)


def _summed(step: Step) -> int | None:
    """How many products each number of a product of two tensors is the sum of; None where that is not known."""
    if step.name in ("matmul", "mv", "dot", "vdot", "inner"):
        return int(step.x.shape[-1])
    return int(step["vec"].shape[0]) if step.name == "addmv" else None


@entry("linalg_vecdot")
def along_an_axis(step: Step) -> Result:
    """Products of vectors along an axis, which PyTorch makes one by one, and sums."""
    n, m = max(value.elements for value in step.tensors), step.value(None).elements
    return step.opaque((), **{**NOTHING, "mul": n, "add": n - m})


@entry("bilinear")
def bilinear(step: Step) -> Result:
    """A bilinear layer: the products of each number of the one with each of the other, and a fully connected layer on
    them."""
    kernel, bias = weight(step["weight"]), step["bias"]
    out, first, second = kernel.shape
    n = step.value(None).elements
    products = n // out * first * second
    return step.opaque(
        [kernel, bias], mac=products * out, mul=products, add=n * (bias is not None), div=0, compare=0, exp=0
    )


@entry("scaled_dot_product_attention")
def attention(step: Step) -> Result:
    """Attention, step by step: each query with each key, scaled; softmax; each score with each value."""
    q, k, v, mask = step["query"], step["key"], step["value"], step["attn_mask"]
    if step["enable_gqa"] or any(value.axis != q.axis or value.folded != q.folded for value in (k, v)):
        return _attention_at_once(step)
    sizes = q.sizes
    alike = len(sizes) >= 2 and sizes[:-2] == k.sizes[:-2] and k.sizes[:-1] == v.sizes[:-1]
    if not alike or q.axis is None or q.axis >= len(q.shape) - 2:
        return _attention_at_once(step)
    rank = len(sizes)
    drafted = step.walk.drafted
    turned = step.between(ops.Permute((*range(rank - 2), rank - 1, rank - 2)), drafted(k))
    scale = step["scale"] or sizes[-1] ** -0.5
    scaled = step.between(ops.Power(factor=scale), drafted(q)) if scale != 1 else drafted(q)
    scores = step.between(ops.MatMul(), scaled, turned)
    if step["is_causal"]:  # what PyTorch adds: -inf for each key behind its query
        hidden = step.walk.fixed((q.shape[-2], k.shape[-2]), "causal_mask")
        scores = step.between(ops.Add(), scores, step.between(ops.Reshape((1,) * (rank - 2) + hidden.output), hidden))
    if mask is not None:
        full = (*q.shape[:-1], k.shape[-2])
        scores = step.between(ops.Add(), scores, step.aligned(mask, spread(mask, full, q.axis)))
    shares = step.between(ops.Softmax(axis=rank - 1), scores)
    found = step.between(ops.MatMul(), shares, drafted(v))
    return step.value(found)


def _attention_at_once(step: Step) -> Result:
    """Attention in a form that no steps of cnncalc's have, such as grouped queries: opaque, with their counts."""
    q, k, v = step["query"], step["key"], step["value"]
    keys, d, dv = k.shape[-2], q.shape[-1], v.shape[-1]
    rows = step.value(None).elements // dv
    counts = {"mac": rows * keys * (d + dv), "mul": q.elements, "add": 0, "div": 0, "compare": 0, "exp": 0}
    soft = cost_numbers(ops.Softmax(axis=1), ((rows, keys),), (rows, keys))
    for name, number in soft.items():
        if name in counts:
            counts[name] += number or 0
    counts["add"] += rows * keys * (step["attn_mask"] is not None)
    return step.opaque(**counts)


# Normalisation


@entry("batch_norm")
def batch_norm(step: Step) -> Result:
    """Batch normalisation with its running statistics."""
    x, scale, shift = step["input"], step["weight"], step["bias"]
    mean, variance = step["running_mean"], step["running_var"]
    if x.axis is None or mean is None or (scale is None) != (shift is None):
        return _moments(step, scale, shift)
    op = ops.BatchNorm(affine=scale is not None, eps=step["eps"])
    return each_image(step, op, x, owns=[scale, shift, mean, variance])


def _moments(step: Step, scale: Value | None, shift: Value | None) -> Result:
    """A normalisation of a kind that has no class: its operations as those of layer normalisation."""
    x = step.x
    c, n = x.sizes[0] if x.axis is not None else x.shape[1], x.elements
    counts = {"add": 3 * n + n * (shift is not None), "mul": 2 * n + n * (scale is not None), "div": 3 * c, "exp": c}
    return step.opaque([scale, shift], mac=0, compare=0, **counts)


def _learnt(step: Step, result: Value, scale: Value | None, shift: Value | None) -> Result:
    """A result with a scale, or a shift, that stands alone."""
    for value, op in ((scale, ops.Multiply()), (shift, ops.Add())):
        if value is not None:
            sizes = spread(value, result.shape, result.axis)
            result = step.emit(op, result, step.value(step.aligned(value, sizes)), check=False)
    return result


@entry("layer_norm")
def layer_norm(step: Step) -> Result:
    """Layer normalisation over the last axis or the whole sample."""
    x, scale, shift = step["input"], step["weight"], step["bias"]
    sizes, over = x.sizes, tuple(step["normalized_shape"])
    affine = scale is not None and shift is not None
    if over == sizes and len(sizes) > 1:
        op = ops.LayerNorm(affine=affine, over="all", eps=step["eps"])
    elif len(over) == 1 and x.place(-1) is not None:
        op = ops.LayerNorm(affine=affine, over="last" if len(sizes) > 1 else "channels", eps=step["eps"])
    else:
        return _moments(step, scale, shift)
    if affine:
        return step.emit(op, x, owns=[scale, shift])
    return _learnt(step, step.emit(op, x), scale, shift)


@entry("rms_norm")
def rms_norm(step: Step) -> Result:
    """Root mean square normalisation over the last axis."""
    x, scale = step["input"], step["weight"]
    if len(step["normalized_shape"]) != 1 or x.place(-1) is None:
        n, over = x.elements, prod(step["normalized_shape"])
        rows = n // over
        return step.opaque([scale], mac=0, mul=n * (2 + (scale is not None)), add=n, div=rows, exp=rows, compare=0)
    eps = step["eps"] or 1.1920928955078125e-07
    return step.emit(ops.RMSNorm(affine=scale is not None, over="last", eps=eps), x, owns=[scale])


@entry("group_norm")
def group_norm(step: Step) -> Result:
    """Group normalisation."""
    x, scale, shift = step["input"], step["weight"], step["bias"]
    affine = scale is not None and shift is not None
    op = ops.GroupNorm(step["num_groups"], affine=affine, eps=step["eps"])
    result = each_image(step, op, x, owns=[scale, shift] if affine else [])
    return result if affine else _learnt_channels(step, result, scale, shift)


@entry("instance_norm")
def instance_norm(step: Step) -> Result:
    """Instance normalisation; with its running statistics it is batch normalisation, and where it also keeps those, it
    has no class."""
    x, scale, shift = step["input"], step["weight"], step["bias"]
    if step["running_mean"] is not None:
        return batch_norm(step) if not step["use_input_stats"] else _moments(step, scale, shift)
    op = ops.InstanceNorm(affine=scale is not None, eps=step["eps"])
    return each_image(step, op, x, owns=[scale, shift])


def _learnt_channels(step: Step, result: Value, scale: Value | None, shift: Value | None) -> Result:
    if scale is not None or shift is not None:
        raise Unread
    return result


# Activations


def activation(make: Callable[[Step], Op]) -> Entry:
    """An entry of an op on each element."""

    def read(step: Step) -> Result:
        return step.emit(make(step), same_axis(step))

    return read


TABLE |= {
    "relu": activation(lambda step: ops.ReLU()),
    "relu6": activation(lambda step: ops.ReLU6()),
    "leaky_relu": activation(lambda step: ops.LeakyReLU(step["negative_slope"])),
    "sigmoid": activation(lambda step: ops.Sigmoid()),
    "tanh": activation(lambda step: ops.Tanh()),
    "silu": activation(lambda step: ops.SiLU()),
    "gelu": activation(lambda step: ops.GELU(step["approximate"])),
    "hardswish": activation(lambda step: ops.HardSwish()),
    "hardsigmoid": activation(lambda step: ops.HardSigmoid()),
    "selu": activation(lambda step: ops.SELU()),
    "celu": activation(lambda step: ops.CELU(step["alpha"])),
    "mish": activation(lambda step: ops.Mish()),
    "softplus": activation(lambda step: ops.Softplus(step["beta"], step["threshold"])),
    "rrelu": activation(lambda step: ops.LeakyReLU(_middle(step))),  # in training the slope is drawn
    "dropout": activation(lambda step: ops.Dropout(step["p"])),
    "feature_dropout": activation(lambda step: ops.Dropout(step["p"])),
}


@entry("alpha_dropout", "feature_alpha_dropout")
def alpha_dropout(step: Step) -> Result:
    """Dropout that keeps mean and deviation; where it is not trained, it does nothing either."""
    if step["train"]:
        raise Unread
    return step.emit(ops.Dropout(step["p"]), same_axis(step))


def _middle(step: Step) -> float:
    """The slope of a randomised leaky relu as it is not trained."""
    return float(step["lower"] + step["upper"]) / 2


@entry("glu")
def glu(step: Step) -> Result:
    """One half of an axis, by the sigmoid of the other."""
    x, axis = step.x, step.x.place(step["dim"])
    half = step.shape[step["dim"]]
    first, gate = (part(step, x, axis, start, start + half, step.shape) for start in (0, half))
    shares = step.between(ops.Sigmoid(), step.walk.drafted(gate))
    return step.value(step.between(ops.Multiply(), step.walk.drafted(first), shares))


@entry("elu")
def elu(step: Step) -> Result:
    """ELU as it is called on its own."""
    if step["scale"] != 1 or step["input_scale"] != 1:
        raise Unread
    return step.emit(ops.ELU(step["alpha"]), same_axis(step))


@entry("hardtanh", "clamp", "clip")
def clamp(step: Step) -> Result:
    """Cut to a range; relu and relu6 are cases of it."""
    _, low, high = list(step.args.values())[:3]
    if isinstance(low, Value) or isinstance(high, Value):
        bounds = (low is not None) + (high is not None)
        return step.opaque(mac=0, add=0, mul=0, div=0, compare=bounds * step.value(None).elements, exp=0)
    if low == 0 and high == 6:
        return step.emit(ops.ReLU6(), same_axis(step))
    if low is None or high is None:
        return _one_each("compare")(step)
    return step.emit(ops.HardTanh(low, high), same_axis(step))


@entry("prelu")
def prelu(step: Step) -> Result:
    """PReLU, one slope or one a channel."""
    slope = weight(step["weight"])
    return each_image(step, ops.PReLU(per_channel=slope.shape[0] > 1), step.x, owns=[slope])


@entry("softmax", "_softmax", "log_softmax", "_log_softmax")
def softmax(step: Step) -> Result:
    """Softmax, or its logarithm, along an axis."""
    axis = step.x.place(step["dim"])
    if axis is None or (step.x.folded and step["dim"] % len(step.shape) == step.x.axis):
        raise Unread
    kind = ops.LogSoftmax if "log" in step.name else ops.Softmax
    return step.emit(kind(axis=axis), step.x)


# Pooling


@entry(*(f"max_pool{n}d{more}" for n in (1, 2, 3) for more in ("", "_with_indices")))
def max_pool(step: Step) -> Result:
    """Max pooling."""
    op = ops.MaxPool(
        short(step["kernel_size"]),
        stride=_stride(step),
        padding=short(step["padding"]),
        dilation=short(step["dilation"]),
        ceil=step["ceil_mode"],
    )
    value = each_image(step, op, step.x)
    return (value, None) if step.name.endswith("indices") else value


def _stride(step: Step) -> Any:
    """A pool's stride; None where it is the kernel's size."""
    stride, kernel = step["stride"], step["kernel_size"]
    return None if not stride or short(stride) == short(kernel) else short(stride)


@entry("avg_pool1d", "avg_pool2d", "avg_pool3d")
def avg_pool(step: Step) -> Result:
    """Average pooling."""
    padding = short(step["padding"])
    op = ops.AvgPool(
        short(step["kernel_size"]),
        stride=_stride(step),
        padding=padding,
        ceil=step["ceil_mode"],
        count_include_pad=True if padding == 0 and not step["ceil_mode"] else step["count_include_pad"],
    )
    if step.args.get("divisor_override") is not None:  # sums, divided by a number of the module's choice
        return _work_of(step, op)
    return each_image(step, op, step.x)


def _work_of(step: Step, op: Op) -> Result:
    """The step as an opaque op, with the work of an op on each image."""
    image = step.x.shape[1:]
    costs = cost_numbers(op, (image,), op.output_shape(image))
    images = step.x.elements // prod(image)
    return step.opaque((), **{name: (costs.get(name, 0) or 0) * images for name in NOTHING})


@entry("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d")
def adaptive_avg_pool(step: Step) -> Result:
    """Average pooling to a size."""
    size = short(step["output_size"])
    return each_image(step, ops.GlobalAvgPool() if size == 1 else ops.AdaptiveAvgPool(size), step.x)


@entry("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d")
def adaptive_max_pool(step: Step) -> Result:
    """Max pooling to a size."""
    size = short(step["output_size"])
    value = each_image(step, ops.GlobalMaxPool() if size == 1 else ops.AdaptiveMaxPool(size), step.x)
    return value, None


# Arithmetic


def _merge(
    make: Callable[[], Op], number: Callable[[Any], Op], kind: str, turned: Callable[[Any], Op] | None = None
) -> Entry:
    """An entry of an op on two tensors, or on one and a number (`turned`, where the number is the first). In a form
    that is none of cnncalc's, it is an operation of the `kind` for each element of its output."""

    def read(step: Step) -> Result:
        if step.complex:
            return _complex(step, kind)
        rounded = step.args.get("rounding_mode") is not None
        found = None if rounded else step.walk.tried(lambda: form(step))
        scaled = step.args.get("alpha", 1) != 1
        return found or one_each(step, kind, *(["compare"] if rounded else []), *(["mul"] if scaled else []))

    def form(step: Step) -> Result:
        first, second = list(step.args.values())[:2]
        alpha = step.args.get("alpha", 1)
        if not isinstance(second, Value):
            return step.emit(number(second if alpha == 1 else second * alpha), same_axis(step))
        if not isinstance(first, Value):
            if turned is None:
                raise Unread
            return step.emit(turned(first), second)
        if alpha != 1:
            second = Value(
                second.shape,
                second.batch,
                second.axis,
                step.between(ops.Power(factor=alpha), step.walk.drafted(second)),
            )
        return merged(step, make(), first, second)

    return read


def _complex(step: Step, kind: str) -> Result:
    """A sum of complex numbers is two; a product is four, and two sums.

    Raises:
        Unread: another operation.
    """
    n = step.value(None).elements
    if kind not in ("add", "mul"):
        raise Unread
    products, sums = (4 * n, 2 * n) if kind == "mul" else (0, 2 * n)
    return step.opaque(mac=0, add=sums, mul=products, div=0, compare=0, exp=0)


def _power(**options: str) -> Callable[[Any], Op]:
    """The op of a number, that stands for an option of `Power`."""

    def make(number: Any) -> Op:
        return ops.Power(**{name: _signed(number, sign) for name, sign in options.items()})

    return make


def _signed(number: Any, sign: str) -> float:
    """A number, its negative, or its inverse."""
    if sign == "/":
        return 1 / number if number else 0.0
    return float(-number if sign == "-" else number)


TABLE |= {
    "add": _merge(ops.Add, _power(shift="+"), "add"),
    "sub": _merge(ops.Subtract, _power(shift="-"), "add", lambda number: ops.Power(factor=-1, shift=float(number))),
    "mul": _merge(ops.Multiply, _power(factor="+"), "mul"),
    "div": _merge(ops.Divide, _power(factor="/"), "div"),
    "maximum": _merge(ops.Maximum, _power(shift="+"), "compare"),
    "minimum": _merge(ops.Minimum, _power(shift="+"), "compare"),
    "rsub": lambda step: _turned_difference(step),
    "pow": lambda step: _raised(step),
}


def _turned_difference(step: Step) -> Result:
    """A number, or a tensor, less the tensor, which may be scaled before."""
    if isinstance(step["other"], Value):
        return one_each(step, "add", *(["mul"] if step["alpha"] != 1 else []))
    return step.emit(ops.Power(factor=-float(step["alpha"]), shift=float(step["other"])), same_axis(step))


def _raised(step: Step) -> Result:
    """A tensor to a fixed power; 2 to the power of a tensor is transcendental too."""
    exponent = step["exponent"]
    if isinstance(exponent, Value):
        return _one_each("exp")(step)
    return step.emit(ops.Power(float(exponent)), same_axis(step))


for _name in ("abs", "cos", "erf", "exp", "log", "neg", "reciprocal", "rsqrt", "sign", "sin", "sqrt", "square"):
    TABLE[_name] = activation(lambda step: ops.Apply(step.name))  # type: ignore[arg-type]


def _one_each(*kinds: str) -> Entry:
    """An entry of an op that is one operation of each kind for each element of its output."""
    return lambda step: one_each(step, *kinds)


_COMPARED = (
    "eq ne lt gt le ge where masked_fill clamp_min clamp_max logical_not logical_and logical_or bitwise_not floor ceil "
    "round trunc isnan argmax argmin any all bitwise_and bitwise_or bitwise_xor logical_xor __and__ __or__ __xor__ "
    "threshold isinf isfinite cummax cummin bitwise_left_shift bitwise_right_shift __lshift__ __rshift__"
)
for _name in _COMPARED.split():
    TABLE[_name] = _one_each("compare")
TABLE["cumsum"] = _one_each("add")
TABLE["cumprod"] = _one_each("mul")
TABLE["diff"] = _one_each("add")
TABLE["hardshrink"] = _one_each("compare", "compare")
TABLE["softshrink"] = _one_each("compare", "compare", "add")
TABLE["log_sigmoid"] = _one_each("compare", "compare", "exp", "exp", "add", "add")
TABLE["addcmul"] = _one_each("add", "mul")
TABLE["lerp"] = _one_each("add", "mul")
TABLE["remainder"] = TABLE["fmod"] = _one_each("div")
TABLE["floor_divide"] = _one_each("div", "compare")
for _name in (
    "log2",
    "log1p",
    "expm1",
    "atan2",
    "atan",
    "log10",
    "exp2",
    "acos",
    "asin",
    "sinh",
    "cosh",
    "tan",
    "erfc",
):
    TABLE[_name] = _one_each("exp")


def _reduction(kind: Any) -> Entry:
    """An entry of a mean, sum or maximum over axes."""

    def read(step: Step) -> Result:
        x, dims, keep = step.x, step.args.get("dim"), step.args.get("keepdim") or False
        dims = list(range(len(x.shape))) if dims in (None, []) else [dims] if isinstance(dims, int) else dims
        found = step.walk.tried(lambda: reduced(step, kind, x, dims, keep))
        if found is not None:
            return found
        n, m = x.elements, step.value(None).elements  # such as over the batch
        sums = "compare" if kind is ops.Max else "add"
        return step.opaque((), **{**NOTHING, sums: n - m, "div": m * (kind is ops.Mean)})

    return read


TABLE |= {"mean": _reduction(ops.Mean), "sum": _reduction(ops.Sum), "amax": _reduction(ops.Max)}


@entry("prod", "amin")
def product_or_smallest(step: Step) -> Result:
    """The product of numbers, or the smallest of them."""
    kind = "mul" if step.name == "prod" else "compare"
    return step.opaque((), **{**NOTHING, kind: step.x.elements - step.value(None).elements})


@entry("logsumexp")
def logsumexp(step: Step) -> Result:
    """The logarithm of a sum of exponentials, the largest taken away before."""
    n, m = step.x.elements, step.value(None).elements
    return step.opaque(mac=0, mul=0, add=2 * n, div=0, compare=n - m, exp=n + m)


@entry("cdist")
def distances(step: Step) -> Result:
    """How far each vector of the one is from each of the other: differences, their squares, a sum and its root."""
    n, d = step.value(None).elements, step.x.shape[-1]
    if step["p"] != 2:
        raise Unread
    return step.opaque(mac=0, mul=n * d, add=n * (2 * d - 1), div=0, compare=0, exp=n)


@entry("cosine_similarity", "pairwise_distance")
def likeness(step: Step) -> Result:
    """Of pairs of vectors, the cosine between them, or how far they are apart."""
    m = step.value(None).elements
    n = max(value.elements for value in step.tensors)
    if step.name == "pairwise_distance":
        return step.opaque(mac=0, mul=n, add=3 * n - m, div=0, compare=0, exp=m)
    return step.opaque(mac=0, mul=3 * n + m, add=3 * (n - m), div=m, compare=2 * m, exp=m)


@entry("sort", "argsort", "topk", "median", "nanmedian", "kthvalue", "mode", "unique_consecutive", "msort")
def ordered(step: Step) -> Result:
    """An order: how many comparisons it takes is not known, and it takes nothing else."""
    return _in_part(step)


def _in_part(step: Step, owns: Sequence[Value | None] = ()) -> Result:
    """An op without multiply-accumulates, of which the other counts are not known."""
    step.walk.unknown[step.name] = step.walk.unknown.get(step.name, 0) + 1
    return step.opaque(owns, mac=0)


@entry("_weight_norm")
def weight_norm(step: Step) -> Result:
    """A weight of learnt directions and lengths: each direction's length, the quotient of both, and the product."""
    v, g = step["v"], step["g"]
    n, m = v.elements, g.elements
    return step.opaque([v, g], mac=0, mul=2 * n, add=n - m, div=m, exp=m, compare=0)


@entry("linalg_vector_norm", "norm")
def vector_norm(step: Step) -> Result:
    """The root of a sum of squares; or a sum of absolute values."""
    n, m = step.x.elements, step.value(None).elements
    power = step.args.get("ord", step.args.get("p", 2))
    if power == 1:
        return step.opaque((), **{**NOTHING, "compare": n, "add": n - m})
    if power not in (2, None):
        raise Unread
    return step.opaque(mac=0, mul=n, add=n - m, exp=m, div=0, compare=0)


@entry("var", "var_mean", "std", "std_mean")
def variance(step: Step) -> Result:
    """Mean and variance: two sums, the centring, the squares; and a root for the deviation."""
    n, m = step.x.elements, step.value(None).elements
    roots = m if step.name.startswith("std") else 0
    return step.opaque(mac=0, add=3 * n - 2 * m, mul=n, div=2 * m, exp=roots, compare=0)


@entry("col2im")
def fold(step: Step) -> Result:
    """Blocks put back into an image, summed where they overlap."""
    return step.opaque(mac=0, add=step.x.elements, mul=0, div=0, compare=0, exp=0)


@entry("max", "min", "aminmax")
def largest(step: Step) -> Result:
    """The largest along an axis, and where it is."""
    if len(step.tensors) > 1:
        raise Unread
    return step.opaque(mac=0, compare=step.x.elements - step.value(None).elements, add=0, mul=0, div=0, exp=0)


# Shape


@entry("view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as", "reshape_as")
def reshape(step: Step) -> Result:
    """The same elements in another shape; one of the batch's alone is no change."""
    return seen_anew(step, step.x)


@entry("permute", "transpose", "t", "movedim", "moveaxis", "swapaxes", "swapdims", "numpy_T", "mT", "adjoint")
def permute(step: Step) -> Result:
    """The axes in another order."""
    x, rank = step.x, len(step.x.shape)
    if "dims" in step.args:
        order = [dim % rank for dim in step["dims"]]
    elif "dim0" in step.args or "axis0" in step.args:
        a, b = list(step.args.values())[1:3]
        order = list(range(rank))
        order[a % rank], order[b % rank] = order[b % rank], order[a % rank]
    elif "source" in step.args:
        order = _moved_to(step["source"], step["destination"], rank)
    elif step.name == "numpy_T":
        order = list(range(rank))[::-1]
    elif step.name in ("t", "mT", "adjoint"):
        order = [*range(rank - 2), rank - 1, rank - 2] if rank >= 2 else list(range(rank))
    else:
        raise Unread
    return permuted(step, x, order)


def _moved_to(source: Any, destination: Any, rank: int) -> list[int]:
    """The order of axes of which some are moved to other places.

    >>> _moved_to(1, -1, 4), _moved_to([0, 1], [1, 0], 3)
    ([0, 2, 3, 1], [1, 0, 2])
    """
    sources, places = ([axes] if isinstance(axes, int) else axes for axes in (source, destination))
    put = {place % rank: axis % rank for axis, place in zip(sources, places, strict=True)}
    rest = iter([axis for axis in range(rank) if axis not in put.values()])
    return [put[place] if place in put else next(rest) for place in range(rank)]


@entry(
    *("contiguous", "clone", "detach", "alias", "to", "_to_copy", "type_as", "lift_fresh_copy", "lift_fresh"),
    *("dropout_inference", "identity", "positive", "float", "half", "lift", "detach_copy", "conj", "resolve_conj"),
)
def unchanged(step: Step) -> Result:
    """The tensor itself: its elements and their order, as far as counting goes."""
    return step.x if step.shape == step.x.shape else seen_anew(step, step.x)


@entry("expand", "expand_as", "broadcast_to")
def expand(step: Step) -> Result:
    """A tensor spread over more; over the batch alone it is no change."""
    x, result = step.x, step.value(None)
    full = (1,) * (len(step.shape) - len(x.shape)) + x.shape
    others = [axis for axis in range(len(step.shape)) if axis != result.axis]
    if all(full[axis] == step.shape[axis] for axis in others) and not result.folded:
        draft = step.aligned(x, result.sizes)
        return Value(step.shape, x.batch, result.axis, draft)
    return step.moved()


@entry("slice", "narrow", "select")
def cut(step: Step) -> Result:
    """A range of an axis, or one place of it."""
    x, dim = step.x, step["dim"]
    size, place = x.shape[dim], x.place(dim)
    if step.name == "select":
        start = step["index"] % size
        return part(step, x, place, start, start + 1, step.shape)
    if step.name == "narrow":
        start, stop, every = step["start"], step["start"] + step["length"], 1
    else:
        every = step["step"] or 1
        start, stop = (_bounded(step[key], size, default) for key, default in (("start", 0), ("end", size)))
    if start == 0 and stop == size and every == 1:
        return Value(step.shape, x.batch, x.axis, x.draft, x.source)
    return part(step, x, place, start, stop, step.shape, every)


def _bounded(number: int | None, size: int, default: int) -> int:
    """An end of a range as Python reads it."""
    if number is None:
        return default
    return min(max(number + size if number < 0 else number, 0), size)


@entry("split", "split_with_sizes", "chunk", "unbind", "tensor_split", "unsafe_chunk", "unsafe_split", "hsplit")
def parts(step: Step) -> Result:
    """A tensor cut into several along an axis."""
    x, dim = step.x, 1 if step.name == "hsplit" else step.args.get("dim", 0)
    place = x.place(dim)
    found, start = [], 0
    for shape in step.shapes:
        size = 1 if step.name == "unbind" else shape[dim]
        found.append(part(step, x, place, start, start + size, shape))
        start += size
    return tuple(found)


@entry("cat", "concat", "concatenate", "hstack", "dstack")
def cat(step: Step) -> Result:
    """Tensors one after the other."""
    tensors = [value for value in step["tensors"] if value.elements]
    return joined(step, tensors, {"hstack": 1, "dstack": 2}.get(step.name) or step["dim"])


@entry("stack")
def stack(step: Step) -> Result:
    """Tensors side by side along a new axis."""
    result = step.value(None)
    place = result.place(step["dim"])
    if place is None or result.folded or len({value.axis for value in step["tensors"]}) > 1:
        return step.moved()
    return step.walk.tried(lambda: step.emit(ops.Stack(axis=place), *step["tensors"])) or step.moved()


@entry("pad", "constant_pad_nd")
def pad(step: Step) -> Result:
    """Something around the image, or the channels; negative sizes cut."""
    x, flat, mode = step.x, list(step["pad"]), step.args.get("mode", "constant")
    if x.axis != 0 or x.folded:
        return step.moved()
    pairs = [(0, 0)] * len(x.sizes)
    for number in range(len(flat) // 2):
        pairs[len(x.sizes) - 1 - number] = (flat[2 * number], flat[2 * number + 1])
    return padded(step, x, pairs, mode, step.args.get("value") or 0.0)


@entry(
    "reflection_pad1d",
    "reflection_pad2d",
    "reflection_pad3d",
    "replication_pad1d",
    "replication_pad2d",
    "replication_pad3d",
)
def mirrored(step: Step) -> Result:
    """The image's own rows around it."""
    step.args["pad"] = step["padding"]
    step.args["mode"] = "reflect" if step.name.startswith("reflection") else "replicate"
    return pad(step)


@entry("roll")
def roll(step: Step) -> Result:
    """All positions moved on."""
    x = step.x
    places = [x.place(dim) for dim in step["dims"]]
    rank = len(x.sizes)
    if None in places or 0 in places or x.folded or not places:
        return step.moved()
    shifts = [0] * (rank - 1)
    for place, shift in zip(places, step["shifts"], strict=True):
        shifts[(place or 0) - 1] = shift
    return step.emit(ops.Roll(short(shifts)), x)


@entry(*(f"{word}{n}d" for n in (1, 2, 3) for word in ("upsample_nearest", "_upsample_nearest_exact")))
def nearest(step: Step) -> Result:
    """Upsampling that repeats elements. `nearest-exact` looks from the middle of an output: the same ones only
    where the sizes divide."""
    pairs = zip(step.shape[2:], step.x.shape[2:], strict=True)
    if "exact" in step.name and any(size % before for size, before in pairs):
        return step.moved()
    return each_image(step, ops.Upsample(size=short(step.shape[2:])), step.x)


@entry("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d")
def interpolated(step: Step) -> Result:
    """Upsampling between the nearest elements."""
    size = short(step.shape[2:])
    return each_image(step, ops.Upsample(size=size, mode="linear", align_corners=step["align_corners"]), step.x)


@entry("upsample_bicubic2d")
def bicubic(step: Step) -> Result:
    """Upsampling between the nearest 4 x 4 elements."""
    if step.x.axis is None:  # of a weight, such as a table of positions: 16 products each
        n = step.value(None).elements
        return step.opaque(mac=0, mul=16 * n, add=15 * n, div=0, compare=0, exp=0)
    size = short(step.shape[2:])
    return each_image(step, ops.Upsample(size=size, mode="cubic", align_corners=step["align_corners"]), step.x)


@entry("_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa")
def antialiased(step: Step) -> Result:
    """Resizing between as many elements as an output covers, as PyTorch does on a processor: along the rows, then along
    the columns."""
    (height, width), (rows, columns) = step.x.shape[-2:], step.shape[-2:]
    if step["align_corners"]:
        raise Unread
    reach = 2 if "bicubic" in step.name else 1
    images = step.value(None).elements // (rows * columns)
    across = images * height * _covered(width, columns, reach)
    down = images * columns * _covered(height, rows, reach)
    sums = across - images * height * columns + down - images * rows * columns
    return step.opaque(mac=0, mul=across + down, add=sums, div=0, compare=0, exp=0)


def _covered(size: int, output: int, reach: int) -> int:
    """How many elements of an axis all outputs along it are made of.

    >>> _covered(4, 2, 1), _covered(2, 4, 1)
    (6, 6)
    """
    scale = size / output
    support = reach * max(scale, 1.0)
    centres = [(place + 0.5) * scale for place in range(output)]
    return sum(min(int(at + support + 0.5), size) - max(int(at - support + 0.5), 0) for at in centres)


@entry("pixel_shuffle", "pixel_unshuffle")
def pixels(step: Step) -> Result:
    """Channels dealt out over space, or gathered from it."""
    if step.name == "pixel_shuffle":
        return each_image(step, ops.PixelShuffle(step["upscale_factor"]), step.x)
    return each_image(step, ops.PixelUnshuffle(step["downscale_factor"]), step.x)


@entry("channel_shuffle", "native_channel_shuffle")
def shuffle(step: Step) -> Result:
    """Channels of groups dealt out in turn."""
    return each_image(step, ops.ChannelShuffle(step["groups"]), step.x)


@entry("grid_sampler", "grid_sampler_2d", "grid_sampler_3d")
def sampled(step: Step) -> Result:
    """An image read at places that are computed: nothing is summed over channels."""
    return _in_part(step)


@entry("embedding_bag", "_embedding_bag")
def embedding_bag(step: Step) -> Result:
    """Sums, means or the largest of learnt vectors."""
    table, out = weight(step["weight"]), step.value(None).elements
    n = step["indices"].elements * table.shape[1] - out
    if step["per_sample_weights"] is not None:
        raise Unread
    kind = "compare" if step["mode"] == 2 else "add"
    return step.opaque([table], **{**NOTHING, kind: n, "div": out if step["mode"] == 1 else 0})


@entry("embedding")
def embedding(step: Step) -> Result:
    """A learnt vector for each number."""
    table, numbers = weight(step["weight"]), step["indices"]
    if numbers.axis != 0 or numbers.folded or len(numbers.shape) != 2:  # such as positions, the same in each sample
        return step.opaque([table], mac=0, add=0, mul=0, div=0, compare=0, exp=0)
    return step.emit(ops.Embedding(table.shape[1], count=table.shape[0]), numbers, owns=[table])


@entry(
    *("index", "gather", "index_select", "repeat", "repeat_interleave", "unfold", "im2col", "flip", "copy", "tile"),
    *("arange", "zeros", "ones", "full", "empty", "zeros_like", "ones_like", "full_like", "new_zeros", "new_ones"),
    *(
        "eye",
        "linspace",
        "meshgrid",
        "scalar_tensor",
        "zero",
        "fill",
        "rot90",
        "take_along_dim",
        "diagonal",
        "new_full",
    ),
    *("tril", "triu", "empty_like", "new_empty", "_shape_as_tensor", "as_strided", "tensor", "view_as_complex"),
    *("view_as_real", "masked_select", "nonzero", "broadcast_tensors", "one_hot", "rand", "randn"),
)
def moved(step: Step) -> Result:
    """Elements moved, repeated or made; nothing is computed with them."""
    return step.moved()


@entry("_assert_tensor_metadata", "_assert_async", "sym_size", "sym_numel", "_assert_scalar", "sym_constrain_range")
def nothing(step: Step) -> Result:
    """A check, of which no tensor comes."""
    return None
