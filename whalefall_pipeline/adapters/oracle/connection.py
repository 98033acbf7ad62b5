"""The real connection: `oracledb` in thin mode, on an event loop of its own.

The driver's blocking calls can't be ended from outside: its connect timeout ends with the TCP connection, so that a
server that accepts and never answers holds it for ever. Its asyncio calls can be cancelled at any point of the TCP,
TLS and login handshakes and of a statement, which is what connect limit, deadline and cancellation do here.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol, TypeVar, cast

import oracledb

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.oracle.errors import CatalogError, is_lost, to_code, to_connection_error, to_lost_error
from whalefall_pipeline.adapters.oracle.options import Target
from whalefall_pipeline.adapters.oracle.rows import Row
from whalefall_pipeline.core.errors import DatabaseConnectionError, InvalidInstanceError, SyncCancelledError

ROWS_PER_ROUND_TRIP = 5_000
CLOSE_SECONDS = 2.0
TIMED_OUT = "DPY-4024"

Result = TypeVar("Result")


class _Lane:
    """Runs one coroutine after the other, each until it is done, its time or the deadline is up, or cancelled."""

    def __init__(self, deadline: Deadline) -> None:
        self._loop = asyncio.new_event_loop()
        self._deadline = deadline

    def run(self, start: Callable[[], Coroutine[Any, Any, Result]], seconds: float | None = None) -> Result:
        with self._deadline.aborting(self._abort):
            try:
                return self._loop.run_until_complete(_within(start, seconds))
            except asyncio.CancelledError:
                raise ConnectionAbortedError from None

    def close(self, farewell: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        if farewell is not None:
            with suppress(Exception, asyncio.CancelledError):
                self._loop.run_until_complete(_within(farewell, CLOSE_SECONDS))
        self._loop.run_until_complete(asyncio.sleep(0))  # lets closed transports release their sockets
        self._loop.close()

    def _abort(self) -> None:
        self._loop.call_soon_threadsafe(self._cancel_tasks)

    def _cancel_tasks(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()


async def _within(start: Callable[[], Coroutine[Any, Any, Result]], seconds: float | None) -> Result:
    async with asyncio.timeout(seconds):
        return await start()


class _Cursor(Protocol):
    """What is used of `oracledb.AsyncCursor`, whose own types are partly unknown."""

    arraysize: int
    prefetchrows: int

    @property
    def description(self) -> object: ...

    async def execute(self, statement: str) -> object: ...

    async def fetchmany(self) -> list[Row]: ...


class ThinConnection:
    """An open session; see `catalog.Connection`."""

    def __init__(self, target: Target, session: oracledb.AsyncConnection, lane: _Lane, limits: Limits) -> None:
        self._target = target
        self._session = session
        self._lane = lane
        self._limits = limits
        self._is_lost = False

    @property
    def version(self) -> str:
        """The server's version."""
        return self._session.version

    def fetch(self, statement: str) -> list[Row]:
        """Run one statement; a round trip may take the statement's time, and so may all of them together."""
        try:
            return self._lane.run(lambda: self._fetch(statement))
        except oracledb.Error as error:
            if is_lost(error):
                self._is_lost = True
                raise to_lost_error(self._target, error) from None
            raise CatalogError(to_code(error)) from None
        except OSError as error:
            self._is_lost = True
            raise to_lost_error(self._target, error) from None
        except (DatabaseConnectionError, SyncCancelledError):
            self._is_lost = True
            raise

    async def _fetch(self, statement: str) -> list[Row]:
        ends_at = time.monotonic() + self._limits.statement_seconds
        rows: list[Row] = []
        with self._session.cursor() as opened:
            cursor = cast("_Cursor", opened)
            cursor.arraysize = ROWS_PER_ROUND_TRIP
            cursor.prefetchrows = ROWS_PER_ROUND_TRIP + 1
            await cursor.execute(statement)
            if cursor.description is None:
                return rows
            while batch := await cursor.fetchmany():
                rows += batch
                if time.monotonic() > ends_at:
                    raise CatalogError(TIMED_OUT)
        return rows

    def close(self) -> None:
        """Log off, unless the connection is lost already."""
        self._lane.close(None if self._is_lost else self._session.close)


def connect(target: Target, limits: Limits, deadline: Deadline) -> ThinConnection:
    """Open a session, TCP, TLS and login together within the connect limit."""
    parameters = _to_parameters(target, limits)
    lane = _Lane(deadline)

    async def log_in() -> oracledb.AsyncConnection:
        return await cast("Coroutine[Any, Any, oracledb.AsyncConnection]", oracledb.connect_async(params=parameters))

    try:
        session = lane.run(log_in, limits.connect_seconds)
    except (oracledb.Error, OSError) as error:
        lane.close()
        raise to_connection_error(target, limits.connect_seconds, error) from None
    except BaseException:
        lane.close()
        raise
    session.call_timeout = max(1, round(limits.statement_seconds * 1000))
    return ThinConnection(target, session, lane, limits)


def _to_parameters(target: Target, limits: Limits) -> oracledb.ConnectParams:
    return oracledb.ConnectParams(
        user=target.username,
        password=target.password,
        host=target.host,
        port=target.port,
        protocol=target.protocol,
        service_name=target.service_name,
        sid=target.sid,
        tcp_connect_timeout=limits.connect_seconds,
        wallet_location=target.wallet_location,
        ssl_server_dn_match=target.ssl_server_dn_match,
        ssl_server_cert_dn=target.ssl_server_cert_dn,
        ssl_context=_to_ssl_context(target.ssl_ca_file),
        program="whalefall",
    )


def _to_ssl_context(ca_file: str | None) -> ssl.SSLContext | None:
    if ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise InvalidInstanceError(f"ssl_ca_file {ca_file} can't be read as PEM: {error.strerror or error}") from None
