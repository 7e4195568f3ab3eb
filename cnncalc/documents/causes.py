"""What the search finds, put to the cells of a table: explanations, possibilities, and slips of the pen."""

from __future__ import annotations

from fractions import Fraction

from cnncalc.documents.checked import Checked, Explanation, series_of
from cnncalc.documents.counting import Rows, Value
from cnncalc.documents.figures import Figure, Number, Verdict, bounds, judge, parse_figure, parse_figures
from cnncalc.documents.model import Table
from cnncalc.documents.quantities import Calculator, Target, read_sum
from cnncalc.documents.search import Found, Series, search
from cnncalc.documents.ways import BASES, Family


def explained(calculator: Calculator, data: Table, cells: list[Checked]) -> tuple[list[Checked], list[str]]:
    """The cells with what was found for those that differ without a cause, and a note on each row or column that is
    counted in some other way as a whole."""
    notes: list[str] = []
    for label, members in series_of(data, cells).items():
        notes += _series(calculator, cells, members, label)
    for i, cell in enumerate(cells):
        if not cell.column:
            notes += _series(calculator, cells, [i], cell.claim)
    return cells, notes


def _series(calculator: Calculator, cells: list[Checked], members: list[int], label: str) -> list[str]:
    """Search one series, and put what is found into its cells."""
    if not any(cells[i].unexplained for i in members):
        return []
    whole = _whole_cells(cells, members)
    targets = {first: _targets(cells[first]) for first in whole}
    kinds = {BASES[row[0].quantity] for row in targets.values() if row}
    notes: list[str] = []
    for family, base in kinds:
        firsts = [first for first, row in targets.items() if row and BASES[row[0].quantity] == (family, base)]
        figures = tuple(_figures(cells[first], whole[first], cells) for first in firsts)
        rows = Rows(calculator, [targets[first] for first in firsts], family)
        for found in search(Series(rows, base, figures)):
            notes += _apply(found, cells, [whole[first] for first in firsts], label, family)
    return notes


def _whole_cells(cells: list[Checked], members: list[int]) -> dict[int, list[int]]:
    """The numbers of each printed cell together, by the first of them."""
    whole: dict[int, list[int]] = {}
    first = -1
    for i in members:
        if first < 0 or cells[i].cell != cells[first].cell:
            first = i
        whole.setdefault(first, []).append(i)
    return whole


def _targets(cell: Checked) -> list[Target]:
    """What a cell asks of, if it is of the kind that is searched."""
    if isinstance(cell.computed, bool):
        return []
    calls = read_sum(cell.compute)
    return calls if calls and calls[0].quantity in BASES else []


def _figures(cell: Checked, parts: list[int], cells: list[Checked]) -> tuple[Figure, ...]:
    return tuple(parse_figure(cells[i].printed, cell.scale) for i in parts)


def _apply(found: Found, cells: list[Checked], whole: list[list[int]], label: str, family: Family) -> list[str]:
    """Put one finding into the cells that it explains; a note if it explains more than one."""
    for position in found.explains:
        for number, i in enumerate(whole[position]):
            if cells[i].verdict.agrees or cells[i].alternative is not None:
                continue
            value = _number(found.values[position], number)
            verdict = judge(parse_figures(cells[i].printed, cells[i].scale)[0], value)
            explanation = Explanation(found.what, value, verdict, found.tried, found.chance)
            if found.certain:
                cells[i] = cells[i]._replace(alternative=explanation)
            else:
                cells[i] = cells[i]._replace(possible=explanation)
    if len(found.explains) < 2 and len(whole) > 1:
        return []
    for position in set(range(len(whole))) - found.explains:
        if len(whole[position]) == 1 and family is not Family.SHAPE:
            i = whole[position][0]
            slip = _slip(cells[i], found, _number(found.values[position], 0))
            if slip and cells[i].alternative is None and not cells[i].verdict.agrees:
                cells[i] = cells[i]._replace(near=slip)
    if not found.certain or len(whole) == 1:
        return []
    count = f"{len(found.explains)} of {len(whole)} figures"
    return [f"{label}: {found.what}. This gives {count}, {found.rule.value}; {odds(found.tried, found.chance)}."]


def _number(value: Value, index: int) -> Number:
    """One number of a value, whole where it is."""
    number = value[index] if isinstance(value, tuple) else value
    if isinstance(number, Fraction):
        return int(number) if number.denominator == 1 else float(number)
    return number


def odds(tried: int, chance: float) -> str:
    """How many ways were tried, and how likely one was to give random figures.

    >>> odds(74, 0.037), odds(1200, 1e-12)
    ('74 ways tried, random figures met by chance 3.7 %', '1,200 ways tried, random figures met by chance 1 in 10^12')
    """
    if chance >= 0.001:
        return f"{tried:,} ways tried, random figures met by chance {100 * chance:.2g} %"
    power = 0
    while chance < 1 and power < 99:
        chance *= 10
        power += 1
    return f"{tried:,} ways tried, random figures met by chance 1 in 10^{max(3, power - (chance > 1))}"


def _slip(cell: Checked, found: Found, value: Number) -> str:
    """The figure that a way gives, if what is printed is one slip away from it: a digit wrong, missing, too many, or
    two exchanged."""
    figure = parse_figure(cell.printed, cell.scale)
    low, _ = bounds(figure, found.rule)
    step = figure.binary.step if figure.thousands and "1024" in found.rule.value else figure.step
    half = Fraction(1, 2) if low != figure.value and "cut" not in found.rule.value else Fraction(0)
    digits = str(int(Fraction(value) / step + half))
    printed = str(int(figure.value / figure.step))
    return _written(cell.printed, printed, digits) if one_slip(printed, digits) else ""


def one_slip(printed: str, meant: str) -> bool:
    """Whether one digit wrong, missing or too many, or two neighbours exchanged, makes one text of another.

    >>> one_slip("886176", "885176"), one_slip("1327848", "1327488"), one_slip("12", "345")
    (True, True, False)
    """
    if abs(len(printed) - len(meant)) > 1 or printed == meant:
        return False
    start = 0
    while start < min(len(printed), len(meant)) and printed[start] == meant[start]:
        start += 1
    one, other = printed[start:], meant[start:]
    if len(one) == len(other):
        return one[1:] == other[1:] or (one[:2] == other[1::-1] and one[2:] == other[2:])
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    return longer[1:] == shorter


def _written(printed: str, old: str, new: str) -> str:
    """A figure written as the printed one is, with other digits."""
    point = printed.find(".")
    decimals = 0
    if point >= 0:
        while point + 1 + decimals < len(printed) and printed[point + 1 + decimals].isdigit():
            decimals += 1
    whole = new[: len(new) - decimals] or "0"
    text = f"{int(whole):,}" if "," in printed else whole
    unit = printed.lstrip("~≈ ")
    end = 0
    while end < len(unit) and (unit[end].isdigit() or unit[end] in ",. "):
        end += 1
    rest = unit[end:] if old else ""
    fraction = "." + new[len(new) - decimals :].rjust(decimals, "0") if decimals else ""
    space = " " if rest and end and unit[end - 1] == " " else ""
    return f"{text}{fraction}{space}{rest}"


__all__ = ["Verdict", "explained", "odds", "one_slip"]
