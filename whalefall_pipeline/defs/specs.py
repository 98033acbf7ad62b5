"""What Dagster shows of the two assets: owners, tags, kinds, tables with their columns, links, freshness."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import dagster as dg

from whalefall_pipeline.defs.keys import AssetKeys
from whalefall_pipeline.ledger.tables import instance_accounts
from whalefall_pipeline.settings import get_settings

GROUP = "accounts"
VIEW = (
    ("instance_account_id", "bigint", "instance_accounts.id"),
    ("instance_id", "bigint", "instances.id"),
    ("db_type", "text", "postgresql, mysql (MariaDB too), sqlserver or oracle"),
    ("username", "text", "unique in its instance; on MySQL user@host"),
    ("type_specific", "jsonb", "account attributes that are no privilege, as in the snapshot"),
    ("permission_snapshot", "jsonb", "all that the account holds, by category"),
    ("permission_facts", "jsonb", "capabilities such as SUPERUSER, with reasons"),
    ("last_sync_time", "timestamptz", "when this was last read; for a dropped account, when it was found gone"),
    ("last_change_type", "text", "of the newest entry of account_change_log"),
    ("last_change_time", "timestamptz", "of the newest entry of account_change_log"),
    ("is_active", "boolean", "false: the account is not on the instance any more"),
)
"""The columns of the view `account_permission`: name, type, comment."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a project that embeds the assets wants them to look; the defaults are those of `whalefall up`."""

    group_name: str = GROUP
    owners: Sequence[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    docs_url: str | None = None


def build_specs(keys: AssetKeys, look: Look) -> list[dg.AssetSpec]:
    """Return the specs of both assets."""
    accounts = [(column.name, _to_type(str(column.type)), column.comment or "") for column in instance_accounts.columns]
    return [
        _build_spec(
            keys.inventory,
            look,
            description="Which accounts an instance has: users, roles and groups, new, returned and gone.",
            metadata=_describe_table("instance_accounts", accounts),
        ),
        _build_spec(
            keys.permissions,
            look,
            deps=[keys.inventory],
            description="What each account holds, in every scope, with facts, history and the log of changes.",
            metadata=_describe_table("account_permission", VIEW),
        ),
    ]


def _build_spec(key: dg.AssetKey, look: Look, *, metadata: Mapping[str, Any], **named: Any) -> dg.AssetSpec:
    docs = {"docs": dg.MetadataValue.url(look.docs_url)} if look.docs_url else {}
    return dg.AssetSpec(
        key,
        group_name=look.group_name,
        owners=list(look.owners),
        tags={"domain": "database_access", **look.tags},
        kinds={"postgres"},
        skippable=True,
        freshness_policy=_build_freshness(),
        metadata={**metadata, **docs},
        **named,
    )


def _build_freshness() -> dg.FreshnessPolicy:
    """Return the policy: Dagster looks at the newest materialization of any partition, so at whether syncs run."""
    hours = timedelta(hours=get_settings().fresh_hours)
    return dg.FreshnessPolicy.time_window(fail_window=2 * hours, warn_window=hours)


def _describe_table(name: str, columns: Sequence[tuple[str, str, str]]) -> Mapping[str, Any]:
    """Return the metadata by which Dagster shows the table of the ledger that an asset is about."""
    schema = dg.TableSchema([dg.TableColumn(column, kind, comment or None) for column, kind, comment in columns])
    return {"dagster/table_name": name, "dagster/column_schema": schema}


def _to_type(kind: str) -> str:
    return {"DATETIME": "timestamptz"}.get(kind, kind.lower())
