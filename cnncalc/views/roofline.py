"""What bounds each layer on a device."""

from __future__ import annotations

from cnncalc.costs.analysis import Row
from cnncalc.costs.roofline import Roofline
from cnncalc.render.table import Cell, Column, number
from cnncalc.views import Detail, View
from cnncalc.views.common import Listing, unknown_reasons
from cnncalc.views.records import BoundRecord, RooflineRecord, network_document
from cnncalc.views.rows import AnyRow, kind_text


def view(result: Roofline, detail: Detail) -> View:
    """The roofline bound of each layer."""
    costs, device = result.costs, result.device
    listing = Listing(costs, detail)

    def row(found: AnyRow) -> list[Cell]:
        bound = result.of(found)
        seconds = bound.seconds
        share = 100 * seconds / result.seconds if result.seconds and seconds is not None else None
        cells: list[Cell] = [found.name, kind_text(found), number(bound.flops), number(bound.bytes)]
        time = None if seconds is None else 1e6 * seconds
        return [*cells, number(bound.intensity), number(time), bound.limit, share]

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
    whole = result.whole
    total: list[Cell] = ["Total", None, whole.flops, whole.bytes, whole.intensity, 1e6 * result.seconds, whole.limit]
    peak, ridge = device.peak(result.dtype), device.ridge(result.dtype)
    texts = [
        f"{device.title}: {peak:.4g} FLOP/s in {result.dtype}, {device.bandwidth:.4g} bytes/s; arithmetic is the limit "
        f"from {ridge:.1f} FLOPs per byte on. Time: the least, in microseconds, the longer of FLOPs / peak and bytes / "
        "bandwidth; of a group, the sum of its layers, and what limits most of that time.",
        f"Figures of the device: {device.source.strip().rstrip('.')}.",
    ]
    if not result.complete:
        texts.append("Layers that do not say what they do are not in the time.")
    if not result.fits:
        texts.append(f"The peak of inference, {costs.memory.peak:,} bytes, does not fit its memory.")
    heading = f"{listing.heading}; {device.title}, {result.dtype}"
    sums: list[Cell] = [*total, 100.0 if result.seconds else None]
    table = listing.table(columns, row, sums, listing.notes(*texts), heading)

    def bound(row: Row) -> dict[str, BoundRecord]:
        found = result.of(row)
        return {"roofline": BoundRecord(found.bytes, found.intensity, found.seconds, found.limit)}

    summary = RooflineRecord(device.title, result.dtype, result.seconds, result.fits)
    return View((table,), lambda: network_document(costs, bound, roofline=summary), unknown=unknown_reasons(costs))
