"""Memory: of each layer, at the peak of inference, and in training.

Three different questions have three different answers:

- *traffic*: the bytes that each layer reads (its inputs, parameters and buffers) and writes (its output), each
  once, as an ideal cache would have it;
- *peak inference memory*: parameters and buffers, and the tensors alive at the worst moment. A tensor lives
  from the layer that makes it to the last that reads it; the network's outputs to the end. Layers that only
  look at their input anew (`flatten`, `slice`, `dropout` at inference) make no tensor. What an implementation
  allocates for itself inside a layer is not counted;
- *training memory*: what PyTorch's autograd keeps for the backward pass, each tensor's memory once, with
  parameters, buffers, gradients and the optimizer's state.

`inplace` lets activations overwrite their input where nothing else needs it, as torchvision does and as
`cnncalc.pytorch.build(network, inplace=True)` builds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from cnncalc.errors import RequestError, did_you_mean
from cnncalc.formula import prod
from cnncalc.language.expand import INPUT, Layer, Network
from cnncalc.ops import Op, Shape
from cnncalc.ops.base import OF_PARAMETERS, Extra, Kept

DTYPES: Mapping[str, int] = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}
"""Bytes of a number."""

OPTIMIZERS: Mapping[str, int] = {"sgd": 0, "momentum": 1, "rmsprop": 1, "adam": 2, "adamw": 2}
"""Numbers that an optimizer remembers for each parameter. Adam's one step counter a tensor is left out."""

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


class Held(NamedTuple):
    """A tensor that takes memory: what it is, and its bytes."""

    what: str
    bytes: int


@dataclass(frozen=True, slots=True)
class LayerMemory:
    """The memory of one layer, in bytes, for the whole batch.

    Attributes:
        params, buffers: what it stores.
        output: its output tensor; 0 if that is its input's memory.
        read, written: its traffic.
        alive: all tensors alive while it runs at inference, its output included.
        kept: what autograd keeps of it, not counting what an earlier layer keeps already.
    """

    params: int
    buffers: int
    output: int
    read: int
    written: int
    alive: int
    kept: tuple[Held, ...]

    @property
    def kept_bytes(self) -> int:
        """The bytes that autograd keeps of this layer."""
        return sum(held.bytes for held in self.kept)


@dataclass(frozen=True, slots=True)
class Training:
    """The memory of a step of training, in bytes: the tensors that autograd keeps, with what stays."""

    kept: int
    params: int
    buffers: int
    gradients: int
    optimizer: int
    half_weights: int

    @property
    def total(self) -> int:
        """The sum of all."""
        return self.kept + self.params + self.buffers + self.gradients + self.optimizer + self.half_weights


@dataclass
class Memory:
    """The memory of a network for a batch. `layers[i]` is that of `network.layers[i]`; all in bytes.

    Attributes:
        input: the input batch.
        activations: the sum of all layers' outputs.
        peak_layer: the index of the layer at which most is alive.
    """

    network: Network
    batch: int
    layers: list[LayerMemory]
    params: int
    buffers: int
    input: int
    activations: int
    peak_layer: int
    alive: tuple[Held, ...]
    training: Training

    @cached_property
    def peak(self) -> int:
        """Parameters, buffers, and the tensors alive at the worst moment of inference."""
        return self.params + self.buffers + sum(held.bytes for held in self.alive)

    @property
    def kept(self) -> int:
        """What autograd keeps for the backward pass, each tensor's memory once."""
        return self.training.kept

    @property
    def traffic(self) -> int:
        """The bytes that all layers read and write."""
        return sum(layer.read + layer.written for layer in self.layers)


def memory(
    network: Network,
    batch: int = 1,
    dtype: str = "float32",
    inplace: bool = False,
    optimizer: str = "sgd",
    mixed: bool = False,
) -> Memory:
    """The memory of a network.

    Args:
        batch: samples at once.
        dtype: of everything: float64, float32, float16 or bfloat16.
        inplace: activations overwrite their input where they may.
        optimizer: sgd, momentum, rmsprop, adam or adamw.
        mixed: mixed precision, as `torch.autocast`: activations of 2 bytes, and a copy of such weights for the
            convolutions and linear layers, while parameters and their gradients stay as `dtype` says.

    Raises:
        RequestError: an unknown dtype or optimizer.

    >>> from cnncalc import expand, load
    >>> result = memory(expand(load("vgg16")))
    >>> result.network.layers[result.peak_layer].name, result.peak
    ('block1.relu1', 579120288)
    """
    size = _known(DTYPES, dtype, "dtype")
    state = _known(OPTIMIZERS, optimizer, "optimizer")
    return _Account(network, batch, size, 2 if mixed else size, inplace).memory(state, mixed)


def peak_memory(network: Network, batch: int = 1, bytes_per_element: int = 4, inplace: bool = False) -> int:
    """The peak memory of inference in bytes: parameters and buffers, and the tensors alive at the worst moment.

    >>> from cnncalc import expand, load
    >>> peak_memory(expand(load("lenet5")))
    277632
    """
    return _Account(network, batch, bytes_per_element, bytes_per_element, inplace).peak()


