"""Measured latency of networks side by side, beside what is counted of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from cnncalc.costs.compare import ratio
from cnncalc.render.table import Cell, Column, Table, number
from cnncalc.views.measurements import LatencyRecord, SampleRecord, SettingsRecord

if TYPE_CHECKING:
    from cnncalc.pytorch.profile import Profile
    from cnncalc.pytorch.timing import Sample


def table(results: Sequence[Profile]) -> Table:
    """A network a row: latency beside what is counted, each with its ratio to the first network's."""
    first = results[0]
    rows: list[list[Cell]] = [
        [
            result.costs.graph.name,
            result.latency.median * 1e3,
            f"{milliseconds(result.latency.q1)} to {milliseconds(result.latency.q3)}",
            ratio(result.latency.median, first.latency.median),
            ratio(result.costs.macs, first.costs.macs),
            ratio(result.costs.params, first.costs.params),
            result.images_per_s,
            number(gflops_per_s(result)),
        ]
        for result in results
    ]
    columns = [
        Column("Network"),
        Column("ms", format=",.3f"),
        Column("Quartiles"),
        Column("Ratio", "latency_ratio", format=",.3f"),
        Column("MACs ratio", format=",.3f"),
        Column("Params ratio", "params_ratio", format=",.3f"),
        Column("Images/s", "images_per_s", format=",.1f"),
        Column("GFLOP/s", "gflops_per_s", format=",.1f", optional=True),
    ]
    settings, environment = first.settings, first.environment
    device = environment.get("gpu", f"{environment['cpu']}, threads: {environment['threads']}")
    what = "a step of training" if settings.training else "a forward pass"
    notes = [
        f"Median of {first.latency.count} passes: {what}, batch {settings.batch:,}, {settings.dtype}, "
        f"PyTorch {environment['torch']}, {device}."
    ]
    return Table("Measured latency", columns, rows, notes=notes)


def gflops_per_s(result: Profile) -> float | None:
    """The operations of the forward pass per second of the latency; None where they are not known in full."""
    return None if "flops" in result.costs.unknown else result.costs.flops / result.latency.median / 1e9


def milliseconds(seconds: float) -> str:
    """Milliseconds with four figures.

    >>> milliseconds(0.0123456), milliseconds(1.5)
    ('12.35', '1,500')
    """
    value = seconds * 1e3
    digits = max(0, 3 - len(str(int(value)))) + 1 if value < 1000 else 0
    return f"{value:,.{digits}f}"


def sample_record(sample: Sample) -> SampleRecord:
    """The record of a sample."""
    return msgspec.convert(sample, SampleRecord, from_attributes=True)


def record(result: Profile) -> LatencyRecord:
    """The record of a measured network."""
    return LatencyRecord(**latency_fields(result))


def latency_fields(result: Profile) -> Mapping[str, Any]:
    """The fields of a `LatencyRecord`."""
    return {
        "settings": msgspec.convert(result.settings, SettingsRecord, from_attributes=True),
        "environment": result.environment,
        "latency": sample_record(result.latency),
        "images_per_s": result.images_per_s,
        "phases": {name: sample_record(sample) for name, sample in result.phases.items()},
        "predicted_memory_bytes": int(result.predicted_memory_bytes),
        "peak_memory_bytes": result.peak_memory_bytes,
    }
