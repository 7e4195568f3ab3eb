"""What fits hardware badly."""

from __future__ import annotations

from collections.abc import Iterator

from cnncalc.check.channels import channels_in, channels_out
from cnncalc.check.rule import ADVICE, Found, Subject, rule
from cnncalc.ops import Conv, ConvTranspose, Linear

LANES = 8
"""Channels that go together: in half precision the tensor cores of GPUs take multiples of 8, and SIMD units of 256 bits
have 8 lanes of float32."""
SHARE = 0.02
"""A layer with a smaller share of the multiply-accumulates is not worth a word."""
WASTE = 0.10


@rule("ragged-channels", ADVICE, cheap=False)
def ragged_channels(subject: Subject) -> Iterator[Found]:
    """A layer with much of the work whose channels are no multiple of 8, so that a part of each tile of a GPU's tensor
    cores, or of the lanes of a SIMD unit, stays idle.

    It speaks of convolutions without groups and linear layers with 2 % of the multiply-accumulates or more, where
    rounding up wastes 10 % or more. The channels of an input of the network, and as many as an output has, are given
    and left out.
    """
    whole = subject.costs.macs
    given = {size for node in subject.outputs for size in (node.output[0], node.output[-1])}
    for row in subject.costs.layers:
        node = row.node
        if not isinstance(node.op, (Conv, ConvTranspose, Linear)) or getattr(node.op, "groups", 1) > 1:
            continue
        if not row.macs or row.macs < SHARE * whole:
            continue
        sides = [] if node.inputs[0].is_input else [channels_in(node)]
        sides += [] if channels_out(node) in given else [channels_out(node)]
        used = 1.0
        for channels in sides:
            used *= channels / (-(-channels // LANES) * LANES)
        if 1 - used >= WASTE:
            yield Found(
                node,
                f"'{node.name}' uses {100 * used:.0f} % of tiles of {LANES} channels",
                f"{channels_in(node):,} channels to {channels_out(node):,}",
                f"multiples of {LANES} take as long and do more",
            )
