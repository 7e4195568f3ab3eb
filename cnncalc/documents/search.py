"""The search for causes: which way of counting gives a whole row or column of printed figures.

Every way on the list of `ways.py` is tried, alone and in pairs, on all figures of a series at once. One that explains
a single figure by chance is worth little, one that explains a column is an answer; so a way is weighed as a table
made by it would be, in which now and then a figure is mistyped: each figure that it gives counts for as much as it
is unlikely to be met, and a longer list of ways costs as much as it is long. What is found says how many ways were
tried and how likely one of them was to meet random figures of as many digits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import ceil, log

from cnncalc.documents.counting import Rows, Value
from cnncalc.documents.figures import RULES, Figure, Verdict, bounds
from cnncalc.documents.networks import variables
from cnncalc.documents.ways import CLASSES, OF_THE_NETWORK, ONCE, PARTS, SIZES, Counting, Family, Way, ways

MISTYPED = 0.03
"""How often a figure of a table is taken to be mistyped."""

ANSWER = log(100)
"""By how much a way must be more likely than the plain count, all costs paid."""

CHANCE = 0.05
"""An answer may be met by chance this often, where nothing speaks for the plain count."""

CHANCE_BESIDE = 0.01
"""The same where the plain count gives some of the figures."""

CHANCE_ALONE = 0.001
"""The same for a single figure where the others are explained: most likely it is mistyped."""

MOST_PARTS = 60
MANY_LAYERS = 2_500
"""Rows of so many layers in all that other networks are no longer made of them."""

MANY_NETWORKS = 5
"""From so many networks on, a quarter of these layers are many."""

MANY_DIGITS = log(10_000)
FEW_LAYERS = 700
"""Networks so small that input sizes are tried which are not quite as near."""

MOST_SHOWN = 4


@dataclass(frozen=True)
class Series:
    """Printed figures that are of one kind: a column, or a row. `figures[i]` are the numbers of one cell."""

    rows: Rows
    base: Counting
    figures: tuple[tuple[Figure, ...], ...]


@dataclass(frozen=True)
class Found:
    """A way of counting, or two at once, and how it stands to the figures of a series.

    Attributes:
        what: the way in words; others that give the same figures follow after "or".
        rule: how it writes a number in fewer digits.
        values: what it gives for each figure.
        explains: the figures that it gives.
        tried: how many ways were tried until it was found.
        chance: how likely one of them was to give random figures of as many digits where the plain count does not.
        certain: it is an answer; else a possibility.
    """

    what: str
    rule: Verdict
    values: tuple[Value, ...]
    explains: frozenset[int]
    tried: int
    chance: float
    certain: bool
    ways: tuple[tuple[Way, ...], ...] = ()


@dataclass(frozen=True)
class _Try:
    """A way of counting with what it gives."""

    ways: tuple[Way, ...]
    values: tuple[Value, ...]


def search(series: Series) -> list[Found]:
    """What was counted in a series: at most one way for the series as a whole, and then what explains single figures
    that it leaves over, each once."""
    return _Search(series).run()


class _Search:
    def __init__(self, series: Series) -> None:
        self.series = series
        self.shapes = series.rows.family is Family.SHAPE
        plain = series.rows.values(series.base)
        self.plain = tuple(plain) if plain is not None else ()
        self.rules: tuple[Verdict, ...] = (
            RULES if any(f.thousands for figures in series.figures for f in figures) else RULES[:2]
        )
        if all(f.step == 1 for figures in series.figures for f in figures) or self.shapes:
            self.rules = self.rules[:1]
        self.spans = [[tuple(map(ceil, bounds(figures[0], rule))) for figures in series.figures] for rule in self.rules]

        networks = len({(target.network, target.setting) for row in series.rows.rows for target in row})
        self.large = series.rows.size() > (MANY_LAYERS if networks < MANY_NETWORKS else MANY_LAYERS // 4)
        self._measures: list[list[Value]] | None = None
        self._sizes: list[Way] | None = None

    def run(self) -> list[Found]:
        if not self.plain:
            return []
        base = self.best([_Try((), self.plain)], 1)
        everything = frozenset(range(len(self.plain)))
        if base[1] == everything:
            return []
        singles = list(self.distinct(self.singles(), {self.plain}))
        found: list[Found] = []
        best = self.chosen(base, singles, 0)
        tried = singles
        if self.worth_pairs(everything - (best.explains if best is not None else base[1])):
            pairs = list(self.distinct(self.pairs(), {self.plain, *(one.values for one in singles)}))
            by_pair = self.chosen(base, pairs, len(singles))
            if by_pair is not None and (best is None or self.beats(by_pair, best, singles, pairs)):
                best = by_pair
            tried = [*singles, *pairs]
        explained = best.explains if best is not None else base[1]
        if best is not None:
            found.append(best)
        for index in sorted(everything - explained):
            alone = self.alone(index, singles, tried, bool(explained))
            if alone is not None:
                found.append(alone)
        return found

    # what fits

    def fits(self, value: Value, index: int, rule: int) -> bool:
        if isinstance(value, tuple):
            return value == tuple(int(figure.value) for figure in self.series.figures[index])
        low, high = self.spans[rule][index]
        return bool(low <= value < high)

    def fitted(self, values: Sequence[Value], rule: int) -> frozenset[int]:
        return frozenset(i for i, value in enumerate(values) if self.fits(value, i, rule))

    def near(self, index: int) -> list[tuple[Fraction, Fraction]]:
        """Two neighbourhoods of a plain value: from half to twice, and as near as twice the printed figure is."""
        figure, plain = self.series.figures[index][0], self.plain[index]
        assert not isinstance(plain, tuple)
        value = Fraction(plain) or figure.value
        off = max(abs(figure.value - value) * 2, figure.step * 10)
        return [(value / 2, value * 2), (value - off, value + off)]

    def weight(self, index: int) -> float:
        """The logarithm of how many figures of as many digits there are from half to twice the plain value."""
        if self.shapes:
            return log(max(2, int(self.series.figures[index][0].value)))
        low, high = self.near(index)[0]
        return log(max(2, float((high - low) / self.series.figures[index][0].step)))

    def score(self, explained: frozenset[int]) -> float:
        """How much more likely figures are to be explained than mistyped, as a logarithm."""
        return sum(self.weight(i) + log((1 - MISTYPED) / MISTYPED) for i in explained)

    def best(self, tries: Sequence[_Try], cost: int) -> tuple[float, frozenset[int], int, list[_Try]]:
        """The most likely of some ways: score, explained figures, rule, and all ways that explain the same."""
        top: tuple[float, frozenset[int], int, list[_Try]] = (float("-inf"), frozenset(), 0, [])
        known: dict[frozenset[int], float] = {}
        for one in tries:
            for rule in range(len(self.rules)):
                explained = self.fitted(one.values, rule)
                if explained not in known:
                    known[explained] = self.score(explained)
                score = known[explained]
                if score > top[0] + 1e-9:
                    top = (score, explained, rule, [one])
                elif explained == top[1] and rule == top[2]:
                    top[3].append(one)
        return (top[0] - log(max(1, cost)), *top[1:])

    def chosen(
        self, base: tuple[float, frozenset[int], int, list[_Try]], tries: list[_Try], before: int
    ) -> Found | None:
        """The most likely of some ways if it is more likely than the plain count."""
        if not tries:
            return None
        cost = len(tries) + before
        score, explained, rule, equal = self.best(tries, cost)
        if score - base[0] < ANSWER or len(explained) <= len(base[1]):
            return None
        new = explained - base[1]
        chance = self.chance(sorted(new), tries, before)
        if chance > (CHANCE_ALONE if base[1] and len(new) == 1 else CHANCE_BESIDE if base[1] else CHANCE):
            return None
        return self.found(equal, rule, explained, cost, chance, certain=True)

    def worth_pairs(self, left: frozenset[int]) -> bool:
        """Whether pairs could be an answer to what is left over: one figure of few digits among many is met by some
        pair or other, and most likely mistyped."""
        few = len(left) == 1 and len(self.plain) > 3
        return bool(left) and not (few and all(self.weight(i) < MANY_DIGITS for i in left))

    def beats(self, pair: Found, single: Found, singles: list[_Try], pairs: list[_Try]) -> bool:
        """Whether a pair is enough more likely than a single way, and what it explains besides no chance."""
        gain = self.score(pair.explains) - self.score(single.explains)
        more = sorted(pair.explains - single.explains)
        if gain - log((len(singles) + len(pairs)) / max(1, len(singles))) < ANSWER:
            return False
        return len(more) != 1 or self.chance(more, pairs, 0) <= CHANCE_ALONE

    def alone(self, index: int, singles: list[_Try], tried: list[_Try], neighbours: bool) -> Found | None:
        """What gives one figure that is left over: a way, or else two; perhaps by chance."""
        for tries in (singles, tried):
            for rule in range(len(self.rules)):
                equal = [one for one in tries if self.fits(one.values[index], index, rule)]
                if equal:
                    chance = self.chance([index], tries, 0)
                    certain = chance <= (CHANCE_ALONE if neighbours else CHANCE)
                    return self.found(equal, rule, frozenset([index]), len(tries), chance, certain)
        return None

    def found(
        self, equal: list[_Try], rule: int, explained: frozenset[int], tried: int, chance: float, certain: bool
    ) -> Found:
        shown = ["; and ".join(way.what for way in one.ways) for one in equal[:MOST_SHOWN]]
        more = len(equal) - len(shown)
        what = ", or ".join(shown) + (f", or {more} others" if more else "")
        named = tuple(one.ways for one in equal)
        return Found(what, self.rules[rule], equal[0].values, explained, tried, chance, certain, named)

    # by chance

    def chance(self, new: Sequence[int], tries: Sequence[_Try], before: int) -> float:
        """How likely one of the ways was to give random figures in these places.

        Of the figures of as many digits around the plain value, so many are given by some way; each way gives its
        share of them. A way gives all of several random figures with the product of these shares, and there are as
        many chances as there are ways.
        """
        count = len(tries) + before
        chance = float(count)
        for index in new:
            chance *= min(1.0, self.covered(index, tries) * (count / max(1, len(tries)))) / count
        return min(1.0, chance)

    def covered(self, index: int, tries: Sequence[_Try]) -> float:
        """The part of the figures of as many digits near the plain value that some way gives; of two neighbourhoods
        that where it is larger."""
        if self.shapes:
            sizes = max(2, int(self.series.figures[index][0].value))
            return min(1.0, len({one.values[index] for one in tries}) / sizes)
        figure = self.series.figures[index][0]
        written: set[int] = set()
        for rule in self.rules:
            binary = rule in (Verdict.ROUNDED_1024, Verdict.CUT_OFF_1024) and figure.thousands
            step = figure.binary.step if binary else figure.step
            worth, parts = step.numerator, step.denominator
            half = worth if rule in (Verdict.ROUNDED, Verdict.ROUNDED_1024) else 0
            written.update(int((2 * one.values[index] * parts + half) // (2 * worth)) for one in tries)  # type: ignore[operator]
        most = 0.0
        for low, high in self.near(index):
            first, last = ceil(low / figure.step), int(high / figure.step)
            hits = sum(first <= digits <= last for digits in written)
            most = max(most, hits / max(1, last - first))
        return min(1.0, most)

    # what is tried

    def singles(self) -> Iterator[tuple[Way, ...]]:
        for way in [*self.listed(), *self.sizes(), *self.classes(), *self.parts()]:
            yield (way,)

    def listed(self) -> list[Way]:
        """The ways of the list, but for those that make other networks where these are large."""
        found = ways(self.series.rows.family, self.series.base)
        return [way for way in found if not (self.large and way.axis in OF_THE_NETWORK)]

    def pairs(self) -> Iterator[tuple[Way, ...]]:
        every = [*self.listed(), *self.sizes(), *self.classes(), *self.parts()]
        flops = self.series.base.measure == "flops"
        macs = next((way for way in every if flops and way.value == "macs"), None)
        for one, other in combinations(every, 2):
            if one.axis != other.axis and not (one.axis in OF_THE_NETWORK and other.axis in OF_THE_NETWORK):
                yield (one, other)
                if macs is not None and "measure" not in (one.axis, other.axis):
                    yield (macs, one, other)  # "FLOPs" is said of multiply-accumulates more often than not

    def distinct(self, some: Iterator[tuple[Way, ...]], known: set[tuple[Value, ...]]) -> Iterator[_Try]:
        """The ways with what they give; of several that give the same, the first."""
        for chosen in some:
            counting = self.series.base._replace(**{way.axis: way.value for way in chosen})
            found = self.series.rows.values(counting)
            values = tuple(found) if found is not None else None
            if values is not None and values not in known:
                known.add(values)
                yield _Try(chosen, values)

    def sizes(self) -> list[Way]:
        """The input sizes that could matter: those under which some figure is at all within reach."""
        if self.large or self.series.rows.family in (Family.PARAMETERS, Family.BYTES):
            return []
        if self._sizes is None:
            reachable = [size for size in SIZES if self.reachable(size)]
            self._sizes = [Way("input", size, f"with inputs of {size}x{size}") for size in reachable]
        return self._sizes

    def reachable(self, size: int) -> bool:
        """Whether a size brings a count near most of the printed figures; nearly all work grows as the area."""
        return self.shapes or any(self.scaled(values, size) for values in self.measures())

    def measures(self) -> list[list[Value]]:
        """The counts that sizes are scaled from: the plain one, twice, half, and with groups ignored."""
        if self._measures is None:
            base = self.series.base
            some = [base, base._replace(groups="ignored")]
            some += [one._replace(measure="macs") for one in some] if base.measure else []
            doubled = [one._replace(times=times) for one in some for times in (ONCE, 2 * ONCE, ONCE // 2)]
            found = (self.series.rows.values(one) for one in doubled)
            self._measures = [values for values in found if values is not None]
        return self._measures

    def scaled(self, values: Sequence[Value], size: int) -> bool:
        """Whether counts, scaled by the area to another input size, come near most of the printed figures."""
        near = []
        low, high = (0.6, 1.6) if self.series.rows.size() < FEW_LAYERS else (0.85, 1.18)
        for row, figures, value in zip(self.series.rows.rows, self.series.figures, values, strict=True):
            own = self.series.rows.calculator.view(row[0].network, row[0].setting).input
            if len(own) == 3 and value and not isinstance(value, tuple) and figures[0].value:
                scaled = float(value) * size * size / (own[1] * own[2])
                near.append(low < float(figures[0].value) / scaled < high)
        return 2 * sum(near) >= len(near) > 0

    def classes(self) -> list[Way]:
        if self.large or self.shapes or self.series.rows.family is Family.ACTIVATIONS:
            return []
        calculator = self.series.rows.calculator
        networks = {target.network for row in self.series.rows.rows for target in row}
        if any("classes" not in variables(name, calculator.text(name)) for name in networks):
            return []
        return [Way("classes", number, f"with {number:,} classes") for number in CLASSES]

    def parts(self) -> list[Way]:
        if self.shapes:
            return []
        names = self.series.rows.parts()[:MOST_PARTS]
        return [Way("part", (name, times), text.format(f"'{name}'")) for name in names for times, text in PARTS]
