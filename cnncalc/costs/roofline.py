"""Arithmetic intensity, and the roofline bound of a device (Williams, Waterman and Patterson 2009).

A layer does FLOPs and moves bytes. On a device that does at most P FLOPs a second and moves at most B bytes a
second it needs at least max(FLOPs / P, bytes / B) seconds: it is limited by arithmetic, or by memory. FLOPs are
2 x MACs and all other operations; bytes are each layer's parameters, inputs and output, each once.

A device is a YAML file: `title`, `source`, `flops` (a second, by type of number), `bandwidth` (bytes a second) and
`memory` (bytes).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from cnncalc.costs.analysis import Analysis, analyse
from cnncalc.costs.memory import Memory, memory
from cnncalc.errors import RequestError, did_you_mean
from cnncalc.language.expand import Network

FOLDER = Path(__file__).parent.parent / "devices"
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


def devices() -> list[str]:
    """The names of the devices that come with cnncalc.

    >>> devices()
    ['a100', 'gtx580', 'h100', 'h200', 'raspberry_pi_5', 'rtx4090', 'server_2_cores']
    """
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_device(name: str) -> Device:
    """A device by its name, or from a YAML file.

    Raises:
        RequestError: there is none, or the file describes none.

    >>> load_device("gtx580").ridge("float32") > 8
    True
    """
    if name in devices():
        return _read(FOLDER / f"{name}.yaml")
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or "/" in name:
        return _read(path)
    hint = did_you_mean(name, devices()) or f"one of {', '.join(devices())}, or the path of a YAML file"
    raise RequestError(f"no device is called '{name[:40]}'", hint=hint)


def _read(path: Path) -> Device:
    """The device that a file describes."""
    import yaml

    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise RequestError(f"there is no file '{path}'", hint="a device is a name or the path of a YAML file") from None
    except OSError as error:
        raise RequestError(f"'{path}' cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise RequestError(f"{path} is larger than {MAX_BYTES:,} bytes: no device is")
    try:
        # Not strict, because YAML 1.1 takes 1e12 for a word.
        return msgspec.convert(yaml.safe_load(data), Device, strict=False)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"{path} is no YAML: {' '.join(str(error).split())[:200]}") from None
    except msgspec.ValidationError as error:
        hint = "it has title, source, flops (by type of number), bandwidth and memory"
        raise RequestError(f"{path} describes no device: {error}", hint=hint) from None


def device_text(device: Device) -> str:
    """A device as the YAML that `load_device` reads."""
    import yaml

    return yaml.safe_dump(msgspec.to_builtins(device), sort_keys=False, allow_unicode=True)


@dataclass(frozen=True, slots=True)
class Bound:
    """What bounds a layer: FLOPs, bytes, and the least seconds for either."""

    flops: int
    bytes: int
    arithmetic: float
    transfer: float

    @property
    def seconds(self) -> float:
        """The least time."""
        return max(self.arithmetic, self.transfer)

    @property
    def intensity(self) -> float:
        """FLOPs a byte; 0 where nothing is moved."""
        return self.flops / self.bytes if self.bytes else 0.0

    @property
    def limit(self) -> str:
        """What takes longer: `arithmetic` or `memory`; nothing for a layer that does nothing."""
        if not self.seconds:
            return ""
        return "arithmetic" if self.arithmetic >= self.transfer else "memory"


@dataclass
class Roofline:
    """A network on a device: the bound of each layer, and of all run one after the other."""

    analysis: Analysis
    memory: Memory
    device: Device
    dtype: str
    layers: list[Bound]

    @cached_property
    def seconds(self) -> float:
        """The sum of the layers' least times: a bound for layers that are run one after the other."""
        return sum(bound.seconds for bound in self.layers)

    @property
    def fits(self) -> bool:
        """Whether the peak of inference fits the device's memory."""
        return self.device.memory is None or self.memory.peak <= self.device.memory

    def together(self, indices: Iterator[int] | tuple[int, ...]) -> Bound:
        """The bound of some layers run one after the other; what limits most of their time."""
        bounds = [self.layers[index] for index in indices]
        by_limit: Mapping[str, float] = {
            limit: sum(bound.seconds for bound in bounds if bound.limit == limit) for limit in ("arithmetic", "memory")
        }
        return _Sum(
            sum(bound.flops for bound in bounds),
            sum(bound.bytes for bound in bounds),
            by_limit["arithmetic"],
            by_limit["memory"],
        )


class _Sum(Bound):
    """Layers one after the other: their times add up."""

    __slots__ = ()

    @property
    def seconds(self) -> float:
        return self.arithmetic + self.transfer


def roofline(network: Network, device: Device, batch: int = 1, dtype: str = "float32") -> Roofline:
    """The roofline bound of every layer of a network on a device.

    Args:
        dtype: of all numbers: float64, float32, float16, bfloat16, or tf32 where the device has it.

    Raises:
        RequestError: the device has no figure for the type.

    >>> from cnncalc import expand, load
    >>> result = roofline(expand(load("alexnet")), load_device("gtx580"))
    >>> [result.layers[index].limit for index in (0, 16)]  # conv1, fc6
    ['arithmetic', 'memory']
    """
    peak = device.peak(dtype)
    analysis = analyse(network, batch)
    moved = memory(network, batch, "float32" if dtype == TF32 else dtype)
    bounds = []
    for costs, layer in zip(analysis.layers, moved.layers, strict=True):
        traffic = layer.read + layer.written
        bounds.append(Bound(costs.flops, traffic, _seconds(costs.flops, peak), _seconds(traffic, device.bandwidth)))
    return Roofline(analysis, moved, device, dtype, bounds)


def _seconds(amount: int, rate: float) -> float:
    """How long an amount takes at a rate.

    Raises:
        RequestError: longer than a number can say.
    """
    try:
        return amount / rate
    except OverflowError:
        raise RequestError(
            "the times of this network are too long to be told", hint="a smaller batch or input"
        ) from None
