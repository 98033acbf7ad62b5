"""A digest per account of all that its snapshot and facts are built from: where it is equal, nothing has to be built.

That is the account itself, its grants, what it amounts to at this moment (a validity date passes without any change
of the catalog), its members, the scopes that were not seen, and what is passed on by every role that it reaches and by
accounts that stand for everybody. A role's other grants are not among it: they stand in the role's own documents only.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

import orjson

from whalefall_pipeline.core.made import Made
from whalefall_pipeline.core.model import Account, AccountState, Attributes, Held, Kind, Unseen, is_of_role
from whalefall_pipeline.core.rules import NOTHING_SET, Reasons, Rules
from whalefall_pipeline.core.snapshot import to_digest, to_digest_of_parts, to_json_unseen
from whalefall_pipeline.core.states import find_held

NOBODY = to_digest()
"""What an account without members has in the place of their digest."""


def find_own_capabilities(
    states: Mapping[str, AccountState], rules: Rules, now: datetime, instance: Attributes = NOTHING_SET
) -> dict[str, Reasons]:
    """Return what each account amounts to by itself, by username; `instance` is what the instance is set to."""
    return {username: rules.own_capabilities(state, now, instance) for username, state in states.items()}


def digest_accounts(states: Mapping[str, AccountState], own: Mapping[str, Reasons]) -> dict[str, bytes]:
    """Return a digest of each account itself, by username: its kind, its attributes, and what it amounts to by itself.

    Where an account amounts to something else by what the instance is set to, its digest differs.
    """
    return {username: _digest_account(state.account, own[username]) for username, state in states.items()}


def _digest_account(account: Account, own: Reasons) -> bytes:
    parts = [account.kind, account.attributes, sorted(account.unseen) if account.unseen else [], own]
    return to_digest_of_parts(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS))


def digest_reading(
    own: Mapping[str, bytes], rows: bytes, *, version: str, code: bytes, instance: Attributes = NOTHING_SET
) -> bytes:
    """Return one digest of all that would make an account's differ, where everything was observed.

    `own` are the accounts' own digests, for what passes by itself; the rows say the rest. They may come in another
    order and mean the same: digests of readings that are equal may differ, and then the accounts' are compared.
    """
    settings = orjson.dumps(dict(instance), option=orjson.OPT_SORT_KEYS)
    return to_digest(code, version.encode(), rows, settings, b"".join(own.values()))


def build_digests(
    states: Mapping[str, AccountState], own: Mapping[str, bytes], *, unseen: Sequence[Unseen], code: bytes
) -> dict[str, bytes]:
    """Return each account's digest, by username; `code` stands for the code that would build the documents."""
    reading = _Fingerprints(states, own)
    common = to_digest(code, orjson.dumps([to_json_unseen(item) for item in unseen]), reading.of_everyone)
    return {username: to_digest_of_parts(common + grounds) for username, grounds in reading.join_grounds()}


def _digest_held(held: Held) -> bytes:
    privilege, securable, grant_option, effect = held
    return to_digest(orjson.dumps([privilege, list(securable), grant_option, effect]))


def _digest_set(tokens: Mapping[Held, bytes], held: frozenset[Held]) -> bytes:
    """Return one digest of several privileges, whatever their order."""
    return to_digest_of_parts(b"".join(sorted(map(tokens.__getitem__, held))))


class _Fingerprints:
    """All accounts of one reading; those that hold the same share a set, which is digested once."""

    def __init__(self, states: Mapping[str, AccountState], own: Mapping[str, bytes]) -> None:
        self._states = states
        self._own = own
        self._tokens = Made(_digest_held)
        self._passing = find_held(states, _is_passed_on)
        of_roles = frozenset(filter(is_of_role, self._passing))
        self._memberships = {username: state.held & of_roles for username, state in states.items()}
        self._sets = Made(partial(_digest_set, self._tokens))
        self._passed_on: dict[str, bytes] = {}
        self._reached: dict[frozenset[Held], bytes] = {}

    def join_grounds(self) -> Iterator[tuple[str, bytes]]:
        """Yield what each account's documents are built from, four digests in one, by username."""
        members = self._digest_members()
        for username, state in self._states.items():
            of_roles = self._reach(self._memberships[username]) + members.get(username, NOBODY)
            yield username, self._sets[state.held] + of_roles + self._own[username]

    @property
    def of_everyone(self) -> bytes:
        """A digest of what is passed on by accounts that stand for everybody."""
        names = sorted(name for name, state in self._states.items() if state.account.kind is Kind.PUBLIC)
        return to_digest(*[self._pass_on(name) + self._reach(self._memberships[name]) for name in names])

    def _reach(self, direct: frozenset[Held]) -> bytes:
        """Return a digest of what all roles pass on that are reached over these; many accounts have the same ones."""
        reached = self._reached.get(direct)
        if reached is None:
            seen: set[str] = set()
            frontier = {item.securable.object for item in direct}
            while frontier:
                seen |= frontier
                known = [self._memberships[role] for role in frontier if role in self._states]
                frontier = {item.securable.object for held in known for item in held} - seen
            reached = self._reached[direct] = to_digest(*map(self._pass_on, sorted(seen & self._states.keys())))
        return reached

    def _pass_on(self, role: str) -> bytes:
        """Return a digest of what a role's members may have from it: capabilities, further roles, denials."""
        if role not in self._passed_on:
            further = self._sets[self._states[role].held & self._passing]
            self._passed_on[role] = to_digest(orjson.dumps(role), self._own[role], further)
        return self._passed_on[role]

    def _digest_members(self) -> dict[str, bytes]:
        """Return, by role, a digest of each kind of membership with its members."""
        holders: dict[Held, list[str]] = {}
        for username, memberships in self._memberships.items():
            for membership in memberships:
                holders.setdefault(membership, []).append(username)
        of_role: dict[str, list[bytes]] = {}
        for membership in sorted(holders):
            members = orjson.dumps(sorted(holders[membership]))
            of_role.setdefault(membership.securable.object, []).append(to_digest(self._tokens[membership], members))
        return {role: to_digest(*digests) for role, digests in of_role.items()}


def _is_passed_on(held: Held) -> bool:
    """Whether it matters to those who hold a role, and not to the role alone: further roles, and denials."""
    return held.effect != "grant" or is_of_role(held)
