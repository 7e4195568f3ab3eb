"""The quantities of a cell, against arithmetic by hand."""

import pytest

from cnncalc.documents.quantities import Calculator
from cnncalc.errors import CnncalcError

RESIDUAL = """
input: [8, 6, 6]
layers:
  - {conv: 8, kernel: 3, padding: 1, name: stem}
  - name: block
    layers:
      - add:
          - - {conv: 4, kernel: 1, name: down}
            - {conv: 8, kernel: [1, 3], padding: [0, 1], bias: false, name: wide}
          - - {conv: 8, kernel: 1, name: shortcut}
  - {avgpool: 2, name: pool}
  - flatten
  - {linear: 10, name: fc}
"""
CALCULATOR = Calculator({"residual": RESIDUAL})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("params(residual/stem)", 8 * 8 * 9 + 8),
        ("weights(residual/stem)", 8 * 8 * 9),
        ("weights(residual/block)", 8 * 4 + 4 * 8 * 3 + 8 * 8),
        ("params(residual, kind=conv)", 8 * 8 * 9 + 8 + 8 * 4 + 4 + 4 * 8 * 3 + 8 * 8 + 8),
        ("macs(residual/stem, batch=5)", 5 * 8 * 8 * 9 * 36),
        ("activations(residual/pool, batch=5)", 5 * 8 * 9),
        ("depth(residual)", 4),  # stem, down, wide, fc; the shortcut is on the shorter branch
        ("depth(residual/block)", 2),
        ("depth(residual/pool)", 0),
        ("count(residual, kind=conv)", 4),
        ("count(residual, kind=conv|linear)", 5),
        ("count(residual, kind=conv, kernel=1)", 2),
        ("count(residual, kind=conv, kernel=1x3)", 1),
        ("count(residual, kind=conv, kernel=3|1x3)", 2),
        ("channels(residual/input)", 8),
        ("height(residual/pool)", 3),
        ("height(residual/pool, input=8x12x6)", 6),
        ("stride(residual/pool)", 2),
        ("inputs(residual/fc)", 8 * 3 * 3),
        ("input_channels(residual/block.wide)", 4),
        ("traffic(residual/pool)", 8 * 36 + 8 * 9),
        ("traffic(residual/stem, batch=2)", 2 * (8 * 36 + 8 * 36) + 8 * 8 * 9 + 8),
        ("largest_macs(residual)", 8 * 8 * 9 * 36),
        ("receptive_field(residual/block)", 3),
        ("position(residual/stem)", 0),
        ("outputs(googlenet, training=true)", 3),
        ("layout(residual/stem)", ((3, 8),)),
        ("layout(resnet18/conv3_x)", ((3, 128),) * 4),
        ("shape(residual/pool)", (3, 3, 8)),
        ("shape(residual/fc)", (1, 1, 10)),
        ("size(residual/input)", (6, 6)),
        ("window(residual/block.wide)", (1, 3)),
        ("window(residual/stem)", (3, 3)),
        ("params(residual/stem) - weights(residual/stem)", 8),
        ("11 * 11 * 3 * 96", 34_848),
        ("params(residual/stem) / 2 == weights(residual/stem)", False),
    ],
)
def test_quantities_by_hand(text: str, value: object) -> None:
    assert CALCULATOR.compute(text).value == value


def test_whole_numbers_stay_whole() -> None:
    value = CALCULATOR.compute("channels(residual/stem) / 2").value
    assert value == 4
    assert isinstance(value, int)


def test_the_evidence_is_every_quantity_that_was_used() -> None:
    result = CALCULATOR.compute("height(residual/stem) > height(residual/pool) and 1 < 2")
    assert result.value is True
    assert result.evidence == {"height(residual/stem)": 6, "height(residual/pool)": 3}


@pytest.mark.parametrize(
    "text",
    [
        "params(no_such_network)",
        "params(residual/no_such_layer)",
        "params(residual/ste)",  # the beginning of a name is no group
        "no_such_quantity(residual)",
        "params(residual).bit_length()",
        "__import__('os')",
        "shape(residual) + 1",
    ],
)
def test_what_means_nothing_is_an_error(text: str) -> None:
    with pytest.raises(CnncalcError):
        CALCULATOR.compute(text)
