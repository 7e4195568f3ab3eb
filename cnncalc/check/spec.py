"""What a spec says that it hardly means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cnncalc.check.rule import Found, Subject, rule
from cnncalc.language.expressions import Expression
from cnncalc.language.model import BlockItem, GroupItem, Item, LayerItem, MergeItem, Spec
from cnncalc.ops import Concat


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
        conditions = {_condition(item) for item in items}
        for item in items:
            if not isinstance(item, MergeItem) or item.when is None or isinstance(item.kind, Concat):
                continue
            condition = _condition(item)
            opposite = condition.removeprefix("not ") if condition.startswith("not ") else f"not {condition}"
            if opposite not in conditions and any(_has_layers(branch.items) for branch in item.branches):
                yield Found(
                    item.when.place,
                    f"without '{condition}' all branches of this {item.kind.kind} are left out",
                    "",
                    "if only the shortcut is meant, put 'when' on its layers, inside the branch",
                )


def _condition(item: Item) -> str:
    """An item's condition as it is written."""
    value = item.when.value if item.when is not None else ""
    return value.text.strip() if isinstance(value, Expression) else str(value)


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
