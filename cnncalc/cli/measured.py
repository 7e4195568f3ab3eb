"""Measured latency beside parameters and MACs: the part of `cnncalc compare --profile` that runs PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cnncalc.cli.profile import Status

if TYPE_CHECKING:
    from cnncalc.costs.analysis import Costs
    from cnncalc.pytorch.profile import Profile


def measure(analyses: Sequence[Costs], device: str, dtype: str, training: bool) -> list[Profile]:
    """Whole passes of each network, without its layers."""
    with Status() as tell:
        from cnncalc.pytorch.profile import Settings, profile

        settings = Settings(device=device, dtype=dtype, batch=analyses[0].batch, training=training)
        results = []
        for costs in analyses:
            tell(costs.graph.name)
            results.append(profile(costs.graph, settings, layers=False))
        return results
