"""How each command grows with the network: seconds and megabytes at 10^4, 10^5 and 10^6 layers, five shapes of network.

    python -m benchmarks.scale                            # 10^4 and 10^5 layers, a few minutes
    python -m benchmarks.scale --layers 10000 100000 1000000 --write docs/scale.md   # an hour

Each command runs in a process of its own, its output thrown away: seconds are the processor's, megabytes the most that
the process held. A shape is linear where ten times the layers take at most `FACTOR` times the seconds and megabytes
beyond those of starting up; status 1 if one is not. Then the whole zoo, read and counted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "scale.md"
# Ten times the layers may cost so much more: a little more than ten, for the noise of a busy machine.
FACTOR = 13.0
# What a command holds and takes besides its layers differs by so much: less says nothing.
LEAST = (1.0, 50.0)

BLOCK = "{conv: 8, kernel: 3, padding: 1}"
# Each shape with its layers a turn.
SHAPES = {
    "plain": (2, f"input: [8, 32, 32]\nlayers:\n  - {{layers: [{BLOCK}, relu], repeat: TURNS, name: stage}}\n"),
    "residual": (
        4,
        "input: [8, 32, 32]\nlayers:\n  - repeat: TURNS\n    name: block\n    layers:\n"
        f"      - add:\n          - [{BLOCK}, batchnorm]\n          - []\n      - relu\n",
    ),
    "dense": (
        50,
        "input: [8, 32, 32]\nlayers:\n  - repeat: TURNS\n    name: block\n    layers:\n"
        "      - repeat: 16\n        name: layer\n        layers:\n"
        f"          - concat:\n              - []\n              - [relu, {BLOCK}]\n"
        "      - {conv: 8, kernel: 1}\n      - relu\n",
    ),
    "gated": (
        5,
        "input: [8, 32, 32]\nlayers:\n  - repeat: TURNS\n    name: block\n    layers:\n"
        f"      - {BLOCK}\n      - multiply:\n          - []\n          - [global_avgpool, {{conv: 8, kernel: 1}}, "
        "sigmoid]\n",
    ),
    "heads": (
        4,
        "input: [8, 32, 32]\nlayers:\n  - repeat: TURNS\n    name: block\n    layers:\n"
        f"      - {BLOCK}\n      - relu\n      - {{head: side, layers: [global_avgpool, {{conv: 1, kernel: 1}}]}}\n",
    ),
}
COMMANDS = (
    "params",
    "flops",
    "shapes",
    "memory",
    "rf",
    "compare",
    "bottleneck",
    "reconcile",
    "explain",
    "check",
    "show --expanded",
    "flops --device a100",
    "memory -f csv",
    "params -f json",
    "explain -f json",
)


class Run(NamedTuple):
    """What a command took: seconds of the processor, and megabytes at most."""

    seconds: float
    megabytes: float


def measure(command: str, spec: Path) -> Run:
    """A command on a spec, in a process of its own."""
    words = command.split()
    arguments = [words[0], str(spec), *words[1:], *(["lenet5"] if words[0] == "compare" else [])]
    process = subprocess.Popen([sys.executable, "-m", "cnncalc", *arguments], cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"cnncalc {' '.join(arguments)} left with status {os.waitstatus_to_exitcode(status)}")
    return Run(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def linear(runs: list[Run], start: Run) -> bool:
    """Whether the last run took about ten times the one before, beyond what it takes to start."""
    if len(runs) < 2:
        return True
    before, last = runs[-2:]
    return all(
        now - least <= FACTOR * max(then - least, floor)
        for now, then, least, floor in zip(last, before, start, LEAST, strict=True)
    )


def table(name: str, sizes: list[int], folder: Path, start: Run) -> tuple[list[str], list[str]]:
    """The rows of a shape in Markdown, and the commands that are not linear."""
    turn, text = SHAPES[name]
    specs = []
    for size in sizes:
        specs.append(folder / f"{name}_{size}.yaml")
        specs[-1].write_text(text.replace("TURNS", str(size // turn)))
    rows, bent = [], []
    for command in COMMANDS:
        runs = [measure(command, spec) for spec in specs]
        rows.append(
            f"| `{command}` | " + " | ".join(f"{run.seconds:.1f} s, {run.megabytes:,.0f} MB" for run in runs) + " |"
        )
        print(rows[-1], flush=True)
        if not linear(runs, start):
            bent.append(f"{command} of {name}")
    return rows, bent


def zoo() -> str:
    """How long the whole zoo takes, read and counted, in words."""
    from cnncalc import network
    from cnncalc.zoo import index

    start = time.process_time()
    layers = 0
    for name in index.names():
        analysis = network(name).analyze()
        assert analysis.params >= 0
        assert analysis.macs >= 0
        layers += len(analysis.layers)
    seconds = time.process_time() - start
    return f"The whole zoo, {len(index.names())} networks of {layers:,} layers, read and counted: {seconds:.2f} s."


def main() -> int:
    """Measure, print, and write the page if asked; 1 if something is not linear."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, nargs="+", default=[10**4, 10**5], help="sizes of network")
    parser.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=list(SHAPES), help="shapes of network")
    parser.add_argument("--write", type=Path, help="the page to write")
    arguments = parser.parse_args()
    sizes: list[int] = sorted(arguments.layers)
    sections, bent = [], []
    with tempfile.TemporaryDirectory() as folder:
        tiny = Path(folder) / "tiny.yaml"
        tiny.write_text(SHAPES["plain"][1].replace("TURNS", "1"))
        start = measure("params", tiny)
        for name in arguments.shapes:
            head = f"| {name} | " + " | ".join(f"{size:,} layers" for size in sizes) + " |"
            rule = "| --- |" + " ---: |" * len(sizes)
            print(f"\n{head}\n{rule}", flush=True)
            rows, wrong = table(name, sizes, Path(folder), start)
            sections.append("\n".join([head, rule, *rows]))
            bent += wrong
    print(f"\n{zoo()}")
    print("not linear: " + ", ".join(bent) if bent else "all linear")
    if arguments.write:
        arguments.write.write_text(page(sections, bent))
    return bool(bent)


def page(sections: list[str], bent: list[str]) -> str:
    """The page of the documentation."""
    specs = "\n".join(f"- **{name}**: turns of {turn} layers" for name, (turn, _) in SHAPES.items())
    verdict = (
        f"Not linear: {', '.join(bent)}." if bent else "All of them are linear in the layers, in time and in memory."
    )
    return (
        f"""# Large networks

What each command takes on networks of up to a million layers: seconds of one processor's time, and megabytes at most.
Written by `python -m benchmarks.scale --layers 10000 100000 1000000 --write docs/scale.md` on a busy machine of two
cores; on yours the figures differ, their growth does not. {verdict}

Five shapes of network, which `benchmarks/scale.py` holds as specs:

{specs}

"""
        + "\n\n".join(sections)
        + "\n"
    )


if __name__ == "__main__":
    sys.exit(main())
