"""Merges of branches: sum, concatenation, product. Symbols: n outputs, b branches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from cnncalc.errors import LayerError
from cnncalc.formula import Formula, prod
from cnncalc.ops.base import Extra, Kept, Op, Shape, show

# mypy: disable-error-code="no-untyped-def"


@Formula
def merged(n, b):
    """One operation fewer than branches for each output."""
    return n * (b - 1)


class _Merge(Op, frozen=True):
    """What the merges share."""

    merges: ClassVar[bool] = True

    def values(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"n": prod(output), "b": len(inputs)}


def _mismatch(name: str, inputs: tuple[Shape, ...], rule: str) -> LayerError:
    """The error of branches whose shapes do not meet."""
    shapes = ", ".join(show(shape) for shape in inputs)
    return LayerError(f"{name}: the branches' shapes do not meet", label=shapes, hint=rule)


class Add(_Merge, frozen=True):
    """The sum of branches of the same shape (ResNet's f(x) + x).

    >>> Add().output_shape((64, 56, 56), (64, 56, 56))
    (64, 56, 56)
    """

    name: ClassVar[str] = "add"
    costs: ClassVar[Mapping[str, Formula]] = {"add": merged}

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(set(inputs)) != 1:
            raise _mismatch(self.name, inputs, "add needs equal shapes: match the channels, strides and padding")
        return inputs[0]

    def aliases(self, *inputs: Shape, training: bool = False) -> bool:
        return len(inputs) == 1


class Concat(_Merge, frozen=True):
    """The channels of all branches, one after the other (DenseNet's [x, f(x)]).

    >>> Concat().output_shape((64, 28, 28), (128, 28, 28))
    (192, 28, 28)
    """

    name: ClassVar[str] = "concat"

    def output_shape(self, *inputs: Shape) -> Shape:
        if len({shape[1:] for shape in inputs}) != 1:
            raise _mismatch(self.name, inputs, "concat joins channels: the spatial sizes must be equal")
        return (sum(shape[0] for shape in inputs), *inputs[0][1:])


class Multiply(_Merge, frozen=True):
    """The product of branches; a spatial size of 1 is spread over the others' (squeeze and excitation).

    >>> Multiply().output_shape((64, 56, 56), (64, 1, 1))
    (64, 56, 56)
    """

    name: ClassVar[str] = "multiply"
    costs: ClassVar[Mapping[str, Formula]] = {"mul": merged}

    def output_shape(self, *inputs: Shape) -> Shape:
        rule = "multiply needs equal channels, and spatial sizes equal or 1"
        if len({(len(shape), shape[0]) for shape in inputs}) != 1:
            raise _mismatch(self.name, inputs, rule)
        sizes = []
        for column in zip(*(shape[1:] for shape in inputs), strict=True):
            if len(set(column) - {1}) > 1:
                raise _mismatch(self.name, inputs, rule)
            sizes.append(max(column))
        return (inputs[0][0], *sizes)

    def aliases(self, *inputs: Shape, training: bool = False) -> bool:
        return len(inputs) == 1

    def kept(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Kept:
        # A product of two needs each factor for the other's gradient; more are multiplied one by one.
        kept: list[int] = []
        extra: list[Extra] = []
        product, product_needed, sizes = 0, needed[0], inputs[0]
        for factor in range(1, len(inputs)):
            if needed[factor] and factor > 1:
                extra.append(Extra("product so far", prod(sizes)))
            elif needed[factor]:
                kept.append(product)
            if product_needed:
                kept.append(factor)
            product_needed = product_needed or needed[factor]
            sizes = tuple(map(max, sizes, inputs[factor]))
        return Kept(tuple(kept), extra=tuple(extra))


KINDS = (Add, Concat, Multiply)
