"""Where tensors go: layers that nobody reads, and layers that change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from cnncalc.check.channels import channels_out
from cnncalc.check.rule import ADVICE, Found, Subject, rule
from cnncalc.errors import Place
from cnncalc.graph import Node
from cnncalc.ops import BatchNorm, Concat, Conv, Dropout, Identity, Linear, Pad, ReLU, ReLU6
from cnncalc.ops.base import show

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
        if not subject.graph.readers[node.index] and node not in subject.outputs:
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
        if not subject.graph.readers[node.index] and node not in subject.outputs:
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
