"""Profiles: how long real forward passes of a network take, as a whole and layer by layer.

The whole pass is timed with nothing attached. Each layer's time comes from further passes with a mark before
and after every layer; their sum is shown against the whole. On CUDA these instrumented passes are queued
behind a short wait, so that the marks show the GPU's own time and not the time it takes to launch the work; whether
the wait was long enough is checked.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any

import torch
from torch import Tensor, nn

from cnncalc.costs.analysis import Costs, Row, checked_batch
from cnncalc.costs.roofline import Bound, Roofline
from cnncalc.devices import Device
from cnncalc.errors import RequestError, did_you_mean
from cnncalc.graph import Graph, Node
from cnncalc.pytorch.build import BuiltNetwork, build, example_inputs
from cnncalc.pytorch.device import checked_device, cuda_index, describe, out_of_memory, overflow
from cnncalc.pytorch.fit import check_memory, needed_bytes, too_large, too_many
from cnncalc.pytorch.timing import Call, Ceilings, Clock, Sample, clock_of, measure_ceilings, summary, time_calls

DTYPES = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
GRAPH_WARMUP = 3
LONGEST_WAIT = 1.0
"""Seconds for which the GPU is kept waiting at most, so that a pass can be queued."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a network is run and timed.

    Attributes:
        device: `cpu` or `cuda`.
        dtype: `float32`, `float16`, `bfloat16`; `tf32` is float32 whose products CUDA's tensor cores round.
        channels_last: weights and activations with the channels innermost.
        compile: the whole pass through `torch.compile`.
        cuda_graph: the whole pass recorded once and replayed, without the cost of launching each kernel.
        warmup, repeats: passes before the measurement, and in it.
        training: forward, backward and a step of plain SGD, instead of inference.
    """

    device: str = "cpu"
    dtype: str = "float32"
    batch: int = 1
    channels_last: bool = False
    compile: bool = False
    cuda_graph: bool = False
    warmup: int = 5
    repeats: int = 20
    training: bool = False

    @property
    def torch_dtype(self) -> torch.dtype:
        """PyTorch's name of the dtype."""
        return DTYPES[self.dtype]

    @property
    def stored_dtype(self) -> str:
        """The dtype as memory holds it."""
        return "float32" if self.dtype == "tf32" else self.dtype


@dataclass(frozen=True, slots=True)
class LayerTime:
    """One layer's time in the forward pass, with what it did in it.

    Attributes:
        row: the layer with its costs.
        time: how long it took.
        share: of the sum of all layers' medians.
        bound: the least time that its operations and its ideal traffic (inputs, parameters and output, each moved
            once) take at the device's measured ceilings, and which of the two takes it.
    """

    row: Row
    time: Sample
    share: float
    bound: Bound

    @property
    def name(self) -> str:
        """The layer's full name."""
        return self.row.name

    @property
    def limit(self) -> str | None:
        """What takes longer at the ceilings, `arithmetic` or `memory`; None for a layer that does nothing, such as
        `flatten`, or does not say what it does."""
        return self.bound.limit or None

    @property
    def roofline(self) -> float | None:
        """The least time as a share of the measured one."""
        least = self.bound.seconds
        return least / self.time.median if least and self.time.median else None

    @property
    def flops_per_s(self) -> float | None:
        """Operations per second."""
        return per_second(self.bound.flops, self.time.median)

    @property
    def bytes_per_s(self) -> float | None:
        """Bytes per second, of the ideal traffic."""
        return per_second(self.bound.bytes, self.time.median)


def per_second(amount: int | None, seconds: float) -> float | None:
    """A rate; None of an amount that is unknown, or of no time."""
    return amount / seconds if amount is not None and seconds else None


@dataclass(frozen=True, slots=True)
class LayerTimes:
    """The times of the layers of a forward pass.

    Attributes:
        times: each layer's, in the order in which they run.
        roofline: the bounds of the layers at the device's measured ceilings.
        instrumented: the whole pass with a mark before and after each layer.
        queued: whether each pass was queued before the device began with it, so that the times are the device's
            alone; None on the CPU, which has no queue.
    """

    times: Mapping[str, LayerTime]
    roofline: Roofline
    instrumented: Sample
    queued: bool | None

    @property
    def sum(self) -> float:
        """The sum of the layers' median times."""
        return sum(layer.time.median for layer in self.times.values())

    def seconds(self, nodes: Iterable[Node]) -> float:
        """The sum of the median times of some layers."""
        return sum(self.times[node.name].time.median for node in nodes)


