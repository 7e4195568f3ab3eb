"""`cnncalc verify`: the calculator against PyTorch, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cnncalc.cli.options import Conditions, Output, Strict, command, complete_network, load_spec, variables
from cnncalc.errors import RequestError
from cnncalc.sources import is_module, is_onnx

if TYPE_CHECKING:
    from cnncalc.language.model import Spec
    from cnncalc.pytorch.verify import Report, Way

    Work = list[tuple[Spec, list[Way]]]

Networks = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NETWORK]...",
        help="Networks of the zoo, paths of YAML files; or PyTorch modules, against themselves as they run.",
        autocompletion=complete_network,
        show_default=False,
    ),
]
AllNetworks = Annotated[
    bool,
    typer.Option(
        "--all",
        "-a",
        help="Each network also in training, under the conditions of its published values, and for another input "
        "size; without names, the whole zoo.",
        show_default=False,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device", metavar="DEVICE", help="cpu, cuda, or meta: shapes and PyTorch's own counter without computing."
    ),
]


@command
def verify(
    conditions: Conditions,
    output: Output,
    networks: Networks = None,
    all_networks: AllNetworks = False,
    device: Device = "cpu",
    strict: Strict = False,
) -> None:
    """Hold every layer against PyTorch, and published values.

    Compared are shapes, parameters, buffers and MACs. The exit status is 1 if anything differs.

    Example: cnncalc verify googlenet --training
    """
    if not networks and not all_networks:
        raise RequestError("which network?", hint="name one or more, or give --all")
    from cnncalc.pytorch.device import checked_device
    from cnncalc.pytorch.verify import summed_gaps, verify_specs
    from cnncalc.views.verify import view

    checked_device(device)
    modules = [name for name in networks or [] if is_module(name)]
    if modules:
        _verify_modules(networks or [], conditions, output, device, strict)
        return
    files = [name for name in networks or [] if is_onnx(name)]
    if files:
        _verify_files(networks or [], conditions, output, device, strict)
        return
    work = (_all_work if all_networks else _named_work)(networks or [], conditions)
    total = sum(len(ways) for _, ways in work)
    reports = list(_with_progress(verify_specs(work, device, conditions.batch), total))
    fixed = [spec.name for spec, ways in work if all_networks and not any(way.input for way in ways)]
    output.write(view(reports, summed_gaps(reports), fixed), strict)
    if not all(report.equal for report in reports):
        raise typer.Exit(1)


def _verify_modules(networks: Sequence[str], conditions: Conditions, output: Output, device: str, strict: bool) -> None:
    """PyTorch modules, each against itself as it runs."""
    from cnncalc.pytorch.verify_module import verify_module
    from cnncalc.views.verify import view

    if not all(map(is_module, networks)):
        raise RequestError("modules and specs are verified apart", hint="name them in two commands")
    if device == "cuda" or conditions.batch != 1:
        raise RequestError("a module is verified as it is made, with a batch of one", hint="--device cpu or meta")
    reports = [verify_module(conditions.reading(name, memory=device == "cpu"), device) for name in networks]
    output.write(view(reports, [], []), strict)
    if not all(report.equal for report in reports):
        raise typer.Exit(1)


def _verify_files(networks: Sequence[str], conditions: Conditions, output: Output, device: str, strict: bool) -> None:
    """The networks of ONNX files, each against what PyTorch builds of it."""
    from cnncalc.pytorch.verify import verify as verified
    from cnncalc.views.verify import view

    if not all(map(is_onnx, networks)):
        raise RequestError("ONNX files and specs are verified apart", hint="name them in two commands")
    graphs = [conditions.network_of(name) for name in networks]
    reports = [verified(graph, device=device, batch=conditions.batch) for graph in graphs]
    output.write(view(reports, [], []), strict)
    if not all(report.equal for report in reports):
        raise typer.Exit(1)


def _all_work(networks: Sequence[str], conditions: Conditions) -> Work:
    """The named specs, or every spec of the zoo, each in all its ways."""
    from cnncalc.pytorch.verify import all_ways
    from cnncalc.zoo import index as zoo

    if conditions.input_size or conditions.setting or conditions.classes or conditions.training:
        raise RequestError(
            "--all has conditions of its own", hint="leave it out to verify for an --input, --set or --training"
        )
    return [(spec, all_ways(spec)) for spec in map(load_spec, networks or zoo.names())]


def _named_work(networks: Sequence[str], conditions: Conditions) -> Work:
    """The named specs, each as the request has it."""
    from cnncalc.ops.base import show
    from cnncalc.pytorch.verify import Way

    work = []
    for name in networks:
        spec = load_spec(name)
        inputs = conditions.expand(spec).inputs if conditions.input_size else ()
        size = {node.name: node.output for node in inputs} if len(inputs) > 1 else inputs[0].output if inputs else None
        words = [f"input {' and '.join(show(node.output) for node in inputs)}"] if inputs else []
        words += ["in training"] if conditions.training else []
        vars = variables(conditions.setting, conditions.classes)
        work.append((spec, [Way(", ".join([*words, *conditions.changed]), size, vars, conditions.training)]))
    return work


def _with_progress(reports: Iterator[Report], total: int) -> Iterator[Report]:
    """The reports, with a bar on standard error while they are made, where there are several."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if total < 2 or not console.is_terminal:
        yield from reports
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("verifying", total=total)
        for report in reports:
            progress.update(task, advance=1, description=report.network)
            yield report
