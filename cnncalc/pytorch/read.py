"""PyTorch -> network: a module, traced by `torch.export` without running it, as a graph of cnncalc's ops.

The module is traced with a batch that is a prime number, so that the batch can be told from every other size, wherever
the module moves it or folds it into another axis. A module that takes no such batch is traced with a batch of one.
Tensors without memory are enough: nothing is computed.
"""

from __future__ import annotations

import inspect
import logging
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils import _pytree as pytree

from cnncalc.errors import RequestError, did_you_mean, shorten
from cnncalc.graph import Builder, Graph, Node, checked_shape
from cnncalc.ops import Input
from cnncalc.ops.base import show
from cnncalc.pytorch.aten import TABLE
from cnncalc.pytorch.walk import Walk, shapes_of
from cnncalc.reading.drafts import Draft, Value
from cnncalc.reading.names import placed
from cnncalc.reading.tidy import tidied

BATCHES = (211, 1)
"""The batches that a module is traced with: a prime that is no factor of any usual size; or one, where it takes no
other."""

BATCH_COUNT = "num_batches_tracked"


@dataclass(frozen=True)
class Reading:
    """A module as a network, and what there is to say about it.

    Attributes:
        graph: the network.
        module: the module.
        inputs: what it was traced with, in a batch of one, without data.
        unused: parameters that nothing in the forward pass reads, and their sizes, by name.
        unstored: buffers that a saved state leaves out, and their sizes, by name.
        unknown: the PyTorch ops of which some counts are unknown, and how many of them there are.
        batch: the batch that it was traced with.
        callers: the path of the module that called each layer's op; empty for what the module itself did.
        owned: the parameters and buffers, by their names in the module, that each layer counts.
        ends: the layer that a module gives, where others read only one of those that it is made of: by the module's
            path and the number of its call, from 0.
    """

    graph: Graph
    module: nn.Module
    inputs: tuple[Tensor, ...]
    unused: Mapping[str, int] = field(default_factory=dict)
    unstored: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)
    batch: int = 1
    callers: Mapping[str, str] = field(default_factory=dict)
    owned: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ends: Mapping[tuple[str, int], str] = field(default_factory=dict)


def read(
    module: nn.Module,
    input: int | Sequence[int] | Mapping[str, int | Sequence[int]] | Tensor | Sequence[Any] | None = None,
    *,
    name: str | None = None,
    training: bool = False,
) -> Graph:
    """A PyTorch module as a network.

    Args:
        module: the module. It is traced, not run, and left as it is.
        input: the input's shape without the batch, [C, *spatial]; or, for several inputs, a list of shapes, or the
            whole shapes by the names of `forward`'s arguments; or example tensors with the batch first, whose numbers
            do not matter.
        name: what the network is called; the module's class unless said.
        training: the network as it is trained, with what only training has.

    Returns:
        The graph. Its nodes have the module's names (`layer1.0.conv1`), and ops called as functions the name of their
        kind and a number; its notes say which parameters nothing uses.

    Raises:
        RequestError: no input is given, or the module cannot be traced with it; the place in its source is told.

    >>> graph = read(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), (3, 32, 32))
    >>> [(node.name, node.output) for node in graph.nodes]
    [('input', (3, 32, 32)), ('0', (8, 30, 30)), ('1', (8, 30, 30))]
    """
    return reading(module, input, name=name, training=training).graph


def reading(
    module: nn.Module, input: Any = None, *, name: str | None = None, training: bool = False, title: str = ""
) -> Reading:
    """A PyTorch module as a network, with what else there is to say; arguments and errors as those of `read`."""
    if not isinstance(module, nn.Module):
        raise RequestError(f"a {type(module).__name__} is no torch.nn.Module", code="no-module")
    shapes, dtypes = _inputs(module, input)
    with _mode(module, training), quiet():
        program, batch = _traced(module, shapes, dtypes)
        _check_sizes(module, program)
        mixed = batch != 1 and _mixes(program, batch)
        if mixed:
            program, batch = _traced(module, shapes, dtypes, (1,))
    return _read(module, program, batch, shapes, dtypes, name or type(module).__name__, title, training, mixed)


