"""Random layers, and what PyTorch itself says of them.

`layers()` draws a kind, options as a spec would give them, and input shapes; one in some is meant to be
wrong. `ORACLE` gives those raw options to `torch.nn` directly, with none of the calculator's code, so that
the two can disagree. `check` compares them, and then the built module's parameters and MACs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from cnncalc.errors import OpError
from cnncalc.ops import KINDS
from cnncalc.ops.base import Site, cost_steps
from cnncalc.ops.options import make
from cnncalc.pytorch.build import build_op

BATCH = 2

Shape = tuple[int, ...]
Options = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A layer to try: the word of its kind, its options, and the shapes of its inputs, without the batch."""

    kind: str
    options: Options
    inputs: tuple[Shape, ...]


class Refused(Exception):
    """PyTorch's layer does not take these options, though its function may not notice."""


# What is drawn


@st.composite
def shapes(draw: Any, flat: bool = False) -> Shape:
    """[C] if flat may be, or [C, *spatial] in one to three dimensions."""
    d = draw(st.integers(0 if flat else 1, 3))
    largest = 14 if d < 3 else 7
    return (draw(st.integers(1, 12)), *(draw(st.integers(1, largest)) for _ in range(d)))


@st.composite
def sizes(draw: Any, d: int, low: int, high: int) -> Any:
    """One number or one a dimension; now and then too small, or for too many dimensions."""
    form = draw(st.integers(0, 39))
    if form == 39:
        return draw(st.integers(low - 2, low - 1))
    if form == 38:
        return tuple(draw(st.integers(low, high)) for _ in range(d + 1))
    if form < 20 or d == 0:
        return draw(st.integers(low, high))
    return tuple(draw(st.integers(low, high)) for _ in range(d))


@st.composite
def paddings(draw: Any, d: int, high: int) -> Any:
    """Padding in any of its forms."""
    form = draw(st.integers(0, 9))
    if form == 0:
        return draw(st.sampled_from(["same", "valid"]))
    if form <= 2:
        return tuple((draw(st.integers(0, high)), draw(st.integers(0, high))) for _ in range(d))
    if form <= 4:
        return 0
    return draw(sizes(d, 0, high))


def _some(draw: Any, options: Options, **choices: Any) -> Options:
    """The options, and some of the choices."""
    return {**options, **{key: draw(value) for key, value in choices.items() if draw(st.booleans())}}


def _channels_and_groups(draw: Any, c_in: int) -> tuple[int, int]:
    """Output channels and groups; mostly groups that fit."""
    if draw(st.integers(0, 2)):
        return draw(st.integers(0 if draw(st.integers(0, 19)) == 0 else 1, 12)), 1
    fitting = [g for g in range(1, c_in + 1) if c_in % g == 0]
    groups = draw(st.sampled_from(fitting)) if draw(st.integers(0, 5)) else draw(st.integers(0, 5))
    outputs = groups * draw(st.integers(1, 3)) if draw(st.integers(0, 5)) else draw(st.integers(1, 12))
    return outputs, groups


def _window(draw: Any, d: int, options: Options, **more: Any) -> Options:
    return _some(
        draw,
        {**options, "kernel": draw(sizes(d, 1, 5))},
        stride=sizes(d, 1, 4),
        padding=paddings(d, 3),
        dilation=sizes(d, 1, 3),
        **more,
    )


def _conv(draw: Any, x: Shape) -> Options:
    outputs, groups = _channels_and_groups(draw, x[0])
    options = _window(draw, len(x) - 1, {"out_channels": outputs}, bias=st.booleans())
    if draw(st.integers(0, 5)) == 0 and outputs > 0:
        row = st.lists(st.integers(0, x[0] - 1), min_size=1, max_size=x[0], unique=True)
        return {**options, "connections": tuple(tuple(draw(row)) for _ in range(outputs))}
    return {**options, "groups": groups} if groups != 1 else options


