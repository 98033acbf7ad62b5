"""One session over a whole fleet, bare or as a Dagster run; one line of standard output says how it was."""
# Dagster's own signatures hold unknown types.
# pyright: reportUnknownMemberType=false

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg

from whalefall_pipeline.core.ranges import build_run_tags
from whalefall_pipeline.definitions import defs
from whalefall_pipeline.defs.events import PERMISSIONS
from whalefall_pipeline.defs.jobs import SYNC_JOB
from whalefall_pipeline.defs.partitions import INSTANCES, PARTITIONS_NAME
from whalefall_pipeline.defs.resources import LedgerResource, build_resources
from whalefall_pipeline.ledger.database import connecting, transaction
from whalefall_pipeline.ledger.instances import read_instances
from whalefall_pipeline.ledger.sessions import SessionStart, open_session
from whalefall_pipeline.settings import get_settings
from whalefall_pipeline.sync.plan import Plan
from whalefall_pipeline.sync.session import run_session

MANY = 5_000


def run_bare() -> dict[str, Any]:
    engine, settings = LedgerResource().get_engine(), get_settings()
    resources = build_resources()
    with connecting(engine) as connection, transaction(connection):
        instances = read_instances(connection)
        plan = Plan(
            str(uuid4()),
            engine,
            {"postgresql": resources["postgresql"].to_collector()},
            LedgerResource().get_store(),
            parallelism=settings.parallelism,
            attempts=settings.attempts,
        )
        open_session(connection, SessionStart(plan.session_id, "manual_task"), instances)
    outcomes = run_session(plan, instances, lambda _outcome: None)
    return {"instances": len(outcomes), "failed": sum(outcome.error is not None for outcome in outcomes)}


def run_dagster() -> dict[str, Any]:
    with dg.DagsterInstance.get() as instance:
        with connecting(LedgerResource().get_engine()) as connection, transaction(connection):
            names = [item.name for item in read_instances(connection)]
        instance.add_dynamic_partitions(PARTITIONS_NAME, names)
        events = _time_calls(instance.event_log_storage, "store_event")
        (tags,) = build_run_tags([names])
        begun = time.perf_counter()
        defs.resolve_job_def(SYNC_JOB).execute_in_process(instance=instance, tags=tags, raise_on_error=False)
        seconds = time.perf_counter() - begun
        calls, spent = events()
        return {
            "run_seconds": seconds,
            "events": calls,
            "event_seconds": spent,
            "statuses": _read_statuses(instance, names),
            **_add_and_delete(instance),
        }


def _read_statuses(instance: dg.DagsterInstance, names: list[str]) -> dict[str, Any]:
    begun = time.perf_counter()
    found = instance.get_status_by_partition(PERMISSIONS, names, INSTANCES) or {}
    counts: dict[str, int] = {}
    for status in found.values():
        counts[str(status)] = counts.get(str(status), 0) + 1
    return {"seconds": time.perf_counter() - begun, **counts}


def _add_and_delete(instance: dg.DagsterInstance) -> dict[str, float]:
    names = [f"more-{number}" for number in range(MANY)]
    begun = time.perf_counter()
    instance.add_dynamic_partitions(PARTITIONS_NAME, names)
    added = time.perf_counter()
    for name in names:
        instance.delete_dynamic_partition(PARTITIONS_NAME, name)
    return {"add_5000_seconds": added - begun, "delete_5000_seconds": time.perf_counter() - added}


def _time_calls(target: object, name: str) -> Callable[[], tuple[int, float]]:
    calls, spent = 0, 0.0
    work = getattr(target, name)

    def timed(*values: Any, **named: Any) -> Any:
        nonlocal calls, spent
        begun = time.perf_counter()
        try:
            return work(*values, **named)
        finally:
            calls, spent = calls + 1, spent + time.perf_counter() - begun

    setattr(target, name, timed)
    return lambda: (calls, spent)


def _read_memory_mib() -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def main() -> None:
    memory: list[float] = []
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(1):
            memory.append(_read_memory_mib())

    threading.Thread(target=sample, daemon=True).start()
    begun = time.perf_counter()
    result = {"bare": run_bare, "dagster": run_dagster}[sys.argv[1]]()
    ended.set()
    quarters = [round(memory[len(memory) * part // 4], 1) for part in range(1, 4)] if memory else []
    result |= {"seconds": time.perf_counter() - begun, "memory_mib_by_quarter": quarters}
    sys.stdout.write("\n" + json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