def reading_of_program(program: Any, name: str) -> Reading:
    """A traced program as a network; the first size of its inputs is taken for the batch.

    Raises:
        RequestError: its inputs are no tensors with a batch.
    """
    tensors = [tensor for tensor in pytree.tree_leaves(program.example_inputs) if isinstance(tensor, Tensor)]
    if not tensors or any(tensor.dim() < 2 for tensor in tensors):
        raise RequestError(f"the program '{name}' has no inputs with a batch and sizes", code="unfit-input")
    shapes = [tuple(int(size) for size in tensor.shape[1:]) for tensor in tensors]
    batch = int(tensors[0].shape[0])
    with quiet():
        module = program.module()
    return _read(module, program, batch, shapes, [tensor.dtype for tensor in tensors], name, "", False)


def _inputs(module: nn.Module, input: Any) -> tuple[list[tuple[int, ...]], list[torch.dtype]]:
    """The shapes of the inputs without the batch, and their types."""
    if input is None:
        hint = "such as input=(3, 224, 224), or --input 3x224x224: channels first, without the batch"
        raise RequestError(f"{type(module).__name__} does not say what its input is", hint=hint, code="no-input")
    floats = (tensor.dtype for tensor in module.parameters() if tensor.is_floating_point())
    own = next(floats, torch.get_default_dtype())
    if isinstance(input, int):
        input = (3, input, input)
    if isinstance(input, Tensor):
        input = (input,)
    if isinstance(input, Mapping):
        input = _in_order(module, input)
    items = list(input)
    if items and all(isinstance(item, Tensor) for item in items):
        if any(item.dim() < 2 for item in items):
            raise RequestError("an example tensor has the batch first, and sizes after it", code="unfit-input")
        return [checked_shape(item.shape[1:]) for item in items], [item.dtype for item in items]
    if items and all(isinstance(item, (list, tuple)) for item in items):
        return [checked_shape(item) for item in items], [own] * len(items)
    return [checked_shape(items)], [own]


