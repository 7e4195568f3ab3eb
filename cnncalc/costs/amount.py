"""Amounts that may be known in part: a sum over some unknown is what there is at least."""

from __future__ import annotations

from collections.abc import Iterable


class AtLeast(int):
    """A whole number that something is known to reach, and may exceed: a total part of which is unknown.

    >>> AtLeast(4089184256)
    at least 4,089,184,256
    >>> f"{AtLeast(2) + 3:,}", 1 + AtLeast(1) > 1
    ('at least 5', True)
    """

    def __repr__(self) -> str:
        return f"at least {int(self):,}"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return f"at least {int(self):{spec}}"

    def __add__(self, other: int) -> AtLeast:
        return AtLeast(int(self) + int(other))

    __radd__ = __add__

    def __mul__(self, other: int) -> AtLeast:
        return AtLeast(int(self) * int(other))

    __rmul__ = __mul__


def total(amounts: Iterable[int | None]) -> int:
    """The sum of some amounts; what it is at least, if any of them is unknown.

    >>> total([1, 2]), total([1, None])
    (3, at least 1)
    """
    amounts = list(amounts)
    if not set(map(type, amounts)) - {int}:  # by far the most common
        return sum(amounts)  # type: ignore[arg-type]
    known, complete = 0, True
    for amount in amounts:
        if amount is None:
            complete = False
        else:
            complete = complete and not isinstance(amount, AtLeast)
            known += int(amount)
    return known if complete else AtLeast(known)
