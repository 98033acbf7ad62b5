"""Deletes what is old: sessions of the ledger, and Dagster's own runs with their events. Never an account's history."""
# Dagster's own signatures hold unknown types.
# pyright: reportUnknownMemberType=false

from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterEventType, DagsterInstance, DagsterRun, RunsFilter
from sqlalchemy import Engine

from whalefall_pipeline.core.runs import CLEAN_UP_JOB, PARTITIONS_NAME
from whalefall_pipeline.defs.keys import KEYS, AssetKeys
from whalefall_pipeline.defs.reconcile import ENDED, syncs_accounts
from whalefall_pipeline.defs.resources import LEDGER, NO_CONFIG, fix_executor
from whalefall_pipeline.ledger.alerts import delete_old_alerts
from whalefall_pipeline.ledger.database import connecting, transaction
from whalefall_pipeline.ledger.sessions import delete_old_sessions
from whalefall_pipeline.settings import get_settings

DESCRIPTION = "Delete old sessions of the ledger and old runs of Dagster with their events; accounts' history stays."
STATES = {DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_MATERIALIZATION_PLANNED}
"""The events from which Dagster derives what a partition's state is: materialized, failed, missing."""


def build_clean_up(keys: AssetKeys = KEYS) -> tuple[dg.JobDefinition, dg.ScheduleDefinition]:
    """Return the job of one step that deletes, and its schedule; settings say what it may delete."""

    @dg.op(out=dg.Out(dg.Nothing), config_schema=NO_CONFIG, required_resource_keys={LEDGER})
    def delete_old(context: dg.OpExecutionContext) -> None:
        """Delete what `keep_records_days` and `keep_runs_days` let go, and say how much it was."""
        settings, ledger = get_settings(), getattr(context.resources, LEDGER)
        sessions = delete_sessions(ledger.get_engine(), settings.keep_records_days)
        runs = delete_runs(context.instance, datetime.now(UTC) - timedelta(settings.keep_runs_days), keys)
        context.log.info("deleted %d sessions of the ledger and %d runs of Dagster", sessions, runs)

    @dg.job(name=CLEAN_UP_JOB, description=DESCRIPTION, executor_def=fix_executor())
    def clean_up_job() -> None:
        delete_old()

    schedule = dg.ScheduleDefinition(
        name="daily_clean_up",
        job_name=CLEAN_UP_JOB,
        cron_schedule="30 2 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Delete what is older than its setting, every day at 02:30 UTC.",
    )
    return clean_up_job, schedule


def delete_sessions(engine: Engine, days: int) -> int:
    """Delete sessions that ended this many days ago, with their records, and return their number; alerts go as well."""
    with connecting(engine) as connection, transaction(connection):
        delete_old_alerts(connection, days)
        return delete_old_sessions(connection, days)


def delete_runs(instance: DagsterInstance, before: datetime, keys: AssetKeys = KEYS) -> int:
    """Delete our runs that ended before a moment, with their events and what they printed, and return their number.

    A run that holds a present partition's newest materialization, or its newest attempt, stays: the partition would
    become another one in the UI.
    """
    held = _read_held(instance, keys)
    runs = instance.get_runs(RunsFilter(statuses=ENDED, updated_before=before))
    old = [run for run in runs if _is_ours(run, keys) and not held & _read_states(instance, run.run_id)]
    for run in old:
        instance.delete_run(run.run_id)
        instance.compute_log_manager.delete_logs(prefix=[run.run_id])
    return len(old)


def _is_ours(run: DagsterRun, keys: AssetKeys) -> bool:
    return run.job_name == CLEAN_UP_JOB or syncs_accounts(run, keys)


def _read_held(instance: DagsterInstance, keys: AssetKeys) -> set[int]:
    """Return the storage ids of the events that make the present partitions' states."""
    partitions = set(instance.get_dynamic_partitions(PARTITIONS_NAME))
    newest = [
        instance.get_latest_storage_id_by_partition(asset, event, partitions) for asset in keys for event in STATES
    ]
    return {storage_id for by_partition in newest for storage_id in by_partition.values()} if partitions else set()


def _read_states(instance: DagsterInstance, run_id: str) -> set[int]:
    return {record.storage_id for record in instance.get_records_for_run(run_id, of_type=STATES).records}
