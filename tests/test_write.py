"""Networks written down: every text gives its network back, node by node, and is short where a network repeats."""

from __future__ import annotations

import random

import pytest
import yaml

from cnncalc.errors import RequestError, Source
from cnncalc.graph import Builder, Graph
from cnncalc.language.compress import compress
from cnncalc.language.expand import expand
from cnncalc.language.reader import read_spec
from cnncalc.language.text import document, text, value_text, word_text
from cnncalc.language.write import first_difference, plain_document, to_yaml
from cnncalc.ops import (
    KINDS,
    LRN,
    Add,
    AvgPool,
    BatchNorm,
    Concat,
    Conv,
    Depthwise,
    Dropout,
    GroupNorm,
    Identity,
    Linear,
    MaxPool,
    Multiply,
    Op,
    Opaque,
    Pad,
    Parameter,
    Permute,
    ReLU,
    ReLU6,
    Reshape,
    Scale,
    Slice,
    Upsample,
)
from cnncalc.zoo import load, load_text, names
from tests.examples_of_kinds import places

LINES = {
    "resnet50": 35,
    "vgg16": 25,
    "densenet121": 40,
    "mobilenet_v2": 50,
    "efficientnet_b0": 70,
    "convnext_tiny": 40,
}


def again(written: str, graph: Graph) -> Graph:
    """The network that a text gives."""
    return expand(read_spec(Source("<test>", written), graph.name, None), training=graph.training)


def holds(graph: Graph) -> None:
    """Both forms, the plain and the short one, give the network again: neither stands in for the other here."""
    plain = plain_document(graph)
    for spec in (plain, compress(plain)):
        written = document(spec)
        assert first_difference(graph, again(written, graph)) is None, written


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("training", [False, True])
def test_the_zoo(name, training):
    graph = expand(load(name), training=training)
    if training and len(graph.nodes) == len(expand(load(name)).nodes):
        return  # the same nodes
    holds(graph)
    written = again(to_yaml(graph), graph)
    assert (written.title, written.notes) == (graph.title, graph.notes)


@pytest.mark.parametrize(("name", "most"), LINES.items())
def test_lines(name, most):
    assert to_yaml(expand(load(name))).count("\n") <= most


def test_a_network_that_repeats_reads_like_the_table_of_its_paper():
    layers = to_yaml(expand(load("resnet50"))).partition("\nlayers:\n")[2].splitlines()
    assert layers[4:8] == [
        "  - {residual: 64, repeat: 3, name: conv2_x}",
        "  - {residual: 128, stride: 2, repeat: 4, name: conv3_x}",
        "  - {residual: 256, stride: 2, repeat: 6, name: conv4_x}",
        "  - {residual: 512, stride: 2, repeat: 3, name: conv5_x}",
    ]


# Random networks.

NAMES = [
    "conv1",
    "relu1",
    "relu2",
    "relu61",
    "add1",
    "a",
    "b",
    "c",
    "yes",
    "no",
    "on",
    "off",
    "null",
    "true",
    "True",
    "010",
    "1",
    "0",
    "2",
    "1e3",
    "0x10",
    "0o17",
    "1_000",
    "y",
    "n",
    "input2",
    "stem",
    "x-y",
    "x+y",
    "layers",
    "head",
    "name",
    "from",
    "repeat",
    "when",
    "channels",
    "sizes",
    "training",
    "conv",
    "relu",
    "batchnorm",
    "vars",
]
OPS = (
    ReLU(),
    ReLU6(),
    BatchNorm(),
    BatchNorm(affine=False, eps=1e-3),
    Dropout(0.25),
    Dropout(),
    LRN(5, alpha=1e-05),
    GroupNorm(1),
    Identity(),
    Scale(bias=True),
    Conv(4, kernel=3, padding=1),
    Conv(4, kernel=1, bias=False),
    Conv(8, kernel=(3, 1), padding="same", groups=2),
    Conv(4, kernel=3, padding=((1, 1), (0, 2))),
    Depthwise(3, padding=1),
    MaxPool(3, stride=1, padding=1),
    AvgPool(3, stride=1, padding=1, count_include_pad=False),
    Pad((0, 0)),
    Upsample(1, mode="linear"),
    Conv(4, kernel=1, connections=((0, 1), (2,), (3,), (0, 3))),
)


