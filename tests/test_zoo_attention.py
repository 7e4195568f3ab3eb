"""The zoo's networks with attention against torchvision and timm: parameters, MACs by PyTorch's own counter, and
outputs with the same weights.

Their modules hold some weights in other orders than ours; `ORDERS` says which.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from cnncalc import network as read
from tests.oracles.torchvision_cpu import import_or_skip

torch = pytest.importorskip("torch")
torchvision = import_or_skip()

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402
from torchvision.models import get_model  # noqa: E402
from torchvision.models.maxvit import MaxVit  # noqa: E402

from tests.oracles.torchvision_networks import Orders, assert_same_outputs_of, numbers, stored  # noqa: E402


@pytest.fixture(autouse=True)
def precisely() -> Iterator[None]:
    """In double precision, so that even a different epsilon shows, and without gradients."""
    precision = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    with torch.no_grad():
        yield
    torch.set_default_dtype(precision)


class Reference(NamedTuple):
    """Where a network is found, and inputs on which outputs are compared: neither square nor what it was made for,
    unless its modules hold it to that."""

    library: str
    name: str
    inputs: tuple[int, ...]
    options: dict[str, Any] = {}
    variables: dict[str, int] = {}

    def make(self, device: str, **options: Any) -> Any:
        """Their network, for inference."""
        with torch.device(device):
            if "partition_size" in options:  # which torchvision's function for MaxViT-T fixes
                return MaxVit(stem_channels=64, head_dim=32, stochastic_depth_prob=0, **options).eval()
            if self.library == "torchvision":
                return get_model(self.name, weights=None, **options).eval()
            return import_or_skip("timm").create_model(self.name, **options).eval()


SMALL_MAXVIT = {
    "input_size": (96, 96),
    "partition_size": 3,
    "block_channels": [64, 128, 256, 512],
    "block_layers": [2, 2, 5, 2],
}
REFERENCES = {
    "vit_b_16": Reference("torchvision", "vit_b_16", (3, 64, 64), {"image_size": 64}),
    "swin_t": Reference("torchvision", "swin_t", (3, 128, 160)),
    "maxvit_t": Reference("torchvision", "maxvit_t", (3, 96, 96), SMALL_MAXVIT, {"window": 3}),
    "coatnet_0": Reference("timm", "coatnet_0_224", (3, 64, 96), {"img_size": (64, 96)}),
    "mobilevit_s": Reference("timm", "mobilevit_s", (3, 64, 128)),
    "efficientformer_l1": Reference("timm", "efficientformer_l1", (3, 224, 224)),
    "ghostnet": Reference("timm", "ghostnet_100", (3, 96, 80)),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_parameters_and_macs(name: str) -> None:
    network = read(name)
    model = REFERENCES[name].make("meta")
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(1, *network.input, device="meta"))
    totals = network.analyze()
    assert totals.params == sum(parameter.numel() for parameter in model.parameters())
    assert 2 * totals.macs == counter.get_total_flops()


@pytest.mark.parametrize("name", REFERENCES)
def test_outputs(name: str) -> None:
    reference = REFERENCES[name]
    model = reference.make("cpu", **reference.options)
    network = read(name, input=reference.inputs, vars=reference.variables)
    assert_same_outputs_of(network, model, lambda: numbers(model, ORDERS), reference.inputs)


def _vision_transformer(module: Any) -> list[Any]:
    """The class token comes after the patches."""
    return [*stored(module.conv_proj), module.class_token, *numbers(module.encoder, {}), *numbers(module.heads, {})]


def _patch_merging(module: Any) -> list[Any]:
    """It normalises before it reduces. Its 2x2 patches come column by column, each with all channels; ours channel by
    channel, row by row."""
    order = torch.arange(4 * module.dim).view(2, 2, module.dim).permute(2, 1, 0).flatten()
    return [module.norm.weight[order], module.norm.bias[order], module.reduction.weight[:, order]]


def _maxvit_attention(module: Any) -> list[Any]:
    """It divides the scores by the root of all heads' features, and not of one's: the keys are as much smaller."""
    ratio = torch.ones(3, module.n_heads * module.head_dim, 1)
    ratio[1] = module.n_heads**-0.5
    rows = [tensor.unflatten(0, ratio.shape[:2]) for tensor in (module.to_qkv.weight, module.to_qkv.bias[:, None])]
    return [module.relative_position_bias_table, *(part * ratio for part in rows), *stored(module.merge)]


def _coatnet_attention(module: Any) -> list[Any]:
    """Its queries, keys and values come head by head."""
    order = torch.arange(module.qkv.out_channels).view(module.num_heads, 3, -1).transpose(0, 1).flatten()
    qkv = [tensor[order] for tensor in (module.qkv.weight, module.qkv.bias)]
    return [module.rel_pos.relative_position_bias_table, *qkv, *stored(module.proj)]


def _efficientformer_attention(module: Any) -> list[Any]:
    """Its queries, keys and values come head by head, and a head's biases of distances together."""
    sizes = [module.key_dim, module.key_dim, module.val_dim]
    rows = torch.arange(module.qkv.out_features).view(module.num_heads, -1).split(sizes, 1)
    order = torch.cat([part.flatten() for part in rows])
    qkv = [tensor[order] for tensor in (module.qkv.weight, module.qkv.bias)]
    return [module.attention_biases.T, *qkv, *stored(module.proj)]


ORDERS: Orders = {
    "vision_transformer.VisionTransformer": _vision_transformer,
    "swin_transformer.PatchMerging": _patch_merging,
    "maxvit.RelativePositionalMultiHeadAttention": _maxvit_attention,
    "maxxvit.Attention2d": _coatnet_attention,
    "efficientformer.Attention": _efficientformer_attention,
}
