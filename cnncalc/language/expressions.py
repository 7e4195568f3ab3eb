"""Expressions: the arithmetic that a spec may use where a number or a condition is expected.

The text is parsed by Python's own parser and every node is checked against the table of what the language
has; the rest (attributes, calls, comprehensions) is refused. What is left becomes plain functions:
nothing of the text is ever run.

>>> evaluate_text("4 * width if deep else divisible(width * 0.75, 8)", {"width": 64, "deep": False})
48
"""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from cnncalc.errors import Place, Source, SpecError, did_you_mean, shorten
from cnncalc.language.nodes import MAX_NUMBER

Scope = Mapping[str, Any]
Evaluate = Callable[[Scope], Any]

MAX_LENGTH = 300  # characters
MAX_DEPTH = 30
LAYERS = "names of layers"
"""Under this key, which no variable can have, a scope holds the variables that stand for layers, with the layers'
full names: they are no values, and a message says so."""


class ExpressionError(Exception):
    """What is wrong with an expression, and which of its words (offset and width) is at fault."""

    def __init__(self, message: str, offset: int = 0, width: int = 0, *, code: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.width = width
        self.code = code
        self.hint = hint


def divisible(value: float, by: int) -> int:
    """The multiple of `by` nearest to a channel count, not below 90 % of it (MobileNet's rounding).

    >>> divisible(24 * 0.35, 8), divisible(19.2, 8)
    (8, 24)
    """
    nearest = max(by, int(value + by / 2) // by * by)
    return nearest + by if nearest < 0.9 * value else nearest


def power(base: float, exponent: float) -> float:
    """A power, bounded before it is computed: one that is beyond the bound of numbers takes no time.

    >>> power(2, 10), power(4, 0.5)
    (1024, 2.0)
    """
    if abs(base) not in (0, 1) and exponent * math.log2(abs(base)) > _LOG_BOUND:
        raise _too_large()
    value: Any = base**exponent
    if isinstance(value, complex):
        hint = "a fraction of a power is of a number from 0"
        raise ExpressionError("a root of a negative number", code="no-value", hint=hint)
    return value  # type: ignore[no-any-return]


_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: power,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
# Each function with the fewest and the most arguments it takes.
FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "min": (min, 2, 10),
    "max": (max, 2, 10),
    "round": (round, 1, 1),
    "floor": (math.floor, 1, 1),
    "ceil": (math.ceil, 1, 1),
    "divisible": (divisible, 2, 2),
}
CONSTANTS = {"true": True, "false": False, "True": True, "False": False}


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression and where it stands in the spec.

    `names` are those that the spec gives to layers: no values, which a message says of one that is taken for one.
    """

    text: str
    place: Place
    function: Evaluate
    names: Collection[str] = field(default=(), compare=False, repr=False)

    @property
    def work(self) -> int:
        """How much work it is to evaluate, in numbers copied: never less than one.

        >>> parse_expression("1 + 1", Place(Source("", ""), 0, 0)).work
        1
        """
        return 1 + len(self.text) // 16

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables that it speaks of.

        >>> parse_expression("4 * width if deep else min(width, 8)", Place(Source("", ""), 0, 0)).variables
        ('deep', 'width')
        """
        return _variables(self.text)

    @property
    def conjuncts(self) -> tuple[str, ...]:
        """The texts of the conditions that `and` joins; the whole text if it joins none.

        >>> parse_expression("a < 3 and (b or c)", Place(Source("", ""), 0, 0)).conjuncts
        ('a < 3', 'b or c')
        """
        text = self.text.strip()
        body = ast.parse(text, mode="eval").body
        if not (isinstance(body, ast.BoolOp) and isinstance(body.op, ast.And)):
            return (text,)
        return tuple(ast.get_source_segment(text, part) or ast.unparse(part) for part in body.values)

    @property
    def comparison(self) -> tuple[str, Callable[[Any, Any], Any], float] | None:
        """The variable, the comparison and the number of a condition that is no more than that.

        >>> parse_expression("macs < 600e6", Place(Source("", ""), 0, 0)).comparison
        ('macs', <built-in function lt>, 600000000.0)
        """
        body = ast.parse(self.text.strip(), mode="eval").body
        match body:
            case ast.Compare(
                left=ast.Name(id=name), ops=[op], comparators=[ast.Constant(value=int() | float() as number)]
            ):
                return (name, _COMPARE[type(op)], number)
        return None

    def __reduce__(self) -> tuple[Any, ...]:
        return parse_expression, (self.text, self.place, self.names)

    def __call__(self, scope: Scope) -> Any:
        """The value in a scope of variables.

        Raises:
            SpecError: an unknown variable, a division by zero, a value out of bounds.
        """
        try:
            return self.function(scope)
        except _UnknownVariable as error:
            raise _located(self.explained(error, scope), self.text, self.place) from None
        except ExpressionError as error:
            raise _located(error, self.text, self.place) from None
        except ZeroDivisionError:
            hint = "such as: stride if stride > 0 else 1"
            raise SpecError(
                "division by zero in an expression", self.place, hint=hint, code="division-by-zero"
            ) from None
        except (TypeError, ValueError, OverflowError, IndexError) as error:
            raise SpecError(f"this expression has no value: {error}", self.place, code="no-value") from None

    def explained(self, error: _UnknownVariable, scope: Scope) -> ExpressionError:
        """The error of a variable that there is not, plainer where it is the name of a layer."""
        layer = scope.get(LAYERS, {}).get(error.name)
        if layer is None and error.name not in self.names:
            return error
        what = "the name of a layer" if layer is None else f"the layer {shorten(layer)} here"
        return ExpressionError(
            f"'{shorten(error.name)}' is {what}, and no number",
            error.offset,
            error.width,
            code="name-as-value",
            hint="'from' and 'share' take the name of a layer, and so does an argument of a block, alone; a number "
            "wanted in two places is a variable, under 'vars'",
        )


class _UnknownVariable(ExpressionError):
    """A variable that there is not, by its name."""

    def __init__(self, name: str, offset: int, width: int, hint: str) -> None:
        super().__init__(f"unknown variable '{shorten(name)}'", offset, width, code="unknown-variable", hint=hint)
        self.name = name


@lru_cache(maxsize=10_000)
def _variables(text: str) -> tuple[str, ...]:
    """The names in an expression's text that are neither functions nor constants."""
    found = {node.id for node in ast.walk(ast.parse(text.strip(), mode="eval")) if isinstance(node, ast.Name)}
    return tuple(sorted(found - FUNCTIONS.keys() - CONSTANTS.keys()))


def parse_expression(text: str, place: Place, names: Collection[str] = ()) -> Expression:
    """The expression of a text; `names` are those of layers, which are no values.

    Raises:
        SpecError: not an expression of the language.
    """
    try:
        return Expression(text, place, _compile_text(text), names)
    except ExpressionError as error:
        raise _located(error, text, place) from None


def place_of(text: str) -> Place:
    """Where an expression stands that is in no file: all of its text, or the first line of several."""
    source = Source("<expression>", text)
    return Place(source, 0, 0, max(1, len(source.line(0))))


def evaluate_text(text: str, scope: Scope) -> Any:
    """The value of an expression that stands in no file, such as one given on the command line."""
    return parse_expression(text, place_of(text))(scope)


def _located(error: ExpressionError, text: str, place: Place) -> SpecError:
    """The error at its word, if that stands in the file as it stands in the expression: one that is quoted or
    goes over several lines may not. Then the whole is marked."""
    code = text.strip().encode("utf-8", "surrogatepass")  # the parser counts in bytes
    word = code[error.offset : error.offset + error.width].decode(errors="replace")
    line = place.source.line(place.line)
    first = place.column + len(code[: error.offset].decode(errors="replace"))
    for column in (first, first + 1):  # plain, or after a quote
        if word and line.startswith(word, column):
            place = Place(place.source, place.line, column, len(word))
            break
    return SpecError(error.message, place, hint=error.hint, code=error.code)


def _compile_text(text: str) -> Evaluate:
    if len(text) > MAX_LENGTH:
        hint = "give its parts as variables under 'vars'"
        raise ExpressionError(
            f"an expression has at most {MAX_LENGTH} characters", code="expression-too-large", hint=hint
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # such as 1if: what Python warns of is refused
            # Leading blanks would read as an indentation.
            tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else "too deep"
        raise ExpressionError(
            f"'{shorten(text)}' is not an expression: {reason}", code="not-an-expression", hint=_mend(text)
        ) from None
    return _compile(tree.body, 0)


def _mend(text: str) -> str | None:
    """What is likely meant by a text that is no expression."""
    if re.fullmatch(r"\s*\d+(\s*x\s*\d+)+\s*", text):
        return f"a list is written [{', '.join(re.findall(r'[0-9]+', text))}]"
    if re.fullmatch(r"\s*[-+]?\.(inf|nan)\s*", text, re.IGNORECASE):
        return "numbers are finite, at most 10^18"
    if re.search(r"[^=<>!]=[^=]", text):
        return "a comparison is written =="
    if any(word in text for word in ("&&", "||", "!")):
        return "conditions are joined by and, or, not"
    return None


def _compile(node: ast.expr, depth: int) -> Evaluate:
    """The function of a node, by its class."""
    if depth > MAX_DEPTH:
        hint = "give its parts as variables under 'vars'"
        raise ExpressionError(
            f"the expression is nested deeper than {MAX_DEPTH} levels", code="expression-too-large", hint=hint
        )
    compiler = _COMPILERS.get(type(node))
    if compiler is None:
        what = {ast.Attribute: "attributes", ast.Call: "calls"}.get(type(node), "this")
        raise ExpressionError(
            f"expressions have no {what}" if what != "this" else "expressions have nothing like this",
            *_span(node),
            code="not-in-expressions",
            hint="they have numbers, variables, + - * / // % **, comparisons, and/or/not, x if c else y, and "
            + ", ".join(FUNCTIONS),
        )
    return compiler(node, depth)


def _span(node: ast.expr) -> tuple[int, int]:
    return node.col_offset, max(1, (node.end_col_offset or 0) - node.col_offset)


def _constant(node: ast.Constant, depth: int) -> Evaluate:
    value = node.value
    if isinstance(value, (bool, int, float)):
        _bounded(value)
        return lambda scope: value
    hint = "a word such as same stands alone, without quotes inside"
    raise ExpressionError("expressions are over numbers", *_span(node), code="not-a-number", hint=hint)


def _name(node: ast.Name, depth: int) -> Evaluate:
    name = node.id
    if name in CONSTANTS:
        constant = CONSTANTS[name]
        return lambda scope: constant

    def variable(scope: Scope) -> Any:
        if name not in scope:
            known = sorted(scope.keys() - {LAYERS})
            here = f"the variables here are {', '.join(known)}"
            if name == "index":
                here = "inside an item with 'repeat' it is the number of the repetition, from 0; a block is given it"
            if name.lower() in ("yes", "no", "on", "off"):
                here = "write true or false"
            raise _UnknownVariable(name, *_span(node), did_you_mean(name, known) or here)
        return scope[name]

    return variable


def _binary(node: ast.BinOp, depth: int) -> Evaluate:
    function = _BINARY.get(type(node.op))
    if function is None:
        hint = "a power is written **" if isinstance(node.op, ast.BitXor) else None
        raise ExpressionError(
            "expressions have + - * / // % ** only", *_span(node), code="not-in-expressions", hint=hint
        )
    left, right = _compile(node.left, depth + 1), _compile(node.right, depth + 1)
    return lambda scope: _bounded(function(_number(left(scope)), _number(right(scope))))


def _unary(node: ast.UnaryOp, depth: int) -> Evaluate:
    function = _UNARY.get(type(node.op))
    if function is None:
        raise ExpressionError(
            "expressions have no ~", *_span(node), code="not-in-expressions", hint="a condition is negated by not"
        )
    operand = _compile(node.operand, depth + 1)
    if isinstance(node.op, ast.Not):
        return lambda scope: not operand(scope)
    return lambda scope: function(_number(operand(scope)))


def _compare(node: ast.Compare, depth: int) -> Evaluate:
    for op in node.ops:
        if type(op) not in _COMPARE:
            raise ExpressionError("the comparisons are == != < <= > >=", *_span(node), code="not-in-expressions")
    functions = [_COMPARE[type(op)] for op in node.ops]
    operands = [_compile(operand, depth + 1) for operand in (node.left, *node.comparators)]

    def compare(scope: Scope) -> bool:
        values = [_number(operand(scope)) for operand in operands]
        return all(f(a, b) for f, a, b in zip(functions, values, values[1:], strict=False))

    return compare


def _boolean(node: ast.BoolOp, depth: int) -> Evaluate:
    operands = [_compile(operand, depth + 1) for operand in node.values]
    combine = all if isinstance(node.op, ast.And) else any
    return lambda scope: combine(operand(scope) for operand in operands)


def _choice(node: ast.IfExp, depth: int) -> Evaluate:
    test, yes, no = (_compile(part, depth + 1) for part in (node.test, node.body, node.orelse))
    return lambda scope: yes(scope) if test(scope) else no(scope)


def _index(node: ast.Subscript, depth: int) -> Evaluate:
    if isinstance(node.slice, ast.Slice):
        hint = "take its values one by one: [depths[0], depths[1]]"
        raise ExpressionError("lists are indexed by one number", *_span(node), code="index", hint=hint)
    items, index = _compile(node.value, depth + 1), _compile(node.slice, depth + 1)

    def element(scope: Scope) -> Any:
        values, position = items(scope), index(scope)
        if not isinstance(values, tuple) or isinstance(position, bool) or not isinstance(position, int):
            raise ExpressionError("only a list can be indexed, by a whole number", *_span(node), code="index")
        if not -len(values) <= position < len(values):
            hint = f"from 0 to {len(values) - 1}" if values else "it has no values"
            raise ExpressionError(f"index {position} of a list of {len(values)}", *_span(node), code="index", hint=hint)
        return values[position]

    return element


def _call(node: ast.Call, depth: int) -> Evaluate:
    name = node.func.id if isinstance(node.func, ast.Name) else "this"
    if name not in FUNCTIONS:
        hint = did_you_mean(name, FUNCTIONS) or "the functions are " + ", ".join(FUNCTIONS)
        raise ExpressionError(
            f"there is no function '{shorten(name)}'", *_span(node.func), code="unknown-function", hint=hint
        )
    function, fewest, most = FUNCTIONS[name]
    if node.keywords or not fewest <= len(node.args) <= most:
        wanted = str(fewest) if fewest == most else f"{fewest} or more"
        raise ExpressionError(f"{name} takes {wanted} values", *_span(node), code="function-arguments")
    arguments = [_compile(argument, depth + 1) for argument in node.args]
    return lambda scope: _bounded(function(*(_number(argument(scope)) for argument in arguments)))


_COMPILERS: dict[type[ast.expr], Callable[[Any, int], Evaluate]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.Compare: _compare,
    ast.BoolOp: _boolean,
    ast.IfExp: _choice,
    ast.Subscript: _index,
    ast.Call: _call,
}


def _number(value: Any) -> Any:
    if isinstance(value, (bool, int, float)):
        return value
    raise ExpressionError("an expression is over numbers: take one of the list, as in depths[0]", code="not-a-number")


def _bounded(value: Any) -> Any:
    """Numbers stay small enough that no chain of expressions can take long."""
    if not -MAX_NUMBER <= value <= MAX_NUMBER:
        raise _too_large()
    return value


def _too_large() -> ExpressionError:
    hint = "numbers lie between -10^18 and 10^18"
    return ExpressionError("a number in an expression is beyond 10^18", code="number-too-large", hint=hint)


_LOG_BOUND = math.log2(MAX_NUMBER) + 1
