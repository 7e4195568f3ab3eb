"""Check the profile's whole-pass times against `torch.utils.benchmark`, and on CUDA also against triton's.

    python -m benchmarks.timing resnet18 vgg11 --device cpu

Both time the same module on the same input, a few calls each, in turn, for many rounds. Prints each one's best
and median round; leaves with status 1 if the best rounds differ by more than 3 %. The best round is the one that
other work on the machine disturbed least; on a quiet machine the medians agree as well.
"""

from __future__ import annotations

import argparse
import sys
from statistics import median

import torch
from torch.utils.benchmark import Timer

from cnncalc import network
from cnncalc.pytorch.build import build, example_inputs
from cnncalc.pytorch.device import checked_device
from cnncalc.pytorch.timing import Call, clock_of, time_calls

TOLERANCE = 0.03
DECIDES = "torch.utils.benchmark"
CALLS = {"cpu": 5, "cuda": 50}  # on CUDA the one wait at the end must not show


def by_pytorch(call: Call, calls: int) -> float:
    """The seconds of a call by `torch.utils.benchmark`, on as many threads as everywhere else."""
    timer = Timer("call()", globals={"call": call}, num_threads=torch.get_num_threads())
    return float(timer.timeit(calls).mean)


def by_triton(call: Call, calls: int) -> float:
    """The median seconds of a call by `triton.testing.do_bench`. It empties the L2 cache between calls, which neither
    of the others does, and so stands here to be seen, not to decide."""
    from triton.testing import do_bench

    return float(do_bench(call, return_mode="median")) / 1e3


def compare(name: str, device: str, batch: int, rounds: int) -> bool:
    """Time one network by both; whether they agree."""
    net = network(name)
    model = build(net, device=device).eval()
    inputs = example_inputs(net, batch, device=device)
    with torch.inference_mode():

        def call() -> None:
            model(*inputs)

        calls = CALLS[device.partition(":")[0]]
        references = {DECIDES: by_pytorch}
        if device.startswith("cuda"):
            references["triton.testing.do_bench"] = by_triton
        clock = clock_of(device)
        time_calls(call, clock, repeats=1, warmup=5)
        ours: list[float] = []
        theirs: dict[str, list[float]] = {reference: [] for reference in references}
        for _ in range(rounds):
            ours.append(time_calls(call, clock, calls).median)
            for reference, measure in references.items():
                theirs[reference].append(measure(call, calls))
    agree = True
    for reference, times in theirs.items():
        ratio = min(ours) / min(times)
        agree &= reference != DECIDES or abs(ratio - 1) <= TOLERANCE
        print(
            f"{name:12} best {min(ours) * 1e3:9.3f} ms, {reference} {min(times) * 1e3:9.3f} ms, ratio {ratio:.3f};"
            f" median {median(ours) * 1e3:9.3f} ms and {median(times) * 1e3:9.3f} ms"
        )
    return agree


def main() -> int:
    """Compare each network that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=["lenet5", "alexnet", "resnet18"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, help="CPU threads; PyTorch's own choice unless given")
    arguments = parser.parse_args()
    device = checked_device(arguments.device, ("cpu", "cuda"))
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    agree = [compare(name, device, arguments.batch, arguments.rounds) for name in arguments.networks]
    return 0 if all(agree) else 1


if __name__ == "__main__":
    sys.exit(main())
