"""What a sync writes: the accounts, what they hold, the log; nothing where nothing changed, nothing where it failed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import pytest
from sqlalchemy import Connection, event

from tests.engines.scripted import OBSERVED, Fleet, role, select_on, user
from tests.ledger.rows import read, read_log, read_versions
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncDataError
from whalefall_pipeline.core.model import Account, Grant, Kind, Observation, Securable, Seen
from whalefall_pipeline.ledger import database

MEMBER_OF_READERS = Grant("ana", "MEMBER", Securable("role", object="readers"))


def _script(fleet: Fleet, accounts: list[Account], grants: list[Grant]) -> None:
    fleet.adapter.accounts, fleet.adapter.grants = accounts, grants


def test_accounts_come_change_go_and_come_back(fleet: Fleet) -> None:
    _script(fleet, [user("ana"), user("bob"), role("readers")], [select_on("readers", "orders"), MEMBER_OF_READERS])
    fleet.sync()
    _script(fleet, [user("ana", locked=True), role("readers")], [select_on("readers", "orders", option=True)])
    fleet.sync()
    _script(fleet, [user("ana"), user("bob"), role("readers")], [select_on("readers", "orders", option=True)])
    (outcome,) = fleet.sync()
    assert outcome.error is None
    changes = read(fleet.engine, "select username, change_type, message from account_change_log order by id")
    said = [(row["username"], row["change_type"], row["message"]) for row in changes]
    assert said[:3] == [
        ("ana", "add", "holds MEMBER on role readers"),
        ("bob", "add", "holds nothing"),
        ("readers", "add", "holds SELECT on table shop.public.orders"),
    ]
    assert sorted(said[3:6]) == [
        ("ana", "modify_privilege", "revoked MEMBER on role readers; locked: none -> true"),
        ("bob", "delete", "held nothing"),
        ("readers", "modify_privilege", "gained the option to pass on SELECT on table shop.public.orders"),
    ]
    assert said[6:] == [("ana", "modify_other", "locked: true -> none"), ("bob", "reactivate", "holds nothing")]


def test_a_dropped_account_is_marked_logged_and_its_grants_end(fleet: Fleet) -> None:
    _script(fleet, [user("ana"), user("bob")], [select_on("bob", "orders")])
    fleet.sync()
    _script(fleet, [user("ana")], [])
    (outcome,) = fleet.sync()
    assert outcome.inventory is not None
    assert outcome.inventory.deleted == 1
    (account,) = read(fleet.engine, "select * from instance_accounts where username = 'bob'")
    assert (account["is_active"], account["deleted_at"]) == (False, account["updated_at"])
    (grant,) = read(fleet.engine, "select valid_to from account_grant")
    assert grant["valid_to"] == account["deleted_at"]
    (entry,) = read(fleet.engine, "select * from account_change_log where change_type = 'delete'")
    assert entry["privilege_diff"]["entries"] == [
        {
            "action": "REVOKE",
            "object": "table shop.public.orders",
            "permissions": ["SELECT"],
            "securable": {"scope": "table", "database": "shop", "schema": "public", "object": "orders"},
        }
    ]
    assert {"field": "account_kind", "before": "user", "after": None} in entry["other_diff"]["entries"]
    (snapshot,) = read(fleet.engine, "select * from account_permission where username = 'bob'")
    assert (snapshot["last_change_type"], snapshot["last_sync_time"]) == ("delete", account["deleted_at"])


def test_a_sync_without_change_writes_no_row_of_an_account(fleet: Fleet) -> None:
    accounts = [user(f"user{number}", locked=False) for number in range(20)]
    _script(fleet, accounts, [select_on(account.username, "orders") for account in accounts])
    fleet.sync()
    before = read_versions(fleet.engine)
    (outcome,) = fleet.sync()
    assert outcome.error is None
    assert read_versions(fleet.engine) == before
    assert len(read(fleet.engine, "select from sync_instance_records")) == 2


def test_only_changed_accounts_are_written(fleet: Fleet) -> None:
    accounts = [user(f"user{number}") for number in range(20)]
    _script(fleet, accounts, [select_on(account.username, "orders") for account in accounts])
    fleet.sync()
    before = read_versions(fleet.engine)
    fleet.adapter.grants.append(select_on("user7", "payments"))
    fleet.sync()
    after = read_versions(fleet.engine)
    new_rows = {table: len(set(after[table]) - set(before[table])) for table in after}
    assert new_rows == {
        **dict.fromkeys(("instance_accounts", "account_attributes", "instance_scopes"), 0),
        **dict.fromkeys(("instance_attributes", "instance_change_log"), 0),
        **dict.fromkeys(("account_snapshots", "account_holding", "instance_grant", "account_changes"), 1),
    }


def _count_statements(monkeypatch: pytest.MonkeyPatch, fleet: Fleet, work: Callable[[], object]) -> int:
    seen: list[str] = []

    def note(_connection: Connection, _cursor: object, statement: str, *_more: object) -> None:
        seen.append(statement)

    def note_copy(connection: Connection, table: str, columns: Sequence[str], texts: Iterable[str]) -> None:
        seen.append(f"copy {table}")
        database.copy_texts(connection, table, columns, texts)

    monkeypatch.setattr("whalefall_pipeline.ledger.copying.copy_texts", note_copy)
    event.listen(fleet.engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(fleet.engine, "before_cursor_execute", note)
        monkeypatch.undo()
    return len([statement for statement in seen if "heartbeat_at = clock_timestamp() where" not in statement])


@pytest.mark.parametrize("phase", ["first", "unchanged", "all changed"])
def test_the_number_of_statements_does_not_depend_on_the_number_of_accounts(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    fleet.register("ten", "thousand")
    counts: list[int] = []
    for instance, number in zip(fleet.instances[1:], (10, 1000), strict=True):
        accounts = [user(f"user{index}") for index in range(number)]
        _script(fleet, accounts, [select_on(account.username, "orders") for account in accounts])
        if phase != "first":
            fleet.sync([instance])
        if phase == "all changed":
            fleet.adapter.grants = [select_on(account.username, "payments") for account in accounts]
        counts.append(_count_statements(monkeypatch, fleet, lambda instance=instance: fleet.sync([instance])))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    "error",
    [
        SyncDataError("the account list can't be read: permission denied"),
        DatabaseConnectionError("lost", transient=True),
    ],
)
def test_an_unreadable_account_list_changes_nothing(fleet: Fleet, error: Exception) -> None:
    _script(fleet, [user("ana"), user("bob")], [select_on("bob", "orders")])
    fleet.sync()
    before = read_versions(fleet.engine)

    def refuse(step: str) -> None:
        if step == "accounts":
            raise error

    fleet.adapter.hook = refuse
    (outcome,) = fleet.sync()
    assert outcome.error is error
    assert read_versions(fleet.engine) == before


def test_a_collapse_changes_nothing_and_can_be_accepted_once(fleet: Fleet) -> None:
    _script(fleet, [user(f"user{number}") for number in range(30)], [])
    fleet.sync()
    before = read_versions(fleet.engine)
    fleet.adapter.accounts = fleet.adapter.accounts[:5]
    (outcome,) = fleet.sync()
    assert outcome.error is not None
    assert outcome.error.code == "SYNC_DATA_ERROR"
    assert read_versions(fleet.engine) == before
    (outcome,) = fleet.sync(accept_collapse=True)
    assert outcome.inventory is not None
    assert outcome.inventory.deleted == 25


def test_the_limit_is_the_instances_own(fleet: Fleet) -> None:
    fleet.register("strict", vanish_limit=10)
    _script(fleet, [user(f"user{number}") for number in range(100)], [])
    fleet.sync()
    fleet.adapter.accounts = fleet.adapter.accounts[:80]
    outcomes = {outcome.instance.name: outcome.error for outcome in fleet.sync()}
    assert outcomes["one"] is None
    assert isinstance(outcomes["strict"], SyncDataError)


def test_a_scope_that_was_not_seen_keeps_its_grants(fleet: Fleet) -> None:
    """A failed query stored as empty was logged as a mass revoke; an offline database's grants disappeared."""
    shop, hr = select_on("ana", "orders"), select_on("ana", "salaries", database="hr")
    fleet.adapter.coverage = dict.fromkeys(("server", "database:shop", "database:hr"), OBSERVED)
    _script(fleet, [user("ana"), user("bob")], [shop, hr])
    fleet.sync()
    fleet.adapter.coverage["database:hr"] = Observation(Seen.UNREACHABLE, "it refuses connections")
    fleet.adapter.grants = [shop]
    (outcome,) = fleet.sync()
    assert outcome.error is None
    assert read_log(fleet.engine) == [("ana", "add"), ("bob", "add")]
    (snapshot,) = read(fleet.engine, "select permission_snapshot s from account_permission where username = 'ana'")
    assert snapshot["s"]["categories"]["postgresql_table_privileges"]["hr"] == {"public": {"salaries": ["SELECT"]}}
    (unseen,) = snapshot["s"]["meta"]["not_observed"]
    first, second = read(fleet.engine, "select started_at from sync_sessions order by started_at")
    assert (unseen["scope"], unseen["status"], unseen["reason"]) == (
        "database:hr",
        "unreachable",
        "it refuses connections",
    )
    assert first["started_at"].isoformat() < unseen["last_seen_at"] < second["started_at"].isoformat()

    before = read_versions(fleet.engine)
    fleet.sync()
    assert read_versions(fleet.engine) == before, "unseen again, for the same reason: nothing to write"

    fleet.adapter.coverage["database:hr"] = OBSERVED
    fleet.adapter.grants = [shop, select_on("bob", "salaries", database="hr")]
    fleet.sync()
    assert sorted(read_log(fleet.engine)[2:]) == [("ana", "modify_privilege"), ("bob", "modify_privilege")]
    (snapshot,) = read(fleet.engine, "select permission_snapshot s from account_permission where username = 'ana'")
    assert snapshot["s"]["meta"] == {}


