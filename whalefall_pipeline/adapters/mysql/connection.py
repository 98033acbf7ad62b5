"""One connection that only reads: how it is opened within its limits, and what its errors mean.

PyMySQL's own connect timeout does not cover the handshake, nor the sum of a reading. So the socket is ours, and is shut
down from outside when a limit or the deadline passes, whatever the driver waits for.
"""

import socket
import struct
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TypeAlias, cast

import pymysql
from pymysql.connections import Connection
from pymysql.cursors import Cursor

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.mysql.errors import NO_MYSQL, to_login_error, to_statement_error
from whalefall_pipeline.adapters.mysql.options import to_tls
from whalefall_pipeline.adapters.tally import Tally
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import Instance, Login

MARGIN_SECONDS = 5.0

Rows: TypeAlias = tuple[tuple[object, ...], ...]


class Source:
    """An open connection; every wait on it ends with its limits and deadline."""

    def __init__(self, connection: "Connection[Cursor]", guard: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._guard = guard
        self._deadline = deadline
        self.tally = Tally()

    def query(self, statement: str) -> Rows:
        """Run one statement and return its rows.

        Raises DatabaseConnectionError when the connection is lost, StatementError for what the server says.
        """
        self.tally.count()
        with self._deadline.aborting(lambda: shut_down(self._guard)):
            try:
                with self._connection.cursor() as cursor:
                    cursor.execute(statement)
                    rows = cast("Rows", cursor.fetchall())
            except pymysql.err.MySQLError as error:
                raise to_statement_error(error) from None
        self.tally.add(rows)
        return rows


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
