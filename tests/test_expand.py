"""Expansion: names, scopes, repeats, branches, conditions, heads, families."""

from typing import Any

import pytest

from cnncalc import Network, OpError, SpecError, load, load_text
from cnncalc.graph import Builder, Graph
from cnncalc.language.expand import MAX_NESTING, WORK, WORK_PER_LAYER, expand, full_shapes
from cnncalc.language.least import Least
from cnncalc.ops import Conv, ReLU
from cnncalc.zoo import index as zoo


def network(layers: str, head: str = "input: [8, 16, 16]", **request: Any) -> Graph:
    return expand(load_text(f"{head}\nlayers: {layers}\n"), **request)


def shapes(layers: str, **request: Any) -> dict[str, tuple[int, ...]]:
    return {layer.name: layer.output for layer in network(layers, **request).layers}


def inputs(net: Graph, name: str) -> list[str]:
    """The names of what a layer reads."""
    return [source.name for source in net.node(name).inputs]


def test_names_by_kind_and_number_in_order():
    names = list(shapes("[{conv: 8, kernel: 1}, relu, {conv: 8, kernel: 1}, relu]"))
    assert names == ["conv1", "relu1", "conv2", "relu2"]


def test_automatic_names_avoid_given_ones():
    names = list(shapes("[{conv: 8, kernel: 1}, {conv: 8, kernel: 1, name: conv1}, {conv: 8, kernel: 1}]"))
    assert names == ["conv2", "conv1", "conv3"]


def test_a_name_opens_a_scope_and_a_repeat_numbers_it():
    names = list(
        shapes("[{layers: [relu, tanh], name: a, repeat: 2}, {relu: , repeat: 2}, {relu: , repeat: 2, name: r}]")
    )
    assert names == ["a.1.relu1", "a.1.tanh1", "a.2.relu1", "a.2.tanh1", "relu1", "relu2", "r.1", "r.2"]


def test_a_name_with_dots_opens_a_scope_for_each_part():
    net = network(
        "[{relu: , name: a.0}, {relu: , name: b.0}, {layers: [relu, tanh], name: a.1.x},"
        " {tanh: , from: a.0, name: a.2}, {add: [{from: a.1.x}, {from: a.*}, {from: b.0}], name: sum}]"
    )
    assert [node.name for node in net.layers] == ["a.0", "b.0", "a.1.x.relu1", "a.1.x.tanh1", "a.2", "sum"]
    assert inputs(net, "a.2") == ["a.0"]
    assert inputs(net, "sum") == ["a.1.x.tanh1", "a.0", "a.2", "b.0"]
    assert [group.name for group in net.groups()] == ["a", "b", "sum"]


def test_a_name_that_ends_in_a_number_and_two_dots_numbers_what_is_repeated():
    net = network(
        "[{relu: , name: x0.., repeat: 2}, {layers: [relu, tanh], name: s.2.., repeat: 2},"
        " {relu: , name: 7.., repeat: 1}, {add: [{from: x1}, {from: s.3}, {from: x*}]}]"
    )
    names = ["x0", "x1", "s.2.relu1", "s.2.tanh1", "s.3.relu1", "s.3.tanh1", "7", "add1"]
    assert [node.name for node in net.layers] == names
    assert inputs(net, "add1") == ["x1", "s.3.tanh1", "x0", "x1"]


def test_a_dot_before_a_name_makes_it_a_full_name():
    net = network(
        "[{relu: , name: a}, {relu: , name: b.x}, {name: g, layers: [{tanh: , name: a}, {tanh: , name: b.x},"
        " {add: [{from: a}, {from: .a}, {from: b.*}, {from: .b.*}, {from: .g.a}], name: sum},"
        " {relu: , from: .a, name: r}]}]"
    )
    assert inputs(net, "g.sum") == ["g.a", "a", "g.b.x", "b.x", "g.a"]
    assert inputs(net, "g.r") == ["a"]
    for item in ("{relu: , from: .x}", "{relu: , from: .}", "{add: [{from: .x*}]}", "{relu: , name: .a}"):
        with pytest.raises(SpecError):
            network(f"[{{relu: , name: a}}, {item}]")


