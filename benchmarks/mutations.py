"""Change the core at random, one place at a time, and see which changes no test notices.

    python -m benchmarks.mutations 400 --seed 1 --survey survey.json --lived lived.txt
    python -m benchmarks.mutations --again lived.txt --survey survey.json

Each change is made in a copy of the repository: a number one larger or smaller, an operator or a word turned round, a
term or a condition dropped. First the tests run once as they are, and it is noted how long each takes and which
functions of the core it enters; `--survey` keeps that in a file. A change is then judged by the tests that enter its
function, the quick ones first, until one fails. Every run is forked from this process, which has imported PyTorch and
all else that is no part of cnncalc.

Prints the changes that lived: each is the same program still, dead code, or a test that is missing, or that takes
longer than `--longest`, or stands behind `--seconds` of others. With the same sources and seed the changes are the
same. Left out are the texts of errors, `zip`'s `strict`, and the last for the first of a list of one.
"""

from __future__ import annotations

import argparse
import ast
import gc
import hashlib
import importlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = [
    *("cnncalc/ops", "cnncalc/costs", "cnncalc/formula.py", "cnncalc/graph.py", "cnncalc/rewrite.py"),
    *(f"cnncalc/language/{name}.py" for name in ("expressions", "expand", "model", "reader", "values")),
]
TESTS = [
    *("every_kind", "operations", "formula", "expressions", "pytorch/ops", "memory", "receptive_field", "expand"),
    *("conventions", "analysis", "errors", "unknown", "language_limits", "receptive_field_random", "rewrite"),
    *("roofline", "face", "pytorch/build", "pytorch/random_quantities", "pytorch/mixed", "write_random"),
    *("zoo_attention", "write", "check", "arrays", "pytorch/differential", "sweep_composed", "zoo_plain", "growth"),
]
FILES = [str(Path("tests", name).with_name(f"test_{Path(name).name}.py")) for name in TESTS]
MOST_MEMORY = 16 * 2**30
SWAPPED: dict[type[ast.AST], list[str]] = {
    ast.Add: ["-"], ast.Sub: ["+"], ast.Mult: ["+", "//"], ast.FloorDiv: ["*"], ast.Mod: ["//"], ast.Div: ["*"],
    ast.Lt: ["<="], ast.LtE: ["<"], ast.Gt: [">="], ast.GtE: [">"], ast.Eq: ["!="], ast.NotEq: ["=="],
    ast.Is: ["is not"], ast.IsNot: ["is"], ast.In: ["not in"], ast.NotIn: ["in"], ast.And: ["or"], ast.Or: ["and"],
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


class Change(NamedTuple):
    """What stands at the bytes `start` to `end` of a file, instead of what is there."""

    file: str
    start: int
    end: int
    new: str

    def described(self, data: bytes) -> str:
        """The line with the change; it names the change, as long as the file's other lines alone change."""
        line = data[: self.start].count(b"\n")
        result = self.made(data).split(b"\n")[line].decode().strip()
        old = data[self.start : self.end].decode()
        return f"{self.file}: {result}    # was {' '.join(old.split())!r}, is {self.new.strip()!r}"

    def made(self, data: bytes) -> bytes:
        return data[: self.start] + self.new.encode() + data[self.end :]


def changes(file: str, data: bytes) -> list[Change]:
    """Every change of a file, in the order of their places; some give no program, or the same."""
    text = data.decode()
    starts = [0]
    for line in data.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)

    def place(node: ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset

    def of(node: ast.AST) -> Iterator[tuple[int, int, str]]:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            yield (*place(node), str(node.value + 1))
            if node.value or node not in firsts:
                yield (*place(node), str(node.value - 1))
        elif isinstance(node, ast.Constant) and type(node.value) is bool:
            yield (*place(node), str(not node.value))
        elif isinstance(node, ast.BinOp):
            (a, b), (c, d) = place(node.left), place(node.right)
            yield from ((b, c, f" {operator} ") for operator in SWAPPED.get(type(node.op), []))
            if isinstance(node.op, ast.Add | ast.Sub | ast.Mult):
                yield b, d, ""  # the second term dropped
            if isinstance(node.op, ast.Add | ast.Mult):
                yield a, c, ""
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
            yield place(node)[0], place(node.operand)[0], ""
        elif isinstance(node, ast.Compare):
            terms = [node.left, *node.comparators]
            for left, operator, right in zip(terms, node.ops, terms[1:], strict=False):
                yield from ((place(left)[1], place(right)[0], f" {new} ") for new in SWAPPED[type(operator)])
        elif isinstance(node, ast.BoolOp):
            (a, b), (c, d) = place(node.values[0]), place(node.values[1])
            yield from ((b, c, f" {operator} ") for operator in SWAPPED[type(node.op)])
            yield b, d, ""
            yield a, c, ""
        elif isinstance(node, ast.IfExp):
            yield from ((*place(node), ast.get_source_segment(text, part) or "") for part in (node.body, node.orelse))
        elif isinstance(node, ast.If | ast.While):
            start, end = place(node.test)
            yield start, end, f"not ({data[start:end].decode()})"
        elif isinstance(node, ast.comprehension):
            for test in node.ifs:
                yield (*place(test), "True")
        elif isinstance(node, ast.Name) and node.id in NAMES:
            yield (*place(node), NAMES[node.id])

    def walk(node: ast.AST, raised: bool) -> Iterator[ast.AST]:
        if (isinstance(node, ast.JoinedStr) and raised) or (isinstance(node, ast.keyword) and node.arg == "strict"):
            return
        yield node
        for child in ast.iter_child_nodes(node):
            yield from walk(child, raised or isinstance(node, ast.Raise))

    tree = ast.parse(text)
    firsts = {node for found in ast.walk(tree) for node in indices(found)}
    return sorted({Change(file, *found) for node in walk(tree, False) for found in of(node)})


def indices(node: ast.AST) -> list[ast.expr]:
    """What is a place in a list, or may be a list of one place: of a list of one the first is the last as well."""
    if isinstance(node, ast.Tuple) and len(node.elts) == 1:
        return node.elts
    return [node.slice] if isinstance(node, ast.Subscript) else []


def differs(data: bytes, change: Change) -> bool:
    """Whether a change gives another program."""
    try:
        return ast.dump(ast.parse(change.made(data))) != ast.dump(ast.parse(data))
    except SyntaxError:
        return False


def around(data: bytes, change: Change) -> str:
    """The qualified name of the innermost function that a change stands in; outside of all that of the class with a
    dot, or nothing."""
    line = data[: change.start].count(b"\n") + 1

    def inside(node: ast.AST, names: tuple[str, ...]) -> str:
        """As the whole, of what stands in a node; `names` are those of the scopes around, outermost first."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef) and child.lineno <= line <= (child.end_lineno or 0):
                return inside(child, (*names, child.name)) or f"{'.'.join((*names, child.name))}."
            if isinstance(child, ast.FunctionDef | ast.Lambda):
                body = child.body[0] if isinstance(child.body, list) else child.body
                if body.lineno <= line <= (child.end_lineno or 0):
                    name = ".".join((*names, "<lambda>" if isinstance(child, ast.Lambda) else child.name))
                    return inside(child, (name, "<locals>")) or name
            elif found := inside(child, names):
                return found
        return ""

    return inside(ast.parse(data), ())


# Running. A child never returns: what it finds is in a file.


def forked(job: Callable[[], int], seconds: float) -> int | None:
    """A job's exit status, from a child in a process group of its own; None where it took longer."""
    child = os.fork()
    if not child:
        status = 70
        try:
            os.setsid()
            silent = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(silent, stream)
            resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
            status = job()
        finally:
            os._exit(status)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def ran(copy: Path, files: list[str], plugin: object | None, *options: str, write: bool = False) -> int:
    """Run pytest in the copy, which is imported from there. For a child; `write`: it leaves bytecode there, for those
    that come after it."""
    os.chdir(copy)
    sys.path[:] = [str(copy), *(path for path in sys.path if path and Path(path).resolve() != ROOT)]
    for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
        del sys.modules[name]
    os.environ["PYTHONPATH"] = str(copy)
    sys.dont_write_bytecode = not write
    return int(pytest.main(["-p", "no:cacheprovider", *options, *files], plugins=[plugin] if plugin else []))


class Survey:
    """A plugin that notes of each test how long it takes and which functions of the core it enters. What runs outside
    of a test, as in a fixture of its file, counts for all of the file."""

    def __init__(self, copy: Path, found: Path) -> None:
        self.core = str(copy / "cnncalc")
        self.skip = len(str(copy)) + 1
        self.found = found
        self.tests: dict[str, tuple[float, list[str]]] = {}
        self.shared: dict[str, set[str]] = defaultdict(set)
        self.entered: dict[int, Any] = {}
        self.caches: list[Any] = []
        self.started = 0.0

    def note(self, frame: Any, event: str, _: object) -> None:
        if event == "call":
            self.entered[id(frame.f_code)] = frame.f_code

    def taken(self) -> set[str]:
        """The functions entered since this was last asked."""
        entered, self.entered = self.entered, {}
        codes = [code for code in entered.values() if code.co_filename.startswith(self.core)]
        return {f"{code.co_filename[self.skip :]}:{code.co_qualname}" for code in codes}

    def pytest_collection_finish(self) -> None:
        self.caches = [item for item in gc.get_objects() if hasattr(type(item), "cache_clear")]
        self.caches = [item for item in self.caches if item.__module__.startswith("cnncalc")]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        for item in self.caches:
            item.cache_clear()
        self.started = time.perf_counter()
        sys.setprofile(self.note)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Any:
        self.shared[item.location[0]] |= self.taken()
        try:
            return (yield)
        finally:
            self.tests[item.nodeid] = (0.0, sorted(self.taken()))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and not report.passed:
            self.tests.pop(report.nodeid, None)

    def pytest_runtest_logfinish(self, nodeid: str, location: tuple[str, int, str]) -> None:
        sys.setprofile(None)
        self.shared[location[0]] |= self.taken()
        if nodeid in self.tests:
            self.tests[nodeid] = (round(time.perf_counter() - self.started, 4), self.tests[nodeid][1])

    def pytest_sessionfinish(self) -> None:
        outside = {"cnncalc", "tests", "benchmarks", "conftest", "__main__", "__mp_main__"}
        modules = [name for name in sys.modules if name.split(".")[0] not in outside and not name.startswith("test_")]
        rows = {
            name: [seconds, sorted({*entered, *self.shared[name.split("::")[0]]})]
            for name, (seconds, entered) in self.tests.items()
        }
        self.found.write_text(json.dumps({"modules": modules, "tests": rows}))


def surveyed(copy: Path, files: list[str], kept: Path | None) -> dict[str, tuple[float, list[str]]]:
    """The surveyed tests of some files; what they import beside cnncalc is imported here too. Only test files that are
    new, or have changed since their survey was kept, are surveyed."""
    known: dict[str, Any] = json.loads(kept.read_text()) if kept and kept.exists() else {}
    found = copy.parent / "survey.json"
    for file in files:
        text = (copy / file).read_text() if file.startswith("tests") else ""
        if known.get(file, {}).get("text") != (version := hashlib.sha256(text.encode()).hexdigest()):
            found.write_text(json.dumps({"modules": [], "tests": {}}))
            start = time.monotonic()
            forked(lambda file=file: ran(copy, [file], Survey(copy, found), write=True), 600)
            known[file] = {"text": version, **json.loads(found.read_text())}
            print(f"{file}: {len(known[file]['tests'])} tests, {time.monotonic() - start:.0f} s", file=sys.stderr)
            if kept:
                kept.write_text(json.dumps(known))
        for name in known[file]["modules"]:
            if name not in sys.modules:
                with suppress(Exception):
                    importlib.import_module(name)
    return {name: row for file in files for name, row in known[file]["tests"].items()}


class Selection:
    """A plugin that runs these tests only, in this order."""

    def __init__(self, names: list[str]) -> None:
        self.place = {name: place for place, name in enumerate(names)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((item for item in items if item.nodeid in self.place), key=self.order)

    def order(self, item: pytest.Item) -> int:
        return self.place[item.nodeid]


class Tests:
    """The surveyed tests."""

    def __init__(self, found: dict[str, tuple[float, list[str]]], longest: float) -> None:
        self.seconds: dict[str, float] = {}
        self.of: dict[str, list[str]] = defaultdict(list)
        for name, (seconds, entered) in found.items():
            if seconds > longest:
                continue
            self.seconds[name] = seconds
            for place in entered:
                self.of[place].append(name)

    def of_change(self, data: bytes, change: Change, budget: float) -> list[str]:
        """The tests for a change, in order: of each test function the quickest that enters its function, then the
        next quickest of each, as many as the budget in seconds allows."""
        place = f"{change.file}:{around(data, change)}"
        entering = set(self.of.get(place, []))
        if place.endswith((".", ":")):
            entering = {name for found, names in self.of.items() if found.startswith(place) for name in names}
        if place.endswith(".") and not entering:  # a class without functions of its own
            entering = {name for found, names in self.of.items() if found.startswith(change.file) for name in names}
        turns: dict[str, int] = defaultdict(int)
        order = []
        for name in sorted(entering, key=lambda name: (self.seconds[name], name)):
            function = name.split("[")[0]
            order.append((turns[function], len(order), name))
            turns[function] += 1
        chosen = []
        for *_, name in sorted(order):
            if self.seconds[name] <= budget:
                budget -= self.seconds[name]
                chosen.append(name)
        return chosen


def main() -> int:
    """Make the changes, and run the tests on each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("changes", type=int, nargs="?", default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", nargs="+", default=CORE, help="what is changed")
    parser.add_argument("--tests", nargs="+", default=[*CORE, *FILES], help="test files, and files with doctests")
    parser.add_argument("--survey", type=Path, help="where the survey is kept; made where it is not yet")
    parser.add_argument("--longest", type=float, default=5, help="tests that take more seconds are left out")
    parser.add_argument("--seconds", type=float, default=60, help="of tests for one change")
    parser.add_argument("--lived", type=Path, help="a file for the changes that lived")
    parser.add_argument("--again", type=Path, help="only the changes that such a file names")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", "__pycache__", ".*_cache"))
        paths = [path for name in arguments.files for path in sorted((copy / name).rglob("*.py")) or [copy / name]]
        tests = Tests(surveyed(copy, arguments.tests, arguments.survey), arguments.longest)
        forked(lambda: ran(copy, arguments.tests, None, "--collect-only", write=True), 600)
        gc.freeze()  # a child that looks through all objects of PyTorch copies their pages
        texts = {str(path.relative_to(copy)): path.read_bytes() for path in paths}
        every = [change for file, data in texts.items() for change in changes(file, data)]
        if arguments.again:
            named = set(arguments.again.read_text().splitlines())
            chosen = [change for change in every if change.described(texts[change.file]) in named]
        else:
            random.Random(arguments.seed).shuffle(every)
            drawn = (change for change in every if differs(texts[change.file], change))
            chosen = sorted(islice(drawn, arguments.changes))
        return judge(chosen, copy, tests, arguments)


def judge(chosen: list[Change], copy: Path, tests: Tests, arguments: argparse.Namespace) -> bool:
    """Run the tests on each change, and print those that lived. Whether any did."""
    lived: list[str] = []
    for number, change in enumerate(chosen, 1):
        target = copy / change.file
        data, times = target.read_bytes(), target.stat()
        names = tests.of_change(data, change, arguments.seconds)
        files = list(dict.fromkeys(name.split("::")[0] for name in names))
        limit = 60 + 4 * sum(tests.seconds[name] for name in names)
        target.write_bytes(change.made(data))
        job = partial(ran, copy, files, Selection(names), "-x")
        status = forked(job, limit) if names else 0
        target.write_bytes(data)
        os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))
        if status in (0, 5):  # passed, or none of the tests is there any more
            lived.append(change.described(data))
            line = data[: change.start].count(b"\n") + 1
            print(f"line {line}, {len(names)} tests: {lived[-1]}", flush=True)
            if arguments.lived:
                arguments.lived.write_text("\n".join(lived) + "\n")
        if number % 20 == 0:
            print(f"{number} of {len(chosen)}, {len(lived)} lived", file=sys.stderr, flush=True)
    print(f"{len(chosen)} changes, {len(lived)} lived")
    return bool(lived)


if __name__ == "__main__":
    sys.exit(main())