class Maker:
    """Makes a random network: chains, branches, scopes, repeats, links from afar, heads, strange names."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.builder = Builder(title=self.random.choice(["", "T: # \"x\" 'y'", "null", "a\nb\x85c\u2028"]))
        self.nodes = [self.builder.input(4, 8, 8)]
        self.given = {""}

    def graph(self) -> Graph:
        self.items(self.nodes[0], 0)
        outputs = {"output": self.random.choice(self.nodes[-3:])}
        for number in range(self.random.choice([0, 0, 0, 1, 2])):
            outputs[f"side{number}"] = self.random.choice(self.nodes)
        return self.builder.graph(outputs)

    def name(self) -> str | None:
        """A name that is not taken; often none."""
        if self.random.random() < 0.5:
            return None
        name = self.random.choice(NAMES)
        full = f"{self.builder.here.path}.{name}" if self.builder.here.path else name
        if full in self.given or full == "input":
            return None
        self.given.add(full)
        return name

    def add(self, op: Op, *inputs):
        name = self.name()
        if name is None:  # an automatic one may meet a scope
            full = self.builder.automatic_name(op.kind, self.builder.here, lambda local: self.full(local) in self.given)
            name = full.rsplit(".", 1)[-1]
            self.given.add(self.full(name))
        node = self.builder.add(op, *inputs, name=name)
        self.nodes.append(node)
        return node

    def full(self, name: str) -> str:
        return f"{self.builder.here.path}.{name}" if self.builder.here.path else name

    def items(self, node, depth: int):
        """A list of items on a tensor; its end."""
        for _ in range(self.random.randint(0 if depth else 1, 4)):
            node = self.item(node, depth)
        return node

    def item(self, node, depth: int):
        what = self.random.random()
        if self.random.random() < 0.05:
            node = self.random.choice(self.nodes)
        if depth > 3 or what < 0.5:
            return self.layer(node)
        if what < 0.6:
            return self.random.choice([self.stage, self.stage, self.woven, self.dense])(node)
        if what < 0.75:
            name = self.name()
            if name is None:
                return self.layer(node)
            with self.builder.scope(name):
                return self.items(self.layer(node), depth + 1)
        ends = [self.items(node, depth + 1) for _ in range(self.random.randint(1, 3))]
        if self.random.random() < 0.3:
            ends[0] = self.random.choice(self.nodes)
        if self.random.random() < 0.2:
            self.random.shuffle(ends)
        if all(end.output == ends[0].output for end in ends):
            return self.add(self.random.choice([Add(), Multiply(), Concat()]), *ends)
        return self.add(Concat(), *ends)

    def layer(self, node):
        ops = [op for op in OPS if self.fits(op, node)]
        return self.add(self.random.choice(ops), node)

    def fits(self, op: Op, node) -> bool:
        return not isinstance(op, Conv) or (node.output[0] >= 4 and node.output[0] % op.groups == 0)

    def free(self, stem: str) -> str:
        """A name that begins so and is not taken."""
        name = next((f"{stem}{i}" for i in range(99) if self.full(f"{stem}{i}") not in self.given), stem)
        self.given.add(self.full(name))
        return name

    def woven(self, node):
        """Two scopes, of which the layers stand in turn."""
        scopes = self.free("these"), self.free("those")
        inner = self.random.random() < 0.5
        for number in range(self.random.randint(2, 4)):
            for scope, op in zip(scopes, (Conv(4, kernel=1), BatchNorm()), strict=True):
                with self.builder.scope(scope):
                    if inner:
                        with self.builder.scope(str(number)):
                            node = self.add(op, self.add(ReLU(), node))
                    else:
                        node = self.builder.add(op, node, name=str(number))
                        self.nodes.append(node)
        return node

    def dense(self, node):
        """Layers that each read all before them, from a layer before the group; in PyTorch's names."""
        start, stem = node, self.random.choice(["layer", "", "b-"])
        with self.builder.scope(self.free("dense")):
            ends = [start]
            for number in range(self.random.randint(1, 5)):
                self.given.add(self.full(f"{stem}{number}"))
                with self.builder.scope(f"{stem}{number}"):
                    node = self.add(Conv(4, kernel=1), self.add(Concat(), *ends))
                ends.append(node)
            return self.add(Concat(), *ends)

    def stage(self, node):
        """Blocks that are alike, but for the width, and the first of which has a projection."""
        width = self.random.choice([4, 8, 12])
        name = self.free("stage")
        first = self.random.choice([0, 1, 1])
        with self.builder.scope(name):
            for number in range(first, first + self.random.randint(1, 4)):
                self.given.add(self.full(str(number)))
                with self.builder.scope(str(number)):
                    start = node
                    node = self.add(Conv(width, kernel=3, padding=1, bias=False), start)
                    node = self.add(BatchNorm(), node)
                    if start.output[0] != width:
                        start = self.add(Conv(width, kernel=1), start)
                    node = self.builder.add(Add(), node, start, name="sum")
                    self.given.add(self.full("sum"))
                    self.nodes.append(node)
        return node