def test_what_is_numbered_reads_the_repetitions_before_it():
    net = network("[{name: d1.., repeat: 3, layers: [{concat: [[], {from: d*, when: index > 0}]}]}]")
    assert inputs(net, "d1.concat1") == ["input"]
    assert inputs(net, "d3.concat1") == ["d2.concat1", "d1.concat1", "d2.concat1"]


def test_automatic_names_avoid_numbered_ones():
    numbered = "{relu: , name: relu2.., repeat: 2}"
    names = list(shapes(f"[relu, relu, {numbered}, relu, {{tanh: , name: a.relu6}}, relu, relu]"))
    assert names == ["relu1", "relu4", "relu2", "relu3", "relu5", "a.relu6", "relu7", "relu8"]
    with pytest.raises(SpecError, match="the name 'relu1' is given twice"):  # how many, only the network says
        network("[relu, {relu: , name: relu1.., repeat: channels}]")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("{relu: , name: a1..}", "'a1..' is a name for what is repeated"),
        ("{relu: , name: a.., repeat: 2}", "a name is letters, digits, _, [+] and -"),
        ("{relu: , name: 01.., repeat: 2}", "a name is letters"),
        ("{relu: , name: .1.., repeat: 2}", "a name is letters"),
        ("{relu: , name: a..b}", "a name is letters"),
        ("{relu: , name: a.}", "a name is letters"),
        ("{relu: , name: 1.10}", "this name is a decimal number"),
        (f"{{relu: , name: {'a.' * 150}a}}", "a name is longer than 200 characters"),
        ("{head: a.b, layers: [relu]}", "a name is letters"),
        ("{relu: , name: a0.., repeat: 2}, {relu: , name: a1}", "the name 'a1' is given twice"),
        ("{relu: , name: a0.., repeat: 2}, {relu: , from: a2}", "no layer is called 'a2'"),
        ("{relu: , name: a0.., repeat: 2}, {relu: , from: a}", "no layer is called 'a'"),
    ],
)
def test_names_with_dots_that_are_none(item, message):
    with pytest.raises(SpecError, match=message):
        network(f"[{item}]")


def test_training_in_the_input():
    head = "input: [3, '32 if training else 40']"
    assert network("[relu]", head=head).input == (3, 40)
    assert network("[relu]", head=head, training=True).input == (3, 32)


def test_repeat_of_nothing():
    assert list(shapes("[{relu: , repeat: 0}, tanh]")) == ["tanh1"]


def test_when_and_training():
    layers = "[{relu: , when: training}, {tanh: , when: channels == 8 and not training}]"
    assert list(shapes(layers)) == ["tanh1"]
    assert list(shapes(layers, training=True)) == ["relu1"]


BLOCKS = """
input: [8, 16, 16]
vars: {base: 4, wide: base * 4}
blocks:
  unit:
    vars: {width: , stride: 1, inner: width // 2}
    layers:
      - {conv: inner, kernel: 1}
      - {conv: width, kernel: 3, padding: 1, stride: stride}
  pair:
    vars: {width: channels}
    layers: [{unit: width}, {unit: 2 * width, stride: 2, name: second}]"""


def test_blocks_and_their_variables():
    found = {layer.name: layer.output for layer in network("[{unit: wide, name: u}, pair]", head=BLOCKS).layers}
    assert found == {
        "u.conv1": (8, 16, 16),
        "u.conv2": (16, 16, 16),
        "conv1": (8, 16, 16),
        "conv2": (16, 16, 16),
        "second.conv1": (16, 16, 16),
        "second.conv2": (32, 8, 8),
    }


def test_a_block_does_not_see_its_caller_s_arguments():
    text = """
input: [8]
blocks:
  outer: {vars: {w: }, layers: [inner]}
  inner: {layers: [{linear: w}]}"""
    with pytest.raises(SpecError, match="unknown variable 'w'"):
        network("[{outer: 3}]", head=text)


def test_variables_from_outside():
    net = network("[{conv: wide, kernel: 1}]", head=BLOCKS, vars={"base": 8})
    assert net.layers[0].output == (32, 16, 16)
    net = network("[{conv: wide, kernel: 1}]", head=BLOCKS, vars={"base": "2 * 3"})
    assert net.layers[0].output == (24, 16, 16)


