"""The walk over an ONNX graph: each of its nodes becomes drafts of cnncalc's ops, by the entries in `table`.

What no entry knows becomes an opaque op: its shape is kept, and its counts are unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from cnncalc.errors import OpError, RequestError, shorten
from cnncalc.graph import MAX_SIZE
from cnncalc.onnx import constants
from cnncalc.onnx.constants import Array, TooLarge
from cnncalc.onnx.names import calls_of, calls_of_weight, clean, own_name
from cnncalc.onnx.shapes import Unfit, impossible, shapes_of
from cnncalc.ops.base import Shape
from cnncalc.ops.opaque import Opaque
from cnncalc.reading import steps
from cnncalc.reading.drafts import Draft, Value, batch_axis
from cnncalc.reading.steps import Result, Unread, stand_in

BATCH = 211
"""The batch that a graph is read with where the file leaves it open: a prime that is no factor of any usual size."""

MAX_NODES = 50_000
"""Nodes of a graph that are read, those of inlined branches among them."""

MAX_WORK = 20_000_000
"""Numbers that constant folding goes through in all."""

FLOATS = frozenset(
    {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE, *range(17, 21), 23}
)
"""The types of numbers that weights have; those of 8 and 4 bits among them are floats too."""


def unfit(message: str, hint: str | None = None) -> RequestError:
    """The error of a graph that is no network."""
    return RequestError(message, hint=hint, code="unfit-onnx")


class Step(steps.Step):
    """A node of the graph where it stands, for the entries of the table.

    Attributes:
        node: the node.
        inputs: the tensors that it reads; None for one that is left out.
        names: those of the outputs that `shapes` are of.
        where: the node in words, for messages.
    """

    walk: Walk

    def __init__(self, walk: Walk, node: Any) -> None:
        self.walk = walk
        self.node = node
        self.name = node.op_type
        self.shapes = []
        self.calls = calls_of(node)
        self.inputs: list[Value | None] = [walk.values[name] if name else None for name in node.input]
        # Tensors that are known numbers are no tensors that an op reads; nor is a single number that is stored.
        self.args = {
            str(number): value
            for number, value in enumerate(self.inputs)
            if value is not None and (value.draft is not None or (value.source is not None and prod(value.shape) > 1))
        }
        self.names: list[str] = []
        self.attributes = {attribute.name: attribute for attribute in node.attribute}

    def input(self, number: int) -> Value | None:
        """An input; None if it is left out."""
        return self.inputs[number] if number < len(self.inputs) else None

    def given(self, number: int) -> Value:
        """An input that must be there.

        Raises:
            Unread: it is left out.
        """
        value = self.input(number)
        if value is None:
            raise Unread
        return value

    def operand(self, number: int) -> Value:
        """An input that is reckoned with. What stands as a constant among the nodes is none of the weights.

        Raises:
            Unread: it is left out.
        """
        value = self.given(number)
        if value.draft is None and value.source in self.walk.literals:
            return Value(value.shape, value.batch)
        return value

    def known(self, number: int) -> Array | None:
        """The numbers of an input, where they are known."""
        name = self.node.input[number] if number < len(self.node.input) else ""
        return self.walk.known.get(name)

    def numbers(self, number: int, name: str) -> list[int] | None:
        """Whole numbers that an input or, in older opsets, an attribute gives; None if neither does.

        Raises:
            Unread: they are computed from tensors.
        """
        if self.input(number) is not None:
            array = self.known(number)
            if array is None:
                raise Unread
            return [int(value) for value in array.reshape(-1)]
        return self.integers(name)

    def scalar(self, number: int) -> float | None:
        """The number that an input is; None if it is not one known number."""
        array = self.known(number)
        if array is None or array.size != 1 or array.dtype.kind not in "iufb":
            return None
        return decimal(array.reshape(-1)[0])

    def attribute(self, name: str, kind: int, default: Any) -> Any:
        """An attribute of a type, or its default.

        Raises:
            RequestError: it has another type.
        """
        attribute = self.attributes.get(name)
        if attribute is None:
            return default
        if attribute.type != kind or attribute.ref_attr_name:
            raise unfit(f"{self.where}: its attribute '{shorten(name)}' has another type than it must have")
        return onnx.helper.get_attribute_value(attribute)

    def integer(self, name: str, default: int = 0) -> int:
        """A whole number among the attributes."""
        return int(self.attribute(name, onnx.AttributeProto.INT, default))

    def real(self, name: str, default: float) -> float:
        """A number among the attributes."""
        return decimal(np.float32(self.attribute(name, onnx.AttributeProto.FLOAT, default)))

    def text(self, name: str, default: str) -> str:
        """A word among the attributes."""
        found = self.attribute(name, onnx.AttributeProto.STRING, default)
        return found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)

    def integers(self, name: str) -> list[int] | None:
        """Whole numbers among the attributes; None if they are not given."""
        found = self.attribute(name, onnx.AttributeProto.INTS, None)
        return None if found is None else [int(number) for number in found]

    def reals(self, name: str) -> list[float] | None:
        """Numbers among the attributes; None if they are not given."""
        found = self.attribute(name, onnx.AttributeProto.FLOATS, None)
        return None if found is None else [float(number) for number in found]

    @property
    def opset(self) -> Any:
        """The version of ONNX's operators that the node is of."""
        return self.walk.opsets.get("", 1)

    @property
    def where(self) -> str:
        return where(self.node)

    @property
    def unique(self) -> str:
        return clean(self.name.lower())

    def axis(self, shape: tuple[int, ...]) -> Any:
        if not self.batched:
            return None
        batch = self.walk.batch
        if batch == BATCH:
            return batch_axis(shape, batch)
        # Of several axes of that size, the one that is the batch in what the node reads.
        for value in self.tensors:
            own = value.axis
            if own is not None and own < len(shape) and shape[own] == batch and not value.folded:
                return own
        return batch_axis(shape, batch)


