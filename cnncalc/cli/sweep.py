"""`cnncalc sweep`: many variants of a network."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnncalc.cli.flops import complete_device
from cnncalc.cli.options import All, Output, Request, arguments, command, complete_word, parse_size, variables
from cnncalc.errors import RequestError

if TYPE_CHECKING:
    from cnncalc.sweeping import Sweep
    from cnncalc.sweeps.evaluate import Task
    from cnncalc.sweeps.found import Found, Wanted

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

Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", metavar="N", min=0, help="Processes that work; 0 for one on each processor."),
]
Backend = Annotated[
    str | None,
    typer.Option(
        "--backend",
        metavar="NAME",
        help="Who runs them: loky (this machine), ray or dask.",
        autocompletion=complete_word("loky", "ray", "dask"),
    ),
]
Address = Annotated[
    str | None,
    typer.Option("--address", metavar="ADDRESS", help="Of the cluster; else one is started here."),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with a folder that an earlier run began.", show_default=False)
]

Search = Annotated[
    int | None, typer.Option("--search", metavar="N", min=1, help="Search with N trials in place of the whole grid.")
]
Minimise = Annotated[
    str | None, typer.Option("--minimise", "--minimize", metavar="A,B,...", help="What a search makes small.")
]
Maximise = Annotated[
    str | None, typer.Option("--maximise", "--maximize", metavar="A,B,...", help="What a search makes large.")
]
SubjectTo = Annotated[
    list[str] | None, typer.Option("--subject-to", metavar="CONDITION", help="The same as --where; repeatable.")
]

Plot = Annotated[
    str | None,
    typer.Option(
        "--plot",
        metavar="KIND",
        help="In place of the table: distribution, pareto, scatter or parallel; or a page with these and the table.",
        autocompletion=complete_word("distribution", "pareto", "scatter", "parallel", "page"),
    ),
]
Of = Annotated[str | None, typer.Option("--of", metavar="A,B,...", help="The columns of the figure.")]
Width = Annotated[str | None, typer.Option("--width", metavar="WIDTH", help="Of the figure: 84mm, 3.5in, 640px.")]


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
    jobs: Jobs = None,
    backend: Backend = None,
    address: Address = None,
    resume: Resume = False,
    search: Search = None,
    minimise: Minimise = None,
    maximise: Maximise = None,
    subject_to: SubjectTo = None,
    plot: Plot = None,
    of: Of = None,
    width: Width = None,
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
        "sample": sample if search is None else search,
        "seed": seed,
        "device": device,
        "dtype": dtype,
        "optimizer": optimizer,
        "columns": list(output.column_names) or None,
        "training": request.training or None,
        "batch": request.batch if request.batch != 1 else None,
    }
    from cnncalc.sweeping import Sweep

    if plot and of:  # what the figure is of is worked out
        drawn = [name.strip().rpartition(":")[2] for name in of.split(",")]
        given["columns"] = list(dict.fromkeys([*(given["columns"] or []), *drawn]))
    given = {key: value for key, value in given.items() if value is not None}
    task, wanted, names = _asked(request, vary, let, [*(where or []), *(subject_to or [])], given, check)
    processes = -1 if jobs == 0 or (jobs is None and backend is not None) else jobs or 1
    made = Sweep(task, wanted, strict, processes, backend, address)
    if plot is not None:
        if plot == "page":
            _page(made, replace(output, columns=None), names, every)
        else:
            _plot(made, output, plot, of, width)
        return
    if of or width:
        raise RequestError(
            "--of and --width are of a figure", hint="add --plot distribution, pareto, scatter or parallel"
        )
    if search is not None:
        unfit = {"--sample": sample, "--sort": sort, "--pareto": pareto, "--jobs": jobs, "--backend": backend}
        used = [option for option, value in unfit.items() if value]
        if used:
            raise RequestError(
                f"a search has no {used[0]}", hint="it tries one variant after the other, the best first"
            )
        _search(made, replace(output, columns=None), names, every, resume, minimise, maximise)
        return
    if minimise or maximise:
        raise RequestError("--minimise and --maximise are of a search", hint="add --search N; or --sort, or --pareto")
    _write(made, replace(output, columns=None), names, every, resume)


def _asked(
    request: Request,
    vary: list[str] | None,
    let: list[str] | None,
    where: list[str] | None,
    given: dict[str, Any],
    check: float,
) -> tuple[Task, Wanted, list[str]]:
    """What is asked for, on the command line or in a file which the command line overrides; and the columns to show,
    all if there are none."""
    import msgspec

    from cnncalc.cli.options import load_spec
    from cnncalc.errors import did_you_mean
    from cnncalc.sources import is_spec
    from cnncalc.sweeps.declare import Declaration, assignments, conditions, given_values
    from cnncalc.sweeps.file import Declared, is_declaration, read_sweep
    from cnncalc.sweeps.found import Wanted
    from cnncalc.sweeps.quantities import DEFAULT, QUANTITIES, Conditions
    from cnncalc.sweeps.run import task_of

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
    module = not is_spec(name)
    fixed = {**declared.set, **_fixed(request, module)}
    size = parse_size(request.input_size) if request.input_size else declared.input
    network = name if module else load_spec(name)
    task = task_of(network, declaration, settings, quantities, size, fixed, check)
    wanted = Wanted(declared.sort, declared.reverse, tuple(each.strip() for each in declared.pareto), declared.top)
    return task, wanted, declared.columns


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


def _write(made: Sweep, output: Output, names: list[str], every: bool, resume: bool) -> None:
    """Write what is found, as it comes where that is possible."""
    suffix = output.file.suffix.lower() if output.file else ""
    parquet = output.format == "parquet" or (output.format is None and suffix == ".parquet")
    folder = output.file is not None and (output.file.is_dir() or (not suffix and (parquet or output.format is None)))
    if resume and not folder:
        raise RequestError("--resume goes on with a folder of results", hint="name it: --output results")
    if folder or parquet:
        _parquet(made, output.file, folder, resume)
    elif output.form == "csv":
        _csv(made, output, names)
    else:
        from cnncalc.views.sweep import MOST_ROWS, view

        output.choice()  # which may be wrong, before the work is done
        if made.wanted.top is None and not (every or output.is_data or made.wanted.pareto):
            made.wanted = replace(made.wanted, top=MOST_ROWS)  # more would be kept for nothing
        with _progress(made):
            found = made.table
        output.write(view(made, found, every or output.is_data, names))


def _search(
    made: Sweep,
    output: Output,
    names: list[str],
    every: bool,
    resume: bool,
    minimise: str | None,
    maximise: str | None,
) -> None:
    """Search, and write what is found. With an output file the trials stand in a file beside it."""
    from cnncalc.views.sweep import searched

    small, large = ([name.strip() for name in text.split(",")] if text else [] for text in (minimise, maximise))
    parquet = output.format == "parquet" or (output.format is None and str(output.file).endswith(".parquet"))
    if not parquet:
        output.choice()
    storage = output.file.with_name(f"{output.file.name}.trials") if output.file and str(output.file) != "-" else None
    if resume and storage is None:
        raise RequestError("--resume goes on with trials in a file", hint="name the results: --output best.csv")
    with _progress(made):
        found = made.search(small, large, storage, resume)
    if parquet and output.file:
        from cnncalc.sweeps.store import ParquetFile, schema_of

        quantities = tuple(name for name in found.columns if name not in made.task.declaration.names)
        file = ParquetFile(output.file, schema_of(made.task.declaration, quantities))
        file.add(found.chunk())
        file.close()
    else:
        output.write(searched(made, found, every or output.is_data, names))


def _page(made: Sweep, output: Output, names: list[str], every: bool) -> None:
    """Write the figures and the table as one HTML page."""
    from cnncalc.render.sweep_page import page
    from cnncalc.views.sweep import view
    from cnncalc.views.sweep_charts import overview

    if output.form not in ("html", "table"):
        raise RequestError("a page is HTML", hint="name it page.html")
    with _progress(made):
        found = made.table
    charts = overview(found.columns, made.task.declaration.names, made.task.quantities, made.wanted.pareto)
    text = page(output.caption or made.title, view(made, found, every, names).parts, charts)
    with output.open() as file:
        file.write(text)


def _plot(made: Sweep, output: Output, kind: str, of: str | None, width: str | None) -> None:
    """Draw the variants that are wanted."""
    from cnncalc.cli.plot import draw_chart

    names = [name.strip() for name in of.split(",")] if of else list(made.wanted.pareto) or ["macs"]
    with _progress(made):
        chart = made.chart(kind, *names)
    draw_chart(chart, output.format, output.file, width, output.caption)


def _parquet(made: Sweep, path: Path | None, folder: bool, resume: bool) -> None:
    """Write a Parquet file, or a folder of them."""
    from cnncalc.sweeps.store import ParquetFile, schema_of

    if path is None or str(path) == "-":
        raise RequestError("a Parquet file is no text", hint="name a file: --output variants.parquet")
    if folder:
        with _progress(made):
            said = made.to_folder(path, resume)
        _say(said)
        return
    file = ParquetFile(path, schema_of(made.task.declaration, made.task.quantities))
    try:
        with _progress(made):
            said = made.each(file.add)
    except BaseException:
        file.discard()
        raise
    file.close()
    _say(said)


def _csv(made: Sweep, output: Output, names: list[str]) -> None:
    """Write CSV, a chunk at a time."""
    import csv

    from cnncalc.views.sweep import csv_rows

    with output.open() as file:
        writer = csv.writer(file, lineterminator="\n")
        names = names or made.names
        writer.writerow(["variant", *names, "error"])
        with _progress(made):
            said = made.each(lambda chunk: writer.writerows(csv_rows(chunk, names)))
    _say(said)


@contextmanager
def _progress(made: Sweep) -> Iterator[None]:
    """A bar on standard error with the rate and the time that is left, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[said]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("variants", total=made.size, said="")
        failed = 0

        def tell(done: int, errors: int) -> None:
            nonlocal failed
            failed += errors
            speed = progress.tasks[0].speed
            said = f"{speed:,.0f}/s" if speed else ""
            progress.update(bar, advance=done, said=f"{said}, {failed:,} do not expand" if failed else said)

        made.progress = tell
        try:
            yield
        finally:
            made.progress = None


def _say(found: Found) -> None:
    """Say how many variants there were, on standard error."""
    from cnncalc.render.table import printable
    from cnncalc.views.sweep import summary

    print(printable(summary(found)), file=sys.stderr)
