"""The ways in which people count: the written list that the search for causes goes through, alone and in pairs.

An axis is something that can be counted in more than one way, its values are the ways, and `Counting` holds one
value of each. Two ways of the same axis exclude each other, so a pair is always of two axes; nor are two paired that
each make another network of it (another input size, number of classes, rounding or padding, heads). Where a title says
FLOPs, pairs are tried with multiply-accumulates as well, which are often called so.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple


class Family(StrEnum):
    """What is counted; each family has its own axes."""

    PARAMETERS = "parameters"
    OPERATIONS = "operations"
    ACTIVATIONS = "activations"
    BYTES = "bytes"
    SHAPE = "shape"


ONCE = 4
"""Everything once: `times` counts in quarters."""


class Counting(NamedTuple):
    """One way to count: a value for every axis."""

    measure: str = ""
    biases: str = "counted"
    norms: str = "counted"
    buffers: str = "left out"
    groups: str = "minded"
    layers: str = "all"
    times: int = ONCE
    unit: str = "decimal"
    heads: str = "left out"
    classes: int = 0
    input: int = 0
    change: str = ""
    part: tuple[str, int] = ("", 1)


OF_THE_NETWORK = ("input", "classes", "change", "heads")
"""The axes whose ways make another network."""


class Way(NamedTuple):
    """One way on the list: the axis that it sets, the value, and what it means."""

    axis: str
    value: Any
    what: str


P, O, A, B, S = Family  # noqa: E741 - the initials, for the table below only

_WAYS: tuple[tuple[tuple[Family, ...], Way], ...] = (
    # what is counted of each layer
    ((O,), Way("measure", "macs", "multiply-accumulates of convolutions and linear layers")),
    ((O,), Way("measure", "two", "two operations for each multiply-accumulate, and nothing else")),
    ((O,), Way("measure", "flops", "every operation: two for each multiply-accumulate, and all others")),
    ((O,), Way("measure", "macs and biases", "multiply-accumulates, and an addition for each bias of an output")),
    ((O,), Way("measure", "two less one", "multiplications, and one addition fewer than them for each output")),
    ((O,), Way("measure", "fvcore", "fvcore's count: batch normalisation and global pooling included")),
    ((O,), Way("measure", "ptflops", "ptflops' count: normalisation, biases, activations and pooling included")),
    ((O,), Way("measure", "thop", "thop's count: normalisation (4 an element) and some poolings included")),
    ((O,), Way("measure", "torchinfo", "torchinfo's count: biases included, normalisation by its parameters")),
    ((P, O, B), Way("groups", "minded", "groups taken into account")),
    ((P, O, B), Way("groups", "ignored", "groups ignored: every output channel sees every input channel")),
    ((P, B), Way("biases", "counted", "with the biases")),
    ((P, B), Way("biases", "left out", "without the biases of convolutions and linear layers")),
    ((P, B), Way("norms", "counted", "with the parameters of normalisation layers")),
    ((P, B), Way("norms", "left out", "without the parameters of normalisation layers")),
    ((P, B), Way("norms", "folded", "with batch normalisation folded into the convolutions, one bias a channel")),
    ((P, B), Way("buffers", "left out", "without running means and variances")),
    ((P, B), Way("buffers", "counted", "with the running means and variances of batch normalisation")),
    ((P, B), Way("buffers", "with counters", "with all buffers: running means, variances, and batches seen")),
    # which layers
    ((P, O, A, B), Way("layers", "all", "all layers")),
    ((P, O, A, B), Way("layers", "convolutions", "the convolutions alone")),
    ((P, O, B), Way("layers", "no classifier", "without the last linear layer, the classifier")),
    ((P, O, B), Way("layers", "no linear", "without any linear layer")),
    ((A,), Way("layers", "weighted", "the outputs of convolutions and linear layers alone")),
    ((P, O, A, B), Way("heads", "left out", "without the auxiliary heads")),
    ((P, O, A, B), Way("heads", "counted", "with the auxiliary heads, which only training has")),
    # the whole network
    ((O, A), Way("times", ONCE, "each operation once")),
    ((O, A), Way("times", 2 * ONCE, "everything twice")),
    ((O, A), Way("times", ONCE // 2, "half of everything")),
    ((B,), Way("times", ONCE, "four bytes a number")),
    ((B,), Way("times", ONCE // 2, "two bytes a number")),
    ((B,), Way("times", ONCE // 4, "one byte a number")),
    ((B,), Way("times", 2 * ONCE, "eight bytes a number")),
    ((B,), Way("unit", "decimal", "a megabyte of 1,000,000 bytes")),
    ((B,), Way("unit", "binary", "a megabyte of 1,048,576 bytes")),
    ((O, A, S), Way("change", "", "pools and padding as in the network")),
    ((O, A, S), Way("change", "ceil", "pools that round their size up")),
    ((O, A, S), Way("change", "floor", "pools that round their size down")),
    ((O, A, S), Way("change", "one side", "padding on one side only")),
    ((O, A, S), Way("change", "no padding", "no padding")),
)

SIZES: tuple[int, ...] = (28, 32, 64, 96, 112, 128, 160, 192, 200, 224, 227, 229, 231, 240, 256, 260, 280, 288, 299)
SIZES = (*SIZES, 300, 320, 331, 336, 352, 380, 384, 400, 416, 448, 456, 480, 512, 528, 600, 608, 640)
"""The input sizes that are tried, squares, one after the other."""

CLASSES = (10, 100, 1000, 1001, 21841)
"""The numbers of classes that are tried, where a network has that variable."""

PARTS = ((0, "without {}"), (2, "with {} counted twice"))
"""What may befall a part of the network that has a name: a branch, or a layer of each block."""


def ways(family: Family, base: Counting) -> list[Way]:
    """The ways of a family that differ from a base, but for sizes, classes and parts, which depend on the network.

    >>> [way.what for way in ways(Family.SHAPE, Counting())][:2]
    ['pools that round their size up', 'pools that round their size down']
    """
    own = base._asdict()
    return [way for families, way in _WAYS if family in families and own[way.axis] != way.value]


def axes(family: Family) -> dict[str, list[str]]:
    """The axes of a family with what their values mean, for the page that lists them."""
    found: dict[str, list[str]] = {}
    for families, way in _WAYS:
        if family in families:
            found.setdefault(way.axis, []).append(way.what)
    return found


BASES: Mapping[str, tuple[Family, Counting]] = {
    "params": (Family.PARAMETERS, Counting()),
    "weights": (Family.PARAMETERS, Counting(biases="left out")),
    "bytes": (Family.BYTES, Counting()),
    "macs": (Family.OPERATIONS, Counting(measure="macs")),
    "flops": (Family.OPERATIONS, Counting(measure="flops")),
    "activations": (Family.ACTIVATIONS, Counting()),
    "shape": (Family.SHAPE, Counting()),
    "size": (Family.SHAPE, Counting()),
}
"""What a quantity of a table counts, as a family and a counting; other quantities are not searched."""