def test_branches_start_at_the_current_tensor():
    net = network("[{conv: 4, kernel: 1, name: a}, {concat: [[], [{conv: 6, kernel: 1, name: b}], [relu, tanh]]}]")
    merge = net.layers[-1]
    assert inputs(net, merge.name) == ["a", "b", "tanh1"]
    assert merge.output == (14, 16, 16)
    assert merge.name == "concat1"


def test_a_branch_whose_condition_fails_is_left_out():
    branches = "[[], {when: training, layers: [{conv: 6, kernel: 1}]}, {from: input, when: channels == 8}]"
    assert network(f"[relu, {{concat: {branches}}}]").layers[-1].output == (16, 16, 16)
    assert network(f"[relu, {{concat: {branches}}}]", training=True).layers[-1].output == (22, 16, 16)
    with pytest.raises(SpecError, match="no branch whose condition holds"):
        network("[{add: [{when: training}]}]")


def test_a_branch_is_a_group():
    net = network("[{add: [[], {name: b, repeat: 2, layers: [relu]}]}]")
    assert [layer.name for layer in net.layers] == ["b.1.relu1", "b.2.relu1", "add1"]


def test_from_in_items_and_branches():
    net = network(
        "[{conv: 4, kernel: 1, name: a}, {maxpool: 2, name: p}, {upsample: 2},"
        " {concat: [[], {from: a}, {from: input, name: side, layers: [relu]}], name: c}, {relu: , from: p, name: last}]"
    )
    assert inputs(net, "c") == ["upsample1", "a", "side.relu1"]
    assert inputs(net, "last") == ["p"]
    assert net.node("last").output == (4, 8, 8)


def test_from_looks_outwards_and_takes_groups():
    net = network(
        "[{name: g, layers: [{relu: , name: x}, tanh]},"
        " {name: h, layers: [{relu: , name: x}, {add: [[], {from: x}, {from: g}, {from: g.x}]}]}]"
    )
    assert inputs(net, net.layers[-1].name) == ["h.x", "h.x", "g.tanh1", "g.x"]


def test_heads_are_outputs_and_the_trunk_goes_on():
    net = network("[relu, {head: aux, layers: [flatten, {linear: 5}]}, {maxpool: 2}]")
    assert {name: node.output for name, node in net.outputs.items()} == {"output": (8, 8, 8), "aux": (5,)}
    assert inputs(net, "aux.linear1") == ["aux.flatten1"]
    assert inputs(net, "aux.flatten1") == inputs(net, "maxpool1") == ["relu1"]


def test_an_empty_network_gives_its_input():
    net = network("[]")
    assert net.outputs == {"output": net.inputs[0]}
    assert net.layers == ()
    assert net.inputs[0].output == (8, 16, 16)
    assert repr(Network.of(net)).endswith(": 0 layers, 8x16x16 -> 8x16x16")


def test_extends_overrides_by_key():
    spec = load_text("extends: families/vgg\ntitle: mine\nvars: {classes: 7}\ninput: [3, 64, 64]\nlayers: [relu]\n")
    assert spec.title == "mine"
    assert spec.family == "VGG"
    assert expand(spec).layers[0].output == (3, 64, 64)


def test_published_values_are_a_spec_s_own():
    assert load("resnet50").published
    assert load_text("{extends: resnet50, vars: {classes: 10}}").published == []


def test_aliases_are_what_they_stand_for():
    net = network("[&c {conv: 4, kernel: 1}, *c, *c]")
    assert [layer.name for layer in net.layers] == ["conv1", "conv2", "conv3"]


