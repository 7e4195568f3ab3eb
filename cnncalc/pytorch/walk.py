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
from torch.utils.flop_counter import FlopCounterMode

from cnncalc.errors import OpError
from cnncalc.ops import Parameter, Reshape
from cnncalc.ops.base import Op, Shape, Site
from cnncalc.ops.opaque import Opaque
from cnncalc.pytorch.drafts import Call, Draft, Value, batch_axis

Result = Value | tuple[Any, ...] | None
"""What an op gives: a tensor, several, or nothing."""


class Unread(Exception):
    """An entry of the table does not read an op in the form that stands here."""


class Step:
    """An op of the program where it stands, for the entries of the table.

    Attributes:
        name: what PyTorch calls it, without namespace, overload, and the mark of working in place.
        args: its arguments by name, tensors as values.
        shape: its output's shape with the batch; of the first, if it gives several.
    """

    def __init__(self, walk: Walk, node: fx.Node) -> None:
        self.walk = walk
        self.node = node
        schema = node.target._schema  # type: ignore[union-attr]
        self.name = schema.name.partition("::")[2]
        self.in_place = self.name.endswith("_") and not self.name.endswith("__")
        self.name = self.name.rstrip("_") if self.in_place else self.name
        given = dict(zip((argument.name for argument in schema.arguments), node.args, strict=False))
        given.update(node.kwargs)
        for argument in schema.arguments:
            if argument.name not in given:
                given[argument.name] = argument.default_value if argument.has_default_value() else None
        self.args: dict[str, Any] = {key: walk.resolved(value) for key, value in given.items()}
        self.shapes = shapes_of(node.meta.get("val"))
        self.shape = self.shapes[0] if self.shapes else ()
        self.calls = calls_of(node)

    def __getitem__(self, key: str) -> Any:
        return self.args[key]

    @property
    def x(self) -> Value:
        """The first argument, a tensor."""
        value = next(iter(self.args.values()))
        if not isinstance(value, Value):
            raise Unread
        return value

    @property
    def tensors(self) -> list[Value]:
        """All tensors among its arguments."""
        found: list[Value] = []
        for value in self.args.values():
            items = value if isinstance(value, (list, tuple)) else [value]
            found += [item for item in items if isinstance(item, Value)]
        return found

    @property
    def batched(self) -> bool:
        """Whether any of the tensors that it reads has a batch."""
        return any(value.axis is not None for value in self.tensors)

    def value(self, draft: Draft | None, shape: tuple[int, ...] | None = None, source: str | None = None) -> Value:
        """A tensor that a draft makes; of the op's output shape unless said."""
        shape = self.shape if shape is None else shape
        spread = self.batched or self.name in _SPREAD
        axis = batch_axis(shape, self.walk.batch) if spread else None
        return Value(shape, self.walk.batch, axis, draft, source)

    def emit(
        self,
        op: Op,
        *inputs: Value,
        shape: tuple[int, ...] | None = None,
        owns: Sequence[Value | None] = (),
        check: bool = True,
        name: str | None = None,
    ) -> Value:
        """The tensor that an op gives on others. `owns` are its weights.

        Raises:
            Unread: the op's own shape is not that which the program has.
        """
        value = self.value(None, shape)
        draft = self.draft(op, [self.walk.drafted(given) for given in inputs], owns, name)
        if check and draft.output != value.sizes:
            raise Unread
        return Value(value.shape, value.batch, value.axis, draft)

    def draft(
        self, op: Op, inputs: Sequence[Draft], owns: Sequence[Value | None] = (), name: str | None = None
    ) -> Draft:
        """The draft of an op on drafts, its shape inferred."""
        try:
            output = op.output_shape(*[source.output for source in inputs])
        except OpError:
            raise Unread from None
        return self.walk.add(Draft(op, tuple(inputs), output, self.calls, name=name), owns)

    def between(self, op: Op, *inputs: Draft) -> Draft:
        """A draft between those that the op reads and the one that it gives."""
        return self.draft(op, inputs)

    def aligned(self, value: Value, sizes: Shape) -> Draft:
        """A tensor seen in other sizes."""
        if value.draft is None and value.source is not None:
            return self.walk.parameter(value, sizes, self.calls)
        draft = self.walk.drafted(value)
        return draft if draft.output == sizes else self.between(Reshape(sizes), draft)

    def opaque(self, owns: Sequence[Value | None] = (), **counts: int) -> Result:
        """The op as one of which the output is known, and such counts as are given; its own weights are counted."""
        values = [self.value(None, shape) for shape in self.shapes]
        if not values:
            return None
        stored = self.walk.stored(owns)
        inputs = [self.walk.drafted(value) for value in self.tensors if value not in owns] or [self.walk.first]
        found = []
        for value in values:
            known = {f"{name}s": number for name, number in counts.items()}  # the options' names: macs, adds, ...
            op = Opaque(value.sizes, **{**dict.fromkeys(("params", "weights", "buffers"), 0), **stored, **known})
            draft = Draft(op, tuple(inputs), value.sizes, self.calls, name=self.unique)
            found.append(Value(value.shape, value.batch, value.axis, self.walk.add(draft, owns)))
            # What the op costs is counted with its first output, and the others are parts of it.
            stored, counts = {}, dict.fromkeys(("mac", "add", "mul", "div", "compare", "exp"), 0)
        return found[0] if isinstance(self.node.meta.get("val"), Tensor) else tuple(found)

    @property
    def unique(self) -> str:
        """What an opaque op is called: as PyTorch calls the function."""
        return str(self.name).strip("_")

    def moved(self) -> Result:
        """The op as one that moves elements and computes nothing."""
        return self.opaque(mac=0, add=0, mul=0, div=0, compare=0, exp=0)

    def macs(self) -> int:
        """The multiply-accumulates of one sample, by PyTorch's counter."""
        if not self.batched:
            return self.walk.counted(self.node)
        return self.walk.counted(self.node) // self.walk.batch


