"""The language in which a table says what a cell computes: the specs' own arithmetic over quantities.

    params(alexnet/conv1)                    a layer, or all the layers of a group
    macs(vgg16, kind=conv, kernel=3)         only the layers of a kind, or with an option; 3|5 for either
    activations(nin, batch=128)              batch, input and training set the network up
    macs(mobilenet_v1, set.width=0.75)       so does a variable of the spec
    27 * 64 * 64 < 49 * 64 * 64              a comparison makes a statement

`shape(...)`, `size(...)`, `window(...)` and `layout(...)` give several numbers, and stand alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from cnncalc.documents.figures import Number
from cnncalc.documents.networks import WEIGHTED, Setting, View, evaluate, view
from cnncalc.errors import RequestError, did_you_mean, shorten
from cnncalc.formula import prod

Shape: TypeAlias = tuple[int, ...]
Layout: TypeAlias = tuple[tuple[int, int], ...]
"""Convolutions as (kernel, output channels)."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Some layers of an analysed network; `shape` is the last one's output, or the network's input."""

    view: View
    layers: tuple[int, ...]
    shape: Shape

    @property
    def last(self) -> int:
        """The number of the last layer.

        Raises RequestError where none is selected.
        """
        if not self.layers:
            raise RequestError("no layer is selected", hint="this quantity is of a layer")
        return self.layers[-1]

    def total(self, cost: str) -> int:
        return sum(self.view.cost(i, cost) for i in self.layers)

    def last_option(self, key: str) -> int:
        """A whole-number option of the last layer."""
        value = self.view.option(self.last, key)
        if not isinstance(value, int):
            raise RequestError(f"{self.view.names[self.last]} has no one number for {key}")
        return value


class Target(NamedTuple):
    """What a call of one quantity asks of: a network under a setting, a path in it, and conditions on its layers."""

    quantity: str
    network: str
    path: str
    setting: Setting
    conditions: tuple[tuple[str, str], ...]


class Result(NamedTuple):
    """What a text computes, and the quantities that went into it, by their own texts."""

    value: Number | bool | tuple[int, ...] | Layout
    evidence: dict[str, Number]


def read_sum(text: str) -> list[Target]:
    """A text that is one call of a quantity, or a sum of calls of the same; nothing for any other arithmetic.

    >>> [target.path for target in read_sum("macs(googlenet/conv2_reduce) + macs(googlenet/conv2)")]
    ['conv2_reduce', 'conv2']
    """
    calls = [read_call(part) for part in text.split(" + ")]
    found = [call for call in calls if call is not None]
    return found if len(found) == len(calls) and len({call.quantity for call in found}) == 1 else []


def read_call(text: str) -> Target | None:
    """A text that is one call of a quantity; None for any other arithmetic.

    >>> read_call("macs(vgg16/block1, kind=conv)")[:3]
    ('macs', 'vgg16', 'block1')
    """
    whole = re.fullmatch(r"\s*(\w+)\(([^()]*)\)\s*", text)
    return _target(whole[1], whole[2]) if whole else None


def _target(quantity: str, arguments: str) -> Target:
    """A quantity's arguments: NETWORK/PATH, then settings and conditions."""
    first, *rest = (part.strip() for part in arguments.split(","))
    name, _, path = first.partition("/")
    batch, image, training = 1, None, False
    variables: list[tuple[str, Any]] = []
    conditions: list[tuple[str, str]] = []
    for part in rest:
        key, equals, value = part.partition("=")
        if not equals:
            raise RequestError(f"'{shorten(part)}' is no condition", hint="write kind=conv, or input=3x224x224")
        if key == "batch":
            batch = _whole(value, key)
        elif key == "input":
            image = tuple(_whole(size, key) for size in value.split("x"))
        elif key == "training":
            training = value == "true"
        elif key.startswith("set."):
            variables.append((key[4:], evaluate(value, {})))
        else:
            conditions.append((key, value))
    return Target(quantity, name, path, Setting(image, batch, training, tuple(variables)), tuple(conditions))