def _conv_transpose(draw: Any, x: Shape) -> Options:
    d = len(x) - 1
    outputs, groups = _channels_and_groups(draw, x[0])
    return _some(
        draw,
        {"out_channels": outputs, "kernel": draw(sizes(d, 1, 5)), "groups": groups},
        stride=sizes(d, 1, 4),
        padding=sizes(d, 0, 2),
        output_padding=sizes(d, 0, 2),
        dilation=sizes(d, 1, 3),
        bias=st.booleans(),
    )


def _depthwise(draw: Any, x: Shape) -> Options:
    return _window(draw, len(x) - 1, {}, bias=st.booleans(), multiplier=st.integers(1, 3))


def _separable(draw: Any, x: Shape) -> Options:
    return {**_depthwise(draw, x), "out_channels": draw(st.integers(1, 8))}


def _pool(draw: Any, x: Shape, *, dilation: bool = False, padding: bool = True, **more: Any) -> Options:
    d = len(x) - 1
    choices: Options = {"stride": sizes(d, 1, 4), "ceil": st.booleans(), **more}
    if padding:
        choices["padding"] = paddings(d, 2)
    if dilation:
        choices["dilation"] = sizes(d, 1, 3)
    return _some(draw, {"kernel": draw(sizes(d, 1, 5))}, **choices)


def _upsample(draw: Any, x: Shape) -> Options:
    d = len(x) - 1
    target = {"factor": draw(sizes(d, 1, 3))} if draw(st.booleans()) else {"size": draw(sizes(d, 1, 12))}
    return _some(draw, target, mode=st.sampled_from(["nearest", "linear"]))


def _pad(draw: Any, x: Shape) -> Options:
    size = st.integers(-3, 3)
    d = len(x) - 1
    whole = draw(st.booleans())
    return {"padding": draw(size) if whole else tuple((draw(size), draw(size)) for _ in range(d))}


def _slice(draw: Any, x: Shape) -> Options:
    return {"channels": (draw(st.integers(0, x[0])), draw(st.integers(0, x[0])))}


def _groups(draw: Any, x: Shape) -> Options:
    return {"groups": draw(st.integers(0, 6))}


# Each kind: whether its input may be flat, and how its options are drawn.
DRAWN: dict[str, tuple[bool, Callable[[Any, Shape], Options]]] = {
    "conv": (False, _conv),
    "conv_transpose": (False, _conv_transpose),
    "depthwise": (False, _depthwise),
    "separable": (False, _separable),
    "maxpool": (False, lambda draw, x: _pool(draw, x, dilation=True)),
    "avgpool": (False, lambda draw, x: _pool(draw, x, count_include_pad=st.booleans())),
    "lppool": (False, lambda draw, x: _pool(draw, x, padding=False, p=st.sampled_from([1, 2, 2.5]))),
    "stochastic_pool": (False, lambda draw, x: _pool(draw, x, padding=False)),
    "adaptive_avgpool": (False, lambda draw, x: {"output": draw(sizes(len(x) - 1, 1, 9))}),
    "adaptive_maxpool": (False, lambda draw, x: {"output": draw(sizes(len(x) - 1, 1, 9))}),
    "linear": (True, lambda draw, x: _some(draw, {"out_features": draw(st.integers(0, 20))}, bias=st.booleans())),
    "batchnorm": (True, lambda draw, x: _some(draw, {}, affine=st.booleans())),
    "layernorm": (
        True,
        lambda draw, x: _some(draw, {}, affine=st.booleans(), over=st.sampled_from(["channels", "all"])),
    ),
    "groupnorm": (True, lambda draw, x: _some(draw, _groups(draw, x), affine=st.booleans())),
    "lrn": (True, lambda draw, x: {"size": draw(st.integers(0, 7))}),
    "prelu": (True, lambda draw, x: _some(draw, {}, per_channel=st.booleans())),
    "leaky_relu": (True, lambda draw, x: _some(draw, {}, slope=st.floats(-1, 1))),
    "dropout": (True, lambda draw, x: _some(draw, {}, p=st.sampled_from([-0.5, 0, 0.3, 1, 1.5]))),
    "scale": (True, lambda draw, x: _some(draw, {}, bias=st.booleans())),
    "pad": (False, _pad),
    "slice": (True, _slice),
    "channel_shuffle": (True, _groups),
    "upsample": (False, _upsample),
}

