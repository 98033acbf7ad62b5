"""A listener on loopback that speaks as much of Oracle's network protocol as it takes to refuse, or to misbehave.

The real driver connects to it. A CONNECT packet is answered with a REFUSE packet (type 4), whose text is what Oracle's
listener sends (Net Services Reference, "ERROR_STACK"), or by bytes, by silence, by a cut.
"""

import socket
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

REFUSE = 4
RESEND = 11
SILENCE = b""


@dataclass
class Listener:
    """Where it listens, and how many came; `answers` are sent one after each message, then the connection is cut.

    An empty answer is none at all: the connection stays open and silent.
    """

    answers: tuple[bytes, ...]
    tls: ssl.SSLContext | None = None
    port: int = 0
    arrivals: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    open_connections: list[socket.socket] = field(default_factory=list[socket.socket])

    def attend(self, connection: socket.socket) -> None:
        """Serve one connection."""
        self.open_connections.append(connection)
        self.arrivals.release()
        with suppress(OSError):
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            for answer in self.answers:
                if not connection.recv(8192):
                    return
                if answer == SILENCE:
                    return
                connection.sendall(answer)
            connection.shutdown(socket.SHUT_RDWR)
            connection.close()


@contextmanager
def listen(*answers: bytes, tls: ssl.SSLContext | None = None) -> Generator[Listener]:
    """Listen on a free port until the end of the block."""
    listener = Listener(answers, tls)
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener.port = int(server.getsockname()[1])
        thread = threading.Thread(target=_accept, args=(server, listener), daemon=True)
        thread.start()
        try:
            yield listener
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            for connection in listener.open_connections:
                connection.close()
            thread.join()


def _accept(server: socket.socket, listener: Listener) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        listener.attend(connection)


def to_refusal(code: int) -> bytes:
    """Build the packet by which a listener refuses with an error, as 12514."""
    text = f"(DESCRIPTION=(TMP=)(VSNNUM=318767104)(ERR={code})(ERROR_STACK=(ERROR=(CODE={code})(EMFI=4))))".encode()
    body = b"\x22\x00" + len(text).to_bytes(2, "big") + text
    return (8 + len(body)).to_bytes(2, "big") + b"\0\0" + bytes([REFUSE]) + b"\0\0\0" + body


def to_resend() -> bytes:
    """Build the packet by which a server asks for the CONNECT packet once more."""
    return b"\0\x08\0\0" + bytes([RESEND]) + b"\0\0\0"
