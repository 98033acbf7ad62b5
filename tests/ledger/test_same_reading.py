"""A reading that gave what the newest one gave is not compared by account, and that makes no difference to anything."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, text

from tests.engines.scripted import OBSERVED, Fleet, role, select_on, user
from tests.ledger.rows import read, read_log, read_versions
from whalefall_pipeline.adapters.postgresql.rules import PostgresqlRules
from whalefall_pipeline.core.counts import PermissionCounts
from whalefall_pipeline.core.model import Account, Grant, Observation, Securable, Seen
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.target import Target
from whalefall_pipeline.sync.compare import compare_permissions
from whalefall_pipeline.sync.read import Collected
from whalefall_pipeline.sync.write import write_permissions

World: TypeAlias = tuple[list[Account], list[Grant], Observation]
"""Accounts, grants, and what is seen of the database."""

DENIED = Observation(Seen.DENIED, "no CONNECT")
MEMBER = Grant("ana", "MEMBER", Securable("role", object="readers"))
ACCOUNTS = [user("ana"), user("bob"), role("readers")]
GRANTS = [select_on("readers", "orders"), MEMBER]

# What the ledger holds of an instance, without ids, sessions and moments.
DUMPS = {
    "accounts": "select username, kind, is_active from instance_accounts where instance_id = :id order by 1",
    "snapshots": "select username, regexp_replace(permission_snapshot::text, :moment, '', 'g') as snapshot, "
    "regexp_replace(permission_facts::text, :moment, '', 'g') as facts, last_change_type "
    "from account_permission where instance_id = :id order by 1",
    "grants": "select username, privilege, object_name, database_name, grant_option, valid_to is null as is_open, "
    "count(*) from grant_history where instance_id = :id group by 1, 2, 3, 4, 5, 6 order by 1, 2, 3, 4, 5, 6",
    "log": "select username, change_type, message from account_change_log where instance_id = :id order by 1, id",
    "scopes": "select scope, status, valid_to is null as is_open from instance_scopes "
    "where instance_id = :id order by scope, valid_from",
}


@pytest.fixture
def quick(fleet: Fleet) -> Fleet:
    """A fleet of one instance whose readings say what they were made of."""
    fleet.adapter.tells_rows = True
    fleet.adapter.accounts, fleet.adapter.grants = list(ACCOUNTS), list(GRANTS)
    return fleet


def count(fleet: Fleet, **how: Any) -> PermissionCounts:
    (outcome,) = fleet.sync(**how)
    assert outcome.error is None
    assert outcome.permissions is not None
    return outcome.permissions


def compares(fleet: Fleet, **how: Any) -> bool:
    """Sync, and say whether accounts were compared one by one."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(fleet.engine, "before_cursor_execute", note)
    try:
        count(fleet, **how)
    finally:
        event.remove(fleet.engine, "before_cursor_execute", note)
    return any("left join account_snapshots" in statement for statement in seen)


def test_the_same_reading_writes_nothing_and_counts_the_same(quick: Fleet) -> None:
    quick.adapter.grants.append(select_on("nobody", "orders"))
    first, before = count(quick), read_versions(quick.engine)
    assert not compares(quick)
    assert read_versions(quick.engine) == before
    assert count(quick) == first._replace(added=0)
    assert (first.accounts, first.grants, first.without_account) == (3, 2, 1)


def test_anything_that_was_read_otherwise_is_compared(quick: Fleet) -> None:
    count(quick)
    quick.adapter.grants.append(select_on("bob", "orders"))
    assert compares(quick)
    quick.adapter.accounts[1] = user("bob", rolsuper=True)
    assert compares(quick)
    assert not compares(quick)
    quick.adapter.coverage["database:shop"] = DENIED
    assert compares(quick)
    assert compares(quick)
    quick.adapter.coverage["database:shop"] = OBSERVED
    assert compares(quick)
    assert compares(quick), "of the one in which it came back no digest was kept"
    assert not compares(quick)


class LenientRules(PostgresqlRules):
    """Rules of an engine that does without one database."""

    optional_scopes = frozenset({"database:shop"})


def test_what_may_be_unseen_is_compared_only_where_that_differs(quick: Fleet) -> None:
    quick.adapter.rules = LenientRules()
    assert compares(quick)
    assert not compares(quick)
    quick.adapter.coverage["database:shop"] = DENIED
    assert compares(quick)
    assert compares(quick), "of the first one no digest was kept"
    assert not compares(quick)
    quick.adapter.coverage["database:shop"] = Observation(Seen.DENIED, "for another reason")
    assert compares(quick)
    quick.adapter.coverage["database:shop"] = OBSERVED
    assert compares(quick)
    assert compares(quick)
    assert not compares(quick)


