"""How roles have what others have: INHERIT without a step, SET and ADMIN as steps, PUBLIC, and CREATEROLE before 16."""

import re
from collections.abc import Collection, Iterator
from datetime import datetime
from functools import cached_property, lru_cache
from typing import NamedTuple

from whalefall_pipeline.adapters.postgresql.names import quote
from whalefall_pipeline.adapters.postgresql.rows import PUBLIC
from whalefall_pipeline.adapters.postgresql.rules import DATABASE
from whalefall_pipeline.core.access.model import Link, Population
from whalefall_pipeline.core.model import (
    MEMBER,
    ROLE_SETS,
    Account,
    AccountState,
    Held,
    HeldRole,
    Kind,
    Securable,
    is_of_role,
    to_roles,
)
from whalefall_pipeline.core.states import find_held

DATABASE_OWNER = "pg_database_owner"
CREATEROLE = "\0CREATEROLE"
"""Between those that may grant themselves any role and the roles; no name can begin so."""
_RESERVED = (
    "all|analyse|analyze|and|any|array|as|asc|asymmetric|authorization|binary|both|case|cast|check|collate|"
    "collation|column|concurrently|constraint|create|cross|current_catalog|current_date|current_role|"
    "current_schema|current_time|current_timestamp|current_user|default|deferrable|desc|distinct|do|else|end|"
    "except|false|fetch|for|foreign|freeze|from|full|grant|group|having|ilike|in|initially|inner|intersect|into|"
    "is|isnull|join|lateral|leading|left|like|limit|localtime|localtimestamp|natural|not|notnull|null|offset|on|"
    "only|or|order|outer|overlaps|placing|primary|references|returning|right|select|session_user|similar|some|"
    "symmetric|system_user|table|tablesample|then|to|trailing|true|union|unique|user|using|variadic|verbose|when|"
    "where|window|with"
)
"""Words that name no role without quotes on one of 14 to 18, of those of `pg_get_keywords()`: each was tried."""
_PLAIN = re.compile(rf"(?!(?:{_RESERVED})$)[a-z_][a-z0-9_]*")


class PostgresqlLinks:
    """The links of a population. See `core.access.graph.Links`."""

    others: Collection[str] = frozenset({CREATEROLE})

    def __init__(self, population: Population) -> None:
        self._population = population
        accounts = population.accounts
        self._superusers = {name for name, state in accounts.items() if is_superuser(state)}
        self._of_roles = find_held(accounts, is_of_role)
        self._creators = find_creators(population)
        self._circular = {name: held for name in self._creators if (held := find_circular(population, name))}
        public = accounts.get(PUBLIC)
        self._has_public = public is not None and bool(public.held)

    @cached_property
    def _owned(self) -> dict[str, list[Held]]:
        """The databases that accounts own, by owner."""
        owned: dict[str, list[Held]] = {}
        for owner, item in list_database_owners(self._population):
            owned.setdefault(owner, []).append(item)
        return owned if DATABASE_OWNER in self._population.accounts else {}

    def list_links(self, username: str) -> list[Link]:
        """See `Links.list_links`."""
        if username == CREATEROLE:
            return [
                Link(CREATEROLE, role, f"may grant itself {role}", to_grant_sql(role))
                for role in self._list_grantable()
            ]
        state = self._population.accounts.get(username)
        if state is None:
            return []
        links: list[Link] = []
        if not state.held.isdisjoint(self._of_roles):
            links += build_memberships(self._population, username, state.held & self._of_roles)
        if self._has_public and username != PUBLIC:
            links.append(Link(username, PUBLIC, "PUBLIC"))
        links += [self._own(username, item) for item in self._owned.get(username, ())]
        if username in self._circular:
            links += self._create(username, self._circular[username])
        elif username in self._creators:
            links.append(Link(username, CREATEROLE, "CREATEROLE", own=True))
        return links

    def _create(self, creator: str, circular: Collection[str]) -> Iterator[Link]:
        """Yield what CREATEROLE leads to where some roles are members of the creator: those it can't be granted.

        Of these it sets the password, but for those with REPLICATION, which only a superuser may alter.
        """
        accounts = self._population.accounts
        for role in self._list_grantable():
            if role not in circular:
                words = f"CREATEROLE, may grant itself {role}"
                yield Link(creator, role, words, to_grant_sql(role), own=True)
            elif role != creator and _has_settable_password(accounts[role].account):
                words = f"CREATEROLE, may set the password of {role}"
                yield Link(creator, role, words, to_password_sql(role), own=True)

    def find_members(self, targets: Collection[str]) -> Collection[str]:
        """See `Links.find_members`."""
        accounts = self._population.accounts
        if PUBLIC in targets:
            return accounts.keys()
        sought = set(targets)
        wanted = frozenset(item for item in self._of_roles if item.securable.object in sought)
        found = (
            {name for name, state in accounts.items() if not state.held.isdisjoint(wanted)} if wanted else set[str]()
        )
        if DATABASE_OWNER in sought:
            found |= self._owned.keys()
        if self._creators:
            found |= self._creators if CREATEROLE in sought else {CREATEROLE, *self._circular}
        return found

    def _own(self, owner: str, item: Held) -> Link:
        """Return the implied membership of a database's owner, which holds in that database alone."""
        database = item.securable.database
        words = f"owner of database {database}, so member of {DATABASE_OWNER} in it"
        since = self._population.find_since(owner, item)
        return Link(owner, DATABASE_OWNER, words, database=database, held=item, since=since)

    def _list_grantable(self) -> Iterator[str]:
        """Yield the roles that these may grant themselves.

        Those that hold nothing, and are no members of a superuser, lead nowhere, and are left out.
        """
        for role, state in self._population.accounts.items():
            if may_be_granted(self._population, role) and _leads_on(state, self._superusers):
                yield role


