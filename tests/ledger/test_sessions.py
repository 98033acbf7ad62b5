"""Sessions and records: each state once, counts that add up, and no data without its record."""

from datetime import UTC, datetime

import pytest

from tests.engines.scripted import Fleet, select_on, user
from tests.ledger.rows import read, read_versions
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncCancelledError
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.sessions import (
    Items,
    SessionStart,
    close_session,
    complete_record,
    delete_old_sessions,
    open_session,
    read_incomplete,
    start_record,
)
from whalefall_pipeline.ledger.target import Target

# As they stand in the contract.
SESSIONS_OF_AN_INSTANCE = """
select r.sync_session_id, r.instance_id, r.status, r.error_message, r.started_at, r.ended_at
from sync_instance_records r where r.instance_id = :instance_id order by r.started_at desc limit 20"""
ACCOUNTS_OF_AN_INSTANCE = """
select id, instance_id, username, db_type, is_active, updated_at
from instance_accounts where instance_id = :instance_id order by updated_at desc limit 200"""
CHANGES_OF_AN_INSTANCE = """
select id, instance_id, username, change_type, created_at
from account_change_log where instance_id = :instance_id order by created_at desc limit 200"""


def test_the_contracts_queries_answer_what_they_say(fleet: Fleet) -> None:
    instance_id = fleet.instances[0].id
    fleet.adapter.accounts = [user("ana"), user("bob")]
    fleet.sync()
    fleet.adapter.accounts = [user("ana")]
    fleet.sync()
    fleet.adapter.grants_error = DatabaseConnectionError("lost in the middle", transient=False)
    fleet.sync()
    records = read(fleet.engine, SESSIONS_OF_AN_INSTANCE, instance_id=instance_id)
    assert [(row["status"], row["error_message"]) for row in records] == [
        ("failed", "lost in the middle"),
        ("completed", None),
        ("completed", None),
    ]
    assert all(row["started_at"] < row["ended_at"] for row in records)
    accounts = read(fleet.engine, ACCOUNTS_OF_AN_INSTANCE, instance_id=instance_id)
    assert [(row["username"], row["is_active"]) for row in accounts] == [("bob", False), ("ana", True)]
    changes = read(fleet.engine, CHANGES_OF_AN_INSTANCE, instance_id=instance_id)
    assert (changes[0]["username"], changes[0]["change_type"]) == ("bob", "delete")
    assert len(changes) == 3


@pytest.mark.parametrize("query", [SESSIONS_OF_AN_INSTANCE, ACCOUNTS_OF_AN_INSTANCE, CHANGES_OF_AN_INSTANCE])
def test_the_contracts_queries_have_an_index(fleet: Fleet, query: str) -> None:
    with fleet.engine.connect() as connection:
        connection.exec_driver_sql("set enable_seqscan = off")
        plan = connection.exec_driver_sql(f"explain {query.replace(':instance_id', '1')}").scalars().all()
    assert any("Index Cond: (instance_id = 1)" in line for line in plan)


def test_inventory_done_and_permissions_failed(fleet: Fleet) -> None:
    fleet.adapter.accounts = [user("ana")]
    fleet.adapter.grants_error = DatabaseConnectionError("lost in the middle", transient=False)
    (outcome,) = fleet.sync()
    assert outcome.inventory is not None
    assert outcome.permissions is None
    (record,) = read(fleet.engine, "select * from sync_instance_records")
    assert (record["status"], record["error_code"]) == ("failed", "DATABASE_CONNECTION_ERROR")
    assert (record["items_synced"], record["items_created"]) == (1, 1)
    assert record["sync_details"]["inventory"]["active"] == 1
    assert record["sync_details"]["collection"] is None
    assert read(fleet.engine, "select username from instance_accounts") == [{"username": "ana"}]


def test_one_bad_instance_harms_no_other(fleet: Fleet) -> None:
    fleet.register("two", "three")
    fleet.adapter.accounts = [user("ana")]
    failures = iter([DatabaseConnectionError("refused", transient=False)])

    def refuse_one(step: str) -> None:
        error = next(failures, None) if step == "open" else None
        if error:
            raise error

    fleet.adapter.hook = refuse_one
    fleet.sync(parallelism=1)
    (session,) = read(fleet.engine, "select * from sync_sessions")
    assert session["status"] == "failed"
    counts = (session["total_instances"], session["successful_instances"], session["failed_instances"])
    assert counts == (3, 2, 1)
    assert session["completed_at"] == session["ended_at"]


