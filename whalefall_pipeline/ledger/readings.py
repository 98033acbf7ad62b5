"""Reads and writes by what an instance is known to hold what its newest reading gave, without a reading."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from whalefall_pipeline.core.access.danger_summary import DangerSummary
from whalefall_pipeline.ledger.database import load_statements
from whalefall_pipeline.ledger.target import Target

SQL = load_statements("readings.sql")


class Kept(NamedTuple):
    """What is kept of an instance's newest reading, which observed all that it has to.

    `source` is what its adapter knows the same by, and `until` when an account amounts to something else by itself
    (None: never). `finding_rules` is a digest of the rules that were asked, `findings_due_at` when they would find
    something else by themselves.
    """

    source: bytes
    until: datetime | None
    accounts: int
    grants: int
    without_account: int
    observed: Sequence[str]
    dangers: DangerSummary | None
    version: str | None
    identity: str | None
    place: str | None
    finding_rules: bytes
    findings_due_at: datetime | None


def read_kept(connection: Connection, instance_id: int) -> Kept | None:
    """Return what is kept of the newest reading; None: nothing, or the account list was read apart from the rest."""
    row = connection.execute(SQL["read_same_source"], {"instance_id": instance_id}).one_or_none()
    if row is None:
        return None
    kept = Kept._make(row)
    dangers = DangerSummary.from_json(row.danger_summary) if row.danger_summary else None
    return kept._replace(source=bytes(kept.source), finding_rules=bytes(kept.finding_rules), dangers=dangers)


def is_as_written(connection: Connection, instance_id: int) -> bool:
    """Whether the accounts that the ledger holds are as the reading that is kept left them."""
    return bool(connection.execute(SQL["is_as_written"], {"instance_id": instance_id}).scalar_one_or_none())


def write_source(
    connection: Connection, instance_id: int, source: bytes, *, until: datetime | None, without_account: int
) -> None:
    """Keep by what the reading that was just written is known, where that differs; empty: by nothing."""
    values = {"source": source or None, "until": until, "without_account": without_account}
    connection.execute(SQL["write_source"], {"instance_id": instance_id, **values})


def forget_reading(connection: Connection, instance_id: int) -> None:
    """Forget the reading that was kept: a newer one was written, which it is not compared with."""
    connection.execute(SQL["forget"], {"instance_id": instance_id})


def mark_same_read(connection: Connection, target: Target) -> None:
    """Write when the newest reading was begun, of accounts and permissions, where it gave the same."""
    connection.execute(SQL["mark_read"], {"instance_id": target.instance.id, "read_at": target.read_at})