def is_superuser(state: AccountState) -> bool:
    """Whether a role is a superuser itself."""
    return bool(state.account.attributes.get("rolsuper"))


class _Membership(NamedTuple):
    """What a membership is made of, the same for all members of a role with the same options."""

    role: str
    own: Held
    inherit: Held | None
    may_set: Held | None
    words: str
    set_role: str
    grant: str


@lru_cache(ROLE_SETS)
def _to_membership(held: HeldRole) -> _Membership:
    role, _, admin, options = held
    securable = Securable("role", object=role)
    return _Membership(
        role,
        Held(MEMBER, securable, admin),
        Held("INHERIT", securable) if "INHERIT" in options else None,
        Held("SET", securable) if "SET" in options else None,
        f"member of {role}",
        f"SET ROLE {to_role_sql(role)}",
        to_grant_sql(role) if admin else "",
    )


def build_memberships(population: Population, member: str, held: frozenset[Held]) -> Iterator[Link]:
    """Yield what memberships give: inherited privileges, SET ROLE, and with ADMIN a membership of one's own.

    SET ROLE asks whether the role that logged in may, by memberships that all have SET, and never by what it inherits.
    Of a superuser only a superuser may grant.
    """
    since = population.since
    for role, own, inherit, may_set, words, set_role, grant in map(_to_membership, to_roles(held)):
        moment = since.get((member, own))
        if inherit:
            yield Link(member, role, words, held=own, since=_find_youngest(moment, since.get((member, inherit))))
        if may_set:
            youngest = _find_youngest(moment, since.get((member, may_set)))
            yield Link(member, role, words, set_role, held=own, since=youngest, own=True)
        if grant and not _is_superuser(population, role):
            yield Link(member, role, f"ADMIN option on {role}", grant, held=own, since=moment)


def _is_superuser(population: Population, role: str) -> bool:
    state = population.accounts.get(role)
    return state is not None and is_superuser(state)


def _find_youngest(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other


def to_role_sql(role: str) -> str:
    """Return a role's name as a person would write it."""
    return role if _PLAIN.fullmatch(role) else quote(role)


def to_grant_sql(role: str) -> str:
    """Return what one does to become a member: whether it inherits depends on the member, so it sets the role too."""
    name = to_role_sql(role)
    return f"GRANT {name} TO CURRENT_USER; SET ROLE {name}"


def to_password_sql(role: str) -> str:
    """Return what one does to become a role that one may alter and can't be granted."""
    name = to_role_sql(role)
    return f"ALTER ROLE {name} LOGIN PASSWORD '…', log in as {name}"


def list_database_owners(population: Population) -> list[tuple[str, Held]]:
    """Return the owners of databases, each with what it holds."""
    accounts = population.accounts
    owned = find_held(accounts, lambda item: item.privilege == "OWNER" and item.securable.scope == DATABASE)
    return [
        (name, item)
        for name, state in accounts.items()
        if not state.held.isdisjoint(owned)
        for item in sorted(state.held & owned)
    ]


def find_creators(population: Population) -> set[str]:
    """Return who may be granted every role that is no superuser: those with CREATEROLE, before 16."""
    if find_major(population.version) >= 16:
        return set()
    accounts = population.accounts
    return {name for name, state in accounts.items() if state.account.attributes.get("rolcreaterole")}


def find_circular(population: Population, creator: str) -> set[str]:
    """Return the roles that a role can't be granted: itself, and its members, through others too; empty: no members."""
    found = find_below(population, {creator})
    return found if len(found) > 1 else set()


def find_below(population: Population, roles: set[str]) -> set[str]:
    """Return roles and all their members, through others too, whatever the memberships let them do."""
    accounts = population.accounts
    granted = find_held(accounts, lambda item: item.privilege == MEMBER)
    found, frontier = roles, roles
    while frontier:
        held = frozenset(item for item in granted if item.securable.object in frontier)
        frontier = {name for name, state in accounts.items() if held and not state.held.isdisjoint(held)} - found
        found = found | frontier
    return found


def _has_settable_password(account: Account) -> bool:
    """Whether CREATEROLE alters it: those with REPLICATION only a superuser may, and predefined roles nobody."""
    return account.kind is not Kind.PREDEFINED and not account.attributes.get("rolreplication")


def may_be_granted(population: Population, role: str) -> bool:
    """Whether these may grant a role: pg_database_owner has no members but its own, and of superusers few may grant."""
    return role not in (PUBLIC, DATABASE_OWNER) and not _is_superuser(population, role)


def _leads_on(state: AccountState, superusers: set[str]) -> bool:
    if not state.account.kind.is_counted or state.account.attributes.get("rolreplication"):
        return True
    return any(not is_of_role(item) or item.securable.object in superusers for item in state.held)


def find_major(version: str) -> int:
    """Return the major version of `PostgreSQL 15.18`; where it is not known, that of a recent one."""
    found = re.search(r"\d+", version)
    return int(found[0]) if found else 18