@pytest.mark.parametrize("part", range(10))
def test_random_networks(part):
    for seed in range(part * 40, part * 40 + 40):
        graph = Maker(seed).graph()
        try:
            plain_document(graph)
        except RequestError:  # such as a layer that bears the name of a scope
            continue
        holds(graph)
        assert first_difference(graph, again(to_yaml(graph), graph)) is None


def test_most_random_networks_can_be_written():
    refused = 0
    for seed in range(400):
        try:
            plain_document(Maker(seed).graph())
        except RequestError:
            refused += 1
    assert refused == 0


# What strangers call things.

TEXTS = [
    "yes", "no", "on", "off", "1e3", "010", "null", "~", "true", "", "- a", "a: b", "a #b", "#", "&a", "*a", "!!x",
    "{a: b}", "[a]", "'", '"', "\\", "a\nlayers: []", "a\r\nb", "\t", "\x00\x07", "\x85\u2028\u2029", "\ufeff", "é",
    "漢字", "\U0001f600", "%YAML 1.1", "---", "...", "a: |", "x" * 1000, "? a", "<<", "=", "2001-01-01", "1:30",
]  # fmt: skip


@pytest.mark.parametrize("words", TEXTS)
def test_titles_and_notes_are_kept_and_harmless(words):
    builder = Builder(title=words, notes=words + "\nx")
    graph = builder.graph(builder.add(ReLU(), builder.input(3)))
    written = to_yaml(graph)
    result = again(written, graph)
    assert (result.title, result.notes) == (words.strip(), (words + "\nx").strip())
    assert first_difference(graph, result) is None
    if words not in ("", "\t"):  # any YAML reader takes it for a text
        assert yaml.safe_load(written)["notes"] == words + "\nx"


@pytest.mark.parametrize("words", TEXTS)
def test_scalars_are_strings_to_every_reader(words):
    assert yaml.safe_load(f"[{text(words)}]") == [words]


@pytest.mark.parametrize("name", NAMES)
def test_strange_names_stay(name):
    builder = Builder()
    x = builder.input(3, 8, 8)
    with builder.scope(name):
        x = builder.add(ReLU(), x, name=name)
    y = builder.add(ReLU(), x, name="end_1")
    graph = builder.graph(builder.add(Add(), y, x, name="end_2"))
    assert first_difference(graph, again(to_yaml(graph), graph)) is None
    assert str(yaml.safe_load(f"[{word_text(name)}]")[0]) == name


def test_values():
    assert value_text(((0, 1), (2, 3))) == "[[0, 1], [2, 3]]"
    assert value_text(10**18) == "1000000000000000000"
    for number in (0.1, 1e-05, 1e22, 2.0, 1.5e300):
        assert yaml.safe_load(value_text(number)) == number


def test_a_number_of_nineteen_digits():
    builder = Builder()
    graph = builder.graph(builder.add(MaxPool(2, stride=10**18), builder.input(3, 8, 8)))
    assert first_difference(graph, again(to_yaml(graph), graph)) is None


