"""The list of the zoo and its cache: a cache never changes what is listed, whatever its state."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnncalc import network
from cnncalc.views.catalogue import cell
from cnncalc.zoo import catalogue
from cnncalc.zoo.catalogue import Entry, cache_file, entries


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache folder of our own; few networks, for speed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(catalogue.sys, "platform", "linux")
    monkeypatch.setattr(catalogue.zoo, "names", lambda: ["lenet5", "alexnet", "inception_3a"])
    file = cache_file()
    assert file is not None
    return file


def test_entries_are_what_the_analysis_says() -> None:
    found = {entry.name: entry for entry in entries()}
    costs = network("alexnet").analyze()
    for quantity in ("params", "buffers", "macs", "flops", "activations"):
        assert getattr(found["alexnet"], quantity) == getattr(costs, quantity)
    assert found["inception_3a"].fragment
    assert not found["alexnet"].fragment
    assert found["alexnet"].year == 2012


def test_all_inputs_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue.zoo, "names", lambda: ["siamese", "maskrcnn_resnet50", "lenet5"])
    lenet, mask, siamese = entries()
    assert siamese.inputs == {"left": (1, 105, 105), "right": (1, 105, 105)}
    assert [cell(entry, "input") for entry in (lenet, siamese)] == [(1, 32, 32), "2 of 1x105x105"]
    assert cell(mask, "input") == "3x800x800 and 4 of 250x4"


def test_the_cache_is_used(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = entries()
    assert cache.is_file()
    assert [file.name for file in cache.parent.iterdir()] == [cache.name]
    monkeypatch.setattr(catalogue, "_entry", None)
    assert entries() == first


def test_the_cache_is_left_when_a_spec_or_the_code_changes(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries()
    counted: list[str] = []
    original = catalogue._entry

    def counting(name: str) -> Entry:
        counted.append(name)
        return original(name)

    monkeypatch.setattr(catalogue, "_entry", counting)
    monkeypatch.setattr(catalogue, "_key", lambda: "another")
    entries()
    assert len(counted) == 3


@pytest.mark.parametrize("data", [b"", b"\xff\x00", b"{}", b"[1, 2]", b'{"key": 1, "entries": []}', b"[" * 100_000])
def test_a_broken_cache_does_not_matter(cache: Path, data: bytes) -> None:
    whole = entries()
    cache.write_bytes(data)
    assert entries() == whole
    assert cache.read_bytes() != data


def test_an_unwritable_cache_does_not_matter(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = entries()
    cache.unlink()
    cache.mkdir()  # neither a file to read nor one to replace
    assert entries() == whole
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/nowhere")
    assert entries() == whole


def test_without_a_home_there_is_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_file() is None
    assert len(entries()) == 3


@pytest.mark.parametrize(("platform", "part"), [("darwin", "Library/Caches"), ("linux", "cnncalc")])
def test_the_folder_is_the_users(platform: str, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue.sys, "platform", platform)
    assert part in str(cache_file())
