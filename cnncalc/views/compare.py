"""Networks side by side: totals, memory and receptive field, and two networks group by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import UNSET, Struct, UnsetType

from cnncalc.costs.amount import AtLeast
from cnncalc.costs.analysis import Costs, Counts
from cnncalc.costs.compare import Comparison, Pair, intensity, largest_field, ratio
from cnncalc.costs.receptive_field import UnknownField
from cnncalc.graph import Graph
from cnncalc.render.choice import unknown_column
from cnncalc.render.json import SCHEMA
from cnncalc.render.table import UNKNOWN, Cell, Column, Table, beside, number
from cnncalc.views import Detail, View, measured
from cnncalc.views.common import EVERY_SCOPE, MOST_ROWS, changes, inputs_text, unknown_notes, unknown_reasons
from cnncalc.views.measurements import LatencyRecord
from cnncalc.views.records import InputRecord
from cnncalc.zoo.catalogue import Accuracy

if TYPE_CHECKING:
    from cnncalc.pytorch.profile import Profile


class ComparedRecord(Struct):
    """A network of a comparison, with its totals."""

    name: str
    title: str
    input: tuple[int, ...]
    inputs: list[InputRecord]
    batch: int
    training: bool
    layers: int
    params: int
    buffers: int
    macs: int
    flops: int
    activations: int
    param_bytes: int
    peak_memory_bytes: int
    saved_bytes: int
    traffic_bytes: int
    intensity: float
    receptive_field: tuple[int, ...] | None
    at_least: list[str]
    unknown: dict[str, str] | UnsetType = UNSET
    profile: LatencyRecord | UnsetType = UNSET


class ComparisonDocument(Struct):
    """The document of a comparison."""

    schema: int
    networks: list[ComparedRecord]


def view(
    comparison: Comparison,
    detail: Detail,
    profiles: Sequence[Profile] = (),
    published: Mapping[Graph, Accuracy] | None = None,
) -> View:
    """The totals with their ratios to the first network's, and two networks also group by group.

    Args:
        profiles: the measured latency of each network, if any.
        published: the published accuracy of networks, which a table of chosen columns can show.

    Raises:
        RequestError: there is no column of a name that the request gives.
    """
    networks = comparison.networks
    if detail.columns:
        whole = [_chosen(networks, detail, published or {})]
    else:
        whole = [_totals(networks, detail), _beyond(networks)]
    asked = detail.all or detail.depth is not None
    groups: list[Table] = []
    if len(networks) == 2 and not detail.columns:
        matched = comparison.groups(EVERY_SCOPE if detail.all else detail.depth or 1)
        if any(pair.counting and pair.first and pair.second for pair in matched):
            groups = [_groups(comparison, matched, asked)]
    times = [measured.table(profiles)] if profiles else []
    timed = {profile.costs.graph: profile for profile in profiles}
    flat = groups[0] if groups and asked else beside([*whole, *times])
    return View(
        (*whole, *groups, *times),
        lambda: ComparisonDocument(SCHEMA, [record(costs, timed.get(costs.graph)) for costs in networks]),
        csv=flat,
        unknown=[reason for costs in networks for reason in unknown_reasons(costs)],
    )


def record(costs: Costs, profile: Profile | None = None) -> ComparedRecord:
    """The record of a network in a comparison."""
    totals = {
        "params": costs.params,
        "buffers": costs.buffers,
        "macs": costs.macs,
        "flops": costs.flops,
        "activations": costs.activations,
        "param_bytes": costs.param_bytes,
        "peak_memory_bytes": costs.memory.peak,
        "saved_bytes": costs.memory.saved,
        "traffic_bytes": costs.memory.traffic,
    }
    graph, field = costs.graph, largest_field(costs)
    return ComparedRecord(
        name=graph.name,
        title=graph.title,
        input=graph.input,
        inputs=[InputRecord(node.name, node.output) for node in graph.inputs],
        batch=costs.batch,
        training=graph.training,
        layers=len(costs.layers),
        intensity=intensity(costs),
        receptive_field=None if isinstance(field, UnknownField) else field,
        at_least=[name for name, value in totals.items() if isinstance(value, AtLeast)],
        unknown={"receptive_field": field.reason} if isinstance(field, UnknownField) else UNSET,
        profile=measured.record(profile) if profile else UNSET,
        **{name: int(value) for name, value in totals.items()},
    )


def _totals(networks: Sequence[Costs], detail: Detail) -> Table:
    """The totals, a network a row, with their ratios to the first network's."""
    first = networks[0]
    rows: list[list[Cell]] = []
    for costs in networks:
        row: list[Cell] = [costs.graph.name]
        for quantity in ("params", "macs", "flops", "activations"):
            value = getattr(costs, quantity)
            row += [value, ratio(value, getattr(first, quantity))]
        rows.append([*row, costs.graph.input if len(costs.graph.inputs) == 1 else inputs_text(costs.graph)])
    columns = [Column("Network", "network")]
    for title, key, optional in (
        ("Parameters", "params", False),
        ("MACs", "macs", False),
        ("FLOPs", "flops", True),
        ("Activations", "activations", True),
    ):
        columns += [
            Column(title, key, optional=optional),
            Column("Ratio", f"{key}_ratio", format=",.3f", optional=optional),
        ]
    columns.append(Column("Input", "input", optional=True))
    changed = "".join(f", {text}" for text in changes(first, detail))
    sizes = {inputs_text(costs.graph) for costs in networks}
    same = f", {inputs_text(first.graph)}" if len(sizes) == 1 else ", each at its own input"
    notes = [
        f"Ratio: to {first.graph.name}. MACs: multiply-accumulates, which many papers call FLOPs; "
        "FLOPs = 2 x MACs + all other operations."
    ]
    return Table(f"Compared with {first.graph.name}{same}{changed}", columns, rows, notes=notes)


