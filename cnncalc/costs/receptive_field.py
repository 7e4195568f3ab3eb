"""Receptive fields: which pixels of a network's input a unit of a layer depends on.

A layer's field is worked out from those of its inputs and from how it looks at them (`Op.windows`), for all units
at once, in whole numbers, and for any graph:

- *size*: the pixels from the first to the last that a unit sees, those on the padding included, as the literature
  counts (ResNet-50's last convolution sees 483 pixels of an image of 224). Of the layer's units the largest;
- *stride*: how far the field moves from a unit to the next; a fraction after upsampling;
- *padding*: how far before the image's first pixel the field of the first unit starts;
- *centre*: the middle of the first unit's field, pixel 0's centre being 0.

**Padding is counted.** Windows are followed past the edges of every layer, as if it went on there, so that the fields
of all units are alike. A unit may still see nothing: in a transposed convolution whose stride is larger than its
kernel some units lie between the inputs. What sees nothing along one axis sees nothing at all, and has no field.

**Seeing everything.** A unit of a fully connected layer, of global pooling or of group normalisation sees what all
units of the layer before see together: within the image, edges and holes taken into account. That may be a little
less than the image, where a stride leaves the last pixels out. So it is along a single axis too, where the units
see all positions of that axis. Such fields have no stride.

**Where branches meet** a unit sees from the first to the last pixel that it sees through any of them. But if one
branch shows all units the same, along an axis, and that is all that the layer's units together see of the image, then
it is the field, and padding is no longer counted: so a squeeze-and-excitation gate makes the field the whole image.

With several inputs a field is that in the first input that the layer depends on. Dependence through channels is not
followed: a unit stands for all channels at its position. If an op does not say what its units see, the field of its
layer and of every layer after it is unknown.

`seen_by` counts the pixels that one unit sees, within the image and without holes.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm
from typing import NamedTuple, TypeAlias

from msgspec import Struct, structs

from cnncalc.costs.fields.positions import count, ends
from cnncalc.costs.fields.sights import SPREAD, Lens, Sights
from cnncalc.costs.fields.states import State, States, Survey, Term
from cnncalc.costs.fields.tracks import (
    Taps,
    Track,
    Work,
    dilated_field_size,
    field_padding,
    field_size,
    field_stride,
)
from cnncalc.costs.fields.walk import UnknownSight, Walk
from cnncalc.errors import RequestError
from cnncalc.formula import Step
from cnncalc.graph import Graph, Node
from cnncalc.ops.base import Shape
from cnncalc.ops.sight import Sliding
from cnncalc.ops.window import dimension_names


class ReceptiveField(Struct, frozen=True):
    """The receptive field of a layer's units, one entry per spatial dimension of one of the network's inputs.

    Attributes:
        size: pixels, the largest of the layer's units; 0 if they see none.
        stride: pixels from a unit's field to the next unit's; None where there is no one stride: all units see the
            same, or branches of different strides meet.
        padding: pixels before the image at which the first unit's field starts; None if that unit sees nothing.
        centre: the middle of the first unit's field, in pixels; None if that unit sees nothing.
        whole: the units that see anything see the same, whatever their position.
        aligned: the branches that meet here have the same stride and, on average, the same centres.
        regular: all units' fields are alike: they have this size, and from unit to unit they move by the stride; that
            of unit u starts at pixel u * stride - padding.
        input: the name of the network's input; None if the layer depends on none, and then there are no entries.
    """

    size: tuple[int, ...]
    stride: tuple[Fraction | None, ...]
    padding: tuple[int | None, ...]
    centre: tuple[Fraction | None, ...]
    whole: bool = False
    aligned: bool = True
    regular: tuple[bool, ...] = ()
    input: str | None = None


class UnknownField(Struct, frozen=True):
    """The receptive field of a layer that depends on one which does not say what its units see, or of a network whose
    fields are too irregular to be worked out: `reason` says so."""

    reason: str


Field: TypeAlias = ReceptiveField | UnknownField


class Seen(NamedTuple):
    """The pixels that a unit sees along one dimension: the first, the last, and how many."""

    first: int
    last: int
    pixels: int


def plain(number: Fraction) -> int | float:
    """A fraction as an integer where it is one, else as a decimal.

    >>> plain(Fraction(4)), plain(Fraction(1, 2))
    (4, 0.5)
    """
    return number.numerator if number.denominator == 1 else float(number)


def receptive_fields(graph: Graph, of: Node | None = None) -> list[Field]:
    """The receptive field of every node, by its index; equal ones are one shared object.

    Args:
        graph: the network.
        of: one of its inputs, in whose pixels the fields are; by default, for each layer the first on which it
            depends, one with spatial dimensions if there is any.

    Raises:
        RequestError: periods or holes are too many to be worked out, or fields are beyond 10^18 pixels.

    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.zoo import load
    >>> fields = receptive_fields(expand(load("vgg16")))
    >>> max(field.size for field in fields if not field.whole)
    (212, 212)
    """
    states = States(graph, _targets(graph) if of is None else [of])
    figures = _Figures(states.work)
    return [figures.field(node, *states.add(node)) for node in graph.nodes]


def _targets(graph: Graph) -> list[Node]:
    """The inputs of a network, those with spatial dimensions first."""
    return sorted(graph.inputs, key=lambda node: len(node.output) == 1)


def first_input(graph: Graph, node: Node) -> Node | None:
    """The network's input in whose pixels a node's field is, if none is chosen: the first on which the node depends,
    one with spatial dimensions if there is any; None if it depends on none.

    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.zoo import load
    >>> graph = expand(load("lenet5"))
    >>> first_input(graph, graph.nodes[-1])
    Node('input', input, 1x32x32)
    """
    for target in _targets(graph):
        found = {target.index}
        for other in graph.nodes[target.index + 1 : node.index + 1]:
            if any(source.index in found for source in other.inputs):
                found.add(other.index)
        if node.index in found:
            return target
    return None


class _Figures:
    """Makes the figures of states, those of equal ones once."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.known: dict[State | tuple[State, Shape], ReceptiveField] = {}
        self.along: dict[tuple[tuple[Track, ...], int], _Along] = {}

    def field(self, node: Node, state: State | None, aligned: bool) -> Field:
        """The field of a node."""
        if state is None:
            return _NO_FIELD
        if state.unknown is not None:
            return UnknownField(f"{state.unknown} does not say what its units see")
        key = state if state.alike else (state, node.output[1:])
        field = self.known.get(key)
        if field is None:
            if state.alike:
                field = self._field(state, [_alike(track) for track in state.terms[0].tracks])
            elif state.gaps:
                field = self._surveyed(state, node.output[1:])
            else:
                field = self._field(state, [self._along(state, axis, n) for axis, n in enumerate(node.output[1:])])
            self.known[key] = field
        return field if aligned else structs.replace(field, aligned=False)

    def _field(self, state: State, axes: list[_Along]) -> ReceptiveField:
        """The figures where every unit sees something, and the axes do not depend on each other."""
        size, stride, padding, centre, regular = zip(*axes, strict=True) if axes else ((),) * 5
        whole = state.same is not None and bool(axes)
        return ReceptiveField(size, stride, padding, centre, whole, True, regular, state.target.name)

    def _along(self, state: State, axis: int, units: int) -> _Along:
        """The figures along an axis of so many units; once for equal tracks."""
        tracks = tuple(dict.fromkeys([term.tracks[axis] for term in state.terms]))
        if (tracks, units) not in self.along:
            self.along[tracks, units] = self._of_tracks(tracks, units)
        return self.along[tracks, units]

    def _of_tracks(self, tracks: tuple[Track, ...], units: int) -> _Along:
        """The figures along an axis of so many units that see the hull of some tracks."""
        period = lcm(*[track.period for track in tracks])
        numbers: Sequence[int] = range(min(period, units))
        if len(tracks) > 1:  # from period to period they drift apart or together: they are widest first or last
            numbers = (*numbers, *range(max(units - period, 0), units))
        self.work.spend(4 * len(numbers) * len(tracks))
        spans = [[track.seen(unit) for track in tracks] for unit in numbers]
        size = max([max([last for _, last in row]) - min([first for first, _ in row]) + 1 for row in spans])
        low, high = min([first for first, _ in spans[0]]), max([last for _, last in spans[0]])
        rates = {track.rate for track in tracks}
        shift, over = rates.pop()
        stride = Fraction(shift, over) if shift and not rates else None
        return size, stride, -low, Fraction(low + high, 2), stride is not None and len(tracks) == period == 1

    def _surveyed(self, state: State, sizes: Shape) -> ReceptiveField:
        """The figures where some units see nothing."""
        axes = range(len(state.target.output) - 1)
        survey = Survey(state.terms, sizes, self.work)
        spans = [survey.spans(axis) for axis in axes]
        first = [survey.first(axis) for axis in axes]
        still = bool(survey.chosen) and all(term.still(axis) for term in survey.chosen for axis in axes)
        return ReceptiveField(
            size=tuple([max([last - first + 1 for first, last in found], default=0) for found in spans]),
            stride=tuple([_stride(survey.chosen, axis) for axis in axes]),
            padding=tuple([None if span is None else -span[0] for span in first]),
            centre=tuple([None if span is None else Fraction(sum(span), 2) for span in first]),
            whole=still and bool(axes) and all(len(found) == 1 for found in spans),
            regular=tuple([bool(survey.chosen) and _regular(state.terms, axis) for axis in axes]),
            input=state.target.name,
        )


