"""The job that schedules, the command line and programs launch."""
# Dagster's own signatures hold unknown types.
# pyright: reportUnknownMemberType=false

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from whalefall_pipeline.core.runs import SYNC_JOB
from whalefall_pipeline.defs.keys import KEYS, AssetKeys
from whalefall_pipeline.defs.resources import fix_executor


def build_sync_job(keys: AssetKeys = KEYS) -> UnresolvedAssetJobDefinition:
    """Return the job, in one process whatever else the definitions around it run by."""
    return dg.define_asset_job(
        SYNC_JOB,
        selection=dg.AssetSelection.assets(*keys),
        description="Read the accounts and permissions of instances into the ledger.",
        executor_def=fix_executor(),
    )
