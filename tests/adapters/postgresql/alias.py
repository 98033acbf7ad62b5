"""A relay that hands some databases out under other names, as a connection pooler with aliases does."""

import socket
import struct
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress

HOST = "127.0.0.1"
ENCRYPTION_REQUESTS = (80877103, 80877104)
"""The codes of SSLRequest and GSSENCRequest, which begin a connection as a startup message does."""


@contextmanager
def start_alias(
    port: int, databases: Mapping[bytes, bytes], elsewhere: Mapping[bytes, int] | None = None
) -> Generator[int]:
    """Listen on a loopback port, and pass connections on to another port; yields the port to connect to.

    Those to the databases of `elsewhere` go to the port named there.
    """
    sockets: list[socket.socket] = [socket.create_server((HOST, 0))]

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = sockets[0].accept()
                startup = _read_startup(client)
                named = [at for name, at in (elsewhere or {}).items() if b"\0database\0" + name + b"\0" in startup]
                server = socket.create_connection((HOST, named[0] if named else port))
                sockets.extend((client, server))
                server.sendall(_rename(startup, databases))
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=_pump, args=ends, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(sockets[0].getsockname()[1])
    finally:
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def _read_startup(client: socket.socket) -> bytes:
    """Read a startup message without its length; encryption is refused first."""
    while True:
        (length,) = struct.unpack("!I", client.recv(4, socket.MSG_WAITALL))
        message = client.recv(length - 4, socket.MSG_WAITALL)
        if struct.unpack("!I", message[:4])[0] not in ENCRYPTION_REQUESTS:
            return message
        client.sendall(b"N")


def _rename(message: bytes, databases: Mapping[bytes, bytes]) -> bytes:
    for alias, database in databases.items():
        message = message.replace(b"\0database\0" + alias + b"\0", b"\0database\0" + database + b"\0")
    return struct.pack("!I", len(message) + 4) + message


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while received := source.recv(65536):
            sink.sendall(received)
        sink.shutdown(socket.SHUT_RDWR)
