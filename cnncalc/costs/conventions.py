"""Counting as other tools count, and why they disagree.

Each convention is a table: for a kind of layer, what the tool counts of it, by class. The numbers are those that
the tool prints for the network as `cnncalc.pytorch.build` makes it, at inference. docs/conventions.md says it in
words. The versions that this was read from and is tested against: torch 2.13, fvcore 0.1.5, ptflops 0.7.5,
thop 0.1.1, torchinfo 1.8.0.

Every class says what is counted, so that the classes of a convention sum to its number, and two conventions
differ by exactly the classes in which they differ:

>>> from cnncalc import expand, load
>>> network = expand(load("resnet50_torchvision"))
>>> for name in CONVENTIONS:
...     print(name, count_as(network, name))
paper 4089184256
torch 8178368512
fvcore 4111512576
ptflops 4132436968
thop 4133742592
torchinfo 4089238376
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from cnncalc.errors import RequestError, did_you_mean
from cnncalc.formula import prod
from cnncalc.language.expand import Network
from cnncalc.ops import Op, Shape, activation, conv, linear, norm, pool, shape
from cnncalc.ops.window import covered_size, even

CLASSES: Mapping[str, str] = {
    "convolutions": "one for each multiply-accumulate of convolutions",
    "linear": "one for each multiply-accumulate of linear layers",
    "products": "one for each multiply-accumulate of the matrix products inside attention and bilinear pooling",
    "additions": "the additions of the multiply-accumulates once more: two operations for each",
    "missed": "layers that the tool does not know, though it counts their kind: subclasses, functions",
    "output size": "transposed convolutions counted as if each output saw the whole kernel",
    "bias": "biases: one addition for each output",
    "bias once": "biases: one for each parameter",
    "normalisation": "normalisation layers, element by element",
    "parameters": "one for each parameter of normalisation and scaling layers",
    "activation": "activations and softmax, element by element",
    "pooling": "poolings",
    "upsampling": "upsampling, by the elements of its output",
    "twice": "what a module and the function that it calls both count",
}
"""What a count is made of, in words."""

Counts = Mapping[str, float]


@dataclass(frozen=True)
class Site:
    """A layer as the tools meet it: its kind, shapes, and what the formulas count of it for one sample."""

    kind: Any
    inputs: tuple[Shape, ...]
    output: Shape

    @cached_property
    def values(self) -> dict[str, Any]:
        return {**self.kind.values(self.inputs, self.output), "training": 0}

    def count(self, quantity: str) -> int:
        """A quantity of the kind's formulas; 0 if it has none."""
        formulas = self.kind.formulas()
        return int(formulas[quantity](**self.values)) if quantity in formulas else 0

    @property
    def x(self) -> int:
        """Elements of the input."""
        return int(prod(self.inputs[0]))

    @property
    def y(self) -> int:
        """Elements of the output."""
        return int(prod(self.output))

    @property
    def dimensions(self) -> int:
        return len(self.inputs[0]) - 1

    @property
    def uneven(self) -> bool:
        """Whether a convolution is padded unevenly, which makes it a subclass of PyTorch's."""
        return not even(self.kind.windows(*self.inputs))


Rule = Callable[[Site], Counts]
Rules = Mapping[type[Op], Rule]

_CONVOLUTIONS = (conv.Conv, conv.Depthwise, conv.Separable, conv.ConvTranspose)
_PRODUCTS = (pool.AttentionPool, pool.BilinearPool)


def _macs(site: Site) -> dict[str, float]:
    """The multiply-accumulates, under what makes them."""
    if isinstance(site.kind, _CONVOLUTIONS):
        return {"convolutions": site.count("mac")}
    return {"linear" if isinstance(site.kind, linear.Linear) else "products": site.count("mac")}


def _twice_macs(site: Site) -> Counts:
    return {**_macs(site), "additions": site.count("mac")}


