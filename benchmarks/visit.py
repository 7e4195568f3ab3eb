"""Everything that a visit to a GPU should bring home, by one command, in one archive.

    python -m benchmarks.visit --device cuda --minutes 20

Steps, each with its share of the time that is left; what does not fit is left out, and the step says so:

- verify: the whole zoo held against PyTorch on the device;
- clock: whole passes against `torch.utils.benchmark` and triton's `do_bench`;
- marks: the times of single layers against `torch.profiler`'s, for five networks, at batch 1 and 64;
- networks: profiles of the documents' networks, at batch 1 and 64, and how well MACs, traffic and the roofline order
  them by time (Spearman's rank correlation);
- memory: predicted and measured peaks of ten networks, at inference and in training (CUDA alone measures);
- options: every option of `profile` on resnet50.

On a CPU it runs small, to try the script from end to end: `--device cpu --minutes 3 --quick`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from cnncalc import CnncalcError, network
from cnncalc.pytorch import Settings, profile
from cnncalc.pytorch.build import build, example_inputs
from cnncalc.pytorch.device import checked_device, describe
from cnncalc.views.profile import record

MARKED = ("alexnet", "vgg16", "resnet50", "densenet121", "mobilenet_v2")
MEASURED = (*MARKED, "nin", "googlenet", "resnet18", "squeezenet1_1", "unet")
QUICK = ("lenet5", "squeezenet1_1", "resnet18")
OPTIONS: Sequence[dict[str, Any]] = (
    {},
    {"dtype": "tf32"},
    {"dtype": "float16"},
    {"dtype": "bfloat16"},
    {"channels_last": True},
    {"dtype": "float16", "channels_last": True},
    {"compile": True},
    {"cuda_graph": True},
    {"training": True},
)


class Visit:
    """A visit to a device: where its results go, and until when it may last."""

    def __init__(self, device: str, folder: Path, minutes: float, quick: bool) -> None:
        self.device = device
        self.folder = folder
        self.end = time.monotonic() + 60 * minutes
        self.until = self.end
        self.quick = quick
        self.batches = (1, 4) if quick else (1, 64)

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.end - time.monotonic()

    @property
    def on(self) -> bool:
        """Whether the present step has time left."""
        return time.monotonic() < self.until

    def share(self, part: float) -> None:
        """Give the next step a part of the time that is left."""
        self.until = time.monotonic() + part * self.left

    def write(self, name: str, content: Any) -> None:
        """Write a result as JSON."""
        (self.folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")

    def command(self, name: str, words: Sequence[str]) -> None:
        """Run a command of the project and keep what it prints, as long as the step may last."""
        limit = max(self.until - time.monotonic(), 1)
        with (self.folder / f"{name}.txt").open("w") as file:
            try:
                subprocess.run([sys.executable, "-m", *words], stdout=file, stderr=file, timeout=limit, check=False)
            except subprocess.TimeoutExpired:
                file.write(f"\nnot finished in {limit:.0f} s\n")

    def verify(self) -> None:
        """The zoo against PyTorch."""
        named = list(QUICK) if self.quick else ["--all"]
        self.command("verify", ["cnncalc", "verify", *named, "--device", self.device, "-f", "json"])

    def clock(self) -> None:
        """The clock against others."""
        rounds = "3" if self.quick else "20"
        self.command("clock", ["benchmarks.timing", *QUICK, "--device", self.device, "--rounds", rounds])

    def marks(self) -> None:
        """Single layers' times against the profiler's."""
        found = {}
        for name in QUICK if self.quick else MARKED:
            for batch in self.batches:
                if self.on:
                    found[f"{name} batch {batch}"] = marked_layers(name, batch, self.device)
        self.write("marks", found)

    def options(self) -> None:
        """Every option of a profile."""
        found = {}
        for changed in OPTIONS:
            if self.on:
                settings = Settings(device=self.device, batch=self.batches[-1], **{"repeats": 5, **changed})
                found[json.dumps(changed)] = profiled("lenet5" if self.quick else "resnet50", settings)
        self.write("options", found)

    def networks(self) -> None:
        """Profiles of networks, and how well counts order them by time."""
        rows = []
        for name in QUICK if self.quick else MEASURED:
            for batch in self.batches:
                if self.on:
                    rows += [timed(name, batch, self.device)]
        self.write("networks", rows)
        self.write("ranks", ranks([row for row in rows if "seconds" in row]))

    def memory(self) -> None:
        """Predicted and measured peaks."""
        found = {}
        for name in QUICK if self.quick else MEASURED:
            for training in (False, True):
                if self.on:
                    settings = Settings(device=self.device, batch=self.batches[-1], training=training, repeats=3)
                    found[f"{name} {'training' if training else 'inference'}"] = profiled(name, settings)
        self.write("memory", found)


def marked_layers(name: str, batch: int, device: str) -> dict[str, Any]:
    """Each layer's seconds by our marks and by `torch.profiler`, and the ratio of the sums."""
    net = network(name)
    try:
        result = profile(net, Settings(device=device, batch=batch, repeats=10))
    except CnncalcError as error:
        return {"error": error.message}
    theirs = profiler_times(name, batch, device)
    ours = {time.row.name: time.time.median for time in result.layers.times.values()} if result.layers else {}
    both = {layer: (seconds, theirs[layer]) for layer, seconds in ours.items() if theirs.get(layer)}
    sums = [sum(column) for column in zip(*both.values(), strict=True)] if both else [0.0, 0.0]
    return {"layers": both, "sums": sums, "ratio": sums[0] / sums[1] if sums[1] else None}


