"""A spec's nodes -> a `Spec`: every key checked, every kind and block found, every literal option typed.

What can be known to be wrong without an input is said here; the rest is `cnncalc.language.expand`'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from functools import cache, partial
from typing import Any, TypeVar

from cnncalc.errors import Place, Source, SpecError, did_you_mean, shorten
from cnncalc.graph import MAX_DIMENSIONS
from cnncalc.language.expressions import CONSTANTS, parse_expression
from cnncalc.language.model import (
    Block,
    BlockItem,
    GroupItem,
    HeadItem,
    Item,
    LayerItem,
    MergeItem,
    Option,
    OutputName,
    Published,
    Spec,
    Value,
    Values,
    Variable,
    Word,
    has_expression,
)
from cnncalc.language.nodes import Mapping, Node, Scalar, Sequence, check_keys, parse, parse_mapping
from cnncalc.language.typed import make_op
from cnncalc.ops import KINDS, Op

SPEC_KEYS = (
    "title",
    "source",
    "family",
    "year",
    "notes",
    "extends",
    "input",
    "inputs",
    "vars",
    "blocks",
    "layers",
    "outputs",
    "published",
)
SPEC_MARKS = ("input", "layers", "extends", "vars", "blocks")
"""The keys by which a spec is known."""
ITEM_KEYS = ("name", "repeat", "when", "from", "share")
PUBLISHED_VALUES = ("params", "macs", "flops", "buffers", "activations", "top1", "top5")
PUBLISHED_KEYS = (*PUBLISHED_VALUES, "source", "training", "input", "vars")
RESERVED = ("channels", "sizes", "index", "training", "true", "false")
MAX_EXTENDS = 8
MAX_VARIABLES = 100
MAX_INPUTS = 100
MAX_NAME = 200
"""Characters of a name with the names around it."""

# What other tools call the kinds, in small letters without underscores and dimensions.
_OTHER_NAMES = {
    "fc": "linear",
    "dense": "linear",
    "fullyconnected": "linear",
    "affine": "linear",
    "convolution": "conv",
    "deconv": "conv_transpose",
    "convtranspose": "conv_transpose",
    "transposedconv": "conv_transpose",
    "depthwiseconv": "depthwise",
    "dwconv": "depthwise",
    "separableconv": "separable",
    "sepconv": "separable",
    "dwsepconv": "separable",
    "dsconv": "separable",
    "depthwiseseparable": "separable",
    "depthwiseseparableconv": "separable",
    "pool": "maxpool",
    "maxpooling": "maxpool",
    "averagepool": "avgpool",
    "averagepooling": "avgpool",
    "avgpooling": "avgpool",
    "gap": "global_avgpool",
    "globalpool": "global_avgpool",
    "globalaveragepool": "global_avgpool",
    "globalaveragepooling": "global_avgpool",
    "globalmaxpooling": "global_maxpool",
    "bn": "batchnorm",
    "batchnormalization": "batchnorm",
    "batchnormalisation": "batchnorm",
    "ln": "layernorm",
    "localresponsenorm": "lrn",
    "swish": "silu",
    "lrelu": "leaky_relu",
    "hsigmoid": "hardsigmoid",
    "hswish": "hardswish",
    "concatenate": "concat",
    "cat": "concat",
    "residual": "add",
    "sum": "add",
    "mul": "multiply",
    "resize": "upsample",
    "interpolate": "upsample",
    "zeropadding": "pad",
}
_ITEMS_OF_THEIR_OWN = {
    "activation": "relu",
    "act": "relu",
    "nonlinearity": "relu",
    "norm": "batchnorm",
    "normalization": "batchnorm",
    "normalisation": "batchnorm",
    "batchnorm": "batchnorm",
    "bn": "batchnorm",
}
"""What other libraries give a layer as an option."""

# What other tools call the options, and what they may be called here: the first that the kind has.
_OTHER_OPTIONS = {
    "kernelsize": ("kernel",),
    "ksize": ("kernel",),
    "poolsize": ("kernel",),
    "windowsize": ("kernel",),
    "filtersize": ("kernel",),
    "size": ("kernel",),
    "k": ("kernel",),
    "strides": ("stride",),
    "s": ("stride",),
    "pad": ("padding",),
    "pads": ("padding",),
    "p": ("padding",),
    "dilationrate": ("dilation",),
    "dilations": ("dilation",),
    "group": ("groups",),
    "filters": ("out_channels",),
    "channels": ("out_channels",),
    "units": ("out_features",),
    "usebias": ("bias",),
    "scale": ("factor",),
    "scalefactor": ("factor",),
    "interpolation": ("mode",),
    "outputsize": ("output", "size"),
    "ceilmode": ("ceil",),
    "rate": ("p", "dilation"),
    "negativeslope": ("slope",),
    "epsilon": ("eps",),
}
# What every kind finds out for itself.
_KNOWN_FROM_INPUT = ("inchannels", "infeatures", "numfeatures", "inputchannels", "inputshape")

_NO_VALUE = "a number, a list or an expression belongs here"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+\-]*")
_NUMBERED = re.compile(r"(?P<stem>(.*[^0-9])?)(?P<first>0|[1-9][0-9]{0,8})\.\.", re.DOTALL)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DOTTED = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)+")

Opener = Callable[[str, Place], Source]
"""Finds the source of an `extends` value; raises a SpecError at its place where there is none."""


def read_spec(source: Source, name: str, opener: Opener) -> Spec:
    """The spec of a YAML text, with the specs that it extends taken in.

    Raises:
        SpecError: at the first thing that is wrong.
    """
    documents = _chain(source, opener)
    top = documents[0]
    source = top.place.source
    spec = Spec(name=name, source_text=source, place=Place(source, 0, 0))
    names: set[str] = set()
    spec.extends = _text(top, "extends") or None
    published = top.get("published")  # what a source states of one network does not hold for what extends it
    if published is not None:
        spec.published = [_published(node, names) for node in _sequence(published, "published").items]
    blocks: dict[str, Node] = {}
    # From the oldest ancestor to the spec itself, so that the nearer one overrides.
    for document in reversed(documents):
        _metadata(spec, document, names)
        spec.variables.update(_variables(document.get("vars"), "vars", names))
        block_nodes = document.get("blocks")
        if block_nodes is not None:
            blocks.update(
                (key.value, _mapping(value, f"block '{key.value}'"))
                for key, value in _mapping(block_nodes, "blocks").entries
            )
            for key, _ in _mapping(block_nodes, "blocks").entries:
                _check_block_name(key)
    reader = _Items(blocks, names)
    names.update(spec.inputs)
    for block_name, node in blocks.items():
        reader.blocks[block_name] = _block_header(block_name, node, names)
    reader.variables = {*spec.variables, *RESERVED}.union(*(block.variables for block in reader.blocks.values()))
    for block_name, node in blocks.items():
        reader.blocks[block_name].items = reader.items(_required(node, "layers", f"block '{block_name}'"))
    spec.blocks = reader.blocks
    _check_cycles(spec.blocks)
    for document in documents:  # nearest first
        layers = document.get("layers")
        if layers is not None:
            spec.layers = reader.items(layers)
            break
    for document in documents:
        outputs = document.get("outputs")
        if outputs is not None:
            spec.outputs = reader.outputs(outputs)
            break
    spec.gathers = reader.gathers
    spec.names = frozenset(reader.names)
    spec.numbered = reader.numbered
    return spec


def read_value(text: str, name: str) -> Value:
    """A variable's value that stands in no spec, such as one given on the command line; `name` is what error
    messages call the text.

    Raises:
        SpecError: it is not what `vars` in a spec may hold.

    >>> read_value("[1, 2.5, true]", "--set widths")
    (1, 2.5, True)
    """
    node = parse(Source(name, text))
    if isinstance(node, Scalar) and node.value is None:
        raise SpecError(
            "a variable's value is a number, a list or an expression",
            node.place,
            label="this is nothing",
            code="wrong-type",
        )
    return _value(node)


def no_layers(spec: Spec) -> SpecError:
    """The error of a spec without layers where a network is wanted. Families have none."""
    if spec.extends:
        hint = f"{spec.extends} has none either: list them here"
    elif spec.blocks and spec.source_text.name.startswith("specs/families/"):
        hint = "a family has none: its members, which extend it, do"
    else:
        hint = "list them: layers: [{conv: 64, kernel: 3}, relu], or one a line with a dash before each"
    return SpecError("the spec has no 'layers'", spec.place, hint=hint, code="missing-key")


def _chain(source: Source, opener: Opener) -> list[Mapping]:
    """The document and those that it extends, nearest first."""
    documents: list[Mapping] = []
    seen: list[str] = []
    while True:
        root = parse_mapping(source, "a spec", SPEC_KEYS, SPEC_MARKS)
        check_keys(root, SPEC_KEYS, "a spec")
        documents.append(root)
        seen.append(source.name)
        node = root.get("extends")
        if node is None:
            return documents
        target = _string(node, "extends")
        source = opener(target, node.place)
        if source.name in seen:
            circle = " -> ".join([*seen, source.name])
            raise SpecError("the specs extend each other in a circle", node.place, label=circle, code="extends")
        if len(seen) > MAX_EXTENDS:
            raise SpecError(f"specs extend each other more than {MAX_EXTENDS} deep", node.place, code="extends")


def _metadata(spec: Spec, document: Mapping, names: Collection[str]) -> None:
    """Take a document's descriptive keys over what the spec has so far."""
    for key in ("title", "source", "family", "notes"):
        if document.get(key) is not None:
            setattr(spec, key, _text(document, key))
    year = document.get("year")
    if year is not None:
        spec.year = _integer(year, "year")
    size, several = document.get("input"), document.get("inputs")
    if size is not None and several is not None:
        hint = "with several, each has its name under 'inputs'"
        raise SpecError("a spec has 'input' or 'inputs', not both", several.place, hint=hint, code="unfit-input")
    if size is not None:
        spec.inputs = {"input": Option(_input_value(size, names), size.place)}
    if several is not None:
        spec.inputs = _inputs(several, names)


