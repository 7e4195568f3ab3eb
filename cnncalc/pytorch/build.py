"""Build a network as a PyTorch module.

One builder per kind of op, in a table; `register_builder` adds one for an op of one's own. The module's submodules
carry the layers' own dotted names, and its forward pass walks the layers in order, letting go of each tensor after its
last use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cnncalc.costs.memory import overwriting_nodes
from cnncalc.errors import RequestError
from cnncalc.graph import Graph, Node
from cnncalc.ops import activation, conv, linear, merge, norm, opaque, pool, shape
from cnncalc.ops.base import Op, Site, per_dimension, show
from cnncalc.ops.sight import Sliding
from cnncalc.ops.window import averaged, even, reached
from cnncalc.pytorch import attention, modules, recurrent, sampling, tensors

Builder = Callable[[Any, Site], nn.Module]
"""Makes the module of an op at a site: the op again, the shapes that it reads, and the one that it gives."""

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
_INSTANCE_NORM = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
_BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def _channels(site: Site) -> int:
    """The channels of the (first) input."""
    return site.inputs[0][0]


def _of(family: tuple[type[nn.Module], ...], site: Site) -> type[nn.Module]:
    """The member of a family of `torch.nn` classes for the site's dimensions; PyTorch has 1 to 3."""
    if site.dimensions > len(family):
        raise RequestError(
            f"PyTorch has no {family[-1].__name__} for {site.dimensions} spatial dimensions",
            hint=f"the input here is {show(site.inputs[0])}; the calculator alone goes further",
        )
    return family[site.dimensions - 1]


def _pads(windows: tuple[Sliding, ...]) -> modules.Pads:
    """[before, after] of each dimension."""
    return tuple((window.before, window.after) for window in windows)


def _conv_options(windows: tuple[Sliding, ...], bias: bool) -> dict[str, Any]:
    """The options of a convolution; `pads` where its padding is uneven."""
    options: dict[str, Any] = {
        "kernel_size": tuple(window.kernel for window in windows),
        "stride": tuple(window.stride for window in windows),
        "dilation": tuple(window.dilation for window in windows),
        "bias": bias,
    }
    if even(windows):
        return {**options, "padding": tuple(window.before for window in windows)}
    return {**options, "pads": _pads(windows)}


def _conv(op: conv.Conv, site: Site) -> nn.Module:
    windows = op.slides(site.inputs[0])
    convolution = _of(_CONV if even(windows) else _PADDED_CONV, site)
    options = _conv_options(windows, op.bias)
    if op.connections is not None:
        return modules.SparseConv(convolution, op.connections, **options)
    return convolution(_channels(site), op.out_channels, groups=op.groups, **options)


def _conv_transpose(op: conv.ConvTranspose, site: Site) -> nn.Module:
    d = site.dimensions
    return _of(_CONV_TRANSPOSE, site)(
        _channels(site),
        op.out_channels,
        per_dimension(op.kernel, d, "kernel"),
        stride=per_dimension(op.stride, d, "stride"),
        padding=per_dimension(op.padding, d, "padding"),
        output_padding=per_dimension(op.output_padding, d, "output_padding"),
        dilation=per_dimension(op.dilation, d, "dilation"),
        groups=op.groups,
        bias=op.bias,
    )


def _depthwise(op: conv.Depthwise, site: Site) -> nn.Module:
    return _conv(op.conv(_channels(site)), site)


def _separable(op: conv.Separable, site: Site) -> nn.Module:
    depthwise = conv.Depthwise(
        op.kernel,
        stride=op.stride,
        padding=op.padding,
        dilation=op.dilation,
        multiplier=op.multiplier,
        bias=False,
    )
    pointwise = _of(_CONV, site)(_channels(site) * op.multiplier, op.out_channels, 1, bias=op.bias)
    return modules.Separable(_depthwise(depthwise, site), pointwise)


def _linear(op: linear.Linear, site: Site) -> nn.Module:
    return nn.Linear(site.inputs[0][-1], op.out_features, bias=op.bias)


