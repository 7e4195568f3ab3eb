"""What the units of a layer see, for all of them at once, and how it comes from what those of its inputs see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from math import lcm
from operator import and_, or_
from typing import Any, NamedTuple, TypeAlias

from cnncalc.costs.fields.positions import ends
from cnncalc.costs.fields.sights import SPREAD, Lens, Look, Sights
from cnncalc.costs.fields.tracks import Loom, Span, Taps, Track, Work, hull
from cnncalc.costs.fields.walk import Walk
from cnncalc.graph import Graph, Node
from cnncalc.ops.sight import UNKNOWN, WHOLE

Spans: TypeAlias = tuple[tuple[int, int], ...]
"""The first and last pixel along each axis of the image."""


class Term(NamedTuple):
    """What the units of a layer see on some of the ways to the input: along each of the layer's axes what its track
    says, and nothing at all if one of them says nothing. Where the layer's axes are not those of the image, the tracks
    say who sees anything, and `box` what."""

    tracks: tuple[Track, ...]
    box: Spans | None = None

    def still(self, axis: int) -> bool:
        """Whether the units that see anything see the same along an axis of the image."""
        return self.box is not None or self.tracks[axis].shift == 0


class State:
    """What the units of a layer see of an input: the hull of what its terms say; nothing if there is none.

    A field is not a hull along each axis on its own, since a unit that sees nothing along one axis on some way sees
    nothing along the others on that way either. Without such gaps there is one term for each stride.

    Attributes:
        target: the input.
        terms: the terms.
        unknown: the name of the layer that does not say what its units see; None if all say it.
        gaps: whether some units may see nothing by a term.
        moving: whether along no axis all units see the same.
        same: what all units see, if they see the same along every axis.
        alike: whether the fields of all units, however many they are, are alike.
    """

    __slots__ = ("after", "alike", "gaps", "moving", "same", "target", "terms", "unknown")

    def __init__(self, target: Node, terms: tuple[Term, ...], unknown: str | None = None) -> None:
        self.target = target
        self.terms = terms
        self.unknown = unknown
        tracks = [track for term in terms for track in term.tracks]
        placed = bool(terms) and terms[0].box is None
        self.gaps = not placed or True in [track.gaps for track in tracks]
        self.moving = not self.gaps and 0 not in [track.shift for track in tracks]
        self.alike = not self.gaps and len(terms) == 1 and {track.period for track in tracks} <= {1}
        self.same: Spans | None = None
        if len(terms) == 1 and not any(track.shift or track.gaps for track in tracks):
            self.same = tuple([track.spans[0] or (0, -1) for track in tracks]) if placed else terms[0].box
        self.after: dict[Lens, State] | None = None
        """What comes of it through looks, as far as that is known."""


class States:
    """The states of a graph's nodes; equal ones are one object.

    Args:
        graph: the network.
        targets: inputs of it, the ones that count first.
    """

    def __init__(self, graph: Graph, targets: Sequence[Node]) -> None:
        self.graph = graph
        self.work = Work(sum([len(node.inputs) for node in graph.nodes]))
        self.loom = Loom(self.work)
        self.sights = Sights(graph, self.work)
        self.ranks = {node: rank for rank, node in enumerate(targets)}
        self.of: list[State | None] = []
        """By the nodes' indices; None for a node that depends on none of the inputs."""
        self._walks: dict[Node, Walk] = {}
        self._known: dict[tuple[Any, ...], State] = {}
        self._met_before: dict[tuple[State, ...], tuple[State, bool]] = {}

    def add(self, node: Node) -> tuple[State | None, bool]:
        """The next node's state, and whether its branches are aligned."""
        if len(node.inputs) == 1:
            source = node.inputs[0]
            state = self.of[source.index]
            found = state and self._through(node, source, state, self.sights.of(node)[0])
            self.of.append(found)
            return found, True
        found, aligned = self._start(node) if node.is_input else self._several(node)
        self.of.append(found)
        return found, aligned

    def _start(self, node: Node) -> tuple[State | None, bool]:
        """The state of an input of the network."""
        if node not in self.ranks:
            return None, True
        return self._state(node, (Term((self.loom.point,) * (len(node.output) - 1)),)), True

    def _state(self, target: Node, terms: tuple[Term, ...]) -> State:
        """The state of some terms."""
        key = (target, *terms)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = State(target, terms)
        return known

    def _several(self, node: Node) -> tuple[State | None, bool]:
        """What the units of a node with several inputs see of the first of the targets that it depends on."""
        sources = [(source, self.of[source.index]) for source in node.inputs]
        targets = {state.target for _, state in sources if state}
        if not targets:
            return None, True
        target = min(targets, key=self.ranks.__getitem__)
        parts = [
            self._through(node, source, state, lens)
            for (source, state), lens in zip(sources, self.sights.of(node), strict=True)
            if state and state.target is target
        ]
        first = parts[0]
        if all(part is first for part in parts):
            return first, True
        unknown = next((part for part in parts if part.unknown), None)
        if unknown:
            return unknown, True
        if not all(part.moving for part in parts):
            return self._met(node, target, parts), self._aligned(parts)
        key = tuple(parts)
        if key not in self._met_before:  # then only what meets counts, and not where
            terms = [term for part in parts for term in part.terms]
            self._met_before[key] = self._state(target, self._hull(terms)), self._aligned(parts)
        return self._met_before[key]

    # Through one layer.

    def _through(self, node: Node, source: Node, state: State, lens: Lens) -> State:
        """What a node's units see of one of its inputs, whose units' state is known."""
        if lens.own or state.unknown:
            return state
        if lens.reach is UNKNOWN:
            return State(state.target, (), node.name)
        if lens.reach is WHOLE:
            return self._all_of(state.target, source, len(lens.units))
        if SPREAD in lens.looks:  # what is seen then depends on the source's place, and not on its state alone
            return self._spread(source, state, lens)
        if state.after is None:
            state.after = {}
        known = state.after.get(lens)
        if known is None:
            known = state.after[lens] = self._looked(state, lens)
        return known

    def _looked(self, state: State, lens: Lens) -> State:
        """A state seen through taps."""
        self.work.spend(20 * len(state.terms))
        terms = []
        for term in state.terms:
            seen = tuple(map(self._chain, term.tracks, lens.looks))
            if not any(track.empty for track in seen):
                terms.append(Term(seen, term.box))
        return self._state(state.target, self._hull(terms) if len(terms) > 1 else tuple(terms))

    def _chain(self, track: Track, look: Look) -> Track:
        """A track seen through a look that is no `Spread`."""
        return self.loom.chain(track, look) if isinstance(look, Taps) else track

    def _all_of(self, target: Node, source: Node, axes: int) -> State:
        """What units see that each see all of a node's."""
        spans = self._together(target, source)
        if spans is None:
            return self._state(target, ())
        if axes == len(spans):
            return self._state(target, (Term(tuple(map(self.loom.constant, spans))),))
        return self._state(target, (Term((self.loom.constant((0, 0)),) * axes, spans),))

    def _together(self, target: Node, node: Node) -> Spans | None:
        """The first and last pixel along each axis that all units of a node see together, within the image."""
        if target not in self._walks:
            self._walks[target] = Walk(self.graph, target.index, self.sights)
        walk = self._walks[target]
        state = self.of[node.index] if node.index < len(self.of) else None
        if state is not None and state.same is not None and walk.alive(node.index) is not None:
            return state.same  # there is a unit that sees it, and no unit sees more
        box = walk.together(node.index)
        return None if box is None else tuple(map(ends, box))

    def _spread(self, source: Node, state: State, lens: Lens) -> State:
        """A state seen by units that see all positions along some axes: there they see what all units of the source
        see together, if they see any that sees something."""
        spans = self._together(state.target, source)
        terms = []
        for term in state.terms if spans else ():
            tracks = []
            for axis, (look, track) in enumerate(zip(lens.looks, term.tracks, strict=True)):
                if look is not SPREAD:
                    tracks.append(self._chain(track, look))
                elif any(map(track.span, range(min(lens.sizes[axis], track.period)))):
                    tracks.append(self.loom.constant(spans[axis] if spans and term.box is None else (0, 0)))
            if len(tracks) == len(term.tracks) and not any(track.empty for track in tracks):
                terms.append(Term(tuple(tracks), term.box))
        return self._state(state.target, self._hull(terms))

    # Where branches meet.

    def _hull(self, terms: Iterable[Term]) -> tuple[Term, ...]:
        """The same terms, those made one whose units move alike and see something alike."""
        groups: dict[tuple[Any, ...], Term] = {}
        for term in dict.fromkeys(terms):
            self.work.spend(20)
            key = tuple([(track.rate, track.pattern) for track in term.tracks])
            groups[key] = self._joined(groups[key], term) if key in groups else term
        found = list(groups.values())
        if len(found) > 1:
            self.work.spend(8 * len(found) * len(found))
            full = [term for term in found if not any(track.gaps for track in term.tracks)]
            found = [term for term in found if not any(self._adds_nothing(term, other) for other in full)]
        return tuple(found)

    def _joined(self, a: Term, b: Term) -> Term:
        """The hull of two terms of the same rates and patterns."""
        if a.box is None or b.box is None:
            return Term(tuple(map(self.loom.joined, a.tracks, b.tracks)))
        return Term(a.tracks, tuple((min(x[0], y[0]), max(x[1], y[1])) for x, y in zip(a.box, b.box, strict=True)))

    def _adds_nothing(self, term: Term, other: Term) -> bool:
        """Whether another term, by which all units see something, says all that a term does."""
        pairs = zip(other.tracks, term.tracks, strict=True)
        return term is not other and all(a.rate == b.rate for a, b in pairs) and self._joined(other, term) == other

    def _met(self, node: Node, target: Node, parts: list[State]) -> State:
        """What the units of a node see through several branches, some of which show the same to all of them."""
        terms = [term for part in parts for term in part.terms]
        for axis in range(len(target.output) - 1):
            span = self._shown_to_all(node, target, parts, axis)
            if span:
                terms = [self._replaced(term, axis, span) for term in terms]
        return self._state(target, self._hull(terms))

    def _replaced(self, term: Term, axis: int, span: tuple[int, int]) -> Term:
        """A term whose units see these pixels along an axis, if they see anything."""
        if term.box is not None:
            return Term(term.tracks, (*term.box[:axis], span, *term.box[axis + 1 :]))
        masked = self.loom.masked(span, term.tracks[axis])
        return Term((*term.tracks[:axis], masked, *term.tracks[axis + 1 :]))

    def _shown_to_all(self, node: Node, target: Node, parts: list[State], axis: int) -> Span:
        """The pixels along an axis that some branches show to all units alike, if the node's units see no others in
        the image."""
        same = [span for span in (self._same_for_all(part, axis) for part in parts) if span]
        if not 0 < len(same) < len(parts):
            return None
        span = hull(same)
        if span != (0, target.output[1 + axis] - 1):
            together = self._together(target, node)
            if together is not None and hull([span, together[axis]]) != span:
                return None
        return span

    def _same_for_all(self, state: State, axis: int) -> Span:
        """What all units of a state see alike along an axis of the image, wherever they stand; None if some see
        nothing, or something else."""
        terms = state.terms
        if state.moving or not terms or not all(term.still(axis) for term in terms):
            return None
        if state.same is not None:
            return state.same[axis]
        if not state.gaps:
            return hull([term.tracks[axis].spans[0] for term in terms])
        periods = [lcm(*[track.period for track in tracks]) for tracks in zip(*[t.tracks for t in terms], strict=True)]
        survey = Survey(terms, periods, self.work)
        seen = survey.spans(axis)
        return seen.pop() if survey.all_see and len(seen) == 1 else None

    def _aligned(self, parts: Sequence[State]) -> bool:
        """Whether branches have the same stride, and the same centres on the average of a period: upsampling gives
        neighbouring units one field. Branches whose units all see the same have no place."""
        axes = range(len(parts[0].target.output) - 1)
        placed = {part for part in parts if not all(term.still(axis) for term in part.terms for axis in axes)}
        if len(placed) < 2:
            return True
        for axis in axes:
            tracks = {term.tracks[axis] for part in placed for term in part.terms if not term.still(axis)}
            if len({(track.rate, track.middle()) for track in tracks}) > 1:
                return False
        return True


