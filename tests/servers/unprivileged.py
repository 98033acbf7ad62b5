"""The user that servers run as, and temporary folders of theirs: servers refuse root, so root runs them as nobody."""

import atexit
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from tests.servers.guard import guard_folder

ROOT_RUNS_AS = "nobody"
MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a folder of its own in it
ROOM = 2 * 1024**3


class RunAs(TypedDict, total=False):
    """Arguments of `subprocess.run` and `Popen` that say who runs a program; none for a user, who runs it himself."""

    user: int
    group: int
    extra_groups: list[int]


def run_as() -> RunAs:
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(ROOT_RUNS_AS)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def make_folder(name: str, *, in_memory: bool = False) -> Path:
    """Make a temporary folder that belongs to the servers' user, and is removed when this process ends or is killed.

    `in_memory` where there is room: a database is hundreds of small files, made ten times as fast there.
    """
    base = MEMORY if in_memory and _has_room(MEMORY) else None
    folder = Path(tempfile.mkdtemp(prefix=f"whalefall-{name}-", dir=base))
    guard_folder(folder)
    hand_over(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def hand_over(folder: Path) -> None:
    """Let the servers' user own a folder and all that is in it."""
    who = run_as()
    if "user" in who and "group" in who:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, who["user"], who["group"])


def _has_room(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > ROOM


def run(command: Sequence[str | Path]) -> None:
    """Run a program to its end as the servers' user; its error text is in the exception when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **run_as())
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()}")


def may_enter(folder: Path) -> bool:
    """Whether the servers' user may enter a folder and all that it lies in."""
    return not run_as() or all(each.stat().st_mode & 0o001 for each in (folder, *folder.parents))
