"""Receptive fields: which pixels of the network's input a unit of a layer depends on.

For each spatial dimension a layer's units see intervals of the input. The interval of unit u is written
down once for a *period* of units and repeats from there: unit u + period sees what unit u sees, `shift`
pixels further. An ordinary chain of convolutions has period 1 and the shift is its effective stride; a
transposed convolution or an upsampling has a longer period; an adaptive pool too. A merge takes the hull
of its branches. Nothing is approximated, so any graph has an exact answer:

- *size*: the pixels from the first to the last that a unit sees, those on the padding included, as the
  literature counts (ResNet-50's last convolution sees 483 pixels of an image of 224);
- *stride*: how far the field moves from a unit to the next; a fraction after upsampling;
- *padding*: how far before the image's first pixel the first unit's field starts;
- *centre*: the middle of the first unit's field, pixel 0's centre being 0.

A layer whose every unit depends on all positions of its input (a fully connected layer, global pooling,
group normalisation, a squeeze-and-excitation gate) sees the whole image: no stride, and the pixels that any
of its inputs sees. That is a little less than the image where a stride leaves the last pixels out.
Dependence through channels is not followed: a unit stands for all channels at its position.

`seen_by` walks back from one unit, with the edges of every layer on the way, and counts the pixels seen,
holes of dilated kernels left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from typing import Any, NamedTuple

from cnncalc.errors import RequestError
from cnncalc.formula import Formula, Step
from cnncalc.graph import Graph, Node
from cnncalc.ops.base import Op, Shape
from cnncalc.ops.sight import POINT, Binned, Folded, Reach, Resampled, Sight, Spread, Transposed, Window
from cnncalc.ops.window import dimension_names

# mypy: disable-error-code="no-untyped-def"


@Formula
def field_size(r, k, j):
    """The field of the layer before, and the kernel's reach in its strides. r, j: size and stride before."""
    return r + (k - 1) * j


@Formula
def dilated_field_size(r, d, k, j):
    """The field of the layer before, and the dilated kernel's reach in its strides."""
    return r + d * (k - 1) * j


@Formula
def field_stride(j, s):
    """The stride before, times the layer's own."""
    return j * s


@Formula
def field_padding(q, p, j):
    """The padding before (q), and the layer's own in the strides before."""
    return q + p * j


class Track(NamedTuple):
    """Periodic intervals. Unit u = turns * period + phase sees the elements from lows[phase] to highs[phase],
    each turns * shift further; nothing where the low end is above the high one. `step` is the distance of
    neighbouring elements seen (a dilated kernel's holes), as far as a single layer goes."""

    period: int
    shift: int
    lows: tuple[int, ...]
    highs: tuple[int, ...]
    step: int = 1

    def interval(self, unit: int) -> tuple[int, int]:
        """The first and last element seen by a unit; it may be of any number, also outside the layer."""
        turns, phase = divmod(unit, self.period)
        moved = turns * self.shift
        return self.lows[phase] + moved, self.highs[phase] + moved

    @property
    def gaps(self) -> bool:
        """Whether some units see nothing."""
        return self.period > 1 and any(low > high for low, high in zip(self.lows, self.highs, strict=True))


Field = tuple[Track, ...]
"""What a layer's units see along one dimension: the hull of tracks of different strides; almost always one."""

_POINT_TRACK = Track(1, 1, (0,), (0,))


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """The receptive field of a layer's units, one entry a spatial dimension of the network's input.

    Attributes:
        size: pixels, the largest of the layer's units.
        stride: pixels from a unit's field to the next unit's; None where there is no one stride: the unit
            sees the whole image, or branches of different strides meet.
        padding: pixels before the image at which the first unit's field starts.
        centre: the middle of the first unit's field, in pixels.
        whole: the units see all there is to see, whatever their position.
        aligned: the branches merged here have the same stride and, on average, the same centres.
    """

    size: tuple[int, ...]
    stride: tuple[Fraction | None, ...]
    padding: tuple[int, ...]
    centre: tuple[Fraction, ...]
    whole: bool = False
    aligned: bool = True

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


def receptive_fields(graph: Graph) -> list[ReceptiveField]:
    """The receptive field of every layer, in the network's order; equal ones are one shared object.

    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.zoo import load
    >>> fields = receptive_fields(expand(load("vgg16")))
    >>> max(field.size for field in fields if not field.whole)
    (212, 212)
    """
    return _Composer(graph).run()


