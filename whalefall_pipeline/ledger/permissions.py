"""Writes what an instance's accounts hold: only what differs from the ledger, in a constant number of statements."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

from sqlalchemy import Connection

from whalefall_pipeline.core.diff import ChangeType, carry_unseen, diff
from whalefall_pipeline.core.facts import FactsBuilder
from whalefall_pipeline.core.fingerprint import build_digests
from whalefall_pipeline.core.model import Account, AccountState, Coverage, Grant, Reading, Seen, Unseen
from whalefall_pipeline.core.rules import Rules
from whalefall_pipeline.core.snapshot import build_snapshot, to_digest, to_document_text
from whalefall_pipeline.core.states import build_members, build_states, build_unseen
from whalefall_pipeline.ledger.changes import Change, read_states, to_grant, write_changes
from whalefall_pipeline.ledger.database import copy_rows, load_statements
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

    account_id: int
    digest: bytes | None
    last_change_type: ChangeType | None
    last_change_time: datetime | None


class Document(NamedTuple):
    """A snapshot that differs from the stored one, serialised."""

    username: str
    stored: Stored
    snapshot: bytes
    facts: bytes
    digest: bytes


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
    stored = {row[0]: Stored(*row[1:]) for row in connection.execute(SQL["read_stored"], owner)}
    states, without_account = build_states(accounts, reading.grants)
    unseen_before = _read_unseen(connection, target)
    seen_before = dict.fromkeys(connection.execute(SQL["read_observed"], owner).scalar_one(), read_before)
    unseen = build_unseen(reading.coverage, unseen_before, seen_before)
    if unseen:
        hidden = [item.account_id for name, item in stored.items() if name not in states and may_hide(name)]
        states |= {state.account.username: state for state in read_states(connection, hidden).values()}
        states = _carry_all(connection, target, states, reading.coverage, rules)
    known = {username: state for username, state in states.items() if username in stored}
    documents = list(_build_documents(target, known, stored, rules, unseen))
    changes = _build_changes(connection, documents, known)
    write_changes(connection, target, changes)
    _write_snapshots(connection, target, documents, changes)
    _write_unseen(connection, target, unseen_before, unseen)
    observed = [scope for scope, seen in reading.coverage.items() if seen.status is Seen.OBSERVED]
    values = {"read_at": target.read_at, "version": version, "observed": observed}
    connection.execute(SQL["mark_read"], {**owner, **values})
    added = sum(change.change_type in ("add", "reactivate") for change in changes)
    grants = sum(len(state.grants) for state in known.values())
    missing = len(states) - len(known)
    return PermissionCounts(len(known), added, len(changes) - added, grants, without_account, missing, unseen)


def _read_unseen(connection: Connection, target: Target) -> dict[str, Unseen]:
    rows = connection.execute(SQL["read_unseen"], {"instance_id": target.instance.id})
    return {scope: Unseen(scope, Seen(status), reason, moment) for scope, status, reason, moment in rows}


def _carry_all(
    connection: Connection, target: Target, states: Mapping[str, AccountState], coverage: Coverage, rules: Rules
) -> dict[str, AccountState]:
    before: dict[str, list[Grant]] = {}
    for row in connection.execute(SQL["read_all_grants"], {"instance_id": target.instance.id}):
        before.setdefault(row[0], []).append(to_grant(row[0], row[1:]))
    return {
        username: carry_unseen(state, before.get(username, ()), coverage, rules) for username, state in states.items()
    }


def _build_documents(
    target: Target,
    states: Mapping[str, AccountState],
    stored: Mapping[str, Stored],
    rules: Rules,
    unseen: Sequence[Unseen],
) -> Iterator[Document]:
    """Build the documents of the accounts of which anything differs that they are built from."""
    digests = build_digests(states, rules, target.read_at, unseen=unseen, code=read_code())
    changed = [username for username, digest in digests.items() if digest != stored[username].digest]
    members = build_members(states, changed)
    facts = FactsBuilder(rules, states, target.read_at, unseen=unseen)
    for username in changed:
        state = states[username]
        snapshot = build_snapshot(state, rules, members=members.get(username, ()), unseen=unseen)
        texts = to_document_text(snapshot), to_document_text(facts.build(state))
        yield Document(username, stored[username], *texts, digests[username])


@cache
def read_code() -> bytes:
    """Give a digest of the code that documents are built by: a new version of it builds them all again."""
    package = resources.files("whalefall_pipeline")
    return to_digest(*(_read_sources(package / folder) for folder in ("core", "adapters")))


def _read_sources(folder: Traversable) -> bytes:
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    return to_digest(
        *(_read_sources(entry) if entry.is_dir() else entry.read_bytes() for entry in entries if _is_source(entry))
    )


def _is_source(entry: Traversable) -> bool:
    return entry.name.endswith(".py") or (entry.is_dir() and entry.name != "__pycache__")


def _build_changes(
    connection: Connection, documents: Sequence[Document], states: Mapping[str, AccountState]
) -> list[Change]:
    """Compare with what the ledger holds; where only what is derived differs (facts, meta) there is no change."""
    present = [document.stored.account_id for document in documents if document.stored.digest]
    before = read_states(connection, present) if present else {}
    changes: list[Change] = []
    for username, stored, *_ in documents:
        difference = diff(before.get(stored.account_id), states[username])
        if difference:
            change_type: ChangeType = difference.change_type
            if stored.account_id not in before:
                change_type = "add" if stored.digest is None else "reactivate"
            changes.append(Change(stored.account_id, username, change_type, difference, states[username]))
    return changes


def _write_snapshots(
    connection: Connection, target: Target, documents: Sequence[Document], changes: Collection[Change]
) -> None:
    types: dict[int, ChangeType] = {change.account_id: change.change_type for change in changes}
    old = [document.stored.account_id for document in documents if document.stored.digest is not None]
    if old:
        connection.execute(SQL["delete_snapshots"], {"ids": old})
    rows = (_to_snapshot_row(target, document, types) for document in documents)
    copy_rows(connection, "account_snapshots", SNAPSHOT_COLUMNS, rows)


def _to_snapshot_row(target: Target, document: Document, types: Mapping[int, ChangeType]) -> tuple[object, ...]:
    _, stored, snapshot, facts, digest = document
    changed = types.get(stored.account_id)
    last = (changed, target.read_at) if changed else (stored.last_change_type, stored.last_change_time)
    return (stored.account_id, target.instance.id, snapshot.decode(), facts.decode(), digest, *last)


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