def _inputs(node: Node, names: Collection[str]) -> dict[str, Option]:
    """Several inputs by name."""
    hint = "such as inputs: {left: [3, 105, 105], right: [3, 105, 105]}"
    if not isinstance(node, Mapping) or not node.entries:
        raise SpecError(
            "'inputs' holds each input's shape by its name",
            node.place,
            label=f"this is {_what(node)}",
            hint=hint,
            code="wrong-type",
        )
    if len(node.entries) > MAX_INPUTS:
        raise SpecError(f"a spec has at most {MAX_INPUTS} inputs", node.place, code="unfit-input")
    return {_name(key): Option(_input_value(value, names), value.place) for key, value in node.entries}


def _input_value(node: Node, names: Collection[str]) -> Value:
    items = _sequence(node, "input", "such as [3, 224, 224]").items
    if not 1 <= len(items) <= MAX_DIMENSIONS:
        hint = "such as [3, 224, 224]"
        raise SpecError(
            f"input has 1 to {MAX_DIMENSIONS} sizes, channels first", node.place, hint=hint, code="unfit-input"
        )
    for item in items:
        number = item.value if isinstance(item, Scalar) else None
        if isinstance(item, Sequence) or (isinstance(number, (int, float)) and not _is_size(number)):
            raise SpecError(
                f"the sizes of 'input' are whole numbers from 1 to 10^9, not {_what(item)}",
                item.place,
                hint="channels first, without the batch, such as [3, 224, 224]",
                code="unfit-input",
            )
    return _value(node, names=names)


