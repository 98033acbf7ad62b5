"""Files of a server's folder: its locks, which end with the last process that holds the file open, and private text."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

USERS_LOCK = "users.lock"
"""Shared by all users; the guard waits for it to be free."""

START_LOCK = "start.lock"
"""Held while somebody looks whether the server runs, starts it or stops it."""

GUARD_LOCK = "guard.lock"
"""Held by the guard and by every process of the server."""


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Generator[None]:
    """Wait for the lock on a file, which is made where it is missing, and hold it."""
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
    """Write a file that only its owner may read, and see it on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
