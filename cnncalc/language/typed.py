"""Evaluated options -> the op; what an op refuses, as an error at its place in the spec."""

from __future__ import annotations

from typing import Any

from cnncalc.errors import OpError, SpecError
from cnncalc.language.model import Item, LayerItem, MergeItem
from cnncalc.ops.base import Op
from cnncalc.ops.options import make


def make_op(item: LayerItem, values: dict[str, Any]) -> Op:
    """The op of an item's evaluated options.

    Raises:
        SpecError: a missing or unfit option, at its place.
    """
    if item.last is not None:
        # A repeated item with a long list makes it once: for the very same values, since 1 and true are equal.
        known, made = item.last
        if all(value is known[key] for key, value in values.items()):
            return made
    try:
        op: Op = make(item.kind, values)
    except OpError as error:
        raise placed(error, item) from None
    item.last = (values, op)
    return op


def placed(error: OpError, item: Item) -> SpecError:
    """An op's error where the option at fault is given, or else at the item."""
    place = item.place
    if isinstance(item, (LayerItem, MergeItem)) and error.option in item.options:
        place = item.options[error.option].place
    notes = [error.context] if error.context else []
    return SpecError(error.message, place, label=error.label, hint=error.hint, notes=notes, code=error.code)
