"""A real browser: chromium, driven by Playwright. Where either is missing the tests that need it are skipped, but not
where CNNCALC_ORACLES says `required`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    required = os.environ.get("CNNCALC_ORACLES") == "required"  # as in the gate, where nothing may be skipped unseen
    if not CHROMIUM:
        assert not required, "no chromium here"
        pytest.skip("no chromium here")
    playwright = import_module("playwright.sync_api") if required else pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    found = browser.new_context(viewport={"width": 1200, "height": 900})
    yield found
    found.close()
