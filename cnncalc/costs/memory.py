"""Memory: of each layer, at the peak of inference, and in training.

Three different questions have three different answers:

- *traffic*: the bytes that each layer reads (its inputs, parameters and buffers) and writes (its output), each
  once, as an ideal cache would have it;
- *peak inference memory*: parameters and buffers, and the tensors alive at the worst moment. A tensor lives
  from the layer that makes it to the last that reads it; the network's outputs to the end. Layers that only
  look at their input anew (`flatten`, `slice`, `dropout` at inference) make no tensor. What an implementation
  allocates for itself inside a layer is not counted;
- *training memory*: what PyTorch's autograd saves for the backward pass, each tensor's memory once, with
  parameters, buffers, gradients and the optimizer's state.

`inplace` lets activations overwrite their input where nothing else needs it, as torchvision does and as
`cnncalc.pytorch.build(network, inplace=True)` builds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from cnncalc.costs.amount import AtLeast, total
from cnncalc.costs.layout import (
    Sizes,
    Strides,
    alike,
    channels_last,
    contiguous,
    is_contiguous,
    is_last,
    steps_first,
    viewed,
)
from cnncalc.errors import RequestError, did_you_mean
from cnncalc.formula import Formula, Step, Switch, prod
from cnncalc.formula import total as sum_of
from cnncalc.graph import Graph, Node
from cnncalc.ops import Permute, Slice
from cnncalc.ops.base import (
    AS_GIVEN,
    HALF,
    OF_COPY,
    OF_INPUTS,
    OF_OUTPUT,
    OF_PARAMETERS,
    Casts,
    Extra,
    Op,
    Saved,
    Shape,
    cost_numbers,
)

# mypy: disable-error-code="no-untyped-def"

DTYPES: Mapping[str, int] = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}
"""Bytes per number."""

CAST_BYTES: Mapping[str, int] = {"half": 2, "float32": 4}
"""Bytes per number of what mixed precision casts to."""

OPTIMIZERS: Mapping[str, int] = {"sgd": 0, "momentum": 1, "rmsprop": 1, "adam": 2, "adamw": 2}
"""Numbers that an optimizer remembers for each parameter. Adam's one step counter per tensor is left out."""

UNITS: Mapping[str, int] = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}


@Formula
def bytes_read(stored, inputs, inner, batch, bytes):
    """Each parameter and buffer, each element of the inputs, and of the tensors inside the layer, once."""
    return (stored + (sum_of(inputs) + inner) * batch) * bytes


@Formula
def bytes_read_mixed(stored, bytes, inputs, inner, size, batch):
    """Each parameter and buffer, the inputs' bytes in the type that each has, and the tensors inside the layer."""
    return stored * bytes + (sum_of(inputs) + inner * size) * batch


@Formula
def bytes_written(output, inner, batch, bytes):
    """Each element of the output, and of the tensors inside the layer, once."""
    return (prod(output) + inner) * batch * bytes


class Held(NamedTuple):
    """A tensor that takes memory: what it is, and its bytes."""

    what: str
    bytes: int


@dataclass(frozen=True, slots=True)
class LayerMemory:
    """The memory of one layer, in bytes, for the whole batch. None where it is unknown.

    Attributes:
        params, buffers: what it stores; nothing if it shares its weights with an earlier layer.
        output: its output tensor; 0 if that is its input's memory.
        read, written: its traffic.
        alive: all tensors alive while it runs at inference, its output included.
        saved: what autograd saves of it, not counting what an earlier layer has saved already.
    """

    node: Node
    params: int | None
    buffers: int | None
    output: int
    read: int | None
    written: int
    alive: int
    saved: tuple[Held, ...] | None

    @property
    def stored(self) -> int | None:
        """The bytes of parameters and buffers."""
        return None if self.params is None or self.buffers is None else self.params + self.buffers

    @property
    def saved_bytes(self) -> int | None:
        """The bytes that autograd saves of this layer."""
        return None if self.saved is None else sum(held.bytes for held in self.saved)


@dataclass(frozen=True, slots=True)
class Training:
    """The memory of a step of training, in bytes: the tensors that autograd saves, with what stays."""

    saved: int
    params: int
    buffers: int
    gradients: int
    optimizer: int
    half_weights: int

    @property
    def total(self) -> int:
        """The sum of all."""
        return total((self.saved, self.params, self.buffers, self.gradients, self.optimizer, self.half_weights))


