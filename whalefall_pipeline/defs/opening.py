"""Opens the session that a run stands for: which instances, of which type, started by whom."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import dagster as dg
from sqlalchemy import Connection, Engine

from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.core.sessions import BACKFILL_TAG, to_batch_id, to_created_by, to_sync_type
from whalefall_pipeline.defs.events import build_failure
from whalefall_pipeline.ledger.database import check_ledger, connecting, transaction
from whalefall_pipeline.ledger.instances import read_instances
from whalefall_pipeline.ledger.sessions import SessionStart, close_session, open_session, read_completed

Refused = Mapping[str, tuple[str, str]]


class OpenRun(NamedTuple):
    """What a run will sync, and the partitions that it can't, with error code and reason."""

    instances: Sequence[Instance]
    refused: Refused


def open_run(context: dg.AssetExecutionContext, engine: Engine) -> OpenRun:
    """Write the run's session with its pending records, and give its instances.

    A re-executed run leaves out what its parent completed. Raises Failure, and closes the session as failed, when no
    instance is left that could be synced; LedgerError when the ledger can't be used.
    """
    check_ledger(engine)
    keys, tags = context.partition_keys, context.run.tags
    with connecting(engine) as connection, transaction(connection):
        active = read_instances(connection)
        chosen = [instance for instance in active if instance.name in set(keys)]
        refused = _refuse(keys, chosen)
        instances = _leave_out_completed(connection, context.run, chosen)
        start = SessionStart(
            session_id=context.run_id,
            sync_type=to_sync_type(tags, _count_batch(context), len(active)),
            batch_id=to_batch_id(tags),
            created_by=to_created_by(tags),
        )
        open_session(connection, start, instances)
        if refused and not instances:
            text = "; ".join(reason for _, reason in refused.values())
            close_session(connection, context.run_id, "failed", message=text)
    if refused and not instances:
        raise build_failure(refused, len(refused))
    return OpenRun(instances, refused)


def _refuse(keys: Sequence[str], chosen: Sequence[Instance]) -> Refused:
    code = InvalidInstanceError.code
    names = {instance.name for instance in chosen}
    return {key: (code, f"{key} is no active instance") for key in keys if key not in names}


def _leave_out_completed(connection: Connection, run: dg.DagsterRun, chosen: Sequence[Instance]) -> list[Instance]:
    done = read_completed(connection, run.parent_run_id) if run.parent_run_id else set[str]()
    return [instance for instance in chosen if instance.name not in done]


def _count_batch(context: dg.AssetExecutionContext) -> int:
    """Count the instances that were chosen together: those of the run, or of its whole backfill."""
    backfill_id = context.run.tags.get(BACKFILL_TAG)
    backfill = context.instance.get_backfill(backfill_id) if backfill_id else None
    if backfill and backfill.asset_backfill_data:
        return backfill.asset_backfill_data.get_num_partitions() or len(context.partition_keys)
    return len(context.partition_keys)