def decimal(number: Any) -> float:
    """A number as people wrote it, before it was cut to the width of its type.

    >>> decimal(np.float32(1e-5))
    1e-05
    """
    return float(str(number)) if isinstance(number, np.floating) else float(number)


def where(node: Any) -> str:
    """A node in words."""
    name = f" '{shorten(node.name, 60)}'" if node.name else ""
    output = f", which gives '{shorten(node.output[0], 60)}'" if not name and node.output else ""
    return f"the node{name} ({shorten(node.op_type, 40)}{output})"


class Walk(steps.Walk):
    """The tensors of a graph, and the drafts that stand for its nodes.

    Attributes:
        values: each tensor by its name; None for what is no tensor.
        known: the numbers of tensors that are known.
        sequences: the tensors of each list of tensors.
        literals: the tensors that stand as constants among the nodes, and not with the stored ones.
        files: all tensors that the file stores, numbers to reckon with among them.
        uses: how many nodes read a tensor.
        opsets: the version of each domain's operators.
    """

    def __init__(self, batch: int, opsets: Mapping[str, int], declared: Mapping[str, Sequence[int | None]]) -> None:
        super().__init__(batch, set(), set())
        self.kept: set[str] = set()
        self.trained: set[str] = set()
        self.opsets = opsets
        self.declared = declared
        self.values: dict[str, Value | None] = {}
        self.known: dict[str, Array] = {}
        self.sequences: dict[str, list[Value]] = {}
        self.literals: set[str] = set()
        self.files: set[str] = set()
        self.uses: Counter[str] = Counter()
        self.ends: frozenset[str] = frozenset()
        self.nodes = 0
        self.work = 0

    def word(self, source: str) -> str:
        return clean(super().word(source))

    def define(self, name: str, value: Value | None) -> None:
        """Note a tensor.

        Raises:
            RequestError: there is one of that name.
        """
        if name in self.values:
            raise unfit(f"the file defines the tensor '{shorten(name, 60)}' twice")
        self.values[name] = value

    def constant(self, name: str, array: Array) -> None:
        """Note a tensor whose numbers are known and that is not stored."""
        self.define(name, Value(array.shape, self.batch))
        self.known[name] = array

    def stored_tensor(self, name: str, tensor: Any) -> None:
        """Note a tensor that the file stores.

        Raises:
            RequestError: its sizes are beyond any bound, or its numbers do not fit them.
        """
        shape = tuple(int(size) for size in tensor.dims)
        if any(not 0 <= size <= MAX_SIZE for size in shape) or len(shape) > 8:
            raise unfit(f"the tensor '{shorten(name, 60)}' has impossible sizes: {shorten(str(list(shape)), 80)}")
        elements = prod(shape)
        self.files.add(name)
        is_weight = tensor.data_type in FLOATS and elements > 0
        source = name if is_weight or elements > constants.MAX_ELEMENTS else None
        self.define(name, Value(shape, self.batch, None, None, source))
        if source is not None:
            self.kept.add(name)
        if is_weight:
            self.trained.add(name)
        if elements <= constants.MAX_ELEMENTS:
            array = numbers_of(tensor)
            if array is not None:
                self.spend(elements)
                self.known[name] = array
            elif not is_weight:
                self.values[name] = Value(shape, self.batch, None, None, name)
                self.kept.add(name)

    def spend(self, elements: int) -> None:
        """Count numbers that folding goes through.

        Raises:
            RequestError: they are more than the bound.
        """
        self.work += elements
        if self.work > MAX_WORK:
            raise RequestError("the file reckons with more numbers than any network does", code="too-much-work")

    def add(self, draft: Draft, owns: Sequence[Value | None] = ()) -> Draft:
        """Note a draft, and the weights that it has.

        Exporters write equal tensors once, such as the zeros of fresh biases. So a matrix that two nodes read is
        shared, and a vector only where what they read is shared too.
        """
        stored = [value for value in owns if value is not None and value.source is not None]
        names = tuple(value.source for value in stored if value.source is not None)
        first = self.owners.get(names[0]) if names else None
        if first is not None and not (len(stored[0].shape) > 1 or _follows(draft, first)):
            first = None
        if first is None:
            draft.owns = names
            for name in names:
                self.owners.setdefault(name, draft)
        elif isinstance(draft.op, Opaque) or (type(first.op) is type(draft.op) and first.owns == names):
            draft.shares = None if isinstance(draft.op, Opaque) else first
        else:
            rest = {name: prod(value.shape) for name, value in zip(names, stored, strict=True)}
            params = sum(number for name, number in rest.items() if name not in self.owners)
            draft.op = stand_in(draft.op, [source.output for source in draft.inputs], draft.output, params)
            draft.owns = tuple(name for name in names if name not in self.owners)
            self.owners |= dict.fromkeys(draft.owns, draft)
        if names:
            draft.origin = steps.common(names)
            # The weights' own names say the module, also where a normalisation was folded into another's.
            draft.calls = (calls_of_weight(names[0]) if draft.owns else ()) or draft.calls
        self.drafts.append(draft)
        return draft

    def run(self, node: Any, table: Mapping[str, Callable[[Step], Result]]) -> None:
        """Read one node.

        Raises:
            RequestError: it does not fit the tensors that it reads, or a shape is not known.
        """
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise RequestError(f"the file has more than {MAX_NODES:,} nodes", code="too-many-layers")
        for name in node.input:
            if name and name not in self.values:
                hint = "nodes stand in the order in which they run, without circles"
                raise unfit(f"{where(node)} reads '{shorten(name, 60)}', which nothing before it gives", hint)
            if name and self.values[name] is None and name not in self.sequences:
                raise unfit(f"{where(node)} reads '{shorten(name, 60)}', which is no tensor")
        try:
            self.read(node, table)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
            raise unfit(f"{where(node)} does not fit what it reads, or its attributes each other") from None

    def read(self, node: Any, table: Mapping[str, Callable[[Step], Result]]) -> None:
        """Read a node whose inputs are there; errors as those of `run`, and those of impossible attributes."""
        if not _is_standard(node):
            step = self.step(node)
            self.give(step, self.unread(step))
        elif node.op_type == "Constant":
            self.constant_node(node)
        elif not (self.folded(node) or self.branch(node, table) or self.sequence(node, table)):
            step = self.step(node)
            self.give(step, self.entered(step, table))

    def constant_node(self, node: Any) -> None:
        """Read a constant among the nodes.

        Raises:
            RequestError: it has no numbers.
        """
        if len(node.output) != 1 or len(node.attribute) != 1:
            raise unfit(f"{where(node)} is no constant")
        attribute = node.attribute[0]
        kinds = {"value_int": np.int64, "value_ints": np.int64, "value_float": np.float32, "value_floats": np.float32}
        if attribute.name == "value" and attribute.type == onnx.AttributeProto.TENSOR:
            self.stored_tensor(node.output[0], attribute.t)
            self.literals.add(node.output[0])
        elif attribute.name in kinds:
            array = np.asarray(onnx.helper.get_attribute_value(attribute), kinds[attribute.name])
            self.spend(array.size)
            self.constant(node.output[0], array)
        else:
            self.define(node.output[0], None)

    def folded(self, node: Any) -> bool:
        """Whether a node reckons with known numbers; its result is noted."""
        kind = node.op_type
        try:
            if kind == "Shape":
                array = np.asarray(self.shape_of(node), np.int64)
                self.constant(node.output[0], array)
                return True
            if kind == "Size":
                value = self.values[node.input[0]]
                self.constant(node.output[0], np.asarray(min(prod(value.shape if value else ()), 2**62), np.int64))
                return True
            if kind == "SequenceAt":
                return self.taken(node)
            names = node.input[:1] if kind == "CastLike" else node.input
            if not any(names) or any(name and self.is_unknown(name) for name in names):
                return False
            arrays = [self.known[name] if name else None for name in names]
            if kind == "CastLike":
                like = self.known.get(node.input[1])  # any other tensor is of real numbers, nearly always
                results: list[Array] | None = [_first(arrays).astype(np.float32 if like is None else like.dtype)]
            else:
                results = constants.fold(kind, arrays, lambda name, default: _attribute(node, name, default))
        except TooLarge:
            return False
        except RequestError:
            raise
        except Exception as error:  # whatever NumPy says of tensors that do not fit
            message = shorten(str(error) or type(error).__name__, 120)
            raise unfit(f"{where(node)} cannot be reckoned with: {message}") from None
        if results is None or len(results) < len([name for name in node.output if name]):
            return False
        self.spend(sum(array.size for array in (*arrays, *results) if array is not None))
        for name, array in zip(node.output, results, strict=False):
            if name:
                self.constant(name, array)
        return True

    def taken(self, node: Any) -> bool:
        """Whether a node takes a tensor out of a known list."""
        sequence, place = self.sequences.get(node.input[0]), self.known.get(node.input[1])
        if sequence is None or place is None:
            return False
        value = sequence[int(place.reshape(-1)[0])]
        self.define(node.output[0], value)
        return True

    def split(self, node: Any) -> Any:
        """The node that cuts a tensor as one that makes a list of it does; None for one that is none.

        Raises:
            RequestError: into how many parts is not known.
        """
        sizes = self.known.get(node.input[1]) if len(node.input) > 1 and node.input[1] else None
        value = self.values[node.input[0]]
        axis, keep = (int(_attribute(node, name, default)) for name, default in (("axis", 0), ("keepdims", 1)))
        if value is None or not -len(value.shape) <= axis < len(value.shape) or not keep:
            return None
        size = value.shape[axis]
        if sizes is None or sizes.size > MAX_NODES or not (sizes > 0).all():
            return None
        whole = [int(number) for number in sizes.reshape(-1)]
        if sizes.ndim == 0:
            whole = [min(whole[0], size - start) for start in range(0, size, whole[0])][:MAX_NODES]
        name = node.output[0]
        parts = [f"{name} {number}" for number in range(len(whole))]
        cut = onnx.helper.make_node("Split", [node.input[0], f"{name} sizes"], parts)
        cut.attribute.append(onnx.helper.make_attribute("axis", axis))
        cut.name = node.name
        cut.metadata_props.extend(node.metadata_props)
        self.constant(f"{name} sizes", np.asarray(whole, np.int64))
        return cut

    def sequence(self, node: Any, table: Mapping[str, Callable[[Step], Result]]) -> bool:
        """Whether a node cuts a tensor into a list, whose parts are noted."""
        cut = self.split(node) if node.op_type == "SplitToSequence" else None
        if cut is None:
            return False
        self.run(cut, table)
        values = [self.values[name] for name in cut.output]
        self.define(node.output[0], None)
        self.sequences[node.output[0]] = [value for value in values if value is not None]
        return True

    def is_unknown(self, name: str) -> bool:
        """Whether a tensor is none to reckon with: its numbers are not known, or it is a weight of several."""
        return name not in self.known or (name in self.trained and self.known[name].size > 1)

    def shape_of(self, node: Any) -> tuple[int, ...]:
        """The sizes of what a node reads, or the range of them that it gives."""
        value = self.values[node.input[0]]
        shape = value.shape if value is not None else ()
        start, end = (int(_attribute(node, name, default)) for name, default in (("start", 0), ("end", len(shape))))
        return shape[start:end]

    def branch(self, node: Any, table: Mapping[str, Callable[[Step], Result]]) -> bool:
        """Whether a node is a choice that is known; the nodes of what is chosen are read."""
        condition = self.known.get(node.input[0]) if node.op_type == "If" and node.input else None
        if condition is None or condition.size != 1:
            return False
        graph = _attribute(node, "then_branch" if condition.reshape(-1)[0] else "else_branch", None)
        if not isinstance(graph, onnx.GraphProto) or len(graph.output) < len(node.output):
            raise unfit(f"{where(node)} has no such branch")
        self.graph(graph, table)
        for name, output in zip(node.output, graph.output, strict=False):
            if output.name not in self.values:
                raise unfit(f"{where(node)}: its branch does not give '{shorten(output.name, 60)}'")
            self.define(name, self.values[output.name])
            if output.name in self.known:
                self.known[name] = self.known[output.name]
        return True

    def graph(self, graph: Any, table: Mapping[str, Callable[[Step], Result]]) -> None:
        """Read the tensors and nodes of a graph."""
        if len(graph.node) > MAX_NODES:
            raise RequestError(f"the file has more than {MAX_NODES:,} nodes", code="too-many-layers")
        for node in graph.node:
            # protobuf gives bytes for what is no text.
            if not all(type(name) is str for name in (node.name, node.op_type, node.domain, *node.input, *node.output)):
                raise unfit("a node has a name that is no text")
        if not all(type(tensor.name) is str for tensor in graph.initializer):
            raise unfit("a stored tensor has a name that is no text")
        for tensor in graph.initializer:
            self.stored_tensor(tensor.name, tensor)
        for sparse in graph.sparse_initializer:
            shape = tuple(int(size) for size in sparse.dims)
            dense = TensorProto(name=sparse.values.name, data_type=sparse.values.data_type, dims=shape)
            self.stored_tensor(sparse.values.name, dense)
        self.uses.update(name for node in graph.node for name in node.input)
        for node in graph.node:
            self.run(node, table)

    def step(self, node: Any) -> Step:
        """A node with its shapes.

        Raises:
            RequestError: it does not fit what it reads, or a shape is not known.
        """
        step = Step(self, node)
        if _is_standard(node):
            _check_windows(node)
        try:
            found = shapes_of(step) if _is_standard(node) and not _has_graphs(node) else None
        except Unfit as error:
            raise unfit(f"{step.where}: {shorten(str(error), 200)}") from None
        for number, name in enumerate(node.output):
            shape = found[number] if found is not None and number < len(found) else self.declared.get(name)
            if not name:
                continue
            if shape is None or None in shape:
                if step.shapes and not self.uses[name] and name not in self.ends:
                    break  # nobody asks for this one, nor for those after it, or they are named below
                raise RequestError(
                    f"the shape of '{shorten(name, 60)}' is not known, which {step.where} gives",
                    hint="it depends on the numbers in a tensor, or the file does not say it of an op of its own",
                    code="unknown-shape",
                )
            sizes = tuple(size for size in shape if size is not None)
            if impossible(sizes):
                raise unfit(f"{step.where} gives '{shorten(name, 60)}' the sizes {shorten(str(list(sizes)), 80)}")
            step.shapes.append(sizes)
            step.names.append(name)
        step.single = len(step.shapes) == 1
        return step

    def give(self, step: Step, result: Result) -> None:
        """Note what a node gives."""
        results = result if isinstance(result, tuple) else (result,)
        given = dict(zip(step.names, results, strict=False))
        for name in step.node.output:
            if name:
                self.define(name, given.get(name))

    def entered(self, step: Step, table: Mapping[str, Callable[[Step], Result]]) -> Result:
        """What a node gives by its entry in the table, or by none."""
        before = len(self.drafts)
        entry = table.get(step.name)
        try:
            if entry is None:
                raise Unread
            return entry(step)
        except (Unread, OpError, TypeError, AttributeError, ValueError, LookupError, ArithmeticError):
            for draft in self.drafts[before:]:
                for name in draft.owns:
                    if self.owners.get(name) is draft:
                        del self.owners[name]
            del self.drafts[before:]
            return self.unread(step)

    def unread(self, step: Step) -> Result:
        """A node that no entry reads: its shape is known, and what it stores."""
        if not step.shapes:
            return None
        self.unknown[step.name] = self.unknown.get(step.name, 0) + 1
        owns = [value for value in step.tensors if value.draft is None and value.source in self.trained]
        try:
            if not _has_graphs(step.node):
                return step.opaque(owns)
            values = [step.value(None, shape) for shape in step.shapes]
            inputs = tuple(self.drafted(value) for value in step.tensors) or (self.first,)
            found = []
            for value in values:
                draft = Draft(Opaque(value.sizes), inputs, value.sizes, step.calls, name=step.unique)
                found.append(Value(value.shape, value.batch, value.axis, self.add(draft)))
            return tuple(found)
        except OpError as error:
            raise unfit(f"{step.where}: {error.message}") from None


