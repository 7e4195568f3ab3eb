"""A spec expanded for one input: blocks, repeats and branches written out, shapes inferred, layers named.

One walk does it all. Layers stand in topological order; a tensor is the index of the layer that makes it,
and -1 is the network's input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cnncalc.errors import LayerError, Place, RequestError, SpecError, did_you_mean
from cnncalc.language.expressions import Expression, evaluate_text
from cnncalc.language.model import (
    BlockItem,
    GroupItem,
    HeadItem,
    Item,
    LayerItem,
    MergeItem,
    Option,
    Spec,
    Variable,
    evaluate,
    work_of,
)
from cnncalc.language.reader import MAX_DIMENSIONS
from cnncalc.language.typed import make_layer
from cnncalc.ops import Op, Shape
from cnncalc.ops.base import show

INPUT = -1
MAX_LAYERS = 1_000_000
MAX_SIZE = 10**9
MAX_NESTING = 100
MAX_NAME = 200
MAX_VARIABLES_WORK = 50_000
MAX_CALLS_SHOWN = 4
WORK = 10_000
WORK_A_LAYER = 16


@dataclass(slots=True)
class Layer:
    """One layer: its kind with all options, the tensors it reads, and its output shape (without the batch)."""

    name: str
    kind: Op
    inputs: tuple[int, ...]
    output: Shape


@dataclass(slots=True)
class Network:
    """The expanded graph of a spec for one input shape.

    `outputs` names the network's outputs: `output`, the last tensor of the trunk, and every head.
    """

    name: str
    spec: Spec
    input: Shape
    variables: Mapping[str, Any]
    training: bool
    layers: list[Layer] = field(default_factory=list)
    outputs: dict[str, int] = field(default_factory=dict)

    def shape(self, tensor: int) -> Shape:
        """The shape of a tensor: a layer's output, or the network's input."""
        return self.input if tensor == INPUT else self.layers[tensor].output

    def input_shapes(self, layer: Layer) -> tuple[Shape, ...]:
        """The shapes that a layer reads."""
        return tuple(self.shape(tensor) for tensor in layer.inputs)

    def input_names(self, layer: Layer) -> list[str]:
        """The names of the layers that a layer reads; `input` is the network's input."""
        return ["input" if tensor == INPUT else self.layers[tensor].name for tensor in layer.inputs]

    def layer(self, name: str) -> Layer:
        """The layer of a name.

        Raises:
            RequestError: there is none.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        hint = did_you_mean(name, [layer.name for layer in self.layers[:10_000]])
        hint = hint or "`cnncalc shapes NETWORK --all` lists them"
        raise RequestError(f"{self.name} has no layer '{name[:80]}'", hint=hint)


def expand(
    spec: Spec,
    input: Shape | None = None,
    vars: Mapping[str, Any] | None = None,
    training: bool = False,
    max_layers: int = MAX_LAYERS,
) -> Network:
    """The network of a spec.

    Args:
        spec: what `cnncalc.load` gives.
        input: the input shape, channels first; the spec's own if None.
        vars: values for variables of the spec, in place of its own.
        training: the value of the variable `training`, which auxiliary heads depend on.
        max_layers: the bound on layers after expansion.

    Raises:
        RequestError: an unknown variable, an unfit input.
        SpecError: the spec cannot be expanded for this input.

    >>> from cnncalc.zoo.index import load
    >>> network = expand(load("alexnet"))
    >>> network.layers[0].name, network.layers[0].output
    ('conv1', (96, 55, 55))
    """
    variables = _spec_variables(spec, vars or {}, training)
    scope = _Scope("", {**variables, "training": training})
    shape = _input_shape(spec, scope.variables) if input is None else _checked_input(input)
    if spec.layers is None:
        mend = (
            f"{spec.extends} has none either: list them here" if spec.extends else "a family has none: its members do"
        )
        raise SpecError("the spec has no 'layers'", spec.place, hint=mend)
    network = Network(spec.name, spec, shape, variables, training)
    expander = _Expander(network, max_layers)
    network.outputs["output"] = expander.items(spec.layers, INPUT, scope)
    network.outputs.update(expander.heads)
    return network


def own_input(spec: Spec, vars: Mapping[str, Any] | None = None, training: bool = False) -> Shape:
    """The input shape that a spec itself asks for.

    >>> from cnncalc.zoo.index import load
    >>> own_input(load("alexnet"))
    (3, 227, 227)
    """
    return _input_shape(spec, {**_spec_variables(spec, vars or {}, training), "training": training})


def _spec_variables(spec: Spec, given: Mapping[str, Any], training: bool) -> dict[str, Any]:
    """The spec's variables, those given from outside in place of its own, in order."""
    for name in given:
        if name not in spec.variables:
            known = list(spec.variables)
            hint = did_you_mean(name, known) or (
                f"its variables are {', '.join(known)}" if known else "it has no variables"
            )
            raise RequestError(f"{spec.name} has no variable '{name[:80]}'", hint=hint)
    values: dict[str, Any] = {}
    scope = {"training": training}
    work = 0
    for variable in spec.variables.values():
        work += work_of(variable.value)
        if work > MAX_VARIABLES_WORK:
            raise SpecError("the variables hold too many values", variable.place)
        if variable.name in given:
            value = given[variable.name]
            here = {**scope, **values}
            values[variable.name] = evaluate_text(value, here) if isinstance(value, str) else evaluate(value, here)
        elif variable.required:
            raise SpecError(
                f"the variable '{variable.name}' has no value",
                variable.place,
                hint=f"give one: --set {variable.name}=VALUE",
            )
        else:
            values[variable.name] = evaluate(variable.value, {**scope, **values})
    return values


