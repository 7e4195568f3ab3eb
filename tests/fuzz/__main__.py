"""Fuzz the reader, the expander and every view.

    python -m tests.fuzz --count 200000 --seed 1 --findings /tmp/findings

tries so many changed specs of the zoo, half as trees and half as bytes, and prints how many were refused, read
and analysed, and what was found. Some are given to a command too, with options, files and an environment that may be
odd (`--commands 1` for all). Every finding is written to a file with the text that shows it. The process's
memory is bounded to 512 MB more than it starts with. Should the interpreter itself crash, the input is left in the
folder for temporary files, as `fuzz-PROCESS.yaml`.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from .check import check_file, check_text
from .commands import check_command, prepare
from .limits import Finding, bound_memory
from .mutate import Mutator


def main() -> int:
    """Run; the exit status is 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, help="inputs to try")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--seed", type=int, default=0, help="the same seed tries the same inputs")
    parser.add_argument("--bytes", type=float, default=0.5, help="the share of inputs changed as bytes")
    parser.add_argument("--commands", type=float, default=0.03, help="the share of inputs also given to a command")
    parser.add_argument("--findings", type=Path, help="a folder to write findings to")
    arguments = parser.parse_args()
    faulthandler.enable()
    mutator = Mutator(arguments.seed)
    prepare()
    bound_memory()
    outcomes: Counter[str] = Counter()
    findings: Counter[str] = Counter()
    started = time.monotonic()
    last = Path(tempfile.gettempdir()) / f"fuzz-{os.getpid()}.yaml"
    for number in range(arguments.count):
        if time.monotonic() - started > arguments.seconds:
            break
        message = try_one(mutator, arguments.bytes, arguments.commands, last, outcomes)
        if message is not None:
            findings[message] += 1
            if findings[message] == 1:
                print(f"input {number}: {message}", flush=True)
                if arguments.findings:
                    arguments.findings.mkdir(parents=True, exist_ok=True)
                    shutil.copy(last, arguments.findings / f"finding-{arguments.seed}-{number}.yaml")
        if number % 10_000 == 9_999:
            print(f"{number + 1:,} inputs in {time.monotonic() - started:.0f} s: {dict(outcomes)}", flush=True)
    last.unlink(missing_ok=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    told = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
    print(f"{sum(outcomes.values()):,} inputs in {time.monotonic() - started:.0f} s: {told}; peak {peak} MiB")
    print(f"{len(findings)} findings")
    return 1 if findings else 0


def try_one(mutator: Mutator, share: float, commands: float, file: Path, outcomes: Counter[str]) -> str | None:
    """Try one input; what was found, if anything."""
    request = {}
    text = None
    if mutator.random.random() < share:
        data = mutator.junk()
    else:
        try:
            text, _ = mutator.spec()
        except MemoryError:  # copies of copies
            outcomes["too large to make"] += 1
            return None
        request = mutator.request()
        data = text.encode("utf-8", "surrogatepass")
    file.write_bytes(data)
    try:
        outcomes[check_file(file) if text is None else check_text(text, **request)] += 1
        if mutator.random.random() < commands:
            check_command(data, mutator.random)
    except Finding as finding:
        outcomes["found"] += 1
        file.write_bytes(data + f"\n# {finding}\n# {request}\n".encode("utf-8", "backslashreplace"))
        return str(finding)
    return None


if __name__ == "__main__":
    sys.exit(main())
