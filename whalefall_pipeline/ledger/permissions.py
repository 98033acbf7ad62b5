"""Writes what an instance's accounts hold: only what differs from the ledger, in a constant number of statements."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from whalefall_pipeline.core.diff import ChangeType, carry_unseen, diff
from whalefall_pipeline.core.fingerprint import build_digests
from whalefall_pipeline.core.model import Account, AccountState, Coverage, Held, Reading, Seen, Unseen, is_observed
from whalefall_pipeline.core.rules import Rules
from whalefall_pipeline.core.states import build_states, build_unseen
from whalefall_pipeline.ledger.changes import Change, read_states, to_held, write_changes
from whalefall_pipeline.ledger.database import copy_rows, load_statements
from whalefall_pipeline.ledger.documents import DocumentBuilder, read_code
from whalefall_pipeline.ledger.target import Target, check_order

SQL = load_statements("permissions.sql")
SNAPSHOT_COLUMNS = (
    *("instance_account_id", "instance_id", "permission_snapshot", "permission_facts", "digest"),
    *("last_change_type", "last_change_time"),
)


class PermissionCounts(NamedTuple):
    """What writing permissions came to: accounts read, of these first seen and changed, and what could not be said."""

    accounts: int
    added: int
    changed: int
    grants: int
    without_account: int
    not_in_inventory: int
    unseen: list[Unseen]


class Stored(NamedTuple):
    """What the ledger holds of an active account's snapshot; digest None: none yet, empty: the account was gone."""

    username: str
    account_id: int
    digest: bytes | None
    last_change_type: ChangeType | None
    last_change_time: datetime | None


def write_permissions(
    connection: Connection,
    target: Target,
    accounts: Sequence[Account],
    reading: Reading,
    rules: Rules,
    *,
    version: str,
    may_hide: Callable[[str], bool],
) -> PermissionCounts:
    """Write snapshots, facts, grant intervals and log entries of accounts that changed, in the caller's transaction.

    Scopes that were not observed keep their grants, and so do accounts that `may_hide` in them. Accounts that the
    inventory in the ledger does not have are counted, not written.
    """
    owner = {"instance_id": target.instance.id}
    read_before = check_order(connection, target, "permissions_read_at")
    stored = {row[0]: Stored._make(row) for row in connection.execute(SQL["read_stored"], owner).all()}
    states, without_account = build_states(accounts, reading.held)
    unseen_before = _read_unseen(connection, target)
    seen_before = dict.fromkeys(connection.execute(SQL["read_observed"], owner).scalar_one(), read_before)
    unseen = build_unseen(reading.coverage, unseen_before, seen_before)
    if unseen:
        hidden = [item.account_id for name, item in stored.items() if name not in states and may_hide(name)]
        states |= {state.account.username: state for state in read_states(connection, hidden).values()}
        states = _carry_all(connection, target, states, reading.coverage, rules)
    known = {username: state for username, state in states.items() if username in stored}
    digests = build_digests(known, rules, target.read_at, unseen=unseen, code=read_code())
    stale = {name: stored[name] for name, digest in digests.items() if digest != stored[name].digest}
    changes: list[Change] = []
    if stale:
        changes = write_changes(connection, target, _find_changes(connection, known, stale))
        documents = DocumentBuilder(known, stale, rules, target.read_at, unseen)
        _write_snapshots(connection, stale, _build_rows(target, documents, stale, digests, changes))
    _write_unseen(connection, target, unseen_before, unseen)
    observed = [scope for scope, seen in reading.coverage.items() if seen.status is Seen.OBSERVED]
    values = {"read_at": target.read_at, "version": version, "observed": observed}
    connection.execute(SQL["mark_read"], {**owner, **values})
    added = sum(change.change_type in ("add", "reactivate") for change in changes)
    grants = sum(len(state.held) for state in known.values())
    missing = len(states) - len(known)
    return PermissionCounts(len(known), added, len(changes) - added, grants, without_account, missing, unseen)


def _read_unseen(connection: Connection, target: Target) -> dict[str, Unseen]:
    rows = connection.execute(SQL["read_unseen"], {"instance_id": target.instance.id})
    return {scope: Unseen(scope, Seen(status), reason, moment) for scope, status, reason, moment in rows}


def _carry_all(
    connection: Connection, target: Target, states: Mapping[str, AccountState], coverage: Coverage, rules: Rules
) -> dict[str, AccountState]:
    """Put back what the ledger holds in scopes that were not observed; of the others nothing is fetched."""
    owner = {"instance_id": target.instance.id}
    places = [
        (scope, database)
        for scope, database in connection.execute(SQL["read_places"], owner).all()
        if not is_observed(rules.observed_by(scope, database), coverage)
    ]
    if not places:
        return dict(states)
    scopes, databases = (list(column) for column in zip(*places, strict=True))
    before: dict[str, list[Held]] = {}
    for row in connection.execute(SQL["read_grants_in"], {**owner, "scopes": scopes, "databases": databases}).all():
        before.setdefault(row[0], []).append(to_held(row[1:]))
    return {
        username: carry_unseen(state, before.get(username, ()), coverage, rules) for username, state in states.items()
    }


def _find_changes(
    connection: Connection, states: Mapping[str, AccountState], stale: Mapping[str, Stored]
) -> Iterator[Change]:
    """Compare with what the ledger holds; where only what is derived differs (facts, meta) there is no change."""
    present = [stored.account_id for stored in stale.values() if stored.digest]
    before = read_states(connection, present) if present else {}
    return _compare(before, states, stale)


def _compare(
    before: Mapping[int, AccountState], states: Mapping[str, AccountState], stale: Mapping[str, Stored]
) -> Iterator[Change]:
    for username, stored in stale.items():
        difference = diff(before.get(stored.account_id), states[username])
        if difference:
            change_type: ChangeType = difference.change_type
            if stored.account_id not in before:
                change_type = "add" if stored.digest is None else "reactivate"
            yield Change(stored.account_id, username, change_type, difference, states[username])


def _write_snapshots(connection: Connection, stale: Mapping[str, Stored], rows: Iterable[Sequence[object]]) -> None:
    old = [stored.account_id for stored in stale.values() if stored.digest is not None]
    if old:
        connection.execute(SQL["delete_snapshots"], {"ids": old})
    copy_rows(connection, "account_snapshots", SNAPSHOT_COLUMNS, rows)


def _build_rows(
    target: Target,
    documents: DocumentBuilder,
    stale: Mapping[str, Stored],
    digests: Mapping[str, bytes],
    changes: Iterable[Change],
) -> Iterator[tuple[object, ...]]:
    """Build documents while the ledger takes in the ones before: there are never many of them in memory."""
    types = {change.account_id: change.change_type for change in changes}
    for username, stored in stale.items():
        account_id = stored.account_id
        last = (stored.last_change_type, stored.last_change_time)
        if account_id in types:
            last = (types[account_id], target.read_at)
        yield (account_id, target.instance.id, *documents.build(username), digests[username], *last)


def _write_unseen(
    connection: Connection, target: Target, before: Mapping[str, Unseen], unseen: Sequence[Unseen]
) -> None:
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
