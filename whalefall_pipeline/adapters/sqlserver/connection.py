"""The connection: an instance's options as the driver's keywords, the driver's errors as ours, statements with limits.

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

from whalefall_pipeline.adapters.adapter import Limits
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.sqlserver.worker import CallAbandonedError, Worker
from whalefall_pipeline.core.errors import DatabaseConnectionError, InvalidInstanceError
from whalefall_pipeline.core.model import Instance, Login, Observation, Seen

_YES_NO = ("yes", "no")
OPTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "encrypt": ("Encrypt", ("yes", "no", "mandatory", "optional", "strict")),
    "trust_server_certificate": ("TrustServerCertificate", _YES_NO),
    "hostname_in_certificate": ("HostnameInCertificate", ()),
    "server_certificate": ("ServerCertificate", ()),
    "application_intent": ("ApplicationIntent", ("ReadOnly", "ReadWrite")),
    "multi_subnet_failover": ("MultiSubnetFailover", _YES_NO),
}
"""An instance's options: the driver's keyword and, where they are few, the values that it takes."""

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

Row = tuple[Any, ...]


class _Cursor(Protocol):
    """The driver's cursor, whose own annotations leave types open."""

    def execute(self, operation: str) -> object: ...
    def fetchall(self) -> Iterable[Iterable[Any]]: ...
    def close(self) -> None: ...


class StatementError(Exception):
    """One statement failed or timed out, and the server is still there: `observation` says why, in a stable line."""

    def __init__(self, observation: Observation) -> None:
        super().__init__(observation.reason)
        self.observation = observation


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


def build_keywords(instance: Instance, login: Login, defaults: Mapping[str, str]) -> dict[str, str]:
    """Build the driver's connection keywords: TLS that is verified, unless an option says otherwise.

    Raises InvalidInstanceError for an option, or a value of one, that is not known; the message names the known ones.
    """
    keywords = {
        "Server": f"{instance.host},{instance.port}",
        "Database": instance.database or "master",
        "UID": login.username,
        "PWD": login.password,
        "Encrypt": "yes",
        "ConnectRetryCount": "0",
    }
    for name, value in {**defaults, **instance.options}.items():
        if name not in OPTIONS:
            raise InvalidInstanceError(
                f"instance {instance.name}: unknown option {name!r}; SQL Server takes {', '.join(sorted(OPTIONS))}"
            )
        keyword, values = OPTIONS[name]
        if values and value not in values:
            raise InvalidInstanceError(
                f"instance {instance.name}: option {name} is {value!r}, and must be one of {', '.join(values)}"
            )
        keywords[keyword] = value
    return keywords


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
