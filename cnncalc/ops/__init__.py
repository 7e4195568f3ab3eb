"""The kinds of operations, one file per family. `KINDS` finds a kind's class by its word in specs.

>>> KINDS["conv"]
<class 'cnncalc.ops.conv.Conv'>
"""

from __future__ import annotations

from cnncalc.ops import activation, conv, linear, merge, norm, pool, shape
from cnncalc.ops.activation import (
    GELU,
    Dropout,
    HardSigmoid,
    HardSwish,
    LeakyReLU,
    LogSoftmax,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
)
from cnncalc.ops.base import Elementwise, Extra, Input, Op, Saved, Shape
from cnncalc.ops.conv import Conv, ConvTranspose, Depthwise, Separable
from cnncalc.ops.linear import Linear
from cnncalc.ops.merge import Add, Concat, Multiply
from cnncalc.ops.norm import LRN, BatchNorm, GroupNorm, L2Norm, LayerNorm
from cnncalc.ops.pool import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AttentionPool,
    AvgPool,
    BilinearPool,
    GlobalAvgPool,
    GlobalMaxPool,
    LPPool,
    MaxPool,
    StochasticPool,
)
from cnncalc.ops.shape import ChannelShuffle, Flatten, Identity, Pad, Scale, Slice, Upsample

FAMILIES: dict[str, tuple[type[Op], ...]] = {
    "Convolutions": conv.KINDS,
    "Pooling": pool.KINDS,
    "Fully connected": linear.KINDS,
    "Normalisation": norm.KINDS,
    "Activation": activation.KINDS,
    "Merging branches": merge.KINDS,
    "Shape": shape.KINDS,
}

KINDS: dict[str, type[Op]] = {kind.kind: kind for kinds in FAMILIES.values() for kind in kinds}

__all__ = [
    "FAMILIES",
    "GELU",
    "KINDS",
    "LRN",
    "AdaptiveAvgPool",
    "AdaptiveMaxPool",
    "Add",
    "AttentionPool",
    "AvgPool",
    "BatchNorm",
    "BilinearPool",
    "ChannelShuffle",
    "Concat",
    "Conv",
    "ConvTranspose",
    "Depthwise",
    "Dropout",
    "Elementwise",
    "Extra",
    "Flatten",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "GroupNorm",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "Input",
    "L2Norm",
    "LPPool",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MaxPool",
    "Multiply",
    "Op",
    "PReLU",
    "Pad",
    "ReLU",
    "ReLU6",
    "Saved",
    "Scale",
    "Separable",
    "Shape",
    "SiLU",
    "Sigmoid",
    "Slice",
    "Softmax",
    "StochasticPool",
    "Tanh",
    "Upsample",
]
