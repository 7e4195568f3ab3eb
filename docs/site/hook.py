"""What MkDocs is given beside the pages in docs/: those at the top of the repository, the reference, and the gallery.

`CNNCALC_GALLERY=resnet18,vgg16` makes the pages of these networks only.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import gallery
from mkdocs.structure.files import File, Files

import cnncalc

HERE = Path(__file__).parent
TOP = HERE.parent.parent

PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "LICENSE": "license.md",
    "examples/README.md": "examples.md",
}
"""Pages from outside docs/, and what they are called on the site."""
ASSETS = ("catalogue.js", "site.css")


def on_files(files: Files, config: Any) -> Files:
    """Add what is generated."""

    def add(path: str, content: str) -> None:
        files.append(File.generated(config, path, content=content))

    for source, target in PAGES.items():
        text = (TOP / source).read_text("utf-8")
        add(target, moved(text, source) if source.endswith(".md") else f"# License\n\n```text\n{text}```\n")
    for name in ASSETS:
        add(f"assets/{name}", (HERE / name).read_text("utf-8"))
    add("reference.md", reference())

    only = [name for name in os.environ.get("CNNCALC_GALLERY", "").split(",") if name]
    found = gallery.everything(only)
    add("gallery/index.md", gallery.catalogue(found))
    for entry in found:
        for path, content in gallery.files(entry).items():
            add(f"gallery/{path}", content)
    return files


def reference() -> str:
    """The Python reference: reference.md, and at its end the public names that it leaves out."""
    text = (HERE / "reference.md").read_text("utf-8")
    homes = [f"::: {home}.{name}\n" for name, home in cnncalc._PUBLIC.items()]
    more = [line for line in homes if line not in text]
    return "\n".join([text, "## More\n", *more]) if more else text


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """A page of docs/, its links to the top of the repository as they are on the site."""
    if page.file.generated_by:
        return markdown
    return moved(markdown, f"docs/{page.file.src_uri}")


LINK = re.compile(r"(?<=\]\()([^()#\s:]+)(?=[)#])")


def moved(text: str, source: str) -> str:
    """A page's text, with its links as they are on the site, where the pages of docs/ are at the top.

    >>> moved("[a](docs/cli.md#json), [b](../SECURITY.md)", "README.md")
    '[a](cli.md#json), [b](../SECURITY.md)'
    """

    def link(found: re.Match[str]) -> str:
        target = os.path.normpath(os.path.join(os.path.dirname(source), found[1]))
        return PAGES.get(target, target.removeprefix("docs/")) if not target.startswith("..") else found[1]

    return LINK.sub(link, text)