def _in_order(module: nn.Module, shapes: Mapping[str, Any]) -> list[tuple[int, ...]]:
    """The shapes that are given by name, in the order of the arguments of the module's `forward`.

    Raises:
        RequestError: it has no such argument, or needs one that is not given.
    """
    arguments = inspect.signature(module.forward).parameters.values()
    taken = [one.name for one in arguments if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    for name in shapes:
        if name not in taken:
            hint = did_you_mean(name, taken) or f"forward takes {', '.join(taken)}"
            message = f"{type(module).__name__} has no input '{shorten(name, 80)}'"
            raise RequestError(message, hint=hint, code="unfit-input")
    needed = taken[: 1 + max(map(taken.index, shapes))]
    missing = [name for name in needed if name not in shapes]
    if missing:
        hint = f"say the size of each: --input {','.join(f'{name}=...' for name in needed)}"
        raise RequestError(f"{type(module).__name__} needs its input '{missing[0]}'", hint=hint, code="unfit-input")
    return [(shape,) if isinstance(shape := shapes[name], int) else tuple(shape) for name in needed]


@contextmanager
def _mode(module: nn.Module, training: bool) -> Iterator[None]:
    """A module in training or inference, and as it was thereafter."""
    before = {part: part.training for part in module.modules()}
    module.train(training)
    try:
        yield
    finally:
        for part, was in before.items():
            part.training = was


@contextmanager
def quiet() -> Iterator[None]:
    """What PyTorch warns of and prints while it traces is none of the user's business; and what the user's code prints
    is no part of the answer."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logging.disable(level)


def _check_sizes(module: nn.Module, program: Any) -> None:
    """Raise where the size of a tensor depends on the numbers in another, such as that of those above zero.

    Raises:
        RequestError: a size does; its place in the source is told.
    """
    for node in program.graph.nodes:
        for value in pytree.tree_leaves(node.meta.get("val")):
            if not isinstance(value, Tensor) or all(isinstance(size, int) for size in value.shape):
                continue
            found = _STACK_LINE.findall(node.meta.get("stack_trace") or "")
            own = [place for place in found if "site-packages" not in place[0]] or found
            where = f" ({own[-1][0]}:{own[-1][1]})" if own else ""
            raise RequestError(
                f"{type(module).__name__} cannot be read{where}: a size depends there on the numbers in a tensor",
                hint="the network is counted without running it: give it a form whose sizes are fixed",
                code="depends-on-data",
            )


_STACK_LINE = re.compile(r'File "([^"]+)", line (\d+)')


def _mixes(program: Any, batch: int) -> bool:
    """Whether a module reckons with every two samples of a batch, so that what one of them costs depends on it: a
    tensor has the batch twice, or attention takes it for the sequence."""
    for node in program.graph.nodes:
        if node.target is torch.ops.aten.scaled_dot_product_attention.default:
            keys = node.args[1].meta["val"].shape[-2]
            if keys and keys % batch == 0:
                return True
        for shape in shapes_of(node.meta.get("val")):
            if sum(size % batch == 0 for size in shape if size) > 1 or any(
                size % batch**2 == 0 for size in shape if size
            ):
                return True
    return False


def _traced(
    module: nn.Module,
    shapes: Sequence[tuple[int, ...]],
    dtypes: Sequence[torch.dtype],
    batches: Sequence[int] = BATCHES,
) -> tuple[Any, int]:
    """The traced program of a module, and the one of some batches that it was traced with.

    Raises:
        RequestError: it cannot be traced.
    """
    device = next((tensor.device for tensor in module.parameters()), torch.device("cpu"))
    failure: Exception | None = None
    for batch in batches:
        # Memory is taken when it is written to, which nobody does.
        examples = [
            torch.empty(batch, *shape, device=device, dtype=dtype) for shape, dtype in zip(shapes, dtypes, strict=True)
        ]
        try:
            return torch.export.export(module, tuple(examples), strict=False), batch
        except Exception as error:  # whatever a module raises; the last is told
            failure = error
            if type(error).__name__ in _DATA:
                break
    assert failure is not None
    raise _untraceable(module, shapes, failure) from None


_DATA = ("GuardOnDataDependentSymNode", "UserError", "DataDependentOutputException")
"""PyTorch's errors of a module that asks what the numbers in a tensor are."""


def _untraceable(module: nn.Module, shapes: Sequence[tuple[int, ...]], error: Exception) -> RequestError:
    """The error of a module that cannot be traced, with the place in its source."""
    kind = type(module).__name__
    message = next(iter(str(error).strip().splitlines()), type(error).__name__)
    place = _place(error)
    where = f" ({place})" if place else ""
    if type(error).__name__ in _DATA:
        return RequestError(
            f"{kind} cannot be read{where}: what it does there depends on the numbers in a tensor",
            hint="the network is counted without running it: give it a form without such a branch",
            code="depends-on-data",
        )
    inputs = ", ".join(map(show, shapes))
    return RequestError(
        f"{kind} does not run on an input of {inputs}{where}: {shorten(message, 300)}",
        hint="is the --input what it takes, channels first, without the batch?",
        code="module-fails",
    )


def _place(error: BaseException) -> str:
    """The line of the user's source at which an error was raised; empty if there is none."""
    ours = (str(Path(torch.__file__).parent), str(Path(__file__).resolve().parent.parent), sys.prefix + "/lib/python")
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith(("<", *ours[:2]))]
    python = f"{sys.base_prefix}/lib/python"  # Python's own files say nothing to the user
    theirs = [frame for frame in theirs if "site-packages" in frame.filename or not frame.filename.startswith(python)]
    own = [frame for frame in theirs if not frame.filename.startswith(ours[2])] or theirs
    return f"{own[-1].filename}:{own[-1].lineno}" if own else ""