def test_a_database_that_was_never_seen_has_no_moment(fleet: Fleet) -> None:
    fleet.adapter.coverage = {"server": OBSERVED, "database:hr": Observation(Seen.DENIED, "no CONNECT")}
    _script(fleet, [user("ana")], [])
    fleet.sync()
    fleet.adapter.coverage["database:new"] = Observation(Seen.DENIED, "no CONNECT")
    fleet.sync()
    (snapshot,) = read(fleet.engine, "select permission_snapshot s from account_permission")
    seen = {item["scope"]: item["last_seen_at"] for item in snapshot["s"]["meta"]["not_observed"]}
    assert seen == {"database:hr": None, "database:new": None}


def test_an_account_that_may_hide_in_a_database_that_was_not_seen_is_not_gone(fleet: Fleet) -> None:
    """Users that live in one database of SQL Server, or in one pluggable database of Oracle."""
    fleet.adapter.coverage = dict.fromkeys(("server", "database:hr"), OBSERVED)
    _script(fleet, [user("ana"), user("hr.bob")], [select_on("hr.bob", "salaries", database="hr")])
    fleet.sync()
    fleet.adapter.coverage["database:hr"] = Observation(Seen.UNREACHABLE, "it is offline")
    fleet.adapter.hidden = {"hr.bob"}
    _script(fleet, [user("ana")], [])
    (outcome,) = fleet.sync()
    assert outcome.inventory is not None
    assert (outcome.inventory.deleted, outcome.inventory.hidden) == (0, 1)
    assert read_log(fleet.engine) == [("ana", "add"), ("hr.bob", "add")]
    (snapshot,) = read(fleet.engine, "select permission_snapshot s from account_permission where username = 'hr.bob'")
    assert snapshot["s"]["categories"]["postgresql_table_privileges"]["hr"] == {"public": {"salaries": ["SELECT"]}}
    assert [item["scope"] for item in snapshot["s"]["meta"]["not_observed"]] == ["database:hr"]


