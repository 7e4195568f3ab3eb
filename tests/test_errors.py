"""Wrong specs: one error, at its place, with the cause and the mend. Never a traceback, never a wrong number."""

import textwrap

import pytest

from cnncalc import RequestError, SpecError, load, load_text
from cnncalc.language.expand import expand

HEADER = "input: [3, 32, 32]\nlayers:\n"


def error_of(text: str, **request) -> SpecError:
    """The error of a spec, with the line at fault in its rendering."""
    with pytest.raises(SpecError) as caught:
        expand(load_text(text, name="my-net", origin="my-net.yaml"), **request)
    rendered = caught.value.render()
    assert rendered.startswith(f"error[{caught.value.code}]: ")
    assert f"--> my-net.yaml:{caught.value.place.line + 1}:{caught.value.place.column + 1}" in rendered
    return caught.value


def test_the_design_s_example():
    text = textwrap.dedent(
        """\
        input: [3, 227, 227]
        layers:
          - {conv: 96, kernel: 11, stride: 4, name: conv1}
          - {maxpool: 3, stride: 2}
          - {conv: 256, kernel: 5, groups: 5, name: conv2}
        """
    )
    assert error_of(text).render() == textwrap.dedent(
        """\
        error[op]: groups must divide the input channels
         --> my-net.yaml:5:36
          |
        5 |   - {conv: 256, kernel: 5, groups: 5, name: conv2}
          |                                    ^ 96 input channels in 5 groups
          = in conv2, on an input of 96x27x27"""
    )


