"""What an account amounts to: capabilities with their reasons, by itself and through its roles."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property, lru_cache, partial
from typing import NamedTuple, cast

from whalefall_pipeline.core.made import Made
from whalefall_pipeline.core.model import (
    SETS,
    AccountState,
    Attributes,
    Held,
    Json,
    Kind,
    Membership,
    Unseen,
    is_of_role,
)
from whalefall_pipeline.core.roles import RolePath, reach_roles
from whalefall_pipeline.core.rules import GRANT_ADMIN, LOCKED, NOTHING_SET, SUPERUSER, Reasons, Rules
from whalefall_pipeline.core.snapshot import add_unseen_attributes, build_meta, to_token
from whalefall_pipeline.core.states import add_implied_roles, find_held

FACTS_VERSION = 2
INHERITED = (SUPERUSER, GRANT_ADMIN)


class _Amount(NamedTuple):
    """What an account amounts to: its capabilities with their reasons, and all its roles."""

    reasons: Reasons
    roles: list[str]


class _Followed(NamedTuple):
    roles: list[str]
    reasons: dict[str, list[str]]


class _Inherited(NamedTuple):
    """What an account has through roles; `held_by` are the states of these, and of the accounts for everybody."""

    roles: list[str]
    reasons: dict[str, list[str]]
    held_by: list[AccountState]


class FactsBuilder:
    """Builds the version-2 facts of an instance's accounts; many have the same roles, which are followed once.

    `accounts` are all of the instance by username, whose facts are asked for among them; `now` decides what has
    expired, and `instance` is what the instance is set to. `own` are the capabilities that the accounts have by
    themselves, and `effective` the accounts with the roles that the instance implies, where these are known already.
    """

    def __init__(
        self,
        rules: Rules,
        accounts: Mapping[str, AccountState],
        now: datetime,
        *,
        unseen: Sequence[Unseen] = (),
        instance: Attributes = NOTHING_SET,
        own: Mapping[str, Reasons] | None = None,
        effective: Mapping[str, AccountState] | None = None,
    ) -> None:
        self._rules = rules
        self._own: dict[str, Reasons] = dict(own or {})
        self._amounts: dict[str, _Amount] = {}
        if effective is None:
            effective = add_implied_roles(accounts, rules, instance)
        self._accounts = accounts = effective
        self._now = now
        self._instance = instance
        self._meta = build_meta(unseen)
        self._inherited: dict[tuple[frozenset[Held], bool], _Inherited] = {}
        self._of_roles = find_held(accounts, is_of_role)
        self._list_wide = lru_cache(SETS)(partial(_list_tokens, Made(_to_token_of)))
        self._public = [state for state in accounts.values() if state.account.kind is Kind.PUBLIC]

    def build(self, state: AccountState) -> dict[str, Json]:
        """Build one account's facts.

        `privileges` holds what the account itself holds on the server and on whole databases, tokens by securable;
        narrower scopes stand in the snapshot only.
        """
        state = self._accounts.get(state.account.username, state)
        reasons, roles = self._find_amount(state)
        return {
            "version": FACTS_VERSION,
            "db_type": self._rules.db_type,
            "capabilities": cast("list[Json]", sorted(reasons)),
            "capability_reasons": cast("dict[str, Json]", reasons),
            "roles": cast("list[Json]", roles),
            "privileges": self._list_wide(state.held & self._wide),
            "errors": [],
            "meta": add_unseen_attributes(self._meta, state.account),
        }

    def find_capabilities(self, state: AccountState) -> Reasons:
        """Return an account's capabilities, by itself and through its roles, with the reasons."""
        return self._find_amount(self._accounts.get(state.account.username, state)).reasons

    def _find_amount(self, state: AccountState) -> _Amount:
        """Return what an account amounts to; it is worked out once, for its documents and for findings."""
        username = state.account.username
        amount = self._amounts.get(username)
        if amount is None:
            amount = self._amounts[username] = self._amount_to(state, state.held & self._of_roles)
        return amount

    def _find_own(self, state: AccountState) -> Reasons:
        """Return what an account amounts to by itself."""
        username = state.account.username
        own = self._own.get(username)
        if own is None:
            own = self._own[username] = self._rules.own_capabilities(state, self._now, self._instance)
        return own

    def _amount_to(self, state: AccountState, memberships: frozenset[Held]) -> _Amount:
        rules = self._rules
        roles, inherited, held_by = self._inherit(state, memberships)
        refused = rules.refuse_login(state, held_by)
        reasons = _join(self._find_own(state), inherited, {LOCKED: refused})
        if reasons:
            states = [state, *held_by]
            reasons = {name: why for name, why in reasons.items() if not rules.withholds(name, states)}
        return _Amount(reasons, roles)

    def _inherit(self, state: AccountState, memberships: frozenset[Held]) -> _Inherited:
        """Follow an account's roles, or take what was found for another account that has the same ones.

        An account that is a role itself is left out of its own paths, so it shares with none.
        """
        is_somebody = state.account.kind in (Kind.USER, Kind.GROUP)
        if state.account.username in self._granted:
            return self._follow_all(state, is_somebody=is_somebody)
        key = (memberships, is_somebody)
        inherited = self._inherited.get(key)
        if inherited is None:
            inherited = self._inherited[key] = self._follow_all(state, is_somebody=is_somebody)
        return inherited

    def _follow_all(self, state: AccountState, *, is_somebody: bool) -> _Inherited:
        """Follow an account's own roles, and where it is one of everybody theirs."""
        roles, reasons = self._follow(state)
        of_everyone, reasons_of_everyone = self._of_everyone
        if is_somebody and (of_everyone or reasons_of_everyone):
            roles = sorted({*roles, *of_everyone})
            reasons = _join(reasons, reasons_of_everyone)
        held_by = [*(self._accounts[role] for role in roles if role in self._accounts), *self._public]
        return _Inherited(roles, reasons, held_by)

    @cached_property
    def _wide(self) -> frozenset[Held]:
        """What anybody holds on the server and on whole databases."""
        return find_held(self._accounts, _is_wide)

    @cached_property
    def _granted(self) -> set[str]:
        """The names of all roles that somebody is a member of."""
        return {item.securable.object for item in self._of_roles}

    @cached_property
    def _of_everyone(self) -> _Followed:
        """What the accounts that stand for everybody hold, by themselves and through roles."""
        roles: set[str] = set()
        reasons: dict[str, list[str]] = {}
        for state in self._public:
            own = self._find_own(state)
            inherited = self._follow(state)
            held = _join({name: own.get(name, []) for name in INHERITED}, inherited.reasons)
            through = f"(through {state.account.username})"
            reasons = _join(reasons, {name: [f"{text} {through}" for text in why] for name, why in held.items()})
            roles.update(inherited.roles)
        return _Followed(sorted(roles), reasons)

    def _follow(self, state: AccountState) -> _Followed:
        paths = reach_roles(state, self._accounts)
        # most roles confer nothing: then what carries them need not be followed
        conferred = [name for name in INHERITED if any(self._list_reasons(name, path) for path in paths)]
        reasons = {name: self._follow_capability(name, state) for name in conferred}
        return _Followed(sorted({path.role for path in paths}), reasons)

    def _follow_capability(self, capability: str, state: AccountState) -> list[str]:
        def carries(membership: Membership) -> bool:
            return self._rules.carries(membership, capability, self._accounts.get(membership.role))

        return [
            f"{why} (through role {path})"
            for path in reach_roles(state, self._accounts, carries)
            for why in self._list_reasons(capability, path)
        ]

    def _list_reasons(self, capability: str, path: RolePath) -> list[str]:
        role = self._accounts.get(path.role)
        if role and path.database:
            here = _restrict(role, path.database)
            return self._rules.own_capabilities(here, self._now, self._instance).get(capability, [])
        if role:
            return self._find_own(role).get(capability, [])
        return self._rules.fixed_role_capabilities(path.path[-1]).get(capability, [])


