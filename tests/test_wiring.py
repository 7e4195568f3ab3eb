"""What networks beyond a chain of convolutions need of the language: several inputs, shared weights, the number of a
repetition, names as values, gathering, and outputs of one's own."""

from __future__ import annotations

import pytest

from cnncalc import Builder, CnncalcError, network, ops
from cnncalc.errors import OpError, RequestError, SpecError
from cnncalc.language.expand import expand, own_inputs
from cnncalc.language.expressions import evaluate_text
from cnncalc.zoo import load_text

TOWER = """
blocks:
  tower:
    layers:
      - {conv: 8, kernel: 3, name: conv}
      - batchnorm
      - relu
      - flatten
      - {linear: 16, name: fc}
"""
SIAMESE = f"""
inputs: {{left: [1, 12, 12], right: [1, 12, 12]}}
{TOWER}
layers:
  - {{tower: , name: a}}
  - {{tower: , name: b, from: right, share: a}}
  - multiply: [{{from: a}}, {{from: b}}]
"""


def layers(items, top="input: [4, 16, 16]"):
    """The network of some items, one per line."""
    return network(f"{top}\nlayers:\n" + "".join(f"  - {item}\n" for item in items))


def error(text, **options):
    """The error of a spec."""
    with pytest.raises(CnncalcError) as caught:
        network(text, **options)
    return caught.value


def code(items, top="input: [4, 16, 16]"):
    """The code of the error of some items."""
    with pytest.raises(CnncalcError) as caught:
        layers(items, top)
    assert isinstance(caught.value, SpecError)
    return caught.value.code


# Repetitions and powers.


def test_index_counts_the_nearest_repeat_and_goes_back_to_the_outer_one():
    net = layers(["{layers: [{conv: 1 + index, kernel: 1, repeat: 2}, {conv: 10 + index, kernel: 1}], repeat: 2}"])
    assert [node.op.out_channels for node in net.layers] == [1, 2, 10, 1, 2, 11]


def test_index_is_given_to_a_block():
    blocks = "blocks: {b: {vars: {d: }, layers: [{conv: d, kernel: 1, repeat: 2}]}}\ninput: [4, 16, 16]"
    assert [node.op.out_channels for node in layers(["{b: 2 ** index, repeat: 3}"], blocks).layers] == [
        1,
        1,
        2,
        2,
        4,
        4,
    ]


@pytest.mark.parametrize(
    "items", [["{conv: index, kernel: 1}"], ["{relu: , repeat: 2}", "{conv: 1 + index, kernel: 1}"]]
)
def test_index_holds_only_inside_a_repeated_item(items):
    assert code(items) == "unknown-variable"


def test_a_block_does_not_see_the_index_around_it():
    blocks = "blocks: {b: {layers: [{conv: 1 + index, kernel: 1}]}}\ninput: [4, 16, 16]"
    assert code(["{b: , repeat: 2}"], blocks) == "unknown-variable"


def test_index_cannot_name_a_variable():
    assert code(["relu"], "input: [3]\nvars: {index: 1}") == "bad-name"


@pytest.mark.parametrize(
    ("text", "value"),
    [("2 ** 10", 1024), ("2 ** -1", 0.5), ("(-2) ** 3", -8), ("-2 ** 2", -4), ("4 ** 0.5", 2), ("1 ** 10 ** 18", 1),
     ("(-1) ** (10 ** 18 - 1)", -1), ("0 ** 0", 1), ("10 ** 18", 10**18), ("0.5 ** 10 ** 18", 0)],
)  # fmt: skip
def test_powers(text, value):
    assert evaluate_text(text, {}) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10 ** 19", "number-too-large"), ("9 ** 9 ** 9", "number-too-large"), ("0 ** -1", "division-by-zero"),
     ("(10 ** 18) ** (10 ** 18)", "number-too-large"), ("0.1 ** -(10 ** 18)", "number-too-large"),
     ("(-2) ** 0.5", "no-value"), ("2 ^ 3", "not-in-expressions")],
)  # fmt: skip
def test_powers_are_bounded_before_they_are_computed(text, expected):
    with pytest.raises(SpecError) as caught:
        evaluate_text(text, {})
    assert caught.value.code == expected


# Several inputs.


def test_the_trunk_starts_at_the_first_input_and_the_others_have_names():
    net = layers(["relu", "{add: [[], {from: right}]}"], "inputs: {left: [4, 8], right: [4, 8]}")
    assert [node.name for node in net.inputs] == ["left", "right"]
    assert [node.name for node in net["add1"].inputs] == ["relu1", "right"]
    assert repr(net) == "network: 2 layers, 4x8 and 4x8 -> 4x8"