# Each: the items (or a whole spec if it starts with a key), a part of the message, a part of the label or hint.
CASES = {
    "unknown kind": ("- {conf: 64, kernel: 3}", "unknown kind or block 'conf'", "did you mean 'conv'"),
    "unknown bare kind": ("- rellu", "unknown kind or block 'rellu'", "did you mean 'relu'"),
    "unknown option": ("- {conv: 64, kernal: 3}", "'conv' has no option 'kernal'", "did you mean 'kernel'"),
    "a function as a kind": ("- abs", "unknown kind or block 'abs'", "write {apply: abs}"),
    "an activation as an option": (
        "- {conv: 64, kernel: 3, activation: relu}",
        "'conv' has no option 'activation'",
        "an item of its own, after this one: - relu",
    ),
    "a branch from elsewhere as a list": (
        "- add: [[{from: input}], []]",
        "this item has no kind",
        "a branch that reads elsewhere is no list: {from: conv1}",
    ),
    "branches that are no list": (
        "- add: {from: s.*}",
        "'add' takes a list of branches",
        "add: [{from: stack.*.skip}]",
    ),
    "a pattern with a slip": (
        "- {relu: , name: stack1}\n- add: [{from: stak*}]",
        "no layer before it is called like 'stak*'",
        "did you mean 'stack1'?",
    ),
    "a flat branch": (
        "- multiply: [[], [global_avgpool, flatten]]",
        "multiply: the branches' shapes do not meet",
        "a reshape to [C, 1, 1]",
    ),
    "missing main argument": ("- conv", "'conv' needs 'out_channels'", "such as {conv: ...}"),
    "missing option": ("- {conv: 64}", "'conv' needs 'kernel'", "such as {conv: ..., kernel: ...}"),
    "wrong type": ("- {conv: 64, kernel: {a: 1}}", "a number, a list or an expression belongs here", "mapping"),
    "not a whole number": ("- {conv: 64.5, kernel: 3}", "out_channels of 'conv' has an unfit value", "64.5"),
    "a bool for a number": ("- {conv: true, kernel: 3}", "out_channels of 'conv' has an unfit value", "true"),
    "zero kernel": ("- {conv: 64, kernel: 0}", "kernel of 'conv' has an unfit value", ">= 1"),
    "negative padding": ("- {conv: 64, kernel: 3, padding: -1}", "padding of 'conv' has an unfit value", "-1"),
    "padding word": ("- {conv: 64, kernel: 3, padding: smae}", "'smae' is not one of same, valid", "'same'"),
    "dimensions": ("- {conv: 64, kernel: [3, 3, 3]}", "kernel has 3 numbers for 2 spatial dimensions", "or 2"),
    "padding pairs": ("- {conv: 64, kernel: 3, padding: [[1, 2, 3], 1]}", "padding must say", "[1, 2, 3]"),
    "groups of inputs": ("- {conv: 64, kernel: 3, groups: 2}", "groups must divide the input channels", "3 input"),
    "groups of outputs": ("- {conv: 64, kernel: 3, groups: 3}", "groups must divide the output channels", "64"),
    "negative axis": ("- {softmax: , axis: -1}", "axis of 'softmax' has an unfit value", ">= 0"),
    "axis too far": ("- {softmax: , axis: 6}", "axis of 'softmax' has an unfit value", "<= 5"),
    "no room": ("- {conv: 64, kernel: 33}", "conv's kernel is larger than its input", "the height is 32"),
    "no room in a pool": ("- {maxpool: 40}", "maxpool's kernel is larger than its input", "32"),
    "pool padding": ("- {maxpool: 3, padding: 2}", "a pool's padding is at most half its kernel", "2"),
    "add": ("- add: [[], [{conv: 8, kernel: 1}]]", "add: the branches' shapes do not meet", "3x32x32, 8x32x32"),
    "concat": ("- concat: [[], [{maxpool: 2}]]", "concat: the branches' shapes do not meet", "3x16x16"),
    "multiply": ("- multiply: [[], [{maxpool: 2}]]", "multiply: the branches' shapes do not meet", "3x16x16"),
    "no branches": ("- add", "'add' takes a list of branches", "identity"),
    "branch": ("- add: [relu]", "a branch is a list of items", "'relu'"),
    "linear": ("- {linear: 10}", "linear needs a flat input", "add flatten before it"),
    "conv after flatten": ("- flatten\n- {conv: 8, kernel: 1}", "conv needs spatial dimensions", "3072"),
    "duplicate name": ("- {relu: , name: a}\n- {relu: , name: a}", "the name 'a' is given twice", "name"),
    "forward from": ("- {relu: , from: b}\n- {relu: , name: b}", "'b' does not stand before", "earlier"),
    "unknown from": ("- {relu: , name: abc}\n- {relu: , from: abd}", "no layer is called 'abd'", "'abc'"),
    "bad name": ("- {relu: , name: a..b}", "a name is letters, digits", "dots"),
    "two heads": ("- {relu: , conv: 3}", "an item is one thing: 'relu' or 'conv'", "two items"),
    "no head": ("- {name: a}", "this item has no kind", "such as"),
    "an item that is a list": ("- [relu]", "an item is a word", "a list"),
    "an argument too many": ("- {relu: 5}", "'relu' takes no argument", "relu"),
    "twice the argument": ("- {conv: 5, out_channels: 6, kernel: 1}", "'out_channels' is given twice", ""),
    "repeat": ("- {relu: , repeat: -1}", "'repeat' is a whole number from 0", "-1"),
    "repeat of half": ("- {relu: , repeat: 1 / 2}", "'repeat' is a whole number from 0", "0.5"),
    "repeat too often": ("- {relu: , repeat: 1000000000}", "more than 1,000,000 layers", ""),
    "nested repeats": (
        "- {layers: [{layers: [], repeat: 1000000}], repeat: 1000000}",
        "expands to too many items",
        "",
    ),
    "layers by nested repeats": (
        "- {layers: [{relu: , repeat: 9999}], repeat: 9999}",
        "more than 1,000,000 layers",
        "",
    ),
    "condition": ("- {relu: , when: [1]}", "'when' is a condition", ""),
    "unknown variable": ("- {conv: widht, kernel: 1}", "unknown variable 'widht'", "the variables here are"),
    "attribute": ("- {conv: channels.real, kernel: 1}", "expressions have no attributes", "numbers, variables"),
    "call": ("- {conv: 'exit()', kernel: 1}", "there is no function 'exit'", "functions"),
    "huge number": ("- {conv: 10 * 999999999999999999, kernel: 1}", "beyond 10^18", ""),
    "digits": ("- {conv: 99999999999999999999, kernel: 1}", "a number is beyond 10^18", "quotes"),
    "huge output": ("- {upsample: 999999999}", "larger than 10^9", ""),
    "tag": ("- !!python/name:os.system relu", "tags are not part", "python"),
    "merge key": ("- {<<: {conv: 1}}", "merge keys are not part", "block"),
    "connections": ("- {conv: 2, kernel: 1, connections: [[0]]}", "connections need one list", "1 list"),
    "connection out of range": ("- {conv: 1, kernel: 1, connections: [[7]]}", "connections name the input", "[7]"),
    "slice": ("- {slice: [2, 9]}", "slice takes [start, stop] within the channels", "2 to 9"),
    "head without name": ("- {head: , layers: [relu]}", "a name is letters", ""),
    "empty layers": ("- {layers: }", "'layers' is empty", "[]"),
    "output padding": (
        "- {conv_transpose: 8, kernel: 3, output_padding: 1}",
        "output_padding must be smaller",
        "stride 1",
    ),
}


