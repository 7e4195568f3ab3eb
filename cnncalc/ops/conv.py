"""Convolutions: ordinary, transposed, depthwise and separable, in any number of spatial dimensions.

Symbols: c_in, c_out channels; k the kernel's sizes; out the output's spatial sizes; groups; bias on or off.
A multiply-accumulate is counted for every kernel position, those on padding included, as all tools do.
"""

from __future__ import annotations

from typing import Any, ClassVar

from cnncalc.errors import OpError
from cnncalc.formula import Formula, Step, Switch, anywhere, divide, prod
from cnncalc.ops.base import HALF, Casts, Costs, Extra, Op, Saved, Shape, Words, count, per_dimension, spatial
from cnncalc.ops.sight import Sight, Sliding, Transposed
from cnncalc.ops.window import (
    PADDING_WORDS,
    Axis,
    Natural,
    Padding,
    Positive,
    Sizes,
    SlidingOp,
    dimension_names,
    even,
    extent,
    lay,
    padded_elements,
)

# mypy: disable-error-code="no-untyped-def"


@Formula
def conv_params(c_in, c_out, groups, k, bias):
    """Weights, one kernel for each output channel and each input channel of its group, and the biases."""
    return prod(k) * divide(c_in, groups) * c_out + c_out * bias


@Formula
def conv_weights(c_in, c_out, groups, k):
    """The weights alone: what the products read."""
    return prod(k) * divide(c_in, groups) * c_out


@Formula
def conv_macs(c_in, c_out, groups, k, out):
    """Each output is the sum over its window, in the input channels of its group."""
    return prod(k) * divide(c_in, groups) * c_out * prod(out)


@Formula
def sparse_params(connections, c_out, k, bias):
    """Weights of the connected pairs of channels only, and the biases."""
    return prod(k) * connections + c_out * bias


@Formula
def sparse_weights(connections, k):
    """The weights of the connected pairs of channels."""
    return prod(k) * connections


@Formula
def sparse_macs(connections, k, out):
    """Each connected pair of channels is convolved once."""
    return prod(k) * connections * prod(out)


@Formula
def bias_adds(c_out, out, bias):
    """One addition for each output, where there is a bias."""
    return c_out * prod(out) * bias


@Formula
def transposed_macs(c_in, c_out, groups, k, inp):
    """Each input is multiplied by the whole kernel, into the output channels of its group."""
    return prod(k) * divide(c_out, groups) * c_in * prod(inp)


@Formula
def transposed_params(c_in, c_out, groups, k, bias):
    """Weights, one kernel for each input channel and each output channel of its group, and the biases."""
    return prod(k) * divide(c_out, groups) * c_in + c_out * bias


@Formula
def transposed_weights(c_in, c_out, groups, k):
    """The weights alone."""
    return prod(k) * divide(c_out, groups) * c_in


@Formula
def transposed_size(n, k, s, p, extra):
    """Output size of a transposed convolution; extra is the output padding."""
    return (n - 1) * s - 2 * p + k + extra


_DILATED_SIZE = transposed_size.renamed(k="e")


@Formula
def separable_params(c_in, c_out, multiplier, k, bias):
    """The depthwise kernels, the 1x1 convolution that mixes their outputs, and its biases."""
    return prod(k) * c_in * multiplier + c_in * multiplier * c_out + c_out * bias


@Formula
def separable_weights(c_in, c_out, multiplier, k):
    """The depthwise kernels and the 1x1 convolution."""
    return prod(k) * c_in * multiplier + c_in * multiplier * c_out


@Formula
def separable_macs(c_in, c_out, multiplier, k, out):
    """The depthwise convolution, then the 1x1 convolution, both at the output's resolution."""
    return (prod(k) * c_in * multiplier + c_in * multiplier * c_out) * prod(out)


