"""The shapes that the nodes of an ONNX graph give, by ONNX's operator specification, on sizes that are all known.

They are cnncalc's own, for `onnx.shape_inference` is compiled code that nodes with impossible attributes crash. The
tests hold every rule against it; and what is read is held against the shape that cnncalc's own op gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from math import ceil, floor, prod
from typing import TYPE_CHECKING, Any

from cnncalc.graph import MAX_SIZE
from cnncalc.onnx.constants import places
from cnncalc.reading.letters import spelt_out
from cnncalc.reading.steps import Unread

if TYPE_CHECKING:
    from cnncalc.onnx.walk import Step

Shape = tuple[int, ...]
Rule = Callable[["Step"], Sequence[Shape]]
"""Gives the shape of each output that an operator has, in their order."""

RULES: dict[str, Rule] = {}


class Unfit(Exception):
    """A node does not fit what it reads; the message says why."""


def shapes_of(step: Step) -> list[Shape] | None:
    """The shapes of what a node gives; None if there is no rule for it, or they depend on unknown numbers.

    Raises:
        Unfit: it does not fit what it reads.
    """
    rule = RULES.get(step.name)
    if rule is None:
        return None
    try:
        return [tuple(int(size) for size in shape) for shape in rule(step)]
    except Unknown:
        return None
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError):
        raise Unfit("it does not fit what it reads, or its attributes each other") from None


class Unknown(Exception):
    """A shape depends on numbers that are not known."""


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Put a function into the table of rules."""

    def put(function: Rule) -> Rule:
        for name in names:
            RULES[name] = function
        return function

    return put


def _x(step: Step, number: int = 0) -> Shape:
    """The shape of an input."""
    value = step.input(number)
    if value is None:
        raise Unfit(f"its input {number + 1} is missing")
    return value.shape


def _numbers(step: Step, number: int, name: str = "") -> list[int] | None:
    """Whole numbers that an input or an attribute gives."""
    if step.input(number) is None:
        return step.integers(name) if name else None
    array = step.known(number)
    if array is None:
        raise Unknown
    return [int(value) for value in array.reshape(-1)]


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise Unfit(f"there is no axis {axis} of {rank}")
    return axis % rank


def _axes(axes: Sequence[int], rank: int) -> list[int]:
    found = [_axis(axis, rank) for axis in axes]
    if len(set(found)) < len(found):
        raise Unfit("it names an axis twice")
    return found


def spread(*shapes: Shape) -> Shape:
    """The shape of several, each spread over the others.

    >>> spread((3, 1, 5), (4, 1))
    (3, 4, 5)
    """
    found = []
    for sizes in zip_longest(*[shape[::-1] for shape in shapes], fillvalue=1):
        size = max(sizes, default=1) if 0 not in sizes else 0
        if any(each not in (1, size) for each in sizes):
            raise Unfit(f"{' and '.join(map(str, shapes))[:120]} do not spread over each other")
        found.append(size)
    return tuple(found[::-1])


# As the first input, or as several


_SAME = (
    "Abs Acos Acosh Asin Asinh Atan Atanh Bernoulli BitwiseNot Cast CastLike Ceil Celu Clip Cos Cosh CumSum "
    "DequantizeLinear Elu Erf Exp Floor Gelu GroupNormalization HardSigmoid HardSwish Hardmax Identity "
    "InstanceNormalization IsInf IsNaN LRN LeakyRelu Log LogSoftmax LpNormalization MeanVarianceNormalization Mish Neg "
    "Not PRelu QuantizeLinear RMSNormalization RandomNormalLike RandomUniformLike Reciprocal Relu ReverseSequence "
    "RotaryEmbedding Round Scatter ScatterElements ScatterND Selu Shrink Sigmoid Sign Sin Sinh Softmax Softplus "
    "Softsign Sqrt Swish Tan Tanh ThresholdedRelu Trilu EyeLike"
)
for _name in _SAME.split():
    RULES[_name] = lambda step: [_x(step)]