STEPS = 1_000_000
STEPS_A_LAYER = 20


class _Work:
    """The windows of ops on their input shapes, as far as they were asked for, and the steps still allowed.

    A period is as long as the sizes that meet in it have no divisor in common, and a set of elements as large
    as the image: both are bounded, for a spec may well say 999,999,937.
    """

    def __init__(self, graph: Graph) -> None:
        self.known: dict[tuple[Op, tuple[Shape, ...]], tuple[Sight, ...]] = {}
        self.left = STEPS + STEPS_A_LAYER * len(graph.nodes)

    def spend(self, steps: int) -> None:
        """Count the intervals or elements that are about to be written down.

        Raises:
            RequestError: it would be too many.
        """
        self.left -= steps
        if self.left < 0:
            raise RequestError(
                "the receptive fields of this network are too irregular to be worked out",
                hint="sizes that share no divisor, or holes in a very long input",
            )

    def sights(self, node: Node) -> tuple[Sight, ...]:
        """What a node's units see of each input: () where every unit sees its own element."""
        shapes = node.input_shapes
        key = (node.op, shapes)
        if key not in self.known:
            sights = node.op.windows(*shapes)
            self.known[key] = tuple(
                () if not isinstance(sight, Reach) and all(window == POINT for window in sight) else sight
                for sight in sights
            )
        return self.known[key]


class _Composer:
    """Composes the fields of a network's layers, and remembers what it composed."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.image = graph.input[1:]
        self.states: list[tuple[Field, ...]] = []
        self.start: tuple[Field, ...] = ((_POINT_TRACK,),) * len(self.image)
        self.work = _Work(graph)
        self.composed: dict[tuple[Field, Window, int, int], Field] = {}
        # By identity: a layer that keeps its input's field passes on the very same object.
        self.described: dict[int, ReceptiveField] = {}

    def run(self) -> list[ReceptiveField]:
        results = []
        for node in self.graph.nodes:
            state, aligned = (self.start, True) if node.is_input else self._state(node)
            self.states.append(state)
            field = self.described.get(id(state))
            if field is None or not aligned or not all(len(tracks) == 1 for tracks in state):
                field = self._describe(state, node, aligned)
            if aligned:
                self.described[id(state)] = field
            results.append(field)
        return results

    def _state(self, node: Node) -> tuple[tuple[Field, ...], bool]:
        """A layer's fields, and whether its branches are aligned."""
        sources = [
            self._through(node, source, sight)
            for source, sight in zip(node.inputs, self.work.sights(node), strict=True)
        ]
        if all(source is sources[0] for source in sources):
            return sources[0], True
        columns = list(zip(*sources, strict=True))
        merged = tuple(_hull(column, n, self.work) for column, n in zip(columns, self.image, strict=True))
        return merged, all(_aligned(column, self.work) for column in columns)

    def _through(self, node: Node, source: Node, sight: Sight) -> tuple[Field, ...]:
        """The field of one of a layer's inputs, seen through the layer."""
        state = self.states[source.index]
        if sight == () or all(map(_constant, state)):
            return state
        if isinstance(sight, Reach):
            return self._all_of(source)
        fields = []
        for axis, window in enumerate(sight):
            if isinstance(window, Spread) or window == Binned(1):
                fields.append(self._all_of(source)[axis])
                continue
            step = (state[axis], window, source.output[1 + axis], node.output[1 + axis])
            if step not in self.composed:
                self.composed[step] = _compose(*step, self.work)
            fields.append(self.composed[step])
        return tuple(fields)

    def _all_of(self, node: Node) -> tuple[Field, ...]:
        """What all units of a layer see together, for every unit of a layer that sees all of them."""
        if node.is_input:
            return tuple((Track(1, 0, (0,), (n - 1,)),) for n in self.image)
        if all(map(_constant, self.states[node.index])):
            return self.states[node.index]
        seen = _walk(self.graph, node.index, tuple(range(n) for n in node.output[1:]), self.work)
        return tuple((Track(1, 0, (axis[0],), (axis[-1],)),) if axis else (_NOTHING,) for axis in seen)

    def _describe(self, state: tuple[Field, ...], node: Node, aligned: bool) -> ReceptiveField:
        """The figures of a field."""
        sizes = node.output[1:] or (1,) * len(state)
        figures = [_figures(field, n, self.work) for field, n in zip(state, sizes, strict=True)]
        size, stride, padding, centre = zip(*figures, strict=True) if figures else ((), (), (), ())
        whole = bool(state) and all(map(_constant, state))
        return ReceptiveField(size, stride, padding, centre, whole, aligned)


