"""Examples of every kind, made from its class alone: no list of kinds stands in the tests."""

from __future__ import annotations

import ast
import contextlib
import doctest
from itertools import product
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


# Kinds of which no example follows from the types of their options alone, each with an op and its inputs.
PLACES: dict[str, tuple[Op, tuple[Shape, ...]]] = {
    "apply": (ops.Apply("sqrt"), ((4, 9, 7),)),
    "deformable_conv": (ops.DeformableConv(4, kernel=3), ((4, 9, 7), (18, 7, 5))),
    "einsum": (ops.Einsum("ab,cb->ac"), ((5, 4), (7, 4))),
    "matmul": (ops.MatMul(), ((5, 4), (4, 7))),
    "multihead_attention": (ops.MultiheadAttention(2), ((9, 8),)),
    "permute": (ops.Permute((1, 0)), ((4, 11),)),
    "pixel_unshuffle": (ops.PixelUnshuffle(2), ((4, 8, 6),)),
    "reshape": (ops.Reshape((7, 4, 9)), ((4, 9, 7),)),
    "roi_align": (ops.RoIAlign(3), ((4, 9, 7), (2, 4))),
}

# What is unknown of a kind because nobody can say it in general, as docs/kinds.md tells.
_SEES = {"what its units see"}
UNSAID: dict[str, set[str]] = {
    **dict.fromkeys(("deformable_conv", "embedding", "matmul", "max", "mean", "multihead_attention"), _SEES),
    **dict.fromkeys(
        ("parameter", "permute", "reshape", "roi_align", "roll", "stack", "sum", "window_attention"), _SEES
    ),
    "gru": {"what autograd saves"},  # the library's workspace, which differs by processor
    "lstm": {"what autograd saves"},
}


def example(kind: type[Op]) -> Op:
    """An op of a kind: its required options, and a main one that has no value of its own, with values of their types;
    all others at their defaults."""
    if kind.kind in PLACES:
        return PLACES[kind.kind][0]
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
    """The example of a kind on each of the inputs that it fits."""
    if kind.kind in PLACES:
        return [PLACES[kind.kind]]
    op = example(kind)
    found = []
    for shape in SHAPES:
        try:
            op.output_shape(*inputs_of(op, shape))
        except OpError:
            continue
        found.append((op, inputs_of(op, shape)))
    return found or [documented(kind)]


OTHERWISE: tuple[dict[str, object], ...] = (
    {},
    {"kernel": 1},
    {"kernel": 3, "stride": 2, "padding": 1},
    {"kernel": 3, "stride": 2, "dilation": 2, "padding": 1},
    {"kernel": 3, "stride": 2, "padding": "same"},
    {"kernel": 3, "stride": 2, "padding": "valid"},
    {"kernel": 3, "stride": 2, "ceil": True},
    {"kernel": 3, "stride": 2, "output_padding": 1},
    {"kernel": 3, "padding": ((0, 1),)},
    {"kernel": 3, "padding": ((0, 1), (0, 1))},
    {"groups": 2, "bias": False},
    {"affine": False},
    {"over": "last"},
    {"over": "all"},
    {"over": "all", "affine": False},
)


def other_options(kind: type[Op]) -> list[Op]:
    """The example of a kind with other options, where it has them."""
    options = example(kind).named()
    found = []
    for other in OTHERWISE:
        if set(other) <= set(options):
            with contextlib.suppress(OpError):
                found.append(kind(**{**options, **other}))
    return found


def everywhere(kind: type[Op]) -> list[tuple[Op, tuple[Shape, ...]]]:
    """A kind with other options, on inputs of one to three dimensions and none; no kind of `PLACES`."""
    found = []
    for op, shape in product(other_options(kind), SHAPES):
        with contextlib.suppress(OpError):
            op.output_shape(*inputs_of(op, shape))
            found.append((op, inputs_of(op, shape)))
    return found


def network_of(op: Op, shapes: tuple[Shape, ...], training: bool = False) -> Network:
    """A network in which an op reads outputs of layers with parameters, one for each input."""
    from cnncalc.ops import PReLU

    builder = Builder(training=training)
    sources = [
        builder.add(PReLU(), builder.input(*shape, name=f"input{number}")) for number, shape in enumerate(shapes)
    ]
    return Network.of(builder.graph(builder.add(op, *sources, name="op")))