class Survey:
    """Looks at the units of a layer of some sizes, of which some may see more than others, or nothing.

    Which terms say something to a unit is a number whose bits they are.
    """

    def __init__(self, terms: Sequence[Term], sizes: Sequence[int], work: Work) -> None:
        self.terms = terms
        self.rows: list[list[tuple[Span, ...]]] = []
        self.bits: list[list[int]] = []
        for axis, size in enumerate(sizes):
            tracks = [term.tracks[axis] for term in terms]
            # From period to period tracks drift apart or together evenly: they are widest in the first or the last.
            period = min(lcm(*[track.period for track in tracks]), size)
            work.spend(6 * period * len(tracks))
            units = dict.fromkeys((*range(period), *range(size - period, size)))
            rows = [tuple([track.span(unit) for track in tracks]) for unit in units]
            self.rows.append(rows)
            self.bits.append([sum((span is not None) << i for i, span in enumerate(row)) for row in rows])
        self._work = work
        found = self._met(self.bits)
        self.all_see = 0 not in found
        """Whether every unit sees something."""
        self.alive = found - {0}
        """What says something to the units that see anything."""
        self.any = reduce(or_, self.alive, 0)
        """What says something to any of them."""

    def _met(self, columns: Iterable[Iterable[int]]) -> set[int]:
        """The bits of units from those of their places along some axes."""
        found = {(1 << len(self.terms)) - 1}
        for column in map(set, columns):
            self._work.spend(len(found) * len(column))
            found = {bits & other for bits in found for other in column}
        return found

    def _chosen(self, bits: int) -> list[Term]:
        """The terms whose bits are set."""
        return [term for i, term in enumerate(self.terms) if bits >> i & 1]

    @property
    def chosen(self) -> list[Term]:
        """The terms that say something to some unit."""
        return self._chosen(self.any)

    def spans(self, axis: int) -> set[tuple[int, int]]:
        """What the units that see anything see along an axis of the image; among them the widest."""
        if not self.alive:
            return set()
        if self.terms[0].box is not None:
            found = {hull([term.box[axis] for term in self._chosen(bits) if term.box]) for bits in self.alive}
        else:
            others = self._met(self.bits[:axis] + self.bits[axis + 1 :])
            self._work.spend(2 * len(others) * len(self.rows[axis]) * len(self.terms))
            found = {
                hull([span for i, span in enumerate(row) if (bits & other) >> i & 1])
                for row, bits in zip(self.rows[axis], self.bits[axis], strict=True)
                for other in others
            }
        return {span for span in found if span is not None}

    def first(self, axis: int) -> Span:
        """What the first unit sees along an axis of the image."""
        bits = reduce(and_, [column[0] for column in self.bits], (1 << len(self.terms)) - 1)
        chosen = self._chosen(bits)
        return hull([term.tracks[axis].span(0) if term.box is None else term.box[axis] for term in chosen])