def _check_groups(groups: int, c_in: int, c_out: int) -> None:
    """Groups share out the channels evenly, on both sides."""
    for channels, side in ((c_in, "input"), (c_out, "output")):
        if anywhere(channels % groups != 0):
            raise OpError(
                f"groups must divide the {side} channels",
                option="groups",
                label=f"{count(channels, f'{side} channel')} in {count(groups, 'group')}",
            )


def _convolved(x: Shape, windows: tuple[Sliding, ...]) -> Saved:
    """What a convolution keeps: its input, or the copy that uneven padding makes."""
    return Saved((0,)) if even(windows) else Saved(extra=(Extra("padded input", padded_elements(x, windows)),))


class Conv(SlidingOp, frozen=True):
    """Convolution.

    Input [C_in, *spatial], output [out_channels, *spatial']. As PyTorch's `Conv1d`, `Conv2d`, `Conv3d`.
    `connections` lists, for each output channel, the input channels it sees (LeNet-5's C3).

    >>> Conv(96, kernel=11, stride=4).output_shape((3, 227, 227))
    (96, 55, 55)
    """

    out_channels: Positive
    kernel: Sizes
    stride: Sizes = 1
    padding: Padding = 0
    dilation: Sizes = 1
    groups: Positive = 1
    bias: bool = True
    connections: tuple[tuple[Natural, ...], ...] | None = None

    kind: ClassVar[str] = "conv"
    keeps_last: ClassVar[frozenset[int]] = frozenset({2, 3})
    casts: ClassVar[Casts | None] = HALF
    main: ClassVar[str | None] = "out_channels"
    words: ClassVar[Words] = PADDING_WORDS
    costs: ClassVar[Costs] = {
        "params": conv_params,
        "weights": conv_weights,
        "mac": conv_macs,
        "add": bias_adds,
    }

    def axes(self, x: Shape) -> list[Axis]:
        return lay(x, self.kind, self.kernel, self.stride, self.padding, self.dilation)

    def output_shape(self, *inputs: Shape) -> Shape:
        axes = self.axes(inputs[0])
        _check_groups(self.groups, inputs[0][0], self.out_channels)
        if self.connections is not None:
            self._check_connections(inputs[0][0])
        return (self.out_channels, *(axis.size for axis in axes))

    def _check_connections(self, c_in: int) -> None:
        """The table has a row for each output channel, of different input channels that exist."""
        table = self.connections or ()
        if len(table) != self.out_channels or self.groups != 1:
            raise OpError(
                "connections need one list of input channels for each output channel, and no groups",
                option="connections",
                label=f"{count(len(table), 'list')} for {count(self.out_channels, 'output channel')}",
            )
        for row in table:
            if not row or len(set(row)) != len(row) or max(row) >= c_in:
                raise OpError(
                    "connections name the input channels, each once, from 0",
                    option="connections",
                    label=f"{list(row)} with {count(c_in, 'input channel')}",
                )

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        values = {
            "c_in": inputs[0][0],
            "c_out": self.out_channels,
            "groups": self.groups,
            "k": per_dimension(self.kernel, len(output) - 1, "kernel"),
            "out": output[1:],
            "bias": Switch(self.bias),
        }
        if self.connections is not None:
            values["connections"] = sum(map(len, self.connections))
        return values

    def formulas(self) -> Costs:
        if self.connections is None:
            return self.costs
        return {"params": sparse_params, "weights": sparse_weights, "mac": sparse_macs, "add": bias_adds}

    def gives_last(self, inputs: tuple[Shape, ...], last: tuple[bool, ...]) -> bool:
        return self.connections is None and super().gives_last(inputs, last)

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        windows = self.slides(inputs[0])
        if self.connections is None:
            return _convolved(inputs[0], windows)
        # Each output channel convolves a copy of its input channels; uneven padding copies these once more.
        selected = (sum(map(len, self.connections)), *inputs[0][1:])
        elements = prod(selected) if even(windows) else padded_elements(selected, windows)
        return Saved(extra=(Extra("selected channels", elements),))


