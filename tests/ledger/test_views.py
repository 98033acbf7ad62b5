"""The views that people query by hand."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest
from sqlalchemy import Engine, text

from tests.engines.scripted import Fleet, role, user
from tests.ledger.rows import read
from whalefall_pipeline.adapters.postgresql.rules import PostgresqlRules
from whalefall_pipeline.core.diff import Difference, diff
from whalefall_pipeline.core.model import Account, AccountState, Effect, Grant, Kind, Securable
from whalefall_pipeline.core.rules import Category
from whalefall_pipeline.core.wording import Wording, to_other_diff

READERS, WRITERS = Securable("role", object="readers"), Securable("role", object="writers")


def test_memberships_have_their_options(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.accounts = [user("ana"), role("readers"), role("writers")]
    fleet.adapter.grants = [
        *(Grant("ana", option, READERS) for option in ("INHERIT", "SET")),
        Grant("ana", "MEMBER", READERS, True),
        Grant("ana", "MEMBER", WRITERS),
    ]
    fleet.sync()
    columns = "member, role, admin_option, options, inherit_option, set_option"
    rows = read(ledger, f"select {columns} from current_memberships order by role")
    assert [tuple(row.values()) for row in rows] == [
        ("ana", "readers", True, ["INHERIT", "SET"], True, True),
        ("ana", "writers", False, [], False, False),
    ]


def test_records_of_earlier_versions_read_as_those_of_this_one(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.accounts = [user("ana")]
    fleet.sync()
    fleet.sync()
    old = """{"version": "PostgreSQL 15", "statements": 9, "attempts": 1, "inventory": true, "permissions": false,
              "coverage": {}, "accounts_not_observed": 2, "grants_without_account": 3, "grants": 4}"""
    with ledger.begin() as connection:
        connection.execute(
            text("update sync_instance_records set sync_details = cast(:old as jsonb) where id = 1"), {"old": old}
        )
    columns = (
        "server_version, statements, inventory, permissions, accounts_not_observed, grants, grants_without_account"
    )
    rows = read(ledger, f"select {columns} from record_details order by record_id")
    assert [tuple(row.values()) for row in rows] == [
        ("PostgreSQL 15", 9, True, False, 2, 4, 3),
        ("Scripted 1.0", 2, True, True, 0, 0, 0),
    ]


ODD = ("Z", "a", "ä", "\U0001f40b", "z.b", 'q"q', "back\\slash", "tab\there", "\uffff")
"""Names that sort otherwise by a language's rules than by their bytes, or that are escaped on their way."""
ATTRIBUTES: Mapping[str, Any] = {
    "zeta": [1, "a", {"b": None}],
    "Alpha": False,
    "number": 1.5,
    "text": 'q"\\ä\U0001f40b',
}
FLAGS = {"rolsuper": False, "rolcreaterole": False, "rolcanlogin": True}
ANA = Account("ana", Kind.USER, {**ATTRIBUTES, **FLAGS, "empty": {}})
EFFECTS: Sequence[Effect] = ("grant", "deny", "revoke")
KINDS: Mapping[str, Sequence[Grant]] = {
    "nothing": [],
    "every level": [
        *(Grant("ana", "SELECT", Securable("database", name)) for name in ODD),
        *(Grant("ana", "USAGE", Securable("schema", "shop", name)) for name in ODD),
        *(Grant("ana", "SELECT", Securable("table", "shop", "public", name)) for name in ODD),
        *(Grant("ana", "SELECT", Securable("column", "shop", "public", "orders", name)) for name in ODD),
        Grant("ana", "CONNECT SQL", Securable("server")),
        Grant("ana", "EXECUTE", Securable("routine", "shop", object="no schema")),
    ],
    "every effect and option": [
        Grant("ana", privilege, securable, option, effect)
        for securable in (Securable("table", "shop", "public", "orders"), Securable("server"))
        for privilege in ("SELECT", "select", "Insert")
        for option in (False, True)
        for effect in EFFECTS
    ],
    "memberships": [
        *(Grant("ana", "MEMBER", Securable("role", object=name), name == "a") for name in ODD),
        *(Grant("ana", "SET", Securable("role", object=name)) for name in ODD),
        Grant("ana", "MEMBER", Securable("database_role", "shop", object="db_owner"), True),
    ],
}


