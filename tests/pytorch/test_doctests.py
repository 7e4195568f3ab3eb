"""The examples in the docstrings of the PyTorch folder, which are not run where torch is missing; and the guide's."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("fvcore")

import cnncalc.pytorch

FOLDER = Path(cnncalc.pytorch.__file__).parent
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "pytorch.md"


@pytest.mark.parametrize("name", [path.stem for path in sorted(FOLDER.glob("*.py"))])
def test_examples(name):
    module = importlib.import_module("cnncalc.pytorch" if name == "__init__" else f"cnncalc.pytorch.{name}")
    assert doctest.testmod(module).failed == 0


def test_the_guide_trains_a_step():
    examples = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert examples
    for example in examples:
        exec(compile(example, str(GUIDE), "exec"), {})
