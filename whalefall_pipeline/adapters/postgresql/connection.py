"""Connections that only read: one database each, opened and used within the deadline of the instance's reading."""

import selectors
import socket
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

import psycopg
from psycopg import pq
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.conninfo import make_conninfo
from psycopg.pq import ConnStatus, PollingStatus, TransactionStatus
from psycopg.pq.abc import PGconn
from psycopg.rows import tuple_row

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.postgresql.errors import DatabaseRefusedError, to_connect_error, to_statement_error
from whalefall_pipeline.adapters.postgresql.options import check_options
from whalefall_pipeline.adapters.postgresql.rows import to_text
from whalefall_pipeline.adapters.tally import Tally
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import Instance, Login, Seen
from whalefall_pipeline.sql import load_sql

Row: TypeAlias = tuple[Any, ...]

CHECK_SECONDS = 0.1
NOT_CONVERTED = "SQL_ASCII"
"""As client encoding: the server sends what it has, as it is."""

SQL = load_sql(__package__ or "", "catalog.sql")


class Link:
    """One connection in one read-only transaction, so all that it reads is of one moment."""

    def __init__(self, connection: "psycopg.Connection[Row]", deadline: Deadline, tally: Tally) -> None:
        self._connection = connection
        self._deadline = deadline
        self._tally = tally
        self._converts = True
        # A second handle on the socket, so that an abort from another thread can't hit a number that was reused.
        self._socket = socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM)
        self.database_oid: int | None = None
        """Which database this is; it may have been asked for by another name (an alias of a connection pooler's)."""
        self.may_identify = False
        """Whether this login may ask for the cluster's identity."""
        self.escaped: set[str] = set()
        """Names among the rows so far that are no text in any encoding, see `to_text`."""

    @property
    def version(self) -> int:
        """The server's version as a number: 150018 is 15.18."""
        return self._connection.info.server_version

    @property
    def version_text(self) -> str:
        """The server's version in its own words: `15.18 (Debian 15.18-0+deb12u1)`."""
        return self._connection.info.parameter_status("server_version") or ""

    @property
    def stands(self) -> bool:
        """Whether the transaction is still open, so that more can be read of the same moment."""
        return self._connection.info.transaction_status == TransactionStatus.INTRANS

    def begin(self, limits: Limits) -> None:
        """Begin the transaction with all settings that a reading depends on."""
        milliseconds = str(max(1, round(limits.statement_seconds * 1000)))
        ((*_, self.database_oid, self.may_identify),) = self._read(SQL["begin"], {"milliseconds": milliseconds})

    def read(self, statement: str, *, shared: bool = False) -> list[Row]:
        """Return all rows of a catalog statement; `shared`: with names that all databases of the cluster share.

        Raises DatabaseConnectionError when the connection is lost, UnreadableError when only the statement failed; the
        transaction has then ended.
        """
        # The server takes shared names to be of its database's encoding, which only that of the writer's is.
        if self._encoding == NOT_CONVERTED or (shared and self._encoding != "UTF8"):
            return self._read_bytes(statement)
        try:
            return self._read(statement)
        except UnicodeDecodeError:
            return self._read_bytes(statement)

    def close(self) -> None:
        """Close, and wait for nothing: the server may not be there any more."""
        self._connection.close()
        self._socket.close()

    @property
    def _encoding(self) -> str:
        """The database's encoding in PostgreSQL's spelling; `UTF8` until the login is done."""
        return self._connection.info.parameter_status("server_encoding") or "UTF8"

    def _read_bytes(self, statement: str) -> list[Row]:
        """Read names as the bytes that they are stored as, each to be taken for what it most likely is."""
        self._read(SQL["encoding"], {"encoding": NOT_CONVERTED})
        loader = _build_loader(self._encoding, self.escaped)
        rows = self._read(statement, loader=loader)
        self._read(SQL["encoding"], {"encoding": "UTF8"})
        return rows

    def _read(
        self, statement: str, values: Mapping[str, str] | None = None, loader: type[Loader] | None = None
    ) -> list[Row]:
        self._tally.count()
        with self._deadline.aborting(self._abort), self._connection.cursor() as cursor:
            for kind in ("text", "name") if loader else ():
                cursor.adapters.register_loader(kind, loader or Loader)
            try:
                rows = cursor.execute(statement.encode(), values).fetchall()
            except psycopg.Error as error:
                raise to_statement_error(error) from None
        self._tally.add(rows)
        return rows

    def _abort(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


def _build_loader(encoding: str, escaped: set[str]) -> type[Loader]:
    """Make a psycopg loader of names that may be of any encoding; those that had to be escaped are added to a set."""

    class AnyText(Loader):
        def load(self, data: Buffer) -> str:
            text, was_escaped = to_text(bytes(data), encoding)
            if was_escaped:
                escaped.add(text)
            return text

    return AnyText


@contextmanager
def open_link(parameters: Mapping[str, str], limits: Limits, deadline: Deadline, tally: Tally) -> Generator[Link]:
    """Connect, and begin the transaction.

    Raises DatabaseRefusedError when it is this database or login that is refused, DatabaseConnectionError when the
    server is not there.
    """
    connection = psycopg.Connection[Row](_connect(parameters, limits, deadline), tuple_row)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    link = Link(connection, deadline, tally)
    try:
        link.begin(limits)
        yield link
    finally:
        link.close()


def to_parameters(instance: Instance, login: Login, limits: Limits) -> dict[str, str]:
    """Build libpq's parameters for an instance, its database excepted; raises InvalidInstanceError."""
    options = {**limits.default_options, **instance.options}
    check_options(options)
    own = {"host": instance.host, "port": str(instance.port), "user": login.username, "password": login.password}
    fixed = {"application_name": "whalefall", "client_encoding": "UTF8"}
    return {**options, **own, **fixed}


def _connect(parameters: Mapping[str, str], limits: Limits, deadline: Deadline) -> PGconn:
    """Connect to the first of the host's addresses that answers; they share the time limit.

    An answer that refuses is final: trying the same login at the next address would be a second failed login.
    """
    *others, last = _find_addresses(parameters)
    seconds = limits.connect_seconds / (len(others) + 1)
    for address in others:
        try:
            return _connect_to({**parameters, **address}, seconds, deadline)
        except DatabaseConnectionError as error:
            deadline.check()
            if not error.transient:
                raise
    return _connect_to({**parameters, **last}, seconds, deadline)


def _find_addresses(parameters: Mapping[str, str]) -> list[dict[str, str]]:
    """Give libpq parameters for each address of the host; the name still stands beside them, for TLS to verify."""
    host, port = parameters["host"], parameters["port"]
    if host.startswith("/") or "hostaddr" in parameters:
        return [{}]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        again = error.errno == socket.EAI_AGAIN
        raise DatabaseConnectionError(f"host {host} is not known: {error.strerror}", transient=again) from None
    return [{"hostaddr": str(address[4][0])} for address in found]


def _connect_to(parameters: Mapping[str, str], seconds: float, deadline: Deadline) -> PGconn:
    """Connect in steps that never block, so that the limit and the deadline hold through the whole handshake."""
    ends_at = time.monotonic() + seconds
    pgconn: PGconn = pq.PGconn.connect_start(make_conninfo("", **parameters).encode())
    try:
        while (event := _next_event(pgconn)) is not None:
            while not _is_ready(pgconn.socket, event):
                deadline.check()
                _check_limit(seconds, ends_at)
    except Exception:
        pgconn.finish()
        raise
    pgconn.nonblocking = 1  # as psycopg's own connections are
    return pgconn


def _check_limit(seconds: float, ends_at: float) -> None:
    if time.monotonic() >= ends_at:
        raise DatabaseRefusedError(f"no answer to the login within {seconds:g} s", Seen.TIMED_OUT, transient=True)


def _next_event(pgconn: PGconn) -> int | None:
    """Take the next step of a login and give what it then waits for; None: it is done."""
    status = PollingStatus.FAILED if pgconn.status == ConnStatus.BAD else pgconn.connect_poll()
    if status == PollingStatus.FAILED:
        raise to_connect_error(pgconn.get_error_message())
    waits_for = {PollingStatus.READING: selectors.EVENT_READ, PollingStatus.WRITING: selectors.EVENT_WRITE}
    return waits_for.get(PollingStatus(status))


def _is_ready(handle: int, event: int) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(handle, event)
        return bool(selector.select(CHECK_SECONDS))