@dataclass(frozen=True, slots=True)
class Profile:
    """The measurement of a network: the whole pass, its layers, and the device.

    Attributes:
        costs: the network with its costs, for the batch and dtype that ran.
        phases: what a step of training consists of.
        peak_memory_bytes: the most that PyTorch held at once, on CUDA; None on the CPU. Of a CUDA graph, in the pass
            that is recorded: its replay allocates nothing.
        ceilings: what the device reached; None where layers were not timed.
    """

    costs: Costs
    settings: Settings
    environment: dict[str, Any]
    latency: Sample
    phases: Mapping[str, Sample]
    predicted_memory_bytes: int
    peak_memory_bytes: int | None = None
    ceilings: Ceilings | None = None
    layers: LayerTimes | None = None

    @property
    def images_per_s(self) -> float:
        """Samples of the batch per second."""
        return self.settings.batch / self.latency.median

    def device(self) -> Device:
        """The device with its measured ceilings, as `cnncalc flops --device` takes it.

        Raises:
            RequestError: they were not measured.
        """
        if self.ceilings is None:
            raise RequestError("the device's ceilings were not measured", hint="profile with layers=True")
        return measured_device(self.environment, self.ceilings, self.settings.dtype)

    def __repr__(self) -> str:
        return f"Profile: {self.costs.graph.name} on {self.settings.device}, {self.latency.median * 1e3:.3f} ms"


def measured_device(environment: Mapping[str, Any], ceilings: Ceilings, dtype: str) -> Device:
    """A device by its measured ceilings for one type of number."""
    title = environment.get("gpu") or f"{environment['cpu']}, {environment['threads']} threads"
    source = "Measured by `cnncalc profile`: the fastest large matrix product or convolution, and copy, in PyTorch."
    memory = environment.get("gpu_memory_bytes")
    return Device(str(title), source, {dtype: ceilings.flops_per_s}, ceilings.bytes_per_s, memory)


def profile(
    graph: Graph, settings: Settings | None = None, *, layers: bool = True, progress: Progress | None = None
) -> Profile:
    """Time a network.

    Args:
        graph: the network.
        settings: how to run it.
        layers: also time each layer, and measure the device's ceilings.
        progress: is told what is being done.

    Raises:
        RequestError: the device or an option cannot be used, or the memory does not suffice.

    >>> from cnncalc import network
    >>> result = profile(network("lenet5"), Settings(batch=2, repeats=3))
    >>> result.latency.count, len(result.layers.times), result.latency.median > 0
    (3, 15, True)
    """
    settings = checked_settings(graph, settings or Settings())
    costs = Costs(graph, settings.batch, settings.stored_dtype)
    if settings.training and costs.params == 0 and "params" not in costs.unknown:
        raise RequestError(f"{graph.name} has no parameters to train")
    check_memory(costs, settings.device, settings.training)
    try:
        with _device(settings), _precision(settings):
            return _profile(costs, settings, layers, progress or (lambda stage: None))
    except (RuntimeError, MemoryError, OverflowError) as error:
        if out_of_memory(error):
            raise too_large(costs, settings.device, settings.training) from None
        if overflow(error):
            raise too_many(costs) from None
        raise


def checked_settings(graph: Graph, settings: Settings) -> Settings:
    """The settings, with the device by its own name.

    Raises:
        RequestError: they do not fit each other, the device or the network; with the option to change.
    """
    settings = replace(
        settings, device=checked_device(settings.device, ("cpu", "cuda")), batch=checked_batch(settings.batch)
    )
    if settings.dtype not in DTYPES:
        hint = did_you_mean(settings.dtype, DTYPES) or f"one of {', '.join(DTYPES)}"
        raise RequestError(f"unknown dtype '{settings.dtype[:40]}'", hint=hint)
    if settings.device == "cpu" and (settings.dtype == "tf32" or settings.cuda_graph):
        what = "tf32" if settings.dtype == "tf32" else "a CUDA graph"
        raise RequestError(f"{what} needs --device cuda")
    if settings.cuda_graph and settings.training:
        raise RequestError("a CUDA graph is recorded of inference only", hint="leave out --training or --cuda-graph")
    if settings.channels_last and not any(len(node.output) in (3, 4) for node in graph.inputs):
        raise RequestError("channels-last is for inputs of 2 or 3 spatial dimensions")
    if min(settings.warmup, settings.repeats) < 1:
        raise RequestError("warmup and repeats are whole numbers from 1")
    return settings


