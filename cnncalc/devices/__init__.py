"""Devices: what each can do at most. A device is a YAML file: `title`, `source`, `flops` (a second, by type of
number), `bandwidth` (bytes a second) and `memory` (bytes). Those in this folder come with cnncalc.

A rate is the fastest that the device has for the type: with tensor cores where they take it (float64 on A100, H100 and
H200), dense, never with sparsity; for float32 without, as tensor cores take that only cut to 19 bits, which is `tf32`.
A vendor's GB of memory are 2^30 bytes, as memory chips are made; of bandwidth 10^9, as the clock is.

>>> load("gtx580").memory == 3 * 2**30
True
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from cnncalc.errors import RequestError, Source, did_you_mean, shorten
from cnncalc.language.files import read_text
from cnncalc.language.plain import read_as

FOLDER = Path(__file__).parent
MAX_BYTES = 100_000
TF32 = "tf32"
"""NVIDIA's tensor cores on float32 of which 19 bits count: stored as float32, computed faster."""

Rate = Annotated[float, Meta(gt=0)]


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a device can do at most: FLOPs a second by type of number, bytes a second, bytes of memory."""

    title: str
    source: str
    flops: dict[str, Rate]
    bandwidth: Rate
    memory: Rate | None = None

    def peak(self, dtype: str) -> float:
        """FLOPs a second in a type of number.

        Raises:
            RequestError: the device has no figure for it.
        """
        if dtype not in self.flops:
            raise RequestError(f"{self.title} has no figure for {dtype}", hint=f"it has {', '.join(self.flops)}")
        return self.flops[dtype]

    def ridge(self, dtype: str) -> float:
        """The arithmetic intensity, in FLOPs a byte, from which on arithmetic is the limit."""
        return self.peak(dtype) / self.bandwidth


def names() -> list[str]:
    """The names of the devices that come with cnncalc.

    >>> names()
    ['a100', 'gtx580', 'h100', 'h200', 'raspberry_pi_5', 'rtx4090', 'server_2_cores']
    """
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load(name: str) -> Device:
    """A device by its name, or from a YAML file.

    Raises:
        RequestError: there is none, or the file describes none.

    >>> load("gtx580").ridge("float32") > 8
    True
    """
    if name in names():
        return _read(FOLDER / f"{name}.yaml")
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or "/" in name:
        return _read(path)
    hint = did_you_mean(name, names()) or f"one of {', '.join(names())}, or the path of a YAML file"
    raise RequestError(f"no device is called '{name[:40]}'", hint=hint, code="unknown-word")


def _read(path: Path) -> Device:
    """The device that a file describes."""
    text = read_text(path, "device", MAX_BYTES)
    return read_as(Source(shorten(str(path), 80), text), Device, "a device", marks=("bandwidth", "flops"))


def text(device: Device) -> str:
    """A device as the YAML that `load` reads."""
    import yaml

    return yaml.safe_dump(msgspec.to_builtins(device), sort_keys=False, allow_unicode=True)
