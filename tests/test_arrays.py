"""Many variants at once: NumPy arrays of sizes and options through shapes and costs equal plain numbers one by one."""

from __future__ import annotations

from typing import Any

import pytest

from cnncalc import OpError, ops
from cnncalc.formula import Formula, Switch
from cnncalc.ops import KINDS, Op
from cnncalc.ops.base import Shape
from tests.examples_of_kinds import SHAPES, example, inputs_of

np = pytest.importorskip("numpy")

COUNT = 6
# What is varied beside the input: options that are sizes, by kind.
VARIED: dict[str, dict[str, list[int]]] = {
    "conv": {"out_channels": [8, 16, 24, 32, 40, 48]},
    "conv_transpose": {"out_channels": [8, 16, 24, 32, 40, 48]},
    "separable": {"out_channels": [8, 16, 24, 32, 40, 48]},
    "linear": {"out_features": [1, 10, 100, 1000, 21841, 7]},
}


def costs(op: Op, shapes: tuple[Shape, ...]) -> tuple[Shape, dict[str, Any]]:
    """The output shape of an op and all its counts."""
    output = op.output_shape(*shapes)
    values = {**op.symbols(shapes, output), "training": Switch(1)}
    return output, {name: formula(**values) for name, formula in op.formulas().items() if formula is not None}


def variants(shape: Shape) -> list[Shape]:
    """Other inputs of as many dimensions: channels that two divides, and sizes of all remainders."""
    return [(shape[0] + 4 * n, *(size + n * (axis + 1) for axis, size in enumerate(shape[1:]))) for n in range(COUNT)]


def at(value: Any, number: int) -> int:
    """A variant's number, of an array or of what is the same for all."""
    return int(value[number]) if isinstance(value, np.ndarray) else int(value)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_arrays_are_numbers_one_by_one(kind: type[Op], shape: Shape) -> None:
    base = example(kind)
    several = variants(shape)
    try:
        for one in several:
            base.output_shape(*inputs_of(base, one))
    except OpError:
        pytest.skip("does not fit")
    stacked = tuple(np.array([one[axis] for one in several]) for axis in range(len(shape)))
    varied = VARIED.get(kind.kind, {})
    options = base.named()
    op = kind(**{**options, **{name: np.array(values) for name, values in varied.items()}})
    output, found = costs(op, inputs_of(op, stacked))
    assert len(op.windows(*inputs_of(op, stacked))) == len(inputs_of(op, stacked))
    for number, one in enumerate(several):
        single = kind(**{**options, **{name: values[number] for name, values in varied.items()}})
        expected_output, expected = costs(single, inputs_of(single, one))
        assert tuple(at(size, number) for size in output) == expected_output
        assert {name: at(count, number) for name, count in found.items()} == expected
        assert all(type(count) is int for count in expected.values())


def test_convolutions_with_other_options() -> None:
    """Strides, padding words, groups, rounding up."""
    sizes = [29, 30, 31, 32, 33, 64]
    stacked = (8, np.array(sizes), np.array(sizes[::-1]))
    for op in (
        ops.Conv(16, kernel=3, stride=2, padding="same", groups=4),
        ops.Conv(16, kernel=(3, 5), stride=(2, 3), padding="valid", bias=False),
        ops.Conv(16, kernel=3, dilation=2, padding=[[0, 1], [2, 0]]),  # type: ignore[arg-type]
        ops.MaxPool(3, stride=2, ceil=True),
        ops.AvgPool(2, padding="same"),
        ops.AdaptiveAvgPool(7),
        ops.ConvTranspose(4, kernel=4, stride=2, padding=1),
        ops.Upsample(2),
        ops.Upsample(size=11),
    ):
        output, found = costs(op, (stacked,))
        for number, (height, width) in enumerate(zip(sizes, sizes[::-1], strict=True)):
            expected_output, expected = costs(op, ((8, height, width),))
            assert tuple(at(size, number) for size in output) == expected_output, op
            assert {name: at(count, number) for name, count in found.items()} == expected, op


def test_one_variant_that_does_not_fit_is_refused() -> None:
    with pytest.raises(OpError, match="larger than its input"):
        ops.Conv(4, kernel=3).output_shape((3, np.array([8, 2, 8]), 8))
    with pytest.raises(OpError, match="unfit value"):
        ops.Conv(np.array([4, 0, 4]), kernel=3)
    with pytest.raises(OpError, match="groups must divide"):
        ops.Conv(np.array([4, 5]), kernel=1, groups=2).output_shape((4, 8, 8))


@pytest.mark.parametrize("kind", [ops.Conv, ops.Linear])
def test_counts_beyond_64_bits_are_refused(kind: Any) -> None:
    """They would wrap round unnoticed."""
    wide = np.array([2**33, 10])
    if kind is ops.Linear:
        op, shape = kind(wide), (2**33,)
    else:
        op, shape = kind(wide, kernel=1), (2**33, 4, 4)
    with pytest.raises(OverflowError, match="64 bits"):
        costs(op, (shape,))
    if kind is ops.Conv:
        with pytest.raises(OverflowError, match="a product is beyond 64 bits"):  # the elements of a shape
            costs(ops.ReLU(), ((2**33, wide, 2**33),))
        with pytest.raises(OverflowError, match="32 bits"):  # a product of an int and an int32 is an int32
            costs(ops.Conv(np.array([2**20, 1], "int32"), kernel=1), ((2**20, 4, 4),))
    small = costs(op if kind is ops.Linear else kind(wide, kernel=1), ((2, *shape[1:]),))[1]
    assert small["mac"][0] == 2 * 2**33 * (1 if kind is ops.Linear else 16)


def test_what_is_beyond_the_bits_of_an_array() -> None:
    with pytest.raises(OverflowError, match="64 bits"):
        Formula(lambda a: a * a)(a=np.array([2**32, 3]))
    with pytest.raises(OverflowError, match="64 bits"):
        Formula(lambda a: a + a)(a=np.array([2**62 + 1, 1]))
    with pytest.raises(OverflowError, match="8 bits"):
        Formula(lambda a: a - 4)(a=np.array([3, 5], "uint8"))
    difference = Formula(lambda a, b: a * a - b * b)  # what is too large on the way does no harm
    assert difference(a=np.array([2**32, 3]), b=np.array([2**32 - 1, 3])).tolist() == [2**33 - 1, 0]


def test_plain_numbers_have_no_bound() -> None:
    op = ops.Linear(10**9)
    assert costs(op, ((10**18,),))[1]["mac"] == 10**27
