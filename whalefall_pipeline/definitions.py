"""The entry point that `workspace.yaml` names; nothing else."""

import dagster as dg

from whalefall_pipeline.defs.alerts import alerts
from whalefall_pipeline.defs.assets import sync_accounts
from whalefall_pipeline.defs.jobs import sync_job
from whalefall_pipeline.defs.resources import build_resources, fix_executor, fix_loggers, fix_resources
from whalefall_pipeline.defs.retention import clean_up_job, daily_clean_up
from whalefall_pipeline.defs.schedules import daily_sync
from whalefall_pipeline.defs.sensors import SENSORS

defs = dg.Definitions(
    assets=[sync_accounts],
    jobs=[sync_job, clean_up_job],
    schedules=[daily_sync, daily_clean_up],
    sensors=[*SENSORS, alerts],
    resources=fix_resources(build_resources()),
    executor=fix_executor(),
    loggers=fix_loggers(),
)
