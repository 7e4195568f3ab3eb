"""`cnncalc rf`: receptive fields, what a unit of each layer sees of the input."""

from __future__ import annotations

from typing import Annotated

import typer

from cnncalc.cli.explain import LayerName
from cnncalc.cli.options import Grouping, Output, Request, command
from cnncalc.errors import RequestError

Unit = Annotated[
    str | None,
    typer.Option(
        "--unit", "-u", metavar="I,J", help="The pixels that this unit of the layer sees.", show_default=False
    ),
]


@command
def rf(request: Request, grouping: Grouping, output: Output, layer: LayerName = None, unit: Unit = None) -> None:
    """Receptive fields: size, stride, padding, pixels seen.

    Example: cnncalc rf alexnet conv2 --unit 0,5
    """
    from cnncalc.views.field import unit_view, view

    analysis, detail = request.analysis(), grouping.detail(output, request)
    if unit is None:
        output.write(view(analysis, detail, layer))
        return
    if layer is None:
        raise RequestError("--unit is about one layer", hint="name it: cnncalc rf NETWORK LAYER --unit I,J")
    output.write(unit_view(analysis, detail, layer, _position(unit)))


def _position(text: str) -> tuple[int, ...]:
    """The numbers of a unit.

    >>> _position("3,4")
    (3, 4)
    """
    parts = text.replace("x", ",").split(",")
    if not all(part.strip().isascii() and part.strip().isdigit() and len(part) < 12 for part in parts):
        raise RequestError(f"'{text[:40]}' is no unit", hint="a number from 0 for each dimension, such as 3,4")
    return tuple(int(part) for part in parts)
