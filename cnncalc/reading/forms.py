"""Forms of ops that programs of every kind have: views, cuts, paddings, sums and products, with the batch aside.

Each takes the step that stands in the program, and gives its tensor. `Unread` is raised for a form that is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from cnncalc import ops
from cnncalc.ops.base import Op, Shape, cost_numbers
from cnncalc.reading.drafts import Draft, Value
from cnncalc.reading.steps import NOTHING, OPERATIONS, Result, Step, Unread


def short(sizes: Any) -> Any:
    """One number for equal ones.

    >>> short([3, 3]), short((1, 2)), short(2)
    (3, (1, 2), 2)
    """
    if isinstance(sizes, int):
        return sizes
    return sizes[0] if len(set(sizes)) == 1 else tuple(sizes)


def padding_of(pairs: Sequence[tuple[int, int]]) -> Any:
    """The padding before and after each dimension, in as few numbers as say it.

    >>> padding_of([(1, 1), (1, 1)]), padding_of([(1, 1), (2, 2)]), padding_of([(0, 1), (0, 1)])
    (1, (1, 2), ((0, 1), (0, 1)))
    """
    sizes = tuple(before if before == after else (before, after) for before, after in pairs)
    return sizes[0] if len(set(sizes)) == 1 and isinstance(sizes[0], int) else sizes


def weight(value: Any) -> Value:
    """A parameter or buffer as it is stored.

    Raises:
        Unread: it is computed.
    """
    if not isinstance(value, Value) or value.source is None or value.axis is not None:
        raise Unread
    return value


def plain(x: Value) -> Value:
    """A tensor whose first axis is the batch alone.

    Raises:
        Unread: it is not.
    """
    if x.axis != 0 or x.folded:
        raise Unread
    return x


def each_image(step: Step, op: Op, x: Value, owns: Sequence[Value | None] = ()) -> Value:
    """An op of images on a tensor whose first axis holds them: the op itself where that is the batch alone. Where
    several of a sample's are folded into it, such as windows, an opaque op with the op's work on each of them.

    Raises:
        Unread: the images do not stand along the first axis, or the program has another shape.
    """
    if x.axis == 0 and not x.folded:
        return step.emit(op, x, owns=owns)
    if x.axis not in (0, None) or len(x.shape) < 2:
        raise Unread
    image = x.shape[1:]
    output = op.output_shape(image)
    if (x.shape[0], *output) != step.shape:
        raise Unread
    costs = cost_numbers(op, (image,), output)
    each = {name[:-1]: costs.get(name[:-1], 0) for name in OPERATIONS}
    images = x.shape[0] // (x.batch if x.axis == 0 else 1)
    found = step.opaque(owns, **{name: number * images for name, number in each.items() if number is not None})
    return found if isinstance(found, Value) else found[0]  # type: ignore[index]


def same_axis(step: Step) -> Value:
    """The first tensor, if the batch lies in the result as in it."""
    if step.shape != step.x.shape:
        raise Unread
    return step.x


def seen_anew(step: Step, x: Value) -> Result:
    """A tensor in the step's shape."""
    if x.draft is None:
        return Value(step.shape, x.batch, None, None, x.source)
    result = step.value(None)
    if x.axis is not None and result.axis is None:
        raise Unread
    if result.sizes == x.sizes:
        return step.value(x.draft)
    op = ops.Flatten() if len(result.sizes) == 1 and len(x.sizes) > 1 else ops.Reshape(result.sizes)
    return step.emit(op, x)


def permuted(step: Step, x: Value, order: Sequence[int]) -> Result:
    """The axes in another order; moving the batch's alone is no change."""
    if x.axis is not None:
        moved = Value(step.shape, x.batch, order.index(x.axis))
        if moved.sizes != step.value(None).sizes:
            raise Unread
    places = [x.place(axis) for axis in order]
    found = tuple(place for place in places if place is not None)
    if found == tuple(range(len(found))):
        return Value(step.shape, x.batch, None if x.axis is None else order.index(x.axis), x.draft, x.source)
    if x.draft is None and prod(x.shape) == max(x.shape):  # a vector, whichever way it lies
        return Value(step.shape, x.batch, None, None, x.source)
    return step.emit(ops.Permute(found), x)


def part(
    step: Step, x: Value, place: int | None, start: int, stop: int, shape: tuple[int, ...], every: int = 1
) -> Value:
    """A range of an axis, in a shape that may have lost it."""
    if place is None or (inseparable(x) and x.place(x.axis or 0) == place):
        raise Unread
    result = step.value(None, shape)
    if not result.elements:
        return result
    draft = step.walk.drafted(x)
    if (start, stop, every) != (0, draft.output[place], 1):
        draft = step.between(ops.Slice((start, stop), axis=place, step=every), draft)
    if draft.output != result.sizes:
        draft = step.between(ops.Reshape(result.sizes), draft)
    return Value(result.shape, result.batch, result.axis, draft)


def joined(step: Step, tensors: Sequence[Value], axis: int) -> Result:
    """Tensors one after the other along an axis."""
    result = step.value(None)
    place = result.place(axis)
    if place is None or (inseparable(result) and axis % len(step.shape) == result.axis):
        raise Unread
    if result.batch == 1:  # its axis is one of several of that size, or none
        drafts = [step.aligned(value, _without(value.shape, result)) for value in tensors]
        return step.value(checked(step.between(ops.Concat(axis=place), *drafts), result))
    if any(value.axis != result.axis for value in tensors):
        raise Unread
    return step.emit(ops.Concat(axis=place), *tensors)