class ConvTranspose(Op, frozen=True):
    """Transposed convolution, PyTorch's `ConvTranspose2d` and so on: the gradient of a convolution.

    Input [C_in, *spatial], output [out_channels, *spatial'].

    >>> ConvTranspose(64, kernel=2, stride=2).output_shape((128, 28, 28))
    (64, 56, 56)
    """

    out_channels: Positive
    kernel: Sizes
    stride: Sizes = 1
    padding: Natural | tuple[Natural, ...] = 0
    output_padding: Natural | tuple[Natural, ...] = 0
    dilation: Sizes = 1
    groups: Positive = 1
    bias: bool = True

    kind: ClassVar[str] = "conv_transpose"
    keeps_last: ClassVar[frozenset[int]] = frozenset({2, 3})
    casts: ClassVar[Casts | None] = HALF
    main: ClassVar[str | None] = "out_channels"
    costs: ClassVar[Costs] = {
        "params": transposed_params,
        "weights": transposed_weights,
        "mac": transposed_macs,
        "add": bias_adds,
    }
    saves: ClassVar[Saved | None] = Saved((0,))

    def _options(self, x: Shape) -> list[tuple[int, int, int, int, int, int]]:
        """Input size, kernel, stride, padding, output padding and dilation of each dimension."""
        sizes = spatial(x, self.kind)
        d = len(sizes)
        columns = (
            per_dimension(self.kernel, d, "kernel"),
            per_dimension(self.stride, d, "stride"),
            per_dimension(self.padding, d, "padding"),
            per_dimension(self.output_padding, d, "output_padding"),
            per_dimension(self.dilation, d, "dilation"),
        )
        return list(zip(sizes, *columns, strict=True))

    def steps(self, *inputs: Shape) -> list[Step]:
        labels = dimension_names(len(inputs[0]) - 1)
        steps = []
        for label, (n, k, s, p, extra, d) in zip(labels, self._options(inputs[0]), strict=True):
            values = {"n": n, "k": k, "s": s, "p": p, "extra": extra}
            if anywhere(d != 1):
                steps.append(Step("kernel extent", extent, {"k": k, "d": d}))
                steps.append(Step(label, _DILATED_SIZE, {**values, "e": extent(k=k, d=d)}))
            else:
                steps.append(Step(label, transposed_size, values))
        return steps

    def _sizes(self, x: Shape) -> list[int]:
        """The output's spatial sizes."""
        return [
            transposed_size(n=n, k=extent(k=k, d=d), s=s, p=p, extra=extra) for n, k, s, p, extra, d in self._options(x)
        ]

    def weights_by(self, x: Shape) -> Shape | int | None:
        return len(x)

    def output_shape(self, *inputs: Shape) -> Shape:
        for _, _, s, _, extra, d in self._options(inputs[0]):
            if anywhere((extra >= s) & (extra >= d)):
                raise OpError(
                    "output_padding must be smaller than the stride or the dilation",
                    option="output_padding",
                    label=f"{extra}, with stride {s} and dilation {d}",
                )
        sizes = self._sizes(inputs[0])
        _check_groups(self.groups, inputs[0][0], self.out_channels)
        if any(anywhere(size < 1) for size in sizes):
            raise OpError(
                "conv_transpose's padding removes its whole output",
                option="padding",
                label=f"the output size would be {min(sizes)}",
            )
        return (self.out_channels, *sizes)

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {
            "c_in": inputs[0][0],
            "c_out": self.out_channels,
            "groups": self.groups,
            "k": per_dimension(self.kernel, len(output) - 1, "kernel"),
            "inp": inputs[0][1:],
            "out": output[1:],
            "bias": Switch(self.bias),
        }

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        # The output is an ordinary convolution, stride 1, over the input stretched by zeros; the padding of
        # that convolution is what the kernel's reach leaves of the layer's own.
        windows = []
        for _, k, s, p, extra, d in self._options(inputs[0]):
            margin = d * (k - 1) - p
            windows.append(Transposed(k, s, margin, margin + extra, d))
        return (tuple(windows),)


