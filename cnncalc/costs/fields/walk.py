"""Walks from units of a layer back to the pixels of one of the network's inputs that they see.

Nothing is approximated: what lies on padding is no pixel, holes are left out, and a unit whose window along one axis
holds nothing sees nothing through this branch, whatever it would see along the others.
"""

from __future__ import annotations

from bisect import bisect_left
from heapq import heappop, heappush

from cnncalc.costs.fields.positions import Box, Positions, tidy, whole_box
from cnncalc.costs.fields.sights import Lens, Sights
from cnncalc.graph import Graph, Node
from cnncalc.ops.sight import UNKNOWN

SHORT_WALKS = 4


class Walk:
    """Walks back to one input of a network.

    Args:
        graph: the network.
        target: the input, by its index.
        sights: how its nodes look at their inputs.
    """

    def __init__(self, graph: Graph, target: int, sights: Sights) -> None:
        self.nodes = graph.nodes
        self.target = target
        self.sights = sights
        self.work = sights.work
        self._walked = 0
        self._together: dict[int, Box | None] = {}
        self._alive: list[tuple[range, ...] | None] = []
        self._depends: list[bool] = []

    def depends(self, index: int) -> bool:
        """Whether a node reads the input, on whatever way."""
        found = self._depends
        if index >= len(found):
            for node in self.nodes[len(found) : index + 1]:
                found.append(node.index == self.target or True in [found[source.index] for source in node.inputs])
        return found[index]

    def seen(self, index: int, box: Box) -> Box | None:
        """The pixels that a box of units of a node sees, along each axis; None if they see none.

        Raises:
            UnknownSight: a layer on the way does not say what its units see.
        """
        found = self._down({index: [box]}, through=True)
        assert not isinstance(found, int)
        return found

    def together(self, index: int) -> Box | None:
        """The pixels that all units of a node see, along each axis; None if they see none.

        Raises:
            UnknownSight: a layer on the way does not say what its units see.
        """
        # A few walks are shortest each on its own. Where there are many, what all units see is worked out for every
        # node that they meet, so that none of them is walked through again.
        if index not in self._together and self._walked < SHORT_WALKS:
            self._walked += 1
            found = self._down({index: [whole_box(self.nodes[index].output[1:])]}, through=True)
            assert not isinstance(found, int)
            self._together[index] = found
        stack = [index]
        while stack:
            current = stack[-1]
            missing = () if current in self._together else self._gather(current)
            if missing:
                stack += missing
            else:
                stack.pop()
        return self._together[index]

    def _gather(self, index: int) -> list[int]:
        """Work out what all units of a node see, or tell of which other nodes this must be known first."""
        if index == self.target:
            self._together[index] = whole_box(self.nodes[index].output[1:])
            return []
        parts: list[Box | None] = []
        missing: list[int] = []
        partly: dict[int, list[Box]] = {}
        for source, lens in self._ways(index):
            if not lens.covers:
                box = lens.back(whole_box(lens.units))
                if box is not None:
                    partly.setdefault(source, []).append(box)
            elif source in self._together:
                parts.append(self._together[source])
            else:
                missing.append(source)
        if partly and not missing:
            found = self._down(partly, through=False)
            if isinstance(found, int):
                return [found]
            parts.append(found)
        if not missing:
            self._together[index] = self._union(parts)
        return missing

    def _ways(self, index: int) -> list[tuple[int, Lens]]:
        """The nodes that a node reads and that depend on the input, and how it looks at them."""
        node = self.nodes[index]
        lenses = self.sights.of(node)
        self.work.spend(16 * len(lenses))
        self.depends(index)
        ways = []
        for source, lens in zip(node.inputs, lenses, strict=True):
            if self._depends[source.index]:
                if lens.reach is UNKNOWN:
                    raise UnknownSight(node.name)
                ways.append((source.index, lens))
        return ways

    def _down(self, wanted: dict[int, list[Box]], through: bool) -> Box | int | None:
        """What boxes of units, by their nodes' indices, see together.

        Where all units of a node are met of which it is known what they see, that is taken. Where it is not known,
        the walk goes on `through` the node; or else the node's index is returned, for it to be worked out.
        """
        found: list[Box | None] = []
        heap = sorted(-index for index in wanted)
        while heap:
            index = -heappop(heap)
            boxes = wanted.pop(index)
            if len(boxes) > 1:
                boxes = self._merged(index, boxes)
            if index == self.target:
                found += boxes
                continue
            if (not through or index in self._together) and boxes == [whole_box(self.nodes[index].output[1:])]:
                if index not in self._together:
                    return index
                found.append(self._together[index])
                continue
            for source, lens in self._ways(index):
                self.work.spend(8 * len(boxes))
                for box in boxes:
                    part = lens.back(box)
                    if part is None:
                        continue
                    if source in wanted:
                        wanted[source].append(part)
                    else:
                        wanted[source] = [part]
                        heappush(heap, -source)
        return self._union(found)

    def _union(self, boxes: list[Box | None]) -> Box | None:
        """The smallest box around several: the union of their positions along each axis."""
        some = list(dict.fromkeys(box for box in boxes if box is not None))
        if len(some) < 2:
            return some[0] if some else None
        return tuple(tidy([part for axis in axes for part in axis], self.work) for axes in zip(*some, strict=True))

    def _merged(self, index: int, boxes: list[Box]) -> list[Box]:
        """The same units of a node in fewer boxes; or in boxes that are larger, and see the same pixels."""
        if len(boxes) == 1:
            return boxes
        merged: list[Box] = []
        for box in dict.fromkeys(boxes):
            self._add(merged, box)
        sure = self.alive(index) if len(merged) > 1 else None
        if sure is None:
            return merged
        # A box that holds a unit that sees something on every way down never comes to nothing on one of them, and
        # so its positions along one axis never depend on those along another.
        safe = [box for box in merged if all(map(_meet, box, sure))]
        rest = [box for box in merged if box not in safe]
        around = self._union([*safe])
        return [around, *rest] if around is not None else rest

    def _add(self, merged: list[Box], box: Box) -> None:
        """Add a box to others, made one with those with which it makes a box."""
        at = 0
        while at < len(merged):
            self.work.spend(40)
            joined = self._joined(merged[at], box)
            if joined is None:
                at += 1
            else:
                merged.pop(at)
                box, at = joined, 0
        merged.append(box)

    def _joined(self, a: Box, b: Box) -> Box | None:
        """The union of two boxes, if it is a box: one is in the other, or they differ along one axis."""
        both = self._union([a, b])
        if both in (a, b) or sum(x != y for x, y in zip(a, b, strict=True)) <= 1:
            return both
        return None

    def alive(self, index: int) -> tuple[range, ...] | None:
        """Units of a node, stretches along each axis, that see a pixel on every way down to the input. There may be
        more; None where none are found easily."""
        found = self._alive
        if index >= len(found):
            for node in self.nodes[len(found) : index + 1]:
                found.append(self._alive_in(node))
        return found[index]

    def _alive_in(self, node: Node) -> tuple[range, ...] | None:
        """As `alive`, the nodes before being known."""
        if node.index == self.target:
            return tuple(map(range, node.output[1:]))
        common: tuple[range, ...] | None = None
        for source, lens in zip(node.inputs, self.sights.of(node), strict=True):
            if self.depends(source.index):
                below = self._alive[source.index]
                found = None if below is None else lens.alive(below)
                if found is None:
                    return None
                common = found if common in (None, found) else _common(common or (), found)
                if not all(common):
                    return None
        return common


def _meet(positions: Positions, stretch: range) -> bool:
    """Whether some of the positions lie in a stretch."""
    firsts = (bisect_left(part, stretch.start) for part in positions)
    return any(first < len(part) and part[first] in stretch for first, part in zip(firsts, positions, strict=True))


def _common(a: tuple[range, ...], b: tuple[range, ...]) -> tuple[range, ...]:
    """The positions that are in both of two stretches along each axis."""
    return tuple([range(max(x.start, y.start), min(x.stop, y.stop)) for x, y in zip(a, b, strict=True)])


class UnknownSight(Exception):
    """What a unit sees depends on a layer that does not say what its units see; the message is its name."""
