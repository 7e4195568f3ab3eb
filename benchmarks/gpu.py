"""Profile the documents' networks under every setting, and write each profile as JSON.

    python -m benchmarks.gpu --device cuda --output benchmarks/results

Batch 1 and 64; float32, tf32 and bfloat16; channels last or not; with and without a CUDA graph. On the CPU only
float32 runs, which is to try the script. One file a network and setting; a setting that cannot run is said and
left out. `cnncalc verify --all --device cuda` is the other half of a visit to a GPU, and
`python -m benchmarks.timing --device cuda` checks the clock.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec

from cnncalc import CnncalcError, network
from cnncalc.pytorch import Settings, profile
from cnncalc.views.profile import record

NETWORKS = ["lenet5", "alexnet", "nin", "vgg16", "googlenet", "resnet18", "resnet50", "densenet121", "mobilenet_v2"]


def settings_of(device: str, batches: list[int], repeats: int) -> Iterator[Settings]:
    """Every setting to measure."""
    cuda = device.startswith("cuda")
    dtypes = ("float32", "tf32", "bfloat16") if cuda else ("float32",)
    for batch, dtype, channels_last, graph in itertools.product(batches, dtypes, (False, True), (False, True)):
        if graph and not cuda:
            continue
        yield Settings(device, dtype, batch, channels_last, cuda_graph=graph, warmup=10, repeats=repeats)


def file_name(network: str, settings: Settings) -> str:
    """A name that says the network and the setting.

    >>> file_name("nin", Settings("cuda", "tf32", 64, channels_last=True))
    'nin-cuda-b64-tf32-channels_last.json'
    """
    options = [name for name in ("channels_last", "cuda_graph") if getattr(settings, name)]
    device = settings.device.replace(":", "")
    return "-".join([network, device, f"b{settings.batch}", settings.dtype, *options]) + ".json"


def measure(name: str, settings: Settings, output: Path) -> None:
    """Measure, print a line, write a file."""
    what = file_name(name, settings).removesuffix(".json")
    try:
        result = profile(network(name), settings)
    except CnncalcError as error:
        print(f"{what:50} {error.render().splitlines()[0]}", flush=True)
        return
    (output / file_name(name, settings)).write_text(json.dumps(msgspec.to_builtins(record(result)), indent=1) + "\n")
    latency, reached = result.latency, result.costs.flops / result.latency.median / 1e12
    layers = result.layers.sum if result.layers else 0.0
    print(
        f"{what:50} {latency.median * 1e3:9.3f} ms [{latency.q1 * 1e3:.3f}, {latency.q3 * 1e3:.3f}]"
        f" layers {layers * 1e3:9.3f} ms {result.images_per_s:10,.0f} images/s {reached:7.2f} TFLOP/s",
        flush=True,
    )


def main() -> None:
    """Measure each network under each setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batches", type=int, nargs="*", default=[1, 64])
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name in arguments.networks:
        for settings in settings_of(arguments.device, arguments.batches, arguments.repeats):
            measure(name, settings, arguments.output)


if __name__ == "__main__":
    main()
