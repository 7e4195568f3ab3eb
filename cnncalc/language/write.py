"""Network -> YAML: a spec that expands to the same network, node by node.

The graph becomes a tree of written items in three steps: scopes become named groups (`_Tree.scope`), the chains that
meet in a merge become its branches (`_Tree.merge`), and what the expander would do by itself is left out (automatic
names, `from` the layer before, defaults). `cnncalc.language.compress` then gathers what repeats into blocks and
repeats, and `cnncalc.language.text` prints the tree. What was written is read again and compared, so that a text that
is handed out always gives back the network.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cnncalc.errors import RequestError, Source, SpecError, shorten
from cnncalc.graph import Builder, Graph, Node, Scope, automatic_stem, join
from cnncalc.language.columns import walk
from cnncalc.language.compress import compress
from cnncalc.language.expand import expand
from cnncalc.language.reader import read_spec
from cnncalc.language.text import Document, Written, document, is_argument, option_defaults, same, takes_branches
from cnncalc.ops import KINDS, Op, Opaque
from cnncalc.ops.base import show

MOST_NESTED = 3
"""Merges inside branches of merges; what lies deeper is written one after the other, with `from`."""
MOST_FREE = 3
"""Layers in the branches of a merge whose branches start at different layers."""
_NAME_PASSES = 10

_LOCAL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+\-]{0,99}")


def to_yaml(graph: Graph) -> str:
    """The spec of a network: YAML that expands to the same nodes, with the same names, ops, inputs and shapes.

    Repeated structure is written as blocks with variables and as `repeat`. A network that is `training` is written
    with its auxiliary heads, and gives itself again when it is expanded with `training=True`.

    Raises:
        RequestError: the language cannot say the network: an op of no kind that it knows, names that are no names of
            the language.

    >>> from cnncalc.ops import Add, Conv, ReLU
    >>> builder = Builder()
    >>> x = builder.add(Conv(16, kernel=3, padding=1), builder.input(3, 32, 32), name="stem")
    >>> print(to_yaml(builder.graph(builder.add(Add(), builder.add(ReLU(), x), x))))
    input: [3, 32, 32]
    layers:
      - {conv: 16, kernel: 3, padding: 1, name: stem}
      - add: [[relu], []]
    <BLANKLINE>
    """
    plain = plain_document(graph)
    for written in (compress(plain), plain):
        text = document(written)
        try:
            difference = first_difference(graph, _read(text, graph))
        except SpecError as error:
            if written is plain:
                raise _unsayable(graph, f"as a spec, {error.message[0].lower()}{error.message[1:]}") from None
            continue
        if difference is None:
            return text
    raise _unsayable(graph, str(difference))


def plain_document(graph: Graph) -> Document:
    """The network as written items, with no blocks and nothing repeated.

    Raises:
        RequestError: the language cannot say the network.
    """
    _check(graph)
    items = _Tree(graph).root()
    inputs = {node.name: node.output for node in graph.inputs}
    plain = "output" in graph.outputs and not _elsewhere(graph)
    outputs = None if plain else {name: node.name for name, node in graph.outputs.items()}
    return Document(graph.title, graph.notes, inputs, {}, items, outputs)


def _elsewhere(graph: Graph) -> bool:
    """Whether an output has the name of what a head cannot be, so that the outputs are named one by one."""
    return any(
        name != "output" and not all(_LOCAL.fullmatch(part) for part in name.split(".")) for name in graph.outputs
    )


def first_difference(graph: Graph, other: Graph) -> str | None:
    """What of two networks is not the same, in words; None if all of their nodes are.

    >>> from cnncalc.zoo import load
    >>> graph = expand(load("alexnet"))
    >>> first_difference(graph, expand(load("alexnet"), input=224))
    'input is 3x224x224 and not 3x227x227'
    """
    if len(graph.nodes) != len(other.nodes):
        return f"there are {len(other.nodes):,} nodes and not {len(graph.nodes):,}"
    for node, twin in zip(graph.nodes, other.nodes, strict=True):
        if node.name != twin.name:
            return f"'{twin.name}' stands where '{node.name}' should"
        if node.op != twin.op or type(node.op) is not type(twin.op):
            if node.is_input:
                return f"{node.name} is {show(twin.output)} and not {show(node.output)}"
            return f"{node.name} is {twin.op} and not {node.op}"
        if [source.index for source in node.inputs] != [source.index for source in twin.inputs]:
            return f"{node.name} reads other layers"
        if (node.shares and node.shares.index) != (twin.shares and twin.shares.index):
            return f"{node.name} has the weights of other layers"
        if node.output != twin.output:
            return f"{node.name} is {show(twin.output)} and not {show(node.output)}"
    ends = {name: node.index for name, node in graph.outputs.items()}
    if ends != {name: node.index for name, node in other.outputs.items()}:
        return "the outputs are others"
    return None


def _read(text: str, graph: Graph) -> Graph:
    """The network that a text gives."""
    return expand(read_spec(Source("<written>", text), graph.name, _no_other), training=graph.training)


def _no_other(name: str, place: object) -> Source:
    raise AssertionError("a written spec extends nothing")


def _unsayable(graph: Graph, reason: str) -> RequestError:
    message = f"{shorten(graph.name)} cannot be written as a spec"
    return RequestError(message, hint=reason, code="not-in-language")


def _check(graph: Graph) -> None:
    """Refuse what the language has no words for."""
    if graph.nodes[: len(graph.inputs)] != graph.inputs:
        raise _unsayable(graph, "the inputs of a spec stand before its layers")
    for node in graph.layers:
        kind = KINDS.get(node.op.kind)
        if kind is not type(node.op):
            raise _unsayable(graph, f"'{shorten(node.name)}' is a {node.op.kind}, which is no kind of the language")
    for name in [node.name for node in graph.nodes]:
        if not all(_LOCAL.fullmatch(part) for part in name.split(".")):
            raise _unsayable(graph, f"'{shorten(name)}' is no name: those are letters, digits, _, + and -")


def given_options(op: Op) -> dict[str, object]:
    """The options of an op that are not left at their defaults.

    >>> from cnncalc.ops import Conv
    >>> given_options(Conv(64, kernel=3))
    {'out_channels': 64, 'kernel': 3}
    """
    values = op.named()
    if isinstance(op, Opaque) and None not in [value for name, value in values.items() if name != "others"]:
        values = {name: value or None for name, value in values.items()} | {"others": 0}
    return {
        name: values[name] for name, default in option_defaults(type(op)).items() if not same(values[name], default)
    }


@dataclass(slots=True)
class _Unit:
    """Items of one scope that are written as one: a layer, a group, or a merge with its branches.

    `entry` is the tensor that it wants to start from, `end` the one that it leaves; `first` and `last` are the
    indices of its nodes; `merges` is how deep merges lie in its branches; `leaks` whether others read a tensor inside.
    """

    item: Written
    entry: Node
    end: Node
    first: int
    last: int
    merges: int = 0
    leaks: bool = False


class _Tree:
    """Makes the tree of items. Names and `from` are settled at the end, when it is known what stands where."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.last_reader = list(range(len(graph.nodes)))
        for node in graph.nodes:
            for source in node.inputs:
                self.last_reader[source.index] = node.index
        self.paths = [node.name.split(".") for node in graph.nodes]
        self.split = split_scopes(graph.layers)
        named = "output" not in graph.outputs or _elsewhere(graph)  # by the layers' names, and not as heads
        self.heads = {} if named else {name: node for name, node in graph.outputs.items() if name != "output"}
        self.last = graph.nodes[-1] if named else graph.outputs["output"]
        self.shared: list[tuple[Written, Node]] = []
        self.written_heads: set[str] = set()
        self.starts: list[tuple[Written, Node]] = []

    def root(self) -> list[Written]:
        """The items of the network."""
        units = self.scope(0, list(self.graph.layers))
        items, end = self.line(units, self.graph.nodes[0])
        end = self.ended(items, end, "", [name for name in self.heads if name not in self.written_heads])
        self.steer(items, end, self.last)
        self.leave_out_names(items)
        _Names(self.graph, self.starts, self.shared).settle(items)
        return items

    def scope(self, depth: int, nodes: Sequence[Node]) -> list[_Unit]:
        """The units of the nodes in a scope of a depth."""
        units: list[_Unit] = []
        for inner, members in self.runs(depth, nodes):
            if inner is None:
                node = members[0]
                units.append(
                    self.merge(depth, node, units) if takes_branches(node.op.kind) else self.layer(depth, node)
                )
            else:
                units.append(self.group(depth, inner, members))
        return units

    def runs(self, depth: int, nodes: Sequence[Node]) -> Iterator[tuple[int | None, list[Node]]]:
        """The nodes by the scopes directly inside, with the depth in those; each layer of this scope itself alone.
        Scopes whose layers do not stand together are none: what is in them bears their names with a dot."""
        run: list[Node] = []
        inner: int | None = None
        for node in nodes:
            path = self.paths[node.index]
            until: int | None = depth + 1
            while until is not None and (until >= len(path) or ".".join(path[:until]) in self.split):
                until = until + 1 if until < len(path) else None
            if run and (until is None or until != inner or self.paths[run[0].index][:until] != path[:until]):
                yield inner, run
                run = []
            inner = until
            run.append(node)
            if until is None:
                yield None, run
                run = []
        if run:
            yield inner, run

    def name(self, depth: int, node: Node) -> str:
        """What a layer is called in a scope of a depth: with a dot if the scopes between are none."""
        return ".".join(self.paths[node.index][depth:])

    def layer(self, depth: int, node: Node) -> _Unit:
        item = Written(node.op.kind, given_options(node.op), name=self.name(depth, node), node=node)
        if node.shares is not None:
            self.shared.append((item, node.shares))
        return self.unit(item, node.inputs[0], node, node.index, node.index)

    def unit(self, item: Written, entry: Node, end: Node, first: int, last: int, merges: int = 0) -> _Unit:
        leaks = any(
            self.last_reader[node.index] > last for node in self.graph.nodes[first : last + 1] if node is not end
        )
        item.first = first
        return _Unit(item, entry, end, first, last, merges, leaks)

    def group(self, depth: int, inner: int, members: list[Node]) -> _Unit:
        """A scope as a group, or as a head if an output bears its name. `inner` is the depth in it."""
        parts = self.paths[members[0].index][:inner]
        name, path = ".".join(parts[depth:]), ".".join(parts)
        units = self.scope(inner, members)
        entry = self.entry(units[0].entry, members)
        items, end = self.line(units, entry)
        within = [head for head in self.heads if head.rpartition(".")[0] == path and head not in self.written_heads]
        end = self.ended(items, end, path, within)
        merges = max(max(unit.merges for unit in units) - 2, 0)  # a group with a name is read on its own
        head = self.heads.get(path)
        if head is None or "." in name:
            item = Written("layers", name=name, items=items)
            return self.unit(item, entry, end, members[0].index, members[-1].index, merges)
        self.written_heads.add(path)
        self.steer(items, end, head)
        item = Written("head", name=name, items=items)
        return self.unit(item, entry, entry, members[0].index, members[-1].index, merges)

    def entry(self, first: Node, members: Sequence[Node]) -> Node:
        """Where a group starts: where its first layer does. If that is a learnt tensor or a constant, which read
        nothing and formally stand on the input, the latest tensor that the group reads."""
        if not first.is_input:
            return first
        start = members[0].index
        return max((node for member in members for node in member.inputs if node.index < start), key=lambda n: n.index)

    def ended(self, items: list[Written], end: Node, path: str, heads: Sequence[str]) -> Node:
        """Add the heads that are layers of this scope, or end here; the tensor at the end."""
        for name in heads:
            if name.rpartition(".")[0] != path:
                continue
            self.written_heads.add(name)
            item = Written("head", name=name.rpartition(".")[2], items=[])
            end = self.started(item, end, self.heads[name])
            items.append(item)
        return end

    def steer(self, items: list[Written], end: Node, wanted: Node) -> None:
        """Let a list of items end in a tensor."""
        if end is not wanted:
            item = Written("layers")
            self.started(item, end, wanted)
            items.append(item)

    def started(self, item: Written, here: Node, entry: Node) -> Node:
        """Give an item its `from`, if it does not start from the tensor before it; where it starts."""
        item.entries = [entry.output]
        if entry is not here:
            self.starts.append((item, entry))
        return entry

    def line(self, units: Sequence[_Unit], here: Node) -> tuple[list[Written], Node]:
        """The items of units one after the other, and the tensor at their end."""
        for unit in units:
            self.started(unit.item, here, unit.entry)
            here = unit.end
        return [unit.item for unit in units], here

    def merge(self, depth: int, node: Node, units: list[_Unit]) -> _Unit:
        """A merge, with the chains of units that lead to it alone as its branches; they are taken off the list."""
        name = self.name(depth, node)
        apart = [(len(units), len(units))] * len(node.inputs)
        # In the scopes of a name with dots the branches would stand too; what moves elements is a step among others.
        bounds = apart if "." in name or isinstance(node.op, Opaque) else self.chains(node, units)
        start = min(a for a, _ in bounds)
        wanted = [units[a].entry if a < b else end for (a, b), end in zip(bounds, node.inputs, strict=True)]
        times = Counter(wanted)
        before = units[start - 1].end if start else None
        # Where most branches start; of several such the tensor before it, or the latest.
        entry = max(wanted, key=lambda tensor: (times[tensor], tensor is before, tensor.index))
        branches = []
        for (a, b), tensor in zip(bounds, wanted, strict=True):
            items, _ = self.line(units[a:b], tensor)
            branch = Written("layers", items=items, first=items[0].first if items else node.index)
            self.started(branch, entry, tensor)
            branches.append(branch)
        taken = units[start:]
        del units[start:]
        options = given_options(node.op)
        item = Written(node.op.kind, options, name=name, items=branches, node=node)
        if node.shares is not None:
            self.shared.append((item, node.shares))
        merges = 1 + max((unit.merges for unit in taken), default=0)
        return self.unit(item, entry, node, taken[0].first if taken else node.index, node.index, merges)

    def chains(self, node: Node, units: Sequence[_Unit]) -> list[tuple[int, int]]:
        """The units of each branch, from and to; none where the branch is another layer's tensor."""
        position = len(units)
        found: list[tuple[int, int]] = []
        for end in reversed(node.inputs):
            alone = len(self.graph.readers[end.index]) == 1
            start = self.chain_start(units, position, end) if alone else position
            found.append((start, position))
            position = start
        found.reverse()
        self.widen(node, found, units)
        position = min(a for a, _ in found)
        inside = [(a, b) for a, b in found if a < b]
        starts = Counter([units[a].entry for a, _ in inside] + list(node.inputs))
        forked = len(inside) == len(node.inputs) == 1 or any(starts[units[a].entry] > 1 for a, _ in inside)
        last = units[-1].item if units else None
        if len(inside) == 1 < len(node.inputs) - 1 and inside[0] == (len(units) - 1, len(units)) and last is not None:
            stem = _stem(last.name or "") if last.head == "layers" else ""
            siblings = sum(_stem(part) == stem for end in node.inputs for part in self.paths[end.index][:-1])
            if stem and siblings > 1:  # one of several, which are gathered
                return [(len(units), len(units))] * len(node.inputs)
        if not forked and len(units) - position > MOST_FREE:
            return [(len(units), len(units))] * len(node.inputs)
        return found

    def widen(self, node: Node, found: list[tuple[int, int]], units: Sequence[_Unit]) -> None:
        """Let the earliest branch begin where another does, if all that stands between leads to it alone: layers with
        layers beside them, such as parts of a tensor that are taken apart and put together again."""
        inside = [place for place, (a, b) in enumerate(found) if a < b]
        if not inside or len(found) < 2:
            return
        first = min(inside, key=lambda place: found[place])
        start, stop = found[first]
        others = {units[a].entry if a < b else end for (a, b), end in zip(found, node.inputs, strict=True)}
        for tensor in others - {units[start].entry}:
            wider = start
            while wider and units[wider - 1].first > tensor.index:
                wider -= 1
            if self.leads(units[wider:stop], tensor, node.inputs[first]):
                found[first] = (wider, stop)
                return

    def leads(self, units: Sequence[_Unit], entry: Node, end: Node) -> bool:
        """Whether units begin at a tensor and lead to another alone."""
        last = units[-1].last
        return (
            units[0].entry is entry
            and units[-1].end is end
            and all(unit.merges < MOST_NESTED for unit in units)
            and all(
                self.last_reader[node.index] <= last
                for node in self.graph.nodes[units[0].first : last + 1]
                if node is not end
            )
        )

    def chain_start(self, units: Sequence[_Unit], stop: int, end: Node) -> int:
        """Where the chain of units before `stop` begins that leads to a tensor, and to nothing else."""
        start = stop
        while start and self.fits(units[start - 1], end, units[stop - 1].last if start < stop else None):
            start -= 1
            end = units[start].entry
        return start

    def fits(self, unit: _Unit, end: Node, last: int | None) -> bool:
        """Whether a unit can be in a branch, before what starts from `end`: only the branch reads it, up to `last`."""
        inside = last is None or self.last_reader[end.index] <= last
        return unit.end is end and inside and not unit.leaks and unit.merges < MOST_NESTED

    def leave_out_names(self, items: list[Written]) -> None:
        """Leave out the names that expanding gives by itself. It gives none that stands anywhere in the spec, so that
        one name kept may change others: until nothing changes, or all are kept."""
        reserved = {part for node in self.graph.layers for part in self.paths[node.index][:-1]}
        reserved.update(part for name in self.heads for part in name.split("."))
        automatic = {kind: re.compile(re.escape(automatic_stem(kind)) + r"\d+") for kind in KINDS}
        for node in self.graph.layers:
            *scopes, local = self.paths[node.index]
            if not automatic[node.op.kind].fullmatch(local) or ".".join(scopes) in self.split:
                reserved.add(local)
        for _ in range(_NAME_PASSES):
            wrong = self.misnamed(reserved)
            if not wrong:
                break
            reserved |= wrong
        else:
            return
        for item in walk(items):
            if item.node is not None and self.paths[item.node.index][-1] not in reserved:
                item.name = None

    def misnamed(self, reserved: set[str]) -> set[str]:
        """The names that expanding would not give, were those left out that are not reserved."""
        namer = Builder()
        scopes = {"": namer.root}
        wrong = set()
        for node in self.graph.layers:
            scope = self.scope_of(node, scopes)
            local = self.paths[node.index][-1]
            given = local in reserved
            if not given and namer.automatic_name(node.op.kind, scope, reserved.__contains__) != join(scope, local):
                wrong.add(local)
            namer.names[node.name] = node
        return wrong

    def scope_of(self, node: Node, scopes: dict[str, Scope]) -> Scope:
        """The one scope of a node's path."""
        path = node.name.rpartition(".")[0]
        if path not in scopes:
            scope = scopes[""]
            for part in path.split("."):
                full = join(scope, part)
                scope = scopes.setdefault(full, Scope(part, scope))
        return scopes[path]