def _is_size(number: float) -> bool:
    """Whether a number, which may be a whole decimal, can be an input's size."""
    return not isinstance(number, bool) and 1 <= number <= 10**9 and number == int(number)


def _published(node: Node, names: Collection[str]) -> Published:
    entry = _mapping(node, "an entry of published")
    check_keys(entry, PUBLISHED_KEYS, "an entry of published")
    if entry.get("source") is None:
        hint = "add 'source: ...'"
        raise SpecError("a published value names its source", entry.place, hint=hint, code="missing-key")
    values = {}
    for key in PUBLISHED_VALUES:
        value = entry.get(key)
        if value is not None:
            if (
                not isinstance(value, Scalar)
                or isinstance(value.value, bool)
                or not isinstance(value.value, (int, float))
            ):
                raise SpecError(
                    f"{key} must be a number", value.place, label=f"this is {_what(value)}", code="wrong-type"
                )
            values[key] = value.value
    training, size = entry.get("training"), entry.get("input")
    if training is not None and not (isinstance(training, Scalar) and isinstance(training.value, bool)):
        label = f"this is {_what(training)}"
        raise SpecError("'training' is true or false", training.place, label=label, code="wrong-type")
    variables = _variables(entry.get("vars"), "vars", names)
    return Published(
        values=values,
        source=_text(entry, "source"),
        training=training is not None and training.value,
        input=tuple(_integer(item, "input") for item in _sequence(size, "input").items) if size is not None else None,
        variables={name: variable.value for name, variable in variables.items()},
    )


