"""What the counting tools print for a module itself: each is run on it.

A tool that hooks modules sees no functions, and one that traces sees no modules; so what it prints depends on how the
module is written, and not on the network alone. What each counts is taken module by module, and held against what its
rules count of the layers that were read there: `explained`. Where a tool fails on a module, that is said.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from cnncalc.costs.conventions import ToolCount
from cnncalc.errors import shorten
from cnncalc.pytorch.read import Reading, quiet


@dataclass(frozen=True, slots=True)
class Printed:
    """What a tool prints for a module; None, and the reason, where it fails or is not installed. `parts` is what it
    counts in each module itself, by path, without the modules in it; what is left it counts for the whole alone."""

    tool: str
    number: int | None
    reason: str = ""
    parts: Mapping[str, int] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Line:
    """A part of what a tool prints for a module.

    Attributes:
        modules: the paths of the modules that are alike in this; empty for the whole.
        what: the class of the modules.
        kinds: the kinds of the layers that were read there.
        tool: what the tool counts there.
        layers: what its rules count of these layers.
        because: why the two differ; empty where they do not.
    """

    modules: tuple[str, ...]
    what: str
    kinds: tuple[str, ...]
    tool: int
    layers: int
    because: str

    @property
    def difference(self) -> int:
        """What the tool counts more than its rules for the layers."""
        return self.tool - self.layers


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
            total, parts = RUN[tool](module, inputs)
            return Printed(tool, int(total), parts={path: int(number) for path, number in parts.items()})
    except (Exception, SystemExit) as error:  # whatever a tool raises on a module
        message = next(iter(str(error).strip().splitlines()), "")
        return Printed(tool, None, f"it fails on the module: {type(error).__name__}: {shorten(message, 120)}")


def explained(reading: Reading, found: Printed, counts: ToolCount) -> list[Line]:
    """What a tool prints, line by line: first what it counts as its rules count the layers, then every difference, of
    modules of one class with like layers together. The lines sum to what it prints; empty if it prints nothing.

    >>> from cnncalc.costs.conventions import count_as
    >>> from cnncalc.pytorch import reading
    >>> class Net(nn.Module):
    ...     def forward(self, x):
    ...         return nn.functional.avg_pool2d(x, 2)
    >>> found = reading(Net(), (3, 8, 8))
    >>> for line in explained(found, printed(found, "thop"), count_as(found.graph, "thop")):
    ...     print(line.what, line.kinds, line.tool, line.layers, line.because)
    Net ('avgpool',) 0 48 they are called as functions, and thop sees modules alone
    """
    if found.number is None:
        return []
    parts = dict(reading.module.named_modules())
    layers: dict[str, list[int]] = {}
    for node in reading.graph.layers:
        layers.setdefault(reading.callers.get(node.name, ""), []).append(node.index)
    nodes = reading.graph.nodes
    alike, lines = [0, 0], _Lines()
    for path in dict.fromkeys([*layers, *found.parts]):
        indices = layers.get(path, [])
        tool = found.parts.get(path, 0)
        ours = sum(counts.layer(nodes[index]) or 0 for index in indices)
        if tool == ours:
            alike = [alike[0] + bool(tool), alike[1] + tool]
            continue
        leaf = path in parts and type(parts[path]).__module__.startswith("torch.nn.")  # a layer of PyTorch's own
        kinds = dict.fromkeys(nodes[index].op.kind for index in indices if counts.layer(nodes[index]) != 0)
        what = type(parts[path]).__name__ if path in parts else ""
        because = _because(found.tool, what, leaf, tool, ours)
        modules, tools, rules = lines.get((what, tuple(kinds), because), ((), 0, 0))
        lines[what, tuple(kinds), because] = ((*modules, path), tools + tool, rules + ours)
    listed = [Line((), f"{alike[0]:,} modules", (), alike[1], alike[1], "")] if alike[1] else []
    listed += [
        Line(paths, what, kinds, tools, rules, because)
        for (what, kinds, because), (paths, tools, rules) in lines.items()
    ]
    whole = found.number - sum(found.parts.values())
    if whole:
        listed.append(Line((), "the whole", (), whole, 0, f"{found.tool} counts it for no module"))
    return listed


_Lines = dict[tuple[str, tuple[str, ...], str], tuple[tuple[str, ...], int, int]]

HOOKED = ("thop", "torchinfo")
"""The tools that see modules, and no functions."""


def _because(tool: str, what: str, leaf: bool, counted: int, rules: int) -> str:
    """Why a tool counts something else in a module than its rules count of the layers there."""
    if not counted and not leaf and tool in HOOKED:
        return f"they are called as functions, and {tool} sees modules alone"
    if tool == "ptflops" and not leaf and rules:
        return "called as functions: ptflops counts these once if at all, and activations and poolings as modules twice"
    if not counted:
        return f"{tool} counts nothing of {what}" if leaf else f"{tool} does not count these functions"
    if not rules:
        return f"{tool} counts {what}, and would count nothing of the layers that it does"
    return f"{tool} counts {what} as one, and not by its layers" if leaf else f"{tool} counts these functions otherwise"


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


Found = tuple[float, Mapping[str, float]]
"""What a tool counts of a module, and in each module itself by its path."""


def _own(sums: Mapping[str, float]) -> dict[str, float]:
    """What is counted in each module itself, of sums that hold those of the modules in it."""
    own = dict(sums)
    for path, number in sums.items():
        above = path
        while above:
            above = above.rpartition(".")[0]
            if above in own:
                own[above] -= number
                break
    return own


def _paths(module: nn.Module) -> dict[int, str]:
    """The path of each module, by its identity."""
    return {id(part): path for path, part in module.named_modules()}


def _torch(module: nn.Module, inputs: tuple[Tensor, ...]) -> Found:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        module(*inputs)
    root = type(module).__name__
    counts = {name: sum(flops.values()) for name, flops in counter.get_flop_counts().items()}
    total = counter.get_total_flops()
    sums = {name.removeprefix(f"{root}."): number for name, number in counts.items() if name.startswith(f"{root}.")}
    return total, _own({"": total, **sums})


def _fvcore(module: nn.Module, inputs: tuple[Tensor, ...]) -> Found:
    from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(module, inputs).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return float(analysis.total()), _own(dict(analysis.by_module()))


def _ptflops(module: nn.Module, inputs: tuple[Tensor, ...]) -> Found:
    from ptflops import get_model_complexity_info, pytorch_engine

    if len(inputs) != 1:
        raise RuntimeError("it runs modules of one input")
    shape = tuple(inputs[0].shape[1:])
    parts: dict[str, float] = {}

    def visit(part: Any, path: str) -> None:
        if pytorch_engine.is_supported_instance(part):
            parts[path] = parts.get(path, 0) + float(part.__flops__)
            return
        for name, child in part.named_children():
            visit(child, f"{path}.{name}" if path else name)

    watched = _Watched(module)

    def noted(patch: Callable[[Any], None]) -> Callable[[Any], None]:
        return lambda collector: patch(_Collector(collector, watched, parts))

    engine: Any = pytorch_engine
    own = engine.print_model_with_flops, engine.patch_functional, engine.patch_tensor_ops
    engine.print_model_with_flops = lambda model, *_, **__: visit(model, "")
    engine.patch_functional, engine.patch_tensor_ops = map(noted, own[1:])
    try:
        macs, _ = get_model_complexity_info(
            module, shape, as_strings=False, verbose=False, input_constructor=lambda _: _single(module, inputs)
        )
    finally:
        engine.print_model_with_flops, engine.patch_functional, engine.patch_tensor_ops = own
        watched.leave()
    if macs is None:
        raise RuntimeError("it gives nothing")
    return float(macs), parts


class _Watched:
    """Which of a module's parts is running: its path."""

    def __init__(self, module: nn.Module) -> None:
        self.paths = [""]
        self._hooks = []
        for path, part in module.named_modules():
            if path:
                self._hooks.append(part.register_forward_pre_hook(self._entered(path)))
                self._hooks.append(part.register_forward_hook(lambda *_: self.paths.pop() and None))

    def _entered(self, path: str) -> Callable[..., None]:
        return lambda *_: self.paths.append(path)

    def leave(self) -> None:
        """Watch no longer."""
        for hook in self._hooks:
            hook.remove()


