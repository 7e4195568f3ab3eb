"""Counts composed for many variants at once equal those of each variant's full expansion, whatever the spec."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from cnncalc import CnncalcError, load_text
from cnncalc.costs.analysis import Costs
from cnncalc.language.expand import expand, own_inputs
from cnncalc.language.model import Spec
from cnncalc.zoo import index as zoo

np = pytest.importorskip("numpy")

from cnncalc.sweeps import composed  # noqa: E402
from cnncalc.sweeps.composed import QUANTITIES, Composer  # noqa: E402
from cnncalc.sweeps.many import Many  # noqa: E402

AXES: dict[str, list[Any]] = {
    "w": [1, 2, 3, 4, 6, 8],
    "d": [0, 1, 2, 3, 5],
    "s": [1, 2],
    "f": [True, False],
    "x": [0.25, 0.5, 1.0, 1.7],
    "l": [(1, 2), (3, 1), (2, 2)],
}
INPUTS: list[Any] = [1, 4, 7, 8, 12, (6, 9), (5, 8, 8)]


def full(spec: Spec, values: dict[str, Any], size: Any, batch: int, training: bool) -> dict[str, int] | None:
    """The counts of one variant's full expansion; None where it is an error, or a count is unknown."""
    try:
        costs = Costs(expand(spec, size, values, training, max_layers=20_000), batch)
    except CnncalcError:
        return None
    if costs.unknown:
        return None
    found = {name: len(costs.layers) if name == "layers" else int(getattr(costs, name)) for name in QUANTITIES}
    return {**found, "peak": int(costs.memory.peak)}


def compare(spec: Spec, axes: dict[str, list[Any]], inputs: list[Any], number: int, seed: int = 0) -> tuple[int, int]:
    """Compose random variants and expand each; how many were composed, and how many have an error."""
    r = np.random.default_rng(seed)
    training = bool(r.integers(2))
    composer = Composer(spec, training, memory=True)
    if composer.unfit is not None:
        return 0, 0
    columns = {name: Many(values, r.integers(0, len(values), number)) for name, values in axes.items()}
    size = Many(inputs, r.integers(0, len(inputs), number)) if inputs else None
    batch = Many([1, 3], r.integers(0, 2, number)) if r.integers(2) else 2
    totals = composer.totals(number, columns, size, batch)
    wrong = 0
    for place in range(number):
        values = {name: column.at(place) for name, column in columns.items()}
        given = size.at(place) if size else None
        expected = full(spec, values, given, batch.at(place) if isinstance(batch, Many) else batch, training)
        where = f"{values}, input {given}, training {training}"
        if expected is None:
            assert totals.refused[place], f"composed what does not expand: {where}"
            wrong += 1
        else:
            assert not totals.refused[place], f"refused what expands: {where}"
            got = {name: int(totals.counts[name][place]) for name in QUANTITIES}
            if composer.memory:
                images = batch.at(place) if isinstance(batch, Many) else batch
                alive = int(totals.counts["peak"][place]) * images
                got["peak"] = 4 * (got["params"] + got["buffers"] + alive)
            else:
                del expected["peak"]
            assert got == expected, where
    return number - wrong, wrong


