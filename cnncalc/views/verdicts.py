"""The records of checked tables and of published values in the JSON document."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType


class ExplanationRecord(Struct):
    """What was counted instead, and gives what is printed. `tried` and `chance` are of one that was searched for: how
    many ways of counting were tried, and how likely one was to give random figures of as many digits."""

    what: str
    computed: int | float | bool
    verdict: str
    tried: int | UnsetType = UNSET
    chance: float | UnsetType = UNSET


class CellRecord(Struct):
    """A number or statement of a document, and how it stands to the calculation."""

    id: str
    claim: str
    printed: str
    computed: int | float | bool
    unit: str
    verdict: str
    alternative: ExplanationRecord | None
    possible: ExplanationRecord | None
    slip_of: str | None
    note: str
    evidence: str


class TableRecord(Struct):
    """A table of a document with those of its cells that were asked for."""

    name: str
    document: str
    title: str
    notes: list[str]
    cells: list[CellRecord]


class TablesDocument(Struct):
    """The document of `cnncalc tables`."""

    schema: int
    tables: list[TableRecord]


class PublishedRecord(Struct):
    """A value that a source states of a network, and what is computed under the same conditions."""

    network: str
    quantity: str
    conditions: str
    published: float
    computed: int
    source: str
    equal: bool


class PublishedDocument(Struct):
    """The document of `cnncalc tables --published`."""

    schema: int
    published: list[PublishedRecord]
