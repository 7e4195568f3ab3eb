"""The documents' tables: each verdict as found by hand, and the figures by independent arithmetic."""

from math import prod

import pytest

from cnncalc.documents.check import check, check_all, check_table
from cnncalc.documents.checked import Checked, CheckedTable
from cnncalc.documents.figures import Verdict, parse_figure
from cnncalc.documents.model import DOCUMENTS, Alternative, Cell, Column, Row, Table, document_tables
from cnncalc.documents.quantities import Calculator
from cnncalc.errors import CnncalcError, RequestError


@pytest.fixture(scope="module")
def checked() -> dict[str, CheckedTable]:
    return {table.table.name: table for table in check_all()}


def cell(checked: dict[str, CheckedTable], name: str, cell_id: str) -> Checked:
    return next(cell for cell in checked[name].cells if cell.id == cell_id)


# Every cell that disagrees, as worked out by hand from the documents: with a cause, or without.
EXPLAINED = {
    "d2l-notes": {"batchnorm.shape", "batchnorm.batch-of-one"},
    "theory": {"vgg.fc-size", "vgg.halve-and-double"},
    "nin-analysis": {
        "memory.saved",
        "memory.channels",
        "compute.channels",
        "compute.bottleneck",
        "compute.last-3x3",
        "bandwidth.intensity",
        "effect.channels",
    },
    "alexnet-shapes": {
        "norm1.output.height",
        "norm1.output.width",
        "norm2.output.height",
        "norm2.output.width",
        "order.list",
    },
    "alexnet-layers": {"input.feature-maps", "6-fc.size", "8-fc.size", "relu", "linear"},
    "alexnet-params": {"total", "sum-of-rows"},
    "resnet": {"flops.wording"},
    "inception-block": {"flops.wording"},
    "alexnet-training": {"learning-rate"},
    "output-size": {"explicit.resnet-conv1"},
    "last-layers": {"last", "sizes"},
    "googlenet": {"convolution.params", "convolution.ops", "inception-3b.params", "inception-5a.ops", "ops.wording"},
    "googlenet-facts": {"no-linear"},
    "inception-family": {"v3.5x5", "v4.residual"},
    "cs231n": {"inception.reduced", "inception.wording", "alexnet.kernels", "alexnet.memory"},
}
UNEXPLAINED = {
    "alexnet-params": {"c3.parameters", "c5.parameters"},
    "googlenet": {f"inception-{block}.params" for block in ("4a", "4b", "4c", "4d", "4e", "5a", "5b")},
    "googlenet-facts": {"params"},
}


def test_what_differs_is_what_was_found_by_hand(checked: dict[str, CheckedTable]) -> None:
    for name, table in checked.items():
        assert {cell.id for cell in table.unexplained} == UNEXPLAINED.get(name, set())
        wrong = {cell.id for cell in table.cells if not cell.verdict.agrees}
        assert wrong == EXPLAINED.get(name, set()) | UNEXPLAINED.get(name, set())


def test_an_explanation_gives_what_is_printed(checked: dict[str, CheckedTable]) -> None:
    for table in checked.values():
        for one in table.cells:
            if one.alternative is not None:
                assert not one.verdict.agrees
                assert one.alternative.verdict.agrees


