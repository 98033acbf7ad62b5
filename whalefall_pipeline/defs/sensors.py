"""What runs by itself: partitions that follow the instances, syncs of new ones, and the end of every session."""
# Dagster's own signatures hold unknown types.
# pyright: reportUnknownMemberType=false

from datetime import datetime

import dagster as dg

from whalefall_pipeline.core.runs import PARTITIONS_NAME, SYNC_JOB
from whalefall_pipeline.defs.keys import AssetKeys
from whalefall_pipeline.defs.partitions import diff_partitions
from whalefall_pipeline.defs.reconcile import Cursor, reconcile
from whalefall_pipeline.defs.resources import LedgerResource
from whalefall_pipeline.defs.schedules import build_requests
from whalefall_pipeline.ledger.database import connecting, transaction
from whalefall_pipeline.ledger.instances import read_changed_instances, read_instances
from whalefall_pipeline.settings import get_settings

DELETED_AT_ONCE = 1_000
"""Partitions in one tick: Dagster deletes them one by one, and a tick has a minute."""


@dg.sensor(
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Keep the partitions equal to the active instances of the ledger.",
)
def instance_partitions(context: dg.SensorEvaluationContext, whalefall_ledger: LedgerResource) -> dg.SkipReason:
    """Add the partitions of new instances, and delete those of removed ones; nothing is ever started here.

    Done here and not by requests, for which the daemon looks every key up by itself.
    """
    # Before the instances, so that one which is added in between, with its partition, is not taken for a removed one.
    present = context.instance.get_dynamic_partitions(PARTITIONS_NAME)
    with connecting(whalefall_ledger.get_engine()) as connection, transaction(connection):
        active = [instance.name for instance in read_instances(connection)]
    new, gone = diff_partitions(present, active)
    context.instance.add_dynamic_partitions(PARTITIONS_NAME, new)
    for name in gone[:DELETED_AT_ONCE]:
        context.instance.delete_dynamic_partition(PARTITIONS_NAME, name)
    left = len(gone[DELETED_AT_ONCE:])
    if not new and not gone:
        return dg.SkipReason(f"{len(active)} partitions are in step with the instances")
    return dg.SkipReason(f"{len(new)} partitions added, {len(gone) - left} deleted, {left} to be deleted next")


@dg.sensor(
    job_name=SYNC_JOB,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Sync an instance when it is added or its definition changes.",
)
def changed_instances(
    context: dg.SensorEvaluationContext, whalefall_ledger: LedgerResource
) -> dg.SensorResult | dg.SkipReason:
    """Request runs for the active instances whose definition is newer than the cursor; the first tick takes all."""
    since = _parse_moment(context.cursor)
    with connecting(whalefall_ledger.get_engine()) as connection, transaction(connection):
        changed, newest = read_changed_instances(connection, since)
    if not changed or newest is None:
        return dg.SkipReason("no instance was added or changed")
    keys = context.instance.get_dynamic_partitions(PARTITIONS_NAME)
    present = set(keys)
    chosen = [instance.name for instance in changed]
    new = [name for name in chosen if name not in present]
    context.instance.add_dynamic_partitions(PARTITIONS_NAME, new)
    return dg.SensorResult(
        run_requests=list(build_requests([*keys, *new], chosen, run_key=newest.isoformat())),
        cursor=newest.isoformat(),
    )


def _parse_moment(cursor: str | None) -> datetime | None:
    """Return the moment of a cursor; None for none, and for what somebody else has put there."""
    try:
        return datetime.fromisoformat(cursor or "")
    except ValueError:
        return None


def build_session_ends(keys: AssetKeys) -> dg.SensorDefinition:
    """Return the sensor that keeps sessions in step with the runs of these assets."""

    @dg.sensor(
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="End the sessions of runs that crashed or were cancelled, and mirror runs that the ledger missed.",
    )
    def session_ends(context: dg.SensorEvaluationContext, whalefall_ledger: LedgerResource) -> dg.SkipReason:
        """Reconcile sessions with runs; nothing is ever started here."""
        cursor = Cursor.parse(context.cursor)
        heartbeat_seconds = get_settings().heartbeat_seconds
        said = reconcile(context.instance, whalefall_ledger.get_engine(), cursor, heartbeat_seconds, keys)
        context.update_cursor(cursor.dump())
        return dg.SkipReason("; ".join(said) or "every session is in step with its run")

    return session_ends
