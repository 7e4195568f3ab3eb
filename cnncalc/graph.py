"""Networks as graphs: nodes with an op each, in topological order, inputs among them.

A graph does not know where it came from. Specs, importers, rewrites and people fill it through a `Builder`, which
is the one place where shapes are inferred and nodes are named.

>>> from cnncalc.ops import Add, Conv, ReLU
>>> builder = Builder()
>>> x = builder.input(3, 32, 32)
>>> y = builder.add(Conv(16, kernel=3, padding=1), x, name="stem")
>>> graph = builder.graph(builder.add(Add(), y, builder.add(ReLU(), y)))
>>> [node.name for node in graph.nodes]
['input', 'stem', 'relu1', 'add1']
>>> graph["stem"].output
(16, 32, 32)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from msgspec import Struct

from cnncalc.errors import OpError, Place, RequestError, did_you_mean, shorten
from cnncalc.ops.base import Input, Op, Shape, count, show

MAX_SIZE = 10**9
MAX_DIMENSIONS = 6

Origin: TypeAlias = Place | str | tuple[str, ...] | None
"""Where a node was written: a place in a spec, or a text such as the path of a PyTorch module."""


@dataclass(frozen=True, eq=False, slots=True)
class Scope:
    """A group of nodes: its own name, and the scope around it. The root has the name "" and no parent."""

    name: str = ""
    parent: Scope | None = None
    path: str = field(init=False, default="")
    depth: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.parent is not None:
            object.__setattr__(self, "path", join(self.parent, self.name))
            object.__setattr__(self, "depth", self.parent.depth + 1)

    def at(self, depth: int) -> Scope:
        """This scope, or the one around it at a depth; the root's is 0."""
        scope = self
        while scope.depth > depth and scope.parent is not None:
            scope = scope.parent
        return scope


def join(scope: Scope, name: str) -> str:
    """The full name of what bears a name in a scope."""
    return f"{scope.path}.{name}" if scope.path else name


class Node(Struct, frozen=True, eq=False):
    """An op at its place in a graph: its full name, the nodes that it reads, and its output shape without the batch.

    `index` is its place in `graph.nodes`. A node that `shares` has the weights of another, earlier one: they are
    stored once, there. Nodes are compared by identity.
    """

    name: str
    op: Op
    inputs: tuple[Node, ...]
    output: Shape
    index: int
    scope: Scope
    origin: Origin = None
    shares: Node | None = None

    @property
    def input_shapes(self) -> tuple[Shape, ...]:
        """The shapes that it reads."""
        return tuple([node.output for node in self.inputs])

    @property
    def is_input(self) -> bool:
        """Whether it is an input of the network."""
        return isinstance(self.op, Input)

    def __repr__(self) -> str:
        return f"Node({self.name!r}, {self.op.kind}, {show(self.output)})"


@dataclass(frozen=True, slots=True)
class Group:
    """Nodes in one scope, in order; a node that stands alone is a group of one.

    Its `end` is the last node that others read from outside, and not that of a head in it; the last of all where
    nobody does.
    """

    name: str
    nodes: tuple[Node, ...]
    end: Node

    @property
    def output(self) -> Shape:
        """The shape at its end."""
        return self.end.output


