"""The server's process, as its lock file names it: who may write that file is not trusted with who gets a signal.

The data folder belongs to the unprivileged user who runs the server. Were root to believe what stands in it, that user
could have any process of the machine interrupted.
"""

import os
import signal
import subprocess
from pathlib import Path

from whalefall_pipeline.system import read_small

_PROC = Path("/proc")


def read_postmaster(folder: Path, *, ready: bool = False) -> int | None:
    """Read the server's process id from its lock file; with `ready`, only when it takes connections."""
    lines = (read_small(folder / "data" / "postmaster.pid") or "").splitlines()
    if not lines or (ready and (len(lines) < 8 or lines[7].strip() != "ready")):
        return None
    # A negative id is that of a single-user server; as a signal's target it would be a whole process group.
    return int(lines[0]) if lines[0].isascii() and lines[0].isdigit() and int(lines[0]) > 1 else None


def interrupt(folder: Path) -> int | None:
    """Ask the server of a folder to end, and return its process id; None where no process is found to be it."""
    data = folder / "data"
    pid = find_server(data, read_postmaster(folder))
    if pid is None:
        return None
    try:
        if not hasattr(os, "pidfd_open"):
            os.kill(pid, signal.SIGINT)
            return pid
        # The handle stays with the process that is looked at, should its id be given to another one meanwhile.
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    try:
        if not is_server(pid, data):
            return None
        signal.pidfd_send_signal(process, signal.SIGINT)
    except ProcessLookupError:
        return None
    finally:
        os.close(process)
    return pid


def find_server(data: Path, named: int | None) -> int | None:
    """Return the process that is the server on a data folder: the one that is named, or any other that proves to be."""
    if named is not None and is_server(named, data):
        return named
    others = (int(path.name) for path in _PROC.glob("[0-9]*"))
    return next((pid for pid in others if is_server(pid, data)), None)


def is_server(pid: int, data: Path) -> bool:
    """Return whether a process is the server on a data folder: its owner's, PostgreSQL's program, and working there."""
    owner = data.stat().st_uid
    if not _PROC.joinpath("self").exists():
        return _check_with_ps(pid, owner)
    process = _PROC / str(pid)
    try:
        return (
            process.stat().st_uid == owner
            and _is_postgres(process)
            and (process / "cwd").samefile(data)
            and not _is_postgres(_PROC / _read_parent(process))  # one for each connection works in the folder too
        )
    except OSError:  # it ended meanwhile, or is of a user whose processes we can't look at
        return False


def _is_postgres(process: Path) -> bool:
    try:
        return (process / "exe").readlink().name.removesuffix(" (deleted)") == "postgres"
    except OSError:
        return False


def _read_parent(process: Path) -> str:
    return (process / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[1]


def _check_with_ps(pid: int, owner: int) -> bool:
    said = subprocess.run(  # noqa: S603 - a program of the system's, without a shell
        ["ps", "-o", "uid=,comm=", "-p", str(pid)],  # noqa: S607 - where it is differs from system to system
        capture_output=True,
        check=False,
        text=True,
    ).stdout.split(maxsplit=1)
    return len(said) == 2 and said[0] == str(owner) and Path(said[1].strip()).name.startswith("postgres")
