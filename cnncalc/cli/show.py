"""`cnncalc show`: a network's spec, or its layers written out."""

from __future__ import annotations

from typing import Annotated

import typer

from cnncalc.cli.options import Grouping, Output, Request, command

Expanded = Annotated[
    bool, typer.Option("--expanded", "-e", help="The layers, blocks and repeats written out.", show_default=False)
]
Family = Annotated[bool, typer.Option("--family", help="First the specs that this one extends.", show_default=False)]


@command
def show(request: Request, output: Output, expanded: Expanded = False, family: Family = False) -> None:
    """The spec of a network, or its layers written out.

    Example: cnncalc show resnet50 --expanded
    """
    if not expanded and output.form == "table":
        _print_spec(request, output, family)
        return
    from cnncalc.views.shapes import expanded as layers

    output.write(layers(request.analysis(), Grouping().detail(output, request)))


def _print_spec(request: Request, output: Output, family: bool) -> None:
    """The text of the spec as it stands in its file, so that it can be saved and changed."""
    import os
    import sys

    from cnncalc.zoo.index import folder, load

    spec = request.spec()
    texts = [spec.source_text.text]
    reference = spec.extends
    while family and reference:
        parent = load(folder() / f"{reference}.yaml")
        texts = [f"# {parent.source_text.name}\n{parent.source_text.text}", f"# {spec.source_text.name}\n", *texts]
        reference = parent.extends
    text = "".join(f"{part.rstrip()}\n" for part in texts)
    if output.file is None and sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        _print_highlighted(text)
    else:
        with output.open() as file:
            file.write(text)
    if spec.extends and not family and output.file is None and sys.stdout.isatty():
        print(f"\nIt extends {spec.extends}; --family shows that too.", file=sys.stderr)


def _print_highlighted(text: str) -> None:
    from rich.console import Console
    from rich.syntax import Syntax

    Console().print(Syntax(text.rstrip(), "yaml", theme="ansi_dark", background_color="default", word_wrap=True))
