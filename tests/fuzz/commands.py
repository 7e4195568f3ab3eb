"""Commands on changed specs: whatever the spec, the options and the place, a result or one message, never a traceback;
nothing lost, and nothing in what is printed that a terminal, a spreadsheet or a page would obey.

Each runs in a process of its own, forked from this one, which has imported what they need.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import shutil
import signal
import sys
import traceback
import unicodedata
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any, NoReturn

import typer

from cnncalc import __main__ as program
from cnncalc.cli.app import app
from cnncalc.errors import CnncalcError
from cnncalc.language.expand import expand
from cnncalc.zoo import index as zoo

from .limits import MEMORY, Finding, bound_memory
from .lines import OLD, Place, line, parameters, place

SECONDS = 6.0  # a large network's table is laid out by another library
LARGE = 100_000  # layers from which on a command may take longer, and more memory
UNKNOWN, WRONG, BROKEN_PIPE, RAISED = 1, 2, 141, 70
BIDIRECTIONAL = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
_FORMULA = re.compile(r"[=+@\t\r]|-(?!\d|$|inf)")


@dataclass
class Ran:
    """What a command left with, and printed."""

    status: int
    output: str
    errors: str


def prepare() -> None:
    """Run commands once in this process, so that those that are forked from it find imported what they need."""
    for words in (
        ["params"],
        ["memory", "-f", "json"],
        ["compare", "nin"],
        ["explain", "-f", "csv"],
        ["page", "-o", "/dev/null"],
    ):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            typer.main.get_command(app).main([words[0], "lenet5", *words[1:]], "cnncalc")
    parameters()


def check_command(text: bytes, random: Random) -> str:
    """Run a command on a spec; its name.

    Raises:
        Finding: it ends in an exception, another exit status, a message without form, or not at all; it loses a file;
            it prints what it must not.
    """
    with _temporary_folder(prefix="fuzz-") as folder:
        here = place(random, Path(folder), text)
        words = line(random, here)
        try:
            check_run(words, here, text)
        except Finding as finding:
            shown = " ".join(word if len(word) < 60 else f"{word[:60]}..." for word in words)
            raise Finding(f"`{shown}`{_odd(here)}: {finding}".replace(folder, "FOLDER")) from None
        return words[0]


@contextlib.contextmanager
def _temporary_folder(prefix: str) -> Iterator[str]:
    """A folder of one's own, which no forked process takes away when it ends, as it does a `TemporaryDirectory`."""
    folder = mkdtemp(prefix=prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _odd(here: Place) -> str:
    """In what a place is unusual."""
    odd = [f"{name}={value[:30]}" for name, value in here.environment.items() if name not in ("PATH", "HOME")]
    odd += [here.encoding, *(f"{number} {what}" for number, what in here.streams.items())]
    return f" ({', '.join(odd)})"


def check_run(words: list[str], here: Place, text: bytes) -> None:
    """Run a command line and look at all that it leaves."""
    before = {path.name for path in here.folder.iterdir()}
    ran = run(words, here)
    if ran.status == -signal.SIGPROF or "(MemoryError)" in ran.errors:
        if not _is_large(text):
            raise Finding(f"more than {SECONDS} s" if ran.status < 0 else f"more than {MEMORY >> 20} MiB")
        return
    if "Oilpan" in ran.errors:  # charts are drawn by V8, which reserves more addresses than the bound leaves
        return
    if "Traceback" in ran.errors or "RecursionError" in ran.errors:
        raise Finding(f"says {ran.errors[-600:]}")
    allowed = {0, WRONG, BROKEN_PIPE if "broken" in here.streams.values() else 0}
    allowed |= {UNKNOWN} if "--strict" in words else set()
    if ran.status not in allowed:
        raise Finding(f"leaves with {ran.status}: {ran.errors[:300]}")
    if here.streams.get(2) is None:
        if ran.status != UNKNOWN and (ran.status == WRONG) != ran.errors.startswith("error"):
            raise Finding(f"leaves with {ran.status} and says {ran.errors[:200]!r}")
        if ran.status == WRONG and ran.output and 1 not in here.streams:
            raise Finding(f"prints {ran.output[:100]!r} and then {ran.errors[:200]!r}")
    check_files(words, here, before, text, ran.status)
    check_text("message", ran.errors)
    if ran.status != WRONG:
        options = words[: words.index("--")] if "--" in words else words
        form = options[options.index("--format") + 1] if "--format" in options[:-1] else "table"
        check_output(form, ran.output, here)


def check_files(words: list[str], here: Place, before: set[str], text: bytes, status: int) -> None:
    """No file is lost, and none is left that was not asked for."""
    reads = {word for before, word in pairwise(["", *words]) if before not in ("-o", "--output")}
    if here.file.read_bytes() != text and (status == WRONG or {str(here.file), here.file.name} & reads):
        raise Finding("the spec is overwritten")
    old = (here.folder / "old.txt").read_text("utf-8", "replace")
    if old != OLD and (status == WRONG or "old.txt" not in words):
        raise Finding(f"leaves with {status}, and the old file is {old[:80]!r}")
    new = {path.name for path in here.folder.iterdir()} - before - {".cache", "cnncalc"}
    if status == WRONG and new:
        raise Finding(f"leaves with {status}, and {sorted(new)} behind")
    pages = {f"{Path(word).stem}.html" for word in words} if words[0] == "page" else set()
    if not new <= {*words, *(Path(word).name for word in words), *(word.split("/")[0] for word in words), *pages}:
        raise Finding(f"leaves {sorted(new)} behind")
    for name in new:
        path = here.folder / name
        if path.is_file() and path.suffix in (".json", ".csv", ".md", ".tex", ".txt", ".html", ".svg", ".yaml"):
            check_text("file", path.read_text("utf-8"), tabs=path.suffix == ".html")


def check_text(what: str, text: str, tabs: bool = False) -> None:
    """No character that a terminal would obey, that ends a line unseen, or that turns the order of others round."""
    for character in {*text} - {"\n", "\t" if tabs else "\n"}:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in BIDIRECTIONAL:
            at = text.index(character)
            raise Finding(f"the {what} has {character!r}: {text[max(at - 60, 0) : at + 20]!r}")


def check_output(form: str, text: str, here: Place) -> None:
    """What is printed is what its format says."""
    if 1 in here.streams or here.encoding == "utf-16":
        return
    check_text("output", text, tabs=form == "html")
    check = {"json": check_json, "csv": check_csv, "markdown": check_markdown, "html": check_html}.get(form)
    if check is not None and text and here.encoding == "utf-8":
        check(text)


def check_json(text: str) -> None:
    """Every entry is there once, all numbers are JSON's, and those of the layers add up."""
    try:
        document = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except ValueError as error:
        raise Finding(f"the JSON cannot be read: {error}") from None
    layers, totals = document.get("layers"), document.get("totals")
    if not isinstance(layers, list) or not isinstance(totals, Mapping):
        return
    if len({layer["name"] for layer in layers}) != len(layers):
        raise Finding("two layers of the JSON have one name")
    for quantity in ("params", "macs", "flops"):
        counts = [layer.get(quantity) for layer in layers]
        if quantity in totals and None not in counts and sum(counts) != totals[quantity]:
            raise Finding(f"the {quantity} of the JSON's layers are not its total")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def check_csv(text: str) -> None:
    """Rows of one length, and no cell that a spreadsheet would work out."""
    rows = list(csv.reader(io.StringIO(text), strict=True))
    if len({len(row) for row in rows}) > 1:
        raise Finding(f"the CSV's rows have {sorted({len(row) for row in rows})} cells")
    for cell in (cell for row in rows for cell in row):
        if _FORMULA.match(cell):
            raise Finding(f"a cell of the CSV is {cell[:60]!r}")


def check_markdown(text: str) -> None:
    """The rows of each table have one length, and there are no tags."""
    for table in text.split("\n\n"):
        rows = [row for row in table.split("\n") if row.startswith("|")]
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
        if len(widths) > 1:
            raise Finding(f"the rows of a table in Markdown have {sorted(widths)} bars: {rows[0][:80]!r}")
    if "<script" in text:
        raise Finding("there is a script in the Markdown")


def check_html(text: str) -> None:
    """No script but those of a page."""
    if "<script>x" in text:
        raise Finding("there is a script in the HTML")


def _is_large(text: bytes) -> bool:
    """Whether a spec is of a network that may take longer."""
    try:
        network = expand(zoo.load_text(text.decode(), name="fuzzed", origin="fuzzed.yaml"))
    except (CnncalcError, UnicodeDecodeError):
        return False
    return len(network.layers) > LARGE


def run(words: list[str], here: Place | None = None) -> Ran:
    """Run a command line in a process of its own: its exit status, negative for a signal, and what it printed."""
    here = here or Place(Path.cwd(), Path(), dict(os.environ))
    with _temporary_folder(prefix="fuzz-out-") as folder:
        output, errors = Path(folder, "out"), Path(folder, "err")
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of threads that other libraries have
            child = os.fork()
        if child == 0:
            _be_the_command(words, here, output, errors)
        _, code = os.waitpid(child, 0)
        status = os.waitstatus_to_exitcode(code)
        encoding = here.encoding if status >= 0 else "utf-8"  # a library that crashes writes bytes
        return Ran(
            status,
            output.read_bytes().decode(encoding, "replace"),
            errors.read_bytes().decode(encoding, "replace"),
        )


def _be_the_command(words: list[str], here: Place, output: Path, errors: Path) -> NoReturn:
    """Become the command, with the streams and the environment of its place."""
    status = RAISED
    try:
        os.chdir(here.folder)
        usual = {0: here.file if here.file.is_file() else os.devnull, 1: output, 2: errors}
        for path in (output, errors):
            path.touch()
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            _connect(number, name, usual[number], here)
        os.environ.clear()
        os.environ.update(here.environment)
        sys.argv = ["cnncalc", *words]
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        bound_memory()
        program.main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        with contextlib.suppress(OSError):
            errors.write_text(traceback.format_exc(), "utf-8", "replace")
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    os._exit(status)


def _connect(number: int, name: str, usual: Path | str, here: Place) -> None:
    """Make one of the three standard streams what it is in this place."""
    what = here.streams.get(number)
    os.close(number) if _is_open(number) else None
    if what == "closed":
        setattr(sys, name, None)
        return
    if what == "broken" and number:
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, number)
    else:
        path = {"full": "/dev/full", "null": os.devnull}.get(what or "", str(usual))
        opened = os.open(path, os.O_WRONLY if number else os.O_RDONLY)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
    # It stays open for as long as the process runs.
    stream = open(number, "w" if number else "r", encoding=here.encoding, errors="strict", closefd=False)  # noqa: SIM115
    setattr(sys, name, stream)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
