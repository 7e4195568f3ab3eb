"""`cnncalc profile`: the time that real forward passes take, as a whole and layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnncalc.cli.options import Grouping, Output, Request, command, complete_word

if TYPE_CHECKING:
    from cnncalc.costs.analysis import Analysis
    from cnncalc.pytorch.profile import LayerTime, Profile
    from cnncalc.pytorch.timing import Sample
    from cnncalc.render import Cell, Table

BAR = 16
"""The width of the longest bar."""
NOISY = 0.1
"""An interquartile range above this share of the median is remarked on."""

Device = Annotated[
    str,
    typer.Option("--device", metavar="DEVICE", help="cpu or cuda.", autocompletion=complete_word("cpu", "cuda")),
]
DType = Annotated[
    str,
    typer.Option(
        "--dtype",
        metavar="DTYPE",
        help="float32, tf32 (CUDA only), float16 or bfloat16.",
        autocompletion=complete_word("float32", "tf32", "float16", "bfloat16"),
    ),
]
ChannelsLast = Annotated[
    bool, typer.Option("--channels-last", help="Store the channels innermost.", show_default=False)
]
Compile = Annotated[bool, typer.Option("--compile", help="Time torch.compile's code.", show_default=False)]
CudaGraph = Annotated[bool, typer.Option("--cuda-graph", help="Time the replay of a CUDA graph.", show_default=False)]
Warmup = Annotated[int, typer.Option("--warmup", metavar="N", min=1, help="Passes before the measurement.")]
Repeats = Annotated[int, typer.Option("--repeats", metavar="N", min=1, help="Passes that are measured.")]
Sort = Annotated[str, typer.Option("--sort", metavar="BY", help="order, as the layers run, or time.")]
SaveDevice = Annotated[
    Path | None,
    typer.Option("--save-device", metavar="FILE", help="Write the measured ceilings, for flops --device FILE."),
]
Top = Annotated[
    int | None, typer.Option("--top", metavar="N", min=1, help="Only the N rows that take most of the time.")
]


@command
def profile(
    request: Request,
    grouping: Grouping,
    output: Output,
    device: Device = "cpu",
    dtype: DType = "float32",
    channels_last: ChannelsLast = False,
    compile: Compile = False,
    cuda_graph: CudaGraph = False,
    warmup: Warmup = 5,
    repeats: Repeats = 20,
    sort: Sort = "order",
    top: Top = None,
    save_device: SaveDevice = None,
) -> None:
    """Time the network in PyTorch, whole and layer by layer.

    Each layer's time stands beside what the device could do. With --training, steps of training:
    forward, backward and a step of SGD.

    Example: cnncalc profile resnet50 --batch 8 --top 10
    """
    from cnncalc.errors import RequestError, did_you_mean

    if sort not in ("order", "time"):
        raise RequestError(f"cannot sort by '{sort[:40]}'", hint=did_you_mean(sort, ["order", "time"]))
    network = request.network()
    from cnncalc.costs.analysis import analyse
    from cnncalc.document import document
    from cnncalc.pytorch.profile import Settings
    from cnncalc.pytorch.profile import profile as measure

    settings = Settings(
        device=device,
        dtype=dtype,
        batch=request.batch,
        channels_last=channels_last,
        compile=compile,
        cuda_graph=cuda_graph,
        warmup=warmup,
        repeats=repeats,
        training=request.training,
    )
    with Status() as tell:
        result = measure(network, settings, progress=tell)
    if save_device is not None:
        _save_device(result, save_device)
    analysis = analyse(network, request.batch)
    layers = _layers(analysis, result, grouping, output, sort, top)
    parts = [layers] if output.form == "csv" else [_whole(result), layers]
    output.write(*parts, document=lambda: {**document(analysis), "profile": result.as_json()})


def _save_device(result: Profile, path: Path) -> None:
    """Write the device with its measured ceilings as a file that `cnncalc flops --device` reads."""
    from cnncalc.costs.roofline import Device, device_text
    from cnncalc.errors import RequestError

    ceilings = result.ceilings
    if ceilings is None:
        raise RequestError("the device's ceilings were not measured")
    facts = result.environment
    title = str(facts["gpu"] if "gpu" in facts else f"{facts['cpu']}, {facts['threads']} threads")
    source = "Measured by `cnncalc profile`: the fastest large matrix product or convolution, and copy, in PyTorch."
    flops = {result.settings.dtype: ceilings.flops_per_s}
    try:
        path.write_text(
            device_text(Device(title, source, flops, ceilings.bytes_per_s, facts.get("gpu_memory_bytes"))),
            encoding="utf-8",
        )
    except OSError as error:
        raise RequestError(f"'{path}' cannot be written: {error.strerror}") from None


class Status:
    """A line on standard error that says what is being done, where somebody watches."""

    def __enter__(self) -> Callable[[str], None]:
        from rich.console import Console

        self.status = Console(stderr=True).status("importing PyTorch")
        self.status.start()
        return self.status.update

    def __exit__(self, *_: object) -> None:
        self.status.stop()


def _whole(result: Profile) -> Table:
    """The measurement of the whole pass, and of the device."""
    from cnncalc.cli.view import shape_text
    from cnncalc.render import Column, Table

    settings, environment = result.settings, result.environment
    what = "a step of training" if settings.training else "a forward pass"
    rows: list[list[Cell]] = [
        [f"Latency of {what}", _spread(result.latency)],
        ["Images a second", f"{result.images_per_s:,.1f}"],
    ]
    rows += [[f"  {name}", _spread(sample)] for name, sample in result.phases.items()]
    rows.append(["MACs, parameters", f"{result.macs:,}, {result.params:,}"])
    if not settings.training:
        rows.append(["Achieved", f"{result.flops / result.latency.median / 1e9:,.1f} GFLOP/s"])
    if result.ceilings:
        rows.append(["Measured ceilings", _ceilings(result)])
    rows += _memory_rows(result)
    rows.append(["Device", _device(environment)])
    rows.append(["PyTorch", f"{environment['torch']}, CPU threads: {environment['threads']}"])
    options = [name.replace("_", "-") for name in ("channels_last", "compile", "cuda_graph") if getattr(settings, name)]
    title = ", ".join([result.network, shape_text(result.input), f"batch {settings.batch:,}", settings.dtype, *options])
    notes = [f"Latency: median [quartiles] of {result.latency.count:,} passes after {settings.warmup:,} to warm up."]
    if result.latency.iqr > NOISY * result.latency.median:
        notes.append("The passes differ much from each other: is the device busy with something else?")
    return Table(title, [Column("Measured"), Column("Value")], rows, notes=notes)


def _memory_rows(result: Profile) -> list[list[Cell]]:
    """Predicted memory, beside what was measured."""
    rows: list[list[Cell]] = [["Peak memory, predicted", _mib(result.predicted_memory_bytes)]]
    if result.peak_memory_bytes is not None:
        rows.append(["Peak memory, measured", _mib(result.peak_memory_bytes)])
    return rows


def _ceilings(result: Profile) -> str:
    """The device's ceilings in words."""
    assert result.ceilings is not None
    ceilings = result.ceilings
    return (
        f"{ceilings.matrix_product / 1e9:,.1f} GFLOP/s (matrix product), {ceilings.convolution / 1e9:,.1f} "
        f"(convolution), {ceilings.bytes_per_s / 1e9:,.1f} GB/s (copy)"
    )


