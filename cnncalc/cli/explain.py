"""`cnncalc explain`: the arithmetic behind the numbers."""

from __future__ import annotations

from typing import Annotated

import typer

from cnncalc.cli.options import Grouping, Output, Request, command


def complete_layer(ctx: typer.Context, incomplete: str) -> list[str]:
    """The layers of the network named before that begin like this, for the shell."""
    from cnncalc.errors import CnncalcError
    from cnncalc.face import network

    try:
        layers = network(ctx.params["network_name"]).layers
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
    from cnncalc.views.explain import view

    detail = grouping.detail(output, request)
    output.write(view(request.analysis(), detail, layer, stacked=output.form == "table"), grouping.strict)
