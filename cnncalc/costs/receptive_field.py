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

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from math import lcm
from operator import and_, or_
from typing import Any, NamedTuple, TypeAlias

from cnncalc.costs.positions import count, ends
from cnncalc.costs.sights import SPREAD, Lens, Sights
from cnncalc.costs.tracks import (
    Loom,
    Span,
    Taps,
    Track,
    Work,
    dilated_field_size,
    field_padding,
    field_size,
    field_stride,
    hull,
)
from cnncalc.costs.walk import UnknownSight, Walk
from cnncalc.errors import RequestError
from cnncalc.formula import Step
from cnncalc.graph import Graph, Node
from cnncalc.ops.base import Shape
from cnncalc.ops.sight import UNKNOWN, WHOLE, Sliding
from cnncalc.ops.window import dimension_names


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """The receptive field of a layer's units, one entry per spatial dimension of one of the network's inputs.

    Attributes:
        size: pixels, the largest of the layer's units; 0 if they see none.
        stride: pixels from a unit's field to the next unit's; None where there is no one stride: all units see the
            same, or branches of different strides meet.
        padding: pixels before the image at which the first unit's field starts; None if that unit sees nothing.
        centre: the middle of the first unit's field, in pixels; None if that unit sees nothing.
        whole: the units that see anything see the same, whatever their position.
        aligned: the branches that meet here have the same stride and, on average, the same centres.
        regular: all units' fields are alike: that of unit u starts at pixel u * stride - padding, and has this size.
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

    def as_json(self) -> dict[str, list[Any]]:
        """The field for the JSON document: whole numbers as integers, fractions as decimals.

        >>> ReceptiveField((3,), (Fraction(1, 2),), (1,), (Fraction(0),)).as_json()
        {'size': [3], 'stride': [0.5], 'padding': [1]}
        """
        return {
            "size": list(self.size),
            "stride": [None if s is None else plain(s) for s in self.stride],
            "padding": list(self.padding),
        }


@dataclass(frozen=True, slots=True)
class UnknownField:
    """The receptive field of a layer that depends on one which does not say what its units see: `layer` names it."""

    layer: str


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
    return _Composer(graph, of).run()


class _Term(NamedTuple):
    """What the units of a layer see on some of the ways to the input: along each of the layer's axes what its track
    says, and nothing at all if one of them says nothing. Where the layer's axes are not those of the image, the tracks
    say who sees anything, and `box` what: the first and last pixel along each axis of the image."""

    tracks: tuple[Track, ...]
    box: tuple[tuple[int, int], ...] | None = None


class _State:
    """What the units of a layer see of an input: the hull of what its terms say; nothing if there is none.

    A field is not a hull along each axis on its own, since a unit that sees nothing along one axis on some way sees
    nothing along the others on that way either. Without such gaps one term is enough for each stride.
    """

    __slots__ = ("after", "described", "target", "terms", "unknown")

    def __init__(self, target: Node, terms: tuple[_Term, ...], unknown: UnknownField | None = None) -> None:
        self.target = target
        self.terms = terms
        self.unknown = unknown
        self.after: dict[Lens, _State] = {}
        self.described: dict[Shape | None, ReceptiveField] = {}

    @property
    def plain(self) -> bool:
        """Whether all units' fields are alike, so that the figures do not depend on how many units there are."""
        return len(self.terms) == 1 and self.terms[0].box is None and all(t.period == 1 for t in self.terms[0].tracks)


