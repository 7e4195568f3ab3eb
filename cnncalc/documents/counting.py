"""What a way of counting gives for the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TypeAlias

from cnncalc.documents.networks import NORMS, WEIGHTED, OpError, View
from cnncalc.documents.quantities import Calculator, Target, select
from cnncalc.documents.ways import ONCE, Counting, Family
from cnncalc.errors import CnncalcError

Value: TypeAlias = int | Fraction | tuple[int, ...]
CONVOLUTIONS = ("conv", "conv_transpose", "depthwise", "separable")
TOOLS = ("fvcore", "ptflops", "thop", "torchinfo")
MEGABYTE = Fraction(10**6, 2**20)


class Rows:
    """The rows of a column, each the sum of some targets, counted in one way or another.

    What a way counts of each layer is worked out once for a network, and then summed over the layers of each row.
    """

    def __init__(self, calculator: Calculator, rows: Sequence[Sequence[Target]], family: Family) -> None:
        self.calculator = calculator
        self.rows = [tuple(row) for row in rows]
        self.family = family
        self._views: dict[tuple[Target, object], View] = {}
        self._counted: dict[tuple[View, Counting], list[int]] = {}
        self._inside: dict[tuple[View, Target, str], list[int]] = {}
        self._named: dict[tuple[View, Target, str], dict[str, list[int]]] = {}
        paths = [target.path for row in self.rows for target in row if target.path]
        self._depth = min((path.count(".") + 1 for path in paths), default=0)  # where a row is the whole network
        self._totals: dict[Counting, list[int]] = {}
        self._works: dict[tuple[object, ...], bool] = {}

    def values(self, counting: Counting) -> list[Value] | None:
        """Each row's value; None where the network cannot be so."""
        if not self._possible(counting):
            return None
        if self.family is Family.SHAPE:
            return [self._shape(row[0], counting) for row in self.rows]
        plain = counting._replace(part=("", 1), times=ONCE, unit="decimal")
        if plain not in self._totals:
            self._totals[plain] = [self._total(row, plain) for row in self.rows]
        totals: list[int] = self._totals[plain]
        name, times = counting.part
        if name:
            shares = (self._share(row, plain, name) for row in self.rows)
            totals = [total + (times - 1) * share for total, share in zip(totals, shares, strict=True)]
        if counting.times == ONCE and counting.unit == "decimal":
            return list(totals)
        scale = Fraction(counting.times, ONCE) * (MEGABYTE if counting.unit == "binary" else 1)
        return [int(scaled) if (scaled := total * scale).denominator == 1 else scaled for total in totals]

    def _possible(self, counting: Counting) -> bool:
        """Whether the networks can be as a way of counting has them."""
        key = (counting.input, counting.classes, counting.heads, counting.change)
        if key not in self._works:
            try:
                for row in self.rows:
                    for target in row:
                        self._view(target, counting)
                self._works[key] = True
            except (CnncalcError, OpError):
                self._works[key] = False
        return self._works[key]

    def parts(self) -> list[str]:
        """The names of parts of these rows: of branches, and of the layers of blocks; not of a whole row.

        Where the rows are of several networks, those that all of them have: leaving a part out of some would be
        another way for each.
        """
        plain = Counting()
        found: dict[str, int] = {}
        for row in self.rows:
            names = {name: None for t in row for name in self._parts(self._view(t, plain), t, "all")}
            for name in names:
                found[name] = found.get(name, 0) + 1
        several = len({(target.network, target.setting) for row in self.rows for target in row}) > 1
        return [name for name, count in found.items() if count == len(self.rows) or not several]

    def size(self) -> int:
        """How many layers the rows have in all."""
        return sum(len(self._layers(self._view(t, Counting()), t, "all")) for row in self.rows for t in row)

    def _view(self, target: Target, counting: Counting) -> View:
        """The network that a target asks of, as a way of counting has it."""
        if counting.input == counting.classes == 0 and counting.heads == "left out" and not counting.change:
            key: tuple[Target, object] = (target, None)
        else:
            key = (target, (counting.input, counting.classes, counting.heads, counting.change))
        if key not in self._views:
            setting = target.setting
            if counting.input:
                channels = self.calculator.view(target.network, setting).input[0]
                setting = setting._replace(input=(channels, counting.input, counting.input))
            if counting.classes:
                rest = tuple(pair for pair in setting.vars if pair[0] != "classes")
                setting = setting._replace(vars=(*rest, ("classes", counting.classes)))
            training = setting.training or counting.heads == "counted"
            setting = setting._replace(training=training, change=counting.change)
            self._views[key] = self.calculator.view(target.network, setting)
        return self._views[key]

    def _shape(self, target: Target, counting: Counting) -> tuple[int, ...]:
        seen = self._view(target, counting)
        inside = self._layers(seen, target, "all")
        channels, *sizes = seen.output(inside[-1]) if inside else seen.input
        shape = (*(sizes or (1, 1)), channels)
        return shape[:-1] if target.quantity == "size" else shape

    def _total(self, row: tuple[Target, ...], counting: Counting) -> int:
        """The sum over a row's layers."""
        total = 0
        for target in row:
            seen = self._view(target, counting)
            counted = self._count(seen, counting)
            total += sum([counted[i] for i in self._layers(seen, target, counting.layers)])
        return total

    def _share(self, row: tuple[Target, ...], counting: Counting, part: str) -> int:
        """How much of a row a named part makes."""
        share = 0
        for target in row:
            seen = self._view(target, counting)
            named = self._parts(seen, target, counting.layers).get(part)
            if named:
                counted = self._count(seen, counting)
                share += sum([counted[i] for i in named])
        return share

    def _count(self, seen: View, counting: Counting) -> list[int]:
        """What is counted of each layer of a network, whichever are summed."""
        key = (seen, Counting(counting.measure, counting.biases, counting.norms, counting.buffers, counting.groups))
        if key not in self._counted:
            layers = range(len(seen.names))
            self._counted[key] = [layer_value(seen, i, self.family, counting) for i in layers]
        return self._counted[key]

    def _layers(self, seen: View, target: Target, layers: str) -> list[int]:
        """The layers of a target that are summed."""
        key = (seen, target, layers)
        if key not in self._inside:
            inside = [] if target.path == "input" else select(seen, target)
            self._inside[key] = _kept(seen, inside, layers)
        return self._inside[key]

    def _parts(self, seen: View, target: Target, layers: str) -> dict[str, list[int]]:
        """The layers of each named part of a target."""
        key = (seen, target, layers)
        if key not in self._named:
            depth = target.path.count(".") + 1 if target.path else self._depth
            named: dict[str, list[int]] = {}
            for i in self._layers(seen, target, layers):
                for name in set(seen.names[i].split(".")[depth:]):
                    if not name.isdigit():
                        named.setdefault(name, []).append(i)
            self._named[key] = named
        return self._named[key]