def _read(
    module: nn.Module,
    program: Any,
    batch: int,
    shapes: Sequence[tuple[int, ...]],
    dtypes: Sequence[torch.dtype],
    name: str,
    title: str,
    training: bool,
    mixed: bool = False,
) -> Reading:
    """The network of a traced program; of one that mixes the samples of a batch, if `mixed`."""
    twins = _first_names(module)
    stored = {key: value for key, value in module.state_dict().items() if isinstance(value, Tensor)}
    trained = frozenset(key for key, _ in module.named_parameters())
    walk = Walk(batch, stored, trained)
    signature = program.graph_signature
    sources = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    constants = set(signature.inputs_to_lifted_tensor_constants)
    names = []
    # The inputs first: what reads no tensor stands on the first.
    places = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    for user in signature.user_inputs:
        node = places.get(user) if isinstance(user, str) else None
        if node is not None and isinstance(node.meta.get("val"), Tensor):
            names.append(user)
            walk.values[node] = _input(walk, node)
    for node in program.graph.nodes:
        if node.op == "placeholder" and node not in walk.values:
            value = node.meta.get("val")
            shape = tuple(int(size) for size in value.shape) if isinstance(value, Tensor) else ()
            source = None if node.name in constants else sources.get(node.name)
            walk.values[node] = Value(shape, batch, None, None, twins.get(source, source) if source else None)
        elif node.op == "call_function":
            if _counts_batches(node, walk):
                walk.values[node] = None
                continue
            walk.run(node, TABLE)
    outputs = _outputs(program, walk)
    drafts = tidied(walk.drafts, [draft for _, draft in outputs])
    used = set(walk.owners)
    unused = {key: tensor.numel() for key, tensor in module.named_parameters() if key not in used}
    unstored = {key: tensor.numel() for key, tensor in module.named_buffers() if key not in stored}
    builder = Builder(name, title, _notes(unused, unstored, walk, mixed), training)
    inputs = ["input"] if len(names) == 1 else names
    graph, nodes = placed(builder, drafts, inputs, outputs)
    callers = {node.name: draft.calls[-1].path if draft.calls else "" for draft, node in nodes.items()}
    owned = {node.name: draft.owns for draft, node in nodes.items() if draft.owns}
    examples = tuple(
        torch.empty(1, *shape, dtype=dtype, device="meta") for shape, dtype in zip(shapes, dtypes, strict=True)
    )
    ends = {call: nodes[draft].name for call, draft in _ends(drafts, [draft for _, draft in outputs]).items()}
    return Reading(graph, module, examples, unused, unstored, dict(walk.unknown), batch, callers, owned, ends)


def _ends(drafts: Sequence[Draft], outputs: Sequence[Draft]) -> dict[tuple[str, int], Draft]:
    """Of each call of a module, by its path and number, the one of its drafts that is an output or read elsewhere."""
    found: dict[tuple[str, int], set[Draft]] = {}
    for draft in outputs:
        for call in draft.calls:
            found.setdefault((call.path, call.number), set()).add(draft)
    for draft in drafts:
        inside = {call.key for call in draft.calls}
        for source in draft.inputs:
            for call in source.calls:
                if call.key not in inside:
                    found.setdefault((call.path, call.number), set()).add(source)
    return {call: next(iter(those)) for call, those in found.items() if len(those) == 1}


def _input(walk: Walk, node: fx.Node) -> Value:
    """An input of the network."""
    shape = tuple(int(size) for size in node.meta["val"].shape)
    draft = Draft(Input(shape[1:]), (), shape[1:])
    walk.drafts.append(draft)
    return Value(shape, walk.batch, 0, draft)


def _first_names(module: nn.Module) -> dict[str, str]:
    """Each name of a parameter or buffer, and the first under which the same tensor stands."""
    first: dict[int, str] = {}
    found = {}
    for named in (module.named_parameters(remove_duplicate=False), module.named_buffers(remove_duplicate=False)):
        for name, tensor in named:
            found[name] = first.setdefault(id(tensor), name)
    return found


def _counts_batches(node: fx.Node, walk: Walk) -> bool:
    """Whether an op counts the batches that a batch normalisation has seen, which no tool counts."""
    values = [walk.values.get(item) for item in node.args if isinstance(item, fx.Node)]
    sources = [value.source or "" for value in values if isinstance(value, Value)]
    return bool(sources) and all(source.endswith(BATCH_COUNT) for source in sources)


