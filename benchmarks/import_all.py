"""Imports every network of torchvision for classification and segmentation, and one of each of timm's families.

    python benchmarks/import_all.py [--only WORD] [--output FILE.csv]

For each: parameters equal to the module's, those that nothing uses apart and said; multiply-accumulates equal to
`torch.utils.flop_counter` on the module itself; layers of which a count is unknown; seconds of PyTorch's export and of
cnncalc's own part; lines of YAML. Needs torchvision and timm; no weights are fetched, and no memory is taken.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cnncalc.costs.analysis import Costs
from cnncalc.errors import CnncalcError
from cnncalc.pytorch import reading as read_module
from tests.oracles.torchvision_cpu import import_or_skip

COLUMNS = (
    *("network", "layers", "params", "params equal", "macs", "macs equal", "unknown", "export seconds", "own seconds"),
    *("yaml lines", "error"),
)


def networks() -> Iterator[tuple[str, Any, tuple[int, ...]]]:
    """Name, what makes the module, and its input."""
    models = import_or_skip("torchvision").models
    for group in (models, models.segmentation):
        for name in models.list_models(module=group):
            backbone = {"weights_backbone": None} if group is models.segmentation else {}
            size = 299 if name.startswith("inception") else 224
            yield (
                f"torchvision:{name}",
                lambda name=name, options=backbone: models.get_model(name, **options),
                (3, size, size),
            )
    timm = import_or_skip("timm")
    families: dict[str, str] = {}
    for name in timm.list_models():
        families.setdefault(timm.models.model_entrypoint(name).__module__, name)
    for name in families.values():
        size = timm.models.get_pretrained_cfg(name).input_size
        yield f"timm:{name}", lambda name=name: timm.create_model(name), size


def made(make: Any) -> nn.Module:
    """The module without memory, if it can be made so."""
    try:
        with torch.device("meta"):
            return make().eval()
    except (NotImplementedError, RuntimeError):
        return make().eval()


def row(name: str, make: Any, size: tuple[int, ...]) -> dict[str, Any]:
    """What came of one network."""
    found: dict[str, Any] = {"network": name}
    module = made(make)
    seconds = [0.0]
    export = torch.export.export

    def timed(*args: Any, **options: Any) -> Any:
        start = time.perf_counter()
        try:
            return export(*args, **options)
        finally:
            seconds[0] += time.perf_counter() - start

    torch.export.export = timed
    start = time.perf_counter()
    try:
        reading = read_module(module, size)
    except CnncalcError as error:
        return {**found, "error": error.message}
    finally:
        torch.export.export = export
    own = time.perf_counter() - start - seconds[0]
    costs = Costs(reading.graph)
    counter = FlopCounterMode(display=False)
    module.requires_grad_(False)  # the counter fails on a view of a parameter that was made without gradients
    with torch.no_grad(), counter:
        module.to("meta")(*reading.inputs)
    params = sum(parameter.numel() for parameter in module.parameters())
    macs = counter.get_total_flops() // 2
    found |= {
        "layers": len(costs.layers),
        "params": params,
        "params equal": costs.params + sum(reading.unused.values()) == params,
        "macs": macs,
        "macs equal": int(costs.macs) == macs,
        "unknown": " ".join(f"{key}x{number}" for key, number in reading.unknown.items()),
        "export seconds": round(seconds[0], 2),
        "own seconds": round(own, 2),
    }
    try:
        from cnncalc.language.write import to_yaml

        found["yaml lines"] = to_yaml(reading.graph).count("\n")
    except (CnncalcError, ImportError) as error:
        found["yaml lines"] = f"none: {getattr(error, 'hint', error)}"[:100]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="networks whose name has this word")
    parser.add_argument("--output", type=Path, help="a CSV file")
    parser.add_argument("--start", type=int, default=0, help="how many networks to leave out")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rows = []
    with (options.output or Path("/dev/null")).open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for number, (name, make, size) in enumerate(networks()):
            if options.only not in name or number < options.start:
                continue
            try:
                rows.append(row(name, make, size))
            except Exception as error:
                rows.append({"network": name, "error": f"{type(error).__name__}: {str(error)[:200]}"})
            writer.writerow(rows[-1])
            file.flush()
            print(" ".join(f"{key}={value}" for key, value in rows[-1].items()), flush=True)
    read = [row for row in rows if "error" not in row]
    equal = [sum(bool(row[key]) for row in read) for key in ("params equal", "macs equal")]
    known = sum(not row["unknown"] for row in read)
    print(
        f"{len(rows)} networks, {len(read)} read; parameters of {equal[0]} and MACs of {equal[1]} equal; "
        f"all known: {known}"
    )
    written = [row for row in read if isinstance(row["yaml lines"], int)]
    lines, layers = (sum(row[key] for row in written) for key in ("yaml lines", "layers"))
    print(f"{len(written)} written as specs: {lines:,} lines for {layers:,} layers")
    total, own = (sum(row[key] for row in read) for key in ("export seconds", "own seconds"))
    print(f"export {total:.0f} s, cnncalc's own part {own:.0f} s")


if __name__ == "__main__":
    main()
