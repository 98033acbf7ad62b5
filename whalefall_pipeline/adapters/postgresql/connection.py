"""Connections that only read: one database each, opened and used within the limits of the instance's reading."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress

import psycopg
from psycopg import generators
from psycopg.abc import AdaptContext, Buffer, PQGen
from psycopg.adapt import Loader, Transformer
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.rows import tuple_row

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.postgresql.errors import UnreadableError, to_statement_error, to_too_much
from whalefall_pipeline.adapters.postgresql.login import Endpoint, check_limit, find_security, log_in, open_relay
from whalefall_pipeline.adapters.postgresql.rows import Row, to_text
from whalefall_pipeline.adapters.relay import Relay
from whalefall_pipeline.adapters.tally import Tally
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncDataError, WhalefallError
from whalefall_pipeline.core.model import Security
from whalefall_pipeline.sql import load_sql

NO_ROWS = "what answers there does not speak as PostgreSQL does: a question was answered without any rows"
NOT_CONVERTED = "SQL_ASCII"
"""As client encoding: the server sends what it has, as it is."""
ROW_BYTES, VALUE_BYTES = 64, 56
"""What Python takes for a row, and for each of its values, beside their text."""

CLOSE_SECONDS = 2.0
"""How long a server may take to close a connection; a busy one takes milliseconds."""

SQL = load_sql(__package__ or "", "catalog.sql")
BEGIN = "begin isolation level repeatable read read only"
BETWEEN = "\n;\n"
"""Between statements that are sent at once: the last line of one may be a comment."""


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
        self._may_identify = False
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
        milliseconds = max(1, round(limits.statement_seconds * 1000))
        statement = SQL["begin"].replace("%(milliseconds)s", f"'{milliseconds}'")
        self._send_begin()
        self._tally.count()
        (result,) = self._send([statement])
        ((*_, self.database_oid, self._may_identify),) = self._load(result, self._connection)

    def _send_begin(self) -> None:
        """Begin the transaction by a message of its own: pgpool-II does not look for it among other statements."""
        (result,) = self._send([BEGIN])
        if result.status != ExecStatus.COMMAND_OK:
            self._load(result, self._connection)
            raise SyncDataError(NO_ROWS)

    def identify(self) -> None:
        """Ask which cluster this is, see `identity`."""
        for _ in self.read_each(()):
            pass

    def read(self, statement: str, *, shared: bool = False) -> list[Row]:
        """Return all rows of one catalog statement. See `read_each`."""
        (rows,) = self.read_each([statement], shared=shared)
        return rows

    def read_each(self, statements: Sequence[str], *, shared: bool = False) -> Iterator[list[Row]]:
        """Yield all rows of each of some catalog statements, which are sent at once, the first time with `identity`.

        `shared`: with names that all databases of the cluster share. Raises, where the rows of a statement should be,
        DatabaseConnectionError when the connection is lost or the answer is larger than the limit, UnreadableError
        when only the statement failed; the transaction has then ended, and what stands behind it was not run. Of
        statements that are sent at once, all are lost where one does not end: what a server sends, it sends at the end.
        """
        question = [SQL["identity"]] if self._may_identify else []
        answers = self._read_each([*question, *statements], shared=shared)
        if question:
            self._may_identify = False
            ((self.identity,),) = next(answers)
        yield from answers

    def answers(self) -> bool:
        """Whether the server still answers on this connection."""
        try:
            self.read("SELECT 1")
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

    def _read_each(self, statements: Sequence[str], *, shared: bool) -> Iterator[list[Row]]:
        # The server takes shared names to be of its database's encoding, which only that of the writer's is.
        if self._encoding == NOT_CONVERTED or (shared and self._encoding != "UTF8"):
            yield from map(self._read_bytes, statements)
            return
        if not statements:
            return
        self._tally.count(len(statements))
        results = self._send(statements)
        while results:
            yield self._load_names(results.pop(0))

    def _read_bytes(self, statement: str) -> list[Row]:
        """Read names as the bytes that they are stored as, each to be taken for what it most likely is."""
        self._load(self._send_one(_to_client_encoding(NOT_CONVERTED)), self._connection)
        rows = self._load_bytes(self._send_one(statement))
        self._load(self._send_one(_to_client_encoding("UTF8")), self._connection)
        return rows

    def _load_names(self, result: PGresult) -> list[Row]:
        """Return the rows of a result; by bytes where a name is not UTF-8, as a database of UTF-8 may keep one."""
        try:
            return self._load(result, self._connection)
        except UnicodeDecodeError:
            return self._load_bytes(result)

    def _load_bytes(self, result: PGresult) -> list[Row]:
        """Return the rows of a result, each name in them taken for what its bytes most likely are."""
        with self._connection.cursor() as cursor:
            for kind in ("text", "name"):
                cursor.adapters.register_loader(kind, _build_loader(self._encoding, self.escaped))
            rows = self._load(result, cursor)
        self._tally.add([sorted(self.escaped)])  # a name may also be, letter for letter, what another is escaped to
        return rows

    def _send_one(self, statement: str) -> PGresult:
        self._tally.count()
        (result,) = self._send([statement])
        return result

    def _send(self, statements: Sequence[str]) -> list[PGresult]:
        """Send statements at once, and return what came of each, up to the first that failed; one at least."""
        self._relay.allow(self._endpoint.limits.answer_bytes)
        pgconn = self._connection.pgconn
        with self._deadline.aborting(self._relay.end), self._translating():
            pgconn.send_query(BETWEEN.join(statements).encode())
            results = self._connection.wait(_fetch(pgconn, len(statements)))
        if len(results) < len(statements) and not (results and results[-1].status == ExecStatus.FATAL_ERROR):
            raise SyncDataError(NO_ROWS)
        return results

    def _load(self, result: PGresult, context: AdaptContext) -> list[Row]:
        """Return the rows of a result, or raise what it says instead."""
        if result.status == ExecStatus.FATAL_ERROR:
            self._deadline.check()
            with self._translating():
                raise psycopg.errors.error_from_result(result)
        if result.status != ExecStatus.TUPLES_OK:
            raise SyncDataError(NO_ROWS)
        self._check_size(result)
        transformer = Transformer(context)
        transformer.set_pgresult(result)
        rows = transformer.load_rows(0, result.ntuples, tuple)
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

    def _check_size(self, result: PGresult) -> None:
        """Raise DatabaseConnectionError where Python would need more than the limit: rows may be very short."""
        limit = self._endpoint.limits.answer_bytes
        if result.ntuples * (ROW_BYTES + VALUE_BYTES * result.nfields) > limit:
            raise to_too_much(limit)


def _fetch(pgconn: PGconn, most: int) -> PQGen[list[PGresult]]:
    """Fetch the results of what was sent. Raise SyncDataError for more: each takes more here than on the wire."""
    results: list[PGresult] = []
    yield from generators.send(pgconn)
    while (result := (yield from generators.fetch(pgconn))) is not None:
        results.append(result)
        if len(results) > most:
            raise SyncDataError(NO_ROWS)
    return results


def _to_client_encoding(encoding: str) -> str:
    return SQL["encoding"].replace("%(encoding)s", f"'{encoding}'")


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
    handshake = Deadline(min(endpoint.limits.connect_seconds, max(deadline.remaining, 0.001)), is_watched=False)
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
        connection.autocommit = True  # its transaction is begun with the first statement, on one way to the server
        opened = DatabaseConnection(connection, relay, endpoint, deadline, tally)
        try:
            opened.begin(endpoint.limits)
            yield opened
        finally:
            opened.close()
    finally:
        relay.close()
