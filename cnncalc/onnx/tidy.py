"""Drafts in fewer words: what exporters to ONNX spell out in several operators, and cnncalc has one op for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from cnncalc.ops import HardSigmoid, HardSwish, Multiply, Sigmoid, SiLU
from cnncalc.ops.base import Op
from cnncalc.reading.drafts import Call, Draft

_GATES: dict[type[Op], type[Op]] = {Sigmoid: SiLU, HardSigmoid: HardSwish}
"""The activation that is the product of its input and a function of it."""


def fused(drafts: Sequence[Draft], ends: Iterable[Draft]) -> list[Draft]:
    """The drafts, in order, each as it is or as one for several; `ends` are outputs, which stay."""
    kept = set(ends)
    readers = Counter(source for draft in drafts for source in draft.inputs)
    gone: set[Draft] = set()
    for draft in drafts:
        _gated(draft, readers, kept, gone)
    found = [draft for draft in drafts if draft not in gone]
    _apart(found)
    return found


def _apart(drafts: Sequence[Draft]) -> None:
    """A module that is one op and is called several times: each of its calls for itself. The file does not say where
    one call ends and the next begins."""
    inside: dict[str, list[Draft]] = {}
    for draft in drafts:
        if draft.calls:
            inside.setdefault(draft.calls[-1].key, []).append(draft)
    for members in inside.values():
        if len(members) > 1 and len({(draft.op, draft.name) for draft in members}) == 1:
            for number, draft in enumerate(members):
                last = draft.calls[-1]
                draft.calls = (*draft.calls[:-1], Call(last.path, last.kind, f"{last.key}@{number}"))


def _gated(draft: Draft, readers: Counter[Draft], kept: set[Draft], gone: set[Draft]) -> None:
    """x * sigmoid(x), and x * hardsigmoid(x)."""
    if type(draft.op) is not Multiply or len(draft.inputs) != 2:
        return
    for x, gate in (draft.inputs, draft.inputs[::-1]):
        make = _GATES.get(type(gate.op))
        if make and gate.inputs == (x,) and readers[gate] == 1 and gate not in kept:
            draft.op, draft.inputs = make(), (x,)
            readers[x] -= 1
            gone.add(gate)
            return
