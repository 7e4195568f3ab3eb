"""What `torchinfo.summary` prints as total mult-adds (torchinfo 1.8.0)."""

from __future__ import annotations

from cnncalc.costs.conventions.base import Convention, Counts, Rules, macs, recurrent_by_gates, rest, unseen_products
from cnncalc.formula import prod
from cnncalc.ops import (
    activation,
    attention,
    conv,
    einsum,
    learnt,
    linear,
    merge,
    norm,
    pool,
    recurrent,
    sampling,
    shape,
)
from cnncalc.ops.base import Site


def _conv(site: Site) -> Counts:
    """Parameters, biases too, times the output's positions."""
    return {**macs(site), "bias": site.count("add")}


def _transposed(site: Site) -> Counts:
    weights = site.count("params") - site.op.bias * site.output[0]
    counted = weights * prod(site.output[1:])
    return {**macs(site), "output size": counted - site.count("mac"), "bias": site.count("add")}


def _linear(site: Site) -> Counts:
    """Parameters, wherever they are applied."""
    biases = site.output[-1] * site.op.bias
    return {**macs(site), "positions": site.count("weights") - site.count("mac"), "bias once": biases}


def _attention(site: Site) -> Counts:
    """The scores, with their bias; the weighted sum is a function that torchinfo does not see."""
    return {**macs(site), "missed": -site.count("mac") // 2, "bias": prod(site.inputs[0][1:])}


def _parameters(site: Site) -> Counts:
    return {"parameters": site.count("params")}


def _projected(site: Site) -> Counts:
    """The parameters of the projections, for each window."""
    windows, each, _ = site.op.tokens(site.inputs[0])
    sizes = site.symbols
    biases = sizes["qkv"] * sizes["bias"] + sizes["e"] * sizes["out_bias"]
    return {
        **unseen_products(site),
        "positions": site.count("weights") * windows * (1 - each),
        "bias once": biases * windows,
    }


TORCHINFO: Rules = {
    conv.Conv: _conv,
    conv.Depthwise: _conv,
    conv.Separable: _conv,
    conv.ConvTranspose: _transposed,
    linear.Linear: _linear,
    pool.AttentionPool: _attention,
    pool.BilinearPool: lambda site: {**macs(site), "missed": -site.count("mac")},
    merge.MatMul: lambda site: {**macs(site), "missed": -site.count("mac")},
    einsum.Einsum: lambda site: {**macs(site), "missed": -site.count("mac")},
    attention.Attention: unseen_products,
    attention.MultiheadAttention: _projected,
    attention.WindowAttention: _projected,
    **dict.fromkeys(recurrent.KINDS, recurrent_by_gates(0, 0)),
    sampling.DeformableConv: lambda site: {**macs(site), "bias": site.y * site.op.bias},
    learnt.Embedding: _parameters,
    norm.BatchNorm: _parameters,
    norm.GroupNorm: _parameters,
    norm.LayerNorm: _parameters,
    norm.RMSNorm: _parameters,
    norm.InstanceNorm: _parameters,
    activation.PReLU: _parameters,
    shape.Scale: _parameters,
}

CONVENTION = Convention(
    "torchinfo",
    "torchinfo.summary: total mult-adds",
    TORCHINFO,
    rest(TORCHINFO),
    {
        "bias": "parameters times output positions, so 1 for each output of a convolution, 2 for each gate",
        "bias once": "parameters, so 1 for each bias of a linear layer",
        "parameters": "wrong: 1 a parameter, whatever the size of the image",
        "output size": "wrong: it multiplies the kernel with the outputs, which a stride makes too many",
        "positions": "wrong: it counts a linear layer once, at however many positions it is applied",
        "missed": "wrong: it sees modules with parameters alone",
    },
)
