"""Devices: whether one can be used, what it is, and what its errors mean."""

from __future__ import annotations

import os
import platform
from typing import Any

import torch

from cnncalc.errors import RequestError, did_you_mean

DEVICES = ("cpu", "cuda", "meta")


def checked_device(name: str, devices: tuple[str, ...] = DEVICES) -> str:
    """The name of a device that can be used, without a number where there is only one.

    Raises:
        RequestError: an unknown name, or CUDA where PyTorch has none.

    >>> checked_device("cpu:0")
    'cpu'
    """
    base, colon, number = name.partition(":")
    if base not in devices:
        hint = did_you_mean(name, devices) or f"the devices are {', '.join(devices)}"
        raise RequestError(f"there is no device '{name[:40]}'", hint=hint)
    if base == "cuda":
        reason = _cuda_fault()
        if reason:
            raise RequestError(f"no usable GPU: {reason}", hint="run on the CPU with --device cpu")
    count = torch.cuda.device_count() if base == "cuda" else 1
    if colon and not (number.isascii() and number.isdigit() and len(number) < 5 and int(number) < count):
        known = f"PyTorch sees {count} of them, from cuda:0" if base == "cuda" else f"there is one, {base}"
        raise RequestError(f"there is no device '{name[:40]}'", hint=known)
    return f"cuda:{int(number)}" if base == "cuda" and colon else base


def _cuda_fault() -> str | None:
    """What PyTorch reports where CUDA does not work; None where it does."""
    if torch.version.cuda is None and getattr(torch.version, "hip", None) is None:
        return f"PyTorch {torch.__version__} was built without CUDA"
    if not torch.cuda.is_available():
        try:
            torch.zeros(1, device="cuda")
        except (RuntimeError, AssertionError) as error:
            return str(error).strip().splitlines()[0]
        return f"PyTorch {torch.__version__} for CUDA {torch.version.cuda} sees no GPU"
    return None


def cuda_index(name: str) -> int:
    """The number of a CUDA device; of plain `cuda` the current one. Not every release takes the name itself."""
    _, _, number = name.partition(":")
    return int(number) if number else torch.cuda.current_device()


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on the GPU or the CPU."""
    return isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)


def overflow(error: BaseException) -> bool:
    """Whether an error of PyTorch says that a tensor has more elements or bytes than it can number."""
    return isinstance(error, (RuntimeError, OverflowError)) and "overflow" in str(error).lower()


def available_bytes(device: str) -> int | None:
    """The memory that is free on a device; None if it cannot be known."""
    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info(cuda_index(device))
        return int(free)
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            fields = dict(line.split(":", 1) for line in lines)
        return min(int(fields["MemAvailable"].split()[0]) * 1024, _cgroup_limit())
    except (OSError, KeyError, ValueError):
        return None


def _cgroup_limit() -> int:
    """What a container leaves of its memory; practically endless where there is no limit."""
    try:
        with (
            open("/sys/fs/cgroup/memory.max", encoding="ascii") as limit,
            open("/sys/fs/cgroup/memory.current", encoding="ascii") as used,
        ):
            return int(limit.read()) - int(used.read())
    except (OSError, ValueError):
        return 2**63


def describe(device: str) -> dict[str, Any]:
    """The device and the versions that a measurement depends on, for the record."""
    facts: dict[str, Any] = {
        "device": device,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
    }
    if device.startswith("cuda"):
        properties = torch.cuda.get_device_properties(cuda_index(device))
        facts |= {
            "gpu": properties.name,
            "gpu_memory_bytes": properties.total_memory,
            "compute_capability": f"{properties.major}.{properties.minor}",
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        }
    return facts


def _cpu_name() -> str:
    """The processor's model."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
