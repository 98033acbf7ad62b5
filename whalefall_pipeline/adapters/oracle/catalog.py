"""The catalog's statements, and the connection that they are sent over: which text, how many, what this server has.

`Connection` is the only seam between reader and driver: one statement in, all its rows out.
"""

from collections.abc import Callable
from functools import cached_property
from types import MappingProxyType
from typing import Protocol, TypeAlias

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.oracle import rules
from whalefall_pipeline.adapters.oracle.containers import ROOT_ID
from whalefall_pipeline.adapters.oracle.errors import DENIED, CatalogError, to_observation
from whalefall_pipeline.adapters.oracle.options import Target
from whalefall_pipeline.adapters.oracle.rows import Row
from whalefall_pipeline.core.errors import SyncDataError
from whalefall_pipeline.core.model import Observation
from whalefall_pipeline.sql import load_sql

PACKAGE = "whalefall_pipeline.adapters.oracle"
OF_ONE = MappingProxyType(load_sql(PACKAGE, "catalog.sql"))
OF_ALL = MappingProxyType({**OF_ONE, **load_sql(PACKAGE, "catalog_root.sql")})

VIEWS = {
    "containers": "DBA_PDBS",
    "later_columns": "DBA_TAB_COLUMNS",
    "users": "DBA_USERS",
    "read_only_users": "DBA_USERS",
    "roles": "DBA_ROLES",
    "password_file": "V_$PWFILE_USERS",
    "role_grants": "DBA_ROLE_PRIVS",
    "system_privileges": "DBA_SYS_PRIVS",
    "object_privileges": "DBA_TAB_PRIVS",
    "column_privileges": "DBA_COL_PRIVS",
    "schema_privileges": "DBA_SCHEMA_PRIVS",
    "proxies": "DBA_PROXIES",
    "quotas": "DBA_TS_QUOTAS",
}
"""Statement to the view that it reads, as the server names it."""
SAME_FROM_ROOT = frozenset({"containers", "later_columns"})

STATEMENTS = {
    rules.ROLES: "role_grants",
    rules.SYSTEM_PRIVILEGES: "system_privileges",
    rules.OBJECT_PRIVILEGES: "object_privileges",
    rules.COLUMN_PRIVILEGES: "column_privileges",
    rules.SCHEMA_PRIVILEGES: "schema_privileges",
    rules.PROXIES: "proxies",
    rules.QUOTAS: "quotas",
}
"""Part of the catalog to the statement that reads its grants; the password file is read with the accounts."""

SCHEMA_PRIVILEGES_SINCE = 23


class Connection(Protocol):
    """An open session of a server."""

    @property
    def version(self) -> str:
        """The server's version, as `19.22.0.0.0`."""
        ...

    def fetch(self, statement: str) -> list[Row]:
        """Run one statement and give its rows, none for a statement that is no query.

        Raises CatalogError when only this statement failed, DatabaseConnectionError when the connection is lost or
        out of time, SyncCancelledError when the reading was cancelled.
        """
        ...

    def close(self) -> None:
        """End the session. Raises nothing: what can't be closed is dropped."""
        ...


Connect: TypeAlias = Callable[[Target, Limits, Deadline], Connection]
"""Opens a connection. Raises DatabaseConnectionError, or InvalidInstanceError for a file that is not there."""


class Catalog:
    """One server's catalog over an open connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.statements = 0

    @property
    def version(self) -> str:
        """The server's version, as `19.22.0.0.0`."""
        return self._connection.version

    @cached_property
    def home(self) -> tuple[int, str]:
        """Id and name of the container that the connection is in; id 0 without containers."""
        ((con_id, con_name),) = self._fetch(OF_ONE["session"])
        return int(con_id), str(con_name)

    @property
    def is_root(self) -> bool:
        """Whether the connection is in the root of a container database."""
        return self.home[0] == ROOT_ID

    @cached_property
    def later(self) -> frozenset[str]:
        """The views that have what only later versions have; where the login may not know, what the version implies."""
        try:
            return frozenset(str(row[0]) for row in self._fetch(OF_ONE["later_columns"]))
        except CatalogError as error:
            if error.code not in DENIED:
                raise SyncDataError(self.explain("later_columns", error).reason) from None
            is_later = int(self.version.split(".")[0]) >= SCHEMA_PRIVILEGES_SINCE
            return frozenset({VIEWS["schema_privileges"]} if is_later else ())

    def begin(self) -> None:
        """Let all that follows be read at one point in time."""
        self._fetch(OF_ONE["read_only"])

    def ask(self, statement: str) -> list[Row]:
        """Give a statement's rows. Raises CatalogError when it failed alone."""
        return self._fetch((OF_ALL if self.is_root else OF_ONE)[statement])

    def ask_whole(self, statement: str) -> list[Row]:
        """Give the rows of a statement that the account list can't do without. Raises SyncDataError."""
        try:
            return self.ask(statement)
        except CatalogError as error:
            raise SyncDataError(f"the account list is not whole: {self.explain(statement, error).reason}") from None

    def explain(self, statement: str, error: CatalogError) -> Observation:
        """Say why a statement gave nothing."""
        view = VIEWS[statement]
        if self.is_root and statement not in SAME_FROM_ROOT:
            view = view.replace("DBA_", "CDB_", 1)
        return to_observation(view, error.code)

    def _fetch(self, text: str) -> list[Row]:
        self.statements += 1
        return self._connection.fetch(text)
