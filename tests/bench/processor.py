"""The processor time of a server and its processes, from /proc."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def read_cpu(pid: int) -> float:
    """Return the processor time in seconds of a server, its child processes and those that have ended."""
    own = _read_times(pid)
    children = [_read_times(int(child)) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return (sum(own) + sum(sum(times[:2]) for times in children)) / TICKS


def _read_times(pid: int) -> tuple[int, ...]:
    """Return user and system time, then those of children that have ended, in clock ticks; see proc(5), `stat`."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return (0, 0, 0, 0)
    return tuple(map(int, fields[11:15]))