class Depthwise(SlidingOp, frozen=True):
    """Depthwise convolution: each input channel alone, into `multiplier` output channels.

    Input [C, *spatial], output [C * multiplier, *spatial']. A convolution with as many groups as channels.

    >>> Depthwise(3, stride=2, padding=1).output_shape((32, 112, 112))
    (32, 56, 56)
    """

    kernel: Sizes
    stride: Sizes = 1
    padding: Padding = 0
    dilation: Sizes = 1
    multiplier: Positive = 1
    bias: bool = True

    kind: ClassVar[str] = "depthwise"
    keeps_last: ClassVar[frozenset[int]] = frozenset({2, 3})
    casts: ClassVar[Casts | None] = HALF
    main: ClassVar[str | None] = "kernel"
    words: ClassVar[Words] = PADDING_WORDS
    costs: ClassVar[Costs] = {
        "params": conv_params,
        "weights": conv_weights,
        "mac": conv_macs,
        "add": bias_adds,
    }

    def conv(self, c_in: int) -> Conv:
        """The same layer as a grouped convolution on c_in channels."""
        return Conv(
            c_in * self.multiplier,
            kernel=self.kernel,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=c_in,
            bias=self.bias,
        )

    def axes(self, x: Shape) -> list[Axis]:
        return lay(x, self.kind, self.kernel, self.stride, self.padding, self.dilation)

    def output_shape(self, *inputs: Shape) -> Shape:
        return (inputs[0][0] * self.multiplier, *(axis.size for axis in self.axes(inputs[0])))

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return self.conv(inputs[0][0]).symbols(inputs, output)

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        return _convolved(inputs[0], self.slides(inputs[0]))


class Separable(SlidingOp, frozen=True):
    """Depthwise separable convolution: a depthwise one without bias, then a 1x1 convolution that mixes.

    Input [C_in, *spatial], output [out_channels, *spatial']. As Keras' `SeparableConv2D`.

    >>> Separable(64, kernel=7, stride=2, padding=3, multiplier=8).output_shape((3, 224, 224))
    (64, 112, 112)
    """

    out_channels: Positive
    kernel: Sizes
    stride: Sizes = 1
    padding: Padding = 0
    dilation: Sizes = 1
    multiplier: Positive = 1
    bias: bool = True

    kind: ClassVar[str] = "separable"
    keeps_last: ClassVar[frozenset[int]] = frozenset({2})
    casts: ClassVar[Casts | None] = HALF
    main: ClassVar[str | None] = "out_channels"
    words: ClassVar[Words] = PADDING_WORDS
    costs: ClassVar[Costs] = {
        "params": separable_params,
        "weights": separable_weights,
        "mac": separable_macs,
        "add": bias_adds,
    }

    def axes(self, x: Shape) -> list[Axis]:
        return lay(x, self.kind, self.kernel, self.stride, self.padding, self.dilation)

    def output_shape(self, *inputs: Shape) -> Shape:
        return (self.out_channels, *(axis.size for axis in self.axes(inputs[0])))

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {
            "c_in": inputs[0][0],
            "c_out": self.out_channels,
            "multiplier": self.multiplier,
            "k": per_dimension(self.kernel, len(output) - 1, "kernel"),
            "out": output[1:],
            "bias": Switch(self.bias),
        }

    def inner(self, *inputs: Shape) -> int:
        sizes = [axis.size for axis in self.axes(inputs[0])]
        return int(inputs[0][0] * self.multiplier * prod(sizes))

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        depthwise = _convolved(inputs[0], self.slides(inputs[0]))
        return depthwise._replace(extra=(*depthwise.extra, Extra("depthwise output", self.inner(*inputs))))


KINDS: tuple[type[Op], ...] = (Conv, ConvTranspose, Depthwise, Separable)
