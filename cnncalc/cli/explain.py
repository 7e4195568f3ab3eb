"""`cnncalc explain`: the arithmetic behind the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnncalc.cli.options import Grouping, Output, Request, command

if TYPE_CHECKING:
    from cnncalc.costs.analysis import Analysis
    from cnncalc.explain import Line
    from cnncalc.language.expand import Network
    from cnncalc.render import Cell, Table


def complete_layer(ctx: typer.Context, incomplete: str) -> list[str]:
    """The layers of the network named before that begin like this, for the shell."""
    from cnncalc import expand, load
    from cnncalc.errors import CnncalcError

    try:
        layers = expand(load(ctx.params["network_name"])).layers
    except (CnncalcError, KeyError):
        return []
    return [layer.name for layer in layers if layer.name.startswith(incomplete)]


LayerName = Annotated[
    str | None,
    typer.Argument(
        metavar="[LAYER]",
        help="A layer, or a group of layers by the beginning of their names; else the network.",
        autocompletion=complete_layer,
        show_default=False,
    ),
]


@command
def explain(request: Request, grouping: Grouping, output: Output, layer: LayerName = None) -> None:
    """The arithmetic behind a layer, every layer, or the totals.

    Example: cnncalc explain alexnet conv1
    """
    from cnncalc.costs.analysis import analyse
    from cnncalc.explain import explanations, find
    from cnncalc.explain_further import explain_further

    analysis = request.analysis()
    network = analysis.network
    if layer is None and not grouping.all_layers and not output.is_data:
        output.write(*_totals(request, analyse(network), grouping, output))
        return
    indices = list(range(len(network.layers))) if layer is None else find(network, layer)
    further = explain_further(network, indices)
    if output.is_data:
        lines = [line for index in indices for line in (*explanations(network, [index]), *further[index])]
        output.write(_flat(lines), document=lambda: _document(analysis, lines))
        return
    output.write(
        *(_layer(network, index, further[index], output.form == "table") for index in indices), *_batch(request)
    )


def _layer(network: Network, index: int, further: list[Line], stacked: bool) -> Table:
    """One layer's arithmetic."""
    from cnncalc.cli import view
    from cnncalc.explain import explain_layer
    from cnncalc.render import Column, Table

    layer = network.layers[index]
    inputs = ", ".join(map(view.shape_text, network.input_shapes(layer)))
    title = f"{layer.name}: {view.describe(layer.kind)}; {inputs} -> {view.shape_text(layer.output)}"
    lines = [*explain_layer(network, index), *further]
    if stacked:  # the formula above its numbers: both fit a narrow terminal
        columns = [Column("Quantity"), Column("Formula, and with numbers"), Column("Meaning", optional=True)]
        rows: list[list[Cell]] = [
            [line.quantity, f"{line.formula}\n{line.text}" if line.formula else line.text, line.meaning]
            for line in lines
        ]
    else:
        columns = [Column(title) for title in ("Quantity", "Formula", "Calculation", "Meaning")]
        rows = [[line.quantity, line.formula, line.text, line.meaning] for line in lines]
    return Table(title, columns, rows)


def _totals(request: Request, analysis: Analysis, grouping: Grouping, output: Output) -> list[Any]:
    """The network's totals for one image: a table each for parameters, MACs and FLOPs."""
    from cnncalc.cli import view
    from cnncalc.costs.analysis import total_costs
    from cnncalc.explain import QUANTITIES, explain_total, flops_line, grouped
    from cnncalc.render import Column, Table

    network = analysis.network
    groups = view.groups(analysis, grouping, output)
    parts: list[Any] = [view.heading(request, network)]
    for quantity in ("params", "mac"):
        lines = explain_total(analysis, groups, quantity)
        columns = [Column("Layer"), Column("Calculation"), Column(QUANTITIES[quantity])]
        total = sum(line.value for line in lines)
        parts.append(
            Table(
                "",
                columns,
                [[line.layer, grouped(line.calculation), line.value] for line in lines],
                ["Total", None, total],
            )
        )
    operations = dict(total_costs(analysis.layers).operations)
    rows: list[list[Cell]] = [
        [f"2 x {QUANTITIES[key]}" if key == "mac" else QUANTITIES[key], value * (2 if key == "mac" else 1)]
        for key, value in operations.items()
    ]
    flops = flops_line("", operations).value
    name = groups[0].name if groups else "LAYER"
    notes = [f"`cnncalc explain {request.network_name} {name}` shows every number of a layer, or of a group of layers."]
    parts.append(Table("", [Column("Operations"), Column("FLOPs")], rows, ["Total", flops], notes))
    return [*parts, *_batch(request)]


def _batch(request: Request) -> list[str]:
    if request.batch == 1:
        return []
    return [f"For one image. The batch of {request.batch:,} multiplies operations and activations."]


def _flat(lines: list[Line]) -> Table:
    """All lines in one table, for programs."""
    from cnncalc.render import Column, Table

    columns = [Column(title) for title in ("Layer", "Quantity", "Formula", "Calculation", "Value", "Meaning")]
    rows: list[list[Cell]] = [
        [line.layer, line.quantity, line.formula, line.calculation, line.value, line.meaning] for line in lines
    ]
    return Table("", columns, rows)


def _document(analysis: Analysis, lines: list[Line]) -> dict[str, Any]:
    """The network's document, with the explanations added."""
    from dataclasses import asdict

    from cnncalc.document import document

    return {**document(analysis), "explanations": [asdict(line) for line in lines]}
