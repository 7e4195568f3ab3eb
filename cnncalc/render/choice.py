"""What a request changes in tables, whatever they show: which columns, in which units, under which caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cnncalc.errors import RequestError, did_you_mean
from cnncalc.render.table import Part, Table


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked of the tables: names of columns, units of amounts, and caption and label of the first."""

    columns: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    caption: str = ""
    label: str = ""

    def __bool__(self) -> bool:
        return bool(self.columns or self.units or self.caption or self.label)

    def apply(self, parts: Sequence[Part]) -> list[Part]:
        """The parts as they are asked for. Of several tables those that have the columns are kept, and no texts.

        Raises:
            RequestError: no table has the columns, or as many columns of amounts as there are units.
        """
        chosen = picked(parts, self.columns) if self.columns else list(parts)
        if self.units:
            from cnncalc.render.units import in_units

            tables = iter(in_units([part for part in chosen if isinstance(part, Table)], self.units))
            chosen = [next(tables) if isinstance(part, Table) else part for part in chosen]
        first = next((index for index, part in enumerate(chosen) if isinstance(part, Table)), None)
        if first is not None:
            chosen[first] = _named(chosen[first], self.caption, self.label)
        return chosen


def picked(parts: Sequence[Part], names: Sequence[str]) -> list[Part]:
    """The tables that have some columns, with these alone.

    Raises:
        RequestError: none has them all.
    """
    tables = [part for part in parts if isinstance(part, Table)]
    found: list[Part] = [table for part in tables if (table := part.picked(names)) is not None]
    if not found:
        known = dict.fromkeys(column.name for table in tables for column in table.columns)
        unknown = next((name for name in names if name not in known), None)
        if unknown is None:
            raise RequestError("no one table has all these columns", hint="ask for the columns of one table")
        raise unknown_column(unknown, list(known))
    return found


def unknown_column(name: str, known: Sequence[str]) -> RequestError:
    """The error of a column that there is not."""
    hint = did_you_mean(name, known) or f"the columns are {', '.join(known)}"
    return RequestError(f"there is no column '{name[:40]}'", hint=hint, code="unknown-word")


def _named(part: Part, caption: str, label: str) -> Part:
    """A table under a caption, if one is asked for."""
    if isinstance(part, str):
        return part
    return replace(part, title=caption or part.title, label=label or part.label)
