"""Connections that only read: one database each, opened and used within the deadline of the instance's reading."""

import selectors
import socket
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg.pq import ConnStatus, PollingStatus, TransactionStatus
from psycopg.pq.abc import PGconn
from psycopg.rows import tuple_row

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.postgresql.errors import DatabaseRefusedError, to_connect_error, to_statement_error
from whalefall_pipeline.adapters.postgresql.options import check_options
from whalefall_pipeline.adapters.tally import Tally
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import Instance, Login, Seen

Row: TypeAlias = tuple[Any, ...]

CHECK_SECONDS = 0.1


class Link:
    """One connection in one read-only transaction, so all that it reads is of one moment."""

    def __init__(self, connection: "psycopg.Connection[Row]", deadline: Deadline, tally: Tally) -> None:
        self._connection = connection
        self._deadline = deadline
        self._tally = tally
        # A second handle on the socket, so that an abort from another thread can't hit a number that was reused.
        self._socket = socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM)

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

    def read(self, statement: str, values: Mapping[str, str] | None = None) -> list[Row]:
        """Give all rows of a catalog statement.

        Raises DatabaseConnectionError when the connection is lost, UnreadableError when only the statement failed; the
        transaction has then ended.
        """
        self._tally.count()
        with self._deadline.aborting(self._abort):
            try:
                rows = self._connection.execute(statement.encode(), values).fetchall()
            except (psycopg.Error, UnicodeDecodeError) as error:
                raise to_statement_error(error) from None
        self._tally.add(rows)
        return rows

    def close(self) -> None:
        """Close, and wait for nothing: the server may not be there any more."""
        self._connection.close()
        self._socket.close()

    def _abort(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


@contextmanager
def open_link(
    parameters: Mapping[str, str], begin: str, limits: Limits, deadline: Deadline, tally: Tally
) -> Generator[Link]:
    """Connect, and begin the transaction by the statement `begin`, which sets its limits.

    Raises DatabaseRefusedError when it is this database or login that is refused, DatabaseConnectionError when the
    server is not there.
    """
    connection = psycopg.Connection[Row](_connect(parameters, limits, deadline), tuple_row)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    link = Link(connection, deadline, tally)
    try:
        link.read(begin, {"milliseconds": str(max(1, round(limits.statement_seconds * 1000)))})
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
