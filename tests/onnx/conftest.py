"""These tests need the extra `onnx`; without it none of this folder is collected."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("onnx") else ["*.py"]
