"""Receptive fields on random graphs: every node's figures against all its units, units' pixels against explicit sets
and against gradients. `python -m tests.oracles.fields 100000` compares more."""

from __future__ import annotations

import random
from itertools import pairwise, product

import pytest
from msgspec import structs

from cnncalc.costs.fields.positions import count, ends, seen_through, tidy, within
from cnncalc.costs.fields.sights import Lens, Sights
from cnncalc.costs.fields.states import Survey, Term
from cnncalc.costs.fields.tracks import Loom, Taps, Track, Work, taps
from cnncalc.costs.fields.walk import Walk
from cnncalc.errors import RequestError
from cnncalc.graph import Builder
from cnncalc.ops import Concat, ReLU
from cnncalc.ops.sight import Binned, Resampled, Sliding, Transposed, Window
from tests.oracles import fields as oracle
from tests.oracles.work import Work as Load

GRAPHS = 250
"""Their numbers are their seeds; some are left out, whose units come again only after too many others."""


@pytest.mark.parametrize("first", range(0, GRAPHS, 50))
def test_fields_are_those_of_all_units(first: int) -> None:
    compared = 0
    for seed in range(first, first + 50):
        try:
            assert oracle.differences(oracle.draw(seed), random.Random(seed)) == [], f"graph {seed}"
        except oracle.TooLongError:
            continue
        compared += 1
    assert compared > 40


@pytest.mark.parametrize("first", range(0, 120, 40))
def test_pixels_are_those_with_gradients(first: int) -> None:
    pytest.importorskip("torch")
    for seed in range(first, first + 40):
        assert oracle.gradient_differences(oracle.draw(seed), random.Random(seed)) == [], f"graph {seed}"


def test_the_graphs_are_of_all_kinds() -> None:
    cases = [oracle.draw(seed) for seed in range(GRAPHS)]
    kinds = {node.op.kind for case in cases for node in case.graph.nodes}
    assert kinds >= {
        "input", "conv", "conv_transpose", "maxpool", "avgpool", "pad", "upsample", "adaptive_avgpool", "relu",
        "global_avgpool", "groupnorm", "flatten", "linear", "add", "concat", "multiply", "windows",
    }  # fmt: skip
    assert {len(case.graph.inputs) for case in cases} == {1, 2, 3}
    assert {len(case.graph.inputs[0].output) for case in cases} == {2, 3, 4}
    assert any(case.gaps(len(case.graph.nodes) - 1) for case in cases)
    found = [unit for case in cases for unit in case.seen(0, len(case.graph.nodes) - 1).values()]
    assert 0 in found


# The parts.


def windows(rng: random.Random) -> tuple[Window, int, int]:
    """A window, and the sizes that it is between."""
    n, m = rng.randint(1, 30), rng.randint(1, 30)
    k, s, before, d = rng.randint(1, 5), rng.randint(1, 5), rng.randint(-4, 6), rng.randint(1, 4)
    kinds = (
        *(Sliding(k, s, before, 0, d), Transposed(k, s, before, 0, d), Binned(m)),
        *(Resampled(m), Resampled(m, True), Resampled(m, True, corners=True)),
    )
    return rng.choice(kinds), n, m