def _device(settings: Settings) -> Any:
    """The device as the current one, whose stream the marks stand in."""
    return nullcontext() if settings.device == "cpu" else torch.cuda.device(cuda_index(settings.device))


@contextmanager
def _precision(settings: Settings) -> Iterator[None]:
    """TF32 exactly where it was asked for: PyTorch allows it in convolutions unless told otherwise. cuDNN picks
    its algorithms by trial during the warm-up."""
    if settings.device == "cpu":
        yield
        return
    tf32, cudnn = settings.dtype == "tf32", torch.backends.cudnn
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = (torch.backends.cuda.matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark)
        torch.backends.cuda.matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = tf32, tf32, True
    try:
        yield
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.backends.cuda.matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before


@dataclass(slots=True)
class _Run:
    """A built network with its inputs, ready to be run."""

    model: BuiltNetwork
    inputs: tuple[Tensor, ...]
    settings: Settings
    clock: Clock
    forward: Callable[..., Any]
    optimizer: torch.optim.Optimizer | None = None

    def call(self) -> None:
        """One pass, or one step of training."""
        if self.optimizer is None:
            self.forward(*self.inputs)
        else:
            self.step(lambda: None)

    def step(self, mark: Callable[[], None]) -> None:
        """One step of training; `mark` is called before and after each of its phases."""
        assert self.optimizer is not None
        self.optimizer.zero_grad(set_to_none=True)
        mark()
        outputs = self.forward(*self.inputs)
        mark()
        _loss(outputs).backward()  # type: ignore[no-untyped-call]
        mark()
        self.optimizer.step()
        mark()


PHASES = ("forward", "backward", "step")


def _loss(outputs: Any) -> Tensor:
    """Any number that depends on every output."""
    tensors = outputs.values() if isinstance(outputs, dict) else [outputs]
    return torch.stack([output.float().mean() for output in tensors]).sum()


def _profile(costs: Costs, settings: Settings, layers: bool, tell: Progress) -> Profile:
    """The measurement, on a device that is there."""
    ceilings = None
    if layers:
        tell("measuring the device")
        ceilings = measure_ceilings(settings.device, settings.torch_dtype, settings.channels_last)
    environment = describe(settings.device)
    tell("building")
    run = _prepare(costs.graph, settings)
    with torch.inference_mode(not settings.training):
        tell("warming up")
        _warm_up(run)
        peak = _peak_memory(run)
        call = _recorded(run) if settings.cuda_graph else run.call
        tell("timing whole passes")
        latency = time_calls(call, run.clock, settings.repeats)
        phases = _phases(run) if settings.training else {}
        times = None
        if ceilings is not None:
            tell("timing layers")
            device = measured_device(environment, ceilings, settings.dtype)
            times = _time_layers(run, Roofline(costs, device, settings.dtype))
    return Profile(
        costs,
        settings,
        environment,
        latency,
        phases,
        predicted_memory_bytes=needed_bytes(costs, settings.training),
        peak_memory_bytes=peak,
        ceilings=ceilings,
        layers=times,
    )


def _prepare(graph: Graph, settings: Settings) -> _Run:
    """Build the module and its inputs as the settings want them."""
    model = build(graph, device=settings.device).to(settings.torch_dtype).train(settings.training)
    inputs = tuple(x.to(settings.torch_dtype) for x in example_inputs(graph, settings.batch, device=settings.device))
    if settings.channels_last:
        forms = {4: torch.channels_last, 5: torch.channels_last_3d}
        for dimensions in {x.dim() for x in inputs} & set(forms):
            model = model.to(memory_format=forms[dimensions])  # type: ignore[call-overload]
        inputs = tuple(x.to(memory_format=forms[x.dim()]) if x.dim() in forms else x for x in inputs)
    forward = torch.compile(model) if settings.compile else model
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6) if settings.training else None
    return _Run(model, inputs, settings, clock_of(settings.device), forward, optimizer)


def _warm_up(run: _Run) -> None:
    """The passes that are not timed."""
    try:
        for _ in range(run.settings.warmup):
            run.call()
        run.clock.wait()
    except ValueError as error:
        raise RequestError(f"PyTorch refuses: {error}", hint="try a larger --batch or --input") from None
    except Exception as error:
        if not run.settings.compile or out_of_memory(error):
            raise
        line = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise RequestError(f"torch.compile failed: {line[:200]}", hint="leave out --compile") from None


