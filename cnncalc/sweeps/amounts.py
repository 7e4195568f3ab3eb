"""Counts of many variants at once: numbers, or arrays of 64 bits, of which none comes round to a wrong number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from cnncalc.errors import OpError
from cnncalc.formula import Switch, anywhere, is_array
from cnncalc.graph import MAX_SIZE
from cnncalc.ops.base import OPERATIONS, Op
from cnncalc.sweeps.many import Many, Whole

Amount: TypeAlias = int | Whole
Counts: TypeAlias = dict[Any, Amount]

LARGEST = 2**63 - 1


class Count(NamedTuple):
    """What an op counts: for each sample of the batch, and once for all of them."""

    each: Counts
    once: Counts


def counted(op: Op, shapes: tuple[Any, ...], training: bool) -> tuple[tuple[Any, ...], Count]:
    """The output shape of an op and its counts; sizes may be arrays.

    Raises:
        OpError: it does not fit, or its counts are unknown.
        OverflowError: a count is beyond 64 bits.
    """
    if op.arity is not None and len(shapes) != op.arity:
        raise OpError("another number of inputs")
    output = op.output_shape(*shapes)
    if any(anywhere(size > MAX_SIZE) for size in output):
        raise OpError("an output that is too large")
    formulas = op.formulas()
    values = {**op.symbols(shapes, output), "training": Switch(training)}
    each: Counts = {"macs": 0, "flops": 0, "activations": product(output)}
    once: Counts = {"params": 0, "buffers": 0, "macs": 0, "flops": 0, "layers": 1}
    for name, formula in formulas.items():
        if name == "weights":
            continue
        if formula is None:
            raise OpError("an unknown count")
        number = formula.of(values)
        if name in OPERATIONS:
            counts = once if name in op.once else each
            counts["flops"] = plus(counts["flops"], number)
            if name == "mac":
                counts["macs"] = number
                counts["flops"] = plus(counts["flops"], number)
        elif name in once:
            once[name] = number
    return output, Count(each, once)


def counts_of(count: Count, batch: int | Many) -> Counts:
    """An op's counts for a batch."""
    samples = batch.array if isinstance(batch, Many) else batch
    counts = dict(count.once)
    for name, number in count.each.items():
        counts[name] = plus(times_of(number, samples), counts.get(name, 0))
    return counts


def product(sizes: Sequence[Any]) -> Any:
    """The product of some sizes."""
    found: Any = 1
    for size in sizes:
        found = times_of(found, size)
    return found


def plus(a: Any, b: Any) -> Any:
    """The sum of two counts, neither of them negative.

    Raises:
        OverflowError: it is beyond 64 bits.

    >>> plus(np.array([1, 2]), 3).tolist()
    [4, 5]
    """
    if type(a) is int and a == 0:
        return b
    if type(b) is int and b == 0:
        return a
    found = a + b
    if is_array(found) and (found < 0).any():  # two numbers of 63 bits have a sum that does not come round to 0 again
        raise OverflowError("a count is beyond 64 bits")
    return found


def times_of(a: Any, b: Any) -> Any:
    """The product of two counts, neither of them negative.

    Raises:
        OverflowError: it is beyond 64 bits.

    >>> times_of(np.array([1, 2]), 3).tolist()
    [3, 6]
    """
    if type(a) is int and a == 1:
        return b
    if type(b) is int and b == 1:
        return a
    found = a * b
    if is_array(found) and (np.multiply(a, b, dtype=np.float64) >= 2.0**63).any():
        raise OverflowError("a count is beyond 64 bits")
    return found


def add(counts: Counts, more: Mapping[Any, Amount]) -> None:
    """Add counts to others, in place; of `peak` the larger is taken.

    Raises:
        OverflowError: a sum is beyond 64 bits.
    """
    for key, number in more.items():
        if key == "peak":
            counts[key] = (
                np.maximum(counts.get(key, 0), number)
                if is_array(number) or is_array(counts.get(key))
                else max(counts.get(key, 0), number)
            )
        else:
            counts[key] = plus(counts.get(key, 0), number)
