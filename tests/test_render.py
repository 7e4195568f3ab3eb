"""Tables in every format: what is escaped, aligned, wrapped, left out."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnncalc.render import FORMATS, write
from cnncalc.render.json import write_json
from cnncalc.render.table import Column, Part, Table

COLUMNS = [Column("Layer"), Column("Output"), Column("Parameters", "params"), Column("%", "percent", format=".1f")]
TABLE = Table(
    "A_network: 50% & more",
    COLUMNS,
    [["conv_1|a", (96, 55, 55), 34944, 12.34], ["x*y", None, 0, None]],
    ["Total", None, 60964224, 100.0],
    ["A note with <tags> and # and ~."],
)


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def render(form: str, *parts: Part, file: io.StringIO | None = None) -> str:
    file = file or io.StringIO()
    if form == "json":  # its documents are records, not tables
        write_json({"tables": [part.records() for part in parts if isinstance(part, Table)]}, file)
    else:
        write(parts, form, file)
    return file.getvalue()


def test_table_is_aligned_and_grouped_by_thousands() -> None:
    assert render("table", TABLE) == (
        "A_network: 50% & more\n"
        "\n"
        "Layer     Output    Parameters      %\n"
        "-------------------------------------\n"
        "conv_1|a  96x55x55      34,944   12.3\n"
        "x*y                          0\n"
        "-------------------------------------\n"
        "Total               60,964,224  100.0\n"
        "\n"
        "A note with <tags> and # and ~.\n"
    )


def test_csv_is_raw() -> None:
    rows = list(csv.reader(io.StringIO(render("csv", TABLE))))
    assert rows == [
        ["layer", "output", "params", "percent"],
        ["conv_1|a", "96x55x55", "34944", "12.34"],
        ["x*y", "", "0", ""],
    ]


def test_json_is_raw() -> None:
    found = json.loads(render("json", "text", TABLE))
    assert found["tables"][0][0] == {
        "layer": "conv_1|a",
        "output": [96, 55, 55],
        "params": 34944,
        "percent": 12.34,
    }


def test_markdown_escapes_and_aligns() -> None:
    assert render("markdown", TABLE).splitlines() == [
        r"**A\_network: 50% & more**",
        "",
        "| Layer      | Output   |     Parameters |         % |",
        "| ---------- | -------- | -------------: | --------: |",
        r"| conv\_1\|a | 96x55x55 |         34,944 |      12.3 |",
        r"| x\*y       |          |              0 |           |",
        "| **Total**  |          | **60,964,224** | **100.0** |",
        "",
        r"A note with \<tags> and # and ~.",
    ]


def test_latex_escapes() -> None:
    text = render("latex", TABLE)
    assert r"\caption{A\_network: 50\% \& more}" in text
    assert r"\begin{tabular}{llrr}" in text
    assert r"Total &  & 60,964,224 & 100.0 \\" in text
    assert r"and \# and \textasciitilde{}." in text


def test_latex_says_what_it_needs() -> None:
    def header(text: str) -> list[str]:
        table = Table("", [Column("Claim")], [[text]])
        return [line for line in render("latex", table).splitlines() if line.startswith("%")]

    assert len(header("3 ≠ 4, 1 ≈ 1, naïve")) == 1
    assert "XeLaTeX" in header("卷积层")[1]


def test_markdown_keeps_lines_apart() -> None:
    assert render("markdown", "one\ntwo") == "one\n\ntwo\n"


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no LaTeX here")
def test_latex_compiles(tmp_path: Path) -> None:
    file = tmp_path / "table.tex"
    body = render("latex", TABLE)
    file.write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n" + body + "\\end{document}", "utf-8"
    )
    subprocess.run(["pdflatex", "-interaction=batchmode", file.name], cwd=tmp_path, check=True, capture_output=True)


def test_a_terminal_gets_styles_but_not_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\033[1m" in render("table", TABLE, file=Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\033" not in render("table", TABLE, file=Terminal())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert "\033" not in render("table", TABLE, file=Terminal())


def test_styles_do_not_move_columns() -> None:
    styled = render("table", TABLE, file=Terminal())
    plain = re.sub(r"\033\[\d*m", "", styled).replace("\N{BOX DRAWINGS LIGHT HORIZONTAL}", "-")
    lines = [line.rstrip() for line in plain.splitlines()]
    assert [line for line in lines if line.strip() != "61.0 M"] == render("table", TABLE).splitlines()


def test_pipes_are_as_wide_as_the_table() -> None:
    wide = Table("", [Column("Text")], [["word " * 60 + "end"]])
    assert "word end\n" in render("table", wide)


def test_optional_columns_go_first_and_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = [Column("A"), Column("B", optional=True), Column("C", optional=True)]
    table = Table("", columns, [["a" * 20, "b" * 20, "c" * 20]])
    monkeypatch.setenv("COLUMNS", "50")
    text = render("table", table, table)
    assert "b" * 20 in text
    assert "c" * 20 not in text
    assert text.count("Not shown in 50 columns: C.") == 1
    monkeypatch.setenv("COLUMNS", "30")
    assert render("table", table).endswith("Not shown in 30 columns: B, C.\n")


def test_words_are_wrapped_and_numbers_never(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table("", [Column("Words"), Column("Number")], [["several words in a cell " * 3, 10**15]])
    monkeypatch.setenv("COLUMNS", "40")
    text = render("table", table)
    assert max(map(len, text.splitlines())) <= 40
    assert "1,000,000,000,000,000" in text
    monkeypatch.setenv("COLUMNS", "20")
    assert "1,000,000,000,000,000" in render("table", table)


def test_cells_of_several_lines_and_wide_characters() -> None:
    table = Table("", [Column("Name"), Column("Size")], [["first\nsecond", (1, 2)], ["\u5377\u7a4d", (3,)]])
    assert render("table", table).splitlines()[2:] == ["first   1x2", "second", "\u5377\u7a4d    3"]


@pytest.mark.parametrize("form", FORMATS)
def test_tables_without_rows_or_columns(form: str) -> None:
    render(form, Table("", [], []), Table("Title", [Column("A")], []), "text")
    render(form)


CELLS = st.one_of(
    st.none(), st.text(max_size=30), st.integers(), st.floats(allow_nan=False), st.lists(st.integers(0, 9)).map(tuple)
)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=4), st.integers(1, 60))
def test_any_cells_can_be_printed(rows: list[tuple[object, object]], width: int) -> None:
    table = Table("T", [Column("A"), Column("B", optional=True)], rows)  # type: ignore[arg-type]
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(width)
    try:
        for form in FORMATS:
            assert render(form, table) is not None
    finally:
        os.environ.pop("COLUMNS")
        if before:
            os.environ["COLUMNS"] = before


def test_markdown_has_a_line_for_each_row() -> None:
    table = Table("", [Column("A")], [["two\nlines"]])
    assert len(render("markdown", table).splitlines()) == 3


def test_a_spec_cannot_drive_the_terminal() -> None:
    table = Table("\033[2Jtitle", [Column("A")], [["\033]0;cell\007"]], notes=["\033[31mnote", "tab\there"])
    for text in (render("table", table), render("markdown", table), render("latex", table)):
        assert "\033[" not in text.replace("title", "")
        assert "\007" not in text


def test_text_keeps_its_lines_and_long_ones_are_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    assert render("table", "  a   b\n\n" + "word " * 10).splitlines() == [
        "  a   b",
        "",
        *["word " * 5 + "word"],
        "word word word word",
    ]


def test_a_table_that_cannot_fit_is_not_squeezed(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table("", [Column("Kind"), Column("Number")], [["convolutions", 10**30]])
    monkeypatch.setenv("COLUMNS", "40")
    assert render("table", table).splitlines()[2].startswith("convolutions  1,000,")
