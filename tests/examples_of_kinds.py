"""Examples of every kind, made from its class alone: no list of kinds stands in the tests."""

from __future__ import annotations

import ast
import doctest
from typing import Any

import msgspec

from cnncalc import Network, OpError, ops
from cnncalc.graph import Builder
from cnncalc.ops import KINDS, Op
from cnncalc.ops.base import Shape

SAYING = {word: kind for word, kind in KINDS.items() if kind is not ops.Opaque}
"""All kinds but the one that is there to say what its user says, and no more."""

SHAPES: tuple[Shape, ...] = ((4, 9, 7), (4, 11), (4, 6, 5, 7), (4,))
"""The inputs on which examples stand, the first that fits; sizes without a common divisor."""


def example(kind: type[Op]) -> Op:
    """An op of a kind: its required options, and a main one that has no value of its own, with values of their types;
    all others at their defaults."""
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if field.required or (field.name == kind.main and field.default is None):
            for value in (2, (1, 3), 1.5, *kind.words.get(field.name, ()), True):
                try:
                    values[field.name] = msgspec.convert(value, field.type)
                except msgspec.ValidationError:
                    continue
                break
            assert field.name in values, f"no value of the tests fits {field.name} of {kind.kind}"
    return kind(**values)


def inputs_of(op: Op, shape: Shape) -> tuple[Shape, ...]:
    """As many inputs as an op reads, two where it reads any number."""
    return (shape,) * (2 if op.arity is None else op.arity)


def documented(kind: type[Op]) -> tuple[Op, tuple[Shape, ...]]:
    """The op and the inputs of the example in a kind's own documentation."""
    for shown in doctest.DocTestParser().get_examples(kind.__doc__ or ""):
        call = ast.parse(shown.source.strip(), mode="eval").body
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "output_shape":
            op = eval(ast.unparse(call.func.value), vars(ops))
            return op, tuple(ast.literal_eval(argument) for argument in call.args)
    raise AssertionError(f"{kind.kind} fits no input of the tests, and its documentation has no example")


def places(kind: type[Op]) -> list[tuple[Op, tuple[Shape, ...]]]:
    """The example of a kind on each of the inputs that it fits; if there is none, its documentation's."""
    op = example(kind)
    found = []
    for shape in SHAPES:
        try:
            op.output_shape(*inputs_of(op, shape))
        except OpError:
            continue
        found.append((op, inputs_of(op, shape)))
    return found or [documented(kind)]


def network_of(op: Op, shapes: tuple[Shape, ...], training: bool = False) -> Network:
    """A network in which an op reads outputs of layers with parameters, one for each input."""
    from cnncalc.ops import PReLU

    builder = Builder(training=training)
    sources = [
        builder.add(PReLU(), builder.input(*shape, name=f"input{number}")) for number, shape in enumerate(shapes)
    ]
    return Network.of(builder.graph(builder.add(op, *sources, name="op")))
