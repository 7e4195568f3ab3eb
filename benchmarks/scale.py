"""How reading, expanding and analysing grow: chains of 10^2 to 10^6 layers, and the whole zoo.

    python -m benchmarks.scale [LAYERS ...]

A chain is 50 layers, the bottleneck blocks of a residual network, repeated. Each size runs in a process of its own;
time is the processor's, memory what the process grows by. Targets: at most 15 microseconds and 2 kB a layer up to
10^6 layers; resnet50 once read under 3 ms; the whole zoo read and analysed under 1 s.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
CHAIN = """
input: [64, 56, 56]
blocks:
  bottleneck:
    vars: {width: }
    layers:
      - add:
          - - {conv: width, kernel: 1, bias: false}
            - batchnorm
            - relu
            - {conv: width, kernel: 3, padding: 1, bias: false}
            - batchnorm
            - relu
            - {conv: channels * 4, kernel: 1, bias: false}
            - batchnorm
          - []
      - relu
layers:
  - {layers: [{bottleneck: 16, repeat: 5, name: block}], repeat: TIMES, name: stage}
"""
LAYERS_A_TURN = 50


def grown() -> int:
    """The most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def chain(layers: int) -> dict[str, float]:
    """The costs of a chain, a layer: microseconds to expand, to analyse and to sum up; bytes."""
    import cnncalc
    import cnncalc.costs.memory

    text = CHAIN.replace("TIMES", str(layers // LAYERS_A_TURN))
    assert cnncalc.analyse(cnncalc.expand(cnncalc.load("lenet5"))).totals.params == 60_000  # imports all
    memory, start = grown(), time.process_time()
    network = cnncalc.expand(cnncalc.load_text(text))
    expanded = time.process_time()
    analysis = cnncalc.analyse(network)
    analysed = time.process_time()
    bytes_ = grown() - memory
    summed = time.process_time()
    assert analysis.totals.params > 0
    done = time.process_time()
    count = len(network.layers)
    spans = {"expand": expanded - start, "analyse": analysed - expanded, "totals": done - summed}
    return {"layers": count, "bytes": bytes_ / count, **{key: 1e6 * span / count for key, span in spans.items()}}


def zoo() -> dict[str, float]:
    """Seconds for the whole zoo: read, expanded, analysed, summed up."""
    import cnncalc
    import cnncalc.costs.memory
    from cnncalc.zoo import index as zoo

    start = time.process_time()
    layers = 0
    for name in zoo.names():
        analysis = cnncalc.analyse(cnncalc.expand(cnncalc.load(name)))
        assert analysis.totals.params >= 0
        layers += len(analysis.layers)
    return {"seconds": time.process_time() - start, "networks": len(zoo.names()), "layers": layers}


def one() -> dict[str, float]:
    """Milliseconds for resnet50, once read; the median of many."""
    import cnncalc
    import cnncalc.costs.memory

    spec = cnncalc.load("resnet50")

    def span(work: Callable[[], object]) -> float:
        start = time.process_time()
        work()
        return 1000 * (time.process_time() - start)

    spans = [span(lambda: cnncalc.analyse(cnncalc.expand(spec))) for _ in range(51)]
    totals = [span(lambda: cnncalc.analyse(cnncalc.expand(spec)).totals) for _ in range(51)]
    return {"analysis": statistics.median(spans), "totals": statistics.median(totals)}


def apart(what: str) -> dict[str, float]:
    """A measurement in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.scale", "--only", what], cwd=ROOT, check=True, capture_output=True, text=True
    )
    result: dict[str, float] = json.loads(run.stdout)
    return result


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--only"]:
        what = sys.argv[2]
        print(json.dumps(zoo() if what == "zoo" else one() if what == "one" else chain(int(what))))
        return
    sizes = [int(word) for word in sys.argv[1:]] or [10**2, 10**3, 10**4, 10**5, 10**6]
    print("   layers    us a layer: expand  analyse  totals      kB a layer   (targets: 15 us, 2 kB)")
    for size in sizes:
        row = apart(str(size))
        print(
            f"{row['layers']:9,.0f} {row['expand']:25.2f} {row['analyse']:8.2f} {row['totals']:7.2f}"
            f" {row['bytes'] / 1000:15.2f}"
        )
    row = apart("one")
    print(f"resnet50, once read: {row['analysis']:.2f} ms, with totals {row['totals']:.2f} ms   (target: 3 ms)")
    row = apart("zoo")
    print(
        f"the whole zoo, {row['networks']:.0f} networks, {row['layers']:,.0f} layers, read and analysed: "
        f"{row['seconds']:.2f} s   (target: 1 s)"
    )


if __name__ == "__main__":
    main()
