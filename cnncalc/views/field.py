"""Receptive fields: what a unit of each layer sees of the input; and the pixels that one unit sees."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from cnncalc.costs.analysis import Costs, GroupRow, Row
from cnncalc.costs.receptive_field import Field, ReceptiveField, UnknownField, plain, seen_by
from cnncalc.ops.base import show
from cnncalc.ops.window import dimension_names
from cnncalc.render.table import UNKNOWN, Cell, Column, Table
from cnncalc.views import Detail, View
from cnncalc.views.common import Listing, heading
from cnncalc.views.records import SeenRecord, UnitRecord, network_document
from cnncalc.views.rows import AnyRow, kind_text


def view(costs: Costs, detail: Detail, layer: str | None = None) -> View:
    """The receptive fields of the layers, or of one layer or group.

    Raises:
        RequestError: the network has no such layer, or its fields cannot be worked out.
    """
    costs.check_fields()
    listing = Listing(costs, detail)
    asked = costs.layers if layer is None else _rows(costs, layer)

    def row(found: AnyRow) -> list[Cell]:
        return [found.name, kind_text(found), found.output, *_cells(found.receptive_field)]

    columns = [Column(title) for title in ("Layer", "Kind", "Output", "Size", "Stride", "Padding", "Centre")]
    texts = [
        "In pixels of the input. Size: the largest of the layer's units, padding counted. Stride: from a unit's field "
        "to the next. Padding: how far before the image the first unit's field starts. Centre: of the first unit."
    ]
    uneven = [
        found.name
        for found in asked
        if isinstance(found.receptive_field, ReceptiveField) and not found.receptive_field.aligned
    ]
    if uneven:
        names = ", ".join(uneven[:5]) + (", ..." if len(uneven) > 5 else "")
        texts.append(f"Branches that are not aligned meet in {names}: their centres or strides differ.")
    if layer is None:
        table = listing.table(columns, row, None, listing.notes(*texts))
    else:  # what was asked for, and no notes on the rest
        table = Table(listing.heading, columns, [row(found) for found in asked], None, texts)
    return View((table,), lambda: network_document(costs))


def _rows(costs: Costs, name: str) -> Sequence[Row]:
    """The layer of a name, or the layers of a group."""
    found = costs[name]
    return found.rows if isinstance(found, GroupRow) else [found]


def _cells(field: Field) -> list[Cell]:
    """A field's figures, one number where all dimensions agree on it."""
    if isinstance(field, UnknownField):
        return [UNKNOWN] * 4
    if not field.size:
        return ["flat input", None, None, None]
    stride = "all units alike" if field.whole else _sizes(field.stride)
    return [_sizes(field.size), stride, _sizes(field.padding), _sizes(field.centre)]


def _sizes(values: Sequence[int | Fraction | None]) -> str:
    """Numbers of the dimensions.

    >>> _sizes((11, 11)), _sizes((3, 5))
    ('11', '3x5')
    """
    texts = ["varies" if value is None else str(plain(Fraction(value))) for value in values]
    return texts[0] if len(set(texts)) == 1 else "x".join(texts)


def unit_view(costs: Costs, detail: Detail, layer: str, unit: tuple[int, ...]) -> View:
    """The pixels that one unit of a layer sees.

    Raises:
        RequestError: the network has no such layer, or the layer no such unit.
    """
    node = _rows(costs, layer)[-1].node
    sizes = node.output[1:]
    seen = seen_by(costs.graph, node, unit if sizes else ())
    image = costs.graph.input[1:]
    records = [
        SeenRecord(name, axis.first, axis.last, axis.pixels, n)
        for name, axis, n in zip(dimension_names(len(seen)), seen, image, strict=True)
    ]
    columns = [Column(title) for title in ("Dimension", "First", "Last", "Pixels", "Of")]
    place = f", unit {','.join(map(str, unit))} of {show(sizes)}" if sizes else ""
    notes = ["Pixels of the input that the unit depends on, from 0; Pixels counts them, without holes."]
    rows: list[list[Cell]] = [[found.dimension, found.first, found.last, found.pixels, found.of] for found in records]
    table = Table(f"{heading(costs, detail)}; {node.name}{place}", columns, rows, None, notes)
    return View((table,), lambda: network_document(costs, unit=UnitRecord(layer, unit, records)))
