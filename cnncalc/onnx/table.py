"""The table: for each operator of ONNX, what it is in cnncalc.

An entry takes a `Step` and gives the tensor, or the tensors, that it makes. It raises `Unread` for a form that it does
not know; the operator is then opaque, and nothing of it is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, prod
from typing import Any

from cnncalc import ops
from cnncalc.onnx.walk import Step, named
from cnncalc.ops.base import Op
from cnncalc.reading.drafts import Draft, Value
from cnncalc.reading.forms import (
    inseparable,
    joined,
    merged,
    one_each,
    padded,
    padding_of,
    part,
    permuted,
    plain,
    reduced,
    seen_anew,
    short,
    spread,
    weight,
)
from cnncalc.reading.letters import product_by_letters, spelt_out
from cnncalc.reading.steps import Result, Unread, entries

Entry = Callable[[Step], Result]
TABLE: dict[str, Entry] = {}
entry = entries(TABLE)


def emit(step: Step, op: Op, *inputs: Value, **options: Any) -> Value:
    """The tensor that an op gives, under the node's own name."""
    value = step.emit(op, *inputs, **options)
    if value.draft is not None:
        named(value.draft, step.node)
    return value


# Convolutions and pooling


def windows(step: Step, x: Value, kernel: Sequence[int]) -> dict[str, Any]:
    """The options of a window: stride, dilation and padding."""
    rank = len(kernel)
    stride, dilation = step.integers("strides") or [1] * rank, step.integers("dilations") or [1] * rank
    sizes = x.sizes[1:]
    if not len(stride) == len(dilation) == len(sizes) == rank:
        raise Unread
    pads = step.integers("pads") or [0] * (2 * rank)
    pairs = list(zip(pads[:rank], pads[rank:], strict=True))
    word = step.text("auto_pad", "NOTSET")
    if word in ("SAME_UPPER", "SAME_LOWER"):
        pairs = []
        for n, k, s, d in zip(sizes, kernel, stride, dilation, strict=True):
            total = max((ceil(n / s) - 1) * s + (k - 1) * d + 1 - n, 0)
            small, large = total // 2, total - total // 2
            pairs.append((small, large) if word == "SAME_UPPER" else (large, small))
    elif word == "VALID":
        pairs = [(0, 0)] * rank
    return {"stride": short(stride), "dilation": short(dilation), "padding": padding_of(pairs)}


def bias_of(step: Step, number: int) -> Value | None:
    """The bias among the inputs, as it is stored; None if there is none, or it is known to be zero.

    Raises:
        Unread: it is computed.
    """
    value, numbers = step.input(number), step.known(number)
    if value is None or (value.source is None and numbers is not None and not numbers.any()):
        return None
    return weight(value)


@entry("Conv")
def convolution(step: Step) -> Result:
    """A convolution; one whose weights are computed is opaque, its multiply-accumulates known."""
    x, kernel = step.given(0), step.given(1)
    if kernel.source not in step.walk.trained or x.axis is None:
        return _computed_convolution(step, kernel, (2,))
    return _convolved(step, plain(x), kernel, bias_of(step, 2))


