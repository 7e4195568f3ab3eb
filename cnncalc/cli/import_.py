"""`cnncalc import`: a network written down as a spec."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cnncalc.cli.options import Output, Request, command

SpecFile = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file.")]


@command
def import_(request: Request, file: SpecFile = None) -> None:
    """A network, such as a PyTorch module, written down as a spec.

    Example: cnncalc import mine.py:Net --input 3x224x224 -o mine.yaml
    """
    from cnncalc.language.write import to_yaml

    text = to_yaml(request.network())
    with Output(None, file).open() as stream:
        stream.write(text)
