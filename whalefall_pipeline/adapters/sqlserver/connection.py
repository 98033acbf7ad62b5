"""The connection over the driver: its errors as ours, statements with limits. Loads the driver, so it is loaded late.

`mssql-python` brings two ODBC drivers. Its default, Microsoft's ODBC Driver 18, needs `libltdl` and Kerberos on Linux;
where they are missing its Rust driver, which needs neither, is taken. MSSQL_PYTHON_NATIVE_PROVIDER decides it by hand.
"""

import ctypes
import math
import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol, cast

import mssql_python

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.sqlserver.errors import Row, StatementError
from whalefall_pipeline.adapters.sqlserver.worker import CallAbandonedError, Worker
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import Observation, Seen

_PROVIDER = "MSSQL_PYTHON_NATIVE_PROVIDER"
_LINUX_LIBRARIES = ("libltdl.so.7", "libgssapi_krb5.so.2")
_PREFIX = re.compile(r"^(\[[^]]*\]\s*)+")
_BY_SERVER = "[SQL Server]"
_DENIED = re.compile(
    r"permission was denied|not able to access the database|do(es)? not have permission", re.IGNORECASE
)
_CERTIFICATE = re.compile(r"certificate verify failed|SSL Provider|TLS handshake", re.IGNORECASE)
_REFUSED = ("Invalid authorization specification", "Server rejected the connection")
_TIMED_OUT = "Timeout expired"


class _Cursor(Protocol):
    """The driver's cursor, whose own annotations leave types open."""

    def execute(self, operation: str) -> object: ...
    def fetchall(self) -> Iterable[Iterable[Any]]: ...
    def close(self) -> None: ...


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
        self._worker: Worker | None = None
        self._opened: list[mssql_python.Connection] = []
        self._open()

    def query(self, statement: str) -> list[Row]:
        """Give all rows of a statement.

        Raises StatementError when the server refuses it or takes too long, DatabaseConnectionError when it is lost.
        """
        worker = self._worker or self._open()
        (driver,) = self._opened
        seconds = self._limits.statement_seconds
        whole = self._to_whole(seconds)
        self.statements += 1
        try:
            return worker.call(lambda: _fetch(driver, statement, whole), self._deadline, seconds)
        except CallAbandonedError:
            failure = Observation(Seen.TIMED_OUT, f"no answer within {seconds:g} s")
        except mssql_python.Error as error:
            if _BY_SERVER not in error.ddbc_error and error.driver_error != _TIMED_OUT:
                raise to_connection_error(self._server, error) from None
            failure = _to_failure(error, seconds)
        if failure.status is Seen.TIMED_OUT:
            self.close()
        raise StatementError(failure)

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
        try:
            worker.call(lambda: opened.append(_connect(self._keywords, whole)), self._deadline, seconds)
        except CallAbandonedError:
            self.close()
            raise DatabaseConnectionError(f"{self._server}: no answer within {seconds:g} s", transient=True) from None
        except (mssql_python.Error, mssql_python.ConnectionStringParseError, ValueError) as error:
            self.close()
            raise to_connection_error(self._server, error) from None
        except BaseException:
            self.close()
            raise
        return worker

    @property
    def _server(self) -> str:
        return self._keywords["Server"].replace(",", ":")

    def _to_whole(self, seconds: float) -> int:
        """Whole seconds for the driver, which knows no fractions and takes 0 as no limit."""
        return max(1, math.ceil(min(seconds, self._deadline.remaining)))


def _connect(keywords: Mapping[str, str], seconds: int) -> mssql_python.Connection:
    values: dict[str, Any] = dict(keywords)
    return mssql_python.connect(autocommit=True, timeout=seconds, **values)


def _fetch(driver: mssql_python.Connection, statement: str, seconds: int) -> list[Row]:
    driver.timeout = seconds
    cursor = cast("_Cursor", driver.cursor())
    try:
        cursor.execute(statement)
        return [tuple(row) for row in cursor.fetchall()]
    finally:
        cursor.close()


def _close(opened: list[mssql_python.Connection]) -> None:
    for driver in opened:
        with suppress(mssql_python.Error):
            driver.close()


def _to_failure(error: mssql_python.Error, seconds: float) -> Observation:
    if error.driver_error == _TIMED_OUT:
        return Observation(Seen.TIMED_OUT, f"no answer within {seconds:g} s")
    text = _to_line(error)
    return Observation(Seen.DENIED if _DENIED.search(text) else Seen.UNREACHABLE, text)


def to_connection_error(server: str, error: Exception) -> DatabaseConnectionError:
    """Say why there is no connection; the driver's texts name the login, never its password."""
    if not isinstance(error, mssql_python.Error):
        return DatabaseConnectionError(f"{server}: the driver does not take the connection's values", transient=False)
    text = _to_line(error)
    if error.driver_error in _REFUSED:
        return DatabaseConnectionError(f"{server}: {text} Check the credential and the database.", transient=False)
    if _CERTIFICATE.search(text):
        advice = "install its authority's certificate here, or set the option trust_server_certificate=yes"
        return DatabaseConnectionError(f"{server}: the server's certificate is not trusted: {advice}", transient=False)
    lasting = "load the driver" in text
    return DatabaseConnectionError(f"{server}: {text}", transient=not lasting)


def _to_line(error: mssql_python.Error) -> str:
    return " ".join(_PREFIX.sub("", error.ddbc_error or error.driver_error).split())
