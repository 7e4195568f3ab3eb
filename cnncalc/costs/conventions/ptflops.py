"""What `ptflops.get_model_complexity_info` counts, with its default back end (ptflops 0.7.5)."""

from __future__ import annotations

from cnncalc.costs.conventions.base import (
    Convention,
    Counts,
    Rule,
    Rules,
    affine,
    macs,
    modules_macs,
    per_element,
    projection_biases,
    recurrent_by_gates,
    rest,
    seen_step_by_step,
)
from cnncalc.formula import prod
from cnncalc.ops import activation, attention, conv, einsum, linear, merge, norm, pool, recurrent, sampling, shape
from cnncalc.ops.base import Site
from cnncalc.ops.window import covered_elements


def _conv(site: Site) -> Counts:
    counts = modules_macs(site)
    bias = 0 if "missed" in counts and not isinstance(site.op, conv.Separable) else site.count("add")
    return {**counts, "bias": bias}


def _linear(site: Site) -> Counts:
    return {**macs(site), "bias": site.count("add")}


def _max_pool(site: Site) -> Counts:
    windows = site.op.slides(site.inputs[0])
    if site.op.saved(site.inputs, site.output, (True,)).inputs:
        return {"pooling": site.x, "twice": site.x}
    return {"pooling": covered_elements(site.inputs[0], windows, site.output)}


def _lp_pool(site: Site) -> Counts:
    """The average pool of the powers, of the padded image where a window reaches past it; the root's ReLU."""
    x = site.inputs[0]
    pooled = covered_elements(x, site.op.slides(x), site.output) if site.op.padded(x, site.output) else site.x
    return {"pooling": pooled + site.y, "activation": site.y}


def _stochastic_pool(site: Site) -> Counts:
    """Two average pools: of the inputs that the windows cover, and of their squares."""
    return {"pooling": 2 * covered_elements(site.inputs[0], site.op.slides(site.inputs[0]), site.output)}


def _lrn(site: Site) -> Counts:
    padded = (site.output[0] + site.op.size - 1) * prod(site.output[1:])
    return {"normalisation": 3 * site.y, "pooling": padded}


def _attention(site: Site) -> Counts:
    return {**macs(site), "bias": prod(site.inputs[0][1:])}


def _projected(site: Site) -> Counts:
    return {**seen_step_by_step(site), "bias": projection_biases(site)}


_TWICE_X: Rule = lambda site: {"pooling": site.x, "twice": site.x}  # noqa: E731
_TWICE_Y: Rule = lambda site: {"activation": site.y, "twice": site.y}  # noqa: E731

PTFLOPS: Rules = {
    conv.Conv: _conv,
    conv.Depthwise: _conv,
    conv.Separable: _conv,
    conv.ConvTranspose: _linear,
    linear.Linear: _linear,
    pool.AttentionPool: _attention,
    pool.BilinearPool: macs,
    merge.MatMul: macs,
    einsum.Einsum: macs,
    attention.Attention: seen_step_by_step,
    attention.MultiheadAttention: _projected,
    attention.WindowAttention: _projected,
    **dict.fromkeys(recurrent.KINDS, recurrent_by_gates(10, 7)),
    sampling.DeformableConv: macs,
    norm.BatchNorm: affine("normalisation", 2, 1),
    norm.GroupNorm: affine("normalisation", 2, 1),
    norm.InstanceNorm: affine("normalisation", 2, 1),
    norm.LayerNorm: lambda site: {"normalisation": site.y * (site.op.over != "channels" or not site.dimensions)},
    norm.LRN: _lrn,
    activation.ReLU: _TWICE_Y,
    activation.PReLU: _TWICE_Y,
    activation.ELU: _TWICE_Y,
    activation.GELU: _TWICE_Y,
    activation.ReLU6: per_element("activation"),
    activation.LeakyReLU: per_element("activation"),
    activation.SiLU: per_element("activation"),
    activation.Softmax: per_element("activation"),
    pool.MaxPool: _max_pool,
    pool.AvgPool: _max_pool,
    pool.AdaptiveAvgPool: _TWICE_X,
    pool.AdaptiveMaxPool: _TWICE_X,
    pool.GlobalAvgPool: _TWICE_X,
    pool.GlobalMaxPool: _TWICE_X,
    pool.LPPool: _lp_pool,
    pool.StochasticPool: _stochastic_pool,
    shape.Upsample: lambda site: {"upsampling": site.y, "twice": site.y},
}

CONVENTION = Convention(
    "ptflops",
    "ptflops.get_model_complexity_info, its default back end",
    PTFLOPS,
    rest(PTFLOPS),
    {
        "bias": "1 for each output",
        "gates": "10 for each hidden feature of an LSTM, 7 of a GRU",
        "normalisation": "2 an element (1 without scale and shift); LRN's squares, factor and sum",
        "activation": "1 an element, of the activations that it knows",
        "pooling": "1 for each input",
        "upsampling": "1 for each output",
        "twice": "wrong: it counts the module, and again the function that the module calls",
        "missed": "wrong: it knows modules by their exact class, and not PyTorch's attention in one step",
    },
    per_image=True,
)
