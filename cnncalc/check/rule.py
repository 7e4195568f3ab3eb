"""Rules, what they look at, and what they find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from inspect import getdoc
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from cnncalc.costs.analysis import Costs
from cnncalc.errors import Place, SpecError
from cnncalc.graph import Graph, Node
from cnncalc.language.model import Spec
from cnncalc.ops.base import Op, Shape
from cnncalc.ops.sight import Reach, Sight, Sliding

if TYPE_CHECKING:
    from cnncalc.costs.receptive_field import ReceptiveField

WARNING, ADVICE = "warning", "advice"


class Found(NamedTuple):
    """What a rule finds: at a layer, or at a place of the spec where there is no layer to speak of."""

    at: Node | Place
    message: str
    label: str = ""
    hint: str = ""


class Rule(Struct, frozen=True):
    """A rule. One that is not `cheap` needs more than a look at each layer."""

    code: str
    severity: str
    look: Callable[[Subject], Iterator[Found]]
    cheap: bool = True

    @property
    def page(self) -> str:
        """What docs/check.md says of it."""
        return getdoc(self.look) or ""


def rule(code: str, severity: str = WARNING, cheap: bool = True) -> Callable[[Callable[..., Iterator[Found]]], Rule]:
    """Make a rule of a function."""
    return lambda look: Rule(code, severity, look, cheap)


class Subject:
    """What rules look at: a network, its spec if it has one, and the size of what it is to see. What takes work is
    worked out once."""

    def __init__(
        self, graph: Graph, spec: Spec | None = None, size: int | None = None, costs: Costs | None = None
    ) -> None:
        self.graph = graph
        self.spec = spec
        self.size = size
        self._given = costs
        self._sights: dict[tuple[Op, tuple[Shape, ...]], tuple[Sight, ...]] = {}
        self._strides: dict[Op, bool] = {}

    @cached_property
    def outputs(self) -> frozenset[Node]:
        """The nodes that are outputs of the network."""
        return frozenset(self.graph.outputs.values())

    @cached_property
    def costs(self) -> Costs:
        """The network's counts."""
        return self._given or Costs(self.graph)

    @cached_property
    def fields(self) -> list[ReceptiveField | None]:
        """The receptive field of each node by its index, None where it is unknown."""
        from cnncalc.costs.receptive_field import ReceptiveField

        return [field if isinstance(field, ReceptiveField) else None for field in self.costs.receptive_fields]

    def sights(self, node: Node) -> tuple[Sight, ...]:
        """What the units of a node see of each of its inputs."""
        shapes = node.input_shapes
        key = (node.op, shapes)
        if key not in self._sights:
            self._sights[key] = node.op.windows(*shapes)
        return self._sights[key]

    def strides(self, node: Node) -> bool:
        """Whether a node's windows may skip positions: they have a stride or a dilation."""
        found = self._strides.get(node.op)
        if found is None:
            sights = [sight for sight in self.sights(node) if not isinstance(sight, Reach)]
            windows = [window for sight in sights for window in sight if isinstance(window, Sliding)]
            found = self._strides[node.op] = any(max(window.stride, window.dilation) > 1 for window in windows)
        return found

    def only_reader(self, node: Node) -> Node | None:
        """The one node that reads a node which is no output; None if there is no such one."""
        readers = self.graph.readers[node.index]
        return readers[0] if len(readers) == 1 and node not in self.outputs else None


class Report(SpecError):
    """What was found at a place, as errors are printed."""

    def __init__(self, found: Warned) -> None:
        assert found.place is not None
        super().__init__(
            found.message, found.place, label=found.label, hint=found.hint, notes=found.notes, code=found.code
        )
        self.severity = found.severity

    def _headline(self) -> str:
        return super()._headline().replace("error", self.severity, 1)


class Warned(Struct, frozen=True):
    """A warning as it is told: of all layers that stand at one place and of which one rule says the same."""

    code: str
    severity: str
    message: str
    label: str
    hint: str
    place: Place | None
    layers: tuple[str, ...]

    @property
    def notes(self) -> list[str]:
        """The layers, where the place stands for several."""
        if len(self.layers) < 2:
            return []
        shown = ", ".join(self.layers[:3])
        more = f" and {len(self.layers) - 3:,} more" if len(self.layers) > 3 else ""
        return [f"so at {len(self.layers):,} layers: {shown}{more}"]

    def render(self) -> str:
        """The warning as it is printed.

        >>> print(Warned("unread", "warning", "nothing reads 'a'", "", "leave it out", None, ("a",)).render())
        warning[unread]: nothing reads 'a'
           = leave it out
        """
        if self.place is not None:
            return Report(self).render()
        notes = [f"   = {note}" for note in (self.label, *self.notes, self.hint) if note]
        return "\n".join([f"{self.severity}[{self.code}]: {self.message}", *notes])
