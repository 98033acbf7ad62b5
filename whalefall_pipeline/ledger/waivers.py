"""Writes waivers, and reads how findings stand with them: what is waived comes back by itself when that expires."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from whalefall_pipeline.ledger.database import load_statements

SQL = load_statements("waivers.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """What is accepted, why, where that was decided (`ticket`), until when, and who says so.

    None: on all instances, of all accounts, whatever object.
    """

    rule_id: str
    reason: str
    ticket: str
    by: str
    expires_at: datetime
    instance: str | None = None
    username: str | None = None
    object: str | None = None


class Health(NamedTuple):
    """How many findings of one severity an instance has that are open, waived or unknown."""

    instance: str
    severity: str
    status: str
    findings: int


def write_waiver(connection: Connection, waiver: Waiver) -> int:
    """Write a waiver, and return its id. The instance, where one is named, is registered."""
    values = {
        "rule_id": waiver.rule_id,
        "instance": waiver.instance,
        "username": waiver.username,
        "object": waiver.object,
        "reason": waiver.reason,
        "ticket": waiver.ticket,
        "by": waiver.by,
        "expires_at": waiver.expires_at,
    }
    return connection.execute(SQL["insert_waiver"], values).scalar_one()


def withdraw_waiver(connection: Connection, waiver_id: int, by: str) -> bool:
    """Withdraw a waiver; return whether there was one that had not been withdrawn."""
    return connection.execute(SQL["withdraw_waiver"], {"id": waiver_id, "by": by}).one_or_none() is not None


def count_covered(connection: Connection, waiver_id: int) -> int:
    """Return how many findings a waiver covers now."""
    return connection.execute(SQL["count_covered"], {"id": waiver_id}).scalar_one()


def read_health(connection: Connection) -> list[Health]:
    """Return how many findings the active instances have; those that have none are not there."""
    return [Health._make(row) for row in connection.execute(SQL["read_health"])]
