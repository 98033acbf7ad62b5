"""The connection over the driver: statements with limits. Alone loads the driver, so it is loaded late.

`mssql-python` brings two ODBC drivers. Its default, Microsoft's ODBC Driver 18, needs `libltdl` and Kerberos on Linux;
where they are missing its Rust driver, which needs neither, is taken. MSSQL_PYTHON_NATIVE_PROVIDER decides it by hand.

What an answer may hold is counted by a relay that the driver connects through, byte by byte, and here again as rows,
which take more room than on the wire. Where a connection can't go through the relay (`options.is_relayed`) the rows are
all that is counted: the driver builds one field, however large, and reads a login for as long as it lasts.
"""

import ctypes
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Protocol, cast

import mssql_python

from whalefall_pipeline.adapters.answers import AnswerTooLargeError, BoundedRows
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.relay import Relay
from whalefall_pipeline.adapters.sqlserver.catalog import STATEMENTS
from whalefall_pipeline.adapters.sqlserver.errors import (
    TIMEOUT,
    Endpoint,
    Row,
    StatementError,
    is_by_server,
    to_connection_error,
    to_failure,
)
from whalefall_pipeline.adapters.sqlserver.route import LOGIN_BYTES, lead_through, open_relay
from whalefall_pipeline.adapters.sqlserver.worker import CallAbandonedError, Worker
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncCancelledError
from whalefall_pipeline.core.model import Observation, Seen

_PROVIDER = "MSSQL_PYTHON_NATIVE_PROVIDER"
_RUST = "mssql-odbc"
_LINUX_LIBRARIES = ("libltdl.so.7", "libgssapi_krb5.so.2")
_ROWS_AT_ONCE = 1000
_CLOSING_SECONDS, _LEAVING_SECONDS = 5.0, 1.0
_MOST_COLUMNS, _MOST_CHARACTERS = 20, 4000
"""More than any statement of the catalog has: the driver sets memory aside for each column, a thousand rows of it."""
_SIZE = 3
"""Where a column's description has its size; 0: none (nvarchar(max), xml)."""


class _Cursor(Protocol):
    """The driver's cursor, whose own annotations leave types open."""

    @property
    def description(self) -> Sequence[Sequence[Any]] | None: ...
    def execute(self, operation: str) -> object: ...
    def fetchmany(self, size: int) -> Sequence[Iterable[Any]]: ...
    def close(self) -> None: ...


class _StrangeAnswerError(Exception):
    """An answer is none that a catalog gives."""


class _SentOnError(Exception):
    """The driver is connected, but not to where it was told to."""


_DRIVER_ERRORS = (mssql_python.Error, mssql_python.Warning, RuntimeError, MemoryError)
"""What the driver raises, its native half included, which has no class of its own for what it can't read."""
_REFUSALS = (mssql_python.ConnectionStringParseError, ValueError, _SentOnError)
_IF_SENT_ON = "register that one, or set the option relay=no, which leaves a field and a login unbounded"


@cache
def choose_provider() -> None:
    """Take the driver that can be loaded here, and no pool: a connection ends with its session."""
    mssql_python.pooling(enabled=False)
    if sys.platform != "linux" or os.environ.get(_PROVIDER):
        return
    try:
        for library in _LINUX_LIBRARIES:
            ctypes.CDLL(library)
    except OSError:
        os.environ[_PROVIDER] = _RUST


