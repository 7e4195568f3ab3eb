"""Which modules the nodes of an ONNX graph stand in, by what the exporters write: a path of modules among the node's
metadata, or in its name (`/layer1/layer1.0/conv1/Conv`), or the name of its weights (`layer1.0.conv1.weight`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from cnncalc.reading.drafts import Call

_SCOPES = "pkg.torch.onnx.name_scopes"
_QUOTED = re.compile(r"'([^']*)'")
_WEIGHT = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*\.\w+", re.ASCII)
_OTHER = re.compile(r"[^\w-]", re.ASCII)

MAX_PART = 60
MAX_PARTS = 24
MAX_PATH = 160


def clean(name: str) -> str:
    """A name, or a part of a path, with the letters that names have.

    >>> clean("conv 1:0"), clean("")
    ('conv_1_0', '_')
    """
    return _OTHER.sub("_", name[:MAX_PART]) or "_"


def calls_of(node: Any) -> tuple[Call, ...]:
    """The modules that a node stands in, the outermost first."""
    for entry in node.metadata_props:
        if entry.key == _SCOPES and type(entry.value) is str and len(entry.value) < 5_000:
            return _calls(path for path in _QUOTED.findall(entry.value)[:-1] if path)
    parts = [part for part in node.name.split("/") if part] if "/" in node.name else []
    return _calls(_joined(parts[:-1]))


def calls_of_weight(name: str | None) -> tuple[Call, ...]:
    """The modules that a tensor is stored in, by its name; none if the name tells nothing.

    >>> [call.path for call in calls_of_weight("layer1.0.conv1.weight")]
    ['layer1', 'layer1.0', 'layer1.0.conv1']
    """
    if name is None or not _WEIGHT.fullmatch(name):
        return ()
    parts = name.split(".")[:-1]
    return _calls(".".join(parts[: number + 1]) for number in range(len(parts)))


def own_name(node: Any) -> str | None:
    """The name that a node's author gave it; None for one that only numbers it, or that says its place.

    >>> from onnx.helper import make_node
    >>> [own_name(make_node("Conv", ["x"], ["y"], name=name)) for name in ("stem conv", "Conv_3")]
    ['stem_conv', None]
    """
    name = node.name
    if not name or "/" in name or node.metadata_props or re.fullmatch(rf"(node_|n)?({node.op_type})?_?\d*", name):
        return None
    return clean(name)


def _joined(parts: list[str]) -> Iterable[str]:
    """The paths of the modules that the parts of a name say: PyTorch repeats the name of a container in its children's.

    >>> list(_joined(["layer1", "layer1.0", "conv1"]))
    ['layer1', 'layer1.0', 'layer1.0.conv1']
    """
    path, last = "", ""
    for part in parts:
        outer = path[: len(path) - len(last)] if last and part.startswith(f"{last}.") else (f"{path}." if path else "")
        path, last = outer + part, part
        yield path


def _calls(paths: Iterable[str]) -> tuple[Call, ...]:
    """Calls of modules by their paths; none where they are beyond any bound."""
    found: list[Call] = []
    for key in paths:
        parts = key.partition("@")[0].split(".")
        path = ".".join(map(clean, parts))
        if len(parts) > MAX_PARTS or len(path) > MAX_PATH or len(found) >= MAX_PARTS:
            return ()
        found.append(Call(path, "", key))
    return tuple(found)
