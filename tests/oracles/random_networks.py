"""Random small networks as specs, and their comparison with PyTorch layer by layer.

A spec is drawn item by item; each item is one that fits the tensor it stands on. Branches end in layers that
make them meet again. So every spec drawn is right, and every layer is compared.
"""

from __future__ import annotations

from typing import Any

import torch
import yaml
from hypothesis import assume
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from cnncalc.costs.analysis import Costs
from cnncalc.errors import OpError
from cnncalc.graph import Graph
from cnncalc.language.expand import expand
from cnncalc.ops import KINDS
from cnncalc.ops.options import make
from cnncalc.pytorch.build import build
from cnncalc.zoo.index import load_text
from tests.oracles.one_op import counted_kernels
from tests.oracles.random_layers import DRAWN, buffers, parameters

BATCH = 2
LARGEST = 4096  # elements of a tensor; bilinear pooling squares the channels

Shape = tuple[int, ...]
Items = list[Any]

_SINGLE = [name for name, kind in KINDS.items() if kind.arity == 1 and name != "embedding"]  # of whole numbers alone

_ENDLESS = {"function": ("exp", "log", "reciprocal", "rsqrt", "sqrt", "square"), "power": (0.5, 2, 3, -1)}
"""Options that make numbers without end, or none, of which a stochastic pool can draw none."""