def _convolved(step: Step, x: Value, kernel: Value, bias: Value | None) -> Result:
    sizes, groups = kernel.shape[2:], step.integer("group", 1)
    options = {"kernel": short(sizes), **windows(step, x, sizes), "bias": bias is not None}
    c_in, c_out = x.sizes[0], kernel.shape[0]
    if groups < 1 or kernel.shape[1] * groups != c_in:
        raise Unread
    if groups > 1 and groups == c_in and c_out % c_in == 0:
        op: Op = ops.Depthwise(multiplier=c_out // c_in, **options)
    else:
        op = ops.Conv(c_out, groups=groups, **options)
    return emit(step, op, x, owns=[kernel, bias])


def _computed_convolution(step: Step, kernel: Value, biases: Sequence[int]) -> Result:
    bias = next((value for number in biases if (value := step.input(number)) is not None), None)
    owns = [value for value in (kernel, bias) if value is not None and value.source is not None]
    n = step.value(None).elements
    added = 0 if bias is None else n
    return step.opaque(owns, mac=n * prod(kernel.shape[1:]), add=added, mul=0, div=0, compare=0, exp=0)


def quantised(step: Step, number: int) -> Value | None:
    """A stored tensor of whole numbers that stand for a weight's; None if there is none.

    Raises:
        Unread: it is computed.
    """
    value = step.input(number)
    if value is None:
        return None
    name = step.node.input[number]
    if value.draft is not None or name not in step.walk.files:
        raise Unread
    step.walk.kept.add(name)
    step.walk.trained.add(name)
    return Value(value.shape, value.batch, None, None, name)


@entry("QLinearConv", "ConvInteger")
def quantised_convolution(step: Step) -> Result:
    """A convolution of whole numbers: its multiply-accumulates are those of the real one."""
    x, places = plain(step.given(0)), (3, 8) if step.name == "QLinearConv" else (1, 9)
    kernel = quantised(step, places[0])
    if kernel is None:
        raise Unread
    return _convolved(step, x, kernel, quantised(step, places[1]))


@entry("QLinearMatMul", "MatMulInteger")
def quantised_product(step: Step) -> Result:
    """A matrix product of whole numbers, with a stored one."""
    x, kernel = step.given(0), quantised(step, 3 if step.name == "QLinearMatMul" else 1)
    if kernel is None or len(kernel.shape) != 2 or x.axis is None or x.place(-1) is None:
        raise Unread
    op = ops.Linear(kernel.shape[1], bias=False, over="last" if len(x.sizes) > 2 else None)
    return emit(step, op, x, owns=[kernel])


@entry("ConvTranspose")
def transposed(step: Step) -> Result:
    """A transposed convolution."""
    x, kernel, bias = plain(step.given(0)), weight(step.given(1)), bias_of(step, 2)
    sizes, groups = kernel.shape[2:], step.integer("group", 1)
    if step.text("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or step.integers("output_shape"):
        raise Unread
    found = windows(step, x, sizes)
    padding = found["padding"]
    if not isinstance(padding, int) and any(isinstance(pair, tuple) for pair in padding):
        raise Unread
    more = step.integers("output_padding") or [0] * len(sizes)
    op = ops.ConvTranspose(
        kernel.shape[1] * groups,
        kernel=short(sizes),
        output_padding=short(more),
        groups=groups,
        bias=bias is not None,
        **found,
    )
    return emit(step, op, x, owns=[kernel, bias])


@entry("MaxPool")
def max_pool(step: Step) -> Result:
    """Max pooling; the places of the largest are given without more."""
    x, kernel = plain(step.given(0)), step.integers("kernel_shape") or []
    options = _pool_options(step, x, kernel)
    value = emit(step, ops.MaxPool(short(kernel), ceil=bool(step.integer("ceil_mode")), **options), x)
    return (value, value)[: len(step.shapes)]


def _pool_options(step: Step, x: Value, kernel: list[int]) -> dict[str, Any]:
    options = windows(step, x, kernel)
    if options["stride"] == short(kernel):
        options["stride"] = None
    return options


@entry("AveragePool", "LpPool")
def avg_pool(step: Step) -> Result:
    """Average pooling, or the root of a mean of powers."""
    x, kernel, rounded_up = plain(step.given(0)), step.integers("kernel_shape") or [], bool(step.integer("ceil_mode"))
    options = _pool_options(step, x, kernel)
    if options.pop("dilation") != 1:
        raise Unread
    if step.name == "LpPool":
        return emit(step, ops.LPPool(short(kernel), p=float(step.integer("p", 2)), ceil=rounded_up, **options), x)
    plainly = options["padding"] == 0 and not rounded_up
    counted = True if plainly else bool(step.integer("count_include_pad"))
    return emit(step, ops.AvgPool(short(kernel), ceil=rounded_up, count_include_pad=counted, **options), x)


@entry("GlobalAveragePool", "GlobalMaxPool")
def global_pool(step: Step) -> Result:
    """Pooling to one position."""
    op: Op = ops.GlobalAvgPool() if step.name == "GlobalAveragePool" else ops.GlobalMaxPool()
    return _kept_one(step, op, plain(step.given(0)))


def _kept_one(step: Step, op: Op, x: Value) -> Result:
    """A global pooling, in the shape that the graph has: [C, 1, 1]."""
    draft = step.draft(op, [step.walk.drafted(x)])
    named(draft, step.node)
    result = step.value(None)
    return step.value(draft if draft.output == result.sizes else step.between(ops.Reshape(result.sizes), draft))


# Products


@entry("Gemm")
def gemm(step: Step) -> Result:
    """A matrix product with a bias: a fully connected layer, where the second is stored."""
    x, kernel = step.given(0), step.given(1)
    if (step.real("alpha", 1), step.real("beta", 1)) != (1, 1) or step.integer("transA"):
        raise Unread
    if kernel.source not in step.walk.trained or x.place(-1) is None or len(kernel.shape) != 2:
        return _product(step, x.shape[-1], owns=(1, 2), added=step.input(2) is not None)
    bias = bias_of(step, 2)
    out = kernel.shape[0] if step.integer("transB") else kernel.shape[1]
    if bias is not None and prod(bias.shape) != out:
        raise Unread
    return emit(step, ops.Linear(out, bias=bias is not None), x, owns=[kernel, bias])


@entry("MatMul")
def matmul(step: Step) -> Result:
    """A matrix product: of two tensors, or with a stored one."""
    first, second = step.given(0), step.given(1)
    stored = second.axis is None and second.source in step.walk.trained and len(second.shape) == 2
    if stored and first.axis is not None and first.place(-1) is not None and len(first.shape) > 1:
        op = ops.Linear(second.shape[1], bias=False, over="last" if len(first.sizes) > 2 else None)
        return emit(step, op, first, owns=[second])
    if first.axis is not None and first.axis == second.axis and first.folded == second.folded:
        a, b = first.sizes, second.sizes
        if len(a) >= 2 and len(a) == len(b) and a[:-2] == b[:-2] and first.axis < len(first.shape) - 2:
            return emit(step, ops.MatMul(), first, second)
    return _product(step, first.shape[-1])


def _product(step: Step, inner: int, owns: Sequence[int] = (0, 1), added: bool = False) -> Result:
    """A product in another form: opaque, its multiply-accumulates known."""
    n = step.value(None).elements
    weights = [
        value
        for number in owns
        if (value := step.input(number)) is not None and value.draft is None and value.source in step.walk.trained
    ]
    return step.opaque(weights, mac=n * inner, add=n if added else 0, mul=0, div=0, compare=0, exp=0)


@entry("Einsum")
def einsum(step: Step) -> Result:
    """A sum of products over letters: products of two tensors each. Of a stored tensor, or in another form, opaque,
    with the multiply-accumulates of a product at once."""
    values = [step.given(number) for number in range(len(step.inputs))]
    equation = step.text("equation", "")
    found = step.walk.tried(lambda: product_by_letters(step, equation, values))
    if found is not None and found.draft is not None:
        named(found.draft, step.node)
        return found
    terms, result = spelt_out(equation, [len(value.shape) for value in values])
    sizes: dict[str, int] = {}
    for term, value in zip(terms, values, strict=True):
        for letter, size in zip(term, value.shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 1))
    inner = prod(size for letter, size in sizes.items() if letter not in result)
    if len(values) < 2 or inner == 1:  # nothing is multiplied, or nothing summed
        n = step.value(None).elements
        return step.opaque(mac=0, add=n * (inner - 1), mul=n * (len(values) - 1), div=0, compare=0, exp=0)
    if len(values) > 2:
        raise Unread  # in which order is not said
    return _product(step, inner)


# Normalisation


@entry("BatchNormalization")
def batch_norm(step: Step) -> Result:
    """Batch normalisation with its running statistics; by the batch's own, it is of a kind that has no class."""
    x, results = step.given(0), len(step.shapes) - 1
    if step.integer("training_mode") or x.axis != 0 or step.given(3).source is None:
        return (_moments(step, x), *[None] * results)
    plain(x)
    owns = [weight(step.given(number)) for number in range(1, 5)]
    value = emit(step, ops.BatchNorm(eps=step.real("epsilon", 1e-5)), x, owns=owns)
    return (value, *[None] * (len(step.shapes) - 1))


def _moments(step: Step, x: Value) -> Result:
    """A normalisation with statistics of its own, as of weights: its operations as those of layer normalisation."""
    c, n = x.shape[1], x.elements
    owns = []
    for number in (1, 2):
        numbers = step.known(number)
        if step.given(number).source is not None and (numbers is None or (numbers != numbers.reshape(-1)[0]).any()):
            owns.append(step.given(number))
    step.args = {key: value for key, value in step.args.items() if key in ("0", "1", "2")}
    step.args = {key: value for key, value in step.args.items() if key == "0" or value.draft or value in owns}
    step.shapes, step.single = step.shapes[:1], True
    return step.opaque(owns, mac=0, compare=0, add=4 * n, mul=3 * n, div=3 * c, exp=c)


@entry("InstanceNormalization")
def instance_norm(step: Step) -> Result:
    """Instance normalisation; without scale and shift where they are 1 and 0."""
    x, scale, shift = plain(step.given(0)), step.known(1), step.known(2)
    eps = step.real("epsilon", 1e-5)
    if scale is not None and shift is not None and (scale == 1).all() and not shift.any():
        return emit(step, ops.InstanceNorm(eps=eps), x)
    owns = [weight(step.given(1)), weight(step.given(2))]
    return emit(step, ops.InstanceNorm(affine=True, eps=eps), x, owns=owns)


@entry("LayerNormalization", "RMSNormalization")
def layer_norm(step: Step) -> Result:
    """Normalisation over the last axis or the whole sample."""
    x, scale = step.given(0), weight(step.given(1))
    shift = step.input(2)
    axis = step.integer("axis", -1) % len(x.shape)
    eps, sizes = step.real("epsilon", 1e-5), x.sizes
    if axis == len(x.shape) - 1 and x.place(-1) is not None:
        over: Any = "last" if len(sizes) > 1 else "channels"
    elif x.axis == 0 and not x.folded and axis == 1:
        over = "all"
    else:
        raise Unread
    value: Result
    if step.name == "RMSNormalization":
        value = emit(step, ops.RMSNorm(over=over, eps=eps), x, owns=[scale])
    elif shift is not None:
        value = emit(step, ops.LayerNorm(over=over, eps=eps), x, owns=[scale, weight(shift)])
    else:
        result = emit(step, ops.LayerNorm(affine=False, over=over, eps=eps), x)
        value = emit(step, ops.Multiply(), result, Value(scale.shape, x.batch, None, None, scale.source), check=False)
    return (value, *[None] * (len(step.shapes) - 1))


@entry("GroupNormalization")
def group_norm(step: Step) -> Result:
    """Group normalisation, with a scale a channel."""
    x, scale, shift = plain(step.given(0)), weight(step.given(1)), weight(step.given(2))
    if prod(scale.shape) != x.sizes[0]:
        raise Unread  # as opset 18 had it: one a group
    return emit(
        step, ops.GroupNorm(step.integer("num_groups", 1), eps=step.real("epsilon", 1e-5)), x, owns=[scale, shift]
    )


@entry("LRN")
def local_response(step: Step) -> Result:
    """Local response normalisation; ONNX divides alpha by the size."""
    size = step.integer("size", 1)
    options = {"alpha": step.real("alpha", 1e-4) / max(size, 1), "beta": step.real("beta", 0.75)}
    return emit(step, ops.LRN(size, k=step.real("bias", 1.0), **options), plain(step.given(0)))


# Activations


def activation(make: Callable[[Step], Op]) -> Entry:
    """An entry of an op on each element."""
    return lambda step: emit(step, make(step), step.given(0))


TABLE |= {
    "Relu": activation(lambda step: ops.ReLU()),
    "LeakyRelu": activation(lambda step: ops.LeakyReLU(step.real("alpha", 0.01))),
    "Sigmoid": activation(lambda step: ops.Sigmoid()),
    "Tanh": activation(lambda step: ops.Tanh()),
    "HardSigmoid": activation(lambda step: ops.HardSigmoid()),
    "HardSwish": activation(lambda step: ops.HardSwish()),
    "Elu": activation(lambda step: ops.ELU(step.real("alpha", 1.0))),
    "Selu": activation(lambda step: ops.SELU()),
    "Celu": activation(lambda step: ops.CELU(step.real("alpha", 1.0))),
    "Mish": activation(lambda step: ops.Mish()),
    "Softplus": activation(lambda step: ops.Softplus()),
    "Softsign": activation(lambda step: ops.Softsign()),
    "Gelu": activation(lambda step: ops.GELU("tanh" if step.text("approximate", "none") == "tanh" else "none")),
    "Swish": activation(lambda step: ops.SiLU()),
}
for _name in ("Abs", "Cos", "Erf", "Exp", "Log", "Neg", "Reciprocal", "Sign", "Sin", "Sqrt"):
    TABLE[_name] = activation(lambda step: ops.Apply(step.name.lower()))  # type: ignore[arg-type]


@entry("Clip")
def clip(step: Step) -> Result:
    """Cut to a range; relu and relu6 are cases of it."""
    low: float | None
    high: float | None
    if step.opset < 11:
        low, high = step.real("min", float("-inf")), step.real("max", float("inf"))
    else:
        low, high = (
            default if step.input(number) is None else step.scalar(number)
            for number, default in ((1, float("-inf")), (2, float("inf")))
        )
    x = step.given(0)
    if low is None or high is None:
        raise Unread
    if low == 0 and high in (6, float("inf")):
        return emit(step, ops.ReLU6() if high == 6 else ops.ReLU(), x)
    if low == float("-inf") and high == float("inf"):
        return x
    if low == float("-inf") or high == float("inf"):
        return one_each(step, "compare")
    return emit(step, ops.HardTanh(low, high), x)


@entry("PRelu")
def prelu(step: Step) -> Result:
    """PReLU, one slope or one a channel."""
    x, slope = plain(step.given(0)), step.given(1)
    if slope.source is None and step.known(1) is None:
        raise Unread
    many = prod(slope.shape) > 1
    if many and prod(slope.shape) != x.sizes[0]:
        raise Unread
    return emit(step, ops.PReLU(per_channel=many), x, owns=[slope])


@entry("Softmax", "LogSoftmax")
def softmax(step: Step) -> Result:
    """Softmax, or its logarithm, along an axis."""
    x = step.given(0)
    old = step.opset < 13  # then over all axes from this one on
    axis = step.integer("axis", 1 if old else -1) % len(x.shape)
    if old and prod(x.shape[axis + 1 :]) > 1:
        raise Unread
    place = x.place(axis)
    if place is None or (inseparable(x) and axis == x.axis):
        raise Unread
    kind = ops.Softmax if step.name == "Softmax" else ops.LogSoftmax
    return emit(step, kind(axis=place), x)


@entry("Dropout")
def dropout(step: Step) -> Result:
    """Dropout, which at inference is nothing."""
    given = step.scalar(1) if step.opset >= 12 else step.real("ratio", 0.5)
    value = emit(step, ops.Dropout(0.5 if given is None else given), step.given(0))
    return (value, value)[: len(step.shapes)]


# Arithmetic


def _merge(make: Callable[[], Op], number: Callable[[float], Op], turned: Callable[[float], Op] | None) -> Entry:
    """An entry of an op on two tensors, or on one and a number (`turned`, where the number is the first)."""

    def read(step: Step) -> Result:
        first, second = step.operand(0), step.operand(1)
        found = _with_bias(step, first, second) if make is ops.Add else None
        if found is not None:
            return found
        for x, other, other_number, made in ((first, second, 1, number), (second, first, 0, turned)):
            scalar = step.scalar(other_number) if other.draft is None else None
            if scalar is not None and x.shape == step.shape and made is not None:
                return emit(step, made(scalar), x)
        value = merged(step, make(), first, second)
        if value.draft is not None:
            named(value.draft, step.node)
        return value

    return read


def _with_bias(step: Step, first: Value, second: Value) -> Result:
    """The sum of a product and a stored number for each of its channels, which is its bias; None if it is another."""
    for number, x, bias in ((0, first, second), (1, second, first)):
        draft = x.draft
        if draft is None or bias.draft is not None or bias.source not in step.walk.trained:
            continue
        name = step.node.input[number]
        if step.walk.uses[name] != 1 or name in step.walk.ends or bias.source in step.walk.owners:
            continue
        if x.shape != step.shape or not isinstance(draft.op, (ops.Linear, ops.Conv, ops.Depthwise, ops.Scale)):
            continue
        if draft.op.bias or draft.shares is not None or not draft.owns or draft is not step.walk.drafts[-1]:
            continue
        sizes = spread(bias, step.shape, step.value(None).axis)
        place = len(sizes) - 1 if isinstance(draft.op, ops.Linear) else 0
        if sizes[place] != x.sizes[place] or prod(sizes) != sizes[place]:
            continue
        draft.op = type(draft.op)(**{**draft.op.named(), "bias": True})
        draft.owns = (*draft.owns, bias.source)
        step.walk.owners[bias.source] = draft
        return Value(x.shape, x.batch, x.axis, draft)
    return None


def _inverse(number: float) -> float:
    return 1 / number if number else 0.0


TABLE |= {
    "Add": _merge(ops.Add, lambda n: ops.Power(shift=n), lambda n: ops.Power(shift=n)),
    "Sub": _merge(ops.Subtract, lambda n: ops.Power(shift=-n), lambda n: ops.Power(factor=-1.0, shift=n)),
    "Mul": _merge(ops.Multiply, lambda n: ops.Power(factor=n), lambda n: ops.Power(factor=n)),
    "Div": _merge(ops.Divide, lambda n: ops.Power(factor=_inverse(n)), None),
}


@entry("Sum", "Max", "Min")
def several(step: Step) -> Result:
    """Several tensors, element by element."""
    values = [step.operand(number) for number in range(len(step.inputs))]
    if len(values) == 1:
        return values[0]
    makes: dict[str, Callable[[], Op]] = {"Sum": ops.Add, "Max": ops.Maximum, "Min": ops.Minimum}
    result = step.value(None)
    if any(value.draft is None and value.source is None for value in values):
        return one_each(step, "add" if step.name == "Sum" else "compare")
    drafts = [step.aligned(value, spread(value, result.shape, result.axis)) for value in values]
    return emit(step, makes[step.name](), *[step.value(draft, value.shape) for draft, value in _zipped(drafts, values)])


def _zipped(drafts: list[Draft], values: list[Value]) -> list[tuple[Draft, Value]]:
    return list(zip(drafts, values, strict=True))


@entry("Pow")
def power(step: Step) -> Result:
    """A tensor to a fixed power."""
    exponent = step.scalar(1)
    if exponent is None or step.shape != step.given(0).shape:
        return one_each(step, "exp")
    return emit(step, ops.Power(exponent), step.given(0))


def _one_each(*kinds: str) -> Entry:
    """An entry of an op that is one operation of each kind for each element of its output."""
    return lambda step: one_each(step, *kinds)


_COMPARED = (
    "Equal Less LessOrEqual Greater GreaterOrEqual Where Not And Or Xor Floor Ceil Round IsNaN IsInf ArgMax ArgMin "
    "BitwiseAnd BitwiseOr BitwiseNot BitwiseXor ThresholdedRelu"
)
for _name in _COMPARED.split():
    TABLE[_name] = _one_each("compare")
for _name in ["Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cosh", "Sinh", "Tan"]:
    TABLE[_name] = _one_each("exp")
TABLE["CumSum"] = _one_each("add")
TABLE["Mod"] = _one_each("div")
TABLE["QuantizeLinear"] = _one_each("div", "add", "compare")


def _reduction(kind: Any) -> Entry:
    """An entry of a mean, sum or maximum over axes."""

    def read(step: Step) -> Result:
        x, rank = step.given(0), len(step.given(0).shape)
        dims = step.numbers(1, "axes")
        if not dims:
            if step.integer("noop_with_empty_axes"):
                return x
            dims = list(range(rank))
        dims = [dim % rank for dim in dims]
        keep = bool(step.integer("keepdims", 1))
        if kind is ops.Mean and keep and x.axis == 0 and not x.folded and sorted(dims) == list(range(2, rank)):
            return _kept_one(step, ops.GlobalAvgPool(), x)
        value = reduced(step, kind, x, dims, keep)
        if isinstance(value, Value) and value.draft is not None:
            named(value.draft, step.node)
        return value

    return read


TABLE |= {"ReduceMean": _reduction(ops.Mean), "ReduceSum": _reduction(ops.Sum), "ReduceMax": _reduction(ops.Max)}


@entry("ReduceL2")
def norm(step: Step) -> Result:
    """The root of a sum of squares."""
    n, m = step.given(0).elements, step.value(None).elements
    return step.opaque(mac=0, mul=n, add=n - m, exp=m, div=0, compare=0)


# Views, cuts and joins


@entry("Identity", "Cast", "CastLike")
def unchanged(step: Step) -> Result:
    """The tensor itself. A stored one under another name is another one: exporters write equal numbers once."""
    x, name = step.given(0), step.node.output[0]
    if x.draft is None and x.source in step.walk.trained and step.name == "Identity":
        step.walk.kept.add(name)
        step.walk.trained.add(name)
        if step.node.input[0] in step.walk.known:
            step.walk.known[name] = step.walk.known[step.node.input[0]]
        return Value(x.shape, x.batch, None, None, name)
    return x


@entry("DequantizeLinear")
def dequantized(step: Step) -> Result:
    """Whole numbers as the real ones that they stand for; stored ones are weights."""
    if step.given(0).draft is None:
        return quantised(step, 0)
    return one_each(step, "add", "mul")


@entry("Flatten", "Reshape", "Squeeze", "Unsqueeze")
def reshape(step: Step) -> Result:
    """The same elements in another shape; one of the batch's alone is no change."""
    return seen_anew(step, step.given(0))


@entry("Transpose")
def transpose(step: Step) -> Result:
    """The axes in another order."""
    x = step.given(0)
    if x.draft is None:
        return Value(step.shape, x.batch, None, None, x.source)
    rank = len(x.shape)
    order = step.integers("perm") or list(range(rank))[::-1]
    if sorted(order) != list(range(rank)):
        raise Unread
    return permuted(step, x, order)


@entry("Expand")
def expand(step: Step) -> Result:
    """A tensor spread over more; over the batch alone it is no change."""
    x, shape = step.given(0), step.shape
    full = (1,) * (len(shape) - len(x.shape)) + x.shape
    if full == shape:
        return seen_anew(step, x)
    axis = batch_of(step)
    if x.axis is None and axis is not None and all(full[n] == shape[n] for n in range(len(shape)) if n != axis):
        sizes = (*shape[:axis], *shape[axis + 1 :]) or (1,)
        return Value(shape, x.batch, axis, step.aligned(x, sizes))
    return step.moved()


def batch_of(step: Step) -> int | None:
    """Which axis of what a node gives is the batch, where what it reads has none: that of the batch's size."""
    axes = [axis for axis, size in enumerate(step.shape) if size == step.walk.batch]
    return axes[0] if axes else None


@entry("Slice")
def cut(step: Step) -> Result:
    """Ranges of axes."""
    x, rank = step.given(0), len(step.given(0).shape)
    starts, ends = step.numbers(1, "starts"), step.numbers(2, "ends")
    if starts is None or ends is None:
        raise Unread
    axes = step.numbers(3, "axes") or list(range(len(starts)))
    every = step.numbers(4, "steps") or [1] * len(starts)
    shape = list(x.shape)
    for axis, start, end, gap in zip(axes, starts, ends, every, strict=True):
        size = x.shape[axis % rank]
        if gap < 1:
            return step.moved()
        start, end = (min(max(number + size if number < 0 else number, 0), size) for number in (start, end))
        if (start, end, gap) != (0, size, 1):
            shape[axis % rank] = -((start - end) // gap)
            x = part(step, x, x.place(axis), start, end, tuple(shape), gap)
    return x


@entry("Gather")
def gather(step: Step) -> Result:
    """A place of an axis, a range of it, or learnt vectors by their numbers."""
    x, index, axis = step.given(0), step.known(1), step.integer("axis") % len(step.given(0).shape)
    if index is not None and x.draft is not None and index.dtype.kind in "iu":
        size = x.shape[axis]
        places = [int(number) % size for number in index.reshape(-1)]
        if index.ndim == 0:
            return part(step, x, x.place(axis), places[0], places[0] + 1, step.shape)
        if index.ndim == 1 and places == list(range(places[0], places[0] + len(places))):
            return part(step, x, x.place(axis), places[0], places[0] + len(places), step.shape)
    words = step.given(1)
    if x.draft is None and x.source in step.walk.trained and len(x.shape) == 2 and axis == 0 and index is None:
        return emit(step, ops.Embedding(x.shape[1], count=x.shape[0]), plain(words), owns=[x])
    return step.moved()


@entry("Split")
def split(step: Step) -> Result:
    """A tensor cut into several along an axis."""
    x, axis = step.given(0), step.integer("axis")
    found, start = [], 0
    for shape in step.shapes:
        found.append(part(step, x, x.place(axis), start, start + shape[axis], shape))
        start += shape[axis]
    return tuple(found)


@entry("Concat")
def concat(step: Step) -> Result:
    """Tensors one after the other."""
    values = [value for value in step.inputs if value is not None]
    if len(values) == 1:
        return values[0]
    return joined(step, values, step.integer("axis"))


_PADS = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


@entry("Pad")
def pad(step: Step) -> Result:
    """Something around the image, or the channels; negative sizes cut."""
    x, rank = step.given(0), len(step.given(0).shape)
    flat = step.numbers(1, "pads")
    if flat is None or x.axis != 0 or x.folded:
        return step.moved()
    axes = step.numbers(3, "") or list(range(rank))
    pairs = [(0, 0)] * rank
    for number, axis in enumerate(axes):
        pairs[axis % rank] = (flat[number], flat[number + len(axes)])
    mode = _PADS.get(step.text("mode", "constant"))
    if mode is None or pairs[0] != (0, 0):
        return step.moved()
    value = step.known(2) if step.input(2) is not None else None
    if step.input(2) is not None and value is None:
        return step.moved()
    return padded(
        step, x, pairs[1:], mode, float(value.reshape(-1)[0]) if value is not None else step.real("value", 0.0)
    )


@entry("Resize", "Upsample")
def resize(step: Step) -> Result:
    """The image in another size."""
    x = plain(step.given(0))
    step.args = {"0": x}  # the others are settings
    if step.shape[:2] != x.shape[:2]:
        raise Unread
    mode: Any = step.text("mode", "nearest")  # what the op does not take it refuses
    corners = mode != "nearest" and step.text("coordinate_transformation_mode", "half_pixel") == "align_corners"
    size = short(step.shape[2:])
    return emit(step, ops.Upsample(size=size, mode=mode, align_corners=corners), x)


@entry("DepthToSpace", "SpaceToDepth")
def pixels(step: Step) -> Result:
    """Channels dealt out over space, or gathered from it."""
    kind = ops.PixelShuffle if step.name == "DepthToSpace" else ops.PixelUnshuffle
    return emit(step, kind(step.integer("blocksize", 1)), plain(step.given(0)))


@entry(
    *("GatherElements", "GatherND", "ScatterElements", "ScatterND", "Tile", "ReverseSequence", "Compress", "EyeLike"),
    *("ConstantOfShape", "Range", "Trilu", "OneHot", "RandomNormal", "RandomUniform", "RandomNormalLike"),
)
def moved(step: Step) -> Result:
    """Elements moved, repeated or made; nothing is computed with them."""
    return step.moved()


# Attention and recurrent layers


@entry("Attention")
def attention(step: Step) -> Result:
    """Attention of [N, T, heads * d], or of [N, heads, T, d], without a mask and without what came before."""
    q, k, v = (step.given(number) for number in range(3))
    if any(step.input(number) is not None for number in range(3, 7)) or len(step.shapes) != 1:
        raise Unread
    if step.real("softcap", 0) or any(value.axis != 0 or value.folded for value in (q, k, v)):
        raise Unread
    scale, causal = step.real("scale", 0) or None, bool(step.integer("is_causal"))
    if len(q.shape) == 3:
        heads, kv_heads = step.integer("q_num_heads", 1), step.integer("kv_num_heads", 1)
        shared = None if kv_heads == heads else kv_heads
        return emit(step, ops.Attention(heads, kv_heads=shared, causal=causal, factor=scale), q, k, v)
    if q.shape[1] != k.shape[1]:
        raise Unread
    drafted = step.walk.drafted
    turned = step.between(ops.Permute((0, 2, 1)), drafted(k))
    scaled = step.between(ops.Power(factor=scale or q.shape[-1] ** -0.5), drafted(q))
    scores = step.between(ops.MatMul(), scaled, turned)
    if causal:
        scores = step.between(ops.Add(), scores, drafted(Value((1, q.shape[2], k.shape[2]), q.batch)))
    return step.value(step.between(ops.MatMul(), step.between(ops.Softmax(axis=2), scores), drafted(v)))


@entry("LSTM", "GRU")
def recurrent(step: Step) -> Result:
    """One layer of long short-term memory or gated units: every step, and the last."""
    x, w, r = step.given(0), weight(step.given(1)), weight(step.given(2))
    bias = step.input(3)
    if x.axis != 1 or x.folded or step.integer("layout") or len(x.sizes) != 2:
        raise Unread
    if any(step.attributes.get(name) is not None for name in ("activations", "clip", "input_forget")):
        raise Unread
    hidden, directions = r.shape[2], w.shape[0]
    kind = ops.LSTM if step.name == "LSTM" else ops.GRU
    op = kind(hidden, bidirectional=directions == 2, bias=bias is not None)
    owns = [w, r, *([weight(bias)] if bias is not None else [])]
    draft = step.draft(op, [step.walk.drafted(x)], owns)
    named(draft, step.node)
    found = []
    wanted = [name for name in step.node.output if name]
    for name, shape in zip(wanted, step.shapes, strict=False):
        whole = name == step.node.output[0]
        end = draft if whole else step.between(ops.Slice((x.sizes[0] - 1, x.sizes[0]), axis=0), draft)
        axis = 2 if whole else 1
        sizes = (*shape[:axis], *shape[axis + 1 :])
        found.append(Value(shape, x.batch, axis, step.between(ops.Reshape(sizes), end)))
    return tuple(found)
