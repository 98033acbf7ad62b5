"""Puts back what a reading could not see: not seen is not gone, be it a grant, an attribute or an account's kind."""

from collections.abc import Collection
from dataclasses import replace

from whalefall_pipeline.core.diff import KIND_FIELD
from whalefall_pipeline.core.exclusions import sees
from whalefall_pipeline.core.model import Account, AccountState, Attributes, Coverage, Held
from whalefall_pipeline.core.rules import Rules


def carry_unseen(state: AccountState, before: Collection[Held], coverage: Coverage, rules: Rules) -> AccountState:
    """Keep the earlier grants in scopes that this reading did not observe."""
    kept = frozenset(
        item for item in before if not sees(rules, item.securable.scope, item.securable.database, coverage)
    )
    return replace(state, held=state.held | kept) if kept else state


def carry_attributes(account: Account, known: Account | None) -> Account:
    """Return the account with what it was last known to be where this reading was not shown it.

    `known` is what the ledger holds of it while it is active. An attribute that was never seen is left out; a kind
    that was never seen is what the reading took it for.
    """
    if not account.unseen:
        return account
    last: Attributes = known.attributes if known else {}
    attributes = {name: value for name, value in account.attributes.items() if name not in account.unseen}
    attributes |= {name: last[name] for name in account.unseen if name in last}
    kind = known.kind if known and KIND_FIELD in account.unseen else account.kind
    return replace(account, kind=kind, attributes=attributes)
