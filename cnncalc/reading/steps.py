"""The steps by which the ops of a program that is read become drafts of cnncalc's ops.

A `Walk` holds the drafts; a `Step` is one op of the program where it stands. The readers of PyTorch's programs and of
ONNX files each have a kind of their own, and a table of entries: functions that take a step and give the tensor, or the
tensors, that it makes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from math import prod
from typing import Any, TypeVar

from cnncalc.errors import OpError
from cnncalc.ops import Parameter, Reshape
from cnncalc.ops.base import Op, Shape, cost_numbers
from cnncalc.ops.opaque import Opaque
from cnncalc.reading.drafts import Call, Draft, Value, batch_axis

Result = Value | tuple[Any, ...] | None
"""What an op gives: a tensor, several, or nothing."""

S = TypeVar("S")
R = TypeVar("R")

OPERATIONS = ("macs", "adds", "muls", "divs", "compares", "exps")
"""The options of an opaque op that are operations."""
NOTHING = dict.fromkeys((option[:-1] for option in OPERATIONS), 0)
"""The operations of an op that computes nothing."""


def entries(
    table: dict[str, Callable[[S], Result]],
) -> Callable[..., Callable[[Callable[[S], Result]], Callable[[S], Result]]]:
    """What puts functions into a table of entries: a decorator that takes their names there."""

    def entry(*names: str) -> Callable[[Callable[[S], Result]], Callable[[S], Result]]:
        def put(function: Callable[[S], Result]) -> Callable[[S], Result]:
            table.update(dict.fromkeys(names, function))
            return function

        return put

    return entry


class Unread(Exception):
    """An entry of a table does not read an op in the form that stands here."""


class Step:
    """An op of the program where it stands, for the entries of a table.

    Attributes:
        name: what the program calls it.
        args: its arguments by name, tensors as values.
        shapes: its outputs' shapes with the batch.
        calls: the modules that were being called, the outermost first.
        single: whether it gives one tensor, and not a list of one.
    """

    walk: Walk
    name: str
    args: dict[str, Any]
    shapes: list[tuple[int, ...]]
    calls: tuple[Call, ...]
    single: bool = True

    def __getitem__(self, key: str) -> Any:
        return self.args[key]

    @property
    def shape(self) -> tuple[int, ...]:
        """Its output's shape with the batch; of the first, if it gives several."""
        return self.shapes[0] if self.shapes else ()

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

    def axis(self, shape: tuple[int, ...]) -> int | None:
        """Which axis of a tensor that it gives is the batch."""
        return batch_axis(shape, self.walk.batch) if self.batched else None

    def value(self, draft: Draft | None, shape: tuple[int, ...] | None = None, source: str | None = None) -> Value:
        """A tensor that a draft makes; of the op's output shape unless said."""
        shape = self.shape if shape is None else shape
        return Value(shape, self.walk.batch, self.axis(shape), draft, source)

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
        read = [value for value in self.tensors if value not in owns and value.elements]
        inputs = [self.walk.drafted(value) for value in read] or [self.walk.first]
        found = []
        for value in values:
            if not value.elements:
                found.append(value)
                continue
            known = {f"{name}s": number for name, number in counts.items()}  # the options' names: macs, adds, ...
            given: dict[str, Any] = {"params": 0, "weights": 0, "buffers": 0, **stored, **known}
            op = Opaque(value.sizes, **given)
            draft = Draft(op, tuple(inputs), value.sizes, self.calls, name=self.unique)
            found.append(Value(value.shape, value.batch, value.axis, self.walk.add(draft, owns)))
            # What the op costs is counted with its first output, and the others are parts of it.
            stored, counts = {}, dict(NOTHING)
        return found[0] if self.single else tuple(found)

    @property
    def unique(self) -> str:
        """What an opaque op is called: as the program calls the function."""
        return str(self.name).strip("_")

    def moved(self) -> Result:
        """The op as one that moves elements and computes nothing."""
        return self.opaque((), **NOTHING)


