"""What autograd saves under `torch.autocast`, kind by kind, for inputs in single and in half precision."""

from __future__ import annotations

import itertools
import warnings
from math import prod
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from cnncalc import ops  # noqa: E402
from cnncalc.costs.memory import Memory  # noqa: E402
from cnncalc.graph import Builder, Graph, Node  # noqa: E402
from cnncalc.ops import KINDS, Op  # noqa: E402
from cnncalc.ops.base import Site  # noqa: E402
from cnncalc.pytorch.build import build  # noqa: E402
from tests.examples_of_kinds import PLACES, everywhere  # noqa: E402
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


class Copies(TorchDispatchMode):  # type: ignore[misc]
    """Notes of which of a model's parameters copies in another type are made."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.names = {parameter.data_ptr(): name for name, parameter in model.named_parameters()}
        self.sizes: dict[str, int] = {}

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        if function is torch.ops.aten._to_copy.default and arguments[0].data_ptr() in self.names:
            self.sizes[self.names[arguments[0].data_ptr()]] = arguments[0].numel()
        return function(*arguments, **(options or {}))


def test_the_weights_of_products_are_those_of_which_autocast_makes_copies() -> None:
    """All parameters but biases, of ops that work in half precision."""
    compared = set()
    alike = [(op, shapes) for kind in KINDS.values() if kind.kind not in PLACES for op, shapes in everywhere(kind)]
    sparse = ops.Conv(3, kernel=3, connections=((0, 1), (2,), (0, 2, 3)))
    for op, shapes in [*(case for cases in CASES.values() for case in cases), *alike, (sparse, ((4, 9, 7),))]:
        casts = op.autocast(*shapes)
        if casts is None or casts.inputs != "half":
            continue
        builder = Builder()
        inputs = [builder.input(*shape, name=f"input{number}") for number, shape in enumerate(shapes)]
        graph = builder.graph(builder.add(op, *inputs))
        model = build(graph).eval()
        with torch.autocast("cpu"), Copies(model) as copies:
            model(*(torch.rand(BATCH, *shape) for shape in shapes))
        weights = sum(size for name, size in copies.sizes.items() if "bias" not in name)
        site = Site(op, shapes, graph.nodes[-1].output)
        assert site.count("weights") == weights, (op, shapes)
        assert site.count("params") == sum(parameter.numel() for parameter in model.parameters()), (op, shapes)
        compared.add(op.kind) if weights else None
    assert compared >= {"conv", "conv_transpose", "depthwise", "separable", "linear", "prelu", "multihead_attention"}