def _variables(node: Node | None, what: str, names: Collection[str]) -> dict[str, Variable]:
    """The variables of a spec or a block, in order."""
    if node is None:
        return {}
    variables: dict[str, Variable] = {}
    for key, value in _mapping(node, what).entries:
        if len(variables) >= MAX_VARIABLES:
            hint = "a list holds many values in one variable: depths[0]"
            message = f"'{what}' holds more than {MAX_VARIABLES} variables"
            raise SpecError(message, key.place, hint=hint, code="too-many-variables")
        if not _VARIABLE.fullmatch(key.value) or key.value in RESERVED:
            raise SpecError(
                f"'{shorten(key.value)}' cannot name a variable",
                key.place,
                hint="letters, digits and _; not " + ", ".join(RESERVED),
                code="bad-name",
            )
        required = isinstance(value, Scalar) and value.value is None
        variables[key.value] = Variable(
            key.value, key.place, None if required else _value(value, names=names), required
        )
    return variables


def _check_block_name(key: Scalar) -> None:
    if key.value in KINDS or key.value in ("layers", "head", *ITEM_KEYS):
        raise _reserved(key.value, "block", key.place)
    if not _VARIABLE.fullmatch(key.value):
        hint = "letters, digits and _"
        raise SpecError(f"'{shorten(key.value)}' cannot name a block", key.place, hint=hint, code="bad-name")


def _reserved(word: str, what: str, place: Place) -> SpecError:
    message = f"'{word}' is a word of the language; call the {what} otherwise"
    return SpecError(message, place, hint=f"such as my_{word}", code="reserved-word")


def _block_header(name: str, node: Node, names: Collection[str]) -> Block:
    """A block without its items, which may call blocks that stand further down."""
    body = _mapping(node, f"block '{name}'")
    check_keys(body, ("vars", "layers"), f"block '{name}'")
    variables = _variables(body.get("vars"), "vars", names)
    for variable in variables.values():
        if variable.name in ITEM_KEYS:
            raise _reserved(variable.name, "variable", variable.place)
    return Block(name, body.place, variables)


def _check_cycles(blocks: dict[str, Block]) -> None:
    """No block may contain itself."""
    done: set[str] = set()
    for start in blocks:
        path: dict[str, None] = {}  # in order
        stack = [(start, iter(_called(blocks[start].items)))]
        while stack:
            name, callees = stack[-1]
            path[name] = None
            callee = next(callees, None)
            if callee is None:
                stack.pop()
                del path[name]
                done.add(name)
            elif callee.block in path:
                calls = list(path)
                raise SpecError(
                    f"block '{callee.block}' contains itself",
                    callee.place,
                    label=" -> ".join([*calls[calls.index(callee.block) :], callee.block]),
                    hint="a repetition is written 'repeat'; blocks have no recursion",
                    code="block-in-itself",
                )
            elif callee.block not in done:
                stack.append((callee.block, iter(_called(blocks[callee.block].items))))


def _called(items: Iterable[Item]) -> list[BlockItem]:
    """The block calls in a list of items, those in groups and branches included."""
    found = []
    for item in items:
        if isinstance(item, BlockItem):
            found.append(item)
        elif isinstance(item, GroupItem):
            found += _called(item.items)
        elif isinstance(item, MergeItem):
            found += _called(item.branches)
    return found


Layer = TypeVar("Layer", bound=LayerItem)


