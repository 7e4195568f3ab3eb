"""Sliding windows: kernel, stride, padding, dilation, and the output size they give.

The three forms of the output-size rule (explicit padding, `valid`, `same`) and Caffe's rounding up are the
formulas here; convolutions and poolings share them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

from msgspec import Meta

from cnncalc.errors import OpError
from cnncalc.formula import Formula, Step, anywhere, ceil_div, least, prod
from cnncalc.ops.base import Op, Shape, count, per_dimension, spatial
from cnncalc.ops.sight import Sight, Sliding

LARGEST = 10**18
"""No number of a spec is larger: what is beyond stands in no network, and overflows."""

Positive = Annotated[int, Meta(ge=1, le=LARGEST)]
Natural = Annotated[int, Meta(ge=0, le=LARGEST)]
Whole = Annotated[int, Meta(ge=-LARGEST, le=LARGEST)]
Sizes = Positive | tuple[Positive, ...]
"""One number, or one per spatial dimension."""
# The inner pairs are lists of any length to msgspec 0.22, whose collector crashes on bounded numbers in a pair
# inside a list; `pairs` checks their length.
Padding = Natural | tuple[Natural | tuple[Natural, ...], ...] | Literal["same", "valid"]
"""A number, one per dimension, [before, after] per dimension, or TensorFlow's words."""

PADDING_WORDS = {"padding": ("same", "valid")}
_NAMES = (("length",), ("height", "width"), ("depth", "height", "width"))


@Formula
def extent(k, d):  # type: ignore[no-untyped-def]
    """The extent of a dilated kernel."""
    return d * (k - 1) + 1


@Formula
def explicit_size(n, k, s, p):  # type: ignore[no-untyped-def]
    """Output size with p zeros on both sides."""
    return (n - k + 2 * p) // s + 1


@Formula
def uneven_size(n, k, s, before, after):  # type: ignore[no-untyped-def]
    """Output size with different padding before and after."""
    return (n - k + before + after) // s + 1


@Formula
def valid_size(n, k, s):  # type: ignore[no-untyped-def]
    """Output size without padding, TensorFlow's `valid`."""
    return ceil_div(n - k + 1, s)


@Formula
def same_size(n, s):  # type: ignore[no-untyped-def]
    """Output size of TensorFlow's `same`: padding as needed, the odd element at the end."""
    return ceil_div(n, s)


@Formula
def ceil_size(n, k, s, before, after):  # type: ignore[no-untyped-def]
    """Output size rounded up, as Caffe does; the last window must start inside the input or its padding."""
    return least(ceil_div(n - k + before + after, s) + 1, ceil_div(n + before, s))


# The same rules for a dilated kernel, whose extent e stands in the place of k.
_DILATED = {rule: rule.renamed(k="e") for rule in (explicit_size, uneven_size, valid_size, same_size, ceil_size)}


class Axis(NamedTuple):
    """One dimension of a sliding window: its steps of arithmetic, output size, and window."""

    steps: list[Step]
    size: int
    window: Sliding


class SlidingOp(Op, frozen=True):
    """An op whose units slide a window over its input; `axes` says how."""

    def axes(self, x: Shape) -> list[Axis]:
        """How the window lies over each spatial dimension of an input [C, *spatial]."""
        raise TypeError(f"{type(self).__name__} does not say how its window slides")

    def steps(self, *inputs: Shape) -> list[Step]:
        return [step for axis in self.axes(inputs[0]) for step in axis.steps]

    def slides(self, x: Shape) -> tuple[Sliding, ...]:
        """The window along each spatial dimension."""
        return tuple(axis.window for axis in self.axes(x))

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return (self.slides(inputs[0]),)

    def weights_by(self, x: Shape) -> Shape | int | None:
        return len(x)


def reached(windows: Sequence[Sliding], x: Shape, output: Shape) -> tuple[tuple[int, int], ...]:
    """[before, after] of each spatial dimension: padding that makes the windows cover their reach exactly; after it, no
    rounding is left to do. Negative where the last rows are in no window."""
    after = [
        (m - 1) * window.stride + window.extent - n - window.before
        for window, n, m in zip(windows, x[1:], output[1:], strict=True)
    ]
    return tuple((window.before, end) for window, end in zip(windows, after, strict=True))


def averaged(window: Sliding, size: int, output: int, padding: bool) -> list[int]:
    """Over how many elements each of the `output` windows averages: of the `size` inputs, and of their padding
    if that counts."""
    first, end = (-window.before, size + window.after) if padding else (0, size)
    starts = [unit * window.stride - window.before for unit in range(output)]
    return [max(min(start + window.kernel, end) - max(start, first), 1) for start in starts]