class Walk:
    """The drafts that stand for a program's ops.

    Attributes:
        batch: samples in the batch.
        kept: the names of the tensors that are stored with the network.
        trained: those of them that are parameters.
        owners: the draft that counts each stored tensor, by the tensor's name.
        unknown: the program's ops of which some counts are unknown, and how many of them there are.
        calls: the modules that are being called: where a parameter stands that the op there is the first to read.
    """

    def __init__(self, batch: int, kept: Collection[str], trained: Collection[str]) -> None:
        self.batch = batch
        self.kept = kept
        self.trained = trained
        self.drafts: list[Draft] = []
        self.owners: dict[str, Draft] = {}
        self.unknown: dict[str, int] = {}
        self.calls: tuple[Call, ...] = ()

    @property
    def first(self) -> Draft:
        """The first input: what reads no tensor stands on it."""
        return self.drafts[0]

    def add(self, draft: Draft, owns: Sequence[Value | None] = ()) -> Draft:
        """Note a draft, and the weights that it has; weights that an earlier one has are shared with it."""
        named = [value.source for value in owns if value is not None and value.source is not None]
        names = list(dict.fromkeys(named))  # an op may read one twice
        first = next((self.owners[name] for name in names if name in self.owners), None)
        draft.owns = tuple(name for name in names if name not in self.owners)
        if first is not None and not isinstance(draft.op, Opaque):
            if draft.owns:  # it has another's weights and some of its own, such as a bias
                shapes = [source.output for source in draft.inputs]
                draft.op = stand_in(draft.op, shapes, draft.output, **self.stored(owns))
            else:
                draft.shares = first
        for name in draft.owns:
            self.owners[name] = draft
        if names:
            draft.origin = self.origin(names)
        self.drafts.append(draft)
        return draft

    def tried(self, make: Callable[[], R]) -> R | None:
        """What a function gives; None where it does not read an op in its form, and then nothing of it is left."""
        drafts, owners = len(self.drafts), dict(self.owners)
        try:
            return make()
        except (Unread, OpError):
            del self.drafts[drafts:]
            self.owners = owners
            return None

    def drafted(self, value: Value) -> Draft:
        """The draft that makes a tensor; one that stands for a parameter or buffer is made when it is asked for."""
        if value.draft is not None:
            return value.draft
        if not value.elements:
            raise Unread  # a tensor of size 0 is no node
        return self.parameter(value, value.sizes, self.calls)

    def origin(self, names: Sequence[str]) -> str | tuple[str, ...]:
        """Where weights of these names are from."""
        return common(names)

    def parameter(self, value: Value, sizes: Shape, calls: tuple[Call, ...]) -> Draft:
        """A learnt tensor, or a stored one, as a node of its own."""
        sizes = sizes or (1,)
        if value.source is None:
            return self.fixed(sizes)
        elements = prod(sizes)
        name = self.word(value.source)
        if value.source in self.trained:
            op: Op = Parameter(sizes)
        else:
            kept = elements if value.source in self.kept and value.source not in self.owners else 0
            op = Opaque(sizes, buffers=kept, others=0)
        return self.add(Draft(op, (self.first,), sizes, calls, name=name), [value])

    def fixed(self, sizes: Shape, name: str = "constant") -> Draft:
        """A tensor of fixed numbers that is not stored with the network."""
        op = Opaque(sizes, others=0)
        return self.add(Draft(op, (self.first,), sizes, self.calls, name=name))

    def word(self, source: str) -> str:
        """What a stored tensor is called, as a node of its own."""
        return source.rpartition(".")[2]

    def stored(self, owns: Sequence[Value | None]) -> dict[str, int]:
        """How many parameters and buffers some weights are, those that an earlier node has left out."""
        counts = {"params": 0, "weights": 0, "buffers": 0}
        seen: set[str] = set()
        for value in owns:
            if value is None or value.source is None or value.source in self.owners or value.source in seen:
                continue
            seen.add(value.source)
            elements = prod(value.shape)
            if value.source in self.trained:
                counts["params"] += elements
                counts["weights"] += elements if len(value.shape) > 1 else 0
            else:
                counts["buffers"] += elements
        return counts


def stand_in(
    op: Op, inputs: Sequence[Shape], output: Shape, params: int = 0, weights: int = 0, buffers: int = 0
) -> Opaque:
    """An opaque op with an op's work, that stores what is given: for weights some of which another node counts."""
    costs = cost_numbers(op, tuple(inputs), output)
    work: dict[str, Any] = {option: costs.get(option[:-1], 0) for option in OPERATIONS}
    return Opaque(output, params=params, weights=weights, buffers=buffers, **work)


def common(names: Sequence[str]) -> str:
    """The module that some weights are of; a lone parameter's own name.

    >>> common(["conv1.weight", "conv1.bias"]), common(["pos_embed"])
    ('conv1', 'pos_embed')
    """
    modules = {name.rpartition(".")[0] for name in names}
    if len(modules) == 1 and (len(names) > 1 or names[0].rpartition(".")[2] in ("weight", "bias")):
        return next(iter(modules))
    return names[0]
