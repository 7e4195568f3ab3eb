"""Exports networks of torchvision and timm to ONNX in all of PyTorch's ways, and reads the files.

    python -m benchmarks.onnx_round_trip [--only WORD] [--start N] [--count N] [--traced] [--output FILE.csv]

Each network has random weights, for exporters store equal numbers once. The ways are those of the old exporter, which
traces, and the new one, which reads `torch.export`; each as it is and with batch normalisation folded. Parameters and
multiply-accumulates must be those of the module (`cnncalc.pytorch.read`), or of it after `fold_batchnorm`; operations
besides differ where an exporter spells out in several operators what the module says in one, and the column says by how
many per cent. Needs torchvision, timm and onnxscript.
"""

from __future__ import annotations

import argparse
import csv
import logging
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cnncalc import Network, onnx, pytorch
from cnncalc.errors import CnncalcError
from tests.oracles.torchvision_cpu import import_or_skip

TORCHVISION = (
    *("alexnet", "convnext_tiny", "densenet121", "densenet169", "efficientnet_b0", "efficientnet_b2"),
    *("efficientnet_v2_s", "googlenet", "inception_v3", "mnasnet0_5", "mnasnet1_0", "mobilenet_v2"),
    *("mobilenet_v3_small", "mobilenet_v3_large", "regnet_x_400mf", "regnet_y_400mf", "resnet18", "resnet34"),
    *("resnet50", "resnext50_32x4d", "wide_resnet50_2", "shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "squeezenet1_0"),
    *("squeezenet1_1", "swin_t", "vgg11", "vgg16_bn", "vit_b_16", "maxvit_t", "swin_v2_t"),
)
TIMM = (
    *("vit_tiny_patch16_224", "convnext_atto", "convnextv2_atto", "mixer_s32_224", "deit_tiny_patch16_224"),
    *("efficientnet_lite0", "ghostnet_100", "hardcorenas_a", "lcnet_050", "mobilenetv2_050", "mobilenetv4_conv_small"),
    *(
        "mobilevit_xxs",
        "mobileone_s0",
        "nf_regnet_b0",
        "poolformer_s12",
        "regnetz_005",
        "repvgg_a0",
        "res2net50_26w_4s",
    ),
    *("resmlp_12_224", "resnest14d", "rexnet_100", "seresnext26d_32x4d", "skresnet18", "tf_efficientnet_b0"),
    *("tinynet_e", "tiny_vit_5m_224", "visformer_tiny", "xcit_nano_12_p16_224", "edgenext_xx_small", "cspresnet50"),
    *(
        "dla34",
        "dpn48b",
        "ese_vovnet19b_dw",
        "fastvit_t8",
        "gmlp_s16_224",
        "hrnet_w18_small",
        "levit_128s",
        "pit_ti_224",
    ),
)
WAYS = ("traced", "traced, folded", "exported", "exported, folded")
COLUMNS = ("network", "way", "params", "params equal", "macs", "macs equal", "flops %", "unknown", "seconds", "error")


def networks() -> Iterator[tuple[str, Any, tuple[int, ...]]]:
    """Name, what makes the module, and its input."""
    models = import_or_skip("torchvision").models
    for name in TORCHVISION:
        size = 299 if name.startswith("inception") else 256 if name == "swin_v2_t" else 224
        yield f"torchvision:{name}", lambda name=name: models.get_model(name), (3, size, size)
    timm = import_or_skip("timm")
    for name in TIMM:
        yield f"timm:{name}", lambda name=name: timm.create_model(name), timm.models.get_pretrained_cfg(name).input_size


def randomised(module: nn.Module) -> nn.Module:
    """The module at inference, with no two tensors equal."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.uniform_(-0.1, 0.1)
        for name, buffer in module.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.uniform_(0.5, 1.5)
    return module.eval()


def export(module: nn.Module, program: Any, size: tuple[int, ...], way: str, path: Path) -> None:
    """Write the module as a file, in a way."""
    x = torch.zeros(1, *size)
    if way == "traced":
        kept = torch.onnx.TrainingMode.PRESERVE
        torch.onnx.export(module, (x,), path, dynamo=False, training=kept, do_constant_folding=False)
    elif way == "traced, folded":
        torch.onnx.export(module, (x,), path, dynamo=False)
    else:
        torch.onnx.export(program, (), path, dynamo=True, optimize=way.endswith("folded"), external_data=False)


def rows(
    name: str, make: Any, size: tuple[int, ...], folder: Path, ways: tuple[str, ...] = WAYS
) -> Iterator[dict[str, Any]]:
    """What came of one network, a row a way."""
    module = randomised(make())
    try:
        own = Network.of(pytorch.read(module, size))
        program = None
        if any(way.startswith("exported") for way in ways):
            program = torch.export.export(module, (torch.zeros(1, *size),), strict=False)
    except Exception as error:
        yield {"network": name, "error": f"module: {shortly(error)}"}
        return
    for way in ways:
        found: dict[str, Any] = {"network": name, "way": way}
        expected = (own.fold_batchnorm() if way.endswith("folded") else own).analyze()
        path = folder / "net.onnx"
        try:
            with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
                export(module, program, size, way, path)
        except Exception as error:
            yield {**found, "error": f"not exported: {shortly(error)}"}
            continue
        start = time.perf_counter()
        try:
            read = onnx.reading(path)
        except CnncalcError as error:
            yield {**found, "error": error.message}
            continue
        analysis = Network.of(read.graph).analyze()
        yield found | {
            "params": int(analysis.params),
            "params equal": analysis.params == expected.params,
            "macs": int(analysis.macs),
            "macs equal": analysis.macs == expected.macs,
            "flops %": round(100 * (int(analysis.flops) / int(expected.flops) - 1), 2),
            "unknown": " ".join(f"{key}x{number}" for key, number in read.unknown.items()),
            "seconds": round(time.perf_counter() - start, 2),
        }


def shortly(error: Exception) -> str:
    """The first line of an error."""
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')[:120]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="networks whose name has this word")
    parser.add_argument("--start", type=int, default=0, help="how many networks to leave out")
    parser.add_argument("--count", type=int, default=1_000, help="how many networks to try")
    parser.add_argument("--traced", action="store_true", help="the old exporter alone, which is the faster one")
    parser.add_argument("--output", type=Path, help="a CSV file")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(1)
    chosen = [each for each in networks() if options.only in each[0]][options.start :][: options.count]
    found: list[dict[str, Any]] = []
    with (options.output or Path("/dev/null")).open("w", newline="") as file, tempfile.TemporaryDirectory() as folder:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for name, make, size in chosen:
            for row in rows(name, make, size, Path(folder), WAYS[:2] if options.traced else WAYS):
                found.append(row)
                writer.writerow(row)
                file.flush()
                print(" ".join(f"{key}={value}" for key, value in row.items() if value != ""), flush=True)
    read = [row for row in found if "error" not in row]
    equal = [sum(bool(row[key]) for row in read) for key in ("params equal", "macs equal")]
    known = sum(not row["unknown"] for row in read)
    print(
        f"{len(chosen)} networks, {len(read)} files read, {len(found) - len(read)} errors; parameters of {equal[0]} and"
    )
    print(f"MACs of {equal[1]} equal; all known in {known}; {sum(row['seconds'] for row in read):.0f} s to read them")


if __name__ == "__main__":
    main()
