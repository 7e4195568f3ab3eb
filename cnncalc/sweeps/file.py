"""A sweep declared in a YAML file: a network, and under `sweep` what is varied and wanted.

network: mobilenet_v2
sweep:
  vary:
    width: 0.25:1.5:0.25
    input: [96, 128, 160]
  where: macs < 300e6
  pareto: [params, macs]
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from cnncalc.errors import RequestError, Source, shorten
from cnncalc.language.files import read_text
from cnncalc.language.plain import Plain, read_plain

MAX_BYTES = 1_000_000
_MARK = re.compile(r"^sweep\s*:", re.MULTILINE)


class Declared(msgspec.Struct, forbid_unknown_fields=True):
    """What stands under `sweep`: the options of the command, by their names."""

    vary: dict[str, Any] = {}
    let: dict[str, Any] = {}
    where: str | list[str] = []
    columns: list[str] = []
    sort: str | None = None
    reverse: bool = False
    pareto: list[str] = []
    top: int | None = None
    sample: int | None = None
    seed: int = 0
    input: int | list[int] | None = None
    batch: int = 1
    set: dict[str, Any] = {}
    training: bool = False
    dtype: str = "float32"
    optimizer: str = "sgd"
    device: str | None = None


class DeclaredSweep(NamedTuple):
    """A network and what is declared of it."""

    network: str
    declared: Declared


def is_declaration(word: str) -> bool:
    """Whether a word is the path of a YAML file that declares a sweep."""
    file = Path(word)
    if file.suffix not in (".yaml", ".yml") or not file.is_file():
        return False
    return _MARK.search(read_text(file, "sweep", MAX_BYTES)) is not None


def read_sweep(word: str) -> DeclaredSweep:
    """The sweep that a YAML file declares. A network that is a path is one from the file's folder.

    Raises:
        RequestError: it cannot be read.
        SpecError: it is no such file.
    """
    file = Path(word)
    plain = read_plain(
        Source(shorten(word, 80), read_text(file, "sweep", MAX_BYTES)), "a sweep", ("network", "sweep"), ("sweep",)
    )
    network = plain.data.get("network")
    if not isinstance(network, str):
        raise RequestError(f"'{shorten(word, 80)}' names no network", hint="add network: resnet50, or a path")
    if network.endswith((".yaml", ".yml")):
        network = str(file.parent / network)
    return DeclaredSweep(network, _declared(plain))


def _declared(plain: Plain) -> Declared:
    """What stands under `sweep`.

    Raises:
        SpecError: an unknown key, or a value of another type.
    """
    from cnncalc.errors import SpecError, did_you_mean

    given = plain.data["sweep"]
    known = [each.name for each in msgspec.structs.fields(Declared)]
    if not isinstance(given, dict):
        raise SpecError("'sweep' is a mapping", plain.place("sweep"), hint="such as sweep: {vary: {width: [0.5, 1]}}")
    for key in given:
        if key not in known:
            hint = did_you_mean(str(key), known) or f"it has {', '.join(known)}"
            raise SpecError(f"a sweep has no '{key}'", plain.place("sweep", key), hint=hint, code="unknown-key")
    try:
        return msgspec.convert(given, Declared)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        key = next(iter(re.findall(r"\$\.(\w+)", path)), "")
        label = message.replace("`", "").replace("Expected", "expected")
        raise SpecError(f"'{key}' of a sweep has an unfit value", plain.place("sweep", key), label=label) from None
