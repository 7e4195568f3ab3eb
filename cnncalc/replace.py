"""A file replaced only once its new content is complete: an error, a full disk or a crash leaves the old one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from cnncalc.errors import RequestError, shorten


@contextmanager
def replaced(path: Path) -> Iterator[TextIO]:
    """A file of text to write what will stand at a path. What is no ordinary file, such as a device, is written as it
    is.

    Raises:
        RequestError: it cannot be written.
    """
    with _replaced(path, "w", "utf-8") as file:
        yield file


def replaced_bytes(path: Path, data: bytes) -> None:
    """Write what will stand at a path.

    Raises:
        RequestError: it cannot be written.
    """
    with _replaced(path, "wb", None) as file:
        file.write(data)


@contextmanager
def _replaced(path: Path, mode: str, encoding: str | None) -> Iterator[Any]:
    """A file to write what will stand at a path."""
    try:
        target = Path(os.path.realpath(path))  # the file that a link leads to
        if target.exists() and not target.is_file():
            with target.open(mode, encoding=encoding) as file:
                yield file
            return
        with _draft(target, mode, encoding) as file:
            yield file
    except (OSError, ValueError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise RequestError(f"'{shorten(str(path), 80)}' cannot be written: {reason}") from None


@contextmanager
def _draft(target: Path, mode: str, encoding: str | None) -> Iterator[Any]:
    """A file beside the target, which takes its place in the end."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:50]}.", dir=target.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, mode, encoding=encoding) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(target.stat().st_mode if target.exists() else 0o666 & ~_umask())
        draft.replace(target)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _umask() -> int:
    """The permissions that new files do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
