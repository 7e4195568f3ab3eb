"""Profiles: how long real forward passes of a network take, as a whole and layer by layer.

The whole pass is timed with nothing attached. Each layer's time comes from further passes with a mark before
and after every layer; their sum is shown against the whole. On CUDA these instrumented passes are queued
behind a short wait, so that the marks show the GPU's own time and not the time it takes to launch the work.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from cnncalc.costs.analysis import analyse
from cnncalc.costs.memory import largest_batch, memory
from cnncalc.errors import RequestError, did_you_mean
from cnncalc.language.expand import Network
from cnncalc.pytorch.build import BuiltNetwork, build, example_input
from cnncalc.pytorch.device import available_bytes, check_device, cuda_index, describe, out_of_memory
from cnncalc.pytorch.timing import Call, Ceilings, Clock, Sample, clock_of, measure_ceilings, summary, time_calls

DTYPES = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
OPTIMIZER = "sgd"
GRAPH_WARMUP = 3

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
    def memory_dtype(self) -> str:
        """The dtype as the memory model knows it."""
        return "float32" if self.dtype == "tf32" else self.dtype


@dataclass(frozen=True, slots=True)
class LayerTime:
    """One layer's time in the forward pass, with what it did in it.

    `bytes` are the ideal traffic: inputs, parameters and output, each moved once. `bound` says what would limit
    the layer at the device's ceilings, `arithmetic` or `memory`, and `roofline` which share of that limit it
    reaches; both are None for a layer that does nothing, such as `flatten`.
    """

    name: str
    kind: str
    time: Sample
    share: float
    flops: int
    bytes: int
    bound: str | None
    roofline: float | None

    @property
    def flops_per_s(self) -> float:
        """Operations a second."""
        return self.flops / self.time.median if self.time.median else 0.0

    @property
    def bytes_per_s(self) -> float:
        """Bytes a second, of the ideal traffic."""
        return self.bytes / self.time.median if self.time.median else 0.0


@dataclass(slots=True)
class Profile:
    """The measurement of a network: the whole pass, its layers, and the device.

    `phases` splits a step of training. `peak_memory_bytes` is what PyTorch measured on CUDA, None on the CPU.
    """

    network: str
    input: tuple[int, ...]
    settings: Settings
    environment: dict[str, Any]
    latency: Sample
    flops: int
    macs: int
    params: int
    predicted_memory_bytes: int
    peak_memory_bytes: int | None = None
    phases: dict[str, Sample] = field(default_factory=dict)
    ceilings: Ceilings | None = None
    layers: list[LayerTime] = field(default_factory=list)
    instrumented: Sample | None = None

    @property
    def images_per_s(self) -> float:
        """Samples of the batch a second."""
        return self.settings.batch / self.latency.median

    @property
    def layer_sum(self) -> float:
        """The sum of the layers' median times."""
        return sum(layer.time.median for layer in self.layers)

    def as_json(self) -> dict[str, Any]:
        """The profile as plain JSON values."""
        layers = [
            {**asdict(layer), "flops_per_s": layer.flops_per_s, "bytes_per_s": layer.bytes_per_s}
            for layer in self.layers
        ]
        return {
            "schema": 1,
            **asdict(self),
            "input": list(self.input),
            "images_per_s": self.images_per_s,
            "layer_sum": self.layer_sum,
            "layers": layers,
        }


def profile(
    network: Network, settings: Settings | None = None, *, layers: bool = True, progress: Progress | None = None
) -> Profile:
    """Time a network.

    Args:
        network: what `cnncalc.expand` gives.
        settings: how to run it.
        layers: also time each layer, and measure the device's ceilings.
        progress: is told what is being done.

    Raises:
        RequestError: the device or an option cannot be used, or the memory does not suffice.

    >>> from cnncalc import expand, load
    >>> result = profile(expand(load("lenet5")), Settings(batch=2, repeats=3))
    >>> result.latency.count, len(result.layers), result.latency.median > 0
    (3, 15, True)
    """
    settings = settings or Settings()
    check_settings(network, settings)
    check_memory(network, settings)
    tell = progress or (lambda stage: None)
    try:
        with _device(settings), _precision(settings):
            return _profile(network, settings, layers, tell)
    except (RuntimeError, MemoryError) as error:
        if out_of_memory(error):
            raise too_large(network, settings) from None
        raise


