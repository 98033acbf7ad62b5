"""Who there is and what they hold, from rows: logins, server roles, and the users and roles of each database. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from whalefall_pipeline.adapters.sqlserver.errors import Row
from whalefall_pipeline.adapters.sqlserver.names import to_username
from whalefall_pipeline.adapters.sqlserver.rows import (
    DATABASE_OWNER,
    ExternalRow,
    Externals,
    LoginRow,
    OwnerRow,
    PermissionRow,
    UserRow,
    find_login,
    is_account,
    to_database_account,
    to_external_owners,
    to_login,
    to_mapping,
    to_memberships,
    to_owners,
    to_permissions,
)
from whalefall_pipeline.adapters.sqlserver.securables import DATABASE, OWNER
from whalefall_pipeline.core.model import Account, Grant, Securable


@dataclass(frozen=True, slots=True)
class Principals:
    """The principals of the server or of one database: the account that each one is, and the name of each role."""

    accounts: Mapping[int, str]
    roles: Mapping[int, str]
    mappings: tuple[Grant, ...] = ()


@dataclass(slots=True)
class Holdings:
    """The rows that say what the principals of the server, or of one database, hold."""

    members: Sequence[Row] = ()
    permissions: Sequence[Row] = ()
    owners: Sequence[Row] = ()
    externals: Externals = field(default_factory=dict[tuple[str, int], ExternalRow])

    def build_grants(self, database: str, principals: Principals) -> set[Grant]:
        """Build the grants; `database` is empty for the server."""
        names = principals.accounts
        members = [(int(role), int(member)) for role, member in self.members]
        return {
            *to_memberships(members, database, names, principals.roles),
            *to_permissions([PermissionRow(*row) for row in self.permissions], database, names, self.externals),
            *to_owners([OwnerRow(*row) for row in self.owners], database, names),
            *to_external_owners(self.externals, database, names),
        }


@dataclass(slots=True)
class Inventory:
    """All accounts that could be listed, with the principals that they are."""

    accounts: list[Account]
    logins: dict[bytes, str]
    server: Principals
    databases: dict[str, Principals] = field(default_factory=dict[str, Principals])

    def add_database(self, database: str, rows: Sequence[Row]) -> None:
        """Add the principals of a database, and those of them that are no login as accounts of their own."""
        users = [UserRow(*row) for row in rows]
        names: dict[int, str] = {}
        mappings: list[Grant] = []
        for user in filter(is_account, users):
            login = find_login(user, self.logins)
            names[user.principal_id] = login or to_username(database, user.name)
            if login:
                mappings.append(to_mapping(database, user, login))
            else:
                self.accounts.append(to_database_account(database, user))
        roles = dict(_name_roles(database, users))
        self.databases[database] = Principals(names, roles, tuple(mappings))

    def build_database_grants(self, database: str, owner_sid: bytes | None, holdings: Holdings) -> set[Grant]:
        """Build all grants of a database: its owner, the logins that are users there, and what is held in it."""
        principals = self.databases[database]
        owner = self.logins.get(bytes(owner_sid or b""), to_username(database, DATABASE_OWNER))
        return {
            Grant(owner, OWNER, Securable(DATABASE, database)),
            *principals.mappings,
            *holdings.build_grants(database, principals),
        }


def _name_roles(database: str, users: Sequence[UserRow]) -> Iterator[tuple[int, str]]:
    for user in users:
        if user.type == "R":
            yield user.principal_id, to_username(database, user.name)


def build_inventory(rows: Sequence[Row]) -> Inventory:
    """Build the inventory of the server, from the rows of `server_principals`, as yet without databases."""
    logins = [LoginRow(*row) for row in rows]
    names = {row.principal_id: to_username("", row.name) for row in logins}
    by_sid = {bytes(row.sid): names[row.principal_id] for row in logins if row.sid and row.type != "R"}
    return Inventory([to_login(row) for row in logins], by_sid, Principals(names, names))
