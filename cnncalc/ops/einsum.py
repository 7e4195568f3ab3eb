"""Sums of products over letters, as `numpy.einsum` and `torch.einsum` write them, of two inputs.

Symbols: stack, rows, terms and columns as in `matmul`: the sizes of the letters of both inputs that stay, of those of
the first, of those that are summed over, of those of the second; summed or single, by whether anything is summed.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

from cnncalc.errors import OpError, shorten
from cnncalc.formula import Formula, Switch, anywhere, prod
from cnncalc.ops.base import AS_GIVEN, HALF, Casts, Costs, Extra, Op, Saved, Shape, show
from cnncalc.ops.sight import POINT, UNKNOWN, Sight, Spread

# mypy: disable-error-code="no-untyped-def"

_EQUATION = re.compile(r"([A-Za-z]+),([A-Za-z]+)->([A-Za-z]+)")
_SUCH_AS = 'such as equation: "tc,sc->ts": a letter for each axis of the two inputs and the output, without the batch'


@Formula
def einsum_macs(stack, rows, terms, columns, summed):
    """Each output is the sum over the letters that it lacks; torch.einsum makes a product of matrices of it."""
    return stack * rows * terms * columns * summed


@Formula
def einsum_muls(elements, single):
    """One for each output, where nothing is summed."""
    return elements * single


class Plan(NamedTuple):
    """The product of matrices that a sum of products is.

    `first`, `second` and `output` are the letters of the inputs and the output; `stack` those in all three, in the
    output's order, `rows` and `columns` those of the first and the second alone, `summed` those of both that the output
    lacks.
    """

    first: str
    second: str
    output: str
    stack: str
    rows: str
    columns: str
    summed: str

    def matrices(self) -> tuple[tuple[str, str, str], tuple[str, str, str]]:
        """For each input the letters of a stack of matrices, of their rows, and of their columns."""
        return (self.stack, self.rows, self.summed), (self.stack, self.summed, self.columns)


class Einsum(Op, frozen=True):
    """A sum of products of two inputs over letters, PyTorch's `einsum`: `{einsum: [[], {from: keys}], equation:
    "tc,sc->ts"}`. A letter stands for an axis, the batch has none. What the output lacks is summed over; what both
    inputs and the output have goes along, as the stack of `matmul`.

    >>> Einsum("tc,sc->ts").output_shape((49, 64), (100, 64))
    (49, 100)
    """

    equation: str

    kind: ClassVar[str] = "einsum"
    texts: ClassVar[frozenset[str]] = frozenset({"equation"})
    arity: ClassVar[int | None] = 2
    costs: ClassVar[Costs] = {"mac": einsum_macs, "mul": einsum_muls}

    def __post_init__(self) -> None:
        super().__post_init__()
        self.plan()

    def plan(self) -> Plan:
        """The product of matrices that it is.

        Raises:
            OpError: the equation is none, or more than a product.
        """
        match = _EQUATION.fullmatch(self.equation.replace(" ", ""))
        if match is None:
            shown = shorten(self.equation, 40)
            raise OpError(f"'{shown}' is no equation of two inputs", option="equation", hint=_SUCH_AS)
        first, second, output = match.groups()
        for letters in (first, second, output):
            if len(set(letters)) < len(letters):
                raise OpError(f"'{letters}' has a letter twice", option="equation", hint="each axis has its own letter")
        for letter in output:
            if letter not in first + second:
                raise OpError(f"no input has the '{letter}' of the output", option="equation", hint=_SUCH_AS)
        for letter in first + second:
            if letter not in output and not (letter in first and letter in second):
                hint = "sum takes an axis away, before it"
                raise OpError(f"'{letter}' is summed over, and one input alone has it", option="equation", hint=hint)
        both = set(first) & set(second)
        return Plan(
            *(first, second, output),
            stack="".join(letter for letter in output if letter in both),
            rows="".join(letter for letter in output if letter not in second),
            columns="".join(letter for letter in output if letter not in first),
            summed="".join(letter for letter in first if letter not in output),
        )

    def sizes(self, *inputs: Shape) -> dict[str, int]:
        """The size of each letter.

        Raises:
            OpError: the inputs have other numbers of axes, or sizes of a letter that differ.
        """
        plan = self.plan()
        found: dict[str, int] = {}
        for letters, shape in zip((plan.first, plan.second), inputs, strict=True):
            if len(letters) != len(shape):
                label = f"'{letters}' for {show(shape)}"
                raise OpError("einsum needs a letter for each axis", option="equation", label=label, hint=_SUCH_AS)
            for letter, size in zip(letters, shape, strict=True):
                if anywhere(found.setdefault(letter, size) != size):
                    label = f"{found[letter]} and {size}"
                    raise OpError(f"'{letter}' stands for two sizes", option="equation", label=label)
        return found

    def output_shape(self, *inputs: Shape) -> Shape:
        sizes = self.sizes(*inputs)
        return tuple(sizes[letter] for letter in self.plan().output)

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        plan, sizes = self.plan(), self.sizes(*inputs)
        stack, rows, columns, terms = (
            prod([sizes[letter] for letter in letters])
            for letters in (plan.stack, plan.rows, plan.columns, plan.summed)
        )
        summed = self.sums(*inputs)
        return {
            "stack": stack if plan.stack else Switch(1),
            "rows": rows,
            "terms": terms,
            "columns": columns,
            "elements": prod(output),
            "summed": Switch(summed),
            "single": Switch(not summed),
        }

    def sums(self, *inputs: Shape) -> bool:
        """Whether anything is summed over: an axis of more than one."""
        sizes = self.sizes(*inputs)
        return any(anywhere(sizes[letter] != 1) for letter in self.plan().summed)

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        plan = self.plan()
        return _seen(plan.first, plan), _seen(plan.second, plan)

    def copied(self, *inputs: Shape) -> tuple[bool, bool]:
        """Whether each input is copied to be a stack of matrices: where its memory has them in no such order."""
        plan = self.plan()
        first, second = (
            not all(_lies_together(group, letters, shape) for group in ("*" + matrices[0], *matrices[1:]))
            for letters, shape, matrices in zip((plan.first, plan.second), inputs, plan.matrices(), strict=True)
        )
        return first, second

    def inner(self, *inputs: Shape) -> int:
        if not self.sums(*inputs):
            return 0
        plan = self.plan()
        turned = plan.stack + plan.rows + plan.columns != plan.output
        made = [shape for shape, copied in zip(inputs, self.copied(*inputs), strict=True) if copied]
        return sum(map(prod, [*made, self.output_shape(*inputs)] if turned else made))

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        kept = [number for number in (0, 1) if needed[1 - number]]
        copied = self.copied(*inputs) if self.sums(*inputs) else (False, False)
        extra = [Extra("matrices", prod(inputs[number])) for number in kept if copied[number]]
        return Saved(tuple(number for number in kept if not copied[number]), extra=tuple(extra))

    def autocast(self, *inputs: Shape) -> Casts | None:
        return HALF if self.sums(*inputs) else AS_GIVEN


def _seen(letters: str, plan: Plan) -> Sight:
    """What a unit sees of an input: where its axes stay in their places, the same position, or all that is summed."""
    if len(letters) != len(plan.output):
        return UNKNOWN
    found = []
    for letter, out in zip(letters[1:], plan.output[1:], strict=True):
        if letter in plan.output and letter != out:
            return UNKNOWN
        found.append(POINT if letter == out else Spread())
    return tuple(found)


def _lies_together(group: str, letters: str, shape: Shape) -> bool:
    """Whether the axes of a group, in its order, are one in the memory of an input; `*` is the batch, before all."""
    axes = [letter for letter, size in zip("*" + letters, (2, *shape), strict=True) if anywhere(size != 1)]
    places = [axes.index(letter) for letter in group if letter in axes]
    return all(second == first + 1 for first, second in pairwise(places))


KINDS: tuple[type[Op], ...] = (Einsum,)
