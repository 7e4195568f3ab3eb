"""`cnncalc shapes`: what each layer is and the shape it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.cli.options import Grouping, Output, Request, command

if TYPE_CHECKING:
    from cnncalc.costs.analysis import Analysis
    from cnncalc.language.expand import Network
    from cnncalc.render import Table


def _outputs(network: Network) -> list[str]:
    """The outputs of a network that has several: a note."""
    from cnncalc.cli import view

    if len(network.outputs) < 2:
        return []
    found = [
        f"{name} {view.shape_text(network.shape(tensor))}"
        + (f" ({network.layers[tensor].name})" if tensor >= 0 else "")
        for name, tensor in network.outputs.items()
    ]
    return [f"Outputs of the network: {', '.join(found)}."]


@command
def shapes(request: Request, grouping: Grouping, output: Output) -> None:
    """Output shapes and activations, of each layer.

    Example: cnncalc shapes resnet50 --input 320x240 --depth 2
    """
    from cnncalc.document import document

    analysis = request.analysis()
    output.write(shape_table(request, analysis, grouping, output), document=lambda: document(analysis))


def shape_table(request: Request, analysis: Analysis, grouping: Grouping, output: Output) -> Table:
    """The table of layers with their options and shapes."""
    from cnncalc.cli import view
    from cnncalc.costs.analysis import Group
    from cnncalc.render import Cell, Column, Table

    network = analysis.network
    found = view.groups(analysis, grouping, output)

    def row(group: Group) -> list[Cell]:
        layer = network.layers[group.layers[0]]
        single = len(group.layers) == 1
        inputs = list(dict.fromkeys(map(view.shape_text, network.input_shapes(layer))))
        return [
            group.name,
            view.describe(layer.kind) if single else view.kind_text(network, group),
            view.output_shape(network, group),
            group.costs.activations,
            ", ".join(inputs),
        ]

    total = sum(costs.activations for costs in analysis.layers)
    return Table(
        view.heading(request, network),
        [
            Column("Layer"),
            Column("Kind"),
            Column("Output"),
            Column("Activations"),
            Column("Input", optional=True),
        ],
        view.rows(found, grouping, output, row),
        ["Total", None, None, total, None],
        view.notes(
            analysis,
            found,
            grouping,
            output,
            "Shapes are channels first, without the batch. Activations: elements of the outputs.",
            *_outputs(network),
        ),
    )
