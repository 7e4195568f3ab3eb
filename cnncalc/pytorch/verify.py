"""Verification: the calculator against PyTorch, layer by layer.

A network is built as a module and run once. Compared are, for every layer, the shape of its output, its
parameters and stored buffers, and its MACs by two counters; in total, the same again; and what sources
publish. Whatever the counters leave out is listed as a gap, with its size.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor, nn

from cnncalc.costs.analysis import Analysis, analyse
from cnncalc.errors import CnncalcError, RequestError
from cnncalc.language.expand import Network, expand
from cnncalc.language.model import Published, Spec
from cnncalc.ops import Shape
from cnncalc.pytorch.build import BuiltNetwork, build, example_input
from cnncalc.pytorch.counters import Count, fvcore_count, run_counted
from cnncalc.pytorch.device import check_device, out_of_memory

FLOP_COUNTER = "torch.utils.flop_counter"
FVCORE = "fvcore"
BATCH_COUNT = "num_batches_tracked"
"""PyTorch's BatchNorm also stores how many batches it has seen: one integer a layer, which no count includes."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A number or shape that is not the same: `cnncalc` by the calculator, `other` by `source`.

    `layer` is empty where the network as a whole is meant.
    """

    layer: str
    quantity: str
    cnncalc: Any
    other: Any
    source: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Operations beside MACs, in all layers of a kind: `operations` by the calculator, `counted` by a counter,
    which may leave them out or count them by another convention."""

    counter: str
    kind: str
    operations: int
    counted: int


@dataclass(slots=True)
class Report:
    """What came of verifying one network under one set of conditions. Counts are for the whole batch.

    `counted` holds each counter's MACs, None where it could not run; `published` how many values of sources
    were compared; `batch_counts` the integers that PyTorch's BatchNorm stores beside the buffers compared.
    """

    network: str
    conditions: str
    device: str
    batch: int
    input: Shape
    layers: int
    params: int
    buffers: int
    macs: int
    counted: dict[str, int | None] = field(default_factory=dict)
    batch_counts: int = 0
    published: int = 0
    differences: list[Difference] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {"equal": self.equal, **asdict(self), "input": list(self.input)}


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which a network is expanded, and how a report calls that."""

    text: str = ""
    input: Shape | None = None
    vars: Mapping[str, Any] = field(default_factory=dict)
    training: bool = False

    def network(self, spec: Spec) -> Network:
        """The network under these conditions."""
        return expand(spec, self.input, self.vars, self.training)


def verify(network: Network, *, device: str = "cpu", batch: int = 1, conditions: str = "") -> Report:
    """Compare a network's calculation with a real forward pass of its PyTorch module.

    Args:
        network: what `cnncalc.expand` gives.
        device: where to run: `cpu`, `cuda`, or `meta`, which gives shapes and `torch.utils.flop_counter`'s
            counts without computing anything; fvcore cannot run there.
        batch: samples in the batch.
        conditions: how the report calls the way the network was expanded.

    Raises:
        RequestError: no such device, too little memory, or a layer that PyTorch does not have.

    >>> from cnncalc import expand, load
    >>> report = verify(expand(load("lenet5")))
    >>> report.equal, report.macs, report.counted
    (True, 325680, {'torch.utils.flop_counter': 325680, 'fvcore': 325680})
    """
    check_device(device)
    start = time.perf_counter()
    analysis = analyse(network, batch)
    totals = analysis.totals
    report = Report(
        network.name,
        conditions,
        device,
        batch,
        network.input,
        layers=len(network.layers),
        params=totals.params,
        buffers=totals.buffers,
        macs=totals.macs,
    )
    try:
        _compare(analysis, report)
    except RuntimeError as error:
        if out_of_memory(error):
            need = f"about {totals.peak_memory_bytes / 2**30:,.1f} GiB are needed"
            raise RequestError(
                f"{network.name} does not fit the memory of {device}", hint=f"{need}; try --device meta"
            ) from None
        message = str(error).strip().splitlines()[0]
        report.differences.append(Difference("", "forward pass", "runs", message, "PyTorch"))
    report.seconds = time.perf_counter() - start
    return report


def _compare(analysis: Analysis, report: Report) -> None:
    """Build, run and compare."""
    network = analysis.network
    model = build(network, device=report.device).eval()
    shapes = _recorded_shapes(model, network)
    x = example_input(network, report.batch, device=report.device)
    outputs, count = run_counted(model, x)
    _compare_modules(analysis, model, shapes, report)
    _compare_outputs(network, outputs, report)
    del outputs
    _compare_counts(analysis, count, FLOP_COUNTER, report)
    if report.device == "meta":
        report.counted[FVCORE] = None
        return
    _compare_counts(analysis, fvcore_count(model, x), FVCORE, report)


def _recorded_shapes(model: BuiltNetwork, network: Network) -> dict[str, Shape]:
    """A table that fills with every layer's output shape, without the batch, as the module runs."""
    shapes: dict[str, Shape] = {}

    def record(name: str, module: nn.Module) -> None:
        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            shapes.setdefault(name, tuple(int(size) for size in output.shape[1:]))

        module.register_forward_hook(hook)

    for layer, (module, _, _) in zip(network.layers, model.plan, strict=True):
        record(layer.name, module)
    return shapes


