"""Memory of each layer, at the peak of inference, and in training."""

from __future__ import annotations

from dataclasses import asdict

from msgspec import UNSET, UnsetType

from cnncalc.costs.analysis import Costs, Row
from cnncalc.costs.memory import Memory, Training
from cnncalc.render.table import Cell, Column, Table, number
from cnncalc.views import Detail, View
from cnncalc.views.common import Listing, unknown_reasons
from cnncalc.views.records import (
    LayerMemoryRecord,
    MemoryRecord,
    TrainingRecord,
    network_document,
    tensor_records,
)
from cnncalc.views.rows import AnyRow, kind_text


def view(costs: Costs, detail: Detail, optimizer: str = "sgd", fits: str | None = None) -> View:
    """The memory of a network.

    Args:
        optimizer: whose state a step of training keeps.
        fits: an amount of memory, whose largest batches are told.
    """
    memory = costs.memory
    training = memory.training(optimizer)
    moments = [_peak(memory), _training(training, optimizer)]
    parts: list[Table | str] = [*moments]
    if not detail.columns or all(table.picked(detail.columns) is None for table in moments):
        parts.insert(0, _layers(costs, detail))
    batches: dict[str, int | None] | UnsetType = UNSET
    if fits is not None:
        batches = {
            "training": memory.largest_batch(fits, optimizer),
            "inference": memory.largest_batch(fits, training=False),
        }
        parts.append(_largest(fits, batches))
    steps = {**asdict(training), "total": training.total}
    summary = MemoryRecord(
        peak_bytes=int(memory.peak),
        peak_layer=memory.peak_node.name if memory.peak_node else None,
        alive=tensor_records(memory.alive),
        traffic_bytes=int(memory.traffic),
        training=TrainingRecord(**{key: int(value) for key, value in steps.items()}),
        largest_batch=batches,
    )
    return View(
        tuple(parts),
        lambda: network_document(costs, _layer_record, memory=summary),
        unknown=unknown_reasons(costs) + _unsaid(costs),
    )


def _layers(costs: Costs, detail: Detail) -> Table:
    """The bytes of each layer."""
    listing = Listing(costs, detail)
    memory = costs.memory

    def row(found: AnyRow) -> list[Cell]:
        cells: list[Cell] = [found.name, kind_text(found), found.output]
        cells += [number(found.stored_bytes), found.output_bytes, number(found.read_bytes), found.written_bytes]
        return [*cells, found.alive_bytes, number(found.saved_bytes)]

    columns = [
        Column("Layer"),
        Column("Kind", optional=True),
        Column("Output", optional=True),
        Column("Stored"),
        Column("Activations"),
        Column("Read", optional=True),
        Column("Written", optional=True),
        Column("Alive"),
        Column("Saved"),
    ]
    rows = [row.memory for row in costs.layers]
    total: list[Cell] = ["Total", None, None, memory.params + memory.buffers, sum(layer.output for layer in rows)]
    total += [sum(layer.read or 0 for layer in rows), sum(layer.written for layer in rows), None, memory.saved]
    texts = [
        "In bytes. Stored: parameters and buffers. Activations: the output, where it is memory of its own. Read and "
        "written: each tensor once. Alive: the tensors alive at inference while the layer runs. Saved: what autograd "
        "saves for the backward pass, each tensor's memory once.",
        *(f"Unknown: {reason}." for reason in _unsaid(costs)),
    ]
    return listing.table(columns, row, total, listing.notes(*texts))


def _unsaid(costs: Costs) -> list[str]:
    """The layers that do not say what autograd saves of them."""
    names = [row.name for row in costs.layers if row.saved_bytes is None]
    return [f"what autograd saves of {', '.join(names[:5])}{' and others' if len(names) > 5 else ''}"] if names else []


def _peak(memory: Memory) -> Table:
    """What is in memory at the worst moment of inference."""
    rows: list[list[Cell]] = [["parameters", memory.params]]
    if memory.buffers:
        rows.append(["buffers", memory.buffers])
    rows += [[held.what, held.bytes] for held in memory.alive]
    where = f", while {memory.peak_node.name} runs" if memory.peak_node else ""
    return Table(f"Peak of inference{where}", [Column("In memory"), Column("Bytes")], rows, ["Total", memory.peak])


def _training(step: Training, optimizer: str) -> Table:
    """What a step of training needs."""
    rows: list[list[Cell]] = [
        ["saved by autograd", step.saved],
        ["parameters", step.params],
        ["buffers", step.buffers],
        ["gradients", step.gradients],
        [f"state of {optimizer}", step.optimizer],
        ["half-precision weights", step.half_weights],
    ]
    rows = [row for row in rows if row[1]]
    notes = ["Without the gradients of activations, which come and go, and what an implementation needs besides."]
    return Table("Training", [Column("In memory"), Column("Bytes")], rows, ["Total", step.total], notes)


def _largest(fits: str, batches: dict[str, int | None]) -> str:
    """The largest batches in words."""
    amount = f"{fits.strip()} bytes" if fits.strip()[-1:].isdigit() else fits.strip()
    texts = {name: "any" if batch is None else f"{batch:,}" for name, batch in batches.items()}
    text = f"Largest batch in {amount}: {texts['training']} in training, {texts['inference']} at inference."
    return text + (" 0: not even one image fits." if 0 in batches.values() else "")


def _layer_record(row: Row) -> dict[str, LayerMemoryRecord]:
    """What is added to a layer's record."""
    layer = row.memory
    saved = None if layer.saved is None else tensor_records(layer.saved)
    return {
        "memory": LayerMemoryRecord(
            layer.params, layer.buffers, layer.output, layer.read, layer.written, layer.alive, saved
        )
    }
