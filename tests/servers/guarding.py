"""The guard's program (see `guard`): its argument is the mark, its input a folder a line; an empty line ends it."""

import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

GRACE_SECONDS = 5
GIVE_UP_SECONDS = 60


def find_marked(mark: bytes) -> list[int]:
    """Return the ids of all processes that have inherited the mark."""
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return [pid for pid in found if pid != os.getpid()]


def end_marked(mark: bytes) -> None:
    """Ask all marked processes to end, and kill those that have not done so in time."""
    begun_at = time.monotonic()
    how = signal.SIGTERM
    while (left := find_marked(mark)) and time.monotonic() < begun_at + GIVE_UP_SECONDS:
        if time.monotonic() > begun_at + GRACE_SECONDS:
            how = signal.SIGKILL
        for pid in left:
            with suppress(OSError):
                os.kill(pid, how)
        time.sleep(0.1)


def main() -> None:
    """Wait for the end of the input, then clean up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folders: list[str] = []
    for line in sys.stdin:
        if line == "\n":
            return
        folders.append(line.rstrip("\n"))
    end_marked(sys.argv[1].encode())
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
