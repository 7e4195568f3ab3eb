"""Constant folding: what an ONNX graph reckons with sizes, done while it is read.

Only small tensors of whole numbers and the like are folded, with a bound on each result. Weights are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Fold = Callable[[Sequence[Array | None], Callable[[str, Any], Any]], Any]
"""Gives the result of an op on known tensors, and a function of its attributes."""

MAX_ELEMENTS = 20_000
"""Numbers of a tensor that is folded."""


class TooLarge(Exception):
    """A folded tensor would have more numbers than the bound."""


def fold(kind: str, inputs: Sequence[Array | None], attribute: Callable[[str, Any], Any]) -> list[Array] | None:
    """The results of an op on known tensors; None if it is none that is folded.

    Raises:
        TooLarge: a result has too many numbers.
        Exception: whatever NumPy raises of tensors that do not fit.
    """
    function = FOLDS.get(kind)
    if function is None:
        return None
    with np.errstate(all="ignore"):
        found = function(inputs, attribute)
    results = found if isinstance(found, list) else [found]
    return [_bounded(np.asarray(result)) for result in results]


def _bounded(array: Array) -> Array:
    if array.size > MAX_ELEMENTS or array.ndim > 8:
        raise TooLarge
    return array


def _check(elements: int) -> None:
    if not 0 <= elements <= MAX_ELEMENTS:
        raise TooLarge


def _pairs(function: Callable[..., Any]) -> Fold:
    """The fold of an op on two tensors, or several, each spread over the others."""

    def folded(inputs: Sequence[Array | None], attribute: Callable[[str, Any], Any]) -> Any:
        arrays = [array for array in inputs if array is not None]
        _check(prod(np.broadcast_shapes(*[array.shape for array in arrays])))
        result = arrays[0]
        for other in arrays[1:]:
            result = function(result, other)
        return result

    return folded


def _each(function: Callable[[Array], Any]) -> Fold:
    return lambda inputs, attribute: function(_first(inputs))


def _first(inputs: Sequence[Array | None]) -> Array:
    return _given(inputs, 0)


def _given(inputs: Sequence[Array | None], number: int) -> Array:
    array = inputs[number] if number < len(inputs) else None
    if array is None:
        raise TypeError("an input is missing")
    return array


def numbers(inputs: Sequence[Array | None], number: int) -> list[int] | None:
    """The whole numbers of an input; None if it is not given."""
    array = inputs[number] if number < len(inputs) else None
    return None if array is None else [int(value) for value in array.reshape(-1)]


def _divided(a: Array, b: Array) -> Array:
    """Division as ONNX has it: whole numbers are cut towards zero."""
    if a.dtype.kind in "iu":
        if not np.all(b):
            raise ZeroDivisionError
        found: Array = np.trunc(a.astype(np.float64) / b).astype(a.dtype) if np.any((a < 0) | (b < 0)) else a // b
        return found
    return np.divide(a, b)


def _gather(inputs: Sequence[Array | None], attribute: Callable[[str, Any], Any]) -> Any:
    data, index = _given(inputs, 0), _given(inputs, 1)
    axis = int(attribute("axis", 0))
    _check(data.size // max(data.shape[axis], 1) * index.size)
    return np.take(data, index.astype(np.int64), axis=axis)


def _slice(inputs: Sequence[Array | None], attribute: Callable[[str, Any], Any]) -> Any:
    data = _first(inputs)
    starts, ends = numbers(inputs, 1), numbers(inputs, 2)
    if starts is None or ends is None:
        starts, ends = list(attribute("starts", [])), list(attribute("ends", []))
    axes = numbers(inputs, 3) or list(attribute("axes", range(len(starts))))
    steps = numbers(inputs, 4) or [1] * len(starts)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        data = np.take(data, places(data.shape[axis], start, end, step), axis=axis)
    return data


def places(size: int, start: int, end: int, step: int) -> range:
    """The places of an axis that a slice takes, as ONNX defines it: both ends are moved into the axis.

    >>> list(places(4, 1, 2**63 - 1, 2)), list(places(4, -1, -(2**63), -1))
    ([1, 3], [3, 2, 1, 0])
    """
    start, end = (number + size if number < 0 else number for number in (start, end))
    least, most = (0, size) if step > 0 else (-1, size - 1)
    return range(min(max(start, 0), most), min(max(end, least), most), step)


def _unsqueeze(inputs: Sequence[Array | None], attribute: Callable[[str, Any], Any]) -> Any:
    axes = numbers(inputs, 1) or list(attribute("axes", []))
    return np.expand_dims(_first(inputs), tuple(axes))


def _squeeze(inputs: Sequence[Array | None], attribute: Callable[[str, Any], Any]) -> Any:
    axes = numbers(inputs, 1) or list(attribute("axes", []))
    return np.squeeze(_first(inputs), tuple(axes) if axes else None)


def _reshape(inputs: Sequence[Array | None], attribute: Callable[[str, Any], Any]) -> Any:
    data, shape = _first(inputs), numbers(inputs, 1) or []
    if not attribute("allowzero", 0):
        shape = [data.shape[axis] if size == 0 else size for axis, size in enumerate(shape)]
    return data.reshape(shape)


def _expand(inputs: Sequence[Array | None], attribute: Callable[[str, Any], Any]) -> Any:
    data, shape = _first(inputs), tuple(numbers(inputs, 1) or [])
    full = np.broadcast_shapes(data.shape, shape)
    _check(prod(full))
    return np.broadcast_to(data, full)


def _filled(inputs: Sequence[Array | None], attribute: Callable[[str, Any], Any]) -> Any:
    shape = numbers(inputs, 0) or []
    _check(prod(shape))
    value = attribute("value", None)
    if value is None:
        return np.zeros(shape, np.float32)
    return np.full(shape, value.reshape(-1)[0], value.dtype)


def _range(inputs: Sequence[Array | None], attribute: Callable[[str, Any], Any]) -> Any:
    start, limit, delta = (_given(inputs, number).reshape(-1)[0] for number in range(3))
    _check(int(max((float(limit) - float(start)) // float(delta) + 1, 0)) if delta else -1)
    return np.arange(start, limit, delta, dtype=_first(inputs).dtype)


def _tile(inputs: Sequence[Array | None], attribute: Callable[[str, Any], Any]) -> Any:
    data, repeats = _first(inputs), numbers(inputs, 1) or []
    _check(data.size * prod(repeats))
    return np.tile(data, repeats)


def _concat(inputs: Sequence[Array | None], attribute: Callable[[str, Any], Any]) -> Any:
    return np.concatenate([array for array in inputs if array is not None], axis=int(attribute("axis", 0)))


def _cast(inputs: Sequence[Array | None], attribute: Callable[[str, Any], Any]) -> Any:
    from onnx.helper import tensor_dtype_to_np_dtype

    return _first(inputs).astype(tensor_dtype_to_np_dtype(int(attribute("to", 1))))


def _reduced(function: Callable[..., Any]) -> Fold:
    def folded(inputs: Sequence[Array | None], attribute: Callable[[str, Any], Any]) -> Any:
        axes = numbers(inputs, 1) or attribute("axes", None)
        return function(_first(inputs), axis=tuple(axes) if axes else None, keepdims=bool(attribute("keepdims", 1)))

    return folded


def _split(inputs: Sequence[Array | None], attribute: Callable[[str, Any], Any]) -> Any:
    data, axis = _first(inputs), int(attribute("axis", 0))
    sizes = numbers(inputs, 1) or attribute("split", None)
    if not sizes:
        return [np.asarray(piece) for piece in np.array_split(data, min(int(attribute("num_outputs", 1)), 1000), axis)]
    _check(len(sizes))
    return np.split(data, np.cumsum(list(sizes))[:-1], axis)


def _where(inputs: Sequence[Array | None], attribute: Callable[[str, Any], Any]) -> Any:
    condition, first, second = (_given(inputs, number) for number in range(3))
    _check(prod(np.broadcast_shapes(condition.shape, first.shape, second.shape)))
    return np.where(condition, first, second)


def _power(a: Array, b: Array) -> Array:
    """A power of real numbers; of whole ones as of real ones, so that none is beyond all bounds."""
    return np.power(a.astype(np.float64), b).astype(a.dtype)


def _clip(inputs: Sequence[Array | None], attribute: Callable[[str, Any], Any]) -> Any:
    low, high = (
        inputs[number] if number < len(inputs) and inputs[number] is not None else attribute(name, None)
        for number, name in ((1, "min"), (2, "max"))
    )
    return np.clip(_first(inputs), low, high)


FOLDS: dict[str, Fold] = {
    "Add": _pairs(np.add),
    "Sub": _pairs(np.subtract),
    "Mul": _pairs(np.multiply),
    "Div": _pairs(_divided),
    "Mod": _pairs(np.mod),
    "Pow": _pairs(_power),
    "Max": _pairs(np.maximum),
    "Min": _pairs(np.minimum),
    "Equal": _pairs(np.equal),
    "Less": _pairs(np.less),
    "LessOrEqual": _pairs(np.less_equal),
    "Greater": _pairs(np.greater),
    "GreaterOrEqual": _pairs(np.greater_equal),
    "And": _pairs(np.logical_and),
    "Or": _pairs(np.logical_or),
    "Xor": _pairs(np.logical_xor),
    "Not": _each(np.logical_not),
    "Neg": _each(np.negative),
    "Abs": _each(np.abs),
    "Sqrt": _each(np.sqrt),
    "Floor": _each(np.floor),
    "Ceil": _each(np.ceil),
    "Round": _each(np.round),
    "Sign": _each(np.sign),
    "Reciprocal": _each(np.reciprocal),
    "Identity": _each(np.asarray),
    "Size": _each(lambda array: np.asarray(array.size, np.int64)),
    "Gather": _gather,
    "Slice": _slice,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Reshape": _reshape,
    "Flatten": lambda inputs, attribute: _first(inputs).reshape(
        prod(_first(inputs).shape[: int(attribute("axis", 1))]), -1
    ),
    "Transpose": lambda inputs, attribute: np.transpose(_first(inputs), attribute("perm", None)),
    "Expand": _expand,
    "ConstantOfShape": _filled,
    "Range": _range,
    "Tile": _tile,
    "Concat": _concat,
    "Cast": _cast,
    "Clip": _clip,
    "Relu": _each(lambda array: np.maximum(array, 0)),
    "CastLike": lambda inputs, attribute: _first(inputs),
    "ReduceProd": _reduced(np.prod),
    "ReduceSum": _reduced(np.sum),
    "ReduceMax": _reduced(np.max),
    "ReduceMin": _reduced(np.min),
    "Split": _split,
    "Where": _where,
}
