"""Conventions: each against the tool that it is named after."""

from __future__ import annotations

import random

import pytest

import cnncalc
from cnncalc import CnncalcError, Network, RequestError
from cnncalc.costs import conventions
from cnncalc.costs.conventions import CLASSES, CONVENTIONS
from cnncalc.zoo import index as zoo
from tests.oracles.random_graphs import random_graph, read_only, told
from tests.oracles.tools import TOOLS, count_by_tool


def network(layer: str, size: str) -> Network:
    return cnncalc.network(f"input: {size}\nlayers:\n  - {layer}\n")


LAYERS = (
    *("{conv: 4, kernel: 3}", "{conv: 4, kernel: 3, groups: 2, bias: false}"),
    *("{conv: 4, kernel: 3, padding: same, stride: 2}", "{conv: 4, kernel: 2, padding: same}", "{depthwise: 3}"),
    *("{conv: 4, kernel: 2, connections: [[0, 1], [1, 2], [0], [0]]}", "{depthwise: 2, padding: same}"),
    *("{separable: 3, kernel: 3}", "{separable: 3, kernel: 2, padding: same, multiplier: 2}", "{linear: 5}"),
    *("{conv_transpose: 4, kernel: 3, stride: 2}", "{conv_transpose: 4, kernel: 3, groups: 2, bias: false}"),
    *(
        "{maxpool: 2}",
        "{maxpool: 2, stride: 1, padding: same}",
        "{avgpool: 2, ceil: true}",
        "{avgpool: 2, padding: valid}",
    ),
    *(
        "{lppool: 2}",
        "{stochastic_pool: 2}",
        "{lppool: 3, stride: 2, ceil: true}",
        "{adaptive_avgpool: 3}",
        "{adaptive_avgpool: 1}",
        "{adaptive_avgpool: 7}",
        "{adaptive_maxpool: 3}",
    ),
    *(
        "global_avgpool",
        "global_maxpool",
        "attention_pool",
        "bilinear_pool",
        "batchnorm",
        "{batchnorm: , affine: false}",
    ),
    *("layernorm", "{layernorm: , affine: false}", "{layernorm: , over: all}", "{groupnorm: 2}", "{lrn: 3}"),
    *("{groupnorm: 2, affine: false}", "relu", "relu6", "leaky_relu", "prelu", "sigmoid", "tanh", "silu", "gelu"),
    *("hardswish", "hardsigmoid", "softmax", "log_softmax", "{dropout: 0.5}", "{scale: , bias: true}", "{pad: 1}"),
    *(
        "{upsample: 2}",
        "{upsample: 2, mode: linear}",
        "{upsample: 2, mode: cubic}",
        "{channel_shuffle: 2}",
        "{slice: [0, 2]}",
        "flatten",
        "identity",
    ),
    *("{add: [[], [relu]]}", "{multiply: [[], [sigmoid]]}", "{concat: [[], [relu]]}"),
)


@pytest.mark.parametrize("tool", TOOLS)
def test_every_kind(tool: str) -> None:
    """In one, two and three dimensions and none, for one image and for three."""
    wrong = []
    for size in ("[4, 9]", "[4, 8, 9]", "[4, 8, 7, 6]", "[4]"):
        for layer in LAYERS:
            try:
                net = network(layer, size)
            except CnncalcError:
                continue
            for batch in (1, 3):
                counted, predicted = count_by_tool(tool, net, batch), net.analyze(batch).count_as(tool)
                if counted != predicted.total or predicted.status != "complete":
                    wrong.append(f"{layer} on {size}, batch {batch}: {tool} {counted}, here {predicted}")
    assert not wrong


SMALL = (
    "lenet5",
    "alexnet_torchvision",
    "googlenet",
    "resnet18",
    "mobilenet_v3_small",
    "dcgan_generator",
    "seresnet50",
)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("tool", TOOLS)
def test_networks(tool: str, name: str) -> None:
    net = cnncalc.network(name)
    assert net.analyze().count_as(tool).total == count_by_tool(tool, net)