class Maker:
    """Makes specs over the variables of `AXES`; many variants of them expand, and some do not."""

    def __init__(self, seed: int) -> None:
        self.r = Random(seed)
        self.blocks = ["b0", "b1"]
        self.heads = seed % 4 == 0  # whose memory is not composed

    def number(self, low: int = 1) -> str:
        r = self.r
        return r.choice(
            [
                str(r.randint(low, 4)),
                f"w + {low}",
                "2 * w",
                "max(1, d)",
                "channels",
                "divisible(8 * x, 4)",
                "ceil(4 * x)",
                "l[0]",
                "8 * x",
                "w if f else channels",
                "min(w, sizes[0])" if r.random() < 0.3 else "w",
            ]
        )

    def condition(self) -> str:
        return self.r.choice(
            ["f", "not f", "d > 1", "channels > 3", "w == channels", "x < 1", "s == 2 and f", "l[1] > 1"]
        )

    def layer(self) -> str:
        r = self.r
        name = f", name: {r.choice('abcd')}" if r.random() < 0.25 else ""
        when = f', when: "{self.condition()}"' if r.random() < 0.25 else ""
        repeat = f', repeat: "{r.choice(["d", "2", "l[1]", "d + 1"])}"' if r.random() < 0.2 else ""
        end = f"{name}{when}{repeat}}}"
        conv = (
            f'{{conv: "{self.number()}", kernel: {r.choice(["1", "3", "s"])}, padding: {r.choice(["same", "1", "0"])}'
        )
        return r.choice(
            [
                f"{conv}, bias: {r.choice(['f', 'true', 'false'])}{end}",
                f'{conv}, stride: s, groups: "{r.choice(["1", "w", "s", "channels"])}"{end}',
                f'{conv}, stride: "1 + index", repeat: 2{name}}}',
                f"{{depthwise: 3, padding: 1, stride: s{end}",
                f"{{batchnorm: {end}",
                f"{{relu: {end}",
                f"{{maxpool: 2, ceil: f{end}",
                f"{{global_avgpool: {end}",
                f"{{dropout: 0.1{end}",
                f'{{b1: "{self.number()}"{end}' if "b1" in self.blocks else f"{{relu: {end}",
                f'{{b0: "{self.number()}", n: "{self.number()}"{end}' if "b0" in self.blocks else f"{{sigmoid: {end}",
                f"{{batchnorm: {end}",
            ]
        )

    def items(self, depth: int) -> str:
        return f"[{', '.join(self.item(depth) for _ in range(self.r.randint(1, 4)))}]"

    def item(self, depth: int) -> str:
        r = self.r
        if depth > 2 or r.random() < 0.6:
            return self.layer()
        end = f", name: {r.choice('abcd')}" if r.random() < 0.3 else ""
        end += f', when: "{self.condition()}"' if r.random() < 0.3 else ""
        branch = f'{{layers: {self.items(depth + 1)}, when: "{self.condition()}"}}'
        return r.choice(
            [
                f'{{layers: {self.items(depth + 1)}, repeat: "{r.choice(["d", "2", "w"])}"{end}}}',
                f"{{layers: {self.items(depth + 1)}{end}}}",
                f"{{concat: [{self.items(depth + 1)}, []]{end}}}",
                f"{{concat: [[{{relu: }}], {branch}]{end}}}",
                f"{{add: [[{{conv: channels, kernel: 3, padding: 1}}], []], repeat: d{end}}}",
                f"{{add: [{self.items(depth + 1)}, []]{end}}}",
                f"{{head: h{r.randint(0, 3)}, layers: {self.items(depth + 1)}}}" if self.heads else "relu",
                "{multiply: [[], [global_avgpool, {conv: channels, kernel: 1}, sigmoid]]}",
                "{add: [[], []]}",
            ]
        )

    def spec(self) -> str:
        self.blocks = []
        first = self.items(1)
        self.blocks = ["b1"]
        second = self.items(1)
        self.blocks = ["b0", "b1"]
        values = ", ".join(
            f"{name}: {str(list(v) if isinstance(v := values[0], tuple) else v).lower()}"
            for name, values in AXES.items()
        )
        return (
            f"{{input: [{self.r.choice(['3', 'w', '4'])}, 8, 8], vars: {{{values}}}, blocks: {{"
            f"b1: {{vars: {{out: , k: channels}}, layers: {first}}}, "
            f'b0: {{vars: {{k: , n: 1, m: "2 * n"}}, layers: {second}}}}}, layers: {self.items(0)}}}'
        )