# Windows have the most rules; they are drawn more often.
_WEIGHTED = [
    *KINDS,
    *("conv", "conv", "conv", "conv", "conv_transpose", "conv_transpose", "depthwise", "separable"),
    *("maxpool", "maxpool", "maxpool", "avgpool", "avgpool", "avgpool", "lppool", "stochastic_pool", "upsample"),
]


@st.composite
def layers(draw: Any) -> Case:
    """A random layer with inputs for it."""
    name = draw(st.sampled_from(_WEIGHTED))
    if KINDS[name].arity is None:
        return Case(name, {}, _branches(draw))
    flat, options = DRAWN.get(name, (not issubclass(KINDS[name], _NEEDS_SPACE), lambda draw, x: {}))
    x = draw(shapes(flat=flat))
    return Case(name, options(draw, x), (x,))


_NEEDS_SPACE = tuple(KINDS[name] for name in ("global_avgpool", "global_maxpool", "attention_pool", "bilinear_pool"))


def _branches(draw: Any) -> tuple[Shape, ...]:
    """Shapes that mostly meet: equal ones, of which some are changed."""
    x = draw(shapes(flat=True))
    branches = []
    for _ in range(draw(st.integers(1, 4))):
        change = draw(st.integers(0, 5))
        if change == 0:
            branches.append((draw(st.integers(1, 12)), *x[1:]))
        elif change == 1:
            branches.append((x[0], *(1 for _ in x[1:])))
        elif change == 2 and draw(st.booleans()):
            branches.append(draw(shapes(flat=True)))
        else:
            branches.append(x)
    return tuple(branches)


# What PyTorch says


def _nd(name: str, x: torch.Tensor) -> Any:
    """The class of `torch.nn` for the dimensions of [N, C, *spatial]."""
    return getattr(nn, f"{name}{x.dim() - 2}d")


def _pairs(padding: Any) -> bool:
    return isinstance(padding, tuple) and any(isinstance(pair, tuple) for pair in padding)


def _flat_pairs(x: torch.Tensor, padding: Any) -> list[int]:
    """[before, after] a dimension, in the order of `functional.pad`."""
    if len(padding) != x.dim() - 2:
        raise Refused("padding for other dimensions")
    flat: list[int] = []
    for before, after in padding:
        flat = [before, after, *flat]
    return flat


def _all(value: Any, d: int) -> tuple[int, ...]:
    return (value,) * d if isinstance(value, int) else value


