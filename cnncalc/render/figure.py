"""Charts and drawings as files: SVG, PDF and PNG, as wide as a paper's column.

vl-convert draws the charts, without a browser and without the network: it holds Vega-Lite and the fonts' measures.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from cnncalc.errors import RequestError

POINTS_PER_INCH = 72
PIXELS_PER_INCH = 96
MILLIMETRES_PER_INCH = 25.4
PNG_PIXELS_PER_INCH = 300
NARROWEST, WIDEST = 10.0, 2000.0  # millimetres
DEFAULT_WIDTH = "178mm"

_UNITS = {"mm": 1 / MILLIMETRES_PER_INCH, "cm": 10 / MILLIMETRES_PER_INCH, "in": 1.0, "pt": 1 / POINTS_PER_INCH}
_SIZE = re.compile(r'<svg\b[^>]*?\swidth="([\d.]+)"[^>]*?\sheight="([\d.]+)"')


def parse_width(text: str) -> float:
    """A width in pixels of 1/96 inch.

    Raises:
        RequestError: it is none, or beyond what paper has.

    >>> round(parse_width("84mm"), 1), parse_width("3.5in")
    (317.5, 336.0)
    """
    found = re.fullmatch(r"\s*(\d{1,6}(?:\.\d{1,6})?)\s*(mm|cm|in|pt|px)?\s*", text)
    if not found:
        raise RequestError(f"'{text[:20]}' is no width", hint="write 84mm, 3.5in, 240pt or 640px")
    number, unit = float(found[1]), found[2] or "px"
    pixels = number if unit == "px" else number * _UNITS[unit] * PIXELS_PER_INCH
    millimetres = pixels / PIXELS_PER_INCH * MILLIMETRES_PER_INCH
    if not NARROWEST <= millimetres <= WIDEST:
        raise RequestError(f"'{text[:20]}' is no width for a figure", hint=f"from {NARROWEST:g}mm to {WIDEST:g}mm")
    return pixels


class Charted(Protocol):
    """What is a chart of Vega-Lite, such as `cnncalc.render.chart.Chart`."""

    def spec(self, width: float, title: str | None = None) -> dict[str, Any]:
        """Its spec, with panels of a width in pixels."""


def chart_svg(chart: Charted, width: float, title: str | None = None) -> str:
    """A chart as SVG, exactly as wide as asked, in the size of type that it has at any width.

    Axes and legends take what they need; the rest is the panels'. It is drawn twice: to measure, and to fit.

    Raises:
        RequestError: vl-convert is not installed; the width leaves no room for the panels.
    """
    convert = _converter()
    panel = max(width * 0.6, 40.0)
    for _ in range(3):
        text = str(convert.vegalite_to_svg(chart.spec(panel, title), vl_version="5.20"))
        found = measured(text)[0]
        if abs(found - width) < 0.5:
            break
        panel += width - found
        if panel < 30:
            raise RequestError("the figure is too narrow for its axes and legends", hint="ask for a larger --width")
    return text


def measured(svg: str) -> tuple[float, float]:
    """The width and height of an SVG document, in pixels."""
    found = _SIZE.search(svg)
    if not found:
        raise ValueError("an SVG document without a size")
    return float(found[1]), float(found[2])


def converted(svg: str, form: str) -> bytes:
    """An SVG document in a form: svg, pdf or png.

    Raises:
        RequestError: vl-convert is not installed.
    """
    if form == "svg":
        return svg.encode()
    convert = _converter()
    scale = POINTS_PER_INCH / PIXELS_PER_INCH  # it takes the pixels of an SVG for points
    if form == "png":
        return bytes(convert.svg_to_png(svg, scale=scale, ppi=PNG_PIXELS_PER_INCH))
    return bytes(convert.svg_to_pdf(_resized(svg, scale)))


def _resized(svg: str, scale: float) -> str:
    """An SVG document that is shown larger or smaller; what it holds keeps its coordinates."""
    width, height = measured(svg)
    size = f'width="{width * scale:.3f}" height="{height * scale:.3f}"'
    found = _SIZE.search(svg)
    assert found is not None
    return (
        svg[: found.start()] + re.sub(r'width="[^"]*"\s+height="[^"]*"', size, found[0], count=1) + svg[found.end() :]
    )


def _converter() -> Any:
    """The module that draws.

    Raises:
        RequestError: it is not installed.
    """
    try:
        import vl_convert
    except ImportError:
        raise RequestError("charts need vl-convert", hint="pip install 'cnncalc[plot]'") from None
    return vl_convert
