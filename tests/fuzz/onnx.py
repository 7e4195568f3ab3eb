"""Fuzz the reader of ONNX files.

    python -m tests.fuzz.onnx --count 10000 --seed 1 --findings /tmp/findings

tries so many changed files, half changed as bytes and half as messages: attributes, names, sizes, operators. Each is
refused with one error, or read and analysed, in bounded time and memory. The process's memory is bounded to 512 MB more
than it starts with. Should the interpreter itself crash, the input is left in the folder for temporary files, as
`fuzz-PROCESS.onnx`.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import onnx
from onnx import TensorProto, helper

from cnncalc import Network
from cnncalc.errors import CnncalcError, RequestError
from cnncalc.onnx import read
from cnncalc.views.records import builtins, network_document

from .limits import Finding, bound_memory, check_message, time_limit

NUMBERS = (0, 1, -1, 2, 3, -2, 5, 7, 100, 211, 422, 2**31, 10**9, 10**9 + 1, 2**62, -(2**63), 2**63 - 1)
WORDS = ("", "x", "../../etc/passwd", "a.b", "a/b/c", "\x1b[2J", "\u202e", "y" * 500, "features.0.weight", "'", "\n")
KINDS = (
    *("Conv", "Gemm", "MatMul", "Reshape", "Slice", "Gather", "Concat", "Split", "Pad", "Resize", "Transpose", "Add"),
    *("ConstantOfShape", "Expand", "Tile", "Range", "If", "Loop", "Constant", "Shape", "LSTM", "ConvTranspose", "Cast"),
    *("MaxPool", "AveragePool", "ReduceMean", "Softmax", "LayerNormalization", "GatherND", "TopK", "Einsum", "Clip"),
    *("DepthToSpace", "SequenceAt", "SplitToSequence", "NonZero", "Where", "OneHot", "Pow", "Div", "Mod", "NoSuchOp"),
    *("GroupNormalization", "Unsqueeze", "Squeeze", "Flatten", "Identity", "Attention", "DequantizeLinear", "Sum"),
)


def seeds() -> list[Any]:
    """Models that are right, small, and of many operators."""
    return [convolutions(), sizes(), tokens(), choices(), outside()]


def model(nodes: list[Any], stored: dict[str, tuple[int, ...]], shape: list[Any], numbers: dict[str, Any]) -> Any:
    """A model from `x`, of a shape, to `y`: stored tensors by their shapes, and known numbers."""
    tensors = [TensorProto(name=name, data_type=TensorProto.FLOAT, dims=dims) for name, dims in stored.items()]
    for tensor in tensors:
        if _size(tensor.dims) < 10_000:
            tensor.float_data.extend([0.5] * _size(tensor.dims))
    tensors += [
        helper.make_tensor(name, TensorProto.INT64, [len(values)] if isinstance(values, list) else [], _list(values))
        for name, values in numbers.items()
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "seed", [x], [y], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def _size(dims: Sequence[int]) -> int:
    found = 1
    for size in dims:
        found *= size
    return found


def _list(values: Any) -> list[int]:
    return values if isinstance(values, list) else [values]


def node(kind: str, *inputs: str, to: str, **attributes: Any) -> Any:
    return helper.make_node(kind, list(inputs), to.split(), name=f"/{to.split()[0]}/{kind}", **attributes)


def convolutions() -> Any:
    nodes = [
        node("Conv", "x", "c.weight", "c.bias", to="a", kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2]),
        node("BatchNormalization", "a", "n.weight", "n.bias", "n.mean", "n.var", to="b", epsilon=1e-3),
        node("Sigmoid", "b", to="s"),
        node("Mul", "b", "s", to="u"),
        node("MaxPool", "u", to="d", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
        node("ConvTranspose", "d", "t.weight", to="e", strides=[2, 2], kernel_shape=[2, 2]),
        node("AveragePool", "e", to="p", kernel_shape=[2, 2], strides=[2, 2], count_include_pad=1),
        node("Concat", "p", "d", to="q", axis=1),
        node("GlobalAveragePool", "q", to="g"),
        node("Flatten", "g", to="f"),
        node("Gemm", "f", "l.weight", "l.bias", to="y", transB=1),
    ]
    vectors = {f"n.{name}": (8,) for name in ("weight", "bias", "mean", "var")}
    stored = {"c.weight": (8, 3, 3, 3), "c.bias": (8,), **vectors, "t.weight": (8, 4, 2, 2), "l.weight": (10, 12)}
    return model(nodes, {**stored, "l.bias": (10,)}, ["n", 3, 16, 16], {})


def sizes() -> Any:
    nodes = [
        node("Shape", "x", to="s"),
        node("Gather", "s", "zero", to="n", axis=0),
        node("Slice", "s", "two", "four", to="hw"),
        node("Mul", "hw", "twos", to="twice"),
        node("Unsqueeze", "n", "axis", to="n1"),
        node("Concat", "n1", "three", "twice", to="size", axis=0),
        node("Resize", "x", "", "", "size", to="r", mode="linear"),
        node("Pad", "r", "pads", to="p"),
        node("Split", "p", "parts", to="one two_", axis=1),
        node("Add", "two_", "one", to="added"),
        node("Transpose", "added", to="t", perm=[0, 2, 3, 1]),
        node("Slice", "t", "one1", "nine", "axes", "twos1", to="cut"),
        node("ReduceMean", "cut", "axes", to="m", keepdims=0),
        node("Reshape", "m", "flat", to="v"),
        node("Softmax", "v", to="y", axis=-1),
    ]
    numbers = {
        "zero": 0,
        "two": [2],
        "four": [4],
        "twos": [2, 2],
        "axis": [0],
        "three": [2],
        "flat": [0, -1],
        "pads": [0, 0, 1, 1, 0, 0, 1, 1],
        "parts": [1, 1],
        "one1": [1],
        "nine": [9],
        "axes": [1],
        "twos1": [2],
    }
    return model(nodes, {}, ["n", 2, 8, 8], numbers)


def tokens() -> Any:
    nodes = [
        node("MatMul", "x", "q.weight", to="q0"),
        node("Add", "q0", "q.bias", to="q"),
        node("Reshape", "q", "heads", to="h"),
        node("Transpose", "h", to="t", perm=[0, 2, 1, 3]),
        node("Transpose", "t", to="k", perm=[0, 1, 3, 2]),
        node("MatMul", "t", "k", to="scores"),
        node("Softmax", "scores", to="shares"),
        node("MatMul", "shares", "t", to="o"),
        node("Transpose", "o", to="back", perm=[0, 2, 1, 3]),
        node("Reshape", "back", "flat", to="z"),
        node("LayerNormalization", "z", "ln.weight", "ln.bias", to="l"),
        node("Transpose", "l", to="steps", perm=[1, 0, 2]),
        node("LSTM", "steps", "w", "r", "b", to="all last cell", hidden_size=5),
        node("Squeeze", "last", "axis", to="y"),
    ]
    stored = {
        "q.weight": (12, 12),
        "q.bias": (12,),
        "ln.weight": (12,),
        "ln.bias": (12,),
        "w": (1, 20, 12),
        "r": (1, 20, 5),
        "b": (1, 40),
    }
    return model(nodes, stored, ["n", 6, 12], {"heads": [0, 6, 3, 4], "flat": [0, 6, 12], "axis": [0]})


def choices() -> Any:
    """A choice that is known, in one that is known, and one that is not."""

    def branch(inner: list[Any], output: str) -> Any:
        return helper.make_graph(inner, "branch", [], [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)])

    deep = branch([node("Relu", "x", to="a3")], "a3")
    other = branch([node("Neg", "x", to="b3")], "b3")
    inside = branch([node("If", "yes", to="a2", then_branch=deep, else_branch=other)], "a2")
    outer = branch([node("Abs", "x", to="b2")], "b2")
    nodes = [
        node("Constant", to="yes", value=helper.make_tensor("v", TensorProto.BOOL, [], [True])),
        node("If", "yes", to="a", then_branch=inside, else_branch=outer),
        node("SplitToSequence", "a", "parts", to="list", axis=1),
        node("SequenceAt", "list", "place", to="b"),
        node("Clip", "b", "", "", to="y"),
    ]
    return model(nodes, {}, [1, 4, 4, 4], {"parts": [1, 3], "place": 1})


def outside() -> Any:
    """Weights in another file, whose path leads out of the folder."""
    found = convolutions()
    for tensor in found.graph.initializer:
        tensor.ClearField("float_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../../../../etc/passwd")
    return found


EQUATIONS = (
    *(
        "nab,ncb->nac",
        "...ab,...cb->...ac",
        "nab",
        "nab->nba",
        "nab->n",
        "nab,nab->nab",
        "nab,ncb,ncd->nad",
        "...->...",
    ),
    *(
        "ab,,c->",
        "->",
        ",",
        "...",
        "......ab->ab",
        "aab->ab",
        "nab,nab->nn",
        "nab->nabz",
        "n\u00e4b->nb",
        "a" * 70 + ",b",
    ),
    *("".join(chr(one) for one in (*range(65, 91), *range(97, 123))) + "...->", "n...,n...->...n", "1,2->3", "nab,nab"),
)


class Mutator:
    """Changes models at random."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.seeds = seeds()
        self.bytes = [seed.SerializeToString() for seed in self.seeds]

    def file(self) -> bytes:
        """The bytes of a changed file."""
        return self.changed_bytes() if self.random.random() < 0.5 else self.changed_model()

    def changed_bytes(self) -> bytes:
        random = self.random
        data = bytearray(random.choice(self.bytes))
        for _ in range(random.choice((1, 1, 2, 3, 8, 30))):
            at = random.randrange(len(data) + 1)
            end = min(len(data), at + random.choice((1, 1, 2, 4, 16, 200)))
            kind = random.randrange(5)
            if kind == 0:
                data[at:end] = random.randbytes(end - at)
            elif kind == 1:
                del data[at:end]
            elif kind == 2:
                data[at:at] = data[at:end] * random.choice((1, 2, 50))
            elif kind == 3:
                data = data[:at] or data
            elif at < len(data):
                data[at] ^= 1 << random.randrange(8)
        return bytes(data) if random.random() < 0.97 else random.randbytes(random.randrange(2_000))

    def changed_model(self) -> bytes:
        found = onnx.ModelProto()
        found.CopyFrom(self.random.choice(self.seeds))
        changes: tuple[Callable[[Any], None], ...] = (
            *(self.attribute, self.attribute, self.kind, self.wire, self.wire, self.dims, self.numbers, self.drop),
            *(self.input, self.version, self.word, self.repeat),
        )
        for _ in range(self.random.choice((1, 1, 1, 2, 3, 6))):
            change = self.random.choice(changes)
            if found.graph.node and (found.graph.initializer or change not in (self.dims, self.numbers)):
                change(found)
        return found.SerializeToString()

    def attribute(self, found: Any) -> None:
        """An attribute with another value, or of another type, or a new one."""
        node = self.random.choice(found.graph.node)
        names = ("axis", "pads", "strides", "group", "perm", "kernel_shape", "blocksize", "mode", "to", "equation")
        name = self.random.choice([*[attribute.name for attribute in node.attribute], self.random.choice(names)])
        kept = [attribute for attribute in node.attribute if attribute.name != name]
        many = [self.random.choice(NUMBERS) for _ in range(self.random.choice((0, 1, 2, 4, 8)))]
        value = self.random.choice((many, many, self.random.choice(NUMBERS), 0.5, "SAME_UPPER", "", [1.5], "ab,bc->ac"))
        if name == "equation" and self.random.random() < 0.8:
            value = self.random.choice(EQUATIONS)
        del node.attribute[:]
        node.attribute.extend(kept)
        if value != []:
            node.attribute.append(helper.make_attribute(name, value))

    def kind(self, found: Any) -> None:
        """Another operator."""
        node = self.random.choice(found.graph.node)
        node.op_type = self.random.choice(KINDS)
        if self.random.random() < 0.1:
            node.domain = self.random.choice(("com.example", "ai.onnx", "ai.onnx.ml"))

    def wire(self, found: Any) -> None:
        """Another tensor read, or given."""
        random = self.random
        names = [name for node in found.graph.node for name in node.output] + ["", "x", "y", "nothing"]
        names += [tensor.name for tensor in found.graph.initializer]
        node = random.choice(found.graph.node)
        side = node.output if random.random() < 0.2 else node.input
        if side and random.random() < 0.8:
            side[random.randrange(len(side))] = random.choice(names)
        else:
            side.extend([random.choice(names)] * random.choice((1, 2, 40)))

    def dims(self, found: Any) -> None:
        """Other sizes of a stored tensor."""
        tensor = self.random.choice(found.graph.initializer)
        if tensor.dims and self.random.random() < 0.8:
            tensor.dims[self.random.randrange(len(tensor.dims))] = self.random.choice(NUMBERS)
        else:
            tensor.dims.append(self.random.choice(NUMBERS))

    def numbers(self, found: Any) -> None:
        """Other numbers in a stored tensor."""
        tensor = self.random.choice(found.graph.initializer)
        if tensor.int64_data:
            tensor.int64_data[self.random.randrange(len(tensor.int64_data))] = self.random.choice(NUMBERS)
        tensor.data_type = self.random.choice((tensor.data_type, tensor.data_type, self.random.randrange(30)))

    def drop(self, found: Any) -> None:
        """Something less."""
        items = self.random.choice((found.graph.node, found.graph.initializer, found.graph.output, found.opset_import))
        if len(items):
            del items[self.random.randrange(len(items))]

    def input(self, found: Any) -> None:
        """Another input."""
        shape = found.graph.input[0].type.tensor_type.shape
        if self.random.random() < 0.1:
            found.graph.input[0].type.tensor_type.ClearField("shape")
        elif shape.dim and self.random.random() < 0.7:
            size = self.random.choice(shape.dim)
            if self.random.random() < 0.5:
                size.dim_value = self.random.choice(NUMBERS)
            else:
                size.dim_param = self.random.choice(WORDS).strip("\ud800")
        else:
            shape.dim.add(dim_value=self.random.choice(NUMBERS))

    def version(self, found: Any) -> None:
        """Another opset."""
        if found.opset_import:
            found.opset_import[0].version = self.random.choice((*range(6, 30), *NUMBERS))

    def word(self, found: Any) -> None:
        """Another name, of a node or of a stored tensor wherever it stands."""
        word = self.random.choice(WORDS)
        node = self.random.choice(found.graph.node)
        node.name = word
        if self.random.random() < 0.3:
            node.op_type, node.domain = word or "A", "com.example"
        elif self.random.random() < 0.3 and found.graph.initializer:
            tensor = self.random.choice(found.graph.initializer)
            for other in found.graph.node:
                for number, name in enumerate(other.input):
                    if name == tensor.name:
                        other.input[number] = word or "w"
            tensor.name = word or "w"
        if self.random.random() < 0.5:
            node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=f"['', '{word}', 'a.b', 'c']")

    def repeat(self, found: Any) -> None:
        """A node many times, each on the last."""
        node = self.random.choice(found.graph.node)
        if len(node.output) != 1 or not node.input:
            return
        last = node.output[0]
        for number in range(self.random.choice((2, 30, 300))):
            more = found.graph.node.add()
            more.CopyFrom(node)
            more.input[0], more.output[0] = last, f"{last[:20]}_{number}"
            last = more.output[0]


