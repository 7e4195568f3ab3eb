"""The errors that a user sees: one message with the place, the cause and the mend; never a traceback."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

# What ends a line of YAML, as libyaml counts lines.
_LINE_ENDS = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Source:
    """A spec's text and the name under which messages speak of it."""

    name: str
    text: str

    def line(self, number: int) -> str:
        """The line with this number (from 0), or an empty one past the end."""
        lines = _LINE_ENDS.split(self.text)
        return lines[number] if number < len(lines) else ""

    def place(self, line: int, column: int) -> Place:
        """The place at this line and column; at the end of the text for what lies beyond, as a parser that
        misses something says."""
        lines = _LINE_ENDS.split(self.text)
        if line >= len(lines):
            line, column = len(lines) - 1, len(lines[-1])
        return Place(self, line, min(column, len(lines[line])))


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a spec; line and column count from 0, as YAML's marks do."""

    source: Source
    line: int
    column: int
    width: int = 1

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line + 1}:{self.column + 1}"


class CnncalcError(Exception):
    """Any error that is the user's to mend. The command line prints `render()` and leaves with `exit_status`."""

    exit_status = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def render(self) -> str:
        """The message as it is printed.

        >>> print(RequestError("no network is called 'alxnet'", hint="did you mean 'alexnet'?").render())
        error: no network is called 'alxnet'
           = did you mean 'alexnet'?
        """
        lines = [f"error: {_legible(self.message)}"]
        if self.hint:
            lines.append(f"   = {_legible(self.hint)}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.render()


class RequestError(CnncalcError):
    """The request is wrong: an unknown network, an option that makes no sense."""


class SpecError(CnncalcError):
    """The spec is wrong, at `place`. `label` stands under the text at fault; `notes` give context."""

    def __init__(
        self,
        message: str,
        place: Place,
        *,
        label: str | None = None,
        hint: str | None = None,
        notes: Iterable[str] = (),
    ) -> None:
        super().__init__(message, hint=hint)
        self.place = place
        self.label = label
        self.notes = list(notes)

    def render(self) -> str:
        """The message with the line of the spec, a mark under the place, and what would mend it."""
        place = self.place
        number = str(place.line + 1)
        gutter = " " * len(number)
        text, column = _window(place.source.line(place.line), place.column)
        mark = "^" * max(1, min(place.width, len(text) - column))
        label = f" {_legible(self.label)}" if self.label else ""
        lines = [
            f"error: {_legible(self.message)}",
            f"{gutter}--> {place}",
            f"{gutter} |",
            f"{number} | {text}",
            f"{gutter} | {' ' * column}{mark}{label}",
        ]
        lines += [f"{gutter} = {_legible(note)}" for note in [*self.notes, self.hint] if note]
        return "\n".join(lines)


class OpError(CnncalcError):
    """An op cannot be as its options say, or does not fit its inputs. `option` is the option at fault, `label` says
    what it is, and `context` where the op stands. A source that knows the place of the op places it there: in a spec
    it becomes a `SpecError`."""

    def __init__(
        self,
        message: str,
        *,
        option: str | None = None,
        label: str | None = None,
        hint: str | None = None,
        context: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.option = option
        self.label = label
        self.context = context

    def render(self) -> str:
        """The message, with what stands at fault and where.

        >>> print(OpError("groups must divide the channels", label="7 channels in 2 groups").render())
        error: groups must divide the channels
           = 7 channels in 2 groups
        """
        lines = [f"error: {_legible(self.message)}"]
        return "\n".join(lines + [f"   = {_legible(note)}" for note in (self.label, self.context, self.hint) if note])


_LONGEST_LINE = 100
_LONGEST_PART = 500
_MOST_WORDS = 5_000


def _window(text: str, column: int) -> tuple[str, int]:
    """A printable part of a line around a column, and the column in it. Long lines and control characters
    come from broken files; a message must survive both."""
    start = max(0, column - _LONGEST_LINE // 2) if len(text) > _LONGEST_LINE else 0
    part = text[start : start + _LONGEST_LINE]
    return _printable(part), column - start


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " if c == "\t" else "?" for c in text)


def shorten(text: str, most: int = 40) -> str:
    """A word quoted in a message: cut to a length, and printable.

    >>> shorten("a" * 50, most=10)
    'aaaaaaa...'
    """
    return _printable(text if len(text) <= most else text[: most - 3] + "...")


def _legible(text: str) -> str:
    """A part of a message. It may quote a spec, whose words can be of any length and of any characters."""
    shown = text if len(text) <= _LONGEST_PART else text[: _LONGEST_PART - 3] + "..."
    return "\n".join(map(_printable, shown.split("\n")))


def did_you_mean(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """A hint that names the nearest right word, or None when nothing is near; `cutoff` is how near, from 0 to 1.

    >>> did_you_mean("kernal", ["kernel", "stride"])
    "did you mean 'kernel'?"
    """
    short = [name for name in islice(known, _MOST_WORDS) if len(name) <= 100]  # comparing takes time
    from difflib import get_close_matches  # only an error needs it

    near = get_close_matches(word.lower()[:100], short, n=1, cutoff=cutoff)
    return f"did you mean '{near[0]}'?" if near else None