def _device(environment: dict[str, object]) -> str:
    """The device's name."""
    if "gpu" in environment:
        return f"{environment['gpu']}, CUDA {environment['cuda']}, cuDNN {environment['cudnn']}"
    return f"{environment['cpu']}, {environment['cores']} cores"


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"


def _spread(sample: Sample) -> str:
    """A median with its quartiles, in milliseconds."""
    return f"{milliseconds(sample.median)} ms [{milliseconds(sample.q1)}, {milliseconds(sample.q3)}]"


def milliseconds(seconds: float) -> str:
    """Milliseconds with four figures.

    >>> milliseconds(0.0123456), milliseconds(1.5)
    ('12.35', '1,500')
    """
    value = seconds * 1e3
    digits = max(0, 3 - len(str(int(value)))) + 1 if value < 1000 else 0
    return f"{value:,.{digits}f}"


def _layers(
    analysis: Analysis, result: Profile, grouping: Grouping, output: Output, sort: str, top: int | None
) -> Table:
    """A row a layer, or a group of them, with a bar for its share of the time."""
    from cnncalc.cli import view
    from cnncalc.render import Column, Table

    groups = view.groups(analysis, grouping, output)
    timed = [(group, [result.layers[index] for index in group.layers]) for group in groups]
    chosen = sorted(timed, key=lambda pair: -_time(pair[1]))[:top]
    names = {group.name for group, _ in chosen}
    shown = chosen if sort == "time" else [pair for pair in timed if pair[0].name in names]
    longest = max((_time(layers) for _, layers in shown), default=0.0)
    rows: list[list[Cell]] = []
    for group, layers in shown:
        time, percent, *others = _measures(layers, result.layer_sum)
        bar: list[Cell] = [] if output.is_data else [_bar(_time(layers), longest)]
        rows.append([group.name, view.kind_text(analysis.network, group), time, percent, *bar, *others])
    columns = [
        Column("Layer"),
        Column("Kind"),
        Column("ms", format=".3f"),
        Column("%", "percent", format=".1f"),
        *([] if output.is_data else [Column("Share of the time", "bar")]),
        Column("GFLOP/s", "gflops_per_s", format=",.1f", optional=True),
        Column("GB/s", "gbytes_per_s", format=",.1f", optional=True),
        Column("Limit", "limit", optional=True),
        Column("% of roofline", "roofline_percent", format=".0f", optional=True),
    ]
    return Table("Layers of the forward pass", columns, rows, notes=_notes(result, len(groups) - len(shown)))


