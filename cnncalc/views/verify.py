"""What came of verifying networks: a line per network, every mismatch, and what the counters leave out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from cnncalc.costs.amount import AtLeast
from cnncalc.ops.base import show
from cnncalc.render.json import SCHEMA
from cnncalc.render.table import Cell, Column, Table
from cnncalc.views import View
from cnncalc.views.records import InputRecord

if TYPE_CHECKING:
    from cnncalc.pytorch.verify import Gap, Report


class MismatchRecord(Struct):
    """A number or shape that is not the same; `layer` is empty where the whole network is meant."""

    layer: str
    quantity: str
    cnncalc: int | str | tuple[int, ...] | dict[str, tuple[int, ...]]
    other: int | str | tuple[int, ...] | dict[str, tuple[int, ...]] | None
    source: str


class NotSaidRecord(Struct):
    """A number that an op does not say, and that was not compared."""

    layer: str
    quantity: str
    other: int
    source: str


class GapRecord(Struct):
    """Operations other than MACs in all layers of a kind, by cnncalc and by each counter."""

    kind: str
    operations: int
    counted: dict[str, int]


class ReportRecord(Struct):
    """What came of verifying one network in one way; `at_least` names the totals part of which is unknown, `unseen` the
    layers of which fvcore does not see every product, `notes` says what was not compared, and why."""

    network: str
    conditions: str
    equal: bool
    device: str
    batch: int
    inputs: list[InputRecord]
    layers: int
    params: int
    buffers: int
    macs: int
    at_least: list[str]
    counted: dict[str, int | None]
    batch_counts: int
    published: int
    seconds: float
    differences: list[MismatchRecord]
    unknown: list[NotSaidRecord]
    unseen: list[str]
    gaps: list[GapRecord]
    notes: list[str] = []


class VerifyDocument(Struct):
    """The document of `verify`; `input_fixed` names the networks whose specs take no other input size."""

    schema: int
    equal: bool
    input_fixed: list[str]
    networks: list[ReportRecord]


def view(reports: Sequence[Report], gaps: Sequence[Gap], fixed: Sequence[str] = ()) -> View:
    """The reports of some networks.

    Args:
        reports: at least one.
        gaps: those of all reports together, from `cnncalc.pytorch.verify.summed_gaps`.
        fixed: the networks whose specs take no other input size.
    """
    parts = [_overview(reports, fixed)]
    if not all(report.equal for report in reports):
        parts.append(_mismatches(reports))
    unknown = [_not_said(report) for report in reports if report.not_said]
    if any(_differs(gap) for gap in gaps):
        parts.append(_gaps(gaps))
    return View(tuple(parts), lambda: _document(reports, fixed), unknown=unknown)


def _overview(reports: Sequence[Report], fixed: Sequence[str]) -> Table:
    """A line per network and way of expanding it."""
    counters = list(dict.fromkeys(counter for report in reports for counter in report.counted))
    rows: list[list[Cell]] = []
    for report in reports:
        cells: list[Cell] = [report.network, report.way, report.layers, report.params, report.buffers, report.macs]
        counted = [report.counted.get(counter) for counter in counters]
        rows.append([*cells, *counted, report.published, _result(report)])
    columns = [
        Column("Network", "network"),
        Column("Conditions", "conditions"),
        Column("Layers", "layers", format=",d"),
        Column("Parameters", "params"),
        Column("Buffers", "buffers", optional=True),
        Column("MACs", "macs"),
        *(Column(_short(counter), optional=True) for counter in counters),
        Column("Published", "published", optional=True),
        Column("Result", "result"),
    ]
    return Table(_title(reports), columns, rows, notes=_notes(reports, fixed))


def _result(report: Report) -> str:
    """How a network's verification ended, in words."""
    words = "equal" if report.equal else f"{len(report.mismatches):,} differ"
    return f"{words}, {len(report.not_said):,} unknown" if report.not_said else words


def _short(counter: str) -> str:
    """A counter's name in a column: `flop_counter` of torch.utils.flop_counter."""
    return counter.rsplit(".", 1)[-1]


def _title(reports: Sequence[Report]) -> str:
    """What was compared, and how it ended."""
    layers = sum(report.layers for report in reports)
    different = sum(not report.equal for report in reports)
    result = f"{different:,} differ" if different else "all equal"
    names = {report.network for report in reports}
    networks = f"{len(names):,} networks" if len(names) > 1 else reports[0].network
    if len(reports) > len(names):
        networks += f" in {len(reports):,} ways"
    return f"cnncalc and PyTorch on {reports[0].device}: {networks}, {layers:,} layers, {result}"


