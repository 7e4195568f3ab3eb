"""Tables made from the zoo by random ways of counting, one or two in a table, now and then with a typing error.

Nothing here shares code with the search that must find the ways: what is counted of a layer is written out anew,
from the layer's options and shapes. `python -m tests.documents.made_tables 100` says how many ways are found.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from cnncalc.documents.networks import Setting, View, view

NETWORKS = (
    "alexnet", "alexnet_two_gpu", "vgg11", "vgg16_bn", "nin", "googlenet", "googlenet_torchvision", "resnet18",
    "resnet50", "resnet101", "resnext50_32x4d", "seresnet50", "densenet121", "squeezenet1_0", "mobilenet_v1",
    "mobilenet_v2", "mnasnet1_0", "shufflenet_v2_x1_0", "inception_v3", "efficientnet_b0", "regnet_x_800mf",
    "regnet_y_800mf", "convnext_tiny", "wide_resnet50_2", "resnet56", "lenet_d2l", "mobilenet_v3_large",
)  # fmt: skip
CONVOLUTIONS = ("conv", "depthwise")


@dataclass
class Layer:
    """What the counts below need of a layer."""

    name: str
    kind: str
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]
    kernel: tuple[int, ...]
    groups: int
    bias: bool
    affine: bool
    tracked: bool
    before: str


def layers_of(seen: View) -> list[Layer]:
    """The layers of a network, from their options."""
    found = []
    for i, name in enumerate(seen.names):
        kind, shapes = seen.kinds[i], seen.input_shapes(i)
        kernel: Any = seen.option(i, "kernel")
        if isinstance(kernel, str):
            sizes = tuple(int(part) for part in kernel.split("x"))
        else:
            sizes = (kernel,) * (len(shapes[0]) - 1) if kernel else ()
        groups = shapes[0][0] if kind == "depthwise" else int(seen.option(i, "groups") or 1) if kind == "conv" else 1
        source = seen.sources(i)[0]
        found.append(
            Layer(
                name,
                kind,
                shapes,
                seen.output(i),
                sizes,
                groups,
                bool(seen.option(i, "bias")),
                seen.option(i, "affine") is not False,
                kind == "batchnorm",
                seen.kinds[source] if source >= 0 else "",
            )
        )
    return found


def weights(layer: Layer) -> int:
    if layer.kind in CONVOLUTIONS:
        return prod(layer.kernel) * layer.inputs[0][0] // layer.groups * layer.output[0]
    return layer.inputs[0][0] * layer.output[0] if layer.kind == "linear" else 0


def biases(layer: Layer) -> int:
    return layer.output[0] if layer.kind in (*CONVOLUTIONS, "linear") and layer.bias else 0


def norm(layer: Layer) -> int:
    return 2 * layer.output[0] if layer.kind in ("batchnorm", "layernorm") and layer.affine else 0


def macs(layer: Layer) -> int:
    return weights(layer) * prod(layer.output[1:])


def elements(layer: Layer) -> int:
    return prod(layer.output)


def rest(seen: View, layer: Layer, index: int) -> int:
    """Parameters of other kinds, taken as they are."""
    return seen.cost(index, "params") - weights(layer) - biases(layer) - norm(layer)


Count = Callable[[View, list[Layer], int], int]


def _params(seen: View, layers: list[Layer], i: int) -> int:
    return seen.cost(i, "params")


def _no_biases(seen: View, layers: list[Layer], i: int) -> int:
    return seen.cost(i, "params") - biases(layers[i])


def _no_norm(seen: View, layers: list[Layer], i: int) -> int:
    return seen.cost(i, "params") - norm(layers[i])


def _folded(seen: View, layers: list[Layer], i: int) -> int:
    layer = layers[i]
    if layer.kind != "batchnorm" or layer.before not in CONVOLUTIONS:
        return seen.cost(i, "params")
    had = biases(layers[seen.sources(i)[0]])
    return layer.output[0] - had


def _buffers(seen: View, layers: list[Layer], i: int) -> int:
    return seen.cost(i, "params") + (2 * layers[i].output[0] if layers[i].tracked else 0)


def _counters(seen: View, layers: list[Layer], i: int) -> int:
    return _buffers(seen, layers, i) + (1 if layers[i].tracked else 0)


def _convolutions(seen: View, layers: list[Layer], i: int) -> int:
    return seen.cost(i, "params") if layers[i].kind in CONVOLUTIONS else 0


def _no_linear(seen: View, layers: list[Layer], i: int) -> int:
    return 0 if layers[i].kind == "linear" else seen.cost(i, "params")


def _ungrouped(seen: View, layers: list[Layer], i: int) -> int:
    layer = layers[i]
    return seen.cost(i, "params") + weights(layer) * (layer.groups - 1)


def _bare(seen: View, layers: list[Layer], i: int) -> int:
    return seen.cost(i, "params") - biases(layers[i]) - norm(layers[i])


PARAMETERS: dict[str, Count] = {
    "params": _params,
    "no biases": _no_biases,
    "no normalisation": _no_norm,
    "folded": _folded,
    "running statistics": _buffers,
    "all buffers": _counters,
    "convolutions": _convolutions,
    "no linear": _no_linear,
    "groups ignored": _ungrouped,
    "weights alone": _bare,  # two ways at once
}


def _macs(seen: View, layers: list[Layer], i: int) -> int:
    return seen.cost(i, "macs")


def _two(seen: View, layers: list[Layer], i: int) -> int:
    return 2 * seen.cost(i, "macs")


def _with_biases(seen: View, layers: list[Layer], i: int) -> int:
    return seen.cost(i, "macs") + (elements(layers[i]) if biases(layers[i]) else 0)


def _less_one(seen: View, layers: list[Layer], i: int) -> int:
    layer = layers[i]
    return 2 * macs(layer) - elements(layer) if layer.kind in (*CONVOLUTIONS, "linear") else 2 * seen.cost(i, "macs")


def _fvcore(seen: View, layers: list[Layer], i: int) -> int:
    layer = layers[i]
    extra = {"batchnorm": 2, "layernorm": 5}.get(layer.kind, 0) * elements(layer)
    if layer.kind in ("global_avgpool", "adaptive_avgpool"):
        extra = prod(layer.inputs[0])
    return seen.cost(i, "macs") + extra


def _convolution_macs(seen: View, layers: list[Layer], i: int) -> int:
    return seen.cost(i, "macs") if layers[i].kind in CONVOLUTIONS else 0


def _ungrouped_macs(seen: View, layers: list[Layer], i: int) -> int:
    return seen.cost(i, "macs") + macs(layers[i]) * (layers[i].groups - 1)


OPERATIONS: dict[str, Count] = {
    "macs": _macs,
    "two a mac": _two,
    "macs and biases": _with_biases,
    "one addition less": _less_one,
    "fvcore": _fvcore,
    "convolutions": _convolution_macs,
    "groups ignored": _ungrouped_macs,
}
SIZES = (160, 192, 224, 227, 256, 288, 299, 320, 384)


@dataclass
class Made:
    """A table as CSV, and how it was made."""

    network: str
    csv: str
    labels: list[str]
    ways: dict[str, str]  # by title
    counts: dict[str, list[int]]
    printed: dict[str, list[str]]
    plain: dict[str, list[int]]  # what the title says
    mistyped: tuple[str, int] | None  # title and row


def written(number: int, digits: int, unit: str, writing: str = "rounded") -> str:
    """A number in some digits and a unit, rounded or cut off, K perhaps of 1,024."""
    worth = {"": 1, "K": 1024 if writing == "binary" else 10**3, "M": 10**6, "G": 10**9}[unit]
    if not unit:
        return f"{number:,}"
    decimals = max(0, digits - len(str(number // worth)))
    half = 0 if writing == "cut off" else worth
    scaled = (number * 10**decimals * 2 + half) // (2 * worth)  # half goes up
    text = str(scaled).rjust(decimals + 1, "0")
    return (text[:-decimals] + "." + text[-decimals:] if decimals else text) + unit


def unit_of(number: int, exact: bool) -> str:
    return "" if exact or number < 1000 else "K" if number < 10**6 else "M" if number < 10**9 else "G"


def mistype(text: str, chance: random.Random) -> str:
    """Another digit in one place; not one off in the last, which may be the same number written by another rule."""
    places = [i for i, c in enumerate(text) if c.isdigit()]
    while True:
        i = chance.choice(places)
        digit = chance.choice([d for d in "123456789" if d != text[i]])
        if i != places[-1] or abs(int(digit) - int(text[i])) > 1:
            return text[:i] + digit + text[i + 1 :]


def make(seed: int) -> Made:
    """A table, the same for the same seed."""
    chance = random.Random(seed)
    while True:
        made = _attempt(chance)
        if made is not None:
            return made


def _way(chance: random.Random, ways: dict[str, Count], layers: list[Layer], depth: int) -> tuple[str, Count]:
    """One of the ways, or a part of the network left out or counted twice."""
    if chance.random() > 0.2:
        name = chance.choice([key for key in ways if key != "params"])
        return name, ways[name]
    inner = sorted({part for layer in layers for part in layer.name.split(".")[depth:] if not part.isdigit()})
    if not inner:
        return _way(chance, ways, layers, depth)
    part, times = chance.choice(inner), chance.choice([0, 2])
    plain = ways.get("params") or ways["macs"]

    def count(seen: View, facts: list[Layer], i: int) -> int:
        inside = part in facts[i].name.split(".")[depth:]
        return plain(seen, facts, i) * (times if inside else 1)

    return (f"without '{part}'" if times == 0 else f"with '{part}' counted twice"), count


def _attempt(chance: random.Random) -> Made | None:
    name = chance.choice(NETWORKS)
    plain = view(name)
    layers = layers_of(plain)
    depth = 1 if len({n.split(".")[0] for n in plain.names}) > 4 else 2
    groups: dict[str, list[int]] = {}
    for i, full in enumerate(plain.names):
        groups.setdefault(".".join(full.split(".")[:depth]), []).append(i)
    groups = {label: inside for label, inside in groups.items() if sum(plain.cost(i, "params") for i in inside)}
    if not 4 <= len(groups) <= 40:
        return None
    labels = [*groups, "Total"]

    def column(count: Count, seen: View, facts: list[Layer]) -> list[int]:
        each = [count(seen, facts, i) for i in range(len(facts))]
        return [*(sum(each[i] for i in inside) for inside in groups.values()), sum(each)]

    ways: dict[str, str] = {}
    counts: dict[str, list[int]] = {}
    wanted: dict[str, list[int]] = {}
    simpler: dict[str, list[list[int]]] = {}  # each of two ways alone, which must show as well
    for title in chance.sample(["Params", "FLOPs"], chance.choice([1, 2, 2])):
        if title == "Params":
            way, count = _way(chance, PARAMETERS, layers, depth)
            counts[title] = column(count, plain, layers)
            wanted[title] = column(_params, plain, layers)
            if way == "weights alone":
                simpler[title] = [column(_no_biases, plain, layers), column(_no_norm, plain, layers)]
        else:
            way, count = _way(chance, OPERATIONS, layers, depth)
            title = chance.choice(["FLOPs", "MACs"])
            seen, facts = plain, layers
            if chance.random() < 0.4 and plain.input[-1] > 150:
                size = chance.choice([s for s in SIZES if s != plain.input[-1]])
                try:
                    seen = view(name, None, Setting(input=(3, size, size)))
                except Exception:  # a network that takes no other size
                    return None
                if seen.names != plain.names:
                    return None
                facts, way = layers_of(seen), f"{way}, {size} pixels"
                simpler[title] = [column(count, plain, layers), column(_macs, seen, facts)]
                if way.startswith("macs,"):
                    simpler[title].pop()
            counts[title] = column(count, seen, facts)
            cost = "macs" if title == "MACs" else "flops"
            wanted[title] = column(lambda s, _, i, cost=cost: s.cost(i, cost), plain, layers)
            if title == "FLOPs" and not way.startswith(
                "macs"
            ):  # other than what the title says, and besides another way
                simpler.setdefault(title, []).append(column(_macs, plain, layers))
        ways[title] = way
    printed = {}
    for title, numbers in counts.items():
        exact, digits = chance.random() < 0.3, chance.choice([3, 3, 4])
        writing = chance.choice(["rounded", "rounded", "cut off", "binary"])

        def prints(some: list[int], exact=exact, digits=digits, writing=writing) -> list[str]:
            return [written(number, digits, unit_of(number, exact), writing) for number in some]

        printed[title] = prints(numbers)
        for other in (wanted[title], *simpler.get(title, [])):  # what shows in one figure alone is as a slip
            if sum(one != another for one, another in zip(printed[title], prints(other), strict=True)) < 2:
                return None
    mistyped = None
    if chance.random() < 0.5:
        title, row = chance.choice(list(counts)), chance.randrange(len(labels) - 1)
        if counts[title][row] > 99:
            printed[title][row] = mistype(printed[title][row], chance)
            mistyped = (title, row)
    lines = [",".join(["Layer", *counts])]
    lines += [",".join([label, *(f'"{printed[title][i]}"' for title in counts)]) for i, label in enumerate(labels)]
    return Made(name, "\n".join(lines) + "\n", labels, ways, counts, printed, wanted, mistyped)


@dataclass
class Outcome:
    """What became of a made table."""

    found: bool  # a way that gives every printed figure was found
    named: bool  # and it is the way by which the table was made, not another that gives the same figures
    explained_away: bool
    seconds: float
    report: str


def judge(made: Made) -> Outcome:
    """Whether the search finds how a table was made, and takes no typing error for a way of counting."""
    from cnncalc.documents.check import check_table
    from cnncalc.documents.csv_table import Request, table_from_csv

    start = time.perf_counter()
    checked = check_table(table_from_csv(made.csv, "made", Request(made.network)))
    seconds = time.perf_counter() - start
    by_place = {(cell.row, cell.column): cell for cell in checked.cells}
    found, named, away, lines = True, True, False, []
    for title, numbers in made.counts.items():
        missed = []
        for row, (label, number) in enumerate(zip(made.labels, numbers, strict=True)):
            cell = by_place.get((label, title))
            if (title, row) == made.mistyped:
                away |= cell is not None and cell.alternative is not None
            elif cell is None or not (cell.verdict.agrees or cell.alternative is not None):
                missed.append(label)
            elif not cell.verdict.agrees:
                named &= _meant(cell, made.ways[title], number)
        if missed:
            found = False
            lines.append(f"{made.network} {title} ({made.ways[title]}): missed {len(missed)} of {len(numbers)}")
            lines += [f"    {note}" for note in checked.notes if note.startswith(title)]
    return Outcome(found, found and named, away, seconds, "\n".join(lines))


PHRASES = {
    "no biases": "without the biases",
    "no normalisation": "without the parameters of normalisation",
    "folded": "folded",
    "running statistics": "with the running means",
    "all buffers": "with all buffers",
    "convolutions": "the convolutions alone",
    "no linear": "without any linear layer",
    "groups ignored": "groups ignored",
    "weights alone": "without the parameters of normalisation",
    "macs": "multiply-accumulates of",
    "two a mac": "two operations for each",
    "macs and biases": "an addition for each bias",
    "one addition less": "one addition fewer",
    "fvcore": "fvcore",
}
"""What the search says of each way: for ways that give the same figures in print, of which it names several."""


def _meant(cell: Any, way: str, number: int) -> bool:
    """Whether what was found for a cell is how it was made: the very count, or the way itself among several that give
    the same figures."""
    if cell.alternative is None:
        return False
    name, _, size = way.partition(", ")
    said = cell.alternative.what
    named = PHRASES.get(name, name) in said and (not size or size.split()[0] in said)
    return named or int(cell.alternative.computed) == number


def main() -> None:
    """How many of some made tables are found out."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    outcomes = []
    for seed in range(first, first + number):
        made = make(seed)
        outcome = judge(made)
        outcomes.append(outcome)
        if not outcome.found or outcome.explained_away:
            away = " TYPING ERROR EXPLAINED AWAY" if outcome.explained_away else ""
            print(f"{seed}:{away} {outcome.report}")
    found, named = sum(o.found for o in outcomes), sum(o.named for o in outcomes)
    slips = sum(make(seed).mistyped is not None for seed in range(first, first + number))
    away = sum(o.explained_away for o in outcomes)
    seconds = [o.seconds for o in outcomes]
    print(f"found {found} of {number}, {named} of them by name; {away} of {slips} typing errors explained away")
    print(f"{sum(seconds):.1f} s in all, at most {max(seconds):.1f} s for a table")


if __name__ == "__main__":
    main()
