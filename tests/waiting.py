"""Waiting for what other processes do, and ending them."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

WAIT_SECONDS = 240
LONGEST_PAUSE = 1.0
T = TypeVar("T")


def wait_for(look: Callable[[], T | None], what: str) -> T:
    """Look until there is something true to see; a generous limit turns a hang into a failure that says what."""
    ends_at = time.monotonic() + WAIT_SECONDS
    pause = 0.1
    while not (seen := look()):
        assert time.monotonic() < ends_at, f"not within {WAIT_SECONDS} s: {what}"
        time.sleep(pause)
        pause = min(pause * 1.2, LONGEST_PAUSE)  # what looks often takes the processor from what it waits for
    return seen


def kill(pid: int) -> None:
    """End a process as a power cut would."""
    os.kill(pid, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be collected by its parent does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
