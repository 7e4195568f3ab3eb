"""Fuzzing of ONNX files: a short run with a fixed seed. The long one is `python -m tests.fuzz.onnx --count 20000`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_short_run() -> None:
    """In a process of its own, whose memory is bounded, and whose crash would be seen."""
    command = [sys.executable, "-m", "tests.fuzz.onnx", "--count", "600", "--seed", "1"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 findings" in run.stdout
