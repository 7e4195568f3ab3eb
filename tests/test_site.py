"""The site: docs/ and the gallery, built strictly; every link leads somewhere, and no page asks another host for
anything.

Here with three networks in the gallery, for time; `.ci/run` builds it with all of them.
"""

from __future__ import annotations

import functools
import http.server
import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

import cnncalc as cc
from cnncalc.zoo.index import names
from tests.browsing import Tab

ROOT = Path(__file__).parent.parent
SITE = ROOT / "docs" / "site"
NETWORKS = ("lenet5", "resnet50", "unet")

for library in ("mkdocs", "material", "mkdocstrings"):
    pytest.importorskip(library)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    variables = {"CNNCALC_GALLERY": ",".join(NETWORKS), "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert built.returncode == 0, built.stderr[-3000:]
    assert "WARNING" not in built.stderr
    return folder


class Page(HTMLParser):
    """What a page links to, loads, and can be linked to at."""

    LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note what one element does."""
        found = {key: value or "" for key, value in attributes}
        self.places |= {found[key] for key in ("id", "name") if key in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in self.LOADED and self.LOADED[tag] in found:
            self.loaded.append(found[self.LOADED[tag]])
        if tag == "link" and found.get("rel") not in ("canonical", "prev", "next"):
            self.loaded.append(found.get("href", ""))


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    """The pages by their addresses on the site, pages to look at a network aside."""
    return {
        file.relative_to(site).as_posix(): Page(file.read_text("utf-8"))
        for file in site.rglob("*.html")
        if file.name not in ("look.html", "404.html")
    }


def test_every_link_leads_somewhere(site: Path, pages: dict[str, Page]) -> None:
    assert len(pages) >= 25
    for address, page in pages.items():
        for link in page.links:
            if urlsplit(link).scheme:
                assert urlsplit(link).scheme in ("https", "http"), (address, link)
                continue
            target, place = urldefrag(urljoin(f"/{address}", link))
            path = unquote(target).lstrip("/")
            path += "index.html" if path == "" or path.endswith("/") else ""
            assert (site / path).is_file(), (address, link)
            if place and path in pages:
                assert unquote(place) in pages[path].places, (address, link)


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[str, Page]) -> None:
    for address, page in pages.items():
        assert page.loaded
        for source in page.loaded:
            assert not urlsplit(source).netloc, (address, source)
            assert source.startswith("data:") or (site / address).parent.joinpath(unquote(source)).exists(), source
    for sheet in site.rglob("*.css"):
        text = sheet.read_text("utf-8")
        assert "@import" not in text
        assert "url(http" not in text
        assert "url(//" not in text


def test_every_page_of_docs_is_on_the_site(site: Path) -> None:
    for file in (ROOT / "docs").glob("*.md"):
        assert (site / file.stem / "index.html").is_file(), file
    for file in (ROOT / "docs").glob("*.json"):
        assert (site / file.name).is_file(), file
    for name in ("index", "changelog/index", "contributing/index", "security/index", "examples/index", "license/index"):
        assert (site / f"{name}.html").is_file(), name
    assert not list(site.rglob("*.py"))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_has_its_page(name: str, site: Path) -> None:
    text = (site / "gallery" / name / "index.html").read_text("utf-8")
    costs = cc.network(name).analyze()
    for number in (costs.params, costs.macs, costs.flops, costs.memory.peak):
        assert f"{number:,}" in text
    assert 'src="graph.svg"' in text
    assert (site / "gallery" / name / "graph.svg").read_text("utf-8") == cc.network(name).draw(1).svg()
    assert 'href="look.html"' in text
    assert "default-src 'none'" in (site / "gallery" / name / "look.html").read_text("utf-8")
    assert f"{cc.network(name).title}</h1>" in text.replace('<a class="headerlink"', "</h1>")


def test_the_reference_has_every_public_name(pages: dict[str, Page]) -> None:
    places = {place.rpartition(".")[2] for place in pages["reference/index.html"].places}
    missing = set(cc.__all__) - places - {"__version__", "onnx", "ops", "pytorch"}
    assert not missing
    assert {"cnncalc.face.Analysis.chart", "cnncalc.face.Network.draw"} <= pages["reference/index.html"].places


def test_examples_in_docstrings_are_code(site: Path) -> None:
    text = (site / "reference" / "index.html").read_text("utf-8")
    assert '<span class="gp">&gt;&gt;&gt; </span>' in text
    assert "<blockquote>" not in text


def _module(name: str) -> Any:
    """A module of docs/site."""
    spec = importlib.util.spec_from_file_location(name, SITE / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_network_of_the_zoo_would_have_a_page() -> None:
    gallery = _module("gallery")
    assert {entry.name for entry in gallery.everything()} == set(names())
    assert gallery.everything()[0].fragment is False
    assert gallery.everything()[-1].fragment is True


def test_what_a_spec_says_becomes_no_markup() -> None:
    gallery = _module("gallery")
    hostile = "</script><img src=x onerror=alert(1)> [a](javascript:1) `b` |"
    entry = gallery.everything(["lenet5"])[0]
    entry = type(entry)(**{key: getattr(entry, key) for key in entry.__struct_fields__} | {"title": hostile})
    assert not set("<>[]`|") & set(gallery.plain(hostile))
    assert "<img" not in gallery.catalogue([entry])
    assert gallery.catalogue([entry]).count("</script>") == 1


# In a browser


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The site's address, as it is served."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1600])
def test_pages_ask_nothing_of_other_hosts_and_fit(width: int, scheme: str, browser: Any, address: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    for path in ("", "gallery/", "gallery/resnet50/", "reference/", "kinds/", "gallery/unet/look.html"):
        tab = Tab(context, address + path)
        assert tab.errors == [], path
        assert [url for url in tab.requests if not url.startswith((address, "data:"))] == []
        assert tab.tab.evaluate("document.documentElement.scrollWidth") <= width, path
        tab.tab.close()
    context.close()


def test_the_catalogue_is_sorted_filtered_and_plotted(context: Any, address: str) -> None:
    tab = Tab(context, f"{address}gallery/")
    names = "[...document.querySelectorAll('#catalogue tbody tr')].map(row => row.dataset.name)"
    by_params = sorted(NETWORKS, key=lambda name: -cc.network(name).analyze().params)
    tab.tab.get_by_role("button", name="Parameters").click()
    assert tab.tab.evaluate(names) == by_params
    assert tab.tab.locator("th[aria-sort=descending]").inner_text() == "Parameters"
    tab.tab.get_by_role("button", name="Parameters").click()
    assert tab.tab.evaluate(names) == by_params[::-1]
    tab.tab.locator("#catalogue-y").select_option("params")
    assert tab.tab.locator("#catalogue-plot circle").count() == 3
    tab.tab.locator("#catalogue-filter").fill("resnet 2015")
    assert tab.tab.evaluate(names) == ["resnet50"]
    assert tab.tab.locator("#catalogue-tools [role=status]").inner_text() == "1 of 3 networks"
    label = tab.tab.locator("#catalogue-plot a").get_attribute("aria-label")
    assert label == "ResNet-50: MACs 3,857,973,248, Parameters 25,557,032"
    tab.tab.locator("#catalogue-plot a").click()
    tab.tab.wait_for_url(f"{address}gallery/resnet50/")
    assert tab.errors == []


def test_axe_finds_nothing_in_what_is_ours(browser: Any, address: str) -> None:
    axe = pytest.importorskip("axe_playwright_python")
    (script,) = Path(axe.__file__).parent.rglob("axe.min.js")
    context = browser.new_context(reduced_motion="reduce")
    for path, ours in (("gallery/", "#catalogue"), ("gallery/resnet50/", "article")):
        tab = Tab(context, address + path)
        tab.tab.evaluate(script.read_text("utf-8"))
        found = tab.tab.evaluate(f"axe.run({{include: ['{ours}'], exclude: ['.md-code__nav']}})")
        assert found["passes"]
        assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found["violations"]] == []
    context.close()