_Along: TypeAlias = tuple[int, Fraction | None, int, Fraction, bool]
"""Size, stride, padding and centre along an axis, and whether it is regular."""


def _alike(track: Track) -> _Along:
    """The figures along an axis where the fields of all units are alike."""
    first, last = track.seen(0)
    stride = Fraction(track.shift) if track.shift else None
    return last - first + 1, stride, -first, Fraction(first + last, 2), stride is not None


_NO_FIELD = ReceptiveField((), (), (), ())


def _stride(terms: Sequence[Term], axis: int) -> Fraction | None:
    """The pixels from a unit's field to the next one's, if there is one number."""
    if any(term.still(axis) for term in terms):
        return None
    rates = {term.tracks[axis].rate for term in terms}
    return Fraction(*rates.pop()) if len(rates) == 1 else None


def _regular(terms: Sequence[Term], axis: int) -> bool:
    """Whether the fields of all units that see anything have one size and one stride along an axis of the image."""
    if any(term.still(axis) for term in terms):
        return False
    tracks = {term.tracks[axis] for term in terms}
    return len(tracks) == 1 and tracks.pop().period == 1


def seen_by(graph: Graph, layer: Node | str, unit: Sequence[int] = (), of: Node | None = None) -> tuple[Seen, ...]:
    """The pixels of a network's input that one unit of a layer sees, exactly, edges and holes included.

    Args:
        graph: the network.
        layer: the layer, or its name.
        unit: the unit's position, one number per spatial dimension; not needed once the output is flat.
        of: one of the network's inputs; by default the first on which the layer depends, one with spatial dimensions
            if there is any.

    Returns:
        For each spatial dimension of the input the first and last pixel seen, and how many are seen; 0, -1 and 0
        where none is. Nothing if the layer depends on no input.

    Raises:
        RequestError: the network has no such layer, or the layer no such unit; or a layer on the way does not say
            what its units see.

    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.zoo import load
    >>> seen_by(expand(load("alexnet")), "conv2", (0, 0))
    (Seen(first=0, last=34, pixels=35), Seen(first=0, last=34, pixels=35))
    """
    node = graph.node(layer) if isinstance(layer, str) else layer
    sizes = node.output[1:]
    if len(unit) != len(sizes) or not all(0 <= u < n for u, n in zip(unit, sizes, strict=True)):
        where = " and ".join(f"0 to {n - 1}" for n in sizes)
        want = f"its units are numbered {where}" if sizes else "its output is flat: give no unit"
        raise RequestError(f"{node.name} has no unit {','.join(map(str, unit)) or '()'}", hint=want)
    target = first_input(graph, node) if of is None else of
    if target is None:
        return ()
    work = Work(sum([len(other.inputs) for other in graph.nodes]))
    walk = Walk(graph, target.index, Sights(graph, work))
    if not walk.depends(node.index):
        return ()
    try:
        box = walk.seen(node.index, tuple([(range(u, u + 1),) for u in unit]))
    except UnknownSight as unknown:
        message = f"what {node.name} sees is unknown: {unknown} does not say what its units see"
        raise RequestError(message) from None
    if box is None:
        return (Seen(0, -1, 0),) * (len(target.output) - 1)
    return tuple([Seen(*ends(axis), count(axis, work)) for axis in box])


