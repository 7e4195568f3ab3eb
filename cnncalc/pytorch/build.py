"""Build a network as a PyTorch module.

One builder a kind, in a table. The module's submodules carry the layers' own dotted names, and its forward
pass walks the layers in order, letting go of each tensor after its last use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cnncalc.costs.memory import overwriting_layers
from cnncalc.errors import RequestError
from cnncalc.language.expand import Layer, Network
from cnncalc.ops import Op, Shape, Window, activation, conv, linear, merge, norm, pool, shape
from cnncalc.ops.base import per_dimension, show
from cnncalc.pytorch import modules


@dataclass(frozen=True, slots=True)
class Site:
    """Where a layer stands: the shapes it reads and gives, and whether it may overwrite its input."""

    inputs: tuple[Shape, ...]
    output: Shape
    inplace: bool

    @property
    def x(self) -> Shape:
        """The shape of the (first) input."""
        return self.inputs[0]

    @property
    def dimensions(self) -> int:
        """How many spatial dimensions the input has."""
        return len(self.x) - 1


_CONV = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_PADDED_CONV = (modules.PaddedConv1d, modules.PaddedConv2d, modules.PaddedConv3d)
_CONV_TRANSPOSE = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_MAX_POOL = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
_PADDED_MAX_POOL = (modules.PaddedMaxPool1d, modules.PaddedMaxPool2d, modules.PaddedMaxPool3d)
_AVG_POOL = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
_LP_POOL = (nn.LPPool1d, nn.LPPool2d, nn.LPPool3d)
_PADDED_LP_POOL = (modules.PaddedLPPool1d, modules.PaddedLPPool2d, modules.PaddedLPPool3d)
_ADAPTIVE_AVG_POOL = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
_ADAPTIVE_MAX_POOL = (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)
_BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def _of(family: tuple[type[nn.Module], ...], site: Site) -> type[nn.Module]:
    """The member of a family of `torch.nn` classes for the site's dimensions; PyTorch has 1 to 3."""
    if site.dimensions > len(family):
        raise RequestError(
            f"PyTorch has no {family[-1].__name__} for {site.dimensions} spatial dimensions",
            hint=f"the input here is {show(site.x)}; the calculator alone goes further",
        )
    return family[site.dimensions - 1]


def _pads(windows: tuple[Window, ...]) -> modules.Pads:
    """[before, after] of each dimension."""
    return tuple((window.before, window.after) for window in windows)


def _even(windows: tuple[Window, ...]) -> bool:
    """Whether every dimension has the same padding on both sides, as `torch.nn` layers have."""
    return all(window.before == window.after for window in windows)


def _conv_options(windows: tuple[Window, ...], bias: bool) -> dict[str, Any]:
    """The options of a convolution; `pads` where its padding is uneven."""
    options: dict[str, Any] = {
        "kernel_size": tuple(window.kernel for window in windows),
        "stride": tuple(window.stride for window in windows),
        "dilation": tuple(window.dilation for window in windows),
        "bias": bias,
    }
    if _even(windows):
        return {**options, "padding": tuple(window.before for window in windows)}
    return {**options, "pads": _pads(windows)}


def _conv(kind: conv.Conv, site: Site) -> nn.Module:
    windows = kind.windows(site.x)
    convolution = _of(_CONV if _even(windows) else _PADDED_CONV, site)
    options = _conv_options(windows, kind.bias)
    if kind.connections is not None:
        return modules.SparseConv(convolution, kind.connections, **options)
    return convolution(site.x[0], kind.out_channels, groups=kind.groups, **options)


def _conv_transpose(kind: conv.ConvTranspose, site: Site) -> nn.Module:
    d = site.dimensions
    return _of(_CONV_TRANSPOSE, site)(
        site.x[0],
        kind.out_channels,
        per_dimension(kind.kernel, d, "kernel"),
        stride=per_dimension(kind.stride, d, "stride"),
        padding=per_dimension(kind.padding, d, "padding"),
        output_padding=per_dimension(kind.output_padding, d, "output_padding"),
        dilation=per_dimension(kind.dilation, d, "dilation"),
        groups=kind.groups,
        bias=kind.bias,
    )


def _depthwise(kind: conv.Depthwise, site: Site) -> nn.Module:
    return _conv(kind.conv(site.x[0]), site)


def _separable(kind: conv.Separable, site: Site) -> nn.Module:
    depthwise = conv.Depthwise(
        kind.kernel,
        stride=kind.stride,
        padding=kind.padding,
        dilation=kind.dilation,
        multiplier=kind.multiplier,
        bias=False,
    )
    pointwise = _of(_CONV, site)(site.x[0] * kind.multiplier, kind.out_channels, 1, bias=kind.bias)
    return modules.Separable(_depthwise(depthwise, site), pointwise)


