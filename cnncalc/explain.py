"""Each number of a network as its formula, with the numbers substituted, and the result.

Nothing is computed here: the formulas are the ones that compute the numbers, given by the modules that do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cnncalc.costs.amount import total
from cnncalc.costs.analysis import Costs, GroupRow, Row
from cnncalc.costs.receptive_field import UnknownField, field_steps
from cnncalc.formula import Formula, Step, plain_group, prod
from cnncalc.ops.base import cost_steps

# mypy: disable-error-code="no-untyped-def"

QUANTITIES = {
    "params": "Parameters",
    "buffers": "Buffers",
    "mac": "MACs",
    "add": "Additions",
    "mul": "Multiplications",
    "div": "Divisions",
    "compare": "Comparisons",
    "exp": "Transcendental",
}
"""What the costs are called; `exp` holds exponentials, roots and powers."""

ACTIVATIONS = "Activations"
FLOPS = "FLOPs"

MOST_TERMS = 6
"""A sum of more terms than these is not written out."""


@Formula
def activations(output):
    """The elements of the output."""
    return prod(output)


def grouped(calculation: str) -> str:
    """A calculation with its long numbers grouped by thousands, as people read them.

    >>> grouped("(34944 + 154587)*4")
    '(34,944 + 154,587)*4'
    """
    return re.sub(r"(?<![\d.,])\d{5,}(?![\d.])", lambda found: f"{int(found[0]):,}", calculation)


@dataclass(frozen=True, slots=True)
class Line:
    """One number: whose it is, what it counts, its formula in symbols and in numbers, and the result; None where it
    is unknown."""

    layer: str
    quantity: str
    formula: str
    calculation: str
    value: int | None
    meaning: str

    @property
    def text(self) -> str:
        """The calculation with its result.

        >>> Line("conv1", "Parameters", "", "11*11*3*96 + 96", 34944, "").text
        '11*11*3*96 + 96 = 34,944'
        """
        if self.value is None:
            return "unknown"
        result = plain_group(self.value)
        return f"{grouped(self.calculation)} = {result}" if self.calculation else result


def explain_layer(row: Row) -> list[Line]:
    """The arithmetic of one layer for its batch: output sizes, parameters, operations, FLOPs, activations, receptive
    field, and the bytes that it moves and that are saved of it. Costs that are zero are left out.

    The formulas are of one sample, so the row is of an analysis of a batch of 1.

    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.zoo import load
    >>> [line.text for line in explain_layer(Costs(expand(load("alexnet"))).layers[0])][:3]
    ['(227 - 11 + 2*0) / 4 + 1 = 55', '(227 - 11 + 2*0) / 4 + 1 = 55', '11*11*3*96 + 96 = 34,944']
    """
    node, costs = row.node, row.analysis
    shapes = node.input_shapes
    lines = [_line(node.name, step) for step in node.op.steps(*shapes)]
    steps = cost_steps(node.op, shapes, node.output, costs.graph.training)
    for quantity, name in QUANTITIES.items():
        step = steps.get(quantity)
        if node.shares is not None and quantity in ("params", "buffers"):
            if quantity in steps and (step is None or step.value):
                lines.append(Line(node.name, name, "", "", 0, f"Those of {node.shares.name}, and counted there."))
        elif step is not None and step.value:
            lines.append(_line(node.name, step, name))
        elif quantity in steps and step is None:
            lines.append(Line(node.name, name, "", "", None, f"{node.op.kind} does not say."))
    if row.operations:
        lines.append(flops_line(node.name, row.operations))
    lines.append(_line(node.name, Step(ACTIVATIONS, activations, {"output": node.output})))
    field = costs.receptive_fields[node.index]
    if isinstance(field, UnknownField):
        lines.append(Line(node.name, "receptive field", "", "", None, f"{field.reason}."))
    lines += [_line(node.name, step) for step in field_steps(costs.graph, costs.receptive_fields, node)]
    lines += [_line(node.name, step) for step in costs.memory.steps(node)]
    moved = {"Bytes read": row.read_bytes, "Bytes saved": row.saved_bytes}
    said = f"{node.op.kind} does not say."
    return lines + [Line(node.name, quantity, "", "", None, said) for quantity, value in moved.items() if value is None]


def flops_line(name: str, operations: Mapping[str, int | None]) -> Line:
    """FLOPs from operations by class.

    >>> flops_line("conv1", {"mac": 105415200, "add": 290400}).text
    '2*105,415,200 + 290,400 = 211,120,800'
    """
    known = {key: value for key, value in operations.items() if value is not None}
    terms = [f"2*{plain_group(value)}" if key == "mac" else plain_group(value) for key, value in known.items()]
    value = sum(known.values()) + known.get("mac", 0) if len(known) == len(operations) else None
    formula = " + ".join("2*" + QUANTITIES[key] if key == "mac" else QUANTITIES[key] for key in operations)
    calculation = " + ".join(terms) if len(terms) > 1 or "mac" in known else ""
    meaning = "Two for a multiply-accumulate, one for any other operation."
    return Line(name, FLOPS, formula, calculation, value, meaning)


def explain_total(costs: Costs, groups: Iterable[Row | GroupRow], quantity: str) -> list[Line]:
    """A total as the sum of its parts: a line for each group of layers that counts. `costs` are of one image, as
    the formulas are.

    A group of one layer is its formula with the numbers; a larger one the sum of its layers, written out
    where it is short.
    """
    lines = []
    for group in groups:
        counting = [(row, value) for row in _rows(group) if (value := _count(row, quantity)) != 0]
        if len(counting) == 1 and counting[0][1] is not None:
            row = counting[0][0]
            step = cost_steps(row.op, row.node.input_shapes, row.output, costs.graph.training)[quantity]
            assert step is not None
            lines.append(_line(group.name, step, QUANTITIES[quantity]))
        elif counting:
            lines.append(_sum(group.name, quantity, [value for _, value in counting]))
    return lines


def _rows(group: Row | GroupRow) -> Iterable[Row]:
    return (group,) if isinstance(group, Row) else group.rows


def _count(row: Row, quantity: str) -> int | None:
    """A count of a layer; None if it is unknown."""
    if quantity == "params":
        return row.params
    return row.buffers if quantity == "buffers" else row.operations.get(quantity, 0)


def _sum(name: str, quantity: str, values: list[int | None]) -> Line:
    """The sum over a group's layers; equal terms as products."""
    counted: dict[int | None, int] = {}
    for value in values:
        counted[value] = counted.get(value, 0) + 1
    terms = []
    for value, times in counted.items():
        term = "unknown" if value is None else plain_group(value)
        terms.append(f"{times}*{term}" if times > 1 else term)
    text = " + ".join(terms) if len(terms) <= MOST_TERMS else f"the sum over {len(values)} layers"
    return Line(name, QUANTITIES[quantity], "sum over the layers", text, total(values), "")


def _line(layer: str, step: Step, quantity: str = "") -> Line:
    """A step as a line; a calculation that is its result alone is not repeated."""
    quantity = quantity or step.label[:1].upper() + step.label[1:]
    if step.formula is None:
        return Line(layer, quantity, "", "", step.given, step.meaning)
    values = [step.values[name] for name in step.formula.names]
    chosen = tuple([tuple(value) if isinstance(value, list) else value for value in values])
    symbolic, calculation, value = _texts(step.formula, chosen, tuple(map(type, values)))
    return Line(layer, quantity, symbolic, calculation, value, step.meaning)


@lru_cache(maxsize=4096)
def _texts(formula: Formula, chosen: tuple[Any, ...], types: tuple[type, ...]) -> tuple[str, str, int]:
    """A formula in symbols, the same with numbers, empty where that is the result alone, and the result. Kept, for
    deep networks have few different layers; by type too, for a switch is another than its number."""
    values = dict(zip(formula.names, chosen, strict=True))
    value = int(formula.of(values))
    text = formula.substituted(**values)
    return formula.symbolic(**values), "" if text == str(value) else text, value
