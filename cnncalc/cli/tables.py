"""`cnncalc tables`: the figures and statements of the documents, held against the calculation."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnncalc.cli.options import InputSize, Output, Setting, command
from cnncalc.errors import RequestError

if TYPE_CHECKING:
    from cnncalc.documents.checked import CheckedTable
    from cnncalc.documents.model import Table
    from cnncalc.documents.report import Only


def complete_table(incomplete: str) -> list[str]:
    """The names of the tables that begin like this, for the shell."""
    from cnncalc.documents.model import tables as known

    return [name for name in known() if name.startswith(incomplete)]


TableName = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME|FILE.yaml]",
        help="A table, or the file of your own; without one, all are listed.",
        autocompletion=complete_table,
    ),
]
Csv = Annotated[
    Path | None,
    typer.Option("--csv", metavar="FILE", help="A table of your own as CSV, of the network that --network names."),
]
NetworkOf = Annotated[
    str | None,
    typer.Option("--network", "-n", metavar="NETWORK", help="The network of the CSV table: a name or a YAML file."),
]
PaperTables = Annotated[
    bool, typer.Option("--papers", help="The tables of papers, not those of the documents.", show_default=False)
]
PublishedOf = Annotated[
    str | None,
    typer.Option(
        "--published", metavar="NETWORK", help="The values that a spec says are published; 'all' for the zoo."
    ),
]
All = Annotated[bool, typer.Option("--all", "-a", help="Print every table.", show_default=False)]
OnlySome = Annotated[
    str | None,
    typer.Option(
        "--only",
        metavar="VERDICT",
        help="Only the cells that are exact, rounded or cut-off, that hold or differ (holds, differs), or that "
        "differ for no known cause (unexplained).",
    ),
]
Cells = Annotated[bool, typer.Option("--cells", help="One line a cell, in full.", show_default=False)]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Exit with 1 if a cell differs and no cause is known.", show_default=False),
]


@command
def tables(
    output: Output,
    name: TableName = None,
    csv: Csv = None,
    network: NetworkOf = None,
    input_size: InputSize = None,
    setting: Setting = None,
    papers: PaperTables = False,
    published: PublishedOf = None,
    all_tables: All = False,
    only: OnlySome = None,
    cells: Cells = False,
    strict: Strict = False,
) -> None:
    """Tables of documents, papers or your own, recomputed.

    Example: cnncalc tables googlenet
    """
    from cnncalc.documents import report
    from cnncalc.views import View

    _exclusive(name=name, csv=csv, papers=papers, published=published)
    if csv is None and (network or input_size or setting):
        raise RequestError(
            "--network, --input and --set go with --csv", hint="cnncalc tables --csv FILE --network NAME"
        )
    if published is not None:
        _published(published, output, strict)
        return
    own = csv is not None or (name is not None and is_file(name))
    checked = _checked(name, csv, network, input_size, setting, papers)
    wanted = _only(only) if only else None
    chosen = [(table, [c for c in table.cells if wanted is None or report.matches(c, wanted)]) for table in checked]
    stacked = output.form == "table"
    if cells or output.is_data:
        parts = [report.cell_list((table.table.name, cell) for table, some in chosen for cell in some)]
    elif wanted is not None:
        parts = [report.selection(table, some, stacked) for table, some in chosen if some]
    elif name or own or all_tables:
        parts = [view for table in checked for view in report.view(table, stacked)]
    else:
        parts = [report.overview(checked)]
    output.write(View(tuple(parts), lambda: report.document(chosen)))
    unexplained = [f"{table.table.name} {cell.id}" for table in checked for cell in table.unexplained]
    if strict and unexplained:
        from cnncalc.render.table import printable

        which = printable(", ".join(unexplained))
        print(f"error: {len(unexplained)} cells differ, and no cause is known: {which}", file=sys.stderr)
        raise typer.Exit(1)


def is_file(name: str) -> bool:
    """Whether a word is a file rather than the name of a table."""
    return name.endswith((".yaml", ".yml")) or "/" in name or "\\" in name


def _exclusive(**given: object) -> None:
    """At most one of some options."""
    used = [f"--{key}" if key != "name" else "a table's name" for key, value in given.items() if value]
    if len(used) > 1:
        raise RequestError(f"{used[0]} and {used[1]} exclude each other", hint="leave one of them out")


def _checked(
    name: str | None,
    csv: Path | None,
    network: str | None,
    input_size: str | None,
    setting: list[str] | None,
    papers: bool,
) -> list[CheckedTable]:
    """The tables asked for, checked."""
    from cnncalc.documents.check import check, check_all, check_table

    if csv is not None:
        if network is None:
            raise RequestError("--csv needs the network that the table is of", hint="add --network NAME")
        return [check_table(_csv_table(csv, network, input_size, setting))]
    if name is not None and is_file(name):
        from cnncalc.documents.reading import read_table

        return [check_table(read_table(Path(name)))]
    return [check(name)] if name else check_all(papers)


def _csv_table(csv: Path, network: str, input_size: str | None, setting: list[str] | None) -> Table:
    """The table in a CSV file."""
    from cnncalc.cli.options import parse_size, variables
    from cnncalc.documents import networks
    from cnncalc.documents.csv_table import Request, table_from_csv
    from cnncalc.documents.reading import read_text
    from cnncalc.errors import shorten
    from cnncalc.language.expand import full_shape

    text = None
    if is_file(network):
        network, text = "network", read_text(Path(network), "spec")
    chosen = tuple(variables(setting).items())
    shape = None
    if input_size is not None:
        own = networks.view(network, text, networks.Setting(vars=chosen)).input
        shape = full_shape(parse_size(input_size), own)
    request = Request(network, text, networks.Setting(input=shape, vars=chosen))
    return table_from_csv(read_text(csv), shorten(str(csv), 80), request)


def _published(name: str, output: Output, strict: bool) -> None:
    """The published values of a network, or of all, held against the calculation."""
    from cnncalc.documents import published
    from cnncalc.views import View

    found = published.check(name)
    output.write(View((published.view_table(found),), lambda: published.document(found)))
    wrong = [each for each in found if not each.equal]
    if wrong:
        print(f"error: {len(wrong)} of {len(found)} published values differ", file=sys.stderr)
        if strict:
            raise typer.Exit(1)


def _only(text: str) -> Only:
    """Which cells are wanted."""
    from cnncalc.documents.report import Only
    from cnncalc.errors import did_you_mean

    if text not in list(Only):
        hint = did_you_mean(text, list(Only)) or f"the verdicts are {', '.join(Only)}"
        raise RequestError(f"there is no verdict '{text[:40]}'", hint=hint)
    return Only(text)