def test_a_size_is_meant_for_each_image_and_sizes_by_name_for_theirs():
    text = "inputs: {a: [3, 8, 8], b: [1, 8, 8], v: [7]}\nlayers: [relu]"
    shapes = [node.output for node in network(text, input=16).inputs]
    assert shapes == [(3, 16, 16), (1, 16, 16), (7,)]
    shapes = [node.output for node in network(text, input={"b": 4, "v": 9}).inputs]
    assert shapes == [(3, 8, 8), (1, 4, 4), (9,)]
    assert error(text, input={"c": 4}).code == "unfit-input"
    assert own_inputs(load_text(text)) == {"a": (3, 8, 8), "b": (1, 8, 8), "v": (7,)}


@pytest.mark.parametrize(
    ("top", "expected"),
    [("input: [3]\ninputs: {a: [3]}", "unfit-input"), ("inputs: [3, 8]", "wrong-type"), ("inputs: {}", "wrong-type"),
     ("inputs: {a.b: [3]}", "bad-name"), ("inputs: {a: 3}", "wrong-type"), ("inputs: {a: [0]}", "unfit-input")],
)  # fmt: skip
def test_unfit_inputs(top, expected):
    assert code(["relu"], top) == expected


def test_an_input_and_a_layer_have_not_one_name():
    assert code(["{relu: , name: b}"], "inputs: {a: [3], b: [3]}") == "name-taken"


# Shared weights.


def test_shared_weights_count_once_and_work_each_time():
    net = network(SIAMESE)
    costs, alone = net.analyze(), network(f"input: [1, 12, 12]\n{TOWER}\nlayers: [tower]").analyze()
    assert [node.shares and node.shares.name for node in net.layers] == [
        *[None] * 5, "a.conv", "a.batchnorm1", None, None, "a.fc", None
    ]  # fmt: skip
    assert (costs.params, costs.buffers) == (alone.params, alone.buffers)
    assert costs.macs == 2 * alone.macs
    assert costs["b"].params == 0 == costs["b"].stored_bytes
    assert costs["b.fc"].read_bytes == costs["a.fc"].read_bytes
    assert costs["b"].saved_bytes == costs["a"].saved_bytes
    training, one = costs.memory.training("adam"), alone.memory.training("adam")
    assert (training.params, training.gradients, training.optimizer) == (one.params, one.gradients, one.optimizer)
    mixed = net.analyze(mixed=True).memory.training().half_weights
    assert (
        mixed
        == network(f"input: [1, 12, 12]\n{TOWER}\nlayers: [tower]").analyze(mixed=True).memory.training().half_weights
    )
    assert "Those of a.conv" in repr(costs.explain("b.conv"))


def test_a_repeated_item_shares_each_time_or_repetition_by_repetition():
    net = layers(["{conv: 4, kernel: 3, padding: 1, name: c}", "{conv: 4, kernel: 3, padding: 1, repeat: 3, share: c}"])
    assert [node.shares and node.shares.name for node in net.layers] == [None, "c", "c", "c"]
    net = layers(
        ["{conv: 4, kernel: 1 + 2 * index, padding: index, repeat: 2, name: c}",
         "{conv: 4, kernel: 1 + 2 * index, padding: index, repeat: 2, name: d, share: c}"]
    )  # fmt: skip
    assert [node.shares and node.shares.name for node in net.layers] == [None, None, "c.1", "c.2"]
    items = ["{conv: 4, kernel: 1, repeat: 2, name: c}", "{conv: 4, kernel: 1, repeat: 3, share: c}"]
    assert code(items) == "unfit-share"


def test_what_shares_with_what_shares_has_the_first_weights():
    net = layers(
        ["{conv: 4, kernel: 1, name: a}", "{conv: 4, kernel: 1, name: b, share: a}", "{conv: 4, kernel: 1, share: b}"]
    )
    assert net.layers[2].shares is net["a"]


def test_groups_that_share_inside_groups_that_share():
    inner = "{layers: [{conv: 4, kernel: 1, name: x}, {conv: 4, kernel: 1, name: y, share: x}], name: a}"
    again = inner.replace("name: a", "name: b, share: a")
    assert [node.shares and node.shares.name for node in layers([inner, again]).layers] == [None, *["a.x"] * 3]
    other = "{layers: [{conv: 4, kernel: 1, name: x}, {conv: 4, kernel: 1, name: y}], name: a}"
    assert code([other, again]) == "unfit-share"


def test_heads_share_over_scales():
    net = layers(
        [
            "{head: p3, layers: [{conv: 8, kernel: 3}]}",
            "{maxpool: 2}",
            "{head: p4, share: p3, layers: [{conv: 8, kernel: 3}]}",
        ]
    )
    assert net.analyze().params == 8 * 4 * 9 + 8
    assert [node.output for node in net.outputs.values()] == [(4, 8, 8), (8, 14, 14), (8, 6, 6)]


