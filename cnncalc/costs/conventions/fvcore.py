"""What `fvcore.nn.FlopCountAnalysis` counts (fvcore 0.1.5)."""

from __future__ import annotations

from cnncalc.costs.conventions.base import (
    CONVOLUTIONS,
    PRODUCTS,
    Convention,
    Counts,
    Rules,
    affine,
    macs,
    only_2d,
    per_element,
    rest,
    seen_step_by_step,
    unseen,
)
from cnncalc.ops import attention, linear, norm, pool, recurrent, sampling, shape
from cnncalc.ops.base import Site


def _upsample(site: Site) -> Counts:
    return {"upsampling": site.y * {"nearest": 1, "linear": 4, "cubic": 0}[site.op.mode]}


FVCORE: Rules = {
    **dict.fromkeys((*CONVOLUTIONS, linear.Linear, *PRODUCTS), macs),
    **dict.fromkeys(attention.KINDS, seen_step_by_step),
    **dict.fromkeys((*recurrent.KINDS, sampling.DeformableConv), unseen),
    norm.BatchNorm: affine("normalisation", 2, 1),
    norm.GroupNorm: affine("normalisation", 5, 4),
    norm.InstanceNorm: affine("normalisation", 5, 4),
    norm.LayerNorm: affine("normalisation", 5, 4),
    pool.AdaptiveAvgPool: only_2d(per_element("pooling", of="x")),
    pool.GlobalAvgPool: only_2d(per_element("pooling", of="x")),
    shape.Upsample: only_2d(_upsample),
}

CONVENTION = Convention(
    "fvcore",
    "fvcore.nn.FlopCountAnalysis: multiply-accumulates, and some layers besides",
    FVCORE,
    rest(FVCORE),
    {
        "missed": "wrong: it knows no recurrent layers, no attention in one step, no functions of one's own",
        "normalisation": "batch normalisation 2 an element (1 without scale and shift), others 5 (4)",
        "pooling": "global and adaptive average pooling: 1 for each input",
        "upsampling": "1 for each output if nearest, 4 if bilinear",
    },
)
