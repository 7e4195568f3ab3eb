"""How long `cnncalc params resnet50` takes, against the least that such a command can take in Python.

    python -m benchmarks.startup [PAIRS]

The yardstick is a script that imports typer, rich's table and yaml, and prints a table of one row. Both run in
turn, so that what else the machine does meets both alike; the ratio is that of the medians. The target is 1.15.
Then the modules that the command imports and the yardstick does not, by the time they take.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGET = 1.15
YARDSTICK = """
import typer
import yaml
from rich.console import Console
from rich.table import Table

table = Table("network", "params")
table.add_row("resnet50", "25,557,032")
Console().print(table)
"""
COMMAND = ["-m", "cnncalc", "params", "resnet50"]


def environment(cache: str) -> dict[str, str]:
    """Both run from bytecode, as installed packages do, whatever this shell says of writing it."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": cache}


def seconds(arguments: list[str], env: dict[str, str]) -> float:
    """The time of one run of Python."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def imported(arguments: list[str], env: dict[str, str]) -> dict[str, int]:
    """The modules that a run imports, each with the microseconds of its own."""
    command = [sys.executable, "-X", "importtime", *arguments]
    run = subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True)
    rows = re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", run.stderr)
    return {name: int(own) for own, name in rows}


def main() -> None:
    """Measure and print."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    with tempfile.TemporaryDirectory() as cache:
        measure(pairs, environment(cache))


def measure(pairs: int, env: dict[str, str]) -> None:
    yardstick = ["-c", YARDSTICK]
    for arguments in (COMMAND, yardstick):  # which writes the bytecode
        seconds(arguments, env)
    times = [(seconds(yardstick, env), seconds(COMMAND, env)) for _ in range(pairs)]
    least, ours = (statistics.median(column) for column in zip(*times, strict=True))
    print(f"a script with typer, rich.table, yaml   {1000 * least:6.0f} ms")
    print(f"cnncalc params resnet50                 {1000 * ours:6.0f} ms")
    print(f"ratio                                   {ours / least:6.2f}, target {TARGET}; medians of {pairs} pairs")
    known = imported(yardstick, env)
    more = {name: own for name, own in imported(COMMAND, env).items() if name not in known}
    left = [name for name in ("torch", "numpy", "fvcore", "pydantic") if name in more]
    print(f"\n{len(more)} more modules, {sum(more.values()) / 1000:.0f} ms; the longest:")
    for name, own in sorted(more.items(), key=lambda item: -item[1])[:12]:
        print(f"  {own / 1000:6.1f} ms  {name}")
    print("not needed: " + (", ".join(left) or "none of torch, numpy, fvcore, pydantic is imported"))


if __name__ == "__main__":
    main()
