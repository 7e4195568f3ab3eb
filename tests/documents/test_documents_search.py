"""The search for causes: it finds how made tables were made, and takes no typing error for a way of counting."""

import random
import sys
from pathlib import Path

import pytest

from cnncalc.documents.causes import one_slip
from cnncalc.documents.check import check_table
from cnncalc.documents.checked import CheckedTable
from cnncalc.documents.csv_table import Request, table_from_csv
from cnncalc.documents.model import Cell, Column, Row, Table, document_tables
from cnncalc.documents.ways import BASES, Counting, Family, axes, ways

sys.path.insert(0, str(Path(__file__).parent))
import made_tables


def test_made_tables_are_found_out() -> None:
    """Some of those of `python tests/documents/made_tables.py 100`, of which 95 at least must be found."""
    outcomes = [made_tables.judge(made_tables.make(seed)) for seed in range(20)]
    assert not any(outcome.explained_away for outcome in outcomes)
    assert sum(outcome.found for outcome in outcomes) >= 19, [outcome.report for outcome in outcomes]


def table(quantity: str, figures: dict[str, str]) -> CheckedTable:
    rows = tuple(Row(row=name, of=name, cells=[figure]) for name, figure in figures.items())
    return check_table(
        Table(name="t", title="t", columns=(Column(column="c", compute=f"{quantity}({{row}})"),), rows=rows)
    )


def test_resnet50s_411_g_is_fvcores_count() -> None:
    (cell,) = table("flops", {"resnet50_torchvision": "4.11 G"}).cells
    assert cell.alternative is not None
    assert cell.alternative.computed == 4_111_512_576
    assert cell.alternative.what.startswith("fvcore's count")
    assert cell.alternative.tried > 10
    assert 0 < cell.alternative.chance < 0.05


def test_a_figure_of_two_digits_is_no_answer() -> None:
    """4.1 G is met by many ways: that is said, and the figure stays unexplained."""
    (cell,) = table("flops", {"resnet50_torchvision": "4.1 G"}).cells
    assert cell.unexplained
    assert cell.possible is not None
    assert cell.possible.chance > 0.05


def test_random_figures_are_met_as_rarely_as_is_said() -> None:
    """The chance that is given, against random figures: of those from half to twice as many with three digits, the
    part that single ways give may not be more than three times what the search says at most."""
    rng = random.Random(7)
    met = said = 0.0
    for _ in range(60):
        number = rng.randrange(205, 822)
        (cell,) = table("flops", {"resnet18_torchvision": f"{number * 8_886_000 / 1e9:.2f} G"}).cells
        if cell.alternative is not None:
            met += 1
            said = max(said, cell.alternative.chance)
    assert met / 60 <= 3 * 0.05


def test_a_column_is_explained_and_its_slip_is_not() -> None:
    """AlexNet's parameters without biases, by hand; two digits of conv4 exchanged."""
    text = "Layer,Params\nconv1,34848\nconv2,614400\nconv3,884736\nconv4,1321704\nconv5,884736\nfc6,37748736\n"
    checked = check_table(table_from_csv(text, "t", Request("alexnet_one_gpu")))
    by_row = {cell.row: cell for cell in checked.cells}
    slip = by_row.pop("conv4")
    assert slip.unexplained
    assert slip.near == "" or slip.near == "1327104"
    for cell in by_row.values():
        assert cell.alternative is not None
        assert "without the biases" in cell.alternative.what
    (note,) = checked.notes
    assert "5 of 6 figures" in note


def test_a_slip_is_named() -> None:
    text = "Layer,Params\nconv1,34848\nconv2,614400\nconv3,884736\nconv4,1327014\nconv5,884736\nfc6,37748736\n"
    checked = check_table(table_from_csv(text, "t", Request("alexnet_one_gpu")))
    slip = next(cell for cell in checked.cells if cell.row == "conv4")
    assert slip.near == "1327104"
    assert slip.unexplained


def test_another_input_size_is_found_in_shapes() -> None:
    """SqueezeNet's conv1 gives 111 on 227 pixels: (227 - 7) // 2 + 1."""
    text = "Layer,Output size\nconv1,111x111x96\nmaxpool1,55x55x96\nfire2,55x55x128\n"
    checked = check_table(table_from_csv(text, "t", Request("squeezenet1_0")))
    assert "227x227" in checked.notes[0]


def test_the_documents_say_themselves_all_that_the_search_would_find() -> None:
    """`cnncalc tables` leaves the search out for the documents; it may not matter."""
    for each in document_tables():
        plain, searched = check_table(each, search=False), check_table(each)
        assert [cell.verdict for cell in plain.cells] == [cell.verdict for cell in searched.cells]
        assert [cell.alternative for cell in plain.cells] == [cell.alternative for cell in searched.cells], each.name


def test_the_list_of_ways_is_sound() -> None:
    """Each axis is one of a counting, each base is on the list, and no way is its own base."""
    for family, base in BASES.values():
        for axis in axes(family):
            assert axis in Counting._fields
        assert all(base._asdict()[way.axis] != way.value for way in ways(family, base))
    assert {family for family, _ in BASES.values()} == set(Family)


@pytest.mark.parametrize(
    ("printed", "meant", "is_slip"),
    [("1234", "1234", False), ("1243", "1234", True), ("124", "1234", True), ("12234", "1234", True),
     ("9234", "1234", True), ("4321", "1234", False), ("12", "1234", False)],
)  # fmt: skip
def test_slips(printed: str, meant: str, is_slip: bool) -> None:
    assert one_slip(printed, meant) is is_slip


def test_a_way_that_needs_an_unknown_network_is_no_error() -> None:
    """A network of another form (flat input) is searched without sizes."""
    cell = Cell(id="a", claim="a", printed="99,999", compute="params(mlp)")
    assert check_table(Table(name="t", title="t", cells=(cell,))).cells[0].unexplained
