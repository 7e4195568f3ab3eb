"""What people are shown of a result, one file per question: tables, charts and notes, without a form.

A view takes a result and gives a `View`: the parts to show, in order, and the document for programs. It computes
nothing, and does not know whether a terminal, a page or a notebook shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from cnncalc.render.table import Part, Table


@dataclass(frozen=True, slots=True)
class View:
    """Tables and texts for people, in order; and `document`, which makes the record for programs (JSON).

    CSV has one table: `csv` if there is one, or else the first. `unknown` says, in words, what the result does not
    know; a strict check fails on it.
    """

    parts: tuple[Part, ...]
    document: Callable[[], msgspec.Struct | dict[str, Any]]
    csv: Table | None = None
    unknown: Sequence[str] = ()

    @property
    def table(self) -> Table | None:
        """The table that CSV has."""
        return self.csv or next((part for part in self.parts if isinstance(part, Table)), None)


@dataclass(frozen=True, slots=True)
class Detail:
    """How much of a network is shown.

    Attributes:
        depth: layers are grouped by so many scopes; None for what suits the size of the network.
        all: every layer.
        data: for programs, which want every layer and nothing left out.
        changed: what the request changed, in words: for the heading.
        columns: the names of the columns to show; those of the view if there are none.
    """

    depth: int | None = None
    all: bool = False
    data: bool = False
    changed: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
