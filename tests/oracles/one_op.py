"""One op alone against PyTorch: shape, parameters, MACs, the bytes that autograd saves, what each tool counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cnncalc.costs.amount import AtLeast
from cnncalc.costs.analysis import Costs
from cnncalc.costs.conventions import count_as
from cnncalc.costs.memory import Memory
from cnncalc.graph import Builder, Graph
from cnncalc.ops import Scale
from cnncalc.ops.base import Op, Shape
from tests.oracles.memory import saved_by_pytorch
from tests.oracles.tools import TOOLS, count_by_tool

BATCH = 2


def graph_of(op: Op, shapes: tuple[Shape, ...], learnt: bool) -> Graph:
    """The op on an input of each shape; `learnt`: each comes out of a layer with parameters, so that a gradient
    flows through it."""
    builder = Builder("one op")
    inputs = [builder.input(*shape, name=f"input{number}") for number, shape in enumerate(shapes)]
    if learnt:
        inputs = [builder.add(Scale(), x) for x in inputs]
    return builder.graph(builder.add(op, *inputs, name="op"))


@contextmanager
def counted_kernels() -> Iterator[None]:
    """With PyTorch's kernels that are made of the products which its counter knows."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with sdpa_kernel(SDPBackend.MATH), torch.backends.mkldnn.flags(enabled=False):
        yield


def differences(op: Op, shapes: tuple[Shape, ...]) -> list[str]:
    """In what cnncalc and PyTorch differ on an op; none where they agree."""
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    from cnncalc.pytorch.build import build

    found = []

    def compare(what: str, ours: Any, theirs: Any) -> None:
        if ours != theirs or isinstance(ours, AtLeast):
            found.append(f"{op} on {shapes}: {what} {ours!r}, PyTorch {theirs!r}")

    graph = graph_of(op, shapes, learnt=False)
    model = build(graph).eval()
    costs = Costs(graph, BATCH)
    inputs = [torch.rand(BATCH, *shape) for shape in shapes]
    # What runs attention and LSTMs fastest on a processor is no product that the counter knows.
    with torch.no_grad(), FlopCounterMode(display=False) as counter, counted_kernels():
        y = model(*inputs)
    compare("shape", graph["op"].output, tuple(y.shape[1:]))
    compare("params", costs.params, sum(parameter.numel() for parameter in model.parameters()))
    compare("MACs", 2 * costs.macs, counter.get_total_flops())
    for learnt in (False, True):
        graph = graph_of(op, shapes, learnt)
        theirs = saved_by_pytorch(graph, BATCH, inplace=False)
        ours = Memory(graph, BATCH).saved
        if op.saved(shapes, graph["op"].output, (learnt,) * len(shapes)) is not None:
            compare(f"saved ({learnt=})", ours, theirs)
        elif not isinstance(ours, AtLeast) or ours > theirs:
            found.append(f"{op} on {shapes}: saves {ours!r}, PyTorch {theirs}")
    graph = graph_of(op, shapes, learnt=False)
    for tool in TOOLS:
        compare(tool, count_as(graph, tool, BATCH).total, count_by_tool(tool, graph, BATCH))
    return found
