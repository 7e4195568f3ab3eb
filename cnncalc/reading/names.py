"""The names and scopes of a network's nodes, from the module hierarchy.

A module that is one op gives its path to the node (`layer1.0.conv1`; called again, `layer1.0.relu_2`). Any other
module is a scope, and its ops have their kinds' names and numbers in it (`layer1.0.add1`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cnncalc.errors import OpError
from cnncalc.graph import Builder, Graph, Node, Scope
from cnncalc.ops.base import Input
from cnncalc.reading.drafts import Draft
from cnncalc.reading.steps import stand_in


def placed(
    builder: Builder, drafts: Sequence[Draft], inputs: Sequence[str], outputs: Sequence[tuple[str, Draft]]
) -> tuple[Graph, dict[Draft, Node]]:
    """The graph of some drafts, in order; and each draft's node. `inputs` names those that are inputs."""
    naming = _Naming(builder, drafts)
    nodes: dict[Draft, Node] = {}
    names = iter(inputs)
    for draft in drafts:
        if isinstance(draft.op, Input):
            nodes[draft] = builder.input(*draft.output, name=naming.free(builder.root, next(names)))
        else:
            nodes[draft] = naming.place(draft, nodes)
    return builder.graph({name: nodes[draft] for name, draft in outputs}), nodes


class _Naming:
    """Names drafts, one after the other."""

    def __init__(self, builder: Builder, drafts: Sequence[Draft]) -> None:
        self.builder = builder
        self.scopes: dict[str, Scope] = {"": builder.root}
        self.numbers: dict[tuple[Scope, str], int] = {}  # up to which a name is taken in a scope
        calls = Counter(draft.calls[-1].key for draft in drafts if draft.calls)
        # A path is a scope if anything is called within it, or one of its calls is several ops or none.
        self.groups = {"", *(call.path for draft in drafts for call in draft.calls[:-1])}
        self.groups |= {draft.calls[-1].path for draft in drafts if draft.calls and calls[draft.calls[-1].key] > 1}
        for path in list(self.groups):
            while path:
                path = path.rpartition(".")[0]
                self.groups.add(path)
        self.paths = {draft.calls[-1].path for draft in drafts if draft.calls} | self.groups

    def place(self, draft: Draft, nodes: dict[Draft, Node]) -> Node:
        """The node of a draft."""
        path = draft.calls[-1].path if draft.calls else ""
        shares = nodes[draft.shares] if draft.shares is not None else None
        reads = [nodes[source] for source in draft.inputs]
        if draft.name is None and path not in self.groups:
            scope = self.scope(path.rpartition(".")[0])
            name = self.free(scope, path.rpartition(".")[2], own=True)
        else:
            scope = self.scope(path)
            name = self.automatic(draft, scope) if draft.name is None else self.free(scope, draft.name)
        try:
            node = self.builder.add(draft.op, *reads, name=name, scope=scope, origin=draft.origin, shares=shares)
        except OpError:
            if shares is None:
                raise
            # The same weights, used in another way: what they are is counted with their first use.
            op = stand_in(draft.op, [source.output for source in reads], draft.output)
            node = self.builder.add(op, *reads, name=name, scope=scope, origin=draft.origin)
        return node

    def scope(self, path: str) -> Scope:
        """The scope of a path."""
        found = self.scopes.get(path)
        if found is None:
            parent, _, name = path.rpartition(".")
            found = self.scopes[path] = Scope(name, self.scope(parent))
        return found

    def automatic(self, draft: Draft, scope: Scope) -> str:
        """The kind and its number in a scope."""

        def taken(name: str) -> bool:
            return (f"{scope.path}.{name}" if scope.path else name) in self.paths

        full = self.builder.automatic_name(draft.op.kind, scope, taken)
        return full[len(scope.path) + 1 :] if scope.path else full

    def free(self, scope: Scope, name: str, own: bool = False) -> str:
        """A name, or the first of name_2, name_3 ... that nothing in the scope bears. `own` is a module's own name."""
        number, found = self.numbers.get((scope, name), 1), name

        def full(word: str) -> str:
            return f"{scope.path}.{word}" if scope.path else word

        if number > 1:
            found = f"{name}_{number}"
        while full(found) in self.builder.names or (full(found) in self.paths and not (own and found == name)):
            number += 1
            found = f"{name}_{number}"
        self.numbers[scope, name] = number
        return found
