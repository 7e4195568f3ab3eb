"""What holds for every input: bounded time and memory, and messages that can be read, at a place in the text."""

from __future__ import annotations

import re
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cnncalc.errors import CnncalcError, SpecError

SECONDS = 2.0
MEMORY = 512 * 2**20
LONGEST_MESSAGE = 4_000

_BREAKS = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # those that end a line of YAML 1.1, as libyaml counts


class Finding(Exception):
    """Something that must not happen; the message says what."""


class Slow(BaseException):
    """The time is up. Not an `Exception`, so that no code under test takes it for one of its own."""


@contextmanager
def time_limit(what: str, seconds: float = SECONDS) -> Iterator[None]:
    """A finding if the body takes more processor time than this."""

    def stop(*_: Any) -> None:
        raise Slow

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    except Slow:
        raise Finding(f"{what} takes more than {seconds} s") from None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def bound_memory() -> None:
    """Let the process grow by `MEMORY` and no further: beyond, Python raises a MemoryError, which is a finding."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def check_error(error: SpecError, text: str) -> None:
    """The place lies inside the text, or inside that of a spec of the zoo, and the message can be read."""
    place, text = error.place, text.removeprefix("\ufeff")
    if place.source.text != text and not place.source.name.startswith(("specs/", "<expression>")):
        raise Finding(f"the error is in a strange text: {place.source.name[:80]}")
    lines = _BREAKS.split(place.source.text)
    if not 0 <= place.line < len(lines):
        raise Finding(f"the error is at line {place.line + 1} of {len(lines)}: {error.message[:80]}")
    line = lines[place.line]
    if not 0 <= place.column <= len(line) or place.column + place.width > max(len(line), place.column + 1):
        columns = f"{place.column} to {place.column + place.width} of {len(line)}"
        raise Finding(f"the error is at columns {columns}: {error.message[:80]}")
    check_message(error)
    shown = re.search(r"(?m)^ *\d+ \| (.*)$", error.render())
    if not place.source.quoted:
        if shown is not None:
            raise Finding("the error shows a line of a text that is no spec")
    elif shown is None or shown[1] not in "".join(c if c.isprintable() else " " if c == "\t" else "?" for c in line):
        raise Finding("the error shows another line than the one at fault")


def check_message(error: CnncalcError) -> None:
    rendered = error.render()
    if len(rendered) > LONGEST_MESSAGE:
        raise Finding(f"the message has {len(rendered)} characters: {error.message[:80]}")
    if not all(c.isprintable() or c == "\n" for c in rendered):
        raise Finding(f"the message has control characters: {rendered[:200]!r}")
    rendered.encode("utf-8")  # lone surrogates would fail at the terminal
