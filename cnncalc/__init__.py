"""cnncalc: what a convolutional network costs, without running it.

>>> import cnncalc as cc
>>> net = cc.network("alexnet")
>>> net.analyze(batch=8).params
60964224

docs/python.md shows the whole of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cnncalc.version import __version__

if TYPE_CHECKING:
    from cnncalc import ops
    from cnncalc.costs.amount import AtLeast
    from cnncalc.errors import CnncalcError, OpError, RequestError, SpecError
    from cnncalc.face import Analysis, Builder, Comparison, Network, compare, network
    from cnncalc.graph import Graph, Node
    from cnncalc.sweeping import Sweep, sweep
    from cnncalc.zoo.index import load, load_text

# Where each public name lives; it is imported when first used, so that no command pays for another.
_PUBLIC = {
    "Analysis": "cnncalc.face",
    "AtLeast": "cnncalc.costs.amount",
    "Builder": "cnncalc.face",
    "CnncalcError": "cnncalc.errors",
    "Comparison": "cnncalc.face",
    "Graph": "cnncalc.graph",
    "Network": "cnncalc.face",
    "Node": "cnncalc.graph",
    "OpError": "cnncalc.errors",
    "RequestError": "cnncalc.errors",
    "SpecError": "cnncalc.errors",
    "Sweep": "cnncalc.sweeping",
    "compare": "cnncalc.face",
    "load": "cnncalc.zoo.index",
    "load_text": "cnncalc.zoo.index",
    "network": "cnncalc.face",
    "sweep": "cnncalc.sweeping",
}
_MODULES = ("onnx", "ops", "pytorch")

__all__ = [
    "Analysis",
    "AtLeast",
    "Builder",
    "CnncalcError",
    "Comparison",
    "Graph",
    "Network",
    "Node",
    "OpError",
    "RequestError",
    "SpecError",
    "Sweep",
    "__version__",
    "compare",
    "load",
    "load_text",
    "network",
    "onnx",
    "ops",
    "pytorch",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"cnncalc.{name}")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'cnncalc' has no attribute '{name}'")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
