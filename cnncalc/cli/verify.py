"""`cnncalc verify`: the calculator against PyTorch, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnncalc.cli.options import Conditions, Output, command, complete_network, load_spec, variables

if TYPE_CHECKING:
    from cnncalc.pytorch.verify import Report
    from cnncalc.render import Cell, Part, Table

Networks = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NETWORK]...",
        help="Networks of the zoo, or paths of YAML files.",
        autocompletion=complete_network,
        show_default=False,
    ),
]
AllNetworks = Annotated[
    bool,
    typer.Option(
        "--all",
        "-a",
        help="Each network also in training, under the conditions of its published values, and for another input "
        "size; without names, the whole zoo.",
        show_default=False,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device", metavar="DEVICE", help="cpu, cuda, or meta: shapes and PyTorch's own counter without computing."
    ),
]


@command
def verify(
    conditions: Conditions,
    output: Output,
    networks: Networks = None,
    all_networks: AllNetworks = False,
    device: Device = "cpu",
) -> None:
    """Hold every layer against PyTorch, and published values.

    Compared are shapes, parameters, buffers and MACs. The exit status is 1 if anything differs.

    Example: cnncalc verify googlenet --training
    """
    from cnncalc.errors import RequestError

    if not networks and not all_networks:
        raise RequestError("which network?", hint="name one or more, or give --all")
    from cnncalc.pytorch.device import check_device
    from cnncalc.pytorch.verify import verify_specs

    check_device(device)
    work = (_all_work if all_networks else _named_work)(networks or [], conditions)
    total = sum(len(ways) for _, ways in work)
    reports = list(_with_progress(verify_specs(work, device, conditions.batch), total))
    fixed = [spec.name for spec, ways in work if all_networks and not any(way.input for way in ways)]
    output.write(*_parts(reports, fixed), document=lambda: _document(reports, fixed))
    if not all(report.equal for report in reports):
        raise typer.Exit(1)


def _all_work(networks: Sequence[str], conditions: Conditions) -> list[Any]:
    """The named specs, or every spec of the zoo, with all their conditions."""
    from cnncalc.errors import RequestError
    from cnncalc.pytorch.verify import all_conditions
    from cnncalc.zoo import index as zoo

    if conditions.input_size or conditions.setting or conditions.classes or conditions.training:
        raise RequestError(
            "--all has conditions of its own", hint="leave it out to verify for an --input, --set or --training"
        )
    return [(spec, all_conditions(spec)) for spec in map(load_spec, networks or zoo.names())]


def _named_work(networks: Sequence[str], conditions: Conditions) -> list[Any]:
    """The named specs, each under the conditions of the request."""
    from cnncalc.cli import view
    from cnncalc.pytorch.verify import Conditions as Ways

    work = []
    for name in networks:
        spec = load_spec(name)
        network = conditions.expand(spec)
        changed = [f"input {view.shape_text(network.input)}"] if conditions.input_size else []
        changed += [text for text in view.changes(conditions) if not text.startswith("batch ")]
        own = network.input if conditions.input_size else None
        vars = variables(conditions.setting, conditions.classes)
        work.append((spec, [Ways(", ".join(changed), own, vars, conditions.training)]))
    return work


def _with_progress(reports: Iterator[Report], total: int) -> Iterator[Report]:
    """The reports, with a bar on standard error while they are made, where there are several."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if total < 2 or not console.is_terminal:
        yield from reports
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("verifying", total=total)
        for report in reports:
            progress.update(task, advance=1, description=report.network)
            yield report


def _parts(reports: Sequence[Report], fixed: Sequence[str]) -> list[Part]:
    """A line a network; then the differences in full; then what the counters leave out."""
    parts: list[Part] = [_overview(reports, fixed)]
    if not all(report.equal for report in reports):
        parts.append(_differences(reports))
    gaps = _gaps(reports)
    if gaps.rows:
        parts.append(gaps)
    return parts


