"""One child of the supervisor: its command, its log, its process group."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from whalefall_pipeline.system import on_parent_death

_KEPT_LOGS = 3
_GROUP_SECONDS = 5.0


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


async def _ends_within(process: Process, seconds: float) -> bool:
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _signal_group(process: Process, group_signal: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS refuses a group of which only the dead are left
        os.killpg(process.pid, group_signal)


def turn_logs(log: Path) -> None:
    """Put an old log aside, so that a new one begins; a few are kept."""
    for number in range(_KEPT_LOGS, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        newer = log.with_name(f"{log.name}.{number - 1}") if number > 1 else log
        if newer.exists():
            newer.replace(older)