def largest_batch(
    network: Network,
    budget: int,
    dtype: str = "float32",
    inplace: bool = False,
    optimizer: str = "sgd",
    mixed: bool = False,
    training: bool = True,
) -> int:
    """The largest batch whose training (or inference) fits a budget in bytes; 0 if not even one sample does.

    >>> from cnncalc import expand, load
    >>> largest_batch(expand(load("resnet50")), parse_bytes("24GiB"), optimizer="adam")
    310
    """

    def needed(batch: int) -> int:
        result = memory(network, batch, dtype, inplace, optimizer, mixed)
        return result.training.total if training else result.peak

    one = needed(1)
    each = needed(2) - one  # both kinds of memory are a constant and a share for each sample
    return 0 if one > budget else 1 + (budget - one) // each


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


def overwriting_layers(network: Network) -> frozenset[int]:
    """The layers that may overwrite their input: it is read by no other layer, is no output of the network,
    shares memory with no other tensor, and its maker does not need it for the backward pass.

    >>> from cnncalc import expand, load
    >>> network = expand(load("vgg11"))
    >>> sorted(network.layers[index].name for index in overwriting_layers(network))[:2]
    ['block1.relu1', 'block2.relu1']
    """
    readers = [0] * len(network.layers)
    for layer in network.layers:
        for tensor in layer.inputs:
            if tensor != INPUT:
                readers[tensor] += 1
    outputs = set(network.outputs.values())
    found = set()
    for index, layer in enumerate(network.layers):
        if not layer.kind.in_place:
            continue
        (tensor,) = layer.inputs
        if tensor == INPUT or tensor in outputs or readers[tensor] != 1:
            continue
        maker = network.layers[tensor]
        shapes = network.input_shapes(maker)
        keeps = maker.kind.kept(shapes, maker.output, (True,) * len(shapes))
        if not (keeps.output or tensor in found or maker.kind.aliases(*shapes, training=False)):
            found.add(index)
    return frozenset(found)


def _known(table: Mapping[str, int], name: str, what: str) -> int:
    """A table's entry; an error that names the others."""
    if name not in table:
        hint = did_you_mean(name, list(table)) or f"one of {', '.join(table)}"
        raise RequestError(f"unknown {what} '{name[:40]}'", hint=hint)
    return table[name]


class _Sizes(NamedTuple):
    """What a kind needs on given inputs, in elements of one sample."""

    params: int
    buffers: int
    inner: int
    weights: int  # parameters that a product reads, so without biases


