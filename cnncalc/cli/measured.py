"""Measured latency beside parameters and MACs: the part of `cnncalc compare --profile` that runs PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cnncalc.cli.profile import Status, milliseconds

if TYPE_CHECKING:
    from cnncalc.costs.analysis import Analysis
    from cnncalc.pytorch.profile import Profile
    from cnncalc.render import Cell, Table


def measure(analyses: Sequence[Analysis], device: str, dtype: str, training: bool) -> list[Profile]:
    """Whole passes of each network, without its layers."""
    with Status() as tell:
        from cnncalc.pytorch.profile import Settings, profile

        settings = Settings(device=device, dtype=dtype, batch=analyses[0].batch, training=training)
        results = []
        for analysis in analyses:
            tell(analysis.network.name)
            results.append(profile(analysis.network, settings, layers=False))
        return results


def table(results: Sequence[Profile]) -> Table:
    """A network a row: latency beside what is counted, each with its ratio to the first network's."""
    from cnncalc.costs.compare import ratio
    from cnncalc.render import Column, Table

    first = results[0]
    rows: list[list[Cell]] = [
        [
            result.network,
            result.latency.median * 1e3,
            f"{milliseconds(result.latency.q1)} to {milliseconds(result.latency.q3)}",
            result.latency.median / first.latency.median,
            ratio(result.macs, first.macs),
            ratio(result.params, first.params),
            result.images_per_s,
            result.flops / result.latency.median / 1e9,
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


def add_to(document: dict[str, Any], results: Sequence[Profile]) -> dict[str, Any]:
    """The JSON document of a comparison, each network with its measurement as `profile`."""
    for entry, result in zip(document["networks"], results, strict=True):
        measured = result.as_json()
        kept = ("settings", "environment", "latency", "images_per_s", "phases", "predicted_memory_bytes")
        entry["profile"] = {key: measured[key] for key in (*kept, "peak_memory_bytes")}
    return document
