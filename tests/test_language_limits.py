"""The bounds of the language, and what messages say and do not say: strangers' specs and files."""

from __future__ import annotations

import ast
import os
import random
import subprocess
import sys
from difflib import get_close_matches
from pathlib import Path

import pytest

from cnncalc import error_codes
from cnncalc.errors import CnncalcError, Place, RequestError, Source, SpecError, did_you_mean
from cnncalc.language import plain
from cnncalc.language.expand import expand
from cnncalc.language.expressions import parse_expression
from cnncalc.language.files import read_text
from cnncalc.language.model import MAX_VALUES, Values, evaluate, given_value, work_of
from cnncalc.language.reader import read_value
from cnncalc.ops import KINDS
from cnncalc.zoo import index as zoo
from cnncalc.zoo.index import load, load_text
from tests.oracles.work import Work

ROOT = Path(__file__).parent.parent


def refusal(text: str, **request: object) -> CnncalcError:
    """The error of a spec, at a place in its text."""
    with pytest.raises(CnncalcError) as caught:
        expand(load_text(text, origin="mine.yaml"), **request)
    if isinstance(caught.value, SpecError):
        assert "--> mine.yaml:" in caught.value.render() or "--> <expression>:" in caught.value.render()
    return caught.value


def doublings(levels: int, first: str = "1") -> str:
    """Variables of which each is a list of the one before, twice."""
    rows = [f"  a0: [{first}, {first}]", *(f"  a{i}: [a{i - 1}, a{i - 1}]" for i in range(1, levels))]
    return "vars:\n" + "\n".join(rows) + "\n"


# Values.


@pytest.mark.parametrize("first", ["1", "[]", "[1]", "1 if training else 2"])
@pytest.mark.parametrize(
    "use",
    [
        "input: [3, 8]\nlayers: [relu]\n",
        "input: [3, a30]\nlayers: [relu]\n",
        "input: [3, 8]\nlayers: [{slice: a30}]\n",
        "input: [3, 8]\nlayers: [{relu: , when: 'a30[0] == 1'}]\n",
        "input: [3, 8]\nblocks: {b: {vars: {w: [a13, a13, a13, a13]}, layers: []}}\nlayers: [{b: a30}]\n",
    ],
)
def test_lists_of_lists_of_variables(use, first):
    with Work() as work:
        error = refusal(doublings(31, first) + use)
    assert work.done < 60
    assert error.code == "too-many-values"
    assert "a list holds more than 50,000 values" in error.message
    assert error.place.source.line(error.place.line).startswith("  a1")  # where it grows too large


def test_a_block_s_lists_of_lists():
    blocks = "blocks:\n  b:\n    " + doublings(31).replace("\n", "\n    ") + "layers: []\n"
    assert refusal("input: [3]\n" + blocks + "layers: [b]\n").code == "too-many-values"