class _Items:
    """Reads items. `names` gathers every name given, so that automatic names can avoid them."""

    def __init__(self, block_nodes: dict[str, Any], names: set[str]) -> None:
        self.blocks: dict[str, Block] = {}
        self.heads = {*KINDS, *block_nodes, "layers", "head"}
        self.names = names
        self.variables: set[str] = set()  # every variable's name, wherever it holds
        self.gathers = False
        self.numbered: dict[str, range] = {}

    def items(self, node: Node) -> list[Item]:
        """A list of items."""
        if isinstance(node, Scalar) and node.value is None:
            raise SpecError("'layers' is empty", node.place, hint="use [] for no layers", code="wrong-type")
        return [self.item(item) for item in _sequence(node, "layers", "begin each item with a dash: - relu").items]

    def item(self, node: Node) -> Item:
        """One item: a bare word, or a mapping with one head."""
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return self.headed(node, None, Mapping(node.place, []))
        if isinstance(node, Mapping):
            head, argument = self.head(node)
            return self.headed(head, argument, node)
        raise SpecError(
            "an item is a word such as relu, or a mapping such as {conv: 64, kernel: 3}",
            node.place,
            label=f"this is {_what(node)}",
            code="wrong-type",
        )

    def head(self, node: Mapping) -> tuple[Scalar, Node]:
        """The key that says what the item is, and its value."""
        found = [(key, value) for key, value in node.entries if key.value in self.heads]
        if node.get("head") is not None:  # a head has its layers beside it
            found = [(key, value) for key, value in found if key.value != "layers"]
        if len(found) == 1:
            return found[0]
        if found:
            first, second = found[0][0], found[1][0]
            kind = KINDS.get(first.value)
            option = next((name for name in _OTHER_OPTIONS.get(second.value, ()) if kind and hasattr(kind, name)), None)
            raise SpecError(
                f"an item is one thing: '{first.value}' or '{second.value}'",
                second.place,
                hint=f"did you mean '{option}'?" if option else "make it two items",
                code="two-kinds",
            )
        unknown = [key for key, _ in node.entries if key.value not in ITEM_KEYS]
        if not unknown:
            hint = "such as {conv: 64, kernel: 3}"
            if node.get("from") is not None:
                hint += "; a branch that reads elsewhere is no list: {from: conv1}, or {from: conv1, layers: [relu]}"
            raise SpecError("this item has no kind", node.place, hint=hint, code="no-kind")
        raise self.unknown(unknown[0])

    def unknown(self, head: Scalar) -> SpecError:
        """The error of a head that is no word of the language."""
        word = head.value
        if ":" in word:
            hint: str | None = "YAML wants a space after the colon: {conv: 64, kernel: 3}"
        elif " - " in word:
            hint = "the dashes of one list stand in one column"
        elif " " in word:
            hint = "write the argument after a colon and the options in braces: {conv: 64, kernel: 3}"
        elif (kind := _OTHER_NAMES.get(re.sub(r"[_\-]|[123]d$", "", word.lower()))) in self.heads:
            hint = f"here it is called '{kind}'"
        elif kinds := [kind for kind, op in KINDS.items() if op.main and word in op.words.get(op.main, ())]:
            hint = f"write {{{kinds[0]}: {word}}}"
        else:
            hint = did_you_mean(word, self.heads) or "the kinds are " + ", ".join(sorted(KINDS))
        message = f"unknown kind or block '{shorten(head.value)}'"
        return SpecError(message, head.place, hint=hint, code="unknown-kind")

    def headed(self, head: Scalar, argument: Node | None, node: Mapping) -> Item:
        """The item with this head."""
        word = head.value
        if word not in self.heads:
            raise self.unknown(head)
        item: Item
        if word == "layers":
            self.check_options(node, head, ())
            item = GroupItem(head.place, items=self.items(argument or node))
        elif word == "head":
            item = self.head_item(head, argument, node)
        elif word in KINDS:
            kind = KINDS[word]
            item = self.layer(kind, head, argument, node) if kind.arity == 1 else self.merge(kind, head, argument, node)
        else:
            item = self.call(head, argument, node)
        self.common(item, node)
        return item

    def common(self, item: Item, node: Mapping) -> None:
        """The keys that every item takes."""
        name = node.get("name")
        if name is not None:
            self.named(item, name, node.get("repeat"))
        for key in ("repeat", "when"):
            value = node.get(key)
            if value is not None:
                setattr(item, key, Option(_value(value, names=self.names), value.place))
        start = node.get("from")
        if start is not None:
            item.start = Option(_string(start, "from"), start.place)
            self.gathers = self.gathers or "*" in item.start.value
        share = node.get("share")
        if share is not None:
            item.share = Option(_string(share, "share"), share.place)

    def named(self, item: Item, node: Node, repeat: Node | None) -> None:
        """Give an item its name. One with dots opens several scopes, and `conv1..` numbers what is repeated."""
        text = _scoped_text(node)
        item.name, item.name_place = text, node.place
        numbered = _NUMBERED.fullmatch(text)
        if numbered is None:
            self.names.update(_full_name(node, text).split("."))
            return
        stem, first = numbered["stem"], int(numbered["first"])
        if repeat is None:
            message = f"'{shorten(text)}' is a name for what is repeated"
            hint = f"add 'repeat': the repetitions are {shorten(stem)}{first}, {shorten(stem)}{first + 1} and so on"
            raise SpecError(message, node.place, hint=hint, code="bad-name")
        *scopes, local = stem.split(".")
        if scopes:
            self.names.update(_full_name(node, ".".join(scopes)).split("."))
        _full_name(node, f"{local}{first}")
        item.numbers = (stem, first)
        times = repeat.value if isinstance(repeat, Scalar) and type(repeat.value) is int else 0
        numbers = self.numbered.get(local, range(first, first))
        self.numbered[local] = range(min(first, numbers.start), max(first + times, numbers.stop))

    def check_options(self, node: Mapping, head: Scalar, allowed: Iterable[str]) -> None:
        """No key but the head, the allowed ones and those of every item."""
        known = [*allowed, *ITEM_KEYS]
        for key, _ in node.entries:
            if key.value != head.value and key.value not in known:
                hint = _mend_option(key.value, known) or f"'{head.value}' takes " + ", ".join(known)
                message = f"'{head.value}' has no option '{shorten(key.value)}'"
                raise SpecError(message, key.place, hint=hint, code="unknown-option")

    def head_item(self, head: Scalar, argument: Node | None, node: Mapping) -> HeadItem:
        self.check_options(node, head, ("layers",))
        if argument is None or node.get("name") is not None:
            hint = "such as {head: aux1, layers: [...]}"
            raise SpecError("a head has its name as value", head.place, hint=hint, code="head-name")
        name = _name(argument)
        self.names.add(name)
        return HeadItem(
            head.place,
            name=name,
            name_place=argument.place,
            items=self.items(_required(node, "layers", f"head '{name}'")),
        )

    def outputs(self, node: Node) -> list[OutputName]:
        """The names of a spec's outputs: a list, or a mapping of what each is called to its layer."""
        if isinstance(node, Mapping):
            pairs: list[tuple[str | None, Node]] = [
                (_full_name(key, str(key.value)), value) for key, value in node.entries
            ]
        else:
            hint = "such as outputs: [boxes, classes], or {boxes: head.conv4}"
            pairs = [(None, value) for value in _sequence(node, "outputs", hint).items]
        if not pairs:
            raise SpecError("a network has an output", node.place, hint="name a head or a layer", code="wrong-type")
        found = [OutputName(Option(_string(value, "outputs"), value.place), name) for name, value in pairs]
        self.gathers = self.gathers or any("*" in output.layer.value for output in found)
        return found

    def merge(self, kind: type[Op], head: Scalar, argument: Node | None, node: Mapping) -> MergeItem:
        if not isinstance(argument, Sequence) or not argument.items:
            hint = f"such as {head.value}: [[], [{{conv: 64, kernel: 1}}]], where [] is the identity"
            if isinstance(argument, Mapping):
                hint = f"such as {head.value}: [{{from: stack.*.skip}}], also of one branch"
            place = argument.place if argument is not None else head.place
            raise SpecError(f"'{head.value}' takes a list of branches", place, hint=hint, code="not-a-branch")
        options = self.options(kind.__struct_fields__, None, head, None, node, kind.words)
        branches = [self.branch(branch) for branch in argument.items]
        item = MergeItem(head.place, kind=kind, options=options, branches=branches)
        return self.made(item)

    def branch(self, node: Node) -> GroupItem:
        """A list of items, or {from: NAME, name: NAME, layers: [...]}."""
        if isinstance(node, Sequence):
            return GroupItem(node.place, items=[self.item(item) for item in node.items])
        if isinstance(node, Mapping):
            item = next((key for key, _ in node.entries if key.value in self.heads and key.value != "layers"), None)
            if item is not None:
                hint = "a branch is a list of items: write [{conv: 64, kernel: 1}], or a second dash before the item"
                raise SpecError(f"'{item.value}' is an item, and no branch", item.place, hint=hint, code="not-a-branch")
            check_keys(node, ("layers", *ITEM_KEYS), "a branch")
            layers = node.get("layers")
            branch = GroupItem(node.place, items=self.items(layers) if layers is not None else [])
            self.common(branch, node)
            return branch
        raise SpecError(
            "a branch is a list of items, or {from: NAME, layers: [...]}",
            node.place,
            label=f"this is {_what(node)}",
            hint="such as [relu], or {from: conv1}",
            code="not-a-branch",
        )

    def layer(self, kind: type[Op], head: Scalar, argument: Node | None, node: Mapping) -> LayerItem:
        options = self.options(kind.__struct_fields__, kind.main, head, argument, node, kind.words)
        return self.made(LayerItem(head.place, kind=kind, options=options))

    def made(self, item: Layer) -> Layer:
        """An item with its op, if no option waits for the network."""
        if not any(has_expression(option.value) for option in item.options.values()):
            item.ready = make_op(item, {key: option.value for key, option in item.options.items()})
        return item

    def call(self, head: Scalar, argument: Node | None, node: Mapping) -> BlockItem:
        block = self.blocks[head.value]
        main = next(iter(block.variables), None)
        arguments = self.options(block.variables, main, head, argument, node, {}, words_alone=True)
        for variable in block.variables.values():
            if variable.required and variable.name not in arguments:
                example = f"{{{head.value}: ...}}" if variable.name == main else f"{{..., {variable.name}: ...}}"
                raise SpecError(
                    f"block '{head.value}' needs its argument '{variable.name}'",
                    head.place,
                    hint=f"such as {example}",
                    code="missing-option",
                )
        return BlockItem(head.place, block=head.value, arguments=arguments)

    def options(
        self,
        known: Iterable[str],
        main: str | None,
        head: Scalar,
        argument: Node | None,
        node: Mapping,
        words: Any,
        words_alone: bool = False,
    ) -> dict[str, Option]:
        """The options that an item gives, its main argument among them. `words_alone` may be names of layers."""
        read = self.argument if words_alone else partial(self.option, words=words)
        known = list(known)
        self.check_options(node, head, known)
        options = {}
        given = argument is not None and not (isinstance(argument, Scalar) and argument.value is None)
        if isinstance(argument, Mapping):
            hint = "the options stand beside the argument: {conv: 64, kernel: 3}"
            raise SpecError(_NO_VALUE, argument.place, label="this is a mapping", hint=hint, code="wrong-type")
        if argument is not None and given:
            if main is None:
                raise SpecError(
                    f"'{head.value}' takes no argument",
                    argument.place,
                    hint=f"write '{head.value}', or name an option: {', '.join(known)}" if known else None,
                    code="unexpected-argument",
                )
            options[main] = read(head, main, argument)
        for key, value in node.entries:
            if key.value == head.value or key.value in ITEM_KEYS:
                continue
            if key.value in options:
                message = f"'{key.value}' is given twice: it is the argument of '{head.value}'"
                raise SpecError(message, key.place, hint="leave one of them out", code="given-twice")
            options[key.value] = read(head, key.value, value)
        return options

    def argument(self, head: Scalar, name: str, node: Node) -> Option:
        """The value that a block is given for a variable; a word alone may be the name of a layer."""
        word = node.value if isinstance(node, Scalar) and isinstance(node.value, str) else ""
        if _DOTTED.fullmatch(word):
            return Option(Word(word, node.place, None), node.place)
        value = _value(node, names=self.names)
        if _VARIABLE.fullmatch(word) and word not in CONSTANTS:
            value = Word(word, node.place, value)
        return Option(value, node.place)

    def option(self, head: Scalar, name: str, node: Node, words: Any) -> Option:
        """The value of an option; `words` are those that each option takes."""
        if head.value in KINDS and name in KINDS[head.value].texts:
            return Option(_string(node, name), node.place)
        takes = words.get(name, ())
        word = node.value if isinstance(node, Scalar) and head.value in KINDS and not takes else None
        if word is not None and word in _words_elsewhere(name) and word not in self.variables:
            hint = "give a number, or one per dimension"
            message = f"'{name}' of '{head.value}' does not take the word '{word}'"
            raise SpecError(message, node.place, hint=hint, code="unfit-value")
        return Option(_value(node, takes, self.names), node.place)


