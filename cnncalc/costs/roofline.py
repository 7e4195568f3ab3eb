"""Arithmetic intensity, and the roofline bound of a device (Williams, Waterman and Patterson 2009).

A layer does FLOPs and moves bytes. On a device that does at most P FLOPs a second and moves at most B bytes a
second it needs at least max(FLOPs / P, bytes / B) seconds: it is limited by arithmetic, or by memory. FLOPs are
2 x MACs and all other operations; bytes are each layer's parameters, inputs and output, each once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cnncalc.costs.analysis import Costs, GroupRow, Row
from cnncalc.devices import TF32, Device
from cnncalc.errors import RequestError
from cnncalc.graph import Node


@dataclass(frozen=True, slots=True)
class Bound:
    """What bounds a layer, or several run one after the other: FLOPs, bytes, and the least seconds for either.

    None where the layer does not say what it does. `arithmetic` and `transfer` are the times of the layers that
    arithmetic, and that memory, limits; of one layer, those that it would take for either.
    """

    flops: int | None
    bytes: int | None
    arithmetic: float | None
    transfer: float | None
    several: bool = False

    @property
    def seconds(self) -> float | None:
        """The least time."""
        if self.arithmetic is None or self.transfer is None:
            return None
        return self.arithmetic + self.transfer if self.several else max(self.arithmetic, self.transfer)

    @property
    def intensity(self) -> float | None:
        """FLOPs per byte; 0 where nothing is moved."""
        if self.flops is None or self.bytes is None:
            return None
        return self.flops / self.bytes if self.bytes else 0.0

    @property
    def limit(self) -> str:
        """What takes longer: `arithmetic` or `memory`; nothing for a layer that does nothing."""
        if not self.seconds or self.arithmetic is None or self.transfer is None:
            return ""
        return "arithmetic" if self.arithmetic >= self.transfer else "memory"


class Roofline:
    """A network on a device: the bound of each layer, and of all run one after the other.

    Args:
        costs: the network with its costs; they are counted anew where its type of number is another.
        device: the device.
        dtype: of all numbers: float64, float32, float16, bfloat16, or tf32 where the device has it.

    Raises:
        RequestError: the device has no figure for the type.

    >>> from cnncalc.devices import load as device
    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.zoo import load
    >>> result = Roofline(Costs(expand(load("alexnet"))), device("gtx580"))
    >>> [result.of(result.costs[name]).limit for name in ("conv1", "fc6")]
    ['arithmetic', 'memory']
    """

    def __init__(self, costs: Costs, device: Device, dtype: str = "float32") -> None:
        peak = device.peak(dtype)
        stored = "float32" if dtype == TF32 else dtype
        self.costs = costs if costs.dtype == stored else Costs(costs.graph, costs.batch, stored)
        self.device = device
        self.dtype = dtype
        self.bounds: dict[Node, Bound] = {}
        for row in self.costs.layers:
            layer = row.memory
            traffic = None if layer.read is None else layer.read + layer.written
            times = _seconds(row.flops, peak), _seconds(traffic, device.bandwidth)
            self.bounds[row.node] = Bound(row.flops, traffic, *times)
        self.whole = self.together(self.costs.layers)

    def of(self, row: Row | GroupRow) -> Bound:
        """The bound of a layer; of a group, that of its layers run one after the other."""
        return self.bounds[row.node] if isinstance(row, Row) else self.together(row.rows)

    @property
    def seconds(self) -> float:
        """The sum of the layers' least times: a bound for layers that are run one after the other."""
        return self.whole.seconds or 0.0

    @property
    def complete(self) -> bool:
        """Whether every layer says what it does: otherwise the time is of those that do."""
        return all(bound.seconds is not None for bound in self.bounds.values())

    @property
    def fits(self) -> bool:
        """Whether the peak of inference fits the device's memory."""
        return self.device.memory is None or self.costs.memory.peak <= self.device.memory

    def together(self, rows: Iterable[Row]) -> Bound:
        """The bound of some layers run one after the other; what limits most of their time."""
        bounds = [bound for bound in (self.bounds[row.node] for row in rows) if bound.seconds is not None]
        times = {
            limit: sum(bound.seconds or 0.0 for bound in bounds if bound.limit == limit)
            for limit in ("arithmetic", "memory")
        }
        return Bound(
            sum(bound.flops or 0 for bound in bounds),
            sum(bound.bytes or 0 for bound in bounds),
            times["arithmetic"],
            times["memory"],
            several=True,
        )


def _seconds(amount: int | None, rate: float) -> float | None:
    """How long an amount takes at a rate.

    Raises:
        RequestError: longer than a number can say.
    """
    try:
        return None if amount is None else amount / rate
    except OverflowError:
        raise RequestError(
            "the times of this network are too long to be told", hint="a smaller batch or input"
        ) from None
