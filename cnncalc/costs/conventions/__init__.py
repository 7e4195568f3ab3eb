"""Counting as other tools count, and why they disagree.

One file per tool. Each convention is a table: for a kind of op, what the tool counts of it, by class. The numbers are
those that the tool prints for the network as `cnncalc.pytorch.build` makes it, at inference. docs/conventions.md says
it in words. The versions that this was read from and is tested against: torch 2.13, fvcore 0.1.5, ptflops 0.7.5,
thop 0.1.1, torchinfo 1.8.0.

Every class says what is counted, so that the classes of a convention sum to its number, and two conventions differ
by exactly the classes in which they differ. Where an op does not say how a tool counts it, the number is unknown, and
the total is what is at least counted.

>>> from cnncalc.language.expand import expand
>>> from cnncalc.zoo import load
>>> graph = expand(load("resnet50_torchvision"))
>>> for name in CONVENTIONS:
...     print(count_as(graph, name))
paper: 4,089,184,256
torch: 8,178,368,512
fvcore: 4,111,512,576
ptflops: 4,132,436,968
thop: 4,133,742,592
torchinfo: 4,089,238,376
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from cnncalc.costs.amount import AtLeast
from cnncalc.costs.conventions import fvcore, paper, ptflops, thop, torch, torchinfo
from cnncalc.costs.conventions.base import CLASSES, Convention, Each
from cnncalc.errors import RequestError, did_you_mean
from cnncalc.graph import Graph, Node
from cnncalc.ops.base import Op, Shape, Site, UnknownCount

CONVENTIONS: Mapping[str, Convention] = {
    module.CONVENTION.name: module.CONVENTION for module in (paper, torch, fvcore, ptflops, thop, torchinfo)
}


def convention(name: str) -> Convention:
    """The convention of a name.

    Raises:
        RequestError: there is none.
    """
    if name not in CONVENTIONS:
        hint = did_you_mean(name, list(CONVENTIONS)) or f"one of {', '.join(CONVENTIONS)}"
        raise RequestError(f"no convention is called '{name[:40]}'", hint=hint, code="unknown-word")
    return CONVENTIONS[name]


@dataclass(frozen=True)
class ToolCount:
    """What a tool counts of a network.

    Attributes:
        convention: the tool's way to count.
        nodes: for each node, by its index, the counts by class; None where it is unknown.
        classes: the sums by class.
        unknown: the nodes of which it is unknown what the tool counts.
    """

    convention: Convention
    nodes: list[dict[str, int] | None]
    classes: dict[str, int]
    unknown: tuple[Node, ...]

    @property
    def total(self) -> int:
        """The number that the tool prints; what it counts at least, if part of it is unknown."""
        known = sum(self.classes.values())
        return AtLeast(known) if self.unknown else known

    @property
    def status(self) -> str:
        """`complete`, or `partial` where part of it is unknown; `unavailable` where all of it is."""
        if not self.unknown:
            return "complete"
        return "partial" if self.classes else "unavailable"

    @property
    def reason(self) -> str:
        """Why it is not complete; empty if it is."""
        if not self.unknown:
            return ""
        kinds = dict.fromkeys(node.op.kind for node in self.unknown)
        return f"it is not known what {self.convention.name} counts of {', '.join(kinds)}"

    def layer(self, node: Node) -> int | None:
        """What it counts of one node."""
        counts = self.nodes[node.index]
        return None if counts is None else sum(counts.values())

    def __int__(self) -> int:
        return int(self.total)

    def __str__(self) -> str:
        return f"{self.convention.name}: {self.total:,}" + (f" ({self.reason})" if self.reason else "")

    __repr__ = __str__


def count_as(graph: Graph, name: str, batch: int = 1) -> ToolCount:
    """What a tool counts of a network for a batch; as the tool, perhaps of one image alone.

    Raises:
        RequestError: there is no such convention.

    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.zoo import load
    >>> found = count_as(expand(load("alexnet")), "ptflops")
    >>> found.nodes[1]
    {'convolutions': 105415200, 'bias': 290400}
    """
    chosen = convention(name)
    images = 1 if chosen.per_image else batch
    known: dict[tuple[Op, tuple[Shape, ...]], dict[str, int] | None] = {}
    nodes: list[dict[str, int] | None] = []
    classes: dict[str, int] = {}
    unknown = []
    for node in graph.nodes:
        if node.is_input:
            nodes.append({})
            continue
        shapes = node.input_shapes
        key = (node.op, shapes)
        if key not in known:
            known[key] = _counts(chosen, Site(node.op, shapes, node.output), images)
        counts = known[key]
        nodes.append(counts)
        if counts is None:
            unknown.append(node)
            continue
        for part, number in counts.items():
            classes[part] = classes.get(part, 0) + number
    ordered = {part: classes[part] for part in CLASSES if classes.get(part)}
    return ToolCount(chosen, nodes, ordered, tuple(unknown))


def _counts(chosen: Convention, site: Site, images: int) -> dict[str, int] | None:
    """What a convention counts of an op; None if that is unknown."""
    kind = type(site.op)
    rule = chosen.rules.get(kind) or site.op.tools.get(chosen.name)
    if rule is None:
        return {} if kind in chosen.nothing else None
    try:
        return {part: _times(number, images) for part, number in rule(site).items() if number}
    except UnknownCount:
        return None


def _times(number: float | Each, images: int) -> int:
    """A count for all images; in floating point where the tool counts so, as far as it goes."""
    rate, elements = number if isinstance(number, Each) else (number, 1)
    try:
        return int(rate * (elements * images))
    except OverflowError:
        return int(Fraction(rate) * elements * images)


@dataclass(frozen=True, slots=True)
class Deviation:
    """A part of the difference between a convention and the papers': how much of which class, and why."""

    convention: str
    part: str
    amount: int
    reason: str


@dataclass(frozen=True)
class Reconciliation:
    """What every convention counts of a network, and in what each deviates from the papers' count."""

    counts: dict[str, ToolCount]
    deviations: list[Deviation]

    def unexplained(self, name: str) -> int:
        """What of a convention's difference from the papers' count no deviation explains: 0."""
        explained = sum(found.amount for found in self.deviations if found.convention == name)
        return int(self.counts[name]) - int(self.counts["paper"]) - explained


def reconcile(graph: Graph, batch: int = 1) -> Reconciliation:
    """What every convention counts, by class, and each convention's deviations from the papers' count.

    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.zoo import load
    >>> found = reconcile(expand(load("alexnet")))
    >>> [(d.part, d.amount) for d in found.deviations if d.convention == "torch"]
    [('additions', 724406816)]
    """
    counts = {name: count_as(graph, name, batch) for name in CONVENTIONS}
    papers = counts["paper"].classes
    deviations = []
    for name, count in counts.items():
        for part in CLASSES:
            amount = count.classes.get(part, 0) - papers.get(part, 0)
            if amount:
                reason = count.convention.reasons.get(part, "")
                if count.convention.per_image and part in papers:
                    reason = f"it runs one image, not the batch of {batch:,}"
                deviations.append(Deviation(name, part, amount, reason))
    return Reconciliation(counts, deviations)


__all__ = [
    "CLASSES",
    "CONVENTIONS",
    "Convention",
    "Deviation",
    "Reconciliation",
    "ToolCount",
    "convention",
    "count_as",
    "reconcile",
]
