"""The operation counters that verification compares with: PyTorch's own and fvcore's.

Both give MACs by layer. `torch.utils.flop_counter` counts 2 FLOPs for each and nothing else. fvcore counts a
MAC as one, and gives numbers of its own making for some other operations, which are kept apart here.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from cnncalc.pytorch.build import BuiltNetwork

# fvcore's names of the operators whose counts are MACs.
_MAC_OPERATORS = frozenset({"conv", "linear", "addmm", "mm", "matmul", "bmm", "baddbmm", "einsum"})


@dataclass(frozen=True, slots=True)
class Count:
    """What a counter says of a forward pass.

    Attributes:
        total: all MACs, also those outside any layer.
        layers: the MACs of each layer, by its name.
        others: what else it counts, by layer; in its own convention.
        ignored: the operators that it saw and does not count, and how often.
    """

    total: int
    layers: Mapping[str, int]
    others: Mapping[str, int] = field(default_factory=dict)
    ignored: Mapping[str, int] = field(default_factory=dict)


@contextmanager
def step_by_step(model: nn.Module) -> Iterator[None]:
    """Recurrent layers run as the products that they are, in place of one op of a library for processors; and PyTorch's
    attention modules as the functions that they call."""
    recurrent = any(isinstance(module, nn.RNNBase) for module in model.modules())
    fast = torch.backends.mha.get_fastpath_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of settings for other processors, which nobody asked for
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            with torch.backends.mkldnn.flags(enabled=False) if recurrent else nullcontext():
                yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)


def run_counted(model: BuiltNetwork, inputs: tuple[Tensor, ...]) -> tuple[Any, Count]:
    """A forward pass under `torch.utils.flop_counter`: the outputs, and the MACs. What runs attention and LSTMs fastest
    on a processor is no product that the counter knows: they run step by step."""
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), step_by_step(model), counter:
        outputs = model(*inputs)
    root = f"{type(model).__name__}."
    layers = {
        name.removeprefix(root): sum(flops.values()) // 2
        for name, flops in counter.get_flop_counts().items()
        if name.startswith(root)
    }
    return outputs, Count(counter.get_total_flops() // 2, layers)


def fvcore_count(model: nn.Module, inputs: tuple[Tensor, ...]) -> Count:
    """fvcore's count of a forward pass. It traces real tensors: `meta` ones it cannot. What no output depends on is
    not in the trace, and so not in the count."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing: shapes become constants, which is meant here
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(model, inputs).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        found = analysis.by_module_and_operator()
        ignored = analysis.unsupported_ops()
    names = {name for name, _ in model.named_modules()} - {""}
    return Count(
        total=_macs(found[""]),
        layers={name: _macs(found[name]) for name in names},
        others={name: int(sum(found[name].values())) - _macs(found[name]) for name in names},
        ignored={name.removeprefix("aten::"): int(number) for name, number in ignored.items()},
    )


def _macs(operators: Mapping[str, float]) -> int:
    """The MACs among fvcore's counts by operator."""
    return int(sum(number for name, number in operators.items() if name in _MAC_OPERATORS))
