"""Intervals that repeat: what the units of a layer see along one axis, and how two layers compose.

Along an axis the units are numbered by the whole numbers, those beyond the layer's edges too: unit u sees the
elements of an interval, or none, and unit u + period sees the same ones `shift` further. Of a single layer these are
its `Taps`; of all layers from the network's input to it, its `Track`, which holds the first and the last pixel alone.
All of it is whole numbers: nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import gcd, lcm
from typing import TypeAlias

from cnncalc.errors import RequestError
from cnncalc.formula import Formula
from cnncalc.ops.sight import Binned, Folded, Resampled, Sliding, Transposed, Window

# mypy: disable-error-code="no-untyped-def"

LARGEST = 10**18
"""Pixels beyond which no field is worked out."""

STEPS = 4_000_000
"""The steps that any network may take, each about a quarter of a microsecond."""

STEPS_PER_INPUT = 120
"""And those for each input that a node reads."""


@Formula
def field_size(r, k, j):
    """The field of the layer before (r), and the kernel's reach in the strides before (j)."""
    return r + (k - 1) * j


@Formula
def dilated_field_size(r, d, k, j):
    """The field of the layer before (r), and the dilated kernel's reach in the strides before (j)."""
    return r + d * (k - 1) * j


@Formula
def field_stride(j, s):
    """The stride before (j), times the layer's own."""
    return j * s


@Formula
def field_padding(q, before, j):
    """The padding before (q), and the layer's own in the strides before (j)."""
    return q + before * j


class Work:
    """The steps that are still allowed.

    A period is as long as the sizes that meet in it have no divisor in common, and a set of pixels may have as many
    holes as pixels: both are bounded, for a spec may well say 999,999,937.
    """

    def __init__(self, inputs: int) -> None:
        """`inputs`: the nodes that the nodes of the network read, counted each time."""
        self.left = STEPS + STEPS_PER_INPUT * inputs

    def spend(self, steps: int) -> None:
        """Count the intervals or ranges that are about to be written down.

        Raises:
            RequestError: it would be too many.
        """
        self.left -= steps
        if self.left < 0:
            raise RequestError(
                "the receptive fields of this network are too irregular to be worked out",
                hint="sizes that share no divisor, or holes in a very long input",
            )


Span: TypeAlias = tuple[int, int] | None
"""The first and the last element; None where there is none."""


class Periodic:
    """What units see along one axis: unit u = turns * period + phase sees from the first to the last of
    `spans[phase]`, turns * shift further."""

    __slots__ = ("period", "shift", "spans")

    def __init__(self, period: int, shift: int, spans: tuple[Span, ...]) -> None:
        self.period = period
        self.shift = shift
        self.spans = spans

    def span(self, unit: int) -> Span:
        """The first and last that a unit sees; the unit may lie beyond the layer's edges."""
        turns, phase = divmod(unit, self.period)
        span = self.spans[phase]
        return span and (span[0] + turns * self.shift, span[1] + turns * self.shift)

    def seen(self, unit: int) -> tuple[int, int]:
        """The first and last of a unit that sees something."""
        span = self.span(unit)
        assert span is not None
        return span