def profiler_times(name: str, batch: int, device: str) -> dict[str, float]:
    """Each layer's seconds by `torch.profiler`: the device's own on CUDA."""
    net = network(name)
    model, inputs = build(net, device=device).eval(), example_inputs(net, batch, device=device)
    for layer, module in model.layers.items():
        _label(module, f"layer:{layer}")
    activities = [torch.profiler.ProfilerActivity.CPU]
    cuda = device.startswith("cuda")
    activities += [torch.profiler.ProfilerActivity.CUDA] if cuda else []
    repeats = 5
    with torch.inference_mode():
        model(*inputs)
        with torch.profiler.profile(activities=activities) as profiler:
            for _ in range(repeats):
                model(*inputs)
    found = {}
    for event in profiler.key_averages():
        if event.key.startswith("layer:"):
            total = event.device_time_total if cuda else event.cpu_time_total
            found[event.key.removeprefix("layer:")] = total / 1e6 / repeats
    return found


def _label(module: torch.nn.Module, label: str) -> None:
    """Let the profiler see a module as one range."""
    ranges: list[Any] = []

    def begin(*_: Any) -> None:
        ranges.append(torch.profiler.record_function(label))
        ranges[-1].__enter__()

    def end(*_: Any) -> None:
        ranges.pop().__exit__(None, None, None)

    module.register_forward_pre_hook(begin)
    module.register_forward_hook(end)


def profiled(name: str, settings: Settings) -> dict[str, Any]:
    """A profile without its layers; or why there is none."""
    import msgspec

    try:
        result: dict[str, Any] = msgspec.to_builtins(record(profile(network(name), settings, layers=False)))
    except CnncalcError as error:
        return {"error": error.message}
    return result


def timed(name: str, batch: int, device: str) -> dict[str, Any]:
    """A network's seconds, and what could order it by them."""
    try:
        result = profile(network(name), Settings(device=device, batch=batch, repeats=10))
    except CnncalcError as error:
        return {"network": name, "batch": batch, "error": error.message}
    costs = result.costs
    bounds = [time.bound.seconds or 0.0 for time in result.layers.times.values() if time.bound] if result.layers else []
    return {
        "network": name,
        "batch": batch,
        "seconds": result.latency.median,
        "macs": costs.macs,
        "params": costs.params,
        "traffic": costs.memory.traffic,
        "roofline": sum(bounds),
    }


def ranks(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Spearman's rank correlation of each count with the seconds, by batch.

    >>> one = {"batch": 1, "params": 1, "traffic": 1, "roofline": 1}
    >>> rows = [{**one, "seconds": s, "macs": m} for s, m in ((1, 5), (2, 7))]
    >>> ranks(rows)["1"]["macs"]
    1.0
    """
    found: dict[str, dict[str, float]] = {}
    for batch in sorted({row["batch"] for row in rows}):
        some = [row for row in rows if row["batch"] == batch]
        seconds = _ranked([row["seconds"] for row in some])
        found[str(batch)] = {
            count: _correlation(_ranked([row[count] for row in some]), seconds)
            for count in ("macs", "params", "traffic", "roofline")
        }
    return found


def _ranked(values: Sequence[float]) -> list[float]:
    """The rank of each value; equal ones share the mean of theirs."""
    ordered = sorted(values)
    return [ordered.index(value) + (ordered.count(value) - 1) / 2 for value in values]


def _correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Pearson's correlation; 0 where one of them does not vary."""
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    both = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
    spread = (sum((x - mean_a) ** 2 for x in a) * sum((y - mean_b) ** 2 for y in b)) ** 0.5
    return both / spread if spread else 0.0


def main() -> int:
    """Make the visit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", type=float, default=19.0)
    parser.add_argument("--quick", action="store_true", help="a few small networks, to try the script")
    parser.add_argument("--output", type=Path, default=Path("visit"))
    arguments = parser.parse_args()
    device = checked_device(arguments.device, ("cpu", "cuda"))
    arguments.output.mkdir(parents=True, exist_ok=True)
    visit = Visit(device, arguments.output, arguments.minutes, arguments.quick)
    visit.write("device", describe(device))
    steps: Sequence[tuple[Callable[[], None], float]] = (
        (visit.verify, 0.35),
        (visit.clock, 0.2),
        (visit.marks, 0.3),
        (visit.networks, 0.4),
        (visit.memory, 0.5),
        (visit.options, 1.0),
    )
    for step, part in steps:
        start = time.monotonic()
        visit.share(part)
        step()
        cut = "" if visit.on else ", cut off by the time"
        print(
            f"{step.__name__:10} {time.monotonic() - start:6.0f} s, {max(visit.left, 0):6.0f} s left{cut}", flush=True
        )
    archive = arguments.output.with_suffix(".tar.gz")
    with tarfile.open(archive, "w:gz") as file:
        file.add(arguments.output, arcname=arguments.output.name)
    print(f"wrote {archive}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