# Not a whole number printed as it is, and not rounded: found by hand.
@pytest.mark.parametrize(
    ("name", "cell_id", "computed", "verdict"),
    [
        ("resnet", "flops.34-layer", 3_663_761_408, Verdict.CUT_OFF),
        ("resnet", "flops.50-layer", 3_857_973_248, Verdict.CUT_OFF),
        ("inception-block", "inception.parameters", 163_328, Verdict.CUT_OFF),
        ("inception-block", "inception.flops", 163_328 * 784, Verdict.CUT_OFF),
        ("inception-block", "3x3-convolution.parameters", 9 * 192 * 256, Verdict.CUT_OFF),
        ("inception-block", "3x3-convolution.flops", 9 * 192 * 256 * 784, Verdict.CUT_OFF),
        ("inception-block", "5x5-convolution.parameters", 25 * 192 * 256, Verdict.CUT_OFF),
        ("inception-block", "5x5-convolution.flops", 25 * 192 * 256 * 784, Verdict.CUT_OFF),
        ("last-layers", "lenet-16x5x5x120.weights", 16 * 5 * 5 * 120, Verdict.EXACT),
        ("last-layers", "alexnet-256x5x5x4096.weights", 256 * 5 * 5 * 4096, Verdict.CUT_OFF),
        ("last-layers", "vgg-512x7x7x4096.weights", 512 * 7 * 7 * 4096, Verdict.CUT_OFF),
        ("alexnet-params", "about", 60_965_224, Verdict.ROUNDED),
        ("googlenet-facts", "alexnet", 60_965_224, Verdict.CUT_OFF),
        ("googlenet-facts", "params", 6_998_552, Verdict.DIFFERS),
        ("cs231n", "alexnet.conv1-params", 11 * 11 * 3 * 96, Verdict.ROUNDED),
        ("cs231n", "inception.naive", 784 * 256 * (128 + 9 * 192 + 25 * 96), Verdict.ROUNDED),
        (
            "cs231n",
            "inception.reduced",
            784 * (256 * (128 + 64 + 64 + 64) + 64 * (9 * 192 + 25 * 96)),
            Verdict.DIFFERS,
        ),
        ("theory", "alexnet-lenet", 60_965_224 / 60_000, Verdict.ROUNDED),
    ],
)
def test_verdicts_by_hand(
    checked: dict[str, CheckedTable], name: str, cell_id: str, computed: float, verdict: Verdict
) -> None:
    found = cell(checked, name, cell_id)
    assert found.computed == computed
    assert found.verdict is verdict


def test_alexnets_parameters_by_hand(checked: dict[str, CheckedTable]) -> None:
    rows = {
        "c1": 11 * 11 * 3 * 96 + 96,
        "c2": 5 * 5 * 96 * 256 + 256,
        "c3": 3 * 3 * 256 * 384 + 384,
        "c4": 3 * 3 * 384 * 384 + 384,
        "c5": 3 * 3 * 384 * 256 + 256,
        "fc6": 6 * 6 * 256 * 4096 + 4096,
        "fc7": 4096 * 4096 + 4096,
        "output": 4096 * 1000 + 1000,
    }
    for row, params in rows.items():
        assert cell(checked, "alexnet-params", f"{row}.parameters").computed == params
    total = cell(checked, "alexnet-params", "total")
    assert total.computed == sum(rows.values())
    halves = 5 * 5 * 48 * 256 + 3 * 3 * 192 * 384 + 3 * 3 * 192 * 256
    whole = 5 * 5 * 96 * 256 + 3 * 3 * 384 * 384 + 3 * 3 * 384 * 256
    assert total.alternative is not None
    assert total.alternative.computed == sum(rows.values()) - whole + halves - 1000 == 60_964_224


def printed(table: CheckedTable, row: str, column: str) -> list[int]:
    return [int(parse_figure(one.printed).value) for one in table.cells if (one.row, one.column) == (row, column)]


def test_googlenets_blocks_follow_from_the_printed_columns(checked: dict[str, CheckedTable]) -> None:
    """Params and ops of each Inception block from nothing but the other printed columns of the table."""
    table = checked["googlenet"]
    channels = 192
    for block in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        row = f"inception ({block})"
        height, width, out = printed(table, row, "output size")
        columns = ("#1x1", "#3x3 reduce", "#3x3", "#5x5 reduce", "#5x5", "pool proj")
        one, reduce3, three, reduce5, five, pool = (printed(table, row, column)[0] for column in columns)
        assert one + three + five + pool == out
        weights = channels * (one + reduce3 + reduce5 + pool) + 9 * reduce3 * three + 25 * reduce5 * five
        assert cell(checked, "googlenet", f"inception-{block}.params").computed == weights
        assert cell(checked, "googlenet", f"inception-{block}.ops").computed == weights * height * width
        channels = out


