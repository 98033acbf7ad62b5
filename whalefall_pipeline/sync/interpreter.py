"""Tunes the interpreter for sessions: their memory stays flat, and their threads hand over to each other at once."""

import ctypes
import gc
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

NEW_OBJECTS = 500_000
SWITCH_SECONDS = 0.0005
"""After so long a thread that works lets one that waits have its turn; ten times as often as usual."""
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
def tuned() -> Generator[None]:
    """Run a block as sessions are run best.

    Python looks for garbage in cycles rarely: a reading is a million values without any, and half of the time. What is
    there before, most of all modules, is not looked through meanwhile: that takes a tenth of a second. And a thread
    that has something for a server, or from it, need not wait for one that works: the server would wait for it.
    Sessions of one process may overlap: the last of them to end puts back what the first one found.
    """
    with _sessions.lock:
        if not _sessions.count:
            _sessions.usual, _sessions.usual_switch = gc.get_threshold(), sys.getswitchinterval()
            gc.set_threshold(NEW_OBJECTS, *_sessions.usual[1:])
            gc.freeze()
            sys.setswitchinterval(SWITCH_SECONDS)
        _sessions.count += 1
    try:
        yield
    finally:
        with _sessions.lock:
            _sessions.count -= 1
            if not _sessions.count:
                gc.set_threshold(*_sessions.usual)
                gc.unfreeze()
                sys.setswitchinterval(_sessions.usual_switch)


@dataclass
class _Sessions:
    """How many sessions there are now, and what was set before the first of them."""

    count: int = 0
    usual: tuple[int, int, int] = (0, 0, 0)
    usual_switch: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


_sessions = _Sessions()
