"""How much work a body of code is, as a ratio within one run: no machine is too slow for it."""

from __future__ import annotations

import time

PASSES = 1_000_000


def million_passes() -> float:
    """The processor's seconds for a million passes of a plain loop."""
    start = time.process_time()
    total = 0
    for number in range(PASSES):
        total += number & 3
    return time.process_time() - start


class Work:
    """The processor time of a body in multiples of a million passes of a plain loop, timed before and after it.

    A multiple is some 0.05 s. Bounds are several times what is needed: what they guard against takes minutes or days.

    >>> with Work() as work:
    ...     total = sum(range(100))
    >>> work.done < 1
    True
    """

    done: float

    def __enter__(self) -> Work:
        self._loop = million_passes()
        self._start = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        taken = time.process_time() - self._start
        self.done = taken / max(self._loop, million_passes())
