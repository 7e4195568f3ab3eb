"""Poolings: over sliding windows, over the whole image, and the learnt and second-order ones.

Symbols: k the window's sizes, elements of the output, c channels, hw the input positions. A window on padding or
past the edge is counted whole, as the hardware that does not know better would do.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from cnncalc.errors import OpError
from cnncalc.formula import Formula, anywhere, gcd, prod
from cnncalc.ops.base import (
    AS_GIVEN,
    EVERY,
    FLOAT32,
    HALF,
    OF_OUTPUT,
    WIDENED,
    Casts,
    Costs,
    Extra,
    Op,
    Saved,
    Shape,
    Words,
    per_dimension,
    spatial,
)
from cnncalc.ops.sight import WHOLE, Binned, Sight, Sliding
from cnncalc.ops.window import (
    PADDING_WORDS,
    Axis,
    Padding,
    Sizes,
    SlidingOp,
    covered_elements,
    even,
    lay,
)

# mypy: disable-error-code="no-untyped-def"


@Formula
def window_compares(elements, k):
    """One comparison fewer than elements in the window."""
    return elements * (prod(k) - 1)


@Formula
def window_adds(elements, k):
    """One addition fewer than elements in the window."""
    return elements * (prod(k) - 1)


@Formula
def one_each(elements):
    """One for each output element."""
    return elements


@Formula
def window_each(elements, k):
    """One for each element of each window."""
    return elements * prod(k)


@Formula
def powers_and_roots(elements, k):
    """A power of each element of each window, and a root for each output."""
    return elements * prod(k) + elements


@Formula
def window_two_sums(elements, k):
    """Two sums over each window: of the squares and of the elements."""
    return 2 * elements * (prod(k) - 1)


@Formula
def score_params(c):
    """One weight a channel and a bias: the score of a position is a linear function of its channels."""
    return c + 1


@Formula
def score_weights(c):
    """The weights of the scores."""
    return c


@Formula
def attention_macs(c, hw):
    """The score of each position, and the sum of the positions weighted by their scores."""
    return 2 * c * hw


@Formula
def positions(hw):
    """One for each position: the bias of its score, its exponential, the division by their sum."""
    return hw


@Formula
def attention_compares(hw):
    """The largest of the scores."""
    return hw - 1


@Formula
def attention_adds(hw):
    """The bias of each score, the subtraction of the largest, and the sum of the exponentials."""
    return 2 * hw + hw - 1


@Formula
def outer_macs(c, hw):
    """The outer product of the channels at each position, summed over the positions."""
    return c * c * hw


AVERAGE: Costs = {"add": window_adds, "div": one_each}
MAXIMUM: Costs = {"compare": window_compares}


def check_pool_padding(axes: list[Axis], padding: Padding) -> list[Axis]:
    """PyTorch's rule for explicit padding of a pool: at most half the kernel, dilated or not, or windows could
    see none of the input."""
    for window in (axis.window for axis in axes):
        if isinstance(padding, str):
            break
        for pad in (window.before, window.after):
            if anywhere(pad > window.kernel // 2):
                raise OpError(
                    "a pool's padding is at most half its kernel",
                    option="padding",
                    label=f"padding {pad} for a kernel of {window.kernel}",
                )
    return axes


INDEX_BYTES = 8
"""The indices of the largest elements are int64."""


def _read(plain: bool, x: Shape, windows: tuple[Sliding, ...], output: Shape, *extra: Extra) -> Saved:
    """What a pooling keeps: its input, or the padded copy that PyTorch's own padding cannot spare; and more."""
    if plain:
        return Saved((0,), extra=extra)
    return Saved(extra=(Extra("padded input", covered_elements(x, windows, output)), *extra))


def _float32_in_3d(x: Shape) -> Casts:
    """PyTorch's poolings in three dimensions work in float32 under autocast on a CPU; the others as they are given."""
    return FLOAT32 if len(x) == 4 else AS_GIVEN


