"""ONNX -> network: a file as a graph of cnncalc's ops, without PyTorch, and without its weights.

ONNX does not say which axis is the batch. It is the first of the inputs; where the file leaves its size open it is read
as a prime number, so that it can be told from every other size wherever the graph moves it, or else as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from cnncalc.errors import OpError, RequestError, shorten
from cnncalc.graph import MAX_SIZE, Builder, Graph, checked_shape
from cnncalc.onnx.file import load
from cnncalc.onnx.names import clean
from cnncalc.onnx.table import TABLE
from cnncalc.onnx.tidy import fused
from cnncalc.onnx.walk import BATCH, Walk, unfit
from cnncalc.ops import Input
from cnncalc.reading.drafts import Draft, Value
from cnncalc.reading.names import placed
from cnncalc.reading.tidy import tidied

OLDEST = 7
"""The oldest version of ONNX's operators that is read; those before spread and normalise in other ways."""

Sizes = tuple[int | str | None, ...]
"""The sizes of an input as the file has them: a number, a symbol's name, or nothing."""


@dataclass(frozen=True)
class Reading:
    """A file as a network, and what there is to say about it.

    Attributes:
        graph: the network.
        unused: stored tensors that no node reads, and their sizes, by name.
        unknown: the ONNX operators of which some counts are unknown, and how many of them there are.
        batch: the batch that it was read with.
        opset: the version of ONNX's operators.
    """

    graph: Graph
    unused: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)
    batch: int = 1
    opset: int = 0


def read(
    path: str | Path,
    input: int | Sequence[int] | Mapping[str, int | Sequence[int]] | None = None,
    *,
    batch: int | None = None,
    name: str | None = None,
) -> Graph:
    """An ONNX file as a network.

    Args:
        path: the file. Its weights are not read, and no other file is opened.
        input: the input's shape without the batch, [C, *spatial], where the file leaves it open or another is wanted;
            its last sizes will do. For several inputs a shape by the name of each.
        batch: the size of the inputs' first axis to read the graph with, where it takes only one.
        name: what the network is called; the file's name unless said.

    Returns:
        The graph. Nodes have the names that exporters write of their modules (`layer1.0.conv1`).

    Raises:
        RequestError: there is no such file, it is no ONNX file, or the input's size is open and not given; a node that
            does not fit what it reads.

    >>> import onnx
    >>> from onnx import TensorProto, helper
    >>> x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, 8, 8]) for name in "xy")
    >>> graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "small", [x], [y])
    >>> onnx.save(helper.make_model(graph), "small.onnx")
    >>> read("small.onnx")["relu1"]
    Node('relu1', relu, 3x8x8)
    """
    return reading(path, input, batch=batch, name=name).graph


def reading(
    path: str | Path,
    input: int | Sequence[int] | Mapping[str, int | Sequence[int]] | None = None,
    *,
    batch: int | None = None,
    name: str | None = None,
) -> Reading:
    """An ONNX file as a network, with what else there is to say; arguments and errors as those of `read`."""
    path = Path(path)
    model = load(path)
    return reading_of_model(model, name or path.stem, input, batch)


def reading_of_model(model: Any, name: str, input: Any = None, batch: int | None = None) -> Reading:
    """A model, an `onnx.ModelProto`, as a network; arguments and errors as those of `read`."""
    opsets = _opsets(model)
    given = _inputs(model.graph)
    own = _own_batch(given)
    if batch is not None and not (type(batch) is int and 1 <= batch <= MAX_SIZE):
        raise RequestError(f"a batch is a whole number from 1, not {shorten(str(batch))}", code="unfit-batch")
    batches = [batch] if batch is not None else [BATCH, 1] if own is None else [own]
    for last in batches[:-1]:
        try:
            return _read(model, name, given, input, last, own, opsets)
        except RequestError as error:
            if error.code not in ("unfit-onnx", "unknown-shape"):
                raise
    return _read(model, name, given, input, batches[-1], own, opsets)


def _opsets(model: Any) -> dict[str, int]:
    """The version of each domain's operators.

    Raises:
        RequestError: it is too old, or none is told.
    """
    opsets: dict[str, int] = {
        "" if entry.domain == "ai.onnx" else entry.domain: int(entry.version) for entry in model.opset_import
    }
    version = opsets.get("", 0)
    if version < OLDEST:
        found = f"of opset {version}" if version else "without an opset"
        hint = f"opsets from {OLDEST} are read; onnx.version_converter makes newer ones"
        raise unfit(f"the file is {found}", hint)
    return opsets


