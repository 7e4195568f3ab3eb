"""Printed figures and verdicts, against a slow implementation that goes through the text of the number."""

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnncalc.documents.figures import (
    FigureError,
    Verdict,
    difference,
    judge,
    parse_figure,
    parse_figures,
    parse_layout,
)


@pytest.mark.parametrize(
    ("text", "value", "step"),
    [
        ("34,944", 34_944, 1),
        ("0.16 M", 160_000, 10_000),
        ("112K", 112_000, 1_000),
        ("48k", 48_000, 1_000),
        ("2.7K", 2_700, 100),
        ("1.8x10^9", 1_800_000_000, 100_000_000),
        ("11.3x10^9", 11_300_000_000, 100_000_000),
        ("8.54亿", 854_000_000, 1_000_000),
        ("~6000万", 60_000_000, 10_000_000),
        ("~1000", 1_000, 1_000),
        ("4M", 4_000_000, 1_000_000),
    ],
)
def test_a_figure_is_as_wide_as_its_last_digit(text: str, value: int, step: int) -> None:
    figure = parse_figure(text)
    assert (figure.value, figure.step) == (value, step)


@pytest.mark.parametrize("text", ["", "K", "1.M", "abc", "1 2", "10^9", "-5", "1e", "12,34", "3 cats", "conv3-64"])
def test_what_is_no_figure_is_refused(text: str) -> None:
    with pytest.raises(FigureError):
        parse_figure(text)


@pytest.mark.parametrize(
    ("text", "computed", "verdict"),
    [
        # the bounds of a rounded figure and of one that was cut off
        ("0.16 M", 154_999, Verdict.DIFFERS),
        ("0.16 M", 155_000, Verdict.ROUNDED),
        ("0.16 M", 160_000, Verdict.EXACT),
        ("0.16 M", 164_999, Verdict.ROUNDED),
        ("0.16 M", 165_000, Verdict.CUT_OFF),
        ("0.16 M", 169_999, Verdict.CUT_OFF),
        ("0.16 M", 170_000, Verdict.DIFFERS),
        # whole numbers have no play
        ("55", 55, Verdict.EXACT),
        ("55", 54, Verdict.DIFFERS),
        ("55", 56, Verdict.DIFFERS),
        ("0", 0, Verdict.EXACT),
        # K may be 1024; M may not
        ("112K", 112 * 1024, Verdict.EXACT_1024),
        ("112K", 112 * 1024 - 512, Verdict.ROUNDED_1024),
        ("112K", 112 * 1024 + 511, Verdict.ROUNDED_1024),
        ("112K", 112 * 1024 + 512, Verdict.CUT_OFF_1024),
        ("112K", 113 * 1024, Verdict.DIFFERS),
        ("112K", 112_499, Verdict.ROUNDED),
        ("4M", 4 * 1024 * 1024 + 900_000, Verdict.DIFFERS),
        # a ratio
        ("~1000", 1016.09, Verdict.ROUNDED),
        ("~1000", 499, Verdict.DIFFERS),
    ],
)
def test_verdicts_at_the_bounds(text: str, computed: float, verdict: Verdict) -> None:
    assert judge(parse_figure(text), computed) is verdict


@given(
    st.integers(1, 10**10),
    st.integers(0, 3),
    st.sampled_from([("", 1), ("K", 1000), ("M", 10**6), ("G", 10**9)]),
    st.sampled_from([(ROUND_HALF_UP, Verdict.ROUNDED), (ROUND_DOWN, Verdict.CUT_OFF)]),
)
def test_a_number_printed_by_a_rule_gets_the_verdict_of_the_rule(
    number: int, decimals: int, scale: tuple[str, int], rule: tuple[str, Verdict]
) -> None:
    suffix, unit = scale
    quantum = Decimal(1).scaleb(-decimals)
    printed = (Decimal(number) / unit).quantize(quantum, rounding=rule[0])
    verdict = judge(parse_figure(f"{printed:,}{suffix}"), number)
    if printed * unit == number:
        assert verdict is Verdict.EXACT
    elif rule[1] is Verdict.ROUNDED:
        assert verdict is Verdict.ROUNDED
    else:  # what is cut off may be what is rounded
        assert verdict in (Verdict.ROUNDED, Verdict.CUT_OFF)


def test_a_difference_takes_the_nearer_reading_of_k() -> None:
    assert difference(parse_figure("437K"), 438 * 1024) == "+1K, +0.23%, with 1K = 1024"
    assert difference(parse_figure("1072K"), 1_042_432) == "-29,568, -2.76%"
    assert difference(parse_figure("3.58亿"), 271_351_808) == "-86,648,192, -24.20%"


def test_shapes_and_layouts() -> None:
    assert [int(figure.value) for figure in parse_figures("227x227x3")] == [227, 227, 3]
    assert len(parse_figures("3.6x10^9")) == 1
    assert parse_layout("7x7,64") == ((7, 64),)
    assert parse_layout("[1x1,64 3x3,64 1x1,256] x 3") == ((1, 64), (3, 64), (1, 256)) * 3
    with pytest.raises(FigureError):
        parse_layout("maxpool")
