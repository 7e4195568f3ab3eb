"""Expressions: the small arithmetic of specs, held against Python's own, and what it refuses."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnncalc.errors import SpecError
from cnncalc.language.expressions import MAX_DEPTH, MAX_LENGTH, divisible, evaluate_text

SCOPE = {"a": 3, "b": 7, "half": 0.5, "yes": True, "depths": (3, 4, 6, 3)}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4 * a", 12),
        ("a / 2", 1.5),
        ("b // 2 + b % 2", 4),
        ("-a", -3),
        ("a < b <= 7", True),
        ("a if b > 9 else b", 7),
        ("not yes or a == 3", True),
        ("depths[2] - 1", 5),
        ("depths[-1]", 3),
        ("max(a, b, 5)", 7),
        ("ceil(b * half)", 4),
        ("floor(b * half)", 3),
        ("round(2.6)", 3),
        ("divisible(32 * 0.75, 8)", 24),
        ("true and not false", True),
    ],
)
def test_values(text, value):
    assert evaluate_text(text, SCOPE) == value


@pytest.mark.parametrize(
    "text",
    [
        "a.real",
        "a.__class__",
        "__import__('os')",
        "open('x')",
        "(lambda: 1)()",
        "[x for x in depths]",
        "2 ** 10 ** 10",
        "'text'",
        "f'{a}'",
        "depths[0:2]",
        "depths['a']",
        "depths[9]",
        "depths[true]",
        "depths + 1",
        "a[0]",
        "max(a)",
        "max(a, key=b)",
        "a; b",
        "a = 1",
        "a :=",
        "",
        "(",
        "a is b",
        "a in depths",
        "a @ b",
        "~a",
        "a << 60",
        "10**18 * 10",
        "999999999999999999 * 999999999999999999",
        "1 / 0",
        "1 // 0",
        "1e400",
        "a" * 400,
        "-" * 200 + "1",
        "missing + 1",
        "a if b",
        "\x00",
        "\ud800",
        "int('9' * 5000)",
        "{1: 2}",
        "await a",
        "*a",
        "yield",
        "None",
        "...",
        "1j",
    ],
)
def test_refused_with_a_place(text):
    with pytest.raises(SpecError) as caught:
        evaluate_text(text, SCOPE)
    assert caught.value.render().startswith(f"error[{caught.value.code}]: ")
    assert "-->" in caught.value.render()


def test_an_unknown_variable_names_the_nearest():
    with pytest.raises(SpecError, match="did you mean 'depths'"):
        evaluate_text("dephts[0]", SCOPE)


numbers = st.integers(-1000, 1000).map(lambda n: f"({n})" if n < 0 else str(n))
expressions = st.recursive(
    numbers | st.sampled_from(["a", "b"]),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "<", "=="]), inner)
        | st.builds("({} if {} else {})".format, inner, inner, inner)
        | st.builds("min({}, {})".format, inner, inner)
    ),
    max_leaves=12,
)


@given(expressions)
def test_agrees_with_python(text):
    value = eval(text, {"__builtins__": {}}, {"a": 3, "b": 7, "min": min})
    if len(text) > MAX_LENGTH or text.count("(") > MAX_DEPTH:
        return
    try:
        assert evaluate_text(text, {"a": 3, "b": 7}) == value
    except SpecError as error:
        assert "10^18" in error.message  # noqa: PT017


@given(st.floats(1, 5000), st.sampled_from([1, 2, 4, 8, 16]))
def test_divisible_is_a_near_multiple(value, by):
    result = divisible(value, by)
    assert result % by == 0
    assert result >= 0.9 * value
    assert result <= max(by, value + by)
    assert not math.isnan(result)
