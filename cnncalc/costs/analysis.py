"""The costs of a network: of each layer, in total, and by groups of layers.

Counts are exact integers for the whole batch. FLOPs = 2 x MACs + all other operations. What an op does not say is
None, and a total over it is what there is at least (`cnncalc.costs.amount.AtLeast`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from cnncalc.costs.amount import total
from cnncalc.costs.memory import DTYPES, LayerMemory, Memory, known
from cnncalc.errors import RequestError, shorten
from cnncalc.formula import prod
from cnncalc.graph import Graph, Group, Node
from cnncalc.ops.base import OPERATIONS, Op, Shape, cost_numbers

if TYPE_CHECKING:
    from cnncalc.costs.receptive_field import Field

COUNTS = ("params", "weights", "buffers", "macs", "flops", "activations")


class Counts(NamedTuple):
    """What is counted of a layer, for the whole batch; None where the op does not say.

    `weights` are those of the parameters that a product reads; `operations` hold the numbers by class; activations
    are the elements of the output.
    """

    params: int | None
    weights: int | None
    buffers: int | None
    macs: int | None
    flops: int | None
    operations: Mapping[str, int | None]
    activations: int


class Row:
    """A layer with its costs. Counts and bytes are for the whole batch; None where they are unknown."""

    __slots__ = ("analysis", "counts", "node")

    def __init__(self, analysis: Costs, node: Node, counts: Counts) -> None:
        self.analysis = analysis
        self.node = node
        self.counts = counts

    @property
    def name(self) -> str:
        """The layer's full name."""
        return self.node.name

    @property
    def op(self) -> Op:
        """The op, with its options."""
        return self.node.op

    @property
    def output(self) -> Shape:
        """The output shape, channels first, without the batch."""
        return self.node.output

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The node, as a group of one."""
        return (self.node,)

    @property
    def params(self) -> int | None:
        """Trainable parameters."""
        return self.counts.params

    @property
    def buffers(self) -> int | None:
        """Numbers that are stored and not trained."""
        return self.counts.buffers

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates."""
        return self.counts.macs

    @property
    def flops(self) -> int | None:
        """2 x MACs + all other operations."""
        return self.counts.flops

    @property
    def operations(self) -> Mapping[str, int | None]:
        """Operations by class."""
        return self.counts.operations

    @property
    def activations(self) -> int:
        """Elements of the output."""
        return self.counts.activations

    @property
    def memory(self) -> LayerMemory:
        """The layer's memory and traffic."""
        return self.analysis.memory.nodes[self.node.index]

    @property
    def stored_bytes(self) -> int | None:
        """Bytes of parameters and buffers."""
        return self.memory.stored

    @property
    def output_bytes(self) -> int:
        """Bytes of the output, where it is memory of its own."""
        return self.memory.output

    @property
    def read_bytes(self) -> int | None:
        """Bytes read: inputs, parameters and buffers, each once."""
        return self.memory.read

    @property
    def written_bytes(self) -> int:
        """Bytes written."""
        return self.memory.written

    @property
    def alive_bytes(self) -> int:
        """Bytes of the tensors alive while the layer runs at inference."""
        return self.memory.alive

    @property
    def saved_bytes(self) -> int | None:
        """Bytes that autograd saves of it for the backward pass."""
        return self.memory.saved_bytes

    @property
    def receptive_field(self) -> Field:
        """What a unit sees of the network's input; an `UnknownField` where that is not known."""
        return self.analysis.receptive_fields[self.node.index]

    @property
    def unknown(self) -> dict[str, str]:
        """The counts that are unknown, each with the reason."""
        missing = [name for name in COUNTS if getattr(self.counts, name) is None]
        reason = f"{self.op.kind} does not say"
        return {name: f"{reason} its {_WORDS[name]}" for name in missing}

    def __repr__(self) -> str:
        return f"Row({self.name!r}, {self.op.kind}, params={self.params}, macs={self.macs})"


_WORDS = {
    "params": "parameters",
    "weights": "weights",
    "buffers": "buffers",
    "macs": "multiply-accumulates",
    "flops": "operations",
    "activations": "output",
}


