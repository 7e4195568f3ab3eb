"""What a sweep varies, from the command line, a YAML file or Python: ranges, choices, and expressions over them.

    width=0.25:2:0.25      from 0.25 to 2, both included, in steps of 0.25
    input=128:320:32       the same in whole numbers; without a step, in steps of 1
    channels=8:1024:x2     each twice the one before
    depths=[[2,2,2,2], [3,4,6,3]]   these values; lists in a list
    width=0.5:2            any number between: for samples, uniform
    width=0.5:2:log        for samples, uniform in its logarithm
    depth=1.2 ** phi       what an expression over the others gives

>>> read_values("128:192:32", "input")
Choices(values=(128, 160, 192))
>>> read_values("0.25:1:0.25", "width")
Choices(values=(0.25, 0.5, 0.75, 1.0))
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

from cnncalc.errors import RequestError, did_you_mean, shorten
from cnncalc.language.expressions import Expression, parse_expression, place_of
from cnncalc.language.model import Values as ValueList
from cnncalc.language.model import given_value
from cnncalc.language.reader import read_value

MOST_VALUES = 1_000_000
"""The values of one variable of a grid."""

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"\s*({_NUMBER})\s*:\s*({_NUMBER})\s*(?::\s*(x?)\s*({_NUMBER}|log)\s*)?")


@dataclass(frozen=True, slots=True)
class Choices:
    """Values one after the other."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """Any number between two, both included; whole ones only if `whole`. Drawn uniformly, or so in its logarithm."""

    low: float
    high: float
    whole: bool = False
    log: bool = False


Axis: TypeAlias = Choices | Span | Expression
"""What a variable of a sweep can be. An expression is one over the other variables."""


@dataclass(frozen=True)
class Declaration:
    """What is varied, and what is wanted of it.

    Attributes:
        vary: what each variable of the network can be; also `input` and `batch`.
        let: variables of the sweep alone, over which the others may be expressions.
        where: conditions on variables and quantities, all of which hold for what is kept.
        sample: so many variants drawn at random; None for the whole grid.
        seed: of what is drawn.
    """

    vary: Mapping[str, Axis] = field(default_factory=dict)
    let: Mapping[str, Axis] = field(default_factory=dict)
    where: tuple[Expression, ...] = ()
    sample: int | None = None
    seed: int = 0

    @property
    def names(self) -> list[str]:
        """The variables of the sweep, in order."""
        return [*self.let, *self.vary]

    @property
    def axes(self) -> dict[str, Axis]:
        """What each variable can be."""
        return {**self.let, **self.vary}


def read_values(text: str, name: str) -> Axis:
    """The values that a text declares for a variable.

    Raises:
        RequestError: a range without end or without values.
        SpecError: it is neither range, list nor expression.
    """
    found = _RANGE.fullmatch(text)
    if found is None:
        return _axis(read_value(text.strip() or "~", f"'{shorten(name)}'"), name)
    low, high, times, step = found.groups()
    if step is None and all(re.fullmatch(r"[+-]?\d+", end) for end in (low, high)):
        step = "1"
    if step is None or step == "log":
        return _span(low, high, step == "log", name)
    return Choices(_multiples(low, high, step, name) if times else _steps(low, high, step, name))


def given_values(value: Any, name: str) -> Axis:
    """The values that Python or YAML gives for a variable: a text as on the command line, a list, or one value.

    >>> given_values([0.5, 1.0], "width"), given_values("8:32:x2", "channels")
    (Choices(values=(0.5, 1.0)), Choices(values=(8, 16, 32)))
    """
    if isinstance(value, (Choices, Span, Expression)):
        return value
    if isinstance(value, str):
        return read_values(value, name)
    if isinstance(value, range):
        value = tuple(value)
    if hasattr(value, "tolist"):  # numpy's arrays and numbers
        value = value.tolist()
    return _axis(given_value(value, name), name)


def _axis(value: Any, name: str) -> Axis:
    """A value as what a variable can be: each of a list, or one."""
    if not isinstance(value, tuple):
        return value if isinstance(value, Expression) else Choices((value,))
    values = tuple(tuple(each) if isinstance(each, tuple) else each for each in value)
    if not values:
        raise RequestError(f"'{shorten(name)}' has no values", hint="list them: [0.5, 1.0]", code="empty-sweep")
    if isinstance(value, ValueList) and value.waits:
        raise RequestError(f"the values of '{shorten(name)}' are an expression", hint=_HINT, code="unfit-values")
    return Choices(values)


_HINT = "write a range such as 0.25:2:0.25, a list such as [0.5, 1], or one expression over other variables"


def _span(low: str, high: str, log: bool, name: str) -> Span:
    whole = all(re.fullmatch(r"[+-]?\d+", end) for end in (low, high))
    number = int if whole else float
    span = Span(number(low), number(high), whole, log)
    if not span.low < span.high or (log and span.low <= 0):
        hint = "its first number is the smaller" if not span.low < span.high else "a logarithm is of a number from 0"
        raise RequestError(f"the range of '{shorten(name)}' is empty", hint=hint, code="empty-sweep")
    return span


def _steps(low: str, high: str, step: str, name: str) -> tuple[Any, ...]:
    """The numbers of a range, in exact decimals, so that a third step is 0.3 and not 0.30000000000000004."""
    start, stop, by = Decimal(low), Decimal(high), Decimal(step)
    if by <= 0 or stop < start:
        hint = "a step is larger than 0, and the first number not larger than the last"
        raise RequestError(f"the range of '{shorten(name)}' is empty", hint=hint, code="empty-sweep")
    count = int((stop - start) / by) + 1
    _check_count(count, name)
    whole = all(each == each.to_integral_value() for each in (start, by)) and "." not in low + step
    return tuple((int if whole else float)(start + number * by) for number in range(count))


def _multiples(low: str, high: str, factor: str, name: str) -> tuple[Any, ...]:
    """The numbers of a range of which each is a multiple of the one before."""
    start, stop, by = Decimal(low), Decimal(high), Decimal(factor)
    if start <= 0 or stop < start or by <= 1:
        hint = "it begins above 0, and each is more than 1 times the one before: 8:1024:x2"
        raise RequestError(f"the range of '{shorten(name)}' is empty", hint=hint, code="empty-sweep")
    _check_count(int(math.log(float(stop / start)) / math.log(float(by))) + 1, name)
    found = []
    while start <= stop:
        found.append(start)
        start *= by
    whole = all(each == each.to_integral_value() for each in found) and "." not in low + factor
    return tuple((int if whole else float)(each) for each in found)


def _check_count(count: int, name: str) -> None:
    if count > MOST_VALUES:
        hint = "take larger steps, or leave the step out and draw a --sample"
        raise RequestError(f"'{shorten(name)}' has {count:,} values", hint=hint, code="too-many-values")


def assignments(texts: Sequence[str] | None, option: str) -> dict[str, Axis]:
    """The variables that options such as `--vary NAME=VALUES` declare.

    >>> assignments(["width=0.5:1:0.5"], "--vary")
    {'width': Choices(values=(0.5, 1.0))}
    """
    found: dict[str, Axis] = {}
    for text in texts or ():
        name, equals, values = text.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier() or not values.strip():
            raise RequestError(f"'{shorten(text)}' varies nothing", hint=f"write {option} NAME=VALUES; {_HINT}")
        if name in found:
            raise RequestError(f"{option} gives '{shorten(name)}' twice", hint="leave one of them out")
        found[name] = read_values(values, name)
    return found


def conditions(texts: Sequence[str]) -> tuple[Expression, ...]:
    """Conditions, each as the parts that `and` joins: a part that is false spares the rest.

    >>> [part.text for part in conditions(["macs < 600e6 and params < 5e6"])]
    ['macs < 600e6', 'params < 5e6']
    """
    found = []
    for text in texts:
        found += [parse_expression(part, place_of(part)) for part in parse_expression(text, place_of(text)).conjuncts]
    return tuple(found)


def check_names(names: Sequence[str], known: Sequence[str], what: str) -> None:
    """Each name is known.

    Raises:
        RequestError: one is not; the nearest is told.
    """
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or (f"there are {', '.join(known)}" if known else "there are none")
            raise RequestError(f"there is no {what} '{shorten(name)}'", hint=hint, code="unknown-word")


def text_of(axis: Any) -> str:
    """What a variable can be, in words."""
    if isinstance(axis, Choices):
        values = [plain(value) for value in axis.values[:8]]
        more = f", ... {len(axis.values):,} values to {plain(axis.values[-1])}" if len(axis.values) > 8 else ""
        return f"[{', '.join(values)}{more}]"
    if isinstance(axis, Span):
        return f"{axis.low}:{axis.high}{':log' if axis.log else ''}"
    return str(axis.text)


def plain(value: Any) -> str:
    """A value as specs have it."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(plain, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
