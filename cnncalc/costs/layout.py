"""How tensors lie in memory, the batch included: the strides of [N, C, *spatial], as PyTorch chooses them. A stride is
the number of elements from one place of an axis to the next."""

from __future__ import annotations

from typing import TypeAlias

Sizes: TypeAlias = tuple[int, ...]
Strides: TypeAlias = tuple[int, ...]


def contiguous(sizes: Sizes) -> Strides:
    """The strides of a tensor whose axes lie in order, the last innermost.

    >>> contiguous((2, 3, 4, 5))
    (60, 20, 5, 1)
    """
    strides = []
    step = 1
    for size in reversed(sizes):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))


def channels_last(sizes: Sizes) -> Strides:
    """The strides of a tensor that lies as [N, *spatial, C].

    >>> channels_last((2, 3, 4, 5))
    (60, 1, 15, 3)
    """
    batch, *spatial, channels = contiguous((sizes[0], *sizes[2:], sizes[1]))
    return (batch, channels, *spatial)


def steps_first(sizes: Sizes) -> Strides:
    """The strides of a tensor [N, T, C] that lies as [T, N, C].

    >>> steps_first((2, 5, 4))
    (4, 8, 1)
    """
    batch, steps, *others = contiguous((sizes[1], sizes[0], *sizes[2:]))
    return (steps, batch, *others)


def is_contiguous(sizes: Sizes, strides: Strides) -> bool:
    """Whether a tensor lies in order, in one piece. The stride of an axis of size 1 says nothing.

    >>> is_contiguous((1, 3, 4), (99, 4, 1)), is_contiguous((2, 3, 4), (99, 4, 1))
    (True, False)
    """
    return all(
        size == 1 or stride == step for size, stride, step in zip(sizes, strides, contiguous(sizes), strict=True)
    )


def is_last(sizes: Sizes, strides: Strides) -> bool:
    """Whether PyTorch takes a tensor for one whose channels come last, in one piece or not (`suggest_memory_format`).

    >>> is_last((2, 3, 4, 5), channels_last((2, 3, 4, 5))), is_last((2, 3, 1, 1), (3, 1, 1, 1))
    (True, False)
    """
    least = 0
    for axis in (1, *range(len(sizes) - 1, 1, -1), 0):
        if strides[axis] < least or (axis == 0 and least == strides[1]):
            return False
        least = strides[axis] * sizes[axis]
    return True


def alike(sizes: Sizes, strides: Strides) -> Strides:
    """The strides of a new tensor whose axes are nested in memory as another's: its own, if it is in one piece.

    >>> alike((2, 3, 4), (96, 1, 8))
    (12, 1, 3)
    """
    order = sorted(range(len(sizes)), key=lambda axis: (strides[axis], -axis))
    if is_contiguous(
        tuple([sizes[axis] for axis in reversed(order)]), tuple([strides[axis] for axis in reversed(order)])
    ):
        return strides
    found = [0] * len(sizes)
    step = 1
    for axis in order:
        found[axis] = step
        step *= sizes[axis]
    return tuple(found)


def viewed(sizes: Sizes, strides: Strides, wanted: Sizes) -> Strides | None:
    """The strides that show a tensor's memory in another shape; None if it must be copied for that.

    Sizes that lie in one piece with each other are taken as one, which is divided anew (`torch.Tensor.view`).

    >>> viewed((2, 6, 4), (24, 4, 1), (2, 2, 3, 4)), viewed((2, 3, 4), (12, 1, 3), (2, 12))
    ((24, 12, 4, 1), None)
    """
    found: list[int] = []
    left = list(wanted)
    elements, base = 1, strides[-1]
    for axis in range(len(sizes) - 1, -1, -1):
        elements *= sizes[axis]
        if axis and (sizes[axis - 1] == 1 or strides[axis - 1] == elements * base):
            continue
        shown = 1
        while left and (shown < elements or left[-1] == 1):
            found.append(shown * base)
            shown *= left.pop()
        if shown != elements:
            return None
        if axis:
            elements, base = 1, strides[axis - 1]
    return None if left else tuple(reversed(found))
