"""What the names of a network stand for while it is expanded: layers, and the ends of groups and blocks.

A name is looked for in the scope where it is used, then outwards. A name with `*` stands for every one that it
matches, in the order of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cnncalc.errors import Place, SpecError, did_you_mean, shorten
from cnncalc.graph import Node, Scope, join
from cnncalc.language.expressions import LAYERS
from cnncalc.language.model import Option, Spec, Word

MAX_PATTERN = 200
MOST_KNOWN = 10_000
"""So many names are looked through for a hint."""

Spend = Callable[[int, Place], None]


class Names:
    """The full names of what was expanded. `spend` bounds the work of matching."""

    def __init__(self, spec: Spec, spend: Spend) -> None:
        self.spec = spec
        self.spend = spend
        self.repeated: set[str] = set()
        self.spans: dict[str, range] = {}  # the layers of groups and blocks, by index
        self._nodes: dict[str, Node] = {}
        # The parts of names by the scope that they stand in, in order; kept where a name of the spec has a *.
        self._parts: dict[str, dict[str, None]] | None = {} if spec.gathers else None

    def __contains__(self, name: str) -> bool:
        return name in self._nodes

    def __getitem__(self, name: str) -> Node:
        return self._nodes[name]

    def add(self, name: str, node: Node, layers: range | None = None) -> None:
        """Let a full name stand for a node; that of a group or block also for its layers."""
        if layers is not None:
            self.spans[name] = layers
        self._nodes[name] = node
        if self._parts is None:
            return
        while name:  # up to the first scope that is known
            scope, _, part = name.rpartition(".")
            parts = self._parts.setdefault(scope, {})
            if part in parts:
                break
            parts[part] = None
            name = scope

    def named(self, name: str, scope: Scope, variables: Mapping[str, Any]) -> str | None:
        """The full name that a name means in a scope, if any: that of a variable which stands for a layer, or else
        one in this scope, then outwards. With a dot before it, it is a full name."""
        if name.startswith("."):
            return name[1:] if name[1:] in self._nodes else None
        layers = variables.get(LAYERS)
        if layers:
            first, dot, rest = name.partition(".")
            if first in layers:
                full = layers[first] + dot + rest
                return full if full in self._nodes else None
        around: Scope | None = scope
        while around is not None:
            full = join(around, name)
            if full in self._nodes:
                return full
            around = around.parent
        return None

    def find(self, option: Option, scope: Scope, variables: Mapping[str, Any]) -> Node:
        """The node of an option that is a name.

        Raises:
            SpecError: nothing before it has that name.
        """
        return self._nodes[self.full(option, scope, variables)]

    def full(self, option: Option, scope: Scope, variables: Mapping[str, Any]) -> str:
        """The full name that an option means.

        Raises:
            SpecError: nothing before it has that name.
        """
        full = self.named(option.value, scope, variables)
        if full is None:
            raise self.unknown(option, variables)
        return full

    def unknown(self, option: Option, variables: Mapping[str, Any]) -> SpecError:
        """The error of a name that nothing has so far."""
        name = option.value
        if "*" in name:
            message = f"'{shorten(name)}' stands for many layers"
            mend = "a branch of add, concat and other merges takes it, and 'outputs': {from: stack.*.skip}"
            return SpecError(message, option.place, hint=mend, code="unknown-layer")
        if name in self.spec.names:
            return SpecError(
                f"'{name}' does not stand before this layer",
                option.place,
                hint="'from' names an earlier layer",
                code="forward-from",
            )
        known = [full.rsplit(".", 1)[-1] for full in list(self._nodes)[:MOST_KNOWN]]
        hint = did_you_mean(name, [*self._nodes, *known] if len(known) < MOST_KNOWN else known)
        if name in variables:
            hint = f"here it is a variable, with the value {shorten(str(variables[name]))}"
        if hint is None and self._nodes:
            hint = "before it stand " + ", ".join(list(self._nodes)[-8:])
        return SpecError(f"no layer is called '{name[:60]}'", option.place, hint=hint, code="unknown-layer")

    def neither(self, word: Word, variables: Mapping[str, Any]) -> SpecError:
        """The error of a word that is no variable and no layer."""
        known = sorted(variables.keys() - {LAYERS})
        layers = [name.rsplit(".", 1)[-1] for name in list(self._nodes)[:MOST_KNOWN]]
        hint = did_you_mean(word.name, [*known, *layers]) or f"the variables here are {', '.join(known)}"
        message = f"unknown variable '{shorten(word.name)}', and no layer before has that name"
        return SpecError(message, word.place, hint=hint, code="unknown-variable")

    def layers_of(
        self, option: Option, scope: Scope, variables: Mapping[str, Any], number: int | None
    ) -> tuple[str, range]:
        """The full name that an option means, and the layers of it by index: one, or those of a group or block.
        `number` is that of a repetition: it means the same one of what was repeated.

        Raises:
            SpecError: nothing before it has that name, or it is an input.
        """
        full = self.full(option, scope, variables)
        if number is not None and full in self.repeated:
            if f"{full}.{number}" not in self._nodes:
                message = f"'{shorten(full)}' was repeated {number - 1:,} times, and this item is more often"
                raise SpecError(message, option.place, hint="give both the same 'repeat'", code="unfit-share")
            full = f"{full}.{number}"
        found = self.spans.get(full)
        if found is None:
            node = self._nodes[full]
            found = range(node.index, node.index + 1)
        return full, found

    def every(self, option: Option, scope: Scope, variables: Mapping[str, Any]) -> list[tuple[str, Node]]:
        """What an option names: one node, or all that match a name with `*`, in order, by their full names.

        Raises:
            SpecError: nothing before it has such a name.
        """
        name = option.value
        if "*" not in name:
            full = self.full(option, scope, variables)
            return [(full, self._nodes[full])]
        around: Scope | None = scope
        if name.startswith("."):
            name, around = name[1:], scope.at(0)
        parts = name.split(".")
        hint = "a * is one part of a name, or some of its letters: stack.*.skip, enc*"
        if len(name) > MAX_PATTERN or any(part.count("*") > 1 for part in parts):
            message = f"a name with * has at most {MAX_PATTERN} letters, and one * in each part"
            raise SpecError(message, option.place, hint=hint, code="bad-name")
        while around is not None:
            found = [(full, self._nodes[full]) for full in self._matches(around.path, parts, option.place)]
            if found:
                return found
            around = around.parent
        message = f"no layer before it is called like '{shorten(name)}'"
        known = {part for full in list(self._nodes)[:MOST_KNOWN] for part in full.split(".")}
        meant = (did_you_mean(part.replace("*", ""), known) for part in parts if part != "*" and part not in known)
        raise SpecError(message, option.place, hint=next(filter(None, meant), hint), code="unknown-layer")

    def _matches(self, scope: str, parts: list[str], place: Place) -> Iterator[str]:
        """The full names in a scope that match, part by part."""
        first, rest = parts[0], parts[1:]
        known = (self._parts or {}).get(scope, {})
        start, star, end = first.partition("*")
        for part in list(known) if star else [first] if first in known else []:
            self.spend(2, place)
            if star and not (len(part) >= len(first) - 1 and part.startswith(start) and part.endswith(end)):
                continue
            full = f"{scope}.{part}" if scope else part
            if rest:
                yield from self._matches(full, rest, place)
            elif full in self._nodes:
                yield full
