"""The walk over a traced program: each of its ops becomes drafts of cnncalc's ops, by the table in `aten`.

What no entry of the table knows becomes an opaque op: its shape is kept, and its counts are unknown, but for the
multiply-accumulates, which PyTorch's own counter knows of every matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, fx
from torch._ops import HigherOrderOperator
from torch.utils.flop_counter import FlopCounterMode

from cnncalc.errors import OpError
from cnncalc.ops.base import Op, Shape, Site
from cnncalc.ops.opaque import Opaque
from cnncalc.reading import steps
from cnncalc.reading.drafts import Call, Draft, Value, batch_axis
from cnncalc.reading.steps import Result, Unread


class Step(steps.Step):
    """An op of the program where it stands, for the entries of the table.

    Attributes:
        name: what PyTorch calls it, without namespace, overload, and the mark of working in place.
        args: its arguments by name, tensors as values.
    """

    walk: Walk

    def __init__(self, walk: Walk, node: fx.Node) -> None:
        self.walk = walk
        self.node = node
        schema = getattr(node.target, "_schema", None)
        self.name = schema.name.partition("::")[2] if schema else str(node.target)
        self.in_place = self.name.endswith("_") and not self.name.endswith("__")
        self.name = self.name.rstrip("_") if self.in_place else self.name
        self.name = OTHER_NAMES.get(self.name, self.name)
        arguments = schema.arguments if schema else ()
        names = [argument.name for argument in arguments] or map(str, range(len(node.args)))
        given = dict(zip(names, node.args, strict=False))
        given.update(node.kwargs)
        for argument in arguments:
            if argument.name not in given:
                given[argument.name] = argument.default_value if argument.has_default_value() else None
        self.args: dict[str, Any] = {key: walk.resolved(value) for key, value in given.items()}
        self.shapes = shapes_of(node.meta.get("val"))
        self.calls = calls_of(node)
        self.single = isinstance(node.meta.get("val"), Tensor)

    def axis(self, shape: tuple[int, ...]) -> int | None:
        return batch_axis(shape, self.walk.batch) if self.batched or self.name in _SPREAD else None

    @property
    def complex(self) -> bool:
        """Whether it reads complex numbers."""
        found = (item.meta.get("val") for item in self.node.all_input_nodes)
        return any(isinstance(value, Tensor) and value.is_complex() for value in found)

    def macs(self) -> int:
        """The multiply-accumulates of one sample, by PyTorch's counter."""
        if not self.batched:
            return self.walk.counted(self.node)
        return self.walk.counted(self.node) // self.walk.batch


OTHER_NAMES = {
    "multiply": "mul",
    "subtract": "sub",
    "divide": "div",
    "true_divide": "div",
    "absolute": "abs",
    "fix": "trunc",
    "negative": "neg",
    "arccos": "acos",
    "arcsin": "asin",
    "arctan": "atan",
    "arctan2": "atan2",
    "not_equal": "ne",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "special_expit": "sigmoid",
    **{f"special_{name}": name for name in ("erf", "erfc", "exp2", "expm1", "log1p", "logsumexp", "round")},
    **{f"special_{name}": name for name in ("softmax", "log_softmax")},
}
"""Names that PyTorch has for the same functions."""

_SPREAD = frozenset(
    {"expand", "expand_as", "repeat", "zeros", "ones", "full", "empty", "new_zeros", "new_ones", "rand"}
)


