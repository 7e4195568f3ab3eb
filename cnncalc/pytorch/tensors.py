"""Modules of ops that move, reduce or reckon with tensors, and of learnt tensors; and how each op is built.

Shapes are with the batch: [N, ...].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from cnncalc.ops import arithmetic, einsum, learnt, merge, rearrange
from cnncalc.ops.base import Op, Site


class Permute(nn.Module):
    """The axes in another order, the batch first, in a tensor of its own."""

    def __init__(self, order: Sequence[int]) -> None:
        super().__init__()
        self.order = (0, *(1 + axis for axis in order))

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.order).contiguous()

    def extra_repr(self) -> str:
        return f"{self.order}"


class Reshape(nn.Module):
    """The same elements in another shape, the batch aside."""

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = tuple(shape)

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], *self.shape)

    def extra_repr(self) -> str:
        return f"{self.shape}"


class Roll(nn.Module):
    """All positions moved on; what leaves at one end comes back at the other."""

    def __init__(self, shifts: Sequence[int]) -> None:
        super().__init__()
        self.shifts = tuple(shifts)

    def forward(self, x: Tensor) -> Tensor:
        return torch.roll(x, self.shifts, tuple(range(2, x.dim())))

    def extra_repr(self) -> str:
        return f"{self.shifts}"


class Power(nn.Module):
    """(shift + factor * x) ^ power."""

    def __init__(self, power: float, factor: float, shift: float) -> None:
        super().__init__()
        self.power, self.factor, self.shift = power, factor, shift

    def forward(self, x: Tensor) -> Tensor:
        if self.factor != 1:
            x = x * self.factor
        if self.shift != 0:
            x = x + self.shift
        return x if self.power == 1 else x**self.power

    def extra_repr(self) -> str:
        return f"power={self.power}, factor={self.factor}, shift={self.shift}"


class Apply(nn.Module):
    """A function of each element, by its name in torch."""

    def __init__(self, function: str) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = getattr(torch, self.function)(x)
        return y

    def extra_repr(self) -> str:
        return self.function


class Reduce(nn.Module):
    """The mean, sum or maximum (`amax`) over some axes, counted with the batch."""

    def __init__(self, function: str, axes: Sequence[int], keep: bool) -> None:
        super().__init__()
        self.function, self.axes, self.keep = function, tuple(axes), keep

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = getattr(torch, self.function)(x, self.axes, keepdim=self.keep)
        return y

    def extra_repr(self) -> str:
        return f"{self.function}, axes={self.axes}, keep={self.keep}"


class Embedding(nn.Embedding):
    """`nn.Embedding` of numbers in any type: [N, T] -> [N, T, C]."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.long())


class ClassToken(nn.Module):
    """Learnt tokens before a sequence: [N, T, C] -> [N, count + T, C]."""

    def __init__(self, count: int, features: int) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.zeros(count, features))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.tokens.expand(x.shape[0], -1, -1), x], 1)


class PositionEmbedding(nn.Module):
    """A learnt number added to each element."""

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.zeros(*shape))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.embedding


class Parameter(nn.Module):
    """A learnt tensor, once for each sample of the batch."""

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(*shape))

    def forward(self, x: Tensor) -> Tensor:
        return self.value.expand(x.shape[0], *self.value.shape).clone()


class Subtract(nn.Module):
    """The first branch less the second."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return first - second


class Divide(nn.Module):
    """The first branch divided by the second."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return first / second


class Extreme(nn.Module):
    """The largest or smallest of the branches: `maximum` or `minimum` of torch, one by one."""

    def __init__(self, function: str) -> None:
        super().__init__()
        self.function = function

    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        for other in others:
            first = getattr(torch, self.function)(first, other)
        return first

    def extra_repr(self) -> str:
        return self.function


class Stack(nn.Module):
    """Branches of one shape side by side along a new axis, counted with the batch."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, *branches: Tensor) -> Tensor:
        return torch.stack(branches, self.axis)

    def extra_repr(self) -> str:
        return f"{self.axis}"


class MatMul(nn.Module):
    """The matrix product of two branches."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return torch.matmul(first, second)


