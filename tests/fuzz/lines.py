"""Command lines made from the commands' own options, and the places that they are run in: environments, folders, closed
or full streams. Commands that need PyTorch are left out, for the process' memory is bounded."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import typer

from cnncalc.cli.app import COMMANDS, app
from cnncalc.devices import FOLDER as DEVICES
from cnncalc.render import FORMATS, SUFFIXES

from .mutate import HUGE, NEGATIVE, NUMBERS, UNICODE, WORDS

NEEDS_TORCH = ("export", "verify", "profile")
SLOW = ("plot", "page", "sweep")  # which import large libraries each time
LEFT_OUT = ("--watch", "--port", "--help")
NETWORKS = ("lenet5", "resnet18", "alexnet", "wavenet", "nin", "unet", "squeezenet1_1", "vit_b_16", "yolov3_tiny")
OLD = "the old content\n"
TABLE = b"layer,params,macs\nC1,156,117600\nS2.pool,0,\ntotal,60000,\n"
TIMES = b'{"schema": 2, "network": "x", "layers": []}'
RAW = (
    *(
        "\x1b[2J",
        "a\nerror: b",
        "\u202eabc",
        "\x9b31m",
        "\x7f",
        "\u2028",
        "[b]x[/b]",
        "=1+1",
        "@x",
        "<script>x</script>",
    ),
    *("$x^2$", "\\input{x}", "`a`|b", "a & b \\\\", "]]>", "{}%_#~^", "\udc80", "\ufeff", "\t", "'", '"', "x" * 3000),
    *("-x", "--", "../..", "%s", "{0}", "\u65e5\u672c\u8a9e", "é" * 100, "[x]"),
)
COUNTS = ("1", "2", "7", "0", "-1", "999999999999999999", "9" * 4400, "x", "1.5", "1e3", "\uff11", "")
SIZES = (
    *("33", "5x5", "3x224x224", "1000000000", "0", "-1", "left=4", "1x1", "3x", "x", "9" * 5000, "8x8x8x8x8x8x8x8"),
    *("input=32", "input=3x9x9,input=4", "32,32", "3\u00d732\u00d732", " 64 "),
)
VALUES: dict[str, tuple[str, ...]] = {
    "--input": SIZES,
    "--set": (
        "width=3",
        "classes=1/0",
        "x",
        "=",
        "a=",
        "classes=9**9**9",
        "depths=[1,2",
        "classes=" + "[" * 90,
        "a=1=2",
    ),
    "--format": (*FORMATS, *FORMATS, "pdf", "svg", "png", "dot", "tikz", "x", "TABLE"),
    "--columns": ("name", "params,macs", "layer,output", "nothing", ",", "name,name", "title, MACs"),
    "--units": ("auto", "k", "M,G", "x", "M,M,M,M,M,M,M"),
    "--device": ("a100", "h100", "nope", "cuda", "cpu:0", "DEVICE", "DEVICE", "FILE", "a100,h100"),
    "--dtype": ("float16", "float64", "int3", "float8"),
    "--as": ("fvcore", "torch", "paper", "ptflops", "thop", "torchinfo", "x"),
    "--optimizer": ("adam", "sgd", "x"),
    "--fits": ("24GiB", "1", "0", "-1GB", "1e30TB", "GiB", "0.5 GB", "inf"),
    "--unit": ("3", "0,0", "1,2,3", "-1", "9" * 30, "x", ",", ""),
    "--sort": ("params", "-macs", "nothing", "size"),
    "--kind": ("graph", "costs", "memory", "roofline", "rf", "field", "depth", "scatter", "x"),
    "--width": ("8", "0", "-1", "1e9", "x", "12cm", "column"),
    "--vary": (
        "width=1:3",
        "classes=1:10:2",
        "input=32:64:8",
        "x=1",
        "classes=1:1e9",
        "classes=[1,2],3",
        "classes=3:1",
        "a",
    ),
    "--let": ("a=params/2", "a=1/0", "params=3", "a", "a=b"),
    "--where": ("params < 1e6", "1/0", "macs and", "nothing > 1", "fits('a100')"),
    "--pareto": ("params,macs", "params", "max:activations,params", "x,y", ""),
    "--check": ("0", "1", "0.5", "2", "nan"),
    "--minimise": ("macs", "x"),
    "--maximise": ("params", "x"),
    "--jobs": ("0", "1", "x"),
    "--backend": ("x",),
    "--search": ("0", "x"),
    "--plot": ("x", "front"),
    "--sample": ("1", "3", "0", "x", "5"),
    "--csv": ("CSV", "CSV", "FILE", "nope.csv"),
    "--profile": ("JSON", "JSON", "FILE", "nope.json"),
    "--network": ("FILE", *NETWORKS[:2], "nope"),
    "--only": ("wrong", "different", "x", "params"),
}
ENVIRONMENT: dict[str, tuple[str | None, ...]] = {
    "COLUMNS": ("", "0", "1", "-5", "20", "60", "132", "100000", "9" * 30, "x"),
    "HOME": (None, "", "/nonexistent", "relative", "HERE"),
    "XDG_CACHE_HOME": ("/proc/nothing", "FILE", "relative", "", "HERE"),
    "TERM": (None, "dumb", "xterm-256color"),
    "NO_COLOR": ("1",),
    "LANG": ("C", "tr_TR.UTF-8"),
    "PATH": ("", None),
    "TMPDIR": ("/nonexistent",),
}
ENCODINGS = ("utf-8", "utf-8", "utf-8", "ascii", "cp1252", "latin-1", "utf-16")
STREAMS = ("closed", "full", "broken", "null")


@dataclass
class Place:
    """Where a command is run: its folder, its environment, and what its standard streams are."""

    folder: Path
    file: Path
    environment: dict[str, str]
    encoding: str = "utf-8"
    streams: dict[int, str] = field(default_factory=dict)  # by number, if it is not a usual one


def place(random: Random, folder: Path, text: bytes) -> Place:
    """A fresh folder with a spec, a device, a table, a measurement and an old file; mostly a usual place otherwise."""
    file = folder / random.choice(("spec.yaml", "spec.yaml", "net.yml", "a b.yaml", "=1+1.yaml", "é.yaml", "[b].yaml"))
    file.write_bytes(text)
    device = random.choice(sorted(DEVICES.glob("*.yaml")))
    (folder / "device.yaml").write_bytes(_changed(random, device.read_bytes()))
    (folder / "table.csv").write_bytes(_changed(random, TABLE))
    (folder / "times.json").write_bytes(_changed(random, TIMES))
    (folder / "old.txt").write_text(OLD)
    cache = Path(tempfile.gettempdir(), "fuzz-cache")  # without one, `list` counts the whole zoo each time
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "COLUMNS": "80",
        "XDG_CACHE_HOME": str(cache),
    }
    found = Place(folder, file, environment)
    if random.random() < 0.3:
        for name in random.sample(list(ENVIRONMENT), random.choice((1, 1, 2, 3))):
            value = random.choice(ENVIRONMENT[name])
            environment.pop(name, None)
            if value is not None:
                environment[name] = value.replace("HERE", str(folder)).replace("FILE", str(file))
        found.encoding = random.choice(ENCODINGS)
    if random.random() < 0.1:
        found.streams[random.choice((0, 1, 1, 2))] = random.choice(STREAMS)
    return found


def _changed(random: Random, data: bytes) -> bytes:
    """A file as it is, or with some of it changed."""
    changed = bytearray(data)
    for _ in range(random.choice((0, 0, 1, 2, 5))):
        at = random.randrange(len(changed) + 1)
        new = random.choice((*NUMBERS, *HUGE, *NEGATIVE, *WORDS, *UNICODE, *RAW)).encode("utf-8", "replace")
        changed[at : at + random.choice((0, 1, 1, 5, 30))] = random.choice((new, new, b"", b"\n", random.randbytes(3)))
    return bytes(changed)


def line(random: Random, place: Place) -> list[str]:
    """A command line."""
    if random.random() < 0.01:
        return [random.choice((*RAW, *WORDS, "--version", "--help", "-h", "resnet50", "parms"))]
    left_out = NEEDS_TORCH if random.random() < 0.2 else (*NEEDS_TORCH, *SLOW)
    name = random.choice([name for name in COMMANDS if name not in left_out])
    words = [name]
    found = parameters()[name]
    for kind, _, _, many in found:
        if kind == "argument":
            words += [_argument(random, place, name) for _ in range(random.choice((1, 1, 2, 2, 3)) if many else 1)]
            break
    if name in ("rf", "explain") and random.random() < 0.4:
        words.append(random.choice(("conv1", "a", "relu1", "nothing", *RAW)))
    if name in ("plot", "page") and random.random() < 0.9:
        words += ["-o", _output(random, place)]
    options = [(option, flag) for kind, option, flag, _ in found if kind == "option" and option not in LEFT_OUT]
    for option, flag in random.sample(options, min(len(options), random.choice((0, 1, 1, 2, 2, 3, 5)))):
        if flag and option == "--profile":  # which times the networks in PyTorch
            continue
        words += [option] if flag else [option, _value(random, place, option)]
    if random.random() < 0.02:
        words.insert(random.randrange(len(words) + 1), random.choice((*RAW, *WORDS, "--nothing", "--", "-")))
    return [word.replace("\0", "") for word in words]


@cache
def parameters() -> dict[str, list[tuple[str, str, bool, bool]]]:
    """For each command its parameters: argument or option, the name, whether it is a flag, whether it takes several."""
    group: Any = typer.main.get_command(app)
    return {
        name: [
            (
                found.param_type_name,
                found.opts[0] if found.param_type_name == "option" else found.name,
                bool(getattr(found, "is_flag", False)),
                found.nargs != 1,
            )
            for found in group.get_command(None, name).params
        ]
        for name in COMMANDS
    }


def _argument(random: Random, place: Place, command: str) -> str:
    """A network, or what is none."""
    if command == "list" or (command == "tables" and random.random() < 0.7):
        return random.choice(("resnet", "alexnet", "wide", "he-2015", "googlenet_table", *RAW, *WORDS))
    if random.random() < 0.7:
        return str(place.file) if random.random() < 0.5 else place.file.name
    others = (
        "-",
        "nope",
        "",
        ".",
        "/dev/null",
        "missing/x.yaml",
        "https://x.y/z.yaml",
        "old.txt",
        "device.yaml",
        "a.onnx",
    )
    return random.choice((*NETWORKS, *NETWORKS, *others, *RAW))


def _output(random: Random, place: Place) -> str:
    """Where to write to."""
    new = f"new{random.choice((*SUFFIXES, '.txt', '.pdf', '.svg', '', '.yaml', '.parquet'))}"
    names = ("old.txt", place.file.name, ".", "missing/x.json", "-", "/dev/full", "/dev/null", "", "old.txt/x", *RAW)
    return random.choice((new, new, new, "old.txt", *names))


def _value(random: Random, place: Place, option: str) -> str:
    """A value for an option: mostly one of its kind."""
    if option in ("--output", "--save-device", "--resume"):
        return _output(random, place)
    known = VALUES.get(option, COUNTS if option not in ("--caption", "--label", "--title") else RAW)
    value = random.choice(known if random.random() < 0.9 else (*RAW, *WORDS, *HUGE, *NEGATIVE))
    names = {"DEVICE": "device.yaml", "FILE": place.file.name, "CSV": "table.csv", "JSON": "times.json"}
    return names.get(value, value)
