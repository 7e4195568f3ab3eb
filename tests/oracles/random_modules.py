"""Random PyTorch modules, small ones, of every op that modules are made of: for reading, counting and building.

A module is a chain of pieces. A piece takes a shape without the batch, and gives a module for tensors of that shape, in
a random form; or None where it has no form for them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

Shape = tuple[int, ...]
Piece = Callable[[random.Random, Shape], nn.Module | None]

PIECES: dict[str, Piece] = {}
LARGEST = 2_000
"""Numbers in a sample of any tensor, at most."""
TRIED = 11
"""Samples in the batch that a piece is tried with: no size that is drawn."""


def piece(function: Piece) -> Piece:
    """Put a function among the pieces."""
    PIECES[function.__name__.strip("_")] = function
    return function


class Call(nn.Module):
    """A function, called with the module and the input; `stored` are its parameters, buffers and modules by name."""

    def __init__(self, function: Callable[..., Any], **stored: Any) -> None:
        super().__init__()
        self.function = function
        for name, value in stored.items():
            if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(self, *inputs)


def one_of(d: random.Random, *functions: Callable[..., Any], **stored: Any) -> nn.Module:
    """One of some functions of the input alone; or of what is stored and the input, if there is."""
    function = d.choice(functions)
    return Call(function if stored else lambda _, x: function(x), **stored)


def learnt(*shape: int) -> nn.Parameter:
    """A parameter of random numbers, none of them near zero."""
    return nn.Parameter(torch.rand(shape) + 0.5)


def divisor(d: random.Random, number: int) -> int:
    """A divisor of a number."""
    return d.choice([one for one in range(1, number + 1) if number % one == 0])


def per_dimension(d: random.Random, n: int, *numbers: int) -> Any:
    """One number for n dimensions, or one for each."""
    return d.choice(numbers) if d.random() < 0.7 else tuple(d.choice(numbers) for _ in range(n))


def dimensions(shape: Shape) -> int:
    """Those of an image [C, *spatial]; 0 for what is none."""
    return len(shape) - 1 if 2 <= len(shape) <= 4 else 0


def layer(kind: str, n: int) -> Any:
    """PyTorch's class of a kind, for n dimensions."""
    return getattr(nn, f"{kind}{n}d")


# Convolutions


@piece
def conv(d: random.Random, shape: Shape) -> nn.Module | None:
    """A convolution: any groups, strides, dilations, paddings."""
    n = dimensions(shape)
    if not n:
        return None
    groups, dilation = divisor(d, shape[0]), per_dimension(d, n, 1, 1, 1, 2)
    same = d.random() < 0.3
    return layer("Conv", n)(
        shape[0],
        groups * d.randint(1, 4),
        per_dimension(d, n, 1, 2, 3, 3, 5),
        stride=1 if same else per_dimension(d, n, 1, 1, 2, 3),
        padding=d.choice(["same", "valid"]) if same else per_dimension(d, n, 0, 1, 2),
        dilation=dilation,
        groups=groups,
        bias=d.random() < 0.6,
        padding_mode=d.choice(["zeros", "zeros", "zeros", "reflect", "replicate", "circular"]),
    )


@piece
def conv_transposed(d: random.Random, shape: Shape) -> nn.Module | None:
    """A transposed convolution."""
    n = dimensions(shape)
    if not n:
        return None
    stride = per_dimension(d, n, 1, 2, 3)
    groups = divisor(d, shape[0])
    return layer("ConvTranspose", n)(
        shape[0],
        groups * d.randint(1, 3),
        per_dimension(d, n, 1, 2, 3),
        stride=stride,
        padding=d.choice([0, 0, 1]),
        output_padding=0 if d.random() < 0.7 else d.choice([0, 1]),
        groups=groups,
        bias=d.random() < 0.6,
        dilation=per_dimension(d, n, 1, 1, 2),
    )


@piece
def conv_called(d: random.Random, shape: Shape) -> nn.Module | None:
    """A convolution called as a function, its weights stored or computed."""
    n = dimensions(shape)
    if not n:
        return None
    function = getattr(F, f"conv{n}d")
    return one_of(
        d,
        lambda self, x: function(x, self.weight, self.bias, padding=1),
        lambda self, x: function(x, self.weight, stride=2),
        lambda self, x: function(x, self.weight - self.weight.mean((1,), keepdim=True), self.bias),
        lambda self, x: function(x, self.weight, padding="same"),
        weight=learnt(4, shape[0], *[d.choice([1, 2, 3])] * n),
        bias=learnt(4),
    )


@piece
def conv_separable(d: random.Random, shape: Shape) -> nn.Module | None:
    """Depthwise and pointwise, one after the other, with a normalisation between."""
    n = dimensions(shape)
    if not n:
        return None
    c = shape[0]
    return nn.Sequential(
        layer("Conv", n)(c, 2 * c, 3, padding=1, groups=c, bias=False),
        layer("BatchNorm", n)(2 * c),
        nn.ReLU6(True),
        layer("Conv", n)(2 * c, d.randint(2, 6), 1),
    )


@piece
def conv_parametrized(d: random.Random, shape: Shape) -> nn.Module | None:
    """A convolution whose weights are computed from others by PyTorch."""
    n = dimensions(shape)
    if not n:
        return None
    made = layer("Conv", n)(shape[0], d.randint(1, 4), 1)
    return d.choice([parametrizations.weight_norm, parametrizations.spectral_norm])(made)


# Poolings


@piece
def pool(d: random.Random, shape: Shape) -> nn.Module | None:
    """A pooling, as a module."""
    n = dimensions(shape)
    if not n:
        return None
    kernel, ceil = per_dimension(d, n, 2, 2, 3), d.random() < 0.3
    stride = d.choice([None, 1, 2])
    output = per_dimension(d, n, 1, 1, 2, 3)
    return d.choice(
        [
            lambda: layer("MaxPool", n)(kernel, stride, d.choice([0, 1]), d.choice([1, 1, 2]), ceil_mode=ceil),
            lambda: layer("AvgPool", n)(kernel, stride, d.choice([0, 1]), ceil, d.random() < 0.5),
            lambda: layer("LPPool", n)(2, kernel, stride),
            lambda: layer("AdaptiveAvgPool", n)(output),
            lambda: layer("AdaptiveMaxPool", n)(output),
        ]
    )()


@piece
def pool_called(d: random.Random, shape: Shape) -> nn.Module | None:
    """A pooling, called as a function."""
    n = dimensions(shape)
    if not n:
        return None
    maximum, average = getattr(F, f"max_pool{n}d"), getattr(F, f"avg_pool{n}d")
    largest, mean = getattr(F, f"adaptive_max_pool{n}d"), getattr(F, f"adaptive_avg_pool{n}d")
    return one_of(
        d,
        lambda x: maximum(x, 2),
        lambda x: maximum(x, 3, 2, 1),
        lambda x: maximum(x, 2, return_indices=True)[0],
        lambda x: average(x, 2, ceil_mode=True),
        lambda x: average(x, 3, 1, 1, count_include_pad=False),
        lambda x: average(x, x.shape[2:]),
        lambda x: average(x, 2, divisor_override=3) if n > 1 else average(x, 1),
        lambda x: mean(x, 1),
        lambda x: mean(x, 2),
        lambda x: largest(x, 1),
        lambda x: largest(x, 2, return_indices=True)[0],
        lambda x: x - mean(x, 1),
    )


# Normalisations


