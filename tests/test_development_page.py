"""docs/development.md, "Add an op": followed word for word, first outside the package, then in a copy of it."""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import cnncalc as cc
from tests.oracles.memory import saved_by_pytorch
from tests.oracles.tools import TOOLS, count_by_tool

ROOT = Path(__file__).parent.parent
SECTION = re.search(r"\n## Add an op\n(.*?)\n## ", (ROOT / "docs" / "development.md").read_text("utf-8"), re.DOTALL)
assert SECTION
CLASS, SESSION, MODULE = re.findall(r"```python\n(.*?)```", SECTION[1], re.DOTALL)
(COMMANDS,) = re.findall(r"```sh\n(.*?)```", SECTION[1], re.DOTALL)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The page's file, as a module of a user."""
    module = ModuleType("snake")
    monkeypatch.setitem(sys.modules, "snake", module)
    exec(compile(CLASS, "snake.py", "exec", dont_inherit=True), vars(module))
    return module


def test_outside_the_package(page: ModuleType) -> None:
    test = doctest.DocTestParser().get_doctest(SESSION, vars(page), "development.md", None, 0)
    said: list[str] = []
    assert doctest.DocTestRunner().run(test, out=said.append).failed == 0, "".join(said)


def network_with(op: cc.ops.Op, shape: tuple[int, ...] = (3, 9, 7)) -> cc.Network:
    builder = cc.Builder()
    x = builder.add(cc.ops.Conv(8, kernel=3), builder.input(*shape))
    return builder.network(builder.add(op, x, name="snake"))


def test_what_the_class_says_is_true(page: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    from cnncalc.pytorch.build import BUILDERS, build

    monkeypatch.setattr(sys.modules["cnncalc.pytorch.build"], "BUILDERS", dict(BUILDERS))
    exec(compile(MODULE, "snake_module.py", "exec", dont_inherit=True), vars(page))
    net = network_with(page.Snake(0.5))
    model = build(net)
    x = torch.rand(2, 3, 9, 7)
    before = torch.nn.functional.conv2d(x, model.conv1.weight, model.conv1.bias)
    expected = before + torch.sin(0.5 * before) ** 2 / 0.5
    assert torch.allclose(model(x), expected, atol=1e-6)
    costs = net.analyze(batch=2)
    assert sum(weight.numel() for weight in model.parameters()) == costs.params
    assert costs.memory.saved == saved_by_pytorch(net, 2, False)
    mixed = net.analyze(batch=2, mixed=True).memory.training()
    assert mixed.saved + mixed.half_weights == saved_by_pytorch(net, 2, False, mixed=True)
    for tool in TOOLS:  # they count nothing of it: what a maintainer finds who reads for it
        assert count_by_tool(tool, net) == net.analyze().count_as(tool).total


IN_THE_COPY = """
from pathlib import Path
import cnncalc as cc
from cnncalc.ops import KINDS
from tests import test_every_kind as every

assert Path(cc.__file__).is_relative_to(Path.cwd()), cc.__file__
kind = KINDS["snake"]
every.test_it_says_all(kind)
every.test_it_is_known_in_every_cost(kind)
every.test_it_has_its_word_and_its_pages(kind)
every.test_a_symbol_has_one_meaning_in_a_layer(kind)
every.test_explained_numbers_are_the_counted_ones(kind)
every.test_pytorch_builds_it(kind)
net = cc.network("{input: [3, 8, 8], layers: [{conv: 8, kernel: 3}, {snake: 0.5}, snake]}")
assert net.layers[1].op.start == 0.5 and net.analyze()["snake1"].params == 8
print("snake" in Path("docs/kinds.md").read_text(), "snake" in Path("docs/spec.schema.json").read_text())
"""


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert text.count(old) == 1, f"{old!r} in {file}"
    file.write_text(text.replace(old, new), "utf-8")


def test_inside_the_package(tmp_path: Path) -> None:
    """The four steps, in a copy."""
    pytest.importorskip("torch")
    for folder in ("cnncalc", "specs", "docs", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    package = tmp_path / "cnncalc"
    # 1. The class in a family's file, here one of its own, and in that file's KINDS.
    (package / "ops" / "snake.py").write_text(CLASS + "\n\nKINDS = (Snake,)\n", "utf-8")
    init = package / "ops" / "__init__.py"
    replace(init, "\nFAMILIES:", "\nfrom cnncalc.ops import snake\nfrom cnncalc.ops.snake import Snake\n\nFAMILIES:")
    replace(init, '    "Merging branches":', '    "Periodic": snake.KINDS,\n    "Merging branches":')
    replace(init, "__all__ = [", '__all__ = [\n    "Snake",')
    # 2. Its builder.
    build = package / "pytorch" / "build.py"
    names = MODULE.split("from cnncalc.pytorch import register_builder")
    builder = re.search(r"register_builder\(Snake, (.*)\)\n", MODULE)
    assert builder
    module = names[1].split("register_builder")[0]
    replace(build, "\nBUILDERS:", f"\nfrom cnncalc.ops.snake import Snake\n{module}\nBUILDERS:")
    replace(build, "\n    conv.Conv: _conv,", f"\n    Snake: {builder[1]},\n    conv.Conv: _conv,")
    # 3. What the tools count of it: nothing.
    base = package / "costs" / "conventions" / "base.py"
    replace(base, "\nREAD_FOR:", "\nfrom cnncalc.ops.snake import Snake\n\nREAD_FOR:")
    replace(
        base,
        "        conv.Conv,\n        conv.ConvTranspose,\n        conv.Depthwise,",
        "        Snake,\n        conv.Conv,\n        conv.ConvTranspose,\n        conv.Depthwise,",
    )
    # 4. The generated pages.
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    for line in COMMANDS.splitlines():
        command = line.replace("python ", f"'{sys.executable}' ", 1)
        subprocess.run(command, shell=True, check=True, cwd=tmp_path, env=environment)
    run = subprocess.run(
        [sys.executable, "-c", IN_THE_COPY], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == "True True\n"
