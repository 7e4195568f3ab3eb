"""A network as a picture, without a form: boxes in rows, groups that hold boxes, edges with shapes.

Each group is a drawing of its own: its children stand in rows from the top down, a child below all that it reads. An
edge that skips rows goes through the rows between, in a lane of its own, so that no form has to find its way round
boxes. What one child gives to several shares one lane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cnncalc.graph import Graph, Node
from cnncalc.ops.base import Op, Shape, count
from cnncalc.render.drawing import ENTRY, EXIT, Box, Drawing, Edge, Slot
from cnncalc.views.common import MOST_LAYERS
from cnncalc.views.rows import describe

MOST_CHILDREN = 120
"""More children than these are drawn in runs of neighbours."""
MOST_KINDS = 4
"""A closed group names so many kinds of layers."""
SWEEPS = 4
"""How often the rows are put in order, down and up."""


def drawing(graph: Graph, depth: int | None = None, fold: bool = True) -> Drawing:
    """A network's drawing.

    Args:
        depth: groups within so many groups are closed; None for what suits the network's size.
        fold: a group that stands there several times in a chain is one box.

    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.zoo import load
    >>> [(box.name, box.times) for box in drawing(expand(load("resnet18")), depth=2).boxes[5].inside.boxes]
    [('conv2_x.1', 2)]
    """
    if depth is None:
        depth = 1 if len(graph.layers) > MOST_LAYERS else 1_000_000
    return _Artist(graph, depth, fold).drawing(graph.nodes, 0)


class _Artist:
    """Draws the scopes of one network.

    Attributes:
        graph: the network.
        outputs: the nodes whose tensors leave the network.
    """

    def __init__(self, graph: Graph, depth: int, fold: bool) -> None:
        self.graph = graph
        self.depth = depth
        self.fold = fold
        self.outputs = set(graph.outputs.values())

    def drawing(self, nodes: Sequence[Node], level: int) -> Drawing:
        """The drawing of the nodes of one scope, which is as deep as the level."""
        members: dict[str, list[Node]] = {}
        for node in nodes:
            name = node.scope.at(level + 1).path if node.scope.depth > level else node.name
            members.setdefault(name, []).append(node)
        boxes = [self.box(name, found, level) for name, found in members.items()]
        if self.fold:
            boxes = self.folded(boxes)
        return self.arranged(self.in_runs(boxes))

    def box(self, name: str, nodes: list[Node], level: int) -> Box:
        """The box of a layer, or of a group, open if it is not too deep."""
        group = nodes[0].scope.depth > level
        inside = self.drawing(nodes, level + 1) if group and level + 1 < self.depth else None
        return Box(name, _what(nodes), self.graph.end(nodes).output, tuple(nodes), inside)

    def in_runs(self, boxes: Sequence[Box]) -> list[Box]:
        """Very many boxes as runs of neighbours, each a group without a name of its own, which can be opened where
        nothing is folded."""
        found = list(boxes)
        while len(found) > MOST_CHILDREN:
            size = max(2, min(MOST_CHILDREN, -(-len(found) // MOST_CHILDREN)))
            found = [self.run(found[start : start + size]) for start in range(0, len(found), size)]
        return found

    def run(self, boxes: list[Box]) -> Box:
        """Neighbours as one box."""
        if len(boxes) == 1:
            return boxes[0]
        nodes = tuple(node for box in boxes for node in box.nodes)
        inside = None if self.fold else self.arranged(boxes)
        return Box(f"{boxes[0].name} to {boxes[-1].name}", _what(nodes), self.graph.end(nodes).output, nodes, inside)

    def folded(self, boxes: Sequence[Box]) -> list[Box]:
        """Boxes of the same layers, each reading the one before alone, as one box that stands there several times."""
        found: list[Box] = []
        last: Box | None = None
        signature: Signature | None = None
        for box in boxes:
            mine = None if box.nodes[0].is_input or len(box.nodes) < 2 else _signature(box)
            if last is not None and mine is not None and mine == signature and self.chained(last, box):
                found[-1] = replace(_together(found[-1], box), times=found[-1].times + 1)
            else:
                found.append(box)
            last, signature = box, mine
        return found

    def chained(self, before: Box, box: Box) -> bool:
        """Whether a box reads nothing but the last layer of the one before, which nobody else reads."""
        own = set(box.nodes)
        both = own | set(before.nodes)
        reads = {source for node in box.nodes for source in node.inputs} - own
        elsewhere = any(reader not in both for node in before.nodes for reader in self.graph.readers[node.index])
        return reads == {before.nodes[-1]} and not elsewhere and not self.outputs & set(before.nodes)

    def arranged(self, boxes: Sequence[Box]) -> Drawing:
        """The boxes in rows, with their edges."""
        owner = {node: number for number, box in enumerate(boxes) for node in box.nodes}
        edges: dict[Edge, None] = {}
        for number, box in enumerate(boxes):
            for node in box.nodes:
                for source in node.inputs:
                    from_ = owner.get(source, ENTRY)
                    if from_ != number:
                        edges[Edge(from_, number, source.output)] = None
        for node, number in owner.items():
            if any(reader not in owner for reader in self.graph.readers[node.index]):
                edges[Edge(number, EXIT, node.output)] = None
        return Drawing(tuple(boxes), tuple(edges), _rows(len(boxes), tuple(edges)))


def _what(nodes: Sequence[Node]) -> str:
    """What a box holds, in words."""
    if len(nodes) == 1:
        return "input" if nodes[0].is_input else describe(nodes[0].op)
    kinds = list(dict.fromkeys(node.op.kind for node in nodes))
    more = ", ..." if len(kinds) > MOST_KINDS else ""
    return f"{count(len(nodes), 'layer')}: {', '.join(kinds[:MOST_KINDS])}{more}"


Signature = tuple[tuple[Op, tuple[int | Shape, ...]], ...]


def _signature(box: Box) -> Signature:
    """What a box computes: its ops, and for each what it reads, by its place in the box or by its shape."""
    places = {node: place for place, node in enumerate(box.nodes)}
    return tuple((node.op, tuple(places.get(source, source.output) for source in node.inputs)) for node in box.nodes)


def _together(first: Box, again: Box) -> Box:
    """Two boxes of the same layers as the first, which holds the layers of both."""
    inside = first.inside
    if inside is not None and again.inside is not None:
        boxes = tuple(map(_together, inside.boxes, again.inside.boxes))
        inside = replace(inside, boxes=boxes)
    return replace(first, nodes=first.nodes + again.nodes, inside=inside)


def _rows(count: int, edges: Sequence[Edge]) -> tuple[tuple[Slot, ...], ...]:
    """The rows: each box below those that it reads, lanes for edges that skip rows, in an order with few crossings."""
    inner = {edge for edge in edges if edge.target >= 0 and edge.source < edge.target}
    rank = [0] * count
    for edge in sorted(inner, key=lambda edge: edge.target):
        if edge.source >= 0:
            rank[edge.target] = max(rank[edge.target], rank[edge.source] + 1)
    height = max(rank, default=-1) + 1
    rows: list[list[Slot]] = [[] for _ in range(height)]
    for box in range(count):
        rows[rank[box]].append(Slot(box))
    last: dict[int, int] = {}
    for edge in edges:
        if edge.target == EXIT or edge in inner:
            to = height if edge.target == EXIT else rank[edge.target]
            last[edge.source] = max(last.get(edge.source, 0), to)
    for source, end in last.items():
        for row in range(rank[source] + 1 if source >= 0 else 0, end):
            rows[row].append(Slot(source, lane=True))
    above, below = _neighbours(rows, rank, edges)
    for _ in range(SWEEPS if max(map(len, rows), default=0) > 1 else 0):
        moved = _sweep(rows, above, range(1, height))
        if not _sweep(rows, below, range(height - 2, -1, -1)) and not moved:
            break
    else:
        _sweep(rows, above, range(1, height))
    return tuple(tuple(row) for row in rows)


Neighbours = dict[tuple[int, Slot], list[Slot]]


def _neighbours(rows: list[list[Slot]], rank: list[int], edges: Sequence[Edge]) -> tuple[Neighbours, Neighbours]:
    """For each slot of each row those that it is joined to in the row above, and in the row below."""
    above: Neighbours = {}
    below: Neighbours = {}

    def join(row: int, upper: Slot, lower: Slot) -> None:
        above.setdefault((row + 1, lower), []).append(upper)
        below.setdefault((row, upper), []).append(lower)

    for row, slots in enumerate(rows):
        for slot in slots:
            if slot.lane and row:
                join(row - 1, Slot(slot.box, slot.box < 0 or rank[slot.box] < row - 1), slot)
    for edge in edges:
        if edge.target >= 0 and edge.source < edge.target:
            row = rank[edge.target]
            if row and (edge.source < 0 or rank[edge.source] < row):
                straight = edge.source >= 0 and rank[edge.source] == row - 1
                join(row - 1, Slot(edge.source, not straight), Slot(edge.target))
    return above, below


def _sweep(rows: list[list[Slot]], neighbours: Neighbours, order: range) -> bool:
    """Put each row in the order of the middle of its slots' neighbours in the row before; lanes after boxes. Whether
    anything moved."""
    step, moved = order.step, False
    for row in order:
        if len(rows[row]) < 2:
            continue
        place = {slot: index for index, slot in enumerate(rows[row - step])}
        middle = {}
        for index, slot in enumerate(rows[row]):
            near = [place[other] for other in neighbours.get((row, slot), ()) if other in place]
            middle[slot] = sum(near) / len(near) if near else float(index)
        found = sorted(rows[row], key=lambda slot: (middle[slot], slot.lane))
        moved = moved or found != rows[row]
        rows[row] = found
    return moved
