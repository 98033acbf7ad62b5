"""How a session works through its instances: retries, locks, order, cancel, and a ledger that is lost."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from tests.engines.scripted import Fleet, select_on, user
from tests.ledger.rows import read, read_log, read_versions
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import Reading
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import read_instances
from whalefall_pipeline.ledger.sessions import SessionStart, open_session
from whalefall_pipeline.ledger.target import Target, read_clock
from whalefall_pipeline.sync.compare import compare_accounts, compare_permissions
from whalefall_pipeline.sync.lock import holding
from whalefall_pipeline.sync.read import Collected
from whalefall_pipeline.sync.session import run_session
from whalefall_pipeline.sync.write import write_accounts, write_permissions

WAIT_SECONDS = 30


def _never(_username: str) -> bool:
    return False


def _fail(times: int, error: Exception, at: str = "open") -> Callable[[str], None]:
    left = [times]

    def fail(step: str) -> None:
        if step == at and left[0]:
            left[0] -= 1
            raise error

    return fail


@pytest.mark.parametrize("at", ["open", "grants"])
def test_a_transient_error_is_tried_again(fleet: Fleet, at: str) -> None:
    fleet.adapter.hook = _fail(2, DatabaseConnectionError("reset", transient=True), at)
    (outcome,) = fleet.sync(attempts=3)
    assert (outcome.error, outcome.attempts) == (None, 3)


def test_after_the_last_attempt_it_fails_with_the_reason(fleet: Fleet) -> None:
    fleet.adapter.hook = _fail(9, DatabaseConnectionError("connection reset by peer", transient=True))
    (outcome,) = fleet.sync(attempts=3)
    assert outcome.attempts == 3
    (record,) = read(fleet.engine, "select * from sync_instance_records")
    assert (record["error_code"], record["error_message"]) == ("DATABASE_CONNECTION_ERROR", "connection reset by peer")


def test_a_refused_login_is_never_tried_again(fleet: Fleet) -> None:
    fleet.adapter.hook = _fail(9, DatabaseConnectionError("password authentication failed", transient=False))
    (outcome,) = fleet.sync(attempts=5)
    assert outcome.attempts == fleet.adapter.opened == 1


def test_an_unexpected_error_fails_its_instance_and_hides_the_secret(fleet: Fleet) -> None:
    fleet.adapter.hook = _fail(1, RuntimeError("can't parse user=collector password=hush"))
    (outcome,) = fleet.sync()
    assert outcome.error is not None
    (record,) = read(fleet.engine, "select * from sync_instance_records")
    assert record["error_code"] == "TASK_EXECUTION_FAILED"
    assert record["error_message"].startswith("RuntimeError")
    assert "hush" not in record["error_message"]


def test_unusable_definitions_are_validation_errors(fleet: Fleet) -> None:
    fleet.register("no engine", "no credential")
    with fleet.engine.begin() as connection:
        connection.execute(text("update instances set db_type = 'dbase' where name = 'no engine'"))
        connection.execute(text("update instances set credential_id = null where name = 'no credential'"))
    with fleet.engine.connect() as connection:
        fleet.instances = read_instances(connection)
    errors = {outcome.instance.name: outcome.error for outcome in fleet.sync()}
    assert errors["one"] is None
    assert {error.code for error in errors.values() if error} == {"VALIDATION_ERROR"}
    assert "known are postgresql" in str(errors["no engine"])


def test_two_sessions_never_read_an_instance_at_once(fleet: Fleet) -> None:
    inside, most = [0], [0]
    guard = threading.Lock()

    def enter(step: str) -> None:
        with guard:
            inside[0] += {"open": 1, "grants": -1}.get(step, 0)
            most[0] = max(most[0], inside[0])

    fleet.adapter.hook = enter
    threads = [threading.Thread(target=fleet.sync) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_SECONDS)
    assert most[0] == 1
    statuses = read(fleet.engine, "select status from sync_sessions")
    assert [row["status"] for row in statuses] == ["completed"] * 4


def test_the_second_session_gives_up_with_the_first_ones_id(fleet: Fleet) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def stay(step: str) -> None:
        if step == "grants" and not reached.is_set():
            reached.set()
            go_on.wait(WAIT_SECONDS)

    fleet.adapter.hook = stay
    plan = fleet.plan()
    first = threading.Thread(target=fleet.run, args=(plan,))
    first.start()
    assert reached.wait(WAIT_SECONDS)
    (outcome,) = fleet.sync(lock_wait_seconds=0)
    go_on.set()
    first.join(WAIT_SECONDS)
    assert outcome.error is not None
    assert f"session {plan.session_id} works on one still" in str(outcome.error)
    states = read(fleet.engine, "select status from sync_sessions order by started_at")
    assert [row["status"] for row in states] == ["completed", "failed"]


def test_the_lock_is_free_after_an_error(fleet: Fleet) -> None:
    plan = fleet.plan()

    def hold(connection: Connection) -> AbstractContextManager[None]:
        cancellation = plan.cancellation
        return holding(connection, plan.session_id, fleet.instances[0], wait_seconds=0, cancellation=cancellation)

    with pytest.raises(ZeroDivisionError), fleet.engine.connect() as connection, hold(connection):
        raise ZeroDivisionError
    with fleet.engine.connect() as connection, hold(connection):
        pass


def test_an_older_reading_never_overwrites_a_newer_one(fleet: Fleet) -> None:
    """Whatever the order in which they commit, and even without the lock."""
    plan = fleet.plan()
    instance, rules = fleet.instances[0], fleet.adapter.rules
    with fleet.engine.connect() as connection:
        with transaction(connection):
            newer = Target(plan.session_id, instance, read_clock(connection))
            reading = Reading.of([select_on("ana", "orders")], {})
            collected = Collected(newer, [user("ana")], _never, reading, "1")
            write_accounts(connection, collected, compare_accounts(connection, collected, accept_collapse=False))
            write_permissions(connection, collected, compare_permissions(connection, collected, reading, rules))
        before = read_versions(fleet.engine)
        older = Target(plan.session_id, instance, newer.read_at - timedelta(seconds=1))
        nothing = Reading({}, {})
        late = Collected(older, [], _never, nothing, "1")
        for write in (
            lambda: compare_accounts(connection, late, accept_collapse=True),
            lambda: compare_permissions(connection, late, nothing, rules),
        ):
            with pytest.raises(Exception, match="a later reading"), transaction(connection):
                write()
    assert read_versions(fleet.engine) == before


def test_cancel_ends_what_runs_and_leaves_what_is_done(fleet: Fleet) -> None:
    fleet.register("two", "three", "four")
    fleet.adapter.accounts = [user("ana")]
    plan = fleet.plan(parallelism=1)
    opened = [0]

    def interrupt(step: str) -> None:
        opened[0] += step == "open"
        if step == "grants" and opened[0] == 2:
            plan.cancellation.wait(WAIT_SECONDS)

    def tell(_outcome: object) -> None:
        raise KeyboardInterrupt

    fleet.adapter.hook = interrupt
    with fleet.engine.connect() as connection, transaction(connection):
        open_session(connection, SessionStart(plan.session_id, "manual_task"), fleet.instances)
    with pytest.raises(KeyboardInterrupt):
        run_session(plan, fleet.instances, tell)
    (session,) = read(fleet.engine, "select * from sync_sessions")
    assert (session["status"], session["successful_instances"]) == ("cancelled", 1)
    records = read(fleet.engine, "select status from sync_instance_records order by id")
    assert [row["status"] for row in records] == ["completed", "cancelled", "cancelled", "cancelled"]
    assert read_log(fleet.engine) == [("ana", "add")]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("sync", "heartbeat"))]
    assert read(fleet.engine, "select from pg_locks where locktype = 'advisory'") == []


def test_cancel_ends_a_write_that_waits_in_the_ledger(fleet: Fleet) -> None:
    fleet.register("two")
    fleet.adapter.accounts, fleet.adapter.grants = [user("ana")], [select_on("ana", "orders")]
    plan = fleet.plan(parallelism=1)
    locked = threading.Event()
    opened = [0]

    def wait_for_lock(step: str) -> None:
        opened[0] += step == "open"
        if step == "grants" and opened[0] == 2:
            assert locked.wait(WAIT_SECONDS)

    def block_and_interrupt(_outcome: object) -> None:
        blocker.execute(text("lock table account_holding in share mode"))
        locked.set()
        blocked = "select from pg_locks where relation = 'account_holding'::regclass and not granted"
        ends_at = time.monotonic() + WAIT_SECONDS
        while not read(fleet.engine, blocked):
            assert time.monotonic() < ends_at
        raise KeyboardInterrupt

    fleet.adapter.hook = wait_for_lock
    with fleet.engine.connect() as connection, transaction(connection):
        open_session(connection, SessionStart(plan.session_id, "manual_task"), fleet.instances)
    with fleet.engine.connect() as blocker:
        with pytest.raises(KeyboardInterrupt):
            run_session(plan, fleet.instances, block_and_interrupt)
        (session,) = read(fleet.engine, "select * from sync_sessions")
        assert (session["status"], session["successful_instances"]) == ("cancelled", 1)
        records = read(fleet.engine, "select status, error_code from sync_instance_records order by id")
        assert [(row["status"], row["error_code"]) for row in records] == [("completed", None), ("cancelled", None)]
        assert len(read(fleet.engine, "select from current_grants")) == 1
        assert not [thread for thread in threading.enumerate() if thread.name.startswith(("sync", "heartbeat"))]


def test_a_session_that_is_ended_from_outside_stops_its_work(fleet: Fleet) -> None:
    plan = fleet.plan()

    def end_and_wait(step: str) -> None:
        if step == "grants":
            with fleet.engine.begin() as connection:
                connection.execute(text("update sync_sessions set status = 'cancelled', completed_at = now()"))
            plan.cancellation.wait(WAIT_SECONDS)

    fleet.adapter.hook = end_and_wait
    (outcome,) = fleet.run(plan)
    assert "cancelled" in str(outcome.error)


def test_a_ledger_that_is_lost_in_the_middle_fails_the_instance_and_keeps_the_old_state(fleet: Fleet) -> None:
    fleet.adapter.accounts = [user("ana")]
    fleet.sync()
    before = read_versions(fleet.engine)

    def cut(step: str) -> None:
        if step == "grants":
            with fleet.engine.connect() as connection:
                connection.execute(
                    text(
                        "select pg_terminate_backend(pid) from pg_stat_activity "
                        "where pid <> pg_backend_pid() and datname = current_database() and state = 'idle'"
                    )
                )

    fleet.adapter.hook = cut
    fleet.adapter.accounts = [user("ana"), user("bob")]
    (outcome,) = fleet.sync(heartbeat_seconds=60)
    assert outcome.error is not None
    assert outcome.error.code == "DATABASE_QUERY_ERROR"
    assert read_versions(fleet.engine) == before
    fleet.adapter.hook = lambda _step: None
    (outcome,) = fleet.sync()
    assert outcome.error is None
