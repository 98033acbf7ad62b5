"""A page becomes a document and a workbook that need nothing else and are the same twice; first, what was not seen."""

import hashlib
import io
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from whalefall_pipeline.core.model import Held, Securable
from whalefall_pipeline.core.review import Decided, Decision, Gap, Proof, Review, ReviewItem, Scope, Sight, check_rows
from whalefall_pipeline.reports import workbook
from whalefall_pipeline.reports.decisions import read_decisions
from whalefall_pipeline.reports.html import render_html
from whalefall_pipeline.reports.package import MANIFEST, build_package, write_package
from whalefall_pipeline.reports.page import Page, Table
from whalefall_pipeline.reports.review import build_review_page
from whalefall_pipeline.reports.workbook import render_workbook

AS_OF = datetime(2026, 10, 1, 8, 30, tzinfo=UTC)
EVIL = '<script>alert(1)</script>"\x1b[2J\u202e'
FORMULA = '=HYPERLINK("http://evil.example","x")'
GAPS = [Gap("database:hr", "denied", "no CONNECT", "2026-09-01T00:00:00+00:00"), Gap("server", "timed_out", "", None)]


def sight(name: str, *gaps: Gap) -> Sight:
    return Sight(name, "postgresql", "PostgreSQL 18", AS_OF.isoformat(), AS_OF.isoformat(), gaps)


def item(number: int, username: str, decision: Decision | None = None, proof: Proof | None = None) -> ReviewItem:
    held = [Held("SELECT", Securable("table", "shop", "public", f"t{place}"), True) for place in range(number)]
    return ReviewItem(
        id=number,
        instance="one",
        db_type="postgresql",
        instance_id=1,
        account_id=number,
        username=username,
        kind="user",
        capabilities=["SUPERUSER"],
        reasons={"SUPERUSER": ["rolsuper"]},
        held=held,
        decision=decision,
        note=FORMULA if decision else "",
        decided_by="cfo" if decision else None,
        decided_at=AS_OF if decision else None,
        proof=proof,
    )


def build_page(*gaps: Gap) -> Page:
    review = Review(1, "Q4", Scope.PRIVILEGED, AS_OF, None, "dba", None, None, [sight("one", *gaps), sight("two")])
    items = [
        item(1, "ana", Decision.KEEP),
        item(2, EVIL, Decision.REVOKE),
        item(3, FORMULA, Decision.REVOKE, Proof("session-9", AS_OF)),
        item(30, "bob"),
    ]
    return build_review_page(review, items)


