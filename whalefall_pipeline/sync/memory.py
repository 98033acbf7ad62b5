"""Keeps a session's memory flat, however many instances it works through."""

import ctypes
import gc
from collections.abc import Callable, Generator
from contextlib import contextmanager

NEW_OBJECTS = 500_000


def _keep(_pad: int) -> int:
    return 0


def _find_trim() -> Callable[[int], int]:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another system's library, which has no such function
        return _keep


_trim = _find_trim()


def give_back() -> None:
    """Free what is left of instances, in cycles; and give freed memory back, which glibc keeps for each thread."""
    gc.collect()
    _trim(0)


@contextmanager
def collecting_rarely() -> Generator[None]:
    """Let Python look for garbage in cycles rarely: a reading is a million values without any, and half of the time."""
    usual = gc.get_threshold()
    gc.set_threshold(NEW_OBJECTS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
