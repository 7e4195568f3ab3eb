"""A page: one HTML file that works offline, with its data, its style and its script in it.

The page asks for nothing from anywhere: a Content-Security-Policy forbids it, and lets run only the one script that has
the hash of ours. Names and titles are data to that script, which never makes markup of them. The script is small and
our own: a charting runtime would be half of the page's bound, and a page made with it would need a library to be made.
It draws the same charts (`cnncalc.views.charts`) and the same drawing (`cnncalc.views.drawing`) as files show.
"""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from pathlib import Path
from typing import Any

from cnncalc.render.table import printable

FOLDER = Path(__file__).parent


def page(data: dict[str, Any], title: str, picture: str | None = None) -> str:
    """The HTML of a page.

    Args:
        picture: the name of what a page shows that is served while it is watched (`cnncalc.serve`): such a page has a
            second script, and asks its own server for new pictures. None for a page that stands alone.

    >>> "<script>x" in page({"networks": [{"title": "<script>x"}]}, "<script>x")
    False
    """
    style = (FOLDER / "page.css").read_text("utf-8")
    scripts = [(FOLDER / "page.js").read_text("utf-8")]
    served = ""
    if picture is not None:
        scripts.append((FOLDER / "watch.js").read_text("utf-8"))
        served = f'<script type="application/json" id="picture">{embedded(picture)}</script>\n'
    asked = "" if picture is None else "connect-src 'self'; "
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {' '.join(map(_hash, scripts))}; "
        f"{asked}base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="generator" content="cnncalc">\n'
        f"<title>{escape(printable(title))}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        "<noscript><p>This page is drawn by its own script, which is switched off here. The same numbers: "
        "<code>cnncalc flops NETWORK --all</code>.</p></noscript>\n"
        f'<script type="application/json" id="data">{embedded(data)}</script>\n{served}'
        + "".join(f"<script>{script}</script>\n" for script in scripts)
        + "</body>\n</html>\n"
    )


def embedded(data: Any) -> str:
    """Data as JSON that can stand in a script element: it holds no character that could end the element.

    >>> embedded({"a": "</script>"})
    '{"a":"\\\\u003c/script\\\\u003e"}'
    """
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _hash(text: str) -> str:
    """A source expression of the policy: this text and no other."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