class EveryScope(PostgresqlRules):
    """PostgreSQL's rules, and scopes that only other engines have."""

    categories: ClassVar[Mapping[str, Category]] = {
        **PostgresqlRules.categories,
        "server": Category("server", ()),
        "database_role": Category("database_roles", ("database", "object")),
    }


@pytest.fixture
def every(fleet: Fleet) -> Fleet:
    fleet.adapter.rules = EveryScope()
    return fleet


@pytest.mark.parametrize("kind", KINDS)
def test_the_log_says_of_accounts_that_came_or_went_what_their_difference_is(
    every: Fleet, ledger: Engine, kind: str
) -> None:
    """What was gained and lost stands in the intervals alone, and reads as the entries that are stored."""
    fleet, held = every, AccountState.of(ANA, KINDS[kind]).held
    for accounts in ([user("root"), ANA], [user("root")], [ANA, user("root")]):
        fleet.adapter.accounts = accounts
        fleet.adapter.grants = list(KINDS[kind]) if len(accounts) > 1 else []
        (outcome,) = fleet.sync()
        assert outcome.error is None
    fleet.adapter.grants.append(Grant("ana", "LATER", Securable("server")))
    fleet.sync()
    state = AccountState(ANA, held)
    assert _read_diffs(ledger, "account_change_log") == [
        ("add", *_to_documents(diff(None, state))),
        ("delete", *_to_documents(diff(state, None))),
        ("reactivate", *_to_documents(diff(None, state))),
        ("modify_privilege", *_to_documents(Difference(gained=_later(fleet)))),
    ]
    assert _read_diffs(ledger, "change_log") == _read_diffs(ledger, "account_change_log")
    stored = read(ledger, "select change_type from account_changes where num_nonnulls(privilege_diff, other_diff) > 0")
    assert [row["change_type"] for row in stored] == ["modify_privilege"]


def test_what_stands_in_intervals_stays_the_same_when_moments_are_set_back(every: Fleet, ledger: Engine) -> None:
    """Two changes of one account may then be of one moment, and each is still what it was."""
    fleet, memberships = every, KINDS["memberships"]
    fleet.adapter.accounts = [user("root"), ANA]
    fleet.adapter.grants = list(memberships)
    fleet.sync()
    fleet.adapter.accounts = [user("root"), user("ana", zeta=2)]
    fleet.adapter.grants = [Grant("ana", "LATER", Securable("server"))]
    fleet.sync()
    before = _read_diffs(ledger, "account_change_log")
    moved = "update {} set {} = {} + interval '1 year'"
    with ledger.begin() as connection:
        for table, column in (
            *(("account_holding", "valid_from"), ("account_holding", "valid_to")),
            *(("account_attributes", "valid_from"), ("account_attributes", "valid_to")),
            *(("account_changes", "change_time"), ("instances", "permissions_read_at")),
        ):
            connection.execute(text(moved.format(table, column, column)))
    assert _read_diffs(ledger, "account_change_log") == before
    fleet.sync()
    times = read(ledger, "select distinct change_time from account_change_log where username = 'ana'")
    assert len(times) == 1
    assert _read_diffs(ledger, "account_change_log") == before


def _later(fleet: Fleet) -> frozenset[Any]:
    return AccountState.of(user("ana"), [fleet.adapter.grants[-1]]).held


def _to_documents(difference: Difference) -> tuple[Any, Any]:
    privileges = Wording().to_privilege_diff(difference) if difference.gained or difference.lost else None
    return privileges, to_other_diff(difference) if difference.other else None


def _read_diffs(ledger: Engine, view: str) -> list[tuple[str, Any, Any]]:
    columns = "change_type, privilege_diff, other_diff"
    rows = read(ledger, f"select {columns} from {view} where username = 'ana' order by id")
    return [(row["change_type"], row["privilege_diff"], row["other_diff"]) for row in rows]