def _time(layers: Sequence[LayerTime]) -> float:
    return sum(layer.time.median for layer in layers)


def _measures(layers: Sequence[LayerTime], whole: float) -> list[Cell]:
    """What a row says of its layers: time, share, rates, limit and share of the roofline."""
    time = _time(layers)
    least: dict[str, float] = {}
    for layer in layers:
        if layer.bound and layer.roofline:
            least[layer.bound] = least.get(layer.bound, 0.0) + layer.roofline * layer.time.median
    rates: list[Cell] = [None, None]
    if least and time:
        rates = [sum(layer.flops for layer in layers) / time / 1e9, sum(layer.bytes for layer in layers) / time / 1e9]
    limit = max(least, key=lambda name: least[name]) if least else None
    roofline = 100 * sum(least.values()) / time if least and time else None
    return [time * 1e3, 100 * time / whole if whole else None, *rates, limit, roofline]


def _bar(part: float, longest: float) -> str:
    """A bar in proportion to the longest.

    >>> _bar(1.0, 2.0) == "█" * 8
    True
    """
    eighths = round(8 * BAR * part / longest) if longest else 0
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _notes(result: Profile, hidden: int) -> list[str]:
    """How the layers were timed, and what their sum says."""
    notes = [f"{hidden:,} more rows are not shown."] if hidden else []
    assert result.instrumented is not None
    total = result.layer_sum
    whole = result.phases["forward"] if result.phases else result.latency
    notes.append(
        f"The layers sum to {milliseconds(total)} ms, {100 * total / whole.median:.0f} % of the uninstrumented "
        f"forward pass; a pass with a mark before and after each layer took "
        f"{milliseconds(result.instrumented.median)} ms."
    )
    if result.settings.compile or result.settings.cuda_graph:
        notes.append("Layers are timed one by one in the module itself, not in the compiled or recorded pass.")
    if result.settings.training:
        notes.append("The layers' times are those of the forward pass; the phases above hold the backward pass.")
    notes.append(
        "Limit: what would take longer at the measured ceilings, arithmetic or memory. % of roofline: that least time "
        "as a share of the time. A cache can carry a small layer past the ceiling of memory."
    )
    return notes