@cache
def _words_elsewhere(option: str) -> frozenset[str]:
    """The words that an option of this name takes of any kind: `padding` takes `same` of conv, but a number of
    conv_transpose."""
    return frozenset(word for kind in KINDS.values() for word in kind.words.get(option, ()))


def _mend_option(word: str, known: Collection[str]) -> str | None:
    """What is likely meant by an option that there is not."""
    if word.endswith((")", "]")):  # a piece of max(16, 2)
        return "inside { } an expression with a comma needs quotes; a list is written [3, 3]"
    plain = word.lower().replace("_", "").replace("-", "")
    if plain in _KNOWN_FROM_INPUT:
        return "leave it out: it is known from the input"
    if plain in _ITEMS_OF_THEIR_OWN:
        return f"it is an item of its own, after this one: - {_ITEMS_OF_THEIR_OWN[plain]}"
    for name in _OTHER_OPTIONS.get(plain, ()):
        if name in known:
            return f"did you mean '{name}'?"
    return did_you_mean(word, known, cutoff=0.75)


def _value(node: Node, words: Collection[str] = (), names: Collection[str] = ()) -> Value:
    """A value: numbers as they are, lists as `Values`, strings as expressions unless they are one of the words.
    `names` are those of layers, which are no values."""
    if isinstance(node, Sequence):
        return Values([_value(item, words, names) for item in node.items], node.place)
    if isinstance(node, Mapping):
        mend = "numbers in a list are written [3, 3]"
        raise SpecError(_NO_VALUE, node.place, label="this is a mapping", hint=mend, code="wrong-type")
    if isinstance(node.value, str) and node.value not in words:
        if words and _VARIABLE.fullmatch(node.value) and (hint := did_you_mean(node.value, words)):
            message = f"'{shorten(node.value)}' is not one of {', '.join(words)}"
            raise SpecError(message, node.place, hint=hint, code="unfit-value")
        if node.expression is None:
            node.expression = parse_expression(node.value, node.place, names)
        return node.expression
    return node.value


