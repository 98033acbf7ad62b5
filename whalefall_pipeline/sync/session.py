"""Works through a session's instances with a bounded pool of threads: drivers wait on the network, the GIL is free."""

import gc
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager

from whalefall_pipeline.core.errors import LedgerError, WhalefallError
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.database import connecting, transaction
from whalefall_pipeline.ledger.sessions import beat, close_session
from whalefall_pipeline.sync.instance import sync_instance
from whalefall_pipeline.sync.plan import Outcome, Plan

NEW_OBJECTS = 500_000
UNWRITTEN = "its outcome could not be written when it ended"


def run_session(plan: Plan, instances: Sequence[Instance], tell: Callable[[Outcome], None]) -> list[Outcome]:
    """Sync the instances of a session that is open already, and close it; `tell` is called here as each one ends.

    An interrupt (any BaseException) cancels what is under way, closes the session as cancelled, and goes on up.
    """
    pool = ThreadPoolExecutor(plan.parallelism, thread_name_prefix="sync")
    try:
        with _beating(plan), _collecting_rarely():
            outcomes: list[Outcome] = []
            for future in as_completed([pool.submit(sync_instance, plan, instance) for instance in instances]):
                outcomes.append(future.result())
                tell(outcomes[-1])
    except BaseException as error:
        plan.cancellation.cancel()
        pool.shutdown(wait=False, cancel_futures=True)
        _close_interrupted(plan, error)
        pool.shutdown(wait=True)
        raise
    pool.shutdown(wait=True)
    with connecting(plan.engine) as connection, transaction(connection):
        close_session(connection, plan.session_id, "completed", code=WhalefallError.code, message=UNWRITTEN)
    return outcomes


def _close_interrupted(plan: Plan, error: BaseException) -> None:
    with connecting(plan.engine) as connection, transaction(connection):
        if isinstance(error, Exception):
            text = f"{type(error).__name__}: the run stopped in the middle"
            close_session(connection, plan.session_id, "failed", code=WhalefallError.code, message=text)
        else:
            close_session(connection, plan.session_id, "cancelled", message="the run was cancelled")


@contextmanager
def _beating(plan: Plan) -> Generator[None]:
    """Give signs of life while the block runs; a session that was closed from outside cancels its run's work."""
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


@contextmanager
def _collecting_rarely() -> Generator[None]:
    """Let Python look for garbage in cycles rarely: a reading is a million values without any, and half of the time."""
    usual = gc.get_threshold()
    gc.set_threshold(NEW_OBJECTS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
