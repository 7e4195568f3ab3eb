"""Modules that read their input at places between its positions. torchvision has them as compiled operators; here
they are written in PyTorch, and save for the backward pass what torchvision's save: their inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from cnncalc.ops import sampling
from cnncalc.ops.base import Op, Site


class _Again(torch.autograd.Function):
    """Runs a function without a graph, saving its inputs alone; the backward pass runs it again, with one."""

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Tensor], kept: int, *inputs: Tensor | None) -> Tensor:
        """`kept` inputs, the first of them, are of no use to the backward pass but for their shapes."""
        ctx.function, ctx.shapes = function, [x.shape for x in inputs[:kept] if x is not None]
        ctx.save_for_backward(*inputs[kept:])
        with torch.no_grad():
            return function(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (gradient,) = gradients
        unread = [gradient.new_zeros(shape) for shape in ctx.shapes]
        inputs = [x if x is None else x.detach().requires_grad_() for x in (*unread, *ctx.saved_tensors)]
        with torch.enable_grad():
            y = ctx.function(*inputs)
        present = [x for x in inputs if x is not None]
        found = iter(torch.autograd.grad(y, present, gradient, allow_unused=True))
        return (None, None, *(None if x is None else next(found) for x in inputs))


def _in_single(function: Callable[..., Tensor], x: Tensor, *others: Tensor | None) -> Tensor:
    """A function's output; in mixed precision, as torchvision's operators, worked out in single precision and given in
    the type of the first input."""
    device = x.device.type
    if not torch.amp.is_autocast_available(device) or not torch.is_autocast_enabled(device):
        return function(x, *others)
    with torch.autocast(device, enabled=False):
        inputs = [given if given is None or given.dtype == torch.float64 else given.float() for given in (x, *others)]
        return function(*inputs).to(x.dtype)


def interpolate(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The values of x [N, C, H, W] at places [N, P], bilinear; 0 for a neighbour outside: [N, C, P]."""
    height, width = x.shape[2:]
    flat = x.flatten(2)
    top, left = rows.floor(), columns.floor()
    total = torch.zeros(1, dtype=x.dtype, device=x.device)
    for row, weight in ((top, 1 - (rows - top)), (top + 1, rows - top)):
        for column, other in ((left, 1 - (columns - left)), (left + 1, columns - left)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            place = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).long()
            value = flat.gather(2, place.unsqueeze(1).expand(-1, flat.shape[1], -1))
            total = total + value * (weight * other * inside).unsqueeze(1)
    return total


