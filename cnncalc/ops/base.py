"""What every op has: options, an output shape, formulas for its costs, and what each unit sees.

An op is a kind of operation with its options, a frozen value. A kind is a class: a `msgspec.Struct` whose fields
are the options a spec may give. What a class does not say of itself is unknown, and is shown as unknown wherever
a number would stand; it is never taken for zero. docs/development.md walks through adding one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NamedTuple

import msgspec
from msgspec import Meta

from cnncalc.errors import OpError
from cnncalc.formula import Formula, Step, Switch, is_array, prod
from cnncalc.ops.options import check
from cnncalc.ops.sight import POINT, UNKNOWN, Sight, Spread

Shape = tuple[int, ...]
"""Channels first, without the batch: [C, H, W], [C, L], [C, D, H, W], or [C] once flat."""

OPERATIONS = ("mac", "add", "mul", "div", "compare", "exp")
"""The classes of operations. `exp` holds every transcendental one: exponentials, roots, powers, erf."""

QUANTITIES = ("params", "weights", "buffers", *OPERATIONS)
"""What an op's formulas count. `weights` are those of its parameters that a product reads, of which mixed precision
makes a copy in half precision."""

Words = Mapping[str, tuple[str, ...]]
"""The words that an option takes, by the option's name."""

Costs = Mapping[str, Formula | None]
"""Formulas by quantity. None says that the quantity is unknown; one that is not there is zero."""

UNKNOWN_COSTS: Costs = dict.fromkeys(QUANTITIES)


@Formula
def each(elements):  # type: ignore[no-untyped-def]
    """One for each element."""
    return elements


@Formula
def none_of_them():  # type: ignore[no-untyped-def]
    """None: no product reads its parameters."""
    return 0


AxisNumber = Annotated[int, Meta(ge=0, le=5)]
"""An axis of a shape without the batch: 0 is the channels."""

OF_INPUTS = 0
"""The size of a number that is of the type in which an op takes its inputs."""

OF_PARAMETERS = -1
"""The size of a number that is of the parameters' type."""

OF_OUTPUT = -2
"""The size of a number that is of the output's type."""

OF_COPY = -3
"""The size of a number in a copy of a tensor of the parameters' type, which is made where an op takes its inputs in
another."""


class Extra(NamedTuple):
    """A tensor that an op makes and autograd saves, besides its inputs and output.

    `elements` are those of one sample; of the whole batch if not `per_sample`. `itemsize` is in bytes, or says of what
    type it is: `OF_INPUTS` (of the first `of` inputs, if given), `OF_PARAMETERS`, `OF_OUTPUT`, `OF_COPY`.
    """

    what: str
    elements: int
    itemsize: int = OF_INPUTS
    per_sample: bool = True
    of: int | None = None


class Saved(NamedTuple):
    """What PyTorch's autograd saves of a layer for the backward pass, parameters and buffers apart: some of its
    inputs, by number, its output, and tensors of its own. An input stands once for each step of the op that saves it:
    its memory is one, but mixed precision casts it anew for each. `weights` says how many of the weights are saved too,
    of which mixed precision makes a copy; None for all."""

    inputs: tuple[int, ...] = ()
    output: bool = False
    extra: tuple[Extra, ...] = ()
    weights: int | None = None


class Casts(NamedTuple):
    """What `torch.autocast` does at an op: the type to which its inputs are cast, and that of its output.

    Each is "half", "float32", or "given": the widest of the inputs' types, for the output of the inputs numbered `of`
    if given.
    """

    inputs: str = "given"
    output: str = "given"
    of: tuple[int, ...] | None = None


HALF = Casts("half", "half")
"""Inputs and parameters are cast to half precision: convolutions and matrix products."""

FLOAT32 = Casts("float32", "float32")
"""Inputs are cast to float32."""

AS_GIVEN = Casts("given", "given")
"""Nothing is cast."""

WIDENED = Casts("given", "float32")
"""Nothing is cast, and the output is float32: a parameter or buffer of that type takes part in it."""

IN_SINGLE = Casts("float32", "given", of=(0,))
"""Inputs are cast to float32, and the output back to the type of the first: torchvision's own operators."""


EVERY = frozenset({1, 2, 3})
"""PyTorch's spatial dimensions."""


class Site(NamedTuple):
    """Where an op stands, as far as its numbers go: the op, the shapes that it reads, and the one that it gives."""

    op: Any
    inputs: tuple[Shape, ...]
    output: Shape

    def count(self, quantity: str) -> int:
        """A quantity of the op's formulas for one sample at inference; 0 if it has none.

        Raises:
            UnknownCount: the op does not say.
        """
        formulas = self.op.formulas()
        formula = formulas.get(quantity)
        if formula is None:
            if quantity in formulas:
                raise UnknownCount(f"{self.op.kind} does not say its {quantity}")
            return 0
        return int(formula(**self.symbols))

    @property
    def symbols(self) -> dict[str, Any]:
        """The symbols of the op's formulas at inference."""
        return {**self.op.symbols(self.inputs, self.output), "training": Switch(0)}

    @property
    def x(self) -> int:
        """Elements of the first input."""
        return int(prod(self.inputs[0]))

    @property
    def y(self) -> int:
        """Elements of the output."""
        return int(prod(self.output))

    @property
    def dimensions(self) -> int:
        """Spatial dimensions of the first input."""
        return len(self.inputs[0]) - 1


