"""The connection over the driver, `oracledb` in thin mode, with its errors as ours. Only this module imports it."""

import ssl
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import oracledb

from whalefall_pipeline.adapters.answers import AnswerTooLargeError, BoundedRows
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.network import find_addresses
from whalefall_pipeline.adapters.oracle.errors import (
    CatalogError,
    is_lost,
    to_code,
    to_connection_error,
    to_lost_error,
    to_too_large_error,
)
from whalefall_pipeline.adapters.oracle.lane import Lane
from whalefall_pipeline.adapters.oracle.options import Endpoint
from whalefall_pipeline.adapters.oracle.rows import Row
from whalefall_pipeline.core.errors import DatabaseConnectionError, InvalidInstanceError, SyncCancelledError
from whalefall_pipeline.core.model import Security

ROWS_PER_ROUND_TRIP = 5_000
TIMED_OUT = "DPY-4024"
MOST_OF_A_FILE = 1024 * 1024


class _Cursor(Protocol):
    """What is used of `oracledb.AsyncCursor`, whose own types are partly unknown."""

    arraysize: int
    prefetchrows: int

    @property
    def description(self) -> object: ...

    async def execute(self, statement: str) -> object: ...

    async def fetchmany(self) -> list[Row]: ...


class _Parameters(Protocol):
    """What is used of `oracledb.ConnectParams`: one value, or one for each address."""

    host: object
    port: object
    protocol: object
    ssl_server_dn_match: object

    def set(self, *, access_token: str) -> None: ...


class ThinConnection:
    """An open session; see `catalog.Connection`."""

    def __init__(
        self, target: Endpoint, security: Security, session: oracledb.AsyncConnection, lane: Lane, limits: Limits
    ) -> None:
        self._target = target
        self._security = security
        self._session = session
        self._lane = lane
        self._limits = limits
        self._is_lost = False

    @property
    def version(self) -> str:
        """The server's version."""
        return self._session.version

    @property
    def security(self) -> Security:
        """Whether it is encrypted, and the server's certificate verified."""
        return self._security

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
        except AnswerTooLargeError:
            self._is_lost = True
            raise to_too_large_error(self._target, self._limits.answer_bytes) from None
        except (DatabaseConnectionError, SyncCancelledError):
            self._is_lost = True
            raise

    async def _fetch(self, statement: str) -> list[Row]:
        ends_at = time.monotonic() + self._limits.statement_seconds
        answer = BoundedRows(self._limits.answer_bytes)
        with self._session.cursor() as opened:
            cursor = cast("_Cursor", opened)
            cursor.arraysize = ROWS_PER_ROUND_TRIP
            cursor.prefetchrows = ROWS_PER_ROUND_TRIP + 1
            await cursor.execute(statement)
            if cursor.description is None:
                return answer.rows
            while batch := await cursor.fetchmany():
                answer.add(batch)
                if time.monotonic() > ends_at:
                    raise CatalogError(TIMED_OUT)
        return answer.rows

    def close(self) -> None:
        """Log off, unless the connection is lost already."""
        self._lane.close(None if self._is_lost else self._session.close)


def connect(target: Endpoint, limits: Limits, deadline: Deadline) -> ThinConnection:
    """Open a session, TCP, TLS and login together within the connect limit."""
    parameters = _to_parameters(target, limits)
    _wait_for_names(target, parameters, Deadline(min(limits.connect_seconds, max(deadline.remaining, 0.001))), deadline)
    lane = Lane(deadline, limits.answer_bytes)

    async def log_in() -> oracledb.AsyncConnection:
        return await cast("Coroutine[Any, Any, oracledb.AsyncConnection]", oracledb.connect_async(params=parameters))

    try:
        session = lane.run(log_in, limits.connect_seconds)
    except (oracledb.Error, OSError) as error:
        lane.close()
        raise to_connection_error(target, limits.connect_seconds, error) from None
    except AnswerTooLargeError:
        lane.close()
        raise to_too_large_error(target, limits.answer_bytes) from None
    except BaseException:
        lane.close()
        raise
    session.call_timeout = max(1, round(limits.statement_seconds * 1000))
    return ThinConnection(target, _find_security(target, parameters), session, lane, limits)


