"""What people and programs get: whole names, no formula, no markup, nothing that steers a terminal."""

import csv
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from whalefall_pipeline.cli.answers import print_unseen
from whalefall_pipeline.cli.known import print_gaps
from whalefall_pipeline.cli.rows import Format, neutralise, show_rows
from whalefall_pipeline.cli.tables import lay_out, to_lines
from whalefall_pipeline.core.model import Seen, Unseen
from whalefall_pipeline.core.text import FORMULA, is_visible

HOSTILE = ["[/red]", "[red]x", "\x1b[2J\x1b]0;title\x07", "a\u202eb", "=1+1", "a|b", "<b>", "`x`", "üñ王", "a  b", ""]


FORMULAS = [
    *("=1", "+1", "-1", "@x", "=HYPERLINK(1)", "\t=1", "\r=1", "\n=1", " =1", "\tx", "\rx", " \t -1", "\x0b=1"),
    *("\u00a0=1", "\ufeff=1", "\u200b=1", "\u2060@x", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20x"),
]


def show(capsys: pytest.CaptureFixture[str], names: list[str], form: Format, *, raw: bool = False) -> str:
    show_rows([{"name": name, "port": 1} for name in names], ("name", "port"), form, raw=raw)
    return capsys.readouterr().out


@pytest.mark.parametrize("cell", FORMULAS)
def test_a_formula_is_text(cell: str) -> None:
    safe = neutralise(cell)
    assert safe.startswith("'")
    assert safe.replace("'", "") == cell


@pytest.mark.parametrize("cell", ["", "a", "a=1", "a-b", "'=1", '{"a": 1}', "10.%", "root@localhost", "a b"])
def test_what_is_no_formula_stays(cell: str) -> None:
    assert neutralise(cell) == cell


@pytest.mark.parametrize(
    ("cell", "safe"), [("a;=1", "a;'=1"), ("a\n=1", "a\n'=1"), ("a\t-1", "a\t'-1"), ("a; =1", "a;' =1")]
)
def test_nor_does_one_begin_where_another_locale_splits(cell: str, safe: str) -> None:
    assert neutralise(cell) == safe


@given(st.text())
def test_no_cell_begins_a_formula(cell: str) -> None:
    assert not FORMULA.search(neutralise(cell))


@pytest.mark.parametrize("raw", [True, False])
def test_csv_holds_every_name(capsys: pytest.CaptureFixture[str], raw: bool) -> None:
    rows = list(csv.reader(io.StringIO(show(capsys, HOSTILE, Format.CSV, raw=raw), newline="")))
    assert [row[0] for row in rows[1:]] == [name if raw else neutralise(name) for name in HOSTILE]


def test_json_holds_every_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert [row["name"] for row in json.loads(show(capsys, HOSTILE, Format.JSON))] == HOSTILE


@pytest.mark.parametrize("form", [Format.TABLE, Format.MD])
def test_nothing_steers_a_terminal(capsys: pytest.CaptureFixture[str], form: Format) -> None:
    lines = show(capsys, HOSTILE, form).splitlines()
    assert len(lines) == len(HOSTILE) + (2 if form is Format.MD else 1)
    assert all(map(is_visible, lines))
    if form is Format.TABLE:
        assert [line.split()[0] for line in lines[1:3]] == HOSTILE[:2]
    else:
        assert all(line.replace("\\|", "").count("|") == 3 for line in lines)


def drop_cells(line: str, count: int) -> str:
    """Return what stands behind so many cells of a line; a character may take two."""
    return line[next((end for end in range(len(line)) if cell_len(line[:end]) >= count), len(line)) :]


NAMES = st.text(st.characters(categories=("L", "N", "P", "S")), max_size=60)


@given(st.lists(st.tuples(NAMES, NAMES, st.text("ab ", max_size=200)), min_size=1, max_size=5), st.integers(40, 200))
def test_a_name_is_whole_in_any_width(rows: list[tuple[str, str, str]], width: int) -> None:
    layout = lay_out(("one", "two", "text"), rows, frozenset({2}), width)
    for row in rows:
        lines = to_lines(row, layout)
        for column in layout.shown:
            assert row[column] in lines[0] or column == 2
        if len(layout.shown) == 3:
            assert " ".join(row[2].split()) in " ".join(
                " ".join(drop_cells(line, layout.widths[0] + 2) for line in lines).split()
            )
    fits = len(layout.shown) > 1 or max(cell_len(row[0]) for row in rows) <= width
    if fits and 2 not in layout.shown:
        assert all(cell_len(line) <= width for row in rows for line in to_lines(row, layout))


def test_a_pipe_gets_each_row_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([{"name": "n" * 300, "message": "m " * 300}], ("name", "message"))
    (_, line) = capsys.readouterr().out.splitlines()
    assert "n" * 300 in line


def test_what_is_left_out_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([{"name": str(number)} for number in range(5)], ("name",), at_most=3)
    printed = capsys.readouterr()
    assert printed.out.split() == ["name", "0", "1", "2"]
    assert "these are the first 3; there are more" in printed.err


def test_of_many_scopes_that_were_not_seen_the_first_are_named_and_the_rest_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    gap = {"instance": "shop", "status": "denied", "reason": "no CONNECT", "last_seen_at": None}
    scopes = [f"database:{number:02}" for number in range(23)]
    for print_many in (
        lambda: print_gaps([{**gap, "scope": scope} for scope in scopes]),
        lambda: print_unseen({"shop": scopes}, {}),
    ):
        print_many()
        printed = capsys.readouterr().err
        assert [scope for scope in scopes if scope in printed] == scopes[:20]
        assert re.search(r"3 more (scopes )?were not observed; see: whalefall sessions", printed)


def test_what_was_not_to_be_read_is_named_last(capsys: pytest.CaptureFixture[str]) -> None:
    excluded = Unseen("database:a", Seen.EXCLUDED, "a copy", None)
    print_unseen({"shop": ["database:a", "database:b"]}, {"shop": {"database:a": excluded}})
    first, last = capsys.readouterr().err.splitlines()
    assert "database:b was not observed" in first
    assert "database:a is excluded (a copy)" in last