class UnknownCount(Exception):
    """A count was asked for that an op does not say; the message says which."""


class Op(msgspec.Struct, frozen=True, forbid_unknown_fields=True, cache_hash=True):
    """The base of all ops: what it does not override is unknown.

    The class attributes, for one kind of op:

    - `kind`: its word in specs;
    - `main`: the option that the head of an item gives (`{conv: 64}`);
    - `words`: options that also take a word, and which;
    - `texts`: options that are a text as it stands, and no expression;
    - `arity`: how many inputs it has; None for any number, as where branches meet;
    - `costs`: its formulas, for one sample; `once` names those that a whole batch needs once;
    - `saves`: what autograd saves of it, where that does not depend on options and shapes;
    - `casts`: what mixed precision does with its types, where that does not depend on options and shapes;
    - `keeps_last`: the numbers of spatial dimensions in which PyTorch's layer keeps the order in memory of an input
      whose channels come last, [N, *spatial, C], which changes no number and no shape;
    - `keeps_order`: whether it keeps any order in memory at all, that of the first input which is not spread;
    - `steps_first`: whether its output lies with the first axis outside the batch, as recurrent layers leave it;
    - `gathers`: whether it first copies an input whose memory is not in one piece and in the order that it needs;
    - `in_place`: whether PyTorch's layer can overwrite its input, and what its backward pass then needs: its
      "output" alone, or a "copy" of the input;
    - `tools`: what other tools count of it, by the tool's name: a function of its `Site` that gives counts by
      class (see `cnncalc.costs.conventions`). Ops of cnncalc's own are in the tools' tables instead.
    """

    kind: ClassVar[str] = "op"
    main: ClassVar[str | None] = None
    words: ClassVar[Words] = {}
    texts: ClassVar[frozenset[str]] = frozenset()
    arity: ClassVar[int | None] = 1
    costs: ClassVar[Costs] = UNKNOWN_COSTS
    once: ClassVar[frozenset[str]] = frozenset()
    saves: ClassVar[Saved | None] = None
    casts: ClassVar[Casts | None] = None
    keeps_last: ClassVar[frozenset[int]] = frozenset()
    keeps_order: ClassVar[bool] = False
    steps_first: ClassVar[bool] = False
    gathers: ClassVar[bool] = False
    in_place: ClassVar[str] = ""
    tools: ClassVar[Mapping[str, Any]] = {}

    def __post_init__(self) -> None:
        """Check the options, whoever gives them.

        Raises:
            OpError: an option has an unfit value.
        """
        check(self)

    def output_shape(self, *inputs: Shape) -> Shape:
        """The output shape for these input shapes.

        Raises:
            OpError: the op does not fit its input.
        """
        raise OpError(f"{self.kind} does not say its output shape", hint="define output_shape in its class")

    def steps(self, *inputs: Shape) -> list[Step]:
        """The arithmetic of the output sizes, one step per spatial dimension; empty where there is none."""
        return []

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        """The symbols of this op's formulas, but for `training`, which is added. Here `c` is the channels of the
        input, `elements` those of the output."""
        return {"c": inputs[0][0], "elements": prod(output)}

    def formulas(self) -> Costs:
        """The formulas of this op's costs; `costs` unless an option changes the counting."""
        return self.costs

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        """What a unit sees of each input: one window per spatial dimension, or `WHOLE` or `UNKNOWN`."""
        return (UNKNOWN,) * len(inputs)

    def is_view(self, *inputs: Shape, training: bool = False) -> bool:
        """Whether the output is its input's memory, seen anew: nothing is computed, nothing moved."""
        return False

    def gives_last(self, inputs: tuple[Shape, ...], last: tuple[bool, ...]) -> bool:
        """Whether the channels come last in the output's memory; `last` says it of each input."""
        return last[0] and len(inputs[0]) - 1 in self.keeps_last

    def inner(self, *inputs: Shape) -> int:
        """Elements of the tensors between the steps of an op that is several in one."""
        return 0

    def has_weights(self, inputs: tuple[Shape, ...]) -> bool:
        """Whether it stores anything: parameters or buffers, or what is unknown."""
        return any(number != 0 for number in self.stored(inputs))

    def stored(self, inputs: tuple[Shape, ...]) -> tuple[int | None, int | None]:
        """How many parameters and buffers it has; None where it does not say."""
        numbers = cost_numbers(self, inputs, self.output_shape(*inputs))
        return numbers.get("params", 0), numbers.get("buffers", 0)

    def same_weights(self, inputs: tuple[Shape, ...], others: tuple[Shape, ...]) -> bool:
        """Whether its weights on inputs of some shapes have the same shapes as on others, so that they can be shared.
        Equal numbers of them are enough where what else they follow from is the same too (`weights_by`)."""
        own = self.stored(inputs)
        if inputs == others:
            return True
        return (
            self.weights_by(inputs[0]) == self.weights_by(others[0]) and None not in own and own == self.stored(others)
        )

    def weights_by(self, x: Shape) -> Shape | int | None:
        """What of its input's shape the shapes of its weights follow from, besides the channels: all of it where there
        is one for each element, the number of dimensions where they are kernels."""
        return None

    def temporaries(self, inputs: tuple[Shape, ...], output: Shape) -> int:
        """Elements of the tensors alive at once inside an op that PyTorch runs in several steps, at inference, besides
        inputs and output."""
        return self.inner(*inputs)

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        """What autograd saves of this op in training, as PyTorch builds it; None if that is unknown. `needed` says
        which inputs need a gradient."""
        return self.saves

    def autocast(self, *inputs: Shape) -> Casts | None:
        """What `torch.autocast` on a CPU does with the types at this op; None if that is unknown."""
        return self.casts

    def named(self) -> dict[str, Any]:
        """The options by name.

        >>> from cnncalc.ops import Dropout
        >>> Dropout(0.2).named()
        {'p': 0.2}
        """
        return {name: getattr(self, name) for name in self.__struct_fields__}


