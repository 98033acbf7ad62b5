"""The commands that ask history: what a person types, what a program reads, and one line for what can't be answered."""

import csv
import io
import json
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Engine

from tests.cli.conftest import Run
from tests.end_to_end.history.watched import Watched
from tests.engines.engine import ACCOUNT, Server
from tests.engines.registry import find_starter
from tests.engines.scripted import Fleet, user

PAIR = ("postgresql-18", "mariadb")
MYSQL = f"{ACCOUNT}@%"


@pytest.fixture(scope="module")
def servers() -> Generator[list[Server]]:
    with ExitStack() as stack:
        yield [stack.enter_context(find_starter(name)()) for name in PAIR]


@pytest.fixture
def pair(servers: list[Server], ledger: Engine, tmp_path: Path) -> list[Watched]:
    """A PostgreSQL and a MySQL instance that have been synced, with the same privilege on tables of some names."""
    for server in servers:
        server.reset()
        server.prepare()
        server.create_accounts([ACCOUNT])
    servers[0].execute(
        'CREATE TABLE app."my.table" (id int);',
        f'GRANT SELECT ON app.orders, app."my.table", "Odd.Schema"."Odd ""Table" TO {ACCOUNT};',
        f"GRANT USAGE ON SCHEMA app TO {ACCOUNT};",
        f"GRANT CREATE ON DATABASE wf_shop TO {ACCOUNT};",
        f"GRANT wf_role TO {ACCOUNT};",
    )
    servers[1].execute(f"GRANT SELECT ON wf_app.orders TO `{ACCOUNT}`@`%`")
    both = [
        Watched(ledger, server, tmp_path / "home", name) for server, name in zip(servers, ("pg", "my"), strict=True)
    ]
    for watched in both:
        watched.sync_well()
    return both


def read_rows(whalefall: Run, *words: str) -> list[dict[str, Any]]:
    """Return what a command answers as JSON, after finding the same in CSV, and each row in the table."""
    answers = {form: whalefall(*words, "--format", form) for form in ("json", "csv", "table")}
    assert {said.returncode for said in answers.values()} == {0}
    rows = cast("list[dict[str, Any]]", json.loads(answers["json"].stdout))
    assert list(csv.DictReader(io.StringIO(answers["csv"].stdout))) == [
        {name: _to_cell(value) for name, value in row.items()} for row in rows
    ]
    assert len(answers["table"].stdout.splitlines()) > len(rows)
    return rows


def _to_cell(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | list | dict) else str(value)


HOLDERS: Sequence[tuple[tuple[str, ...], list[tuple[str, str]]]] = [
    (("SELECT", "ON", "orders"), [("my", MYSQL), ("pg", ACCOUNT)]),
    (("select", "orders"), [("my", MYSQL), ("pg", ACCOUNT)]),
    (("SELECT", "ON", "wf_app.orders"), [("my", MYSQL)]),
    (("SELECT", "ON", "app.orders"), [("pg", ACCOUNT)]),
    (("SELECT", "ON", "wf_shop.app.orders"), [("pg", ACCOUNT)]),
    (("SELECT", "ON", "role", "orders"), []),
    (("SELECT", "ON", "table", "orders"), [("my", MYSQL), ("pg", ACCOUNT)]),
    (("INSERT", "ON", "app.orders"), []),
    (("MEMBER", "ON", "role", "wf_role"), [("pg", ACCOUNT)]),
    (("SELECT", "ON", 'app."my.table"'), [("pg", ACCOUNT)]),
    (("SELECT", "ON", '"Odd.Schema"."Odd ""Table"'), [("pg", ACCOUNT)]),
    (("USAGE", "ON", "wf_shop.app"), [("pg", ACCOUNT)]),
    (("CREATE", "ON", "wf_shop"), [("pg", ACCOUNT)]),
    (("MEMBER", "ON", "wf_role"), [("pg", ACCOUNT)]),
    (("MEMBER",), [("my", "root@localhost"), ("pg", ACCOUNT)]),
]
"""What is asked, and who holds it, PostgreSQL's own left out: the owner of the objects, and predefined roles."""
OWN = ("postgres", "pg_monitor")


def test_who_has_a_privilege_in_the_fleet(pair: list[Watched], whalefall: Run) -> None:
    began = {watched.name: watched.read_record()["started_at"].isoformat() for watched in pair}
    found: list[tuple[tuple[str, ...], list[tuple[str, str]]]] = []
    for words, _ in HOLDERS:
        rows = [row for row in read_rows(whalefall, "who-has", *words) if row["username"] not in OWN]
        assert all(row["since"] >= began[row["instance"]] for row in rows)
        found.append((words, [(row["instance"], row["username"]) for row in rows]))
    assert found == HOLDERS


