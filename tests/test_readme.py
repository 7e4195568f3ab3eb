"""The README's sessions show what the commands print today.

`python -m tests.test_readme` writes the outputs anew.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cnncalc

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
SESSION = re.compile(r"```console\n\$ (.*)\n((?:(?!```).*\n)*)```")


def output_of(command: str, folder: Path = ROOT) -> str:
    """What a command prints on a terminal of 80 columns, errors included."""
    environment = {**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    command = command.replace("cnncalc ", f"'{sys.executable}' -m cnncalc ")
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"


@pytest.mark.parametrize(("command", "output"), SESSION.findall(README.read_text()))
def test_sessions_are_current(command, output):
    assert output == output_of(command), "run: python -m tests.test_readme"


def test_the_example_spec_is_one():
    (text,) = re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    assert cnncalc.network(text).layers[-1].output == (10,)


def test_the_python_block_runs():
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    plain, torch = block.split("from cnncalc import pytorch")
    names = {}
    exec(plain, names)
    assert (names["costs"].batch, names["net"].input) == (8, (3, 320, 320))
    pytest.importorskip("torch")
    exec("from cnncalc import pytorch" + torch, names)
    assert sum(weight.numel() for weight in names["module"].parameters()) == names["costs"].params


def test_linked_pages_exist():
    for page in re.findall(r"\]\(([\w./-]+)\)", README.read_text()):
        assert (ROOT / page).is_file(), page


if __name__ == "__main__":
    README.write_text(
        SESSION.sub(lambda found: f"```console\n$ {found[1]}\n{output_of(found[1])}```", README.read_text())
    )
