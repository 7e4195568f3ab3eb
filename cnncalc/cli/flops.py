"""`cnncalc flops`: the operations of each layer and in total."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cnncalc.cli.options import Grouping, Output, Request, command, complete_word
from cnncalc.errors import RequestError

if TYPE_CHECKING:
    from cnncalc.costs.analysis import Analysis, Group
    from cnncalc.render import Cell, Table

Operations = Annotated[
    bool, typer.Option("--operations", help="Also the other operations, by class.", show_default=False)
]


def complete_device(incomplete: str) -> list[str]:
    """The devices that begin like this, for the shell."""
    from cnncalc.costs.roofline import devices

    return [name for name in devices() if name.startswith(incomplete)]


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
    if as_tool is not None:
        from cnncalc.cli.flops_as_tool import convention_table

        as_table, whole = convention_table(request, grouping, output, as_tool)
        output.write(as_table, document=lambda: whole)
    elif device is not None:
        from cnncalc.cli.flops_on_device import device_document, device_table
        from cnncalc.costs.roofline import load_device, roofline

        result = roofline(request.network(), load_device(device), request.batch, dtype)
        output.write(device_table(request, grouping, output, result), document=lambda: device_document(result))
    else:
        from cnncalc.document import document

        analysis = request.analysis()
        output.write(
            _operations_table(request, analysis, grouping, output, operations), document=lambda: document(analysis)
        )


def _operations_table(
    request: Request, analysis: Analysis, grouping: Grouping, output: Output, operations: bool
) -> Table:
    """MACs and FLOPs of each layer, and the other operations by class if they are asked for."""
    from cnncalc.cli import view
    from cnncalc.costs.analysis import total_costs
    from cnncalc.ops import OPERATIONS
    from cnncalc.render import Column, Table

    network = analysis.network
    total = total_costs(analysis.layers)
    found = view.groups(analysis, grouping, output)
    others = [name for name in OPERATIONS if name != "mac" and (name in total.operations or output.is_data)]
    shown = others if operations else []

    def row(group: Group) -> list[Cell]:
        costs = group.costs
        cells: list[Cell] = [group.name, view.kind_text(network, group), view.output_shape(network, group)]
        cells += [costs.macs, costs.flops, view.percent(costs.flops, total.flops)]
        return cells + [costs.operations.get(name, 0) for name in shown]

    columns = [
        Column("Layer"),
        Column("Kind"),
        Column("Output"),
        Column("MACs"),
        Column("FLOPs"),
        Column("%", key="percent", format=".2f"),
        *(Column(name.capitalize(), key=name, optional=True) for name in shown),
    ]
    sums: list[Cell] = ["Total", None, None, total.macs, total.flops, 100.0 if total.flops else None]
    sums += [total.operations.get(name, 0) for name in shown]
    counted = ", ".join(f"{total.operations[name]:,} {name}" for name in others if name in total.operations)
    texts = [
        "MACs: multiply-accumulates of convolutions and linear layers; many papers call these FLOPs.",
        f"FLOPs = 2 x MACs + all other operations ({counted or 'none here'}).",
    ]
    return Table(
        view.heading(request, network),
        columns,
        view.rows(found, grouping, output, row),
        sums,
        view.notes(analysis, found, grouping, output, *texts),
    )
