"""Every notebook in examples/ runs from the first cell to the last, and says what it holds; it is small, and holds
nothing that changes from run to run.

`python -m tests.test_notebooks` runs them and writes their outputs anew.
"""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
KEPT = ("text/plain", "text/html", "image/svg+xml")
"""The forms of outputs that a notebook is kept with: what GitHub shows, and no data of charts twice."""
DRAWN = "image/svg+xml"
MOST_BYTES = 150_000


def read(file: Path) -> Any:
    """A notebook as it is kept."""
    return json.loads(file.read_text("utf-8"))


def executed(book: Any, folder: Path) -> Any:
    """The notebook after all its cells ran, with nothing but what is kept of it."""
    import nbformat
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    fresh = nbformat.reads(json.dumps(book), 4)
    kernel = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=str(folder / "kernel"))  # no port
    NotebookClient(fresh, kernel, timeout=150, resources={"metadata": {"path": str(folder)}}).execute()
    return kept(json.loads(nbformat.writes(fresh)))


def kept(book: Any) -> Any:
    """A notebook without what changes from run to run: counts of executions, times, the machine's Python."""
    book["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(book["cells"], 1):
        cell["id"], cell["metadata"] = f"cell-{number}", {}
        if cell["cell_type"] == "code":
            cell["execution_count"] = None
            cell["outputs"] = [_output(output) for output in cell["outputs"]]
    return book


def _output(output: Any) -> Any:
    """An output in the forms that are kept."""
    assert output["output_type"] != "error", output
    if output["output_type"] == "execute_result":
        output["execution_count"], output["metadata"] = None, {}
    if "data" in output:
        output["data"] = {form: text for form, text in output["data"].items() if form in KEPT}
    return output


def texts(book: Any) -> list[Any]:
    """What the cells print and give, but for pictures: fonts measure differently from machine to machine."""
    found = []
    for cell in book["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {"text/plain": output.get("text")})
            found.append(["".join(data["text/plain"]), DRAWN in data])
    return found


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_it_runs_and_says_what_it_holds(file: Path, tmp_path: Path) -> None:
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    pytest.importorskip("vl_convert")
    book = read(file)
    for library in ("torch", "pandas"):
        if f"import {library}" in json.dumps(book):
            pytest.importorskip(library)
    assert texts(executed(book, tmp_path)) == texts(book), "run: python -m tests.test_notebooks"


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_it_is_small_and_nothing_in_it_changes(file: Path) -> None:
    assert len(file.read_bytes()) < MOST_BYTES
    book = read(file)
    assert kept(copy.deepcopy(book)) == book
    assert any(DRAWN in output.get("data", {}) for cell in book["cells"] for output in cell.get("outputs", []))
    text = file.read_text("utf-8")
    for word in ("0x7f", "/tmp", "/home", str(Path.home()), "Warning"):
        assert word not in text


def test_there_are_three_and_the_readme_names_them() -> None:
    readme = (EXAMPLES / "README.md").read_text("utf-8")
    assert len(NOTEBOOKS) == 3
    assert all(f"| `{file.name}` |" in readme for file in NOTEBOOKS)


if __name__ == "__main__":
    import tempfile

    for each in NOTEBOOKS:
        with tempfile.TemporaryDirectory() as work:
            book = executed(read(each), Path(work))
        each.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n", "utf-8")
        print(each.name, len(each.read_bytes()), file=sys.stderr)
