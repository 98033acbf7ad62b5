"""The questions about effective access: what people read, what programs get, and how a script learns the answer."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.cli.conftest import Run
from tests.cli.test_imports import HEAVY, LEDGER, find_imports
from tests.engines.scripted import FLAGS, OBSERVED, Fleet, select_on
from whalefall_pipeline.cli.answers import COLUMNS
from whalefall_pipeline.core.model import MEMBER, Account, Grant, Kind, Observation, Securable, Seen

SELECT = ("who-can", "SELECT", "ON", "orders")
SET_ROLE = ("MEMBER", "SET")
BOTH = ("MEMBER", "INHERIT", "SET")
NAMED_OUTRIGHT = "eve\x1b[31m[bold]"
"""A name with an escape sequence and markup in it."""


def role_of(member: str, name: str, options: Sequence[str] = BOTH) -> list[Grant]:
    return [Grant(member, option, Securable("role", object=name)) for option in options]


def account(name: str, kind: Kind = Kind.USER, **attributes: bool) -> Account:
    return Account(name, kind, {**FLAGS, "rolcanlogin": kind is Kind.USER, **attributes})


@pytest.fixture
def fleet(ledger: Engine, tmp_path: Path) -> Fleet:
    """Two instances: ana reads orders by two ways, bob after SET ROLE, root as a superuser, and eve can't."""
    fleet = Fleet(ledger, tmp_path)
    fleet.register("one", "two")
    fleet.adapter.accounts = [
        *(account(name) for name in ("ana", "bob", "eve")),
        account("root", rolsuper=True),
        *(account(name, Kind.ROLE) for name in ("readers", "analysts")),
    ]
    fleet.adapter.grants = [
        select_on("readers", "orders"),
        *role_of("ana", "readers"),
        *role_of("ana", "analysts"),
        *role_of("analysts", "readers"),
        *role_of("bob", "readers", SET_ROLE),
        Grant("eve", "INSERT", Securable("table", "shop", "public", "orders")),
        Grant("root", "OWNER", Securable("table", "shop", "public", "orders")),
        *(Grant(name, "CONNECT", Securable("database", "shop")) for name in ("ana", "readers")),
    ]
    fleet.adapter.coverage = dict.fromkeys(("server", "database:shop"), OBSERVED)
    fleet.sync()
    return fleet


def read_rows(whalefall: Run, *words: str, code: int = 0) -> list[dict[str, Any]]:
    """Return the rows that programs get, the same from JSON and CSV."""
    said = whalefall(*words, "--format", "json")
    assert said.returncode == code, said
    rows: list[dict[str, Any]] = json.loads(said.stdout)
    cells = list(csv.DictReader(io.StringIO(whalefall(*words, "--format", "csv", "--raw").stdout)))
    assert [tuple(row) for row in (*rows, *cells)] == [COLUMNS] * 2 * len(rows)
    assert [row["username"] for row in cells] == [row["username"] for row in rows]
    return rows


def test_who_can_by_roles_steps_and_attributes(fleet: Fleet, whalefall: Run) -> None:
    rows = read_rows(whalefall, *SELECT, "--instance", "one")
    assert [(row["username"], row["kind"], row["verdict"], row["steps"]) for row in rows] == [
        ("ana", "user", "yes", []),
        ("analysts", "role", "yes", []),
        ("readers", "role", "yes", []),
        ("root", "user", "yes", []),
        ("bob", "user", "yes after a step", ["SET ROLE readers"]),
    ]
    ana, *_, bob = rows
    assert ana["path"] == "ana: member of readers, SELECT on table shop.public.orders"
    assert {ana["instance"], ana["privilege"], ana["object"]} == {"one", "SELECT", "table shop.public.orders"}
    assert ana["since"].startswith("20")
    gates = {gate["name"]: gate["state"] for gate in bob["gates"]}
    assert gates["connect"] == "closed", "bob himself has no CONNECT, and PUBLIC was granted none"