@piece
def norm_of_channels(d: random.Random, shape: Shape) -> nn.Module | None:
    """Batch, group, instance and local response normalisation, with and without what they learn and store."""
    n, c = dimensions(shape), shape[0]
    if not n:
        return nn.BatchNorm1d(c, affine=d.random() < 0.7) if len(shape) == 1 else None
    affine = d.random() < 0.6
    return d.choice(
        [
            lambda: layer("BatchNorm", n)(c, affine=affine, eps=d.choice([1e-5, 1e-3])),
            lambda: layer("BatchNorm", n)(c, affine=affine, track_running_stats=False),
            lambda: nn.GroupNorm(divisor(d, c), c, d.choice([1e-5, 1e-2]), affine),
            lambda: layer("InstanceNorm", n)(c, affine=affine),
            lambda: layer("InstanceNorm", n)(c, affine=affine, track_running_stats=True),
            lambda: nn.LocalResponseNorm(d.choice([2, 3, 5])),
        ]
    )()


@piece
def norm_of_last(d: random.Random, shape: Shape) -> nn.Module | None:
    """Layer and root mean square normalisation over the last axes, and the length of vectors."""
    over = shape[-d.randint(1, len(shape)) :]
    return d.choice(
        [
            lambda: nn.LayerNorm(over, elementwise_affine=d.random() < 0.7, bias=d.random() < 0.7),
            lambda: nn.LayerNorm(shape[-1], eps=1e-6),
            lambda: nn.RMSNorm(shape[-1], elementwise_affine=d.random() < 0.7),
            lambda: nn.RMSNorm(over),
            lambda: one_of(d, lambda x: F.normalize(x), lambda x: F.normalize(x, dim=-1), lambda x: F.normalize(x, 1)),
            lambda: Call(
                lambda self, x: F.layer_norm(x, (shape[-1],), self.scale, self.shift),
                scale=learnt(shape[-1]),
                shift=learnt(shape[-1]),
            ),
        ]
    )()


@piece
def norm_channels_last(d: random.Random, shape: Shape) -> nn.Module | None:
    """Layer normalisation of channels, that are moved to the end and back."""
    if len(shape) < 2:
        return None
    return Call(lambda self, x: self.norm(x.movedim(1, -1)).movedim(-1, 1), norm=nn.LayerNorm(shape[0]))


# Activations and what is done to each number


@piece
def activation(d: random.Random, shape: Shape) -> nn.Module | None:
    """An activation, as a module, in place where it can be."""
    inplace = d.random() < 0.4
    return d.choice(
        [
            *(lambda: nn.ReLU(inplace), lambda: nn.ReLU6(inplace), lambda: nn.LeakyReLU(0.2, inplace)),
            *(lambda: nn.SiLU(inplace), lambda: nn.Mish(inplace), lambda: nn.ELU(0.5, inplace)),
            *(lambda: nn.SELU(inplace), lambda: nn.CELU(1.5, inplace), lambda: nn.Hardswish(inplace)),
            *(lambda: nn.Hardsigmoid(inplace), lambda: nn.Hardtanh(-2, 2, inplace), lambda: nn.Dropout(0.1, inplace)),
            *(nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Softsign, nn.GELU, lambda: nn.GELU("tanh"), nn.Identity),
            *(lambda: nn.PReLU(), lambda: nn.PReLU(shape[0]), nn.LogSigmoid, nn.Hardshrink, nn.Softshrink),
            *(nn.Tanhshrink, lambda: nn.Threshold(0.1, 0.5, inplace), lambda: nn.Softmax(1), lambda: nn.LogSoftmax(-1)),
            *(lambda: nn.Softmin(-1), lambda: nn.RReLU(inplace=inplace)),
            *(lambda: nn.Dropout2d() if len(shape) == 3 else nn.Dropout1d() if len(shape) == 2 else nn.AlphaDropout(),),
        ]
    )()


@piece
def activation_called(d: random.Random, shape: Shape) -> nn.Module | None:
    """An activation, called as a function, in place too."""
    return one_of(
        d,
        *(F.relu, torch.relu, lambda x: x.relu(), lambda x: (x * 2).relu_(), F.relu6, F.gelu, F.silu, F.mish, F.selu),
        *(torch.sigmoid, lambda x: x.tanh(), lambda x: x.sigmoid() * x, F.softplus, F.softsign, F.hardswish, F.elu),
        *(lambda x: F.leaky_relu(x, 0.1), lambda x: F.dropout(x, 0.5, False), F.celu),
        *(
            lambda x: F.hardtanh(x, 0.0, 6.0),
            lambda x: x.clamp(-1, 1),
            lambda x: x.clamp(min=0),
            lambda x: x.clip(0, 6),
        ),
        *(lambda x: x.clamp(min=x.mean()), lambda x: F.softmax(x, -1), lambda x: x.softmax(1), F.logsigmoid),
        *(lambda x: x.log_softmax(1), F.hardsigmoid, lambda x: torch.clamp_max(x, 1.0), lambda x: F.threshold(x, 0, 1)),
    )


@piece
def sloped(d: random.Random, shape: Shape) -> nn.Module | None:
    """PReLU called as a function."""
    return Call(lambda self, x: F.prelu(x, self.slope), slope=learnt(d.choice([1, shape[0]])))


