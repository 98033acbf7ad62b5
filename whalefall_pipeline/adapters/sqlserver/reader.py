"""Reads one SQL Server: which scopes are visible, its accounts, and their grants, one database after the other.

So far this has been run against a stand-in only (`tests/servers/sqlserver_standin`), never against a real server.
"""

from collections.abc import Generator
from contextlib import contextmanager

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits, SourceSession, Visibility
from whalefall_pipeline.adapters.sqlserver import rules
from whalefall_pipeline.adapters.sqlserver.catalog import Catalog
from whalefall_pipeline.adapters.sqlserver.errors import Asking, StatementError
from whalefall_pipeline.adapters.sqlserver.inventory import OBSERVED, Inventory, read_inventory, to_observation
from whalefall_pipeline.adapters.sqlserver.names import to_username
from whalefall_pipeline.adapters.sqlserver.options import build_keywords
from whalefall_pipeline.adapters.sqlserver.rows import (
    DATABASE_OWNER,
    DatabaseRow,
    OwnerRow,
    PermissionRow,
    ServerRow,
    to_memberships,
    to_owners,
    to_permissions,
)
from whalefall_pipeline.adapters.sqlserver.securables import DATABASE, OWNER
from whalefall_pipeline.core.errors import SyncDataError
from whalefall_pipeline.core.model import (
    SERVER,
    Account,
    Grant,
    Instance,
    Login,
    Observation,
    Reading,
    Securable,
    Seen,
    is_observed,
)

DATABASES = "databases"
SEES_TOO_LITTLE = "the login lacks VIEW ANY DEFINITION, so the server leaves out rows without saying so"
SEES_FEW_DATABASES = "the login lacks VIEW ANY DATABASE, so the server lists only some databases"


class SqlserverSession(SourceSession):
    """One reading; the inventory is read once and kept, since grants name principals by id only."""

    def __init__(self, connection: Asking) -> None:
        self._catalog = Catalog(connection)
        (server,) = self._catalog.require("server")
        self._server = ServerRow(*server)
        self._databases = [DatabaseRow(*row) for row in self._catalog.require("databases")]
        self._inventory: Inventory | None = None

    @property
    def version(self) -> str:
        """Product, version and edition: `SQL Server 16.0.4135.4 (Developer Edition (64-bit))`."""
        return f"SQL Server {self._server.version} ({self._server.edition})"

    @property
    def statements(self) -> int:
        """How many statements were sent so far: two to begin with, four for the server, four per database."""
        return self._catalog.statements

    def read_accounts(self) -> list[Account]:
        """Read logins, server roles, and each observable database's own users and roles, ordered by username.

        Needs VIEW ANY DEFINITION (2022: VIEW ANY SECURITY DEFINITION): without it, or when a login can't be
        understood, SyncDataError is raised. Accounts of a database that can't be read are missing: see `may_hide`.
        """
        return self._read_inventory().accounts

    def read_grants(self) -> Reading:
        """Read grants, memberships and ownership; each database is one scope, the server another."""
        if not self._sees_definitions:
            denied = Observation(Seen.DENIED, SEES_TOO_LITTLE)
            scopes = (SERVER, DATABASES, *(f"database:{row.name}" for row in self._databases))
            return Reading({}, dict.fromkeys(scopes, denied))
        inventory = self._read_inventory()
        coverage = {DATABASES: self._databases_observation, **inventory.coverage}
        grants: set[Grant] = set()
        try:
            grants |= self._read_server_grants(inventory)
            coverage[SERVER] = OBSERVED
        except StatementError as error:
            coverage[SERVER] = error.observation
        for row in self._databases:
            if row.name in inventory.databases:
                try:
                    grants |= self._read_database_grants(row, inventory)
                except StatementError as error:
                    coverage[f"database:{row.name}"] = error.observation
        return Reading.of(sorted(grants), coverage)

    def may_hide(self, username: str) -> bool:
        """Whether an account that the list lacks may still exist, in a database that could not be read."""
        inventory = self._read_inventory()
        listing = {SERVER: OBSERVED, DATABASES: self._databases_observation, **inventory.coverage}
        return not is_observed(rules.listed_by(username), listing)

    def check(self) -> list[Visibility]:
        """Say what this login sees: the server's principals, the list of databases, and each database."""
        return [
            Visibility(SERVER, self._sees_definitions, "" if self._sees_definitions else SEES_TOO_LITTLE),
            Visibility(DATABASES, bool(self._server.sees_databases), self._databases_observation.reason),
            *(
                Visibility(f"database:{row.name}", seen.status is Seen.OBSERVED, seen.reason)
                for row in self._databases
                for seen in [to_observation(row)]
            ),
        ]

    @property
    def _sees_definitions(self) -> bool:
        return bool(self._server.sees_definitions or self._server.sees_security_definitions)

    @property
    def _databases_observation(self) -> Observation:
        return OBSERVED if self._server.sees_databases else Observation(Seen.DENIED, SEES_FEW_DATABASES)

    def _read_inventory(self) -> Inventory:
        if not self._sees_definitions:
            raise SyncDataError(f"sys.server_principals: {SEES_TOO_LITTLE}")
        if self._inventory is None:
            self._inventory = read_inventory(self._catalog, self._databases)
        return self._inventory

    def _read_server_grants(self, inventory: Inventory) -> set[Grant]:
        names = inventory.server.accounts
        members = [(int(role), int(member)) for role, member in self._catalog.read("server_role_members")]
        permissions = [PermissionRow(*row) for row in self._catalog.read("server_permissions")]
        owners = [OwnerRow(*row) for row in self._catalog.read("server_owners")]
        return {
            *to_memberships(members, "", names, inventory.server.roles),
            *to_permissions(permissions, "", names),
            *to_owners(owners, "", names),
        }

    def _read_database_grants(self, row: DatabaseRow, inventory: Inventory) -> set[Grant]:
        principals = inventory.databases[row.name]
        names = principals.accounts
        members = [(int(role), int(member)) for role, member in self._catalog.read("database_role_members", row.name)]
        permissions = [PermissionRow(*line) for line in self._catalog.read("database_permissions", row.name)]
        owners = [OwnerRow(*line) for line in self._catalog.read("database_owners", row.name)]
        owner = inventory.logins.get(bytes(row.owner_sid or b""), to_username(row.name, DATABASE_OWNER))
        return {
            Grant(owner, OWNER, Securable(DATABASE, row.name)),
            *principals.mappings,
            *to_memberships(members, row.name, names, principals.roles),
            *to_permissions(permissions, row.name, names),
            *to_owners(owners, row.name, names),
        }


@contextmanager
def open_session(instance: Instance, login: Login, limits: Limits, deadline: Deadline) -> Generator[SqlserverSession]:
    """Connect, with TLS unless an option says otherwise. See `Adapter.open`.

    The session sends nothing but SELECT: SQL Server has no read-only session to ask for.
    """
    from whalefall_pipeline.adapters.sqlserver.connection import Connection  # noqa: PLC0415 - loads the driver

    connection = Connection(build_keywords(instance, login, limits.default_options), limits, deadline)
    try:
        yield SqlserverSession(connection)
    finally:
        connection.close()
