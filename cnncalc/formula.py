"""Formulas: plain integer arithmetic that computes, and that writes itself down.

A `Formula` wraps an ordinary function. Called with integers it gives a number; with NumPy integer
arrays, an array; with its own names or with numbers to substitute, the text of the calculation. There
is one body, so a number and its explanation cannot disagree.

>>> @Formula
... def output_size(n, k, s, p):
...     return (n - k + 2 * p) // s + 1
>>> output_size(n=227, k=11, s=4, p=0)
55
>>> output_size.text
'floor((n - k + 2*p) / s) + 1'
>>> output_size.explain(n=227, k=11, s=4, p=0)
'(227 - 11 + 2*0) / 4 + 1 = 55'
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from math import gcd as whole_gcd
from operator import mul
from types import MappingProxyType
from typing import Any, NamedTuple

# How tightly a piece of text binds, loosest first: what decides where brackets are needed.
_SUM, _QUOTIENT, _PRODUCT, _ATOM = range(4)


class Switch(int):
    """A 0 or 1 that turns a part of a formula off or on. Written down, the part stands without its switch, or
    does not stand at all.

    >>> Formula(lambda c, bias: 9 * c + c * bias).substituted(c=64, bias=Switch(False))
    '9*64'
    """

    __slots__ = ()


class Term:
    """A piece of arithmetic while it is being written down: its text, its binding, its value if known, and
    whether it is a switch."""

    __slots__ = ("level", "switch", "text", "value")

    def __init__(self, text: str, level: int = _ATOM, value: Any = None, switch: bool = False) -> None:
        self.text = text
        self.level = level
        self.value = value
        self.switch = switch

    @classmethod
    def of(cls, number: object) -> Term:
        """The term of a number, or the term itself."""
        if isinstance(number, Term):
            return number
        return cls(str(number), value=number, switch=isinstance(number, Switch))

    @property
    def off(self) -> bool:
        """Whether it is a part that is switched off."""
        return self.switch and not self.value

    def bound(self, level: int) -> str:
        """The text, in brackets if it binds more loosely than `level`."""
        return self.text if self.level >= level else f"({self.text})"

    def __add__(self, number: Any) -> Term:
        other = Term.of(number)
        if self.off:
            return other
        if other.off:
            return self
        return Term(f"{self.text} + {other.text}", _SUM, _known(lambda a, b: a + b, self, other))

    def __sub__(self, number: Any) -> Term:
        other = Term.of(number)
        if other.off:
            return self
        return Term(f"{self.text} - {other.bound(_QUOTIENT)}", _SUM, _known(lambda a, b: a - b, self, other))

    def __mul__(self, number: Any) -> Term:
        other = Term.of(number)
        for switch, part in ((self, other), (other, self)):
            if switch.switch:  # a part that is on is written without its switch
                return part if switch.value else switch
        text = f"{self.bound(_PRODUCT)}*{other.bound(_PRODUCT)}"
        return Term(text, _PRODUCT, _known(mul, self, other))

    def __floordiv__(self, number: Any) -> Term:
        other = Term.of(number)
        text = f"{self.bound(_PRODUCT)} / {other.bound(_ATOM)}"
        value = _known(lambda a, b: a // b, self, other)
        if value is not None and value * other.value == self.value:
            return Term(text, _QUOTIENT, value)
        return Term(f"floor({text})", _ATOM, value)

    def __radd__(self, other: Any) -> Term:
        return Term.of(other) + self

    def __rsub__(self, other: Any) -> Term:
        return Term.of(other) - self

    def __rmul__(self, other: Any) -> Term:
        return Term.of(other) * self

    def __rfloordiv__(self, other: Any) -> Term:
        return Term.of(other) // self


def _known(operation: Callable[[Any, Any], Any], left: Term, right: Term) -> Any:
    """The operation on two known values; None where one is only a name."""
    if left.value is None or right.value is None:
        return None
    return operation(left.value, right.value)


def prod(factors: Any) -> Any:
    """The product of a list of sizes; 1 for the empty list.

    >>> prod((11, 11))
    121
    """
    if isinstance(factors, Term):
        return Term(f"prod({factors.text})")
    if not len(factors):
        return 1
    result = reduce(mul, factors)
    if type(result) is not int and is_array(result):
        check_bits(result, reduce(mul, map(_as_float, factors)), "a product")
    return result


def total(addends: Any) -> Any:
    """The sum of a list of counts.

    >>> total((3, 4, 6))
    13
    """
    if isinstance(addends, Term):
        return Term(f"sum({addends.text})")
    return reduce(lambda a, b: a + b, addends) if len(addends) else 0


def divide(a: Any, b: Any) -> Any:
    """A division that leaves no remainder; a divisor of 1 is not written.

    >>> divide(96, 2)
    48
    """
    if isinstance(a, Term) or isinstance(b, Term):
        a, b = Term.of(a), Term.of(b)
        if b.value == 1:
            return a
        text = f"{a.bound(_PRODUCT)}/{b.bound(_ATOM)}"
        return Term(text, _QUOTIENT, _known(lambda x, y: x // y, a, b))
    return a // b


def ceil_div(a: Any, b: Any) -> Any:
    """a / b rounded up, without leaving the integers.

    >>> ceil_div(7, 2)
    4
    """
    if isinstance(a, Term) or isinstance(b, Term):
        a, b = Term.of(a), Term.of(b)
        value = _known(lambda x, y: -(-x // y), a, b)
        return Term(f"ceil({a.bound(_PRODUCT)} / {b.bound(_ATOM)})", _ATOM, value)
    return -(-a // b)


def least(a: Any, b: Any) -> Any:
    """The smaller of two sizes, also element by element of two arrays.

    >>> least(3, 5)
    3
    """
    if isinstance(a, Term) or isinstance(b, Term):
        a, b = Term.of(a), Term.of(b)
        return Term(f"min({a.text}, {b.text})", _ATOM, _known(min, a, b))
    return a * (a <= b) + b * (b < a)


def gcd(a: Any, b: Any) -> Any:
    """The greatest common divisor, also element by element of two arrays.

    >>> gcd(12, 18)
    6
    """
    if is_array(a) or is_array(b):
        import numpy

        return numpy.gcd(a, b)
    return whole_gcd(a, b)


def is_array(value: object) -> bool:
    """Whether a value is an array of numbers rather than one number."""
    return hasattr(value, "dtype") and getattr(value, "ndim", 0) > 0


def check_bits(result: Any, approximate: Any, what: str) -> None:
    """Refuse an array of whole numbers that wrapped round: the same calculation in floating point is beyond them.
    Sums, differences and products that fit are right, whatever was too large on the way.

    Raises:
        OverflowError: it is.
    """
    kind, bits = result.dtype.kind, 8 * result.dtype.itemsize
    if kind == "i" and anywhere(abs(approximate) >= 2.0 ** (bits - 1)):
        beyond = True
    else:
        beyond = kind == "u" and anywhere((approximate < 0) | (approximate >= 2.0**bits))
    if beyond:
        raise OverflowError(f"{what} is beyond {bits} bits: use wider numbers, or Python's, one network at a time")


def anywhere(condition: Any) -> bool:
    """Whether a condition holds; of arrays, whether it holds anywhere.

    >>> anywhere(3 > 2)
    True
    """
    if type(condition) is bool:  # by far the most common
        return condition
    return bool(condition.any() if is_array(condition) else condition)


class Formula:
    """A named calculation over integers; `meaning` says what it counts, and in which units."""

    __slots__ = ("function", "meaning", "name", "names")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.name = function.__name__
        self.names = function.__code__.co_varnames[: function.__code__.co_argcount]
        self.meaning = (function.__doc__ or "").strip()

    def __call__(self, **values: Any) -> Any:
        """Compute. Extra values are ignored, so that a layer's formulas can share one set of symbols.

        Raises:
            OverflowError: the result of a calculation over arrays is beyond their bits.
        """
        return self.of(values)

    def of(self, values: Mapping[str, Any]) -> Any:
        """Compute from a table of values; as calling it does."""
        chosen = [values[name] for name in self.names]
        result = self.function(*chosen)
        if type(result) is not int and is_array(result):
            check_bits(result, self.function(*map(_as_float, chosen)), self.name)
        return result

    def renamed(self, **symbols: str) -> Formula:
        """The same formula over other symbols.

        >>> Formula(lambda n, k: n - k).renamed(k="e").text
        'n - e'
        """
        other = Formula(self.function)
        other.name, other.meaning = self.name, self.meaning
        other.names = tuple(symbols.get(name, name) for name in self.names)
        return other

    @property
    def text(self) -> str:
        """The formula in its own symbols."""
        return Term.of(self.function(*[Term(name) for name in self.names])).text

    def symbolic(self, **values: Any) -> str:
        """The formula in its own symbols, without the parts that these values switch off.

        >>> Formula(lambda c, bias: 9 * c + c * bias).symbolic(c=64, bias=Switch(True))
        '9*c + c'
        """
        chosen = {name: values[name] for name in self.names}
        terms = [Term.of(value) if isinstance(value, Switch) else Term(name) for name, value in chosen.items()]
        return Term.of(self.function(*terms)).text

    def substituted(self, **values: Any) -> str:
        """The formula with the numbers in place of the symbols."""
        return Term.of(self.function(*[_symbols(values[name]) for name in self.names])).text

    def explain(self, **values: Any) -> str:
        """The formula with the numbers substituted, and its result with thousands grouped."""
        result = self(**values)
        text = self.substituted(**values)
        plain = str(int(result))
        return plain_group(result) if text == plain else f"{text} = {plain_group(result)}"


def _as_float(value: Any) -> Any:
    """A number or an array, alone or in a list, in floating point."""
    if isinstance(value, (tuple, list)):
        return tuple(map(_as_float, value))
    return value.astype(float) if is_array(value) else value


def _symbols(value: Any) -> Any:
    """A number, or a list of numbers, ready to be written down."""
    if isinstance(value, Iterable) and not isinstance(value, str):
        return tuple(Term.of(part) for part in value)
    return Term.of(value)


class Step(NamedTuple):
    """One number and where it comes from: what it is, the formula, and the values that go into it.

    A number that no formula gives, such as the hull of several receptive fields, has the formula None; it is then
    `given`, and `reason` says in words where it comes from.
    """

    label: str
    formula: Formula | None = None
    values: Mapping[str, Any] = MappingProxyType({})
    given: int = 0
    reason: str = ""

    @property
    def value(self) -> int:
        """The number."""
        return self.given if self.formula is None else int(self.formula.of(self.values))

    @property
    def meaning(self) -> str:
        """What is counted, in words."""
        return self.reason or (self.formula.meaning if self.formula else "")

    @property
    def text(self) -> str:
        """The formula with the numbers, and the result."""
        return plain_group(self.given) if self.formula is None else self.formula.explain(**self.values)


def plain_group(number: Any) -> str:
    """An integer with its thousands grouped by commas.

    >>> plain_group(60964224)
    '60,964,224'
    """
    return f"{int(number):,}"