class Elementwise(Op, frozen=True):
    """An op whose output elements each depend on the same element of its inputs; an input's size of 1 may be spread
    over the output's. With one input the shape is kept, and the order in memory."""

    keeps_last: ClassVar[frozenset[int]] = EVERY
    keeps_order: ClassVar[bool] = True

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        output = self.output_shape(*inputs)
        return tuple(
            tuple(POINT if n is m or n == m else Spread() for n, m in zip(shape[1:], output[1:], strict=True))
            for shape in inputs
        )


class Input(Op, frozen=True):
    """A network's input: an op that reads nothing and gives a tensor of its shape."""

    shape: tuple[int, ...]

    kind: ClassVar[str] = "input"
    arity: ClassVar[int | None] = 0
    costs: ClassVar[Costs] = {}
    saves: ClassVar[Saved | None] = Saved()
    casts: ClassVar[Casts | None] = AS_GIVEN

    def output_shape(self, *inputs: Shape) -> Shape:
        return self.shape

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return ()


def cost_numbers(op: Op, inputs: tuple[Shape, ...], output: Shape, training: bool = False) -> dict[str, int | None]:
    """An op's costs by quantity; None where one is unknown."""
    formulas = op.formulas()
    if not formulas:
        return {}
    values = {**op.symbols(inputs, output), "training": Switch(training)}
    numbers = {quantity: None if formula is None else int(formula.of(values)) for quantity, formula in formulas.items()}
    if "params" in numbers and "weights" not in numbers:
        numbers["weights"] = None  # which of its parameters a product reads was not said
    return numbers


def cost_steps(op: Op, inputs: tuple[Shape, ...], output: Shape, training: bool = False) -> dict[str, Step | None]:
    """An op's costs, each as the formula that gives it and the values to substitute; None where it is unknown."""
    formulas = op.formulas()
    if not formulas:
        return {}
    values = {**op.symbols(inputs, output), "training": Switch(training)}
    return {
        quantity: None if formula is None else Step(quantity, formula, values) for quantity, formula in formulas.items()
    }


def spatial(shape: Shape, kind: str) -> Shape:
    """The spatial sizes of a shape; an error if it has none."""
    if len(shape) < 2:
        raise OpError(
            f"{kind} needs spatial dimensions",
            label=f"the input here is flat: {show(shape)}",
            hint="move it before flatten, or use linear",
        )
    return shape[1:]


def per_dimension(value: int | tuple[int, ...], dimensions: int, option: str) -> tuple[int, ...]:
    """An option as one number per spatial dimension.

    >>> per_dimension(3, 2, "kernel")
    (3, 3)
    """
    if not isinstance(value, tuple):
        return (value,) * dimensions
    if len(value) != dimensions:
        raise OpError(
            f"{option} has {count(len(value), 'number')} for {count(dimensions, 'spatial dimension')}",
            option=option,
            hint=f"give one number, or {dimensions}",
        )
    return value


def check_axis(axis: int, shape: Shape, option: str = "axis") -> None:
    """An axis is one of the shape's, counted from 0, the channels.

    Raises:
        OpError: the shape has no such axis.
    """
    if not 0 <= axis < len(shape):
        raise OpError(
            f"there is no axis {axis}",
            option=option,
            label=f"{show(shape)} has the axes 0 to {len(shape) - 1}",
            hint="axes are counted from 0, the channels; the batch is none",
        )


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
    if is_array(number):  # of many variants
        return f"{number} {noun}s"
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
