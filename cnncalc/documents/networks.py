"""The networks as the tables see them: the one place of this folder that knows how a network is made and analysed.

A `View` answers by the number of a layer. What a layer counts comes from the calculator; nothing is counted here
but what a way of counting needs besides: biases apart from weights, and groups that were overlooked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import msgspec

from cnncalc.costs.analysis import Costs, Row
from cnncalc.costs.conventions import count_as
from cnncalc.costs.memory import Memory
from cnncalc.costs.receptive_field import UnknownField
from cnncalc.errors import OpError
from cnncalc.formula import prod
from cnncalc.graph import Builder, Graph, Node
from cnncalc.language.expand import expand
from cnncalc.language.expressions import evaluate_text
from cnncalc.language.model import Published, Spec
from cnncalc.ops.base import Op, Shape
from cnncalc.zoo.index import is_fragment, load, load_text
from cnncalc.zoo.index import names as zoo_names

WEIGHTED = ("conv", "conv_transpose", "depthwise", "separable", "linear")
"""The kinds that count as a layer where a network's depth is given."""

NORMS = ("batchnorm", "layernorm", "groupnorm", "l2norm")
"""The kinds whose parameters a way of counting may leave out."""

POOLS = ("maxpool", "avgpool", "lppool", "stochastic_pool")
PADDED = ("maxpool", "avgpool", "conv", "depthwise", "separable")

CHANGES = ("ceil", "floor", "one side", "no padding")
"""What a whole network can be changed to: how its pools round, and how it is padded."""


class Setting(NamedTuple):
    """Under which conditions a network is looked at. Shapes are channels first; `vars` are pairs of name and value."""

    input: Shape | None = None
    batch: int = 1
    training: bool = False
    vars: tuple[tuple[str, Any], ...] = ()
    change: str = ""


@dataclass(frozen=True, eq=False)
class View:
    """An analysed network, layer by layer."""

    costs: Costs

    @property
    def input(self) -> Shape:
        """The input's shape, channels first."""
        return self.costs.graph.input

    @property
    def batch(self) -> int:
        return self.costs.batch

    @property
    def outputs(self) -> int:
        """How many outputs the network has."""
        return len(self.costs.graph.outputs)

    @property
    def rows(self) -> list[Row]:
        """The layers with their costs."""
        return self.costs.layers

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The layers' full names, in topological order."""
        return tuple(row.name for row in self.rows)

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The layers' kinds, as specs call them."""
        return tuple(row.op.kind for row in self.rows)

    def within(self, path: str) -> list[int]:
        """The layers of a group, or one layer, or all of them for an empty path."""
        if not path:
            return list(range(len(self.names)))
        if path in self._groups:
            return self._groups[path]
        return []

    @cached_property
    def _groups(self) -> dict[str, list[int]]:
        """The layers of every group, and of every layer itself."""
        found: dict[str, list[int]] = {}
        for i, name in enumerate(self.names):
            end = len(name)
            while end > 0:
                found.setdefault(name[:end], []).append(i)
                end = name.rfind(".", 0, end)
        return found

    def sources(self, index: int) -> tuple[int, ...]:
        """The layers that a layer reads; a negative number is a network's input."""
        first = len(self.costs.graph.inputs)  # the inputs are the first nodes of a spec's graph
        return tuple(source.index - first for source in self.rows[index].node.inputs)

    def input_shapes(self, index: int) -> tuple[Shape, ...]:
        return self.rows[index].node.input_shapes

    def output(self, index: int) -> Shape:
        return self.rows[index].output

    def option(self, index: int, key: str) -> Any:
        """An option of a layer: one number where it is the same in all dimensions, else as in 1x7; None if it
        has none."""
        op = self.rows[index].op
        value = getattr(op, key, None)
        if value is None and key == "stride":  # a pool's stride is its kernel unless given
            value = getattr(op, "kernel", None)
        if isinstance(value, tuple):
            return value[0] if len(set(value)) == 1 else "x".join(map(str, value))
        return value

    def kernel(self, index: int) -> tuple[int, ...]:
        """A layer's kernel, one number per dimension."""
        kernel = getattr(self.rows[index].op, "kernel")  # noqa: B009
        return kernel if isinstance(kernel, tuple) else (kernel,) * (len(self.output(index)) - 1)

    def cost(self, index: int, what: str) -> int:
        """params, buffers, macs, flops or activations of a layer, for the batch."""
        return int(getattr(self.rows[index], what))

    def biases(self, index: int) -> int:
        """The biases of a convolution or a linear layer."""
        biased = self.kinds[index] in WEIGHTED and self.option(index, "bias")
        return self.output(index)[0] if biased else 0

    def groups(self, index: int) -> int:
        """The groups of a convolution; the channels of one that works on each alone."""
        if self.kinds[index] == "depthwise":
            return self.input_shapes(index)[0][0]
        return int(self.option(index, "groups") or 1) if self.kinds[index] == "conv" else 1

    def field(self, index: int) -> int:
        """What a unit sees of the input's height, in pixels."""
        field = self.rows[index].receptive_field
        if isinstance(field, UnknownField):
            raise OpError(f"what {self.names[index]} sees is unknown")
        return int(field.size[0])

    @property
    def _memory(self) -> Memory:
        return self.costs.memory

    def saved(self, index: int) -> int:
        """The bytes that PyTorch saves of a layer for the backward pass, float32."""
        return int(self.rows[index].saved_bytes or 0)

    @property
    def training_bytes(self) -> int:
        """Parameters, gradients, momentum and what is saved for the backward pass, in bytes of float32."""
        return int(self._memory.training("momentum").total)

    @lru_cache(maxsize=16)  # noqa: B019 - views are kept for the life of the process
    def counted_by(self, tool: str) -> tuple[int, ...]:
        """What a tool counts of each layer."""
        found = count_as(self.costs.graph, tool, self.batch)
        return tuple(found.layer(row.node) or 0 for row in self.rows)

    def elements_in(self, index: int) -> int:
        """The elements of all inputs of a layer, of one sample."""
        return sum(int(prod(shape)) for shape in self.input_shapes(index))


