"""Evaluated options -> the typed layer, or msgspec's complaint in the words of the language."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from cnncalc.errors import SpecError
from cnncalc.language.model import LayerItem
from cnncalc.ops import Op

_MISSING = re.compile(r"missing required field `(\w+)`")
_PATH = re.compile(r"^(.*?)(?: - at `\$\.(\w+).*`)?$")
_TYPE_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a word",
    "array": "a list",
}


def make_layer(item: LayerItem, values: dict[str, Any]) -> Op:
    """The typed layer of evaluated options.

    Raises:
        SpecError: a missing or unfit option, at its place.
    """
    kind = item.kind
    if item.last is not None:
        # A repeated item with a long list makes it once: the very same values, for 1 and true are equal.
        known, op = item.last
        if all(value is known[key] for key, value in values.items()):
            return op
    try:
        op = msgspec.convert({key: _whole(value) for key, value in values.items()}, kind)
    except msgspec.ValidationError as error:
        raise _option_error(item, kind, values, str(error)) from None
    item.last = (values, op)
    return op


def _whole(value: Any) -> Any:
    """Whole-valued decimals as integers, such as width / 2."""
    if isinstance(value, tuple):
        return tuple(_whole(part) for part in value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _option_error(item: LayerItem, kind: type[Op], values: dict[str, Any], message: str) -> SpecError:
    """msgspec's complaint in the words of the language, at the option's place."""
    missing = _MISSING.search(message)
    if missing:
        option = missing[1]
        example = f"{{{kind.name}: ...}}" if option == kind.main else f"{{{kind.name}: ..., {option}: ...}}"
        return SpecError(
            f"'{kind.name}' needs '{option}'", item.place, hint=f"such as {example}", code="missing-option"
        )
    match = _PATH.match(message)
    option = match[2] if match and match[2] else next(iter(values), "")
    expected = match[1].split(", got")[0] if match else message
    for name, words in _TYPE_WORDS.items():
        expected = re.sub(rf"\b{name}\b", words, expected)
    expected = expected.replace("`", "").replace(" | null", "").replace(" | ", " or ").replace("Expected", "expected")
    place = item.options[option].place if option in item.options else item.place
    takes = kind.words.get(option)
    return SpecError(
        f"{option} of '{kind.name}' has an unfit value",
        place,
        label=f"{expected}, got {_show_value(values.get(option))}",
        hint=f"or one of: {', '.join(takes)}" if takes else None,
        code="unfit-value",
    )


def _show_value(value: Any) -> str:
    shown = str(list(value) if isinstance(value, tuple) else value)
    return {"True": "true", "False": "false", "None": "nothing"}.get(
        shown, shown if len(shown) < 60 else shown[:57] + "..."
    )