def _each(name: str, times: int = 1, of: str = "y") -> Rule:
    """So many for each element of the output (y) or the input (x)."""
    return lambda site: {name: times * getattr(site, of)}


def _affine(name: str, learnt: int, plain: int) -> Rule:
    """So many for each element, by whether scale and shift are learnt."""
    return lambda site: {name: (learnt if site.kind.affine else plain) * site.y}


def _only_2d(rule: Rule) -> Rule:
    """Counted for images alone, not in one or three dimensions."""
    return lambda site: rule(site) if site.dimensions == 2 else {}


PAPER: Rules = dict.fromkeys((*_CONVOLUTIONS, linear.Linear, *_PRODUCTS), _macs)

TORCH: Rules = dict.fromkeys(PAPER, _twice_macs)


def _fvcore_upsample(site: Site) -> Counts:
    return {"upsampling": site.y * (1 if site.kind.mode == "nearest" else 4)}


FVCORE: Rules = {
    **PAPER,
    norm.BatchNorm: _affine("normalisation", 2, 1),
    norm.GroupNorm: _affine("normalisation", 5, 4),
    norm.LayerNorm: _affine("normalisation", 5, 4),
    pool.AdaptiveAvgPool: _only_2d(_each("pooling", of="x")),
    pool.GlobalAvgPool: _only_2d(_each("pooling", of="x")),
    shape.Upsample: _only_2d(_fvcore_upsample),
}


def _modules_macs(site: Site) -> dict[str, float]:
    """Multiply-accumulates of a tool that finds modules by their exact class: it misses the subclasses that pad
    unevenly; of a separable convolution the depthwise half."""
    counts = _macs(site)
    if isinstance(site.kind, conv.ConvTranspose) or not site.uneven:
        return counts
    missed = site.count("mac")
    if isinstance(site.kind, conv.Separable):
        k, sizes = site.values["k"], site.output[1:]
        missed = prod(k) * site.inputs[0][0] * site.kind.multiplier * prod(sizes)
    return {**counts, "missed": -missed}


def _ptflops_conv(site: Site) -> Counts:
    counts = _modules_macs(site)
    bias = 0 if "missed" in counts and not isinstance(site.kind, conv.Separable) else site.count("add")
    return {**counts, "bias": bias}


def _ptflops_linear(site: Site) -> Counts:
    return {**_macs(site), "bias": site.count("add")}


def _ptflops_max_pool(site: Site) -> Counts:
    windows = site.kind.windows(*site.inputs)
    if site.kind.kept(site.inputs, site.output, (True,)).inputs:
        return {"pooling": site.x, "twice": site.x}
    return {"pooling": covered_size(site.inputs[0], windows, site.output)}


def _ptflops_lp_pool(site: Site) -> Counts:
    return {"pooling": site.x + site.y, "activation": site.y}


def _ptflops_stochastic_pool(site: Site) -> Counts:
    """Two average pools: of the inputs that the windows cover, and of their squares."""
    return {"pooling": 2 * covered_size(site.inputs[0], site.kind.windows(*site.inputs), site.output)}


def _ptflops_lrn(site: Site) -> Counts:
    padded = (site.output[0] + site.kind.size - 1) * prod(site.output[1:])
    return {"normalisation": 3 * site.y, "pooling": padded}


def _ptflops_attention(site: Site) -> Counts:
    return {**_macs(site), "bias": prod(site.inputs[0][1:])}


_TWICE_X: Rule = lambda site: {"pooling": site.x, "twice": site.x}  # noqa: E731
_TWICE_Y: Rule = lambda site: {"activation": site.y, "twice": site.y}  # noqa: E731