def _name(node: Node) -> str:
    text = str(node.value) if isinstance(node, Scalar) and node.value is not None else ""
    if not _NAME.fullmatch(text) or len(text) > 100:
        hint = "at most 100 of them; dots are the separators of scopes"
        raise SpecError("a name is letters, digits, _, + and -", node.place, hint=hint, code="bad-name")
    return text


def _full_name(node: Node, text: str) -> str:
    """A name that may have the scopes around it before it."""
    return ".".join(_name(Scalar(node.place, part)) for part in text.split("."))


def _scoped_text(node: Node) -> str:
    """The text of a name that may have dots; a number with a decimal point has lost what it was written like."""
    if isinstance(node, Scalar) and isinstance(node.value, float):
        hint = "put it in quotes, if it is meant: a name with dots opens a scope for each part"
        raise SpecError("this name is a decimal number", node.place, hint=hint, code="bad-name")
    text = str(node.value) if isinstance(node, Scalar) and node.value is not None else ""
    if len(text) > MAX_NAME:
        hint = "give the groups around it names of their own"
        raise SpecError(f"a name is longer than {MAX_NAME} characters", node.place, hint=hint, code="name-too-long")
    return text


def _string(node: Node, what: str) -> str:
    if isinstance(node, Scalar) and isinstance(node.value, (str, int)) and not isinstance(node.value, bool):
        return str(node.value)
    raise SpecError(f"'{what}' is a word", node.place, label=f"this is {_what(node)}", code="wrong-type")