class _Composer:
    """Composes the fields of a network's nodes, and remembers what it composed."""

    def __init__(self, graph: Graph, of: Node | None) -> None:
        self.graph = graph
        self.work = Work(sum([len(node.inputs) for node in graph.nodes]))
        self.loom = Loom(self.work)
        self.sights = Sights(self.work)
        self.walks: dict[Node, Walk] = {}
        targets = sorted(graph.inputs, key=lambda node: len(node.output) == 1) if of is None else [of]
        self.ranks = {node: rank for rank, node in enumerate(targets)}
        self.states: list[_State | None] = []
        self.known: dict[tuple[Node, tuple[_Term, ...]], _State] = {}

    def run(self) -> list[Field]:
        """The fields of all nodes."""
        fields: list[Field] = []
        for node in self.graph.nodes:
            state, aligned = self._state(node)
            self.states.append(state)
            fields.append(self._field(node, state, aligned))
        return fields

    def _state(self, node: Node) -> tuple[_State | None, bool]:
        """What a node's units see, and whether its branches are aligned; None if it depends on no input."""
        if node.is_input:
            tracks = (self.loom.point,) * (len(node.output) - 1)
            return (self._interned(node, (_Term(tracks),)) if node in self.ranks else None), True
        sources = [(source, self.states[source.index]) for source in node.inputs]
        if len(sources) == 1:
            source, state = sources[0]
            return state and self._through(node, source, state, self.sights.of(node)[0]), True
        targets = {state.target for _, state in sources if state}
        if not targets:
            return None, True
        target = min(targets, key=self.ranks.__getitem__)
        parts = [
            self._through(node, source, state, lens)
            for (source, state), lens in zip(sources, self.sights.of(node), strict=True)
            if state and state.target is target
        ]
        return self._met(node, parts), self._aligned(parts)

    def _interned(self, target: Node, terms: tuple[_Term, ...]) -> _State:
        """The state of some terms; equal ones are one object."""
        known = self.known.get((target, terms))
        if known is None:
            known = self.known[target, terms] = _State(target, terms)
        return known

    def _through(self, node: Node, source: Node, state: _State, lens: Lens) -> _State:
        """What a node's units see of one of its inputs, whose units' state is known."""
        if lens.own or state.unknown:
            return state
        if lens.reach is UNKNOWN:
            return _State(state.target, (), UnknownField(node.name))
        if lens.reach is WHOLE:
            return self._all_of(state.target, source, len(lens.units))
        if SPREAD in lens.looks:  # what is seen then depends on the source's place, and not on its state alone
            return self._looked(source, state, lens)
        known = state.after.get(lens)
        if known is None:
            known = state.after[lens] = self._looked(source, state, lens)
        return known

    def _all_of(self, target: Node, source: Node, axes: int) -> _State:
        """What units see that each see all of a node's."""
        spans = self._together(target, source)
        if spans is None:
            return self._interned(target, ())
        if axes == len(spans):
            return self._interned(target, (_Term(tuple(map(self.loom.constant, spans))),))
        return self._interned(target, (_Term((self.loom.constant((0, 0)),) * axes, spans),))

    def _together(self, target: Node, node: Node) -> tuple[tuple[int, int], ...] | None:
        """The first and last pixel along each axis that all units of a node see together, within the image."""
        if target not in self.walks:
            self.walks[target] = Walk(self.graph, target.index, self.sights)
        box = self.walks[target].together(node.index)
        return None if box is None else tuple(map(ends, box))

    def _looked(self, source: Node, state: _State, lens: Lens) -> _State:
        """A state seen through looks along each axis."""
        everything = self._together(state.target, source) if SPREAD in lens.looks else None
        terms = []
        for term in state.terms:
            tracks = []
            for axis, (look, track) in enumerate(zip(lens.looks, term.tracks, strict=True)):
                if isinstance(look, Taps):
                    tracks.append(self.loom.chain(track, look))
                elif look is None:
                    tracks.append(track)
                elif everything and any(map(track.span, range(min(lens.sizes[axis], track.period)))):
                    tracks.append(self.loom.constant(everything[axis] if term.box is None else (0, 0)))
            if len(tracks) == len(term.tracks) and all(any(track.spans) for track in tracks):
                terms.append(_Term(tuple(tracks), term.box))
        return self._interned(state.target, self._hull(terms))

    def _hull(self, terms: Iterable[_Term]) -> tuple[_Term, ...]:
        """The same terms, those made one whose units move alike and see something alike."""
        groups: dict[tuple[Any, ...], _Term] = {}
        for term in dict.fromkeys(terms):
            key = tuple([(track.rate, track.pattern) for track in term.tracks])
            groups[key] = self._joined(groups[key], term) if key in groups else term
        found = list(groups.values())
        if len(found) > 1:
            self.work.spend(len(found) ** 2)
            full = [term for term in found if not any(track.gaps for track in term.tracks)]
            found = [term for term in found if not any(self._adds_nothing(term, other) for other in full)]
        return tuple(found)

    def _joined(self, a: _Term, b: _Term) -> _Term:
        """The hull of two terms of the same rates and patterns."""
        if a.box is None or b.box is None:
            return _Term(tuple(map(self.loom.joined, a.tracks, b.tracks)))
        return _Term(a.tracks, tuple((min(x[0], y[0]), max(x[1], y[1])) for x, y in zip(a.box, b.box, strict=True)))

    def _adds_nothing(self, term: _Term, other: _Term) -> bool:
        """Whether another term, whose units all see something, says all that a term does."""
        pairs = list(zip(other.tracks, term.tracks, strict=True))
        if term is other or any(a.rate != b.rate for a, b in pairs):
            return False
        return self._joined(other, term) == other

    def _met(self, node: Node, parts: list[_State]) -> _State:
        """What the units of a node see through several branches."""
        target = parts[0].target
        unknown = next((part for part in parts if part.unknown), None)
        if unknown or all(part is parts[0] for part in parts):
            return unknown or parts[0]
        terms = [term for part in parts for term in part.terms]
        for axis in range(len(target.output) - 1):
            span = self._shown_to_all(node, target, parts, axis)
            if span:
                terms = [self._replaced(term, axis, span) for term in terms]
        return self._interned(target, self._hull(terms))

    def _replaced(self, term: _Term, axis: int, span: tuple[int, int]) -> _Term:
        """A term whose units see these pixels along an axis, if they see anything."""
        if term.box is not None:
            return _Term(term.tracks, (*term.box[:axis], span, *term.box[axis + 1 :]))
        masked = self.loom.masked(span, term.tracks[axis])
        return _Term((*term.tracks[:axis], masked, *term.tracks[axis + 1 :]))

    def _shown_to_all(self, node: Node, target: Node, parts: list[_State], axis: int) -> Span:
        """The pixels along an axis that some branches show to all units alike, if the node's units see no others in
        the image."""
        same = [span for span in (self._same_for_all(part, axis) for part in parts) if span]
        if not 0 < len(same) < len(parts):
            return None
        span = hull(same)
        assert span is not None
        if span != (0, target.output[1 + axis] - 1):
            together = self._together(target, node)
            if together is not None and hull([span, together[axis]]) != span:
                return None
        return span

    def _same_for_all(self, state: _State, axis: int) -> Span:
        """What all units of a state see alike along an axis of the image, wherever they stand; None if some see
        nothing, or something else."""
        if not state.terms or not all(_still(term, axis) for term in state.terms):
            return None
        columns = zip(*[term.tracks for term in state.terms], strict=True)
        periods = [lcm(*[track.period for track in tracks]) for tracks in columns]
        survey = _Survey(state.terms, periods, self.work)
        seen = survey.spans(axis)
        return seen.pop() if survey.all_see and len(seen) == 1 else None

    def _aligned(self, parts: Sequence[_State]) -> bool:
        """Whether branches have the same stride, and the same centres on the average of a period: upsampling gives
        neighbouring units one field. Branches whose units all see the same have no place."""
        axes = range(len(parts[0].target.output) - 1)
        moving = {part for part in parts if not all(_still(term, axis) for term in part.terms for axis in axes)}
        if len(moving) < 2:
            return True
        for axis in axes:
            tracks = {term.tracks[axis] for part in moving for term in part.terms if not _still(term, axis)}
            if len({(track.rate, track.middle()) for track in tracks}) > 1:
                return False
        return True

    def _field(self, node: Node, state: _State | None, aligned: bool) -> Field:
        """The field of a node."""
        if state is None:
            return _NO_FIELD
        if state.unknown:
            return state.unknown
        sizes = None if state.plain else node.output[1:]
        field = state.described.get(sizes)
        if field is None:
            field = state.described[sizes] = self._described(state, sizes)
        return field if aligned else replace(field, aligned=False)

    def _described(self, state: _State, sizes: Shape | None) -> ReceptiveField:
        """The figures of a state, for a layer of some sizes along its axes; where it is plain, for any."""
        terms = state.terms
        axes = range(len(state.target.output) - 1)
        survey = _Survey(terms, (1,) * len(axes) if sizes is None else sizes, self.work)
        spans = [max(survey.spans(axis), key=_width, default=None) for axis in axes]
        first = [survey.first(axis) for axis in axes]
        return ReceptiveField(
            size=tuple(map(_width, spans)),
            stride=tuple(map(survey.stride, axes)),
            padding=tuple([None if span is None else -span[0] for span in first]),
            centre=tuple([None if span is None else Fraction(sum(span), 2) for span in first]),
            whole=survey.whole(axes),
            regular=tuple([survey.any > 0 and _regular(terms, axis) for axis in axes]),
            input=state.target.name,
        )


