"""`whalefall review`: what is frozen, decided, refused and proven, whatever the engine."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from sqlalchemy import Engine, text

from tests.cli.conftest import Run
from tests.engines.scripted import OBSERVED, Fleet, role, select_on, user
from tests.ledger.rows import read
from whalefall_pipeline.core.model import Grant, Observation, Securable, Seen

MANY = [user(name, rolsuper=name == "root") for name in ("ana", "bob", "=cmd|calc", "root")]


@pytest.fixture
def fleet(ledger: Engine, tmp_path: Path) -> Fleet:
    """Two instances that were synced, and of which a database was not seen."""
    fleet = Fleet(ledger, tmp_path)
    fleet.register("one", "two")
    fleet.adapter.accounts = [*MANY, role("readers")]
    fleet.adapter.grants = [select_on("ana", "orders"), select_on("bob", "orders", option=True)]
    fleet.adapter.coverage = {"server": OBSERVED, "database:hr": Observation(Seen.DENIED, "no CONNECT")}
    fleet.sync()
    return fleet


def open_all(whalefall: Run, *words: str) -> None:
    said = whalefall("review", "open", "--name", "Q4", "--scope", "all", *words)
    assert said.returncode == 0, said.stderr


def show(whalefall: Run, instance: str = "one") -> dict[str, dict[str, Any]]:
    rows = json.loads(whalefall("review", "show", "-o", "json").stdout)
    return {row["username"]: row for row in rows if row["instance"] == instance}


def test_what_is_frozen_is_what_was_then(fleet: Fleet, whalefall: Run) -> None:
    said = whalefall("review", "open", "--name", "Q4", "--scope", "all", "-i", "one")
    assert said.stdout.startswith("review Q4 is open: 5 accounts")
    assert "one: database:hr was not observed (denied: no CONNECT)" in said.stderr
    before = show(whalefall)
    assert before["ana"]["held"] == ["SELECT on table shop.public.orders"]
    fleet.adapter.accounts, fleet.adapter.grants = [user("ana", rolsuper=True), user("eve")], []
    fleet.sync(accept_collapse=True)
    assert show(whalefall) == before
    assert show(whalefall, "two") == {}


def test_privileged_are_superusers_and_those_who_grant(fleet: Fleet, whalefall: Run) -> None:
    assert whalefall("review", "open", "--name", "Q4").returncode == 0
    assert list(show(whalefall)) == ["root"]


def test_a_review_needs_a_name_of_its_own_and_a_day_to_come(fleet: Fleet, whalefall: Run) -> None:
    open_all(whalefall)
    for words, reason in (
        (("--name", "Q4"), "a review is named Q4 already"),
        (("--name", "a\x1b[2J"), "can't be a review's name"),
        (("--name", "Q5", "--due", "2020-01-01"), "is past"),
        (("--name", "Q5", "--due", "soon"), "is no moment"),
        (("--name", "Q5", "-i", "three"), "no active instance is named three"),
    ):
        said = whalefall("review", "open", *words)
        assert (said.returncode, reason in said.stderr) == (2, True), said.stderr
    assert len(read(fleet.engine, "select from review")) == 1


def test_a_revoke_is_done_when_nothing_is_left_of_what_there_was(fleet: Fleet, whalefall: Run) -> None:
    open_all(whalefall, "-i", "one")
    for username in show(whalefall):
        decision = "revoke" if username in ("bob", "root", "=cmd|calc") else "keep"
        assert whalefall("review", "decide", decision, "--name", "Q4").returncode == 2
        assert whalefall("review", "decide", username, decision).returncode == 0

    def statuses() -> list[str]:
        rows = show(whalefall)
        return [rows[name]["status"] for name in ("bob", "root", "=cmd|calc")]

    # Less of the same is not gone; what nothing was held by is gone when it is dropped.
    fleet.adapter.grants = [select_on("ana", "orders"), select_on("bob", "orders")]
    fleet.sync()
    assert statuses() == ["still there"] * 3
    fleet.adapter.grants = [select_on("ana", "orders"), select_on("bob", "other")]
    fleet.adapter.accounts = [user(name) for name in ("ana", "bob", "=cmd|calc", "root")] + [role("readers")]
    fleet.sync()
    removing = read(fleet.engine, "select session_id from sync_sessions order by started_at")[-1]["session_id"]
    assert statuses() == ["still there"] * 3, "what they hold in hr was never seen"
    fleet.adapter.coverage["database:hr"] = OBSERVED
    fleet.sync()
    assert statuses() == ["gone", "gone", "still there"]
    # What else is written of them is no proof, nor is a session that reads no permissions.
    fleet.adapter.grants = [select_on("ana", "orders"), select_on("bob", "other"), select_on("bob", "more")]
    fleet.adapter.accounts = [user(item.username, note="x") for item in fleet.adapter.accounts]
    fleet.sync()
    fleet.sync(permissions=False)
    fleet.adapter.accounts = [item for item in fleet.adapter.accounts if item.username != "=cmd|calc"]
    fleet.sync()
    assert statuses() == ["gone"] * 3
    assert whalefall("review", "close").returncode == 0
    proofs = read(fleet.engine, "select username, proven_in from review_item where decision = 'revoke' order by id")
    sessions = read(fleet.engine, "select session_id from sync_sessions order by started_at")
    assert {row["username"]: row["proven_in"] for row in proofs} == {
        "=cmd|calc": sessions[-1]["session_id"],
        "bob": removing,
        "root": removing,
    }


def test_a_power_that_stays_is_not_gone_and_one_through_a_role_goes_with_it(fleet: Fleet, whalefall: Run) -> None:
    fleet.adapter.coverage = {"server": OBSERVED}
    boss = user("boss", rolsuper=True, rolcanlogin=False)
    member = [Grant("ana", name, Securable("role", object="boss")) for name in ("MEMBER", "SET")]
    fleet.adapter.accounts = [user("ana"), boss, user("carl", rolsuper=True, rolbypassrls=True), *MANY[1:]]
    fleet.adapter.grants = member
    fleet.sync(accept_collapse=True)
    assert whalefall("review", "open", "--name", "Q4", "-i", "one").returncode == 0
    for username in ("ana", "carl"):
        assert whalefall("review", "decide", username, "revoke").returncode == 0
    fleet.adapter.grants = []
    fleet.adapter.accounts = [user("ana"), boss, user("carl", rolbypassrls=True), *MANY[1:]]
    fleet.sync()
    for _ in range(2):
        fleet.sync()
    fleet.sync(permissions=False)
    sessions = [
        row["session_id"] for row in read(fleet.engine, "select session_id from sync_sessions order by started_at")
    ]
    assert (show(whalefall)["ana"]["status"], show(whalefall)["ana"]["proven_in"]) == ("gone", sessions[-4])
    with fleet.engine.begin() as connection:
        connection.execute(text("delete from account_change_log"))  # as it goes with age
    assert show(whalefall)["ana"]["proven_in"] == sessions[-2], "the newest that looked at permissions"
    assert show(whalefall)["carl"]["status"] == "still there"
    fleet.adapter.accounts = [user("ana"), boss, user("carl"), *MANY[1:]]
    fleet.sync()
    assert show(whalefall)["carl"]["status"] == "gone"


def test_what_can_no_longer_be_seen_is_not_gone(fleet: Fleet, whalefall: Run) -> None:
    open_all(whalefall, "-i", "one")
    assert whalefall("review", "decide", "ana", "revoke").returncode == 0
    fleet.adapter.grants = []
    fleet.adapter.coverage["database:shop"] = Observation(Seen.DENIED, "no CONNECT")
    fleet.sync()
    assert show(whalefall)["ana"]["status"] == "still there"


def test_an_account_of_several_instances_is_asked_for(fleet: Fleet, whalefall: Run) -> None:
    open_all(whalefall)
    said = whalefall("review", "decide", "ana", "keep")
    assert (said.returncode, "name one with --instance: one, two" in said.stderr) == (2, True)
    assert whalefall("review", "decide", "ana", "keep", "-i", "two", "--by", "cfo").returncode == 0
    assert show(whalefall)["ana"]["status"] == "undecided"
    assert (show(whalefall, "two")["ana"]["status"], show(whalefall, "two")["ana"]["decided_by"]) == ("kept", "cfo")


def to_csv(rows: list[dict[str, str]], delimiter: str = ",") -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, ["username", "instance", "decision", "note", "what"], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


GOOD = [
    {"instance": "one", "username": "ana", "decision": "Keep ", "note": "needs it; ask her"},
    {"instance": "one", "username": "'=cmd|calc", "decision": "revoke", "note": ""},
    {"instance": "two", "username": "=cmd|calc", "decision": "revoke", "note": ""},
    {"instance": "two", "username": "ana", "decision": "", "note": ""},
]


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_decisions_come_back_in_a_file(fleet: Fleet, whalefall: Run, tmp_path: Path, delimiter: str) -> None:
    open_all(whalefall)
    path = tmp_path / "back.csv"
    path.write_text("\ufeff" + to_csv(GOOD, delimiter), encoding="utf-8")
    said = whalefall("review", "decide", "--from", str(path))
    assert said.stdout == "review Q4: 3 decisions written, 7 missing\n", said.stderr
    assert whalefall("review", "decide", "--from", str(path)).stdout.startswith("review Q4: 0 decisions written")
    assert show(whalefall)["=cmd|calc"]["decision"] == "revoke"
    assert show(whalefall)["ana"]["note"] == "needs it; ask her"
    assert show(whalefall, "two")["ana"]["status"] == "undecided"


def test_a_note_comes_back_without_the_apostrophe_of_spreadsheets(fleet: Fleet, whalefall: Run, tmp_path: Path) -> None:
    open_all(whalefall)
    path = tmp_path / "back.csv"
    path.write_text(to_csv([{**GOOD[0], "note": "'-5 rows;'=1+1"}, {**GOOD[1], "note": "'tis fine"}]), encoding="utf-8")
    assert whalefall("review", "decide", "--from", str(path)).returncode == 0
    assert show(whalefall)["ana"]["note"] == "-5 rows;=1+1"
    assert show(whalefall)["=cmd|calc"]["note"] == "'tis fine"


@pytest.mark.parametrize("words", [["ana"], ["ana", "keep"], ["-i", "one"], ["--note", "why"]])
def test_what_a_file_says_is_not_said_twice(fleet: Fleet, whalefall: Run, tmp_path: Path, words: list[str]) -> None:
    open_all(whalefall)
    path = tmp_path / "back.csv"
    path.write_text(to_csv(GOOD), encoding="utf-8")
    said = whalefall("review", "decide", *words, "--from", str(path))
    assert (said.returncode, "or --from FILE" in said.stderr) == (2, True), said.stderr
    assert read(fleet.engine, "select from review_item where decision is not null") == []


def test_what_no_revoke_takes_is_said(fleet: Fleet, whalefall: Run) -> None:
    boss = user("boss", rolsuper=True, bootstrap_superuser=True)
    fleet.adapter.accounts = [*fleet.adapter.accounts, boss]
    fleet.sync()
    open_all(whalefall, "-i", "one")
    for username in ("ana", "root", "boss"):
        assert whalefall("review", "decide", username, "revoke").returncode == 0
    said = whalefall("review", "sql", "--keep-accounts")
    assert said.returncode == 1
    assert said.stderr.splitlines() == [
        "not revoked: one: boss: it stays SUPERUSER (rolsuper): take that by hand, or drop the account"
    ]
    assert 'ALTER ROLE "root" WITH NOSUPERUSER;' in said.stdout.splitlines()
    dropped = whalefall("review", "sql")
    assert (dropped.returncode, dropped.stderr) == (0, "")


def test_decisions_come_back_in_a_workbook(fleet: Fleet, whalefall: Run, tmp_path: Path) -> None:
    open_all(whalefall)
    book = Workbook()
    book.create_sheet("first", 0).append(["nothing", "here"])
    sheet = book.create_sheet("second")
    sheet.append([])
    sheet.append(["instance", "username", "decision", "note"])
    sheet.append(["one", "ana", "KEEP", None])
    book.save(tmp_path / "back.xlsx")
    assert whalefall("review", "decide", "--from", str(tmp_path / "back.xlsx")).returncode == 0
    assert show(whalefall)["ana"]["status"] == "kept"
    sheet.append(["one", "bob", '=IF(1,"keep","revoke")', None])
    book.save(tmp_path / "back.xlsx")
    said = whalefall("review", "decide", "--from", str(tmp_path / "back.xlsx"))
    assert (said.returncode, "holds a formula" in said.stderr) == (2, True)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"instance": "one", "username": "nobody", "decision": "keep"}, "row 6: the review has no account 'nobody'"),
        ({"instance": "ONE", "username": "ana", "decision": "keep"}, "row 6: the review has no account 'ana' on 'ONE'"),
        ({"instance": "one", "username": "bob", "decision": "drop"}, "row 6: 'drop' is no decision"),
        ({"instance": "one", "username": "ana", "decision": "revoke"}, "row 6: another row decides otherwise on ana"),
        ({"instance": "one", "username": "bob", "decision": "keep", "note": "n" * 2001}, "row 6: the note has 2001"),
    ],
)
def test_a_row_that_is_wrong_is_named_and_none_is_taken(
    fleet: Fleet, whalefall: Run, tmp_path: Path, row: dict[str, str], reason: str
) -> None:
    open_all(whalefall)
    path = tmp_path / "back.csv"
    path.write_text(to_csv([*GOOD, row]), encoding="utf-8")
    said = whalefall("review", "decide", "--from", str(path))
    assert said.returncode == 2
    assert reason in said.stderr
    assert read(fleet.engine, "select from review_item where decision is not null") == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "has no header with the columns instance, username, decision, note"),
        (b"a,b\n1,2\n", "has no header"),
        (b"\xff\xfe\x00", "is no UTF-8 text"),
        (b"PK\x05\x06" + bytes(18), "is no workbook"),
    ],
)
def test_a_file_that_is_none_is_said(fleet: Fleet, whalefall: Run, tmp_path: Path, content: bytes, reason: str) -> None:
    open_all(whalefall)
    path = tmp_path / "back"
    path.write_bytes(content)
    said = whalefall("review", "decide", "--from", str(path))
    assert (said.returncode, reason in said.stderr) == (2, True), said.stderr
    assert whalefall("review", "decide", "--from", str(tmp_path / "none")).returncode == 2


def test_the_list_says_how_far_each_is(fleet: Fleet, whalefall: Run) -> None:
    assert "no review is open" in whalefall("review", "show").stderr
    open_all(whalefall)
    assert whalefall("review", "open", "--name", "Q5").returncode == 0
    assert "name the review with --name; there are: Q4, Q5" in whalefall("review", "show").stderr
    rows = json.loads(whalefall("review", "list", "-o", "json").stdout)
    assert [(row["name"], row["status"], row["accounts"], row["undecided"]) for row in rows] == [
        ("Q4", "open", 10, 10),
        ("Q5", "open", 2, 2),
    ]