@dataclass(frozen=True, eq=False)
class Graph:
    """A network.

    Attributes:
        name: what it is called.
        nodes: in topological order, the inputs among them.
        outputs: the nodes whose tensors are its results, by name.
        title: what people call it.
        notes: what there is to say about it.
        training: whether it is the network as it is trained, with what only training has.
    """

    name: str
    nodes: tuple[Node, ...]
    outputs: Mapping[str, Node]
    title: str = ""
    notes: str = ""
    training: bool = False

    @cached_property
    def inputs(self) -> tuple[Node, ...]:
        """The nodes that are the network's inputs."""
        return tuple(node for node in self.nodes if node.is_input)

    @cached_property
    def layers(self) -> tuple[Node, ...]:
        """The nodes that are no inputs."""
        return tuple(node for node in self.nodes if not node.is_input)

    @property
    def input(self) -> Shape:
        """The shape of the first input."""
        return self.inputs[0].output

    @cached_property
    def _by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    def __getitem__(self, name: str) -> Node | Group:
        """The node of a name, or the group of nodes in a scope.

        Raises:
            RequestError: there is none; the nearest name is told.
        """
        return self._by_name.get(name) or self.group(name)

    def node(self, name: str) -> Node:
        """The node of a name.

        Raises:
            RequestError: there is none.
        """
        found = self._by_name.get(name)
        if found is None:
            raise self.unknown(name, [node.name for node in self.nodes])
        return found

    def group(self, name: str) -> Group:
        """The nodes of a scope, or the one node of a name.

        Raises:
            RequestError: there is neither.
        """
        if name in self._by_name:
            return self._group(name, (self._by_name[name],))
        found = tuple(node for node in self.layers if any(scope.path == name for scope in scopes_of(node)))
        if not found:
            words: dict[str, None] = {}
            for node in self.layers[:10_000]:
                words.update(dict.fromkeys([node.name, *(scope.path for scope in scopes_of(node))]))
            raise self.unknown(name, words)
        return self._group(name, found)

    def _group(self, name: str, nodes: tuple[Node, ...]) -> Group:
        """The group of some nodes."""
        return Group(name, nodes, self.end(nodes))

    def end(self, nodes: Sequence[Node]) -> Node:
        """The last of some nodes that others read; the last of all where nobody does."""
        inside = {node.index for node in nodes}
        read = (
            node for node in reversed(nodes) if any(reader.index not in inside for reader in self.readers[node.index])
        )
        return next(read, nodes[-1])

    @cached_property
    def readers(self) -> list[list[Node]]:
        """The nodes that read each node, by its index; one that reads it twice is there twice."""
        found: list[list[Node]] = [[] for _ in self.nodes]
        for node in self.nodes:
            for source in node.inputs:
                found[source.index].append(node)
        return found

    def unknown(self, name: str, known: Any) -> RequestError:
        """The error of a name that nothing bears."""
        hint = did_you_mean(name, known) or "`cnncalc shapes NETWORK --all` lists the layers"
        return RequestError(f"{self.name} has no layer '{name[:80]}'", hint=hint, code="unknown-name")

    def groups(self, depth: int = 1) -> list[Group]:
        """The layers by the scopes of a depth, in order of first appearance."""
        members: dict[str, list[Node]] = {}
        for node in self.layers:
            inside = node.scope.depth >= depth
            members.setdefault(node.scope.at(depth).path if inside else node.name, []).append(node)
        return [self._group(name, tuple(nodes)) for name, nodes in members.items()]


def automatic_stem(kind: str) -> str:
    """What the automatic names of a kind begin with, before their number.

    >>> automatic_stem("relu"), automatic_stem("relu6")
    ('relu', 'relu6_')
    """
    return f"{kind}_" if kind[-1:].isdigit() else kind


def scopes_of(node: Node) -> Iterator[Scope]:
    """The scopes around a node, the nearest first, without the root."""
    scope: Scope | None = node.scope
    while scope is not None and scope.parent is not None:
        yield scope
        scope = scope.parent


def checked_shape(sizes: Sequence[Any]) -> Shape:
    """An input's shape as Python's whole numbers.

    Raises:
        RequestError: they are none, or too many, or beyond the bounds.

    >>> checked_shape([3, 224, 224])
    (3, 224, 224)
    """
    whole = tuple(size.__index__() if hasattr(size, "__index__") and size is not True else size for size in sizes)
    if not 1 <= len(whole) <= MAX_DIMENSIONS or not all(type(n) is int and 1 <= n <= MAX_SIZE for n in whole):
        found = shorten(show(whole))
        message = f"an input has 1 to {MAX_DIMENSIONS} sizes from 1 to 10^9, not {found}"
        raise RequestError(message, code="unfit-input")
    return whole


