"""Formulas: the number, the array and the text come from one body."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnncalc.formula import Formula, Switch, ceil_div, divide, least, prod, total
from cnncalc.ops import FAMILIES
from cnncalc.ops.conv import conv_macs, conv_params
from cnncalc.ops.window import ceil_size, explicit_size, same_size, valid_size

ALL_FORMULAS = {
    formula.name: formula
    for kinds in FAMILIES.values()
    for kind in kinds
    for formula in kind.costs.values()
    if formula is not None
}


def test_the_lecture_s_arithmetic():
    assert explicit_size.explain(n=227, k=11, s=4, p=0) == "(227 - 11 + 2*0) / 4 + 1 = 55"
    values = {"c_in": 3, "c_out": 96, "groups": 1, "k": (11, 11), "bias": Switch(True), "out": (55, 55)}
    assert conv_params.explain(**values) == "11*11*3*96 + 96 = 34,944"
    assert conv_macs.explain(**values) == "11*11*3*96*55*55 = 105,415,200"


def test_a_division_that_leaves_a_remainder_says_floor():
    assert explicit_size.explain(n=56, k=3, s=2, p=1) == "floor((56 - 3 + 2*1) / 2) + 1 = 28"


def test_groups_are_written_only_where_there_are_any():
    values = {"c_in": 96, "c_out": 256, "groups": 2, "k": (5, 5), "bias": Switch(True)}
    assert conv_params.explain(**values) == "5*5*(96/2)*256 + 256 = 307,456"


def test_a_bias_that_is_off_is_not_written():
    values = {"c_in": 64, "c_out": 64, "groups": 1, "k": (3, 3), "bias": Switch(False)}
    assert conv_params.explain(**values) == "3*3*64*64 = 36,864"


@pytest.mark.parametrize("formula", ALL_FORMULAS.values(), ids=ALL_FORMULAS)
def test_every_formula_writes_itself_and_says_what_it_counts(formula: Formula):
    assert formula.text
    assert formula.meaning.endswith(".")


@pytest.mark.parametrize("formula", ALL_FORMULAS.values(), ids=ALL_FORMULAS)
@given(st.data())
def test_the_substituted_text_evaluates_to_the_number(formula: Formula, data):
    """Python reads the text back: an independent check of brackets and precedence."""
    number = st.integers(1, 50)
    values = {}
    for name in formula.names:
        if name in ("k", "out", "inp", "shape"):
            values[name] = tuple(data.draw(st.lists(number, min_size=1, max_size=3)))
        elif name in ("bias", "affine", "training"):
            values[name] = Switch(data.draw(st.booleans()))
        else:
            values[name] = data.draw(number)
    if "groups" in values:
        values["c_in"] *= values["groups"]
        values["c_out"] *= values["groups"]
    text = formula.substituted(**values).replace("/", "//")
    names = {"floor": int, "min": min}
    assert eval(text, {"__builtins__": {}}, names) == formula(**values)


@given(st.integers(1, 300), st.integers(1, 12), st.integers(1, 6), st.integers(0, 6))
def test_output_sizes_against_a_count_of_window_positions(n, k, s, p):
    if n + 2 * p < k:
        return
    positions = sum(1 for start in range(n + 2 * p - k + 1) if start % s == 0)
    assert explicit_size(n=n, k=k, s=s, p=p) == positions
    if n >= k:
        assert valid_size(n=n, k=k, s=s) == explicit_size(n=n, k=k, s=s, p=0)
    assert same_size(n=n, s=s) == len(range(0, n, s))


@given(st.integers(1, 200), st.integers(1, 9), st.integers(1, 6), st.data())
def test_ceil_size_against_caffe_s_loop(n, k, s, data):
    """Caffe: round up, then drop the last window if it would start in the padding after the image."""
    p = data.draw(st.integers(0, k // 2))
    if n + 2 * p < k:
        return
    out = -(-(n + 2 * p - k) // s) + 1
    if (out - 1) * s >= n + p:
        out -= 1
    assert ceil_size(n=n, k=k, s=s, before=p, after=p) == out


def test_helpers():
    assert prod(()) == 1
    assert total(()) == 0
    assert ceil_div(7, 2) == 4
    assert divide(8, 2) == 4
    assert least(3, 5) == least(5, 3) == 3


def test_formulas_take_numpy_arrays():
    np = pytest.importorskip("numpy")
    sizes = np.array([224, 225, 227])
    assert explicit_size(n=sizes, k=11, s=4, p=2).tolist() == [55, 55, 56]
    assert ceil_size(n=sizes, k=3, s=2, before=0, after=0).tolist() == [112, 112, 113]
    widths = np.array([64, 128])
    assert conv_params(c_in=3, c_out=widths, groups=1, k=(7, 7), bias=Switch(False)).tolist() == [9408, 18816]