class Memory:
    """The memory of a network for a batch; all in bytes.

    Attributes:
        nodes: that of each node, by its index.
        params, buffers: what is stored.
        input: the input batch.
        activations: the sum of all layers' outputs.
        peak_node: the node at which most is alive; None for a network without layers.
        alive: the tensors alive there.
        saved: what autograd saves for the backward pass, each tensor's memory once.
    """

    def __init__(
        self,
        graph: Graph,
        batch: int = 1,
        dtype: str = "float32",
        inplace: bool = False,
        mixed: bool = False,
    ) -> None:
        account = _Account(graph, batch, known(DTYPES, dtype, "dtype"), inplace, mixed)
        self.graph = graph
        self.batch = batch
        self._account = account
        owners = account.owners(training=False)
        lives = account.lives(owners)
        alive = account.alive(lives)
        saved = account.saved()
        self.nodes = [account.layer(node, owners[node.index] == node.index, alive, saved) for node in graph.nodes]
        self.params = total(sizes.params for sizes in account.stored) * account.size
        self.buffers = total(sizes.buffers for sizes in account.stored) * account.size
        self.input = sum(account.bytes_of(node) for node in graph.inputs)
        self.activations = sum(map(account.bytes_of, graph.layers))
        self.saved = total(layer.saved_bytes for layer in self.nodes)
        self.peak_node = max(graph.layers, key=lambda node: alive[node.index], default=None)
        self.alive = tuple(account.held_at(self.peak_node, lives))

    @cached_property
    def layers(self) -> list[LayerMemory]:
        """The memory of the layers, without the inputs."""
        return [self.nodes[node.index] for node in self.graph.layers]

    @cached_property
    def peak(self) -> int:
        """Parameters, buffers, and the tensors alive at the worst moment of inference."""
        return total((self.params, self.buffers, *(held.bytes for held in self.alive)))

    @cached_property
    def traffic(self) -> int:
        """The bytes that all layers read and write."""
        return total(amount for layer in self.nodes for amount in (layer.read, layer.written))

    def training(self, optimizer: str = "sgd") -> Training:
        """What a step of training needs.

        Raises:
            RequestError: an unknown optimizer.

        >>> from cnncalc.language.expand import expand
        >>> from cnncalc.zoo import load
        >>> Memory(expand(load("resnet50")), 32).training("adam").total
        3023568512
        """
        account = self._account
        return Training(
            saved=self.saved,
            params=self.params,
            buffers=self.buffers,
            gradients=self.params,
            optimizer=self.params * known(OPTIMIZERS, optimizer, "optimizer"),
            half_weights=account.half_weights,
        )

    def largest_batch(self, budget: int | str, optimizer: str = "sgd", training: bool = True) -> int | None:
        """The largest batch whose training (or inference) fits a budget; 0 if not even one sample does, None if any
        batch does.

        Args:
            budget: bytes, or a text such as "24GiB".

        Raises:
            RequestError: an unknown optimizer, no amount of memory, or memory that is not known in full.

        >>> from cnncalc.language.expand import expand
        >>> from cnncalc.zoo import load
        >>> Memory(expand(load("resnet50"))).largest_batch("24GiB", optimizer="adam")
        310
        """
        amount = parse_bytes(budget) if isinstance(budget, str) else budget
        step = self.training(optimizer)
        needed = step.total if training else self.peak
        if isinstance(needed, AtLeast):
            raise RequestError(
                "the largest batch is unknown", hint=f"some layers do not say what they need: {needed:,} bytes"
            )
        # Both kinds of memory are a constant and a share for each sample.
        stored = self.params + self.buffers
        fixed = needed - step.saved + self._account.saved_once if training else stored
        each = (needed - fixed) // self.batch
        if each == 0:
            return None if fixed <= amount else 0
        return max(0, (amount - fixed) // each)

    def steps(self, node: Node) -> list[Step]:
        """The arithmetic of the bytes that a layer moves, and what autograd saves of it."""
        layer = self.nodes[node.index]
        if layer.written == 0:
            reason = "The output is its input's memory: nothing is moved."
            found = [Step("bytes moved", reason=reason)]
        else:
            found = self._account.traffic_steps(node)
        if layer.saved:
            what = ", ".join(f"{held.what} {held.bytes:,}" for held in layer.saved)
            bytes_saved = layer.saved_bytes or 0
            found.append(Step("bytes saved", given=bytes_saved, reason=f"By autograd in training: {what}."))
        return found


def parse_bytes(text: str) -> int:
    """An amount of memory: `24GiB`, `512 MB`, `1e9`.

    Raises:
        RequestError: it is none.

    >>> parse_bytes("24GiB")
    25769803776
    """
    number = text.strip().rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    unit = text.strip()[len(number) :].strip().upper()
    try:
        amount = float(number) * UNITS[unit]
    except (ValueError, KeyError, OverflowError):
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise RequestError(f"'{text[:40]}' is no amount of memory", hint="such as 24GiB, 512MB or 80 GB")
    return int(amount)


def overwriting_nodes(graph: Graph) -> frozenset[Node]:
    """The layers that may overwrite their input: it is read by no other layer, is no output of the network,
    shares memory with no other tensor, and its maker does not need it for the backward pass. One that shares its
    weights does not: it is one module at several places.

    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.zoo import load
    >>> sorted(node.name for node in overwriting_nodes(expand(load("vgg11"))))[:2]
    ['block1.relu1', 'block2.relu1']
    """
    outputs = set(graph.outputs.values())
    found: set[Node] = set()
    sharing = {member for node in graph.layers if node.shares is not None for member in (node, node.shares)}
    for node in graph.layers:
        if not node.op.in_place or node in sharing:
            continue
        (source,) = node.inputs
        if source.is_input or source in outputs or len(graph.readers[source.index]) != 1:
            continue
        shapes = source.input_shapes
        saved = source.op.saved(shapes, source.output, (True,) * len(shapes))
        # A permutation may give a view, by how its input lies.
        shares = source in found or source.op.is_view(*shapes, training=False) or isinstance(source.op, Permute)
        if saved is not None and not (saved.output or shares):
            found.add(node)
    return frozenset(found)


def known(table: Mapping[str, int], name: str, what: str) -> int:
    """A table's entry; an error that names the others."""
    if name not in table:
        hint = did_you_mean(name, list(table)) or f"one of {', '.join(table)}"
        raise RequestError(f"unknown {what} '{name[:40]}'", hint=hint, code="unknown-word")
    return table[name]


class _Sizes(NamedTuple):
    """What an op needs on given inputs, in elements of one sample; None where it does not say."""

    params: int | None
    buffers: int | None
    weights: int | None  # parameters that a product reads, so without biases
    inner: int  # of tensors that are written and read once more
    temporaries: int  # of tensors alive at once inside it


class _Types(NamedTuple):
    """Bytes per number of a node's inputs as the op takes them, and of its output; and what casts them."""

    inputs: int
    output: int
    casts: Casts | None


class _Account:
    """The bookkeeping of one network: which layers share memory, how long each piece of memory is needed."""

    def __init__(self, graph: Graph, batch: int, size: int, inplace: bool, mixed: bool) -> None:
        self.graph = graph
        self.batch = batch
        self.size = size
        self.mixed = mixed and size != DTYPES["float64"]  # which autocast leaves as it is
        self.overwriting = overwriting_nodes(graph) if inplace else frozenset()
        self.saved_once = 0  # bytes that autograd saves whatever the batch
        self.half_weights = 0  # bytes of the weights that autograd saves in half precision
        self.known: dict[tuple[Op, tuple[Shape, ...]], _Sizes] = {}
        self.sizes = [self._sizes(node) for node in graph.nodes]
        # What is stored: weights that a layer shares are so once, where they are made.
        self.stored = [
            sizes if node.shares is None else sizes._replace(params=0, buffers=0, weights=0)
            for node, sizes in zip(graph.nodes, self.sizes, strict=True)
        ]
        self.strides: list[Strides | None] = []  # None for a tensor that lies in order, as most do
        for node in graph.nodes:
            self.strides.append(self._strides(node))
        self.types: list[_Types] = []
        for node in graph.nodes:
            self.types.append(self._types(node))
        self.bytes: list[int] = [
            prod(node.output) * batch * types.output for node, types in zip(graph.nodes, self.types, strict=True)
        ]
        self.traffic: dict[tuple[Op, tuple[Shape, ...], tuple[int, ...]], tuple[int | None, int]] = {}

    def _sizes(self, node: Node) -> _Sizes:
        shapes = node.input_shapes
        key = (node.op, shapes)
        if key not in self.known:
            numbers = cost_numbers(node.op, shapes, node.output, self.graph.training)
            params, buffers, weights = (numbers.get(quantity, 0) for quantity in ("params", "buffers", "weights"))
            inner, temporaries = 0, 0
            if shapes:
                inner, temporaries = node.op.inner(*shapes), node.op.temporaries(shapes, node.output)
            self.known[key] = _Sizes(params, buffers, weights, inner, temporaries)
        return self.known[key]

    def _strides(self, node: Node) -> Strides | None:
        """How a node's output lies in memory, in training."""
        if not node.inputs:
            return None
        sizes = (self.batch, *node.output)
        strides = self._new_strides(node, sizes)
        return None if strides is None or strides == contiguous(sizes) else strides

    def _new_strides(self, node: Node, sizes: Sizes) -> Strides | None:
        """The same, as the op leaves it: perhaps in order too, and said in full."""
        if self._views(node, training=True):
            return self._viewed(node, sizes)
        if isinstance(node.op, Permute):
            return None
        if node.op.steps_first:
            return steps_first(sizes)
        lasts = tuple([self._is_last(source) for source in node.inputs])
        if node.op.keeps_order and any(self.strides[source.index] is not None for source in node.inputs):
            whole = [source for source in node.inputs if source.output == node.output]
            if whole:  # of several inputs the first that is not spread over the output decides
                return alike(sizes, self._lies(whole[0]))
        return channels_last(sizes) if node.op.gives_last(node.input_shapes, lasts) else None

    def _lies(self, node: Node) -> Strides:
        """The strides of a node's output."""
        strides = self.strides[node.index]
        return contiguous((self.batch, *node.output)) if strides is None else strides

    def _is_last(self, node: Node) -> bool:
        """Whether PyTorch takes a node's output for one whose channels come last in memory."""
        strides = self.strides[node.index]
        return strides is not None and len(strides) > 2 and is_last((self.batch, *node.output), strides)

    def _viewed(self, node: Node, sizes: Sizes) -> Strides | None:
        """The strides with which a node shows the memory of what it reads."""
        (source, *_) = node.inputs
        if isinstance(node.op, Permute):
            return None
        if isinstance(node.op, Slice) or source.output == node.output:
            return self._lies(source)
        return viewed((self.batch, *source.output), self._lies(source), sizes)

    def _views(self, node: Node, training: bool) -> bool:
        """Whether an op gives its input's memory, the way it lies there."""
        source = node.inputs[0]
        if isinstance(node.op, Permute):  # which moves everything into its order, if it is not in it
            order = (0, *[axis + 1 for axis in node.op.order])
            strides = self._lies(source)
            return is_contiguous((self.batch, *node.output), tuple([strides[axis] for axis in order]))
        return node.op.is_view(*node.input_shapes, training=training) and not self._gathers(node)

    def _gathers(self, node: Node) -> bool:
        """Whether an op copies its input first, because of how it lies in memory."""
        source = node.inputs[0]
        strides = self.strides[source.index]
        if not node.op.gathers or strides is None:
            return False
        sizes = (self.batch, *source.output)
        if node.op.is_view(source.output):
            return viewed(sizes, strides, (self.batch, *node.output)) is None
        if self._is_last(source) and len(source.output) - 1 in node.op.keeps_last:
            return not is_contiguous((sizes[0], *sizes[2:], sizes[1]), (strides[0], *strides[2:], strides[1]))
        return not is_contiguous(sizes, strides)

    def _types(self, node: Node) -> _Types:
        """The types in which a node takes its inputs and gives its output. Of an op that does not say what mixed
        precision does with it, the least."""
        given = [self.types[source.index].output for source in node.inputs]
        casts = node.op.autocast(*node.input_shapes) if self.mixed else AS_GIVEN
        if not given:
            return _Types(self.size, self.size, AS_GIVEN)
        least = casts or HALF
        widest = max(given if least.of is None else [given[number] for number in least.of])
        output = CAST_BYTES.get(least.output) or widest
        return _Types(CAST_BYTES.get(least.inputs) or max(given), output, casts)

    def bytes_of(self, node: Node) -> int:
        """The bytes of a node's output for the batch."""
        return self.bytes[node.index]

    def owners(self, training: bool) -> list[int]:
        """For each node, by its index, the node whose memory its output is: itself, or what it views or
        overwrites."""
        owners: list[int] = []
        for node in self.graph.nodes:
            shared = not node.is_input and (node in self.overwriting or self._views(node, training))
            owners.append(owners[node.inputs[0].index] if shared else node.index)
        return owners

    def lives(self, owners: list[int]) -> dict[int, tuple[int, int]]:
        """For each piece of memory, by its owner, the first and last node that it is needed at. The inputs are
        there from the start."""
        lives: dict[int, tuple[int, int]] = {}
        for node in self.graph.nodes:
            if node.is_input:
                lives[node.index] = (0, node.index)
                continue
            for tensor in (*node.inputs, node):
                owner = owners[tensor.index]
                lives[owner] = (lives[owner][0] if owner in lives else node.index, node.index)
        end = len(self.graph.nodes) - 1
        for tensor in self.graph.outputs.values():
            owner = owners[tensor.index]
            lives[owner] = (lives[owner][0], end)
        return lives

    def alive(self, lives: Mapping[int, tuple[int, int]]) -> list[int]:
        """The bytes alive while each node runs."""
        changes = [0] * (len(self.graph.nodes) + 1)
        for owner, (first, last) in lives.items():
            changes[first] += self.bytes[owner]
            changes[last + 1] -= self.bytes[owner]
        running, alive = 0, []
        for change, node in zip(changes, self.graph.nodes, strict=False):
            running += change
            alive.append(running + self.temporary_bytes(node))
        return alive

    def temporary_bytes(self, node: Node) -> int:
        """The bytes of the tensors alive inside an op that is several in one."""
        return self.sizes[node.index].temporaries * self.batch * self.types[node.index].output

    def held_at(self, node: Node | None, lives: Mapping[int, tuple[int, int]]) -> list[Held]:
        """The tensors alive while a node runs, the oldest first; without one, the inputs."""
        nodes = self.graph.nodes
        if node is None:
            return [Held(found.name, self.bytes_of(found)) for found in self.graph.inputs]
        held = [
            Held(nodes[owner].name, self.bytes[owner])
            for owner, (first, last) in sorted(lives.items())
            if first <= node.index <= last
        ]
        temporary = self.temporary_bytes(node)
        if temporary:
            held.append(Held(f"inside {node.name}", temporary))
        return held

    def traffic_steps(self, node: Node) -> list[Step]:
        """The formulas of what a layer reads and writes."""
        sizes = self.sizes[node.index]
        inner: Any = sizes.inner or Switch(0)
        batch: Any = self.batch if self.batch > 1 else Switch(1)
        output = self.types[node.index].output
        values = {"inner": inner, "batch": batch, "bytes": output}
        written = Step("bytes written", bytes_written, {"output": node.output, **values})
        if sizes.params is None or sizes.buffers is None:
            return [written]
        inputs = tuple(prod(shape) for shape in node.input_shapes)
        values = {"stored": sizes.params + sizes.buffers, "inputs": inputs, **values, "bytes": self.size}
        if self.mixed:
            sized = zip(inputs, node.inputs, strict=True)
            values["inputs"] = tuple(number * self.types[source.index].output for number, source in sized)
            return [Step("bytes read", bytes_read_mixed, {**values, "size": output}), written]
        return [Step("bytes read", bytes_read, values), written]

    def moved(self, node: Node) -> tuple[int | None, int]:
        """What a layer reads and writes."""
        types = tuple([self.types[source.index].output for source in node.inputs])
        key = (node.op, node.input_shapes, types)
        if key not in self.traffic:
            *read, written = [step.value for step in self.traffic_steps(node)]
            self.traffic[key] = (read[0] if read else None, written)
        return self.traffic[key]

    def layer(self, node: Node, owner: bool, alive: list[int], saved: list[tuple[Held, ...] | None]) -> LayerMemory:
        """The memory of one layer."""
        sizes = self.stored[node.index]
        idle = node.is_input or (not owner and node not in self.overwriting)
        read, written = (0, 0) if idle else self.moved(node)
        return LayerMemory(
            node,
            params=None if sizes.params is None else sizes.params * self.size,
            buffers=None if sizes.buffers is None else sizes.buffers * self.size,
            output=self.bytes[node.index] if owner else 0,
            read=read,
            written=written,
            alive=alive[node.index],
            saved=saved[node.index],
        )

    def saved(self) -> list[tuple[Held, ...] | None]:
        """What autograd saves of each node, a piece of memory at the first that saves it."""
        owners = self.owners(training=True)
        nodes = self.graph.nodes
        needed: list[bool] = []  # whether a gradient flows through each node
        seen: set[int] = set()
        cast: set[Node] = set()
        rows: list[tuple[Held, ...] | None] = []
        for node in nodes:
            flows = tuple([needed[source.index] for source in node.inputs])
            params = self.sizes[node.index].params
            needed.append(any(flows) or params is None or params > 0)
            if not needed[-1]:
                rows.append(())
                continue
            saved = self.saved_of(node, flows)
            casts = self.types[node.index].casts
            if saved is None or casts is None:
                rows.append(None)
                continue
            stores = node.shares or node  # what several layers share is cast once
            if casts.inputs == "half" and saved.weights != 0 and stores not in cast:
                cast.add(stores)
                self.half_weights = total((self.half_weights, self._half_weights(node, saved.weights)))
            row: list[Held] = []
            for source in [node.inputs[number] for number in saved.inputs]:
                if self.is_cast(source, node) or self._gathers(node):
                    copied = prod(source.output) * self.batch * self.types[node.index].inputs
                    row.append(Held(f"copy of {source.name}", copied))
                else:
                    self._save(owners[source.index], seen, row)
            if saved.output:
                self._save(owners[node.index], seen, row)
            row += [Held(extra.what, self.extra_bytes(extra, node)) for extra in saved.extra]
            rows.append(tuple(row))
        return rows

    def _save(self, owner: int, seen: set[int], row: list[Held]) -> None:
        """Note a piece of memory, by its owner, the first time that it is saved."""
        if owner not in seen:
            seen.add(owner)
            row.append(Held(self.graph.nodes[owner].name, self.bytes[owner]))

    def is_cast(self, source: Node, node: Node) -> bool:
        """Whether mixed precision casts a tensor for a node that reads it."""
        types = self.types[node.index]
        casts = types.casts is not None and types.casts.inputs != "given"
        return casts and types.inputs != self.types[source.index].output

    def _half_weights(self, node: Node, number: int | None) -> int | None:
        """The bytes of so many of a node's weights in half precision, where they are a copy; None for all."""
        weights = self.sizes[node.index].weights if number is None else number
        return None if weights is None else weights * CAST_BYTES["half"] * (self.size != CAST_BYTES["half"])

    def saved_of(self, node: Node, flows: tuple[bool, ...]) -> Saved | None:
        """What autograd saves of a layer, the way the layer is run."""
        if node not in self.overwriting:
            return node.op.saved(node.input_shapes, node.output, flows)
        if node.op.in_place == "output":
            return Saved(output=True)
        return Saved(extra=(Extra("copy of the input", prod(node.output)),))

    def extra_bytes(self, extra: Extra, node: Node) -> int:
        """The bytes of a tensor that a layer makes to save."""
        types = self.types[node.index]
        if extra.of is not None:
            itemsize = max(self.types[source.index].output for source in node.inputs[: extra.of])
        else:
            copy = types.inputs if types.inputs != self.size else 0
            named = {OF_INPUTS: types.inputs, OF_OUTPUT: types.output, OF_PARAMETERS: self.size, OF_COPY: copy}
            itemsize = named.get(extra.itemsize, extra.itemsize)
        if not extra.per_sample:
            self.saved_once += extra.elements * itemsize
        return extra.elements * (self.batch if extra.per_sample else 1) * itemsize
