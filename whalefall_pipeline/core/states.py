"""Puts a reading together: grants to their accounts, and scopes to what is known of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from whalefall_pipeline.core.model import Account, AccountState, Coverage, Held, Membership, Seen, Unseen


def build_states(
    accounts: Sequence[Account], held: Mapping[str, Collection[Held]]
) -> tuple[dict[str, AccountState], int]:
    """Give each account what it holds, by username; second, how many grants have a grantee that is no account.

    Accounts that hold the same share one set. An attribute without a value is left out: null and not there are the
    same.
    """
    sets: dict[frozenset[Held], frozenset[Held]] = {}
    states: dict[str, AccountState] = {}
    for account in accounts:
        own = frozenset(held.get(account.username, ()))
        states[account.username] = AccountState(_drop_nulls(account), sets.setdefault(own, own))
    return states, sum(len(items) for grantee, items in held.items() if grantee not in states)


def _drop_nulls(account: Account) -> Account:
    if None not in account.attributes.values():
        return account
    return replace(account, attributes={name: value for name, value in account.attributes.items() if value is not None})


def build_members(states: Mapping[str, AccountState], roles: Collection[str]) -> dict[str, list[Membership]]:
    """Give the direct members of each of these roles, ordered by member."""
    members: dict[str, list[Membership]] = {}
    wanted = set(roles)
    for username in sorted(states):
        for membership in states[username].memberships:
            if membership.role in wanted:
                members.setdefault(membership.role, []).append(membership)
    return members


def build_unseen(
    coverage: Coverage, before: Mapping[str, Unseen], seen_before: Mapping[str, datetime | None]
) -> list[Unseen]:
    """Name the scopes that a reading did not observe, ordered by scope, with the moment each was last seen.

    `before` holds what the reading before did not observe, and `seen_before` what it did, with its moment; a scope
    that is in neither was never seen.
    """
    return [
        Unseen(
            scope, seen.status, seen.reason, before[scope].last_seen_at if scope in before else seen_before.get(scope)
        )
        for scope, seen in sorted(coverage.items())
        if seen.status is not Seen.OBSERVED
    ]