@pytest.mark.parametrize(("items", "message", "detail"), CASES.values(), ids=CASES)
def test_wrong_items(items, message, detail):
    error = error_of(HEADER + textwrap.indent(items, "  ") + "\n")
    assert message in error.message
    assert detail in error.render()
    assert error.place.line >= 2


# What a newcomer writes: the spec, where the error is (line and column from 1), and the mend.
NEWCOMERS = {
    "tabs": ("input: [3, 8, 8]\nlayers:\n\t- relu\n", "3:1", "YAML indents with spaces"),
    "a bracket left open": (HEADER + "  - {conv: 8, kernel: 3\n  - relu\n", "3:5", "close it with }"),
    "a quote left open": (HEADER + "  - {conv: 8, kernel: 3, padding: 'same}\n", "3:35", "close it with '"),
    "an index without quotes": (HEADER + "  - {conv: 8,\n     kernel: k[0]}\n", "4:15", "needs quotes"),
    "a function without quotes": (HEADER + "  - {conv: max(8, 2), kernel: 3}\n", "3:19", "needs quotes"),
    "a dash without a space": (HEADER + "  -{conv: 8, kernel: 3}\n", "3:20", "a dash wants a space"),
    "a colon without a space": (HEADER + "  - {conv:8, kernel: 3}\n", "3:6", "a space after the colon"),
    "dashes out of line": (HEADER + "  - relu\n   - relu\n", "3:5", "stand in one column"),
    "keys out of line": (HEADER + "  - conv: 8\n     kernel: 3\n", "4:12", "stand in one column"),
    "layers without dashes": (HEADER + "  conv: 8\n  kernel: 3\n", "3:3", "begin each item with a dash"),
    "a size as one word": ("input: 3x8x8\nlayers: [relu]\n", "1:8", "such as [3, 224, 224]"),
    "a kernel as one word": (HEADER + "  - {conv: 8, kernel: 3x3}\n", "3:23", "a list is written [3, 3]"),
    "one equals sign": (HEADER + "  - {relu: , when: channels = 3}\n", "3:20", "=="),
    "a YAML 1.1 boolean": (HEADER + "  - {conv: 8, kernel: 3, bias: no}\n", "3:32", "true or false"),
    "options inside": (HEADER + "  - {conv: {out_channels: 8, kernel: 3}}\n", "3:12", "beside the argument"),
    "another tool's option": (HEADER + "  - {conv: 8, activation: relu}\n", "3:15", "an item of its own"),
    "another tool's word": (HEADER + "  - {dense: 8}\n", "3:6", "called 'linear'"),
    "PyTorch's word": (HEADER + "  - {ConvTranspose2d: 8, kernel: 2}\n", "3:6", "called 'conv_transpose'"),
    "the words of a sentence": (HEADER + "  - conv 8 3\n", "3:5", "in braces"),
    "an item for a branch": (HEADER + "  - add:\n    - conv: 3\n      kernel: 1\n    - []\n", "4:7", "a second dash"),
    "a name for a branch": (HEADER + "  - relu\n  - {concat: [relu1, []]}\n", "4:15", "{from: conv1}"),
    "an unknown name": (HEADER + "  - {relu: , name: a}\n  - {relu: , from: zzz}\n", "4:20", "stand input, a"),
}


@pytest.mark.parametrize(("text", "place", "mend"), NEWCOMERS.values(), ids=NEWCOMERS)
def test_mistakes_of_newcomers(text, place, mend):
    lines = error_of(text).render().splitlines()
    assert lines[1].endswith(f":{place}")
    assert mend in lines[-1]


