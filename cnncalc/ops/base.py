"""What every layer kind has: options, an output shape, formulas for its costs, and what each unit sees.

A kind is a frozen `msgspec.Struct`; its fields are the options a spec may give. To add a kind, write such
a class in its family's file and list it in `KINDS`; nothing else in the calculator changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import msgspec

from cnncalc.errors import LayerError
from cnncalc.formula import Formula, prod

Shape = tuple[int, ...]
"""Channels first, without the batch: [C, H, W], [C, L], [C, D, H, W], or [C] once flat."""

OPERATIONS = ("mac", "add", "mul", "div", "compare", "exp")
"""The classes of operations. `exp` holds every transcendental one: exponentials, roots, powers, erf."""


class Window(NamedTuple):
    """How one spatial dimension of a layer looks at its input.

    Unit u sees the inputs `u * stride - before + dilation * t` for t in 0..kernel-1. With `stretch` f > 1 the
    input has first f - 1 zeros put between its elements (a transposed convolution). With `bins` m > 0 the n
    inputs are cut into m bins, and unit u sees floor(u * n / m) to ceil((u + 1) * n / m) - 1 (adaptive
    pooling). With `samples` m > 0 they are resampled at m places: unit u sees the nearest one,
    floor(u * n / m), or if `linear` the two around (u + 1/2) * n / m - 1/2 (upsampling).
    """

    kernel: int = 1
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1
    stretch: int = 1
    bins: int = 0
    samples: int = 0
    linear: bool = False


POINT = Window()


@Formula
def each(n):  # type: ignore[no-untyped-def]
    """One for each element."""
    return n


OF_PARAMETERS = -1
"""The size of a number that is of the parameters' type."""


class Extra(NamedTuple):
    """A tensor that a layer makes and autograd keeps, besides its inputs and output.

    `elements` are those of one sample; of the whole batch if not `each`. `itemsize` is in bytes: 0 for that of
    the activations, `OF_PARAMETERS` for that of the parameters.
    """

    what: str
    elements: int
    itemsize: int = 0
    each: bool = True


class Kept(NamedTuple):
    """What PyTorch's autograd keeps of a layer for the backward pass, parameters and buffers apart: some of its
    inputs, by number, its output, and tensors of its own."""

    inputs: tuple[int, ...] = ()
    output: bool = False
    extra: tuple[Extra, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a layer's arithmetic: what it gives, by which formula, on which values."""

    label: str
    formula: Formula
    values: Mapping[str, Any]

    @property
    def value(self) -> int:
        return int(self.formula(**self.values))

    @property
    def text(self) -> str:
        return self.formula.explain(**self.values)


class Op(msgspec.Struct, frozen=True, forbid_unknown_fields=True, cache_hash=True):
    """The base of all kinds. A subclass overrides what differs from an element-by-element layer."""

    name: ClassVar[str]
    main: ClassVar[str | None] = None  # the option that the head of an item gives
    words: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # options that also take a word, and which
    costs: ClassVar[Mapping[str, Formula]] = {}  # params, buffers and classes of operations
    once: ClassVar[frozenset[str]] = frozenset()  # those of `costs` that a whole batch needs once
    merges: ClassVar[bool] = False  # takes a list of branches
    keeps: ClassVar[Kept] = Kept()  # what autograd keeps, where it does not depend on options and shapes
    # Whether PyTorch's layer can overwrite its input ("" if not), and what its backward pass then needs:
    # its "output" alone, or a "copy" of the input.
    in_place: ClassVar[str] = ""

    def steps(self, *inputs: Shape) -> list[Step]:
        """The arithmetic of the spatial output sizes, one step a dimension; empty where the shape is kept."""
        return []

    def output_shape(self, *inputs: Shape) -> Shape:
        """The output shape for these input shapes.

        Raises:
            LayerError: the layer does not fit its input.
        """
        return inputs[0]

    def values(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        """The symbols of this kind's formulas, but for `training`, which `explain_costs` adds. Here `c` is the
        channels of the input, `n` the elements of the output."""
        return {"c": inputs[0][0], "n": prod(output)}

    def formulas(self) -> Mapping[str, Formula]:
        """The formulas of this layer's costs; `costs` unless an option changes the counting."""
        return self.costs

    def windows(self, *inputs: Shape) -> tuple[Window, ...] | None:
        """What a unit sees of its input, one window a spatial dimension; None if it sees all of it."""
        return (POINT,) * (len(inputs[0]) - 1)

    def aliases(self, *inputs: Shape, training: bool = False) -> bool:
        """Whether the output is its input's memory, seen anew: nothing is computed, nothing moved."""
        return False

    def inner(self, *inputs: Shape) -> int:
        """Elements of the tensors between the steps of a layer that is two layers in one."""
        return 0

    def kept(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Kept:
        """What autograd keeps of this layer in training, as PyTorch builds it; `needed` says which inputs
        need a gradient."""
        return self.keeps


def explain_costs(kind: Op, inputs: tuple[Shape, ...], output: Shape, training: bool = False) -> dict[str, Step]:
    """The layer's costs, each as the formula that gives it and the values to substitute."""
    values = {**kind.values(inputs, output), "training": training}
    return {quantity: Step(quantity, formula, values) for quantity, formula in kind.formulas().items()}


def spatial(shape: Shape, kind: str) -> Shape:
    """The spatial sizes of a shape; an error if it has none."""
    if len(shape) < 2:
        raise LayerError(
            f"{kind} needs spatial dimensions",
            label=f"the input here is flat: {show(shape)}",
            hint="move it before flatten, or use linear",
        )
    return shape[1:]


def per_dimension(value: int | tuple[int, ...], dimensions: int, option: str) -> tuple[int, ...]:
    """An option as one number a spatial dimension.

    >>> per_dimension(3, 2, "kernel")
    (3, 3)
    """
    if isinstance(value, int):
        return (value,) * dimensions
    if len(value) != dimensions:
        raise LayerError(
            f"{option} has {count(len(value), 'number')} for {count(dimensions, 'spatial dimension')}",
            option=option,
            hint=f"give one number, or {dimensions}",
        )
    return value


def show(shape: Shape) -> str:
    """A shape as it is printed.

    >>> show((96, 55, 55))
    '96x55x55'
    """
    return "x".join(map(str, shape))


def count(number: int, noun: str) -> str:
    """A number with its noun.

    >>> count(2, "group")
    '2 groups'
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
