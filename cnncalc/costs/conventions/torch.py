"""What `torch.utils.flop_counter.FlopCounterMode` counts (torch 2.13)."""

from __future__ import annotations

from cnncalc.costs.conventions.base import CONVOLUTIONS, PRODUCTS, Convention, Counts, Rules, macs, rest
from cnncalc.ops import linear
from cnncalc.ops.base import Site


def _twice(site: Site) -> Counts:
    return {**macs(site), "additions": site.count("mac")}


TORCH: Rules = dict.fromkeys((*CONVOLUTIONS, linear.Linear, *PRODUCTS), _twice)

CONVENTION = Convention(
    "torch",
    "torch.utils.flop_counter.FlopCounterMode: two for each multiply-accumulate",
    TORCH,
    rest(TORCH),
    {
        "additions": "a multiply-accumulate is two operations",
    },
)
