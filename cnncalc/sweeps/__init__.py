"""Many variants of a network: grids and samples, their quantities, constraints, fronts and searches."""

from cnncalc.errors import RequestError

try:
    import numpy as _  # noqa: F401
except ImportError:
    raise RequestError("sweeps need NumPy", hint="pip install 'cnncalc[sweep]'", code="not-installed") from None