PTFLOPS: Rules = {
    conv.Conv: _ptflops_conv,
    conv.Depthwise: _ptflops_conv,
    conv.Separable: _ptflops_conv,
    conv.ConvTranspose: _ptflops_linear,
    linear.Linear: _ptflops_linear,
    pool.AttentionPool: _ptflops_attention,
    pool.BilinearPool: _macs,
    norm.BatchNorm: _affine("normalisation", 2, 1),
    norm.GroupNorm: _affine("normalisation", 2, 1),
    norm.LayerNorm: lambda site: {"normalisation": site.y * (site.kind.over == "all" or not site.dimensions)},
    norm.LRN: _ptflops_lrn,
    activation.ReLU: _TWICE_Y,
    activation.PReLU: _TWICE_Y,
    activation.GELU: _TWICE_Y,
    activation.ReLU6: _each("activation"),
    activation.LeakyReLU: _each("activation"),
    activation.SiLU: _each("activation"),
    activation.Softmax: _each("activation"),
    pool.MaxPool: _ptflops_max_pool,
    pool.AvgPool: _ptflops_max_pool,
    pool.AdaptiveAvgPool: _TWICE_X,
    pool.AdaptiveMaxPool: _TWICE_X,
    pool.GlobalAvgPool: _TWICE_X,
    pool.GlobalMaxPool: _TWICE_X,
    pool.LPPool: _ptflops_lp_pool,
    pool.StochasticPool: _ptflops_stochastic_pool,
    shape.Upsample: lambda site: {"upsampling": site.y, "twice": site.y},
}


