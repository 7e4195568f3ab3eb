"""Expressions: the small arithmetic of specs, held against Python's own, and what it refuses."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cnncalc.errors import Place, Source, SpecError
from cnncalc.language import expressions
from cnncalc.language.expressions import LAYERS, MAX_DEPTH, MAX_LENGTH, divisible, evaluate_text, parse_expression

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


# Expressions, each as it is here and as Python has it: there `and` and `or` give one of their operands.
numbers = st.integers(-1000, 1000).map(lambda n: (f"({n})",) * 2)
names = st.sampled_from(["a", "b", "half", "yes", "true", "False", "depths[1]", "depths[-1]"])
OPERATORS = ["+", "-", "*", "/", "//", "%", "<", "<=", "==", "!=", ">", ">="]


def both(form, *parts):
    """An expression and Python's, made of parts."""
    return tuple(form.format(*texts) for texts in zip(*parts, strict=True))


def made_of(inner):
    return (
        st.builds(
            lambda x, operator, y: both(f"({{}} {operator} {{}})", x, y), inner, st.sampled_from(OPERATORS), inner
        )
        | st.builds(lambda x, n: both(f"({{}} ** {n})", x), inner, st.integers(-2, 3))
        | st.builds(lambda x, y, z: both("({} < {} >= {})", x, y, z), inner, inner, inner)
        | st.builds(lambda x, y, z: both("({} if {} else {})", x, y, z), inner, inner, inner)
        | st.builds(lambda f, x, y: both(f"{f}({{}}, {{}})", x, y), st.sampled_from(["min", "max"]), inner, inner)
        | st.builds(lambda f, x: both(f"{f}({{}})", x), st.sampled_from(["round", "floor", "ceil"]), inner)
        | st.builds(lambda f, x: both(f"({f} {{}})", x), st.sampled_from(["not", "-", "+"]), inner)
        | st.builds(
            lambda word, x, y: (f"({x[0]} {word} {y[0]})", f"bool({x[1]} {word} {y[1]})"),
            st.sampled_from(["and", "or"]),
            inner,
            inner,
        )
    )


PYTHON = {
    "__builtins__": {}, "min": min, "max": max, "round": round, "floor": math.floor, "ceil": math.ceil, "bool": bool,
    "true": True, **SCOPE,
}  # fmt: skip


@settings(max_examples=400)
@given(st.recursive(numbers | names.map(lambda name: (name, name)), made_of, max_leaves=12))
def test_agrees_with_python(texts):
    ours, python = texts
    assume(len(ours) <= MAX_LENGTH)
    assume(ours.count("(") < MAX_DEPTH / 2)
    try:
        value = eval(python, PYTHON)
    except (ArithmeticError, TypeError):  # a root of a negative number is complex there
        value = None
    if value is None or isinstance(value, complex):
        with pytest.raises(SpecError):
            evaluate_text(ours, SCOPE)
        return
    try:
        found = evaluate_text(ours, SCOPE)
    except SpecError as error:
        assert "10^18" in error.message or "root" in error.message  # noqa: PT017
    else:
        assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "around",
    [
        *("-({})", "not ({})", "({}) * 1", "0 * ({})", "({}) < 1", "1 < ({})", "({}) and a", "a and ({})", "({}) or 0"),
        *("0 if ({}) else 1", "({}) if a else 0", "0 if a else ({})", "min({}, 1)", "max(0, {})", "depths[{}]"),
        "(depths if {} else depths)[0]",
    ],
)
def test_every_way_down_is_bounded(around, monkeypatch):
    """As many levels as there may be, and one more."""
    monkeypatch.setattr(expressions, "MAX_LENGTH", 10**4)
    levels = MAX_DEPTH // (2 if around.startswith("(depths") else 1)
    text = "0"
    for _ in range(levels):
        text = around.format(text)
    evaluate_text(text, SCOPE)
    with pytest.raises(SpecError, match="nested deeper"):
        evaluate_text(around.format(text), SCOPE)


@pytest.mark.parametrize("before", ["layers: [{conv: ", "layers: [{conv: '", 'layers: [{conv: "'])
@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("8 + missing", "missing"),
        ("8 * sqr(9)", "sqr"),
        ("1 + a.real", "a.real"),
        ("2 * depths[9]", "depths[9]"),
        ("max(1, depths[0:2])", "depths[0:2]"),
        ("a * (b @ 2)", "b @ 2"),
        ("1 + ~a", "~a"),
        ("a + min(1)", "min(1)"),
        ("1 + (a in depths)", "a in depths"),
    ],
)
def test_the_word_at_fault_is_marked(before, text, word):
    line = f"{before}{text}{before[-1] if before[-1] != ' ' else ''}}}]"
    column = len(before) - (before[-1] != " ")
    with pytest.raises(SpecError) as caught:
        parse_expression(text, Place(Source("mine.yaml", line), 0, column, len(text)))(SCOPE)
    place = caught.value.place
    assert line[place.column : place.column + place.width] == word


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("sqr(9)", "the functions are min, max, round, floor, ceil, divisible"),
        ("mim(9, 8)", "did you mean 'min'?"),
        ("missing", "the variables here are a, b, depths, half, yes"),
        ("index", "inside an item with 'repeat'"),
        ("no", "write true or false"),
        ("3x3", "a list is written [3, 3]"),
        (".inf", "numbers are finite"),
        ("a = 1", "a comparison is written =="),
        ("a && b", "conditions are joined by and, or, not"),
        ("depths[4]", "from 0 to 3"),
    ],
)
def test_how_it_is_mended(text, hint):
    with pytest.raises(SpecError) as caught:
        evaluate_text(text, {**SCOPE, LAYERS: {}})
    assert hint in caught.value.hint


@given(st.floats(1, 5000), st.sampled_from([1, 2, 4, 8, 16]))
def test_divisible_is_a_near_multiple(value, by):
    result = divisible(value, by)
    assert result % by == 0
    assert result >= 0.9 * value
    assert result <= max(by, value + by)
    assert not math.isnan(result)