def split_scopes(layers: Sequence[Node]) -> set[str]:
    """The scopes whose layers do not stand together: others stand between them."""
    first: dict[str, int] = {}
    found: Counter[str] = Counter()
    split = set()
    for node in layers:
        parts = node.name.split(".")
        for depth in range(1, len(parts)):
            scope = ".".join(parts[:depth])
            start = first.setdefault(scope, node.index)
            if node.index - start != found[scope]:
                split.add(scope)
            found[scope] += 1
    return split


def _stem(name: str) -> str:
    """A name without the number at its end; empty if it has none.

    >>> _stem("block1.layer12"), _stem("block1.conv")
    ('block1.layer', '')
    """
    stem = name.rstrip("0123456789")
    return stem if stem != name else ""


def _shortest(word: str) -> tuple[int, int]:
    """How words are ordered, the best first."""
    return word.count("."), len(word)


class _Names:
    """Finds the shortest word for each `from`, as the expander looks it up: from the scope outwards."""

    def __init__(
        self, graph: Graph, starts: Sequence[tuple[Written, Node]], shared: Sequence[tuple[Written, Node]]
    ) -> None:
        self.graph = graph
        self.start = {id(item): node for item, node in starts}
        self.shared = {id(item): node for item, node in shared}
        self.tensors: dict[str, Node] = {node.name: node for node in graph.inputs}
        self.inside: dict[str, list[str]] = {}  # what has a name in a scope, in order
        self.stems = Counter(_stem(scope) for scope in {node.name.rpartition(".")[0] for node in graph.layers})
        self.called: dict[Node, list[str]] = {node: [node.name] for node in graph.inputs}

    def settle(self, items: Sequence[Written]) -> None:
        """Give each item its word."""
        self.items(items, "", self.graph.nodes[0])

    def items(self, items: Sequence[Written], scope: str, here: Node) -> Node:
        for item in items:
            here = self.item(item, scope, here)
        return here

    def item(self, item: Written, scope: str, here: Node) -> Node:
        """Name where an item starts, and take it into account; the tensor after it."""
        node = self.start.get(id(item))
        if node is not None:
            item.start, item.source = self.word(node, scope), node
            item.called = min(filter(is_argument, self.all_words(node, scope)), key=_shortest, default=None)
            here = node
        if id(item) in self.shared:
            item.share = self.word(self.shared[id(item)], scope, layer=True)
        if item.node is not None:
            inner = item.node.name.rpartition(".")[0]
            alone = item.items[0] if len(item.items) == 1 else None
            if (
                alone is not None
                and item.head == "concat"
                and not alone.items
                and self.stems[_stem(inner)] > 1
                and here.name in self.tensors
            ):
                self.start.setdefault(id(alone), here)  # one alone, where its siblings may have more
            for branch in item.items:
                self.item(branch, inner, here)
            self.gather(item, inner)
            self.bind(item.node.name, item.node)
            return item.node
        if item.name is None:
            return self.items(item.items, scope, here)
        inner = f"{scope}.{item.name}" if scope else item.name
        end = self.items(item.items, inner, here)
        self.bind(inner, end)
        return here if item.head == "head" else end

    def gather(self, item: Written, scope: str) -> None:
        """Write branches that are all earlier siblings with a number as one, such as `denselayer*`. A single one only
        in another such sibling, which like the next ones has those before it."""
        assert item.node is not None
        sources = item.node.inputs
        plain = not any(branch.items for branch in item.items)
        position = 0
        while position < len(item.items):
            for word, found in self.runs(sources[position], scope):
                run = item.items[position : position + len(found)]
                alone = len(found) == 1 and not (plain and _stem(scope) == _stem(self.called[found[0]][-1]))
                same = len(run) == len(found) and list(sources[position : position + len(found)]) == found
                if same and not alone and not any(branch.items or branch.name or branch.when for branch in run):
                    entries = [entry for branch in run for entry in branch.entries]
                    item.items[position : position + len(found)] = [Written("layers", start=word, entries=entries[:1])]
                    sources = (*sources[: position + 1], *sources[position + len(found) :])
                    break
            position += 1

    def runs(self, node: Node, scope: str) -> Iterator[tuple[str, list[Node]]]:
        """The words with a * that find a node and its numbered siblings from a scope, and what each finds."""
        for name in self.called.get(node, ()):
            parent, _, local = name.rpartition(".")
            stem = local.rstrip("0123456789")
            if not stem or stem == local or self.stems[_stem(name)] < 2 or (parent and not scope.startswith(parent)):
                continue
            around = scope
            while around != parent and not any(one.startswith(stem) for one in self.inside.get(around, ())):
                around = around.rpartition(".")[0]
            if around == parent:
                found = [one for one in self.inside.get(parent, ()) if one.startswith(stem)]
                yield f"{stem}*", [self.tensors[f"{parent}.{one}" if parent else one] for one in found]

    def bind(self, name: str, node: Node) -> None:
        parent, _, local = name.rpartition(".")
        self.inside.setdefault(parent, []).append(local)
        if name in self.tensors:
            raise _unsayable(self.graph, f"'{shorten(name)}' names two things, a layer and the layers in it")
        self.tensors[name] = node
        self.called.setdefault(node, []).append(name)

    def word(self, node: Node, scope: str, layer: bool = False) -> str:
        """The shortest word that finds a node from a scope; the layer itself, not a group that ends in it."""
        words = self.all_words(node, scope, layer) or [f".{node.name}"]  # others hide it: its full name
        return min(words, key=_shortest)

    def all_words(self, node: Node, scope: str, layer: bool = False) -> list[str]:
        """The words that find a node from a scope."""
        called = [node.name] if layer else self.called[node]
        return [word for name in called for word in self.words(name, scope)]

    def words(self, name: str, scope: str) -> Iterator[str]:
        """The words that find a full name from a scope, if any."""
        around = scope
        while True:
            if not around or name.startswith(around + "."):
                word = name[len(around) + 1 :] if around else name
                if self.find(word, scope) == name:
                    yield word
            if not around:
                return
            around = around.rpartition(".")[0]

    def find(self, word: str, scope: str) -> str | None:
        """The full name that a word finds."""
        while True:
            name = f"{scope}.{word}" if scope else word
            if name in self.tensors:
                return name
            if not scope:
                return None
            scope = scope.rpartition(".")[0]
