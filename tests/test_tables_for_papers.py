"""Columns, units, captions: tables as papers want them."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnncalc.costs.amount import AtLeast
from cnncalc.render import FORMATS, write
from cnncalc.render.prefixes import PREFIXES, readable, scaled
from cnncalc.render.table import Column, Table
from tests.test_cli import run


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


COMPARE = ["compare", "resnet18", "vgg16", "densenet121", "--columns", "title,params,macs,top1", "--units", "M,G"]


def number(text: str) -> float:
    """What a readable amount says."""
    amount, _, prefix = text.partition(" ")
    return float(amount.replace(",", "")) * (10 ** PREFIXES[prefix] if prefix else 1)


@given(st.integers(0, 10**21))
def test_a_readable_amount_is_within_half_a_digit(amount: int) -> None:
    text = readable(amount)
    assert len(re.sub(r"\D", "", text)) <= 3 or amount > 10**20
    assert abs(number(text) - amount) <= 0.00501 * amount


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0"), (999, "999"), (1000, "1.00 k"), (999_499, "999 k"), (999_500, "1.00 M"), (61_100_840, "61.1 M")],
)
def test_the_prefix_is_chosen_after_rounding(amount: int, text: str) -> None:
    assert readable(amount) == text


def test_what_is_more_than_nothing_is_not_shown_as_nothing() -> None:
    assert scaled(1, "G") == "<0.01"
    assert scaled(0, "G") == "0.00"


def test_a_total_known_in_part_says_so() -> None:
    assert readable(AtLeast(25_557_032)) == "at least 25.6 M"
    assert scaled(AtLeast(25_557_032), "M") == "at least 25.56"


def test_a_unit_for_each_column_of_amounts() -> None:
    text = run(*COMPARE).stdout
    assert re.search(r"^ResNet-18 +11\.69 +1\.81 ", text, re.MULTILINE)
    assert re.search(r"^VGG-16 .* 138\.36 +15\.47 +71\.59$", text, re.MULTILINE)
    assert "Parameters (M)" in text
    assert "MACs (G)" in text
    assert "Accuracy of VGG-16" in text  # the source of the top-1


def test_what_is_published_does_not_hold_under_other_conditions() -> None:
    rows = run("compare", "vgg16", "--input", "160", "--columns", "name,top1", "--format", "csv").stdout
    assert list(csv.reader(io.StringIO(rows)))[1] == ["vgg16", ""]


def test_any_column_of_layers_in_any_table_of_layers() -> None:
    for command in ("params", "flops", "shapes", "memory", "rf"):
        text = run(command, "lenet5", "--columns", "layer,macs,saved", "--format", "csv").stdout
        rows = list(csv.reader(io.StringIO(text)))
        assert rows[0] == ["layer", "macs", "saved"]
        assert rows[1] == ["C1", "117600", "4096"]


def test_columns_of_groups_add_up_to_the_total() -> None:
    text = run("params", "resnet18", "--columns", "layer,params,macs,flops_percent").stdout
    assert re.search(r"^Total +11,689,512 +1,814,073,344 +100\.00$", text, re.MULTILINE)


def test_of_several_tables_those_with_the_columns_are_shown() -> None:
    text = run("memory", "lenet5", "--columns", "in_memory,bytes").stdout
    assert "Stored" not in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("params lenet5 --columns quux", "the columns are layer"),
        ("compare lenet5 --columns parms", "did you mean 'params'?"),
        ("bottleneck lenet5 --columns layer,mots", "did you mean 'most'?"),
        ("params lenet5 --units Q", "the units are auto"),
        ("params lenet5 --units M,G,k", "3 units for"),
        ("params lenet5 --units M --format csv", "leave --units out"),
        ("params lenet5 --columns layer --format json", "leave --columns out"),
        ("params lenet5 --label x", "add --format latex"),
    ],
)
def test_wrong_choices(words: str, message: str) -> None:
    result = run(*words.split(), status=2)
    assert message in result.stderr
    assert result.stdout == ""


def test_list_picks_networks_by_name_in_their_order() -> None:
    text = run("list", "vgg16", "nin", "alexnet", "--columns", "name", "--format", "csv").stdout
    assert text.split() == ["name", "vgg16", "nin", "alexnet"]


def test_the_caption_and_the_label() -> None:
    text = run(*COMPARE, "--format", "latex", "--caption", "Costs of 3_networks", "--label", "tab:costs").stdout
    assert r"\caption{Costs of 3\_networks}\label{tab:costs}" in text
    assert run("params", "lenet5", "--caption", "Mine").stdout.startswith("Mine\n")


def test_siunitx_aligns_numbers_and_braces_the_rest() -> None:
    table = Table("", [Column("A"), Column("B", unit="M")], [["x", 25_557_032], ["y", AtLeast(3)], ["z", None]])
    file = io.StringIO()
    write([table], "siunitx", file)
    assert r"\begin{tabular}{lS[table-format=2.2]}" in file.getvalue()
    assert r"x & 25.56 \\" in file.getvalue()
    assert r"y & {at least \textless{}0.01} \\" in file.getvalue()


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no LaTeX here")
@pytest.mark.parametrize("form", ["latex", "siunitx"])
@pytest.mark.parametrize(
    "words",
    [
        " ".join([*COMPARE, "--label", "tab:costs"]),
        "params resnet18 --units auto",
        "rf alexnet",
        "memory lenet5",
        "tables --all",
    ],
)
def test_tables_compile_with_plain_latex(words: str, form: str, tmp_path: Path) -> None:
    body = run(*words.split(), "--format", form).stdout
    if "needs XeLaTeX" in body:
        pytest.skip("it says that it needs another LaTeX")
    if form == "siunitx" and not subprocess.run(["kpsewhich", "siunitx.sty"], capture_output=True).stdout:
        pytest.skip("no siunitx here")
    packages = "booktabs,siunitx" if form == "siunitx" else "booktabs"
    head = f"\\documentclass{{article}}\\usepackage{{{packages}}}\\extrafloats{{100}}\\begin{{document}}\n"
    body = body.replace("\\end{table}", "\\end{table}\\clearpage")
    (tmp_path / "table.tex").write_text(f"{head}{body}\\end{{document}}", "utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"], cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-800:]


def test_a_terminal_has_readable_totals_beside_the_exact_ones() -> None:
    columns = [Column("Layer"), Column("MACs"), Column("%", format=".1f")]
    table = Table("", columns, [["a", 5, 1.0]], ["Total", 25_557_032, 9.0])
    file = Terminal()
    write([table], "table", file)
    plain = [re.sub(r"\033\[\d*m", "", line).strip() for line in file.getvalue().splitlines()]
    assert plain[-2:] == ["Total  25,557,032  9.0", "25.6 M"]
    pipe = io.StringIO()
    write([table], "table", pipe)
    assert "25.6" not in pipe.getvalue()


@pytest.mark.parametrize("form", [form for form in FORMATS if form not in ("json", "csv")])
def test_units_are_shown_in_every_form_for_people(form: str) -> None:
    assert "15.47" in run(*COMPARE, "--format", form).stdout


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("network", ["lenet5", "resnet50", "googlenet", "hrnet_w18", "unet"])
@pytest.mark.parametrize(
    "command",
    [
        *(
            "params",
            "flops",
            "flops --operations",
            "flops --device h100",
            "flops --as fvcore",
            "shapes",
            "memory",
            "rf",
        ),
        *("compare", "explain", "bottleneck", "reconcile", "compare alexnet --units auto"),
        "params --columns layer,kind,options,reads,output,params,macs,flops,stored,read,written,alive,saved,field",
    ],
)
def test_no_line_is_wider_than_a_terminal_of_60_columns(command: str, network: str, columns: int) -> None:
    first, *rest = command.split()
    text = run(first, network, *rest, columns=columns).stdout
    assert max(map(len, text.splitlines())) <= columns
