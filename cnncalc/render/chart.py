"""A chart as data: a Vega-Lite spec, which pages, notebooks and files show alike."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cnncalc.errors import RequestError
from cnncalc.render.table import printable

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
"""The name of Vega-Lite's version; nothing is fetched from there."""
MIME = "application/vnd.vegalite.v5+json"
TITLE_LETTER = 6.7
"""The width of a letter of the title, in pixels."""
WIDTH = 460
PAGE = 640
"""The widths, in pixels, of a chart's panels and of a whole chart in a notebook."""


@dataclass(frozen=True, repr=False)
class Chart:
    """A chart: what it is called, its values, and the Vega-Lite spec of its panels, one under the other.

    Attributes:
        kind: depth, memory, roofline, field or scatter.
        title: what it shows, in words.
        values: the records of the first panel.
        panels: Vega-Lite views; each has its data in itself.
    """

    kind: str
    title: str
    values: Sequence[Mapping[str, Any]]
    panels: Sequence[Mapping[str, Any]]

    def spec(self, width: float = WIDTH, title: str | None = None) -> dict[str, Any]:
        """The Vega-Lite spec; `width` is that of the panels, in pixels, without axes."""
        panels = [{**panel, "width": width} for panel in self.panels]
        whole = panels[0] if len(panels) == 1 else {"vconcat": panels, "spacing": 12}
        heading = printable(self.title if title is None else title)
        lines = textwrap.wrap(heading, max(12, int(width / TITLE_LETTER)))  # a long title would widen the figure
        return {
            "$schema": SCHEMA,
            **({"title": {"text": lines, "anchor": "start"}} if lines else {}),
            **whole,
            "config": {
                "font": "Helvetica, Arial, sans-serif",
                "axis": {"labelFontSize": 10, "titleFontSize": 10, "gridColor": "#e6e6e6"},
                "title": {"fontSize": 12},
                "view": {"stroke": "#cccccc"},
            },
        }

    def svg(self, width: float = PAGE) -> str:
        """The chart as SVG, as wide as this in pixels, axes and legends with it.

        Raises:
            RequestError: vl-convert is not installed; the width leaves no room for the panels.
        """
        from cnncalc.render.figure import chart_svg

        return chart_svg(self, width)

    def __repr__(self) -> str:
        return f"<chart: {self.title}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """What a notebook shows: Vega-Lite, which JupyterLab draws by itself, and for others SVG, where vl-convert is
        installed."""
        found: dict[str, Any] = {MIME: self.spec(), "text/plain": repr(self)}
        try:
            found["image/svg+xml"] = self.svg()
        except RequestError as error:
            found["text/plain"] += f"\nnot drawn as SVG: {error.message}; {error.hint}"
        return found
