"""How a connection to PostgreSQL comes about: libpq's login in steps, through a relay of ours.

libpq takes in whatever a server sends, for as long as it sends: a login of endless messages never ends, and an answer
is held whole. The relay counts bytes, and can be ended at any moment.
"""

import ctypes
import select
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg.pq import ConnStatus, PollingStatus
from psycopg.pq.abc import PGconn

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.network import open_socket
from whalefall_pipeline.adapters.postgresql.errors import DatabaseRefusedError, to_connect_error, to_too_much_of_a_login
from whalefall_pipeline.adapters.postgresql.options import build_parameters, build_socket_options, is_verified
from whalefall_pipeline.adapters.relay import LOOPBACK, Relay
from whalefall_pipeline.core.model import Instance, Login, Security, Seen

CHECK_SECONDS = 0.1
WAITS_FOR = {PollingStatus.READING: select.POLLIN, PollingStatus.WRITING: select.POLLOUT}
LOGIN_BYTES = 1024**2
"""What a server may send until the login is done: certificates and parameters are some kilobytes."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how an instance is connected to: the server's address, libpq's parameters, the limits."""

    host: str
    port: int
    options: Mapping[str, str]
    parameters: Mapping[str, str]
    limits: Limits

    @classmethod
    def of(cls, instance: Instance, login: Login, limits: Limits) -> "Endpoint":
        """Build it for an instance. Raise InvalidInstanceError for options that no connection can be made with."""
        options = {**limits.default_options, **instance.options}
        parameters = build_parameters(instance, login, limits.default_options)
        host = parameters.pop("hostaddr", instance.host)
        return cls(host, instance.port, options, parameters, limits)


def open_relay(endpoint: Endpoint, handshake: Deadline) -> Relay:
    """Build the relay that leads to an instance's server; it connects when libpq does."""
    options = build_socket_options(endpoint.options)
    return Relay(lambda: open_socket(endpoint.host, endpoint.port, handshake, options))


def log_in(endpoint: Endpoint, database: str, relay: Relay, handshake: Deadline) -> PGconn:
    """Log in, in steps that never block, so that the limits hold through the whole handshake."""
    relay.allow(LOGIN_BYTES)
    through = {**endpoint.parameters, "dbname": database, "hostaddr": LOOPBACK, "port": str(relay.port)}
    pgconn: PGconn = pq.PGconn.connect_start(make_conninfo("", **through).encode())
    attached = 0
    try:
        while (event := _next_event(pgconn, relay)) is not None:
            local = _find_local_address(pgconn.socket)
            if local and local[1] != attached:  # libpq connects again where it tries without TLS
                relay.attach(local)
                attached = local[1]
            check_limit(handshake)
            while not _is_ready(pgconn.socket, event):
                check_limit(handshake)
    except BaseException:
        pgconn.finish()
        raise
    pgconn.nonblocking = 1  # as psycopg's own connections are
    return pgconn


def find_security(pgconn: PGconn, options: Mapping[str, str]) -> Security:
    """Return whether libpq encrypts a connection, by TLS or by Kerberos (GSSAPI), and whether it verified the server.

    With Kerberos it always does: libpq asks for mutual authentication by the key of the service `postgres/HOST`
    (GSS_C_MUTUAL_FLAG). Source: PostgreSQL's documentation, "Secure TCP/IP Connections with GSSAPI Encryption".
    """
    if pgconn.ssl_in_use:
        return Security(encrypted=True, verified=is_verified(options))
    address = cast("int | None", cast("Any", pgconn).pgconn_ptr)  # which psycopg's own protocol leaves out
    is_kerberos = bool(_load_question()(address or 0))
    return Security(encrypted=is_kerberos, verified=is_kerberos)


@cache
def _load_question() -> Callable[[int], int]:
    """Return libpq's `PQgssEncInUse`, of which psycopg makes no use; all have it since 12, with GSSAPI or without.

    It is that of the libpq which psycopg has loaded: its compiled module is linked to it, the other one keeps it.
    """
    module = sys.modules[pq.PGconn.__module__]
    loaded = getattr(module, "impl", None)
    question = (loaded.pq if loaded else ctypes.CDLL(module.__file__)).PQgssEncInUse
    question.argtypes, question.restype = [ctypes.c_void_p], ctypes.c_int
    return question


def _find_local_address(handle: int) -> tuple[str, int] | None:
    with socket.fromfd(handle, socket.AF_INET, socket.SOCK_STREAM) as copy:
        host, port = copy.getsockname()
    return (host, port) if port else None


def check_limit(handshake: Deadline) -> None:
    """Raise DatabaseRefusedError when the time for a login is up."""
    if not handshake.remaining:
        reason = f"no answer to the login within {handshake.seconds:g} s"
        raise DatabaseRefusedError(reason, Seen.TIMED_OUT, transient=True)


def _next_event(pgconn: PGconn, relay: Relay) -> int | None:
    """Take the next step of a login and return what it then waits for; None: it is done."""
    status = PollingStatus.FAILED if pgconn.status == ConnStatus.BAD else pgconn.connect_poll()
    if status == PollingStatus.FAILED:
        if relay.is_exceeded:
            raise to_too_much_of_a_login(LOGIN_BYTES)
        raise to_connect_error(pgconn.get_error_message())
    return WAITS_FOR.get(PollingStatus(status))


def _is_ready(handle: int, event: int) -> bool:
    ready = select.poll()
    ready.register(handle, event)
    return bool(ready.poll(CHECK_SECONDS * 1000))