def _outputs(program: Any, walk: Walk) -> list[tuple[str, Draft]]:
    """The network's outputs by name."""
    output = next(node for node in program.graph.nodes if node.op == "output")
    kept = [
        argument
        for argument, spec in zip(output.args[0], program.graph_signature.output_specs, strict=True)
        if spec.kind.name == "USER_OUTPUT"
    ]
    spec = program.call_spec.out_spec
    paths = pytree.tree_flatten_with_path(pytree.tree_unflatten(range(len(kept)), spec))[0]
    words = {leaf: _word(path) for path, leaf in paths}
    found: list[tuple[str, Draft]] = []
    for number, argument in enumerate(kept):
        value = walk.values.get(argument) if isinstance(argument, fx.Node) else None
        if isinstance(value, Value) and value.elements:
            found.append((words.get(number, ""), walk.drafted(value)))
    if not found:
        raise RequestError("the module gives no tensor", code="module-fails")
    if len(found) == 1:
        return [("output", found[0][1])]
    named: dict[str, Draft] = {}
    for number, (word, draft) in enumerate(found, start=1):
        named[word if word and word not in named else f"output{number}"] = draft
    return list(named.items())


def _word(path: Any) -> str:
    """What an output is called, by its place in what the module gives; empty for one that has a number alone."""
    keys = [getattr(key, "key", getattr(key, "name", getattr(key, "idx", ""))) for key in path]
    return "_".join(map(str, keys)) if any(isinstance(key, str) for key in keys) else ""


def _notes(unused: Mapping[str, int], unstored: Mapping[str, int], walk: Walk, mixed: bool) -> str:
    """What there is to say about the network."""
    notes = []
    if unused:
        total = sum(unused.values())
        notes.append(f"{total:,} parameters are not counted, for nothing uses them: {_listed(unused)}.")
    if unstored:
        notes.append(
            f"{sum(unstored.values()):,} numbers are buffers that a saved state leaves out: {_listed(unstored)}."
        )
    if any(walk.unknown.values()):
        unknown = {key: number for key, number in walk.unknown.items() if number}
        notes.append(f"Not counted, for they are not known: {_listed(unknown)}.")
    if walk.batch == 1:
        why = "the module mixes the samples of a batch" if mixed else "the module takes no other"
        notes.append(f"Read with a batch of one: {why}.")
    return " ".join(notes)


def _listed(numbers: Mapping[str, int]) -> str:
    """Names, the first of many."""
    names = list(numbers)
    return ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")


def _sources(node: Node, own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, str]:
    """Where each of a node's weights is in a module's state: by the names that were read; of a file, where modules have
    no more than their paths, by the same names in the module, or as what is named alone."""
    if isinstance(node.origin, tuple):
        module = node.origin[0].rpartition(".")[0]
        named = zip([key for key in own if key != BATCH_COUNT], node.origin, strict=False)
        return {key: f"{module}.{key}" for key in own} | dict(named)
    inside = {key: f"{node.origin}.{key}" for key in own}
    return {key: name if name in state else str(node.origin) for key, name in inside.items()}


def weights(module: nn.Module, graph: Graph) -> dict[str, Tensor]:
    """The state of a module under the names of the network that was read from it.

    `pytorch.build(graph).load_state_dict(weights(module, graph), strict=False)` gives it the module's weights. Keys
    map one to one: each node's origin is the names that its weights have in the module; one read from an ONNX file that
    PyTorch wrote has the path of its module.

    Raises:
        RequestError: a node's weights are not in the module.

    >>> from cnncalc.pytorch import build
    >>> module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()).eval()
    >>> graph = read(module, (3, 8, 8))
    >>> built = build(graph).eval()
    >>> _ = built.load_state_dict(weights(module, graph))
    >>> x = torch.randn(1, 3, 8, 8)
    >>> torch.equal(built(x), module(x))
    True
    """
    from cnncalc.pytorch.build import build

    state = dict(module.state_dict(keep_vars=False))
    expected = build(graph, device="meta")
    found = {}
    for node in graph.layers:
        if node.shares is not None:
            continue
        own = expected.layers[node.name].state_dict()
        sources = _sources(node, own, state)
        for key, tensor in own.items():
            source = sources[key]
            if source not in state and key == BATCH_COUNT:
                continue  # PyTorch's function has none
            if source not in state:
                raise RequestError(f"'{node.name}' has no weight '{key}' in the module", code="no-weights")
            found[f"{node.name}.{key}"] = state[source].reshape(tensor.shape)
    return found
