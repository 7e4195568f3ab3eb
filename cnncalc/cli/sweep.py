"""`cnncalc sweep`: many variants of a network."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnncalc.cli.flops import complete_device
from cnncalc.cli.options import All, Output, Request, arguments, command, parse_size, variables
from cnncalc.errors import RequestError

if TYPE_CHECKING:
    from cnncalc.sweeps.found import Found
    from cnncalc.sweeps.run import Sweep

Vary = Annotated[
    list[str] | None,
    typer.Option(
        "--vary",
        "-v",
        metavar="NAME=VALUES",
        help="A variable of the network, input or batch: 0.25:2:0.25, 8:1024:x2, [0.5, 1], [[2, 2], [3, 4]], an "
        "expression over others; for samples also 0.5:2 and 0.5:2:log. Repeatable.",
    ),
]
Let = Annotated[
    list[str] | None,
    typer.Option("--let", metavar="NAME=VALUES", help="A variable of the sweep alone, for expressions; repeatable."),
]
Where = Annotated[
    list[str] | None,
    typer.Option("--where", "-w", metavar="CONDITION", help="Keep variants of which it holds: 'macs < 600e6'."),
]
Sort = Annotated[str | None, typer.Option("--sort", metavar="COLUMN", help="Sort by a column.")]
Reverse = Annotated[bool, typer.Option("--reverse", "-r", help="Largest first.", show_default=False)]
Pareto = Annotated[
    str | None,
    typer.Option("--pareto", metavar="A,B,...", help="Keep a Pareto front: small in each, or large: params,max:field."),
]
Top = Annotated[int | None, typer.Option("--top", metavar="N", min=1, help="Keep the first N.")]
SampleSize = Annotated[
    int | None, typer.Option("--sample", metavar="N", min=1, help="Draw N variants in place of the whole grid.")
]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", min=0, help="Of what is drawn; 0 if not given.")]
Check = Annotated[
    float,
    typer.Option("--check", metavar="PART", min=0, max=1, help="Which part is also expanded in full, to compare."),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="A variant that does not expand is an error.", show_default=False)
]
Device = Annotated[
    str | None, typer.Option("--device", metavar="DEVICE", help="Of time.", autocompletion=complete_device)
]
Dtype = Annotated[str | None, typer.Option("--dtype", metavar="TYPE", help="Of all numbers; float32 if not given.")]
Optimizer = Annotated[
    str | None, typer.Option("--optimizer", metavar="NAME", help="Of train: sgd (default), momentum, adam ...")
]


@command
def sweep(
    request: Request,
    output: Output,
    vary: Vary = None,
    let: Let = None,
    where: Where = None,
    sort: Sort = None,
    reverse: Reverse = False,
    pareto: Pareto = None,
    top: Top = None,
    sample: SampleSize = None,
    seed: Seed = None,
    every: All = False,
    check: Check = 0.001,
    strict: Strict = False,
    device: Device = None,
    dtype: Dtype = None,
    optimizer: Optimizer = None,
) -> None:
    """Many variants of a network: grids, samples, fronts.

    Quantities for --columns, --where, --sort and --pareto: params, buffers, macs, flops, activations, layers,
    param_bytes, peak, saved, train, traffic, intensity, field, time.

    Example: cnncalc sweep mobilenet_v2 --vary width=0.25:1.5:0.25 --vary input=96:224:32 --where 'macs < 300e6'
    """
    given: dict[str, Any] = {
        "sort": sort,
        "reverse": reverse or None,
        "pareto": pareto.split(",") if pareto else None,
        "top": top,
        "sample": sample,
        "seed": seed,
        "device": device,
        "dtype": dtype,
        "optimizer": optimizer,
        "columns": list(output.column_names) or None,
        "training": request.training or None,
        "batch": request.batch if request.batch != 1 else None,
    }
    made, names = _sweep(
        request, vary, let, where, {key: v for key, v in given.items() if v is not None}, check, strict
    )
    _written(made, replace(output, columns=None), names, every)


def _sweep(
    request: Request,
    vary: list[str] | None,
    let: list[str] | None,
    where: list[str] | None,
    given: dict[str, Any],
    check: float,
    strict: bool,
) -> tuple[Sweep, list[str]]:
    """The sweep that is asked for, on the command line or in a file which the command line overrides, and the columns
    to show; all if there are none."""
    import msgspec

    from cnncalc.cli.options import load_spec
    from cnncalc.errors import did_you_mean
    from cnncalc.sources import is_module
    from cnncalc.sweeps.declare import Declaration, assignments, conditions, given_values
    from cnncalc.sweeps.file import Declared, is_declaration, read_sweep
    from cnncalc.sweeps.found import Wanted
    from cnncalc.sweeps.quantities import DEFAULT, QUANTITIES, Conditions
    from cnncalc.sweeps.run import Sweep, task_of

    name, declared = request.network_name, Declared()
    if is_declaration(name):
        name, declared = read_sweep(name)
    declared = msgspec.structs.replace(declared, **given)
    parts = [declared.where] if isinstance(declared.where, str) else declared.where
    declaration = Declaration(
        {**{key: given_values(value, key) for key, value in declared.vary.items()}, **assignments(vary, "--vary")},
        {**{key: given_values(value, key) for key, value in declared.let.items()}, **assignments(let, "--let")},
        conditions([*parts, *(where or [])]),
        declared.sample,
        declared.seed,
    )
    if not declaration.vary:
        raise RequestError("nothing is varied", hint="say what: --vary width=0.25:2:0.25", code="empty-sweep")
    known = [*declaration.names, *QUANTITIES]
    for column in declared.columns:
        if column not in known:
            hint = did_you_mean(column, known) or f"the columns are {', '.join(known)}"
            raise RequestError(f"there is no column '{column[:40]}'", hint=hint, code="unknown-word")
    quantities = tuple(column for column in declared.columns if column in QUANTITIES) if declared.columns else DEFAULT
    settings = Conditions(declared.batch, declared.training, declared.dtype, declared.optimizer, declared.device)
    module = is_module(name)
    fixed = {**declared.set, **_fixed(request, module)}
    size = parse_size(request.input_size) if request.input_size else declared.input
    network = name if module else load_spec(name)
    task = task_of(network, declaration, settings, quantities, size, fixed, check)
    wanted = Wanted(declared.sort, declared.reverse, tuple(each.strip() for each in declared.pareto), declared.top)
    return Sweep(task, wanted, strict), declared.columns


def _fixed(request: Request, module: bool) -> dict[str, Any]:
    """The variables, or the arguments of a module, that do not vary."""
    if not module:
        if request.argument:
            raise RequestError("--arg is for PyTorch modules", hint="--set VAR=VALUE is for the variables of a spec")
        return variables(request.setting, request.classes)
    if request.setting:
        raise RequestError("--set is for the variables of a spec", hint="--arg NAME=VALUE is for what makes a module")
    classes = {} if request.classes is None else {"classes": request.classes}
    return {**arguments(request.argument), **classes}


def _written(made: Sweep, output: Output, names: list[str], every: bool) -> None:
    """Write what is found, as it comes where that is possible."""
    suffix = output.file.suffix.lower() if output.file else ""
    if output.format == "parquet" or (output.format is None and suffix == ".parquet"):
        _parquet(made, output)
        return
    from cnncalc.views.sweep import view

    wanted = made.wanted
    if output.form == "csv" and not (wanted.sort or wanted.pareto or wanted.top or names):
        _csv(made, output)
        return
    found = made.table
    output.write(view(made, found, every or output.is_data, names))


def _parquet(made: Sweep, output: Output) -> None:
    """Write a Parquet file."""
    from cnncalc.sweeps.store import ParquetFile, schema_of

    if output.file is None or str(output.file) == "-":
        raise RequestError("a Parquet file is no text", hint="name a file: --output variants.parquet")
    file = ParquetFile(output.file, schema_of(made.task.declaration, made.task.quantities))
    try:
        said = made.each(file.add)
    except BaseException:
        file.discard()
        raise
    file.close()
    _say(said)


def _csv(made: Sweep, output: Output) -> None:
    """Write CSV, a chunk at a time."""
    import csv

    from cnncalc.views.sweep import csv_rows

    with output.open() as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["variant", *made.names, "error"])
        said = made.each(lambda chunk: writer.writerows(csv_rows(chunk)))
    _say(said)


def _say(found: Found) -> None:
    """Say how many variants there were, on standard error."""
    from cnncalc.views.sweep import summary

    print(summary(found), file=sys.stderr)
