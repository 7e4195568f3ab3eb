"""How the layers of a graph look at their inputs, worked out once for equal ops on equal inputs."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TypeAlias

from cnncalc.costs.fields.positions import Box, Positions, seen_through, whole_box, within
from cnncalc.costs.fields.tracks import Taps, Work, taps
from cnncalc.errors import RequestError
from cnncalc.graph import Graph, Node
from cnncalc.ops.base import Op, Shape, count
from cnncalc.ops.sight import WHOLE, Binned, Folded, Reach, Resampled, Sight, Sliding, Spread, Window

Look: TypeAlias = Taps | Spread | None
"""How units look along one axis: through taps; None where each sees its own position; `Spread` where each sees all."""

SPREAD = Spread()


class Lens:
    """How the units of a layer look at one of its inputs.

    Attributes:
        reach: WHOLE or UNKNOWN; None where there is a look along each axis.
        looks: those looks, one per axis.
        own: each unit sees its own position alone.
        sizes: the input's sizes along its axes.
        units: the layer's.
    """

    __slots__ = ("_alive", "_covers", "_work", "looks", "own", "reach", "sizes", "units")

    def __init__(self, reach: Reach | None, looks: tuple[Look, ...], sizes: Shape, units: Shape, work: Work) -> None:
        spread = bool(looks) and all(look is SPREAD for look in looks)
        self.reach = WHOLE if spread else reach
        self.looks = looks
        self.own = reach is None and all(look is None for look in looks)
        self.sizes = sizes
        self.units = units
        self._work = work
        self._covers: bool | None = None
        self._alive: dict[tuple[range, ...], tuple[range, ...] | None] = {}

    def back(self, box: Box) -> Box | None:
        """The positions of the input that a box of units sees; None if there is none."""
        if self.own and self.sizes == self.units:
            return box
        if self.reach is not None:
            return whole_box(self.sizes)
        seen = []
        for look, units, n in zip(self.looks, box, self.sizes, strict=True):
            positions = self._back(look, units, n)
            if not positions:
                return None
            seen.append(positions)
        return tuple(seen)

    def _back(self, look: Look, units: Positions, n: int) -> Positions:
        """The positions along one axis that some units see."""
        if look is None:
            return within(units, n, self._work)
        return seen_through(units, look, n, self._work) if isinstance(look, Taps) else (range(n),)

    @property
    def covers(self) -> bool:
        """Whether the layer's units together see every position of the input."""
        if self._covers is None:
            self._covers = self.back(whole_box(self.units)) == whole_box(self.sizes)
        return self._covers

    def alive(self, below: tuple[range, ...]) -> tuple[range, ...] | None:
        """Units that each see one of some positions of the input, stretches of them along each axis; not all such
        units, and None where none are found easily."""
        if below not in self._alive:
            if self.reach is not None:
                found = tuple(map(range, self.units))
            else:
                found = tuple(map(_alive, self.looks, below, self.units))
            self._alive[below] = found if all(found) else None
        return self._alive[below]


def _alive(look: Look, below: range, m: int) -> range:
    """Those of m units that surely see one of a stretch of positions."""
    if look is None:
        return range(below[0], min(below[-1] + 1, m))
    if not isinstance(look, Taps):
        return range(m)
    if look.seamless:
        first = bisect_left(range(m), below[0], key=lambda unit: look.seen(unit)[1])
        return range(first, bisect_right(range(m), below[-1], key=lambda unit: look.seen(unit)[0]))
    window = look.window
    if window is None or window.dilation > len(below):
        return range(0)
    first = -(-(below[0] + window.before - window.extent + 1) // window.stride)
    return range(max(first, 0), min((below[-1] + window.before) // window.stride + 1, m))


class Sights:
    """The lenses of a graph's nodes."""

    def __init__(self, graph: Graph | None, work: Work) -> None:
        """`graph` may be left out if only `found` is asked for."""
        self.work = work
        self._of: list[tuple[Lens, ...] | None] = [None] * (len(graph.nodes) if graph else 0)
        self._lenses: dict[tuple[Op, tuple[Shape, ...]], tuple[Lens, ...]] = {}
        self._equal: dict[tuple[Reach | tuple[Look, ...], Shape, Shape], Lens] = {}
        self._taps: dict[tuple[type, Window, int, int], Taps] = {}

    def of(self, node: Node) -> tuple[Lens, ...]:
        """How a node looks at its inputs, one lens for each.

        Raises:
            RequestError: the op says what cannot be.
        """
        found = self._of[node.index]
        if found is None:
            found = self._of[node.index] = self.found(node)
        return found

    def found(self, node: Node) -> tuple[Lens, ...]:
        """As `of`, for a node of any graph."""
        shapes = node.input_shapes
        key = (node.op, shapes)
        known = self._lenses.get(key)
        if known is None:
            sights = node.op.windows(*shapes)
            if len(sights) != len(shapes):
                raise _misfit(node, f"{count(len(sights), 'sight')} for {count(len(shapes), 'input')}")
            known = tuple([self._lens(node, sight, shape[1:]) for sight, shape in zip(sights, shapes, strict=True)])
            self._lenses[key] = known
        return known

    def _lens(self, node: Node, sight: Sight, sizes: Shape) -> Lens:
        """A node's lens on an input of some sizes; equal ones are one object."""
        units = node.output[1:]
        looks: tuple[Look, ...] = ()
        if not isinstance(sight, Reach):
            if not len(sight) == len(sizes) == len(units):
                axes = f"{count(len(sizes), 'spatial dimension')} in and {len(units)} out"
                raise _misfit(node, f"{count(len(sight), 'window')} for {axes}")
            rows = zip(sight, sizes, units, strict=True)
            looks = tuple([self._look(window, n, m) for window, n, m in rows])
        reach = sight if isinstance(sight, Reach) else None
        key = (reach or looks, sizes, units)
        if key not in self._equal:
            self._equal[key] = Lens(reach, looks, sizes, units, self.work)
        return self._equal[key]

    def _look(self, window: Window, n: int, m: int) -> Look:
        """How m units look at n positions."""
        if isinstance(window, Spread) or (isinstance(window, Binned) and window.bins == 1):
            return SPREAD
        key: tuple[type, Window, int, int]
        if isinstance(window, (Binned, Folded, Resampled)):
            key = (type(window), window, n, m)
        else:  # what the padding after it is does not matter, nor do the sizes
            key = (type(window), window._replace(after=0), 0, 0)
        if key not in self._taps:  # windows of different classes may be equal as tuples
            self._taps[key] = taps(window, n, m, self.work)
        found = self._taps[key]
        return None if found.window == Sliding() else found


def _misfit(node: Node, found: str) -> RequestError:
    """The error of an op whose windows do not fit its inputs."""
    hint = "one sight per input, which is WHOLE, UNKNOWN, or one window per spatial dimension"
    return RequestError(f"{node.name}: {node.op.kind} gives {found}", hint=hint)
