"""Each number of a network as its formula, with the numbers substituted, and the result.

The formulas are the ones that compute the costs, so that a number and its explanation cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cnncalc.costs.analysis import Analysis, Group
from cnncalc.errors import RequestError, did_you_mean
from cnncalc.formula import Formula, plain_group, prod
from cnncalc.language.expand import Network
from cnncalc.ops import Step, explain_costs

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
    "activations": "Activations",
    "flops": "FLOPs",
}
"""What the costs are called; `exp` holds exponentials, roots and powers."""

MOST_TERMS = 6
"""A sum of more terms than these is not written out."""


@Formula
def activations(out):
    """The elements of the output."""
    return prod(out)


def grouped(calculation: str) -> str:
    """A calculation with its long numbers grouped by thousands, as people read them.

    >>> grouped("(34944 + 154587)*4")
    '(34,944 + 154,587)*4'
    """
    return re.sub(r"(?<![\d.,])\d{5,}(?![\d.])", lambda found: f"{int(found[0]):,}", calculation)


@dataclass(frozen=True, slots=True)
class Line:
    """One number: whose it is, what it counts, its formula in symbols and in numbers, and the result."""

    layer: str
    quantity: str
    formula: str
    calculation: str
    value: int
    meaning: str

    @property
    def text(self) -> str:
        """The calculation with its result.

        >>> Line("conv1", "Parameters", "", "11*11*3*96 + 96", 34944, "").text
        '11*11*3*96 + 96 = 34,944'
        """
        result = plain_group(self.value)
        return f"{grouped(self.calculation)} = {result}" if self.calculation else result


def explain_layer(network: Network, index: int) -> list[Line]:
    """The arithmetic of one layer, for one image: output sizes, parameters, operations, FLOPs, activations.

    Costs that are zero are left out.

    >>> from cnncalc import expand, load
    >>> [line.text for line in explain_layer(expand(load("alexnet")), 0)][:3]
    ['(227 - 11 + 2*0) / 4 + 1 = 55', '(227 - 11 + 2*0) / 4 + 1 = 55', '11*11*3*96 + 96 = 34,944']
    """
    layer = network.layers[index]
    inputs = network.input_shapes(layer)
    lines = [_line(layer.name, step.label.capitalize(), step) for step in layer.kind.steps(*inputs)]
    costs = explain_costs(layer.kind, inputs, layer.output, network.training)
    counts = {key: costs[key].value for key in QUANTITIES if key in costs}
    lines += [_line(layer.name, QUANTITIES[key], costs[key]) for key, value in counts.items() if value]
    operations = {key: value for key, value in counts.items() if key not in ("params", "buffers") and value}
    if operations:
        lines.append(flops_line(layer.name, operations))
    elements = Step("activations", activations, {"out": layer.output})
    return [*lines, _line(layer.name, QUANTITIES["activations"], elements)]


def flops_line(name: str, operations: dict[str, int]) -> Line:
    """FLOPs from operations by class.

    >>> flops_line("conv1", {"mac": 105415200, "add": 290400}).text
    '2*105,415,200 + 290,400 = 211,120,800'
    """
    terms = [f"2*{plain_group(value)}" if key == "mac" else plain_group(value) for key, value in operations.items()]
    value = sum(operations.values()) + operations.get("mac", 0)
    formula = " + ".join("2*" + QUANTITIES[key] if key == "mac" else QUANTITIES[key] for key in operations)
    calculation = " + ".join(terms) if len(terms) > 1 or "mac" in operations else ""
    return Line(
        name,
        QUANTITIES["flops"],
        formula,
        calculation,
        value,
        "Two for a multiply-accumulate, one for any other operation.",
    )


def explain_total(analysis: Analysis, groups: Iterable[Group], quantity: str) -> list[Line]:
    """A total as the sum of its parts: a line for each group of layers that counts. `analysis` is of one image, as
    the formulas are.

    A group of one layer is its formula with the numbers; a larger one the sum of its layers, written out
    where it is short.
    """
    network = analysis.network
    lines = []
    for group in groups:
        values = [(index, _count(analysis, index, quantity)) for index in group.layers]
        terms = [(index, value) for index, value in values if value]
        if len(terms) == 1:
            step = _cost(network, terms[0][0], quantity)
            lines.append(_line(group.name, QUANTITIES[quantity], step))
        elif terms:
            lines.append(_sum(group.name, quantity, [value for _, value in terms]))
    return lines


def _count(analysis: Analysis, index: int, quantity: str) -> int:
    """A count of a layer."""
    costs = analysis.layers[index]
    if quantity in ("params", "buffers"):
        return int(getattr(costs, quantity))
    return costs.operations.get(quantity, 0)


def _sum(name: str, quantity: str, values: list[int]) -> Line:
    """The sum over a group's layers; equal terms as products."""
    counted: dict[int, int] = {}
    for value in values:
        counted[value] = counted.get(value, 0) + 1
    terms = [f"{times}*{plain_group(value)}" if times > 1 else plain_group(value) for value, times in counted.items()]
    text = " + ".join(terms) if len(terms) <= MOST_TERMS else f"the sum over {len(values)} layers"
    return Line(name, QUANTITIES[quantity], "sum over the layers", text, sum(values), "")


def _cost(network: Network, index: int, quantity: str) -> Step:
    """The formula and values of a count of a layer."""
    layer = network.layers[index]
    return explain_costs(layer.kind, network.input_shapes(layer), layer.output, network.training)[quantity]


def _line(layer: str, quantity: str, step: Step) -> Line:
    """A step as a line; a calculation that is its result alone is not repeated."""
    value = step.value
    text = step.formula.substituted(**step.values)
    calculation = "" if text == str(value) else text
    return Line(layer, quantity, step.formula.text, calculation, value, step.formula.meaning)


def find(network: Network, name: str) -> list[int]:
    """The layers of a name: one layer, or all of a group.

    Raises:
        RequestError: there is none; the nearest name is told.
    """
    prefix = name + "."
    found = [index for index, layer in enumerate(network.layers) if layer.name == name or layer.name.startswith(prefix)]
    if not found:
        parts = [layer.name.split(".") for layer in network.layers[:10_000]]
        known = dict.fromkeys(".".join(path[:length]) for path in parts for length in range(1, len(path) + 1))
        hint = did_you_mean(name, known) or "`cnncalc shapes NETWORK --all` lists the layers"
        raise RequestError(f"{network.name} has no layer '{name[:80]}'", hint=hint)
    return found


def explanations(network: Network, indices: Iterable[int]) -> Iterator[Line]:
    """The arithmetic of several layers, one after the other."""
    for index in indices:
        yield from explain_layer(network, index)
