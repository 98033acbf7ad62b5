"""Writes what differs from the ledger, in the caller's transaction, and returns what changed."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from whalefall_pipeline.core.access.danger_summary import DangerSummary
from whalefall_pipeline.core.changes import Changes
from whalefall_pipeline.core.diff import AttributeChange, Difference
from whalefall_pipeline.core.findings.model import NO_CHANGES, FindingChanges
from whalefall_pipeline.core.model import Seen
from whalefall_pipeline.core.wording import describe_attributes
from whalefall_pipeline.ledger.changes import end_changed, write_changes, write_deletions, write_gained
from whalefall_pipeline.ledger.copying import copying
from whalefall_pipeline.ledger.findings import close_findings_of, open_findings, write_findings
from whalefall_pipeline.ledger.grants import Numbers, read_numbers
from whalefall_pipeline.ledger.instance_attributes import write_attributes, write_instance_change
from whalefall_pipeline.ledger.inventory import mark_inventory_read, write_inventory
from whalefall_pipeline.ledger.permissions import (
    LastChange,
    Stored,
    delete_snapshots,
    mark_permissions_read,
    to_bytes_field,
    write_same,
    write_snapshots,
)
from whalefall_pipeline.ledger.target import Before, Target
from whalefall_pipeline.ledger.unseen import write_unseen
from whalefall_pipeline.sync.compare import ComparedAccounts, ComparedPermissions, ComparedStates
from whalefall_pipeline.sync.findings import diff_findings
from whalefall_pipeline.sync.follow import NOTHING_MORE, Sequel
from whalefall_pipeline.sync.read import Collected


def write_accounts(connection: Connection, collected: Collected, compared: ComparedAccounts) -> Changes:
    """Make the ledger's account list equal to the one that was read.

    Accounts that are gone are marked inactive, their grants end, and the log says so; those that may hide where the
    reading could not look stay as they are. What an account held that was dropped and made again ends too: the new
    one holds what is read of it.
    """
    findings = NO_CHANGES
    if compared.gone or compared.ended:
        write_deletions(connection, collected.target, [*compared.gone, *compared.ended])
    if compared.gone:
        gone = [account.account_id for account in compared.gone]
        findings = close_findings_of(connection, collected.target, gone)
    write_inventory(connection, collected.target, compared.change)
    mark_inventory_read(connection, collected.target, version=collected.version, identity=collected.identity)
    change = compared.change
    notices = _write_notices(connection, collected.target, compared.before)
    replaced = _write_replacement(connection, collected, compared)
    return Changes(
        new=tuple(account.username for account in change.new),
        returned=tuple(account.username for account in change.returned),
        recreated=tuple(account.username for account in change.recreated),
        accounts=(*compared.gone, *compared.ended),
        replaced=replaced,
        notices=(*notices, *filter(None, [compared.replacement])),
        findings=findings,
    )


def _write_notices(connection: Connection, target: Target, before: Before) -> tuple[str, ...]:
    """Write to the instance's log that moments of its rows were set back, where the ledger's clock had been ahead."""
    if before.future is None:
        return ()
    text = f"the ledger's clock had been ahead: moments up to {before.future.isoformat()} were set back to this reading"
    write_instance_change(connection, target, "modify_instance", Difference(), text)
    return (text,)


def _write_replacement(
    connection: Connection, collected: Collected, compared: ComparedAccounts
) -> AttributeChange | None:
    """Write to the instance's log that another server answered; that it may is only a notice."""
    before = compared.before.identity
    if not (compared.replacement and before and collected.identity):
        return None
    replaced = AttributeChange("identity", before, collected.identity)
    difference = Difference(other=(replaced,))
    write_instance_change(connection, collected.target, "replace_instance", difference, compared.replacement)
    return replaced


class Written(NamedTuple):
    """What changed, and who could become a superuser."""

    changes: Changes
    dangers: DangerSummary | None


def _follow_nothing(_connect: Callable[[], Connection]) -> Sequel:
    return NOTHING_MORE


