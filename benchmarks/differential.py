"""Compare the calculator with PyTorch on as many random layers and networks as one asks for.

    python -m benchmarks.differential 100000 --networks 10000

Every case draws a layer (or a small network), and compares its shape, parameters and MACs, or its refusal,
with PyTorch's. Prints what came of the cases, and the shortest case of every kind of difference; leaves with
status 1 if there was one.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.oracles.random_layers import check, layers
from tests.oracles.random_networks import check_spec, specs

CHUNK = 5_000  # hypothesis keeps what it has drawn; a fresh run now and then keeps it small


def run(cases: int, first_seed: int, strategy: Any, check_case: Callable[[Any], str]) -> bool:
    """Run a number of cases; whether all agreed."""
    outcomes: Counter[str] = Counter()
    differences: dict[str, list[str]] = {}

    def one(case: Any) -> None:
        try:
            outcomes[check_case(case)] += 1
        except Exception as error:  # any failure is a finding
            outcomes["different"] += 1
            differences.setdefault(f"{type(error).__name__}: {error}"[:60], []).append(f"{case}\n    {error}")

    start = time.perf_counter()
    for number, done in enumerate(range(0, cases, CHUNK)):
        size = min(CHUNK, cases - done)
        limits = settings(
            max_examples=size,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        limits(seed(first_seed + number)(given(strategy)(one)))()
        print(f"{done + size:,} of {cases:,}", end="\r", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    total = sum(outcomes.values())
    counts = ", ".join(f"{number:,} {outcome}" for outcome, number in outcomes.most_common())
    print(f"{total:,} cases in {time.perf_counter() - start:.0f} s: {counts}")
    for found in differences.values():
        print(f"\n{len(found):,} times, the shortest:\n    {min(found, key=len)}")
    return not differences


def _network(case: tuple[str, bool]) -> str:
    """Every layer of a random network."""
    check_spec(*case)
    return "equal"


def main() -> int:
    """Run the layers, then the networks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("layers", type=int, nargs="?", default=100_000, help="random layers")
    parser.add_argument("--networks", type=int, default=5_000, help="random networks")
    parser.add_argument("--seed", type=int, default=0, help="the first seed; each chunk of cases takes the next")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # weights with no elements are drawn on purpose
    torch.set_num_threads(1)
    equal = run(arguments.layers, arguments.seed, layers(), check)
    both = st.tuples(specs(), st.booleans())
    equal &= run(arguments.networks, arguments.seed, both, _network)
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
