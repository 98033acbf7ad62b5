"""Answers what a report asks of the whole fleet."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from whalefall_pipeline.core.model import Attributes
from whalefall_pipeline.core.review import PRIVILEGED, Sight
from whalefall_pipeline.core.rules import NOTHING_SET
from whalefall_pipeline.ledger.database import load_statements
from whalefall_pipeline.ledger.reviews import to_sight

SQL = load_statements("reporting.sql")
Rows = Sequence[Mapping[str, Any]]


def read_newest_moment(connection: Connection, names: Sequence[str] | None) -> datetime | None:
    """Return when the newest reading of these active instances (None: all) was begun; None: nothing was ever read."""
    moment: datetime | None = connection.execute(SQL["newest"], {"names": names}).scalar_one()
    return moment


def read_sights(connection: Connection, names: Sequence[str] | None) -> list[Sight]:
    """Return what is known of each active instance, by name, and what its newest reading did not observe."""
    rows = connection.execute(SQL["sights"], {"names": names}).mappings()
    moments = ("inventory_read_at", "permissions_read_at")
    texts = [{**row, **{name: row[name].isoformat() if row[name] else None for name in moments}} for row in rows]
    return [to_sight(row) for row in texts]


def read_privileged(connection: Connection, names: Sequence[str] | None) -> Rows:
    """Return the accounts that are privileged now, by instance and name, with the reasons."""
    values = {"names": names, "privileged": list(PRIVILEGED)}
    return [dict(row) for row in connection.execute(SQL["privileged"], values).mappings()]


def read_present_findings(connection: Connection, names: Sequence[str] | None) -> Rows:
    """Return the findings that are open, waived or unknown, the worst first."""
    return [dict(row) for row in connection.execute(SQL["findings"], {"names": names}).mappings()]


def read_changes_between(connection: Connection, since: datetime, until: datetime, names: Sequence[str] | None) -> Rows:
    """Return the changes after `since`, up to `until`, the newest first."""
    values = {"since": since, "until": until, "names": names}
    return [dict(row) for row in connection.execute(SQL["changes"], values).mappings()]


def read_change_times(connection: Connection, instance_id: int, since: datetime) -> list[datetime]:
    """Return when anything of an instance or its accounts changed after a moment, in order."""
    values = {"instance_id": instance_id, "since": since}
    return list(connection.execute(SQL["change_times"], values).scalars())


def read_attributes_at(connection: Connection, instance_id: int, at: datetime) -> Attributes:
    """Return what an instance was set to at a moment, as far as that was seen."""
    found = connection.execute(SQL["attributes_at"], {"instance_id": instance_id, "at": at}).scalar_one_or_none()
    return NOTHING_SET if found is None else found