_NOTHING = Track(1, 0, (0,), (-1,))


def _constant(field: Field) -> bool:
    """Whether every unit sees the same."""
    return len(field) == 1 and field[0].shift == 0


def _figures(field: Field, units: int, work: _Work) -> tuple[int, Fraction | None, int, Fraction]:
    """Size, stride, padding and centre of a layer with so many units along this dimension."""
    if len(field) == 1:
        track = field[0]
        size = max(high - low + 1 for low, high in zip(track.lows, track.highs, strict=True))
        stride = Fraction(track.shift, track.period) if track.shift else None
    else:
        # From a period to the next the tracks drift apart or together, evenly: they are widest first or last.
        period = min(lcm(*(track.period for track in field)), units)
        work.spend(4 * period * len(field))
        widest = {*range(period), *range(units - period, units)}
        ends = [[track.interval(unit) for track in field] for unit in widest]
        size = max(max(high for _, high in row) - min(low for low, _ in row) + 1 for row in ends)
        stride = None
    first = [track.interval(0) for track in field]
    low, high = min(low for low, _ in first), max(high for _, high in first)
    return max(size, 0), stride, -low, Fraction(low + high, 2)


def _window_track(window: Window, n: int, m: int, work: _Work) -> Track:
    """Which of n inputs each of m units sees; positions on the padding lie before 0 or after n - 1."""
    if isinstance(window, Binned):
        period = m // gcd(n, m)
        work.spend(period)
        lows = tuple(u * n // m for u in range(period))
        return Track(period, n // gcd(n, m), lows, tuple(-(-(u + 1) * n // m) - 1 for u in range(period)))
    if isinstance(window, Resampled):
        return _samples(n, m, window, work)
    if isinstance(window, Spread):
        return Track(1, 0, (0,), (n - 1,))
    if isinstance(window, Folded):  # as padding, which the literature counts
        return Track(1, 1, (-window.before,), (-window.before,))
    if isinstance(window, Transposed):
        return _stretched(window, work)
    reach = window.dilation * (window.kernel - 1)
    return Track(1, window.stride, (-window.before,), (reach - window.before,), window.dilation)


def _samples(n: int, m: int, window: Resampled, work: _Work) -> Track:
    """Resampling n inputs at m places."""
    period = m // gcd(n, m)
    work.spend(period)
    if window.linear or window.cubic:  # around ((2 u + 1) n - m) / (2 m)
        middles = [(2 * u + 1) * n - m for u in range(period)]
        further = [int(window.cubic and middle % (2 * m) != 0) for middle in middles]
        lows = tuple(middle // (2 * m) - more for middle, more in zip(middles, further, strict=True))
        highs = tuple(-(-middle // (2 * m)) + more for middle, more in zip(middles, further, strict=True))
        return Track(period, n // gcd(n, m), lows, highs)
    lows = tuple(u * n // m for u in range(period))
    return Track(period, n // gcd(n, m), lows, lows)


def _stretched(window: Transposed, work: _Work) -> Track:
    """A window over inputs with zeros between them: of its positions, those that hold an input."""
    f, d = window.stride, window.dilation
    work.spend(f * min(f, window.kernel))
    lows, highs = [], []
    for unit in range(f):  # moving f units on moves the stretched input by f, its inputs by one
        first = unit - window.before
        hits = [first + d * t for t in range(min(f, window.kernel)) if (first + d * t) % f == 0]
        if not hits:
            lows.append(0)
            highs.append(-1)
            continue
        last = first + d * (window.kernel - 1)
        spacing = lcm(d, f)
        lows.append(hits[0] // f)
        highs.append((hits[0] + (last - hits[0]) // spacing * spacing) // f)
    return Track(f, 1, tuple(lows), tuple(highs), lcm(d, f) // f)


def _compose(field: Field, window: Window, n: int, m: int, work: _Work) -> Field:
    """A field of n units, seen through a window by m units."""
    outer = _window_track(window, n, m, work)
    return tuple(_chain(track, outer, work) for track in field)


def _chain(inner: Track, outer: Track, work: _Work) -> Track:
    """What units see through two layers: `inner` from its units to the pixels, `outer` to inner's units."""
    if inner.period == 1 and outer.period == 1:
        shift, low, high = inner.shift, inner.lows[0], inner.highs[0]
        return Track(1, outer.shift * shift, (low + outer.lows[0] * shift,), (high + outer.highs[0] * shift,))
    turns = inner.period // gcd(outer.shift, inner.period)
    period = outer.period * turns
    shift = outer.shift * turns // inner.period * inner.shift
    work.spend(4 * period)
    gaps = inner.gaps
    ends = [_through_interval(inner, outer, unit, gaps, work) for unit in range(period)]
    return Track(period, shift, tuple(low for low, _ in ends), tuple(high for _, high in ends))


def _through_interval(inner: Track, outer: Track, unit: int, gaps: bool, work: _Work) -> tuple[int, int]:
    """The pixels between the first and last that a unit of the outer layer sees."""
    first, last = outer.interval(unit)
    if first > last:
        return 0, -1
    if not gaps:
        return inner.interval(first)[0], inner.interval(last)[1]
    # After so many elements the phases come again, further on: only the first and the last round count.
    elements = range(first, last + 1, outer.step)
    around = inner.period // gcd(inner.period, outer.step)
    ends = elements if len(elements) <= 2 * around else (*elements[:around], *elements[-around:])
    work.spend(len(ends))
    seen = [inner.interval(element) for element in ends]
    lows = [low for low, high in seen if low <= high]
    return (min(lows), max(high for low, high in seen if low <= high)) if lows else (0, -1)


def _hull(fields: Sequence[Field], image: int, work: _Work) -> Field:
    """The hull of branches: tracks of the same stride become one; a branch that sees all of the image, alone."""
    groups: dict[Fraction, Track] = {}
    for track in (track for field in fields for track in field):
        if track.shift == 0 and track.lows[0] <= 0 and track.highs[0] >= image - 1:
            return (track,)
        rate = Fraction(track.shift, track.period)
        groups[rate] = _joined(groups[rate], track, work) if rate in groups else track
    return tuple(groups.values())


def _joined(a: Track, b: Track, work: _Work) -> Track:
    """The hull of two tracks of the same stride."""
    if a == b:
        return a
    period = lcm(a.period, b.period)
    work.spend(4 * period)
    lows, highs = [], []
    for unit in range(period):
        ends = [end for end in (a.interval(unit), b.interval(unit)) if end[0] <= end[1]]
        lows.append(min((low for low, _ in ends), default=0))
        highs.append(max((high for _, high in ends), default=-1))
    return Track(period, a.shift * period // a.period, tuple(lows), tuple(highs))


def _aligned(fields: Iterable[Field], work: _Work) -> bool:
    """Whether branches have the same stride, and the same centres on the average of a period: upsampling gives
    neighbouring units one field. Branches that see the whole image have no place."""
    placed = [field for field in fields if not _constant(field)]
    if any(len(field) > 1 for field in placed):
        return False
    tracks = {field[0] for field in placed}
    if len({Fraction(track.shift, track.period) for track in tracks}) > 1:
        return False
    period = lcm(*(track.period for track in tracks)) if tracks else 1
    work.spend(2 * period * len(tracks))
    return len({sum(sum(track.interval(unit)) for unit in range(period)) for track in tracks}) <= 1


Elements = Sequence[int]
"""Elements along one dimension, ascending: a range wherever possible."""


def seen_by(graph: Graph, layer: str | Node, unit: Sequence[int] = ()) -> tuple[Seen, ...]:
    """The pixels of the network's input that one unit of a layer sees, exactly, edges and holes included.

    Args:
        layer: the layer, or its name.
        unit: the unit's position, one number per spatial dimension; not needed once the output is flat.

    Returns:
        For each spatial dimension of the input the first and last pixel seen, and how many are seen.

    Raises:
        RequestError: the network has no such layer, or the layer no such unit.

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
    seen = _walk(graph, node.index, tuple(range(u, u + 1) for u in unit), _Work(graph))
    return tuple(Seen(axis[0], axis[-1], len(axis)) if axis else Seen(0, -1, 0) for axis in seen)


def _walk(graph: Graph, index: int, units: tuple[Elements, ...], work: _Work) -> tuple[Elements, ...]:
    """The input pixels that some units of a layer see, by walking back through the layers."""
    wanted: dict[int, tuple[Elements, ...]] = {index: units}
    for current in range(index, -1, -1):
        node = graph.nodes[current]
        if current not in wanted or node.is_input:
            continue
        units = wanted.pop(current)
        for source, sight in zip(node.inputs, work.sights(node), strict=True):
            work.spend(4)
            seen = _back(node, units, source.output, sight, work)
            if source.index in wanted:
                seen = tuple(_union(a, b, work) for a, b in zip(wanted[source.index], seen, strict=True))
            wanted[source.index] = seen
    return wanted.get(graph.inputs[0].index, ((),) * len(graph.input[1:]))


def _back(node: Node, units: tuple[Elements, ...], shape: Shape, sight: Sight, work: _Work) -> tuple[Elements, ...]:
    """The elements of one of a layer's inputs that some of the layer's units see."""
    if sight == ():
        return units
    if not all(units):
        return ((),) * (len(shape) - 1)
    if isinstance(sight, Reach):
        return tuple(range(n) for n in shape[1:])
    rows = zip(sight, units, shape[1:], node.output[1:], strict=True)
    axes: list[Elements] = []
    for window, axis, n, m in rows:
        if window == POINT:
            axes.append(axis)
        elif isinstance(window, Spread):
            axes.append(range(n))
        elif isinstance(window, Folded):
            work.spend(len(axis))
            axes.append(_tidy({window.position(unit, n) for unit in axis}))
        else:
            axes.append(_elements(_window_track(window, n, m, work), axis, n, work))
    return tuple(axes) if all(axes) else ((),) * len(axes)


def _elements(track: Track, units: Elements, n: int, work: _Work) -> Elements:
    """The elements from 0 to n - 1 that some units see through one layer."""
    if isinstance(units, range) and track.period == 1 and track.step == 1:
        width = track.highs[0] - track.lows[0] + 1
        if width >= track.shift * units.step:  # the windows leave no hole
            return range(max(track.interval(units[0])[0], 0), min(track.interval(units[-1])[1], n - 1) + 1)
    seen: set[int] = set()
    for unit in units:
        low, high = track.interval(unit)
        if low < 0:
            low += -(low // track.step) * track.step
        window = range(low, min(high, n - 1) + 1, track.step)
        if len(units) == 1:
            return window
        work.spend(1 + len(window))
        seen.update(window)
    return _tidy(seen)


def _union(a: Elements, b: Elements, work: _Work) -> Elements:
    """The elements in either."""
    if not a or not b:
        return a or b
    for outer, inner in ((a, b), (b, a)):
        if isinstance(outer, range) and outer.step == 1 and outer[0] <= inner[0] and inner[-1] <= outer[-1]:
            return outer
    work.spend(len(a) + len(b))
    return _tidy({*a, *b})


def _tidy(seen: set[int]) -> Elements:
    """A set of elements in order, as a range if they are equally spaced."""
    ordered = sorted(seen)
    if len(ordered) < 2:
        return range(ordered[0], ordered[0] + 1) if ordered else ()
    even = range(ordered[0], ordered[-1] + 1, ordered[1] - ordered[0])
    return even if len(even) == len(ordered) and all(a == b for a, b in zip(even, ordered, strict=True)) else ordered


def field_steps(graph: Graph, fields: Sequence[ReceptiveField], node: Node) -> list[Step]:
    """The arithmetic of a layer's receptive field, once where all dimensions are alike; none where the layer keeps
    its input's."""
    field = fields[node.index]
    columns = []
    for axis in range(len(field.size)):
        columns.append(
            [
                Step("receptive field", given=field.size[axis]),
                Step("effective padding", given=field.padding[axis]),
            ]
        )
    if not columns:
        return []
    if all([step.value for step in column] == [step.value for step in columns[0]] for column in columns):
        return columns[0]
    names = dimension_names(len(columns))
    return [
        Step(f"{step.label}, {name}", step.formula, step.values, step.given, step.reason)
        for name, column in zip(names, columns, strict=True)
        for step in column
    ]
