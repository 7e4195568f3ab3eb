"""Measuring time: clocks for the CPU and for CUDA, samples, and a device's ceilings.

Seconds everywhere. A clock marks moments on the device itself: on CUDA an event in the stream, which the GPU
reaches after all work before it; asking for the time between two marks waits for the second.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch

from cnncalc.pytorch.device import cuda_index

Call = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """Repeated measurements of one thing, in seconds: the median, the quartiles, the fastest, and how many."""

    median: float
    q1: float
    q3: float
    fastest: float
    count: int

    @property
    def iqr(self) -> float:
        """The interquartile range: the spread of the middle half."""
        return self.q3 - self.q1


def summary(seconds: Sequence[float]) -> Sample:
    """The sample of some measurements.

    >>> summary([3.0, 1.0, 2.0, 5.0, 4.0])
    Sample(median=3.0, q1=2.0, q3=4.0, fastest=1.0, count=5)
    """
    if len(seconds) == 1:
        return Sample(seconds[0], seconds[0], seconds[0], seconds[0], 1)
    q1, median, q3 = statistics.quantiles(seconds, n=4, method="inclusive")
    return Sample(median, q1, q3, min(seconds), len(seconds))


class Clock(Protocol):
    """Marks moments on a device."""

    def mark(self) -> Any:
        """This moment in the device's work."""

    def between(self, first: Any, second: Any) -> float:
        """The seconds between two marks."""

    def wait(self) -> None:
        """Wait until the device has done all its work."""

    def head_start(self, seconds: float) -> None:
        """Keep the device busy for about so long, so that work can be queued ahead of it."""

    def caught_up(self, mark: Any) -> bool:
        """Whether the device, working through a queue, has reached a mark already."""


class CpuClock:
    """The CPU's own clock: work is done when its call returns."""

    def mark(self) -> float:
        return time.perf_counter()

    def between(self, first: float, second: float) -> float:
        return second - first

    def wait(self) -> None:
        return

    def head_start(self, seconds: float) -> None:
        return

    def caught_up(self, mark: float) -> bool:
        return False  # there is no queue


class CudaClock:
    """Events in the current CUDA stream."""

    CYCLES_PER_SECOND = 2e9  # about a GPU's clock; the head start need not be exact

    def mark(self) -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    def between(self, first: torch.cuda.Event, second: torch.cuda.Event) -> float:
        second.synchronize()
        return float(first.elapsed_time(second)) / 1e3

    def wait(self) -> None:
        torch.cuda.synchronize()

    def head_start(self, seconds: float) -> None:
        sleep = getattr(torch.cuda, "_sleep", None)  # PyTorch's own tests use it; it has no public name
        if sleep is not None:
            sleep(int(seconds * self.CYCLES_PER_SECOND))

    def caught_up(self, mark: torch.cuda.Event) -> bool:
        return bool(mark.query())  # type: ignore[no-untyped-call]


def clock_of(device: str) -> Clock:
    """The clock of a device."""
    return CudaClock() if device.startswith("cuda") else CpuClock()


def time_calls(call: Call, clock: Clock, repeats: int, warmup: int = 0) -> Sample:
    """Call repeatedly, and time each call on its own, after warm-up calls that are not timed."""
    for _ in range(warmup):
        call()
    clock.wait()
    marks = []
    for _ in range(repeats):
        start = clock.mark()
        call()
        marks.append((start, clock.mark()))
    clock.wait()
    return summary([clock.between(start, end) for start, end in marks])


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What a device reached when it did nothing else, per second: the FLOPs of a large matrix product and of a
    large 3x3 convolution, and the bytes of a large copy.

    The higher of the first two bounds a layer's arithmetic: on some CPUs the library of matrix products is
    slower than that of convolutions.
    """

    matrix_product: float
    convolution: float
    bytes_per_s: float

    @property
    def flops_per_s(self) -> float:
        """The ceiling of arithmetic."""
        return max(self.matrix_product, self.convolution)


LONG_ENOUGH = 0.05
"""Seconds after which a matrix product is large enough to show what a device can do."""


def measure_ceilings(device: str, dtype: torch.dtype, channels_last: bool = False) -> Ceilings:
    """Measure a device: the fastest of several matrix products, convolutions (their channels innermost if
    `channels_last`) and copies."""
    clock = clock_of(device)
    form = torch.channels_last if channels_last else torch.contiguous_format
    with torch.inference_mode():
        return Ceilings(
            _matrix_product(device, dtype, clock), _convolution(device, dtype, form, clock), _copy(device, clock)
        )


def _matrix_product(device: str, dtype: torch.dtype, clock: Clock) -> float:
    """FLOPs a second of a square matrix product, as large as it takes to be long enough."""
    best = 0.0
    for n in (512, 1024, 2048, 4096) if device == "cpu" else (2048, 4096, 8192):
        a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
        out = torch.empty_like(a)
        fastest = time_calls(partial(torch.mm, a, b, out=out), clock, 5, warmup=2).fastest
        best = max(best, 2 * n**3 / fastest)
        if fastest > LONG_ENOUGH:
            break
    return best


def _convolution(device: str, dtype: torch.dtype, form: torch.memory_format, clock: Clock) -> float:
    """FLOPs a second of a 3x3 convolution that keeps the channels; the fastest of some sizes."""
    best = 0.0
    for batch, channels, size in ((1, 128, 28), (1, 256, 28), (4, 256, 28)) if device == "cpu" else ((64, 512, 28),):
        x = torch.randn(batch, channels, size, size, device=device).to(dtype, memory_format=form)
        weight = torch.randn(channels, channels, 3, 3, device=device).to(dtype, memory_format=form)
        call = partial(torch.nn.functional.conv2d, x, weight, padding=1)
        fastest = time_calls(call, clock, 5, warmup=2).fastest
        best = max(best, 2 * 9 * channels**2 * batch * size**2 / fastest)
        if fastest > LONG_ENOUGH:
            break
    return best


def _copy(device: str, clock: Clock) -> float:
    """Bytes a second of a copy that no cache holds; both the reading and the writing count."""
    size = 2**28 if device == "cpu" else min(2**30, torch.cuda.mem_get_info(cuda_index(device))[0] // 8)
    source = torch.ones(size // 4, device=device)
    target = torch.empty_like(source)
    fastest = time_calls(lambda: target.copy_(source), clock, 10, warmup=2).fastest
    return 2 * source.numel() * 4 / fastest