class Builder:
    """Builds a graph, op by op."""

    def __init__(self, name: str = "network", title: str = "", notes: str = "", training: bool = False) -> None:
        self.name = name
        self.title = title
        self.notes = notes
        self.training = training
        self.nodes: list[Node] = []
        self.names: dict[str, Node] = {}
        self.root = Scope()
        self.here = self.root
        self._counters: dict[tuple[Scope, str], int] = {}
        # Equal ops on equal inputs are checked, and their shapes inferred, once.
        self._shapes: dict[tuple[Op, tuple[Shape, ...]], tuple[Op, Shape]] = {}
        # Whether ops that share have any weights; those that cannot share are not in it.
        self._shared: dict[tuple[Op, tuple[Shape, ...], Op, tuple[Shape, ...]], bool] = {}

    @contextmanager
    def scope(self, name: str) -> Iterator[Scope]:
        """A scope around the nodes that are added within.

        >>> builder = Builder()
        >>> with builder.scope("stem"):
        ...     builder.input(3, 8, 8).name
        'stem.input'
        """
        outer = self.here
        self.here = Scope(name, outer)
        try:
            yield self.here
        finally:
            self.here = outer

    def input(self, *sizes: int, name: str = "input", origin: Origin = None) -> Node:
        """Add an input of a shape, channels first, without the batch.

        Raises:
            RequestError: an unfit shape, or a name that is taken.
        """
        shape = checked_shape(sizes)
        full = join(self.here, name)
        return self._append(Node(full, Input(shape), (), shape, len(self.nodes), self.here, origin))

    def add(
        self,
        op: Op,
        *inputs: Node,
        name: str | None = None,
        scope: Scope | None = None,
        origin: Origin = None,
        taken: Callable[[str], bool] | None = None,
        shares: Node | None = None,
    ) -> Node:
        """Add an op on some nodes.

        Args:
            op: the op.
            inputs: the nodes that it reads.
            name: its name in its scope; the kind and a number if None.
            scope: the scope that it stands in; the current one if None.
            origin: where it was written.
            taken: tells of names that are kept for others.
            shares: the earlier node, of the same op, whose weights it has.

        Raises:
            OpError: the op does not fit its inputs, or has other weights than the node with which it shares them.
            RequestError: the name is taken; an input is of another network.

        >>> from cnncalc.ops import Linear
        >>> builder = Builder()
        >>> left, right = builder.input(8, name="left"), builder.input(8, name="right")
        >>> first = builder.add(Linear(4), left)
        >>> builder.add(Linear(4), right, shares=first).shares.name
        'linear1'
        """
        self._check_own(inputs)
        scope = scope or self.here
        full = self.automatic_name(op.kind, scope, taken) if name is None else join(scope, name)
        return self.place(op, inputs, full, scope, origin, shares)

    def _check_own(self, nodes: Iterable[Node]) -> None:
        """Refuse nodes that another builder has added."""
        for node in nodes:
            if node.index >= len(self.nodes) or self.nodes[node.index] is not node:
                hint = "a builder's nodes read each other only"
                raise RequestError(f"'{node.name}' is of another network", hint=hint, code="another-network")

    def place(
        self,
        op: Op,
        inputs: tuple[Node, ...],
        name: str,
        scope: Scope,
        origin: Origin,
        shares: Node | None = None,
    ) -> Node:
        """Add an op under a full name.

        Raises:
            OpError: the op does not fit its inputs, or has other weights than the node with which it shares them.
            RequestError: the name is taken.
        """
        op, output = self.infer(op, tuple([node.output for node in inputs]), name)
        if shares is not None:
            shares = self._sharing(op, inputs, name, shares)
        return self._append(Node(name, op, inputs, output, len(self.nodes), scope, origin, shares))

    def _sharing(self, op: Op, inputs: tuple[Node, ...], name: str, other: Node) -> Node | None:
        """The node that stores the weights which an op shares with another; None if it has none to share.

        Raises:
            OpError: the two have not the same weights.
        """
        shapes = tuple([node.output for node in inputs])
        key = (op, shapes, other.op, other.input_shapes)
        has = self._shared.get(key)
        if has is None:
            if self.names.get(other.name) is not other:
                raise OpError(f"{name} shares with a layer of another network", code="unfit-share")
            if op != other.op or type(op) is not type(other.op):
                raise _unfit_share(name, other, f"they are {other.op.kind} and {op.kind}", op, other.op)
            if not op.same_weights(shapes, other.input_shapes):
                read = f"they read {_shapes(other.input_shapes)} and {_shapes(shapes)}"
                raise _unfit_share(name, other, read)
            has = self._shared[key] = op.has_weights(shapes)
        return (other.shares or other) if has else None

    def infer(self, op: Op, shapes: tuple[Shape, ...], name: str) -> tuple[Op, Shape]:
        """An op, the same object for equal ones, and its output shape on inputs of some shapes."""
        known = self._shapes.get((op, shapes))
        if known is None:
            known = self._shapes[op, shapes] = (op, _output_shape(op, shapes, name))
        return known

    def automatic_name(self, kind: str, scope: Scope, taken: Callable[[str], bool] | None = None) -> str:
        """The full name of the kind with its number in the scope, past names that are given: relu1; relu6_1 for a kind
        that ends in a digit, so that no name reads as another's."""
        key = (scope, kind)
        stem = automatic_stem(kind)
        while True:
            number = self._counters[key] = self._counters.get(key, 0) + 1
            name = f"{stem}{number}"
            full = join(scope, name)
            if full not in self.names and not (taken and taken(name)):
                return full

    def _append(self, node: Node) -> Node:
        """Add a node whose shape is known."""
        if node.name in self.names:
            hint = "each name stands once in its scope"
            raise RequestError(f"the name '{node.name}' is given twice", hint=hint, code="name-taken")
        self.nodes.append(node)
        self.names[node.name] = node
        return node

    def graph(self, output: Node | Mapping[str, Node]) -> Graph:
        """The graph of what was added, with its output, or its outputs by name.

        Raises:
            RequestError: it has no input; an output is of another network.
        """
        if not any(node.is_input for node in self.nodes):
            raise RequestError("a network has an input", hint="add one: builder.input(3, 224, 224)")
        outputs = {"output": output} if isinstance(output, Node) else dict(output)
        self._check_own(outputs.values())
        return Graph(self.name, tuple(self.nodes), outputs, self.title, self.notes, self.training)