@lru_cache(maxsize=512)
def view(name: str, text: str | None = None, setting: Setting = Setting()) -> View:  # noqa: B008 - a tuple
    """A network of the zoo by name, or of its spec's text, expanded under a setting and analysed.

    Raises:
        CnncalcError: there is no such network, or it cannot be under this setting.

    >>> view("alexnet").names[0], view("alexnet").output(0)
    ('conv1', (96, 55, 55))
    """
    graph = expand(_spec(name, text), setting.input, dict(setting.vars), setting.training)
    if setting.change:
        graph = _changed(graph, _CHANGES[setting.change])
    return View(Costs(graph, setting.batch))


@lru_cache(maxsize=256)
def _spec(name: str, text: str | None) -> Spec:
    return load(name) if text is None else load_text(text, name)


def variables(name: str, text: str | None = None) -> list[str]:
    """The names of a network's variables."""
    return list(_spec(name, text).variables)


def title(name: str, text: str | None = None) -> str:
    """A network's title."""
    return _spec(name, text).title or name


def published(name: str) -> list[Published]:
    """The values that sources state for a network, with their conditions."""
    return _spec(name, None).published


def known() -> list[str]:
    """The networks of the zoo."""
    return zoo_names()


def is_network(name: str) -> bool:
    """Whether a name of the zoo is a network rather than a fragment of one."""
    return not is_fragment(name)


def evaluate(text: str, values: Mapping[str, Any]) -> Any:
    """An expression of the spec language worked out."""
    return evaluate_text(text, values)


def _changed(graph: Graph, change: Callable[[Op], Op]) -> Graph:
    """A network with each layer's op changed and the shapes inferred anew.

    Raises OpError where a layer no longer fits.
    """
    builder = Builder(graph.name, graph.title, graph.notes, graph.training)
    made: dict[Node, Node] = {}
    for node in graph.nodes:
        if node.is_input:
            made[node] = builder.input(*node.output, name=node.name)
        else:
            inputs = [made[source] for source in node.inputs]
            made[node] = builder.add(change(node.op), *inputs, name=node.name, scope=builder.root)
    return builder.graph({name: made[node] for name, node in graph.outputs.items()})


def _rounding(up: bool) -> Callable[[Op], Op]:
    def change(kind: Op) -> Op:
        return msgspec.structs.replace(kind, ceil=up) if kind.kind in POOLS else kind

    return change


def _one_side(kind: Op) -> Op:
    """Padding on one side in place of both, in two dimensions."""
    padding = getattr(kind, "padding", None)
    if kind.kind not in PADDED or not isinstance(padding, int) or not padding:
        return kind
    return msgspec.structs.replace(kind, padding=((0, padding), (0, padding)))


def _no_padding(kind: Op) -> Op:
    if kind.kind not in PADDED or not getattr(kind, "padding", 0):
        return kind
    return msgspec.structs.replace(kind, padding=0)


_CHANGES: Mapping[str, Callable[[Op], Op]] = {
    "ceil": _rounding(up=True),
    "floor": _rounding(up=False),
    "one side": _one_side,
    "no padding": _no_padding,
}

__all__ = [
    "CHANGES",
    "NORMS",
    "WEIGHTED",
    "OpError",
    "Setting",
    "View",
    "evaluate",
    "is_network",
    "known",
    "published",
    "title",
    "variables",
    "view",
]