def _notes(reports: Sequence[Report], fixed: Sequence[str]) -> list[str]:
    """What stands in the lines, and what does not."""
    compared = "Compared in every layer: the output's shape in a forward pass, parameters, buffers, and MACs by "
    if reports[0].compared:
        notes = list(dict.fromkeys(report.compared for report in reports))
    elif reports[0].device == "meta":
        notes = [
            f"{compared}torch.utils.flop_counter. fvcore was not run: it traces real tensors, which the meta device "
            "has not."
        ]
    else:
        notes = [f"{compared}torch.utils.flop_counter and fvcore."]
    unseen = sum(len(report.unseen) for report in reports)
    if unseen:
        notes.append(
            f"fvcore does not see every product of {unseen:,} layer{'s' * (unseen != 1)}, such as those of attention "
            "in one step and of recurrent layers: it is held to the others."
        )
    notes += [note for report in reports for note in report.notes]
    notes += [f"Not compared: {_not_said(report)}." for report in reports if report.not_said]
    if fixed:
        notes.append(f"Their specs fix the input size, so no other was tried: {', '.join(fixed)}.")
    counts = sum(report.batch_counts for report in reports)
    if counts:
        notes.append(
            f"PyTorch's BatchNorm also stores num_batches_tracked, one integer per layer: {counts:,} here, "
            "in no count of buffers."
        )
    return notes


MOST_NAMED = 5


def _not_said(report: Report) -> str:
    """What the layers of a network do not say, in words."""
    layers: dict[str, dict[str, None]] = {}
    for found in report.not_said:
        layers.setdefault(found.layer, {})[found.quantity] = None
    texts = [f"{', '.join(quantities)} of {layer}" for layer, quantities in layers.items()]
    more = f" and of {len(texts) - MOST_NAMED:,} more layers" if len(texts) > MOST_NAMED else ""
    return f"{report.network} does not say {'; '.join(texts[:MOST_NAMED])}{more}"


def _mismatches(reports: Sequence[Report]) -> Table:
    """Every mismatch, in full."""
    rows: list[list[Cell]] = [
        [
            report.network,
            report.way,
            found.layer or "(whole)",
            found.quantity,
            _text(found.cnncalc),
            _text(found.other),
            found.source,
        ]
        for report in reports
        for found in report.mismatches
    ]
    titles = ("Network", "Conditions", "Layer", "Quantity", "cnncalc", "Other", "By")
    return Table("Differences", [Column(title) for title in titles], rows)


def _text(value: Any) -> str:
    """A number, a shape, or the shapes of several outputs."""
    if isinstance(value, tuple):
        return show(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {show(shape)}" if name else show(shape) for name, shape in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)


def _differs(gap: Gap) -> bool:
    """Whether a counter has not what cnncalc has."""
    return any(number != gap.operations for number in gap.counted.values())


def _gaps(gaps: Sequence[Gap]) -> Table:
    """What the counters leave out beside MACs, by kind of layer."""
    counters = list(dict.fromkeys(counter for gap in gaps for counter in gap.counted))
    rows: list[list[Cell]] = [
        [gap.kind, gap.operations, *(gap.counted.get(counter) for counter in counters)]
        for gap in sorted(gaps, key=lambda gap: -gap.operations)
        if _differs(gap)
    ]
    columns = [Column("Kind"), Column("cnncalc"), *(Column(_short(counter)) for counter in counters)]
    notes = [
        "These operations are in cnncalc's FLOPs. flop_counter counts MACs only (as 2 FLOPs each); fvcore has rules "
        "of its own for normalisation, adaptive pooling and upsampling."
    ]
    return Table("Known gaps of the counters: operations other than MACs", columns, rows, notes=notes)


def _document(reports: Sequence[Report], fixed: Sequence[str]) -> VerifyDocument:
    """The JSON document."""
    return VerifyDocument(SCHEMA, all(report.equal for report in reports), list(fixed), [*map(_record, reports)])


def _record(report: Report) -> ReportRecord:
    """The record of a report."""
    totals = {name: getattr(report, name) for name in ("params", "buffers", "macs")}
    return ReportRecord(
        network=report.network,
        conditions=report.way,
        equal=report.equal,
        device=report.device,
        batch=report.batch,
        inputs=[InputRecord(name, shape) for name, shape in report.inputs.items()],
        layers=report.layers,
        **{name: int(value) for name, value in totals.items()},
        at_least=[name for name, value in totals.items() if isinstance(value, AtLeast)],
        counted=report.counted,
        batch_counts=report.batch_counts,
        published=report.published,
        seconds=report.seconds,
        differences=[_like(found, MismatchRecord) for found in report.mismatches],
        unknown=[_like(found, NotSaidRecord) for found in report.not_said],
        unseen=report.unseen,
        gaps=[_like(found, GapRecord) for found in report.gaps],
        notes=report.notes,
    )


def _like(found: Any, record: Any) -> Any:
    """A record of the same fields; what is known in part as a plain number."""
    values = {field.name: getattr(found, field.name) for field in fields(found)}
    return record(**{name: int(value) if isinstance(value, AtLeast) else value for name, value in values.items()})
