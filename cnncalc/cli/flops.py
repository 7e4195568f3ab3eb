"""`cnncalc flops`: the operations of each layer and in total."""

from __future__ import annotations

from typing import Annotated

import typer

from cnncalc.cli.options import Grouping, Output, Request, command, complete_word
from cnncalc.errors import RequestError
from cnncalc.sources import is_module

Operations = Annotated[
    bool, typer.Option("--operations", help="Also the other operations, by class.", show_default=False)
]


def complete_device(incomplete: str) -> list[str]:
    """The devices that begin like this, for the shell."""
    from cnncalc.devices import names

    return [name for name in names() if name.startswith(incomplete)]


Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="DEVICE",
        help="The roofline bound on a device: h100, rtx4090, ... or a YAML file.",
        autocompletion=complete_device,
    ),
]
Dtype = Annotated[
    str,
    typer.Option(
        metavar="TYPE",
        help="On a device: float32, float16, bfloat16, float64 or tf32.",
        autocompletion=complete_word("float32", "float16", "bfloat16", "float64", "tf32"),
    ),
]
As = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="TOOL",
        help="As paper, torch, fvcore, ptflops, thop or torchinfo counts.",
        autocompletion=complete_word("paper", "torch", "fvcore", "ptflops", "thop", "torchinfo"),
    ),
]


@command
def flops(
    request: Request,
    grouping: Grouping,
    output: Output,
    operations: Operations = False,
    device: Device = None,
    dtype: Dtype = "float32",
    as_tool: As = None,
) -> None:
    """Multiply-accumulates and FLOPs, of each layer and in total.

    Example: cnncalc flops googlenet --input 224
    """
    if as_tool is not None and device is not None:
        raise RequestError("--as and --device are two different tables", hint="ask for one")
    if dtype != "float32" and device is None:
        raise RequestError("--dtype is about a device", hint="name one, such as --device h100")
    if operations and (as_tool is not None or device is not None):
        raise RequestError("--operations is a table of its own", hint="leave out --as and --device")
    detail = grouping.detail(output, request)
    if as_tool not in (None, "paper") and is_module(request.network_name):
        from cnncalc.cli.module_tools import compared

        output.write(compared(request, detail, [str(as_tool)]), grouping.strict)
        return
    analysis = request.analysis()
    if as_tool is not None:
        from cnncalc.views import tool

        shown = tool.view(analysis, analysis.count_as(as_tool), detail)
    elif device is not None:
        from cnncalc.views import roofline

        shown = roofline.view(analysis.roofline(device, dtype), detail)
    else:
        from cnncalc.views import flops

        shown = flops.view(analysis, detail, operations)
    output.write(shown, grouping.strict)
