"""The layer kinds, one file a family. `KINDS` finds a kind by the word that specs use for it."""

from __future__ import annotations

from cnncalc.ops import activation, conv, linear, merge, norm, pool, shape
from cnncalc.ops.base import OPERATIONS, Op, Shape, Step, Window, explain_costs

FAMILIES = {
    "Convolutions": conv.KINDS,
    "Pooling": pool.KINDS,
    "Fully connected": linear.KINDS,
    "Normalisation": norm.KINDS,
    "Activation": activation.KINDS,
    "Merging branches": merge.KINDS,
    "Shape": shape.KINDS,
}

KINDS: dict[str, type[Op]] = {kind.name: kind for kinds in FAMILIES.values() for kind in kinds}

__all__ = ["FAMILIES", "KINDS", "OPERATIONS", "Op", "Shape", "Step", "Window", "explain_costs"]