@pytest.mark.parametrize(
    "item",
    ["{conv: 8, kernel: 1, share: c}", "{conv: 4, kernel: 3, share: c}", "{linear: 4, share: c}",
     "{layers: [], share: c}", "{layers: [{conv: 4, kernel: 1}, relu], share: c}", "{relu: , share: input}",
     "{layers: [{conv: 2, kernel: 1}, {conv: 4, kernel: 1, share: c}]}"],
)  # fmt: skip
def test_only_the_same_layers_share(item):
    items = ["{conv: 4, kernel: 1, name: c}", "flatten" if "linear" in item else "relu", item]
    assert code(items) in ("unfit-share", "unknown-layer")


def test_what_is_not_there_or_not_done_cannot_be_shared():
    assert code(["{conv: 4, kernel: 1, share: c}"]) == "unknown-layer"
    assert code(["{layers: [{conv: 4, kernel: 1, share: g}], name: g}"]) == "forward-from"


def test_a_normalisation_over_all_shares_only_on_one_shape():
    items = ["{layernorm: , over: all, name: n}", "{maxpool: [1, 4], stride: [1, 4]}"]
    assert code([*items, "{layernorm: , over: all, share: n}"]) == "unfit-share"
    assert layers(["{layernorm: , name: n}", "{maxpool: 2}", "{layernorm: , share: n}"]).analyze().params == 8


def test_a_builder_shares_too():
    builder = Builder()
    left, right = builder.input(8, name="left"), builder.input(9, name="right")
    first = builder.add(ops.Linear(4), left)
    with pytest.raises(OpError, match="cannot share the weights of linear1"):
        builder.add(ops.Linear(4), right, shares=first)
    other = Builder()
    with pytest.raises(OpError, match="another network"):
        other.add(ops.Linear(4), other.input(8), shares=first)


def test_rewrites_keep_what_is_shared():
    folded = network(SIAMESE).fold_batchnorm()
    assert folded["b.conv"].shares is folded["a.conv"]
    assert folded["b.conv"].op.bias
    apart = network(SIAMESE.replace("- {tower: , name: b, from: right, share: a}", """
  - {conv: 8, kernel: 3, from: right, share: a.conv, name: conv2}
  - relu
  - {layers: [flatten, {linear: 16, share: a.fc}], name: b}"""))  # fmt: skip
    kept = apart.fold_batchnorm()
    assert "a.batchnorm1" in [node.name for node in kept.nodes]


@pytest.mark.parametrize("text", [SIAMESE])
def test_written_down_and_read_again(text):
    net = network(text)
    again = network(net.to_yaml())
    assert [(n.name, n.op, n.shares and n.shares.name) for n in net.nodes] == [
        (n.name, n.op, n.shares and n.shares.name) for n in again.nodes
    ]


# Names as values.

UP = """
blocks:
  up:
    vars: {width: , skip: }
    layers:
      - {conv_transpose: width, kernel: 2, stride: 2}
      - concat: [{from: skip}, []]
input: [4, 16, 16]"""
DOWN = ["{layers: [{conv: 6, kernel: 1, name: c}, relu], name: enc}", "{maxpool: 2}"]


@pytest.mark.parametrize(("word", "read"), [("enc", "enc.relu1"), ("enc.c", "enc.c"), ("input", "input")])
def test_a_block_takes_the_name_of_a_layer(word, read):
    assert layers([*DOWN, f"{{up: 8, skip: {word}}}"], UP)["concat1"].inputs[0].name == read


def test_a_name_is_passed_on_and_leads_further():
    blocks = UP.replace(
        "blocks:\n", "blocks:\n  twice: {vars: {of: }, layers: [{up: 8, skip: of.c}, {relu: , from: of}]}\n"
    )
    net = layers([*DOWN, "{twice: enc}"], blocks)
    assert net["concat1"].inputs[0].name == "enc.c"
    assert net["relu1"].inputs[0].name == "enc.relu1"


def test_a_variable_goes_before_a_layer_of_its_name():
    blocks = "blocks: {b: {vars: {n: }, layers: [{conv: n, kernel: 1}]}}\nvars: {w: 3}\ninput: [4, 16, 16]"
    assert layers(["{conv: 6, kernel: 1, name: w}", "{b: w}"], blocks).layers[1].op.out_channels == 3


@pytest.mark.parametrize(
    ("item", "expected"),
    [("{up: 8, skip: enk}", "unknown-variable"), ("{up: 8, skip: enc.d}", "unknown-layer"),
     ("{up: 8, skip: enc + 1}", "name-as-value"), ("{up: enc, skip: enc}", "name-as-value"),
     ("{up: 8, skip: 3}", "unknown-layer"), ("{conv: enc, kernel: 1}", "name-as-value"),
     ("{up: 8, skip: late}", "forward-from"), ("{up: 8, skip: [enc]}", "name-as-value"),
     ("{up: 8, skip: enc*}", "not-an-expression")],
)  # fmt: skip
def test_names_in_the_wrong_place(item, expected):
    assert code([*DOWN, item, "{relu: , name: late}"], UP) == expected


