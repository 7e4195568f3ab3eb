"""What papers count: the multiply-accumulates of convolutions, linear layers and other matrix products."""

from __future__ import annotations

from cnncalc.costs.conventions.base import CONVOLUTIONS, PRODUCTS, Convention, Rules, macs, rest
from cnncalc.ops import linear, opaque

PAPER: Rules = dict.fromkeys((*CONVOLUTIONS, linear.Linear, *PRODUCTS, opaque.Opaque), macs)

CONVENTION = Convention(
    "paper",
    "multiply-accumulates of convolutions and linear layers, as papers count",
    PAPER,
    rest(PAPER),
)
