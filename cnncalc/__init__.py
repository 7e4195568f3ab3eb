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
    from cnncalc.costs.analysis import Analysis, analyse
    from cnncalc.errors import CnncalcError, RequestError, SpecError
    from cnncalc.language.expand import Layer, Network, expand
    from cnncalc.zoo.index import load, load_text

__version__ = "0.1.0"

# Where each public name lives; it is imported when first used, so that no command pays for another.
_PUBLIC = {
    "Analysis": "cnncalc.costs.analysis",
    "analyse": "cnncalc.costs.analysis",
    "CnncalcError": "cnncalc.errors",
    "RequestError": "cnncalc.errors",
    "SpecError": "cnncalc.errors",
    "Layer": "cnncalc.language.expand",
    "Network": "cnncalc.language.expand",
    "expand": "cnncalc.language.expand",
    "load": "cnncalc.zoo.index",
    "load_text": "cnncalc.zoo.index",
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
