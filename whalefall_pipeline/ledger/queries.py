"""Answers the questions that people ask of the ledger; rows come as mappings, ready to be shown."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import Connection

from whalefall_pipeline.core.errors import SnapshotMissingError
from whalefall_pipeline.ledger.database import load_statements

SQL = load_statements("queries.sql")
Records: TypeAlias = Sequence[Mapping[str, Any]]


def read_sessions(connection: Connection, session_or_batch: str | None = None, *, at_most: int = 50) -> Records:
    """Give sessions, the newest first; with an id, that session or those of that batch."""
    return _read(connection, "sessions", id=session_or_batch, at_most=at_most)


def read_records(connection: Connection, session_ids: Sequence[str]) -> Records:
    """Give the records of sessions, in the order in which their instances were taken."""
    return _read(connection, "session_records", ids=list(session_ids))


def read_progress(connection: Connection, session_ids: Sequence[str]) -> Records:
    """Give status and counts of sessions; one that has not begun is not there."""
    return _read(connection, "progress", ids=list(session_ids))


def read_failures(connection: Connection, session_ids: Sequence[str]) -> Records:
    """Give the failed records of sessions, in the order in which they ended."""
    return _read(connection, "failures", ids=list(session_ids))


def read_accounts(
    connection: Connection,
    *,
    instance: str | None = None,
    superuser: bool = False,
    locked: bool = False,
    inactive: bool = False,
    predefined: bool = False,
) -> Records:
    """Return active accounts (with `inactive` those that are gone), ordered by instance and username.

    Predefined ones, the engine's own roles, are among them with `predefined` only.
    """
    filters = {"superuser": superuser, "locked": locked, "inactive": inactive, "predefined": predefined}
    return _read(connection, "accounts", instance=instance, **filters)


def read_account(connection: Connection, instance: str, username: str) -> Mapping[str, Any]:
    """Give one account with its snapshot and facts. Raises SnapshotMissingError when there is none."""
    rows = _read(connection, "account", instance=instance, username=username)
    if not rows:
        raise SnapshotMissingError(f"{instance} has no account {username!r}; list them: whalefall accounts")
    if rows[0]["permission_snapshot"] is None:
        raise SnapshotMissingError(f"{username!r} of {instance} has no snapshot yet; run: whalefall sync {instance}")
    return rows[0]


def read_changes(connection: Connection, *, at_most: int = 200, **filters: Any) -> Records:
    """Give log entries, the newest first; filters: instance, username, change_type, since, session_id."""
    every = ("instance", "username", "change_type", "since", "session_id")
    return _read(connection, "changes", at_most=at_most, **{name: filters.get(name) for name in every})


def read_holders(connection: Connection, privilege: str | None, on: Sequence[str] = ()) -> Records:
    """Give who holds a privilege now, and since when: each grant by itself, none that a wider one implies.

    `on` is the name path of an object, schema or database, of up to three names; a shorter one finds all that end so.
    Without it: in every scope. Without a privilege: any on that path.
    """
    wanted = privilege.upper() if privilege else None
    if not on:
        return _read(connection, "who_has", privilege=wanted)
    first, before, name = (*(None,) * (3 - len(on)), *on)
    return _read(connection, "who_has_on_object", privilege=wanted, name=name, before=before, first=first)


def _read(connection: Connection, statement: str, **values: Any) -> Records:
    return [dict(row) for row in connection.execute(SQL[statement], values).mappings()]
