"""The ledger's tables. Alembic's migrations make them, and the views beside them; a test proves that both agree.

Two columns that hold one moment (`ended_at` and `completed_at`, `created_at` and `change_time`) are one stored and
one generated column. Name-path columns are empty strings where a scope has no such level, as in `Securable`.
"""

from whalefall_pipeline.ledger.tables.accounts import (
    account_attributes,
    account_changes,
    account_holding,
    account_snapshots,
    instance_accounts,
    instance_change_log,
    instance_grant,
)
from whalefall_pipeline.ledger.tables.actions import (
    alert,
    alert_delivery,
    finding,
    finding_evaluation,
    review,
    review_item,
    waiver,
)
from whalefall_pipeline.ledger.tables.columns import metadata
from whalefall_pipeline.ledger.tables.instances import (
    credentials,
    instance_attributes,
    instance_exclusion,
    instance_readings,
    instance_scopes,
    instances,
)
from whalefall_pipeline.ledger.tables.sessions import sync_instance_records, sync_sessions

__all__ = [
    "account_attributes",
    "account_changes",
    "account_holding",
    "account_snapshots",
    "alert",
    "alert_delivery",
    "credentials",
    "finding",
    "finding_evaluation",
    "instance_accounts",
    "instance_attributes",
    "instance_change_log",
    "instance_exclusion",
    "instance_grant",
    "instance_readings",
    "instance_scopes",
    "instances",
    "metadata",
    "review",
    "review_item",
    "sync_instance_records",
    "sync_sessions",
    "waiver",
]