def _follows(draft: Draft, first: Draft) -> bool:
    """Whether a node reads what shares its weights with what an earlier one reads."""
    return bool(draft.inputs and first.inputs) and draft.inputs[0].shares is first.inputs[0]


def named(draft: Draft, node: Any) -> None:
    """Give a draft the name of its node, where the node has one of its own."""
    if draft.name is None and not draft.calls:
        draft.name = own_name(node)


def numbers_of(tensor: Any) -> Array | None:
    """The numbers of a small tensor; None if the file does not hold them, or they are none.

    Raises:
        RequestError: they are not as many as its sizes say.
    """
    if tensor.data_location == TensorProto.EXTERNAL or tensor.HasField("segment"):
        return None
    if tensor.data_type in (TensorProto.STRING, TensorProto.UNDEFINED):
        return None
    if prod(tensor.dims) and not _has_numbers(tensor):
        return None
    try:
        array = numpy_helper.to_array(tensor)
        return array if array.dtype.kind in "iufb" else None
    except Exception:  # whatever NumPy says of bytes that do not fit
        raise unfit(f"the numbers of the tensor '{shorten(tensor.name, 60)}' do not fit its sizes") from None


def _has_numbers(tensor: Any) -> bool:
    return bool(tensor.raw_data or tensor.float_data or tensor.int32_data or tensor.int64_data) or bool(
        tensor.double_data or tensor.uint64_data
    )