def test_an_error_in_a_block_tells_where_it_was_called():
    error = error_of(
        "input: [3, 8, 8]\n"
        "blocks:\n"
        "  inner: {vars: {width: }, layers: [{conv: width, kernel: 1}]}\n"
        "  outer: {vars: {width: }, layers: [{inner: width / 3}]}\n"
        "layers:\n"
        "  - {outer: 3}\n"
        "  - {outer: 4}\n"
    )
    assert error.render().splitlines()[-2:] == [
        "  = in block 'inner', called at my-net.yaml:4:38",
        "  = in block 'outer', called at my-net.yaml:7:6",
    ]


WHOLE = {
    "empty": ("", "the spec is empty"),
    "only a comment": ("# nothing\n", "the spec is empty"),
    "not YAML": ("input: [3, 32\nlayers: {", "this is not YAML"),
    "tabs": ("input:\n\t- 3\n", "this is not YAML"),
    "a list": ("- relu\n", "a spec is a mapping"),
    "a word": ("relu\n", "a spec is a mapping"),
    "two documents": ("input: [3]\n---\ninput: [3]\n", "a spec is one YAML document"),
    "unknown key": ("input: [3]\nlayer: []\n", "a spec has no key 'layer'"),
    "key twice": ("input: [3]\ninput: [4]\n", "'input' is given twice"),
    "no layers": ("input: [3, 8, 8]\n", "the spec has no 'layers'"),
    "no input": ("layers: [relu]\n", "the spec has no 'input'"),
    "input of nothing": ("input: []\nlayers: [relu]\n", "input has 1 to 6 sizes"),
    "input of zero": ("input: [3, 0, 8]\nlayers: [relu]\n", "whole numbers from 1"),
    "input of words": ("input: [a, b]\nlayers: [relu]\n", "unknown variable 'a'"),
    "layers that are a word": ("input: [3]\nlayers: relu\n", "'layers' is a list"),
    "control characters": ("input: [3]\nlayers: [re\x01lu]\n", "this is not YAML"),
    "a lone surrogate": ("input: [3]\nlayers: ['\ud800']\n", "this is not YAML"),
    "unknown block": ("input: [3]\nblocks: {}\nlayers: [{blok: 3}]\n", "unknown kind or block 'blok'"),
    "block argument": (
        "input: [3, 8, 8]\nblocks: {b: {vars: {w: }, layers: [{conv: w, kernel: 1}]}}\nlayers: [b]\n",
        "block 'b' needs its argument 'w'",
    ),
    "block option": (
        "input: [3, 8, 8]\nblocks: {b: {vars: {w: }, layers: []}}\nlayers: [{b: 1, x: 2}]\n",
        "'b' has no option 'x'",
    ),
    "a block of itself": (
        "input: [3]\nblocks: {b: {layers: [c]}, c: {layers: [{layers: [b]}]}}\nlayers: [b]\n",
        "contains itself",
    ),
    "a block named as a kind": ("input: [3]\nblocks: {conv: {layers: []}}\nlayers: []\n", "word of the language"),
    "a variable named as a word": ("vars: {channels: 3}\ninput: [3]\nlayers: []\n", "cannot name a variable"),
    "a variable without value": ("vars: {n: }\ninput: [3]\nlayers: []\n", "the variable 'n' has no value"),
    "extends nothing": ("extends: families/resnt\n", "there is no spec 'families/resnt' to extend"),
    "extends a path": ("extends: ../../etc/passwd\n", "to extend"),
    "extends an absolute path": ("extends: /etc/passwd\n", "to extend"),
    "published without source": ("input: [3]\nlayers: []\npublished: [{params: 1}]\n", "names its source"),
    "published training": (
        "input: [3]\nlayers: []\npublished: [{params: 1, source: y, training: yes}]\n",
        "'training' is true or false",
    ),
    "published words": ("input: [3]\nlayers: []\npublished: [{params: x, source: y}]\n", "must be a number"),
    "unknown anchor": ("input: *x\n", "unknown anchor 'x'"),
    "an alias in itself": ("input: &x [*x]\n", "contains itself"),
}


