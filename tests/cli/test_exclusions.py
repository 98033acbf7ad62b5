"""`instances exclude`, `include` and `exclusions`, and every list and answer that says what is excluded."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Connection, Engine

from tests.cli.conftest import Run
from tests.engines.scripted import OBSERVED, Fleet, role, select_on, user
from tests.ledger.rows import read
from whalefall_pipeline.core.model import Grant, Observation, Securable, Seen
from whalefall_pipeline.ledger.instances import change_instance, lock_definitions, read_instances

WHY = "Amazon's own"
WAITING = "select from pg_locks where locktype = 'advisory' and not granted"


@pytest.fixture
def fleet(ledger: Engine, tmp_path: Path) -> Fleet:
    fleet = Fleet(ledger, tmp_path / "home")
    fleet.adapter.accounts = [user("ana"), user("rdsadmin", rolsuper=True)]
    fleet.adapter.grants = [select_on("ana", "orders"), select_on("ana", "t", database="rds")]
    fleet.adapter.coverage = dict.fromkeys(("server", "database:shop", "database:rds"), OBSERVED)
    fleet.register("one")
    fleet.sync()
    return fleet


def sync(fleet: Fleet) -> None:
    with fleet.engine.connect() as connection:
        fleet.instances[:] = read_instances(connection)
    fleet.sync()


def test_what_is_excluded_is_said_wherever_it_bears_on_an_answer(fleet: Fleet, whalefall: Run, tmp_path: Path) -> None:
    words = ("instances", "exclude", "one", "--database", "rds", "--account", "rdsadmin", "--reason", WHY)
    for said in ("no longer read: database:rds, account:rdsadmin", "already excluded"):
        done = whalefall(*words)
        assert done[:2] == (0, f"one: {said}; see: whalefall instances exclusions\n"), done.stderr
    sync(fleet)

    listed = json.loads(whalefall("instances", "exclusions", "-o", "json").stdout)
    assert [(row["instance"], row["scope"], row["reason"]) for row in listed] == [
        ("one", "account:rdsadmin", WHY),
        ("one", "database:rds", WHY),
    ]
    assert all(row["excluded_by"] and row["excluded_at"] for row in listed)
    assert "account:rdsadmin, database:rds" in whalefall("instances", "list").stdout
    accounts = {row["username"]: row for row in json.loads(whalefall("accounts", "-o", "json").stdout)}
    assert {name: row["excluded"] for name, row in accounts.items()} == {"ana": None, "rdsadmin": WHY}
    assert WHY in whalefall("accounts").stdout
    assert f"excluded: database:rds: {WHY}, last seen" in whalefall("show", "one", "ana").stdout
    assert f"excluded: {WHY}" in whalefall("show", "one", "rdsadmin").stdout.splitlines()[0]
    asked = whalefall("who-has", "SELECT", "-o", "json")
    assert f"one: database:rds is excluded ({WHY})" in asked.stderr
    assert {row["database_name"]: bool(row["last_seen_at"]) for row in json.loads(asked.stdout)} == {
        "rds": True,
        "shop": False,
    }
    (session, *_) = json.loads(whalefall("sessions", "-o", "json").stdout)
    assert f"one: database:rds is excluded ({WHY})" in whalefall("sessions", session["session_id"]).stdout
    not_known = whalefall("who-can", "SELECT", "ON", "rds.public.t").stderr
    assert f"one: database:rds is excluded ({WHY}): whether others can is not known" in not_known
    assert "account:rdsadmin" not in not_known, "it can, as it was last seen"
    metrics = whalefall("metrics").stdout
    assert 'whalefall_instance_excluded_scopes{instance="one",db_type="postgresql"} 2' in metrics
    assert 'whalefall_instance_unseen_scopes{instance="one",db_type="postgresql"} 0' in metrics
    assert whalefall("report", "--to", "report").returncode == 0
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "2 databases or accounts, each with its reason under Not seen" in page
    assert "1, of which 1 were seen whole" in page


def test_what_hangs_on_an_excluded_account_is_not_known(fleet: Fleet, whalefall: Run) -> None:
    fleet.adapter.accounts += [user("bob"), role("team")]
    fleet.adapter.grants += [Grant("bob", option, Securable("role", object="team")) for option in ("MEMBER", "INHERIT")]
    fleet.sync()
    whalefall("instances", "exclude", "one", "--account", "team", "--account", "ana", "--reason", WHY)
    sync(fleet)
    asked = ("SELECT", "ON", "orders")
    why = whalefall("why", "one", "bob", *asked)
    assert why.stdout.splitlines()[0].endswith(": unknown")
    assert f"one: account:team is excluded ({WHY}): whether bob can is not known" in why.stderr
    who = whalefall("who-can", *asked).stderr
    assert f"one: account:team is excluded ({WHY}): whether others can is not known" in who
    assert "account:ana" not in who, "she can, as she was last seen"
    (row,) = json.loads(whalefall("why", "one", "ana", *asked, "-o", "json").stdout)
    states = {gate["name"]: gate["state"] for gate in row["gates"]}
    assert (row["verdict"], states["connect"]) == ("yes", "unknown")


def test_it_is_taken_back(fleet: Fleet, whalefall: Run, ledger: Engine) -> None:
    whalefall("instances", "exclude", "one", "--database", "rds", "--reason", WHY)
    refused = whalefall("instances", "include", "one", "--database", "rds", "--account", "ana")
    assert (refused.returncode, "account:ana is not excluded" in refused.stderr) == (2, True)
    back = whalefall("instances", "include", "one", "--database", "rds")
    assert back.stdout == "one: read again from the next sync on: database:rds\n"
    assert json.loads(whalefall("instances", "exclusions", "-o", "json").stdout) == []
    (row,) = json.loads(whalefall("instances", "exclusions", "--all", "-o", "json").stdout)
    assert row["ended_at"]
    sync(fleet)
    assert read(ledger, "select from instance_scopes where valid_to is null") == []


def test_a_name_that_no_sync_has_shown_is_warned_of(fleet: Fleet, whalefall: Run) -> None:
    """As a scope, as what a grant is in, or as what could not be read: where one has shown it, nothing is said."""
    fleet.adapter.grants.append(select_on("ana", "t", database="granted"))
    fleet.adapter.coverage |= {"database:denied": Observation(Seen.DENIED, "no"), "database:part/x": OBSERVED}
    fleet.sync()
    shown = [f"--database={name}" for name in ("rds", "granted", "denied", "part")]
    wrong = ("--database=RDS", "--database=rd", "--account=database:rds", "--account=Ana")
    for _ in range(2):
        assert find_warned(whalefall, "one", *shown, *wrong, "--account=ana") == [
            *("account:Ana", "account:database:rds", "database:RDS", "database:rd")
        ]
        sync(fleet)  # excluded, they are scopes, but still no reading has shown them
        whalefall("instances", "include", "one", *shown, *wrong, "--account=ana")
    fleet.register("new")
    assert find_warned(whalefall, "new", "--account=anybody") == []


def find_warned(whalefall: Run, *words: str) -> list[str]:
    done = whalefall("instances", "exclude", *words, "--reason", WHY)
    assert done.returncode == 0
    begin = f"{words[0]}: no sync has shown "
    return [line.removeprefix(begin).split(": if ")[0] for line in done.stderr.splitlines() if line.startswith(begin)]


@pytest.mark.parametrize("words", [("exclude", "one", "--account=ana", "--reason=x"), ("change", "one", "--port=9")])
def test_what_another_excludes_meanwhile_is_not_lost(
    fleet: Fleet, whalefall: Run, ledger: Engine, words: tuple[str, ...]
) -> None:
    with ledger.connect() as other, ThreadPoolExecutor(1) as pool:
        lock_definitions(other)
        (known,) = read_instances(other)
        change_instance(other, replace(known, excluded={"database:rds": WHY}))
        ended = Event()
        committing = pool.submit(_commit_once_awaited, ledger, other, ended)
        done = whalefall("instances", *words)
        ended.set()
        assert committing.result()
    assert done.returncode == 0, done.stderr
    with ledger.connect() as connection:
        (known,) = read_instances(connection)
    assert known.excluded["database:rds"] == WHY
    assert ("account:ana" in known.excluded) == (words[0] == "exclude")


def _commit_once_awaited(ledger: Engine, other: Connection, ended: Event) -> bool:
    """Commit as soon as a session waits for the definitions; return whether one did."""
    while not (found := read(ledger, WAITING)) and not ended.is_set():
        pass
    other.commit()
    return bool(found)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--reason", WHY), "name what it is about"),
        (("--database", "postgres", "--reason", WHY), "every reading begins in it"),
        (("--account", "ana", "--reason", " "), "say why it is excluded"),
        (("--account", "ana"), "--reason"),
    ],
)
def test_what_can_not_be_is_refused(fleet: Fleet, whalefall: Run, words: tuple[str, ...], said: str) -> None:
    refused = whalefall("instances", "exclude", "one", *words)
    assert (refused.returncode, said in refused.stderr) == (2, True), refused.stderr


def test_a_change_of_the_rest_leaves_it_and_a_move_into_it_is_refused(fleet: Fleet, whalefall: Run) -> None:
    whalefall("instances", "exclude", "one", "--database", "rds", "--reason", WHY)
    assert whalefall("instances", "change", "one", "--vanish-limit", "20").returncode == 0
    assert len(json.loads(whalefall("instances", "exclusions", "-o", "json").stdout)) == 1
    refused = whalefall("instances", "change", "one", "--database", "rds")
    assert (refused.returncode, "every reading begins in it" in refused.stderr) == (2, True)