def check_settings(network: Network, settings: Settings) -> None:
    """Raise where the settings do not fit each other, the device or the network.

    Raises:
        RequestError: with the option to change.
    """
    check_device(settings.device, ("cpu", "cuda"))
    if settings.dtype not in DTYPES:
        hint = did_you_mean(settings.dtype, DTYPES) or f"one of {', '.join(DTYPES)}"
        raise RequestError(f"unknown dtype '{settings.dtype[:40]}'", hint=hint)
    if settings.device == "cpu" and (settings.dtype == "tf32" or settings.cuda_graph):
        what = "tf32" if settings.dtype == "tf32" else "a CUDA graph"
        raise RequestError(f"{what} needs --device cuda")
    if settings.cuda_graph and settings.training:
        raise RequestError("a CUDA graph is recorded of inference only", hint="leave out --training or --cuda-graph")
    if settings.channels_last and len(network.input) not in (3, 4):
        raise RequestError("channels-last is for inputs of 2 or 3 spatial dimensions")
    if settings.training and not analyse(network).totals.params:
        raise RequestError(f"{network.name} has no parameters to train")


def needed_bytes(network: Network, settings: Settings) -> int:
    """The memory that a pass, or a step of training, is predicted to need."""
    result = memory(network, settings.batch, settings.memory_dtype, optimizer=OPTIMIZER)
    return result.training.total if settings.training else result.peak


def check_memory(network: Network, settings: Settings) -> None:
    """Raise where the prediction alone exceeds what is free: better than to be killed for it.

    Raises:
        RequestError: see `too_large`.
    """
    available = available_bytes(settings.device)
    if available is not None and needed_bytes(network, settings) > available:
        raise too_large(network, settings)


def too_large(network: Network, settings: Settings) -> RequestError:
    """The error of a batch that does not fit: the predicted need, and the largest batch that would fit."""
    need = needed_bytes(network, settings)
    available = _budget(settings.device)
    message = (
        f"{network.name} with batch {settings.batch:,} does not fit the memory of {settings.device}: "
        f"about {_gib(need)} are needed"
    )
    if available is None:
        return RequestError(message, hint="a smaller --batch or --input needs less")
    best = largest_batch(network, available, settings.memory_dtype, optimizer=OPTIMIZER, training=settings.training)
    # Where the prediction fits and the run did not, workspaces and fragments took the rest.
    best = min(best, settings.batch // 2) if best >= settings.batch else best
    hint = f"the largest batch that would fit is {best:,}" if best else "not even a batch of 1 would fit"
    return RequestError(f"{message}, {_gib(available)} are free", hint=hint)


def _budget(device: str) -> int | None:
    """The memory free for this process, its own cache included."""
    available = available_bytes(device)
    if available is None or device == "cpu":
        return available
    return available + torch.cuda.memory_reserved(cuda_index(device))


def _gib(size: int) -> str:
    return f"{size / 2**30:,.2f} GiB"


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
    """A built network with its input, ready to be run."""

    model: BuiltNetwork
    x: Tensor
    settings: Settings
    clock: Clock
    forward: Callable[[Tensor], Any]
    optimizer: torch.optim.Optimizer | None = None

    def call(self) -> None:
        """One pass, or one step of training."""
        if self.optimizer is None:
            self.forward(self.x)
            return
        self.step([])

    def step(self, marks: list[Any]) -> None:
        """One step of training, with marks around its phases."""
        assert self.optimizer is not None
        self.optimizer.zero_grad(set_to_none=True)
        marks.append(self.clock.mark())
        outputs = self.forward(self.x)
        marks.append(self.clock.mark())
        _loss(outputs).backward()  # type: ignore[no-untyped-call]
        marks.append(self.clock.mark())
        self.optimizer.step()
        marks.append(self.clock.mark())


def _loss(outputs: Any) -> Tensor:
    """Any number that depends on every output."""
    tensors = outputs.values() if isinstance(outputs, dict) else [outputs]
    return torch.stack([output.float().mean() for output in tensors]).sum()


def _profile(network: Network, settings: Settings, layers: bool, tell: Progress) -> Profile:
    """The measurement, on a device that is there."""
    analysis = analyse(network, settings.batch)
    ceilings = None
    if layers:
        tell("measuring the device")
        ceilings = measure_ceilings(settings.device, settings.torch_dtype)
    tell("building")
    run = _prepare(network, settings)
    with torch.inference_mode(not settings.training):
        tell("warming up")
        call = _warmed_up(run)
        tell("timing whole passes")
        result = Profile(
            network.name,
            network.input,
            settings,
            describe(settings.device),
            time_calls(call, run.clock, settings.repeats),
            flops=analysis.totals.flops,
            macs=analysis.totals.macs,
            params=analysis.totals.params,
            predicted_memory_bytes=needed_bytes(network, settings),
            peak_memory_bytes=_peak_memory(call, settings.device),
            ceilings=ceilings,
        )
        if settings.training:
            result.phases = _phases(run)
        if layers:
            tell("timing layers")
            _time_layers(network, run, result)
    return result


def _prepare(network: Network, settings: Settings) -> _Run:
    """Build the module and its input as the settings want them."""
    model = build(network, device=settings.device).to(settings.torch_dtype).train(settings.training)
    x = example_input(network, settings.batch, device=settings.device).to(settings.torch_dtype)
    if settings.channels_last:
        form = torch.channels_last if x.dim() == 4 else torch.channels_last_3d
        model, x = model.to(memory_format=form), x.to(memory_format=form)  # type: ignore[call-overload]
    forward = torch.compile(model) if settings.compile else model
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6) if settings.training else None
    return _Run(model, x, settings, clock_of(settings.device), forward, optimizer)