def _join(*given: Reasons) -> dict[str, list[str]]:
    joined: dict[str, list[str]] = {}
    for reasons in given:
        for name, why in reasons.items():
            if why:
                joined[name] = [*joined.get(name, ()), *why]
    return joined


def _restrict(role: AccountState, database: str) -> AccountState:
    """Leave out what a role holds in other databases than the one that it is reached in."""
    return replace(role, held=frozenset(item for item in role.held if item.securable.database in ("", database)))


def _is_wide(item: Held) -> bool:
    """Whether it is held on the server or on a whole database."""
    _, _, schema, name, column = item.securable
    return not (is_of_role(item) or schema or name or column)


def _to_token_of(item: Held) -> tuple[str, str]:
    privilege, securable, grant_option, effect = item
    return str(securable), to_token(privilege, grant_option=grant_option, effect=effect)


def _list_tokens(tokens_of: Mapping[Held, tuple[str, str]], wide: frozenset[Held]) -> dict[str, Json]:
    """Return tokens by securable; accounts that hold the same share the result."""
    tokens: dict[str, list[str]] = {}
    for securable, token in map(tokens_of.__getitem__, wide):
        tokens.setdefault(securable, []).append(token)
    return {securable: cast("list[Json]", sorted(of_one)) for securable, of_one in tokens.items()}