def check_file(path: Path) -> str:
    """Read and analyse a file; how far it came: `refused` or `analysed`.

    Raises:
        Finding: an error that is none of the user's, too late or too large; a wrong number.
    """
    try:
        with time_limit("reading", 5):
            graph = read(path)
    except RequestError as error:
        check_message(error)
        return "refused"
    except Exception as error:
        raise Finding(f"reading raises {type(error).__name__}: {str(error)[:200]}") from error
    try:
        with time_limit("analysing", 10):
            _check(Network.of(graph))
    except CnncalcError as error:
        check_message(error)
        return "refused late"
    except Finding:
        raise
    except Exception as error:
        raise Finding(f"analysing raises {type(error).__name__}: {str(error)[:200]}") from error
    return "analysed"


def _check(network: Network) -> None:
    """Names and shapes are sound, and numbers whole."""
    for index, node in enumerate(network.nodes):
        if not node.output or any(type(size) is not int or size < 1 for size in node.output):
            raise Finding(f"{node.name} has the shape {node.output}")
        if node.index != index or any(source.index >= index for source in node.inputs):
            raise Finding(f"{node.name} reads a tensor that is not yet there")
        if len(node.name) > 400 or not node.name.isprintable():
            raise Finding(f"a node is called {node.name[:80]!r}")
    if len({node.name for node in network.nodes}) != len(network.nodes):
        raise Finding("two nodes have one name")
    analysis = network.analyze()
    if any(int(number) < 0 for number in (analysis.params, analysis.macs, analysis.flops, analysis.memory.peak)):
        raise Finding("a total is negative")
    json.dumps(builtins(network_document(analysis)))


