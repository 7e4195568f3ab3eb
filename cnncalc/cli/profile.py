"""`cnncalc profile`: the time that real forward passes take, as a whole and layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnncalc.cli.options import Grouping, Output, Request, command, complete_word
from cnncalc.errors import RequestError, did_you_mean

if TYPE_CHECKING:
    from cnncalc.devices import Device as MeasuredDevice

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
    if sort not in ("order", "time"):
        raise RequestError(f"cannot sort by '{sort[:40]}'", hint=did_you_mean(sort, ["order", "time"]))
    network = request.network()
    with Status() as tell:
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
        result = measure(network, settings, progress=tell)
    from cnncalc.views.profile import view

    if save_device is not None:
        _save(result.device(), save_device)
    output.write(view(result, grouping.detail(output, request), sort == "time", top), grouping.strict)


def _save(device: MeasuredDevice, path: Path) -> None:
    """Write a device as a file that `cnncalc flops --device` reads."""
    from cnncalc.devices import text
    from cnncalc.replace import replaced

    with replaced(path) as file:
        file.write(text(device))


class Status:
    """A line on standard error that says what is being done, where somebody watches."""

    def __enter__(self) -> Callable[[str], None]:
        from rich.console import Console

        self.status = Console(stderr=True).status("importing PyTorch")
        self.status.start()
        return self.status.update

    def __exit__(self, *_: object) -> None:
        self.status.stop()
