"""What autograd saves under `torch.autocast`, kind by kind, for inputs in single and in half precision."""

from __future__ import annotations

import itertools
import warnings
from math import prod
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from cnncalc import ops  # noqa: E402
from cnncalc.costs.memory import Memory  # noqa: E402
from cnncalc.graph import Builder, Graph, Node  # noqa: E402
from cnncalc.ops import Op  # noqa: E402
from cnncalc.pytorch.build import build  # noqa: E402
from tests.oracles.memory import disagreement  # noqa: E402
from tests.pytorch.test_ops import CASES  # noqa: E402

BATCH = 2


def given(builder: Builder, shape: tuple[int, ...], how: str) -> Node:
    """An input as it is, or out of a layer whose output is in single or in half precision."""
    x = builder.input(*shape, name=f"input{len(builder.nodes)}")
    if how == "input":
        return x
    return builder.add(ops.Scale() if how == "single" else ops.Linear(shape[-1], over="last"), x)


def graph_of(op: Op, shapes: tuple[Any, ...], types: tuple[str, ...]) -> Graph:
    """The op on such inputs, and after it one that saves its input, so that the type of the op's output shows."""
    builder = Builder()
    inputs = [given(builder, shape, how) for shape, how in zip(shapes, types, strict=True)]
    return builder.graph(builder.add(ops.SiLU(), builder.add(op, *inputs, name="op")))


def differs(graph: Graph) -> str | None:
    """In what autograd differs on the network; of an op whose saved bytes are unknown in any precision, in the type of
    its output."""
    op = graph["op"]
    if op.op.saved(op.input_shapes, op.output, (True,) * len(op.inputs)) is not None:
        return disagreement(graph, BATCH, inplace=False, mixed=True)
    found = []
    model = build(graph).train()
    model.layers["op"].register_forward_hook(lambda module, inputs, output: found.append(output.itemsize))
    with torch.autocast("cpu"):
        model(*[torch.rand(BATCH, *node.output) for node in graph.inputs])
    ours = Memory(graph, BATCH, mixed=True).layers[-1].saved_bytes
    theirs = found[0] * BATCH * prod(op.output)
    return None if ours == theirs else f"an output of {theirs:,} bytes, predicted {ours:,}"


@pytest.mark.parametrize("kind", CASES)
def test_saved_under_autocast(kind: str) -> None:
    wrong = []
    for op, shapes in CASES[kind]:
        hows = ("input",) if kind == "embedding" else ("input", "single", "half")
        for types in itertools.product(hows, repeat=len(shapes)):
            graph = graph_of(op, shapes, types)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = differs(graph)
            if found:
                wrong.append(f"{op} on {shapes} of {types}: {found}")
    assert not wrong, "\n".join(wrong[:12])
