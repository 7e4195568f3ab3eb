"""The time that passes take: the whole, and each layer beside what the device could do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from cnncalc.ops.base import show
from cnncalc.render.table import BAR, Cell, Column, Table, number
from cnncalc.views import Detail, View
from cnncalc.views.common import Listing, unknown_reasons
from cnncalc.views.measured import gflops_per_s, latency_fields, milliseconds, sample_record
from cnncalc.views.measurements import CeilingsRecord, LayerTimeRecord, LayerTimesRecord, ProfileRecord
from cnncalc.views.records import network_document
from cnncalc.views.rows import AnyRow, kind_text

if TYPE_CHECKING:
    from cnncalc.pytorch.profile import LayerTime, LayerTimes, Profile
    from cnncalc.pytorch.timing import Ceilings, Sample

NOISY = 0.1
"""An interquartile range above this share of the median is remarked on."""


def view(result: Profile, detail: Detail, by_time: bool = False, top: int | None = None) -> View:
    """A profile.

    Args:
        by_time: the rows that take most of the time first; else as the layers run.
        top: so many rows, those that take most of the time.
    """
    parts = [_whole(result)]
    csv = None
    if result.layers is not None:
        parts.append(_layers(result, result.layers, detail, by_time, top, bars=True))
        csv = _layers(result, result.layers, detail, by_time, top, bars=False)
    return View(
        tuple(parts),
        lambda: network_document(result.costs, profile=record(result)),
        csv=csv,
        unknown=unknown_reasons(result.costs),
    )


def _whole(result: Profile) -> Table:
    """The measurement of the whole pass, and of the device."""
    settings, environment, costs = result.settings, result.environment, result.costs
    what = "a step of training" if settings.training else "a forward pass"
    rows: list[list[Cell]] = [
        [f"Latency of {what}", _spread(result.latency)],
        ["Images per second", f"{result.images_per_s:,.1f}"],
    ]
    rows += [[f"  {name}", _spread(sample)] for name, sample in result.phases.items()]
    rows.append(["MACs, parameters", f"{costs.macs:,}, {costs.params:,}"])
    rate = gflops_per_s(result)
    if not settings.training and rate is not None:
        rows.append(["Achieved", f"{rate:,.1f} GFLOP/s"])
    if result.ceilings:
        rows.append(["Measured ceilings", _ceilings(result.ceilings)])
    rows.append(["Peak memory, predicted", _mib(result.predicted_memory_bytes)])
    if result.peak_memory_bytes is not None:
        rows.append(["Peak memory, measured", _mib(result.peak_memory_bytes)])
    rows.append(["Device", _device(environment)])
    rows.append(["PyTorch", f"{environment['torch']}, CPU threads: {environment['threads']}"])
    notes = [f"Latency: median [quartiles] of {result.latency.count:,} passes after {settings.warmup:,} to warm up."]
    if result.latency.iqr > NOISY * result.latency.median:
        notes.append("The passes differ much from each other: is the device busy with something else?")
    return Table(_title(result), [Column("Measured"), Column("Value")], rows, notes=notes)


def _title(result: Profile) -> str:
    """What was run, and how."""
    settings, graph = result.settings, result.costs.graph
    inputs = " and ".join(show(node.output) for node in graph.inputs)
    options = [name.replace("_", "-") for name in ("channels_last", "compile", "cuda_graph") if getattr(settings, name)]
    return ", ".join([graph.name, inputs, f"batch {settings.batch:,}", settings.dtype, *options])


def _ceilings(ceilings: Ceilings) -> str:
    """The device's ceilings in words."""
    return (
        f"{ceilings.matrix_product / 1e9:,.1f} GFLOP/s (matrix product), {ceilings.convolution / 1e9:,.1f} "
        f"(convolution), {ceilings.bytes_per_s / 1e9:,.1f} GB/s (copy)"
    )


def _device(environment: Mapping[str, Any]) -> str:
    """The device's name."""
    if "gpu" in environment:
        return f"{environment['gpu']}, CUDA {environment['cuda']}, cuDNN {environment['cudnn']}"
    return f"{environment['cpu']}, {environment['cores']} cores"


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"


def _spread(sample: Sample) -> str:
    """A median with its quartiles, in milliseconds."""
    return f"{milliseconds(sample.median)} ms [{milliseconds(sample.q1)}, {milliseconds(sample.q3)}]"


