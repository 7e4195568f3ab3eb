"""Drafts: the nodes of a network that is being read, before they have names.

A `Value` is a tensor of the traced program: its shape with the batch, which axis the batch is, and the draft that makes
it. Ops of cnncalc know no batch; so a value's `sizes` are its shape without it. Where a module folds something into the
batch (windows of an image, heads), that axis keeps its place, with its size for one sample.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from cnncalc.ops.base import Input, Op, Shape


@dataclass(frozen=True, slots=True)
class Call:
    """A module that was being called when an op ran: its path, its class, and which of its calls it was."""

    path: str
    kind: str
    key: str

    @property
    def number(self) -> int:
        """How often the module was called before.

        >>> Call("layer1", "torch.nn.Sequential", "L__self___layer1@2").number
        2
        """
        number = self.key.rpartition("@")[2]
        return int(number) if number.isdecimal() and "@" in self.key else 0


@dataclass(eq=False, slots=True)
class Draft:
    """A node without a name.

    Attributes:
        op: the op.
        inputs: the drafts that it reads.
        output: its shape without the batch.
        calls: the modules that were being called, the outermost first.
        owns: the names of the parameters and buffers that it has, in the module.
        shares: the earlier draft whose weights it has.
        origin: what its weights are, in what is read: the names of all, or of what they stand in.
        name: the name it is given in place of its module's or kind's.
    """

    op: Op
    inputs: tuple[Draft, ...]
    output: Shape
    calls: tuple[Call, ...] = ()
    owns: tuple[str, ...] = ()
    shares: Draft | None = None
    origin: str | tuple[str, ...] | None = None
    name: str | None = None

    @property
    def is_input(self) -> bool:
        """Whether it is an input of the network."""
        return isinstance(self.op, Input)


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor of the program.

    Attributes:
        shape: as the program has it, with the batch.
        batch: samples in the batch.
        axis: which axis the batch is, or is folded into; None for a tensor without a batch, such as a weight.
        draft: what makes it; None for a parameter or buffer that no node stands for yet.
        source: the name of the parameter or buffer that it is, perhaps seen in another shape.
    """

    shape: tuple[int, ...]
    batch: int
    axis: int | None = None
    draft: Draft | None = field(default=None, repr=False)
    source: str | None = None

    @property
    def folded(self) -> bool:
        """Whether the batch's axis holds something else besides."""
        return self.axis is not None and self.shape[self.axis] != self.batch

    @property
    def sizes(self) -> Shape:
        """The shape without the batch; a lone number is a shape of one.

        >>> Value((2, 64, 7, 7), 2, 0).sizes, Value((8, 49, 32), 2, 0).sizes, Value((3, 2, 5), 2, 1).sizes
        ((64, 7, 7), (4, 49, 32), (3, 5))
        """
        if self.axis is None:
            return self.shape or (1,)
        kept = (self.shape[self.axis] // self.batch,) if self.folded else ()
        return (*self.shape[: self.axis], *kept, *self.shape[self.axis + 1 :]) or (1,)

    def place(self, axis: int) -> int | None:
        """Where an axis of the tensor is in its sizes; None if it is the batch's alone.

        >>> Value((2, 64, 7, 7), 2, 0).place(-1)
        2
        """
        axis %= max(len(self.shape), 1)
        if self.axis is None:
            return axis
        if axis == self.axis and not self.folded:
            return None
        return axis - (axis > self.axis and not self.folded)

    @property
    def elements(self) -> int:
        """Numbers in one sample of it."""
        return prod(self.sizes)


def batch_axis(shape: tuple[int, ...], batch: int) -> int | None:
    """Which axis of a tensor that depends on a network's input is the batch: the one of its size; or into which it is
    folded, the one of a multiple of it. Batches are prime, and no other size is a multiple of them.

    >>> batch_axis((3, 211, 12, 197), 211), batch_axis((64 * 211, 49, 96), 211)
    (1, 0)
    """
    exact = [axis for axis, size in enumerate(shape) if size == batch]
    multiples = [axis for axis, size in enumerate(shape) if size % batch == 0]
    return next(iter(exact or multiples), None)
