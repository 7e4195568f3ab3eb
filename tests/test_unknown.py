"""Unknown is not zero: an op that says nothing but its shape works everywhere and is nowhere taken for nothing; one
that says all is counted everywhere. Both are classes of a user, outside the package."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import typer

from cnncalc import AtLeast, Builder, Network, RequestError, compare, network, ops
from cnncalc.cli.options import Output
from cnncalc.costs.compare import Comparison, largest_field
from cnncalc.costs.conventions import CONVENTIONS
from cnncalc.costs.receptive_field import UnknownField
from cnncalc.formula import Formula, Switch
from cnncalc.graph import Node
from cnncalc.ops.base import HALF, Casts, Costs, Saved, Shape, Site
from cnncalc.ops.sight import WHOLE, Sight
from cnncalc.render import FORMATS
from cnncalc.views import Detail, View, bottleneck, explain, field, flops, memory, params, reconcile, roofline, shapes
from cnncalc.views import compare as comparing
from cnncalc.views import tool as counting


class Mystery(ops.Op, frozen=True):
    """Something that keeps its input's shape, and says no more."""

    kind: ClassVar[str] = "mystery"

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]


@Formula
def attention_params(c):  # type: ignore[no-untyped-def]
    """Queries, keys, values and the output projection, with biases."""
    return 4 * c * c + 4 * c


@Formula
def attention_weights(c):  # type: ignore[no-untyped-def]
    """The four matrices."""
    return 4 * c * c


@Formula
def attention_macs(c, t):  # type: ignore[no-untyped-def]
    """Four projections of each token, and two products of all pairs of tokens."""
    return 4 * c * c * t + 2 * c * t * t


@Formula
def attention_exps(t, heads):  # type: ignore[no-untyped-def]
    """The softmax of each head's scores."""
    return heads * t * t


def attention_products(site: Site) -> dict[str, float]:
    return {"products": site.count("mac")}


class Attention(ops.Op, frozen=True):
    """Self-attention over positions; all that there is to say of it is said."""

    heads: int = 1

    kind: ClassVar[str] = "my_attention"
    main: ClassVar[str | None] = "heads"
    costs: ClassVar[Costs] = {
        "params": attention_params,
        "weights": attention_weights,
        "mac": attention_macs,
        "exp": attention_exps,
    }
    saves: ClassVar[Saved | None] = Saved((0,))
    casts: ClassVar[Casts | None] = HALF
    tools: ClassVar[dict[str, Any]] = dict.fromkeys(CONVENTIONS, attention_products)

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
        return {"c": inputs[0][0], "t": inputs[0][1], "heads": self.heads}

    def windows(self, *inputs: Shape) -> tuple[Sight, ...]:
        return (WHOLE,)


def network_with(op: ops.Op) -> Network:
    """The op between layers that are known."""
    builder = Builder("mine", title="Mine")
    x = builder.input(8, 10)
    x = builder.add(ops.Conv(8, kernel=3, padding=1), x, name="before")
    with builder.scope("stage"):
        y: Node = builder.add(op, x, name="op")
        y = builder.add(ops.ReLU(), y)
    x = builder.add(ops.Add(), x, y)
    return builder.network(builder.add(ops.Conv(2, kernel=1), x, name="after"))


DETAIL = Detail()
VIEWS: dict[str, Callable[[Network], View]] = {
    "params": lambda net: params.view(net.analyze(), DETAIL),
    "params, grouped": lambda net: params.view(net.analyze(), Detail(depth=1)),
    "flops": lambda net: flops.view(net.analyze(), DETAIL, operations=True),
    "flops on a device": lambda net: roofline.view(net.analyze().roofline("h100"), DETAIL),
    "shapes": lambda net: shapes.view(net.analyze(batch=3), DETAIL),
    "memory": lambda net: memory.view(net.analyze(mixed=True), DETAIL, "adam"),
    "rf": lambda net: field.view(net.analyze(), DETAIL),
    "rf of a unit": lambda net: field.unit_view(net.analyze(), DETAIL, "before", (3,)),
    "explain": lambda net: explain.view(net.analyze(), DETAIL),
    "explain all": lambda net: explain.view(net.analyze(), Detail(all=True)),
    "explain as data": lambda net: explain.view(net.analyze(), Detail(data=True)),
    "explain one": lambda net: explain.view(net.analyze(), DETAIL, "stage.op"),
    "bottleneck": lambda net: bottleneck.view(net.analyze().bottlenecks(), DETAIL),
    "reconcile": lambda net: reconcile.view(net.analyze(), net.analyze().reconciliation, DETAIL),
    "compare": lambda net: comparing.view(Comparison([net.analyze(), net.analyze(2)]), DETAIL),
    **{
        f"flops as {tool}": lambda net, tool=tool: counting.view(  # type: ignore[misc]
            net.analyze(), net.analyze().count_as(tool), DETAIL
        )
        for tool in CONVENTIONS
    },
}
# What these show is known of any op, or is said in their own words.
KNOWN = {"shapes", "rf", "rf of a unit", "explain", "explain all", "explain as data", "explain one"}