def _maxpool(op: pool.MaxPool, site: Site) -> nn.Module:
    windows = op.slides(site.inputs[0])
    options: dict[str, Any] = {
        "kernel_size": tuple(window.kernel for window in windows),
        "stride": tuple(window.stride for window in windows),
        "dilation": tuple(window.dilation for window in windows),
    }
    if even(windows) and all(window.before <= window.kernel // 2 for window in windows):
        padding = tuple(window.before for window in windows)
        rounded_up = op.ceil and not isinstance(op.padding, str)
        return _of(_MAX_POOL, site)(padding=padding, ceil_mode=rounded_up, **options)
    return _of(_PADDED_MAX_POOL, site)(pads=reached(windows, site.inputs[0], site.output), **options)


def _avgpool(op: pool.AvgPool, site: Site) -> nn.Module:
    windows = op.slides(site.inputs[0])
    kernel = tuple(window.kernel for window in windows)
    stride = tuple(window.stride for window in windows)
    explicit = not isinstance(op.padding, str) and even(windows)
    # AvgPool3d compares the kernel with the image before it is padded.
    fits = site.dimensions < 3 or all(n >= k for n, k in zip(site.inputs[0][1:], kernel, strict=True))
    if explicit and fits:
        padding = tuple(window.before for window in windows)
        options: dict[str, Any] = {"ceil_mode": op.ceil, "count_include_pad": op.count_include_pad}
        return _of(_AVG_POOL, site)(kernel, stride, padding, **options)
    _of(_AVG_POOL, site)  # refuses what `functional.avg_pool` does not have
    counted = explicit and op.count_include_pad
    sizes = zip(windows, site.inputs[0][1:], site.output[1:], strict=True)
    counts = [averaged(window, n, m, counted) for window, n, m in sizes]
    return modules.UnevenAvgPool(kernel, stride, reached(windows, site.inputs[0], site.output), counts)


def _lppool(op: pool.LPPool, site: Site) -> nn.Module:
    windows = op.slides(site.inputs[0])
    kernel, stride = tuple(w.kernel for w in windows), tuple(w.stride for w in windows)
    options: dict[str, Any] = {}
    if any(after > 0 for _, after in reached(windows, site.inputs[0], site.output)):
        options["pads"] = reached(windows, site.inputs[0], site.output)
    layer = _of(_PADDED_LP_POOL if options else _LP_POOL, site)
    if site.dimensions == 1:  # LPPool1d takes numbers only
        return layer(op.p, kernel[0], stride[0], **options)
    return layer(op.p, kernel, stride, **options)


def _stochastic_pool(op: pool.StochasticPool, site: Site) -> nn.Module:
    _of(_AVG_POOL, site)
    windows = op.slides(site.inputs[0])
    kernel, stride = [w.kernel for w in windows], [w.stride for w in windows]
    return modules.StochasticPool(kernel, stride, reached(windows, site.inputs[0], site.output))


def _adaptive(family: tuple[Any, ...]) -> Builder:
    def builder(op: Any, site: Site) -> nn.Module:
        return _of(family, site)(site.output[1] if site.dimensions == 1 else site.output[1:])

    return builder


def _batchnorm(op: norm.BatchNorm, site: Site) -> nn.Module:
    if site.dimensions > 3:
        raise RequestError(f"PyTorch has no batch normalisation for an input of {show(site.inputs[0])}")
    return _BATCH_NORM[site.dimensions](_channels(site), eps=op.eps, affine=op.affine)


def _layernorm(op: norm.LayerNorm, site: Site) -> nn.Module:
    options: dict[str, Any] = {"eps": op.eps, "elementwise_affine": op.affine}
    if op.over == "channels" and site.dimensions:
        return modules.ChannelLayerNorm(_channels(site), **options)
    return nn.LayerNorm(site.inputs[0] if op.over == "all" else site.inputs[0][-1], **options)


def _rmsnorm(op: norm.RMSNorm, site: Site) -> nn.Module:
    options: dict[str, Any] = {"eps": op.eps, "elementwise_affine": op.affine}
    if op.over == "channels" and site.dimensions:
        return modules.ChannelRMSNorm(_channels(site), **options)
    return nn.RMSNorm(site.inputs[0] if op.over == "all" else site.inputs[0][-1], **options)


def _instancenorm(op: norm.InstanceNorm, site: Site) -> nn.Module:
    return _of(_INSTANCE_NORM, site)(_channels(site), eps=op.eps, affine=op.affine)


def _lrn(op: norm.LRN, site: Site) -> nn.Module:
    # PyTorch divides alpha by the size; the paper does not.
    return nn.LocalResponseNorm(op.size, alpha=op.alpha * op.size, beta=op.beta, k=op.k)


def _prelu(op: activation.PReLU, site: Site) -> nn.Module:
    return nn.PReLU(_channels(site) if op.per_channel else 1)


def _pad(op: shape.Pad, site: Site) -> nn.Module:
    if op.mode == "zero":
        return modules.Pad((op.channels, *op.pads(site.inputs[0])), value=op.value)
    if site.dimensions > 3:
        raise RequestError(f"PyTorch has no {op.mode} padding for an input of {show(site.inputs[0])}")
    return modules.Pad(op.pads(site.inputs[0]), op.mode)


def _upsample(op: shape.Upsample, site: Site) -> nn.Module:
    if site.dimensions > 3:
        raise RequestError(f"PyTorch has no upsampling for an input of {show(site.inputs[0])}")
    linear_mode = ("linear", "bilinear", "trilinear")[site.dimensions - 1]
    mode = {"nearest": "nearest", "linear": linear_mode, "cubic": "bicubic"}[op.mode]
    return nn.Upsample(size=site.output[1:], mode=mode, align_corners=op.align_corners or None)


def _opaque(op: opaque.Opaque, site: Site) -> nn.Module:
    raise RequestError(
        "an opaque layer cannot be built: only its output shape is known",
        hint="an op of one's own can: see cnncalc.pytorch.register_builder",
    )


BUILDERS: dict[type[Op], Builder] = {
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
    pool.AttentionPool: lambda op, site: modules.AttentionPool(_channels(site)),
    pool.BilinearPool: lambda op, site: modules.BilinearPool(),
    norm.BatchNorm: _batchnorm,
    norm.LayerNorm: _layernorm,
    norm.RMSNorm: _rmsnorm,
    norm.InstanceNorm: _instancenorm,
    norm.GroupNorm: lambda op, site: nn.GroupNorm(op.groups, _channels(site), op.eps, op.affine),
    norm.LRN: _lrn,
    norm.L2Norm: lambda op, site: modules.L2Norm(op.eps),
    activation.ReLU: lambda op, site: nn.ReLU(),
    activation.ReLU6: lambda op, site: nn.ReLU6(),
    activation.LeakyReLU: lambda op, site: nn.LeakyReLU(op.slope),
    activation.PReLU: _prelu,
    activation.Sigmoid: lambda op, site: nn.Sigmoid(),
    activation.Tanh: lambda op, site: nn.Tanh(),
    activation.SiLU: lambda op, site: nn.SiLU(),
    activation.GELU: lambda op, site: nn.GELU(op.approximate),
    activation.HardSwish: lambda op, site: nn.Hardswish(),
    activation.HardSigmoid: lambda op, site: nn.Hardsigmoid(),
    activation.ELU: lambda op, site: nn.ELU(op.alpha),
    activation.SELU: lambda op, site: nn.SELU(),
    activation.CELU: lambda op, site: nn.CELU(op.alpha),
    activation.Mish: lambda op, site: nn.Mish(),
    activation.Softplus: lambda op, site: nn.Softplus(op.beta, op.threshold),
    activation.Softsign: lambda op, site: nn.Softsign(),
    activation.HardTanh: lambda op, site: nn.Hardtanh(op.low, op.high),
    activation.Softmax: lambda op, site: nn.Softmax(1 + op.axis),
    activation.LogSoftmax: lambda op, site: nn.LogSoftmax(1 + op.axis),
    activation.Dropout: lambda op, site: nn.Dropout(op.p),
    merge.Add: lambda op, site: modules.Add(),
    merge.Concat: lambda op, site: modules.Concat(op.axis),
    merge.Multiply: lambda op, site: modules.Multiply(),
    shape.Flatten: lambda op, site: nn.Flatten(),
    shape.Pad: _pad,
    shape.Slice: lambda op, site: modules.Slice(op.channels[0], op.channels[1], op.axis, op.step),
    shape.ChannelShuffle: lambda op, site: modules.ChannelShuffle(op.groups),
    shape.Upsample: _upsample,
    shape.Identity: lambda op, site: nn.Identity(),
    shape.Scale: lambda op, site: modules.Scale(_channels(site), op.bias),
    **tensors.BUILDERS,
    **attention.BUILDERS,
    **recurrent.BUILDERS,
    **sampling.BUILDERS,
    opaque.Opaque: _opaque,
}


def register_builder(kind: type[Op], builder: Builder) -> None:
    """Say how an op is built that is not cnncalc's own; `build`, `verify` and `profile` then know it.

    Args:
        kind: the op's class.
        builder: gives the `nn.Module` of an op of the class, from the op and its `cnncalc.ops.base.Site`: the shapes
            that it reads, [C, *spatial] without the batch, and the one that it gives. The module maps [N, C, *spatial]
            of each input to the output. Where the class says `in_place`, the module has an attribute `inplace`, as
            PyTorch's activations have.

    >>> from cnncalc.graph import Builder
    >>> from cnncalc.ops.base import Elementwise
    >>> class Squareplus(Elementwise, frozen=True):
    ...     kind = "squareplus"
    >>> class SquareplusModule(nn.Module):
    ...     def forward(self, x):
    ...         return (x + (x * x + 4).sqrt()) / 2
    >>> register_builder(Squareplus, lambda op, site: SquareplusModule())
    >>> builder = Builder()
    >>> model = build(builder.graph(builder.add(Squareplus(), builder.input(3, 8, 8))))
    >>> model(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 3, 8, 8])
    """
    BUILDERS[kind] = builder


def build_op(op: Op, site: Site, inplace: bool = False) -> nn.Module:
    """One op as a PyTorch module; `inplace` if it shall overwrite its input.

    Raises:
        RequestError: PyTorch has no such layer, or nothing says how the op is built.

    >>> from cnncalc.ops.conv import Conv
    >>> conv = Conv(96, kernel=11, stride=4)
    >>> build_op(conv, Site(conv, ((3, 227, 227),), (96, 55, 55)))
    Conv2d(3, 96, kernel_size=(11, 11), stride=(4, 4))
    """
    builder = BUILDERS.get(type(op))
    if builder is None:
        raise RequestError(
            f"nothing says how '{op.kind}' is built in PyTorch",
            hint=f"cnncalc.pytorch.register_builder({type(op).__name__}, function) does",
        )
    module = builder(op, site)
    if not isinstance(module, nn.Module):
        raise RequestError(f"the builder of '{op.kind}' gives no torch.nn.Module", hint=f"it gave {module!r:.60}")
    if inplace:
        if not hasattr(module, "inplace"):
            raise RequestError(
                f"'{op.kind}' says that it can overwrite its input, and its module has no attribute 'inplace'",
                hint="give the module one, or leave in_place out of the op's class",
            )
        module.inplace = True  # type: ignore[assignment]
    return module


class Scope(nn.Module):
    """A part of the network's names: `conv2_x` of `conv2_x.1.conv1`. Holds layers; is not called itself."""


class _Call(NamedTuple):
    """A step of the forward pass: the module, the tensors that it reads and the one that it makes, and those that
    nothing needs after it. Tensors are numbered as the graph's nodes."""

    module: nn.Module
    inputs: tuple[int, ...]
    output: int
    freed: tuple[int, ...]


class BuiltNetwork(nn.Module):
    """A network as a PyTorch module; `build` makes it.

    Its submodules bear the layers' dotted names; layers that share weights are one module, under the name of the
    first. It maps an input [N, C, *spatial] for each input of the network, in
    their order, to the output, or, for a network with several outputs, to a dict of them by name.

    Attributes:
        layers: the module of each layer, by the layer's name, in the order in which they run. By names and not by
            nodes, so that a copy or a saved file of the module does not hold the graph.
        input_shapes: the shape of each input without the batch, by its name.
    """

    def __init__(self, graph: Graph, inplace: bool = False) -> None:
        super().__init__()
        self.input_shapes = {node.name: node.output for node in graph.inputs}
        self.layers: dict[str, nn.Module] = {}
        self._inputs = [node.index for node in graph.inputs]
        self._outputs = {name: node.index for name, node in graph.outputs.items()}
        self._calls: list[_Call] = []
        overwriting = overwriting_nodes(graph) if inplace else frozenset()
        freed = _freed_after(graph)
        for node in graph.layers:
            if node.shares is not None:
                module = self.layers[node.shares.name]
            else:
                module = build_op(node.op, Site(node.op, node.input_shapes, node.output), node in overwriting)
                _place(self, node, module)
            self.layers[node.name] = module
            inputs = tuple([source.index for source in node.inputs])
            self._calls.append(_Call(module, inputs, node.index, freed[node.index]))

    def names_of_modules(self) -> dict[nn.Module, list[str]]:
        """The layers that each module is, in the order in which a pass calls it: several where they share weights."""
        names: dict[nn.Module, list[str]] = {}
        for name, module in self.layers.items():
            names.setdefault(module, []).append(name)
        return names

    def forward(self, *inputs: Tensor) -> Tensor | dict[str, Tensor]:
        """Run the network on [N, *shape] of each input.

        Raises:
            ValueError: the inputs are not of the network's input shapes.
        """
        self._check(inputs)
        tensors: dict[int, Any] = dict(zip(self._inputs, inputs, strict=True))
        inputs = ()
        for module, reads, output, freed in self._calls:
            tensors[output] = module(*[tensors[index] for index in reads])
            for index in freed:
                del tensors[index]
        outputs = {name: tensors[index] for name, index in self._outputs.items()}
        return outputs if len(outputs) > 1 else next(iter(outputs.values()))

    def _check(self, inputs: tuple[Tensor, ...]) -> None:
        """Refuse what the network was not built for."""
        if len(inputs) != len(self.input_shapes):
            names = ", ".join(self.input_shapes)
            raise ValueError(f"the network has {len(self.input_shapes)} inputs ({names}), not {len(inputs)}")
        for (name, expected), x in zip(self.input_shapes.items(), inputs, strict=True):
            given = tuple(x.shape[1:])
            if given != expected:
                which = f" '{name}'" if len(inputs) > 1 else ""
                raise ValueError(
                    f"the network was built for an input{which} of {show(expected)}, not {show(given)}; "
                    "build it for that input"
                )


def build(graph: Graph, *, inplace: bool = False, device: str | torch.device | None = None) -> BuiltNetwork:
    """The network as a PyTorch module, its weights initialised as PyTorch does.

    Args:
        graph: the network. Expanded with `training=True` it has its auxiliary heads.
        inplace: let activations overwrite their input where nothing else needs it, as torchvision does.
        device: where the parameters live; `"meta"` gives shapes without memory.

    Returns:
        A module from [N, *shape] of each input, in the order of `graph.inputs`, to the output; with several outputs,
        to a dict of them by name. As every new module it is in training mode: call `.eval()` for inference.

    Raises:
        RequestError: PyTorch has no such layer, such as a convolution in 4 dimensions; or nothing says how an op is
            built (see `register_builder`).

    One step of training:

    >>> import torch
    >>> from cnncalc import network
    >>> model = build(network("lenet5"))
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> images, labels = torch.randn(8, 1, 32, 32), torch.randint(0, 84, (8,))
    >>> loss = torch.nn.functional.cross_entropy(model(images), labels)
    >>> loss.backward()
    >>> optimizer.step()
    """
    if device is None:
        return BuiltNetwork(graph, inplace)
    with torch.device(device):
        return BuiltNetwork(graph, inplace)


def _place(root: nn.Module, node: Node, module: nn.Module) -> None:
    """Register a layer under its dotted name.

    Straight into `_modules`: `add_module` refuses names such as `train` or `type`, which specs may use.

    Raises:
        RequestError: a layer and a group of layers share a name; PyTorch's modules cannot.
    """
    *scopes, last = node.name.split(".")
    parent = root
    for part in scopes:
        child = parent._modules.get(part)
        if child is None:
            child = parent._modules[part] = Scope()
        if not isinstance(child, Scope):
            raise _shared(node)
        parent = child
    if last in parent._modules:
        raise _shared(node)
    parent._modules[last] = module


def _shared(node: Node) -> RequestError:
    """The error of a name that a layer and a group share."""
    return RequestError(
        f"the name of '{node.name[:80]}' is, or begins with, that of another layer",
        hint="in PyTorch a layer and a group of layers cannot share a name",
    )


def _freed_after(graph: Graph) -> list[tuple[int, ...]]:
    """For each node, by its index, the tensors that nothing needs after it."""
    last = list(range(len(graph.nodes)))  # a tensor that nothing reads is let go where it is made
    for node in graph.nodes:
        for source in node.inputs:
            last[source.index] = node.index
    kept = {node.index for node in graph.outputs.values()}
    freed: list[list[int]] = [[] for _ in graph.nodes]
    for tensor, index in enumerate(last):
        if tensor not in kept:
            freed[index].append(tensor)
    return [tuple(tensors) for tensors in freed]


def example_inputs(graph: Graph, batch: int = 1, **options: Any) -> tuple[Tensor, ...]:
    """A random tensor [batch, *shape] for each input of a network; `options` are those of `torch.randn`.

    >>> from cnncalc.graph import Builder
    >>> builder = Builder()
    >>> left, right = builder.input(3, 8, 8, name="left"), builder.input(3, 8, 8, name="right")
    >>> [tuple(x.shape) for x in example_inputs(builder.graph(builder.add(merge.Add(), left, right)), batch=2)]
    [(2, 3, 8, 8), (2, 3, 8, 8)]
    """
    return tuple(torch.randn(batch, *node.output, **options) for node in graph.inputs)
