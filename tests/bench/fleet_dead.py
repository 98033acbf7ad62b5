"""Hosts that are dead in different ways, on loopback ports: closed, silent, resetting; the fourth refuses the login."""

import socket
import struct
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress

HOST = "127.0.0.1"
CLOSED, SILENT, REFUSING, RESETTING = KINDS = ("closed port", "black hole", "wrong password", "reset in the middle")
SENT_BEFORE_RESET = 2_000
"""Bytes from the server: a PostgreSQL login has less, the catalog has more."""
AT_ONCE = struct.pack("ii", 1, 0)


@contextmanager
def open_dead_ports(target_port: int) -> Generator[Mapping[str, int]]:
    """Yield a port for each kind but the wrong password, whose server is the one at the target."""
    silent = socket.create_server((HOST, 0), backlog=4096)
    resetting = socket.create_server((HOST, 0), backlog=4096)
    threading.Thread(target=_accept, args=(resetting, target_port), daemon=True).start()
    with silent, resetting, socket.socket() as closed:
        closed.bind((HOST, 0))  # taken, but nobody listens
        yield {
            CLOSED: _port_of(closed),
            SILENT: _port_of(silent),
            RESETTING: _port_of(resetting),
            REFUSING: target_port,
        }


def _port_of(each: socket.socket) -> int:
    return int(each.getsockname()[1])


def _accept(listener: socket.socket, target_port: int) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, target_port), daemon=True).start()


def _serve(client: socket.socket, target_port: int) -> None:
    """Pass bytes on until the server has sent enough, then reset the client."""
    with client, suppress(OSError), socket.create_connection((HOST, target_port)) as server:
        threading.Thread(target=_pump, args=(client, server), daemon=True).start()
        left = SENT_BEFORE_RESET
        while left > 0 and (received := server.recv(left)):
            client.sendall(received)
            left -= len(received)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)


def _pump(client: socket.socket, server: socket.socket) -> None:
    with suppress(OSError):
        while received := client.recv(65536):
            server.sendall(received)