_NO_FIELD = ReceptiveField((), (), (), ())


def _width(span: Span) -> int:
    """The pixels from the first to the last."""
    return 0 if span is None else span[1] - span[0] + 1


def _still(term: _Term, axis: int) -> bool:
    """Whether the units that see anything by a term see the same along an axis of the image."""
    return term.box is not None or term.tracks[axis].constant


def _regular(terms: Sequence[_Term], axis: int) -> bool:
    """Whether the fields of all units that see anything have one size and one stride along an axis of the image."""
    if any(_still(term, axis) for term in terms):
        return False
    tracks = {term.tracks[axis] for term in terms}
    return len(tracks) == 1 and tracks.pop().period == 1


class _Survey:
    """Looks at the units of a layer of some sizes, of which some may see more than others, or nothing.

    Which terms say something to a unit is a number whose bits they are.
    """

    def __init__(self, terms: Sequence[_Term], sizes: Sequence[int], work: Work) -> None:
        self.terms = terms
        self.rows: list[list[tuple[Span, ...]]] = []
        self.bits: list[list[int]] = []
        for axis, size in enumerate(sizes):
            tracks = [term.tracks[axis] for term in terms]
            # From period to period tracks drift apart or together evenly: they are widest in the first or the last.
            period = min(lcm(*[track.period for track in tracks]), size)
            work.spend(4 * period * len(tracks))
            units = dict.fromkeys((*range(period), *range(size - period, size)))
            rows = [tuple([track.span(unit) for track in tracks]) for unit in units]
            self.rows.append(rows)
            self.bits.append([sum((span is not None) << i for i, span in enumerate(row)) for row in rows])
        found = self._met(self.bits)
        self.all_see = 0 not in found
        """Whether every unit sees something."""
        self.alive = found - {0}
        """What says something to the units that see anything."""
        self.any = reduce(or_, self.alive, 0)
        """What says something to any of them."""

    def _met(self, columns: Iterable[Iterable[int]]) -> set[int]:
        """The bits of units from those of their places along some axes."""
        found = {(1 << len(self.terms)) - 1}
        for column in columns:
            found = {bits & other for bits in found for other in {*column}}
        return found

    def _chosen(self, bits: int) -> list[_Term]:
        """The terms whose bits are set."""
        return [term for i, term in enumerate(self.terms) if bits >> i & 1]

    def spans(self, axis: int) -> set[tuple[int, int]]:
        """What the units that see anything see along an axis of the image; among them the widest."""
        if not self.alive:
            return set()
        if self.terms[0].box is not None:
            found = {hull([term.box[axis] for term in self._chosen(bits) if term.box]) for bits in self.alive}
        else:
            others = self._met(self.bits[:axis] + self.bits[axis + 1 :])
            found = {
                hull([span for i, span in enumerate(row) if (bits & other) >> i & 1])
                for row, bits in zip(self.rows[axis], self.bits[axis], strict=True)
                for other in others
            }
        return {span for span in found if span is not None}

    def first(self, axis: int) -> Span:
        """What the first unit sees along an axis of the image."""
        bits = reduce(and_, [column[0] for column in self.bits], (1 << len(self.terms)) - 1)
        chosen = self._chosen(bits)
        return hull([term.tracks[axis].span(0) if term.box is None else term.box[axis] for term in chosen])

    def stride(self, axis: int) -> Fraction | None:
        """The pixels from a unit's field to the next one's along an axis of the image, if there is one number."""
        terms = self._chosen(self.any)
        if any(_still(term, axis) for term in terms):
            return None
        rates = {term.tracks[axis].rate for term in terms}
        return Fraction(*rates.pop()) if len(rates) == 1 else None

    def whole(self, axes: Iterable[int]) -> bool:
        """Whether the units that see anything see the same, wherever they stand."""
        if not axes or not self.any or not all(_still(term, axis) for term in self._chosen(self.any) for axis in axes):
            return False
        return all(len(self.spans(axis)) == 1 for axis in axes)


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
    work = Work(sum([len(other.inputs) for other in graph.nodes]))
    sights = Sights(work)
    targets = [of] if of else sorted(graph.inputs, key=lambda node: len(node.output) == 1)
    for target in targets:
        walk = Walk(graph, target.index, sights)
        if walk.depends(node.index):
            try:
                box = walk.seen(node.index, tuple([(range(u, u + 1),) for u in unit]))
            except UnknownSight as unknown:
                raise RequestError(
                    f"what {node.name} sees is unknown: {unknown} does not say what its units see"
                ) from None
            if box is None:
                return (Seen(0, -1, 0),) * (len(target.output) - 1)
            return tuple([Seen(*ends(axis), count(axis, work)) for axis in box])
    return ()


