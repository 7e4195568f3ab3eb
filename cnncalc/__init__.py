"""cnncalc: what a convolutional network costs, from a short YAML spec, without running it.

>>> import cnncalc
>>> network = cnncalc.expand(cnncalc.load("alexnet"))
>>> cnncalc.analyse(network).totals.params
60964224
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnncalc.analysis import Analysis, analyse
    from cnncalc.errors import CnncalcError, RequestError, SpecError
    from cnncalc.network import Layer, Network, expand
    from cnncalc.spec.zoo import load, load_text

__version__ = "0.1.0"

# Where each public name lives; it is imported when first used, so that no command pays for another.
_PUBLIC = {
    "Analysis": "cnncalc.analysis",
    "analyse": "cnncalc.analysis",
    "CnncalcError": "cnncalc.errors",
    "RequestError": "cnncalc.errors",
    "SpecError": "cnncalc.errors",
    "Layer": "cnncalc.network",
    "Network": "cnncalc.network",
    "expand": "cnncalc.network",
    "load": "cnncalc.spec.zoo",
    "load_text": "cnncalc.spec.zoo",
}

__all__ = [
    "Analysis",
    "CnncalcError",
    "Layer",
    "Network",
    "RequestError",
    "SpecError",
    "__version__",
    "analyse",
    "expand",
    "load",
    "load_text",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'cnncalc' has no attribute '{name}'")
    return getattr(import_module(_PUBLIC[name]), name)