def _input_shape(spec: Spec, variables: Mapping[str, Any]) -> Shape:
    """The spec's own input shape."""
    if spec.input is None:
        raise SpecError("the spec has no 'input'", spec.place, hint="such as input: [3, 224, 224]")
    sizes = []
    for size in evaluate(spec.input.value, variables):
        number = _as_integer(size)
        if number is None or not 1 <= number <= MAX_SIZE:
            raise SpecError(f"the sizes of 'input' are whole numbers from 1 to 10^9, not {size}", spec.input.place)
        sizes.append(number)
    return tuple(sizes)


def _checked_input(shape: Shape) -> Shape:
    """A shape given from outside."""
    if not 1 <= len(shape) <= MAX_DIMENSIONS or not all(type(size) is int and 1 <= size <= MAX_SIZE for size in shape):
        raise RequestError(f"an input has 1 to {MAX_DIMENSIONS} sizes from 1 to 10^9, not {show(shape)}")
    return tuple(shape)


def _as_integer(value: Any) -> int | None:
    """A whole number, also from a whole-valued decimal; None for anything else."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


class _Scope:
    """Where names are given and variables hold: a prefix of names, counters for automatic ones, variables."""

    __slots__ = ("counters", "prefix", "variables")

    def __init__(self, prefix: str, variables: dict[str, Any]) -> None:
        self.prefix = prefix
        self.variables = variables
        self.counters: dict[str, int] = {}

    def called(self, variables: dict[str, Any]) -> _Scope:
        """The scope of a block's items: its own variables, this scope's names."""
        scope = _Scope(self.prefix, variables)
        scope.counters = self.counters
        return scope


class _Expander:
    """The walk. `tensors` knows what every full name stands for: a layer, or the end of a group or block."""

    def __init__(self, network: Network, max_layers: int) -> None:
        self.network = network
        self.layers = network.layers
        self.max_layers = max_layers
        self.work = 0
        self.nesting = 0
        self.tensors: dict[str, int] = {"input": INPUT}
        self.heads: dict[str, int] = {}
        self.taken = network.spec.names
        # Equal layers on equal inputs are checked, and their shapes inferred, once.
        self.shapes: dict[tuple[Op, tuple[Shape, ...]], Shape] = {}
        self.kinds: dict[Op, Op] = {}
        self.expand_by: dict[type[Item], Callable[[Any, int, _Scope, str | None], int]] = {
            LayerItem: self.layer,
            BlockItem: self.block,
            GroupItem: self.group,
            HeadItem: self.head,
            MergeItem: self.merge,
        }

    def items(self, items: list[Item], tensor: int, scope: _Scope) -> int:
        """Expand a list of items on a tensor; the tensor at its end."""
        self.nesting += 1  # which bounds the recursion: every way down leads through here
        for item in items:
            if self.nesting > MAX_NESTING:
                raise SpecError(f"groups and blocks are more than {MAX_NESTING} deep in each other", item.place)
            tensor = self.item(item, tensor, scope)
        self.nesting -= 1
        return tensor

    def item(self, item: Item, tensor: int, scope: _Scope) -> int:
        """Expand an item if its condition holds."""
        return self.repeated(item, tensor, scope) if self.present(item, tensor, scope) else tensor

    def present(self, item: Item, tensor: int, scope: _Scope) -> bool:
        """Whether an item's condition, if any, holds."""
        self.spend(1, item.place)
        return item.when is None or self.condition(item.when, tensor, scope)

    def repeated(self, item: Item, tensor: int, scope: _Scope) -> int:
        """Expand an item as often as it is repeated."""
        if item.start is not None:
            tensor = self.find(item.start, scope)
        expand = self.expand_by[type(item)]
        if item.repeat is None:
            return expand(item, tensor, scope, item.name)
        times = self.times(item.repeat, tensor, scope)
        if item.name is None:
            for _ in range(times):
                self.spend(1, item.place)
                tensor = expand(item, tensor, scope, None)
            return tensor
        inside = self.inside(item, scope, item.name)
        for number in range(1, times + 1):
            self.spend(1, item.place)
            tensor = expand(item, tensor, inside, str(number))
        self.bind(item, scope.prefix + item.name, tensor)
        return tensor

    def spend(self, work: int, place: Place) -> None:
        """Bound the work: layers are bounded, and so are items that make none, and long lists of values."""
        self.work += work
        if self.work > WORK + WORK_A_LAYER * self.max_layers:
            raise SpecError("the spec expands to too many items", place)

    def inside(self, item: Item, scope: _Scope, name: str) -> _Scope:
        """The scope that a name opens inside another."""
        return _Scope(f"{self.full_name(item, scope, name)}.", scope.variables)

    def full_name(self, item: Item, scope: _Scope, name: str) -> str:
        """A name with the scopes around it. A million layers with names without end would fill the memory."""
        full = scope.prefix + name
        if len(full) > MAX_NAME:
            raise SpecError(
                f"a name with the names around it is longer than {MAX_NAME} characters", item.name_place or item.place
            )
        return full

    def condition(self, option: Option, tensor: int, scope: _Scope) -> bool:
        value = self.value(option, tensor, scope)
        if not isinstance(value, (bool, int, float)):
            raise SpecError("'when' is a condition", option.place, label="this is not true or false")
        return bool(value)

    def times(self, option: Option, tensor: int, scope: _Scope) -> int:
        value = self.value(option, tensor, scope)
        number = _as_integer(value)
        if number is None or number < 0:
            raise SpecError("'repeat' is a whole number from 0", option.place, label=f"got {str(value)[:40]}")
        if number > self.max_layers:
            raise SpecError(f"the network would have more than {self.max_layers:,} layers", option.place)
        return number

    def value(self, option: Option, tensor: int, scope: _Scope) -> Any:
        """An option's value where it stands."""
        if isinstance(option.value, (Expression, tuple)):
            self.look_at(tensor, scope.variables)
            return self.evaluate(option, scope.variables)
        return option.value

    def look_at(self, tensor: int, variables: dict[str, Any]) -> None:
        """Set the variables that speak of the current tensor."""
        variables["channels"], *sizes = self.network.shape(tensor)
        variables["sizes"] = tuple(sizes)

    def evaluate(self, given: Option | Variable, variables: Mapping[str, Any]) -> Any:
        """A value worked out. That counts as work, for it may be done for every layer; so does a long list that
        a variable stands for, for it may be copied."""
        self.spend(work_of(given.value), given.place)
        value = evaluate(given.value, variables)
        if isinstance(value, tuple):
            self.spend(work_of(value), given.place)
        return value

    def find(self, option: Option, scope: _Scope) -> int:
        """The tensor of a `from` name: in this scope, then outwards."""
        name, prefix = option.value, scope.prefix
        while True:
            tensor = self.tensors.get(prefix + name)
            if tensor is not None:
                return tensor
            if not prefix:
                break
            prefix = prefix[: prefix.rfind(".", 0, -1) + 1]
        if name in self.taken:
            raise SpecError(
                f"'{name}' does not stand before this layer",
                option.place,
                hint="'from' names an earlier layer",
            )
        known = [full.rsplit(".", 1)[-1] for full in list(self.tensors)[:10_000]]
        hint = did_you_mean(name, [*self.tensors, *known] if len(known) < 10_000 else known)
        if hint is None and self.tensors:
            hint = "before it stand " + ", ".join(list(self.tensors)[-8:])
        raise SpecError(f"no layer is called '{name[:60]}'", option.place, hint=hint)

    def bind(self, item: Item, name: str, tensor: int) -> None:
        """Let a full name stand for a tensor; names are distinct."""
        if name in self.tensors:
            raise SpecError(
                f"the name '{name}' is given twice",
                item.name_place or item.place,
                hint="each name stands once in its scope: give another, or a name to the block or group around it",
            )
        self.tensors[name] = tensor

    def layer(self, item: LayerItem, tensor: int, scope: _Scope, name: str | None) -> int:
        kind = item.ready
        if kind is None:
            kind = make_layer(item, {key: self.value(opt, tensor, scope) for key, opt in item.options.items()})
        return self.place(item, kind, (tensor,), scope, name)

    def place(self, item: Item, kind: Op, inputs: tuple[int, ...], scope: _Scope, name: str | None) -> int:
        """Add a layer to the network; its tensor."""
        layers = self.layers
        if len(layers) >= self.max_layers:
            raise SpecError(f"the network has more than {self.max_layers:,} layers", item.place)
        full = self.full_name(item, scope, name or self.automatic_name(item, kind, scope))
        shapes = tuple([self.network.shape(tensor) for tensor in inputs])
        kind = self.kinds.setdefault(kind, kind)
        output = self.shapes.get((kind, shapes))
        if output is None:
            output = self.shapes[kind, shapes] = self.infer(item, kind, shapes, full)
        self.bind(item, full, len(layers))
        layers.append(Layer(full, kind, inputs, output))
        return len(layers) - 1

    def automatic_name(self, item: Item, kind: Op, scope: _Scope) -> str:
        """The kind and its number in the scope, past names that the spec gives."""
        counters = scope.counters
        while True:
            number = counters[kind.name] = counters.get(kind.name, 0) + 1
            name = f"{kind.name}{number}"
            if name not in self.taken:
                return name
            self.spend(1, item.place)

    def infer(self, item: Item, kind: Op, shapes: tuple[Shape, ...], name: str) -> Shape:
        """The output shape; a layer that does not fit is an error at the option to blame."""
        try:
            output = kind.output_shape(*shapes)
        except LayerError as error:
            place = _option_place(item, kind, error.option)
            context = f"in {name}, on an input of {', '.join(map(show, shapes))}"
            raise SpecError(error.message, place, label=error.label, hint=error.hint, notes=[context]) from None
        if max(output) > MAX_SIZE:
            raise SpecError("a layer's output is larger than 10^9 in one dimension", item.place, label=show(output))
        return output

    def block(self, item: BlockItem, tensor: int, scope: _Scope, name: str | None) -> int:
        """A block's items, with its arguments worked out where it is called."""
        block = self.network.spec.blocks[item.block]
        variables = {**self.network.variables, "training": self.network.training}
        arguments = {key: self.value(option, tensor, scope) for key, option in item.arguments.items()}
        self.look_at(tensor, variables)
        for variable in block.variables.values():
            variables[variable.name] = (
                arguments[variable.name] if variable.name in arguments else self.evaluate(variable, variables)
            )
        inside = scope if name is None else self.inside(item, scope, name)
        try:
            end = self.items(block.items, tensor, inside.called(variables))
        except SpecError as error:
            if len(error.notes) < MAX_CALLS_SHOWN:
                error.notes.append(f"in block '{item.block}', called at {item.place}")
            raise
        if name is not None:
            self.bind(item, scope.prefix + name, end)
        return end

    def group(self, item: GroupItem, tensor: int, scope: _Scope, name: str | None) -> int:
        """A group's items; a name opens a scope."""
        if name is None:
            return self.items(item.items, tensor, scope)
        end = self.items(item.items, tensor, self.inside(item, scope, name))
        self.bind(item, scope.prefix + name, end)
        return end

    def head(self, item: HeadItem, tensor: int, scope: _Scope, name: str | None) -> int:
        """A head's items; the trunk goes on from before it."""
        assert name is not None
        end = self.group(item, tensor, scope, name)
        full = scope.prefix + name
        if full == "output":
            raise SpecError("'output' is the trunk's own output; call the head otherwise", item.place)
        self.heads[full] = end
        return tensor

    def merge(self, item: MergeItem, tensor: int, scope: _Scope, name: str | None) -> int:
        """The branches, then the layer in which they meet. An absent branch is left out; it is no identity."""
        branches = [branch for branch in item.branches if self.present(branch, tensor, scope)]
        if not branches:
            raise SpecError(f"'{item.kind.name}' has no branch whose condition holds", item.place)
        ends = tuple([self.repeated(branch, tensor, scope) for branch in branches])
        return self.place(item, item.kind(), ends, scope, name)


def _option_place(item: Item, kind: Op, option: str | None) -> Place:
    """Where the option at fault is given, or the item."""
    if isinstance(item, LayerItem) and option in item.options:
        return item.options[option].place
    return item.place