def _warmed_up(run: _Run) -> Call:
    """What one pass is, after the passes that are not timed."""
    try:
        for _ in range(max(run.settings.warmup, 1)):
            run.call()
        run.clock.wait()
    except ValueError as error:
        raise RequestError(f"PyTorch refuses: {error}", hint="try a larger --batch or --input") from None
    except Exception as error:
        if not run.settings.compile or out_of_memory(error):
            raise
        line = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise RequestError(f"torch.compile failed: {line[:200]}", hint="leave out --compile") from None
    return _recorded(run) if run.settings.cuda_graph else run.call


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


def _peak_memory(call: Call, device: str) -> int | None:
    """The most memory that PyTorch held at once during a pass, parameters and input included; CUDA only."""
    if device == "cpu":
        return None
    index = cuda_index(device)
    torch.cuda.reset_peak_memory_stats(index)
    call()
    torch.cuda.synchronize(index)
    return int(torch.cuda.max_memory_allocated(index))


def _phases(run: _Run) -> dict[str, Sample]:
    """The phases of steps of training."""
    steps: list[list[Any]] = []
    for _ in range(run.settings.repeats):
        marks: list[Any] = []
        run.step(marks)
        steps.append(marks)
    run.clock.wait()
    names = ("forward", "backward", "step")
    return {
        name: summary([run.clock.between(marks[index], marks[index + 1]) for marks in steps])
        for index, name in enumerate(names)
    }


def _time_layers(network: Network, run: _Run, result: Profile) -> None:
    """Each layer's time in the forward pass of the module itself, without compilation or graph."""
    settings, clock = run.settings, run.clock
    passes: list[list[float]] = []
    wholes: list[float] = []
    marks: list[Any] = []
    # How long it takes to launch the plain module, which a recorded or compiled pass would not tell.
    launch = time_calls(lambda: run.model(run.x), clock, 3, warmup=1).median
    hooks = _marked(run.model, clock, marks)
    try:
        for number in range(settings.repeats + 1):
            marks.clear()
            clock.head_start(2 * launch)
            start = clock.mark()
            run.model(run.x)
            end = clock.mark()
            clock.wait()
            if number == 0:
                continue  # the first pass with hooks warms them up
            wholes.append(clock.between(start, end))
            passes.append([clock.between(*pair) for pair in zip(marks[::2], marks[1::2], strict=True)])
    finally:
        for hook in hooks:
            hook.remove()
    result.instrumented = summary(wholes)
    result.layers = _layer_times(network, settings, [summary(times) for times in zip(*passes, strict=True)], result)


def _marked(model: BuiltNetwork, clock: Clock, marks: list[Any]) -> list[Any]:
    """Hooks that add a mark before and after every layer, in the order in which the layers run."""

    def before(_module: nn.Module, _inputs: Any) -> None:
        marks.append(clock.mark())

    def after(_module: nn.Module, _inputs: Any, _output: Any) -> None:
        marks.append(clock.mark())

    hooks: list[Any] = []
    for module, _, _ in model.plan:
        hooks += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
    return hooks


def _layer_times(network: Network, settings: Settings, times: list[Sample], result: Profile) -> list[LayerTime]:
    """The layers' times with the work and traffic that the calculator knows of each."""
    costs = analyse(network, settings.batch).layers
    traffic = memory(network, settings.batch, settings.memory_dtype).layers
    total = sum(time.median for time in times)
    found = []
    for layer, cost, moved, time in zip(network.layers, costs, traffic, times, strict=True):
        size = moved.read + moved.written
        least, bound = result.ceilings.bound(cost.flops, size) if result.ceilings else (0.0, "")
        found.append(
            LayerTime(
                layer.name,
                layer.kind.name,
                time,
                share=time.median / total if total else 0.0,
                flops=cost.flops,
                bytes=size,
                bound=bound if least else None,
                roofline=least / time.median if least and time.median else None,
            )
        )
    return found