def _overview(reports: Sequence[Report], fixed: Sequence[str]) -> Table:
    """A line a network and way of expanding it."""
    from cnncalc.pytorch.verify import FLOP_COUNTER, FVCORE
    from cnncalc.render import Column, Table

    rows: list[list[Cell]] = [
        [
            report.network,
            report.conditions,
            report.layers,
            report.params,
            report.buffers,
            report.macs,
            report.counted.get(FLOP_COUNTER),
            report.counted.get(FVCORE),
            report.published,
            "equal" if report.equal else f"{len(report.differences):,} differ",
        ]
        for report in reports
    ]
    columns = [
        Column("Network", "network"),
        Column("Conditions", "conditions"),
        Column("Layers", "layers"),
        Column("Parameters", "params"),
        Column("Buffers", "buffers", optional=True),
        Column("MACs", "macs"),
        Column("flop_counter", "flop_counter", optional=True),
        Column("fvcore", "fvcore", optional=True),
        Column("Published", "published", optional=True),
        Column("Result", "result"),
    ]
    return Table(_title(reports), columns, rows, notes=_notes(reports, fixed))


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
    if reports[0].device == "meta":
        notes = [
            f"{compared}torch.utils.flop_counter. fvcore was not run: it traces real tensors, which the meta device "
            "has not."
        ]
    else:
        notes = [f"{compared}torch.utils.flop_counter and fvcore."]
    if fixed:
        notes.append(f"Their specs fix the input size, so no other was tried: {', '.join(fixed)}.")
    counts = sum(report.batch_counts for report in reports)
    if counts:
        notes.append(
            f"PyTorch's BatchNorm also stores num_batches_tracked, one integer a layer: {counts:,} here, "
            "in no count of buffers."
        )
    return notes


def _differences(reports: Sequence[Report]) -> Table:
    """Every difference, in full."""
    from cnncalc.render import Column, Table

    rows: list[list[Cell]] = [
        [
            report.network,
            report.conditions,
            found.layer or "(whole)",
            found.quantity,
            _text(found.cnncalc),
            _text(found.other),
            found.source,
        ]
        for report in reports
        for found in report.differences
    ]
    titles = ("Network", "Conditions", "Layer", "Quantity", "cnncalc", "Other", "By")
    return Table("Differences", [Column(title) for title in titles], rows)


def _text(value: Any) -> str:
    """A number or shape of a difference."""
    from cnncalc.cli.view import shape_text

    if isinstance(value, tuple):
        return shape_text(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _gaps(reports: Sequence[Report]) -> Table:
    """What the counters leave out beside MACs, by kind of layer."""
    from cnncalc.pytorch.verify import FLOP_COUNTER, FVCORE, summed_gaps
    from cnncalc.render import Column, Table

    kinds: dict[str, dict[str, Any]] = {}
    for gap in summed_gaps(reports):
        kinds.setdefault(gap.kind, {})[gap.counter] = gap
    rows: list[list[Cell]] = []
    for kind, gaps in sorted(kinds.items(), key=lambda entry: -entry[1][FLOP_COUNTER].operations):
        if any(gap.operations != gap.counted for gap in gaps.values()):
            counted = [gaps[counter].counted if counter in gaps else None for counter in (FLOP_COUNTER, FVCORE)]
            rows.append([kind, gaps[FLOP_COUNTER].operations, *counted])
    columns = [Column("Kind"), Column("cnncalc"), Column("flop_counter"), Column("fvcore")]
    notes = [
        "These operations are in cnncalc's FLOPs. flop_counter counts MACs only (as 2 FLOPs each); fvcore has rules "
        "of its own for normalisation, adaptive pooling and upsampling."
    ]
    if all(report.counted.get(FVCORE) is None for report in reports):
        columns, rows = columns[:3], [row[:3] for row in rows]
    return Table("Known gaps of the counters: operations other than MACs", columns, rows, notes=notes)


def _document(reports: Sequence[Report], fixed: Sequence[str]) -> dict[str, Any]:
    """The JSON document."""
    return {
        "schema": 1,
        "equal": all(report.equal for report in reports),
        "input_fixed": list(fixed),
        "networks": [report.as_json() for report in reports],
    }
