"""One connection that only reads: how it is opened and used within its limits.

PyMySQL's own connect timeout does not cover the handshake, nor the sum of a reading. So the socket is ours, and is shut
down from outside when a limit or the deadline passes, whatever the driver waits for.
"""

import socket
import struct
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeAlias, cast

import pymysql

from whalefall_pipeline.adapters.answers import AnswerTooLargeError
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.mysql.errors import (
    CLEARTEXT,
    NO_MYSQL,
    TOO_MUCH,
    TOO_MUCH_OF_A_LOGIN,
    PasswordAskedError,
    to_login_error,
    to_statement_error,
)
from whalefall_pipeline.adapters.mysql.options import build_transport
from whalefall_pipeline.adapters.mysql.packed import Column, NotPackedError, Packed, measure
from whalefall_pipeline.adapters.mysql.protocol import BoundedConnection
from whalefall_pipeline.adapters.network import open_socket, shut_down
from whalefall_pipeline.adapters.tally import Tally
from whalefall_pipeline.core.errors import DatabaseConnectionError, InvalidInstanceError, SyncDataError
from whalefall_pipeline.core.model import Instance, Login, Observation, Security, Seen

MARGIN_SECONDS = 5.0
LOGIN_BYTES = 1024**2
"""What a server may send until the login is done: certificates and a greeting are some kilobytes."""
NONSENSE = (LookupError, ValueError, TypeError, AttributeError, AssertionError, RuntimeError, struct.error)
"""What PyMySQL raises where an answer is not of MySQL's protocol."""

Rows: TypeAlias = tuple[tuple[object, ...], ...]


class Connection:
    """An open connection; every wait on it ends with its limits and deadline."""

    def __init__(self, connection: BoundedConnection, guard: socket.socket, limits: Limits, deadline: Deadline) -> None:
        self._connection = connection
        self._guard = guard
        self._limits = limits
        self._deadline = deadline
        self.tally = Tally()

    @property
    def security(self) -> Security:
        """Whether TLS is in use, and whether the certificate was verified."""
        return self._connection.security

    @property
    def is_late(self) -> bool:
        """Whether the deadline has passed; raises SyncCancelledError after a cancel."""
        return self._deadline.has_passed

    @property
    def late(self) -> Observation:
        """What is said of that which the deadline kept from being read."""
        return Observation(Seen.TIMED_OUT, f"the deadline of {self._deadline.seconds:g} s passed before")

    def query(self, statement: str) -> Rows:
        """Run one statement and return its rows.

        Raises DatabaseConnectionError when the connection is lost or the answer is larger than the limit,
        SyncDataError when the answer is none of MySQL's, StatementError for what the server says.
        """
        rows = self._run(statement)
        self.tally.add(rows)
        return rows

    def query_packed(self, statement: str, columns: Sequence[Column]) -> Packed:
        """Run a statement that packs another one's rows, and return these as one text.

        Raises what `query` does, and NotPackedError where the text is cut, or none.
        """
        rows = self._run(statement)
        if self._connection.warnings or len(rows) != 1 or len(rows[0]) != 2:
            raise NotPackedError
        many, text = rows[0]
        if not isinstance(many, int) or not isinstance(text, str | None):
            raise NotPackedError
        packed = Packed(many, text or "")
        if measure(packed, columns) > self._limits.answer_bytes:
            raise self._refuse_size()
        return packed

    def _run(self, statement: str) -> Rows:
        self.tally.count()
        self._connection.allow(self._limits.answer_bytes)
        with self._deadline.aborting(lambda: shut_down(self._guard)):
            try:
                with self._connection.cursor() as cursor:
                    cursor.execute(statement)
                    return cast("Rows", cursor.fetchall())
            except pymysql.err.MySQLError as error:
                raise to_statement_error(error) from None
            except AnswerTooLargeError:
                raise self._refuse_size() from None
            except NONSENSE as error:
                raise SyncDataError(f"{NO_MYSQL}: its answer can't be understood ({type(error).__name__})") from None

    def _refuse_size(self) -> DatabaseConnectionError:
        return DatabaseConnectionError(TOO_MUCH.format(limit=self._limits.answer_bytes), transient=False)


@contextmanager
def connect(instance: Instance, login: Login, limits: Limits, deadline: Deadline) -> Generator[Connection]:
    """Open a connection and close it at the end.

    Raises DatabaseConnectionError with the reason, or InvalidInstanceError for options that are unknown or unusable.
    """
    connection = _to_connection(instance, login, limits)
    handshake = Deadline(min(limits.connect_seconds, max(deadline.remaining, 0.001)))
    with deadline.aborting(handshake.expire):
        raw = open_socket(instance.host, instance.port, handshake)
    with raw, raw.dup() as guard:
        # TLS takes `raw` over; shutting its copy down ends the connection all the same.
        with handshake, deadline.aborting(lambda: shut_down(guard)), handshake.aborting(lambda: shut_down(guard)):
            _log_in(connection, raw)
        try:
            yield Connection(connection, guard, limits, deadline)
        finally:
            with suppress(pymysql.err.MySQLError, OSError):
                connection.close()  # says goodbye: the server would log an aborted connection otherwise
            shut_down(guard)


def _to_connection(instance: Instance, login: Login, limits: Limits) -> BoundedConnection:
    transport = build_transport(instance, limits.default_options)
    try:
        return BoundedConnection(transport, instance, login, limits.statement_seconds + MARGIN_SECONDS)
    except UnicodeEncodeError:
        raise InvalidInstanceError("the login's name or secret holds what can't be written in UTF-8") from None


def _log_in(connection: BoundedConnection, raw: socket.socket) -> None:
    connection.allow(LOGIN_BYTES)
    try:
        connection.connect(raw)
    except pymysql.err.MySQLError as error:
        raise to_login_error(error, connection.security, has_certificate=connection.has_certificate) from None
    except AnswerTooLargeError:
        raise DatabaseConnectionError(TOO_MUCH_OF_A_LOGIN.format(limit=LOGIN_BYTES), transient=False) from None
    except PasswordAskedError as asked:
        raise DatabaseConnectionError(CLEARTEXT.format(method=asked), transient=False) from None
    except NONSENSE:
        raise DatabaseConnectionError(NO_MYSQL, transient=False) from None
