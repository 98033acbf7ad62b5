"""One sync per instance at a time, by an advisory lock of the ledger.

The lock belongs to the connection that also writes, so nothing is ever written without it: a connection that is lost
loses both.
"""

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import LiteralString

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from whalefall_pipeline.core.errors import LedgerError, WhalefallError
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.database import run_alone, transaction
from whalefall_pipeline.ledger.sessions import find_other_session
from whalefall_pipeline.sync.cancellation import Cancellation

SPACE = 0x57465350
"""The first key of our advisory locks, so that they meet no other program's; the second is the instance's id."""
POLL_SECONDS = 0.5
TRY_LOCK: LiteralString = "select pg_try_advisory_lock(%(space)s, %(id)s::int)"
UNLOCK: LiteralString = "select pg_advisory_unlock(%(space)s, %(id)s::int)"


@contextmanager
def holding(
    connection: Connection, session_id: str, instance: Instance, *, wait_seconds: float, cancellation: Cancellation
) -> Generator[None]:
    """Hold an instance's lock for the block, after waiting for another session that has it.

    Raises WhalefallError, naming the other session, when it has not ended in time.
    """
    key = {"space": SPACE, "id": instance.id}
    ends_at = time.monotonic() + wait_seconds
    while not _try_lock(connection, key):
        if time.monotonic() >= ends_at:
            with transaction(connection):
                other = find_other_session(connection, session_id, instance) or "of another program"
            raise WhalefallError(f"session {other} works on {instance.name} still, after {wait_seconds:g} s of waiting")
        cancellation.wait(POLL_SECONDS)
    try:
        yield
    finally:
        try:
            run_alone(connection, UNLOCK, key)
        except (LedgerError, SQLAlchemyError):
            connection.invalidate()


def _try_lock(connection: Connection, key: dict[str, int]) -> bool:
    try:
        return bool(run_alone(connection, TRY_LOCK, key))
    except BaseException:
        connection.invalidate()  # the lock may have been given in the moment of a cancel: it goes with its connection
        raise
