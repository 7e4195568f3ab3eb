"""The zoo's networks that no library has against plain PyTorch modules of them: parameters, MACs by PyTorch's own
counter, and outputs with the same weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cnncalc import network as read
from tests.oracles.torchvision_cpu import import_or_skip

torch = pytest.importorskip("torch")
import_or_skip()

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from tests.oracles.one_op import counted_kernels  # noqa: E402
from tests.oracles.plain_networks import (  # noqa: E402
    CRNN,
    MaskRCNNRegions,
    Siamese,
    YOLOv8,
    cbam_resnet50,
    deformable_resnet50,
)
from tests.oracles.torchvision_networks import assert_same_outputs_of, numbers, own_parameters  # noqa: E402

YOLO = {"n": (0.33, 0.25, 1024), "s": (0.33, 0.5, 1024), "m": (0.67, 0.75, 768), "l": (1, 1, 512), "x": (1, 1.25, 512)}

MODELS: dict[str, Callable[[], Any]] = {
    "siamese": Siamese,
    "cbam_resnet50": cbam_resnet50,
    "crnn": CRNN,
    **{f"yolov8{size}": lambda factors=factors: YOLOv8(*factors) for size, factors in YOLO.items()},
}


@pytest.fixture(autouse=True)
def precisely() -> Iterator[None]:
    """In double precision, so that even a different epsilon shows, and without gradients."""
    precision = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    with torch.no_grad():
        yield
    torch.set_default_dtype(precision)


@pytest.mark.parametrize("name", MODELS)
def test_parameters_and_macs(name: str) -> None:
    network = read(name)
    with torch.device("meta"):
        model = MODELS[name]().eval()
        inputs = [torch.empty(1, *node.output) for node in network.inputs]
    with FlopCounterMode(display=False) as counter, counted_kernels():
        model(*inputs)
    totals = network.analyze()
    assert totals.params == sum(parameter.numel() for parameter in model.parameters())
    assert 2 * totals.macs == counter.get_total_flops()


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("siamese", [(1, 105, 105)] * 2),
        ("cbam_resnet50", [(3, 64, 96)]),
        ("crnn", [(1, 32, 60)]),
        ("yolov8n", [(3, 96, 64)]),
        ("yolov8m", [(3, 64, 64)]),
    ],
)
def test_outputs(name: str, inputs: list[tuple[int, ...]]) -> None:
    model = MODELS[name]().eval()
    network = read(name, input=inputs[0])
    assert_same_outputs_of(network, model, lambda: numbers(model), *inputs)


def test_deformable_resnet_has_torchvisions_parameters() -> None:
    """Not its outputs: torchvision's operator is compiled code, and the installed one may lack it."""
    network = read("deformable_resnet50")
    with torch.device("meta"):
        model = deformable_resnet50()
    theirs = [list(parameter.shape) for module in model.modules() for parameter in own_parameters(module)]
    from cnncalc.pytorch.build import build

    built = build(network, device="meta")
    ours = [list(p.shape) for layer in network.layers for p in built.get_submodule(layer.name).parameters()]
    assert ours == theirs
    assert [network[f"conv5_x.{n}.conv2"].output for n in (1, 2, 3)] == [(512, 14, 14)] * 3


BOXES = [(3, 4), (2, 4), (1, 4), (2, 4)]
NAMES = ("boxes2", "boxes3", "boxes4", "boxes5")


def test_mask_rcnn_counts_as_torchvision() -> None:
    network = read("maskrcnn_resnet50")
    with torch.device("meta"):
        model = MaskRCNNRegions().eval()
        model.regions = lambda levels, boxes, size: torch.empty(1, 1000, 256, size, size)
        with FlopCounterMode(display=False) as counter:
            model(torch.empty(1, 3, 800, 800))
    totals = network.analyze()
    assert 2 * totals.macs == counter.get_total_flops()
    assert totals.params == sum(number.numel() for part in model.parts() for number in part.parameters())


def test_mask_rcnn_gives_torchvisions_outputs() -> None:
    model = MaskRCNNRegions().eval()
    network = read("maskrcnn_resnet50", input={"image": (3, 96, 128), **dict(zip(NAMES, BOXES, strict=True))})
    torch.manual_seed(1)
    # Inside the image, and no smaller than a position: outside, torchvision's code in Python is not its compiled code.
    corners = [0.3 * torch.rand(2, shape[0], 4) + torch.tensor([0, 0, 0.7, 0.7]) for shape in BOXES]
    boxes = [torch.tensor([128, 96, 128, 96]) * corner for corner in corners]
    theirs = lambda: [number for part in model.parts() for number in numbers(part)]  # noqa: E731
    assert_same_outputs_of(network, model, theirs, torch.randn(2, 3, 96, 128), *boxes)