class Outline(HTMLParser):
    """What a document is made of: its elements with their attributes, its headings, and its text."""

    def __init__(self, document: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[tuple[int, str]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(document.decode())
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and re.fullmatch("h[1-6]", self.open[-1]):
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)
        self.text.append(data)

    def find(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_same_page_is_the_same_bytes_twice() -> None:
    assert build_package(build_page(*GAPS), "review") == build_package(build_page(*GAPS), "review")


def test_the_manifest_is_what_sha256sum_checks(tmp_path: Path) -> None:
    write_package(build_package(build_page(), "review"), tmp_path / "new" / "folder")
    lines = (tmp_path / "new" / "folder" / MANIFEST).read_text().splitlines()
    assert [line.partition("  ")[2] for line in lines] == ["review.html", "review.xlsx"]
    for line in lines:
        digest, _, name = line.partition("  ")
        assert hashlib.sha256((tmp_path / "new" / "folder" / name).read_bytes()).hexdigest() == digest


def test_the_document_needs_nothing_else_and_runs_nothing() -> None:
    document = render_html(build_page(*GAPS))
    outline = Outline(document)
    loading = {"script", "link", "img", "iframe", "object", "embed", "audio", "video", "source", "base", "form"}
    assert not {tag for tag, _ in outline.elements} & loading
    for _, attributes in outline.elements:
        assert not [name for name in attributes if name.startswith("on")]
        assert not {"src", "srcset", "action", "background"} & attributes.keys()
        assert (attributes.get("href") or "#").startswith("#")
    assert b"url(" not in document
    assert b"@import" not in document
    policies = [meta["content"] for meta in outline.find("meta") if meta.get("http-equiv")]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_text_of_servers_is_text() -> None:
    document = render_html(build_page())
    assert b"<script" not in document
    assert b"\x1b" not in document
    assert "\u202e" not in document.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&#34;\\x1b[2J\\u202e" in document.decode()


def test_what_was_not_seen_comes_before_all_that_was() -> None:
    outline = Outline(render_html(build_page(*GAPS)))
    assert [text for _, text in outline.headings][:3] == ["Access review Q4", "What was not seen", "Decisions"]
    text = "".join(outline.text)
    assert text.index("database:hr") < text.index("Accounts by instance")
    assert "no CONNECT" in text
    assert "Every scope of every instance was observed." in "".join(Outline(render_html(build_page())).text)


def test_its_structure_is_one_that_a_screen_reader_walks() -> None:
    outline = Outline(render_html(build_page(*GAPS)))
    assert outline.find("html") == [{"lang": "en"}]
    levels = [level for level, _ in outline.headings]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert levels.count(1) == 1
    assert len(outline.find("main")) == 1
    assert len(outline.find("caption")) == len(outline.find("table")) > 0
    assert all(header.get("scope") in ("col", "row") for header in outline.find("th"))
    assert len(outline.find("svg")) == 2
    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for drawing in outline.find("svg"):
        assert drawing["role"] == "img"
        assert set((drawing["aria-labelledby"] or "").split()) <= set(ids)


def load(page: Page) -> Any:
    return load_workbook(io.BytesIO(render_workbook(page)))


def test_the_workbook_begins_with_what_was_not_seen_and_has_filters_and_frozen_headers() -> None:
    book = load(build_page(*GAPS))
    assert book.sheetnames == ["Not seen", "Accounts", "Instances", "Grants"]
    cells = [cell.value for row in book["Not seen"].iter_rows() for cell in row if cell.value]
    assert {"database:hr", "no CONNECT", "server"} <= set(cells)
    for sheet in book.worksheets[1:]:
        assert sheet.freeze_panes == "A2"
        assert sheet.auto_filter.ref
    (validation,) = book["Accounts"].data_validations.dataValidation
    assert validation.formula1 == '"keep,revoke"'
    assert book["Grants"].max_row == 1 + 1 + 2 + 3 + 30


def test_what_a_sheet_can_not_hold_goes_on_in_further_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 16)
    book = load(build_page(*GAPS))
    assert book.sheetnames == ["Not seen", "Accounts", "Instances", "Grants", "Grants 2", "Grants 3"]
    parts = [list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets[3:]]
    assert [len(rows) for rows in parts] == [17, 17, 5]
    assert {rows[0] for rows in parts} == {parts[0][0]}
    assert [row[6] for rows in parts for row in rows[1:]][-30:] == [f"t{place}" for place in range(30)]


def test_a_text_that_is_cut_is_said_on_the_first_sheet() -> None:
    table = Table("Long", "Long", ("what",), [["x" * 32_000], ["y" * 32_001], [["z" * 20_000] * 2]])
    book = load(replace(build_page(), tables=[table]))
    said = [row[1] for row in book["Not seen"].iter_rows(values_only=True) if row[0] == "Cut"]
    assert said == ["2 texts of Long are longer than 32,000 characters, and end with …"]
    assert [len(row[0]) for row in book["Long"].iter_rows(min_row=2, values_only=True)] == [32_000] * 3


def test_no_cell_is_a_formula_and_moments_are_moments() -> None:
    book = load(build_page(*GAPS))
    cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
    assert FORMULA in {cell.value for cell in cells}
    assert AS_OF.replace(tzinfo=None) in {cell.value for cell in cells if cell.data_type == "d"}


@pytest.mark.parametrize(
    "username", ["ana", EVIL, "Ж" * 99, " spaces ", "two\nlines", "@at", "-minus", "_x0041_", "\rreturn"]
)
def test_names_come_back_from_the_workbook_to_the_letter(tmp_path: Path, username: str) -> None:
    review = Review(1, "Q4", Scope.ALL, AS_OF, None, "dba", None, None, [sight("one")])
    items = [item(1, username, Decision.REVOKE), item(2, "another")]
    path = tmp_path / "back.xlsx"
    path.write_bytes(render_workbook(build_review_page(review, items)))
    assert check_rows(read_decisions(path), items) == ([Decided(1, Decision.REVOKE, FORMULA)], [])
