"""Compares what was collected with what the ledger holds, in the caller's transaction; writes nothing."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property, partial

from sqlalchemy import Connection

from whalefall_pipeline.core.access.danger_summary import DangerSummary
from whalefall_pipeline.core.changes import AccountChange
from whalefall_pipeline.core.counts import PermissionCounts, count_permissions
from whalefall_pipeline.core.diff import AttributeChange, ChangeType, diff, diff_attributes
from whalefall_pipeline.core.documents import DocumentBuilder, to_code
from whalefall_pipeline.core.errors import SyncDataError
from whalefall_pipeline.core.exclusions import OF_ACCOUNT, find_names
from whalefall_pipeline.core.facts import FactsBuilder
from whalefall_pipeline.core.fingerprint import (
    build_digests,
    digest_accounts,
    digest_reading,
    find_own_capabilities,
)
from whalefall_pipeline.core.inventory import InventoryChange, check_collapse, compare_inventory, describe_replacement
from whalefall_pipeline.core.made import Found
from whalefall_pipeline.core.model import AccountState, Attributes, Reading, Seen, Unseen
from whalefall_pipeline.core.rules import NOTHING_SET, Reasons, Rules
from whalefall_pipeline.core.states import States, add_implied_roles, build_unseen
from whalefall_pipeline.ledger.changes import read_states
from whalefall_pipeline.ledger.inventory import read_known_accounts
from whalefall_pipeline.ledger.permissions import Newest, Stored, read_newest, read_same, read_stored
from whalefall_pipeline.ledger.target import Before, check_order
from whalefall_pipeline.ledger.unseen import read_unseen
from whalefall_pipeline.sync.carry import carry_states
from whalefall_pipeline.sync.read import Collected


@dataclass(frozen=True, slots=True)
class ComparedAccounts:
    """How the account list differs from the one known; `gone` says what the gone accounts held.

    `ended` says it of those that were dropped and made again: what they are now is read as of one that came back.
    """

    change: InventoryChange
    gone: Sequence[AccountChange]
    ended: Sequence[AccountChange]
    before: Before
    replacement: str


def compare_accounts(connection: Connection, collected: Collected, *, accept_collapse: bool) -> ComparedAccounts:
    """Compare the account list with the one known.

    Raises SyncDataError when the list collapsed past the safety limit, unless that is accepted.
    """
    instance = collected.target.instance
    before = check_order(connection, collected.target, "inventory_read_at")
    replacement = find_replacement(before, collected)
    known = read_known_accounts(connection, instance.id)
    same = not replacement
    change = compare_inventory(known, collected.accounts, collected.may_hide, is_same_server=same)
    if not accept_collapse:
        check_collapse(known, change, instance.vanish_limit_percent, replacement=replacement)
    excluded = find_names(instance.excluded, OF_ACCOUNT)
    change = change._replace(hidden=[account for account in change.hidden if account.username not in excluded])
    left = [*change.gone, *change.recreated]
    states = read_states(connection, [account.id for account in left]) if left else {}
    gone, ended = (
        [AccountChange(item.id, item.username, "delete", diff(states.get(item.id), None), None) for item in items]
        for items in (change.gone, change.recreated)
    )
    return ComparedAccounts(change, gone, ended, before, replacement)


def find_replacement(before: Before, collected: Collected) -> str:
    """Return how another server seems to answer than the one of the newest inventory, or an empty text."""
    return describe_replacement((before.identity, before.place), (collected.identity, collected.target.place))


@dataclass(frozen=True, slots=True)
class Sight:
    """What a reading did not observe, what the one before did not, and what this one did."""

    unseen: Sequence[Unseen]
    before: Mapping[str, Unseen]
    observed: Sequence[str]


@dataclass(frozen=True)
class Basis:
    """One reading with what is carried over; `effective` states have the roles that the instance implies, too.

    What is worked out of all accounts is so when it is first needed: at a first reading while the ledger takes it in.
    """

    states: Mapping[str, AccountState]
    effective: Mapping[str, AccountState]
    rules: Rules
    now: datetime
    attributes: Attributes
    unseen: Sequence[Unseen]

    @cached_property
    def amounts(self) -> Mapping[str, Reasons]:
        """What each account amounts to by itself."""
        return find_own_capabilities(self.effective, self.rules, self.now, self.attributes)

    @cached_property
    def own(self) -> Mapping[str, bytes]:
        """A digest of each account itself."""
        return digest_accounts(self.effective, self.amounts)


@dataclass(frozen=True)
class ComparedStates:
    """How accounts differ from the ledger.

    `stale` are those whose documents are built again; there may be no change behind it, where only what is derived
    differs. `held_before` are the states that these had, by id. `states` are those of all accounts that the ledger has,
    as they were read. `find_digests` returns the digests of all.
    """

    basis: Basis
    states: Mapping[str, AccountState]
    effective: Mapping[str, AccountState]
    changes: Sequence[AccountChange]
    held_before: Mapping[int, AccountState]
    stale: Mapping[str, Stored]
    find_digests: Callable[[], Mapping[str, bytes]]

    @cached_property
    def before(self) -> Mapping[str, AccountState]:
        """The states, before, of those of the changes that had one."""
        known = self.held_before
        return {item.username: known[item.account_id] for item in self.changes if item.account_id in known}

    @cached_property
    def facts(self) -> FactsBuilder:
        """What builds the facts of all accounts."""
        basis = self.basis
        return FactsBuilder(
            basis.rules,
            self.states,
            basis.now,
            unseen=basis.unseen,
            instance=basis.attributes,
            own=basis.amounts,
            effective=self.effective,
        )

    @cached_property
    def counts(self) -> PermissionCounts:
        """How many accounts and grants there are, and how many of these accounts changed."""
        return count_permissions(self.basis.states.values(), self.states.values(), self.changes)

    def build_documents(self) -> DocumentBuilder:
        """Return what builds the documents of stale accounts."""
        return DocumentBuilder(self.states, self.stale, self.basis.rules, self.facts, unseen=self.basis.unseen)


@dataclass(frozen=True, slots=True)
class ComparedPermissions:
    """What differs from the ledger: of accounts, of the instance itself, and of what is seen.

    `states` is None where nothing was compared by account, since the newest reading gave the same. `effective` are all
    accounts that were read, with the roles that the instance implies; `reading_states` are they without these.
    `attributes` are what the instance is set to (None: never seen). `find_whole` returns a digest of all that was read;
    empty where not everything was seen. `dangers_before` is what the reading before said of who is a superuser.
    """

    find_counts: Callable[[], PermissionCounts]
    states: ComparedStates | None
    effective: Mapping[str, AccountState]
    sight: Sight
    attributes: Attributes | None
    attributes_before: Attributes | None
    find_whole: Callable[[], bytes]
    before: Before
    reading_states: Mapping[str, AccountState]
    dangers_before: DangerSummary | None

    @property
    def counts(self) -> PermissionCounts:
        """How many accounts and grants there are, and what changed."""
        return self.find_counts()

    @property
    def whole(self) -> bytes:
        """A digest of all that was read; empty where not everything was seen."""
        return self.find_whole()

    @property
    def attribute_changes(self) -> tuple[AttributeChange, ...]:
        """What changed of the instance's attributes; what is seen for the first time is no change."""
        before, after = self.attributes_before, self.attributes
        return () if before is None or after is None else diff_attributes(before, after)


