"""Compare the bytes that autograd saves with those predicted, on as many random networks as one asks for.

    python -m benchmarks.saved_memory 10000 --seed 1000

Each network is run in float32 and under `torch.autocast` on the CPU, with activations in place and without. Prints
how many agreed, layer by layer, and the shortest network that did not; leaves with status 1 if there was one.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import warnings

import torch

from tests.oracles.memory import disagreement
from tests.oracles.random_graphs import random_graph, told


def main() -> int:
    """Run the networks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", type=int, nargs="?", default=1000, help="random networks")
    parser.add_argument("--seed", type=int, default=0, help="the first seed; each network takes the next")
    parser.add_argument("--layers", type=int, default=25, help="layers of a network, at most")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    wrong: list[str] = []
    runs, start = 0, time.perf_counter()
    for seed in range(arguments.seed, arguments.seed + arguments.networks):
        graph = random_graph(random.Random(seed), arguments.layers)
        for mixed in (False, True):
            for inplace in (False, True):
                found = disagreement(graph, 2, inplace, mixed)
                runs += 1
                if found:
                    wrong.append(f"seed {seed}, mixed {mixed}, in place {inplace}: {found}\n{told(graph)}")
    seconds = time.perf_counter() - start
    print(f"{arguments.networks:,} networks, {runs:,} runs in {seconds:.0f} s: {runs - len(wrong):,} agree")
    if wrong:
        print(f"{len(wrong):,} do not:")
        print("\n".join(text.split("\n")[0] for text in wrong))
        print(f"the shortest:\n{min(wrong, key=len)}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
