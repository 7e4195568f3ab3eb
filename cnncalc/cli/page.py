"""`cnncalc page`: networks on one page that works offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnncalc.cli.options import Conditions, command
from cnncalc.cli.plot import DEVICE, Device, Dtype, Networks
from cnncalc.errors import RequestError

if TYPE_CHECKING:
    from cnncalc.graph import Graph
    from cnncalc.zoo.catalogue import Accuracy

File = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write to this file; the network's name and .html if none."),
]
Format = Annotated[str, typer.Option("--format", "-f", metavar="FORMAT", help="html.")]


@command
def page(
    networks: Networks,
    conditions: Conditions,
    file: File = None,
    device: Device = None,
    dtype: Dtype = "float32",
    format: Format = "html",
) -> None:
    """A page to look at networks: graph, layers, charts, table.

    Example: cnncalc page resnet50 --output resnet50.html
    """
    from cnncalc.cli.replace import replaced
    from cnncalc.render import page as render
    from cnncalc.views import Detail
    from cnncalc.views.page import data
    from cnncalc.zoo.catalogue import accuracy

    if format != "html":
        raise RequestError(f"a page has no form '{format[:40]}'", hint="a page is html; `cnncalc plot` draws figures")
    read = [conditions.network_and_spec(name) for name in networks]
    analyses = [network.analyze(conditions.batch) for network, _ in read]
    known: dict[Graph, Accuracy] = {}
    if conditions.plain:
        known = {network: accuracy(spec, network.input) for network, spec in read if spec is not None}
    rooflines = [analysis.roofline(device or DEVICE, dtype) for analysis in analyses]
    title = ", ".join(analysis.graph.title or analysis.graph.name for analysis in analyses)
    text = render.page(data(analyses, Detail(changed=conditions.changed), rooflines, known), title)
    if file is not None and str(file) == "-":
        typer.echo(text, nl=False)
        return
    target = file or Path(f"{analyses[0].graph.name}.html")
    with replaced(target) as out:
        out.write(text)
    typer.echo(f"{target}: {len(text.encode()):,} bytes", err=True)
