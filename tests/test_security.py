"""SECURITY.md, sentence by sentence: what reading a stranger's spec does, seen from outside by audit hooks."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from cnncalc import SpecError, load, load_text, network
from cnncalc.errors import CnncalcError
from cnncalc.language import expressions, nodes
from cnncalc.language.expand import MAX_LAYERS, MAX_NAME, MAX_NESTING, expand
from cnncalc.zoo import index as zoo

ROOT = Path(__file__).parent.parent
HOSTILE = textwrap.dedent(
    """\
    vars: {a: "__import__('os').system('touch pwned')", b: "open('/etc/passwd')", c: "().__class__.__bases__"}
    input: [3, 8, 8]
    layers: [relu]
    """
)

# Reads the specs named on its command line while watching, and prints the audit events and the files opened.
# Before, it does all once, so that no module is left to import, and msgspec has evaluated the annotations of the
# kinds, which are cnncalc's own.
WATCHER = """
import json, sys, msgspec
import cnncalc
analysis = cnncalc.network("lenet5").analyze()
analysis.counts, analysis.receptive_fields, analysis.memory
try:
    cnncalc.load_text("extends: lenet55")
except cnncalc.SpecError:
    pass
for kind in cnncalc.ops.KINDS.values():
    cnncalc.ops.options._fields(kind)
    try:
        msgspec.convert({}, kind)
    except msgspec.ValidationError:
        pass
events, opened = set(), set()

def watch(event, arguments):
    if event == "open":
        opened.add(f"{arguments[0]}:{arguments[1]}")
    elif event in LISTS:
        opened.add(f"{arguments[0]}:list")
    elif event not in QUIET:
        events.add(f"{event} {arguments}"[:200])

LISTS = {"os.listdir", "os.scandir", "pathlib.Path.glob"}
QUIET = {"builtins.id", "object.__getattr__", "sys._getframe", "compile", "code.__new__"}
sys.addaudithook(watch)
results = []
for name in sys.argv[1:]:
    try:
        analysis = cnncalc.network(name).analyze()
        results.append(analysis.params + len(analysis.receptive_fields) + analysis.memory.peak)
    except cnncalc.CnncalcError as error:
        results.append(error.message)
print(json.dumps([sorted(events), sorted(opened), results]))
"""


def watched(*specs: Path, folder: Path) -> tuple[list[str], list[str], list[object]]:
    """The audit events, the files opened and the results of reading specs in a process of its own."""
    command = [sys.executable, "-c", WATCHER, *map(str, specs)]
    environment = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, env=environment)
    assert run.returncode == 0, run.stderr
    events, opened, results = json.loads(run.stdout)
    return events, opened, results


def written(folder: Path, **specs: str) -> list[Path]:
    """Specs as files."""
    paths = []
    for name, text in specs.items():
        path = folder / f"{name}.yaml"
        path.write_text(text, "utf-8")
        paths.append(path)
    return paths


def test_reading_runs_no_code_and_opens_only_the_file_and_the_zoo(tmp_path):
    specs = written(
        tmp_path,
        hostile=HOSTILE,
        each=HOSTILE.replace("a:", "a: 1, x:"),
        tag="input: [3]\nlayers: !!python/object/apply:os.system ['touch pwned']\n",
        new="input: [3]\nlayers: [!!python/object/new:subprocess.Popen [['touch', 'pwned']]]\n",
        attribute="input: [3, 8]\nlayers: [{conv: channels.__class__, kernel: 1}]\n",
        good="input: [3, 8]\nvars: {w: 2 * 4}\nlayers: [{conv: w, kernel: '3 if w > 7 else 1'}, relu]\n",
        member="extends: families/resnet\nvars: {}\n",
        outside="extends: ../../../../../../etc/passwd\n",
        root="extends: /etc/passwd\n",
    )
    before = set(tmp_path.iterdir())
    events, opened, results = watched(*specs, folder=tmp_path)
    # `exec` comes before any code object is run: none is, of the spec or of a module not yet imported.
    assert events == []
    # For its hint an error also lists the zoo's names.
    folders = (zoo.folder(), zoo.folder() / "families", zoo.folder() / "fragments")
    allowed = {f"{path}:r" for path in (*specs, zoo.folder() / "families/resnet.yaml")}
    allowed |= {f"{path}:list" for path in folders}
    assert set(opened) <= allowed, set(opened) - allowed
    assert set(tmp_path.iterdir()) == before
    assert isinstance(results[5], int)
    assert all(isinstance(result, str) for index, result in enumerate(results) if index not in (5, 6))


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "open('/etc/passwd')",
        "exec('1')",
        "eval('1')",
        "channels.real",
        "().__class__",
        "lambda: 1",
        "[x for x in (1,)]",
        "(x := 1)",
        "f'{1}'",
        "'a' * 3",
        "2 ** 99",
        "1 << 9",
        "print",
        "max.__self__",
        "max(*[1, 2])",
        "min(1, key=max)",
        "await x",
        "yield",
        "{1: 2}",
    ],
)
def test_expressions_are_arithmetic_only(text):
    with pytest.raises(SpecError):
        expressions.evaluate_text(text, {"channels": 3})


def test_extends_names_specs_of_the_zoo_only():
    for target in (
        "../README",
        "/etc/passwd",
        "families/../resnet50",
        "fragments/../../pyproject",
        "a\\b",
    ):
        with pytest.raises(SpecError, match="to extend"):
            load_text(f"extends: '{target}'\n")


def test_a_link_in_place_of_a_folder_is_not_followed_out_of_a_spec(tmp_path, monkeypatch):
    """What stands beside a stranger's spec is not taken for a part of the zoo."""
    (tmp_path / "secret.yaml").write_text("input: [3]\nlayers: []\n")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("extends: secret\n")
    with pytest.raises(SpecError, match="to extend"):
        load(tmp_path / "mine.yaml")


