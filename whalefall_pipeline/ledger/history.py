"""Gives an instance's accounts as they were at a past moment, from the intervals in which things held."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from whalefall_pipeline.core.errors import SnapshotMissingError
from whalefall_pipeline.core.model import (
    Account,
    AccountState,
    Held,
    Json,
    Kind,
    Membership,
    Seen,
    Unseen,
    to_memberships,
)
from whalefall_pipeline.core.rules import Rules
from whalefall_pipeline.core.snapshot import build_snapshot
from whalefall_pipeline.ledger.changes import to_held
from whalefall_pipeline.ledger.database import load_statements

SQL = load_statements("history.sql")


def read_states_at(
    connection: Connection, instance_id: int, at: datetime, username: str | None = None
) -> dict[str, AccountState]:
    """Return the accounts (or one of them) that the ledger knew at `at`, by username, with all that they held then."""
    values = {"instance_id": instance_id, "at": at, "username": username}
    accounts = {
        row[0]: Account(row[1], Kind(row[2]), row[3]) for row in connection.execute(SQL["attributes_at"], values)
    }
    held: dict[int, list[Held]] = {}
    for account_id, *columns in connection.execute(SQL["grants_at"], values):
        if account_id in accounts:
            held.setdefault(account_id, []).append(to_held(columns))
    return {
        account.username: AccountState(account, frozenset(held.get(account_id, ())))
        for account_id, account in accounts.items()
    }


def read_members_at(connection: Connection, instance_id: int, role: str, at: datetime) -> list[Membership]:
    """Return the direct memberships of a role at `at`, ordered by member."""
    held: dict[str, list[Held]] = {}
    for username, *columns in connection.execute(
        SQL["members_at"], {"instance_id": instance_id, "role": role, "at": at}
    ):
        held.setdefault(username, []).append(to_held(columns))
    return [item for member in sorted(held) for item in to_memberships(member, held[member])]


def read_unseen_at(connection: Connection, instance_id: int, at: datetime) -> list[Unseen]:
    """Return the scopes that the newest reading before `at` did not observe, ordered by scope."""
    rows = connection.execute(SQL["unseen_at"], {"instance_id": instance_id, "at": at})
    return [Unseen(scope, Seen(status), reason, moment) for scope, status, reason, moment in rows]


def read_snapshot_at(
    connection: Connection, instance_id: int, username: str, at: datetime, rules: Rules
) -> dict[str, Json]:
    """Rebuild an account's snapshot of a past moment. Raises SnapshotMissingError when it was not there then."""
    state = read_states_at(connection, instance_id, at, username).get(username)
    if state is None:
        raise SnapshotMissingError(f"{username!r} was not known at {at.isoformat()}")
    members = read_members_at(connection, instance_id, username, at)
    return build_snapshot(state, rules, members=members, unseen=read_unseen_at(connection, instance_id, at))


def read_change_states(
    connection: Connection, instance_id: int, change_id: int
) -> tuple[AccountState | None, AccountState | None] | None:
    """Return an account's states before and after one change of the log; None where there is no such change."""
    values = {"change_id": change_id, "instance_id": instance_id}
    row = connection.execute(SQL["change"], values).one_or_none()
    if row is None:
        return None
    username, moment = row
    moments = (moment - timedelta(microseconds=1), moment)
    before, after = (read_states_at(connection, instance_id, at, username).get(username) for at in moments)
    return before, after