def parameters(module: nn.Module) -> int:
    """Trainable numbers of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def buffers(module: nn.Module) -> tuple[int, int]:
    """Stored numbers of a module that are not trained: those that cost, and BatchNorm's counts of batches.

    >>> buffers(nn.BatchNorm2d(64))
    (128, 1)
    """
    trained = {name for name, _ in module.named_parameters()}
    stored = [(name, tensor.numel()) for name, tensor in module.state_dict().items() if name not in trained]
    counts = sum(number for name, number in stored if name.endswith(BATCH_COUNT))
    return sum(number for _, number in stored) - counts, counts


def _compare_modules(analysis: Analysis, model: BuiltNetwork, shapes: Mapping[str, Shape], report: Report) -> None:
    """Each layer's output shape, parameters and buffers, and the module's as a whole."""
    for layer, costs, (module, _, _) in zip(analysis.network.layers, analysis.layers, model.plan, strict=True):
        found = {
            "output": (layer.output, shapes.get(layer.name)),
            "params": (costs.params, parameters(module)),
            "buffers": (costs.buffers, buffers(module)[0]),
        }
        _note(report, layer.name, found, "PyTorch")
    stored, report.batch_counts = buffers(model)
    whole = {"params": (report.params, parameters(model)), "buffers": (report.buffers, stored)}
    _note(report, "", whole, "PyTorch")


def _compare_outputs(network: Network, outputs: Tensor | dict[str, Tensor], report: Report) -> None:
    """The network's outputs by name."""
    named = outputs if isinstance(outputs, dict) else {"output": outputs}
    shapes = {name: tuple(output.shape[1:]) for name, output in named.items()}
    expected = {name: network.shape(tensor) for name, tensor in network.outputs.items()}
    _note(report, "", {"outputs": (expected, shapes)}, "PyTorch")


def _compare_counts(analysis: Analysis, count: Count, counter: str, report: Report) -> None:
    """MACs by layer and in total; and what the counter leaves out of the other operations, by kind."""
    report.counted[counter] = count.total
    gaps: dict[str, list[int]] = {}
    for layer, costs in zip(analysis.network.layers, analysis.layers, strict=True):
        _note(report, layer.name, {"macs": (costs.macs, count.layers.get(layer.name, 0))}, counter)
        gap = gaps.setdefault(layer.kind.name, [0, 0])
        gap[0] += costs.flops - 2 * costs.macs
        gap[1] += count.others.get(layer.name, 0)
    _note(report, "", {"macs": (report.macs, count.total)}, counter)
    report.gaps += [Gap(counter, kind, ours, theirs) for kind, (ours, theirs) in gaps.items() if ours or theirs]


def _note(report: Report, layer: str, found: Mapping[str, tuple[Any, Any]], source: str) -> None:
    """Add a difference for each pair that is not equal."""
    report.differences += [
        Difference(layer, quantity, ours, other, source) for quantity, (ours, other) in found.items() if ours != other
    ]


def compare_published(spec: Spec, report: Report) -> None:
    """Compare every value that the spec publishes, under the conditions it is published for."""
    for published in spec.published:
        totals = analyse(_published_conditions(published).network(spec)).totals
        for quantity, value in published.values.items():
            ours = getattr(totals, quantity, None)  # accuracies are no business of a calculator
            if ours is None:
                continue
            report.published += 1
            _note(report, "", {quantity: (ours, value)}, published.source)


def _published_conditions(published: Published) -> Conditions:
    """The conditions that a value is published for."""
    parts = ["training"] if published.training else []
    parts += [f"input {'x'.join(map(str, published.input))}"] if published.input else []
    parts += [f"{name}={value}" for name, value in published.variables.items()]
    return Conditions(", ".join(parts), published.input, published.variables, published.training)


def all_conditions(spec: Spec) -> list[Conditions]:
    """Every way in which `verify --all` expands a spec: as it is; in training, where that has other layers; as
    its published values have it; and for another input size, odd and not square, where it takes one."""
    plain = Conditions()
    found = [plain]
    own = plain.network(spec)
    training = Conditions("training", training=True)
    if _layout(training.network(spec)) != _layout(own):
        found.append(training)
    for published in map(_published_conditions, spec.published):
        if all(published.text != conditions.text for conditions in found):
            found.append(published)
    found += _another_size(spec, own.input)
    return found


def _layout(network: Network) -> list[tuple[str, Any]]:
    """What tells two expansions of a spec apart."""
    return [(layer.name, layer.kind) for layer in network.layers]


def _another_size(spec: Spec, own: Shape) -> list[Conditions]:
    """An odd, uneven input size, or a multiple of 32 for networks whose branches need one; none if neither fits."""
    odd = (own[0], *((n + n // (8 - 2 * d)) | 1 for d, n in enumerate(own[1:])))
    even = (own[0], *(n + 32 * (d + 1) for d, n in enumerate(own[1:])))
    for shape in (odd, even):
        conditions = Conditions(f"input {'x'.join(map(str, shape))}", shape)
        try:
            conditions.network(spec)
        except CnncalcError:
            continue
        return [conditions] if len(own) > 1 else []
    return []


def verify_specs(
    specs: Sequence[tuple[Spec, Sequence[Conditions]]], device: str = "cpu", batch: int = 1
) -> Iterator[Report]:
    """Verify each spec under each of its conditions; its published values with the first."""
    for spec, ways in specs:
        for number, conditions in enumerate(ways):
            report = verify(conditions.network(spec), device=device, batch=batch, conditions=conditions.text)
            if number == 0 and not (conditions.input or conditions.vars or conditions.training):
                compare_published(spec, report)
            yield report


def summed_gaps(reports: Sequence[Report]) -> list[Gap]:
    """The gaps of many reports, summed by counter and kind."""
    sums: dict[tuple[str, str], list[int]] = {}
    for gap in (gap for report in reports for gap in report.gaps):
        entry = sums.setdefault((gap.counter, gap.kind), [0, 0])
        entry[0] += gap.operations
        entry[1] += gap.counted
    return [Gap(counter, kind, ours, theirs) for (counter, kind), (ours, theirs) in sums.items()]
