"""The variants that a declaration describes, by number: a grid in order, the last variable fastest, or a sample.

Variant 17 is the same whoever asks for it, in whatever chunk: what is drawn depends on the seed and the number alone.

>>> from cnncalc.sweeps.declare import Declaration, given_values
>>> vary = {"width": [0.5, 1.0], "input": "96:160:32"}
>>> space = Space(Declaration({name: given_values(values, name) for name, values in vary.items()}))
>>> space.size, [space.columns(2, 5)[name].list() for name in vary]
(6, [[0.5, 1.0, 1.0], [160, 96, 128]])
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from cnncalc.errors import RequestError, did_you_mean, shorten
from cnncalc.language.expressions import Expression
from cnncalc.language.model import evaluate
from cnncalc.sweeps.declare import Choices, Declaration, Span
from cnncalc.sweeps.many import Many, mapped

DRAWN_TOGETHER = 1024
"""Variants of a sample are drawn in blocks of so many, each from a generator of its own."""


class Space:
    """The variants of a declaration.

    Raises:
        RequestError: there are none; a grid over a range without steps; an expression over what is not declared.
    """

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        self.axes = declaration.axes
        self.free = {name: axis for name, axis in self.axes.items() if not isinstance(axis, Expression)}
        self.derived = _ordered(
            {name: axis for name, axis in self.axes.items() if isinstance(axis, Expression)}, self.free
        )
        if declaration.sample is None:
            for name, axis in self.free.items():
                if isinstance(axis, Span):
                    hint = f"give it one, as in {name}={axis.low}:{axis.high}:STEP, or draw: --sample 1000"
                    raise RequestError(f"the range of '{shorten(name)}' has no step", hint=hint, code="unfit-values")
            self.size = prod(len(axis.values) for axis in self.free.values() if isinstance(axis, Choices))
        else:
            if declaration.sample < 1:
                raise RequestError(
                    "a sample is of at least one variant", hint="such as --sample 1000", code="empty-sweep"
                )
            self.size = declaration.sample

    def columns(self, start: int, stop: int) -> dict[str, Many]:
        """The values of the variables of some variants, in the order of the declaration.

        Raises:
            SpecError: an expression has no value.
        """
        found = self._drawn(start, stop) if self.declaration.sample is not None else self._grid(start, stop)
        return self.completed(found, stop - start)

    def completed(self, found: dict[str, Many], count: int) -> dict[str, Many]:
        """The values of so many variants, with those of expressions over them, in the order of the declaration.

        Raises:
            SpecError: an expression has no value.
        """
        for name, expression in self.derived.items():
            value = mapped(_function(expression), [found[each] for each in expression.variables])
            found[name] = value if isinstance(value, Many) else Many([value], np.zeros(count, np.intp))
        return {name: found[name] for name in self.axes}

    def _grid(self, start: int, stop: int) -> dict[str, Many]:
        """The variants of a grid by their numbers."""
        rest = np.arange(start, stop, dtype=np.int64)
        found = {}
        for name, axis in reversed(self.free.items()):
            assert isinstance(axis, Choices)
            rest, codes = np.divmod(rest, len(axis.values))
            found[name] = Many(list(axis.values), codes)
        return found

    def _drawn(self, start: int, stop: int) -> dict[str, Many]:
        """The variants of a sample by their numbers."""
        first, last = start // DRAWN_TOGETHER, -(-stop // DRAWN_TOGETHER)
        found = {}
        for number, (name, axis) in enumerate(self.free.items()):
            blocks = [self._block(axis, number, block) for block in range(first, last)]
            drawn = np.concatenate(blocks)[start - first * DRAWN_TOGETHER :][: stop - start]
            if isinstance(axis, Choices):
                found[name] = Many(list(axis.values), drawn)
            else:
                values, codes = np.unique(drawn, return_inverse=True)
                found[name] = Many(values.tolist(), codes)
        return found

    def _block(self, axis: Choices | Span, number: int, block: int) -> Any:
        """What is drawn for one variable in one block: numbers of choices, or values of a range."""
        generator = np.random.default_rng([self.declaration.seed, number, block])
        if isinstance(axis, Choices):
            return generator.integers(0, len(axis.values), DRAWN_TOGETHER)
        if axis.log:
            drawn = np.exp(generator.uniform(np.log(axis.low), np.log(axis.high), DRAWN_TOGETHER))
            drawn = np.clip(drawn, axis.low, axis.high)
            return np.rint(drawn).astype(np.int64) if axis.whole else drawn
        if axis.whole:
            return generator.integers(int(axis.low), int(axis.high), DRAWN_TOGETHER, endpoint=True)
        return generator.uniform(axis.low, axis.high, DRAWN_TOGETHER)


def _function(expression: Expression) -> Callable[..., Any]:
    """An expression as a function of its variables, in order."""
    names = expression.variables
    return lambda *values: evaluate(expression, dict(zip(names, values, strict=True)))


def _ordered(derived: dict[str, Expression], free: dict[str, Any]) -> dict[str, Expression]:
    """Expressions in an order in which each is over what stands before it.

    Raises:
        RequestError: one is over what is not declared, or over itself.
    """
    names: list[str] = [*free, *derived]
    for name, expression in derived.items():
        for used in expression.variables:
            if used not in names:
                hint = did_you_mean(used, names) or "declare it with --let, for the sweep alone, or with --vary"
                message = f"'{shorten(name)}' is an expression over '{shorten(used)}', which the sweep does not have"
                raise RequestError(message, hint=hint, code="unknown-variable")
    found: dict[str, Expression] = {}
    while len(found) < len(derived):
        ready = [
            name
            for name, expression in derived.items()
            if name not in found and all(each in free or each in found for each in expression.variables)
        ]
        if not ready:
            name = next(name for name in derived if name not in found)
            raise RequestError(f"'{shorten(name)}' is an expression over itself", hint="by way of others, perhaps")
        found.update((name, derived[name]) for name in ready)
    return found
