"""The zoo against torchvision and timm: the same layers in order, and with the same weights the same outputs.

These tests need torch and an importable torchvision; without them they are skipped, and without timm those
that need it. torchvision's compiled operators are not needed: where they are missing, the two that its import
looks up are declared first.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest

from cnncalc import Network, analyse, expand, load
from cnncalc.zoo import index as zoo

torch = pytest.importorskip("torch")

Ran = list[tuple[Any, tuple[int, ...]]]
"""Modules with parameters in the order in which they run, each with its output shape, channels first."""


def _import_torchvision() -> Any:
    """torchvision, also without its compiled operators."""
    try:
        return importlib.import_module("torchvision")
    except (ImportError, RuntimeError):
        pass
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    try:
        torchvision = importlib.import_module("torchvision")
    except (ImportError, RuntimeError):
        pytest.skip("torchvision is not importable", allow_module_level=True)
    torchvision._declared_operators = library  # they live as long as the library object
    return torchvision


torchvision = _import_torchvision()
from torchvision.models import get_model, get_model_weights, list_models  # noqa: E402
from torchvision.models.regnet import BlockParams  # noqa: E402

from cnncalc.pytorch.build import build  # noqa: E402

# What is no convolutional network: transformers, and MaxViT, which is half of one.
ATTENTION = ("vit_", "swin_", "maxvit")
NETWORKS = [name for name in list_models(module=torchvision.models) if not name.startswith(ATTENTION)]

# Neither square nor what the networks were made for: swapped dimensions and fixed sizes show.
INPUT = (3, 96, 80)
# Linear layers on the feature map itself fix the input.
OWN_INPUT = ("vgg11", "vgg13", "vgg16", "vgg19")
# 5 GB of weights: compared in all but the outputs.
TOO_LARGE = ("regnet_y_128gf",)


def zoo_name(name: str) -> str:
    """Our name of a torchvision network: its own, or NAME_torchvision where the documents' network differs."""
    return f"{name}_torchvision" if f"{name}_torchvision" in zoo.names() else name


def reference(name: str, device: str = "meta", **options: Any) -> Any:
    """torchvision's network, for inference, without weights of its own."""
    if name in ("googlenet", "inception_v3"):
        options |= {"aux_logits": False, "transform_input": False, "init_weights": False}
    with torch.device(device):
        return get_model(name, weights=None, **options).eval()


@pytest.fixture(autouse=True)
def regnet_widths_need_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """RegNet works its widths out with tensors, which hold no numbers on the meta device."""
    from_init_params = BlockParams.from_init_params

    def on_cpu(**options: Any) -> Any:
        with torch.device("cpu"):
            return from_init_params(**options)

    monkeypatch.setattr(BlockParams, "from_init_params", on_cpu)


@pytest.fixture(autouse=True)
def precisely() -> Iterator[None]:
    """In double precision, so that even a different epsilon shows, and without gradients."""
    precision = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    with torch.inference_mode():
        yield
    torch.set_default_dtype(precision)


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


def test_the_zoo_has_every_network_of_torchvision() -> None:
    assert len(NETWORKS) >= 68
    assert [name for name in NETWORKS if zoo_name(name) not in zoo.names()] == []


@pytest.mark.parametrize("name", NETWORKS)
def test_published_values_are_those_of_torchvision(name: str) -> None:
    spec = load(zoo_name(name))
    weights = {weight.name: weight.meta for weight in get_model_weights(name)}
    stated = [entry for entry in spec.published if "_Weights." in entry.source]
    assert stated, "no published values of torchvision"
    for entry in stated:
        meta = weights[entry.source.split("_Weights.")[1].split()[0].rstrip(";,")]
        accuracy = meta["_metrics"]["ImageNet-1K"]
        assert entry.values["params"] == meta["num_params"]
        assert (entry.values["top1"], entry.values["top5"]) == (accuracy["acc@1"], accuracy["acc@5"])
        if "macs" in entry.values:
            assert entry.values["macs"] / 1e9 == pytest.approx(meta["_ops"], abs=5.01e-4)
        network = expand(spec, input=entry.input, vars=entry.variables, training=entry.training)
        totals = analyse(network).totals
        assert totals.params == entry.values["params"]
        assert totals.macs == entry.values.get("macs", totals.macs)


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_are_those_of_torchvision(name: str) -> None:
    inputs = (3, 224, 224) if name in OWN_INPUT else INPUT
    network = expand(load(zoo_name(name)), input=inputs)
    ours = parameterised(network, build(network, device="meta"))
    assert sizes(ours) == sizes(executed(reference(name), inputs))


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in TOO_LARGE])
def test_outputs_are_those_of_torchvision(name: str) -> None:
    inputs = (3, 224, 224) if name in OWN_INPUT else INPUT
    network = expand(load(zoo_name(name)), input=inputs)
    model = reference(name)
    modules = [module for module, _ in executed(model, inputs)]
    assert_same_outputs(network, model, modules, inputs)


