"""Where tensors go: layers that nobody reads, layers that change nothing, and layers that take the axis of a sequence's
positions for that of its channels."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from cnncalc.check.rule import ADVICE, Found, Subject, rule
from cnncalc.errors import Place
from cnncalc.graph import Node
from cnncalc.ops import Add, BatchNorm, Concat, Conv, Dropout, Identity, Linear, Multiply, Pad, ReLU, ReLU6
from cnncalc.ops.base import Elementwise, count, show

_LINEAR = (Conv, Linear)
_BETWEEN = (BatchNorm, Identity, Dropout)
"""Layers between two linear ones that leave them linear at inference."""


@rule("unread")
def unread(subject: Subject) -> Iterator[Found]:
    """A layer whose output no other layer reads, and which is no output of the network.

    Its work is done for nothing, and counted. Often a `from` is wrong, or a branch was meant to be merged. Where it is
    a result of the network, make it a `head`, or name it under `outputs`.
    """
    for node in subject.graph.layers:
        if not subject.readers[node.index] and node not in subject.outputs:
            yield Found(
                node,
                f"nothing reads the output of '{node.name}'",
                f"{show(node.output)}, and no output of the network",
                "read it with 'from', make it a head, name it under 'outputs', or leave it out",
            )


@rule("unread-input")
def unread_input(subject: Subject) -> Iterator[Found]:
    """An input of the network that no layer reads."""
    for node in subject.graph.inputs:
        if not subject.readers[node.index] and node not in subject.outputs:
            hint = "read it with 'from', or leave it out"
            yield Found(node, f"nothing reads the input '{node.name}'", "", hint)


@rule("idle", ADVICE)
def idle(subject: Subject) -> Iterator[Found]:
    """A layer that leaves every number as it was: a `dropout` of 0, a `relu` of what is no longer negative, a merge of
    one branch by `add` or `multiply`.

    It costs time and memory on most machines, and is seldom meant: a variable may be 0, or a branch may have been
    left out by its `when`. A merge that stands in a block and has all its branches at another of its calls is as it
    should be: so are shortcuts written that exist only where the shapes agree.
    """
    merging = {_line(node) for node in subject.graph.layers if len(node.inputs) > 1}
    for node in subject.graph.layers:
        op = node.op
        if isinstance(op, Dropout) and op.p == 0:
            yield Found(node, f"'{node.name}' drops nothing: its p is 0", "", "leave it out")
        elif isinstance(op, ReLU) and isinstance(node.inputs[0].op, (ReLU, ReLU6)):
            yield Found(node, f"'{node.name}' is a relu of a relu", "", "leave one of them out")
        elif op.arity is None and len(node.inputs) == 1 and not isinstance(op, Concat) and _line(node) not in merging:
            what = f"'{node.name}' is {op.kind} of one branch"
            yield Found(node, what, "", "give it the branch that is missing: [] is the identity")


def _line(node: Node) -> tuple[str, int, int] | None:
    """Where a layer is written down, if it is."""
    place = node.origin
    return (place.source.name, place.line, place.column) if isinstance(place, Place) else None


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


@rule("rank")
def rank(subject: Subject) -> Iterator[Found]:
    """A convolution or linear layer wider than what follows can use: with nothing nonlinear between, what the second
    gives out is a linear function of its input, and cannot tell more channels apart than it has itself.

    A convolution to 512 channels, followed by a 1x1 convolution to 64 without an activation between, could have had 64
    channels from the start. Often an activation was forgotten.
    """
    for node in subject.graph.layers:
        if not isinstance(node.op, _LINEAR) or (isinstance(node.op, Conv) and node.op.groups > 1):
            continue
        reader = subject.only_reader(node)
        while reader is not None and isinstance(reader.op, _BETWEEN):
            reader = subject.only_reader(reader)
        if reader is None or not isinstance(reader.op, _LINEAR) or _grouped(reader):
            continue
        usable = channels_out(reader) * _taps(reader)
        if channels_out(node) > usable:
            yield Found(
                node,
                f"'{node.name}' has {channels_out(node):,} channels, of which '{reader.name}' can use {usable:,}",
                "no activation stands between them",
                f"put one between them, or make it {usable:,} channels wide",
            )


def channels_out(node: Node) -> int:
    """The channels that a convolution or linear layer gives: of a sequence [T, C] they are the last axis."""
    return node.output[-1] if isinstance(node.op, Linear) else node.output[0]


def channels_in(node: Node) -> int:
    """The channels that a convolution or linear layer reads."""
    return node.input_shapes[0][-1 if isinstance(node.op, Linear) else 0]


def _grouped(node: Node) -> bool:
    return isinstance(node.op, Conv) and node.op.groups > 1


def _taps(node: Node) -> int:
    """The positions that a unit of a layer reads."""
    if not isinstance(node.op, Conv):
        return 1
    kernel = node.op.kernel
    return prod(kernel) if isinstance(kernel, tuple) else kernel ** (len(node.output) - 1)


@rule("bias-before-norm")
def bias_before_norm(subject: Subject) -> Iterator[Found]:
    """A convolution or linear layer with a bias, and batch normalisation right after it.

    Batch normalisation takes the mean of each channel away, and with it the bias; it has a shift of its own. The
    parameters are trained for nothing. Write `bias: false`.
    """
    for node in subject.graph.layers:
        if not getattr(node.op, "bias", False):
            continue
        reader = subject.only_reader(node)
        if reader is not None and isinstance(reader.op, BatchNorm):
            yield Found(
                node,
                f"the bias of '{node.name}' is lost in the batch normalisation after it",
                "",
                "write bias: false",
            )


@rule("pad-before-conv", ADVICE)
def pad_before_conv(subject: Subject) -> Iterator[Found]:
    """Zeros put around the image by a `pad` right before a convolution, which could do so itself.

    The convolution's own `padding` gives the same numbers, and no padded copy of the image is written and read.
    """
    for node in subject.graph.layers:
        if not isinstance(node.op, Pad) or any(node.op.channels):
            continue
        reader = subject.only_reader(node)
        pads = node.op.pads(node.inputs[0].output)
        if reader is not None and isinstance(reader.op, Conv) and min(map(min, pads)) >= 0:
            hint = f"give '{reader.name}' the padding: {[list(pair) for pair in pads]} more"
            yield Found(node, f"'{node.name}' copies the image only to pad it for a convolution", "", hint)
