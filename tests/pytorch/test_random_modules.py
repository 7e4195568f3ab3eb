"""Random PyTorch modules of every piece, read: counts against PyTorch's, outputs of what is built again, specs."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from tests.oracles.random_modules import PIECES, Random  # noqa: E402
from tests.oracles.reading import check  # noqa: E402


def drawn(name: str, number: int) -> Random:
    """A module of a piece alone, whose form is another for each number."""
    seeds = range(100 * number, 100 * number + 100)
    return next(module for module in (Random(seed, (name,), 1) for seed in seeds) if module.drawn)


@pytest.mark.parametrize("name", PIECES)
@pytest.mark.parametrize("number", range(2))
def test_every_piece_is_read_as_pytorch_runs_it(name: str, number: int) -> None:
    found = check(drawn(name, number))
    assert not found.refused
    assert found.differences == []


@pytest.mark.parametrize("seed", range(60))
def test_random_modules_are_read_as_pytorch_runs_them(seed: int) -> None:
    found = check(Random(seed))
    assert not found.refused
    assert found.differences == []


def test_the_check_sees_differences() -> None:
    """Of a module that stands in for another: its parameters, work and outputs."""
    module, other = (drawn(name, 0) for name in ("linear", "pool"))
    plain = check(module)
    assert (plain.differences, plain.built) == ([], True)
    module.examples = other.examples  # type: ignore[method-assign]
    changed = Random(7, ("linear",), 1)
    changed.forward = lambda *inputs: torch.cat([Random.forward(module, *inputs)] * 2, 1)  # type: ignore[method-assign]
    assert check(changed).differences or check(changed).refused
