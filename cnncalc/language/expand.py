"""A spec expanded for its inputs: blocks, repeats and branches written out into a graph.

One walk does it all; the builder of the graph infers the shapes and names the layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

from cnncalc.errors import OpError, Place, RequestError, SpecError, did_you_mean, shorten
from cnncalc.formula import is_array
from cnncalc.graph import MAX_SIZE, Builder, Graph, Node, Scope, checked_shape, join
from cnncalc.language.expressions import LAYERS, Expression
from cnncalc.language.least import Least
from cnncalc.language.model import (
    BlockItem,
    GroupItem,
    HeadItem,
    Item,
    LayerItem,
    MergeItem,
    Option,
    OutputName,
    Spec,
    Variable,
    Word,
    evaluate,
    given_value,
    work_of,
)
from cnncalc.language.names import Names
from cnncalc.language.reader import MAX_NAME, no_layers
from cnncalc.language.typed import make_op, placed
from cnncalc.ops.base import Op, Shape, show

MAX_LAYERS = 1_000_000
MAX_NESTING = 100
MAX_VARIABLES_WORK = 50_000
MAX_CALLS_SHOWN = 4
WORK = 10_000
WORK_PER_LAYER = 16
"""The values that may be worked out, for as many layers as there may be."""
ITEMS = 100_000
ITEMS_PER_LAYER = 16
"""The items that may be looked at: so many for no layer at all, and more for each layer that they make."""

Size: TypeAlias = int | Sequence[int]
"""A shape, its spatial sizes, or one of them."""


def expand(
    spec: Spec,
    input: Size | Mapping[str, Size] | None = None,
    vars: Mapping[str, Any] | None = None,
    training: bool = False,
    max_layers: int = MAX_LAYERS,
) -> Graph:
    """The graph of a spec.

    Args:
        spec: what `cnncalc.zoo.load` gives.
        input: the input shape, channels first; its spatial sizes alone, or one of them, will do. Of several inputs it
            is meant for each, but for flat ones beside images; or it gives sizes by name. The spec's own if None.
        vars: values for variables of the spec, in place of its own.
        training: the value of the variable `training`, which auxiliary heads depend on.
        max_layers: the bound on layers after expansion.

    Raises:
        RequestError: an unknown variable, an unfit input.
        SpecError: the spec cannot be expanded for this input.

    >>> from cnncalc.zoo import load
    >>> graph = expand(load("alexnet"), input=224)
    >>> graph.layers[0].name, graph.layers[0].output
    ('conv1', (96, 54, 54))
    """
    variables = _spec_variables(spec, vars or {}, training)
    if input is None or spec.inputs:
        shapes = input_shapes(spec, {**variables, "training": training})
        shapes = shapes if input is None else full_shapes(input, shapes)
    elif isinstance(input, Mapping):
        shapes = {name: _whole(sizes) for name, sizes in input.items()}
    else:
        shapes = {"input": _whole(input)}
    if spec.layers is None:
        raise no_layers(spec)
    return _Expander(spec, variables, training, max_layers).expand(shapes)


def full_shapes(given: Size | Mapping[str, Size], own: Mapping[str, Shape]) -> dict[str, Shape]:
    """The shape of each input from the sizes given and the network's own shapes.

    Sizes without a name are meant for each input; for those with spatial dimensions, if there are any. Sizes by name
    are meant for these inputs, and the others keep theirs.

    Raises:
        RequestError: as `full_shape`, or there is no input of a name.

    >>> full_shapes(64, {"image": (3, 32, 32), "pose": (7,)})
    {'image': (3, 64, 64), 'pose': (7,)}
    """
    if isinstance(given, Mapping):
        for name in given:
            if name not in own:
                hint = did_you_mean(str(name), own) or f"the inputs are {', '.join(own)}"
                raise RequestError(f"the network has no input '{str(name)[:80]}'", hint=hint, code="unfit-input")
        return {name: full_shape(given[name], shape) if name in given else shape for name, shape in own.items()}
    images = [name for name, shape in own.items() if len(shape) > 1] or list(own)
    return {name: full_shape(given, shape) if name in images else shape for name, shape in own.items()}


def _whole(given: Size) -> Shape:
    """Sizes that are a whole shape."""
    return checked_shape(_sizes(given))


def full_shape(given: int | Sequence[int], own: Shape) -> Shape:
    """A whole input shape from the sizes given and the network's own shape.

    One size stands for every spatial dimension; without channels, they are the network's own.

    Raises:
        RequestError: too few or too many sizes, or channels that stand last.

    >>> full_shape(320, (3, 224, 224)), full_shape((320, 240), (3, 224, 224))
    ((3, 320, 320), (3, 320, 240))
    """
    sizes = _whole(given)
    spatial = len(own) - 1
    if len(sizes) == len(own):
        if own[0] == sizes[-1] < 5 <= sizes[0] and spatial:  # 224x224x3
            right = show((sizes[-1], *sizes[:-1]))
            hint = f"channels come first: {right}"
            raise RequestError(f"the channels of {show(sizes)} stand last", hint=hint, code="unfit-input")
        return sizes
    if len(sizes) == spatial:
        return (own[0], *sizes)
    if len(sizes) == 1:
        return (own[0], *sizes * spatial)
    raise RequestError(
        f"the input {show(sizes)} has {len(sizes)} sizes",
        hint=f"this network's input is {show(own)}: {len(own)} sizes",
        code="unfit-input",
    )


def _sizes(given: Any) -> Sequence[Any]:
    """One size, or several, as a list; what is no size is left to be refused."""
    several = isinstance(given, Sequence) and not isinstance(given, str)
    return given if several or is_array(given) else [given]


def own_inputs(spec: Spec, vars: Mapping[str, Any] | None = None, training: bool = False) -> dict[str, Shape]:
    """The shapes of the inputs that a spec itself asks for, by name.

    >>> from cnncalc.zoo import load
    >>> own_inputs(load("alexnet"))
    {'input': (3, 227, 227)}
    """
    return input_shapes(spec, {**_spec_variables(spec, vars or {}, training), "training": training})


def _spec_variables(spec: Spec, given: Mapping[str, Any], training: bool) -> dict[str, Any]:
    """The spec's variables, those given from outside in place of its own, in order."""
    for name in given:
        if name not in spec.variables:
            known = list(spec.variables)
            hint = did_you_mean(name, known) or (
                f"its variables are {', '.join(known)}" if known else "it has no variables"
            )
            raise RequestError(f"{spec.name} has no variable '{name[:80]}'", hint=hint, code="unknown-variable")
    values: dict[str, Any] = {}
    scope = {"training": training}
    work = 0
    for variable in spec.variables.values():
        work += work_of(variable.value)
        if work > MAX_VARIABLES_WORK:
            raise SpecError("the variables hold too many values", variable.place, code="too-many-values")
        if variable.name in given:
            values[variable.name] = evaluate(given_value(given[variable.name], variable.name), {**scope, **values})
        elif variable.required:
            raise SpecError(
                f"the variable '{variable.name}' has no value",
                variable.place,
                hint=f"give one: --set {variable.name}=VALUE",
                code="missing-value",
            )
        else:
            values[variable.name] = evaluate(variable.value, {**scope, **values})
    return values


