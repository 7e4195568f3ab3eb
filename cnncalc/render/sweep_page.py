"""A sweep on one HTML page that works offline: its figures, drawn, and its table."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from io import StringIO
from typing import TYPE_CHECKING

from cnncalc.render import html
from cnncalc.render.figure import chart_svg
from cnncalc.render.table import Part, printable

if TYPE_CHECKING:
    from cnncalc.render.chart import Chart

WIDTH = 640.0
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Nothing is asked for from anywhere, and no script runs."""


def page(title: str, parts: Sequence[Part], charts: Sequence[Chart]) -> str:
    """The page.

    Raises:
        RequestError: vl-convert is not installed.
    """
    table = StringIO()
    html.write(parts, table)
    name = escape(printable(title))
    figures = "\n".join(f"<figure>{chart_svg(chart, WIDTH)}</figure>" for chart in charts)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<style>
body {{ font-family: Helvetica, Arial, sans-serif; margin: 1.5em; color: #222; background: #fff }}
main {{ display: flex; flex-wrap: wrap; gap: 1em }}
figure {{ margin: 0 }}
figure svg {{ max-width: 100%; height: auto }}
</style>
</head>
<body>
<h1>{name}</h1>
<main>
{figures}
</main>
{table.getvalue()}
</body>
</html>
"""
