"""`cnncalc list`: the networks of the zoo."""

from __future__ import annotations

from typing import Annotated

import typer

from cnncalc.cli.options import Output, command, complete_network

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[WORD]...",
        help="Only networks with these words in their name, title or family; or several names of networks.",
        autocompletion=complete_network,
        show_default=False,
    ),
]
Sort = Annotated[
    str | None,
    typer.Option("--sort", metavar="COLUMN", help="Sort by a column: name (default), params, macs, year ..."),
]
Reverse = Annotated[bool, typer.Option("--reverse", "-r", help="Largest first.", show_default=False)]
Fragments = Annotated[
    bool,
    typer.Option("--fragments", help="Also the parts of networks, such as one Inception block.", show_default=False),
]


@command
def list(
    output: Output,
    words: Words = None,
    sort: Sort = None,
    reverse: Reverse = False,
    fragments: Fragments = False,
) -> None:
    """The networks of the zoo, with their counts.

    Example: cnncalc list resnet --sort macs
    """
    from cnncalc.errors import shorten
    from cnncalc.views import catalogue
    from cnncalc.zoo.catalogue import entries, picked

    everything = entries()
    text = " ".join(words or [])
    named = picked(everything, words or [])
    found = named or [entry for entry in everything if entry.matches(text) and (fragments or not entry.fragment)]
    hidden = 0 if fragments or named else sum(entry.fragment and entry.matches(text) for entry in everything)
    if sort or not named:  # those picked by name stay in the order of their names
        found = catalogue.ordered(found, sort or "name", reverse)
    elif reverse:
        found = found[::-1]
    shown = catalogue.view(found, output.column_names or catalogue.DEFAULT, hidden)
    if found or output.form != "table":
        output.write(shown)
    else:
        print(f"No network has '{shorten(text)}' in its name, title or family.")
