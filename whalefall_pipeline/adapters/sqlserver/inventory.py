"""Reads who there is: logins, server roles, and the users and roles of each database that can be seen into."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from whalefall_pipeline.adapters.sqlserver.catalog import Catalog
from whalefall_pipeline.adapters.sqlserver.errors import StatementError
from whalefall_pipeline.adapters.sqlserver.names import to_username
from whalefall_pipeline.adapters.sqlserver.rows import (
    DatabaseRow,
    LoginRow,
    UserRow,
    find_login,
    is_account,
    to_database_account,
    to_login,
    to_mapping,
)
from whalefall_pipeline.core.model import Account, Grant, Observation, Seen

OBSERVED = Observation(Seen.OBSERVED)


@dataclass(frozen=True, slots=True)
class Principals:
    """The principals of the server or of one database: the account that each one is, and the name of each role."""

    accounts: Mapping[int, str]
    roles: Mapping[int, str]
    mappings: tuple[Grant, ...] = ()


@dataclass(slots=True)
class Inventory:
    """All accounts that could be listed, and which databases' own could not."""

    accounts: list[Account]
    logins: dict[bytes, str]
    server: Principals
    databases: dict[str, Principals] = field(default_factory=dict[str, Principals])
    coverage: dict[str, Observation] = field(default_factory=dict[str, Observation])


def to_observation(row: DatabaseRow) -> Observation:
    """Say whether a database can be read, before anything in it is asked for."""
    if row.state != "ONLINE":
        return Observation(Seen.UNREACHABLE, f"the database is {row.state}")
    if not row.has_access:
        return Observation(Seen.DENIED, "the login has no access: CONNECT ANY DATABASE, or a user there, gives it")
    if not (row.sees_definitions or row.sees_security_definitions):
        return Observation(Seen.DENIED, "the login lacks VIEW DEFINITION there, so rows are left out without a word")
    return OBSERVED


def read_inventory(catalog: Catalog, databases: Sequence[DatabaseRow]) -> Inventory:
    """Read all accounts, ordered by username: one statement for the server and one per database that can be read."""
    rows = [LoginRow(*row) for row in catalog.require("server_principals")]
    names = {row.principal_id: to_username("", row.name) for row in rows}
    logins = {bytes(row.sid): names[row.principal_id] for row in rows if row.sid and row.type != "R"}
    inventory = Inventory([to_login(row) for row in rows], logins, Principals(names, names))
    for database in databases:
        inventory.coverage[f"database:{database.name}"] = _add_database(catalog, database, inventory)
    inventory.accounts.sort(key=lambda account: account.username)
    return inventory


def _add_database(catalog: Catalog, database: DatabaseRow, inventory: Inventory) -> Observation:
    seen = to_observation(database)
    if seen is not OBSERVED:
        return seen
    try:
        users = [UserRow(*row) for row in catalog.read("database_principals", database.name)]
    except StatementError as error:
        return error.observation
    names: dict[int, str] = {}
    mappings: list[Grant] = []
    for user in filter(is_account, users):
        login = find_login(user, inventory.logins)
        names[user.principal_id] = login or to_username(database.name, user.name)
        if login:
            mappings.append(to_mapping(database.name, user, login))
        else:
            inventory.accounts.append(to_database_account(database.name, user))
    roles = {user.principal_id: to_username(database.name, user.name) for user in users if user.type == "R"}
    inventory.databases[database.name] = Principals(names, roles, tuple(mappings))
    return OBSERVED