def test_the_five_numbers_of_resnet50() -> None:
    costs = cnncalc.network("resnet50_torchvision").analyze()
    found = {name: round(costs.count_as(name).total / 1e9, 3) for name in CONVENTIONS}
    assert found == {
        "paper": 4.089, "torch": 8.178, "fvcore": 4.112, "ptflops": 4.132, "thop": 4.134, "torchinfo": 4.089,
    }  # fmt: skip


def test_the_papers_count_is_the_macs() -> None:
    for name in zoo.names():
        costs = cnncalc.network(name).analyze(2)
        assert costs.count_as("paper").total == costs.macs


def test_differences_sum_to_the_difference() -> None:
    for name in ("resnet50", "unet", "lenet5", "inception_v2", "yolov3"):
        costs = cnncalc.network(name).analyze(3)
        found = costs.reconciliation
        counts, differences = found.counts, found.deviations
        for tool in CONVENTIONS:
            total = sum(difference.amount for difference in differences if difference.convention == tool)
            assert total == counts[tool].total - counts["paper"].total
            assert sum(counts[tool].classes.values()) == counts[tool].total == costs.count_as(tool).total
            assert found.unexplained(tool) == 0
        assert all(difference.reason for difference in differences)
        assert {difference.part for difference in differences} <= set(CLASSES)


def test_a_tool_that_runs_one_image_says_so_of_what_the_papers_count_too() -> None:
    for name in ("alexnet_torchvision", "mobilenet_v3_small"):
        costs = cnncalc.network(name).analyze(3)
        papers = costs.count_as("paper").classes
        for difference in costs.reconciliation.deviations:
            tool = CONVENTIONS[difference.convention]
            one_image = tool.per_image and difference.part in papers
            expected = "it runs one image, not the batch of 3" if one_image else tool.reasons[difference.part]
            assert difference.reason == expected
    assert costs.count_as("ptflops").total == cnncalc.network(name).analyze(1).count_as("ptflops").total


def test_layers_sum_to_the_classes() -> None:
    costs = cnncalc.network("mobilenet_v3_small").analyze()
    for tool in TOOLS:
        sums: dict[str, int] = {}
        count = costs.count_as(tool)
        assert len(count.nodes) == len(costs.graph.nodes)
        for counts in count.nodes:
            assert counts is not None
            for part, number in counts.items():
                sums[part] = sums.get(part, 0) + number
        assert sums == count.classes


def test_reasons_are_of_known_classes() -> None:
    assert all(part in CLASSES for found in CONVENTIONS.values() for part in found.reasons)
    assert any(found.reasons for found in CONVENTIONS.values())


def test_unknown_convention() -> None:
    for name, hint in (("fvcor", "did you mean 'fvcore'?"), ("???", "one of paper, torch, fvcore")):
        with pytest.raises(RequestError, match="convention") as caught:
            cnncalc.network("lenet5").analyze().count_as(name)
        assert (caught.value.hint or "").startswith(hint)


@pytest.mark.parametrize("tool", TOOLS)
def test_random_networks(tool: str) -> None:
    """Uneven shapes in one to three dimensions, merged and read twice."""
    torch = pytest.importorskip("torch")
    from cnncalc.pytorch.build import build

    for seed in range(40):
        graph = read_only(random_graph(random.Random(seed), 8))  # fvcore traces, and leaves out what nobody reads
        try:  # ptflops runs one image, of which group normalisation refuses single values
            build(graph).eval()(torch.rand(1, *graph.input))
        except ValueError:
            continue
        counted, predicted = count_by_tool(tool, graph, 2), int(conventions.count_as(graph, tool, 2))
        assert counted == predicted, f"seed {seed}: {tool} {counted}, here {predicted}\n{told(graph)}"
