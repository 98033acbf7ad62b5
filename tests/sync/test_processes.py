"""A session over several processes: each instance ends as it would in one, and so does the session, whatever ends."""

import os
import pickle
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from multiprocessing import Pipe
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.engines.scripted import Fleet
from tests.ledger.rows import read
from tests.servers.postgresql import PostgresqlServer
from whalefall_pipeline.adapters.postgresql.errors import DatabaseRefusedError
from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncCancelledError, WhalefallError
from whalefall_pipeline.core.model import Instance, Seen
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import read_instances, write_instance
from whalefall_pipeline.ledger.secrets import SecretStore
from whalefall_pipeline.ledger.sessions import SessionStart, open_session
from whalefall_pipeline.settings import Settings
from whalefall_pipeline.sync import processes, worker
from whalefall_pipeline.sync.cancellation import Cancellation
from whalefall_pipeline.sync.lock import holding
from whalefall_pipeline.sync.plan import Collector, Plan, choose_processes
from whalefall_pipeline.sync.processes import Processes, Worker, count_processes, to_task
from whalefall_pipeline.sync.session import run_session
from whalefall_pipeline.sync.tell import Outcome

NAMES = [f"i{number}" for number in range(6)]
DEAD_PORT = 1
WAIT_SECONDS = 60


@pytest.fixture
def registered(ledger: Engine, ledger_server: PostgresqlServer, tmp_path: Path) -> Sequence[Instance]:
    """Six instances that are one server, of which the last answers on no port."""
    server, store = ledger_server, SecretStore(tmp_path)
    with ledger.connect() as connection, transaction(connection):
        for name in NAMES:
            port = DEAD_PORT if name == NAMES[-1] else server.port
            options = {"tls": "disabled"}
            instance = Instance(0, name, "postgresql", server.host, port, "postgres", options=options)
            write_instance(connection, instance, username=server.superuser, secret=store.encrypt(server.password))
    with ledger.connect() as connection, transaction(connection):
        return read_instances(connection)


