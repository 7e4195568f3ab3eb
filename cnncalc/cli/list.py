"""`cnncalc list`: the networks of the zoo."""

from __future__ import annotations

from typing import Annotated

import typer

from cnncalc.cli.options import Output, command

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[WORD]...", help="Only networks with these words in their name, title or family.", show_default=False
    ),
]
Sort = Annotated[str, typer.Option("--sort", metavar="COLUMN", help="Sort by a column: name, params, macs, year ...")]
Reverse = Annotated[bool, typer.Option("--reverse", "-r", help="Largest first.", show_default=False)]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns",
        "-c",
        metavar="A,B,...",
        help="The columns to show, of name, title, family, year, input, layers, params, buffers, macs, flops, "
        "activations, top1, top5, source and accuracy_source.",
    ),
]
Fragments = Annotated[
    bool,
    typer.Option("--fragments", help="Also the parts of networks, such as one Inception block.", show_default=False),
]


@command
def list(
    output: Output,
    words: Words = None,
    sort: Sort = "name",
    reverse: Reverse = False,
    columns: Columns = None,
    fragments: Fragments = False,
) -> None:
    """The networks of the zoo, with their counts.

    Example: cnncalc list resnet --sort macs
    """
    from cnncalc.views import catalogue
    from cnncalc.zoo.catalogue import entries

    names = columns.replace(" ", "").split(",") if columns else catalogue.DEFAULT
    everything = entries()
    text = " ".join(words or [])
    found = [entry for entry in everything if entry.matches(text) and (fragments or not entry.fragment)]
    hidden = 0 if fragments else sum(entry.fragment and entry.matches(text) for entry in everything)
    shown = catalogue.view(catalogue.ordered(found, sort, reverse), names, hidden)
    if found or output.is_data:
        output.write(shown)
    else:
        print(f"No network has '{text}' in its name, title or family.")
