"""What the tools print for a PyTorch module that a request names, for `reconcile` and `flops --as`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnncalc.cli.options import Request
    from cnncalc.views import Detail, View


def compared(request: Request, detail: Detail, tools: Sequence[str] | None = None) -> View:
    """The tools run on the module itself, beside what they count of its layers.

    Raises:
        RequestError: there is no such tool; a batch, with which the tools are not run; the module cannot be read.
    """
    from cnncalc.costs.conventions import convention, count_as
    from cnncalc.errors import RequestError
    from cnncalc.face import Network
    from cnncalc.views.module_tools import view

    for tool in tools or ():
        convention(tool)
    if request.batch != 1:
        raise RequestError("the tools are run on the module with a batch of one", hint="leave out --batch")
    from cnncalc.pytorch.tools import RUN, explained, printed

    reading = request.reading(request.network_name, memory=True)
    names = tuple(tools or RUN)
    counts = {name: count_as(reading.graph, name) for name in names}
    found = [printed(reading, name) for name in names]
    lines = {tool.tool: explained(reading, tool, counts[tool.tool]) for tool in found}
    return view(Network.of(reading.graph).analyze(), found, counts, lines, detail)