# What the language cannot say.


class Stranger(Op, frozen=True):
    kind = "stranger"

    def output_shape(self, *inputs):
        return inputs[0]


class Impostor(ReLU, frozen=True):
    """A class of one's own with a word of the language."""


@pytest.mark.parametrize("op", [Stranger(), Impostor()])
def test_an_op_of_no_kind(op):
    builder = Builder()
    graph = builder.graph(builder.add(op, builder.input(3), name="odd"))
    with pytest.raises(RequestError, match=f"'odd' is a {op.kind}, which is no kind of the language"):
        to_yaml(graph)


def given_back(graph):
    """The network that the written spec gives; equal to the first."""
    text = to_yaml(graph)
    other = expand(load_text(text))
    assert first_difference(graph, other) is None
    return text


def test_several_inputs():
    builder = Builder()
    left, right = builder.input(3, name="left"), builder.input(3, name="right")
    assert "inputs:\n  left: [3]\n  right: [3]\n" in given_back(builder.graph(builder.add(Add(), left, right)))


def test_an_input_or_output_of_another_name():
    builder = Builder()
    x = builder.add(ReLU(), builder.input(3, name="image"))
    assert "inputs:\n  image: [3]\n" in given_back(builder.graph(x))
    builder = Builder()
    x = builder.add(ReLU(), builder.input(3))
    assert "outputs:\n  classes: relu1\n" in given_back(builder.graph({"classes": x}))
    assert "outputs: [relu1]\n" in given_back(builder.graph({"relu1": x}))


def test_shared_weights():
    builder = Builder()
    left, right = builder.input(3, name="left"), builder.input(3, name="right")
    first = builder.add(Linear(4), left, name="fc")
    twin = builder.add(Linear(4), right, name="twin", shares=first)
    assert "share: fc" in given_back(builder.graph(builder.add(Add(), first, twin)))


@pytest.mark.parametrize("name", ["a b", "", "é", "a\nb", "{x}", "a..b", "x" * 101, "-a"])
def test_names_that_are_none(name):
    builder = Builder()
    graph = builder.graph(builder.add(ReLU(), builder.input(3), name=name))
    with pytest.raises(RequestError, match="is no name"):
        to_yaml(graph)


def test_a_scope_in_two_pieces():
    builder = Builder()
    x = builder.input(3)
    with builder.scope("a"):
        x = builder.add(ReLU(), x)
    x = builder.add(ReLU(), x)
    with builder.scope("a"):
        x = builder.add(ReLU(), x, name="last")
    assert "{relu: , name: a.last}" in given_back(builder.graph(x))


def test_a_name_for_two_things():
    builder = Builder()
    x = builder.add(ReLU(), builder.input(3), name="a")
    with builder.scope("a"):
        x = builder.add(ReLU(), x)
    with pytest.raises(RequestError, match="'a' names two things"):
        to_yaml(builder.graph(x))


def test_what_is_too_large_for_a_spec():
    builder = Builder()
    x = builder.input(3)
    for number in range(20_000):
        x = builder.add(ReLU(), x, name=f"a{number}b")
    with pytest.raises(RequestError, match="cannot be written as a spec"):
        to_yaml(builder.graph(x))


def test_groups_whose_layers_stand_in_turn():
    builder = Builder()
    x = start = builder.input(8, 16, 16)
    parts = [builder.add(Slice((2 * i, 2 * i + 2)), start) for i in range(4)]
    for number, part in enumerate(parts):
        x = part if not number else builder.add(Add(), part, x)
        with builder.scope("convs"):
            x = builder.add(Conv(2, kernel=3, padding=1, bias=False), x, name=str(number))
        with builder.scope("bns"), builder.scope(str(number)):
            x = builder.add(ReLU(), builder.add(BatchNorm(), x))
    text = given_back(builder.graph(x))
    assert "{conv: 2, kernel: 3, padding: 1, bias: false, name: convs.1}" in text
    assert "name: bns.3" in text


