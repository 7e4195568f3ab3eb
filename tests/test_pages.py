"""The sessions in the pages on memory, receptive fields and conventions show what the commands print today.

`python -m tests.test_pages` writes the outputs anew.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest

from tests.test_readme import SESSION, output_of

DOCS = Path(__file__).parent.parent / "docs"
IN_A_FOLDER = ("onnx.md",)
"""Pages whose sessions write files, in an empty folder, and need more than the core."""

PAGES = ("memory.md", "receptive-field.md", "conventions.md", "sweep.md")


@pytest.mark.parametrize("page", PAGES)
def test_sessions_are_current(page: str) -> None:
    sessions = SESSION.findall((DOCS / page).read_text())
    assert sessions
    for command, output in sessions:
        assert output == output_of(command), "run: python -m tests.test_pages"


@pytest.mark.parametrize("page", IN_A_FOLDER)
def test_sessions_with_files_are_current(page: str, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    text = (DOCS / page).read_text()
    assert rewritten(text, tmp_path) == text, "run: python -m tests.test_pages"


def rewritten(text: str, folder: Path) -> str:
    """A page with its sessions as they run in a folder, one after the other. A session may have several commands."""

    def run(found: re.Match[str]) -> str:
        commands = re.findall(r"^\$ (.*)$", found[0], re.MULTILINE)
        outputs = [f"$ {command}\n{output_of(command, folder)}" for command in commands]
        return f"```console\n{''.join(outputs)}```"

    return re.sub(r"```console\n(?:(?!```).*\n)*```", run, text)


if __name__ == "__main__":
    for page in IN_A_FOLDER:
        with tempfile.TemporaryDirectory() as folder:
            (DOCS / page).write_text(rewritten((DOCS / page).read_text(), Path(folder)))
    for page in PAGES:
        path = DOCS / page
        text = SESSION.sub(lambda found: f"```console\n$ {found[1]}\n{output_of(found[1])}```", path.read_text())
        path.write_text(text)
