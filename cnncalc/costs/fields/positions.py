"""Sets of positions along one axis, as a few ranges, and boxes of them over all axes.

What a unit sees has edges and holes: it is a set, and here it is exact. A set is a tuple of ranges, each ascending,
that may overlap; what has no holes is one range of step 1, but for long sets that are very uneven at their ends.
"""

from __future__ import annotations

from bisect import bisect_right
from math import gcd
from operator import attrgetter
from typing import TypeAlias

from cnncalc.costs.fields.tracks import Taps, Work

Positions: TypeAlias = tuple[range, ...]
"""A set of positions along one axis; without a range where there is none."""

Box: TypeAlias = tuple[Positions, ...]
"""The positions whose place along each axis is in the axis' set; none of the sets is empty."""

_start = attrgetter("start")

SHORT = 64
"""The elements of ranges with holes up to which it is tried whether there are holes at all."""


def whole_box(sizes: tuple[int, ...]) -> Box:
    """All positions of a layer.

    >>> whole_box((4, 5))
    ((range(0, 4),), (range(0, 5),))
    """
    return tuple([(range(n),) for n in sizes])


def ends(positions: Positions) -> tuple[int, int]:
    """The first and the last position of a set that is not empty.

    >>> ends((range(3, 9, 2), range(2, 4)))
    (2, 7)
    """
    return min([part[0] for part in positions]), max([part[-1] for part in positions])


def count(positions: Positions, work: Work) -> int:
    """How many positions there are.

    >>> count((range(0, 9, 3), range(1, 9, 3), range(0, 5, 2)), Work(0))
    7
    """
    if len(positions) == 1:
        return len(positions[0])
    work.spend(sum(map(len, positions)))
    return len({position for part in positions for position in part})


def within(positions: Positions, n: int, work: Work) -> Positions:
    """Those of some positions that are from 0 to n - 1.

    >>> within((range(0, 9, 2),), 5, Work(0))
    (range(0, 5, 2),)
    """
    return positions if ends(positions)[1] < n else tidy([_clipped(part, n) for part in positions], work)


def seen_through(units: Positions, taps: Taps, n: int, work: Work) -> Positions:
    """The elements from 0 to n - 1 that some units see through one layer.

    >>> from cnncalc.costs.fields.tracks import taps
    >>> from cnncalc.ops.sight import Sliding
    >>> seen_through((range(2),), taps(Sliding(3, stride=4), 9, 2, Work(0)), 9, Work(0))
    (range(0, 3), range(4, 7))
    """
    found: list[range] = []
    for part in units:
        if part.step == 1 and taps.seamless:
            found.append(range(max(taps.seen(part[0])[0], 0), min(taps.seen(part[-1])[1] + 1, n)))
        else:
            found += _seen_by_phase(part, taps, n, work)
    return tidy(found, work)


def _seen_by_phase(units: range, taps: Taps, n: int, work: Work) -> list[range]:
    """What equally spaced units see, those of each phase of the taps together."""
    phases = taps.period // gcd(units.step, taps.period)
    stride, shift = units.step * phases, units.step * phases // taps.period * taps.shift
    work.spend(12 * min(phases, len(units)))
    found: list[range] = []
    for start in units[:phases]:
        span = taps.span(start)
        if span:
            members = len(range(start, units.stop, stride))
            found += _repeated(range(span[0], span[1] + 1, taps.step), members, shift, n, work)
    return found


def _repeated(window: range, times: int, shift: int, n: int, work: Work) -> list[range]:
    """The elements from 0 to n - 1 of a window and of its copies, each `shift` further."""
    step = window.step
    if times == 1 or (shift % step == 0 and len(window) * step >= shift):  # the copies meet
        return [_clipped(range(window[0], window[-1] + shift * (times - 1) + 1, step), n)]
    work.spend(4 * min(len(window), times))
    if len(window) <= times:
        return [_clipped(range(first, first + shift * times, shift), n) for first in window]
    moves = range(0, shift * times, shift)
    return [_clipped(range(window[0] + move, window[-1] + move + 1, step), n) for move in moves]


def _clipped(part: range, n: int) -> range:
    """The elements of a range that are from 0 to n - 1."""
    start = part.start if part.start >= 0 else part.start % part.step
    return range(start, min(part.stop, n), part.step)


def tidy(parts: list[range], work: Work) -> Positions:
    """The same set of fewer ranges, in order; none of them empty.

    >>> tidy([range(0, 9, 2), range(1, 9, 2), range(20, 21)], Work(0))
    (range(0, 9), range(20, 21))
    """
    some = {_plain(part) for part in parts if part}
    if len(some) <= 1:
        return tuple(some)
    work.spend(12 * len(some))
    solid, combs = _merged([part for part in some if part.step == 1]), [part for part in some if part.step > 1]
    if combs:
        filled, combs = _filled(combs)
        solid = _merged([*solid, *filled])
        work.spend(2 * len(combs) * len(combs))
        combs = [_plain(part) for comb in combs for part in _outside(comb, solid, work)]
        solid = _merged([*solid, *[part for part in combs if part.step == 1]])
        combs = [comb for comb in combs if comb.step > 1 and not any(_within(comb, other) for other in combs)]
    if combs and sum(map(len, combs)) < SHORT:  # they may still fill each other's holes
        whole = _merged([*solid, *[range(element, element + 1) for comb in combs for element in comb]])
        if len(whole) == 1:
            return tuple(whole)
    return tuple(sorted([*solid, *combs], key=lambda part: (part.start, part.step, part.stop)))


def _plain(part: range) -> range:
    """A range that is not empty; with the step 1 if it has one element."""
    return part if len(part) > 1 else range(part[0], part[0] + 1)


def _outside(comb: range, solid: list[range], work: Work) -> list[range]:
    """A range without what is in ranges without holes, which are in order and apart."""
    parts = []
    first = bisect_right(solid, comb[0], key=_start) - 1
    stretches = solid[max(first, 0) : bisect_right(solid, comb[-1], key=_start)]
    work.spend(4 + 4 * len(stretches))
    for stretch in stretches:
        before = max(-(-(stretch.start - comb.start) // comb.step), 0)
        through = max((stretch[-1] - comb.start) // comb.step + 1, 0)
        if before < through:
            parts.append(comb[:before])
            comb = comb[through:]
    return [part for part in (*parts, comb) if part]


def _within(part: range, other: range) -> bool:
    """Whether another range has all of a range's elements, and more."""
    return part != other and part[0] in other and part[-1] in other and part.step % other.step == 0


def _merged(parts: list[range]) -> list[range]:
    """Ranges of one step and one remainder, those that overlap or touch as one."""
    merged: list[range] = []
    for part in sorted(parts, key=lambda part: part.start):
        if merged and part.start <= merged[-1][-1] + part.step:
            merged[-1] = range(merged[-1].start, max(merged[-1][-1], part[-1]) + 1, part.step)
        else:
            merged.append(part)
    return merged


def _filled(combs: list[range]) -> tuple[list[range], list[range]]:
    """The stretches without holes that ranges with holes fill together; and the ranges, merged."""
    by_step: dict[int, dict[int, list[range]]] = {}
    for comb in combs:
        by_step.setdefault(comb.step, {}).setdefault(comb.start % comb.step, []).append(comb)
    filled: list[range] = []
    found: list[range] = []
    for step, classes in by_step.items():
        merged = [part for parts in classes.values() for part in _merged(parts)]
        start, last = max(part[0] for part in merged), min(part[-1] for part in merged)
        if len(classes) == len(merged) == step and start <= last:
            filled.append(range(start, last + 1))
        found += merged
    return filled, found
