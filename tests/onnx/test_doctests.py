"""The examples in the docstrings of the ONNX folder, which are not run where onnx is missing; and the guide's."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

import cnncalc.onnx

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "onnx.md"
FOLDER = Path(cnncalc.onnx.__file__).parent


@pytest.mark.parametrize("name", [path.stem for path in sorted(FOLDER.glob("*.py"))])
def test_examples(name: str) -> None:
    module = importlib.import_module("cnncalc.onnx" if name == "__init__" else f"cnncalc.onnx.{name}")
    assert doctest.testmod(module).failed == 0


def test_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from cnncalc import network, onnx, pytorch

    monkeypatch.chdir(tmp_path)
    onnx.write(network("resnet18"), "model.onnx")
    examples = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) == 2
    names: dict[str, object] = {"pytorch": pytorch}
    for example in examples:
        exec(compile(example, str(GUIDE), "exec"), names)
