"""Reads and writes accounts' snapshots, and what is kept of an instance's newest reading of permissions."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import orjson
from sqlalchemy import Connection

from whalefall_pipeline.core.access.danger_summary import DangerSummary
from whalefall_pipeline.core.counts import PermissionCounts
from whalefall_pipeline.core.diff import ChangeType
from whalefall_pipeline.core.model import Attributes
from whalefall_pipeline.ledger.copying import Copier
from whalefall_pipeline.ledger.database import fetch_many, load_statements, to_fields
from whalefall_pipeline.ledger.target import Target

SQL = load_statements("permissions.sql")
SNAPSHOT_COLUMNS = (
    *("instance_account_id", "instance_id", "permission_snapshot", "permission_facts", "digest"),
    *("last_change_type", "last_change_time"),
)


class Stored(NamedTuple):
    """What the ledger holds of an active account's snapshot; digest None: none yet, empty: the account was gone."""

    username: str
    account_id: int
    digest: bytes | None


class LastChange(NamedTuple):
    """When an account last changed, and how."""

    change_type: ChangeType
    moment: datetime


class Newest(NamedTuple):
    """What an instance's newest reading observed and said of superusers, and the attributes that were last seen."""

    observed: Sequence[str]
    attributes: Attributes | None
    dangers: DangerSummary | None


def read_newest(connection: Connection, instance_id: int) -> Newest:
    """Return which scopes the newest reading observed, what the instance was last seen set to, and who is a danger."""
    observed, attributes, dangers = connection.execute(SQL["read_newest"], {"instance_id": instance_id}).one()
    return Newest(observed, attributes, DangerSummary.from_json(dangers) if dangers else None)


def read_stored(connection: Connection, instance_id: int) -> dict[str, Stored]:
    """Return what the ledger holds of the snapshots of all active accounts, by username."""
    rows = fetch_many(connection, SQL["read_stored"], {"instance_id": instance_id})
    return {row[0]: Stored._make(row) for row in rows}


def read_same(connection: Connection, instance_id: int, digest: bytes) -> PermissionCounts | None:
    """Return the counts of the newest reading, if it has this digest and the ledger is as it was then left."""
    row = connection.execute(SQL["read_same"], {"instance_id": instance_id, "digest": digest}).one_or_none()
    return PermissionCounts(*row) if row else None


def write_same(connection: Connection, instance_id: int, digest: bytes, counts: PermissionCounts) -> None:
    """Keep a reading that observed everything, with how the ledger is left, to know one that is the same."""
    values = {"accounts": counts.accounts, "grants": counts.grants, "not_in_inventory": counts.not_in_inventory}
    connection.execute(SQL["write_reading"], {"instance_id": instance_id, "digest": digest, **values})


def delete_snapshots(connection: Connection, account_ids: Collection[int]) -> dict[int, LastChange]:
    """Delete the snapshots of these accounts, for others to take their place, and return the change each was of."""
    if not account_ids:
        return {}
    rows = connection.execute(SQL["delete_snapshots"], {"ids": list(account_ids)})
    return {account_id: LastChange(change_type, moment) for account_id, change_type, moment in rows}


def write_snapshots(copier: Copier, rows: Iterable[Sequence[str]]) -> None:
    """Append snapshots: rows of SNAPSHOT_COLUMNS."""
    copier.append("account_snapshots", SNAPSHOT_COLUMNS, (f"{to_fields(row)}\n" for row in rows))


def to_bytes_field(value: bytes) -> str:
    """Return bytes as COPY's text format has them, before it is escaped."""
    return f"\\x{value.hex()}"


def mark_permissions_read(
    connection: Connection, target: Target, version: str, observed: Sequence[str], dangers: DangerSummary | None
) -> None:
    """Write when the newest reading of permissions was begun, of which server, what it observed and says of dangers."""
    document = orjson.dumps(dangers.to_json()).decode() if dangers else None
    values = {"read_at": target.read_at, "version": version, "observed": list(observed), "dangers": document}
    connection.execute(SQL["mark_read"], {"instance_id": target.instance.id, **values})
