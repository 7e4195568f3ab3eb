"""`cnncalc check`: what a network does that its author hardly means."""

from __future__ import annotations

from typing import Annotated

import typer

from cnncalc.cli.options import Output, Request, command

Object = Annotated[
    int | None,
    typer.Option("--object", metavar="N", min=1, help="Pixels of what the network looks for: do its units see them?"),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Exit with status 1 if there is any warning or advice.", show_default=False)
]


@command
def check(request: Request, output: Output, object_size: Object = None, strict: Strict = False) -> None:
    """Warnings: layers that nobody reads, branches out of step.

    docs/check.md tells each of them. A warning is likely a slip; advice may well be meant otherwise.

    Example: cnncalc check resnet50 --object 64
    """
    from cnncalc.check.rules import check
    from cnncalc.views.check import summary, view

    network, spec = request.named(request.network_name)
    found = check(network, spec, object_size)
    if output.form == "table":  # as errors are printed, each with its line of the spec
        with output.open() as file:
            file.writelines(f"{each.render()}\n\n" for each in found)
            file.write(f"{network.name}: {summary(found)}\n")
    else:
        output.write(view(network, found))
    if strict and found:
        raise typer.Exit(1)
