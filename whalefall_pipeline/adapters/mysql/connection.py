"""One connection that only reads: how it is opened within its limits, and what its errors mean.

PyMySQL's own connect timeout does not cover the handshake, nor the sum of a reading. So the socket is ours, and is shut
down from outside when a limit or the deadline passes, whatever the driver waits for.
"""

import socket
import ssl
import struct
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TypeAlias, cast

import pymysql
from pymysql.connections import Connection
from pymysql.cursors import Cursor

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.mysql.options import to_tls
from whalefall_pipeline.adapters.tally import Tally
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import Instance, Login

MARGIN_SECONDS = 5.0
NO_MYSQL = "what answers there does not speak MySQL's protocol"

Rows: TypeAlias = tuple[tuple[object, ...], ...]

REFUSED = {
    1044: "the login has no right to connect",
    1045: "the server refuses the login: wrong user name, password or host",
    1130: "the server lets no account in from this host",
    1698: "the server refuses the login: it does not take a password",
    1820: "the login's password must be changed first",
    1862: "the login's password has expired",
    3118: "the login is locked",
    3159: "the server takes encrypted connections only: set the option tls",
    3955: "the login is locked after too many wrong passwords",
    4151: "the login is locked",
}
BUSY = {
    1040: "the server has too many connections",
    1053: "the server is shutting down",
    1129: "the server blocks this host after too many failed connections",
    1203: "the login has too many connections",
    1226: "the login has used up its resource limit",
}
LOST = frozenset({0, 1053, 1927, 2006, 2013, 2014, 3169, 4031})


class Source:
    """An open connection; every wait on it ends with its limits and deadline."""

    def __init__(self, connection: "Connection[Cursor]", guard: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._guard = guard
        self._deadline = deadline
        self.tally = Tally()

    def query(self, statement: str) -> Rows:
        """Run one statement and give its rows. A lost connection raises DatabaseConnectionError, all else pymysql's."""
        self.tally.count()
        with self._deadline.aborting(lambda: shut_down(self._guard)):
            try:
                with self._connection.cursor() as cursor:
                    cursor.execute(statement)
                    rows = cast("Rows", cursor.fetchall())
            except pymysql.err.MySQLError as error:
                if code_of(error) in LOST:
                    raise DatabaseConnectionError("the connection was lost while reading", transient=True) from None
                raise
        self.tally.add(rows)
        return rows


def code_of(error: Exception) -> int:
    """Give the server's or client's error number; 0 when there is none."""
    code = error.args[0] if error.args else 0
    return code if isinstance(code, int) else 0


@contextmanager
def connect(instance: Instance, login: Login, limits: Limits, deadline: Deadline) -> Generator[Source]:
    """Open a connection and close it at the end.

    Raises DatabaseConnectionError with the reason, or InvalidInstanceError for options that are unknown or unusable.
    """
    connection = _to_connection(instance, login, limits)
    handshake = Deadline(limits.connect_seconds)
    with _open_socket(instance, handshake, deadline) as raw, raw.dup() as guard:
        # TLS takes `raw` over; shutting its copy down ends the connection all the same.
        with handshake, deadline.aborting(lambda: shut_down(guard)), handshake.aborting(lambda: shut_down(guard)):
            _log_in(connection, raw)
        try:
            yield Source(connection, guard, deadline)
        finally:
            with suppress(pymysql.err.MySQLError, OSError):
                connection.close()  # says goodbye: the server would log an aborted connection otherwise
            shut_down(guard)


def shut_down(connection: socket.socket) -> None:
    """End a connection in both directions; whoever waits on it wakes up."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _to_connection(instance: Instance, login: Login, limits: Limits) -> "Connection[Cursor]":
    mode, context = to_tls(instance, limits.default_options)
    return Connection(
        host=instance.host,
        port=instance.port,
        user=login.username,
        password=login.password.encode(),
        database=None,
        charset="utf8mb4",
        autocommit=True,
        read_timeout=limits.statement_seconds + MARGIN_SECONDS,
        write_timeout=limits.statement_seconds + MARGIN_SECONDS,
        ssl=None if mode == "preferred" else context,  # without one, the driver takes TLS where the server offers it
        ssl_disabled=mode == "disabled",
        program_name="whalefall",
        defer_connect=True,
    )


def _open_socket(instance: Instance, handshake: Deadline, deadline: Deadline) -> socket.socket:
    try:
        addresses = socket.getaddrinfo(instance.host, instance.port, type=socket.SOCK_STREAM)
        failures: list[OSError] = []
        for family, kind, protocol, _, address in addresses:
            deadline.check()
            handshake.check()
            opened = socket.socket(family, kind, protocol)
            try:
                opened.settimeout(min(handshake.remaining, deadline.remaining) or 0.001)
                opened.connect(address)
            except OSError as error:
                opened.close()
                failures.append(error)
            else:
                return opened
        raise failures[-1]
    except OSError as error:
        reason = "no answer" if isinstance(error, TimeoutError) else error.strerror
        raise DatabaseConnectionError(
            f"can't reach {instance.host}:{instance.port}: {reason}", transient=True
        ) from None


def _log_in(connection: "Connection[Cursor]", raw: socket.socket) -> None:
    try:
        connection.connect(raw)
    except pymysql.err.MySQLError as error:
        raise to_login_error(error) from None
    except (LookupError, ValueError, RuntimeError, struct.error):
        raise DatabaseConnectionError(NO_MYSQL, transient=False) from None


def to_login_error(error: pymysql.err.MySQLError) -> DatabaseConnectionError:
    """Say in one line why no connection came about, and whether trying again may help."""
    code = code_of(error)
    cause = getattr(error, "original_exception", None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return DatabaseConnectionError(f"the server's certificate is refused: {cause.verify_message}", transient=False)
    if code in REFUSED:
        return DatabaseConnectionError(f"{REFUSED[code]} (error {code})", transient=False)
    if code in BUSY:
        return DatabaseConnectionError(f"{BUSY[code]} (error {code})", transient=True)
    if isinstance(error, pymysql.err.InternalError) and not code:
        return DatabaseConnectionError(NO_MYSQL, transient=False)
    if code in LOST or isinstance(cause, OSError):
        return DatabaseConnectionError("the connection was lost during the login", transient=True)
    return DatabaseConnectionError(" ".join(str(part) for part in error.args[1:]) or str(error), transient=False)
