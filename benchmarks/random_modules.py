"""Random PyTorch modules, read, counted, built again and written as specs, against PyTorch.

    python -m benchmarks.random_modules 1000 --start 0

draws the modules of a thousand seeds (tests/oracles/random_modules.py) and compares each (tests/oracles/reading.py).
Prints how many agree; of how many some counts are unknown, and of which ops; what is refused, and why; how many were
built again with the same outputs; and of every kind of difference how often it is, and the seeds of the smallest
modules. Leaves with status 1 if there is one.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import warnings
from collections import Counter
from typing import Any

import torch

import cnncalc.pytorch.read  # noqa: F401  its table is watched
from tests.oracles.random_modules import Random
from tests.oracles.reading import Found, check


class Seen(dict[str, Any]):
    """A table that notes what is asked of it."""

    def __init__(self, table: Any) -> None:
        super().__init__(table)
        self.asked: Counter[str] = Counter()

    def get(self, name: str, default: Any = None) -> Any:
        self.asked[name] += 1
        return super().get(name, default)


def main() -> int:
    """Run the seeds that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=100, help="how many modules")
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    parser.add_argument("--only", nargs="*", help="of these pieces alone, one step each")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop when so many have passed")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    reader = sys.modules["cnncalc.pytorch.read"]  # the function of that name hides it in the package
    table = reader.TABLE = Seen(reader.TABLE)
    counts: Counter[str] = Counter()
    unknown, opaque, refused, unwritten, pieces = (Counter[str]() for _ in range(5))
    differences: dict[str, list[tuple[int, int, str]]] = {}
    start, layers, done = time.perf_counter(), 0, 0
    for seed in range(arguments.start, arguments.start + arguments.count):
        if time.perf_counter() - start > arguments.seconds:
            break
        module = Random(seed, tuple(arguments.only), 1) if arguments.only else Random(seed)
        try:
            found = check(module)
        except Exception as error:  # whatever is raised is a finding
            found = Found(differences=[f"{type(error).__name__}: {str(error)[:300]}"])
        done, layers = done + 1, layers + found.layers
        pieces.update(module.drawn)
        counts[outcome(found)] += 1
        counts["built again"] += found.built is True
        counts["written and read again"] += found.written is True
        unknown.update(found.unknown)
        opaque.update(found.opaque)
        for reasons, reason in ((refused, found.refused), (unwritten, found.unwritten)):
            if reason:
                reasons[re.sub(r"\d+|'[^']*'", "_", reason)[:110]] += 1
        for line in found.differences:
            differences.setdefault(re.sub(r"\d+|'[^']*'", "_", line)[:40], []).append(
                (len(module.plan), seed, f"{'+'.join(module.drawn)}: {line}")
            )
        if done % 100 == 0:
            print(f"{done:,} of {arguments.count:,}", end="\r", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - start
    print(
        f"\n{done:,} modules from seed {arguments.start} in {seconds:.0f} s ({done / seconds:.1f} a second), "
        f"{layers:,} layers:"
    )
    print("  " + ", ".join(f"{number:,} {what}" for what, number in counts.items()))
    titles = {"unknown": unknown, "opaque": opaque, "refused": refused, "not written": unwritten, "pieces": pieces}
    for title, numbers in titles.items():
        print(f"{title}: " + ", ".join(f"{name} {number:,}" for name, number in numbers.most_common()))
    print("entries of the table that nothing drew: " + ", ".join(sorted(set(table) - set(table.asked))))
    for found_lines in differences.values():
        found_lines.sort()
        print(f"\n{len(found_lines):,} times, seeds {[seed for _, seed, _ in found_lines[:8]]}, the smallest:")
        for _, seed, line in found_lines[:3]:
            print(f"    {seed}: {line[:400]}")
    return 1 if differences else 0


def outcome(found: Found) -> str:
    """What came of a module, in a word."""
    if found.differences:
        return "different"
    return "refused" if found.refused else "equal but for unknown counts" if found.unknown else "equal"


if __name__ == "__main__":
    sys.exit(main())