def _inputs(graph: Any) -> dict[str, tuple[Sizes | None, int]]:
    """The sizes of each input that is no stored tensor, and the type of its numbers; None where it says no sizes.

    Raises:
        RequestError: one is no tensor, or there is none.
    """
    stored = {tensor.name for tensor in graph.initializer}
    found: dict[str, tuple[Sizes | None, int]] = {}
    for info in graph.input:
        if info.name in stored:
            continue
        if type(info.name) is not str:
            raise unfit("an input has a name that is no text")
        if not info.type.HasField("tensor_type") or not info.name or info.name in found:
            raise unfit(f"the input '{shorten(info.name, 60)}' is no tensor of its own")
        tensor = info.type.tensor_type
        sizes = tuple(map(_size, tensor.shape.dim)) if tensor.HasField("shape") else None
        found[info.name] = (sizes, tensor.elem_type)
        if len(found) > 1_000:
            raise unfit("the file has more than 1,000 inputs")
    if not found:
        raise unfit("the network has no input")
    return found


def _size(dimension: Any) -> int | str | None:
    if dimension.HasField("dim_value"):
        return int(dimension.dim_value) if dimension.dim_value > 0 else None
    return dimension.dim_param if dimension.dim_param and type(dimension.dim_param) is str else None


def _own_batch(inputs: Mapping[str, tuple[Sizes | None, int]]) -> int | None:
    """The batch that the file says; None if it leaves it open."""
    for sizes, _ in inputs.values():
        if sizes:
            return sizes[0] if isinstance(sizes[0], int) else None
    return None


def _read(
    model: Any,
    name: str,
    given: Mapping[str, tuple[Sizes | None, int]],
    input: Any,
    batch: int,
    own: int | None,
    opsets: Mapping[str, int],
) -> Reading:
    """The network, with a batch."""
    graph = model.graph
    shapes, symbols = _shapes(given, input, batch, own)
    walk = Walk(batch, opsets, _declared(graph, symbols))
    ends = list(dict.fromkeys(output.name for output in graph.output))
    walk.ends = frozenset(ends)
    for key, (shape, axis) in shapes.items():
        value = Value(shape, batch, axis)
        draft = Draft(Input(checked_shape(value.sizes)), (), value.sizes)
        walk.drafts.append(draft)
        walk.define(key, Value(shape, batch, axis, draft))
    walk.graph(graph, TABLE)
    outputs = _outputs(walk, ends)
    drafts = tidied(fused(walk.drafts, [draft for _, draft in outputs]), [draft for _, draft in outputs])
    unused = {key: _elements(walk.values[key]) for key in walk.trained if not walk.uses[key] and key not in walk.owners}
    title, notes = "", _notes(unused, walk, len(model.functions))
    names = ["input"] if len(shapes) == 1 else [clean(key) for key in shapes]
    try:
        network, _ = placed(Builder(clean(name), title, notes), drafts, names, outputs)
    except OpError as error:
        raise unfit(f"the file holds a layer that cannot be: {error.message}", error.label) from None
    return Reading(network, unused, dict(walk.unknown), batch, opsets[""])


def _elements(value: Value | None) -> int:
    return prod(value.shape) if value is not None else 0


def _shapes(
    given: Mapping[str, tuple[Sizes | None, int]], input: Any, batch: int, own: int | None
) -> tuple[dict[str, tuple[tuple[int, ...], int | None]], dict[str, int]]:
    """The shape of each input with the batch, and which axis the batch is; and what each symbol stands for.

    Raises:
        RequestError: a size is open and not given, or what is given does not fit.
    """
    wanted = _wanted(given, input)
    symbols: dict[str, int] = {}
    completed: dict[str, tuple[list[int | str | None], int | None]] = {}
    for key, (sizes, _) in given.items():
        full, axis = _completed(key, sizes, wanted.get(key), batch, own)
        for size, declared in zip(full, sizes or (), strict=False):
            if isinstance(declared, str) and isinstance(size, int) and symbols.setdefault(declared, size) != size:
                message = f"the size '{shorten(declared)}' would be {symbols[declared]} and {size}"
                raise RequestError(message, code="unfit-input")
        completed[key] = full, axis
    found: dict[str, tuple[tuple[int, ...], int | None]] = {}
    for key, (full, axis) in completed.items():
        sizes = tuple(symbols.get(size) if isinstance(size, str) else size for size in full)
        if any(size is None for size in sizes):
            raise _open(key, given, full[1:] if axis == 0 else full)
        found[key] = tuple(size for size in sizes if isinstance(size, int)), axis
    return found, symbols


