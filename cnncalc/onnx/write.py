"""Network -> ONNX: a graph of cnncalc's ops as a model that runs, without PyTorch.

Each op becomes the operators of ONNX that compute what the module computes that `cnncalc.pytorch.build` makes of it, on
weights of the same names and shapes. The batch stays open, and the shape of every tensor stands in the file.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Mapping
from math import prod, sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from cnncalc.errors import RequestError, did_you_mean
from cnncalc.graph import Graph, Node
from cnncalc.onnx.operators import WRITINGS
from cnncalc.ops.base import Shape, show

OPSET = 21
IR_VERSION = 10
BATCH = "batch"
MAX_BYTES = 2**31 - 2**24
"""What protobuf takes, less what the graph itself needs at most."""

WEIGHTS = ("random", "torch", "none")
"""Which weights a file has, where they are not given: random ones, those of PyTorch's own initialisation, or none."""

Array = NDArray[np.float32]


class Place:
    """A node that is being written: its op, its inputs' names and shapes, and its own operators and weights."""

    def __init__(self, writer: Writer, node: Node) -> None:
        self.writer = writer
        self.node: Node = node
        self.op: Any = node.op
        self.shapes = node.input_shapes
        self.inputs = [writer.tensors[source] for source in node.inputs]
        self.path = node.name.replace(".", "/")
        self.kinds: Counter[str] = Counter()

    @property
    def x(self) -> str:
        """The first input's name."""
        return self.inputs[0]

    @property
    def channels(self) -> int:
        """The channels of the first input."""
        return self.shapes[0][0]

    @property
    def dimensions(self) -> int:
        """Spatial dimensions of the first input."""
        return len(self.shapes[0]) - 1

    def add(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """An operator on tensors; the name of what it gives, the first of several."""
        word = f"{kind}_{self.kinds[kind]}" if self.kinds[kind] else kind
        self.kinds[kind] += 1
        names = [f"{self.node.name}/{word}_{number}" for number in range(outputs)]
        given = {key: value for key, value in attributes.items() if value is not None}
        node = helper.make_node(kind, list(inputs), names, name=f"/{self.path}/{word}", **given)
        self.writer.nodes.append(node)
        return names[0]

    def numbers(self, *values: int) -> str:
        """A list of whole numbers as a tensor."""
        return self.writer.constant(np.asarray(values, np.int64))

    def number(self, value: float) -> str:
        """One real number as a tensor."""
        return self.writer.constant(np.asarray(value, np.float32))

    def weight(self, key: str, *shape: int, fill: float | None = None) -> str:
        """A weight by its name in the built module, in a shape; `fill` is the number that a fresh one holds."""
        return self.writer.weight(self.node.shares or self.node, key, shape, fill)

    def reshaped(self, x: str, *sizes: int) -> str:
        """A tensor in another shape, the batch aside."""
        return self.add("Reshape", x, self.numbers(0, *sizes))


class Writer:
    """A model that is being written."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.tensors: dict[Node, str] = {}
        self.stored: dict[str, Any] = {}
        self.inputs: dict[str, Any] = {}
        self.ends: set[str] = set()

    def constant(self, array: NDArray[Any]) -> str:
        """A known tensor; equal ones are written once."""
        digest = hashlib.blake2b(array.tobytes(), digest_size=8).hexdigest()
        name = f"constant_{array.dtype}_{'x'.join(map(str, array.shape))}_{digest}"
        if name not in self.stored:
            self.stored[name] = _tensor(name, array)
        return name

    def weight(self, owner: Node, key: str, shape: Shape, fill: float | None) -> str:
        """A weight of a node, in a shape; it is stored once."""
        name = f"{owner.name}.{key}"
        if name not in self.stored and name not in self.inputs:
            array = self.weights.get(name, shape, fill)
            if array is None:
                self.inputs[name] = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            else:
                self.stored[name] = _tensor(name, array)
        return name

    def write(self, node: Node) -> None:
        """Write a node of the network."""
        writing = WRITINGS.get(type(node.op))
        if writing is None:
            hint = "an op of which only the costs are known" if node.op.kind == "opaque" else f"the kind {node.op.kind}"
            raise RequestError(f"'{node.name}' cannot be written as ONNX", hint=hint, code="not-in-onnx")
        start = len(self.nodes)
        place = Place(self, node)
        found = writing(place)
        made = [other for other in self.nodes[start:] if found in other.output]
        if not made:
            found = place.add("Identity", found)
            made = [self.nodes[-1]]
        self.tensors[node] = found
        self.rename(node, node.name, start)

    def end(self, node: Node, name: str) -> None:
        """Let the tensor of a node be an output of a name."""
        taken = {other for key, other in self.tensors.items() if key is not node}
        if node.is_input or self.tensors[node] in self.ends:  # it has a name already that it must keep
            self.nodes.append(helper.make_node("Identity", [self.tensors[node]], [name], name=f"/{name}"))
        elif name in taken:
            raise RequestError(f"the output '{name}' is called like another layer", hint="give it another name")
        else:
            self.rename(node, name)
        self.ends.add(name)

    def rename(self, node: Node, name: str, start: int = 0) -> None:
        """Give the tensor of a node another name, in the operators from a place on."""
        old, self.tensors[node] = self.tensors[node], name
        for other in self.nodes[start:]:
            for names in (other.input, other.output):
                for number, each in enumerate(names):
                    if each == old:
                        names[number] = name


class Weights:
    """Where weights come from: given ones by name, or random ones from a seed, or none."""

    def __init__(self, given: Mapping[str, Any] | None, seed: int, kept: bool = True) -> None:
        self.given = given
        self.seed = seed
        self.kept = kept

    def get(self, name: str, shape: Shape, fill: float | None) -> Array | None:
        """The weight of a name; None if the file shall have none.

        Raises:
            RequestError: none is given of that name, or it has another shape.
        """
        if not self.kept:
            return None
        if self.given is None:
            return _fresh(name, shape, fill, self.seed)
        if name not in self.given:
            hint = did_you_mean(name, self.given) or "they are named as in cnncalc.pytorch.build(network).state_dict()"
            raise RequestError(f"no weight '{name}' is given", hint=hint, code="no-weights")
        value = self.given[name]
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value, np.float32)
        if array.shape != tuple(shape):
            found = f"it is {show(array.shape)}, not {show(shape)}"
            raise RequestError(f"the weight '{name}' has another shape", hint=found, code="no-weights")
        return array


def _fresh(name: str, shape: Shape, fill: float | None, seed: int) -> Array:
    """A random weight, the same whenever it is asked for; or full of one number. Its size keeps activations in range
    (He et al. 2015)."""
    if fill is not None:
        return np.full(shape, fill, np.float32)
    inputs = prod(shape[1:]) if len(shape) > 1 else shape[0]
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    found: Array = random.standard_normal(shape, np.float32) * np.float32(sqrt(2 / max(inputs, 1)))
    return found


def _tensor(name: str, array: NDArray[Any]) -> Any:
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    data = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
    return TensorProto(name=name, data_type=kind, dims=array.shape, raw_data=data)


def model(graph: Graph, weights: str | Mapping[str, Any] = "random", seed: int = 0) -> ModelProto:
    """A network as an ONNX model.

    Args:
        graph: the network.
        weights: "random" ones from a seed; those that "torch" initialises, which needs PyTorch; "none", which makes
            them inputs of the model; or tensors by their names in `cnncalc.pytorch.build(graph).state_dict()`.
        seed: of what is random.

    Returns:
        An `onnx.ModelProto` of opset 21 at inference. Inputs are [batch, *shape], the batch open.

    Raises:
        RequestError: a layer that ONNX has no operators for; more weights than a file can hold; a weight that is not
            given.

    >>> from cnncalc import network
    >>> found = model(network("{input: [3, 8, 8], layers: [{conv: 4, kernel: 3}, relu]}"))
    >>> [(node.op_type, list(node.output)) for node in found.graph.node]
    [('Conv', ['conv1']), ('Relu', ['output'])]
    """
    _check_size(graph, weights)
    writer = Writer(_weights(graph, weights, seed))
    for node in graph.nodes:
        if node.is_input:
            writer.tensors[node] = node.name
        else:
            writer.write(node)
    outputs = [_info(name, node.output) for name, node in graph.outputs.items()]
    for name, node in graph.outputs.items():
        writer.end(node, name)
    inputs = [_info(node.name, node.output) for node in graph.inputs] + list(writer.inputs.values())
    known = [_info(writer.tensors[node], node.output) for node in graph.layers if node not in graph.outputs.values()]
    made = helper.make_graph(
        writer.nodes, graph.name or "network", inputs, outputs, list(writer.stored.values()), value_info=known
    )
    return helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="cnncalc",
        doc_string=graph.title or graph.name,
    )


def write(graph: Graph, path: str | Path, weights: str | Mapping[str, Any] = "random", seed: int = 0) -> None:
    """Write a network to an ONNX file; arguments and errors as those of `model`. A file of that name is replaced once
    the new one is complete."""
    from cnncalc.replace import replaced_bytes

    replaced_bytes(Path(path), model(graph, weights, seed).SerializeToString())


def _info(name: str, shape: Shape) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *shape])


def _check_size(graph: Graph, weights: str | Mapping[str, Any]) -> None:
    """Refuse what no file can hold, before any of it is made.

    Raises:
        RequestError: the weights take more than protobuf can write.
    """
    if weights == "none":
        return
    from cnncalc.costs.analysis import Costs

    costs = Costs(graph)
    size = 4 * (int(costs.params) + int(costs.buffers))
    if size > MAX_BYTES:
        raise RequestError(
            f"the weights of {graph.name} take {size / 2**30:,.1f} GiB, and an ONNX file holds 2 GiB",
            hint="--weights none writes the graph alone, its weights inputs",
            code="too-large",
        )


def _weights(graph: Graph, weights: str | Mapping[str, Any], seed: int) -> Weights:
    if not isinstance(weights, str):
        return Weights(weights, seed)
    if weights not in WEIGHTS:
        hint = did_you_mean(weights, WEIGHTS) or f"{', '.join(WEIGHTS)}"
        raise RequestError(f"there are no weights '{weights[:40]}'", hint=hint, code="unknown-word")
    if weights != "torch":
        return Weights(None, seed, weights == "random")
    import torch

    from cnncalc.pytorch import build

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Weights(dict(build(graph).state_dict()), seed)
