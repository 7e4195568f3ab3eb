"""Each kind says all that there is to say of it. What one leaves out is unknown to the user, and fails here."""

from __future__ import annotations

import contextlib
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cnncalc import Builder, OpError, ops
from cnncalc.costs.conventions import CONVENTIONS
from cnncalc.costs.receptive_field import ReceptiveField, field_steps
from cnncalc.explain import explain_layer
from cnncalc.language.schema import spec_schema
from cnncalc.ops import FAMILIES, KINDS, Op
from cnncalc.ops.base import OPERATIONS, QUANTITIES, UNKNOWN_COSTS, Costs, Shape, Site, cost_steps
from cnncalc.ops.sight import UNKNOWN
from tests.examples_of_kinds import PLACES, SAYING, UNSAID, example, inputs_of, network_of, other_options, places

DOCS = Path(__file__).parent.parent / "docs"


# Of an opaque op nothing is known but what is given.
KNOWN = {word: kind for word, kind in SAYING.items() if word not in UNSAID}
# On cubes: those whose inputs can be of any shape.
ALIKE = {word: kind for word, kind in SAYING.items() if word not in PLACES}


def unsaid(op: Op, shapes: tuple[Shape, ...]) -> list[str]:
    """What a kind leaves out, in words."""
    kind, output = type(op), op.output_shape(*shapes)
    costs = op.formulas()
    found = [f"its {quantity}" for quantity, formula in costs.items() if formula is None]
    if "params" in costs and "weights" not in costs:
        found.append("which of its parameters a product reads")
    if UNKNOWN in op.windows(*shapes):
        found.append("what its units see")
    if op.saved(shapes, output, (True,) * len(shapes)) is None:
        found.append("what autograd saves")
    if op.autocast(*shapes) is None:
        found.append("what mixed precision does")
    tools = (tool.name for tool in CONVENTIONS.values() if kind not in tool.rules and kind not in tool.nothing)
    return [*found, *(f"what {tool} counts" for tool in tools if tool not in kind.tools)]


@pytest.mark.parametrize("kind", SAYING.values(), ids=SAYING)
def test_it_says_all(kind: type[Op]) -> None:
    for op, shapes in places(kind):
        assert set(unsaid(op, shapes)) <= UNSAID.get(kind.kind, set())


def test_one_that_says_nothing_is_noticed() -> None:
    class Silent(Op, frozen=True):
        def output_shape(self, *inputs: Shape) -> Shape:
            return inputs[0]

    found = unsaid(Silent(), ((4, 9, 7),))
    assert [word for word in found if word.startswith("its ")] == [f"its {quantity}" for quantity in QUANTITIES]
    assert found[len(QUANTITIES) :] == [
        "what its units see",
        "what autograd saves",
        "what mixed precision does",
        *(f"what {tool} counts" for tool in CONVENTIONS),
    ]

    class WithoutWeights(Op, frozen=True):
        costs: ClassVar[Costs] = {"params": KINDS["linear"].costs["params"]}

        def output_shape(self, *inputs: Shape) -> Shape:
            return inputs[0]

    assert "which of its parameters a product reads" in unsaid(WithoutWeights(), ((4,),))


@pytest.mark.parametrize("kind", KNOWN.values(), ids=KNOWN)
def test_it_is_known_in_every_cost(kind: type[Op]) -> None:
    for op, shapes in places(kind):
        costs = network_of(op, shapes).analyze(batch=2)
        row = costs["op"]
        assert costs.unknown == {}
        assert set(row.operations) <= set(OPERATIONS)
        assert None not in (row.params, row.buffers, row.macs, row.flops, row.saved_bytes, row.read_bytes)
        assert isinstance(row.receptive_field, ReceptiveField)
        assert costs.memory.training("adam").total > 0
        for tool in CONVENTIONS:
            assert costs.count_as(tool).status == "complete"
        assert costs.roofline("h100").complete


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_it_is_a_value(kind: type[Op]) -> None:
    """Equal ops are one in the tables of what is known already, and none changes after."""
    assert kind.__struct_config__.frozen
    if kind in KNOWN.values():
        assert len({example(kind), example(kind)}) == 1


@pytest.mark.parametrize("kind", SAYING.values(), ids=SAYING)
def test_it_has_its_word_and_its_pages(kind: type[Op]) -> None:
    assert KINDS[kind.kind] is kind
    assert sum(kind in kinds for kinds in FAMILIES.values()) == 1
    assert kind.__doc__
    assert kind.kind != Op.kind
    assert kind.costs is not UNKNOWN_COSTS or kind not in SAYING.values()
    assert f"### `{kind.kind}`" in (DOCS / "kinds.md").read_text("utf-8")
    assert f'"{kind.kind}"' in str(spec_schema()).replace("'", '"')


@pytest.mark.parametrize("kind", SAYING.values(), ids=SAYING)
def test_pytorch_builds_it(kind: type[Op]) -> None:
    torch = pytest.importorskip("torch")
    from cnncalc.pytorch.build import BUILDERS, build

    assert kind in BUILDERS
    for op, shapes in places(kind):
        net = network_of(op, shapes)
        model = build(net)
        result = model(*(torch.rand(2, *shape) for shape in shapes))
        assert tuple(result.shape) == (2, *net["op"].output)
        assert sum(weight.numel() for weight in model.parameters()) == net.analyze().params


