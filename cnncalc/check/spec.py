"""What a spec says that it hardly means."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from cnncalc.check.rule import Found, Subject, rule
from cnncalc.language.expressions import Expression
from cnncalc.language.model import (
    BlockItem,
    GroupItem,
    Item,
    LayerItem,
    MergeItem,
    Option,
    Spec,
    inside,
    names_of,
    options_of,
)
from cnncalc.ops import Add, Concat, Multiply


@rule("when-on-merge")
def when_on_merge(subject: Subject) -> Iterator[Found]:
    """`when` on a merge whose branches have layers: where it does not hold, the whole merge is left out, all its
    branches with it, and not only the shortcut.

    A shortcut with layers only where the shape changes has the `when` on those layers, inside the branch: then the
    branch stays, as the identity. The rule says nothing where another item of the same list stands in for the merge:
    one whose condition is `not` that of the merge.
    """
    if subject.spec is None:
        return
    for items in _lists(subject.spec):
        conditions = {_condition(item.when) for item in items if item.when is not None}
        for item in items:
            if not isinstance(item, MergeItem) or item.when is None or isinstance(item.kind, Concat):
                continue
            stands_in = _condition(item.when).opposite in conditions
            if not stands_in and any(_has_layers(branch.items) for branch in item.branches):
                yield Found(
                    item.when.place,
                    f"without '{_text(item.when)}' all branches of this {item.kind.kind} are left out",
                    "",
                    "if only the shortcut is meant, put 'when' on its layers, inside the branch",
                )


@rule("when-again")
def when_again(subject: Subject) -> Iterator[Found]:
    """Two items of which one should stand in for the other, and whose conditions ask for `channels` or `sizes`: the
    second condition is asked on what the first item gives, and may hold then as well.

    After `{conv: w, kernel: 1, when: not channels == w}` there are w channels, so that an item `when: channels == w`
    is there too. A variable of the block is worked out once, before its items: `vars: {w: , fits: channels == w}`, and
    then `when: fits` and `when: not fits`.
    """
    if subject.spec is None:
        return
    for items in _lists(subject.spec):
        asked: set[Condition] = set()
        for item in items:
            if item.when is None:
                continue
            condition = _condition(item.when)
            if condition.opposite in asked:
                yield Found(
                    item.when.place,
                    f"'{_text(item.when)}' is asked again, after the item that stands in for this one",
                    "",
                    "work it out once, in a variable of the block: vars: {fits: channels == 64}, when: fits",
                )
            if not {"channels", "sizes"}.isdisjoint(names_of(item.when.value)) and not _passes_on(item):
                asked.add(condition)


def _passes_on(item: Item) -> bool:
    """Whether an item gives the shape that it reads: a sum or product with the identity."""
    if not isinstance(item, MergeItem) or item.kind not in (Add, Multiply):
        return False
    return any(not branch.items and branch.start is None for branch in item.branches)


@rule("two-indices")
def two_indices(subject: Subject) -> Iterator[Found]:
    """An item whose `repeat` or `when` reads the `index` of the repeat around it, and whose options read `index` too:
    there it is the item's own.

    In `{conv: widths[index], kernel: 3, repeat: depths[index]}` inside a repeat, the depth is that of the outer round,
    and the width that of the inner one. Give what is of the outer round to a block, which has variables of its own:
    `{stage: "widths[index]", depth: "depths[index]"}`.
    """
    if subject.spec is None:
        return
    for items in _lists(subject.spec):
        for item in items:
            outer = [option for option in (item.repeat, item.when) if option and _reads_index(option.value)]
            if item.repeat is not None and outer and any(map(_reads_index, _own_values(item))):
                yield Found(
                    outer[0].place,
                    "'index' is two numbers in this item: here that of the repeat around it, in its options its own",
                    "",
                    'make a block of it, and give it what is of the outer round: {stage: "widths[index]"}',
                )


def _reads_index(value: object) -> bool:
    """Whether a value's expressions speak of `index`."""
    return "index" in names_of(value)


def _own_values(item: Item) -> Iterator[object]:
    """The values of an item's options, and of the items in it that are not repeated themselves."""
    yield from options_of(item)
    for inner in inside(item):
        if inner.repeat is None:
            yield from _own_values(inner)


class Condition(NamedTuple):
    """What a condition asks, and whether for its contrary."""

    asks: str
    negated: bool = False

    @property
    def opposite(self) -> Condition:
        """What holds where it does not."""
        return Condition(self.asks, not self.negated)


def _condition(when: Option) -> Condition:
    """What the value of a `when` asks."""
    if not isinstance(when.value, Expression):
        return Condition(str(when.value))
    tree, negated = ast.parse(when.value.text.strip(), mode="eval").body, False
    while isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        tree, negated = tree.operand, not negated
    return Condition(ast.dump(tree), negated)


def _text(when: Option) -> str:
    """A condition as it is written."""
    return when.value.text.strip() if isinstance(when.value, Expression) else str(when.value)


def _lists(spec: Spec) -> Iterator[Sequence[Item]]:
    """Every list of items, those of blocks, groups and branches included."""
    waiting = [block.items for block in spec.blocks.values()] + [spec.layers or []]
    while waiting:
        items = waiting.pop()
        yield items
        for item in items:
            if isinstance(item, GroupItem):
                waiting.append(item.items)
            elif isinstance(item, MergeItem):
                waiting += [branch.items for branch in item.branches]


def _has_layers(items: Iterable[Item]) -> bool:
    """Whether there is a layer, or a block's, among some items."""
    return any(
        isinstance(item, (LayerItem, BlockItem))
        or (isinstance(item, GroupItem) and _has_layers(item.items))
        or (isinstance(item, MergeItem) and any(_has_layers(branch.items) for branch in item.branches))
        for item in items
    )
