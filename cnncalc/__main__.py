"""The `cnncalc` command; also `python -m cnncalc`."""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn

INTERRUPTED = 130
# New objects until Python looks for garbage: a short run makes fewer, and hardly any in cycles.
OBJECTS = 100_000


def main() -> None:
    """Run the command line that Python was started with. An interrupt in the first moments is none to speak of."""
    gc.set_threshold(OBJECTS, 20, 20)
    try:
        _open_closed_streams()
        from cnncalc.cli.app import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except SystemExit as end:
        _leave(end)


def _leave(end: SystemExit) -> NoReturn:
    """End the process without freeing its objects one by one, which takes a tenth of a short run's time. Where there
    is more to end, as libraries with processes and threads of their own have, it ends as usual."""
    if not isinstance(end.code, int) or {"torch", "multiprocessing", "concurrent.futures"} & sys.modules.keys():
        raise end
    import atexit

    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        raise end from None
    os._exit(end.code)


def _open_closed_streams() -> None:
    """Give closed standard streams somewhere to go, and let no character be one too many for a terminal."""
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115
        elif name != "stdin" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


if __name__ == "__main__":
    main()