class _WindowPool(SlidingOp, frozen=True):
    """What the poolings over sliding windows share: their output keeps the channels, and their stride is the
    kernel's size unless given."""

    kernel: Sizes
    stride: Sizes | None = None

    main: ClassVar[str | None] = "kernel"

    @property
    def step(self) -> Sizes:
        """The stride that holds."""
        return self.kernel if self.stride is None else self.stride

    def output_shape(self, *inputs: Shape) -> Shape:
        return (inputs[0][0], *(axis.size for axis in self.axes(inputs[0])))

    def plain(self, x: Shape) -> bool:
        """Whether PyTorch's own layer does it, without a padded copy."""
        return True

    def gives_last(self, inputs: tuple[Shape, ...], last: tuple[bool, ...]) -> bool:
        (x,) = inputs
        padded = not self.plain(x) and any(window.before or window.after for window in self.slides(x))
        # In one dimension a padded copy lies in the usual order.
        return super().gives_last(inputs, last) and not (padded and len(x) == 2)

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        windows = self.slides(inputs[0])
        return {"c": inputs[0][0], "elements": prod(output), "k": tuple(window.kernel for window in windows)}


class MaxPool(_WindowPool, frozen=True):
    """Max pooling, PyTorch's `MaxPool2d` and so on; the stride is the kernel's size unless given.

    Input [C, *spatial], output [C, *spatial']. `ceil` rounds sizes up where the padding is given in numbers.

    >>> MaxPool(3, stride=2).output_shape((96, 55, 55))
    (96, 27, 27)
    """

    padding: Padding = 0
    dilation: Sizes = 1
    ceil: bool = False

    kind: ClassVar[str] = "maxpool"
    keeps_last: ClassVar[frozenset[int]] = EVERY
    words: ClassVar[Words] = PADDING_WORDS
    costs: ClassVar[Costs] = MAXIMUM

    def axes(self, x: Shape) -> list[Axis]:
        axes = lay(x, self.kind, self.kernel, self.step, self.padding, self.dilation, self.ceil)
        return check_pool_padding(axes, self.padding)

    def plain(self, x: Shape) -> bool:
        windows = self.slides(x)
        # Before 2.6 PyTorch measures the padding against the kernel without its dilation.
        return even(windows) and all(window.before <= window.kernel // 2 for window in windows)

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        indices = Extra("indices", prod(output), INDEX_BYTES)
        return _read(self.plain(inputs[0]), inputs[0], self.slides(inputs[0]), output, indices)

    def autocast(self, *inputs: Shape) -> Casts | None:
        return _float32_in_3d(inputs[0])


class AvgPool(_WindowPool, frozen=True):
    """Average pooling, PyTorch's `AvgPool2d` and so on.

    Input [C, *spatial], output [C, *spatial']. `count_include_pad` says whether padding zeros are averaged
    in; with `same` and uneven padding they never are, as in TensorFlow.

    >>> AvgPool(7).output_shape((2048, 7, 7))
    (2048, 1, 1)
    """

    padding: Padding = 0
    ceil: bool = False
    count_include_pad: bool = True

    kind: ClassVar[str] = "avgpool"
    keeps_last: ClassVar[frozenset[int]] = frozenset({1, 2})
    words: ClassVar[Words] = PADDING_WORDS
    costs: ClassVar[Costs] = AVERAGE

    def axes(self, x: Shape) -> list[Axis]:
        axes = lay(x, self.kind, self.kernel, self.step, self.padding, ceil=self.ceil)
        return check_pool_padding(axes, self.padding)

    def plain(self, x: Shape) -> bool:
        windows = self.slides(x)
        # PyTorch's AvgPool3d compares the kernel with the image before it is padded.
        fits = len(windows) < 3 or all(w.kernel <= n for w, n in zip(windows, x[1:], strict=True))
        return not isinstance(self.padding, str) and even(windows) and fits

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        return _read(self.plain(inputs[0]), inputs[0], self.slides(inputs[0]), output)

    def autocast(self, *inputs: Shape) -> Casts | None:
        casts = _float32_in_3d(inputs[0])
        return casts if self.plain(inputs[0]) else casts._replace(output="float32")  # the scale is a buffer


class LPPool(_WindowPool, frozen=True):
    """Power-average pooling, PyTorch's `LPPool2d`: the p-th root of the sum of p-th powers. p = 2 is L2 pooling.
    Squares are multiplications (`mul`), other powers transcendental (`exp`).

    Input [C, *spatial], output [C, *spatial'].

    >>> LPPool(2).output_shape((64, 28, 28))
    (64, 14, 14)
    """

    p: Annotated[float, Meta(gt=0)] = 2.0
    ceil: bool = False

    kind: ClassVar[str] = "lppool"
    keeps_last: ClassVar[frozenset[int]] = frozenset({1, 2})
    costs: ClassVar[Costs] = {"mul": window_each, "add": window_adds, "exp": one_each}

    def axes(self, x: Shape) -> list[Axis]:
        return lay(x, self.kind, self.kernel, self.step, 0, ceil=self.ceil)

    def formulas(self) -> Costs:
        return self.costs if self.p == 2 else {"add": window_adds, "exp": powers_and_roots}

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        roots = Extra("mean, sign and roots", 4 * prod(output), OF_OUTPUT)
        if not self.padded(inputs[0], output):
            return Saved((0,), extra=(Extra("powers", prod(inputs[0]), OF_OUTPUT), roots))
        covered = covered_elements(inputs[0], self.slides(inputs[0]), output)
        return Saved(extra=(Extra("padded input", covered), Extra("powers", covered, OF_OUTPUT), roots))

    def temporaries(self, inputs: tuple[Shape, ...], output: Shape) -> int:
        # The powers, then the means, their signs and roots; and all the while a padded copy, if there is one.
        if not self.padded(inputs[0], output):
            return int(max(prod(inputs[0]), 3 * prod(output)))
        covered = covered_elements(inputs[0], self.slides(inputs[0]), output)
        return int(covered + max(covered, 3 * prod(output)))

    def padded(self, x: Shape, output: Shape) -> bool:
        """Whether a window reaches past the image: then the image is padded, and cut to what the windows cover."""
        ends = [(m - 1) * w.stride + w.kernel for w, m in zip(self.slides(x), output[1:], strict=True)]
        return any(anywhere(end > n) for end, n in zip(ends, x[1:], strict=True))

    def autocast(self, *inputs: Shape) -> Casts | None:
        # The powers are taken in the type given, their means in three dimensions in float32.
        return WIDENED if len(inputs[0]) == 4 else AS_GIVEN


def _evenly_apart(kernel: list[int], sizes: list[int]) -> bool:
    """Whether the elements of a window of an image lie at even distances in memory.

    >>> _evenly_apart([3], [9]), _evenly_apart([2, 2], [9, 9]), _evenly_apart([1, 3], [9, 9])
    (True, False, True)
    """
    wide = [dimension for dimension, k in enumerate(kernel) if k > 1]
    return all(prod(sizes[i + 1 : j + 1]) == kernel[j] for i, j in pairwise(wide))


class StochasticPool(_WindowPool, frozen=True):
    """Stochastic pooling (Zeiler and Fergus 2013): samples an element with probability by its size in
    training, averages the elements weighted by those probabilities at inference, which is counted here.

    Input [C, *spatial], output [C, *spatial'].

    >>> StochasticPool(3, stride=2).output_shape((64, 27, 27))
    (64, 13, 13)
    """

    ceil: bool = False

    kind: ClassVar[str] = "stochastic_pool"
    casts: ClassVar[Casts | None] = AS_GIVEN
    costs: ClassVar[Costs] = {"mul": window_each, "add": window_two_sums, "div": one_each}

    def axes(self, x: Shape) -> list[Axis]:
        return lay(x, self.kind, self.kernel, self.step, 0, ceil=self.ceil)

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        windows = self.slides(inputs[0])
        kernel = [window.kernel for window in windows]
        covered = [(m - 1) * w.stride + w.kernel for w, m in zip(windows, output[1:], strict=True)]
        # The windows are a view of the covered image if their elements lie evenly apart in it; else a copy each.
        elements = output[0] * prod(covered) if _evenly_apart(kernel, covered) else prod(output) * prod(kernel)
        return Saved((0,), extra=(Extra("choices", prod(output), INDEX_BYTES), Extra("windows", elements)))

    def temporaries(self, inputs: tuple[Shape, ...], output: Shape) -> int:
        # The input without negatives and its padded copy; that, its squares and two means; that, two means and their
        # quotient (and a mask of one byte an element, left out here).
        n, m, covered = prod(inputs[0]), prod(output), covered_elements(inputs[0], self.slides(inputs[0]), output)
        return int(max(n + covered - m, 2 * covered + m, covered + 3 * m))


@Formula
def adaptive_work(taps, elements):
    """One fewer than elements in each window; taps counts the elements of all windows."""
    return taps - elements


def adaptive_taps(size: Any, output: Any) -> Any:
    """The elements in all windows of an adaptive pool along one dimension: window i runs from
    floor(i * size / output) to ceil((i + 1) * size / output), as in PyTorch.

    >>> adaptive_taps(7, 7), adaptive_taps(13, 6)
    (7, 18)
    """
    # Neighbouring windows share an element where the boundary between them, i * size / output, is no whole number.
    return size + output - gcd(size, output)


class _AdaptivePool(Op, frozen=True):
    """What the poolings to a given output size share."""

    output: Sizes

    main: ClassVar[str | None] = "output"

    def output_shape(self, *inputs: Shape) -> Shape:
        sizes = spatial(inputs[0], self.kind)
        return (inputs[0][0], *per_dimension(self.output, len(sizes), "output"))

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        taps = [adaptive_taps(n, m) for n, m in zip(inputs[0][1:], output[1:], strict=True)]
        return {"c": inputs[0][0], "elements": prod(output), "taps": inputs[0][0] * prod(taps)}

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        sizes = per_dimension(self.output, len(inputs[0]) - 1, "output")
        return (tuple(map(Binned, sizes)),)


class _GlobalPool(Op, frozen=True):
    """What the poolings of the whole image share: output [C, 1, 1]."""

    def output_shape(self, *inputs: Shape) -> Shape:
        return (inputs[0][0], *(1 for _ in spatial(inputs[0], self.kind)))

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"c": inputs[0][0], "elements": prod(output), "k": inputs[0][1:], "hw": prod(inputs[0][1:])}

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return (WHOLE,)


