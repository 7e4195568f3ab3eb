"""The rules for shapes, each held against ONNX's own inference on random nodes, right ones and wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, defs, helper, numpy_helper, shape_inference

from cnncalc.onnx.shapes import RULES, Unfit, shapes_of
from cnncalc.onnx.walk import Step, Walk
from cnncalc.reading.drafts import Value

OPSET = 22
Case = tuple[list[Any], dict[str, Any]]
"""The inputs, shapes or known numbers, and the attributes."""


def sizes(random: Random, rank: int, most: int = 6) -> tuple[int, ...]:
    return tuple(random.randint(1, most) for _ in range(rank))


def some(random: Random) -> tuple[int, ...]:
    return sizes(random, random.randint(1, 5))


def image(random: Random) -> tuple[int, ...]:
    rank = random.randint(1, 3)
    return (random.randint(1, 3), random.choice((2, 4, 6)), *(random.randint(5, 12) for _ in range(rank)))


def window(random: Random, rank: int, ceil: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = {"strides": [random.randint(1, 3) for _ in range(rank)]}
    if random.random() < 0.5:
        found["dilations"] = [random.randint(1, 2) for _ in range(rank)]
    if random.random() < 0.3:
        found["auto_pad"] = random.choice(("SAME_UPPER", "SAME_LOWER", "VALID"))
    elif random.random() < 0.7:
        found["pads"] = [random.randint(0, 1) for _ in range(2 * rank)]
    if ceil and "auto_pad" not in found:
        found["ceil_mode"] = random.randint(0, 1)
    return found


def conv(random: Random) -> Case:
    x, group = image(random), random.choice((1, 1, 2))
    kernel = sizes(random, len(x) - 2, 3)
    return [x, (4, x[1] // group, *kernel)], {**window(random, len(kernel), False), "group": group}


def transposed(random: Random) -> Case:
    x, group = image(random), random.choice((1, 2))
    kernel = sizes(random, len(x) - 2, 3)
    options = window(random, len(kernel), False)
    options.pop("auto_pad", None)
    more = {"output_padding": [stride - 1 for stride in options["strides"]]} if random.random() < 0.5 else {}
    return [x, (x[1], 3, *kernel)], {**options, **more, "group": group}


def pool(random: Random) -> Case:
    x = image(random)
    return [x], {**window(random, len(x) - 2), "kernel_shape": list(sizes(random, len(x) - 2, 3))}


def average(random: Random) -> Case:
    inputs, options = pool(random)
    options.pop("dilations", None)
    return inputs, options


def reduced(random: Random) -> Case:
    x = some(random)
    chosen = random.sample(range(len(x)), random.randint(0, min(2, len(x))))
    axes = [axis - random.choice((0, len(x))) for axis in chosen]
    options = {"keepdims": random.randint(0, 1), "noop_with_empty_axes": random.randint(0, 1)}
    return [x, np.array(axes, np.int64)], options


def reshape(random: Random) -> Case:
    x = some(random)
    wanted = list(random.choice((x[::-1], (-1,), (0, -1), (*x, 1), (2, -1), (int(np.prod(x)),), (3, 3))))
    return [x, np.array(wanted, np.int64)], {"allowzero": random.choice((0, 0, 1))}


def matrices(random: Random) -> Case:
    a, b = list(sizes(random, random.randint(1, 4))), list(sizes(random, random.randint(1, 4)))
    if random.random() < 0.9:
        b[-2 if len(b) > 1 else 0] = a[-1]
    return [tuple(a), tuple(b)], {}


def gemm(random: Random) -> Case:
    a, b = sizes(random, 2, 3), sizes(random, 2, 3)
    return [a, b, random.choice(((1,), (b[1],), (a[0], 1)))], {
        "transA": random.randint(0, 1),
        "transB": random.randint(0, 1),
    }


def cut(random: Random) -> Case:
    x = some(random)
    axes = random.sample(range(len(x)), random.randint(1, len(x)))
    numbers = [[random.randint(-8, 8) for _ in axes] for _ in range(2)]
    steps = [random.choice((1, 1, 2, 3, -1, -2)) for _ in axes]
    return [x, *(np.array(each, np.int64) for each in (*numbers, axes, steps))], {}


def joined(random: Random) -> Case:
    x = some(random)
    axis = random.randrange(len(x))
    others = [(*x[:axis], random.randint(1, 5), *x[axis + 1 :]) for _ in range(random.randint(0, 3))]
    return [x, *others], {"axis": axis - random.choice((0, len(x)))}


def resized(random: Random) -> Case:
    x = image(random)
    if random.random() < 0.5:
        return [x, None, np.array([1, 1, *(random.choice((0.5, 1.5, 2, 3.3)) for _ in x[2:])], np.float32)], {}
    return [x, None, None, np.array([*x[:2], *(random.randint(1, 20) for _ in x[2:])], np.int64)], {}


def padded(random: Random) -> Case:
    x = some(random)
    if random.random() < 0.5:
        return [x, np.array([random.randint(0, 3) for _ in range(2 * len(x))], np.int64)], {}
    return [x, np.array([1, 2], np.int64), None, np.array([random.randrange(len(x))], np.int64)], {}


def spread(random: Random) -> Case:
    x = some(random)
    other = tuple(random.choice((size, size, 1)) for size in x)[random.randint(0, len(x)) :]
    return random.sample([x, other], 2), {}


def turned(random: Random) -> Case:
    x = some(random)
    return [x], random.choice(({}, {"perm": random.sample(range(len(x)), len(x))}))


def recurrent(gates: int) -> Callable[[Random], Case]:
    def make(random: Random) -> Case:
        (t, n, c), h, d = sizes(random, 3), random.randint(1, 4), random.choice((1, 2))
        direction = "bidirectional" if d == 2 else "forward"
        options = {"hidden_size": h, "direction": direction, "layout": random.randint(0, 1)}
        return [(t, n, c), (d, gates * h, c), (d, gates * h, h)], options

    return make


def same(random: Random) -> Case:
    return [some(random)], {}


CASES: dict[str, Callable[[Random], Case]] = {
    **dict.fromkeys(("Relu", "Sigmoid", "Erf", "Gelu", "HardSwish", "Mish", "Identity", "Softmax", "Not"), same),
    **dict.fromkeys(("Add", "Mul", "Sub", "Div", "Max", "Mean", "PRelu"), spread),
    "Conv": conv,
    "ConvTranspose": transposed,
    "MaxPool": pool,
    "LpPool": pool,
    "AveragePool": average,
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool"), lambda random: ([image(random)], {})),
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceMax", "ReduceL2", "ReduceProd"), reduced),
    "ArgMax": lambda random: ([sizes(random, 3)], {"axis": random.randint(-3, 2), "keepdims": random.randint(0, 1)}),
    "TopK": lambda random: ([(4, 5, 6), np.array([3])], {"axis": random.randint(-3, 2)}),
    "Reshape": reshape,
    "Flatten": lambda random: ([sizes(random, 4)], {"axis": random.randint(-4, 4)}),
    "Squeeze": lambda random: (
        [(2, 1, 3, 1), *random.choice(([], [np.array([1])], [np.array([-1, 1])], [np.array([0])]))],
        {},
    ),
    "Unsqueeze": lambda random: (
        [sizes(random, 2), np.array(random.sample(range(-4, 4), random.randint(1, 2)))],
        {},
    ),
    "Transpose": turned,
    "MatMul": matrices,
    "Gemm": gemm,
    "Einsum": lambda random: (
        [(2, 3, 4), (4, 5)],
        {
            "equation": random.choice(
                ("abc,cd->abd", "abc, cd -> da", "...c,cd->...d", "b...c,cd", "abc,cd", "ab,cd->a")
            )
        },
    ),
    "Slice": cut,
    "Concat": joined,
    "Gather": lambda random: ([sizes(random, 3), some(random)[:2]], {"axis": random.randint(-3, 2)}),
    "GatherElements": lambda random: ([sizes(random, 3), sizes(random, 3)], {"axis": 1}),
    "GatherND": lambda random: ([sizes(random, 4), (2, 3, random.randint(1, 3))], {"batch_dims": 0}),
    "Resize": resized,
    "Pad": padded,
    "Expand": lambda random: ([(3, 1), np.array(random.choice(((2, 1, 6), (3, 4), (1,), (2, 4))))], {}),
    "Tile": lambda random: ([sizes(random, 2), np.array([2, 3])], {}),
    "DepthToSpace": lambda random: ([(1, random.choice((8, 12, 7)), 3, 5)], {"blocksize": 2}),
    "SpaceToDepth": lambda random: ([(1, 3, random.choice((8, 6, 7)), 4)], {"blocksize": 2}),
    "ConstantOfShape": lambda random: ([np.array([2, 3])], {}),
    "Range": lambda random: ([np.array(1), np.array(random.randint(2, 9)), np.array(random.choice((1, 2, 3)))], {}),
    "OneHot": lambda random: ([sizes(random, 2), np.array(7), (2,)], {"axis": random.randint(-3, 2)}),
    "LayerNormalization": lambda random: ([(2, 3, 4), (4,)], {"axis": random.choice((-1, 2))}),
    "BatchNormalization": lambda random: ([(2, 4, 5, 5), (4,), (4,), (4,), (4,)], {}),
    "GridSample": lambda random: ([(2, 3, 5, 6), (2, 7, 8, 2)], {}),
    "RoiAlign": lambda random: ([(2, 3, 5, 6), (9, 4), (9,)], {"output_height": 3, "output_width": 4}),
    "LSTM": recurrent(4),
    "GRU": recurrent(3),
}
INTEGERS = {("Gather", 1), ("GatherElements", 1), ("GatherND", 1), ("OneHot", 0), ("RoiAlign", 2)}


@pytest.mark.parametrize("kind", CASES)
def test_as_onnx_infers(kind: str) -> None:
    random = Random(kind)
    compared = 0
    for _ in range(150):
        inputs, attributes = CASES[kind](random)
        found, expected = ours(kind, inputs, attributes), theirs(kind, inputs, attributes)
        if expected is None or any(size is None for shape in expected for size in shape):
            continue
        compared += found is not None
        assert found is None or found[: len(expected)] == expected, (kind, inputs, attributes)
        assert found is not None or refused(kind, expected), (kind, inputs, attributes, expected)
    assert compared > 10


def refused(kind: str, expected: list[tuple[int, ...]]) -> bool:
    """Whether ONNX's inference gives shapes that cannot be, as of a window larger than its input; or where it looks
    less closely, at sizes that no block divides and shapes that no bias spreads over."""
    lax = ("Reshape", "Gemm", "DepthToSpace", "SpaceToDepth")
    return any(size < 1 for shape in expected for size in shape) or kind in lax


def test_every_rule_is_of_an_operator() -> None:
    names = {schema.name for schema in defs.get_all_schemas_with_history() if schema.domain == ""}
    assert set(RULES) <= names
    assert {"MatMulInteger", "Where"} <= set(RULES)


def node_of(kind: str, inputs: list[Any], attributes: dict[str, Any]) -> tuple[Any, list[str]]:
    names = ["" if value is None else f"x{number}" for number, value in enumerate(inputs)]
    outputs = [f"y{number}" for number in range({"LSTM": 3, "GRU": 2, "TopK": 2}.get(kind, 1))]
    return helper.make_node(kind, names, outputs, **attributes), names


def ours(kind: str, inputs: list[Any], attributes: dict[str, Any]) -> list[tuple[int, ...]] | None:
    """The shapes by our rule; None if it refuses."""
    node, names = node_of(kind, inputs, attributes)
    walk = Walk(1, {"": OPSET}, {})
    for name, value in zip(names, inputs, strict=True):
        if isinstance(value, np.ndarray):
            walk.constant(name, value)
        elif name:
            walk.define(name, Value(value, 1, 0))
    try:
        return shapes_of(Step(walk, node))
    except Unfit:
        return None


def theirs(kind: str, inputs: list[Any], attributes: dict[str, Any]) -> list[tuple[Any, ...]] | None:
    """The shapes by ONNX; None if it refuses, or says nothing."""
    node, names = node_of(kind, inputs, attributes)
    types, data = {}, {}
    for number, (name, value) in enumerate(zip(names, inputs, strict=True)):
        if isinstance(value, np.ndarray):
            data[name] = numpy_helper.from_array(value)
            types[name] = helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        elif name:
            element = TensorProto.INT64 if (kind, number) in INTEGERS else TensorProto.FLOAT
            element = TensorProto.BOOL if kind == "Not" else element
            types[name] = helper.make_tensor_type_proto(element, value)
    schema, imports = defs.get_schema(kind, OPSET), [helper.make_opsetid("", OPSET)]
    try:
        found = shape_inference.infer_node_outputs(schema, node, types, data, opset_imports=imports, ir_version=10)
    except (shape_inference.InferenceError, onnx.onnx_cpp2py_export.checker.ValidationError):
        return None
    shapes = []
    for name in node.output:
        type = found.get(name)
        if type is None or not type.tensor_type.HasField("shape"):
            return None
        dims = type.tensor_type.shape.dim
        shapes.append(tuple(size.dim_value if size.HasField("dim_value") else None for size in dims))
    return shapes
