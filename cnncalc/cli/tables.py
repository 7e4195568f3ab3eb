"""`cnncalc tables`: the figures and statements of the documents, held against the calculation."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cnncalc.cli.options import Output, command

if TYPE_CHECKING:
    from cnncalc.documents.report import Only


def complete_table(incomplete: str) -> list[str]:
    """The names of the tables that begin like this, for the shell."""
    from cnncalc.documents.model import tables as known

    return [name for name in known() if name.startswith(incomplete)]


TableName = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", help="A table; without one, all are listed.", autocompletion=complete_table),
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
    all_tables: All = False,
    only: OnlySome = None,
    cells: Cells = False,
    strict: Strict = False,
) -> None:
    """The tables of the documents, recomputed cell by cell.

    Example: cnncalc tables googlenet
    """
    from cnncalc.documents import report
    from cnncalc.documents.check import check, check_all

    checked = [check(name)] if name else check_all()
    wanted = _only(only) if only else None
    chosen = [(table, [c for c in table.cells if wanted is None or report.matches(c, wanted)]) for table in checked]
    stacked = output.form == "table"
    if cells or output.is_data:
        parts = [report.cell_list((table.table.name, cell) for table, some in chosen for cell in some)]
    elif wanted is not None:
        parts = [report.selection(table, some, stacked) for table, some in chosen if some]
    elif name or all_tables:
        parts = [view for table in checked for view in report.view(table, stacked)]
    else:
        parts = [report.overview(checked)]
    output.write(*parts, document=lambda: report.document(chosen))
    unexplained = [f"{table.table.name} {cell.id}" for table in checked for cell in table.unexplained]
    if strict and unexplained:
        which = ", ".join(unexplained)
        print(f"error: {len(unexplained)} cells differ, and no cause is known: {which}", file=sys.stderr)
        raise typer.Exit(1)


def _only(text: str) -> Only:
    """Which cells are wanted."""
    from cnncalc.documents.report import Only
    from cnncalc.errors import RequestError, did_you_mean

    if text not in list(Only):
        hint = did_you_mean(text, list(Only)) or f"the verdicts are {', '.join(Only)}"
        raise RequestError(f"there is no verdict '{text[:40]}'", hint=hint)
    return Only(text)