class AdaptiveAvgPool(_AdaptivePool, frozen=True):
    """Average pooling to a given output size, PyTorch's `AdaptiveAvgPool2d`.

    Input [C, *spatial], output [C, *output].

    >>> AdaptiveAvgPool(6).output_shape((256, 13, 13))
    (256, 6, 6)
    """

    kind: ClassVar[str] = "adaptive_avgpool"
    keeps_last: ClassVar[frozenset[int]] = frozenset({1, 2})
    costs: ClassVar[Costs] = {"add": adaptive_work, "div": one_each}

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        return Saved() if prod(output[1:]) == 1 else Saved((0,))  # PyTorch's mean keeps nothing

    def autocast(self, *inputs: Shape) -> Casts | None:
        return _float32_in_3d(inputs[0])


class AdaptiveMaxPool(_AdaptivePool, frozen=True):
    """Max pooling to a given output size, PyTorch's `AdaptiveMaxPool2d`.

    Input [C, *spatial], output [C, *output].

    >>> AdaptiveMaxPool((1, 4)).output_shape((256, 13, 13))
    (256, 1, 4)
    """

    kind: ClassVar[str] = "adaptive_maxpool"
    keeps_last: ClassVar[frozenset[int]] = frozenset({1, 2})
    costs: ClassVar[Costs] = {"compare": adaptive_work}

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        return Saved((0,), extra=(Extra("indices", prod(output), INDEX_BYTES),))

    def autocast(self, *inputs: Shape) -> Casts | None:
        return _float32_in_3d(inputs[0])


