"""Where branches meet: sums, products and the like, element by element; concatenation; matrix products.

Symbols: elements of the output, b branches. Element by element, a size of 1 is spread over the others'.
"""

from __future__ import annotations

from typing import Any, ClassVar

from cnncalc.errors import OpError
from cnncalc.formula import Formula, Switch, anywhere, prod
from cnncalc.ops.base import (
    AS_GIVEN,
    HALF,
    AxisNumber,
    Casts,
    Costs,
    Elementwise,
    Extra,
    Op,
    Saved,
    Shape,
    check_axis,
    each,
    show,
)
from cnncalc.ops.sight import POINT, UNKNOWN, Sight, Sliding, Spread

# mypy: disable-error-code="no-untyped-def"


@Formula
def merged(elements, b):
    """One operation fewer than branches for each output."""
    return elements * (b - 1)


class _Merge(Elementwise, frozen=True):
    """What the merges share."""

    arity: ClassVar[int | None] = None
    saves: ClassVar[Saved | None] = Saved()

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"elements": prod(output), "b": len(inputs)}


def _mismatch(name: str, inputs: tuple[Shape, ...], rule: str) -> OpError:
    """The error of branches whose shapes do not meet."""
    shapes = ", ".join(show(shape) for shape in inputs)
    return OpError(f"{name}: the branches' shapes do not meet", label=shapes, hint=rule)


def meet(kind: str, inputs: tuple[Shape, ...]) -> Shape:
    """The shape in which shapes meet element by element: each size equal, or 1 and spread over the others'.

    Raises:
        OpError: they do not meet.

    >>> meet("add", ((64, 56, 56), (1, 56, 56), (64, 1, 1)))
    (64, 56, 56)
    """
    rule = f"{kind} needs sizes that are equal or 1: match the channels, strides and padding"
    if not all(len(shape) == len(inputs[0]) for shape in inputs):
        if any(len(shape) == 1 for shape in inputs):
            mend = "1x1 convolutions in place of flatten and linear, or a reshape to [C, 1, 1]"
            rule = f"{kind} needs branches of as many axes: {mend}"
        raise _mismatch(kind, inputs, rule)
    sizes = list(inputs[0])
    for shape in inputs[1:]:
        for axis, (n, m) in enumerate(zip(sizes, shape, strict=True)):
            if anywhere((n != m) & (n != 1) & (m != 1)):
                raise _mismatch(kind, inputs, rule)
            sizes[axis] = n + (m - n) * (n == 1) if anywhere(n != m) else n
    return tuple(sizes)


def _equal(a: Shape, b: Shape) -> bool:
    """Whether two shapes are the same, also where they hold arrays."""
    return len(a) == len(b) and not any(anywhere(n != m) for n, m in zip(a, b, strict=True))


class _Together(_Merge, frozen=True):
    """Element by element; one branch alone is passed on."""

    def output_shape(self, *inputs: Shape) -> Shape:
        return meet(self.kind, inputs)

    def gives_last(self, inputs: tuple[Shape, ...], last: tuple[bool, ...]) -> bool:
        # The first input that is not spread over the output decides.
        output = self.output_shape(*inputs)
        whole = [order for shape, order in zip(inputs, last, strict=True) if _equal(shape, output)]
        return (whole or last)[0]

    def is_view(self, *inputs: Shape, training: bool = False) -> bool:
        return len(inputs) == 1


class Add(_Together, frozen=True):
    """The sum of branches (ResNet's f(x) + x); a size of 1 is spread over the others'.

    >>> Add().output_shape((64, 56, 56), (64, 56, 56))
    (64, 56, 56)
    """

    kind: ClassVar[str] = "add"
    costs: ClassVar[Costs] = {"add": merged}

    def autocast(self, *inputs: Shape) -> Casts | None:
        # Others of the sum's shape are added to it in its place, which keeps its type.
        of, sizes = [0], inputs[0]
        for number, shape in enumerate(inputs[1:], 1):
            met = meet(self.kind, (sizes, shape))
            in_place = number > 1 and not any(anywhere(n != m) for n, m in zip(shape, sizes, strict=True))
            of += [] if in_place else [number]
            sizes = met
        return Casts(of=tuple(of))


