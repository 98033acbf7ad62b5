"""The child process of `whalefall sync --local`: runs the sync job here, with Dagster's storage.

Standard input brings `{"names": [...], "tags": {...}}`; one line of standard output gives the run ids, before the first
run begins. It exits 0 when every run succeeded.
"""

import json
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import dagster as dg

from whalefall_pipeline.core.ranges import build_runs
from whalefall_pipeline.core.runs import PARTITIONS_NAME, SYNC_JOB
from whalefall_pipeline.definitions import defs
from whalefall_pipeline.defs.reconcile import Cursor, reconcile
from whalefall_pipeline.defs.resources import LedgerResource
from whalefall_pipeline.settings import get_settings
from whalefall_pipeline.system import locked, try_lock

RUNS = "local-runs"
"""Folder of the home with a file per local run, locked by its process: what can be locked was killed."""


def main() -> int:
    """Run what standard input asks for."""
    request = json.load(sys.stdin)
    folder = get_settings().home / RUNS
    folder.mkdir(exist_ok=True)
    with dg.DagsterInstance.get() as instance, ExitStack() as held:
        _fail_killed(instance, folder)
        _reconcile(instance)
        runs = _build_runs(instance, request["names"], request["tags"])
        run_ids = [str(uuid4()) for _ in runs]
        for run_id in run_ids:
            held.enter_context(_living(folder / run_id))
        sys.stdout.write(json.dumps(run_ids) + "\n")
        sys.stdout.flush()
        job = defs.resolve_job_def(SYNC_JOB)
        results = [
            job.execute_in_process(
                instance=instance,
                run_id=run_id,
                tags=tags,
                raise_on_error=False,
            )
            for run_id, tags in zip(run_ids, runs, strict=True)
        ]
    return 0 if all(result.success for result in results) else 1


@contextmanager
def _living(path: Path) -> Generator[None]:
    """Hold a run's file as long as the process lives."""
    with locked(path):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _fail_killed(instance: dg.DagsterInstance, folder: Path) -> None:
    """Tell Dagster of the local runs that were killed; the reconciliation then ends their sessions."""
    for path in folder.iterdir():
        if (lock := try_lock(path)) is None:
            continue
        with lock:
            run = instance.get_run_by_id(path.name)
            if run and not run.is_finished:
                instance.report_run_failed(run, "the run's process was killed")
            path.unlink(missing_ok=True)


def _reconcile(instance: dg.DagsterInstance) -> None:
    """End what died, as the sensor does where services run; what was silent the last time is remembered in the home."""
    settings = get_settings()
    path = settings.home / "reconcile.json"
    cursor = Cursor.parse(path.read_text(encoding="utf-8") if path.exists() else None)
    reconcile(instance, LedgerResource().get_engine(), cursor, settings.heartbeat_seconds)
    path.write_text(cursor.dump(), encoding="utf-8")


def _build_runs(
    instance: dg.DagsterInstance, names: Sequence[str], tags: Mapping[str, str]
) -> Sequence[Mapping[str, str]]:
    known = instance.get_dynamic_partitions(PARTITIONS_NAME)
    present = set(known)
    new = [name for name in names if name not in present]
    instance.add_dynamic_partitions(PARTITIONS_NAME, new)
    return build_runs([*known, *new], names, get_settings().partitions_per_run, tags)


if __name__ == "__main__":
    sys.exit(main())