class _Collector:
    """Where ptflops puts what it counts of a function: noted for the module that runs, and passed on."""

    def __init__(self, collector: list[float], watched: _Watched, parts: dict[str, float]) -> None:
        self.collector, self.watched, self.parts = collector, watched, parts

    def append(self, number: float) -> None:
        """A count of one call."""
        path = self.watched.paths[-1]
        self.parts[path] = self.parts.get(path, 0) + number
        self.collector.append(number)


def _single(module: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """The input by the name that the module's forward has for it."""
    import inspect

    return {next(iter(inspect.signature(module.forward).parameters)): inputs[0]}


def _thop(module: nn.Module, inputs: tuple[Tensor, ...]) -> Found:
    from thop import profile

    macs, _, found = profile(module, inputs=inputs, verbose=False, ret_layer_info=True)
    sums: dict[str, float] = {"": macs}

    def visit(layers: Mapping[str, Any], above: str) -> None:
        for name, (number, _, inner) in layers.items():
            path = f"{above}.{name}" if above else name
            sums[path] = number
            visit(inner, path)

    visit(found, "")
    return float(macs), _own(sums)


def _torchinfo(module: nn.Module, inputs: tuple[Tensor, ...]) -> Found:
    from torchinfo import summary

    device = inputs[0].device
    mode = "train" if module.training else "eval"
    paths = _paths(module)
    found = summary(module, input_data=list(inputs), verbose=0, device=device, mode=mode)
    parts: dict[str, float] = {}
    for info in found.summary_list:
        if info.is_leaf_layer and info.macs:
            path = paths.get(id(info.module), "")
            parts[path] = parts.get(path, 0) + info.macs
    return found.total_mult_adds, parts


RUN: Mapping[str, Callable[[nn.Module, tuple[Tensor, ...]], Found]] = {
    "torch": _torch,
    "fvcore": _fvcore,
    "ptflops": _ptflops,
    "thop": _thop,
    "torchinfo": _torchinfo,
}
