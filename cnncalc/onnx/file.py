"""An ONNX file as a protobuf message without its weights.

The numbers of large tensors are left out while the file is gone through, so that they take no memory and no time: their
shapes say all that counting needs. What a tensor says of another file is not looked at: none is opened.
"""

from __future__ import annotations

import mmap
import stat
from pathlib import Path
from typing import Any

from cnncalc.errors import RequestError, shorten

MAX_TENSOR = 2**16
"""Bytes of a tensor above which its numbers are left out; those that shape arithmetic needs are far smaller."""

MAX_MESSAGE = 2**25
"""Bytes that are left of a file without its weights: the description of some ten thousand nodes."""

MAX_ITEMS = 300_000
"""Stored tensors, shapes that are told, nodes, and tensors that nodes read: so many in all."""

MAX_FIELDS = 1_000_000
"""Fields that are gone through one by one: those of messages that hold large tensors."""

# The fields of ONNX's messages, by number, in which tensors lie; and those of a tensor that hold its numbers.
_TENSOR = {4: None, 5: None, 6: None, 7: None, 9: None, 10: None, 11: None}
_SPARSE: dict[int, Any] = {1: _TENSOR, 2: _TENSOR}
_ATTRIBUTE: dict[int, Any] = {5: _TENSOR, 10: _TENSOR, 22: _SPARSE, 23: _SPARSE}
_GRAPH: dict[int, Any] = {1: {5: _ATTRIBUTE}, 5: _TENSOR, 15: _SPARSE}
_MODEL: dict[int, Any] = {7: _GRAPH, 25: {7: {5: _ATTRIBUTE}}}
_ATTRIBUTE |= {6: _GRAPH, 11: _GRAPH}


class _Broken(Exception):
    """The bytes are no protobuf message."""


def load(path: Path) -> Any:
    """The model that a file holds, an `onnx.ModelProto`, without the numbers of its large tensors.

    Raises:
        RequestError: there is no such file, it is too large, or no ONNX file.
    """
    shown = f"'{shorten(str(path), 80)}'"
    try:
        _check_kind(path.stat().st_mode, shown)
        with path.open("rb") as file:
            if not path.stat().st_size:
                raise RequestError(f"{shown} is empty: it is no ONNX file", code="another-file")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                message = without_weights(data, shown)
    except FileNotFoundError:
        hint = "a path is taken from the current folder"
        raise RequestError(f"there is no file {shown}", hint=hint, code="no-such-file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RequestError(f"{shown} cannot be read: {reason}", code="unreadable-file") from None
    return parsed(message, shown)


def _check_kind(mode: int, shown: str) -> None:
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise RequestError(f"{shown} is {what}, not an ONNX file", code="not-a-file")


def without_weights(data: Any, shown: str = "the file") -> bytes:
    """The bytes of a model, without the numbers of its large tensors.

    Raises:
        RequestError: they are no ONNX model, or what is left is too large.
    """
    try:
        return _Slimmer(data).message(0, len(data), _MODEL, 0)
    except _Broken:
        raise no_model(shown) from None
    except _Large:
        hint = f"besides the weights, up to {MAX_MESSAGE // 2**20} MiB in {MAX_FIELDS:,} parts are read"
        raise RequestError(
            f"{shown} is larger than the description of any network", hint=hint, code="too-large"
        ) from None


def parsed(message: bytes, shown: str) -> Any:
    """The model in bytes.

    Raises:
        RequestError: it is none.
    """
    import onnx
    from google.protobuf.message import DecodeError

    model = onnx.ModelProto()
    try:
        model.ParseFromString(message)
    except (DecodeError, RuntimeError, ValueError):
        raise no_model(shown) from None
    graph = model.graph
    if not model.HasField("graph") or not (graph.node or graph.output):
        raise no_model(shown)
    items = len(graph.initializer) + len(graph.value_info) + len(graph.input) + len(graph.output) + len(graph.node)
    items += len(graph.sparse_initializer) + len(model.functions) + len(model.opset_import)
    if items > MAX_ITEMS or sum(len(node.input) + len(node.output) for node in graph.node) > MAX_ITEMS:
        raise RequestError(f"{shown} has more than {MAX_ITEMS:,} tensors and nodes", code="too-large")
    return model


def no_model(shown: str) -> RequestError:
    """The error of a file that holds no model."""
    hint = "is it cut off, or another kind of file?"
    return RequestError(f"{shown} is no ONNX file", hint=hint, code="another-file")


class _Large(Exception):
    """More is left than the bound."""


class _Slimmer:
    """Copies messages, but for the numbers of large tensors."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.fields = 0
        self.kept = 0

    def message(self, at: int, end: int, inner: dict[int, Any], depth: int) -> bytes:
        """The message from `at` to `end`; `inner` has the fields that hold messages with tensors in them, or None for
        the numbers of a tensor."""
        if depth > 100:  # as deep as protobuf itself goes
            raise _Broken
        found = bytearray()
        while at < end:
            self.fields += 1
            if self.fields > MAX_FIELDS:
                raise _Large
            start = at
            tag, at = self.varint(at, end)
            kind, number = tag & 7, tag >> 3
            if kind == 0:
                _, at = self.varint(at, end)
            elif kind == 1:
                at += 8
            elif kind == 5:
                at += 4
            elif kind == 2:
                length, at = self.varint(at, end)
                at += length
                if length > MAX_TENSOR and number in inner:
                    if at > end:
                        raise _Broken
                    within = inner[number]
                    if within is not None:
                        content = self.message(at - length, at, within, depth + 1)
                        found += _varint(tag) + _varint(len(content)) + content
                    continue
            else:
                raise _Broken  # groups, which ONNX has none of
            if at > end:
                raise _Broken
            self.kept += at - start
            if self.kept > MAX_MESSAGE:
                raise _Large
            found += self.data[start:at]
        return bytes(found)

    def varint(self, at: int, end: int) -> tuple[int, int]:
        """The number at a place, and the place behind it."""
        number = shift = 0
        while True:
            if at >= end or shift > 63:
                raise _Broken
            byte = self.data[at]
            number |= (byte & 127) << shift
            at += 1
            if byte < 128:
                return number, at
            shift += 7


def _varint(number: int) -> bytes:
    """A number as protobuf writes it.

    >>> _varint(300).hex()
    'ac02'
    """
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)
