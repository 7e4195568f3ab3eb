"""Layers that read their input at places between its positions: deformable convolution, and regions of interest.

Symbols: as for convolutions; taps are the places read, each interpolated from its 4 neighbours.
"""

from __future__ import annotations

from typing import Any, ClassVar

from cnncalc.errors import OpError
from cnncalc.formula import Formula, Switch, anywhere, prod
from cnncalc.ops.base import IN_SINGLE, Casts, Costs, Op, Saved, Shape, Words, per_dimension, show
from cnncalc.ops.conv import Conv, conv_macs, conv_params, conv_weights
from cnncalc.ops.sight import UNKNOWN, Sight
from cnncalc.ops.window import PADDING_WORDS, Padding, Positive, Sizes, even

# mypy: disable-error-code="no-untyped-def"


@Formula
def deformable_muls(taps, modulated):
    """Each place read weighs its 4 neighbours; and is scaled, if there is a mask."""
    return 4 * taps + taps * modulated


@Formula
def deformable_adds(taps, elements, bias):
    """Each place read sums its 4 neighbours; and one for each output, where there is a bias."""
    return 3 * taps + elements * bias


class DeformableConv(Op, frozen=True):
    """Deformable convolution (Dai et al. 2017) of an image, by offsets of the places that each window reads; with a
    third input, a mask that scales them (Zhu et al. 2019). torchvision's `deform_conv2d`. Of the interpolation, the
    weights of the neighbours are not counted.

    Inputs [C_in, H, W], [2 * offset_groups * kernel area, H', W'] and [offset_groups * kernel area, H', W'],
    output [out_channels, H', W'].

    >>> DeformableConv(64, kernel=3, padding=1).output_shape((32, 56, 56), (18, 56, 56))
    (64, 56, 56)
    """

    out_channels: Positive
    kernel: Sizes
    stride: Sizes = 1
    padding: Padding = 0
    dilation: Sizes = 1
    groups: Positive = 1
    offset_groups: Positive = 1
    bias: bool = True

    kind: ClassVar[str] = "deformable_conv"
    casts: ClassVar[Casts | None] = IN_SINGLE
    arity: ClassVar[int | None] = None
    words: ClassVar[Words] = PADDING_WORDS
    costs: ClassVar[Costs] = {
        "params": conv_params,
        "weights": conv_weights,
        "mac": conv_macs,
        "mul": deformable_muls,
        "add": deformable_adds,
    }

    def conv(self) -> Conv:
        """The convolution that it would be without offsets."""
        return Conv(
            self.out_channels,
            kernel=self.kernel,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            bias=self.bias,
        )

    def area(self) -> int:
        """Positions of the kernel."""
        return int(prod(per_dimension(self.kernel, 2, "kernel")))

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) not in (2, 3):
            raise OpError("deformable_conv has an image, offsets, and perhaps a mask", label=f"{len(inputs)} inputs")
        x = inputs[0]
        if len(x) != 3:
            raise OpError("deformable_conv works on images [C, H, W]", label=f"the first input is {show(x)}")
        output = self.conv().output_shape(x)
        if not even(self.conv().slides(x)):
            raise OpError("deformable_conv pads both sides alike", option="padding", hint="put a pad before it")
        if anywhere(x[0] % self.offset_groups != 0):
            label = f"{x[0]} channels, {self.offset_groups} groups of offsets"
            raise OpError("offset_groups must divide the channels", option="offset_groups", label=label)
        for shape, numbers, what in zip(inputs[1:], (2, 1), ("offsets", "mask"), strict=False):
            wanted = (numbers * self.offset_groups * self.area(), *output[1:])
            if len(shape) != 3 or any(anywhere(n != m) for n, m in zip(shape, wanted, strict=True)):
                raise OpError(f"the {what} do not fit", label=f"{show(shape)}, and not {show(wanted)}")
        return output

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {
            **self.conv().symbols(inputs[:1], output),
            "taps": inputs[0][0] * self.area() * prod(output[1:]),
            "elements": prod(output),
            "modulated": Switch(len(inputs) == 3),
        }

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return (UNKNOWN,) * len(inputs)

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        return Saved(tuple(range(len(inputs))))


@Formula
def roi_muls(taps):
    """Each place read weighs its 4 neighbours."""
    return 4 * taps


@Formula
def roi_adds(taps, elements):
    """Each place read sums its 4 neighbours; the places of each output are summed."""
    return 3 * taps + taps - elements


@Formula
def roi_divs(elements):
    """Each output is the mean of its places."""
    return elements


class RoIAlign(Op, frozen=True):
    """The features in boxes of an image, each brought to one size by interpolation (He et al. 2017, Mask R-CNN),
    torchvision's `roi_align`. `spatial_scale` takes the boxes' corners [left, top, right, bottom] to positions of the
    features; each output is the mean of `samples`^2 places. What weighs the neighbours is not counted.

    Inputs [C, H, W] and [K, 4], output [K, C, *output].

    >>> RoIAlign(7, spatial_scale=1 / 16).output_shape((256, 50, 68), (1000, 4))
    (1000, 256, 7, 7)
    """

    output: Sizes
    spatial_scale: float = 1.0
    samples: Positive = 2
    aligned: bool = False

    kind: ClassVar[str] = "roi_align"
    casts: ClassVar[Casts | None] = IN_SINGLE
    arity: ClassVar[int | None] = 2
    costs: ClassVar[Costs] = {"mul": roi_muls, "add": roi_adds, "div": roi_divs}
    saves: ClassVar[Saved | None] = Saved((1,))

    def sizes(self) -> tuple[int, ...]:
        """Height and width of the output."""
        return per_dimension(self.output, 2, "output")

    def output_shape(self, *inputs: Shape) -> Shape:
        x, boxes = inputs
        if len(x) != 3 or len(boxes) != 2 or anywhere(boxes[1] != 4):
            raise OpError(
                "roi_align has features [C, H, W] and boxes [K, 4]", label=f"{show(x)} and {show(boxes)} here"
            )
        return (boxes[0], x[0], *self.sizes())

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"taps": prod(output) * self.samples**2, "elements": prod(output)}


KINDS: tuple[type[Op], ...] = (DeformableConv, RoIAlign)