def _linear(kind: linear.Linear, site: Site) -> nn.Module:
    return nn.Linear(site.x[0], kind.out_features, bias=kind.bias)


def _reached(windows: tuple[Window, ...], site: Site) -> modules.Pads:
    """Padding that makes the windows cover their reach exactly: after it, no rounding is left to do."""
    after = [
        (m - 1) * w.stride + w.dilation * (w.kernel - 1) + 1 - n - w.before
        for w, n, m in zip(windows, site.x[1:], site.output[1:], strict=True)
    ]
    return tuple((window.before, end) for window, end in zip(windows, after, strict=True))


def _maxpool(kind: pool.MaxPool, site: Site) -> nn.Module:
    windows = kind.windows(site.x)
    options: dict[str, Any] = {
        "kernel_size": tuple(window.kernel for window in windows),
        "stride": tuple(window.stride for window in windows),
        "dilation": tuple(window.dilation for window in windows),
    }
    if _even(windows) and all(window.before <= window.kernel // 2 for window in windows):
        padding = tuple(window.before for window in windows)
        rounded_up = kind.ceil and not isinstance(kind.padding, str)
        return _of(_MAX_POOL, site)(padding=padding, ceil_mode=rounded_up, **options)
    return _of(_PADDED_MAX_POOL, site)(pads=_reached(windows, site), **options)


def _avgpool(kind: pool.AvgPool, site: Site) -> nn.Module:
    windows = kind.windows(site.x)
    kernel = tuple(window.kernel for window in windows)
    stride = tuple(window.stride for window in windows)
    explicit = not isinstance(kind.padding, str) and _even(windows)
    # AvgPool3d compares the kernel with the image before it is padded.
    fits = site.dimensions < 3 or all(n >= k for n, k in zip(site.x[1:], kernel, strict=True))
    if explicit and fits:
        padding = tuple(window.before for window in windows)
        options: dict[str, Any] = {"ceil_mode": kind.ceil, "count_include_pad": kind.count_include_pad}
        return _of(_AVG_POOL, site)(kernel, stride, padding, **options)
    _of(_AVG_POOL, site)  # refuses what `functional.avg_pool` does not have
    averaged = explicit and kind.count_include_pad
    counts = [_averaged(w, n, m, averaged) for w, n, m in zip(windows, site.x[1:], site.output[1:], strict=True)]
    return modules.UnevenAvgPool(kernel, stride, _reached(windows, site), counts)


def _averaged(window: Window, size: int, output: int, padding: bool) -> list[int]:
    """Over how many elements each of the `output` windows averages: of the `size` inputs, and of their padding
    if that counts."""
    first, end = (-window.before, size + window.after) if padding else (0, size)
    starts = [unit * window.stride - window.before for unit in range(output)]
    return [max(min(start + window.kernel, end) - max(start, first), 1) for start in starts]


def _lppool(kind: pool.LPPool, site: Site) -> nn.Module:
    windows = kind.windows(site.x)
    kernel, stride = tuple(w.kernel for w in windows), tuple(w.stride for w in windows)
    options: dict[str, Any] = {}
    if any(after > 0 for _, after in _reached(windows, site)):
        options["pads"] = _reached(windows, site)
    layer = _of(_PADDED_LP_POOL if options else _LP_POOL, site)
    if site.dimensions == 1:  # LPPool1d takes numbers only
        return layer(kind.p, kernel[0], stride[0], **options)
    return layer(kind.p, kernel, stride, **options)


def _stochastic_pool(kind: pool.StochasticPool, site: Site) -> nn.Module:
    _of(_AVG_POOL, site)
    windows = kind.windows(site.x)
    kernel, stride = [w.kernel for w in windows], [w.stride for w in windows]
    return modules.StochasticPool(kernel, stride, _reached(windows, site))


def _adaptive(family: tuple[Any, ...]) -> Builder:
    def builder(kind: Any, site: Site) -> nn.Module:
        return _of(family, site)(site.output[1] if site.dimensions == 1 else site.output[1:])

    return builder


def _batchnorm(kind: norm.BatchNorm, site: Site) -> nn.Module:
    if site.dimensions > 3:
        raise RequestError(f"PyTorch has no batch normalisation for an input of {show(site.x)}")
    return _BATCH_NORM[site.dimensions](site.x[0], eps=kind.eps, affine=kind.affine)


def _layernorm(kind: norm.LayerNorm, site: Site) -> nn.Module:
    if kind.over == "all" or not site.dimensions:
        return nn.LayerNorm(site.x, eps=kind.eps, elementwise_affine=kind.affine)
    return modules.ChannelLayerNorm(site.x[0], eps=kind.eps, elementwise_affine=kind.affine)


def _lrn(kind: norm.LRN, site: Site) -> nn.Module:
    # PyTorch divides alpha by the size; the paper does not.
    return nn.LocalResponseNorm(kind.size, alpha=kind.alpha * kind.size, beta=kind.beta, k=kind.k)


def _prelu(kind: activation.PReLU, site: Site) -> nn.Module:
    return nn.PReLU(site.x[0] if kind.per_channel else 1)


def _pad(kind: shape.Pad, site: Site) -> nn.Module:
    return modules.Pad((kind.channels, *kind.pads(site.x)))


def _upsample(kind: shape.Upsample, site: Site) -> nn.Module:
    if site.dimensions > 3:
        raise RequestError(f"PyTorch has no upsampling for an input of {show(site.x)}")
    linear_mode = ("linear", "bilinear", "trilinear")[site.dimensions - 1]
    return nn.Upsample(size=site.output[1:], mode="nearest" if kind.mode == "nearest" else linear_mode)


Builder = Callable[[Any, Site], nn.Module]

BUILDERS: Mapping[type[Op], Builder] = {
    conv.Conv: _conv,
    conv.ConvTranspose: _conv_transpose,
    conv.Depthwise: _depthwise,
    conv.Separable: _separable,
    linear.Linear: _linear,
    pool.MaxPool: _maxpool,
    pool.AvgPool: _avgpool,
    pool.LPPool: _lppool,
    pool.StochasticPool: _stochastic_pool,
    pool.AdaptiveAvgPool: _adaptive(_ADAPTIVE_AVG_POOL),
    pool.AdaptiveMaxPool: _adaptive(_ADAPTIVE_MAX_POOL),
    pool.GlobalAvgPool: _adaptive(_ADAPTIVE_AVG_POOL),
    pool.GlobalMaxPool: _adaptive(_ADAPTIVE_MAX_POOL),
    pool.AttentionPool: lambda kind, site: modules.AttentionPool(site.x[0]),
    pool.BilinearPool: lambda kind, site: modules.BilinearPool(),
    norm.BatchNorm: _batchnorm,
    norm.LayerNorm: _layernorm,
    norm.GroupNorm: lambda kind, site: nn.GroupNorm(kind.groups, site.x[0], affine=kind.affine),
    norm.LRN: _lrn,
    norm.L2Norm: lambda kind, site: modules.L2Norm(kind.eps),
    activation.ReLU: lambda kind, site: nn.ReLU(site.inplace),
    activation.ReLU6: lambda kind, site: nn.ReLU6(site.inplace),
    activation.LeakyReLU: lambda kind, site: nn.LeakyReLU(kind.slope, site.inplace),
    activation.PReLU: _prelu,
    activation.Sigmoid: lambda kind, site: nn.Sigmoid(),
    activation.Tanh: lambda kind, site: nn.Tanh(),
    activation.SiLU: lambda kind, site: nn.SiLU(site.inplace),
    activation.GELU: lambda kind, site: nn.GELU(),
    activation.HardSwish: lambda kind, site: nn.Hardswish(site.inplace),
    activation.HardSigmoid: lambda kind, site: nn.Hardsigmoid(site.inplace),
    activation.Softmax: lambda kind, site: nn.Softmax(1),
    activation.LogSoftmax: lambda kind, site: nn.LogSoftmax(1),
    activation.Dropout: lambda kind, site: nn.Dropout(kind.p),
    merge.Add: lambda kind, site: modules.Add(),
    merge.Concat: lambda kind, site: modules.Concat(),
    merge.Multiply: lambda kind, site: modules.Multiply(),
    shape.Flatten: lambda kind, site: nn.Flatten(),
    shape.Pad: _pad,
    shape.Slice: lambda kind, site: modules.Slice(*kind.channels),
    shape.ChannelShuffle: lambda kind, site: modules.ChannelShuffle(kind.groups),
    shape.Upsample: _upsample,
    shape.Identity: lambda kind, site: nn.Identity(),
    shape.Scale: lambda kind, site: modules.Scale(site.x[0], kind.bias),
}


class Scope(nn.Module):
    """A part of the network's names: `conv2_x` of `conv2_x.1.conv1`. Holds layers; is not called itself."""


class BuiltNetwork(nn.Module):
    """A network as a PyTorch module; `build` makes it.

    Its submodules bear the layers' dotted names. It maps an input [N, C, *spatial] of the network's input
    shape to the output, or, for a network with heads, to a dict of outputs by name.
    """

    def __init__(self, network: Network, inplace: bool = False) -> None:
        super().__init__()
        self.input_shape = network.input
        self.output_tensors = {name: tensor + 1 for name, tensor in network.outputs.items()}
        overwriting = overwriting_layers(network) if inplace else frozenset()
        freed = _last_uses(network)
        # Tensor 0 is the network's input, tensor i + 1 the output of layer i.
        self.plan: list[tuple[nn.Module, tuple[int, ...], tuple[int, ...]]] = []
        for index, layer in enumerate(network.layers):
            site = Site(network.input_shapes(layer), layer.output, index in overwriting)
            module = build_layer(layer.kind, site)
            _place(self, layer, module)
            self.plan.append((module, tuple(tensor + 1 for tensor in layer.inputs), freed[index]))

    def forward(self, x: Tensor) -> Tensor | dict[str, Tensor]:
        """Run the network on [N, *input].

        Raises:
            ValueError: the input is not of the network's input shape.
        """
        if tuple(x.shape[1:]) != self.input_shape:
            raise ValueError(
                f"the network was built for an input of {show(self.input_shape)}, "
                f"not {show(tuple(x.shape[1:]))}; expand it for that input"
            )
        tensors: list[Any] = [x]
        del x
        for module, inputs, freed in self.plan:
            tensors.append(module(*[tensors[tensor] for tensor in inputs]))
            for tensor in freed:
                tensors[tensor] = None
        if len(self.output_tensors) == 1:
            output: Tensor = tensors[self.output_tensors["output"]]
            return output
        return {name: tensors[tensor] for name, tensor in self.output_tensors.items()}


def build(network: Network, *, inplace: bool = False, device: str | torch.device | None = None) -> BuiltNetwork:
    """The network as a PyTorch module, its weights initialised as PyTorch does.

    Args:
        network: what `cnncalc.expand` gives. Expanded with `training=True` it has its auxiliary heads.
        inplace: let activations overwrite their input where nothing else needs it, as torchvision does.
        device: where the parameters live; `"meta"` gives shapes without memory.

    Returns:
        A module from [N, *network.input] to the output; with several outputs, to a dict of them by name.
        As every new module it is in training mode: call `.eval()` for inference.

    Raises:
        RequestError: PyTorch has no such layer, such as a convolution in 4 dimensions.

    One step of training:

    >>> import torch
    >>> from cnncalc import expand, load
    >>> model = build(expand(load("lenet5")))
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> images, labels = torch.randn(8, 1, 32, 32), torch.randint(0, 84, (8,))
    >>> loss = torch.nn.functional.cross_entropy(model(images), labels)
    >>> loss.backward()
    >>> optimizer.step()
    """
    if device is None:
        return BuiltNetwork(network, inplace)
    with torch.device(device):
        return BuiltNetwork(network, inplace)


def build_layer(kind: Op, site: Site) -> nn.Module:
    """One layer as a PyTorch module.

    >>> from cnncalc.ops.conv import Conv
    >>> build_layer(Conv(96, kernel=11, stride=4), Site(((3, 227, 227),), (96, 55, 55), inplace=False))
    Conv2d(3, 96, kernel_size=(11, 11), stride=(4, 4))
    """
    return BUILDERS[type(kind)](kind, site)


def _place(root: nn.Module, layer: Layer, module: nn.Module) -> None:
    """Register a layer under its dotted name.

    Straight into `_modules`: `add_module` refuses names such as `train` or `type`, which specs may use.
    """
    *scopes, last = layer.name.split(".")
    parent = root
    for part in scopes:
        child = parent._modules.get(part)
        if child is None:
            child = parent._modules[part] = Scope()
        parent = child
    parent._modules[last] = module


def _last_uses(network: Network) -> list[tuple[int, ...]]:
    """For each layer, the tensors that nothing needs after it. Tensor 0 is the input, i + 1 layer i's output."""
    last = list(range(-1, len(network.layers)))  # a tensor that nothing reads is let go where it is made
    for index, layer in enumerate(network.layers):
        for tensor in layer.inputs:
            last[tensor + 1] = index
    kept = {tensor + 1 for tensor in network.outputs.values()}
    freed: list[list[int]] = [[] for _ in network.layers]
    for tensor, index in enumerate(last):
        if tensor not in kept and index >= 0:
            freed[index].append(tensor)
    return [tuple(tensors) for tensors in freed]


def example_input(network: Network, batch: int = 1, **options: Any) -> Tensor:
    """A random input [batch, *network.input]; `options` are those of `torch.randn`."""
    return torch.randn(batch, *network.input, **options)
