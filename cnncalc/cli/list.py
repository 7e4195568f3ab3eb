"""`cnncalc list`: the networks of the zoo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnncalc.cli.options import Output, command

if TYPE_CHECKING:
    from cnncalc.render import Column
    from cnncalc.zoo.catalogue import Entry

Text = Annotated[
    str, typer.Argument(metavar="[TEXT]", help="Only networks with these words in their name, title or family.")
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

DEFAULT = ("name", "family", "year", "input", "params", "macs", "top1")


@command
def list(
    output: Output,
    text: Text = "",
    sort: Sort = "name",
    reverse: Reverse = False,
    columns: Columns = None,
    fragments: Fragments = False,
) -> None:
    """The networks of the zoo, with their counts.

    Example: cnncalc list resnet --sort macs
    """
    from cnncalc.render import Table
    from cnncalc.zoo.catalogue import entries

    known = _columns()
    names = columns.replace(" ", "").split(",") if columns else DEFAULT
    shown = [_known(name, known) for name in names]
    by = _known(sort, known).name
    everything = entries()
    found = [entry for entry in everything if entry.matches(text) and (fragments or text or not entry.fragment)]
    found = _sorted(found, by, reverse)
    hidden = sum(entry.fragment for entry in everything) if not (fragments or text) else 0
    notes = ["Counts at the input shown, for inference. MACs: multiply-accumulates, which many papers call FLOPs."]
    if any(entry.top1 is not None for entry in found) and "top1" in names:
        notes.append("Top-1: percent, as published; --columns name,top1,accuracy_source tells by whom.")
    if hidden:
        notes.append(f"{hidden} fragments, parts of networks, are not shown; --fragments adds them.")
    table = Table(
        f"{len(found)} networks" if len(found) != 1 else "1 network",
        shown,
        [[getattr(entry, column.name) for column in shown] for entry in found],
        notes=notes,
    )
    if found or output.is_data:
        output.write(table, document=lambda: _document(found))
    else:
        output.write(f"No network has '{text}' in its name, title or family.")


def _columns() -> dict[str, Column]:
    """The columns by name. Of those shown by default the input is the first to go on a narrow terminal."""
    from cnncalc.render import Column

    columns = [
        Column("Network", "name"),
        Column("Title", "title"),
        Column("Family", "family", optional=True),
        Column("Year", "year", format="d", optional=True),
        Column("Input", "input", optional=True),
        Column("Layers", "layers"),
        Column("Parameters", "params"),
        Column("Buffers", "buffers"),
        Column("MACs", "macs"),
        Column("FLOPs", "flops"),
        Column("Activations", "activations"),
        Column("Top-1", "top1", format=".2f"),
        Column("Top-5", "top5", format=".2f"),
        Column("Source", "source"),
        Column("Accuracy from", "accuracy_source"),
    ]
    return {column.name: column for column in columns}


def _known(name: str, columns: dict[str, Column]) -> Column:
    """The column of a name."""
    from cnncalc.errors import RequestError, did_you_mean

    if name not in columns:
        hint = did_you_mean(name, columns)
        raise RequestError(f"there is no column '{name[:40]}'", hint=hint or f"the columns are {', '.join(columns)}")
    return columns[name]


def _sorted(found: Any, by: str, reverse: bool) -> Any:
    """The entries sorted by a column; those without a value come last, equal ones by name."""
    from cnncalc.zoo.catalogue import natural

    def key(entry: Entry) -> Any:
        value = getattr(entry, by)
        return natural(value) if isinstance(value, str) else value

    having = [entry for entry in found if getattr(entry, by) not in (None, "")]
    without = [entry for entry in found if getattr(entry, by) in (None, "")]
    return sorted(having, key=key, reverse=reverse) + without


def _document(found: Any) -> dict[str, Any]:
    """The entries as a JSON document."""
    from msgspec import to_builtins

    return {"schema": 1, "networks": [to_builtins(entry) for entry in found]}
