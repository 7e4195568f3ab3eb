"""Modules of recurrent layers, and how each is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from cnncalc.ops import recurrent
from cnncalc.ops.base import Op, Site


class Recurrent(nn.Module):
    """`nn.LSTM` or `nn.GRU`, `cells`, of which it gives the hidden features of each step alone:
    [N, T, C] -> [N, T, hidden]."""

    def __init__(self, cells: nn.Module) -> None:
        super().__init__()
        self.cells = cells

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.cells(x)[0]
        return y


def _recurrent(layer: type[nn.Module]) -> Callable[[Any, Site], nn.Module]:
    return lambda op, site: Recurrent(
        layer(
            site.inputs[0][1],
            op.hidden,
            op.depth,
            bias=op.bias,
            batch_first=True,
            bidirectional=op.bidirectional,
        )
    )


BUILDERS: Mapping[type[Op], Callable[[Any, Site], nn.Module]] = {
    recurrent.LSTM: _recurrent(nn.LSTM),
    recurrent.GRU: _recurrent(nn.GRU),
}
