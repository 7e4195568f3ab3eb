"""Tables with their amounts in units, which the columns' titles tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cnncalc.errors import RequestError
from cnncalc.render.prefixes import AUTO, EXACT
from cnncalc.render.table import AMOUNT, Cell, Column, Table


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
