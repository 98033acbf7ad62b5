"""The process that owns a server: starts it, starts it again after a crash, stops it when nobody uses it any more.

The first user runs it in a session of its own, so a Ctrl-C in that user's terminal does not reach it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType

from whalefall_pipeline.embedded.binaries import Binaries, choose_owner, reachable_binaries
from whalefall_pipeline.embedded.cluster import READY, USERS_LOCK, Cluster, initialise, start, stop_server
from whalefall_pipeline.embedded.errors import EmbeddedServerError, explain
from whalefall_pipeline.system import locked

_RESTARTS = 10
_TRIES = 10


class Guard:
    """One running server."""

    def __init__(self, cluster: Cluster, binaries: Binaries, lock_fd: int) -> None:
        self._cluster, self._binaries, self._lock_fd = cluster, binaries, lock_fd
        self._stopping = threading.Lock()
        self._unused = False
        initialise(cluster, binaries)
        self._server = self._start()

    def watch(self) -> None:
        """Return when the server was stopped; one that crashed is started again."""
        threading.Thread(target=self._stop_when_unused, daemon=True).start()
        restarts = 0
        while self._server.wait() != 0:
            with self._stopping:
                if self._unused or restarts == _RESTARTS:
                    return
                restarts += 1
                self._server = self._start()

    def stop(self) -> None:
        """Stop the server if it runs."""
        stop_server(self._server)

    def _stop_when_unused(self) -> None:
        with locked(self._cluster.folder / USERS_LOCK), self._stopping:
            self._unused = True
            self.stop()

    def _start(self) -> "subprocess.Popen[bytes]":
        """Start, and try again for a while: a port is lost at the last moment, a crashed server's children linger."""
        for _ in range(_TRIES - 1):
            try:
                return start(self._cluster, self._binaries, self._lock_fd)
            except EmbeddedServerError:
                time.sleep(0.3)
        return start(self._cluster, self._binaries, self._lock_fd)


def main(folder: Path, lock_fd: int, report_fd: int) -> None:
    """Own the server of a folder until it is stopped; say on the pipe when it is ready, or why there is none."""
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGINT, _exit)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # the first user may be gone before the server is ready
    with ExitStack() as held:
        try:
            cluster = Cluster(folder, choose_owner(folder / "data"))
            binaries = held.enter_context(reachable_binaries(cluster.data, cluster.owner))
            guard = Guard(cluster, binaries, lock_fd)
        except EmbeddedServerError as error:
            _report(report_fd, str(error))
            return
        except OSError as error:
            _report(report_fd, explain(folder, error))
            return
        try:
            _report(report_fd, READY)
            guard.watch()
        finally:
            guard.stop()


def _exit(_signal: int, _frame: FrameType | None) -> None:
    sys.exit()


def _report(report_fd: int, line: str) -> None:
    with suppress(BrokenPipeError), os.fdopen(report_fd, "w", encoding="utf-8") as report:
        report.write(line)
