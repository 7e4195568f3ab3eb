"""Change the core at random, one place at a time, and see which changes no test notices.

    python -m benchmarks.mutations 200 --files cnncalc/ops cnncalc/costs --tests tests/test_analysis.py

Each change is made in a copy of the repository: a number one larger or smaller, an operator swapped, a word turned
round, a term dropped. Prints the changes that lived; each is either the same program still, or a test that is missing.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SWAPPED: dict[type[ast.AST], list[str]] = {
    ast.Add: ["-"], ast.Sub: ["+"], ast.Mult: ["+", "//"], ast.FloorDiv: ["*"], ast.Lt: ["<="], ast.LtE: ["<"],
    ast.Gt: [">="], ast.GtE: [">"], ast.Eq: ["!="], ast.NotEq: ["=="], ast.And: ["or"], ast.Or: ["and"],
}  # fmt: skip


def changes(text: str) -> Iterator[tuple[int, int, str]]:
    """Every change of a text: where it starts, where it ends, and what stands there instead."""
    starts = [0]
    for line in text.encode().split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)

    def place(node: ast.expr) -> tuple[int, int]:
        return starts[node.lineno - 1] + node.col_offset, starts[(node.end_lineno or 1) - 1] + (
            node.end_col_offset or 0
        )

    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and type(node.value) is int:
            yield (*place(node), str(node.value + 1))
            yield (*place(node), str(node.value - 1))
        elif isinstance(node, ast.Constant) and type(node.value) is bool:
            yield (*place(node), str(not node.value))
        elif isinstance(node, ast.BinOp):
            (a, b), (c, d) = place(node.left), place(node.right)
            yield from ((b, c, f" {operator} ") for operator in SWAPPED.get(type(node.op), []))
            if isinstance(node.op, ast.Add | ast.Mult):
                yield b, d, ""  # the second term dropped
                yield a, c, ""
        elif isinstance(node, ast.Compare):
            (_, b), (c, _) = place(node.left), place(node.comparators[0])
            yield from ((b, c, f" {operator} ") for operator in SWAPPED.get(type(node.ops[0]), []))
        elif isinstance(node, ast.BoolOp):
            (_, b), (c, _) = place(node.values[0]), place(node.values[1])
            yield from ((b, c, f" {operator} ") for operator in SWAPPED[type(node.op)])
        elif isinstance(node, ast.IfExp):
            yield (*place(node), ast.get_source_segment(text, node.body) or "")


def changed(text: str, change: tuple[int, int, str]) -> str | None:
    """The text with a change; None if that is no program, or the same."""
    start, end, new = change
    data = text.encode()
    result = (data[:start] + new.encode() + data[end:]).decode()
    try:
        same = ast.dump(ast.parse(result)) == ast.dump(ast.parse(text))
    except SyntaxError:
        return None
    return None if same else result


def main() -> int:
    """Make the changes, and run the tests on each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("changes", type=int, nargs="?", default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", nargs="+", default=["cnncalc/ops", "cnncalc/costs"])
    parser.add_argument("--tests", nargs="+", default=["tests/test_memory.py", "tests/test_analysis.py"])
    parser.add_argument("--select", default="", help="as pytest's -k")
    parser.add_argument("--seconds", type=float, default=120, help="a run that takes longer has noticed the change")
    arguments = parser.parse_args()
    paths = [path for name in arguments.files for path in (sorted((ROOT / name).rglob("*.py")) or [ROOT / name])]
    every = [(path, change) for path in paths for change in changes(path.read_text())]
    chosen = random.Random(arguments.seed).sample(every, min(arguments.changes, len(every)))
    lived = run = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", "__pycache__", ".*_cache"))
        command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *arguments.tests]
        command += ["-k", arguments.select] if arguments.select else []
        environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
        for path, change in chosen:
            text = path.read_text()
            result = changed(text, change)
            if result is None:
                continue
            target = copy / path.relative_to(ROOT)
            target.write_text(result)
            run += 1
            try:
                done = subprocess.run(
                    command, cwd=copy, env=environment, capture_output=True, timeout=arguments.seconds
                )
                if done.returncode == 0:
                    lived += 1
                    before = text.encode()[: change[0]].count(b"\n")
                    print(f"{path.relative_to(ROOT)}:{before + 1}: {result.splitlines()[before].strip()}", flush=True)
            except subprocess.TimeoutExpired:
                pass
            finally:
                target.write_text(text)
    print(f"{run} changes, {lived} lived")
    return bool(lived)


if __name__ == "__main__":
    sys.exit(main())
