"""What the tables about one network share: heading, rows that fit a screen, the notes under the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from cnncalc.costs.analysis import Costs, Row
from cnncalc.graph import Graph
from cnncalc.ops.base import count, show
from cnncalc.render.table import Cell, Column, Table, printable
from cnncalc.views import Detail
from cnncalc.views.columns import chosen
from cnncalc.views.rows import AnyRow

MOST_LAYERS = 40
"""Networks of more layers are shown in groups."""
MOST_ROWS = 60
FIRST_ROWS, LAST_ROWS = 30, 10
"""Of more rows than fit, these are shown."""
EVERY_SCOPE = 1_000_000
"""A depth that no scope reaches."""
MOST_SHARING = 2
MOST_NAMED = 5
"""So many layers are named in a note."""


class Listing:
    """The rows of a table about a network: each layer, or groups by scope where there are many."""

    def __init__(self, costs: Costs, detail: Detail) -> None:
        self.costs = costs
        self.detail = detail
        self.depth = self._depth()
        self.found: Sequence[AnyRow] = costs.layers if self.depth == EVERY_SCOPE else costs.groups(self.depth)
        asked = detail.all or detail.depth is not None or detail.data
        self.cut = not asked and len(self.found) > MOST_ROWS

    def _depth(self) -> int:
        """By how many scopes layers are grouped."""
        if self.detail.depth is not None and not self.detail.all:
            return self.detail.depth
        many = len(self.costs.layers) > MOST_LAYERS
        return 1 if many and not self.detail.all and not self.detail.data else EVERY_SCOPE

    @property
    def heading(self) -> str:
        """What the table is about."""
        return heading(self.costs, self.detail)

    def table(
        self,
        columns: Sequence[Column],
        row: Callable[[AnyRow], list[Cell]],
        total: Sequence[Cell] | None,
        notes: Sequence[str],
        title: str = "",
    ) -> Table:
        """The table of the rows under these columns, or under those that the request names.

        Raises:
            RequestError: there is no such column.
        """
        if self.detail.columns:
            columns, row, total = chosen(self.costs, self.detail.columns, columns, row, total)
        return Table(title or self.heading, columns, self.rows(row), total, notes)

    def rows(self, row: Callable[[AnyRow], list[Cell]]) -> list[list[Cell]]:
        """The rows; the middle of a very long table is left out unless it was asked for."""
        if not self.cut:
            return [row(found) for found in self.found]
        first, last = self.found[:FIRST_ROWS], self.found[-LAST_ROWS:]
        gap: list[Cell] = ["..."] + [None] * (len(row(first[0])) - 1)
        return [*map(row, first), gap, *map(row, last)]

    def notes(self, *texts: str) -> list[str]:
        """The notes under the table: what is counted, what is unknown, grouped or left out, and the network's own."""
        lines = [*texts, *unknown_notes(self.costs), *sharing_notes(self.costs), *warning_notes(self.costs.graph)]
        channels, *sizes = self.costs.graph.input
        if len(sizes) > 1 and sizes[-1] <= 4 < 32 <= channels:
            lines.append(f"The input is taken as {channels} channels of {show(tuple(sizes))}: channels come first.")
        layers = len(self.costs.layers)
        if len(self.found) < layers and self.detail.depth is None:
            grouped = count(len(self.found), "group")
            lines.append(f"{layers:,} layers in {grouped} by name; --depth 2 shows parts of them, --all each.")
        elif self.cut:
            hidden = len(self.found) - FIRST_ROWS - LAST_ROWS
            lines.append(f"{hidden:,} of {len(self.found):,} rows are not shown; --all shows each.")
        if self.costs.graph.notes and not self.detail.changed:  # which might no longer hold
            lines.append(f"Note: {self.costs.graph.notes.strip()}")
        return lines


def plain_document(costs: Costs) -> Callable[[], msgspec.Struct]:
    """What makes the document of a network with its costs, and nothing more; its records are loaded when it is asked
    for."""

    def make() -> msgspec.Struct:
        from cnncalc.views.records import network_document

        return network_document(costs)

    return make


def heading(costs: Costs, detail: Detail) -> str:
    """What a table is about: the network, its inputs, and whatever the request changed."""
    graph = costs.graph
    return f"{printable(graph.title or graph.name)}: {', '.join([inputs_text(graph), *changes(costs, detail)])}"


def inputs_text(graph: Graph) -> str:
    """The inputs of a network: the shape of the one, or names and shapes of several.

    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.zoo import load
    >>> inputs_text(expand(load("lenet5")))
    'input 1x32x32'
    """
    if len(graph.inputs) == 1:
        return f"input {show(graph.input)}"
    return "inputs " + " and ".join(f"{node.name} {show(node.output)}" for node in graph.inputs)


def changes(costs: Costs, detail: Detail) -> list[str]:
    """What the request changed, the input apart."""
    parts = [f"batch {costs.batch:,}"] if costs.batch > 1 else []
    if costs.graph.training:
        parts.append("in training")
    return [*parts, *detail.changed]


def unknown_reasons(costs: Costs) -> list[str]:
    """What the layers of a network do not say, in words; empty where all is known."""
    return [
        f"{row.unknown[name]}: {_named(rows)}"
        for name, rows in costs.unknown.items()
        if name != "weights"
        for row in rows[:1]
    ]


def unknown_notes(costs: Costs) -> list[str]:
    """A note on what is unknown."""
    reasons = unknown_reasons(costs)
    return [f"Unknown: {'; '.join(reasons)}. Totals are what there is at least."] if reasons else []


def sharing_notes(costs: Costs) -> list[str]:
    """A note on layers that have the weights of others."""
    sharing = [row for row in costs.layers if row.node.shares is not None]
    if not sharing:
        return []
    pairs = [f"{row.name} those of {row.node.shares.name}" for row in sharing[:MOST_SHARING] if row.node.shares]
    more = f" and {len(sharing) - MOST_SHARING:,} more" if len(sharing) > MOST_SHARING else ""
    verb = "has" if len(sharing) == 1 else "have"
    return [f"{count(len(sharing), 'layer')} {verb} the weights of others, which count once: {', '.join(pairs)}{more}."]


def warning_notes(graph: Graph) -> list[str]:
    """A line on how many warnings there are, if any."""
    from cnncalc.check.rules import count_warnings

    number = count_warnings(graph)
    return [f"{count(number, 'warning')}: `cnncalc check` tells which."] if number else []


def _named(rows: Sequence[Row]) -> str:
    """Some layers by name."""
    names = ", ".join(row.name for row in rows[:MOST_NAMED])
    return names + (f" and {len(rows) - MOST_NAMED:,} more" if len(rows) > MOST_NAMED else "")
