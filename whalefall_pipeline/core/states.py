"""Puts a reading together: grants to their accounts, and scopes to what is known of them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property

from whalefall_pipeline.core.exclusions import OF_ACCOUNT, OF_DATABASE
from whalefall_pipeline.core.model import (
    SERVER,
    Account,
    AccountState,
    Attributes,
    Coverage,
    Held,
    Membership,
    Seen,
    Unseen,
    find_observation,
    is_of_role,
    to_roles,
)
from whalefall_pipeline.core.parts import to_whole
from whalefall_pipeline.core.rules import Rules


class States(dict[str, AccountState]):
    """All accounts of a reading by username; nothing is put into it once it is made."""

    @cached_property
    def held(self) -> frozenset[Held]:
        """All that anybody holds, each once."""
        return _join_held(self)


def build_states(accounts: Sequence[Account], held: Mapping[str, Collection[Held]]) -> tuple[States, int]:
    """Return each account what it holds, by username; second, how many grants have a grantee that is no account.

    Accounts that hold the same share one set. An attribute without a value is left out: null and not there are the
    same.
    """
    sets: dict[frozenset[Held], frozenset[Held]] = {}
    states = States()
    for account in accounts:
        own = frozenset(held.get(account.username, ()))
        states[account.username] = AccountState(_drop_nulls(account), sets.setdefault(own, own))
    return states, sum(len(items) for grantee, items in held.items() if grantee not in states)


def _drop_nulls(account: Account) -> Account:
    if None not in account.attributes.values():
        return account
    return replace(account, attributes={name: value for name, value in account.attributes.items() if value is not None})


def add_implied_roles(
    states: Mapping[str, AccountState], rules: Rules, instance: Attributes
) -> Mapping[str, AccountState]:
    """Return the states with the memberships that the instance's attributes imply; the same mapping where none are."""
    found = ((name, rules.implied_roles(state, instance)) for name, state in states.items())
    implied = {name: replace(states[name], held=states[name].held | frozenset(roles)) for name, roles in found if roles}
    return States({**states, **implied}) if implied else states


def find_held(states: Mapping[str, AccountState], test: Callable[[Held], bool]) -> frozenset[Held]:
    """Return what passes a test, of all that anybody holds; what many hold is tested once.

    What one account holds of it is the intersection with it, at the speed of the interpreter's own sets.
    """
    held = states.held if isinstance(states, States) else _join_held(states)
    return frozenset(filter(test, held))


def _join_held(states: Mapping[str, AccountState]) -> frozenset[Held]:
    sets = {id(state.held): state.held for state in states.values()}
    return frozenset[Held]().union(*sets.values())


def build_members(states: Mapping[str, AccountState], roles: Collection[str]) -> dict[str, list[Membership]]:
    """Return the direct members of each of these roles, ordered by member."""
    members: dict[str, list[Membership]] = {}
    names = set(roles)
    wanted = find_held(states, lambda item: is_of_role(item) and item.securable.object in names)
    holders = [username for username, state in states.items() if not state.held.isdisjoint(wanted)]
    for username in sorted(holders):
        for held in to_roles(states[username].held & wanted):
            members.setdefault(held.role, []).append(Membership(username, *held))
    return members


def build_unseen(
    coverage: Coverage, before: Mapping[str, Unseen], seen_before: Mapping[str, datetime | None]
) -> list[Unseen]:
    """Return the scopes that a reading did not observe, ordered by scope, with the moment each was last seen.

    `before` holds what the reading before did not observe, and `seen_before` what it did, with its moment; a scope
    that is in neither, nor a part of one, was never seen. Those that the coverage does not list, since what lists them
    (a server's databases) was not observed, are named too.
    """
    others = {scope for scope in {*before, *seen_before} - coverage.keys() if not scope.startswith(OF_ACCOUNT)}
    unlisted = {scope: find_observation(scope, coverage) for scope in others}
    known = {scope: seen for scope, seen in unlisted.items() if seen} | dict(coverage)

    lists_databases = any(scope.startswith(OF_DATABASE) for scope in seen_before)

    def find_moment(scope: str) -> datetime | None:
        if scope in before:
            return before[scope].last_seen_at
        if known[scope].status is Seen.EXCLUDED and (scope.startswith(OF_ACCOUNT) or not lists_databases):
            return seen_before.get("databases", seen_before.get(SERVER))
        return seen_before.get(scope, seen_before.get(to_whole(scope)))

    return [
        Unseen(scope, seen.status, seen.reason, find_moment(scope))
        for scope, seen in sorted(known.items())
        if seen.status is not Seen.OBSERVED
    ]
