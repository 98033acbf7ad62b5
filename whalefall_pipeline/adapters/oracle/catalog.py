"""The catalog's statements, and the connection that they are sent over: which text, how many, what this server has.

`Connection` is the only seam between reader and driver: one statement in, all its rows out.
"""

import re
from collections.abc import Callable
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple, Protocol, TypeAlias

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.oracle import rules
from whalefall_pipeline.adapters.oracle.containers import ROOT_ID
from whalefall_pipeline.adapters.oracle.errors import DENIED, CatalogError, to_observation
from whalefall_pipeline.adapters.oracle.options import Endpoint
from whalefall_pipeline.adapters.oracle.rows import Row
from whalefall_pipeline.adapters.tally import Tally
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncDataError
from whalefall_pipeline.core.model import Observation, Security, Seen
from whalefall_pipeline.sql import load_sql

PACKAGE = "whalefall_pipeline.adapters.oracle"
OF_ONE = MappingProxyType(load_sql(PACKAGE, "catalog.sql"))
OF_ALL = MappingProxyType({**OF_ONE, **load_sql(PACKAGE, "catalog_root.sql")})

VIEWS = {
    "identity": "V_$DATABASE",
    "containers": "DBA_PDBS",
    "container_data": "DBA_CONTAINER_DATA",
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
    "definers": "DBA_PROCEDURES",
    "profiles": "DBA_PROFILES",
    "parameters": "V_$PARAMETER",
}
"""Statement to the view that it reads, as the server names it."""
SAME_FROM_ROOT = frozenset({"containers", "container_data", "later_columns"})
"""Statements that read a view under its own name from the root too, and not the CDB_ view."""

STATEMENTS = {
    rules.ROLES: "role_grants",
    rules.SYSTEM_PRIVILEGES: "system_privileges",
    rules.OBJECT_PRIVILEGES: "object_privileges",
    rules.COLUMN_PRIVILEGES: "column_privileges",
    rules.SCHEMA_PRIVILEGES: "schema_privileges",
    rules.PROXIES: "proxies",
    rules.QUOTAS: "quotas",
    rules.DEFINERS: "definers",
}
"""Part of the catalog to the statement that reads its grants; the password file is read with the accounts."""

_VIEW = re.compile(r"\bsys\.([a-z_$]+)")

WITH_LATER_VIEWS = 23
LATE = Observation(Seen.TIMED_OUT, "not read before the deadline of the instance")


def name_view(statement: str, *, is_root: bool) -> str:
    """Return the view that a statement reads in a root, or in one database."""
    view = VIEWS[statement]
    return view.replace("DBA_", "CDB_", 1) if is_root and statement not in SAME_FROM_ROOT else view


def list_views(statement: str, *, is_root: bool) -> list[str]:
    """Return all views that a statement reads in a root, or in one database, in the order of its text."""
    text = (OF_ALL if is_root else OF_ONE)[statement]
    return list(dict.fromkeys(name.upper() for name in _VIEW.findall(text)))


class Connection(Protocol):
    """An open session of a server."""

    @property
    def version(self) -> str:
        """The server's version, as `19.22.0.0.0`."""
        ...

    @property
    def security(self) -> Security:
        """Whether it is encrypted, and the server's certificate verified."""
        ...

    def fetch(self, statement: str) -> list[Row]:
        """Run one statement and return its rows, none for a statement that is no query.

        Raises CatalogError when only this statement failed, DatabaseConnectionError when the connection is lost or
        out of time, SyncCancelledError when the reading was cancelled.
        """
        ...

    def close(self) -> None:
        """End the session. Raises nothing: what can't be closed is dropped."""
        ...


Connect: TypeAlias = Callable[[Endpoint, Limits, Deadline], Connection]
"""Opens a connection. Raises DatabaseConnectionError, or InvalidInstanceError for a file that is not there."""


class Home(NamedTuple):
    """The container that a connection is in (id 0 without containers), and the user that it is logged in as."""

    con_id: int
    name: str
    username: str


class Catalog:
    """One server's catalog over an open connection.

    Once the deadline of the instance has passed, `is_cut_short` is true and `read_part` asks for nothing more.
    """

    def __init__(self, connection: Connection, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline
        self.tally = Tally()
        self.is_cut_short = False

    @property
    def version(self) -> str:
        """The server's version, as `19.22.0.0.0`."""
        return self._connection.version

    @property
    def security(self) -> Security:
        """Whether the connection is encrypted, and the server's certificate verified."""
        return self._connection.security

    @cached_property
    def home(self) -> Home:
        """Where the connection is, and as whom."""
        ((con_id, name, username),) = self._fetch(OF_ONE["session"])
        return Home(int(con_id), str(name), str(username))

    @cached_property
    def identity(self) -> str:
        """The GUID of a pluggable database, else the DBID; empty where V$DATABASE is not visible."""
        try:
            ((dbid, guid),) = self._fetch(OF_ONE["identity"])
        except CatalogError:
            return ""
        return bytes(guid).hex() if guid else str(dbid)

    @property
    def is_root(self) -> bool:
        """Whether the connection is in the root of a container database."""
        return self.home.con_id == ROOT_ID

    @cached_property
    def later(self) -> frozenset[str]:
        """The views that have what only later versions have; where the login may not know, what the version implies."""
        try:
            return frozenset(str(row[0]) for row in self._fetch(OF_ONE["later_columns"]))
        except CatalogError as error:
            if error.code not in DENIED:
                raise SyncDataError(self.explain("later_columns", error).reason) from None
            is_later = int(self.version.split(".")[0]) >= WITH_LATER_VIEWS
            return frozenset({VIEWS["schema_privileges"], VIEWS["users"]} if is_later else ())

    def begin(self) -> None:
        """Let all that follows be read at one point in time."""
        self._fetch(OF_ONE["read_only"])

    def read_whole(self, statement: str) -> list[Row]:
        """Return the rows of a statement that the account list can't do without. Raises SyncDataError."""
        try:
            return self._read(statement)
        except CatalogError as error:
            raise SyncDataError(f"the account list is not whole: {self.explain(statement, error).reason}") from None

    def read_part(self, statement: str) -> list[Row] | Observation:
        """Return a statement's rows, or why there are none: it failed alone, or the deadline has passed."""
        if self.is_cut_short:
            return LATE
        try:
            return self._read(statement)
        except CatalogError as error:
            return self.explain(statement, error)
        except DatabaseConnectionError:
            if not self._is_time_up():
                raise
            self.is_cut_short = True
            return LATE

    def name_view(self, statement: str) -> str:
        """Return the view that a statement reads here."""
        return name_view(statement, is_root=self.is_root)

    def explain(self, statement: str, error: CatalogError) -> Observation:
        """Return why a statement gave nothing."""
        return to_observation(list_views(statement, is_root=self.is_root), error.code)

    def check_deadline(self) -> None:
        """Raise DatabaseConnectionError when the deadline has passed."""
        self._deadline.check()

    def _is_time_up(self) -> bool:
        try:
            self._deadline.check()
        except DatabaseConnectionError:
            return True
        return False

    def _read(self, statement: str) -> list[Row]:
        return self._fetch((OF_ALL if self.is_root else OF_ONE)[statement])

    def _fetch(self, text: str) -> list[Row]:
        self.tally.count()
        rows = self._connection.fetch(text)
        self.tally.add(rows)
        return rows
