"""The PyTorch edge: build a network as a module, verify the calculator against it, time it.

The only folder that imports torch, and the only one that needs the extra `torch`
(`pip install cnncalc[torch]`).

>>> from cnncalc import network
>>> from cnncalc.pytorch import build
>>> model = build(network("alexnet"), device="meta")
>>> list(model.state_dict())[:2]
['conv1.weight', 'conv1.bias']
"""

from __future__ import annotations

from importlib.util import find_spec

from cnncalc.errors import RequestError

missing = [name for name in ("torch", "fvcore", "numpy") if find_spec(name) is None]
if missing:
    raise RequestError(f"this needs PyTorch; not installed: {', '.join(missing)}", hint="pip install 'cnncalc[torch]'")

# Imported at once, not when first used: a submodule takes its name in the package when it is first imported,
# and would take it from the function.
from cnncalc.pytorch.build import BuiltNetwork, build, register_builder  # noqa: E402
from cnncalc.pytorch.profile import Profile, Settings, profile  # noqa: E402
from cnncalc.pytorch.read import Reading, read, reading, weights  # noqa: E402
from cnncalc.pytorch.verify import Report, verify  # noqa: E402

__all__ = [
    "BuiltNetwork",
    "Profile",
    "Reading",
    "Report",
    "Settings",
    "build",
    "profile",
    "read",
    "reading",
    "register_builder",
    "verify",
    "weights",
]