def lay(
    shape: Shape,
    kind: str,
    kernel: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes = 1,
    ceil: bool = False,
) -> list[Axis]:
    """Lay a window over the spatial dimensions of a shape [C, *spatial].

    Raises:
        OpError: an option has the wrong number of dimensions, or the kernel is larger than the input.
    """
    sizes = spatial(shape, kind)
    d = len(sizes)
    options = zip(
        sizes,
        per_dimension(kernel, d, "kernel"),
        per_dimension(stride, d, "stride"),
        _pads(padding, d),
        per_dimension(dilation, d, "dilation"),
        dimension_names(d),
        strict=True,
    )
    return [_axis(n, k, s, p, dil, ceil, label, kind) for n, k, s, p, dil, label in options]


Pad = tuple[int, int] | str


def _pads(padding: Padding, dimensions: int) -> tuple[Pad, ...]:
    """The padding of each dimension: [before, after], or the word."""
    if isinstance(padding, tuple):
        return pairs(padding, dimensions)
    one: Pad = padding if isinstance(padding, str) else (padding, padding)
    return (one,) * dimensions


def pairs(padding: tuple[int | tuple[int, ...], ...], dimensions: int) -> tuple[tuple[int, int], ...]:
    """A list of numbers or [before, after], one per spatial dimension, as pairs.

    >>> pairs((1, (0, 2)), 2)
    ((1, 1), (0, 2))
    """
    found = tuple(p if isinstance(p, tuple) else (p, p) for p in padding)
    if len(found) != dimensions or any(len(pair) != 2 for pair in found):
        raise OpError(
            f"padding must say what to add in each of {count(dimensions, 'spatial dimension')}",
            option="padding",
            label=f"got {list(map(list, found))}",
            hint="give one number, one per dimension, or [before, after] per dimension",
        )
    return tuple((before, after) for before, after in found)


def even(windows: tuple[Sliding, ...]) -> bool:
    """Whether every dimension has the same padding on both sides, as `torch.nn` layers have."""
    return not any(anywhere(window.before != window.after) for window in windows)


def padded_elements(x: Shape, windows: tuple[Sliding, ...]) -> int:
    """Elements of an input [C, *spatial] with its padding."""
    return int(x[0] * prod([n + w.before + w.after for n, w in zip(x[1:], windows, strict=True)]))


def covered_elements(x: Shape, windows: tuple[Sliding, ...], output: Shape) -> int:
    """Elements of an input [C, *spatial], padded and cut to what the windows of the output cover."""
    sizes = [(m - 1) * w.stride + w.extent for w, m in zip(windows, output[1:], strict=True)]
    return int(x[0] * prod(sizes))


def dimension_names(dimensions: int) -> tuple[str, ...]:
    """What the spatial dimensions are called."""
    return _NAMES[dimensions - 1] if dimensions <= 3 else tuple(f"size {i + 1}" for i in range(dimensions))


def _axis(n: int, k: int, s: int, pad: Pad, d: int, ceil: bool, label: str, kind: str) -> Axis:
    """One dimension of a window over n inputs."""
    ceil = ceil and not isinstance(pad, str)
    steps = []
    reach: Any = k
    dilated = anywhere(d != 1)
    if dilated:
        steps.append(Step("kernel extent", extent, {"k": k, "d": d}))
        reach = extent(k=k, d=d)
    before, after = _zeros(n, reach, s, pad)
    # Rounded up, a window may reach past the padding by less than a stride.
    missing = reach - (n + before + after)
    if anywhere(missing >= (s if ceil else 1)):
        padded = f" ({n + before + after} with padding)" if anywhere(before + after != 0) else ""
        raise OpError(
            f"{kind}'s kernel is larger than its input",
            option="kernel",
            label=f"the kernel spans {reach}, the {label} is {n}{padded}",
            hint="a smaller kernel, more padding, or a larger --input",
        )
    if ceil:
        rule = ceil_size
    elif isinstance(pad, str):
        rule = same_size if pad == "same" else valid_size
    else:
        rule = uneven_size if anywhere(before != after) else explicit_size
    values = {"n": n, "k": reach, "s": s, "p": before, "before": before, "after": after}
    if dilated:
        rule, values = _DILATED[rule], {**values, "e": reach}
    return Axis([*steps, Step(label, rule, values)], rule.of(values), Sliding(k, s, before, after, d))


def _zeros(n: int, reach: int, s: int, pad: Pad) -> tuple[int, int]:
    """The padding before and after; `same` needs the input size to know."""
    if not isinstance(pad, str):
        return pad
    if pad == "valid":
        return 0, 0
    needed = (-(-n // s) - 1) * s + reach - n
    needed = needed * (needed > 0)
    return needed // 2, needed - needed // 2
