"""The language in which a table says what a cell computes: the specs' own arithmetic over quantities.

    params(alexnet/conv1)                    a layer, or all the layers of a group
    macs(vgg16, kind=conv, kernel=3)         only the layers of a kind, or with an option; 3|5 for either
    activations(nin, batch=128)              batch, input and training set the network up
    27 * 64 * 64 < 49 * 64 * 64              a comparison makes a statement

`shape(...)`, `size(...)`, `window(...)` and `layout(...)` give several numbers, and stand alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from cnncalc.costs.analysis import Analysis, analyse
from cnncalc.documents.figures import Number
from cnncalc.errors import RequestError
from cnncalc.formula import prod
from cnncalc.language.expand import Layer, Network, expand
from cnncalc.language.expressions import evaluate_text
from cnncalc.ops.base import Shape
from cnncalc.zoo.index import load, load_text

WEIGHTED = ("conv", "conv_transpose", "depthwise", "separable", "linear")
"""The kinds that count as a layer where a network's depth is given."""

Layout: TypeAlias = tuple[tuple[int, int], ...]
"""Convolutions as (kernel, output channels)."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Some layers of an analysed network; `shape` is the last one's output, or the network's input."""

    network: Network
    analysis: Analysis
    layers: tuple[int, ...]
    shape: Shape

    def __iter__(self) -> Iterator[Layer]:
        return (self.network.layers[i] for i in self.layers)

    @property
    def last(self) -> Layer:
        return self.network.layers[self.layers[-1]]

    @property
    def last_input(self) -> Shape:
        return self.network.input_shapes(self.last)[0]

    def total(self, cost: str) -> int:
        return sum(getattr(self.analysis.layers[i], cost) for i in self.layers)


class Result(NamedTuple):
    """What a text computes, and the quantities that went into it, by their own texts."""

    value: Number | bool | tuple[int, ...] | Layout
    evidence: dict[str, Number]


class Calculator:
    """Computes the cells of a table. `networks` are specs of the table's own, by name, beside the zoo's."""

    def __init__(self, networks: Mapping[str, str] | None = None) -> None:
        self._networks = dict(networks or {})

    def compute(self, text: str) -> Result:
        """Compute a cell.

        >>> Calculator().compute("weights(alexnet_one_gpu/conv1)").value
        34848
        >>> Calculator().compute("depth(resnet50) > depth(vgg16)")
        Result(value=True, evidence={'depth(resnet50)': 50, 'depth(vgg16)': 16})

        Raises CnncalcError where the text names no network or layer, or is no expression.
        """
        whole = re.fullmatch(r"(\w+)\(([^()]*)\)", text)
        if whole and whole[1] in SEVERAL:
            return Result(SEVERAL[whole[1]](self._select(whole[2])), {})
        evidence: dict[str, Number] = {}
        variables: dict[str, Number] = {}

        def replace(call: re.Match[str]) -> str:
            variable = f"q{len(variables)}"
            variables[variable] = evidence[call[0]] = QUANTITIES[call[1]](self._select(call[2]))
            return variable

        value = evaluate_text(_CALL.sub(replace, text), variables)
        return Result(int(value) if isinstance(value, float) and value.is_integer() else value, evidence)

    def _select(self, arguments: str) -> Selection:
        """The layers that a quantity's arguments name: NETWORK/PATH, then settings and conditions."""
        first, *rest = (part.strip() for part in arguments.split(","))
        name, _, path = first.partition("/")
        options = dict(part.split("=", 1) for part in rest)
        settings = (options.pop("batch", "1"), options.pop("input", ""), options.pop("training", "false"))
        network, analysis = _analysed(name, self._networks.get(name), *settings)
        if path == "input":
            return Selection(network, analysis, (), network.input)
        scope = f"{path}." if path else ""
        within = [i for i, layer in enumerate(network.layers) if f"{layer.name}.".startswith(scope)]
        if not within:
            raise RequestError(f"{name} has no layer or group {path!r}")
        layers = tuple(i for i in within if _has(network.layers[i], options))
        return Selection(network, analysis, layers, network.layers[(layers or within)[-1]].output)


@lru_cache(maxsize=256)
def _analysed(name: str, text: str | None, batch: str, image: str, training: str) -> tuple[Network, Analysis]:
    """A network of the zoo, or one given as text, expanded and analysed once."""
    spec = load(name) if text is None else load_text(text, name)
    shape = tuple(map(int, image.split("x"))) if image else None
    network = expand(spec, input=shape, training=training == "true")
    return network, analyse(network, batch=int(batch))