def field_steps(graph: Graph, fields: Sequence[Field], node: Node) -> list[Step]:
    """How the figures of a node's field come about: by which formula, or in words.

    The formulas are those that compute the fields. Where all dimensions are alike there is one set of steps; there is
    none where a layer keeps the field of its input, where there is no field, or where it is unknown.

    Args:
        graph: the network.
        fields: the fields of its nodes.
        node: one of them.

    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.zoo import load
    >>> graph = expand(load("alexnet"))
    >>> for step in field_steps(graph, receptive_fields(graph), graph["conv2"]):
    ...     print(f"{step.label}: {step.text}")
    receptive field: 19 + (5 - 1)*8 = 51
    effective stride: 8*1 = 8
    effective padding: 0 + 2*8 = 16
    """
    field = fields[node.index]
    if isinstance(field, UnknownField) or node.is_input:
        return []
    ways = [
        (source, before, lens)
        for source, lens in zip(node.inputs, Sights(None, Work(0)).found(node), strict=True)
        if isinstance(before := fields[source.index], ReceptiveField) and before.input == field.input
    ]
    if len(ways) == 1 and ways[0][2].own and not ways[0][0].is_input:
        return []
    columns = [_steps(field, [(before, lens) for _, before, lens in ways], axis) for axis in range(len(field.size))]
    if all(_texts(column) == _texts(columns[0]) for column in columns):
        return columns[0] if columns else []
    names = dimension_names(len(columns))
    return [
        step._replace(label=f"{step.label}, {name}")
        for name, column in zip(names, columns, strict=True)
        for step in column
    ]