_SPREAD = (
    "Add And BitShift BitwiseAnd BitwiseOr BitwiseXor Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min "
    "Mod Mul Or Pow Sub Sum Where Xor"
)
for _name in _SPREAD.split():
    RULES[_name] = lambda step: [spread(*[_x(step, number) for number in range(len(step.inputs))])]


@rule("Dropout")
def _dropout(step: Step) -> list[Shape]:
    return [_x(step), _x(step)]


@rule("BatchNormalization")
def _batch_norm(step: Step) -> list[Shape]:
    x = _x(step)
    return [x, *[(x[1] if len(x) > 1 else 1,)] * 4]


@rule("LayerNormalization")
def _layer_norm(step: Step) -> list[Shape]:
    x = _x(step)
    axis = _axis(step.integer("axis", -1), len(x))
    means = (*x[:axis], *[1] * (len(x) - axis))
    return [x, means, means]


@rule("DynamicQuantizeLinear")
def _quantized(step: Step) -> list[Shape]:
    return [_x(step), (), ()]


# Windows


def _window(step: Step, sizes: Sequence[int], kernel: Sequence[int], ceil_mode: bool = False) -> list[int]:
    """The sizes that a sliding window gives."""
    rank = len(sizes)
    stride, dilation = step.integers("strides") or [1] * rank, step.integers("dilations") or [1] * rank
    pads, word = step.integers("pads") or [0] * (2 * rank), step.text("auto_pad", "NOTSET")
    if not (len(kernel) == len(stride) == len(dilation) == rank == len(pads) / 2) or not rank:
        raise Unfit("its window has another number of dimensions than its input")
    found = []
    for n, k, s, d, before, after in zip(sizes, kernel, stride, dilation, pads, pads[rank:], strict=False):
        extent = d * (k - 1) + 1
        if word in ("SAME_UPPER", "SAME_LOWER"):
            found.append(-(-n // s))
            continue
        room = n + (0 if word == "VALID" else before + after) - extent
        if room < 0 and not (ceil_mode and -room < s):
            raise Unfit(f"its window of {extent} is larger than its input of {n} with the padding")
        size = -(-room // s) + 1 if ceil_mode else room // s + 1
        if ceil_mode and (size - 1) * s >= n + (0 if word == "VALID" else before):
            size -= 1  # the last window would begin in the padding behind
        found.append(size)
    return found


def _image(x: Shape) -> Shape:
    if len(x) < 3:
        raise Unfit(f"it needs a batch, channels and an image, not {list(x)}")
    return x[2:]


@rule("Conv", "ConvInteger")
def _conv(step: Step) -> list[Shape]:
    return _convolved(step, _x(step), _x(step, 1))


@rule("QLinearConv")
def _quantized_conv(step: Step) -> list[Shape]:
    return _convolved(step, _x(step), _x(step, 3))


@rule("DeformConv")
def _deformable(step: Step) -> list[Shape]:
    return _convolved(step, _x(step), _x(step, 1))


def _convolved(step: Step, x: Shape, kernel: Shape) -> list[Shape]:
    if len(kernel) != len(x) or kernel[1] * step.integer("group", 1) != x[1]:
        raise Unfit(f"weights of {list(kernel)[:8]} do not fit an input of {list(x)[:8]}")
    given = step.integers("kernel_shape")
    if given is not None and tuple(given) != kernel[2:]:
        raise Unfit(f"its kernel_shape is not that of its weights, {list(kernel)[:8]}")
    return [(x[0], kernel[0], *_window(step, _image(x), kernel[2:]))]


@rule("ConvTranspose")
def _transposed(step: Step) -> list[Shape]:
    x, kernel = _x(step), _x(step, 1)
    image, rank = _image(x), len(x) - 2
    channels = (x[0], kernel[1] * step.integer("group", 1))
    if len(kernel) != len(x) or kernel[0] != x[1]:
        raise Unfit(f"weights of {list(kernel)[:8]} do not fit an input of {list(x)[:8]}")
    given = step.integers("output_shape")
    if given:
        return [(*channels, *given[-rank:])]
    stride, dilation = step.integers("strides") or [1] * rank, step.integers("dilations") or [1] * rank
    pads, more = step.integers("pads") or [0] * (2 * rank), step.integers("output_padding") or [0] * rank
    if step.text("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER"):
        return [(*channels, *[n * s for n, s in zip(image, stride, strict=True)])]
    sizes = zip(image, kernel[2:], stride, dilation, pads[:rank], pads[rank:], more, strict=True)
    return [(*channels, *[(n - 1) * s + d * (k - 1) + 1 + o - a - b for n, k, s, d, a, b, o in sizes])]


@rule("MaxPool", "AveragePool", "LpPool")
def _pool(step: Step) -> list[Shape]:
    x = _x(step)
    found = (*x[:2], *_window(step, _image(x), step.integers("kernel_shape") or [], bool(step.integer("ceil_mode"))))
    return [found, found]


@rule("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def _global(step: Step) -> list[Shape]:
    x = _x(step)
    return [(*x[:2], *[1] * len(_image(x)))]


@rule("RoiAlign", "MaxRoiPool")
def _regions(step: Step) -> list[Shape]:
    sizes = step.integers("pooled_shape") or [step.integer("output_height", 1), step.integer("output_width", 1)]
    return [(_x(step, 1)[0], _x(step)[1], *sizes)]


@rule("GridSample")
def _sampled(step: Step) -> list[Shape]:
    return [(*_x(step)[:2], *_x(step, 1)[1:-1])]


# Products


def multiplied(a: Shape, b: Shape) -> Shape:
    """The shape of a matrix product.

    >>> multiplied((2, 1, 3, 4), (5, 4, 6)), multiplied((4,), (4, 6))
    ((2, 5, 3, 6), (6,))
    """
    first, second = a if len(a) > 1 else (1, *a), b if len(b) > 1 else (*b, 1)
    if not a or not b or first[-1] != second[-2]:
        raise Unfit(f"{list(a)[:8]} and {list(b)[:8]} are no matrices that multiply")
    rows, columns = first[-2:-1] if len(a) > 1 else (), second[-1:] if len(b) > 1 else ()
    return (*spread(first[:-2], second[:-2]), *rows, *columns)


@rule("MatMul", "MatMulInteger")
def _matmul(step: Step) -> list[Shape]:
    return [multiplied(_x(step), _x(step, 1))]


@rule("QLinearMatMul")
def _quantized_matmul(step: Step) -> list[Shape]:
    return [multiplied(_x(step), _x(step, 3))]


@rule("Gemm")
def _gemm(step: Step) -> list[Shape]:
    a, b = _x(step), _x(step, 1)
    if len(a) != 2 or len(b) != 2:
        raise Unfit("it multiplies matrices of two axes")
    a, b = a[::-1] if step.integer("transA") else a, b[::-1] if step.integer("transB") else b
    found = multiplied(a, b)
    if step.input(2) is not None and spread(_x(step, 2), found) != found:
        raise Unfit(f"a bias of {list(_x(step, 2))[:8]} does not fit {list(found)}")
    return [found]


@rule("Einsum")
def _einsum(step: Step) -> list[Shape]:
    try:
        ranks = [len(_x(step, number)) for number in range(len(step.inputs))]
        letters, result = spelt_out(step.text("equation", ""), ranks)
    except Unread:
        raise Unfit("its equation does not fit its inputs") from None
    sizes: dict[str, int] = {}
    for number, term in enumerate(letters):
        for letter, size in zip(term, _x(step, number), strict=True):
            sizes[letter] = size if sizes.get(letter, 1) == 1 else sizes[letter]
            if size not in (1, sizes[letter]):
                raise Unfit(f"the axis {letter[:1]} has two sizes")
    if any(letter not in sizes for letter in result):
        raise Unfit("its result has an axis that no input has")
    return [tuple(sizes[letter] for letter in result)]


# Reductions


def _reduced(step: Step) -> list[Shape]:
    x = _x(step)
    axes = _numbers(step, 1, "axes")
    if not axes:
        if step.integer("noop_with_empty_axes"):
            return [x]
        axes = list(range(len(x)))
    return [without(x, _axes(axes, len(x)), bool(step.integer("keepdims", 1)))]


def without(x: Shape, axes: Sequence[int], keep: bool) -> Shape:
    """A shape that was reduced over axes.

    >>> without((2, 3, 4), [1], True), without((2, 3, 4), [0, 1], False)
    ((2, 1, 4), (4,))
    """
    if keep:
        return tuple(1 if axis in axes else size for axis, size in enumerate(x))
    return tuple(size for axis, size in enumerate(x) if axis not in axes)


for _name in ["L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"]:
    RULES[f"Reduce{_name}"] = _reduced


@rule("ArgMax", "ArgMin")
def _places(step: Step) -> list[Shape]:
    x = _x(step)
    return [without(x, [_axis(step.integer("axis"), len(x))], bool(step.integer("keepdims", 1)))]


@rule("TopK")
def _largest(step: Step) -> list[Shape]:
    x, axis = list(_x(step)), _axis(step.integer("axis", -1), len(_x(step)))
    count = _numbers(step, 1)
    x[axis] = count[0] if count else step.integer("k", 1)
    return [tuple(x), tuple(x)]


# Views, cuts and joins


@rule("Reshape")
def _reshape(step: Step) -> list[Shape]:
    x, wanted = _x(step), _numbers(step, 1, "shape")
    if wanted is None or wanted.count(-1) > 1 or any(size < -1 for size in wanted):
        raise Unfit("its shape is none")
    if not step.integer("allowzero"):
        wanted = [x[axis] if size == 0 else size for axis, size in enumerate(wanted)]
    known = prod(size for size in wanted if size != -1)
    if -1 in wanted:
        if not known or prod(x) % known:
            raise Unfit(f"{list(x)[:8]} has no shape {wanted[:8]}")
        wanted = [prod(x) // known if size == -1 else size for size in wanted]
    if prod(wanted) != prod(x):
        raise Unfit(f"{list(x)[:8]} has no shape {wanted[:8]}")
    return [tuple(wanted)]


@rule("Flatten")
def _flatten(step: Step) -> list[Shape]:
    x, axis = _x(step), step.integer("axis", 1)
    if not -len(x) <= axis <= len(x):
        raise Unfit(f"there is no axis {axis} of {len(x)}")
    axis = axis + len(x) if axis < 0 else axis
    return [(prod(x[:axis]), prod(x[axis:]))]


@rule("Squeeze")
def _squeeze(step: Step) -> list[Shape]:
    x, axes = _x(step), _numbers(step, 1, "axes")
    gone = [axis for axis, size in enumerate(x) if size == 1] if axes is None else _axes(axes, len(x))
    if any(x[axis] != 1 for axis in gone):
        raise Unfit("it lets go of an axis that is not of size 1")
    return [without(x, gone, False)]


@rule("Unsqueeze")
def _unsqueeze(step: Step) -> list[Shape]:
    x, axes = list(_x(step)), _numbers(step, 1, "axes") or []
    for axis in sorted(_axes(axes, len(x) + len(axes))):
        x.insert(axis, 1)
    return [tuple(x)]


@rule("Transpose")
def _transpose(step: Step) -> list[Shape]:
    x = _x(step)
    order = step.integers("perm")
    order = list(range(len(x)))[::-1] if order is None else order
    if sorted(order) != list(range(len(x))):
        raise Unfit(f"{order[:8]} is no order of {len(x)} axes")
    return [tuple(x[axis] for axis in order)]


@rule("Concat")
def _concat(step: Step) -> list[Shape]:
    shapes = [_x(step, number) for number in range(len(step.inputs))]
    axis = _axis(step.integer("axis"), len(shapes[0]))
    if any((*s[:axis], *s[axis + 1 :]) != (*shapes[0][:axis], *shapes[0][axis + 1 :]) for s in shapes):
        raise Unfit(f"{' and '.join(map(str, shapes[:4]))[:120]} do not stand side by side")
    return [(*shapes[0][:axis], sum(s[axis] for s in shapes), *shapes[0][axis + 1 :])]


@rule("Split")
def _split(step: Step) -> list[Shape]:
    x, axis, count = _x(step), step.integer("axis"), len(step.node.output)
    axis = _axis(axis, len(x))
    sizes = _numbers(step, 1, "split")
    if not sizes:
        each = -(-x[axis] // count)
        sizes = [min(each, x[axis] - number * each) for number in range(count)]
    if sum(sizes) != x[axis] or len(sizes) != count or min(sizes) < 0:
        raise Unfit(f"{x[axis]} is not cut into {sizes[:8]}")
    return [(*x[:axis], size, *x[axis + 1 :]) for size in sizes]


@rule("Slice")
def _slice(step: Step) -> list[Shape]:
    x = list(_x(step))
    starts, ends = _numbers(step, 1, "starts") or [], _numbers(step, 2, "ends") or []
    axes, gaps = _numbers(step, 3, "axes"), _numbers(step, 4, "steps") or [1] * len(starts)
    axes = _axes(list(range(len(starts))) if axes is None else axes, len(x))
    for axis, start, end, gap in zip(axes, starts, ends, gaps, strict=True):
        x[axis] = len(places(x[axis], start, end, gap))
    return [tuple(x)]


@rule("Gather")
def _gather(step: Step) -> list[Shape]:
    x, index = _x(step), _x(step, 1)
    axis = _axis(step.integer("axis"), len(x))
    return [(*x[:axis], *index, *x[axis + 1 :])]


@rule("GatherElements")
def _gather_elements(step: Step) -> list[Shape]:
    return [_x(step, 1)]


@rule("GatherND")
def _gather_many(step: Step) -> list[Shape]:
    x, index, batch = _x(step), _x(step, 1), step.integer("batch_dims")
    if not 0 <= batch < min(len(x), len(index)) or not 1 <= index[-1] <= len(x) - batch:
        raise Unfit("its indices do not fit")
    return [(*index[:-1], *x[batch + index[-1] :])]


@rule("Pad")
def _pad(step: Step) -> list[Shape]:
    x, pads, axes = list(_x(step)), _numbers(step, 1, "pads") or [], _numbers(step, 3)
    axes = _axes(list(range(len(x))) if axes is None else axes, len(x))
    if len(pads) != 2 * len(axes):
        raise Unfit("its pads are not two for each axis")
    for number, axis in enumerate(axes):
        x[axis] += pads[number] + pads[number + len(axes)]
    return [tuple(x)]


@rule("Resize", "Upsample")
def _resize(step: Step) -> list[Shape]:
    x = _x(step)
    old = step.name == "Upsample" or step.opset < 11
    sizes = None if old or step.input(3) is None else _numbers(step, 3)
    axes = _axes(step.integers("axes") or list(range(len(x))), len(x))
    found = list(x)
    if sizes:
        if step.text("keep_aspect_ratio_policy", "stretch") != "stretch" or len(sizes) != len(axes):
            raise Unknown
        for axis, size in zip(axes, sizes, strict=True):
            found[axis] = size
        return [tuple(found)]
    number = 1 if old else 2
    if step.input(number) is None:
        scales = step.reals("scales")
    else:
        array = step.known(number)
        scales = None if array is None else [float(scale) for scale in array.reshape(-1)]
    if scales is None:
        raise Unknown
    for axis, scale in zip(axes, scales, strict=True):
        found[axis] = floor(x[axis] * scale)
    return [tuple(found)]


@rule("DepthToSpace", "SpaceToDepth")
def _pixels(step: Step) -> list[Shape]:
    (n, c, h, w), block = _x(step), step.integer("blocksize")
    if block < 1:
        raise Unfit("its blocksize is no number from 1")
    if step.name == "SpaceToDepth":
        if h % block or w % block:
            raise Unfit(f"blocks of {block} do not divide {h} and {w}")
        return [(n, c * block * block, h // block, w // block)]
    if c % (block * block):
        raise Unfit(f"blocks of {block} do not divide {c} channels")
    return [(n, c // (block * block), h * block, w * block)]


@rule("Expand")
def _expand(step: Step) -> list[Shape]:
    shape = _numbers(step, 1) or []
    return [spread(_x(step), tuple(shape))]


@rule("Tile")
def _tile(step: Step) -> list[Shape]:
    repeats = _numbers(step, 1) or []
    return [tuple(size * times for size, times in zip(_x(step), repeats, strict=True))]


@rule("ConstantOfShape")
def _filled(step: Step) -> list[Shape]:
    return [tuple(_numbers(step, 0) or [])]


@rule("RandomNormal", "RandomUniform")
def _random(step: Step) -> list[Shape]:
    return [tuple(step.integers("shape") or [])]


@rule("Range")
def _range(step: Step) -> list[Shape]:
    start, limit, delta = (step.scalar(number) for number in range(3))
    if start is None or limit is None or delta is None:
        raise Unknown
    return [(max(ceil((limit - start) / delta), 0),)]


@rule("OneHot")
def _one_hot(step: Step) -> list[Shape]:
    x, depth = list(_x(step)), _numbers(step, 1)
    axis = _axis(step.integer("axis", -1), len(x) + 1)
    x.insert(axis, (depth or [0])[0])
    return [tuple(x)]


@rule("CenterCropPad")
def _cropped(step: Step) -> list[Shape]:
    x, sizes = list(_x(step)), _numbers(step, 1) or []
    axes = step.integers("axes")
    for axis, size in zip(_axes(list(range(len(x))) if axes is None else axes, len(x)), sizes, strict=True):
        x[axis] = size
    return [tuple(x)]


@rule("Col2Im")
def _image_of_blocks(step: Step) -> list[Shape]:
    x, image, block = _x(step), _numbers(step, 1) or [], _numbers(step, 2) or []
    return [(x[0], x[1] // prod(block), *image)]


# Sequences


@rule("LSTM", "GRU", "RNN")
def _recurrent(step: Step) -> list[Shape]:
    x, w, r = _x(step), _x(step, 1), _x(step, 2)
    t, n = (x[1], x[0]) if step.integer("layout") else (x[0], x[1])
    directions, hidden = w[0], r[2]
    if len(x) != 3 or w[2] != x[2]:
        raise Unfit(f"weights of {list(w)} do not fit an input of {list(x)[:8]}")
    last = (n, directions, hidden) if step.integer("layout") else (directions, n, hidden)
    return [(n, t, directions, hidden) if step.integer("layout") else (t, directions, n, hidden), last, last]


@rule("Attention")
def _attention(step: Step) -> list[Shape]:
    q, v = _x(step), _x(step, 2)
    if len(q) == 4:
        return [(*q[:3], v[3])]
    heads, kv_heads = step.integer("q_num_heads"), step.integer("kv_num_heads")
    return [(*q[:2], heads * (v[2] // kv_heads))]


def impossible(shape: Shape) -> bool:
    """Whether a shape has a size that no layer's output has."""
    return any(not 0 < size <= MAX_SIZE for size in shape)


__all__: list[Any] = ["RULES", "Unfit", "impossible", "multiplied", "rule", "shapes_of", "spread", "without"]