def _thop_transposed(site: Site) -> Counts:
    """thop multiplies the kernel with the outputs, as for an ordinary convolution."""
    kind = site.kind
    counted = site.y * (site.inputs[0][0] // kind.groups) * prod(site.values["k"])
    return {**_macs(site), "output size": counted - site.count("mac")}


def _thop_adaptive(site: Site) -> Counts:
    """(Window + 1) for each output, the window being the mean one; in floating point, then cut to an integer."""
    window = 1.0
    for n, m in zip(site.inputs[0][1:], site.output[1:], strict=True):
        window *= n / m
    return {"pooling": (window + 1) * site.y}


def _thop_softmax(site: Site) -> Counts:
    channels = site.output[0]
    return {"activation": site.y // channels * (3 * channels - 1)}


def _thop_upsample(site: Site) -> Counts:
    times = 1 if site.kind.mode == "nearest" else {1: 5, 2: 11}.get(site.dimensions, 0)
    return {"upsampling": times * site.y}


def _thop_attention(site: Site) -> Counts:
    """The scores; the weighted sum is a function that thop does not see."""
    return {**_macs(site), "missed": -site.count("mac") // 2}


THOP: Rules = {
    conv.Conv: _modules_macs,
    conv.Depthwise: _modules_macs,
    conv.Separable: _modules_macs,
    conv.ConvTranspose: _thop_transposed,
    linear.Linear: _macs,
    pool.AttentionPool: _thop_attention,
    pool.BilinearPool: lambda site: {**_macs(site), "missed": -site.count("mac")},
    norm.BatchNorm: _affine("normalisation", 4, 2),
    norm.LayerNorm: lambda site: (
        _affine("normalisation", 4, 2)(site) if site.kind.over == "all" or not site.dimensions else {}
    ),
    activation.PReLU: _each("activation"),
    activation.Softmax: _thop_softmax,
    pool.AvgPool: lambda site: {"pooling": site.y} if site.kind.kept(site.inputs, site.output, (True,)).inputs else {},
    pool.AdaptiveAvgPool: _thop_adaptive,
    pool.GlobalAvgPool: _thop_adaptive,
    shape.Upsample: _thop_upsample,
}


def _torchinfo_conv(site: Site) -> Counts:
    """Parameters, biases too, times the output's positions."""
    return {**_macs(site), "bias": site.count("add")}


def _torchinfo_transposed(site: Site) -> Counts:
    weights = site.count("params") - site.kind.bias * site.output[0]
    counted = weights * prod(site.output[1:])
    return {**_macs(site), "output size": counted - site.count("mac"), "bias": site.count("add")}


def _torchinfo_linear(site: Site) -> Counts:
    return {**_macs(site), "bias once": site.count("add")}


def _torchinfo_attention(site: Site) -> Counts:
    """The scores, with their bias; the weighted sum is a function that torchinfo does not see."""
    return {**_macs(site), "missed": -site.count("mac") // 2, "bias": prod(site.inputs[0][1:])}


def _torchinfo_parameters(site: Site) -> Counts:
    return {"parameters": site.count("params")}


TORCHINFO: Rules = {
    conv.Conv: _torchinfo_conv,
    conv.Depthwise: _torchinfo_conv,
    conv.Separable: _torchinfo_conv,
    conv.ConvTranspose: _torchinfo_transposed,
    linear.Linear: _torchinfo_linear,
    pool.AttentionPool: _torchinfo_attention,
    pool.BilinearPool: lambda site: {**_macs(site), "missed": -site.count("mac")},
    norm.BatchNorm: _torchinfo_parameters,
    norm.GroupNorm: _torchinfo_parameters,
    norm.LayerNorm: _torchinfo_parameters,
    activation.PReLU: _torchinfo_parameters,
    shape.Scale: _torchinfo_parameters,
}


@dataclass(frozen=True, slots=True)
class Convention:
    """A way to count: what it is called, what its number is, and what it counts of each kind."""

    name: str
    meaning: str
    rules: Rules
    per_image: bool = False  # the tool runs one image, whatever the batch


CONVENTIONS: Mapping[str, Convention] = {
    convention.name: convention
    for convention in (
        Convention("paper", "multiply-accumulates of convolutions and linear layers, as papers count", PAPER),
        Convention("torch", "torch.utils.flop_counter.FlopCounterMode: two for each multiply-accumulate", TORCH),
        Convention("fvcore", "fvcore.nn.FlopCountAnalysis: multiply-accumulates, and some layers besides", FVCORE),
        Convention("ptflops", "ptflops.get_model_complexity_info, its default back end", PTFLOPS, per_image=True),
        Convention("thop", "thop.profile", THOP),
        Convention("torchinfo", "torchinfo.summary: total mult-adds", TORCHINFO),
    )
}

REASONS: Mapping[tuple[str, str], str] = {
    ("torch", "additions"): "a multiply-accumulate is two operations",
    ("fvcore", "normalisation"): "batch normalisation 2 an element (1 without scale and shift), others 5 (4)",
    ("fvcore", "pooling"): "global and adaptive average pooling: 1 for each input",
    ("fvcore", "upsampling"): "1 for each output if nearest, 4 if bilinear",
    ("ptflops", "bias"): "1 for each output",
    ("ptflops", "normalisation"): "2 an element (1 without scale and shift); LRN's squares, factor and sum",
    ("ptflops", "activation"): "1 an element, of the activations that it knows",
    ("ptflops", "pooling"): "1 for each input",
    ("ptflops", "upsampling"): "1 for each output",
    ("ptflops", "twice"): "wrong: it counts the module, and again the function that the module calls",
    ("ptflops", "missed"): "wrong: it knows modules by their exact class, and these subclass a convolution",
    ("thop", "normalisation"): "4 an element (2 without scale and shift)",
    ("thop", "activation"): "PReLU 1 an element, softmax 3 but 1 a position",
    ("thop", "pooling"): "average pooling 1 for each output; adaptive, the mean window and 1",
    ("thop", "upsampling"): "1 for each output if nearest, 11 if bilinear",
    ("thop", "output size"): "wrong: it multiplies the kernel with the outputs, which a stride makes too many",
    ("thop", "missed"): "wrong: it knows modules by their exact class, and sees no functions",
    ("torchinfo", "bias"): "parameters times output positions, so 1 for each output of a convolution",
    ("torchinfo", "bias once"): "parameters, so 1 for each bias of a linear layer",
    ("torchinfo", "parameters"): "wrong: 1 a parameter, whatever the size of the image",
    ("torchinfo", "output size"): "wrong: it multiplies the kernel with the outputs, which a stride makes too many",
    ("torchinfo", "missed"): "wrong: it sees modules with parameters alone",
}
"""Why a convention counts a class, or what is wrong with it."""


def convention(name: str) -> Convention:
    """The convention of a name.

    Raises:
        RequestError: there is none.
    """
    if name not in CONVENTIONS:
        hint = did_you_mean(name, list(CONVENTIONS)) or f"one of {', '.join(CONVENTIONS)}"
        raise RequestError(f"no convention is called '{name[:40]}'", hint=hint)
    return CONVENTIONS[name]


def layer_counts(network: Network, name: str, batch: int = 1) -> list[dict[str, int]]:
    """What a convention counts of each layer, by class, for the batch; as the tool, perhaps of one image alone.

    >>> from cnncalc import expand, load
    >>> layer_counts(expand(load("alexnet")), "ptflops")[0]
    {'convolutions': 105415200, 'bias': 290400}
    """
    chosen = convention(name)
    images = 1 if chosen.per_image else batch
    known: dict[tuple[Op, tuple[Shape, ...]], dict[str, int]] = {}
    results = []
    for layer in network.layers:
        shapes = network.input_shapes(layer)
        key = (layer.kind, shapes)
        if key not in known:
            rule = chosen.rules.get(type(layer.kind))
            counts = rule(Site(layer.kind, shapes, layer.output)) if rule else {}
            known[key] = {part: _times(number, images) for part, number in counts.items() if number}
        results.append(known[key])
    return results


def _times(number: float, images: int) -> int:
    """A count for all images; in floating point where the tool counts so, as far as it goes."""
    try:
        return int(number * images)
    except OverflowError:
        return int(Fraction(number) * images)


def class_counts(network: Network, name: str, batch: int = 1) -> dict[str, int]:
    """What a convention counts of the whole network, by class."""
    totals: dict[str, int] = {}
    for counts in layer_counts(network, name, batch):
        for part, number in counts.items():
            totals[part] = totals.get(part, 0) + number
    return {part: totals[part] for part in CLASSES if totals.get(part)}


def count_as(network: Network, name: str, batch: int = 1) -> int:
    """The number that a tool prints for a network.

    Raises:
        RequestError: there is no such convention.

    >>> from cnncalc import expand, load
    >>> count_as(expand(load("alexnet_one_gpu")), "torch")
    2270512192
    """
    return sum(class_counts(network, name, batch).values())


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of the difference between a convention and the paper's: how much of which class, and why."""

    convention: str
    part: str
    amount: int
    reason: str


def reconcile(network: Network, batch: int = 1) -> tuple[dict[str, dict[str, int]], list[Difference]]:
    """What every convention counts, by class, and each convention's differences from the papers' count.

    The differences of a convention sum to its total less the papers'.

    >>> from cnncalc import expand, load
    >>> counts, differences = reconcile(expand(load("alexnet")))
    >>> [(d.part, d.amount) for d in differences if d.convention == "torch"]
    [('additions', 724406816)]
    """
    counts = {name: class_counts(network, name, batch) for name in CONVENTIONS}
    paper = counts["paper"]
    differences = []
    for name, parts in counts.items():
        for part in CLASSES:
            amount = parts.get(part, 0) - paper.get(part, 0)
            if amount:
                reason = REASONS.get((name, part), "")
                if CONVENTIONS[name].per_image and part in paper:
                    reason = f"it runs one image, not the batch of {batch:,}"
                differences.append(Difference(name, part, amount, reason))
    return counts, differences


__all__ = [
    "CLASSES",
    "CONVENTIONS",
    "REASONS",
    "Convention",
    "Difference",
    "class_counts",
    "convention",
    "count_as",
    "layer_counts",
    "reconcile",
]