def _tensorflow_same(x: torch.Tensor, kernel: Any, stride: Any, dilation: Any, fill: float = 0.0) -> torch.Tensor:
    """The padding of tf.nn: pad_along = max((ceil(n / s) - 1) * s + extent - n, 0), the larger part last."""
    d = x.dim() - 2
    flat: list[int] = []
    for n, k, s, e in zip(x.shape[2:], _all(kernel, d), _all(stride, d), _all(dilation, d), strict=True):
        extent = (k - 1) * e + 1
        along = max(extent - s, 0) if n % s == 0 else max(extent - n % s, 0)
        flat = [along // 2, along - along // 2, *flat]
    return F.pad(x, flat, value=fill)


def _torch_conv(x: torch.Tensor, out_channels: int, **options: Any) -> torch.Tensor:
    padding = options.pop("padding", 0)
    kernel, stride, dilation = options.pop("kernel"), options.get("stride", 1), options.get("dilation", 1)
    table = options.pop("connections", None)
    if table is not None and len(table) != out_channels:
        raise Refused("a row for each output")
    if _pairs(padding):
        x, padding = F.pad(x, _flat_pairs(x, padding)), 0
    elif padding == "same":
        d = x.dim() - 2
        if max(_all(stride, d)) > 1:
            x, padding = _tensorflow_same(x, kernel, stride, dilation), 0
    y: torch.Tensor = _nd("Conv", x)(x.shape[1], out_channels, kernel, padding=padding, **options)(x)
    return y


def _torch_conv_transpose(x: torch.Tensor, out_channels: int, kernel: Any, **options: Any) -> torch.Tensor:
    y: torch.Tensor = _nd("ConvTranspose", x)(x.shape[1], out_channels, kernel, **options)(x)
    return y


def _torch_depthwise(x: torch.Tensor, multiplier: int = 1, **options: Any) -> torch.Tensor:
    return _torch_conv(x, x.shape[1] * multiplier, groups=x.shape[1], **options)


def _torch_separable(x: torch.Tensor, out_channels: int, bias: bool = True, **options: Any) -> torch.Tensor:
    return _torch_conv(_torch_depthwise(x, bias=False, **options), out_channels, kernel=1, bias=bias)


def _torch_pool(name: str, fill: float) -> Callable[..., torch.Tensor]:
    def pool(x: torch.Tensor, kernel: Any, **options: Any) -> torch.Tensor:
        options["ceil_mode"] = options.pop("ceil", False)
        padding = options.pop("padding", 0)
        stride, dilation = options.pop("stride", kernel), options.get("dilation", 1)
        limits = x.shape[2:]
        if padding == "same":
            # Not by PyTorch's own ceil mode: nothing is left to round.
            x, padding = _tensorflow_same(x, kernel, stride, dilation, fill), 0
            options["ceil_mode"] = False
        elif padding == "valid":
            padding, options["ceil_mode"] = 0, False
        elif _pairs(padding):
            flat = _flat_pairs(x, padding)
            limits = tuple(n + before for n, (before, _) in zip(limits, padding, strict=True))
            x, padding = F.pad(x, flat, value=fill), 0
            y: torch.Tensor = _nd(name, x)(kernel, stride, padding, **options)(x)
            for d, (limit, s) in enumerate(zip(limits, _all(stride, len(limits)), strict=True)):
                # The last window starts inside the input or the padding before it.
                y = y.narrow(2 + d, 0, min(y.shape[2 + d], -(-limit // s))) if options["ceil_mode"] else y
            return y
        z: torch.Tensor = _nd(name, x)(kernel, stride, padding, **options)(x)
        return z

    return pool


def _torch_lppool(x: torch.Tensor, kernel: Any, p: float = 2, stride: Any = None, ceil: bool = False) -> torch.Tensor:
    if x.dim() == 3:
        for value in (kernel, stride):
            if isinstance(value, tuple) and len(value) != 1:
                raise Refused("LPPool1d takes one number")
        kernel = kernel[0] if isinstance(kernel, tuple) else kernel
        stride = stride[0] if isinstance(stride, tuple) else stride
    y: torch.Tensor = _nd("LPPool", x)(p, kernel, stride, ceil_mode=ceil)(x)
    return y


def _torch_batchnorm(x: torch.Tensor, affine: bool = True) -> torch.Tensor:
    y: torch.Tensor = getattr(nn, f"BatchNorm{max(x.dim() - 2, 1)}d")(x.shape[1], affine=affine)(x)
    return y


def _torch_scale(x: torch.Tensor, bias: bool = False) -> torch.Tensor:
    return x * torch.ones(x.shape[1]).view(-1, *(1,) * (x.dim() - 2))


def _torch_pad(x: torch.Tensor, padding: Any) -> torch.Tensor:
    return F.pad(x, [padding] * 2 * (x.dim() - 2) if isinstance(padding, int) else _flat_pairs(x, padding))


def _torch_upsample(x: torch.Tensor, factor: Any = None, size: Any = None, mode: str = "nearest") -> torch.Tensor:
    if mode == "linear":
        mode = ("linear", "bilinear", "trilinear")[x.dim() - 3]
    return F.interpolate(x, size=size, scale_factor=factor, mode=mode)


def _torch_shuffle(x: torch.Tensor, groups: int) -> torch.Tensor:
    return nn.ChannelShuffle(groups)(x if x.dim() > 2 else x.unsqueeze(-1)).view(x.shape)


def _torch_layernorm(x: torch.Tensor, affine: bool = True, over: str = "channels") -> torch.Tensor:
    return nn.LayerNorm(x.shape[1:])(x) if over == "all" else nn.LayerNorm(x.shape[1])(x.movedim(1, -1)).movedim(-1, 1)


def _plain(name: str, *arguments: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda x: getattr(nn, name)(*arguments)(x)


def _by_dimensions(name: str) -> Callable[..., torch.Tensor]:
    def layer(x: torch.Tensor, output: Any = 1) -> torch.Tensor:
        y: torch.Tensor = _nd(name, x)(output)(x)
        return y

    return layer


ORACLE: dict[str, Callable[..., torch.Tensor]] = {
    "conv": _torch_conv,
    "conv_transpose": _torch_conv_transpose,
    "depthwise": _torch_depthwise,
    "separable": _torch_separable,
    "linear": lambda x, out_features, bias=True: nn.Linear(x.shape[1], out_features, bias)(x),
    "maxpool": _torch_pool("MaxPool", float("-inf")),
    "avgpool": _torch_pool("AvgPool", 0.0),
    "lppool": _torch_lppool,
    "stochastic_pool": _torch_pool("AvgPool", 0.0),
    "adaptive_avgpool": _by_dimensions("AdaptiveAvgPool"),
    "adaptive_maxpool": _by_dimensions("AdaptiveMaxPool"),
    "global_avgpool": _by_dimensions("AdaptiveAvgPool"),
    "global_maxpool": _by_dimensions("AdaptiveMaxPool"),
    "attention_pool": _by_dimensions("AdaptiveAvgPool"),
    "bilinear_pool": lambda x: torch.einsum("ncp,ndp->ncd", x.flatten(2), x.flatten(2)).flatten(1),
    "batchnorm": _torch_batchnorm,
    "layernorm": _torch_layernorm,
    "groupnorm": lambda x, groups, affine=True: nn.GroupNorm(groups, x.shape[1], affine=affine)(x),
    "lrn": lambda x, size: nn.LocalResponseNorm(size)(x),
    "l2norm": lambda x: x / x.square().sum(1, keepdim=True).sqrt(),
    "relu": _plain("ReLU"),
    "relu6": _plain("ReLU6"),
    "leaky_relu": lambda x, slope=0.01: nn.LeakyReLU(slope)(x),
    "prelu": lambda x, per_channel=False: nn.PReLU(x.shape[1] if per_channel else 1)(x),
    "sigmoid": _plain("Sigmoid"),
    "tanh": _plain("Tanh"),
    "silu": _plain("SiLU"),
    "gelu": _plain("GELU"),
    "hardswish": _plain("Hardswish"),
    "hardsigmoid": _plain("Hardsigmoid"),
    "softmax": _plain("Softmax", 1),
    "log_softmax": _plain("LogSoftmax", 1),
    "dropout": lambda x, p=0.5: nn.Dropout(p)(x),
    "flatten": _plain("Flatten"),
    "pad": _torch_pad,
    "slice": lambda x, channels: x[:, channels[0] : channels[1]],
    "channel_shuffle": _torch_shuffle,
    "upsample": _torch_upsample,
    "identity": _plain("Identity"),
    "scale": _torch_scale,
    "add": lambda *xs: sum(xs[1:], xs[0]),
    "concat": lambda *xs: torch.cat(xs, 1),
    "multiply": lambda first, *rest: first if not rest else first * ORACLE["multiply"](*rest),
}


def pytorch_says(case: Case) -> Shape | None:
    """The output shape without the batch, by PyTorch alone; None if PyTorch refuses the layer."""
    xs = [torch.zeros(BATCH, *shape) for shape in case.inputs]
    try:
        with torch.no_grad():
            return tuple(ORACLE[case.kind](*xs, **case.options).shape[1:])
    except (Refused, RuntimeError, ValueError, TypeError, IndexError, AssertionError, ZeroDivisionError):
        return None


def cnncalc_says(case: Case) -> tuple[Any, Shape] | str:
    """The op and the output shape by the calculator, or why it refuses the layer."""
    try:
        op = make(KINDS[case.kind], case.options)
        return op, op.output_shape(*case.inputs)
    except OpError as error:
        return str(error)


# What cnncalc refuses though PyTorch would take it, and why. Every other refusal must be PyTorch's too.


_SIZES = ("out_channels", "out_features", "kernel", "stride", "dilation", "groups", "size", "factor", "output")


def stricter(case: Case, shape: Shape) -> str | None:
    """Why cnncalc may refuse a layer for which PyTorch gives a shape; None if it may not."""
    options = case.options
    asked = [size for key in _SIZES if key in options for size in _all(options[key], 1)]
    if 0 in shape or min(asked, default=1) < 1:
        return "nothing is left, or a size of nothing is asked for"
    if case.kind == "linear":
        return "PyTorch applies Linear to the last dimension of anything"
    if case.kind in ("add", "multiply", "concat") and len(set(case.inputs)) > 1:
        return "PyTorch broadcasts any size of 1"
    if case.kind in ("maxpool", "avgpool") and _pairs(options.get("padding")):
        return "uneven padding too is at most half the kernel"
    return None


def quirk(case: Case) -> str | None:
    """Why PyTorch's own layer refuses what the calculator takes, and the built module runs; None if it may not."""
    x = case.inputs[0]
    if case.kind in ("avgpool", "lppool", "stochastic_pool") and len(x) == 4:
        kernel = _all(case.options["kernel"], 3)
        if any(k > n for k, n in zip(kernel, x[1:], strict=True)):
            return "AvgPool3d compares the kernel with the image before it is padded or rounded up"
    return None


def parameters(module: nn.Module) -> int:
    """Trainable numbers."""
    return sum(parameter.numel() for parameter in module.parameters())


def buffers(module: nn.Module) -> int:
    """Stored numbers that are not trained, without PyTorch's count of batches."""
    trained = {name for name, _ in module.named_parameters()}
    stored = module.state_dict().items()
    return sum(t.numel() for name, t in stored if name not in trained and not name.endswith("num_batches_tracked"))


def check(case: Case) -> str:
    """Compare the calculator with PyTorch on one layer; what came of it: `equal`, `refused` or `stricter`.

    Raises:
        AssertionError: they differ.
    """
    theirs = pytorch_says(case)
    ours = cnncalc_says(case)
    if isinstance(ours, str):
        if theirs is None:
            return "refused"
        assert stricter(case, theirs), f"PyTorch gives {theirs}, cnncalc refuses: {ours}"
        return "stricter"
    op, shape = ours
    if theirs is None:
        assert quirk(case), f"cnncalc gives {shape}, PyTorch refuses"
    else:
        assert shape == theirs, f"cnncalc gives {shape}, PyTorch {theirs}"
    module = build_op(op, Site(op, case.inputs, shape)).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        y = module(*[torch.rand(BATCH, *x) for x in case.inputs])
    assert tuple(y.shape[1:]) == shape, f"the built module gives {tuple(y.shape[1:])}, not {shape}"
    counts = {quantity: step.value for quantity, step in cost_steps(op, case.inputs, shape).items()}
    assert counts.get("params", 0) == parameters(module), "parameters"
    assert counts.get("buffers", 0) == buffers(module), "buffers"
    assert 2 * BATCH * counts.get("mac", 0) == counter.get_total_flops(), "MACs"
    assert min(counts.values(), default=0) >= 0, "a negative count"
    return "equal"