class Walk(steps.Walk):
    """The tensors of a program, and the drafts that stand for its ops."""

    def __init__(self, batch: int, stored: Mapping[str, Tensor], trained: frozenset[str]) -> None:
        super().__init__(batch, stored, trained)
        self.values: dict[fx.Node, Any] = {}
        self.views: dict[fx.Node, fx.Node] = {}

    def resolved(self, argument: Any) -> Any:
        """An argument, its tensors as values."""
        if isinstance(argument, fx.Node):
            return self.values.get(argument)
        if isinstance(argument, (list, tuple)):
            return [self.resolved(item) for item in argument]
        return argument

    def origin(self, names: Sequence[str]) -> str | tuple[str, ...]:
        return tuple(names)

    def counted(self, node: fx.Node) -> int:
        """Multiply-accumulates of an op on tensors of its shapes, without computing anything.

        Raises:
            Unread: it does not run so.
        """

        def tensor(argument: Any) -> Any:
            if isinstance(argument, fx.Node):
                value = argument.meta.get("val")
                if isinstance(value, Tensor):
                    return torch.empty(tuple(value.shape), dtype=value.dtype, device="meta")
                return value
            if isinstance(argument, (list, tuple)):
                return type(argument)(tensor(item) for item in argument)
            return "meta" if isinstance(argument, torch.device) else argument

        counter = FlopCounterMode(display=False)
        function: Any = node.target
        given = {key: tensor(value) for key, value in node.kwargs.items()}
        try:
            with torch.no_grad(), counter:
                function(*tensor(node.args), **given)
        except Exception:  # a function that does not run without data
            raise Unread from None
        return counter.get_total_flops() // 2

    def run(self, node: fx.Node, table: Mapping[str, Callable[[Step], Result]]) -> None:
        """Read one op of the program."""
        if "getitem" in str(node.target):
            source, index = node.args
            self.values[node] = self.values[source][index]  # type: ignore[index]
            return
        if isinstance(node.target, HigherOrderOperator):
            graph = _graph_within(node)
            if graph is not None:
                self.values[node] = self.within(graph, node, table)
                return
        elif not hasattr(node.target, "_schema"):
            self.values[node] = None  # arithmetic of sizes
            return
        step = Step(self, node)
        self.calls = step.calls
        if step.shapes and not any(map(prod, step.shapes)):
            empty = tuple(step.value(None, shape) for shape in step.shapes)  # nothing is computed
            self.values[node] = empty[0] if step.single else empty
            return
        before = len(self.drafts), dict(self.owners)
        entry = table.get(step.name)
        try:
            if entry is None:
                raise Unread
            result = entry(step)
        except (Unread, OpError, TypeError, AttributeError):
            del self.drafts[before[0] :]
            self.owners = before[1]
            result = self.unread(step)
        self.values[node] = result
        if step.in_place and node.args and isinstance(node.args[0], fx.Node):
            self.overwritten(step, node.args[0], result)
        elif step.name in VIEWS and isinstance(node.args[0], fx.Node):
            self.views[node] = node.args[0]

    def within(self, graph: fx.Graph, caller: fx.Node, table: Mapping[str, Callable[[Step], Result]]) -> Result:
        """What a graph gives that an op of the program runs as it stands, such as that of a block without gradients:
        its ops are read as the program's own."""
        places = [node for node in graph.nodes if node.op == "placeholder"]
        given = caller.args[len(caller.args) - len(places) :]
        for place, argument in zip(places, given, strict=True):
            self.values[place] = self.resolved(argument)
        for node in graph.nodes:
            if node.op == "call_function":
                self.run(node, table)
        result = self.resolved(next(node for node in graph.nodes if node.op == "output").args[0])
        return tuple(result) if isinstance(result, list) else result

    def unread(self, step: Step) -> Result:
        """An op that no entry reads."""
        if not step.shapes:
            return None
        counts: dict[str, int] = {}
        try:
            macs = step.macs()
        except Unread:
            macs = -1
        if macs > 0:
            counts["mac"] = macs
            counts.update(dict.fromkeys(("mul", "div", "compare", "exp"), 0))
        owns = [value for value in step.tensors if value.draft is None and value.source in self.trained]
        self.unknown[step.name] = self.unknown.get(step.name, 0) + (macs <= 0)
        return step.opaque(owns, **counts)

    def overwritten(self, step: Step, target: fx.Node, result: Result) -> None:
        """A tensor was written in place: who reads it from here on reads the result; and who reads what it is a view
        of, that with the result in it."""
        self.values[target] = result
        base = self.views.get(target)
        while base is not None:
            value = self.values[base]
            if not isinstance(value, Value) or not isinstance(result, Value):
                return
            if value.sizes == result.sizes and value.axis == result.axis:
                self.values[base] = result
            else:
                op = Opaque(value.sizes, others=0)
                inputs = (self.drafted(value), self.drafted(result))
                draft = self.add(Draft(op, inputs, value.sizes, step.calls, name="written"))
                axis = value.axis if value.axis is not None else batch_axis(value.shape, self.batch)
                self.values[base] = result = Value(value.shape, self.batch, axis, draft)
            base = self.views.get(base)


_AS_IT_STANDS = frozenset({"wrap_with_set_grad_enabled", "wrap_with_autocast", "tag_activation_checkpoint", "wrap"})
"""PyTorch's ops that run a graph once, as it stands."""


def _graph_within(node: fx.Node) -> fx.Graph | None:
    """The graph that an op runs once, as it stands; None for an op that chooses or repeats."""
    if str(node.target) not in _AS_IT_STANDS:
        return None
    names = [item.target for item in node.args if isinstance(item, fx.Node) and item.op == "get_attr"]
    found = getattr(node.graph.owning_module, str(names[0]), None) if names else None
    return found.graph if isinstance(found, fx.GraphModule) else None


VIEWS = frozenset(
    {"view", "reshape", "select", "slice", "transpose", "permute", "squeeze", "unsqueeze", "narrow", "flatten", "alias"}
)


def site(op: Op, *inputs: Shape) -> Site:
    """Where an op stands."""
    return Site(op, inputs, op.output_shape(*inputs))


def shapes_of(value: Any) -> list[tuple[int, ...]]:
    """The shapes of what an op gives."""
    if isinstance(value, Tensor):
        return [tuple(int(size) for size in value.shape)]
    if isinstance(value, (list, tuple)):
        return [tuple(int(size) for size in item.shape) for item in value if isinstance(item, Tensor)]
    return []


def calls_of(node: fx.Node) -> tuple[Call, ...]:
    """The modules that were being called, the outermost first, without the network itself."""
    stack = node.meta.get("nn_module_stack") or {}
    found = []
    for key, (path, kind) in stack.items():
        path = path.partition("@")[0]
        if path:
            name = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
            found.append(Call(path, name, key))
    return tuple(found)
