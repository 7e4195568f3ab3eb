"""Random PyTorch modules: branches, sharing, views, functions and in-place ops, for reading and counting."""

from __future__ import annotations

import random

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Shuffle(nn.Module):
    """Channels of groups dealt out, spelt out in views."""

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class Squeeze(nn.Module):
    """Squeeze and excitation with functions."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(c, 4), nn.Linear(4, c)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.down(x.mean((2, 3))))
        return x * self.up(y).sigmoid()[:, :, None, None]


class Attend(nn.Module):
    """Attention over positions, in one of three spellings."""

    def __init__(self, c: int, way: int) -> None:
        super().__init__()
        self.qkv, self.out, self.way = nn.Linear(c, 3 * c), nn.Linear(c, c), way
        self.norm = nn.LayerNorm(c)
        self.pos = nn.Parameter(torch.zeros(1, 1, c))

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        tokens = self.norm(x.flatten(2).transpose(1, 2)) + self.pos
        q, k, v = self.qkv(tokens).reshape(n, h * w, 3, 2, c // 2).permute(2, 0, 3, 1, 4).unbind(0)
        if self.way == 0:
            y = F.scaled_dot_product_attention(q, k, v)
        elif self.way == 1:
            y = ((q * (c // 2) ** -0.5) @ k.transpose(-2, -1)).softmax(-1) @ v
        else:  # heads folded into the batch
            a, b, d = (part.reshape(n * 2, h * w, c // 2) for part in (q, k, v))
            y = torch.bmm(torch.bmm(a, b.transpose(1, 2)).softmax(2), d).view(n, 2, h * w, c // 2)
        return self.out(y.transpose(1, 2).reshape(n, h * w, c)).transpose(1, 2).reshape(n, c, h, w)


class Windows(nn.Module):
    """A linear layer on windows of the image that are folded into the batch."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.mix = nn.Linear(c, c, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        y = x.view(n, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 3, 5, 1).reshape(-1, 4, c)
        return self.mix(y).view(n, h // 2, w // 2, 2, 2, c).permute(0, 5, 1, 3, 2, 4).reshape(n, c, h, w)


class Random(nn.Module):
    """A chain of blocks, each keeping [C, H, W], with sums, joins, shared layers and functions between."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.dice = random.Random(seed)
        c = self.dice.choice([4, 8, 12])
        self.stem = nn.Conv2d(3, c, 3, padding=1)
        self.shared = nn.Sequential(nn.Conv2d(c, c, 1), nn.BatchNorm2d(c))
        self.blocks = nn.ModuleList(self.block(c) for _ in range(self.dice.randint(1, 5)))
        self.ways = [self.dice.randint(0, 7) for _ in self.blocks]
        self.scale = nn.Parameter(torch.ones(c, 1, 1))
        self.head = nn.Linear(c, 5)

    def block(self, c: int) -> nn.Module:
        """One of the blocks."""
        d = self.dice
        made = [
            lambda: nn.Conv2d(
                c, c, d.choice([1, 3, 5]), padding="same", groups=d.choice([1, 2, c]), bias=d.random() < 0.5
            ),
            lambda: nn.Sequential(
                nn.Conv2d(c, 2 * c, 3, padding=1, stride=2), nn.ReLU(True), nn.ConvTranspose2d(2 * c, c, 2, 2)
            ),
            lambda: nn.Sequential(nn.GroupNorm(2, c), nn.SiLU(), nn.Dropout(0.1)),
            lambda: nn.Sequential(nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode=d.choice(["nearest", "bilinear"]))),
            lambda: nn.Sequential(nn.AvgPool2d(3, 1, 1), nn.Hardswish(inplace=True), nn.PReLU()),
            lambda: nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4 * c, 4 * c, 1), nn.PixelShuffle(2)),
            Shuffle,
            lambda: Squeeze(c),
            lambda: Attend(c, d.randint(0, 2)),
            lambda: Windows(c),
            lambda: nn.InstanceNorm2d(c, affine=True),
        ]
        return d.choice(made)()

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu_(self.stem(x))
        for block, way in zip(self.blocks, self.ways, strict=True):
            y = block(x)
            if way == 0:
                x = x + y
            elif way == 1:
                x = self.shared(y)
            elif way == 2:
                x = torch.cat([a - b for a, b in zip(x.chunk(2, 1), y.chunk(2, 1), strict=True)], 1)
            elif way == 3:
                x = torch.maximum(x, y * self.scale)
            elif way == 4:
                x = (x * 0.5).add_(F.gelu(y))
            elif way == 5:
                x = F.pad(y, (1, 1, 1, 1))[:, :, 1:-1, 1:-1]
            else:
                x = y
        return self.head(x.mean(dim=(-2, -1)))