class Multiply(_Together, frozen=True):
    """The product of branches; a size of 1 is spread over the others' (squeeze and excitation, attention gates).

    >>> Multiply().output_shape((64, 56, 56), (64, 1, 1))
    (64, 56, 56)
    """

    kind: ClassVar[str] = "multiply"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {"mul": merged}

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        # A product of two needs each factor for the other's gradient; more are multiplied one by one.
        kept: list[int] = []
        extra: list[Extra] = []
        product, product_needed, sizes = 0, needed[0], inputs[0]
        for factor in range(1, len(inputs)):
            if needed[factor] and factor > 1:
                extra.append(Extra("product so far", prod(sizes), of=factor))
            elif needed[factor]:
                kept.append(product)
            if product_needed:
                kept.append(factor)
            product_needed = product_needed or needed[factor]
            sizes = meet(self.kind, (sizes, inputs[factor]))
        return Saved(tuple(kept), extra=tuple(extra))


class _Extreme(_Together, frozen=True):
    """What the maximum and the minimum share."""

    costs: ClassVar[Costs] = {"compare": merged}

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        # Where either of two needs a gradient, both are compared anew; more are compared one by one.
        kept: list[int] = []
        extra: list[Extra] = []
        sizes = inputs[0]
        for branch in range(1, len(inputs)):
            if any(needed[: branch + 1]):
                if branch == 1:
                    kept.append(0)
                else:
                    extra.append(Extra("extremes so far", prod(sizes), of=branch))
                kept.append(branch)
            sizes = meet(self.kind, (sizes, inputs[branch]))
        return Saved(tuple(kept), extra=tuple(extra))


class Maximum(_Extreme, frozen=True):
    """The largest of the branches, element by element (maxout); a size of 1 is spread over the others'.

    >>> Maximum().output_shape((64, 56, 56), (64, 56, 56))
    (64, 56, 56)
    """

    kind: ClassVar[str] = "maximum"
    casts: ClassVar[Casts | None] = AS_GIVEN


class Minimum(_Extreme, frozen=True):
    """The smallest of the branches, element by element; a size of 1 is spread over the others'.

    >>> Minimum().output_shape((64, 56, 56), (64, 56, 56))
    (64, 56, 56)
    """

    kind: ClassVar[str] = "minimum"
    casts: ClassVar[Casts | None] = AS_GIVEN


class Subtract(_Together, frozen=True):
    """The first of two branches less the second; a size of 1 is spread over the other's.

    >>> Subtract().output_shape((64, 56, 56), (1, 56, 56))
    (64, 56, 56)
    """

    kind: ClassVar[str] = "subtract"
    casts: ClassVar[Casts | None] = AS_GIVEN
    arity: ClassVar[int | None] = 2
    costs: ClassVar[Costs] = {"add": each}


class Divide(_Together, frozen=True):
    """The first of two branches divided by the second; a size of 1 is spread over the other's.

    >>> Divide().output_shape((64, 56, 56), (64, 1, 1))
    (64, 56, 56)
    """

    kind: ClassVar[str] = "divide"
    casts: ClassVar[Casts | None] = AS_GIVEN
    arity: ClassVar[int | None] = 2
    costs: ClassVar[Costs] = {"div": each}

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        return Saved((0, 1) if needed[1] else (1,))