def test_layers_that_each_read_all_before_them():
    """A dense block is written once, though each starts from another layer."""
    builder = Builder()
    x = builder.add(Conv(8, kernel=3, padding=1), builder.input(3, 16, 16), name="stem")
    for block, depth in enumerate((3, 5, 4)):
        with builder.scope(f"block{block}"):
            ends = [x]
            for number in range(depth):
                with builder.scope(f"layer{number + 1}"):
                    y = builder.add(ReLU(), builder.add(BatchNorm(), builder.add(Concat(), *ends)))
                    ends.append(builder.add(Conv(4, kernel=3, padding=1), y, name="conv"))
            x = builder.add(Concat(), *ends)
        x = builder.add(AvgPool(2), x, name=f"pool{block}")
    text = given_back(builder.graph(x))
    assert 'concat: [{from: skip}, {from: "layer*", when: index > 0}]' in text
    assert "  - {block: 5, skip: pool0, name: block1}\n" in text
    assert text.count("conv:") == 2
    assert text.count("\n") <= 21


def test_neighbours_with_numbered_names():
    builder = Builder()
    x = builder.input(8, 16, 16)
    for stage, width in enumerate((8, 16)):
        with builder.scope(f"stage{stage}"):
            for number in range(4):
                with builder.scope(str(number)):
                    x = builder.add(Conv(width, kernel=3, padding=1 + number % 2), x, name="a")
                    x = builder.add(BatchNorm(), x, name="b")
                    x = builder.add(ReLU(), x, name="c")
    text = given_back(builder.graph(x))
    assert ", padding: 1 + index % 2, repeat: 4, name: stage0.0..}" in text
    read = builder.graph(builder.add(Add(), builder.nodes[12], builder.nodes[12]))  # by the name of the group
    assert "name: 0..}" in given_back(read)


@pytest.mark.parametrize("first", [7, 99_999_999, 999_999_999, 10**18])
def test_names_with_long_numbers(first):
    builder = Builder()
    x = builder.input(3)
    for number in range(3):
        x = builder.add(ReLU(), x, name=f"a{first + number}")
    assert ("repeat" in given_back(builder.graph(x))) is (first < 999_999_999)


def test_a_long_row_of_layers_with_numbered_names_takes_no_time():
    builder = Builder()
    x = builder.input(4)
    for number in range(3_000):
        x = builder.add(Linear(3 + number % 7 * (number % 11)), x, name=f"layer{number}")
    assert given_back(builder.graph(x)).count("linear:") > 2_000


def test_the_number_of_a_repetition_is_not_that_of_another_inside():
    builder = Builder()
    x = builder.input(8, 16, 16)
    for number in range(4):
        with builder.scope(f"block{number}"):
            x = builder.add(ReLU(), x)
            for _ in range(3):
                x = builder.add(Conv(8, kernel=3, padding=1 + number % 2, dilation=2, bias=False), x)
                x = builder.add(BatchNorm(), x)
    graph = builder.graph(x)
    holds(graph)
    assert ": 1 + index % 2, repeat: 4, name: block0..}" in given_back(graph)


def test_a_layer_whose_name_others_hide():
    builder = Builder()
    x = first = builder.add(Conv(4, kernel=1), builder.input(3, 8, 8), name="a")
    with builder.scope("block"):
        builder.add(ReLU(), x, name="a")
        x = builder.add(BatchNorm(), first, name="b")
    assert '{batchnorm: , from: ".a", name: b}' in given_back(builder.graph(x))


def test_automatic_names_are_not_numbered():
    """`relu1..` would keep the automatic names of all others."""
    builder = Builder()
    x = builder.input(3)
    with builder.scope("a"):
        for number in range(3):
            x = builder.add(ReLU(), x, name=f"relu{number + 4}")
    text = given_back(builder.graph(builder.add(ReLU(), x)))
    assert "relu4.." not in text


