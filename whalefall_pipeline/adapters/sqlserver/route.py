"""How the driver reaches a server: through a relay that counts, and to the port that SQL Server Browser names.

Both ODBC drivers hold a field whole, and read a login for as long as a server sends; nothing in them sets a bound. A
relay does. The driver then connects to loopback, so it is told whose name the certificate has to have.

Source for the browser's protocol: Microsoft's open specification MC-SQLR, sections 2.2.3 and 2.2.5.
"""

import selectors
import socket
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from typing import cast

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.network import find_addresses, open_socket
from whalefall_pipeline.adapters.relay import LOOPBACK, Relay
from whalefall_pipeline.core.errors import DatabaseConnectionError

BROWSER_PORT = 1434
LOGIN_BYTES = 1024**2
"""What a server may send until the login is done: a certificate, and a few settings."""
_ASK_AGAIN_SECONDS = 1.0
_ASK_FOR_INSTANCE, _ANSWER = b"\x04", b"\x05"
_HEADER_BYTES, _MOST_BYTES = 3, 65_535
_HIGHEST_PORT = 65_535


def open_relay(server: str, handshake: Deadline) -> Relay:
    r"""Connect to a server, `host,port` or `host\instance`, with a relay in between that waits for the driver.

    Raises DatabaseConnectionError when the server is not there.
    """
    host, comma, number = server.rpartition(",")
    if comma:
        port = int(number)
    else:
        host, _, instance = server.partition("\\")
        port = find_port(host, instance, handshake)
    relay = Relay(lambda: open_socket(host, port, handshake))
    relay.allow(LOGIN_BYTES)
    try:
        relay.expect()
    except BaseException:
        relay.close()
        raise
    return relay


def lead_through(relay: Relay, keywords: Mapping[str, str], *, names_exclude: bool) -> dict[str, str]:
    """Return the driver's keywords for a connection through a relay, as strict about the certificate as before.

    `names_exclude`: the driver takes no host name beside `ServerCertificate`, and asks for none then. (Microsoft's ODBC
    Driver 18 compares the name all the same unless Encrypt is strict.)
    """
    host = keywords["Server"].partition(",")[0].partition("\\")[0]
    expected = {} if names_exclude and "ServerCertificate" in keywords else {"HostnameInCertificate": host}
    # The relay has connected to the address that answered: there is one way left.
    left = {name: value for name, value in keywords.items() if name != "MultiSubnetFailover"}
    return {**expected, **left, "Server": f"{LOOPBACK},{relay.port}"}


def find_port(host: str, instance: str, handshake: Deadline) -> int:
    """Ask a host's SQL Server Browser which TCP port an instance listens on; DatabaseConnectionError if none says."""
    addresses = find_addresses(host, BROWSER_PORT, handshake)
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for address in addresses:
            opened = stack.enter_context(socket.socket(address.family, socket.SOCK_DGRAM))
            with suppress(OSError):
                opened.connect(address.sockaddr)
                selector.register(opened, selectors.EVENT_READ)
        while asked := [cast("socket.socket", key.fileobj) for key in selector.get_map().values()]:
            handshake.check()
            _send_request(asked, instance)
            for key, _ in selector.select(min(_ASK_AGAIN_SECONDS, handshake.remaining)):
                answering = cast("socket.socket", key.fileobj)
                if port := _hear(answering, instance):
                    return port
                selector.unregister(answering)
    advice = "does SQL Server Browser run there, and answer on UDP port 1434? Or register host and port"
    raise DatabaseConnectionError(f"{host}: no such instance is found: {advice}", transient=True)


def _send_request(sockets: Iterable[socket.socket], instance: str) -> None:
    for each in sockets:
        with suppress(OSError):
            each.send(_ASK_FOR_INSTANCE + instance.encode() + b"\0")


def _hear(asked: socket.socket, instance: str) -> int:
    """Return the port that an answer names; 0: it refuses, or is no answer about this instance."""
    try:
        answer = asked.recv(_MOST_BYTES)
    except OSError:
        return 0
    return parse_answer(answer, instance)


def parse_answer(answer: bytes, instance: str) -> int:
    """Return the TCP port in a browser's answer about an instance; 0: there is none."""
    fields = answer[_HEADER_BYTES:].decode("ascii", "replace").split(";")
    whole = len(fields) // 2 * 2  # a list of names and values ends with an empty field
    values = dict(zip(fields[0:whole:2], fields[1:whole:2], strict=True))
    named, port = values.get("InstanceName", ""), values.get("tcp", "")
    if answer[:1] != _ANSWER or named.upper() != instance.upper() or not (port.isascii() and port.isdigit()):
        return 0
    return int(port) if len(port) <= len(str(_HIGHEST_PORT)) and int(port) <= _HIGHEST_PORT else 0