def inseparable(x: Value) -> bool:
    """Whether one axis holds the batch and something else, which a batch of one does not disturb."""
    return x.folded and x.batch != 1


def _without(shape: tuple[int, ...], result: Value) -> Shape:
    """A shape without the axis that is a result's batch of one."""
    if result.axis is None or result.folded:
        return shape or (1,)
    return (*shape[: result.axis], *shape[result.axis + 1 :]) or (1,)


PADDED = {"constant": "zero", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}
"""The modes of padding, by PyTorch's words."""


LARGEST = 3.4028234663852886e38
"""The largest number of float32: what infinity is written as, for which specs have no word."""


def padded(step: Step, x: Value, pairs: Sequence[tuple[int, int]], mode: str, value: float = 0.0) -> Result:
    """Something around the image, or the channels: before and after each of the tensor's sizes; negative sizes cut. It
    is another part of the image, by the mode, or a value."""
    if not any(before or after for before, after in pairs):
        return Value(step.shape, x.batch, x.axis, x.draft)
    channels, image = pairs[0], pairs[1:]
    if not image:
        return step.moved()
    value = min(max(float(value), -LARGEST), LARGEST)
    try:
        return step.emit(ops.Pad(padding_of(image), channels=channels, mode=PADDED[mode], value=value), x)  # type: ignore[arg-type]
    except Unread:
        return step.moved()


def spread(value: Value, shape: tuple[int, ...], axis: int | None) -> Shape:
    """The sizes of an operand, with as many axes as the result's sizes, where it is spread over them.

    Raises:
        Unread: it has no batch, and differs along the axis into which the result's batch is folded.
    """
    full = (1,) * (len(shape) - len(value.shape)) + value.shape
    if axis is None:
        return full or (1,)
    if value.batch == 1:
        return _without(full, Value(shape, 1, axis))
    if value.axis is not None:
        own = value.axis + len(shape) - len(value.shape)
        if own != axis or (value.folded and value.shape[value.axis] != shape[axis]):
            raise Unread
    elif full[axis] != 1:
        raise Unread
    result = Value(shape, value.batch, axis)
    if result.batch and shape[axis] == result.batch:
        return (*full[:axis], *full[axis + 1 :]) or (1,)
    kept = full[axis] // value.batch if value.axis is not None else 1
    return (*full[:axis], max(kept, 1), *full[axis + 1 :])


def merged(step: Step, op: Op, first: Value, second: Value) -> Value:
    """An op of two tensors, each spread over the other; a learnt one a scale or an embedding, where it is that."""
    result = step.value(None)
    learnt = _with_weights(step, op, first, second, result)
    if learnt is not None:
        return learnt
    drafts = [step.aligned(value, spread(value, result.shape, result.axis)) for value in (first, second)]
    return step.value(checked(step.between(op, *drafts), result))


def checked(draft: Draft, result: Value) -> Draft:
    """A draft that has the sizes of a result.

    Raises:
        Unread: it has others.
    """
    if draft.output != result.sizes:
        raise Unread
    return draft


def _with_weights(step: Step, op: Op, first: Value, second: Value, result: Value) -> Value | None:
    """The product with a learnt factor a channel as a scale, the sum with a learnt tensor as a position embedding."""
    for x, learnt in ((first, second), (second, first)):
        if x.axis is None or x.shape != result.shape or learnt.axis is not None:
            continue
        if learnt.draft is not None or learnt.source not in step.walk.trained or learnt.source in step.walk.owners:
            continue
        sizes = spread(learnt, result.shape, result.axis)
        if isinstance(op, ops.Multiply) and sizes == (x.sizes[0], *(1,) * (len(x.sizes) - 1)):
            return step.emit(ops.Scale(), x, owns=[learnt])
        if isinstance(op, ops.Add) and sizes == x.sizes:
            return step.emit(ops.PositionEmbedding(), x, owns=[learnt])
    return None


def reduced(step: Step, kind: Any, x: Value, dims: Sequence[int], keep: bool) -> Result:
    """A mean, sum or maximum over some axes, none of them the batch's."""
    places = [x.place(dim) for dim in dims]
    if None in places or (inseparable(x) and any(dim % len(x.shape) == x.axis for dim in dims)):
        raise Unread
    axes = tuple(sorted(place for place in places if place is not None))
    if len(axes) == len(x.sizes) and not keep:
        draft = step.between(kind(_short_axes(axes), keep=True), step.walk.drafted(x))
        return step.value(step.between(ops.Reshape((1,)), draft))
    return step.emit(kind(_short_axes(axes), keep=keep), x)


def _short_axes(axes: tuple[int, ...]) -> Any:
    """One axis as a number."""
    return axes[0] if len(axes) == 1 else axes


def one_each(step: Step, *kinds: str) -> Result:
    """An op that is one operation of each kind for each element of its output; two of a kind that is told twice."""
    counts = dict(NOTHING)
    for kind in kinds:
        counts[kind] += step.value(None).elements
    return step.opaque((), **counts)
