"""The values that everything else is made of: instances, accounts, grants, and what of them was observed.

Values only. Grants come in hundreds of thousands: they are named tuples, as fast as the interpreter's own. Accounts
come in ten thousands: that none is assigned to is checked with the types alone; to make one that refuses takes longer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from whalefall_pipeline.core.parts import to_whole

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Attributes: TypeAlias = Mapping[str, "Json"]
"""What an account or an instance is set to, by name; one that is not there has no value, or none that was seen."""
Effect: TypeAlias = Literal["grant", "deny", "revoke"]

SERVER, MEMBER = "server", "MEMBER"
ROLE_SCOPES = frozenset({"role", "database_role"})
SETS = 1000  # of privileges that are kept with what was made of them: what accounts hold mostly comes in a few kinds
ROLE_SETS = 4000  # the same for sets of memberships: small, and alike where the rest of what accounts hold is not


class Kind(StrEnum):
    """What an account is: one that logs in, one that is granted, an external group, everybody, or the engine's own.

    A predefined role (PostgreSQL's `pg_monitor`) is the engine's own: lists and counts leave it out unless asked.
    """

    USER = "user"
    ROLE = "role"
    GROUP = "group"
    PUBLIC = "public"
    PREDEFINED = "predefined"

    @property
    def is_counted(self) -> bool:
        """Whether lists and counts of accounts have it without being asked."""
        return self is not Kind.PREDEFINED


@dataclass(frozen=True, slots=True)
class Login:
    """The name and secret to collect with. Its repr leaves the secret out."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Instance:
    """One registered database instance; `name` is its partition key."""

    id: int
    name: str
    db_type: str
    host: str
    port: int
    database: str | None = None
    credential_id: int | None = None
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    is_active: bool = True
    vanish_limit_percent: int = 50
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    excluded: Mapping[str, str] = field(default_factory=dict[str, str])  # see core.exclusions


@dataclass(frozen=TYPE_CHECKING, slots=True)
class Account:
    """One account as the inventory gives it.

    `username` is unique in its instance (MySQL: `user@host`). `attributes` holds what the engine says of the account
    itself (flags, limits, expiry), JSON values only, under the names that the engine's `rules.py` documents. Nothing
    in it may change by itself from reading to reading (a last login, a counter), or every sync would find a change.
    `unseen` names the attributes (`account_kind` for the kind) that this login is not shown: their values here mean
    nothing, and the ledger keeps those that were last seen. A scope of the coverage says why. `native_id` is what the
    server knows the account by, another for one that is dropped and made again; empty where it has no such thing.
    """

    username: str
    kind: Kind
    attributes: Attributes = field(default_factory=dict[str, Json])
    unseen: frozenset[str] = frozenset()
    native_id: str = field(default="", compare=False)


class Securable(NamedTuple):
    """What a privilege is held on: a scope and the name path in it, names as the catalog spells them.

    A level that the scope does not have is the empty string (it sorts, hashes and travels by COPY as it is). For
    memberships the scope is `role`, or `database_role` with the database, and `object` names the role.
    """

    scope: str
    database: str = ""
    schema: str = ""
    object: str = ""
    column: str = ""

    def __str__(self) -> str:
        path = ".".join(part for part in self[1:] if part)
        return f"{self.scope} {path}" if path else self.scope


class Held(NamedTuple):
    """One privilege on one securable, as an account holds it.

    A membership is one as well: privilege `MEMBER` on the role, its grant option being the admin option; what else
    holds of it (`INHERIT`, `SET`, `DEFAULT`) are further privileges on the same role. So history, differences and
    intervals need no second mechanism for memberships. Many accounts hold the same: they share one value.
    """

    privilege: str
    securable: Securable
    grant_option: bool = False
    effect: Effect = "grant"


class Grant(NamedTuple):
    """Who holds what: a `Held` with its grantee."""

    grantee: str
    privilege: str
    securable: Securable
    grant_option: bool = False
    effect: Effect = "grant"


class HeldRole(NamedTuple):
    """A role that an account is a member of, read off what it holds; `database` is empty where it holds in all."""

    role: str
    database: str
    admin_option: bool
    options: frozenset[str]


class Membership(NamedTuple):
    """Who is a member of what role: a `HeldRole` with its member."""

    member: str
    role: str
    database: str
    admin_option: bool
    options: frozenset[str]


@dataclass(frozen=TYPE_CHECKING, slots=True)
class AccountState:
    """One account with all that it holds, memberships included: what a snapshot is made from."""

    account: Account
    held: frozenset[Held] = frozenset()

    @classmethod
    def of(cls, account: Account, grants: Iterable[Grant] = ()) -> "AccountState":
        """Make the state of an account that these grants, all its own, were given to."""
        return cls(account, frozenset(Held._make(grant[1:]) for grant in grants))

    @property
    def grants(self) -> frozenset[Grant]:
        """What it holds, with its name to each."""
        return to_grants(self.account.username, self.held)

    @property
    def memberships(self) -> list[Membership]:
        """The roles that this account is a direct member of, ordered by database and name."""
        return to_memberships(self.account.username, self.held)


def to_grants(grantee: str, held: Iterable[Held]) -> frozenset[Grant]:
    """Return what is held as grants to a grantee."""
    return frozenset(Grant(grantee, *item) for item in held)


def to_memberships(member: str, held: Iterable[Held]) -> list[Membership]:
    """Read one account's memberships off what it holds, ordered by database and name."""
    return [Membership(member, *role) for role in find_roles(held)]


def find_roles(held: Iterable[Held]) -> tuple[HeldRole, ...]:
    """Return the roles that are held, ordered by database and name."""
    return to_roles(frozenset(filter(is_of_role, held)))


def is_of_role(item: Held) -> bool:
    """Whether it is a membership, or an option of one."""
    return item.securable.scope in ROLE_SCOPES


@lru_cache(ROLE_SETS)
def to_roles(of_roles: frozenset[Held]) -> tuple[HeldRole, ...]:
    """Return the roles that memberships and their options come to, ordered by database and name."""
    options: dict[tuple[str, str], set[str]] = {}
    admin: dict[tuple[str, str], bool] = {}
    for privilege, (_, database, _, role, _), grant_option, _ in of_roles:
        if privilege == MEMBER:
            admin[database, role] = grant_option
        else:
            options.setdefault((database, role), set()).add(privilege)
    return tuple(
        HeldRole(role, database, admin[database, role], frozenset(options.get((database, role), ())))
        for database, role in sorted(admin)
    )


class Seen(StrEnum):
    """Whether a scope was observed, or why it was not; what is excluded was not to be."""

    OBSERVED = "observed"
    EXCLUDED = "excluded"
    DENIED = "denied"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"


class Observation(NamedTuple):
    """What one reading can say of one scope; `reason` is one line, empty when observed."""

    status: Seen
    reason: str = ""


Coverage: TypeAlias = Mapping[str, Observation]
"""Scope (`server`, `database:<name>`, or finer where the engine forces it) to what was seen of it."""
HeldByGrantee: TypeAlias = dict[str, list[Held]]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reading of an instance found to be held, by grantee, and which scopes it can speak for.

    `rows` is a digest of all rows that it was made from, accounts included; empty where the adapter can't say.
    `attributes` are what the instance itself is set to and what bears on its accounts (a default password lifetime),
    under the server's own names; None: not observed, so that what is known stays. `source` is what the adapter knows a
    server by that holds the same (`SourceSession.is_same`); empty where it can't.
    """

    held: Mapping[str, Sequence[Held]]
    coverage: Coverage
    rows: bytes = b""
    attributes: Attributes | None = None
    source: bytes = b""

    @classmethod
    def of(cls, grants: Iterable[Grant], coverage: Coverage, rows: bytes = b"") -> "Reading":
        """Make a reading of grants in any order."""
        return cls(to_held(grants), coverage, rows)

    @property
    def grants(self) -> tuple[Grant, ...]:
        """All of it, with each grantee's name."""
        return tuple(Grant(grantee, *item) for grantee, held in self.held.items() for item in held)


def to_held(grants: Iterable[Grant]) -> HeldByGrantee:
    """Return what each grantee holds; equal values are one and the same."""
    by_grantee: HeldByGrantee = {}
    values: dict[tuple[object, ...], Held] = {}
    for grant in grants:
        key = grant[1:]
        value = values.get(key)
        if value is None:
            value = values[key] = Held._make(key)
        by_grantee.setdefault(grant[0], []).append(value)
    return by_grantee


class Security(NamedTuple):
    """What is known of a connection: whether it is encrypted, and the server's certificate verified; None: unknown."""

    encrypted: bool | None = None
    verified: bool | None = None


class Unseen(NamedTuple):
    """A scope that was not observed, and when it last was (None: never)."""

    scope: str
    status: Seen
    reason: str
    last_seen_at: datetime | None


def is_observed(scope: str, coverage: Coverage) -> bool:
    """Whether the absence of a grant in `scope` means that it is gone."""
    known = find_observation(scope, coverage)
    return known is not None and known.status is Seen.OBSERVED


def find_observation(scope: str, coverage: Coverage) -> Observation | None:
    """Return what a reading can say of a scope, be it listed or not.

    A part (`database:sales/object_privileges`) that is not listed goes by its whole. A database that is not listed is
    gone, provided that the list itself (`databases`, where an engine reports it apart, else `server`) was observed.
    """
    return coverage.get(scope) or coverage.get(to_whole(scope)) or coverage.get("databases") or coverage.get(SERVER)