def test_a_scope_that_is_seen_again_is_said_so_where_nobody_holds_anything(quick: Fleet, ledger: Engine) -> None:
    quick.adapter.accounts, quick.adapter.grants = [], []
    for seen in (OBSERVED, DENIED, OBSERVED):
        quick.adapter.coverage["database:shop"] = seen
        count(quick)
    assert len(read(ledger, "select from instance_scopes where valid_to is not null")) == 1
    assert read(ledger, "select from instance_scopes where valid_to is null") == []


def test_a_ledger_that_holds_something_else_is_put_right(quick: Fleet, ledger: Engine) -> None:
    count(quick)
    with ledger.begin() as connection:
        connection.execute(text("delete from account_snapshots where permission_snapshot::text like '%readers%'"))
    assert compares(quick)
    assert len(read(ledger, "select from account_snapshots")) == len(ACCOUNTS)
    assert len(read(ledger, "select from account_grant where valid_to is null")) == len(GRANTS)
    assert len(read(ledger, "select from account_attributes where valid_to is null")) == len(ACCOUNTS)
    assert read_log(ledger) == [(account.username, "add") for account in ACCOUNTS]
    assert not compares(quick)


def test_an_account_that_was_gone_meanwhile_holds_again_what_it_held(quick: Fleet, ledger: Engine) -> None:
    count(quick)
    quick.adapter.accounts = [account for account in ACCOUNTS if account.username != "ana"]
    quick.sync(permissions=False)
    quick.adapter.accounts = list(ACCOUNTS)
    assert compares(quick)
    held = read(ledger, "select role, member from current_memberships")
    assert [tuple(row.values()) for row in held] == [("readers", "ana")]


def test_what_passes_by_itself_is_seen(quick: Fleet, ledger: Engine) -> None:
    """The same rows, read before and after a validity date."""
    instance, ends = quick.instances[0], datetime.fromisoformat("2027-01-01T00:00:00+00:00")
    accounts = [user("ana", rolvaliduntil=ends.isoformat())]
    quick.adapter.accounts, quick.adapter.grants = accounts, []
    quick.sync(permissions=False)
    for moment in (ends - timedelta(days=2), ends - timedelta(days=1), ends + timedelta(days=1)):
        target = Target(quick.plan().session_id, instance, moment)
        reading = quick.adapter.read()
        collected = Collected(target, accounts, lambda _name: False, reading, "1")
        with ledger.connect() as connection, transaction(connection):
            compared = compare_permissions(connection, collected, reading, quick.adapter.rules)
            write_permissions(connection, collected, compared)
        (facts,) = read(ledger, "select permission_facts -> 'capabilities' as found from account_permission")
        assert ("LOCKED" in facts["found"]) == (moment > ends)


LAST_SEEN = r'"last_seen_at": "[^"]*"'


def dump(fleet: Fleet, name: str) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    (instance,) = (instance for instance in fleet.instances if instance.name == name)
    values: dict[str, dict[str, object]] = {"snapshots": {"moment": LAST_SEEN}}
    return {
        what: read(fleet.engine, statement, id=instance.id, **values.get(what, {})) for what, statement in DUMPS.items()
    }


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Few of them, so that one that was comes back."""
    bob = draw(st.sampled_from([[], [user("bob")], [user("bob", rolsuper=True)]]))
    grants = draw(st.sampled_from([[], GRANTS, [*GRANTS, select_on("ana", "orders")]]))
    return [user("ana"), role("readers"), *bob], list(grants), draw(st.sampled_from([OBSERVED, OBSERVED, DENIED]))


WAYS: list[dict[str, Any]] = [{}, {}, {}, {"inventory": False}, {"permissions": False}]


@pytest.mark.parametrize("rules", [PostgresqlRules(), LenientRules()], ids=["strict", "lenient"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(worlds(), st.sampled_from(WAYS)), min_size=2, max_size=6))
def test_the_ledger_is_as_if_all_readings_were_compared(
    ledger: Engine,
    tmp_path: Path,
    rules: PostgresqlRules,
    steps: Sequence[tuple[World, dict[str, Any]]],
) -> None:
    with ledger.begin() as connection:
        connection.execute(text("truncate instances, credentials, sync_sessions cascade"))
    fleet = Fleet(ledger, tmp_path)
    fleet.adapter.rules = rules
    fleet.register("slow", "quick", vanish_limit=100)
    for (accounts, grants, shop), how in steps:
        fleet.adapter.accounts, fleet.adapter.grants = accounts, grants
        fleet.adapter.coverage = {"server": OBSERVED, "database:shop": shop}
        outcomes: list[Any] = []
        for instance in fleet.instances:
            fleet.adapter.tells_rows = fleet.adapter.tells_source = instance.name == "quick"
            outcomes += fleet.sync([instance], accept_collapse=True, **how)
        assert [outcome.error for outcome in outcomes] == [None, None]
        assert outcomes[0].to_items() == outcomes[1].to_items()
        assert dump(fleet, "slow") == dump(fleet, "quick")
