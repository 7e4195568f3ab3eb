"""`cnncalc export`: a network written as an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cnncalc.cli.options import Request, command
from cnncalc.errors import RequestError, shorten

File = Annotated[Path, typer.Option("--output", "-o", metavar="FILE.onnx", help="The file to write.")]
Weights = Annotated[
    str,
    typer.Option(
        "--weights",
        metavar="WORD",
        help="random; torch, as PyTorch initialises them; or none, which makes them inputs.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of what is random.")]


@command
def export(request: Request, file: File, weights: Weights = "random", seed: Seed = 0) -> None:
    """A network as an ONNX file that runs, untrained.

    The batch stays open, the shape of every tensor stands in the file. No PyTorch is needed, but for --weights torch.

    Example: cnncalc export resnet18 --output resnet18.onnx
    """
    if file.suffix.lower() != ".onnx":
        hint = f"name it {file.stem or 'net'}.onnx" if str(file) != "-" else "name one: -o net.onnx"
        raise RequestError(f"'{str(file)[:80]}' is no name of an ONNX file", hint=hint)
    if request.batch != 1:
        raise RequestError("the batch stays open in the file", hint="leave out --batch")
    from cnncalc.onnx import write

    network = request.network()
    write(network, file, weights, seed)
    words = {"random": f"random weights of seed {seed}", "torch": f"PyTorch's initial weights of seed {seed}"}
    size = f"{file.stat().st_size:,} bytes, {words.get(weights, 'no weights')}"
    typer.echo(shorten(f"{file}: {network.title or network.name}, {size}", 1000), err=True)