def input_shapes(spec: Spec, variables: Mapping[str, Any]) -> dict[str, Shape]:
    """The shapes of the spec's own inputs, by name, for the values of its variables, `training` among them.

    Raises:
        SpecError: it has none, or an unfit one.
    """
    if not spec.inputs:
        raise SpecError("the spec has no 'input'", spec.place, hint="such as input: [3, 224, 224]", code="missing-key")
    return {name: _input_shape(option, variables) for name, option in spec.inputs.items()}


def _input_shape(option: Option, variables: Mapping[str, Any]) -> Shape:
    """An input's shape."""
    sizes = []
    for size in evaluate(option.value, variables):
        number = _as_integer(size)
        if number is None or not 1 <= number <= MAX_SIZE:
            found = shorten(str(size), 40)
            message = f"the sizes of 'input' are whole numbers from 1 to 10^9, not {found}"
            raise SpecError(message, option.place, code="unfit-input")
        sizes.append(number)
    return tuple(sizes)


def _as_integer(value: Any) -> int | None:
    """A whole number, also from a whole-valued decimal; None for anything else."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


class _Here:
    """Where items are expanded: the scope of their names, and the variables that hold."""

    __slots__ = ("scope", "variables")

    def __init__(self, scope: Scope, variables: dict[str, Any]) -> None:
        self.scope = scope
        self.variables = variables


class _Sharing:
    """An item that shares the weights of earlier layers: those from `next` to `end` are still to be met."""

    __slots__ = ("end", "name", "next", "option")

    def __init__(self, option: Option, name: str, layers: range) -> None:
        self.option = option
        self.name = name
        self.next = layers.start
        self.end = layers.stop


class _Expander:
    """The walk. `names` knows what every full name stands for: a layer, or the end of a group or block."""

    def __init__(self, spec: Spec, variables: Mapping[str, Any], training: bool, max_layers: int) -> None:
        self.spec = spec
        self.variables = {**variables, "training": training}
        self.builder = Builder(spec.name, spec.title, spec.notes, training)
        self.max_layers = max_layers
        self.layers = 0
        self.work = 0
        self.items_seen = 0
        self.nesting = 0
        self.names = Names(spec, self.spend)
        self.heads: dict[str, Node] = {}
        self.sharing: list[_Sharing] = []
        self.least = Least(spec.blocks)
        self.expand_by: dict[type[Item], Callable[[Any, Node, _Here, str | None], Node]] = {
            LayerItem: self.layer,
            BlockItem: self.block,
            GroupItem: self.group,
            HeadItem: self.head,
            MergeItem: self.merge,
        }

    def expand(self, shapes: Mapping[str, Shape]) -> Graph:
        """The graph for the shapes of its inputs; the trunk starts at the first."""
        inputs = []
        for name, shape in shapes.items():
            inputs.append(self.builder.input(*shape, name=name))
            self.names.add(name, inputs[-1])
        end = self.items(self.spec.layers or [], inputs[0], _Here(self.builder.root, dict(self.variables)))
        if self.spec.outputs is None:
            return self.builder.graph({"output": end, **self.heads})
        return self.builder.graph(self.outputs(self.spec.outputs))

    def outputs(self, wanted: Sequence[OutputName]) -> dict[str, Node]:
        """The outputs that the spec names, in its order."""
        found: dict[str, Node] = {}
        for output in wanted:
            for name, node in self.names.every(output.layer, self.builder.root, {}):
                if (output.name or name) in found:
                    place = output.layer.place
                    message = f"the output '{shorten(output.name or name)}' is given twice"
                    raise SpecError(message, place, hint="leave one of them out", code="given-twice")
                found[output.name or name] = node
        return found

    def items(self, items: list[Item], tensor: Node, here: _Here) -> Node:
        """Expand a list of items on a tensor; the tensor at its end."""
        self.nesting += 1  # which bounds the recursion: every way down leads through here
        for item in items:
            if self.nesting > MAX_NESTING:
                raise SpecError(
                    f"groups and blocks are more than {MAX_NESTING} deep in each other", item.place, code="too-deep"
                )
            tensor = self.item(item, tensor, here)
        self.nesting -= 1
        return tensor

    def item(self, item: Item, tensor: Node, here: _Here) -> Node:
        """Expand an item if its condition holds."""
        return self.repeated(item, tensor, here) if self.present(item, tensor, here) else tensor

    def present(self, item: Item, tensor: Node, here: _Here) -> bool:
        """Whether an item's condition, if any, holds."""
        self.look(item)
        return item.when is None or self.condition(item.when, tensor, here)

    def repeated(self, item: Item, tensor: Node, here: _Here) -> Node:
        """Expand an item as often as it is repeated."""
        if item.start is not None:
            tensor = self.names.find(item.start, here.scope, here.variables)
        if item.repeat is None:
            return self.once(item, tensor, here, item.name)
        times = self.times(item, item.repeat, tensor, here)
        numbered = item.numbers is not None
        inside = here if item.name is None or numbered else self.inside(item, here, item.name)
        stem, number = item.numbers or ("", 1)
        first = len(self.builder.nodes)
        variables = here.variables
        outer = variables.get("index")
        for index in range(times):
            self.look(item)
            variables["index"] = index
            tensor = self.once(item, tensor, inside, None if item.name is None else f"{stem}{number + index}")
        variables.pop("index", None)
        if outer is not None:
            variables["index"] = outer
        if item.name is not None and not numbered:
            self.bind(item, inside.scope.path, tensor, first)
            self.names.repeated.add(inside.scope.path)
        return tensor

    def once(self, item: Item, tensor: Node, here: _Here, name: str | None) -> Node:
        """Expand an item under a name; a repeated one once."""
        if name is not None and "." in name:
            scopes, _, name = name.rpartition(".")
            here = self.inside(item, here, scopes)
        if item.share is None:
            return self.expand_by[type(item)](item, tensor, here, name)
        return self.shared(item, item.share, tensor, here, name)

    def shared(self, item: Item, option: Option, tensor: Node, here: _Here, name: str | None) -> Node:
        """Expand an item whose layers have the weights of earlier ones, in order."""
        number = here.variables["index"] + 1 if item.repeat is not None else None
        target, layers = self.names.layers_of(option, here.scope, here.variables, number)
        sharing = _Sharing(option, target, layers)
        self.sharing.append(sharing)
        end = self.expand_by[type(item)](item, tensor, here, name)
        self.sharing.pop()
        if sharing.next < sharing.end:
            raise self.unshared(sharing, f"it has {len(layers):,}, and this item {sharing.next - layers.start:,}")
        return end

    def unshared(self, sharing: _Sharing, label: str) -> SpecError:
        """The error of an item that has other layers than those that it shares with."""
        return SpecError(
            f"'{shorten(sharing.name)}' has other layers",
            sharing.option.place,
            label=label,
            hint="what shares weights is the same layers with the same options, on as many channels",
            code="unfit-share",
        )

    def partner(self, op: Op) -> Node | None:
        """The earlier layer whose weights the next layer has; None if it shares none. Of items in each other each has
        to agree: the innermost is asked for the weights, and they are the same."""
        partner: Node | None = None
        for sharing in self.sharing:
            if sharing.next >= sharing.end:
                raise self.unshared(sharing, f"it has fewer: no {op.kind} after its last")
            found = self.builder.nodes[sharing.next]
            if partner is not None and (partner.shares or partner) is not (found.shares or found):
                label = f"the item around shares with {shorten(partner.name)}"
                raise self.unshared(sharing, label)
            partner = found
            sharing.next += 1
        self.spend(len(self.sharing), self.sharing[-1].option.place)
        return partner

    def spend(self, work: int, place: Place) -> None:
        """Bound the work: that of long lists of values, for layers are bounded."""
        self.work += work
        if self.work > WORK + WORK_PER_LAYER * self.max_layers:
            raise SpecError("the spec expands to too many items", place, code="too-much-work")

    def look(self, item: Item) -> None:
        """Bound the items that are looked at by the layers that they make."""
        self.items_seen += 1
        if self.items_seen > ITEMS + ITEMS_PER_LAYER * self.layers:
            raise SpecError("the spec expands to too many items that make no layer", item.place, code="too-much-work")

    def inside(self, item: Item, here: _Here, name: str) -> _Here:
        """Inside the scope that a name opens, or the scopes of one with dots."""
        scope = here.scope
        for part in name.split("."):
            scope = Scope(part, scope)
        self.check_length(item, scope.path)
        return _Here(scope, here.variables)

    def check_length(self, item: Item, name: str) -> None:
        """Bound a name with the scopes around it. A million layers with names without end would fill the memory."""
        if len(name) > MAX_NAME:
            raise SpecError(
                f"a name with the names around it is longer than {MAX_NAME} characters",
                item.name_place or item.place,
                code="name-too-long",
            )

    def condition(self, option: Option, tensor: Node, here: _Here) -> bool:
        value = self.value(option, tensor, here)
        if not isinstance(value, (bool, int, float)):
            raise SpecError(
                "'when' is a condition", option.place, label="this is not true or false", code="unfit-condition"
            )
        return bool(value)

    def times(self, item: Item, option: Option, tensor: Node, here: _Here) -> int:
        """How often an item is repeated."""
        value = self.value(option, tensor, here)
        number = _as_integer(value)
        if number is None or number < 0:
            raise SpecError(
                "'repeat' is a whole number from 0", option.place, label=f"got {str(value)[:40]}", code="unfit-repeat"
            )
        if number and max(number, self.layers + number * self.least.once(item)) > self.max_layers:
            raise SpecError(
                f"the network would have more than {self.max_layers:,} layers", option.place, code="too-many-layers"
            )
        return number

    def value(self, option: Option, tensor: Node, here: _Here) -> Any:
        """An option's value where it stands."""
        if isinstance(option.value, (Expression, tuple)):
            self.look_at(tensor, here.variables)
            return self.evaluate(option, here.variables)
        return option.value

    def look_at(self, tensor: Node, variables: dict[str, Any]) -> None:
        """Set the variables that speak of the current tensor."""
        variables["channels"], *sizes = tensor.output
        variables["sizes"] = tuple(sizes)

    def evaluate(self, given: Option | Variable, variables: Mapping[str, Any]) -> Any:
        """A value worked out. That counts as work, for it may be done for every layer; so does a long list that
        a variable stands for, for it may be copied."""
        self.spend(work_of(given.value), given.place)
        value = evaluate(given.value, variables)
        if isinstance(value, tuple):
            self.spend(work_of(value), given.place)
        return value

    def bind(self, item: Item, name: str, tensor: Node, first: int = 0) -> None:
        """Let a full name stand for a tensor, and for the layers from the first on; names are distinct."""
        if name in self.names:
            raise SpecError(
                f"the name '{name}' is given twice",
                item.name_place or item.place,
                hint="each name stands once in its scope: give another, or a name to the block or group around it",
                code="name-taken",
            )
        self.names.add(name, tensor, range(first, len(self.builder.nodes)))

    def layer(self, item: LayerItem, tensor: Node, here: _Here, name: str | None) -> Node:
        return self.place(item, self.op(item, tensor, here), (tensor,), here, name)

    def op(self, item: LayerItem, tensor: Node, here: _Here) -> Op:
        """The op of an item, its options worked out where it stands."""
        if item.ready is not None:
            return item.ready
        return make_op(item, {key: self.value(option, tensor, here) for key, option in item.options.items()})

    def place(self, item: Item, op: Op, inputs: tuple[Node, ...], here: _Here, name: str | None) -> Node:
        """Add a layer to the graph; its node. An op that does not fit is an error at the option to blame."""
        if self.layers >= self.max_layers:
            raise SpecError(f"the network has more than {self.max_layers:,} layers", item.place, code="too-many-layers")
        if name is None:
            full = self.builder.automatic_name(op.kind, here.scope, partial(self.reserved, item))
        else:
            full = join(here.scope, name)
        self.check_length(item, full)
        if full in self.names:
            self.bind(item, full, inputs[0])
        shares = self.partner(op) if self.sharing else None
        try:
            node = self.builder.place(op, inputs, full, here.scope, item.place, shares)
        except OpError as error:
            if error.code == "unfit-share":
                raise self.unshared(self.sharing[-1], f"{error.message}: {error.label}") from None
            raise placed(error, item) from None
        self.names.add(full, node)
        self.layers += 1
        return node

    def reserved(self, item: Item, name: str) -> bool:
        """Whether the spec gives a name somewhere, so that no automatic name may be it."""
        if name not in self.spec.names and not self.numbered(name):
            return False
        self.look(item)
        return True

    def numbered(self, name: str) -> bool:
        """Whether the spec numbers repetitions so that a name may be one of them."""
        if not self.spec.numbered:
            return False
        stem = name.rstrip("0123456789")
        return name != stem and int(name[len(stem) :]) in self.spec.numbered.get(stem, ())

    def block(self, item: BlockItem, tensor: Node, here: _Here, name: str | None) -> Node:
        """A block's items, with its arguments worked out where it is called."""
        block = self.spec.blocks[item.block]
        variables = dict(self.variables)
        arguments, layers = self.arguments(item, tensor, here)
        self.look_at(tensor, variables)
        if layers:
            variables[LAYERS] = layers
        for variable in block.variables.values():
            if variable.name in layers:
                variables.pop(variable.name, None)
            else:
                variables[variable.name] = (
                    arguments[variable.name] if variable.name in arguments else self.evaluate(variable, variables)
                )
        inside = here if name is None else self.inside(item, here, name)
        first = len(self.builder.nodes)
        try:
            end = self.items(block.items, tensor, _Here(inside.scope, variables))
        except SpecError as error:
            if len(error.notes) < MAX_CALLS_SHOWN:
                error.notes.append(f"in block '{item.block}', called at {item.place}")
            raise
        if name is not None:
            self.bind(item, inside.scope.path, end, first)
        return end

    def arguments(self, item: BlockItem, tensor: Node, here: _Here) -> tuple[dict[str, Any], dict[str, str]]:
        """The values that a block is called with, and the full names of layers that it is."""
        values: dict[str, Any] = {}
        layers: dict[str, str] = {}
        for key, option in item.arguments.items():
            word = option.value
            if not isinstance(word, Word):
                values[key] = self.value(option, tensor, here)
                continue
            self.look_at(tensor, here.variables)
            if word.expression is not None and word.name in here.variables:
                self.spend(1, option.place)
                values[key] = value = here.variables[word.name]
                if isinstance(value, tuple):
                    self.spend(work_of(value), option.place)
                continue
            layer = self.names.named(word.name, here.scope, here.variables)
            if layer is not None:
                layers[key] = layer
            elif word.expression is not None and word.name not in self.spec.names:
                raise self.names.neither(word, here.variables)
            else:
                self.names.find(Option(word.name, option.place), here.scope, here.variables)
        return values, layers

    def group(self, item: GroupItem, tensor: Node, here: _Here, name: str | None) -> Node:
        """A group's items; a name opens a scope."""
        if name is None:
            return self.items(item.items, tensor, here)
        inside = self.inside(item, here, name)
        first = len(self.builder.nodes)
        end = self.items(item.items, tensor, inside)
        self.bind(item, inside.scope.path, end, first)
        return end

    def head(self, item: HeadItem, tensor: Node, here: _Here, name: str | None) -> Node:
        """A head's items; the trunk goes on from before it."""
        assert name is not None
        end = self.group(item, tensor, here, name)
        full = join(here.scope, name)
        if full == "output":
            raise SpecError(
                "'output' is the trunk's own output; call the head otherwise", item.place, code="name-taken"
            )
        self.heads[full] = end
        return tensor

    def merge(self, item: MergeItem, tensor: Node, here: _Here, name: str | None) -> Node:
        """The branches, then the layer in which they meet. An absent branch is left out; it is no identity."""
        ends: list[Node] = []
        present = [branch for branch in item.branches if self.present(branch, tensor, here)]
        if not present:
            raise SpecError(f"'{item.kind.kind}' has no branch whose condition holds", item.place, code="no-branch")
        for branch in present:
            if branch.start is not None and "*" in branch.start.value:
                ends += self.gathered(branch, branch.start, here)
            else:
                ends.append(self.repeated(branch, tensor, here))
        return self.place(item, self.op(item, tensor, here), tuple(ends), here, name)

    def gathered(self, branch: GroupItem, start: Option, here: _Here) -> list[Node]:
        """The ends of a branch that stands for many, one for each name that its `from` matches."""
        found = self.names.every(start, here.scope, here.variables)
        if branch.repeat is None and branch.share is None and not branch.items and branch.name is None:
            return [node for _, node in found]
        inside = here if branch.name is None else self.inside(branch, here, branch.name)
        ends = []
        for number, (_, node) in enumerate(found, start=1):
            one = replace(branch, start=None, name=None if branch.name is None else str(number))
            ends.append(self.repeated(one, node, inside))
        return ends