def test_googlenets_first_layer_is_separable(checked: dict[str, CheckedTable]) -> None:
    weights = 7 * 7 * 3 * 8 + 3 * 8 * 64
    for column, value in (("params", weights), ("ops", weights * 112 * 112)):
        found = cell(checked, "googlenet", f"convolution.{column}").alternative
        assert found is not None
        assert found.computed == value


def bottleneck_macs(blocks: list[int]) -> int:
    """A ResNet of bottlenecks, stride in the first 1x1, convolution by convolution."""
    macs, channels, size = 7 * 7 * 3 * 64 * 112 * 112, 64, 56
    for stage, repeat in enumerate(blocks):
        width = 64 * 2**stage
        size = 56 // 2**stage
        for _ in range(repeat):
            weights = channels * width + 9 * width * width + width * 4 * width
            if channels != 4 * width:
                weights += channels * 4 * width
            macs += weights * size * size
            channels = 4 * width
    return macs + channels * 1000


def basic_macs(blocks: list[int], projections: bool) -> int:
    """A ResNet of basic blocks."""
    macs, channels = 7 * 7 * 3 * 64 * 112 * 112, 64
    for stage, repeat in enumerate(blocks):
        width, size = 64 * 2**stage, 56 // 2**stage
        for _ in range(repeat):
            weights = 9 * channels * width + 9 * width * width
            if channels != width and projections:
                weights += channels * width
            macs += weights * size * size
            channels = width
    return macs + channels * 1000


def test_resnets_flops_by_hand(checked: dict[str, CheckedTable]) -> None:
    expected = {
        "18": basic_macs([2, 2, 2, 2], projections=True),
        "34": basic_macs([3, 4, 6, 3], projections=True),
        "50": bottleneck_macs([3, 4, 6, 3]),
        "101": bottleneck_macs([3, 4, 23, 3]),
        "152": bottleneck_macs([3, 8, 36, 3]),
    }
    for layers, macs in expected.items():
        assert cell(checked, "resnet", f"flops.{layers}-layer").computed == macs
    option_a = cell(checked, "resnet", "34-layer.option-a")
    assert option_a.computed == basic_macs([3, 4, 6, 3], projections=False)
    assert option_a.verdict is Verdict.ROUNDED


def test_a_row_is_judged_by_one_rule_or_said_to_have_none(checked: dict[str, CheckedTable]) -> None:
    """By hand: 3x3 of the Inception block is 346.8 million printed as 346, so its whole column is cut off; ResNet's
    3.66 and 3.86 are printed as 3.6 and 3.8, but its 7.57 and 11.28 as 7.6 and 11.3."""
    (note,) = checked["resnet"].notes
    assert "cut off: 3.6x10^9" in note
    assert "rounded: 7.6x10^9" in note
    block = checked["inception-block"]
    assert not block.notes
    assert {one.verdict for one in block.cells if one.column} == {Verdict.CUT_OFF}


def test_googlenets_5a_with_48_channels(checked: dict[str, CheckedTable]) -> None:
    found = cell(checked, "googlenet", "inception-5a.ops").alternative
    assert found is not None
    assert found.computed == 49 * (832 * (256 + 160 + 48 + 128) + 9 * 160 * 320 + 25 * 48 * 128)