def write_permissions(
    connection: Connection,
    collected: Collected,
    compared: ComparedPermissions,
    follow: Callable[[Callable[[], Connection]], Sequel] = _follow_nothing,
) -> Written:
    """Write what accounts hold, findings, documents and the log of what changed, and the instance's own.

    `follow` is called with what returns the connection once it is free.
    """
    target, sight, states = collected.target, compared.sight, compared.states
    _write_attributes(connection, target, compared)
    sequel, findings = _write_states(connection, target, compared, follow)
    if states:
        write_unseen(connection, target, sight.before, sight.unseen)
        if compared.whole:
            write_same(connection, target.instance.id, compared.whole, compared.counts)
    unseen = {item.scope for item in sight.unseen}
    missed = [item.scope for item in sight.before.values() if item.status is not Seen.EXCLUDED]
    mark_permissions_read(connection, target, collected.version, sight.observed, sequel.dangers)
    changes = Changes(
        accounts=tuple(states.changes) if states else (),
        attributes=compared.attribute_changes,
        notices=_write_notices(connection, target, compared.before),
        lost=tuple(item for item in sight.unseen if item.status is not Seen.EXCLUDED and item.scope not in missed),
        found=tuple(scope for scope in missed if scope not in unseen),
        superusers=sequel.superusers.new,
        of_superusers=sequel.superusers.concerned,
        findings=findings,
    )
    return Written(changes, sequel.dangers)


def _write_states(
    connection: Connection,
    target: Target,
    compared: ComparedPermissions,
    follow: Callable[[Callable[[], Connection]], Sequel],
) -> tuple[Sequel, FindingChanges]:
    """Write all that is of accounts one by one, and return what follows from the reading, and of findings.

    What follows, and documents, take longest to work out: the ledger takes in meanwhile what was sent before each.
    """
    stale: Mapping[str, Stored] = compared.states.stale if compared.states else {}
    states = compared.states if stale else None
    ended = _end_states(connection, target, states) if states else None
    with copying(connection, len(stale)) as copier:
        if states and ended:
            write_gained(copier, target, states.changes, ended.numbers)
            write_changes(copier, target, states.changes)
        sequel = follow(copier.take_connection)
        written = diff_findings(sequel.questions, compared) if sequel.questions else None
        if written:
            ids = {name: stored.account_id for name, stored in stale.items()}
            open_findings(connection, copier, target, written.changes.opened, ids)
        if states and ended:
            write_snapshots(copier, _build_rows(target, states, ended.snapshots))
    if written:
        write_findings(connection, target, written)
    return sequel, written.changes if written else NO_CHANGES


class _Ended(NamedTuple):
    """What is known once it ended what accounts were: the numbers of what they gain, and how each last changed."""

    numbers: Numbers
    snapshots: Mapping[int, LastChange]


def _end_states(connection: Connection, target: Target, states: ComparedStates) -> _Ended:
    """End what accounts were and held, and are and hold no more."""
    numbers = read_numbers(connection, target.instance.id, states.changes)
    if states.held_before:  # else what they gained is found while the ledger takes it in
        end_changed(connection, target, states.changes, numbers)
    had_one = [stored.account_id for stored in states.stale.values() if stored.digest is not None]
    return _Ended(numbers, delete_snapshots(connection, had_one))


def _write_attributes(connection: Connection, target: Target, compared: ComparedPermissions) -> None:
    """Write what the instance is set to, where that was seen first or changed."""
    before, after = compared.attributes_before, compared.attributes
    if after is None or after == before:
        return
    write_attributes(connection, target, after, is_first=before is None)
    if before is not None:
        difference = Difference(other=compared.attribute_changes)
        write_instance_change(connection, target, "modify_instance", difference, describe_attributes(difference))


def _build_rows(
    target: Target, compared: ComparedStates, last_changes: Mapping[int, LastChange]
) -> Iterator[tuple[str, ...]]:
    """Build documents while the ledger takes in the ones before: there are never many of them in memory.

    Where an account itself did not change, its last change stays what it was.
    """
    documents, digests = compared.build_documents(), compared.find_digests()
    types = {change.account_id: change.change_type for change in compared.changes}
    instance_id, read_at = str(target.instance.id), target.read_at.isoformat()
    for username, stored in compared.stale.items():
        account_id = stored.account_id
        before = None if account_id in types else last_changes.get(account_id)
        # a lost snapshot is written again, though nothing changed
        last = (before.change_type, before.moment.isoformat()) if before else (types.get(account_id, "add"), read_at)
        yield str(account_id), instance_id, *documents.build(username), to_bytes_field(digests[username]), *last
