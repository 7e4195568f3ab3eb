"""What the items of a spec read and give, and which specs' counts can be composed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cnncalc.errors import OpError
from cnncalc.language.expand import MAX_LAYERS
from cnncalc.language.model import BlockItem, HeadItem, Item, LayerItem, Spec, Word, inside, options_of


def read_condition(value: Any) -> bool:
    """A condition's value."""
    if not isinstance(value, (bool, int, float)):
        raise OpError("no condition")
    return bool(value)


def read_times(value: Any) -> int:
    """How often an item is repeated."""
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    if not isinstance(whole, int) or isinstance(whole, bool) or not 0 <= whole <= MAX_LAYERS:
        raise OpError("no number of times")
    return whole


def values_of(item: Item) -> Iterable[Any]:
    """The values that an item is given."""
    if item.when is not None:
        yield item.when.value
    if item.repeat is not None:
        yield item.repeat.value
    yield from options_of(item)


def walk(items: Iterable[Item]) -> Iterable[Item]:
    """Items with those in their groups and branches, without those of the blocks that they call."""
    for item in items:
        yield item
        yield from walk(inside(item))


def unfit_of(spec: Spec) -> str | None:
    """Why a spec cannot be composed."""
    if not spec.inputs:
        return "it has no input of its own"
    if spec.outputs is not None:
        return "its outputs are layers by name"
    for item in walk([*(spec.layers or []), *(item for block in spec.blocks.values() for item in block.items)]):
        if item.share is not None:
            return "layers share weights"
        if item.start is not None:
            return "layers are read by name"
        if item.name is not None and "." in item.name:
            return "names have dots"
        if isinstance(item, BlockItem):
            for option in item.arguments.values():
                if isinstance(option.value, Word) and option.value.expression is None:
                    return "a block is given a layer's name"
    return None


_WITHOUT_MEMORY_OF_THEIR_OWN = ("flatten", "dropout", "identity")
_ACTIVATIONS = ("relu", "relu6", "leaky_relu", "silu", "sigmoid", "tanh", "gelu", "hardswish", "hardsigmoid")
_WINDOWS = ("conv", "depthwise", "conv_transpose", "maxpool", "avgpool", "global_avgpool", "global_maxpool")
_OTHERS = ("linear", "batchnorm", "upsample", "pad", "add", "multiply", "concat")
MEMORY_KINDS = frozenset({*_WITHOUT_MEMORY_OF_THEIR_OWN, *_ACTIVATIONS, *_WINDOWS, *_OTHERS})
"""The kinds whose memory is composed: those of others depends on how tensors lie, or on more than their sizes."""


def fits_memory(spec: Spec) -> bool:
    """Whether what is alive at once can be composed: one input, no heads, and layers of these kinds alone."""
    items = walk([*(spec.layers or []), *(item for block in spec.blocks.values() for item in block.items)])
    return len(spec.inputs) == 1 and all(
        not isinstance(item, HeadItem) and (not isinstance(item, LayerItem) or item.kind.kind in MEMORY_KINDS)
        for item in items
    )
