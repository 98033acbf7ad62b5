"""One child of the supervisor: its command, its log, its process group."""

import asyncio
import os
import shutil
import signal
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from whalefall_pipeline.system import on_parent_death

_KEPT_LOGS = 3
LARGEST_LOG = 20_000_000
"""Bytes of a log, after which it is put aside while its service goes on."""
_GROUP_SECONDS = 5.0
_KILLED_SECONDS = 2.0
"""How long the kernel may take to clear away what was killed; a zombie that nobody reaps stays longer."""


@dataclass(slots=True)
class Service:
    """A program that runs until it is told to stop, in a process group of its own."""

    name: str
    command: list[str]
    log: Path
    grace_seconds: float
    """How long it may take to end by itself when told to."""
    handles: tuple[int, ...] = ()
    """Open files of ours that it inherits."""
    _process: Process | None = field(default=None, init=False)

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs, and before."""
        return self._process.returncode if self._process else None

    async def start(self, environment: Mapping[str, str], folder: Path) -> None:
        """Start it, with what it prints going to its log."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                cwd=folder,
                env=environment,
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=on_parent_death(signal.SIGTERM),
                pass_fds=self.handles,
            )

    async def wait(self) -> int:
        """Wait for its end, by itself or not; then have what it left in its group end too."""
        if self._process is None:
            raise RuntimeError(f"the {self.name} was not started")
        code = await self._process.wait()
        _signal_group(self._process, signal.SIGTERM)
        return code

    async def stop(self) -> None:
        """End it and all in its group: itself with patience, then the group with little, then at once."""
        if self._process is None:
            return
        process = self._process
        if process.returncode is None:
            process.terminate()
        if not await _ends_within(process, self.grace_seconds):
            _signal_group(process, signal.SIGTERM)
            await _ends_within(process, _GROUP_SECONDS)
        _signal_group(process, signal.SIGKILL)
        await process.wait()
        await _wait_for_group(process)


async def _ends_within(process: Process, seconds: float) -> bool:
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _wait_for_group(process: Process) -> None:
    """Return when no process of a killed group is left: its children are not ours to wait for, so ask."""
    ends_at = time.monotonic() + _KILLED_SECONDS
    while _signal_group(process, 0) and time.monotonic() < ends_at:
        await asyncio.sleep(0.01)


def _signal_group(process: Process, group_signal: int) -> bool:
    """Send a signal (0: none, only look) to all in the group; return whether there was one to get it."""
    try:
        os.killpg(process.pid, group_signal)
    except (ProcessLookupError, PermissionError):  # macOS refuses a group of which only the dead are left
        return False
    return True


def turn_logs(log: Path) -> None:
    """Put an old log aside, so that a new one begins; a few are kept."""
    for number in range(_KEPT_LOGS, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        newer = log.with_name(f"{log.name}.{number - 1}") if number > 1 else log
        if newer.exists():
            newer.replace(older)


def empty_large_log(log: Path, at_most: int = LARGEST_LOG) -> bool:
    """Put a copy of a log that has grown large aside and empty it, for a writer that goes on appending to the file.

    What is written between the copy's end and the emptying is lost: a few lines at most.
    """
    try:
        if log.stat().st_size <= at_most:
            return False
    except FileNotFoundError:
        return False
    copy = log.with_name(f"{log.name}.0")
    try:
        shutil.copyfile(log, copy)
    except OSError:  # a disk without room: half a copy would take what is left of it
        copy.unlink(missing_ok=True)
        return False
    os.truncate(log, 0)
    for number in range(_KEPT_LOGS, 0, -1):
        newer = log.with_name(f"{log.name}.{number - 1}")
        if newer.exists():
            newer.replace(log.with_name(f"{log.name}.{number}"))
    return True