class GlobalAvgPool(_GlobalPool, frozen=True):
    """Global average pooling (Lin et al. 2014, Network in Network): each channel's mean.

    Input [C, *spatial], output [C, 1, 1].

    >>> GlobalAvgPool().output_shape((1000, 6, 6))
    (1000, 1, 1)
    """

    kind: ClassVar[str] = "global_avgpool"
    keeps_last: ClassVar[frozenset[int]] = frozenset({1, 2})
    saves: ClassVar[Saved | None] = Saved()
    costs: ClassVar[Costs] = AVERAGE

    def autocast(self, *inputs: Shape) -> Casts | None:
        return _float32_in_3d(inputs[0])


class GlobalMaxPool(_GlobalPool, frozen=True):
    """Global max pooling: each channel's largest value.

    Input [C, *spatial], output [C, 1, 1].

    >>> GlobalMaxPool().output_shape((512, 7, 7))
    (512, 1, 1)
    """

    kind: ClassVar[str] = "global_maxpool"
    keeps_last: ClassVar[frozenset[int]] = frozenset({1, 2})
    costs: ClassVar[Costs] = MAXIMUM

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        return Saved((0,), extra=(Extra("indices", prod(output), INDEX_BYTES),))

    def autocast(self, *inputs: Shape) -> Casts | None:
        return _float32_in_3d(inputs[0])