def _text(document: Mapping, key: str) -> str:
    """A key's text, an empty one where there is none."""
    node = document.get(key)
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return ""
    if not isinstance(node, Scalar):
        raise SpecError(f"'{key}' is a text", node.place, label=f"this is {_what(node)}", code="wrong-type")
    return str(node.value).strip()


def _integer(node: Node, what: str) -> int:
    if isinstance(node, Scalar) and isinstance(node.value, int) and not isinstance(node.value, bool):
        return node.value
    raise SpecError(f"'{what}' is a whole number", node.place, label=f"this is {_what(node)}", code="wrong-type")


def _mapping(node: Node, what: str) -> Mapping:
    if not isinstance(node, Mapping):
        raise SpecError(f"{what} is a mapping", node.place, label=f"this is {_what(node)}", code="wrong-type")
    return node


def _sequence(node: Node, what: str, hint: str | None = None) -> Sequence:
    if not isinstance(node, Sequence):
        label = f"this is {_what(node)}"
        raise SpecError(f"'{what}' is a list", node.place, label=label, hint=hint, code="wrong-type")
    return node


def _required(node: Node, key: str, what: str) -> Node:
    value = _mapping(node, what).get(key)
    if value is None:
        hint = f"such as {key}: [relu]" if key == "layers" else None
        raise SpecError(f"{what} needs '{key}'", node.place, hint=hint, code="missing-key")
    return value


def _what(node: Node) -> str:
    """What a node is, for an error's label."""
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping"
    if node.value is None:
        return "nothing"
    return f"'{shorten(str(node.value))}'"
