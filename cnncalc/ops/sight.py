"""What the units of a layer see of an input: the cases, one class each.

Along one spatial axis with n positions, whose units are numbered from 0 to m - 1.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, TypeAlias


class Sliding(NamedTuple):
    """A sliding window: unit u sees the positions `u * stride - before + dilation * t`, t from 0 to kernel - 1.

    `before` and `after` are the padding; negative ones crop.
    """

    kernel: int = 1
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1

    @property
    def extent(self) -> int:
        """The positions from the first to the last of a window.

        >>> Sliding(3, dilation=2).extent
        5
        """
        return self.dilation * (self.kernel - 1) + 1


class Transposed(NamedTuple):
    """A transposed convolution: a window of stride 1, with this padding, over the input with stride - 1 zeros put
    between its elements."""

    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1


class Binned(NamedTuple):
    """Adaptive pooling to m bins: unit u sees floor(u * n / m) to ceil((u + 1) * n / m) - 1."""

    bins: int


class Resampled(NamedTuple):
    """Resampling at m places: unit u sees the nearest one, floor(u * n / m); if `linear`, the two around
    (u + 1/2) * n / m - 1/2, or, with `corners`, u * (n - 1) / (m - 1), 0 for one unit; if `cubic`, the four around it.
    One alone where that is a whole number."""

    samples: int
    linear: bool = False
    cubic: bool = False
    corners: bool = False


class Folded(NamedTuple):
    """Padding with the input itself: unit u sees position u - before; outside the input, the position that `mode`
    puts there: `reflect`, `replicate` or `circular`."""

    before: int
    after: int
    mode: str

    def position(self, unit: int, n: int) -> int:
        """The one of n positions that a unit sees.

        >>> Folded(2, 0, "reflect").position(0, 5), Folded(2, 0, "circular").position(0, 5)
        (2, 3)
        """
        place = unit - self.before
        if self.mode == "circular":
            return place % n
        if self.mode == "replicate":
            return min(max(place, 0), n - 1)
        return n - 1 - abs(n - 1 - abs(place))


class Spread(NamedTuple):
    """Every unit sees every position of this axis: one of size 1 that is spread over the output's."""


Window: TypeAlias = Sliding | Transposed | Binned | Resampled | Folded | Spread
"""What units see along one axis."""

POINT = Sliding()
"""Each unit sees its own position."""


class Reach(Enum):
    """What units see of a whole input, where that is no window along each axis."""

    WHOLE = "every unit sees all of the input"
    UNKNOWN = "the op does not say what its units see"


WHOLE, UNKNOWN = Reach.WHOLE, Reach.UNKNOWN

Sight: TypeAlias = tuple[Window, ...] | Reach
"""What units see of one input: a window along each of its spatial axes, of which the output has as many; or a
`Reach`."""