def _kept(seen: View, inside: list[int], layers: str) -> list[int]:
    """Those of some layers that are counted."""
    if layers == "convolutions":
        return [i for i in inside if seen.kinds[i] in CONVOLUTIONS]
    if layers == "weighted":
        return [i for i in inside if seen.kinds[i] in WEIGHTED]
    if layers == "no linear":
        return [i for i in inside if seen.kinds[i] != "linear"]
    if layers == "no classifier":
        last = max((i for i, kind in enumerate(seen.kinds) if kind == "linear"), default=-1)
        return [i for i in inside if i != last]
    return inside


def layer_value(seen: View, index: int, family: Family, counting: Counting) -> int:
    """What a way of counting counts of one layer."""
    if family is Family.ACTIVATIONS:
        return seen.cost(index, "activations")
    if family is Family.OPERATIONS:
        return _operations(seen, index, counting)
    parameters = _parameters(seen, index, counting)
    return 4 * parameters if family is Family.BYTES else parameters


def _operations(seen: View, index: int, counting: Counting) -> int:
    if counting.measure in TOOLS:
        return seen.counted_by(counting.measure)[index]
    macs = seen.cost(index, "macs")
    others = seen.cost(index, "flops") - 2 * macs
    if counting.groups == "ignored":
        macs *= seen.groups(index)
    outputs = seen.cost(index, "activations") if seen.kinds[index] in WEIGHTED else 0
    adds = outputs if seen.biases(index) else 0
    return {
        "macs": macs,
        "two": 2 * macs,
        "flops": 2 * macs + others,
        "macs and biases": macs + adds,
        "two less one": 2 * macs - outputs,
    }[counting.measure]


def _parameters(seen: View, index: int, counting: Counting) -> int:
    count, biases, kind = seen.cost(index, "params"), seen.biases(index), seen.kinds[index]
    if counting.groups == "ignored":
        count = (count - biases) * seen.groups(index) + biases
    if counting.biases == "left out":
        count -= biases
    if kind in NORMS and counting.norms == "left out":
        count = 0
    if kind == "batchnorm" and counting.norms == "folded":
        before = seen.sources(index)[0]
        if before >= 0 and seen.kinds[before] in CONVOLUTIONS:
            count = 0 if seen.biases(before) else seen.output(index)[0]
    if counting.buffers != "left out":
        buffers = seen.cost(index, "buffers")
        count += buffers + (1 if buffers and counting.buffers == "with counters" else 0)
    return count