class DeformableConv(nn.Module):
    """Deformable convolution: [N, C, H, W], offsets [N, 2 * groups * area, H', W'] and perhaps a mask
    [N, groups * area, H', W'] -> [N, out, H', W']. Of two offsets the first is the row's, as in torchvision."""

    def __init__(self, op: sampling.DeformableConv, x: tuple[int, ...]) -> None:
        super().__init__()
        self.windows = op.conv().slides(x)
        self.groups, self.offset_groups = op.groups, op.offset_groups
        kernel = (self.windows[0].kernel, self.windows[1].kernel)
        like = nn.Conv2d(x[0], op.out_channels, kernel, groups=op.groups, bias=op.bias)
        self.weight, self.bias = like.weight, like.bias

    def forward(self, x: Tensor, offsets: Tensor, mask: Tensor | None = None) -> Tensor:
        return _in_single(partial(_Again.apply, self._convolve, 0), x, offsets, mask, self.weight, self.bias)

    def _convolve(self, x: Tensor, offsets: Tensor, mask: Tensor | None, weight: Tensor, bias: Tensor | None) -> Tensor:
        n, c = x.shape[:2]
        sizes = offsets.shape[2:]
        read = self._read(x, offsets, mask)  # [N, C * area, H' * W']
        area = read.shape[1] // c
        parts = read.view(n * self.groups, c // self.groups * area, -1)
        kernels = weight.view(self.groups, -1, parts.shape[1]).repeat(n, 1, 1)
        y: Tensor = torch.bmm(kernels, parts).view(n, -1, *sizes)
        return y if bias is None else y + bias.view(-1, 1, 1)

    def _read(self, x: Tensor, offsets: Tensor, mask: Tensor | None) -> Tensor:
        """What each position of each window reads: [N, C * area, H' * W']."""
        n, c = x.shape[:2]
        rows, columns = self._places(offsets)
        grouped = x.reshape(n * self.offset_groups, c // self.offset_groups, *x.shape[2:])
        values = interpolate(grouped, rows.flatten(1), columns.flatten(1))
        values = values.view(n, self.offset_groups, c // self.offset_groups, rows.shape[1], -1)
        if mask is not None:
            values = values * mask.reshape(n, self.offset_groups, 1, rows.shape[1], -1)
        return values.flatten(1, 3)

    def _places(self, offsets: Tensor) -> tuple[Tensor, Tensor]:
        """The rows and columns that are read: [N * offset groups, area, H' * W'] each."""
        high, wide = self.windows
        sizes = offsets.shape[2:]

        def grid(window: Any, size: int) -> Tensor:
            starts = torch.arange(size, device=offsets.device) * window.stride - window.before
            inside = torch.arange(window.kernel, device=offsets.device) * window.dilation
            places: Tensor = inside[:, None] + starts
            return places

        shape = (high.kernel, wide.kernel, *sizes)
        rows = grid(high, sizes[0])[:, None, :, None].expand(shape).reshape(1, -1, sizes[0] * sizes[1])
        columns = grid(wide, sizes[1])[None, :, None, :].expand(shape).reshape(1, -1, sizes[0] * sizes[1])
        pairs = offsets.reshape(-1, high.kernel * wide.kernel, 2, sizes[0] * sizes[1])
        return rows + pairs[:, :, 0], columns + pairs[:, :, 1]


class RoIAlign(nn.Module):
    """The features in boxes: [N, C, H, W] and [N, K, 4] -> [N, K, C, *output]. As in torchvision, places more than one
    position outside count 0, others outside count as the border."""

    def __init__(self, op: sampling.RoIAlign) -> None:
        super().__init__()
        self.sizes, self.samples = op.sizes(), op.samples
        self.scale, self.aligned = op.spatial_scale, op.aligned

    def forward(self, x: Tensor, boxes: Tensor) -> Tensor:
        return _in_single(partial(_Again.apply, self._align, 1), x, boxes)

    def _align(self, x: Tensor, boxes: Tensor) -> Tensor:
        n, number = boxes.shape[:2]
        height, width = x.shape[2:]
        left, top, right, bottom = (boxes.detach() * self.scale - 0.5 * self.aligned).unbind(-1)
        rows = self._places(top, bottom, self.sizes[0])  # [N, K, out * samples]
        columns = self._places(left, right, self.sizes[1])
        shape = (n, number, rows.shape[2], columns.shape[2])
        down, across = rows[..., :, None].expand(shape), columns[..., None, :].expand(shape)
        inside = (down >= -1) & (down <= height) & (across >= -1) & (across <= width)
        down, across = down.clamp(0, height - 1), across.clamp(0, width - 1)
        values = interpolate(x, down.flatten(1), across.flatten(1)).view(n, -1, *shape[1:]) * inside.unsqueeze(1)
        bins = (self.sizes[0], self.samples, self.sizes[1], self.samples)
        means = values.view(*values.shape[:3], *bins).mean((4, 6))
        return means.transpose(1, 2).contiguous()

    def _places(self, first: Tensor, last: Tensor, size: int) -> Tensor:
        """Along one axis, the places that the outputs of boxes [N, K] are means of: [N, K, size * samples]."""
        extent = last - first
        extent = extent if self.aligned else extent.clamp(min=1)
        steps = (torch.arange(size * self.samples, device=first.device) + 0.5) / (size * self.samples)
        return first[..., None] + extent[..., None] * steps


BUILDERS: Mapping[type[Op], Callable[[Any, Site], nn.Module]] = {
    sampling.DeformableConv: lambda op, site: DeformableConv(op, site.inputs[0]),
    sampling.RoIAlign: lambda op, site: RoIAlign(op),
}