def _whole(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise RequestError(f"{what} takes whole numbers from 1, not '{shorten(text)}'")
    return int(text)


MAX_LAYERS = 3_000_000
"""The most layers, in all networks together, that one table may ask of."""


class Calculator:
    """Computes the cells of a table. `networks` are specs of the table's own, by name, beside the zoo's."""

    def __init__(self, networks: Mapping[str, str] | None = None) -> None:
        self._networks = dict(networks or {})
        self._seen: dict[tuple[str, Setting], View] = {}
        self._layers = 0

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
            return Result(SEVERAL[whole[1]](self.select(_target(whole[1], whole[2]))), {})
        evidence: dict[str, Number] = {}
        variables: dict[str, Number] = {}

        def replace(call: re.Match[str]) -> str:
            variable = f"q{len(variables)}"
            selection = self.select(_target(call[1], call[2]))
            variables[variable] = evidence[call[0]] = QUANTITIES[call[1]](selection)
            return variable

        value = evaluate(_CALL.sub(replace, text), variables)
        return Result(int(value) if isinstance(value, float) and value.is_integer() else value, evidence)

    def view(self, network: str, setting: Setting) -> View:
        """A network of the table's own or of the zoo under a setting.

        Raises CnncalcError: there is none, or the table asks of too many layers in all.
        """
        key = (network, setting)
        if key not in self._seen:
            self._seen[key] = view(network, self._networks.get(network), setting)
            self._layers += len(self._seen[key].names)
            if self._layers > MAX_LAYERS:
                raise RequestError(f"the table asks of more than {MAX_LAYERS:,} layers in all", hint="make it several")
        return self._seen[key]

    def text(self, network: str) -> str | None:
        """The spec of a network of the table's own; None for one of the zoo."""
        return self._networks.get(network)

    def select(self, target: Target) -> Selection:
        """The layers that a call asks of.

        Raises RequestError where the network has none of that path.
        """
        seen = self.view(target.network, target.setting)
        if target.path == "input":
            return Selection(seen, (), seen.input)
        within = seen.within(target.path)
        if not within:
            groups = {name.rsplit(".", depth)[0] for name in seen.names[:2000] for depth in range(4)}
            hint = did_you_mean(target.path, sorted(groups)) or f"`cnncalc shapes {target.network} --all` lists them"
            raise RequestError(f"{target.network} has no layer or group '{shorten(target.path, 80)}'", hint=hint)
        layers = tuple(select(seen, target))
        return Selection(seen, layers, seen.output((layers or within)[-1]))


def select(seen: View, target: Target) -> list[int]:
    """The layers of a network that a call asks of, by path and conditions."""
    return [i for i in seen.within(target.path) if _has(seen, i, target.conditions)]


def _has(seen: View, index: int, conditions: tuple[tuple[str, str], ...]) -> bool:
    """Whether a layer is of a kind and has some options."""
    return all(
        str(seen.kinds[index] if key == "kind" else seen.option(index, key)) in wanted.split("|")
        for key, wanted in conditions
    )


def _weights(selection: Selection) -> int:
    """Parameters without the biases of convolutions and linear layers."""
    return selection.total("params") - sum(map(selection.view.biases, selection.layers))


def _traffic(selection: Selection) -> int:
    """Elements read and written at least: each layer's inputs, outputs and parameters, each once."""
    inputs = sum(map(selection.view.elements_in, selection.layers))
    return selection.view.batch * inputs + selection.total("activations") + selection.total("params")


def _longest_path(selection: Selection) -> list[int]:
    """The layers with weights on that path through the selection that has most of them."""
    seen = selection.view
    longest: dict[int, list[int]] = {}
    for i in selection.layers:
        before = max((longest[j] for j in seen.sources(i) if j in longest), key=len, default=[])
        longest[i] = [*before, i] if seen.kinds[i] in WEIGHTED else before
    return max(longest.values(), key=len, default=[])


def _layout(selection: Selection) -> Layout:
    """The convolutions of the longest path."""
    seen = selection.view
    convs = (i for i in _longest_path(selection) if seen.kinds[i] == "conv")
    return tuple((int(seen.option(i, "kernel")), seen.output(i)[0]) for i in convs)


def _shape(selection: Selection) -> tuple[int, ...]:
    """Height, width, channels, as the documents print a shape; 1 x 1 once flat."""
    return _channels_last(selection.shape)


def _channels_last(shape: Shape) -> tuple[int, ...]:
    channels, *sizes = shape
    return (*(sizes or (1, 1)), channels)


QUANTITIES: dict[str, Callable[[Selection], Number]] = {
    # sums over the layers
    "params": lambda s: s.total("params"),
    "weights": _weights,
    "buffers": lambda s: s.total("buffers"),
    "macs": lambda s: s.total("macs"),
    "flops": lambda s: s.total("flops"),
    "activations": lambda s: s.total("activations"),
    "traffic": _traffic,
    "saved": lambda s: sum(map(s.view.saved, s.layers)),
    "bytes": lambda s: 4 * s.total("params"),
    "count": lambda s: len(s.layers),
    "depth": lambda s: len(_longest_path(s)),
    "largest_macs": lambda s: max(s.view.cost(i, "macs") for i in s.layers),
    # of the last layer
    "channels": lambda s: s.shape[0],
    "height": lambda s: (*s.shape, 1)[1],
    "width": lambda s: (*s.shape, 1, 1)[2],
    "inputs": lambda s: int(prod(s.view.input_shapes(s.last)[0])),
    "input_channels": lambda s: s.view.input_shapes(s.last)[0][0],
    "kernel": lambda s: s.last_option("kernel"),
    "stride": lambda s: s.last_option("stride"),
    "padding": lambda s: s.last_option("padding"),
    "groups": lambda s: s.last_option("groups"),
    "position": lambda s: s.last,
    "receptive_field": lambda s: s.view.field(s.last),
    # of the network
    "outputs": lambda s: s.view.outputs,
    "batch": lambda s: s.view.batch,
    "training_bytes": lambda s: s.view.training_bytes,
}
"""The quantities, by the names under which a cell calls them."""

SEVERAL: dict[str, Callable[[Selection], tuple[int, ...] | Layout]] = {
    "shape": _shape,
    "size": lambda s: _shape(s)[:-1],
    "input_shape": lambda s: _channels_last(s.view.input_shapes(s.last)[0]),
    "window": lambda s: s.view.kernel(s.last),
    "layout": _layout,
}
"""Those that give several numbers."""

_CALL = re.compile(rf"\b({'|'.join(QUANTITIES)})\(([^()]*)\)")
