"""An Oracle stand-in for tests, since no package registry has the server.

What it carries: the adapter's SQL text (through sqlglot, on DuckDB), containers, what a login sees, refused logins and
lost sessions, the statements of scripts. What it does not: Oracle's optimiser, the size and the oddities of a real
dictionary, and the wire. Its failures have Oracle's codes (`ORA-00942`).
"""

import os
from dataclasses import dataclass, field

import duckdb

from tests.servers.oracle_standin.ddl import Administrator
from tests.servers.oracle_standin.dictionary import COLLECTOR, Dictionary
from tests.servers.oracle_standin.tables import ROOT_ID, ROOT_NAME, Tables
from tests.servers.oracle_standin.tokens import OracleError

DSN_VARIABLE = "WHALEFALL_TEST_ORACLE_DSN"
VERSION_19 = "19.22.0.0.0"
VERSION_23 = "23.6.0.24.10"
PASSWORD = "collects-only"
SERVICES = {"FREE": ROOT_NAME}
"""Services that are not named as their container."""


def find_real_dsn() -> str | None:
    """Return a real server's `user/password@host:port/service`, when the environment names one."""
    return os.environ.get(DSN_VARIABLE)


@dataclass
class StandIn:
    """A running stand-in of a container database.

    `failing` holds views, and `failing_words` words of statements (lower case), with the code with which they fail.
    """

    version: str = VERSION_19
    failing: dict[str, str] = field(default_factory=dict[str, str])
    failing_words: dict[str, str] = field(default_factory=dict[str, str])
    dictionary: Dictionary = field(init=False)
    sessions: "list[Session]" = field(default_factory=list["Session"])

    def __post_init__(self) -> None:
        self.dictionary = Dictionary(self.version)
        self._make_login()

    @property
    def tables(self) -> Tables:
        """The rows behind the dictionary, for what no statement can make."""
        return self.dictionary.tables

    def start_anew(self) -> None:
        """Forget everything, and make the collector's login again."""
        self.tables.start_anew()
        self.failing.clear()
        self.failing_words.clear()
        self.sessions.clear()
        self._make_login()

    def _make_login(self) -> None:
        self.execute(
            f'CREATE USER {COLLECTOR} IDENTIFIED BY "{PASSWORD}" CONTAINER=ALL',
            f"GRANT CREATE SESSION TO {COLLECTOR} CONTAINER=ALL",
            f"GRANT SELECT_CATALOG_ROLE TO {COLLECTOR} CONTAINER=ALL",
            f"ALTER USER {COLLECTOR} SET CONTAINER_DATA = ALL CONTAINER = CURRENT",
            container=ROOT_NAME,
        )

    def plug_in(self, name: str, con_id: int, *, application_root: int | None = None) -> None:
        """Make a pluggable database with what Oracle maintains in each: an application root, or what belongs to one."""
        self.tables.insert(
            "pdbs", pdb_id=con_id, pdb_name=name, application_root="NO" if application_root else "YES",
            application_root_con_id=application_root,
        )  # fmt: skip
        for table in ("users", "roles", "role_privs", "sys_privs", "tab_privs"):
            for row in self.tables.find(table, con_id=2):
                self.tables.insert(table, **{**row, "con_id": con_id})

    def execute(self, *statements: str, container: str = "SALESPDB") -> None:
        """Run statements as SYSTEM, in one session that begins in a container."""
        administrator = Administrator(self.dictionary.tables, container)
        for statement in statements:
            administrator.execute(statement)

    def hide(self, *views: str) -> None:
        """Take views away from the collector's login."""
        self.failing |= dict.fromkeys(views, "ORA-00942")

    def log_in(self, username: str, password: str, service: str | None) -> "Session":
        """Open a session in the service's container. Raises OracleError."""
        container = SERVICES.get(service or "", service)
        if container != ROOT_NAME and container not in self.tables.pdbs:
            raise OracleError("ORA-12514")
        if (username, password) != (COLLECTOR, PASSWORD):
            raise OracleError("ORA-01017")
        session = Session(self, ROOT_ID if container == ROOT_NAME else self.tables.pdbs[container])
        self.sessions.append(session)
        return session


class Session:
    """An open session of the stand-in."""

    def __init__(self, server: StandIn, con_id: int) -> None:
        self.server = server
        self._con_id = con_id
        self.is_killed = False
        self.statements: list[str] = []

    def fetch(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement of the collector's. Raises OracleError."""
        if self.is_killed:
            raise OracleError("ORA-00028")
        self.statements.append(statement)
        if statement == "SET TRANSACTION READ ONLY":
            return []
        try:
            views, rows = self.server.dictionary.query(statement, self._con_id)
        except duckdb.CatalogException:
            raise OracleError("ORA-00942") from None
        except duckdb.BinderException:
            raise OracleError("ORA-00904") from None
        for words, code in self.server.failing_words.items():
            if words in statement.lower():
                raise OracleError(code)
        for view in views:
            if view in self.server.failing:
                raise OracleError(self.server.failing[view])
        return rows

    def close(self) -> None:
        """End the session."""
        if self in self.server.sessions:
            self.server.sessions.remove(self)