@pytest.mark.parametrize("seed", range(4))
def test_random_specs(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with blocks worked out for their combinations, and expressions as arrays, from the first variants on."""
    right = wrong = 0
    for number in range(seed * 100, seed * 100 + 16):
        monkeypatch.setattr(composed, "FEWEST", 1000 if number % 2 else 2)
        monkeypatch.setattr(composed, "MANY", 2 if number % 3 else 256)
        text = Maker(number).spec()
        try:
            spec = load_text(text)
        except CnncalcError as error:
            raise AssertionError(f"{text}\n{error}") from None
        try:
            found = compare(spec, AXES, INPUTS, 32, number)
        except AssertionError as error:
            raise AssertionError(f"{number}: {text}\n{error}") from None
        right, wrong = right + found[0], wrong + found[1]
    assert right > 100
    assert wrong > 20


@pytest.mark.parametrize("name", zoo.names())
def test_the_zoo(name: str) -> None:
    """At its own input and at others, some of them too small."""
    spec = zoo.load(name)
    if Composer(spec).unfit is None:
        own = next(iter(own_inputs(spec).values()))
        right, _ = compare(spec, {}, [own] if len(own) == 1 else [own, 33, 97], 8)
        assert right


FAMILIES: dict[str, tuple[dict[str, list[Any]], list[Any]]] = {
    "mobilenet_v2": ({"width": [0.25, 0.5, 0.77, 1.3], "classes": [10, 1000]}, [96, 128, 50]),
    "efficientnet_b0": ({"width": [0.5, 1.1, 2.0], "depth": [0.5, 1.0, 2.2]}, [32, 64, 225]),
    "resnet50": ({"groups": [1, 2, 32], "group_width": [4, 64], "squeeze": [0, 16]}, [64, 65]),
    "resnet20": ({"n": [0, 1, 2, 5, 9]}, [8, 32]),
    "regnet_x_400mf": (
        {
            "widths": [(24, 48, 96, 192), (32, 64, 160, 400)],
            "depths": [(1, 1, 1, 1), (1, 2, 7, 12)],
            "group_width": [1, 8, 16, 5],
        },
        [64, 224],
    ),
    "mobilenet_v3_large": ({"width": [0.35, 1.0], "last": [640, 1280]}, [64, 224]),
    "convnext_tiny": ({"classes": [2, 1000]}, [64, 96]),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_families(name: str) -> None:
    right, _ = compare(zoo.load(name), *FAMILIES[name], 40)
    assert right >= 20


def test_a_count_beyond_64_bits_is_refused_alone() -> None:
    text = (
        "{input: [3, 8, 8], vars: {w: 1}, layers: [{conv: w, kernel: 1}, {conv: w, kernel: 1}, {conv: w, kernel: 1}]}"
    )
    widths = [10, 10**9, 10**8, 2**31, 11]
    totals = Composer(load_text(text)).totals(5, {"w": Many(widths, np.arange(5))}, (3, 100, 100))
    assert totals.refused.tolist() == [False, True, True, True, False]
    assert totals.counts["params"][[0, 4]].tolist() == [10 * 4 + 11 * 10 * 2, 11 * 4 + 12 * 11 * 2]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{input: [3, 8, 8], layers: [{relu: , name: a}, {add: [[], {from: a}]}]}", "read by name"),
        ("{inputs: {a: [3], b: [3]}, layers: [{linear: 4, name: x}, {linear: 4, from: b, share: x}]}", "share"),
        ("{input: [3, 8, 8], layers: [{relu: , name: a}, relu], outputs: [a]}", "outputs"),
        ("{input: [3, 8, 8], layers: [{relu: , name: a1.., repeat: 2}]}", "names have dots"),
    ],
)
def test_what_cannot_be_composed(text: str, reason: str) -> None:
    assert reason in str(Composer(load_text(text)).unfit)


EXPRESSIONS = [
    "divisible(32 * a, 8)",
    "divisible(1280 * max(1, a), 8)",
    "max(1, a) * 2",
    "floor(a * 7.3) + b",
    "ceil(a / 3)",
    "round(a)",
    "round(b / 2)",
    "a // 0.3",
    "a % 0.7",
    "b // 7 - b % 7",
    "-b // 4",
    "b if a > b else -b",
    "b if a > b else a",
    "1 if a < 1 else 2",
    "a < b < 3 and not b == 2",
    "b > 2 or a < 0",
    "min(a, b, 3)",
    "min(b, 5) / max(b, 1)",
    "b * b * b * b * b * b",
    "a ** 2",
    "1 / b",
    "b == 3",
    "(a + b) * 0.1 - 3 * a",
    "divisible(b, 3)",
    "divisible(-a, 4)",
    "true if b > 3 else false",
    "not b",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
@pytest.mark.parametrize("low", [-9, 1])
def test_expressions_over_arrays(text: str, low: int) -> None:
    """Every value is the evaluator's, and of its type; or the evaluator is asked."""
    from cnncalc.language.expressions import evaluate_text
    from cnncalc.sweeps.vector import evaluated

    r = np.random.default_rng(len(text))
    a = np.concatenate([r.uniform(low, 60, 500), np.arange(low, 60, 0.5), [1e-9, 0.3, 0.7 * 3, 2.5, 3.5]])
    b = np.resize(r.integers(low, 5000, 300), len(a))
    found = evaluated(text, {"a": a, "b": b})
    if found is None:
        assert (
            "**" in text
            or "if a > b else a" in text
            or "max(1, a) * 2" in text
            or "min(a" in text
            or low < 0
            or "b * b" in text
        )
        return
    for place, value in enumerate(np.broadcast_to(found, len(a)).tolist()):
        expected = evaluate_text(text, {"a": float(a[place]), "b": int(b[place])})
        assert (type(value), value) == (type(expected), expected), (a[place], b[place])
