"""`cnncalc bottleneck`: the layers that hold most of the costs."""

from __future__ import annotations

from typing import Annotated

import typer

from cnncalc.cli.options import Grouping, Output, Request, command

Top = Annotated[int, typer.Option("--top", "-n", metavar="N", min=1, help="Layers to name for each quantity.")]


@command
def bottleneck(request: Request, output: Output, top: Top = 3) -> None:
    """The layers with most parameters, work, memory and traffic.

    Example: cnncalc bottleneck nin --batch 128
    """
    from cnncalc.views.bottleneck import view

    output.write(view(request.analysis().bottlenecks(top), Grouping().detail(output, request)))
