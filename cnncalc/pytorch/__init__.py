"""The PyTorch edge: build a network as a module, verify the calculator against it, time it.

The only folder that imports torch. `pip install cnncalc[torch]` brings what it needs.

>>> from cnncalc import expand, load
>>> from cnncalc.pytorch import build
>>> model = build(expand(load("alexnet")), device="meta")
>>> list(model.state_dict())[:2]
['conv1.weight', 'conv1.bias']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cnncalc.errors import RequestError

if TYPE_CHECKING:
    from cnncalc.pytorch.build import BuiltNetwork, build
    from cnncalc.pytorch.profile import Profile, Settings, profile
    from cnncalc.pytorch.verify import Report, verify

_PUBLIC = {
    "BuiltNetwork": "cnncalc.pytorch.build",
    "build": "cnncalc.pytorch.build",
    "Report": "cnncalc.pytorch.verify",
    "verify": "cnncalc.pytorch.verify",
    "Profile": "cnncalc.pytorch.profile",
    "Settings": "cnncalc.pytorch.profile",
    "profile": "cnncalc.pytorch.profile",
}

__all__ = ["BuiltNetwork", "Profile", "Report", "Settings", "build", "profile", "verify"]

_EXTRA = ("torch", "fvcore", "numpy")


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'cnncalc.pytorch' has no attribute '{name}'")
    try:
        value = getattr(import_module(_PUBLIC[name]), name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in _EXTRA:
            raise
        raise RequestError(f"{error.name} is not installed", hint="pip install 'cnncalc[torch]'") from None
    # The import has also bound the submodule of the same name; the function is what is public.
    globals()[name] = value
    return value
