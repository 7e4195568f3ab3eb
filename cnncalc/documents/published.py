"""The values that specs say are published, held against the calculation: without PyTorch."""

from __future__ import annotations

from typing import Any, NamedTuple

from cnncalc.documents.networks import Setting, is_network, known, published, view
from cnncalc.render.json import SCHEMA
from cnncalc.render.table import Column, Table
from cnncalc.views.verdicts import PublishedDocument, PublishedRecord

QUANTITIES = ("params", "buffers", "macs", "flops", "activations")


class Compared(NamedTuple):
    """A value that a source states, and what is computed under the same conditions."""

    network: str
    quantity: str
    conditions: str
    published: float
    computed: int
    source: str

    @property
    def equal(self) -> bool:
        return self.published == self.computed


def check(name: str) -> list[Compared]:
    """The published values of a network, or of all networks of the zoo for "all"; accuracies left out.

    >>> [(each.quantity, each.equal) for each in check("resnet50")]
    [('params', True), ('macs', True)]
    """
    names = [each for each in known() if is_network(each)] if name == "all" else [name]
    return [compared for each in names for compared in _network(each)]


def _network(name: str) -> list[Compared]:
    found = []
    for stated in published(name):
        setting = Setting(stated.input, 1, stated.training, tuple(stated.variables.items()))
        seen = view(name, None, setting)
        parts = ["training"] if stated.training else []
        parts += [f"input {'x'.join(map(str, stated.input))}"] if stated.input else []
        parts += [f"{key}={value}" for key, value in stated.variables.items()]
        for quantity, value in stated.values.items():
            if quantity in QUANTITIES:
                computed = sum(seen.cost(i, quantity) for i in range(len(seen.names)))
                found.append(Compared(name, quantity, ", ".join(parts), value, computed, stated.source))
    return found


def view_table(found: list[Compared]) -> Table:
    """The values as a table."""
    columns = [
        Column("Network"),
        Column("Quantity"),
        Column("Published"),
        Column("Computed"),
        Column("Equal"),
        Column("Conditions", optional=True),
        Column("Source", optional=True),
    ]
    rows: list[list[Any]] = [
        [e.network, e.quantity, e.published, e.computed, "yes" if e.equal else "no", e.conditions, e.source]
        for e in found
    ]
    equal = sum(each.equal for each in found)
    return Table("Published values", columns, rows, notes=[f"{equal} of {len(found)} published values are equal."])


def document(found: list[Compared]) -> PublishedDocument:
    """The JSON document."""
    return PublishedDocument(SCHEMA, [PublishedRecord(*each, each.equal) for each in found])
