"""A drawing of a network as SVG: boxes, groups around them, edges as curves from the top down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from cnncalc.ops.base import show
from cnncalc.render.drawing import ENTRY, EXIT, Box, Drawing, Slot
from cnncalc.render.table import printable

FONT = 11.0
LETTER = 0.58 * FONT  # the mean width of a letter
LINE = 1.35 * FONT
PAD = 8.0
GAP = 18.0  # between slots of a row
LANE = 8.0
ROW_GAP = 26.0
WIDEST = 34  # letters in a line

# Okabe and Ito's colours, which people tell apart whatever their eyes, in a light tint by family of ops.
TINTS = {
    "conv": "#cfe5f5",
    "linear": "#f7d9c4",
    "pool": "#cdeee2",
    "norm": "#f6efc2",
    "merge": "#f0d5e4",
    "input": "#e4e4e4",
    "": "#f4f4f4",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: its upper left corner and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """The middle across."""
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Layout:
    """A drawing with sizes: where each box stands, where each lane crosses each row, and the layouts of open boxes."""

    drawing: Drawing
    width: float
    height: float
    boxes: tuple[Place, ...]
    rows: tuple[tuple[float, float], ...]  # the top and the bottom of each row
    lanes: dict[tuple[int, int], float]  # row and box: the lane's x
    inside: tuple[Layout | None, ...]


def texts(box: Box) -> list[str]:
    """The lines of text in a box."""
    times = f" \N{MULTIPLICATION SIGN}{box.times}" if box.times > 1 else ""
    if box.inside is not None:
        return [_cut(box.label + times)]
    what = [] if box.what == box.label else _broken(box.what)
    return [_cut(box.label + times), *what, show(box.output)]


def _broken(text: str) -> list[str]:
    """A text in lines that fit a box."""
    import textwrap

    return textwrap.wrap(printable(text), WIDEST)[:3]


def _cut(text: str) -> str:
    text = printable(text)
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


def layout(drawing: Drawing) -> Layout:
    """A drawing with sizes and places."""
    inside = tuple(layout(box.inside) if box.inside else None for box in drawing.boxes)
    sizes = [_size(box, within) for box, within in zip(drawing.boxes, inside, strict=True)]
    widths = [[LANE if slot.lane else sizes[slot.box][0] for slot in row] for row in drawing.rows]
    middles = _middles(drawing, widths)
    left = min((m[0] - w[0] / 2 for m, w in zip(middles, widths, strict=True) if w), default=0.0)
    right = max((m[-1] + w[-1] / 2 for m, w in zip(middles, widths, strict=True) if w), default=0.0)
    places: list[Place] = [Place(0, 0, 0, 0)] * len(sizes)
    lanes, rows, top = {}, [], 0.0
    for number, (row, middle) in enumerate(zip(drawing.rows, middles, strict=True)):
        height = max((sizes[slot.box][1] for slot in row if not slot.lane), default=0.0)
        for slot, x in zip(row, middle, strict=True):
            if slot.lane:
                lanes[number, slot.box] = x - left
            else:
                width, own = sizes[slot.box]
                places[slot.box] = Place(x - left - width / 2, top + (height - own) / 2, width, own)
        rows.append((top, top + height))
        top += height + ROW_GAP
    height = max(top - ROW_GAP, 0.0)
    return Layout(drawing, right - left, height, tuple(places), tuple(rows), lanes, inside)


def _size(box: Box, inside: Layout | None) -> tuple[float, float]:
    """The width and height of a box."""
    lines = texts(box)
    width = max(map(len, lines)) * LETTER + 2 * PAD
    if inside is None:
        return max(width, 60.0), len(lines) * LINE + PAD
    return max(width, inside.width + 2 * PAD), LINE + inside.height + 2 * ROW_GAP


def _middles(drawing: Drawing, widths: list[list[float]]) -> list[list[float]]:
    """Where the slots of each row stand across: near what they read, without overlap; boxes weigh more than lanes."""
    owners = {slot.box: number for number, row in enumerate(drawing.rows) for slot in row if not slot.lane}
    sources: dict[int, list[int]] = {}
    for edge in drawing.edges:
        if edge.target >= 0 and edge.source != edge.target:
            sources.setdefault(edge.target, []).append(edge.source)
    found: list[list[float]] = []
    above: dict[Slot, float] = {}
    for number, (row, width) in enumerate(zip(drawing.rows, widths, strict=True)):
        wanted: list[float | None] = []
        for slot in row:
            upper = [slot.box] if slot.lane else sources.get(slot.box, [])
            near = [
                (above[s], 1.0 if not s.lane else 0.05)
                for box in upper
                for s in (Slot(box, not (box >= 0 and owners[box] == number - 1)),)
                if s in above
            ]
            wanted.append(sum(x * w for x, w in near) / sum(w for _, w in near) if near else None)
        middles = spread([0.0 if x is None else x for x in wanted], width, [slot.lane for slot in row])
        found.append(middles)
        above = dict(zip(row, middles, strict=True))
    return found


def spread(wanted: Sequence[float], widths: Sequence[float], lanes: Sequence[bool]) -> list[float]:
    """Places in order without overlap, as near to those wanted as can be: neighbours that would overlap are moved
    together (pool adjacent violators).

    >>> spread([0, 0], [10, 10], [False, False])
    [-14.0, 14.0]
    """
    blocks: list[tuple[float, float, int]] = []  # where the block's origin wants to be, its weight, how many
    offsets, offset = [], 0.0
    for index, width in enumerate(widths):
        offset += (widths[index - 1] + width) / 2 + GAP if index else 0.0
        offsets.append(offset)
        block = (wanted[index] - offset, 0.02 if lanes[index] else 1.0, 1)
        while blocks and blocks[-1][0] > block[0]:
            origin, weight, many = blocks.pop()
            total = weight + block[1]
            block = ((origin * weight + block[0] * block[1]) / total, total, many + block[2])
        blocks.append(block)
    origins = [origin for origin, _, many in blocks for _ in range(many)]
    return [origin + offset for origin, offset in zip(origins, offsets, strict=True)]


def svg(drawing: Drawing, title: str = "", width: float | None = None) -> str:
    """A drawing as an SVG document.

    Args:
        title: what stands above it, and what a screen reader says.
        width: in pixels of 1/96 inch; as wide as it needs if None.
    """
    found = layout(drawing)
    head = 2 * LINE if title else PAD
    # Outputs of the network come out below, inputs stand on top: only inner edges are left at this level.
    full = max(found.width, len(title) * LETTER * 1.1) + 2 * PAD
    high = found.height + head + PAD
    lines = [_group(found, (full - found.width) / 2, head, top=True)]
    if title:
        lines.insert(0, _text(full / 2, LINE, title, 'font-weight="bold"'))
    shown = width or full
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{shown:.2f}" height="{high * shown / full:.2f}" '
        f'viewBox="0 0 {full:.2f} {high:.2f}" font-family="Helvetica, Arial, sans-serif" font-size="{FONT}" role="img">'
        f"<title>{_safe(title or 'A network')}</title>"
        f'<rect width="{full:.2f}" height="{high:.2f}" fill="#ffffff"/>\n' + "\n".join(lines) + "\n</svg>\n"
    )


def _group(found: Layout, x: float, y: float, top: bool = False) -> str:
    """The boxes and edges of a drawing at a place."""
    parts = [_edge(found, edge.source, edge.target, x, y) for edge in found.drawing.edges]
    parts += [
        _box(box, place, inside, x, y)
        for box, place, inside in zip(found.drawing.boxes, found.boxes, found.inside, strict=True)
    ]
    return "\n".join(parts)


def _box(box: Box, place: Place, inside: Layout | None, x: float, y: float) -> str:
    """A box with its texts, or with what it holds."""
    left, top = x + place.x, y + place.y
    fill = "#fafafa" if inside else tint(box)
    parts = [
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{place.width:.1f}" height="{place.height:.1f}" rx="4" '
        f'fill="{fill}" stroke="#555555" stroke-width="0.8"/>'
    ]
    lines = texts(box)
    for number, line in enumerate(lines):
        style = 'font-weight="bold"' if number == 0 else 'fill="#333333"'
        parts.append(_text(left + place.width / 2, top + LINE * (number + 0.9), line, style))
    if inside:
        parts.append(_group(inside, left + (place.width - inside.width) / 2, top + LINE + ROW_GAP))
    return "\n".join(parts)


def tint(box: Box) -> str:
    """The colour of a box: that of the layers in it that have most to say."""
    kinds = {node.op.kind for node in box.nodes}
    families = (
        ("conv", ("conv", "depthwise")),
        ("linear", ("linear",)),
        ("pool", ("pool",)),
        ("norm", ("norm",)),
        ("merge", ("add", "concat", "multiply")),
        ("input", ("input",)),
    )
    for family, marks in families:
        if any(mark in kind for kind in kinds for mark in marks):
            return TINTS[family]
    return TINTS[""]


def _edge(found: Layout, source: int, target: int, x: float, y: float) -> str:
    """An edge as a curve: down from its source, through its lanes, to its target."""
    rows, places = found.rows, found.boxes
    entry = found.width / 2
    first, last = _row_of(found, source), _row_of(found, target)
    start = (entry, -ROW_GAP) if source == ENTRY else (places[source].middle, places[source].y + places[source].height)
    end = (entry, found.height + ROW_GAP) if target == EXIT else (places[target].middle, places[target].y)
    points = [start]
    if source != ENTRY and first < last:
        points.append((start[0], rows[first][1]))
    for row in range(first + 1, last):
        if (row, source) in found.lanes:
            lane = found.lanes[row, source]
            points += [(lane, rows[row][0]), (lane, rows[row][1])]
    if target != EXIT and first < last:
        points.append((end[0], rows[last][0]))
    points.append(end)
    path = f"M{x + start[0]:.1f} {y + start[1]:.1f}"
    for (ax, ay), (bx, by) in pairwise(points):
        bend = (by - ay) / 2
        straight = abs(ax - bx) < 0.05
        path += (
            f"V{y + by:.1f}"
            if straight
            else f"C{x + ax:.1f} {y + ay + bend:.1f} {x + bx:.1f} {y + by - bend:.1f} {x + bx:.1f} {y + by:.1f}"
        )
    tip = f"M{x + end[0] - 3:.1f} {y + end[1] - 5:.1f}L{x + end[0]:.1f} {y + end[1]:.1f}l3 -5z"
    arrow = "" if target == EXIT else f'<path d="{tip}" fill="#555555"/>'
    return f'<path d="{path}" fill="none" stroke="#555555" stroke-width="1"/>{arrow}'


def _row_of(found: Layout, box: int) -> int:
    """The row of a box; before the first for what comes in, after the last for what goes out."""
    if box == ENTRY:
        return -1
    if box == EXIT:
        return len(found.rows)
    place = found.boxes[box]
    middle = place.y + place.height / 2
    return next(row for row, (top, bottom) in enumerate(found.rows) if top - 0.01 <= middle <= bottom + 0.01)


def _text(x: float, y: float, text: str, more: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" {more}>{_safe(text)}</text>'


def _safe(text: str) -> str:
    """Text that can be no markup."""
    return escape(printable(text))