_COLUMNS = (
    Column("Network", "name"),
    Column("Network", "title"),
    Column("Input"),
    Column("Batch", format=",d"),
    Column("Layers", format=",d"),
    Column("Parameters", "params"),
    Column("Buffers"),
    Column("MACs"),
    Column("FLOPs"),
    Column("Activations"),
    Column("Ratio", "params_ratio", ",.3f"),
    Column("Ratio", "macs_ratio", ",.3f"),
    Column("Ratio", "flops_ratio", ",.3f"),
    Column("Ratio", "activations_ratio", ",.3f"),
    Column("Parameter bytes", "param_bytes"),
    Column("Peak bytes", "peak"),
    Column("Saved bytes", "saved"),
    Column("Traffic bytes", "traffic"),
    Column("FLOPs/byte", "intensity", ",.2f"),
    Column("Field"),
    Column("Top-1", "top1", ".2f"),
    Column("Top-5", "top5", ".2f"),
    Column("Accuracy from", "accuracy_source"),
)
COLUMNS = {column.name: column for column in _COLUMNS}
"""The columns that a table of networks can show."""


def _chosen(networks: Sequence[Costs], detail: Detail, published: Mapping[Graph, Accuracy]) -> Table:
    """A table of networks with the columns asked for.

    Raises:
        RequestError: there is no such column.
    """
    for name in detail.columns:
        if name not in COLUMNS:
            raise unknown_column(name, list(COLUMNS))
    none = Accuracy()
    first = networks[0]
    rows = [
        [_network_cell(name, costs, first, published.get(costs.graph, none)) for name in detail.columns]
        for costs in networks
    ]
    columns = [_ratio_titled(COLUMNS[name]) for name in detail.columns]
    notes = []
    if any(name.endswith("_ratio") for name in detail.columns):
        notes.append(f"Ratio: to {first.graph.title or first.graph.name}.")
    if "macs" in detail.columns:
        notes.append("MACs: multiply-accumulates, which many papers call FLOPs.")
    if {"top1", "top5"} & set(detail.columns) and "accuracy_source" not in detail.columns:
        notes += _accuracy_notes(networks, published)
    notes += [note for costs in networks for note in unknown_notes(costs)]
    changed = ", ".join(changes(first, detail))
    count = "1 network" if len(networks) == 1 else f"{len(networks)} networks"
    return Table(f"{count}, {changed}" if changed else count, columns, rows, notes=notes)


def _ratio_titled(column: Column) -> Column:
    """A ratio's column with what it is the ratio of."""
    quantity, ratio_of, rest = column.name.rpartition("_ratio")
    if not ratio_of or rest:
        return column
    return replace(column, title=f"{COLUMNS[quantity].title} ratio", key=column.name)


