"""The sessions in the pages on memory, receptive fields and conventions show what the commands print today.

`python -m tests.test_pages` writes the outputs anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_readme import SESSION, output_of

DOCS = Path(__file__).parent.parent / "docs"
PAGES = ("memory.md", "receptive-field.md", "conventions.md", "sweep.md")


@pytest.mark.parametrize("page", PAGES)
def test_sessions_are_current(page: str) -> None:
    sessions = SESSION.findall((DOCS / page).read_text())
    assert sessions
    for command, output in sessions:
        assert output == output_of(command), "run: python -m tests.test_pages"


if __name__ == "__main__":
    for page in PAGES:
        path = DOCS / page
        text = SESSION.sub(lambda found: f"```console\n$ {found[1]}\n{output_of(found[1])}```", path.read_text())
        path.write_text(text)
