"""The sync of all active instances by the clock: daily, unless WHALEFALL_SCHEDULE says otherwise."""
# Dagster's own signatures hold unknown types.
# pyright: reportUnknownMemberType=false

from collections.abc import Iterator, Sequence

import dagster as dg

from whalefall_pipeline.core.ranges import build_runs
from whalefall_pipeline.core.runs import PARTITIONS_NAME, SYNC_JOB
from whalefall_pipeline.settings import get_settings


def build_daily_sync(cron: str | None = None, timezone: str = "UTC") -> dg.ScheduleDefinition:
    """Return the schedule, stopped; without a cron expression by the one that the settings have."""

    @dg.schedule(
        job_name=SYNC_JOB,
        cron_schedule=cron or get_settings().schedule,
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Sync all active instances, by default every day at 03:00 UTC.",
    )
    def daily_sync(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        """Request one run over all partitions, or several of at most `partitions_per_run` with one batch id."""
        keys = context.instance.get_dynamic_partitions(PARTITIONS_NAME)
        if not keys:
            yield dg.SkipReason("no instance is active; register one with: whalefall instances add")
        yield from build_requests(keys, keys)

    return daily_sync


def build_requests(
    keys: Sequence[str], chosen: Sequence[str], *, run_key: str | None = None
) -> Iterator[dg.RunRequest]:
    """Request the runs that sync the chosen ones of all partition keys, as few as there can be."""
    for number, tags in enumerate(build_runs(keys, chosen, get_settings().partitions_per_run)):
        yield dg.RunRequest(run_key=f"{run_key}:{number}" if run_key else None, tags=tags)
