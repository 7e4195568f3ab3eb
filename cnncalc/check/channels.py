"""Which axis are the channels: the first of a map, the last of a sequence; and layers that take the other one."""

from __future__ import annotations

from collections.abc import Iterator

from cnncalc.check.rule import Found, Subject, rule
from cnncalc.graph import Node
from cnncalc.ops import Add, Linear, Multiply
from cnncalc.ops.base import Elementwise, count, show


def channels_out(node: Node) -> int:
    """The channels that a convolution or linear layer gives: of a sequence [T, C] they are the last axis."""
    return node.output[-1] if isinstance(node.op, Linear) else node.output[0]


def channels_in(node: Node) -> int:
    """The channels that a convolution or linear layer reads."""
    return node.input_shapes[0][-1 if isinstance(node.op, Linear) else 0]


@rule("sequence-axis")
def sequence_axis(subject: Subject) -> Iterator[Found]:
    """A layer that takes the first axis of a sequence [T, C] for the channels, between layers that take the last.

    `linear`, attention, `embedding` and recurrent layers read and give sequences [T, C]. Convolutions, poolings,
    `scale` and normalisation take the first axis of any tensor for its channels: on a sequence those are its T
    positions, and the counts are of another network. `layernorm` and `rmsnorm` say `over: last`; `mean: 0` takes the
    positions away; before the others `permute: [1, 0]` makes [C, T].
    """
    asked = [
        node
        for node in subject.graph.layers
        if len(node.output) == 2
        and node.op.kind in _CHANNELS_FIRST
        and len(node.inputs[0].output) == 2
        and getattr(node.op, "over", "channels") == "channels"
    ]
    sequences = _sequences(subject) if asked else set()
    for node in asked:
        if node.inputs[0] not in sequences:
            continue
        positions, channels = node.inputs[0].output
        yield Found(
            node,
            f"'{node.name}' takes the {count(positions, 'position')} of a sequence for channels",
            f"{show(node.inputs[0].output)}: {count(positions, 'position')} of {count(channels, 'channel')}",
            _CHANNELS_FIRST[node.op.kind],
        )


_CHANNELS_LAST = ("linear", "multihead_attention", "attention", "embedding", "lstm", "gru")
"""The kinds that read or give sequences [T, C]."""
_PERMUTE = "permute: [1, 0] before it makes [C, T]"
_CHANNELS_FIRST = {
    **dict.fromkeys(("layernorm", "rmsnorm"), "write over: last"),
    **dict.fromkeys(("global_avgpool", "global_maxpool"), "mean: 0, or max: 0, takes the positions away"),
    **dict.fromkeys(("batchnorm", "groupnorm", "instancenorm", "scale", "conv", "depthwise", "separable"), _PERMUTE),
}
"""The kinds that take the first axis for the channels, and what is meant instead."""


def _sequences(subject: Subject) -> set[Node]:
    """The nodes that give a sequence [T, C] to a layer that reads one, or have it of one that gives one; layers element
    by element between them pass it on."""
    found: set[Node] = set()
    for node in subject.graph.layers:
        passed = isinstance(node.op, (Elementwise, Add, Multiply)) and any(source in found for source in node.inputs)
        if len(node.output) == 2 and (node.op.kind in _CHANNELS_LAST or passed):
            found.add(node)
    for node in reversed(subject.graph.layers):
        reads = node.op.kind in _CHANNELS_LAST
        if reads or (isinstance(node.op, (Elementwise, Add, Multiply)) and node in found):
            found.update(source for source in node.inputs if len(source.output) == 2)
    return found