class Concat(_Merge, frozen=True):
    """All branches, one after the other: their channels (DenseNet's [x, f(x)]), or along another `axis`.

    >>> Concat().output_shape((64, 28, 28), (128, 28, 28))
    (192, 28, 28)
    >>> Concat(axis=1).output_shape((64, 10), (64, 20))
    (64, 30)
    """

    axis: AxisNumber = 0

    kind: ClassVar[str] = "concat"
    keeps_order: ClassVar[bool] = False
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {}

    def output_shape(self, *inputs: Shape) -> Shape:
        first = inputs[0]
        check_axis(self.axis, first)
        if not all(_equal(_without(shape, self.axis), _without(first, self.axis)) for shape in inputs):
            if self.axis == 0:
                rule = "concat joins channels: the spatial sizes must be equal"
            else:
                rule = f"concat joins along axis {self.axis}: all other sizes must be equal"
            raise _mismatch(self.kind, inputs, rule)
        joined = sum(shape[self.axis] for shape in inputs)
        return (*first[: self.axis], joined, *first[self.axis + 1 :])

    def gives_last(self, inputs: tuple[Shape, ...], last: tuple[bool, ...]) -> bool:
        return all(last) and len(inputs[0]) - 1 in (2, 3)

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        total = self.output_shape(*inputs)[self.axis]
        found, start = [], 0
        for shape in inputs:
            # To the units of the others, this branch is padding.
            place = Sliding(before=start, after=total - start - shape[self.axis])
            found.append(tuple(place if axis == self.axis else POINT for axis in range(1, len(shape))))
            start += shape[self.axis]
        return tuple(found)


class Stack(_Merge, frozen=True):
    """Branches of one shape, side by side along a new axis, 0 unless said.

    >>> Stack().output_shape((64, 28), (64, 28), (64, 28))
    (3, 64, 28)
    """

    axis: AxisNumber = 0

    kind: ClassVar[str] = "stack"
    keeps_order: ClassVar[bool] = False
    keeps_last: ClassVar[frozenset[int]] = frozenset()
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {}

    def output_shape(self, *inputs: Shape) -> Shape:
        first = inputs[0]
        if not all(_equal(shape, first) for shape in inputs):
            raise _mismatch(self.kind, inputs, "stack needs equal shapes")
        check_axis(self.axis, (*first, 1))
        return (*first[: self.axis], len(inputs), *first[self.axis :])

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return (UNKNOWN,) * len(inputs)


@Formula
def matmul_macs(stack, rows, terms, columns):
    """Each output is a sum of products, so many terms, in each of the matrices of a stack."""
    return stack * rows * terms * columns


class MatMul(_Merge, frozen=True):
    """The matrix product of two branches over their last two axes, PyTorch's `matmul`.

    Inputs [*stack, n, k] and [*stack, k, m], output [*stack, n, m].

    >>> MatMul().output_shape((8, 49, 32), (8, 32, 49))
    (8, 49, 49)
    """

    kind: ClassVar[str] = "matmul"
    keeps_order: ClassVar[bool] = False
    casts: ClassVar[Casts | None] = HALF
    keeps_last: ClassVar[frozenset[int]] = frozenset()
    arity: ClassVar[int | None] = 2
    costs: ClassVar[Costs] = {"mac": matmul_macs}

    def output_shape(self, *inputs: Shape) -> Shape:
        first, second = inputs
        rule = "matmul needs [*stack, n, k] and [*stack, k, m]; permute swaps axes"
        if len(first) < 2 or len(first) != len(second):
            raise _mismatch(self.kind, inputs, rule)
        if not _equal((*first[:-2], first[-1]), (*second[:-2], second[-2])):
            raise _mismatch(self.kind, inputs, rule)
        return (*first[:-1], second[-1])

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        stack: Any = prod(output[:-2]) if len(output) > 2 else Switch(1)
        sizes = {"rows": output[-2], "terms": inputs[0][-1], "columns": output[-1]}
        return {"stack": stack, **sizes, "elements": prod(output)}

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        # The stack's axes and the rows keep their places; the sum runs over the first's columns, the second's rows.
        last = len(inputs[0]) - 1
        first = tuple(Spread() if axis == last else POINT for axis in range(1, last + 1))
        second = tuple(Spread() if axis == last - 1 else POINT for axis in range(1, last + 1))
        return first, second

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        return Saved(tuple(number for number in (0, 1) if needed[1 - number]))


def _without(shape: Shape, axis: int) -> Shape:
    """A shape without one of its sizes."""
    return (*shape[:axis], *shape[axis + 1 :])


KINDS: tuple[type[Op], ...] = (Add, Subtract, Multiply, Divide, Maximum, Minimum, Concat, Stack, MatMul)
