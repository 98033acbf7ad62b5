"""A relay on loopback between a driver and its server, which counts what the server sends and can end it at any moment.

Some drivers work through what a server sends without ever looking up: libpq's login goes on as long as messages come,
and an answer is taken in whole, whatever its size. Behind a relay such a driver gets no more than is allowed; TLS goes
through it unbroken, end to end.
"""

import selectors
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from whalefall_pipeline.adapters.network import shut_down

LOOPBACK = "127.0.0.1"
CHUNK_BYTES = 65_536
ACCEPT_SECONDS = 5.0


class Relay:
    """One driver's connections to one server, one after the other; `open_upstream` connects to the server."""

    def __init__(self, open_upstream: Callable[[], socket.socket]) -> None:
        self._open_upstream = open_upstream
        self._listener = socket.create_server((LOOPBACK, 0), backlog=4)
        self._listener.settimeout(ACCEPT_SECONDS)
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._left = self._limit = 0
        self.port = int(self._listener.getsockname()[1])

    @property
    def limit(self) -> int:
        """How many bytes the server was last allowed."""
        return self._limit

    @property
    def is_exceeded(self) -> bool:
        """Whether the server sent more than it was allowed; its connection was ended then."""
        return self._left < 0

    def allow(self, limit: int) -> None:
        """Let the server send so many bytes from now on."""
        self._left = self._limit = limit

    def attach(self, client_address: tuple[str, int]) -> None:
        """Connect the driver's connection from this local address through to the server; another program's is closed.

        Raises what `open_upstream` raises, and OSError when the driver's connection does not come.
        """
        client = self._accept(client_address)
        try:
            upstream = self._open_upstream()
        except BaseException:
            client.close()
            raise
        with self._lock:
            self._sockets += [client, upstream]
        threading.Thread(target=self._carry, args=(client, upstream), name="relay", daemon=True).start()

    def end(self) -> None:
        """End all connections, from any thread; the driver finds them closed."""
        with self._lock:
            for each in self._sockets:
                shut_down(each)

    def close(self) -> None:
        """End all connections and take no more."""
        self._listener.close()
        self.end()

    def _accept(self, client_address: tuple[str, int]) -> socket.socket:
        while True:
            client, peer = self._listener.accept()
            if peer == client_address:
                client.setblocking(True)
                return client
            client.close()

    def _carry(self, client: socket.socket, upstream: socket.socket) -> None:
        with client, upstream, selectors.DefaultSelector() as selector, suppress(OSError):
            selector.register(client, selectors.EVENT_READ, upstream)
            selector.register(upstream, selectors.EVENT_READ, client)
            while selector.get_map():
                for key, _ in selector.select():
                    source, sink = cast("socket.socket", key.fileobj), cast("socket.socket", key.data)
                    chunk = source.recv(CHUNK_BYTES)
                    if source is upstream:
                        self._left -= len(chunk)
                    if self.is_exceeded or (not chunk and source is client):
                        return
                    if chunk:
                        sink.sendall(chunk)
                    else:  # the driver may still have to read what came before the end
                        selector.unregister(source)
                        sink.shutdown(socket.SHUT_WR)
