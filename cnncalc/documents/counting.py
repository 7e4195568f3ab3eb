"""What a way of counting gives for the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TypeAlias

from cnncalc.documents.networks import NORMS, WEIGHTED, OpError, Setting, View
from cnncalc.documents.quantities import Calculator, Target
from cnncalc.documents.ways import Counting, Family
from cnncalc.errors import CnncalcError

Value: TypeAlias = int | Fraction | tuple[int, ...]
CONVOLUTIONS = ("conv", "conv_transpose", "depthwise", "separable")
TOOLS = ("fvcore", "ptflops", "thop", "torchinfo")
MEGABYTE = Fraction(10**6, 2**20)


class Rows:
    """The rows of a column, each the sum of some targets, counted in one way or another."""

    def __init__(self, calculator: Calculator, rows: Sequence[Sequence[Target]], family: Family) -> None:
        self.calculator = calculator
        self.rows = [tuple(row) for row in rows]
        self.family = family
        self._totals: dict[Counting, list[Value] | None] = {}
        self._split: dict[Counting, dict[str, list[int]]] = {}

    def values(self, counting: Counting) -> list[Value] | None:
        """Each row's value; None where the network cannot be so."""
        part, multiplicity = counting.part
        plain = counting._replace(part=("", 1))
        if plain not in self._totals:
            try:
                self._totals[plain] = [self._row(row, plain) for row in self.rows]
            except (CnncalcError, OpError):
                self._totals[plain] = None
        totals = self._totals[plain]
        if totals is None or not part:
            return totals
        share = self._parts(plain).get(part)
        if share is None:
            return totals
        scale = plain.times * (MEGABYTE if plain.unit == "binary" else 1)
        return [t + (multiplicity - 1) * s * scale for t, s in zip(totals, share, strict=True)]  # type: ignore[operator]

    def parts(self) -> list[str]:
        """The names of parts of these rows: of branches, and of the layers of blocks; not of a whole row."""
        found: dict[str, None] = {}
        for row in self.rows:
            for target in row:
                seen = self._view(target, Counting())
                inside = seen.within(target.path)
                depth = target.path.count(".") + 1 if target.path else 0
                for i in inside:
                    for name in seen.names[i].split(".")[depth:]:
                        if not name.isdigit():
                            found[name] = None
        return list(found)

    def _view(self, target: Target, counting: Counting) -> View:
        """The network that a target asks of, as a way of counting has it."""
        setting = target.setting
        if counting.input:
            channels = self.calculator.view(target.network, setting._replace(change="")).input[0]
            setting = setting._replace(input=(channels, counting.input, counting.input))
        if counting.classes:
            rest = tuple(pair for pair in setting.vars if pair[0] != "classes")
            setting = setting._replace(vars=(*rest, ("classes", counting.classes)))
        training = setting.training or counting.heads == "counted"
        return self.calculator.view(target.network, setting._replace(training=training, change=counting.change))

    def _row(self, row: tuple[Target, ...], counting: Counting) -> Value:
        if self.family is Family.SHAPE:
            selection = self.calculator.select(row[0]._replace(setting=self._setting(row[0], counting)))
            channels, *sizes = selection.shape
            shape = (*(sizes or (1, 1)), channels)
            return shape[:-1] if row[0].quantity == "size" else shape
        total = sum(sum(self._layers(target, counting).values()) for target in row)
        scale = counting.times * (MEGABYTE if counting.unit == "binary" else 1)
        return total if scale == 1 else total * scale

    def _setting(self, target: Target, counting: Counting) -> Setting:
        setting = target.setting._replace(change=counting.change)
        if counting.input:
            channels = self.calculator.view(target.network, target.setting).input[0]
            setting = setting._replace(input=(channels, counting.input, counting.input))
        return setting

    def _layers(self, target: Target, counting: Counting) -> dict[int, int]:
        """What is counted of each layer of a target."""
        seen = self._view(target, counting)
        inside = self._selected(seen, target)
        if counting.heads == "counted" and not target.setting.training and target.path:
            inside = seen.within(target.path)
        kept = _kept(seen, inside, counting.layers)
        return {i: layer_value(seen, i, self.family, counting) for i in kept}

    def _selected(self, seen: View, target: Target) -> list[int]:
        inside = seen.within(target.path)
        if target.conditions:
            inside = [
                i
                for i in inside
                if all(
                    str(seen.kinds[i] if key == "kind" else seen.option(i, key)) in wanted.split("|")
                    for key, wanted in target.conditions
                )
            ]
        return inside

    def _parts(self, counting: Counting) -> dict[str, list[int]]:
        """How much of each row each named part makes."""
        if counting not in self._split:
            split: dict[str, list[int]] = {}
            for number, row in enumerate(self.rows):
                for target in row:
                    seen = self._view(target, counting)
                    depth = target.path.count(".") + 1 if target.path else 0
                    for i, value in self._layers(target, counting).items():
                        for name in set(seen.names[i].split(".")[depth:]):
                            if not name.isdigit():
                                split.setdefault(name, [0] * len(self.rows))[number] += value
            self._split[counting] = split
        return self._split[counting]


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
