"""What a picture of a network is made of: boxes in rows, groups that hold boxes, edges with shapes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from cnncalc.graph import Node
from cnncalc.ops.base import Shape

ENTRY, EXIT = -1, -2
"""The ends of edges that come from outside the group, or go there."""


class Edge(NamedTuple):
    """From one box of a drawing to another, by their numbers; the shape of what goes there."""

    source: int
    target: int
    shape: Shape


class Slot(NamedTuple):
    """A place in a row: that of a box, or of the lane of what a box (or the outside) gives further down."""

    box: int
    lane: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """A layer or a group. `times` is how often it stands there one after the other."""

    name: str
    what: str
    output: Shape
    nodes: tuple[Node, ...]
    inside: Drawing | None = None
    times: int = 1

    @property
    def label(self) -> str:
        """The last part of the name; of a number, with the part before."""
        before, _, last = self.name.rpartition(".")
        return f"{before.rpartition('.')[2]}.{last}" if before and last.isdigit() else last


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes in rows, and the edges between them."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    rows: tuple[tuple[Slot, ...], ...]

    def leaves(self) -> Iterator[Box]:
        """The boxes that are not open."""
        for box in self.boxes:
            if box.inside is None:
                yield box
            else:
                yield from box.inside.leaves()
