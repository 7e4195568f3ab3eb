"""Printed figures: what a text such as ``0.16 M`` or ``112K`` stands for, and whether a number agrees with it.

A printed figure is an interval as wide as its last digit. ``0.16 M`` stands for 155,000 to 164,999 when it was
rounded, and for 160,000 to 169,999 when the rest was cut off.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from cnncalc.errors import CnncalcError, shorten

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


_SCALES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9, "t": 10**12, "万": 10**4, "亿": 10**8}
_FIGURE = re.compile(
    r"(?P<about>[~≈]?)\s*(?P<digits>\d{1,30}|\d{1,3}(?:[, \u00a0\u2009\u202f]\d{3}){1,9})(?:\.(?P<decimals>\d{1,18}))?"
    r"(?:\s*[x\u00d7\u00b7*]\s*10\^?(?P<power>\d{1,2})|[eE]\+?(?P<exponent>\d{1,2}))?"
    r"\s*(?P<scale>[kKmMgGbBtT万亿]?)(?P<binary>i?)\s*(?P<unit>[A-Za-z#.%\-/ ]{0,20})"
)
_WORDS = re.compile(r"\b(thousand|million|billion|trillion)s?\b", re.I)
# What may follow a figure's scale without changing its worth.
_UNITS = re.compile(
    r"(params?|parameters|weights|macs?|mult-?adds?|madds?|flops?|flop|ops|operations|bytes?|b|ib|px|pixels|%)?\.?",
    re.I,
)


def parse_figure(text: str, scale: int = 1) -> Figure:
    """Read a printed figure. ``~`` before it means "about": its trailing zeros are then no digits of it.

    `scale` is the worth of 1 where the figure itself names none, as under a title "Params (M)".

    >>> parse_figure("0.16 M")
    Figure(text='0.16 M', value=Fraction(160000, 1), step=Fraction(10000, 1), thousands=False)
    >>> parse_figure("1.8x10^9").step == 10**8, parse_figure("~1000").step
    (True, Fraction(1000, 1))
    >>> int(parse_figure("4.1", scale=10**9).value), int(parse_figure("4.1 GFLOPs").value)
    (4100000000, 4100000000)

    Raises FigureError for anything else.
    """
    plain = _WORDS.sub(lambda word: "K" if word[0][:2].lower() == "th" else word[0][0].upper(), text.strip()[:81])
    match = _FIGURE.fullmatch(plain) if len(text) <= 80 else None
    if match is None or not _UNITS.fullmatch(match["unit"].strip()):
        raise FigureError(f"not a printed figure: '{shorten(text)}'", hint="such as 2.7K, 3.8x10^9, 0.16 M or ~60M")
    digits = re.sub(r"\D", "", match["digits"])
    decimals = match["decimals"] or ""
    letter = match["scale"].lower()
    power = match["power"] or match["exponent"]
    own = scale if not letter and not power else _SCALES[letter]
    unit = Fraction(10 ** int(power or 0) * own)
    if match["binary"]:
        unit *= Fraction({"k": 1024, "m": 1024**2, "g": 1024**3}.get(letter, 1), own if letter in "kmg" else 1)
    step = unit / 10 ** len(decimals)
    if match["about"] and not decimals:
        step *= 10 ** (len(digits) - len(digits.rstrip("0")))
    value = Fraction(int(digits + decimals)) * unit / 10 ** len(decimals)
    thousands = letter == "k" and not match["binary"]
    return Figure(text, value, step, thousands=thousands or (not letter and scale == 1000))


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


RULES = (Verdict.ROUNDED, Verdict.CUT_OFF, Verdict.ROUNDED_1024, Verdict.CUT_OFF_1024)
"""The ways to write a number in fewer digits."""


def bounds(figure: Figure, rule: Verdict) -> tuple[Fraction, Fraction]:
    """The numbers that a rule writes as this figure: from the first, and less than the second.

    >>> [int(bound) for bound in bounds(parse_figure("0.16 M"), Verdict.CUT_OFF)]
    [160000, 170000]
    """
    if rule in (Verdict.ROUNDED_1024, Verdict.CUT_OFF_1024) and figure.thousands:
        figure = figure.binary
    if rule in (Verdict.ROUNDED, Verdict.ROUNDED_1024):
        return figure.value - figure.step / 2, figure.value + figure.step / 2
    return figure.value, figure.value + figure.step


def fits(figure: Figure, number: Number, rule: Verdict) -> bool:
    """Whether a rule writes a number as this figure."""
    low, high = bounds(figure, rule)
    return low <= number < high


def one_rule(pairs: Sequence[tuple[Figure, Number]]) -> Verdict | None:
    """The first rule that writes every number as its figure; None if there is no one rule.

    >>> one_rule([(parse_figure("1.8x10^9"), 1_814_073_344), (parse_figure("3.8x10^9"), 3_857_973_248)]).value
    'cut off'
    """
    for rule in RULES:
        if all(fits(figure, number, rule) for figure, number in pairs):
            return rule
    return None


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
    return f"{_signed(off)}, {float(off / figure.value):+.2%}" if figure.value else _signed(off)


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


def parse_figures(text: str, scale: int = 1) -> tuple[Figure, ...]:
    """Read one figure, or the several of a shape printed as in ``55x55x96``.

    >>> [int(f.value) for f in parse_figures("27x27x256")]
    [27, 27, 256]
    """
    if "10^" in text or not re.fullmatch(r"\s*\d[\d,]*\s*([x\u00d7]\s*\d[\d,]*\s*){1,3}", text):
        return (parse_figure(text, scale),)
    return tuple(parse_figure(part) for part in re.split("[x\u00d7]", text))


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
