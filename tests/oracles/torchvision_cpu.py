"""torchvision and timm, also where torchvision's compiled operators cannot be loaded.

torchvision's wheels are compiled for one build of PyTorch each. Installed beside another (`pip install --no-deps
torchvision timm`), its networks are whole, which are written in Python, but the import stops at two operators of
object detection that it gives shapes to. Here these are declared first, without code: no network of ours runs them.
"""

from __future__ import annotations

import functools
import importlib
import os
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest

OPERATORS = ("nms", "qnms")
REQUIRED = os.environ.get("CNNCALC_ORACLES") == "required"  # as in the gate, where nothing may be skipped unseen
SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"

_declared: list[Any] = []  # declarations last as long as their library object


def _declare_operators() -> None:
    """Declare to PyTorch those of the operators that no one has."""
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in OPERATORS:
        if not hasattr(torch.ops.torchvision, operator):
            library.define(operator + SIGNATURE)
    _declared.append(library)


@functools.cache
def _import(name: str) -> ModuleType | str:
    """The module, or why there is none."""
    missing = [needed for needed in ("torch", "torchvision", name) if find_spec(needed) is None]
    if missing:
        return f"{missing[0]} is not installed"
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError):
        _declare_operators()
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError) as error:
        return f"{name} cannot be imported: {error}"


def import_or_skip(name: str = "torchvision") -> ModuleType:
    """torchvision or timm; without it the test, or the file of tests, is skipped, and says why.

    Raises:
        ImportError: there is none, and the environment says `CNNCALC_ORACLES=required`.
    """
    module = _import(name)
    if isinstance(module, str):
        if REQUIRED:
            raise ImportError(module)
        pytest.skip(module, allow_module_level=True)
    return module
