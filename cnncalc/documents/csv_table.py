"""A table of the user's own as CSV: a column that names layers, and columns of printed figures.

The columns are recognised by their titles, the layers by name, order and shape, the figures by their form.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import NamedTuple

from cnncalc.documents.figures import FigureError, parse_figures
from cnncalc.documents.matching import match_rows
from cnncalc.documents.model import Cell, Column, Row, Table
from cnncalc.documents.networks import Setting, View, title, view
from cnncalc.documents.titles import NAMES, UNITS, Title, plain, read_title
from cnncalc.errors import RequestError, shorten

MAX_ROWS = 2_000
MAX_COLUMNS = 60
MAX_CELL = 200
_EMPTY = {"", "-", "--", "\N{EN DASH}", "\N{EM DASH}", "n/a", "na", "none", "null", "nan", "?"}


class Request(NamedTuple):
    """The network that a CSV table is of: a name of the zoo, or the text of a spec; and its settings."""

    network: str
    text: str | None = None
    setting: Setting = Setting()


def table_from_csv(text: str, origin: str, request: Request) -> Table:
    """The table in a CSV text, its rows matched with the layers of a network.

    Raises:
        RequestError: it is no table, no column names a quantity, or no row is a layer.

    >>> table = table_from_csv("Layer,Params\\nconv1,34.9K\\nfc8,4.1M\\n", "mine", Request("alexnet"))
    >>> [row.of for row in table.rows], table.columns[0].compute
    (['conv1', 'fc8'], 'params(alexnet/{row})')
    """
    header, rows = _grid(text, origin)
    names, quantities, ignored = _columns(header, rows, origin)
    seen = view(request.network, request.text, request.setting)
    labels = [row[names].strip() for row in rows]
    shapes = [_printed_shape(row, quantities) for row in rows]
    if title_is_network(header[names], labels):
        raise RequestError(
            f"'{origin}' has a row for each network", hint="such a table is written as YAML: docs/tables.md"
        )
    paths = match_rows(seen, labels, shapes)
    if all(path is None for path in paths):
        hint = f"its layers are called {', '.join(seen.names[:4])}, ...; `cnncalc shapes {request.network} --all`"
        raise RequestError(f"no row of '{origin}' is a layer of {request.network}", hint=hint)
    call = f"({request.network}/{{row}}{_settings(request.setting)})"
    used = [(index, found) for index, found in quantities.items()]
    columns = tuple(
        Column(
            column=_label(header[index]),
            compute=f"{found.quantity}{call}",
            unit=UNITS.get(found.quantity, ""),
            scale=found.scale,
        )
        for index, found in used
    )
    found_rows, unread = _rows(labels, paths, rows, used, seen, call)
    return Table(
        name=_label(origin.rsplit("/", 1)[-1].rsplit(".", 1)[0]) or "table",
        title=f"{_label(origin)}, held against {title(request.network, request.text)}",
        columns=columns,
        rows=tuple(found_rows),
        networks={request.network: request.text} if request.text is not None else {},
        note=_note(labels, paths, ignored, unread),
    )


def title_is_network(header: str, labels: Sequence[str]) -> bool:
    """Whether the rows are networks: the title says so, and most labels are names of the zoo."""
    from cnncalc.documents.networks import known

    if plain(header) not in ("model", "network", "architecture"):
        return False
    names = {re.sub(r"[^a-z0-9]", "", name) for name in known()}
    return 2 * sum(re.sub(r"[^a-z0-9]", "", label.lower()) in names for label in labels) > len(labels)


def _grid(text: str, origin: str) -> tuple[list[str], list[list[str]]]:
    """The header and the rows, each with as many cells."""
    if "\0" in text:
        raise RequestError(f"'{origin}' is not text", hint="it holds zero bytes; save the table as CSV in UTF-8")
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        raise RequestError(f"'{origin}' has no rows", hint="a header with titles, then a line for each layer")
    delimiter = max(",;\t|", key=lambda mark: (_regular(text, mark), lines[0].count(mark)))
    try:
        found = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(c.strip() for c in row)]
    except csv.Error as error:
        raise RequestError(f"'{origin}' is not CSV: {error}", hint="each quote must be closed") from None
    header, *rows = found
    if len(header) > MAX_COLUMNS or len(rows) > MAX_ROWS:
        size = f"{len(rows):,} rows and {len(header):,} columns"
        raise RequestError(f"'{origin}' has {size}", hint=f"at most {MAX_ROWS:,} and {MAX_COLUMNS}")
    if not rows:
        raise RequestError(f"'{origin}' has no rows", hint="a header with titles, then a line for each layer")
    for number, row in enumerate(rows, 1):
        while len(row) > len(header) and not row[-1].strip():
            row.pop()
        if len(row) != len(header):
            hint = "one cell a title"
            if delimiter == "," and len(row) > len(header):
                hint += '; a figure with commas stands in quotes: "34,944"'
            what = f"row {number} of '{origin}' has {len(row)} cells, the header {len(header)}"
            raise RequestError(f"{what}: '{shorten(','.join(row))}'", hint=hint)
        if any(len(cell) > MAX_CELL for cell in row):
            raise RequestError(f"row {number} of '{origin}' has a cell of more than {MAX_CELL} characters")
    return header, rows


def _regular(text: str, mark: str) -> int:
    """How many of the first lines have as many cells as the header, if that has more than one."""
    try:
        found = [row for row in csv.reader(io.StringIO(text[:20_000]), delimiter=mark) if row][:50]
    except csv.Error:
        return 0
    return sum(len(row) == len(found[0]) for row in found) if found and len(found[0]) > 1 else 0


def _columns(
    header: Sequence[str], rows: Sequence[Sequence[str]], origin: str
) -> tuple[int, dict[int, Title], list[str]]:
    """The column of names, those of quantities, and the titles of the others."""
    read = {index: found for index, text in enumerate(header) if (found := read_title(text)) is not None}
    for index, found in list(read.items()):
        if found.quantity == "bytes" and plain(header[index]) == "size" and any("x" in row[index] for row in rows):
            read[index] = Title("shape", 1)
    others = [index for index in range(len(header)) if index not in read]
    named = next((index for index in others if plain(header[index]) in NAMES), others[0] if others else None)
    if named is None:
        raise RequestError(f"'{origin}' has no column that names the layers", hint="give one the title Layer")
    if not read:
        titles = ", ".join(f"'{shorten(text, 20)}'" for text in header)
        hint = f"its titles are {titles[:200]}; known are params, MACs, FLOPs, activations, output size, memory"
        raise RequestError(f"no column of '{origin}' is a quantity that cnncalc knows", hint=hint)
    return named, read, [_label(header[index]) for index in others if index != named]


def _printed_shape(row: Sequence[str], quantities: dict[int, Title]) -> tuple[int, ...] | None:
    """The output size that a row prints, if it does."""
    for index, found in quantities.items():
        if found.quantity == "shape":
            return read_shape(row[index])
    return None


def read_shape(text: str) -> tuple[int, ...] | None:
    """A printed size; None for what is none. A batch in front, 1 or -1, is left off.

    >>> read_shape("[-1, 96, 55, 55]"), read_shape("55 x 55 x 96"), read_shape("27x27"), read_shape("4096")
    ((96, 55, 55), (55, 55, 96), (27, 27), (4096,))
    """
    if len(text) > 60 or not re.fullmatch(
        r"[\[(]?\s*(-?\d{1,9}|None)(\s*[,x\u00d7*\s]\s*\d{1,9})*\s*[\])]?", text.strip()
    ):
        return None
    found = re.findall(r"-?\d+|None", text)
    if len(found) > 1 and (found[0] in ("-1", "None") or (len(found) == 4 and found[0] == "1")):
        found = found[1:]
    return tuple(int(part) for part in found if part != "None") or None


def _settings(setting: Setting) -> str:
    """A setting as a call writes it."""
    parts = [f"batch={setting.batch}"] if setting.batch != 1 else []
    parts += [f"input={'x'.join(map(str, setting.input))}"] if setting.input else []
    parts += ["training=true"] if setting.training else []
    parts += [f"set.{name}={value}" for name, value in setting.vars]
    return "".join(f", {part}" for part in parts)


def _rows(
    labels: Sequence[str],
    paths: Sequence[str | None],
    rows: Sequence[Sequence[str]],
    used: Sequence[tuple[int, Title]],
    seen: View,
    call: str,
) -> tuple[list[Row], list[str]]:
    """The rows that are layers, and the cells that cannot be read."""
    found: list[Row] = []
    unread: list[str] = []
    known: dict[str, int] = {}
    for label, path, row in zip(labels, paths, rows, strict=True):
        if path is None:
            continue
        cells: list[str | int | Cell | None] = []
        for index, quantity in used:
            cells.append(_cell(row[index].strip(), quantity, path, seen, call))
            if cells[-1] is None and row[index].strip().lower() not in _EMPTY:
                unread.append(f"'{shorten(row[index].strip(), 20)}' ({_label(label)})")
        shown = _label(label) or path or "total"
        known[shown] = known.get(shown, 0) + 1
        found.append(Row(row=shown if known[shown] == 1 else f"{shown} ({known[shown]})", cells=cells, of=path))
    return found, unread


def _cell(text: str, quantity: Title, path: str, seen: View, call: str) -> str | Cell | None:
    """What is printed in a cell; None where there is nothing that can be read."""
    if text.lower() in _EMPTY:
        return None
    if quantity.quantity == "shape":
        return _shape_cell(text, path, seen, call)
    if quantity.quantity in ("channels", "kernel", "stride", "padding") and path not in seen.names:
        return None
    if (
        quantity.quantity in ("kernel", "stride", "padding")
        and seen.option(seen.within(path)[-1], quantity.quantity) is None
    ):
        return None
    try:
        figures = parse_figures(text, quantity.scale)
    except FigureError:
        return None
    if quantity.quantity == "kernel" and len(figures) > 1:
        return Cell(printed=text, compute=f"window{call}")
    return text if len(figures) == 1 else None


def _shape_cell(text: str, path: str, seen: View, call: str) -> Cell | None:
    """A printed output size, channels last as tables print it, with what to hold it against."""
    shape = read_shape(text)
    if shape is None:
        return None
    flat = len(seen.output(seen.within(path)[-1])) == 1
    if len(shape) == 1:
        return Cell(printed=str(shape[0]), compute=f"{'channels' if flat else 'height'}{call}")
    if len(shape) == 2:
        return Cell(printed="x".join(map(str, shape)), compute=f"size{call}")
    if len(shape) != 3:
        return None
    listed = text.strip().startswith(("[", "("))
    first = listed or (shape[0] != shape[1] == shape[2] and shape[:2] != seen.output(seen.within(path)[-1])[1:])
    ordered = (*shape[1:], shape[0]) if first else shape
    return Cell(printed="x".join(map(str, ordered)))


def _label(text: str) -> str:
    """A label as it is shown: short, and without control characters."""
    return shorten(" ".join(text.split()), 60)


def _note(labels: Sequence[str], paths: Sequence[str | None], ignored: Sequence[str], unread: Sequence[str]) -> str:
    """What was left out of the table."""
    missing = [_label(label) for label, path in zip(labels, paths, strict=True) if path is None]
    parts = [f"Matched: {len(labels) - len(missing)} of {len(labels)} rows."]
    parts += [f"No layer found for {_listed(missing)}."] if missing else []
    parts += [f"Columns not read: {_listed(ignored)}."] if ignored else []
    parts += [f"No figures: {_listed(unread)}."] if unread else []
    return " ".join(parts)


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:6]) + (f" and {len(words) - 6} more" if len(words) > 6 else "")
