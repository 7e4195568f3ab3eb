"""Where networks come from that are no specs: which words name a PyTorch module, and reading it.

`file.py:NAME`, `package.module:NAME`, `torchvision:NAME` and `timm:NAME` run the code that they name, and nothing else
does; `program.pt2` is a saved program of `torch.export`. PyTorch is imported when such a word is read, and not before.

>>> is_module("resnet50"), is_module("mine.yaml"), is_module("net.py:Net"), is_module("timm:vit_tiny_patch16_224")
(False, False, True, True)
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnncalc.graph import Graph
    from cnncalc.pytorch.read import Reading

_NAMED = re.compile(r"(?:.+\.py|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):[A-Za-z_][\w.]*", re.DOTALL)
PROGRAM = ".pt2"


def is_module(word: str) -> bool:
    """Whether a word on the command line names a PyTorch module: one with a colon before a name, or a saved program."""
    return word.endswith(PROGRAM) or _NAMED.fullmatch(word) is not None


def is_torch_module(value: Any) -> bool:
    """Whether something is a `torch.nn.Module`; without importing PyTorch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def read_module(
    word: str,
    input: int | Sequence[int] | Mapping[str, int | Sequence[int]] | None = None,
    arguments: Mapping[str, Any] | None = None,
    *,
    classes: int | None = None,
    training: bool = False,
    memory: bool = False,
) -> Reading:
    """The module that a word names, and it as a network; `memory` if it shall be run with numbers.

    Raises:
        RequestError: there is no such module, it cannot be made or read, or PyTorch is not installed.
    """
    from cnncalc.pytorch.sources import load

    return load(word, input, arguments or {}, classes, training, memory)


def read_value(module: Any, input: Any = None, training: bool = False) -> Graph:
    """A `torch.nn.Module` as a network.

    Raises:
        RequestError: it cannot be read; see `cnncalc.pytorch.read`.
    """
    from cnncalc.pytorch.read import read

    return read(module, input, training=training)
