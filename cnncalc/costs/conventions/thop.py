"""What `thop.profile` counts (thop 0.1.1)."""

from __future__ import annotations

from cnncalc.costs.conventions.base import (
    Convention,
    Counts,
    Each,
    Rules,
    affine,
    macs,
    modules_macs,
    per_element,
    recurrent_by_gates,
    rest,
    unseen,
    unseen_products,
)
from cnncalc.formula import prod
from cnncalc.ops import activation, attention, conv, einsum, linear, merge, norm, pool, recurrent, sampling, shape
from cnncalc.ops.base import Site


def _transposed(site: Site) -> Counts:
    """thop multiplies the kernel with the outputs, as for an ordinary convolution."""
    kind = site.op
    counted = site.y * (site.inputs[0][0] // kind.groups) * prod(site.symbols["k"])
    return {**macs(site), "output size": counted - site.count("mac")}


def _adaptive(site: Site) -> Counts:
    """(Window + 1) for each output, the window being the mean one; in floating point, then cut to an integer."""
    window = 1.0
    for n, m in zip(site.inputs[0][1:], site.output[1:], strict=True):
        window *= n / m
    return {"pooling": Each(window + 1, site.y)}


def _softmax(site: Site) -> Counts:
    channels = site.output[site.op.axis]
    return {"activation": site.y // channels * (3 * channels - 1)}


def _upsample(site: Site) -> Counts:
    times = {"nearest": 1, "linear": {1: 5, 2: 11}.get(site.dimensions, 0), "cubic": 224 + 35}[site.op.mode]
    return {"upsampling": times * site.y}


def _attention(site: Site) -> Counts:
    """The scores; the weighted sum is a function that thop does not see."""
    return {**macs(site), "missed": -site.count("mac") // 2}


THOP: Rules = {
    conv.Conv: modules_macs,
    conv.Depthwise: modules_macs,
    conv.Separable: modules_macs,
    conv.ConvTranspose: _transposed,
    linear.Linear: macs,
    pool.AttentionPool: _attention,
    pool.BilinearPool: lambda site: {**macs(site), "missed": -site.count("mac")},
    merge.MatMul: lambda site: {**macs(site), "missed": -site.count("mac")},
    einsum.Einsum: lambda site: {**macs(site), "missed": -site.count("mac")},
    **dict.fromkeys(attention.KINDS, unseen_products),
    **dict.fromkeys(recurrent.KINDS, recurrent_by_gates(8, 7)),
    sampling.DeformableConv: unseen,
    norm.BatchNorm: affine("normalisation", 4, 2),
    norm.InstanceNorm: affine("normalisation", 4, 2),
    norm.LayerNorm: lambda site: (
        affine("normalisation", 4, 2)(site) if site.op.over != "channels" or not site.dimensions else {}
    ),
    activation.PReLU: per_element("activation"),
    activation.Softmax: _softmax,
    pool.AvgPool: lambda site: {"pooling": site.y} if site.op.saved(site.inputs, site.output, (True,)).inputs else {},
    pool.AdaptiveAvgPool: _adaptive,
    pool.GlobalAvgPool: _adaptive,
    shape.Upsample: _upsample,
}

CONVENTION = Convention(
    "thop",
    "thop.profile",
    THOP,
    rest(THOP),
    {
        "bias": "those of recurrent layers: two for each gate",
        "gates": "8 for each hidden feature of an LSTM, 7 of a GRU",
        "normalisation": "4 an element (2 without scale and shift)",
        "activation": "PReLU 1 an element, softmax 3 but 1 a position",
        "pooling": "average pooling 1 for each output; adaptive, the mean window and 1",
        "upsampling": "1 for each output if nearest, 11 if bilinear, 259 if bicubic",
        "output size": "wrong: it multiplies the kernel with the outputs, which a stride makes too many",
        "missed": "wrong: it knows modules by their exact class, and sees no functions",
    },
)
