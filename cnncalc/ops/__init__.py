"""The kinds of operations, one file per family. `KINDS` finds a kind's class by its word in specs.

>>> KINDS["conv"]
<class 'cnncalc.ops.conv.Conv'>
"""

from __future__ import annotations

from cnncalc.ops import (
    activation,
    arithmetic,
    attention,
    conv,
    einsum,
    learnt,
    linear,
    merge,
    norm,
    opaque,
    pool,
    rearrange,
    recurrent,
    sampling,
    shape,
)
from cnncalc.ops.activation import (
    CELU,
    ELU,
    GELU,
    SELU,
    Dropout,
    HardSigmoid,
    HardSwish,
    HardTanh,
    LeakyReLU,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
)
from cnncalc.ops.arithmetic import Apply, Max, Mean, Power, Sum
from cnncalc.ops.attention import Attention, MultiheadAttention, WindowAttention
from cnncalc.ops.base import Elementwise, Extra, Input, Op, Saved, Shape
from cnncalc.ops.conv import Conv, ConvTranspose, Depthwise, Separable
from cnncalc.ops.einsum import Einsum
from cnncalc.ops.learnt import ClassToken, Embedding, Parameter, PositionEmbedding
from cnncalc.ops.linear import Linear
from cnncalc.ops.merge import Add, Concat, Divide, MatMul, Maximum, Minimum, Multiply, Stack, Subtract
from cnncalc.ops.norm import LRN, BatchNorm, GroupNorm, InstanceNorm, L2Norm, LayerNorm, RMSNorm
from cnncalc.ops.opaque import Opaque
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
from cnncalc.ops.rearrange import Permute, PixelShuffle, PixelUnshuffle, Reshape, Roll
from cnncalc.ops.recurrent import GRU, LSTM
from cnncalc.ops.sampling import DeformableConv, RoIAlign
from cnncalc.ops.shape import ChannelShuffle, Flatten, Identity, Pad, Scale, Slice, Upsample

FAMILIES: dict[str, tuple[type[Op], ...]] = {
    "Convolutions": conv.KINDS,
    "Pooling": pool.KINDS,
    "Fully connected": linear.KINDS,
    "Normalisation": norm.KINDS,
    "Activation": activation.KINDS,
    "Merging branches": merge.KINDS + einsum.KINDS,
    "Shape": shape.KINDS,
    "Order and shape": rearrange.KINDS,
    "Arithmetic": arithmetic.KINDS,
    "Learnt tensors": learnt.KINDS,
    "Attention": attention.KINDS,
    "Recurrent": recurrent.KINDS,
    "Sampling": sampling.KINDS,
    "Opaque": opaque.KINDS,
}

KINDS: dict[str, type[Op]] = {kind.kind: kind for kinds in FAMILIES.values() for kind in kinds}

__all__ = [
    "CELU",
    "ELU",
    "FAMILIES",
    "GELU",
    "GRU",
    "KINDS",
    "LRN",
    "LSTM",
    "SELU",
    "AdaptiveAvgPool",
    "AdaptiveMaxPool",
    "Add",
    "Apply",
    "Attention",
    "AttentionPool",
    "AvgPool",
    "BatchNorm",
    "BilinearPool",
    "ChannelShuffle",
    "ClassToken",
    "Concat",
    "Conv",
    "ConvTranspose",
    "DeformableConv",
    "Depthwise",
    "Divide",
    "Dropout",
    "Einsum",
    "Elementwise",
    "Embedding",
    "Extra",
    "Flatten",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "GroupNorm",
    "HardSigmoid",
    "HardSwish",
    "HardTanh",
    "Identity",
    "Input",
    "InstanceNorm",
    "L2Norm",
    "LPPool",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MatMul",
    "Max",
    "MaxPool",
    "Maximum",
    "Mean",
    "Minimum",
    "Mish",
    "MultiheadAttention",
    "Multiply",
    "Op",
    "Opaque",
    "PReLU",
    "Pad",
    "Parameter",
    "Permute",
    "PixelShuffle",
    "PixelUnshuffle",
    "PositionEmbedding",
    "Power",
    "RMSNorm",
    "ReLU",
    "ReLU6",
    "Reshape",
    "RoIAlign",
    "Roll",
    "Saved",
    "Scale",
    "Separable",
    "Shape",
    "SiLU",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Softplus",
    "Softsign",
    "Stack",
    "StochasticPool",
    "Subtract",
    "Sum",
    "Tanh",
    "Upsample",
    "WindowAttention",
]