SIZES: tuple[Shape, ...] = (
    *((4, 9, 7), (4, 6, 8), (4, 8, 6), (8, 4, 6), (6, 9, 7), (4, 11), (4, 5), (4, 48), (4,), (192,)),
    *((4, 6, 5, 7), (4, 3, 2, 8)),
)


@pytest.mark.parametrize("kind", SAYING.values(), ids=SAYING)
def test_weights_are_shared_where_pytorchs_have_the_same_shapes(kind: type[Op]) -> None:
    pytest.importorskip("torch")
    from cnncalc.pytorch.build import build_op

    def shapes_of_weights(op: Op, shapes: tuple[Shape, ...]) -> dict[str, Shape]:
        state = build_op(op, Site(op, shapes, op.output_shape(*shapes))).state_dict()
        return {name: tuple(weight.shape) for name, weight in state.items() if "batches" not in name}

    for op in [PLACES[kind.kind][0]] if kind.kind in PLACES else other_options(kind):
        found = []
        for shapes in (inputs_of(op, shape) for shape in SIZES):
            with contextlib.suppress(OpError):
                op.output_shape(*shapes)
                found.append((shapes, shapes_of_weights(op, shapes)))
        for (shapes, weights), (others, theirs) in product(found, repeat=2):
            if weights:
                assert op.same_weights(shapes, others) == (weights == theirs), (op, shapes, others)


@pytest.mark.parametrize("kind", [kind for kind in SAYING.values() if "valid" in kind.words.get("padding", ())])
def test_valid_padding_is_none(kind: type[Op]) -> None:
    """In sizes and in what units see; a pooling that pads by words is made of other steps in PyTorch."""
    options = example(kind).named()
    valid, none = (kind(**{**options, "kernel": 2, "padding": padding}) for padding in ("valid", 0))
    shapes = [(4, 9, 7), (8, 8, 6)] if kind.kind == "deformable_conv" else [(4, 9, 7)]
    assert valid.output_shape(*shapes) == none.output_shape(*shapes)
    assert valid.windows(*shapes) == none.windows(*shapes)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_it_has_as_many_inputs_as_it_says(kind: type[Op]) -> None:
    for number in (1, 2, 3, 4):
        builder = Builder()
        inputs = [builder.input(4, 6, 5, name=f"input{i}") for i in range(number)]
        op = ops.Opaque((4,)) if kind is ops.Opaque else example(kind)
        if kind.arity is not None and kind.arity != number:
            with pytest.raises(OpError) as caught:
                builder.add(op, *inputs)
            assert caught.value.code == "arity"
    for op, shapes in [] if kind is ops.Opaque else places(kind):
        assert kind.arity in (None, len(shapes))
        network_of(op, shapes)


def values_by_symbol(row: Any) -> dict[str, dict[object, str]]:
    """The values that each symbol has in the formulas of a layer, and where. A size per dimension is listed once for
    each dimension: the numbers of one formula's dimensions, each a step of its own, are one value."""
    node, costs = row.node, row.analysis
    steps = [
        *node.op.steps(*node.input_shapes),
        *(step for step in cost_steps(node.op, node.input_shapes, node.output).values() if step is not None),
        *field_steps(costs.graph, costs.receptive_fields, node),
        *costs.memory.steps(node),
    ]
    found: dict[str, dict[object, str]] = {}
    for step in steps:
        for symbol in step.formula.names if step.formula else ():
            found.setdefault(symbol, {})[step.values[symbol]] = step.label
    return found


@pytest.mark.parametrize("kind", ALIKE.values(), ids=ALIKE)
def test_a_symbol_has_one_meaning_in_a_layer(kind: type[Op]) -> None:
    """On cubes, where all dimensions are alike, a symbol has one value; but a list for one of its numbers."""
    for shape in ((4, 9), (4, 9, 9), (4, 9, 9, 9), (4,)):
        for op in other_options(kind):
            shapes = inputs_of(op, shape)
            try:
                op.output_shape(*shapes)
            except OpError:
                continue
            row = network_of(op, shapes).analyze()["op"]
            for symbol, values in values_by_symbol(row).items():
                plain = {value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value for value in values}
                assert len(plain) == 1, f"{symbol} of {kind.kind} is {values}"


@pytest.mark.parametrize("kind", KNOWN.values(), ids=KNOWN)
def test_explained_numbers_are_the_counted_ones(kind: type[Op]) -> None:
    for op, shapes in places(kind):
        row = network_of(op, shapes).analyze()["op"]
        lines = {line.quantity: line.value for line in explain_layer(row)}
        assert lines.get("Parameters", 0) == row.params
        assert lines.get("MACs", 0) == row.macs
        assert lines.get("FLOPs", 0) == row.flops
        assert lines["Activations"] == row.activations
        assert lines.get("Bytes saved", 0) == row.saved_bytes
        if row.memory.written:
            assert (lines["Bytes read"], lines["Bytes written"]) == (row.read_bytes, row.written_bytes)