class GroupRow:
    """Layers in one scope, their costs summed. A group of one layer has that layer's costs."""

    __slots__ = ("counts", "end", "name", "rows")

    def __init__(self, name: str, rows: Sequence[Row], end: Row, counts: Counts | None = None) -> None:
        self.name = name
        self.rows = rows
        self.end = end
        self.counts = counts or (rows[0].counts if len(rows) == 1 else total_counts(row.counts for row in rows))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes of the group."""
        return tuple(row.node for row in self.rows)

    @property
    def output(self) -> Shape:
        """The shape at its end."""
        return self.end.output

    @property
    def params(self) -> int | None:
        """Trainable parameters."""
        return self.counts.params

    @property
    def buffers(self) -> int | None:
        """Numbers that are stored and not trained."""
        return self.counts.buffers

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates."""
        return self.counts.macs

    @property
    def flops(self) -> int | None:
        """2 x MACs + all other operations."""
        return self.counts.flops

    @property
    def operations(self) -> Mapping[str, int | None]:
        """Operations by class."""
        return self.counts.operations

    @property
    def activations(self) -> int:
        """Elements of the outputs."""
        return self.counts.activations

    @property
    def stored_bytes(self) -> int | None:
        """Bytes of parameters and buffers."""
        return self._sum([row.stored_bytes for row in self.rows])

    @property
    def output_bytes(self) -> int:
        """Bytes of the outputs that are memory of their own."""
        return sum(row.output_bytes for row in self.rows)

    @property
    def read_bytes(self) -> int | None:
        """Bytes read by the layers."""
        return self._sum([row.read_bytes for row in self.rows])

    @property
    def written_bytes(self) -> int:
        """Bytes written by the layers."""
        return sum(row.written_bytes for row in self.rows)

    @property
    def alive_bytes(self) -> int:
        """The most bytes alive while one of the layers runs."""
        return max(row.alive_bytes for row in self.rows)

    @property
    def saved_bytes(self) -> int | None:
        """Bytes that autograd saves of the layers for the backward pass."""
        return self._sum([row.saved_bytes for row in self.rows])

    @property
    def receptive_field(self) -> Field:
        """What a unit at the end of the group sees of the network's input."""
        return self.end.receptive_field

    def _sum(self, amounts: list[int | None]) -> int | None:
        return amounts[0] if len(amounts) == 1 else total(amounts)

    def __repr__(self) -> str:
        return f"GroupRow({self.name!r}, {len(self.rows)} layers, params={self.params}, macs={self.macs})"


def total_counts(counts: Iterable[Counts]) -> Counts:
    """The sum of some layers' counts."""
    rows = list(counts)
    operations: dict[str, list[int | None]] = {}
    for row in rows:
        for operation, number in row.operations.items():
            operations.setdefault(operation, []).append(number)
    return Counts(
        params=total(row.params for row in rows),
        weights=total(row.weights for row in rows),
        buffers=total(row.buffers for row in rows),
        macs=total(row.macs for row in rows),
        flops=total(row.flops for row in rows),
        operations={name: total(numbers) for name, numbers in operations.items()},
        activations=sum(row.activations for row in rows),
    )