class Einsum(nn.Module):
    """A sum of products over letters, as one product of stacks of matrices: what `torch.einsum` does."""

    def __init__(self, op: einsum.Einsum, shapes: tuple[tuple[int, ...], ...]) -> None:
        super().__init__()
        self.equation, self.plan, self.sizes = op.equation, op.plan(), op.sizes(*shapes)
        self.sums, self.copied = op.sums(*shapes), op.copied(*shapes)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        plan = self.plan
        if not self.sums:
            return (self._alone(first, plan.first) * self._alone(second, plan.second)).contiguous()
        letters = zip((first, second), (plan.first, plan.second), plan.matrices(), self.copied, strict=True)
        y = torch.matmul(*[self._matrices(*one) for one in letters])
        found = plan.stack + plan.rows + plan.columns
        y = y.view(len(first), *[self.sizes[letter] for letter in found])
        return y.permute(0, *[1 + found.index(letter) for letter in plan.output]).contiguous()

    def _matrices(self, x: Tensor, letters: str, matrices: tuple[str, str, str], copied: bool) -> Tensor:
        """An input as a stack of matrices [N * stack, rows, columns]."""
        x = x.permute(0, *[1 + letters.index(letter) for letter in "".join(matrices)])
        x = x.clone(memory_format=torch.contiguous_format) if copied else x
        stack, rows, columns = (prod([self.sizes[letter] for letter in part]) for part in matrices)
        return x.reshape(len(x) * stack, rows, columns)

    def _alone(self, x: Tensor, letters: str) -> Tensor:
        """An input with its axes in the output's order, and sizes of 1 for those that it lacks."""
        own = [letter for letter in self.plan.output if letter in letters]
        x = x.permute(0, *[1 + letters.index(letter) for letter in own + list(set(letters) - set(own))])
        return x.reshape(len(x), *[self.sizes[letter] if letter in letters else 1 for letter in self.plan.output])

    def extra_repr(self) -> str:
        return self.equation


def _reduce(function: str) -> Callable[[Any, Site], nn.Module]:
    return lambda op, site: Reduce(function, [1 + axis for axis in op.reduced_axes()], op.keep)


BUILDERS: Mapping[type[Op], Callable[[Any, Site], nn.Module]] = {
    rearrange.Permute: lambda op, site: Permute(op.order),
    rearrange.Reshape: lambda op, site: Reshape(site.output),
    rearrange.Roll: lambda op, site: Roll(op.shifts(site.inputs[0])),
    rearrange.PixelShuffle: lambda op, site: nn.PixelShuffle(op.factor),
    rearrange.PixelUnshuffle: lambda op, site: nn.PixelUnshuffle(op.factor),
    arithmetic.Power: lambda op, site: Power(op.power, op.factor, op.shift),
    arithmetic.Apply: lambda op, site: Apply(op.function),
    arithmetic.Mean: _reduce("mean"),
    arithmetic.Sum: _reduce("sum"),
    arithmetic.Max: _reduce("amax"),
    learnt.Embedding: lambda op, site: Embedding(op.count, op.features),
    learnt.ClassToken: lambda op, site: ClassToken(op.count, site.inputs[0][1]),
    learnt.PositionEmbedding: lambda op, site: PositionEmbedding(site.inputs[0]),
    learnt.Parameter: lambda op, site: Parameter(op.shape),
    merge.Subtract: lambda op, site: Subtract(),
    merge.Divide: lambda op, site: Divide(),
    merge.Maximum: lambda op, site: Extreme("maximum"),
    merge.Minimum: lambda op, site: Extreme("minimum"),
    merge.Stack: lambda op, site: Stack(1 + op.axis),
    merge.MatMul: lambda op, site: MatMul(),
    einsum.Einsum: lambda op, site: Einsum(op, site.inputs),
}
