"""Strides against PyTorch's own, of tensors cut and turned at random."""

from __future__ import annotations

import random
from math import prod
from typing import Any

import pytest

from cnncalc.costs.layout import alike, channels_last, contiguous, is_contiguous, is_last, viewed

torch = pytest.importorskip("torch")


def turned(rng: random.Random) -> Any:
    """A tensor whose axes are nested in any order, some cut."""
    sizes = [rng.choice((1, 1, 2, 3, 4, 6)) for _ in range(rng.randint(1, 5))]
    order = rng.sample(range(len(sizes)), len(sizes))
    large = [size + rng.choice((0, 0, 0, 1)) for size in sizes]
    tensor = torch.empty([large[axis] for axis in order]).permute([order.index(axis) for axis in range(len(sizes))])
    for axis, size in enumerate(sizes):
        tensor = tensor.narrow(axis, 0, size)
    return tensor


def factors(rng: random.Random, elements: int) -> tuple[int, ...]:
    """Sizes of so many elements, in any order."""
    sizes = []
    while elements > 1 and len(sizes) < 5:
        sizes.append(rng.choice([size for size in range(1, elements + 1) if elements % size == 0]))
        elements //= sizes[-1]
    return tuple(rng.sample([*sizes, elements], len(sizes) + 1))


def test_strides_are_pytorchs() -> None:
    rng = random.Random(7)
    views = 0
    for _ in range(4000):
        tensor = turned(rng)
        sizes, strides = tuple(tensor.shape), tuple(tensor.stride())
        assert is_contiguous(sizes, strides) == tensor.is_contiguous()
        new = zip(sizes, alike(sizes, strides), torch.tanh(tensor).stride(), strict=True)
        assert all(ours == theirs for size, ours, theirs in new if size > 1)
        if len(sizes) in (4, 5):
            last = {4: torch.channels_last, 5: torch.channels_last_3d}[len(sizes)]
            assert is_last(sizes, strides) == (torch._prims_common.suggest_memory_format(tensor) == last)
            assert channels_last(sizes) == tuple(torch.empty(sizes, memory_format=last).stride())
        wanted = factors(rng, prod(sizes))
        try:
            shown = tuple(tensor.view(wanted).stride())
        except RuntimeError:
            shown = None
        assert viewed(sizes, strides, wanted) == shown
        views += shown is not None
        assert contiguous(sizes) == tuple(torch.empty(sizes).stride())
    assert 1000 < views < 3500
