"""A moment after which one instance's reading ends, whatever its driver does."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncCancelledError


class Deadline:
    """Ends a reading from outside: calls the abort functions of its open connections when time is up or on cancel.

    An abort function must make a call that waits in another thread return or raise at once: for a driver that waits
    on a socket, shutting that socket down does.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends_at = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._aborts: list[Callable[[], None]] = []
        self._cancelled = False

    @property
    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self._ends_at - time.monotonic())

    def cancel(self) -> None:
        """End the reading now, from any thread; it raises SyncCancelledError."""
        self._cancelled = True
        self._abort_all()

    def check(self) -> None:
        """Raise when the reading was cancelled or its time is up."""
        if self._cancelled:
            raise SyncCancelledError("the session was cancelled")
        if not self.remaining:
            raise DatabaseConnectionError(f"no answer within the deadline of {self.seconds:g} s", transient=True)

    @contextmanager
    def aborting(self, abort: Callable[[], None]) -> Generator[None]:
        """Call `abort` if the deadline passes or is cancelled inside the block; the block's error then says so."""
        timer = threading.Timer(self.remaining, abort)
        timer.daemon = True
        with self._lock:
            self._aborts.append(abort)
        timer.start()
        try:
            self.check()
            yield
        except Exception:
            self.check()
            raise
        finally:
            timer.cancel()
            with self._lock:
                self._aborts.remove(abort)

    def _abort_all(self) -> None:
        with self._lock:
            aborts = list(self._aborts)
        for abort in aborts:
            with suppress(Exception):
                abort()
