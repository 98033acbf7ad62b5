"""The engine's own roles are known, with what they hold, and no list, count or limit has them unless asked."""

from dataclasses import replace

from sqlalchemy import Engine

from tests.engines.scripted import FLAGS, Fleet, role, select_on, user
from tests.ledger.rows import read, read_log, to_url
from whalefall_pipeline.core.model import Account, Grant, Kind, Securable
from whalefall_pipeline.ledger.queries import read_accounts
from whalefall_pipeline.ledger.reader import reading

NAMES = [f"pg_{number}" for number in range(15)]


def _predefined(name: str) -> Account:
    return Account(name, Kind.PREDEFINED, {**FLAGS, "rolcanlogin": False})


def _member(member: str, role_name: str) -> list[Grant]:
    return [Grant(member, option, Securable("role", object=role_name)) for option in ("MEMBER", "SET")]


def _list(ledger: Engine, *, superuser: bool = False, predefined: bool = False) -> list[str]:
    with reading(to_url(ledger)) as reader:
        return [row["username"] for row in read_accounts(reader, superuser=superuser, predefined=predefined)]


def test_they_come_without_a_word_and_are_counted_nowhere(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.tells_rows = True
    fleet.adapter.accounts = [user("ana")]
    fleet.sync()
    fleet.adapter.accounts += [_predefined(name) for name in NAMES]
    fleet.adapter.grants = [select_on("ana", "orders"), select_on("pg_3", "orders")]
    for _ in range(2):
        (outcome,) = fleet.sync()
        assert outcome.inventory is not None
        assert outcome.permissions is not None
        assert (outcome.inventory.active, outcome.inventory.created) == (1, 0)
        assert (outcome.permissions.accounts, outcome.permissions.added, outcome.permissions.grants) == (1, 0, 1)
        assert outcome.to_items().synced == 1
    assert read_log(ledger) == [("ana", "add"), ("ana", "modify_privilege")]
    assert len(read(ledger, "select from instance_accounts where kind = 'predefined'")) == 15
    assert len(read(ledger, "select from current_grants where username = 'pg_3'")) == 1
    assert _list(ledger) == ["ana"]
    assert len(_list(ledger, predefined=True)) == 16


def test_what_one_is_given_later_is_said(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.accounts = [user("ana"), _predefined("pg_1")]
    fleet.sync()
    fleet.adapter.grants = [select_on("pg_1", "orders")]
    (outcome,) = fleet.sync()
    assert outcome.permissions is not None
    assert outcome.permissions.changed == 0
    assert read_log(ledger) == [("ana", "add"), ("pg_1", "modify_privilege")]


def test_a_role_that_is_now_known_as_predefined_is_no_change(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.accounts, fleet.adapter.grants = [user("ana"), role("dba")], [select_on("dba", "orders")]
    fleet.sync()
    log = read_log(ledger)
    fleet.adapter.accounts[1] = replace(role("dba"), kind=Kind.PREDEFINED)
    (outcome,) = fleet.sync()
    assert outcome.error is None
    assert read_log(ledger) == log
    kinds = "select a.kind, t.kind as now from instance_accounts a join account_attributes t "
    (row,) = read(ledger, kinds + "on t.instance_account_id = a.id and t.valid_to is null where username = 'dba'")
    assert tuple(row.values()) == ("predefined", "predefined")


def test_a_superuser_reached_through_one_counts_for_the_member(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.accounts = [user("ana"), user("root", rolsuper=True), _predefined("pg_monitor")]
    fleet.adapter.grants = [*_member("ana", "pg_monitor"), *_member("pg_monitor", "root")]
    fleet.sync()
    assert _list(ledger, superuser=True) == ["ana", "root"]
    assert _list(ledger, superuser=True, predefined=True) == ["ana", "pg_monitor", "root"]


def test_they_neither_make_a_collapse_nor_hide_one(fleet: Fleet, ledger: Engine) -> None:
    people = [user(f"u{number}") for number in range(20)]
    fleet.adapter.accounts = [*people, *map(_predefined, NAMES)]
    fleet.sync()
    fleet.adapter.accounts = people
    (outcome,) = fleet.sync()
    assert outcome.error is None, "all of them are gone: an engine that has none any more"
    assert outcome.inventory is not None
    assert outcome.inventory.deleted == 0
    fleet.adapter.accounts = [*people[:8], *map(_predefined, NAMES)]
    (outcome,) = fleet.sync()
    assert "12 of 20 accounts would vanish" in str(outcome.error)
