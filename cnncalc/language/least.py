"""How many layers an item makes at the least, known before any of them is made: a network that would be too large is
refused at once, and not at its last layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cnncalc.language.model import Block, BlockItem, Item, LayerItem, inside

FAR_TOO_MANY = 10**18
MAX_DEPTH = 100
"""Of blocks that call others; what is deeper is not counted."""


class Least:
    """The least number of layers of the items of a spec. Not counted is what may be absent: items under a condition,
    those repeated as often as an expression says, and branches that stand for all that matches a name."""

    def __init__(self, blocks: Mapping[str, Block]) -> None:
        self.blocks = blocks
        self.known: dict[str, int] = {}
        self.depth = 0

    def once(self, item: Item) -> int:
        """The layers of one repetition of an item, whatever its condition."""
        if isinstance(item, BlockItem):
            return self.block(item.block)
        return isinstance(item, LayerItem) + self.several(inside(item))

    def several(self, items: Sequence[Item]) -> int:
        """The layers of all of a list of items."""
        return min(FAR_TOO_MANY, sum(map(self.certain, items)))

    def certain(self, item: Item) -> int:
        """The layers of an item with its condition and repetitions."""
        times = 1 if item.repeat is None else item.repeat.value
        if item.when is not None or type(times) is not int or times < 1:
            return 0
        if item.start is not None and "*" in item.start.value:
            return 0
        return times * self.once(item)

    def block(self, name: str) -> int:
        """The layers of a block, which is looked at once."""
        if name not in self.known:
            self.depth += 1
            self.known[name] = self.several(self.blocks[name].items) if self.depth <= MAX_DEPTH else 0
            self.depth -= 1
        return self.known[name]
