"""docs/python.md: every block runs, and gives what the page says; the page is whole.

`python -m tests.test_python_page` writes the outputs anew.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

import cnncalc

PAGE = Path(__file__).parent.parent / "docs" / "python.md"
TEXT = PAGE.read_text("utf-8")
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
TORCH = "\n## PyTorch\n"


def run(text: str) -> None:
    """Run the blocks of a text, one after the other, in one namespace."""
    blocks = BLOCK.findall(text)
    assert blocks
    source = "\n".join(blocks)
    test = doctest.DocTestParser().get_doctest(source, {}, "docs/python.md", str(PAGE), 0)
    said: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=said.append)
    assert result.attempted > 0
    assert not result.failed, "".join(said)


def test_the_blocks_run() -> None:
    pytest.importorskip("numpy")
    run(TEXT.split(TORCH)[0])


@pytest.mark.skipif(find_spec("torch") is None, reason="needs PyTorch")
def test_the_blocks_of_pytorch_run() -> None:
    run("```python\n>>> import cnncalc as cc\n\n```" + TEXT.split(TORCH)[1])


def test_every_block_is_one_that_runs() -> None:
    assert len(re.findall(r"^```\w", TEXT, re.MULTILINE)) == len(BLOCK.findall(TEXT))
    for block in BLOCK.findall(TEXT):
        lines = block.splitlines()
        assert lines[0].startswith(">>> ")
        assert lines[-1] == ""  # or the fence would be taken for output


@pytest.mark.parametrize("name", [name for name in cnncalc.__all__ if name != "__version__"])
def test_every_name_is_on_the_page(name: str) -> None:
    assert re.search(rf"\b{name}\b", TEXT)


PUBLIC = (cnncalc.Network, cnncalc.Analysis, cnncalc.Comparison, cnncalc.Builder)


@pytest.mark.parametrize("kind", PUBLIC, ids=lambda kind: kind.__name__)
def test_every_method_is_on_the_page(kind: type) -> None:
    for name in vars(kind):
        if not name.startswith("_") and name not in ("of", "network", "view"):
            assert re.search(rf"\b{name}\b", TEXT), f"{kind.__name__}.{name}"


def test_linked_pages_exist() -> None:
    for page in re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", TEXT):
        assert (PAGE.parent / page).is_file(), page


def rewritten(text: str) -> str:
    """The text with the outputs of its blocks as they are today; tracebacks stay."""
    names: dict[str, object] = {}

    def block(found: re.Match[str]) -> str:
        parts = []
        for example in doctest.DocTestParser().get_examples(found[1]):
            first, *rest = example.source.splitlines()
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed), contextlib.suppress(cnncalc.CnncalcError):
                exec(compile(example.source, "<page>", "single"), names)
            want = example.want if example.exc_msg else printed.getvalue()
            parts.append("\n".join([f">>> {first}", *(f"... {line}".rstrip() for line in rest)]) + "\n" + want)
        return "```python\n" + "".join(parts) + "\n```"

    return BLOCK.sub(block, text)


if __name__ == "__main__":
    PAGE.write_text(rewritten(TEXT), "utf-8")
