"""A loopback proxy that does one thing wrong with one packet of the server's, and passes on all others."""

import random
import socket
import struct
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import NamedTuple

HOST = "127.0.0.1"
KINDS = ("cut", "reset", "half", "garbage", "delay")
BLOCK = 65_536
_AT_ONCE = struct.pack("ii", 1, 0)


class Fault(NamedTuple):
    """What happens to which packet, as the client receives them, over all its connections."""

    kind: str
    number: int


class Proxy:
    """Passes bytes on between a server and clients; `received` counts the server's packets so far."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._fault: Fault | None = None
        self._listener = socket.create_server((HOST, 0))
        self._sockets: list[socket.socket] = []
        self.port = int(self._listener.getsockname()[1])
        self.received = 0
        self._round = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def start_over(self, fault: Fault | None = None) -> None:
        """End all connections, count from the beginning, and do something else wrong from now on, or nothing."""
        self._round += 1
        self._fault, self.received = fault, 0
        while self._sockets:
            _shut(self._sockets.pop())

    def close(self) -> None:
        for each in (self._listener, *self._sockets):
            _shut(each)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(self._target)
                except OSError:  # the server takes no more for the moment; the next client may be luckier
                    _shut(client)
                    continue
                self._sockets += [client, server]
                threading.Thread(target=_pass_on, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answer, args=(server, client, self._round), daemon=True).start()

    def _answer(self, server: socket.socket, client: socket.socket, its_round: int) -> None:
        with suppress(OSError):
            while (packet := server.recv(BLOCK)) and its_round == self._round:
                number, self.received = self.received, self.received + 1
                if self._fault and self._fault.number == number:
                    if self._fault.kind == "delay":
                        client.recv(1)  # for ever, until the client is gone
                    packet = self._spoil(packet, client)
                if packet:
                    client.sendall(packet)
                if self._fault and self._fault.number == number and self._fault.kind != "garbage":
                    break
        _shut(client)
        _shut(server)

    def _spoil(self, packet: bytes, client: socket.socket) -> bytes:
        kind = self._fault.kind if self._fault else ""
        if kind == "garbage":
            return random.Random(len(packet)).randbytes(len(packet))  # noqa: S311 - no secret
        if kind == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            client.shutdown(socket.SHUT_RD)  # wakes the other thread, without a word to the client
            client.close()
        return packet[: len(packet) // 2] if kind == "half" else b""


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    with suppress(OSError):
        while said := client.recv(BLOCK):
            server.sendall(said)
    _shut(client)
    _shut(server)


def _shut(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()


@contextmanager
def open_proxies(target: tuple[str, int], count: int) -> Generator[list[Proxy]]:
    """Yield so many proxies, which do nothing wrong until they are told to."""
    proxies = [Proxy(target) for _ in range(count)]
    try:
        yield proxies
    finally:
        for proxy in proxies:
            proxy.close()
