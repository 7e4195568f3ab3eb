"""Sums of products over letters, as programs write them, as ops of cnncalc: two operands at a time."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters

from cnncalc import ops
from cnncalc.errors import OpError
from cnncalc.ops.base import cost_numbers
from cnncalc.reading.drafts import Draft, Value
from cnncalc.reading.steps import Step, Unread


def spelt_out(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the result, those for `...` and those of a result that is left out too.

    Raises:
        Unread: the equation does not fit operands of these ranks.

    >>> spelt_out("...c, co -> ...o", [3, 2]), spelt_out("ij,jk", [2, 2])
    ((['abc', 'co'], 'abo'), (['ij', 'jk'], 'ik'))
    """
    terms, arrow, result = equation.replace(" ", "").partition("->")
    operands = terms.split(",")
    if len(operands) != len(ranks):
        raise Unread
    used = set(equation)
    free = [letter for letter in ascii_letters if letter not in used]
    more = [rank - len(term.replace("...", "")) for term, rank in zip(operands, ranks, strict=True)]
    if any(number and (number < 0 or "..." not in term) for term, number in zip(operands, more, strict=True)):
        raise Unread
    rest = "".join(free[: max(more)])
    operands = [term.replace("...", rest[len(rest) - number :]) for term, number in zip(operands, more, strict=True)]
    if not arrow:
        single = sorted(letter for letter in used if terms.count(letter) == 1 and letter.isalpha())
        result = "..." + "".join(single)
    result = result.replace("...", rest)
    if any(len(term) != rank for term, rank in zip(operands, ranks, strict=True)) or len(set(result)) < len(result):
        raise Unread
    if not set(result).union(*operands) <= set(ascii_letters):
        raise Unread
    return operands, result


def product_by_letters(step: Step, equation: str, values: Sequence[Value]) -> Value:
    """A sum of products of tensors, one after the other, as `einsum` makes them; the axes of one tensor alone moved and
    summed. The batch has no letter.

    Raises:
        Unread: a tensor has no batch, a letter stands for two axes of a tensor or for two sizes, or the batch is summed
            over or stands elsewhere.
    """
    terms, result = spelt_out(equation, [len(value.shape) for value in values])
    whole = step.value(None)
    terms, result = _without_batch(terms, result, values, whole)
    drafts = [step.walk.drafted(value) for value in values]
    try:
        draft, letters = drafts[0], terms[0]
        for number in range(1, len(terms)):
            others = set(result).union(*terms[number + 1 :])
            draft, letters = _product(step, draft, letters, drafts[number], terms[number], others, result)
        draft = _turned(step, *_summed(step, draft, letters, set(result)), result)
    except OpError:
        raise Unread from None
    if draft.output != whole.sizes:
        raise Unread
    return step.value(draft)


def _without_batch(terms: Sequence[str], result: str, values: Sequence[Value], whole: Value) -> tuple[list[str], str]:
    """The letters but that of the batch, which is the same in all; a batch with something folded into it keeps it."""
    if whole.axis is None or any(value.axis is None or value.folded != whole.folded for value in values):
        raise Unread
    if any(len(set(term)) < len(term) for term in [*terms, result]) or len(result) != len(whole.shape):
        raise Unread
    axes = [value.axis for value in (*values, whole) if value.axis is not None]  # which is so of all
    batch = {term[axis] for term, axis in zip([*terms, result], axes, strict=True)}
    if len(batch) > 1:
        raise Unread
    gone = "" if whole.folded else batch.pop()
    return [term.replace(gone, "") for term in terms], result.replace(gone, "")


def _product(
    step: Step, first: Draft, one: str, second: Draft, other: str, wanted: set[str], result: str
) -> tuple[Draft, str]:
    """Two operands as one, and its letters: those that are wanted, the last product's as the result has them."""
    first, one = _summed(step, first, one, wanted | set(other))
    second, other = _summed(step, second, other, wanted | set(one))
    kept = [letter for letter in dict.fromkeys(one + other) if letter in wanted]
    found = result if set(result) == set(kept) else "".join(kept)
    if not one or not other or not found:
        raise Unread  # a lone number
    return step.between(ops.Einsum(f"{one},{other}->{found}"), first, second), found


def _summed(step: Step, draft: Draft, letters: str, wanted: set[str]) -> tuple[Draft, str]:
    """A tensor summed over the letters that are not wanted, and those that are left."""
    axes = tuple(axis for axis, letter in enumerate(letters) if letter not in wanted)
    if not axes:
        return draft, letters
    if len(axes) == len(letters):
        raise Unread  # a lone number
    summed = step.between(ops.Sum(axes[0] if len(axes) == 1 else axes), draft)
    return summed, "".join(letter for letter in letters if letter in wanted)


def _turned(step: Step, draft: Draft, letters: str, result: str) -> Draft:
    """A tensor with its axes in the order of the result."""
    if letters == result:
        return draft
    if set(letters) != set(result):
        raise Unread
    return step.between(ops.Permute(tuple(letters.index(letter) for letter in result)), draft)


def macs_of(drafts: Sequence[Draft]) -> int:
    """The multiply-accumulates of some drafts."""
    shapes = [(tuple(source.output for source in draft.inputs), draft.output) for draft in drafts]
    numbers = [cost_numbers(draft.op, *shape).get("mac") or 0 for draft, shape in zip(drafts, shapes, strict=True)]
    return sum(numbers)