# Gathering and outputs.

STACK = "{layers: [{layers: [{conv: 4, kernel: 1, name: skip}, relu], repeat: 2, name: layer}], repeat: 2, name: stack}"


def test_a_branch_gathers_in_order():
    net = layers([STACK, "{add: [{from: stack.*.layer.*.skip}, [relu]]}"])
    found = [node.name for node in net["add1"].inputs]
    assert found == [*(f"stack.{a}.layer.{b}.skip" for a in (1, 2) for b in (1, 2)), "relu1"]


def test_what_follows_a_gathered_branch_follows_each():
    net = layers([STACK, "{concat: [{from: stack.1.layer.*, name: each, layers: [{conv: 2, kernel: 1, name: c}]}]}"])
    assert [node.name for node in net["concat1"].inputs] == ["each.1.c", "each.2.c"]
    assert [node.inputs[0].name for node in net["concat1"].inputs] == ["stack.1.layer.1.relu1", "stack.1.layer.2.relu1"]


def test_a_star_is_some_letters_of_a_part():
    items = ["{relu: , name: enc1}", "{relu: , name: enc2}", "{relu: , name: dec1}", "{add: [{from: enc*}]}"]
    assert [node.name for node in layers(items)["add1"].inputs] == ["enc1", "enc2"]


def test_gathering_looks_in_its_own_scope_first():
    inner = "{layers: [{relu: , name: e1}, {add: [{from: e*}], name: sum}], name: g}"
    assert [node.name for node in layers(["{relu: , name: e0}", inner])["g.sum"].inputs] == ["g.e1"]


@pytest.mark.parametrize(
    ("item", "expected"),
    [("{add: [{from: z*}]}", "unknown-layer"), ("{relu: , from: stack.*}", "unknown-layer"),
     ("{add: [{from: '*a*'}]}", "bad-name"), ("{relu: , share: stack.*}", "unknown-layer"),
     ("{add: [{from: " + "a*." * 300 + "b}]}", "bad-name")],
)  # fmt: skip
def test_what_does_not_gather(item, expected):
    assert code([STACK, item]) == expected


def test_gathering_is_bounded():
    adds = "{layers: [{add: [{from: r.*}]}], repeat: 9000, name: s}"
    text = f"input: [1]\nlayers:\n  - {{relu: , repeat: 3000, name: r}}\n  - {adds}\n"
    with pytest.raises(SpecError, match="too many items"):
        expand(load_text(text), max_layers=20_000)


def test_outputs_are_those_named():
    heads = ", ".join(f"{{head: {name}, layers: [relu]}}" for name in ("a", "b1", "b2"))
    text = f"input: [4, 16, 16]\nlayers: [{heads}, {{relu: , name: t}}]\n"
    assert list(network(text).outputs) == ["output", "a", "b1", "b2"]
    assert list(network(text + "outputs: [a]").outputs) == ["a"]
    assert list(network(text + "outputs: [b*, t]").outputs) == ["b1", "b2", "t"]
    assert network(text + "outputs: {boxes: a.relu1, rest: t}").outputs["boxes"].name == "a.relu1"


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ("[x]", "unknown-layer"),
        ("[]", "wrong-type"),
        ("[a, a]", "given-twice"),
        ("a", "wrong-type"),
        ("{}", "wrong-type"),
    ],
)
def test_unfit_outputs(outputs, expected):
    assert error(f"input: [4]\nlayers: [{{relu: , name: a}}]\noutputs: {outputs}").code == expected


# What is bounded stays so.


def test_many_layers_share_one():
    text = "input: [1, 1]\nlayers: [{conv: 1, kernel: 1, name: c}, {conv: 1, kernel: 1, share: c, repeat: 30000}]"
    assert network(text).analyze().params == 2


def test_an_extended_spec_takes_its_parents_inputs_or_its_own():
    text = "extends: lenet5\ninputs: {a: [1, 32, 32], b: [1, 32, 32]}"
    assert [node.name for node in network(text).inputs] == ["a", "b"]


def test_json_says_whose_weights():
    import json

    document = json.loads(network(SIAMESE).analyze().to_json())
    assert [layer["shares"] for layer in document["layers"] if "shares" in layer] == ["a.conv", "a.batchnorm1", "a.fc"]


def test_a_request_error_is_none_of_a_spec():
    with pytest.raises(RequestError):
        network(SIAMESE, input=(1, 2, 3, 4))
