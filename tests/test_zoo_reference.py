"""The zoo against torchvision and timm: the same layers in order, and with the same weights the same outputs.

These tests need torch and torchvision, and some timm; without them they are skipped. torchvision's compiled operators
are not needed: `pip install --no-deps torchvision timm` is enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cnncalc import network as read
from cnncalc.zoo import index as zoo
from tests.oracles.torchvision_cpu import import_or_skip

torch = pytest.importorskip("torch")
torchvision = import_or_skip()

from torchvision.models import get_model, get_model_weights, list_models  # noqa: E402
from torchvision.models.regnet import BlockParams  # noqa: E402

from cnncalc.pytorch.build import build  # noqa: E402
from tests.oracles.torchvision_networks import (  # noqa: E402
    SSD,
    assert_same_outputs,
    by_branch,
    executed,
    gates_first,
    parameterised,
    sizes,
)

# Networks with attention, some of which the zoo has; tests/test_zoo_attention.py compares their layers and outputs.
ATTENTION = ("vit_", "swin_", "maxvit")
NETWORKS = [name for name in list_models(module=torchvision.models) if not name.startswith(ATTENTION)]
PUBLISHED = [*NETWORKS, *(name for name in list_models() if name.startswith(ATTENTION) and name in zoo.names())]

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


def test_the_zoo_has_every_network_of_torchvision() -> None:
    assert len(NETWORKS) >= 68
    assert [name for name in NETWORKS if zoo_name(name) not in zoo.names()] == []


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_values_are_those_of_torchvision(name: str) -> None:
    spec = zoo.load(zoo_name(name))
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
        network = read(spec, input=entry.input, vars=entry.variables, training=entry.training)
        totals = network.analyze()
        assert totals.params == entry.values["params"]
        assert totals.macs == entry.values.get("macs", totals.macs)


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_are_those_of_torchvision(name: str) -> None:
    inputs = (3, 224, 224) if name in OWN_INPUT else INPUT
    network = read(zoo_name(name), input=inputs)
    ours = parameterised(network, build(network, device="meta"))
    assert sizes(ours) == sizes(executed(reference(name), inputs))


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in TOO_LARGE])
def test_outputs_are_those_of_torchvision(name: str) -> None:
    inputs = (3, 224, 224) if name in OWN_INPUT else INPUT
    network = read(zoo_name(name), input=inputs)
    model = reference(name)
    modules = [module for module, _ in executed(model, inputs)]
    assert_same_outputs(network, model, modules, inputs)


@pytest.mark.parametrize("width", [0.1, 0.35, 0.5, 0.75, 1.4])
def test_width_multipliers_and_classes_are_those_of_torchvision(width: float) -> None:
    network = read("mobilenet_v2", input=INPUT, vars={"width": width, "classes": 10})
    model = reference("mobilenet_v2", width_mult=width, num_classes=10)
    assert sizes(parameterised(network, build(network, device="meta"))) == sizes(executed(model, INPUT))


@pytest.mark.parametrize("name", ["fcn_resnet50", "deeplabv3_resnet50"])
def test_segmentation_is_torchvisions(name: str) -> None:
    network = read(name, input=INPUT, training=True)
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

    network = read("ssd300_vgg16")
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
        ("seresnet50", "legacy_seresnet50", (3, 97, 225)),
    ],
)
def test_networks_that_timm_has(name: str, theirs: str, inputs: tuple[int, ...]) -> None:
    timm = import_or_skip("timm")
    network = read(name, input=inputs)
    with torch.device("meta"):
        model = timm.create_model(theirs).eval()
    ran = executed(model, inputs)
    if name == "hrnet_w18":
        ran = by_branch(model, ran)
    if name == "seresnet50":
        ran = gates_first(model, ran)
    for module in model.modules():
        if isinstance(module, torch.nn.LeakyReLU):
            module.negative_slope = 0.1  # Redmon's; timm's is 0.01
        if name == "xception" and isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 0.001  # Keras'; timm's is PyTorch's
    assert sizes(parameterised(network, build(network, device="meta"))) == sizes(ran)
    assert_same_outputs(network, model, [module for module, _ in ran], inputs)