def shown(view: View, form: str, folder: Path, strict: bool = False) -> str:
    """What a command prints of a view."""
    file = folder / "shown"
    try:
        Output(form, file).write(view, strict)
    finally:
        text = file.read_text("utf-8")
    return text


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("make", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("op", [Mystery(), Attention(2)], ids=["mystery", "attention"])
def test_every_view_in_every_format(op: ops.Op, make: Callable[[Network], View], form: str, tmp_path: Path) -> None:
    assert shown(make(network_with(op)), form, tmp_path).strip()


@pytest.mark.parametrize("name", [name for name in VIEWS if name not in KNOWN])
def test_a_strict_check_fails_on_what_is_unknown(name: str, tmp_path: Path) -> None:
    with pytest.raises(typer.Exit) as left:
        shown(VIEWS[name](network_with(Mystery())), "table", tmp_path, strict=True)
    assert left.value.exit_code == 1
    text = (tmp_path / "shown").read_text("utf-8")
    assert "nknown" in text or (name == "compare" and "at least" in text)


@pytest.mark.parametrize("name", VIEWS)
def test_a_strict_check_passes_where_all_is_known(name: str, tmp_path: Path) -> None:
    assert "nknown" not in shown(VIEWS[name](network_with(Attention(2))), "table", tmp_path, strict=True)


def test_counts_of_what_says_nothing() -> None:
    costs = network_with(Mystery()).analyze(batch=2)
    row = costs["stage.op"]
    assert (row.params, row.buffers, row.macs, row.flops) == (None, None, None, None)
    assert (row.saved_bytes, row.read_bytes, row.stored_bytes) == (None, None, None)
    assert row.activations == 2 * 80
    assert set(row.unknown) == {"params", "weights", "buffers", "macs", "flops"}
    assert row.unknown["macs"] == "mystery does not say its multiply-accumulates"
    known = [costs["before"], costs["after"]]
    for quantity in ("params", "macs"):
        total = getattr(costs, quantity)
        assert isinstance(total, AtLeast)
        assert total == sum(getattr(row, quantity) for row in known)
    for amount in (
        costs.flops,
        costs.buffers,
        costs.param_bytes,
        costs.memory.peak,
        costs.memory.traffic,
        costs.memory.saved,
        costs.memory.training("adam").total,
        costs["stage"].macs,
        costs["stage"].params,
    ):
        assert isinstance(amount, AtLeast), amount
    assert not isinstance(costs.activations, AtLeast)
    assert "at least" in repr(costs)
    explained = {line.quantity: line.value for line in costs.explain("stage.op").lines}
    for quantity in ("Parameters", "MACs", "FLOPs", "Bytes read", "Bytes saved"):
        assert explained[quantity] is None, quantity
    with pytest.raises(RequestError, match="unknown"):
        costs.memory.largest_batch("1GiB")
    bound = costs.roofline("h100")
    assert not bound.complete
    assert bound.of(row).seconds is bound.of(row).intensity is None


@pytest.mark.parametrize("tool", CONVENTIONS)
def test_tools_are_not_said_to_count_nothing(tool: str) -> None:
    found = network_with(Mystery()).analyze().count_as(tool)
    assert found.status == "partial"
    assert isinstance(found.total, AtLeast)
    assert found.reason == f"it is not known what {tool} counts of mystery"
    assert [node.name for node in found.unknown] == ["stage.op"]


def test_the_document_has_null_and_a_reason(tmp_path: Path) -> None:
    net = network_with(Mystery())
    found = json.loads(net.analyze().to_json())
    row = next(layer for layer in found["layers"] if layer["name"] == "stage.op")
    for quantity in ("params", "buffers", "macs", "flops", "saved_bytes", "read_bytes"):
        assert row[quantity] is None
        assert row["unknown"].get(quantity), quantity
    assert set(found["at_least"]) == set(found["totals"]) - {"activations"}
    for layer in found["layers"]:  # what comes after it sees nobody knows what
        assert layer is row or set(layer.get("unknown", ())) <= {"receptive_field"}
    for name, make in VIEWS.items():
        text = shown(make(net), "json", tmp_path)
        assert '"at_least": []' not in text, name
    conventions = json.loads(shown(VIEWS["reconcile"](net), "json", tmp_path))["conventions"]
    assert {convention["status"] for convention in conventions} == {"partial"}


def test_a_comparison_says_at_least() -> None:
    first, second = compare(network_with(Attention(2)), network_with(Mystery())).to_records()
    assert first["at_least"] == []
    assert {"params", "macs", "flops"} <= set(second["at_least"])


def test_what_says_all_is_counted_everywhere() -> None:
    net = network_with(Attention(2))
    costs = net.analyze(batch=3)
    row = costs["stage.op"]
    c, t = 8, 10
    assert row.params == 4 * c * c + 4 * c
    assert row.macs == 3 * (4 * c * c * t + 2 * c * t * t)
    assert row.operations == {"mac": row.macs, "exp": 3 * 2 * t * t}
    assert row.flops == 2 * row.macs + 3 * 2 * t * t
    assert row.saved_bytes == 4 * 3 * c * t  # its input
    assert row.receptive_field.whole
    assert costs.unknown == {}
    assert not isinstance(costs.macs, AtLeast)
    paper = costs.count_as("paper")
    assert paper.total == costs.macs
    assert paper.classes["products"] == row.macs
    assert costs.reconciliation.unexplained("fvcore") == 0
    half = net.analyze(mixed=True).memory.training().half_weights
    convolutions = 8 * 8 * 3 + 2 * 8
    assert half == 2 * (4 * c * c + convolutions)
    text = repr(costs.explain("stage.op"))
    assert "4*8*8 + 4*8 = 288" in text


def test_a_formula_may_be_unknown_where_others_are_known() -> None:
    class Half(ops.Op, frozen=True):
        kind: ClassVar[str] = "half"
        costs: ClassVar[Costs] = {"params": attention_params, "mac": None}

        def output_shape(self, *inputs: Shape) -> Shape:
            return inputs[0]

        def symbols(self, inputs: tuple[Shape, ...], output: Shape) -> dict[str, Any]:
            return {"c": inputs[0][0], "bias": Switch(True)}

    row = network_with(Half()).analyze()["stage.op"]
    assert row.params == 288
    assert row.buffers == 0
    assert row.macs is row.flops is None
    assert set(row.unknown) == {"weights", "macs", "flops"}
    assert repr(row).endswith("params=288, macs=None)")


IRREGULAR = "input: [1, 8, 8]\nlayers: [{upsample: , size: 999983}, {conv: 1, kernel: 3}, {adaptive_avgpool: 7}]\n"


def test_fields_that_cannot_be_worked_out_keep_no_other_number_back() -> None:
    """Only who asks for them is refused; everywhere else they are unknown, with the reason."""
    analysis = network(IRREGULAR).analyze()
    record = json.loads(analysis.to_json())["layers"][1]
    assert (record["params"], record["receptive_field"]) == (10, None)
    assert "too irregular" in record["unknown"]["receptive_field"]
    assert analysis.to_records()[1]["receptive_field"] is None
    told = [line for line in analysis.explain("conv1").lines if line.quantity == "receptive field"]
    assert [line.value for line in told] == [None]
    assert "unknown" in str(compare(network(IRREGULAR), "lenet5"))
    with pytest.raises(RequestError, match="too irregular"):
        field.view(analysis, DETAIL)


def test_the_largest_field_is_unknown_where_one_is() -> None:
    """Attention's tokens are seen through a reshape: what they see of the image is not worked out."""
    assert largest_field(network("vgg16").analyze()) == (212, 212)
    assert isinstance(largest_field(network("vit_b_16").analyze()), UnknownField)