@pytest.mark.parametrize(
    ("layer", "shape", "output"),
    [
        ("{conv: 4, kernel: 3}", (2, 10), (4, 8)),
        ("{conv: 4, kernel: 3, stride: 2, padding: 1}", (2, 9, 8, 7), (4, 5, 4, 4)),
        ("{conv: 4, kernel: [1, 7], padding: [0, 3]}", (2, 9, 9), (4, 9, 9)),
        ("{conv: 4, kernel: 3, stride: 2, padding: same}", (2, 7, 8), (4, 4, 4)),
        ("{conv: 4, kernel: 3, stride: 2, padding: valid}", (2, 7, 8), (4, 3, 3)),
        ("{conv: 4, kernel: 3, padding: [[0, 1], [2, 0]]}", (2, 7, 8), (4, 6, 8)),
        ("{conv: 4, kernel: 3, dilation: 2}", (2, 9, 9), (4, 5, 5)),
        ("{conv_transpose: 4, kernel: 4, stride: 2, padding: 1}", (2, 7), (4, 14)),
        ("{depthwise: 3, multiplier: 3}", (2, 9, 9), (6, 7, 7)),
        ("{maxpool: 3, stride: 2, ceil: true}", (2, 112, 112), (2, 56, 56)),
        ("{avgpool: 2}", (2, 9, 9), (2, 4, 4)),
        ("{adaptive_avgpool: [2, 3]}", (2, 9, 9), (2, 2, 3)),
        ("global_avgpool", (2, 3, 4, 5), (2, 1, 1, 1)),
        ("bilinear_pool", (5, 3, 3), (25,)),
        ("{pad: [[1, 2], -1]}", (2, 9, 9), (2, 12, 7)),
        ("{slice: [0, channels // 2]}", (6, 9), (3, 9)),
        ("flatten", (6, 9, 2), (108,)),
        ("{upsample: [2, 3]}", (6, 4, 4), (6, 8, 12)),
        ("{upsample: , size: 7}", (6, 4, 4), (6, 7, 7)),
    ],
)
def test_output_shapes(layer, shape, output):
    head = f"input: {list(shape)}"
    assert network(f"[{layer}]", head=head).layers[0].output == output


def test_sizes_are_those_of_the_current_tensor():
    head = """
input: [2, 12, 9]
blocks:
  down_and_up: {vars: {map: sizes}, layers: [{maxpool: 2}, {upsample: , size: map}]}"""
    net = network("[{maxpool: 3, when: 'sizes[0] > 9'}, {down_and_up: , name: a}]", head=head)
    assert [layer.output for layer in net.layers] == [(2, 4, 3), (2, 2, 1), (2, 4, 3)]


def test_a_size_for_several_inputs_is_of_those_that_have_positions():
    own = {"image": (3, 32, 32), "signal": (4, 32), "pose": (7,)}
    assert full_shapes(64, own) == {"image": (3, 64, 64), "signal": (4, 64), "pose": (7,)}
    assert full_shapes({"pose": 9}, own) == {**own, "pose": (9,)}
    assert full_shapes(9, {"pose": (7,)}) == {"pose": (9,)}


def test_blocks_nest_up_to_the_bound():
    def nested(depth: int) -> str:
        blocks = [f"  b{i}: {{layers: [b{i + 1}]}}" for i in range(depth)]
        return "input: [3]\nblocks:\n" + "\n".join(blocks) + f"\n  b{depth}: {{layers: [relu]}}\nlayers: [b0]\n"

    assert [node.op.kind for node in expand(load_text(nested(MAX_NESTING - 2))).layers] == ["relu"]
    with pytest.raises(SpecError, match=f"more than {MAX_NESTING} deep"):
        expand(load_text(nested(MAX_NESTING - 1)))


@pytest.mark.parametrize("item", ["{{relu: , name: {}}}", "{{layers: [relu, relu], name: {}}}"])
def test_a_wrong_name_is_marked_where_it_stands(item):
    long = "x" * 60
    deep = f"[{{layers: [{{layers: [{{layers: [ITEM], name: {long}}}], name: {long}}}], name: {long}}}]"
    for name, text, message in ((long, deep, "longer than"), ("stem", "[{relu: , name: stem}, ITEM]", "given twice")):
        with pytest.raises(SpecError, match=message) as caught:
            network(text.replace("ITEM", item.format(name)))
        place = caught.value.place
        line = place.source.line(place.line)
        assert line[place.column :].startswith(name)
        assert line[: place.column].endswith(" name: ")


def test_a_layer_without_a_name_in_scopes_with_long_ones_is_marked_itself():
    long = "x" * 49
    text = "[" + "{layers: [" * 4 + "tanh" + f"], name: {long}}}" * 4 + "]"
    with pytest.raises(SpecError, match="longer than") as caught:
        network(text)
    place = caught.value.place
    assert place.source.line(place.line)[place.column :].startswith(("tanh", "x"))


def test_automatic_names_of_a_builder_avoid_given_ones():
    builder = Builder()
    x = builder.input(3, 8, 8)
    given = builder.add(ReLU(), x, name="relu1")
    assert [given.name, builder.add(ReLU(), x).name, builder.add(ReLU(), x).name] == ["relu1", "relu2", "relu3"]


