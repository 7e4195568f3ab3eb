"""Verification: the calculator against PyTorch, layer by layer.

A network is built as a module and run once. Compared are, for every layer, the shape of its output, its
parameters and stored buffers, and its MACs by two counters; in total, the same again; and what sources
publish. Whatever the counters leave out is listed as a gap, with its size. What an op does not say of itself is
unknown: it is no mismatch, and it is listed with what PyTorch has.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from cnncalc.costs.amount import AtLeast, total
from cnncalc.costs.analysis import Costs, Row
from cnncalc.costs.conventions import CONVENTIONS
from cnncalc.errors import CnncalcError
from cnncalc.graph import Graph
from cnncalc.language.expand import expand
from cnncalc.language.model import Published, Spec
from cnncalc.ops.base import Shape, Site, show
from cnncalc.pytorch.build import BuiltNetwork, build, example_inputs
from cnncalc.pytorch.counters import Count, fvcore_count, run_counted
from cnncalc.pytorch.device import checked_device, out_of_memory, overflow
from cnncalc.pytorch.fit import check_memory, too_large, too_many

PYTORCH = "PyTorch"
FLOP_COUNTER = "torch.utils.flop_counter"
FVCORE = "fvcore"
BATCH_COUNT = "num_batches_tracked"
"""PyTorch's BatchNorm also stores how many batches it has seen: one integer per layer, which no count includes."""

PUBLISHED = ("params", "macs", "flops", "buffers", "activations")
"""What of a spec's published values is counted; accuracies are no business of a calculator."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A number or shape that is not the same: `cnncalc` by the calculator, `other` by `source`.

    `layer` is empty where the network as a whole is meant.
    """

    layer: str
    quantity: str
    cnncalc: Any
    other: Any
    source: str


@dataclass(frozen=True, slots=True)
class NotSaid:
    """A number of a layer that its op does not say, and so could not be compared: `other` by `source`."""

    layer: str
    quantity: str
    other: Any
    source: str


@dataclass(slots=True)
class Gap:
    """Operations beside MACs, in all layers of a kind: `operations` by the calculator, and by each counter, which may
    leave them out or count them by another convention."""

    kind: str
    operations: int = 0
    counted: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Report:
    """What came of verifying one network, expanded in one way. Counts are for the whole batch.

    Attributes:
        network: its name.
        way: how it was expanded, in words; empty for the spec as it is.
        inputs: the shapes of its inputs by name, without the batch.
        layers: how many it has.
        counted: each counter's MACs, None where it could not run.
        published: how many values of sources were compared.
        batch_counts: the integers that PyTorch's BatchNorm stores beside the buffers compared.
        not_said: what could not be compared.
        unseen: the layers of which fvcore does not see all products.
        gaps: what the counters leave out.
        compared: what was compared, in words, where that is not what is for a network that was built.
        notes: what else there is to say.
    """

    network: str
    way: str
    device: str
    batch: int
    inputs: dict[str, Shape]
    layers: int
    params: int
    buffers: int
    macs: int
    counted: dict[str, int | None] = field(default_factory=dict)
    batch_counts: int = 0
    published: int = 0
    mismatches: list[Mismatch] = field(default_factory=list)
    not_said: list[NotSaid] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    compared: str = ""
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def equal(self) -> bool:
        """Whether nothing that was compared differs."""
        return not self.mismatches

    def compare(self, layer: str, quantity: str, ours: Any, other: Any, source: str) -> None:
        """Compare a pair; a total over what is unknown is compared as what there is at least."""
        if ours is None:
            self.not_said.append(NotSaid(layer, quantity, other, source))
        elif other < ours if isinstance(ours, AtLeast) else ours != other:
            self.mismatches.append(Mismatch(layer, quantity, ours, other, source))

    def __repr__(self) -> str:
        way = f" ({self.way})" if self.way else ""
        result = "equal" if self.equal else f"{len(self.mismatches):,} differ"
        unknown = f", {len(self.not_said):,} unknown" if self.not_said else ""
        return f"Report: {self.network}{way} on {self.device}, {self.layers:,} layers, {result}{unknown}"


@dataclass(frozen=True, slots=True)
class Way:
    """A way to expand a spec, and how a report calls it."""

    text: str = ""
    input: Shape | Mapping[str, Shape] | None = None
    vars: Mapping[str, Any] = field(default_factory=dict)
    training: bool = False

    @property
    def plain(self) -> bool:
        """Whether it is the spec as it is."""
        return not (self.input or self.vars or self.training)

    def graph(self, spec: Spec) -> Graph:
        """The network of a spec, expanded in this way."""
        return expand(spec, self.input, self.vars, self.training)


