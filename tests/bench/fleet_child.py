"""A session over a whole fleet in a process of its own, bare or as a Dagster run.

The environment says which ledger and which storage; the argument which of the two; one line of standard output how it
was. The Dagster run is made as `whalefall sync --local` makes it.
"""
# Dagster's own signatures hold unknown types.
# pyright: reportUnknownMemberType=false

import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg

from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.core.ranges import build_runs
from whalefall_pipeline.definitions import defs
from whalefall_pipeline.defs.jobs import SYNC_JOB
from whalefall_pipeline.defs.partitions import PARTITIONS_NAME
from whalefall_pipeline.defs.resources import LedgerResource, build_resources, to_key
from whalefall_pipeline.ledger.database import connecting, transaction
from whalefall_pipeline.ledger.instances import read_instances
from whalefall_pipeline.ledger.sessions import SessionStart, open_session
from whalefall_pipeline.settings import get_settings
from whalefall_pipeline.sync.plan import Plan, choose_processes
from whalefall_pipeline.sync.session import run_session

SAMPLE_SECONDS = 0.5
QUARTERS = 4


def run_bare() -> dict[str, Any]:
    """Read and write all instances as a session does, with the same threads and limits, without Dagster."""
    settings, resources, ledger = get_settings(), build_resources(), LedgerResource()
    instances = _read_fleet()
    plan = Plan(
        str(uuid4()),
        ledger.get_engine(),
        {db_type: resources[to_key(db_type)].to_collector() for db_type in ADAPTERS},
        ledger.get_store(),
        parallelism=settings.parallelism,
        processes=choose_processes(settings),
        attempts=settings.attempts,
        backoff_seconds=settings.backoff_seconds,
        instance_seconds=settings.instance_seconds,
    )
    with _measuring() as measured:
        with connecting(plan.engine) as connection, transaction(connection):
            open_session(connection, SessionStart(plan.session_id, "manual_task"), instances)
        outcomes = run_session(plan, instances, lambda _outcome: None)
    return {**measured, "failed": sum(outcome.error is not None for outcome in outcomes)}


def run_dagster() -> dict[str, Any]:
    """Sync all instances in one run of the job, from asking for the run to its end."""
    names = [instance.name for instance in _read_fleet()]
    job = defs.resolve_job_def(SYNC_JOB)
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(PARTITIONS_NAME, names)
        storing = _time_events(instance.event_log_storage)
        run_id, (tags,) = str(uuid4()), build_runs(names, names, len(names))
        with _measuring() as measured:
            job.execute_in_process(instance=instance, run_id=run_id, tags=tags, raise_on_error=False)
        kinds = Counter(
            record.event_log_entry.dagster_event_type.value if record.event_log_entry.dagster_event_type else "log line"
            for record in instance.get_records_for_run(run_id).records
        )
        return {**measured, "run_id": run_id, "storing": storing, "events": dict(kinds)}


def _read_fleet() -> list[Instance]:
    with connecting(LedgerResource().get_engine()) as connection, transaction(connection):
        return read_instances(connection)


def _time_events(storage: Any) -> dict[str, float]:
    """Measure from now on what the storing of events takes: seconds, waiting included, and seconds of CPU here."""
    spent = {"seconds": 0.0, "cpu_seconds": 0.0}

    def timing(work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any, **named: Any) -> Any:
            begun, cpu_begun = time.perf_counter(), time.thread_time()
            try:
                return work(*values, **named)
            finally:
                spent["seconds"] += time.perf_counter() - begun
                spent["cpu_seconds"] += time.thread_time() - cpu_begun

        return call

    storage.store_together = timing(storage.store_together)
    return spent


@contextmanager
def _measuring() -> Generator[dict[str, Any]]:
    """Measure the block with all its processes: seconds, seconds of CPU, and memory after each quarter of the time.

    The CPU time of the measuring itself, which looks at each thread for its processes, is not in it.
    """
    measured: dict[str, Any] = {}
    memory: list[float] = []
    ended = threading.Event()
    sampling_seconds = 0.0

    def sample() -> None:
        nonlocal sampling_seconds
        while not ended.wait(SAMPLE_SECONDS):
            memory.append(_read_memory_mib())
        sampling_seconds = time.thread_time()

    sampling = threading.Thread(target=sample, daemon=True)
    sampling.start()
    begun, cpu_begun = time.perf_counter(), _read_cpu_seconds()
    try:
        yield measured
    finally:
        seconds = time.perf_counter() - begun
        ended.set()
        sampling.join()
        measured |= {"seconds": seconds, "cpu_seconds": _read_cpu_seconds() - cpu_begun - sampling_seconds}
        memory.append(_read_memory_mib())
        measured["memory_mib"] = [memory[(len(memory) * part - 1) // QUARTERS] for part in range(1, QUARTERS + 1)]


def _read_cpu_seconds() -> float:
    """Return the CPU time of this process, and of those that it waited for."""
    return sum(os.times()[:4])


def _read_memory_mib() -> float:
    children = (path.read_text().split() for path in Path("/proc/self/task").glob("*/children"))
    return sum(_read_memory_of(pid) for pid in ["self", *chain.from_iterable(children)])


def _read_memory_of(pid: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it has ended meanwhile
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


if __name__ == "__main__":
    found = {"bare": run_bare, "dagster": run_dagster}[sys.argv[1]]()
    sys.stdout.write("\n" + json.dumps(found) + "\n")
