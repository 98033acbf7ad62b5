"""Ends everything that a session has under way, from any thread."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.core.errors import SyncCancelledError


class Cancellation:
    """One session's word that it is cancelled; readings under way end, waits return, nothing new begins."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._deadlines: set[Deadline] = set()

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._event.is_set()

    def cancel(self) -> None:
        """Cancel the session, and end its readings now."""
        with self._lock:
            self._event.set()
            deadlines = list(self._deadlines)
        for deadline in deadlines:
            deadline.cancel()

    def check(self) -> None:
        """Raise SyncCancelledError once the session is cancelled."""
        if self._event.is_set():
            raise SyncCancelledError("the session was cancelled")

    def wait(self, seconds: float) -> None:
        """Wait, or raise SyncCancelledError as soon as the session is cancelled."""
        self._event.wait(seconds)
        self.check()

    @contextmanager
    def deadline(self, seconds: float) -> Generator[Deadline]:
        """Give a deadline that a cancel ends too."""
        deadline = Deadline(seconds)
        with self._lock:
            self._deadlines.add(deadline)
        try:
            self.check()
            yield deadline
        finally:
            with self._lock:
                self._deadlines.discard(deadline)
