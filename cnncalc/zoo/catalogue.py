"""The zoo as a list: every network with its counts, computed from the specs and kept in the user's cache.

The cache is one file, keyed by the content of the specs and of the code that counts. A missing, broken or
unwritable cache only costs the time to count again.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from cnncalc.zoo import index as zoo

if TYPE_CHECKING:
    from cnncalc.language.model import Spec
    from cnncalc.ops.base import Shape


class Entry(msgspec.Struct, frozen=True):
    """A network of the zoo with its counts at its own inputs, inference, batch 1; accuracies in percent. `input` is the
    shape of the first of the `inputs`."""

    name: str
    title: str
    source: str
    family: str
    year: int | None
    fragment: bool
    input: tuple[int, ...]
    inputs: dict[str, tuple[int, ...]]
    layers: int
    params: int
    buffers: int
    macs: int
    flops: int
    activations: int
    top1: float | None = None
    top5: float | None = None
    accuracy_source: str | None = None

    def matches(self, text: str) -> bool:
        """Whether every word of a text is found in the name, title or family."""
        here = f"{self.name} {self.title} {self.family}".lower()
        return all(word in here for word in text.lower().split())


class _Cache(msgspec.Struct):
    key: str
    entries: list[Entry]


def entries() -> list[Entry]:
    """Every network and fragment of the zoo, by name in natural order.

    >>> [entry.name for entry in entries() if entry.name in ("resnet152", "resnet18")]
    ['resnet18', 'resnet152']
    """
    key = _key()
    file = cache_file()
    with contextlib.suppress(OSError, msgspec.DecodeError, ValueError):
        cache = msgspec.json.decode(file.read_bytes() if file else b"", type=_Cache)
        if cache.key == key:
            return cache.entries
    found = sorted(map(_entry, zoo.names()), key=lambda entry: natural(entry.name))
    if file:
        _store(file, _Cache(key, found))
    return found


def picked(everything: Sequence[Entry], words: Sequence[str]) -> list[Entry]:
    """The entries that several words name, in their order; none if any of them is no name, for then they are words to
    search for.

    >>> [entry.name for entry in picked(entries(), ["vgg16", "nin"])], picked(entries(), ["vgg", "16"])
    (['vgg16', 'nin'], [])
    """
    by_name = {entry.name: entry for entry in everything}
    return [by_name[word] for word in words] if len(words) > 1 and all(word in by_name for word in words) else []


def natural(text: str) -> list[tuple[int, str]]:
    """A key that sorts numbers inside words by value.

    >>> sorted(["vgg16", "vgg9"], key=natural)
    ['vgg9', 'vgg16']
    """
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text) if part]


def cache_file() -> Path | None:
    """The file of the cache in the user's cache folder; None where there is no such folder."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        home = os.environ.get("HOME", "")
        base = os.environ.get("XDG_CACHE_HOME") or (f"{home}/.cache" if os.path.isabs(home) else None)
    return Path(base) / "cnncalc" / "catalogue.json" if base and os.path.isabs(base) else None


def _key() -> str:
    """A hash of all that the entries depend on: the specs, and the code that reads and counts them."""
    code = Path(__file__).parent.parent.rglob("*.py")
    key = sha256()
    for file in [*sorted(zoo.folder().rglob("*.yaml")), *sorted(code)]:
        data = file.read_bytes()
        key.update(f"{file.name} {len(data)}\n".encode() + data)
    return key.hexdigest()


def _entry(name: str) -> Entry:
    """A network counted."""
    from cnncalc.costs.analysis import Costs
    from cnncalc.language.expand import expand

    spec = zoo.load(name)
    network = expand(spec)
    total = Costs(network)
    found = accuracy(spec, network.input)
    return Entry(
        name=name,
        title=spec.title,
        source=spec.source,
        family=spec.family,
        year=spec.year,
        fragment=zoo.is_fragment(name),
        input=network.input,
        inputs={node.name: node.output for node in network.inputs},
        layers=len(network.layers),
        params=total.params,
        buffers=total.buffers,
        macs=total.macs,
        flops=total.flops,
        activations=total.activations,
        top1=found.top1,
        top5=found.top5,
        accuracy_source=found.source,
    )


class Accuracy(NamedTuple):
    """Published accuracies in percent, and who published them."""

    top1: float | None = None
    top5: float | None = None
    source: str | None = None


def accuracy(spec: Spec, input: Shape | None = None) -> Accuracy:
    """The first published accuracy of a network as its spec has it, at its own input."""
    for published in spec.published:
        if "top1" in published.values and published.input in (None, input) and not published.variables:
            return Accuracy(published.values["top1"], published.values.get("top5"), published.source)
    return Accuracy()


def _store(file: Path, cache: _Cache) -> None:
    """Write the cache in one step, so that no one reads half of it."""
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        try:
            draft.write_bytes(msgspec.json.encode(cache))
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)
