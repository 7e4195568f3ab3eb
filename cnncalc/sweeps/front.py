"""Which variants are the best: by one column, or those that no other is better than in some columns at once.

>>> import numpy as np
>>> front(np.array([[1.0, 5.0], [2.0, 3.0], [3.0, 4.0], [2.0, 3.0]])).tolist()
[True, True, False, True]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def front(points: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which points no other is better than: one as small in every column, and smaller in one. A point with a number
    that is missing (nan) is none of them; of equal points each is."""
    found = np.zeros(len(points), np.bool_)
    places = np.flatnonzero(~np.isnan(points).any(axis=1))
    places = places[np.lexsort(points[places].T[::-1])]
    left = points[places]
    while len(left):
        best = left[0]
        worse = (left >= best).all(axis=1)
        same = (left == best).all(axis=1)
        found[places[same]] = True
        places, left = places[~worse], left[~worse]
    return found


def objectives(columns: Sequence[Sequence[Any]], signs: Sequence[int]) -> npt.NDArray[np.float64]:
    """Columns as points of which the smaller are the better; what is to be large has the sign -1, what is missing is
    nan."""
    return np.array(
        [
            [np.nan if value is None else sign * value for value in column]
            for column, sign in zip(columns, signs, strict=True)
        ],
        np.float64,
    ).T.reshape(-1, len(columns))
