"""How many accounts and grants a sync found and changed. Predefined accounts, and what they hold, are not counted."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from whalefall_pipeline.core.changes import AccountChange
from whalefall_pipeline.core.inventory import InventoryChange
from whalefall_pipeline.core.model import Account, AccountState, Unseen


class InventoryCounts(NamedTuple):
    """What an inventory came to, in accounts."""

    active: int
    created: int
    reactivated: int
    deleted: int
    hidden: int


class PermissionCounts(NamedTuple):
    """What permissions came to: accounts read, of these first seen and changed, and what could not be said."""

    accounts: int
    grants: int
    not_in_inventory: int
    added: int = 0
    changed: int = 0
    without_account: int = 0
    unseen: Sequence[Unseen] = ()


def count_inventory(accounts: Collection[Account], change: InventoryChange) -> InventoryCounts:
    """Count the list that was read, and how it differs from the one known."""
    active, created = (sum(item.kind.is_counted for item in items) for items in (accounts, change.new))
    known = (sum(item.is_counted for item in items) for items in (change.returned, change.gone, change.hidden))
    return InventoryCounts(active, created, *known)


def count_permissions(
    states: Collection[AccountState], known: Collection[AccountState], changes: Collection[AccountChange]
) -> PermissionCounts:
    """Count what was read (`states`), of which the ledger knows the accounts `known`, and what changed of those."""
    counted = [state for state in known if state.account.kind.is_counted]
    types = [change.change_type for change in changes if change.is_counted]
    added = sum(change_type in ("add", "reactivate") for change_type in types)
    return PermissionCounts(
        accounts=len(counted),
        added=added,
        changed=len(types) - added,
        grants=sum(len(state.held) for state in counted),
        not_in_inventory=sum(state.account.kind.is_counted for state in states) - len(counted),
    )
