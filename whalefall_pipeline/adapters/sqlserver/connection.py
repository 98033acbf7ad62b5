"""The connection over the driver: statements with limits. Alone loads the driver, so it is loaded late.

`mssql-python` brings two ODBC drivers. Its default, Microsoft's ODBC Driver 18, needs `libltdl` and Kerberos on Linux;
where they are missing its Rust driver, which needs neither, is taken. MSSQL_PYTHON_NATIVE_PROVIDER decides it by hand.

What an answer may hold is counted row by row. The driver itself knows no bound: it builds one row, however large, and
what a server sends during the login, before anything can be counted here.
"""

import ctypes
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, cast

import mssql_python

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
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
from whalefall_pipeline.adapters.sqlserver.worker import CallAbandonedError, Worker
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import Observation, Seen

_PROVIDER = "MSSQL_PYTHON_NATIVE_PROVIDER"
_LINUX_LIBRARIES = ("libltdl.so.7", "libgssapi_krb5.so.2")
_ROWS_AT_ONCE = 1000
_BYTES_PER_VALUE = 16
"""What a number counts for, and a text or a binary value beside its length."""


class _Cursor(Protocol):
    """The driver's cursor, whose own annotations leave types open."""

    def execute(self, operation: str) -> object: ...
    def fetchmany(self, size: int) -> Sequence[Iterable[Any]]: ...
    def close(self) -> None: ...


class _TooLargeError(Exception):
    """An answer holds more than it may."""


def choose_provider() -> None:
    """Take the driver that can be loaded here, and no pool: a connection ends with its session."""
    mssql_python.pooling(enabled=False)
    if sys.platform != "linux" or os.environ.get(_PROVIDER):
        return
    try:
        for library in _LINUX_LIBRARIES:
            ctypes.CDLL(library)
    except OSError:
        os.environ[_PROVIDER] = "mssql-odbc"


choose_provider()


class Connection:
    """One connection, made again after a statement that timed out; each call obeys the limits and the deadline."""

    def __init__(self, keywords: Mapping[str, str], limits: Limits, deadline: Deadline) -> None:
        self.statements = 0
        self._keywords = keywords
        self._limits = limits
        self._deadline = deadline
        trusts_any = keywords.get("TrustServerCertificate") == "yes"
        self._target = Endpoint(keywords["Server"].replace(",", ":"), keywords.get("PWD", ""), trusts_any)
        self._worker: Worker | None = None
        self._opened: list[mssql_python.Connection] = []
        self._open()

    def query(self, statement: str) -> list[Row]:
        """Return all rows of a statement.

        Raises StatementError when the server refuses it, takes too long or sends too much, DatabaseConnectionError
        when it is lost.
        """
        worker = self._worker or self._open()
        (driver,) = self._opened
        seconds = self._limits.statement_seconds
        whole = self._to_whole(seconds)
        self.statements += 1
        try:
            return worker.call(
                lambda: _fetch(driver, statement, whole, self._limits.answer_bytes), self._deadline, seconds
            )
        except CallAbandonedError:
            self.close()
            failure = Observation(Seen.TIMED_OUT, f"no answer within {seconds:g} s")
        except _TooLargeError:
            self.close()
            failure = Observation(Seen.UNREACHABLE, f"the answer holds more than {self._limits.answer_bytes:,} bytes")
        except mssql_python.Error as error:
            failure = self._to_failure(error, seconds)
        raise StatementError(failure)

    def _to_failure(self, error: mssql_python.Error, seconds: float) -> Observation:
        state, text = error.driver_error, error.ddbc_error
        if not is_by_server(state, text):
            raise to_connection_error(state, text, self._target) from None
        if state == TIMEOUT:
            self.close()
        return to_failure(state, text, self._target, seconds)

    def close(self) -> None:
        """Close it, without waiting for a call that has not come back; the next query connects again."""
        if self._worker is not None:
            opened = self._opened
            self._worker.finish(lambda: _close(opened))
            self._worker = None

    def _open(self) -> Worker:
        self._worker = worker = Worker("sqlserver-driver")
        opened: list[mssql_python.Connection] = []
        self._opened = opened
        seconds = self._limits.connect_seconds
        whole = self._to_whole(seconds)
        self.statements += 1
        try:
            worker.call(lambda: opened.append(_connect(self._keywords, whole)), self._deadline, seconds)
        except CallAbandonedError:
            self.close()
            message = f"{self._target.server}: no answer within {seconds:g} s"
            raise DatabaseConnectionError(message, transient=True) from None
        except mssql_python.Error as error:
            self.close()
            raise to_connection_error(error.driver_error, error.ddbc_error, self._target) from None
        except (mssql_python.ConnectionStringParseError, ValueError, RuntimeError) as error:
            self.close()
            raise self._to_refusal(error) from None
        except BaseException:
            self.close()
            raise
        return worker

    def _to_refusal(self, error: Exception) -> DatabaseConnectionError:
        """Return what the driver's own refusal means: values that it can't take, or a token that it did not get."""
        why = "the driver does not take the connection's values"
        if isinstance(error, RuntimeError):
            why = "no access token could be had"
        return DatabaseConnectionError(f"{self._target.server}: {why}", transient=False)

    def _to_whole(self, seconds: float) -> int:
        """Whole seconds for the driver, which knows no fractions and takes 0 as no limit."""
        return max(1, math.ceil(min(seconds, self._deadline.remaining)))


def _connect(keywords: Mapping[str, str], seconds: int) -> mssql_python.Connection:
    values: dict[str, Any] = dict(keywords)
    driver = mssql_python.connect(autocommit=True, timeout=seconds, **values)
    try:
        cursor = cast("_Cursor", driver.cursor())
        cursor.execute(STATEMENTS["session"])
        cursor.close()
    except BaseException:
        driver.close()
        raise
    return driver


def _fetch(driver: mssql_python.Connection, statement: str, seconds: int, most: int) -> list[Row]:
    driver.timeout = seconds
    cursor = cast("_Cursor", driver.cursor())
    rows: list[Row] = []
    size = 0
    try:
        cursor.execute(statement)
        while some := [tuple(row) for row in cursor.fetchmany(_ROWS_AT_ONCE)]:
            size += sum(map(_measure, some))
            if size > most:
                raise _TooLargeError
            rows += some
        return rows
    finally:
        cursor.close()


def _measure(row: Row) -> int:
    """Return about how many bytes a row took on the wire, where each character of a text takes two."""
    texts = sum(2 * len(value) for value in row if isinstance(value, str))
    return texts + sum(len(value) for value in row if isinstance(value, bytes)) + _BYTES_PER_VALUE * len(row)


def _close(opened: list[mssql_python.Connection]) -> None:
    for driver in opened:
        with suppress(mssql_python.Error):
            driver.close()
