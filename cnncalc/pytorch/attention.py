"""Modules of attention: the bare product, multi-head with its projections, and in windows; and how each is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnncalc.ops import attention
from cnncalc.ops.base import Op, Site


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    heads: int,
    kv_heads: int,
    *,
    fused: bool,
    causal: bool = False,
    scale: float | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """Attention of [N, T, heads * d], [N, S, kv_heads * d] and [N, S, kv_heads * dv]: [N, T, heads * dv].

    `fused` runs it in PyTorch's one step; else step by step, with a `bias` added to the scores [N, heads, T, S].
    """
    q, k, v = _by_heads(q, heads), _by_heads(k, kv_heads), _by_heads(v, kv_heads)
    if fused:
        grouped = heads != kv_heads
        y = F.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=scale, enable_gqa=grouped)
        return y.transpose(1, 2).flatten(2)
    q, k, v = q.clone(memory_format=torch.contiguous_format), _spread(k, heads), _spread(v, heads)
    scores = torch.matmul(q, k.transpose(-2, -1)) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if bias is not None:
        scores = scores + bias
    if causal:
        hidden = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores = scores + torch.zeros_like(hidden, dtype=scores.dtype).masked_fill(hidden, float("-inf"))
    return torch.matmul(scores.softmax(-1), v).transpose(1, 2).flatten(2)


def _by_heads(x: Tensor, heads: int) -> Tensor:
    """[N, T, heads * d] as [N, heads, T, d]."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)


