"""Layers that `torch.nn` does not have, or not with the paddings that specs allow.

Shapes are with the batch: [N, C, *spatial], or [N, C] once flat.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Pads = tuple[tuple[int, int], ...]
"""[before, after] of each spatial dimension; negative ones cut."""


class _PadFirst(nn.Module):
    """Mixed into a layer of `torch.nn`: pads its input first, unevenly, which the layer itself cannot."""

    fill: ClassVar[float] = 0.0

    def __init__(self, *args: Any, pads: Pads, **options: Any) -> None:
        super().__init__(*args, **options)
        self.pads = flat_pads(pads)

    def forward(self, x: Tensor) -> Tensor:
        padded: Tensor = super().forward(F.pad(x, self.pads, value=self.fill))
        return padded

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, pads={self.pads}"


class PaddedConv1d(_PadFirst, nn.Conv1d):
    """`Conv1d` with [before, after] padding."""


class PaddedConv2d(_PadFirst, nn.Conv2d):
    """`Conv2d` with [before, after] padding."""


class PaddedConv3d(_PadFirst, nn.Conv3d):
    """`Conv3d` with [before, after] padding."""


class PaddedMaxPool1d(_PadFirst, nn.MaxPool1d):
    """`MaxPool1d` with [before, after] padding that no maximum sees."""

    fill = float("-inf")


class PaddedMaxPool2d(_PadFirst, nn.MaxPool2d):
    """`MaxPool2d` with [before, after] padding that no maximum sees."""

    fill = float("-inf")


class PaddedMaxPool3d(_PadFirst, nn.MaxPool3d):
    """`MaxPool3d` with [before, after] padding that no maximum sees."""

    fill = float("-inf")


class PaddedLPPool1d(_PadFirst, nn.LPPool1d):
    """`LPPool1d` whose windows reach past the image."""


class PaddedLPPool2d(_PadFirst, nn.LPPool2d):
    """`LPPool2d` whose windows reach past the image."""


class PaddedLPPool3d(_PadFirst, nn.LPPool3d):
    """`LPPool3d` whose windows reach past the image."""


def flat_pads(pads: Pads) -> tuple[int, ...]:
    """The padding as `functional.pad` takes it: the last dimension first.

    >>> flat_pads(((0, 1), (2, 3)))
    (2, 3, 0, 1)
    """
    return tuple(size for pair in reversed(pads) for size in pair)


def spread(vector: Tensor, x: Tensor) -> Tensor:
    """A value a channel, [C], shaped to meet [N, C, *spatial]."""
    return vector.view(-1, *(1,) * (x.dim() - 2))


class UnevenAvgPool(nn.Module):
    """Average pooling with [before, after] padding.

    `counts` gives, for each spatial dimension, how many elements each window averages over.
    """

    factor: Tensor

    def __init__(self, kernel: Sequence[int], stride: Sequence[int], pads: Pads, counts: Sequence[list[int]]) -> None:
        super().__init__()
        self.kernel, self.stride, self.pads = tuple(kernel), tuple(stride), flat_pads(pads)
        seen = torch.ones(())
        for row in counts:
            seen = seen.unsqueeze(-1) * torch.tensor(row, dtype=torch.float32)
        self.register_buffer("factor", prod(kernel) / seen, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return avg_pool(F.pad(x, self.pads), self.kernel, self.stride) * self.factor

    def extra_repr(self) -> str:
        return f"kernel={self.kernel}, stride={self.stride}, pads={self.pads}"


def avg_pool(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """Average pooling in as many dimensions as the kernel has."""
    pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[len(kernel) - 1]
    return pool(x, kernel, stride)


class StochasticPool(nn.Module):
    """Stochastic pooling (Zeiler and Fergus 2013) of inputs that are not negative.

    In training each window gives one of its elements, drawn with probability by size; at inference the
    elements' mean, weighted by those probabilities. Negative inputs count as 0, a window of zeros gives 0.
    """

    def __init__(self, kernel: Sequence[int], stride: Sequence[int], pads: Pads) -> None:
        super().__init__()
        self.kernel, self.stride, self.pads = tuple(kernel), tuple(stride), flat_pads(pads)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x.clamp(min=0), self.pads)
        if self.training:
            return self._sample(x)
        mean = avg_pool(x, self.kernel, self.stride)
        squares = avg_pool(x * x, self.kernel, self.stride)
        return torch.where(mean > 0, squares / mean, mean)

    def _sample(self, x: Tensor) -> Tensor:
        """One element of each window."""
        for dimension, (size, step) in enumerate(zip(self.kernel, self.stride, strict=True)):
            x = x.unfold(2 + dimension, size, step)
        windows = x.flatten(-len(self.kernel))
        weights = windows.detach().flatten(0, -2)
        weights = torch.where(weights.sum(1, keepdim=True) > 0, weights, torch.ones_like(weights))
        chosen = torch.multinomial(weights, 1).view(*windows.shape[:-1], 1)
        return windows.gather(-1, chosen).squeeze(-1)

    def extra_repr(self) -> str:
        return f"kernel={self.kernel}, stride={self.stride}, pads={self.pads}"


class AttentionPool(nn.Module):
    """A learnt score for each position, their softmax, and the weighted sum: [N, C, *spatial] -> [N, C, 1, ...]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.score = nn.Conv1d(channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        positions = x.flatten(2)
        weights = self.score(positions).softmax(-1)
        pooled = torch.bmm(positions, weights.transpose(1, 2))
        return pooled.view(*x.shape[:2], *(1,) * (x.dim() - 2))


class BilinearPool(nn.Module):
    """The sum over positions of the channels' outer products: [N, C, *spatial] -> [N, C * C]."""

    def forward(self, x: Tensor) -> Tensor:
        positions = x.flatten(2)
        return torch.bmm(positions, positions.transpose(1, 2)).flatten(1)


class SparseConv(nn.Module):
    """A convolution in which each output channel sees only some input channels (LeNet-5's C3).

    The output channels that see r inputs form one grouped convolution, `inputs{r}`: [outputs, r, *kernel]
    weights, so that there are no parameters and no multiplications but those of the connections.
    """

    def __init__(self, convolution: type[nn.Module], connections: Sequence[Sequence[int]], **options: Any) -> None:
        super().__init__()
        self.widths = sorted({len(row) for row in connections})
        order: list[int] = []
        for width in self.widths:
            rows = [index for index, row in enumerate(connections) if len(row) == width]
            reads = [channel for index in rows for channel in connections[index]]
            order += rows
            conv = convolution(width * len(rows), len(rows), groups=len(rows), **options)
            self.add_module(f"inputs{width}", conv)
            self.register_buffer(f"reads{width}", torch.tensor(reads), persistent=False)
        back = [order.index(channel) for channel in range(len(connections))]
        self.register_buffer("back", torch.tensor(back), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        parts = [
            getattr(self, f"inputs{width}")(x.index_select(1, getattr(self, f"reads{width}"))) for width in self.widths
        ]
        return torch.cat(parts, 1).index_select(1, self.get_buffer("back"))


class Separable(nn.Module):
    """A depthwise convolution, then a 1x1 convolution: `depthwise` and `pointwise`."""

    def __init__(self, depthwise: nn.Module, pointwise: nn.Module) -> None:
        super().__init__()
        self.depthwise = depthwise
        self.pointwise = pointwise

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pointwise(self.depthwise(x))
        return y


class ChannelLayerNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each position, [N, C, *spatial], as in ConvNeXt."""

    def forward(self, x: Tensor) -> Tensor:
        normal = F.layer_norm(x.movedim(1, -1), self.normalized_shape, self.weight, self.bias, self.eps)
        return normal.movedim(-1, 1)


class ChannelRMSNorm(nn.RMSNorm):
    """Root mean square normalisation over the channels of each position, [N, C, *spatial]."""

    def forward(self, x: Tensor) -> Tensor:
        normal = F.rms_norm(x.movedim(1, -1), self.normalized_shape, self.weight, self.eps)
        return normal.movedim(-1, 1)


class L2Norm(nn.Module):
    """Each position's channels divided by their Euclidean norm, [N, C, *spatial]."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=1, eps=self.eps)

    def extra_repr(self) -> str:
        return f"eps={self.eps}"


class Scale(nn.Module):
    """A learnt factor a channel, and optionally a learnt offset."""

    def __init__(self, channels: int, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        y = x * spread(self.weight, x)
        return y if self.bias is None else y + spread(self.bias, x)

    def extra_repr(self) -> str:
        return f"{self.weight.numel()}, bias={self.bias is not None}"


class Pad(nn.Module):
    """Zeros, or another `value`, around the image and before and after the channels, negative sizes cut; or, by another
    `mode`, the image itself around the image."""

    def __init__(self, pads: Pads, mode: str = "constant", value: float = 0.0) -> None:
        super().__init__()
        self.pads, self.mode, self.value = flat_pads(pads), mode, value or None

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, self.pads, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"{self.pads}, {self.mode}" + (f", value={self.value}" if self.value else "")


class Slice(nn.Module):
    """The channels, or what else the axis holds, from `start` up to, but not including, `stop`."""

    def __init__(self, start: int, stop: int, axis: int = 0, step: int = 1) -> None:
        super().__init__()
        self.start, self.stop, self.axis, self.step = start, stop, axis, step

    def forward(self, x: Tensor) -> Tensor:
        y = x[(*(slice(None),) * (1 + self.axis), slice(self.start, self.stop, self.step))]
        return y if self.axis == 0 and self.step == 1 else y.clone(memory_format=torch.contiguous_format)

    def extra_repr(self) -> str:
        return f"{self.start}, {self.stop}, axis={self.axis}, step={self.step}"


class ChannelShuffle(nn.Module):
    """Deals the channels of the groups out in turn; unlike `nn.ChannelShuffle`, also for [N, C]."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        groups = x.view(x.shape[0], self.groups, -1, *x.shape[2:])
        return groups.transpose(1, 2).flatten(1, 2)

    def extra_repr(self) -> str:
        return f"{self.groups}"


class Add(nn.Module):
    """The sum of the branches, where they are of one shape in one new tensor."""

    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        if not others:
            return first
        total = first + others[0]
        for other in others[1:]:
            if other.shape == total.shape:
                total += other
            else:
                total = total + other
        return total


class Multiply(nn.Module):
    """The product of the branches; a size of 1 is spread over the others'."""

    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        for other in others:
            first = first * other
        return first


class Concat(nn.Module):
    """All branches, one after the other along an axis, 0 being the channels."""

    def __init__(self, axis: int = 0) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, *branches: Tensor) -> Tensor:
        return torch.cat(branches, 1 + self.axis)

    def extra_repr(self) -> str:
        return f"{self.axis}"