def field_steps(node: Node, fields: Sequence[Field]) -> list[Step]:
    """How the figures of a node's field come about: by which formula, or in words.

    The formulas are those that compute the fields. Where all dimensions are alike there is one set of steps; there is
    none where a layer keeps the field of its input, where there is no field, or where it is unknown.

    Args:
        node: a node of a graph.
        fields: the fields of the graph's nodes.

    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.zoo import load
    >>> graph = expand(load("alexnet"))
    >>> for step in field_steps(graph["conv2"], receptive_fields(graph)):
    ...     print(f"{step.label}: {step.text}")
    Receptive field: 19 + (5 - 1)*8 = 51
    Effective stride: 8*1 = 8
    Effective padding: 0 + 2*8 = 16
    """
    field = fields[node.index]
    if isinstance(field, UnknownField) or node.is_input:
        return []
    work = Work(0)
    ways = [
        (source, before, lens)
        for source, lens in zip(node.inputs, Sights(work).of(node), strict=True)
        if isinstance(before := fields[source.index], ReceptiveField) and before.input == field.input
    ]
    if len(ways) == 1 and ways[0][2].own and not ways[0][0].is_input:
        return []
    columns = [_steps(field, [(before, lens) for _, before, lens in ways], axis) for axis in range(len(field.size))]
    if all(_texts(column) == _texts(columns[0]) for column in columns):
        return columns[0] if columns else []
    names = dimension_names(len(columns))
    return [
        replace(step, label=f"{step.label}, {name}")
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
    steps = [Step("Receptive field", given=size, reason=reason)]
    if stride is not None and stride.denominator == 1:
        steps.append(Step("Effective stride", given=int(stride), reason=reason))
    if padding is not None:
        steps.append(Step("Effective padding", given=padding, reason=reason))
    return steps


def _slid(before: ReceptiveField, window: Sliding, axis: int, padding: int | None) -> list[Step]:
    """The steps of a sliding window after a field of one stride."""
    r, j, q = before.size[axis], int(before.stride[axis] or 0), before.padding[axis]
    k, s, p, d = window.kernel, window.stride, window.before, window.dilation
    size = Step("Receptive field", field_size, {"r": r, "k": k, "j": j})
    if d != 1:
        size = Step("Receptive field", dilated_field_size, {"r": r, "d": d, "k": k, "j": j})
    steps = [size, Step("Effective stride", field_stride, {"j": j, "s": s})]
    if q is not None and padding is not None:
        steps.append(Step("Effective padding", field_padding, {"q": q, "p": p, "j": j}))
    return steps


def _reason(field: ReceptiveField, branches: bool, lens: Lens, axis: int) -> str:
    """Where a figure comes from that no formula gives."""
    if not field.size[axis]:
        return "No unit of the layer sees a pixel."
    if field.whole or (not branches and (lens.reach or lens.looks[axis] is SPREAD)):
        return "Each unit sees all that the layer before sees, within the image."
    return "The hull of the branches." if branches else "Worked out from the units' intervals."
