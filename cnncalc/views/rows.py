"""A row of a table of layers, a layer or a group, in words and shares."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

import msgspec

from cnncalc.costs.analysis import GroupRow, Row
from cnncalc.ops.base import Op, show

AnyRow: TypeAlias = Row | GroupRow


def kind_text(row: AnyRow) -> str:
    """The kind of a layer; of a group, how many layers it has."""
    if isinstance(row, Row):
        return row.op.kind
    return row.rows[0].op.kind if len(row.rows) == 1 else f"{len(row.rows):,} layers"


def percent(part: int | None, whole: int) -> float | None:
    """A share in percent; none of nothing, or of what is unknown."""
    return 100 * int(part) / int(whole) if whole and part is not None else None


@lru_cache(maxsize=10_000)
def describe(op: Op) -> str:
    """An op's kind with the options that differ from their defaults.

    >>> from cnncalc.ops import Conv
    >>> describe(Conv(96, kernel=11, stride=4))
    'conv 96, kernel 11, stride 4'
    >>> describe(Conv(64, kernel=(1, 7), padding=(0, 3), bias=False))
    'conv 64, kernel 1x7, padding 0x3, no bias'
    """
    head, parts = op.kind, []
    for option in msgspec.structs.fields(type(op)):
        value = getattr(op, option.name)
        if option.name == op.main:
            text = f"{value[0]}:{value[1]}" if op.kind == "slice" else _option(value)  # a range, no sizes
            head = f"{op.kind} {text}"
        elif value != option.default and value is not None:
            parts.append(_with_name(option.name, value))
    return ", ".join([head, *parts])


def _with_name(name: str, value: Any) -> str:
    """An option with its name."""
    if isinstance(value, bool):
        return name if value else f"no {name}"
    if name == "connections":
        return f"{sum(map(len, value))} connections"
    return f"{name.replace('_', ' ')} {_option(value)}"


def _option(value: Any) -> str:
    """An option's value as a spec's reader knows it; sizes as in shapes."""
    if isinstance(value, tuple):
        if all(isinstance(part, int) for part in value):
            return show(value)
        return "[" + ", ".join(f"{before}+{after}" for before, after in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)
