"""Drafts in fewer words: what PyTorch's modules spell out in several ops, and cnncalc has one for.

Also drafts that nobody reads and that cost nothing go, such as the parts of a tensor that were cut off and not used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from cnncalc.ops import ChannelShuffle, Input, LayerNorm, Permute, Reshape, Slice
from cnncalc.ops.opaque import Opaque
from cnncalc.reading.drafts import Draft


def tidied(drafts: Sequence[Draft], ends: Iterable[Draft]) -> list[Draft]:
    """The drafts, in order, each as it is or as one for several; `ends` are outputs, which stay."""
    kept = set(ends)
    found = list(drafts)
    readers = Counter(source for draft in found for source in draft.inputs)
    for draft in found:
        _shuffled(draft, readers, kept)
        _norm_of_channels(draft, readers, kept)
    return _read(found, kept)


def _chain(draft: Draft, kinds: tuple[type, ...], readers: Counter[Draft], kept: set[Draft]) -> list[Draft] | None:
    """A draft and those before it, the first first, if they are of these kinds and nobody else reads them."""
    found = [draft]
    for kind in reversed(kinds):
        if not isinstance(found[0].op, kind) or (found[0] is not draft and (readers[found[0]] > 1 or found[0] in kept)):
            return None
        if len(found) < len(kinds):
            found.insert(0, found[0].inputs[0])
    return found if isinstance(found[0].op, kinds[0]) else None


def _shuffled(draft: Draft, readers: Counter[Draft], kept: set[Draft]) -> None:
    """[C] seen as [g, C / g], the two swapped, and seen as [C] again: a shuffle of channels."""
    chain = _chain(draft, (Reshape, Permute, Reshape), readers, kept)
    if chain is None:
        return
    x, split, turn = chain[0].inputs[0], chain[0].output, chain[1].op
    rank = len(split)
    if rank == len(x.output) + 1 and turn.order == (1, 0, *range(2, rank)) and draft.output == x.output:  # type: ignore[attr-defined]
        draft.op, draft.inputs = ChannelShuffle(split[0]), (x,)
        _let_go(chain[:-1], readers)


def _norm_of_channels(draft: Draft, readers: Counter[Draft], kept: set[Draft]) -> None:
    """Channels moved to the end, normalised, and moved back: layer normalisation over the channels."""
    chain = _chain(draft, (Permute, LayerNorm, Permute), readers, kept)
    if chain is None:
        return
    x, norm = chain[0].inputs[0], chain[1]
    rank = len(x.output)
    there, back = (*range(1, rank), 0), (rank - 1, *range(rank - 1))
    if (chain[0].op.order, draft.op.order) == (there, back) and norm.op.over == "last":  # type: ignore[attr-defined]
        same = chain[0].calls == norm.calls == draft.calls
        if not same and not _one_call(chain):
            return
        # The norm stands where it stood, on the image itself; what read the end reads it.
        draft.op, draft.inputs = LayerNorm(affine=norm.op.affine, eps=norm.op.eps), (x,)  # type: ignore[attr-defined]
        draft.owns, draft.origin, draft.shares, draft.calls = norm.owns, norm.origin, norm.shares, norm.calls
        norm.shares = draft if norm.shares is None else norm.shares
        _let_go(chain[:-1], readers)


def _one_call(chain: Sequence[Draft]) -> bool:
    """Whether a chain lies in one module."""
    return len({draft.calls for draft in chain}) == 1


def _let_go(drafts: Iterable[Draft], readers: Counter[Draft]) -> None:
    """Drafts that another stands for now."""
    for draft in drafts:
        for source in draft.inputs:
            readers[source] -= 1
        readers[draft] = 0
        draft.inputs = ()
        draft.name = _GONE


_GONE = "(gone)"


def _read(drafts: Sequence[Draft], kept: set[Draft]) -> list[Draft]:
    """The drafts but those that nobody reads and that cost nothing, and those that others stand for."""
    readers = Counter(source for draft in drafts for source in draft.inputs)
    readers.update(draft.shares for draft in drafts if draft.shares is not None)
    found = []
    for draft in reversed(drafts):
        if draft.name == _GONE:
            continue
        if not readers[draft] and draft not in kept and _costs_nothing(draft):
            for source in draft.inputs:
                readers[source] -= 1
            continue
        found.append(draft)
    return found[::-1]


def _costs_nothing(draft: Draft) -> bool:
    if isinstance(draft.op, Input):
        return False
    if isinstance(draft.op, Opaque):
        return not any(number is None or number for number in draft.op.symbols((), draft.output).values())
    return isinstance(draft.op, (Slice, Reshape, Permute))
