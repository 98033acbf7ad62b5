"""Writes what an instance's accounts hold: only what differs from the ledger, in a constant number of statements."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from whalefall_pipeline.core.diff import ChangeType, Difference, diff, diff_attributes
from whalefall_pipeline.core.fingerprint import build_digests, digest_accounts, digest_reading
from whalefall_pipeline.core.model import Account, AccountState, Attributes, Reading, Seen, Unseen
from whalefall_pipeline.core.rules import NOTHING_SET, Rules
from whalefall_pipeline.core.states import add_implied_roles, build_states, build_unseen
from whalefall_pipeline.core.wording import describe_attributes
from whalefall_pipeline.ledger.changes import Change, read_states, write_changes
from whalefall_pipeline.ledger.database import copy_rows, load_statements
from whalefall_pipeline.ledger.documents import DocumentBuilder, read_code
from whalefall_pipeline.ledger.instance_attributes import write_attributes, write_instance_change
from whalefall_pipeline.ledger.target import Target, check_order
from whalefall_pipeline.ledger.unseen import put_back, put_back_attributes, read_unseen, write_unseen

SQL = load_statements("permissions.sql")
SNAPSHOT_COLUMNS = (
    *("instance_account_id", "instance_id", "permission_snapshot", "permission_facts", "digest"),
    *("last_change_type", "last_change_time"),
)


KEPT_COUNTS = ("accounts", "grants", "not_in_inventory")
"""What is kept of a reading's counts, the first of `PermissionCounts`."""


class PermissionCounts(NamedTuple):
    """What writing permissions came to: accounts read, of these first seen and changed, and what could not be said.

    Predefined accounts, and what they hold, are not counted.
    """

    accounts: int
    grants: int
    not_in_inventory: int
    added: int = 0
    changed: int = 0
    without_account: int = 0
    unseen: Sequence[Unseen] = ()


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
    inventory in the ledger does not have are counted, not written. A reading that observed everything and gave what the
    newest one gave is not compared by account, provided that the ledger still holds what was written of that one.
    """
    owner = {"instance_id": target.instance.id}
    read_before = check_order(connection, target, "permissions_read_at")
    states, without_account = build_states(put_back_attributes(connection, target, accounts), reading.held)
    unseen_before = read_unseen(connection, target)
    observed_before, attributes_before = connection.execute(SQL["read_observed"], owner).one()
    seen_before = dict.fromkeys(observed_before, read_before)
    instance = _write_attributes(connection, target, attributes_before, reading.attributes)
    unseen = build_unseen(reading.coverage, unseen_before, seen_before)
    if unseen:
        states = put_back(connection, target, states, reading.coverage, rules, may_hide=may_hide)
    effective = add_implied_roles(states, rules, instance)
    own = digest_accounts(effective, rules, target.read_at, instance)
    is_whole = bool(reading.rows) and not (unseen or unseen_before or any(account.unseen for account in accounts))
    same = {**owner, "digest": digest_reading(own, reading.rows, version=version, code=read_code(), instance=instance)}
    counts = _find_same(connection, same) if is_whole else None
    if counts is None:
        counts = _write(
            connection, target, states, rules, effective=effective, own=own, unseen=unseen, instance=instance
        )
        write_unseen(connection, target, unseen_before, unseen)
        if is_whole:
            connection.execute(SQL["write_reading"], {**same, **dict(zip(KEPT_COUNTS, counts, strict=False))})
    observed = [scope for scope, seen in reading.coverage.items() if seen.status is Seen.OBSERVED]
    values = {"read_at": target.read_at, "version": version, "observed": observed}
    connection.execute(SQL["mark_read"], {**owner, **values})
    return counts._replace(without_account=without_account)


def _write_attributes(
    connection: Connection, target: Target, before: Attributes | None, read: Attributes | None
) -> Attributes:
    """Write what the instance is set to, where that changed, and return it; what was not observed stays as it is."""
    if read is None:
        return NOTHING_SET if before is None else before
    after = {name: value for name, value in read.items() if value is not None}
    if after != before:
        write_attributes(connection, target, after)
    if before is not None and after != before:
        difference = Difference(other=diff_attributes(before, after))
        write_instance_change(connection, target, "modify_instance", difference, describe_attributes(difference))
    return after


def _find_same(connection: Connection, same: Mapping[str, object]) -> PermissionCounts | None:
    """Give the counts of the newest reading, if this one is the same and the ledger as it was then left."""
    row = connection.execute(SQL["read_same"], same).one_or_none()
    return PermissionCounts(*row) if row else None


def _write(
    connection: Connection,
    target: Target,
    states: Mapping[str, AccountState],
    rules: Rules,
    *,
    effective: Mapping[str, AccountState],
    own: Mapping[str, bytes],
    unseen: Sequence[Unseen],
    instance: Attributes,
) -> PermissionCounts:
    """Compare each account with what the ledger holds, and write those that differ."""
    rows = connection.execute(SQL["read_stored"], {"instance_id": target.instance.id}).all()
    stored = {item.username: item for item in map(Stored._make, rows)}
    known = {username: state for username, state in states.items() if username in stored}
    effective = {username: effective[username] for username in known}
    digests = build_digests(effective, own, unseen=unseen, code=read_code())
    stale = {name: stored[name] for name, digest in digests.items() if digest != stored[name].digest}
    changes: list[Change] = []
    if stale:
        changes = write_changes(connection, target, _find_changes(connection, known, stale))
        documents = DocumentBuilder(known, stale, rules, target.read_at, unseen=unseen, instance=instance)
        _write_snapshots(connection, stale, _build_rows(target, documents, stale, digests, changes))
    counted = [state for state in known.values() if state.account.kind.is_counted]
    types = [change.change_type for change in changes if change.is_counted]
    added = sum(change_type in ("add", "reactivate") for change_type in types)
    return PermissionCounts(
        accounts=len(counted),
        added=added,
        changed=len(types) - added,
        grants=sum(len(state.held) for state in counted),
        not_in_inventory=sum(state.account.kind.is_counted for state in states.values()) - len(counted),
        unseen=tuple(unseen),
    )


def _find_changes(
    connection: Connection, states: Mapping[str, AccountState], stale: Mapping[str, Stored]
) -> Iterator[Change]:
    """Compare with what the ledger holds; where only what is derived differs (facts, meta) there is no change."""
    before = read_states(connection, [stored.account_id for stored in stale.values()])
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
        if account_id in types or not all(last):  # a snapshot that was lost is written anew, though nothing changed
            last = (types.get(account_id, "add"), target.read_at)
        yield (account_id, target.instance.id, *documents.build(username), digests[username], *last)