def test_the_whole_fleet_is_asked_at_once(fleet: Fleet, whalefall: Run) -> None:
    rows = read_rows(whalefall, *SELECT)
    assert [row["instance"] for row in rows] == ["one"] * 5 + ["two"] * 5
    said = whalefall(*SELECT)
    _, title, header, *_ = said.stdout.splitlines()
    assert title == "SELECT on table shop.public.orders"
    assert header.split() == ["instance", "username", "verdict", "path", "since"]


def test_a_table_fits_a_narrow_terminal(fleet: Fleet, whalefall: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_width(_stream: object) -> int:
        return 80

    monkeypatch.setattr("whalefall_pipeline.cli.rows.find_width", find_width)
    said = whalefall(*SELECT)
    assert max(map(len, said.stdout.splitlines())) <= 80
    assert "after a step" in said.stdout
    assert "SET ROLE" in said.stdout


def test_as_of_a_moment_before_a_grant_was_taken(fleet: Fleet, whalefall: Run, ledger: Engine) -> None:
    with ledger.begin() as connection:
        set_back = "update account_holding set valid_from = valid_from - interval '2 days'"
        connection.exec_driver_sql(set_back)
        connection.exec_driver_sql(set_back.replace("account_holding", "account_attributes"))
    fleet.adapter.grants = [grant for grant in fleet.adapter.grants if grant.privilege != "SELECT"]
    fleet.sync()
    assert [row["username"] for row in read_rows(whalefall, *SELECT, "--instance", "one")] == ["root"]
    assert len(read_rows(whalefall, *SELECT, "--instance", "one", "--as-of", "1d")) == 5
    assert whalefall("why", "one", "ana", *SELECT[1:]).returncode == 1
    assert whalefall("why", "one", "ana", *SELECT[1:], "--as-of", "1d").returncode == 0
    assert "had no account" in whalefall("what-can", "one", "ana", "--as-of", "30d").stderr


def test_why_shows_every_way_as_a_tree(fleet: Fleet, whalefall: Run) -> None:
    said = whalefall("why", "one", "ana", *SELECT[1:])
    assert said.returncode == 0
    lines = said.stdout.splitlines()
    assert lines[0] == "ana on one: SELECT on table shop.public.orders: yes"
    branches = [line.lstrip("├└│─ ").partition(" (since")[0].partition(":")[0] for line in lines[1:]]
    assert branches[:5] == [
        "member of readers",
        "SELECT on table shop.public.orders",
        "member of analysts",
        "member of readers",
        "SELECT on table shop.public.orders",
    ]
    rows = read_rows(whalefall, "why", "one", "ana", *SELECT[1:])
    paths = [row["path"] for row in rows if not row["steps"]]
    assert paths == [
        "ana: member of readers, SELECT on table shop.public.orders",
        "ana: member of analysts, member of readers, SELECT on table shop.public.orders",
    ]


def test_why_not_names_what_is_missing(fleet: Fleet, whalefall: Run) -> None:
    said = whalefall("why", "one", "eve", *SELECT[1:])
    assert said.returncode == 1
    assert said.stdout.splitlines()[0].endswith(": no")
    assert "has INSERT on it" in said.stdout
    (row,) = read_rows(whalefall, "why", "one", "eve", *SELECT[1:], code=1)
    assert (row["verdict"], row["path"], row["since"]) == ("no", None, None)


def test_what_can_lists_everything_and_a_superuser_in_one_line(fleet: Fleet, whalefall: Run) -> None:
    rows = read_rows(whalefall, "what-can", "one", "ana")
    assert [(row["object"], row["privilege"], row["verdict"]) for row in rows] == [
        ("database shop", "CONNECT", "yes"),
        ("table shop.public.orders", "SELECT", "yes"),
    ]
    (row,) = read_rows(whalefall, "what-can", "one", "root")
    assert (row["privilege"], row["object"], row["path"]) == ("SUPERUSER", "server", "root: superuser")
    (row,) = read_rows(whalefall, "what-can", "one", "eve", "ON", "orders")
    assert (row["privilege"], row["path"]) == ("INSERT", "eve: INSERT on table shop.public.orders")
    assert whalefall("what-can", "one", "eve", "ON", "database", "shop").returncode == 1


def test_what_a_wide_grant_gives_is_said_once(fleet: Fleet, whalefall: Run) -> None:
    predefined = replace(account("pg_read_all_data", Kind.PREDEFINED), attributes={**FLAGS, "rolcanlogin": False})
    fleet.adapter.accounts += [predefined, account("dan")]
    fleet.adapter.grants += role_of("dan", "pg_read_all_data")
    fleet.adapter.grants += [select_on("readers", f"t{number}") for number in range(5)]
    fleet.sync()
    rows = [row for row in read_rows(whalefall, "what-can", "one", "dan") if row["privilege"] == "SELECT"]
    assert [row["object"] for row in rows] == ["table shop.public.*"]
    usernames = [row["username"] for row in read_rows(whalefall, *SELECT, "--instance", "one")]
    assert "dan" in usernames
    assert "pg_read_all_data" not in usernames
    assert "pg_read_all_data" in [row["username"] for row in read_rows(whalefall, *SELECT, "--predefined")]


def test_who_could_become_a_superuser(fleet: Fleet, whalefall: Run) -> None:
    assert whalefall("escalations").returncode == 1
    fleet.adapter.grants += role_of("bob", "root", SET_ROLE)
    fleet.sync()
    said = whalefall("escalations", "--instance", "one")
    assert said.returncode == 0
    assert "superusers already: root on one" in said.stderr
    (row,) = [
        row for row in read_rows(whalefall, "escalations", "--instance", "one") if row["privilege"] == "SUPERUSER"
    ]
    assert (row["username"], row["object"], row["verdict"]) == ("bob", "server", "yes after a step")
    assert row["steps"] == ["SET ROLE root"]


def test_what_was_not_observed_is_unknown_and_no_yes(fleet: Fleet, whalefall: Run) -> None:
    fleet.adapter.coverage["database:shop"] = Observation(Seen.DENIED, "no CONNECT")
    fleet.sync()
    said = whalefall("why", "one", "eve", *SELECT[1:])
    assert said.returncode == 1
    assert said.stdout.splitlines()[0].endswith(": unknown")
    assert "database:shop was not observed" in said.stderr
    (row,) = read_rows(whalefall, "why", "one", "eve", *SELECT[1:], code=1)
    assert (row["verdict"], row["unseen"]) == ("unknown", ["database:shop"])
    said = whalefall(*SELECT, "--instance", "one")
    assert said.returncode == 0
    assert "one: database:shop was not observed: whether others can is not known" in said.stderr


def test_names_are_made_visible_and_no_markup(fleet: Fleet, whalefall: Run) -> None:
    fleet.adapter.accounts.append(account(NAMED_OUTRIGHT))
    fleet.adapter.grants.append(select_on(NAMED_OUTRIGHT, "orders"))
    fleet.sync()
    shown = r"eve\x1b[31m[bold]"
    for words in (SELECT, ("why", "one", NAMED_OUTRIGHT, *SELECT[1:]), ("what-can", "one", NAMED_OUTRIGHT)):
        said = whalefall(*words)
        assert "\x1b" not in said.stdout + said.stderr
        assert shown in said.stdout
    assert NAMED_OUTRIGHT in [row["username"] for row in read_rows(whalefall, *SELECT, "--instance", "one")]


def test_who_has_says_that_more_can(fleet: Fleet, whalefall: Run) -> None:
    said = whalefall("who-has", "SELECT", "ON", "orders", "--instance", "one")
    assert said.stderr.splitlines() == ["5 accounts can, 1 have it granted: whalefall who-can SELECT ON orders"]
    fleet.adapter.accounts = [account("ana")]
    fleet.adapter.grants = [select_on("ana", "orders")]
    fleet.sync(accept_collapse=True)
    assert whalefall("who-has", "SELECT", "ON", "orders", "--instance", "one").stderr == ""


def test_show_points_to_what_an_account_can(fleet: Fleet, whalefall: Run) -> None:
    assert "whalefall what-can one ana" in whalefall("show", "one", "ana").stderr


WRONG: list[tuple[tuple[str, ...], str]] = [
    (("who-can",), "Missing"),
    (("who-can", "SELECT"), "Missing"),
    (("who-can", "SELECT", "ON"), "say: whalefall who-can"),
    (("who-can", "ON", "orders"), "say: whalefall who-can"),
    (("who-can", "", "ON", "orders"), "say: whalefall who-can"),
    (("who-can", "SELECT", "ON", "a", "b", "c"), "say: whalefall who-can"),
    (("who-can", "SELECT", "ON", "thing", "orders"), "'thing' is no kind of object"),
    (("who-can", "SELECT", "ON", "a..b"), "'a..b' is no object"),
    (("who-can", "SELECT", "ON", "column", "price"), "'price' names no column"),
    (("who-can", "SELECT", "ON", "nothing"), "no object named nothing is known"),
    (("who-can", "SELECT", "ON", "view", "orders"), "no view named orders is known"),
    (("who-can", "SELEKT", "ON", "orders"), "'SELEKT' is no privilege on table shop.public.orders; there are"),
    (("who-can", "SELECT", "ON", "orders", "--instance", "nowhere"), "no instance is named nowhere"),
    (("who-can", "SELECT", "ON", "orders", "--as-of", "2999-01-01"), "is still to come"),
    (("who-can", "SELECT", "ON", "orders", "--limit", "-1"), "--limit"),
    (("what-can",), "Missing"),
    (("what-can", "one"), "Missing"),
    (("what-can", "nowhere", "ana"), "no instance is named nowhere"),
    (("what-can", "one", "nobody"), "one has no account 'nobody'"),
    (("what-can", "one", "ana", "ON"), "say: whalefall what-can"),
    (("what-can", "one", "ana", "ON", "nothing"), "no object named nothing is known of one"),
    (("why", "one", "ana"), "Missing"),
    (("why", "one", "ana", "SELECT"), "Missing"),
    (("why", "one", "nobody", "SELECT", "ON", "orders"), "one has no account 'nobody'"),
    (("why", "one", "ana", "SELEKT", "ON", "orders"), "'SELEKT' is no privilege"),
    (("escalations", "--instance", "nowhere"), "no instance is named nowhere"),
    (("escalations", "one"), "unexpected extra argument"),
]


@pytest.mark.parametrize(("words", "said"), WRONG)
def test_wrong_use_is_one_line_that_says_the_remedy(
    fleet: Fleet, whalefall: Run, words: tuple[str, ...], said: str
) -> None:
    refused = whalefall(*words)
    assert (refused.returncode, refused.stdout) == (2, "")
    (line,) = refused.stderr.splitlines()
    assert line.startswith("whalefall: ")
    assert said in line


@pytest.mark.parametrize("words", [SELECT, ("why", "one", "ana", *SELECT[1:]), ("what-can", "one", "ana")])
def test_a_question_imports_the_ledgers_driver_alone(
    fleet: Fleet, environment: dict[str, str], tmp_path: Path, words: tuple[str, ...]
) -> None:
    imported = find_imports(words, environment, tmp_path)
    assert LEDGER in imported
    assert not imported & set(HEAVY)


def test_an_instance_that_was_never_read_is_said(ledger: Engine, tmp_path: Path, whalefall: Run) -> None:
    Fleet(ledger, tmp_path).register("one")
    said = whalefall(*SELECT)
    assert said.returncode == 1
    assert "one: its permissions were never read" in said.stderr


def test_an_engine_without_rules_of_access_is_left_out_and_said(fleet: Fleet, whalefall: Run, ledger: Engine) -> None:
    with ledger.begin() as connection:
        connection.exec_driver_sql("update instances set db_type = 'dbase' where name = 'two'")
    said = whalefall(*SELECT)
    assert said.returncode == 0
    assert "two is left out: who can do what on dbase is not known to this version" in said.stderr
    refused = whalefall(*SELECT, "--instance", "two")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "who can do what on dbase is not known" in refused.stderr


def test_members_of_a_role_can_be_asked_for(fleet: Fleet, whalefall: Run) -> None:
    rows = read_rows(whalefall, "who-can", MEMBER, "ON", "role", "readers", "--instance", "one")
    assert {"ana", "analysts", "bob"} <= {row["username"] for row in rows}
