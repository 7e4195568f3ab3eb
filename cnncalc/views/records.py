"""The JSON document: typed records, one contract for all commands about a single network.

Their JSON Schema is `docs/document.schema.json`, written by `python -m cnncalc.views.schema`. Fields may be added;
none changes its meaning within a schema number. Counts are for the whole batch. A count that is unknown is null, and
`unknown` says why; a total over it is what there is at least, and `at_least` names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from cnncalc.costs.amount import AtLeast
from cnncalc.costs.analysis import Costs, Row
from cnncalc.costs.memory import Held
from cnncalc.render.json import SCHEMA
from cnncalc.views.measurements import ProfileRecord

if TYPE_CHECKING:
    from cnncalc.costs.receptive_field import Field

Record = TypeVar("Record")


class Each(Generic[Record]):
    """Records made one by one as they are written: a network may have a million layers."""

    def __init__(self, make: Callable[[Any], Record], rows: Iterable[Any]) -> None:
        self.make = make
        self.rows = rows

    def __iter__(self) -> Iterator[Record]:
        return map(self.make, self.rows)


class FieldRecord(Struct):
    """A receptive field, one entry per spatial dimension of the input; a stride is null where there is none, and the
    padding where the first unit sees nothing."""

    size: tuple[int, ...]
    stride: tuple[int | float | None, ...]
    padding: tuple[int | None, ...]


class TensorRecord(Struct):
    """A tensor that takes memory."""

    what: str
    bytes: int


class LayerMemoryRecord(Struct):
    """The memory of a layer, in bytes."""

    params: int | None
    buffers: int | None
    output: int
    read: int | None
    written: int
    alive: int
    saved: list[TensorRecord] | None


class BoundRecord(Struct):
    """What bounds a layer on a device."""

    bytes: int | None
    intensity: float | None
    seconds: float | None
    limit: str


class LayerRecord(Struct):
    """A layer with its costs. One that `shares` has the weights of the layer of that name, which stores them."""

    name: str
    kind: str
    options: dict[str, Any]
    inputs: list[str]
    input_shapes: list[tuple[int, ...]]
    output: tuple[int, ...]
    params: int | None
    buffers: int | None
    macs: int | None
    flops: int | None
    operations: dict[str, int | None]
    activations: int
    read_bytes: int | None
    written_bytes: int
    saved_bytes: int | None
    receptive_field: FieldRecord | None
    shares: str | UnsetType = UNSET
    unknown: dict[str, str] | UnsetType = UNSET
    memory: LayerMemoryRecord | UnsetType = UNSET
    roofline: BoundRecord | UnsetType = UNSET
    convention: dict[str, int] | UnsetType | None = UNSET


class Totals(Struct):
    """The costs of the whole network; bytes are those of `dtype`."""

    params: int
    buffers: int
    macs: int
    flops: int
    activations: int
    param_bytes: int
    peak_memory_bytes: int
    traffic_bytes: int
    saved_bytes: int


class InputRecord(Struct):
    """An input of the network."""

    name: str
    shape: tuple[int, ...]


class TrainingRecord(Struct):
    """The memory of a step of training, in bytes."""

    saved: int
    params: int
    buffers: int
    gradients: int
    optimizer: int
    half_weights: int
    total: int


class MemoryRecord(Struct):
    """The memory of the network, in bytes. A largest batch is null where any batch fits."""

    peak_bytes: int
    peak_layer: str | None
    alive: list[TensorRecord]
    traffic_bytes: int
    training: TrainingRecord
    largest_batch: dict[str, int | None] | UnsetType = UNSET


class RooflineRecord(Struct):
    """The network on a device: the least seconds, and whether the peak of inference fits its memory."""

    device: str
    dtype: str
    seconds: float
    fits: bool


class ConventionRecord(Struct):
    """What a tool counts of the network, by class; the total is what it counts at least if part of it is unknown."""

    name: str
    total: int
    status: str
    classes: dict[str, int]


class DeviationRecord(Struct):
    """A part of a convention's difference from the papers' count, and why."""

    convention: str
    part: str
    amount: int
    reason: str


class ModuleLineRecord(Struct):
    """A part of what a tool prints for a module: what it counts in some modules of a class, what its rules count of the
    layers that were read there, and why the two differ; `because` is empty where they do not."""

    modules: list[str]
    what: str
    kinds: list[str]
    tool: int
    layers: int
    because: str


class ModuleToolRecord(Struct):
    """What a tool prints for a module itself, null with the reason where it fails; what its rules count of the layers
    that were read; and the lines that sum to what it prints."""

    tool: str
    prints: int | None
    reason: str
    layers: int
    status: str
    lines: list[ModuleLineRecord]


class LineRecord(Struct):
    """One number of `explain`: its formula in symbols and in numbers."""

    layer: str
    quantity: str
    formula: str
    calculation: str
    value: int | None
    meaning: str


class SeenRecord(Struct):
    """The pixels that a unit sees along one dimension."""

    dimension: str
    first: int
    last: int
    pixels: int
    of: int


class UnitRecord(Struct):
    """What one unit of a layer sees of the input."""

    layer: str
    position: tuple[int, ...]
    sees: list[SeenRecord]


class AmountRecord(Struct):
    """A layer and its amount of a quantity."""

    name: str
    amount: int


class RankingRecord(Struct):
    """The layers with most of a quantity."""

    quantity: str
    total: int
    layers: list[AmountRecord]


class ClassRecord(Struct):
    """Layers of one class together; bytes are those moved."""

    name: str
    layers: int
    params: int
    macs: int
    flops: int
    bytes: int
    saved: int
    intensity: float


class NetworkDocument(Struct):
    """The document of every command about one network; the fields from `memory` on are those of single commands."""

    schema: int
    network: str
    title: str
    input: tuple[int, ...]
    inputs: list[InputRecord]
    batch: int
    dtype: str
    training: bool
    totals: Totals
    at_least: list[str]
    outputs: dict[str, str]
    memory: MemoryRecord | UnsetType = UNSET
    roofline: RooflineRecord | UnsetType = UNSET
    convention: ConventionRecord | UnsetType = UNSET
    layers: list[LayerRecord] | UnsetType = UNSET
    conventions: list[ConventionRecord] | UnsetType = UNSET
    differences: list[DeviationRecord] | UnsetType = UNSET
    module_tools: list[ModuleToolRecord] | UnsetType = UNSET
    explanations: list[LineRecord] | UnsetType = UNSET
    unit: UnitRecord | UnsetType = UNSET
    bottlenecks: list[RankingRecord] | UnsetType = UNSET
    classes: list[ClassRecord] | UnsetType = UNSET
    answers: list[str] | UnsetType = UNSET
    profile: ProfileRecord | UnsetType = UNSET


def network_document(
    costs: Costs, layer: Callable[[Row], dict[str, Any]] | None = None, **more: Any
) -> NetworkDocument:
    """The document of a network with its costs.

    Args:
        layer: what is added to a layer's record.
        more: what is added to the document.

    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.zoo import load
    >>> document = network_document(Costs(expand(load("lenet5"))))
    >>> document.input, next(iter(document.layers)).params
    ((1, 32, 32), 156)
    """
    _ = costs.receptive_fields  # first: they need more memory while they are worked out than when they are kept
    graph, memory = costs.graph, costs.memory
    totals = {
        "params": costs.params,
        "buffers": costs.buffers,
        "macs": costs.macs,
        "flops": costs.flops,
        "activations": costs.activations,
        "param_bytes": costs.param_bytes,
        "peak_memory_bytes": memory.peak,
        "traffic_bytes": memory.traffic,
        "saved_bytes": memory.saved,
    }

    def record(row: Row) -> LayerRecord:
        return layer_record(row, **(layer(row) if layer else {}))

    return NetworkDocument(
        schema=SCHEMA,
        network=graph.name,
        title=graph.title,
        input=graph.input,
        inputs=[InputRecord(node.name, node.output) for node in graph.inputs],
        batch=costs.batch,
        dtype=costs.dtype,
        training=graph.training,
        totals=Totals(**{name: int(value) for name, value in totals.items()}),
        at_least=[name for name, value in totals.items() if isinstance(value, AtLeast)],
        outputs={name: node.name for name, node in graph.outputs.items()},
        layers=Each(record, costs.layers),  # type: ignore[arg-type]  # written as the list that it stands for
        **more,
    )


def layer_record(row: Row, **more: Any) -> LayerRecord:
    """The record of a layer."""
    unknown = unknown_numbers(row)
    return LayerRecord(
        name=row.name,
        kind=row.op.kind,
        options=row.op.named(),
        inputs=[source.name for source in row.node.inputs],
        input_shapes=list(row.node.input_shapes),
        output=row.output,
        params=row.params,
        buffers=row.buffers,
        macs=row.macs,
        flops=row.flops,
        operations=dict(row.operations),
        activations=row.activations,
        read_bytes=row.read_bytes,
        written_bytes=row.written_bytes,
        saved_bytes=row.saved_bytes,
        receptive_field=field_record(row.receptive_field),
        shares=row.node.shares.name if row.node.shares else UNSET,
        unknown=unknown or UNSET,
        **more,
    )


def unknown_numbers(row: Row) -> dict[str, str]:
    """What is unknown of a layer, counts, bytes and receptive field, each with the reason."""
    from cnncalc.costs.receptive_field import UnknownField  # tables have no need of it

    found, field = row.unknown, row.receptive_field
    if row.read_bytes is None:
        found["read_bytes"] = found.get("params") or found["buffers"]
    if row.saved_bytes is None:
        found["saved_bytes"] = f"{row.op.kind} does not say what autograd saves of it"
    if isinstance(field, UnknownField):
        found["receptive_field"] = field.reason
    return found


def field_record(field: Field) -> FieldRecord | None:
    """The record of a receptive field: whole numbers as integers, fractions as decimals; none of one that is
    unknown."""
    from cnncalc.costs.receptive_field import UnknownField, plain  # tables have no need of it

    if isinstance(field, UnknownField):
        return None

    strides = tuple(None if stride is None else plain(stride) for stride in field.stride)
    return FieldRecord(field.size, strides, field.padding)


def tensor_records(tensors: Iterable[Held]) -> list[TensorRecord]:
    """The records of some tensors."""
    return [TensorRecord(held.what, held.bytes) for held in tensors]


def builtins(document: Struct) -> Any:
    """A document as plain lists, dicts and numbers.

    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.zoo import load
    >>> builtins(network_document(Costs(expand(load("lenet5")))))["totals"]["params"]
    60000
    """
    return msgspec.to_builtins(document, enc_hook=_listed)


def _listed(value: Any) -> Any:
    """What msgspec does not know: records made one by one, as a list."""
    if isinstance(value, Each):
        return list(value)
    raise TypeError(type(value).__name__)


def flat_record(row: Row) -> dict[str, Any]:
    """A layer as one row of a data frame."""
    field = field_record(row.receptive_field)
    return {
        "name": row.name,
        "kind": row.op.kind,
        "output": row.output,
        "params": row.params,
        "buffers": row.buffers,
        "macs": row.macs,
        "flops": row.flops,
        "activations": row.activations,
        "read_bytes": row.read_bytes,
        "written_bytes": row.written_bytes,
        "saved_bytes": row.saved_bytes,
        "receptive_field": field.size if field else None,
    }