def test_changes_and_the_past_of_an_account(pair: list[Watched], whalefall: Run) -> None:
    watched, other = pair
    before = watched.read_snapshots()[ACCOUNT]
    (added,) = watched.read_log(ACCOUNT)
    watched.server.execute(f"REVOKE SELECT ON app.orders FROM {ACCOUNT};")
    watched.sync_well()
    (newest, first) = read_rows(whalefall, "changes", "--since", "1d", "--instance", "pg", "--account", ACCOUNT)
    assert (first["id"], first["change_type"]) == (added["id"], "add")
    assert newest["message"] == "revoked SELECT on table wf_shop.app.orders"
    assert newest["session_id"] == watched.sessions[-1]
    assert read_rows(whalefall, "changes", "--type", "modify_privilege") == [newest]
    since = newest["change_time"].replace("+00:00", "Z")
    assert read_rows(whalefall, "changes", "--since", since) == [newest]
    cut = whalefall("changes", "--limit", "1", "--format", "json")
    assert json.loads(cut.stdout) == [newest]
    assert "these are the newest 1; there are more" in cut.stderr
    assert {row["instance"] for row in read_rows(whalefall, "changes")} == {"pg", other.name}

    past = whalefall("show", "pg", ACCOUNT, "--as-of", first["change_time"], "--json")
    assert json.loads(past.stdout)["snapshot"] == before
    shown = whalefall("show", "pg", ACCOUNT, "--as-of", first["change_time"]).stdout
    assert f"as of {first['change_time'][:19].replace('T', ' ')} UTC" in shown
    assert "orders: SELECT" in shown
    assert "orders: SELECT" not in whalefall("show", "pg", ACCOUNT).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("who-has", "SELECT", "ON"), "say: whalefall who-has PRIVILEGE [ON OBJECT]"),
        (("who-has", "SELECT", "ON", "a", "b"), "say: whalefall who-has PRIVILEGE [ON OBJECT]"),
        (("who-has", "ANY"), "ANY needs an object"),
        (("who-has", "SELEKT"), "no grant of 'SELEKT' is known"),
        (("who-has", "ANY", "ON", "nowhere.orders"), "nothing named nowhere.orders is known"),
        (("who-has", "ANY", "ON", "role", "nobody"), "nothing named nobody is known"),
        (("who-has", "SELECT", "--instance", "nowhere"), "no instance is named nowhere"),
        (("who-has", "SELECT", "--account", "nobody"), "no instance has an account 'nobody'"),
        (("changes", "--account", "nobody"), "no instance has an account 'nobody'"),
        (("changes", "--session", "nothing"), "there is no session nothing"),
        (("changes", "--since", "1d", "--until", "2d"), "--since 1d is not before --until 2d"),
        (("accounts", "--instance", "one", "--account", "nobody"), "one has no account 'nobody'"),
        (("sessions", "--instance", "nowhere"), "no instance is named nowhere"),
        (("sessions", "--status", "odd"), "no session is 'odd'"),
        (("who-has", "SELECT", "ON", "a..b"), "'a..b' is no object"),
        (("who-has", "SELECT", "ON", "a.b.c.d"), "'a.b.c.d' is no object"),
        (("who-has", "SELECT", "ON", '"open'), "'\"open' is no object"),
        (("changes", "--type", "drop"), "no change is of type 'drop'; types are add, modify_privilege"),
        (("changes", "--since", "yesterday"), "'yesterday' is no moment"),
        (("changes", "--since", "99999999999999d"), "'99999999999999d' is no moment"),
        (("changes", "--since", "2999-01-01"), "'2999-01-01' is still to come"),
        (("changes", "--instance", "nowhere"), "no instance is named nowhere"),
        (("accounts", "--instance", "nowhere"), "no instance is named nowhere"),
        (("show", "one", "ana", "--as-of", "2001-01-01"), "'ana' was not known at 2001-01-01"),
        (("show", "one", "nobody"), "one has no account 'nobody'"),
        (("script", "nowhere"), "no instance is named nowhere"),
        (("script", "one", "--undo", "999"), "one has no change 999"),
        (("script", "one", "ana", "--undo", "1"), "--undo names one change"),
        (("script", "one", "--as-of", "2001-01-01"), "the ledger knows no accounts of one at that moment"),
    ],
)
def test_what_can_not_be_answered_is_one_line(fleet: Fleet, whalefall: Run, words: tuple[str, ...], said: str) -> None:
    fleet.adapter.accounts = [user("ana")]
    fleet.sync()
    answer = whalefall(*words)
    assert (answer.returncode, answer.stdout) == (2, "")
    (line,) = answer.stderr.splitlines()
    assert line.startswith(f"whalefall: {said}")


def test_a_collapse_is_refused_and_can_be_accepted(pair: list[Watched], whalefall: Run) -> None:
    """By the flag of the command, which is a tag of the run."""
    watched = pair[0]
    names = [f"wf_many_{number}" for number in range(30)]
    watched.server.create_accounts(names)
    watched.sync_well()
    watched.server.drop_accounts(names)
    refused = whalefall("sync", "pg", "--local")
    assert refused.returncode == 1
    assert "SYNC_DATA_ERROR" in refused.stdout + refused.stderr
    assert "accounts would vanish; nothing was changed" in " ".join((refused.stdout + refused.stderr).split())
    assert set(names) <= watched.read_snapshots().keys()
    accepted = whalefall("sync", "pg", "--local", "--accept-collapse")
    assert accepted.returncode == 0, accepted.stderr
    assert not set(names) & watched.read_snapshots().keys()
