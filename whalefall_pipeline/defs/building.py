"""All definitions as one function, for a project that has definitions of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from whalefall_pipeline.defs.alerts import alerts
from whalefall_pipeline.defs.assets import build_assets
from whalefall_pipeline.defs.jobs import build_sync_job
from whalefall_pipeline.defs.keys import build_keys
from whalefall_pipeline.defs.resources import build_resources, fix_resources
from whalefall_pipeline.defs.retention import build_clean_up
from whalefall_pipeline.defs.schedules import build_daily_sync
from whalefall_pipeline.defs.sensors import build_session_ends, changed_instances, instance_partitions
from whalefall_pipeline.defs.specs import GROUP, Look


def build_defs(
    *,
    key_prefix: str | Sequence[str] = (),
    group_name: str = GROUP,
    owners: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
    docs_url: str | None = None,
    schedule: str | None = None,
    timezone: str = "UTC",
    resources: Mapping[str, Any] | None = None,
) -> dg.Definitions:
    """Return assets, checks, jobs, schedules and sensors, to be merged with others by `Definitions.merge`.

    `schedule` is a cron expression; left out, WHALEFALL_SCHEDULE has it. `resources` replace those of the same key:
    `whalefall_ledger`, and `whalefall_<engine>` for each engine. Executor, loggers and the I/O manager are those of
    the project, which our jobs don't use. Names of jobs, schedules and sensors are always the same: the `whalefall`
    command launches by them.
    """
    keys = build_keys([key_prefix] if isinstance(key_prefix, str) else key_prefix)
    look = Look(group_name, owners, tags or {}, docs_url)
    clean_up, daily_clean_up = build_clean_up(keys)
    return dg.Definitions(
        assets=[build_assets(keys, look)],
        jobs=[build_sync_job(keys), clean_up],
        schedules=[build_daily_sync(schedule, timezone), daily_clean_up],
        sensors=[instance_partitions, changed_instances, build_session_ends(keys), alerts],
        resources={**fix_resources(build_resources()), **(resources or {})},
    )