class _Drawer:
    """Draws items; knows the current shape and the names that `from` may use."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.named: dict[str, Shape] = {}
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"n{self.count}"

    def items(self, x: Shape, depth: int, most: int) -> tuple[Items, Shape]:
        """A list of items on a tensor, and the shape they give."""
        found: Items = []
        for _ in range(self.draw(st.integers(1, most))):
            items, x = self.item(x, depth)
            found += items
        return found, x

    def item(self, x: Shape, depth: int) -> tuple[Items, Shape]:
        form = self.draw(st.integers(0, 9))
        if depth and form == 0:
            return self.merge(x, depth)
        if depth and form == 1:
            return self.group(x, depth)
        if depth and form == 2 and len(x) > 1:
            return self.gate(x)
        if depth and form == 3 and self.named:
            return self.skip(x)
        return self.layer(x)

    def layer(self, x: Shape) -> tuple[Items, Shape]:
        """One layer that fits, named or not."""
        kind = self.draw(st.sampled_from(_SINGLE))
        options = DRAWN[kind][1](self.draw, x) if kind in DRAWN and (len(x) > 1 or DRAWN[kind][0]) else {}
        if any(options.get(key) in values for key, values in _ENDLESS.items()):
            return ["relu"], x
        try:
            y = make(KINDS[kind], options).output_shape(x)
        except OpError:
            return ["relu"], x
        if _elements(y) > LARGEST:
            return ["relu"], x
        main = KINDS[kind].main
        item: dict[str, Any] = {kind: options.get(main)}
        item.update({key: value for key, value in options.items() if key != main})
        if self.draw(st.booleans()):
            item["name"] = self.name()
            self.named[item["name"]] = y
        return [item], y

    def fit(self, x: Shape, y: Shape) -> Items:
        """Items that bring a tensor to another shape."""
        if len(y) == 1:
            return ["flatten", {"linear": y[0]}]
        if len(x) != len(y) or len(y) > 4:
            assume(False)
        return [{"adaptive_avgpool": list(y[1:])}, {"conv": y[0], "kernel": 1}]

    def merge(self, x: Shape, depth: int) -> tuple[Items, Shape]:
        """Branches that meet in the shape of the first."""
        if len(x) == 2 and self.draw(st.booleans()):
            return self.attention(x)
        word = self.draw(st.sampled_from(["add", "concat", "multiply", "subtract", "maximum", "minimum", "stack"]))
        outside = self.named
        self.named = dict(outside)
        first, y = self.items(x, depth - 1, 3)
        if word == "stack" and len(y) > 3:
            word = "concat"  # PyTorch's layers end at three spatial dimensions
        branches: Items = [first]
        for _ in range(1 if KINDS[word].arity == 2 else self.draw(st.integers(1, 3))):
            self.named = dict(outside)
            items, end = self.items(x, depth - 1, 2)
            branch = items + ([] if end == y else self.fit(end, y))
            branches.append({"name": self.name(), "layers": branch} if self.draw(st.booleans()) else branch)
        self.named = outside  # names inside a named branch are out of reach
        if word == "stack":
            return [{word: branches}], (len(branches), *y)
        axis = self.draw(st.integers(0, len(y) - 1)) if word == "concat" else 0
        joined = (*y[:axis], y[axis] * len(branches), *y[axis + 1 :])
        item: dict[str, Any] = {word: branches, "axis": axis} if axis else {word: branches}
        return [item], joined if word == "concat" else y

    def attention(self, x: Shape) -> tuple[Items, Shape]:
        """Queries, keys and values projected from one sequence; or a product of matrices."""
        if self.draw(st.booleans()):
            product: dict[str, Any] = {"matmul": [[], [{"permute": [1, 0]}]]}
            if self.draw(st.booleans()):
                product = {"einsum": [[], []], "equation": "ab,cb->ac"}
            return [product], (x[0], x[0])
        heads, d, dv = (self.draw(st.integers(1, 3)) for _ in range(3))
        branches = [[{"linear": heads * n}] for n in (d, d, dv)]
        return [{"attention": branches, "heads": heads, "causal": self.draw(st.booleans())}], (x[0], heads * dv)

    def group(self, x: Shape, depth: int) -> tuple[Items, Shape]:
        """A named group, perhaps repeated where it keeps the shape."""
        outside, self.named = self.named, {}
        items, y = self.items(x, depth - 1, 3)
        self.named = outside
        item: dict[str, Any] = {"layers": items, "name": self.name()}
        self.named[item["name"]] = y
        if y == x and self.draw(st.booleans()):
            item["repeat"] = self.draw(st.integers(1, 3))
        return [item], y

    def gate(self, x: Shape) -> tuple[Items, Shape]:
        """Squeeze and excitation."""
        gate = ["global_avgpool", {"conv": x[0], "kernel": 1}, "sigmoid"]
        return [{"multiply": [[], gate]}], x

    def skip(self, x: Shape) -> tuple[Items, Shape]:
        """A sum with an earlier layer, brought to this shape."""
        name = self.draw(st.sampled_from(sorted(self.named)))
        other = self.named[name]
        return [{"add": [[], {"from": name, "layers": self.fit(other, x)}]}], x


def _elements(shape: Shape) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


@st.composite
def specs(draw: Any) -> str:
    """The YAML text of a random network that is right."""
    d = draw(st.integers(1, 3))
    x = (draw(st.integers(1, 6)), *(draw(st.integers(3, 12 if d < 3 else 6)) for _ in range(d)))
    drawer = _Drawer(draw)
    items, _ = drawer.items(x, 2, 6)
    if draw(st.integers(0, 4)) == 0:
        head = ["flatten", {"linear": draw(st.integers(1, 5))}]
        items.insert(draw(st.integers(0, len(items))), {"head": "extra", "layers": head, "when": "training"})
    return yaml.safe_dump(_plain({"input": x, "layers": items}), default_flow_style=None, width=1000)


def _plain(value: Any) -> Any:
    """Tuples as lists, which YAML writes without tags."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def check_spec(text: str, training: bool) -> int:
    """Compare every layer of a spec with PyTorch; the number of layers.

    Raises:
        AssertionError: they differ.
    """
    graph = expand(load_text(text), training=training)
    costs = Costs(graph, BATCH)
    model = build(graph, inplace=training).eval()
    given: dict[str, Shape] = {}
    counter = FlopCounterMode(display=False)
    for name, module in model.layers.items():
        module.register_forward_hook(lambda m, i, y, name=name: given.update({name: tuple(y.shape[1:])}))
    with torch.no_grad(), counter, counted_kernels():
        outputs = model(torch.rand(BATCH, *graph.input))
    flops = counter.get_flop_counts()
    for row in costs.layers:
        module = model.layers[row.name]
        assert given[row.name] == row.output, f"{row.name}: {row.output}, PyTorch {given[row.name]}"
        assert row.params == parameters(module), f"{row.name}: parameters"
        assert row.buffers == buffers(module), f"{row.name}: buffers"
        counted = sum(flops.get(f"BuiltNetwork.{row.name}", {}).values())
        assert 2 * (row.macs or 0) == counted, f"{row.name}: {row.macs} MACs, PyTorch {counted / 2}"
    assert costs.params == parameters(model)
    _check_outputs(graph, outputs)
    return len(graph.layers)


def _check_outputs(graph: Graph, outputs: Any) -> None:
    """A lone output is a tensor; several are named."""
    if len(graph.outputs) == 1:
        outputs = {"output": outputs}
    shapes = {name: tuple(y.shape[1:]) for name, y in outputs.items()}
    assert shapes == {name: node.output for name, node in graph.outputs.items()}
