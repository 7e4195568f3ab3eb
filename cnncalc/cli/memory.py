"""`cnncalc memory`: the bytes of each layer, the peak of inference, and a step of training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnncalc.cli.options import Grouping, Output, Request, command, complete_word

if TYPE_CHECKING:
    from cnncalc.costs.analysis import Analysis
    from cnncalc.costs.memory import Memory
    from cnncalc.render import Cell, Table

Dtype = Annotated[
    str,
    typer.Option(
        metavar="TYPE",
        help="float64, float32, float16 or bfloat16.",
        autocompletion=complete_word("float64", "float32", "float16", "bfloat16"),
    ),
]
InPlace = Annotated[
    bool, typer.Option("--inplace", help="Activations overwrite their input where they may.", show_default=False)
]
Optimizer = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="sgd, momentum, rmsprop, adam or adamw.",
        autocompletion=complete_word("sgd", "momentum", "rmsprop", "adam", "adamw"),
    ),
]
Mixed = Annotated[bool, typer.Option("--mixed", help="Mixed precision: activations of 2 bytes.", show_default=False)]
Fits = Annotated[
    str | None,
    typer.Option("--fits", metavar="MEMORY", help="The largest batches that fit, in 24GiB for example."),
]


@command
def memory(
    request: Request,
    grouping: Grouping,
    output: Output,
    dtype: Dtype = "float32",
    inplace: InPlace = False,
    optimizer: Optimizer = "sgd",
    mixed: Mixed = False,
    fits: Fits = None,
) -> None:
    """Memory of each layer, at inference's peak, and in training.

    Example: cnncalc memory resnet50 --batch 32 --optimizer adam --fits 24GiB
    """
    from cnncalc.costs import memory as account

    analysis = request.analysis()
    found = account.memory(analysis.network, request.batch, dtype, inplace, optimizer, mixed)
    parts: list[Any] = [_layers(request, analysis, found, grouping, output)]
    if output.form != "csv":
        parts += [_peak(found), _training(found, optimizer)]
    batches: dict[str, int] = {}
    if fits is not None:
        budget = account.parse_bytes(fits)
        for training in (True, False):
            largest = account.largest_batch(analysis.network, budget, dtype, inplace, optimizer, mixed, training)
            batches["training" if training else "inference"] = largest
        amount = f"{fits.strip()} bytes" if fits.strip()[-1:].isdigit() else fits.strip()
        text = f"Largest batch in {amount}: {batches['training']:,} in training, {batches['inference']:,} at inference."
        text += "" if all(batches.values()) else " 0: not even one image fits."
        parts += [] if output.form == "csv" else [text]
    output.write(*parts, document=lambda: _document(analysis, found, batches))


def _layers(request: Request, analysis: Analysis, memory: Memory, grouping: Grouping, output: Output) -> Table:
    """The bytes of each layer."""
    from cnncalc.cli import view
    from cnncalc.costs.analysis import Group
    from cnncalc.render import Column, Table

    network = analysis.network
    found = view.groups(analysis, grouping, output)

    def row(group: Group) -> list[Cell]:
        members = [memory.layers[index] for index in group.layers]
        shape = view.output_shape(network, group)
        cells: list[Cell] = [group.name, view.kind_text(network, group), shape]
        cells += [sum(layer.params + layer.buffers for layer in members), sum(layer.output for layer in members)]
        cells += [sum(layer.read for layer in members), sum(layer.written for layer in members)]
        return [*cells, max(layer.alive for layer in members), sum(layer.kept_bytes for layer in members)]

    columns = [
        Column("Layer"),
        Column("Kind", optional=True),
        Column("Output", optional=True),
        Column("Stored"),
        Column("Activations"),
        Column("Read", optional=True),
        Column("Written", optional=True),
        Column("Alive"),
        Column("Kept"),
    ]
    layers = memory.layers
    total: list[Cell] = ["Total", None, None, memory.params + memory.buffers, sum(layer.output for layer in layers)]
    total += [sum(layer.read for layer in layers), sum(layer.written for layer in layers), None, memory.kept]
    texts = [
        "In bytes. Stored: parameters and buffers. Activations: the output, where it is memory of its own. Read and "
        "written: each tensor once. Alive: the tensors alive at inference while the layer runs. Kept: what autograd "
        "keeps for the backward pass, each tensor's memory once."
    ]
    rows = view.rows(found, grouping, output, row)
    notes = view.notes(analysis, found, grouping, output, *texts)
    return Table(view.heading(request, network), columns, rows, total, notes)


def _peak(memory: Memory) -> Table:
    """What is in memory at the worst moment of inference."""
    from cnncalc.render import Column, Table

    rows: list[list[Cell]] = [["parameters", memory.params]]
    if memory.buffers:
        rows.append(["buffers", memory.buffers])
    rows += [[held.what, held.bytes] for held in memory.alive]
    layers = memory.network.layers
    where = f", while {layers[memory.peak_layer].name} runs" if layers else ""
    return Table(f"Peak of inference{where}", [Column("In memory"), Column("Bytes")], rows, ["Total", memory.peak])


def _training(memory: Memory, optimizer: str) -> Table:
    """What a step of training needs."""
    from cnncalc.render import Column, Table

    step = memory.training
    rows: list[list[Cell]] = [
        ["kept by autograd", step.kept],
        ["parameters", step.params],
        ["buffers", step.buffers],
        ["gradients", step.gradients],
        [f"state of {optimizer}", step.optimizer],
        ["half-precision weights", step.half_weights],
    ]
    rows = [row for row in rows if row[1]]
    notes = ["Without the gradients of activations, which come and go, and what an implementation needs besides."]
    return Table("Training", [Column("In memory"), Column("Bytes")], rows, ["Total", step.total], notes)


def _document(analysis: Analysis, memory: Memory, batches: dict[str, int]) -> dict[str, Any]:
    """The network's document, with the memory added."""
    from dataclasses import asdict

    from cnncalc.document import document

    whole = document(analysis)
    for entry, layer in zip(whole["layers"], memory.layers, strict=True):
        entry["memory"] = {key: value for key, value in asdict(layer).items() if key != "kept"}
        entry["memory"]["kept"] = {held.what: held.bytes for held in layer.kept}
    layers = whole.pop("layers")
    whole["memory"] = {
        "peak_bytes": memory.peak,
        "peak_layer": memory.network.layers[memory.peak_layer].name if layers else None,
        "alive": {held.what: held.bytes for held in memory.alive},
        "traffic_bytes": memory.traffic,
        "training": {**asdict(memory.training), "total": memory.training.total},
        **({"largest_batch": batches} if batches else {}),
    }
    return {**whole, "layers": layers}
