"""Expressions over arrays of numbers, where thousands of variants each have a number of their own.

The language's own evaluator says what an expression is worth; here the part of it that floating-point and 64-bit
arithmetic give exactly alike is done for all at once. Whatever might differ (powers, lists, a division by zero, numbers
beyond 2^53) is left to the evaluator: `evaluated` then gives None. A test holds the two against each other.

>>> import numpy as np
>>> evaluated("divisible(32 * width, 8)", {"width": np.array([0.5, 1.1])}).tolist()
[16, 32]
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

EXACT = 2.0**53


class Value(NamedTuple):
    """An array or one number, and what the numbers are: "i" whole, "f" decimal, "m" some of each, "b" true or false.
    Of mixed ones the array is decimal."""

    array: Any
    kind: str


class Unfit(Exception):
    """This is for the evaluator."""


def evaluated(text: str, variables: Mapping[str, Any]) -> Any:
    """The values of an expression, as an array of whole numbers, decimals or truths; None where the evaluator is to be
    asked. Variables are arrays of whole numbers or of decimals, or one number."""
    try:
        with np.errstate(all="ignore"):
            found = _of(_tree(text), variables)
    except Unfit:
        return None
    return None if found.kind == "m" or not isinstance(found.array, np.ndarray) else found.array


@lru_cache(maxsize=1_000)
def _tree(text: str) -> ast.expr:
    return ast.parse(text.strip(), mode="eval").body


def _of(node: ast.expr, variables: Mapping[str, Any]) -> Value:
    """The value of a node."""
    match node:
        case ast.Constant(value=value):
            return _given(value)
        case ast.Name(id="true" | "True"):
            return Value(True, "b")
        case ast.Name(id="false" | "False"):
            return Value(False, "b")
        case ast.Name(id=name):
            return _given(variables[name])
        case ast.BinOp():
            return _binary(node, _number(_of(node.left, variables)), _number(_of(node.right, variables)))
        case ast.UnaryOp(op=ast.USub()):
            operand = _number(_of(node.operand, variables))
            return Value(-operand.array, operand.kind)
        case ast.UnaryOp(op=ast.Not()):
            return Value(~_truth(_of(node.operand, variables)), "b")
        case ast.Compare():
            return _compare(node, variables)
        case ast.BoolOp():
            parts = [_truth(_of(part, variables)) for part in node.values]
            combine = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
            return Value(combine.reduce(np.broadcast_arrays(*parts)), "b")
        case ast.IfExp():
            yes, no = _of(node.body, variables), _of(node.orelse, variables)
            kind = yes.kind if yes.kind == no.kind else "m"
            if kind == "m" and "b" in (yes.kind, no.kind):
                raise Unfit
            return Value(np.where(_truth(_of(node.test, variables)), yes.array, no.array), kind)
        case ast.Call(func=ast.Name(id=name), args=args) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_number(_of(argument, variables)) for argument in args))
    raise Unfit


def _given(value: Any) -> Value:
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "if":
            raise Unfit
        return _checked(Value(value, value.dtype.kind))
    if type(value) not in (int, float):
        raise Unfit
    return _checked(Value(value, "i" if type(value) is int else "f"))


def _number(value: Value) -> Value:
    if value.kind == "b":
        raise Unfit
    return value


def _truth(value: Value) -> Any:
    return np.asarray(value.array) if value.kind == "b" else np.asarray(value.array != 0)


def _checked(value: Value) -> Value:
    """The value, if each of its numbers is exact in both arithmetics."""
    if not np.all(np.abs(np.asarray(value.array, np.float64)) <= EXACT):  # which no nan is
        raise Unfit
    return value


def _common(left: Value, right: Value) -> str:
    return left.kind if left.kind == right.kind else "f" if "f" in (left.kind, right.kind) else "m"


def _binary(node: ast.BinOp, left: Value, right: Value) -> Value:
    a, b = left.array, right.array
    if isinstance(node.op, (ast.Add, ast.Sub, ast.Mult)):
        size = np.abs(np.asarray(a, np.float64)), np.abs(np.asarray(b, np.float64))
        most = size[0] * size[1] if isinstance(node.op, ast.Mult) else size[0] + size[1]
        if not np.all(most <= EXACT):
            raise Unfit
        operation = {ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply}[type(node.op)]
        return Value(operation(a, b), _common(left, right))
    if np.any(np.asarray(b) == 0):
        raise Unfit
    if isinstance(node.op, ast.Div):
        return _checked(Value(np.true_divide(a, b), "f"))
    if isinstance(node.op, (ast.FloorDiv, ast.Mod)):
        operation = np.floor_divide if isinstance(node.op, ast.FloorDiv) else np.mod
        return _checked(Value(operation(a, b), _common(left, right)))
    raise Unfit


_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}


def _compare(node: ast.Compare, variables: Mapping[str, Any]) -> Value:
    values = [_number(_of(operand, variables)).array for operand in (node.left, *node.comparators)]
    parts = [_COMPARISONS[type(op)](a, b) for op, a, b in zip(node.ops, values, values[1:], strict=False)]
    return Value(np.logical_and.reduce(np.broadcast_arrays(*parts)), "b")


def _least(*values: Value) -> Value:
    return _extreme(np.minimum, values)


def _most(*values: Value) -> Value:
    return _extreme(np.maximum, values)


def _extreme(function: Any, values: tuple[Value, ...]) -> Value:
    """The smallest or largest of some; of mixed ones nobody says whether it is a whole one."""
    found = values[0].array
    for value in values[1:]:
        found = function(found, value.array)
    kinds = {value.kind for value in values}
    return Value(found, kinds.pop() if len(kinds) == 1 else "m")


def _rounded(function: Any) -> Callable[[Value], Value]:
    return lambda value: Value(np.asarray(function(np.asarray(value.array, np.float64))).astype(np.int64), "i")


def _divisible(value: Value, by: Value) -> Value:
    """As `divisible` in the language of expressions."""
    if type(by.array) is not int or by.array < 1:
        raise Unfit
    number = np.asarray(value.array, np.float64)
    whole = np.trunc(number + by.array / 2).astype(np.int64)
    nearest = np.maximum(by.array, whole // by.array * by.array)
    return Value(nearest + by.array * (nearest < 0.9 * number), "i")


_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "min": _least,
    "max": _most,
    "round": _rounded(np.rint),
    "floor": _rounded(np.floor),
    "ceil": _rounded(np.ceil),
    "divisible": _divisible,
}
