"""SQL Server for tests: a stand-in, since no such server can be had (see `tests.servers.sqlserver_standin`)."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.servers.sqlserver_standin.content import CatalogTables, make_sid
from tests.servers.sqlserver_standin.statements import Statements

if TYPE_CHECKING:
    from tests.servers.sqlserver_standin.wire import TdsServer

HOST = "127.0.0.1"
COLLECTOR = "wf_collector"
PASSWORD = "Coll;ector}{1"
BATCH = 1000


@dataclass
class SqlserverStandin:
    """A stand-in that listens; `tables` is its catalog, `wire` its server and the faults that it can be told."""

    tables: CatalogTables
    wire: "TdsServer"
    host: str = HOST
    username: str = COLLECTOR
    password: str = field(default=PASSWORD, repr=False)

    def reset(self) -> None:
        """Take the catalog back to a fresh server's, with the collector's login."""
        self.wire.faults.refusing.clear()
        self.wire.faults.refusing_text.clear()
        self.wire.faults.before = None
        self.wire.faults.hanging.clear()
        self.wire.faults.locked.clear()
        self.wire.faults.login = None
        self.wire.faults.attempts = 0
        self.wire.faults.release.clear()
        self.wire.statements.clear()
        self.tables.fill()
        self.create_logins([self.username])
        self.tables.run(
            "insert into master.sys.login_token select principal_id, sid from master.sys.server_principals "
            "where name = ?", [self.username],
        )  # fmt: skip

    def execute(self, *statements: str, database: str = "") -> None:
        """Run T-SQL as administrator."""
        session = Statements(self.tables, database)
        for statement in statements:
            session.run(statement)

    def create_logins(self, names: Sequence[str], *, role: bool = False) -> None:
        """Make SQL logins, or server roles, many in few statements."""
        for start in range(0, len(names), BATCH):
            self._create(names[start : start + BATCH], role=role)

    def _create(self, names: Sequence[str], *, role: bool) -> None:
        numbered = [(name, self.tables.next_number()) for name in names]
        if role:
            rows = [(n, i, make_sid(n), "R", "SERVER_ROLE", False, None, None, 1, False) for n, i in numbered]
            self.tables.insert("server_principals", rows)
            return
        rows = [
            (name, number, make_sid(name), "S", "SQL_LOGIN", False, "master", "us_english", None, False)
            for name, number in numbered
        ]
        self.tables.insert("server_principals", rows)
        self.tables.insert("sql_logins", [(number, True, False) for _, number in numbered])
        self.tables.insert("login_properties", [(name, 0, 0, 0) for name, _ in numbered])
        connect = [(100, "SERVER", 0, 0, number, "CONNECT SQL", "G") for _, number in numbered]
        self.tables.insert("server_permissions", connect)


@contextmanager
def start_sqlserver() -> Generator[SqlserverStandin]:
    """Start a stand-in on a loopback port of its own. Its libraries are loaded only now: most tests need none."""
    from tests.servers.sqlserver_standin.wire import TdsServer

    tables = CatalogTables()
    with TdsServer(tables, COLLECTOR, PASSWORD).serving() as wire:
        server = SqlserverStandin(tables, wire)
        server.reset()
        yield server
    tables.close()