class Taps(Periodic):
    """The elements of a layer's input that its units see along one axis, `step` apart from the first to the last."""

    __slots__ = ("gaps", "seamless", "step", "window")

    def __init__(self, period: int, shift: int, spans: tuple[Span, ...], step: int = 1) -> None:
        super().__init__(period, shift, spans)
        self.step = step
        self.gaps = None in spans
        """Whether some units see nothing."""
        self.seamless = step == 1 and not self.gaps and self._seamless()
        """Whether neighbouring units see, in this order, elements between which there is no hole."""
        self.window = self._window()
        """The sliding window that it is; None if it is none."""

    def _seamless(self) -> bool:
        later = (*self.spans[1:], self.span(self.period))
        return all(a[0] <= b[0] <= a[1] + 1 and a[1] <= b[1] for a, b in zip(self.spans, later, strict=True) if a and b)

    def _window(self) -> Sliding | None:
        if self.period > 1 or self.spans[0] is None:
            return None
        first, last = self.spans[0]
        return Sliding((last - first) // self.step + 1, self.shift, -first, 0, self.step)

    def __repr__(self) -> str:
        return f"Taps({self.period}, {self.shift}, {self.spans}, {self.step})"


def taps(window: Window, n: int, m: int, work: Work) -> Taps:
    """What m units see of n elements through a window that is no `Spread`.

    Raises:
        RequestError: it is beyond 10^18 elements, or too irregular.

    >>> taps(Sliding(3, stride=2, before=1), 8, 4, Work(0))
    Taps(1, 2, ((-1, 1),), 1)
    >>> taps(Transposed(2, stride=2, before=1, after=1), 4, 8, Work(0))
    Taps(2, 1, ((0, 0), (0, 0)), 1)
    >>> taps(Binned(4), 6, 4, Work(0))
    Taps(2, 3, ((0, 1), (1, 2)), 1)
    """
    if isinstance(window, Folded):
        return _folded(window, n, m, work)
    if max(map(abs, window)) > LARGEST:
        raise beyond_bounds()
    if isinstance(window, Sliding):
        last = window.dilation * (window.kernel - 1) - window.before
        if last > LARGEST:
            raise beyond_bounds()
        return Taps(1, window.stride, ((-window.before, last),), window.dilation if window.kernel > 1 else 1)
    if isinstance(window, Transposed):
        return _stretched(window, work)
    assert isinstance(window, (Binned, Resampled))
    if isinstance(window, Resampled) and window.corners:
        return _between_corners(window, n, m, work)
    period, shift = m // gcd(n, m), n // gcd(n, m)
    work.spend(6 * period)
    if isinstance(window, Binned):
        return Taps(period, shift, tuple((u * n // m, -(-(u + 1) * n // m) - 1) for u in range(period)))
    if window.linear or window.cubic:  # around ((2 u + 1) n - m) / (2 m)
        return Taps(period, shift, _around([(2 * u + 1) * n - m for u in range(period)], 2 * m, window.cubic))
    return Taps(period, shift, tuple((u * n // m, u * n // m) for u in range(period)))


def _between_corners(window: Resampled, n: int, m: int, work: Work) -> Taps:
    """Resampling around u (n - 1) / (m - 1); of one element, or for one unit, all at the first."""
    if n == 1 or m == 1:
        work.spend(6 * m)
        return Taps(m, n, ((0, 0),) * m)
    common = gcd(n - 1, m - 1)
    period, shift = (m - 1) // common, (n - 1) // common
    work.spend(6 * period)
    return Taps(period, shift, _around([u * (n - 1) for u in range(period)], m - 1, window.cubic))


def _around(middles: Sequence[int], parts: int, cubic: bool) -> tuple[tuple[int, int], ...]:
    """The first and last position around each of some middles, of so many parts: one on each side, or two.

    >>> _around([0, 3, 4], 2, False), _around([0, 3], 2, True)
    (((0, 0), (1, 2), (2, 2)), ((0, 0), (0, 3)))
    """
    further = [int(cubic and middle % parts != 0) for middle in middles]  # one more on each side
    return tuple(
        (middle // parts - more, -(-middle // parts) + more) for middle, more in zip(middles, further, strict=True)
    )


def _folded(window: Folded, n: int, m: int, work: Work) -> Taps:
    """Each unit's position, all of them in one period: beyond the edges, where they begin again, lies what the
    padding repeats."""
    work.spend(6 * m)
    places = [window.position(unit, n) for unit in range(m)]
    return Taps(m, m, tuple((place, place) for place in places))


def _stretched(window: Transposed, work: Work) -> Taps:
    """A window over elements with zeros between them: of its positions, those that hold an element."""
    f, d = window.stride, window.dilation
    work.spend(6 * f)
    common = gcd(d, f)
    turn = f // common  # so many positions of the window from an element to the next, d // common elements on
    inverse = pow(d // common, -1, turn) if turn > 1 else 0
    spans: list[Span] = []
    for unit in range(f):  # f units on, the window is f positions on, and so one element
        start = unit - window.before
        first = -start // common * inverse % turn
        if start % common or first >= window.kernel:
            spans.append(None)
            continue
        last = first + (window.kernel - 1 - first) // turn * turn
        spans.append(((start + d * first) // f, (start + d * last) // f))
    alone = all(span is None or span[0] == span[1] for span in spans)
    return Taps(f, 1, tuple(spans), 1 if alone else d // common)


class Track(Periodic):
    """The first and the last pixel that the units of a layer see along one axis, padding counted.

    A track of shift 0 is that of units that see the same, wherever they stand. Equal tracks of one `Loom` are one
    object.
    """

    __slots__ = ("_middle", "empty", "gaps", "ordered", "pattern", "rate")

    def __init__(self, period: int, shift: int, spans: tuple[Span, ...]) -> None:
        super().__init__(period, shift, spans)
        common = gcd(shift, period) if period > 1 else 1
        self.rate = (shift // common, period // common)
        """Pixels per unit, as a fraction in lowest terms."""
        self.empty = period == 1 and spans[0] is None
        """Whether no unit sees anything."""
        self.gaps = period > 1 and None in spans
        """Whether some units see nothing, and others something."""
        self.ordered = period == 1 or (not self.gaps and self._ordered())
        """Whether no unit sees nothing, and none sees a pixel before the first or after the last of a later one."""
        self.pattern = _pattern(spans) if self.gaps else ()
        """Which units see something, over the shortest period; empty if all do."""
        self._middle: Fraction | None = None

    def _ordered(self) -> bool:
        later = (*self.spans[1:], self.span(self.period))
        return all(a[0] <= b[0] and a[1] <= b[1] for a, b in zip(self.spans, later, strict=True) if a and b)

    def middle(self) -> Fraction:
        """How far the middle of a unit's field is from the unit's number times the rate, on average."""
        if self._middle is None:
            twice = [sum(span) * self.period - 2 * phase * self.shift for phase, span in enumerate(self.spans) if span]
            self._middle = Fraction(sum(twice), 2 * self.period * len(twice))
        return self._middle

    def __repr__(self) -> str:
        return f"Track({self.period}, {self.shift}, {self.spans})"


class Loom:
    """Makes tracks, each once, and composes them, each two once."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self._tracks: dict[tuple[int, int, tuple[Span, ...]], Track] = {}
        self._chained: dict[tuple[Track, Taps], Track] = {}
        self._joined: dict[tuple[Track, Track], Track] = {}
        self.point = self.track(1, 1, ((0, 0),))

    def track(self, period: int, shift: int, spans: tuple[Span, ...]) -> Track:
        """The track of some spans, over the shortest period.

        Raises:
            RequestError: it is beyond 10^18 pixels.
        """
        if period > 1:
            period, shift, spans = _shortest(period, shift, spans)
        known = self._tracks.get((period, shift, spans))
        if known is None:
            if shift > LARGEST or any(span and max(-span[0], span[1]) > LARGEST for span in spans):
                raise beyond_bounds()
            known = self._tracks[period, shift, spans] = Track(period, shift, spans)
        return known

    def constant(self, span: tuple[int, int]) -> Track:
        """The track of units that all see the same."""
        return self.track(1, 0, (span,))

    def chain(self, inner: Track, outer: Taps) -> Track:
        """What units see through two layers: `outer` from the units to inner's, `inner` from those to the pixels."""
        if inner.shift == 0 and not inner.gaps and not outer.gaps:
            return inner
        if inner.period == 1 and outer.window is not None:
            return self._slid(inner, outer.window)
        known = self._chained.get((inner, outer))
        if known is None:
            known = self._chained[inner, outer] = self._chain(inner, outer)
        return known

    def _slid(self, inner: Track, window: Sliding) -> Track:
        """A field of one stride through a sliding window."""
        k, s, p, _, d = window
        first, last = inner.seen(0)
        r, j, q = last - first + 1, inner.shift, -first
        size = field_size.function(r, k, j) if d == 1 else dilated_field_size.function(r, d, k, j)
        padding = field_padding.function(q, p, j)
        return self.track(1, field_stride.function(j, s), ((-padding, size - 1 - padding),))

    def _chain(self, inner: Track, outer: Taps) -> Track:
        """A field of any kind through any window."""
        turns = inner.period // gcd(outer.shift, inner.period)
        period = outer.period * turns
        shift = outer.shift * turns // inner.period * inner.shift
        self.work.spend(8 * period)
        spans: list[Span] = []
        for unit in range(period):
            seen = outer.span(unit)
            spans.append(seen and self._ends(inner, seen, outer.step))
        return self.track(period, shift, tuple(spans))

    def _ends(self, inner: Track, seen: tuple[int, int], step: int) -> Span:
        """The first and last pixel that some of inner's units see."""
        if inner.ordered:
            low, high = inner.span(seen[0]), inner.span(seen[1])
            return low and high and (low[0], high[1])
        # After so many units the phases come again, further on: only the first and the last round count.
        units = range(seen[0], seen[1] + 1, step)
        around = inner.period // gcd(inner.period, step)
        ends = units if len(units) <= 2 * around else (*units[:around], *units[-around:])
        self.work.spend(3 * len(ends))
        return hull(inner.span(unit) for unit in ends)

    def joined(self, a: Track, b: Track) -> Track:
        """The hull of two tracks of the same rate."""
        if a is b:
            return a
        known = self._joined.get((a, b))
        if known is None:
            period = lcm(a.period, b.period)
            self.work.spend(8 * period)
            spans = tuple(hull((a.span(unit), b.span(unit))) for unit in range(period))
            known = self._joined[a, b] = self.track(period, a.shift * (period // a.period), spans)
        return known

    def masked(self, span: tuple[int, int], track: Track) -> Track:
        """The track of units that see the same, if in another track they see anything."""
        if not track.gaps:
            return self.constant(span)
        self.work.spend(4 * track.period)
        return self.track(track.period, 0, tuple(seen and span for seen in track.spans))


def beyond_bounds() -> RequestError:
    """The error of numbers that are too large."""
    return RequestError(
        "the receptive fields of this network are beyond 10^18 pixels", hint="smaller kernels, strides or padding"
    )


def hull(spans: Iterable[Span]) -> Span:
    """The first and the last element of several spans.

    >>> hull((None, (3, 4), (-1, 2))), hull((None,))
    ((-1, 4), None)
    """
    some = [span for span in spans if span is not None]
    return (min(low for low, _ in some), max(high for _, high in some)) if some else None


def _shortest(period: int, shift: int, spans: tuple[Span, ...]) -> tuple[int, int, tuple[Span, ...]]:
    """The same spans over the shortest period after which they repeat."""
    if not any(spans):
        return 1, 0, (None,)
    for prime in _primes(period):
        while period % prime == 0 and shift % prime == 0:
            part, move = period // prime, shift // prime
            moved = tuple(span and (span[0] + move, span[1] + move) for span in spans[: period - part])
            if spans[part:] != moved:
                break
            period, shift, spans = part, move, spans[:part]
    return period, shift, spans


def _pattern(spans: tuple[Span, ...]) -> tuple[bool, ...]:
    """Whether there is something at each place, over the shortest period."""
    marks = tuple([(0, 0) if span else None for span in spans])
    return tuple([mark is not None for mark in _shortest(len(marks), 0, marks)[2]])


def _primes(number: int) -> list[int]:
    """The primes that divide a number.

    >>> _primes(360)
    [2, 3, 5]
    """
    found, divisor = [], 2
    while divisor * divisor <= number:
        if number % divisor == 0:
            found.append(divisor)
            while number % divisor == 0:
                number //= divisor
        divisor += 1
    return [*found, number] if number > 1 else found
