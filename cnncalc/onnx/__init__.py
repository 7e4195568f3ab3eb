"""The ONNX edge: files read as networks, and networks written as files.

The only folder that imports onnx, and the only one that needs the extra `onnx` (`pip install 'cnncalc[onnx]'`); it
needs no PyTorch.
"""

from __future__ import annotations

from importlib.util import find_spec

from cnncalc.errors import RequestError

if find_spec("onnx") is None:
    raise RequestError("ONNX files need the package onnx", hint="pip install 'cnncalc[onnx]'", code="not-installed")

from cnncalc.onnx.read import Reading, read, reading
from cnncalc.onnx.write import model, write

__all__ = ["Reading", "model", "read", "reading", "write"]
