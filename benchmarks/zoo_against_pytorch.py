"""Every network of the zoo against PyTorch and the counting tools, which takes some minutes:

    python -m benchmarks.zoo_against_pytorch [NETWORK ...]

For each network: what torch, fvcore, ptflops, thop and torchinfo count, and the bytes that autograd saves for the
backward pass, with and without activations in place, with and without the auxiliary heads. Prints a line a
network; the exit status is 1 if any number differs, or a tool cannot run a network.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from cnncalc import network
from cnncalc.costs.conventions import count_as
from cnncalc.costs.memory import Memory
from cnncalc.zoo import index as zoo
from tests.oracles.memory import kept_by_pytorch
from tests.oracles.tools import TOOLS, count_by_tool


def differences(name: str) -> Iterator[str]:
    """What differs for one network."""
    net = network(name)
    for tool in TOOLS:
        try:
            counted: object = count_by_tool(tool, net)
        except Exception as error:  # a tool's own failure is part of the answer
            counted = f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
        if counted != int(count_as(net, tool)):
            yield f"{tool}: {counted}, here {count_as(net, tool)}"
    trained = network(name, training=True)
    for heads in (net, trained) if len(trained.layers) != len(net.layers) else (net,):
        for inplace in (False, True):
            saved, predicted = kept_by_pytorch(heads, 2, inplace), Memory(heads, 2, inplace=inplace).saved
            if saved != predicted:
                yield f"saved by autograd, in place {inplace}: {saved}, here {predicted}"


def main() -> int:
    """Check the networks named, or all."""
    failed = 0
    for name in sys.argv[1:] or zoo.names():
        start = time.perf_counter()
        found = list(differences(name))
        failed += bool(found)
        print(f"{name:26} {time.perf_counter() - start:6.1f} s  {'; '.join(found) or 'all equal'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
