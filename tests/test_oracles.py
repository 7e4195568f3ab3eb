"""The oracles' own machinery: torchvision without its compiled operators, whatever was tried before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

LOAD = """
import gc
gc.disable()  # what a failed import leaves behind stays, as in a large run
import pytest
from tests.oracles import torchvision_cpu
for _ in range(2):
    torchvision_cpu._import.cache_clear()
    try:
        print(torchvision_cpu.import_or_skip().__name__)
    except pytest.skip.Exception as reason:
        print(reason)
"""


def loaded_twice(environment: dict[str, str]) -> list[str]:
    """What a process says that loads torchvision twice."""
    run = subprocess.run([sys.executable, "-c", LOAD], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def test_torchvision_is_loaded_twice_alike() -> None:
    first, second = loaded_twice(dict(os.environ))
    assert first == second


def test_a_broken_torchvision_is_said(tmp_path: Path) -> None:
    """As two collections of one file saw it: the second ended in an error of PyTorch."""
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('compiled for another PyTorch')\n")
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    said = loaded_twice({**os.environ, "PYTHONPATH": path})
    assert said == ["torchvision cannot be imported: compiled for another PyTorch"] * 2
