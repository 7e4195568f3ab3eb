"""Fuzzing: a short run with a fixed seed, and a test for each thing that fuzzing found.

The long run is `python -m tests.fuzz --count 200000`.
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from random import Random

import pytest

from cnncalc import RequestError, SpecError, load_text, network
from cnncalc.language.expand import expand
from cnncalc.ops.pool import adaptive_taps
from tests.fuzz import commands
from tests.fuzz.check import MAX_LAYERS, check_file, check_text
from tests.fuzz.commands import check_csv, check_files, check_json, check_markdown, run
from tests.fuzz.limits import Finding
from tests.fuzz.lines import place

ROOT = Path(__file__).parent.parent
COMMANDS = ("show", "params", "flops", "shapes", "memory", "rf", "compare", "explain", "bottleneck", "reconcile")


def test_a_short_run():
    """In a process of its own, whose memory is bounded."""
    command = [sys.executable, "-m", "tests.fuzz", "--count", "2000", "--seed", "1"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 findings" in run.stdout


def nested(item: str, levels: int) -> str:
    for _ in range(levels):
        item = f"{{layers: [{item}]}}"
    return item


def chain(count: int, call: str, end: str) -> str:
    """Blocks b0, b1, ..., each of which calls the next."""
    blocks = [f"b{i}: {{layers: [{call.replace('NEXT', f'b{i + 1}')}]}}" for i in range(count)]
    return "{" + ", ".join([*blocks, f"b{count}: {{layers: [{end}]}}"]) + "}"


def numbers(count: int, number: str = "1") -> str:
    return ", ".join([number] * count)


def words(count: int, word: str) -> str:
    return ", ".join(word.format(i) for i in range(count))


LONG_CALL = "{NEXT: , name: " + "x" * 90 + "}"
LONG = "1" + " + 1" * 25
SIGNAL = "input: [3, 64]\nlayers: "
# What took too long, too much memory or too many frames, and what is said of it now; None where it is right.
FOUND = {
    "blocks in groups in blocks": (
        f"input: [3]\nblocks: {chain(38, nested('NEXT', 28), 'relu')}\nlayers: [b0]",
        "100 deep in each other",
    ),
    "names on names": (
        f"input: [3]\nblocks: {chain(20, LONG_CALL, '{relu: , repeat: 9000}')}\nlayers: [b0]",
        "longer than 200 characters",
    ),
    "a long list, copied for every layer": (
        f"input: [3]\nblocks: {{b: {{vars: {{w: [{numbers(40_000)}]}}, layers: []}}}}\n"
        "layers: [{b: , repeat: 19000}]",
        "too many items",
    ),
    "a long list, in every layer": (
        "input: [1, 4, 4]\nlayers: [{layers: [{conv: 1, kernel: 1}, {conv: 8000, kernel: 1 * 1, connections: ["
        f"{numbers(8000, '[0]')}]}}], repeat: 9000}}]",
        "too many items",
    ),
    "lists compared": (
        f"input: [3]\nvars: {{a: [{numbers(20_000)}], b: [{numbers(20_000)}]}}\n"
        "layers: [{layers: [{relu: , when: a == b}], repeat: 19000}]",
        "an expression is over numbers",
    ),
    "variables without end": (
        f"input: [3]\nvars: {{{words(10_000, 'v{}: 1')}}}\nlayers: []",
        "more than 100 variables",
    ),
    "a block with many variables": (
        f"input: [3]\nblocks: {{b: {{vars: {{{words(9000, 'v{}: 1')}}}, layers: []}}}}\nlayers: [{numbers(9000, 'b')}]",
        "more than 100 variables",
    ),
    "a chain of seven thousand blocks": (
        f"input: [3]\nblocks: {chain(7000, 'NEXT', 'relu')}\nlayers: [b0]",
        "100 deep in each other",
    ),
    "names that the automatic ones must avoid": (
        f"input: [3]\nlayers: [{{layers: [{words(9000, '{{relu: , name: relu{}}}')}], when: false}}, "
        "{layers: [relu], name: g, repeat: 19000}]",
        "too many items",
    ),
    "more values than a spec holds": (f"{SIGNAL}[{{conv: 1, kernel: [{numbers(60_000)}]}}]", "more than 50,000 values"),
    "an adaptive pool with a billion windows": (f"{SIGNAL}[{{adaptive_maxpool: 999999937}}]", None),
    "upsampling to a large prime": (f"{SIGNAL}[{{upsample: , size: 999999937}}, {{conv: 3, kernel: 3}}]", None),
    "upsampling from prime to prime": (
        f"{SIGNAL}[{{upsample: , size: 1009}}, {{upsample: , size: 10007}}, {{upsample: , size: 99991}}, "
        "{conv: 3, kernel: 3}]",
        None,
    ),
    "a transposed convolution of long stride": (f"{SIGNAL}[{{conv_transpose: 3, kernel: 3, stride: 9999991}}]", None),
    "branches of different irregular strides": (
        "input: [3, 1000000]\nlayers: [{concat: [[{adaptive_maxpool: 999983}], "
        "[{adaptive_maxpool: 999979}, {upsample: , size: 999983}]]}, {conv: 3, kernel: 3}]",
        None,
    ),
    "holes in a very long input": (
        "input: [3, 999999999]\nlayers: [{conv: 3, kernel: 2, stride: 5}, global_avgpool]",
        None,
    ),
    "dilated upon dilated": (
        "input: [3, 999999999]\n"
        "layers: [{conv: 3, kernel: 1000000, dilation: 3}, {conv: 3, kernel: 1000, dilation: 7}]",
        None,
    ),
    "no layers": (f"{SIGNAL}[]", None),
    "a name that no file system takes": (f"extends: {'a' * 300}", "there is no spec"),
    "an input of a long list": (f"vars: {{a: [{numbers(20_000)}]}}\ninput: [a]\nlayers: []", "whole numbers from 1"),
    "a very long anchor": (f"input: *{'a' * 100_000}", "unknown anchor"),
    "an expression over two lines": (
        "input: [3, 4]\nlayers:\n- conv: 1 +\n    nothing\n  kernel: 1",
        "unknown variable 'nothing'",
    ),
    "an expression in other letters": ("input: [3, 4]\nlayers: [{conv: é + ñ, kernel: 1}]", "unknown variable 'é'"),
    "a number that runs into a word": ("input: [3]\nlayers: [{relu: , when: 1if 1else 2}]", "is not an expression"),
    "lines that end otherwise": ("input: [3]\u2028layers:\r- rellu\x85", "unknown kind or block 'rellu'"),
    "an unfinished key on the last line": ("input: [3]\nlayers:'a", "this is not YAML"),
    "a mark of byte order": ("\ufeffinput: [3]\nlayers: [rellu]", "unknown kind or block 'rellu'"),
    "numbers beyond machine integers": (f"{SIGNAL}[{{conv: 0xffffffffffffffff, kernel: 1}}]", "beyond 10\\^18"),
    "a decimal beyond machine integers": (f"{SIGNAL}[{{conv: 1e300, kernel: 1}}]", "beyond 10\\^18"),
    "expressions taken again and again": (
        f"input: [3]\nvars: {{v: &a [{numbers(800, LONG)}], {words(55, 'w{}: *a')}}}\nlayers: []",
        "hold too many values",
    ),
    "long expressions for every call": (
        f"input: [3]\nblocks: {{b: {{vars: {{{words(90, 'v{}: ' + LONG)}}}, layers: []}}}}\n"
        "layers: [{b: , repeat: 20000}]",
        "too many items",
    ),
    "published under conditions that do not fit": (
        f"{SIGNAL}[]\npublished: [{{params: 1, source: x, input: [-3, 99999999999]}}]",
        None,
    ),
}


@pytest.mark.parametrize(("text", "message"), FOUND.values(), ids=FOUND)
def test_found(text, message):
    """Within the fuzzer's bounds of time; its checks of places, messages and numbers hold too."""
    reached = check_text(text)
    if message is None:
        assert reached == "analysed"
    else:
        with pytest.raises(SpecError, match=message):
            expand(load_text(text), max_layers=MAX_LAYERS)