def test_the_bounds_are_those_that_the_notes_name():
    notes = (ROOT / "SECURITY.md").read_text("utf-8")
    bounds = {
        "250,000 bytes": nodes.MAX_BYTES == 250_000,
        "50,000 values": nodes.MAX_NODES == 50_000,
        "at most 64 deep": nodes.MAX_DEPTH == 64,
        "1,000,000 layers": MAX_LAYERS == 1_000_000,
        "at most 100 deep": MAX_NESTING == 100,
        "300 characters": expressions.MAX_LENGTH == 300,
        "within 10^18": nodes.MAX_NUMBER == 10**18,
        "200 characters": MAX_NAME == 200,
    }
    text = " ".join(notes.split())
    assert all(phrase in text and holds for phrase, holds in bounds.items()), bounds


# A process whose memory is bounded reads, expands and analyses one spec, and prints how much work it was.
BOUNDED = """
import resource, sys
import cnncalc, cnncalc.face, cnncalc.zoo.index
from tests.oracles.work import Work
text = sys.stdin.read()
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 512 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
with Work() as work:
    try:
        analysis = cnncalc.network(cnncalc.load_text(text)).analyze()
        print(int(analysis.params))
    except cnncalc.CnncalcError as error:
        print(error.message)
print(work.done)
"""

NAME = "n" * 90
LARGEST = {
    "a quarter of a million layers with long names": (
        f"input: [3]\nlayers: [{{layers: [{{relu: , repeat: 500, name: {NAME}}}], repeat: 500, name: {NAME}}}]",
        "0",
    ),
    "two hundred thousand different layers": (
        "input: [1]\nlayers: [{linear: channels + 1, repeat: 200000}]",
        str(sum((c + 1) ** 2 for c in range(1, 200_001))),  # c * (c + 1) weights and c + 1 biases
    ),
    "many items that make no layer": (
        "input: [3]\nlayers: [{layers: [{layers: [], repeat: 300}], repeat: 100}]",
        "0",
    ),
    "blocks that call each other twice": (
        "input: [3]\nblocks:\n"
        + "".join(f"  b{i}: {{layers: [b{i + 1}, b{i + 1}]}}\n" for i in range(30))
        + "  b30: {layers: [{relu: , when: false}]}\nlayers: [b0]",
        "too many items",
    ),
    "items without end": (
        "input: [3]\nlayers: [{layers: [{layers: [], repeat: 9999}], repeat: 9999}]",
        "too many items",
    ),
    "layers without end": ("input: [3]\nlayers: [{relu: , repeat: 1000001}]", "more than 1,000,000 layers"),
    "fifty thousand values": ("input: [3, 4]\nlayers: [" + "{conv: 1, kernel: 1 * 1}, " * 9_500 + "]", "19002"),
    "aliases of aliases": (
        "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40)),
        "the spec holds more than 50,000 values",
    ),
    "brackets": ("[" * 249_999, "the spec is nested deeper than 64 levels"),
    "one long line": ("title: '" + "x" * 249_000 + "'\ninput: [3]\nlayers: []", "0"),
}


@pytest.mark.parametrize(("text", "result"), LARGEST.values(), ids=LARGEST)
@pytest.mark.skipif(sys.platform != "linux", reason="bounds the memory as Linux does")
def test_time_and_memory_are_bounded(text, result):
    run = subprocess.run(
        [sys.executable, "-c", BOUNDED], cwd=ROOT, input=text, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr[-2000:]
    said, work = run.stdout.split("\n")[:2]
    assert result in said
    assert float(work) < 1_000


def test_messages_have_no_control_characters_and_no_great_length():
    texts = (
        "input: [3]\nlayers: ['\x1b[2J" + "x" * 100_000 + "']",
        'input: [3]\nlayers: ["\\e]0;title\\a"]',
        'input: [3]\nlayers: [{"\\e[31m": 1}]',
        'input: [3]\nvars: {"\\e[31m": 1}\nlayers: []',
        'input: [3]\nlayers: [{relu: , from: "\\e[31m"}]',
        'extends: "\\e[31m"',
        "input: &" + "a" * 90_000 + " *b",
    )
    for text in texts:
        with pytest.raises(CnncalcError) as caught:
            expand(load_text(text))
        rendered = caught.value.render()
        assert all(c.isprintable() or c == "\n" for c in rendered)
        assert len(rendered) < 2_500


def test_the_notes_say_what_building_does():
    """A description of three lines can be of any size: counting it costs nothing, building it would."""
    net = network("input: [999999999]\nlayers: [{linear: 999999999}]")
    assert net.layers[0].output == (999999999,)
