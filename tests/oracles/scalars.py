"""Operations counted by doing them: layers written out in loops over numbers that note what is done to each.

A sum of n numbers is n - 1 additions, a product of two rows of n numbers n multiply-accumulates, a root, power or
exponential one `exp`. A change of sign is not counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import reduce
from itertools import product
from operator import add
from typing import Any

done: Counter[str] = Counter()
"""What was done since the last `counted`."""


class Number:
    """Any number; constants are numbers of Python."""

    def __add__(self, other: object) -> Number:
        done["add"] += 1
        return self

    def __mul__(self, other: object) -> Number:
        done["mul"] += 1
        return self

    def __truediv__(self, other: object) -> Number:
        done["div"] += 1
        return self

    __radd__ = __sub__ = __rsub__ = __add__
    __rmul__ = __mul__
    __rtruediv__ = __truediv__

    def __neg__(self) -> Number:
        return self


X = Number()
Row = Sequence[Number]


def row(n: int) -> Row:
    return [X] * n


def exp(x: Number) -> Number:
    """An exponential, a logarithm, a root or a power."""
    done["exp"] += 1
    return x


def largest(numbers: Row) -> Number:
    done["compare"] += len(numbers) - 1
    return X


def dot(a: Row, b: Row) -> Number:
    assert len(a) == len(b)
    done["mac"] += len(a)
    return X


def plus(numbers: Row) -> Number:
    return reduce(add, numbers)


def counted(layer: Any, *arguments: Any) -> dict[str, int]:
    """The operations of a layer."""
    done.clear()
    layer(*arguments)
    return {name: number for name, number in done.items() if number}


# Functions of one number.


def sigmoid(x: Number) -> Number:
    return 1 / (1 + exp(-x))


def tanh(x: Number) -> Number:
    twice = exp(2 * x)
    return (twice - 1) / (twice + 1)


# Functions of a row.


def softmax(x: Row) -> Row:
    most = largest(x)
    parts = [exp(one - most) for one in x]
    whole = plus(parts)
    return [part / whole for part in parts]


def log_softmax(x: Row) -> Row:
    most = largest(x)
    shifted = [one - most for one in x]
    whole = exp(plus([exp(one) for one in shifted]))
    return [one - whole for one in shifted]


def normalised(x: Row, affine: bool) -> Row:
    mean = plus(x) / len(x)
    centred = [one - mean for one in x]
    factor = 1 / exp(plus([one * one for one in centred]) / len(x) + 1e-6)
    return [one * factor * X + X if affine else one * factor for one in centred]


def rms_norm(x: Row, affine: bool) -> Row:
    factor = 1 / exp(plus([one * one for one in x]) / len(x) + 1e-6)
    return [one * factor * X if affine else one * factor for one in x]


def l2_norm(x: Row) -> Row:
    length = largest([exp(plus([one * one for one in x])), X])
    return [one / length for one in x]


def linear(x: Row, features: int, bias: bool) -> Row:
    found = [dot(x, row(len(x))) for _ in range(features)]
    return [one + X for one in found] if bias else found


def response_norm(channels: int, size: int, positions: int) -> None:
    """Local response normalisation; beyond the first and the last channel are zeros."""
    for _ in range(positions):
        squares = [one * one for one in row(channels)]
        for _ in range(channels):
            X / exp(1e-4 * plus([*squares, *row(size)][:size]) + 2)


# Layers of a sequence.


def attention(t: int, s: int, heads: int, d: int, dv: int, relative: bool = False) -> None:
    """Scaled dot products; `relative`: with a learnt bias for each score."""
    for _, _ in product(range(heads), range(t)):
        scores = [dot(row(d), row(d)) * 0.5 for _ in range(s)]
        weights = softmax([score + X for score in scores] if relative else scores)
        for _ in range(dv):
            dot(weights, row(s))


def self_attention(
    windows: int, t: int, c: int, heads: int, d: int, dv: int, shared: int, e: int, biases: tuple[bool, bool, bool]
) -> None:
    """With the projections; `shared` heads of keys and values; `biases` of these projections, of the one back, and of
    the scores."""
    for _ in range(windows):
        for _ in range(t):
            linear(row(c), heads * d + shared * d + shared * dv, biases[0])
        attention(t, t, heads, d, dv, biases[2])
        for _ in range(t):
            linear(row(heads * dv), e, biases[1])


def lstm(x: Row, hidden: int, bias: bool) -> Row:
    """One step."""
    found = []
    for _ in range(hidden):
        i, f, g, o = (_gate(x, hidden, bias) for _ in range(4))
        memory = sigmoid(f) * X + sigmoid(i) * tanh(g)
        found.append(sigmoid(o) * tanh(memory))
    return found


def gru(x: Row, hidden: int, bias: bool) -> Row:
    """One step; the new gate's product with the hidden features is gated."""
    found = []
    for _ in range(hidden):
        r, z = sigmoid(_gate(x, hidden, bias)), sigmoid(_gate(x, hidden, bias))
        n = tanh(linear(x, 1, bias)[0] + r * linear(row(hidden), 1, bias)[0])
        found.append((1 - z) * n + z * X)
    return found


def _gate(x: Row, hidden: int, bias: bool) -> Number:
    return linear(x, 1, bias)[0] + linear(row(hidden), 1, bias)[0]


def recurrent(step: Any, t: int, c: int, hidden: int, depth: int, directions: int, bias: bool) -> None:
    x = row(c)
    for _ in range(depth):
        for _, _ in product(range(t), range(directions)):
            step(x, hidden, bias)
        x = row(directions * hidden)


# Layers of an image.


def interpolated() -> Number:
    """A place between four positions."""
    return plus([weight * X for weight in row(4)])


def deformed(c_in: int, c_out: int, area: int, positions: int, groups: int, mask: bool, bias: bool) -> None:
    for _ in range(positions):
        for _ in range(c_in * area):
            if mask:
                interpolated() * X
            else:
                interpolated()
        for _ in range(c_out):
            linear(row(c_in // groups * area), 1, bias)


def roi_align(outputs: int, samples: int) -> None:
    for _ in range(outputs):
        plus([interpolated() for _ in range(samples * samples)]) / (samples * samples)


def attention_pool(c: int, positions: int) -> None:
    weights = softmax([linear(row(c), 1, True)[0] for _ in range(positions)])
    for _ in range(c):
        dot(weights, row(positions))


def lp_pool(windows: int, area: int, p: float) -> None:
    for _ in range(windows):
        exp(plus([one * one if p == 2 else exp(one) for one in row(area)]))


def stochastic_pool(windows: int, area: int) -> None:
    """Each element weighted by its size."""
    for _ in range(windows):
        plus([one * one for one in row(area)]) / plus(row(area))
