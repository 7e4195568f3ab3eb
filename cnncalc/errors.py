"""The errors that a user sees: one message with its code, the place, the cause and the mend; never a traceback.

Every message has a code, a stable word by which it can be looked up, searched for and tested for. All codes and
what they mean stand in `cnncalc.error_codes`, which writes `docs/errors.md`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nlargest
from itertools import islice

# What ends a line of YAML, as libyaml counts lines.
_LINE_ENDS = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Source:
    """A spec's text and the name under which messages speak of it.

    `quoted` says whether messages may show its lines: those of a spec, and never those of some other file, which
    may hold what is nobody's business.
    """

    name: str
    text: str
    quoted: bool = True

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
        return f"{_printable(self.source.name)}:{self.line + 1}:{self.column + 1}"


class CnncalcError(Exception):
    """Any error that is the user's to mend. The command line prints `render()` and leaves with `exit_status`.

    `code` is the message's code; a class has one for what has none of its own.
    """

    exit_status = 2
    code = "error"

    def __init__(self, message: str, *, hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code

    def render(self) -> str:
        """The message as it is printed.

        >>> print(RequestError("no network is called 'alxnet'", code="unknown-network", hint="say alexnet").render())
        error[unknown-network]: no network is called 'alxnet'
           = say alexnet
        """
        lines = [self._headline()]
        if self.hint:
            lines.append(f"   = {_legible(self.hint)}")
        return "\n".join(lines)

    def _headline(self) -> str:
        return f"error[{self.code}]: {_legible(self.message)}"

    def __str__(self) -> str:
        return self.render()


class RequestError(CnncalcError):
    """The request is wrong: an unknown network, an option that makes no sense."""

    code = "request"


class SpecError(CnncalcError):
    """The spec is wrong, at `place`. `label` stands under the text at fault; `notes` give context."""

    code = "spec"

    def __init__(
        self,
        message: str,
        place: Place,
        *,
        label: str | None = None,
        hint: str | None = None,
        code: str | None = None,
        notes: Iterable[str] = (),
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.place = place
        self.label = label
        self.notes = list(notes)

    def render(self) -> str:
        """The message with the line of the spec, a mark under the place, and what would mend it. Of a text that
        is no spec it shows no line."""
        place = self.place
        number = str(place.line + 1)
        gutter = " " * len(number)
        lines = [self._headline(), f"{gutter}--> {place}"]
        notes = [*self.notes, self.hint]
        if place.source.quoted:
            text, column = _window(place.source.line(place.line), place.column)
            mark = "^" * max(1, min(place.width, len(text) - column))
            label = f" {_legible(self.label)}" if self.label else ""
            lines += [f"{gutter} |", f"{number} | {text}", f"{gutter} | {' ' * column}{mark}{label}"]
        else:
            notes.insert(0, self.label)
        lines += [f"{gutter} = {_legible(note)}" for note in notes if note]
        return "\n".join(lines)


class OpError(CnncalcError):
    """An op cannot be as its options say, or does not fit its inputs. `option` is the option at fault, `label` says
    what it is, and `context` where the op stands. A source that knows the place of the op places it there: in a spec
    it becomes a `SpecError`."""

    code = "op"

    def __init__(
        self,
        message: str,
        *,
        option: str | None = None,
        label: str | None = None,
        hint: str | None = None,
        context: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.option = option
        self.label = label
        self.context = context

    def render(self) -> str:
        """The message, with what stands at fault and where.

        >>> print(OpError("groups must divide the channels", label="7 channels in 2 groups").render())
        error[op]: groups must divide the channels
           = 7 channels in 2 groups
        """
        notes = [f"   = {_legible(note)}" for note in (self.label, self.context, self.hint) if note]
        return "\n".join([self._headline(), *notes])


_LONGEST_LINE = 100
_LONGEST_PART = 500
_MOST_WORDS = 5_000  # that are looked at for a hint
_MOST_COMPARED = 30  # and compared letter by letter, which takes a hundred times as long
_LONGEST_WORD = 100


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
    from difflib import SequenceMatcher  # only an error needs it

    matcher = SequenceMatcher()
    matcher.set_seq2(word.lower()[:_LONGEST_WORD])
    likely = []
    for name in dict.fromkeys(islice(known, _MOST_WORDS)):
        if len(name) > _LONGEST_WORD:
            continue
        matcher.set_seq1(name)
        # Bounds of the ratio from above: of the lengths alone, then of the letters whatever their order.
        if matcher.real_quick_ratio() >= cutoff and (bound := matcher.quick_ratio()) >= cutoff:
            likely.append((bound, name))
    near: list[tuple[float, str]] = []
    for bound, name in nlargest(_MOST_COMPARED, likely):
        if near and bound < max(near)[0]:
            break  # no later one is nearer
        matcher.set_seq1(name)
        if (ratio := matcher.ratio()) >= cutoff:
            near.append((ratio, name))
    return f"did you mean '{max(near)[1]}'?" if near else None