def test_a_database_that_is_gone_takes_its_grants_with_it(fleet: Fleet) -> None:
    fleet.adapter.coverage = dict.fromkeys(("server", "database:shop", "database:hr"), OBSERVED)
    _script(fleet, [user("ana")], [select_on("ana", "salaries", database="hr")])
    fleet.sync()
    del fleet.adapter.coverage["database:hr"]
    fleet.adapter.grants = []
    fleet.sync()
    assert read_log(fleet.engine) == [("ana", "add"), ("ana", "modify_privilege")]


def test_grants_of_nobody_are_counted(fleet: Fleet) -> None:
    _script(fleet, [user("ana")], [select_on("ana", "orders"), select_on("a ghost", "orders")])
    fleet.sync()
    (record,) = read(fleet.engine, "select sync_details d from sync_instance_records")
    assert record["d"]["collection"]["grants_without_account"] == 1


def test_permissions_alone_write_what_the_inventory_knows(fleet: Fleet) -> None:
    _script(fleet, [user("ana")], [select_on("ana", "orders")])
    fleet.sync(permissions=False)
    assert read_log(fleet.engine) == []
    _script(fleet, [user("ana"), user("newcomer")], [select_on("ana", "orders")])
    (outcome,) = fleet.sync(inventory=False)
    assert outcome.permissions is not None
    assert (outcome.permissions.accounts, outcome.permissions.not_in_inventory) == (1, 1)
    assert read_log(fleet.engine) == [("ana", "add")]


def test_a_change_of_kind_is_said(fleet: Fleet) -> None:
    _script(fleet, [user("ana")], [])
    fleet.sync()
    _script(fleet, [replace(user("ana"), kind=Kind.ROLE)], [])
    fleet.sync()
    assert read_log(fleet.engine) == [("ana", "add"), ("ana", "modify_other")]
    (account,) = read(fleet.engine, "select kind from instance_accounts")
    assert account["kind"] == "role"
