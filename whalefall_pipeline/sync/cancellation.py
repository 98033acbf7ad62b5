"""Ends everything that a session has under way, from any thread."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.core.errors import SyncCancelledError


class Cancellation:
    """One session's word that it is cancelled; what is under way ends, waits return, nothing new begins."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._ends: list[Callable[[], None]] = []

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._event.is_set()

    def cancel(self) -> None:
        """Cancel the session, and end what is under way now; again for what began something new meanwhile."""
        self._event.set()
        with self._lock:  # held, so that nothing is ended that its block has left
            for end in self._ends:
                end()

    def check(self) -> None:
        """Raise SyncCancelledError once the session is cancelled."""
        if self._event.is_set():
            raise SyncCancelledError("the session was cancelled")

    def wait(self, seconds: float) -> None:
        """Wait, or raise SyncCancelledError as soon as the session is cancelled."""
        self._event.wait(seconds)
        self.check()

    @contextmanager
    def ending(self, end: Callable[[], None]) -> Generator[None]:
        """Have `end` called, from another thread, by each cancel that comes inside the block."""
        with self._lock:
            self._ends.append(end)
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._ends.remove(end)

    @contextmanager
    def deadline(self, seconds: float) -> Generator[Deadline]:
        """Yield a deadline that a cancel ends too."""
        with Deadline(seconds) as deadline, self.ending(deadline.cancel):
            yield deadline
