"""Works through a session's instances, many at a time, from its open begin to its end."""

import os
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from whalefall_pipeline.core.changes import Changes
from whalefall_pipeline.core.errors import LedgerError, WhalefallError
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.alerts import write_failures
from whalefall_pipeline.ledger.database import connecting, transaction
from whalefall_pipeline.ledger.sessions import beat, close_session
from whalefall_pipeline.sync.crew import Crew, Threads
from whalefall_pipeline.sync.instance import to_first_line
from whalefall_pipeline.sync.interpreter import INSTANCES_BETWEEN, release, tuned
from whalefall_pipeline.sync.plan import Plan
from whalefall_pipeline.sync.processes import Processes, count_processes
from whalefall_pipeline.sync.tell import Outcome

UNWRITTEN = "its outcome could not be written when it ended"
ORPHANED = "the run's process was told to end, since the one that had started it died"


def run_session(plan: Plan, instances: Sequence[Instance], tell: Callable[[Outcome], None]) -> list[Outcome]:
    """Sync the instances of a session that is open already, and close it; `tell` is called here as each one ends,
    with what changed of it (not where another process worked on it).

    An interrupt (any BaseException) cancels what is under way, closes the session as cancelled, and goes on up; one
    that comes since the parent process died is an error, and the session failed.
    """
    parent = os.getppid()
    outcomes: list[Outcome] = []
    processes = count_processes(plan, len(instances))
    with _beating(plan), tuned():
        crew: Crew | None = None
        try:
            crew = Processes(plan, instances, processes) if processes > 1 else Threads(plan, instances)
            for outcome in crew.work():
                outcomes.append(outcome)
                tell(outcome)
                outcome.changes = Changes()
                if len(outcomes) % INSTANCES_BETWEEN == 0:
                    release()
        except BaseException as error:
            cause = error if os.getppid() == parent else WhalefallError(ORPHANED)
            plan.cancellation.cancel()
            if crew:
                crew.stop()
            _close_interrupted(plan, cause)
            if crew:
                crew.end()
            if cause is not error:
                raise cause from None
            raise
    with connecting(plan.engine) as connection, transaction(connection):
        close_session(connection, plan.session_id, "completed", code=WhalefallError.code, message=UNWRITTEN)
        if plan.alerting:
            write_failures(connection, plan.session_id)
    return outcomes


def _close_interrupted(plan: Plan, cause: BaseException) -> None:
    """Close the session; where the ledger is lost, the reconciliation does so later."""
    failed = isinstance(cause, Exception)
    status, code = ("failed", WhalefallError.code) if failed else ("cancelled", None)
    try:
        with connecting(plan.engine) as connection, transaction(connection):
            close_session(connection, plan.session_id, status, code=code, message=_to_message(cause))
            if plan.alerting:
                write_failures(connection, plan.session_id)
    except LedgerError as lost:
        cause.add_note(f"the session could not be closed: {to_first_line(lost)}")


def _to_message(cause: BaseException) -> str:
    if isinstance(cause, WhalefallError):
        return to_first_line(cause)
    if isinstance(cause, Exception):
        return f"{type(cause).__name__}: the run stopped in the middle"
    return "the run was cancelled"


@contextmanager
def _beating(plan: Plan) -> Generator[None]:
    """Write signs of life while the block runs; a session that was closed from outside cancels its run's work."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(plan.heartbeat_seconds):
            try:
                with connecting(plan.engine) as connection, transaction(connection):
                    running = beat(connection, plan.session_id)
            except LedgerError:
                continue  # the ledger is away; that the session is silent is then the truth
            if not running:
                plan.cancellation.cancel()

    thread = threading.Thread(target=work, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