class AttentionPool(_GlobalPool, frozen=True):
    """Attention pooling: a learnt linear score for each position, their softmax, and the weighted sum.

    Input [C, *spatial], output [C, 1, 1].

    >>> AttentionPool().output_shape((512, 7, 7))
    (512, 1, 1)
    """

    kind: ClassVar[str] = "attention_pool"
    casts: ClassVar[Casts | None] = HALF
    costs: ClassVar[Costs] = {
        "params": score_params,
        "weights": score_weights,
        "mac": attention_macs,
        "compare": attention_compares,
        "add": attention_adds,
        "div": positions,
        "exp": positions,
    }

    def temporaries(self, inputs: tuple[Shape, ...], output: Shape) -> int:
        positions = prod(inputs[0][1:])
        return int(max(2 * positions - prod(output), positions))  # the scores, and their softmax

    def saved(self, inputs: tuple[Shape, ...], output: Shape, needed: tuple[bool, ...]) -> Saved | None:
        # The scores and the weighted sum each save the input.
        return Saved((0, 0), extra=(Extra("weights of positions", prod(inputs[0][1:])),))


class BilinearPool(_GlobalPool, frozen=True):
    """Bilinear pooling (Lin, RoyChowdhury and Maji 2015): outer products of the channels, summed over positions.

    Input [C, *spatial], output [C * C].

    >>> BilinearPool().output_shape((512, 28, 28))
    (262144,)
    """

    kind: ClassVar[str] = "bilinear_pool"
    casts: ClassVar[Casts | None] = HALF
    costs: ClassVar[Costs] = {"mac": outer_macs}
    saves: ClassVar[Saved | None] = Saved((0, 0))

    def output_shape(self, *inputs: Shape) -> Shape:
        spatial(inputs[0], self.kind)
        return (inputs[0][0] ** 2,)


KINDS: tuple[type[Op], ...] = (
    MaxPool,
    AvgPool,
    LPPool,
    StochasticPool,
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    GlobalAvgPool,
    GlobalMaxPool,
    AttentionPool,
    BilinearPool,
)
