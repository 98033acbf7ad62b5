"""`whalefall report` and `whalefall review export`: files that are the same twice, and say what the ledger holds."""

import io
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import Engine, text

from tests.cli.conftest import Run
from tests.engines.scripted import OBSERVED, Fleet, user
from tests.ledger.rows import read
from whalefall_pipeline.core.model import Observation, Seen
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.reports.fleet import read_fleet

FILES = ["manifest.sha256", "{}.html", "{}.xlsx"]


@pytest.fixture
def fleet(ledger: Engine, tmp_path: Path) -> Fleet:
    fleet = Fleet(ledger, tmp_path / "fleet")
    fleet.register("one", "two")
    fleet.adapter.accounts = [user("ana"), user("root", rolsuper=True)]
    fleet.sync()
    return fleet


def read_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def read_sheet(files: dict[str, bytes], name: str, sheet: str) -> list[dict[str, Any]]:
    header, *rows = load_workbook(io.BytesIO(files[name]))[sheet].iter_rows(values_only=True)
    return [dict(zip(map(str, header), row, strict=True)) for row in rows]


def test_a_review_that_is_exported_twice_is_the_same_bytes(fleet: Fleet, whalefall: Run, tmp_path: Path) -> None:
    assert whalefall("review", "open", "--name", "Q 4/2026", "--scope", "all").returncode == 0
    assert whalefall("review", "decide", "ana", "revoke", "-i", "one").returncode == 0
    said = whalefall("review", "export")
    assert said.stdout == "review.html, review.xlsx, manifest.sha256 are in review-Q_4_2026\n"
    first = read_files(tmp_path / "review-Q_4_2026")
    assert list(first) == [name.format("review") for name in FILES]
    assert whalefall("review", "export", "--to", str(tmp_path / "again")).returncode == 0
    assert read_files(tmp_path / "again") == first
    assert (tmp_path / "again").stat().st_mode & 0o077 == 0
    rows = read_sheet(first, "review.xlsx", "Accounts")
    assert [(row["instance"], row["username"], row["status"]) for row in rows] == [
        *(("one", "ana", "still there"), ("one", "root", "undecided")),
        *(("two", "ana", "undecided"), ("two", "root", "undecided")),
    ]


def test_the_workbook_that_was_sent_around_comes_back(fleet: Fleet, whalefall: Run, tmp_path: Path) -> None:
    assert whalefall("review", "open", "--name", "Q4").returncode == 0
    assert whalefall("review", "export", "--to", str(tmp_path / "out")).returncode == 0
    book = load_workbook(tmp_path / "out" / "review.xlsx")
    sheet = book["Accounts"]
    names = [cell.value for cell in sheet[1]]
    for number in range(2, sheet.max_row + 1):
        sheet.cell(number, names.index("decision") + 1, "keep")
        sheet.cell(number, names.index("note") + 1, "agreed")
    book.save(tmp_path / "back.xlsx")
    said = whalefall("review", "decide", "--from", str(tmp_path / "back.xlsx"), "--by", "cfo")
    assert said.stdout == "review Q4: 2 decisions written, 0 missing\n", said.stderr
    decided = read(fleet.engine, "select distinct decision, note, decided_by from review_item")
    assert [tuple(row.values()) for row in decided] == [("keep", "agreed", "cfo")]
    assert whalefall("review", "close").returncode == 0
    assert whalefall("review", "export", "--name", "Q4", "--to", str(tmp_path / "end")).returncode == 0
    assert b"closed" in read_files(tmp_path / "end")["review.html"]


def test_a_report_says_what_the_ledger_holds_and_is_the_same_twice(
    fleet: Fleet, whalefall: Run, tmp_path: Path
) -> None:
    fleet.adapter.accounts = [user("ana", rolsuper=True), user("root", rolsuper=True)]
    fleet.adapter.coverage = {"server": OBSERVED, "database:hr": Observation(Seen.DENIED, "no CONNECT")}
    fleet.sync()
    for folder in ("a", "b"):
        said = whalefall("report", "--to", str(tmp_path / folder))
        assert said.returncode == 0, said.stderr
    files = read_files(tmp_path / "a")
    assert read_files(tmp_path / "b") == files
    assert list(files) == [name.format("report") for name in FILES]
    document = files["report.html"].decode()
    assert document.index("database:hr") < document.index("<svg")
    privileged = read_sheet(files, "report.xlsx", "Privileged")
    assert [(row["instance"], row["username"], row["why"].partition("\n")[0]) for row in privileged] == [
        (instance, name, "SUPERUSER: rolsuper") for instance in ("one", "two") for name in ("ana", "root")
    ]
    changes = read_sheet(files, "report.xlsx", "Changes")
    assert len(changes) == len(read(fleet.engine, "select from change_log"))
    findings = read_sheet(files, "report.xlsx", "Findings")
    assert len(findings) == len(read(fleet.engine, "select from current_findings"))
    only = whalefall("report", "-i", "two", "--to", str(tmp_path / "two"))
    assert only.returncode == 0
    rows = read_sheet(read_files(tmp_path / "two"), "report.xlsx", "Instances")
    assert [row["instance"] for row in rows] == ["two"]


def test_privileged_accounts_are_counted_as_they_were(fleet: Fleet) -> None:
    """One superuser on each of two instances for three weeks; then there are two, and at last none."""
    with fleet.engine.begin() as connection:
        for table in ("account_attributes", "account_holding", "instance_attributes"):
            connection.execute(text(f"update {table} set valid_from = valid_from - interval '20 days'"))
        connection.execute(text("update account_change_log set change_time = change_time - interval '20 days'"))
    for is_privileged, days in ((True, 10), (False, 0)):
        fleet.adapter.accounts = [user(name, rolsuper=is_privileged) for name in ("ana", "root")]
        fleet.sync()
        with fleet.engine.begin() as connection:
            for column in ("valid_from", "valid_to"):
                recent = f"{column} > now() - interval '1 day'"
                statement = f"update account_attributes set {column} = {column} - interval '{days} days' where {recent}"
                connection.execute(text(statement))
            moved = f"update account_change_log set change_time = change_time - interval '{days} days'"
            connection.execute(text(f"{moved} where change_time > now() - interval '1 day'"))
    with fleet.engine.connect() as connection, transaction(connection):
        found = read_fleet(connection, None, 4)
    assert found is not None
    assert list(found.counts) == [0, 0, 2, 4, 0]


def test_without_a_sync_there_is_nothing_to_report(ledger: Engine, whalefall: Run, tmp_path: Path) -> None:
    Fleet(ledger, tmp_path / "fleet").register("one")
    said = whalefall("report", "--to", str(tmp_path / "out"))
    assert (said.returncode, "nothing was ever synced" in said.stderr) == (2, True)
    assert not (tmp_path / "out").exists()
