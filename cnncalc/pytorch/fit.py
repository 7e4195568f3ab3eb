"""Whether a network fits a device's memory: looked at before anything is built, and said when it does not."""

from __future__ import annotations

import torch

from cnncalc.costs.amount import AtLeast
from cnncalc.costs.analysis import Costs
from cnncalc.errors import RequestError
from cnncalc.pytorch.device import available_bytes, cuda_index

OPTIMIZER = "sgd"


def needed_bytes(costs: Costs, training: bool = False) -> int:
    """The memory that a forward pass, or a step of training, is predicted to need."""
    return costs.memory.training(OPTIMIZER).total if training else costs.memory.peak


def check_memory(costs: Costs, device: str, training: bool = False) -> None:
    """Raise where the prediction alone exceeds what is free: better than to be killed for it. The device `meta` needs
    no memory.

    Raises:
        RequestError: see `too_large`.
    """
    available = None if device == "meta" else available_bytes(device)
    if available is not None and needed_bytes(costs, training) > available:
        raise too_large(costs, device, training)


def too_large(costs: Costs, device: str, training: bool = False) -> RequestError:
    """The error of a batch that does not fit: the predicted need, and the largest batch that would fit."""
    graph, batch, need = costs.graph, costs.batch, needed_bytes(costs, training)
    message = f"{graph.name} with batch {batch:,} does not fit the memory of {device}: about {_gib(need)} are needed"
    available = _budget(device)
    if available is None or isinstance(need, AtLeast):
        return RequestError(message, hint="a smaller batch or input needs less")
    best = costs.memory.largest_batch(available, OPTIMIZER, training) or 0
    # Where the prediction fits and the run did not, workspaces and fragments took the rest.
    best = min(best, batch // 2) if best >= batch else best
    hint = f"the largest batch that would fit is {best:,}" if best else "not even a batch of 1 would fit"
    return RequestError(f"{message}, {_gib(available)} are free", hint=hint)


def too_many(costs: Costs) -> RequestError:
    """The error of a tensor with more elements than PyTorch can number."""
    return RequestError(
        f"{costs.graph.name} with batch {costs.batch:,} has a tensor too large for PyTorch",
        hint="a smaller batch or input; a tensor has less than 2^63 bytes",
    )


def _budget(device: str) -> int | None:
    """The memory free for this process, its own cache included."""
    available = available_bytes(device)
    if available is None or not device.startswith("cuda"):
        return available
    return available + torch.cuda.memory_reserved(cuda_index(device))


def _gib(size: int) -> str:
    return f"{size / 2**30:,.2f} GiB"
