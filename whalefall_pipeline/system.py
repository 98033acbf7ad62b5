"""What we ask of the operating system: locks that end with their holder, private files, children that end with us."""

import ctypes
import fcntl
import os
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Generator[None]:
    """Wait for the lock on a file, which is made where it is missing, and hold it.

    The kernel releases it when the last process that holds the file open is gone, however that ended.
    """
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


def try_lock(path: Path) -> BinaryIO | None:
    """Take the exclusive lock if nobody has it; closing what comes back releases it."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except BaseException:
        file.close()
        raise
    return file


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, and see it on the disk; readers find the old text or the new one."""
    new = path.with_name(f"{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def on_parent_death(stop_signal: signal.Signals) -> Callable[[], None]:
    """Give a `preexec_fn` that has the kernel send this signal to the child when the thread that made it ends.

    Only Linux has such a thing; elsewhere it does nothing. It takes none of Python's locks, so threads do it no harm.
    """

    def ask() -> None:
        if sys.platform == "linux":
            _libc.prctl(_PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)

    return ask
