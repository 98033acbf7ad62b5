"""A relay on loopback between a driver and its server, which counts what the server sends and can end it at any moment.

Some drivers work through what a server sends without ever looking up: libpq's login goes on as long as messages come,
and an answer is taken in whole, whatever its size. Behind a relay such a driver gets no more than is allowed; TLS goes
through it unbroken, end to end.

A relay takes connections of this process only: another program on the machine gets nothing from it.
"""

import os
import select
import socket
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from whalefall_pipeline.adapters.network import shut_down

LOOPBACK = "127.0.0.1"
OWN_HANDLES = Path("/dev/fd")
"""Where Linux and macOS list what this process has open."""
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
        self._carriers: list[threading.Thread] = []
        self._left = self._limit = 0
        self.port = int(self._listener.getsockname()[1])

    @property
    def limit(self) -> int:
        """How many bytes the server was last allowed."""
        return self._limit

    @property
    def received(self) -> int:
        """How many bytes the server has sent since it was last allowed some."""
        return self._limit - self._left

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
        client = self._accept(lambda peer: peer == client_address)
        try:
            upstream = self._open_upstream()
        except BaseException:
            client.close()
            raise
        with self._lock:
            self._sockets += [client, upstream]
        self._start(self._carry, client, upstream)

    def expect(self) -> None:
        """Connect to the server, and the next connection of this process through to it; does not wait for that one.

        For a driver that does not say where it connects from. Raises what `open_upstream` raises.
        """
        upstream = self._open_upstream()
        with self._lock:
            self._sockets.append(upstream)
        self._start(self._carry_next, upstream)

    def finish(self, seconds: float) -> None:
        """Wait, for at most so long, until the server has closed its connections too; the driver has closed its own.

        A server that counts its connections may count one until then.
        """
        ends_at = time.monotonic() + seconds
        for carrier in self._carriers:
            carrier.join(max(0.0, ends_at - time.monotonic()))

    def end(self) -> None:
        """End all connections, from any thread; the driver finds them closed."""
        with self._lock:
            for each in self._sockets:
                shut_down(each)

    def close(self) -> None:
        """End all connections and take no more."""
        shut_down(self._listener)
        self._listener.close()
        self.end()

    def _start(self, carry: Callable[..., None], *sockets: socket.socket) -> None:
        carrier = threading.Thread(target=carry, args=sockets, name="relay", daemon=True)
        carrier.start()
        self._carriers.append(carrier)

    def _carry_next(self, upstream: socket.socket) -> None:
        with upstream:
            try:
                client = self._accept(is_own)
            except OSError:  # nobody came in time, or the relay was closed
                return
            with self._lock:
                self._sockets.append(client)
            self._carry(client, upstream)

    def _accept(self, is_expected: Callable[[tuple[str, int]], bool]) -> socket.socket:
        while True:
            client, peer = self._listener.accept()
            if is_expected(peer):
                client.setblocking(True)
                # Else the end of a long answer waits, for 40 ms on Linux, until the driver's system has said that it
                # has the rest.
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return client
            client.close()

    def _carry(self, client: socket.socket, upstream: socket.socket) -> None:
        with client, upstream, suppress(OSError):
            ways = {client.fileno(): (client, upstream), upstream.fileno(): (upstream, client)}
            ready = select.poll()
            for handle in ways:
                ready.register(handle, select.POLLIN)
            while ways:
                for handle, _ in ready.poll():
                    source, sink = ways[handle]
                    chunk = source.recv(CHUNK_BYTES)
                    if source is upstream:
                        self._left -= len(chunk)
                    if self.is_exceeded:
                        return
                    if not chunk:  # the other side may still have something to read, or its own end to make
                        ready.unregister(handle)
                        del ways[handle]
                        sink.shutdown(socket.SHUT_WR)
                    elif sink.fileno() in ways:
                        sink.sendall(chunk)


def is_own(address: tuple[str, int]) -> bool:
    """Whether a connection from this local address is this process's; True where the system does not say."""
    try:
        handles = [int(path.name) for path in OWN_HANDLES.iterdir()]
    except OSError:
        return True
    return any(_find_local_address(handle) == address for handle in handles)


def _find_local_address(handle: int) -> object:
    """Return the local address of an open file that is a socket; None for any other, or one that was closed."""
    with suppress(OSError):
        if stat.S_ISSOCK(os.fstat(handle).st_mode):
            with socket.fromfd(handle, socket.AF_INET, socket.SOCK_STREAM) as copy:
                return copy.getsockname()
    return None
