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
    rest,
)
from cnncalc.formula import prod
from cnncalc.ops import activation, conv, linear, norm, pool, shape
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
    channels = site.output[0]
    return {"activation": site.y // channels * (3 * channels - 1)}


def _upsample(site: Site) -> Counts:
    times = 1 if site.op.mode == "nearest" else {1: 5, 2: 11}.get(site.dimensions, 0)
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
    norm.BatchNorm: affine("normalisation", 4, 2),
    norm.LayerNorm: lambda site: (
        affine("normalisation", 4, 2)(site) if site.op.over == "all" or not site.dimensions else {}
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
        "normalisation": "4 an element (2 without scale and shift)",
        "activation": "PReLU 1 an element, softmax 3 but 1 a position",
        "pooling": "average pooling 1 for each output; adaptive, the mean window and 1",
        "upsampling": "1 for each output if nearest, 11 if bilinear",
        "output size": "wrong: it multiplies the kernel with the outputs, which a stride makes too many",
        "missed": "wrong: it knows modules by their exact class, and sees no functions",
    },
)
