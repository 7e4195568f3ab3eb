"""`cnncalc compare`: networks side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cnncalc.cli.options import Conditions, Grouping, Output, command, complete_network, load_spec
from cnncalc.cli.profile import Device, DType

if TYPE_CHECKING:
    from cnncalc.costs.analysis import Analysis
    from cnncalc.costs.compare import Pair
    from cnncalc.render import Cell, Table

Networks = Annotated[
    list[str],
    typer.Argument(
        metavar="NETWORK...",
        help="Networks of the zoo, or paths of YAML files; the first is what the others are compared with.",
        autocompletion=complete_network,
        show_default=False,
    ),
]
Measured = Annotated[
    bool, typer.Option("--profile", help="Also measure the latency of each, in PyTorch.", show_default=False)
]


@command
def compare(
    networks: Networks,
    conditions: Conditions,
    grouping: Grouping,
    output: Output,
    profile: Measured = False,
    device: Device = "cpu",
    dtype: DType = "float32",
) -> None:
    """Networks side by side; two networks also group by group.

    Example: cnncalc compare vgg16 nin
    """
    from cnncalc.costs.compare import document, pairs
    from cnncalc.errors import RequestError
    from cnncalc.render import beside

    if networks.count("-") > 1:
        raise RequestError("standard input can be read once", hint="save the specs to files, and name these")
    if not profile and (device, dtype) != ("cpu", "float32"):
        raise RequestError("--device and --dtype are about measuring", hint="add --profile")
    analyses = [conditions.analyse(load_spec(name)) for name in networks]
    whole, groups = [_totals(analyses, conditions), _further(analyses)], []
    asked = grouping.all_layers or grouping.depth is not None
    if len(analyses) == 2:
        depth = 1_000_000 if grouping.all_layers else grouping.depth or 1
        matched = pairs(analyses[0], analyses[1], depth)
        if any(pair.counts and pair.first and pair.second for pair in matched):
            groups = [_groups(analyses, matched, whole=asked)]
    results = []
    if profile:
        from cnncalc.cli import measured

        results = measured.measure(analyses, device, dtype, conditions.training)
        whole.append(measured.table(results))
    if output.form == "csv":
        output.write(groups[0] if groups and asked else beside(whole))
    else:
        output.write(
            *whole[:2],
            *groups,
            *whole[2:],
            document=lambda: measured.add_to(document(analyses), results) if results else document(analyses),
        )


def _totals(analyses: list[Analysis], conditions: Conditions) -> Table:
    """The totals, a network a row, with their ratios to the first network's."""
    from cnncalc.cli import view
    from cnncalc.costs.analysis import total_costs
    from cnncalc.costs.compare import ratio
    from cnncalc.render import Column, Table

    totals = [total_costs(analysis.layers) for analysis in analyses]
    rows: list[list[Cell]] = []
    for analysis, total in zip(analyses, totals, strict=True):
        row: list[Cell] = [analysis.network.name]
        for quantity in ("params", "macs", "flops", "activations"):
            value = getattr(total, quantity)
            row += [value, ratio(value, getattr(totals[0], quantity))]
        rows.append([*row, analysis.network.input])
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
    changed = "".join(f", {text}" for text in view.changes(conditions))
    sizes = {analysis.network.input for analysis in analyses}
    same = f", input {view.shape_text(analyses[0].network.input)}" if len(sizes) == 1 else ", each at its own input"
    first = analyses[0].network.name
    notes = [
        f"Ratio: to {first}. MACs: multiply-accumulates, which many papers call FLOPs; "
        "FLOPs = 2 x MACs + all other operations."
    ]
    return Table(f"Compared with {first}{same}{changed}", columns, rows, notes=notes)


def _further(analyses: list[Analysis]) -> Table:
    """Memory, traffic and receptive field, a network a row."""
    from cnncalc.costs.compare import further
    from cnncalc.render import Column, Table

    rows: list[list[Cell]] = []
    for analysis in analyses:
        costs = further(analysis)
        cells: list[Cell] = [analysis.network.name, costs.peak_bytes, costs.kept_bytes, costs.traffic_bytes]
        rows.append([*cells, costs.intensity, tuple(costs.receptive_field)])
    columns = [
        Column("Network"),
        Column("Peak bytes"),
        Column("Kept bytes"),
        Column("Traffic bytes"),
        Column("FLOPs/byte", "intensity", format=",.2f"),
        Column("Field"),
    ]
    notes = [
        "Peak: of inference, with parameters. Kept: by autograd in training. Traffic: what all layers read and write. "
        "Field: the largest receptive field of a layer that does not see the whole image."
    ]
    return Table("Memory and receptive field", columns, rows, None, notes)


def _groups(analyses: list[Analysis], matched: list[Pair], whole: bool) -> Table:
    """Two networks, a group of layers a row."""
    from cnncalc.cli.view import MOST_ROWS
    from cnncalc.costs.analysis import total_costs
    from cnncalc.costs.compare import Pair, ratio
    from cnncalc.render import Column, Table

    def row(pair: Pair) -> list[Cell]:
        cells: list[Cell] = [pair.name]
        for quantity in ("params", "macs"):
            a, b = (getattr(costs, quantity) if costs else None for costs in (pair.first, pair.second))
            cells += [a, b, ratio(b, a) if a is not None and b is not None else None]
        return cells

    first, second = (analysis.network.name for analysis in analyses)
    counting = [pair for pair in matched if pair.counts]
    shown = counting if whole else counting[:MOST_ROWS]
    notes = ["Rows without parameters and MACs are left out."] if len(counting) < len(matched) else []
    if not whole:
        notes.append("Layers are grouped by the first part of their names; --depth 2 and --all show more.")
    if len(shown) < len(counting):
        notes.append(f"{len(counting) - len(shown):,} of {len(counting):,} rows are not shown; --all shows each.")
    total = Pair("Total", *(total_costs(analysis.layers) for analysis in analyses))
    return Table(
        f"Group by group: A is {first}, B is {second}",
        [
            Column("Layer"),
            Column("Params A", "params_a"),
            Column("Params B", "params_b"),
            Column("B / A", "params_ratio", format=",.3f"),
            Column("MACs A", "macs_a"),
            Column("MACs B", "macs_b"),
            Column("B / A", "macs_ratio", format=",.3f", optional=True),
        ],
        [row(pair) for pair in shown],
        row(total),
        notes,
    )
