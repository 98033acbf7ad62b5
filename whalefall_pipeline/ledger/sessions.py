"""Writes sessions and their records: opened, counted, closed, each state once.

A record is completed in the transaction of its data; when it was closed meanwhile (a cancel, a reconciliation), that
transaction is rolled back, so what a record says is always what the ledger holds.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson
from sqlalchemy import Connection

from whalefall_pipeline.core.errors import SyncCancelledError
from whalefall_pipeline.core.model import Instance, Json
from whalefall_pipeline.core.sessions import RecordStatus, SessionStatus, SyncType
from whalefall_pipeline.ledger.database import load_statements
from whalefall_pipeline.ledger.target import Target

SQL = load_statements("sessions.sql")


@dataclass(frozen=True, slots=True)
class SessionStart:
    """What is known of a session when it begins."""

    session_id: str
    sync_type: SyncType
    batch_id: str | None = None
    created_by: str | None = None
    message: str | None = None
    """What fails the session although no record says it."""
    started_at: datetime | None = None
    """When the run began, where that was not now."""


@dataclass(frozen=True, slots=True)
class Items:
    """What a record counts, in accounts, a notice for people, and its details as JSON."""

    synced: int = 0
    created: int = 0
    updated: int = 0
    deleted: int = 0
    notice: str | None = None
    details: dict[str, Json] = field(default_factory=dict[str, Json])


def open_session(connection: Connection, start: SessionStart, instances: Sequence[Instance]) -> None:
    """Write a running session with a pending record per instance; one that is there already stays as it is."""
    values = {"session_id": start.session_id, "batch_id": start.batch_id, "sync_type": start.sync_type}
    values |= {"created_by": start.created_by, "message": start.message, "started_at": start.started_at}
    connection.execute(SQL["insert_session"], {**values, "total": len(instances)})
    ids, names = [item.id for item in instances], [item.name for item in instances]
    connection.execute(SQL["insert_records"], {"session_id": start.session_id, "ids": ids, "names": names})


def start_record(connection: Connection, session_id: str, instance: Instance) -> datetime:
    """Mark an instance's record as running and return the moment, by the ledger's clock.

    Raises SyncCancelledError when the record is not pending any more.
    """
    row = connection.execute(SQL["start_record"], _key(session_id, instance)).one_or_none()
    if row is None:
        raise SyncCancelledError(f"the record of {instance.name} was closed before it began")
    moment: datetime = row[0]
    return moment


def note_progress(connection: Connection, target: Target, items: Items) -> None:
    """Write into a running record what the transaction of this data adds; whatever ends the record then keeps it.

    Raises SyncCancelledError when it was closed meanwhile: the caller's transaction must not be committed then.
    """
    key = _key(target.session_id, target.instance)
    if not connection.execute(SQL["note_progress"], {**key, **_to_values(items)}).rowcount:
        raise SyncCancelledError(f"the record of {target.instance.name} was closed meanwhile; nothing was written")


def complete_record(connection: Connection, target: Target, items: Items) -> None:
    """Mark a record as completed, in the transaction of its data, and count it.

    Raises SyncCancelledError when it was closed meanwhile: the caller's transaction must not be committed then.
    """
    key = _key(target.session_id, target.instance)
    if not connection.execute(SQL["complete_record"], {**key, **_to_values(items)}).scalar_one():
        raise SyncCancelledError(f"the record of {target.instance.name} was closed meanwhile; nothing was written")


def fail_record(
    connection: Connection, session_id: str, instance: Instance, *, code: str, message: str, items: Items
) -> None:
    """Mark a record as failed, with what was written before that; one that is closed already stays as it is."""
    values = {**_key(session_id, instance), **_to_values(items), "code": code, "message": message}
    if connection.execute(SQL["fail_record"], values).rowcount:
        connection.execute(SQL["count_failure"], {"session_id": session_id})


def beat(connection: Connection, session_id: str) -> bool:
    """Write a sign of life of a session. False: it is not running any more, so its run should end."""
    return bool(connection.execute(SQL["beat"], {"session_id": session_id}).rowcount)


def close_session(
    connection: Connection,
    session_id: str,
    status: SessionStatus,
    *,
    code: str | None = None,
    message: str | None = None,
    ended_at: datetime | None = None,
) -> SessionStatus | None:
    """End a session, and with it the records that are still open, and return its state; None: it was ended already.

    Counts are taken from the records; one failed record makes a completed session a failed one. `ended_at` is when the
    run ended, where that was not now.
    """
    record_status: RecordStatus = "cancelled" if status == "cancelled" else "failed"
    values = {"session_id": session_id, "message": message, "ended_at": ended_at}
    connection.execute(SQL["close_records"], {**values, "record_status": record_status, "code": code})
    return connection.execute(SQL["close_session"], {**values, "status": status}).scalar_one_or_none()


def find_other_session(connection: Connection, session_id: str, instance: Instance) -> str | None:
    """Return the session that works on an instance now, other than this one."""
    return connection.execute(SQL["other_session"], _key(session_id, instance)).scalar_one_or_none()


def read_open_sessions(connection: Connection, silent_seconds: float) -> dict[str, bool]:
    """Return the running sessions, and of each whether it gave no sign of life for that long."""
    rows = connection.execute(SQL["read_open"], {"silent_seconds": silent_seconds})
    return {session_id: bool(silent) for session_id, silent in rows}


def read_unmirrored(connection: Connection, session_ids: Collection[str]) -> set[str]:
    """Return those of these run ids that have no session."""
    known = connection.execute(SQL["read_known_sessions"], {"ids": list(session_ids)}).scalars()
    return set(session_ids) - set(known)


def read_incomplete(connection: Connection, session_or_batch: str) -> list[str] | None:
    """Return the names of instances that a session, or a batch of them, did not complete; None: there is none such."""
    ids = list(connection.execute(SQL["read_batch"], {"id": session_or_batch}).scalars())
    return list(connection.execute(SQL["read_incomplete"], {"ids": ids}).scalars()) if ids else None


def read_completed(connection: Connection, session_ids: Sequence[str]) -> dict[str, str]:
    """Return the names of the instances that sessions completed, each with the session that did.

    The first of the sessions that took an instance decides, whatever became of it in those behind.
    """
    rows = connection.execute(SQL["read_completed"], {"ids": list(session_ids)})
    return {name: session_id for name, session_id, status in rows if status == "completed"}


def delete_old_sessions(connection: Connection, days: int) -> int:
    """Delete ended sessions and their records once they are this old, and return the number of sessions."""
    connection.execute(SQL["delete_old_records"], {"days": days})
    return connection.execute(SQL["delete_old_sessions"], {"days": days}).rowcount


def _key(session_id: str, instance: Instance) -> dict[str, object]:
    return {"session_id": session_id, "instance_id": instance.id}


def _to_values(items: Items) -> dict[str, object]:
    counts = {"synced": items.synced, "created": items.created, "updated": items.updated, "deleted": items.deleted}
    return {**counts, "notice": items.notice, "details": orjson.dumps(items.details).decode()}