def compare_permissions(
    connection: Connection, collected: Collected, reading: Reading, rules: Rules
) -> ComparedPermissions:
    """Compare what accounts hold, and what the instance is set to, with what the ledger holds.

    Scopes that were not observed keep their grants, and so do accounts that may hide in them. Accounts that the
    inventory in the ledger does not have are counted only. A reading that observed everything and gave what the newest
    one gave is not compared by account, provided that the ledger still holds what was written of that one.
    """
    target = collected.target
    instance_id = target.instance.id
    before_this = check_order(connection, target, "permissions_read_at")
    if replacement := find_replacement(before_this, collected):
        raise SyncDataError(f"{replacement}; sync the accounts of {target.instance.name} first, or both together")
    newest = read_newest(connection, instance_id)
    before = read_unseen(connection, instance_id)
    unseen = build_unseen(reading.coverage, before, dict.fromkeys(newest.observed, before_this.read_at))
    states, without_account = carry_states(connection, collected, reading, rules, any_unseen=bool(unseen))
    known = _carry_attributes(reading, newest)
    attributes = NOTHING_SET if known is None else known
    effective = add_implied_roles(states, rules, attributes)
    basis = Basis(states, effective, rules, target.read_at, attributes, unseen)
    is_whole = bool(reading.rows) and _sees_all(unseen, before, rules) and not any(a.unseen for a in collected.accounts)
    find_whole = cache(partial(_digest_whole, basis, reading, collected.version)) if is_whole else bytes
    may_be_same = is_whole and before_this.read_at is not None
    same = read_same(connection, instance_id, find_whole()) if may_be_same else None
    found = same or _compare_states(connection, instance_id, basis)
    observed = [scope for scope, seen in reading.coverage.items() if seen.status is Seen.OBSERVED]
    return ComparedPermissions(
        cache(partial(_count, found, without_account, unseen)),
        found if isinstance(found, ComparedStates) else None,
        effective,
        Sight(unseen, before, observed),
        known,
        newest.attributes,
        find_whole,
        before_this,
        states,
        newest.dangers,
    )