def by_definition(window: Window, n: int, m: int, unit: int) -> list[int]:
    """What a unit looks at, from the definitions in `cnncalc.ops.sight`."""
    if isinstance(window, Sliding):
        return oracle.taps(("slide", window.kernel, window.stride, window.before, window.dilation), unit)
    if isinstance(window, Transposed):
        places = [unit - window.before + window.dilation * t for t in range(window.kernel)]
        return [place // window.stride for place in places if place % window.stride == 0]
    word = "bins" if isinstance(window, Binned) else "linear" if window.linear else "nearest"
    word = "corners" if isinstance(window, Resampled) and window.corners else word
    return oracle.taps((word, n, m), unit)


def test_taps_are_what_the_windows_say() -> None:
    rng = random.Random(1)
    for _ in range(2000):
        window, n, m = windows(rng)
        found = taps(window, n, m, Work(0))
        units = range(-20, 60)
        looked_at = [by_definition(window, n, m, unit) for unit in units]
        for unit, elements in zip(units, looked_at, strict=True):
            span = found.span(unit)
            assert (list(range(span[0], span[1] + 1, found.step)) if span else []) == sorted(elements)
        assert found.gaps == (not all(looked_at))
        solid = [
            sorted(elements) == list(range(min(elements), max(elements) + 1)) for elements in looked_at if elements
        ]
        even = all(solid)
        pairs = pairwise(looked_at)
        ordered = all(a and b and min(a) <= min(b) <= max(a) + 1 and max(a) <= max(b) for a, b in pairs)
        assert not found.seamless or (even and ordered)
        if even and ordered and found.step == 1:
            assert found.seamless
        if found.window:
            assert all(by_definition(found.window, n, m, u) == sorted(e) for u, e in zip(units, looked_at, strict=True))


def random_set(rng: random.Random, n: int) -> tuple[range, ...]:
    parts = []
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(n)
        parts.append(range(start, rng.randint(start, n) + 1, rng.randint(1, 6)))
    return tidy([part for part in parts if part and part[-1] < n] or [range(n)], Work(0))


def test_sets_of_positions_are_exact() -> None:
    rng = random.Random(2)
    for _ in range(3000):
        window, n, m = windows(rng)
        units = random_set(rng, m)
        expected = {e for part in units for unit in part for e in by_definition(window, n, m, unit) if 0 <= e < n}
        found = seen_through(units, taps(window, n, m, Work(0)), n, Work(0))
        assert {element for part in found for element in part} == expected
        if expected:
            assert ends(found) == (min(expected), max(expected))
            assert count(found, Work(0)) == len(expected)
        contiguous = expected == set(range(min(expected, default=0), max(expected, default=-1) + 1))
        if contiguous:
            assert len(found) == bool(expected)
        short = rng.randint(1, m)
        assert {e for part in within(units, short, Work(0)) for e in part} == {e for r in units for e in r if e < short}


def test_units_that_surely_see_some_positions_do() -> None:
    """All of them where neighbours see without holes, and where windows slide with no hole as wide as the positions."""
    rng = random.Random(8)
    for _ in range(3000):
        window, n, m = windows(rng)
        look = taps(window, n, m, Work(0))
        start = rng.randrange(n)
        below = range(start, rng.randint(start + 1, n))
        lens = Lens(None, (None if look.window == Sliding() else look,), (n,), (m,), Work(0))
        found = lens.alive((below,))
        seeing = [unit for unit in range(m) if {*by_definition(window, n, m, unit)} & {*below}]
        assert found is None or set(found[0]) <= set(seeing)
        if look.seamless or (look.window and look.window.dilation <= len(below)):
            assert list(found[0] if found else ()) == seeing


def test_many_ranges_are_the_same_set_when_tidied() -> None:
    rng = random.Random(5)
    for _ in range(3000):
        starts = [rng.randrange(90) for _ in range(rng.randint(1, 12))]
        parts = [range(start, start + rng.randint(1, 40), rng.choice([1, 1, 2, 3, 7])) for start in starts]
        found = tidy(parts, Work(0))
        assert {e for part in found for e in part} == {e for part in parts for e in part}
        solid = [part for part in found if part.step == 1]
        assert all(a.stop < b.start for a, b in pairwise(solid))  # in order, and apart


def test_ranges_with_holes_are_looked_at_only_beside_those_without() -> None:
    parts = [range(4 * k, 4 * k + 2) for k in range(10_000)]
    combs = [range(10 * k + 2, 10 * k + 2 * step, step) for k, step in enumerate(range(5, 305))]
    with Load() as load:
        assert len(tidy([*parts, *combs], Work(0))) >= 10_000
    assert load.done < 8


def test_few_ranges_are_left_of_many() -> None:
    parts = [range(start, 1000 + start, 7) for start in range(7)]
    rng = random.Random(3)
    rng.shuffle(parts)
    assert tidy(parts, Work(0)) == (range(1001),)
    assert tidy([*parts[:3], range(2000)], Work(0)) == (range(2000),)
    assert tidy([range(0, 100, 4), range(0, 100, 2)], Work(0)) == (range(0, 100, 2),)
    assert tidy([range(5, 6, 3), range(4, 5)], Work(0)) == (range(4, 6),)
    assert tidy([range(3, 3)], Work(0)) == ()


def random_track(rng: random.Random, loom: Loom) -> Track:
    period = rng.choice((1, 1, 2, 3, 4, 6))
    spans = [(low, low + rng.randint(0, 5)) for low in (rng.randint(-5, 9) for _ in range(period))]
    shift = rng.choice((0, 1, 2, 3, 6, 12))
    holes = [None if rng.random() < 0.2 and period > 1 else spans[i if shift else 0] for i in range(period)]
    return loom.track(period, shift, tuple(holes))


def test_tracks_repeat_after_the_shortest_period() -> None:
    rng, loom = random.Random(4), Loom(Work(0))
    for _ in range(1000):
        track = random_track(rng, loom)
        times = rng.randint(1, 6)
        longer = tuple(track.span(unit) for unit in range(track.period * times))
        assert loom.track(track.period * times, track.shift * times, longer) is track
        spans = [track.span(unit) for unit in range(-12, 24)]
        assert track.gaps == (None in spans and any(spans))
        ordered = all(a and b and a[0] <= b[0] and a[1] <= b[1] for a, b in pairwise(spans))
        assert track.ordered == ordered or track.empty


def test_composed_tracks_are_those_of_the_units() -> None:
    rng = random.Random(5)
    loom = Loom(Work(0))
    for _ in range(3000):
        window, n, m = windows(rng)
        inner, outer = random_track(rng, loom), taps(window, n, m, Work(0))
        if inner.empty:
            continue
        found = loom.chain(inner, outer)
        for unit in range(-15, 40):
            seen = [span for e in by_definition(window, n, m, unit) if (span := inner.span(e))]
            expected = (min(low for low, _ in seen), max(high for _, high in seen)) if seen else None
            assert found.span(unit) == expected


def test_joined_tracks_are_hulls() -> None:
    rng = random.Random(6)
    loom = Loom(Work(0))
    joined = 0
    while joined < 500:
        a, b = random_track(rng, loom), random_track(rng, loom)
        if a.rate != b.rate or a.empty or b.empty:
            continue
        joined += 1
        found = loom.joined(a, b)
        for unit in range(-13, 25):
            spans = [span for span in (a.span(unit), b.span(unit)) if span]
            expected = (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None
            assert found.span(unit) == expected
        hidden = loom.masked((3, 8), a)
        assert all(hidden.span(unit) == (a.span(unit) and (3, 8)) for unit in range(-13, 25))


def test_the_middle_of_a_track_is_the_mean_of_its_fields() -> None:
    rng, loom = random.Random(7), Loom(Work(0))
    for _ in range(500):
        track = random_track(rng, loom)
        spans = [(unit, span) for unit in range(track.period * 3) if (span := track.span(unit))]
        if spans:
            offsets = [oracle.Fraction(sum(span), 2) - unit * oracle.Fraction(*track.rate) for unit, span in spans]
            assert track.middle() == sum(offsets) / len(offsets)


class Charged(Work):
    """Work that notes what was spent since the last `asked`."""

    def __init__(self) -> None:
        super().__init__(0)
        self.spent: list[int] = []

    def spend(self, steps: int) -> None:
        self.spent.append(steps)

    def asked(self) -> int:
        steps, self.spent = sum(self.spent), []
        return steps


def test_the_work_that_is_left_is_never_less_than_nothing() -> None:
    work = Work(0)
    work.spend(work.left)
    with pytest.raises(RequestError, match="too irregular"):
        work.spend(1)


def test_what_is_written_down_is_charged_for() -> None:
    """At least one step for each interval, range or lens; nothing is ever given back."""
    rng, work = random.Random(9), Charged()
    loom = Loom(work)
    for _ in range(500):
        window, n, m = windows(rng)
        look = taps(window, n, m, work)
        assert work.asked() >= len(look.spans) * (look.period > 1)
        a, b = random_track(rng, loom), random_track(rng, loom)
        before = len(loom._chained), len(loom._joined)
        found = loom.chain(a, look)
        made = len(loom._chained) - before[0]
        assert work.asked() >= made * found.period
        if a.rate == b.rate and not a.empty and not b.empty:
            found = loom.joined(a, b)
            assert work.asked() >= (len(loom._joined) - before[1]) * found.period
        assert loom.masked((0, 1), a).period * a.gaps <= work.asked() or not a.gaps
        terms = [Term((a, b)), Term((b, a))]
        sizes = rng.randint(1, 60), rng.randint(1, 60)
        survey = Survey(terms, sizes, work)
        assert work.asked() >= sum(len(row) for rows in survey.rows for row in rows)
        survey.spans(0)
        assert work.asked() >= len(survey.rows[0]) * bool(survey.alive)
    case = oracle.draw(3).graph
    builder = Builder()
    branches = [builder.add(ReLU(), builder.input(*case.inputs[0].output, name=f"i{i}")) for i in range(40)]
    graph = builder.graph(builder.add(Concat(), *branches))
    walk = Walk(graph, graph.inputs[0].index, Sights(graph, work))
    work.asked()
    walk._ways(graph.nodes[-1].index)
    assert work.asked() >= 40


def test_the_oracle_finds_a_fault() -> None:
    """A field that is off by one pixel, and a pixel more, are found."""
    case = oracle.draw(0)
    node, target = next(
        (node, target)
        for node, target in product(case.graph.nodes[::-1], case.graph.inputs)
        if len(target.output) > 1 and case.depends(target.index, node.index) and node.inputs
    )
    field = oracle.receptive_fields(case.graph, target)[node.index]
    assert isinstance(field, oracle.ReceptiveField)
    assert oracle.field_differences(case, target.index, node.index, field) == []
    for change in ("size", "padding", "centre"):
        values = getattr(field, change)
        wrong = structs.replace(field, **{change: (*values[:-1], (values[-1] or 0) + 1)})
        assert oracle.field_differences(case, target.index, node.index, wrong)


def test_taps_have_a_readable_form() -> None:
    assert repr(Taps(2, 3, ((0, 1), None))) == "Taps(2, 3, ((0, 1), None), 1)"