def _has(layer: Layer, options: Mapping[str, str]) -> bool:
    """Whether a layer is of a kind and has some options."""
    values = {key: layer.kind.name if key == "kind" else _option(layer, key) for key in options}
    return all(str(values[key]) in wanted.split("|") for key, wanted in options.items())


def _option(layer: Layer, key: str) -> Any:
    """An option of a layer: one number where it is the same in all dimensions, else as in 1x7."""
    value = getattr(layer.kind, key, None)
    if value is None and key == "stride":  # a pool's stride is its kernel unless given
        value = getattr(layer.kind, "kernel", None)
    if isinstance(value, tuple):
        return value[0] if len(set(value)) == 1 else "x".join(map(str, value))
    return value


def _weights(selection: Selection) -> int:
    """Parameters without the biases of convolutions and linear layers."""
    biased = (layer for layer in selection if layer.kind.name in WEIGHTED and _option(layer, "bias"))
    return selection.total("params") - sum(layer.output[0] for layer in biased)


def _traffic(selection: Selection) -> int:
    """Elements read and written at least: each layer's inputs, outputs and parameters, each once."""
    inputs = sum(int(prod(shape)) for layer in selection for shape in selection.network.input_shapes(layer))
    return selection.analysis.batch * inputs + selection.total("activations") + selection.total("params")


def _longest_path(selection: Selection) -> list[Layer]:
    """The layers with weights on that path through the selection that has most of them."""
    longest: dict[int, list[Layer]] = {}
    for i in selection.layers:
        layer = selection.network.layers[i]
        before = max((longest[j] for j in layer.inputs if j in longest), key=len, default=[])
        longest[i] = [*before, layer] if layer.kind.name in WEIGHTED else before
    return max(longest.values(), key=len, default=[])


def _layout(selection: Selection) -> Layout:
    """The convolutions of the longest path."""
    convs = (layer for layer in _longest_path(selection) if layer.kind.name == "conv")
    return tuple((int(_option(layer, "kernel")), layer.output[0]) for layer in convs)


def _shape(selection: Selection) -> tuple[int, ...]:
    """Height, width, channels, as the documents print a shape; 1 x 1 once flat."""
    channels, *sizes = selection.shape
    return (*(sizes or (1, 1)), channels)


def _window(selection: Selection) -> tuple[int, ...]:
    """The kernel's sizes."""
    kernel = getattr(selection.last.kind, "kernel")  # noqa: B009
    return tuple(kernel) if isinstance(kernel, tuple) else (kernel,) * (len(selection.shape) - 1)


QUANTITIES: dict[str, Callable[[Selection], Number]] = {
    # sums over the layers
    "params": lambda s: s.total("params"),
    "weights": _weights,
    "buffers": lambda s: s.total("buffers"),
    "macs": lambda s: s.total("macs"),
    "flops": lambda s: s.total("flops"),
    "activations": lambda s: s.total("activations"),
    "traffic": _traffic,
    "count": lambda s: len(s.layers),
    "depth": lambda s: len(_longest_path(s)),
    "largest_macs": lambda s: max(s.analysis.layers[i].macs for i in s.layers),
    # of the last layer
    "channels": lambda s: s.shape[0],
    "height": lambda s: s.shape[1],
    "width": lambda s: s.shape[2],
    "inputs": lambda s: int(prod(s.last_input)),
    "input_channels": lambda s: s.last_input[0],
    "kernel": lambda s: int(_option(s.last, "kernel")),
    "stride": lambda s: int(_option(s.last, "stride")),
    "padding": lambda s: int(_option(s.last, "padding")),
    "groups": lambda s: int(_option(s.last, "groups")),
    "position": lambda s: s.layers[-1],
    "receptive_field": lambda s: s.analysis.receptive_fields[s.layers[-1]].size[0],
    # of the network
    "outputs": lambda s: len(s.network.outputs),
    "batch": lambda s: s.analysis.batch,
}
"""The quantities, by the names under which a cell calls them."""

SEVERAL: dict[str, Callable[[Selection], tuple[int, ...] | Layout]] = {
    "shape": _shape,
    "size": lambda s: _shape(s)[:-1],
    "window": _window,
    "layout": _layout,
}
"""Those that give several numbers."""

_CALL = re.compile(rf"\b({'|'.join(QUANTITIES)})\(([^()]*)\)")