def _digest_whole(basis: Basis, reading: Reading, version: str) -> bytes:
    code = to_code(basis.rules)
    return digest_reading(basis.own, reading.rows, version=version, code=code, instance=basis.attributes)


def _count(
    found: PermissionCounts | ComparedStates, without_account: int, unseen: Sequence[Unseen]
) -> PermissionCounts:
    counts = found.counts if isinstance(found, ComparedStates) else found
    return counts._replace(without_account=without_account, unseen=tuple(unseen))


def _sees_all(unseen: Sequence[Unseen], before: Mapping[str, Unseen], rules: Rules) -> bool:
    """Whether nothing is unseen, now and before; what may be, and what is excluded, must be so for the same reason."""
    is_as_before = {item[:3] for item in unseen} == {item[:3] for item in before.values()}
    return is_as_before and all(item.scope in rules.optional_scopes or item.status is Seen.EXCLUDED for item in unseen)


def _carry_attributes(reading: Reading, newest: Newest) -> Attributes | None:
    """Return what the instance is set to: as it was read, or else as it was last seen; None: it never was."""
    if reading.attributes is None:
        return newest.attributes
    return {name: value for name, value in reading.attributes.items() if value is not None}


def _compare_states(connection: Connection, instance_id: int, basis: Basis) -> ComparedStates:
    """Compare each account with what the ledger holds of it; only those whose digest differs are fetched."""
    stored = read_stored(connection, instance_id)
    known, effective = (_choose(states, stored) for states in (basis.states, basis.effective))
    find_digests = cache(lambda: build_digests(effective, basis.own, unseen=basis.unseen, code=to_code(basis.rules)))
    stale = {name: stored[name] for name in known}
    if any(item.digest is not None for item in stale.values()):  # else all are new, whatever their digests are
        stale = {name: stored[name] for name, digest in find_digests().items() if digest != stored[name].digest}
    before = read_states(connection, [item.account_id for item in stale.values()]) if stale else {}
    changes = Found(_find_changes(before, known, stale))
    return ComparedStates(basis, known, effective, changes, before, stale, find_digests)


def _choose(states: Mapping[str, AccountState], names: Collection[str]) -> Mapping[str, AccountState]:
    """Return the states of accounts with these names; the same mapping where those are all."""
    chosen = [name for name in states if name in names]
    return states if len(chosen) == len(states) else States({name: states[name] for name in chosen})


def _find_changes(
    before: Mapping[int, AccountState], states: Mapping[str, AccountState], stale: Mapping[str, Stored]
) -> Iterator[AccountChange]:
    """Yield how accounts differ; where only what is derived differs (facts, meta) there is no change."""
    for username, stored in stale.items():
        difference = diff(before.get(stored.account_id), states[username])
        if difference:
            change_type: ChangeType = difference.change_type
            if stored.account_id not in before:
                change_type = "add" if stored.digest is None else "reactivate"
            yield AccountChange(stored.account_id, username, change_type, difference, states[username])
