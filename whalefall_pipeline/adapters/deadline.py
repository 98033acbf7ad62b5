"""A moment after which one instance's reading ends, whatever its driver does."""

import threading
import time
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Self

from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncCancelledError


class Deadline:
    """Ends a reading from outside: calls the abort functions of its open connections when time is up or on cancel.

    An abort function must make a call that waits in another thread return or raise at once: for a driver that waits
    on a socket, shutting that socket down does. One thread watches the time, from the first call that may wait until
    `close`, which the end of a `with` block calls too, or until nothing refers to the deadline any more. With
    `is_watched=False` there is no such thread: for calls that all look at the time themselves.
    """

    def __init__(self, seconds: float, *, is_watched: bool = True) -> None:
        self.seconds = seconds
        self._is_watched = is_watched
        self._ends_at = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._aborts: list[Callable[[], None]] = []
        self._timer: threading.Timer | None = None
        self._cancelled = self._expired = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Watch the time no longer; nothing is ended by this."""
        with self._lock:
            if self._timer:
                self._timer.cancel()

    @property
    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self._ends_at - time.monotonic())

    def cancel(self) -> None:
        """End the reading now, from any thread; it raises SyncCancelledError."""
        self._cancelled = True
        self._abort_all()

    @property
    def has_passed(self) -> bool:
        """Whether the time is up; raises SyncCancelledError after a cancel."""
        try:
            self.check()
        except DatabaseConnectionError:
            return True
        return False

    def check(self) -> None:
        """Raise when the reading was cancelled or its time is up."""
        if self._cancelled:
            raise SyncCancelledError("the session was cancelled")
        if self._expired or not self.remaining:
            raise DatabaseConnectionError(f"no answer within the deadline of {self.seconds:g} s", transient=True)

    @contextmanager
    def aborting(self, abort: Callable[[], None]) -> Generator[None]:
        """Call `abort` if the deadline passes or is cancelled inside the block; the block's error then says so."""
        with self._lock:
            self._aborts.append(abort)
        try:
            self._watch()
            self.check()
            yield
        except Exception:
            self.check()
            raise
        finally:
            with self._lock:
                self._aborts.remove(abort)

    def _watch(self) -> None:
        """Start the thread that watches the time, where none does yet; it keeps no deadline alive."""
        with self._lock:
            if self._timer or not self._is_watched:
                return
            timer = threading.Timer(self.remaining, _expire, [weakref.ref(self)])
            timer.daemon = True
            timer.start()
            self._timer = timer
            weakref.finalize(self, timer.cancel)

    def expire(self) -> None:
        """End the reading because its time is up, as the thread that watches it does."""
        self._expired = True
        self._abort_all()

    def _abort_all(self) -> None:
        with self._lock:
            aborts = list(self._aborts)
        for abort in aborts:
            with suppress(Exception):
                abort()


def _expire(watched: weakref.ref[Deadline]) -> None:
    deadline = watched()
    if deadline:
        deadline.expire()