@pytest.mark.parametrize(("text", "message"), WHOLE.values(), ids=WHOLE)
def test_wrong_specs(text, message):
    assert message in error_of(text).message


def test_deep_nesting():
    for text in ("[" * 100_000, "- " * 100_000, "{a: " * 100_000, "(" * 100_000):
        error_of(text)


def test_billion_laughs():
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    assert "more than 50,000 values" in error_of("\n".join(rows)).message


def test_blocks_that_call_each_other_twice():
    blocks = {f"b{i}": f"{{layers: [b{i + 1}, b{i + 1}]}}" for i in range(30)}
    rows = [f"  {name}: {body}" for name, body in blocks.items()]
    error = error_of("input: [3]\nblocks:\n" + "\n".join(rows) + "\n  b30: {layers: []}\nlayers: [b0]\n")
    assert "too many items" in error.message


def test_a_long_chain_of_blocks():
    rows = [f"  b{i}: {{layers: [b{i + 1}]}}" for i in range(5000)]
    error = error_of("input: [3]\nblocks:\n" + "\n".join(rows) + "\n  b5000: {layers: []}\nlayers: [b0]\n")
    assert "deep" in error.message


def test_a_file_too_large():
    assert "larger than" in error_of("#" * 250_001).message


def test_long_lines_are_shown_in_part():
    error = error_of(HEADER + f"  - {{conv: 64, kernel: 3, {'x' * 5000}: 1}}\n")
    assert max(map(len, error.render().splitlines())) < 160


@pytest.mark.parametrize("file", ["missing.yaml", ".", "./nothing/at/all.yaml"])
def test_files_that_are_no_specs(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RequestError):
        load(tmp_path / file)


def test_binary_junk(tmp_path):
    junk = tmp_path / "junk.yaml"
    junk.write_bytes(bytes(range(256)) * 10)
    with pytest.raises(RequestError, match="is not a text file"):
        load(junk)


def test_an_unknown_network_names_the_nearest():
    with pytest.raises(RequestError, match="did you mean 'alexnet'"):
        load("alxnet")


def test_requests_that_do_not_fit_the_network():
    spec = load("alexnet")
    with pytest.raises(RequestError, match="no variable 'clases'"):
        expand(spec, vars={"clases": 10})
    with pytest.raises(RequestError, match="an input has"):
        expand(spec, input=(3, 0, 224))
    with pytest.raises(RequestError, match="an input has"):
        expand(spec, input=(3, 224.5, 224))
    with pytest.raises(SpecError, match="kernel is larger"):
        expand(spec, input=(3, 5, 5))
    with pytest.raises(RequestError, match="did you mean 'conv1'"):
        expand(spec)["conv11"]
    with pytest.raises(RequestError, match="did you mean 'conv1'"):
        expand(spec).node("conv11")


def test_channels_that_stand_last_are_told_from_small_images():
    for channels in range(1, 8):
        spec = load_text(f"input: [{channels}, 9, 9]\nlayers: [relu]\n")
        assert expand(spec, input=(channels, 9, 7)).input == (channels, 9, 7)
        if channels <= 4:
            with pytest.raises(RequestError, match="stand last") as caught:
                expand(spec, input=(9, 7, channels))
            assert caught.value.hint == f"channels come first: {channels}x9x7"
        else:
            assert expand(spec, input=(9, 7, channels)).input == (9, 7, channels)
    assert expand(load_text("input: [4, 9, 9]\nlayers: [relu]\n"), input=(4, 4, 4)).input == (4, 4, 4)


def test_yaml_1_2_words_are_words():
    spec = load_text("title: no\nfamily: on\nsource: 1:30\nvars: {n: 010}\ninput: [n, 4, 4]\nlayers: [relu]\n")
    assert (spec.title, spec.family, spec.source) == ("no", "on", "1:30")
    assert expand(spec).input == (10, 4, 4)


def test_a_word_that_is_no_network_may_be_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text("{input: [3], layers: [{linear: 2}]}")
    (tmp_path / "alexnet").write_text("not a spec")
    assert load("mine").name == "mine"
    assert load("alexnet").title == "AlexNet"
    with pytest.raises(RequestError, match="is a folder"):
        load(".")