def _layers(
    result: Profile, layers: LayerTimes, detail: Detail, by_time: bool, top: int | None, *, bars: bool
) -> Table:
    """A row per layer, or group of them, with a bar for its share of the time."""
    found = Listing(result.costs, detail).found
    times = {row.name: layers.seconds(row.nodes) for row in found}
    ordered = sorted(found, key=lambda row: -times[row.name])[:top]
    names = {row.name for row in ordered}
    shown = ordered if by_time else [row for row in found if row.name in names]
    longest = max((times[row.name] for row in shown), default=0.0)
    columns = [
        Column("Layer"),
        Column("Kind"),
        Column("ms", format=".3f"),
        Column("%", "percent", format=".1f"),
        *([Column("Share of the time", "bar", format=BAR)] if bars else []),
        Column("GFLOP/s", "gflops_per_s", format=",.1f", optional=True),
        Column("GB/s", "gbytes_per_s", format=",.1f", optional=True),
        Column("Limit", "limit", optional=True),
        Column("% of roofline", "roofline_percent", format=".0f", optional=True),
    ]
    rows: list[list[Cell]] = []
    for row in shown:
        time = times[row.name]
        cells: list[Cell] = [row.name, kind_text(row), time * 1e3, 100 * time / layers.sum if layers.sum else None]
        bar: list[Cell] = [time / longest if longest else 0.0] if bars else []
        rows.append([*cells, *bar, *_reached(layers, row, time)])
    return Table("Layers of the forward pass", columns, rows, notes=_notes(result, layers, len(found) - len(shown)))


def _reached(layers: LayerTimes, row: AnyRow, time: float) -> list[Cell]:
    """What a row says of its layers beside their time: rates, limit and share of the roofline; nothing of layers that
    do nothing."""
    bound = layers.roofline.of(row)
    if bound.seconds is None:
        return [number(None)] * 2 + [None, number(None)]
    if not bound.seconds or not time:
        return [None] * 4
    rates = [None if amount is None else amount / time / 1e9 for amount in (bound.flops, bound.bytes)]
    return [*map(number, rates), bound.limit, 100 * bound.seconds / time]


def _notes(result: Profile, layers: LayerTimes, hidden: int) -> list[str]:
    """How the layers were timed, and what their sum says."""
    notes = [f"{hidden:,} more rows are not shown."] if hidden else []
    whole = result.phases["forward"] if result.phases else result.latency
    notes.append(
        f"The layers sum to {milliseconds(layers.sum)} ms, {100 * layers.sum / whole.median:.0f} % of the "
        f"uninstrumented forward pass; a pass with a mark before and after each layer took "
        f"{milliseconds(layers.instrumented.median)} ms."
    )
    if layers.queued is False:
        notes.append(
            "The GPU caught up with the launching of the layers' work: their times hold the time of launching too."
        )
    if result.settings.compile or result.settings.cuda_graph:
        notes.append("Layers are timed one by one in the module itself, not in the compiled or recorded pass.")
    if result.settings.training:
        notes.append("The layers' times are those of the forward pass; the phases above hold the backward pass.")
    notes.append(
        "Limit: what would take longer at the measured ceilings, arithmetic or memory. % of roofline: that least time "
        "as a share of the time. A cache can carry a small layer past the ceiling of memory."
    )
    return notes


def record(result: Profile) -> ProfileRecord:
    """The record of a profile."""
    ceilings = layers = None
    if result.ceilings is not None:
        ceilings = msgspec.convert(result.ceilings, CeilingsRecord, from_attributes=True)
    if result.layers is not None:
        times = [_layer_record(layer) for layer in result.layers.times.values()]
        instrumented = sample_record(result.layers.instrumented)
        layers = LayerTimesRecord(result.layers.sum, instrumented, result.layers.queued, times)
    return ProfileRecord(**latency_fields(result), ceilings=ceilings, layers=layers)


def _layer_record(layer: LayerTime) -> LayerTimeRecord:
    """The record of a layer's time."""
    return LayerTimeRecord(
        layer.name,
        layer.row.op.kind,
        sample_record(layer.time),
        layer.share,
        layer.bound.flops,
        layer.bound.bytes,
        layer.flops_per_s,
        layer.bytes_per_s,
        layer.limit,
        layer.roofline,
    )