def test_layers_that_cannot_share_say_in_what_they_differ():
    builder = Builder()
    first = builder.add(Conv(4, kernel=3), builder.input(3, 8, 8), name="first")
    for op, message in ((Conv(4, kernel=1), "kernel is 3 and 1"), (Conv(5, kernel=3), "out_channels is 4 and 5")):
        with pytest.raises(OpError) as caught:
            builder.add(op, first.inputs[0], shares=first)
        assert caught.value.label == message
    with pytest.raises(OpError) as caught:
        builder.add(Conv(4, kernel=3), first, shares=first)
    assert caught.value.label == "they read 3x8x8 and 4x6x6"


def test_sizes_of_a_billion_are_read():
    assert load_text("input: [1, 1000000000]\nlayers: []\n").inputs


def test_layers_are_counted_up_to_the_bound():
    spec = load_text("input: [3]\nlayers: [{relu: , repeat: 7}, {layers: [tanh, tanh]}]\n")
    assert len(expand(spec, max_layers=9).layers) == 9
    with pytest.raises(SpecError, match="more than 8 layers"):
        expand(spec, max_layers=8)


@pytest.mark.parametrize(
    ("layers", "least", "made"),
    [
        ("[relu, {pair: , repeat: 3}]", 7, 7),
        ("[{add: [[relu], [pair]]}, {layers: [tanh], name: a, repeat: 0}]", 4, 4),
        ("[{add: [[relu], {layers: [pair], repeat: 2}, []], repeat: 2}]", 12, 12),
        ("[{relu: , when: channels > 1}, {pair: , repeat: 2 if channels > 1 else 0}]", 0, 5),
        ("[{relu: , name: r1}, {concat: [{from: r*, layers: [relu]}]}]", 2, 3),
    ],
)
def test_the_least_number_of_layers_is_known_before_they_are_made(layers, least, made):
    spec = load_text(f"input: [8, 4, 4]\nblocks: {{pair: {{layers: [relu, tanh]}}}}\nlayers: {layers}\n")
    assert Least(spec.blocks).several(spec.layers) == least
    assert len(expand(spec).layers) == made


@pytest.mark.parametrize("name", zoo.names(fragments=False))
def test_no_network_has_fewer_layers_than_its_least(name):
    spec = load(name)
    assert Least(spec.blocks).several(spec.layers or []) <= len(expand(spec).layers)


def test_blocks_without_end_are_not_followed_to_it():
    blocks = ", ".join(f"b{i}: {{layers: [{{b{i + 1}: , repeat: 1000}}]}}" for i in range(2000))
    spec = load_text(f"input: [8]\nblocks: {{{blocks}, b2000: {{layers: [relu]}}}}\nlayers: [b0]\n")
    assert Least(spec.blocks).several(spec.layers) == 0


def test_a_repeat_that_makes_too_many_layers_makes_none(monkeypatch):
    spec = load_text(
        "input: [3]\nblocks: {b: {layers: [relu, tanh]}}\nlayers: [gelu, {layers: [{b: , repeat: 5}], repeat: 4}]\n"
    )
    assert len(expand(spec, max_layers=41).layers) == 41
    made = []
    place = Builder.place
    monkeypatch.setattr(Builder, "place", lambda self, op, *rest: made.append(op) or place(self, op, *rest))
    with pytest.raises(SpecError, match="would have more than 40 layers"):
        expand(spec, max_layers=40)
    assert [op.kind for op in made] == ["gelu"]


@pytest.mark.parametrize("use", ["many", "'many if true else many'"])
def test_a_long_list_counts_as_work_wherever_it_is_copied(use):
    """Given to a block as a variable, and worked out."""
    values = ", ".join(["1"] * 1000)
    head = f"input: [3, 8]\nvars: {{many: [{values}]}}\nblocks: {{b: {{vars: {{w: 1}}, layers: [relu]}}}}\n"
    most = (WORK + WORK_PER_LAYER * 100) // 1000
    assert len(expand(load_text(f"{head}layers: [{{b: {use}, repeat: {most // 2}}}]\n"), max_layers=100).layers) > 4
    with pytest.raises(SpecError, match="too many items"):
        expand(load_text(f"{head}layers: [{{b: {use}, repeat: {most + 1}}}]\n"), max_layers=100)
