"""What layers see: positions that no unit reads, weights that see only padding, branches out of step, fields too small
for what they are to see."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from cnncalc.check.rule import ADVICE, Found, Subject, rule
from cnncalc.graph import Node
from cnncalc.ops import Conv, Depthwise, Separable
from cnncalc.ops.base import show
from cnncalc.ops.sight import Binned, Reach, Resampled, Sliding, Spread, Window
from cnncalc.ops.window import dimension_names

MOST = 100_000
"""Positions along an axis, and steps over them, that are looked at."""


@rule("unseen")
def unseen(subject: Subject) -> Iterator[Found]:
    """Rows or columns of a layer's output that no layer after it sees: a stride larger than the kernel of each, or one
    that stops before the end.

    A 1x1 convolution of stride 2 reads a quarter of the positions. As a shortcut beside layers that see all, nothing is
    lost, and this rule says nothing; where every reader skips the same positions, they were computed for nothing. The
    first ResNets do so (the stride stands in their 1x1 convolutions); torchvision's moved it to the 3x3. At the end,
    padding or a size that the strides divide mends it.
    """
    for node in subject.graph.nodes:
        readers = subject.graph.readers[node.index]
        if not readers or len(node.output) < 2 or node in subject.outputs:
            continue
        if not all(map(subject.strides, readers)):
            continue
        for axis, (name, size) in enumerate(zip(dimension_names(len(node.output) - 1), node.output[1:], strict=True)):
            lost = _unseen(subject, node, axis)
            if not lost:
                continue
            if lost < 0:
                which, hint = f"the last {-lost:,} of {size:,}", "padding, or an input whose size the strides divide"
            else:
                which, hint = f"{lost:,} of {size:,}", "a kernel as large as the stride sees them"
            message = f"no layer reads {which} positions of '{node.name}' along its {name.lower()}"
            yield Found(readers[0], message, "", hint)
            break


def _unseen(subject: Subject, node: Node, axis: int) -> int:
    """How many positions of a node along an axis no reader sees; negative if they are the last ones; 0 if none."""
    size = node.output[1 + axis]
    sights = [
        (sight, reader.output)
        for reader in dict.fromkeys(subject.graph.readers[node.index])
        for sight, source in zip(subject.sights(reader), reader.inputs, strict=True)
        if source is node
    ]
    common: frozenset[int] | None = None
    for sight, output in sights:
        if isinstance(sight, Reach) or axis >= len(sight):
            return 0
        missing = _missing(sight[axis], output[1 + axis], size)
        common = missing if common is None else common & missing
        if not common:
            return 0
    if not common:
        return 0
    return -len(common) if min(common) == size - len(common) else len(common)


@lru_cache(maxsize=1000)
def _missing(window: Window, units: int, size: int) -> frozenset[int]:
    """The positions along an axis that no unit of a window sees."""
    if isinstance(window, (Binned, Resampled, Spread)) or not isinstance(window, Sliding):
        return frozenset()
    if window.stride == 1 and window.dilation == 1 and units + window.kernel - 1 - window.before >= size:
        return frozenset()
    if window.before < 0 or window.after < 0 or size > MOST or units * window.kernel > MOST:
        return frozenset()  # a crop is meant
    seen = {
        unit * window.stride - window.before + window.dilation * tap
        for unit in range(units)
        for tap in range(window.kernel)
    }
    return frozenset(range(size)) - seen


@rule("dead-weights")
def dead_weights(subject: Subject) -> Iterator[Found]:
    """Weights of a convolution that meet nothing but padding, since the map is smaller than the kernel reaches.

    A 3x3 convolution with padding 1 on a map of 1x1 reads the pixel with its middle weight; the other eight only ever
    meet zeros. So it is with large dilations on small maps. The weights are stored, and multiplied, for nothing: a
    larger input, or a smaller kernel or dilation, mends it.
    """
    for node in subject.graph.layers:
        if not isinstance(node.op, (Conv, Depthwise, Separable)):
            continue
        sight = subject.sights(node)[0]
        if isinstance(sight, Reach):
            continue
        sizes = node.inputs[0].output[1:]
        kernel = alive = 1
        for window, units, size in zip(sight, node.output[1:], sizes, strict=True):
            if isinstance(window, Sliding):
                kernel *= window.kernel
                alive *= _alive(window, units, size)
        if alive < kernel:
            yield Found(
                node,
                f"of the {kernel:,} weights of each kernel of '{node.name}' {kernel - alive:,} meet only padding",
                f"the map is {show(sizes)}",
                "a larger input, or a smaller kernel or dilation",
            )


@lru_cache(maxsize=1000)
def _alive(window: Sliding, units: int, size: int) -> int:
    """How many of a window's taps meet a position of the input."""
    if window.before + window.after < window.dilation or units * window.kernel > MOST:
        return window.kernel
    starts = [unit * window.stride - window.before for unit in range(units)]
    return sum(any(0 <= start + window.dilation * tap < size for start in starts) for tap in range(window.kernel))


@rule("misaligned", ADVICE, cheap=False)
def misaligned(subject: Subject) -> Iterator[Found]:
    """Branches that meet out of step: a unit of one has the middle of its field elsewhere than the same unit of
    another, on average over the units.

    Sums then mix what lies at different places. Padding on one side only, or a crop in one branch, is the usual cause.
    Causal convolutions do so knowingly, and so does nearest upsampling, whose middles lie between the pixels.
    """
    for node in subject.graph.layers:
        seen = subject.fields[node.index] if len(node.inputs) > 1 else None
        if seen is not None and not seen.aligned:
            hint = "the same padding and strides align them; causal padding and nearest upsampling do not"
            yield Found(node, f"the branches of '{node.name}' are not aligned", "", hint)


@rule("field", cheap=False)
def field(subject: Subject) -> Iterator[Found]:
    """With `--object N`: outputs whose units see fewer than N pixels, and so not the whole of an object of that size.

    Deeper layers, larger strides or dilation widen the field. A unit need not see all of an object to find it; that of
    an output should.
    """
    if subject.size is None:
        return
    for name, node in subject.graph.outputs.items():
        seen = subject.fields[node.index]
        if seen is not None and not seen.whole and seen.size and min(seen.size) < subject.size:
            pixels = min(seen.size)
            message = f"a unit of the output '{name}' sees {pixels:,} pixels, and an object has {subject.size:,}"
            yield Found(node, message, "", "deeper layers, strides or dilation before it widen the field")
