"""A digest per account of all that its snapshot and facts are built from: where it is equal, nothing has to be built.

That is the account itself, its grants, what it amounts to at this moment (a validity date passes without any change
of the catalog), its members, the scopes that were not seen, and what is passed on by every role that it reaches and by
accounts that stand for everybody. A role's other grants are not among it: they stand in the role's own documents only.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, cached_property, partial
from typing import NamedTuple

import orjson

from whalefall_pipeline.core.model import ROLE_SCOPES, AccountState, Held, Kind, Securable, Unseen
from whalefall_pipeline.core.rules import Rules
from whalefall_pipeline.core.snapshot import to_digest, to_json_unseen


def build_digests(
    states: Mapping[str, AccountState], rules: Rules, now: datetime, *, unseen: Sequence[Unseen], code: bytes
) -> dict[str, bytes]:
    """Give each account's digest, by username; `code` stands for the code that would build the documents."""
    reading = _Fingerprints(states, rules, now)
    common = to_digest(code, orjson.dumps([to_json_unseen(item) for item in unseen]), reading.of_everyone)
    return {username: to_digest(common, *reading.list_grounds(username)) for username in states}


class _Token(NamedTuple):
    """One privilege's digest, and what of it reaches further than its holder: the role, for a membership; a denial."""

    digest: bytes
    role: Securable | None
    is_denial: bool


class _Weight(NamedTuple):
    """What a set of privileges comes to: digests of all, of each membership with its role's name, of each denial."""

    digest: bytes
    roles: frozenset[Securable]
    memberships: tuple[tuple[bytes, str], ...]
    denials: tuple[bytes, ...]


def _to_token(held: Held) -> _Token:
    privilege, securable, grant_option, effect = held
    digest = to_digest(orjson.dumps([privilege, list(securable), grant_option, effect]))
    return _Token(digest, securable if securable.scope in ROLE_SCOPES else None, effect != "grant")


def _weigh(to_token: Callable[[Held], _Token], held: frozenset[Held]) -> _Weight:
    tokens = sorted([to_token(item) for item in held])
    of_roles = [(digest, role) for digest, role, _ in tokens if role]
    return _Weight(
        to_digest(b"".join([token[0] for token in tokens])),
        frozenset([role for _, role in of_roles]),
        tuple([(digest, role.object) for digest, role in of_roles]),
        tuple([digest for digest, _, is_denial in tokens if is_denial]),
    )


class _Fingerprints:
    """All accounts of one reading; those that hold the same are weighed once."""

    def __init__(self, states: Mapping[str, AccountState], rules: Rules, now: datetime) -> None:
        self._states = states
        weigh = cache(partial(_weigh, cache(_to_token)))
        self._own = {username: _to_own(state, rules, now) for username, state in states.items()}
        self._weights = {username: weigh(state.held) for username, state in states.items()}
        self._passed_on: dict[str, bytes] = {}
        self._reached: dict[frozenset[Securable], bytes] = {}

    def list_grounds(self, username: str) -> list[bytes]:
        """Give what one account's documents are built from, serialised."""
        weight = self._weights[username]
        return [
            self._own[username],
            weight.digest,
            self._reach(weight.roles),
            self._members.get(username, b""),
        ]

    @property
    def of_everyone(self) -> bytes:
        """A digest of what is passed on by accounts that stand for everybody."""
        names = sorted(name for name, state in self._states.items() if state.account.kind is Kind.PUBLIC)
        return to_digest(*[self._pass_on(name) + self._reach(self._weights[name].roles) for name in names])

    def _reach(self, direct: frozenset[Securable]) -> bytes:
        """Give a digest of what all roles pass on that are reached over these; many accounts have the same ones."""
        if direct not in self._reached:
            seen: frozenset[Securable] = frozenset()
            frontier = direct
            while frontier:
                seen |= frontier
                known = [role.object for role in frontier if role.object in self._states]
                frontier = frozenset[Securable]().union(*(self._weights[name].roles for name in known)) - seen
            names = sorted({role.object for role in seen} & self._states.keys())
            self._reached[direct] = to_digest(*map(self._pass_on, names))
        return self._reached[direct]

    def _pass_on(self, role: str) -> bytes:
        """Give a digest of what a role's members may have from it: capabilities, further roles, denials."""
        if role not in self._passed_on:
            weight = self._weights[role]
            parts = [*(token for token, _ in weight.memberships), *weight.denials]
            self._passed_on[role] = to_digest(orjson.dumps(role), self._own[role], *parts)
        return self._passed_on[role]

    @cached_property
    def _members(self) -> dict[str, bytes]:
        """By role, a digest of each kind of membership with its members."""
        holders: dict[tuple[bytes, str], list[str]] = {}
        for username, weight in self._weights.items():
            for membership in weight.memberships:
                holders.setdefault(membership, []).append(username)
        of_role: dict[str, list[bytes]] = {}
        for token, role in sorted(holders):
            members = orjson.dumps(sorted(holders[token, role]))
            of_role.setdefault(role, []).append(to_digest(token, members))
        return {role: b"".join(digests) for role, digests in of_role.items()}


def _to_own(state: AccountState, rules: Rules, now: datetime) -> bytes:
    account = state.account
    own = [account.kind.value, account.attributes, rules.own_capabilities(state, now)]
    return to_digest(orjson.dumps(own, option=orjson.OPT_SORT_KEYS))