def _to_parameters(target: Endpoint, limits: Limits) -> oracledb.ConnectParams:
    """Return the driver's parameters. Raises InvalidInstanceError for a descriptor or file that can't be used."""
    if target.wallet_location and (wallet := Path(target.wallet_location) / "ewallet.pem").exists():
        _check_file(wallet)
    as_whom: dict[str, Any] = {"user": target.username, "password": target.password}
    parameters = oracledb.ConnectParams(
        **({} if target.is_token else as_whom),
        host=target.host,
        port=target.port,
        protocol=target.protocol,
        service_name=target.service_name,
        sid=target.sid,
        config_dir=target.config_dir,
        tcp_connect_timeout=limits.connect_seconds,
        wallet_location=target.wallet_location,
        ssl_server_dn_match=target.ssl_server_dn_match,
        ssl_server_cert_dn=target.ssl_server_cert_dn,
        ssl_context=_to_ssl_context(target),
        program="whalefall",
    )
    if target.descriptor or target.alias:
        _read_descriptor(parameters, target)
    if target.is_token:
        _set_token(parameters, target)
    return parameters


def _read_descriptor(parameters: oracledb.ConnectParams, target: Endpoint) -> None:
    if target.config_dir:
        _check_file(Path(target.config_dir) / "tnsnames.ora")
    try:
        parameters.parse_connect_string(target.descriptor or target.alias or "")
    except (oracledb.Error, OSError, ValueError) as error:
        name = "tns_alias" if target.alias else "connect_descriptor"
        raise InvalidInstanceError(f"{name} can't be used ({to_code(error)})") from None
    given = cast("_Parameters", parameters)
    hosts, ports = _to_list(given.host), _to_list(given.port)
    if (target.host, target.port) not in zip(hosts, ports, strict=True):
        raise InvalidInstanceError(
            f"{target.host}:{target.port} is no address of the connect descriptor: the instance's host and port, which "
            "its credential is for, have to be one of them"
        )


def _wait_for_names(
    target: Endpoint, parameters: oracledb.ConnectParams, handshake: Deadline, deadline: Deadline
) -> None:
    """Resolve all host names within the limits: the driver waits for the resolver in its loop, where nothing ends it.

    One that is not known is the driver's to say, which goes on with the next. Raises DatabaseConnectionError where the
    resolver does not answer.
    """
    given = cast("_Parameters", parameters)
    with handshake, deadline.aborting(handshake.expire):
        for host, port in zip(_to_list(given.host), _to_list(given.port), strict=True):
            try:
                find_addresses(host, port, handshake)
            except DatabaseConnectionError as error:
                if handshake.has_passed:
                    raise DatabaseConnectionError(f"{target}: {error}", transient=True) from None


def _set_token(parameters: oracledb.ConnectParams, target: Endpoint) -> None:
    if _to_security(parameters) != Security(encrypted=True, verified=True):
        raise InvalidInstanceError("login=token needs protocol=tcps, and a certificate that is the host's")
    try:
        cast("_Parameters", parameters).set(access_token=target.password)
    except oracledb.Error as error:
        raise to_connection_error(target, 0, error) from None


def _find_security(target: Endpoint, parameters: oracledb.ConnectParams) -> Security:
    return target.security if target.tls else _to_security(parameters)


def _to_security(parameters: oracledb.ConnectParams) -> Security:
    """Return what holds of the weakest address; thin mode verifies the chain of each certificate that it is shown."""
    given = cast("_Parameters", parameters)
    is_encrypted = all(protocol == "tcps" for protocol in _to_list(given.protocol))
    return Security(is_encrypted, is_encrypted and all(_to_list(given.ssl_server_dn_match)))


def _to_list(value: object) -> Sequence[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _check_file(path: Path) -> None:
    """Raise InvalidInstanceError for what is no plain file: the driver would wait for a pipe, or read without end."""
    if not path.is_file() or path.stat().st_size > MOST_OF_A_FILE:
        raise InvalidInstanceError(f"{path} can't be read: it is no plain file of at most {MOST_OF_A_FILE} bytes")


def _to_ssl_context(target: Endpoint) -> ssl.SSLContext | None:
    """Return a context for what the driver's own can't do; None: that one will do."""
    files = {"ssl_ca_file": target.ssl_ca_file, "tls_cert": target.tls_cert, "tls_key": target.tls_key}
    for path in files.values():
        if path:
            _check_file(Path(path))
    if not (any(files.values()) or target.tls == "required"):
        return None
    name = "ssl_ca_file"
    try:
        context = ssl.create_default_context(cafile=target.ssl_ca_file)
        name = "tls_cert"
        if target.tls_cert:
            # with an empty passphrase, since OpenSSL would ask for it at the terminal
            context.load_cert_chain(target.tls_cert, target.tls_key, password="")
    except OSError as error:
        raise InvalidInstanceError(f"{name} {files[name]} can't be read as PEM: {error.strerror or error}") from None
    if target.tls == "required":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
