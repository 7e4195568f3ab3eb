"""Printed figures: what a text such as ``0.16 M`` or ``112K`` stands for, and whether a number agrees with it.

A printed figure is an interval as wide as its last digit. ``0.16 M`` stands for 155,000 to 164,999 when it was
rounded, and for 160,000 to 169,999 when the rest was cut off.
"""

from __future__ import annotations

import re
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from cnncalc.errors import CnncalcError

Number = int | float


class Verdict(StrEnum):
    """How a computed value stands to what the document prints."""

    EXACT = "exact"
    ROUNDED = "rounded"
    CUT_OFF = "cut off"
    EXACT_1024 = "exact (1K = 1024)"
    ROUNDED_1024 = "rounded (1K = 1024)"
    CUT_OFF_1024 = "cut off (1K = 1024)"
    DIFFERS = "differs"
    HOLDS = "holds"
    DOES_NOT_HOLD = "does not hold"

    @property
    def agrees(self) -> bool:
        return self not in (Verdict.DIFFERS, Verdict.DOES_NOT_HOLD)


class Figure(NamedTuple):
    """A printed number: its value, and the worth of its last digit."""

    text: str
    value: Fraction
    step: Fraction
    thousands: bool  # printed in K, which may mean 1024

    @property
    def binary(self) -> Figure:
        """The same figure with 1K = 1024."""
        return self._replace(value=self.value * 1024 / 1000, step=self.step * 1024 / 1000)


class FigureError(CnncalcError):
    """A text that is no printed figure."""


_SCALES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "万": 10**4, "亿": 10**8}
_FIGURE = re.compile(
    r"(?P<about>~?)(?P<digits>\d[\d,]*)(?:\.(?P<decimals>\d+))?"
    r"(?:\s*x\s*10\^(?P<power>\d{1,2}))?\s*(?P<scale>[kKmMgG万亿]?)"
)


def parse_figure(text: str) -> Figure:
    """Read a printed figure. ``~`` before it means "about": its trailing zeros are then no digits of it.

    >>> parse_figure("0.16 M")
    Figure(text='0.16 M', value=Fraction(160000, 1), step=Fraction(10000, 1), thousands=False)
    >>> parse_figure("1.8x10^9").step == 10**8, parse_figure("~1000").step
    (True, Fraction(1000, 1))

    Raises FigureError for anything else.
    """
    match = _FIGURE.fullmatch(text.strip())
    if match is None:
        raise FigureError(f"not a printed figure: {text!r}")
    digits = match["digits"].replace(",", "")
    decimals = match["decimals"] or ""
    unit = Fraction(10 ** int(match["power"] or 0) * _SCALES[match["scale"].lower()])
    step = unit / 10 ** len(decimals)
    if match["about"] and not decimals:
        step *= 10 ** (len(digits) - len(digits.rstrip("0")))
    value = Fraction(int(digits + decimals)) * unit / 10 ** len(decimals)
    return Figure(text, value, step, thousands=match["scale"] in ("k", "K"))


def judge(figure: Figure, computed: Number) -> Verdict:
    """The verdict on a computed number, by the digits that are printed.

    >>> judge(parse_figure("0.16 M"), 163_328), judge(parse_figure("1.22 M"), 1_228_800)
    (<Verdict.ROUNDED: 'rounded'>, <Verdict.CUT_OFF: 'cut off'>)
    >>> judge(parse_figure("112K"), 114_688), judge(parse_figure("2.7K"), 9_408)
    (<Verdict.EXACT_1024: 'exact (1K = 1024)'>, <Verdict.DIFFERS: 'differs'>)
    """
    number = Fraction(computed)
    plain = (Verdict.EXACT, Verdict.ROUNDED, Verdict.CUT_OFF)
    for verdict, agrees in zip(plain, _agreements(figure, number), strict=True):
        if agrees:
            return verdict
    binary = (Verdict.EXACT_1024, Verdict.ROUNDED_1024, Verdict.CUT_OFF_1024)
    if figure.thousands:
        for verdict, agrees in zip(binary, _agreements(figure.binary, number), strict=True):
            if agrees:
                return verdict
    return Verdict.DIFFERS


def difference(figure: Figure, computed: Number) -> str:
    """By how much a number is off a printed figure, in the reading of K that is nearer.

    >>> difference(parse_figure("886,176"), 885_120), difference(parse_figure("437K"), 448_512)
    ('-1,056, -0.12%', '+1K, +0.23%, with 1K = 1024')
    """
    number = Fraction(computed)
    if figure.thousands and abs(number - figure.binary.value) < abs(number - figure.value):
        off = number - figure.binary.value
        return f"{_signed(off / 1024)}K, {float(off / figure.binary.value):+.2%}, with 1K = 1024"
    off = number - figure.value
    return f"{_signed(off)}, {float(off / figure.value):+.2%}"


def _signed(number: Fraction) -> str:
    """At most two decimals, without trailing zeros."""
    return f"{float(number):+,.2f}".rstrip("0").rstrip(".")


def _agreements(figure: Figure, number: Fraction) -> tuple[bool, bool, bool]:
    """Whether the number is the figure, rounds to it (half goes up), or is cut off to it."""
    half = figure.step / 2
    return (
        number == figure.value,
        figure.value - half <= number < figure.value + half,
        figure.value <= number < figure.value + figure.step,
    )


def parse_figures(text: str) -> tuple[Figure, ...]:
    """Read one figure, or the several of a shape printed as in ``55x55x96``.

    >>> [int(f.value) for f in parse_figures("27x27x256")]
    [27, 27, 256]
    """
    if "10^" in text:
        return (parse_figure(text),)
    return tuple(parse_figure(part) for part in text.split("x"))


def parse_layout(text: str) -> tuple[tuple[int, int], ...]:
    """Read a printed list of convolutions, each as (kernel, output channels).

    >>> parse_layout("conv3-256 conv3-256 conv1-256")
    ((3, 256), (3, 256), (1, 256))
    >>> parse_layout("[1x1,64 3x3,64] x 2")
    ((1, 64), (3, 64), (1, 64), (3, 64))
    """
    match = re.fullmatch(r"\[(.*)\] x (\d{1,3})", text)
    body, repeat = (match[1], int(match[2])) if match else (text, 1)
    convs = []
    for item in body.split():
        conv = re.fullmatch(r"conv(\d+)-(\d+)|(\d+)x\d+,(\d+)", item)
        if conv is None:
            raise FigureError(f"not a printed convolution: {item!r} in {text!r}")
        kernel, channels = (group for group in conv.groups() if group is not None)
        convs.append((int(kernel), int(channels)))
    return tuple(convs) * repeat