def _open(key: str, given: Mapping[str, Any], sizes: Sequence[int | str | None]) -> RequestError:
    """The error of an input whose size is open."""
    words = "x".join(shorten(str(size), 20) if size is not None else "?" for size in sizes)
    hint = f"say it: --input {'x'.join('224' if not isinstance(size, int) else str(size) for size in sizes)}"
    if len(given) > 1:
        hint = f"cnncalc.onnx.read(path, input={{'{shorten(key, 40)}': (...)}}) gives the shape of each input"
    return RequestError(f"the file leaves the size of '{shorten(key, 60)}' open: {words}", hint=hint, code="no-input")


def _wanted(given: Mapping[str, Any], input: Any) -> dict[str, tuple[int, ...]]:
    """The shapes that are asked for, by the input's name.

    Raises:
        RequestError: there is no such input, or they are no shapes.
    """
    if input is None:
        return {}
    if isinstance(input, Mapping):
        for key in input:
            if key not in given:
                hint = f"the inputs are {', '.join(shorten(name, 30) for name in list(given)[:8])}"
                raise RequestError(f"the file has no input '{shorten(str(key))}'", hint=hint, code="unfit-input")
        return {key: _checked(sizes) for key, sizes in input.items()}
    return {next(iter(given)): _checked(input)}


def _checked(sizes: Any) -> tuple[int, ...]:
    return checked_shape([sizes] if not isinstance(sizes, Sequence) else sizes)


def _completed(
    key: str, sizes: Sizes | None, wanted: tuple[int, ...] | None, batch: int, own: int | None
) -> tuple[list[int | str | None], int | None]:
    """The sizes of an input, with those asked for; and whether its first axis is the batch.

    Raises:
        RequestError: as many sizes do not fit.
    """
    if sizes is None:
        if wanted is None:
            return [batch, None], 0
        return [batch, *wanted], 0
    if not sizes:
        return [], None
    batched = not isinstance(sizes[0], int) or sizes[0] == own
    first, rest = ([batch], sizes[1:]) if batched else ([], sizes)
    if wanted is None:
        return [*first, *rest], 0 if batched else None
    if len(wanted) == 1 and len(rest) > 1:
        wanted = wanted * (len(rest) - 1)
    if len(wanted) > len(rest):
        raise RequestError(
            f"the input '{shorten(key, 60)}' has {len(rest)} sizes without the batch, not {len(wanted)}",
            hint="channels first, as the file has them",
            code="unfit-input",
        )
    return [*first, *rest[: len(rest) - len(wanted)], *wanted], 0 if batched else None


def _declared(graph: Any, symbols: Mapping[str, int]) -> dict[str, list[int | None]]:
    """The shapes that the file says of tensors, with what the symbols of the inputs stand for."""
    found = {}
    for info in [*graph.value_info, *graph.output]:
        tensor = info.type.tensor_type
        if info.type.HasField("tensor_type") and tensor.HasField("shape") and len(tensor.shape.dim) <= 8:
            sizes = map(_size, tensor.shape.dim)
            found[info.name] = [symbols.get(size) if isinstance(size, str) else size for size in sizes]
    return found


def _outputs(walk: Walk, names: Sequence[str]) -> list[tuple[str, Draft]]:
    """The network's outputs by name.

    Raises:
        RequestError: there are none.
    """
    if not all(type(name) is str for name in names):
        raise unfit("an output has a name that is no text")
    values = {name: walk.values.get(name) for name in names}
    missing = next((name for name in names if name not in walk.values), None)
    if missing is not None:
        raise unfit(f"the output '{shorten(missing, 60)}' is given by no node")
    drafted = [(name, value.draft) for name, value in values.items() if value is not None and value.draft is not None]
    if not drafted:
        raise unfit("the network has no output that depends on its inputs")
    if len(drafted) == 1:
        return [("output", drafted[0][1])]
    found: dict[str, Draft] = {}
    for number, (name, draft) in enumerate(drafted, start=1):
        word = clean(name)
        found[word if word not in found else f"output{number}"] = draft
    return list(found.items())


def _notes(unused: Mapping[str, int], walk: Walk, functions: int) -> str:
    """What there is to say about the network."""
    notes = []
    if unused:
        notes.append(f"{sum(unused.values()):,} stored numbers are not counted, for nothing reads them.")
    if walk.unknown:
        names = [shorten(name, 40) for name in walk.unknown]
        more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
        notes.append(f"Not counted, for they are not known: {', '.join(names[:5])}{more}.")
    return " ".join(notes)
