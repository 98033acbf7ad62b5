"""What core asks of an engine: where its grants stand in a snapshot, and what they amount to.

Each engine's `rules` module has one implementation.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar, NamedTuple, TypeAlias

from whalefall_pipeline.core.model import Account, AccountState, Attributes, Held, HeldRole, Json, Membership

SUPERUSER = "SUPERUSER"
GRANT_ADMIN = "GRANT_ADMIN"
LOCKED = "LOCKED"
PASSWORD_EXPIRED = "PASSWORD_EXPIRED"  # noqa: S105 - the name of a fact
NO_LOGIN = "NO_LOGIN"

NOTHING_SET: Attributes = MappingProxyType({})
"""The attributes of an instance of which none was ever observed."""

Reasons: TypeAlias = Mapping[str, list[str]]
"""Capability to the reasons why it holds, each a short phrase with the engine's own words."""


class Category(NamedTuple):
    """Where the grants of one scope stand in a snapshot: the category, and the path fields that nest in it.

    `Category("postgresql_table_privileges", ("database", "schema", "object"))` gives
    `{"postgresql_table_privileges": {"shop": {"public": {"orders": ["SELECT"]}}}}`; no levels give a plain list.
    """

    name: str
    levels: tuple[str, ...]


class Rules(ABC):
    """One engine's rules: constants and pure functions, no I/O. The defaults suit an engine that has no such thing."""

    db_type: ClassVar[str]
    """The `db_type` of the contract."""
    version: ClassVar[int] = 1
    """Raised by hand when the same readings give other documents: all snapshots of the engine are then built again."""
    categories: ClassVar[Mapping[str, Category]]
    """Scope to category, for every scope that the reader returns, memberships included."""
    optional_scopes: ClassVar[frozenset[str]] = frozenset()
    """Coverage scopes that a careful collector need not see: one that is unseen is said, and fails no check."""
    attribute_categories: ClassVar[Mapping[str, frozenset[str]]] = {}
    """Category to the account attributes that stand in it; all others stand in `type_specific`."""
    own_by_attributes: ClassVar[bool] = False
    """Whether `own_capabilities` looks at nothing of an account but its kind and its attributes."""
    birth_attributes: ClassVar[frozenset[str]] = frozenset()
    """Attributes that the server gives an account when it is made: where one differs, it is another account."""

    @abstractmethod
    def observed_by(self, scope: str, database: str) -> str:
        """Return the coverage scope that speaks for grants of `scope` in `database`.

        It is `server`, `database:<name>`, a part of these (`core.parts`), or finer where the engine forces it.
        """

    @abstractmethod
    def own_capabilities(self, state: AccountState, now: datetime, instance: Attributes = NOTHING_SET) -> Reasons:
        """Return the capabilities that the account holds by itself, LOCKED, PASSWORD_EXPIRED and NO_LOGIN included.

        `instance` is what the instance is set to, as last observed (`Reading.attributes`).
        """

    def passes_at(self, account: Account, now: datetime, instance: Attributes = NOTHING_SET) -> datetime | None:
        """Return a moment before which `own_capabilities` stays the same while the account does; None: it always does.

        An engine that does not say returns `now`: its accounts are looked at in every reading.
        """
        return now

    def build_powerless(self, account: Account) -> Account:
        """Return an account without what it may do by what it is, as far as a statement can take that from it."""
        return account

    def implied_roles(self, state: AccountState, instance: Attributes) -> Collection[Held]:
        """Return the memberships that an account has by what the instance is set to, and not by a grant.

        Facts follow them as they follow grants; no snapshot holds them, and no log entry says that they changed.
        """
        return ()

    def derived_categories(self, roles: Sequence[HeldRole], members: Collection[Membership]) -> dict[str, Json]:
        """Build categories that other readers know and that repeat what others hold.

        They list the roles that the account has, and the members of this role, and are left out when a state is read
        back from its snapshot.
        """
        return {}

    def fixed_role_capabilities(self, membership: Membership) -> Reasons:
        """Return the capabilities of a role that is built in and is no account of the inventory."""
        return {}

    def refuse_login(self, state: AccountState, held_by: Sequence[AccountState]) -> list[str]:
        """Return why an account is locked by denials to its roles, or to everybody; `held_by` are their states."""
        return []

    def withholds(self, capability: str, states: Sequence[AccountState]) -> bool:
        """Whether a denial takes the capability away; `states` are the account's, its roles' and everybody's."""
        return False

    def carries(self, membership: Membership, capability: str, role: AccountState | None) -> bool:
        """Whether SUPERUSER or GRANT_ADMIN of the role reaches its member by this membership.

        `role` is the role's own state; None where it is no account.
        """
        return True