def tokens(builder: Builder, x, width: int, heads: int, windows: int):
    """Attention over windows, op by op, as PyTorch's programs have it."""
    size = x.output[1]
    y = builder.add(Reshape((width, windows, size // windows, windows, size // windows)), x)
    y = builder.add(Permute((1, 3, 2, 4, 0)), y)
    y = builder.add(Reshape((windows * windows, (size // windows) ** 2, width)), y)
    y = builder.add(Linear(3 * width, over="last"), y, name="qkv")
    table = builder.add(Parameter((169, heads)), builder.nodes[0], name="table")
    table = builder.add(Opaque((heads, 49), others=0), table, name="index")
    part = builder.add(Slice((0, width), axis=2), y)
    part = builder.add(Opaque(part.output, macs=49 * width * windows * windows, others=0), part, table, name="product")
    y = builder.add(Linear(width, over="last"), part, name="out")
    y = builder.add(Permute((2, 0, 1)), y)
    return builder.add(Add(), builder.add(Reshape((width, size, size)), y), x)


def test_sizes_are_said_of_the_tensor():
    """Attention that differs by its sizes is one block, and a residual is one though a parameter reads the input."""
    builder = Builder()
    x = builder.input(3, 112, 112)
    for stage, (width, heads, size) in enumerate([(32, 1, 56), (64, 2, 28), (128, 4, 14)]):
        with builder.scope(f"stage{stage}"):
            x = builder.add(Conv(width, kernel=2, stride=2), x, name="down")
            for number in range(2):
                with builder.scope(f"block{number}"):
                    x = tokens(builder, x, width, heads, size // 7)
    text = given_back(builder.graph(x))
    assert text.count("name: qkv") == text.count("parameter") == 1
    assert "{block: , repeat: 2, name: block0..}" in text
    assert "{opaque: [[]], output: [" in text
    assert "others: 0" in text
    assert "3 * sizes[-1]" in text
    assert "- {stage: 64, name: stage1}" in text
    assert text.count("\n") <= 27


def test_opaque_ops_come_back_with_what_is_known_of_them():
    builder = Builder()
    x = builder.input(3)
    for op in (Opaque((3,)), Opaque((3,), macs=0), Opaque((3,), others=0), Opaque((3,), adds=7, others=0)):
        x = builder.add(op, x)
    text = given_back(builder.graph(x))
    assert "- {opaque: [[]], output: [3]}\n" in text
    assert "- {opaque: [[]], output: [3], macs: 0}\n" in text
    assert "- {opaque: [[]], output: [3], others: 0}\n" in text
    assert "- {opaque: [[]], output: [3], adds: 7, others: 0}\n" in text


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_written(kind):
    for op, shapes in places(KINDS[kind]):
        builder = Builder()
        inputs = [builder.input(*shape, name=f"input{number}") for number, shape in enumerate(shapes)]
        graph = builder.graph(builder.add(op, *inputs))
        holds(graph)
        assert first_difference(graph, again(to_yaml(graph), graph)) is None


def test_options_come_back():
    """Options that are not at their defaults come back; drawn from the kinds themselves."""
    text = {
        "conv": "4, kernel: [3, 1], stride: 2, dilation: 1, bias: false",
        "conv_transpose": "4, kernel: 2, stride: 2, output_padding: 1",
        "depthwise": "3, multiplier: 2",
        "separable": "4, kernel: 3, padding: same",
        "groupnorm": "2",
        "lrn": "5, beta: 0.5",
        "layernorm": ", over: all",
        "slice": "[0, 2]",
        "pad": "1, channels: [0, 2]",
        "channel_shuffle": "2",
        "upsample": ", size: 9, mode: linear",
        "adaptive_avgpool": "2",
        "adaptive_maxpool": "[2, 3]",
        "linear": "7",
    }
    for kind, cls in KINDS.items():
        main = "3, stride: 2, ceil: true" if "ceil" in cls.__struct_fields__ else text.get(kind, "")
        if kind not in text and "ceil" not in cls.__struct_fields__:
            continue
        item = f"- {{{kind}: {main}}}"
        before = "- flatten\n" if kind == "linear" else ""
        graph = expand(read_spec(Source("x", f"input: [4, 8, 8]\nlayers:\n{before}{item}"), "x", None))
        assert graph.layers[-1].op.kind == kind
        holds(graph)
