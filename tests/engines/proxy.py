"""A loopback proxy with the faults of a network: connections cut, or a peer that goes silent and stays connected."""

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress

HOST = "127.0.0.1"


class Proxy:
    """Passes bytes on until told otherwise; `asked` is set once a client has sent something that was kept back."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self.asked = threading.Event()
        self._silent = False
        self._left: int | None = None
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def go_silent(self) -> None:
        """Keep back all that comes from now on, and accept new connections without an answer."""
        self._silent = True

    def cut_after(self, received: int) -> None:
        """Reset all connections once so many more bytes have come from the server."""
        self._left = received

    def close(self) -> None:
        for each in (self._listener, *self._sockets):
            _reset(each)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._sockets += [client, server]
                threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, from_client: bool) -> None:
        with suppress(OSError):
            while received := source.recv(65536):
                if self._silent:
                    if from_client:
                        self.asked.set()
                    continue
                if not from_client and self._left is not None:
                    received, self._left = received[: self._left], max(0, self._left - len(received))
                sink.sendall(received)
                if self._left == 0:
                    break
        _reset(source)
        _reset(sink)


def _reset(each: socket.socket) -> None:
    """End a connection at once, also for a thread that waits on it."""
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()


@contextmanager
def open_proxy(host: str, port: int) -> Generator[Proxy]:
    proxy = Proxy(host, port)
    try:
        yield proxy
    finally:
        proxy.close()


@contextmanager
def open_black_hole() -> Generator[int]:
    """Yield a port that accepts connections and never answers."""
    with socket.create_server((HOST, 0)) as listener:
        yield int(listener.getsockname()[1])
