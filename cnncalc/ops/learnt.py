"""Learnt tensors: embeddings of words and of positions, tokens put before a sequence, and a tensor by itself.

Symbols: elements of the output; c features; n how many are learnt.
"""

from __future__ import annotations

from typing import Any, ClassVar

from cnncalc.errors import OpError
from cnncalc.formula import Formula, prod
from cnncalc.ops.base import WIDENED, Casts, Costs, Elementwise, Extra, Op, Saved, Shape, each, none_of_them, show
from cnncalc.ops.sight import POINT, UNKNOWN, Sight
from cnncalc.ops.window import Positive

# mypy: disable-error-code="no-untyped-def"

INDEX_BYTES = 8


@Formula
def table_params(n, c):
    """c numbers for each of the n words."""
    return n * c


class Embedding(Op, frozen=True):
    """A learnt vector for each of `count` words, PyTorch's `Embedding`. The inputs are the words' numbers, from 0.

    Input [T], output [T, features].

    >>> Embedding(256, count=10000).output_shape((50,))
    (50, 256)
    """

    features: Positive
    count: Positive

    kind: ClassVar[str] = "embedding"
    casts: ClassVar[Casts | None] = WIDENED
    main: ClassVar[str | None] = "features"
    costs: ClassVar[Costs] = {"params": table_params, "weights": none_of_them}

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) != 1:
            raise OpError("embedding needs a list of numbers [T]", label=f"the input here is {show(inputs[0])}")
        return (*inputs[0], self.features)

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"n": self.count, "c": self.features, "elements": prod(output)}

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return (UNKNOWN,)

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        return Saved(extra=(Extra("word numbers", prod(inputs[0]), INDEX_BYTES),))


@Formula
def token_params(n, c):
    """c numbers for each of the n tokens."""
    return n * c


class ClassToken(Op, frozen=True):
    """Learnt tokens before a sequence (ViT's class token; Dosovitskiy et al. 2021).

    Input [T, C], output [count + T, C].

    >>> ClassToken().output_shape((196, 768))
    (197, 768)
    """

    count: Positive = 1

    kind: ClassVar[str] = "class_token"
    casts: ClassVar[Casts | None] = WIDENED
    main: ClassVar[str | None] = "count"
    costs: ClassVar[Costs] = {"params": token_params, "weights": none_of_them}
    saves: ClassVar[Saved | None] = Saved()

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) != 2:
            raise OpError(
                "class_token needs a sequence [T, C]",
                label=f"the input here is {show(inputs[0])}",
                hint="reshape and permute make one of an image",
            )
        return (inputs[0][0] + self.count, inputs[0][1])

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"n": self.count, "c": inputs[0][1], "elements": prod(output)}

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return ((POINT,),)


class PositionEmbedding(Elementwise, frozen=True):
    """A learnt number added to each element (ViT's position embedding). Any shape, kept.

    >>> PositionEmbedding().output_shape((197, 768))
    (197, 768)
    """

    kind: ClassVar[str] = "position_embedding"
    casts: ClassVar[Casts | None] = WIDENED
    costs: ClassVar[Costs] = {"params": each, "weights": none_of_them, "add": each}
    saves: ClassVar[Saved | None] = Saved()

    def weights_by(self, x: Shape) -> Shape | int | None:
        return x


class Parameter(Op, frozen=True):
    """A learnt tensor, the same for every sample; it stands on any tensor and reads nothing of it.

    >>> Parameter((100, 256)).output_shape((3, 224, 224))
    (100, 256)
    """

    shape: tuple[Positive, ...]

    kind: ClassVar[str] = "parameter"
    casts: ClassVar[Casts | None] = WIDENED
    main: ClassVar[str | None] = "shape"
    costs: ClassVar[Costs] = {"params": each, "weights": none_of_them}
    saves: ClassVar[Saved | None] = Saved()

    def output_shape(self, *inputs: Shape) -> Shape:
        if not 1 <= len(self.shape) <= 6:
            raise OpError("a parameter has 1 to 6 sizes", option="shape", label=f"got {list(self.shape)}")
        return self.shape

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"elements": prod(output)}


KINDS: tuple[type[Op], ...] = (Embedding, ClassToken, PositionEmbedding, Parameter)
