"""A server that does what a compromised one might: what it sends is said by the test, connection by connection."""

import socket
import struct
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from itertools import repeat

HOST = "127.0.0.1"
BLOCK = 65_536


class Peer:
    """One connection of a client; `heard` is all that it sent."""

    def __init__(self, connection: socket.socket, over: threading.Event) -> None:
        self.connection = connection
        self._over = over
        self.heard = b""

    def receive(self) -> bytes:
        """Wait for what the client sends next; nothing: it is gone."""
        said = self.connection.recv(BLOCK)
        self.heard += said
        return said

    def send(self, *messages: bytes) -> None:
        self.connection.sendall(b"".join(messages))

    def send_for_ever(self, message: bytes) -> None:
        """Send a message again and again, until the client is gone."""
        block = message * (BLOCK // len(message) + 1)
        for _ in repeat(None):
            self.connection.sendall(block)

    def send_zeros(self, count: int) -> None:
        """Send so many zero bytes, as long as the client takes them."""
        block = bytes(BLOCK)
        for _ in range(count // BLOCK):
            self.connection.sendall(block)

    def drip(self, message: bytes) -> None:
        """Send one byte after the other, with a pause before each, until the client is gone."""
        for number in range(len(message)):
            if self._over.wait(0.05):
                return
            self.connection.sendall(message[number : number + 1])

    def wait(self) -> None:
        """Send nothing, until the client is gone."""
        while self.receive():
            pass


class HostileServer:
    """Listens on loopback; each connection is given to `behave` in a thread of its own."""

    def __init__(self, behave: Callable[["Peer"], None]) -> None:
        self._behave = behave
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self.peers: list[Peer] = []
        self.over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def heard(self) -> bytes:
        """All that clients sent, over all connections."""
        return b"".join(peer.heard for peer in self.peers)

    def close(self) -> None:
        self.over.set()
        self._listener.close()
        for peer in self.peers:
            with suppress(OSError):
                peer.connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                peer = Peer(connection, self.over)
                self.peers.append(peer)
                threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: Peer) -> None:
        with suppress(OSError), peer.connection:
            self._behave(peer)


@contextmanager
def start_hostile(behave: Callable[[Peer], None]) -> Generator[HostileServer]:
    server = HostileServer(behave)
    try:
        yield server
    finally:
        server.close()


def to_message(kind: bytes, body: bytes) -> bytes:
    """Frame a message of PostgreSQL's protocol."""
    return kind + struct.pack(">I", len(body) + 4) + body


def to_packets(*bodies: bytes, first: int = 0) -> bytes:
    """Frame packets of MySQL's protocol, numbered from `first`."""
    numbered = ((body, (first + number) % 256) for number, body in enumerate(bodies))
    return b"".join(struct.pack("<I", len(body))[:3] + bytes([number]) + body for body, number in numbered)
