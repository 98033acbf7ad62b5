"""Ways to use an embedded server, and to end what belongs to it."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from whalefall_pipeline.embedded import EmbeddedServer
from whalefall_pipeline.embedded.cluster import GUARD_LOCK
from whalefall_pipeline.system import locked

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, or relies on Linux ending orphans")

USER = """
import sys
from pathlib import Path
from whalefall_pipeline.embedded import embedded_server
with embedded_server(Path(sys.argv[1])) as server:
    print(server.port, flush=True)
    sys.stdin.read()
"""


def wait_until_gone(folder: Path) -> None:
    """Wait for the lock that the guard and all processes of the server hold."""
    with locked(folder / GUARD_LOCK):
        pass


def connect(server: EmbeddedServer, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(server.url(database, driver=""), autocommit=True)


def read_value(server: EmbeddedServer, query: str) -> object:
    with connect(server) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row
    return row[0]


@contextmanager
def user(folder: Path) -> Generator["subprocess.Popen[str]"]:
    """Another program that uses the server, in a process group of its own; ready when this returns."""
    command = [sys.executable, "-c", USER, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        assert running.stdout
        assert running.stdout.readline().strip().isdigit()
        try:
            yield running
        finally:
            running.kill()


def kill_and_wait(pid: int, ends: int) -> None:
    """Kill one process and wait until another one, or the same, has ended by that."""
    ending = os.pidfd_open(ends)
    try:
        os.kill(pid, signal.SIGKILL)
        select.select([ending], [], [])
    finally:
        os.close(ending)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