def _spread(x: Tensor, heads: int) -> Tensor:
    """A copy of [N, kv_heads, T, d] for as many heads."""
    if x.shape[1] == heads:
        return x.clone(memory_format=torch.contiguous_format)
    return x.repeat_interleave(heads // x.shape[1], 1)


class Attention(nn.Module):
    """The bare product of queries, keys and values."""

    def __init__(self, op: attention.Attention, fused: bool) -> None:
        super().__init__()
        self.heads, self.kv_heads = op.heads, op.kv_heads or op.heads
        self.causal, self.scale, self.fused = op.causal, op.factor, fused

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return attend(q, k, v, self.heads, self.kv_heads, fused=self.fused, causal=self.causal, scale=self.scale)

    def extra_repr(self) -> str:
        return f"heads={self.heads}, kv_heads={self.kv_heads}, causal={self.causal}"


class MultiheadAttention(nn.Module):
    """Self-attention with its projections, `qkv` and `proj`: [N, T, C] -> [N, T, features]."""

    def __init__(self, op: Any, features: int) -> None:
        super().__init__()
        self.heads = op.heads
        self.kv_heads, d, dv = op.sizes(features)
        self.widths = (self.heads * d, self.kv_heads * d, self.kv_heads * dv)
        self.fused = op.fused(features)
        self.causal = getattr(op, "causal", False)
        self.qkv = nn.Linear(features, sum(self.widths), bias=op.bias)
        self.proj = nn.Linear(self.heads * dv, op.features or features, bias=op.out_bias)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        q, k, v = self.qkv(x).split(self.widths, -1)
        attended = attend(q, k, v, self.heads, self.kv_heads, fused=self.fused, causal=self.causal, bias=bias)
        y: Tensor = self.proj(attended)
        return y


class WindowAttention(MultiheadAttention):
    """Self-attention within windows of an image: [N, C, H, W] -> [N, features, H, W].

    `offsets` [relative positions, heads] holds the learnt biases.
    """

    index: Tensor
    mask: Tensor | None

    def __init__(self, op: attention.WindowAttention, shape: tuple[int, ...]) -> None:
        super().__init__(op, shape[0])
        self.window, self.counts = op.window_sizes(), op.counts(shape)
        self.shift, self.grid = op.shifts(shape), op.grid
        self.padding = tuple(padded - n for padded, n in zip(op.padded(shape)[1:], shape[1:], strict=True))
        self.offsets = nn.Parameter(torch.zeros(op.offsets(), op.heads)) if op.relative else None
        signed = op.relative != "distance"
        self.register_buffer("index", _relative_index(self.window, signed), persistent=False)
        self.register_buffer("mask", self._mask() if any(self.shift) else None, persistent=False)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        n, _, height, width = x.shape
        if any(self.padding):
            x = F.pad(x, (0, self.padding[1], 0, self.padding[0]))
        if any(self.shift):
            x = torch.roll(x, (-self.shift[0], -self.shift[1]), (2, 3))
        y = self._image(super().forward(self._windows(x), self._bias(n)), n)
        if any(self.shift):
            y = torch.roll(y, self.shift, (2, 3))
        return y[:, :, :height, :width].contiguous()

    def _bias(self, n: int) -> Tensor | None:
        """What is added to the scores: [heads, T, T], or one for each window of n images."""
        bias = None if self.offsets is None else self.offsets[self.index].permute(2, 0, 1)
        if self.mask is None:
            return bias
        masks = self.mask.repeat(n, 1, 1).unsqueeze(1)
        return masks if bias is None else bias + masks

    def _windows(self, x: Tensor) -> Tensor:
        """The tokens of each window: [N * windows, T, C]."""
        (rows, columns), (height, width) = self.counts, self.window
        n, c = x.shape[:2]
        if self.grid:
            parts = x.view(n, c, height, rows, width, columns).permute(0, 3, 5, 2, 4, 1)
        else:
            parts = x.view(n, c, rows, height, columns, width).permute(0, 2, 4, 3, 5, 1)
        return parts.clone(memory_format=torch.contiguous_format).view(-1, height * width, c)

    def _image(self, tokens: Tensor, n: int) -> Tensor:
        """The image of the windows' tokens: [N, C, H, W]."""
        (rows, columns), (height, width) = self.counts, self.window
        parts = tokens.view(n, rows, columns, height, width, -1)
        order = (0, 5, 3, 1, 4, 2) if self.grid else (0, 5, 1, 3, 2, 4)
        return parts.permute(order).flatten(4, 5).flatten(2, 3)

    def _mask(self) -> Tensor:
        """What hides from each other what a shift has put into one window from two sides: [windows, T, T]."""
        regions = torch.zeros(1, 1, *(number * w for number, w in zip(self.counts, self.window, strict=True)))
        for axis, (w, shift) in enumerate(zip(self.window, self.shift, strict=True)):
            if shift:
                size = regions.shape[2 + axis]
                regions.narrow(2 + axis, size - w, w - shift).add_(10**axis)
                regions.narrow(2 + axis, size - shift, shift).add_(2 * 10**axis)
        tokens = self._windows(regions).squeeze(-1)
        apart = tokens.unsqueeze(1) != tokens.unsqueeze(2)
        return torch.zeros(apart.shape).masked_fill(apart, -100.0)


def _relative_index(window: tuple[int, ...], signed: bool) -> Tensor:
    """For each pair of a window's positions, the number of their relative position, or of their distance if it is not
    `signed`: [T, T]."""
    height, width = window
    places = torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")).flatten(1)
    apart = places[:, :, None] - places[:, None, :]
    if not signed:
        return apart[0].abs() * width + apart[1].abs()
    return (apart[0] + height - 1) * (2 * width - 1) + apart[1] + width - 1


def _attention(op: attention.Attention, site: Site) -> nn.Module:
    return Attention(op, attention.is_fused(site.symbols["d"], site.symbols["dv"]))


BUILDERS: Mapping[type[Op], Callable[[Any, Site], nn.Module]] = {
    attention.Attention: _attention,
    attention.MultiheadAttention: lambda op, site: MultiheadAttention(op, site.inputs[0][1]),
    attention.WindowAttention: lambda op, site: WindowAttention(op, site.inputs[0]),
}