@piece
def gated(d: random.Random, shape: Shape) -> nn.Module | None:
    """Gates: one half of an axis, by the other."""
    if shape[0] % 2:
        return None
    return one_of(
        d,
        lambda x: F.glu(x, 1),
        lambda x: x.chunk(2, 1)[0] * x.chunk(2, 1)[1].sigmoid(),
        lambda x: x[:, : x.shape[1] // 2] * F.gelu(x[:, x.shape[1] // 2 :]),
    )


@piece
def of_each(d: random.Random, shape: Shape) -> nn.Module | None:
    """A function of each number alone."""
    return one_of(
        d,
        *(torch.abs, torch.cos, torch.erf, torch.exp, lambda x: (x.abs() + 1).log(), torch.neg, torch.sin, torch.sign),
        *(
            lambda x: (x.abs() + 1).reciprocal(),
            lambda x: (x.abs() + 1).rsqrt(),
            lambda x: x.abs().sqrt(),
            torch.square,
        ),
        *(torch.absolute, torch.negative, torch.fix, torch.arctan, torch.special.expit, torch.special.erf, torch.tan),
        *(torch.special.exp2, torch.special.expm1, torch.erfc, lambda x: torch.special.log1p(x.abs())),
        *(torch.floor, torch.ceil, torch.round, torch.trunc, torch.expm1, torch.atan, torch.sinh, torch.cosh),
        *(lambda x: x.abs().log1p(), lambda x: (x.abs() + 1).log2(), lambda x: (x.abs() + 1).log10(), torch.exp2),
        *(
            lambda x: (x.tanh() * 0.9).acos(),
            lambda x: (x.tanh() * 0.9).asin(),
            lambda x: +x,
            lambda x: x.clone().neg_(),
        ),
        *(lambda x: x.double().float(), lambda x: x.to(torch.float64).to(x.dtype), lambda x: x.contiguous()),
        *(lambda x: x.clone(), lambda x: x.detach(), lambda x: x.type_as(x), lambda x: x.float()),
        *(lambda x: torch.zeros_like(x) + x, lambda x: torch.ones_like(x) * x, lambda x: x + torch.full_like(x, 2.0)),
        *(lambda x: x * x.new_ones(x.shape[-1]), lambda x: x + x.new_zeros(x.shape), lambda x: x + x.new_full((1,), 3)),
    )


@piece
def with_a_number(d: random.Random, shape: Shape) -> nn.Module | None:
    """Arithmetic with a number."""
    number = d.choice([2, 0.5, -1.5, 3])
    return one_of(
        d,
        *(lambda x: x + number, lambda x: x * number, lambda x: x - number, lambda x: number - x, lambda x: x / number),
        *(lambda x: number / (x.abs() + 1), lambda x: x**2, lambda x: x**3, lambda x: (x.abs() + 1) ** 0.5),
        *(lambda x: x % 2, lambda x: x // number, lambda x: torch.fmod(x, 2), lambda x: 2**x, lambda x: 1 - x),
        *(lambda x: (x * 2).add_(number), lambda x: (x + 0).mul_(number), lambda x: (x + 0).div_(number)),
        *(lambda x: torch.positive(x), lambda x: torch.true_divide(x, 3)),
        *(lambda x: torch.add(x, 2, alpha=3), lambda x: torch.rsub(x, 2), lambda x: torch.rsub(x, 2, alpha=3)),
        *(lambda x: torch.div(x, 2, rounding_mode="floor"), lambda x: torch.remainder(x, 3), lambda x: -x),
    )


@piece
def with_itself(d: random.Random, shape: Shape) -> nn.Module | None:
    """Arithmetic with what is made of the same tensor, of its shape or spread over it."""
    return one_of(
        d,
        *(
            lambda x: x + x,
            lambda x: x * x.sigmoid(),
            lambda x: x - x.mean(-1, keepdim=True),
            lambda x: x / (x.abs() + 1),
        ),
        *(lambda x: x * x.mean(dim=tuple(range(1, x.dim())), keepdim=True), lambda x: x - x.amax(1, keepdim=True)),
        *(lambda x: torch.multiply(x, x + 1), lambda x: torch.subtract(x, x * 2), lambda x: torch.arctan2(x, x + 3)),
        *(
            lambda x: torch.divide(x, x.abs() + 1),
            lambda x: torch.greater(x, 0).float(),
            lambda x: torch.not_equal(x, 1) * x,
        ),
        *(lambda x: torch.maximum(x, -x), lambda x: torch.minimum(x, x * 2), lambda x: torch.where(x > 0, x, x * 0.5)),
        *(lambda x: x.masked_fill(x < 0, 0.0), lambda x: x * (x > 0), lambda x: torch.lerp(x, x * 2, 0.3)),
        *(
            lambda x: torch.addcmul(x, x, x, value=0.5),
            lambda x: torch.atan2(x, x + 3),
            lambda x: torch.add(x, x, alpha=2),
        ),
        *(lambda x: torch.rsub(x, x * 2), lambda x: (x >= 0).float() + (x <= 1), lambda x: ((x > 0) & (x < 1)).float()),
        *(lambda x: ((x > 0) | (x < 1)).logical_not().to(x.dtype), lambda x: (x == x).float(), lambda x: (x != 2) * x),
        *(lambda x: torch.logical_and(x > 0, x < 2).float(), lambda x: torch.logical_or(x > 0, x < 2) * 1.0),
        *(lambda x: (~(x > 0)).float(), lambda x: x.isnan() + x, lambda x: x * x.sum((1,), keepdim=True)),
        *(
            lambda x: x.abs() ** x.sigmoid(),
            lambda x: torch.sub(x, x.sigmoid(), alpha=2),
            lambda x: x.add_(x * 0.5) * 1,
        ),
    )


@piece
def with_stored(d: random.Random, shape: Shape) -> nn.Module | None:
    """Arithmetic with a parameter, or a buffer, of the same shape or spread over it."""
    sizes = [size if d.random() < 0.6 else 1 for size in shape]
    full = sizes[d.randrange(len(sizes)) if d.random() < 0.4 else 0 :]
    if d.random() < 0.2:
        full = [1, *sizes]
    stored = learnt(*full) if d.random() < 0.6 else torch.rand(full) + 0.5
    function = d.choice(
        [
            *(lambda x, w: x * w, lambda x, w: w * x, lambda x, w: x + w, lambda x, w: x - w, lambda x, w: w - x),
            *(lambda x, w: x / w, lambda x, w: torch.maximum(x, w), lambda x, w: torch.where(x > w, x, w)),
            *(lambda x, w: x * w.exp(), lambda x, w: x + w.expand(x.shape), lambda x, w: (x + 0).mul_(w)),
            *(lambda x, w: x * w.sigmoid() + w, lambda x, w: torch.minimum(w, x), lambda x, w: torch.clamp(x, max=w)),
            *(lambda x, w: torch.add(x, w, alpha=0.5), lambda x, w: x + w.softmax(-1), lambda x, w: x * w.mean()),
        ]
    )
    return Call(lambda self, x: function(x, self.stored), stored=stored)


@piece
def whole_numbers(d: random.Random, shape: Shape) -> nn.Module | None:
    """Bits of whole numbers, and questions."""

    def bits(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda x: function((x * 4).int(), (x * 3).int()).float()

    return one_of(
        d,
        *(bits(torch.bitwise_and), bits(torch.bitwise_or), bits(torch.bitwise_xor), bits(torch.bitwise_left_shift)),
        *(bits(lambda a, b: a & b), bits(lambda a, b: a | b), bits(lambda a, b: a ^ b), bits(lambda a, b: ~a)),
        *(lambda x: x.isfinite().float(), lambda x: x.isinf() + x, lambda x: torch.logical_xor(x > 0, x > 1).float()),
        lambda x: F.one_hot(x.abs().long().clamp(max=2), 3).float(),
    )


@piece
def made(d: random.Random, shape: Shape) -> nn.Module | None:
    """With tensors that are made of nothing."""
    last = shape[-1]
    return one_of(
        d,
        *(lambda x: x + torch.eye(last, device=x.device)[0], lambda x: x * torch.linspace(0, 1, last, device=x.device)),
        *(lambda x: x + torch.full((last,), 2.0, device=x.device), lambda x: x * torch.ones(last, device=x.device)),
        *(lambda x: x + torch.zeros(x.shape, device=x.device), lambda x: x * torch.arange(last, device=x.device)),
        *(
            lambda x: x + torch.tensor(2.0),
            lambda x: x * torch.scalar_tensor(3.0),
            lambda x: x + x.new_empty(last).fill_(1),
        ),
        lambda x: (
            x
            + torch.meshgrid(torch.arange(last, device=x.device), torch.arange(2, device=x.device), indexing="ij")[0][
                :, 0
            ]
        ),
        lambda x: torch.empty(x.shape, device=x.device).copy_(x),
    )


@piece
def in_pairs(d: random.Random, shape: Shape) -> nn.Module | None:
    """Complex numbers of pairs, and turns of them."""
    if shape[-1] % 2:
        return None

    def turned(x: Tensor) -> Tensor:
        y = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
        return torch.view_as_real(y * y).flatten(-2)

    def summed(x: Tensor) -> Tensor:
        y = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
        return torch.view_as_real(y + y).flatten(-2)

    return one_of(d, turned, summed)


@piece
def alike(d: random.Random, shape: Shape) -> nn.Module | None:
    """How alike vectors are."""
    if len(shape) < 2:
        return None
    return one_of(
        d,
        *(lambda x: F.cosine_similarity(x, x + 1, -1), lambda x: F.cosine_similarity(x, x.flip(1))),
        *(lambda x: F.pairwise_distance(x, x * 2), lambda x: x.norm(dim=-1)),
    )


# Reductions


@piece
def reduction(d: random.Random, shape: Shape) -> nn.Module | None:
    """Means, sums, largest and others, over some of the axes."""
    axes = tuple(sorted(d.sample(range(1, len(shape) + 1), d.randint(1, len(shape)))))
    one, keep = axes[0], d.random() < 0.6
    if d.random() < 0.5:
        axes, one = tuple(axis - len(shape) - 1 for axis in axes), one - len(shape) - 1
    return one_of(
        d,
        *(lambda x: x.mean(axes, keepdim=keep), lambda x: x.sum(axes, keepdim=keep), lambda x: x.amax(axes, keep)),
        *(lambda x: x.max(one, keep)[0], lambda x: x.min(one, keep)[0], lambda x: x.var(axes, keepdim=keep)),
        *(lambda x: x.std(axes, unbiased=False, keepdim=keep), lambda x: torch.var_mean(x, axes, keepdim=keep)[1]),
        *(lambda x: x.norm(dim=axes, keepdim=keep), lambda x: torch.linalg.vector_norm(x, dim=axes, keepdim=keep)),
        *(lambda x: x.logsumexp(axes, keep), lambda x: x.prod(one, keep), lambda x: x.argmax(one, keep).float()),
        *(
            lambda x: (x > 0).any(one, keep).float(),
            lambda x: (x > 0).all(one, keep).float(),
            lambda x: x.amin(axes, keep),
        ),
        *(lambda x: x.argmin(one, keep).float(), lambda x: x.median(one, keep)[0], lambda x: x.norm(1, one, keep)),
        *(lambda x: torch.std_mean(x, axes, keepdim=keep)[0], lambda x: x.square().mean(one, keep).sqrt()),
        *(lambda x: torch.aminmax(x, dim=one, keepdim=keep)[1], lambda x: x.flatten(1).mean(1, keepdim=True)),
    )


@piece
def running(d: random.Random, shape: Shape) -> nn.Module | None:
    """Sums along an axis, orders, the largest few."""
    axis = d.randint(1, len(shape))
    return one_of(
        d,
        *(lambda x: x.cumsum(axis), lambda x: x.cumprod(axis), lambda x: x.sort(axis)[0], lambda x: x.topk(1, axis)[0]),
        *(lambda x: x.kthvalue(1, axis)[0], lambda x: x.msort() * 0 + x, lambda x: x.nanmedian(axis)[0]),
        *(lambda x: x.mode(axis)[0], lambda x: x.cummax(axis)[0]),
        *(lambda x: x.diff(dim=axis), lambda x: x.argsort(axis).float(), lambda x: x.logcumsumexp(axis)),
    )


# Views, and what moves elements


@piece
def view(d: random.Random, shape: Shape) -> nn.Module | None:
    """The same elements in another shape."""
    axis, size = d.randint(1, len(shape)), 0
    size = divisor(d, shape[axis - 1])
    split = (*shape[: axis - 1], size, shape[axis - 1] // size, *shape[axis:])
    joined = (*shape[: axis - 1], -1, *shape[axis + 1 :])
    return one_of(
        d,
        *(lambda x: x.flatten(1), lambda x: x.reshape(x.shape[0], -1), lambda x: x.reshape(-1, *split)),
        *(lambda x: x.contiguous().view(x.size(0), *split), lambda x: x.unflatten(axis, (size, -1))),
        *(
            lambda x: x.reshape(len(x), *joined),
            lambda x: x.unsqueeze(axis),
            lambda x: x[:, None],
            lambda x: x[..., None],
        ),
        *(lambda x: x.unsqueeze(-1).squeeze(-1), lambda x: x.flatten(2) if x.dim() > 3 else x.flatten(1)),
        *(lambda x: x.squeeze(1) if x.dim() > 2 else x, lambda x: x.reshape_as(x), lambda x: x.contiguous().view_as(x)),
        *(lambda x: x.flatten(1).reshape(x.shape), lambda x: x.unsqueeze(0).squeeze(0), lambda x: x.unsqueeze(0)[0]),
    )


@piece
def turned(d: random.Random, shape: Shape) -> nn.Module | None:
    """The axes in another order."""
    order = d.sample(range(1, len(shape) + 1), len(shape))
    a, b = d.randint(1, len(shape)), d.randint(1, len(shape))
    batch_last = (*range(1, len(shape) + 1), 0)
    return one_of(
        d,
        *(lambda x: x.permute(0, *order), lambda x: x.transpose(a, b), lambda x: x.swapaxes(a, b)),
        *(lambda x: x.movedim(a, b), lambda x: x.moveaxis(a, -1), lambda x: x.mT if x.dim() > 2 else x),
        *(
            lambda x: x.permute(*batch_last).sigmoid().permute(-1, *range(len(shape))),
            lambda x: torch.swapdims(x, a, b),
        ),
        *(lambda x: x.transpose(0, a).relu().transpose(a, 0), lambda x: x.t().exp().t() if x.dim() == 2 else x),
        *(lambda x: x.T.tanh().T if x.dim() == 2 else x, lambda x: x.transpose(-1, -2) if x.dim() > 2 else x),
    )


@piece
def spread(d: random.Random, shape: Shape) -> nn.Module | None:
    """A tensor spread over more, or repeated."""
    times = d.choice([2, 3])
    ones = [1] * len(shape)
    axis = d.randint(1, len(shape))
    return one_of(
        d,
        *(lambda x: x.unsqueeze(axis).expand(-1, *shape[: axis - 1], times, *shape[axis - 1 :]),),
        *(lambda x: x[:, None].expand(x.shape[0], times, *shape), lambda x: x.repeat(1, times, *ones[1:])),
        *(lambda x: x.repeat_interleave(times, axis), lambda x: x.tile((1,) * len(shape) + (times,))),
        *(lambda x: x.mean(axis, keepdim=True).expand_as(x), lambda x: torch.broadcast_to(x[:, :1], x.shape)),
        *(lambda x: x + torch.broadcast_tensors(x, x[:, :1])[1], lambda x: x.amax(-1, keepdim=True).expand(x.shape)),
    )


@piece
def cut(d: random.Random, shape: Shape) -> nn.Module | None:
    """A part of an axis."""
    axis = d.randint(1, len(shape))
    size = shape[axis - 1]
    start = d.randint(0, size - 1)
    stop = d.randint(start + 1, size)
    places = torch.tensor([d.randrange(size) for _ in range(2)])
    range_of = (slice(None),) * axis
    return one_of(
        d,
        *(lambda _, x: x[(*range_of, slice(start, stop))], lambda _, x: x[(*range_of, slice(None, None, 2))]),
        *(lambda _, x: x.narrow(axis, start, stop - start), lambda _, x: x.select(axis, start) if x.dim() > 2 else x),
        *(lambda _, x: x[(*range_of, slice(-1, None))], lambda _, x: x[..., start if axis == len(shape) else -1 :]),
        *(lambda _, x: x[:, -1] if x.dim() > 2 else x, lambda _, x: x[:, 0] if x.dim() > 2 else x[:, :1]),
        *(lambda self, x: x.index_select(axis, self.places), lambda self, x: x[:, self.places % x.shape[1]]),
        *(
            lambda _, x: x.gather(axis, torch.zeros_like(x, dtype=torch.long)),
            lambda _, x: x[:, torch.arange(x.shape[1] - 1, -1, -1, device=x.device)],
        ),
        *(
            lambda _, x: torch.take_along_dim(x, x.argmax(axis, keepdim=True), axis),
            lambda _, x: x.take_along_dim(x.long() * 0, 1),
        ),
        places=places,
    )


@piece
def rejoined(d: random.Random, shape: Shape) -> nn.Module | None:
    """A tensor in parts, and the parts together again in another way."""
    axis = d.randint(1, len(shape))
    size = shape[axis - 1]
    first = d.randint(1, size)
    sizes = [first, size - first] if size > first else [size]
    return one_of(
        d,
        *(lambda x: torch.cat(x.chunk(2, axis)[::-1], axis), lambda x: torch.cat(x.split(sizes, axis), axis)),
        *(
            lambda x: torch.cat([part.relu() for part in x.split(first, axis)], axis),
            lambda x: sum(x.unbind(axis)) if x.dim() > 2 else x,
        ),
        *(
            lambda x: torch.stack(x.unbind(axis), 1),
            lambda x: torch.stack([x, -x], axis),
            lambda x: torch.stack([x, x], -1),
        ),
        *(
            lambda x: torch.cat([x, x], axis),
            lambda x: torch.cat([x, x.sigmoid()], -1),
            lambda x: torch.concat([x, x[:, :1]], 1),
        ),
        *(lambda x: torch.tensor_split(x, 2, axis)[0] if size > 1 else x, lambda x: torch.concatenate([x, x * 2], 1)),
        *(lambda x: torch.hstack([x, x]), lambda x: torch.hsplit(x, [first])[0], lambda x: x.unsafe_chunk(2, axis)[0]),
        *(lambda x: x.split(first, axis)[0], lambda x: x.chunk(3, axis)[-1], lambda x: x.unsafe_split(first, axis)[0]),
    )


@piece
def moved(d: random.Random, shape: Shape) -> nn.Module | None:
    """Elements in other places."""
    axis, by = d.randint(1, len(shape)), d.randint(-2, 3)
    n = dimensions(shape)
    return one_of(
        d,
        *(
            lambda x: x.roll(by, axis),
            lambda x: x.roll((1, by), (1, -1)),
            lambda x: x.flip(axis),
            lambda x: x.flip(1, -1),
        ),
        *(lambda x: x.rot90(1, (2, 3)) if n >= 2 else x, lambda x: x.tril() if n >= 2 else x.flip(-1)),
        *(lambda x: x.triu(1) if n >= 2 else x, lambda x: x.diagonal(dim1=-2, dim2=-1) if n >= 2 else x),
        *(lambda x: x.unfold(axis, min(2, shape[axis - 1]), 1), lambda x: x.roll(1)),
    )


@piece
def written(d: random.Random, shape: Shape) -> nn.Module | None:
    """Parts that are written in place."""

    def part(x: Tensor, change: Callable[[Tensor], Any]) -> Tensor:
        y = x.clone()
        change(y[:, : max(1, y.shape[1] // 2)])
        return y

    def kept(x: Tensor) -> Tensor:
        y = torch.zeros_like(x)
        y[:, :1] = x[:, :1] * 2
        return y

    def both(x: Tensor) -> Tensor:
        y = x * 1
        z = y.flatten(1)
        z.mul_(2)
        return y + 1

    return one_of(
        d,
        *(lambda x: part(x, lambda y: y.mul_(2.0)), lambda x: part(x, lambda y: y.relu_()), kept, both),
        *(lambda x: part(x, lambda y: y.fill_(1.0)), lambda x: part(x, lambda y: y.zero_())),
        *(lambda x: part(x, lambda y: y.copy_(y * 3)), lambda x: torch.empty_like(x).copy_(x)),
    )


@piece
def padded(d: random.Random, shape: Shape) -> nn.Module | None:
    """Something around a tensor: zeros, a number, its own elements; or less of it."""
    n = dimensions(shape)
    sizes = [d.choice([0, 1, 1, 2]) for _ in range(2 * d.randint(1, len(shape)))]
    image = [d.choice([0, 1]) for _ in range(2 * n)]
    mode = d.choice(["reflect", "replicate", "circular"])
    return one_of(
        d,
        *(lambda x: F.pad(x, sizes), lambda x: F.pad(x, sizes, value=1.5), lambda x: F.pad(x, [-1, 1])),
        *(lambda x: F.pad(x, image, mode) if n else F.pad(x, [1, 2]), lambda x: F.pad(x, [1, 0])[..., :-1]),
        *(lambda x: F.pad(x, image, "replicate") if n else x, lambda x: F.pad(x, [0, 0] * len(shape))),
        *(lambda x: F.pad(x, image, "reflect") if n else x, lambda x: torch.constant_pad_nd(x, [1, 1], 2.0)),
        *(
            [
                layer("ReflectionPad", n)(1),
                layer("ReplicationPad", n)(1),
                layer("ZeroPad", n)(1),
                layer("CircularPad", n)(1),
            ]
            if n
            else []
        ),
    )


@piece
def resized(d: random.Random, shape: Shape) -> nn.Module | None:
    """An image in another size."""
    n = dimensions(shape)
    if not n:
        return None
    linear = ["linear", "bilinear", "trilinear"][n - 1]
    size = tuple(d.randint(1, 5) for _ in range(n))
    return one_of(
        d,
        *(lambda x: F.interpolate(x, size=size), lambda x: F.interpolate(x, scale_factor=2), nn.Upsample(size)),
        *(lambda x: F.interpolate(x, size=size, mode=linear), nn.Upsample(scale_factor=2, mode=linear)),
        *(lambda x: F.interpolate(x, scale_factor=2.0, mode=linear, align_corners=True),),
        *(lambda x: F.interpolate(x, scale_factor=0.5), lambda x: F.interpolate(x, size=size, mode="nearest-exact")),
        *(lambda x: F.interpolate(x, size=size, mode="bicubic") if n == 2 else F.interpolate(x, size, mode="area"),),
        *(lambda x: F.interpolate(x, size=size, mode="bilinear", antialias=True) if n == 2 else x.sigmoid(),),
        *(lambda x: F.interpolate(x, size=size, mode="bicubic", antialias=True) if n == 2 else x.sigmoid(),),
    )


@piece
def pixels(d: random.Random, shape: Shape) -> nn.Module | None:
    """Channels and space dealt out to each other; patches; a grid of samples."""
    if len(shape) != 3:
        return None
    c, h, w = shape
    groups = divisor(d, c)
    return one_of(
        d,
        *(nn.PixelShuffle(2) if c % 4 == 0 else nn.ChannelShuffle(groups), nn.ChannelShuffle(groups)),
        *(nn.PixelUnshuffle(2) if h % 2 == w % 2 == 0 else nn.ChannelShuffle(groups), nn.Unfold(2, stride=2)),
        *(lambda x: F.fold(F.unfold(x, 2, stride=1), (h, w), 2, stride=1), lambda x: F.unfold(x, 3, padding=1)),
        lambda x: x.view(x.shape[0], groups, c // groups, h, w).transpose(1, 2).reshape(x.shape),
        lambda x: F.affine_grid(x.flatten(1).repeat(1, 2)[:, :6].reshape(-1, 2, 3), x.shape, False).movedim(-1, 1),
        lambda x: torch.native_channel_shuffle(x, groups),
        lambda x: F.grid_sample(x, x.mean(1).tanh()[..., None].expand(-1, -1, -1, 2), align_corners=False),
    )


# Products


@piece
def linear(d: random.Random, shape: Shape) -> nn.Module | None:
    """A fully connected layer on the last axis."""
    out = d.randint(1, 6)
    weight, bias = learnt(out, shape[-1]), learnt(out)
    return d.choice(
        [
            lambda: nn.Linear(shape[-1], out, bias=d.random() < 0.7),
            lambda: nn.Sequential(
                nn.Linear(shape[-1], 2 * out), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * out, shape[-1])
            ),
            lambda: Call(lambda self, x: F.linear(x, self.weight, self.bias), weight=weight, bias=bias),
            lambda: Call(lambda self, x: F.linear(x, self.weight * 2), weight=weight),
            lambda: Call(lambda self, x: F.linear(x, self.weight.softmax(1), self.bias), weight=weight, bias=bias),
            lambda: nn.Bilinear(shape[-1], shape[-1], out) if out < 3 else nn.Linear(shape[-1], out),
        ]
    )()


class Twice(nn.Module):
    """A bilinear layer of a tensor with itself."""

    def __init__(self, layer: nn.Bilinear) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x, x)
        return y


@piece
def product(d: random.Random, shape: Shape) -> nn.Module | None:
    """A product of matrices: with a learnt one, a stored one, or with itself."""
    last, weight = shape[-1], learnt(shape[-1], d.randint(1, 4))
    stored = torch.rand(weight.shape)
    vector = learnt(last)
    functions: list[Callable[[Any, Tensor], Tensor]] = [
        *(
            lambda self, x: x @ self.weight,
            lambda self, x: torch.matmul(x, self.weight.t().t()),
            lambda self, x: x @ self.stored,
        ),
        *(
            lambda self, x: torch.tensordot(x, self.weight, dims=1),
            lambda self, x: x @ self.vector if x.dim() > 2 else x,
        ),
        lambda self, x: x @ (self.weight @ self.weight.t()),
    ]
    if len(shape) == 1:
        functions += [
            *(lambda self, x: torch.mm(x, self.weight), lambda self, x: torch.addmm(self.weight[0], x, self.weight)),
            lambda self, x: torch.bmm(x[:, :, None], x[:, None, :]),
            lambda self, x: (x[:, None, :] @ x[:, :, None])[:, 0],
            lambda self, x: torch.linalg.vecdot(x, x)[:, None],
        ]
    else:
        functions += [
            *(
                lambda self, x: x @ x.mT,
                lambda self, x: x.transpose(-1, -2) @ x,
                lambda self, x: (x @ x.mT).softmax(-1) @ x,
            ),
            *(lambda self, x: x @ self.weight.unsqueeze(0), lambda self, x: torch.linalg.vecdot(x, x)),
            *(lambda self, x: torch.inner(x, self.weight.t()), lambda self, x: self.weight.t() @ x.mT),
            *(lambda self, x: x[:, :1] @ x.mT, lambda self, x: x.mT @ x[:, :1].mT if x.shape[-2] == 1 else x),
        ]
    if len(shape) == 2:
        functions += [
            *(lambda self, x: torch.bmm(x, x.mT), lambda self, x: torch.baddbmm(x, x @ x.mT, x)),
            lambda self, x: torch.cdist(x, x),
            lambda self, x: x.mT @ self.square,
            lambda self, x: torch.chain_matmul(self.square, self.square) @ x,
            lambda self, x: x * torch.dot(self.vector, self.vector),
            lambda self, x: x * torch.addmv(self.vector, self.weight @ self.weight.t(), self.vector),
            lambda self, x: x.adjoint(),
            lambda self, x: self.square @ x,
        ]
    square = learnt(shape[0], shape[0])
    return Call(d.choice(functions), weight=weight, stored=stored, vector=vector, square=square)


@piece
def bilinear(d: random.Random, shape: Shape) -> nn.Module | None:
    """A bilinear layer."""
    return Twice(nn.Bilinear(shape[-1], shape[-1], d.randint(1, 3), bias=d.random() < 0.5))


@piece
def einsum(d: random.Random, shape: Shape) -> nn.Module | None:
    """A sum of products by letters: with itself, with a learnt tensor; of one, two or three."""
    letters = "abcdef"[: len(shape)]
    last, out = shape[-1], d.randint(1, 4)
    weight, gate = learnt(last, out), learnt(shape[0])
    ends = letters[:-1]
    equations: list[tuple[str, Callable[[Any, Tensor], tuple[Tensor, ...]]]] = [
        (f"n{letters},{letters[-1]}o->n{ends}o", lambda self, x: (x, self.weight)),
        (f"{letters[-1]}o,n{letters}->no{ends}", lambda self, x: (self.weight, x)),
        (f"...{letters[-1]},{letters[-1]}o->...o", lambda self, x: (x, self.weight)),
        (f"n{letters},{letters[0]}->n{letters}", lambda self, x: (x, self.gate)),
        (f"n{letters},{letters[0]}->n{letters[1:]}", lambda self, x: (x, self.gate)),
        (f"n{letters},n{letters}->n", lambda self, x: (x, x)),
        (f"n{letters},n{letters}->n{letters}", lambda self, x: (x, x)),
        (f"n{letters}->n{letters[::-1]}", lambda self, x: (x,)),
        (f"n{letters}->n{letters[0]}", lambda self, x: (x,)),
        (
            f"n{letters},n{letters[0]},{letters[-1]}o->no",
            lambda self, x: (x, x.flatten(2).mean(2) if x.dim() > 2 else x, self.weight),
        ),
        (f"n{letters},n{letters[0]}->{letters}n", lambda self, x: (x, x.flatten(2).mean(2) if x.dim() > 2 else x)),
    ]
    if len(shape) > 1:
        other = letters[:-2] + "z" + letters[-1]
        equations += [
            (f"n{letters},n{other}->n{letters[:-1]}z", lambda self, x: (x, x)),
            (f"n{letters},nz{letters[1:]}->n{letters[0]}z", lambda self, x: (x, x)),
            (f"n{letters},n{letters[:-1]}z->n{letters[:-2]}{letters[-1]}z", lambda self, x: (x, x)),
            (f"n{letters},n{letters[:-1]}z->nz{letters[-1]}", lambda self, x: (x, x)),
        ]
    equation, operands = d.choice(equations)
    last_of = equation.endswith("n") and not equation.endswith(">n")

    def run(self: Any, x: Tensor) -> Tensor:
        y = torch.einsum(equation, *operands(self, x))
        return y.movedim(-1, 0) if last_of else y[:, None] if y.dim() == 1 else y

    return Call(run, weight=weight, gate=gate)


# Sequences


class First(nn.Module):
    """A module of which one of the results is given: `pick` takes it from them."""

    def __init__(self, inner: nn.Module, pick: Callable[[Any], Tensor], times: int = 1) -> None:
        super().__init__()
        self.inner, self.pick, self.times = inner, pick, times

    def forward(self, x: Tensor) -> Tensor:
        return self.pick(self.inner(*[x] * self.times))


@piece
def recurrent(d: random.Random, shape: Shape) -> nn.Module | None:
    """A recurrent layer over a sequence [T, C]: what each step gives, or the last, in either order of the batch."""
    if len(shape) != 2 or shape[0] > 12:
        return None
    kind, first = d.choice([nn.LSTM, nn.GRU, nn.LSTM, nn.GRU, nn.RNN]), d.random() < 0.7
    options: dict[str, Any] = {"bidirectional": d.random() < 0.4, "bias": d.random() < 0.7}
    if kind is nn.LSTM and d.random() < 0.15:
        options["proj_size"] = 2
    if kind is nn.RNN:
        options["nonlinearity"] = d.choice(["tanh", "relu"])
    made = kind(shape[1], d.randint(3, 5), d.choice([1, 1, 2]), batch_first=first, **options)

    def pick(found: Any) -> Tensor:
        return found[0]

    def last(found: Any) -> Tensor:
        return found[0][:, -1]

    def hidden(found: Any) -> Tensor:
        state = found[1][0] if isinstance(found[1], tuple) else found[1]
        return state.transpose(0, 1)

    def memory(found: Any) -> Tensor:
        state = found[1][1] if isinstance(found[1], tuple) else found[1]
        return torch.cat([state[-1], state[0]], 1)

    taken = d.choice([pick, pick, last, hidden, memory])
    if first:
        return First(made, taken)
    if taken is last:
        taken = pick
    wrapped = First(made, taken)
    if taken is pick:
        return Call(lambda self, x: self.cells(x.transpose(0, 1)).transpose(0, 1), cells=wrapped)
    return Call(lambda self, x: self.cells(x.transpose(0, 1)), cells=wrapped)


@piece
def cells(d: random.Random, shape: Shape) -> nn.Module | None:
    """The cell of a recurrent layer, called step by step."""
    if len(shape) != 2 or shape[0] > 4:
        return None
    kind = d.choice([nn.LSTMCell, nn.GRUCell, nn.RNNCell])

    def run(self: Any, x: Tensor) -> Tensor:
        state, found = None, []
        for number in range(x.shape[1]):
            state = self.cell(x[:, number], state)
            found.append(state[0] if isinstance(state, tuple) else state)
        return torch.stack(found, 1)

    return Call(run, cell=kind(shape[1], 3))


@piece
def multihead(d: random.Random, shape: Shape) -> nn.Module | None:
    """PyTorch's attention module over a sequence."""
    if len(shape) != 2 or shape[1] < 2 or shape[0] > 16:
        return None
    heads = divisor(d, shape[1])
    needed, first = d.random() < 0.5, d.random() < 0.7
    made = nn.MultiheadAttention(shape[1], heads, batch_first=first, bias=d.random() < 0.7)

    def run(self: Any, x: Tensor) -> Tensor:
        y = x if first else x.transpose(0, 1)
        found: Tensor = self.attend(y, y, y, need_weights=needed)[0]
        return found if first else found.transpose(0, 1)

    return Call(run, attend=made)


@piece
def transformer(d: random.Random, shape: Shape) -> nn.Module | None:
    """A layer of a transformer, an encoder or a decoder."""
    if len(shape) != 2 or shape[1] < 2 or shape[0] > 12:
        return None
    c, heads = shape[1], divisor(d, shape[1])
    options: dict[str, Any] = {
        "dim_feedforward": 6,
        "activation": d.choice(["relu", "gelu"]),
        "batch_first": True,
        "norm_first": d.random() < 0.5,
    }
    if d.random() < 0.3:
        return First(nn.TransformerDecoderLayer(c, heads, **options), lambda y: y, times=2)
    layer = nn.TransformerEncoderLayer(c, heads, **options)
    return layer if d.random() < 0.7 else nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


class Attend(nn.Module):
    """Attention over positions of a sequence, in one of several spellings."""

    def __init__(self, c: int, way: int, heads: int) -> None:
        super().__init__()
        self.qkv, self.out, self.way, self.heads = nn.Linear(c, 3 * c), nn.Linear(c, c), way, heads
        self.norm = nn.LayerNorm(c)
        self.pos = nn.Parameter(torch.zeros(1, 1, c))

    def forward(self, x: Tensor) -> Tensor:
        n, t, c = x.shape
        heads, d = self.heads, c // self.heads
        tokens = self.norm(x) + self.pos
        q, k, v = self.qkv(tokens).reshape(n, t, 3, heads, d).permute(2, 0, 3, 1, 4).unbind(0)
        if self.way == 0:
            y = F.scaled_dot_product_attention(q, k, v)
        elif self.way == 1:
            y = ((q * d**-0.5) @ k.transpose(-2, -1)).softmax(-1) @ v
        elif self.way == 2:  # heads folded into the batch
            a, b, e = (part.reshape(n * heads, t, d) for part in (q, k, v))
            y = torch.bmm(torch.bmm(a, b.transpose(1, 2)).softmax(2), e).view(n, heads, t, d)
        elif self.way == 3:
            y = torch.einsum("nhts,nhsd->nhtd", torch.einsum("nhtd,nhsd->nhts", q, k).softmax(-1), v)
        elif self.way == 4:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.5)
        elif self.way == 5:  # a mask, and keys of one head for all queries
            mask = torch.ones(t, t, dtype=torch.bool, device=x.device).tril()
            y = (q @ k[:, :1].mT).masked_fill(~mask, -1e4).softmax(-1) @ v[:, :1]
        else:
            y = F.scaled_dot_product_attention(q, k[:, :1], v[:, :1], enable_gqa=True)
        return self.out(y.transpose(1, 2).reshape(n, t, c))


@piece
def attention(d: random.Random, shape: Shape) -> nn.Module | None:
    """Attention as it is written by hand, over a sequence, or over the positions of an image."""
    if len(shape) == 2 and shape[1] > 1:
        return Attend(shape[1], d.randint(0, 6), divisor(d, shape[1]))
    if len(shape) != 3:
        return None
    inner = Attend(shape[0], d.randint(0, 6), divisor(d, shape[0]))
    return Call(lambda self, x: self.inner(x.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(x.shape), inner=inner)


@piece
def windows(d: random.Random, shape: Shape) -> nn.Module | None:
    """Layers on windows of an image that are folded into the batch."""
    if len(shape) != 3 or shape[1] % 2 or shape[2] % 2:
        return None
    c = shape[0]

    def tokens(self: Any, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        y = x.view(n, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 3, 5, 1).reshape(-1, 4, c)
        return self.inner(y).view(n, h // 2, w // 2, 2, 2, c).permute(0, 5, 1, 3, 2, 4).reshape(n, c, h, w)

    def images(self: Any, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        y = self.inner(x.reshape(n, c, 2, h // 2, w).transpose(1, 2).reshape(n * 2, c, h // 2, w))
        return y.reshape(n, 2, *y.shape[1:]).transpose(1, 2).flatten(2, 3)

    if d.random() < 0.5:
        return Call(tokens, inner=d.choice([nn.Linear(c, c), nn.LayerNorm(c), Attend(c, d.randint(0, 2), 1)]))
    made = [
        nn.Conv2d(c, 3, 1),
        nn.GroupNorm(1, c),
        nn.ReLU(),
        nn.BatchNorm2d(c),
        nn.MaxPool2d(1),
        nn.AdaptiveAvgPool2d(1),
    ]
    return Call(images, inner=d.choice(made))


@piece
def squeeze(d: random.Random, shape: Shape) -> nn.Module | None:
    """Squeeze and excitation with functions."""
    n, c = dimensions(shape), shape[0]
    if not n:
        return None

    def run(self: Any, x: Tensor) -> Tensor:
        y = self.up(F.relu(self.down(x.flatten(2).mean(-1)))).sigmoid()
        return x * y[(..., *[None] * n)]

    return Call(run, down=nn.Linear(c, 3), up=nn.Linear(3, c))


@piece
def embedded(d: random.Random, shape: Shape) -> nn.Module | None:
    """Learnt vectors: of numbers that the input chooses, of positions, of a class."""
    if len(shape) == 2:
        t, c = shape
        return d.choice(
            [
                lambda: Call(
                    lambda self, x: x + self.table(torch.arange(t, device=x.device)), table=nn.Embedding(t + 2, c)
                ),
                lambda: Call(lambda self, x: x + self.table.weight[:t], table=nn.Embedding(t, c)),
                lambda: Call(
                    lambda self, x: torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1), token=learnt(1, 1, c)
                ),
                lambda: Call(
                    lambda self, x: x + self.table(self.places), table=nn.Embedding(t, c), places=torch.arange(t)
                ),
                lambda: Call(
                    lambda self, x: torch.cat([self.token.repeat(x.shape[0], 1, 1), x], 1), token=learnt(1, 2, c)
                ),
            ]
        )()
    if len(shape) == 1:
        return Call(lambda self, x: self.table(x.sigmoid().round().long()), table=nn.Embedding(3, d.randint(1, 4)))
    return None


# The chain


class Tokens(nn.Module):
    """Numbers as learnt vectors."""

    def __init__(self, d: random.Random) -> None:
        super().__init__()
        self.table = nn.Embedding(9, d.randint(2, 6), padding_idx=d.choice([None, 0]))
        self.bag = d.random() < 0.2

    def forward(self, x: Tensor) -> Tensor:
        if self.bag:
            return F.embedding_bag(x, self.table.weight)
        y: Tensor = self.table(x)
        return y


class Two(nn.Module):
    """Two modules, one after the other, in a container."""

    def __init__(self, d: random.Random, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        made: list[Callable[[], nn.Module]] = [
            lambda: nn.ModuleList([first, second]),
            lambda: nn.ModuleDict({"one": first, "other": second}),
            lambda: nn.Sequential(first, nn.Sequential(second)),
        ]
        self.body = d.choice(made)()

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.body, nn.Sequential):
            return self.body(x)  # type: ignore[no-any-return]
        for part in self.body.values() if isinstance(self.body, nn.ModuleDict) else self.body:  # type: ignore[union-attr]
            x = part(x)
        return x


MERGES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / (y.abs() + 1),
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "add in place": lambda x, y: (x * 0.5).add_(y),
    "concat": lambda x, y: torch.cat([x, y], 1),
    "stack": lambda x, y: torch.stack([x, y], 1),
    "crosswise": lambda x, y: torch.cat([a - b for a, b in zip(x.chunk(2, 1), y.chunk(2, 1), strict=True)], 1),
    "where": lambda x, y: torch.where(x > y, x, y),
    "gate": lambda x, y: x * y.sigmoid(),
    "matmul": lambda x, y: x @ y.mT if x.dim() > 2 else x + y,
    "attend": lambda x, y: F.scaled_dot_product_attention(x, y, y) if x.dim() > 2 else x * y,
    "aside": lambda x, y: y,
}


class Random(nn.Module):
    """A chain of pieces, some of them called again, with merges of earlier tensors between; of one input or two, and
    one output or more; with parameters and buffers that nothing uses.

    Attributes:
        sizes: the shapes of its inputs, without the batch.
        plan: for each step the name of its module, the number of the tensor that it reads, how its result is merged,
            and with which tensor.
        drawn: the names of the pieces.
    """

    def __init__(self, seed: int, names: tuple[str, ...] | None = None, steps: int | None = None) -> None:
        super().__init__()
        d = self.dice = random.Random(seed)
        torch.manual_seed(seed)
        self.steps: dict[str, nn.Module] = {}
        self.plan: list[tuple[str, int, str, int]] = []
        self.drawn: list[str] = []
        self.names = names or tuple(PIECES)
        self.tokens = names is None and d.random() < 0.06
        self.sizes = self._started(d)
        tensors: list[Tensor] = list(self.examples(TRIED))
        if self.tokens:
            self.steps["tokens"] = self.table = Tokens(d)
            self.plan.append(("tokens", 0, "", 0))
            tensors.append(self.steps["tokens"](tensors[0]))
        wanted, tries = steps or d.randint(1, 5), 0
        while len(self.plan) < wanted and tries < 60:
            tries += 1
            self._grown(d, tensors)
        self.ends = self._ended(d, len(tensors))
        self.style = d.choice(["tuple", "dict", "list"])
        if names is None and d.random() < 0.15:
            self.forgotten = nn.Linear(2, 3)
            self.unread = learnt(4)
            self.register_buffer("idle", torch.zeros(3))
            self.register_buffer("scratch", torch.zeros(2), persistent=False)

    def _started(self, d: random.Random) -> tuple[Shape, ...]:
        """The shapes of the inputs."""
        if self.tokens:
            return ((d.randint(2, 6),),)
        c = d.choice([1, 2, 3, 4, 4, 6, 8])
        sides = d.choice([0, 1, 1, 2, 2, 2, 2, 3])
        shape = (c, *[d.randint(3, 8 if sides < 3 else 5) for _ in range(sides)])
        if sides and d.random() < 0.4:  # even and square
            shape = (c, *[4] * sides)
        return (shape,) * (2 if d.random() < 0.12 and self.names == tuple(PIECES) else 1)

    def examples(self, batch: int) -> tuple[Tensor, ...]:
        """Inputs of its shapes: random numbers."""
        if self.tokens:
            return (torch.randint(0, 9, (batch, *self.sizes[0])),)
        return tuple(torch.randn(batch, *shape) for shape in self.sizes)

    def _grown(self, d: random.Random, tensors: list[Tensor]) -> None:
        """Another step, if the one that is drawn fits."""
        reads = len(tensors) - 1 if d.random() < 0.85 else d.randint(int(self.tokens), len(tensors) - 1)
        again = self.drawn and d.random() < 0.1
        drawn: list[str] = []
        if again:
            name = d.choice([name for name in self.steps if name != "tokens"] or ["tokens"])
            module: nn.Module | None = self.steps[name]
        else:
            name = f"step{len(self.plan)}"
            drawn, module = self._drawn(d, tuple(tensors[reads].shape[1:]))
        if module is None:
            return
        fits = list(range(int(self.tokens), len(tensors)))
        merge, other = (d.choice(list(MERGES)), d.choice(fits)) if d.random() < 0.3 else ("", 0)
        try:
            with torch.no_grad():
                module.eval()
                y = module(tensors[reads].clone())
                if merge and tensors[other].dim() != y.dim():
                    return  # one would be spread over the batch
                if merge:
                    y = MERGES[merge](tensors[other].clone(), y)
        except Exception:  # PyTorch does not take it
            return
        small = isinstance(y, Tensor) and y.dtype == torch.float32 and y.dim() > 1 and y.shape[0] == TRIED
        if not small or not 0 < y[0].numel() <= LARGEST or y.dim() > 6:
            return
        if name not in self.steps:
            self.steps[name] = module
            self.add_module(name, module)
        self.plan.append((name, reads, merge, other))
        self.drawn += drawn
        tensors.append(y)

    def _drawn(self, d: random.Random, shape: Shape) -> tuple[list[str], nn.Module | None]:
        """A piece, or two in a container, and their names."""
        name = d.choice(self.names)
        try:
            module = PIECES[name](d, shape)
            if module is None or len(self.names) == 1 or d.random() > 0.15:
                return [name], module
            with torch.no_grad():
                between = module.eval()(torch.randn(TRIED, *shape)).shape[1:]
            second = d.choice(self.names)
            other = PIECES[second](d, tuple(between))
            return [name, second], None if other is None else Two(d, module, other)
        except Exception:  # PyTorch does not take its options
            return [name], None

    def _ended(self, d: random.Random, count: int) -> list[int]:
        """The numbers of the tensors that it gives."""
        own = list(range(len(self.sizes), count)) or [count - 1]
        return [own[-1]] if len(own) < 2 or d.random() < 0.8 else [*d.sample(own[:-1], 1), own[-1]]

    def forward(self, *inputs: Tensor) -> Any:
        tensors = list(inputs)
        for name, reads, merge, other in self.plan:
            y = (self.table if name == "tokens" else self.get_submodule(name))(tensors[reads])
            tensors.append(MERGES[merge](tensors[other], y) if merge else y)
        found = [tensors[number] for number in self.ends]
        if len(found) == 1:
            return found[0]
        return {"one": found[0], "other": found[1]} if self.style == "dict" else tuple(found)
