"""A digest per account of all that its snapshot and facts are built from: where it is equal, nothing has to be built.

That is the account itself, its grants, what it amounts to at this moment (a validity date passes without any change
of the catalog), its members, the scopes that were not seen, and what is passed on by every role that it reaches and by
accounts that stand for everybody. A role's other grants are not among it: they stand in the role's own documents only.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import NamedTuple

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
    """Return what each account amounts to by itself, by username; `instance` is what the instance is set to.

    Accounts that share their attributes may share the value, which is not to be changed.
    """
    if not rules.own_by_attributes:
        return {username: rules.own_capabilities(state, now, instance) for username, state in states.items()}
    shared: dict[tuple[int, int], Reasons] = {}  # by which kind and attributes they are; `states` keep these
    own: dict[str, Reasons] = {}
    for username, state in states.items():
        key = (id(state.account.kind), id(state.account.attributes))
        reasons = shared.get(key)
        if reasons is None:
            reasons = shared[key] = rules.own_capabilities(state, now, instance)
        own[username] = reasons
    return own


def digest_accounts(states: Mapping[str, AccountState], own: Mapping[str, Reasons]) -> dict[str, bytes]:
    """Return a digest of each account itself, by username: its kind, its attributes, and what it amounts to by itself.

    Where an account amounts to something else by what the instance is set to, its digest differs.
    """
    if len(set(map(id, own.values()))) == len(own):  # where nobody shares anything, it need not be looked for
        return {username: _digest_account(state.account, own[username]) for username, state in states.items()}
    shared: dict[tuple[int, ...], bytes] = {}  # by which values they are made of; `states` and `own` keep these
    digests: dict[str, bytes] = {}
    for username, state in states.items():
        account, reasons = state.account, own[username]
        key = (id(account.kind), id(account.attributes), id(account.unseen), id(reasons))
        digest = shared.get(key)
        if digest is None:
            digest = shared[key] = _digest_account(account, reasons)
        digests[username] = digest
    return digests


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
    return reading.digest_all(common)


def _digest_held(held: Held) -> bytes:
    privilege, securable, grant_option, effect = held
    return to_digest(orjson.dumps([privilege, list(securable), grant_option, effect]))


class _Sets(dict[frozenset[Held], bytes]):
    """A digest of each of several privileges, whatever their order; of a set that many accounts share it is one."""

    def __init__(self) -> None:
        self.find_token = Made(_digest_held).__getitem__

    def __missing__(self, held: frozenset[Held]) -> bytes:
        digest = self[held] = to_digest_of_parts(b"".join(sorted(map(self.find_token, held))))
        return digest


class _Alike(NamedTuple):
    """What accounts with the same memberships share: what is reached over these, and the lists of members they are in.

    There is a list for each role: of those who have the very same options of it.
    """

    reached: bytes
    lists: list[list[str]]


class _Fingerprints:
    """All accounts of one reading."""

    def __init__(self, states: Mapping[str, AccountState], own: Mapping[str, bytes]) -> None:
        self._states = states
        self._own = own
        self._sets = _Sets()
        self._passing = find_held(states, _is_passed_on)
        self._of_roles = of_roles = frozenset(filter(is_of_role, self._passing))
        self._passed_on = Made(self._pass_on)
        self._lists: defaultdict[frozenset[Held], list[str]] = defaultdict(list)
        alike = Made(self._find_alike)
        self._alike = {name: alike[state.held & of_roles] for name, state in states.items()}

    def digest_all(self, common: bytes) -> dict[str, bytes]:
        """Return a digest of what each account's documents are built from: of `common`, and of four digests."""
        members, sets, own, alike = self._digest_members(), self._sets, self._own, self._alike
        return {
            name: to_digest_of_parts(
                common + sets[state.held] + alike[name].reached + members.get(name, NOBODY) + own[name]
            )
            for name, state in self._states.items()
        }

    @property
    def of_everyone(self) -> bytes:
        """A digest of what is passed on by accounts that stand for everybody."""
        names = sorted(name for name, state in self._states.items() if state.account.kind is Kind.PUBLIC)
        return to_digest(*[self._passed_on[name] + self._alike[name].reached for name in names])

    def _find_alike(self, memberships: frozenset[Held]) -> _Alike:
        of_role: defaultdict[str, list[Held]] = defaultdict(list)
        for membership in memberships:
            of_role[membership.securable.object].append(membership)
        return _Alike(self._reach(set(of_role)), [self._lists[frozenset(options)] for options in of_role.values()])

    def _reach(self, direct: set[str]) -> bytes:
        """Return a digest of what all roles pass on that are reached over these."""
        seen: set[str] = set()
        frontier = direct
        while frontier:
            seen |= frontier
            known = [self._states[role].held & self._of_roles for role in frontier if role in self._states]
            frontier = {item.securable.object for held in known for item in held} - seen
        return to_digest(*map(self._passed_on.__getitem__, sorted(seen & self._states.keys())))

    def _pass_on(self, role: str) -> bytes:
        """Return a digest of what a role's members may have from it: capabilities, further roles, denials."""
        further = self._sets[self._states[role].held & self._passing]
        return to_digest(orjson.dumps(role), self._own[role], further)

    def _digest_members(self) -> dict[str, bytes]:
        """Return, by role, a digest of each kind of membership with its members."""
        for name, alike in self._alike.items():
            for members in alike.lists:
                members.append(name)
        holders: defaultdict[Held, list[list[str]]] = defaultdict(list)
        for options, members in self._lists.items():
            for membership in options:
                holders[membership].append(members)
        of_role: defaultdict[str, list[bytes]] = defaultdict(list)
        for membership in sorted(holders):
            names = orjson.dumps(sorted(chain.from_iterable(holders[membership])))
            of_role[membership.securable.object].append(to_digest(self._sets.find_token(membership), names))
        return {role: to_digest(*digests) for role, digests in of_role.items()}


def _is_passed_on(held: Held) -> bool:
    """Whether it matters to those who hold a role, and not to the role alone: further roles, and denials."""
    return held.effect != "grant" or is_of_role(held)
