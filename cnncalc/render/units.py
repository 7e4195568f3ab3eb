"""Amounts that people can read: 25.6 M for 25,557,032.

The prefixes are those of the SI, for counts and for bytes alike: k is 1,000, M a million, G 10^9, T 10^12, P 10^15.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Context, Decimal

from cnncalc.errors import RequestError, did_you_mean
from cnncalc.render.table import AMOUNT, Cell, Column, Table

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


def in_units(tables: Sequence[Table], units: Sequence[str]) -> list[Table]:
    """Tables with their amounts in units: one for all, or one for each column of amounts.

    Raises:
        RequestError: no table has as many columns of amounts as there are units.
    """
    amounts = [_amounts(table) for table in tables]
    if len(units) > 1 and not any(len(found) == len(units) for found in amounts):
        most = max(map(len, amounts), default=0)
        raise RequestError(
            f"{len(units)} units for {most} columns of amounts", hint="give one for all, or one for each column"
        )
    converted = []
    for table, found in zip(tables, amounts, strict=True):
        each = [units[0]] * len(found) if len(units) == 1 else units
        fits = len(each) == len(found)
        converted.append(_converted(table, dict(zip(found, each, strict=True))) if fits else table)
    return converted


def _amounts(table: Table) -> list[int]:
    """The columns of a table that hold amounts."""
    rows: list[Sequence[Cell]] = [*table.rows, table.total or [None] * len(table.columns)]
    return [
        index
        for index, column in enumerate(table.columns)
        if column.format == AMOUNT and any(isinstance(row[index], int) for row in rows)
    ]


def _converted(table: Table, units: dict[int, str]) -> Table:
    """A table with some columns in units."""
    columns = [_column(column, units.get(index, EXACT)) for index, column in enumerate(table.columns)]
    return replace(table, columns=columns)


def _column(column: Column, unit: str) -> Column:
    """A column in a unit, which its title tells."""
    if unit == EXACT:
        return column
    title = column.title if unit == AUTO else f"{column.title} ({unit})"
    return replace(column, title=title, key=column.name, unit=unit)
