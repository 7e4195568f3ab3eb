"""Verification of a network that was read from a module: against that module itself, as it runs.

The module is run once. Compared are

- the shape of what every module gives, each time that it is called: of one that is a layer, the layer's; of any other
  that gives one tensor, that of the layer of it that others read;
- the multiply-accumulates of every layer: in each module, those of the products that it makes itself, one by one as it
  makes them, by the formulas of PyTorch's own counter; of products with vectors and of bilinear layers, which it does
  not know, by their sizes;
- the parameters and stored buffers of every layer: the sizes of those that the module has for it;
- by fvcore, the multiply-accumulates of every module without children, and of the whole;
- of the whole, parameters, buffers, multiply-accumulates and outputs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from cnncalc.costs.amount import total
from cnncalc.costs.analysis import Costs
from cnncalc.ops.base import Shape
from cnncalc.pytorch.counters import fvcore_count, step_by_step
from cnncalc.pytorch.read import BATCH_COUNT, Reading, quiet
from cnncalc.pytorch.verify import FLOP_COUNTER, FVCORE, PYTORCH, Mismatch, Report, buffers

COMPARED = (
    "The module itself was run. Compared: the output's shape of every module that gives one tensor, each time that it "
    "is called; parameters, buffers and MACs of every layer, the MACs by torch.utils.flop_counter"
)
UNCOUNTED = (
    *("scaled_dot_product_attention", "_convolution_mode", "baddbmm", "addbmm", "bilinear", "mv", "dot", "addmv"),
    *("_native_multi_head_attention", "_transformer_encoder_layer_fwd", "deform_conv2d", "lstm", "gru", "tensordot"),
)
"""Products that fvcore does not count."""


def _of_vectors(*tensors: Any, out_val: Tensor, **_: Any) -> int:
    """The FLOPs of a product of a matrix, or of a vector, with a vector, which is the last of the tensors."""
    vector = [tensor for tensor in tensors if isinstance(tensor, Tensor)][-1]
    return 2 * out_val.numel() * vector.numel()


def _of_pairs(first: Tensor, kernel: Tensor, second: Tensor, *_: Any, out_val: Tensor, **__: Any) -> int:
    """The FLOPs of the products of each number of a row with each of another, and with a weight."""
    return 2 * first.shape[0] * kernel.numel()


_aten = torch.ops.aten
UNSEEN: dict[Any, Callable[..., int]] = {
    **dict.fromkeys((_aten.mv, _aten.addmv, _aten.dot, _aten.vdot), _of_vectors),
    _aten._trilinear: _of_pairs,
}
"""Products that PyTorch's counter does not know, and their FLOPs."""


def verify_module(reading: Reading, device: str = "cpu") -> Report:
    """Compare the network that was read from a module with the module, run once with a batch of one.

    Args:
        reading: the module and its network.
        device: where the module is: `meta` gives shapes and counts without computing anything; fvcore cannot run
            there.

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
        compared=f"{COMPARED} alone: fvcore traces real tensors." if device == "meta" else f"{COMPARED} and fvcore.",
    )
    inputs = tuple(torch.zeros(tensor.shape, dtype=tensor.dtype, device=device) for tensor in reading.inputs)
    with _still(module, graph.training):
        try:
            # In one step, as on a processor, the counter does not see attention; step by step it does.
            with torch.no_grad(), quiet(), sdpa_kernel(SDPBackend.MATH), step_by_step(module), _watched(module) as seen:
                outputs = module(*inputs)
        except Exception as error:  # whatever a module raises is a finding
            message = next(iter(str(error).strip().splitlines()), type(error).__name__)
            report.mismatches.append(Mismatch("", "forward pass", "runs", message, PYTORCH))
            return report
        _compare_shapes(costs, reading, seen.shapes, report)
        _compare_stored(costs, reading, report)
        _compare_products(costs, reading, seen.products, report)
        _compare_totals(costs, reading, tree_leaves(outputs), report)
        report.counted[FLOP_COUNTER] = sum(map(sum, seen.products.values()))
        report.compare("", "macs", costs.macs, report.counted[FLOP_COUNTER], FLOP_COUNTER)
        if device != "meta":
            _compare_fvcore(costs, reading, inputs, report)
    report.seconds = time.perf_counter() - start
    return report


@contextmanager
def _still(module: nn.Module, training: bool) -> Iterator[nn.Module]:
    """The module in training or inference, its parameters without gradients; and as it was thereafter."""
    modes = {part: part.training for part in module.modules()}
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    try:
        yield module.train(training).requires_grad_(False)
    finally:
        for part, was in modes.items():
            part.training = was
        for parameter in trained:
            parameter.requires_grad_(True)


@contextmanager
def _watched(module: nn.Module) -> Iterator[_Products]:
    """What there is to see of a module while it runs."""
    seen = _Products()
    hooks = []
    for path, part in module.named_modules():
        if path:
            hooks.append(part.register_forward_pre_hook(seen.entered(path)))
            hooks.append(part.register_forward_hook(seen.left(path)))
    try:
        with seen:
            yield seen
    finally:
        for hook in hooks:
            hook.remove()


class _Products(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes, while a module runs, the multiply-accumulates of each product by the path of the module that makes it, and
    the shapes of what its parts give; None for what is no tensor."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.products: dict[str, list[int]] = {}
        self.shapes: dict[str, list[Shape | None]] = {}
        self._paths = [""]

    def entered(self, path: str) -> Callable[..., None]:
        """A hook that notes that a module is called."""
        return lambda _module, _inputs: self._paths.append(path)

    def left(self, path: str) -> Callable[..., None]:
        """A hook that notes that a module's call has ended, and what it gave."""

        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            self._paths.pop()
            self.shapes.setdefault(path, []).append(tuple(output.shape) if isinstance(output, Tensor) else None)

        return hook

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        packet = func._overloadpacket
        if packet not in flop_registry and packet not in UNSEEN and func is not torch.ops.prim.device.default:
            with self:  # an op of several, such as attention step by step
                found = func.decompose(*args, **kwargs)
            if found is not NotImplemented:
                return found
        output = func(*args, **kwargs)
        if packet in flop_registry or packet in UNSEEN:
            counts = flop_registry.get(packet) or UNSEEN[packet]
            macs = counts(*args, **kwargs, out_val=output) // 2
            self.products.setdefault(self._paths[-1], []).append(macs)
        return output


