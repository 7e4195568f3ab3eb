"""The options of an op, checked against the types of its class, whoever gives them: a spec or Python."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from cnncalc.errors import OpError
from cnncalc.formula import is_array

_MESSAGE = re.compile(r"^(.*?)(?: - at `.*`)?$")
_TYPE_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a word",
    "array": "a list",
}


def check(op: msgspec.Struct) -> None:
    """Check every option of an op that is not left at its default; lists become tuples.

    Raises:
        OpError: a value does not fit.

    >>> from cnncalc.ops import Conv
    >>> Conv(4, kernel=[3, 5]).kernel
    (3, 5)
    """
    cls = type(op)
    for name, kind, default in _fields(cls):
        value = getattr(op, name)
        plain = type(value) in (int, bool)
        if value is default or (plain and (cls, name, type(value), value) in _FIT):
            continue
        fit = _fit(cls, name, value, kind)
        if fit is not value:
            msgspec.structs.force_setattr(op, name, fit)
        elif plain and len(_FIT) < _MOST_FIT:
            _FIT.add((cls, name, type(value), value))


# Numbers that were found to fit an option: networks use few different ones, many times.
_FIT: set[tuple[type, str, type, object]] = set()
_MOST_FIT = 10_000


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, Any, Any], ...]:
    """The name, type and default of each option of a kind."""
    return tuple((field.name, field.type, field.default) for field in msgspec.structs.fields(kind))


def _fit(kind: Any, name: str, value: Any, type_: Any) -> Any:
    """The value as its type has it."""
    if is_array(value):  # of many variants at once: the smallest has to fit
        _fit(kind, name, int(value.min()), type_)
        return value
    try:
        return msgspec.convert(_plain(value), type_)
    except msgspec.ValidationError as error:
        raise unfit(kind, name, value, str(error)) from None


def _plain(value: Any) -> Any:
    """NumPy's whole numbers as Python's, and whole-valued decimals as integers, such as width / 2."""
    if isinstance(value, (tuple, list)):
        return tuple(map(_plain, value))
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, (bool, int, float, str)) or value is None or not hasattr(value, "__index__"):
        return value
    return operator.index(value)


def unfit(kind: Any, name: str, value: Any, message: str) -> OpError:
    """msgspec's complaint about an option in the words of the language."""
    match = _MESSAGE.match(message)
    expected = (match[1] if match else message).split(", got")[0]
    for word, words in _TYPE_WORDS.items():
        expected = re.sub(rf"\b{word}\b", words, expected)
    expected = expected.replace("`", "").replace(" | null", "").replace(" | ", " or ").replace("Expected", "expected")
    takes = kind.words.get(name)
    return OpError(
        f"{name} of '{kind.kind}' has an unfit value",
        option=name,
        label=f"{expected}, got {shown(value)}",
        hint=f"or one of: {', '.join(takes)}" if takes else None,
        code="unfit-value",
    )


def shown(value: Any) -> str:
    """A value as a message quotes it."""
    text = str(list(value) if isinstance(value, tuple) else value)
    return {"True": "true", "False": "false", "None": "nothing"}.get(
        text, text if len(text) < 60 else text[:57] + "..."
    )


def make(kind: Any, values: Mapping[str, Any]) -> Any:
    """The op of a kind with these options.

    Raises:
        OpError: an option is missing or has an unfit value.

    >>> from cnncalc.ops import Dropout
    >>> make(Dropout, {"p": 0.25})
    Dropout(p=0.25)
    """
    for name, _, default in _fields(kind):
        if default is msgspec.NODEFAULT and name not in values:
            example = f"{{{kind.kind}: ...}}" if name == kind.main else f"{{{kind.kind}: ..., {name}: ...}}"
            raise OpError(f"'{kind.kind}' needs '{name}'", hint=f"such as {example}", code="missing-option")
    return kind(**values)
