"""All rules, and looking at a network with them."""

from __future__ import annotations

from collections.abc import Sequence

from cnncalc.check import channels, flow, hardware, sight, spec
from cnncalc.check.rule import WARNING, Found, Rule, Subject, Warned
from cnncalc.costs.analysis import Costs
from cnncalc.errors import Place
from cnncalc.graph import Graph
from cnncalc.language.model import Spec

RULES: tuple[Rule, ...] = (
    flow.unread,
    flow.unread_input,
    flow.bias_before_norm,
    channels.sequence_axis,
    flow.rank,
    flow.idle,
    flow.pad_before_conv,
    sight.unseen,
    sight.dead_weights,
    sight.misaligned,
    sight.field,
    spec.when_on_merge,
    spec.when_again,
    spec.two_indices,
    hardware.ragged_channels,
)

MOST_LAYERS = 5_000
"""Of larger networks `count_warnings` says nothing: it may not cost time."""


def check(
    graph: Graph, spec: Spec | None = None, object_size: int | None = None, costs: Costs | None = None
) -> list[Warned]:
    """What a network does that its author hardly means: warnings first, then advice, in the order of the network.

    Args:
        graph: the network.
        spec: the spec that it comes from, if any: some rules look at what it says.
        object_size: the pixels of what the network is to see.
        costs: the network's, if somebody has them already.

    >>> from cnncalc import network
    >>> text = "{input: [3, 8, 8], layers: [{conv: 4, kernel: 3}, batchnorm, {relu: , from: conv1}]}"
    >>> [found.code for found in check(network(text))]
    ['unread']
    """
    subject = Subject(graph, spec, object_size, costs)
    found = [warned for rule in RULES for warned in _gathered(rule, rule.look(subject))]
    return sorted(found, key=lambda warned: warned.severity != WARNING)


def count_warnings(graph: Graph) -> int:
    """How many warnings the cheap rules give, by one look at each layer; 0 for a very large network."""
    if len(graph.nodes) > MOST_LAYERS:
        return 0
    subject = Subject(graph)
    return sum(len(_gathered(rule, rule.look(subject))) for rule in RULES if rule.cheap and rule.severity == WARNING)


def _gathered(rule: Rule, found: object) -> list[Warned]:
    """What a rule finds, one warning for all layers that are written at one place."""
    groups: dict[object, list[Found]] = {}
    for each in found:  # type: ignore[attr-defined]
        place = _place(each)
        key = (place.line, place.column, place.source.name) if place else (each.at,)
        groups.setdefault(key, []).append(each)
    return [_warned(rule, members) for members in groups.values()]


def _place(found: Found) -> Place | None:
    """Where something stands in a spec."""
    if isinstance(found.at, Place):
        return found.at
    return found.at.origin if isinstance(found.at.origin, Place) else None


def _warned(rule: Rule, members: Sequence[Found]) -> Warned:
    first = members[0]
    layers = tuple(found.at.name for found in members if not isinstance(found.at, Place))
    return Warned(rule.code, rule.severity, first.message, first.label, first.hint, _place(first), layers)
