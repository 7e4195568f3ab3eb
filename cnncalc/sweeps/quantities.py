"""The quantities that a sweep can give of a variant: what they are, and from what they come.

Counts are composed for many variants at once; what is `full` needs the expanded network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnncalc.costs.amount import AtLeast
from cnncalc.errors import RequestError

if TYPE_CHECKING:
    from cnncalc.costs.analysis import Costs


@dataclass(frozen=True)
class Conditions:
    """Under which conditions variants are counted: of what `Network.analyze` takes, and for the time on a device."""

    batch: int = 1
    training: bool = False
    dtype: str = "float32"
    optimizer: str = "sgd"
    device: str | None = None


@dataclass(frozen=True)
class Quantity:
    """A quantity: its title in tables, what it is, and what gives it of an analysis; None where it is unknown.

    `whole` says that it is a whole number; `full` that it needs the expanded network.
    """

    title: str
    meaning: str
    of: Callable[[Costs, Conditions], float | None]
    full: bool = False
    whole: bool = True


def _known(amount: float | None) -> float | None:
    return None if isinstance(amount, AtLeast) else amount


def _field(analysis: Costs, conditions: Conditions) -> int | None:
    """The larger side of the receptive field; the input's where the last maps see all of it; None where unknown."""
    from cnncalc.costs.compare import largest_field
    from cnncalc.costs.receptive_field import UnknownField

    field = largest_field(analysis)
    if isinstance(field, UnknownField):
        return None
    return max(analysis.graph.input[1:] if field is None else field, default=None)


def _time(analysis: Costs, conditions: Conditions) -> float | None:
    if conditions.device is None:
        raise RequestError("a time is of a device", hint="name one: --device h100")
    from cnncalc.costs.roofline import Roofline
    from cnncalc.devices import load

    roofline = Roofline(analysis, load(conditions.device), conditions.dtype)
    return roofline.seconds if roofline.complete else None


def _intensity(analysis: Costs, conditions: Conditions) -> float | None:
    from cnncalc.costs.compare import intensity

    known = _known(analysis.flops) is not None and _known(analysis.memory.traffic) is not None
    return intensity(analysis) if known else None


QUANTITIES: Mapping[str, Quantity] = {
    "params": Quantity("Parameters", "trainable parameters", lambda a, c: _known(a.params)),
    "buffers": Quantity("Buffers", "numbers that are stored and not trained", lambda a, c: _known(a.buffers)),
    "macs": Quantity("MACs", "multiply-accumulates", lambda a, c: _known(a.macs)),
    "flops": Quantity("FLOPs", "2 x MACs + all other operations", lambda a, c: _known(a.flops)),
    "activations": Quantity("Activations", "elements of all layers' outputs", lambda a, c: a.activations),
    "layers": Quantity("Layers", "layers, those without parameters included", lambda a, c: len(a.layers)),
    "param_bytes": Quantity("Parameter bytes", "bytes of the parameters", lambda a, c: _known(a.param_bytes)),
    "peak": Quantity(
        "Peak bytes", "bytes at the peak of inference, with parameters", lambda a, c: _known(a.memory.peak), True
    ),
    "saved": Quantity(
        "Saved bytes", "bytes that autograd saves for the backward pass", lambda a, c: _known(a.memory.saved), True
    ),
    "train": Quantity(
        "Training bytes",
        "bytes of a step of training with --optimizer",
        lambda a, c: _known(a.memory.training(c.optimizer).total),
        True,
    ),
    "traffic": Quantity(
        "Traffic bytes", "bytes that all layers read and write", lambda a, c: _known(a.memory.traffic), True
    ),
    "intensity": Quantity("FLOPs/byte", "FLOPs per byte of traffic", _intensity, True, False),
    "field": Quantity(
        "Field",
        "the largest receptive field of a layer, in pixels; the input's size where the last maps see all of it",
        _field,
        True,
    ),
    "time": Quantity("Seconds", "the least time on --device, by its roofline", _time, True, False),
}
"""Every quantity by name."""

DEFAULT = ("params", "macs", "flops", "activations")
"""The quantities that are shown unless others are asked for."""