def _texts(steps: list[Step]) -> list[str]:
    return [step.text for step in steps]


def _steps(field: ReceptiveField, ways: list[tuple[ReceptiveField, Lens]], axis: int) -> list[Step]:
    """The steps along one axis of the image, from the fields of the inputs and how the layer looks at them."""
    size, stride, padding = field.size[axis], field.stride[axis], field.padding[axis]
    before, lens = ways[0]
    if len(ways) == 1 and lens.reach is None and before.regular[axis] and field.regular[axis]:
        look = lens.looks[axis]
        window = look.window if isinstance(look, Taps) else Sliding() if look is None else None
        if window:
            return _slid(before, window, axis, padding)
    reason = _reason(field, len(ways) > 1, lens, axis)
    steps = [Step("receptive field", given=size, reason=reason)]
    if stride is not None and stride.denominator == 1:
        steps.append(Step("effective stride", given=int(stride), reason=reason))
    if padding is not None:
        steps.append(Step("effective padding", given=padding, reason=reason))
    return steps


def _slid(before: ReceptiveField, window: Sliding, axis: int, padding: int | None) -> list[Step]:
    """The steps of a sliding window after a field of one stride."""
    r, j, q = before.size[axis], int(before.stride[axis] or 0), before.padding[axis]
    k, s, p, d = window.kernel, window.stride, window.before, window.dilation
    size = Step("receptive field", field_size, {"r": r, "k": k, "j": j})
    if d != 1:
        size = Step("receptive field", dilated_field_size, {"r": r, "d": d, "k": k, "j": j})
    steps = [size, Step("effective stride", field_stride, {"j": j, "s": s})]
    if q is not None and padding is not None:
        steps.append(Step("effective padding", field_padding, {"q": q, "before": p, "j": j}))
    return steps


def _reason(field: ReceptiveField, branches: bool, lens: Lens, axis: int) -> str:
    """Where a figure comes from that no formula gives."""
    if not field.size[axis]:
        return "No unit of the layer sees a pixel."
    if field.whole or (not branches and (lens.reach or SPREAD in lens.looks[axis : axis + 1])):
        return "Each unit sees all that the layer before sees, within the image."
    return "The hull of the branches." if branches else "Worked out from the units' intervals."