class Costs:
    """A network with its costs for a batch and a type of number, each computed once, when first asked for.

    Args:
        graph: the network.
        batch: samples at once.
        dtype: of everything: float64, float32, float16 or bfloat16.
        mixed: mixed precision, as `torch.autocast`: activations of 2 bytes, and a copy of such weights for the
            convolutions and linear layers, while parameters and their gradients stay as `dtype` says.
        inplace: activations overwrite their input where they may.

    Raises:
        RequestError: a batch that is no positive whole number, an unknown dtype.

    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.zoo import load
    >>> costs = Costs(expand(load("alexnet")))
    >>> costs.params, costs["conv1"].params, costs.memory.peak
    (60964224, 34944, 248503296)
    """

    def __init__(
        self, graph: Graph, batch: int = 1, dtype: str = "float32", mixed: bool = False, inplace: bool = False
    ) -> None:
        self.graph = graph
        self.batch = checked_batch(batch)
        self.dtype = dtype
        self.mixed = mixed
        self.inplace = inplace
        self.bytes_per_number = known(DTYPES, dtype, "dtype")
        self.layers = self._rows()

    def _rows(self) -> list[Row]:
        """The layers with their counts; equal ops on equal inputs are counted once. Weights that a layer shares are
        those of the layer that stores them."""
        found: dict[tuple[Op, tuple[Shape, ...]], Counts] = {}
        rows = []
        for node in self.graph.layers:
            shapes = node.input_shapes
            counts = found.get((node.op, shapes))
            if counts is None:
                counts = found[node.op, shapes] = count(node, self.batch, self.graph.training)
            if node.shares is not None:
                counts = counts._replace(params=0, weights=0, buffers=0)
            rows.append(Row(self, node, counts))
        return rows

    @cached_property
    def counts(self) -> Counts:
        """The sum over the layers."""
        return total_counts(row.counts for row in self.layers)

    @property
    def params(self) -> int:
        """Trainable parameters."""
        return _at_least(self.counts.params)

    @property
    def buffers(self) -> int:
        """Numbers that are stored and not trained."""
        return _at_least(self.counts.buffers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for the batch."""
        return _at_least(self.counts.macs)

    @property
    def flops(self) -> int:
        """2 x MACs + all other operations, for the batch."""
        return _at_least(self.counts.flops)

    @property
    def operations(self) -> Mapping[str, int | None]:
        """Operations by class, for the batch."""
        return self.counts.operations

    @property
    def activations(self) -> int:
        """Elements of all layers' outputs, for the batch."""
        return self.counts.activations

    @property
    def param_bytes(self) -> int:
        """Bytes of the parameters."""
        return self.params * self.bytes_per_number

    @cached_property
    def memory(self) -> Memory:
        """Memory and traffic, of each layer and in total."""
        return Memory(self.graph, self.batch, self.dtype, self.inplace, self.mixed)

    @property
    def receptive_fields(self) -> list[Field]:
        """What a unit of each node sees of the network's input, by the node's index; `UnknownField`s where they cannot
        be worked out."""
        return self._fields[0]

    def check_fields(self) -> None:
        """Nothing where the receptive fields can be worked out.

        Raises:
            RequestError: they cannot.
        """
        if self._fields[1] is not None:
            raise self._fields[1]

    @cached_property
    def _fields(self) -> tuple[list[Field], RequestError | None]:
        """The receptive fields, and why they cannot be worked out."""
        from cnncalc.costs.receptive_field import UnknownField, receptive_fields  # most commands do not ask

        try:
            return receptive_fields(self.graph), None
        except RequestError as error:
            return [UnknownField(error.message)] * len(self.graph.nodes), error

    @cached_property
    def unknown(self) -> dict[str, list[Row]]:
        """The layers that do not say a quantity, by quantity; empty where all is known."""
        found: dict[str, list[Row]] = {}
        for row in self.layers:
            for name in COUNTS:
                if getattr(row.counts, name) is None:
                    found.setdefault(name, []).append(row)
        return found

    @cached_property
    def _by_name(self) -> dict[str, Row]:
        return {row.name: row for row in self.layers}

    def __getitem__(self, name: str) -> Row | GroupRow:
        """A layer, or a group of layers by its name.

        Raises:
            RequestError: there is none; the nearest name is told.
        """
        return self._by_name.get(name) or self._group(self.graph.group(name))

    def groups(self, depth: int = 1) -> list[GroupRow]:
        """The layers grouped by the scopes of a depth, in order of first appearance."""
        return [self._group(group) for group in self.graph.groups(depth)]

    def rows(self, nodes: Iterable[Node]) -> list[Row]:
        """The rows of some layers."""
        return [self._by_name[node.name] for node in nodes]

    def _group(self, group: Group) -> GroupRow:
        return GroupRow(group.name, self.rows(group.nodes), self._by_name[group.end.name])


def _at_least(total: int | None) -> int:
    """A total over all layers, of which there is always one: 0 of no layers, at least 0 of unknown ones."""
    return 0 if total is None else total


def checked_batch(batch: object) -> int:
    """A batch as a whole number from 1.

    Raises:
        RequestError: it is none.
    """
    whole = batch.__index__() if hasattr(batch, "__index__") and not isinstance(batch, bool) else 0
    if not 1 <= whole <= MAX_BATCH:
        found = shorten(str(batch))
        raise RequestError(f"a batch is a whole number from 1 to 10^12, not {found}", code="unfit-batch")
    return int(whole)


MAX_BATCH = 10**12


def count(node: Node, batch: int, training: bool) -> Counts:
    """The counts of one layer for a batch, by its op's formulas."""
    op = node.op
    numbers = cost_numbers(op, node.input_shapes, node.output, training)
    operations: dict[str, int | None] = {}
    for quantity in OPERATIONS:
        number = numbers.get(quantity, 0)
        if number != 0:
            operations[quantity] = number if number is None or quantity in op.once else number * batch
    macs = operations.get("mac", 0)
    known_operations = [number for number in operations.values() if number is not None]
    flops = None if macs is None or len(known_operations) < len(operations) else sum(known_operations) + macs
    return Counts(
        params=numbers.get("params", 0),
        weights=numbers.get("weights", 0),
        buffers=numbers.get("buffers", 0),
        macs=macs,
        flops=flops,
        operations=operations,
        activations=prod(node.output) * batch,
    )
