"""These tests need the extra `torch`; without it none of this folder is collected."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if all(map(find_spec, ("torch", "fvcore", "hypothesis"))) else ["*.py"]
