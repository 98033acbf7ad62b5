"""A digest per account of all that its snapshot and facts are built from: where it is equal, nothing has to be built.

That is the account itself, its grants, what it amounts to at this moment (a validity date passes without any change
of the catalog), its members, the scopes that were not seen, and what is passed on by every role that it reaches and by
accounts that stand for everybody. A role's other grants are not among it: they stand in the role's own documents only.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property

import orjson

from whalefall_pipeline.core.model import ROLE_SCOPES, AccountState, Kind, Securable, Unseen
from whalefall_pipeline.core.rules import Rules
from whalefall_pipeline.core.snapshot import to_digest, to_json_unseen


def build_digests(
    states: Mapping[str, AccountState], rules: Rules, now: datetime, *, unseen: Sequence[Unseen], code: bytes
) -> dict[str, bytes]:
    """Give each account's digest, by username; `code` stands for the code that would build the documents."""
    reading = _Fingerprints(states, rules, now)
    common = to_digest(code, orjson.dumps([to_json_unseen(item) for item in unseen]), reading.of_everyone)
    return {username: to_digest(common, *reading.list_grounds(username)) for username in states}


class _Tokens(dict[tuple[object, ...], bytes]):
    """A digest of what a grant says beside its grantee, made once each: many accounts hold the same."""

    def __init__(self) -> None:
        super().__init__()
        self.roles: dict[bytes, Securable] = {}
        self.denials: set[bytes] = set()

    def __missing__(self, held: tuple[str, Securable, bool, str]) -> bytes:
        privilege, securable, grant_option, effect = held
        token = self[held] = to_digest(orjson.dumps([privilege, list(securable), grant_option, effect]))
        if securable.scope in ROLE_SCOPES:
            self.roles[token] = securable
        if effect != "grant":
            self.denials.add(token)
        return token


class _Fingerprints:
    """All accounts of one reading."""

    def __init__(self, states: Mapping[str, AccountState], rules: Rules, now: datetime) -> None:
        self._states = states
        self._tokens = tokens = _Tokens()
        self._own = {username: _to_own(state, rules, now) for username, state in states.items()}
        self._held = {
            username: sorted([tokens[grant[1:]] for grant in state.grants]) for username, state in states.items()
        }
        self._passed_on: dict[str, bytes] = {}
        self._reached: dict[frozenset[Securable], bytes] = {}

    def list_grounds(self, username: str) -> list[bytes]:
        """Give what one account's documents are built from, serialised."""
        held = self._held[username]
        return [
            self._own[username],
            b"".join(held),
            self._reach(self._list_roles(held)),
            self._members.get(username, b""),
        ]

    @property
    def of_everyone(self) -> bytes:
        """A digest of what is passed on by accounts that stand for everybody."""
        names = sorted(name for name, state in self._states.items() if state.account.kind is Kind.PUBLIC)
        return to_digest(*[self._pass_on(name) + self._reach(self._list_roles(self._held[name])) for name in names])

    def _list_roles(self, held: Sequence[bytes]) -> frozenset[Securable]:
        roles = self._tokens.roles
        return frozenset([roles[token] for token in held if token in roles])

    def _reach(self, direct: frozenset[Securable]) -> bytes:
        """Give a digest of what all roles pass on that are reached over these; many accounts have the same ones."""
        if direct not in self._reached:
            seen: frozenset[Securable] = frozenset()
            frontier = direct
            while frontier:
                seen |= frontier
                known = [role.object for role in frontier if role.object in self._states]
                frontier = frozenset[Securable]().union(*(self._list_roles(self._held[name]) for name in known)) - seen
            names = sorted({role.object for role in seen} & self._states.keys())
            self._reached[direct] = to_digest(*map(self._pass_on, names))
        return self._reached[direct]

    def _pass_on(self, role: str) -> bytes:
        """Give a digest of what a role's members may have from it: capabilities, further roles, denials."""
        if role not in self._passed_on:
            tokens = self._tokens
            parts = [token for token in self._held[role] if token in tokens.roles or token in tokens.denials]
            self._passed_on[role] = to_digest(orjson.dumps(role), self._own[role], *parts)
        return self._passed_on[role]

    @cached_property
    def _members(self) -> dict[str, bytes]:
        """By role, its members with what each membership says."""
        holders: dict[bytes, list[str]] = {token: [] for token in self._tokens.roles}
        for username, held in self._held.items():
            for token in held:
                if token in holders:
                    holders[token].append(username)
        of_role: dict[str, list[bytes]] = {}
        for token in sorted(holders):
            members = orjson.dumps(sorted(holders[token]))
            of_role.setdefault(self._tokens.roles[token].object, []).append(to_digest(token, members))
        return {role: b"".join(digests) for role, digests in of_role.items()}


def _to_own(state: AccountState, rules: Rules, now: datetime) -> bytes:
    account = state.account
    own = [account.kind.value, account.attributes, rules.own_capabilities(state, now)]
    return orjson.dumps(own, option=orjson.OPT_SORT_KEYS)
