"""The child process of `whalefall sync --local`: runs the sync job here, with Dagster's storage.

Standard input brings `{"names": [...], "tags": {...}}`; one line of standard output gives the run ids, before the first
run begins. It exits 0 when every run succeeded.
"""

import json
import sys
from collections.abc import Sequence
from uuid import uuid4

import dagster as dg

from whalefall_pipeline.core.ranges import build_ranges, build_run_tags
from whalefall_pipeline.definitions import defs
from whalefall_pipeline.defs.jobs import SYNC_JOB
from whalefall_pipeline.defs.partitions import PARTITIONS_NAME
from whalefall_pipeline.defs.reconcile import Cursor, reconcile
from whalefall_pipeline.defs.resources import LedgerResource
from whalefall_pipeline.settings import get_settings


def main() -> int:
    """Run what standard input asks for."""
    request = json.load(sys.stdin)
    with dg.DagsterInstance.get() as instance:
        _reconcile(instance)
        blocks = _build_blocks(instance, request["names"])
        run_ids = [str(uuid4()) for _ in blocks]
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
            for run_id, tags in zip(run_ids, build_run_tags(blocks, request["tags"]), strict=True)
        ]
    return 0 if all(result.success for result in results) else 1


def _reconcile(instance: dg.DagsterInstance) -> None:
    """End what died, as the sensor does where services run; what was silent the last time is remembered in the home."""
    settings = get_settings()
    path = settings.home / "reconcile.json"
    cursor = Cursor.parse(path.read_text(encoding="utf-8") if path.exists() else None)
    reconcile(instance, LedgerResource().get_engine(), cursor, settings.heartbeat_seconds)
    path.write_text(cursor.dump(), encoding="utf-8")


def _build_blocks(instance: dg.DagsterInstance, names: Sequence[str]) -> list[list[str]]:
    known = instance.get_dynamic_partitions(PARTITIONS_NAME)
    new = [name for name in names if name not in known]
    instance.add_dynamic_partitions(PARTITIONS_NAME, new)
    return build_ranges([*known, *new], names, get_settings().partitions_per_run)


if __name__ == "__main__":
    sys.exit(main())
