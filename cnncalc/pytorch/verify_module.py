"""Verification of a network that was read from a module: against that module itself, as it runs.

The module is run once. Compared are the shapes of what every module without children gives, each time that it is
called; the multiply-accumulates of every module, by PyTorch's own counter; and parameters, multiply-accumulates
and outputs of the whole.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from cnncalc.costs.amount import total
from cnncalc.costs.analysis import Costs
from cnncalc.ops.base import Shape
from cnncalc.pytorch.read import Reading, quiet
from cnncalc.pytorch.verify import FLOP_COUNTER, PYTORCH, Mismatch, Report, buffers


def verify_module(reading: Reading, device: str = "cpu") -> Report:
    """Compare the network that was read from a module with the module, run once with a batch of one.

    Args:
        reading: the module and its network.
        device: where the module is: `meta` gives shapes and counts without computing anything.

    >>> from cnncalc.pytorch import reading
    >>> verify_module(reading(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), (3, 8, 8))).equal
    True
    """
    start = time.perf_counter()
    graph, module = reading.graph, reading.module
    costs = Costs(graph)
    report = Report(
        graph.name,
        "the module itself",
        device,
        1,
        {node.name: node.output for node in graph.inputs},
        layers=len(graph.layers),
        params=costs.params,
        buffers=costs.buffers,
        macs=costs.macs,
    )
    inputs = tuple(torch.zeros(tensor.shape, dtype=tensor.dtype, device=device) for tensor in reading.inputs)
    calls: dict[str, list[Shape | None]] = {}
    hooks = [_recorded(part, calls.setdefault(name, [])) for name, part in module.named_modules() if _is_leaf(part)]
    counter = FlopCounterMode(display=False)
    training = module.training
    # Without gradients: the counter fails on a view of a parameter that was made without them.
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    try:
        module.train(graph.training).requires_grad_(False)
        # In one step, as on a processor, the counter does not see attention; step by step it does.
        with torch.no_grad(), quiet(), sdpa_kernel(SDPBackend.MATH), counter:
            outputs = module(*inputs)
    except Exception as error:  # whatever a module raises is a finding
        message = next(iter(str(error).strip().splitlines()), type(error).__name__)
        report.mismatches.append(Mismatch("", "forward pass", "runs", message, PYTORCH))
        return report
    finally:
        module.train(training)
        for parameter in trained:
            parameter.requires_grad_(True)
        for hook in hooks:
            hook.remove()
    _compare_shapes(costs, calls, report)
    _compare_counts(costs, module, counter, report)
    _compare_totals(costs, reading, tree_leaves(outputs), report)
    report.counted[FLOP_COUNTER] = counter.get_total_flops() // 2
    report.compare("", "macs", costs.macs, report.counted[FLOP_COUNTER], FLOP_COUNTER)
    report.seconds = time.perf_counter() - start
    return report


def _is_leaf(module: nn.Module) -> bool:
    return next(module.children(), None) is None


def _recorded(module: nn.Module, shapes: list[Shape | None]) -> Any:
    """A hook that notes the shape of what a module gives; None for what is no tensor."""

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
        shapes.append(tuple(output.shape) if isinstance(output, Tensor) else None)

    return module.register_forward_hook(hook)


def _compare_shapes(costs: Costs, calls: Mapping[str, list[Shape | None]], report: Report) -> None:
    """Each call of a module that is one node: the node's output, but for the batch of one, wherever that stands."""
    rows = {row.name: row for row in costs.layers}
    for path, shapes in calls.items():
        for number, shape in enumerate(shapes, start=1):
            row = rows.get(path if number == 1 else f"{path}_{number}")
            if row is None or shape is None:
                continue
            likely = {shape, *(shape[:axis] + shape[axis + 1 :] for axis, size in enumerate(shape) if size == 1)}
            found = row.output if row.output in likely else shape[1:]
            report.compare(row.name, "output", row.output, found, PYTORCH)


def _compare_counts(costs: Costs, module: nn.Module, counter: FlopCounterMode, report: Report) -> None:
    """The multiply-accumulates of every module, in all of its calls."""
    root = f"{type(module).__name__}."
    sums: dict[str, list[int | None]] = {}
    paths = {name for name, _ in module.named_modules()}
    for row in costs.layers:
        path = row.name
        while path:
            stem, _, number = path.rpartition("_")
            own = path if path in paths else stem if stem in paths and number.isdigit() else ""
            if own:
                sums.setdefault(own, []).append(row.macs)
            path = path.rpartition(".")[0]
    for name, flops in counter.get_flop_counts().items():
        path = name.removeprefix(root)
        if name.startswith(root) and path in paths:
            report.compare(path, "macs", total(sums.get(path, [0])), sum(flops.values()) // 2, FLOP_COUNTER)


def _compare_totals(costs: Costs, reading: Reading, outputs: list[Any], report: Report) -> None:
    """Parameters, those that nothing uses apart; buffers that a saved state has; outputs."""
    module = reading.module
    params = sum(parameter.numel() for parameter in module.parameters()) - sum(reading.unused.values())
    report.compare("", "params", costs.params, params, PYTORCH)
    _, report.batch_counts = buffers(module)
    shapes = [tuple(output.shape[1:]) or (1,) for output in outputs if isinstance(output, Tensor)]
    if all(isinstance(output, Tensor) and output.dim() and output.shape[0] == 1 for output in outputs):
        report.compare("", "outputs", [node.output for node in reading.graph.outputs.values()], shapes, PYTORCH)
