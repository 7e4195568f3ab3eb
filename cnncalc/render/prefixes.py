"""Amounts that people can read: 25.6 M for 25,557,032.

The prefixes are those of the SI, for counts and for bytes alike: k is 1,000, M a million, G 10^9, T 10^12, P 10^15.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal

from cnncalc.errors import RequestError, did_you_mean

AUTO = "auto"
EXACT = "exact"
PREFIXES = {"k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
"""The powers of ten."""
UNITS = (AUTO, EXACT, "k", "M", "G", "T", "P")

_THREE_DIGITS = Context(prec=3, rounding=ROUND_HALF_EVEN)


def readable(amount: int) -> str:
    """An amount in three digits with the prefix that suits it; below 1,000, as it is.

    >>> readable(25557032), readable(999), readable(999_950), readable(4089184256)
    ('25.6 M', '999', '1.00 M', '4.09 G')
    """
    at_least = "at least " if type(amount) is not int else ""
    whole = int(amount)
    if abs(whole) < 1000:
        return f"{at_least}{whole}"
    rounded = _THREE_DIGITS.create_decimal(whole)  # before the prefix is chosen: 999,950 is 1.00 M
    power = min(3 * (rounded.adjusted() // 3), max(PREFIXES.values()))
    prefix = next(name for name, value in PREFIXES.items() if value == power)
    number = rounded.scaleb(-power)
    return f"{at_least}{number:,f} {prefix}"


def scaled(amount: int, unit: str) -> str:
    """An amount in a unit, with two decimals; what is more than nothing never becomes 0.

    >>> scaled(25557032, "M"), scaled(64, "M"), scaled(0, "M")
    ('25.56', '<0.01', '0.00')
    """
    at_least = "at least " if type(amount) is not int else ""
    number = Decimal(int(amount)).scaleb(-PREFIXES[unit]).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    if amount and not number:
        return f"{at_least}<0.01"
    return f"{at_least}{number:,f}"


def parse_units(text: str) -> tuple[str, ...]:
    """The units that a request names.

    Raises:
        RequestError: there is no such unit.

    >>> parse_units("M,G")
    ('M', 'G')
    """
    found = tuple(part.strip() for part in text.split(","))
    for unit in found:
        if unit not in UNITS:
            hint = did_you_mean(unit, UNITS) or f"the units are {', '.join(UNITS)}"
            raise RequestError(f"there is no unit '{unit[:20]}'", hint=hint, code="unknown-word")
    return found
