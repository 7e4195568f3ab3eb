"""The generated documents are current."""

from pathlib import Path

import pytest

from cnncalc import expand, load_text
from cnncalc.layers import KINDS
from cnncalc.reference import reference

DOCS = Path(__file__).parent.parent / "docs"


def test_the_reference_of_kinds_is_current():
    written = (DOCS / "kinds.md").read_text()
    assert written == reference(), "run: python -m cnncalc.reference > docs/kinds.md"
    assert all(f"### `{kind}`" in written for kind in KINDS)


def yaml_blocks(file: str) -> list[str]:
    """The ```yaml blocks of a document."""
    return [part.split("```")[0] for part in (DOCS / file).read_text().split("```yaml\n")[1:]]


@pytest.mark.parametrize("text", yaml_blocks("spec-language.md"))
def test_every_spec_in_the_language_s_page_is_one(text):
    spec = load_text(text)
    assert expand(spec).layers
