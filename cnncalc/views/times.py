"""Measured times of layers, read back from what `cnncalc profile` wrote as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from cnncalc.costs.analysis import Costs, GroupRow, Row
from cnncalc.errors import RequestError, shorten
from cnncalc.graph import Node
from cnncalc.language.files import read_text
from cnncalc.ops.base import show
from cnncalc.views.measurements import ProfileRecord

MAX_BYTES = 500_000_000
"""A profile of 200,000 layers takes a fifth of this."""
HINT = "`cnncalc profile NETWORK --format json --output FILE` writes one"


class ProfileFile(Struct):
    """What a page reads of the JSON document of `cnncalc profile`."""

    network: str
    input: tuple[int, ...]
    batch: int
    profile: ProfileRecord


@dataclass(frozen=True)
class Times:
    """The measured times of a network's layers, in seconds.

    Attributes:
        what: on what, and how they were measured, in words.
        seconds: the median of each layer's, by its name.
    """

    what: str
    seconds: Mapping[str, float]

    def of(self, found: Node | Row | GroupRow) -> float | None:
        """The time of a layer, or of a group's layers together; None of an input."""
        if isinstance(found, GroupRow):
            return sum(self.seconds[row.name] for row in found.rows)
        return self.seconds.get(found.name)


def read_profile(path: Path) -> ProfileFile:
    """The profile in a file.

    Raises:
        RequestError: it cannot be read, or holds no profile with the times of layers.
    """
    shown = f"'{shorten(str(path), 80)}'"
    try:
        found = msgspec.json.decode(read_text(path, "profile", MAX_BYTES), type=ProfileFile)
    except msgspec.DecodeError as error:
        raise RequestError(f"{shown} is no profile: {shorten(str(error), 120)}", hint=HINT) from None
    if found.profile.layers is None:
        raise RequestError(f"{shown} has no times of layers", hint=HINT)
    return found


def times_of(costs: Costs, profile: ProfileFile) -> Times:
    """The times of a network's layers, from its profile.

    Raises:
        RequestError: the profile is of other layers, another input or another batch.
    """
    graph, measured = costs.graph, profile.profile
    assert measured.layers is not None
    name = shorten(profile.network, 80)
    if (profile.batch, profile.input) != (costs.batch, tuple(graph.input)):
        found = f"a batch of {profile.batch:,} with input {show(profile.input)}"
        raise RequestError(
            f"the profile of '{name}' is of {found}", hint=f"--batch {profile.batch} --input {show(profile.input)}"
        )
    if [(each.name, each.kind) for each in measured.layers.times] != [(row.name, row.op.kind) for row in costs.layers]:
        raise RequestError(f"the profile of '{name}' has other layers than {graph.name}", hint=HINT)
    environment, settings = measured.environment, measured.settings
    device = environment.get("gpu") or environment.get("cpu") or settings.device
    return Times(
        f"{device}, {settings.dtype}, PyTorch {environment.get('torch')}; the median of "
        f"{measured.layers.instrumented.count:,} passes",
        {each.name: each.time.median for each in measured.layers.times},
    )