def test_the_bound_of_a_value_is_exact():
    half = Values([1] * (MAX_VALUES // 2 - 1))
    assert half.size == MAX_VALUES // 2
    assert Values([half, *[1] * (MAX_VALUES // 2 - 1)]).size == MAX_VALUES
    with pytest.raises(RequestError, match="a list holds more than 50,000 values"):
        Values([half, half])
    with pytest.raises(RequestError, match="more than 50,000"):
        Values([Values([])] * MAX_VALUES)


def test_a_value_knows_what_is_in_it():
    r = random.Random(1)

    def made(depth: int) -> object:
        if depth == 0 or r.random() < 0.3:
            return r.randrange(9)
        return Values([made(depth - 1) for _ in range(r.randrange(4))])

    def counted(value: object) -> int:
        return 1 + sum(map(counted, value)) if isinstance(value, tuple) else 1

    def depth(value: object) -> int:
        return 1 + max(map(depth, value), default=0) if isinstance(value, tuple) else 0

    for _ in range(300):
        value = made(6)
        assert work_of(value) == counted(value)
        if isinstance(value, Values):
            assert (value.size, value.depth, value.waits) == (counted(value), depth(value), False)
            assert evaluate(value, {}) is value


def test_the_charge_for_an_expression():
    """At least one, and more for a longer one, alone and in a list: never less than nothing."""
    place = Place(Source("", ""), 0, 0)
    for length, charge in ((1, 1), (15, 1), (16, 2), (31, 2), (32, 3), (299, 19)):
        expression = parse_expression("1" if length == 1 else "1" + " " * (length - 3) + "+1", place)
        assert len(expression.text) == length
        assert work_of(expression) == charge
        assert work_of(Values([expression, expression])) == 1 + 2 * charge
    assert [work_of(value) for value in (0, -5, True, None, "same", Values([]), (), ((), ()))] == [1] * 7 + [3]


def test_values_from_python():
    assert given_value([1, (2.5, [True])], "a") == (1, (2.5, (True,)))
    assert evaluate(given_value(["a + 1", 2], "b"), {"a": 3}) == (4, 2)
    loop: list[object] = []
    loop.append(loop)
    grown: list[object] = [1, 1]
    for _ in range(60):
        grown = [grown, grown]
    for value, code in (
        (10**18 + 1, "number-too-large"),
        (10**5000, "number-too-large"),
        (float("inf"), "number-too-large"),
        (float("nan"), "number-too-large"),
        ([1, [-(10**30)]], "number-too-large"),
        (None, "wrong-type"),
        ({1: 2}, "wrong-type"),
        (1j, "wrong-type"),
        (loop, "too-deep"),
        (grown, "too-many-values"),
    ):
        with Work() as work, pytest.raises(RequestError) as caught:
            given_value(value, "a")
        assert caught.value.code == code
        assert work.done < 60


def test_a_layer_is_made_once_for_the_very_same_values():
    """A repeated item with a long list does not check it each time; 1 and true are not the same."""
    table = ", ".join(["[0]"] * 4000)
    text = f"vars: {{c: [{table}]}}\ninput: [1, 4]\nlayers: [{{layers: [{{conv: 1, kernel: 1}}, X], repeat: 200}}]"
    with Work() as work:
        network = expand(load_text(text.replace("X", "{conv: 4000, kernel: 1, connections: c}")))
    assert work.done < 60
    assert network.layers[1].op is network.layers[399].op
    assert network.layers[1].op.connections == ((0,),) * 4000
    changing = "input: [3, 8]\nlayers: [{conv: 4, kernel: '1 if channels == 3 else VALUE', repeat: 2}]"
    assert [layer.op.kernel for layer in expand(load_text(changing.replace("VALUE", "2"))).layers] == [1, 2]
    assert refusal(changing.replace("VALUE", "true")).code == "unfit-value"


# Numbers.

HUGE = ("1" + "0" * 18 + "1", "9" * 5000, "-" + "9" * 20, "0x" + "f" * 16, "0o" + "7" * 30, "1e19", "-1e300", "1e999")
PLACES = (
    "input: [3, HUGE]\nlayers: []",
    "input: [3, 8]\nvars: {a: HUGE}\nlayers: []",
    "input: [3, 8]\nvars: {a: [1, [HUGE]]}\nlayers: []",
    "input: [3, 8]\nlayers: [{maxpool: 1, stride: HUGE}]",
    "input: [3, 8]\nlayers: [{pad: [[0, HUGE]]}]",
    "input: [3, 8]\nlayers: [{relu: , repeat: HUGE}]",
    "input: [3, 8]\nlayers: [{relu: , when: HUGE}]",
    "input: [3, 8]\nlayers: [{dropout: HUGE}]",
    "input: [3, 8]\nblocks: {b: {vars: {w: HUGE}, layers: []}}\nlayers: [{b: 1}]",
    "input: [3, 8]\nlayers: []\npublished: [{params: HUGE, source: x}]",
    "input: [3, 8]\nyear: HUGE\nlayers: []",
)


@pytest.mark.parametrize("number", HUGE, ids=lambda number: number[:12])
@pytest.mark.parametrize("place", PLACES)
def test_numbers_beyond_the_bound(place, number):
    error = refusal(place.replace("HUGE", number))
    assert (error.code, error.message) == ("number-too-large", "a number is beyond 10^18")
    text = error.place.source.line(error.place.line)
    assert text[error.place.column :].startswith(number)
    assert len(error.render()) < 600


@pytest.mark.parametrize("number", HUGE, ids=lambda number: number[:12])
def test_numbers_beyond_the_bound_on_the_command_line(number):
    for value in (number, f"[1, {number}]"):
        with pytest.raises(SpecError, match=r"beyond 10\^18"):
            read_value(value, "--set a")
    with pytest.raises(SpecError) as caught:
        evaluate(read_value(f"0 + {number}", "--set a"), {})
    assert caught.value.code in ("number-too-large", "expression-too-large", "not-an-expression")


@pytest.mark.parametrize("number", [".inf", "-.INF", ".nan", "inf", "nan", "1e19 * 10", "10 * 999999999999999999"])
def test_numbers_that_are_none(number):
    error = refusal(f"input: [3, 8]\nlayers: [{{maxpool: 1, stride: {number}}}]")
    assert error.code in ("not-an-expression", "unknown-variable", "number-too-large")


def test_the_bound_of_numbers_is_exact():
    spec = load_text(f"input: [3]\nvars: {{a: {10**18}, b: {-(10**18)}, c: {'0' * 90}7}}\nlayers: []")
    values = {name: variable.value for name, variable in spec.variables.items()}
    assert values == {"a": 10**18, "b": -(10**18), "c": 7}
    assert refusal(f"input: [3]\nvars: {{a: {10**18 + 1}}}\nlayers: []").code == "number-too-large"
    assert load_text("title: '99999999999999999999'\ninput: [3]\nlayers: []").title == "9" * 20


@pytest.mark.parametrize("size", ["0", "-1", "1000000001", "1.5", "true", "[1]", "[[1], 2]"])
def test_sizes_of_the_input(size):
    error = refusal(f"input: [3, {size}]\nlayers: []")
    assert error.code == "unfit-input"
    assert "whole numbers from 1 to 10^9" in error.message


# Nesting.


def alias_chain(levels: int, link: str) -> str:
    """Anchors of which each stands in the next."""
    return "".join(f"  - &a{i} {link.replace('X', f'*a{i - 1}' if i else 'relu')}\n" for i in range(levels))


@pytest.mark.parametrize("link", ["[X]", "{layers: [X]}", "{add: [[X], []]}", "{a: X}"])
def test_aliases_nest_no_deeper_than_what_is_written_out(link):
    for levels in (70, 200):
        error = refusal("layers:\n" + alias_chain(levels, link))
        assert error.code == "too-deep"
        assert "nested deeper than 64 levels" in error.message
    nested = link
    for _ in range(70):
        nested = nested.replace("X", link)
    assert refusal(f"layers: [{nested.replace('X', 'relu')}]").code == "too-deep"


def test_aliases_up_to_the_bound_are_read():
    """30 groups in each other: 60 levels."""
    assert len(load_text("layers:\n" + alias_chain(30, "{layers: [X]}")).layers) == 30


def test_variables_nest_no_deeper_than_the_bound():
    rows = ["  a0: [1]", *(f"  a{i}: {'[' * 60}a{i - 1}{']' * 60}" for i in range(1, 90))]
    error = refusal("vars:\n" + "\n".join(rows) + "\ninput: [3]\nlayers: []")
    assert (error.code, error.message) == ("too-deep", "a list is nested deeper than 64 levels")


def test_reading_blocks_that_call_each_other_is_linear():
    def text(levels: int) -> str:
        rows = [f"  b{i}: {{layers: [b{i + 1}, b{i + 1}]}}" for i in range(levels)]
        return "input: [3]\nblocks:\n" + "\n".join(rows) + f"\n  b{levels}: {{layers: []}}\nlayers: [b0]\n"

    with Work() as work:
        assert len(load_text(text(30)).blocks) == 31
        load_text(text(3000))
    assert work.done < 120


# Files.


def test_a_pipe_is_not_waited_for(tmp_path):
    fifo = tmp_path / "spec.yaml"
    os.mkfifo(fifo)
    for path, what in ((fifo, "pipe"), (Path("/dev/zero"), "device"), (tmp_path, "folder")):
        with pytest.raises(RequestError, match=what) as caught:
            load(path)
        assert caught.value.code == "not-a-file"


def test_a_link_to_a_spec_is_read(tmp_path):
    (tmp_path / "spec.yaml").write_text("title: linked\ninput: [3]\nlayers: []")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "spec.yaml")
    assert load(tmp_path / "link.yaml").title == "linked"


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "large.yaml").write_bytes(b"#" * 250_001)
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe")
    for name, code in (
        ("large.yaml", "too-large"),
        ("bytes.yaml", "not-text"),
        ("none.yaml", "no-such-file"),
        ("large.yaml/x.yaml", "unreadable-file"),
        ("a\0b.yaml", "unreadable-file"),
    ):
        with pytest.raises(RequestError) as caught:
            load(tmp_path / name)
        assert caught.value.code == code
    with pytest.raises(RequestError, match="did you mean 'alexnet'"):
        load(tmp_path / "alxnet.yaml")
    assert read_text(zoo.path("lenet5"), "spec", 10_000).startswith("title")


@pytest.mark.parametrize(
    "address", ["https://example.org/a.yaml", "http://a/b", "s3://bucket/net.yaml", "FILE:///a.yaml"]
)
def test_addresses_are_not_opened(address):
    with pytest.raises(RequestError, match="is an address: cnncalc opens none") as caught:
        load(address)
    assert caught.value.code == "address"


SECRET = "hunter2"
OTHER_FILES = {
    "passwd": f"root:x:0:0:{SECRET}:/root:/bin/bash\nnobody:x:9:9::/:/bin/{SECRET}\n",
    "key": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n-----END OPENSSH PRIVATE KEY-----\n",
    "environment": f"export PASSWORD={SECRET}\n# layers: of secrets\nTOKEN: '{SECRET}\n",
    "ini": f"[{SECRET}]\npassword = {SECRET}\n",
    "secret of a cluster": f"apiVersion: v1\nkind: Secret\ndata:\n  password: {SECRET}\n",
    "with one key of ours": f"user: me\npassword: {SECRET}\ninput: x\n",
    "with our dullest keys": f"title: {SECRET}\nsource: {SECRET}\n",
    "json": f'{{"user": "me", "password": "{SECRET}", "input": 1}}',
    "broken json": f'{{"user": "me",\n"password": "{SECRET}",,\n',
    "list": f"- name: {SECRET}\n- {SECRET}\n",
    "word": SECRET,
    "number": "123456789",
    "a comment": f"# {SECRET}\n",
    "an alias": f"password: *{SECRET}\n",
    "a tag": f"password: !{SECRET} x\n",
    "an anchor": f"password: &{SECRET} [*{SECRET}]\n",
    "given twice": f"{SECRET}: 1\n{SECRET}: 2\n",
    "a merge key": f"<<: {SECRET}\n",
    "two documents": f"---\n{SECRET}\n---\n{SECRET}\n",
    "a tab": f"password:\n\t{SECRET}\n",
    "too many values": f"password: [{'[hunter2], ' * 30_000}]",
    "too deep": "password: " + "[" * 90 + SECRET,
    "python": f"import os\npassword = '{SECRET}'\nif x: y\n",
    "mail": f"From: me\nSubject: {SECRET}\ninput: {SECRET}\n\n{SECRET}\n",
}


@pytest.mark.parametrize("text", OTHER_FILES.values(), ids=OTHER_FILES)
def test_no_line_of_another_file_is_shown(text):
    with pytest.raises(SpecError) as caught:
        load_text(text, origin="given.yaml")
    rendered = caught.value.render()
    assert SECRET not in rendered
    assert "123" not in rendered
    assert " | " not in rendered
    assert "--> given.yaml:" in rendered


SPECS = {
    "a wrong key": "input: [3]\nlayer: []\n",
    "another wrong key": "layers: [relu]\ninptu: [3]\n",
    "a tab": "input:\n\t- 3\n",
    "in one line": "{title: x, input: [3], layers: [rellu]}",
    "in one line, broken": "{input: [3], layers: [relu",
    "as JSON": '{"input": [3], "layers": ["rellu"]}',
    "only layers": "layers: [rellu]",
    "given twice": "input: [3]\ninput: [3]\n",
}


@pytest.mark.parametrize("text", SPECS.values(), ids=SPECS)
def test_the_line_at_fault_of_a_spec_is_shown(text):
    error = refusal(text)
    assert f"{error.place.line + 1} | " in error.render()
    assert error.place.source.line(error.place.line).strip() in error.render()


def test_the_nearest_key_is_named_of_a_file_with_other_keys():
    assert "did you mean 'layers'" in refusal("layer: []\n").render()


# Messages.

MENDS = {
    "{conv: 8, kernel_size: 3}": "did you mean 'kernel'?",
    "{conv: 8, kernelSize: 3}": "did you mean 'kernel'?",
    "{maxpool: 2, strides: 2}": "did you mean 'stride'?",
    "{conv: 8, kernel: 3, pad: 1}": "did you mean 'padding'?",
    "{conv: 8, kernel: 3, in_channels: 3}": "known from the input",
    "{upsample: , scale_factor: 2}": "did you mean 'factor'?",
    "{sepconv: 8, kernel: 3}": "here it is called 'separable'",
    "{sep_conv: 8, kernel: 3}": "here it is called 'separable'",
    "{SeparableConv2D: 8, kernel: 3}": "here it is called 'separable'",
    "{conv_transpose: 8, kernel: 3, padding: same}": "give a number, or one per dimension",
    "{conv: 2 ^ 3, kernel: 3}": "a power is written **",
    "{conv: .inf, kernel: 3}": "numbers are finite",
}


@pytest.mark.parametrize(("item", "mend"), MENDS.items())
def test_mends(item, mend):
    assert mend in refusal(f"input: [3, 8, 8]\nlayers: [{item}]").render()


def test_every_other_name_leads_to_one_of_ours():
    from cnncalc.language import reader

    assert set(reader._OTHER_NAMES.values()) <= set(KINDS)
    options = {option for kind in KINDS.values() for option in kind.__struct_fields__}
    assert {name for names in reader._OTHER_OPTIONS.values() for name in names} <= options


def test_a_word_that_a_kind_does_not_take():
    error = refusal("input: [3, 8, 8]\nlayers: [{conv_transpose: 8, kernel: 3, padding: same}]")
    assert error.message == "'padding' of 'conv_transpose' does not take the word 'same'"
    assert expand(  # unless it is a variable
        load_text("vars: {same: 1}\ninput: [3, 8, 8]\nlayers: [{conv_transpose: 8, kernel: 3, padding: same}]")
    )


def test_names_are_not_values():
    """Wherever the name is given, and whether before or after."""
    for item in ("{conv: enc, kernel: 1}", "{conv: 2, kernel: [enc, 1]}", "{relu: , when: enc > 1}", "{b: enc + 1}"):
        error = refusal(
            f"input: [3, 8, 8]\nblocks: {{b: {{vars: {{w: }}, layers: []}}}}\nlayers: [{item}, {{relu: , name: enc}}]"
        )
        assert error.code == "name-as-value"
        assert error.message == "'enc' is the name of a layer, and no number"
    late = "input: [3]\nblocks: {b: {vars: {w: }, layers: []}}\nlayers: [{b: enc}, {relu: , name: enc}]"
    assert refusal(late).code == "forward-from"
    assert refusal("input: [3]\nlayers: [{relu: , repeat: enc}]").code == "unknown-variable"


def test_a_spec_without_layers():
    from cnncalc.language.reader import no_layers

    assert "layers: [{conv" in no_layers(load_text("input: [3]\n")).render()
    assert "its members" in no_layers(load("families/resnet")).render()
    assert "families/resnet has none either" in no_layers(load_text("extends: families/resnet\n")).render()


def test_words_of_a_spec_stay_on_their_line():
    for text in (
        'input: [3]\n"a\\nerror: b": 1\n"a\\nerror: b": 2\nlayers: []',
        'input: [3]\nlayers: [{"a\\nb": 1}]',
        'input: [3]\nblocks: {"a\\u202eb": {layers: []}}\nlayers: []',
        'input: [3]\nlayers: [{relu: , "a\\x9bb": 2}]',
    ):
        error = refusal(text)
        assert "\n" not in error.message
        assert all(c.isprintable() or c == "\n" for c in error.render())


# "Did you mean".


def misspelt(r: random.Random, word: str) -> str:
    letters = list(word)
    for _ in range(r.choice((1, 1, 2, 3))):
        at = r.randrange(len(letters) + 1)
        letters[at : at + r.randrange(2)] = r.choice(("", "a", "o", "_", "1"))
    return "".join(letters)


def test_the_nearest_word_is_that_of_difflib():
    r = random.Random(2)
    known = [*KINDS, *zoo.names(), *{option for kind in KINDS.values() for option in kind.__struct_fields__}]
    found = 0
    for _ in range(500):
        word = misspelt(r, r.choice(known))
        (nearest,) = get_close_matches(word.lower(), known, n=1) or [None]
        assert did_you_mean(word, known) == (nearest and f"did you mean '{nearest}'?")
        found += nearest is not None
    assert found > 400


@pytest.mark.parametrize("letters", ["ab", "abcdefghijklmnop", "a"])
def test_the_nearest_word_is_soon_found(letters):
    r = random.Random(3)
    known = ["".join(r.choices(letters, k=95)) + f"{i:05}" for i in range(20_000)]
    with Work() as work:
        did_you_mean("".join(r.choices(letters, k=100)), known)
    assert work.done < 20


# Files that are no specs, read as specs are.

DEVICE_KEYS, DEVICE_MARKS = ("title", "source", "flops", "bandwidth", "memory"), ("flops", "bandwidth")
PLAIN = {
    "merge key": ("flops: &a {x: 1}\nbandwidth: {<<: *a}", "merge-key", "2:13"),
    "merge explosion": (
        "flops:\n  a0: &a0 {x: 1}\n"
        + "".join(f"  a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 20)),
        "merge-key",
        "3:12",
    ),
    "aliases of aliases": (
        "flops: &a0 [1, 1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 30)),
        "too-many-values",
        None,
    ),
    "timestamp tag": ("flops: {a: 1}\nbandwidth: !!timestamp 2001-01-01", "tag", "2:12"),
    "many digits": (f"flops: {{a: 1}}\nbandwidth: {'9' * 5000}", "number-too-large", "2:12"),
    "given twice": ("flops: {a: 1}\nbandwidth: 1\nbandwidth: 2", "given-twice", "3:1"),
    "given twice inside": ("flops: {a: 1, a: 2}\nbandwidth: 1", "given-twice", "1:15"),
    "unknown key": ("flops: {a: 1}\nbandwith: 1", "unknown-key", "2:1"),
    "deep": (f"flops: {'[' * 90}", "too-deep", None),
    "two documents": ("flops: {a: 1}\n---\nflops: 1", "several-documents", "2:1"),
    "a spec": ("input: [3]\nlayers: [relu]", "another-file", "1:1"),
}


@pytest.mark.parametrize(("text", "code", "place"), PLAIN.values(), ids=PLAIN)
def test_plain_files(text, code, place):
    with Work() as work, pytest.raises(SpecError) as caught:
        plain.read_plain(Source("d.yaml", text), "a device", DEVICE_KEYS, DEVICE_MARKS)
    assert caught.value.code == code
    assert place is None or str(caught.value.place) == f"d.yaml:{place}"
    assert work.done < 60


@pytest.mark.parametrize("text", OTHER_FILES.values(), ids=OTHER_FILES)
def test_no_line_of_another_file_is_shown_for_a_device(text):
    with pytest.raises(SpecError) as caught:
        plain.read_plain(Source("d.yaml", text), "a device", DEVICE_KEYS, DEVICE_MARKS)
    assert SECRET not in caught.value.render()


def test_the_devices_are_read_as_specs_are():
    """And say what they say to another reader of YAML."""
    import yaml

    folder = ROOT / "cnncalc" / "devices"
    assert list(folder.glob("*.yaml"))
    for file in folder.glob("*.yaml"):
        text = file.read_text("utf-8")
        read = plain.read_plain(Source(file.name, text), "a device", DEVICE_KEYS, DEVICE_MARKS).data
        other = yaml.safe_load(text)
        other["flops"] = {key: float(value) for key, value in other["flops"].items()}  # YAML 1.1 takes 1e12 for a word
        other |= {key: float(other[key]) for key in ("bandwidth", "memory") if key in other}
        assert read == other


def test_plain_files_as_structs():
    from cnncalc.costs.roofline import Device

    good = "title: a\nsource: b\nflops: {float32: 1e12}\nbandwidth: 1e9\n"
    assert plain.read_as(Source("d.yaml", good), Device, "a device", DEVICE_MARKS).flops == {"float32": 1e12}
    for wrong, code, place in (
        (good.replace("1e9", "0"), "unfit-value", "4:12"),
        (good.replace("1e9", ".inf"), "unfit-value", "4:12"),
        (good.replace("1e9", "true"), "unfit-value", "4:12"),
        (good.replace("1e12", "x"), "unfit-value", "3:8"),
        (good.replace("title: a\n", ""), "missing-key", "1:1"),
    ):
        with pytest.raises(SpecError) as caught:
            plain.read_as(Source("d.yaml", wrong), Device, "a device", DEVICE_MARKS)
        assert (caught.value.code, str(caught.value.place)) == (code, f"d.yaml:{place}")
        assert "$" not in caught.value.render()


# Codes.

RAISERS = {"SpecError", "RequestError", "LayerError", "CnncalcError", "ExpressionError"}
MENDED = ("language", "zoo/index.py", "errors.py")
"""The places of which every error has a code of its own."""


def calls_of(file: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)]


def codes_in(call: ast.Call) -> list[str]:
    """The codes that a call gives as words."""
    return [
        word.value.value
        for word in call.keywords
        if word.arg == "code" and isinstance(word.value, ast.Constant) and isinstance(word.value.value, str)
    ]


def test_every_code_is_in_the_tables_and_every_entry_is_used():
    files = [file for file in (ROOT / "cnncalc").rglob("*.py") if file.name != "error_codes.py"]
    used = {code for file in files for call in calls_of(file) for code in codes_in(call)}
    classes = {cls.code for cls in (CnncalcError, RequestError, SpecError)} | {"op", "sweep-check"}
    assert used | classes == set(error_codes.known())


def test_every_error_of_the_language_has_a_code():
    package = ROOT / "cnncalc"
    files = [package / "zoo" / "index.py", *(package / "language").glob("*.py")]
    bare = [
        f"{file.name}:{call.lineno}"
        for file in files
        if file.name != "expand.py"
        for call in calls_of(file)
        if isinstance(call.func, ast.Name) and call.func.id in RAISERS
        if not any(word.arg == "code" for word in call.keywords)
    ]
    assert bare == []


def test_the_page_of_codes_is_current():
    written = (ROOT / "docs" / "errors.md").read_text("utf-8")
    assert written == error_codes.page(), "run: python -m cnncalc.error_codes > docs/errors.md"
    example = "input: [3, 8, 8]\nlayers:\n  - {conv: 8, kernal: 3}\n"
    with pytest.raises(SpecError) as caught:
        load_text(example, origin="mine.yaml")
    assert caught.value.render() in written


def test_fuzzing_the_language():
    """A short run with a fixed seed; the long one is `python -m tests.fuzz.language 100000`."""
    command = [sys.executable, "-m", "tests.fuzz.language", "1500", "--seed", "1"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
