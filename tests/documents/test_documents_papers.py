"""The papers' tables: each has a source, and what is computed follows from the papers by independent arithmetic."""

from itertools import pairwise

import pytest

from cnncalc.documents.check import check_all
from cnncalc.documents.checked import CheckedTable
from cnncalc.documents.figures import Verdict
from cnncalc.documents.model import paper_tables


@pytest.fixture(scope="module")
def checked() -> dict[str, CheckedTable]:
    return {table.table.name: table for table in check_all(papers=True)}


def computed(checked: dict[str, CheckedTable], table: str, cell_id: str) -> float:
    return next(cell.computed for cell in checked[table].cells if cell.id == cell_id)


def test_every_table_says_where_it_was_read() -> None:
    for table in paper_tables():
        assert table.source
        assert table.document
        assert table.place


def test_most_figures_agree(checked: dict[str, CheckedTable]) -> None:
    cells = [cell for table in checked.values() for cell in table.cells]
    assert sum(cell.verdict.agrees for cell in cells) > 0.85 * len(cells)
    for name in ("simonyan-2014", "he-2015", "huang-2016-cifar", "liu-2022-details"):
        assert all(cell.verdict.agrees for cell in checked[name].cells), name


def test_vgg_by_hand(checked: dict[str, CheckedTable]) -> None:
    convolutions = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    total = sum(9 * a * b + b for a, b in pairwise(convolutions))
    total += 25088 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000
    assert computed(checked, "simonyan-2014", "parameters-millions.d") == total


def test_densenet_bc_by_hand(checked: dict[str, CheckedTable]) -> None:
    """L = 100, k = 12 with bottlenecks of 4k and transitions that halve."""
    growth, channels = 12, 24
    total = 27 * channels
    for block in range(3):
        for _ in range(16):
            total += 2 * channels + channels * 4 * growth + 2 * 4 * growth + 9 * 4 * growth * growth
            channels += growth
        if block < 2:
            total += 2 * channels + channels * (channels // 2)
            channels //= 2
    total += 2 * channels + channels * 10 + 10
    assert computed(checked, "huang-2016-cifar", "densenet-bc-k-12.parameters") == total


def test_squeezenets_fire_modules_by_hand(checked: dict[str, CheckedTable]) -> None:
    channels = 96
    for number, squeeze in zip(range(2, 10), (16, 16, 32, 32, 48, 48, 64, 64), strict=True):
        expand = 4 * squeeze
        params = channels * squeeze + squeeze + squeeze * expand + expand + 9 * squeeze * expand + expand
        assert computed(checked, "iandola-2016", f"fire{number}.parameters") == params
        channels = 2 * expand


def test_mobilenets_one_layer_by_hand(checked: dict[str, CheckedTable]) -> None:
    macs = 14 * 14 * (9 * 384 + 384 * 384)
    assert computed(checked, "howard-2017-shares", "alpha-0-75.mult-adds") == macs


def test_what_was_found(checked: dict[str, CheckedTable]) -> None:
    """SqueezeNet's sizes need 227 pixels; MobileNet's 1.19 % and DenseNet-264's 264 are the papers' own slips."""
    assert "227x227" in checked["iandola-2016"].notes[0]
    cells = {cell.id: cell for table in checked.values() for cell in table.cells}
    assert cells["conv-3x3.mult-adds"].verdict is Verdict.DIFFERS
    assert 1.90 < cells["conv-3x3.mult-adds"].computed < 1.92
    assert cells["weight-layers.densenet-264"].computed == 1 + 2 * (6 + 12 + 64 + 48) + 3 + 1
