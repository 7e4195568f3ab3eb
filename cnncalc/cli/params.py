"""`cnncalc params`: the parameters of each layer and in total."""

from __future__ import annotations

from cnncalc.cli.options import Grouping, Output, Request, command


@command
def params(request: Request, grouping: Grouping, output: Output) -> None:
    """Parameters, of each layer and in total.

    Example: cnncalc params alexnet
    """
    from cnncalc.views.params import view

    output.write(view(request.analysis(), grouping.detail(output, request)), grouping.strict)