class Connection:
    """One connection, made again after a statement that timed out; each call obeys the limits and the deadline."""

    def __init__(
        self, keywords: Mapping[str, str], limits: Limits, deadline: Deadline, *, is_relayed: bool = True
    ) -> None:
        choose_provider()
        self.statements = 0
        self._keywords = keywords
        self._is_relayed = is_relayed
        self._limits = limits
        self._deadline = deadline
        trusts_any = keywords.get("TrustServerCertificate") == "yes"
        self._target = Endpoint(keywords["Server"].replace(",", ":"), keywords.get("PWD", ""), trusts_any)
        self._worker: Worker | None = None
        self._relay: Relay | None = None
        self._opened: list[mssql_python.Connection] = []
        self._open()

    def query(self, statement: str) -> list[Row]:
        """Return all rows of a statement.

        Raises StatementError when the server refuses it, takes too long or sends too much, DatabaseConnectionError
        when it is lost.
        """
        worker = self._worker or self._open()
        (driver,) = self._opened
        seconds, most = self._limits.statement_seconds, self._limits.answer_bytes
        whole = self._to_whole(seconds)
        self.statements += 1
        relay = self._relay
        if relay:
            relay.allow(most)
        try:
            return worker.call(lambda: _fetch(driver, statement, whole, most, relay), self._deadline, seconds)
        except CallAbandonedError:
            self._abandon()
            failure = Observation(Seen.TIMED_OUT, f"no answer within {seconds:g} s")
        except AnswerTooLargeError:
            failure = self._to_too_large(most)
        except (*_DRIVER_ERRORS, _StrangeAnswerError) as error:
            failure = self._to_failure(error, seconds)
        except (DatabaseConnectionError, SyncCancelledError):
            self._abandon()
            raise
        raise StatementError(failure)

    def _to_failure(self, error: Exception, seconds: float) -> Observation:
        if self._relay and self._relay.is_exceeded:
            return self._to_too_large(self._relay.limit)
        if not isinstance(error, mssql_python.Error):
            self._abandon()
            return Observation(Seen.UNREACHABLE, "the answer is none that SQL Server's catalog gives")
        state, text = error.driver_error, error.ddbc_error
        if not is_by_server(state, text):
            raise to_connection_error(state, text, self._target) from None
        if state == TIMEOUT:
            self.close()
        return to_failure(state, text, self._target, seconds)

    def _to_too_large(self, most: int) -> Observation:
        self._abandon()
        return Observation(Seen.UNREACHABLE, f"the answer holds more than {most:,} bytes")

    def close(self, seconds: float = _CLOSING_SECONDS) -> None:
        """Close it, and wait for that for `seconds` at most; the next query connects again.

        A process that ends while the driver's native half closes in its thread may crash, so this waits.
        """
        if self._worker is not None:
            opened, relay = self._opened, self._relay
            self._worker.finish(lambda: _close(opened, relay), seconds)
            self._worker = self._relay = None

    def _abandon(self) -> None:
        """Close it although a call may hang: behind a relay the call comes back now, since its connection ends."""
        relay = self._relay
        if relay:
            relay.end()
        self.close(_LEAVING_SECONDS if relay else 0)

    def _open(self) -> Worker:
        seconds = self._limits.connect_seconds
        handshake = Deadline(min(seconds, max(self._deadline.remaining, 0.001)))
        self.statements += 1
        with handshake, self._deadline.aborting(handshake.expire):
            keywords = self._prepare(handshake)
        self._worker = worker = Worker("sqlserver-driver")
        opened, relay = list[mssql_python.Connection](), self._relay
        self._opened = opened
        whole = self._to_whole(handshake.remaining)
        try:
            worker.call(lambda: opened.append(_connect(keywords, whole, relay)), self._deadline, handshake.remaining)
        except CallAbandonedError:
            self._abandon()
            message = f"{self._target.server}: no answer within {seconds:g} s"
            raise DatabaseConnectionError(message, transient=True) from None
        except BaseException as error:
            self._abandon()
            if not isinstance(error, (*_DRIVER_ERRORS, *_REFUSALS)):
                raise
            raise self._to_refusal(error, is_too_much=relay is not None and relay.is_exceeded) from None
        return worker

    def _prepare(self, handshake: Deadline) -> Mapping[str, str]:
        """Open the relay, and return what the driver is told to connect to."""
        if not self._is_relayed:
            return self._keywords
        self._relay = open_relay(self._keywords["Server"], handshake)
        return lead_through(self._relay, self._keywords, names_exclude=os.environ.get(_PROVIDER) == _RUST)

    def _to_refusal(self, error: Exception, *, is_too_much: bool) -> DatabaseConnectionError:
        """Return what a login that failed means; the driver itself refuses values, or a token that it did not get."""
        if is_too_much:
            why = f"the server sent more than {LOGIN_BYTES:,} bytes during the login"
        elif isinstance(error, _SentOnError):
            why = f"the server sent the connection on to another one: {_IF_SENT_ON}"
        elif isinstance(error, mssql_python.Error):
            return to_connection_error(error.driver_error, error.ddbc_error, self._target)
        elif isinstance(error, mssql_python.Warning):
            return to_connection_error("", str(error), self._target)
        elif isinstance(error, RuntimeError):
            why = "no access token could be had"
        else:
            why = "the driver does not take the connection's values"
        return DatabaseConnectionError(f"{self._target.server}: {why}", transient=False)

    def _to_whole(self, seconds: float) -> int:
        """Whole seconds for the driver, which knows no fractions and takes 0 as no limit."""
        return max(1, math.ceil(min(seconds, self._deadline.remaining)))


def _connect(keywords: Mapping[str, str], seconds: int, relay: Relay | None) -> mssql_python.Connection:
    values: dict[str, Any] = dict(keywords)
    driver = mssql_python.connect(autocommit=True, timeout=seconds, **values)
    try:
        received = relay.received if relay else 0
        cursor = cast("_Cursor", driver.cursor())
        cursor.execute(STATEMENTS["session"])
        cursor.close()
        _check_way(relay, received)
    except BaseException:
        driver.close()
        raise
    return driver


def _check_way(relay: Relay | None, received: int) -> None:
    """Raise _SentOnError where an answer came, and not through the relay."""
    if relay and relay.received == received:
        raise _SentOnError


def _fetch(driver: mssql_python.Connection, statement: str, seconds: int, most: int, relay: Relay | None) -> list[Row]:
    driver.timeout = seconds
    cursor = cast("_Cursor", driver.cursor())
    try:
        cursor.execute(statement)
        _check_columns(cursor.description or ())
        return _fetch_rows(cursor, most)
    except (_StrangeAnswerError, AnswerTooLargeError):
        if relay:
            relay.end()  # or closing the cursor would wait for the rest of the answer
        raise
    finally:
        with suppress(*_DRIVER_ERRORS):
            cursor.close()


def _fetch_rows(cursor: _Cursor, most: int) -> list[Row]:
    answer = BoundedRows(most)
    while some := [tuple(row) for row in cursor.fetchmany(_ROWS_AT_ONCE)]:
        answer.add(some)
    return answer.rows


def _check_columns(description: Sequence[Sequence[Any]]) -> None:
    """Raise _StrangeAnswerError for more columns than any statement asks for, or one that has no bound.

    While it waits for such a field's next part the driver lets no other thread run: deadlines would not be kept.
    """
    is_bounded = all(0 < column[_SIZE] <= _MOST_CHARACTERS for column in description)
    if len(description) > _MOST_COLUMNS or not is_bounded:
        raise _StrangeAnswerError


def _close(opened: list[mssql_python.Connection], relay: Relay | None) -> None:
    for driver in opened:
        with suppress(mssql_python.Error):
            driver.close()
    if relay:
        relay.close()
