"""`cnncalc flops --device`: what bounds each layer on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnncalc.cli.options import Grouping, Output, Request
    from cnncalc.costs.analysis import Group
    from cnncalc.costs.roofline import Roofline
    from cnncalc.render import Cell, Table


def device_table(request: Request, grouping: Grouping, output: Output, result: Roofline) -> Table:
    """The roofline bound of each layer on a device."""
    from cnncalc.cli import view
    from cnncalc.render import Column, Table

    analysis, device = result.analysis, result.device
    found = view.groups(analysis, grouping, output)

    def row(group: Group) -> list[Cell]:
        bound = result.together(group.layers)
        cells: list[Cell] = [group.name, view.kind_text(analysis.network, group), bound.flops, bound.bytes]
        return [
            *cells,
            bound.intensity,
            1e6 * bound.seconds,
            bound.limit,
            100 * bound.seconds / result.seconds if result.seconds else None,
        ]

    columns = [
        Column("Layer"),
        Column("Kind", optional=True),
        Column("FLOPs"),
        Column("Bytes"),
        Column("FLOPs/byte", "intensity", format=",.2f"),
        Column("Time, us", key="microseconds", format=",.3f"),
        Column("Limit"),
        Column("%", key="percent", format=".2f"),
    ]
    whole = result.together(tuple(range(len(result.layers))))
    total: list[Cell] = ["Total", None, whole.flops, whole.bytes, whole.intensity, 1e6 * whole.seconds, whole.limit]
    peak, ridge = device.peak(result.dtype), device.ridge(result.dtype)
    texts = [
        f"{device.title}: {peak:.4g} FLOP/s in {result.dtype}, {device.bandwidth:.4g} bytes/s; arithmetic is the limit "
        f"from {ridge:.1f} FLOPs a byte on. Time: the least, in microseconds, the longer of FLOPs / peak and bytes / "
        "bandwidth; of a group, the sum of its layers, and what limits most of that time.",
        f"Figures of the device: {device.source.strip().rstrip('.')}.",
    ]
    if not result.fits:
        texts.append(f"The peak of inference, {result.memory.peak:,} bytes, does not fit its memory.")
    heading = f"{view.heading(request, analysis.network)}; {device.title}, {result.dtype}"
    rows = view.rows(found, grouping, output, row)
    notes = view.notes(analysis, found, grouping, output, *texts)
    return Table(heading, columns, rows, [*total, 100.0 if result.seconds else None], notes)


def device_document(result: Roofline) -> dict[str, Any]:
    """The network's document, with the bounds added."""
    from cnncalc.document import document

    whole = document(result.analysis)
    for entry, bound in zip(whole["layers"], result.layers, strict=True):
        entry["roofline"] = {
            "bytes": bound.bytes,
            "intensity": bound.intensity,
            "seconds": bound.seconds,
            "limit": bound.limit,
        }
    layers = whole.pop("layers")
    summary = {"device": result.device.title, "dtype": result.dtype, "seconds": result.seconds, "fits": result.fits}
    return {**whole, "roofline": summary, "layers": layers}
