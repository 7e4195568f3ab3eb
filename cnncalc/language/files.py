"""Reading a text file that someone names: bounded, and no file that is not one."""

from __future__ import annotations

import stat
from pathlib import Path

from cnncalc.errors import RequestError, shorten


def read_text(file: Path, what: str, most: int) -> str:
    """The text of a file that should be `what`, such as "spec", of at most so many bytes.

    A pipe or a device is refused before it is opened: reading it could wait or go on without end.

    Raises:
        RequestError: it cannot be read, is no regular file, is not UTF-8, or is too large.

    >>> from cnncalc.zoo.index import path
    >>> read_text(path("lenet5"), "spec", 250_000)[:6]
    'title:'
    """
    shown = f"'{shorten(str(file), 80)}'"
    try:
        _check_kind(file.stat().st_mode, shown, what)
        with file.open("rb") as stream:
            data = stream.read(most + 1)
    except FileNotFoundError:
        hint = "a path is taken from the current folder"
        raise RequestError(f"there is no file {shown}", hint=hint, code="no-such-file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RequestError(f"{shown} cannot be read: {reason}", code="unreadable-file") from None
    return decoded(data, shown, what, most)


def decoded(data: bytes, shown: str, what: str, most: int) -> str:
    """The text of bytes that came from `shown`.

    Raises:
        RequestError: they are too many, or not UTF-8.

    >>> decoded(b"input: [3]", "standard input", "spec", 100)
    'input: [3]'
    """
    if len(data) > most:
        raise RequestError(f"{shown} is larger than {most:,} bytes: no {what} is", code="too-large")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        hint = f"byte {error.start} is not UTF-8; a {what} is YAML"
        raise RequestError(f"{shown} is not a text file", hint=hint, code="not-text") from None


def _check_kind(mode: int, shown: str, what: str) -> None:
    """A folder, a pipe, a device or a socket is no file to read."""
    if stat.S_ISDIR(mode):
        hint = "name a .yaml file in it"
        raise RequestError(f"{shown} is a folder, not a {what}", hint=hint, code="not-a-file")
    if not stat.S_ISREG(mode):
        hint = "a pipe is read from standard input, where a command takes -"
        raise RequestError(f"{shown} is a pipe or a device, not a {what}", hint=hint, code="not-a-file")
