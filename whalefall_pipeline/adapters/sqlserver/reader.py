"""Reads one SQL Server: which scopes are visible, its accounts, and their grants, several databases at a time.

So far this has been run against a stand-in only (`tests/servers/sqlserver_standin`), never against a real server.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits, SourceSession, Visibility
from whalefall_pipeline.adapters.sqlserver import rules
from whalefall_pipeline.adapters.sqlserver.catalog import GROUP, Asking, Catalog
from whalefall_pipeline.adapters.sqlserver.databases import (
    OBSERVED,
    build_attributes,
    check_server,
    observe_access,
    observe_list,
    observe_rights,
)
from whalefall_pipeline.adapters.sqlserver.denials import (
    HIDDEN,
    LOGIN_CLASS,
    build_token,
    find_hidden_classes,
    find_principals,
)
from whalefall_pipeline.adapters.sqlserver.errors import Row, StatementError
from whalefall_pipeline.adapters.sqlserver.inventory import Holdings, Inventory, build_inventory
from whalefall_pipeline.adapters.sqlserver.options import (
    build_keywords,
    find_instance_name,
    find_security,
    is_relayed,
)
from whalefall_pipeline.adapters.sqlserver.rows import DatabaseRow, ExternalRow, ServerRow
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncDataError
from whalefall_pipeline.core.exclusions import NOTHING_EXCLUDED, find_databases
from whalefall_pipeline.core.model import (
    SERVER,
    Account,
    Grant,
    Instance,
    Json,
    Login,
    Observation,
    Reading,
    Security,
    Seen,
    is_observed,
    to_held,
)

DATABASES = "databases"
SEES_TOO_LITTLE = (
    "the login lacks VIEW ANY DEFINITION, so the server leaves out rows without saying so "
    "(VIEW ANY SECURITY DEFINITION alone is not enough: it does not show what permissions are held on)"
)


class SqlserverSession(SourceSession):
    """One reading; the inventory is read once and kept, since grants name principals by id only."""

    def __init__(
        self,
        connection: Asking,
        deadline: Deadline,
        security: Security,
        instance_name: str = "",
        excluded: Mapping[str, str] = NOTHING_EXCLUDED,
    ) -> None:
        self._catalog = Catalog(connection)
        self._deadline = deadline
        (server,) = self._catalog.require("server")
        self._server = ServerRow(*server)
        check_server(self._server, instance_name)
        # Asked now, not when they are wanted: that is after the reading, when the deadline may have passed.
        self._security = self._find_security(security)
        self._identity = self._find_identity()
        self._rows = [DatabaseRow(*row) for row in self._catalog.require("databases")]
        self._databases = {row.name: row for row in self._rows if row.name is not None}
        self._coverage = {name: observe_access(row) for name, row in self._databases.items()}
        self._coverage |= {name: why for name, why in find_databases(excluded).items() if name in self._databases}
        for name, rights in self._each("database_rights", list(self._databases)):
            self._coverage[name] = observe_rights(rights)
        self._token = build_token(self._catalog.require("login_token"))
        self._server_grants: set[Grant] = set()
        self._server_observation = Observation(Seen.UNREACHABLE, "not read yet")
        self._inventory: Inventory | None = None

    @property
    def version(self) -> str:
        """Product, version and edition: `SQL Server 16.0.4135.4 (Developer Edition (64-bit))`."""
        return f"SQL Server {self._server.version} ({self._server.edition})"

    @property
    def statements(self) -> int:
        """How many statements were sent so far, the one that sets each connection up included."""
        return self._catalog.statements

    @property
    def security(self) -> Security:
        """What the driver was told to require; where it requires nothing, what the server says, to whom it does."""
        return self._security

    @property
    def identity(self) -> str:
        r"""The server's own name (`HOST\INSTANCE`; a failover cluster's is the cluster's), in capitals.

        Where the connection came by an availability group's listener it is the group: another replica may answer next
        time. Empty where that can't be seen.
        """
        return self._identity

    def read_accounts(self) -> list[Account]:
        """Read logins, server roles, and each observable database's own users and roles, ordered by username.

        Needs VIEW ANY DEFINITION: without it, or when a login can't be understood, SyncDataError is raised. Accounts of
        a database that can't be read are missing: see `may_hide`.
        """
        return self._read_inventory().accounts

    def read_grants(self) -> Reading:
        """Read grants, memberships and ownership; each database is one scope, the server another.

        When the deadline passes, the reading ends with what it has: the databases that are left are `timed_out`.
        """
        if not self._server.sees_definitions:
            denied = Observation(Seen.DENIED, SEES_TOO_LITTLE)
            scopes = (SERVER, DATABASES, *(f"database:{name}" for name in self._databases))
            return Reading({}, dict.fromkeys(scopes, denied))
        inventory = self._read_inventory()
        grants = set(self._server_grants)
        for database, holdings in self._read_holdings(list(inventory.databases)):
            grants |= inventory.build_database_grants(database, self._databases[database].owner_sid, holdings)
        coverage = {SERVER: self._server_observation, **self._list_coverage()}
        attributes = self._read_attributes()
        return Reading(to_held(sorted(grants)), coverage, self._catalog.digest, attributes)

    def may_hide(self, username: str) -> bool:
        """Whether an account that the list lacks may still exist, in a database that could not be read."""
        self._read_inventory()
        listing = {SERVER: OBSERVED, **self._list_coverage()}
        return not is_observed(rules.listed_by(username), listing)

    def check(self) -> list[Visibility]:
        """Return what this login sees: the server's principals, the list of databases, and each database."""
        sees = bool(self._server.sees_definitions)
        if sees:
            self._hide_denied()
        return [
            Visibility(SERVER, sees, "" if sees else SEES_TOO_LITTLE),
            *(
                Visibility(scope, seen.status is Seen.OBSERVED, seen.reason)
                for scope, seen in self._list_coverage().items()
            ),
        ]

    def _find_security(self, security: Security) -> Security:
        if security.encrypted is not None or not self._server.sees_state:
            return security
        try:
            rows = self._catalog.read("encryption")
        except StatementError:
            return security
        return security._replace(encrypted=any(str(option).upper() == "TRUE" for (option,) in rows))

    def _find_identity(self) -> str:
        try:
            groups = self._catalog.read("listener") if self._server.sees_definitions else None
        except StatementError:
            groups = None
        if groups is None:
            return ""
        if groups:
            return f"availability group {str(groups[0][0]).upper()}"
        return (self._server.server_name or "").upper()

    def _hide_denied(self) -> None:
        """Take no database for observed in which something is denied to the login that shows definitions."""
        if self._token.is_sysadmin:
            return
        found = self._each("database_denials", list(self._databases))
        denied = {name: {int(grantee) for (grantee,) in rows} for name, rows in found if rows}
        members = dict(self._each("database_role_members", list(denied)))
        for name, users in self._each("database_principals", list(denied)):
            if denied[name] & find_principals(self._token, users, members[name]):
                self._coverage[name] = HIDDEN

    def _list_coverage(self) -> dict[str, Observation]:
        listed = observe_list(self._server, self._rows)
        return {DATABASES: listed, **{f"database:{name}": seen for name, seen in self._coverage.items()}}

    def _read_inventory(self) -> Inventory:
        if not self._server.sees_definitions:
            raise SyncDataError(f"sys.server_principals: {SEES_TOO_LITTLE}")
        if self._inventory is None:
            inventory = build_inventory(self._catalog.require("server_principals"))
            self._read_server_grants(inventory)
            self._hide_denied()
            for name, rows in self._each("database_principals", list(self._databases)):
                inventory.add_database(name, rows)
            inventory.accounts.sort(key=lambda account: account.username)
            self._inventory = inventory
        return self._inventory

    def _read_server_grants(self, inventory: Inventory) -> None:
        """Read what is held on the server, before any database may use up the time."""
        try:
            holdings = Holdings(
                self._catalog.read("server_role_members"),
                self._catalog.read("server_permissions"),
                self._catalog.read("server_owners"),
            )
        except StatementError as error:
            self._server_observation = error.observation
            return
        hidden = find_hidden_classes(self._token, holdings.permissions)
        if LOGIN_CLASS in hidden:
            raise SyncDataError(f"sys.server_principals: {HIDDEN.reason}")
        self._server_grants = holdings.build_grants("", inventory.server)
        self._server_observation = HIDDEN if hidden else OBSERVED

    def _read_holdings(self, databases: Sequence[str]) -> Iterator[tuple[str, Holdings]]:
        """Yield what is held in each database that could be read in full, a group of them after the other."""
        externals = self._read_externals(databases)
        for start in range(0, len(databases), GROUP):
            group = databases[start : start + GROUP]
            found = {name: Holdings(externals=externals.get(name, {})) for name in group}
            for name, rows in self._each("database_role_members", group):
                found[name].members = rows
            for name, rows in self._each("database_permissions", group):
                found[name].permissions = rows
            for name, rows in self._each("database_owners", group):
                found[name].owners = rows
            yield from ((name, found[name]) for name in group if self._coverage[name] is OBSERVED)

    def _read_externals(self, databases: Sequence[str]) -> dict[str, dict[tuple[str, int], ExternalRow]]:
        found: dict[str, dict[tuple[str, int], ExternalRow]] = {}
        for scope, there in (
            ("external_language", self._server.has_external_languages),
            ("external_model", self._server.has_external_models),
        ):
            for name, rows in self._each(f"database_{scope}s", databases if there else ()):
                of_database = found.setdefault(name, {})
                of_database |= {(scope, int(row[0])): ExternalRow(*row) for row in rows}
        return found

    def _each(self, statement: str, databases: Sequence[str]) -> Iterator[tuple[str, list[Row]]]:
        """Yield the rows of those databases that can be read, and keep of the others why not, the deadline included."""
        left = [name for name in databases if self._coverage[name] is OBSERVED]
        try:
            for name, rows in self._catalog.read_each(statement, tuple(left)):
                left.remove(name)
                if isinstance(rows, Observation):
                    self._coverage[name] = rows
                else:
                    yield name, rows
        except DatabaseConnectionError:
            if not self._is_too_late():
                raise
            late = Observation(Seen.TIMED_OUT, f"the deadline of {self._deadline.seconds:g} s passed before")
            self._coverage |= dict.fromkeys(left, late)

    def _is_too_late(self) -> bool:
        """Whether the deadline has passed; raises SyncCancelledError after a cancel."""
        try:
            self._deadline.check()
        except DatabaseConnectionError:
            return True
        return False

    def _read_attributes(self) -> dict[str, Json] | None:
        try:
            rows = self._catalog.read("server_settings")
        except StatementError:
            return None
        except DatabaseConnectionError:
            if not self._is_too_late():
                raise
            return None
        return build_attributes(self._server, {str(name): int(value) for name, value in rows}, self._rows)


@contextmanager
def open_session(instance: Instance, login: Login, limits: Limits, deadline: Deadline) -> Generator[SqlserverSession]:
    """Connect, with TLS unless an option says otherwise. See `Adapter.open`.

    The session sends nothing but SELECT, and SET for itself: SQL Server has no read-only session to ask for.
    """
    from whalefall_pipeline.adapters.sqlserver.connection import Connection  # noqa: PLC0415 - loads the driver

    keywords = build_keywords(instance, login, limits.default_options)
    relayed = is_relayed(instance, limits.default_options)
    connection = Connection(keywords, limits, deadline, is_relayed=relayed)
    try:
        named = find_instance_name(instance)
        yield SqlserverSession(connection, deadline, find_security(keywords), named, instance.excluded)
    finally:
        connection.close()
