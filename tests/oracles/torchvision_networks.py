"""The networks of torchvision and timm beside ours: what runs in them, in order, and outputs with the same weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch

from cnncalc import Network
from cnncalc.pytorch.build import build

Ran = list[tuple[Any, tuple[int, ...]]]
"""Modules with parameters in the order in which they run, each with its output shape, channels first."""


def own_parameters(module: Any) -> list[Any]:
    """The module's own parameters, not those of its submodules."""
    return [parameter for parameter in module._parameters.values() if parameter is not None]


def own_statistics(module: Any) -> list[Any]:
    """The running statistics of a batch normalisation."""
    return [buffer for name, buffer in module._buffers.items() if buffer is not None and name.startswith("running")]


def executed(model: Any, inputs: tuple[int, ...]) -> Ran:
    """What runs in a model on an input of this shape."""
    found: Ran = []

    def note(module: Any, arguments: Any, output: Any) -> None:
        if isinstance(output, dict):  # SSD's backbone, which scales its first output
            output = output["0"]
        shape = tuple(output.shape[1:])
        if type(module) in (torch.nn.Linear, torch.nn.LayerNorm) and len(shape) == 3:
            shape = (shape[-1], *shape[:-1])  # ConvNeXt's blocks work with the channels last
        found.append((module, shape))

    hooks = [module.register_forward_hook(note) for module in model.modules() if own_parameters(module)]
    model(torch.empty(1, *inputs, device="meta"))
    for hook in hooks:
        hook.remove()
    return found


def parameterised(network: Network, module: Any) -> Ran:
    """The same of ours; layers stand in the order in which they run."""
    found = []
    for layer in network.layers:
        parts = [part for part in module.get_submodule(layer.name).modules() if own_parameters(part)]
        shapes = [layer.output] if len(parts) == 1 else [(part.out_channels, *layer.output[1:]) for part in parts]
        found += zip(parts, shapes, strict=True)  # a separable convolution has two parts
    return found


def sizes(modules: Ran) -> list[tuple[tuple[int, ...], list[int]]]:
    """Output shapes and the numbers of parameters, tensor by tensor."""
    return [(shape, [tensor.numel() for tensor in own_parameters(module)]) for module, shape in modules]


def by_branch(model: Any, ran: Ran) -> Ran:
    """HRNet's layers branch by branch, as in the spec, and each new branch with the layer that leads to it."""
    parts = [model.conv1, model.bn1, model.conv2, model.bn2, model.layer1]
    transitions = [model.transition1, model.transition2, model.transition3]
    for stage, transition in zip((model.stage2, model.stage3, model.stage4), transitions, strict=True):
        for number, module in enumerate(stage):
            for index, branch in enumerate(module.branches):
                parts += [transition[index], branch] if number == 0 else [branch]
            parts.append(module.fuse_layers)
    parts.append(model.incre_modules[0])
    for down, widen in zip(model.downsamp_modules, model.incre_modules[1:], strict=True):
        parts += [down, widen]
    parts += [model.final_layer, model.classifier]
    shapes = dict(ran)
    return [(module, shapes[module]) for part in parts for module in part.modules() if module in shapes]


def gates_first(model: Any, ran: Ran) -> Ran:
    """SE-ResNet's layers with each shortcut after the gate beside it, as in the spec; timm runs it before."""
    names = {module: name for name, module in model.named_modules()}
    found, shortcut = [], []
    for pair in ran:
        name = names[pair[0]]
        if "downsample" in name:
            shortcut.append(pair)
            continue
        if "se_module" not in name:
            found += shortcut
            shortcut = []
        found.append(pair)
    return found + shortcut


class SSD(torch.nn.Module):
    """torchvision's SSD without the boxes' decoding, its outputs in the order of channels, not of positions."""

    def __init__(self, whole: Any) -> None:
        super().__init__()
        self.backbone, self.heads = whole.backbone, whole.head

    def forward(self, x: Any) -> Any:
        features = list(self.backbone(x).values())
        heads = {"boxes": self.heads.regression_head, "output": self.heads.classification_head}
        return {
            name: torch.cat([conv(x).flatten(1) for conv, x in zip(head.module_list, features, strict=True)], 1)
            for name, head in heads.items()
        }


def assert_same_outputs(network: Network, model: Any, modules: list[Any], inputs: tuple[int, ...]) -> None:
    """Give both networks the same random weights; with the same image they must give the same outputs. `model` is on
    the meta device; `modules` are those of its modules with parameters, in the order of our layers."""
    model.to_empty(device="cpu")
    assert_same_outputs_of(network, model, lambda: [number for module in modules for number in stored(module)], inputs)


def stored(module: Any) -> list[Any]:
    """The module's own parameters and running statistics."""
    return own_parameters(module) + own_statistics(module)


Orders = Mapping[str, Callable[[Any], list[Any]]]
"""Of modules that hold weights in another order than our layers: the file and class, and what stands where."""


def numbers(module: Any, orders: Orders = MappingProxyType({})) -> list[Any]:
    """The parameters and statistics of a module and those in it, as our layers hold them."""
    order = orders.get(f"{type(module).__module__.rpartition('.')[2]}.{type(module).__name__}")
    if order is not None:
        return order(module)
    return stored(module) + [number for child in module.children() for number in numbers(child, orders)]


def ours(network: Network, module: Any) -> list[Any]:
    """All parameters and statistics of our module, layer by layer; shared ones where they are first."""
    layers = [module.get_submodule(layer.name) for layer in network.layers if layer.shares is None]
    return [number for layer in layers for part in layer.modules() for number in stored(part)]


def assert_same_outputs_of(
    network: Network, model: Any, theirs: Callable[[], list[Any]], *inputs: tuple[int, ...] | torch.Tensor
) -> None:
    """The same of a model on the CPU. `theirs` gives its parameters and statistics in our order."""
    torch.manual_seed(0)
    fill(model)
    module = build(network).eval()
    for target, source in zip(ours(network, module), theirs(), strict=True):
        target.copy_(source.reshape(target.shape))
    images = [given if isinstance(given, torch.Tensor) else torch.randn(2, *given) for given in inputs]
    expected, found = model(*images), module(*images)
    if not isinstance(expected, dict):
        expected, found = {"output": expected}, {"output": found}
    if "output" in found:
        found["out"] = found["output"]  # torchvision's name for it in segmentation
    for head, tensor in expected.items():
        assert tensor.std() > 1e-6, "the outputs tell nothing"
        assert found[head].shape == tensor.shape
        assert (found[head] - tensor).abs().max() < 1e-9 * tensor.abs().max()


def fill(model: Any) -> None:
    """Random numbers in every parameter and statistic, of a size that keeps the activations alive."""
    for module in model.modules():
        for name, tensor in module._parameters.items():
            if tensor is None:
                continue
            if tensor.dim() > 1 and name == "weight":
                tensor.normal_(std=(2 / (tensor.numel() / tensor.shape[0])) ** 0.5)
            elif name == "bias":
                tensor.normal_(std=0.1)
            else:  # scales of normalisations and of layers
                tensor.uniform_(0.5, 1.5)
        for name, buffer in module._buffers.items():
            if name == "running_mean":
                buffer.normal_(std=0.1)
            elif name == "running_var":
                buffer.uniform_(0.5, 1.5)