def verify(graph: Graph, *, device: str = "cpu", batch: int = 1, way: str = "") -> Report:
    """Compare a network's costs with a real forward pass of its PyTorch module.

    Args:
        graph: the network.
        device: where to run: `cpu`, `cuda`, or `meta`, which gives shapes and `torch.utils.flop_counter`'s
            counts without computing anything; fvcore cannot run there.
        batch: samples in the batch.
        way: how the report calls the way the network was expanded.

    Raises:
        RequestError: no such device, too little memory, a layer that PyTorch does not have, or an op that nothing
            says how to build.

    >>> from cnncalc import network
    >>> report = verify(network("lenet5"))
    >>> report.equal, report.macs, report.counted
    (True, 325680, {'torch.utils.flop_counter': 325680, 'fvcore': 325680})
    """
    device = checked_device(device)
    start = time.perf_counter()
    costs = Costs(graph, batch)
    check_memory(costs, device)
    report = Report(
        graph.name,
        way,
        device,
        costs.batch,
        {node.name: node.output for node in graph.inputs},
        layers=len(graph.layers),
        params=costs.params,
        buffers=costs.buffers,
        macs=costs.macs,
    )
    try:
        _compare(costs, report)
    except (RuntimeError, MemoryError, OverflowError) as error:
        if out_of_memory(error):
            raise too_large(costs, device) from None
        if overflow(error):
            raise too_many(costs) from None
        raise
    report.seconds = time.perf_counter() - start
    return report


def _compare(costs: Costs, report: Report) -> None:
    """Build, run and compare."""
    graph = _with_unread_as_outputs(costs.graph)
    model = build(graph, device=report.device).eval()
    shapes = _recorded_shapes(model)
    inputs = example_inputs(graph, report.batch, device=report.device)
    counts: dict[str, Count] = {}
    try:
        outputs, counts[FLOP_COUNTER] = run_counted(model, inputs)
        _compare_outputs(costs.graph, outputs if isinstance(outputs, dict) else {"": outputs}, report)
        del outputs
        if report.device != "meta":
            counts[FVCORE] = fvcore_count(model, inputs)
    except Exception as error:  # whatever a module or a counter raises is a finding, if it is not for want of memory
        if out_of_memory(error) or overflow(error):
            raise
        message = next(iter(str(error).strip().splitlines()), type(error).__name__)
        where = FVCORE if FLOP_COUNTER in counts else PYTORCH
        report.mismatches.append(Mismatch("", "forward pass", "runs", message, where))
        return
    _compare_modules(costs, model, shapes, report)
    for counter in (FLOP_COUNTER, FVCORE):
        report.counted[counter] = counts[counter].total if counter in counts else None
    for counter, count in counts.items():
        _compare_counts(costs, count, counter, report)
    report.gaps = _gaps(costs, counts)


def _with_unread_as_outputs(graph: Graph) -> Graph:
    """The network with the tensors that nobody reads as further outputs: a trace leaves out what no output depends
    on, and cnncalc counts it."""
    ends = set(graph.outputs.values())
    unread = [node for node in graph.layers if not graph.readers[node.index] and node not in ends]
    return replace(graph, outputs={**graph.outputs, **{f"unread {node.name}": node for node in unread}})


def _recorded_shapes(model: BuiltNetwork) -> dict[str, Shape]:
    """A table that fills with every layer's output shape, without the batch, as the module runs. A module that several
    layers share is called once for each, in their order."""
    shapes: dict[str, Shape] = {}

    def record(module: nn.Module, waiting: Iterator[str]) -> None:
        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            name = next(waiting, None)  # None in a second run
            if name is not None:
                shapes[name] = tuple(int(size) for size in output.shape[1:])

        module.register_forward_hook(hook)

    for module, members in model.names_of_modules().items():
        record(module, iter(members))
    return shapes


def parameters(module: nn.Module) -> int:
    """Trainable numbers of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def buffers(module: nn.Module) -> tuple[int, int]:
    """Stored numbers of a module that are not trained: those that cost, and BatchNorm's counts of batches.

    >>> buffers(nn.BatchNorm2d(64))
    (128, 1)
    """
    trained = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    stored = [(name, tensor.numel()) for name, tensor in module.state_dict().items() if name not in trained]
    counts = sum(number for name, number in stored if name.endswith(BATCH_COUNT))
    return sum(number for _, number in stored) - counts, counts


def _compare_modules(costs: Costs, model: BuiltNetwork, shapes: Mapping[str, Shape], report: Report) -> None:
    """Each layer's output shape, parameters and buffers, and the module's as a whole."""
    for row in costs.layers:
        module = model.layers[row.name]
        report.compare(row.name, "output", row.output, shapes.get(row.name), PYTORCH)
        shared = row.node.shares is not None and module is model.layers[row.node.shares.name]
        report.compare(row.name, "params", row.params, 0 if shared else parameters(module), PYTORCH)
        report.compare(row.name, "buffers", row.buffers, 0 if shared else buffers(module)[0], PYTORCH)
    stored, report.batch_counts = buffers(model)
    report.compare("", "params", costs.params, parameters(model), PYTORCH)
    report.compare("", "buffers", costs.buffers, stored, PYTORCH)


def _compare_outputs(graph: Graph, outputs: Mapping[str, Tensor], report: Report) -> None:
    """The network's outputs by name; a lone one has none."""
    expected = {name: node.output for name, node in graph.outputs.items()}
    if len(outputs) == 1:
        expected = {"": next(iter(expected.values()))}
    shapes = {name: tuple(outputs[name].shape[1:]) for name in expected if name in outputs}
    report.compare("", "outputs", expected, shapes, PYTORCH)


