"""What units see, worked out without `cnncalc.costs`: random networks, explicit sets of pixels, and gradients.

A `Case` is a random graph whose nodes know, from the options that were drawn and not from their ops, how they look
at each of their inputs. From that follow, unit by unit and with no arithmetic of intervals,

- `Case.seen`: the set of pixels that a unit sees within the image;
- `Case.span`: the first and the last pixel along each axis with padding counted, by the definition in
  `cnncalc/costs/receptive_field.py`;
- `gradients`: the pixels on which a unit has a gradient in PyTorch, whose own one-dimensional operations make the
  layers.

Run `python -m tests.oracles.fields 100000` to compare so many graphs; `--gradients 5000` for the gradients.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import gcd, lcm
from typing import Any, ClassVar

from cnncalc.costs.receptive_field import ReceptiveField, Seen, receptive_fields, seen_by
from cnncalc.errors import OpError, RequestError
from cnncalc.graph import Builder, Graph, Node
from cnncalc.ops import (
    AdaptiveAvgPool,
    Add,
    AvgPool,
    Concat,
    Conv,
    ConvTranspose,
    Flatten,
    GlobalAvgPool,
    GroupNorm,
    Linear,
    MaxPool,
    Multiply,
    Pad,
    ReLU,
    Upsample,
)
from cnncalc.ops.base import Op
from cnncalc.ops.sight import WHOLE, Binned, Resampled, Sight, Sliding, Spread, Transposed

Way = tuple[Any, ...]
"""How units look along one axis: a word and numbers."""

Position = tuple[int, ...]


def taps(way: Way, unit: int) -> list[int]:
    """The positions that a unit looks at, those beyond the edges too."""
    word, *numbers = way
    if word == "slide":
        kernel, stride, before, dilation = numbers
        return [unit * stride - before + dilation * t for t in range(kernel)]
    if word == "transposed":  # input i is added to the outputs i * stride - padding + dilation * t
        kernel, stride, padding, dilation = numbers
        places = [unit + padding - dilation * t for t in range(kernel)]
        return [place // stride for place in places if place % stride == 0]
    n, m = numbers
    if word == "nearest":
        return [unit * n // m]
    if word in ("linear", "corners"):
        middle = (unit + Fraction(1, 2)) * n / m - Fraction(1, 2)
        if word == "corners":
            middle = Fraction(unit * (n - 1), m - 1) if min(n, m) > 1 else Fraction(unit // m * n)
        return sorted({middle.__floor__(), middle.__ceil__()})
    assert word == "bins"
    return list(range(unit * n // m, -(-(unit + 1) * n // m)))


@dataclass
class Look:
    """How a node looks at one of its inputs: a way along each axis, "all" for all positions of the axis; or None for
    all of the input."""

    source: int
    ways: tuple[Way, ...] | None

    @property
    def anywhere_all(self) -> bool:
        return self.ways is not None and any(way[0] == "all" for way in self.ways)

    def all_along(self, axis: int) -> bool:
        return self.ways is not None and self.ways[axis][0] == "all"


@dataclass
class Case:
    """A random graph, and how its nodes look at their inputs."""

    graph: Graph
    looks: list[list[Look]]
    _ways: dict[tuple[int, int], list[Look]] = field(default_factory=dict)
    _periods: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    _seen: dict[tuple[int, int], dict[Position, int]] = field(default_factory=dict)
    _spans: dict[tuple[int, int, Position], tuple[tuple[int, int, bool], ...] | None] = field(default_factory=dict)
    _shown: dict[tuple[int, int], list[tuple[int, int] | None]] = field(default_factory=dict)

    # Within the image: sets of pixels, as the bits of a number.

    def seen(self, target: int, node: int) -> dict[Position, int]:
        """For each unit of a node the pixels of an input that it sees; pixel p of the flattened image is bit p."""
        key = target, node
        if key not in self._seen:
            units = positions(self.sizes(node))
            if node == target:
                self._seen[key] = {unit: 1 << bit for bit, unit in enumerate(units)}
            else:
                tables = [(look, self.seen(target, look.source)) for look in self.looks[node]]
                self._seen[key] = {
                    unit: union(self._bits(look, table, unit) for look, table in tables) for unit in units
                }
        return self._seen[key]

    def _bits(self, look: Look, table: dict[Position, int], unit: Position) -> int:
        if look.ways is None:
            return union(table.values())
        sizes = self.sizes(look.source)
        rows = [
            range(n) if way[0] == "all" else [p for p in taps(way, u) if 0 <= p < n]
            for way, u, n in zip(look.ways, unit, sizes, strict=True)
        ]
        return union(table[place] for place in product(*rows))

    def sizes(self, node: int) -> tuple[int, ...]:
        return self.graph.nodes[node].output[1:]

    def along(self, target: int, bits: int) -> list[list[int]]:
        """The pixels' places along each axis."""
        sizes = self.sizes(target)
        pixels = [pixel for bit, pixel in enumerate(positions(sizes)) if bits >> bit & 1]
        return [sorted({pixel[axis] for pixel in pixels}) for axis in range(len(sizes))]

    def together(self, target: int, node: int) -> list[list[int]]:
        """What all units of a node see, along each axis."""
        return self.along(target, union(self.seen(target, node).values()))

    # Past the edges: the first and the last pixel, and whether they are what a layer shows to all units alike.

    def span(self, target: int, node: int, unit: Position) -> tuple[tuple[int, int, bool], ...] | None:
        """What a unit sees of an input, first, last, and whether all units see the same; None for nothing."""
        key = target, node, unit
        if key not in self._spans:
            self._spans[key] = self._span(target, node, unit)
        return self._spans[key]

    def _span(self, target: int, node: int, unit: Position) -> tuple[tuple[int, int, bool], ...] | None:
        if node == target:
            return tuple((u, u, False) for u in unit)
        if not self.looks[node]:
            return None
        found = around(self.through(target, look, unit) for look in self.looks[node])
        if found is None:
            return found
        shown = self.shown(target, node)
        return tuple((*span, True) if span else old for span, old in zip(shown, found, strict=True))

    def through(self, target: int, look: Look, unit: Position) -> tuple[tuple[int, int, bool], ...] | None:
        """What a unit sees through one of its node's inputs."""
        everything = self.together(target, look.source) if look.ways is None or look.anywhere_all else []
        if not all(everything):
            return None
        if look.ways is None or (look.ways and all(way[0] == "all" for way in look.ways)):
            return tuple((axis[0], axis[-1], True) for axis in everything)
        sizes = self.sizes(look.source)
        rows = [range(n) if way[0] == "all" else taps(way, u) for way, u, n in zip(look.ways, unit, sizes, strict=True)]
        found = around(self.span(target, look.source, place) for place in product(*rows))
        if found is None or not everything or len(sizes) != len(everything):
            return found
        return tuple(
            (everything[axis][0], everything[axis][-1], True) if look.all_along(axis) else old
            for axis, old in enumerate(found)
        )

    def shown(self, target: int, node: int) -> list[tuple[int, int] | None]:
        """Along each axis what some branches show to all units, if the node's units see nothing else in the image."""
        key = target, node
        if key not in self._shown:
            looks = self.ways_to(target, node)
            axes = range(len(self.sizes(target)))
            several = len(looks) > 1
            self._shown[key] = [self._shown_along(target, node, looks, axis) if several else None for axis in axes]
        return self._shown[key]

    def _shown_along(self, target: int, node: int, looks: list[Look], axis: int) -> tuple[int, int] | None:
        same = [span for span in (self._same(target, node, look, axis) for look in looks) if span]
        if not same:
            return None
        first, last = min(span[0] for span in same), max(span[1] for span in same)
        seen = self.together(target, node)[axis]
        return (first, last) if not seen or (first <= seen[0] and seen[-1] <= last) else None

    def _same(self, target: int, node: int, look: Look, axis: int) -> tuple[int, int] | None:
        """What a branch shows to all of a node's units along an axis, if it is the same."""
        periods = self.periods(target, node)
        if not self.gaps(node):  # then what one unit sees alike with some others, it sees alike with all
            periods = [min(n, 4) for n in periods]
        found = None
        for number, unit in enumerate(product(*map(range, periods))):
            if number > LONGEST:
                raise TooLongError
            seen = self.through(target, look, unit)
            if seen is None or not seen[axis][2] or (found and seen[axis] != found):
                return None
            found = seen[axis]
        return found and found[:2]

    def gaps(self, node: int) -> bool:
        """Whether on a way to a node some units may see nothing."""
        ways = {way for look in self.looks[node] for way in look.ways or ()}
        if any(not all(taps(way, u) for u in range(way[2])) for way in ways if way[0] == "transposed"):
            return True
        return any(self.gaps(look.source) for look in self.looks[node])

    # How what is seen moves from unit to unit.

    def depends(self, target: int, node: int) -> bool:
        return node == target or bool(self.ways_to(target, node))

    def ways_to(self, target: int, node: int) -> list[Look]:
        """The looks at inputs that depend on a network's input."""
        key = target, node
        if key not in self._ways:
            self._ways[key] = [look for look in self.looks[node] if self.depends(target, look.source)]
        return self._ways[key]

    def periods(self, target: int, node: int) -> list[int]:
        """Units along each axis after which all comes again."""
        key = target, node
        if key not in self._periods:
            found = [1] * len(self.sizes(node))
            for look in self.ways_to(target, node):
                before = self.periods(target, look.source)
                for axis, way in enumerate(look.ways or ()):
                    units, shift = moves(way)
                    found[axis] = lcm(found[axis], units * before[axis] // gcd(shift, before[axis]))
            self._periods[key] = found
        return self._periods[key]

    def rates(self, target: int, node: int, axis: int) -> set[Fraction]:
        """How far what is seen moves per unit along an axis, on each way to the input; 0 where all see the same."""
        if node == target:
            return {Fraction(1)}
        if self.shown(target, node)[axis]:
            return {Fraction(0)}
        return {rate for look in self.ways_to(target, node) for rate in self.rates_through(target, look, axis)}

    def rates_through(self, target: int, look: Look, axis: int) -> set[Fraction]:
        if look.ways is None or len(look.ways) != len(self.sizes(target)) or look.all_along(axis):
            return {Fraction(0)}
        units, shift = moves(look.ways[axis])
        return {rate * shift / units for rate in self.rates(target, look.source, axis)}


class TooLongError(Exception):
    """After too many units all comes again, for all of them to be looked at one by one."""


LONGEST = 500


def moves(way: Way) -> tuple[int, int]:
    """After how many units a window is further on by how many positions."""
    word, *numbers = way
    if word == "slide":
        return 1, numbers[1]
    if word == "transposed":
        return numbers[1], 1
    if word == "all":
        return 1, 1
    n, m = numbers
    if word == "corners" and min(n, m) > 1:
        n, m = n - 1, m - 1
    return m // gcd(n, m), n // gcd(n, m)


def positions(sizes: Sequence[int]) -> list[Position]:
    """All positions of a layer, the last axis running fastest."""
    return list(product(*map(range, sizes)))


def union(bits: Iterable[int]) -> int:
    found = 0
    for some in bits:
        found |= some
    return found


def around(spans: Iterable[tuple[tuple[int, int, bool], ...] | None]) -> tuple[tuple[int, int, bool], ...] | None:
    """From the first to the last of several spans, along each axis."""
    some = {span for span in spans if span is not None}
    if not some:
        return None
    return tuple(
        (min(a[0] for a in axis), max(a[1] for a in axis), all(a[2] for a in axis)) for axis in zip(*some, strict=True)
    )


# Random graphs.

LIMITS = {0: (1, 1), 1: (20, 40), 2: (8, 12), 3: (4, 6)}
"""By the number of axes, the largest input and the largest layer."""


class Windows(Op, frozen=True):
    """An op of any sizes that looks in any way at its inputs."""

    number: int
    """Its place in `drawn`."""

    kind: ClassVar[str] = "windows"
    arity: ClassVar[int | None] = None
    drawn: ClassVar[list[tuple[tuple[int, ...], tuple[Sight, ...]]]] = []

    @classmethod
    def make(cls, output: tuple[int, ...], sights: tuple[Sight, ...]) -> Windows:
        cls.drawn.append((output, sights))
        return cls(len(cls.drawn) - 1)

    def output_shape(self, *inputs: tuple[int, ...]) -> tuple[int, ...]:
        return self.drawn[self.number][0]

    def windows(self, *inputs: tuple[int, ...]) -> tuple[Sight, ...]:
        return self.drawn[self.number][1]


class UnfitError(Exception):
    """What was drawn does not fit."""


class Drawing:
    """Draws a graph."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.builder = Builder()
        self.looks: list[list[Look]] = []
        self.axes = rng.choice((1, 1, 2, 2, 2, 3))
        self.largest_input, self.largest = LIMITS[self.axes]
        self.nodes = [self._input(number) for number in range(rng.choice((1, 1, 1, 1, 1, 1, 2, 2, 3)))]

    def case(self) -> Case:
        rng = self.rng
        for _ in range(rng.choice((1, 2, 3, 4, 5, 6))):
            source = self.nodes[-1] if rng.random() < 0.7 else rng.choice(self.nodes)
            try:
                step = rng.choices(
                    (self._op, self._branches, self._gate, self._strip, self._windows, self._end), WEIGHTS
                )
                self.nodes.append(step[0](source))
            except UnfitError:
                continue
        if rng.random() < 0.3:
            for end in (self._whole, self._flatten):
                if rng.random() < 0.7 and len(self.nodes[-1].output) > 1:
                    self.nodes.append(end(self.nodes[-1]))
        return Case(self.builder.graph(self.nodes[-1]), self.looks)

    def _input(self, number: int) -> Node:
        sizes = [] if number and self.rng.random() < 0.1 else [self._size() for _ in range(self.axes)]
        self.looks.append([])
        return self.builder.input(1, *sizes, name=f"input{number}")

    def _size(self) -> int:
        return self.rng.randint(1, self.largest_input)

    def _add(self, op: Op, sources: Sequence[Node], ways: Sequence[Sequence[Way] | None]) -> Node:
        """Add a node that looks at its sources in these ways.

        Raises:
            UnfitError: the op does not fit, or is too large.
        """
        try:
            output = op.output_shape(*(source.output for source in sources))
        except OpError as error:
            raise UnfitError from error
        if max(output[1:], default=1) > self.largest:
            raise UnfitError
        pairs = zip(sources, ways, strict=True)
        self.looks.append([Look(source.index, None if way is None else tuple(way)) for source, way in pairs])
        return self.builder.add(op, *sources)

    # Single ops: each draws its options and tells how its units look at the input.

    def _op(self, source: Node) -> Node:
        kinds = (self._conv, self._conv, self._pool, self._transposed, self._pad, self._upsample, self._adaptive)
        rest = (self._pointwise, self._whole)
        for _ in range(20):
            kind = self.rng.choice(kinds) if self.rng.random() < 0.93 else self.rng.choice(rest)
            try:
                return kind(source)
            except UnfitError:
                continue
        raise UnfitError

    def _axes(self, source: Node) -> range:
        if len(source.output) == 1:
            raise UnfitError
        return range(len(source.output) - 1)

    def _draw(self, source: Node, *choices: int) -> tuple[int, ...]:
        """One of some numbers for each axis; often the same."""
        number = self.rng.choice(choices)
        return tuple(number if self.rng.random() < 0.4 else self.rng.choice(choices) for _ in self._axes(source))

    def _conv(self, source: Node) -> Node:
        kernel, stride = self._draw(source, 1, 1, 2, 3, 3, 4), self._draw(source, 1, 1, 1, 2, 3)
        before, after = self._draw(source, 0, 0, 1, 1, 2, 3), self._draw(source, 0, 0, 1, 1, 2, 3)
        dilation = self._draw(source, 1, 1, 1, 2, 3)
        op = Conv(1, kernel, stride, tuple(zip(before, after, strict=True)), dilation)
        return self._add(
            op, [source], [[("slide", *way) for way in zip(kernel, stride, before, dilation, strict=True)]]
        )

    def _pool(self, source: Node) -> Node:
        kernel, stride, ceil = (
            self._draw(source, 1, 2, 2, 3, 4),
            self._draw(source, 1, 2, 2, 3),
            self.rng.random() < 0.3,
        )
        padding = tuple(self.rng.randint(0, k // 2) for k in kernel)
        dilation = (1,) * len(kernel)
        if self.rng.random() < 0.5:
            dilation = self._draw(source, 1, 1, 2)
            op: Op = MaxPool(kernel, stride, padding, dilation, ceil)
        else:
            op = AvgPool(kernel, stride, padding, ceil)
        return self._add(
            op, [source], [[("slide", *way) for way in zip(kernel, stride, padding, dilation, strict=True)]]
        )

    def _transposed(self, source: Node) -> Node:
        kernel, stride = self._draw(source, 1, 2, 3, 4), self._draw(source, 1, 2, 2, 3)
        padding, dilation = self._draw(source, 0, 0, 1, 2), self._draw(source, 1, 1, 2, 3)
        extra = self._draw(source, 0, 0, 0, 1, 2)
        op = ConvTranspose(1, kernel, stride, padding, extra, dilation)
        ways = zip(kernel, stride, padding, dilation, strict=True)
        return self._add(op, [source], [[("transposed", *way) for way in ways]])

    def _pad(self, source: Node) -> Node:
        before, after = self._draw(source, -3, -2, -1, 0, 0, 1, 2, 3), self._draw(source, -3, -2, -1, 0, 0, 1, 2, 3)
        return self._padded(source, before, after)

    def _padded(self, source: Node, before: Sequence[int], after: Sequence[int]) -> Node:
        op = Pad(tuple(zip(before, after, strict=True)))
        return self._add(op, [source], [[("slide", 1, 1, b, 1) for b in before]])

    def _upsample(self, source: Node) -> Node:
        sizes = source.output[1:]
        if self.rng.random() < 0.5:
            sizes = tuple(n * f for n, f in zip(sizes, self._draw(source, 1, 2, 2, 3), strict=True))
        else:
            sizes = tuple(self.rng.randint(1, self.largest) for _ in self._axes(source))
        return self._resampled(source, sizes)

    def _resampled(self, source: Node, sizes: Sequence[int]) -> Node:
        self._axes(source)
        word = self.rng.choice(("nearest", "linear", "corners"))
        ways = [(word, n, m) for n, m in zip(source.output[1:], sizes, strict=True)]
        mode, corners = ("linear", True) if word == "corners" else (word, False)
        return self._add(Upsample(size=tuple(sizes), mode=mode, align_corners=corners), [source], [ways])

    def _adaptive(self, source: Node) -> Node:
        return self._binned(source, [self.rng.randint(1, self._size()) for _ in self._axes(source)])

    def _binned(self, source: Node, sizes: Sequence[int]) -> Node:
        ways = [bins(n, m) for n, m in zip(source.output[1:], sizes, strict=True)]
        return self._add(AdaptiveAvgPool(tuple(sizes)), [source], [ways])

    def _pointwise(self, source: Node) -> Node:
        return self._add(ReLU(), [source], [[("slide", 1, 1, 0, 1)] * (len(source.output) - 1)])

    def _whole(self, source: Node) -> Node:
        axes = self._axes(source)
        op = self.rng.choice((GlobalAvgPool(), GlobalAvgPool(), GroupNorm(1), AdaptiveAvgPool((1,) * len(axes))))
        return self._add(op, [source], [None])

    # Several branches.

    def _branches(self, source: Node) -> Node:
        """Some branches from a node, or from others, brought to one size and merged."""
        ends = []
        for _ in range(self.rng.choice((2, 2, 2, 3))):
            end = source if self.rng.random() < 0.85 else self.rng.choice(self.nodes)
            for _ in range(self.rng.choice((0, 1, 1, 2, 3))):
                end = self._op(end)
            ends.append(end)
        return self._merge([self._fitted(end, ends[0].output[1:]) for end in ends])

    def _fitted(self, source: Node, sizes: tuple[int, ...]) -> Node:
        """A node brought to some sizes."""
        self._axes(source)
        if source.output[1:] == sizes:
            return source
        if len(source.output) != 1 + len(sizes):
            raise UnfitError
        how = self.rng.random()
        if how < 0.5:
            missing = [m - n for n, m in zip(source.output[1:], sizes, strict=True)]
            before = [self.rng.randint(min(0, gap) - 1, max(0, gap) + 1) for gap in missing]
            return self._padded(source, before, [gap - b for gap, b in zip(missing, before, strict=True)])
        return self._resampled(source, sizes) if how < 0.8 else self._binned(source, sizes)

    def _merge(self, ends: list[Node]) -> Node:
        channels = {end.output[0] for end in ends}
        op = self.rng.choice((Add(), Concat(), Multiply())) if len(channels) == 1 else Concat()
        return self._add(op, ends, [[("slide", 1, 1, 0, 1)] * (len(end.output) - 1) for end in ends])

    def _gate(self, source: Node) -> Node:
        """Squeeze and excitation."""
        return self._times(source, self._pointwise(self._whole(source)))

    def _strip(self, source: Node) -> Node:
        """As squeeze and excitation, along some of the axes."""
        keep = [self.rng.random() < 0.5 for _ in self._axes(source)]
        sizes = [n if kept else 1 for n, kept in zip(source.output[1:], keep, strict=True)]
        gate = self._binned(source, sizes)
        return self._times(source, self._conv_kept(gate) if self.rng.random() < 0.5 else gate)

    def _conv_kept(self, source: Node) -> Node:
        """A convolution that keeps the sizes."""
        ways = [("slide", 3, 1, 1, 1) for _ in self._axes(source)]
        return self._add(Conv(source.output[0], 3, padding=1), [source], [ways])

    def _times(self, source: Node, gate: Node) -> Node:
        if gate.output[0] != source.output[0]:
            raise UnfitError
        sizes = [max(n, m) for n, m in zip(source.output[1:], gate.output[1:], strict=True)]
        ways = [[spread(n, m) for n, m in zip(node.output[1:], sizes, strict=True)] for node in (source, gate)]
        return self._add(Multiply(), [source, gate], ways)

    def _windows(self, source: Node) -> Node:
        """An op that looks at two inputs in different ways."""
        sizes = self._conv(source).output[1:]
        other = self.rng.choice(self.nodes)
        sights, ways = zip(*(self._sight(node, sizes) for node in (source, other)), strict=True)
        return self._add(Windows.make((source.output[0], *sizes), sights), [source, other], ways)

    def _sight(self, source: Node, sizes: tuple[int, ...]) -> tuple[Sight, Sequence[Way] | None]:
        """A way to look at a node from a layer of some sizes."""
        if len(source.output) != 1 + len(sizes) or self.rng.random() < 0.15:
            return WHOLE, None
        found = [self._window(n, m) for n, m in zip(source.output[1:], sizes, strict=True)]
        return tuple(window for window, _ in found), [way for _, way in found]

    def _window(self, n: int, m: int) -> tuple[Any, Way]:
        """A way to look at n positions from m units, along one axis."""
        k, s, b, d = (self.rng.randint(*ends) for ends in ((1, 4), (1, 3), (-2, 3), (1, 3)))
        margin = d * (k - 1) - b
        return self.rng.choice(
            (
                (Sliding(k, s, b, 0, d), ("slide", k, s, b, d)),
                (Transposed(k, s, margin, 0, d), ("transposed", k, s, b, d)),
                (Binned(m), bins(n, m)),
                (Resampled(m), ("nearest", n, m)),
                (Resampled(m, True), ("linear", n, m)),
                (Resampled(m, True, corners=True), ("corners", n, m)),
                (Spread(), ("all", n, m)),
            )
        )

    # Ends.

    def _flatten(self, source: Node) -> Node:
        flat = self._add(Flatten(), [source], [None])
        return self._add(Linear(2), [flat], [None]) if self.rng.random() < 0.5 else flat

    def _end(self, source: Node) -> Node:
        """Flat, and an image again: of other sizes, and maybe with other axes."""
        flat = self._flatten(source)
        axes = self.axes if self.rng.random() < 0.6 else self.rng.randint(1, 3)
        sizes = [self.rng.randint(1, LIMITS[axes][0]) for _ in range(axes)]
        return self._add(Windows.make((1, *sizes), (WHOLE,)), [flat], [None])


WEIGHTS = (10, 8, 2, 2, 2, 1)


def bins(n: int, m: int) -> Way:
    """The bins of adaptive pooling; one bin is the whole axis."""
    return ("all", n, m) if m == 1 else ("bins", n, m)


def spread(n: int, m: int) -> Way:
    """Each unit's own position, or all of one that is spread."""
    return ("slide", 1, 1, 0, 1) if n == m else ("all", n, m)


def draw(seed: int) -> Case:
    """The random graph of a number."""
    return Drawing(random.Random(seed)).case()


# Comparisons. Each gives what differs, in words.


def differences(case: Case, rng: random.Random, units: int = 3) -> list[str]:
    """Every node's field, in every input, against all its units, and some units' pixels."""
    found: list[str] = []
    inputs = sorted(case.graph.inputs, key=lambda node: len(node.output) == 1)
    of_input = {node: receptive_fields(case.graph, node) for node in inputs}
    fields = receptive_fields(case.graph)
    for node in case.graph.nodes:
        first = next((target for target in inputs if case.depends(target.index, node.index)), None)
        if first is None:
            continue
        if fields[node.index] != of_input[first][node.index]:
            found.append(f"{node}: {fields[node.index]} is not that of {first.name}")
        for target in inputs:
            field_ = of_input[target][node.index]
            assert isinstance(field_, ReceptiveField)
            if not case.depends(target.index, node.index):
                found += [f"{node}: {field_} where nothing is read"] if field_.size or field_.input else []
            elif len(target.output) > 1:
                found += [
                    f"{node} in {target.name}: {text}"
                    for text in field_differences(case, target.index, node.index, field_)
                ]
    for _ in range(units):
        node = rng.choice(case.graph.nodes[-3:])
        unit = tuple(rng.randrange(n) for n in node.output[1:])
        target = rng.choice(inputs)
        expected = pixels(case, target.index, node.index, unit) if case.depends(target.index, node.index) else ()
        if (seen := seen_by(case.graph, node, unit, target)) != expected:
            found.append(f"{node}, unit {unit}: {seen} is not {expected}")
    return found


def pixels(case: Case, target: int, node: int, unit: Position) -> tuple[Seen, ...]:
    """What `seen_by` is to give."""
    axes = case.along(target, case.seen(target, node)[unit])
    return tuple(Seen(axis[0], axis[-1], len(axis)) if axis else Seen(0, -1, 0) for axis in axes)


def field_differences(case: Case, target: int, node: int, found: ReceptiveField) -> list[str]:
    """A field against the spans of all units of a node."""
    units = positions(case.sizes(node))
    spans = [case.span(target, node, unit) for unit in units]
    alive = [span for span in spans if span is not None]
    axes = range(len(case.sizes(target)))
    size = tuple(max((span[axis][1] - span[axis][0] + 1 for span in alive), default=0) for axis in axes)
    padding = tuple(None if spans[0] is None else -spans[0][axis][0] for axis in axes)
    centre = tuple(None if spans[0] is None else Fraction(sum(spans[0][axis][:2]), 2) for axis in axes)
    whole = len({*alive}) == 1 and all(axis[2] for axis in alive[0])
    same = (found.size, found.padding, found.centre, found.whole) == (size, padding, centre, whole)
    texts = [] if same else [f"{found} is not size {size}, padding {padding}, centre {centre}, whole {whole}"]
    for axis in axes:
        texts += _stride_differences(case, target, node, axis, found)
        if found.regular[axis]:
            stride = found.stride[axis]
            for unit, span in zip(units, spans, strict=True):
                start = unit[axis] * stride - _start(case, target, node, axis, stride)
                if span and (span[axis][0] != start or span[axis][1] != start + size[axis] - 1):
                    texts.append(f"not regular along {axis}: unit {unit} sees {span}")
    return texts


def _start(case: Case, target: int, node: int, axis: int, stride: Fraction) -> Fraction:
    """The padding, from any unit that sees something."""
    units = positions(case.sizes(node))
    unit, span = next((u, s) for u in units if (s := case.span(target, node, u)))
    return unit[axis] * stride - span[axis][0]


def _stride_differences(case: Case, target: int, node: int, axis: int, found: ReceptiveField) -> list[str]:
    """A stride against how the units' spans move, and against the strides on all ways to the input."""
    stride, rates = found.stride[axis], case.rates(target, node, axis)
    units = [unit for unit in positions(case.sizes(node)) if case.span(target, node, unit)]
    if not units:
        return [] if stride is None else [f"stride {stride} along {axis} of units that see nothing"]
    if stride is None:
        return [f"no stride along {axis} for {rates}"] if len(rates) == 1 and 0 not in rates else []
    if stride not in rates or (len(rates) == 1 and 0 in rates):
        return [f"stride {stride} along {axis} for {rates}"]
    period = case.periods(target, node)[axis]
    for unit in units:
        one = case.span(target, node, unit)
        next_one = case.span(target, node, (*unit[:axis], unit[axis] + period, *unit[axis + 1 :]))
        moved = tuple(end + stride * period for end in one[axis][:2])
        if next_one is None or next_one[axis][:2] != moved:
            return [f"stride {stride} along {axis}: unit {unit} sees {one}, {period} on {next_one}"]
    return []


# Gradients.


def gradients(case: Case, target: int, node: int, unit: Position) -> tuple[Seen, ...]:
    """The pixels on which a unit has a gradient, where every layer is a sum over what PyTorch's own one-dimensional
    operation looks at along each axis; a product of branches depends on all of them, and is a sum too."""
    import torch

    torch.set_num_threads(1)  # the sizes are small
    values: list[Any] = []
    for other in case.graph.nodes:
        sizes = other.output[1:]
        if other.is_input:
            values.append(torch.ones(sizes, dtype=torch.float64, requires_grad=other.index == target))
            continue
        parts = [through(values[look.source], look.ways, sizes) for look in case.looks[other.index]]
        value = sum(parts)
        values.append(value / value.detach().max().clamp(min=1))
    if values[node].grad_fn is None and node != target:
        return ()
    (gradient,) = torch.autograd.grad(values[node][unit], values[target], allow_unused=True)
    touched = torch.zeros(case.sizes(target), dtype=torch.bool) if gradient is None else gradient > 0
    seen = []
    for axis in range(touched.dim()):
        hits = sorted({int(place[axis]) for place in touched.nonzero()})
        seen.append(Seen(hits[0], hits[-1], len(hits)) if hits else Seen(0, -1, 0))
    return tuple(seen)


def through(value: Any, ways: Sequence[Way] | None, sizes: Sequence[int]) -> Any:
    """A layer's sums, of one of its inputs."""
    import torch

    if ways is None:
        return value.sum().expand(tuple(sizes))
    for axis, (way, m) in enumerate(zip(ways, sizes, strict=True)):
        table = matrix(way, value.shape[axis], m)
        value = torch.movedim(torch.tensordot(value, table, dims=([axis], [0])), -1, axis)
    return value


def matrix(way: Way, n: int, m: int) -> Any:
    """Which of n positions each of m units looks at, as PyTorch has it: a row per position, a column per unit."""
    import torch
    from torch.nn import functional as f

    word, *numbers = way
    spikes = torch.eye(n, dtype=torch.float64)[:, None]
    if word == "all":
        return torch.ones(n, m, dtype=torch.float64)
    if word == "slide":
        kernel, stride, before, dilation = numbers
        after = (m - 1) * stride + dilation * (kernel - 1) + 1 - n - before
        ones = torch.ones(1, 1, kernel, dtype=torch.float64)
        table = f.conv1d(padded(spikes, before, after), ones, stride=stride, dilation=dilation)
    elif word == "transposed":
        kernel, stride, padding, dilation = numbers
        ones = torch.ones(1, 1, kernel, dtype=torch.float64)
        table = f.conv_transpose1d(spikes, ones, stride=stride, dilation=dilation)
        table = padded(table, -padding, m - table.shape[2] + padding)
    elif word == "bins":
        table = f.adaptive_avg_pool1d(spikes, m)
    elif word == "corners":
        table = f.interpolate(spikes, size=m, mode="linear", align_corners=True)
    else:
        table = f.interpolate(spikes, size=m, mode=word)
    return (table[:, 0] > 1e-9).double()


def padded(value: Any, before: int, after: int) -> Any:
    """Zeros around the last axis; negative numbers cut."""
    from torch.nn import functional as f

    length = value.shape[-1] + before + after
    return f.pad(value, (max(before, 0), max(after, 0))).narrow(-1, max(-before, 0), length)


def main() -> None:
    """Compare many random graphs, and print how many, and those that differ."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("graphs", type=int, nargs="?", default=1000)
    parser.add_argument("--gradients", type=int, default=0, help="compare so many graphs' units with gradients as well")
    parser.add_argument("--start", type=int, default=0, help="the number of the first graph")
    options = parser.parse_args()
    wrong = refused = left_out = 0
    for seed in range(options.start, options.start + options.graphs):
        case, rng = draw(seed), random.Random(seed)
        try:
            texts = differences(case, rng)
            if seed < options.start + options.gradients:
                texts += gradient_differences(case, rng)
        except TooLongError:
            left_out += 1
            continue
        except RequestError as error:
            refused += 1
            print(f"{seed}: refused: {error}", flush=True)
            continue
        wrong += bool(texts)
        for text in texts[:3]:
            print(f"{seed}: {text}", flush=True)
    print(f"{options.graphs} graphs: {wrong} differ, {refused} refused, {left_out} left out as too long")
    sys.exit(bool(wrong or refused))


def gradient_differences(case: Case, rng: random.Random, units: int = 3) -> list[str]:
    """Some units' pixels against gradients."""
    found = []
    for _ in range(units):
        node = rng.choice(case.graph.nodes[-3:])
        unit = tuple(rng.randrange(n) for n in node.output[1:])
        target = next(target for target in case.graph.inputs if case.depends(target.index, node.index))
        seen, expected = seen_by(case.graph, node, unit, target), gradients(case, target.index, node.index, unit)
        if seen != expected:
            found.append(f"{node}, unit {unit}: {seen} is not {expected}, which has the gradients")
    return found


if __name__ == "__main__":
    main()
