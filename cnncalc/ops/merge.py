"""Merges of branches: sum, concatenation, product. Symbols: elements of the output, b branches."""

from __future__ import annotations

from typing import Any, ClassVar

from cnncalc.errors import OpError
from cnncalc.formula import Formula, anywhere, prod
from cnncalc.ops.base import AS_GIVEN, Casts, Costs, Elementwise, Extra, Op, Saved, Shape, show

# mypy: disable-error-code="no-untyped-def"


@Formula
def merged(elements, b):
    """One operation fewer than branches for each output."""
    return elements * (b - 1)


class _Merge(Elementwise, frozen=True):
    """What the merges share."""

    arity: ClassVar[int | None] = None
    saves: ClassVar[Saved | None] = Saved()

    def gives_last(self, inputs: tuple[Shape, ...], last: tuple[bool, ...]) -> bool:
        # The first input that is not spread over the output decides.
        output = self.output_shape(*inputs)
        whole = [order for shape, order in zip(inputs, last, strict=True) if _equal(shape, output)]
        return (whole or last)[0]

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"elements": prod(output), "b": len(inputs)}


def _mismatch(name: str, inputs: tuple[Shape, ...], rule: str) -> OpError:
    """The error of branches whose shapes do not meet."""
    shapes = ", ".join(show(shape) for shape in inputs)
    return OpError(f"{name}: the branches' shapes do not meet", label=shapes, hint=rule)


def _equal(a: Shape, b: Shape) -> bool:
    """Whether two shapes are the same, also where they hold arrays."""
    return len(a) == len(b) and not any(anywhere(n != m) for n, m in zip(a, b, strict=True))


class Add(_Merge, frozen=True):
    """The sum of branches of the same shape (ResNet's f(x) + x).

    >>> Add().output_shape((64, 56, 56), (64, 56, 56))
    (64, 56, 56)
    """

    kind: ClassVar[str] = "add"
    casts: ClassVar[Casts | None] = Casts(of=2)  # the others are added to the sum of two
    costs: ClassVar[Costs] = {"add": merged}

    def output_shape(self, *inputs: Shape) -> Shape:
        if not all(_equal(shape, inputs[0]) for shape in inputs):
            raise _mismatch(self.kind, inputs, "add needs equal shapes: match the channels, strides and padding")
        return inputs[0]

    def is_view(self, *inputs: Shape, training: bool = False) -> bool:
        return len(inputs) == 1


class Concat(_Merge, frozen=True):
    """The channels of all branches, one after the other (DenseNet's [x, f(x)]).

    >>> Concat().output_shape((64, 28, 28), (128, 28, 28))
    (192, 28, 28)
    """

    kind: ClassVar[str] = "concat"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {}

    def output_shape(self, *inputs: Shape) -> Shape:
        if not all(_equal(shape[1:], inputs[0][1:]) for shape in inputs):
            raise _mismatch(self.kind, inputs, "concat joins channels: the spatial sizes must be equal")
        return (sum(shape[0] for shape in inputs), *inputs[0][1:])

    def gives_last(self, inputs: tuple[Shape, ...], last: tuple[bool, ...]) -> bool:
        return all(last) and len(inputs[0]) - 1 in (2, 3)


class Multiply(_Merge, frozen=True):
    """The product of branches; a spatial size of 1 is spread over the others' (squeeze and excitation).

    >>> Multiply().output_shape((64, 56, 56), (64, 1, 1))
    (64, 56, 56)
    """

    kind: ClassVar[str] = "multiply"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {"mul": merged}

    def output_shape(self, *inputs: Shape) -> Shape:
        rule = "multiply needs equal channels, and spatial sizes equal or 1"
        if not all(len(shape) == len(inputs[0]) and _equal(shape[:1], inputs[0][:1]) for shape in inputs):
            raise _mismatch(self.kind, inputs, rule)
        sizes = list(inputs[0])
        for shape in inputs[1:]:
            for axis, (n, m) in enumerate(zip(sizes, shape, strict=True)):
                if anywhere((n != m) & (n != 1) & (m != 1)):
                    raise _mismatch(self.kind, inputs, rule)
                sizes[axis] = n + (m - n) * (n == 1) if anywhere(n != m) else n
        return tuple(sizes)

    def is_view(self, *inputs: Shape, training: bool = False) -> bool:
        return len(inputs) == 1

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
            sizes = tuple(map(max, sizes, inputs[factor]))
        return Saved(tuple(kept), extra=tuple(extra))


KINDS: tuple[type[Op], ...] = (Add, Concat, Multiply)
