"""Networks of torchvision and timm, read: counts and outputs against the modules themselves."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from cnncalc.costs.analysis import Costs  # noqa: E402
from cnncalc.language.write import to_yaml  # noqa: E402
from cnncalc.pytorch import build, read, reading, weights  # noqa: E402
from tests.oracles.torchvision_cpu import import_or_skip  # noqa: E402

models = import_or_skip("torchvision").models


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5", "vit_b_16", "swin_t"])
def test_counts_are_those_of_the_module(name: str) -> None:
    with torch.device("meta"):
        module = models.get_model(name).eval()
    found = reading(module, (3, 224, 224))
    costs = Costs(found.graph)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        module(*found.inputs)
    assert costs.params == sum(parameter.numel() for parameter in module.parameters())
    assert costs.macs == counter.get_total_flops() // 2
    assert not found.unknown


OUTPUTS = (
    "resnet18 squeezenet1_1 shufflenet_v2_x0_5 mnasnet0_5 mobilenet_v2 mobilenet_v3_small efficientnet_b0 densenet121 "
    "regnet_y_400mf convnext_tiny"
)


@pytest.mark.parametrize("name", OUTPUTS.split())
def test_outputs_are_those_of_the_module(name: str) -> None:
    torch.manual_seed(0)
    module = models.get_model(name).eval()
    graph = read(module, (3, 64, 64))
    built = build(graph).eval()
    missing, unexpected = built.load_state_dict(weights(module, graph), strict=False)
    assert not unexpected
    assert all(key.endswith("num_batches_tracked") for key in missing)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(built(x), module(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        *(("vgg16", 25), ("mobilenet_v2", 50), ("resnet50", 35), ("convnext_tiny", 30), ("densenet121", 45)),
        *(("efficientnet_b0", 70), ("maxvit_t", 130)),
    ],
)
def test_written_down_in_few_lines(name: str, lines: int) -> None:
    with torch.device("meta"):
        module = models.get_model(name).eval()
    assert to_yaml(read(module, (3, 224, 224))).count("\n") <= lines