def test_a_message_marks_the_word_at_fault():
    for expression, mark in (("4 * wdith", "wdith"), ("'4 * wdith'", "wdith"), ("é + wdith", "é")):
        with pytest.raises(SpecError) as caught:
            expand(load_text(f"input: [3, 4]\nlayers: [{{conv: {expression}, kernel: 1}}]"))
        lines = caught.value.render().splitlines()
        column = lines[4].index("^")
        assert lines[3][column : column + lines[4].count("^")] == mark


def test_an_expression_of_several_lines_is_at_its_first():
    text = "input: [3]\nvars: {a: 1}\nlayers: [{linear: a}]\n"
    assert check_text(text, vars={"a": "1 +\n      2 +"}) == "read"
    assert check_text(text, vars={"a": "\n"}) == "read"


def test_published_variables_are_worked_out():
    """They may be expressions, as everywhere."""
    spec = load_text("vars: {a: 2}\ninput: [a]\nlayers: []\npublished: [{params: 0, source: x, vars: {a: 1 + 2}}]")
    assert network(spec, vars=spec.published[0].variables).input == (3,)


def test_the_elements_of_adaptive_windows():
    """The closed form against the windows themselves."""
    for size in range(1, 40):
        for output in range(1, 40):
            windows = [(i * size // output, -(-(i + 1) * size // output)) for i in range(output)]
            assert adaptive_taps(size, output) == sum(end - start for start, end in windows)


def test_irregular_receptive_fields_are_refused_not_wrong():
    text = "input: [3, 1000]\nlayers: [{upsample: , size: 999999937}, {conv: 3, kernel: 3}]"
    costs = network(text).analyze()
    assert costs.layers[0].params == 0
    assert "too irregular" in costs.layers[1].receptive_field.reason
    with pytest.raises(RequestError, match="too irregular"):
        costs.check_fields()


@pytest.mark.parametrize("data", [b"\xff\xfei\x00", b"\xc3\x28", bytes(range(256)), b"layers: [\x00]", b"\xed\xa0\x80"])
def test_bytes_that_are_no_text(data, tmp_path):
    file = tmp_path / "spec.yaml"
    file.write_bytes(data)
    assert check_file(file) == "refused"


def test_commands_on_no_layers_and_on_large_numbers(tmp_path):
    """Every command on specs at the edges of the language, in every format."""
    texts = (
        f"{SIGNAL}[]",
        f"{SIGNAL}[flatten, {{linear: 999999999}}, {{linear: 999999999, name: a}}]",
        "input: [999999999]\nlayers: [relu]",
        "input: [1, 1, 1, 1, 1, 9]\nlayers: [{conv: 1, kernel: 1, name: conv1}, {head: h, layers: []}]",
        f"{SIGNAL}[{{conv: 4, kernel: 99}}]",
    )
    file = tmp_path / "edge.yaml"
    for number, text in enumerate(texts):
        file.write_text(text, "utf-8")
        for command in COMMANDS:
            words = [command, str(file), *(["resnet18"] if command == "compare" else [])]
            for form in ("table", "json", "csv"):
                ran = run([*words, "--format", form] if command != "show" else words)
                if number == 4 and command != "show":
                    assert (ran.status, ran.errors[:6]) == (2, "error["), (words, ran)
                else:
                    assert ran.status == 0, (words, form, ran)
                    assert ran.output


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (check_json, '{"layers": [], "layers": []}'),
        (check_json, '{"macs": NaN}'),
        (check_json, '{"layers": [{"name": "a", "params": 1}, {"name": "a", "params": 1}], "totals": {"params": 2}}'),
        (check_json, '{"layers": [{"name": "a", "params": 1}], "totals": {"params": 2}}'),
        (check_csv, "name,params\n=1+1,2\n"),
        (check_csv, "name,params\n-x,2\n"),
        (check_csv, "name,params\na\n"),
        (check_markdown, "| a | b |\n| - | - |\n| 1 | 2 | 3 |"),
        (check_markdown, "<script>x</script>"),
        (partial(commands.check_text, "output"), "a\x1b[2J"),
        (partial(commands.check_text, "output"), "a\u202eb"),
        (partial(commands.check_text, "output"), "a\tb"),
    ],
)
def test_the_fuzzer_sees_what_must_not_be_printed(check, text):
    with pytest.raises(Finding):
        check(text)


def test_the_fuzzer_sees_what_a_command_loses(tmp_path):
    text = b"input: [3]\nlayers: [relu]\n"
    here = place(Random(1), tmp_path, text)
    before = {path.name for path in tmp_path.iterdir()}
    check_files(["params", here.file.name], here, before, text, 0)
    (tmp_path / "left.txt").touch()
    with pytest.raises(Finding, match="behind"):
        check_files(["params", here.file.name], here, before, text, 0)
    (tmp_path / "left.txt").unlink()
    (tmp_path / "old.txt").write_text("")
    with pytest.raises(Finding, match="old file"):
        check_files(["params", "-o", "old.txt"], here, before, text, 2)
