"""`cnncalc shapes`: what each layer is and the shape it gives."""

from __future__ import annotations

from cnncalc.cli.options import Grouping, Output, Request, command


@command
def shapes(request: Request, grouping: Grouping, output: Output) -> None:
    """Output shapes and activations, of each layer.

    Example: cnncalc shapes resnet50 --input 320x240 --depth 2
    """
    from cnncalc.views.shapes import view

    output.write(view(request.analysis(), grouping.detail(output, request)), grouping.strict)
