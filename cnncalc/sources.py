"""Where networks come from that are no specs: which words name a PyTorch module or an ONNX file, and reading it.

`file.py:NAME`, `package.module:NAME`, `torchvision:NAME` and `timm:NAME` run the code that they name, and nothing else
does; `program.pt2` is a saved program of `torch.export`. PyTorch is imported when such a word is read, and not before.
`model.onnx` is an ONNX file, which runs nothing and needs no PyTorch.

>>> is_module("resnet50"), is_module("mine.yaml"), is_module("net.py:Net"), is_module("timm:vit_tiny_patch16_224")
(False, False, True, True)
>>> is_onnx("model.onnx"), is_onnx("net.py:onnx")
(True, False)
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnncalc.errors import RequestError

if TYPE_CHECKING:
    from cnncalc.graph import Graph
    from cnncalc.pytorch.read import Reading

_NAMED = re.compile(r"(?:.+\.py|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):[A-Za-z_][\w.]*", re.DOTALL)
PROGRAM = ".pt2"
ONNX = ".onnx"


def is_module(word: str) -> bool:
    """Whether a word on the command line names a PyTorch module: one with a colon before a name, or a saved program."""
    return word.endswith(PROGRAM) or _NAMED.fullmatch(word) is not None


def is_onnx(word: str) -> bool:
    """Whether a word on the command line names an ONNX file."""
    return word.lower().endswith(ONNX) and not is_module(word)


def is_spec(word: str) -> bool:
    """Whether a word on the command line names a spec: one of the zoo, a YAML file, standard input."""
    return not is_module(word) and not is_onnx(word)


def read_onnx(word: str | Path, input: int | Sequence[int] | Mapping[str, int | Sequence[int]] | None = None) -> Graph:
    """An ONNX file as a network.

    Raises:
        RequestError: there is no such file, it is no ONNX file, or the package onnx is not installed.
    """
    from cnncalc.onnx import read

    return read(word, input)


def refuse_for_onnx(**given: Any) -> None:
    """Refuse what an ONNX file has no use for, by its name on the command line.

    Raises:
        RequestError: something is given.
    """
    for name, value in given.items():
        if value:
            hint = "--input says the sizes that it leaves open"
            raise RequestError(f"--{name} does not change an ONNX file, which is as it was exported", hint=hint)


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
