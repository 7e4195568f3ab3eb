"""What each layer is, and the shape that it gives; and every layer with what it reads."""

from __future__ import annotations

from cnncalc.costs.analysis import Costs, Row
from cnncalc.graph import Graph
from cnncalc.ops.base import show
from cnncalc.render.table import Cell, Column, Table
from cnncalc.views import Detail, View
from cnncalc.views.common import Listing, heading, plain_document
from cnncalc.views.rows import AnyRow, describe, kind_text


def view(costs: Costs, detail: Detail) -> View:
    """The layers with their options and shapes."""
    listing = Listing(costs, detail)

    def row(found: AnyRow) -> list[Cell]:
        first = found.nodes[0]
        inputs = list(dict.fromkeys(map(show, first.input_shapes)))
        what = describe(first.op) if isinstance(found, Row) or len(found.nodes) == 1 else kind_text(found)
        return [found.name, what, found.output, found.activations, ", ".join(inputs)]

    table = listing.table(
        [Column("Layer"), Column("Kind"), Column("Output"), Column("Activations"), Column("Input", optional=True)],
        row,
        ["Total", None, None, costs.activations, None],
        listing.notes(
            "Shapes are channels first, without the batch. Activations: elements of the outputs.",
            *_outputs(costs.graph),
        ),
    )
    return View((table,), plain_document(costs))


def _outputs(graph: Graph) -> list[str]:
    """The outputs of a network that has several: a note."""
    if len(graph.outputs) < 2:
        return []
    found = [
        f"{name} {show(node.output)}" + ("" if node.is_input else f" ({node.name})")
        for name, node in graph.outputs.items()
    ]
    return [f"Outputs of the network: {', '.join(found)}."]


def expanded(costs: Costs, detail: Detail) -> View:
    """Every layer with what it reads, its options and its output shape."""
    table = Table(
        heading(costs, detail),
        [Column("Layer"), Column("Kind"), Column("Inputs"), Column("Output")],
        [
            [row.name, describe(row.op), ", ".join(source.name for source in row.node.inputs), row.output]
            for row in costs.layers
        ],
        notes=[f"{len(costs.layers):,} layers. Shapes are channels first, without the batch."],
    )
    return View((table,), plain_document(costs))
