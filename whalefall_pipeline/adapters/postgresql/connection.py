"""Connections that only read: one database each, opened and used within the limits of the instance's reading."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.postgresql.errors import UnreadableError, to_statement_error, to_too_much
from whalefall_pipeline.adapters.postgresql.login import Endpoint, check_limit, find_security, log_in, open_relay
from whalefall_pipeline.adapters.postgresql.rows import to_text
from whalefall_pipeline.adapters.relay import Relay
from whalefall_pipeline.adapters.tally import Tally
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncDataError, WhalefallError
from whalefall_pipeline.core.model import Security
from whalefall_pipeline.sql import load_sql

Row: TypeAlias = tuple[Any, ...]

NO_ROWS = "what answers there does not speak as PostgreSQL does: a question was answered without any rows"
NOT_CONVERTED = "SQL_ASCII"
"""As client encoding: the server sends what it has, as it is."""
ROW_BYTES, VALUE_BYTES = 64, 56
"""What Python takes for a row, and for each of its values, beside their text."""

CLOSE_SECONDS = 2.0
"""How long a server may take to close a connection; a busy one takes milliseconds."""

SQL = load_sql(__package__ or "", "catalog.sql")


class DatabaseConnection:
    """One connection in one read-only transaction, so all that it reads is of one moment."""

    def __init__(
        self, connection: "psycopg.Connection[Row]", relay: Relay, endpoint: Endpoint, deadline: Deadline, tally: Tally
    ) -> None:
        self._connection = connection
        self._relay = relay
        self._endpoint = endpoint
        self._deadline = deadline
        self._tally = tally
        self.database_oid: int | None = None
        """Which database this is; it may have been asked for by another name (an alias of a connection pooler's)."""
        self.identity = ""
        """The cluster's system identifier, which its replicas share; empty where this login may not ask for it."""
        self.escaped: set[str] = set()
        """Names among the rows so far that are no text in any encoding, see `to_text`."""

    @property
    def version(self) -> int:
        """The server's version as a number: 150018 is 15.18."""
        with self._translating():
            return self._connection.info.server_version

    @property
    def version_text(self) -> str:
        """The server's version in its own words: `15.18 (Debian 15.18-0+deb12u1)`."""
        with self._translating():
            return self._connection.info.parameter_status("server_version") or ""

    @property
    def security(self) -> Security:
        """Whether it is encrypted, and whether libpq verified the server."""
        return find_security(self._connection.pgconn, self._endpoint.options)

    @property
    def stands(self) -> bool:
        """Whether the transaction is still open, so that more can be read of the same moment."""
        return self._connection.info.transaction_status == TransactionStatus.INTRANS

    def begin(self, limits: Limits) -> None:
        """Begin the transaction with all settings that a reading depends on."""
        milliseconds = str(max(1, round(limits.statement_seconds * 1000)))
        ((*_, self.database_oid, may_identify),) = self._read(SQL["begin"], {"milliseconds": milliseconds})
        if may_identify:
            ((self.identity,),) = self._read(SQL["identity"])

    def read(self, statement: str, *, shared: bool = False) -> list[Row]:
        """Return all rows of a catalog statement; `shared`: with names that all databases of the cluster share.

        Raises DatabaseConnectionError when the connection is lost or the answer is larger than the limit,
        UnreadableError when only the statement failed; the transaction has then ended.
        """
        # The server takes shared names to be of its database's encoding, which only that of the writer's is.
        if self._encoding == NOT_CONVERTED or (shared and self._encoding != "UTF8"):
            return self._read_bytes(statement)
        try:
            return self._read(statement)
        except UnicodeDecodeError:
            return self._read_bytes(statement)

    def answers(self) -> bool:
        """Whether the server still answers on this connection."""
        try:
            self._read("SELECT 1")
        except UnreadableError:
            return True  # an earlier statement has failed
        except DatabaseConnectionError:
            return False
        return True

    def close(self) -> None:
        """Close, and wait until the server has done so too: the next connection is then the only one that it counts.

        PostgreSQL closes its side when the process that served the connection has ended. For a connection that was
        lost, and for a server that does not close, nothing is waited for beyond a moment.
        """
        was_lost = self._connection.closed
        self._connection.close()
        if not was_lost:
            with suppress(WhalefallError), self._deadline.aborting(self._relay.end):
                self._relay.finish(min(CLOSE_SECONDS, self._deadline.remaining))
        self._relay.close()

    @property
    def _encoding(self) -> str:
        """The database's encoding in PostgreSQL's spelling; `UTF8` until the login is done."""
        with self._translating():
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
        self._relay.allow(self._endpoint.limits.answer_bytes)
        with self._deadline.aborting(self._relay.end), self._translating(), self._connection.cursor() as cursor:
            for kind in ("text", "name") if loader else ():
                cursor.adapters.register_loader(kind, loader or Loader)
            cursor.execute(statement.encode(), values)
            self._check_size(cursor)
            if cursor.description is None:
                raise SyncDataError(NO_ROWS)
            rows = cursor.fetchall()
        self._tally.add(rows)
        return rows

    @contextmanager
    def _translating(self) -> Generator[None]:
        """Raise the driver's errors as ours; also of a connection that is lost, of which it tells nothing any more."""
        try:
            yield
        except psycopg.Error as error:
            if self._relay.is_exceeded:
                raise to_too_much(self._endpoint.limits.answer_bytes) from None
            raise to_statement_error(error) from None

    def _check_size(self, cursor: "psycopg.Cursor[Row]") -> None:
        """Raise DatabaseConnectionError where Python would need more than the limit: rows may be very short."""
        result = cursor.pgresult
        limit = self._endpoint.limits.answer_bytes
        if result and result.ntuples * (ROW_BYTES + VALUE_BYTES * result.nfields) > limit:
            raise to_too_much(limit)


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
def open_database(endpoint: Endpoint, database: str, deadline: Deadline, tally: Tally) -> Generator[DatabaseConnection]:
    """Connect, and begin the transaction.

    Raises DatabaseRefusedError when it is this database or login that is refused, DatabaseConnectionError when the
    server is not there.
    """
    handshake = Deadline(min(endpoint.limits.connect_seconds, max(deadline.remaining, 0.001)))
    relay = open_relay(endpoint, handshake)
    try:
        try:
            with handshake, deadline.aborting(handshake.expire), handshake.aborting(relay.end):
                pgconn = log_in(endpoint, database, relay, handshake)
        except DatabaseConnectionError:
            deadline.check()
            check_limit(handshake)  # a login that hangs may be of this database alone
            raise
        connection = psycopg.Connection[Row](pgconn, tuple_row)
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        opened = DatabaseConnection(connection, relay, endpoint, deadline, tally)
        try:
            opened.begin(endpoint.limits)
            yield opened
        finally:
            opened.close()
    finally:
        relay.close()
