"""The layer kinds, one file a family. `KINDS` finds a kind by the word that specs use for it."""

from __future__ import annotations

from cnncalc.layers import activation, conv, linear, merge, norm, pool, shape
from cnncalc.layers.base import OPERATIONS, Kind, Shape, Step, Window, explain_costs

FAMILIES = {
    "Convolutions": conv.KINDS,
    "Pooling": pool.KINDS,
    "Fully connected": linear.KINDS,
    "Normalisation": norm.KINDS,
    "Activation": activation.KINDS,
    "Merging branches": merge.KINDS,
    "Shape": shape.KINDS,
}

KINDS: dict[str, type[Kind]] = {kind.name: kind for kinds in FAMILIES.values() for kind in kinds}

__all__ = ["FAMILIES", "KINDS", "OPERATIONS", "Kind", "Shape", "Step", "Window", "explain_costs"]
