"""`cnncalc plot`: figures of networks, for papers and READMEs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnncalc.cli.flops import complete_device
from cnncalc.cli.options import Conditions, Depth, command, complete_network, complete_word
from cnncalc.errors import RequestError, did_you_mean

if TYPE_CHECKING:
    from cnncalc.face import Analysis
    from cnncalc.language.model import Spec
    from cnncalc.render.chart import Chart
    from cnncalc.render.drawing import Drawing

KINDS = ("depth", "memory", "roofline", "field", "scatter", "graph")
FORMS = {"svg": ".svg", "pdf": ".pdf", "png": ".png", "vegalite": ".json", "mermaid": ".mmd", "dot": ".dot"}

Networks = Annotated[
    list[str],
    typer.Argument(
        metavar="NETWORK...",
        help="As in every command: a network of the zoo, the path of a YAML file, a PyTorch module; or several.",
        autocompletion=complete_network,
        show_default=False,
    ),
]
Kind = Annotated[
    str | None,
    typer.Option(
        "--kind",
        "-k",
        metavar="KIND",
        help="depth, memory, roofline, field, scatter or graph; else scatter of several networks, depth of one.",
        autocompletion=complete_word(*KINDS),
    ),
]
File = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write to a file; its name tells the format."),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        "-f",
        metavar="FORMAT",
        help="svg, pdf, png, vegalite (the chart as data); of a graph also mermaid or dot.",
        autocompletion=complete_word(*FORMS),
    ),
]
Width = Annotated[
    str | None, typer.Option("--width", "-w", metavar="WIDTH", help="As wide as this: 84mm, 3.5in, 640px.")
]
Title = Annotated[str | None, typer.Option("--title", metavar="TEXT", help="A title of your own; '' for none.")]
Device = Annotated[
    str | None,
    typer.Option("--device", metavar="DEVICE", help="Of a roofline, and of times.", autocompletion=complete_device),
]
Dtype = Annotated[str, typer.Option(metavar="TYPE", help="float32, float16, bfloat16, float64 or tf32.")]


@command
def plot(
    networks: Networks,
    conditions: Conditions,
    kind: Kind = None,
    file: File = None,
    format: Format = None,
    width: Width = None,
    title: Title = None,
    depth: Depth = None,
    device: Device = None,
    dtype: Dtype = "float32",
) -> None:
    """Figures: costs, memory, roofline, receptive field, graph.

    Example: cnncalc plot resnet18 --kind graph --format mermaid
    """
    kind = _kind(kind, len(networks))
    form = _form(format, file, kind)
    if device is not None and kind not in ("depth", "roofline", "scatter"):
        raise RequestError("--device is about a roofline", hint="add --kind roofline, depth or scatter")
    if kind == "graph":
        picture = conditions.network_of(networks[0]).draw(depth)
        data = _graph(picture.drawing, picture.title if title is None else title, form, width)
    else:
        named = [conditions.named(name) for name in networks]
        analyses = [network.analyze(conditions.batch) for network, _ in named]
        chart = _chart(kind, analyses, [spec for _, spec in named], conditions, device, dtype, depth)
        data = _drawn(chart, form, width, title)
    _write(data, file)


def _kind(kind: str | None, networks: int) -> str:
    """The kind of the figure.

    Raises:
        RequestError: there is none of that name, or not of so many networks.
    """
    kind = kind or ("scatter" if networks > 1 else "depth")
    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS) or f"the kinds are {', '.join(KINDS)}"
        raise RequestError(f"there is no figure '{kind[:40]}'", hint=hint, code="unknown-word")
    if networks > 1 and kind != "scatter":
        raise RequestError(f"--kind {kind} is of one network", hint="name one, or ask for --kind scatter")
    return kind


def _form(form: str | None, file: Path | None, kind: str) -> str:
    """The format, or that which the file's name tells.

    Raises:
        RequestError: there is none of that name, or not of such a figure.
    """
    if form is None:
        suffix = file.suffix.lower() if file else ""
        form = next((name for name, ending in FORMS.items() if ending == suffix), None)
        if form is None and suffix:
            raise RequestError(f"no figure is written as '{suffix}'", hint=f"name it {', '.join(FORMS.values())}")
        form = form or ("mermaid" if kind == "graph" else "svg")
    if form not in FORMS:
        hint = did_you_mean(form, FORMS) or f"the formats are {', '.join(FORMS)}"
        raise RequestError(f"there is no format '{form[:40]}'", hint=hint, code="unknown-word")
    if (form in ("mermaid", "dot")) != (kind == "graph") and form in ("mermaid", "dot", "vegalite"):
        hint = "graph is svg, pdf, png, mermaid or dot" if kind == "graph" else "add --kind graph"
        raise RequestError(f"--kind {kind} has no form '{form}'", hint=hint)
    if form in ("pdf", "png") and file is None:
        raise RequestError(f"a {form} is no text", hint=f"name a file: --output figure.{form}")
    return form


def _chart(
    kind: str,
    analyses: list[Analysis],
    specs: list[Spec | None],
    conditions: Conditions,
    device: str | None,
    dtype: str,
    depth: int | None,
) -> Chart:
    """The chart asked for."""
    from cnncalc.views import Detail, charts

    first = analyses[0]
    if kind == "scatter":
        from cnncalc.zoo.catalogue import accuracy

        pairs = zip(analyses, specs, strict=True) if conditions.plain else ()
        known = {each.graph: accuracy(spec, each.graph.input) for each, spec in pairs if spec}
        if device is None:
            return charts.scatter(analyses, known)
        return charts.scatter(analyses, known, "seconds", [each.roofline(device, dtype) for each in analyses])
    if kind == "depth":  # whose title names what the request changes
        result = first.roofline(device, dtype) if device else None
        return charts.depth(first, Detail(depth, changed=conditions.changed), result)
    return first.chart(kind, device=device, dtype=dtype)


def draw_chart(chart: Chart, form: str | None, file: Path | None, width: str | None, title: str | None) -> None:
    """Write a chart in a form, or in that which the file's name tells.

    Raises:
        RequestError: no such form, or vl-convert is not installed.
    """
    _write(_drawn(chart, _form(form, file, chart.kind), width, title), file)


def _drawn(chart: Chart, form: str, width: str | None, title: str | None) -> bytes:
    """A chart in a form."""
    if form == "vegalite":
        import json

        return (json.dumps(chart.spec(title=title), indent=1, ensure_ascii=False) + "\n").encode()
    from cnncalc.render.figure import DEFAULT_WIDTH, chart_svg, converted, parse_width

    return converted(chart_svg(chart, parse_width(width or DEFAULT_WIDTH), title), form)


def _graph(drawn: Drawing, title: str, form: str, width: str | None) -> bytes:
    """A drawing in a form."""
    if form in ("mermaid", "dot"):
        from cnncalc.render import diagram

        return (diagram.mermaid if form == "mermaid" else diagram.dot)(drawn, title).encode()
    from cnncalc.render.figure import converted, parse_width
    from cnncalc.render.svg import svg

    return converted(svg(drawn, title, parse_width(width) if width else None), form)


def _write(data: bytes, file: Path | None) -> None:
    """Write to a file, or as text to standard output."""
    if file is None or str(file) == "-":
        typer.echo(data.decode(), nl=False)
        return
    from cnncalc.replace import replaced_bytes

    replaced_bytes(file, data)
