"""Commands on changed specs: whatever the spec and the options, a result or one message, never a traceback."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from random import Random

import typer

from cnncalc.cli.app import app

from .limits import Finding, time_limit

COMMANDS: dict[str, tuple[str, ...]] = {
    "show": ("--expanded",),
    "params": (),
    "flops": ("--operations", "--device h100", "--as fvcore", "--as torch", "--as paper"),
    "shapes": (),
    "memory": ("--inplace", "--optimizer adam", "--mixed", "--fits 24GiB", "--dtype float16"),
    "rf": (),
    "compare": ("resnet18",),
    "explain": ("conv1", "a"),
    "bottleneck": ("--device rtx4090",),
    "reconcile": (),
}
COMMON = (
    *("--all", "--depth 1", "--depth 3", "--training", "--batch 7", "--batch 999999999999999999", "--classes 7"),
    *("--input 33", "--input 5x5", "--input 3x224x224", "--input 1000000000", "--set width=3", "--set classes=1/0"),
    *("--format json", "--format csv", "--format markdown", "--format latex", "--format table"),
)
SECONDS = 6.0  # a large network's table is laid out by another library
GOOD, WRONG = 0, 2


def check_command(file: Path, random: Random) -> str:
    """Run a command on a spec in a file; its name.

    Raises:
        Finding: it ends in an exception, another exit status, a message without form, or not at all.
    """
    command = random.choice(list(COMMANDS))
    words = [command, str(file)]
    for option in random.sample((*COMMANDS[command], *COMMON), random.choice((0, 1, 1, 2, 3))):
        words += option.split()
    status, _, errors = run(words)
    shown = " ".join(words).replace(str(file), "FILE")
    if status not in (GOOD, WRONG):
        raise Finding(f"`{shown}` leaves with {status}")
    if (status == WRONG) != errors.startswith("error[") or "too large (" in errors or "Traceback" in errors:
        raise Finding(f"`{shown}` leaves with {status} and says {errors[:200]}")
    return command


def run(words: list[str]) -> tuple[object, str, str]:
    """Run a command line in this process: its exit status and what it printed."""
    output, errors = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    status: object = None
    with redirect_stdout(output), redirect_stderr(errors):
        try:
            with time_limit(" ".join(words), SECONDS):
                typer.main.get_command(app).main(words, "cnncalc")
        except SystemExit as left:
            status = left.code or 0
        except Finding:
            raise
        except BaseException as error:
            raise Finding(f"{words[0]} raises {type(error).__name__}: {error}"[:200]) from error
        output.flush()
    sys.stdout.flush()
    return status, output.buffer.getvalue().decode(), errors.getvalue()