def _compare_counts(costs: Costs, count: Count, counter: str, report: Report) -> None:
    """MACs by layer and in total; a counter gives those of layers that share weights to the first, whose module it
    is."""
    macs: dict[str, list[int | None]] = {}
    for row in costs.layers:
        seen = row.macs
        if counter == FVCORE and seen is not None and (missed := _missed_by_fvcore(row)):
            seen -= missed
            report.unseen.append(row.name)
        macs.setdefault((row.node.shares or row.node).name, []).append(seen)
    for name, parts in macs.items():
        ours = parts[0] if len(parts) == 1 else total(parts)
        report.compare(name, "macs", ours, count.layers.get(name, 0), counter)
    report.compare("", "macs", total([one for parts in macs.values() for one in parts]), count.total, counter)


def _missed_by_fvcore(row: Row) -> int:
    """The MACs of a layer that fvcore does not see: of attention in one step, recurrent layers, functions."""
    rule = CONVENTIONS[FVCORE].rules.get(type(row.op))
    if rule is None:
        return 0
    site = Site(row.op, row.node.input_shapes, row.output)
    missed = rule(site).get("missed", 0)
    return -int(missed) * row.analysis.batch if isinstance(missed, (int, float)) else 0


def _gaps(costs: Costs, counts: Mapping[str, Count]) -> list[Gap]:
    """What each counter has of the operations other than MACs, by kind of layer; the kinds that have any."""
    gaps: dict[str, Gap] = {}
    for row in costs.layers:
        if row.flops is None or row.macs is None:
            continue
        gap = gaps.setdefault(row.op.kind, Gap(row.op.kind, counted=dict.fromkeys(counts, 0)))
        gap.operations += row.flops - 2 * row.macs
        for counter, count in counts.items():
            gap.counted[counter] += count.others.get(row.name, 0)
    return [gap for gap in gaps.values() if gap.operations or any(gap.counted.values())]


def summed_gaps(reports: Sequence[Report]) -> list[Gap]:
    """The gaps of many reports, summed by kind and counter."""
    sums: dict[str, Gap] = {}
    for gap in (gap for report in reports for gap in report.gaps):
        entry = sums.setdefault(gap.kind, Gap(gap.kind))
        entry.operations += gap.operations
        for counter, number in gap.counted.items():
            entry.counted[counter] = entry.counted.get(counter, 0) + number
    return list(sums.values())


def compare_published(spec: Spec, report: Report) -> None:
    """Compare every value that the spec publishes, in the way that it is published for."""
    for published in spec.published:
        costs = Costs(_published_way(published).graph(spec))
        for quantity, value in published.values.items():
            if quantity in PUBLISHED:
                report.published += 1
                report.compare("", quantity, getattr(costs, quantity), value, published.source)


def _published_way(published: Published) -> Way:
    """The way that a value is published for."""
    parts = ["training"] if published.training else []
    parts += [f"input {show(published.input)}"] if published.input else []
    parts += [f"{name}={value}" for name, value in published.variables.items()]
    return Way(", ".join(parts), published.input, published.variables, published.training)


def all_ways(spec: Spec) -> list[Way]:
    """Every way in which `verify --all` expands a spec: as it is; in training, where that has other layers; as
    its published values have it; and for another input size, odd and not square, where it takes one."""
    plain = Way()
    found = [plain]
    own = plain.graph(spec)
    training = Way("training", training=True)
    if _layout(training.graph(spec)) != _layout(own):
        found.append(training)
    for published in map(_published_way, spec.published):
        if all(published.text != way.text for way in found):
            found.append(published)
    return found + _another_size(spec, own.input)


def _layout(graph: Graph) -> list[tuple[str, Any]]:
    """What tells two expansions of a spec apart."""
    return [(node.name, node.op) for node in graph.layers]


def _another_size(spec: Spec, own: Shape) -> list[Way]:
    """An odd, uneven input size, or a multiple of 32 for networks whose branches need one; none if neither fits."""
    odd = (own[0], *((n + n // (8 - 2 * d)) | 1 for d, n in enumerate(own[1:])))
    even = (own[0], *(n + 32 * (d + 1) for d, n in enumerate(own[1:])))
    for shape in (odd, even):
        way = Way(f"input {show(shape)}", shape)
        try:
            way.graph(spec)
        except CnncalcError:
            continue
        return [way] if len(own) > 1 else []
    return []


def verify_specs(specs: Sequence[tuple[Spec, Sequence[Way]]], device: str = "cpu", batch: int = 1) -> Iterator[Report]:
    """Verify each spec in each of its ways; its published values with the first, if that is the spec as it is."""
    for spec, ways in specs:
        for number, way in enumerate(ways):
            report = verify(way.graph(spec), device=device, batch=batch, way=way.text)
            if number == 0 and way.plain:
                compare_published(spec, report)
            yield report
