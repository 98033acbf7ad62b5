"""Loopback ports for servers, each kept by who took it until it is given back, also while no server listens on it."""

import socket
import tempfile
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from os import getuid
from pathlib import Path
from random import SystemRandom

from whalefall_pipeline.system import try_lock

HOST = "127.0.0.1"
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
FIRST, LAST = 15_000, 32_767
"""Below what systems give to connections that go out, so none of those takes a port while its server restarts."""

forbidden = threading.Event()
"""Set while a test runs that is not known to need a server."""


@contextmanager
def take_port() -> Generator[int]:
    """Yield a port that no other test takes, in this process or another, until the end of the block.

    A lock on a file keeps it; the kernel releases that when the process ends, however it does.
    """
    if forbidden.is_set():
        raise AssertionError("this test starts a server, and nothing that it calls says so: mark it `server`")
    folder = Path(tempfile.gettempdir()) / f"whalefall-test-ports-{getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for port in _candidates():
        lock = try_lock(folder / str(port))
        if lock is None:
            continue
        with lock:
            if _is_free(port):
                yield port
                return
    raise RuntimeError("no port is free")


def _candidates() -> Iterable[int]:
    """Return ports in random order that are neither well known nor given to outgoing connections."""
    last = LAST
    if EPHEMERAL.exists():
        last = min(last, int(EPHEMERAL.read_text().split()[0]) - 1)
    ports = range(FIRST, last + 1) if last > FIRST + 1000 else range(FIRST, 65_536)
    return SystemRandom().sample(ports, len(ports))


def _is_free(port: int) -> bool:
    """Whether a server could listen on it: closed connections that linger don't matter to those."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
        return True
