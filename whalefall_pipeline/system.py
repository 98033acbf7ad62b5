"""What we ask of the operating system: locks that end with their holder, private files, children that end with us."""

import ctypes
import errno
import fcntl
import os
import signal
import stat
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
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


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for their owner alone, whatever the umask is."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        with suppress(FileExistsError):
            missing.mkdir(mode=PRIVATE_FOLDER)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


def close_folder(folder: Path, *, change: bool) -> int | None:
    """Return the mode of a folder of ours that others may enter or write to, None for one that is closed or not there.

    With `change` it is closed; else one that others may only read is fine too.
    """
    try:
        status = folder.stat()
    except OSError:
        return None
    mode = stat.S_IMODE(status.st_mode)
    if (
        not folder.is_dir()
        or status.st_uid != os.geteuid()
        or not mode & (0o077 if change else 0o022)
        or mode & stat.S_ISVTX
    ):
        return None
    if change:
        folder.chmod(PRIVATE_FOLDER)
    return mode


def read_small(path: Path, most: int = 4096) -> str | None:
    """Return the text of a small file that somebody else may have put there; None where there is no such plain file.

    A link is not followed, a pipe not waited for, and of a large file no more is read.
    """
    try:
        file = _open_plain(path, os.O_NOFOLLOW)
    except OSError:
        return None
    with file:
        return file.read(most).decode(errors="replace")


def read_plain(path: Path, most: int) -> str:
    """Return the UTF-8 text of a plain file of at most so many bytes; a pipe is not waited for, a device not read.

    Raises OSError with its reason, and UnicodeDecodeError.
    """
    with _open_plain(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes")
    return content.decode()


def _open_plain(path: Path, flags: int = 0) -> BinaryIO:
    """Open a plain file to be read. Raises OSError for anything else, a folder too; a pipe is not waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no plain file")
    return os.fdopen(descriptor, "rb")


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, and see it on the disk; readers find the old text or the new one."""
    new = path.with_name(f"{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), PRIVATE_FILE)  # one that was left behind keeps its mode
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def on_parent_death(stop_signal: signal.Signals) -> Callable[[], None]:
    """Return a `preexec_fn` that has the kernel send this signal to the child when the thread that made it ends.

    Only Linux has such a thing; elsewhere it does nothing. It takes none of Python's locks, so threads do it no harm.
    """

    def set_signal() -> None:
        if sys.platform == "linux":
            _libc.prctl(_PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)

    return set_signal