def _attribute(node: Any, name: str, default: Any) -> Any:
    """An attribute's value; tensors as arrays.

    Raises:
        ValueError: it refers to another.
    """
    for attribute in node.attribute:
        if attribute.name == name:
            if attribute.ref_attr_name:
                raise ValueError(f"its attribute '{shorten(name)}' refers to another")
            value = onnx.helper.get_attribute_value(attribute)
            return numbers_of(value) if isinstance(value, TensorProto) else value
    return default


def _is_standard(node: Any) -> bool:
    return node.domain in ("", "ai.onnx")


_WINDOWS = frozenset({"kernel_shape", "strides", "dilations", "pads", "output_padding", "output_shape"})


def _check_windows(node: Any) -> None:
    """Refuse windows that shapes would be divided by, or that are beyond all bounds.

    Raises:
        RequestError: a stride or another number of a window is not what it can be.
    """
    for attribute in node.attribute:
        if attribute.name in _WINDOWS and attribute.type == onnx.AttributeProto.INTS:
            least = 0 if attribute.name in ("pads", "output_padding") else 1
            least = -MAX_SIZE if attribute.name == "pads" and node.op_type == "Pad" else least
            if any(not least <= number <= MAX_SIZE for number in attribute.ints) or len(attribute.ints) > 32:
                numbers = shorten(str(list(attribute.ints[:8])), 80)
                raise unfit(f"{where(node)}: its {attribute.name} cannot be {numbers}")


def _has_graphs(node: Any) -> bool:
    """Whether a node has graphs of its own: a loop or a choice."""
    return any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute)


def _first(arrays: Sequence[Array | None]) -> Array:
    array = arrays[0]
    if array is None:
        raise TypeError("an input is missing")
    return array


__all__ = ["Shape", "Step", "Walk", "named", "unfit", "where"]