def main() -> int:
    """Run; the exit status is 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.onnx", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, help="files to try")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--seed", type=int, default=0, help="the same seed tries the same files")
    parser.add_argument("--findings", type=Path, help="a folder to write findings to")
    arguments = parser.parse_args()
    faulthandler.enable()
    mutator = Mutator(arguments.seed)
    last = Path(tempfile.gettempdir()) / f"fuzz-{os.getpid()}.onnx"
    for data in mutator.bytes:  # what is right is read
        last.write_bytes(data)
        if check_file(last) != "analysed":
            raise SystemExit("a seed is refused")
    bound_memory()
    outcomes: Counter[str] = Counter()
    findings: Counter[str] = Counter()
    started = time.monotonic()
    for number in range(arguments.count):
        if time.monotonic() - started > arguments.seconds:
            break
        last.write_bytes(mutator.file())
        try:
            outcomes[check_file(last)] += 1
        except Finding as finding:
            outcomes["found"] += 1
            findings[str(finding)] += 1
            if findings[str(finding)] == 1:
                print(f"file {number}: {finding}", flush=True)
                if arguments.findings:
                    arguments.findings.mkdir(parents=True, exist_ok=True)
                    shutil.copy(last, arguments.findings / f"finding-{arguments.seed}-{number}.onnx")
    last.unlink(missing_ok=True)
    told = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
    print(f"{sum(outcomes.values()):,} files in {time.monotonic() - started:.0f} s: {told}")
    print(f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
