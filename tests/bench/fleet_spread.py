"""A fleet in one session over one process and over several: first, then without change, bare and in a run."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from tests.bench.fleet_stand import Stand, open_fleet, run_session
from tests.bench.processor import read_cpu

PHASES = (("first", "bare"), ("unchanged", "bare"), ("unchanged, in a run", "dagster"))
PROCESSES = (1, 2)
HEAD = (
    "| Sync | Processes | Instances | Seconds | **CPU per instance** | CPU: ours | The ledger's server | The sources' "
    "| Load |",
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
)


class Spread(NamedTuple):
    """One session: seconds, and seconds of CPU of all processes of each kind."""

    phase: str
    processes: int
    instances: int
    seconds: float
    ours: float
    ledger: float
    source: float
    load: float


def measure_spread(stand: Stand, instances: int, tell: Callable[[str], object]) -> list[Spread]:
    """Sync one fleet over each number of processes into a ledger of its own."""
    found: list[Spread] = []
    for processes in PROCESSES:
        with open_fleet(stand, f"spread_{processes}", instances, percent_dead=0) as opened:
            fleet = replace(opened, environment={**opened.environment, "WHALEFALL_PROCESSES": str(processes)})
            for phase, how in PHASES:
                ledger, source = read_cpu(stand.ledger_pid), read_cpu(stand.source.pid)
                ran = run_session(fleet, how)
                used = (read_cpu(stand.ledger_pid) - ledger, read_cpu(stand.source.pid) - source)
                found.append(
                    Spread(phase, processes, instances, ran["seconds"], ran["cpu_seconds"], *used, ran["load"])
                )
                tell(build_spread_table(found[-1:]))
    return found


def build_spread_table(found: Sequence[Spread]) -> str:
    """Return a row per session."""
    return "\n".join([*HEAD, *map(_to_row, sorted(found))])


def _to_row(spread: Spread) -> str:
    cells = [spread.phase, str(spread.processes), f"{spread.instances:,}", f"{spread.seconds:.1f}"]
    cells.append(f"**{spread.ours / spread.instances * 1000:.1f} ms**")
    cells += [f"{seconds:.1f} s" for seconds in (spread.ours, spread.ledger, spread.source)]
    return f"| {' | '.join([*cells, f'{spread.load:.1f}'])} |"