def test_nins_convolutions_by_hand(checked: dict[str, CheckedTable]) -> None:
    """The multiply-accumulates of Dive into Deep Learning's NiN, which decide where its bottleneck is."""
    sizes = {1: 54, 2: 26, 3: 12, 4: 5}
    shapes = {1: (11, 1, 96), 2: (5, 96, 256), 3: (3, 256, 384), 4: (3, 384, 10)}
    calculator = Calculator()
    largest = 0
    for block, (kernel, channels, out) in shapes.items():
        macs = [kernel * kernel * channels * out, out * out, out * out]
        for number, weights in enumerate(macs, 1):
            value = weights * sizes[block] ** 2
            assert calculator.compute(f"macs(nin_d2l/block{block}.conv{number})").value == value
            largest = max(largest, value)
    assert largest == 25 * 96 * 256 * 26 * 26
    assert f"largest_macs(nin_d2l) = {largest:,}" in cell(checked, "nin-analysis", "compute.bottleneck").evidence


def test_intensities_by_hand(checked: dict[str, CheckedTable]) -> None:
    pixels, channels = 28 * 28, 256
    for kernel in (1, 3):
        weights = kernel * kernel * channels * channels
        traffic = 2 * channels * pixels + weights + channels
        evidence = cell(checked, "nin-analysis", "bandwidth.intensity").evidence
        assert f"macs(conv{kernel}x{kernel}_256) = {weights * pixels:,}" in evidence
        assert f"traffic(conv{kernel}x{kernel}_256) = {traffic:,}" in evidence


def test_no_table_is_empty_and_every_document_has_one() -> None:
    assert {table.document for table in document_tables()} == set(DOCUMENTS)
    for table in check_all():
        assert table.cells
        assert all(one.claim and one.printed and one.id for one in table.cells)


def test_shapes_are_one_cell_a_number(checked: dict[str, CheckedTable]) -> None:
    parts = [one for one in checked["alexnet-shapes"].cells if one.cell == "conv1.output"]
    assert [one.id for one in parts] == ["conv1.output.height", "conv1.output.width", "conv1.output.channels"]
    assert prod(int(one.computed) for one in parts) == 55 * 55 * 96


def test_an_unknown_table_names_the_nearest() -> None:
    with pytest.raises(RequestError, match="googlenet"):
        check("googlenett")


def small_table(rows: list[Row], *cells: Cell) -> Table:
    columns = (
        Column(column="weights", compute="weights(alexnet/{row})"),
        Column(column="size", compute="shape(alexnet/{row})"),
    )
    return Table(name="small", document="000", title="", place="here", columns=columns, rows=tuple(rows), cells=cells)


def test_wrong_figures_are_found() -> None:
    """Every figure is one off, and no alternative helps."""
    row = Row(row="CONV1", of="conv1", cells=["34,849", "55x54x96"])
    statement = Cell(id="statement", claim="", printed="", compute="params(alexnet) > params(vgg16)")
    offered = (Alternative("with biases", "params(alexnet/conv1)"), Alternative("doubled", "2 * 34848"))
    figure = Cell(id="figure", claim="", printed="69,696", compute="weights(alexnet/conv1)", alternatives=offered)
    cells = {cell.id: cell for cell in check_table(small_table([row], statement, figure)).cells}
    assert cells["conv1.weights"].verdict is Verdict.DIFFERS
    assert [cells[f"conv1.size.{part}"].verdict.agrees for part in ("height", "width", "channels")] == [
        True,
        False,
        True,
    ]
    assert cells["statement"].verdict is Verdict.DOES_NOT_HOLD
    assert cells["statement"].unexplained
    assert cells["figure"].alternative is not None
    assert cells["figure"].alternative.what == "doubled"


@pytest.mark.parametrize(
    "table",
    [
        small_table([Row(row="CONV1", of="conv1", cells=["34,848"])]),
        small_table([Row(row="CONV1", of="conv1", cells=["34,848", None])] * 2),
        small_table([], Cell(id="empty", printed="1")),
        small_table([], Cell(id="unknown", printed="1", compute="params(alexnet/conv9)")),
        small_table([], Cell(id="unreadable", printed="one", compute="params(alexnet)")),
    ],
)
def test_wrong_data_is_an_error(table: Table) -> None:
    with pytest.raises(CnncalcError):
        check_table(table)
