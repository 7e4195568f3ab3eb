"""The zoo's index: which networks ship with cnncalc, and finding the spec that a request names."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from cnncalc.errors import Place, RequestError, Source, SpecError, did_you_mean, shorten
from cnncalc.language.files import read_text
from cnncalc.language.model import Spec
from cnncalc.language.nodes import MAX_BYTES
from cnncalc.language.reader import read_spec

# One or two parts of a length that every file system takes.
_REFERENCE = re.compile(r"[A-Za-z0-9_\-.]{1,100}(/[A-Za-z0-9_\-.]{1,100})?")

_ADDRESS = re.compile(r"[a-z][a-z0-9+.\-]*://", re.IGNORECASE)


@cache
def folder() -> Path:
    """The folder of the zoo's specs: beside the package in a checkout, inside it once installed."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "specs"
    return inside if inside.is_dir() else package.parent / "specs"


@cache
def _index() -> dict[str, Path]:
    """Every network and fragment by name. Families are not networks: they lack what their members say."""
    found = [*folder().glob("*.yaml"), *(folder() / "fragments").glob("*.yaml")]
    return {path.stem: path for path in sorted(found, key=lambda path: path.stem)}


def names(fragments: bool = True) -> list[str]:
    """The names of the zoo's networks, in alphabetical order.

    >>> "resnet50" in names(), "inception_3a" in names(fragments=False)
    (True, False)
    """
    return [name for name, path in _index().items() if fragments or path.parent == folder()]


def is_fragment(name: str) -> bool:
    """Whether a name of the zoo is a part of a network rather than a network."""
    return _index()[name].parent != folder()


def path(name: str) -> Path:
    """The file of a network of the zoo.

    Raises:
        RequestError: the zoo has no network of that name.
    """
    direct = folder() / f"{name}.yaml"
    if _REFERENCE.fullmatch(name) and "/" not in name and direct.is_file():
        return direct  # the common case, without listing the folder
    try:
        return _index()[name]
    except KeyError:
        hint = did_you_mean(name, _index()) or "`cnncalc list` shows the networks; a path ends in .yaml"
        raise RequestError(f"no network is called '{shorten(name, 80)}'", hint=hint, code="unknown-network") from None


def load(network: str | Path) -> Spec:
    """The spec of a network: a name from the zoo, or the path of a YAML file.

    Raises:
        RequestError: no such network or file.
        SpecError: the spec is wrong.

    >>> load("alexnet").title
    'AlexNet'
    """
    file = network if isinstance(network, Path) else file_of(network)
    return load_text(read_file(file), name=file.stem, origin=_origin(file))


def file_of(text: str) -> Path:
    """The file that a word means: a path as it stands; else the zoo's network, or else a file of that name.

    Raises:
        RequestError: it is an address, or there is no such network.
    """
    if _ADDRESS.match(text):
        hint = "save it to a file and name that, or send it to standard input, where a command takes -"
        raise RequestError(f"'{shorten(text, 80)}' is an address: cnncalc opens none", hint=hint, code="address")
    if text.startswith("families/") and _REFERENCE.fullmatch(text) and not os.path.lexists(text):
        family = folder() / f"{text}.yaml"  # as `extends` names it, so that it can be shown
        return family if family.is_file() else Path(text)
    if "/" in text or "\\" in text or text.endswith((".yaml", ".yml")):
        return Path(text)
    try:
        return path(text)
    except RequestError:
        if "\0" not in text and os.path.lexists(text):
            return Path(text)
        raise


def load_text(text: str, name: str = "network", origin: str = "<text>") -> Spec:
    """The spec in a YAML text; `origin` is what error messages call the text.

    >>> load_text("{input: [3, 8, 8], layers: [{conv: 4, kernel: 3}]}").name
    'network'
    """
    return read_spec(Source(origin, text.removeprefix("\ufeff")), name, _extended)


def read_file(file: Path) -> str:
    """The text of a spec file.

    Raises:
        RequestError: it cannot be read, is no file or not text, or is too large to be a spec.
    """
    try:
        return read_text(file, "spec", MAX_BYTES)
    except RequestError as error:
        if error.code == "no-such-file":
            error.hint = did_you_mean(file.stem, _index()) or error.hint
        raise


def _extended(reference: str, place: Place) -> Source:
    """The source of an `extends` value: a spec of the zoo, and no other file."""
    file = folder() / f"{reference}.yaml"
    if not _REFERENCE.fullmatch(reference) or ".." in reference or not file.is_file():
        families = [f"families/{family.stem}" for family in (folder() / "families").glob("*.yaml")]
        hint = did_you_mean(reference, [*families, *_index()])
        hint = hint or f"a spec extends a spec of the zoo; the families are {', '.join(sorted(families))}"
        message = f"there is no spec '{shorten(reference, 80)}' to extend"
        raise SpecError(message, place, hint=hint, code="unknown-spec")
    return Source(_origin(file), read_file(file))


def _origin(file: Path) -> str:
    """How messages call a file: as it was given, or by its place in the zoo."""
    if file.is_absolute() and file.is_relative_to(folder()):
        return f"specs/{file.relative_to(folder()).as_posix()}"
    return shorten(str(file), 80)


def spec_of(source: Any) -> Spec:
    """The spec that a name of the zoo, a path or a text means, or the spec itself.

    Raises:
        RequestError: there is none; it is nothing of the kind.
        SpecError: the spec is wrong.
    """
    if isinstance(source, Spec):
        return source
    if isinstance(source, str) and ("\n" in source or source.lstrip().startswith("{")):
        return load_text(source)
    if isinstance(source, (str, Path)):
        return load(source)
    raise RequestError(
        f"a {type(source).__name__} describes no network",
        hint="a name of the zoo, the path of a YAML file, the text of a spec, or a Spec",
        code="unknown-network",
    )
