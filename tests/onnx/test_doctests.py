"""The examples in the docstrings of the ONNX folder, which are not run where onnx is missing; and the guide's."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import cnncalc.onnx

FOLDER = Path(cnncalc.onnx.__file__).parent


@pytest.mark.parametrize("name", [path.stem for path in sorted(FOLDER.glob("*.py"))])
def test_examples(name: str) -> None:
    module = importlib.import_module("cnncalc.onnx" if name == "__init__" else f"cnncalc.onnx.{name}")
    assert doctest.testmod(module).failed == 0
