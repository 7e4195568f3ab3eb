"""Rewrites: what they leave, against PyTorch's own fusion and against counts by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from cnncalc.costs.analysis import Costs
from cnncalc.errors import RequestError
from cnncalc.graph import Builder
from cnncalc.language.expand import expand
from cnncalc.ops import (
    KINDS,
    Add,
    BatchNorm,
    Conv,
    ConvTranspose,
    Depthwise,
    Flatten,
    GlobalAvgPool,
    Linear,
    ReLU,
    Separable,
)
from cnncalc.rewrite import FOLDABLE, fold_batchnorm, prune
from cnncalc.zoo import load, names


def chain(shape, *ops):
    builder = Builder()
    node = builder.input(*shape)
    for op in ops:
        node = builder.add(op, node)
    return builder.graph(node)


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_as_pytorch_fuses():
    """Parameters of the folded layer are those of PyTorch's fused one, whose outputs are the same."""
    torch.manual_seed(0)
    image, vector = torch.randn(2, 6, 9, 9), torch.randn(2, 6)
    cases = [
        (Conv(8, kernel=3, bias=False), nn.Conv2d(6, 8, 3, bias=False), nn.BatchNorm2d(8), image),
        (Conv(8, kernel=3, groups=2), nn.Conv2d(6, 8, 3, groups=2), nn.BatchNorm2d(8), image),
        (Depthwise(3, multiplier=2, bias=False), nn.Conv2d(6, 12, 3, groups=6, bias=False), nn.BatchNorm2d(12), image),
        (ConvTranspose(4, kernel=3, bias=False), nn.ConvTranspose2d(6, 4, 3, bias=False), nn.BatchNorm2d(4), image),
        (Linear(5, bias=False), nn.Linear(6, 5, bias=False), nn.BatchNorm1d(5), vector),
    ]
    for op, layer, norm, x in cases:
        nn.init.normal_(norm.running_mean)
        nn.init.uniform_(norm.running_var, 0.5, 2)
        nn.init.normal_(norm.weight)
        layer, norm = layer.eval(), norm.eval()
        if isinstance(layer, nn.Linear):
            fused = fuse_linear_bn_eval(layer, norm)
        else:
            fused = fuse_conv_bn_eval(layer, norm, transpose=isinstance(layer, nn.ConvTranspose2d))
        torch.testing.assert_close(fused(x), norm(layer(x)))
        before = chain(x.shape[1:], op, BatchNorm())
        after = fold_batchnorm(before)
        assert Costs(before).params == parameters(layer) + parameters(norm)
        assert Costs(after).params == parameters(fused)
        assert len(after.layers) == 1
        assert after.outputs["output"].output == before.outputs["output"].output


def test_separable_gets_the_bias_of_its_last_step():
    folded = fold_batchnorm(chain((6, 9, 9), Separable(8, kernel=3, bias=False), BatchNorm()))
    assert Costs(folded).params == 9 * 6 + 6 * 8 + 8


def test_resnet18_by_hand():
    """20 batch normalisations of 4,800 channels in all: a scale and a shift of each become one bias."""
    graph = expand(load("resnet18"))
    folded = fold_batchnorm(graph)
    norms = [node for node in graph.layers if isinstance(node.op, BatchNorm)]
    assert len(norms) == 20
    assert sum(node.output[0] for node in norms) == 4_800
    assert Costs(graph).params == 11_689_512
    assert Costs(folded).params == 11_689_512 - 2 * 4_800 + 4_800
    assert Costs(folded).buffers == 0
    assert len(folded.layers) == len(graph.layers) - 20


def _alone(graph, name):
    """Whether a node is the only one that reads what it reads, which is no output."""
    (source,) = graph.node(name).inputs
    return len(graph.readers[source.index]) == 1 and source not in graph.outputs.values()


@pytest.mark.parametrize("name", names())
def test_what_stays_is_as_it_was(name):
    """Names, scopes, shapes and the order; only what stands right after a convolution goes."""
    graph = expand(load(name))
    folded = fold_batchnorm(graph)
    stays = {node.name for node in folded.nodes}
    assert [node.name for node in graph.nodes if node.name in stays] == [node.name for node in folded.nodes]
    for node in folded.nodes:
        old = graph.node(node.name)
        assert (node.output, node.scope, node.origin) == (old.output, old.scope, old.origin)
    for node in graph.nodes:
        if node.name not in stays:
            assert isinstance(node.op, BatchNorm)
            assert isinstance(node.inputs[0].op, FOLDABLE)
    assert graph.outputs.keys() == folded.outputs.keys()
    norms = [node.name for node in folded.nodes if isinstance(node.op, BatchNorm)]
    assert not any(isinstance(folded.node(name).inputs[0].op, FOLDABLE) for name in norms if _alone(folded, name))


def test_what_is_read_elsewhere_or_an_output_is_not_folded():
    builder = Builder()
    x = builder.input(3, 8, 8)
    conv = builder.add(Conv(4, kernel=3), x)
    norm = builder.add(BatchNorm(), conv)
    assert len(fold_batchnorm(builder.graph(builder.add(Add(), norm, conv))).layers) == 3
    assert len(fold_batchnorm(builder.graph({"output": norm, "features": conv})).layers) == 3
    assert len(fold_batchnorm(chain((3, 8, 8), ReLU(), BatchNorm())).layers) == 2
    assert len(fold_batchnorm(chain((3, 8, 8), Conv(4, kernel=3), BatchNorm(), BatchNorm())).layers) == 2


def test_an_output_that_is_folded_is_the_layer_before():
    folded = fold_batchnorm(chain((3, 8, 8), Conv(4, kernel=3, bias=False), BatchNorm()))
    assert folded.outputs["output"].name == "conv1"
    assert folded.outputs["output"].op == Conv(4, kernel=3)


def test_training_is_refused():
    with pytest.raises(RequestError, match="in training it depends on the batch"):
        fold_batchnorm(expand(load("resnet18"), training=True))


def test_prune():
    builder = Builder(title="A title", notes="Some notes")
    x = builder.input(3, 8, 8)
    with builder.scope("trunk"):
        conv = builder.add(Conv(4, kernel=3), x)
    dead = builder.add(ReLU(), builder.add(ReLU(), conv))
    end = builder.add(Flatten(), builder.add(GlobalAvgPool(), conv))
    graph = builder.graph(end)
    pruned = prune(graph)
    assert [node.name for node in pruned.nodes] == ["input", "trunk.conv1", "global_avgpool1", "flatten1"]
    assert (pruned.title, pruned.notes) == ("A title", "Some notes")
    assert len(prune(builder.graph({"output": end, "side": dead})).nodes) == 6
    assert len(graph.nodes) == 6


def test_every_kind_with_an_output_of_channels_and_weights_is_known():
    """A kind that multiplies and adds is folded, or is known not to end in a product per output channel."""
    foldable = {kind for kind in KINDS if KINDS[kind].costs.get("weights") is not None and "mac" in KINDS[kind].costs}
    assert foldable == {"conv", "conv_transpose", "depthwise", "linear", "separable", "attention_pool"} | {
        "deformable_conv",
        "gru",
        "lstm",
        "multihead_attention",
        "window_attention",
    }