class _Account:
    """The bookkeeping of one network: which layers share memory, how long each piece of memory is needed."""

    def __init__(self, network: Network, batch: int, size: int, activation_size: int, inplace: bool) -> None:
        self.network = network
        self.batch = batch
        self.size = size
        self.activation_size = activation_size
        self.overwriting = overwriting_layers(network) if inplace else frozenset()
        self.known: dict[tuple[Op, tuple[Shape, ...]], _Sizes] = {}
        self.sizes = [self._sizes(layer) for layer in network.layers]

    def _sizes(self, layer: Layer) -> _Sizes:
        shapes = self.network.input_shapes(layer)
        key = (layer.kind, shapes)
        if key not in self.known:
            formulas = layer.kind.formulas()
            values = {**layer.kind.values(shapes, layer.output), "training": self.network.training}
            params = int(formulas["params"](**values)) if "params" in formulas else 0
            buffers = int(formulas["buffers"](**values)) if "buffers" in formulas else 0
            biases = values.get("c_out", 1) * bool(values.get("bias", True))
            weights = params - biases if params and "mac" in formulas else 0
            self.known[key] = _Sizes(params, buffers, layer.kind.inner(*shapes), weights)
        return self.known[key]

    def owners(self, training: bool) -> list[int]:
        """For each layer, the tensor whose memory its output is: itself, or what it views or overwrites."""
        owners: list[int] = []
        for index, layer in enumerate(self.network.layers):
            first = layer.inputs[0]
            views = layer.kind.aliases(*self.network.input_shapes(layer), training=training)
            if views or index in self.overwriting:
                owners.append(INPUT if first == INPUT else owners[first])
            else:
                owners.append(index)
        return owners

    def bytes_of(self, tensor: int) -> int:
        """The bytes of a tensor for the batch."""
        return int(prod(self.network.shape(tensor))) * self.batch * self.activation_size

    def lives(self, owners: list[int]) -> dict[int, tuple[int, int]]:
        """For each piece of memory, by its owner, the first and last layer that it is needed at."""
        lives = {INPUT: (0, 0)}
        for index, layer in enumerate(self.network.layers):
            for tensor in (*layer.inputs, index):
                owner = INPUT if tensor == INPUT else owners[tensor]
                lives[owner] = (lives[owner][0] if owner in lives else index, index)
        end = len(self.network.layers) - 1
        for tensor in self.network.outputs.values():
            owner = INPUT if tensor == INPUT else owners[tensor]
            lives[owner] = (lives[owner][0], end)
        return lives

    def alive(self, lives: Mapping[int, tuple[int, int]]) -> list[int]:
        """The bytes alive while each layer runs."""
        changes = [0] * (len(self.network.layers) + 1)
        for owner, (first, last) in lives.items():
            size = self.bytes_of(owner)
            changes[first] += size
            changes[last + 1] -= size
        total, alive = 0, []
        for change, sizes in zip(changes, self.sizes, strict=False):
            total += change
            alive.append(total + sizes.inner * self.batch * self.activation_size)
        return alive

    def stored(self) -> tuple[int, int]:
        """The bytes of parameters and of buffers."""
        params = sum(sizes.params for sizes in self.sizes)
        return params * self.size, sum(sizes.buffers for sizes in self.sizes) * self.size

    def peak(self) -> int:
        """Parameters, buffers and what is alive at the worst moment."""
        alive = self.alive(self.lives(self.owners(training=False)))
        return sum(self.stored()) + max(alive, default=self.bytes_of(INPUT))

    def memory(self, optimizer: int, mixed: bool) -> Memory:
        """Everything."""
        owners = self.owners(training=False)
        lives = self.lives(owners)
        alive = self.alive(lives)
        kept = self.kept()
        params, buffers = self.stored()
        worst = max(range(len(alive)), key=alive.__getitem__, default=0)
        weights = sum(sizes.weights for sizes in self.sizes)
        training = Training(
            kept=sum(held.bytes for row in kept for held in row),
            params=params,
            buffers=buffers,
            gradients=params,
            optimizer=params * optimizer,
            half_weights=weights * self.activation_size if mixed else 0,
        )
        layers = [self.layer(index, owners[index] == index, alive[index], row) for index, row in enumerate(kept)]
        return Memory(
            network=self.network,
            batch=self.batch,
            layers=layers,
            params=params,
            buffers=buffers,
            input=self.bytes_of(INPUT),
            activations=sum(map(self.bytes_of, range(len(layers)))),
            peak_layer=worst,
            alive=tuple(self.held_at(worst, lives)),
            training=training,
        )

    def held_at(self, index: int, lives: Mapping[int, tuple[int, int]]) -> list[Held]:
        """The tensors alive while a layer runs, the oldest first."""
        held = [
            Held(self.name(owner), self.bytes_of(owner))
            for owner, (first, last) in sorted(lives.items())
            if first <= index <= last or not self.sizes
        ]
        if index < len(self.sizes) and self.sizes[index].inner:
            inner = self.sizes[index].inner * self.batch * self.activation_size
            held.append(Held(f"inside {self.name(index)}", inner))
        return held

    def name(self, tensor: int) -> str:
        """The name of a tensor."""
        return "input" if tensor == INPUT else self.network.layers[tensor].name

    def layer(self, index: int, owner: bool, alive: int, kept: tuple[Held, ...]) -> LayerMemory:
        """The memory of one layer."""
        sizes = self.sizes[index]
        layer = self.network.layers[index]
        views = not owner and index not in self.overwriting
        stored = (sizes.params + sizes.buffers) * self.size
        inner = sizes.inner * self.batch * self.activation_size
        output = self.bytes_of(index)
        return LayerMemory(
            params=sizes.params * self.size,
            buffers=sizes.buffers * self.size,
            output=output if owner else 0,
            read=0 if views else stored + inner + sum(map(self.bytes_of, layer.inputs)),
            written=0 if views else inner + output,
            alive=alive,
            kept=kept,
        )

    def kept(self) -> list[tuple[Held, ...]]:
        """What autograd keeps of each layer, a piece of memory at the first layer that keeps it."""
        owners = self.owners(training=True)
        needed: list[bool] = []  # whether a gradient flows through each layer
        seen: set[int] = set()
        rows: list[tuple[Held, ...]] = []
        for index, layer in enumerate(self.network.layers):
            flows = tuple(tensor != INPUT and needed[tensor] for tensor in layer.inputs)
            needed.append(any(flows) or self.sizes[index].params > 0)
            row: list[Held] = []
            if needed[-1]:
                kept = self.kept_of(index, layer, flows)
                tensors = [layer.inputs[number] for number in kept.inputs] + [index] * kept.output
                for tensor in tensors:
                    owner = INPUT if tensor == INPUT else owners[tensor]
                    if owner not in seen:
                        seen.add(owner)
                        row.append(Held(self.name(owner), self.bytes_of(owner)))
                row += [Held(extra.what, self.extra_bytes(extra)) for extra in kept.extra]
            rows.append(tuple(row))
        return rows

    def kept_of(self, index: int, layer: Layer, flows: tuple[bool, ...]) -> Kept:
        """What autograd keeps of a layer, the way the layer is run."""
        if index not in self.overwriting:
            return layer.kind.kept(self.network.input_shapes(layer), layer.output, flows)
        if layer.kind.in_place == "output":
            return Kept(output=True)
        return Kept(extra=(Extra("copy of the input", prod(layer.output)),))

    def extra_bytes(self, extra: Extra) -> int:
        """The bytes of a tensor that a layer makes to keep."""
        itemsize = self.size if extra.itemsize == OF_PARAMETERS else extra.itemsize or self.activation_size
        return extra.elements * (self.batch if extra.each else 1) * itemsize