def _is_leaf(module: nn.Module) -> bool:
    return next(module.children(), None) is None


def _compare_shapes(costs: Costs, reading: Reading, calls: Mapping[str, list[Shape | None]], report: Report) -> None:
    """Each call of a module that is one node, or of which others read one node: that node's output, but for the batch
    of one, wherever that stands."""
    rows = {row.name: row for row in costs.layers}
    for path, shapes in calls.items():
        for number, shape in enumerate(shapes):
            row = rows.get(reading.ends.get((path, number), ""))
            if row is None or shape is None:
                continue
            likely = {shape, *(shape[:axis] + shape[axis + 1 :] for axis, size in enumerate(shape) if size == 1)}
            found = row.output if row.output in likely else shape[1:]
            what = "" if row.name.startswith(path) and "." not in row.name[len(path) :] else f" of {path}"
            report.compare(row.name, f"output{what}", row.output, found, PYTORCH)


def _compare_stored(costs: Costs, reading: Reading, report: Report) -> None:
    """The parameters and buffers of each layer, and the sizes of those in the module that it counts."""
    trained = {name: tensor.numel() for name, tensor in reading.module.named_parameters()}
    stored = {name: value.numel() for name, value in reading.module.state_dict().items() if isinstance(value, Tensor)}
    for row in costs.layers:
        names = [name for name in reading.owned.get(row.name, ()) if not name.endswith(BATCH_COUNT)]
        params = sum(trained.get(name, 0) for name in names)
        kept = sum(stored.get(name, 0) for name in names if name not in trained)
        report.compare(row.name, "params", row.params, params, PYTORCH)
        report.compare(row.name, "buffers", row.buffers, kept, PYTORCH)


def _compare_products(costs: Costs, reading: Reading, products: Mapping[str, list[int]], report: Report) -> None:
    """The multiply-accumulates of each layer: in each module, of those that have any, one by one. Where a layer is
    several products, or several layers are one, those of the module together."""
    rows: dict[str, list[Any]] = {}
    for row in costs.layers:
        if row.macs is None or row.macs:
            rows.setdefault(reading.callers.get(row.name, ""), []).append(row)
    for path in dict.fromkeys([*rows, *products]):
        ours, theirs = rows.get(path, []), [macs for macs in products.get(path, []) if macs]
        if len(ours) == len(theirs):
            for row, macs in zip(ours, theirs, strict=True):
                report.compare(row.name, "macs", row.macs, macs, FLOP_COUNTER)
        else:
            report.compare(path, "macs", total([row.macs for row in ours]), sum(theirs), FLOP_COUNTER)


def _compare_totals(costs: Costs, reading: Reading, outputs: list[Any], report: Report) -> None:
    """Parameters and buffers of the whole, those that nothing uses apart; and outputs."""
    module = reading.module
    params = sum(parameter.numel() for parameter in module.parameters()) - sum(reading.unused.values())
    report.compare("", "params", costs.params, params, PYTORCH)
    kept, report.batch_counts = buffers(module)
    used = {name for names in reading.owned.values() for name in names}
    own = dict(module.named_buffers())
    idle = {name: tensor.numel() for name, tensor in own.items() if name in module.state_dict() and name not in used}
    idle = {name: size for name, size in idle.items() if not name.endswith(BATCH_COUNT)}
    report.compare("", "buffers", costs.buffers, kept - sum(idle.values()), PYTORCH)
    if idle:
        number, some = sum(idle.values()), ", ".join(list(idle)[:5])
        report.notes.append(f"{number:,} numbers of buffers are not counted, for nothing uses them: {some}.")
    shapes = [tuple(output.shape[1:]) or (1,) for output in outputs if isinstance(output, Tensor)]
    if all(isinstance(output, Tensor) and output.dim() and output.shape[0] == 1 for output in outputs):
        report.compare("", "outputs", [node.output for node in reading.graph.outputs.values()], shapes, PYTORCH)


def _compare_fvcore(costs: Costs, reading: Reading, inputs: tuple[Tensor, ...], report: Report) -> None:
    """fvcore's multiply-accumulates of the modules without children, and of the whole where it knows all products."""
    module = reading.module
    report.counted[FVCORE] = None
    try:
        with quiet():
            count = fvcore_count(module, inputs)
    except Exception as error:  # whatever it raises on a module
        report.notes.append(f"fvcore was not compared: it fails on the module ({type(error).__name__}).")
        return
    report.counted[FVCORE] = count.total
    sums: dict[str, list[int | None]] = {}
    for row in costs.layers:
        sums.setdefault(reading.callers.get(row.name, ""), []).append(row.macs)
    unseen = [name for name in UNCOUNTED if name in count.ignored]
    if unseen:
        report.notes.append(f"fvcore does not count {', '.join(unseen)}: its total was not compared.")
        return
    for path, part in module.named_modules():
        if path and _is_leaf(part) and path in sums:
            report.compare(path, "macs", total(sums[path]), count.layers.get(path, 0), FVCORE)
    report.compare("", "macs", costs.macs, count.total, FVCORE)
