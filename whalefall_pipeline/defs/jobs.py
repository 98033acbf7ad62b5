"""The job that schedules, the command line and programs launch."""
# Dagster's own signatures hold unknown types.
# pyright: reportUnknownMemberType=false

import dagster as dg

from whalefall_pipeline.core.runs import SYNC_JOB
from whalefall_pipeline.defs.events import INVENTORY, PERMISSIONS

sync_job = dg.define_asset_job(
    SYNC_JOB,
    selection=dg.AssetSelection.assets(INVENTORY, PERMISSIONS),
    description="Read the accounts and permissions of instances into the ledger.",
)
