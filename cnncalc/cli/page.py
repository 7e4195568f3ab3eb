"""`cnncalc page`: networks on one page that works offline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnncalc.cli.options import Conditions, command
from cnncalc.cli.plot import Device, Dtype, Networks
from cnncalc.errors import RequestError, did_you_mean, shorten

if TYPE_CHECKING:
    from cnncalc.face import Analysis
    from cnncalc.views.page import Subject
    from cnncalc.views.times import ProfileFile

File = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write to this file; the network's name and .html if none."),
]
Format = Annotated[str, typer.Option("--format", "-f", metavar="FORMAT", help="html.")]
Profiles = Annotated[
    list[Path] | None,
    typer.Option("--profile", metavar="FILE", help="Measured times: what profile --format json wrote; repeatable."),
]
Watch = Annotated[
    bool,
    typer.Option("--watch", help="Serve the page to this machine, drawn anew as files are saved.", show_default=False),
]
Port = Annotated[
    int | None, typer.Option("--port", metavar="N", min=0, max=65535, help="Of --watch; a free one if none.")
]


@command
def page(
    networks: Networks,
    conditions: Conditions,
    file: File = None,
    device: Device = None,
    dtype: Dtype = "float32",
    profile: Profiles = None,
    watch: Watch = False,
    port: Port = None,
    format: Format = "html",
) -> None:
    """A page to look at networks: graph, layers, charts, table.

    With --watch it is served to a browser on this machine, and drawn anew whenever a spec is saved.

    Example: cnncalc page resnet50 --output resnet50.html
    """
    from cnncalc.render import page as render
    from cnncalc.replace import replaced

    if format != "html":
        raise RequestError(f"a page has no form '{format[:40]}'", hint="a page is html; `cnncalc plot` draws figures")
    if port is not None and not watch:
        raise RequestError("--port is of a page that is served", hint="add --watch")
    if watch:
        if file is not None:
            raise RequestError("--watch serves the page and writes no file", hint="leave --output out")
        _watch(networks, lambda: page_data(networks, conditions, device, dtype, profile or ()), port or 0)
        return
    data = page_data(networks, conditions, device, dtype, profile or ())
    text = render.page(data, title_of(data))
    if file is not None and str(file) == "-":
        typer.echo(text, nl=False)
        return
    target = file or Path(f"{data['networks'][0]['name']}.html")
    with replaced(target) as out:
        out.write(text)
    typer.echo(shorten(f"{target}: {len(text.encode()):,} bytes", 1000), err=True)


def _watch(networks: Sequence[str], make: Callable[[], dict[str, Any]], port: int) -> None:
    """Serve a page of specs until interrupted.

    Raises:
        RequestError: what is named is no file of a spec.
    """
    from cnncalc.serve import serve
    from cnncalc.sources import is_module
    from cnncalc.zoo.index import file_of

    for name in networks:
        if name == "-" or is_module(name):
            what = "standard input cannot be saved" if name == "-" else "a module's code is run once"
            raise RequestError(f"--watch is for files of networks: {what}", hint="name a .yaml or .onnx file")
    files = [file_of(name) for name in networks]
    shown = ", ".join(map(str, files))
    serve(make, files, port, lambda address: typer.echo(f"{shorten(shown, 1000)}: {address} (Ctrl-C ends)"))


def title_of(data: dict[str, Any]) -> str:
    """The title of a page: those of its networks."""
    return ", ".join(network["title"] for network in data["networks"])


def page_data(
    networks: Sequence[str], conditions: Conditions, device: str | None, dtype: str, profiles: Sequence[Path]
) -> dict[str, Any]:
    """What a page shows of networks."""
    from cnncalc.views import Detail
    from cnncalc.views.page import data
    from cnncalc.views.times import read_profile

    measured = [read_profile(file) for file in profiles]
    subjects = [_subject(name, conditions, device, dtype, measured) for name in networks]
    known = [subject.costs.graph.name for subject in subjects]
    for found in measured:
        if found.network not in known:
            hint = did_you_mean(found.network, known) or f"the page is of {', '.join(known)[:200]}"
            raise RequestError(f"there is a profile of '{found.network[:80]}', which is not on the page", hint=hint)
    return data(subjects, Detail(changed=conditions.changed))


def _subject(
    name: str, conditions: Conditions, device: str | None, dtype: str, profiles: Sequence[ProfileFile]
) -> Subject:
    """A network with what the page shows of it."""
    from cnncalc.check.rules import check
    from cnncalc.face import DEVICE
    from cnncalc.views.page import Subject
    from cnncalc.views.times import times_of
    from cnncalc.zoo.catalogue import accuracy

    network, spec = conditions.named(name)
    costs: Analysis = network.analyze(conditions.batch)
    mine = next((found for found in profiles if found.network == network.name), None)
    return Subject(
        costs=costs,
        roofline=costs.roofline(device or DEVICE, dtype),
        accuracy=accuracy(spec, network.input) if spec and conditions.plain else None,
        warnings=check(network, spec, costs=costs),
        times=times_of(costs, mine) if mine else None,
    )
