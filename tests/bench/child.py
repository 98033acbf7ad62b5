"""One measured sync in a process of its own: standard input says of what, one line of standard output how it was."""

import importlib
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

STATUS = Path("/proc/self/status")
MODULES = {"floor": "tests.bench.floor", "ours": "tests.bench.ours"}


class Measured(NamedTuple):
    """How one sync was; memory is the peak of the whole process, libraries included, and CPU time that of the sync."""

    seconds: float
    peak_mib: float
    source_statements: int
    ledger_statements: int
    cpu_seconds: float
    findings_seconds: float


class Ran(NamedTuple):
    """What a side says of its sync: statements to the source, and the CPU time that findings took of it."""

    statements: int
    findings_seconds: float = 0.0


def main() -> None:
    request = json.load(sys.stdin)
    run = importlib.import_module(MODULES[request["side"]]).run  # the other side's libraries would be in its memory
    count = _count_statements()
    begun, cpu_begun = time.perf_counter(), time.process_time()
    ran: Ran = run(request)
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu_begun
    is_counted = request["side"] == "floor" and request["instance"]["db_type"] == "postgresql"
    own = ran.statements if is_counted else 0
    measured = Measured(seconds, read_peak_mib(), ran.statements, count() - own, cpu_seconds, ran.findings_seconds)
    sys.stdout.write(json.dumps(measured) + "\n")


def read_peak_mib() -> float:
    """Return this process's peak; Linux's ru_maxrss has the parent's in it, as it was before this program began."""
    if not STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _count_statements() -> Callable[[], int]:
    """Count what psycopg's cursors send from now on, COPY included: to the ledger, and the floor's to a source."""
    sent = 0

    def counting(work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any, **named: Any) -> Any:
            nonlocal sent
            sent += 1
            return work(*values, **named)

        return call

    for name in ("execute", "copy"):
        setattr(psycopg.Cursor, name, counting(getattr(psycopg.Cursor, name)))
    return lambda: sent


if __name__ == "__main__":
    main()
