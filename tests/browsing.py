"""A page in a real browser, as tests look at it; the fixtures `browser` and `context` are in conftest.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Tab:
    """A page in the browser, a file or an address, with what it requested and complained of."""

    def __init__(self, context: Any, page: Path | str, fragment: str = "") -> None:
        self.tab = context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.tab.on("console", lambda message: self.errors.append(message.text) if message.type != "log" else None)
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.goto((page.as_uri() if isinstance(page, Path) else page) + fragment)

    def check(self) -> None:
        """Nothing was asked for but the page itself, and nothing went wrong."""
        assert self.errors == []
        assert len(self.requests) == 1, self.requests