@pytest.mark.parametrize("width", [0.1, 0.35, 0.5, 0.75, 1.4])
def test_width_multipliers_and_classes_are_those_of_torchvision(width: float) -> None:
    network = expand(load("mobilenet_v2"), input=INPUT, vars={"width": width, "classes": 10})
    model = reference("mobilenet_v2", width_mult=width, num_classes=10)
    assert sizes(parameterised(network, build(network, device="meta"))) == sizes(executed(model, INPUT))


@pytest.mark.parametrize("name", ["fcn_resnet50", "deeplabv3_resnet50"])
def test_segmentation_is_torchvisions(name: str) -> None:
    network = expand(load(name), input=INPUT, training=True)
    model = reference(name, weights_backbone=None, aux_loss=True)
    # torchvision runs the auxiliary head last, the spec where it branches off.
    ran = executed(model, INPUT)
    head = [pair for pair in ran if pair[0] in set(model.aux_classifier.modules())]
    last = next(i for i, (module, _) in enumerate(ran) if module in set(model.backbone.layer4.modules()))
    ran = [*ran[:last], *head, *(pair for pair in ran[last:] if pair not in head)]
    assert sizes(parameterised(network, build(network, device="meta"))) == sizes(ran)
    assert_same_outputs(network, model, [module for module, _ in ran], INPUT)


def test_ssd_is_torchvisions() -> None:
    from torchvision.models import detection

    network = expand(load("ssd300_vgg16"))
    with torch.device("meta"):
        whole = detection.ssd300_vgg16(weights=None, weights_backbone=None).eval()
    model = SSD(whole)
    ran = executed(model, network.input)
    (scale,) = [pair for pair in ran if pair[0] is whole.backbone]
    ran.remove(scale)
    ran.insert(10, (scale[0], (512, 38, 38)))
    assert sizes(parameterised(network, build(network, device="meta"))) == sizes(ran)
    assert_same_outputs(network, model, [module for module, _ in ran], network.input)


@pytest.mark.parametrize(
    ("name", "theirs", "inputs"),
    [
        ("darknet53", "darknet53", INPUT),
        ("hrnet_w18", "hrnet_w18", (3, 64, 96)),
        # TensorFlow's padding is even where each strided layer has an input of odd size.
        ("xception", "legacy_xception", (3, 71, 135)),
    ],
)
def test_networks_that_timm_has(name: str, theirs: str, inputs: tuple[int, ...]) -> None:
    timm = pytest.importorskip("timm")
    network = expand(load(name), input=inputs)
    with torch.device("meta"):
        model = timm.create_model(theirs).eval()
    ran = executed(model, inputs)
    if name == "hrnet_w18":
        ran = by_branch(model, ran)
    for module in model.modules():
        if isinstance(module, torch.nn.LeakyReLU):
            module.negative_slope = 0.1  # Redmon's; timm's is 0.01
    assert sizes(parameterised(network, build(network, device="meta"))) == sizes(ran)
    assert_same_outputs(network, model, [module for module, _ in ran], inputs)


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
    """Give both networks the same random weights; with the same image they must give the same outputs."""
    torch.manual_seed(0)
    model.to_empty(device="cpu")
    fill(model)
    module = build(network).eval()
    for (own, _), other in zip(parameterised(network, module), modules, strict=True):
        for copy in (own_parameters, own_statistics):
            for target, source in zip(copy(own), copy(other), strict=True):
                target.copy_(source.reshape(target.shape))
    image = torch.randn(2, *inputs)
    expected, found = model(image), module(image)
    if not isinstance(expected, dict):
        expected, found = {"output": expected}, {"output": found}
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
