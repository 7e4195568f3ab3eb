"""`cnncalc reconcile`: why counting tools disagree about a network."""

from __future__ import annotations

from cnncalc.cli.options import Grouping, Output, Request, command


@command
def reconcile(request: Request, output: Output) -> None:
    """What other tools count, and every difference down to zero.

    Example: cnncalc reconcile resnet50
    """
    from cnncalc.sources import is_module
    from cnncalc.views.reconcile import view

    if is_module(request.network_name):
        from cnncalc.cli.module_tools import compared

        output.write(compared(request, Grouping().detail(output, request)))
        return
    analysis = request.analysis()
    output.write(view(analysis, analysis.reconciliation, Grouping().detail(output, request)))