@pytest.fixture
def plan(ledger: Engine, registered: Sequence[Instance], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setattr(processes, "LEAST_EACH", 1)
    collectors = {db_type: Collector(adapter) for db_type, adapter in ADAPTERS.items()}
    plan = Plan("s", ledger, collectors, SecretStore(tmp_path), parallelism=4, processes=2, attempts=1)
    with ledger.connect() as connection, transaction(connection):
        open_session(connection, SessionStart("s", "manual_batch"), registered)
    return plan


def _lock(held: ExitStack, plan: Plan, *instances: Instance) -> None:
    """Have another session work on instances, so that they wait."""
    for instance in instances:
        connection = held.enter_context(plan.engine.connect())
        held.enter_context(holding(connection, "other", instance, wait_seconds=0, cancellation=Cancellation()))


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_each_instance_ends_as_it_would_in_one_process(plan: Plan, registered: Sequence[Instance]) -> None:
    told: list[Outcome] = []
    outcomes = run_session(plan, registered, told.append)
    assert told == outcomes
    assert sorted(outcome.instance.name for outcome in outcomes) == NAMES
    errors = {outcome.instance.name: outcome.error for outcome in outcomes if outcome.error}
    assert list(errors) == NAMES[-1:], errors
    assert isinstance(errors[NAMES[-1]], DatabaseConnectionError)
    counts = {(outcome.inventory, outcome.permissions, outcome.opened) for outcome in outcomes if not outcome.error}
    assert len(counts) == 1
    records = read(plan.engine, "select instance_name, status, error_code from sync_instance_records order by 1")
    assert [row["status"] for row in records] == ["completed"] * 5 + ["failed"]
    assert records[-1]["error_code"] == DatabaseConnectionError.code
    (session,) = read(plan.engine, "select status, successful_instances, failed_instances from sync_sessions")
    assert tuple(session.values()) == ("failed", 5, 1)


def test_a_process_that_is_killed_fails_what_it_worked_on_and_nothing_else(
    plan: Plan, registered: Sequence[Instance]
) -> None:
    """Both are killed while each waits for an instance; what they had not begun goes to those that take their place."""
    locked, ended = registered[:4], dict[str, str]()
    with ExitStack() as held:
        _lock(held, plan, *locked)
        crew = Processes(plan, registered, 2)
        first = crew.pids
        for pid in first:
            os.kill(pid, signal.SIGKILL)
        for outcome in crew.work():
            ended[outcome.instance.name] = str(outcome.error or "completed")
    assert [ended[instance.name] for instance in locked] == ["the process that worked on it ended by signal 9"] * 4
    assert ended[NAMES[4]] == "completed"
    assert sorted(ended) == NAMES
    failed = read(plan.engine, "select error_message from sync_instance_records where error_message ~ 'signal 9'")
    assert len(failed) == 4
    assert not any(map(_is_running, first))
    assert crew.pids == []


@pytest.mark.parametrize("cause", [KeyboardInterrupt(), None], ids=["an interrupt", "closed from outside"])
def test_a_cancel_reaches_all_of_them(plan: Plan, registered: Sequence[Instance], cause: BaseException | None) -> None:
    """Two instances wait for a lock; the cancel comes when the others are done."""
    told: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        told.append(outcome)
        if len(told) == len(registered) - 2:
            if cause:
                raise cause
            plan.cancellation.cancel()

    with ExitStack() as held:
        _lock(held, plan, *registered[:2])
        if cause:
            with pytest.raises(KeyboardInterrupt):
                run_session(plan, registered, tell)
        else:
            outcomes = run_session(plan, registered, tell)
            assert [type(outcome.error) for outcome in outcomes[-2:]] == [SyncCancelledError] * 2
    status = read(plan.engine, "select status from sync_sessions")[0]["status"]
    assert status == ("cancelled" if cause else "failed")


def test_a_process_ends_when_the_one_that_started_it_is_gone(plan: Plan, registered: Sequence[Instance]) -> None:
    """That one's end of the socket is closed then, however it ended; what is under way is cancelled."""
    with ExitStack() as held:
        _lock(held, plan, registered[0])
        worker = Worker(to_task(plan), 1)
        worker.begin(registered[1])
        assert worker.receive() is not None
        worker.begin(registered[0])
        worker.connection.close()
        assert worker.process.wait(WAIT_SECONDS) == 0


def test_secrets_are_in_no_argument_and_no_text_of_what_is_sent(plan: Plan) -> None:
    task, url = to_task(plan), plan.engine.url
    worker = Worker(task, 1)
    try:
        assert url.password is not None
        assert url.password not in f"{task!r} {worker.process.args!r}"
    finally:
        worker.end()


@pytest.mark.parametrize(
    "error",
    [
        DatabaseConnectionError("reset", transient=True),
        DatabaseRefusedError("no CONNECT", Seen.DENIED, transient=False),
        SyncCancelledError("the session was cancelled"),
    ],
)
def test_an_error_is_the_same_in_another_process(error: WhalefallError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
    assert (type(copy), copy.args, vars(copy)) == (type(error), error.args, vars(error))


def test_what_nobody_expects_ends_an_instance_and_keeps_nobody_waiting(
    plan: Plan, registered: Sequence[Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = Pipe()

    def fail(*_: object) -> Outcome:
        raise TypeError("with a secret in it")

    monkeypatch.setattr(worker, "sync_instance", fail)
    work = worker.Work(plan, theirs)
    work.take(registered[0])
    outcome = ours.recv()
    work.end()
    assert (outcome.instance.name, str(outcome.error)) == (NAMES[0], "TypeError: it stopped in the middle")


def test_processes_that_can_not_begin_leave_the_work_to_threads(
    plan: Plan, registered: Sequence[Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes.sys, "executable", "/bin/false")
    outcomes = run_session(plan, registered, lambda _: None)
    assert sorted(outcome.instance.name for outcome in outcomes) == NAMES
    first = [outcome for outcome in outcomes if "ended with status 1" in str(outcome.error)]
    assert len(first) == plan.parallelism
    monkeypatch.setattr(processes.sys, "executable", "/nowhere")
    with pytest.raises(FileNotFoundError):
        run_session(plan, registered, lambda _: None)
    assert read(plan.engine, "select status from sync_sessions") == [{"status": "failed"}]


@pytest.mark.parametrize(
    ("wanted", "parallelism", "instances", "expected"),
    [(1, 8, 1000, 1), (4, 8, 1000, 4), (4, 2, 1000, 2), (4, 8, 80, 2), (4, 8, 63, 1), (4, 8, 0, 1)],
)
def test_few_instances_are_worked_on_in_this_process(
    fleet: Fleet, wanted: int, parallelism: int, instances: int, expected: int
) -> None:
    collectors = {"postgresql": Collector(ADAPTERS["postgresql"])}
    plan = fleet.plan(processes=wanted, parallelism=parallelism, collectors=collectors)
    assert count_processes(plan, instances) == expected
    assert (
        count_processes(fleet.plan(processes=wanted, parallelism=parallelism), instances) == 1
    )  # a test's own adapter


def test_a_deployment_says_how_many() -> None:
    assert choose_processes(Settings(processes=7)) == 7
    assert 1 <= choose_processes(Settings()) <= 4