def _recorded(run: _Run) -> Call:
    """The pass as a CUDA graph: recorded once, then replayed on the same memory."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # what libraries set up on first use must not be recorded
        for _ in range(GRAPH_WARMUP):
            run.call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run.call()
    graph.replay()
    run.clock.wait()
    return graph.replay


def _peak_memory(run: _Run) -> int | None:
    """The most memory that PyTorch held at once during a pass, parameters and inputs included; CUDA only. Not of a
    graph's replay, which allocates nothing."""
    if run.settings.device == "cpu":
        return None
    index = cuda_index(run.settings.device)
    torch.cuda.reset_peak_memory_stats(index)
    run.call()
    torch.cuda.synchronize(index)
    return int(torch.cuda.max_memory_allocated(index))


def _phases(run: _Run) -> dict[str, Sample]:
    """The phases of steps of training."""

    def marks_of_a_step() -> list[Any]:
        marks: list[Any] = []
        run.step(lambda: marks.append(run.clock.mark()))
        return marks

    steps = [marks_of_a_step() for _ in range(run.settings.repeats)]
    run.clock.wait()
    return {
        phase: summary([run.clock.between(marks[number], marks[number + 1]) for marks in steps])
        for number, phase in enumerate(PHASES)
    }


def _time_layers(run: _Run, roofline: Roofline) -> LayerTimes:
    """Each layer's time in the forward pass of the module itself, without compilation or graph."""
    clock = run.clock
    # How long it takes to launch the plain module, which a recorded or compiled pass would not tell.
    launch = time_calls(lambda: run.model(*run.inputs), clock, 3, warmup=1).median
    queue = _Queue(clock, 2 * launch)
    marks: dict[str, tuple[Any, Any]] = {}
    times: dict[str, list[float]] = {row.name: [] for row in roofline.costs.layers}
    wholes: list[float] = []
    hooks = _marked(run.model, clock, marks)
    try:
        queue.run(lambda: run.model(*run.inputs))  # the first pass with hooks warms them up
        for _ in range(run.settings.repeats):
            wholes.append(queue.run(lambda: run.model(*run.inputs)))
            for name, (start, end) in marks.items():
                times[name].append(clock.between(start, end))
    finally:
        for hook in hooks:
            hook.remove()
    samples = {name: summary(seconds) for name, seconds in times.items()}
    total = sum(sample.median for sample in samples.values())
    layers = {
        row.name: LayerTime(
            row,
            samples[row.name],
            share=samples[row.name].median / total if total else 0.0,
            bound=roofline.of(row),
        )
        for row in roofline.costs.layers
    }
    queued = None if run.settings.device == "cpu" else queue.ahead
    return LayerTimes(layers, roofline, summary(wholes), queued)


class _Queue:
    """Runs passes that are queued behind a wait of the device. A pass that the device had begun before all of it was
    queued is run again behind a longer wait, up to `LONGEST_WAIT`.

    `ahead` tells whether that was long enough for every pass.
    """

    def __init__(self, clock: Clock, wait: float) -> None:
        self.clock = clock
        self.wait = self.first = min(wait, LONGEST_WAIT)
        self.ahead = True

    def run(self, call: Call) -> float:
        """The seconds of a pass on the device."""
        while True:
            self.clock.head_start(self.wait)
            start = self.clock.mark()
            call()
            end = self.clock.mark()
            late = self.clock.caught_up(start)
            self.clock.wait()
            if not late or not self.ahead:
                return self.clock.between(start, end)
            if self.wait >= LONGEST_WAIT:  # as where the queue itself is too short: waiting longer is of no use
                self.ahead, self.wait = False, self.first
                return self.clock.between(start, end)
            self.wait = min(2 * max(self.wait, 1e-3), LONGEST_WAIT)


def _marked(model: BuiltNetwork, clock: Clock, marks: dict[str, tuple[Any, Any]]) -> list[Any]:
    """Hooks that put the marks before and after every layer under its name; a module that several layers share is
    called for each of them in a pass, in their order."""
    hooks: list[Any] = []
    for module, members in model.names_of_modules().items():
        names = cycle(members)
        running: list[str] = []

        def before(_module: nn.Module, _inputs: Any, names: Any = names, running: list[str] = running) -> None:
            running[:] = [next(names)]
            marks[running[0]] = (clock.mark(), None)

        def after(_module: nn.Module, _inputs: Any, _output: Any, running: list[str] = running) -> None:
            marks[running[0]] = (marks[running[0]][0], clock.mark())

        hooks += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
    return hooks