def _shapes(shapes: Sequence[Shape]) -> str:
    """Several shapes in words."""
    return ", ".join(map(show, shapes))


def _unfit_share(name: str, other: Node, reason: str, op: Op | None = None, its: Op | None = None) -> OpError:
    """The error of layers that have not the same weights; where both are of one kind, the options that differ."""
    if op is not None and its is not None and type(op) is type(its):
        differing = [key for key, value in its.named().items() if getattr(op, key) != value][:1]
        reason = "; ".join(f"{key} is {getattr(its, key)} and {getattr(op, key)}" for key in differing)
    hint = "what shares weights is the same layers with the same options, on as many channels"
    return OpError(
        f"{shorten(name, 80)} cannot share the weights of {shorten(other.name, 80)}",
        label=reason,
        hint=hint,
        code="unfit-share",
    )


def _output_shape(op: Op, shapes: tuple[Shape, ...], name: str) -> Shape:
    """The output shape of an op, an error if it does not fit."""
    if op.arity is not None and len(shapes) != op.arity:
        raise OpError(f"{op.kind} has {count(op.arity, 'input')}, not {len(shapes)}", code="arity")
    if not shapes:
        raise OpError(f"{op.kind} needs an input", code="arity")
    try:
        output = op.output_shape(*shapes)
    except OpError as error:
        error.context = f"in {name}, on an input of {', '.join(map(show, shapes))}"
        raise
    if max(output) > MAX_SIZE:
        message = "a layer's output is larger than 10^9 in one dimension"
        raise OpError(message, label=show(output), code="output-too-large")
    return output