def test_a_record_that_was_closed_takes_its_data_with_it(fleet: Fleet) -> None:
    """A worker that was declared dead, and was not, went on writing."""
    fleet.adapter.accounts, fleet.adapter.grants = [user("ana")], [select_on("ana", "orders")]
    plan = fleet.plan()

    def close(step: str) -> None:
        if step == "grants":
            with fleet.engine.connect() as connection, transaction(connection):
                close_session(
                    connection, plan.session_id, "failed", code="TASK_EXECUTION_FAILED", message="declared dead"
                )

    before = read_versions(fleet.engine)
    fleet.adapter.hook = close
    (outcome,) = fleet.run(plan)
    assert isinstance(outcome.error, SyncCancelledError)
    assert read_versions(fleet.engine) == before
    (record,) = read(fleet.engine, "select status, error_message from sync_instance_records")
    assert record == {"status": "failed", "error_message": "declared dead"}


def test_terminal_states_do_not_change(fleet: Fleet) -> None:
    plan = fleet.plan()
    fleet.run(plan)
    with fleet.engine.connect() as connection, transaction(connection):
        assert close_session(connection, plan.session_id, "cancelled") is None
        open_session(connection, SessionStart(plan.session_id, "scheduled_task"), fleet.instances)
    (session,) = read(fleet.engine, "select status, sync_type from sync_sessions")
    assert session == {"status": "completed", "sync_type": "manual_batch"}
    (record,) = read(fleet.engine, "select status from sync_instance_records")
    assert record["status"] == "completed"


def test_what_a_session_did_not_complete(fleet: Fleet) -> None:
    fleet.register("two")
    plan = fleet.plan()
    with fleet.engine.connect() as connection, transaction(connection):
        open_session(connection, SessionStart(plan.session_id, "manual_batch", batch_id="b"), fleet.instances)
        close_session(connection, plan.session_id, "cancelled")
        assert read_incomplete(connection, plan.session_id) == ["one", "two"]
        assert read_incomplete(connection, "b") == ["one", "two"]
        assert read_incomplete(connection, "unknown") is None


def test_old_sessions_are_deleted_and_history_stays(fleet: Fleet) -> None:
    fleet.adapter.accounts = [user("ana")]
    fleet.sync()
    with fleet.engine.connect() as connection, transaction(connection):
        assert delete_old_sessions(connection, 1) == 0
        connection.exec_driver_sql("update sync_sessions set completed_at = now() - interval '3 days'")
        assert delete_old_sessions(connection, 2) == 1
    assert read(fleet.engine, "select from sync_instance_records") == []
    assert len(read(fleet.engine, "select from account_change_log")) == 1


def test_syncs_without_change_add_records_and_nothing_else(fleet: Fleet) -> None:
    fleet.adapter.accounts, fleet.adapter.grants = [user("ana")], [select_on("ana", "orders")]
    fleet.sync()
    before = read_versions(fleet.engine)
    for _ in range(20):
        fleet.sync()
    assert read_versions(fleet.engine) == before
    assert len(read(fleet.engine, "select from sync_instance_records")) == 21


def test_a_record_that_was_closed_neither_begins_nor_completes(fleet: Fleet) -> None:
    (instance,) = fleet.instances
    with fleet.engine.connect() as connection, transaction(connection):
        open_session(connection, SessionStart("s", "manual_batch"), [instance])
        close_session(connection, "s", "cancelled")
        before = connection.exec_driver_sql("select * from sync_instance_records").all()
        with pytest.raises(SyncCancelledError, match="the record of one was closed before it began"):
            start_record(connection, "s", instance)
        with pytest.raises(SyncCancelledError, match="the record of one was closed meanwhile; nothing was written"):
            complete_record(connection, Target("s", instance, datetime.now(UTC)), Items(synced=1))
        assert connection.exec_driver_sql("select * from sync_instance_records").all() == before
