"""What core asks of an engine: where its grants stand in a snapshot, and what they amount to.

Each engine's `rules` module is one implementation, checked by its adapter's type.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, TypeAlias

from whalefall_pipeline.core.model import AccountState, HeldRole, Json, Membership

SUPERUSER = "SUPERUSER"
GRANT_ADMIN = "GRANT_ADMIN"
LOCKED = "LOCKED"
PASSWORD_EXPIRED = "PASSWORD_EXPIRED"  # noqa: S105 - the name of a fact
NO_LOGIN = "NO_LOGIN"

Reasons: TypeAlias = Mapping[str, list[str]]
"""Capability to the reasons why it holds, each a short phrase with the engine's own words."""


class Category(NamedTuple):
    """Where the grants of one scope stand in a snapshot: the category, and the path fields that nest in it.

    `Category("postgresql_table_privileges", ("database", "schema", "object"))` gives
    `{"postgresql_table_privileges": {"shop": {"public": {"orders": ["SELECT"]}}}}`; no levels give a plain list.
    """

    name: str
    levels: tuple[str, ...]


class Rules(Protocol):
    """One engine's rules: constants and pure functions, no I/O."""

    @property
    def DB_TYPE(self) -> str:  # noqa: N802 - a module constant
        """The `db_type` of the contract."""
        ...

    @property
    def CATEGORIES(self) -> Mapping[str, Category]:  # noqa: N802
        """Scope to category, for every scope that the reader gives, memberships included."""
        ...

    @property
    def ATTRIBUTE_CATEGORIES(self) -> Mapping[str, frozenset[str]]:  # noqa: N802
        """Category to the account attributes that stand in it; all others stand in `type_specific`."""
        ...

    def observed_by(self, scope: str, database: str) -> str:
        """Name the coverage scope that speaks for grants of `scope` in `database` (`server`, `database:<name>`)."""
        ...

    def derived_categories(self, roles: Sequence[HeldRole], members: Collection[Membership]) -> dict[str, Json]:
        """Build categories that other readers know and that repeat what others hold.

        They say which roles the account has, and who has this role, and are left out when a state is read back from
        its snapshot.
        """
        ...

    def own_capabilities(self, state: AccountState, now: datetime) -> Reasons:
        """Say which capabilities the account holds by itself, LOCKED, PASSWORD_EXPIRED and NO_LOGIN included."""
        ...

    def fixed_role_capabilities(self, membership: Membership) -> Reasons:
        """Say what a role confers that is built in and is no account of the inventory."""
        ...

    def refuse_login(self, state: AccountState, held_by: Sequence[AccountState]) -> list[str]:
        """Say why an account is locked by what is denied to its roles, or to everybody; `held_by` are these."""
        ...

    def withholds(self, capability: str, states: Sequence[AccountState]) -> bool:
        """Whether a denial takes the capability away; `states` are the account's, its roles' and everybody's."""
        ...

    def carries(self, membership: Membership, capability: str) -> bool:
        """Whether SUPERUSER or GRANT_ADMIN of the role reaches its member by this membership."""
        ...
