"""`cnncalc rf`: receptive fields, what a unit of each layer sees of the input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnncalc.cli.explain import LayerName
from cnncalc.cli.options import Grouping, Output, Request, command

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from cnncalc.costs.analysis import Analysis
    from cnncalc.costs.receptive_field import ReceptiveField
    from cnncalc.render import Cell, Table

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
    from cnncalc.document import document
    from cnncalc.errors import RequestError

    analysis = request.analysis()
    if unit is None:
        output.write(_fields(request, analysis, grouping, output, layer), document=lambda: document(analysis))
        return
    if layer is None:
        raise RequestError("--unit is about one layer", hint="name it: cnncalc rf NETWORK LAYER --unit I,J")
    position = _position(unit)
    table = _seen(request, analysis, layer, position)
    pixels = [dict(zip(("dimension", "first", "last", "pixels", "of"), row, strict=True)) for row in table.rows]
    seen = {"layer": layer, "position": list(position), "sees": pixels}
    output.write(table, document=lambda: {**document(analysis), "unit": seen})


def _fields(request: Request, analysis: Analysis, grouping: Grouping, output: Output, layer: str | None) -> Table:
    """The receptive fields of the layers, or of one layer or group."""
    from cnncalc.cli import view
    from cnncalc.costs.analysis import Group
    from cnncalc.explain import find
    from cnncalc.render import Column, Table

    network, fields = analysis.network, analysis.receptive_fields
    if layer is None:
        found = view.groups(analysis, grouping, output)
    else:
        found = [Group(network.layers[i].name, (i,), analysis.layers[i]) for i in find(network, layer)]

    def row(group: Group) -> list[Cell]:
        field = fields[group.layers[-1]]
        shape = view.output_shape(network, group)
        return [group.name, view.kind_text(network, group), shape, *_cells(field)]

    columns = [Column(title) for title in ("Layer", "Kind", "Output", "Size", "Stride", "Padding", "Centre")]
    asked = range(len(fields)) if layer is None else find(network, layer)
    uneven = [network.layers[i].name for i in asked if not fields[i].aligned]
    texts = [
        "In pixels of the input. Size: the largest of the layer's units, padding counted. Stride: from a unit's field "
        "to the next. Padding: how far before the image the first unit's field starts. Centre: of the first unit."
    ]
    if uneven:
        names = ", ".join(uneven[:5]) + (", ..." if len(uneven) > 5 else "")
        texts.append(f"Branches that are not aligned meet in {names}: their centres or strides differ.")
    heading = view.heading(request, network)
    if layer is not None:  # what was asked for, and no notes on the rest
        return Table(heading, columns, [row(group) for group in found], None, texts)
    rows = view.rows(found, grouping, output, row)
    return Table(heading, columns, rows, None, view.notes(analysis, found, grouping, output, *texts))


def _cells(field: ReceptiveField) -> list[Cell]:
    """A field's figures, one number where all dimensions agree on it."""
    if not field.size:
        return ["flat input", None, None, None]
    stride = "all units alike" if field.whole else _sizes(field.stride)
    return [_sizes(field.size), stride, _sizes(field.padding), _sizes(field.centre)]


def _sizes(values: Sequence[int | Fraction | None]) -> str:
    """Numbers of the dimensions.

    >>> _sizes((11, 11)), _sizes((3, 5))
    ('11', '3x5')
    """
    texts = ["varies" if value is None else _number(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else "x".join(texts)


def _number(value: int | Fraction) -> str:
    from fractions import Fraction

    from cnncalc.costs.receptive_field import plain

    return str(plain(Fraction(value)))


def _position(text: str) -> tuple[int, ...]:
    """The numbers of a unit.

    >>> _position("3,4")
    (3, 4)
    """
    from cnncalc.errors import RequestError

    parts = text.replace("x", ",").split(",")
    if not all(part.strip().isascii() and part.strip().isdigit() and len(part) < 12 for part in parts):
        raise RequestError(f"'{text[:40]}' is no unit", hint="a number from 0 for each dimension, such as 3,4")
    return tuple(int(part) for part in parts)


def _seen(request: Request, analysis: Analysis, layer: str, unit: tuple[int, ...]) -> Table:
    """The pixels that one unit sees."""
    from cnncalc.cli import view
    from cnncalc.costs.receptive_field import seen_by
    from cnncalc.explain import find
    from cnncalc.ops.window import dimension_names
    from cnncalc.render import Column, Table

    network = analysis.network
    index = find(network, layer)[-1]
    sizes = network.layers[index].output[1:]
    seen = seen_by(network, index, unit if sizes else ())
    rows: list[list[Any]] = [
        [name, axis.first, axis.last, axis.pixels, n]
        for name, axis, n in zip(dimension_names(len(seen)), seen, network.input[1:], strict=True)
    ]
    columns = [Column(title) for title in ("Dimension", "First", "Last", "Pixels", "Of")]
    place = f", unit {','.join(map(str, unit))} of {view.shape_text(sizes)}" if sizes else ""
    notes = ["Pixels of the input that the unit depends on, from 0; Pixels counts them, without holes."]
    return Table(f"{view.heading(request, network)}; {network.layers[index].name}{place}", columns, rows, None, notes)
