"""Where a connection goes: a host's addresses and a socket to one of them, within limits whatever the resolver does."""

import ipaddress
import socket
import threading
from collections.abc import Iterable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, NamedTuple

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.core.errors import DatabaseConnectionError

UNANSWERED = "the resolver does not answer"


class Address(NamedTuple):
    """One address of a host, as `socket.socket` and `connect` take it."""

    family: int
    sockaddr: tuple[Any, ...] | str


class SocketOption(NamedTuple):
    """An option as `socket.setsockopt` takes it."""

    level: int
    name: int
    value: int


def find_addresses(host: str, port: int, deadline: Deadline) -> list[Address]:
    """Return a host's addresses in the resolver's order; a host that begins with a slash is a folder of Unix sockets.

    The resolver can't be interrupted: at the deadline it is left behind in a daemon thread. Raises
    DatabaseConnectionError when the name is not known, or not in time.
    """
    if host.startswith("/"):
        return [Address(socket.AF_UNIX, f"{host}/.s.PGSQL.{port}")]
    if address := _to_address(host, port):
        return [address]
    found: Future[list[Address]] = Future()
    threading.Thread(target=_resolve, args=(host, port, found), name="resolver", daemon=True).start()
    with deadline.aborting(lambda: _abandon(found)):
        try:
            return found.result(deadline.remaining)
        except OSError as error:
            again = isinstance(error, TimeoutError) or error.errno == socket.EAI_AGAIN
            reason = error.strerror or str(error) or UNANSWERED
            raise DatabaseConnectionError(f"host {host} is not known: {reason}", transient=again) from None


def open_socket(host: str, port: int, deadline: Deadline, options: Iterable[SocketOption] = ()) -> socket.socket:
    """Connect to the first of a host's addresses that answers; they share the time that is left until the deadline.

    Raises DatabaseConnectionError when none does.
    """
    addresses = find_addresses(host, port, deadline)
    reason = "no address"
    for number, address in enumerate(addresses):
        deadline.check()
        opened = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            opened.settimeout(max(0.001, deadline.remaining / (len(addresses) - number)))
            with deadline.aborting(lambda opened=opened: shut_down(opened)):
                opened.connect(address.sockaddr)
        except OSError as error:
            opened.close()
            reason = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
        except BaseException:
            opened.close()
            raise
        else:
            opened.settimeout(None)
            _keep_alive(opened, options)
            return opened
    raise DatabaseConnectionError(f"can't reach {host}:{port}: {reason}", transient=True)


def shut_down(connection: socket.socket) -> None:
    """End a connection in both directions; whoever waits on it wakes up."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _keep_alive(opened: socket.socket, options: Iterable[SocketOption]) -> None:
    if opened.family != socket.AF_UNIX:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option in options:
            opened.setsockopt(*option)


def _resolve(host: str, port: int, found: "Future[list[Address]]") -> None:
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [Address(family, sockaddr) for family, _, _, _, sockaddr in answers]
    except UnicodeError:
        _settle(found, OSError(socket.EAI_NONAME, "the name can't be one of a host"))
    except OSError as error:
        _settle(found, error)
    else:
        with suppress(InvalidStateError):
            found.set_result(addresses)


def _to_address(host: str, port: int) -> Address | None:
    """Return what a host is that is an IP address already; None for a name, and for an address with a zone."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return None
    if version == 4:
        return Address(socket.AF_INET, (host, port))
    return None if "%" in host else Address(socket.AF_INET6, (host, port, 0, 0))


def _settle(found: "Future[list[Address]]", error: OSError) -> None:
    with suppress(InvalidStateError):
        found.set_exception(error)


def _abandon(found: "Future[list[Address]]") -> None:
    _settle(found, OSError(socket.EAI_AGAIN, UNANSWERED))
