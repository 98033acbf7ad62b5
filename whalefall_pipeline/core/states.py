"""Puts a reading together: grants to their accounts, and scopes to what is known of them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from whalefall_pipeline.core.model import Account, AccountState, Coverage, Grant, Membership, Seen, Unseen


def build_states(accounts: Iterable[Account], grants: Iterable[Grant]) -> tuple[dict[str, AccountState], int]:
    """Give each account its grants, by username; second, how many grants have a grantee that is no account.

    An attribute without a value is left out: null and not there are the same.
    """
    by_grantee: dict[str, list[Grant]] = {}
    for grant in grants:
        by_grantee.setdefault(grant.grantee, []).append(grant)
    states = {
        account.username: AccountState(_drop_nulls(account), frozenset(by_grantee.pop(account.username, ())))
        for account in accounts
    }
    return states, sum(map(len, by_grantee.values()))


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
