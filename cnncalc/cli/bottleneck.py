"""`cnncalc bottleneck`: the layers that hold most of the costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnncalc.cli.options import Output, Request, command

if TYPE_CHECKING:
    from cnncalc.costs.bottleneck import Bottlenecks
    from cnncalc.render import Cell, Table

Top = Annotated[int, typer.Option("--top", "-n", metavar="N", min=1, help="Layers to name for each quantity.")]


@command
def bottleneck(request: Request, output: Output, top: Top = 3) -> None:
    """The layers with most parameters, work, memory and traffic.

    Example: cnncalc bottleneck nin --batch 128
    """
    from cnncalc.cli import view
    from cnncalc.costs.bottleneck import bottlenecks

    network = request.network()
    found = bottlenecks(network, request.batch, top=top)
    heading = view.heading(request, network)
    if output.form == "csv":
        output.write(_rankings(found, heading))
        return
    answers = "\n".join(found.answers())
    output.write(_rankings(found, heading), _classes(found), answers, document=lambda: _document(found))


def _document(found: Bottlenecks) -> dict[str, Any]:
    """The network's document, with the bottlenecks added."""
    from dataclasses import asdict

    from cnncalc.document import document

    whole = document(found.analysis)
    layers = whole["layers"]
    rankings = [
        {
            "quantity": ranking.quantity,
            "total": ranking.total,
            "layers": [{"name": layers[index]["name"], "amount": amount} for index, amount in ranking.layers],
        }
        for ranking in found.rankings
    ]
    classes = [{**asdict(group), "intensity": group.intensity} for group in found.classes]
    return {**whole, "bottlenecks": rankings, "classes": classes, "answers": found.answers()}


def _rankings(found: Bottlenecks, heading: str) -> Table:
    """The layers with most of each quantity."""
    from cnncalc.render import Column, Table

    layers = found.analysis.network.layers
    rows: list[list[Cell]] = []
    for ranking in found.rankings:
        for (index, amount), share in zip(ranking.layers, ranking.shares, strict=True):
            layer = layers[index]
            rows.append([ranking.quantity, layer.name, layer.kind.name, layer.output, amount, share])
    columns = [Column(title) for title in ("Most", "Layer", "Kind", "Output", "Amount")]
    notes = ["%: of the whole network. Bytes are those of float32; each layer reads and writes each tensor once."]
    return Table(heading, [*columns, Column("%", key="percent", format=".1f")], rows, None, notes)


def _classes(found: Bottlenecks) -> Table:
    """The classes of layers."""
    from cnncalc.cli import view
    from cnncalc.render import Column, Table

    totals = found.analysis.totals
    rows: list[list[Cell]] = [
        [
            group.name,
            group.layers,
            view.percent(group.params, totals.params),
            view.percent(group.macs, totals.macs),
            view.percent(group.bytes, found.memory.traffic),
            view.percent(group.kept, found.memory.kept),
            group.intensity,
        ]
        for group in found.classes
    ]
    columns = [Column("Class"), Column("Layers")]
    columns += [Column(f"{title} %", format=".1f") for title in ("Parameters", "MACs", "Traffic", "Kept")]
    notes = ["FLOPs/byte: arithmetic intensity, 2 x MACs and other operations for each byte moved."]
    return Table("By class of layer", [*columns, Column("FLOPs/byte", "intensity", format=".2f")], rows, None, notes)
