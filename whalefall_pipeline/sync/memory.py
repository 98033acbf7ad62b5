"""Keeps a session's memory flat, however many instances it works through."""

import ctypes
import gc
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

NEW_OBJECTS = 500_000
INSTANCES_BETWEEN = 50
"""After so many instances what they used is given back: memory else grows by 25 kB with each."""


def _keep(_pad: int) -> int:
    return 0


def _find_trim() -> Callable[[int], int]:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another system's library, which has no such function
        return _keep


_trim = _find_trim()


def release() -> None:
    """Free what is left of instances, in cycles; and give freed memory back, which glibc keeps for each thread."""
    gc.collect()
    _trim(0)


@contextmanager
def collecting_rarely() -> Generator[None]:
    """Let Python look for garbage in cycles rarely: a reading is a million values without any, and half of the time.

    What is there before, most of all modules, is not looked through meanwhile: that takes a tenth of a second.
    Sessions of one process may overlap: the last of them to end puts back what the first one found.
    """
    with _sessions.lock:
        if not _sessions.count:
            _sessions.usual = gc.get_threshold()
            gc.set_threshold(NEW_OBJECTS, *_sessions.usual[1:])
            gc.freeze()
        _sessions.count += 1
    try:
        yield
    finally:
        with _sessions.lock:
            _sessions.count -= 1
            if not _sessions.count:
                gc.set_threshold(*_sessions.usual)
                gc.unfreeze()


@dataclass
class _Sessions:
    """How many sessions collect rarely now, and what was set before the first of them."""

    count: int = 0
    usual: tuple[int, int, int] = (0, 0, 0)
    lock: threading.Lock = field(default_factory=threading.Lock)


_sessions = _Sessions()
