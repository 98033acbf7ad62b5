"""What readings could not observe: the scopes themselves, and what the ledger holds in them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from whalefall_pipeline.core.model import Account, Held, Kind, Seen, Unseen
from whalefall_pipeline.ledger.changes import to_held
from whalefall_pipeline.ledger.database import load_statements
from whalefall_pipeline.ledger.target import Target

SQL = load_statements("unseen.sql")


class HeldScope(NamedTuple):
    """Where somebody holds something: a grant's scope, and its database (empty: none)."""

    scope: str
    database: str


class Gap(NamedTuple):
    """What the newest sync of an active instance did not observe; `everything` where it failed, or never was."""

    instance: str
    db_type: str
    scope: str
    reason: str


def read_gaps(connection: Connection) -> list[Gap]:
    """Return what is not observed of the fleet now, by instance and scope."""
    return [Gap._make(row) for row in connection.execute(SQL["read_gaps"])]


def read_unseen(connection: Connection, instance_id: int) -> dict[str, Unseen]:
    """Return the scopes that the newest reading did not observe, by name."""
    rows = connection.execute(SQL["read_unseen"], {"instance_id": instance_id})
    return {scope: Unseen(scope, Seen(status), reason, moment) for scope, status, reason, moment in rows}


def read_active(connection: Connection, instance_id: int) -> dict[str, int]:
    """Return the ids of an instance's active accounts by username."""
    rows = connection.execute(SQL["read_active"], {"instance_id": instance_id})
    return {row.username: row.id for row in rows}


def read_last_seen(connection: Connection, instance_id: int, usernames: Sequence[str]) -> dict[str, Account]:
    """Return these accounts as they were last seen, by username; those that are not active are left out."""
    rows = connection.execute(SQL["read_last_seen"], {"instance_id": instance_id, "names": list(usernames)})
    return {username: Account(username, Kind(kind), attributes) for username, kind, attributes in rows}


def read_held_scopes(connection: Connection, instance_id: int) -> list[HeldScope]:
    """Return where active accounts hold something, each place once."""
    return [
        HeldScope._make(row) for row in connection.execute(SQL["read_held_scopes"], {"instance_id": instance_id}).all()
    ]


def read_held_in(connection: Connection, instance_id: int, scopes: Sequence[HeldScope]) -> dict[str, list[Held]]:
    """Return what active accounts hold in these scopes, by username."""
    held: dict[str, list[Held]] = {}
    if scopes:
        values = {"scopes": [each.scope for each in scopes], "databases": [each.database for each in scopes]}
        for row in connection.execute(SQL["read_grants_in"], {"instance_id": instance_id, **values}).all():
            held.setdefault(row[0], []).append(to_held(row[1:]))
    return held


def write_unseen(
    connection: Connection, target: Target, before: Mapping[str, Unseen], unseen: Sequence[Unseen]
) -> None:
    """Write which scopes are not observed now, in intervals; what stayed as it was is not touched."""
    owner: dict[str, Any] = {"instance_id": target.instance.id, "read_at": target.read_at}
    now = {item.scope: item for item in unseen}
    ended = [scope for scope, item in before.items() if now.get(scope) != item]
    begun = [item for scope, item in now.items() if before.get(scope) != item]
    if ended:
        connection.execute(SQL["end_scopes"], {**owner, "scopes": ended})
    if begun:
        scopes, statuses, reasons, moments = (list(column) for column in zip(*begun, strict=True))
        columns = {"scopes": scopes, "statuses": statuses, "reasons": reasons, "moments": moments}
        connection.execute(SQL["insert_scopes"], {**owner, **columns})
