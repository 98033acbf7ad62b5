"""The TDS server: who may log in, what a statement answers, and the faults that a test asks for."""

import re
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import duckdb
import pysqlbridge.server
from pysqlbridge.logins import Login, LoginStore
from pysqlbridge.server import BridgeServer
from pysqlbridge.tds.connection import Connection, ConnectionState
from pysqlbridge.tds.result import Bit, Column, Integer, NVarChar, Query, QueryError, QueryResult, VarBinary
from pysqlbridge.tds.token import error_response
from sqlglot.errors import ParseError

from tests.servers.sqlserver_standin.content import CatalogTables
from tests.servers.sqlserver_standin.faults import Faults
from tests.servers.sqlserver_standin.rewriting import rewrite

LOGIN_SEVERITY = 14
_SETTING = re.compile(r"SET \w+", re.IGNORECASE)


class _Wire(BridgeServer):
    """Keeps its clients' sockets, to cut them."""

    clients: set[socket.socket]

    def get_request(self) -> Any:
        request, address = super().get_request()
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.clients.add(request)
        return request, address

    def shutdown_request(self, request: Any) -> None:
        self.clients.discard(request)
        super().shutdown_request(request)


class _Logins(LoginStore):
    """Who may log in, and the faults that every login meets."""

    def __init__(self, logins: list[Login], faults: Faults) -> None:
        super().__init__(logins)
        self.faults = faults


class _Connection(Connection):
    """One client's connection, whose login may be refused on purpose."""

    def _answer_sql_login(self, responses: list[bytes]) -> bool:
        logins = cast("Any", self)._logins
        faults = logins.faults if isinstance(logins, _Logins) else Faults()
        faults.attempts += 1
        if faults.login is None:
            return bool(super()._answer_sql_login(responses))
        number, text = faults.login
        self._send(responses, error_response(number, text, severity=LOGIN_SEVERITY))
        self._state = ConnectionState.FAILED
        return True


pysqlbridge.server.Connection = _Connection


class TdsServer:
    """A listening server over the mirrored catalog."""

    def __init__(self, tables: CatalogTables, username: str, password: str, host: str = "127.0.0.1") -> None:
        self.faults = Faults()
        self.statements: list[str] = []
        self._tables = tables
        logins = _Logins([Login(username, password, hashed=False)], self.faults)
        self._server = _Wire(host=host, port=0, query_handler=self._answer, logins=logins)
        self._server.clients = set()

    @property
    def port(self) -> int:
        """The loopback port."""
        return int(self._server.address[1])

    @property
    def certificate(self) -> bytes:
        """The self-signed certificate, PEM."""
        return bytes(self._server.certificate.cert_pem)

    @contextmanager
    def serving(self) -> Generator["TdsServer"]:
        """Answer clients inside the block."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.faults.release.set()
            self._server.shutdown()
            self._server.server_close()
            self.cut()
            thread.join()

    def cut(self) -> None:
        """End all connections, as KILL does."""
        for client in list(self._server.clients):
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _answer(self, query: Query) -> QueryResult:
        if query.procedure:
            raise QueryError(f"the stand-in has no procedure {query.procedure}", number=2812)
        self.statements.append(query.sql)
        if _SETTING.match(query.sql):
            return QueryResult([], [])
        try:
            sql, databases = rewrite(query.sql)
            self._fail_on_purpose(query.sql, databases)
            columns, rows = self._tables.select(sql)
        except (ParseError, ValueError) as error:
            raise QueryError(f"Incorrect syntax: {error}", number=102, severity=15) from error
        except duckdb.CatalogException as error:
            raise QueryError(f"Invalid object name: {error}", number=208) from error
        types = [_column_type(type_) for _, type_ in columns]
        named = [Column(name, type_) for (name, _), type_ in zip(columns, types, strict=True)]
        return QueryResult(named, [list(row) for row in rows])

    def _fail_on_purpose(self, statement: str, databases: frozenset[str]) -> None:
        if self.faults.before and self.faults.before.text in statement:
            self.faults.before.do()
            self.faults.release.wait(60)
        for database, text in self.faults.refusing_text.items():
            if f"QUOTENAME(N'{database}')" in statement:
                raise QueryError(text, number=924, severity=14)
        if databases & self.faults.hanging:
            self.faults.release.wait(60)
        if databases & self.faults.locked:
            raise QueryError("Lock request time out period exceeded.", number=1222)
        for database in sorted(databases & self.faults.refusing.keys()):
            raise QueryError(self.faults.refusing[database], number=916, severity=14)


def _column_type(duckdb_type: str) -> Any:
    match duckdb_type:
        case "INTEGER" | "BIGINT" | "HUGEINT" | '"NULL"' | "NULL":
            return Integer(4)
        case "BOOLEAN":
            return Bit()
        case "BLOB":
            return VarBinary(85)
        case "VARCHAR":
            return NVarChar(128)  # sysname, as every name in the catalog
        case _:
            raise QueryError(f"the stand-in has no {duckdb_type} columns")
