"""Every network of the zoo against PyTorch, in every way that `cnncalc verify --all` expands it."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from cnncalc import load
from cnncalc.pytorch.verify import all_ways, verify_specs
from cnncalc.zoo import index as zoo


@pytest.mark.parametrize("name", zoo.names())
def test_every_layer_is_equal(name):
    spec = load(name)
    for report in verify_specs([(spec, all_ways(spec))], device="meta"):
        assert report.equal, (report.way, report.mismatches[:5])