def _network_cell(name: str, costs: Costs, first: Costs, found: Accuracy) -> Cell:
    """A network's cell in a column."""
    graph, memory = costs.graph, costs.memory
    if name.endswith("_ratio"):
        quantity = name.removesuffix("_ratio")
        return ratio(getattr(costs, quantity), getattr(first, quantity))
    if name in ("params", "buffers", "macs", "flops", "activations", "batch", "param_bytes"):
        return number(getattr(costs, name))
    if name == "field":
        return _field(costs)
    cells: dict[str, Cell] = {
        "name": graph.name,
        "title": graph.title or graph.name,
        "input": graph.input,
        "layers": len(costs.layers),
        "peak": memory.peak,
        "saved": memory.saved,
        "traffic": memory.traffic,
        "intensity": intensity(costs),
        "top1": found.top1,
        "top5": found.top5,
        "accuracy_source": found.source,
    }
    return cells[name]


def _accuracy_notes(networks: Sequence[Costs], published: Mapping[Graph, Accuracy]) -> list[str]:
    """Who published the accuracies: a note for each source, with its networks."""
    sources: dict[str, list[str]] = {}
    for costs in networks:
        found = published.get(costs.graph)
        if found and found.source:
            sources.setdefault(found.source, []).append(costs.graph.title or costs.graph.name)
    return [f"Accuracy of {', '.join(titles)}: {source.strip().rstrip('.')}." for source, titles in sources.items()]


def _field(costs: Costs) -> Cell:
    """The largest receptive field of a network."""
    field = largest_field(costs)
    if isinstance(field, UnknownField):
        return UNKNOWN
    return "all" if field is None else field


def _beyond(networks: Sequence[Costs]) -> Table:
    """Memory, traffic and receptive field, a network a row."""
    rows: list[list[Cell]] = [
        [
            costs.graph.name,
            costs.memory.peak,
            costs.memory.saved,
            costs.memory.traffic,
            intensity(costs),
            _field(costs),
        ]
        for costs in networks
    ]
    columns = [
        Column("Network"),
        Column("Peak bytes"),
        Column("Saved bytes"),
        Column("Traffic bytes"),
        Column("FLOPs/byte", "intensity", format=",.2f"),
        Column("Field"),
    ]
    notes = [
        "Peak: of inference, with parameters. Saved: by autograd in training. Traffic: what all layers read and write. "
        "Field: the largest receptive field of a layer that does not see the whole image; all, where the last maps do."
    ]
    return Table("Memory and receptive field", columns, rows, None, notes)


def _groups(comparison: Comparison, matched: list[Pair], whole: bool) -> Table:
    """Two networks, a group of layers a row."""
    first, second = (costs.graph.name for costs in comparison.networks)
    counting = [pair for pair in matched if pair.counting]
    shown = counting if whole else counting[:MOST_ROWS]
    notes = ["Rows without parameters and MACs are left out."] if len(counting) < len(matched) else []
    if not whole:
        notes.append("Layers are grouped by the first part of their names; --depth 2 and --all show more.")
    if len(shown) < len(counting):
        notes.append(f"{len(counting) - len(shown):,} of {len(counting):,} rows are not shown; --all shows each.")
    columns = [
        Column("Layer"),
        Column("Params A", "params_a"),
        Column("Params B", "params_b"),
        Column("B / A", "params_ratio", format=",.3f"),
        Column("MACs A", "macs_a"),
        Column("MACs B", "macs_b"),
        Column("B / A", "macs_ratio", format=",.3f", optional=True),
    ]
    title = f"Group by group: A is {first}, B is {second}"
    return Table(title, columns, [_pair_row(pair) for pair in shown], _pair_row(comparison.whole), notes)


def _pair_row(pair: Pair) -> list[Cell]:
    """A group in two networks; nothing where a network has no such group."""
    cells: list[Cell] = [pair.name]
    for quantity in ("params", "macs"):
        a, b = (getattr(counts, quantity) if counts else None for counts in (pair.first, pair.second))
        cells += [_amount(pair.first, a), _amount(pair.second, b), ratio(b, a)]
    return cells


def _amount(counts: Counts | None, amount: int | None) -> Cell:
    return None if counts is None else number(amount)
