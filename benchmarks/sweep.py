"""Variants a second on one core: composed, expanded in full, and built in PyTorch; and memory by their number.

    python -m benchmarks.sweep                      # rates of four families; memory at 10^5 and 10^6 variants
    python -m benchmarks.sweep --variants 100000 1000000 10000000

Rates are of the processor's time in one process and in one run. Beside the counts of `cnncalc sweep` stand the full
expansion of random variants of the same family, also with peak memory and receptive field, and what people do
without: torchvision's constructor on PyTorch's meta device, counted with `FlopCounterMode`, and on the CPU with
fvcore. Memory is the most that a `cnncalc sweep` into a folder held, in a process of its own.
"""

from __future__ import annotations

import argparse
import logging
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cnncalc as cc
from cnncalc.costs.compare import largest_field
from cnncalc.sweeping import Sweep

ROOT = Path(__file__).parent.parent
RESNETS = str(ROOT / "examples" / "resnet_family.yaml")
DEPTHS = [[a, b, c, d] for a in (1, 2, 3) for b in (1, 2, 4) for c in (1, 3, 6) for d in (1, 2, 3)]

# What is swept, and how: a grid, or a sample in which every number is a new one.
FAMILIES: dict[str, tuple[str, dict[str, Any], int | None]] = {
    "ResNet, grid": (RESNETS, {"width": "16:128", "depths": DEPTHS, "input": "128:320:8"}, None),
    "ResNet, sample": (RESNETS, {"width": "16:256", "depths": DEPTHS, "input": "128:320"}, 100_000),
    "MobileNetV2, grid": ("mobilenet_v2", {"width": "0.25:2:0.01", "input": "96:320:1", "classes": "10:100:10"}, None),
    "MobileNetV2, sample": ("mobilenet_v2", {"width": "0.25:2", "input": "96:320"}, 100_000),
    "EfficientNet, grid": (
        "efficientnet_b0",
        {"width": "0.5:2:0.01", "depth": "0.5:3:0.05", "input": "128:320:4"},
        None,
    ),
}


def rate(steps: Iterator[int], seconds: float) -> float:
    """Variants a second of the processor's time; each step says how many it did."""
    next(steps)  # what is made once
    start, count = time.process_time(), 0
    for number in steps:
        count += number
        if time.process_time() - start > seconds:
            break
    return count / (time.process_time() - start)


def composed(sweep: Sweep) -> Iterator[int]:
    """Chunks of a sweep, over and over."""
    while True:
        for chunk in sweep.chunks():
            yield chunk.stop - chunk.start


def expanded(sweep: Sweep, ask: Callable[[Any], Any]) -> Iterator[int]:
    """Random variants of a sweep, one by one, by what people write without sweeps."""
    network = cc.load(sweep.task.name) if sweep.task.name != "resnet_family" else cc.load(RESNETS)
    sample = cc.sweep(network, dict(sweep.task.declaration.vary), sample=5_000, check=0)
    columns = sample.evaluator.space.columns(0, 5_000)
    values = {name: column.list() for name, column in columns.items()}
    for place in range(5_000):
        given = {name: values[name][place] for name in values if name != "input"}
        ask(cc.network(network, values["input"][place], vars=given).analyze())
        yield 1


def modules(sweep: Sweep, device: str) -> Iterator[tuple[Any, Any]]:
    """Random variants of a family as torchvision's modules on a device, with an input."""
    import torch

    from tests.oracles.torchvision_cpu import import_or_skip

    import_or_skip()
    from torchvision.models import mobilenet_v2
    from torchvision.models.resnet import BasicBlock, ResNet

    sample = cc.sweep(
        RESNETS if sweep.task.name == "resnet_family" else sweep.task.name,
        dict(sweep.task.declaration.vary),
        sample=1_000,
        check=0,
    )
    columns = {name: column.list() for name, column in sample.evaluator.space.columns(0, 1_000).items()}
    for place in range(1_000):
        with torch.device(device), torch.no_grad():
            if sweep.task.name == "mobilenet_v2":
                module: Any = mobilenet_v2(width_mult=columns["width"][place])
            else:
                module = ResNet(BasicBlock, list(columns["depths"][place]))  # of width 64: torchvision has no other
            image = torch.empty(1, 3, columns["input"][place], columns["input"][place])
        yield module.eval(), image


def by_flop_counter(sweep: Sweep) -> Iterator[int]:
    """Building each in PyTorch and counting with `FlopCounterMode`."""
    from torch.utils.flop_counter import FlopCounterMode

    for module, image in modules(sweep, "meta"):
        with FlopCounterMode(display=False) as counter:
            module(image)
        assert counter.get_total_flops() * sum(weight.numel() for weight in module.parameters())
        yield 1


def by_fvcore(sweep: Sweep) -> Iterator[int]:
    """Building each in PyTorch and counting with fvcore, which traces it with real tensors: it takes no meta ones."""
    from fvcore.nn import FlopCountAnalysis

    for module, image in modules(sweep, "cpu"):
        found = FlopCountAnalysis(module, image).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        assert found.total() * sum(weight.numel() for weight in module.parameters())
        yield 1


def families(torch: bool, seconds: float) -> None:
    """Print the rates of each family."""
    print("variants a second      composed  and peak  checked  expanded  peak, field  FlopCounterMode  fvcore   ratio")
    for name, (network, vary, sample) in FAMILIES.items():
        plain, checked = (cc.sweep(network, vary, sample=sample, check=part) for part in (0, 0.001))
        counting = expanded(plain, lambda a: (a.params, a.macs, a.flops))
        seeing = expanded(plain, lambda a: (a.memory.peak, largest_field(a)))
        peak = cc.sweep(
            network, vary, sample=sample, check=0, columns=["params", "macs", "flops", "activations", "peak"]
        )
        chunks = (composed(plain), composed(peak), composed(checked))
        rates = [rate(steps, seconds) for steps in (*chunks, counting, seeing)]
        others = ["-", "-"]
        if torch and "EfficientNet" not in name:
            others = [f"{rate(steps, seconds):.1f}" for steps in (by_flop_counter(plain), by_fvcore(plain))]
        texts = [f"{each:,.0f}" for each in rates]
        print(
            f"{name:20} {texts[0]:>10} {texts[1]:>9} {texts[2]:>8} {texts[3]:>9} {texts[4]:>12} {others[0]:>16} "
            f"{others[1]:>7} {rates[0] / rates[3]:6.0f}x",
            flush=True,
        )


def memory(variants: int) -> None:
    """Print the memory and time of a sweep of so many variants into a folder."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "cnncalc", "sweep", "mobilenet_v1", "--vary", "width=0.25:2:0.001"]
        command += ["--vary", "input=96:320:1", "--vary", f"classes=1:{-(-variants // 393_975)}", "--check", "0.0001"]
        if variants < 393_975:
            command[6] = f"width=0.25:{0.25 + (variants // 225 - 1) / 1000:.3f}:0.001"
        command += ["--output", f"{folder}/results"]
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
        seconds = time.perf_counter() - start
        size = sum(file.stat().st_size for file in Path(folder).rglob("*.parquet"))
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{done.stderr.strip():22} {seconds:8.1f} s  {most:7.0f} MB held  {size / 2**20:8.1f} MB written", flush=True)


def main() -> None:
    """Print all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--variants", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--seconds", type=float, default=4.0, help="for each rate")
    parser.add_argument("--without-torch", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    if not arguments.without_torch:
        import torch

        torch.set_num_threads(1)
    families(not arguments.without_torch, arguments.seconds)
    for variants in arguments.variants:
        memory(variants)


if __name__ == "__main__":
    main()
