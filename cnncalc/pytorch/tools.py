"""What the counting tools print for a module itself: each is run on it.

A tool that hooks modules sees no functions, and one that traces sees no modules; so what it prints depends on how the
module is written, and not on the network alone. Where a tool fails on a module, that is said.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from cnncalc.errors import shorten
from cnncalc.pytorch.read import Reading, quiet


@dataclass(frozen=True, slots=True)
class Printed:
    """What a tool prints for a module; None, and the reason, where it fails or is not installed."""

    tool: str
    number: int | None
    reason: str = ""


def printed(reading: Reading, tool: str) -> Printed:
    """What a tool prints for a module, with a batch of one.

    Tools that need numbers in the tensors get random ones: the module must have been made with memory.

    >>> from cnncalc.pytorch import reading
    >>> module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
    >>> printed(reading(module, (3, 8, 8)), "torch")
    Printed(tool='torch', number=15552, reason='')
    """
    package = _PACKAGES.get(tool, tool)
    if find_spec(package) is None:
        return Printed(tool, None, f"{package} is not installed")
    # Without gradients: PyTorch's counter fails on a view of a parameter that was made without them.
    module = copy.deepcopy(reading.module).train(reading.graph.training).requires_grad_(False)
    device = next((tensor.device for tensor in module.parameters()), torch.device("cpu"))
    inputs = tuple(torch.zeros(tensor.shape, dtype=tensor.dtype, device=device) for tensor in reading.inputs)
    try:
        with torch.no_grad(), quiet(), _without_libraries(tool):
            return Printed(tool, int(RUN[tool](module, inputs)))
    except (Exception, SystemExit) as error:  # whatever a tool raises on a module
        message = next(iter(str(error).strip().splitlines()), "")
        return Printed(tool, None, f"it fails on the module: {type(error).__name__}: {shorten(message, 120)}")


_PACKAGES = {"torch": "torch"}


@contextmanager
def _without_libraries(tool: str) -> Iterator[None]:
    """ptflops imports torchvision and timm where it can, and stops where these do not fit PyTorch."""
    absent = [name for name in ("torchvision", "timm") if tool == "ptflops" and name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)


def _torch(module: nn.Module, inputs: tuple[Tensor, ...]) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        module(*inputs)
    return int(counter.get_total_flops())


def _fvcore(module: nn.Module, inputs: tuple[Tensor, ...]) -> float:
    from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(module, inputs).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return float(analysis.total())


def _ptflops(module: nn.Module, inputs: tuple[Tensor, ...]) -> float:
    from ptflops import get_model_complexity_info

    shape = tuple(inputs[0].shape[1:])
    names = ("x",) if len(inputs) == 1 else None
    if names is None:
        raise RuntimeError("it runs modules of one input")
    macs, _ = get_model_complexity_info(
        module, shape, as_strings=False, print_per_layer_stat=False, input_constructor=lambda _: _single(module, inputs)
    )
    if macs is None:
        raise RuntimeError("it gives nothing")
    return float(macs)


def _single(module: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """The input by the name that the module's forward has for it."""
    import inspect

    return {next(iter(inspect.signature(module.forward).parameters)): inputs[0]}


def _thop(module: nn.Module, inputs: tuple[Tensor, ...]) -> float:
    from thop import profile

    macs, _ = profile(module, inputs=inputs, verbose=False)
    return float(macs)


def _torchinfo(module: nn.Module, inputs: tuple[Tensor, ...]) -> int:
    from torchinfo import summary

    device = inputs[0].device
    mode = "train" if module.training else "eval"
    found = summary(module, input_data=list(inputs), verbose=0, device=device, mode=mode)
    return int(found.total_mult_adds)


RUN: Mapping[str, Callable[[nn.Module, tuple[Tensor, ...]], float]] = {
    "torch": _torch,
    "fvcore": _fvcore,
    "ptflops": _ptflops,
    "thop": _thop,
    "torchinfo": _torchinfo,
}