_SPREAD = frozenset(
    {"expand", "expand_as", "repeat", "zeros", "ones", "full", "empty", "new_zeros", "new_ones", "rand"}
)


class Walk:
    """The tensors of a program, and the drafts that stand for its ops."""

    def __init__(self, batch: int, stored: Mapping[str, Tensor], trained: frozenset[str]) -> None:
        self.batch = batch
        self.stored_tensors = stored
        self.trained = trained
        self.drafts: list[Draft] = []
        self.values: dict[fx.Node, Any] = {}
        self.views: dict[fx.Node, fx.Node] = {}
        self.owners: dict[str, Draft] = {}
        self.unknown: dict[str, int] = {}

    @property
    def first(self) -> Draft:
        """The first input: what reads no tensor stands on it."""
        return self.drafts[0]

    def resolved(self, argument: Any) -> Any:
        """An argument, its tensors as values."""
        if isinstance(argument, fx.Node):
            return self.values.get(argument)
        if isinstance(argument, (list, tuple)):
            return [self.resolved(item) for item in argument]
        return argument

    def add(self, draft: Draft, owns: Sequence[Value | None] = ()) -> Draft:
        """Note a draft, and the weights that it has; weights that an earlier one has are shared with it."""
        names = [value.source for value in owns if value is not None and value.source is not None]
        first = next((self.owners[name] for name in names if name in self.owners), None)
        if first is not None:
            # An opaque op says itself what it stores: nothing of what an earlier one has.
            draft.shares = None if isinstance(draft.op, Opaque) else first
        else:
            draft.owns = tuple(names)
            for name in names:
                self.owners[name] = draft
        if names:
            draft.origin = _common(names)
        self.drafts.append(draft)
        return draft

    def drafted(self, value: Value) -> Draft:
        """The draft that makes a tensor; one that stands for a parameter or buffer is made when it is asked for."""
        if value.draft is not None:
            return value.draft
        return self.parameter(value, value.sizes, ())

    def parameter(self, value: Value, sizes: Shape, calls: tuple[Call, ...]) -> Draft:
        """A learnt tensor, or a stored one, as a node of its own."""
        sizes = sizes or (1,)
        if value.source is None:
            op: Op = Opaque(sizes, **dict.fromkeys(("params", "weights", "buffers", *_OPERATIONS), 0))
            return self.add(Draft(op, (self.first,), sizes, calls, name="constant"))
        elements = prod(sizes)
        name = value.source.rpartition(".")[2]
        if value.source in self.trained:
            op = Parameter(sizes)
        else:
            kept = elements if value.source in self.stored_tensors else 0
            op = Opaque(sizes, **{**dict.fromkeys(("params", "weights", *_OPERATIONS), 0), "buffers": kept})
        return self.add(Draft(op, (self.first,), sizes, calls, name=name), [value])

    def stored(self, owns: Sequence[Value | None]) -> dict[str, int]:
        """How many parameters and buffers some weights are, those that an earlier node has left out."""
        counts = {"params": 0, "weights": 0, "buffers": 0}
        for value in owns:
            if value is None or value.source is None or value.source in self.owners:
                continue
            elements = prod(value.shape)
            if value.source in self.trained:
                counts["params"] += elements
                counts["weights"] += elements if len(value.shape) > 1 else 0
            else:
                counts["buffers"] += elements
        return counts

    def counted(self, node: fx.Node) -> int:
        """Multiply-accumulates of an op on tensors of its shapes, without computing anything."""

        def tensor(argument: Any) -> Any:
            if isinstance(argument, fx.Node):
                value = argument.meta.get("val")
                if isinstance(value, Tensor):
                    return torch.empty_like(value, device="meta")
                return value
            if isinstance(argument, (list, tuple)):
                return type(argument)(tensor(item) for item in argument)
            return "meta" if isinstance(argument, torch.device) else argument

        counter = FlopCounterMode(display=False)
        with torch.no_grad(), counter:
            node.target(*tensor(node.args), **{key: tensor(value) for key, value in node.kwargs.items()})  # type: ignore[operator]
        return counter.get_total_flops() // 2

    def run(self, node: fx.Node, table: Mapping[str, Callable[[Step], Result]]) -> None:
        """Read one op of the program."""
        if "getitem" in str(node.target):
            source, index = node.args
            self.values[node] = self.values[source][index]  # type: ignore[index]
            return
        if not hasattr(node.target, "_schema"):
            self.values[node] = None  # arithmetic of sizes
            return
        step = Step(self, node)
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

    def unread(self, step: Step) -> Result:
        """An op that no entry reads."""
        if not step.shapes:
            return None
        counts: dict[str, int] = {}
        try:
            macs = step.macs()
        except Exception:  # the function may not run without data: then it is unknown
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
                op = Opaque(value.sizes, **dict.fromkeys(("params", "weights", "buffers", *_OPERATIONS), 0))
                inputs = (self.drafted(value), self.drafted(result))
                draft = self.add(Draft(op, inputs, value.sizes, step.calls, name="written"))
                axis = value.axis if value.axis is not None else batch_axis(value.shape, self.batch)
                self.values[base] = result = Value(value.shape, self.batch, axis, draft)
            base = self.views.get(base)


VIEWS = frozenset(
    {"view", "reshape", "select", "slice", "transpose", "permute", "squeeze", "unsqueeze", "narrow", "flatten", "alias"}
)
_OPERATIONS = ("macs", "adds", "muls", "divs", "compares", "exps")


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


def _common(names: Sequence[str]) -> str:
    """The module that some weights are of; a lone parameter's own name."""
    modules = {name.rpartition(".")[0] for name in names}
    if len(modules) == 1 and (len(names) > 1 or names[0].rpartition(".")[2] in ("weight", "bias")):
        return next(iter(modules))
    return names[0]
