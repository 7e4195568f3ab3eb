"""The arithmetic of a layer's receptive field and of the bytes it moves, beside that of its costs.

Along a chain of sliding windows the field grows by the kernel's reach, measured in the strides before it; these
formulas say so. Where branches merge, after upsampling, or where a layer sees everything, the figure stands without
a calculation.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from cnncalc.costs.memory import LayerMemory, memory
from cnncalc.costs.receptive_field import ReceptiveField, receptive_fields
from cnncalc.explain import Line
from cnncalc.formula import Formula, plain_group, prod, total
from cnncalc.language.expand import INPUT, Network
from cnncalc.ops import Shape, Window
from cnncalc.ops.window import dimension_names

# mypy: disable-error-code="no-untyped-def"


@Formula
def field_size(r, k, j):
    """The field of the layer before, and the kernel's reach in its strides. r, j: size and stride before."""
    return r + (k - 1) * j


@Formula
def field_stride(j, s):
    """The stride before, times the layer's own."""
    return j * s


@Formula
def field_padding(q, p, j):
    """The padding before (q), and the layer's own in the strides before."""
    return q + p * j


@Formula
def output_bytes(out):
    """Four bytes for each element of the output."""
    return prod(out) * 4


@Formula
def bytes_read(stored, inputs):
    """Four bytes for each parameter and buffer, and each element of the inputs."""
    return (stored + total(inputs)) * 4


def explain_further(network: Network, indices: Iterable[int]) -> dict[int, list[Line]]:
    """For each of some layers, the receptive field, and the bytes of one image in float32.

    >>> from cnncalc import expand, load
    >>> [line.text for line in explain_further(expand(load("alexnet")), [4])[4]][:3]
    ['19 + (5 - 1)*8 = 51', '8*1 = 8', '0 + 2*8 = 16']
    """
    fields, account = receptive_fields(network), memory(network)
    return {
        index: [*_field(network, fields, index), *_bytes(network, account.layers[index], index)] for index in indices
    }


def _field(network: Network, fields: list[ReceptiveField], index: int) -> list[Line]:
    """The receptive field's lines, once where all dimensions are alike; none where the layer keeps its input's."""
    field, layer = fields[index], network.layers[index]
    if len(layer.inputs) == 1 and layer.inputs[0] != INPUT and field is fields[layer.inputs[0]]:
        return []
    columns = [_dimension(network, fields, index, axis) for axis in range(len(field.size))]
    if all([line.text for line in column] == [line.text for line in columns[0]] for column in columns):
        return columns[0] if columns else []
    names = dimension_names(len(columns))
    return [
        Line(layer.name, f"{line.quantity}, {name}", line.formula, line.calculation, line.value, line.meaning)
        for name, column in zip(names, columns, strict=True)
        for line in column
    ]


def _dimension(network: Network, fields: list[ReceptiveField], index: int, axis: int) -> list[Line]:
    """Size, stride and padding along one dimension."""
    layer, field = network.layers[index], fields[index]
    steps = _chain(network, fields, index, axis)
    stride = field.stride[axis]
    figures = [
        ("Receptive field", "size", field.size[axis]),
        ("Effective stride", "stride", int(stride) if stride is not None and stride.denominator == 1 else None),
        ("Effective padding", "padding", field.padding[axis]),
    ]
    lines = []
    for quantity, key, value in figures:
        if value is None:
            continue
        formula, values = steps.get(key, (None, {}))
        if formula is not None and formula(**values) == value:
            lines.append(
                Line(layer.name, quantity, formula.text, formula.substituted(**values), value, formula.meaning)
            )
        else:
            lines.append(Line(layer.name, quantity, "", "", value, _why(layer.kind.merges, field)))
    return lines


def _why(merges: bool, field: ReceptiveField) -> str:
    """Why a figure has no calculation."""
    if field.whole:
        return "Each unit sees all that the layer before sees, within the image."
    return "The hull of the branches." if merges else "Worked out from the units' intervals."


def _chain(network: Network, fields: list[ReceptiveField], index: int, axis: int) -> dict[str, tuple[Formula, Any]]:
    """The formulas of a sliding window after a layer of one stride; nothing for any other layer."""
    layer = network.layers[index]
    shapes: tuple[Shape, ...] = network.input_shapes(layer)
    windows = layer.kind.windows(*shapes) if len(shapes) == 1 else None
    if windows is None or axis >= len(windows) or not _slides(windows[axis]):
        return {}
    before = layer.inputs[0]
    size, stride, padding = (1, Fraction(1), 0)
    if before != INPUT:
        source = fields[before]
        size, padding = source.size[axis], source.padding[axis]
        found = source.stride[axis]
        if found is None or found.denominator > 1:
            return {}
        stride = found
    j, window = int(stride), windows[axis]
    reach = window.dilation * (window.kernel - 1) + 1
    return {
        "size": (field_size, {"r": size, "k": reach, "j": j}),
        "stride": (field_stride, {"j": j, "s": window.stride}),
        "padding": (field_padding, {"q": padding, "p": window.before, "j": j}),
    }


def _slides(window: Window) -> bool:
    """Whether a window slides and does more than look at one element."""
    plain = window.stretch == 1 and not window.bins and not window.samples
    return plain and (window.kernel, window.stride, window.before) != (1, 1, 0)


def _bytes(network: Network, held: LayerMemory, index: int) -> list[Line]:
    """The bytes that a layer moves, and what autograd keeps of it."""
    layer = network.layers[index]
    stored = (held.params + held.buffers) // 4
    inputs = tuple(prod(shape) for shape in network.input_shapes(layer))
    if held.written == 0:
        meaning = "The output is its input's memory: nothing is moved."
        lines = [Line(layer.name, "Bytes moved", "", "", 0, meaning)]
    else:
        lines = [
            _line(layer.name, "Bytes read", bytes_read, held.read, stored=stored, inputs=inputs),
            _line(layer.name, "Bytes written", output_bytes, held.written, out=layer.output),
        ]
    if held.kept:
        what = ", ".join(f"{kept.what} {plain_group(kept.bytes)}" for kept in held.kept)
        lines.append(Line(layer.name, "Bytes kept", "", "", held.kept_bytes, f"By autograd in training: {what}."))
    return lines


def _line(name: str, quantity: str, formula: Formula, value: int, **values: Any) -> Line:
    """A formula's line; the figure alone where a layer is two in one and moves more than the formula says."""
    if formula(**values) != value:
        return Line(name, quantity, "", "", value, "Both halves of the layer, and the tensor between them.")
    return Line(name, quantity, formula.text, formula.substituted(**values), value, formula.meaning)
